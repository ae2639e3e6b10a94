//! Which engine a command computes on.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::ValueEnum;
use rayon::ThreadPoolBuilder;

use crate::acrtc::TensorCore;
use crate::config::tc::TcConfig;
use crate::config::{Config, TrainSizes};
use crate::cosim::core;
use crate::cosim::tc::{TensorCores, TensorDevice};
use crate::cosim::verilated::{self, Accelerator};
use crate::engine::{Checked, Engine};

/// Engines by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EngineKind {
    /// The golden model: integers on the host, fast.
    Golden,
    /// The generated Verilog in rtl_out, run by Verilator.
    Verilated,
}

/// Options of every command that computes.
#[derive(Clone, Debug, clap::Args)]
pub struct EngineArgs {
    /// What computes the dot products.
    #[arg(long, value_enum, default_value = "golden")]
    pub engine: EngineKind,
    /// Sizes of the accelerator: tiny, small, ecp5 or paper; train also takes those of tensor cores, acrtc-small and so on.
    #[arg(long, default_value = Config::DEFAULT_PRESET, conflicts_with = "config")]
    pub preset: String,
    /// Sizes of the accelerator, from a TOML file.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder of the generated Verilog [default: rtl_out/<preset>].
    #[arg(long, value_name = "DIR")]
    pub rtl: Option<PathBuf>,
    /// Compare every result and every count of the engine with the golden model and the cycle model.
    #[arg(long)]
    pub check: bool,
    /// Threads of the golden model [default: as many as there are cores]. Several commands at once go fastest with 1 each.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}

impl EngineArgs {
    /// The configuration asked for, of whichever design.
    ///
    /// # Errors
    /// An unknown preset, or an unreadable or illegal file.
    pub fn sizes(&self) -> Result<TrainSizes> {
        Ok(match &self.config {
            Some(path) => TrainSizes::load(path)?,
            None => TrainSizes::preset(&self.preset)?,
        })
    }

    /// The configuration asked for, which must be MERCURY's.
    ///
    /// # Errors
    /// As [`EngineArgs::sizes`], or sizes of a tensor core.
    pub fn config(&self) -> Result<Config> {
        match self.sizes()? {
            TrainSizes::Mercury(config) => Ok(config),
            TrainSizes::Tc(config) => bail!(
                "{} is a tensor core, which mercury train and bench take: give one of {} here",
                config.name,
                Config::preset_names().collect::<Vec<_>>().join(", ")
            ),
        }
    }

    /// [`EngineArgs::open`] for sizes of whichever design.
    ///
    /// # Errors
    /// As [`EngineArgs::open`].
    pub fn open_any(&self, sizes: &TrainSizes) -> Result<Box<dyn Engine>> {
        match sizes {
            TrainSizes::Mercury(config) => self.open(config),
            TrainSizes::Tc(config) => self.open_tensor_core(config),
        }
    }

    fn open_tensor_core(&self, config: &TcConfig) -> Result<Box<dyn Engine>> {
        self.use_threads();
        let golden = || Box::new(TensorCore::new(config));
        let engine: Box<dyn Engine> = match self.engine {
            EngineKind::Golden => golden(),
            EngineKind::Verilated => {
                let folder = self.rtl.clone();
                let folder = folder.unwrap_or_else(|| core::default_rtl::<TensorCores>(config));
                Box::new(TensorDevice::new(core::open(&folder, config)?, config))
            }
        };
        Ok(match self.check {
            true => Box::new(Checked::new(engine, golden())?),
            false => engine,
        })
    }

    fn use_threads(&self) {
        if let Some(threads) = self.threads {
            let pool = ThreadPoolBuilder::new().num_threads(threads.into());
            // An error: the pool is there, from an engine opened before with the same number.
            let _ = pool.use_current_thread().build_global();
        }
    }

    /// Opens the engine asked for.
    ///
    /// # Errors
    /// What keeps the engine from being built: no Verilog of this configuration, a missing tool.
    pub fn open(&self, config: &Config) -> Result<Box<dyn Engine>> {
        self.use_threads();
        let engine: Box<dyn Engine> = match self.engine {
            EngineKind::Golden => Box::new(verilated::modelled(config)),
            EngineKind::Verilated => {
                let folder = self
                    .rtl
                    .clone()
                    .unwrap_or_else(|| verilated::default_rtl(config));
                let driver = verilated::open(&folder, config)?;
                Box::new(Accelerator::new("verilated", driver, config))
            }
        };
        Ok(match self.check {
            true => Box::new(Checked::new(engine, Box::new(verilated::modelled(config)))?),
            false => engine,
        })
    }
}

/// Says what `--check` has shown; silent without it.
pub fn report_check(engine: &dyn Engine) {
    if let Some(operations) = engine.compared() {
        println!(
            "check: {} operations, results, decisions and counts equal on {} and golden, cycles as modelled",
            super::grouped(operations),
            engine.name()
        );
    }
}
