//! `mercury acrtc cosim`: random products on the Verilated core against golden model and cycle model.

use std::path::PathBuf;

use anyhow::Result;

use super::super::campaign::{Options, sizes_option};
use super::super::{Outcome, grouped};
use super::sizes;
use crate::cosim::core::campaign::Report;
use crate::cosim::tc::TensorCores;
use crate::regmap::tc::Statistics;

/// Run random products on the Verilated core and compare everything with the golden model
///
/// Compared are every result of every job, their sum with the plain integer product, all counters and, without stalls, cycles and
/// stalls with the cycle model; with stalls the cycles with their bound. Afterwards jobs spoilt on purpose must end with the
/// right error code, and the next good job must be right.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  gen-verilog --preset acrtc-tiny && mercury acrtc cosim --preset acrtc-tiny --products 2000 --seed 1
  mercury acrtc cosim --preset acrtc-tiny --products 2000 --seed 2 --p-stall 0.3
  mercury acrtc cosim --preset dense-tc-tiny --products 500
  mercury acrtc cosim --preset acrtc-tiny --seed 1 --only 17        repeat one product")]
pub struct Args {
    /// Sizes of the core, of design acrtc or dense_tc
    #[arg(long, default_value = "acrtc-tiny", conflicts_with = "config")]
    preset: String,
    /// Sizes of the core, from a TOML file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Products to run
    #[arg(long, default_value_t = 200)]
    products: u64,
    #[command(flatten)]
    options: Options,
}

impl Args {
    pub(super) fn run(self) -> Result<Outcome> {
        let file = self.config.as_deref();
        let command = format!("mercury acrtc cosim {}", sizes_option(&self.preset, file));
        let config = sizes(&self.preset, file)?;
        self.options
            .run::<TensorCores>(&config, self.products, &command, counts)
    }
}

/// What was run, in words.
fn counts(report: &Report<Statistics>) -> String {
    let totals = &report.totals;
    let traffic = format!(
        "{} results, {} cycles, {} beats in, {} out",
        grouped(report.numbers),
        grouped(totals.cycles),
        grouped(totals.in_beats),
        grouped(totals.out_beats)
    );
    let rows = format!(
        "{} rows from differences, {} anew: {} shorter so, {} with a difference beyond an operand",
        grouped(totals.rows_delta),
        grouped(totals.rows_plain),
        grouped(totals.fallback_shorter),
        grouped(totals.fallback_range)
    );
    format!("{traffic}\n  {rows}")
}
