//! How the channels and taps of a correlation become groups, and how a tile's input lies in the feature banks.

use anyhow::{Result, ensure};

use super::{Axis, Correlation, FeatureSource, JobRegs, Span, Tile, TileDescriptor};
use crate::config::Config;

/// The groups of a pass: `cgroups` × `chunks` of them, each `cg` channels × `kr` kernel rows × all kernel columns.
///
/// If all taps of a channel fit in K_MAX elements, a group has max(1, ⌊min(K_T, K_MAX) / taps⌋) channels and all kernel rows;
/// otherwise one channel and ⌊K_MAX / columns⌋ rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Grouping {
    /// Feature slots of a pass.
    pub cgroups: usize,
    /// Channels of a slot.
    pub cg: usize,
    /// Channels of the last slot.
    pub cg_last: usize,
    /// Pieces of the kernel's rows.
    pub chunks: usize,
    /// Kernel rows of a chunk.
    pub kr: usize,
    /// Kernel rows of the last chunk.
    pub kr_last: usize,
}

impl Grouping {
    /// Groups of `channels` channels of `view` with parameter K_T = `k_t`.
    ///
    /// # Errors
    /// A kernel of more columns than K_MAX.
    pub fn new(view: &Correlation, channels: usize, k_t: usize, k_max: usize) -> Result<Grouping> {
        let (kh, kw) = (view.rows.taps, view.cols.taps);
        ensure!(
            kw <= k_max,
            "a kernel of {kw} columns has more than k_max = {k_max} elements in one row: use a narrower kernel or a \
             configuration with k_max >= {kw}"
        );
        let fits = kh * kw <= k_max;
        let cg = if fits {
            (k_t.min(k_max) / (kh * kw)).clamp(1, channels)
        } else {
            1
        };
        let kr = if fits { kh } else { k_max / kw };
        let last = |total: usize, part: usize| (total - 1) % part + 1;
        Ok(Grouping {
            cgroups: channels.div_ceil(cg),
            cg,
            cg_last: last(channels, cg),
            chunks: kh.div_ceil(kr),
            kr,
            kr_last: last(kh, kr),
        })
    }

    /// Channels of slot `cgroup`, counted from the pass's first channel.
    pub fn channels(&self, cgroup: usize) -> Span {
        let len = if cgroup + 1 == self.cgroups {
            self.cg_last
        } else {
            self.cg
        };
        Span::new(cgroup * self.cg, len)
    }

    /// Kernel rows of chunk `chunk`.
    pub fn kernel_rows(&self, chunk: usize) -> Span {
        let len = if chunk + 1 == self.chunks {
            self.kr_last
        } else {
            self.kr
        };
        Span::new(chunk * self.kr, len)
    }
}

/// Where an input word lives in the feature banks of a slot. The stream carries the image of the buffer.
///
/// *Row banks* (several taps): row r of the rows sent, channel c of the slot, image b: bank r mod L, word
/// c·plane + b·image + (r div L)·pitch + column. *Channel banks* (one tap): bank c mod L, word
/// (c div L)·plane + b·image + r·pitch + column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Layout {
    /// Channel banks instead of row banks.
    pub channel_banks: bool,
    /// Feature banks L.
    pub banks: usize,
    /// Operands of a stream beat.
    pub lanes: usize,
    /// Words from one row of a bank to the next.
    pub pitch: usize,
    /// Words from one image to the next.
    pub image: usize,
    /// Words from one channel of a bank to the next.
    pub plane: usize,
}

/// Input that one tile needs along one axis: the coordinates sent, and where tap 0 of the first position is relative to them.
pub(super) fn reach(axis: &Axis, outputs: Span) -> (Span, isize) {
    let first = axis.input(outputs.start, 0);
    let last = axis.input(outputs.end() - 1, axis.taps - 1);
    let clamp = |r: isize| r.clamp(0, axis.inputs as isize - 1);
    let sent = Span::new(
        clamp(first) as usize,
        (clamp(last) - clamp(first)) as usize + 1,
    );
    (sent, first - clamp(first))
}

impl Layout {
    /// The layout in which every one of `tiles` fits.
    pub fn new<'a>(
        view: &Correlation,
        config: &Config,
        tiles: impl Iterator<Item = &'a Tile>,
    ) -> Layout {
        let channel_banks = view.taps() == 1;
        let (mut images, mut rows, mut cols) = (1, 1, 1);
        for tile in tiles {
            images = images.max(tile.images.len);
            rows = rows.max(reach(&view.rows, tile.rows).0.len);
            cols = cols.max(reach(&view.cols, tile.cols).0.len);
        }
        let bank_rows = if channel_banks {
            rows
        } else {
            rows.div_ceil(config.l)
        };
        let image = bank_rows * cols;
        Layout {
            channel_banks,
            banks: config.l,
            lanes: config.lanes(),
            pitch: cols,
            image,
            plane: images * image,
        }
    }

    /// Bank, and word in the bank, of a word of a slot: all indices counted from the first one of the slot.
    pub fn place(&self, channel: usize, image: usize, row: usize, col: usize) -> (usize, usize) {
        let (bank, channel, row) = match self.channel_banks {
            true => (channel % self.banks, channel / self.banks, row),
            false => (row % self.banks, channel, row / self.banks),
        };
        (
            bank,
            channel * self.plane + image * self.image + row * self.pitch + col,
        )
    }

    /// Beats of one bank's image of a slot; 0 if nothing lives there.
    pub fn bank_beats(&self, source: &FeatureSource, bank: usize) -> usize {
        let last = |len: usize| (len - 1).saturating_sub(bank) / self.banks * self.banks + bank;
        let (channel, row) = match self.channel_banks {
            true => (last(source.channels.len), source.rows.len - 1),
            false => (source.channels.len - 1, last(source.rows.len)),
        };
        if channel >= source.channels.len || row >= source.rows.len {
            return 0;
        }
        let (_, word) = self.place(channel, source.images.len - 1, row, source.cols.len - 1);
        word / self.lanes + 1
    }

    /// Beats of the largest bank image of a slot.
    pub fn slot_beats(&self, source: &FeatureSource) -> usize {
        (0..self.banks)
            .map(|bank| self.bank_beats(source, bank))
            .max()
            .unwrap_or(0)
    }

    /// The input region that `channels` channels of `tile` need.
    pub fn source(
        &self,
        view: &Correlation,
        group: usize,
        channels: Span,
        tile: &Tile,
    ) -> FeatureSource {
        FeatureSource {
            group,
            channels,
            images: tile.images,
            rows: reach(&view.rows, tile.rows).0,
            cols: reach(&view.cols, tile.cols).0,
        }
    }

    /// The position fields of the tile's descriptor; passes, PEs, tag and flags are left at their defaults.
    ///
    /// # Errors
    /// A coordinate or count beyond 16 bits.
    pub fn descriptor(&self, view: &Correlation, tile: &Tile) -> Result<TileDescriptor> {
        let (rows, row_start) = reach(&view.rows, tile.rows);
        let (cols, col_start) = reach(&view.cols, tile.cols);
        for (name, axis, span, start) in [
            ("row", &view.rows, tile.rows, row_start),
            ("column", &view.cols, tile.cols, col_start),
        ] {
            let last =
                start + ((span.len - 1) * axis.stride + (axis.taps - 1) * axis.dilation) as isize;
            for value in [start, last] {
                ensure!(
                    i16::try_from(value).is_ok(),
                    "input {name} {value} of a tile does not fit the 16-bit coordinates: use a smaller image, dilation or padding"
                );
            }
        }
        let banks = self.banks as isize;
        let (bank, bank_row) = match self.channel_banks {
            true => (0, row_start),
            false => (row_start.rem_euclid(banks), row_start.div_euclid(banks)),
        };
        let start_addr = bank_row * self.pitch as isize + col_start;
        Ok(TileDescriptor {
            images: narrow("images of a tile", tile.images.len)?,
            rows: narrow("rows of a tile", tile.rows.len)?,
            cols: narrow("columns of a tile", tile.cols.len)?,
            row_start: row_start as i16,
            col_start: col_start as i16,
            in_rows: narrow("input rows of a tile", rows.len)?,
            in_cols: narrow("input columns of a tile", cols.len)?,
            start_bank: bank as u16,
            start_addr: start_addr.rem_euclid(1 << 16) as u16,
            ..TileDescriptor::default()
        })
    }

    /// The registers of the loop nest: all of them but mode, shift, slot and ring size.
    ///
    /// Steps are taken modulo 2^16, as the hardware adds them: a step that a legal tile takes fits ([`Layout::descriptor`]
    /// checks the coordinates that it reaches, the slot size the addresses).
    pub fn registers(&self, view: &Correlation, grouping: &Grouping) -> JobRegs {
        let (l, rows, cols) = (self.banks, &view.rows, &view.cols);
        // Rows go round the banks in row layout and along the bank in channel layout.
        let row_bank = |step: usize| {
            if self.channel_banks {
                0
            } else {
                (step % l) as u8
            }
        };
        let row_addr = |step: usize| {
            (step / if self.channel_banks { 1 } else { l }).wrapping_mul(self.pitch) as u16
        };
        let chunk_step = grouping.kr * rows.dilation;
        JobRegs {
            cgroups: grouping.cgroups as u32,
            chunks: grouping.chunks as u32,
            cg: grouping.cg as u16,
            cg_last: grouping.cg_last as u16,
            kr: grouping.kr as u16,
            kr_last: grouping.kr_last as u16,
            kw: cols.taps as u16,
            kc_step: cols.dilation as u16,
            kr_addr: row_addr(rows.dilation),
            kr_row: rows.dilation as u16,
            c_addr: if self.channel_banks {
                0
            } else {
                self.plane as u16
            },
            x_step: cols.stride as u16,
            y_addr: row_addr(rows.stride),
            y_row: rows.stride as u16,
            img_addr: self.image as u16,
            chunk_addr: row_addr(chunk_step),
            chunk_row: chunk_step as u16,
            kr_bank: row_bank(rows.dilation),
            c_bank: self.channel_banks as u8,
            y_bank: row_bank(rows.stride),
            chunk_bank: row_bank(chunk_step),
            wrap_addr: if self.channel_banks {
                self.plane
            } else {
                self.pitch
            } as u16,
            ..JobRegs::default()
        }
    }
}

/// `value` as a 16-bit field.
pub(super) fn narrow(name: &str, value: usize) -> Result<u16> {
    ensure!(
        value <= u16::MAX as usize,
        "{name} is {value}, the limit is {}: use a smaller image, stride or dilation",
        u16::MAX
    );
    Ok(value as u16)
}
