//! Jobs: what one START of the accelerator does, before any number is known.
//!
//! A [`Job`] is the values of the job registers and the segments of one input-stream packet, in order. Data segments name the
//! tensor region they carry instead of carrying it, so that the same list is priced by the cycle model, filled by the packer and
//! printed. [`Packet`]s say what comes back and where it belongs.

use std::sync::Arc;

use super::Correlation;

/// Values of the job registers, one field for each register field. All lengths in operands (words) unless said otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct JobRegs {
    /// MODE: accumulate into the elements of the group (weight gradient) instead of the positions.
    pub wgrad: bool,
    /// MODE: feature slots are released after every use and sent again for the next pass.
    pub stream_features: bool,
    /// MODE: results are shifted, rounded and saturated instead of raw.
    pub shift_mode: bool,
    /// SHIFT: right shift of shift mode, 0…47.
    pub shift: u32,
    /// CGROUPS: feature slots of a pass.
    pub cgroups: u32,
    /// CHUNKS: pieces of the kernel's rows.
    pub chunks: u32,
    /// CG: channels of a slot.
    pub cg: u16,
    /// CG_LAST: channels of the last slot of a pass.
    pub cg_last: u16,
    /// KR: kernel rows of a chunk.
    pub kr: u16,
    /// KR_LAST: kernel rows of the last chunk of a slot.
    pub kr_last: u16,
    /// KW: kernel columns.
    pub kw: u16,
    /// KC_STEP: columns, and words, from one kernel column to the next.
    pub kc_step: u16,
    /// KR_ADDR: words from one kernel row to the next.
    pub kr_addr: u16,
    /// KR_ROW: rows from one kernel row to the next.
    pub kr_row: u16,
    /// C_ADDR: words from one channel to the next.
    pub c_addr: u16,
    /// X_STEP: columns, and words, from one position to the next.
    pub x_step: u16,
    /// Y_ADDR: words from one row of positions to the next.
    pub y_addr: u16,
    /// Y_ROW: rows from one row of positions to the next.
    pub y_row: u16,
    /// IMG_ADDR: words from one image to the next.
    pub img_addr: u16,
    /// CHUNK_ADDR: words from one chunk to the next.
    pub chunk_addr: u16,
    /// CHUNK_ROW: rows from one chunk to the next.
    pub chunk_row: u16,
    /// BANK_STEPS: banks from one kernel row to the next.
    pub kr_bank: u8,
    /// BANK_STEPS: banks from one channel to the next.
    pub c_bank: u8,
    /// BANK_STEPS: banks from one row of positions to the next.
    pub y_bank: u8,
    /// BANK_STEPS: banks from one chunk to the next.
    pub chunk_bank: u8,
    /// WRAP_ADDR: words added when the bank wraps.
    pub wrap_addr: u16,
    /// SLOT_BEATS: beats of a slot in each bank.
    pub slot_beats: u16,
    /// RING_SLOTS: slots of the feature ring.
    pub ring_slots: u16,
}

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

/// Payload of a TILE segment; fields as `docs/streams.md` numbers them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TileDescriptor {
    /// Images of the tile.
    pub images: u16,
    /// Rows of positions.
    pub rows: u16,
    /// Columns of positions.
    pub cols: u16,
    /// Input row of tap 0 at the first position, relative to the rows sent.
    pub row_start: i16,
    /// Input column of tap 0 at the first position, relative to the columns sent.
    pub col_start: i16,
    /// Rows sent.
    pub in_rows: u16,
    /// Columns sent.
    pub in_cols: u16,
    /// Bank of `row_start`.
    pub start_bank: u16,
    /// Word in the bank of (`row_start`, `col_start`), modulo 2^16.
    pub start_addr: u16,
    /// Passes: filter blocks computed one after the other on the same features.
    pub passes: u16,
    /// PEs with a filter in the last pass; earlier passes use all.
    pub pes_last: u16,
    /// Returned in the header of the results.
    pub tag: u16,
    /// Psums start from zero.
    pub zero: bool,
    /// Psums are drained at the end of each pass.
    pub drain: bool,
}

impl TileDescriptor {
    /// 16-bit fields of the payload.
    pub const FIELDS: usize = 16;

    /// The payload, field 0 first.
    pub fn words(&self) -> [u16; Self::FIELDS] {
        let flags = self.zero as u16 | (self.drain as u16) << 1;
        [
            self.images,
            self.rows,
            self.cols,
            self.row_start as u16,
            self.col_start as u16,
            self.in_rows,
            self.in_cols,
            self.start_bank,
            self.start_addr,
            self.passes,
            self.pes_last,
            self.tag,
            flags,
            0,
            0,
            0,
        ]
    }

    /// Positions M.
    pub fn positions(&self) -> usize {
        self.images as usize * self.rows as usize * self.cols as usize
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
    /// End of the job.
    End,
}

/// Segment kind as the header codes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Tile descriptor.
    Tile = 1,
    /// Feature slot image.
    Features = 2,
    /// Weight rows.
    Weights = 3,
    /// Operand rows.
    Operand = 4,
    /// End of the stream.
    End = 15,
}

impl Kind {
    /// The kind of a header's code, if there is one.
    pub fn from_code(code: u8) -> Option<Kind> {
        [
            Kind::Tile,
            Kind::Features,
            Kind::Weights,
            Kind::Operand,
            Kind::End,
        ]
        .into_iter()
        .find(|k| *k as u8 == code)
    }
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
    /// The kind of its payload.
    pub fn kind(&self) -> Kind {
        match self.payload {
            Payload::Tile(_) => Kind::Tile,
            Payload::Features { .. } => Kind::Features,
            Payload::Weights(_) => Kind::Weights,
            Payload::Operand(_) => Kind::Operand,
            Payload::End => Kind::End,
        }
    }

    /// The low 64 bits of its header beat:
    /// `[3:0] kind · [7:4] bank · [8] slot_end · [31:12] payload beats · [63:32] set mask`.
    pub fn header(&self) -> u64 {
        let (bank, slot_end) = match self.payload {
            Payload::Features { bank, slot_end, .. } => (bank as u64, slot_end as u64),
            _ => (0, 0),
        };
        self.kind() as u64
            | bank << 4
            | slot_end << 8
            | (self.beats as u64) << 12
            | (self.mask as u64) << 32
    }

    /// Sets that take the payload, ascending.
    pub fn sets(&self) -> impl Iterator<Item = usize> + use<> {
        let mask = self.mask;
        (0..32).filter(move |s| mask >> s & 1 == 1)
    }
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

/// One START of the accelerator.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Register values.
    pub regs: JobRegs,
    /// The input stream; the last one, and no other, is [`Payload::End`].
    pub segments: Vec<Segment>,
    /// The packets of the output stream, in no particular order. The trailer is not listed.
    pub packets: Vec<Packet>,
    /// What all indices refer to.
    pub view: Arc<Correlation>,
    /// Whether a channel lives in one bank (one tap) instead of a row in one bank.
    pub channel_banks: bool,
}
