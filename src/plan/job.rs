//! Jobs: what one START of the accelerator does, before any number is known.
//!
//! A [`Job`] is the values of the job registers and the segments of one input-stream packet, in order. Data segments name the
//! tensor region they carry instead of carrying it, so that the same list is priced by the cycle model, filled by the packer and
//! printed. [`Packet`]s say what comes back and where it belongs.

use std::sync::Arc;

use super::{Correlation, Layout};
use crate::config::Config;
pub use crate::regmap::{JobRegs, TileDescriptor};
use crate::regmap::{SegmentHeader, SegmentKind};
use crate::reuse::Projections;

impl JobRegs {
    /// Elements K of group (`cgroup`, `chunk`).
    pub fn group_elements(&self, cgroup: u32, chunk: u32) -> usize {
        let channels = if cgroup + 1 == self.cgroups {
            self.cg_last
        } else {
            self.cg
        };
        let rows = if chunk + 1 == self.chunks {
            self.kr_last
        } else {
            self.kr
        };
        channels as usize * rows as usize * self.kw as usize
    }

    /// Groups of a pass.
    pub fn group_count(&self) -> usize {
        self.cgroups as usize * self.chunks as usize
    }

    /// Number of group (`cgroup`, `chunk`) among the groups of a pass.
    pub fn group_index(&self, cgroup: u32, chunk: u32) -> usize {
        cgroup as usize * self.chunks as usize + chunk as usize
    }

    /// The groups (cgroup, chunk) of a pass, in order.
    pub fn groups(&self) -> impl Iterator<Item = (u32, u32)> + use<> {
        let chunks = self.chunks;
        (0..self.cgroups).flat_map(move |cgroup| (0..chunks).map(move |chunk| (cgroup, chunk)))
    }

    /// Elements of all groups of a pass: rows of a weight-gradient packet.
    pub fn pass_elements(&self) -> usize {
        let channels = (self.cgroups as usize - 1) * self.cg as usize + self.cg_last as usize;
        let rows = (self.chunks as usize - 1) * self.kr as usize + self.kr_last as usize;
        channels * rows * self.kw as usize
    }
}

/// `len` consecutive indices from `start`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// First index.
    pub start: usize,
    /// Number of indices.
    pub len: usize,
}

impl Span {
    /// `len` indices from `start`.
    pub fn new(start: usize, len: usize) -> Span {
        Span { start, len }
    }

    /// One past the last index.
    pub fn end(&self) -> usize {
        self.start + self.len
    }

    /// The indices.
    pub fn range(&self) -> std::ops::Range<usize> {
        self.start..self.end()
    }
}

/// A rectangle of output positions (image, y, x) of a [`Correlation`], in raster order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tile {
    /// Images.
    pub images: Span,
    /// Rows of positions.
    pub rows: Span,
    /// Columns of positions.
    pub cols: Span,
}

impl Tile {
    /// Positions M.
    pub fn positions(&self) -> usize {
        self.images.len * self.rows.len * self.cols.len
    }
}

/// Input region of one feature slot: channels × images × rows × columns of the correlation's input view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FeatureSource {
    /// Convolution group.
    pub group: usize,
    /// Channels, counted in the convolution group.
    pub channels: Span,
    /// Images.
    pub images: Span,
    /// Rows of the input view.
    pub rows: Span,
    /// Columns of the input view.
    pub cols: Span,
}

/// Weights of one group for one filter block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WeightSource {
    /// Convolution group.
    pub group: usize,
    /// Filters, counted in the convolution group; one for each PE.
    pub filters: Span,
    /// Elements, counted channel · row · column over the convolution group's channels and all taps; one row each.
    pub elements: Span,
}

/// Operand rows of a weight gradient: dY at the positions of a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OperandSource {
    /// Convolution group.
    pub group: usize,
    /// Filters, counted in the convolution group; one for each PE.
    pub filters: Span,
    /// Positions, one row each.
    pub tile: Tile,
}

/// What a segment carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Payload {
    /// A tile descriptor.
    Tile(TileDescriptor),
    /// One bank's image of a feature slot.
    Features {
        /// Feature bank.
        bank: u8,
        /// Last segment of the slot.
        slot_end: bool,
        /// The whole slot's region; this segment carries the part that lives in `bank`.
        source: FeatureSource,
    },
    /// Weights of one group.
    Weights(WeightSource),
    /// Operand rows of a tile.
    Operand(OperandSource),
    /// Reuse: how a vector is read (follows from the registers and the layout).
    Reads,
    /// Reuse: the projection matrix in the order of the reads.
    Matrix,
    /// Reuse: offsets of the projections.
    Offsets,
    /// End of the job.
    End,
}

/// A header beat and `beats` payload beats, for all sets of `mask`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Segment {
    /// What it carries.
    pub payload: Payload,
    /// Bit s: set s takes the payload.
    pub mask: u32,
    /// Payload beats.
    pub beats: u32,
}

impl Segment {
    /// Its header beat.
    pub fn header(&self) -> SegmentHeader {
        let (kind, bank, slot_end) = match self.payload {
            Payload::Tile(_) => (SegmentKind::Tile, 0, false),
            Payload::Features { bank, slot_end, .. } => {
                (SegmentKind::Features, bank.into(), slot_end)
            }
            Payload::Weights(_) => (SegmentKind::Weights, 0, false),
            Payload::Operand(_) => (SegmentKind::Operand, 0, false),
            Payload::Reads => (SegmentKind::Reads, 0, false),
            Payload::Matrix => (SegmentKind::Matrix, 0, false),
            Payload::Offsets => (SegmentKind::Offsets, 0, false),
            Payload::End => (SegmentKind::End, 0, false),
        };
        SegmentHeader {
            kind,
            bank,
            slot_end,
            count: self.beats,
            mask: self.mask,
        }
    }

    /// Sets that take the payload, ascending.
    pub fn sets(&self) -> impl Iterator<Item = usize> + use<> {
        ones(self.mask)
    }
}

/// Numbers of the bits of `mask` that are 1, ascending.
pub(super) fn ones(mut mask: u32) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = mask.trailing_zeros() as usize;
        (mask != 0).then(|| mask &= mask - 1).map(|()| bit)
    })
}

/// Where the rows of a result packet belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Region {
    /// One row for each position of the tile.
    Positions(Tile),
    /// One row for each tap (row, column) of each of these channels of the convolution group, channel by channel.
    Taps(Span),
}

/// One expected result packet. Packets come in any order; `set`, `tag` and `pass` name one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Packet {
    /// PE set that computes it.
    pub set: u8,
    /// Tag of the drained tile.
    pub tag: u16,
    /// Pass of the tile.
    pub pass: u16,
    /// Result rows.
    pub rows: u32,
    /// Convolution group.
    pub group: usize,
    /// Filters, counted in the convolution group: the values of a row.
    pub filters: Span,
    /// What the rows are.
    pub region: Region,
}

/// One tile that a set is given: what its descriptor means in terms of the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SetTile {
    /// PE set.
    pub set: usize,
    /// Convolution group.
    pub group: usize,
    /// Channels summed over, counted in the convolution group.
    pub channels: Span,
    /// Filter blocks of C filters, one pass each.
    pub blocks: Span,
    /// Output positions.
    pub tile: Tile,
    /// Psums start from zero.
    pub zero: bool,
}

/// One START of the accelerator.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Register values.
    pub regs: JobRegs,
    /// The input stream; the last one, and no other, is [`Payload::End`].
    pub segments: Vec<Segment>,
    /// The packets of the output stream, in no particular order. The trailer is not listed.
    pub packets: Vec<Packet>,
    /// The tiles in the order of their TILE segments, a set's own ones in the order in which it works.
    pub tiles: Vec<SetTile>,
    /// How vectors are compared; none in a dense job.
    pub projections: Option<Arc<Projections>>,
    /// What all indices refer to.
    pub view: Arc<Correlation>,
    /// Where an input word lives in the feature banks.
    pub layout: Layout,
}

impl Job {
    /// Compares vectors by other projections, as many of as many bits.
    pub fn set_projections(&mut self, projections: Arc<Projections>) {
        self.regs.projections = projections.n as u8;
        self.regs.sig_bits = projections.bits as u8;
        self.regs.sig_shift = projections.shift as u8;
        self.projections = Some(projections);
    }

    /// Beats of the input stream, headers included.
    pub fn in_beats(&self) -> u64 {
        self.segments.iter().map(|s| 1 + s.beats as u64).sum()
    }

    /// Beats of the output stream of a job that ends well, headers and trailer included.
    pub fn out_beats(&self, config: &Config) -> u64 {
        let packet = |p: &Packet| {
            1 + p.rows as u64 * row_beats(config, self.regs.shift_mode, p.filters.len) as u64
        };
        1 + self.packets.iter().map(packet).sum::<u64>()
    }
}

/// Output beats of a result row of `values` values.
pub fn row_beats(config: &Config, shift_mode: bool, values: usize) -> usize {
    let width = if shift_mode { config.data_w } else { RAW_BITS };
    values.div_ceil(config.bus_w / width)
}

/// Bits of a raw result on the output stream.
pub const RAW_BITS: usize = 64;
