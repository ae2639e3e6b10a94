//! The cycle model: every time-dependent counter of a job whose ports are never stalled, by the rules of `docs/acrtc.md`.

use super::{Kind, Row, pack};
use crate::config::tc::{RESULTS, ROW_BANKS, TcConfig};
use crate::regmap::tc::{JobRegs, Statistics};

/// Cycles from the last slice of a row to its visibility.
const ROW_VISIBLE: u64 = 5;
/// Cycles from the last issue of a block to its result in the queue, without the levels of the adder trees.
const RESULT_QUEUED: u64 = 6;
/// Cycles from the last result beat taken to the end of the job.
const JOB_ENDS: u64 = 5;

/// All counters of a job with these rows but SATURATIONS, MAX_ABS and the two FALLBACK counters, which stay 0.
///
/// # Panics
/// Another number of rows than the registers say.
pub fn time(regs: &JobRegs, rows: &[Row], config: &TcConfig) -> Statistics {
    assert_eq!(rows.len(), regs.rows as usize, "rows of the job");
    let blocks = u64::from(regs.blocks);
    let slices = u64::from(regs.steps) * config.beats_per_step() as u64;
    let weights = blocks * u64::from(regs.steps) * config.beats_per_word() as u64;
    let mut counts = Statistics {
        in_beats: pack::in_beats(regs, config),
        out_beats: pack::result_beats(regs, config) + 1,
        ..Statistics::default()
    };
    let mut results = Results::new(regs, config);
    // Cycle of the last issue of the latest rows.
    let mut released = [None; ROW_BANKS];
    // First cycle in which a slice may be taken; first one in which a multiplication may be issued.
    let (mut slice, mut issue) = (weights + 1, 0);
    for (i, row) in rows.iter().enumerate() {
        let bank = i % ROW_BANKS;
        let first = released[bank].map_or(slice, |last: u64| slice.max(last + 1));
        slice = first + slices;
        let start = issue.max(slice - 1 + ROW_VISIBLE);
        let loading = weights.saturating_sub(issue);
        counts.stall_weights += loading;
        counts.stall_input += start - issue - loading;
        let cycles = u64::from(row.longest.max(1));
        issue = results.row(start, blocks, cycles);
        released[bank] = Some(issue - 1);
        counts.compute_busy += blocks * cycles;
        counts.items += blocks * row.items;
        match row.kind {
            Kind::Plain => counts.rows_plain += 1,
            Kind::Delta => counts.rows_delta += 1,
        }
    }
    counts.stall_output = results.waited;
    counts.cycles = results.taken + JOB_ENDS;
    counts
}

/// The queue of results and the drain behind it.
struct Results {
    /// Cycles from a block's last issue to its result in the queue.
    latency: u64,
    /// Beats of a result.
    beats: u64,
    /// Cycle in which each of the latest results left the queue, by their number.
    left: [u64; RESULTS],
    number: usize,
    /// Cycle in which the last beat was taken.
    taken: u64,
    /// Cycles for which blocks waited.
    waited: u64,
}

impl Results {
    fn new(regs: &JobRegs, config: &TcConfig) -> Self {
        let beats = match regs.shift_mode {
            true => 1,
            false => config.raw_beats() as u64,
        };
        Results {
            latency: RESULT_QUEUED + config.tree_levels() as u64,
            beats,
            left: [0; RESULTS],
            number: 0,
            taken: 0,
            waited: 0,
        }
    }

    /// Issues the blocks of a row from cycle `at` on, `cycles` each; returns the cycle after the last issue.
    fn row(&mut self, mut at: u64, blocks: u64, cycles: u64) -> u64 {
        let mut block = 0;
        while block < blocks {
            // Where the drain keeps up nothing waits: all but the last blocks, which are remembered, at once.
            let rest = blocks - block;
            let queued = at + cycles - 1 + self.latency;
            let many = RESULTS as u64;
            if block >= many && rest > many && self.beats <= cycles && self.taken < queued {
                at += (rest - many) * cycles;
                block = blocks - many;
                self.taken = at - 1 + self.latency + self.beats - 1;
                continue;
            }
            at = self.block(at, cycles);
            block += 1;
        }
        at
    }

    fn block(&mut self, at: u64, cycles: u64) -> u64 {
        let slot = self.number % RESULTS;
        let start = match self.number < RESULTS {
            true => at,
            false => at.max(self.left[slot] + 1),
        };
        self.waited += start - at;
        let end = start + cycles;
        let queued = end - 1 + self.latency;
        self.taken = queued.max(self.taken + 1) + self.beats - 1;
        self.left[slot] = self.taken;
        self.number += 1;
        end
    }
}
