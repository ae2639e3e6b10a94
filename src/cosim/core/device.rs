//! Registers, commands, a job from START to its trailer: what a driver knows of a device, whatever the job computes.

use std::marker::PhantomData;

use anyhow::{Context, Result, ensure};

use crate::cosim::bus::{ANSWER_LIMIT, Bus, BusError};
use crate::cosim::driver::header_word;
use crate::regmap::{Error, Register, fc, tc, trailer_error};

/// Keys of a register table that has CONTROL (START, ABORT, CLEAR_ERROR), STATUS (BUSY, DONE, HAS_ERROR) and ERROR.
pub trait Key: Copy + PartialEq + 'static {
    /// Values of its job fields.
    type JobRegs: Copy;
    /// Its counters.
    type Statistics: Copy + Default + serde::Serialize;
    /// The table.
    const TABLE: &'static [Register<Self>];
    /// Commands.
    const CONTROL: Self;
    /// State.
    const STATUS: Self;
    /// Error code.
    const ERROR: Self;
    /// Cycles of a job.
    const CYCLES: Self;
    /// Beats of its input packet.
    const IN_BEATS: Self;
    /// Beats of its output packet.
    const OUT_BEATS: Self;

    /// Byte address of its first word.
    fn address(self) -> u32;

    /// Its entry of the table.
    fn entry(self) -> &'static Register<Self>;

    /// Every job register with its value.
    fn words(regs: &Self::JobRegs) -> Vec<(Self, u32)>;

    /// Fills every counter by asking for its register's value.
    ///
    /// # Errors
    /// The first error of `read`.
    fn statistics<E>(read: impl FnMut(Self) -> Result<u64, E>) -> Result<Self::Statistics, E>;

    /// Every counter by its register.
    fn counters(statistics: &Self::Statistics) -> Vec<(Self, u64)>;

    /// The value of this counter.
    ///
    /// # Panics
    /// Of a register that is no counter.
    fn counter(self, statistics: &Self::Statistics) -> u64 {
        let mut counters = Self::counters(statistics).into_iter();
        let found = counters.find(|(reg, _)| *reg == self);
        found.expect("a counter").1
    }
}

macro_rules! key {
    ($map:ident) => {
        impl Key for $map::Reg {
            type JobRegs = $map::JobRegs;
            type Statistics = $map::Statistics;
            const TABLE: &'static [Register<Self>] = $map::REGISTERS;
            const CONTROL: Self = $map::Reg::Control;
            const STATUS: Self = $map::Reg::Status;
            const ERROR: Self = $map::Reg::ErrorCode;
            const CYCLES: Self = $map::Reg::Cycles;
            const IN_BEATS: Self = $map::Reg::InBeats;
            const OUT_BEATS: Self = $map::Reg::OutBeats;

            fn address(self) -> u32 {
                self.offset()
            }

            fn entry(self) -> &'static Register<Self> {
                self.register()
            }

            fn words(regs: &Self::JobRegs) -> Vec<(Self, u32)> {
                regs.words().collect()
            }

            fn statistics<E>(
                read: impl FnMut(Self) -> Result<u64, E>,
            ) -> Result<Self::Statistics, E> {
                $map::Statistics::read(read)
            }

            fn counters(statistics: &Self::Statistics) -> Vec<(Self, u64)> {
                statistics.values().collect()
            }
        }
    };
}

key!(fc);
key!(tc);

/// A device with such registers behind a bus.
pub struct Core<B, R> {
    /// The bus.
    pub bus: B,
    beat: usize,
    registers: PhantomData<R>,
}

impl<B: Bus, R: Key> Core<B, R> {
    /// Checks that the device has the identity of the configuration called `name`; beats have `beat` bytes.
    ///
    /// # Errors
    /// An identity register that differs, with both values; a device that is busy; a bus error.
    pub fn open(
        bus: B,
        name: &str,
        beat: usize,
        identity: impl Fn(R) -> Option<u32>,
    ) -> Result<Self> {
        let mut core = Core {
            bus,
            beat,
            registers: PhantomData,
        };
        for register in R::TABLE {
            let Some(expected) = identity(register.reg) else {
                continue;
            };
            let found = core.read(register.reg)?;
            ensure!(
                found == expected,
                "register {} of the device is {found:#010x}, configuration {name} has {expected:#010x}: generate the Verilog and open the device with the same configuration",
                register.name
            );
        }
        core.wait_idle()?;
        core.control("CLEAR_ERROR")?;
        Ok(core)
    }

    /// Writes the job registers, queues the packet and writes START.
    ///
    /// # Errors
    /// A packet that is not whole beats, a busy device.
    pub fn start(&mut self, regs: &R::JobRegs, packet: Vec<u8>) -> Result<()> {
        ensure!(
            !packet.is_empty() && packet.len().is_multiple_of(self.beat),
            "the packet has {} bytes, must be a multiple of {} and not empty",
            packet.len(),
            self.beat
        );
        for (reg, word) in R::words(regs) {
            self.bus
                .write(reg.address(), word)
                .with_context(|| format!("writing {}", reg.entry().name))?;
        }
        self.bus.send(packet);
        self.control("START")
    }

    /// Waits for the end of a job, at most `limit` cycles: its output packet without the trailer, and the error that ended it early.
    ///
    /// # Errors
    /// No answer within the limit, a malformed trailer, registers that contradict it.
    pub fn finish(&mut self, limit: u64) -> Result<(Vec<u8>, Option<Error>)> {
        let mut packet = self
            .bus
            .receive(limit)
            .context("waiting for the results of a job")?;
        self.wait_idle()?;
        ensure!(
            self.flag("DONE")?,
            "STATUS.DONE is 0 after the trailer of a job"
        );
        let trailer = header_word(&packet.split_off(packet.len() - self.beat));
        let code = trailer_error(trailer).with_context(|| {
            format!("the output packet ends with {trailer:x} instead of a trailer")
        })?;
        let register = self.error_code()?;
        ensure!(
            register == code && self.flag("HAS_ERROR")? == (code != 0),
            "the trailer says error {code}, the ERROR register {register}"
        );
        let error = match code {
            0 => None,
            code => {
                Some(Error::from_code(code).with_context(|| format!("unknown error code {code}"))?)
            }
        };
        Ok((packet, error))
    }

    /// All counters of the last job.
    ///
    /// # Errors
    /// A bus error.
    pub fn statistics(&mut self) -> Result<R::Statistics, BusError> {
        R::statistics(|reg| {
            let low = self.bus.read(reg.address())?;
            let high = self.bus.read(reg.address() + 4)?;
            Ok(u64::from(high) << 32 | u64::from(low))
        })
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
        self.read(R::ERROR)
    }

    fn read(&mut self, reg: R) -> Result<u32> {
        self.bus
            .read(reg.address())
            .with_context(|| format!("reading {}", reg.entry().name))
    }

    fn control(&mut self, field: &str) -> Result<()> {
        let word = R::CONTROL.entry().field(field).mask() as u32;
        self.bus
            .write(R::CONTROL.address(), word)
            .with_context(|| format!("commanding {field}"))
    }

    fn flag(&mut self, field: &str) -> Result<bool> {
        let status = self.read(R::STATUS)?;
        Ok(R::STATUS.entry().field(field).extract(status.into()) != 0)
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
}
