//! Co-simulation of the designs for fully connected layers: driver, campaigns of random layers, spoilt jobs, faults.

pub mod campaign;
pub mod faults;
pub mod spoil;

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::bus::Bus;
use super::core::Core;
use super::pump::{Pump, Stalls};
use super::rtl::Rtl;
use super::verilate::{Builder, Options};
use super::verilated;
use crate::config::fc::{ACC_W, FcConfig};
use crate::regmap::Error;
use crate::regmap::fc::{JobRegs, Reg, Statistics, identity};

/// What a job answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Sums in the order of the output stream.
    pub sums: Vec<i32>,
    /// Counters of the job.
    pub statistics: Statistics,
    /// Error that ended the job early, if any.
    pub error: Option<Error>,
}

/// An accelerator that is open for jobs: the same code serves the co-simulated Verilog and a board.
pub struct Driver<B> {
    core: Core<B, Reg>,
    config: FcConfig,
}

/// Folder that `gen-verilog` writes a configuration into when it is not told another.
pub fn default_rtl(config: &FcConfig) -> PathBuf {
    Path::new("rtl_out").join(&config.name)
}

/// Opens the Verilated model of the Verilog in `dir`, built if it is not cached.
///
/// # Errors
/// Missing Verilog or Verilog of another configuration, a missing tool, a device that is not what the registers should say.
pub fn open(dir: &Path, config: &FcConfig) -> Result<Driver<Pump>> {
    let (rtl, _) = verilated::read_sized::<FcConfig>(dir, &config.name, &config.hash())?;
    open_rtl(&rtl, config, Options::default())
}

/// Opens the Verilated model of some Verilog.
///
/// # Errors
/// As [`open`].
pub fn open_rtl(rtl: &Rtl, config: &FcConfig, options: Options) -> Result<Driver<Pump>> {
    let model = Builder::find()?.model(rtl, options)?;
    Driver::open(Pump::new(model, Stalls::default())?, config)
}

impl<B: Bus> Driver<B> {
    /// Checks that the device is an accelerator generated from `config`.
    ///
    /// # Errors
    /// An identity register that differs, with both values; a device that is busy; a bus error.
    pub fn open(bus: B, config: &FcConfig) -> Result<Self> {
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
        let (rows, error) = self.core.finish(limit)?;
        Ok(Answer {
            sums: self.sums(&rows),
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

    /// The sums in an output packet without its trailer.
    fn sums(&self, rows: &[u8]) -> Vec<i32> {
        let row_bytes = self.config.beats_per_row() * self.config.bus_bytes();
        let lane_bytes = ACC_W / 8;
        let word = |bytes: &[u8]| i32::from_le_bytes(bytes.try_into().expect("4 bytes"));
        let sums = rows.chunks(row_bytes).flat_map(|row| {
            row[..(self.config.lanes * lane_bytes).min(row.len())]
                .chunks_exact(lane_bytes)
                .map(word)
        });
        sums.collect()
    }
}
