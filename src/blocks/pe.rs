//! The processing element.

use crate::config::Config;
use crate::hdl::prelude::*;

/// Processing element (PE): one filter's weights, a multiplier, a vector accumulator and two psum banks.
///
/// All control comes from the set, registered, in the cycle in which the stage needs it; all PEs of a set get the same.
///
/// ```text
///  cycle    u+1            u+2            u+3                u+4
///  x ───────────────────►┌─────┐
///  weight_raddr►[weights]►│  ×  │─► product ─► + ─► vector ─► + ─► psum bank 0 / 1 (write)
///  bank_raddr ─►[bank]───►└─────┘             ▲ (vector_first)  ▲
///               (operand)                                       └─ [bank] ◄─ bank_raddr in u+3, or the sum just
///  bank_raddr ─►[bank]───────────────────────────► drain_data      written (psum_forward), or 0 (psum_zero)
/// ```
///
/// **Latency** an element whose `x` is given in cycle u+2 is in the psum bank from u+5. **Back-pressure** none: PEs
/// never stall, the set does not issue; the elements of a vector come in consecutive cycles.
/// **Parameters** `data_w` 8 or 16, `acc_w`, `weight_words` and `tile` powers of two, `k_max` (the vector accumulator
/// has `2·data_w + ⌈log2 k_max⌉` bits).
///
/// A bank may be read by the accumulation (u+3), as operand (u+1) or by the drain, one of them a cycle: the set decides
/// by `bank*_raddr`. The test `pe_multiplies_and_accumulates` drives it through both modes.
#[derive(LogicBlock)]
pub struct Pe {
    /// Element, broadcast to all PEs (cycle u+2).
    pub x: Sig<In>,
    /// Write a word of the weight ring.
    pub weight_we: Bit<In>,
    /// Weight ring write address.
    pub weight_waddr: Sig<In>,
    /// Weight or operand to write.
    pub load_data: Sig<In>,
    /// Weight ring read address (u+1).
    pub weight_raddr: Sig<In>,
    /// Multiply by the operand instead of the weight (u+2).
    pub use_operand: Bit<In>,
    /// Bank that the operand comes from (u+2).
    pub operand_bank: Bit<In>,
    /// The product starts a new vector sum (u+3).
    pub vector_first: Bit<In>,
    /// Start from 0 instead of the stored psum (u+4).
    pub psum_zero: Bit<In>,
    /// The stored psum is the one written in the previous cycle (u+4).
    pub psum_forward: Bit<In>,
    /// Bank that accumulates (u+4).
    pub psum_bank: Bit<In>,
    /// Read address of bank 0.
    pub bank0_raddr: Sig<In>,
    /// Read address of bank 1.
    pub bank1_raddr: Sig<In>,
    /// Write address of bank 0.
    pub bank0_waddr: Sig<In>,
    /// Write address of bank 1.
    pub bank1_waddr: Sig<In>,
    /// Write the sum into bank 0 (u+4).
    pub bank0_accumulate: Bit<In>,
    /// Write the sum into bank 1 (u+4).
    pub bank1_accumulate: Bit<In>,
    /// Write `load_data` into bank 0.
    pub bank0_load: Bit<In>,
    /// Write `load_data` into bank 1.
    pub bank1_load: Bit<In>,
    /// Bank that the drain reads.
    pub drain_bank: Bit<In>,
    /// Word of that bank, one cycle after its address.
    pub drain_data: Sig<Out>,
    weights: Ram,
    bank0: Ram,
    bank1: Ram,
    operand: Sig<Local>,
    factor: Sig<Local>,
    product: Reg,
    vector_sum: Reg,
    stored: Sig<Local>,
    sum: Sig<Local>,
    last_sum: Reg,
    about: About,
}

impl Pe {
    /// A PE of this configuration.
    pub fn new(config: &Config) -> Self {
        let (data, acc) = (config.data_w, config.acc_w);
        let vector = config.vector_w();
        let weight_addr = || Sig::unsigned(config.weight_w());
        let tile_addr = || Sig::unsigned(config.tile_w());
        Pe {
            x: Sig::signed(data),
            weight_we: Bit::new(),
            weight_waddr: weight_addr(),
            load_data: Sig::signed(data),
            weight_raddr: weight_addr(),
            use_operand: Bit::new(),
            operand_bank: Bit::new(),
            vector_first: Bit::new(),
            psum_zero: Bit::new(),
            psum_forward: Bit::new(),
            psum_bank: Bit::new(),
            bank0_raddr: tile_addr(),
            bank1_raddr: tile_addr(),
            bank0_waddr: tile_addr(),
            bank1_waddr: tile_addr(),
            bank0_accumulate: Bit::new(),
            bank1_accumulate: Bit::new(),
            bank0_load: Bit::new(),
            bank1_load: Bit::new(),
            drain_bank: Bit::new(),
            drain_data: Sig::signed(acc),
            weights: Ram::signed(data, config.weight_words),
            bank0: Ram::signed(acc, config.tile),
            bank1: Ram::signed(acc, config.tile),
            operand: Sig::signed(data),
            factor: Sig::signed(data),
            product: Reg::signed(2 * data).without_reset(),
            vector_sum: Reg::signed(vector).without_reset(),
            stored: Sig::signed(acc),
            sum: Sig::signed(acc),
            last_sum: Reg::signed(acc).without_reset(),
            about: About::new(
                "pe",
                "Processing element: weight ring, multiplier, vector accumulator and two psum banks. \
                 The set gives all control, registered, in the cycle in which each stage needs it.",
            ),
        }
    }
}

impl Logic for Pe {
    #[hdl_gen]
    fn update(&mut self) {
        self.weights.write_enable.next = self.weight_we.val();
        self.weights.write_address.next = self.weight_waddr.val();
        self.weights.write_data.next = self.load_data.val();
        self.weights.read_enable.next = true;
        self.weights.read_address.next = self.weight_raddr.val();

        self.operand.next = signed_cast(self.bank0.read_data.val());
        if self.operand_bank.val() {
            self.operand.next = signed_cast(self.bank1.read_data.val());
        }
        self.factor.next = self.weights.read_data.val();
        if self.use_operand.val() {
            self.factor.next = self.operand.val();
        }
        self.product.next = self.x.val() * self.factor.val();

        self.vector_sum.next = self.vector_sum.val() + signed_cast(self.product.val());
        if self.vector_first.val() {
            self.vector_sum.next = signed_cast(self.product.val());
        }

        self.stored.next = self.bank0.read_data.val();
        if self.psum_bank.val() {
            self.stored.next = self.bank1.read_data.val();
        }
        if self.psum_forward.val() {
            self.stored.next = self.last_sum.val();
        }
        if self.psum_zero.val() {
            self.stored.next = 0.into();
        }
        self.sum.next = self.stored.val() + signed_cast(self.vector_sum.val());
        self.last_sum.next = self.sum.val();

        self.bank0.write_enable.next = self.bank0_accumulate.val() || self.bank0_load.val();
        self.bank0.write_address.next = self.bank0_waddr.val();
        self.bank0.write_data.next = self.sum.val();
        if self.bank0_load.val() {
            self.bank0.write_data.next = signed_cast(self.load_data.val());
        }
        self.bank0.read_enable.next = true;
        self.bank0.read_address.next = self.bank0_raddr.val();
        self.bank1.write_enable.next = self.bank1_accumulate.val() || self.bank1_load.val();
        self.bank1.write_address.next = self.bank1_waddr.val();
        self.bank1.write_data.next = self.sum.val();
        if self.bank1_load.val() {
            self.bank1.write_data.next = signed_cast(self.load_data.val());
        }
        self.bank1.read_enable.next = true;
        self.bank1.read_address.next = self.bank1_raddr.val();

        self.drain_data.next = self.bank0.read_data.val();
        if self.drain_bank.val() {
            self.drain_data.next = self.bank1.read_data.val();
        }
    }
}
