//! What `mercury crew cosim` and `mercury acrtc cosim` have in common: options, checks, what is printed, JSON, verdict.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use serde::Serialize;

use super::{Outcome, check_output, write_json};
use crate::cosim::core::SpoiltJob;

/// Options of a campaign of random layers or products.
#[derive(clap::Args)]
pub(super) struct Options {
    /// Seed of operands and stalls
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Probability of a pause of the host, in each cycle of a stream and before each step of a register access
    #[arg(long, default_value_t = 0.0, value_name = "P")]
    pub p_stall: f64,
    /// Run only the one of this number
    #[arg(long, value_name = "NUMBER")]
    pub only: Option<u64>,
    /// Folder of the generated Verilog [default: rtl_out/NAME]
    #[arg(long, value_name = "DIR")]
    pub rtl: Option<PathBuf>,
    /// Write the result as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What a campaign found, whatever it ran.
pub(super) struct Findings<'a, R> {
    /// What was run: "layer", "product".
    pub item: &'a str,
    /// The command and its sizes, as one types them to repeat it.
    pub command: String,
    /// Name of the configuration.
    pub preset: &'a str,
    /// Hash of the configuration.
    pub config_hash: String,
    /// What the campaign counted; its fields stand in the JSON.
    pub report: &'a R,
    /// Number of the first one that differs, and in what.
    pub mismatch: Option<&'a (u64, String)>,
    /// Jobs spoilt on purpose.
    pub spoilt: &'a [SpoiltJob],
}

/// What `--json` holds.
#[derive(Serialize)]
struct Json<'a, R> {
    preset: &'a str,
    config_hash: &'a str,
    seed: u64,
    p_stall: f64,
    #[serde(flatten)]
    report: &'a R,
    mismatches: u64,
    mismatch: Option<&'a str>,
    error_paths: &'a [SpoiltJob],
}

/// The sizes asked for, as options.
pub(super) fn sizes_option(preset: &str, file: Option<&Path>) -> String {
    match file {
        Some(path) => format!("--config {}", path.display()),
        None => format!("--preset {preset}"),
    }
}

impl Options {
    /// Refuses a campaign that would compare nothing; `option` is the one that says how many.
    ///
    /// # Errors
    /// Names option, value and fix.
    pub fn check(&self, option: &str, number: u64) -> Result<()> {
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

    /// Prints what differs, the spoilt jobs, `counts` and the verdict, and writes the JSON.
    ///
    /// # Errors
    /// JSON that cannot be written.
    pub fn conclude<R: Serialize>(&self, found: &Findings<R>, counts: &str) -> Result<Outcome> {
        if let Some((number, text)) = found.mismatch {
            println!("\nMISMATCH in {} {number}: {text}", found.item);
            println!(
                "  repeat: {} --seed {} --p-stall {} --only {number}",
                found.command, self.seed, self.p_stall
            );
        }
        if !found.spoilt.is_empty() {
            println!("jobs spoilt on purpose, each followed by a good one");
        }
        for job in found.spoilt {
            let outcome = job.failure.as_deref().unwrap_or("ok");
            println!("  {:<48}{:<14}{outcome}", job.name, job.expected);
        }
        println!("\n{counts}");
        match (found.mismatch, self.p_stall > 0.0) {
            (Some(_), _) => println!("  MISMATCH"),
            (None, true) => println!("  no mismatch; cycles within their bound"),
            (None, false) => println!("  no mismatch; cycles and stalls as modelled"),
        }
        let failed = found.spoilt.iter().filter(|job| job.failure.is_some());
        let mismatches = u64::from(found.mismatch.is_some()) + failed.count() as u64;
        if let Some(path) = &self.json {
            let json = Json {
                preset: found.preset,
                config_hash: &found.config_hash,
                seed: self.seed,
                p_stall: self.p_stall,
                report: found.report,
                mismatches,
                mismatch: found.mismatch.map(|(_, text)| text.as_str()),
                error_paths: found.spoilt,
            };
            write_json(path, &json)?;
        }
        Ok(match mismatches {
            0 => Outcome::Good,
            _ => Outcome::Failed,
        })
    }
}
