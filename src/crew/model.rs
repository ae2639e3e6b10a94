//! The cycle model: every time-dependent counter of a job whose ports are never stalled, by the rules of `docs/crew.md`.

use anyhow::Result;

use super::pack;
use crate::config::fc::{Design, FcConfig};
use crate::regmap::fc::{JobRegs, Statistics};

/// What the model needs to know of a group of `crew`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupCost {
    /// Beats of the group, headers included.
    pub beats: u64,
    /// Largest number of unique weights of an input.
    pub uniques: u64,
}

/// The groups of a `crew` job, read from its packet; none of a `dense_fc` job.
///
/// # Errors
/// A packet that does not follow the contract.
pub fn groups(regs: &JobRegs, packet: &[u8], config: &FcConfig) -> Result<Vec<GroupCost>> {
    if config.design == Design::DenseFc {
        return Ok(vec![]);
    }
    let [groups, rows, x_beats] = [regs.groups, regs.rows, regs.x_beats].map(usize::from);
    let stream = packet
        .get(x_beats * config.stripes() * config.bus_bytes()..)
        .unwrap_or_default();
    let (groups, _) = pack::read(stream, groups, rows, config)?;
    let cost = |group: &pack::Group| GroupCost {
        beats: group.beats as u64,
        uniques: group
            .inputs
            .iter()
            .map(|input| input.uniques.len())
            .max()
            .unwrap_or(0) as u64,
    };
    Ok(groups.iter().map(cost).collect())
}

/// Adds cycles, busy and stall counters to the `counts` of a job.
pub fn time(
    regs: &JobRegs,
    groups: &[GroupCost],
    counts: Statistics,
    config: &FcConfig,
) -> Statistics {
    let timed = match config.design {
        Design::Crew => crew(regs, groups, config),
        Design::DenseFc => dense(regs, config),
    };
    // The last row's sum is written `levels` and some stages later, then the drain takes its beats, then the trailer.
    let stages = match config.design {
        Design::Crew => 3,
        Design::DenseFc => 2,
    };
    let written = timed.last_issue + stages + config.tree_levels() as u64;
    let beats = u64::from(regs.sums) * config.beats_per_row() as u64;
    Statistics {
        cycles: written + 4 + beats + 1,
        multiply_busy: timed.multiply_busy,
        accumulate_busy: timed.accumulate_busy,
        stall_weights: timed.stall_weights,
        stall_products: timed.stall_products,
        ..counts
    }
}

#[derive(Default)]
struct Timed {
    last_issue: u64,
    multiply_busy: u64,
    accumulate_busy: u64,
    stall_weights: u64,
    stall_products: u64,
}

fn crew(regs: &JobRegs, groups: &[GroupCost], config: &FcConfig) -> Timed {
    let [batch, rows] = [regs.batch, regs.rows].map(u64::from);
    let mut timed = Timed::default();
    let mut next_beat = u64::from(regs.x_beats) * config.stripes() as u64;
    // Cycle after the multiplications of the last task; that after the additions of the last two tasks and groups.
    let (mut multiplied, mut added, mut added_before) = (0, 0, 0);
    let mut released = [0, 0];
    for (g, group) in groups.iter().enumerate() {
        let header = next_beat.max(released[g % 2]);
        next_beat = header + group.beats;
        let loaded = next_beat + 1;
        for _ in 0..batch {
            let start = multiplied.max(loaded);
            timed.stall_weights += start - multiplied;
            let free = start.max(added_before);
            timed.stall_products += free - start;
            multiplied = free + group.uniques;
            timed.multiply_busy += group.uniques;
            added_before = added;
            added = added.max(multiplied + 1) + rows;
            timed.accumulate_busy += rows;
        }
        released[g % 2] = added;
    }
    timed.last_issue = added - 1;
    timed
}

fn dense(regs: &JobRegs, config: &FcConfig) -> Timed {
    let [groups, batch, rows] = [regs.groups, regs.batch, regs.rows].map(u64::from);
    let (tiles, beats) = (
        config.tiles_per_beat() as u64,
        config.beats_per_tile() as u64,
    );
    let mut timed = Timed::default();
    let mut next_beat = u64::from(regs.x_beats);
    // Cycle after the last issue; cycle in which the shadow register was emptied.
    let (mut issued, mut emptied) = (0, 0);
    for _ in 0..groups {
        for t in 0..rows {
            let mut start = issued;
            if t % tiles == 0 {
                next_beat = next_beat.max(emptied) + beats;
                start = start.max(next_beat);
            }
            timed.stall_weights += start - issued;
            issued = start + batch;
            if t % tiles == tiles - 1 || t == rows - 1 {
                emptied = start;
            }
        }
    }
    timed.multiply_busy = groups * rows * batch;
    timed.accumulate_busy = timed.multiply_busy;
    timed.last_issue = issued - 1;
    timed
}
