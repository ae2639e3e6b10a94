//! The kind of a row: which of its lists are shorter.

use super::COUNT_W;
use crate::config::count_width;
use crate::config::tc::TcConfig;
use crate::hdl::prelude::*;

/// Follows the longest list over all lanes while a row comes, and decides at its end how it is computed.
///
/// ```text
///  cycle t          t+3                                    t+4
///  slice taken ─► … extends, overflow ─► [longest lists] ─► close: kind, length of the longest list
/// ```
///
/// **Latency** as drawn. **Back-pressure** none. **Parameters** `steps`.
///
/// The test `rows_take_the_shorter_lists` checks the decisions; `tc_rows` in `tests/acrtc/gates.rs` compares its Verilog with it.
#[derive(LogicBlock)]
pub struct TcRows {
    /// START, an error or ABORT: nothing is under way.
    pub clear: Bit<In>,
    /// Job: differences are used.
    pub use_delta: Bit<In>,
    /// A slice is taken.
    pub take: Bit<In>,
    /// It is the first one of its row.
    pub row_begins: Bit<In>,
    /// It is the last one of its row.
    pub row_complete: Bit<In>,
    /// The row is the first one.
    pub first_row: Bit<In>,
    /// Some plain list becomes longer than the longest.
    pub extends_plain: Bit<In>,
    /// Some delta list does.
    pub extends_delta: Bit<In>,
    /// Some difference does not fit an operand.
    pub overflow: Bit<In>,
    /// Longest plain list of the row so far.
    pub longest_plain: Sig<Out>,
    /// Longest delta list.
    pub longest_delta: Sig<Out>,
    /// The lists of a row are complete.
    pub close: Bit<Out>,
    /// Its delta lists are used.
    pub close_delta: Bit<Out>,
    /// Items of its longest list of that kind.
    pub close_length: Sig<Out>,
    /// Counter: the plain lists are shorter.
    pub fallback_shorter: Bit<Out>,
    /// Counter: a difference does not fit.
    pub fallback_range: Bit<Out>,
    take_q: Vec<BitReg>,
    begins_q: Vec<BitReg>,
    complete_q: Vec<BitReg>,
    first_q: Vec<BitReg>,
    begins: Bit<Local>,
    plain_now: Sig<Local>,
    delta_now: Sig<Local>,
    plain: Reg,
    delta: Reg,
    overflows: BitReg,
    closes: BitReg,
    closes_first: BitReg,
    wants_delta: Bit<Local>,
    shorter: Bit<Local>,
    about: About,
}

impl TcRows {
    /// The decision of this configuration.
    pub fn new(config: &TcConfig) -> Self {
        let count_w = count_width(config.steps);
        let marks = || {
            let mark = |_| BitReg::new().without_reset();
            (0..3).map(mark).collect::<Vec<_>>()
        };
        TcRows {
            clear: Bit::new(),
            use_delta: Bit::new(),
            take: Bit::new(),
            row_begins: Bit::new(),
            row_complete: Bit::new(),
            first_row: Bit::new(),
            extends_plain: Bit::new(),
            extends_delta: Bit::new(),
            overflow: Bit::new(),
            longest_plain: Sig::unsigned(count_w),
            longest_delta: Sig::unsigned(count_w),
            close: Bit::new(),
            close_delta: Bit::new(),
            close_length: Sig::unsigned(COUNT_W),
            fallback_shorter: Bit::new(),
            fallback_range: Bit::new(),
            take_q: (0..3).map(|_| BitReg::new()).collect(),
            begins_q: marks(),
            complete_q: marks(),
            first_q: marks(),
            begins: Bit::new(),
            plain_now: Sig::unsigned(count_w),
            delta_now: Sig::unsigned(count_w),
            plain: Reg::unsigned(count_w).without_reset(),
            delta: Reg::unsigned(count_w).without_reset(),
            overflows: BitReg::new().without_reset(),
            closes: BitReg::new(),
            closes_first: BitReg::new().without_reset(),
            wants_delta: Bit::new(),
            shorter: Bit::new(),
            about: About::new(
                "tc_rows",
                "Follows the longest list over all lanes, and decides at a row's end whether its elements or its differences are multiplied.",
            ),
        }
    }
}

impl Logic for TcRows {
    #[hdl_gen]
    fn update(&mut self) {
        self.take_q[0].next = self.take.val();
        self.begins_q[0].next = self.row_begins.val();
        self.complete_q[0].next = self.row_complete.val();
        self.first_q[0].next = self.first_row.val();
        for i in 1..3 {
            self.take_q[i].next = self.take_q[i - 1].val();
            self.begins_q[i].next = self.begins_q[i - 1].val();
            self.complete_q[i].next = self.complete_q[i - 1].val();
            self.first_q[i].next = self.first_q[i - 1].val();
        }

        // t+3: every lane adds at most one item a cycle, so the longest list grows by at most one.
        self.begins.next = self.take_q[2].val() && self.begins_q[2].val();
        self.plain_now.next = self.plain.val();
        self.delta_now.next = self.delta.val();
        if self.begins.val() {
            self.plain_now.next = 0.into();
            self.delta_now.next = 0.into();
            self.overflows.next = false;
        }
        self.longest_plain.next = self.plain_now.val();
        self.longest_delta.next = self.delta_now.val();
        self.plain.next = self.plain_now.val();
        if self.extends_plain.val() {
            self.plain.next = self.plain_now.val() + 1;
        }
        self.delta.next = self.delta_now.val();
        if self.extends_delta.val() {
            self.delta.next = self.delta_now.val() + 1;
        }
        if self.overflow.val() {
            self.overflows.next = true;
        }

        // t+4.
        self.closes.next = self.take_q[2].val() && self.complete_q[2].val();
        self.closes_first.next = self.first_q[2].val();
        self.wants_delta.next = self.use_delta.val() && !self.closes_first.val();
        self.shorter.next = self.plain.val() < self.delta.val();
        self.close.next = self.closes.val();
        self.close_delta.next =
            self.wants_delta.val() && !self.overflows.val() && !self.shorter.val();
        self.close_length.next = unsigned_cast(self.plain.val());
        if self.close_delta.val() {
            self.close_length.next = unsigned_cast(self.delta.val());
        }
        self.fallback_range.next =
            self.closes.val() && self.wants_delta.val() && self.overflows.val();
        self.fallback_shorter.next = self.closes.val()
            && self.wants_delta.val()
            && !self.overflows.val()
            && self.shorter.val();

        if self.clear.val() {
            for i in 0..3 {
                self.take_q[i].next = false;
            }
            self.closes.next = false;
        }
    }
}
