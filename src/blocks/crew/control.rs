//! START to trailer, errors, counters of the designs for fully connected layers.

use crate::blocks::job_state::JobState;
use crate::config::fc::FcConfig;
use crate::hdl::prelude::*;
use crate::regmap::fc::{REGISTERS, Reg as Csr};
use crate::regmap::{Access, STATISTIC_BITS};

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
    /// START to trailer, errors.
    pub job: JobState,
    /// Loader: a beat was accepted.
    pub accepted: Bit<In>,
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
    /// The drain restarts.
    pub clear_drain: Bit<Out>,
    /// Counters in the order of the register table.
    pub statistic: Vec<Sig<Out>>,
    products_q: Reg,
    adding_q: BitReg,
    count: Vec<Reg>,
    statistics: Param,
    additions_of_row: Param,
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
        FcControl {
            job: JobState::new(),
            accepted: Bit::new(),
            products: Sig::unsigned(products_w),
            multiplying: Bit::new(),
            adding: Bit::new(),
            stall_weights: Bit::new(),
            stall_products: Bit::new(),
            clear_drain: Bit::new(),
            statistic: (0..counters)
                .map(|_| Sig::unsigned(STATISTIC_BITS))
                .collect(),
            products_q: Reg::unsigned(products_w),
            adding_q: BitReg::new(),
            count: (0..counters)
                .map(|_| Reg::unsigned(STATISTIC_BITS))
                .collect(),
            statistics: Param::new(counters),
            additions_of_row: Param::new(config.group_inputs() * config.lanes),
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
        self.clear_drain.next = self.job.start.val() || self.job.abort_job.val();

        // Counters.
        self.products_q.next = self.products.val();
        self.adding_q.next = self.adding.val();
        if self.job.running.val() {
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
        if self.job.leaves.val() {
            self.count[self.out_beats.val()].next = self.count[self.out_beats.val()].val() + 1;
        }
        if self.job.start.val() {
            for i in 0..self.statistics.val() {
                self.count[i].next = 0.into();
            }
        }
        for i in 0..self.statistics.val() {
            self.statistic[i].next = self.count[i].val();
        }
    }
}
