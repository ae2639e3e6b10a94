//! What a stream means, executed in software: the loop nest and the stream format, literally, one element at a time.
//!
//! The interpreter sees what the hardware sees, register values and beats, and knows nothing of tensors. It has the hardware's
//! buffers (feature banks, weight rings, two psum banks, Hitmap lists a set) and refuses what the hardware would answer with an error, but no
//! clock: sets run as far as their data allow after every segment. It proves packer, addressing and unpacker without any RTL.

mod met;
mod set;

use anyhow::{Result, bail, ensure};

pub use self::met::Met;
use self::set::Set;

use super::job::RAW_BITS;
use crate::config::Config;
use crate::regmap::{JobRegs, OutHeader, OutKind, SegmentHeader, SegmentKind};
use crate::reuse::{GroupWork, Record};

/// Counts of one interpreted job that do not depend on timing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Cycles that issue, summed over sets; dense: elements processed.
    pub elements: u64,
    /// Elements multiplied × PEs with a filter.
    pub macs: u64,
    /// Vectors in state ZERO, HIT, MAU, MNU; again for each detection.
    pub states: [u64; 4],
    /// Drained values that shift mode saturated.
    pub saturations: u64,
    /// Largest magnitude drained, before the shift.
    pub max_abs: u64,
}

/// What one job gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Interpreted {
    /// The output stream with its trailer.
    pub output: Vec<u8>,
    /// Counts that do not depend on timing.
    pub counts: Counts,
    /// Hitmap records of each set in the order of detection: tile, pass (if detected again), group, position.
    pub records: Vec<Vec<Record>>,
    /// Work of each set's groups: tile by tile, group by group; the same in every pass.
    pub work: Vec<Vec<GroupWork>>,
    /// Mechanisms of reuse that occurred.
    pub met: Met,
}

/// The accelerator's state between jobs, and the sizes it has.
pub struct Interpreter {
    config: Config,
    sets: Vec<Set>,
}

/// One job under way.
struct Run<'a> {
    regs: &'a JobRegs,
    config: &'a Config,
    out: Vec<u8>,
    counts: Counts,
}

impl Interpreter {
    /// An accelerator after reset.
    pub fn new(config: &Config) -> Interpreter {
        Interpreter {
            config: config.clone(),
            sets: (0..config.sets).map(|_| Set::new(config)).collect(),
        }
    }

    /// Runs one job.
    ///
    /// # Errors
    /// Whatever the hardware answers with an error code, said in words.
    pub fn run(&mut self, regs: &JobRegs, input: &[u8]) -> Result<Interpreted> {
        set::detect::check(regs, &self.config)?;
        let mut run = Run {
            regs,
            config: &self.config,
            out: vec![],
            counts: Counts::default(),
        };
        for set in &mut self.sets {
            set.start();
        }
        let width = self.config.bus_bytes();
        let mut beats = input.chunks_exact(width);
        loop {
            let Some(beat) = beats.next() else {
                bail!("the stream ended without END")
            };
            let word = u64::from_le_bytes(beat[..8].try_into()?);
            let Some(header) = SegmentHeader::unpack(word) else {
                bail!("bad header {word:#x}")
            };
            ensure!(
                header.pack() == word && beat[8..].iter().all(|b| *b == 0),
                "bad header {word:#x}"
            );
            let SegmentHeader {
                kind, count, mask, ..
            } = header;
            let (count, mask) = (count as usize, u64::from(mask));
            if kind == SegmentKind::End {
                ensure!(
                    mask == 0 && count == 0 && beats.len() == 0,
                    "END with mask {mask:#x}, {count} beats, {} more",
                    beats.len()
                );
                break;
            }
            ensure!(
                mask != 0 && mask >> self.sets.len() == 0,
                "mask {mask:#x} of {} sets",
                self.sets.len()
            );
            ensure!(beats.len() >= count, "the stream ended within a segment");
            let mut payload = Vec::with_capacity(count * width);
            beats
                .by_ref()
                .take(count)
                .for_each(|b| payload.extend_from_slice(b));
            for (number, set) in self
                .sets
                .iter_mut()
                .enumerate()
                .filter(|(s, _)| mask >> s & 1 == 1)
            {
                match kind {
                    SegmentKind::Tile => set.load_tile(&payload)?,
                    SegmentKind::Features => set.load_features(&run, &header, &payload)?,
                    SegmentKind::Weights => set.load_weights(&run, &payload)?,
                    SegmentKind::Operand => set.load_operand(&run, &payload)?,
                    SegmentKind::Reads | SegmentKind::Matrix | SegmentKind::Offsets => {
                        set.load_detection(kind, &run, &payload)?
                    }
                    SegmentKind::End => {}
                }
                set.advance(number, &mut run)?;
            }
        }
        for (number, set) in self.sets.iter().enumerate() {
            ensure!(set.is_idle(), "END before the data that set {number} needs");
        }
        let at = run.beat();
        run.out[at] = OutKind::Trailer.code() as u8;
        let traces: Vec<_> = self
            .sets
            .iter_mut()
            .map(|set| std::mem::take(&mut set.trace))
            .collect();
        for record in traces.iter().flat_map(|t| &t.records) {
            run.counts.states[record.state as usize] += 1;
        }
        let met = traces.iter().fold(Met::default(), |met, t| met.with(t.met));
        let (records, work) = traces.into_iter().map(|t| (t.records, t.work)).unzip();
        Ok(Interpreted {
            output: run.out,
            counts: run.counts,
            records,
            work,
            met,
        })
    }
}

impl Run<'_> {
    /// Appends an output beat of zeros; its first byte.
    fn beat(&mut self) -> usize {
        let at = self.out.len();
        self.out.resize(at + self.config.bus_bytes(), 0);
        at
    }

    /// Operand number `i` of a payload.
    fn operand(&self, payload: &[u8], i: usize) -> i16 {
        match self.config.data_w {
            8 => payload[i] as i8 as i16,
            _ => i16::from_le_bytes([payload[2 * i], payload[2 * i + 1]]),
        }
    }

    /// Row `row` of a payload of one operand for each PE.
    fn operand_row(&self, payload: &[u8], row: usize) -> Vec<i16> {
        let first = row * self.config.row_beats() * self.config.lanes();
        (0..self.config.pes)
            .map(|pe| self.operand(payload, first + pe))
            .collect()
    }

    /// Rows in a payload.
    fn rows(&self, payload: &[u8]) -> Result<usize> {
        let bytes = self.config.row_beats() * self.config.bus_bytes();
        ensure!(
            payload.len().is_multiple_of(bytes),
            "{} payload bytes are not rows of {bytes}",
            payload.len()
        );
        Ok(payload.len() / bytes)
    }

    /// Sends the header's number of psum rows of `pes` PEs.
    fn drain(&mut self, header: OutHeader, psums: &[Vec<i64>], pes: usize) {
        let at = self.beat();
        self.out[at..at + 8].copy_from_slice(&header.pack().to_le_bytes());
        let shift = self.regs.shift_mode;
        let bytes = if shift { self.config.data_w } else { RAW_BITS } / 8;
        for row in &psums[..header.rows as usize] {
            let mut at = self.beat();
            for (pe, &psum) in row[..pes].iter().enumerate() {
                let lane = pe % (self.config.bus_bytes() / bytes);
                if pe > 0 && lane == 0 {
                    at = self.beat();
                }
                self.counts.max_abs = self.counts.max_abs.max(psum.unsigned_abs());
                let value = if shift { self.requantise(psum) } else { psum };
                self.out[at + lane * bytes..][..bytes]
                    .copy_from_slice(&value.to_le_bytes()[..bytes]);
            }
        }
    }

    /// Arithmetic shift right, half to even, saturated.
    fn requantise(&mut self, psum: i64) -> i64 {
        let (value, shift) = (psum as i128, self.regs.shift);
        let (floor, rest) = (value >> shift, value & ((1 << shift) - 1));
        let half = (1i128 << shift) / 2;
        let up = shift > 0 && (rest > half || (rest == half && floor & 1 == 1));
        let (rounded, limit) = (floor + up as i128, 1i128 << (self.config.data_w - 1));
        let saturated = rounded.clamp(-limit, limit - 1);
        self.counts.saturations += (saturated != rounded) as u64;
        saturated as i64
    }
}
