//! `mercury acrtc cosim`: random products on the Verilated core against golden model and cycle model.

use std::path::PathBuf;

use anyhow::Result;

use super::super::campaign::{Findings, Options, sizes_option};
use super::super::progress::Progress;
use super::super::{Outcome, grouped};
use super::sizes;
use crate::cosim::tc::campaign::{self, Campaign};
use crate::cosim::tc::{self, spoil};

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
        let config = sizes(&self.preset, self.config.as_deref())?;
        let options = &self.options;
        options.check("--products", self.products)?;
        let rtl = options.rtl.clone();
        let rtl = rtl.unwrap_or_else(|| tc::default_rtl(&config));
        let mut driver = tc::open(&rtl, &config)?;
        let campaign = Campaign {
            products: self.products,
            seed: options.seed,
            p_stall: options.p_stall,
            only: options.only,
        };
        let report = {
            let mut progress = Progress::new(self.products, "products");
            campaign::run(&mut driver, &config, &campaign, |report| {
                progress.set(
                    report.products.min(self.products),
                    &format!("cosim {}", config.name),
                );
            })?
        };
        let spoilt = match (&report.mismatch, options.only) {
            (None, None) => spoil::run(&mut driver, &config, options.seed)?,
            _ => vec![],
        };
        let sizes = sizes_option(&self.preset, self.config.as_deref());
        let found = Findings {
            item: "product",
            command: format!("mercury acrtc cosim {sizes}"),
            preset: &config.name,
            config_hash: config.hash(),
            report: &report,
            mismatch: report.mismatch.as_ref(),
            spoilt: &spoilt,
        };
        options.conclude(&found, &self.counts(&config.name, &report))
    }

    /// What was run, in words.
    fn counts(&self, name: &str, report: &campaign::Report) -> String {
        let totals = &report.totals;
        let run = format!(
            "{name}: {} products in {} jobs, seed {}, stall probability {}",
            grouped(report.products),
            grouped(report.jobs),
            self.options.seed,
            self.options.p_stall
        );
        let traffic = format!(
            "{} results, {} cycles, {} beats in, {} out",
            grouped(report.results),
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
        format!("{run}\n  {traffic}\n  {rows}")
    }
}
