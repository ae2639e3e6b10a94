//! The tile descriptors of one PE set: the active one and the next.

use super::loop_nest::COUNT_W;
use super::lsb_of;
use crate::config::Config;
use crate::hdl::prelude::*;
use crate::regmap::{TILE_FIELD_BITS, TILE_FIELDS, TILE_FLAGS, TILE_SLOTS};

/// Bits of a tile descriptor.
pub const TILE_BITS: usize = TILE_FIELD_BITS * TILE_SLOTS;

/// Bits of a descriptor that one beat carries.
pub fn tile_beat_w(config: &Config) -> usize {
    config.bus_w.min(TILE_BITS)
}

/// Assembles tile descriptors from beats and hands them to the loop nest one by one.
///
/// ```text
///  write, data ─► [shift in] ─► pending ── take ──► active fields ─► images, rows, …
///  last ────────► pending_valid ◄── take
/// ```
///
/// **Latency** the beat written with `last` in cycle t makes `pending_valid` 1 in t+1; `take` in cycle c makes the
/// fields active in c+1. **Back-pressure** the writer waits while `pending_valid` is 1.
/// **Parameters** `bus_w`: a descriptor takes ⌈256 / bus_w⌉ beats, lowest field first.
///
/// The test `tile_queue_keeps_order` sends descriptors and checks every field.
#[derive(LogicBlock)]
pub struct TileQueue {
    /// Forget everything.
    pub clear: Bit<In>,
    /// A beat of a descriptor.
    pub write: Bit<In>,
    /// The beat's descriptor bits.
    pub data: Sig<In>,
    /// It is the descriptor's last beat.
    pub last: Bit<In>,
    /// The pending tile becomes the active one.
    pub take: Bit<In>,
    /// A complete descriptor waits.
    pub pending_valid: Bit<Out>,
    /// `pending_valid` of the next cycle.
    pub next_pending: Bit<Out>,
    /// Start bank of the pending tile.
    pub pending_bank: Sig<Out>,
    /// Start address of the pending tile.
    pub pending_addr: Sig<Out>,
    /// Start row of the pending tile.
    pub pending_row: Sig<Out>,
    /// Start column of the pending tile.
    pub pending_col: Sig<Out>,
    /// Images of the pending tile.
    pub pending_images: Sig<Out>,
    /// Output rows of the pending tile.
    pub pending_rows: Sig<Out>,
    /// Output columns of the pending tile.
    pub pending_cols: Sig<Out>,
    /// Passes of the pending tile.
    pub pending_passes: Sig<Out>,
    /// Images.
    pub images: Sig<Out>,
    /// Output rows.
    pub rows: Sig<Out>,
    /// Output columns.
    pub cols: Sig<Out>,
    /// First input row relative to the data sent, two's complement.
    pub row_start: Sig<Out>,
    /// First input column relative to the data sent, two's complement.
    pub col_start: Sig<Out>,
    /// Input rows sent.
    pub in_rows: Sig<Out>,
    /// Input columns sent.
    pub in_cols: Sig<Out>,
    /// Bank of the first element.
    pub start_bank: Sig<Out>,
    /// Address of the first element in its slot.
    pub start_addr: Sig<Out>,
    /// Passes.
    pub passes: Sig<Out>,
    /// PEs with a filter in the last pass.
    pub pes_last: Sig<Out>,
    /// Tag for the output header.
    pub tag: Sig<Out>,
    /// Psums start from zero.
    pub zero: Bit<Out>,
    /// Psums are drained after each pass.
    pub drain: Bit<Out>,
    pending: Reg,
    valid: BitReg,
    shifted: Sig<Local>,
    active: Reg,
    beat_w: Param,
    tile_bits: Param,
    wide_w: Param,
    images_at: Param,
    rows_at: Param,
    cols_at: Param,
    row_start_at: Param,
    col_start_at: Param,
    in_rows_at: Param,
    in_cols_at: Param,
    start_bank_at: Param,
    start_addr_at: Param,
    passes_at: Param,
    pes_last_at: Param,
    tag_at: Param,
    zero_at: Param,
    drain_at: Param,
    about: About,
}

/// Bit of the descriptor at which a field begins.
fn at(field: &str) -> Param {
    lsb_of(TILE_FIELDS, field)
}

/// Bit of the descriptor that is flag `name`.
fn flag_at(name: &str) -> Param {
    Param::new(at("FLAGS").val() + lsb_of(&TILE_FLAGS, name).val())
}

impl TileQueue {
    /// The queue for this configuration's stream width.
    pub fn new(config: &Config) -> Self {
        let beat_w = tile_beat_w(config);
        let field = || Sig::unsigned(COUNT_W);
        TileQueue {
            clear: Bit::new(),
            write: Bit::new(),
            data: Sig::unsigned(beat_w),
            last: Bit::new(),
            take: Bit::new(),
            pending_valid: Bit::new(),
            next_pending: Bit::new(),
            pending_bank: Sig::unsigned(config.bank_w()),
            pending_addr: field(),
            pending_row: field(),
            pending_col: field(),
            pending_images: field(),
            pending_rows: field(),
            pending_cols: field(),
            pending_passes: field(),
            images: field(),
            rows: field(),
            cols: field(),
            row_start: field(),
            col_start: field(),
            in_rows: field(),
            in_cols: field(),
            start_bank: Sig::unsigned(config.bank_w()),
            start_addr: field(),
            passes: field(),
            pes_last: Sig::unsigned(config.pe_count_w()),
            tag: field(),
            zero: Bit::new(),
            drain: Bit::new(),
            pending: Reg::unsigned(TILE_BITS).without_reset(),
            valid: BitReg::new(),
            shifted: Sig::unsigned(TILE_BITS + beat_w),
            active: Reg::unsigned(TILE_BITS).without_reset(),
            beat_w: Param::new(beat_w),
            tile_bits: Param::new(TILE_BITS),
            wide_w: Param::new(TILE_BITS + beat_w),
            images_at: at("IMAGES"),
            rows_at: at("ROWS"),
            cols_at: at("COLS"),
            row_start_at: at("ROW_START"),
            col_start_at: at("COL_START"),
            in_rows_at: at("IN_ROWS"),
            in_cols_at: at("IN_COLS"),
            start_bank_at: at("START_BANK"),
            start_addr_at: at("START_ADDR"),
            passes_at: at("PASSES"),
            pes_last_at: at("PES_LAST"),
            tag_at: at("TAG"),
            zero_at: flag_at("ZERO"),
            drain_at: flag_at("DRAIN"),
            about: About::new(
                "tile_queue",
                "Tile descriptors of one PE set: beats shift in from the top, so the first beat ends up in the low \
                 bits; `take` makes the pending descriptor the active one.",
            ),
        }
    }
}

impl Logic for TileQueue {
    #[hdl_gen]
    fn update(&mut self) {
        self.shifted.next = (bit_cast_w(self.data.val(), self.wide_w.val())
            << self.tile_bits.val())
            | bit_cast_w(self.pending.val(), self.wide_w.val());
        self.next_pending.next = self.valid.val();
        if self.write.val() {
            self.pending.next = unsigned_cast(self.shifted.val() >> self.beat_w.val());
            self.next_pending.next = self.last.val();
        }
        if self.take.val() {
            self.active.next = self.pending.val();
            self.next_pending.next = false;
        }
        if self.clear.val() {
            self.next_pending.next = false;
        }
        self.valid.next = self.next_pending.val();

        self.pending_valid.next = self.valid.val();
        self.pending_bank.next = unsigned_cast(self.pending.val() >> self.start_bank_at.val());
        self.pending_addr.next = unsigned_cast(self.pending.val() >> self.start_addr_at.val());
        self.pending_row.next = unsigned_cast(self.pending.val() >> self.row_start_at.val());
        self.pending_col.next = unsigned_cast(self.pending.val() >> self.col_start_at.val());
        self.pending_images.next = unsigned_cast(self.pending.val() >> self.images_at.val());
        self.pending_rows.next = unsigned_cast(self.pending.val() >> self.rows_at.val());
        self.pending_cols.next = unsigned_cast(self.pending.val() >> self.cols_at.val());
        self.pending_passes.next = unsigned_cast(self.pending.val() >> self.passes_at.val());
        self.images.next = unsigned_cast(self.active.val() >> self.images_at.val());
        self.rows.next = unsigned_cast(self.active.val() >> self.rows_at.val());
        self.cols.next = unsigned_cast(self.active.val() >> self.cols_at.val());
        self.row_start.next = unsigned_cast(self.active.val() >> self.row_start_at.val());
        self.col_start.next = unsigned_cast(self.active.val() >> self.col_start_at.val());
        self.in_rows.next = unsigned_cast(self.active.val() >> self.in_rows_at.val());
        self.in_cols.next = unsigned_cast(self.active.val() >> self.in_cols_at.val());
        self.start_bank.next = unsigned_cast(self.active.val() >> self.start_bank_at.val());
        self.start_addr.next = unsigned_cast(self.active.val() >> self.start_addr_at.val());
        self.passes.next = unsigned_cast(self.active.val() >> self.passes_at.val());
        self.pes_last.next = unsigned_cast(self.active.val() >> self.pes_last_at.val());
        self.tag.next = unsigned_cast(self.active.val() >> self.tag_at.val());
        self.zero.next = self.active.val().get_bit(self.zero_at.val());
        self.drain.next = self.active.val().get_bit(self.drain_at.val());
    }
}
