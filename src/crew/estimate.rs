//! Counters of a whole layer from the numbers of unique weights alone: what [`model`] says of its jobs,
//! without making their streams.

use ndarray::{ArrayView2, Axis};

use super::job::cuts;
use super::model::{self, GroupCost};
use super::pack::SLICE_UNITS;
use crate::config::fc::{Design, FcConfig};
use crate::regmap::fc::{JobRegs, Statistics};

/// Unique weights of a block of outputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockUniques {
    /// Outputs of the block.
    pub outputs: usize,
    /// Number of unique weights of each input, descending: the order of the hardware.
    pub counts: Vec<usize>,
}

/// The unique weights of `weights[inputs, outputs]` in blocks of at most `outputs` outputs.
pub fn uniques(weights: ArrayView2<i8>, outputs: usize) -> Vec<BlockUniques> {
    let block = |part: ArrayView2<i8>| {
        let count = |row: ndarray::ArrayView1<i8>| {
            let mut seen = [false; 256];
            row.iter().for_each(|&w| seen[usize::from(w as u8)] = true);
            seen.iter().filter(|s| **s).count()
        };
        let mut counts: Vec<usize> = part.rows().into_iter().map(count).collect();
        counts.sort_unstable_by_key(|&count| std::cmp::Reverse(count));
        BlockUniques {
            outputs: part.ncols(),
            counts,
        }
    };
    weights
        .axis_chunks_iter(Axis(1), outputs)
        .map(block)
        .collect()
}

/// Beats of the weight stream of a block, headers included (`crew`).
pub fn weight_beats(block: &BlockUniques, config: &FcConfig) -> u64 {
    groups(block, config).map(|group| group.cost.beats).sum()
}

fn groups(block: &BlockUniques, config: &FcConfig) -> impl Iterator<Item = Group> {
    let groups = block.counts.chunks(config.multipliers);
    groups.map(|counts| Group::new(counts, block.outputs, config))
}

/// Sums of the counters of all jobs of a layer for `batch` vectors.
pub fn layer(blocks: &[BlockUniques], batch: usize, config: &FcConfig) -> Statistics {
    let mut all = Statistics::default();
    for block in blocks {
        let groups: Vec<Group> = match config.design {
            Design::Crew => groups(block, config).collect(),
            Design::DenseFc => {
                vec![Group::default(); block.counts.len().div_ceil(config.array_rows())]
            }
        };
        for cut in cuts(block.outputs, groups.len(), batch, config) {
            all = all.plus(&job(&cut.regs, &groups[cut.groups], config));
        }
    }
    all
}

/// A group of inputs; all 0 in `dense_fc`, where groups are alike.
#[derive(Clone, Copy, Default)]
struct Group {
    cost: GroupCost,
    /// Unique weights of all inputs, those of padding included.
    products: u64,
}

impl Group {
    fn new(counts: &[usize], outputs: usize, config: &FcConfig) -> Group {
        let rows = outputs.div_ceil(config.lanes);
        // Inputs that fill the group have one unique weight; counts descend, so the first input of a stripe needs most.
        let most = |stripe: usize| {
            counts
                .get(stripe * config.stripe_inputs())
                .copied()
                .unwrap_or(1)
        };
        let beats = |stripe: usize| {
            let width = most(stripe).next_power_of_two().ilog2() as usize;
            1 + most(stripe).div_ceil(config.slice_bytes()) + (rows * width).div_ceil(SLICE_UNITS)
        };
        Group {
            cost: GroupCost {
                beats: (0..config.stripes()).map(beats).sum::<usize>() as u64,
                uniques: most(0) as u64,
            },
            products: (counts.iter().sum::<usize>() + config.multipliers - counts.len()) as u64,
        }
    }
}

fn job(regs: &JobRegs, groups: &[Group], config: &FcConfig) -> Statistics {
    let [batch, rows, sums, x_beats] =
        [regs.batch, regs.rows, regs.sums, regs.x_beats].map(u64::from);
    let count = groups.len() as u64;
    let width = config.multipliers as u64;
    let (in_beats, multiplications, additions) = match config.design {
        Design::Crew => (
            x_beats * config.stripes() as u64 + groups.iter().map(|g| g.cost.beats).sum::<u64>(),
            batch * groups.iter().map(|g| g.products).sum::<u64>(),
            count * batch * rows * width * config.lanes as u64,
        ),
        Design::DenseFc => {
            let tiles = rows.div_ceil(config.tiles_per_beat() as u64);
            let macs = count * batch * rows * width;
            (
                x_beats + count * tiles * config.beats_per_tile() as u64,
                macs,
                macs,
            )
        }
    };
    let counts = Statistics {
        in_beats,
        out_beats: sums * config.beats_per_row() as u64 + 1,
        multiplications,
        additions,
        ..Statistics::default()
    };
    let costs: Vec<GroupCost> = groups.iter().map(|g| g.cost).collect();
    model::time(regs, &costs, counts, config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cosim::core::campaign::Random;
    use crate::cosim::fc::FullyConnected;
    use crate::crew::{Layer, random};

    /// The sums over the jobs' packets, counter by counter: what co-simulation compares with the hardware.
    #[test]
    fn a_layer_costs_what_its_jobs_cost() {
        for name in FcConfig::preset_names() {
            let config = FcConfig::preset(name).unwrap();
            for number in 0..30 {
                let case = random::case(9, number, &config);
                let layer_of_jobs = Layer::new(case.weights.view(), &config).unwrap();
                let jobs = layer_of_jobs.jobs(case.x.view()).unwrap();
                let want = jobs.iter().fold(Statistics::default(), |all, job| {
                    let (_, counts) =
                        FullyConnected::expected(&job.regs, &job.packet, &config).unwrap();
                    all.plus(&counts)
                });
                let blocks = uniques(case.weights.view(), config.outputs);
                assert_eq!(
                    layer(&blocks, case.x.nrows(), &config),
                    want,
                    "{name}, layer {number} of seed 9"
                );
            }
        }
    }
}
