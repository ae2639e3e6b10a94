//! What CREW saves on real and on large layers: unique weights, storage, bytes, cycles against the dense array and UCNN.
//!
//! ```text
//!  trained networks ─► weights ─┬─► quantise, merge ─► Layer: histogram, storage, points ─► JSON, CSV, page
//!  files ───────────────────────┤                           ▲ estimate (crew, dense_fc), ucnn
//!  distribution ─► shapes ──────┘
//! ```
//!
//! Every cycle of `crew` and `dense_fc` comes from [`estimate`], which a test holds equal to the model that co-simulation compares
//! with the hardware.

mod outputs;
mod page;
pub mod sources;

use anyhow::Result;
use ndarray::Array2;
use serde::Serialize;

use super::approximate::{Merged, merge_rare};
use super::encode::Summary;
use super::estimate::{self, BlockUniques};
use super::files::quantise;
use super::ucnn::{self, Tables};
use crate::config::fc::FcConfig;
use crate::regmap::fc::Statistics;
pub use outputs::write;
use sources::{Origin, Source};

/// Speed over the dense array that the paper reports: the aim.
pub const AIM_SPEED: f64 = 2.61;
/// Speed over UCNN that the paper reports.
pub const AIM_OVER_UCNN: f64 = 2.10;
/// Aim: share of the multiplications left, on layers of at least [`AIM_OUTPUTS`] outputs.
pub const AIM_MULTIPLICATIONS: f64 = 0.05;
/// Outputs from which [`AIM_MULTIPLICATIONS`] holds.
pub const AIM_OUTPUTS: usize = 1024;
/// Aim: share of the dense 8-bit storage.
pub const AIM_STORAGE: f64 = 0.75;

/// Sums that both designs hold in the sweep.
const SUMS: usize = 1 << 16;
/// Activations that both designs hold in the sweep.
const ACTIVATIONS: usize = 1 << 17;
/// Unique weights of a bar of the histogram.
pub const BAR: usize = 16;

/// Points of the sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    /// Bits of the streams.
    pub bus_w: Vec<usize>,
    /// Input vectors.
    pub batch: Vec<usize>,
    /// Adders for each multiplier of `crew`.
    pub lanes: Vec<usize>,
}

impl Sweep {
    /// The whole sweep, for large layers.
    pub fn whole() -> Sweep {
        Sweep {
            bus_w: vec![64, 128, 256, 512],
            batch: vec![1, 2, 4, 8, 16],
            lanes: vec![2, 4, 8],
        }
    }

    /// The sizes of preset crew-paper alone, for one vector and for four.
    pub fn short() -> Sweep {
        Sweep {
            bus_w: vec![512],
            batch: vec![1, 4],
            lanes: vec![4],
        }
    }

    fn points(&self) -> impl Iterator<Item = [usize; 3]> {
        self.bus_w.iter().flat_map(move |&bus_w| {
            let batches = self.batch.iter();
            batches.flat_map(move |&batch| self.lanes.iter().map(move |&l| [bus_w, batch, l]))
        })
    }
}

/// The two designs of a point: presets crew-paper and dense-fc-paper on another stream, with equal buffers; none where a beat
/// does not fit.
///
/// # Errors
/// Presets that are not legal.
pub fn pair(bus_w: usize, lanes: usize) -> Result<Option<[FcConfig; 2]>> {
    let crew = FcConfig::preset("crew-paper")?;
    let dense = FcConfig::preset("dense-fc-paper")?;
    let crew = FcConfig {
        bus_w,
        lanes,
        psum_rows: SUMS / lanes,
        x_words: ACTIVATIONS / crew.group_inputs(),
        ..crew
    };
    let dense = FcConfig {
        bus_w,
        psum_rows: SUMS / dense.lanes,
        x_words: ACTIVATIONS / dense.group_inputs(),
        ..dense
    };
    let legal = crew.check().and_then(|()| dense.check()).is_ok();
    Ok(legal.then_some([crew, dense]))
}

/// What one design takes for a layer.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Cost {
    /// Clock cycles of all jobs, START to trailer.
    pub cycles: u64,
    /// Products.
    pub multiplications: u64,
    /// Bytes of the input stream.
    pub in_bytes: u64,
    /// Bytes of the output stream.
    pub out_bytes: u64,
    /// Cycles in which the multipliers wait for the stream.
    pub stall_weights: u64,
    /// Cycles in which they wait for a product buffer.
    pub stall_products: u64,
}

impl Cost {
    fn new(counts: &Statistics, config: &FcConfig) -> Cost {
        Cost {
            cycles: counts.cycles,
            multiplications: counts.multiplications,
            in_bytes: counts.in_beats * config.bus_bytes() as u64,
            out_bytes: counts.out_beats * config.bus_bytes() as u64,
            stall_weights: counts.stall_weights,
            stall_products: counts.stall_products,
        }
    }
}

/// One point of the sweep.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    /// Bits of the streams.
    pub bus_w: usize,
    /// Input vectors.
    pub batch: usize,
    /// Adders for each multiplier of `crew`.
    pub lanes: usize,
    /// CREW.
    pub crew: Cost,
    /// The dense array.
    pub dense: Cost,
    /// UCNN, the faster of one and two outputs a table.
    pub ucnn: ucnn::Cost,
    /// Outputs that share a table there.
    pub ucnn_shared: usize,
    /// Cycles of the dense array by those of CREW.
    pub speed: f64,
    /// Cycles of UCNN by those of CREW.
    pub over_ucnn: f64,
    /// What takes CREW most cycles: `stream in`, `multipliers`, `adders` or `stream out`.
    pub bound: &'static str,
}

/// One layer in one quantisation.
#[derive(Clone, Debug, Serialize)]
pub struct Layer {
    /// Name, with that of its network or file.
    pub name: String,
    /// Where its weights come from.
    pub origin: Origin,
    /// Bits of a weight.
    pub bits: u32,
    /// Tolerance of merging rare weights, 0: not merged.
    pub merge: f64,
    /// What merging did.
    pub merged: Merged,
    /// Inputs by their number of unique weights: 1…16, 17…32, … 241…256.
    pub histogram: [usize; 256 / BAR],
    /// Unique weights and storage, as stored for crew-paper.
    pub summary: Summary,
    /// The sweep.
    pub points: Vec<Point>,
}

impl Layer {
    /// Quantises and measures a layer.
    ///
    /// # Errors
    /// Weights that cannot be quantised.
    pub fn new(source: &Source, bits: u32, merge: f64, sweep: &Sweep) -> Result<Layer> {
        let (weights, merged) = prepare(&source.weights, bits, merge)?;
        let paper = FcConfig::preset("crew-paper")?;
        let blocks = estimate::uniques(weights.view(), paper.outputs);
        let mut histogram = [0; 256 / BAR];
        for count in blocks.iter().flat_map(|block| &block.counts) {
            histogram[(count - 1) / BAR] += 1;
        }
        let tables = [1, 2].map(|shared| Tables::new(weights.view(), shared));
        let mut points = Vec::new();
        for [bus_w, batch, lanes] in sweep.points() {
            if let Some(pair) = pair(bus_w, lanes)? {
                points.push(point(&blocks, &tables, &pair, batch));
            }
        }
        Ok(Layer {
            name: source.name.clone(),
            origin: source.origin,
            bits,
            merge,
            merged,
            histogram,
            summary: Summary::new(&blocks, &paper),
            points,
        })
    }

    /// The point of these sizes, if it was swept.
    pub fn point(&self, bus_w: usize, batch: usize, lanes: usize) -> Option<&Point> {
        let mut points = self.points.iter();
        points.find(|p| (p.bus_w, p.batch, p.lanes) == (bus_w, batch, lanes))
    }
}

/// Quantised weights, rare ones merged.
pub(crate) fn prepare(
    weights: &Array2<f64>,
    bits: u32,
    merge: f64,
) -> Result<(Array2<i8>, Merged)> {
    let (mut weights, _) = quantise(weights, bits)?;
    let merged = match merge > 0.0 {
        true => merge_rare(&mut weights, merge),
        false => Merged::default(),
    };
    Ok((weights, merged))
}

fn point(
    blocks: &[BlockUniques],
    tables: &[Tables; 2],
    pair: &[FcConfig; 2],
    batch: usize,
) -> Point {
    let [crew, dense] = pair;
    let counts = estimate::layer(blocks, batch, crew);
    let dense_counts = estimate::layer(blocks, batch, dense);
    let size = ucnn::Size {
        multipliers: crew.multipliers,
        bus_w: crew.bus_w,
    };
    let costs = tables.iter().map(|t| (t.cost(batch, size), t.shared()));
    let (ucnn, ucnn_shared) = costs
        .min_by_key(|(cost, _)| cost.cycles)
        .expect("two kinds of tables");
    let parts = [
        (counts.in_beats, "stream in"),
        (counts.multiply_busy, "multipliers"),
        (counts.accumulate_busy, "adders"),
        (counts.out_beats, "stream out"),
    ];
    let (_, bound) = parts.into_iter().max().expect("four parts");
    Point {
        bus_w: crew.bus_w,
        batch,
        lanes: crew.lanes,
        crew: Cost::new(&counts, crew),
        dense: Cost::new(&dense_counts, dense),
        ucnn,
        ucnn_shared,
        speed: dense_counts.cycles as f64 / counts.cycles as f64,
        over_ucnn: ucnn.cycles as f64 / counts.cycles as f64,
        bound,
    }
}

/// Test accuracy of a network whose weights were quantised.
#[derive(Clone, Debug, Serialize)]
pub struct Accuracy {
    /// Network.
    pub net: String,
    /// Bits of a weight; none: as trained.
    pub bits: Option<u32>,
    /// Tolerance of merging.
    pub merge: f64,
    /// Share of the test images classified right.
    pub accuracy: f64,
}

/// The whole report.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The command that repeats it.
    pub command: String,
    /// Accuracy before and after quantisation.
    pub accuracy: Vec<Accuracy>,
    /// Layers.
    pub layers: Vec<Layer>,
    /// What `tools/area.py --json` wrote for each design, by its name.
    pub area: Vec<(String, serde_json::Value)>,
}

#[cfg(test)]
mod tests;
