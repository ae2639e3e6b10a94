//! The queue of results and the output stream.

use crate::blocks::output_packer::{OutputPacker, RAW_W};
use crate::blocks::requantizer::SHIFT_W;
use crate::config::count_width;
use crate::config::tc::{RESULTS, TcConfig};
use crate::hdl::prelude::*;
use crate::regmap::{OUT_TRAILER, OutKind};

/// What the drain sends.
#[derive(Clone, Copy, Debug, PartialEq, LogicState)]
pub enum TcDrainState {
    /// Results, as they come.
    Results,
    /// The trailer.
    Trailer,
    /// Nothing more.
    Ended,
}

/// Queues the results of blocks, sends them raw or requantised, then the trailer; after an error the trailer alone.
///
/// ```text
///  result, value[c] ─► [16 results] ─► part ─► [values of a beat] ─► output packer ─► m_axis
///                           └─► result_left            ▲ trailer
/// ```
///
/// **Latency** a result given in cycle f−1 is in the queue from f; a beat taken in d is at the port from d+3. **Back-pressure** everything
/// but the queue stands still while `m_axis_tvalid` is 1 and `m_axis_tready` is 0; who gives results keeps to 16.
/// **Parameters** `columns`, `bus_w`, `data_w`.
///
/// The test `drain_sends_results_then_trailer` reads it under random back-pressure; `tc_drain` in `tests/acrtc/gates.rs` compares
/// its Verilog with it.
#[derive(LogicBlock)]
pub struct TcDrain {
    /// The queue is emptied.
    pub clear: Bit<In>,
    /// START: everything restarts.
    pub start: Bit<In>,
    /// ABORT: nothing more leaves.
    pub abort_job: Bit<In>,
    /// Job: requantise.
    pub shift_mode: Bit<In>,
    /// Job: distance.
    pub shift: Sig<In>,
    /// `value` holds a result.
    pub result: Bit<In>,
    /// It is the job's last one.
    pub result_last: Bit<In>,
    /// The result of a block.
    pub value: Vec<Sig<In>>,
    /// The job has failed and its packet has been swallowed.
    pub failed: Bit<In>,
    /// Error code of the trailer.
    pub error_code: Sig<In>,
    /// A result leaves the queue.
    pub result_left: Bit<Out>,
    /// The trailer was taken into the pipeline: the job is over when it has left.
    pub closing: Bit<Out>,
    /// Results saturated in this cycle.
    pub saturated: Sig<Out>,
    /// Largest magnitude among the results since START.
    pub max_abs: Sig<Out>,
    /// Output stream.
    pub m_axis_tvalid: Bit<Out>,
    /// Output stream.
    pub m_axis_tready: Bit<In>,
    /// Output stream.
    pub m_axis_tdata: Sig<Out>,
    /// Output stream.
    pub m_axis_tlast: Bit<Out>,
    state: Reg<TcDrainState>,
    queue: Vec<LutRam>,
    lasts: LutRam,
    write_at: Reg,
    read_at: Reg,
    held: Reg,
    part: Reg,
    sends: Bit<Local>,
    leaves: Bit<Local>,
    value_q: Vec<Reg>,
    data_q: BitReg,
    trailer_q: BitReg,
    packer: OutputPacker,
    columns: Param,
    last_part: Param,
    raw_lanes: Param,
    last_part_lanes: Param,
    kind: Const,
    code_at: Param,
    word_w: Param,
    about: About,
}

impl TcDrain {
    /// The drain of this configuration.
    pub fn new(config: &TcConfig) -> Self {
        let (columns, acc) = (config.columns, config.acc_w());
        let parts = config.raw_beats();
        let pointer = || Reg::unsigned(address_width(RESULTS));
        let [kind, code] = &OUT_TRAILER;
        TcDrain {
            clear: Bit::new(),
            start: Bit::new(),
            abort_job: Bit::new(),
            shift_mode: Bit::new(),
            shift: Sig::unsigned(SHIFT_W),
            result: Bit::new(),
            result_last: Bit::new(),
            value: (0..columns).map(|_| Sig::signed(acc)).collect(),
            failed: Bit::new(),
            error_code: Sig::unsigned(8),
            result_left: Bit::new(),
            closing: Bit::new(),
            saturated: Sig::unsigned(count_width(columns)),
            max_abs: Sig::unsigned(acc),
            m_axis_tvalid: Bit::new(),
            m_axis_tready: Bit::new(),
            m_axis_tdata: Sig::unsigned(config.bus_w),
            m_axis_tlast: Bit::new(),
            state: Reg::<TcDrainState>::new(),
            queue: (0..columns).map(|_| LutRam::signed(acc, RESULTS)).collect(),
            lasts: LutRam::unsigned(1, RESULTS),
            write_at: pointer(),
            read_at: pointer(),
            held: Reg::unsigned(count_width(RESULTS)),
            part: Reg::unsigned(address_width(parts)),
            sends: Bit::new(),
            leaves: Bit::new(),
            value_q: (0..columns)
                .map(|_| Reg::signed(acc).without_reset())
                .collect(),
            data_q: BitReg::new(),
            trailer_q: BitReg::new(),
            packer: OutputPacker::sized(columns, config.bus_w, config.data_w, acc, false),
            columns: Param::new(columns),
            last_part: Param::new(parts - 1),
            raw_lanes: Param::new(config.raw_per_beat()),
            last_part_lanes: Param::new(columns - (parts - 1) * config.raw_per_beat()),
            kind: Const::new(Value::unsigned(
                RAW_W,
                kind.place(OutKind::Trailer.code().into()).into(),
            )),
            code_at: Param::new(code.lsb as usize),
            word_w: Param::new(RAW_W),
            about: About::new(
                "tc_drain",
                "Queues the results of blocks and sends them, raw or requantised, then the trailer.",
            ),
        }
    }
}

impl Logic for TcDrain {
    #[hdl_gen]
    fn update(&mut self) {
        // The queue.
        for c in 0..self.columns.val() {
            self.queue[c].write_enable.next = self.result.val();
            self.queue[c].write_address.next = self.write_at.val();
            self.queue[c].write_data.next = self.value[c].val();
            self.queue[c].read_address.next = self.read_at.val();
        }
        self.lasts.write_enable.next = self.result.val();
        self.lasts.write_address.next = self.write_at.val();
        self.lasts.write_data.next = unsigned_cast(self.result_last.val());
        self.lasts.read_address.next = self.read_at.val();
        if self.result.val() {
            self.write_at.next = self.write_at.val() + 1;
        }

        // The beat of this cycle.
        self.sends.next = (self.state.val() == TcDrainState::Results)
            && (self.held.val() != 0)
            && self.packer.enable.val();
        self.leaves.next = self.sends.val()
            && (self.shift_mode.val() || (self.part.val() == self.last_part.val()));
        self.result_left.next = self.leaves.val();
        if self.sends.val() {
            self.part.next = self.part.val() + 1;
        }
        if self.leaves.val() {
            self.part.next = 0.into();
            self.read_at.next = self.read_at.val() + 1;
        }
        if self.result.val() && !self.leaves.val() {
            self.held.next = self.held.val() + 1;
        }
        if self.leaves.val() && !self.result.val() {
            self.held.next = self.held.val() - 1;
        }
        if self.packer.enable.val() {
            self.data_q.next = self.sends.val();
            self.trailer_q.next = self.state.val() == TcDrainState::Trailer;
            for c in 0..self.columns.val() {
                self.value_q[c].next = self.queue[c].read_data.val();
            }
            if !self.shift_mode.val() {
                for p in 1..self.last_part.val() {
                    if self.part.val() == p {
                        for l in 0..self.raw_lanes.val() {
                            self.value_q[l].next =
                                self.queue[p * self.raw_lanes.val() + l].read_data.val();
                        }
                    }
                }
                if self.part.val() == self.last_part.val() {
                    for l in 0..self.raw_lanes.val() {
                        self.value_q[l].next = 0.into();
                    }
                    for l in 0..self.last_part_lanes.val() {
                        self.value_q[l].next = self.queue
                            [self.last_part.val() * self.raw_lanes.val() + l]
                            .read_data
                            .val();
                    }
                }
                for c in self.raw_lanes.val()..self.columns.val() {
                    self.value_q[c].next = 0.into();
                }
            }
        }

        // Results, trailer, nothing.
        self.closing.next = false;
        match self.state.val() {
            TcDrainState::Results => {
                if self.leaves.val() && self.lasts.read_data.val().any() {
                    self.state.next = TcDrainState::Trailer;
                }
                if self.failed.val() {
                    self.state.next = TcDrainState::Trailer;
                }
            }
            TcDrainState::Trailer => {
                if self.packer.enable.val() {
                    self.closing.next = true;
                    self.state.next = TcDrainState::Ended;
                }
            }
            TcDrainState::Ended => {}
        }

        // The packer.
        self.packer.start.next = self.start.val();
        self.packer.abort_job.next = self.abort_job.val();
        self.packer.shift_mode.next = self.shift_mode.val();
        self.packer.shift.next = self.shift.val();
        self.packer.header.next = false;
        self.packer.data.next = self.data_q.val();
        self.packer.trailer.next = self.trailer_q.val();
        self.packer.word.next = self.kind.val()
            | (bit_cast_w(self.error_code.val(), self.word_w.val()) << self.code_at.val());
        for c in 0..self.columns.val() {
            self.packer.value[c].next = 0.into();
            if self.data_q.val() {
                self.packer.value[c].next = self.value_q[c].val();
            }
        }
        self.packer.m_axis_tready.next = self.m_axis_tready.val();
        self.saturated.next = self.packer.saturated.val();
        self.max_abs.next = self.packer.max_abs.val();
        self.m_axis_tvalid.next = self.packer.m_axis_tvalid.val();
        self.m_axis_tdata.next = self.packer.m_axis_tdata.val();
        self.m_axis_tlast.next = self.packer.m_axis_tlast.val();

        if self.clear.val() {
            self.write_at.next = 0.into();
            self.read_at.next = 0.into();
            self.held.next = 0.into();
            self.part.next = 0.into();
        }
        if self.start.val() || self.abort_job.val() {
            self.state.next = TcDrainState::Results;
            self.data_q.next = false;
            self.trailer_q.next = false;
        }
    }
}
