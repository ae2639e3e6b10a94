//! `mercury acrtc faults`: shows that co-simulation catches faults in the generated Verilog.

use anyhow::Result;

use super::super::Outcome;
use super::super::campaign::FaultOptions;
use super::sizes;
use crate::cosim::tc::TensorCores;
use crate::cosim::tc::faults::faults;

/// Put faults into the generated Verilog, one at a time, and see that co-simulation catches each
///
/// The folder of the Verilog is not changed. Exit code 1 when a fault is missed.
#[derive(clap::Args)]
#[command(after_help = "Example:
  gen-verilog --preset acrtc-tiny && mercury acrtc faults --preset acrtc-tiny")]
pub struct Args {
    /// Sizes of the core, of design acrtc or dense_tc
    #[arg(long, default_value = "acrtc-tiny")]
    preset: String,
    /// Products for each fault without stalls, and as many with stalls
    #[arg(long, default_value_t = 200)]
    products: u64,
    #[command(flatten)]
    options: FaultOptions,
}

impl Args {
    pub(super) fn run(self) -> Result<Outcome> {
        let config = sizes(&self.preset, None)?;
        let faults: Vec<_> = faults(&config).collect();
        self.options
            .run::<TensorCores>(&config, &faults, self.products)
    }
}
