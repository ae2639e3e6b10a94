//! Co-simulation of every design whose job is some registers and one packet: CREW, the tensor cores, and their dense baselines.
//!
//! A design says what it is ([`PacketDesign`]) and how it is tried at random ([`campaign::Random`]); driver, campaigns, spoilt jobs and
//! faults are the same code for all.

pub mod campaign;
mod device;
pub mod faults;
pub mod spoil;

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::de::DeserializeOwned;

pub use device::Key;

use self::device::Core;
use super::bus::Bus;
use super::pump::{Pump, Stalls};
use super::rtl::Rtl;
use super::verilate::{Builder, Options};
use super::verilated;
use crate::regmap::Error;

/// A design whose job is some registers and one packet, and whose answer is one packet.
pub trait PacketDesign: 'static {
    /// Sizes.
    type Config: Clone + DeserializeOwned;
    /// Registers.
    type Reg: Key;
    /// The numbers in an answer.
    type Output: Default + PartialEq;

    /// Name of a configuration.
    fn name(config: &Self::Config) -> &str;

    /// Hash of a configuration.
    fn hash(config: &Self::Config) -> String;

    /// Bytes of a beat.
    fn bus_bytes(config: &Self::Config) -> usize;

    /// What an identity register shows; `None` for all others.
    fn identity(reg: Self::Reg, config: &Self::Config) -> Option<u32>;

    /// Reads the packet that answers a job, without its trailer.
    ///
    /// # Errors
    /// A packet that does not follow the contract.
    fn output(regs: &JobRegs<Self>, packet: &[u8], config: &Self::Config) -> Result<Self::Output>;
}

/// Job registers of a design.
pub type JobRegs<D> = <<D as PacketDesign>::Reg as Key>::JobRegs;

/// Counters of a design.
pub type Statistics<D> = <<D as PacketDesign>::Reg as Key>::Statistics;

/// What a job answered.
pub struct Answer<D: PacketDesign + ?Sized> {
    /// Its numbers; empty after an error.
    pub output: D::Output,
    /// Bytes of its packet before the trailer.
    pub bytes: usize,
    /// Counters of the job.
    pub statistics: Statistics<D>,
    /// Error that ended the job early, if any.
    pub error: Option<Error>,
}

/// A device that is open for jobs: the same code serves the co-simulated Verilog and a board.
pub struct Driver<B, D: PacketDesign> {
    core: Core<B, D::Reg>,
    config: D::Config,
}

/// Folder that `gen-verilog` writes a configuration into when it is not told another.
pub fn default_rtl<D: PacketDesign>(config: &D::Config) -> PathBuf {
    Path::new("rtl_out").join(D::name(config))
}

/// The Verilog in `dir`, which must be that of the configuration.
///
/// # Errors
/// Missing Verilog or Verilog of another configuration; the message names the command that writes it.
pub fn read_rtl<D: PacketDesign>(dir: &Path, config: &D::Config) -> Result<Rtl> {
    let (rtl, _) = verilated::read_sized::<D::Config>(dir, D::name(config), &D::hash(config))?;
    Ok(rtl)
}

/// Opens the Verilated model of the Verilog in `dir`, built if it is not cached.
///
/// # Errors
/// Those of [`read_rtl`], a missing tool, a device that is not what the registers should say.
pub fn open<D: PacketDesign>(dir: &Path, config: &D::Config) -> Result<Driver<Pump, D>> {
    open_rtl(&read_rtl::<D>(dir, config)?, config, Options::default())
}

/// Opens the Verilated model of some Verilog.
///
/// # Errors
/// As [`open`].
pub fn open_rtl<D: PacketDesign>(
    rtl: &Rtl,
    config: &D::Config,
    options: Options,
) -> Result<Driver<Pump, D>> {
    let model = Builder::find()?.model(rtl, options)?;
    Driver::open(Pump::new(model, Stalls::default())?, config)
}

impl<B: Bus, D: PacketDesign> Driver<B, D> {
    /// Checks that the device was generated from `config`.
    ///
    /// # Errors
    /// An identity register that differs, with both values; a device that is busy; a bus error.
    pub fn open(bus: B, config: &D::Config) -> Result<Self> {
        let identity = |reg| D::identity(reg, config);
        Ok(Driver {
            core: Core::open(bus, D::name(config), D::bus_bytes(config), identity)?,
            config: config.clone(),
        })
    }

    /// Runs one job to its end, whether good or refused by the device; it may take `limit` cycles.
    ///
    /// # Errors
    /// A packet that is not whole beats, no answer within the limit, a malformed answer.
    pub fn run(&mut self, regs: &JobRegs<D>, packet: Vec<u8>, limit: u64) -> Result<Answer<D>> {
        self.start(regs, packet)?;
        let (packet, error) = self.core.finish(limit)?;
        let output = match error {
            None => D::output(regs, &packet, &self.config)?,
            Some(_) => D::Output::default(),
        };
        Ok(Answer {
            output,
            bytes: packet.len(),
            statistics: self.core.statistics()?,
            error,
        })
    }

    /// Writes the job registers, queues the packet and writes START.
    ///
    /// # Errors
    /// A packet that is not whole beats, a busy device.
    pub fn start(&mut self, regs: &JobRegs<D>, packet: Vec<u8>) -> Result<()> {
        self.core.start(regs, packet)
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
