//! Assumed shares of what detection finds, where there is no data: an input of the cycle model, never a measurement.

use anyhow::{Result, ensure};

use super::{Job, JobRegs, Payload, TileDescriptor};
use crate::config::Config;
use crate::reuse::GroupWork;

/// Shares of ZERO and HIT among the vectors of every group; the others are new.
///
/// The positions that are ZERO are the same ones in every group. Among the new vectors, as many as the MCACHE has entries are
/// MAU and the others MNU if anything is HIT at all, at least one; all are MNU if nothing is. No element of theirs is 0, and no
/// gradient sum takes a second round.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mix {
    zero: f64,
    hit: f64,
}

/// Cycles between the last item of a weight gradient's list and the flush, in which nothing issues, if elements issue directly
/// (`docs/reuse.md`).
const FLUSH_GAP: u64 = 5;

impl Mix {
    /// These shares, of 1. A number of vectors is rounded to the nearest.
    ///
    /// # Errors
    /// A share below 0, or more than 1 together.
    pub fn new(zero: f64, hit: f64) -> Result<Mix> {
        ensure!(
            zero >= 0.0 && hit >= 0.0 && zero + hit <= 1.0,
            "shares of {zero} ZERO and {hit} HIT: give two of at least 0 that are at most 1 together"
        );
        Ok(Mix { zero, hit })
    }

    /// What each group of a reuse job costs, as [`simulate_reuse`](super::model::simulate_reuse) wants it.
    ///
    /// ```
    /// use mercury::{config::Config, engine::{Drain, Geometry, Pass}, plan::{Mix, plan}, reuse::{Mode, Reuse}};
    /// let config = Config::preset("tiny")?;
    /// let layer = Geometry::conv([1, 1, 4, 4], 2, 3, 1, 1);
    /// let plan = plan(&layer, Pass::Forward, Drain::Shift(1), &Reuse::of(Mode::Sign), &config)?;
    /// // A tile of 4 vectors of 9 elements: 1 ZERO takes the cycle that clears its sum, 2 HIT one each, 1 new one takes 9.
    /// let work = Mix::new(0.25, 0.5)?.work(&plan.jobs[0], &config);
    /// assert_eq!((work[0][0].cycles, work[0][0].states), (1 + 2 + 9, [1, 2, 1, 0]));
    /// # Ok::<(), anyhow::Error>(())
    /// ```
    pub fn work(&self, job: &Job, config: &Config) -> Vec<Vec<GroupWork>> {
        let regs = &job.regs;
        let mut work = vec![vec![]; config.sets];
        for segment in &job.segments {
            if let Payload::Tile(tile) = segment.payload {
                let states = self.states(tile.positions() as u64, config);
                let gap = FLUSH_GAP + config.flush_cycles() as u64;
                let group = |(cgroup, chunk)| group(regs, &tile, cgroup, chunk, states, gap);
                for set in segment.sets() {
                    work[set].extend(regs.groups().map(group));
                }
            }
        }
        work
    }

    /// Vectors that are ZERO, HIT, MAU, MNU.
    fn states(&self, positions: u64, config: &Config) -> [u64; 4] {
        let part = |share: f64| (share * positions as f64).round() as u64;
        let zero = part(self.zero);
        let hit = part(self.hit).min((positions - zero).saturating_sub(1));
        let new = positions - zero - hit;
        let update = if hit > 0 {
            new.min(config.mcache.entries() as u64)
        } else {
            0
        };
        [zero, hit, update, new - update]
    }
}

/// The cycles of "Items of a list" in `docs/reuse.md`; `flush_gap` between a weight gradient's last item and its flush.
fn group(
    regs: &JobRegs,
    tile: &TileDescriptor,
    cgroup: u32,
    chunk: u32,
    states: [u64; 4],
    flush_gap: u64,
) -> GroupWork {
    let [zero, hit, update, other] = states;
    let elements = regs.group_elements(cgroup, chunk) as u64;
    let macs = (update + other) * elements;
    let last = cgroup + 1 == regs.cgroups && chunk + 1 == regs.chunks;
    let empty = hit + update + other == 0;
    let (busy, gap) = match regs.wgrad {
        true if empty => (if tile.zero { elements } else { 0 }, 0),
        true => (hit + update + macs, if update > 0 { flush_gap } else { 0 }),
        false => (hit + macs + if tile.zero && last { zero } else { 0 }, 0),
    };
    GroupWork {
        cycles: (busy + gap).max(1),
        busy,
        macs,
        states,
    }
}
