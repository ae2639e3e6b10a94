//! Everything that is said about one layer, as numbers.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use ndarray::Array4;
use serde::Serialize;

use super::capture::Captured;
use super::vectors::{Squares, places, positions, sources, vectors};
use crate::config::Config;
use crate::engine::{OpResult, OpStats};
use crate::plan::{Scope, Span};
use crate::reuse::{Decisions, Mode, Record, Reuse, State};

/// What is looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Subject {
    /// Network.
    pub net: String,
    /// Layer.
    pub layer: String,
    /// Pass.
    pub pass: String,
    /// Engine whose decisions and counts these are.
    pub engine: String,
    /// Accelerator configuration.
    pub config: String,
    /// Epochs trained before.
    pub epochs: usize,
    /// Share of the test images classified right by then; none if untrained.
    pub test_accuracy: Option<f64>,
    /// Test images of the batch: first and count.
    pub batch: [usize; 2],
    /// Number of the drawn image among the test images.
    pub image: usize,
    /// Its class.
    pub label: usize,
}

/// One group: the channels and kernel rows whose vectors are compared with one another.
#[derive(Clone, Debug, Serialize)]
pub struct GroupFacts {
    /// Number for `--channel-group`, over all correlations, convolution groups and groups.
    pub number: usize,
    /// Correlation of the operation: an input gradient has one for each phase of the stride.
    pub correlation: usize,
    /// Convolution group.
    pub conv_group: usize,
    /// Group of the correlation, kernel-row chunks innermost.
    pub group: usize,
    /// First channel of the operand.
    pub channel: usize,
    /// Channels.
    pub channels: usize,
    /// Elements K of a vector.
    pub elements: usize,
    /// Positions in state ZERO, HIT, MAU, MNU, every position counted once.
    pub states: [u64; 4],
    /// What is lost.
    pub loss: Loss,
}

impl GroupFacts {
    /// Positions of the group.
    pub fn positions(&self) -> u64 {
        self.states.iter().sum()
    }
}

/// Distance of the vectors computed with, x̂, from the real ones, x.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Loss {
    /// Root mean square of x̂ − x, in integers of the operand.
    pub rms: f64,
    /// Norm of x̂ − x by norm of x; 0 if x is zero.
    pub relative: f64,
}

impl From<Squares> for Loss {
    fn from(squares: Squares) -> Loss {
        Loss {
            rms: (squares.error / squares.count.max(1) as f64).sqrt(),
            relative: squares.relative(),
        }
    }
}

/// Where a reused vector comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Source {
    /// Number among the test images.
    pub image: usize,
    /// Row of the result.
    pub row: usize,
    /// Column of the result.
    pub col: usize,
}

/// The decision about one output position of the drawn image.
#[derive(Clone, Debug, Serialize)]
pub struct Position {
    /// Row of the result.
    pub row: usize,
    /// Column of the result.
    pub col: usize,
    /// Row and column of the operand at the middle of the kernel; between two of an even kernel.
    pub centre: [f64; 2],
    /// Tile, whose positions share an MCACHE.
    pub tile: usize,
    /// Decision.
    pub state: State,
    /// MCACHE entry of HIT and MAU.
    pub entry: Option<u16>,
    /// Signature in hexadecimal, where one was looked up.
    pub signature: Option<String>,
    /// Position that stands for it, on a HIT.
    pub source: Option<Source>,
}

/// Cycles by the cycle model (golden engine) or of the hardware (verilated engine).
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Cost {
    /// With reuse.
    pub cycles: u64,
    /// Without reuse, best plan.
    pub dense_cycles: u64,
    /// Dense cycles by cycles.
    pub speedup: Option<f64>,
    /// Multiply-accumulates done.
    pub macs: u64,
    /// Cycles in which detectors work, summed over detectors.
    pub detect_busy: u64,
    /// Cycles in which PE sets wait for a Hitmap, summed over sets.
    pub stall_detect: u64,
}

impl From<OpStats> for Cost {
    fn from(stats: OpStats) -> Cost {
        Cost {
            cycles: stats.cycles,
            dense_cycles: stats.dense_cycles,
            speedup: stats.speedup(),
            macs: stats.macs,
            detect_busy: stats.detect_busy,
            stall_detect: stats.stall_detect,
        }
    }
}

/// All facts about one layer's pass and one of its groups.
#[derive(Clone, Debug, Serialize)]
pub struct Facts {
    /// What is looked at.
    #[serde(flatten)]
    pub subject: Subject,
    /// The setting.
    pub reuse: Reuse,
    /// Projections n of a signature.
    pub projections: usize,
    /// Bits of one.
    pub bits: usize,
    /// Quantisation step q, a power of two.
    pub step_log2: u32,
    /// Cost of the whole operation.
    pub cost: Cost,
    /// Positions of all groups in state ZERO, HIT, MAU, MNU.
    pub states: [u64; 4],
    /// What is lost, over all vectors.
    pub loss: Loss,
    /// Norm of the result's difference from the dense result by the norm of that.
    pub result_error: f64,
    /// Every group.
    pub groups: Vec<GroupFacts>,
    /// Index in `groups` of the drawn one.
    pub drawn: usize,
    /// Rows and columns of the result.
    pub output: [usize; 2],
    /// Tiles of the drawn group that hold positions of the drawn image.
    pub tiles: usize,
    /// Images that these tiles span: what an MCACHE sees together.
    pub tile_images: usize,
    /// Decisions about the drawn image in the drawn group, in raster order of each tile.
    pub positions: Vec<Position>,
    /// How many vectors share each signature of an MCACHE, largest first, in those tiles.
    pub signatures: Vec<u64>,
    /// Valid ways of each MCACHE set at the end of a tile, the mean over those tiles.
    pub occupancy: Vec<f64>,
    /// Ways of an MCACHE set.
    pub ways: usize,
    /// Operand of the drawn channels: planes of rows and columns.
    #[serde(skip)]
    pub planes: Vec<ndarray::Array2<i16>>,
}

/// What to draw.
#[derive(Clone, Copy, Debug)]
pub struct Pick {
    /// Number of the group, see [`GroupFacts::number`].
    pub group: usize,
    /// Image, counted in the batch.
    pub image: usize,
}

impl Facts {
    /// Collects all facts about an operation that an engine has run with reuse.
    ///
    /// `dense` is its result without reuse.
    ///
    /// # Errors
    /// A group that does not exist; a setting that the configuration cannot hold.
    pub fn new(
        subject: Subject,
        captured: &Captured,
        reuse: Reuse,
        (scopes, decisions): (&[Scope], &Decisions),
        (result, dense): (&OpResult, &Array4<i64>),
        config: &Config,
        pick: Pick,
    ) -> Result<Facts> {
        let a = captured.a.view();
        let mut groups = vec![];
        let mut total = Squares::default();
        for place in places(scopes) {
            let (facts, squares) = group_facts(groups.len(), place, scopes, decisions, &a);
            total = total.plus(squares);
            groups.push(facts);
        }
        ensure!(
            pick.group < groups.len(),
            "--channel-group is {}, this operation has groups 0 to {}: give one of them",
            pick.group,
            groups.len() - 1
        );
        let drawn = &groups[pick.group];
        let scope = &scopes[drawn.correlation];
        let projections = reuse.projections(scope.full_group(), a, config)?;
        let tiles: Vec<usize> = (0..scope.tiles.len())
            .filter(|&t| scope.tiles[t].images.range().contains(&pick.image))
            .collect();
        let records =
            |t: usize| decisions.records(drawn.correlation, [drawn.conv_group, t, drawn.group]);
        let mut states = [0; 4];
        for facts in &groups {
            states
                .iter_mut()
                .zip(facts.states)
                .for_each(|(s, n)| *s += n);
        }
        let first = subject.batch[0];
        let [.., rows, cols] = drawn_shape(captured);
        let channels = drawn.channel..drawn.channel + drawn.channels;
        Ok(Facts {
            reuse,
            projections: projections.n,
            bits: projections.bits,
            step_log2: projections.shift,
            cost: result.stats.into(),
            states,
            loss: total.into(),
            result_error: distance(&result.y, dense),
            drawn: pick.group,
            output: [rows, cols],
            tiles: tiles.len(),
            tile_images: tiles.first().map_or(0, |&t| scope.tiles[t].images.len),
            positions: tiles
                .iter()
                .flat_map(|&t| tile_positions(scope, t, records(t), pick.image, first))
                .collect(),
            signatures: sharing(tiles.iter().map(|&t| records(t))),
            occupancy: occupancy(tiles.iter().map(|&t| records(t)), config, reuse.mode),
            ways: config.mcache.ways,
            planes: channels
                .map(|c| a.slice(ndarray::s![pick.image, c, .., ..]).to_owned())
                .collect(),
            groups,
            subject,
        })
    }

    /// The drawn group.
    pub fn group(&self) -> &GroupFacts {
        &self.groups[self.drawn]
    }
}

/// Shape of the tensor whose positions are drawn: the output, or the gradient of the input.
fn drawn_shape(captured: &Captured) -> [usize; 4] {
    match captured.pass {
        crate::engine::Pass::InputGrad => captured.geometry.x_shape(),
        _ => captured.geometry.y_shape(),
    }
}

fn group_facts(
    number: usize,
    [correlation, conv_group, group]: [usize; 3],
    scopes: &[Scope],
    decisions: &Decisions,
    a: &ndarray::ArrayView4<i16>,
) -> (GroupFacts, Squares) {
    let scope = &scopes[correlation];
    let (mut states, mut squares) = ([0; 4], Squares::default());
    for (t, tile) in scope.tiles.iter().enumerate() {
        let records = decisions.records(correlation, [conv_group, t, group]);
        for record in records {
            states[usize::from(record.state.code())] += 1;
        }
        squares.add(&vectors(scope, a, conv_group, tile, group), records);
    }
    let (grouping, view) = (&scope.grouping, &scope.view);
    let Span { start, len } = grouping.channels(group / grouping.chunks);
    let rows = grouping.kernel_rows(group % grouping.chunks);
    let facts = GroupFacts {
        number,
        correlation,
        conv_group,
        group,
        channel: conv_group * view.channels + start,
        channels: len,
        elements: len * rows.len * view.cols.taps,
        states,
        loss: squares.into(),
    };
    (facts, squares)
}

/// Norm of the difference by the norm of `dense`.
fn distance(y: &Array4<i64>, dense: &Array4<i64>) -> f64 {
    let (mut error, mut signal) = (0.0, 0.0);
    for (&got, &want) in y.iter().zip(dense) {
        error += ((got - want) as f64).powi(2);
        signal += (want as f64).powi(2);
    }
    if signal > 0.0 {
        (error / signal).sqrt()
    } else {
        0.0
    }
}

/// The positions of image `image` in a tile; `first` is the number of the batch's first image.
fn tile_positions(
    scope: &Scope,
    tile: usize,
    records: &[Record],
    image: usize,
    first: usize,
) -> Vec<Position> {
    let view = &scope.view;
    let places: Vec<_> = positions(&scope.tiles[tile]).collect();
    let sources = sources(records);
    let output = |[image, row, col]: [usize; 3]| {
        let [.., row, col] = view.output_index(0, 0, image, row, col);
        (row, col)
    };
    let middle = |axis: &crate::plan::Axis, output: usize| {
        let reach = (axis.taps - 1) * axis.dilation;
        let at = axis.input(output, 0) as f64 + reach as f64 / 2.0;
        axis.input_first as f64 + at * axis.input_step as f64
    };
    let mine = (0..places.len()).filter(|&i| places[i][0] == image);
    mine.map(|i| {
        let record = &records[i];
        let (row, col) = output(places[i]);
        let looked_up = matches!(record.state, State::Hit | State::Mau);
        let source = |from: [usize; 3]| {
            let (row, col) = output(from);
            Source {
                image: first + from[0],
                row,
                col,
            }
        };
        Position {
            row,
            col,
            centre: [
                middle(&view.rows, places[i][1]),
                middle(&view.cols, places[i][2]),
            ],
            tile,
            state: record.state,
            entry: looked_up.then_some(record.entry),
            signature: (record.state != State::Zero).then(|| format!("{:#x}", record.signature)),
            source: (record.state == State::Hit).then(|| source(places[sources[i]])),
        }
    })
    .collect()
}

/// How many vectors of one MCACHE share each signature, largest first; ZERO vectors have none.
fn sharing<'r>(tiles: impl Iterator<Item = &'r [Record]>) -> Vec<u64> {
    let mut counts = vec![];
    for records in tiles {
        let mut of = BTreeMap::<u128, u64>::new();
        for record in records.iter().filter(|r| r.state != State::Zero) {
            *of.entry(record.signature).or_default() += 1;
        }
        counts.extend(of.into_values());
    }
    counts.sort_unstable_by(|a, b| b.cmp(a));
    counts
}

/// Mean number of valid ways of each MCACHE set when a tile is done.
fn occupancy<'r>(
    tiles: impl Iterator<Item = &'r [Record]>,
    config: &Config,
    mode: Mode,
) -> Vec<f64> {
    if !mode.looks_up() {
        return vec![];
    }
    let mut filled = vec![0u64; config.mcache.sets];
    let mut count = 0;
    for records in tiles {
        count += 1;
        for record in records.iter().filter(|r| r.state == State::Mau) {
            filled[usize::from(record.entry) / config.mcache.ways] += 1;
        }
    }
    let mean = |n: u64| n as f64 / f64::from(count.max(1));
    filled.into_iter().map(mean).collect()
}
