//! The MERCURY accelerator: CSRs, loader, PE sets, drain, job control.

use crate::blocks::axi::{AxiLite, StreamIn, StreamOut};
use crate::blocks::axil_regs::AxilRegs;
use crate::blocks::detector::Detector;
use crate::blocks::drain::Drain;
use crate::blocks::job_control::JobControl;
use crate::blocks::job_fields::{LoopCounts, PatchSteps, ReuseJob};
use crate::blocks::loader::Loader;
use crate::blocks::pe_set::PeSet;
use crate::config::Config;
use crate::hdl::bundle;
use crate::hdl::prelude::*;
use crate::regmap::{ADDRESS_BITS, Access, REGISTERS};

bundle! {
    /// Hitmap records: detector d has bit d of `valid` and `first`, and number d, counted from bit 0, of the others.
    pub struct Trace(config: &Config) {
        /// There is a record in this cycle.
        valid: config.detectors,
        /// Its PE set.
        set: config.detectors * config.set_w(),
        /// Its state: 0 ZERO, 1 HIT, 2 MAU, 3 MNU.
        state: config.detectors * 2,
        /// Its entry.
        entry: config.detectors * config.mcache.entry_w(),
        /// Its signature.
        signature: config.detectors * config.sig_w,
        /// It is the first of its group.
        first: config.detectors,
    }
}

/// The accelerator: S sets of C processing elements behind AXI4-Lite and two AXI4-Streams.
///
/// ```text
///  s_axil ──► axil_regs ──► job fields ─────────────┐
///                 │  ▲                              ▼
///                 ▼  └─────────── job_control ◄── pe_set 0 … S-1 ──► drain ──► m_axis
///  s_axis ──► loader ─────────── beats ────────────►┘
/// ```
///
/// **Latency** and order: `docs/architecture.md`. **Back-pressure** AXI ready/valid on every port; nothing waits without
/// a bound except for the host, and the host can ABORT. **Parameters** every legal [`Config`]; the module is called
/// [`Config::top`].
///
/// `mercury cosim --preset tiny` runs random jobs on it; the test `design_prints_and_passes_the_checks` elaborates it.
#[derive(LogicBlock)]
pub struct Mercury {
    /// Control and status registers.
    pub axil: AxiLite<In>,
    /// Input stream: segments.
    pub packet: StreamIn<In>,
    /// Output stream: results, then the trailer.
    pub results: StreamOut<Out>,
    /// Hitmap records for co-simulation: an option, so at most one.
    pub trace: Vec<Trace<Out>>,
    regs: AxilRegs,
    control: JobControl,
    loader: Loader,
    set: Vec<PeSet>,
    drain: Drain,
    detector: Vec<Detector>,
    for_detector: Vec<Bit<Local>>,
    program_data: Sig<Local>,
    trace_set: Vec<Sig<Local>>,
    trace_state: Vec<Sig<Local>>,
    trace_entry: Vec<Sig<Local>>,
    trace_signature: Vec<Sig<Local>>,
    detectors: Param,
    served: Param,
    lanes: Param,
    traces: Param,
    set_w: Param,
    entry_w: Param,
    sig_w: Param,
    sets: Param,
    pes: Param,
    statistics: Param,
    about: About,
}

impl Mercury {
    /// The accelerator of this configuration.
    pub fn new(config: &Config) -> Self {
        let statistics = REGISTERS
            .iter()
            .filter(|r| r.access == Access::Statistic)
            .count();
        let detectors = if config.reuse { config.detectors } else { 0 };
        let traces = usize::from(config.reuse && config.trace);
        // A record's field in the width of all detectors' fields, before it is shifted to its place.
        let place = |width: usize| -> Vec<Sig<Local>> {
            (0..traces * detectors)
                .map(|_| Sig::unsigned(width * detectors))
                .collect()
        };
        Mercury {
            axil: AxiLite::new(ADDRESS_BITS),
            packet: StreamIn::new(config.bus_w),
            results: StreamOut::new(config.bus_w),
            trace: (0..traces).map(|_| Trace::new(config)).collect(),
            regs: AxilRegs::new(config),
            control: JobControl::new(config),
            loader: Loader::new(config),
            set: (0..config.sets).map(|_| PeSet::new(config)).collect(),
            drain: Drain::new(config),
            detector: (0..detectors).map(|_| Detector::new(config)).collect(),
            for_detector: (0..detectors).map(|_| Bit::new()).collect(),
            program_data: Sig::unsigned(64),
            trace_set: place(config.set_w()),
            trace_state: place(2),
            trace_entry: place(config.mcache.entry_w()),
            trace_signature: place(config.sig_w),
            detectors: Param::new(detectors),
            served: Param::new(config.sets_per_detector()),
            lanes: Param::new(config.l),
            traces: Param::new(traces),
            set_w: Param::new(config.set_w()),
            entry_w: Param::new(config.mcache.entry_w()),
            sig_w: Param::new(config.sig_w),
            sets: Param::new(config.sets),
            pes: Param::new(config.pes),
            statistics: Param::new(statistics),
            about: About::new(
                config.top(),
                "DNN-training accelerator: PE sets behind AXI4-Lite registers and two AXI4-Streams.",
            ),
        }
    }
}

impl Logic for Mercury {
    #[hdl_gen]
    fn update(&mut self) {
        // Registers.
        AxiLite::<In>::join(&mut self.regs.slave.axil, &mut self.axil);
        self.regs.slave.busy.next = self.control.busy.val();
        self.regs.slave.next_busy.next = self.control.next_busy.val();
        self.regs.slave.done.next = self.control.done.val();
        self.regs.slave.error_code.next = self.control.error_code.val();
        for i in 0..self.statistics.val() {
            self.regs.slave.statistic[i].next = self.control.statistic[i].val();
        }

        // Job control.
        self.control.start.next = self.regs.slave.start.val();
        self.control.abort_job.next = self.regs.slave.abort_job.val();
        self.control.clear_error.next = self.regs.slave.clear_error.val();
        self.control.bad_job.next = self.regs.bad_job.val();
        self.control.loader_done.next = self.loader.done.val();
        self.control.loader_error.next = self.loader.error.val();
        self.control.loader_error_code.next = self.loader.error_code.val();
        self.control.loader_accepted.next = self.loader.accepted.val();
        self.control.loader_waits.next = self.loader.waits_for_host.val();
        self.control.drain_idle.next = self.drain.idle.val();
        self.control.trailer_taken.next = self.drain.trailer_taken.val();
        self.control.saturated.next = self.drain.saturated.val();
        self.control.max_abs.next = self.drain.max_abs.val();
        self.control.out_valid.next = self.drain.m_axis_tvalid.val();
        self.control.out_ready.next = self.results.m_axis_tready.val();
        self.control.out_last.next = self.drain.m_axis_tlast.val();

        // Loader.
        self.loader.start.next = self.control.start_now.val();
        self.loader.abort_job.next = self.control.abort_now.val();
        self.loader.flush.next = self.control.flush.val();
        self.loader.wgrad.next = self.regs.wgrad.val();
        self.loader.slot_beats.next = self.regs.slot_beats.val();
        self.loader.s_axis_tvalid.next = self.packet.s_axis_tvalid.val();
        self.loader.s_axis_tdata.next = self.packet.s_axis_tdata.val();
        self.loader.s_axis_tlast.next = self.packet.s_axis_tlast.val();
        self.packet.s_axis_tready.next = self.loader.s_axis_tready.val();

        // Drain.
        self.drain.start.next = self.control.start_now.val();
        self.drain.abort_job.next = self.control.abort_now.val();
        self.drain.stop.next = self.control.stop_drain.val();
        self.drain.shift_mode.next = self.regs.shift_mode.val();
        self.drain.shift.next = self.regs.shift.val();
        self.drain.trailer.next = self.control.trailer.val();
        self.drain.trailer_error.next = self.control.error_code.val();
        self.drain.m_axis_tready.next = self.results.m_axis_tready.val();
        self.results.m_axis_tvalid.next = self.drain.m_axis_tvalid.val();
        self.results.m_axis_tdata.next = self.drain.m_axis_tdata.val();
        self.results.m_axis_tlast.next = self.drain.m_axis_tlast.val();

        // PE sets.
        for s in 0..self.sets.val() {
            self.set[s].clear.next = self.control.clear_sets.val();
            self.set[s].reset_banks.next = self.control.reset_banks.val();
            self.set[s].wgrad.next = self.regs.wgrad.val();
            self.set[s].stream_features.next = self.regs.stream_features.val();
            LoopCounts::<In>::join(&mut self.set[s].counts, &mut self.regs.counts);
            PatchSteps::<In>::join(&mut self.set[s].steps, &mut self.regs.steps);
            ReuseJob::<In>::join(&mut self.set[s].job, &mut self.regs.reuse);
            self.set[s].slot_beats.next = self.regs.slot_beats.val();
            self.set[s].ring_slots.next = self.regs.ring_slots.val();
            self.set[s].load_selected.next = self.loader.load_selected[s].val();
            self.set[s].load_tile.next = self.loader.load_tile.val();
            self.set[s].load_features.next = self.loader.load_features.val();
            self.set[s].load_weights.next = self.loader.load_weights.val();
            self.set[s].load_operand.next = self.loader.load_operand.val();
            self.set[s].load_reads.next = self.loader.load_reads.val();
            self.set[s].load_last.next = self.loader.load_last.val();
            self.set[s].load_bank.next = self.loader.load_bank.val();
            self.set[s].load_beat.next = self.loader.load_beat.val();
            self.set[s].load_row.next = self.loader.load_row.val();
            self.set[s].load_row_beat.next = self.loader.load_row_beat.val();
            self.set[s].slot_loaded.next = self.loader.slot_loaded[s].val();
            self.set[s].weight_row_written.next = self.loader.weight_row_written[s].val();
            self.set[s].weights_loaded.next = self.loader.weights_loaded[s].val();
            self.set[s].operand_loaded.next = self.loader.operand_loaded[s].val();
            self.set[s].load_data.next = self.loader.load_data.val();
            self.set[s].weight_row_accepted.next = self.loader.weight_row_accepted[s].val();
            self.loader.room_tile[s].next = self.set[s].room_tile.val();
            self.loader.room_features[s].next = self.set[s].room_features.val();
            self.loader.room_weights[s].next = self.set[s].room_weights.val();
            self.loader.room_operand[s].next = self.set[s].room_operand.val();
            self.loader.room_program[s].next = self.set[s].room_program.val();
            self.set[s].drain_raddr.next = self.drain.raddr.val();
            self.set[s].drain_read_bank.next = self.drain.read_bank.val();
            self.set[s].drain_take.next = self.drain.take.val();
            self.set[s].drain_addressed.next = self.drain.addressed[s].val();
            self.set[s].bank0_release.next = self.drain.bank0_release[s].val();
            self.set[s].bank1_release.next = self.drain.bank1_release[s].val();
            self.drain.request[s].next = self.set[s].drain_request.val();
            self.drain.request_bank[s].next = self.set[s].drain_bank.val();
            self.drain.request_rows_m1[s].next = self.set[s].drain_rows_m1.val();
            self.drain.request_pes[s].next = self.set[s].drain_pes.val();
            self.drain.request_tag[s].next = self.set[s].drain_tag.val();
            self.drain.request_pass[s].next = self.set[s].drain_pass.val();
            for c in 0..self.pes.val() {
                self.drain.row_word[s * self.pes.val() + c].next = self.set[s].drain_row[c].val();
            }
            self.control.idle[s].next = self.set[s].idle.val();
            self.control.issue[s].next = self.set[s].issue.val();
            self.control.mac[s].next = self.set[s].mac.val();
            self.control.stall_detect[s].next = self.set[s].stall_detect.val();
            self.control.pes_now[s].next = self.set[s].pes_now.val();
            self.control.stall_features[s].next = self.set[s].stall_features.val();
            self.control.stall_weights[s].next = self.set[s].stall_weights.val();
            self.control.stall_operand[s].next = self.set[s].stall_operand.val();
            self.control.stall_bank[s].next = self.set[s].stall_bank.val();
            self.control.range_error[s].next = self.set[s].range_error.val();
        }

        // Detectors: each serves `served` sets.
        self.program_data.next = unsigned_cast(self.loader.load_data.val());
        for d in 0..self.detectors.val() {
            self.for_detector[d].next = false;
            for i in 0..self.served.val() {
                if self.loader.load_selected[d * self.served.val() + i].val() {
                    self.for_detector[d].next = true;
                }
            }
            self.detector[d].clear.next = self.control.clear_sets.val();
            self.detector[d].reuse.next = self.regs.reuse.reuse.val();
            self.detector[d].projections.next = self.regs.reuse.projections.val();
            self.detector[d].sig_bits.next = self.regs.reuse.sig_bits.val();
            self.detector[d].sig_shift.next = self.regs.reuse.sig_shift.val();
            self.detector[d].zero_skip.next = self.regs.reuse.zero_skip.val().any();
            self.detector[d].x_step.next = self.regs.steps.x_step.val();
            self.detector[d].y_addr.next = self.regs.steps.y_addr.val();
            self.detector[d].y_row.next = self.regs.steps.y_row.val();
            self.detector[d].y_bank.next = self.regs.steps.y_bank.val();
            self.detector[d].img_addr.next = self.regs.steps.img_addr.val();
            self.detector[d].wrap_addr.next = self.regs.steps.wrap_addr.val();
            self.detector[d].load_reads.next =
                self.for_detector[d].val() && self.loader.load_reads.val();
            self.detector[d].load_matrix.next =
                self.for_detector[d].val() && self.loader.load_matrix.val();
            self.detector[d].load_offsets.next =
                self.for_detector[d].val() && self.loader.load_offsets.val();
            self.detector[d].load_index.next = self.loader.load_index.val();
            self.detector[d].load_data.next = self.program_data.val();
            self.control.detect_busy[d].next = self.detector[d].busy.val();
            self.control.detected[d].next = self.detector[d].record_valid.val();
            self.control.detected_state[d].next = self.detector[d].record_state.val();
            self.control.detect_range_error[d].next = self.detector[d].range_error.val();
            for i in 0..self.served.val() {
                self.detector[d].request[i].next =
                    self.set[d * self.served.val() + i].det_request[0].val();
                self.detector[d].images[i].next =
                    self.set[d * self.served.val() + i].det_images[0].val();
                self.detector[d].rows[i].next =
                    self.set[d * self.served.val() + i].det_rows[0].val();
                self.detector[d].cols[i].next =
                    self.set[d * self.served.val() + i].det_cols[0].val();
                self.detector[d].in_rows[i].next =
                    self.set[d * self.served.val() + i].det_in_rows[0].val();
                self.detector[d].in_cols[i].next =
                    self.set[d * self.served.val() + i].det_in_cols[0].val();
                self.detector[d].bank[i].next =
                    self.set[d * self.served.val() + i].det_bank[0].val();
                self.detector[d].addr[i].next =
                    self.set[d * self.served.val() + i].det_addr[0].val();
                self.detector[d].row[i].next = self.set[d * self.served.val() + i].det_row[0].val();
                self.detector[d].col[i].next = self.set[d * self.served.val() + i].det_col[0].val();
                self.detector[d].k[i].next = self.set[d * self.served.val() + i].det_k[0].val();
                self.detector[d].steps[i].next =
                    self.set[d * self.served.val() + i].det_steps[0].val();
                self.detector[d].first_group[i].next =
                    self.set[d * self.served.val() + i].det_first_group[0].val();
                self.detector[d].last_group[i].next =
                    self.set[d * self.served.val() + i].det_last_group[0].val();
                self.detector[d].zero[i].next =
                    self.set[d * self.served.val() + i].det_zero[0].val();
                self.set[d * self.served.val() + i].det_grant[0].next =
                    self.detector[d].grant[i].val();
                self.set[d * self.served.val() + i].det_done[0].next =
                    self.detector[d].done[i].val();
                self.set[d * self.served.val() + i].record_valid[0].next =
                    self.detector[d].record_valid.val() && (self.detector[d].record_set.val() == i);
                self.set[d * self.served.val() + i].record_position[0].next =
                    self.detector[d].record_position.val();
                self.set[d * self.served.val() + i].next_position[0].next =
                    self.detector[d].next_position.val();
                self.set[d * self.served.val() + i].record_state[0].next =
                    self.detector[d].record_state.val();
                self.set[d * self.served.val() + i].record_entry[0].next =
                    self.detector[d].record_entry.val();
                self.set[d * self.served.val() + i].record_bank[0].next =
                    self.detector[d].record_bank.val();
                self.set[d * self.served.val() + i].record_addr[0].next =
                    self.detector[d].record_addr.val();
                self.set[d * self.served.val() + i].record_mask[0].next =
                    self.detector[d].record_mask.val();
                self.set[d * self.served.val() + i].record_first_group[0].next =
                    self.detector[d].record_first_group.val();
                self.set[d * self.served.val() + i].record_last_group[0].next =
                    self.detector[d].record_last_group.val();
                self.set[d * self.served.val() + i].record_zero[0].next =
                    self.detector[d].record_zero.val();
                self.set[d * self.served.val() + i].record_last[0].next =
                    self.detector[d].record_last.val();
                for b in 0..self.lanes.val() {
                    self.set[d * self.served.val() + i].detect_addr[b].next =
                        self.detector[d].read_addr[b].val();
                    self.detector[d].read_x[i * self.lanes.val() + b].next =
                        self.set[d * self.served.val() + i].detect_x[b].val();
                }
            }
        }

        // What co-simulation looks at: record d at d·width of each port.
        for t in 0..self.traces.val() {
            self.trace[t].valid.next = 0.into();
            self.trace[t].set.next = 0.into();
            self.trace[t].state.next = 0.into();
            self.trace[t].entry.next = 0.into();
            self.trace[t].signature.next = 0.into();
            self.trace[t].first.next = 0.into();
            for d in 0..self.detectors.val() {
                self.trace[t].valid.next = self.trace[t]
                    .valid
                    .val()
                    .replace_bit(d, self.detector[d].record_valid.val());
                self.trace[t].first.next = self.trace[t]
                    .first
                    .val()
                    .replace_bit(d, self.detector[d].record_first.val());
                self.trace_set[d].next = unsigned_cast(self.detector[d].record_set.val());
                self.trace_state[d].next = unsigned_cast(self.detector[d].record_state.val());
                self.trace_entry[d].next = unsigned_cast(self.detector[d].record_entry.val());
                self.trace_signature[d].next =
                    unsigned_cast(self.detector[d].record_signature.val());
                self.trace[t].set.next = self.trace[t].set.val()
                    | ((self.trace_set[d].val() + d * self.served.val()) << (d * self.set_w.val()));
                self.trace[t].state.next =
                    self.trace[t].state.val() | (self.trace_state[d].val() << (d * 2));
                self.trace[t].entry.next = self.trace[t].entry.val()
                    | (self.trace_entry[d].val() << (d * self.entry_w.val()));
                self.trace[t].signature.next = self.trace[t].signature.val()
                    | (self.trace_signature[d].val() << (d * self.sig_w.val()));
            }
        }
    }
}
