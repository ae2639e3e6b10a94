//! `mercury docs`: writes the generated documentation.

use std::path::PathBuf;

use anyhow::Result;

use super::Outcome;
use crate::regmap::docs;

/// Write docs/regmap.md and the tables of docs/streams.md from the register table
#[derive(clap::Args)]
pub struct Args {
    /// Only compare; exit code 1 when a committed file differs
    #[arg(long)]
    check: bool,
    /// The project's folder
    #[arg(long, default_value = ".")]
    root: PathBuf,
}

impl Args {
    pub(super) fn run(self) -> Result<Outcome> {
        if self.check {
            return Ok(match docs::check(&self.root) {
                Ok(()) => Outcome::Good,
                Err(error) => {
                    eprintln!("{error:#}");
                    Outcome::Failed
                }
            });
        }
        match docs::write(&self.root)?.as_slice() {
            [] => println!("documentation is up to date"),
            files => println!("written: {}", files.join(", ")),
        }
        Ok(Outcome::Good)
    }
}
