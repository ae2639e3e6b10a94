//! Sizes of an accelerator: presets, derived widths, legality checks, resource estimate.
//!
//! A [`Config`] comes from one of the embedded presets (`configs/*.toml`) or from a file of the user's own, and is
//! checked once, when it is read: whoever holds one holds a legal one. Nothing here knows hardware, model or command line.

mod check;
mod device;
pub mod fc;
pub mod tc;
mod toml_file;
mod train;
mod widths;

pub use check::{BUS_WIDTHS, MAX_PES, MAX_SETS, MAX_TILE, OPERAND_WIDTHS};
pub use device::{Device, Estimate, Memory};
pub use toml_file::preset_hash;
pub use train::TrainSizes;
pub use widths::{count_width, index_width};

use serde::{Deserialize, Serialize};
use std::{fs, path::Path};

use self::toml_file::toml_file;

/// Sizes of one accelerator. Every field is a key of the TOML file; unknown keys are refused.
///
/// ```
/// let small = mercury::config::Config::preset("small")?;
/// assert_eq!((small.pe_count(), small.lanes()), (8, 4));
/// # Ok::<(), mercury::config::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name of the size: lower-case identifier; names the output folder, the file list and, as `mercury_<name>`, the top module.
    pub name: String,
    /// One line for listings; no influence on the hardware.
    #[serde(default)]
    pub description: String,
    /// FPGA whose block-RAM and multiplier counts must suffice, one of [`Device::ALL`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// PE sets; each computes its own tile. 1…32.
    pub sets: usize,
    /// PEs of a set, in lockstep, one filter each. 1…255.
    pub pes: usize,
    /// Output positions of a tile, a power of two.
    pub tile: usize,
    /// Largest number of elements of a group.
    pub k_max: usize,
    /// Largest number of random projections of a signature.
    pub p_max: usize,
    /// Bits of a signature.
    pub sig_w: usize,
    /// Row banks of the feature buffer = elements that detection reads per cycle.
    pub l: usize,
    /// Bits of an operand: 8 or 16.
    pub data_w: usize,
    /// Bits of an accumulated partial sum.
    pub acc_w: usize,
    /// Bits of the input and output streams: 64, 128, 256 or 512.
    pub bus_w: usize,
    /// Operands held by one bank of the feature buffer, a power of two.
    pub feature_words: usize,
    /// Operands held by the weight ring of a PE, a power of two.
    pub weight_words: usize,
    /// Build the reuse hardware: detectors, MCACHE, Hitmap lists. Without it only dense jobs run.
    #[serde(default = "yes")]
    pub reuse: bool,
    /// Similarity detectors; each serves sets / detectors PE sets. A divisor of `sets`.
    #[serde(default = "one")]
    pub detectors: usize,
    /// Groups of `tile` positions whose Hitmap a PE set holds, a power of two.
    #[serde(default = "two")]
    pub lists: usize,
    /// Give the top module ports that show every Hitmap record: for co-simulation and debugging.
    #[serde(default = "yes")]
    pub trace: bool,
    /// How an element comes from the decision to issue it to the multipliers: `"direct"` (default) or `"registered"`.
    #[serde(default, skip_serializing_if = "Issue::is_default")]
    pub issue: Issue,
    /// The signature cache of a PE set.
    pub mcache: Mcache,
}

fn yes() -> bool {
    true
}

fn one() -> usize {
    1
}

fn two() -> usize {
    2
}

/// What stands between the items of a Hitmap list, the element that is issued, and the multipliers. No influence on results; on
/// cycles a few per job, and one gap per group of a weight gradient with reuse: see [`Config::issue_cycles`],
/// [`Config::drain_cycles`], [`Config::decision_cycles`], [`Config::item_cycles`] and [`Config::flush_cycles`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Issue {
    /// The element is addressed in the cycle in which it issues, and multiplied two cycles later.
    #[default]
    Direct,
    /// Registers in front of the feature buffer and behind every block RAM, in the detectors and in the drain, and a queue of three
    /// items in front of the walker: for the clock of slow devices.
    Registered,
}

impl Issue {
    fn is_default(&self) -> bool {
        *self == Issue::default()
    }
}

/// Shape of a set's signature cache (MCACHE): `sets` × `ways` entries, both powers of two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mcache {
    /// Cache sets, chosen by a hash of the signature.
    pub sets: usize,
    /// Ways, all compared in parallel.
    pub ways: usize,
    /// Memory of the tags: `"lut_ram"` (default), `"lut_ram_registered"`, `"lut_ram_compared"` or `"block_ram"`.
    #[serde(default, skip_serializing_if = "Tags::is_default")]
    pub tags: Tags,
}

/// What the tags of an MCACHE are kept in. No influence on what is found, only on when: see [`Mcache::tag_cycles`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tags {
    /// LUT RAM, read in the cycle of the look-up.
    #[default]
    LutRam,
    /// LUT RAM with a register behind it: reading and comparing in a cycle each, a flip-flop for each bit of a set; a
    /// decision comes a cycle later.
    LutRamRegistered,
    /// The same, and registers in front of the look-up and behind the comparison; a decision comes three cycles later.
    LutRamCompared,
    /// Block RAM: no look-up tables for them; a decision comes a cycle later.
    BlockRam,
}

impl Tags {
    fn is_default(&self) -> bool {
        *self == Tags::default()
    }
}

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ConfigError {
    /// A file that cannot be read.
    #[error(
        "cannot read configuration {path}: {reason}; give --config an existing, readable TOML file"
    )]
    Unreadable {
        /// The file asked for.
        path: String,
        /// What the operating system said.
        reason: String,
    },
    /// Text that is not TOML, lacks a key or has an unknown one.
    #[error("configuration {origin} is not valid: {reason}")]
    Syntax {
        /// File or preset.
        origin: String,
        /// The parser's message with line and column.
        reason: String,
    },
    /// A preset, but of a design that the command is not about.
    #[error(
        "preset `{name}` is of another design, that of `{commands}`: the presets here are {known}"
    )]
    OtherDesign {
        /// The name asked for.
        name: String,
        /// The commands that it is for.
        commands: &'static str,
        /// The names that there are here, comma-separated.
        known: String,
    },
    /// No preset of that name.
    #[error(
        "unknown preset `{name}`: the presets are {known}; choose one of them, or give --config FILE"
    )]
    UnknownPreset {
        /// The name asked for.
        name: String,
        /// All preset names, comma-separated.
        known: String,
    },
    /// A value outside of its limit.
    #[error("{key} = {value} is refused: {limit}; {fix}")]
    Illegal {
        /// TOML key.
        key: String,
        /// The value found.
        value: String,
        /// The limit it breaks.
        limit: String,
        /// What to change.
        fix: String,
    },
}

/// The embedded TOML files, in order of size.
const PRESETS: [(&str, &str); 4] = [
    ("tiny", include_str!("../../configs/tiny.toml")),
    ("small", include_str!("../../configs/small.toml")),
    ("ecp5", include_str!("../../configs/ecp5.toml")),
    ("paper", include_str!("../../configs/paper.toml")),
];

toml_file!(
    Config,
    PRESETS,
    ignoring {
        description,
        device
    }
);

impl Config {
    /// The preset that is used when none is named.
    pub const DEFAULT_PRESET: &str = "small";

    /// Reads and checks a TOML file.
    ///
    /// # Errors
    /// Unreadable file, bad syntax, missing or unknown key, value outside of its limit, device exceeded.
    pub fn load(path: &Path) -> Result<Config, ConfigError> {
        let text = fs::read_to_string(path).map_err(|e| ConfigError::Unreadable {
            path: path.display().to_string(),
            reason: e.to_string(),
        })?;
        Config::parse(&text, &path.display().to_string())
    }

    /// Refuses sizes that no correct hardware exists for.
    ///
    /// # Errors
    /// [`ConfigError::Illegal`] for the first broken rule: value, limit and fix.
    pub fn check(&self) -> Result<(), ConfigError> {
        check::check(self)?;
        self.estimate().check()
    }

    /// Name of the top module. Prefixed, because a preset's name can be a Verilog keyword: `small` is one.
    pub fn top(&self) -> String {
        format!("mercury_{}", self.name)
    }
}

#[cfg(test)]
mod tests;
