//! The processing element.

use super::mcache_data::McacheData;
use crate::config::{Config, Issue};
use crate::hdl::prelude::*;

/// Processing element (PE): one filter's weights, a multiplier, a vector accumulator and two psum banks.
///
/// All control comes from the set, registered, in the cycle in which the stage needs it; all PEs of a set get the same.
///
/// ```text
///  cycle    u              u+1            u+2           u+3                u+4
///  x ──────────────────────────────────►┌─────┐
///  weight_raddr►[weights]─► factor ────►│  ×  │─► product ─► + ─► vector ─► + ─► psum bank 0 / 1 (write)
///  bank_raddr ─►[bank]──────┘           └─────┘             ▲ (vector_first)  ▲
///               (operand)                                                     │
///                         bank_raddr ─►[bank]─► or the sum of this cycle ─► stored
///                                               (psum_forward), or the last
///                                               one (psum_forward_last), or 0
///  bank_raddr ─►[bank]─► drain_data (when drain_take)
/// ```
///
/// What chooses in every bit of a word is given one cycle before it counts and kept in a register of this PE: one register for
/// all PEs would need wires across the whole array, which is where routers give up. The times of the ports say when they
/// are given.
///
/// With `issue = "registered"` the element and the factor each have one more register in front of the multiplier: `x` is given at
/// u+4, what is marked (u) at u+2, and 3 is added to all other times. What writes a weight or an operand (`weight_we`, `bank*_load`)
/// is then given a cycle before address and data.
///
/// **Latency** an element whose `x` is given in cycle u+2 is in the psum bank from u+5 (`x` in u+4: from u+8). **Back-pressure** none: PEs
/// never stall, the set does not issue; the elements of a vector come in consecutive cycles.
/// **Parameters** `data_w` 8 or 16, `acc_w`, `weight_words` and `tile` powers of two, `k_max` (the vector accumulator
/// has `2·data_w + ⌈log2 k_max⌉` bits).
///
/// With reuse ([`Config::reuse`]) a PE also has the MCACHE data of its filter, [`McacheData`], written from the vector sum
/// in u+4 and read in u+2 (the result reused: it takes the place of the vector sum) or in u (a factor, as the operand).
///
/// A bank may be read by the accumulation (u+2), as operand (u) or by the drain, one of them a cycle: the set decides
/// by `bank*_raddr`. The test `pe_multiplies_and_accumulates` drives it through both modes.
#[derive(LogicBlock)]
pub struct Pe {
    /// Element, broadcast to all PEs (cycle u+2).
    pub x: Sig<In>,
    /// Write a word of the weight ring.
    pub weight_we: Bit<In>,
    /// Weight ring write address.
    pub weight_waddr: Sig<In>,
    /// Weight or operand to write; an operand takes the low bits of a psum's word, the others are left open.
    pub load_data: Sig<In>,
    /// Weight ring read address (u).
    pub weight_raddr: Sig<In>,
    /// Multiply by the operand instead of the weight (u).
    pub use_operand: Bit<In>,
    /// Bank that the operand comes from (u).
    pub operand_bank: Bit<In>,
    /// The product starts a new vector sum (u+2).
    pub vector_first: Bit<In>,
    /// Start from 0 instead of the stored psum (u+2).
    pub psum_zero: Bit<In>,
    /// The element before updates the same psum (u+2).
    pub psum_forward: Bit<In>,
    /// The element before that one does (u+2).
    pub psum_forward_last: Bit<In>,
    /// Bank that accumulates (u+2).
    pub psum_bank: Bit<In>,
    /// Read address of bank 0.
    pub bank0_raddr: Sig<In>,
    /// Read address of bank 1.
    pub bank1_raddr: Sig<In>,
    /// Write address of bank 0.
    pub bank0_waddr: Sig<In>,
    /// Write address of bank 1.
    pub bank1_waddr: Sig<In>,
    /// Write the sum into bank 0 (u+3).
    pub bank0_accumulate: Bit<In>,
    /// Write the sum into bank 1 (u+3).
    pub bank1_accumulate: Bit<In>,
    /// Write `load_data` into bank 0.
    pub bank0_load: Bit<In>,
    /// Write `load_data` into bank 1.
    pub bank1_load: Bit<In>,
    /// Bank that the drain reads, with the address.
    pub drain_bank: Bit<In>,
    /// The drain takes the word read in this cycle, one after its address.
    pub drain_take: Bit<In>,
    /// The word taken last.
    pub drain_data: Sig<Out>,
    /// MCACHE entry to read (u+2; as factor u).
    pub cache_raddr: Vec<Sig<In>>,
    /// The element before writes that entry (u+2).
    pub cache_forward: Vec<Bit<In>>,
    /// The element before that one does (u+2).
    pub cache_forward_last: Vec<Bit<In>>,
    /// MCACHE entry to write (u+4).
    pub cache_waddr: Vec<Sig<In>>,
    /// Write the vector sum there (u+4).
    pub cache_write: Vec<Bit<In>>,
    /// Write what is stored plus the vector sum (u+3).
    pub cache_add: Vec<Bit<In>>,
    /// The psum takes the entry's word instead of the vector sum (u+3).
    pub cache_reuse: Vec<Bit<In>>,
    /// Multiply by the entry's word (u).
    pub use_cache: Vec<Bit<In>>,
    /// … only by its low DATA_W − 1 bits (u).
    pub cache_low: Vec<Bit<In>>,
    /// … only by the bits above these (u).
    pub cache_high: Vec<Bit<In>>,
    /// The vector sum is one of such high parts: it counts 2^(DATA_W − 1) times (u+3).
    pub shift_sum: Vec<Bit<In>>,
    /// The entry's word written in u+4 does not fit an operand (u+5).
    pub cache_wide: Vec<Bit<Out>>,
    weights: Ram,
    bank0: Ram,
    bank1: Ram,
    use_operand_q: BitReg,
    operand_bank_q: BitReg,
    vector_first_q: BitReg,
    psum_zero_q: BitReg,
    psum_forward_q: BitReg,
    psum_forward_last_q: BitReg,
    psum_bank_q: BitReg,
    accumulate0_q: BitReg,
    accumulate1_q: BitReg,
    drain_bank_q: BitReg,
    cache_reuse_q: Vec<BitReg>,
    use_cache_q: Vec<BitReg>,
    cache_low_q: Vec<BitReg>,
    cache_high_q: Vec<BitReg>,
    shift_sum_q: Vec<BitReg>,
    drained: Reg,
    operand: Sig<Local>,
    factor: Sig<Local>,
    factor_late: Vec<Reg>,
    x_late: Vec<Reg>,
    weight_we_late: Vec<BitReg>,
    load0_late: Vec<BitReg>,
    load1_late: Vec<BitReg>,
    weight_write: Bit<Local>,
    load0: Bit<Local>,
    load1: Bit<Local>,
    element: Sig<Local>,
    factor_q: Reg,
    product: Reg,
    vector_base: Sig<Local>,
    vector_sum: Reg,
    stored: Reg,
    sum: Sig<Local>,
    last_sum: Reg,
    addend: Sig<Local>,
    loaded: Sig<Local>,
    cache: Vec<McacheData>,
    caches: Param,
    lates: Param,
    high_at: Param,
    low_ones: Const,
    data_ones: Const,
    high_ones: Const,
    about: About,
}

impl Pe {
    /// A PE of this configuration.
    pub fn new(config: &Config) -> Self {
        let (data, acc) = (config.data_w, config.acc_w);
        let vector = config.vector_w();
        let weight_addr = || Sig::unsigned(config.weight_w());
        let tile_addr = || Sig::unsigned(config.tile_w());
        let caches = usize::from(config.reuse);
        let lates = usize::from(config.issue == Issue::Registered);
        let entry = || {
            (0..caches)
                .map(|_| Sig::unsigned(config.mcache.entry_w()))
                .collect()
        };
        let flag = || (0..caches).map(|_| Bit::new()).collect();
        let own = || BitReg::new().without_reset().kept();
        let late_flag = || (0..lates).map(|_| own()).collect();
        let own_flag = || (0..caches).map(|_| own()).collect();
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
            psum_forward_last: Bit::new(),
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
            drain_take: Bit::new(),
            drain_data: Sig::signed(acc),
            cache_raddr: entry(),
            cache_forward: flag(),
            cache_forward_last: flag(),
            cache_waddr: entry(),
            cache_write: flag(),
            cache_add: flag(),
            cache_reuse: flag(),
            use_cache: flag(),
            cache_low: flag(),
            cache_high: flag(),
            shift_sum: flag(),
            cache_wide: (0..caches).map(|_| Bit::new()).collect(),
            weights: Ram::signed(data, config.weight_words).ignoring_collisions(),
            bank0: Ram::signed(acc, config.tile).ignoring_collisions(),
            bank1: Ram::signed(acc, config.tile).ignoring_collisions(),
            use_operand_q: own(),
            operand_bank_q: own(),
            vector_first_q: own(),
            psum_zero_q: own(),
            psum_forward_q: own(),
            psum_forward_last_q: own(),
            psum_bank_q: own(),
            accumulate0_q: own(),
            accumulate1_q: own(),
            drain_bank_q: own(),
            cache_reuse_q: own_flag(),
            use_cache_q: own_flag(),
            cache_low_q: own_flag(),
            cache_high_q: own_flag(),
            shift_sum_q: own_flag(),
            drained: Reg::signed(acc).without_reset(),
            operand: Sig::signed(data),
            factor: Sig::signed(data),
            factor_late: (0..lates)
                .map(|_| Reg::signed(data).without_reset())
                .collect(),
            x_late: (0..lates)
                .map(|_| Reg::signed(data).without_reset().kept())
                .collect(),
            weight_we_late: late_flag(),
            load0_late: late_flag(),
            load1_late: late_flag(),
            weight_write: Bit::new(),
            load0: Bit::new(),
            load1: Bit::new(),
            element: Sig::signed(data),
            factor_q: Reg::signed(data).without_reset(),
            product: Reg::signed(2 * data).without_reset(),
            vector_base: Sig::signed(vector),
            vector_sum: Reg::signed(vector).without_reset(),
            stored: Reg::signed(acc).without_reset(),
            sum: Sig::signed(acc),
            last_sum: Reg::signed(acc).without_reset(),
            addend: Sig::signed(acc),
            loaded: Sig::signed(acc),
            cache: (0..caches).map(|_| McacheData::new(config)).collect(),
            caches: Param::new(caches),
            lates: Param::new(lates),
            high_at: Param::new(data - 1),
            low_ones: Const::new(Value::signed(data, (1i128 << (data - 1)) - 1)),
            data_ones: Const::new(Value::signed(acc, (1i128 << data) - 1)),
            high_ones: Const::new(Value::signed(acc, -(1i128 << data))),
            about: About::new(
                "pe",
                "Processing element: weight ring, multiplier, vector accumulator and two psum banks. \
                 What chooses in every bit of a word is given a cycle before it counts, and kept here.",
            ),
        }
    }
}

impl Logic for Pe {
    #[hdl_gen]
    fn update(&mut self) {
        self.use_operand_q.next = self.use_operand.val();
        self.operand_bank_q.next = self.operand_bank.val();
        self.vector_first_q.next = self.vector_first.val();
        self.psum_zero_q.next = self.psum_zero.val();
        self.psum_forward_q.next = self.psum_forward.val();
        self.psum_forward_last_q.next = self.psum_forward_last.val();
        self.psum_bank_q.next = self.psum_bank.val();
        self.accumulate0_q.next = self.bank0_accumulate.val();
        self.accumulate1_q.next = self.bank1_accumulate.val();
        self.drain_bank_q.next = self.drain_bank.val();
        for r in 0..self.caches.val() {
            self.cache_reuse_q[r].next = self.cache_reuse[r].val();
            self.use_cache_q[r].next = self.use_cache[r].val();
            self.cache_low_q[r].next = self.cache_low[r].val();
            self.cache_high_q[r].next = self.cache_high[r].val();
            self.shift_sum_q[r].next = self.shift_sum[r].val();
        }

        self.weight_write.next = self.weight_we.val();
        self.load0.next = self.bank0_load.val();
        self.load1.next = self.bank1_load.val();
        for r in 0..self.lates.val() {
            self.weight_we_late[r].next = self.weight_we.val();
            self.load0_late[r].next = self.bank0_load.val();
            self.load1_late[r].next = self.bank1_load.val();
            self.weight_write.next = self.weight_we_late[r].val();
            self.load0.next = self.load0_late[r].val();
            self.load1.next = self.load1_late[r].val();
        }
        self.weights.write_enable.next = self.weight_write.val();
        self.weights.write_address.next = self.weight_waddr.val();
        self.weights.write_data.next = self.load_data.val();
        self.weights.read_enable.next = true;
        self.weights.read_address.next = self.weight_raddr.val();

        self.operand.next = signed_cast(self.bank0.read_data.val());
        if self.operand_bank_q.val() {
            self.operand.next = signed_cast(self.bank1.read_data.val());
        }
        self.factor.next = self.weights.read_data.val();
        if self.use_operand_q.val() {
            self.factor.next = self.operand.val();
        }
        for r in 0..self.caches.val() {
            if self.use_cache_q[r].val() {
                self.factor.next = signed_cast(self.cache[r].read_data.val());
                if self.cache_low_q[r].val() {
                    self.factor.next = self.factor.val() & self.low_ones.val();
                }
                if self.cache_high_q[r].val() {
                    self.factor.next =
                        signed_cast(self.cache[r].read_data.val() >> self.high_at.val());
                }
            }
        }
        self.factor_q.next = self.factor.val();
        self.element.next = self.x.val();
        for r in 0..self.lates.val() {
            self.factor_late[r].next = self.factor.val();
            self.factor_q.next = self.factor_late[r].val();
            self.x_late[r].next = self.x.val();
            self.element.next = self.x_late[r].val();
        }
        self.product.next = self.element.val() * self.factor_q.val();

        // The choice stands before the adder, as in a DSP: product, adder and vector sum are one of them.
        self.vector_base.next = self.vector_sum.val();
        if self.vector_first_q.val() {
            self.vector_base.next = 0.into();
        }
        self.vector_sum.next = self.vector_base.val() + signed_cast(self.product.val());

        self.addend.next = signed_cast(self.vector_sum.val());
        for r in 0..self.caches.val() {
            self.cache[r].read_addr.next = self.cache_raddr[r].val();
            self.cache[r].forward.next = self.cache_forward[r].val();
            self.cache[r].forward_last.next = self.cache_forward_last[r].val();
            self.cache[r].vector_sum.next = self.vector_sum.val();
            self.cache[r].add.next = self.cache_add[r].val();
            self.cache[r].write.next = self.cache_write[r].val();
            self.cache[r].write_addr.next = self.cache_waddr[r].val();
            self.cache_wide[r].next = self.cache[r].wide.val();
            if self.shift_sum_q[r].val() {
                self.addend.next = self.addend.val() << self.high_at.val();
            }
            if self.cache_reuse_q[r].val() {
                self.addend.next = signed_cast(self.cache[r].stored.val());
            }
        }

        self.stored.next = self.bank0.read_data.val();
        if self.psum_bank_q.val() {
            self.stored.next = self.bank1.read_data.val();
        }
        if self.psum_forward_last_q.val() {
            self.stored.next = self.last_sum.val();
        }
        if self.psum_forward_q.val() {
            self.stored.next = self.sum.val();
        }
        if self.psum_zero_q.val() {
            self.stored.next = 0.into();
        }
        self.sum.next = self.stored.val() + self.addend.val();
        self.last_sum.next = self.sum.val();

        // An operand is read by its low bits only: above it stands what is cheapest.
        self.loaded.next = (self.sum.val() & self.high_ones.val())
            | (signed_cast(self.load_data.val()) & self.data_ones.val());
        self.bank0.write_enable.next = self.accumulate0_q.val() || self.load0.val();
        self.bank0.write_address.next = self.bank0_waddr.val();
        self.bank0.write_data.next = self.sum.val();
        if self.load0.val() {
            self.bank0.write_data.next = self.loaded.val();
        }
        self.bank0.read_enable.next = true;
        self.bank0.read_address.next = self.bank0_raddr.val();
        self.bank1.write_enable.next = self.accumulate1_q.val() || self.load1.val();
        self.bank1.write_address.next = self.bank1_waddr.val();
        self.bank1.write_data.next = self.sum.val();
        if self.load1.val() {
            self.bank1.write_data.next = self.loaded.val();
        }
        self.bank1.read_enable.next = true;
        self.bank1.read_address.next = self.bank1_raddr.val();

        if self.drain_take.val() {
            self.drained.next = self.bank0.read_data.val();
            if self.drain_bank_q.val() {
                self.drained.next = self.bank1.read_data.val();
            }
        }
        self.drain_data.next = self.drained.val();
    }
}
