//! START to trailer, errors, counters of the tensor cores.

use crate::config::count_width;
use crate::config::tc::TcConfig;
use crate::hdl::prelude::*;
use crate::regmap::tc::{REGISTERS, Reg as Csr};
use crate::regmap::{Access, Error, STATISTIC_BITS};

/// Runs a job from START to the handshake of its trailer, collects errors and counts.
///
/// ```text
///  start ─► busy ─► results sent ─► trailer left ─► done
///             └► error ─► failing: the core restarts, the loader drops the packet ─► trailer with the code
///  increment[…] ─► counters ─► statistic[…]
/// ```
///
/// **Latency** `busy` rises in the cycle after `start` (cycle 0 of the job) and falls after the trailer's handshake; counters lag
/// by one cycle. **Back-pressure** none. **Parameters** `lanes`, `columns`: widths of what is counted.
///
/// `tc_control` in `tests/acrtc/gates.rs` compares its Verilog with it; `mercury acrtc cosim` spoils jobs on purpose.
#[derive(LogicBlock)]
pub struct TcControl {
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
    /// Loader: more weights than there is room for.
    pub range_error: Bit<In>,
    /// Drain: the trailer was taken into its pipeline.
    pub closing: Bit<In>,
    /// Output stream: a beat is offered.
    pub out_valid: Bit<In>,
    /// Output stream: it is taken.
    pub out_ready: Bit<In>,
    /// Output stream: it is the trailer.
    pub out_last: Bit<In>,
    /// What is added to each counter but CYCLES, see [`TcControl::place`].
    pub increment: Vec<Sig<In>>,
    /// A job runs.
    pub busy: Bit<Out>,
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
    /// Counters in the order of the register table, without MAX_ABS.
    pub statistic: Vec<Sig<Out>>,
    running: BitReg,
    complete: BitReg,
    first_cycle: BitReg,
    failing: BitReg,
    ending: BitReg,
    code: Reg,
    late_error: Bit<Local>,
    leaves: Bit<Local>,
    count: Vec<Reg>,
    counters: Param,
    bad_job_code: Param,
    range_code: Param,
    aborted_code: Param,
    about: About,
}

/// Counters that the control adds up, in the order of the register table: CYCLES is the first.
fn counters() -> impl Iterator<Item = Csr> {
    let statistics = REGISTERS.iter().filter(|r| r.access == Access::Statistic);
    statistics.map(|r| r.reg).filter(|&r| r != Csr::MaxAbs)
}

impl TcControl {
    /// The control of this configuration.
    pub fn new(config: &TcConfig) -> Self {
        let code = |error: Error| Param::new(error.code() as usize);
        let width = |reg: Csr| match reg {
            Csr::Items => count_width(config.lanes),
            Csr::Saturations => count_width(config.columns),
            _ => 1,
        };
        let number = counters().count();
        TcControl {
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
            increment: counters()
                .skip(1)
                .map(|r| Sig::unsigned(width(r)))
                .collect(),
            busy: Bit::new(),
            done: Bit::new(),
            error_code: Sig::unsigned(8),
            clear: Bit::new(),
            flush: Bit::new(),
            failed: Bit::new(),
            statistic: (0..number).map(|_| Sig::unsigned(STATISTIC_BITS)).collect(),
            running: BitReg::new(),
            complete: BitReg::new(),
            first_cycle: BitReg::new(),
            failing: BitReg::new(),
            ending: BitReg::new(),
            code: Reg::unsigned(8),
            late_error: Bit::new(),
            leaves: Bit::new(),
            count: (0..number).map(|_| Reg::unsigned(STATISTIC_BITS)).collect(),
            counters: Param::new(number),
            bad_job_code: code(Error::BadJob),
            range_code: code(Error::Range),
            aborted_code: code(Error::Aborted),
            about: About::new(
                "tc_control",
                "Runs a job from START to the handshake of its trailer, collects errors and counts.",
            ),
        }
    }

    /// Place of a counter among the increments.
    pub fn place(reg: Csr) -> Param {
        let place = counters().skip(1).position(|r| r == reg);
        Param::new(place.expect("a counter that counts increments"))
    }

    /// Number of the counters that the control adds up.
    pub fn counters() -> usize {
        counters().count()
    }
}

impl Logic for TcControl {
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
        self.flush.next = self.late_error.val();
        self.failed.next = self.failing.val() && self.loader_done.val() && !self.ending.val();

        // Counters.
        if self.running.val() {
            self.count[0].next = self.count[0].val() + 1;
        }
        for i in 1..self.counters.val() {
            self.count[i].next = self.count[i].val() + unsigned_cast(self.increment[i - 1].val());
        }
        if self.start.val() {
            for i in 0..self.counters.val() {
                self.count[i].next = 0.into();
            }
        }
        for i in 0..self.counters.val() {
            self.statistic[i].next = self.count[i].val();
        }
    }
}
