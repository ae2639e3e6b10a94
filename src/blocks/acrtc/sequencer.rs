//! Which item of which row and block is multiplied.

use super::{COUNT_W, ROWS_W, bank_w};
use crate::config::count_width;
use crate::config::tc::{RESULTS, ROW_BANKS, TcConfig};
use crate::hdl::prelude::*;

/// Issues, for each row, for each block, as many items as the row's longest list has, at least one.
///
/// ```text
///  close ─► rows that are there ─► issue (c): bank, item ─► lanes      c+1: base    c+3+V: sum_… ─► columns    c+5+V: result
///                                    └ waits while 16 results are pending ◄─ result_left
/// ```
///
/// **Latency** a row closed in cycle t is issued from t+1. **Back-pressure** a block waits while 16 results are pending. **Parameters**
/// `lanes`, `steps`, `blocks`, `weight_words`.
///
/// `tc_sequencer` in `tests/acrtc/gates.rs` compares its Verilog with it; `mercury acrtc cosim` every cycle that it counts.
#[derive(LogicBlock)]
pub struct TcSequencer {
    /// START, an error or ABORT: everything restarts.
    pub clear: Bit<In>,
    /// START: the job's rows are to be done.
    pub start: Bit<In>,
    /// Job: steps of a row.
    pub steps: Sig<In>,
    /// Job: blocks.
    pub blocks: Sig<In>,
    /// Job: rows.
    pub rows: Sig<In>,
    /// Weights are being loaded.
    pub loading: Bit<In>,
    /// The lists of a row are complete.
    pub close: Bit<In>,
    /// It is computed from differences.
    pub close_delta: Bit<In>,
    /// Items of its longest list.
    pub close_length: Sig<In>,
    /// A result has left the queue.
    pub result_left: Bit<In>,
    /// An item of each lane is issued in this cycle.
    pub issue: Bit<Out>,
    /// Bank of the row that is complete next.
    pub close_bank: Sig<Out>,
    /// Bank of the row.
    pub read_bank: Sig<Out>,
    /// Number of the item.
    pub item: Sig<Out>,
    /// It is a difference.
    pub read_delta: Bit<Out>,
    /// Address of the block's weights, one cycle later.
    pub base: Sig<Out>,
    /// The last item of a row is issued.
    pub row_ends: Bit<Out>,
    /// Counter: an item is issued.
    pub busy: Bit<Out>,
    /// Counter: the multipliers wait for weights.
    pub stall_weights: Bit<Out>,
    /// Counter: the multipliers wait for a row.
    pub stall_input: Bit<Out>,
    /// Counter: the multipliers wait for the output.
    pub stall_output: Bit<Out>,
    /// Counter: a plain row ends.
    pub plain_ends: Bit<Out>,
    /// Counter: a delta row ends.
    pub delta_ends: Bit<Out>,
    /// Sums: products of all lanes, added up, follow in the next cycle.
    pub sum_valid: Bit<Out>,
    /// Sums: their block.
    pub sum_block: Sig<Out>,
    /// Sums: they are the first ones of a plain row's block.
    pub sum_first: Bit<Out>,
    /// The result of a block stands at the columns.
    pub result: Bit<Out>,
    /// It is the job's last one.
    pub result_last: Bit<Out>,
    there: Reg,
    delta: Vec<BitReg>,
    length: Vec<Reg>,
    close_at: Reg,
    bank: Reg,
    item_at: Reg,
    block: Reg,
    base_at: Reg,
    base_q: Reg,
    rows_left: Reg,
    pending: Reg,
    delta_now: Bit<Local>,
    length_now: Sig<Local>,
    begins: Bit<Local>,
    has_row: Bit<Local>,
    full: Bit<Local>,
    issues: Bit<Local>,
    block_ends: Bit<Local>,
    ends: Bit<Local>,
    block_begins: Bit<Local>,
    valid_q: Vec<BitReg>,
    first_q: Vec<BitReg>,
    last_q: Vec<BitReg>,
    end_q: Vec<BitReg>,
    block_q: Vec<Reg>,
    banks: Param,
    results: Param,
    stages: Param,
    result_at: Param,
    about: About,
}

impl TcSequencer {
    /// The sequencer of this configuration.
    pub fn new(config: &TcConfig) -> Self {
        let step_w = address_width(config.steps);
        let block_w = address_width(config.blocks);
        let word_w = address_width(config.weight_words);
        // From the issue to the cycle in which the columns are addressed; two more to the result.
        let stages = 3 + config.tree_levels();
        let flags = |n: usize| (0..n).map(|_| BitReg::new()).collect::<Vec<_>>();
        let marks = |n: usize| {
            let mark = |_| BitReg::new().without_reset();
            (0..n).map(mark).collect::<Vec<_>>()
        };
        TcSequencer {
            clear: Bit::new(),
            start: Bit::new(),
            steps: Sig::unsigned(COUNT_W),
            blocks: Sig::unsigned(COUNT_W),
            rows: Sig::unsigned(ROWS_W),
            loading: Bit::new(),
            close: Bit::new(),
            close_delta: Bit::new(),
            close_length: Sig::unsigned(COUNT_W),
            result_left: Bit::new(),
            issue: Bit::new(),
            close_bank: Sig::unsigned(bank_w()),
            read_bank: Sig::unsigned(bank_w()),
            item: Sig::unsigned(step_w),
            read_delta: Bit::new(),
            base: Sig::unsigned(word_w),
            row_ends: Bit::new(),
            busy: Bit::new(),
            stall_weights: Bit::new(),
            stall_input: Bit::new(),
            stall_output: Bit::new(),
            plain_ends: Bit::new(),
            delta_ends: Bit::new(),
            sum_valid: Bit::new(),
            sum_block: Sig::unsigned(block_w),
            sum_first: Bit::new(),
            result: Bit::new(),
            result_last: Bit::new(),
            there: Reg::unsigned(count_width(ROW_BANKS)),
            delta: marks(ROW_BANKS),
            length: (0..ROW_BANKS)
                .map(|_| Reg::unsigned(COUNT_W).without_reset())
                .collect(),
            close_at: Reg::unsigned(bank_w()),
            bank: Reg::unsigned(bank_w()),
            item_at: Reg::unsigned(COUNT_W),
            block: Reg::unsigned(COUNT_W),
            base_at: Reg::unsigned(word_w),
            base_q: Reg::unsigned(word_w).without_reset(),
            rows_left: Reg::unsigned(ROWS_W),
            pending: Reg::unsigned(count_width(RESULTS)),
            delta_now: Bit::new(),
            length_now: Sig::unsigned(COUNT_W),
            begins: Bit::new(),
            has_row: Bit::new(),
            full: Bit::new(),
            issues: Bit::new(),
            block_ends: Bit::new(),
            ends: Bit::new(),
            block_begins: Bit::new(),
            valid_q: flags(stages),
            first_q: marks(stages),
            last_q: flags(stages + 2),
            end_q: marks(stages + 2),
            block_q: (0..stages)
                .map(|_| Reg::unsigned(block_w).without_reset())
                .collect(),
            banks: Param::new(ROW_BANKS),
            results: Param::new(RESULTS),
            stages: Param::new(stages),
            result_at: Param::new(stages + 2),
            about: About::new(
                "tc_sequencer",
                "Issues, for each row, for each block, as many items as the row's longest list has.",
            ),
        }
    }
}

impl Logic for TcSequencer {
    #[hdl_gen]
    fn update(&mut self) {
        // Rows that are there.
        for i in 0..self.banks.val() {
            if self.close.val() && (self.close_at.val() == i) {
                self.delta[i].next = self.close_delta.val();
                self.length[i].next = self.close_length.val();
            }
        }
        if self.close.val() {
            self.close_at.next = self.close_at.val() + 1;
        }
        self.close_bank.next = self.close_at.val();
        if self.close.val() && !self.ends.val() {
            self.there.next = self.there.val() + 1;
        }
        if self.ends.val() && !self.close.val() {
            self.there.next = self.there.val() - 1;
        }
        self.delta_now.next = self.delta[0].val();
        self.length_now.next = self.length[0].val();
        for i in 1..self.banks.val() {
            if self.bank.val() == i {
                self.delta_now.next = self.delta[i].val();
                self.length_now.next = self.length[i].val();
            }
        }

        // The item of this cycle.
        self.has_row.next = self.there.val() != 0;
        self.begins.next = self.item_at.val() == 0;
        self.full.next = self.pending.val() == self.results.val();
        self.issues.next = self.has_row.val() && !(self.begins.val() && self.full.val());
        self.block_begins.next = self.issues.val() && self.begins.val();
        self.block_ends.next =
            self.issues.val() && (self.item_at.val() + 1 >= self.length_now.val());
        self.ends.next = self.block_ends.val() && (self.block.val() + 1 == self.blocks.val());
        if self.issues.val() {
            self.item_at.next = self.item_at.val() + 1;
        }
        if self.block_ends.val() {
            self.item_at.next = 0.into();
            self.block.next = self.block.val() + 1;
            self.base_at.next = self.base_at.val() + unsigned_cast(self.steps.val());
        }
        if self.ends.val() {
            self.block.next = 0.into();
            self.base_at.next = 0.into();
            self.bank.next = self.bank.val() + 1;
            self.rows_left.next = self.rows_left.val() - 1;
        }
        if self.block_begins.val() && !self.result_left.val() {
            self.pending.next = self.pending.val() + 1;
        }
        if self.result_left.val() && !self.block_begins.val() {
            self.pending.next = self.pending.val() - 1;
        }
        self.base_q.next = self.base_at.val();
        self.issue.next = self.issues.val();
        self.read_bank.next = self.bank.val();
        self.item.next = unsigned_cast(self.item_at.val());
        self.read_delta.next = self.delta_now.val();
        self.base.next = self.base_q.val();
        self.row_ends.next = self.ends.val();

        // Counters.
        self.busy.next = self.issues.val();
        self.stall_weights.next =
            (self.rows_left.val() != 0) && !self.has_row.val() && self.loading.val();
        self.stall_input.next =
            (self.rows_left.val() != 0) && !self.has_row.val() && !self.loading.val();
        self.stall_output.next = self.has_row.val() && self.begins.val() && self.full.val();
        self.plain_ends.next = self.ends.val() && !self.delta_now.val();
        self.delta_ends.next = self.ends.val() && self.delta_now.val();

        // What follows the products through the adder trees.
        self.valid_q[0].next = self.issues.val();
        self.first_q[0].next = self.begins.val() && !self.delta_now.val();
        self.last_q[0].next = self.block_ends.val();
        self.end_q[0].next = self.ends.val() && (self.rows_left.val() == 1);
        self.block_q[0].next = unsigned_cast(self.block.val());
        for i in 1..self.stages.val() {
            self.valid_q[i].next = self.valid_q[i - 1].val();
            self.first_q[i].next = self.first_q[i - 1].val();
            self.block_q[i].next = self.block_q[i - 1].val();
        }
        for i in 1..self.result_at.val() {
            self.last_q[i].next = self.last_q[i - 1].val();
            self.end_q[i].next = self.end_q[i - 1].val();
        }
        self.sum_valid.next = self.valid_q[self.stages.val() - 1].val();
        self.sum_block.next = self.block_q[self.stages.val() - 1].val();
        self.sum_first.next = self.first_q[self.stages.val() - 1].val();
        self.result.next = self.last_q[self.result_at.val() - 1].val();
        self.result_last.next = self.end_q[self.result_at.val() - 1].val();

        if self.clear.val() {
            self.there.next = 0.into();
            self.close_at.next = 0.into();
            self.bank.next = 0.into();
            self.item_at.next = 0.into();
            self.block.next = 0.into();
            self.base_at.next = 0.into();
            self.rows_left.next = 0.into();
            self.pending.next = 0.into();
            for i in 0..self.stages.val() {
                self.valid_q[i].next = false;
            }
            for i in 0..self.result_at.val() {
                self.last_q[i].next = false;
            }
        }
        if self.start.val() {
            self.rows_left.next = self.rows.val();
        }
    }
}
