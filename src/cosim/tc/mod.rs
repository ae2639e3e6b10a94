//! Co-simulation of the tensor cores: driver, campaigns of random products, spoilt jobs, faults.

pub mod campaign;
pub mod faults;
pub mod spoil;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use ndarray::Array2;

use super::bus::{ANSWER_LIMIT, Bus, BusError};
use super::driver::header_word;
use super::pump::{Pump, Stalls};
use super::rtl::Rtl;
use super::verilate::{Builder, Options};
use super::verilated;
use crate::acrtc::pack;
use crate::config::tc::TcConfig;
use crate::regmap::tc::{JobRegs, REGISTERS, Reg, Statistics, identity};
use crate::regmap::{Error, trailer_error};

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
    bus: B,
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
        let mut driver = Driver {
            bus,
            config: config.clone(),
        };
        for register in REGISTERS {
            let Some(expected) = identity(register.reg, config) else {
                continue;
            };
            let found = driver.read(register.reg)?;
            ensure!(
                found == expected,
                "register {} of the device is {found:#010x}, configuration {} has {expected:#010x}: generate the Verilog and open the device with the same configuration",
                register.name,
                config.name
            );
        }
        driver.wait_idle()?;
        driver.control("CLEAR_ERROR")?;
        Ok(driver)
    }

    /// Runs one job to its end, whether good or refused by the device; it may take `limit` cycles.
    ///
    /// # Errors
    /// A packet that is not whole beats, no answer within the limit, a malformed answer.
    pub fn run(&mut self, regs: &JobRegs, packet: Vec<u8>, limit: u64) -> Result<Answer> {
        self.start(regs, packet)?;
        let packet = self
            .bus
            .receive(limit)
            .context("waiting for the results of a job")?;
        self.wait_idle()?;
        self.finish(regs, &packet)
    }

    /// Writes the job registers, queues the packet and writes START.
    ///
    /// # Errors
    /// A packet that is not whole beats, a busy device.
    pub fn start(&mut self, regs: &JobRegs, packet: Vec<u8>) -> Result<()> {
        let beat = self.config.bus_bytes();
        ensure!(
            !packet.is_empty() && packet.len().is_multiple_of(beat),
            "the packet has {} bytes, must be a multiple of {beat} and not empty",
            packet.len()
        );
        for (reg, word) in regs.words() {
            self.bus
                .write(reg.offset(), word)
                .with_context(|| format!("writing {}", reg.register().name))?;
        }
        self.bus.send(packet);
        self.control("START")
    }

    /// Stops a job at once and resets the streams; the device is idle afterwards.
    ///
    /// # Errors
    /// A device that stays busy.
    pub fn abort(&mut self) -> Result<()> {
        self.bus.reset_streams();
        self.control("ABORT")?;
        self.wait_idle()
    }

    /// The code of the ERROR register.
    ///
    /// # Errors
    /// A bus error.
    pub fn error_code(&mut self) -> Result<u32> {
        self.read(Reg::ErrorCode)
    }

    /// The bus, for what is not a driver's business.
    pub fn bus(&mut self) -> &mut B {
        &mut self.bus
    }

    fn read(&mut self, reg: Reg) -> Result<u32> {
        self.bus
            .read(reg.offset())
            .with_context(|| format!("reading {}", reg.register().name))
    }

    fn control(&mut self, field: &str) -> Result<()> {
        let word = Reg::Control.field(field).mask() as u32;
        self.bus
            .write(Reg::Control.offset(), word)
            .with_context(|| format!("commanding {field}"))
    }

    fn flag(&mut self, field: &str) -> Result<bool> {
        let status = self.read(Reg::Status)?;
        Ok(Reg::Status.field(field).extract(status.into()) != 0)
    }

    fn wait_idle(&mut self) -> Result<()> {
        for _ in 0..ANSWER_LIMIT {
            if !self.flag("BUSY")? {
                return Ok(());
            }
        }
        let what = "idle state after a job (register reads)";
        Err(BusError::Timeout {
            what,
            limit: ANSWER_LIMIT,
        }
        .into())
    }

    /// Checks the end of a job, reads its counters and takes the results out of its packet.
    fn finish(&mut self, regs: &JobRegs, packet: &[u8]) -> Result<Answer> {
        ensure!(
            self.flag("DONE")?,
            "STATUS.DONE is 0 after the trailer of a job"
        );
        let (beats, trailer) = packet.split_at(packet.len() - self.config.bus_bytes());
        let trailer = header_word(trailer);
        let code = trailer_error(trailer).with_context(|| {
            format!("the output packet ends with {trailer:x} instead of a trailer")
        })?;
        let register = self.error_code()?;
        ensure!(
            register == code && self.flag("HAS_ERROR")? == (code != 0),
            "the trailer says error {code}, the ERROR register {register}"
        );
        let statistics = Statistics::read(|reg| {
            let low = self.bus.read(reg.offset())?;
            let high = self.bus.read(reg.offset() + 4)?;
            Ok::<_, BusError>(u64::from(high) << 32 | u64::from(low))
        })?;
        let (error, results) = match code {
            0 => (None, pack::results(regs, beats, &self.config)?),
            code => {
                let error =
                    Error::from_code(code).with_context(|| format!("unknown error code {code}"))?;
                (Some(error), Array2::default((0, 0)))
            }
        };
        Ok(Answer {
            results,
            statistics,
            error,
        })
    }
}
