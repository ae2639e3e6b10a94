//! Co-simulation of the tensor cores: driver, campaigns of random products, spoilt jobs, faults.

pub mod campaign;
mod engine;
pub mod faults;
pub mod spoil;

use std::path::{Path, PathBuf};

pub use engine::TensorDevice;

use anyhow::Result;
use ndarray::Array2;

use super::bus::Bus;
use super::core::Core;
use super::pump::{Pump, Stalls};
use super::rtl::Rtl;
use super::verilate::{Builder, Options};
use super::verilated;
use crate::acrtc::pack;
use crate::config::tc::TcConfig;
use crate::regmap::Error;
use crate::regmap::tc::{JobRegs, Reg, Statistics, identity};

/// What a job answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Results `[rows, columns · BLOCKS]`, padding included; empty after an error.
    pub results: Array2<i64>,
    /// Counters of the job.
    pub statistics: Statistics,
    /// Error that ended the job early, if any.
    pub error: Option<Error>,
}

/// A tensor core that is open for jobs: the same code serves the co-simulated Verilog and a board.
pub struct Driver<B> {
    core: Core<B, Reg>,
    config: TcConfig,
}

/// Folder that `gen-verilog` writes a configuration into when it is not told another.
pub fn default_rtl(config: &TcConfig) -> PathBuf {
    Path::new("rtl_out").join(&config.name)
}

/// Opens the Verilated model of the Verilog in `dir`, built if it is not cached.
///
/// # Errors
/// Missing Verilog or Verilog of another configuration, a missing tool, a device that is not what the registers should say.
pub fn open(dir: &Path, config: &TcConfig) -> Result<Driver<Pump>> {
    let (rtl, _) = verilated::read_sized::<TcConfig>(dir, &config.name, &config.hash())?;
    open_rtl(&rtl, config, Options::default())
}

/// Opens the Verilated model of some Verilog.
///
/// # Errors
/// As [`open`].
pub fn open_rtl(rtl: &Rtl, config: &TcConfig, options: Options) -> Result<Driver<Pump>> {
    let model = Builder::find()?.model(rtl, options)?;
    Driver::open(Pump::new(model, Stalls::default())?, config)
}

impl<B: Bus> Driver<B> {
    /// Checks that the device is a tensor core generated from `config`.
    ///
    /// # Errors
    /// An identity register that differs, with both values; a device that is busy; a bus error.
    pub fn open(bus: B, config: &TcConfig) -> Result<Self> {
        let core = Core::open(bus, &config.name, config.bus_bytes(), |reg| {
            identity(reg, config)
        })?;
        Ok(Driver {
            core,
            config: config.clone(),
        })
    }

    /// Runs one job to its end, whether good or refused by the device; it may take `limit` cycles.
    ///
    /// # Errors
    /// A packet that is not whole beats, no answer within the limit, a malformed answer.
    pub fn run(&mut self, regs: &JobRegs, packet: Vec<u8>, limit: u64) -> Result<Answer> {
        self.start(regs, packet)?;
        let (beats, error) = self.core.finish(limit)?;
        let results = match error {
            None => pack::results(regs, &beats, &self.config)?,
            Some(_) => Array2::default((0, 0)),
        };
        Ok(Answer {
            results,
            statistics: Statistics::read(|reg| self.core.statistic(reg))?,
            error,
        })
    }

    /// Writes the job registers, queues the packet and writes START.
    ///
    /// # Errors
    /// A packet that is not whole beats, a busy device.
    pub fn start(&mut self, regs: &JobRegs, packet: Vec<u8>) -> Result<()> {
        self.core.start(regs.words(), packet)
    }

    /// Stops a job at once and resets the streams; the device is idle afterwards.
    ///
    /// # Errors
    /// A device that stays busy.
    pub fn abort(&mut self) -> Result<()> {
        self.core.abort()
    }

    /// The code of the ERROR register.
    ///
    /// # Errors
    /// A bus error.
    pub fn error_code(&mut self) -> Result<u32> {
        self.core.error_code()
    }

    /// The bus, for what is not a driver's business.
    pub fn bus(&mut self) -> &mut B {
        &mut self.core.bus
    }
}
