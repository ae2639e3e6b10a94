//! The driver: runs jobs on an accelerator behind a [`Bus`].
//!
//! The same code serves the co-simulated Verilog and a board: it knows registers and packets, nothing about clocks or models.
//!
//! ```text
//!  open: ID, VERSION, CONFIG_HASH, SIZE0…6 = those of the configuration
//!  run:  job registers ─► send packet ─► CONTROL.START ─► receive packet ─► STATUS idle ─► ERROR, statistics
//! ```

use anyhow::{Context, Result, ensure};

use super::bus::{ANSWER_LIMIT, Bus, BusError};
use crate::config::Config;
use crate::regmap::{self, Access, Error, JobRegs, REGISTERS, Reg, Statistics, trailer_error};

/// What a job answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The output packet, trailer included.
    pub packet: Vec<u8>,
    /// Counters of the job.
    pub statistics: Statistics,
    /// Error that ended the job early, if any.
    pub error: Option<Error>,
}

/// An accelerator that is open for jobs.
pub struct Driver<B> {
    bus: B,
    beat_bytes: usize,
}

impl<B: Bus> Driver<B> {
    /// Checks that the device is an accelerator generated from `config` and leaves it idle without an error.
    ///
    /// # Errors
    /// An identity register that differs, with both values; a device that stays busy; a bus error.
    pub fn open(bus: B, config: &Config) -> Result<Self> {
        let mut driver = Driver {
            bus,
            beat_bytes: config.bus_bytes(),
        };
        for register in REGISTERS {
            let Some(expected) = regmap::identity(register.reg, config) else {
                continue;
            };
            let found = driver.read(register.reg)?;
            ensure!(
                found == expected,
                "register {} of the device is {found:#010x}, configuration {} has {expected:#010x}: generate the Verilog and \
                 open the device with the same configuration",
                register.name,
                config.name
            );
        }
        if driver.flag("BUSY")? {
            driver.abort()?;
        }
        driver.control("CLEAR_ERROR")?;
        Ok(driver)
    }

    /// Runs one job to its end; an error reported by the device is an error.
    ///
    /// `packet` is the whole input packet, `limit` the number of clock cycles it may take.
    ///
    /// # Errors
    /// As [`Driver::attempt`], or the device's error by name.
    pub fn run(&mut self, regs: &JobRegs, packet: Vec<u8>, limit: u64) -> Result<Answer> {
        let answer = self.attempt(regs, packet, limit)?;
        if let Some(error) = answer.error {
            anyhow::bail!(
                "the accelerator refused the job with {} ({}): {}",
                error.name(),
                error.code(),
                error.doc()
            );
        }
        Ok(answer)
    }

    /// Runs one job to its end, whether good or refused by the device.
    ///
    /// # Errors
    /// A register value that does not fit, a busy device, no answer within the limit, a malformed answer.
    pub fn attempt(&mut self, regs: &JobRegs, packet: Vec<u8>, limit: u64) -> Result<Answer> {
        self.start(regs, packet)?;
        let packet = self
            .bus
            .receive(limit)
            .context("waiting for the results of a job")?;
        self.wait_idle()?;
        self.finish(packet)
    }

    /// Writes the job registers, queues the packet and writes START.
    ///
    /// # Errors
    /// A value that does not fit its field, a packet that is not whole beats, a busy device.
    pub fn start(&mut self, regs: &JobRegs, packet: Vec<u8>) -> Result<()> {
        if let Some((field, value)) = regs.misfit() {
            anyhow::bail!(
                "{} is {value}, the field has {} bits: give a smaller value",
                field.name,
                field.bits
            );
        }
        ensure!(
            !packet.is_empty() && packet.len().is_multiple_of(self.beat_bytes),
            "the packet has {} bytes, must be a multiple of {} and not empty",
            packet.len(),
            self.beat_bytes
        );
        for (reg, word) in regs.words() {
            self.write(reg, word)?;
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

    /// The error code of the ERROR register.
    ///
    /// # Errors
    /// A code that is not in the table.
    pub fn error(&mut self) -> Result<Option<Error>> {
        error_of(self.read(Reg::ErrorCode)?)
    }

    /// Reads all counters.
    ///
    /// # Errors
    /// A bus error.
    pub fn statistics(&mut self) -> Result<Statistics> {
        Statistics::read(|reg| {
            let low = self.bus.read(reg.offset())?;
            let high = self.bus.read(reg.offset() + 4)?;
            Ok(u64::from(high) << 32 | u64::from(low))
        })
    }

    /// Reads a one-word register.
    ///
    /// # Errors
    /// A bus error.
    pub fn read(&mut self, reg: Reg) -> Result<u32> {
        debug_assert_ne!(
            reg.register().access,
            Access::Statistic,
            "two words: use statistics"
        );
        self.bus
            .read(reg.offset())
            .with_context(|| format!("reading {}", reg.register().name))
    }

    /// Writes a one-word register.
    ///
    /// # Errors
    /// A bus error; [`BusError::Refused`] for a register that is read-only or locked.
    pub fn write(&mut self, reg: Reg, value: u32) -> Result<()> {
        self.bus
            .write(reg.offset(), value)
            .with_context(|| format!("writing {}", reg.register().name))
    }

    /// The bus, for what is not a driver's business.
    pub fn bus(&mut self) -> &mut B {
        &mut self.bus
    }

    fn control(&mut self, field: &str) -> Result<()> {
        let word = Reg::Control.field(field).mask() as u32;
        self.write(Reg::Control, word)
            .with_context(|| format!("commanding {field}"))
    }

    fn flag(&mut self, field: &str) -> Result<bool> {
        Ok(Reg::Status
            .field(field)
            .extract(self.read(Reg::Status)?.into())
            != 0)
    }

    fn wait_idle(&mut self) -> Result<()> {
        for _ in 0..ANSWER_LIMIT {
            if !self.flag("BUSY")? {
                return Ok(());
            }
        }
        Err(BusError::Timeout {
            what: "idle state after a job (register reads)",
            limit: ANSWER_LIMIT,
        }
        .into())
    }

    /// Checks the end of a job and reads its counters.
    fn finish(&mut self, packet: Vec<u8>) -> Result<Answer> {
        ensure!(
            self.flag("DONE")?,
            "STATUS.DONE is 0 after the trailer of a job"
        );
        let trailer = packet
            .chunks_exact(self.beat_bytes)
            .next_back()
            .map(header_word);
        let code = trailer.and_then(trailer_error);
        let code = code.with_context(|| {
            format!("the output packet ends with {trailer:x?} instead of a trailer")
        })?;
        let error = self.error()?;
        ensure!(
            error.map_or(0, Error::code) == code && self.flag("HAS_ERROR")? == error.is_some(),
            "the trailer says error {code}, the ERROR register {}",
            error.map_or(0, Error::code)
        );
        Ok(Answer {
            packet,
            statistics: self.statistics()?,
            error,
        })
    }
}

/// The low 64 bits of a beat: what headers and trailers are made of.
///
/// # Panics
/// A beat of less than 8 bytes.
pub fn header_word(beat: &[u8]) -> u64 {
    u64::from_le_bytes(beat[..8].try_into().expect("8 bytes"))
}

fn error_of(code: u32) -> Result<Option<Error>> {
    match code {
        0 => Ok(None),
        code => Error::from_code(code)
            .map(Some)
            .with_context(|| format!("ERROR holds the unknown code {code}")),
    }
}
