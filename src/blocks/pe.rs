//! The processing element.

mod new;

use super::mcache_data::McacheData;
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
/// With `issue = "registered"` a register stands behind each memory, and one for the element in front of the multiplier: `x` is given
/// at u+4, what is marked (u) at u+2, and 3 is added to all other times. In front of the psum's adder stands a register as well, so the
/// times of psums and banks are a cycle later still. A psum or MCACHE word is addressed a cycle earlier, so it may be
/// stale by the third element before as well. What writes a weight or an operand (`weight_we`, `bank*_load`) is given a cycle before
/// address and data; a row leaves a cycle later by `drain_data`.
///
/// **Latency** an element whose `x` is given in cycle u+2 is in the psum bank from u+5 (`x` in u+4: from u+9). **Back-pressure** none: PEs
/// never stall, the set does not issue; the elements of a vector come in consecutive cycles.
/// **Parameters** `data_w` 8 or 16, `acc_w`, `weight_words` and `tile` powers of two, `k_max` (the vector accumulator
/// has `2·data_w + ⌈log2 k_max⌉` bits); `issue`.
///
/// With reuse ([`Config::reuse`](crate::config::Config::reuse)) a PE also has the MCACHE data of its filter, [`McacheData`], written from the vector sum
/// in u+4 and read in u+2 (the result reused: it takes the place of the vector sum) or in u (a factor, as the operand).
///
/// A bank may be read by the accumulation (u+2), as operand (u) or by the drain, one of them a cycle: the set decides
/// by `bank*_reads`; registered it says so a cycle before. The test `pe_multiplies_and_accumulates` drives it through both modes.
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
    /// The third element before does (u+2). With `issue = "registered"` alone.
    pub psum_forward_third: Vec<Bit<In>>,
    /// Bank that accumulates (u+2).
    pub psum_bank: Bit<In>,
    /// Bank 0 is read by the set: an operand or a psum; registered, a cycle later.
    pub bank0_reads: Bit<In>,
    /// … that word.
    pub bank0_raddr: Sig<In>,
    /// Bank 1 is read by the set.
    pub bank1_reads: Bit<In>,
    /// … that word.
    pub bank1_raddr: Sig<In>,
    /// What the drain reads in a bank that the set does not.
    pub drain_raddr: Sig<In>,
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
    /// The drain takes the word read in this cycle, one after its address; registered, the word read in the cycle before.
    pub drain_take: Bit<In>,
    /// The word taken last.
    pub drain_data: Sig<Out>,
    /// MCACHE entry to read (u+2; as factor u).
    pub cache_raddr: Vec<Sig<In>>,
    /// The element before writes that entry (u+2).
    pub cache_forward: Vec<Bit<In>>,
    /// The element before that one does (u+2).
    pub cache_forward_last: Vec<Bit<In>>,
    /// The third element before does (u+2). With `issue = "registered"` alone.
    pub cache_forward_third: Vec<Bit<In>>,
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
    psum_forward_third_q: Vec<BitReg>,
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
    drain_word: Sig<Local>,
    drain_bank_late: Vec<BitReg>,
    holds: Vec<BitReg>,
    reads0: Bit<Local>,
    reads1: Bit<Local>,
    raddr0: Sig<Local>,
    raddr1: Sig<Local>,
    reads0_q: Vec<BitReg>,
    reads1_q: Vec<BitReg>,
    raddr0_q: Vec<Reg>,
    raddr1_q: Vec<Reg>,
    held: Vec<Reg>,
    word0: Sig<Local>,
    word1: Sig<Local>,
    weight: Sig<Local>,
    word0_q: Vec<Reg>,
    word1_q: Vec<Reg>,
    weight_q: Vec<Reg>,
    operand: Sig<Local>,
    factor: Sig<Local>,
    by_operand: Bit<Local>,
    from_bank1: Bit<Local>,
    by_cache: Bit<Local>,
    by_low: Bit<Local>,
    by_high: Bit<Local>,
    use_operand_late: Vec<BitReg>,
    operand_bank_late: Vec<BitReg>,
    use_cache_late: Vec<BitReg>,
    cache_low_late: Vec<BitReg>,
    cache_high_late: Vec<BitReg>,
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
    older_sum: Vec<Reg>,
    addend: Sig<Local>,
    addend_q: Vec<Reg>,
    added: Sig<Local>,
    loaded: Sig<Local>,
    cache: Vec<McacheData>,
    caches: Param,
    directs: Param,
    late_caches: Param,
    lates: Param,
    high_at: Param,
    low_ones: Const,
    data_ones: Const,
    high_ones: Const,
    about: About,
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

        // What the memories read, if registered a cycle later: then whatever chooses among it begins with a flip-flop, which can be the
        // block RAM's own.
        self.word0.next = self.bank0.read_data.val();
        self.word1.next = self.bank1.read_data.val();
        self.weight.next = self.weights.read_data.val();
        self.by_operand.next = self.use_operand_q.val();
        self.from_bank1.next = self.operand_bank_q.val();
        for r in 0..self.lates.val() {
            self.word0_q[r].next = self.bank0.read_data.val();
            self.word1_q[r].next = self.bank1.read_data.val();
            self.weight_q[r].next = self.weights.read_data.val();
            self.use_operand_late[r].next = self.use_operand_q.val();
            self.operand_bank_late[r].next = self.operand_bank_q.val();
            self.word0.next = self.word0_q[r].val();
            self.word1.next = self.word1_q[r].val();
            self.weight.next = self.weight_q[r].val();
            self.by_operand.next = self.use_operand_late[r].val();
            self.from_bank1.next = self.operand_bank_late[r].val();
        }

        self.operand.next = signed_cast(self.word0.val());
        if self.from_bank1.val() {
            self.operand.next = signed_cast(self.word1.val());
        }
        self.factor.next = self.weight.val();
        if self.by_operand.val() {
            self.factor.next = self.operand.val();
        }
        self.by_cache.next = false;
        self.by_low.next = false;
        self.by_high.next = false;
        for r in 0..self.caches.val() {
            self.by_cache.next = self.use_cache_q[r].val();
            self.by_low.next = self.cache_low_q[r].val();
            self.by_high.next = self.cache_high_q[r].val();
        }
        for r in 0..self.late_caches.val() {
            self.use_cache_late[r].next = self.use_cache_q[r].val();
            self.cache_low_late[r].next = self.cache_low_q[r].val();
            self.cache_high_late[r].next = self.cache_high_q[r].val();
            self.by_cache.next = self.use_cache_late[r].val();
            self.by_low.next = self.cache_low_late[r].val();
            self.by_high.next = self.cache_high_late[r].val();
        }
        for r in 0..self.caches.val() {
            if self.by_cache.val() {
                self.factor.next = signed_cast(self.cache[r].read_data.val());
                if self.by_low.val() {
                    self.factor.next = self.factor.val() & self.low_ones.val();
                }
                if self.by_high.val() {
                    self.factor.next =
                        signed_cast(self.cache[r].read_data.val() >> self.high_at.val());
                }
            }
        }
        self.factor_q.next = self.factor.val();
        self.element.next = self.x.val();
        for r in 0..self.lates.val() {
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

        for r in 0..self.late_caches.val() {
            self.cache[r].forward_third[r].next = self.cache_forward_third[r].val();
        }

        self.stored.next = self.word0.val();
        if self.psum_bank_q.val() {
            self.stored.next = self.word1.val();
        }
        for r in 0..self.lates.val() {
            self.psum_forward_third_q[r].next = self.psum_forward_third[r].val();
            self.older_sum[r].next = self.last_sum.val();
            if self.psum_forward_third_q[r].val() {
                self.stored.next = self.older_sum[r].val();
            }
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
        self.added.next = self.addend.val();
        for r in 0..self.lates.val() {
            self.addend_q[r].next = self.addend.val();
            self.added.next = self.addend_q[r].val();
        }
        self.sum.next = self.stored.val() + self.added.val();
        self.last_sum.next = self.sum.val();

        // What the banks read. While the operand is there, the drain reads the other bank, if any.
        self.reads0.next = self.bank0_reads.val();
        self.raddr0.next = self.bank0_raddr.val();
        self.reads1.next = self.bank1_reads.val();
        self.raddr1.next = self.bank1_raddr.val();
        for r in 0..self.lates.val() {
            self.reads0_q[r].next = self.bank0_reads.val();
            self.raddr0_q[r].next = self.bank0_raddr.val();
            self.reads1_q[r].next = self.bank1_reads.val();
            self.raddr1_q[r].next = self.bank1_raddr.val();
            self.reads0.next = self.reads0_q[r].val();
            self.raddr0.next = self.raddr0_q[r].val();
            self.reads1.next = self.reads1_q[r].val();
            self.raddr1.next = self.raddr1_q[r].val();
        }

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
        self.bank0.read_address.next = self.drain_raddr.val();
        if self.reads0.val() {
            self.bank0.read_address.next = self.raddr0.val();
        }
        self.bank1.write_enable.next = self.accumulate1_q.val() || self.load1.val();
        self.bank1.write_address.next = self.bank1_waddr.val();
        self.bank1.write_data.next = self.sum.val();
        if self.load1.val() {
            self.bank1.write_data.next = self.loaded.val();
        }
        self.bank1.read_enable.next = true;
        self.bank1.read_address.next = self.drain_raddr.val();
        if self.reads1.val() {
            self.bank1.read_address.next = self.raddr1.val();
        }

        // The row that the drain takes; of what is read registered, while the drain stands still, the row waits, and the banks go on.
        self.drain_word.next = self.word0.val();
        for _r in 0..self.directs.val() {
            if self.drain_bank_q.val() {
                self.drain_word.next = self.word1.val();
            }
        }
        for r in 0..self.lates.val() {
            self.drain_bank_late[r].next = self.drain_bank_q.val();
            if self.drain_bank_late[r].val() {
                self.drain_word.next = self.word1.val();
            }
            if self.holds[r].val() {
                self.drain_word.next = self.held[r].val();
            }
            self.holds[r].next = !self.drain_take.val();
            self.held[r].next = self.drain_word.val();
        }
        if self.drain_take.val() {
            self.drained.next = self.drain_word.val();
        }
        self.drain_data.next = self.drained.val();
    }
}
