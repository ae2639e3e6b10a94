//! What a PE set issues for the items of a Hitmap list.

mod kinds;
mod new;

use super::element_table::ElementTable;
use super::flush_list::FlushList;
use super::group_elements::GroupElements;
use super::group_nest::GroupNest;
use super::lowest_bit::LowestBit;
use crate::hdl::prelude::*;
pub use kinds::{CLEAR, GROUP_K_W, HIT, KIND_W, MAU, MNU, WalkerState};

/// Walks the items of a PE set's Hitmap lists: one element, or one reused result, a cycle.
///
/// ```text
///  Hitmap ─► token, item ──► current item ── mask ──► lowest element not yet issued ─► element table ─► bank, addr
///                 ▲ consume       ▲                                                     (READS beats)
///                 └───────────────┤                   kind, state ─► vector_*, psum_*, cache_*  (all in cycle u)
///  weight gradient: MAU ─► [flush_list] ──────────────┘ one round, or two
///  PEs ─► wide? ─────────────┘
/// ```
///
/// **Latency** a token that is there in cycle t issues first in t+1, if no item is before it; items, groups and passes
/// follow each other without a bubble; a weight gradient's flush begins 6 cycles after its list's last item,
/// with `issue = "registered"` 10.
/// The job's numbers stand from two cycles before the first token on.
/// **Back-pressure** nothing issues while `go` is 0; `waits` and `begins` say what the cycle needs.
/// **Parameters** `k_max`, `tile`, `l`, `feature_words`, MCACHE sets and ways of the configuration: widths; `issue`.
/// The rules are in `docs/reuse.md`, "Items of a list".
///
/// The test `item_walker_issues_every_list` compares random lists with a plain formulation, cycle by cycle.
#[derive(LogicBlock)]
pub struct ItemWalker {
    /// START, or an error.
    pub clear: Bit<In>,
    /// Job: weight gradient.
    pub wgrad: Bit<In>,
    /// Job: zero elements take no cycle.
    pub elem_skip: Bit<In>,
    /// Job: lists are detected again for every pass.
    pub redetect: Bit<In>,
    /// Job: chunks of kernel rows.
    pub chunks: Sig<In>,
    /// Job: channel groups.
    pub cgroups: Sig<In>,
    /// Job: elements of a group.
    pub group_k: Sig<In>,
    /// Job: … in the last channel group.
    pub k_cg_last: Sig<In>,
    /// Job: … in the last chunk of kernel rows.
    pub k_kr_last: Sig<In>,
    /// Job: words per bank wrap.
    pub wrap_addr: Sig<In>,
    /// A tile becomes active.
    pub tile_begins: Bit<In>,
    /// Its passes, from that cycle on.
    pub passes: Sig<In>,
    /// Its psums start from zero, from the next cycle on.
    pub zero: Bit<In>,
    /// Loader: an element of the table.
    pub element_write: Bit<In>,
    /// Its number.
    pub element_number: Sig<In>,
    /// Its bank offset.
    pub element_bank: Sig<In>,
    /// Its word offset.
    pub element_addr: Sig<In>,
    /// A token is there.
    pub token: Bit<In>,
    /// It stands for an empty list.
    pub token_empty: Bit<In>,
    /// It is the list's last.
    pub token_last: Bit<In>,
    /// Its group has the elements of the last channel group, or of the last chunk of kernel rows.
    pub token_cut: Bit<In>,
    /// Its item: kind.
    pub item_kind: Sig<In>,
    /// Its item: the position's first of the pass.
    pub item_first: Bit<In>,
    /// Its item: position.
    pub item_position: Sig<In>,
    /// Its item: entry.
    pub item_entry: Sig<In>,
    /// Its item: bank of the first element.
    pub item_bank: Sig<In>,
    /// Its item: word of the first element.
    pub item_addr: Sig<In>,
    /// Its item: elements that are not 0.
    pub item_mask: Sig<In>,
    /// The cycle may be used.
    pub go: Bit<In>,
    /// PEs: an entry's word was written.
    pub wide_write: Bit<In>,
    /// PEs: that entry.
    pub wide_entry: Sig<In>,
    /// PEs: some PE's word does not fit an operand.
    pub wide_value: Bit<In>,
    /// The token is taken.
    pub consume: Bit<Out>,
    /// An item is needed and not there.
    pub waits: Bit<Out>,
    /// `waits` of the next cycle, if no group ends in this one.
    pub next_waits: Bit<Out>,
    /// `begins` of the next cycle, if no group ends in this one; if one does, the next begins with the token.
    pub next_begins: Bit<Out>,
    /// The cycle is the first of a group.
    pub begins: Bit<Out>,
    /// The cycle is the last of a group.
    pub ends: Bit<Out>,
    /// The group's list is not needed any more.
    pub released: Bit<Out>,
    /// Something is issued (cycle u); the outputs down to `cache_high` describe it.
    pub issue: Bit<Out>,
    /// A product for a result.
    pub mac: Bit<Out>,
    /// Bank of the element.
    pub bank: Sig<Out>,
    /// Word of the element.
    pub addr: Sig<Out>,
    /// The element is not 0; otherwise 0 takes its place.
    pub nonzero: Bit<Out>,
    /// 1 takes the place of the element.
    pub one: Bit<Out>,
    /// Element k of the vector.
    pub element: Sig<Out>,
    /// Position i of the tile.
    pub position: Sig<Out>,
    /// MCACHE entry.
    pub entry: Sig<Out>,
    /// It starts a vector sum.
    pub vector_first: Bit<Out>,
    /// The psum is updated with it.
    pub psum_update: Bit<Out>,
    /// The psum starts from 0.
    pub psum_zero: Bit<Out>,
    /// The vector sum goes to the entry.
    pub cache_write: Bit<Out>,
    /// … added to what is there.
    pub cache_add: Bit<Out>,
    /// The entry's word takes the place of the vector sum.
    pub cache_reuse: Bit<Out>,
    /// The entry's word is the factor.
    pub use_cache: Bit<Out>,
    /// … its low part.
    pub cache_low: Bit<Out>,
    /// … its high part.
    pub cache_high: Bit<Out>,
    /// Elements of the current group.
    pub k_now: Sig<Out>,
    /// Last chunk of its channel group.
    pub step_cgroup: Bit<Out>,
    /// … and last channel group of the pass.
    pub step_pass: Bit<Out>,
    /// … and last pass of the tile.
    pub step_tile: Bit<Out>,
    /// The first group of a pass.
    pub in_first_group: Bit<Out>,
    /// Within the last pass.
    pub in_last_pass: Bit<Out>,
    /// Pass of the tile.
    pub pass: Sig<Out>,
    nest: GroupNest,
    table: ElementTable,
    list: FlushList,
    wide_q: BitReg,
    state: Reg<WalkerState>,
    gap: Reg,
    begun: BitReg,
    overwritten: BitReg,
    high: BitReg,
    valid: BitReg,
    empty: BitReg,
    kind: Reg,
    first: BitReg,
    position_q: Reg,
    entry_q: Reg,
    bank_q: Reg,
    addr_q: Reg,
    mask: Reg,
    mask_number: Reg,
    mask_rest: Reg,
    mask_single: BitReg,
    fresh: BitReg,
    number: Reg,
    left: Reg,
    round_last: BitReg,
    nonzero_q: BitReg,
    wgrad_q: BitReg,
    zeroes: BitReg,
    walks_all: BitReg,
    redetect_q: BitReg,
    macs: BitReg,
    sums: BitReg,
    keeps: BitReg,
    of_token: LowestBit,
    of_flush: LowestBit,
    of_left: LowestBit,
    flushing: Bit<Local>,
    zeroing: Bit<Local>,
    group_q: Reg,
    cut_q: BitReg,
    next_items: Bit<Local>,
    next_valid: Bit<Local>,
    next_begun: Bit<Local>,
    overwrites: Bit<Local>,
    begins_over: Bit<Local>,
    token_overwrites: Bit<Local>,
    takes_whole: Bit<Local>,
    flushes_whole: Bit<Local>,
    elements: GroupElements,
    rest_now: Sig<Local>,
    single_now: Bit<Local>,
    work: Bit<Local>,
    again: Bit<Local>,
    item_ends: Bit<Local>,
    token_flushes: Bit<Local>,
    item_last: BitReg,
    flush_last: BitReg,
    ends_group: Bit<Local>,
    ends_in_items: Bit<Local>,
    at_end: BitReg,
    token_macs: Bit<Local>,
    next_overwritten: Bit<Local>,
    flushes: Bit<Local>,
    flush_loads: Bit<Local>,
    group_ends: Bit<Local>,
    takes: Bit<Local>,
    last_gap: Param,
    hit_kind: Param,
    mau_kind: Param,
    mnu_kind: Param,
    clear_kind: Param,
    about: About,
}

impl Logic for ItemWalker {
    #[hdl_gen]
    fn update(&mut self) {
        // Constants of the job, and of the tile, in registers.
        self.wgrad_q.next = self.wgrad.val();
        self.zeroes.next = self.wgrad.val() && self.zero.val();
        self.walks_all.next = !self.elem_skip.val();
        self.redetect_q.next = self.redetect.val();
        self.elements.chunks.next = self.chunks.val();
        self.elements.group_k.next = self.group_k.val();
        self.elements.k_cg_last.next = self.k_cg_last.val();
        self.elements.k_kr_last.next = self.k_kr_last.val();

        // Groups of the tile.
        self.nest.load.next = self.tile_begins.val();
        self.nest.advance.next = self.group_ends.val();
        self.nest.chunks.next = self.chunks.val();
        self.nest.cgroups.next = self.cgroups.val();
        self.nest.passes.next = self.passes.val();
        self.step_cgroup.next = self.nest.step_cgroup.val();
        self.step_pass.next = self.nest.step_pass.val();
        self.step_tile.next = self.nest.step_tile.val();
        self.in_first_group.next = self.nest.in_first_group.val();
        self.in_last_pass.next = self.nest.in_last_pass.val();
        self.pass.next = self.nest.pass.val();
        self.k_now.next = self.group_q.val();

        // What the current item is: products (macs), zeros for an empty list, a sum of dY (sums), or one cycle of something
        // else. Registers know it from the cycle on in which the item is taken.
        self.flushing.next = self.state.val() == WalkerState::Flush;
        self.zeroing.next = self.empty.val() && self.zeroes.val();
        self.overwrites.next = self.zeroes.val() && self.macs.val() && !self.overwritten.val();

        // Its elements, lowest first. The element of this cycle, those behind it, and whether there are none, stand in registers.
        self.of_left.word.next = self.left.val();
        self.of_token.word.next = self.item_mask.val();
        self.of_flush.word.next = self.list.mask.val();

        // Where the item, its list and its group end.
        self.waits.next = (self.state.val() == WalkerState::Items) && !self.valid.val();
        self.begins.next =
            (self.state.val() == WalkerState::Items) && self.valid.val() && !self.begun.val();
        self.work.next = self.valid.val() && self.go.val();
        self.again.next = self.flushing.val() && !self.high.val() && self.wide_q.val();
        // What the item's end means stands in registers.
        self.ends_group.next = self.item_last.val();
        self.ends_in_items.next = !self.flush_last.val();
        if self.flushing.val() {
            self.ends_group.next = self.list.ended.val();
            self.ends_in_items.next = self.list.ended.val();
        }
        self.item_ends.next = self.go.val() && self.at_end.val();
        self.flushes.next = self.item_ends.val() && !self.flushing.val() && self.flush_last.val();
        self.group_ends.next = self.item_ends.val() && self.ends_group.val();
        self.flush_loads.next = ((self.state.val() == WalkerState::Gap)
            && (self.gap.val() == self.last_gap.val()))
            || (self.item_ends.val() && self.flushing.val() && !self.list.ended.val());
        self.takes.next = self.token.val()
            && (self.waits.val() || (self.item_ends.val() && self.ends_in_items.val()));
        self.consume.next = self.takes.val();
        self.ends.next = self.group_ends.val();
        self.released.next =
            self.group_ends.val() && (self.redetect_q.val() || self.nest.in_last_pass.val());

        // The next cycle.
        self.rest_now.next = self.elements.behind_first.val();
        self.single_now.next = self.elements.single.val();
        if self.cut_q.val() {
            self.rest_now.next = self.elements.behind_first_last.val();
            self.single_now.next = self.elements.single_last.val();
        }
        if self.work.val() {
            self.fresh.next = self.round_last.val();
            self.number.next = self.of_left.number.val();
            self.left.next = self.of_left.rest.val();
            self.nonzero_q.next =
                self.macs.val() && (self.mask.val() & self.of_left.lowest.val()).any();
            if self.round_last.val() {
                self.high.next = self.again.val();
                self.number.next = self.mask_number.val();
                self.left.next = self.mask_rest.val();
                self.nonzero_q.next = self.macs.val() && self.mask.val().any();
                if self.macs.val() && self.walks_all.val() {
                    self.number.next = 0.into();
                    self.left.next = self.rest_now.val();
                    self.nonzero_q.next = self.mask.val().get_bit(0);
                }
            }
            // Its last cycle is the last element of its last round; of two rounds the second one is.
            if !self.round_last.val() {
                self.round_last.next = self.of_left.single.val();
                self.at_end.next = self.of_left.single.val() && !self.again.val();
            } else if self.macs.val() && self.walks_all.val() {
                self.round_last.next = self.single_now.val();
                self.at_end.next = self.single_now.val() && self.again.val();
            } else {
                self.round_last.next = self.mask_single.val();
                self.at_end.next = self.mask_single.val() && self.again.val();
            }
        }
        // Whether the first element of products is still to overwrite, and whether an item walks all elements of its group.
        self.next_overwritten.next =
            self.overwritten.val() || (self.work.val() && self.round_last.val() && self.macs.val());
        if self.group_ends.val() || self.clear.val() {
            self.next_overwritten.next = false;
        }
        self.overwritten.next = self.next_overwritten.val();
        self.token_macs.next = !self.token_empty.val()
            && ((self.item_kind.val() == self.mnu_kind.val())
                || ((self.item_kind.val() == self.mau_kind.val()) && !self.wgrad_q.val()));
        // An item is taken when none is there, or this one ends, and with it maybe its group: registers know it without `go`.
        self.begins_over.next = !(self.overwritten.val() || (self.valid.val() && self.macs.val()));
        self.token_overwrites.next = self.zeroes.val()
            && (self.begins_over.val() || (self.valid.val() && self.ends_group.val()));
        self.takes_whole.next = (self.token_empty.val() && self.zeroes.val())
            || (self.token_macs.val() && (self.walks_all.val() || self.token_overwrites.val()));
        // Whether a flush is to follow if the token is the group's last: after it, or an item before it, an entry holds a sum.
        self.list.push.next = self.work.val() && self.sums.val() && self.keeps.val();
        self.token_flushes.next = self.wgrad_q.val()
            && ((!self.token_empty.val() && (self.item_kind.val() == self.mau_kind.val()))
                || (!self.group_ends.val()
                    && (self.list.any.val()
                        || (self.work.val() && self.sums.val() && self.keeps.val()))));
        if self.takes.val() {
            self.macs.next = self.token_macs.val();
            self.keeps.next =
                !self.token_empty.val() && (self.item_kind.val() == self.mau_kind.val());
            self.sums.next = self.wgrad_q.val()
                && !self.token_empty.val()
                && ((self.item_kind.val() == self.hit_kind.val())
                    || (self.item_kind.val() == self.mau_kind.val()));
            self.empty.next = self.token_empty.val();
            self.item_last.next = self.token_last.val() && !self.token_flushes.val();
            self.flush_last.next = self.token_last.val() && self.token_flushes.val();
            self.kind.next = self.item_kind.val();
            self.first.next = self.item_first.val();
            self.position_q.next = self.item_position.val();
            self.entry_q.next = self.item_entry.val();
            self.bank_q.next = self.item_bank.val();
            self.addr_q.next = self.item_addr.val();
            self.mask.next = self.item_mask.val();
            self.fresh.next = true;
            self.cut_q.next = self.token_cut.val();
            self.group_q.next = self.group_k.val();
            if self.token_cut.val() {
                self.group_q.next = self.elements.k_last.val();
            }
            self.number.next = 0.into();
            self.left.next = 0.into();
            self.round_last.next = true;
            self.at_end.next = true;
            self.nonzero_q.next = self.token_macs.val() && self.item_mask.val().any();
            if self.takes_whole.val() {
                self.left.next = self.elements.behind_first.val();
                self.round_last.next = self.elements.single.val();
                self.at_end.next = self.elements.single.val();
                if self.token_cut.val() {
                    self.left.next = self.elements.behind_first_last.val();
                    self.round_last.next = self.elements.single_last.val();
                    self.at_end.next = self.elements.single_last.val();
                }
                self.nonzero_q.next = self.token_macs.val() && self.item_mask.val().get_bit(0);
            } else if self.token_macs.val() {
                self.number.next = self.of_token.number.val();
                self.left.next = self.of_token.rest.val();
                self.round_last.next = self.of_token.single.val();
                self.at_end.next = self.of_token.single.val();
            }
        }
        self.flushes_whole.next =
            self.walks_all.val() || (self.zeroes.val() && self.begins_over.val());
        self.gap.next = 0.into();
        if self.flushes.val() {
            self.state.next = WalkerState::Gap;
        }
        if self.state.val() == WalkerState::Gap {
            self.gap.next = self.gap.val() + 1;
        }
        if self.flush_loads.val() {
            self.state.next = WalkerState::Flush;
            self.macs.next = true;
            self.sums.next = false;
            self.wide_q.next = self.list.wide.val();
            self.entry_q.next = self.list.entry.val();
            self.bank_q.next = self.list.bank.val();
            self.addr_q.next = self.list.addr.val();
            self.mask.next = self.list.mask.val();
            self.mask_number.next = self.of_flush.number.val();
            self.mask_rest.next = self.of_flush.rest.val();
            self.mask_single.next = self.of_flush.single.val();
            self.fresh.next = true;
            self.number.next = self.of_flush.number.val();
            self.left.next = self.of_flush.rest.val();
            self.round_last.next = self.of_flush.single.val();
            self.at_end.next = self.of_flush.single.val() && !self.list.wide.val();
            self.nonzero_q.next = self.list.mask.val().any();
            if self.flushes_whole.val() {
                self.number.next = 0.into();
                self.left.next = self.rest_now.val();
                self.round_last.next = self.single_now.val();
                self.at_end.next = self.single_now.val() && !self.list.wide.val();
                self.nonzero_q.next = self.list.mask.val().get_bit(0);
            }
        }

        // Entries of the group in a weight gradient.
        self.list.clear.next = self.group_ends.val() || self.clear.val();
        self.list.push_entry.next = self.entry_q.val();
        self.list.push_bank.next = self.bank_q.val();
        self.list.push_addr.next = self.addr_q.val();
        self.list.push_mask.next = self.mask.val();
        self.list.begins.next = (self.state.val() == WalkerState::Gap) && (self.gap.val() == 0);
        self.list.load.next = self.flush_loads.val();
        self.list.wide_write.next = self.wide_write.val();
        self.list.wide_entry.next = self.wide_entry.val();
        self.list.wide_value.next = self.wide_value.val();

        if self.group_ends.val() || self.clear.val() {
            self.state.next = WalkerState::Items;
            self.high.next = false;
        }

        // Whether an item is there in the next cycle, and its group begun: of that the next `go` depends, and of whether a group ends,
        // which is known later.
        self.next_valid.next = (self.valid.val() && !self.item_ends.val())
            || self.takes.val()
            || self.flush_loads.val();
        self.next_begun.next = self.begun.val() || self.work.val();
        self.next_items.next = (self.state.val() == WalkerState::Items) && !self.flushes.val();
        self.valid.next = self.next_valid.val();
        self.begun.next = self.next_begun.val() && !self.group_ends.val();
        if self.clear.val() {
            self.valid.next = false;
            self.begun.next = false;
            self.at_end.next = false;
        }
        self.next_waits.next = self.next_items.val() && !self.next_valid.val();
        self.next_begins.next =
            self.next_items.val() && self.next_valid.val() && !self.next_begun.val();

        // Where the element lies.
        self.table.write.next = self.element_write.val();
        self.table.write_number.next = self.element_number.val();
        self.table.write_bank.next = self.element_bank.val();
        self.table.write_addr.next = self.element_addr.val();
        self.table.number.next = self.number.val();
        self.table.first_bank.next = self.bank_q.val();
        self.table.first_addr.next = self.addr_q.val();
        self.table.wrap_addr.next = self.wrap_addr.val();
        self.bank.next = self.table.bank.val();
        self.addr.next = self.table.addr.val();

        // What the PEs do with it.
        self.issue.next = self.work.val() && (!self.empty.val() || self.zeroing.val());
        self.mac.next = self.work.val() && self.macs.val();
        self.nonzero.next = self.nonzero_q.val();
        self.one.next = self.sums.val();
        self.element.next = self.number.val();
        self.position.next = self.position_q.val();
        self.entry.next = self.entry_q.val();
        self.vector_first.next = self.wgrad_q.val() || self.fresh.val();
        self.psum_update.next = !self.empty.val() && self.round_last.val();
        self.psum_zero.next = self.first.val() || (self.kind.val() == self.clear_kind.val());
        self.cache_write.next = self.keeps.val() && self.round_last.val();
        if self.wgrad_q.val() {
            self.psum_update.next = self.macs.val() || self.zeroing.val();
            self.psum_zero.next = self.overwrites.val() || self.zeroing.val();
            self.cache_write.next = self.sums.val();
        }
        self.cache_add.next = self.kind.val() == self.hit_kind.val();
        self.cache_reuse.next =
            !self.wgrad_q.val() && !self.empty.val() && (self.kind.val() == self.hit_kind.val());
        self.use_cache.next = self.flushing.val();
        self.cache_low.next = self.again.val();
        self.cache_high.next = self.high.val();
    }
}
