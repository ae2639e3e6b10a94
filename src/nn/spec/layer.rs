//! One entry of a layer list: its keys, its shapes, its products.

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use super::{Pads, Pair};
use crate::engine::Geometry;
use crate::nn::layers::{Attention, Lstm};

/// One entry of a layer list. Every kind may have a `name` for reports and reuse settings; by default it is kind and
/// number, inside a block behind the block's name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum LayerSpec {
    /// Convolution.
    Conv {
        /// See [`LayerSpec`].
        name: Option<String>,
        /// Output channels.
        filters: usize,
        /// Taps per channel.
        kernel: Pair,
        /// Step between output positions.
        #[serde(default = "Pair::one")]
        stride: Pair,
        /// Step between taps.
        #[serde(default = "Pair::one")]
        dilation: Pair,
        /// Zeros around the input.
        #[serde(default = "Pads::none")]
        padding: Pads,
        /// Convolution groups; as many as there are channels make it depthwise.
        #[serde(default = "one")]
        groups: usize,
        /// Whether a learnt number is added to each output channel.
        #[serde(default = "yes")]
        bias: bool,
    },
    /// Fully connected layer with bias, on a flat input.
    FullyConnected {
        /// See [`LayerSpec`].
        name: Option<String>,
        /// Output size.
        outputs: usize,
    },
    /// Multi-head self-attention on token rows.
    Attention {
        /// See [`LayerSpec`].
        name: Option<String>,
        /// Heads; they divide the channels.
        heads: usize,
    },
    /// Long short-term memory on token rows.
    Lstm {
        /// See [`LayerSpec`].
        name: Option<String>,
        /// Size of its state.
        outputs: usize,
    },
    /// max(x, 0).
    Relu {
        /// See [`LayerSpec`].
        name: Option<String>,
    },
    /// Gaussian error linear unit.
    Gelu {
        /// See [`LayerSpec`].
        name: Option<String>,
    },
    /// Each channel normalised over the batch.
    BatchNorm {
        /// See [`LayerSpec`].
        name: Option<String>,
    },
    /// Each position normalised over its channels.
    LayerNorm {
        /// See [`LayerSpec`].
        name: Option<String>,
    },
    /// Largest value of each window.
    MaxPool {
        /// See [`LayerSpec`].
        name: Option<String>,
        /// Window.
        kernel: Pair,
        /// Step; by default the window.
        stride: Option<Pair>,
    },
    /// Mean of each window.
    AvgPool {
        /// See [`LayerSpec`].
        name: Option<String>,
        /// Window.
        kernel: Pair,
        /// Step; by default the window.
        stride: Option<Pair>,
    },
    /// Mean of each channel; on token rows the mean over tokens.
    GlobalAvgPool {
        /// See [`LayerSpec`].
        name: Option<String>,
    },
    /// Channels, rows and columns in one row, before fully connected layers.
    Flatten {
        /// See [`LayerSpec`].
        name: Option<String>,
    },
    /// Patches of an image as token rows [C·ph·pw, T, 1].
    Tokens {
        /// See [`LayerSpec`].
        name: Option<String>,
        /// Rows and columns of a patch.
        patch: Pair,
    },
    /// A learnt value added at each channel and position.
    PositionEmbedding {
        /// See [`LayerSpec`].
        name: Option<String>,
    },
    /// The sum of two branches.
    Residual {
        /// See [`LayerSpec`].
        name: Option<String>,
        /// One branch.
        layers: Vec<LayerSpec>,
        /// The other; the input itself by default.
        #[serde(default)]
        shortcut: Vec<LayerSpec>,
    },
    /// Branches side by side, their channels one behind the other.
    Concat {
        /// See [`LayerSpec`].
        name: Option<String>,
        /// The branches.
        branches: Vec<Vec<LayerSpec>>,
    },
}

fn one() -> usize {
    1
}

fn yes() -> bool {
    true
}

/// A product of a layer: its name and its shape.
pub type NamedGeometry = (String, Geometry);

impl LayerSpec {
    /// The layer's own name, if it has one, and its kind as the file says it.
    fn label(&self) -> (&Option<String>, &'static str) {
        match self {
            LayerSpec::Conv { name, .. } => (name, "conv"),
            LayerSpec::FullyConnected { name, .. } => (name, "fully_connected"),
            LayerSpec::Attention { name, .. } => (name, "attention"),
            LayerSpec::Lstm { name, .. } => (name, "lstm"),
            LayerSpec::Relu { name } => (name, "relu"),
            LayerSpec::Gelu { name } => (name, "gelu"),
            LayerSpec::BatchNorm { name } => (name, "batch_norm"),
            LayerSpec::LayerNorm { name } => (name, "layer_norm"),
            LayerSpec::MaxPool { name, .. } => (name, "max_pool"),
            LayerSpec::AvgPool { name, .. } => (name, "avg_pool"),
            LayerSpec::GlobalAvgPool { name } => (name, "global_avg_pool"),
            LayerSpec::Flatten { name } => (name, "flatten"),
            LayerSpec::Tokens { name, .. } => (name, "tokens"),
            LayerSpec::PositionEmbedding { name } => (name, "position_embedding"),
            LayerSpec::Residual { name, .. } => (name, "residual"),
            LayerSpec::Concat { name, .. } => (name, "concat"),
        }
    }

    /// The kind as the file says it.
    pub fn kind(&self) -> &'static str {
        self.label().1
    }

    /// The layer's name, given its number in its list from 1 and what default names there begin with.
    pub fn name(&self, prefix: &str, number: usize) -> String {
        let (name, kind) = self.label();
        name.clone()
            .unwrap_or_else(|| format!("{prefix}{kind}{number}"))
    }

    /// The layer lists inside a block called `name`, each with what default names in it begin with.
    pub fn branches(&self, name: &str) -> Vec<(String, &[LayerSpec])> {
        match self {
            LayerSpec::Residual {
                layers, shortcut, ..
            } => vec![
                (format!("{name}_"), layers),
                (format!("{name}_shortcut_"), shortcut),
            ],
            LayerSpec::Concat { branches, .. } => (1..)
                .zip(branches)
                .map(|(i, branch)| (format!("{name}_{i}_"), branch.as_slice()))
                .collect(),
            _ => vec![],
        }
    }

    /// The layer's own products on an input of shape `[batch, channels, rows, columns]`, those of inner layers left out.
    pub fn products(
        &self,
        name: &str,
        [batch, channels, height, width]: [usize; 4],
    ) -> Vec<NamedGeometry> {
        match *self {
            LayerSpec::Conv {
                filters,
                kernel,
                stride,
                dilation,
                padding,
                groups,
                ..
            } => {
                let geometry = Geometry {
                    batch,
                    in_channels: channels,
                    height,
                    width,
                    filters,
                    kernel: kernel.get(),
                    stride: stride.get(),
                    dilation: dilation.get(),
                    padding: padding.get(),
                    groups,
                };
                vec![(name.into(), geometry)]
            }
            LayerSpec::FullyConnected { outputs, .. } => {
                let geometry = Geometry::fully_connected(batch, channels, outputs);
                vec![(name.into(), geometry)]
            }
            LayerSpec::Attention { heads, .. } => {
                Attention::products(name, [batch, channels, height], heads).into()
            }
            LayerSpec::Lstm { outputs, .. } => {
                Lstm::products(name, [batch, channels, height], outputs).into()
            }
            _ => vec![],
        }
    }

    /// Shape of the layer's output for one input of shape `[channels, rows, columns]`; `name` is the layer's.
    ///
    /// # Errors
    /// A layer that does not fit its input: value, limit, fix.
    pub fn output(&self, name: &str, input: [usize; 3]) -> Result<[usize; 3]> {
        let [channels, height, width] = input;
        match self {
            LayerSpec::Conv { .. } => self.product_output(name, input),
            LayerSpec::FullyConnected { .. } => {
                ensure!(
                    height == 1 && width == 1,
                    "input is {height}x{width} pixels of {channels} channels, a fully connected layer takes 1x1: \
                     put a flatten layer before it"
                );
                self.product_output(name, input)
            }
            LayerSpec::Attention { heads, .. } => {
                ensure!(
                    width == 1,
                    "input has {width} columns, attention takes token rows of 1: put a tokens layer before it"
                );
                ensure!(
                    *heads > 0 && channels % heads == 0,
                    "heads is {heads}, it must divide the {channels} channels: choose another number of heads"
                );
                Ok(input)
            }
            LayerSpec::Lstm { outputs, .. } => {
                ensure!(
                    width == 1,
                    "input has {width} columns, an LSTM takes token rows of 1: put a tokens layer before it"
                );
                ensure!(
                    *outputs > 0,
                    "outputs is 0, must be at least 1: give the size of the state"
                );
                Ok([*outputs, height, 1])
            }
            LayerSpec::Relu { .. }
            | LayerSpec::Gelu { .. }
            | LayerSpec::BatchNorm { .. }
            | LayerSpec::LayerNorm { .. }
            | LayerSpec::PositionEmbedding { .. } => Ok(input),
            LayerSpec::Flatten { .. } => Ok([channels * height * width, 1, 1]),
            LayerSpec::GlobalAvgPool { .. } => Ok([channels, 1, 1]),
            LayerSpec::Tokens { patch, .. } => {
                let [ph, pw] = patch.get();
                ensure!(
                    ph > 0 && pw > 0 && height % ph == 0 && width % pw == 0,
                    "patch is {ph}x{pw}, it must divide the input's {height}x{width}: choose another patch"
                );
                Ok([channels * ph * pw, height / ph * (width / pw), 1])
            }
            LayerSpec::MaxPool { kernel, stride, .. }
            | LayerSpec::AvgPool { kernel, stride, .. } => {
                pool_output(kernel.get(), stride.unwrap_or(*kernel).get(), input)
            }
            LayerSpec::Residual { .. } => {
                let outputs = self.branch_outputs(name, input)?;
                ensure!(
                    outputs[0] == outputs[1],
                    "layers give {:?}, shortcut gives {:?}: make both the same",
                    outputs[0],
                    outputs[1]
                );
                Ok(outputs[0])
            }
            LayerSpec::Concat { .. } => {
                let outputs = self.branch_outputs(name, input)?;
                let [_, height, width] = *outputs
                    .first()
                    .context("a concat without branches: give it some")?;
                if let Some(other) = outputs.iter().find(|o| o[1..] != [height, width]) {
                    anyhow::bail!(
                        "branches give {:?} and {other:?}: make their rows and columns the same",
                        outputs[0]
                    );
                }
                Ok([outputs.iter().map(|o| o[0]).sum(), height, width])
            }
        }
    }

    /// Output of a layer that is one product.
    fn product_output(&self, name: &str, [c, h, w]: [usize; 3]) -> Result<[usize; 3]> {
        let (_, geometry) = self.products(name, [1, c, h, w]).remove(0);
        geometry.validate()?;
        let [_, filters, rows, columns] = geometry.y_shape();
        Ok([filters, rows, columns])
    }

    fn branch_outputs(&self, name: &str, input: [usize; 3]) -> Result<Vec<[usize; 3]>> {
        let branches = self.branches(name);
        branches
            .iter()
            .map(|(prefix, layers)| Ok(*shapes(layers, prefix, input)?.last().unwrap_or(&input)))
            .collect()
    }
}

fn pool_output(
    [kh, kw]: [usize; 2],
    [sy, sx]: [usize; 2],
    [channels, height, width]: [usize; 3],
) -> Result<[usize; 3]> {
    ensure!(
        kh > 0 && kw > 0,
        "pooling kernel is {kh}x{kw}, must be at least 1x1"
    );
    ensure!(
        sy > 0 && sx > 0,
        "pooling stride is {sy}x{sx}, must be at least 1x1"
    );
    ensure!(
        kh <= height && kw <= width,
        "pooling kernel is {kh}x{kw}, the input only {height}x{width}: use a smaller kernel"
    );
    Ok([channels, (height - kh) / sy + 1, (width - kw) / sx + 1])
}

/// Shapes between the layers of a list, its input first: `[channels, rows, columns]`.
///
/// # Errors
/// A layer that does not fit its input, with its number and name.
pub fn shapes(layers: &[LayerSpec], prefix: &str, input: [usize; 3]) -> Result<Vec<[usize; 3]>> {
    let mut shapes = vec![input];
    for (number, layer) in (1..).zip(layers) {
        let name = layer.name(prefix, number);
        let shape = layer.output(&name, shapes[number - 1]);
        shapes.push(shape.with_context(|| format!("layer {number} ({name})"))?);
    }
    Ok(shapes)
}

/// Calls `visit` with name, specification and input shape of every layer, those of a block behind the block.
///
/// # Errors
/// A layer that does not fit its input.
pub fn walk<'s>(
    layers: &'s [LayerSpec],
    prefix: &str,
    input: [usize; 3],
    visit: &mut impl FnMut(String, &'s LayerSpec, [usize; 3]),
) -> Result<()> {
    let shapes = shapes(layers, prefix, input)?;
    for (number, (layer, &input)) in (1..).zip(layers.iter().zip(&shapes)) {
        let name = layer.name(prefix, number);
        visit(name.clone(), layer, input);
        for (prefix, inner) in layer.branches(&name) {
            walk(inner, &prefix, input, visit)?;
        }
    }
    Ok(())
}
