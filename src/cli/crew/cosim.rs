//! `mercury crew cosim`: random layers on the Verilated accelerator against golden model and cycle model.

use std::path::PathBuf;

use anyhow::Result;

use super::super::campaign::{Findings, Options, sizes_option};
use super::super::progress::Progress;
use super::super::{Outcome, grouped};
use super::sizes;
use crate::cosim::fc::campaign::{self, Settings};
use crate::cosim::fc::{self, spoil};

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
        let config = sizes(&self.preset, self.config.as_deref())?;
        let options = &self.options;
        options.check("--layers", self.layers)?;
        let rtl = options.rtl.clone();
        let rtl = rtl.unwrap_or_else(|| fc::default_rtl(&config));
        let mut driver = fc::open(&rtl, &config)?;
        let settings = Settings {
            layers: self.layers,
            seed: options.seed,
            p_stall: options.p_stall,
            only: options.only,
        };
        let report = {
            let mut progress = Progress::new(self.layers, "layers");
            campaign::run(&mut driver, &config, &settings, |report| {
                progress.set(
                    report.layers.min(self.layers),
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
            item: "layer",
            command: format!("mercury crew cosim {sizes}"),
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
            "{name}: {} layers in {} jobs, seed {}, stall probability {}",
            grouped(report.layers),
            grouped(report.jobs),
            self.options.seed,
            self.options.p_stall
        );
        let work = format!(
            "{} sums, {} multiplications ({} in a dense layer), {} cycles, {} beats in, {} out",
            grouped(report.sums),
            grouped(totals.multiplications),
            grouped(report.dense_multiplications),
            grouped(totals.cycles),
            grouped(totals.in_beats),
            grouped(totals.out_beats)
        );
        format!("{run}\n  {work}")
    }
}
