//! The `mercury` command line: one file a subcommand.
//!
//! Exit codes: 0 good, 1 a comparison or check failed, 2 bad usage or configuration, 3 a tool is missing.

mod docs;
mod doctor;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::cosim::toolchain::MissingTool;

/// Plans, runs, checks and trains on generated accelerators.
#[derive(Parser)]
#[command(name = "mercury", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
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
    let result = match Cli::parse().command {
        Command::Docs(args) => args.run(),
        Command::Doctor(args) => args.run(),
    };
    exit_code(result)
}

/// Prints an error and finds its exit code.
fn exit_code(result: Result<Outcome>) -> ExitCode {
    match result {
        Ok(Outcome::Good) => ExitCode::SUCCESS,
        Ok(Outcome::Failed) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(if error.is::<MissingTool>() { 3 } else { 2 })
        }
    }
}
