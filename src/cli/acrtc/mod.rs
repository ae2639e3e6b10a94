//! `mercury acrtc`: tensor cores that reuse the previous row.

mod cosim;
mod faults;

use std::path::Path;

use anyhow::Result;

use super::{Outcome, campaign};
use crate::config::tc::TcConfig;
use crate::designs::Sizes;

/// ACRTC: co-simulate the tensor core that reuses the previous row, and its dense baseline
///
/// A row of a matrix product is the row before plus what has changed, where that is shorter. docs/acrtc.md is the contract.
#[derive(clap::Subcommand)]
pub enum Command {
    Cosim(cosim::Args),
    Faults(faults::Args),
}

impl Command {
    pub(super) fn run(self) -> Result<Outcome> {
        match self {
            Command::Cosim(args) => args.run(),
            Command::Faults(args) => args.run(),
        }
    }
}

/// Sizes from a file, or else a preset.
fn sizes(preset: &str, file: Option<&Path>) -> Result<TcConfig> {
    let of = |sizes: &Sizes| match sizes {
        Sizes::Tc(config) => Some(config.clone()),
        _ => None,
    };
    let presets = TcConfig::preset_names();
    campaign::sizes(preset, file, of, "acrtc or dense_tc", presets)
}
