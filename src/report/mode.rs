//! What runs differ in: the mode of reuse, and one changed setting in a sweep.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::acrtc;
use crate::config::{Config, TrainSizes};
use crate::nn::{Adapt, LayerReuse};
use crate::reuse::{self, Reuse, Rows};

/// A column of the comparison, from nothing to everything skipped.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Nothing is skipped.
    Dense,
    /// Vectors of zeros take no cycle: exact.
    Zero,
    /// Vectors and single elements that are zero take no cycle: exact.
    Elements,
    /// As `elements`, and alike vectors by the signs of 20 projections (the paper's signature) computed once.
    Sign,
    /// As `elements`, and alike vectors by the steps of 10 projections computed once.
    Step,
    /// As `elements`, and alike vectors by the steps of their elements computed once.
    Grid,
    /// As `grid`, with 4 bits an element and a quarter of the step.
    Fine,
    /// As `fine`, signatures coarser at first and finer when the loss stalls, reuse off where it does not pay.
    Adaptive,
    /// Tensor cores: only what differs from the row before, exact.
    Delta,
    /// Tensor cores: the same of elements whose low bits are rounded away, always as many.
    Crtc,
    /// Tensor cores: as `crtc`, more bits at first and fewer as the loss falls.
    Acrtc,
}

/// Low bits that mode `crtc` rounds away, and mode `acrtc` in the end.
pub const LEVEL: u8 = 8;

impl Mode {
    /// The settings of a network of which `reuse` is that of all layers and passes.
    pub fn settings(self, reuse: Reuse) -> LayerReuse {
        LayerReuse {
            adapt: match self {
                Mode::Adaptive => Some(Adapt::default()),
                Mode::Acrtc => Some(Adapt::of_levels()),
                _ => None,
            },
            ..LayerReuse::all(reuse)
        }
    }

    /// Whether the accelerator can do it.
    pub fn runs_on(self, sizes: &TrainSizes) -> bool {
        match sizes {
            TrainSizes::Mercury(_) => self < Mode::Delta,
            TrainSizes::Tc(config) => {
                self == Mode::Dense
                    || (config.reuse() && (self == Mode::Elements || self >= Mode::Delta))
            }
        }
    }

    /// The reuse setting of all layers and passes on an accelerator.
    pub fn reuse_on(self, sizes: &TrainSizes) -> Reuse {
        match sizes {
            TrainSizes::Mercury(_) => self.reuse(),
            TrainSizes::Tc(_) => Reuse {
                rows: self.rows(),
                ..Reuse::default()
            },
        }
    }

    /// What a tensor core skips.
    fn rows(self) -> Rows {
        match self {
            Mode::Elements => Rows {
                mode: acrtc::Mode::Zero,
                ..Rows::default()
            },
            Mode::Delta => Rows::delta(0),
            Mode::Crtc | Mode::Acrtc => Rows::delta(LEVEL),
            _ => Rows::default(),
        }
    }

    /// Whether vectors are computed once that are alike.
    pub fn looks_up(self) -> bool {
        self.reuse().mode.looks_up()
    }

    /// Whether results are used again.
    pub fn reuses(self) -> bool {
        self.looks_up() || self >= Mode::Delta
    }

    /// MERCURY's reuse setting of all layers and passes.
    pub fn reuse(self) -> Reuse {
        let (mode, elem_skip) = match self {
            Mode::Delta | Mode::Crtc | Mode::Acrtc => return Reuse::default(),
            Mode::Dense => (reuse::Mode::Off, false),
            Mode::Zero => (reuse::Mode::Zero, false),
            Mode::Elements => (reuse::Mode::Zero, true),
            Mode::Sign => (reuse::Mode::Sign, true),
            Mode::Step => (reuse::Mode::Step, true),
            Mode::Grid | Mode::Fine | Mode::Adaptive => (reuse::Mode::Grid, true),
        };
        let usual = Reuse::of(mode);
        let (bits, finer) = match self {
            Mode::Fine | Mode::Adaptive => (4, 2),
            _ => (usual.bits, usual.finer),
        };
        Reuse {
            elem_skip,
            bits,
            finer,
            ..usual
        }
    }

    /// Whether weights and losses are those of dense.
    pub fn is_exact(self) -> bool {
        !self.looks_up() && !matches!(self, Mode::Crtc | Mode::Acrtc)
    }

    /// The name in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Dense => "dense",
            Mode::Zero => "zero",
            Mode::Elements => "elements",
            Mode::Sign => "sign",
            Mode::Step => "step",
            Mode::Grid => "grid",
            Mode::Fine => "fine",
            Mode::Adaptive => "adaptive",
            Mode::Delta => "delta",
            Mode::Crtc => "crtc",
            Mode::Acrtc => "acrtc",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A setting that a sweep changes.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// Bits of a projection (`step`, `grid`).
    Bits,
    /// Projections of a signature (`sign`, `step`).
    Projections,
    /// Refinements beyond the setting: steps so many times halved.
    Finer,
    /// Group size K_T.
    KTarget,
    /// MCACHE ways, the number of sets unchanged.
    Ways,
    /// MCACHE entries, the number of ways unchanged.
    Entries,
    /// Positions of a tile.
    Tile,
    /// Tensor cores: low bits of an element that are rounded away.
    Level,
}

impl Key {
    /// All of them.
    pub const ALL: [Key; 8] = [
        Key::Bits,
        Key::Projections,
        Key::Finer,
        Key::KTarget,
        Key::Ways,
        Key::Entries,
        Key::Tile,
        Key::Level,
    ];

    /// The name in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Key::Bits => "bits",
            Key::Projections => "projections",
            Key::Finer => "finer",
            Key::KTarget => "k_target",
            Key::Ways => "ways",
            Key::Entries => "entries",
            Key::Tile => "tile",
            Key::Level => "level",
        }
    }

    /// Whether the setting means anything in a mode.
    pub fn applies_to(self, mode: Mode) -> bool {
        match self {
            Key::Bits => matches!(mode, Mode::Step | Mode::Grid),
            Key::Projections => matches!(mode, Mode::Sign | Mode::Step),
            Key::Finer => matches!(mode, Mode::Step | Mode::Grid),
            Key::Level => mode == Mode::Crtc,
            _ => mode.looks_up() && mode != Mode::Adaptive,
        }
    }

    /// The value that a run has.
    pub fn value(self, reuse: &Reuse, sizes: &TrainSizes) -> usize {
        match sizes {
            TrainSizes::Mercury(config) => self.value_of(reuse, config),
            TrainSizes::Tc(_) => reuse.rows.level.into(),
        }
    }

    fn value_of(self, reuse: &Reuse, config: &Config) -> usize {
        match self {
            Key::Bits => reuse.bits,
            Key::Projections => reuse.random_projections(config),
            Key::Finer => reuse.finer.max(0) as usize,
            Key::KTarget => reuse.k_target,
            Key::Ways => config.mcache.ways,
            Key::Entries => config.mcache.sets * config.mcache.ways,
            Key::Tile => config.tile,
            Key::Level => reuse.rows.level.into(),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Key {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Key> {
        let all = Key::ALL.map(Key::name).join(", ");
        Key::ALL
            .into_iter()
            .find(|key| key.name() == text)
            .with_context(|| format!("unknown setting {text:?}: a sweep changes one of {all}"))
    }
}

/// One setting with another value than usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Change {
    /// Which setting.
    pub key: Key,
    /// Its value.
    pub value: usize,
}

impl Change {
    /// Changes the setting and the sizes of a run.
    ///
    /// # Errors
    /// A value that no accelerator can have: value, limit and fix.
    pub fn apply(self, reuse: &mut Reuse, sizes: &mut TrainSizes) -> Result<()> {
        match sizes {
            TrainSizes::Mercury(config) => self.apply_to(reuse, config),
            TrainSizes::Tc(config) => {
                reuse.rows.level = u8::try_from(self.value).context("a level has 8 bits")?;
                acrtc::check(reuse, config).with_context(|| format!("{self} on {}", config.name))
            }
        }
    }

    fn apply_to(self, reuse: &mut Reuse, config: &mut Config) -> Result<()> {
        let Change { key, value } = self;
        match key {
            Key::Level => anyhow::bail!("{self}: {} is no tensor core", config.name),
            Key::Bits => reuse.bits = value,
            Key::Projections => reuse.projections = Some(value),
            Key::Finer => {
                reuse.finer = i32::try_from(value).context("finer is at most 2^31 - 1")?;
            }
            Key::KTarget => reuse.k_target = value,
            Key::Ways => config.mcache.ways = value,
            Key::Entries => {
                let ways = config.mcache.ways;
                ensure!(
                    value >= ways && value.is_multiple_of(ways),
                    "{value} entries are no whole number of sets of {ways} ways: give a multiple of {ways}"
                );
                config.mcache.sets = value / ways;
            }
            Key::Tile => config.tile = value,
        }
        let name = config.name.clone();
        config
            .check()
            .map_err(anyhow::Error::from)
            .and_then(|()| reuse.check(config))
            .with_context(|| format!("{self} on {name}"))
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.key, self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_what_its_value_says() {
        for key in Key::ALL {
            let (preset, mode) = match key {
                Key::Level => ("acrtc-small", Mode::Crtc),
                _ => ("small", Mode::Step),
            };
            let mut config = TrainSizes::preset(preset).unwrap();
            let mut reuse = mode.reuse_on(&config);
            let value = if key == Key::Entries { 64 } else { 4 };
            let value = if key == Key::Tile { 128 } else { value };
            assert_ne!(key.value(&reuse, &config), value, "{key}");
            Change { key, value }
                .apply(&mut reuse, &mut config)
                .unwrap();
            assert_eq!(key.value(&reuse, &config), value, "{key}");
            assert_eq!(key.name().parse::<Key>().unwrap(), key);
        }
    }

    #[test]
    fn values_that_cannot_be_are_refused() {
        let mut config = TrainSizes::preset("small").unwrap();
        let mut reuse = Mode::Grid.reuse_on(&config);
        let mut refused = |key, value| {
            let error = Change { key, value }.apply(&mut reuse, &mut config);
            format!("{:#}", error.unwrap_err())
        };
        assert!(refused(Key::Entries, 100).contains("100 entries are no whole number"));
        assert!(refused(Key::Tile, 100).contains("tile = 100 is refused"));
        assert!(!Key::Projections.applies_to(Mode::Grid) && !Key::Ways.applies_to(Mode::Elements));
    }
}
