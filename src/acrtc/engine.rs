//! The engine that trains on a tensor core: exact products of rounded operands, and what they cost.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;

use anyhow::{Result, ensure};
use ndarray::{Array4, ArrayView4};

use super::count::quantise;
use super::{Counter, Cut, Kind, Mode, Product, Row, Settings, cuts, model};
use crate::config::tc::TcConfig;
use crate::engine::{Costs, Drain, Engine, Op, OpResult, OpStats, RowStats};
use crate::golden::Golden;
use crate::regmap::tc::Statistics;
use crate::reuse::{Reuse, Rows};

/// A tensor core in integers, with the costs of its cycle model.
///
/// Of q(A) · B it computes the dense product, which is what the core gives bit for bit at every level; rows are counted
/// ([`Counter`]), and the cycle model makes cycles of the counts.
///
/// ```
/// use mercury::acrtc::TensorCore;
/// use mercury::config::tc::TcConfig;
/// use mercury::engine::{Drain, Engine, Geometry, Op, Pass};
/// use mercury::reuse::{Reuse, Rows};
/// use ndarray::Array4;
///
/// let geometry = Geometry::conv([1, 4, 8, 8], 4, 3, 1, 1);
/// let (x, w) = (Array4::from_elem((1, 4, 8, 8), 20_000i16), Array4::from_elem((4, 4, 3, 3), 1i16));
/// let reuse = Reuse { rows: Rows::delta(8), ..Reuse::default() };
/// let op = Op { pass: Pass::Forward, geometry: &geometry, a: x.view(), b: w.view(), drain: Drain::Raw, reuse };
/// let result = TensorCore::new(&TcConfig::preset("acrtc-small")?).run(&op)?;
/// // 20,000 / 256 rounds to 78; a patch inside has 36 elements, and is the one before it.
/// assert_eq!(result.y[[0, 0, 4, 4]], 36 * 78 * 256);
/// assert!(result.stats.rows.delta > 40 && result.stats.cycles < result.stats.dense_cycles);
/// # anyhow::Ok(())
/// ```
pub struct TensorCore {
    config: TcConfig,
    golden: Golden,
    /// Cycles of products whose rows all take all their steps: they depend on the shape alone.
    dense: HashMap<([usize; 3], bool), Statistics>,
}

impl TensorCore {
    /// An engine for `acrtc` or `dense_tc` of these sizes.
    pub fn new(config: &TcConfig) -> TensorCore {
        TensorCore {
            config: config.clone(),
            golden: Golden::new(config.data_w as u32),
            dense: HashMap::new(),
        }
    }

    /// Mode and level of an operation.
    ///
    /// # Errors
    /// As [`check`].
    pub(crate) fn settings(&self, reuse: &Reuse) -> Result<Settings> {
        check(reuse, &self.config)?;
        Ok(Settings {
            mode: reuse.rows.mode,
            level: reuse.level(self.config.max_level() as u8),
        })
    }

    /// What an operation costs; `u` are the rounded elements of its first operand.
    fn price(&mut self, op: &Op, u: ArrayView4<i16>, settings: Settings) -> Result<OpStats> {
        let drain = in_units(op.drain, settings.level);
        let (mut own, mut dense) = (Statistics::default(), Statistics::default());
        for product in Product::all(op.geometry, op.pass, op.reuse.rows.order) {
            dense = dense.with(&self.dense(&product, op.drain)?);
            let statistics = match settings.mode {
                Mode::Dense => self.dense(&product, drain)?,
                _ => self.count(&product, u, settings, drain)?,
            };
            own = own.with(&statistics);
        }
        Ok(op_stats(&own, dense.cycles, &self.config))
    }

    /// Cycles of an operation on `dense_tc`, all its jobs.
    pub(crate) fn dense_cycles(&mut self, op: &Op) -> Result<u64> {
        let products = Product::all(op.geometry, op.pass, op.reuse.rows.order);
        let cycles = products
            .iter()
            .map(|product| Ok(self.dense(product, op.drain)?.cycles));
        cycles.sum()
    }

    /// The same of `dense_tc`.
    fn dense(&mut self, product: &Product, drain: Drain) -> Result<Statistics> {
        let ([rows, k, n], shifted) = (product.shape(), drain != Drain::Raw);
        let entry = match self.dense.entry(([rows, k, n], shifted)) {
            Entry::Occupied(known) => return Ok(*known.get()),
            Entry::Vacant(new) => new,
        };
        let drain = if shifted { Drain::Shift(0) } else { Drain::Raw };
        let mut sum = Statistics::default();
        for cut in cuts(rows, k, n, Settings::default(), drain, &self.config)? {
            let steps = usize::from(cut.regs.steps);
            let row = Row {
                kind: Kind::Plain,
                longest: steps as u32,
                items: (steps * self.config.lanes) as u64,
            };
            sum = sum.with(&model::time(&cut.regs, &vec![row; rows], &self.config));
        }
        Ok(*entry.insert(sum))
    }

    /// Counts the rows of a product, and has the model time its jobs.
    fn count(
        &self,
        product: &Product,
        u: ArrayView4<i16>,
        settings: Settings,
        drain: Drain,
    ) -> Result<Statistics> {
        let [rows, k, n] = product.shape();
        let cuts = cuts(rows, k, n, settings, drain, &self.config)?;
        let counters = self.counters(product, u, settings, &cuts);
        let mut sum = Statistics::default();
        for cut in &cuts {
            let counter = &counters[&cut.k.start];
            let own = Statistics {
                fallback_shorter: counter.fallback_shorter,
                fallback_range: counter.fallback_range,
                ..model::time(&cut.regs, &counter.rows, &self.config)
            };
            sum = sum.with(&own);
        }
        Ok(sum)
    }

    /// The counts of each part of the rows, by its first element: jobs of other outputs have the same rows.
    fn counters(
        &self,
        product: &Product,
        u: ArrayView4<i16>,
        settings: Settings,
        cuts: &[Cut],
    ) -> HashMap<usize, Counter> {
        let [rows, k, _] = product.shape();
        let lanes = self.config.lanes;
        let parts: Vec<(usize, Range<usize>)> = cuts
            .iter()
            .take_while(|cut| cut.n == cuts[0].n)
            .map(|cut| {
                let steps = usize::from(cut.regs.steps);
                (steps, cut.k.start..cut.k.start + steps * lanes)
            })
            .collect();
        let mut counters: Vec<Counter> = parts
            .iter()
            .map(|(steps, _)| Counter::new(settings, *steps, &self.config))
            .collect();
        let source = product.rows(u);
        // The parts' last steps are filled up with zeros.
        let length = parts.iter().map(|(_, part)| part.end).max().unwrap_or(k);
        let (mut row, mut before) = (vec![0; length], vec![0; length]);
        for i in 0..rows {
            std::mem::swap(&mut row, &mut before);
            source.fill(i, &mut row[..k]);
            for (counter, (_, part)) in counters.iter_mut().zip(&parts) {
                let before = (i > 0).then(|| &before[part.clone()]);
                counter.push(&row[part.clone()], before);
            }
        }
        let starts = parts.iter().map(|(_, part)| part.start);
        starts.zip(counters).collect()
    }

    /// The first operand without its low bits: u.
    fn rounded(&self, a: ArrayView4<i16>, level: u8) -> Array4<i16> {
        let mut u = a.as_standard_layout().into_owned();
        let elements = u.as_slice_mut().expect("standard layout");
        quantise(elements, level, self.config.data_w as u32);
        u
    }
}

/// Refuses settings that the core does not have.
///
/// # Errors
/// Names the setting, the limit and the fix.
pub fn check(reuse: &Reuse, config: &TcConfig) -> Result<()> {
    let Rows { mode, level, .. } = reuse.rows;
    ensure!(
        !reuse.is_on(),
        "{} is a tensor core, it compares no vectors: leave --reuse out and give --rows elements or delta",
        config.name
    );
    ensure!(
        config.reuse() || (mode == Mode::Dense && level == 0),
        "{} computes every element of every row: use the design acrtc for --rows elements, --rows delta or --level",
        config.name
    );
    ensure!(
        usize::from(level) <= config.max_level(),
        "level is {level}, {} rounds at most {} bits away: give a smaller --level",
        config.name,
        config.max_level()
    );
    Ok(())
}

/// What an operation cost, of the counters of all its jobs; `max_abs` and `saturations` stay 0.
pub(crate) fn op_stats(sum: &Statistics, dense_cycles: u64, config: &TcConfig) -> OpStats {
    let (columns, bytes) = (config.columns as u64, config.bus_bytes() as u64);
    OpStats {
        cycles: sum.cycles,
        dense_cycles,
        compute_cycles: sum.compute_busy,
        macs: sum.items * columns,
        bytes_in: sum.in_beats * bytes,
        bytes_out: sum.out_beats * bytes,
        rows: RowStats {
            plain: sum.rows_plain,
            delta: sum.rows_delta,
            fallback_shorter: sum.fallback_shorter,
            fallback_range: sum.fallback_range,
            stall_weights: sum.stall_weights,
            stall_input: sum.stall_input,
            stall_output: sum.stall_output,
        },
        ..OpStats::default()
    }
}

/// A drain of the product in units of 2^`level`; what would be shifted left leaves raw.
pub(crate) fn in_units(drain: Drain, level: u8) -> Drain {
    match drain {
        Drain::Shift(shift) if shift >= u32::from(level) => Drain::Shift(shift - u32::from(level)),
        _ => Drain::Raw,
    }
}

impl Engine for TensorCore {
    fn name(&self) -> &str {
        "golden"
    }

    fn data_bits(&self) -> u32 {
        self.config.data_w as u32
    }

    fn run(&mut self, op: &Op) -> Result<OpResult> {
        op.validate(self.data_bits())?;
        let settings = self.settings(&op.reuse)?;
        let u = self.rounded(op.a, settings.level);
        let stats = self.price(op, u.view(), settings)?;
        let q = u.mapv_into(|u| u << settings.level);
        let exact = Op {
            a: q.view(),
            reuse: Reuse::default(),
            ..op.clone()
        };
        let OpResult { y, stats: sums } = self.golden.run(&exact)?;
        let stats = OpStats {
            max_abs: sums.max_abs,
            saturations: sums.saturations,
            ..stats
        };
        Ok(OpResult { y, stats })
    }
}

impl Costs for TensorCore {
    fn costs(&mut self, op: &Op, settings: &[Reuse]) -> Vec<Result<OpStats>> {
        let one = |&reuse: &Reuse| {
            let op = Op {
                reuse,
                ..op.clone()
            };
            op.validate(self.data_bits())?;
            let settings = self.settings(&reuse)?;
            let u = self.rounded(op.a, settings.level);
            self.price(&op, u.view(), settings)
        };
        settings.iter().map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::golden;
    use super::*;
    use crate::engine::{Geometry, Padding, Pass};
    use crate::reuse::RowOrder;
    use ndarray::{Array2, s};
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// Strides, dilations, one-sided padding, groups, one position; some need several parts of K or of the outputs.
    fn geometries() -> Vec<Geometry> {
        let plain = Geometry::conv([2, 3, 6, 5], 4, 3, 1, 1);
        vec![
            plain.clone(),
            Geometry::conv([2, 2, 7, 6], 3, 3, 2, 1),
            Geometry::conv([1, 2, 9, 9], 2, 1, 3, 0),
            Geometry {
                dilation: [2, 1],
                padding: Padding {
                    top: 2,
                    bottom: 1,
                    left: 0,
                    right: 3,
                },
                ..plain.clone()
            },
            Geometry {
                in_channels: 4,
                groups: 2,
                stride: [1, 2],
                ..plain.clone()
            },
            Geometry {
                in_channels: 4,
                groups: 4,
                ..plain
            },
            Geometry::fully_connected(7, 90, 40),
        ]
    }

    /// Operands of which many are zero and many like their neighbours.
    fn operand(rng: &mut ChaCha8Rng, shape: [usize; 4]) -> Array4<i16> {
        let mut last = 0;
        Array4::from_shape_simple_fn(shape, || {
            last = match rng.random_range(0..6) {
                0 => rng.random(),
                1..3 => 0,
                _ => last,
            };
            last
        })
    }

    /// An operation by the contract's own way: rows and weights laid out, cut into jobs, lists, results added up.
    fn by_jobs(op: &Op, settings: Settings, config: &TcConfig) -> (Array4<i64>, RowStats, u64) {
        let mut y = Array4::zeros(op.geometry.shapes(op.pass)[2]);
        let (mut stats, mut items) = (RowStats::default(), 0);
        for product in Product::all(op.geometry, op.pass, op.reuse.rows.order) {
            let (a, b) = (product.rows(op.a).all(), product.weights(op.b));
            let [rows, k, n] = product.shape();
            let mut d = Array2::<i64>::zeros((rows, n));
            for cut in cuts(rows, k, n, settings, Drain::Raw, config).unwrap() {
                let length = usize::from(cut.regs.steps) * config.lanes;
                let mut part = Array2::zeros((rows, length));
                part.slice_mut(s![.., ..cut.k.len()])
                    .assign(&a.slice(s![.., cut.k.clone()]));
                let mut weights = Array2::zeros((length, cut.n.len()));
                weights
                    .slice_mut(s![..cut.k.len(), ..])
                    .assign(&b.slice(s![cut.k.clone(), cut.n.clone()]));
                let outcome =
                    golden::run(part.view(), weights.view(), settings, Drain::Raw, config);
                let mut to = d.slice_mut(s![.., cut.n.clone()]);
                to += &outcome.results;
                let decided = outcome.decided;
                let delta = decided
                    .rows
                    .iter()
                    .filter(|r| r.kind == Kind::Delta)
                    .count() as u64;
                stats.delta += delta;
                stats.plain += rows as u64 - delta;
                stats.fallback_shorter += decided.fallback_shorter;
                stats.fallback_range += decided.fallback_range;
                let blocks = u64::from(cut.regs.blocks);
                items += blocks * decided.rows.iter().map(|r| r.items).sum::<u64>();
            }
            product.put((d << i64::from(settings.level)).view(), &mut y);
        }
        (y, stats, items)
    }

    #[test]
    fn results_and_counts_are_those_of_the_jobs() {
        for config in ["acrtc-tiny", "acrtc-paper"].map(|name| TcConfig::preset(name).unwrap()) {
            let mut engine = TensorCore::new(&config);
            for (number, geometry) in geometries().iter().enumerate() {
                let mut rng = ChaCha8Rng::seed_from_u64(number as u64);
                for (pass, order) in Pass::ALL
                    .into_iter()
                    .flat_map(|p| RowOrder::ALL.map(|o| (p, o)))
                {
                    let [a, b, _] = geometry.shapes(pass).map(|shape| operand(&mut rng, shape));
                    for (mode, level) in [
                        (Mode::Dense, 0),
                        (Mode::Zero, 3),
                        (Mode::Delta, 0),
                        (Mode::Delta, 12),
                    ] {
                        let reuse = Reuse {
                            rows: Rows { mode, level, order },
                            ..Reuse::default()
                        };
                        let op = Op {
                            pass,
                            geometry,
                            a: a.view(),
                            b: b.view(),
                            drain: Drain::Raw,
                            reuse,
                        };
                        let got = engine.run(&op).unwrap();
                        let (y, stats, items) = by_jobs(&op, Settings { mode, level }, &config);
                        let place = format!("geometry {number}, {pass}, {:?}", reuse.rows);
                        assert_eq!(got.y, y, "{place}");
                        assert_eq!(got.stats.macs, items * config.columns as u64, "{place}");
                        let waits = RowStats {
                            stall_weights: 0,
                            stall_input: 0,
                            stall_output: 0,
                            ..got.stats.rows
                        };
                        assert_eq!(waits, stats, "{place}");
                        if level == 0 {
                            let exact = Op {
                                reuse: Reuse::default(),
                                ..op.clone()
                            };
                            assert_eq!(got.y, Golden::new(16).run(&exact).unwrap().y, "{place}");
                            assert!(
                                reuse.is_exact() && got.stats.cycles <= got.stats.dense_cycles,
                                "{place}"
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_shifted_drain_rounds_the_sums_of_rounded_elements() {
        let geometry = Geometry::fully_connected(1, 2, 1);
        let shaped = |v: [i16; 2]| Array4::from_shape_vec((1, 2, 1, 1), v.to_vec()).unwrap();
        let (x, w) = (shaped([24, 40]), shaped([1, 2]));
        let mut engine = TensorCore::new(&TcConfig::preset("acrtc-tiny").unwrap());
        let mut run = |drain| {
            let reuse = Reuse {
                rows: Rows::delta(4),
                ..Reuse::default()
            };
            let op = Op {
                pass: Pass::Forward,
                geometry: &geometry,
                a: x.view(),
                b: w.view(),
                drain,
                reuse,
            };
            let result = engine.run(&op).unwrap();
            (
                result.y[[0, 0, 0, 0]],
                result.stats.max_abs,
                result.stats.bytes_out,
            )
        };
        // 24 and 40 are 1.5 and 2.5 units of 16: both round to 2; 2 + 2 · 2 = 6 units.
        assert_eq!(run(Drain::Raw), (96, 96, 24)); // two beats of results, the trailer
        assert_eq!(run(Drain::Shift(6)), (2, 96, 16)); // 1.5 rounds to 2
        assert_eq!(run(Drain::Shift(1)), (48, 96, 24)); // leaves raw, shifted on the host
    }

    #[test]
    fn a_baseline_refuses_what_it_cannot_skip() {
        let config = TcConfig::preset("dense-tc-tiny").unwrap();
        let delta = Reuse {
            rows: Rows::delta(0),
            ..Reuse::default()
        };
        assert!(
            check(&delta, &config)
                .unwrap_err()
                .to_string()
                .contains("use the design acrtc")
        );
        let tiny = TcConfig::preset("acrtc-tiny").unwrap();
        let coarse = Reuse {
            rows: Rows::delta(15),
            ..Reuse::default()
        };
        assert!(
            check(&coarse, &tiny)
                .unwrap_err()
                .to_string()
                .contains("level is 15, acrtc-tiny rounds at most 14")
        );
        assert!(check(&Reuse::of(crate::reuse::Mode::Grid), &tiny).is_err());
    }
}
