//! The Hitmap lists of one PE set: what detection found, as the work that remains.

use super::list_memory::ListMemory;
use super::list_reader::LIST_SLOT_W;
use super::loop_nest::COUNT_W;
use super::mcache::STATE_W;
use crate::config::{Config, index_width};
use crate::hdl::prelude::*;
use crate::reuse::State;

/// Kind of a list item: what the PE set does about a position. Numbers as on `item_kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemKind {
    /// The entry's result is added.
    Hit,
    /// The vector is computed, its result kept in the entry.
    Mau,
    /// The vector is computed.
    Mnu,
    /// The psum becomes 0.
    Clear,
}

/// Turns detector records into list items and keeps the lists of several groups.
///
/// ```text
///  record (z+5) ─► touched bits ─► item? kind, first ─► [list_memory] ─► item at read_addr, one cycle later, or two
///                                      │                ring of LIST_SLOTS lists of LIST_POSITIONS words
///                                      └─► items so far ─ last ─► [counts] ─► item_count of list count_slot
/// ```
///
/// A ZERO position gives no item, or CLEAR: in the last group of a pass whose psums start from 0, if no earlier group
/// of the pass touched the position. `first` marks a position's first item in such a pass.
/// **Latency** a record in cycle z+5 can be read from z+6; `list_done` comes with the last record, so that the list
/// counts as available from z+6. **Back-pressure** none: whoever lets detection begin knows that a list is free.
/// **Parameters** `tile` 2…4096, `lists` 1…128 (words: lists · tile), `k_max`, `mcache`, `l`, `feature_words`, `issue`.
/// A word that is written is not read in the same cycle.
///
/// The test `hitmap_lists_what_remains_to_be_done` compares every list with the table of `docs/reuse.md`, "Items of a
/// list"; the gate test `hitmap` its Verilog with it.
#[derive(LogicBlock)]
pub struct Hitmap {
    /// START, or an error: all lists are empty.
    pub clear: Bit<In>,
    /// Job: words of a list.
    pub list_positions: Sig<In>,
    /// Job: lists of the ring.
    pub list_slots: Sig<In>,
    /// Position of the record that may come in the next cycle (z+4). What a record writes is read from the next cycle but one
    /// on, for it is another group's: between the records of two groups there is a cycle without one.
    pub next_position: Sig<In>,
    /// A record for this set (z+5).
    pub record_valid: Bit<In>,
    /// Its position.
    pub record_position: Sig<In>,
    /// Its state: 0 ZERO, 1 HIT, 2 MAU, 3 MNU.
    pub record_state: Sig<In>,
    /// Its entry.
    pub record_entry: Sig<In>,
    /// Bank of the position's first element.
    pub record_bank: Sig<In>,
    /// Word of the position's first element.
    pub record_addr: Sig<In>,
    /// Bit k: element k is not 0.
    pub record_mask: Sig<In>,
    /// Its group is the first of a pass.
    pub record_first_group: Bit<In>,
    /// Its group is the last of a pass.
    pub record_last_group: Bit<In>,
    /// Psums start from 0: forward and the tile's ZERO flag.
    pub record_zero: Bit<In>,
    /// It is the last of its group.
    pub record_last: Bit<In>,
    /// A list is complete (z+5).
    pub list_done: Bit<Out>,
    /// Its items.
    pub list_items: Sig<Out>,
    /// … at most one.
    pub list_at_last: Bit<Out>,
    /// … none.
    pub list_is_empty: Bit<Out>,
    /// A list is longer than LIST_POSITIONS.
    pub range_error: Bit<Out>,
    /// Word of the list memory to read.
    pub read_addr: Sig<In>,
    /// The item there, one cycle later, with `issue = "registered"` two: kind (0 HIT, 1 MAU, 2 MNU, 3 CLEAR).
    pub item_kind: Sig<Out>,
    /// … the first of its position in the pass.
    pub item_first: Bit<Out>,
    /// … position.
    pub item_position: Sig<Out>,
    /// … entry.
    pub item_entry: Sig<Out>,
    /// … bank of the first element.
    pub item_bank: Sig<Out>,
    /// … word of the first element.
    pub item_addr: Sig<Out>,
    /// … non-zero mask.
    pub item_mask: Sig<Out>,
    /// List whose length is asked for.
    pub count_slot: Sig<In>,
    /// Items of that list.
    pub item_count: Sig<Out>,
    /// … at most one.
    pub count_at_last: Bit<Out>,
    /// … none.
    pub count_is_empty: Bit<Out>,
    lists: ListMemory,
    counts: LutRam,
    touched: LutRam,
    slot: Reg,
    base: Reg,
    items: Reg,
    touched_q: BitReg,
    touched_before: Bit<Local>,
    works: Bit<Local>,
    has_item: Bit<Local>,
    kind: Sig<Local>,
    count_now: Sig<Local>,
    at_last: Bit<Local>,
    is_empty: Bit<Local>,
    word: Sig<Local>,
    read_word: Sig<Local>,
    mask_at: Param,
    addr_at: Param,
    bank_at: Param,
    entry_at: Param,
    position_at: Param,
    kind_at: Param,
    first_at: Param,
    item_w: Param,
    list_w: Param,
    slot_w: Param,
    count_w: Param,
    at_last_at: Param,
    is_empty_at: Param,
    clear_code: Param,
    hit_state: Param,
    mau_state: Param,
    zero_state: Param,
    mau_code: Param,
    mnu_code: Param,
    about: About,
}

impl Hitmap {
    /// The lists of a set of this configuration.
    pub fn new(config: &Config) -> Self {
        let entry_w = config.mcache.entry_w();
        let mask_at = 0;
        let addr_at = mask_at + config.k_max;
        let bank_at = addr_at + config.feature_w();
        let entry_at = bank_at + config.bank_w();
        let position_at = entry_at + entry_w;
        let kind_at = position_at + config.tile_w();
        let first_at = kind_at + STATE_W;
        assert_eq!(first_at + 1, config.item_w(), "fields of an item");
        let slots = config.list_words().min(1 << LIST_SLOT_W);
        let state = |s: State| Param::new(s.code().into());
        let at_last_at = config.tile_count_w();
        let code = |k: ItemKind| Param::new(k as usize);
        Hitmap {
            clear: Bit::new(),
            list_positions: Sig::unsigned(COUNT_W),
            list_slots: Sig::unsigned(LIST_SLOT_W),
            next_position: Sig::unsigned(config.tile_w()),
            record_valid: Bit::new(),
            record_position: Sig::unsigned(config.tile_w()),
            record_state: Sig::unsigned(STATE_W),
            record_entry: Sig::unsigned(entry_w),
            record_bank: Sig::unsigned(config.bank_w()),
            record_addr: Sig::unsigned(config.feature_w()),
            record_mask: Sig::unsigned(config.k_max),
            record_first_group: Bit::new(),
            record_last_group: Bit::new(),
            record_zero: Bit::new(),
            record_last: Bit::new(),
            list_done: Bit::new(),
            list_items: Sig::unsigned(config.tile_count_w()),
            list_at_last: Bit::new(),
            list_is_empty: Bit::new(),
            range_error: Bit::new(),
            read_addr: Sig::unsigned(config.list_w()),
            item_kind: Sig::unsigned(STATE_W),
            item_first: Bit::new(),
            item_position: Sig::unsigned(config.tile_w()),
            item_entry: Sig::unsigned(entry_w),
            item_bank: Sig::unsigned(config.bank_w()),
            item_addr: Sig::unsigned(config.feature_w()),
            item_mask: Sig::unsigned(config.k_max),
            count_slot: Sig::unsigned(LIST_SLOT_W),
            item_count: Sig::unsigned(config.tile_count_w()),
            count_at_last: Bit::new(),
            count_is_empty: Bit::new(),
            lists: ListMemory::new(config),
            counts: LutRam::unsigned(at_last_at + 2, slots),
            touched: LutRam::unsigned(1, config.tile),
            slot: Reg::unsigned(index_width(slots)),
            base: Reg::unsigned(config.list_w()),
            items: Reg::unsigned(config.tile_count_w()),
            touched_q: BitReg::new().without_reset(),
            touched_before: Bit::new(),
            works: Bit::new(),
            has_item: Bit::new(),
            kind: Sig::unsigned(STATE_W),
            count_now: Sig::unsigned(config.tile_count_w()),
            at_last: Bit::new(),
            is_empty: Bit::new(),
            word: Sig::unsigned(config.item_w()),
            read_word: Sig::unsigned(config.item_w()),
            mask_at: Param::new(mask_at),
            addr_at: Param::new(addr_at),
            bank_at: Param::new(bank_at),
            entry_at: Param::new(entry_at),
            position_at: Param::new(position_at),
            kind_at: Param::new(kind_at),
            first_at: Param::new(first_at),
            item_w: Param::new(config.item_w()),
            list_w: Param::new(config.list_w()),
            slot_w: Param::new(LIST_SLOT_W),
            count_w: Param::new(at_last_at + 2),
            at_last_at: Param::new(at_last_at),
            is_empty_at: Param::new(at_last_at + 1),
            clear_code: code(ItemKind::Clear),
            hit_state: state(State::Hit),
            mau_state: state(State::Mau),
            zero_state: state(State::Zero),
            mau_code: code(ItemKind::Mau),
            mnu_code: code(ItemKind::Mnu),
            about: About::new(
                "hitmap",
                "Hitmap lists of one PE set: turns detector records into the items of work that remain, and keeps the \
                 lists of several groups in a ring.",
            ),
        }
    }
}

impl Logic for Hitmap {
    #[hdl_gen]
    fn update(&mut self) {
        // The record as an item.
        self.touched.read_address.next = self.next_position.val();
        self.touched_q.next = self.touched.read_data.val().any();
        self.touched_before.next = !self.record_first_group.val() && self.touched_q.val();
        self.works.next = self.record_state.val() != self.zero_state.val();
        self.touched.write_enable.next = self.record_valid.val();
        self.touched.write_address.next = self.record_position.val();
        self.touched.write_data.next = 0.into();
        if self.touched_before.val() || self.works.val() {
            self.touched.write_data.next = 1.into();
        }
        self.kind.next = self.clear_code.val().into();
        self.has_item.next =
            self.record_zero.val() && self.record_last_group.val() && !self.touched_before.val();
        if self.works.val() {
            self.has_item.next = true;
            self.kind.next = self.mnu_code.val().into();
            if self.record_state.val() == self.hit_state.val() {
                self.kind.next = 0.into();
            } else if self.record_state.val() == self.mau_state.val() {
                self.kind.next = self.mau_code.val().into();
            }
        }

        // Into the list.
        self.word.next = (bit_cast_w(self.record_mask.val(), self.item_w.val())
            << self.mask_at.val())
            | (bit_cast_w(self.record_addr.val(), self.item_w.val()) << self.addr_at.val())
            | (bit_cast_w(self.record_bank.val(), self.item_w.val()) << self.bank_at.val())
            | (bit_cast_w(self.record_entry.val(), self.item_w.val()) << self.entry_at.val())
            | (bit_cast_w(self.record_position.val(), self.item_w.val()) << self.position_at.val())
            | (bit_cast_w(self.kind.val(), self.item_w.val()) << self.kind_at.val());
        self.lists.write_enable.next = self.record_valid.val() && self.has_item.val();
        self.lists.write_address.next =
            self.base.val() + bit_cast_w(self.items.val(), self.list_w.val());
        self.lists.write_data.next = self.word.val().replace_bit(
            self.first_at.val(),
            self.record_zero.val() && !self.touched_before.val(),
        );
        self.count_now.next = self.items.val();
        if self.has_item.val() {
            self.count_now.next = self.items.val() + 1;
        }
        self.counts.write_enable.next = self.record_valid.val() && self.record_last.val();
        self.counts.write_address.next = self.slot.val();
        // Whether a list has one item or none stands beside its length: who reads it has no time to see.
        self.is_empty.next = !self.items.val().any() && !self.has_item.val();
        self.at_last.next =
            !self.items.val().any() || (!(self.items.val() >> 1).any() && !self.has_item.val());
        self.counts.write_data.next = bit_cast_w(self.count_now.val(), self.count_w.val())
            .replace_bit(self.at_last_at.val(), self.at_last.val())
            .replace_bit(self.is_empty_at.val(), self.is_empty.val());
        if self.record_valid.val() {
            self.items.next = self.count_now.val();
            if self.record_last.val() {
                self.items.next = 0.into();
                self.slot.next = self.slot.val() + 1;
                self.base.next = self.base.val() + unsigned_cast(self.list_positions.val());
                if bit_cast_w(self.slot.val(), self.slot_w.val()) + 1 == self.list_slots.val() {
                    self.slot.next = 0.into();
                    self.base.next = 0.into();
                }
            }
        }
        if self.clear.val() {
            self.slot.next = 0.into();
            self.base.next = 0.into();
            self.items.next = 0.into();
        }
        self.list_items.next = self.count_now.val();
        self.list_at_last.next = self.at_last.val();
        self.list_is_empty.next = self.is_empty.val();
        self.list_done.next = self.record_valid.val() && self.record_last.val();
        self.range_error.next = self.record_valid.val()
            && (unsigned_cast(self.record_position.val()) >= self.list_positions.val());

        // Reading.
        self.lists.read_address.next = self.read_addr.val();
        self.read_word.next = self.lists.read_data.val();
        self.item_kind.next = unsigned_cast(self.read_word.val() >> self.kind_at.val());
        self.item_first.next = self.read_word.val().get_bit(self.first_at.val());
        self.item_position.next = unsigned_cast(self.read_word.val() >> self.position_at.val());
        self.item_entry.next = unsigned_cast(self.read_word.val() >> self.entry_at.val());
        self.item_bank.next = unsigned_cast(self.read_word.val() >> self.bank_at.val());
        self.item_addr.next = unsigned_cast(self.read_word.val() >> self.addr_at.val());
        self.item_mask.next = unsigned_cast(self.read_word.val() >> self.mask_at.val());
        self.counts.read_address.next = unsigned_cast(self.count_slot.val());
        self.item_count.next = unsigned_cast(self.counts.read_data.val());
        self.count_at_last.next = self.counts.read_data.val().get_bit(self.at_last_at.val());
        self.count_is_empty.next = self.counts.read_data.val().get_bit(self.is_empty_at.val());
    }
}
