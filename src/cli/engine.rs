//! Which engine a command computes on.

use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;

use crate::config::Config;
use crate::engine::Engine;
use crate::golden::Golden;

/// Engines by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EngineKind {
    /// The golden model: integers on the host, fast.
    Golden,
}

/// Options of every command that computes.
#[derive(Clone, Debug, clap::Args)]
pub struct EngineArgs {
    /// What computes the dot products.
    #[arg(long, value_enum, default_value = "golden")]
    pub engine: EngineKind,
    /// Sizes of the accelerator: tiny, small, ecp5 or paper.
    #[arg(long, default_value = Config::DEFAULT_PRESET, conflicts_with = "config")]
    pub preset: String,
    /// Sizes of the accelerator, from a TOML file.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl EngineArgs {
    /// The configuration asked for.
    ///
    /// # Errors
    /// An unknown preset, or an unreadable or illegal file.
    pub fn config(&self) -> Result<Config> {
        Ok(match &self.config {
            Some(path) => Config::load(path)?,
            None => Config::preset(&self.preset)?,
        })
    }
}

/// Opens an engine of the given sizes.
///
/// # Errors
/// What keeps the engine from being built.
pub fn open(kind: EngineKind, config: &Config) -> Result<Box<dyn Engine>> {
    match kind {
        EngineKind::Golden => Ok(Box::new(Golden::new(config.data_w as u32))),
    }
}
