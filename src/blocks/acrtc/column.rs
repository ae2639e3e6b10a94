//! One column of sums: the shadow buffer.

use crate::config::tc::TcConfig;
use crate::hdl::prelude::*;

/// Adds the products of a block's items up: onto the previous row's result of that block, which is kept in the shadow buffer, or
/// onto 0.
///
/// ```text
///  cycle    r              r+1                                              r+2
///  block ──► [shadow] ─► 0 / shadow / last sum ─► + ─► [shadow] (block of cycle r) ─► [result]
///                                        addend ──┘
/// ```
///
/// In the dense core every block begins at 0, so there is no shadow buffer.
///
/// **Latency** an addend of cycle r+1 is in `result` from r+2; the same block may follow in the very next cycle. **Back-pressure** none.
/// **Parameters** `design`, `blocks`, `data_w`; `width` of an addend.
///
/// The test `columns_add_to_the_previous_row` drives it with repeated blocks; `tc_column` in `tests/acrtc/gates.rs` compares its Verilog
/// with it.
#[derive(LogicBlock)]
pub struct TcColumn {
    /// An addend follows in the next cycle.
    pub valid: Bit<In>,
    /// It is the first one of a plain row's block: what is stored counts 0.
    pub first: Bit<In>,
    /// Its block; only with a shadow buffer.
    pub block: Vec<Sig<In>>,
    /// The addend.
    pub addend: Sig<In>,
    /// The sum so far.
    pub result: Sig<Out>,
    shadow: Vec<Ram>,
    valid_q: BitReg,
    first_q: BitReg,
    again_q: Vec<BitReg>,
    block_q: Vec<Reg>,
    last: Reg,
    stored: Sig<Local>,
    sum: Sig<Local>,
    shadows: Param,
    about: About,
}

impl TcColumn {
    /// A column of this configuration for addends of `width` bits.
    pub fn new(config: &TcConfig, width: usize) -> Self {
        let block_w = address_width(config.blocks);
        let acc = config.acc_w();
        let shadows = usize::from(config.reuse());
        let text = match config.reuse() {
            true => {
                "One column of sums: adds products to the previous row's result, which its shadow buffer keeps, or to 0."
            }
            false => "One column of sums of the dense core.",
        };
        TcColumn {
            valid: Bit::new(),
            first: Bit::new(),
            block: (0..shadows).map(|_| Sig::unsigned(block_w)).collect(),
            addend: Sig::signed(width),
            result: Sig::signed(acc),
            shadow: (0..shadows)
                .map(|_| Ram::signed(acc, config.blocks).ignoring_collisions())
                .collect(),
            valid_q: BitReg::new(),
            first_q: BitReg::new().without_reset(),
            again_q: (0..shadows)
                .map(|_| BitReg::new().without_reset())
                .collect(),
            block_q: (0..shadows)
                .map(|_| Reg::unsigned(block_w).without_reset())
                .collect(),
            last: Reg::signed(acc).without_reset(),
            stored: Sig::signed(acc),
            sum: Sig::signed(acc),
            shadows: Param::new(shadows),
            about: About::new("tc_column", text),
        }
    }
}

impl Logic for TcColumn {
    #[hdl_gen]
    fn update(&mut self) {
        self.valid_q.next = self.valid.val();
        self.first_q.next = self.first.val();
        self.stored.next = self.last.val();
        for s in 0..self.shadows.val() {
            self.block_q[s].next = self.block[s].val();
            self.again_q[s].next =
                self.valid_q.val() && (self.block[s].val() == self.block_q[s].val());
            if !self.again_q[s].val() {
                self.stored.next = self.shadow[s].read_data.val();
            }
        }
        if self.first_q.val() {
            self.stored.next = 0.into();
        }
        self.sum.next = self.stored.val() + signed_cast(self.addend.val());
        if self.valid_q.val() {
            self.last.next = self.sum.val();
        }
        for s in 0..self.shadows.val() {
            self.shadow[s].write_enable.next = self.valid_q.val();
            self.shadow[s].write_address.next = self.block_q[s].val();
            self.shadow[s].write_data.next = self.sum.val();
            self.shadow[s].read_enable.next = true;
            self.shadow[s].read_address.next = self.block[s].val();
        }
        self.result.next = self.last.val();
    }
}
