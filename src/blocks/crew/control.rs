//! START to trailer, errors, counters of the designs for fully connected layers.

use crate::config::fc::FcConfig;
use crate::hdl::prelude::*;
use crate::regmap::fc::{REGISTERS, Reg as Csr};
use crate::regmap::{Access, Error, STATISTIC_BITS};

/// Runs a job from START to the handshake of its trailer, collects errors and counts.
///
/// ```text
///  start ─► busy ─► rows sent ─► trailer left ─► done
///             └► error ─► failing: arithmetic restarts, loader drops the packet ─► trailer with the code
///  busy, beats, products, … ─► counters ─► statistic[…]
/// ```
///
/// **Latency** `busy` rises in the cycle after `start` (cycle 0 of the job) and falls after the trailer's handshake; counters lag
/// by one cycle. **Back-pressure** none. **Parameters** `multipliers`, `lanes`: widths and constants of the counters.
///
/// `fc_control` in `tests/crew/gates.rs` compares its Verilog with it; `mercury crew cosim` spoils jobs on purpose.
#[derive(LogicBlock)]
pub struct FcControl {
    /// START was written while idle.
    pub start: Bit<In>,
    /// ABORT was written.
    pub abort_job: Bit<In>,
    /// CLEAR_ERROR was written.
    pub clear_error: Bit<In>,
    /// The job registers hold what no job may have.
    pub bad_job: Bit<In>,
    /// Loader: a beat was accepted.
    pub accepted: Bit<In>,
    /// Loader: the packet has ended.
    pub loader_done: Bit<In>,
    /// Loader: an error.
    pub loader_error: Bit<In>,
    /// Loader: its code.
    pub loader_error_code: Sig<In>,
    /// Registers contradict each other.
    pub range_error: Bit<In>,
    /// Products of this cycle.
    pub products: Sig<In>,
    /// The multipliers work.
    pub multiplying: Bit<In>,
    /// The adders work.
    pub adding: Bit<In>,
    /// The multipliers wait for weights.
    pub stall_weights: Bit<In>,
    /// The multipliers wait for a product bank.
    pub stall_products: Bit<In>,
    /// Drain: the trailer is on its way.
    pub closing: Bit<In>,
    /// Output stream: a beat is offered.
    pub out_valid: Bit<In>,
    /// Output stream: it is taken.
    pub out_ready: Bit<In>,
    /// Output stream: it is the trailer.
    pub out_last: Bit<In>,
    /// A job runs.
    pub busy: Bit<Out>,
    /// The last job's trailer has left.
    pub done: Bit<Out>,
    /// First error, 0 = none.
    pub error_code: Sig<Out>,
    /// Arithmetic and sequencer restart.
    pub clear: Bit<Out>,
    /// The drain restarts.
    pub clear_drain: Bit<Out>,
    /// The loader drops the rest of the packet.
    pub flush: Bit<Out>,
    /// The job has failed and its packet has ended: send the trailer.
    pub failed: Bit<Out>,
    /// Counters in the order of the register table.
    pub statistic: Vec<Sig<Out>>,
    running: BitReg,
    complete: BitReg,
    first_cycle: BitReg,
    failing: BitReg,
    ending: BitReg,
    code: Reg,
    late_error: Bit<Local>,
    leaves: Bit<Local>,
    products_q: Reg,
    adding_q: BitReg,
    count: Vec<Reg>,
    statistics: Param,
    additions_of_row: Param,
    bad_job_code: Param,
    range_code: Param,
    aborted_code: Param,
    cycles: Param,
    multiplications: Param,
    additions: Param,
    multiply_busy: Param,
    accumulate_busy: Param,
    stalled_weights: Param,
    stalled_products: Param,
    in_beats: Param,
    out_beats: Param,
    about: About,
}

/// Place of a counter among the counters.
fn place(reg: Csr) -> Param {
    let counters = REGISTERS.iter().filter(|r| r.access == Access::Statistic);
    let at = counters.map(|r| r.reg).position(|r| r == reg);
    Param::new(at.expect("a counter"))
}

impl FcControl {
    /// The control of this configuration.
    pub fn new(config: &FcConfig) -> Self {
        let counters = REGISTERS
            .iter()
            .filter(|r| r.access == Access::Statistic)
            .count();
        let products_w = address_width(config.multipliers) + 1;
        let code = |error: Error| Param::new(error.code() as usize);
        FcControl {
            start: Bit::new(),
            abort_job: Bit::new(),
            clear_error: Bit::new(),
            bad_job: Bit::new(),
            accepted: Bit::new(),
            loader_done: Bit::new(),
            loader_error: Bit::new(),
            loader_error_code: Sig::unsigned(8),
            range_error: Bit::new(),
            products: Sig::unsigned(products_w),
            multiplying: Bit::new(),
            adding: Bit::new(),
            stall_weights: Bit::new(),
            stall_products: Bit::new(),
            closing: Bit::new(),
            out_valid: Bit::new(),
            out_ready: Bit::new(),
            out_last: Bit::new(),
            busy: Bit::new(),
            done: Bit::new(),
            error_code: Sig::unsigned(8),
            clear: Bit::new(),
            clear_drain: Bit::new(),
            flush: Bit::new(),
            failed: Bit::new(),
            statistic: (0..counters)
                .map(|_| Sig::unsigned(STATISTIC_BITS))
                .collect(),
            running: BitReg::new(),
            complete: BitReg::new(),
            first_cycle: BitReg::new(),
            failing: BitReg::new(),
            ending: BitReg::new(),
            code: Reg::unsigned(8),
            late_error: Bit::new(),
            leaves: Bit::new(),
            products_q: Reg::unsigned(products_w),
            adding_q: BitReg::new(),
            count: (0..counters)
                .map(|_| Reg::unsigned(STATISTIC_BITS))
                .collect(),
            statistics: Param::new(counters),
            additions_of_row: Param::new(config.group_inputs() * config.lanes),
            bad_job_code: code(Error::BadJob),
            range_code: code(Error::Range),
            aborted_code: code(Error::Aborted),
            cycles: place(Csr::Cycles),
            multiplications: place(Csr::Multiplications),
            additions: place(Csr::Additions),
            multiply_busy: place(Csr::MultiplyBusy),
            accumulate_busy: place(Csr::AccumulateBusy),
            stalled_weights: place(Csr::StallWeights),
            stalled_products: place(Csr::StallProducts),
            in_beats: place(Csr::InBeats),
            out_beats: place(Csr::OutBeats),
            about: About::new(
                "fc_control",
                "Runs a job from START to the handshake of its trailer, collects errors and counts.",
            ),
        }
    }
}

impl Logic for FcControl {
    #[hdl_gen]
    fn update(&mut self) {
        self.leaves.next = self.out_valid.val() && self.out_ready.val();
        self.late_error.next = self.running.val()
            && !self.failing.val()
            && !self.ending.val()
            && (self.range_error.val() || (self.first_cycle.val() && self.bad_job.val()));

        // The job.
        self.first_cycle.next = self.start.val();
        if self.clear_error.val() {
            self.code.next = 0.into();
        }
        if self.start.val() {
            self.running.next = true;
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
            self.running.next = false;
            self.complete.next = true;
            self.failing.next = false;
            self.ending.next = false;
        }
        if self.abort_job.val() {
            self.running.next = false;
            self.failing.next = false;
            self.ending.next = false;
            self.code.next = self.aborted_code.val().into();
        }
        self.busy.next = self.running.val();
        self.done.next = self.complete.val();
        self.error_code.next = self.code.val();
        self.clear.next = self.start.val() || self.failing.val() || self.abort_job.val();
        self.clear_drain.next = self.start.val() || self.abort_job.val();
        self.flush.next = self.late_error.val();
        self.failed.next = self.failing.val() && self.loader_done.val() && !self.ending.val();

        // Counters.
        self.products_q.next = self.products.val();
        self.adding_q.next = self.adding.val();
        if self.running.val() {
            self.count[self.cycles.val()].next = self.count[self.cycles.val()].val() + 1;
        }
        self.count[self.multiplications.val()].next =
            self.count[self.multiplications.val()].val() + unsigned_cast(self.products_q.val());
        if self.adding_q.val() {
            self.count[self.additions.val()].next =
                self.count[self.additions.val()].val() + self.additions_of_row.val();
        }
        if self.multiplying.val() {
            self.count[self.multiply_busy.val()].next =
                self.count[self.multiply_busy.val()].val() + 1;
        }
        if self.adding.val() {
            self.count[self.accumulate_busy.val()].next =
                self.count[self.accumulate_busy.val()].val() + 1;
        }
        if self.stall_weights.val() {
            self.count[self.stalled_weights.val()].next =
                self.count[self.stalled_weights.val()].val() + 1;
        }
        if self.stall_products.val() {
            self.count[self.stalled_products.val()].next =
                self.count[self.stalled_products.val()].val() + 1;
        }
        if self.accepted.val() {
            self.count[self.in_beats.val()].next = self.count[self.in_beats.val()].val() + 1;
        }
        if self.leaves.val() {
            self.count[self.out_beats.val()].next = self.count[self.out_beats.val()].val() + 1;
        }
        if self.start.val() {
            for i in 0..self.statistics.val() {
                self.count[i].next = 0.into();
            }
        }
        for i in 0..self.statistics.val() {
            self.statistic[i].next = self.count[i].val();
        }
    }
}
