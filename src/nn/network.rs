//! A network: layers, their parameters, and a training step.

use anyhow::Result;
use ndarray::Array4;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

use super::layers::{
    Attention, AvgPool, BatchNorm, Chain, Concat, Conv, Flatten, Gelu, GlobalAvgPool, Layer,
    LayerNorm, Lstm, MaxPool, Param, PositionEmbedding, Relu, Residual, Tokens,
};
use super::optimizer::Hyper;
use super::products::Context;
use super::spec::{LayerSpec, NamedGeometry, NetSpec};
use crate::engine::Pass;

/// A network ready to train.
pub struct Network {
    /// What it was built from.
    pub spec: NetSpec,
    layers: Chain,
    classes: usize,
    /// What one image takes on the engine.
    products: Vec<NamedGeometry>,
    /// Training steps done.
    steps: i32,
}

impl Network {
    /// Builds a network; the i-th layer, those inside a block counted behind the block, draws its weights from stream i
    /// of a ChaCha8 generator seeded with `seed`.
    ///
    /// # Errors
    /// Layers that do not fit each other.
    pub fn new(spec: NetSpec, seed: u64) -> Result<Self> {
        let shapes = spec.shapes()?;
        let mut builder = Builder { seed, stream: 0 };
        let layers = builder.chain(&spec.layers, "", spec.input, &mut false)?;
        let products = spec.products(1)?;
        Ok(Network {
            classes: shapes[shapes.len() - 1][0],
            spec,
            layers,
            products,
            steps: 0,
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
        self.layers.forward(images, cx)
    }

    /// Sets all gradients from that of the logits; belongs to the latest training [`Network::forward`].
    ///
    /// # Errors
    /// What the engine refuses or finds wrong, with layer and pass.
    pub fn backward(&mut self, logits: Array4<f32>, cx: &mut Context) -> Result<()> {
        self.layers.backward(logits, cx).map(drop)
    }

    /// One step of the optimiser along the gradients of the latest [`Network::backward`].
    pub fn step(&mut self, lr: f32, hyper: &Hyper) {
        self.steps += 1;
        for param in self.layers.params() {
            hyper.update(param, lr, self.steps);
        }
    }

    /// All parameters, in layer order.
    pub fn params(&mut self) -> impl Iterator<Item = &mut Param> {
        self.layers.params().into_iter()
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

    /// Names of the products that the engine computes.
    pub fn product_layers(&self) -> Vec<String> {
        let names = self.products.iter().map(|(name, _)| name.clone());
        names.collect()
    }

    /// Multiply-accumulates of one image in the forward pass, taps on padding included.
    pub fn forward_macs(&self) -> u64 {
        let geometries = self.products.iter().map(|(_, geometry)| geometry);
        geometries.map(|g| g.macs(Pass::Forward)).sum()
    }
}

/// Makes layers of a checked specification.
struct Builder {
    seed: u64,
    /// Layers so far.
    stream: u64,
}

impl Builder {
    /// The layers of one list. `learns`: whether a layer before it learns, then whether one up to its end does.
    fn chain(
        &mut self,
        layers: &[LayerSpec],
        prefix: &str,
        mut shape: [usize; 3],
        learns: &mut bool,
    ) -> Result<Chain> {
        let mut chain = Chain::default();
        for (number, layer) in (1..).zip(layers) {
            let name = layer.name(prefix, number);
            chain.0.push(self.layer(layer, &name, shape, learns)?);
            shape = layer.output(&name, shape)?;
        }
        Ok(chain)
    }

    fn layer(
        &mut self,
        layer: &LayerSpec,
        name: &str,
        shape: [usize; 3],
        learns: &mut bool,
    ) -> Result<Box<dyn Layer>> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(self.stream);
        self.stream += 1;
        let [channels, height, width] = shape;
        let before = *learns;
        *learns |= !matches!(
            layer,
            LayerSpec::Relu { .. }
                | LayerSpec::Gelu { .. }
                | LayerSpec::MaxPool { .. }
                | LayerSpec::AvgPool { .. }
                | LayerSpec::GlobalAvgPool { .. }
                | LayerSpec::Flatten { .. }
                | LayerSpec::Tokens { .. }
                | LayerSpec::Residual { .. }
                | LayerSpec::Concat { .. }
        );
        let conv = |rng: &mut ChaCha8Rng| {
            let (_, geometry) = layer.products(name, [1, channels, height, width]).remove(0);
            Conv::new(name, geometry, before, rng)
        };
        Ok(match *layer {
            LayerSpec::Conv { bias: false, .. } => Box::new(conv(&mut rng)?.without_bias()),
            LayerSpec::Conv { .. } | LayerSpec::FullyConnected { .. } => Box::new(conv(&mut rng)?),
            LayerSpec::Attention { heads, .. } => {
                let sizes = [channels, height];
                Box::new(Attention::new(name, sizes, heads, before, &mut rng)?)
            }
            LayerSpec::Lstm { outputs, .. } => {
                let sizes = [channels, height];
                Box::new(Lstm::new(name, sizes, outputs, before, &mut rng)?)
            }
            LayerSpec::Relu { .. } => Box::new(Relu::new(name)),
            LayerSpec::Gelu { .. } => Box::new(Gelu::new(name)),
            LayerSpec::BatchNorm { .. } => Box::new(BatchNorm::new(name, channels)),
            LayerSpec::LayerNorm { .. } => Box::new(LayerNorm::new(name, channels)),
            LayerSpec::MaxPool { kernel, stride, .. } => {
                let stride = stride.unwrap_or(kernel).get();
                Box::new(MaxPool::new(name, kernel.get(), stride)?)
            }
            LayerSpec::AvgPool { kernel, stride, .. } => {
                let stride = stride.unwrap_or(kernel).get();
                Box::new(AvgPool::new(name, kernel.get(), stride)?)
            }
            LayerSpec::GlobalAvgPool { .. } => Box::new(GlobalAvgPool::new(name)),
            LayerSpec::Flatten { .. } => Box::new(Flatten::new(name)),
            LayerSpec::Tokens { patch, .. } => Box::new(Tokens::new(name, patch.get())?),
            LayerSpec::PositionEmbedding { .. } => {
                Box::new(PositionEmbedding::new(name, shape, &mut rng))
            }
            LayerSpec::Residual { .. } => {
                let mut branches = self.branches(layer, name, shape, learns)?.into_iter();
                let mut next = || branches.next().unwrap_or_default();
                Box::new(Residual::new(name, next(), next()))
            }
            LayerSpec::Concat { .. } => Box::new(Concat::new(
                name,
                self.branches(layer, name, shape, learns)?,
            )),
        })
    }

    /// The branches of a block; `learns` as in [`Builder::chain`].
    fn branches(
        &mut self,
        block: &LayerSpec,
        name: &str,
        shape: [usize; 3],
        learns: &mut bool,
    ) -> Result<Vec<Chain>> {
        let before = *learns;
        let branches = block.branches(name).into_iter();
        branches
            .map(|(prefix, layers)| {
                let mut branch_learns = before;
                let chain = self.chain(layers, &prefix, shape, &mut branch_learns);
                *learns |= branch_learns;
                chain
            })
            .collect()
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
    use crate::nn::{DrainPolicy, built_in_nets, softmax_cross_entropy};
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

    /// The same layers without bends: rectifiers and maxima make way for smooth layers, so that a slope may be taken over a
    /// step long enough for 16-bit products. Their own gradients are checked in the tests of layers.
    fn smooth(layers: &mut [LayerSpec]) {
        for layer in layers {
            match layer {
                LayerSpec::Relu { name } => *layer = LayerSpec::Gelu { name: name.take() },
                LayerSpec::MaxPool {
                    name,
                    kernel,
                    stride,
                } => {
                    *layer = LayerSpec::AvgPool {
                        name: name.take(),
                        kernel: *kernel,
                        stride: *stride,
                    }
                }
                LayerSpec::Residual {
                    layers, shortcut, ..
                } => {
                    smooth(layers);
                    smooth(shortcut);
                }
                LayerSpec::Concat { branches, .. } => branches.iter_mut().for_each(|b| smooth(b)),
                _ => {}
            }
        }
    }

    /// The loss of every built-in network, and of one with the layers that these lack, changes along its parameters as its
    /// gradients say.
    #[test]
    fn gradients_of_whole_networks_are_slopes_of_their_loss() {
        let text = "name = 'branches'\ninput = [2, 6, 6]\n\
            [[layers]]\nkind = 'concat'\nbranches = [[{ kind = 'conv', filters = 4, kernel = 3, padding = 1 }], []]\n\
            [[layers]]\nkind = 'conv'\nfilters = 4\nkernel = 2\ngroups = 2\n\
            [[layers]]\nkind = 'flatten'\n[[layers]]\nkind = 'fully_connected'\noutputs = 3";
        let nets = built_in_nets().map(|name| NetSpec::open(name).unwrap());
        let mut wrong = vec![];
        for (seed, net) in (1..).zip(nets.chain([NetSpec::parse(text).unwrap()])) {
            wrong.extend(wrong_slopes(net, seed));
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    /// Moves each parameter tensor along its gradient plus a random direction, and says where the loss does not follow.
    fn wrong_slopes(mut spec: NetSpec, seed: u64) -> Vec<String> {
        smooth(&mut spec.layers);
        let (name, [c, height, w]) = (spec.name.clone(), spec.input);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let x = Array4::from_shape_simple_fn((4, c, height, w), || rng.random_range(-1.0f32..1.0));
        let labels = [0, 2, 1, 2];
        let mut net = Network::new(spec, seed).unwrap();
        let mut engine = Golden::new(16);
        let mut cx = Context {
            drain: DrainPolicy::Raw,
            ..Context::new(&mut engine)
        };
        let logits = net.forward(x.clone(), &mut cx).unwrap();
        let end = softmax_cross_entropy(logits.view(), &labels);
        net.backward(end.gradient, &mut cx).unwrap();
        let grads: Vec<_> = net.params().map(|p| p.grad.clone()).collect();
        let mut wrong = vec![];
        for (p, grad) in grads.iter().enumerate() {
            let random = grad.mapv(|_| rng.random_range(-1.0f32..1.0));
            let norm = |t: &ndarray::ArrayD<f32>| t.iter().map(|v| v * v).sum::<f32>().sqrt();
            let direction = grad / (norm(grad) + 1e-6) + &random / norm(&random);
            let want: f32 = (grad * &direction).sum();
            let start = net.params().nth(p).unwrap().value.clone();
            let mut loss = |offset: f32| {
                net.params().nth(p).unwrap().value = &start + &(&direction * offset);
                let logits = net.forward(x.clone(), &mut cx).unwrap();
                softmax_cross_entropy(logits.view(), &labels).loss
            };
            let h = 0.02;
            let slope = (loss(h) - loss(-h)) / (2.0 * h);
            net.params().nth(p).unwrap().value = start;
            // Written so that a slope that is no number is wrong.
            let right = (slope - want).abs() < 0.05 * want.abs() + 2e-3;
            if !right {
                let what = format!("parameter {p} of {name}, seed {seed}");
                wrong.push(format!("{what}: slope {slope}, gradient {want}"));
            }
        }
        wrong
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
        let hyper = Hyper {
            momentum: 0.5,
            ..Hyper::default()
        };
        net.step(0.5, &hyper);
        net.step(0.5, &hyper);
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
