//! Tensor cores: ACRTC, and its dense baseline.

use crate::blocks::acrtc::column::TcColumn;
use crate::blocks::acrtc::control::TcControl;
use crate::blocks::acrtc::dense_rows::{RowBuffer, RowDelay};
use crate::blocks::acrtc::drain::TcDrain;
use crate::blocks::acrtc::lane::TcLane;
use crate::blocks::acrtc::lists::LaneLists;
use crate::blocks::acrtc::loader::TcLoader;
use crate::blocks::acrtc::regs::TcRegs;
use crate::blocks::acrtc::rows::TcRows;
use crate::blocks::acrtc::sequencer::TcSequencer;
use crate::blocks::axi::{AxiLite, StreamIn, StreamOut};
use crate::blocks::crew::adder_tree::AdderTree;
use crate::config::count_width;
use crate::config::tc::{Design, TcConfig};
use crate::hdl::prelude::*;
use crate::regmap::tc::{ADDRESS_BITS, Reg as Csr};

/// A tensor core of E lanes and N columns. `acrtc` multiplies what its lanes' lists hold and adds to the previous row's results;
/// `dense_tc` multiplies every element.
///
/// ```text
///  s_axis ─► loader ─► lists 0 … E-1 ─► lanes 0 … E-1 ─► tree 0 … N-1 ─► columns 0 … N-1 ─► drain ─► m_axis
///  s_axil ─► regs ─► control   ▲ rows    ▲ sequencer: rows, blocks, items
/// ```
///
/// **Latency** `docs/acrtc.md`, "Timing". **Back-pressure** AXI4-Stream on both streams. **Parameters** all keys of a `design = "acrtc"`
/// or `"dense_tc"` configuration.
///
/// `mercury acrtc cosim` runs its Verilog against golden model and cycle model.
#[derive(LogicBlock)]
pub struct TensorCore {
    /// Control and status registers.
    pub axil: AxiLite<In>,
    /// Input stream: weights and rows.
    pub packet: StreamIn<In>,
    /// Output stream: results, then the trailer.
    pub results: StreamOut<Out>,
    regs: TcRegs,
    control: TcControl,
    loader: TcLoader,
    lists: Vec<LaneLists>,
    rows: Vec<TcRows>,
    buffer: Vec<RowBuffer>,
    delay: Vec<RowDelay>,
    sequencer: TcSequencer,
    lane: Vec<TcLane>,
    tree: Vec<AdderTree>,
    column: Vec<TcColumn>,
    drain: TcDrain,
    extends_plain: Bit<Local>,
    extends_delta: Bit<Local>,
    overflow: Bit<Local>,
    working: Sig<Local>,
    listed: Param,
    buffered: Param,
    lanes: Param,
    columns: Param,
    part_of: Vec<Param>,
    slice_at: Vec<Param>,
    load_beat_of: Vec<Param>,
    load_at: Vec<Param>,
    shadows: Param,
    counters: Param,
    compute_busy: Param,
    items: Param,
    rows_plain: Param,
    rows_delta: Param,
    fallback_shorter: Param,
    fallback_range: Param,
    stall_weights: Param,
    stall_input: Param,
    stall_output: Param,
    in_beats: Param,
    out_beats: Param,
    saturations: Param,
    about: About,
}

impl TensorCore {
    /// The core of this configuration.
    pub fn new(config: &TcConfig) -> Self {
        let (lanes, columns) = (config.lanes, config.columns);
        let (listed, buffered) = match config.design {
            Design::Acrtc => (lanes, 0),
            Design::DenseTc => (0, lanes),
        };
        let each_lane = |value: &dyn Fn(usize) -> usize| {
            (0..lanes).map(|e| Param::new(value(e))).collect::<Vec<_>>()
        };
        let (operands, words) = (config.operands(), config.words_per_beat());
        let word_w = columns * config.data_w;
        let text = match config.design {
            Design::Acrtc => {
                "ACRTC: a tensor core that adds to the previous row's result what has changed."
            }
            Design::DenseTc => "Dense tensor core: the baseline of ACRTC.",
        };
        let product_w = 2 * config.data_w;
        TensorCore {
            axil: AxiLite::new(ADDRESS_BITS),
            packet: StreamIn::new(config.bus_w),
            results: StreamOut::new(config.bus_w),
            regs: TcRegs::new(config),
            control: TcControl::new(config),
            loader: TcLoader::new(config),
            lists: (0..listed).map(|_| LaneLists::new(config)).collect(),
            rows: (0..listed.min(1)).map(|_| TcRows::new(config)).collect(),
            buffer: (0..buffered).map(|_| RowBuffer::new(config)).collect(),
            delay: (0..buffered.min(1)).map(|_| RowDelay::new()).collect(),
            sequencer: TcSequencer::new(config),
            lane: (0..lanes).map(|_| TcLane::new(config)).collect(),
            tree: (0..columns)
                .map(|_| AdderTree::new(lanes, product_w))
                .collect(),
            column: (0..columns)
                .map(|_| TcColumn::new(config, product_w + config.tree_levels()))
                .collect(),
            drain: TcDrain::new(config),
            extends_plain: Bit::new(),
            extends_delta: Bit::new(),
            overflow: Bit::new(),
            working: Sig::unsigned(count_width(lanes)),
            listed: Param::new(listed),
            buffered: Param::new(buffered),
            lanes: Param::new(lanes),
            columns: Param::new(columns),
            part_of: each_lane(&|e| e / operands),
            slice_at: each_lane(&|e| e % operands * config.data_w),
            load_beat_of: each_lane(&|e| e / words),
            load_at: each_lane(&|e| e % words * word_w),
            shadows: Param::new(usize::from(config.reuse())),
            counters: Param::new(TcControl::counters()),
            compute_busy: TcControl::place(Csr::ComputeBusy),
            items: TcControl::place(Csr::Items),
            rows_plain: TcControl::place(Csr::RowsPlain),
            rows_delta: TcControl::place(Csr::RowsDelta),
            fallback_shorter: TcControl::place(Csr::FallbackShorter),
            fallback_range: TcControl::place(Csr::FallbackRange),
            stall_weights: TcControl::place(Csr::StallWeights),
            stall_input: TcControl::place(Csr::StallInput),
            stall_output: TcControl::place(Csr::StallOutput),
            in_beats: TcControl::place(Csr::InBeats),
            out_beats: TcControl::place(Csr::OutBeats),
            saturations: TcControl::place(Csr::Saturations),
            about: About::new(config.design.name(), text),
        }
    }
}

impl Logic for TensorCore {
    #[hdl_gen]
    fn update(&mut self) {
        // Registers and streams.
        AxiLite::<In>::join(&mut self.regs.slave.axil, &mut self.axil);
        StreamIn::<In>::join(&mut self.loader.packet.axis, &mut self.packet);
        self.results.m_axis_tvalid.next = self.drain.m_axis_tvalid.val();
        self.results.m_axis_tdata.next = self.drain.m_axis_tdata.val();
        self.results.m_axis_tlast.next = self.drain.m_axis_tlast.val();
        self.drain.m_axis_tready.next = self.results.m_axis_tready.val();

        // Job control and counters.
        self.regs.slave.busy.next = self.control.job.busy.val();
        self.regs.slave.next_busy.next = self.control.job.next_busy.val();
        self.regs.slave.done.next = self.control.job.done.val();
        self.regs.slave.error_code.next = self.control.job.error_code.val();
        for i in 0..self.counters.val() {
            self.regs.slave.statistic[i].next = self.control.statistic[i].val();
        }
        self.regs.slave.statistic[self.counters.val()].next =
            unsigned_cast(self.drain.max_abs.val());
        self.control.job.start.next = self.regs.slave.start.val();
        self.control.job.abort_job.next = self.regs.slave.abort_job.val();
        self.control.job.clear_error.next = self.regs.slave.clear_error.val();
        self.control.job.bad_job.next = self.regs.bad_job.val();
        self.control.job.loader_done.next = self.loader.packet.done.val();
        self.control.job.loader_error.next = self.loader.packet.error.val();
        self.control.job.loader_error_code.next = self.loader.packet.error_code.val();
        self.control.job.range_error.next = self.loader.range_error.val();
        self.control.job.closing.next = self.drain.closing.val();
        self.control.job.out_valid.next = self.drain.m_axis_tvalid.val();
        self.control.job.out_ready.next = self.results.m_axis_tready.val();
        self.control.job.out_last.next = self.drain.m_axis_tlast.val();
        self.control.increment[self.compute_busy.val()].next =
            unsigned_cast(self.sequencer.busy.val());
        self.control.increment[self.items.val()].next = self.working.val();
        self.control.increment[self.rows_plain.val()].next =
            unsigned_cast(self.sequencer.plain_ends.val());
        self.control.increment[self.rows_delta.val()].next =
            unsigned_cast(self.sequencer.delta_ends.val());
        self.control.increment[self.fallback_shorter.val()].next = 0.into();
        self.control.increment[self.fallback_range.val()].next = 0.into();
        self.control.increment[self.stall_weights.val()].next =
            unsigned_cast(self.sequencer.stall_weights.val());
        self.control.increment[self.stall_input.val()].next =
            unsigned_cast(self.sequencer.stall_input.val());
        self.control.increment[self.stall_output.val()].next =
            unsigned_cast(self.sequencer.stall_output.val());
        self.control.increment[self.in_beats.val()].next =
            unsigned_cast(self.loader.packet.accepted.val());
        self.control.increment[self.out_beats.val()].next =
            unsigned_cast(self.drain.m_axis_tvalid.val() && self.results.m_axis_tready.val());
        self.control.increment[self.saturations.val()].next = self.drain.saturated.val();

        // Loader and sequencer.
        self.loader.packet.start.next = self.regs.slave.start.val();
        self.loader.packet.abort_job.next = self.regs.slave.abort_job.val();
        self.loader.packet.flush.next = self.control.job.flush.val();
        self.loader.clear.next = self.control.job.clear.val();
        self.loader.steps.next = self.regs.job.steps.val();
        self.loader.blocks.next = self.regs.job.blocks.val();
        self.loader.rows.next = self.regs.job.rows.val();
        self.loader.row_ends.next = self.sequencer.row_ends.val();
        self.sequencer.clear.next = self.control.job.clear.val();
        self.sequencer.start.next = self.regs.slave.start.val();
        self.sequencer.steps.next = self.regs.job.steps.val();
        self.sequencer.blocks.next = self.regs.job.blocks.val();
        self.sequencer.rows.next = self.regs.job.rows.val();
        self.sequencer.loading.next = self.loader.loading.val();
        self.sequencer.result_left.next = self.drain.result_left.val();

        // ACRTC: lists, and the kind of a row.
        self.extends_plain.next = false;
        self.extends_delta.next = false;
        self.overflow.next = false;
        self.working.next = 0.into();
        for e in 0..self.listed.val() {
            self.lists[e].take.next =
                self.loader.take.val() && (self.loader.part.val() == self.part_of[e].val());
            self.lists[e].element.next =
                signed_cast(self.loader.slice.val() >> self.slice_at[e].val());
            self.lists[e].step.next = self.loader.step.val();
            self.lists[e].bank.next = self.loader.bank.val();
            self.lists[e].level.next = self.regs.job.level.val();
            self.lists[e].keep_zeros.next = self.regs.job.mode.val() == 0;
            self.lists[e].longest_plain.next = self.rows[0].longest_plain.val();
            self.lists[e].longest_delta.next = self.rows[0].longest_delta.val();
            self.lists[e].close.next = self.rows[0].close.val();
            self.lists[e].close_bank.next = self.sequencer.close_bank.val();
            self.lists[e].close_delta.next = self.rows[0].close_delta.val();
            self.lists[e].read_bank.next = self.sequencer.read_bank.val();
            self.lists[e].item.next = self.sequencer.item.val();
            self.lists[e].read_delta.next = self.sequencer.read_delta.val();
            self.lists[e].issue.next = self.sequencer.issue.val();
            self.lane[e].value.next = self.lists[e].value.val();
            self.lane[e].value_step.next = self.lists[e].value_step.val();
            self.working.next = self.working.val() + unsigned_cast(self.lists[e].working.val());
            if self.lists[e].extends_plain.val() {
                self.extends_plain.next = true;
            }
            if self.lists[e].extends_delta.val() {
                self.extends_delta.next = true;
            }
            if self.lists[e].overflow.val() {
                self.overflow.next = true;
            }
        }
        for i in 0..self.shadows.val() {
            self.rows[i].clear.next = self.control.job.clear.val();
            self.rows[i].use_delta.next = self.regs.job.mode.val() == 2;
            self.rows[i].take.next = self.loader.take.val();
            self.rows[i].row_begins.next = self.loader.row_begins.val();
            self.rows[i].row_complete.next = self.loader.row_complete.val();
            self.rows[i].first_row.next = self.loader.first_row.val();
            self.rows[i].extends_plain.next = self.extends_plain.val();
            self.rows[i].extends_delta.next = self.extends_delta.val();
            self.rows[i].overflow.next = self.overflow.val();
            self.sequencer.close.next = self.rows[i].close.val();
            self.sequencer.close_delta.next = self.rows[i].close_delta.val();
            self.sequencer.close_length.next = self.rows[i].close_length.val();
            self.control.increment[self.fallback_shorter.val()].next =
                unsigned_cast(self.rows[i].fallback_shorter.val());
            self.control.increment[self.fallback_range.val()].next =
                unsigned_cast(self.rows[i].fallback_range.val());
        }

        // The dense core: elements as they come.
        for e in 0..self.buffered.val() {
            self.buffer[e].take.next =
                self.loader.take.val() && (self.loader.part.val() == self.part_of[e].val());
            self.buffer[e].element.next =
                signed_cast(self.loader.slice.val() >> self.slice_at[e].val());
            self.buffer[e].step.next = self.loader.step.val();
            self.buffer[e].bank.next = self.loader.bank.val();
            self.buffer[e].read_bank.next = self.sequencer.read_bank.val();
            self.buffer[e].item.next = self.sequencer.item.val();
            self.buffer[e].issue.next = self.sequencer.issue.val();
            self.lane[e].value.next = self.buffer[e].value.val();
            self.lane[e].value_step.next = self.buffer[e].value_step.val();
            self.working.next = self.working.val() + unsigned_cast(self.buffer[e].working.val());
        }
        for i in self.shadows.val()..1 {
            self.delay[i].clear.next = self.control.job.clear.val();
            self.delay[i].take.next = self.loader.take.val();
            self.delay[i].row_complete.next = self.loader.row_complete.val();
            self.sequencer.close.next = self.delay[i].close.val();
            self.sequencer.close_delta.next = false;
            self.sequencer.close_length.next = self.regs.job.steps.val();
        }

        // Multipliers, sums, drain.
        for e in 0..self.lanes.val() {
            self.lane[e].load.next = self.loader.load.val()
                && (self.loader.load_beat.val() == self.load_beat_of[e].val());
            self.lane[e].load_address.next = self.loader.load_address.val();
            self.lane[e].load_data.next =
                unsigned_cast(self.packet.s_axis_tdata.val() >> self.load_at[e].val());
            self.lane[e].base.next = self.sequencer.base.val();
            for c in 0..self.columns.val() {
                self.tree[c].leaf[e].next = self.lane[e].product[c].val();
            }
        }
        for c in 0..self.columns.val() {
            self.column[c].valid.next = self.sequencer.sum_valid.val();
            self.column[c].first.next = self.sequencer.sum_first.val();
            for i in 0..self.shadows.val() {
                self.column[c].block[i].next = self.sequencer.sum_block.val();
            }
            self.column[c].addend.next = self.tree[c].sum.val();
            self.drain.value[c].next = self.column[c].result.val();
        }
        self.drain.clear.next = self.control.job.clear.val();
        self.drain.start.next = self.regs.slave.start.val();
        self.drain.abort_job.next = self.regs.slave.abort_job.val();
        self.drain.shift_mode.next = self.regs.job.shift_mode.val().any();
        self.drain.shift.next = self.regs.job.shift.val();
        self.drain.result.next = self.sequencer.result.val();
        self.drain.result_last.next = self.sequencer.result_last.val();
        self.drain.failed.next = self.control.job.failed.val();
        self.drain.error_code.next = self.control.job.error_code.val();
    }
}
