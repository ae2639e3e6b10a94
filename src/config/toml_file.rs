//! Sizes as TOML text: presets, files, hash. One text for the sizes of all designs.

use serde::de::DeserializeOwned;

use super::fc::FcConfig;
use super::tc::TcConfig;
use super::{Config, ConfigError};

/// Gives a type of sizes its presets, its text and its hash; `ignoring` are the keys that do not decide the hardware.
macro_rules! toml_file {
    ($config:ident, $presets:ident, ignoring { $($key:ident),* }) => {
        impl $config {
            /// Names of the presets, smallest first.
            pub fn preset_names() -> impl Iterator<Item = &'static str> {
                $presets.iter().map(|(name, _)| *name)
            }

            /// The preset called `name`.
            ///
            /// # Errors
            /// [`ConfigError::UnknownPreset`], naming the presets there are.
            pub fn preset(name: &str) -> Result<Self, ConfigError> {
                let text = $crate::config::toml_file::preset_text(&$presets, name)?;
                Self::parse(text, &format!("preset {name}"))
            }

            /// Reads and checks TOML text; `origin` names it in messages.
            ///
            /// # Errors
            /// Bad syntax, missing or unknown key, value outside of its limit, device exceeded.
            pub fn parse(text: &str, origin: &str) -> Result<Self, ConfigError> {
                let config: Self = $crate::config::toml_file::from_toml(text, origin)?;
                config.check()?;
                Ok(config)
            }

            /// The configuration as TOML text that `parse` reads back.
            pub fn to_toml(&self) -> String {
                toml::to_string(self).expect("a configuration is plain keys and numbers")
            }

            /// SHA-256 of everything that decides the hardware, 16 hex digits.
            pub fn hash(&self) -> String {
                use sha2::Digest as _;
                let canonical = Self {
                    $( $key: Default::default(), )*
                    ..self.clone()
                };
                let digest = sha2::Sha256::digest(canonical.to_toml());
                digest.iter().take(8).map(|b| format!("{b:02x}")).collect()
            }

            /// The leading 32 bits of the hash: what the read-only configuration register shows.
            pub fn hash_word(&self) -> u32 {
                u32::from_str_radix(&self.hash()[..8], 16).expect("hash() yields hex digits")
            }
        }
    };
}

pub(super) use toml_file;

/// Text of the preset called `name`.
pub(super) fn preset_text(
    presets: &[(&str, &'static str)],
    name: &str,
) -> Result<&'static str, ConfigError> {
    let found = presets.iter().find(|(known, _)| *known == name);
    let names = presets.iter().map(|(known, _)| *known);
    found
        .map(|(_, text)| *text)
        .ok_or_else(|| not_here(name, names.collect::<Vec<_>>().join(", ")))
}

/// Why there is no preset called `name` among those `known`.
pub(super) fn not_here(name: &str, known: String) -> ConfigError {
    let designs = [
        ("mercury cosim", Config::preset_names().any(|n| n == name)),
        ("mercury crew", FcConfig::preset_names().any(|n| n == name)),
        ("mercury acrtc", TcConfig::preset_names().any(|n| n == name)),
    ];
    let name = name.into();
    match designs.into_iter().find(|(_, has)| *has) {
        Some((commands, _)) => ConfigError::OtherDesign {
            name,
            commands,
            known,
        },
        None => ConfigError::UnknownPreset { name, known },
    }
}

/// Hash of the preset called `name`, of whichever design.
pub fn preset_hash(name: &str) -> Option<String> {
    let mercury = Config::preset(name).map(|c| c.hash());
    let fc = || FcConfig::preset(name).map(|c| c.hash());
    let tc = || TcConfig::preset(name).map(|c| c.hash());
    mercury.or_else(|_| fc()).or_else(|_| tc()).ok()
}

/// Sizes of whichever design from TOML text, not checked yet; `origin` names it in messages.
pub(super) fn from_toml<T: DeserializeOwned>(text: &str, origin: &str) -> Result<T, ConfigError> {
    toml::from_str(text).map_err(|e| ConfigError::Syntax {
        origin: origin.into(),
        reason: e.to_string().trim_end().into(),
    })
}

/// Name of a top module: the design, then the part of the name that does not repeat it.
pub(super) fn top(design: &str, name: &str) -> String {
    let name = name.replace('-', "_");
    match name.starts_with(design) {
        true => name,
        false => format!("{design}_{name}"),
    }
}
