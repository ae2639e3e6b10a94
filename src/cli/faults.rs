//! `mercury faults`: shows that co-simulation catches faults in the generated Verilog.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::progress::Progress;
use super::{Outcome, check_output, write_json};
use crate::config::Config;
use crate::cosim::faults::{Finding, faults};
use crate::cosim::verilate::Builder;
use crate::cosim::verilated;

/// Put faults, of the dense array and of reuse, into the generated Verilog, one at a time, and see that co-simulation catches each.
///
/// The folder of the Verilog is not changed. Exit code 1 when a fault is missed.
#[derive(clap::Args)]
#[command(after_help = "Example:
  mercury faults --preset tiny --jobs 400 --seed 1")]
pub struct Args {
    /// Sizes of the accelerator: tiny, small, ecp5 or paper
    #[arg(long, default_value = "tiny")]
    preset: String,
    /// Jobs for each fault without stalls, and as many with stalls
    #[arg(long, default_value_t = 400)]
    jobs: u64,
    /// Seed of the jobs
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder of the generated Verilog [default: rtl_out/<preset>]
    #[arg(long, value_name = "DIR")]
    rtl: Option<PathBuf>,
    /// Write the findings as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Args {
    pub(super) fn run(self) -> Result<Outcome> {
        if let Some(json) = &self.json {
            check_output(json)?;
        }
        let config = Config::preset(&self.preset)?;
        let folder = self
            .rtl
            .clone()
            .unwrap_or_else(|| verilated::default_rtl(&config));
        let (rtl, _) = verilated::read_rtl(&folder, &config)?;
        let builder = Builder::find()?;
        let mut findings = Vec::new();
        {
            let mut progress = Progress::new(faults(&config).count() as u64, "faults");
            for fault in faults(&config) {
                progress.set(findings.len() as u64, fault.name);
                findings.push(fault.run(&builder, &rtl, &config, self.jobs, self.seed)?);
            }
        }
        let more = "--jobs (400 catch all on tiny)";
        report(&findings, more, self.json.as_deref())
    }
}

/// Prints what was caught and what was not, and writes it as JSON; `more` is the option that runs longer.
pub(super) fn report(findings: &[Finding], more: &str, json: Option<&Path>) -> Result<Outcome> {
    println!("{:<52}{:<20}{:>6}  caught by", "fault", "file", "jobs");
    for finding in findings {
        let caught = ending(finding.caught_by.as_deref().unwrap_or("MISSED"));
        let stalls = match finding.p_stall > 0.0 {
            true => " (with stalls)",
            false => "",
        };
        println!(
            "{:<52}{:<20}{:>6}  {caught}{stalls}",
            finding.fault, finding.file, finding.jobs
        );
    }
    let caught = findings.iter().filter(|f| f.caught_by.is_some()).count();
    println!("{caught} of {} faults caught", findings.len());
    if caught < findings.len() {
        println!("a fault is missed when too few jobs meet it: try more {more}");
    }
    if let Some(path) = json {
        write_json(path, &findings)?;
    }
    Ok(match caught == findings.len() {
        true => Outcome::Good,
        false => Outcome::Failed,
    })
}

/// The end of a long text: the values that differ stand there.
fn ending(text: &str) -> String {
    match text.char_indices().rev().nth(TEXT) {
        Some((start, _)) => format!("…{}", &text[start..]),
        None => text.into(),
    }
}

/// Characters of the last column.
const TEXT: usize = 90;
