//! The drain: reads finished psum banks, requantises, and sends them.

mod new;

use super::output_packer::OutputPacker;
use super::set_turn::SetTurn;
use crate::hdl::prelude::*;

/// What the drain does in a cycle.
#[derive(Clone, Copy, Debug, PartialEq, LogicState)]
pub enum DrainState {
    /// Looks for a set whose bank waits.
    Idle,
    /// Sends the header beat.
    Header,
    /// Sends the rows.
    Rows,
}

/// Serves the psum banks of all sets in turn: a header beat, then the rows, requantised or raw; at the job's end the
/// trailer.
///
/// ```text
///  request[s] ─► round robin ─► row address ─► D0: [psum RAM] ─► D1: psum row ─► set mux, beat mux ─► D2: lanes
///                                                                       D2 ─► [output packer] ─► D3 ─► m_axis
/// ```
///
/// A row's address is given one cycle ahead of its D0, from registers that say where the next row begins, so that the PEs
/// keep the word in a register ([`Pe`](super::pe::Pe)).
///
/// **Latency** what is in D0 in cycle c leaves from c+4, with `issue = "registered"`, where PEs keep a row a cycle longer, from c+5; arbitration takes one cycle and the header one.
/// **Back-pressure** the pipeline stands still when two beats wait for `m_axis_tready`.
/// **Parameters** `sets`, `pes`, `bus_w`, `data_w`, `acc_w`, `tile`; `issue`.
///
/// The test `drain_sends_every_row_in_order` serves several sets under random back-pressure.
#[derive(LogicBlock)]
pub struct Drain {
    /// START: round robin restarts at set 0.
    pub start: Bit<In>,
    /// An error: no further rows.
    pub stop: Bit<In>,
    /// ABORT: nothing more leaves.
    pub abort_job: Bit<In>,
    /// Job: requantise.
    pub shift_mode: Bit<In>,
    /// Job: distance.
    pub shift: Sig<In>,
    /// Send the trailer as soon as nothing else is to be sent.
    pub trailer: Bit<In>,
    /// Error code of the trailer.
    pub trailer_error: Sig<In>,
    /// Per set: a bank waits.
    pub request: Vec<Bit<In>>,
    /// Per set: that bank.
    pub request_bank: Vec<Bit<In>>,
    /// Per set: its rows − 1.
    pub request_rows_m1: Vec<Sig<In>>,
    /// Per set: PEs that have a filter.
    pub request_pes: Vec<Sig<In>>,
    /// Per set: tag of its tile.
    pub request_tag: Vec<Sig<In>>,
    /// Per set: its pass.
    pub request_pass: Vec<Sig<In>>,
    /// Psum words of all sets, of the row that was in D0 when `take` was 1 last: PE c of set s is word s·C + c.
    pub row_word: Vec<Sig<In>>,
    /// Row to read, for all sets: that of D0 in the next cycle.
    pub raddr: Sig<Out>,
    /// Its bank.
    pub read_bank: Bit<Out>,
    /// The row whose address was given a cycle ago is taken; its words stand until the next one is.
    pub take: Bit<Out>,
    /// Per set: the last beat of its bank was addressed.
    pub addressed: Vec<Bit<Out>>,
    /// Per set: bank 0 was read.
    pub bank0_release: Vec<Bit<Out>>,
    /// Per set: bank 1 was read.
    pub bank1_release: Vec<Bit<Out>>,
    /// Nothing is being addressed.
    pub idle: Bit<Out>,
    /// The trailer was addressed in this cycle.
    pub trailer_taken: Bit<Out>,
    /// Results saturated in the beat that is being packed.
    pub saturated: Sig<Out>,
    /// Largest magnitude among the sums since START.
    pub max_abs: Sig<Out>,
    /// Output stream.
    pub m_axis_tvalid: Bit<Out>,
    /// Output stream.
    pub m_axis_tready: Bit<In>,
    /// Output stream.
    pub m_axis_tdata: Sig<Out>,
    /// Output stream.
    pub m_axis_tlast: Bit<Out>,
    enable: Bit<Local>,
    state: Reg<DrainState>,
    served: Reg,
    turn: SetTurn,
    set: Reg,
    bank: BitReg,
    rows_m1: Reg,
    pes: Reg,
    tag: Reg,
    pass: Reg,
    row: Reg,
    row_after: Reg,
    row_last: BitReg,
    beat: Reg,
    beat_after: Sig<Local>,
    beat_last: BitReg,
    last_beat: Sig<Local>,
    push_header: Bit<Local>,
    push_data: Bit<Local>,
    push_trailer: Bit<Local>,
    push_last: Bit<Local>,
    d1_header: BitReg,
    d1_data: BitReg,
    d1_trailer: BitReg,
    d1_last: BitReg,
    d1_set: Reg,
    d1_bank: BitReg,
    d1_shift: Vec<BitReg>,
    d1_raw: Vec<BitReg>,
    late_header: Vec<BitReg>,
    late_data: Vec<BitReg>,
    late_trailer: Vec<BitReg>,
    late_set: Vec<Reg>,
    late_word: Vec<Reg>,
    late_shift: Vec<BitReg>,
    late_raw: Vec<BitReg>,
    // Of the row that the PEs' registers hold.
    row_header: Bit<Local>,
    row_data: Bit<Local>,
    row_trailer: Bit<Local>,
    row_set: Sig<Local>,
    row_kind: Sig<Local>,
    row_shift: Vec<Bit<Local>>,
    row_raw: Vec<Bit<Local>>,
    lates: Param,
    shift_words: Param,
    raw_words: Param,
    late_shift_words: Param,
    late_raw_words: Param,
    bank_read: Bit<Local>,
    words: Vec<Sig<Local>>,
    picked: Vec<Sig<Local>>,
    d1_word: Reg,
    d2_header: BitReg,
    d2_data: BitReg,
    d2_trailer: BitReg,
    d2_word: Reg,
    d2_value: Vec<Reg>,
    packer: OutputPacker,
    sets: Param,
    pes_per_set: Param,
    word_count: Param,
    raw_lanes: Param,
    raw_step: Param,
    raw_beats: Param,
    shift_lanes: Param,
    shift_step: Param,
    shift_beats: Param,
    value_lanes: Param,
    raw_lane_w: Param,
    shift_lane_w: Param,
    raw_w: Param,
    last_set: Param,
    kind_rows: Const,
    kind_trailer: Const,
    shift_mode_at: Param,
    set_at: Param,
    rows_at: Param,
    tag_at: Param,
    pass_at: Param,
    error_at: Param,
    about: About,
}

impl Logic for Drain {
    #[hdl_gen]
    fn update(&mut self) {
        self.enable.next = self.packer.enable.val();

        // Which set.
        for s in 0..self.sets.val() {
            self.turn.request[s].next = self.request[s].val();
        }
        self.turn.served.next = self.served.val();

        // D0: what is addressed in this cycle.
        self.last_beat.next = unsigned_cast((self.pes.val() - 1) >> self.raw_lane_w.val());
        if self.shift_mode.val() {
            self.last_beat.next = unsigned_cast((self.pes.val() - 1) >> self.shift_lane_w.val());
        }
        self.beat_after.next = self.beat.val() + 1;
        self.push_header.next = (self.state.val() == DrainState::Header) && self.enable.val();
        self.push_data.next = (self.state.val() == DrainState::Rows) && self.enable.val();
        self.push_last.next = self.push_data.val() && self.beat_last.val() && self.row_last.val();
        self.push_trailer.next = (self.state.val() == DrainState::Idle)
            && self.trailer.val()
            && !self.turn.found.val()
            && self.enable.val();
        match self.state.val() {
            DrainState::Idle => {
                self.row.next = 0.into();
                self.row_after.next = 1.into();
                self.beat.next = 0.into();
                self.beat_last.next = false;
                if self.turn.found.val() {
                    self.state.next = DrainState::Header;
                    self.served.next = self.turn.set.val();
                    self.set.next = self.turn.set.val();
                    for s in 0..self.sets.val() {
                        if self.turn.set.val() == s {
                            self.bank.next = self.request_bank[s].val();
                            self.rows_m1.next = self.request_rows_m1[s].val();
                            self.pes.next = unsigned_cast(self.request_pes[s].val());
                            self.tag.next = self.request_tag[s].val();
                            self.pass.next = self.request_pass[s].val();
                        }
                    }
                }
            }
            DrainState::Header => {
                if self.enable.val() {
                    self.state.next = DrainState::Rows;
                    self.beat_last.next = !self.last_beat.val().any();
                }
                self.row_last.next = !self.rows_m1.val().any();
            }
            DrainState::Rows => {
                if self.enable.val() {
                    self.beat.next = self.beat_after.val();
                    self.beat_last.next = self.beat_after.val() == self.last_beat.val();
                    if self.beat_last.val() {
                        self.beat.next = 0.into();
                        self.beat_last.next = !self.last_beat.val().any();
                        self.row.next = self.row_after.val();
                        self.row_after.next = self.row_after.val() + 1;
                        self.row_last.next = self.row_after.val() == self.rows_m1.val();
                        if self.row_last.val() {
                            self.state.next = DrainState::Idle;
                        }
                    }
                }
            }
            _ => {}
        }
        // The row that is in D0 in the next cycle; `beat_last` is 0 in the cycle before the first one. While the pipeline stands
        // still the row is read again.
        self.raddr.next = self.row.val();
        if self.packer.steps.val() && self.beat_last.val() {
            self.raddr.next = self.row_after.val();
        }
        self.read_bank.next = self.bank.val();
        self.take.next = self.enable.val();

        // D1: the row is in the PEs' registers.
        if self.enable.val() {
            self.d1_header.next = self.push_header.val();
            self.d1_data.next = self.push_data.val();
            self.d1_trailer.next = self.push_trailer.val();
            self.d1_last.next = self.push_last.val();
            self.d1_set.next = self.set.val();
            self.d1_bank.next = self.bank.val();
            // Which PE's word each lane of the beat takes, if that PE has a filter.
            for b in 0..self.shift_beats.val() {
                for l in 0..self.shift_lanes.val() {
                    self.d1_shift[b * self.shift_step.val() + l].next = self.push_data.val()
                        && self.shift_mode.val()
                        && (self.beat.val() == b)
                        && (self.pes.val() > b * self.shift_step.val() + l);
                }
            }
            for b in 0..self.raw_beats.val() {
                for l in 0..self.raw_lanes.val() {
                    self.d1_raw[b * self.raw_step.val() + l].next = self.push_data.val()
                        && !self.shift_mode.val()
                        && (self.beat.val() == b)
                        && (self.pes.val() > b * self.raw_step.val() + l);
                }
            }
            self.d1_word.next = self.kind_rows.val()
                | (bit_cast_w(self.shift_mode.val(), self.raw_w.val()) << self.shift_mode_at.val())
                | (bit_cast_w(self.set.val(), self.raw_w.val()) << self.set_at.val())
                | (bit_cast_w(self.rows_m1.val(), self.raw_w.val()) << self.rows_at.val())
                | (bit_cast_w(self.tag.val(), self.raw_w.val()) << self.tag_at.val())
                | (bit_cast_w(self.pass.val(), self.raw_w.val()) << self.pass_at.val());
            if self.push_trailer.val() {
                self.d1_word.next = self.kind_trailer.val()
                    | (bit_cast_w(self.trailer_error.val(), self.raw_w.val())
                        << self.error_at.val());
            }
        }
        // What the PEs' registers hold now: that row, or, where a PE has one register more, the one before it.
        self.row_header.next = self.d1_header.val();
        self.row_data.next = self.d1_data.val();
        self.row_trailer.next = self.d1_trailer.val();
        self.row_set.next = self.d1_set.val();
        self.row_kind.next = self.d1_word.val();
        for c in 0..self.shift_words.val() {
            self.row_shift[c].next = self.d1_shift[c].val();
        }
        for c in 0..self.raw_words.val() {
            self.row_raw[c].next = self.d1_raw[c].val();
        }
        for r in 0..self.lates.val() {
            if self.enable.val() {
                self.late_header[r].next = self.d1_header.val();
                self.late_data[r].next = self.d1_data.val();
                self.late_trailer[r].next = self.d1_trailer.val();
                self.late_set[r].next = self.d1_set.val();
                self.late_word[r].next = self.d1_word.val();
            }
            self.row_header.next = self.late_header[r].val();
            self.row_data.next = self.late_data[r].val();
            self.row_trailer.next = self.late_trailer[r].val();
            self.row_set.next = self.late_set[r].val();
            self.row_kind.next = self.late_word[r].val();
        }
        for c in 0..self.late_shift_words.val() {
            if self.enable.val() {
                self.late_shift[c].next = self.d1_shift[c].val();
            }
            self.row_shift[c].next = self.late_shift[c].val();
        }
        for c in 0..self.late_raw_words.val() {
            if self.enable.val() {
                self.late_raw[c].next = self.d1_raw[c].val();
            }
            self.row_raw[c].next = self.late_raw[c].val();
        }
        for c in 0..self.word_count.val() {
            self.words[c].next = 0.into();
        }
        for s in 0..self.sets.val() {
            if self.row_set.val() == s {
                for c in 0..self.pes_per_set.val() {
                    self.words[c].next = self.row_word[s * self.pes_per_set.val() + c].val();
                }
            }
        }

        for l in 0..self.value_lanes.val() {
            self.picked[l].next = 0.into();
        }
        // At most one word a lane: they are masked and joined.
        for b in 0..self.shift_beats.val() {
            for l in 0..self.shift_lanes.val() {
                if self.row_shift[b * self.shift_step.val() + l].val() {
                    self.picked[l].next =
                        self.picked[l].val() | self.words[b * self.shift_step.val() + l].val();
                }
            }
        }
        for b in 0..self.raw_beats.val() {
            for l in 0..self.raw_lanes.val() {
                if self.row_raw[b * self.raw_step.val() + l].val() {
                    self.picked[l].next =
                        self.picked[l].val() | self.words[b * self.raw_step.val() + l].val();
                }
            }
        }

        // D2: the lanes of the beat.
        if self.enable.val() {
            self.d2_header.next = self.row_header.val();
            self.d2_data.next = self.row_data.val();
            self.d2_trailer.next = self.row_trailer.val();
            self.d2_word.next = self.row_kind.val();
            for l in 0..self.value_lanes.val() {
                self.d2_value[l].next = self.picked[l].val();
            }
        }
        self.bank_read.next = self.enable.val() && self.d1_data.val() && self.d1_last.val();
        for s in 0..self.sets.val() {
            self.addressed[s].next = self.push_last.val() && (self.set.val() == s);
            self.bank0_release[s].next =
                self.bank_read.val() && !self.d1_bank.val() && (self.d1_set.val() == s);
            self.bank1_release[s].next =
                self.bank_read.val() && self.d1_bank.val() && (self.d1_set.val() == s);
        }

        // D3 and the output register.
        self.packer.start.next = self.start.val();
        self.packer.abort_job.next = self.abort_job.val();
        self.packer.shift_mode.next = self.shift_mode.val();
        self.packer.shift.next = self.shift.val();
        self.packer.header.next = self.d2_header.val();
        self.packer.data.next = self.d2_data.val();
        self.packer.trailer.next = self.d2_trailer.val();
        self.packer.word.next = self.d2_word.val();
        for l in 0..self.value_lanes.val() {
            self.packer.value[l].next = self.d2_value[l].val();
        }
        self.packer.m_axis_tready.next = self.m_axis_tready.val();

        if self.start.val() {
            self.served.next = self.last_set.val().into();
        }
        if self.stop.val() || self.abort_job.val() {
            self.state.next = DrainState::Idle;
        }
        if self.abort_job.val() {
            self.d1_header.next = false;
            self.d1_data.next = false;
            self.d1_trailer.next = false;
            for r in 0..self.lates.val() {
                self.late_header[r].next = false;
                self.late_data[r].next = false;
                self.late_trailer[r].next = false;
            }
            self.d2_header.next = false;
            self.d2_data.next = false;
            self.d2_trailer.next = false;
        }

        self.idle.next = self.state.val() == DrainState::Idle;
        self.trailer_taken.next = self.push_trailer.val();
        self.saturated.next = self.packer.saturated.val();
        self.max_abs.next = self.packer.max_abs.val();
        self.m_axis_tvalid.next = self.packer.m_axis_tvalid.val();
        self.m_axis_tdata.next = self.packer.m_axis_tdata.val();
        self.m_axis_tlast.next = self.packer.m_axis_tlast.val();
    }
}
