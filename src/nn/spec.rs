//! Networks as TOML layer lists.

use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::train::Hyper;
use crate::engine::{Geometry, Padding};

/// One number for both axes, or `[rows, columns]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a number or [rows, columns]")]
pub enum Pair {
    /// Rows and columns alike.
    Both(usize),
    /// Rows, columns.
    Each([usize; 2]),
}

impl Pair {
    /// `[rows, columns]`.
    pub fn get(self) -> [usize; 2] {
        match self {
            Pair::Both(n) => [n; 2],
            Pair::Each(pair) => pair,
        }
    }

    fn one() -> Self {
        Pair::Both(1)
    }
}

/// Zeros around an image: one number, `[rows, columns]`, or `[top, bottom, left, right]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a number, [rows, columns] or [top, bottom, left, right]"
)]
pub enum Pads {
    /// All sides alike.
    All(usize),
    /// Above and below, left and right.
    Axes([usize; 2]),
    /// Top, bottom, left, right.
    Sides([usize; 4]),
}

impl Pads {
    /// The four sides.
    pub fn get(self) -> Padding {
        match self {
            Pads::All(n) => Padding::same(n),
            Pads::Axes([rows, columns]) => Padding {
                top: rows,
                bottom: rows,
                left: columns,
                right: columns,
            },
            Pads::Sides([top, bottom, left, right]) => Padding {
                top,
                bottom,
                left,
                right,
            },
        }
    }

    fn none() -> Self {
        Pads::All(0)
    }
}

/// One entry of a layer list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum LayerSpec {
    /// Convolution with bias.
    Conv {
        /// Name in reports; by default kind and number.
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
        /// Convolution groups.
        #[serde(default = "one")]
        groups: usize,
    },
    /// Fully connected layer with bias, on a flat input.
    FullyConnected {
        /// Name in reports; by default kind and number.
        name: Option<String>,
        /// Output size.
        outputs: usize,
    },
    /// max(x, 0).
    Relu {
        /// Name in reports; by default kind and number.
        name: Option<String>,
    },
    /// Largest value of each window.
    MaxPool {
        /// Name in reports; by default kind and number.
        name: Option<String>,
        /// Window.
        kernel: Pair,
        /// Step; by default the window.
        stride: Option<Pair>,
    },
    /// Mean of each window.
    AvgPool {
        /// Name in reports; by default kind and number.
        name: Option<String>,
        /// Window.
        kernel: Pair,
        /// Step; by default the window.
        stride: Option<Pair>,
    },
    /// Channels, rows and columns in one row, before fully connected layers.
    Flatten {
        /// Name in reports; by default kind and number.
        name: Option<String>,
    },
}

fn one() -> usize {
    1
}

impl LayerSpec {
    /// The layer's name, given its number in the list from 1.
    pub fn name(&self, number: usize) -> String {
        let (name, kind) = match self {
            LayerSpec::Conv { name, .. } => (name, "conv"),
            LayerSpec::FullyConnected { name, .. } => (name, "fully_connected"),
            LayerSpec::Relu { name } => (name, "relu"),
            LayerSpec::MaxPool { name, .. } => (name, "max_pool"),
            LayerSpec::AvgPool { name, .. } => (name, "avg_pool"),
            LayerSpec::Flatten { name } => (name, "flatten"),
        };
        name.clone().unwrap_or_else(|| format!("{kind}{number}"))
    }

    /// Shape of the layer's dot products on one image of shape `[channels, rows, columns]`, if it has any.
    pub fn geometry(&self, [channels, height, width]: [usize; 3]) -> Option<Geometry> {
        match *self {
            LayerSpec::Conv {
                filters,
                kernel,
                stride,
                dilation,
                padding,
                groups,
                ..
            } => Some(Geometry {
                batch: 1,
                in_channels: channels,
                height,
                width,
                filters,
                kernel: kernel.get(),
                stride: stride.get(),
                dilation: dilation.get(),
                padding: padding.get(),
                groups,
            }),
            LayerSpec::FullyConnected { outputs, .. } => {
                Some(Geometry::fully_connected(1, channels, outputs))
            }
            _ => None,
        }
    }

    /// Shape of the layer's output for one input of shape `[channels, rows, columns]`.
    ///
    /// # Errors
    /// A layer that does not fit its input: value, limit, fix.
    pub fn output(&self, input: [usize; 3]) -> Result<[usize; 3]> {
        let [channels, height, width] = input;
        if let LayerSpec::FullyConnected { .. } = self {
            ensure!(
                height == 1 && width == 1,
                "input is {height}x{width} pixels of {channels} channels, a fully connected layer takes 1x1: \
                 put a flatten layer before it"
            );
        }
        match self {
            LayerSpec::Conv { .. } | LayerSpec::FullyConnected { .. } => {
                let geometry = self.geometry(input).expect("a layer with weights");
                geometry.validate()?;
                Ok([
                    geometry.filters,
                    geometry.out_height(),
                    geometry.out_width(),
                ])
            }
            LayerSpec::Relu { .. } => Ok(input),
            LayerSpec::Flatten { .. } => Ok([channels * height * width, 1, 1]),
            LayerSpec::MaxPool { kernel, stride, .. }
            | LayerSpec::AvgPool { kernel, stride, .. } => {
                let ([kh, kw], [sy, sx]) = (kernel.get(), stride.unwrap_or(*kernel).get());
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
        }
    }
}

/// A classifier: its input, its layers, softmax cross-entropy at the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetSpec {
    /// Name in reports.
    pub name: String,
    /// Channels, rows, columns of an image.
    pub input: [usize; 3],
    /// From input to logits.
    pub layers: Vec<LayerSpec>,
    /// How to train it.
    #[serde(default)]
    pub training: Hyper,
}

const BUILT_IN: [(&str, &str); 2] = [
    ("digits-cnn", include_str!("../../nets/digits-cnn.toml")),
    ("photos-cnn", include_str!("../../nets/photos-cnn.toml")),
];

/// Names of the networks that need no file.
pub fn built_in_nets() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().map(|(name, _)| *name)
}

impl NetSpec {
    /// A built-in network by name, or one from a TOML file.
    ///
    /// # Errors
    /// An unknown name (with the known ones), an unreadable file, or what [`NetSpec::parse`] refuses.
    pub fn open(name_or_path: &str) -> Result<Self> {
        if let Some((name, text)) = BUILT_IN.iter().find(|(name, _)| *name == name_or_path) {
            return Self::parse(text).with_context(|| format!("built-in network {name}"));
        }
        let path = Path::new(name_or_path);
        if !path.exists() {
            let known: Vec<_> = built_in_nets().collect();
            bail!(
                "network {name_or_path:?} is neither built in ({}) nor a file: give one of these names or the path of a \
                 TOML layer list",
                known.join(", ")
            );
        }
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {name_or_path}"))?;
        Self::parse(&text).with_context(|| format!("network {name_or_path}"))
    }

    /// Reads a network from TOML and checks that its layers fit each other.
    ///
    /// # Errors
    /// Bad TOML, an unknown key, or a layer that does not fit its input, with its number and name.
    pub fn parse(text: &str) -> Result<Self> {
        let spec: NetSpec = toml::from_str(text)?;
        spec.shapes()?;
        spec.training.check()?;
        Ok(spec)
    }

    /// Shapes between the layers, the network's input first: `[channels, rows, columns]`.
    ///
    /// # Errors
    /// A layer that does not fit its input, two layers of one name, or an output that is not flat.
    pub fn shapes(&self) -> Result<Vec<[usize; 3]>> {
        ensure!(
            self.input.iter().all(|&n| n > 0),
            "input is {:?}: all three sizes must be at least 1",
            self.input
        );
        let mut shapes = vec![self.input];
        let mut names = std::collections::BTreeSet::new();
        for (number, layer) in (1..).zip(&self.layers) {
            let name = layer.name(number);
            let shape = layer.output(*shapes.last().unwrap_or(&self.input));
            shapes.push(shape.with_context(|| format!("layer {number} ({name})"))?);
            ensure!(
                !names.contains(&name),
                "layer {number} is named {name} like another one: give it its own name"
            );
            names.insert(name);
        }
        let weights = self.layers.iter().any(|l| l.geometry([1; 3]).is_some());
        ensure!(
            weights,
            "network {} has no layer that learns: add a conv or fully_connected layer",
            self.name
        );
        let [classes, height, width] = shapes[shapes.len() - 1];
        ensure!(
            height == 1 && width == 1 && classes >= 2,
            "output of network {} is [{classes}, {height}, {width}], must be [classes, 1, 1] with 2 classes or more: end \
             with a fully_connected layer",
            self.name
        );
        Ok(shapes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_networks_fit_together() {
        for name in built_in_nets() {
            assert_eq!(NetSpec::open(name).unwrap().name, name);
        }
        assert_eq!(
            NetSpec::open("digits-cnn")
                .unwrap()
                .shapes()
                .unwrap()
                .last(),
            Some(&[10, 1, 1])
        );
    }

    #[test]
    fn pairs_and_pads_take_one_two_or_four_numbers() {
        let text = "name = 'n'\ninput = [2, 9, 9]\n[[layers]]\nkind = 'conv'\nfilters = 4\nkernel = [3, 1]\nstride = 2\n\
                    padding = [1, 0, 2, 3]\n[[layers]]\nkind = 'flatten'";
        let spec = NetSpec::parse(text).unwrap();
        let g = spec.layers[0].geometry(spec.input).unwrap();
        assert_eq!((g.kernel, g.stride, g.dilation), ([3, 1], [2, 2], [1, 1]));
        assert_eq!(
            g.padding,
            Padding {
                top: 1,
                bottom: 0,
                left: 2,
                right: 3
            }
        );
        assert_eq!(spec.shapes().unwrap()[1], [4, 4, 7]);
    }

    #[test]
    fn mistakes_are_named() {
        let head = "name = 'n'\ninput = [1, 8, 8]\n";
        let cases = [
            (
                "[[layers]]\nkind = 'conv'\nfilters = 4\nkernel = 3\ncolour = 1",
                "unknown field `colour`",
            ),
            ("[[layers]]\nkind = 'dropout'", "unknown variant `dropout`"),
            (
                "[[layers]]\nkind = 'conv'\nfilters = 4\nkernel = 'x'",
                "expected a number or [rows, columns]",
            ),
            (
                "[[layers]]\nkind = 'conv'\nfilters = 4\nkernel = 9",
                "layer 1 (conv1): padded height is 8, less than the 9",
            ),
            (
                "[[layers]]\nkind = 'fully_connected'\noutputs = 4",
                "put a flatten layer before it",
            ),
            (
                "[[layers]]\nkind = 'max_pool'\nkernel = 9",
                "pooling kernel is 9x9, the input only 8x8",
            ),
            ("[[layers]]\nkind = 'flatten'", "has no layer that learns"),
            (
                "[[layers]]\nkind = 'conv'\nfilters = 4\nkernel = 3",
                "output of network n is [4, 6, 6]",
            ),
            (
                "[[layers]]\nkind = 'relu'\nname = 'a'\n[[layers]]\nkind = 'relu'\nname = 'a'",
                "layer 2 is named a like another one",
            ),
        ];
        for (text, message) in cases {
            let error = format!(
                "{:#}",
                NetSpec::parse(&format!("{head}{text}")).unwrap_err()
            );
            assert!(error.contains(message), "{error}");
        }
        let error = NetSpec::open("nonet").unwrap_err().to_string();
        assert!(error.contains("digits-cnn, photos-cnn"), "{error}");
    }
}
