//! `mercury crew cosim`: random layers on the Verilated accelerator against golden model and cycle model.

use std::path::PathBuf;

use anyhow::Result;

use super::super::campaign::{Options, sizes_option};
use super::super::{Outcome, grouped};
use super::sizes;
use crate::cosim::core::campaign::Report;
use crate::cosim::fc::FullyConnected;
use crate::regmap::fc::Statistics;

/// Run random layers on the Verilated accelerator and compare everything with the golden model
///
/// Compared are every sum of every job, the layer's result with the plain integer product, all counters and, without stalls, cycles and
/// stalls with the cycle model; with stalls the cycles with their bound. Afterwards jobs spoilt on purpose must end with the
/// right error code, and the next good job must be right.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  gen-verilog --preset crew-tiny && mercury crew cosim --preset crew-tiny --layers 2000 --seed 1
  mercury crew cosim --preset crew-tiny --layers 2000 --seed 2 --p-stall 0.3
  mercury crew cosim --preset dense-fc-tiny --layers 500
  mercury crew cosim --preset crew-tiny --seed 1 --only 17        repeat one layer")]
pub struct Args {
    /// Sizes of the accelerator, of design crew or dense_fc
    #[arg(long, default_value = "crew-tiny", conflicts_with = "config")]
    preset: String,
    /// Sizes of the accelerator, from a TOML file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Layers to run
    #[arg(long, default_value_t = 200)]
    layers: u64,
    #[command(flatten)]
    options: Options,
}

impl Args {
    pub(super) fn run(self) -> Result<Outcome> {
        let file = self.config.as_deref();
        let command = format!("mercury crew cosim {}", sizes_option(&self.preset, file));
        let config = sizes(&self.preset, file)?;
        self.options
            .run::<FullyConnected>(&config, self.layers, &command, counts)
    }
}

/// What was run, in words.
fn counts(report: &Report<Statistics>) -> String {
    let totals = &report.totals;
    format!(
        "{} sums, {} multiplications ({} in a dense layer), {} cycles, {} beats in, {} out",
        grouped(report.numbers),
        grouped(totals.multiplications),
        grouped(report.dense_multiplications),
        grouped(totals.cycles),
        grouped(totals.in_beats),
        grouped(totals.out_beats)
    )
}
