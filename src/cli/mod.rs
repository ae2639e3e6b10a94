//! The `mercury` command line: one file a subcommand.
//!
//! Exit codes: 0 good, 1 a comparison or check failed, 2 bad usage or configuration, 3 a tool is missing.

mod acrtc;
mod adapt;
mod bench;
mod campaign;
mod compare;
mod cosim;
mod crew;
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
mod rows;
mod train;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
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
        mercury job --pass forward --in x.npz --out y.npz        one convolution on NumPy arrays"
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
    #[command(subcommand)]
    Crew(crew::Command),
    #[command(subcommand)]
    Acrtc(acrtc::Command),
    Faults(faults::Args),
    Plan(plan::Args),
    Inspect(inspect::Args),
    Bench(bench::Args),
    Compare(compare::Args),
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
    let matches = with_exit_codes(Cli::command()).get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let result = match cli.command {
        Command::Train(args) => args.run(),
        Command::Job(args) => args.run(),
        Command::Cosim(args) => args.run(),
        Command::Crew(command) => command.run(),
        Command::Acrtc(command) => command.run(),
        Command::Faults(args) => args.run(),
        Command::Plan(args) => args.run(),
        Command::Inspect(args) => args.run(),
        Command::Bench(args) => args.run(),
        Command::Compare(args) => args.run(),
        Command::Docs(args) => args.run(),
        Command::Doctor(args) => args.run(),
    };
    exit_code(result)
}

/// The command and all those below it, each with the exit codes at the end of its help.
fn with_exit_codes(command: clap::Command) -> clap::Command {
    let codes = "Exit codes: 0 good, 1 mismatch or failed check, 2 bad usage or configuration, 3 missing tool.";
    let help = match command.get_after_help() {
        Some(help) => format!("{help}\n\n{codes}"),
        None => codes.into(),
    };
    command.after_help(help).mut_subcommands(with_exit_codes)
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
        with_exit_codes(Cli::command()).debug_assert();
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
