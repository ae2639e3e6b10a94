//! Reuse in the golden model, written from `docs/reuse.md`: Hitmaps, results with them, and the work they leave to the PE sets.
//!
//! ```text
//!  operand a ─► vectors of a tile ─► detect (each group) ─► GroupMap ─┬─► x̂ ─► matrix product ─► result
//!  scope: tiles, groups ──┘                                            └─► work (each tile a PE set is given) ─► GroupWork
//! ```

mod detect;
mod signatures;
mod table;
mod vectors;
mod work;

use std::cell::RefCell;

use ndarray::{Array2, Array4, ArrayView2, ArrayView4};
use rayon::prelude::*;

use anyhow::{Context as _, Result, ensure};

pub use detect::GroupMap;

use super::dense::{offset, product};
use crate::config::Config;
use crate::engine::{Op, Pass};
use crate::plan::scope::undecided;
use crate::plan::{Correlation, Job, Scope, SetTile, Span, Tile};
use crate::reuse::{Decisions, GroupWork, Projections, Record};
use detect::Detector;
use signatures::Signer;
use vectors::{Vectors, floats, output_lines, outputs};
use work::BlockGradient;

/// All decisions about an operation: one [`GroupMap`] for each scope, convolution group, tile and group.
///
/// ```
/// use mercury::{config::Config, engine::{Drain, Geometry, Op, Pass}, golden::reuse::Hitmaps, plan, reuse::{Mode, Reuse, State}};
/// use ndarray::Array4;
///
/// let config = Config::preset("tiny")?;
/// let geometry = Geometry::conv([1, 1, 4, 4], 1, 1, 1, 0);
/// let (x, w) = (Array4::<i16>::ones((1, 1, 4, 4)), Array4::<i16>::ones((1, 1, 1, 1)));
/// let reuse = Reuse::of(Mode::Step);
/// let op = Op { pass: Pass::Forward, geometry: &geometry, a: x.view(), b: w.view(), drain: Drain::Raw, reuse };
/// let scopes = plan::scope(&geometry, Pass::Forward, &reuse, &config)?;
/// let hitmaps = Hitmaps::detect(&op, &scopes, &config)?;
/// let records: Vec<_> = hitmaps.map(0, 0, 0, 0).records().collect();
/// assert_eq!((records[0].state, records[1].state), (State::Mau, State::Hit));
/// # anyhow::Ok(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Hitmaps {
    /// Tiles and groups of each correlation.
    pub scopes: Vec<Scope>,
    /// What signatures were made of, for each scope.
    pub projections: Vec<Projections>,
    /// For each scope: convolution groups × tiles × groups, groups innermost.
    maps: Vec<Vec<GroupMap>>,
    pes: usize,
    data_bits: u32,
    flush_cycles: u64,
}

impl Hitmaps {
    /// Decides about every vector of an operation.
    ///
    /// # Errors
    /// An operation without reuse, or a setting that the configuration cannot hold.
    pub fn detect(op: &Op, scopes: &[Scope], config: &Config) -> Result<Hitmaps> {
        Ok(compute(op, scopes, config, true, |_, _, _, _| ())?.0)
    }

    /// [`Hitmaps::detect`] without what [`GroupMap::records`] needs: for costs alone.
    ///
    /// # Errors
    /// As [`Hitmaps::detect`].
    pub fn count(op: &Op, scopes: &[Scope], config: &Config) -> Result<Hitmaps> {
        Ok(compute(op, scopes, config, false, |_, _, _, _| ())?.0)
    }

    /// The Hitmap of group `group` (kernel-row chunks innermost) of tile `tile` of convolution group `conv_group` in scope `scope`.
    pub fn map(&self, scope: usize, conv_group: usize, tile: usize, group: usize) -> &GroupMap {
        let Scope { tiles, .. } = &self.scopes[scope];
        let groups = self.scopes[scope].groups();
        &self.maps[scope][(conv_group * tiles.len() + tile) * groups + group]
    }

    /// All records.
    pub fn decisions(&self) -> Decisions {
        let mut decisions = undecided(&self.scopes);
        for (number, scope) in self.scopes.iter().enumerate() {
            for (i, map) in self.maps[number].iter().enumerate() {
                let (tile, group) = (i / scope.groups(), i % scope.groups());
                let place = [tile / scope.tiles.len(), tile % scope.tiles.len(), group];
                decisions.map_mut(number, place).extend(map.records());
            }
        }
        decisions
    }

    /// Positions in state ZERO, HIT, MAU, MNU, every group counted once.
    pub fn states(&self) -> [u64; 4] {
        let mut sum = [0; 4];
        for map in self.maps.iter().flatten() {
            sum.iter_mut().zip(map.counts).for_each(|(s, n)| *s += n);
        }
        sum
    }

    /// Number of the scope of a correlation.
    ///
    /// # Errors
    /// A correlation of another operation.
    pub fn scope_of(&self, view: &Correlation) -> Result<usize> {
        let found = self.scopes.iter().position(|scope| *scope.view == *view);
        found.context("the correlation belongs to another operation than the Hitmaps")
    }

    /// Work of the groups of a tile that a PE set is given, in the order in which it does them; the same in each of its passes.
    /// `op` is the operation of the Hitmaps, maybe with the other setting of [`Reuse::elem_skip`](crate::reuse::Reuse), which
    /// decides nothing about vectors.
    ///
    /// # Errors
    /// A tile or a range of channels that is not of the scope, or a weight gradient of several filter blocks at once.
    pub fn work(&self, op: &Op, scope: usize, tile: &SetTile) -> Result<Vec<GroupWork>> {
        let view = &self.scopes[scope].view;
        let (number, groups) = self.scopes[scope].locate(tile)?;
        let last = groups.end - 1;
        let maps = groups.map(|group| (group, self.map(scope, tile.group, number, group)));
        if op.pass != Pass::WeightGrad {
            let mut touched = vec![false; tile.tile.positions()];
            let forward = |(group, map)| {
                work::forward(
                    map,
                    op.reuse.elem_skip,
                    &mut touched,
                    tile.zero && group == last,
                )
            };
            return Ok(maps.map(forward).collect());
        }
        ensure!(
            tile.blocks.len == 1,
            "a weight gradient of {} filter blocks at once: one block has one work",
            tile.blocks.len
        );
        let first = tile.blocks.start * self.pes;
        let filters = Span::new(first, self.pes.min(view.filters - first));
        let maps: Vec<&GroupMap> = maps.map(|(_, map)| map).collect();
        let shares = maps.iter().any(|map| !map.hits.is_empty());
        let dy = shares.then(|| outputs(view, &op.b, tile.group, filters, &tile.tile));
        let mut block = dy
            .as_ref()
            .map(|dy| BlockGradient::new(dy.view(), self.data_bits));
        let gradient = |map| {
            work::gradient(
                map,
                op.reuse.elem_skip,
                tile.zero,
                self.flush_cycles,
                block.as_mut(),
            )
        };
        Ok(maps.into_iter().map(gradient).collect())
    }

    /// Records of all tiles of a job in the order of detection: for each PE set tile by tile, for each pass if the job detects
    /// again, group by group, position by position.
    ///
    /// # Errors
    /// As [`Hitmaps::work`]; a job of another operation.
    pub fn job_records(&self, job: &Job, config: &Config) -> Result<Vec<Vec<Record>>> {
        let scope = self.scope_of(&job.view)?;
        let mut sets = vec![vec![]; config.sets];
        for tile in &job.tiles {
            let (number, groups) = self.scopes[scope].locate(tile)?;
            let passes = if job.regs.redetect {
                tile.blocks.len
            } else {
                1
            };
            for group in (0..passes).flat_map(|_| groups.clone()) {
                sets[tile.set].extend(self.map(scope, tile.group, number, group).records());
            }
        }
        Ok(sets)
    }

    /// [`Hitmaps::work`] of all tiles of a job: for each PE set its groups, tile by tile in the order of [`Job::tiles`].
    ///
    /// # Errors
    /// As [`Hitmaps::work`]; a job of another operation.
    pub fn job_work(&self, op: &Op, job: &Job, config: &Config) -> Result<Vec<Vec<GroupWork>>> {
        let scope = self.scope_of(&job.view)?;
        let tiles = job.tiles.par_iter();
        let all: Vec<_> = tiles.map(|tile| self.work(op, scope, tile)).collect();
        let mut sets = vec![vec![]; config.sets];
        for (tile, work) in job.tiles.iter().zip(all) {
            sets[tile.set].extend(work?);
        }
        Ok(sets)
    }
}

/// The raw result of an operation with reuse, and its Hitmaps, with or without `records`.
///
/// # Errors
/// As [`Hitmaps::detect`].
pub fn run(
    op: &Op,
    scopes: &[Scope],
    config: &Config,
    records: bool,
) -> Result<(Array4<i64>, Hitmaps)> {
    let [.., shape] = op.geometry.shapes(op.pass);
    let mut y = Array4::zeros(shape);
    let hitmaps = if op.pass == Pass::WeightGrad {
        let (hitmaps, parts) = compute(op, scopes, config, records, |view, group, tile, seen| {
            let x = seen.matrix();
            let dy = outputs(view, &op.b, group, Span::new(0, view.filters), tile);
            product(floats(dy.view()).view(), x.t())
        })?;
        for (scope, parts) in scopes.iter().zip(parts) {
            let mut parts = parts.into_iter();
            for group in 0..scope.view.groups {
                let tiles = parts.by_ref().take(scope.tiles.len());
                let sum = tiles.reduce(|sum, part| sum + part);
                let sum = sum.context("a scope has tiles")?;
                for (f, sums) in sum.rows().into_iter().enumerate() {
                    let places = weight_places(&scope.view, group, f);
                    places.zip(sums).for_each(|(at, sum)| y[at] += sum);
                }
            }
        }
        hitmaps
    } else {
        let weights: Vec<Vec<Array2<f64>>> =
            scopes.iter().map(|s| weights(op.b, &s.view)).collect();
        let view_of = |view: &Correlation| scopes.iter().position(|s| std::ptr::eq(&*s.view, view));
        let (hitmaps, parts) = compute(op, scopes, config, records, |view, group, _, seen| {
            let scope = view_of(view).expect("a view of the scopes");
            product(weights[scope][group].view(), seen.matrix())
        })?;
        let elements = y.as_slice_mut().expect("standard layout");
        for (Scope { view, tiles, .. }, parts) in scopes.iter().zip(parts) {
            for (i, part) in parts.into_iter().enumerate() {
                let (group, tile) = (i / tiles.len(), &tiles[i % tiles.len()]);
                let filters = Span::new(0, view.filters);
                let part = part.as_slice().expect("standard layout");
                output_lines(view, group, filters, tile, |f, columns, at, step| {
                    let from = &part[f * tile.positions()..][columns];
                    let to = elements[offset(shape, at)..].iter_mut().step_by(step);
                    to.zip(from).for_each(|(to, v)| *to = *v);
                });
            }
        }
        hitmaps
    };
    Ok((y, hitmaps))
}

/// What a thread needs for a tile.
#[derive(Default)]
struct Room {
    vectors: Vectors,
    floats: Vec<f64>,
}

thread_local! {
    /// Kept from operation to operation.
    static ROOM: RefCell<Room> = RefCell::default();
}

/// What the products of a tile are made of.
struct Seen<'a> {
    vectors: &'a Vectors,
    spans: &'a [Span],
    maps: &'a [GroupMap],
    room: &'a mut Vec<f64>,
}

impl<'a> Seen<'a> {
    /// x̂ of all groups: one row per element, one column per position.
    fn matrix(self) -> ArrayView2<'a, f64> {
        let hits = self.maps.iter().map(|map| &map.hits[..]);
        let parts = self.spans.iter().copied().zip(hits);
        self.vectors.replaced(parts, self.room)
    }
}

/// Detects, and hands (correlation, convolution group, tile, x̂) to `product`; its results are listed for each scope by convolution
/// group and tile.
fn compute<T: Send>(
    op: &Op,
    scopes: &[Scope],
    config: &Config,
    records: bool,
    product: impl Fn(&Correlation, usize, &Tile, Seen) -> T + Sync,
) -> Result<(Hitmaps, Vec<Vec<T>>)> {
    ensure!(
        op.reuse.is_on(),
        "reuse is off: there is nothing to detect, ask for a mode"
    );
    let mut hitmaps = Hitmaps {
        scopes: scopes.to_vec(),
        projections: vec![],
        maps: vec![],
        pes: config.pes,
        data_bits: config.data_w as u32,
        flush_cycles: config.flush_cycles() as u64,
    };
    let mut products = vec![];
    let a = op.a.as_standard_layout();
    let a = a.as_slice().expect("standard layout");
    for scope in scopes {
        let (k, k_max) = (scope.full_group(), config.k_max);
        ensure!(
            k <= k_max,
            "groups of {k} elements, this configuration has k_max = {k_max}: use a smaller k_target"
        );
        let projections = op.reuse.projections(k, op.a, config)?;
        let (view, tiles, spans) = (&*scope.view, &scope.tiles, spans(scope));
        let signers = signers(&projections, &spans);
        let detector = || Detector::new(&signers, &op.reuse, &config.mcache, records);
        let number = (0..view.groups * tiles.len()).into_par_iter();
        let tasks = number.map_init(detector, |detector, i| {
            let mut room = ROOM.take();
            let Room { vectors, floats } = &mut room;
            let (group, tile) = (i / tiles.len(), &tiles[i % tiles.len()]);
            vectors.gather(view, a, op.a.dim().into(), group, tile);
            let groups = spans.iter();
            let maps: Vec<_> = groups.map(|&span| detector.detect(vectors, span)).collect();
            let seen = Seen {
                vectors,
                spans: &spans,
                maps: &maps,
                room: floats,
            };
            let result = product(view, group, tile, seen);
            ROOM.set(room);
            (maps, result)
        });
        let (maps, results): (Vec<_>, Vec<_>) = tasks.unzip();
        hitmaps.projections.push(projections);
        hitmaps.maps.push(maps.into_iter().flatten().collect());
        products.push(results);
    }
    Ok((hitmaps, products))
}

/// Elements of each group among those of all channels (channel, kernel row, kernel column): a group's are consecutive.
fn spans(scope: &Scope) -> Vec<Span> {
    let (grouping, view) = (&scope.grouping, &scope.view);
    let mut spans = Vec::with_capacity(scope.groups());
    for cgroup in 0..grouping.cgroups {
        let channels = grouping.channels(cgroup);
        for chunk in 0..grouping.chunks {
            let rows = grouping.kernel_rows(chunk);
            let start = channels.start * view.taps() + rows.start * view.cols.taps;
            spans.push(Span::new(start, channels.len * rows.len * view.cols.taps));
        }
    }
    spans
}

/// A signer for each size of groups.
fn signers(projections: &Projections, spans: &[Span]) -> Vec<Signer> {
    let mut sizes: Vec<usize> = spans.iter().map(|span| span.len).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let signer = |elements| Signer::new(projections, elements);
    sizes.into_iter().map(signer).collect()
}

/// Indices in the weight tensor of the elements (channel, kernel row, kernel column) of filter `f`, in order.
fn weight_places(
    view: &Correlation,
    group: usize,
    f: usize,
) -> impl Iterator<Item = [usize; 4]> + '_ {
    let taps = move |c| {
        let rows = 0..view.rows.taps;
        rows.flat_map(move |kr| (0..view.cols.taps).map(move |kc| (c, kr, kc)))
    };
    let all = (0..view.channels).flat_map(taps);
    all.map(move |(c, kr, kc)| view.weight_index(group, f, c, kr, kc))
}

/// The weights of each convolution group: one row per filter, one column per element.
fn weights(b: ArrayView4<i16>, view: &Correlation) -> Vec<Array2<f64>> {
    let matrix = |group| {
        let filters = (0..view.filters).flat_map(|f| weight_places(view, group, f));
        let values = filters.map(|at| f64::from(b[at])).collect();
        Array2::from_shape_vec((view.filters, view.terms()), values).expect("all filters")
    };
    (0..view.groups).map(matrix).collect()
}

#[cfg(test)]
mod tests;
