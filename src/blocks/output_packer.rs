//! The last stages of the drain: rounding, the largest magnitude, and the beats of the output stream.

use super::requantizer::{Requantizer, SHIFT_W};
use crate::config::{Config, count_width};
use crate::hdl::prelude::*;

/// Bits of a raw result on the output stream, and of a header or trailer.
pub const RAW_W: usize = 64;

/// Turns the sums of a beat into the beat: requantised, as many as there are lanes, or raw; headers and trailers pass.
///
/// ```text
///  value[l] ─┬─► [requantizer] ─► D3 ─┐
///            ├─► [raw] ─────────► D3 ─┴─► pack ─► [beat] ─► m_axis      (registered: a register in front of [beat])
///  word ─────┼──────────────────► D3 ───────▲
///            └─► [|sum|] ─► [tree] ─► [maximum] ─► max_abs
/// ```
///
/// **Latency** what is there in cycle c leaves from c+2, with `issue = "registered"` c+3, and counts in `max_abs` from c+5 at the latest: before a host can have
/// read that the job is done. **Back-pressure** a beat that comes while the one before it waits for `m_axis_tready` stands aside in a second register; while it
/// does, `enable` is 0, and everything stands still. So `enable` is a register's, whatever the stream does.
/// **Parameters** `pes`, `bus_w`, `data_w`, `acc_w`: lanes and widths; `issue`: the register behind a packed beat.
///
/// The test `drain_sends_every_row_in_order` drives it inside of the drain; `output_packer` in `tests/block_gate.rs`
/// compares its Verilog with it.
#[derive(LogicBlock)]
pub struct OutputPacker {
    /// START: the maximum restarts.
    pub start: Bit<In>,
    /// ABORT: nothing more leaves.
    pub abort_job: Bit<In>,
    /// Job: requantise.
    pub shift_mode: Bit<In>,
    /// Job: distance.
    pub shift: Sig<In>,
    /// `word` is a header.
    pub header: Bit<In>,
    /// `value` holds results.
    pub data: Bit<In>,
    /// `word` is the trailer.
    pub trailer: Bit<In>,
    /// Header or trailer.
    pub word: Sig<In>,
    /// The sums of the beat; 0 in a lane without one, and without `data`.
    pub value: Vec<Sig<In>>,
    /// The inputs are taken in this cycle.
    pub enable: Bit<Out>,
    /// The same of a register of its own, for what is addressed far away.
    pub steps: Bit<Out>,
    /// Results saturated in the beat that was packed in the cycle before.
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
    moves: Bit<Local>,
    d3_header: BitReg,
    d3_data: BitReg,
    d3_trailer: BitReg,
    d3_word: Reg,
    d3_value: Vec<Reg>,
    lane: Vec<Requantizer>,
    lane_shift: Vec<Reg>,
    guard_bit: Reg,
    sticky_mask: Reg,
    saturated_q: Vec<BitReg>,
    magnitude: Vec<Sig<Local>>,
    lane_abs: Vec<Reg>,
    node: Vec<Reg>,
    max: Reg,
    count: Sig<Local>,
    raw_word: Vec<Sig<Local>>,
    raw_bits: Vec<Sig<Local>>,
    raw_wide: Vec<Sig<Local>>,
    lane_word: Vec<Sig<Local>>,
    lane_wide: Vec<Sig<Local>>,
    out_word: Sig<Local>,
    beat: Sig<Local>,
    beat_last: Bit<Local>,
    beat_q: Vec<Reg>,
    arrives_q: Vec<BitReg>,
    last_q: Vec<BitReg>,
    lates: Param,
    leaves: Bit<Local>,
    arrives: Bit<Local>,
    aside: BitReg,
    aside_copy: BitReg,
    aside_last: BitReg,
    aside_data: Reg,
    out_valid: BitReg,
    out_last: BitReg,
    out_data: Reg,
    raw_lanes: Param,
    shift_lanes: Param,
    value_lanes: Param,
    nodes: Param,
    deep_nodes: Param,
    raw_w: Param,
    data_w: Param,
    one: Const,
    about: About,
}

impl OutputPacker {
    /// The packer of this configuration.
    pub fn new(config: &Config) -> Self {
        let late = config.drain_cycles() > config.row_cycles();
        Self::sized(config.pes, config.bus_w, config.data_w, config.acc_w, late)
    }

    /// The packer of rows of `columns` sums of `acc` bits, for beats of `bus` bits and operands of `data` bits; with a register behind
    /// the packed beat if `late`.
    pub fn sized(columns: usize, bus: usize, data: usize, acc: usize, late: bool) -> Self {
        let lates = usize::from(late);
        let (raw_lanes, shift_lanes) = ((bus / RAW_W).min(columns), (bus / data).min(columns));
        let value_lanes = raw_lanes.max(shift_lanes);
        let nodes = (value_lanes - 1).min(REGISTERED_NODES);
        let count_w = count_width(columns);
        OutputPacker {
            start: Bit::new(),
            abort_job: Bit::new(),
            shift_mode: Bit::new(),
            shift: Sig::unsigned(SHIFT_W),
            header: Bit::new(),
            data: Bit::new(),
            trailer: Bit::new(),
            word: Sig::unsigned(RAW_W),
            value: (0..value_lanes).map(|_| Sig::signed(acc)).collect(),
            enable: Bit::new(),
            steps: Bit::new(),
            saturated: Sig::unsigned(count_w),
            max_abs: Sig::unsigned(acc),
            m_axis_tvalid: Bit::new(),
            m_axis_tready: Bit::new(),
            m_axis_tdata: Sig::unsigned(bus),
            m_axis_tlast: Bit::new(),
            moves: Bit::new(),
            d3_header: BitReg::new(),
            d3_data: BitReg::new(),
            d3_trailer: BitReg::new(),
            d3_word: Reg::unsigned(RAW_W).without_reset(),
            d3_value: (0..raw_lanes)
                .map(|_| Reg::signed(acc).without_reset())
                .collect(),
            lane: (0..shift_lanes)
                .map(|_| Requantizer::sized(acc, data))
                .collect(),
            lane_shift: (0..shift_lanes)
                .map(|_| Reg::unsigned(SHIFT_W).without_reset().kept())
                .collect(),
            guard_bit: Reg::unsigned(acc).without_reset(),
            sticky_mask: Reg::unsigned(acc).without_reset(),
            saturated_q: (0..shift_lanes).map(|_| BitReg::new()).collect(),
            magnitude: (0..2 * value_lanes - 1)
                .map(|_| Sig::unsigned(acc))
                .collect(),
            lane_abs: (0..value_lanes).map(|_| Reg::unsigned(acc)).collect(),
            node: (0..nodes).map(|_| Reg::unsigned(acc)).collect(),
            max: Reg::unsigned(acc),
            count: Sig::unsigned(count_w),
            raw_word: (0..raw_lanes).map(|_| Sig::signed(RAW_W)).collect(),
            raw_bits: (0..raw_lanes).map(|_| Sig::unsigned(RAW_W)).collect(),
            raw_wide: (0..raw_lanes).map(|_| Sig::unsigned(bus)).collect(),
            lane_word: (0..shift_lanes).map(|_| Sig::unsigned(data)).collect(),
            lane_wide: (0..shift_lanes).map(|_| Sig::unsigned(bus)).collect(),
            out_word: Sig::unsigned(bus),
            beat: Sig::unsigned(bus),
            beat_last: Bit::new(),
            beat_q: (0..lates)
                .map(|_| Reg::unsigned(bus).without_reset())
                .collect(),
            arrives_q: (0..lates).map(|_| BitReg::new()).collect(),
            last_q: (0..lates).map(|_| BitReg::new()).collect(),
            lates: Param::new(lates),
            leaves: Bit::new(),
            arrives: Bit::new(),
            aside: BitReg::new(),
            aside_copy: BitReg::new().kept(),
            aside_last: BitReg::new(),
            aside_data: Reg::unsigned(bus).without_reset(),
            out_valid: BitReg::new(),
            out_last: BitReg::new(),
            out_data: Reg::unsigned(bus).without_reset(),
            raw_lanes: Param::new(raw_lanes),
            shift_lanes: Param::new(shift_lanes),
            value_lanes: Param::new(value_lanes),
            nodes: Param::new(nodes),
            deep_nodes: Param::new(value_lanes - 1 - nodes),
            raw_w: Param::new(RAW_W),
            data_w: Param::new(data),
            one: Const::new(Value::unsigned(acc, 1)),
            about: About::new(
                "output_packer",
                "Last stages of the drain: rounds sums or leaves them raw, keeps the largest magnitude, and packs the \
                 beats of the output stream.",
            ),
        }
    }
}

/// Nodes of the magnitudes' tree that are registers: three levels.
const REGISTERED_NODES: usize = 7;

/// Raw results of a beat.
pub fn raw_lanes(config: &Config) -> usize {
    (config.bus_w / RAW_W).min(config.pes)
}

/// Requantised results of a beat.
pub fn shift_lanes(config: &Config) -> usize {
    config.lanes().min(config.pes)
}

/// Results of a beat, raw or requantised.
pub fn value_lanes(config: &Config) -> usize {
    raw_lanes(config).max(shift_lanes(config))
}

impl Logic for OutputPacker {
    #[hdl_gen]
    fn update(&mut self) {
        self.moves.next = !self.aside.val();
        self.enable.next = self.moves.val();
        self.steps.next = !self.aside_copy.val();

        // D3: rounding. Distance, one for each lane beside it, and mask are constants of the job, whose registers are written cycles
        // before its first sum.
        self.guard_bit.next = self.one.val();
        if self.shift.val() != 0 {
            self.guard_bit.next = self.one.val() << (self.shift.val() - 1);
        }
        self.sticky_mask.next = self.guard_bit.val() - 1;
        for l in 0..self.shift_lanes.val() {
            self.lane[l].enable.next = self.moves.val();
            self.lane[l].value.next = self.value[l].val();
            self.lane_shift[l].next = self.shift.val();
            self.lane[l].shift.next = self.lane_shift[l].val();
            self.lane[l].sticky_mask.next = self.sticky_mask.val();
        }
        // The largest magnitude, which nobody waits for: of each lane, then a tree whose leaves are the lanes, then of the job.
        // The node n lies above 2n+1 and 2n+2; those next to the root are registers.
        for l in 0..self.value_lanes.val() {
            self.magnitude[self.value_lanes.val() - 1 + l].next = self.lane_abs[l].val();
            self.lane_abs[l].next = unsigned_cast(self.value[l].val());
            if self.value[l].val() < 0 {
                self.lane_abs[l].next = unsigned_cast(-self.value[l].val());
            }
        }
        for n in 0..self.nodes.val() {
            self.magnitude[n].next = self.node[n].val();
        }
        for n in 0..self.deep_nodes.val() {
            self.magnitude[self.value_lanes.val() - 2 - n].next =
                self.magnitude[2 * (self.value_lanes.val() - 2 - n) + 1].val();
            if self.magnitude[2 * (self.value_lanes.val() - 2 - n) + 1].val()
                < self.magnitude[2 * (self.value_lanes.val() - 2 - n) + 2].val()
            {
                self.magnitude[self.value_lanes.val() - 2 - n].next =
                    self.magnitude[2 * (self.value_lanes.val() - 2 - n) + 2].val();
            }
        }
        for n in 0..self.nodes.val() {
            self.node[n].next = self.magnitude[2 * n + 1].val();
            if self.magnitude[2 * n + 1].val() < self.magnitude[2 * n + 2].val() {
                self.node[n].next = self.magnitude[2 * n + 2].val();
            }
        }
        if self.moves.val() {
            self.d3_header.next = self.header.val();
            self.d3_data.next = self.data.val();
            self.d3_trailer.next = self.trailer.val();
            self.d3_word.next = self.word.val();
            for l in 0..self.raw_lanes.val() {
                self.d3_value[l].next = self.value[l].val();
            }
        }
        if self.max.val() < self.magnitude[0].val() {
            self.max.next = self.magnitude[0].val();
        }

        // Output register.
        for l in 0..self.raw_lanes.val() {
            self.raw_word[l].next = signed_cast(self.d3_value[l].val());
            self.raw_bits[l].next = unsigned_cast(self.raw_word[l].val());
            self.raw_wide[l].next = unsigned_cast(self.raw_bits[l].val());
        }
        for l in 0..self.shift_lanes.val() {
            self.lane_word[l].next = unsigned_cast(self.lane[l].operand.val());
            self.lane_wide[l].next = unsigned_cast(self.lane_word[l].val());
        }
        self.out_word.next = 0.into();
        if self.d3_data.val() && self.shift_mode.val() {
            for l in 0..self.shift_lanes.val() {
                self.out_word.next =
                    self.out_word.val() | (self.lane_wide[l].val() << (l * self.data_w.val()));
            }
        }
        if self.d3_data.val() && !self.shift_mode.val() {
            for l in 0..self.raw_lanes.val() {
                self.out_word.next =
                    self.out_word.val() | (self.raw_wide[l].val() << (l * self.raw_w.val()));
            }
        }
        if self.d3_header.val() || self.d3_trailer.val() {
            self.out_word.next = unsigned_cast(self.d3_word.val());
        }
        self.arrives.next = self.d3_header.val() || self.d3_data.val() || self.d3_trailer.val();
        self.beat.next = self.out_word.val();
        self.beat_last.next = self.d3_trailer.val();
        for r in 0..self.lates.val() {
            if self.moves.val() {
                self.beat_q[r].next = self.out_word.val();
                self.arrives_q[r].next =
                    self.d3_header.val() || self.d3_data.val() || self.d3_trailer.val();
                self.last_q[r].next = self.d3_trailer.val();
            }
            self.arrives.next = self.arrives_q[r].val();
            self.beat.next = self.beat_q[r].val();
            self.beat_last.next = self.last_q[r].val();
        }
        self.count.next = 0.into();
        for l in 0..self.shift_lanes.val() {
            self.saturated_q[l].next = self.moves.val()
                && self.d3_data.val()
                && self.shift_mode.val()
                && self.lane[l].saturated.val();
            if self.saturated_q[l].val() {
                self.count.next = self.count.val() + 1;
            }
        }
        self.leaves.next = !self.out_valid.val() || self.m_axis_tready.val();
        if self.leaves.val() {
            self.out_valid.next = self.aside.val() || self.arrives.val();
            self.out_last.next = self.beat_last.val();
            self.out_data.next = self.beat.val();
            if self.aside.val() {
                self.out_last.next = self.aside_last.val();
                self.out_data.next = self.aside_data.val();
            }
            self.aside.next = false;
            self.aside_copy.next = false;
        } else if self.arrives.val() {
            self.aside.next = true;
            self.aside_copy.next = true;
        }
        if self.moves.val() {
            self.aside_last.next = self.beat_last.val();
            self.aside_data.next = self.beat.val();
        }

        if self.start.val() {
            self.max.next = 0.into();
            for n in 0..self.nodes.val() {
                self.node[n].next = 0.into();
            }
            for l in 0..self.value_lanes.val() {
                self.lane_abs[l].next = 0.into();
            }
        }
        if self.abort_job.val() {
            self.d3_header.next = false;
            self.d3_data.next = false;
            self.d3_trailer.next = false;
            for r in 0..self.lates.val() {
                self.arrives_q[r].next = false;
            }
            self.out_valid.next = false;
            self.aside.next = false;
            self.aside_copy.next = false;
        }

        self.saturated.next = self.count.val();
        self.max_abs.next = self.max.val();
        self.m_axis_tvalid.next = self.out_valid.val();
        self.m_axis_tdata.next = self.out_data.val();
        self.m_axis_tlast.next = self.out_last.val();
    }
}
