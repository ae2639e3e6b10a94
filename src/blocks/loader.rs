//! The loader: parses the input stream and deals its beats to the PE sets.

mod new;

use crate::hdl::prelude::*;

/// What the loader does in a cycle.
#[derive(Clone, Copy, Debug, PartialEq, LogicState)]
pub enum LoaderState {
    /// No job, or END was taken.
    Idle,
    /// The next beat is a segment header.
    Header,
    /// The next beat is payload.
    Payload,
    /// After an error: beats are dropped until TLAST.
    Flush,
}

/// Parses segments and hands their payload to the sets, one beat per cycle while every addressed set has room.
///
/// ```text
///  s_axis ─► header? ── kind, bank, count, mask
///         └► payload ── room in all masked sets? ──► [write stage] ──► load_*, load_selected[s], what it completes in set s
///                              ▲
///  room_tile/features/weights/operand/program[s]
/// ```
///
/// **Latency** a payload beat accepted in cycle t is in the write stage (`load_*` valid) in t+1.
/// **Back-pressure** `s_axis_tready` falls while an addressed set has no room; headers are always taken.
/// **Parameters** `sets` 1…32, `l`, `bus_w` ≥ 64, `pes` and `data_w` (ROW_BEATS = ⌈C·data_w / bus_w⌉).
///
/// An illegal header, a segment that ends within a row, TLAST before END and END without TLAST raise `error` with its
/// code for one cycle; the loader then drops beats until TLAST and `done` rises. The test `loader_reports_every_error`
/// provokes each; `loader_deals_every_beat` sends good packets.
#[derive(LogicBlock)]
pub struct Loader {
    /// A job starts.
    pub start: Bit<In>,
    /// Another part found an error: drop the rest of the packet.
    pub flush: Bit<In>,
    /// ABORT: idle at once.
    pub abort_job: Bit<In>,
    /// The job is a weight gradient.
    pub wgrad: Bit<In>,
    /// Beats of a feature slot.
    pub slot_beats: Sig<In>,
    /// Input stream.
    pub s_axis_tvalid: Bit<In>,
    /// Input stream.
    pub s_axis_tready: Bit<Out>,
    /// Input stream.
    pub s_axis_tdata: Sig<In>,
    /// Input stream.
    pub s_axis_tlast: Bit<In>,
    /// Per set: a tile descriptor may be written.
    pub room_tile: Vec<Bit<In>>,
    /// Per set: features may be written.
    pub room_features: Vec<Bit<In>>,
    /// Per set: a row of weights may be written.
    pub room_weights: Vec<Bit<In>>,
    /// Per set: an operand may be written.
    pub room_operand: Vec<Bit<In>>,
    /// Per set: neither tile nor detection is under way, so what detection reads may be written.
    pub room_program: Vec<Bit<In>>,
    /// The beat in the write stage is for set s.
    pub load_selected: Vec<Bit<Out>>,
    /// It belongs to a tile descriptor.
    pub load_tile: Bit<Out>,
    /// It holds features.
    pub load_features: Bit<Out>,
    /// It holds weights.
    pub load_weights: Bit<Out>,
    /// It holds an operand.
    pub load_operand: Bit<Out>,
    /// It says where a detector lane reads in a step.
    pub load_reads: Bit<Out>,
    /// It is a column of the projection matrix.
    pub load_matrix: Bit<Out>,
    /// It is the offset of a projection.
    pub load_offsets: Bit<Out>,
    /// Its number in one of these segments.
    pub load_index: Sig<Out>,
    /// It is the last of its segment.
    pub load_last: Bit<Out>,
    /// Its feature bank.
    pub load_bank: Sig<Out>,
    /// Its number in the segment.
    pub load_beat: Sig<Out>,
    /// Its row.
    pub load_row: Sig<Out>,
    /// Its number in the row.
    pub load_row_beat: Sig<Out>,
    /// The beat.
    pub load_data: Sig<Out>,
    /// Per set: it completes a slot of features.
    pub slot_loaded: Vec<Bit<Out>>,
    /// … a row of weights.
    pub weight_row_written: Vec<Bit<Out>>,
    /// … the weights of a group.
    pub weights_loaded: Vec<Bit<Out>>,
    /// … an operand.
    pub operand_loaded: Vec<Bit<Out>>,
    /// A row of weights for set s is accepted in this cycle.
    pub weight_row_accepted: Vec<Bit<Out>>,
    /// A beat is accepted in this cycle.
    pub accepted: Bit<Out>,
    /// The loader waits for the host: it could take a beat, and none is offered.
    pub waits_for_host: Bit<Out>,
    /// END (or the TLAST that ends a flush) was taken, or no job runs.
    pub done: Bit<Out>,
    /// An error was found in this cycle.
    pub error: Bit<Out>,
    /// Its code.
    pub error_code: Sig<Out>,
    state: Reg<LoaderState>,
    header_kind: Sig<Local>,
    header_bank: Sig<Local>,
    header_count: Sig<Local>,
    header_mask: Sig<Local>,
    header_fits: Bit<Local>,
    asks_tile: Vec<BitReg>,
    asks_features: Vec<BitReg>,
    asks_weights: Vec<BitReg>,
    asks_operand: Vec<BitReg>,
    asks_program: Vec<BitReg>,
    takes_header: Bit<Local>,
    takes_payload: Bit<Local>,
    spoilt: Bit<Local>,
    is_tile: BitReg,
    is_features: BitReg,
    is_weights: BitReg,
    is_operand: BitReg,
    is_reads: BitReg,
    is_matrix: BitReg,
    is_offsets: BitReg,
    slot_end: BitReg,
    bank: Reg,
    remaining: Reg,
    mask: Vec<BitReg>,
    row_beat: Reg,
    row: Reg,
    beat: Reg,
    room: Bit<Local>,
    ready: Bit<Local>,
    take: Bit<Local>,
    row_last: Bit<Local>,
    last: Bit<Local>,
    fail: Bit<Local>,
    fail_code: Sig<Local>,
    w_tile: BitReg,
    w_features: BitReg,
    w_weights: BitReg,
    w_operand: BitReg,
    w_reads: BitReg,
    w_matrix: BitReg,
    w_offsets: BitReg,
    w_last: BitReg,
    w_slots: Vec<BitReg>,
    w_rows: Vec<BitReg>,
    w_groups: Vec<BitReg>,
    w_operands: Vec<BitReg>,
    w_bank: Reg,
    index: Reg,
    w_header: BitReg,
    w_payload: BitReg,
    w_row_beat: Reg,
    w_row_last: BitReg,
    w_data: Reg,
    w_selected: Vec<BitReg>,
    writes: Bit<Local>,
    row_fits: Bit<Local>,
    sets: Param,
    banks: Param,
    tile_beats: Param,
    row_beats: Param,
    max_operand: Param,
    kind_tile: Param,
    kind_features: Param,
    kind_weights: Param,
    kind_operand: Param,
    kind_reads: Param,
    kind_matrix: Param,
    kind_offsets: Param,
    kind_end: Param,
    max_reads: Param,
    max_offsets: Param,
    bank_at: Param,
    slot_end_at: Param,
    count_at: Param,
    mask_at: Param,
    bad_header: Param,
    stream_short: Param,
    stream_long: Param,
    beats_w: Param,
    about: About,
}

impl Logic for Loader {
    #[hdl_gen]
    fn update(&mut self) {
        self.header_kind.next = unsigned_cast(self.s_axis_tdata.val());
        self.header_bank.next = unsigned_cast(self.s_axis_tdata.val() >> self.bank_at.val());
        self.header_count.next = unsigned_cast(self.s_axis_tdata.val() >> self.count_at.val());
        self.header_mask.next = unsigned_cast(self.s_axis_tdata.val() >> self.mask_at.val());

        // Which headers are legal.
        self.header_fits.next = false;
        if self.header_kind.val() == self.kind_tile.val() {
            self.header_fits.next = self.header_count.val() == self.tile_beats.val();
        }
        if self.header_kind.val() == self.kind_features.val() {
            self.header_fits.next = (self.header_bank.val() < self.banks.val())
                && (self.header_count.val()
                    <= bit_cast_w(self.slot_beats.val(), self.beats_w.val()));
        }
        if self.header_kind.val() == self.kind_weights.val() {
            self.header_fits.next = true;
        }
        if self.header_kind.val() == self.kind_operand.val() {
            self.header_fits.next =
                self.wgrad.val() && (self.header_count.val() <= self.max_operand.val());
        }
        if (self.header_kind.val() == self.kind_reads.val())
            || (self.header_kind.val() == self.kind_matrix.val())
        {
            self.header_fits.next = self.header_count.val() <= self.max_reads.val();
        }
        if self.header_kind.val() == self.kind_offsets.val() {
            self.header_fits.next = self.header_count.val() <= self.max_offsets.val();
        }
        if (self.header_count.val() == 0) || !self.header_mask.val().any() {
            self.header_fits.next = false;
        }
        if self.header_mask.val() >> self.sets.val() != 0 {
            self.header_fits.next = false;
        }

        // Room in all addressed sets.
        self.room.next = true;
        for s in 0..self.sets.val() {
            if (self.asks_tile[s].val() && !self.room_tile[s].val())
                || (self.asks_features[s].val() && !self.room_features[s].val())
                || (self.asks_weights[s].val() && !self.room_weights[s].val())
                || (self.asks_operand[s].val() && !self.room_operand[s].val())
                || (self.asks_program[s].val() && !self.room_program[s].val())
            {
                self.room.next = false;
            }
        }

        self.ready.next = false;
        match self.state.val() {
            LoaderState::Header => {
                self.ready.next = true;
            }
            LoaderState::Payload => {
                self.ready.next = self.room.val();
            }
            LoaderState::Flush => {
                self.ready.next = true;
            }
            _ => {}
        }
        self.take.next = self.ready.val() && self.s_axis_tvalid.val();
        self.takes_header.next =
            (self.state.val() == LoaderState::Header) && self.s_axis_tvalid.val();
        self.takes_payload.next = (self.state.val() == LoaderState::Payload)
            && self.room.val()
            && self.s_axis_tvalid.val();
        // A row of weights may end in this cycle: `take`, as far as weights are concerned, on a shorter way.
        self.row_last.next = self.row_beat.val() == self.row_beats.val() - 1;
        self.row_fits.next = (self.state.val() == LoaderState::Payload)
            && self.is_weights.val()
            && self.row_last.val();
        for s in 0..self.sets.val() {
            if self.mask[s].val() && !self.room_weights[s].val() {
                self.row_fits.next = false;
            }
        }
        self.last.next = self.remaining.val() == 1;

        // A payload's beat that must not be: the packet ends with it, or the segment within a row.
        self.spoilt.next = self.s_axis_tlast.val()
            || (self.last.val()
                && !self.row_last.val()
                && (self.is_weights.val() || self.is_operand.val()));
        self.fail.next = false;
        self.fail_code.next = self.bad_header.val().into();
        match self.state.val() {
            LoaderState::Header => {
                if self.take.val() {
                    if self.header_kind.val() == self.kind_end.val() {
                        self.state.next = LoaderState::Idle;
                        if !self.s_axis_tlast.val() {
                            self.fail.next = true;
                            self.fail_code.next = self.stream_long.val().into();
                            self.state.next = LoaderState::Flush;
                        }
                    } else {
                        self.state.next = LoaderState::Payload;
                        if self.s_axis_tlast.val() {
                            self.fail.next = true;
                            self.fail_code.next = self.stream_short.val().into();
                            self.state.next = LoaderState::Idle;
                        } else if !self.header_fits.val() {
                            self.fail.next = true;
                            self.state.next = LoaderState::Flush;
                        }
                    }
                }
            }
            LoaderState::Payload => {
                if self.take.val() {
                    if self.last.val() {
                        self.state.next = LoaderState::Header;
                    }
                    if self.spoilt.val() {
                        self.fail.next = true;
                        self.state.next = LoaderState::Flush;
                    }
                    if self.s_axis_tlast.val() {
                        self.fail_code.next = self.stream_short.val().into();
                        self.state.next = LoaderState::Idle;
                    }
                }
            }
            LoaderState::Flush => {
                if self.take.val() && self.s_axis_tlast.val() {
                    self.state.next = LoaderState::Idle;
                }
            }
            _ => {}
        }
        // An error found elsewhere ends the packet here; if its last beat is taken just now, nothing is left to drop.
        if self.flush.val() && (self.state.val() != LoaderState::Idle) {
            self.state.next = LoaderState::Flush;
            if self.take.val() && self.s_axis_tlast.val() {
                self.state.next = LoaderState::Idle;
            }
        }
        if self.start.val() {
            self.state.next = LoaderState::Header;
        }
        if self.abort_job.val() {
            self.state.next = LoaderState::Idle;
        }

        if self.takes_header.val() {
            self.is_tile.next = self.header_kind.val() == self.kind_tile.val();
            self.is_features.next = self.header_kind.val() == self.kind_features.val();
            self.is_weights.next = self.header_kind.val() == self.kind_weights.val();
            self.is_operand.next = self.header_kind.val() == self.kind_operand.val();
            self.is_reads.next = self.header_kind.val() == self.kind_reads.val();
            self.is_matrix.next = self.header_kind.val() == self.kind_matrix.val();
            self.is_offsets.next = self.header_kind.val() == self.kind_offsets.val();
            self.slot_end.next = self.s_axis_tdata.val().get_bit(self.slot_end_at.val());
            self.bank.next = unsigned_cast(self.header_bank.val());
            self.remaining.next = self.header_count.val();
            self.row_beat.next = 0.into();
            for s in 0..self.sets.val() {
                self.mask[s].next = self.header_mask.val().get_bit(s);
                self.asks_tile[s].next = self.header_mask.val().get_bit(s)
                    && (self.header_kind.val() == self.kind_tile.val());
                self.asks_features[s].next = self.header_mask.val().get_bit(s)
                    && (self.header_kind.val() == self.kind_features.val());
                self.asks_weights[s].next = self.header_mask.val().get_bit(s)
                    && (self.header_kind.val() == self.kind_weights.val());
                self.asks_operand[s].next = self.header_mask.val().get_bit(s)
                    && (self.header_kind.val() == self.kind_operand.val());
                self.asks_program[s].next = self.header_mask.val().get_bit(s)
                    && ((self.header_kind.val() == self.kind_reads.val())
                        || (self.header_kind.val() == self.kind_matrix.val())
                        || (self.header_kind.val() == self.kind_offsets.val()));
            }
        }
        if self.takes_payload.val() {
            self.remaining.next = self.remaining.val() - 1;
            self.row_beat.next = self.row_beat.val() + 1;
            if self.row_last.val() {
                self.row_beat.next = 0.into();
            }
        }

        // Write stage. Its beat's numbers step in it: what a beat's acceptance enables is far from here.
        self.w_header.next = self.takes_header.val();
        self.w_payload.next = self.takes_payload.val();
        if self.w_payload.val() {
            self.beat.next = self.beat.val() + 1;
            self.index.next = self.index.val() + 1;
            if self.w_row_last.val() {
                self.row.next = self.row.val() + 1;
            }
        }
        if self.w_header.val() {
            self.beat.next = 0.into();
            self.index.next = 0.into();
            self.row.next = 0.into();
        }
        self.writes.next = self.takes_payload.val()
            && !self.spoilt.val()
            && !self.flush.val()
            && !self.abort_job.val();
        self.w_tile.next = self.is_tile.val();
        self.w_features.next = self.is_features.val();
        self.w_weights.next = self.is_weights.val();
        self.w_operand.next = self.is_operand.val();
        self.w_reads.next = self.is_reads.val();
        self.w_matrix.next = self.is_matrix.val();
        self.w_offsets.next = self.is_offsets.val();
        self.w_last.next = self.last.val();
        self.w_bank.next = self.bank.val();
        self.w_row_beat.next = self.row_beat.val();
        self.w_row_last.next = self.row_last.val();
        self.w_data.next = self.s_axis_tdata.val();
        for s in 0..self.sets.val() {
            self.w_selected[s].next = self.writes.val() && self.mask[s].val();
            self.load_selected[s].next = self.w_selected[s].val();
            // What a beat completes stands in registers: what a set does next depends on it.
            self.w_slots[s].next = self.writes.val()
                && self.asks_features[s].val()
                && self.slot_end.val()
                && self.last.val();
            self.w_rows[s].next =
                self.writes.val() && self.asks_weights[s].val() && self.row_last.val();
            self.w_groups[s].next =
                self.writes.val() && self.asks_weights[s].val() && self.last.val();
            self.w_operands[s].next =
                self.writes.val() && self.asks_operand[s].val() && self.last.val();
            self.slot_loaded[s].next = self.w_slots[s].val();
            self.weight_row_written[s].next = self.w_rows[s].val();
            self.weights_loaded[s].next = self.w_groups[s].val();
            self.operand_loaded[s].next = self.w_operands[s].val();
            self.weight_row_accepted[s].next =
                self.s_axis_tvalid.val() && self.row_fits.val() && self.mask[s].val();
        }
        self.load_tile.next = self.w_tile.val();
        self.load_features.next = self.w_features.val();
        self.load_weights.next = self.w_weights.val();
        self.load_operand.next = self.w_operand.val();
        self.load_reads.next = self.w_reads.val();
        self.load_matrix.next = self.w_matrix.val();
        self.load_offsets.next = self.w_offsets.val();
        self.load_index.next = unsigned_cast(self.index.val());
        self.load_last.next = self.w_last.val();
        self.load_bank.next = self.w_bank.val();
        self.load_beat.next = self.beat.val();
        self.load_row.next = self.row.val();
        self.load_row_beat.next = self.w_row_beat.val();
        self.load_data.next = self.w_data.val();

        self.s_axis_tready.next = self.ready.val();
        self.accepted.next = self.take.val();
        self.waits_for_host.next = self.ready.val() && !self.s_axis_tvalid.val();
        self.done.next = self.state.val() == LoaderState::Idle;
        self.error.next = self.fail.val();
        self.error_code.next = self.fail_code.val();
    }
}
