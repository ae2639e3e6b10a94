//! `mercury crew`: fully connected layers by unique weights.

mod cosim;
mod encode;
mod faults;
mod report;

use std::path::Path;

use anyhow::Result;

use super::{Outcome, campaign};
use crate::config::fc::{Design, FcConfig};
use crate::designs::Sizes;

/// CREW: encode layers, co-simulate the accelerator and its dense baseline
///
/// An input is multiplied once by each unique weight of its row; outputs add products by index. docs/crew.md is the contract.
#[derive(clap::Subcommand)]
pub enum Command {
    Encode(encode::Args),
    Cosim(cosim::Args),
    Faults(faults::Args),
    Report(report::Args),
}

impl Command {
    pub(super) fn run(self) -> Result<Outcome> {
        match self {
            Command::Encode(args) => args.run(),
            Command::Cosim(args) => args.run(),
            Command::Faults(args) => args.run(),
            Command::Report(args) => args.run(),
        }
    }
}

/// Sizes from a file, or else a preset.
fn sizes(preset: &str, file: Option<&Path>) -> Result<FcConfig> {
    let of = |sizes: &Sizes| match sizes {
        Sizes::Fc(config) => Some(config.clone()),
        _ => None,
    };
    let presets = FcConfig::preset_names();
    campaign::sizes(preset, file, of, "crew or dense_fc", presets)
}

/// [`sizes`] that must be those of CREW.
fn crew_sizes(preset: &str, file: Option<&Path>) -> Result<FcConfig> {
    let config = sizes(preset, file)?;
    anyhow::ensure!(
        config.design == Design::Crew,
        "{} is the dense baseline: give sizes of design crew",
        config.name
    );
    Ok(config)
}
