//! Which set of the MCACHE a signature belongs to.

use crate::config::{Config, index_width};
use crate::hdl::prelude::*;

/// Folds a signature to the number of its MCACHE set, in a cycle of its own or in none.
///
/// ```text
///  signature ─┬─► xor of slices ─► (register) ─► index
///             └──────────────────► (register) ─► looked_up, with valid_out, last_out, zero_out
/// ```
///
/// The rule is that of `docs/reuse.md`, "MCACHE": the xor of the signature's slices of log2(sets) bits.
///
/// **Latency** 0; 1 with the register ([`Mcache::index_cycles`](crate::config::Mcache::index_cycles)), which is there because the number is the
/// read address of every tag memory. **Back-pressure** none. **Parameters** `mcache.sets` 1…1024, a power of two; `mcache.tags`;
/// `sig_w` at least log2(sets), at most 128.
///
/// The test `cache_index_is_the_xor_of_the_slices` compares it with the rule; the gate tests `cache_index` and
/// `cache_index_registered` its Verilog with it.
#[derive(LogicBlock)]
pub struct CacheIndex {
    /// Nothing is on its way.
    pub clear: Bit<In>,
    /// A vector.
    pub valid: Bit<In>,
    /// It is the last of its group.
    pub last: Bit<In>,
    /// It is skipped.
    pub zero: Bit<In>,
    /// Its signature.
    pub signature: Sig<In>,
    /// The number of its set.
    pub index: Sig<Out>,
    /// The signature beside it.
    pub looked_up: Sig<Out>,
    /// … a vector.
    pub valid_out: Bit<Out>,
    /// … the last of its group.
    pub last_out: Bit<Out>,
    /// … skipped.
    pub zero_out: Bit<Out>,
    folded: Sig<Local>,
    valid_q: Vec<BitReg>,
    last_q: Vec<BitReg>,
    zero_q: Vec<BitReg>,
    signature_q: Vec<Reg>,
    index_q: Vec<Reg>,
    slices: Param,
    set_bits: Param,
    registered: Param,
    about: About,
}

impl CacheIndex {
    /// The block for a configuration's MCACHE and signatures.
    pub fn new(config: &Config) -> Self {
        let set_bits = config.mcache.sets.ilog2() as usize;
        let slices = match set_bits {
            0 => 0,
            bits => config.sig_w.div_ceil(bits),
        };
        let index_w = index_width(config.mcache.sets);
        let registered = config.mcache.index_cycles();
        let later = |width| {
            (0..registered)
                .map(|_| Reg::unsigned(width).without_reset())
                .collect()
        };
        let flag = || {
            (0..registered)
                .map(|_| BitReg::new().without_reset())
                .collect()
        };
        CacheIndex {
            clear: Bit::new(),
            valid: Bit::new(),
            last: Bit::new(),
            zero: Bit::new(),
            signature: Sig::unsigned(config.sig_w),
            index: Sig::unsigned(index_w),
            looked_up: Sig::unsigned(config.sig_w),
            valid_out: Bit::new(),
            last_out: Bit::new(),
            zero_out: Bit::new(),
            folded: Sig::unsigned(index_w),
            valid_q: (0..registered).map(|_| BitReg::new()).collect(),
            last_q: flag(),
            zero_q: flag(),
            signature_q: later(config.sig_w),
            index_q: later(index_w),
            slices: Param::new(slices),
            set_bits: Param::new(set_bits),
            registered: Param::new(registered),
            about: About::new(
                "cache_index",
                "Number of the MCACHE set that a signature belongs to: the xor of its slices.",
            ),
        }
    }
}

impl Logic for CacheIndex {
    #[hdl_gen]
    fn update(&mut self) {
        self.folded.next = 0.into();
        for i in 0..self.slices.val() {
            self.folded.next = self.folded.val()
                ^ unsigned_cast(self.signature.val() >> (i * self.set_bits.val()));
        }
        self.index.next = self.folded.val();
        self.looked_up.next = self.signature.val();
        self.valid_out.next = self.valid.val();
        self.last_out.next = self.last.val();
        self.zero_out.next = self.zero.val();
        for r in 0..self.registered.val() {
            self.index_q[r].next = self.folded.val();
            self.signature_q[r].next = self.signature.val();
            self.valid_q[r].next = self.valid.val() && !self.clear.val();
            self.last_q[r].next = self.last.val();
            self.zero_q[r].next = self.zero.val();
            self.index.next = self.index_q[r].val();
            self.looked_up.next = self.signature_q[r].val();
            self.valid_out.next = self.valid_q[r].val();
            self.last_out.next = self.last_q[r].val();
            self.zero_out.next = self.zero_q[r].val();
        }
    }
}
