//! The golden model: what a job's packet must answer, in integers, bit for bit.

use anyhow::{Context, Result, ensure};
use ndarray::{Array2, ArrayView2};

use super::pack;
use crate::config::fc::{Design, FcConfig};
use crate::regmap::fc::{JobRegs, Statistics};

/// `x[batch, inputs] · weights[inputs, outputs]` as the plain sum of products.
///
/// # Panics
/// Shapes that do not fit.
pub fn dense_product(x: ArrayView2<i8>, weights: ArrayView2<i8>) -> Array2<i64> {
    let wide = |a: ArrayView2<i8>| a.mapv(i64::from);
    wide(x).dot(&wide(weights))
}

/// What a job answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Sums in the order of the output stream, those of padding outputs included.
    pub sums: Vec<i32>,
    /// Counters that do not depend on time; the others stay 0.
    pub counts: Statistics,
}

/// Runs a job's packet.
///
/// # Errors
/// A packet that does not follow the contract.
pub fn run(regs: &JobRegs, packet: &[u8], config: &FcConfig) -> Result<Answer> {
    match config.design {
        Design::Crew => crew(regs, packet, config),
        Design::DenseFc => dense(regs, packet, config),
    }
}

/// Splits the activations, `beats` of them, off a packet.
fn split<'a>(packet: &'a [u8], beats: usize, config: &FcConfig) -> Result<(&'a [u8], &'a [u8])> {
    packet
        .split_at_checked(beats * config.bus_bytes())
        .context("the packet ends within the activations")
}

fn counts(packet: &[u8], regs: &JobRegs, config: &FcConfig) -> Statistics {
    Statistics {
        in_beats: (packet.len() / config.bus_bytes()) as u64,
        out_beats: u64::from(regs.sums) * config.beats_per_row() as u64 + 1,
        ..Statistics::default()
    }
}

fn crew(regs: &JobRegs, packet: &[u8], config: &FcConfig) -> Result<Answer> {
    let [groups, batch, rows, x_beats] =
        [regs.groups, regs.batch, regs.rows, regs.x_beats].map(usize::from);
    let (activations, stream) = split(packet, x_beats * config.stripes(), config)?;
    let (all, used) = pack::read(stream, groups, rows, config)?;
    ensure!(
        used * config.bus_bytes() == stream.len(),
        "beats after the last group"
    );
    let lanes = config.lanes;
    let outputs = rows * lanes;
    let mut sums = vec![0i32; batch * outputs];
    let mut counts = counts(packet, regs, config);
    for (g, group) in all.iter().enumerate() {
        for b in 0..batch {
            for (p, input) in group.inputs.iter().enumerate() {
                let x = i32::from(activation(activations, p, g * batch + b, x_beats, config));
                let products: Vec<i32> = input.uniques.iter().map(|&w| x * i32::from(w)).collect();
                counts.multiplications += products.len() as u64;
                let row = &mut sums[b * outputs..(b + 1) * outputs];
                for (sum, &index) in row.iter_mut().zip(&input.indices) {
                    *sum += products[usize::from(index)];
                }
                counts.additions += input.indices.len() as u64;
            }
        }
    }
    Ok(Answer { sums, counts })
}

/// Activation `i` of input `p` of the groups.
fn activation(bytes: &[u8], p: usize, i: usize, x_beats: usize, config: &FcConfig) -> i8 {
    let (stripe, slot) = (p / config.stripe_inputs(), p % config.stripe_inputs());
    let slice = config.slice_bytes();
    let beat = stripe * x_beats + i / slice;
    bytes[beat * config.bus_bytes() + slot * slice + i % slice] as i8
}

fn dense(regs: &JobRegs, packet: &[u8], config: &FcConfig) -> Result<Answer> {
    let [groups, batch, rows, x_beats] =
        [regs.groups, regs.batch, regs.rows, regs.x_beats].map(usize::from);
    let (activations, weights) = split(packet, x_beats, config)?;
    let (array, lanes) = (config.array_rows(), config.lanes);
    let group_bytes = match config.tiles_per_beat() {
        1 => rows * config.multipliers.max(config.bus_bytes()),
        tiles => rows.div_ceil(tiles) * config.bus_bytes(),
    };
    ensure!(
        weights.len() == groups * group_bytes,
        "the weights have {} bytes, {groups} groups of {rows} tiles need {}",
        weights.len(),
        groups * group_bytes
    );
    let mut sums = vec![0i32; rows * batch * lanes];
    for g in 0..groups {
        for t in 0..rows {
            let tile = &weights[g * group_bytes + t * config.multipliers..][..config.multipliers];
            for b in 0..batch {
                let x = &activations[(g * batch + b) * array..][..array];
                for (column, sum) in sums[(t * batch + b) * lanes..][..lanes]
                    .iter_mut()
                    .enumerate()
                {
                    *sum += (0..array)
                        .map(|r| i32::from(x[r] as i8) * i32::from(tile[r * lanes + column] as i8))
                        .sum::<i32>();
                }
            }
        }
    }
    let macs = (groups * rows * batch * config.multipliers) as u64;
    let counts = Statistics {
        multiplications: macs,
        additions: macs,
        ..counts(packet, regs, config)
    };
    Ok(Answer { sums, counts })
}
