//! Sends the sums and the trailer.

use super::COUNT_W;
use crate::config::fc::{ACC_W, FcConfig};
use crate::hdl::prelude::*;
use crate::regmap::{OUT_TRAILER, OutKind};

/// What the drain does in a cycle.
#[derive(Clone, Copy, Debug, PartialEq, LogicState)]
pub enum DrainState {
    /// Waits for the end of the sums, or of a failed job.
    Idle,
    /// Addresses rows.
    Rows,
    /// Sends the trailer.
    Trailer,
}

/// After the last addition reads all rows of sums, then sends the trailer; after an error the trailer alone.
///
/// ```text
///  finished ─► Rows: row, part ─► [RAM of each column] ─► part of the row ─► [beat] ─► m_axis
///  failed ───► Trailer ────────────────────────────────────────────────────┘
/// ```
///
/// **Latency** a row addressed in cycle d is at the port from d+2. **Back-pressure** everything stands still while
/// `m_axis_tvalid` is 1 and `m_axis_tready` is 0. **Parameters** `lanes`, `bus_w`, `psum_rows`.
///
/// The test `drain_sends_rows_then_trailer` reads it under random back-pressure; `drain` in `tests/crew/gates.rs` compares
/// its Verilog with it.
#[derive(LogicBlock)]
pub struct Drain {
    /// Everything restarts; what is offered is dropped.
    pub clear: Bit<In>,
    /// The last sum is stored.
    pub finished: Bit<In>,
    /// The job has failed and its packet has been swallowed.
    pub failed: Bit<In>,
    /// Error code of the trailer.
    pub error_code: Sig<In>,
    /// Rows to send, at least 1.
    pub rows: Sig<In>,
    /// The drain reads the sums.
    pub reading: Bit<Out>,
    /// The pipeline moves.
    pub enable: Bit<Out>,
    /// Row to read.
    pub row: Sig<Out>,
    /// The columns' words, one cycle after their row.
    pub word: Vec<Sig<In>>,
    /// The trailer was taken into the pipeline: the job is over when it has left.
    pub closing: Bit<Out>,
    /// Output stream.
    pub m_axis_tvalid: Bit<Out>,
    /// Output stream.
    pub m_axis_tready: Bit<In>,
    /// Output stream.
    pub m_axis_tdata: Sig<Out>,
    /// Output stream.
    pub m_axis_tlast: Bit<Out>,
    state: Reg<DrainState>,
    moves: Bit<Local>,
    row_at: Reg,
    part: Reg,
    data_q: BitReg,
    part_q: Reg,
    trailer_q: BitReg,
    words: Sig<Local>,
    wide: Vec<Sig<Local>>,
    chosen: Sig<Local>,
    out_valid: BitReg,
    out_last: BitReg,
    out_data: Reg,
    lanes: Param,
    parts: Param,
    word_w: Param,
    bus_w: Param,
    kind: Const,
    code_at: Param,
    about: About,
}

impl Drain {
    /// The drain of this configuration.
    pub fn new(config: &FcConfig) -> Self {
        let row_w = address_width(config.psum_rows);
        let parts = config.beats_per_row();
        let part_w = address_width(parts);
        let words_w = (ACC_W * config.lanes).max(config.bus_w);
        let [kind, code] = &OUT_TRAILER;
        Drain {
            clear: Bit::new(),
            finished: Bit::new(),
            failed: Bit::new(),
            error_code: Sig::unsigned(8),
            rows: Sig::unsigned(COUNT_W),
            reading: Bit::new(),
            enable: Bit::new(),
            row: Sig::unsigned(row_w),
            word: (0..config.lanes).map(|_| Sig::unsigned(ACC_W)).collect(),
            closing: Bit::new(),
            m_axis_tvalid: Bit::new(),
            m_axis_tready: Bit::new(),
            m_axis_tdata: Sig::unsigned(config.bus_w),
            m_axis_tlast: Bit::new(),
            state: Reg::<DrainState>::new(),
            moves: Bit::new(),
            row_at: Reg::unsigned(COUNT_W),
            part: Reg::unsigned(part_w),
            data_q: BitReg::new(),
            part_q: Reg::unsigned(part_w),
            trailer_q: BitReg::new(),
            words: Sig::unsigned(words_w),
            wide: (0..config.lanes).map(|_| Sig::unsigned(words_w)).collect(),
            chosen: Sig::unsigned(config.bus_w),
            out_valid: BitReg::new(),
            out_last: BitReg::new(),
            out_data: Reg::unsigned(config.bus_w).without_reset(),
            lanes: Param::new(config.lanes),
            parts: Param::new(parts),
            word_w: Param::new(ACC_W),
            bus_w: Param::new(config.bus_w),
            kind: Const::new(Value::unsigned(
                config.bus_w,
                kind.place(OutKind::Trailer.code().into()).into(),
            )),
            code_at: Param::new(code.lsb as usize),
            about: About::new(
                "fc_drain",
                "Reads all rows of sums after the last addition and sends them, then the trailer.",
            ),
        }
    }
}

impl Logic for Drain {
    #[hdl_gen]
    fn update(&mut self) {
        self.moves.next = !self.out_valid.val() || self.m_axis_tready.val();
        self.enable.next = self.moves.val();
        self.row.next = unsigned_cast(self.row_at.val());
        self.reading.next = false;
        self.closing.next = false;

        // Addresses.
        match self.state.val() {
            DrainState::Idle => {
                self.row_at.next = 0.into();
                self.part.next = 0.into();
                if self.finished.val() {
                    self.state.next = DrainState::Rows;
                }
                if self.failed.val() {
                    self.state.next = DrainState::Trailer;
                }
            }
            DrainState::Rows => {
                self.reading.next = true;
                if self.moves.val() {
                    self.part.next = self.part.val() + 1;
                    if self.part.val() == self.parts.val() - 1 {
                        self.part.next = 0.into();
                        self.row_at.next = self.row_at.val() + 1;
                        if self.row_at.val() + 1 == self.rows.val() {
                            self.state.next = DrainState::Trailer;
                        }
                    }
                }
            }
            DrainState::Trailer => {
                // The last row may still be held by the RAM.
                self.reading.next = true;
                if self.moves.val() {
                    self.closing.next = true;
                    self.state.next = DrainState::Idle;
                }
            }
        }

        // The beat.
        self.words.next = 0.into();
        for l in 0..self.lanes.val() {
            self.wide[l].next = unsigned_cast(self.word[l].val());
            self.words.next = self.words.val() | (self.wide[l].val() << (l * self.word_w.val()));
        }
        self.chosen.next = unsigned_cast(self.words.val());
        for i in 1..self.parts.val() {
            if self.part_q.val() == i {
                self.chosen.next = unsigned_cast(self.words.val() >> (i * self.bus_w.val()));
            }
        }
        if self.moves.val() {
            self.data_q.next = self.state.val() == DrainState::Rows;
            self.part_q.next = self.part.val();
            self.trailer_q.next = self.state.val() == DrainState::Trailer;
            self.out_valid.next = self.data_q.val() || self.trailer_q.val();
            self.out_last.next = self.trailer_q.val();
            self.out_data.next = self.chosen.val();
            if self.trailer_q.val() {
                self.out_data.next = self.kind.val()
                    | (bit_cast_w(self.error_code.val(), self.bus_w.val()) << self.code_at.val());
            }
        }
        if self.clear.val() {
            self.state.next = DrainState::Idle;
            self.data_q.next = false;
            self.trailer_q.next = false;
            self.out_valid.next = false;
        }
        self.m_axis_tvalid.next = self.out_valid.val();
        self.m_axis_tlast.next = self.out_last.val();
        self.m_axis_tdata.next = self.out_data.val();
    }
}
