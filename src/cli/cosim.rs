//! `mercury cosim`: random jobs on the Verilated accelerator against the golden model.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use serde::Serialize;

use super::progress::Progress;
use super::{Outcome, check_output, grouped, write_json};
use crate::config::Config;
use clap::ValueEnum;

use crate::cosim::bins::Bins;
use crate::cosim::campaign::{self, Mismatch, Report, Settings};
use crate::cosim::case::Draw;
use crate::cosim::error_paths::{self, Path};
use crate::cosim::verilated;
use crate::regmap::Statistics;
use crate::reuse::Mode;

/// Run random jobs on the Verilated accelerator and compare everything with the golden model.
///
/// Compared are every output word, the result tensors, all counters and, without stalls, cycles and stalls against the
/// cycle model; with stalls the cycles against their bound. The AXI protocol is checked in every cycle. Afterwards jobs
/// that are spoilt on purpose must end with the right error code and the next good job must be right.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  mercury cosim --preset tiny --jobs 1000 --seed 1
  mercury cosim --preset small --jobs 1000 --seed 1 --p-stall 0.3 --json cosim.json
  mercury cosim --preset tiny --seed 1 --only 17          repeat one operation")]
pub struct Args {
    /// Sizes of the accelerator: tiny, small, ecp5 or paper
    #[arg(long, default_value = Config::DEFAULT_PRESET, conflicts_with = "config")]
    preset: String,
    /// Sizes of the accelerator, from a TOML file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Jobs to run; the operation that reaches the number is run to its end
    #[arg(long, default_value_t = 200)]
    jobs: u64,
    /// Seed of operations, operands and stalls
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Reuse of the jobs: any draws all kinds, off dense ones only, a mode only jobs with it
    #[arg(long, value_name = "MODE", default_value = "any", value_parser = draw)]
    reuse: Draw,
    /// Probability of a pause of the host, in each cycle of a stream and before each step of a register access
    #[arg(long, default_value_t = 0.0, value_name = "P")]
    p_stall: f64,
    /// Write the result as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Folder of the generated Verilog [default: rtl_out/<preset>]
    #[arg(long, value_name = "DIR")]
    rtl: Option<PathBuf>,
    /// Run only the operation of this number
    #[arg(long, value_name = "NUMBER")]
    only: Option<u64>,
}

/// What `--json` holds.
#[derive(Serialize)]
struct Json<'a> {
    preset: &'a str,
    config_hash: String,
    jobs: u64,
    operations: u64,
    seed: u64,
    p_stall: f64,
    mismatches: u64,
    mismatch: Option<String>,
    cycles: u64,
    khz: f64,
    khz_bare: f64,
    speed_ratio: f64,
    seconds: f64,
    stalled: u64,
    cycles_compared: bool,
    totals: Statistics,
    bins: &'a Bins,
    empty_bins: Vec<&'static str>,
    error_paths: &'a [Path],
}

impl Args {
    pub(super) fn run(self) -> Result<Outcome> {
        let config = match &self.config {
            Some(path) => Config::load(path)?,
            None => Config::preset(&self.preset)?,
        };
        ensure!(
            self.jobs > 0,
            "--jobs is 0: nothing would be compared; ask for at least 1"
        );
        ensure!(
            (0.0..1.0).contains(&self.p_stall),
            "--p-stall is {}, must be at least 0 and below 1: use 0.3 for example",
            self.p_stall
        );
        if let Some(json) = &self.json {
            check_output(json)?;
        }
        let asks_reuse = matches!(self.reuse, Draw::Mode(mode) if mode != Mode::Off);
        ensure!(
            config.reuse || !asks_reuse,
            "--reuse asks for a mode that configuration {} is built without: set reuse = true, or give --reuse off",
            config.name
        );
        let rtl = self
            .rtl
            .clone()
            .unwrap_or_else(|| verilated::default_rtl(&config));
        let settings = Settings {
            jobs: self.jobs,
            draw: self.reuse,
            seed: self.seed,
            p_stall: self.p_stall,
            only: self.only,
        };
        let mut driver = verilated::open(&rtl, &config)?;
        let report = {
            let mut progress = Progress::new(self.jobs, "jobs");
            campaign::run(&mut driver, &config, &settings, |report| {
                let khz = report.cycles as f64 / 1e3;
                progress.set(
                    report.jobs.min(self.jobs),
                    &format!("cosim {}: {khz:.0} k cycles", config.name),
                );
            })?
        };
        print_bins(&report.bins);
        if let Some(mismatch) = &report.mismatch {
            self.print_mismatch(&config, &settings, &rtl, mismatch);
        }
        let (mut khz_bare, mut paths) = (0.0, Vec::new());
        if report.mismatch.is_none() {
            khz_bare = campaign::bare_khz(&mut driver, &report, report.seconds.clamp(0.5, 10.0))?;
            if self.only.is_none() {
                paths = error_paths::run(&mut driver, &config, self.seed)?;
                print_paths(&paths);
            }
        }
        self.print_summary(&config, &report, khz_bare);
        let failed_paths = paths.iter().filter(|path| path.failure.is_some()).count() as u64;
        let mismatches = u64::from(report.mismatch.is_some()) + failed_paths;
        if let Some(path) = &self.json {
            write_json(
                path,
                &self.json(&config, &report, khz_bare, mismatches, &paths),
            )?;
        }
        Ok(if mismatches == 0 {
            Outcome::Good
        } else {
            Outcome::Failed
        })
    }

    fn json<'a>(
        &self,
        config: &'a Config,
        report: &'a Report,
        khz_bare: f64,
        mismatches: u64,
        error_paths: &'a [Path],
    ) -> Json<'a> {
        Json {
            preset: &config.name,
            config_hash: config.hash(),
            jobs: report.jobs,
            operations: report.operations,
            seed: self.seed,
            p_stall: self.p_stall,
            mismatches,
            mismatch: report.mismatch.as_ref().map(|m| m.difference.text.clone()),
            cycles: report.cycles,
            khz: report.khz(),
            khz_bare,
            speed_ratio: if khz_bare > 0.0 {
                report.khz() / khz_bare
            } else {
                0.0
            },
            seconds: report.seconds,
            stalled: report.stalled,
            cycles_compared: report.timed,
            totals: report.totals,
            bins: &report.bins,
            empty_bins: report.bins.empty().collect(),
            error_paths,
        }
    }

    fn print_mismatch(
        &self,
        config: &Config,
        settings: &Settings,
        rtl: &std::path::Path,
        mismatch: &Mismatch,
    ) {
        let Mismatch {
            operation,
            job,
            what,
            difference,
        } = mismatch;
        println!(
            "\nMISMATCH in operation {operation}, job {job}: {}",
            difference.text
        );
        println!("  {what}");
        let sizes = match &self.config {
            Some(path) => format!("--config {}", path.display()),
            None => format!("--preset {}", self.preset),
        };
        let folder = self
            .rtl
            .as_ref()
            .map_or(String::new(), |rtl| format!(" --rtl {}", rtl.display()));
        let reuse = match self.reuse {
            Draw::Any => String::new(),
            Draw::Mode(mode) => format!(" --reuse {}", mode.name()),
        };
        println!(
            "  repeat: mercury cosim {sizes}{folder}{reuse} --seed {} --p-stall {} --only {operation}",
            self.seed, self.p_stall
        );
        let waveform = campaign::waveform_path(config, mismatch).and_then(|path| {
            let again = campaign::waveform(rtl, config, settings, mismatch, &path)?;
            Ok((path, again))
        });
        match waveform {
            Ok((path, true)) => println!("  waveform: {}", path.display()),
            Ok((path, false)) => println!(
                "  waveform: {} (alone and from reset the operation is right: what ran before it matters)",
                path.display()
            ),
            Err(error) => println!("  no waveform: {error:#}"),
        }
    }

    fn print_summary(&self, config: &Config, report: &Report, khz_bare: f64) {
        let totals = &report.totals;
        println!(
            "\n{}: {} jobs of {} operations, seed {}, stall probability {}",
            config.name,
            grouped(report.jobs),
            grouped(report.operations),
            self.seed,
            self.p_stall
        );
        println!(
            "  {} beats in, {} beats out, {} MACs, {} saturations",
            grouped(totals.in_beats),
            grouped(totals.out_beats),
            grouped(totals.macs),
            grouped(totals.saturations)
        );
        if totals.zero + totals.hit + totals.mau + totals.mnu > 0 {
            println!(
                "  vectors detected: {} ZERO, {} HIT, {} MAU, {} MNU",
                grouped(totals.zero),
                grouped(totals.hit),
                grouped(totals.mau),
                grouped(totals.mnu)
            );
        }
        let compared = match (report.timed, self.p_stall > 0.0) {
            _ if report.mismatch.is_some() => "compared up to the mismatch",
            (true, false) => "cycles and stalls as modelled",
            (true, true) => "cycles within their bound",
            (false, _) => "cycles not compared: the plans have no model",
        };
        println!(
            "  {} clock cycles, {} in jobs, {compared}",
            grouped(report.cycles),
            grouped(totals.cycles)
        );
        if khz_bare > 0.0 {
            let (khz, ratio) = (report.khz(), report.khz() / khz_bare);
            println!("  {khz:.0} kHz with all checks, {khz_bare:.0} kHz without: ratio {ratio:.2}");
        }
        let verdict = if report.mismatch.is_some() {
            "MISMATCH"
        } else {
            "no mismatch"
        };
        println!("  {verdict}");
    }
}

/// `any`, or the name of a mode.
fn draw(text: &str) -> Result<Draw, String> {
    if text == "any" {
        return Ok(Draw::Any);
    }
    let mode = Mode::from_str(text, true);
    mode.map(Draw::Mode)
        .map_err(|_| "give any, off, zero, sign, step or grid".into())
}

/// Two columns of bins, those that stayed empty named at the end.
fn print_bins(bins: &Bins) {
    let lines: Vec<String> = bins
        .iter()
        .map(|(name, count)| format!("{name:<42}{:>8}", grouped(count)))
        .collect();
    println!("coverage of {} jobs", grouped(bins.jobs));
    let half = lines.len().div_ceil(2);
    for (i, left) in lines[..half].iter().enumerate() {
        println!(
            "  {left}   {}",
            lines.get(half + i).map_or("", String::as_str)
        );
    }
    let empty: Vec<_> = bins.empty().collect();
    println!(
        "  empty: {}",
        if empty.is_empty() {
            "none".into()
        } else {
            empty.join(", ")
        }
    );
}

fn print_paths(paths: &[Path]) {
    println!("\nerror paths, each followed by a good job");
    for path in paths {
        let verdict = match (&path.failure, path.skipped) {
            (Some(failure), _) => format!("FAILED: {failure}"),
            (None, true) => "not possible on this configuration".into(),
            (None, false) => "ok".into(),
        };
        println!("  {:<48}{:<14}{verdict}", path.name, path.expected);
    }
}
