//! The entries of a weight gradient's group, which are flushed at its end.

use crate::config::{Config, count_width};
use crate::hdl::prelude::*;

/// Keeps the entries of a group in the order of their insertion, and gives them back in that order, with whether their sums fit an
/// operand.
///
/// ```text
///  push: entry, place, mask ─► [words] ─► the one behind ─► the next one ─► entry, place, mask ─► load
///  PEs ─► wide_* ────────────► [one bit an entry] ────────► its bit ──────► wide
/// ```
///
/// **Latency** `begins` in cycle t, at least a cycle after the last `push`: the first entry is there from t+3 on; after `load` the
/// next one is there in the next cycle. A bit written in cycle t counts in t. **Back-pressure** none: one entry in, one out a cycle.
/// **Parameters** `k_max`, `l`, `feature_words`, MCACHE sets and ways of the configuration: widths, depth.
///
/// The test `item_walker_issues_every_list` drives it inside of the walker, the gate test `flush_list` compares its Verilog with it.
#[derive(LogicBlock)]
pub struct FlushList {
    /// START, an error, or the end of a group: forget everything.
    pub clear: Bit<In>,
    /// An entry is inserted; it has held nothing of this group yet.
    pub push: Bit<In>,
    /// That entry.
    pub push_entry: Sig<In>,
    /// Bank of its vector's first element.
    pub push_bank: Sig<In>,
    /// Word of its vector's first element.
    pub push_addr: Sig<In>,
    /// Elements of its vector that are not 0.
    pub push_mask: Sig<In>,
    /// The last item of the group was issued.
    pub begins: Bit<In>,
    /// The entry that is there is taken.
    pub load: Bit<In>,
    /// PEs: an entry's word was written.
    pub wide_write: Bit<In>,
    /// PEs: that entry.
    pub wide_entry: Sig<In>,
    /// PEs: some PE's word does not fit an operand.
    pub wide_value: Bit<In>,
    /// There is an entry.
    pub any: Bit<Out>,
    /// The entry loaded last is the group's last.
    pub ended: Bit<Out>,
    /// The next entry to load.
    pub entry: Sig<Out>,
    /// Bank of its vector's first element.
    pub bank: Sig<Out>,
    /// Word of its vector's first element.
    pub addr: Sig<Out>,
    /// Elements of its vector that are not 0.
    pub mask: Sig<Out>,
    /// Some PE's word of it does not fit an operand.
    pub wide: Bit<Out>,
    words: Ram,
    wides: LutRam,
    count: Reg,
    index: Reg,
    pushed: BitReg,
    ended_q: BitReg,
    begun: BitReg,
    filled: BitReg,
    behind_word: Reg,
    next_word: Reg,
    next_wide: BitReg,
    moves: Bit<Local>,
    word: Sig<Local>,
    entry_now: Sig<Local>,
    behind: Sig<Local>,
    word_w: Param,
    addr_at: Param,
    bank_at: Param,
    entry_at: Param,
    about: About,
}

impl FlushList {
    /// The list of a set of this configuration.
    pub fn new(config: &Config) -> Self {
        let entries = config.mcache.entries();
        let entry = || Sig::unsigned(config.mcache.entry_w());
        let count = || Reg::unsigned(count_width(entries));
        let addr_at = config.k_max;
        let bank_at = addr_at + config.feature_w();
        let entry_at = bank_at + config.bank_w();
        FlushList {
            clear: Bit::new(),
            push: Bit::new(),
            push_entry: entry(),
            push_bank: Sig::unsigned(config.bank_w()),
            push_addr: Sig::unsigned(config.feature_w()),
            push_mask: Sig::unsigned(config.k_max),
            begins: Bit::new(),
            load: Bit::new(),
            wide_write: Bit::new(),
            wide_entry: entry(),
            wide_value: Bit::new(),
            any: Bit::new(),
            ended: Bit::new(),
            entry: Sig::unsigned(config.mcache.entry_w()),
            bank: Sig::unsigned(config.bank_w()),
            addr: Sig::unsigned(config.feature_w()),
            mask: Sig::unsigned(config.k_max),
            wide: Bit::new(),
            words: Ram::unsigned(config.flush_w(), entries).ignoring_collisions(),
            wides: LutRam::unsigned(1, entries),
            count: count(),
            index: count(),
            pushed: BitReg::new(),
            ended_q: BitReg::new().without_reset(),
            begun: BitReg::new(),
            filled: BitReg::new(),
            behind_word: Reg::unsigned(config.flush_w()).without_reset(),
            next_word: Reg::unsigned(config.flush_w()).without_reset(),
            next_wide: BitReg::new().without_reset(),
            moves: Bit::new(),
            word: Sig::unsigned(config.flush_w()),
            entry_now: Sig::unsigned(config.mcache.entry_w()),
            behind: Sig::unsigned(config.mcache.entry_w()),
            word_w: Param::new(config.flush_w()),
            addr_at: Param::new(addr_at),
            bank_at: Param::new(bank_at),
            entry_at: Param::new(entry_at),
            about: About::new(
                "flush_list",
                "Entries of a weight gradient's group, which are flushed at its end, and whether their sums fit an operand.",
            ),
        }
    }
}

impl Logic for FlushList {
    #[hdl_gen]
    fn update(&mut self) {
        // Entries in the order of their insertion.
        self.word.next = (bit_cast_w(self.push_entry.val(), self.word_w.val())
            << self.entry_at.val())
            | (bit_cast_w(self.push_bank.val(), self.word_w.val()) << self.bank_at.val())
            | (bit_cast_w(self.push_addr.val(), self.word_w.val()) << self.addr_at.val())
            | bit_cast_w(self.push_mask.val(), self.word_w.val());
        self.words.write_enable.next = self.push.val();
        self.words.write_address.next = unsigned_cast(self.count.val());
        self.words.write_data.next = self.word.val();
        if self.push.val() {
            self.count.next = self.count.val() + 1;
            self.pushed.next = true;
        }

        // The next one and the one behind it stand in registers, the third is being read.
        self.begun.next = self.begins.val();
        self.filled.next = self.begun.val();
        self.moves.next = self.load.val() || self.filled.val();
        self.words.read_enable.next = true;
        self.words.read_address.next = unsigned_cast(self.index.val() + 2);
        if self.load.val() {
            self.words.read_address.next = unsigned_cast(self.index.val() + 3);
            self.index.next = self.index.val() + 1;
            self.ended_q.next = self.index.val() + 1 == self.count.val();
        }
        if self.begins.val() {
            self.words.read_address.next = 0.into();
        }
        if self.begun.val() {
            self.words.read_address.next = 1.into();
        }
        if self.begun.val() || self.moves.val() {
            self.behind_word.next = self.words.read_data.val();
        }
        if self.moves.val() {
            self.next_word.next = self.behind_word.val();
        }

        // The bit of the one behind is looked up all the time, and comes with it; a write reaches it on the way, and afterwards.
        self.wides.write_enable.next = self.wide_write.val();
        self.wides.write_address.next = self.wide_entry.val();
        self.wides.write_data.next = unsigned_cast(self.wide_value.val());
        self.behind.next = unsigned_cast(self.behind_word.val() >> self.entry_at.val());
        self.entry_now.next = unsigned_cast(self.next_word.val() >> self.entry_at.val());
        self.wides.read_address.next = self.behind.val();
        self.wide.next = self.next_wide.val();
        if self.wide_write.val() && (self.wide_entry.val() == self.entry_now.val()) {
            self.wide.next = self.wide_value.val();
            self.next_wide.next = self.wide_value.val();
        }
        if self.moves.val() {
            self.next_wide.next = self.wides.read_data.val().any();
            if self.wide_write.val() && (self.wide_entry.val() == self.behind.val()) {
                self.next_wide.next = self.wide_value.val();
            }
        }

        if self.clear.val() {
            self.count.next = 0.into();
            self.index.next = 0.into();
            self.pushed.next = false;
            self.begun.next = false;
            self.filled.next = false;
        }

        self.any.next = self.pushed.val();
        self.ended.next = self.ended_q.val();
        self.entry.next = self.entry_now.val();
        self.bank.next = unsigned_cast(self.next_word.val() >> self.bank_at.val());
        self.addr.next = unsigned_cast(self.next_word.val() >> self.addr_at.val());
        self.mask.next = unsigned_cast(self.next_word.val());
    }
}
