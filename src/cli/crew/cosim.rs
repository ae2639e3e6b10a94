//! `mercury crew cosim`: random layers on the Verilated accelerator against golden model and cycle model.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use serde::Serialize;

use super::super::progress::Progress;
use super::super::{Outcome, check_output, grouped, write_json};
use super::sizes;
use crate::cosim::fc::campaign::{self, Settings};
use crate::cosim::fc::{self, spoil};
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
    /// Seed of layers and stalls
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Probability of a pause of the host, in each cycle of a stream and before each step of a register access
    #[arg(long, default_value_t = 0.0, value_name = "P")]
    p_stall: f64,
    /// Run only the layer of this number
    #[arg(long, value_name = "NUMBER")]
    only: Option<u64>,
    /// Folder of the generated Verilog [default: rtl_out/NAME]
    #[arg(long, value_name = "DIR")]
    rtl: Option<PathBuf>,
    /// Write the result as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What `--json` holds.
#[derive(Serialize)]
struct Json<'a> {
    preset: &'a str,
    config_hash: String,
    layers: u64,
    jobs: u64,
    sums: u64,
    seed: u64,
    p_stall: f64,
    stalled: u64,
    mismatches: u64,
    mismatch: Option<String>,
    totals: Statistics,
    error_paths: &'a [spoil::Path],
}

impl Args {
    pub(super) fn run(self) -> Result<Outcome> {
        let config = sizes(&self.preset, self.config.as_deref())?;
        ensure!(
            self.layers > 0,
            "--layers is 0: nothing would be compared; ask for at least 1"
        );
        ensure!(
            (0.0..1.0).contains(&self.p_stall),
            "--p-stall is {}, must be at least 0 and below 1: use 0.3 for example",
            self.p_stall
        );
        if let Some(json) = &self.json {
            check_output(json)?;
        }
        let rtl = self.rtl.clone().unwrap_or_else(|| fc::default_rtl(&config));
        let mut driver = fc::open(&rtl, &config)?;
        let settings = Settings {
            layers: self.layers,
            seed: self.seed,
            p_stall: self.p_stall,
            only: self.only,
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
        let paths = match (&report.mismatch, self.only) {
            (None, None) => spoil::run(&mut driver, &config, self.seed)?,
            _ => vec![],
        };
        self.print(&config.name, &report, &paths);
        let failed = paths.iter().filter(|path| path.failure.is_some()).count() as u64;
        let mismatches = u64::from(report.mismatch.is_some()) + failed;
        if let Some(path) = &self.json {
            let json = Json {
                preset: &config.name,
                config_hash: config.hash(),
                layers: report.layers,
                jobs: report.jobs,
                sums: report.sums,
                seed: self.seed,
                p_stall: self.p_stall,
                stalled: report.stalled,
                mismatches,
                mismatch: report.mismatch.as_ref().map(|(_, text)| text.clone()),
                totals: report.totals,
                error_paths: &paths,
            };
            write_json(path, &json)?;
        }
        Ok(if mismatches == 0 {
            Outcome::Good
        } else {
            Outcome::Failed
        })
    }

    fn print(&self, name: &str, report: &campaign::Report, paths: &[spoil::Path]) {
        if let Some((number, text)) = &report.mismatch {
            println!("\nMISMATCH in layer {number}: {text}");
            let sizes = match &self.config {
                Some(path) => format!("--config {}", path.display()),
                None => format!("--preset {}", self.preset),
            };
            println!(
                "  repeat: mercury crew cosim {sizes} --seed {} --p-stall {} --only {number}",
                self.seed, self.p_stall
            );
        }
        if !paths.is_empty() {
            println!("jobs spoilt on purpose, each followed by a good one");
        }
        for path in paths {
            println!(
                "  {:<48}{:<14}{}",
                path.name,
                path.expected,
                path.failure.as_deref().unwrap_or("ok")
            );
        }
        let totals = &report.totals;
        println!(
            "\n{name}: {} layers in {} jobs, seed {}, stall probability {}",
            grouped(report.layers),
            grouped(report.jobs),
            self.seed,
            self.p_stall
        );
        println!(
            "  {} sums, {} multiplications ({} in a dense layer), {} cycles, {} beats in, {} out",
            grouped(report.sums),
            grouped(totals.multiplications),
            grouped(report.dense_multiplications),
            grouped(totals.cycles),
            grouped(totals.in_beats),
            grouped(totals.out_beats)
        );
        let cycles = match self.p_stall > 0.0 {
            true => "cycles within their bound",
            false => "cycles and stalls as modelled",
        };
        match &report.mismatch {
            None => println!("  no mismatch; {cycles}"),
            Some(_) => println!("  MISMATCH"),
        }
    }
}
