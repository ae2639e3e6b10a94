//! The elements of rows in the dense core, where no list is needed.

use super::bank_w;
use crate::config::tc::{ROW_BANKS, TcConfig};
use crate::hdl::prelude::*;

/// One lane's elements of four rows.
///
/// ```text
///  take, element ─► [bank, step]        read_bank, item ─► value, one cycle later
/// ```
///
/// **Latency** an element taken in cycle t can be read from t+1; `value` and `working` stand one cycle after `item`. **Back-pressure** none.
/// **Parameters** `data_w`, `steps`.
///
/// `row_buffer` in `tests/acrtc/gates.rs` compares its Verilog with it; `mercury acrtc cosim --preset dense-tc-tiny` runs it.
#[derive(LogicBlock)]
pub struct RowBuffer {
    /// An element of this lane is taken.
    pub take: Bit<In>,
    /// The element.
    pub element: Sig<In>,
    /// Its step.
    pub step: Sig<In>,
    /// Bank of its row.
    pub bank: Sig<In>,
    /// Bank to read.
    pub read_bank: Sig<In>,
    /// Item to read: the step.
    pub item: Sig<In>,
    /// It is issued.
    pub issue: Bit<In>,
    /// An item was issued, one cycle later.
    pub working: Bit<Out>,
    /// Its element; 0 if none was.
    pub value: Sig<Out>,
    /// Its step.
    pub value_step: Sig<Out>,
    row: Ram,
    working_q: BitReg,
    step_q: Reg,
    address_w: Param,
    step_bits: Param,
    about: About,
}

impl RowBuffer {
    /// The buffer of a lane of this configuration.
    pub fn new(config: &TcConfig) -> Self {
        let step_w = address_width(config.steps);
        let depth = ROW_BANKS * config.steps;
        RowBuffer {
            take: Bit::new(),
            element: Sig::signed(config.data_w),
            step: Sig::unsigned(step_w),
            bank: Sig::unsigned(bank_w()),
            read_bank: Sig::unsigned(bank_w()),
            item: Sig::unsigned(step_w),
            issue: Bit::new(),
            working: Bit::new(),
            value: Sig::signed(config.data_w),
            value_step: Sig::unsigned(step_w),
            row: Ram::signed(config.data_w, depth).ignoring_collisions(),
            working_q: BitReg::new(),
            step_q: Reg::unsigned(step_w).without_reset(),
            address_w: Param::new(address_width(depth)),
            step_bits: Param::new(step_w),
            about: About::new("row_buffer", "One lane's elements of four rows."),
        }
    }
}

impl Logic for RowBuffer {
    #[hdl_gen]
    fn update(&mut self) {
        self.row.write_enable.next = self.take.val();
        self.row.write_address.next = (bit_cast_w(self.bank.val(), self.address_w.val())
            << self.step_bits.val())
            | unsigned_cast(self.step.val());
        self.row.write_data.next = self.element.val();
        self.row.read_enable.next = true;
        self.row.read_address.next = (bit_cast_w(self.read_bank.val(), self.address_w.val())
            << self.step_bits.val())
            | unsigned_cast(self.item.val());
        self.working_q.next = self.issue.val();
        self.step_q.next = self.item.val();
        self.working.next = self.working_q.val();
        self.value.next = 0.into();
        if self.working_q.val() {
            self.value.next = self.row.read_data.val();
        }
        self.value_step.next = self.step_q.val();
    }
}

/// Says when a row of the dense core is there: as late as its lists would be, so that both cores keep the same dates.
///
/// ```text
///  last slice taken in t ─► [ ] ─► [ ] ─► [ ] ─► [ ] ─► close in t+4: as long as the row has steps
/// ```
///
/// **Latency** 4 cycles. **Back-pressure** none. **Parameters** none.
///
/// `row_delay` in `tests/acrtc/gates.rs` compares its Verilog with it.
#[derive(LogicBlock)]
pub struct RowDelay {
    /// START, an error or ABORT: nothing is under way.
    pub clear: Bit<In>,
    /// A slice is taken.
    pub take: Bit<In>,
    /// It is the last one of its row.
    pub row_complete: Bit<In>,
    /// A row is complete.
    pub close: Bit<Out>,
    complete: Vec<BitReg>,
    about: About,
}

impl RowDelay {
    /// The delay.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        RowDelay {
            clear: Bit::new(),
            take: Bit::new(),
            row_complete: Bit::new(),
            close: Bit::new(),
            complete: (0..4).map(|_| BitReg::new()).collect(),
            about: About::new("row_delay", "Says when a row of the dense core is there."),
        }
    }
}

impl Logic for RowDelay {
    #[hdl_gen]
    fn update(&mut self) {
        self.complete[0].next = self.take.val() && self.row_complete.val();
        for i in 1..4 {
            self.complete[i].next = self.complete[i - 1].val();
        }
        self.close.next = self.complete[3].val();
        if self.clear.val() {
            for i in 0..4 {
                self.complete[i].next = false;
            }
        }
    }
}
