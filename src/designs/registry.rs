//! Which designs there are: sizes of any of them by name or file, and their Verilog.

use std::fs;
use std::path::Path;

use rust_hdl::core::prelude::Block;
use serde::{Deserialize, Serialize};

use super::{Crew, DenseFc, Mercury, TensorCore};
use crate::config::fc::{Design, FcConfig};
use crate::config::tc::{self, TcConfig};
use crate::config::{Config, ConfigError, Estimate};
use crate::hdl::CheckErrors;
use crate::hdl::verilog::{self, Header};
use crate::regmap::c_header;

/// Sizes of one accelerator of any design.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Sizes {
    /// The training accelerator.
    Mercury(Config),
    /// CREW or its dense baseline.
    Fc(FcConfig),
    /// ACRTC or its dense baseline.
    Tc(TcConfig),
}

impl Sizes {
    /// Names of all presets, those of MERCURY first.
    ///
    /// ```
    /// use mercury::designs::Sizes;
    /// assert!(Sizes::preset_names().any(|name| name == "crew-tiny"));
    /// assert_eq!(Sizes::preset("crew-tiny")?.design(), "crew");
    /// # Ok::<(), mercury::config::ConfigError>(())
    /// ```
    pub fn preset_names() -> impl Iterator<Item = &'static str> {
        Config::preset_names()
            .chain(FcConfig::preset_names())
            .chain(TcConfig::preset_names())
    }

    /// The preset called `name`.
    ///
    /// # Errors
    /// [`ConfigError::UnknownPreset`], naming the presets there are.
    pub fn preset(name: &str) -> Result<Sizes, ConfigError> {
        if Config::preset_names().any(|n| n == name) {
            return Config::preset(name).map(Sizes::Mercury);
        }
        if FcConfig::preset_names().any(|n| n == name) {
            return FcConfig::preset(name).map(Sizes::Fc);
        }
        if TcConfig::preset_names().any(|n| n == name) {
            return TcConfig::preset(name).map(Sizes::Tc);
        }
        Err(ConfigError::UnknownPreset {
            name: name.into(),
            known: Sizes::preset_names().collect::<Vec<_>>().join(", "),
        })
    }

    /// Reads and checks a TOML file; its key `design` says what it is for, MERCURY if there is none.
    ///
    /// # Errors
    /// Unreadable file, bad syntax, missing or unknown key, value outside of its limit.
    pub fn load(path: &Path) -> Result<Sizes, ConfigError> {
        let origin = path.display().to_string();
        let text = fs::read_to_string(path).map_err(|e| ConfigError::Unreadable {
            path: origin.clone(),
            reason: e.to_string(),
        })?;
        let table = toml::from_str::<toml::Table>(&text).unwrap_or_default();
        let of_tensor_cores = [tc::Design::Acrtc, tc::Design::DenseTc].map(tc::Design::name);
        match table.get("design").map(toml::Value::as_str) {
            None => Config::parse(&text, &origin).map(Sizes::Mercury),
            Some(Some(name)) if of_tensor_cores.contains(&name) => {
                TcConfig::parse(&text, &origin).map(Sizes::Tc)
            }
            Some(_) => FcConfig::parse(&text, &origin).map(Sizes::Fc),
        }
    }

    /// Name of the design: `mercury`, `crew`, `dense_fc`, `acrtc` or `dense_tc`.
    pub fn design(&self) -> &'static str {
        match self {
            Sizes::Mercury(_) => "mercury",
            Sizes::Fc(config) => config.design.name(),
            Sizes::Tc(config) => config.design.name(),
        }
    }

    /// Name of the size.
    pub fn name(&self) -> &str {
        match self {
            Sizes::Mercury(config) => &config.name,
            Sizes::Fc(config) => &config.name,
            Sizes::Tc(config) => &config.name,
        }
    }

    /// One line for listings.
    pub fn description(&self) -> &str {
        match self {
            Sizes::Mercury(config) => &config.description,
            Sizes::Fc(config) => &config.description,
            Sizes::Tc(config) => &config.description,
        }
    }

    /// Name of the top module.
    pub fn top(&self) -> String {
        match self {
            Sizes::Mercury(config) => config.top(),
            Sizes::Fc(config) => config.top(),
            Sizes::Tc(config) => config.top(),
        }
    }

    /// Hash of everything that decides the hardware.
    pub fn hash(&self) -> String {
        match self {
            Sizes::Mercury(config) => config.hash(),
            Sizes::Fc(config) => config.hash(),
            Sizes::Tc(config) => config.hash(),
        }
    }

    /// The array in a few words.
    pub fn array(&self) -> String {
        match self {
            Sizes::Mercury(config) => format!("{} x {} PEs", config.sets, config.pes),
            Sizes::Fc(config) => match config.design {
                Design::Crew => format!(
                    "{} multipliers x {} adders",
                    config.multipliers, config.lanes
                ),
                Design::DenseFc => {
                    format!("{} x {} multipliers", config.array_rows(), config.lanes)
                }
            },
            Sizes::Tc(config) => {
                format!("{} x {} multipliers", config.lanes, config.columns)
            }
        }
    }

    /// What it needs of a device; none for designs without an estimate.
    pub fn estimate(&self) -> Option<Estimate> {
        match self {
            Sizes::Mercury(config) => Some(config.estimate()),
            Sizes::Fc(_) | Sizes::Tc(_) => None,
        }
    }

    /// Prints the design, with `prefix` in front of every module name but that of the top module.
    ///
    /// # Errors
    /// A static check of the hardware fails.
    pub fn print(
        &self,
        generator_version: &str,
        prefix: &str,
    ) -> Result<verilog::Design, CheckErrors> {
        let header = Header {
            generator_version: generator_version.into(),
            preset: self.name().into(),
            config_hash: self.hash(),
        };
        let print =
            |block: &dyn Block| verilog::print_prefixed(block, &self.top(), &header, prefix);
        match self {
            Sizes::Mercury(config) => print(&Mercury::new(config)),
            Sizes::Fc(config) => match config.design {
                Design::Crew => print(&Crew::new(config)),
                Design::DenseFc => print(&DenseFc::new(config)),
            },
            Sizes::Tc(config) => print(&TensorCore::new(config)),
        }
    }

    /// The C header of its registers and stream words: file name and text.
    pub fn c_header(&self) -> (&'static str, String) {
        match self {
            Sizes::Mercury(config) => (c_header::FILE_NAME, c_header::render(config)),
            Sizes::Fc(config) => (c_header::FC_FILE_NAME, c_header::render_fc(config)),
            Sizes::Tc(config) => (c_header::TC_FILE_NAME, c_header::render_tc(config)),
        }
    }
}
