//! The loss at the end of a classifier.

use ndarray::{Array4, ArrayView4, Axis};

/// Result of [`softmax_cross_entropy`].
#[derive(Clone, Debug)]
pub struct SoftmaxLoss {
    /// Mean over the batch of −ln p(label).
    pub loss: f32,
    /// Gradient of `loss` by the logits, [B, classes, 1, 1].
    pub gradient: Array4<f32>,
    /// Most likely class of each sample, the lowest one on a tie.
    pub predictions: Vec<usize>,
}

/// Softmax and cross-entropy of `logits` [B, classes, 1, 1] against one label per sample.
///
/// # Panics
/// If there are not as many labels as samples, or a label is not a class.
pub fn softmax_cross_entropy(logits: ArrayView4<f32>, labels: &[usize]) -> SoftmaxLoss {
    assert_eq!(logits.len_of(Axis(0)), labels.len(), "one label per sample");
    let batch = labels.len() as f32;
    let mut gradient = logits.to_owned();
    let mut predictions = Vec::with_capacity(labels.len());
    let mut loss = 0.0;
    for (mut row, &label) in gradient.outer_iter_mut().zip(labels) {
        let row = row.as_slice_mut().expect("an owned tensor is contiguous");
        let mut best = 0;
        for (class, v) in row.iter().enumerate() {
            if *v > row[best] {
                best = class;
            }
        }
        let max = row[best];
        let sum: f32 = row.iter().map(|v| (v - max).exp()).sum();
        loss += sum.ln() - (row[label] - max);
        for (class, v) in row.iter_mut().enumerate() {
            let hot = if class == label { 1.0 } else { 0.0 };
            *v = ((*v - max).exp() / sum - hot) / batch;
        }
        predictions.push(best);
    }
    SoftmaxLoss {
        loss: loss / batch,
        gradient,
        predictions,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradient_is_the_slope_of_the_loss() {
        let logits =
            Array4::from_shape_vec((2, 3, 1, 1), vec![0.5, -1.0, 2.0, 0.0, 0.25, -3.0]).unwrap();
        let labels = [2, 0];
        // The definition in f64: no maximum subtracted.
        let loss = |t: &Array4<f32>| -> f64 {
            let p = |b: usize, c: usize| f64::from(t[[b, c, 0, 0]]).exp();
            let sample = |(b, &label): (usize, &usize)| {
                -((p(b, label) / (0..3).map(|c| p(b, c)).sum::<f64>()).ln())
            };
            labels.iter().enumerate().map(sample).sum::<f64>() / 2.0
        };
        let got = softmax_cross_entropy(logits.view(), &labels);
        assert!((f64::from(got.loss) - loss(&logits)).abs() < 1e-6);
        assert_eq!(got.predictions, [2, 1]);
        for (index, &slope) in got.gradient.indexed_iter() {
            let (mut up, mut down) = (logits.clone(), logits.clone());
            up[index] += 1.0 / 256.0;
            down[index] -= 1.0 / 256.0;
            let want = (loss(&up) - loss(&down)) * 128.0;
            assert!(
                (f64::from(slope) - want).abs() < 1e-5,
                "{index:?}: {slope} {want}"
            );
        }
    }

    #[test]
    fn large_logits_stay_finite() {
        let logits = Array4::from_shape_vec((1, 2, 1, 1), vec![1e4, -1e4]).unwrap();
        let got = softmax_cross_entropy(logits.view(), &[1]);
        assert_eq!(got.loss, 2e4);
        assert!(got.gradient.iter().all(|v| v.is_finite()));
    }
}
