//! A job from START to its trailer, whatever the design computes.

use crate::hdl::prelude::*;
use crate::regmap::Error;

/// Runs a job from START to the handshake of its trailer, and collects errors: what the controls of CREW and of the tensor cores share.
///
/// ```text
///  start ─► busy ─► results sent ─► trailer left ─► done
///             └► error ─► failing: everything restarts, the loader drops the packet ─► failed: trailer with the code
/// ```
///
/// **Latency** `busy` rises in the cycle after `start` (cycle 0 of the job) and falls after the trailer's handshake. **Back-pressure** none.
/// **Parameters** none.
///
/// It is a [`Part`] of [`FcControl`](super::crew::control::FcControl) and [`TcControl`](super::acrtc::control::TcControl), whose gates in
/// `tests/crew/gates.rs` and `tests/acrtc/gates.rs` compare its Verilog with it; `mercury crew cosim` and `mercury acrtc cosim` spoil
/// jobs on purpose.
#[derive(LogicBlock)]
pub struct JobState {
    part: Part,
    /// START was written while idle.
    pub start: Bit<In>,
    /// ABORT was written.
    pub abort_job: Bit<In>,
    /// CLEAR_ERROR was written.
    pub clear_error: Bit<In>,
    /// The job registers hold what no job may have.
    pub bad_job: Bit<In>,
    /// Loader: the packet has ended.
    pub loader_done: Bit<In>,
    /// Loader: an error.
    pub loader_error: Bit<In>,
    /// Loader: its code.
    pub loader_error_code: Sig<In>,
    /// What the registers say contradicts itself, or what the packet holds.
    pub range_error: Bit<In>,
    /// Drain: the trailer was taken into its pipeline.
    pub closing: Bit<In>,
    /// Output stream: a beat is offered.
    pub out_valid: Bit<In>,
    /// Output stream: it is taken.
    pub out_ready: Bit<In>,
    /// Output stream: it is the trailer.
    pub out_last: Bit<In>,
    /// A job runs.
    pub busy: Bit<Out>,
    /// `busy` of the next cycle.
    pub next_busy: Bit<Out>,
    /// The last job's trailer has left.
    pub done: Bit<Out>,
    /// First error, 0 = none.
    pub error_code: Sig<Out>,
    /// Everything between the streams restarts.
    pub clear: Bit<Out>,
    /// The loader drops the rest of the packet.
    pub flush: Bit<Out>,
    /// The job has failed and its packet has ended: send the trailer.
    pub failed: Bit<Out>,
    /// A job runs.
    pub(in crate::blocks) running: BitReg,
    next_running: Bit<Local>,
    /// A beat of the output stream is taken.
    pub(in crate::blocks) leaves: Bit<Local>,
    complete: BitReg,
    first_cycle: BitReg,
    failing: BitReg,
    ending: BitReg,
    code: Reg,
    late_error: Bit<Local>,
    bad_job_code: Param,
    range_code: Param,
    aborted_code: Param,
}

impl JobState {
    /// No job.
    pub(in crate::blocks) fn new() -> Self {
        let code = |error: Error| Param::new(error.code() as usize);
        JobState {
            part: Part::new(),
            start: Bit::new(),
            abort_job: Bit::new(),
            clear_error: Bit::new(),
            bad_job: Bit::new(),
            loader_done: Bit::new(),
            loader_error: Bit::new(),
            loader_error_code: Sig::unsigned(8),
            range_error: Bit::new(),
            closing: Bit::new(),
            out_valid: Bit::new(),
            out_ready: Bit::new(),
            out_last: Bit::new(),
            busy: Bit::new(),
            next_busy: Bit::new(),
            done: Bit::new(),
            error_code: Sig::unsigned(8),
            clear: Bit::new(),
            flush: Bit::new(),
            failed: Bit::new(),
            running: BitReg::new(),
            next_running: Bit::new(),
            leaves: Bit::new(),
            complete: BitReg::new(),
            first_cycle: BitReg::new(),
            failing: BitReg::new(),
            ending: BitReg::new(),
            code: Reg::unsigned(8),
            late_error: Bit::new(),
            bad_job_code: code(Error::BadJob),
            range_code: code(Error::Range),
            aborted_code: code(Error::Aborted),
        }
    }
}

impl Logic for JobState {
    #[hdl_gen]
    fn update(&mut self) {
        self.leaves.next = self.out_valid.val() && self.out_ready.val();
        self.late_error.next = self.running.val()
            && !self.failing.val()
            && !self.ending.val()
            && (self.range_error.val() || (self.first_cycle.val() && self.bad_job.val()));

        self.first_cycle.next = self.start.val();
        if self.clear_error.val() {
            self.code.next = 0.into();
        }
        self.next_running.next = self.running.val();
        if self.start.val() {
            self.next_running.next = true;
            self.complete.next = false;
            self.code.next = 0.into();
        }
        if self.running.val()
            && !self.failing.val()
            && (self.late_error.val() || self.loader_error.val())
        {
            self.failing.next = true;
            self.code.next = self.range_code.val().into();
            if self.first_cycle.val() && self.bad_job.val() {
                self.code.next = self.bad_job_code.val().into();
            }
            if self.loader_error.val() {
                self.code.next = self.loader_error_code.val();
            }
        }
        if self.closing.val() {
            self.ending.next = true;
        }
        if self.ending.val() && self.leaves.val() && self.out_last.val() {
            self.next_running.next = false;
            self.complete.next = true;
            self.failing.next = false;
            self.ending.next = false;
        }
        if self.abort_job.val() {
            self.next_running.next = false;
            self.failing.next = false;
            self.ending.next = false;
            self.code.next = self.aborted_code.val().into();
        }
        self.running.next = self.next_running.val();
        self.busy.next = self.running.val();
        self.next_busy.next = self.next_running.val();
        self.done.next = self.complete.val();
        self.error_code.next = self.code.val();
        self.clear.next = self.start.val() || self.failing.val() || self.abort_job.val();
        self.flush.next = self.late_error.val();
        self.failed.next = self.failing.val() && self.loader_done.val() && !self.ending.val();
    }
}
