//! The `mercury` command line: one file a subcommand.
//!
//! Exit codes: 0 good, 1 a comparison or check failed, 2 bad usage or configuration, 3 a tool is missing.

mod adapt;
mod bench;
mod cosim;
mod docs;
mod doctor;
mod engine;
mod faults;
pub mod gen_verilog;
mod inspect;
mod job;
mod plan;
mod progress;
mod reuse;
mod train;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use clap::{Parser, Subcommand};
use serde::Serialize;

use crate::cosim::compare::Difference;
use crate::cosim::toolchain::MissingTool;
use crate::engine::Mismatch;

/// Plans, runs, checks and trains on generated accelerators.
#[derive(Parser)]
#[command(
    name = "mercury",
    version,
    after_help = "Examples:\n  \
        mercury train --net digits-cnn --data data/digits        learn hand-written digits on the golden model\n  \
        mercury job --pass forward --in x.npz --out y.npz        one convolution on NumPy arrays\n\n\
        Exit codes: 0 good, 1 mismatch or failed check, 2 bad usage or configuration, 3 missing tool."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Train(train::Args),
    Job(job::Args),
    Cosim(cosim::Args),
    Faults(faults::Args),
    Plan(plan::Args),
    Inspect(inspect::Args),
    Bench(bench::Args),
    Docs(docs::Args),
    Doctor(doctor::Args),
}

/// How a command that ran to its end went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All is well: exit code 0.
    Good,
    /// A mismatch or a failed check, already reported: exit code 1.
    Failed,
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    end_with_the_reader();
    let result = match Cli::parse().command {
        Command::Train(args) => args.run(),
        Command::Job(args) => args.run(),
        Command::Cosim(args) => args.run(),
        Command::Faults(args) => args.run(),
        Command::Plan(args) => args.run(),
        Command::Inspect(args) => args.run(),
        Command::Bench(args) => args.run(),
        Command::Docs(args) => args.run(),
        Command::Doctor(args) => args.run(),
    };
    exit_code(result)
}

/// Ends the process quietly when nobody reads its output any more (`| head`), as other commands do; Rust would panic.
fn end_with_the_reader() {
    sigpipe::reset();
}

/// Prints an error and finds its exit code.
fn exit_code(result: Result<Outcome>) -> ExitCode {
    match result {
        Ok(Outcome::Good) => ExitCode::SUCCESS,
        Ok(Outcome::Failed) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(error_code(&error))
        }
    }
}

fn error_code(error: &anyhow::Error) -> u8 {
    if error.is::<Mismatch>() || error.is::<Difference>() {
        1
    } else if error.is::<MissingTool>() {
        3
    } else {
        2
    }
}

/// Refuses an output file whose folder does not exist, before any work is done.
fn check_output(path: &Path) -> Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    if let Some(folder) = folder {
        ensure!(
            folder.is_dir(),
            "cannot write {}: folder {} does not exist, create it first",
            path.display(),
            folder.display()
        );
    }
    ensure!(
        !path.is_dir(),
        "cannot write {}: it is a folder, give a file",
        path.display()
    );
    Ok(())
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value)? + "\n";
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// A count with thousands separated: 1,234,567.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Geometry, Pass};

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn a_mismatch_is_found_under_its_context() {
        let mismatch = Mismatch {
            pass: Pass::Forward,
            operation: 0,
            geometry: Geometry::fully_connected(1, 1, 1),
            place: "cycles".into(),
            subject: "a".into(),
            got: 1,
            reference: "b".into(),
            want: 2,
        };
        let error = anyhow::Error::from(mismatch)
            .context("layer fc")
            .context("epoch 1");
        assert_eq!(error_code(&error), 1);
        assert_eq!(error_code(&anyhow::anyhow!("bad flag")), 2);
    }

    #[test]
    fn counts_are_grouped_by_thousands() {
        assert_eq!(
            [0, 999, 1000, 1234567].map(grouped),
            ["0", "999", "1,000", "1,234,567"]
        );
    }
}
