//! Takes the input packet apart: weight words, then the slices of rows.

use super::{COUNT_W, ROWS_W, bank_w};
use crate::blocks::crew::packet::Packet;
use crate::config::count_width;
use crate::config::tc::{ROW_BANKS, TcConfig};
use crate::hdl::prelude::*;

/// What the next beat is.
#[derive(Clone, Copy, Debug, PartialEq, LogicState)]
pub enum TcLoaderState {
    /// Weights.
    Weights,
    /// Rows.
    Rows,
}

/// Addresses weight words as they come, and holds a beat of a row while its slices are taken, one per cycle.
///
/// ```text
///  s_axis ─┬► weights: load, load_beat, load_address ─► lanes (data: the beat itself)
///          └► rows: [beat] ─► slice, part, step ─► lanes        used: rows whose lists are not free yet
/// ```
///
/// A slice is a step of all lanes, or a beat's part of one where a beat has fewer operands than there are lanes.
///
/// **Latency** weights 0 cycles; a beat of a row accepted in cycle a is taken from a+1. **Back-pressure** a beat of a row waits while the
/// register is full, but not in the cycle in which its last slice is taken; a row's first slice waits while four rows are used.
/// **Parameters** `lanes`, `columns`, `bus_w`, `data_w`, `steps`, `weight_words`.
///
/// `tc_loader` in `tests/acrtc/gates.rs` compares its Verilog with it; `mercury acrtc cosim` spoils packets on purpose.
#[derive(LogicBlock)]
pub struct TcLoader {
    /// Input stream, errors, the end of the packet.
    pub packet: Packet,
    /// Everything restarts.
    pub clear: Bit<In>,
    /// Job: steps of a row.
    pub steps: Sig<In>,
    /// Job: blocks.
    pub blocks: Sig<In>,
    /// Job: rows.
    pub rows: Sig<In>,
    /// The last item of a row is issued: its lists are free from the next cycle on.
    pub row_ends: Bit<In>,
    /// Weights are being loaded.
    pub loading: Bit<Out>,
    /// The beat of this cycle holds weight words.
    pub load: Bit<Out>,
    /// Which lanes they are for.
    pub load_beat: Sig<Out>,
    /// Their address.
    pub load_address: Sig<Out>,
    /// A weight word beyond the memories.
    pub range_error: Bit<Out>,
    /// A slice is taken in this cycle.
    pub take: Bit<Out>,
    /// Its operands, those of the lowest lane first.
    pub slice: Sig<Out>,
    /// Which part of the step it is.
    pub part: Sig<Out>,
    /// Step of the row.
    pub step: Sig<Out>,
    /// It is the row's first slice.
    pub row_begins: Bit<Out>,
    /// It is the row's last slice.
    pub row_complete: Bit<Out>,
    /// The row is the job's first.
    pub first_row: Bit<Out>,
    /// Bank of the row's lists.
    pub bank: Sig<Out>,
    state: Reg<TcLoaderState>,
    beat_at: Reg,
    address: Reg,
    step_in: Reg,
    part_in: Reg,
    blocks_left: Reg,
    rows_left: Reg,
    word_ends: Bit<Local>,
    step_beat_ends: Bit<Local>,
    row_beats_end: Bit<Local>,
    beat: Reg,
    full: BitReg,
    takes: Bit<Local>,
    take_last: Bit<Local>,
    slices_end: Bit<Local>,
    begins: BitReg,
    first: BitReg,
    slot: Reg,
    part_at: Reg,
    step_at: Reg,
    bank_at: Reg,
    used: Reg,
    slots: Param,
    parts: Param,
    slice_w: Param,
    word_beats: Param,
    weight_words: Param,
    row_banks: Param,
    about: About,
}

impl TcLoader {
    /// The loader of this configuration.
    pub fn new(config: &TcConfig) -> Self {
        let (slots, parts) = (config.steps_per_beat(), config.beats_per_step());
        let slice_w = config.lanes.min(config.operands()) * config.data_w;
        let step_w = address_width(config.steps);
        let word_beats = config.beats_per_word();
        let count = || Reg::unsigned(COUNT_W);
        TcLoader {
            packet: Packet::new(config.bus_w),
            clear: Bit::new(),
            steps: Sig::unsigned(COUNT_W),
            blocks: Sig::unsigned(COUNT_W),
            rows: Sig::unsigned(ROWS_W),
            row_ends: Bit::new(),
            loading: Bit::new(),
            load: Bit::new(),
            load_beat: Sig::unsigned(address_width(word_beats)),
            load_address: Sig::unsigned(address_width(config.weight_words)),
            range_error: Bit::new(),
            take: Bit::new(),
            slice: Sig::unsigned(slice_w),
            part: Sig::unsigned(address_width(parts)),
            step: Sig::unsigned(step_w),
            row_begins: Bit::new(),
            row_complete: Bit::new(),
            first_row: Bit::new(),
            bank: Sig::unsigned(bank_w()),
            state: Reg::<TcLoaderState>::new(),
            beat_at: Reg::unsigned(address_width(word_beats)),
            address: Reg::unsigned(address_width(config.weight_words) + 1),
            step_in: count(),
            part_in: Reg::unsigned(address_width(parts)),
            blocks_left: count(),
            rows_left: Reg::unsigned(ROWS_W),
            word_ends: Bit::new(),
            step_beat_ends: Bit::new(),
            row_beats_end: Bit::new(),
            beat: Reg::unsigned(config.bus_w).without_reset(),
            full: BitReg::new(),
            takes: Bit::new(),
            take_last: Bit::new(),
            slices_end: Bit::new(),
            begins: BitReg::new(),
            first: BitReg::new(),
            slot: Reg::unsigned(address_width(slots)),
            part_at: Reg::unsigned(address_width(parts)),
            step_at: count(),
            bank_at: Reg::unsigned(bank_w()),
            used: Reg::unsigned(count_width(ROW_BANKS)),
            slots: Param::new(slots),
            parts: Param::new(parts),
            slice_w: Param::new(slice_w),
            word_beats: Param::new(word_beats),
            weight_words: Param::new(config.weight_words),
            row_banks: Param::new(ROW_BANKS),
            about: About::new(
                "tc_loader",
                "Takes the input packet of a tensor core: weight words into the lanes, then rows, slice by slice.",
            ),
        }
    }
}

impl Logic for TcLoader {
    #[hdl_gen]
    fn update(&mut self) {
        self.packet.waits.next =
            (self.state.val() == TcLoaderState::Rows) && self.full.val() && !self.take_last.val();
        self.packet.bad.next = false;
        self.packet.ends.next = false;

        // Beats.
        self.loading.next = self.state.val() == TcLoaderState::Weights;
        self.load.next = false;
        self.load_beat.next = self.beat_at.val();
        self.load_address.next = unsigned_cast(self.address.val());
        self.range_error.next = false;
        self.word_ends.next = self.beat_at.val() == self.word_beats.val() - 1;
        self.step_beat_ends.next = self.part_in.val() == self.parts.val() - 1;
        self.row_beats_end.next = self.step_beat_ends.val()
            && (self.step_in.val() + self.slots.val() >= self.steps.val());
        if self.take_last.val() {
            self.full.next = false;
        }
        match self.state.val() {
            TcLoaderState::Weights => {
                if self.packet.taken.val() {
                    self.load.next = true;
                    self.range_error.next = self.address.val() == self.weight_words.val();
                    self.beat_at.next = self.beat_at.val() + 1;
                    if self.word_ends.val() {
                        self.beat_at.next = 0.into();
                        self.address.next = self.address.val() + 1;
                        self.step_in.next = self.step_in.val() + 1;
                        if self.step_in.val() + 1 == self.steps.val() {
                            self.step_in.next = 0.into();
                            self.blocks_left.next = self.blocks_left.val() - 1;
                            if self.blocks_left.val() == 1 {
                                self.state.next = TcLoaderState::Rows;
                            }
                        }
                    }
                }
            }
            TcLoaderState::Rows => {
                if self.packet.taken.val() {
                    self.beat.next = self.packet.axis.s_axis_tdata.val();
                    self.full.next = true;
                    self.part_in.next = self.part_in.val() + 1;
                    if self.step_beat_ends.val() {
                        self.part_in.next = 0.into();
                        self.step_in.next = self.step_in.val() + self.slots.val();
                    }
                    if self.row_beats_end.val() {
                        self.step_in.next = 0.into();
                        self.rows_left.next = self.rows_left.val() - 1;
                        self.packet.ends.next = self.rows_left.val() == 1;
                    }
                }
            }
        }

        // Slices.
        self.takes.next =
            self.full.val() && !(self.begins.val() && (self.used.val() == self.row_banks.val()));
        self.slices_end.next = (self.part_at.val() == self.parts.val() - 1)
            && (self.step_at.val() + 1 == self.steps.val());
        self.take_last.next = self.takes.val()
            && ((self.slot.val() == self.slots.val() - 1) || self.slices_end.val());
        self.take.next = self.takes.val();
        self.slice.next = unsigned_cast(self.beat.val());
        for i in 1..self.slots.val() {
            if self.slot.val() == i {
                self.slice.next = unsigned_cast(self.beat.val() >> (i * self.slice_w.val()));
            }
        }
        self.part.next = self.part_at.val();
        self.step.next = unsigned_cast(self.step_at.val());
        self.row_begins.next = self.begins.val();
        self.row_complete.next = self.slices_end.val();
        self.first_row.next = self.first.val();
        self.bank.next = self.bank_at.val();
        if self.takes.val() {
            self.begins.next = false;
            self.slot.next = self.slot.val() + 1;
            self.part_at.next = self.part_at.val() + 1;
            if self.part_at.val() == self.parts.val() - 1 {
                self.part_at.next = 0.into();
                self.step_at.next = self.step_at.val() + 1;
            }
            if self.take_last.val() {
                self.slot.next = 0.into();
            }
            if self.slices_end.val() {
                self.step_at.next = 0.into();
                self.begins.next = true;
                self.first.next = false;
                self.bank_at.next = self.bank_at.val() + 1;
            }
        }
        if self.takes.val() && self.begins.val() && !self.row_ends.val() {
            self.used.next = self.used.val() + 1;
        }
        if self.row_ends.val() && !(self.takes.val() && self.begins.val()) {
            self.used.next = self.used.val() - 1;
        }

        if self.clear.val() {
            self.state.next = TcLoaderState::Weights;
            self.beat_at.next = 0.into();
            self.address.next = 0.into();
            self.step_in.next = 0.into();
            self.part_in.next = 0.into();
            self.blocks_left.next = self.blocks.val();
            self.rows_left.next = self.rows.val();
            self.full.next = false;
            self.begins.next = true;
            self.first.next = true;
            self.slot.next = 0.into();
            self.part_at.next = 0.into();
            self.step_at.next = 0.into();
            self.bank_at.next = 0.into();
            self.used.next = 0.into();
        }
    }
}
