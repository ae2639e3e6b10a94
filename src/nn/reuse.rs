//! Reuse settings per layer and pass, and their TOML files.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::adapt::Adapt;
use crate::config::Config;
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
                !names.is_empty(),
                "[layer.{name}]: one operation has no layers, its settings are [default] and its passes"
            );
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

    /// Refuses settings that the configuration can hold in no layer.
    ///
    /// # Errors
    /// As [`Reuse::check`], with the table and pass.
    pub fn check(&self, config: &Config) -> Result<()> {
        let own = self.layers.iter();
        let own = own.map(|(name, passes)| (format!("[layer.{name}]"), passes));
        for (table, passes) in [("[default]".into(), &self.default)].into_iter().chain(own) {
            for pass in Pass::ALL {
                let checked = passes.get(pass).check(config);
                checked.with_context(|| format!("{table}, {pass}"))?;
            }
        }
        Ok(())
    }

    /// The setting of a layer's pass.
    pub fn get(&self, layer: &str, pass: Pass) -> Reuse {
        self.layers.get(layer).unwrap_or(&self.default).get(pass)
    }

    /// Whether anything can be refined anywhere: signatures, or the level of a tensor core.
    pub fn can_refine(&self) -> bool {
        self.any(|reuse| reuse.can_refine())
    }

    /// Whether anything is skipped anywhere.
    pub fn is_on(&self) -> bool {
        self.any(|reuse| reuse.skips())
    }

    /// Whether results are those without reuse everywhere.
    pub fn is_exact(&self) -> bool {
        !self.any(|reuse| !reuse.is_exact())
    }

    /// Whether one of the settings satisfies `of`.
    pub fn any(&self, of: impl Fn(Reuse) -> bool) -> bool {
        let all = self.layers.values().chain([&self.default]);
        all.flat_map(|passes| Pass::ALL.map(|pass| passes.get(pass)))
            .any(of)
    }
}

/// Keys of a file's text, parsed as `reuse`, that change nothing: no setting that they reach has a mode that uses them.
///
/// ```
/// use mercury::{nn::{LayerReuse, idle_keys}, reuse::Reuse};
/// let text = "[default]\nmode = 'sign'\nbits = 2\n[layer.fc.forward]\nmode = 'off'\nelem_skip = true";
/// let reuse = LayerReuse::parse(text, Reuse::default(), &["fc".into()])?;
/// assert_eq!(idle_keys(text, &reuse)?, ["bits of [default]", "elem_skip of [layer.fc.forward]"]);
/// # anyhow::Ok(())
/// ```
///
/// # Errors
/// Text that [`LayerReuse::parse`] refuses.
pub fn idle_keys(text: &str, reuse: &LayerReuse) -> Result<Vec<String>> {
    let file: Table = text.parse()?;
    let mut idle = Vec::new();
    let mut look = |name: &str, table: &Value, reached: &[&PassReuse]| {
        for (key, value) in table.as_table().into_iter().flatten() {
            let pass = Pass::ALL.into_iter().find(|p| p.name() == key);
            let (table, keys, passes) = match (pass, value) {
                (Some(pass), Value::Table(keys)) => {
                    let keys = keys.keys().map(String::as_str).collect();
                    (format!("[{name}.{pass}]"), keys, vec![pass])
                }
                _ => (format!("[{name}]"), vec![key.as_str()], Pass::ALL.to_vec()),
            };
            let used = |key: &str| {
                let all = reached
                    .iter()
                    .flat_map(|r| passes.iter().map(|p| r.get(*p)));
                all.into_iter().any(|setting| setting.mode.uses(key))
            };
            let unused = keys.into_iter().filter(|key| !used(key));
            idle.extend(unused.map(|key| format!("{key} of {table}")));
        }
    };
    if let Some(default) = file.get("default") {
        let all: Vec<_> = [&reuse.default]
            .into_iter()
            .chain(reuse.layers.values())
            .collect();
        look("default", default, &all);
    }
    for (name, own) in file
        .get("layer")
        .and_then(Value::as_table)
        .into_iter()
        .flatten()
    {
        look(&format!("layer.{name}"), own, &[&reuse.layers[name]]);
    }
    Ok(idle)
}

/// `base`, with the keys of `tables` and then those of their tables of the pass, later ones winning.
fn refine(base: &Table, tables: &[&Table]) -> Result<PassReuse> {
    let one = |pass: Pass| -> Result<Reuse> {
        let mut merged = base.clone();
        for table in tables {
            let is_pass = |key: &str| Pass::ALL.iter().any(|p| p.name() == key);
            let plain = table.iter().filter(|(key, _)| !is_pass(key));
            for (key, value) in plain {
                ensure!(
                    !value.is_table(),
                    "unknown table {key}: the passes of a layer are {}",
                    Pass::ALL.map(|p| p.name()).join(", ")
                );
                merged.insert(key.clone(), value.clone());
            }
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
    fn values_are_checked_where_they_stand() {
        let config = Config::preset("tiny").unwrap();
        for (text, message) in [
            (
                "[default]\nk_target = 0",
                "[default], forward: k_target is 0, a group has at least one element",
            ),
            (
                "[default]\nbits = 5",
                "[default], forward: 5 bits a projection, it must be 1 to 4",
            ),
            (
                "[layer.b.weight_grad]\nprojections = 11",
                "[layer.b], weight_grad: 11 projections, this configuration has 1 to p_max = 10",
            ),
            (
                "[layer.b]\nmode = 'step'\nbits = 4",
                "[layer.b], forward: 10 projections of 4 bits are more than sig_w = 32 bits",
            ),
            (
                "[layer.a]\nmode = 'grid'\nstep_log2 = 21",
                "[layer.a], forward: a step of 2^21, the limit is 2^20",
            ),
        ] {
            let reuse = parse(text).unwrap();
            let error = format!("{:#}", reuse.check(&config).unwrap_err());
            assert!(error.contains(message), "{text:?}: {error}");
        }
        assert!(
            parse("[layer.a]\nmode = 'grid'")
                .unwrap()
                .check(&config)
                .is_ok()
        );
        let without = Config {
            reuse: false,
            ..config
        };
        let error = parse("").unwrap().check(&without).unwrap_err();
        assert!(format!("{error:#}").contains("built without reuse"));
    }

    #[test]
    fn keys_without_effect_are_found() {
        let idle = |text: &str| idle_keys(text, &parse(text).unwrap()).unwrap();
        // The setting refined is `sign`.
        assert_eq!(
            idle("[default]\nprojections = 4\nbits = 2"),
            ["bits of [default]"]
        );
        assert!(idle("[default]\nbits = 2\n[layer.b.forward]\nmode = 'step'").is_empty());
        assert_eq!(
            idle(
                "[layer.a]\nmode = 'off'\nelem_skip = true\n[layer.b.forward]\nmode = 'zero'\nfiner = 1"
            ),
            ["elem_skip of [layer.a]", "finer of [layer.b.forward]"]
        );
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
                "[layer.a.weight_gard]\nbits = 1",
                "unknown table weight_gard: the passes of a layer are forward, input_grad, weight_grad",
            ),
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
