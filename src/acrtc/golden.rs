//! The golden model: rows, lists and results of a job, written from `docs/acrtc.md` alone and as plainly as it says them.
//!
//! Fast counts for training are in `count.rs`; tests hold them against this.

use ndarray::{Array2, ArrayView1, ArrayView2};

use super::{Kind, Mode, Row, Settings};
use crate::config::tc::TcConfig;
use crate::engine::Drain;
use crate::numeric::{self, Requantised};

/// A list item: a step of a lane, and what is multiplied by that step's weights.
type Item = (usize, i64);

/// u: an element without its low `level` bits, rounded half to even, saturated to what is left of `data_bits` bits.
///
/// ```
/// use mercury::acrtc::golden::quantise;
/// // 1.25, 1.5, 2.5 and -1.5 quarters of 4; 32767 / 4 would round to 8192, beyond 14 bits.
/// assert_eq!([5, 6, 10, -6, 32767, -32768].map(|v| quantise(v, 2, 16)), [1, 2, 2, -2, 8191, -8192]);
/// ```
pub fn quantise(v: i16, level: u8, data_bits: u32) -> i16 {
    let unit = 1 << level;
    let (whole, rest) = (i32::from(v).div_euclid(unit), i32::from(v).rem_euclid(unit));
    let up = 2 * rest > unit || (2 * rest == unit && whole % 2 != 0);
    let most = 2i32.pow(data_bits - 1) / unit - 1;
    (whole + i32::from(up)).min(most) as i16
}

/// What a job decides about its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The quantised elements.
    pub u: Array2<i16>,
    /// Kinds and lengths.
    pub rows: Vec<Row>,
    /// Rows of mode 2 that are plain because that is shorter.
    pub fallback_shorter: u64,
    /// Rows of mode 2 that are plain because a difference does not fit.
    pub fallback_range: u64,
    /// Each row's lists of its kind, a lane each.
    lists: Vec<Vec<Vec<Item>>>,
}

/// What a job gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// About its rows.
    pub decided: Decided,
    /// Results as drained, in units of 2^LEVEL before the shift: `[rows, outputs]`.
    pub results: Array2<i64>,
    /// Results that the shift saturated.
    pub saturations: u64,
    /// Largest magnitude before the shift.
    pub max_abs: u64,
}

/// Lists of a row: element k is in lane k mod `lanes`, step k div `lanes`; `all` keeps zeros.
fn lists(elements: &[i64], lanes: usize, all: bool) -> Vec<Vec<Item>> {
    let lane = |lane| {
        let own = elements.iter().skip(lane).step_by(lanes).copied();
        let own = own.enumerate();
        own.filter(|&(_, value)| all || value != 0).collect()
    };
    (0..lanes).map(lane).collect()
}

fn longest(lists: &[Vec<Item>]) -> usize {
    lists.iter().map(Vec::len).max().unwrap_or(0)
}

/// Quantises the rows of a job, `[rows, lanes · STEPS]`, padding included, and decides about each.
///
/// ```
/// use mercury::acrtc::{Kind, Mode, Settings, golden};
/// use mercury::config::tc::TcConfig;
/// let tiny = TcConfig::preset("acrtc-tiny")?; // 2 lanes
/// let rows = ndarray::arr2(&[[1, 2, 3, 4], [1, 2, 3, 7], [0, 0, 0, 5]]);
/// let decided = golden::decide(rows.view(), Settings { mode: Mode::Delta, level: 0 }, &tiny);
/// let kinds: Vec<_> = decided.rows.iter().map(|row| (row.kind, row.longest, row.items)).collect();
/// assert_eq!(kinds, [(Kind::Plain, 2, 4), (Kind::Delta, 1, 1), (Kind::Plain, 1, 1)]);
/// assert_eq!((decided.fallback_shorter, decided.fallback_range), (1, 0));
/// # anyhow::Ok(())
/// ```
pub fn decide(a: ArrayView2<i16>, settings: Settings, config: &TcConfig) -> Decided {
    let data_bits = config.data_w as u32;
    let (low, high) = numeric::operand_range(data_bits);
    let u = a.mapv(|v| quantise(v, settings.level, data_bits));
    let mut decided = Decided {
        u: u.clone(),
        rows: vec![],
        fallback_shorter: 0,
        fallback_range: 0,
        lists: vec![],
    };
    let mut previous: Option<ArrayView1<i16>> = None;
    for row in u.rows() {
        let values: Vec<i64> = row.iter().map(|&v| v.into()).collect();
        let plain = lists(&values, config.lanes, settings.mode == Mode::Dense);
        let mut chosen = (Kind::Plain, plain);
        if let (Mode::Delta, Some(before)) = (settings.mode, previous) {
            let pairs = values.iter().zip(before);
            let deltas: Vec<i64> = pairs.map(|(v, &b)| v - i64::from(b)).collect();
            let fit = |delta: &i64| (i64::from(low)..=i64::from(high)).contains(delta);
            let delta = lists(&deltas, config.lanes, false);
            if !deltas.iter().all(fit) {
                decided.fallback_range += 1;
            } else if longest(&chosen.1) < longest(&delta) {
                decided.fallback_shorter += 1;
            } else {
                chosen = (Kind::Delta, delta);
            }
        }
        let (kind, lists) = chosen;
        decided.rows.push(Row {
            kind,
            longest: longest(&lists) as u32,
            items: lists.iter().map(|list| list.len() as u64).sum(),
        });
        decided.lists.push(lists);
        previous = Some(row);
    }
    decided
}

impl Decided {
    /// The sums D from the lists: those of a plain row anew, those of a delta row added to the row before. `b` is `[k, outputs]`,
    /// k as long as a row.
    pub fn sums(&self, b: ArrayView2<i16>) -> Array2<i64> {
        let mut sums = Array2::<i64>::zeros((self.rows.len(), b.ncols()));
        for (i, (row, lists)) in self.rows.iter().zip(&self.lists).enumerate() {
            for n in 0..b.ncols() {
                let lanes = lists.iter().enumerate();
                let items =
                    lanes.flat_map(|(lane, list)| list.iter().map(move |item| (lane, item)));
                let products = items.map(|(lane, (step, value))| {
                    value * i64::from(b[[step * lists.len() + lane, n]])
                });
                let before = match row.kind {
                    Kind::Plain => 0,
                    Kind::Delta => sums[[i - 1, n]],
                };
                sums[[i, n]] = before + products.sum::<i64>();
            }
        }
        sums
    }
}

/// A whole job: rows `a` as [`decide`] takes them, weights `b` `[lanes · STEPS, outputs]`, drain in units of 2^LEVEL.
pub fn run(
    a: ArrayView2<i16>,
    b: ArrayView2<i16>,
    settings: Settings,
    drain: Drain,
    config: &TcConfig,
) -> Outcome {
    let decided = decide(a, settings, config);
    let mut results = decided.sums(b);
    let max_abs = results.iter().map(|v| v.unsigned_abs()).max().unwrap_or(0);
    let mut saturations = 0;
    if let Drain::Shift(shift) = drain {
        results.map_inplace(|v| {
            let Requantised { value, saturated } =
                numeric::requantise(*v, shift, config.data_w as u32);
            *v = value.into();
            saturations += u64::from(saturated);
        });
    }
    Outcome {
        decided,
        results,
        saturations,
        max_abs,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;
    use proptest::prelude::*;

    /// Rows that resemble the one before, and weights; with levels of one width.
    fn job() -> impl Strategy<Value = (TcConfig, Array2<i16>, Array2<i16>, u8)> {
        let sizes = (
            prop_oneof![Just(8usize), Just(16)],
            2usize..6,
            1usize..6,
            1usize..9,
            1usize..4,
        );
        sizes
            .prop_flat_map(|(data_w, lanes, steps, rows, outputs)| {
                let (low, high) = numeric::operand_range(data_w as u32);
                let near = prop_oneof![Just(0), -3i16..4, Just(low), Just(high), low..=high];
                let k = lanes * steps;
                // A row's elements: those of the row before (None), or new ones.
                let rows = prop::collection::vec(prop::option::weighted(0.5, near), rows * k);
                let weights = prop::collection::vec(low..=high, k * outputs);
                (
                    Just((data_w, lanes, k, outputs)),
                    rows,
                    weights,
                    0..=(data_w as u8 - 2),
                )
            })
            .prop_map(|((data_w, lanes, k, outputs), elements, weights, level)| {
                let tiny = TcConfig::preset("acrtc-tiny").unwrap();
                let config = TcConfig {
                    data_w,
                    lanes,
                    ..tiny
                };
                let mut a = Array2::zeros((elements.len() / k, k));
                for (i, element) in elements.into_iter().enumerate() {
                    let (row, column) = (i / k, i % k);
                    let before = if row > 0 { a[[row - 1, column]] } else { 0 };
                    a[[row, column]] = element.unwrap_or(before);
                }
                let b = Array2::from_shape_vec((k, outputs), weights).unwrap();
                (config, a, b, level)
            })
    }

    proptest! {
        #[test]
        fn the_sums_are_the_dense_product_of_u_in_every_mode((config, a, b, level) in job()) {
            let bits = config.data_w as u32;
            // u by its definition in halves: |v - u 2^l| is at most half of 2^l, ties even, unless saturated.
            let unit = 1i64 << level;
            for &v in &a {
                let u = i64::from(quantise(v, level, bits));
                let most = (1i64 << (bits - 1 - u32::from(level))) - 1;
                let twice = 2 * (i64::from(v) - u * unit);
                prop_assert!(u <= most && u >= -most - 1);
                prop_assert!(twice.abs() < unit || (twice.abs() == unit && u % 2 == 0) || (u == most && twice > 0), "{v} {u}");
            }
            let u = a.mapv(|v| i64::from(quantise(v, level, bits)));
            let dense = u.dot(&b.mapv(i64::from));
            for mode in Mode::ALL {
                let outcome = run(a.view(), b.view(), Settings { mode, level }, Drain::Raw, &config);
                prop_assert_eq!(&outcome.results, &dense);
                let max = dense.iter().map(|v| v.unsigned_abs()).max().unwrap();
                prop_assert_eq!(outcome.max_abs, max);
            }
        }

        #[test]
        fn rows_are_plain_and_delta_as_the_contract_says((config, a, _, level) in job()) {
            let of = |mode| decide(a.view(), Settings { mode, level }, &config);
            let (dense, zero, delta) = (of(Mode::Dense), of(Mode::Zero), of(Mode::Delta));
            let steps = a.ncols() / config.lanes;
            prop_assert!(dense.rows.iter().all(|r| r.longest as usize == steps && r.items as usize == a.ncols()));
            for (i, row) in delta.rows.iter().enumerate() {
                let plain = zero.rows[i];
                // Never longer than its zero elements alone, and the same if plain.
                prop_assert!(row.longest <= plain.longest);
                prop_assert!(row.kind == Kind::Delta || *row == plain);
            }
            prop_assert_eq!(delta.rows[0].kind, Kind::Plain);
            let plain = delta.rows.iter().filter(|r| r.kind == Kind::Plain).count() as u64;
            prop_assert_eq!(plain - 1, delta.fallback_shorter + delta.fallback_range);
            prop_assert!(level == 0 || delta.fallback_range == 0);
        }
    }

    #[test]
    fn a_difference_beyond_an_operand_makes_a_row_plain() {
        let config = TcConfig::preset("acrtc-tiny").unwrap();
        let a = ndarray::arr2(&[[-20000, 0], [20000, 0], [20000, 0]]);
        let settings = |level| Settings {
            mode: Mode::Delta,
            level,
        };
        let exact = decide(a.view(), settings(0), &config);
        let kinds: Vec<Kind> = exact.rows.iter().map(|r| r.kind).collect();
        assert_eq!(kinds, [Kind::Plain, Kind::Plain, Kind::Delta]);
        assert_eq!((exact.fallback_range, exact.fallback_shorter), (1, 0));
        assert_eq!(decide(a.view(), settings(1), &config).fallback_range, 0);
    }

    #[test]
    fn shifted_results_are_rounded_saturated_and_counted() {
        let config = TcConfig::preset("acrtc-tiny").unwrap();
        let a = ndarray::arr2(&[[3, 0], [32767, 32767]]);
        let b = ndarray::arr2(&[[2], [2]]);
        let outcome = run(
            a.view(),
            b.view(),
            Settings::default(),
            Drain::Shift(2),
            &config,
        );
        assert_eq!(outcome.results, ndarray::arr2(&[[2], [32767]]));
        assert_eq!((outcome.saturations, outcome.max_abs), (0, 131068));
        let outcome = run(
            a.view(),
            b.view(),
            Settings::default(),
            Drain::Shift(1),
            &config,
        );
        assert_eq!((outcome.results[[1, 0]], outcome.saturations), (32767, 1));
    }
}
