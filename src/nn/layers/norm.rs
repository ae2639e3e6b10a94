//! Normalisation: zero mean and unit variance, then a learnt scale and shift of each channel.

use anyhow::Result;
use ndarray::{Array1, Array4, ArrayD, ArrayRef, ArrayView1, Axis, Dimension, IxDyn, Zip};

use super::{KEPT, Layer, Param};
use crate::nn::products::Context;

/// Added to variances before the square root.
const EPSILON: f64 = 1e-5;
/// Share of the latest batch in the running statistics of [`BatchNorm`].
const LATEST: f32 = 0.1;

/// A scale and a shift per channel, and what their gradients need.
struct Affine {
    /// Scale, 1 at first, and shift, 0 at first: [C] each.
    params: [Param; 2],
    /// Normalised input of the latest training forward.
    normal: Option<Array4<f32>>,
}

impl Affine {
    fn new(channels: usize) -> Self {
        let filled = |v| Param::new(ArrayD::from_elem(IxDyn(&[channels]), v));
        Affine {
            params: [filled(1.0), filled(0.0)],
            normal: None,
        }
    }

    /// Scale and shift of channel `c`.
    fn of(&self, c: usize) -> [f32; 2] {
        [0, 1].map(|i| self.params[i].value[[c]])
    }

    /// scale · normal + shift.
    fn forward(&mut self, normal: Array4<f32>, training: bool) -> Array4<f32> {
        let mut y = normal.clone();
        for (c, mut channel) in y.axis_iter_mut(Axis(1)).enumerate() {
            let [scale, shift] = self.of(c);
            channel.mapv_inplace(|v| scale * v + shift);
        }
        if training {
            self.normal = Some(normal);
        }
        y
    }

    /// Sets the gradients of scale and shift; returns the gradient of the normalised input, and that input.
    fn backward(&mut self, mut dy: Array4<f32>) -> [Array4<f32>; 2] {
        let normal = self.normal.take().expect(KEPT);
        for (c, mut dy) in dy.axis_iter_mut(Axis(1)).enumerate() {
            let normal = normal.index_axis(Axis(1), c);
            let [_, dot, sum] = sums(&dy, &normal);
            self.params[0].grad[[c]] = dot as f32;
            self.params[1].grad[[c]] = sum as f32;
            let [scale, _] = self.of(c);
            dy.mapv_inplace(|v| scale * v);
        }
        [dy, normal]
    }
}

/// Number of elements, Σ a·b and Σ a.
fn sums<D: Dimension>(a: &ArrayRef<f32, D>, b: &ArrayRef<f32, D>) -> [f64; 3] {
    let start = [a.len() as f64, 0.0, 0.0];
    Zip::from(a).and(b).fold(start, |[n, dot, sum], &a, &b| {
        let (a, b) = (f64::from(a), f64::from(b));
        [n, dot + a * b, sum + a]
    })
}

/// Mean and variance (divided by the number of elements).
fn moments<D: Dimension>(values: &ArrayRef<f32, D>) -> [f64; 2] {
    let n = values.len() as f64;
    let mean = values.fold(0.0, |sum, &v| sum + f64::from(v)) / n;
    let variance = values.fold(0.0, |sum, &v| sum + (f64::from(v) - mean).powi(2)) / n;
    [mean, variance]
}

/// 1 / √(variance + ε).
fn inverse_deviation(variance: f64) -> f32 {
    (1.0 / (variance + EPSILON).sqrt()) as f32
}

/// Backward of v ↦ (v − mean) · inverse over one set of values, in place: dx = inverse · (d − mean(d) − normal ·
/// mean(d · normal)).
fn backward_normal<D: Dimension>(
    d: &mut ArrayRef<f32, D>,
    normal: &ArrayRef<f32, D>,
    inverse: f32,
) {
    let [n, dot, sum] = sums(d, normal);
    let (mean, slope) = ((sum / n) as f32, (dot / n) as f32);
    Zip::from(d)
        .and(normal)
        .for_each(|d, &normal| *d = inverse * (*d - mean - normal * slope));
}

/// Normalises each channel over batch, rows and columns (Ioffe and Szegedy 2015).
///
/// Training uses the statistics of the batch and keeps running ones, r ← 0.9·r + 0.1·batch with the unbiased variance;
/// evaluation uses those.
pub struct BatchNorm {
    name: String,
    affine: Affine,
    /// Running mean and variance, [C] each.
    running: [Array1<f32>; 2],
    /// 1 / standard deviation of each channel in the latest training forward.
    inverse: Array1<f32>,
}

impl BatchNorm {
    /// A layer for so many channels: scale 1, shift 0, running mean 0 and variance 1.
    pub fn new(name: &str, channels: usize) -> Self {
        BatchNorm {
            name: name.into(),
            affine: Affine::new(channels),
            running: [Array1::zeros(channels), Array1::ones(channels)],
            inverse: Array1::zeros(channels),
        }
    }

    /// Takes a batch's mean and variance of channel `c`, from `n` values, into the running ones.
    fn remember(&mut self, c: usize, [mean, variance]: [f64; 2], n: usize) {
        let unbiased = variance * n as f64 / (n.max(2) - 1) as f64;
        for (running, latest) in self.running.iter_mut().zip([mean, unbiased]) {
            running[c] += LATEST * (latest as f32 - running[c]);
        }
    }
}

impl Layer for BatchNorm {
    fn name(&self) -> &str {
        &self.name
    }

    fn forward(&mut self, mut x: Array4<f32>, cx: &mut Context) -> Result<Array4<f32>> {
        for c in 0..x.len_of(Axis(1)) {
            let mut channel = x.index_axis_mut(Axis(1), c);
            let [mean, variance] = match cx.training {
                true => moments(&channel),
                false => [0, 1].map(|i| f64::from(self.running[i][c])),
            };
            let inverse = inverse_deviation(variance);
            channel.mapv_inplace(|v| (v - mean as f32) * inverse);
            if cx.training {
                let n = channel.len();
                self.remember(c, [mean, variance], n);
                self.inverse[c] = inverse;
            }
        }
        Ok(self.affine.forward(x, cx.training))
    }

    fn backward(&mut self, dy: Array4<f32>, _cx: &mut Context) -> Result<Option<Array4<f32>>> {
        let [mut dx, normal] = self.affine.backward(dy);
        for (c, &inverse) in self.inverse.iter().enumerate() {
            let mut channel = dx.index_axis_mut(Axis(1), c);
            backward_normal(&mut channel, &normal.index_axis(Axis(1), c), inverse);
        }
        Ok(Some(dx))
    }

    fn params(&mut self) -> Vec<&mut Param> {
        self.affine.params.iter_mut().collect()
    }
}

/// Normalises each position (image, row, column) over its channels (Ba et al. 2016); on token rows, each token.
pub struct LayerNorm {
    name: String,
    affine: Affine,
    /// 1 / standard deviation of each position in the latest training forward.
    inverse: Vec<f32>,
}

impl LayerNorm {
    /// A layer for so many channels: scale 1, shift 0.
    pub fn new(name: &str, channels: usize) -> Self {
        LayerNorm {
            name: name.into(),
            affine: Affine::new(channels),
            inverse: vec![],
        }
    }
}

impl Layer for LayerNorm {
    fn name(&self) -> &str {
        &self.name
    }

    fn forward(&mut self, mut x: Array4<f32>, cx: &mut Context) -> Result<Array4<f32>> {
        let mut inverses = Vec::with_capacity(x.len() / x.len_of(Axis(1)));
        for mut position in x.lanes_mut(Axis(1)) {
            let [mean, variance] = moments(&position);
            let inverse = inverse_deviation(variance);
            position.mapv_inplace(|v| (v - mean as f32) * inverse);
            inverses.push(inverse);
        }
        if cx.training {
            self.inverse = inverses;
        }
        Ok(self.affine.forward(x, cx.training))
    }

    fn backward(&mut self, dy: Array4<f32>, _cx: &mut Context) -> Result<Option<Array4<f32>>> {
        let [mut dx, normal] = self.affine.backward(dy);
        let lanes = dx.lanes_mut(Axis(1)).into_iter().zip(normal.lanes(Axis(1)));
        for ((mut dx, normal), &inverse) in lanes.zip(&self.inverse) {
            let normal: ArrayView1<f32> = normal;
            backward_normal(&mut dx, &normal, inverse);
        }
        Ok(Some(dx))
    }

    fn params(&mut self) -> Vec<&mut Param> {
        self.affine.params.iter_mut().collect()
    }
}
