//! `mercury crew faults`: shows that co-simulation catches faults in the generated Verilog.

use std::path::PathBuf;

use anyhow::Result;

use super::super::faults::report;
use super::super::progress::Progress;
use super::super::{Outcome, check_output};
use super::sizes;
use crate::config::fc::FcConfig;
use crate::cosim::fc;
use crate::cosim::verilated;

/// Put faults into the generated Verilog, one at a time, and see that co-simulation catches each
///
/// The folder of the Verilog is not changed. Exit code 1 when a fault is missed.
#[derive(clap::Args)]
#[command(after_help = "Example:
  gen-verilog --preset crew-tiny && mercury crew faults --preset crew-tiny")]
pub struct Args {
    /// Sizes of the accelerator, of design crew or dense_fc
    #[arg(long, default_value = "crew-tiny")]
    preset: String,
    /// Layers for each fault without stalls, and as many with stalls
    #[arg(long, default_value_t = 200)]
    layers: u64,
    /// Seed of the layers
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder of the generated Verilog [default: rtl_out/NAME]
    #[arg(long, value_name = "DIR")]
    rtl: Option<PathBuf>,
    /// Write the findings as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Args {
    pub(super) fn run(self) -> Result<Outcome> {
        if let Some(json) = &self.json {
            check_output(json)?;
        }
        let config = sizes(&self.preset, None)?;
        let folder = self.rtl.clone().unwrap_or_else(|| fc::default_rtl(&config));
        let (rtl, _) = verilated::read_sized::<FcConfig>(&folder, &config.name, &config.hash())?;
        let mut findings = Vec::new();
        {
            let mut progress = Progress::new(fc::faults::faults(&config).count() as u64, "faults");
            for fault in fc::faults::faults(&config) {
                progress.set(findings.len() as u64, fault.name);
                findings.push(fc::faults::run(
                    fault,
                    &rtl,
                    &config,
                    self.layers,
                    self.seed,
                )?);
            }
        }
        report(&findings, "--layers", self.json.as_deref())
    }
}
