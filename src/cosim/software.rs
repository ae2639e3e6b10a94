//! [`Bus`] on the stream interpreter: an accelerator in software, for trying drivers and plans without any Verilog.
//!
//! It has the registers and packets of the hardware and no clock: CYCLES and the stalls stay 0, a job is over when START returns.

use super::bus::{Bus, BusError};
use super::campaign::Testbench;
use super::pump::{Counts, Stalls};
use crate::config::Config;
use crate::plan::interpret::{Interpreted, Interpreter};
use crate::regmap::{Access, Error, JobRegs, OutKind, REGISTERS, Reg, Statistics, identity, words};
use crate::reuse::Record;

/// An accelerator of some configuration, in software.
pub struct SoftwareDevice {
    config: Config,
    interpreter: Interpreter,
    job_words: Vec<(Reg, u32)>,
    input: Vec<u8>,
    output: Option<Vec<u8>>,
    done: bool,
    error: u32,
    refusal: Option<String>,
    statistics: Statistics,
    records: Vec<Vec<Record>>,
}

impl SoftwareDevice {
    /// A device after reset.
    pub fn new(config: &Config) -> Self {
        SoftwareDevice {
            config: config.clone(),
            interpreter: Interpreter::new(config),
            job_words: JobRegs::default().words().collect(),
            input: Vec::new(),
            output: None,
            done: false,
            error: 0,
            refusal: None,
            statistics: Statistics::default(),
            records: vec![],
        }
    }

    /// Why the last job was refused, in words. The ERROR register shows BAD_JOB whatever the reason.
    pub fn refusal(&self) -> Option<&str> {
        self.refusal.as_deref()
    }

    fn control(&mut self, value: u32) {
        let commands = |name: &str| Reg::Control.field(name).extract(value.into()) != 0;
        if commands("CLEAR_ERROR") {
            self.error = 0;
        }
        if commands("ABORT") {
            self.error = Error::Aborted.code();
        } else if commands("START") {
            self.start();
        }
    }

    fn start(&mut self) {
        let read = |reg| {
            self.job_words
                .iter()
                .find(|w| w.0 == reg)
                .expect("all job registers are kept")
                .1
        };
        let regs = JobRegs::from_words(read);
        let input = std::mem::take(&mut self.input);
        let beat_bytes = self.config.bus_bytes();
        let (output, counts) = match self.interpreter.run(&regs, &input) {
            Ok(Interpreted {
                output,
                counts,
                records,
                ..
            }) => {
                (self.error, self.refusal) = (0, None);
                self.records = records;
                (output, counts)
            }
            Err(reason) => {
                (self.error, self.refusal) = (Error::BadJob.code(), Some(format!("{reason:#}")));
                let mut trailer = vec![0; beat_bytes];
                (trailer[0], trailer[1]) = (OutKind::Trailer.code() as u8, self.error as u8);
                (trailer, Default::default())
            }
        };
        let [zero, hit, mau, mnu] = counts.states;
        self.statistics = Statistics {
            zero,
            hit,
            mau,
            mnu,
            compute_busy: counts.elements,
            macs: counts.macs,
            in_beats: (input.len() / beat_bytes) as u64,
            out_beats: (output.len() / beat_bytes) as u64,
            saturations: counts.saturations,
            max_abs: counts.max_abs,
            ..Statistics::default()
        };
        (self.output, self.done) = (Some(output), true);
    }

    fn status(&self, reg: Reg) -> u32 {
        if reg == Reg::ErrorCode {
            return self.error;
        }
        let place = |name: &str, on: bool| Reg::Status.field(name).place(on.into()) as u32;
        place("DONE", self.done) | place("HAS_ERROR", self.error != 0)
    }
}

impl Bus for SoftwareDevice {
    fn read(&mut self, address: u32) -> Result<u32, BusError> {
        let word = words()
            .find(|w| w.offset == address)
            .ok_or(BusError::Refused {
                access: "read",
                address,
            })?;
        let reg = word.register.reg;
        Ok(match word.register.access {
            Access::Identity => {
                identity(reg, &self.config).expect("every identity register has a value")
            }
            Access::Control => 0,
            Access::Status => self.status(reg),
            Access::Job => {
                self.job_words
                    .iter()
                    .find(|w| w.0 == reg)
                    .expect("all job registers are kept")
                    .1
            }
            Access::Statistic => {
                let (_, value) = self
                    .statistics
                    .values()
                    .find(|v| v.0 == reg)
                    .expect("all statistics are listed");
                (value >> word.shift) as u32
            }
        })
    }

    fn write(&mut self, address: u32, value: u32) -> Result<(), BusError> {
        let register = REGISTERS.iter().find(|r| r.reg.offset() == address);
        match register.map(|r| (r.reg, r.access)) {
            Some((_, Access::Control)) => self.control(value),
            Some((reg, Access::Job)) => {
                self.job_words
                    .iter_mut()
                    .find(|w| w.0 == reg)
                    .expect("all job registers are kept")
                    .1 = value;
            }
            _ => {
                return Err(BusError::Refused {
                    access: "write",
                    address,
                });
            }
        }
        Ok(())
    }

    fn send(&mut self, packet: Vec<u8>) {
        self.input = packet;
    }

    fn receive(&mut self, limit: u64) -> Result<Vec<u8>, BusError> {
        self.output.take().ok_or(BusError::Timeout {
            what: "TLAST on the output stream",
            limit,
        })
    }

    fn reset_streams(&mut self) {
        self.input.clear();
        self.output = None;
    }
}

impl Testbench for SoftwareDevice {
    /// It never makes anybody wait and is never made to wait.
    fn set_stalls(&mut self, _: Stalls) -> anyhow::Result<()> {
        Ok(())
    }

    fn take_counts(&mut self) -> Counts {
        let (beats_in, beats_out) = (self.statistics.in_beats, self.statistics.out_beats);
        Counts {
            beats_in,
            beats_out,
            ..Counts::default()
        }
    }

    fn take_hitmaps(&mut self) -> Option<Vec<Vec<Record>>> {
        Some(std::mem::take(&mut self.records))
    }

    /// The interpreter makes them anyway, and those of one job replace the last one's.
    fn keep_hitmaps(&mut self, _: bool) {}

    fn clocked(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cosim::driver::Driver;
    use crate::regmap::{SegmentHeader, SegmentKind};

    #[test]
    fn the_driver_opens_it_and_sees_its_errors() {
        let config = Config::preset("tiny").unwrap();
        let mut driver = Driver::open(SoftwareDevice::new(&config), &config).unwrap();
        let end = SegmentHeader {
            kind: SegmentKind::End,
            bank: 0,
            slot_end: false,
            count: 0,
            mask: 0,
        };
        let good = end.pack().to_le_bytes().to_vec();
        let answer = driver.run(&JobRegs::default(), good.clone(), 100).unwrap();
        assert_eq!((answer.packet.len(), answer.statistics.in_beats), (8, 1));

        let bad = SegmentHeader { mask: 1, ..end }
            .pack()
            .to_le_bytes()
            .to_vec();
        let error = driver
            .run(&JobRegs::default(), bad, 100)
            .unwrap_err()
            .to_string();
        assert!(error.contains("BAD_JOB"), "{error}");
        assert!(driver.bus().refusal().unwrap().contains("END with mask"));
        driver.run(&JobRegs::default(), good, 100).unwrap();
    }
}
