//! Words of the two streams: segment headers, tile descriptors, packet headers, error codes.

use super::Field;

/// Declares an enum of codes together with the table of its names and documentation.
macro_rules! codes {
    ($(#[$meta:meta])* $name:ident $table:ident $(#[$table_meta:meta])* { $( $(#[doc = $doc:literal])* $item:ident $text:literal = $code:literal )* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $( $(#[doc = $doc])* $item = $code, )* }

        $(#[$table_meta])*
        pub const $table: &[($name, &str, &str)] = &[ $( ($name::$item, $text, concat!($($doc),*)), )* ];

        impl $name {
            /// Its number in the hardware.
            pub const fn code(self) -> u32 {
                self as u32
            }

            /// The item with this number, if there is one.
            pub fn from_code(code: u32) -> Option<Self> {
                $table.iter().map(|(item, ..)| *item).find(|item| item.code() == code)
            }

            /// Upper-case name, as in the documentation and the C header.
            pub fn name(self) -> &'static str {
                $table.iter().find(|(item, ..)| *item == self).expect("every item is in its table").1
            }

            /// What it means.
            pub fn doc(self) -> &'static str {
                $table.iter().find(|(item, ..)| *item == self).expect("every item is in its table").2.trim()
            }
        }
    };
}

codes! {
    /// Error codes of the ERROR register and of the trailer.
    Error ERRORS
    /// All error codes with name and meaning.
    {
        /// At START: a zero among CGROUPS, CHUNKS, CG, CG_LAST, KR, KR_LAST, KW, SLOT_BEATS, RING_SLOTS; RING_SLOTS · SLOT_BEATS above DEPTH; SHIFT of ACC_W or more; a REUSE mode that does not exist, or with one: a zero in GROUP_K, STEPS, RPQ or LISTS, PROJECTIONS above P_MAX, SIG_BITS above 4, LIST_POSITIONS · LIST_SLOTS above LIST_WORDS, CHUNKS above 1 with CG other than 1, or STREAM_FEATURES without REDETECT.
        BadJob "BAD_JOB" = 1
        /// Segment header with an unknown kind, an empty mask or a set that does not exist, a bank or count out of range, or an OPERAND outside of a weight-gradient job.
        BadHeader "BAD_HEADER" = 2
        /// TLAST before END.
        StreamShort "STREAM_SHORT" = 3
        /// END without TLAST.
        StreamLong "STREAM_LONG" = 4
        /// An element inside of the image but beyond the buffer, a psum address of TILE or more, or a tile of no position or more than TILE positions.
        Range "RANGE" = 5
        /// 64 cycles in which nothing moves and nobody waits for the host: an order of segments that cannot proceed, or END before the data that a tile needs.
        NoProgress "NO_PROGRESS" = 6
        /// ABORT was written.
        Aborted "ABORTED" = 7
    }
}

codes! {
    /// Kinds of input segments: bits 3…0 of the header.
    SegmentKind SEGMENT_KINDS
    /// All segment kinds with name and payload.
    {
        /// A tile descriptor: 16 fields of 16 bits, field 0 in the lowest bits; ⌈256/BUS⌉ beats.
        Tile "TILE" = 1
        /// `count` beats for bank `bank` of the slot being filled, from beat 0 of the slot on; `slot_end` marks the last segment of a slot.
        Features "FEATURES" = 2
        /// Weights of one group: K rows of ROW_BEATS beats, row k holding `w[k]` of PE 0…C−1.
        Weights "WEIGHTS" = 3
        /// dY of one tile (weight gradient only): M rows of ROW_BEATS beats, row i holding `dY[i]` of PE 0…C−1.
        Operand "OPERAND" = 4
        /// Reuse: how a vector is read; beat t·L + lane is what a detector's lane reads in step t.
        Reads "READS" = 5
        /// Reuse: the projection matrix in the same order; beat t·L + lane is the column of the element read there, two bits a projection (0, 1, 3 = −1).
        Matrix "MATRIX" = 6
        /// Reuse: offsets of the projections; beat j is o_j.
        Offsets "OFFSETS" = 7
        /// End of the packet: no payload, mask 0; the only beat with TLAST.
        End "END" = 15
    }
}

codes! {
    /// Kinds of output header beats: bits 3…0.
    OutKind OUT_KINDS
    /// All output header kinds.
    {
        /// Header of the rows of one drained psum bank.
        Rows "ROWS" = 1
        /// Last beat of the packet: error code, TLAST.
        Trailer "TRAILER" = 15
    }
}

const fn field(name: &'static str, lsb: u32, bits: u32, doc: &'static str) -> Field {
    Field {
        name,
        lsb,
        bits,
        signed: false,
        doc,
    }
}

/// Fields of a segment header: the low 64 bits of a beat; the rest of the beat is 0.
pub const HEADER: [Field; 5] = [
    field("KIND", 0, 4, "segment kind"),
    field("BANK", 4, 4, "feature bank (FEATURES), else 0"),
    field(
        "SLOT_END",
        8,
        1,
        "last segment of a feature slot (FEATURES), else 0",
    ),
    field("COUNT", 12, 20, "payload beats"),
    field("MASK", 32, 32, "bit s: set s takes the payload; 0 for END"),
];

/// Fields of the header beat in front of a bank's rows on the output stream: the low 64 bits, the rest 0.
pub const OUT_HEADER: [Field; 6] = [
    field("KIND", 0, 4, "1"),
    field(
        "SHIFT_MODE",
        4,
        1,
        "0: rows of 64-bit integers; 1: rows of operands",
    ),
    field("SET", 8, 8, "set that computed the rows"),
    field("ROWS_M1", 16, 16, "rows − 1"),
    field("TAG", 32, 16, "tag of the tile"),
    field("PASS", 48, 16, "pass of the tile, from 0"),
];

/// Fields of the trailer beat.
pub const OUT_TRAILER: [Field; 2] = [
    field("KIND", 0, 4, "15"),
    field("ERROR", 8, 8, "error code, 0 = none"),
];

/// Fields of a beat of READS: the low 64 bits, the rest 0. A lane without an element in a step is all 0.
pub const READ: [Field; 6] = [
    field("K_INDEX", 0, 8, "element k of the vector"),
    field("BANK", 8, 4, "banks from the position's first element"),
    field("VALID", 15, 1, "1: the lane reads an element in this step"),
    field("ADDR", 16, 16, "words from the position's first element"),
    field(
        "ROW",
        32,
        16,
        "input rows from the position's first element, at most 255",
    ),
    field(
        "COL",
        48,
        16,
        "input columns from the position's first element, at most 255",
    ),
];

/// One element read by a detector lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Read {
    /// Element k of the vector.
    pub k: u8,
    /// Banks from the position's first element, below L.
    pub bank: u8,
    /// Words from the position's first element, modulo 2^16.
    pub addr: u16,
    /// Input rows from the position's first element.
    pub row: u16,
    /// Input columns from the position's first element.
    pub col: u16,
}

impl Read {
    /// The beat's low 64 bits.
    pub fn pack(&self) -> u64 {
        let values = [
            self.k.into(),
            self.bank.into(),
            1,
            self.addr.into(),
            self.row.into(),
            self.col.into(),
        ];
        READ.iter()
            .zip(values)
            .fold(0, |word, (field, value)| word | field.place(value))
    }

    /// Reads a beat; `None` when the lane is idle.
    pub fn unpack(word: u64) -> Option<Self> {
        let [k, bank, valid, addr, row, col] = READ.map(|field| field.extract(word));
        (valid != 0).then_some(Read {
            k: k as u8,
            bank: bank as u8,
            addr: addr as u16,
            row: row as u16,
            col: col as u16,
        })
    }
}

/// Header of an input segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SegmentHeader {
    /// Kind of segment.
    pub kind: SegmentKind,
    /// Feature bank; 0 for other kinds.
    pub bank: u32,
    /// Whether it completes a feature slot; false for other kinds.
    pub slot_end: bool,
    /// Payload beats.
    pub count: u32,
    /// Bit s: set s takes the payload.
    pub mask: u32,
}

impl SegmentHeader {
    /// The header's low 64 bits.
    ///
    /// ```
    /// use mercury::regmap::{SegmentHeader, SegmentKind};
    /// let header = SegmentHeader { kind: SegmentKind::Weights, bank: 0, slot_end: false, count: 9, mask: 0b11 };
    /// assert_eq!(header.pack(), 0x3_0000_9003);
    /// assert_eq!(SegmentHeader::unpack(header.pack()), Some(header));
    /// ```
    pub fn pack(&self) -> u64 {
        let values = [
            self.kind.code(),
            self.bank,
            self.slot_end.into(),
            self.count,
            self.mask,
        ];
        HEADER
            .iter()
            .zip(values)
            .fold(0, |word, (field, value)| word | field.place(value.into()))
    }

    /// Reads a header; `None` when its kind is unknown.
    pub fn unpack(word: u64) -> Option<Self> {
        let [kind, bank, slot_end, count, mask] = HEADER.map(|field| field.extract(word) as u32);
        let kind = SegmentKind::from_code(kind)?;
        Some(SegmentHeader {
            kind,
            bank,
            slot_end: slot_end != 0,
            count,
            mask,
        })
    }
}

/// Header of the rows of one drained bank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OutHeader {
    /// Whether rows hold requantised operands.
    pub shift_mode: bool,
    /// Set that computed them.
    pub set: u32,
    /// Number of rows, at least 1.
    pub rows: u32,
    /// Tag of the tile.
    pub tag: u32,
    /// Pass of the tile.
    pub pass: u32,
}

impl OutHeader {
    /// The beat's low 64 bits.
    pub fn pack(&self) -> u64 {
        let values = [
            OutKind::Rows.code(),
            self.shift_mode.into(),
            self.set,
            self.rows - 1,
            self.tag,
            self.pass,
        ];
        OUT_HEADER
            .iter()
            .zip(values)
            .fold(0, |word, (field, value)| word | field.place(value.into()))
    }

    /// Reads a header beat; `None` when it is of another kind.
    pub fn unpack(word: u64) -> Option<Self> {
        let [kind, shift_mode, set, rows_m1, tag, pass] =
            OUT_HEADER.map(|field| field.extract(word) as u32);
        let header = OutHeader {
            shift_mode: shift_mode != 0,
            set,
            rows: rows_m1 + 1,
            tag,
            pass,
        };
        (kind == OutKind::Rows.code()).then_some(header)
    }
}

/// Error code of a trailer beat (0 = none); `None` when the beat is no trailer.
pub fn trailer_error(word: u64) -> Option<u32> {
    let [kind, error] = OUT_TRAILER.map(|field| field.extract(word) as u32);
    (kind == OutKind::Trailer.code()).then_some(error)
}

/// Bits of one field of a tile descriptor.
pub const TILE_FIELD_BITS: usize = 16;

/// Fields of a tile descriptor, the unused ones (0) included.
pub const TILE_SLOTS: usize = 16;

macro_rules! tile {
    ($( $(#[doc = $doc:literal])* $member:ident: $type:ident, $name:literal )*) => {
        /// Used fields of a tile descriptor in order; field i is bits 16·i … 16·i+15 of the payload. The last is FLAGS.
        pub const TILE_FIELDS: &[Field] = {
            const NAMES: &[(&str, bool, &str)] = &[
                $( ($name, $type::MIN != 0, concat!($($doc),*)), )* ("FLAGS", false, "flags, see below"),
            ];
            &{
                let mut fields = [field("", 0, TILE_FIELD_BITS as u32, ""); NAMES.len()];
                let mut i = 0;
                while i < NAMES.len() {
                    let (name, signed, doc) = NAMES[i];
                    let lsb = (i * TILE_FIELD_BITS) as u32;
                    fields[i] = Field { name, lsb, bits: TILE_FIELD_BITS as u32, signed, doc };
                    i += 1;
                }
                fields
            }
        };

        /// A tile descriptor: the output positions that a set computes next and where their input lies.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub struct TileDescriptor {
            $( $(#[doc = $doc])* pub $member: $type, )*
            /// Psums start from zero instead of continuing.
            pub zero: bool,
            /// The psum bank is drained at the end of every pass.
            pub drain: bool,
        }

        impl TileDescriptor {
            /// The payload, field 0 first.
            pub fn words(&self) -> [u16; TILE_SLOTS] {
                let flags = TILE_FLAGS.iter().zip([self.zero, self.drain]);
                let flags = flags.fold(0, |word, (field, on)| word | field.place(on.into()) as u16);
                let mut words = [0; TILE_SLOTS];
                for (word, value) in words.iter_mut().zip([ $( self.$member as u16, )* flags ]) {
                    *word = value;
                }
                words
            }

            /// Reads a payload.
            pub fn from_words(words: &[u16; TILE_SLOTS]) -> Self {
                let mut words = words.iter().copied();
                let mut next = || words.next().expect("fewer fields than slots");
                $( let $member = next() as $type; )*
                let flags = next().into();
                let [zero, drain] = TILE_FLAGS.map(|field| field.extract(flags) != 0);
                TileDescriptor { $( $member, )* zero, drain }
            }
        }
    };
}

tile! {
    /// Images.
    images: u16, "IMAGES"
    /// Output rows of an image.
    rows: u16, "ROWS"
    /// Output columns of a row; images · rows · cols is at least 1 and at most TILE.
    cols: u16, "COLS"
    /// Input row of the first element, relative to the data sent; negative in padding.
    row_start: i16, "ROW_START"
    /// Input column of the first element.
    col_start: i16, "COL_START"
    /// Input rows sent; elements outside of rows 0…IN_ROWS−1 read as 0.
    in_rows: u16, "IN_ROWS"
    /// Input columns sent; elements outside of columns 0…IN_COLS−1 read as 0.
    in_cols: u16, "IN_COLS"
    /// Bank of the first element.
    start_bank: u16, "START_BANK"
    /// Word of the first element, relative to its slot, modulo 2^16.
    start_addr: u16, "START_ADDR"
    /// Passes: blocks of C filters computed one after the other on the same features.
    passes: u16, "PASSES"
    /// PEs with a filter in the last pass, 1…C; earlier passes use all.
    pes_last: u16, "PES_LAST"
    /// Number that comes back in the output header.
    tag: u16, "TAG"
}

/// Bits of a tile descriptor's FLAGS field.
pub const TILE_FLAGS: [Field; 2] = [
    field("ZERO", 0, 1, "psums start from 0 instead of continuing"),
    field(
        "DRAIN",
        1,
        1,
        "the psum bank is drained at the end of every pass; 0 needs PASSES = 1",
    ),
];

impl TileDescriptor {
    /// Output positions M.
    pub fn positions(&self) -> usize {
        self.images as usize * self.rows as usize * self.cols as usize
    }
}
