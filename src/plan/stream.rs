//! The numbers of a job: tensors to input beats, output beats to the result tensor.
//!
//! Beats are bus_w bits, little-endian, the first lane in the least significant bits. See `docs/streams.md`.

use std::collections::HashMap;

use anyhow::{Result, bail, ensure};
use ndarray::{Array4, ArrayView4};

use super::job::RAW_BITS;
use super::{FeatureSource, Job, OperandSource, Packet, Payload, Region, Tile, WeightSource};
use crate::config::Config;
use crate::regmap::{OutHeader, trailer_error};

/// The bytes of the job's input stream, TLAST on the last beat. `a` and `b` are the operands as [`crate::engine::Op`] has them.
///
/// # Panics
/// If the operands do not have the shapes that the job was planned for.
pub fn pack(job: &Job, config: &Config, a: ArrayView4<i16>, b: ArrayView4<i16>) -> Vec<u8> {
    let mut out = Packer {
        job,
        config,
        bytes: Vec::with_capacity(job.in_beats() as usize * config.bus_bytes()),
    };
    for segment in &job.segments {
        let header = out.beats(1);
        out.bytes[header..header + 8].copy_from_slice(&segment.header().pack().to_le_bytes());
        let start = out.beats(segment.beats as usize);
        match &segment.payload {
            Payload::Tile(descriptor) => {
                for (i, word) in descriptor.words().into_iter().enumerate() {
                    out.bytes[start + 2 * i..][..2].copy_from_slice(&word.to_le_bytes());
                }
            }
            Payload::Features { bank, source, .. } => {
                out.features(start, *bank as usize, source, &a)
            }
            Payload::Weights(source) => out.weights(start, source, &b),
            Payload::Operand(source) => out.operand(start, source, &b),
            Payload::Reads => out.reads(start),
            Payload::Matrix => out.matrix(start),
            Payload::Offsets => out.offsets(start),
            Payload::End => {}
        }
    }
    out.bytes
}

struct Packer<'a> {
    job: &'a Job,
    config: &'a Config,
    bytes: Vec<u8>,
}

impl Packer<'_> {
    /// Appends zero beats; the byte index of the first.
    fn beats(&mut self, count: usize) -> usize {
        let start = self.bytes.len();
        self.bytes
            .resize(start + count * self.config.bus_bytes(), 0);
        start
    }

    /// Operand number `word` after byte `start`.
    fn put(&mut self, start: usize, word: usize, value: i16) {
        let width = self.config.data_w / 8;
        let at = start + word * width;
        self.bytes[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
    }

    /// `word` in the low bits of beat `beat` after byte `start`.
    fn word(&mut self, start: usize, beat: usize, word: u64) {
        let at = start + beat * self.config.bus_bytes();
        self.bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
    }

    fn reads(&mut self, start: usize) {
        for (beat, read) in self.job.reads().iter().enumerate() {
            self.word(start, beat, read.map_or(0, |r| r.pack()));
        }
    }

    /// Two bits a projection, two's complement; projections beyond n too, which nobody looks at.
    fn matrix(&mut self, start: usize) {
        let Some(projections) = &self.job.projections else {
            return;
        };
        for (beat, read) in self.job.reads().iter().enumerate() {
            let column = read.map(|r| projections.matrix.column(r.k.into()));
            let entries = column.iter().flatten().enumerate();
            let word = entries.fold(0, |word, (j, &r)| word | (r as u64 & 3) << (2 * j));
            self.word(start, beat, word);
        }
    }

    fn offsets(&mut self, start: usize) {
        let Some(projections) = &self.job.projections else {
            return;
        };
        for (beat, &offset) in projections.offsets.iter().take(projections.n).enumerate() {
            self.word(start, beat, offset as u64);
        }
    }

    /// Byte of row `row` of weights or operands.
    fn row(&self, start: usize, row: usize) -> usize {
        start + row * self.config.row_beats() * self.config.bus_bytes()
    }

    fn features(&mut self, start: usize, bank: usize, source: &FeatureSource, a: &ArrayView4<i16>) {
        let (view, layout) = (&self.job.view, self.job.layout);
        let every = |len: usize, dealt: bool| match dealt {
            true => (bank..len).step_by(layout.banks),
            false => (0..len).step_by(1),
        };
        for c in every(source.channels.len, layout.channel_banks) {
            for image in 0..source.images.len {
                for row in every(source.rows.len, !layout.channel_banks) {
                    let (_, word) = layout.place(c, image, row, 0);
                    let [b, channel, y, x] = view.input_index(
                        source.group,
                        source.channels.start + c,
                        source.images.start + image,
                        source.rows.start + row,
                        source.cols.start,
                    );
                    for col in 0..source.cols.len {
                        self.put(
                            start,
                            word + col,
                            a[[b, channel, y, x + col * view.cols.input_step]],
                        );
                    }
                }
            }
        }
    }

    fn weights(&mut self, start: usize, source: &WeightSource, w: &ArrayView4<i16>) {
        for (k, element) in source.elements.range().enumerate() {
            let row = self.row(start, k);
            for (pe, f) in source.filters.range().enumerate() {
                self.put(row, pe, w[weight_at(self.job, source.group, f, element)]);
            }
        }
    }

    fn operand(&mut self, start: usize, source: &OperandSource, dy: &ArrayView4<i16>) {
        for i in 0..source.tile.positions() {
            let (row, position) = (self.row(start, i), position(&source.tile, i));
            for (pe, f) in source.filters.range().enumerate() {
                self.put(row, pe, dy[output_at(self.job, source.group, f, position)]);
            }
        }
    }
}

/// Index in the weight tensor of element `element` (channel · row · column).
fn weight_at(job: &Job, group: usize, f: usize, element: usize) -> [usize; 4] {
    let (kh, kw) = (job.view.rows.taps, job.view.cols.taps);
    job.view.weight_index(
        group,
        f,
        element / (kh * kw),
        element / kw % kh,
        element % kw,
    )
}

/// Index in the output tensor of position (b, y, x).
fn output_at(job: &Job, group: usize, f: usize, [b, y, x]: [usize; 3]) -> [usize; 4] {
    job.view.output_index(group, f, b, y, x)
}

/// Position number `i` of a tile in raster order: (b, y, x).
fn position(tile: &Tile, i: usize) -> [usize; 3] {
    let (rows, cols) = (tile.rows.len, tile.cols.len);
    [
        tile.images.start + i / (rows * cols),
        tile.rows.start + i / cols % rows,
        tile.cols.start + i % cols,
    ]
}

/// Adds the job's output stream to `result`, a tensor of the operation's result shape that starts from zero.
///
/// # Errors
/// A stream that is not exactly the expected packets, in any order, and a trailer without an error code.
pub fn unpack(job: &Job, config: &Config, bytes: &[u8], result: &mut Array4<i64>) -> Result<()> {
    let beat_bytes = config.bus_bytes();
    ensure!(
        bytes.len().is_multiple_of(beat_bytes),
        "output of {} bytes is not whole beats of {beat_bytes}",
        bytes.len()
    );
    let key = |p: &Packet| (p.set.into(), p.tag.into(), p.pass.into());
    let mut expected: HashMap<(u32, u32, u32), _> =
        job.packets.iter().map(|p| (key(p), p)).collect();
    let mut beats = bytes.chunks_exact(beat_bytes);
    while let Some(beat) = beats.next() {
        let word = u64::from_le_bytes(beat[..8].try_into()?);
        if let Some(code) = trailer_error(word) {
            ensure!(code == 0, "the job ended with error code {code}");
            ensure!(beats.len() == 0, "{} beats follow the trailer", beats.len());
            let missing = expected.values().next();
            ensure!(
                missing.is_none(),
                "{} result packets are missing, one is {missing:?}",
                expected.len()
            );
            return Ok(());
        }
        let Some(header) = OutHeader::unpack(word) else {
            bail!("output beat {word:#018x} is no header")
        };
        let OutHeader { set, tag, pass, .. } = header;
        let Some(packet) = expected.remove(&(set, tag, pass)) else {
            bail!(
                "result packet of set {set}, tag {tag}, pass {pass} was not expected, or came twice"
            );
        };
        rows(job, config, packet, header, &mut beats, result)?;
    }
    bail!("the output ended without a trailer")
}

/// The rows of one packet.
fn rows<'a>(
    job: &Job,
    config: &Config,
    packet: &Packet,
    header: OutHeader,
    beats: &mut impl Iterator<Item = &'a [u8]>,
    result: &mut Array4<i64>,
) -> Result<()> {
    ensure!(
        header.shift_mode == job.regs.shift_mode && header.rows == packet.rows,
        "packet {packet:?} came with header {header:?}"
    );
    let bytes = if header.shift_mode {
        config.data_w
    } else {
        RAW_BITS
    } / 8;
    let per_beat = config.bus_bytes() / bytes;
    for row in 0..packet.rows as usize {
        for first in (0..packet.filters.len).step_by(per_beat) {
            let Some(beat) = beats.next() else {
                bail!("the output ended within packet {packet:?}")
            };
            for (lane, pe) in (first..packet.filters.len.min(first + per_beat)).enumerate() {
                let f = packet.filters.start + pe;
                let index = match packet.region {
                    Region::Positions(tile) => {
                        output_at(job, packet.group, f, position(&tile, row))
                    }
                    Region::Taps(channels) => {
                        weight_at(job, packet.group, f, channels.start * job.view.taps() + row)
                    }
                };
                result[index] += signed(&beat[lane * bytes..][..bytes]);
            }
        }
    }
    Ok(())
}

/// A little-endian two's complement number of up to eight bytes.
fn signed(bytes: &[u8]) -> i64 {
    let mut word = [0; 8];
    word[8 - bytes.len()..].copy_from_slice(bytes);
    i64::from_le_bytes(word) >> (64 - 8 * bytes.len())
}
