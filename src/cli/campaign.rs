//! What `mercury crew` and `mercury acrtc` have in common: sizes, campaigns and faults, their options, what is printed, JSON, verdict.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use super::faults::report as report_faults;
use super::progress::Progress;
use super::{Outcome, check_output, grouped, write_json};
use crate::cosim::core;
use crate::cosim::core::Statistics;
use crate::cosim::core::campaign::{self, Random, Report, Settings};
use crate::cosim::core::spoil::{self, SpoiltJob};
use crate::cosim::faults::Fault;
use crate::designs::Sizes;

/// Options of a campaign of random layers or products.
#[derive(clap::Args)]
pub(super) struct Options {
    /// Seed of operands and stalls
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Probability of a pause of the host, in each cycle of a stream and before each step of a register access
    #[arg(long, default_value_t = 0.0, value_name = "P")]
    p_stall: f64,
    /// Run only the one of this number
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
struct Json<'a, S> {
    preset: &'a str,
    config_hash: String,
    seed: u64,
    p_stall: f64,
    #[serde(flatten)]
    report: &'a Report<S>,
    mismatches: u64,
    mismatch: Option<&'a str>,
    error_paths: &'a [SpoiltJob],
}

/// Sizes from a file, or else a preset; `of` takes those of the designs that the command is about, which `designs` and
/// `presets` name.
///
/// # Errors
/// An unknown preset, an illegal file, sizes of another design.
pub(super) fn sizes<C>(
    preset: &str,
    file: Option<&Path>,
    of: impl Fn(&Sizes) -> Option<C>,
    designs: &str,
    presets: impl Iterator<Item = &'static str>,
) -> Result<C> {
    let sizes = match file {
        Some(file) => Sizes::load(file)?,
        None => Sizes::preset(preset)?,
    };
    of(&sizes).with_context(|| {
        format!(
            "{} is of design {}: give sizes of design {designs}, such as {}",
            sizes.name(),
            sizes.design(),
            presets.collect::<Vec<_>>().join(", ")
        )
    })
}

/// The sizes asked for, as options.
pub(super) fn sizes_option(preset: &str, file: Option<&Path>) -> String {
    match file {
        Some(path) => format!("--config {}", path.display()),
        None => format!("--preset {preset}"),
    }
}

impl Options {
    /// Runs `cases` random cases of a design, spoils jobs when all agree, prints and writes what was found. `command` repeats the
    /// campaign on the same sizes, `counts` says in words what was done.
    ///
    /// # Errors
    /// Options that would compare nothing, missing Verilog or tools, JSON that cannot be written.
    pub fn run<D: Random>(
        &self,
        config: &D::Config,
        cases: u64,
        command: &str,
        counts: impl Fn(&Report<Statistics<D>>) -> String,
    ) -> Result<Outcome> {
        self.check(&format!("--{}", D::ITEMS), cases)?;
        let rtl = self.rtl.clone();
        let rtl = rtl.unwrap_or_else(|| core::default_rtl::<D>(config));
        let mut driver = core::open::<D>(&rtl, config)?;
        let settings = Settings {
            cases,
            seed: self.seed,
            p_stall: self.p_stall,
            only: self.only,
        };
        let report = {
            let mut progress = Progress::new(cases, D::ITEMS);
            campaign::run(&mut driver, &settings, |report| {
                let done = report.cases.min(cases);
                progress.set(done, &format!("cosim {}", D::name(config)));
            })?
        };
        let spoilt = match (&report.mismatch, self.only) {
            (None, None) => spoil::run(&mut driver, self.seed)?,
            _ => vec![],
        };
        self.print::<D>(config, &report, &spoilt, command);
        println!("  {}", counts(&report));
        self.conclude::<D>(config, &report, &spoilt)
    }

    /// Refuses a campaign that would compare nothing; `option` is the one that says how many.
    fn check(&self, option: &str, number: u64) -> Result<()> {
        ensure!(
            number > 0,
            "{option} is 0: nothing would be compared; ask for at least 1"
        );
        ensure!(
            (0.0..1.0).contains(&self.p_stall),
            "--p-stall is {}, must be at least 0 and below 1: use 0.3 for example",
            self.p_stall
        );
        self.json.as_deref().map_or(Ok(()), check_output)
    }

    /// What differs, the spoilt jobs, how much was run.
    fn print<D: Random>(
        &self,
        config: &D::Config,
        report: &Report<Statistics<D>>,
        spoilt: &[SpoiltJob],
        command: &str,
    ) {
        if let Some((number, text)) = &report.mismatch {
            println!("\nMISMATCH in {} {number}: {text}", D::ITEM);
            println!(
                "  repeat: {command} --seed {} --p-stall {} --only {number}",
                self.seed, self.p_stall
            );
        }
        if !spoilt.is_empty() {
            println!("jobs spoilt on purpose, each followed by a good one");
        }
        for job in spoilt {
            let outcome = job.failure.as_deref().unwrap_or("ok");
            println!("  {:<48}{:<14}{outcome}", job.name, job.expected);
        }
        println!(
            "\n{}: {} {} in {} jobs, seed {}, stall probability {}",
            D::name(config),
            grouped(report.cases),
            D::ITEMS,
            grouped(report.jobs),
            self.seed,
            self.p_stall
        );
    }

    /// The verdict, also as JSON.
    fn conclude<D: Random>(
        &self,
        config: &D::Config,
        report: &Report<Statistics<D>>,
        spoilt: &[SpoiltJob],
    ) -> Result<Outcome> {
        match (&report.mismatch, self.p_stall > 0.0) {
            (Some(_), _) => println!("  MISMATCH"),
            (None, true) => println!("  no mismatch; cycles within their bound"),
            (None, false) => println!("  no mismatch; cycles and stalls as modelled"),
        }
        let failed = spoilt.iter().filter(|job| job.failure.is_some());
        let mismatches = u64::from(report.mismatch.is_some()) + failed.count() as u64;
        if let Some(path) = &self.json {
            let json = Json {
                preset: D::name(config),
                config_hash: D::hash(config),
                seed: self.seed,
                p_stall: self.p_stall,
                report,
                mismatches,
                mismatch: report.mismatch.as_ref().map(|(_, text)| text.as_str()),
                error_paths: spoilt,
            };
            write_json(path, &json)?;
        }
        Ok(match mismatches {
            0 => Outcome::Good,
            _ => Outcome::Failed,
        })
    }
}

/// Options of a run of faults.
#[derive(clap::Args)]
pub(super) struct FaultOptions {
    /// Seed of the operands
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder of the generated Verilog [default: rtl_out/NAME]
    #[arg(long, value_name = "DIR")]
    rtl: Option<PathBuf>,
    /// Write the findings as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl FaultOptions {
    /// Puts each of the faults into the Verilog of a configuration and runs `cases` random cases, without and with stalls.
    ///
    /// # Errors
    /// Missing Verilog or tools, a fault that does not apply, JSON that cannot be written.
    pub fn run<D: Random>(
        &self,
        config: &D::Config,
        faults: &[&Fault],
        cases: u64,
    ) -> Result<Outcome> {
        if let Some(json) = &self.json {
            check_output(json)?;
        }
        let folder = self.rtl.clone();
        let folder = folder.unwrap_or_else(|| core::default_rtl::<D>(config));
        let rtl = core::read_rtl::<D>(&folder, config)?;
        let mut findings = Vec::new();
        {
            let mut progress = Progress::new(faults.len() as u64, "faults");
            for fault in faults {
                progress.set(findings.len() as u64, fault.name);
                let finding = core::faults::run::<D>(fault, &rtl, config, cases, self.seed);
                findings.push(finding?);
            }
        }
        report_faults(&findings, &format!("--{}", D::ITEMS), self.json.as_deref())
    }
}
