//! Reuse settings per layer and pass, and their TOML files.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::adapt::Adapt;
use crate::engine::Pass;
use crate::reuse::Reuse;

/// The settings of one layer's passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassReuse {
    /// Of the forward pass.
    pub forward: Reuse,
    /// Of the input gradient.
    pub input_grad: Reuse,
    /// Of the weight gradient.
    pub weight_grad: Reuse,
}

impl PassReuse {
    /// The same setting for all passes.
    pub fn all(reuse: Reuse) -> Self {
        PassReuse {
            forward: reuse,
            input_grad: reuse,
            weight_grad: reuse,
        }
    }

    /// The setting of one pass.
    pub fn get(&self, pass: Pass) -> Reuse {
        match pass {
            Pass::Forward => self.forward,
            Pass::InputGrad => self.input_grad,
            Pass::WeightGrad => self.weight_grad,
        }
    }

    /// [`PassReuse::get`], to be changed.
    pub fn get_mut(&mut self, pass: Pass) -> &mut Reuse {
        match pass {
            Pass::Forward => &mut self.forward,
            Pass::InputGrad => &mut self.input_grad,
            Pass::WeightGrad => &mut self.weight_grad,
        }
    }

    /// All three settings changed alike.
    pub fn map(self, change: impl Fn(Reuse) -> Reuse) -> PassReuse {
        PassReuse {
            forward: change(self.forward),
            input_grad: change(self.input_grad),
            weight_grad: change(self.weight_grad),
        }
    }
}

/// The reuse settings of a network.
///
/// A file refines a setting: `[default]` for all layers, `[layer.NAME]` for one, each with tables of a pass
/// (`[default.weight_grad]`, `[layer.NAME.forward]`). The more special one wins, key by key. A table `[adapt]` ([`Adapt`]) lets the
/// settings adapt while the network trains.
///
/// ```
/// use mercury::{engine::Pass, nn::LayerReuse, reuse::{Mode, Reuse}};
/// let text = "[default]\nmode = 'step'\n[layer.conv1]\nbits = 4\n[layer.conv1.weight_grad]\nmode = 'off'";
/// let reuse = LayerReuse::parse(text, Reuse::default(), &["conv1".into(), "fc".into()])?;
/// assert_eq!((reuse.get("fc", Pass::Forward).mode, reuse.get("fc", Pass::Forward).bits), (Mode::Step, 3));
/// assert_eq!(reuse.get("conv1", Pass::Forward).bits, 4);
/// assert_eq!(reuse.get("conv1", Pass::WeightGrad).mode, Mode::Off);
/// # anyhow::Ok(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerReuse {
    /// Of layers without a setting of their own.
    pub default: PassReuse,
    /// Of the other layers, by name.
    pub layers: BTreeMap<String, PassReuse>,
    /// How the settings change while the network trains; none: not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapt: Option<Adapt>,
}

impl LayerReuse {
    /// One setting for everything.
    pub fn all(reuse: Reuse) -> Self {
        LayerReuse {
            default: PassReuse::all(reuse),
            ..LayerReuse::default()
        }
    }

    /// Reads a file's text: refinements of `base` for the layers called `names`.
    ///
    /// # Errors
    /// Bad TOML, an unknown table, layer or key, a value of the wrong kind; with the names there are.
    pub fn parse(text: &str, base: Reuse, names: &[String]) -> Result<Self> {
        let mut file: Table = text.parse()?;
        let take = |file: &mut Table, name: &str| match file.remove(name) {
            None => Ok(Table::new()),
            Some(Value::Table(table)) => Ok(table),
            Some(other) => anyhow::bail!("{name} is {other}, it must be a table [{name}]"),
        };
        let default = take(&mut file, "default")?;
        let layers = take(&mut file, "layer")?;
        let adapts = file.contains_key("adapt");
        let adapt: Adapt = take(&mut file, "adapt")?.try_into().context("[adapt]")?;
        adapt.check().context("[adapt]")?;
        if let Some(unknown) = file.keys().next() {
            anyhow::bail!("unknown table {unknown}: there are [default], [layer.NAME] and [adapt]");
        }
        let base = Table::try_from(base).context("the setting given by flags")?;
        let mut reuse = LayerReuse {
            default: refine(&base, &[&default]).context("[default]")?,
            layers: BTreeMap::new(),
            adapt: adapts.then_some(adapt),
        };
        for (name, value) in &layers {
            ensure!(
                names.contains(name),
                "unknown layer {name}: the layers with dot products are {}",
                names.join(", ")
            );
            let own = value
                .as_table()
                .with_context(|| format!("layer.{name} is {value}, it must be a table"))?;
            let settings = refine(&base, &[&default, own]);
            let settings = settings.with_context(|| format!("[layer.{name}]"))?;
            reuse.layers.insert(name.clone(), settings);
        }
        Ok(reuse)
    }

    /// The setting of a layer's pass.
    pub fn get(&self, layer: &str, pass: Pass) -> Reuse {
        self.layers.get(layer).unwrap_or(&self.default).get(pass)
    }

    /// Whether signatures are compared anywhere: what can be refined.
    pub fn can_refine(&self) -> bool {
        self.any(|reuse| reuse.mode.looks_up())
    }

    /// Whether anything is detected anywhere.
    pub fn is_on(&self) -> bool {
        self.any(|reuse| reuse.is_on())
    }

    fn any(&self, of: impl Fn(Reuse) -> bool) -> bool {
        let all = self.layers.values().chain([&self.default]);
        all.flat_map(|passes| Pass::ALL.map(|pass| passes.get(pass)))
            .any(of)
    }
}

/// `base`, with the keys of `tables` and then those of their tables of the pass, later ones winning.
fn refine(base: &Table, tables: &[&Table]) -> Result<PassReuse> {
    let one = |pass: Pass| -> Result<Reuse> {
        let mut merged = base.clone();
        for table in tables {
            let is_pass = |key: &str| Pass::ALL.iter().any(|p| p.name() == key);
            let plain = table.iter().filter(|(key, _)| !is_pass(key));
            merged.extend(plain.map(|(key, value)| (key.clone(), value.clone())));
            if let Some(special) = table.get(pass.name()) {
                let special = special.as_table().with_context(|| {
                    format!("{pass} is {special}, it must be a table of settings")
                })?;
                merged.extend(special.clone());
            }
        }
        merged
            .try_into()
            .with_context(|| format!("settings of {pass}"))
    };
    Ok(PassReuse {
        forward: one(Pass::Forward)?,
        input_grad: one(Pass::InputGrad)?,
        weight_grad: one(Pass::WeightGrad)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reuse::Mode;

    fn parse(text: &str) -> Result<LayerReuse> {
        LayerReuse::parse(text, Reuse::of(Mode::Sign), &["a".into(), "b".into()])
    }

    #[test]
    fn the_more_special_setting_wins_key_by_key() {
        let text = "[default]\nbits = 2\n[default.weight_grad]\nbits = 4\nmode = 'zero'\n\
            [layer.a]\nk_target = 18\n[layer.a.forward]\nbits = 1\n[layer.b]\nbits = 3";
        let reuse = parse(text).unwrap();
        let get = |layer, pass| {
            let r = reuse.get(layer, pass);
            (r.mode, r.bits, r.k_target)
        };
        assert_eq!(get("c", Pass::Forward), (Mode::Sign, 2, 9));
        assert_eq!(get("c", Pass::WeightGrad), (Mode::Zero, 4, 9));
        assert_eq!(get("a", Pass::Forward), (Mode::Sign, 1, 18));
        assert_eq!(get("a", Pass::InputGrad), (Mode::Sign, 2, 18));
        assert_eq!(get("a", Pass::WeightGrad), (Mode::Zero, 4, 18));
        assert_eq!(get("b", Pass::WeightGrad), (Mode::Zero, 3, 9));
        assert!(reuse.is_on() && !LayerReuse::default().is_on());
        assert_eq!(parse("").unwrap(), LayerReuse::all(Reuse::of(Mode::Sign)));
        let adapt = parse("[adapt]\nstart = 4").unwrap().adapt.unwrap();
        let default = Adapt::default();
        assert_eq!((adapt.start, adapt.patience), (4, default.patience));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, message) in [
            (
                "[layer.c]\nbits = 1",
                "unknown layer c: the layers with dot products are a, b",
            ),
            ("[default]\nbit = 1", "unknown field `bit`"),
            (
                "[layer.a.forward]\nmode = 'steps'",
                "unknown variant `steps`",
            ),
            ("[layer.a]\nforward = 1", "forward is 1, it must be a table"),
            (
                "[all]\nbits = 1",
                "unknown table all: there are [default], [layer.NAME] and [adapt]",
            ),
            ("default = 3", "default is 3, it must be a table"),
            ("[adapt]\nwait = 1", "unknown field `wait`"),
            ("[adapt]\nretry = 0", "adapt retry is 0, must be at least 1"),
        ] {
            let error = format!("{:#}", parse(text).unwrap_err());
            assert!(error.contains(message), "{text:?}: {error}");
        }
    }
}
