//! START to trailer, errors, counters of the tensor cores.

use crate::blocks::job_state::JobState;
use crate::config::count_width;
use crate::config::tc::TcConfig;
use crate::hdl::prelude::*;
use crate::regmap::tc::{REGISTERS, Reg as Csr};
use crate::regmap::{Access, STATISTIC_BITS};

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
    /// START to trailer, errors.
    pub job: JobState,
    /// What is added to each counter but CYCLES, see [`TcControl::place`].
    pub increment: Vec<Sig<In>>,
    /// Counters in the order of the register table, without MAX_ABS.
    pub statistic: Vec<Sig<Out>>,
    count: Vec<Reg>,
    counters: Param,
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
        let width = |reg: Csr| match reg {
            Csr::Items => count_width(config.lanes),
            Csr::Saturations => count_width(config.columns),
            _ => 1,
        };
        let number = counters().count();
        TcControl {
            job: JobState::new(),
            increment: counters()
                .skip(1)
                .map(|r| Sig::unsigned(width(r)))
                .collect(),
            statistic: (0..number).map(|_| Sig::unsigned(STATISTIC_BITS)).collect(),
            count: (0..number).map(|_| Reg::unsigned(STATISTIC_BITS)).collect(),
            counters: Param::new(number),
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
        // Counters.
        if self.job.running.val() {
            self.count[0].next = self.count[0].val() + 1;
        }
        for i in 1..self.counters.val() {
            self.count[i].next = self.count[i].val() + unsigned_cast(self.increment[i - 1].val());
        }
        if self.job.start.val() {
            for i in 0..self.counters.val() {
                self.count[i].next = 0.into();
            }
        }
        for i in 0..self.counters.val() {
            self.statistic[i].next = self.count[i].val();
        }
    }
}
