//! Sizes of an accelerator that networks train on, whichever design it is.

use std::{fs, path::Path};

use serde::{Deserialize, Serialize};

use super::tc::TcConfig;
use super::toml_file::not_here;
use super::{Config, ConfigError};

/// Sizes of MERCURY or of a tensor core.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TrainSizes {
    /// MERCURY, with reuse or without.
    Mercury(Config),
    /// ACRTC or its dense baseline.
    Tc(TcConfig),
}

impl TrainSizes {
    /// Names of all presets, those of MERCURY first.
    pub fn preset_names() -> impl Iterator<Item = &'static str> {
        Config::preset_names().chain(TcConfig::preset_names())
    }

    /// The preset called `name`.
    ///
    /// ```
    /// use mercury::config::TrainSizes;
    /// assert_eq!(TrainSizes::preset("small")?.multipliers(), 8);
    /// assert_eq!(TrainSizes::preset("acrtc-small")?.multipliers(), 8);
    /// # Ok::<(), mercury::config::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// [`ConfigError::UnknownPreset`], naming the presets there are.
    pub fn preset(name: &str) -> Result<TrainSizes, ConfigError> {
        if TcConfig::preset_names().any(|n| n == name) {
            return TcConfig::preset(name).map(TrainSizes::Tc);
        }
        let known = TrainSizes::preset_names().collect::<Vec<_>>().join(", ");
        match Config::preset_names().any(|n| n == name) {
            true => Config::preset(name).map(TrainSizes::Mercury),
            false => Err(not_here(name, known)),
        }
    }

    /// Reads and checks a TOML file: with a key `design` that of a tensor core, else MERCURY's.
    ///
    /// # Errors
    /// Unreadable file, bad syntax, missing or unknown key, value outside of its limit.
    pub fn load(path: &Path) -> Result<TrainSizes, ConfigError> {
        let origin = path.display().to_string();
        let text = fs::read_to_string(path).map_err(|e| ConfigError::Unreadable {
            path: origin.clone(),
            reason: e.to_string(),
        })?;
        let names_a_design =
            toml::from_str::<toml::Table>(&text).is_ok_and(|table| table.contains_key("design"));
        match names_a_design {
            true => TcConfig::parse(&text, &origin).map(TrainSizes::Tc),
            false => Config::parse(&text, &origin).map(TrainSizes::Mercury),
        }
    }

    /// Name of the size.
    pub fn name(&self) -> &str {
        match self {
            TrainSizes::Mercury(config) => &config.name,
            TrainSizes::Tc(config) => &config.name,
        }
    }

    /// Hash of everything that decides the hardware.
    pub fn hash(&self) -> String {
        match self {
            TrainSizes::Mercury(config) => config.hash(),
            TrainSizes::Tc(config) => config.hash(),
        }
    }

    /// Bits of an operand.
    pub fn data_w(&self) -> usize {
        match self {
            TrainSizes::Mercury(config) => config.data_w,
            TrainSizes::Tc(config) => config.data_w,
        }
    }

    /// Parts that compute on their own, over which compute cycles are summed.
    pub fn units(&self) -> usize {
        match self {
            TrainSizes::Mercury(config) => config.sets,
            TrainSizes::Tc(_) => 1,
        }
    }

    /// Multipliers.
    pub fn multipliers(&self) -> usize {
        match self {
            TrainSizes::Mercury(config) => config.pe_count(),
            TrainSizes::Tc(config) => config.multipliers(),
        }
    }
}
