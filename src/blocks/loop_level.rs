//! One level of a loop nest: a counter that knows ahead whether it is at its last count.

use super::loop_nest::COUNT_W;
use crate::hdl::prelude::*;

/// Bits of a number of runs that matters: 1, 2, or 0 for more.
pub const RUNS_W: usize = 2;

/// Counts through one level of a loop nest.
///
/// ```text
///  load, steps, restarts ──► [count] ──► count + 3 = limit ──► [almost] ──► next_last ──► [last]
///                                           runs, new_runs ───────┴────────────┘
/// ```
///
/// A comparison has a cycle of its own: whether the level is at its last count but one stands in a register, and from it and
/// its neighbours' flags follows what the next element is like.
/// **Latency** 0: `count` and `last` describe the current element; `advance` and `load` show in the next cycle.
/// **Back-pressure** none: the level stands still while `advance` and `load` are 0. **Parameters** none. `limit` stands while
/// the level counts, from the cycle after its restart on.
///
/// The test `loop_nest_walks_the_nest` compares nine of them with nested `for` loops; the gate test `loop_level` its Verilog
/// with it.
#[derive(LogicBlock)]
pub struct LoopLevel {
    /// A new tile: the counter restarts.
    pub load: Bit<In>,
    /// The current element is done.
    pub advance: Bit<In>,
    /// All levels inside of this one end with it: this one counts.
    pub steps: Bit<In>,
    /// This one ends as well: it restarts.
    pub restarts: Bit<In>,
    /// How often the level runs.
    pub limit: Sig<In>,
    /// How often it runs after a restart: 1, 2, or 0 for more.
    pub runs: Sig<In>,
    /// How often it runs in the new tile, likewise.
    pub new_runs: Sig<In>,
    /// The current count, from 0.
    pub count: Sig<Out>,
    /// It is the last one.
    pub last: Bit<Out>,
    /// `last` after the next `advance`.
    pub next_last: Bit<Out>,
    now: Reg,
    at_last: BitReg,
    almost: BitReg,
    about: About,
}

impl LoopLevel {
    /// The block; it has no parameters.
    pub fn new() -> Self {
        LoopLevel {
            load: Bit::new(),
            advance: Bit::new(),
            steps: Bit::new(),
            restarts: Bit::new(),
            limit: Sig::unsigned(COUNT_W),
            runs: Sig::unsigned(RUNS_W),
            new_runs: Sig::unsigned(RUNS_W),
            count: Sig::unsigned(COUNT_W),
            last: Bit::new(),
            next_last: Bit::new(),
            now: Reg::unsigned(COUNT_W),
            at_last: BitReg::new(),
            almost: BitReg::new(),
            about: About::new(
                "loop_level",
                "One level of a loop nest: a counter that knows ahead whether it is at its last count.",
            ),
        }
    }
}

impl Default for LoopLevel {
    fn default() -> Self {
        Self::new()
    }
}

impl Logic for LoopLevel {
    #[hdl_gen]
    fn update(&mut self) {
        self.count.next = self.now.val();
        self.last.next = self.at_last.val();
        self.next_last.next = self.at_last.val();
        if self.steps.val() {
            self.next_last.next = self.almost.val();
        }
        if self.restarts.val() {
            self.next_last.next = self.runs.val().get_bit(0);
        }
        if self.advance.val() {
            self.at_last.next = self.next_last.val();
        }
        if self.load.val() {
            self.at_last.next = self.new_runs.val().get_bit(0);
        }
        if self.advance.val() && self.steps.val() {
            self.now.next = self.now.val() + 1;
            self.almost.next = self.now.val() + 3 == self.limit.val();
        }
        if self.advance.val() && self.restarts.val() {
            self.now.next = 0.into();
            self.almost.next = self.runs.val().get_bit(1);
        }
        if self.load.val() {
            self.now.next = 0.into();
            self.almost.next = self.new_runs.val().get_bit(1);
        }
    }
}
