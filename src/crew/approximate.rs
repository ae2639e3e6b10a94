//! Merging rare weights so that an input's indices lose a bit (the paper's partial product approximation).

use ndarray::Array2;
use std::collections::BTreeMap;

/// What merging did to a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Merged {
    /// Index bits dropped, summed over the inputs.
    pub bits: usize,
    /// Weights that changed.
    pub weights: usize,
    /// √(Σ change² / Σ weight²) of the whole layer.
    pub relative_error: f64,
}

/// Merges, input by input, the rarest unique weights into their nearest neighbours until an index needs a bit less, as
/// long as √(Σ change² / Σ weight²) of that input stays at most `tolerance`. `weights` is `[inputs, outputs]`.
///
/// Rarest first; among equally rare ones the one that costs least, then the smallest.
pub fn merge_rare(weights: &mut Array2<i8>, tolerance: f64) -> Merged {
    let mut merged = Merged::default();
    let (mut change, mut total) = (0.0, 0.0);
    for mut row in weights.rows_mut() {
        let mut original = Counts::new();
        row.iter()
            .for_each(|&w| *original.entry(w).or_default() += 1);
        let unchanged = |(&w, &n): (&i8, &usize)| n as f64 * square(i32::from(w));
        let energy = original.iter().map(unchanged).sum::<f64>();
        let mut target: BTreeMap<i8, i8> = original.keys().map(|&w| (w, w)).collect();
        while let Some(next) = drop_bit(&original, &target) {
            if error(&original, &next) > tolerance * tolerance * energy {
                break;
            }
            target = next;
            merged.bits += 1;
        }
        for w in &mut row {
            merged.weights += usize::from(target[w] != *w);
            *w = target[w];
        }
        change += error(&original, &target);
        total += energy;
    }
    merged.relative_error = if total > 0.0 {
        (change / total).sqrt()
    } else {
        0.0
    };
    merged
}

/// How often each weight of an input occurs.
type Counts = BTreeMap<i8, usize>;

fn square(x: i32) -> f64 {
    f64::from(x * x)
}

fn error(original: &Counts, target: &BTreeMap<i8, i8>) -> f64 {
    let change = |(&w, &n): (&i8, &usize)| n as f64 * square(i32::from(w) - i32::from(target[&w]));
    original.iter().map(change).sum()
}

/// The mapping after merging down to the next power of two; none if there is one value left.
fn drop_bit(original: &Counts, target: &BTreeMap<i8, i8>) -> Option<BTreeMap<i8, i8>> {
    let mut counts = Counts::new();
    for (w, n) in original {
        *counts.entry(target[w]).or_default() += n;
    }
    if counts.len() < 2 {
        return None;
    }
    let goal = counts.len().next_power_of_two() / 2;
    let mut target = target.clone();
    while counts.len() > goal {
        let distance = |w: i8, v: i8| i32::from(w).abs_diff(i32::from(v));
        let nearest = |w: i8| {
            let below = counts.range(..w).next_back().map(|(&v, _)| v);
            let above = counts.range(w..).nth(1).map(|(&v, _)| v);
            [below, above]
                .into_iter()
                .flatten()
                .min_by_key(|&v| distance(w, v))
                .expect("two values or more")
        };
        let rarest = counts
            .iter()
            .map(|(&w, &n)| (n, distance(w, nearest(w)), w))
            .min();
        let (n, _, rare) = rarest.expect("two values or more");
        let kept = nearest(rare);
        counts.remove(&rare);
        *counts.entry(kept).or_default() += n;
        target
            .values_mut()
            .filter(|v| **v == rare)
            .for_each(|v| *v = kept);
    }
    Some(target)
}
