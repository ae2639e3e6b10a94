//! `mercury acrtc cosim`: random products on the Verilated core against golden model and cycle model.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use serde::Serialize;

use super::super::progress::Progress;
use super::super::{Outcome, check_output, grouped, write_json};
use super::sizes;
use crate::cosim::tc::campaign::{self, Campaign};
use crate::cosim::tc::{self, spoil};
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
    /// Seed of products and stalls
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Probability of a pause of the host, in each cycle of a stream and before each step of a register access
    #[arg(long, default_value_t = 0.0, value_name = "P")]
    p_stall: f64,
    /// Run only the product of this number
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
    products: u64,
    jobs: u64,
    results: u64,
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
            self.products > 0,
            "--products is 0: nothing would be compared; ask for at least 1"
        );
        ensure!(
            (0.0..1.0).contains(&self.p_stall),
            "--p-stall is {}, must be at least 0 and below 1: use 0.3 for example",
            self.p_stall
        );
        if let Some(json) = &self.json {
            check_output(json)?;
        }
        let rtl = self.rtl.clone().unwrap_or_else(|| tc::default_rtl(&config));
        let mut driver = tc::open(&rtl, &config)?;
        let campaign = Campaign {
            products: self.products,
            seed: self.seed,
            p_stall: self.p_stall,
            only: self.only,
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
                products: report.products,
                jobs: report.jobs,
                results: report.results,
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
        Ok(match mismatches {
            0 => Outcome::Good,
            _ => Outcome::Failed,
        })
    }

    fn print(&self, name: &str, report: &campaign::Report, paths: &[spoil::Path]) {
        if let Some((number, text)) = &report.mismatch {
            println!("\nMISMATCH in product {number}: {text}");
            let sizes = match &self.config {
                Some(path) => format!("--config {}", path.display()),
                None => format!("--preset {}", self.preset),
            };
            println!(
                "  repeat: mercury acrtc cosim {sizes} --seed {} --p-stall {} --only {number}",
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
            "\n{name}: {} products in {} jobs, seed {}, stall probability {}",
            grouped(report.products),
            grouped(report.jobs),
            self.seed,
            self.p_stall
        );
        println!(
            "  {} results, {} cycles, {} beats in, {} out",
            grouped(report.results),
            grouped(totals.cycles),
            grouped(totals.in_beats),
            grouped(totals.out_beats)
        );
        println!(
            "  {} rows from differences, {} anew: {} shorter so, {} with a difference beyond an operand",
            grouped(totals.rows_delta),
            grouped(totals.rows_plain),
            grouped(totals.fallback_shorter),
            grouped(totals.fallback_range)
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
