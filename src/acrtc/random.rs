//! Random products that reach every corner: shapes, rows that are alike, zeros, extremes, levels, drains.

use ndarray::Array2;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Mode, Settings};
use crate::config::tc::TcConfig;
use crate::engine::Drain;
use crate::numeric;

/// A product and how it is computed.
#[derive(Clone, Debug)]
pub struct Case {
    /// First factor `[rows, k]`.
    pub a: Array2<i16>,
    /// Second factor `[k, n]`.
    pub b: Array2<i16>,
    /// What is skipped.
    pub settings: Settings,
    /// What leaves.
    pub drain: Drain,
}

/// How the rows of a case are made.
#[derive(Clone, Copy)]
enum Rows {
    Noise,
    Walk,
    Few,
    Sparse,
    Extremes,
    Mixed,
}

/// Product `number` of a seed, of a size that suits the configuration: some need several jobs in each direction.
pub fn case(seed: u64, number: u64, config: &TcConfig) -> Case {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(number);
    let mut size = |typical: usize, most: usize| match rng.random_range(0..8) {
        0 => 1,
        1 => rng.random_range(1..=most),
        _ => rng.random_range(1..=typical.min(most)),
    };
    let k = size(4 * config.lanes, (5 * config.elements() / 2).min(400));
    let n = size(
        4 * config.columns,
        (5 * config.columns * config.blocks / 2).min(80),
    );
    let rows = size(12, 60);
    let settings = match config.reuse() {
        true => Settings {
            mode: Mode::ALL[[0, 1, 2, 2, 2][rng.random_range(0..5)]],
            level: if rng.random() {
                0
            } else {
                rng.random_range(0..=config.max_level() as u8)
            },
        },
        false => Settings::default(),
    };
    let drain = match rng.random_range(0..3) {
        0 => Drain::Raw,
        1 => Drain::Shift(rng.random_range(0..config.acc_w() as u32)),
        // About as large as the results.
        _ => Drain::Shift(rng.random_range(config.data_w as u32 - 4..config.data_w as u32 + 6)),
    };
    Case {
        a: rows_of(&mut rng, [rows, k], config.data_w as u32),
        b: weights(&mut rng, [k, n], config.data_w as u32),
        settings,
        drain,
    }
}

fn weights(rng: &mut ChaCha8Rng, shape: [usize; 2], bits: u32) -> Array2<i16> {
    let (low, high) = numeric::operand_range(bits);
    let extreme = rng.random_ratio(1, 8);
    Array2::from_shape_simple_fn(shape, || match extreme {
        true => [low, high][rng.random_range(0..2)],
        false => rng.random_range(low..=high),
    })
}

fn rows_of(rng: &mut ChaCha8Rng, [rows, k]: [usize; 2], bits: u32) -> Array2<i16> {
    let kinds = [
        Rows::Noise,
        Rows::Walk,
        Rows::Few,
        Rows::Sparse,
        Rows::Extremes,
        Rows::Mixed,
    ];
    let kind = kinds[rng.random_range(0..kinds.len())];
    let mut a = Array2::zeros((rows, k));
    for i in 0..rows {
        let kind = match kind {
            Rows::Mixed => kinds[rng.random_range(0..5)],
            kind => kind,
        };
        for j in 0..k {
            let before = if i > 0 { a[[i - 1, j]] } else { 0 };
            a[[i, j]] = element(rng, kind, before, bits);
        }
    }
    a
}

fn element(rng: &mut ChaCha8Rng, kind: Rows, before: i16, bits: u32) -> i16 {
    let (low, high) = numeric::operand_range(bits);
    match kind {
        Rows::Noise | Rows::Mixed => rng.random_range(low..=high),
        Rows::Walk => before
            .saturating_add(rng.random_range(-3..=3))
            .clamp(low, high),
        Rows::Few if rng.random_ratio(1, 10) => rng.random_range(low..=high),
        Rows::Few => before,
        Rows::Sparse if rng.random_ratio(1, 4) => rng.random_range(-90..=90),
        Rows::Sparse => 0,
        Rows::Extremes => [low, high, high - 1, 0, before][rng.random_range(0..5)],
    }
}
