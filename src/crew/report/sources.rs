//! Weights to measure: trained networks, files, and large shapes drawn from what was trained.

use std::path::Path;

use anyhow::{Result, ensure};
use ndarray::{Array2, Axis, s};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::prepare;
use crate::crew::files;
use crate::golden::Golden;
use crate::nn::data::Dataset;
use crate::nn::{
    self, Context, DrainPolicy, Event, LayerReuse, NetSpec, Network, Options, TestAfter,
    softmax_cross_entropy,
};

/// Bits of the operands that networks are trained and tested with.
const DATA_BITS: u32 = 16;
/// Fewest inputs and outputs of a layer whose weights the drawn ones follow.
const LARGE: usize = 32;

/// Where weights come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A network trained here.
    Trained,
    /// Drawn from the distribution measured on trained layers.
    Drawn,
    /// A file of the user.
    File,
}

/// A layer before quantisation.
#[derive(Clone, Debug)]
pub struct Source {
    /// Name, with that of its network or file.
    pub name: String,
    /// Where its weights come from.
    pub origin: Origin,
    /// Weights `[inputs, outputs]`.
    pub weights: Array2<f64>,
}

/// The matrices of a file.
///
/// # Errors
/// As [`files::matrices`].
pub fn file(path: &Path, transposed: bool) -> Result<Vec<Source>> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let source = |(name, weights)| Source {
        name: format!("{stem} {name}"),
        origin: Origin::File,
        weights,
    };
    Ok(files::matrices(path, transposed)?
        .into_iter()
        .map(source)
        .collect())
}

/// A trained network of fully connected layers and 1×1 convolutions, and the images to test it.
pub struct Trained {
    net: Network,
    data: Dataset,
    /// Name of the layer of each weight parameter, by the parameter's place.
    weights: Vec<(usize, String)>,
}

impl Trained {
    /// Trains a network as its file says.
    ///
    /// # Errors
    /// A network with other layers that have weights, data that do not fit.
    pub fn new(
        net: &str,
        data: Dataset,
        seed: u64,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<Trained> {
        let mut net = Network::new(NetSpec::open(net)?, seed)?;
        let weights = weight_parameters(&mut net)?;
        let options = Options {
            hyper: net.spec.training.clone(),
            seed,
            drain: DrainPolicy::default(),
            reuse: LayerReuse::default(),
            test_after: TestAfter::LastEpoch,
        };
        nn::train(
            &mut net,
            &data,
            &mut Golden::new(DATA_BITS),
            &options,
            on_event,
        )?;
        Ok(Trained { net, data, weights })
    }

    /// Name of the network.
    pub fn name(&self) -> &str {
        &self.net.spec.name
    }

    /// The layers' weights.
    pub fn sources(&mut self) -> Vec<Source> {
        let name = self.net.spec.name.clone();
        let values: Vec<_> = self.net.params().map(|p| p.value.clone()).collect();
        let source = |(at, layer): &(usize, String)| Source {
            name: format!("{name} {layer}"),
            origin: Origin::Trained,
            weights: matrix(&values[*at]),
        };
        self.weights.iter().map(source).collect()
    }

    /// Share of the test images classified right with all weights quantised to `bits` bits, each layer on its own, and rare ones
    /// merged; with none as they were trained. Activations keep 16 bits.
    ///
    /// # Errors
    /// Weights that cannot be quantised.
    pub fn accuracy(&mut self, bits: Option<u32>, merge: f64) -> Result<f64> {
        let kept: Vec<_> = self.net.params().map(|p| p.value.clone()).collect();
        for (at, _) in self.weights.iter().filter(|_| bits.is_some()) {
            let weights = matrix(&kept[*at]);
            let largest = weights.iter().fold(0.0f64, |m, w| m.max(w.abs()));
            let bits = bits.unwrap_or(8);
            let step = largest / f64::from((1 << (bits - 1)) - 1);
            let (quantised, _) = prepare(&weights, bits, merge)?;
            let param = self.net.params().nth(*at).expect("a weight parameter");
            for (value, w) in param.value.iter_mut().zip(quantised.t()) {
                *value = (f64::from(*w) * step) as f32;
            }
        }
        let right = self.right();
        for (param, value) in self.net.params().zip(kept) {
            param.value = value;
        }
        Ok(right? as f64 / self.data.test.len() as f64)
    }

    fn right(&mut self) -> Result<usize> {
        let mut engine = Golden::new(DATA_BITS);
        let mut cx = Context {
            training: false,
            ..Context::new(&mut engine)
        };
        let test = &self.data.test;
        let batch = self.net.spec.training.batch;
        let mut right = 0;
        for first in (0..test.len()).step_by(batch) {
            let end = (first + batch).min(test.len());
            let images = test.pixels.slice(s![first..end, .., .., ..]).to_owned();
            let labels = &test.labels[first..end];
            let logits = self.net.forward(images, &mut cx)?;
            let predictions = softmax_cross_entropy(logits.view(), labels).predictions;
            right += predictions
                .iter()
                .zip(labels)
                .filter(|(p, l)| p == l)
                .count();
        }
        Ok(right)
    }
}

/// `[inputs, outputs]` of a parameter `[outputs, inputs, 1, 1]`.
fn matrix(value: &ndarray::ArrayD<f32>) -> Array2<f64> {
    let outputs = value.len_of(Axis(0));
    let weights = value.mapv(f64::from);
    let weights = weights.into_shape_with_order((outputs, value.len() / outputs));
    weights.expect("a parameter is contiguous").reversed_axes()
}

/// Weight parameters, each with the name of its layer: the products whose weights have the parameter's shape, in order.
fn weight_parameters(net: &mut Network) -> Result<Vec<(usize, String)>> {
    let products = net.spec.products(1)?;
    let mut products = products.iter();
    let shapes: Vec<Vec<usize>> = net.params().map(|p| p.value.shape().to_vec()).collect();
    let mut weights = Vec::new();
    for (at, shape) in shapes.iter().enumerate().filter(|(_, s)| s.len() == 4) {
        ensure!(
            shape[2..] == [1, 1],
            "{} has a convolution of {} × {}: give a network of fully connected layers, 1×1 convolutions and attention",
            net.spec.name,
            shape[2],
            shape[3]
        );
        let product = products.find(|(_, geometry)| geometry.w_shape()[..] == shape[..]);
        let (name, _) = product.expect("every weight parameter belongs to a product");
        weights.push((at, name.clone()));
    }
    Ok(weights)
}

/// How trained weights spread: rows (the weights of an input) over their layer, weights over their row.
#[derive(Clone, Debug)]
pub struct Distribution {
    /// Standard deviation of a row over that of its layer, ascending.
    rows: Vec<f64>,
    /// Weight over the standard deviation of its row, ascending.
    weights: Vec<f64>,
}

impl Distribution {
    /// Of the layers with at least 32 inputs and outputs.
    ///
    /// # Errors
    /// No such layer.
    pub fn of(sources: &[Source]) -> Result<Distribution> {
        let rms = |values: &mut dyn Iterator<Item = f64>| {
            let (sum, count) = values.fold((0.0, 0), |(s, n), v| (s + v * v, n + 1));
            (sum / f64::from(count)).sqrt()
        };
        let large = sources
            .iter()
            .filter(|s| s.weights.nrows() >= LARGE && s.weights.ncols() >= LARGE);
        let (mut rows, mut weights) = (Vec::new(), Vec::new());
        for source in large {
            let layer = rms(&mut source.weights.iter().copied());
            for row in source.weights.rows() {
                let own = rms(&mut row.iter().copied());
                rows.push(own / layer);
                if own > 0.0 {
                    weights.extend(row.iter().map(|w| w / own));
                }
            }
        }
        ensure!(
            !weights.is_empty(),
            "no trained layer with at least {LARGE} inputs and outputs to draw weights from"
        );
        rows.sort_by(f64::total_cmp);
        weights.sort_by(f64::total_cmp);
        Ok(Distribution { rows, weights })
    }

    /// A layer of that distribution; `seed` repeats it.
    pub fn draw(&self, name: &str, [inputs, outputs]: [usize; 2], seed: u64) -> Source {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut weights = Array2::zeros((inputs, outputs));
        for mut row in weights.rows_mut() {
            let scale = quantile(&self.rows, rng.random());
            row.map_inplace(|w| *w = scale * quantile(&self.weights, rng.random()));
        }
        Source {
            name: name.into(),
            origin: Origin::Drawn,
            weights,
        }
    }
}

/// The value below which a share of the sorted values lies, linear between them.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = share * (sorted.len() - 1) as f64;
    let (low, part) = (at as usize, at.fract());
    let next = sorted[(low + 1).min(sorted.len() - 1)];
    sorted[low] + part * (next - sorted[low])
}

/// Published shapes: name, inputs and outputs.
pub const SHAPES: [(&str, [usize; 2]); 5] = [
    ("fully connected, 4096 to 4096 (AlexNet fc7)", [4096, 4096]),
    ("feed-forward, 1024 to 4096 (Transformer big)", [1024, 4096]),
    ("feed-forward, 4096 to 1024 (Transformer big)", [4096, 1024]),
    ("LSTM gates, 2 × 1024 to 4 × 1024", [2048, 4096]),
    ("projection, 1024 to 1024 (Transformer big)", [1024, 1024]),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn source(weights: Array2<f64>) -> Source {
        Source {
            name: "w".into(),
            origin: Origin::File,
            weights,
        }
    }

    /// Drawn weights have the spread of those they follow, and the seed repeats them.
    #[test]
    fn drawn_weights_follow_the_distribution() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let rows = Array2::from_shape_fn((40, 64), |(n, _)| {
            (1.0 + n as f64 / 40.0) * (rng.random::<f64>() + rng.random::<f64>() - 1.0)
        });
        let distribution = Distribution::of(&[source(rows.clone())]).unwrap();
        let drawn = distribution.draw("d", [300, 200], 7);
        let spread = |w: &Array2<f64>| {
            let rms = |values: Vec<f64>| {
                (values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64).sqrt()
            };
            let all = rms(w.iter().copied().collect());
            let largest = w.iter().fold(0.0f64, |m, v| m.max(v.abs()));
            let per_row = w.rows().into_iter().map(|r| rms(r.to_vec()) / all);
            (largest / all, rms(per_row.map(|r| r - 1.0).collect()))
        };
        let (want, got) = (spread(&rows), spread(&drawn.weights));
        assert!((want.0 / got.0 - 1.0).abs() < 0.35, "{want:?} {got:?}");
        assert!((want.1 - got.1).abs() < 0.08, "{want:?} {got:?}");
        assert_eq!(drawn.weights, distribution.draw("d", [300, 200], 7).weights);
        assert_ne!(drawn.weights, distribution.draw("d", [300, 200], 8).weights);
        assert!(Distribution::of(&[source(Array2::ones((4, 64)))]).is_err());
    }
}
