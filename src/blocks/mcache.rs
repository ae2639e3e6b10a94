//! The tags of a set's signature cache: what a vector's signature means for it.

use super::signature_comparator::SignatureComparator;
use crate::config::{Config, index_width};
use crate::hdl::prelude::*;
use crate::reuse::State;

/// Looks a signature up and inserts it if it is new, one vector a cycle.
///
/// ```text
///  signature ─► xor of slices ─► set index ─► tag RAM of every way ─► comparator ─► hit, free way ─► state, entry
///      │                            │                                                     │           (z+5)
///      └────────────────────────────┴───── write tag, set valid bit ◄── new and a way free┘
/// ```
///
/// Valid bits are flip-flops: the first vector of a group finds all of them 0, so that emptying the cache takes no
/// cycle. **Latency** a vector in cycle z+4 gives its result in z+5; an insertion is seen by the vector of the next
/// cycle. **Back-pressure** none. **Parameters** `mcache.sets` and `mcache.ways` 1…1024, powers of two; `sig_w` at
/// least log2(sets), at most 128. There is no replacement; an entry is numbered set·ways + way.
///
/// The test `mcache_decides_as_a_search_through_the_group` compares it with a search through all earlier vectors; the
/// gate tests `mcache` and `mcache_of_few_entries` its Verilog with it.
#[derive(LogicBlock)]
pub struct Mcache {
    /// START, or an error: nothing is on its way.
    pub clear: Bit<In>,
    /// Job: the mode has signatures.
    pub looks_up: Bit<In>,
    /// A vector (z+4).
    pub valid: Bit<In>,
    /// It is the first of its group: the cache is empty.
    pub first: Bit<In>,
    /// It is all zeros and skipped.
    pub zero: Bit<In>,
    /// Its signature.
    pub signature: Sig<In>,
    /// A decision (z+5).
    pub decided: Bit<Out>,
    /// The vector's state: 0 ZERO, 1 HIT, 2 MAU, 3 MNU.
    pub state: Sig<Out>,
    /// Its entry; 0 for ZERO and MNU.
    pub entry: Sig<Out>,
    /// Its signature; 0 for ZERO.
    pub tag: Sig<Out>,
    tags: Vec<LutRam>,
    used: Vec<Reg>,
    used_now: Vec<Sig<Local>>,
    comparator: SignatureComparator,
    index: Sig<Local>,
    in_set: Sig<Local>,
    looked_up: Bit<Local>,
    insert: Bit<Local>,
    decided_out: BitReg,
    state_out: Reg,
    entry_out: Reg,
    tag_out: Reg,
    ways: Param,
    slices: Param,
    set_bits: Param,
    way_bits: Param,
    entry_w: Param,
    hit_code: Param,
    mau_code: Param,
    mnu_code: Param,
    about: About,
}

impl Mcache {
    /// The cache of this configuration.
    pub fn new(config: &Config) -> Self {
        let (sets, ways) = (config.mcache.sets, config.mcache.ways);
        let set_bits = sets.ilog2() as usize;
        let slices = match set_bits {
            0 => 0,
            bits => config.sig_w.div_ceil(bits),
        };
        let code = |state: State| Param::new(state.code().into());
        Mcache {
            clear: Bit::new(),
            looks_up: Bit::new(),
            valid: Bit::new(),
            first: Bit::new(),
            zero: Bit::new(),
            signature: Sig::unsigned(config.sig_w),
            decided: Bit::new(),
            state: Sig::unsigned(STATE_W),
            entry: Sig::unsigned(config.mcache.entry_w()),
            tag: Sig::unsigned(config.sig_w),
            tags: (0..ways)
                .map(|_| LutRam::unsigned(config.sig_w, sets))
                .collect(),
            used: (0..ways).map(|_| Reg::unsigned(sets)).collect(),
            used_now: (0..ways).map(|_| Sig::unsigned(sets)).collect(),
            comparator: SignatureComparator::new(config),
            index: Sig::unsigned(index_width(sets)),
            in_set: Sig::unsigned(ways),
            looked_up: Bit::new(),
            insert: Bit::new(),
            decided_out: BitReg::new(),
            state_out: Reg::unsigned(STATE_W).without_reset(),
            entry_out: Reg::unsigned(config.mcache.entry_w()).without_reset(),
            tag_out: Reg::unsigned(config.sig_w).without_reset(),
            ways: Param::new(ways),
            slices: Param::new(slices),
            set_bits: Param::new(set_bits),
            way_bits: Param::new(ways.ilog2() as usize),
            entry_w: Param::new(config.mcache.entry_w()),
            hit_code: code(State::Hit),
            mau_code: code(State::Mau),
            mnu_code: code(State::Mnu),
            about: About::new(
                "mcache",
                "Tags of a signature cache: looks a signature up and inserts it if it is new and a way is free, one a \
                 cycle; the first vector of a group finds the cache empty.",
            ),
        }
    }
}

/// Bits of a Hitmap state.
pub const STATE_W: usize = 2;

impl Logic for Mcache {
    #[hdl_gen]
    fn update(&mut self) {
        self.index.next = 0.into();
        for i in 0..self.slices.val() {
            self.index.next =
                self.index.val() ^ unsigned_cast(self.signature.val() >> (i * self.set_bits.val()));
        }

        self.in_set.next = 0.into();
        self.comparator.signature.next = self.signature.val();
        for w in 0..self.ways.val() {
            self.used_now[w].next = self.used[w].val();
            if self.first.val() {
                self.used_now[w].next = 0.into();
            }
            self.in_set.next = self
                .in_set
                .val()
                .replace_bit(w, self.used_now[w].val().get_bit(self.index.val().index()));
            self.tags[w].read_address.next = self.index.val();
            self.comparator.tag[w].next = self.tags[w].read_data.val();
        }
        self.comparator.valid.next = self.in_set.val();

        self.looked_up.next = self.valid.val() && self.looks_up.val() && !self.zero.val();
        self.insert.next =
            self.looked_up.val() && !self.comparator.hit.val() && self.comparator.free.val();
        for w in 0..self.ways.val() {
            self.tags[w].write_enable.next =
                self.insert.val() && (self.comparator.free_way.val() == w);
            self.tags[w].write_address.next = self.index.val();
            self.tags[w].write_data.next = self.signature.val();
            if self.valid.val() {
                self.used[w].next = self.used_now[w].val();
                if self.insert.val() && (self.comparator.free_way.val() == w) {
                    self.used[w].next = self.used_now[w]
                        .val()
                        .replace_bit(self.index.val().index(), true);
                }
            }
        }

        self.decided_out.next = self.valid.val() && !self.clear.val();
        if self.valid.val() {
            self.tag_out.next = self.signature.val();
            self.entry_out.next = 0.into();
            self.state_out.next = self.mnu_code.val().into();
            if self.zero.val() {
                self.state_out.next = 0.into();
                self.tag_out.next = 0.into();
            } else if self.looks_up.val() {
                if self.comparator.hit.val() {
                    self.state_out.next = self.hit_code.val().into();
                    self.entry_out.next = (bit_cast_w(self.index.val(), self.entry_w.val())
                        << self.way_bits.val())
                        | bit_cast_w(self.comparator.hit_way.val(), self.entry_w.val());
                } else if self.comparator.free.val() {
                    self.state_out.next = self.mau_code.val().into();
                    self.entry_out.next = (bit_cast_w(self.index.val(), self.entry_w.val())
                        << self.way_bits.val())
                        | bit_cast_w(self.comparator.free_way.val(), self.entry_w.val());
                }
            }
        }
        self.decided.next = self.decided_out.val();
        self.state.next = self.state_out.val();
        self.entry.next = self.entry_out.val();
        self.tag.next = self.tag_out.val();
    }
}
