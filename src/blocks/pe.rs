//! The processing element.

use super::mcache_data::McacheData;
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
/// With reuse ([`Config::reuse`]) a PE also has the MCACHE data of its filter, [`McacheData`], written from the vector sum
/// in u+4 and read in u+3 (the result reused: it takes the place of the vector sum) or in u+1 (a factor, as the operand).
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
    /// Weight or operand to write; an operand takes the low bits of a psum's word, the others are left open.
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
    /// MCACHE entry to read (u+3; as factor u+1).
    pub cache_raddr: Vec<Sig<In>>,
    /// That entry was written in the cycle before (u+4).
    pub cache_forward: Vec<Bit<In>>,
    /// MCACHE entry to write (u+4).
    pub cache_waddr: Vec<Sig<In>>,
    /// Write the vector sum there (u+4).
    pub cache_write: Vec<Bit<In>>,
    /// Write what is stored plus the vector sum (u+4).
    pub cache_add: Vec<Bit<In>>,
    /// The psum takes the entry's word instead of the vector sum (u+4).
    pub cache_reuse: Vec<Bit<In>>,
    /// Multiply by the entry's word (u+2).
    pub use_cache: Vec<Bit<In>>,
    /// … only by its low DATA_W − 1 bits (u+2).
    pub cache_low: Vec<Bit<In>>,
    /// … only by the bits above these (u+2).
    pub cache_high: Vec<Bit<In>>,
    /// The vector sum is one of such high parts: it counts 2^(DATA_W − 1) times (u+4).
    pub shift_sum: Vec<Bit<In>>,
    /// The entry's word written in u+4 does not fit an operand (u+5).
    pub cache_wide: Vec<Bit<Out>>,
    weights: Ram,
    bank0: Ram,
    bank1: Ram,
    operand: Sig<Local>,
    factor: Sig<Local>,
    product: Reg,
    vector_base: Sig<Local>,
    vector_sum: Reg,
    stored: Sig<Local>,
    sum: Sig<Local>,
    last_sum: Reg,
    addend: Sig<Local>,
    loaded: Sig<Local>,
    cache: Vec<McacheData>,
    caches: Param,
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
        let entry = || {
            (0..caches)
                .map(|_| Sig::unsigned(config.mcache.entry_w()))
                .collect()
        };
        let flag = || (0..caches).map(|_| Bit::new()).collect();
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
            cache_raddr: entry(),
            cache_forward: flag(),
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
            operand: Sig::signed(data),
            factor: Sig::signed(data),
            product: Reg::signed(2 * data).without_reset(),
            vector_base: Sig::signed(vector),
            vector_sum: Reg::signed(vector).without_reset(),
            stored: Sig::signed(acc),
            sum: Sig::signed(acc),
            last_sum: Reg::signed(acc).without_reset(),
            addend: Sig::signed(acc),
            loaded: Sig::signed(acc),
            cache: (0..caches).map(|_| McacheData::new(config)).collect(),
            caches: Param::new(caches),
            high_at: Param::new(data - 1),
            low_ones: Const::new(Value::signed(data, (1i128 << (data - 1)) - 1)),
            data_ones: Const::new(Value::signed(acc, (1i128 << data) - 1)),
            high_ones: Const::new(Value::signed(acc, -(1i128 << data))),
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
        for r in 0..self.caches.val() {
            if self.use_cache[r].val() {
                self.factor.next = signed_cast(self.cache[r].read_data.val());
                if self.cache_low[r].val() {
                    self.factor.next = self.factor.val() & self.low_ones.val();
                }
                if self.cache_high[r].val() {
                    self.factor.next =
                        signed_cast(self.cache[r].read_data.val() >> self.high_at.val());
                }
            }
        }
        self.product.next = self.x.val() * self.factor.val();

        // The choice stands before the adder, as in a DSP: product, adder and vector sum are one of them.
        self.vector_base.next = self.vector_sum.val();
        if self.vector_first.val() {
            self.vector_base.next = 0.into();
        }
        self.vector_sum.next = self.vector_base.val() + signed_cast(self.product.val());

        self.addend.next = signed_cast(self.vector_sum.val());
        for r in 0..self.caches.val() {
            self.cache[r].read_addr.next = self.cache_raddr[r].val();
            self.cache[r].forward.next = self.cache_forward[r].val();
            self.cache[r].vector_sum.next = self.vector_sum.val();
            self.cache[r].add.next = self.cache_add[r].val();
            self.cache[r].write.next = self.cache_write[r].val();
            self.cache[r].write_addr.next = self.cache_waddr[r].val();
            self.cache_wide[r].next = self.cache[r].wide.val();
            if self.shift_sum[r].val() {
                self.addend.next = self.addend.val() << self.high_at.val();
            }
            if self.cache_reuse[r].val() {
                self.addend.next = signed_cast(self.cache[r].stored.val());
            }
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
        self.sum.next = self.stored.val() + self.addend.val();
        self.last_sum.next = self.sum.val();

        // An operand is read by its low bits only: above it stands what is cheapest.
        self.loaded.next = (self.sum.val() & self.high_ones.val())
            | (signed_cast(self.load_data.val()) & self.data_ones.val());
        self.bank0.write_enable.next = self.bank0_accumulate.val() || self.bank0_load.val();
        self.bank0.write_address.next = self.bank0_waddr.val();
        self.bank0.write_data.next = self.sum.val();
        if self.bank0_load.val() {
            self.bank0.write_data.next = self.loaded.val();
        }
        self.bank0.read_enable.next = true;
        self.bank0.read_address.next = self.bank0_raddr.val();
        self.bank1.write_enable.next = self.bank1_accumulate.val() || self.bank1_load.val();
        self.bank1.write_address.next = self.bank1_waddr.val();
        self.bank1.write_data.next = self.sum.val();
        if self.bank1_load.val() {
            self.bank1.write_data.next = self.loaded.val();
        }
        self.bank1.read_enable.next = true;
        self.bank1.read_address.next = self.bank1_raddr.val();

        self.drain_data.next = self.bank0.read_data.val();
        if self.drain_bank.val() {
            self.drain_data.next = self.bank1.read_data.val();
        }
    }
}
