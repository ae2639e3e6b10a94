//! The beats of a job: weights and rows into a packet, results out of one.

use anyhow::{Result, ensure};
use ndarray::{Array2, ArrayView2};

use super::Cut;
use crate::config::tc::TcConfig;
use crate::regmap::tc::JobRegs;

/// The input packet of a job of the product `a[rows, k] · b[k, n]`: whole beats.
///
/// # Panics
/// Operands that are not those of the product that was cut.
pub fn packet(cut: &Cut, a: ArrayView2<i16>, b: ArrayView2<i16>, config: &TcConfig) -> Vec<u8> {
    let places = Places::new(&cut.regs, config);
    let mut bytes = vec![0; places.beats() * config.bus_bytes()];
    let width = config.data_w / 8;
    let mut put = |at: usize, value: i16| {
        bytes[at..at + width].copy_from_slice(&value.to_le_bytes()[..width])
    };
    for (row, k) in cut.k.clone().enumerate() {
        for (column, n) in cut.n.clone().enumerate() {
            put(places.weight(row, column), b[[k, n]]);
        }
    }
    for (i, row) in a.rows().into_iter().enumerate() {
        for (element, k) in cut.k.clone().enumerate() {
            put(places.element(i, element), row[k]);
        }
    }
    bytes
}

/// Takes a packet apart: rows `[rows, lanes · STEPS]` and weights `[lanes · STEPS, columns · BLOCKS]`, padding included.
///
/// # Errors
/// A packet of another length.
pub fn read(
    regs: &JobRegs,
    packet: &[u8],
    config: &TcConfig,
) -> Result<(Array2<i16>, Array2<i16>)> {
    let places = Places::new(regs, config);
    let bytes = places.beats() * config.bus_bytes();
    ensure!(
        packet.len() == bytes,
        "the packet has {} bytes, its registers say {bytes}",
        packet.len()
    );
    let get = |at: usize| match config.data_w {
        8 => i16::from(packet[at] as i8),
        _ => i16::from_le_bytes([packet[at], packet[at + 1]]),
    };
    let k = usize::from(regs.steps) * config.lanes;
    let n = usize::from(regs.blocks) * config.columns;
    let a = Array2::from_shape_fn((regs.rows as usize, k), |(i, k)| get(places.element(i, k)));
    let b = Array2::from_shape_fn((k, n), |(k, n)| get(places.weight(k, n)));
    Ok((a, b))
}

/// Beats of a job's input packet.
pub fn in_beats(regs: &JobRegs, config: &TcConfig) -> u64 {
    Places::new(regs, config).beats() as u64
}

/// Beats of a job's results, without the trailer.
pub fn result_beats(regs: &JobRegs, config: &TcConfig) -> u64 {
    let block = if regs.shift_mode {
        1
    } else {
        config.raw_beats()
    };
    u64::from(regs.rows) * u64::from(regs.blocks) * block as u64
}

/// The results `[rows, columns · BLOCKS]` of an output packet without its trailer, padding included.
///
/// # Errors
/// A packet of another length.
pub fn results(regs: &JobRegs, packet: &[u8], config: &TcConfig) -> Result<Array2<i64>> {
    let bytes = result_beats(regs, config) as usize * config.bus_bytes();
    ensure!(
        packet.len() == bytes,
        "the results have {} bytes, the registers of the job say {bytes}",
        packet.len()
    );
    let (beat, columns) = (config.bus_bytes(), config.columns);
    let value = |i: usize, n: usize| {
        let block = i * usize::from(regs.blocks) + n / columns;
        let column = n % columns;
        if regs.shift_mode {
            let at = block * beat + column * config.data_w / 8;
            match config.data_w {
                8 => i64::from(packet[at] as i8),
                _ => i64::from(i16::from_le_bytes([packet[at], packet[at + 1]])),
            }
        } else {
            let part = column / config.raw_per_beat();
            let at =
                (block * config.raw_beats() + part) * beat + column % config.raw_per_beat() * 8;
            i64::from_le_bytes(packet[at..at + 8].try_into().expect("8 bytes"))
        }
    };
    let shape = (regs.rows as usize, usize::from(regs.blocks) * columns);
    Ok(Array2::from_shape_fn(shape, |(i, n)| value(i, n)))
}

/// Where an operand stands in a packet, in bytes.
struct Places<'a> {
    config: &'a TcConfig,
    steps: usize,
    blocks: usize,
    rows: usize,
}

impl<'a> Places<'a> {
    fn new(regs: &JobRegs, config: &'a TcConfig) -> Self {
        Places {
            config,
            steps: regs.steps.into(),
            blocks: regs.blocks.into(),
            rows: regs.rows as usize,
        }
    }

    fn weight_beats(&self) -> usize {
        self.blocks * self.steps * self.config.beats_per_word()
    }

    fn beats(&self) -> usize {
        self.weight_beats() + self.rows * self.config.row_beats(self.steps)
    }

    /// Weight of element k and output n.
    fn weight(&self, k: usize, n: usize) -> usize {
        let c = self.config;
        let (step, lane) = (k / c.lanes, k % c.lanes);
        let (block, column) = (n / c.columns, n % c.columns);
        let words = c.words_per_beat();
        let beat = (block * self.steps + step) * c.beats_per_word() + lane / words;
        beat * c.bus_bytes() + (lane % words * c.columns + column) * c.data_w / 8
    }

    /// Element k of row i.
    fn element(&self, i: usize, k: usize) -> usize {
        let c = self.config;
        let (step, lane) = (k / c.lanes, k % c.lanes);
        let row = self.weight_beats() + i * c.row_beats(self.steps);
        let (beat, operand) = if c.lanes <= c.operands() {
            let steps = c.steps_per_beat();
            (step / steps, step % steps * c.lanes + lane)
        } else {
            let beats = c.beats_per_step();
            (step * beats + lane / c.operands(), lane % c.operands())
        };
        (row + beat) * c.bus_bytes() + operand * c.data_w / 8
    }
}
