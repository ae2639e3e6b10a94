//! Random layers that reach every corner: shapes, numbers of unique weights, batches.

use anyhow::Result;
use ndarray::{Array2, s};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Layer;
use crate::config::fc::FcConfig;

/// A layer and its input vectors.
#[derive(Clone, Debug)]
pub struct Case {
    /// Weights `[inputs, outputs]`.
    pub weights: Array2<i8>,
    /// Input vectors `[batch, inputs]`.
    pub x: Array2<i8>,
    /// Unique weights of each input that no output has, or none at all.
    pub spares: Vec<Vec<i8>>,
}

impl Case {
    /// The layer, prepared for a configuration.
    ///
    /// # Errors
    /// As [`Layer::new`]; none for a case of that configuration.
    pub fn layer(&self, config: &FcConfig) -> Result<Layer> {
        Layer::with_spares(self.weights.view(), &self.spares, config)
    }
}

/// Layer `number` of a seed, of a size that suits the configuration: some need several jobs in each direction.
pub fn case(seed: u64, number: u64, config: &FcConfig) -> Case {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(number);
    let mut size = |typical: usize, most: usize| match rng.random_range(0..8) {
        0 => 1,
        1 => rng.random_range(1..=most.max(1)),
        2 => typical,
        _ => rng.random_range(1..=(2 * typical).min(most).max(1)),
    };
    let group = config.multipliers;
    let outputs = size(
        (4 * config.lanes).max(24),
        (config.outputs * 3 / 2).min(600),
    );
    let inputs = size(2 * group, (6 * group).min(400));
    let batch = size(3, 40);
    let kind = rng.random_range(0..6);
    let spread = [1, 2, 3, 8, 16, 40, 127][rng.random_range(0..7)];
    let mut weight = |n: usize| -> i8 {
        match kind {
            0 => rng.random(),
            1 => rng.random_range(-8..8),
            2 => rng.random_range(-2..=2) * rng.random_range(-20..=20),
            // A row of one value, and rows of any number of values beside each other.
            3 if n.is_multiple_of(3) => n as i8,
            3 => (rng.random_range(0..=n % 90) as i8).wrapping_mul(7),
            4 => [-128, 127][rng.random_range(0..2)],
            _ => (rng.random_range(-spread..=spread) + rng.random_range(-spread..=spread))
                .clamp(-128i32, 127) as i8,
        }
    };
    let weights = Array2::from_shape_fn((inputs, outputs), |(n, _)| weight(n));
    let extreme = rng.random_range(0..4) == 0;
    let x = Array2::from_shape_fn((batch, inputs), |_| {
        if extreme {
            [-128, 127, 0][rng.random_range(0..3)]
        } else {
            rng.random()
        }
    });
    let spare = rng.random_ratio(1, 8);
    // One row and one vector: tasks of many products before tasks of one follow each other on the same sums.
    let narrow = spare && rng.random();
    let (outputs, batch) = if narrow { (1, 1) } else { (outputs, batch) };
    let (weights, x) = (
        weights.slice_move(s![.., ..outputs]),
        x.slice_move(s![..batch, ..]),
    );
    let spares = (0..if spare { inputs } else { 0 }).map(|_| match rng.random_range(0..3) {
        0 => (0..rng.random_range(0..60)).map(|_| rng.random()).collect(),
        _ => vec![],
    });
    Case {
        spares: spares.collect(),
        weights,
        x,
    }
}
