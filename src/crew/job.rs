//! Layers become jobs: register values and packets, and their sums a result again.

use std::ops::Range;

use anyhow::{Result, ensure};
use ndarray::{Array2, ArrayView2, s};

use super::encode::{Block, encode_with_spares};
use super::pack;
use crate::config::fc::{ACC_W, Design, FcConfig};
use crate::regmap::fc::JobRegs;

/// One START: what the host writes and sends.
#[derive(Clone, Debug)]
pub struct Job {
    /// Job registers.
    pub regs: JobRegs,
    /// Input packet: whole beats.
    pub packet: Vec<u8>,
    /// First output of the layer that it computes.
    pub first_output: usize,
    /// Outputs of the layer, without padding.
    pub outputs: usize,
    /// First input vector.
    pub first_vector: usize,
}

/// What one job takes of a block of outputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Job registers.
    pub regs: JobRegs,
    /// Input vectors.
    pub vectors: Range<usize>,
    /// Groups of inputs.
    pub groups: Range<usize>,
}

/// The jobs of a block of `outputs` outputs and `groups` groups for `batch` vectors, in the order in which they run: as many
/// vectors and groups as the buffers hold.
pub fn cuts(outputs: usize, groups: usize, batch: usize, config: &FcConfig) -> Vec<Cut> {
    let rows = outputs.div_ceil(config.lanes);
    let most_vectors = (config.psum_rows / rows).min(config.x_words).min(batch);
    let sixteen =
        |value: usize| u16::try_from(value).expect("the configuration check keeps to 16 bits");
    let mut cuts = Vec::new();
    for vector in (0..batch).step_by(most_vectors) {
        let vectors = most_vectors.min(batch - vector);
        let most_groups = config.x_words / vectors;
        for group in (0..groups).step_by(most_groups) {
            let groups = most_groups.min(groups - group);
            let regs = JobRegs {
                groups: sixteen(groups),
                batch: sixteen(vectors),
                rows: sixteen(rows),
                sums: sixteen(rows * vectors),
                x_beats: sixteen((groups * vectors).div_ceil(config.x_per_beat())),
            };
            cuts.push(Cut {
                regs,
                vectors: vector..vector + vectors,
                groups: group..group + groups,
            });
        }
    }
    cuts
}

/// A layer whose weights are prepared for a configuration: encoded (`crew`) or cut into tiles (`dense_fc`).
#[derive(Clone, Debug)]
pub struct Layer {
    config: FcConfig,
    inputs: usize,
    outputs: usize,
    parts: Vec<Part>,
}

/// The weight beats of some outputs.
#[derive(Clone, Debug)]
struct Part {
    first_output: usize,
    outputs: usize,
    /// Input at each position of the groups.
    order: Vec<usize>,
    /// Beats of each group.
    groups: Vec<Vec<u8>>,
}

impl Layer {
    /// Prepares the weights `[inputs, outputs]`.
    ///
    /// # Errors
    /// An empty layer, or more inputs than 32-bit sums hold without overflow: inputs · 2^14 must stay below 2^31.
    pub fn new(weights: ArrayView2<i8>, config: &FcConfig) -> Result<Layer> {
        Layer::with_spares(weights, &[], config)
    }

    /// [`Layer::new`] with unique weights for each input that no output has: `crew` multiplies by them, `dense_fc` has no
    /// place for them.
    ///
    /// # Errors
    /// As [`Layer::new`].
    pub fn with_spares(
        weights: ArrayView2<i8>,
        spares: &[Vec<i8>],
        config: &FcConfig,
    ) -> Result<Layer> {
        let (inputs, outputs) = weights.dim();
        ensure!(
            inputs > 0 && outputs > 0,
            "a layer of {inputs} inputs and {outputs} outputs: give at least 1 of each"
        );
        ensure!(
            inputs < 1 << (ACC_W - 1 - 14),
            "{inputs} inputs: sums of {ACC_W} bits hold less than {}; split the layer by inputs",
            1 << (ACC_W - 1 - 14)
        );
        let parts = match config.design {
            Design::Crew => encode_with_spares(weights, spares, config)
                .blocks
                .iter()
                .map(|block| crew_part(block, config))
                .collect(),
            Design::DenseFc => {
                let columns = weights.axis_chunks_iter(ndarray::Axis(1), config.outputs);
                columns
                    .enumerate()
                    .map(|(i, part)| dense_part(part, i * config.outputs, config))
                    .collect()
            }
        };
        Ok(Layer {
            config: config.clone(),
            inputs,
            outputs,
            parts,
        })
    }

    /// The jobs of the input vectors `x[batch, inputs]`, in the order in which they run: parts of the outputs, parts of
    /// the batch, parts of the inputs. Parts of the batch and inputs are as large as the buffers allow.
    ///
    /// # Errors
    /// Vectors of another length, or none.
    pub fn jobs(&self, x: ArrayView2<i8>) -> Result<Vec<Job>> {
        let (batch, inputs) = x.dim();
        ensure!(
            batch > 0 && inputs == self.inputs,
            "{batch} vectors of {inputs} inputs: the layer has {} inputs and needs at least 1 vector",
            self.inputs
        );
        let config = &self.config;
        let mut jobs = Vec::new();
        for part in &self.parts {
            for cut in cuts(part.outputs, part.groups.len(), batch, config) {
                let some = x.slice(s![cut.vectors.clone(), ..]);
                let groups = &part.groups[cut.groups.clone()];
                let order = &part.order[cut.groups.start * config.group_inputs()..];
                let order = &order[..order.len().min(groups.len() * config.group_inputs())];
                let x_beats = cut.regs.x_beats.into();
                let mut packet = activations(some, order, groups.len(), x_beats, config);
                groups.iter().for_each(|group| packet.extend(group));
                jobs.push(Job {
                    regs: cut.regs,
                    packet,
                    first_output: part.first_output,
                    outputs: part.outputs,
                    first_vector: cut.vectors.start,
                });
            }
        }
        Ok(jobs)
    }

    /// An empty result for [`Layer::add`]: `[batch, outputs]`.
    pub fn result(&self, batch: usize) -> Array2<i64> {
        Array2::zeros((batch, self.outputs))
    }

    /// Adds the sums of a job, in the order of the output stream, to a result.
    ///
    /// # Panics
    /// Another number of sums than the job has.
    pub fn add(&self, job: &Job, sums: &[i32], result: &mut Array2<i64>) {
        let lanes = self.config.lanes;
        let [batch, rows] = [job.regs.batch, job.regs.rows].map(usize::from);
        assert_eq!(sums.len(), batch * rows * lanes, "sums of a job");
        for b in 0..batch {
            for m in 0..job.outputs {
                let row = match self.config.design {
                    Design::Crew => b * rows + m / lanes,
                    Design::DenseFc => m / lanes * batch + b,
                };
                result[[job.first_vector + b, job.first_output + m]] +=
                    i64::from(sums[row * lanes + m % lanes]);
            }
        }
    }
}

fn crew_part(block: &Block, config: &FcConfig) -> Part {
    Part {
        first_output: block.first_output,
        outputs: block.outputs,
        order: block.order.clone(),
        groups: pack::weights(block, config),
    }
}

/// Tiles of array rows × lanes weights, the last ones filled with zeros; a group's beats are whole.
fn dense_part(weights: ArrayView2<i8>, first_output: usize, config: &FcConfig) -> Part {
    let (inputs, outputs) = weights.dim();
    let (array, lanes) = (config.array_rows(), config.lanes);
    let weight = |n: usize, m: usize| weights.get([n, m]).copied().unwrap_or(0) as u8;
    let group = |g: usize| {
        let tiles = 0..outputs.div_ceil(lanes);
        let tile = |t: usize| {
            (0..array * lanes).map(move |i| weight(g * array + i / lanes, t * lanes + i % lanes))
        };
        let mut bytes: Vec<u8> = tiles.flat_map(tile).collect();
        bytes.resize(bytes.len().next_multiple_of(config.bus_bytes()), 0);
        bytes
    };
    Part {
        first_output,
        outputs,
        order: (0..inputs).collect(),
        groups: (0..inputs.div_ceil(array)).map(group).collect(),
    }
}

/// The activation beats of a job: `x[vectors, …]` of the inputs `order`, 0 where there is none.
fn activations(
    x: ArrayView2<i8>,
    order: &[usize],
    groups: usize,
    x_beats: usize,
    config: &FcConfig,
) -> Vec<u8> {
    let (vectors, per_group) = (x.nrows(), config.group_inputs());
    let value = |p: usize, i: usize| {
        let input = order.get(i / vectors * per_group + p);
        input.map_or(0, |&n| x[[i % vectors, n]] as u8)
    };
    let words = groups * vectors;
    match config.design {
        Design::Crew => (0..config.stripes())
            .flat_map(|stripe| {
                let inputs = stripe * config.stripe_inputs()..(stripe + 1) * config.stripe_inputs();
                let slices: Vec<Vec<u8>> = inputs
                    .map(|p| {
                        let mut slice: Vec<u8> = (0..words).map(|i| value(p, i)).collect();
                        slice.resize(x_beats * config.slice_bytes(), 0);
                        slice
                    })
                    .collect();
                pack::interleave(&slices, config.slice_bytes())
            })
            .collect(),
        Design::DenseFc => {
            let mut bytes: Vec<u8> = (0..words)
                .flat_map(|i| (0..per_group).map(move |p| value(p, i)))
                .collect();
            bytes.resize(x_beats * config.bus_bytes(), 0);
            bytes
        }
    }
}
