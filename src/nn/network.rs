//! A network: layers in a row, their parameters, stochastic gradient descent.

use anyhow::Result;
use ndarray::Array4;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

use super::layers::{AvgPool, Conv, Flatten, Layer, MaxPool, Param, Relu};
use super::products::Context;
use super::spec::{LayerSpec, NetSpec};
use crate::engine::Pass;

/// A network ready to train.
pub struct Network {
    /// What it was built from.
    pub spec: NetSpec,
    layers: Vec<Box<dyn Layer>>,
    classes: usize,
}

impl Network {
    /// Builds a network; layer i draws its weights from stream i of a ChaCha8 generator seeded with `seed`.
    ///
    /// # Errors
    /// Layers that do not fit each other.
    pub fn new(spec: NetSpec, seed: u64) -> Result<Self> {
        let shapes = spec.shapes()?;
        let mut layers: Vec<Box<dyn Layer>> = Vec::new();
        let mut learns = false;
        for (number, (layer, &input)) in spec.layers.iter().zip(&shapes).enumerate() {
            let name = &layer.name(number + 1);
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(number as u64);
            let pool =
                |stride: Option<super::Pair>, kernel: super::Pair| stride.unwrap_or(kernel).get();
            layers.push(match *layer {
                LayerSpec::Relu { .. } => Box::new(Relu::new(name)),
                LayerSpec::Flatten { .. } => Box::new(Flatten::new(name)),
                LayerSpec::MaxPool { kernel, stride, .. } => {
                    Box::new(MaxPool::new(name, kernel.get(), pool(stride, kernel))?)
                }
                LayerSpec::AvgPool { kernel, stride, .. } => {
                    Box::new(AvgPool::new(name, kernel.get(), pool(stride, kernel))?)
                }
                LayerSpec::Conv { .. } | LayerSpec::FullyConnected { .. } => {
                    let geometry = layer.geometry(input).expect("a layer with weights");
                    let input_grad = std::mem::replace(&mut learns, true);
                    Box::new(Conv::new(name, geometry, input_grad, &mut rng)?)
                }
            });
        }
        let classes = shapes[shapes.len() - 1][0];
        Ok(Network {
            spec,
            layers,
            classes,
        })
    }

    /// Number of classes it tells apart.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Logits [B, classes, 1, 1] of images [B, channels, rows, columns].
    ///
    /// # Errors
    /// What the engine refuses or finds wrong, with layer and pass.
    pub fn forward(&mut self, images: Array4<f32>, cx: &mut Context) -> Result<Array4<f32>> {
        self.layers
            .iter_mut()
            .try_fold(images, |x, layer| layer.forward(x, cx))
    }

    /// Sets all gradients from that of the logits; belongs to the latest training [`Network::forward`].
    ///
    /// # Errors
    /// What the engine refuses or finds wrong, with layer and pass.
    pub fn backward(&mut self, logits: Array4<f32>, cx: &mut Context) -> Result<()> {
        let mut gradient = logits;
        for layer in self.layers.iter_mut().rev() {
            match layer.backward(gradient, cx)? {
                Some(dx) => gradient = dx,
                None => break,
            }
        }
        Ok(())
    }

    /// One step of SGD with momentum: v ← momentum · v + gradient, value ← value − lr · v.
    pub fn step(&mut self, lr: f32, momentum: f32) {
        for param in self.params() {
            let Param {
                value,
                grad,
                velocity,
            } = param;
            velocity.zip_mut_with(grad, |v, g| *v = momentum * *v + g);
            value.zip_mut_with(velocity, |w, v| *w -= lr * v);
        }
    }

    /// All parameters, in layer order.
    pub fn params(&mut self) -> impl Iterator<Item = &mut Param> {
        self.layers.iter_mut().flat_map(|l| l.params())
    }

    /// SHA-256, in hexadecimal, of all parameters as little-endian f32 in layer order.
    pub fn weights_hash(&mut self) -> String {
        let mut hash = Sha256::new();
        for param in self.params() {
            param
                .value
                .iter()
                .for_each(|v| hash.update(v.to_le_bytes()));
        }
        hex(&hash.finalize())
    }

    /// Names of the layers that have dot products.
    pub fn product_layers(&self) -> Vec<String> {
        let layers = self.layers.iter().filter(|l| l.geometry(1).is_some());
        layers.map(|l| l.name().to_string()).collect()
    }

    /// Multiply-accumulates of one image in the forward pass, taps on padding included.
    pub fn forward_macs(&self) -> u64 {
        let geometries = self.layers.iter().filter_map(|l| l.geometry(1));
        geometries.map(|g| g.macs(Pass::Forward)).sum()
    }
}

/// Bytes as lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::Golden;
    use crate::nn::{DrainPolicy, softmax_cross_entropy};
    use ndarray::{Array4, IxDyn};
    use rand::RngExt;

    fn tiny(seed: u64) -> Network {
        let text = "name = 'tiny'\ninput = [2, 6, 6]\n\
            [[layers]]\nkind = 'conv'\nfilters = 4\nkernel = 3\npadding = 1\n[[layers]]\nkind = 'relu'\n\
            [[layers]]\nkind = 'avg_pool'\nkernel = 2\n\
            [[layers]]\nkind = 'conv'\nfilters = 4\nkernel = 2\ngroups = 2\n[[layers]]\nkind = 'relu'\n\
            [[layers]]\nkind = 'flatten'\n[[layers]]\nkind = 'fully_connected'\noutputs = 3";
        Network::new(NetSpec::parse(text).unwrap(), seed).unwrap()
    }

    /// Slopes of the whole network's loss by every parameter. Unlike in the layer tests, a step may cross the bend of a
    /// rectifier, so the comparison is of whole tensors and the tolerance wider.
    #[test]
    fn gradients_of_a_whole_network_are_slopes_of_its_loss() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let x = Array4::from_shape_simple_fn((3, 2, 6, 6), || rng.random_range(-1.0f32..1.0));
        let labels = [0, 2, 1];
        let mut net = tiny(3);
        let mut engine = Golden::new(16);
        let mut cx = Context {
            drain: DrainPolicy::Raw,
            ..Context::new(&mut engine)
        };
        let logits = net.forward(x.clone(), &mut cx).unwrap();
        net.backward(
            softmax_cross_entropy(logits.view(), &labels).gradient,
            &mut cx,
        )
        .unwrap();
        cx.training = false;
        let grads: Vec<_> = net.params().map(|p| p.grad.clone()).collect();
        let h = 1.0 / 256.0;
        for (p, grad) in grads.iter().enumerate() {
            let (mut wrong, mut size) = (0.0, 0.0);
            for (index, &got) in grad.indexed_iter() {
                let mut loss = |offset: f32| {
                    *nth_value(&mut net, p, &index) += offset;
                    let logits = net.forward(x.clone(), &mut cx).unwrap();
                    *nth_value(&mut net, p, &index) -= offset;
                    softmax_cross_entropy(logits.view(), &labels).loss
                };
                let slope = (loss(h) - loss(-h)) / (2.0 * h);
                wrong += (slope - got).powi(2);
                size += got.powi(2);
            }
            let error = (wrong / size).sqrt();
            assert!(error < 0.05, "parameter {p}: relative error {error}");
        }
    }

    fn nth_value<'n>(net: &'n mut Network, p: usize, index: &IxDyn) -> &'n mut f32 {
        net.params()
            .nth(p)
            .map(|param| &mut param.value[index])
            .expect("parameter p")
    }

    #[test]
    fn momentum_accumulates_gradients() {
        let mut net = tiny(0);
        let before = net.params().next().unwrap().value.clone();
        net.params().for_each(|p| p.grad.fill(1.0));
        net.step(0.5, 0.5);
        net.step(0.5, 0.5);
        // v = 1, then 1.5: in all −0.5 · 2.5.
        let param = net.params().next().unwrap();
        for (now, before) in param.value.iter().zip(&before) {
            assert!((now - (before - 1.25)).abs() < 1e-6);
        }
    }

    #[test]
    fn the_hash_tells_weights_apart_and_the_seed_repeats_them() {
        assert_eq!(tiny(1).weights_hash(), tiny(1).weights_hash());
        assert_ne!(tiny(1).weights_hash(), tiny(2).weights_hash());
        let mut net = tiny(1);
        *nth_value(&mut net, 3, &IxDyn(&[0])) += 1e-6;
        assert_ne!(net.weights_hash(), tiny(1).weights_hash());
    }
}
