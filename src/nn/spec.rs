//! Networks as TOML layer lists.

mod layer;

pub use layer::{LayerSpec, NamedGeometry};

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::optimizer::Hyper;
use crate::engine::Padding;

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

macro_rules! built_in {
    ($($name:literal),*) => {
        [$(($name, include_str!(concat!("../../nets/", $name, ".toml")))),*]
    };
}

const BUILT_IN: &[(&str, &str)] = &built_in!(
    "digits-cnn",
    "digits-mlp",
    "digits-transformer",
    "digits-lstm",
    "photos-cnn",
    "vgg-small",
    "vgg-small-bn",
    "resnet-small",
    "depthwise-small"
);

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
        let shapes = layer::shapes(&self.layers, "", self.input)?;
        self.check_names()?;
        ensure!(
            !self.products(1)?.is_empty(),
            "network {} has no layer with weights: add a conv or fully_connected layer",
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

    /// Refuses two layers, or products of layers, of one name.
    fn check_names(&self) -> Result<()> {
        let mut all = vec![];
        layer::walk(
            &self.layers,
            "",
            self.input,
            &mut |name, layer, [c, h, w]| {
                let products = layer.products(&name, [1, c, h, w]).into_iter();
                all.extend(products.map(|p| p.0).filter(|product| *product != name));
                all.push(name);
            },
        )?;
        let mut met = BTreeSet::new();
        for name in all {
            ensure!(
                !met.contains(&name),
                "a layer is named {name} like another one: give it its own name"
            );
            met.insert(name);
        }
        Ok(())
    }

    /// Everything that the engine computes in one forward pass of `batch` images: names and shapes, in order.
    ///
    /// # Errors
    /// A layer that does not fit its input.
    pub fn products(&self, batch: usize) -> Result<Vec<NamedGeometry>> {
        let mut products = vec![];
        layer::walk(
            &self.layers,
            "",
            self.input,
            &mut |name, layer, [c, h, w]| {
                products.extend(layer.products(&name, [batch, c, h, w]));
            },
        )?;
        Ok(products)
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

    /// The documentation's networks are ones, and the second shows every kind of layer.
    #[test]
    fn documented_networks_fit_together() {
        let page = include_str!("../../docs/networks.md");
        let blocks = page.split("```toml\n").skip(1);
        let texts: Vec<_> = blocks.filter_map(|b| b.split("```").next()).collect();
        NetSpec::parse(texts[0]).unwrap();
        let head = "name = 'all'\ninput = [3, 32, 32]\n";
        let all = NetSpec::parse(&format!("{head}{}", texts[1])).unwrap();
        let mut kinds = BTreeSet::new();
        layer::walk(&all.layers, "", all.input, &mut |_, layer, _| {
            kinds.insert(layer.kind());
        })
        .unwrap();
        assert_eq!(kinds.len(), 15, "{kinds:?}");
        let names: Vec<_> = all.products(1).unwrap().into_iter().map(|p| p.0).collect();
        assert!(names.contains(&"concat5_2_conv1".to_string()), "{names:?}");
        assert!(
            names.contains(&"block_shortcut_conv1".to_string())
                && names.contains(&"attn_scores".to_string())
        );
    }

    #[test]
    fn pairs_and_pads_take_one_two_or_four_numbers() {
        let text = "name = 'n'\ninput = [2, 9, 9]\n[[layers]]\nkind = 'conv'\nfilters = 4\nkernel = [3, 1]\nstride = 2\n\
                    padding = [1, 0, 2, 3]\n[[layers]]\nkind = 'flatten'";
        let spec = NetSpec::parse(text).unwrap();
        let (_, g) = spec.products(1).unwrap().remove(0);
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
            ("[[layers]]\nkind = 'flatten'", "has no layer with weights"),
            (
                "[[layers]]\nkind = 'conv'\nfilters = 4\nkernel = 3",
                "output of network n is [4, 6, 6]",
            ),
            (
                "[[layers]]\nkind = 'attention'\nheads = 1",
                "input has 8 columns, attention takes token rows",
            ),
            (
                "[[layers]]\nkind = 'tokens'\npatch = 4\n[[layers]]\nkind = 'attention'\nheads = 3",
                "heads is 3, it must divide the 16 channels",
            ),
            (
                "[[layers]]\nkind = 'tokens'\npatch = 3",
                "patch is 3x3, it must divide the input's 8x8",
            ),
            (
                "[[layers]]\nkind = 'residual'\nlayers = [{ kind = 'conv', filters = 2, kernel = 1 }]",
                "layer 1 (residual1): layers give [2, 8, 8], shortcut gives [1, 8, 8]",
            ),
            (
                "[[layers]]\nkind = 'residual'\nlayers = [{ kind = 'conv', filters = 2, kernel = 9 }]",
                "layer 1 (residual1_conv1): padded height is 8",
            ),
            (
                "[[layers]]\nkind = 'concat'\nbranches = [[], [{ kind = 'flatten' }]]",
                "branches give [1, 8, 8] and [64, 1, 1]",
            ),
            (
                "[[layers]]\nkind = 'concat'\nbranches = []",
                "a concat without branches",
            ),
            (
                "[[layers]]\nkind = 'tokens'\npatch = 4\n[[layers]]\nkind = 'attention'\nheads = 1\nname = 'a'\n\
                 [[layers]]\nkind = 'relu'\nname = 'a_mix'",
                "a layer is named a_mix like another one",
            ),
            (
                "[[layers]]\nkind = 'relu'\nname = 'a'\n[[layers]]\nkind = 'relu'\nname = 'a'",
                "a layer is named a like another one",
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
        assert!(error.contains("digits-cnn, digits-mlp"), "{error}");
    }
}
