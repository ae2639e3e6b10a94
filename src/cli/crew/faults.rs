//! `mercury crew faults`: shows that co-simulation catches faults in the generated Verilog.

use anyhow::Result;

use super::super::Outcome;
use super::super::campaign::FaultOptions;
use super::sizes;
use crate::cosim::fc::FullyConnected;
use crate::cosim::fc::faults::faults;

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
    #[command(flatten)]
    options: FaultOptions,
}

impl Args {
    pub(super) fn run(self) -> Result<Outcome> {
        let config = sizes(&self.preset, None)?;
        let faults: Vec<_> = faults(&config).collect();
        self.options
            .run::<FullyConnected>(&config, &faults, self.layers)
    }
}
