//! Random operands that repeat themselves, in ways that detection must tell apart.

use ndarray::Array4;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::numeric::operand_range;

/// Which class a pixel belongs to; pixels of a class have one value in each channel.
enum Pattern {
    /// One class.
    Constant,
    /// Any class.
    Noise,
    /// By row, column and image, periodic.
    Periodic([usize; 3]),
    /// Class 0 but for one pixel in so many.
    Sparse(usize),
    /// Every value is drawn on its own.
    Unique,
}

/// A detected operand: pixels of few classes, some of them zero.
pub(super) fn repeating(shape: [usize; 4], bits: u32, rng: &mut ChaCha8Rng) -> Array4<i16> {
    let classes = [1, 2, 3, 5, 64][rng.random_range(0..5)];
    let pattern = match rng.random_range(0..8) {
        0 => Pattern::Constant,
        1 | 2 => Pattern::Noise,
        3 => Pattern::Periodic([0, 1, 2].map(|_| rng.random_range(0..4))),
        4 | 5 => Pattern::Sparse(rng.random_range(2..40)),
        6 => Pattern::Periodic([1, 0, 0]),
        _ => Pattern::Unique,
    };
    let [images, channels, rows, cols] = shape;
    let class = Array4::from_shape_fn([images, 1, rows, cols], |(b, _, y, x)| match pattern {
        Pattern::Constant => 0,
        Pattern::Noise | Pattern::Unique => rng.random_range(0..classes),
        Pattern::Periodic([image, row, col]) => (b * image + y * row + x * col) % classes,
        Pattern::Sparse(one_in) if rng.random_range(0..one_in) == 0 => rng.random_range(0..classes),
        Pattern::Sparse(_) => 0,
    });
    let (zero, kind) = (rng.random_bool(0.6), rng.random_range(0..3));
    let table = Array4::from_shape_fn([channels, classes, 1, 1], |(_, class, ..)| {
        if class == 0 && zero {
            0
        } else {
            value(kind, bits, rng)
        }
    });
    Array4::from_shape_fn(shape, |(b, c, y, x)| match pattern {
        Pattern::Unique => value(kind, bits, rng),
        _ => table[[c, class[[b, 0, y, x]], 0, 0]],
    })
}

/// The other operand: anything, extremes of one sign (their sums are wide), or small values and zeros.
pub(super) fn other(shape: [usize; 4], bits: u32, rng: &mut ChaCha8Rng) -> Array4<i16> {
    let (low, high) = operand_range(bits);
    let kind = rng.random_range(0..5);
    Array4::from_shape_simple_fn(shape, || match kind {
        3 => low,
        4 => high,
        _ => value(kind, bits, rng),
    })
}

/// A value: any, mostly extremes, or small.
fn value(kind: usize, bits: u32, rng: &mut ChaCha8Rng) -> i16 {
    let (low, high) = operand_range(bits);
    match (kind, rng.random_range(0..4)) {
        (0, _) => rng.random_range(low..=high),
        (1, 0) => low,
        (1, 1) => high,
        (_, 3) => 0,
        _ => rng.random_range(-3..=3),
    }
}
