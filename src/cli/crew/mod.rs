//! `mercury crew`: fully connected layers by unique weights.

mod cosim;
mod encode;
mod faults;
mod report;

use std::path::Path;

use anyhow::Result;

use super::Outcome;
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
    let sizes = match file {
        Some(file) => Sizes::load(file)?,
        None => Sizes::preset(preset)?,
    };
    match sizes {
        Sizes::Fc(config) => Ok(config),
        other => anyhow::bail!(
            "{} is of design {}: give sizes of design crew or dense_fc, such as {}",
            other.name(),
            other.design(),
            FcConfig::preset_names().collect::<Vec<_>>().join(", ")
        ),
    }
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
