//! Job control: START to trailer, errors, counters.

mod new;

use crate::hdl::prelude::*;

/// Cycles without progress after which a job is given up.
pub const PATIENCE: usize = 64;

/// Runs a job from START to the handshake of its trailer, collects errors and counts.
///
/// ```text
///  start ─► busy ─► [everything done?] ─► trailer ─► trailer left ─► done
///             └► error ─► failing: sets and drain idle, loader drops the packet ─► trailer with the code
///  issue, stalls, beats, … ─► counters ─► statistic[…]
/// ```
///
/// **Latency** `start_now` comes in the cycle after `start`, `busy` rises in the cycle after that (cycle 0 of the job) and falls after the trailer's handshake.
/// Counters lag by two cycles at most, less than the trailer needs to leave. **Back-pressure** none.
/// **Parameters** `sets` and `pes` give the widths of the sums.
///
/// `mercury cosim` spoils jobs of the whole design on purpose (`src/cosim/error_paths.rs`); the test `job_control` in
/// `tests/block_gate.rs` compares its Verilog with it, every output in every cycle.
#[derive(LogicBlock)]
pub struct JobControl {
    /// START was written while idle.
    pub start: Bit<In>,
    /// ABORT was written.
    pub abort_job: Bit<In>,
    /// CLEAR_ERROR was written.
    pub clear_error: Bit<In>,
    /// The job registers hold what no job may have.
    pub bad_job: Bit<In>,
    /// Loader: END was taken.
    pub loader_done: Bit<In>,
    /// Loader: an error.
    pub loader_error: Bit<In>,
    /// Loader: its code.
    pub loader_error_code: Sig<In>,
    /// Loader: a beat was accepted.
    pub loader_accepted: Bit<In>,
    /// Loader: waits for the host.
    pub loader_waits: Bit<In>,
    /// Drain: nothing is being addressed.
    pub drain_idle: Bit<In>,
    /// Drain: the trailer was addressed.
    pub trailer_taken: Bit<In>,
    /// Drain: saturated results of a beat.
    pub saturated: Sig<In>,
    /// Drain: largest magnitude.
    pub max_abs: Sig<In>,
    /// Output stream: a beat is offered.
    pub out_valid: Bit<In>,
    /// Output stream: it is taken.
    pub out_ready: Bit<In>,
    /// Output stream: it is the trailer.
    pub out_last: Bit<In>,
    /// Per set: no tile, no drain outstanding.
    pub idle: Vec<Bit<In>>,
    /// Per set: an element is issued.
    pub issue: Vec<Bit<In>>,
    /// Per set: it is a product for a result.
    pub mac: Vec<Bit<In>>,
    /// Per set: PEs that have a filter.
    pub pes_now: Vec<Sig<In>>,
    /// Per set: waiting for features.
    pub stall_features: Vec<Bit<In>>,
    /// Per set: waiting for weights.
    pub stall_weights: Vec<Bit<In>>,
    /// Per set: waiting for the operand.
    pub stall_operand: Vec<Bit<In>>,
    /// Per set: waiting for a psum bank.
    pub stall_bank: Vec<Bit<In>>,
    /// Per set: waiting for a Hitmap.
    pub stall_detect: Vec<Bit<In>>,
    /// Per set: an address is out of range.
    pub range_error: Vec<Bit<In>>,
    /// Per detector: a step issues.
    pub detect_busy: Vec<Bit<In>>,
    /// Per detector: a position is decided.
    pub detected: Vec<Bit<In>>,
    /// Per detector: 0 ZERO, 1 HIT, 2 MAU, 3 MNU.
    pub detected_state: Vec<Sig<In>>,
    /// Per detector: an address is out of range.
    pub detect_range_error: Vec<Bit<In>>,
    /// A job runs.
    pub busy: Bit<Out>,
    /// `busy` of the next cycle.
    pub next_busy: Bit<Out>,
    /// The last job's trailer has left.
    pub done: Bit<Out>,
    /// First error, 0 = none.
    pub error_code: Sig<Out>,
    /// START, a cycle after its write: for the loader and the drain.
    pub start_now: Bit<Out>,
    /// ABORT, a cycle after its write.
    pub abort_now: Bit<Out>,
    /// The sets restart: with `start_now`, or a cycle after an error.
    pub clear_sets: Bit<Out>,
    /// The psum banks restart as well.
    pub reset_banks: Bit<Out>,
    /// The loader drops the rest of the packet.
    pub flush: Bit<Out>,
    /// The drain stops.
    pub stop_drain: Bit<Out>,
    /// The trailer may be sent.
    pub trailer: Bit<Out>,
    /// Counters in the order of the register table.
    pub statistic: Vec<Sig<Out>>,
    running: BitReg,
    next_running: Bit<Local>,
    complete: BitReg,
    first_cycle: BitReg,
    failing: BitReg,
    closing: BitReg,
    code: Reg,
    late_error: Bit<Local>,
    late_code: Sig<Local>,
    any_issue: Bit<Local>,
    all_idle: Bit<Local>,
    any_range_error: Bit<Local>,
    moving: Bit<Local>,
    patience: Reg,
    leaves: Bit<Local>,
    issues: Sig<Local>,
    active_pes: Sig<Local>,
    features: Sig<Local>,
    weights: Sig<Local>,
    operands: Sig<Local>,
    banks: Sig<Local>,
    hitmaps: Sig<Local>,
    steps: Sig<Local>,
    states: Vec<Sig<Local>>,
    any_step: Bit<Local>,
    issues_q: Reg,
    active_pes_q: Reg,
    features_q: Reg,
    weights_q: Reg,
    operands_q: Reg,
    banks_q: Reg,
    hitmaps_q: Reg,
    steps_q: Reg,
    states_q: Vec<Reg>,
    saturated_q: Reg,
    count: Vec<Reg>,
    sets: Param,
    detectors: Param,
    statistics: Param,
    last_patience: Param,
    start_q: BitReg,
    abort_q: BitReg,
    clear_q: BitReg,
    reset_q: BitReg,
    loader_error_q: BitReg,
    loader_code_q: Reg,
    bad_job_q: BitReg,
    accepted_q: BitReg,
    range_error_q: BitReg,
    bad_job_code: Param,
    range_code: Param,
    no_progress_code: Param,
    aborted_code: Param,
    cycles: Param,
    compute_busy: Param,
    macs: Param,
    stalled_features: Param,
    stalled_weights: Param,
    stalled_operand: Param,
    stalled_bank: Param,
    stalled_detect: Param,
    detecting: Param,
    first_state: Param,
    in_beats: Param,
    out_beats: Param,
    saturations: Param,
    largest: Param,
    about: About,
}

impl Logic for JobControl {
    #[hdl_gen]
    fn update(&mut self) {
        // Sums over the sets.
        self.any_issue.next = false;
        self.all_idle.next = true;
        self.any_range_error.next = false;
        self.issues.next = 0.into();
        self.active_pes.next = 0.into();
        self.features.next = 0.into();
        self.weights.next = 0.into();
        self.operands.next = 0.into();
        self.banks.next = 0.into();
        self.hitmaps.next = 0.into();
        for s in 0..self.sets.val() {
            if self.issue[s].val() {
                self.any_issue.next = true;
                self.issues.next = self.issues.val() + 1;
            }
            if self.mac[s].val() {
                self.active_pes.next = self.active_pes.val() + unsigned_cast(self.pes_now[s].val());
            }
            if !self.idle[s].val() {
                self.all_idle.next = false;
            }
            if self.range_error[s].val() {
                self.any_range_error.next = true;
            }
            if self.stall_features[s].val() {
                self.features.next = self.features.val() + 1;
            }
            if self.stall_weights[s].val() {
                self.weights.next = self.weights.val() + 1;
            }
            if self.stall_operand[s].val() {
                self.operands.next = self.operands.val() + 1;
            }
            if self.stall_bank[s].val() {
                self.banks.next = self.banks.val() + 1;
            }
            if self.stall_detect[s].val() {
                self.hitmaps.next = self.hitmaps.val() + 1;
            }
        }

        // Sums over the detectors.
        self.any_step.next = false;
        self.steps.next = 0.into();
        for i in 0..4 {
            self.states[i].next = 0.into();
        }
        for d in 0..self.detectors.val() {
            if self.detect_busy[d].val() {
                self.any_step.next = true;
                self.steps.next = self.steps.val() + 1;
            }
            if self.detect_range_error[d].val() {
                self.any_range_error.next = true;
            }
            for i in 0..4 {
                if self.detected[d].val() && (self.detected_state[d].val() == i) {
                    self.states[i].next = self.states[i].val() + 1;
                }
            }
        }
        self.issues_q.next = self.issues.val();
        self.active_pes_q.next = self.active_pes.val();
        self.features_q.next = self.features.val();
        self.weights_q.next = self.weights.val();
        self.operands_q.next = self.operands.val();
        self.banks_q.next = self.banks.val();
        self.hitmaps_q.next = self.hitmaps.val();
        self.steps_q.next = self.steps.val();
        for i in 0..4 {
            self.states_q[i].next = self.states[i].val();
        }
        self.saturated_q.next = self.saturated.val();
        self.leaves.next = self.out_valid.val() && self.out_ready.val();

        // No progress: nothing moves, and nobody waits for the host.
        // The loader's handshake is long: who only counts it does so a cycle later.
        self.accepted_q.next = self.loader_accepted.val();
        self.moving.next = self.accepted_q.val()
            || self.any_issue.val()
            || self.any_step.val()
            || !self.drain_idle.val()
            || self.loader_waits.val()
            || self.out_valid.val()
            || self.failing.val()
            || self.closing.val()
            || !self.running.val();
        self.patience.next = self.patience.val() + 1;
        if self.moving.val() {
            self.patience.next = 0.into();
        }

        // Errors are found a cycle before they count: the checks are long. Job registers are
        // written at least two cycles before START, and the last element is issued more than a cycle before the trailer.
        self.bad_job_q.next = self.bad_job.val();
        self.range_error_q.next = self.any_range_error.val();
        self.loader_error_q.next = self.loader_error.val();
        self.loader_code_q.next = self.loader_error_code.val();
        self.late_error.next = false;
        self.late_code.next = self.no_progress_code.val().into();
        if self.running.val() && !self.failing.val() && !self.closing.val() {
            if self.patience.val() == self.last_patience.val() {
                self.late_error.next = true;
            }
            if self.range_error_q.val() {
                self.late_error.next = true;
                self.late_code.next = self.range_code.val().into();
            }
            if self.first_cycle.val() && self.bad_job_q.val() {
                self.late_error.next = true;
                self.late_code.next = self.bad_job_code.val().into();
            }
        }

        // The job.
        // START and ABORT come from the write of a register; a cycle later they stand in registers, and so does what clears
        // the sets.
        self.start_q.next = self.start.val();
        self.abort_q.next = self.abort_job.val();
        self.clear_q.next = self.start.val() || self.abort_job.val() || self.failing.val();
        self.reset_q.next = self.abort_job.val() || self.failing.val();
        self.start_now.next = self.start_q.val();
        self.abort_now.next = self.abort_q.val();
        self.first_cycle.next = self.start_q.val();
        if self.clear_error.val() {
            self.code.next = 0.into();
        }
        self.next_running.next = self.running.val();
        if self.start_q.val() {
            self.next_running.next = true;
            self.complete.next = false;
            self.code.next = 0.into();
        }
        if self.running.val()
            && !self.failing.val()
            && (self.late_error.val() || self.loader_error_q.val())
        {
            self.failing.next = true;
            self.code.next = self.late_code.val();
            if self.loader_error_q.val() {
                self.code.next = self.loader_code_q.val();
            }
        }
        if self.trailer_taken.val() {
            self.closing.next = true;
        }
        if self.closing.val() && self.leaves.val() && self.out_last.val() {
            self.next_running.next = false;
            self.complete.next = true;
            self.failing.next = false;
            self.closing.next = false;
        }
        if self.abort_q.val() {
            self.next_running.next = false;
            self.failing.next = false;
            self.closing.next = false;
            self.code.next = self.aborted_code.val().into();
        }

        self.running.next = self.next_running.val();
        self.busy.next = self.running.val();
        self.next_busy.next = self.next_running.val();
        self.done.next = self.complete.val();
        self.error_code.next = self.code.val();
        self.clear_sets.next = self.clear_q.val();
        self.reset_banks.next = self.reset_q.val();
        self.flush.next = self.late_error.val();
        self.stop_drain.next = self.failing.val();
        self.trailer.next = self.running.val()
            && !self.closing.val()
            && self.loader_done.val()
            && !self.loader_error_q.val()
            && self.all_idle.val();

        // Counters.
        if self.running.val() {
            self.count[self.cycles.val()].next = self.count[self.cycles.val()].val() + 1;
        }
        self.count[self.compute_busy.val()].next =
            self.count[self.compute_busy.val()].val() + unsigned_cast(self.issues_q.val());
        self.count[self.macs.val()].next =
            self.count[self.macs.val()].val() + unsigned_cast(self.active_pes_q.val());
        self.count[self.stalled_features.val()].next =
            self.count[self.stalled_features.val()].val() + unsigned_cast(self.features_q.val());
        self.count[self.stalled_weights.val()].next =
            self.count[self.stalled_weights.val()].val() + unsigned_cast(self.weights_q.val());
        self.count[self.stalled_operand.val()].next =
            self.count[self.stalled_operand.val()].val() + unsigned_cast(self.operands_q.val());
        self.count[self.stalled_bank.val()].next =
            self.count[self.stalled_bank.val()].val() + unsigned_cast(self.banks_q.val());
        self.count[self.stalled_detect.val()].next =
            self.count[self.stalled_detect.val()].val() + unsigned_cast(self.hitmaps_q.val());
        self.count[self.detecting.val()].next =
            self.count[self.detecting.val()].val() + unsigned_cast(self.steps_q.val());
        for i in 0..4 {
            self.count[self.first_state.val() + i].next = self.count[self.first_state.val() + i]
                .val()
                + unsigned_cast(self.states_q[i].val());
        }
        if self.accepted_q.val() {
            self.count[self.in_beats.val()].next = self.count[self.in_beats.val()].val() + 1;
        }
        if self.leaves.val() {
            self.count[self.out_beats.val()].next = self.count[self.out_beats.val()].val() + 1;
        }
        self.count[self.saturations.val()].next =
            self.count[self.saturations.val()].val() + unsigned_cast(self.saturated_q.val());
        self.count[self.largest.val()].next = unsigned_cast(self.max_abs.val());
        if self.start_q.val() {
            for i in 0..self.statistics.val() {
                self.count[i].next = 0.into();
            }
        }
        for i in 0..self.statistics.val() {
            self.statistic[i].next = self.count[i].val();
        }
    }
}
