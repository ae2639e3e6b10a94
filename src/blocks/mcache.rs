//! The tags of a set's signature cache: what a vector's signature means for it.

use super::cache_index::CacheIndex;
use super::signature_comparator::SignatureComparator;
use crate::config::{Config, Tags, index_width};
use crate::hdl::prelude::*;
use crate::reuse::State;

/// Looks a signature up and inserts it if it is new, one vector a cycle.
///
/// ```text
///  signature ─► cache_index ─► index ───┬─► [tags of every way] ─► comparator ─► hit, way ──┬─► state, entry
///      │                                ├─► [fills: epoch, filled], [helds] ─► ways that ───┤
///      │                                │                              hold a tag           │
///      └────────────────────────────────┴──── write tag, filled + 1 ◄── new and a way free ─┘
/// ```
///
/// Ways fill up from way 0 on and are never replaced, so a count, and the same as a bit for each way, says which hold a
/// tag. They count if they were written in this epoch: **emptying the cache is epoch + 1**, one cycle. Epochs are numbered modulo the sets, and the cycle that
/// ends epoch e also empties set e. So before a number comes back every set was emptied once since it was last current,
/// and no older count can be taken for a new one. The end of an epoch is the cycle after a group's last vector, in which
/// there must be no vector (a detector takes a new group one cycle later at the earliest), and the one after `clear`.
/// After reset `sets` such cycles go by before `ready`, so nothing depends on what memories hold at power-up.
///
/// With tags in block RAM ([`Tags::BlockRam`]), or in LUT RAM with a register behind it ([`Tags::LutRamRegistered`]), all
/// but the index comes a cycle later, because reading takes a cycle. A
/// tag that is written while the next vector reads its set is not read: the next vector is compared with the signature
/// itself, which is still in the output register. With [`Tags::LutRamCompared`] the number of the set has a cycle of its own
/// before, and the comparison one behind, so that two tags are compared that way; which ways of its set hold a tag is read a cycle ahead, and follows what is inserted meanwhile.
///
/// **Latency** a vector in cycle z+4 gives its result in z+5, with tags that are read in a cycle of their own in z+6, with tags that are
/// compared in one too, and their set numbered, in z+8; an insertion is seen by
/// the vector of the next cycle. **Back-pressure** none. **Parameters** `mcache.sets` and `mcache.ways` 1…1024, powers
/// of two; `mcache.tags`; `sig_w` at least log2(sets), at most 128. An entry is numbered set·ways + way.
///
/// The test `mcache_decides_as_a_search_through_the_group` compares it with a search through all earlier vectors, over
/// many rounds of epochs and for all kinds of tags; the gate tests `mcache`, `mcache_of_few_entries`, `mcache_registered`,
/// `mcache_compared` and `mcache_in_block_ram` its Verilog with it.
#[derive(LogicBlock)]
pub struct Mcache {
    /// START, or an error: nothing is on its way, and the group has ended.
    pub clear: Bit<In>,
    /// Job: the mode has signatures.
    pub looks_up: Bit<In>,
    /// A vector (z+4).
    pub valid: Bit<In>,
    /// It is the last of its group: then the cache becomes empty.
    pub last: Bit<In>,
    /// It is all zeros and skipped.
    pub zero: Bit<In>,
    /// Its signature.
    pub signature: Sig<In>,
    /// All sets were emptied since reset: vectors may come.
    pub ready: Bit<Out>,
    /// A decision (z+5, z+6 or z+8).
    pub decided: Bit<Out>,
    /// The vector's state: 0 ZERO, 1 HIT, 2 MAU, 3 MNU.
    pub state: Sig<Out>,
    /// Its entry; 0 for ZERO and MNU.
    pub entry: Sig<Out>,
    /// Its signature; 0 for ZERO.
    pub tag: Sig<Out>,
    lut_tags: Vec<LutRam>,
    block_tags: Vec<Ram>,
    tags_q: Vec<Reg>,
    fills: LutRam,
    helds: LutRam,
    first_way: Const,
    comparator: SignatureComparator,
    fold: CacheIndex,
    // With tags that are read in a cycle of their own: the vector a cycle later.
    valid_q: Vec<BitReg>,
    last_q: Vec<BitReg>,
    zero_q: Vec<BitReg>,
    signature_q: Vec<Reg>,
    index_q: Vec<Reg>,
    inserted_q: Vec<BitReg>,
    // … and whether it equals the one before.
    same_set: Vec<BitReg>,
    same_tag: Vec<BitReg>,
    // … and the one before that, as long as the look-up takes two cycles.
    far_set: Vec<BitReg>,
    far_tag: Vec<BitReg>,
    entry_before: Vec<Reg>,
    soon_index: Sig<Local>,
    soon_signature: Sig<Local>,
    compared: Sig<Local>,
    unread: Sig<Local>,
    // The vector that is decided now.
    valid_now: Bit<Local>,
    last_now: Bit<Local>,
    zero_now: Bit<Local>,
    signature_now: Sig<Local>,
    index_now: Sig<Local>,
    // Epochs.
    epoch: Reg,
    ended: BitReg,
    emptied: BitReg,
    empties: Bit<Local>,
    // Decision.
    fill: Sig<Local>,
    read_index: Sig<Local>,
    read_filled: Sig<Local>,
    read_held: Sig<Local>,
    filled_q: Vec<Reg>,
    held_q: Vec<Reg>,
    filled: Sig<Local>,
    held: Sig<Local>,
    full: Bit<Local>,
    current: Bit<Local>,
    found: Bit<Local>,
    found_entry: Sig<Local>,
    insert: Bit<Local>,
    decided_out: BitReg,
    state_out: Reg,
    entry_out: Reg,
    tag_out: Reg,
    ways: Param,
    lut_ways: Param,
    registered_ways: Param,
    block_ways: Param,
    delay: Param,
    delays: Param,
    fars: Param,
    way_bits: Param,
    entry_w: Param,
    fill_w: Param,
    word_w: Param,
    hit_code: Param,
    mau_code: Param,
    mnu_code: Param,
    about: About,
}

impl Mcache {
    /// The cache of this configuration.
    pub fn new(config: &Config) -> Self {
        let (sets, ways) = (config.mcache.sets, config.mcache.ways);
        let (lut_ways, registered_ways, block_ways) = match config.mcache.tags {
            Tags::LutRam => (ways, 0, 0),
            Tags::LutRamRegistered | Tags::LutRamCompared => (ways, ways, 0),
            Tags::BlockRam => (0, 0, ways),
        };
        let delay = config.mcache.look_up_cycles();
        let (index_w, fill_w) = (index_width(sets), config.mcache.fill_w());
        let code = |state: State| Param::new(state.code().into());
        let flags = || (0..delay).map(|_| BitReg::new()).collect();
        // What is known of a vector and the one `distance` before it; both flags of the second kind are on their way for a cycle more.
        let near = |distance: usize| {
            let count = if delay >= distance { distance } else { 0 };
            (0..count).map(|_| BitReg::new()).collect()
        };
        let later = |width| {
            (0..delay)
                .map(|_| Reg::unsigned(width).without_reset())
                .collect()
        };
        Mcache {
            clear: Bit::new(),
            looks_up: Bit::new(),
            valid: Bit::new(),
            last: Bit::new(),
            zero: Bit::new(),
            signature: Sig::unsigned(config.sig_w),
            ready: Bit::new(),
            decided: Bit::new(),
            state: Sig::unsigned(STATE_W),
            entry: Sig::unsigned(config.mcache.entry_w()),
            tag: Sig::unsigned(config.sig_w),
            lut_tags: (0..lut_ways)
                .map(|_| LutRam::unsigned(config.sig_w, sets))
                .collect(),
            block_tags: (0..block_ways)
                .map(|_| {
                    Ram::unsigned(config.sig_w, sets)
                        .ignoring_collisions()
                        .in_blocks()
                })
                .collect(),
            tags_q: (0..registered_ways)
                .map(|_| Reg::unsigned(config.sig_w).without_reset())
                .collect(),
            fills: LutRam::unsigned(index_w + fill_w, sets),
            helds: LutRam::unsigned(ways, sets),
            first_way: Const::new(Value::unsigned(ways, 1)),
            comparator: SignatureComparator::new(config),
            fold: CacheIndex::new(config),
            valid_q: flags(),
            last_q: flags(),
            zero_q: flags(),
            signature_q: later(config.sig_w),
            index_q: later(index_w),
            inserted_q: flags(),
            same_set: near(1),
            same_tag: near(1),
            far_set: near(2),
            far_tag: near(2),
            entry_before: (0..usize::from(delay > 1))
                .map(|_| Reg::unsigned(config.mcache.entry_w()).without_reset())
                .collect(),
            soon_index: Sig::unsigned(index_w),
            soon_signature: Sig::unsigned(config.sig_w),
            compared: Sig::unsigned(config.sig_w),
            unread: Sig::unsigned(ways),
            valid_now: Bit::new(),
            last_now: Bit::new(),
            zero_now: Bit::new(),
            signature_now: Sig::unsigned(config.sig_w),
            index_now: Sig::unsigned(index_w),
            epoch: Reg::unsigned(index_w),
            ended: BitReg::new(),
            emptied: BitReg::new(),
            empties: Bit::new(),
            fill: Sig::unsigned(index_w + fill_w),
            read_index: Sig::unsigned(index_w),
            read_filled: Sig::unsigned(fill_w),
            read_held: Sig::unsigned(ways),
            filled_q: (0..usize::from(delay > 1))
                .map(|_| Reg::unsigned(fill_w).without_reset())
                .collect(),
            held_q: (0..usize::from(delay > 1))
                .map(|_| Reg::unsigned(ways).without_reset())
                .collect(),
            filled: Sig::unsigned(fill_w),
            held: Sig::unsigned(ways),
            full: Bit::new(),
            current: Bit::new(),
            found: Bit::new(),
            found_entry: Sig::unsigned(config.mcache.entry_w()),
            insert: Bit::new(),
            decided_out: BitReg::new(),
            state_out: Reg::unsigned(STATE_W).without_reset(),
            entry_out: Reg::unsigned(config.mcache.entry_w()).without_reset(),
            tag_out: Reg::unsigned(config.sig_w).without_reset(),
            ways: Param::new(ways),
            lut_ways: Param::new(lut_ways),
            registered_ways: Param::new(registered_ways),
            block_ways: Param::new(block_ways),
            delay: Param::new(delay),
            delays: Param::new(delay.min(1)),
            fars: Param::new(usize::from(delay > 1)),
            way_bits: Param::new(ways.ilog2() as usize),
            entry_w: Param::new(config.mcache.entry_w()),
            fill_w: Param::new(fill_w),
            word_w: Param::new(index_w + fill_w),
            hit_code: code(State::Hit),
            mau_code: code(State::Mau),
            mnu_code: code(State::Mnu),
            about: About::new(
                "mcache",
                "Tags of a signature cache: looks a signature up and inserts it if it is new and a way is free, one a \
                 cycle; after the last vector of a group the cache is empty.",
            ),
        }
    }
}

/// Bits of a Hitmap state.
pub const STATE_W: usize = 2;

impl Logic for Mcache {
    #[hdl_gen]
    fn update(&mut self) {
        self.fold.clear.next = self.clear.val();
        self.fold.valid.next = self.valid.val();
        self.fold.last.next = self.last.val();
        self.fold.zero.next = self.zero.val();
        self.fold.signature.next = self.signature.val();

        // The vector that is decided: this one, or one of those before if its tags are read, and compared, in cycles of their own.
        self.valid_now.next = self.fold.valid_out.val();
        self.last_now.next = self.fold.last_out.val();
        self.zero_now.next = self.fold.zero_out.val();
        self.signature_now.next = self.fold.looked_up.val();
        self.index_now.next = self.fold.index.val();
        self.soon_signature.next = self.fold.looked_up.val();
        self.soon_index.next = self.fold.index.val();
        for d in 0..self.delays.val() {
            self.valid_q[d].next = self.fold.valid_out.val() && !self.clear.val();
            self.last_q[d].next = self.fold.last_out.val();
            self.zero_q[d].next = self.fold.zero_out.val();
            self.signature_q[d].next = self.fold.looked_up.val();
            self.index_q[d].next = self.fold.index.val();
            self.valid_now.next = self.valid_q[self.delay.val() - 1].val();
            self.last_now.next = self.last_q[self.delay.val() - 1].val();
            self.zero_now.next = self.zero_q[self.delay.val() - 1].val();
            self.signature_now.next = self.signature_q[self.delay.val() - 1].val();
            self.index_now.next = self.index_q[self.delay.val() - 1].val();
        }
        self.compared.next = self.signature_now.val();
        for i in 1..self.delay.val() {
            self.valid_q[i].next = self.valid_q[i - 1].val() && !self.clear.val();
            self.last_q[i].next = self.last_q[i - 1].val();
            self.zero_q[i].next = self.zero_q[i - 1].val();
            self.signature_q[i].next = self.signature_q[i - 1].val();
            self.index_q[i].next = self.index_q[i - 1].val();
            self.soon_signature.next = self.signature_q[i - 1].val();
            self.soon_index.next = self.index_q[i - 1].val();
            self.compared.next = self.signature_q[i - 1].val();
        }

        // Ways of its set that hold a tag. None is inserted in the cycle that ends an epoch.
        self.empties.next = self.ended.val() || !self.emptied.val();
        // With two cycles for a look-up they are read in the second one, for the vector that is decided in the next.
        self.read_index.next = self.index_now.val();
        for _d in 0..self.fars.val() {
            self.read_index.next = self.soon_index.val();
        }
        self.fills.read_address.next = self.read_index.val();
        self.fill.next = self.fills.read_data.val();
        self.read_filled.next = 0.into();
        self.helds.read_address.next = self.read_index.val();
        self.read_held.next = 0.into();
        self.current.next = unsigned_cast(self.fill.val() >> self.fill_w.val()) == self.epoch.val();
        if self.current.val() {
            self.read_filled.next = unsigned_cast(self.fill.val());
            self.read_held.next = self.helds.read_data.val();
        }
        self.filled.next = self.read_filled.val();
        self.held.next = self.read_held.val();
        for d in 0..self.fars.val() {
            self.filled.next = self.filled_q[d].val();
            self.held.next = self.held_q[d].val();
        }
        self.full.next = self.held.val().get_bit(self.ways.val() - 1);

        // Search.
        self.comparator.signature.next = self.compared.val();
        self.unread.next = self.held.val();
        for w in 0..self.lut_ways.val() {
            self.lut_tags[w].read_address.next = self.index_now.val();
            self.comparator.tag[w].next = self.lut_tags[w].read_data.val();
        }
        for w in 0..self.registered_ways.val() {
            self.lut_tags[w].read_address.next = self.fold.index.val();
            self.tags_q[w].next = self.lut_tags[w].read_data.val();
            self.comparator.tag[w].next = self.tags_q[w].val();
        }
        for w in 0..self.block_ways.val() {
            self.block_tags[w].read_enable.next = self.fold.valid_out.val();
            self.block_tags[w].read_address.next = self.fold.index.val();
            self.comparator.tag[w].next = self.block_tags[w].read_data.val();
        }
        self.found.next = self.comparator.hit.val();
        self.found_entry.next = (bit_cast_w(self.index_now.val(), self.entry_w.val())
            << self.way_bits.val())
            | bit_cast_w(self.comparator.hit_way.val(), self.entry_w.val());
        // A tag inserted a cycle ago, or with two cycles for a look-up one or two ago, was not read: it is among the last of its set,
        // and its entry stands in a register.
        for d in 0..self.fars.val() {
            self.far_set[d].next = self.fold.index.val() == self.index_now.val();
            self.far_tag[d].next = self.fold.looked_up.val() == self.signature_now.val();
            self.far_set[d + 1].next = self.far_set[d].val();
            self.far_tag[d + 1].next = self.far_tag[d].val();
            self.entry_before[d].next = self.entry_out.val();
            if self.inserted_q[d + 1].val() && self.far_set[d + 1].val() {
                self.unread.next = self.unread.val() >> 1;
            }
            if self.inserted_q[d + 1].val() && self.far_tag[d + 1].val() {
                self.found.next = true;
                self.found_entry.next = self.entry_before[d].val();
            }
        }
        for d in 0..self.delays.val() {
            self.same_set[d].next = self.soon_index.val() == self.index_now.val();
            self.same_tag[d].next = self.soon_signature.val() == self.signature_now.val();
            if self.inserted_q[d].val() && self.same_set[d].val() {
                self.unread.next = self.unread.val() >> 1;
            }
            if self.inserted_q[d].val() && self.same_tag[d].val() {
                self.found.next = true;
                self.found_entry.next = self.entry_out.val();
            }
        }
        self.comparator.held.next = self.unread.val();

        // Insertion.
        self.insert.next = self.valid_now.val()
            && self.looks_up.val()
            && !self.zero_now.val()
            && !self.found.val()
            && !self.empties.val()
            && !self.full.val();
        for d in 0..self.fars.val() {
            self.filled_q[d].next = self.read_filled.val();
            self.held_q[d].next = self.read_held.val();
            if self.insert.val() && (self.soon_index.val() == self.index_now.val()) {
                self.filled_q[d].next = self.filled.val() + 1;
                self.held_q[d].next = (self.held.val() << 1) | self.first_way.val();
            }
            if self.empties.val() {
                self.filled_q[d].next = 0.into();
                self.held_q[d].next = 0.into();
            }
        }
        for w in 0..self.lut_ways.val() {
            // The first way that holds nothing takes the tag at once: it counts only if it is inserted.
            self.lut_tags[w].write_enable.next =
                self.valid_now.val() && !self.held.val().get_bit(w);
            if w > 0 {
                self.lut_tags[w].write_enable.next = self.valid_now.val()
                    && !self.held.val().get_bit(w)
                    && self.held.val().get_bit(w - 1);
            }
            self.lut_tags[w].write_address.next = self.index_now.val();
            self.lut_tags[w].write_data.next = self.signature_now.val();
        }
        for w in 0..self.block_ways.val() {
            self.block_tags[w].write_enable.next = self.insert.val() && (self.filled.val() == w);
            self.block_tags[w].write_address.next = self.index_now.val();
            self.block_tags[w].write_data.next = self.signature_now.val();
        }
        for d in 0..self.delays.val() {
            self.inserted_q[d].next = self.insert.val();
        }
        // The cache is emptied behind a group's last vector.
        for i in 1..self.delay.val() {
            self.inserted_q[i].next = self.inserted_q[i - 1].val() && !self.ended.val();
        }

        // Epochs: one ends after the last vector of a group, and with it the set of its number is emptied.
        self.ended.next = (self.valid_now.val() && self.last_now.val()) || self.clear.val();
        if self.empties.val() {
            self.epoch.next = self.epoch.val() + 1;
            if self.epoch.val().all() {
                self.emptied.next = true;
            }
        }
        self.ready.next = self.emptied.val();
        self.fills.write_enable.next = self.insert.val();
        self.fills.write_address.next = self.index_now.val();
        self.fills.write_data.next = (bit_cast_w(self.epoch.val(), self.word_w.val())
            << self.fill_w.val())
            | bit_cast_w(self.filled.val() + 1, self.word_w.val());
        self.helds.write_enable.next = self.insert.val();
        self.helds.write_address.next = self.index_now.val();
        self.helds.write_data.next = (self.held.val() << 1) | self.first_way.val();
        if self.empties.val() {
            self.fills.write_enable.next = true;
            self.fills.write_address.next = self.epoch.val();
            self.fills.write_data.next = 0.into();
            self.helds.write_enable.next = true;
            self.helds.write_address.next = self.epoch.val();
            self.helds.write_data.next = 0.into();
        }

        // Decision.
        self.decided_out.next = self.valid_now.val() && !self.clear.val();
        if self.valid_now.val() {
            self.tag_out.next = self.signature_now.val();
            self.entry_out.next = 0.into();
            self.state_out.next = self.mnu_code.val().into();
            if self.zero_now.val() {
                self.state_out.next = 0.into();
                self.tag_out.next = 0.into();
            } else if self.looks_up.val() {
                if self.found.val() {
                    self.state_out.next = self.hit_code.val().into();
                    self.entry_out.next = self.found_entry.val();
                } else if !self.full.val() {
                    self.state_out.next = self.mau_code.val().into();
                    self.entry_out.next = (bit_cast_w(self.index_now.val(), self.entry_w.val())
                        << self.way_bits.val())
                        | bit_cast_w(self.filled.val(), self.entry_w.val());
                }
            }
        }
        self.decided.next = self.decided_out.val();
        self.state.next = self.state_out.val();
        self.entry.next = self.entry_out.val();
        self.tag.next = self.tag_out.val();
    }
}
