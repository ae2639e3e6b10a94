//! [`Bus`] on a Verilated model: moves AXI4-Lite and both AXI4-Streams cycle by cycle and checks the protocol.
//!
//! Unstalled, `s_axis_tvalid` is high whenever data are queued and `m_axis_tready` always. Stalls are random and seeded:
//! before every input beat, in every cycle of the output, and before every handshake of a register access, the host pauses
//! with probability p.

mod hitmaps;
mod ports;
mod registers;

use std::path::PathBuf;

use anyhow::{Result, ensure};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::bus::{ANSWER_LIMIT, Bus, BusError};
use super::model::{Model, Port};
use crate::reuse::Record;
use hitmaps::Hitmaps;
use ports::{Lite, MAX_WORDS, Stream, read_beat, write_beat};

/// Random pauses of the host.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stalls {
    /// Probability of a pause, per stream and cycle, 0 ≤ p < 1.
    pub probability: f64,
    /// Seed of the pauses.
    pub seed: u64,
}

/// A waveform of some cycles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// First cycle since reset.
    pub start: u64,
    /// Number of cycles.
    pub length: u64,
    /// VCD file to write.
    pub path: PathBuf,
}

/// What happened on the streams since [`Pump::take_counts`] was last called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Clock cycles.
    pub cycles: u64,
    /// Cycles in which the host paused while the device was ready for a beat or offered one.
    pub stalled: u64,
    /// Input beats.
    pub beats_in: u64,
    /// Output beats.
    pub beats_out: u64,
}

/// A model with its ports, the queued packets and the protocol checker.
pub struct Pump {
    model: Model,
    s_axis: Stream,
    m_axis: Stream,
    axil: Lite,
    reset: Port,
    beat_bytes: usize,
    input: Vec<u8>,
    /// Byte of `input` that the next beat starts at.
    sent: usize,
    /// Whether the current beat is on the wires; it must stay there until it is taken.
    offering: bool,
    output: Vec<u8>,
    /// A packet was queued whose answer has not ended.
    expecting: bool,
    /// The output packet is complete.
    complete: bool,
    /// The streams were reset and no packet has been queued since: what the device still offers is ignored.
    muted: bool,
    /// Last offered and refused output beat.
    held: Option<bool>,
    held_beat: Vec<u8>,
    beat: Vec<u8>,
    stalls: Option<(u32, ChaCha8Rng)>,
    cycle: u64,
    counts: Counts,
    beat_cycles: Option<Vec<u64>>,
    window: Option<Window>,
    hitmaps: Option<Hitmaps>,
    keep_hitmaps: bool,
    bare: bool,
}

impl Pump {
    /// Finds the ports and resets the design.
    ///
    /// # Errors
    /// A missing port; streams of different widths or of one that is no multiple of 64 bits; a stall probability out of range.
    pub fn new(model: Model, stalls: Stalls) -> Result<Self> {
        let (s_axis, m_axis) = (
            Stream::find(&model, "s_axis")?,
            Stream::find(&model, "m_axis")?,
        );
        let widths = [&s_axis, &m_axis].map(|stream| model.words(stream.data));
        ensure!(
            widths[0] == widths[1] && widths[0] <= MAX_WORDS && widths[0].is_multiple_of(2),
            "s_axis_tdata has {} 32-bit words and m_axis_tdata {}: both must have the same, even number, at most {MAX_WORDS}",
            widths[0],
            widths[1]
        );
        let beat_bytes = 4 * widths[0];
        let mut pump = Pump {
            axil: Lite::find(&model)?,
            reset: model.port("rst_n")?,
            s_axis,
            m_axis,
            model,
            beat_bytes,
            input: Vec::new(),
            sent: 0,
            offering: false,
            output: Vec::new(),
            expecting: false,
            complete: false,
            muted: false,
            held: None,
            held_beat: vec![0; beat_bytes],
            beat: vec![0; beat_bytes],
            stalls: None,
            cycle: 0,
            counts: Counts::default(),
            beat_cycles: None,
            window: None,
            hitmaps: None,
            keep_hitmaps: true,
            bare: false,
        };
        pump.hitmaps = Hitmaps::find(&pump.model)?;
        pump.set_stalls(stalls)?;
        if let Ok(strobe) = pump.model.port("s_axil_wstrb") {
            pump.model.set(strobe, 0xf);
        }
        pump.reset();
        Ok(pump)
    }

    /// Holds `rst_n` low for some cycles and forgets all packets; the cycle count starts again.
    pub fn reset(&mut self) {
        self.reset_streams();
        for valid in [
            self.axil.aw[0],
            self.axil.w[0],
            self.axil.ar[0],
            self.axil.b[1],
            self.axil.r[1],
            self.s_axis.valid,
        ] {
            self.model.set(valid, 0);
        }
        self.model.set(self.reset, 0);
        for _ in 0..4 {
            self.model.step();
        }
        self.model.set(self.reset, 1);
        self.cycle = 0;
        self.muted = false;
    }

    /// Changes the host's pauses from the next cycle on.
    ///
    /// # Errors
    /// A probability that is not in 0 ≤ p < 1.
    pub fn set_stalls(&mut self, stalls: Stalls) -> Result<()> {
        let p = stalls.probability;
        ensure!(
            (0.0..1.0).contains(&p),
            "stall probability is {p}, must be at least 0 and below 1: use 0.3 for example"
        );
        let threshold = (p * f64::from(u32::MAX)) as u32;
        self.stalls = (p > 0.0).then(|| (threshold, ChaCha8Rng::seed_from_u64(stalls.seed)));
        Ok(())
    }

    /// Counts since the last call.
    pub fn take_counts(&mut self) -> Counts {
        std::mem::take(&mut self.counts)
    }

    /// Hitmap records since the last call, by set, in the order of detection; none if the design has no trace ports.
    pub fn take_hitmaps(&mut self) -> Option<Vec<Vec<Record>>> {
        self.hitmaps.as_mut().map(Hitmaps::take)
    }

    /// Collects Hitmap records from now on, or no longer: without them nothing grows until [`Pump::take_hitmaps`].
    pub fn keep_hitmaps(&mut self, keep: bool) {
        self.keep_hitmaps = keep;
        self.take_hitmaps();
    }

    /// Without checks, pauses and counts: only moves data, to measure what those cost.
    pub fn set_bare(&mut self, bare: bool) {
        self.bare = bare;
    }

    /// From now on records the cycle of every output beat.
    pub fn record_beats(&mut self) {
        self.beat_cycles = Some(Vec::new());
    }

    /// Cycles of the output beats since [`Pump::record_beats`], since reset.
    pub fn beat_cycles(&self) -> &[u64] {
        self.beat_cycles.as_deref().unwrap_or_default()
    }

    /// Cycles since reset.
    pub fn cycle(&self) -> u64 {
        self.cycle
    }

    /// Writes a waveform of the given cycles once they come.
    pub fn trace(&mut self, window: Window) {
        self.window = Some(window);
    }

    /// One clock cycle on all ports; `look` sees the design's answers of the cycle, before its rising edge.
    fn tick<R>(&mut self, look: impl FnOnce(&Model) -> R) -> Result<R, BusError> {
        if self.window.is_some() {
            self.step_window()?;
        }
        self.drive();
        self.model.low();
        let seen = look(&self.model);
        if self.bare {
            self.move_data();
        } else {
            self.sample()?;
            if let Some(hitmaps) = &mut self.hitmaps
                && self.keep_hitmaps
            {
                hitmaps.sample(&self.model);
            }
        }
        self.model.high();
        self.cycle += 1;
        self.counts.cycles += 1;
        Ok(seen)
    }

    fn pauses(&mut self) -> bool {
        self.stalls
            .as_mut()
            .is_some_and(|(threshold, rng)| rng.random::<u32>() < *threshold)
    }

    /// Puts the host's side of both streams on the wires.
    fn drive(&mut self) {
        if !self.offering && self.sent < self.input.len() && !self.pauses() {
            let end = self.sent + self.beat_bytes;
            write_beat(
                &mut self.model,
                self.s_axis.data,
                &self.input[self.sent..end],
            );
            self.model
                .set(self.s_axis.last, (end == self.input.len()).into());
            self.offering = true;
        }
        self.model.set(self.s_axis.valid, self.offering.into());
        let ready = !self.complete && !self.muted && !self.pauses();
        self.model.set(self.m_axis.ready, ready.into());
    }

    /// Takes what the design answers in this cycle, before its rising edge.
    fn sample(&mut self) -> Result<(), BusError> {
        if self.muted {
            return Ok(());
        }
        let ready_in = self.model.get(self.s_axis.ready) != 0;
        if ready_in && !self.expecting {
            return Err(
                self.violation("s_axis_tready is high though no job waits for input".into())
            );
        }
        let mut stalled = false;
        if ready_in && self.offering {
            self.sent += self.beat_bytes;
            self.offering = false;
            self.counts.beats_in += 1;
        } else if ready_in {
            stalled = self.sent < self.input.len();
        }
        stalled |= self.sample_output()?;
        self.counts.stalled += u64::from(stalled);
        Ok(())
    }

    /// What [`Pump::sample`] does to the data, and nothing else.
    fn move_data(&mut self) {
        if self.offering && self.model.get(self.s_axis.ready) != 0 {
            self.sent += self.beat_bytes;
            self.offering = false;
        }
        if self.expecting && !self.complete && self.model.get(self.m_axis.valid) != 0 {
            read_beat(&self.model, self.m_axis.data, &mut self.beat);
            self.output.extend_from_slice(&self.beat);
            self.complete = self.model.get(self.m_axis.last) != 0;
        }
    }

    /// Returns whether a beat was offered and refused.
    fn sample_output(&mut self) -> Result<bool, BusError> {
        let valid = self.model.get(self.m_axis.valid) != 0;
        if !valid {
            return match self.held {
                Some(_) => {
                    Err(self.violation("m_axis_tvalid fell before its beat was taken".into()))
                }
                None => Ok(false),
            };
        }
        if !self.expecting || self.complete {
            return Err(
                self.violation("m_axis_tvalid is high though no job has output to send".into())
            );
        }
        let last = self.model.get(self.m_axis.last) != 0;
        read_beat(&self.model, self.m_axis.data, &mut self.beat);
        if let Some(held_last) = self.held
            && (held_last != last || self.held_beat != self.beat)
        {
            let (held, beat) = (&self.held_beat, &self.beat);
            let rule = format!(
                "m_axis_tdata or tlast changed while the beat waited: {held:x?} {held_last} became {beat:x?} {last}"
            );
            return Err(self.violation(rule));
        }
        if self.model.get(self.m_axis.ready) == 0 {
            self.held = Some(last);
            self.held_beat.copy_from_slice(&self.beat);
            return Ok(true);
        }
        self.held = None;
        self.output.extend_from_slice(&self.beat);
        self.counts.beats_out += 1;
        if let Some(cycles) = &mut self.beat_cycles {
            cycles.push(self.cycle);
        }
        self.complete = last;
        Ok(false)
    }

    fn violation(&self, rule: String) -> BusError {
        BusError::Protocol {
            cycle: self.cycle,
            rule,
        }
    }

    /// Starts and ends the waveform when its cycles come.
    fn step_window(&mut self) -> Result<(), BusError> {
        let Some(window) = &self.window else {
            return Ok(());
        };
        if self.cycle == window.start {
            let started = self.model.trace_start(&window.path);
            started.map_err(|e| self.violation(format!("{e:#}")))?;
        } else if self.cycle == window.start + window.length {
            self.model.trace_stop();
            self.window = None;
        }
        Ok(())
    }

    /// Ends a waveform whose last cycle has not come.
    pub fn end_trace(&mut self) {
        self.model.trace_stop();
        self.window = None;
    }
}

impl Bus for Pump {
    fn read(&mut self, address: u32) -> Result<u32, BusError> {
        self.read_register(address)
    }

    fn write(&mut self, address: u32, value: u32) -> Result<(), BusError> {
        self.write_register(address, value)
    }

    fn send(&mut self, packet: Vec<u8>) {
        debug_assert_eq!(packet.len() % self.beat_bytes, 0, "whole beats");
        self.input = packet;
        self.sent = 0;
        self.output.clear();
        self.offering = false;
        self.expecting = true;
        self.complete = false;
        self.muted = false;
        self.held = None;
    }

    fn receive(&mut self, limit: u64) -> Result<Vec<u8>, BusError> {
        let end = self.cycle + limit;
        while !self.complete {
            if self.cycle >= end {
                return Err(BusError::Timeout {
                    what: "TLAST on the output stream",
                    limit,
                });
            }
            self.tick(|_| ())?;
        }
        self.expecting = false;
        self.complete = false;
        Ok(std::mem::take(&mut self.output))
    }

    fn reset_streams(&mut self) {
        self.input.clear();
        self.output.clear();
        self.sent = 0;
        self.offering = false;
        self.expecting = false;
        self.complete = false;
        self.held = None;
        self.muted = true;
    }
}

#[cfg(test)]
mod tests;
