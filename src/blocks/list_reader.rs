//! The read side of a set's ring of Hitmap lists.

use super::group_nest::GroupNest;
use super::loop_nest::COUNT_W;
use crate::config::Config;
use crate::hdl::prelude::*;

/// Bits that number the lists of a ring, as in the register LISTS.
pub const LIST_SLOT_W: usize = 8;

/// Reads the items of a tile's lists ahead of their use, in the order in which the groups are computed.
///
/// ```text
///  list_done ─► l_avail ─► a list ahead? ─► here, left ──► read_addr ─────────────────────► [Hitmap]
///  released ──►               ▲               ▲ the length of the list behind this one ◄────┤ count_slot
///                       [group nest]          └ or of one just complete (list_items)        │ one cycle
///                                                        token, empty, last, cut  ◄─────────┘ item_*
///                                                                  ▲ consume
/// ```
///
/// A *token* is one item of a list, or the sign that the list is empty. It stands beside the Hitmap's read data until it
/// is consumed; in the same cycle the next one is addressed. With `redetect` the lists of each pass are others; without,
/// a pass that is not the last goes back to the tile's first list. After the tile's last token nothing is read until the
/// next tile begins.
///
/// **Latency** `list_done` in cycle t: the list's first token is there in t+2 (addressed in t+1), if nothing is before
/// it. `tile_begins` in cycle t: likewise at t+2 the earliest. **Back-pressure** a token waits until it is consumed;
/// one token a cycle.
/// `clear` comes before the first list; the job's numbers stand from the cycle before it on.
/// **Parameters** `lists`, `tile` of the configuration: widths.
///
/// The test `list_reader_shows_every_token_in_its_cycle` drives it alone, `item_walker_issues_every_list` together with the
/// walker, list by list; the gate test `list_reader` compares its Verilog with it.
#[derive(LogicBlock)]
pub struct ListReader {
    /// START, or an error: forget everything.
    pub clear: Bit<In>,
    /// Job: lists are detected again for every pass.
    pub redetect: Bit<In>,
    /// Job: chunks of kernel rows.
    pub chunks: Sig<In>,
    /// Job: channel groups.
    pub cgroups: Sig<In>,
    /// Job: words of a list.
    pub list_positions: Sig<In>,
    /// Job: lists of the ring.
    pub list_slots: Sig<In>,
    /// Passes of the pending tile, from the cycle after `tile_begins`.
    pub passes: Sig<In>,
    /// A tile becomes active.
    pub tile_begins: Bit<In>,
    /// Hitmap: a list is complete.
    pub list_done: Bit<In>,
    /// Hitmap: its last position, M − 1.
    pub list_last_position: Sig<In>,
    /// Hitmap: its number of items.
    pub list_items: Sig<In>,
    /// … at most one.
    pub list_at_last: Bit<In>,
    /// … none.
    pub list_is_empty: Bit<In>,
    /// The oldest list is not needed any more.
    pub released: Bit<In>,
    /// The token is taken.
    pub consume: Bit<In>,
    /// Hitmap: number of items of the list `count_slot`, in the same cycle.
    pub item_count: Sig<In>,
    /// … at most one.
    pub count_at_last: Bit<In>,
    /// … none.
    pub count_is_empty: Bit<In>,
    /// Hitmap: list whose length is wanted.
    pub count_slot: Sig<Out>,
    /// Hitmap: word wanted in the next cycle.
    pub read_addr: Sig<Out>,
    /// A token is there; the Hitmap's read data are its item.
    pub token: Bit<Out>,
    /// It stands for an empty list.
    pub empty: Bit<Out>,
    /// It is the list's last.
    pub last: Bit<Out>,
    /// Its group has the elements of the last channel group, or of the last chunk of kernel rows.
    pub cut: Bit<Out>,
    /// Positions of the active tile − 1, from its first token on.
    pub rows_m1: Sig<Out>,
    nest: GroupNest,
    last_position: LutRam,
    l_avail: Reg,
    l_waiting: Reg,
    one_waits: BitReg,
    fill_slot: Reg,
    slot: Reg,
    here: Reg,
    after_slot: Reg,
    after_base: Reg,
    tile_slot: Reg,
    tile_base: Reg,
    tile_after_slot: Reg,
    tile_after_base: Reg,
    left: Reg,
    at_last: BitReg,
    is_empty: BitReg,
    tile_fresh: BitReg,
    tile_left: Reg,
    tile_at_last: BitReg,
    tile_is_empty: BitReg,
    one_chunk: BitReg,
    rereads: BitReg,
    cut_q: BitReg,
    active: BitReg,
    token_q: BitReg,
    empty_q: BitReg,
    last_q: BitReg,
    held_addr: Reg,
    rows_q: Reg,
    take: Bit<Local>,
    arrives: Bit<Local>,
    first_left: Sig<Local>,
    first_at_last: Bit<Local>,
    first_is_empty: Bit<Local>,
    ends: Bit<Local>,
    rewinds: Bit<Local>,
    about: About,
}

impl ListReader {
    /// The reader of this configuration's lists.
    pub fn new(config: &Config) -> Self {
        let slot = || Reg::unsigned(LIST_SLOT_W);
        let address = || Reg::unsigned(config.list_w());
        let length = || Reg::unsigned(config.tile_count_w()).without_reset();
        let flag = || BitReg::new().without_reset();
        ListReader {
            clear: Bit::new(),
            redetect: Bit::new(),
            chunks: Sig::unsigned(COUNT_W),
            cgroups: Sig::unsigned(COUNT_W),
            list_positions: Sig::unsigned(COUNT_W),
            list_slots: Sig::unsigned(LIST_SLOT_W),
            passes: Sig::unsigned(COUNT_W),
            tile_begins: Bit::new(),
            list_done: Bit::new(),
            list_last_position: Sig::unsigned(config.tile_w()),
            list_items: Sig::unsigned(config.tile_count_w()),
            list_at_last: Bit::new(),
            list_is_empty: Bit::new(),
            released: Bit::new(),
            consume: Bit::new(),
            item_count: Sig::unsigned(config.tile_count_w()),
            count_at_last: Bit::new(),
            count_is_empty: Bit::new(),
            count_slot: Sig::unsigned(LIST_SLOT_W),
            read_addr: Sig::unsigned(config.list_w()),
            token: Bit::new(),
            empty: Bit::new(),
            last: Bit::new(),
            cut: Bit::new(),
            rows_m1: Sig::unsigned(config.tile_w()),
            nest: GroupNest::new(),
            last_position: LutRam::unsigned(config.tile_w(), 1 << LIST_SLOT_W),
            l_avail: Reg::unsigned(LIST_SLOT_W + 1),
            l_waiting: Reg::unsigned(LIST_SLOT_W + 1),
            one_waits: BitReg::new(),
            fill_slot: slot(),
            slot: slot(),
            here: address(),
            after_slot: slot(),
            after_base: address(),
            tile_slot: slot(),
            tile_base: address(),
            tile_after_slot: slot(),
            tile_after_base: address(),
            left: length(),
            at_last: flag(),
            is_empty: flag(),
            tile_fresh: flag(),
            tile_left: length(),
            tile_at_last: flag(),
            tile_is_empty: flag(),
            one_chunk: BitReg::new(),
            rereads: BitReg::new(),
            cut_q: flag(),
            active: BitReg::new(),
            token_q: BitReg::new(),
            empty_q: BitReg::new(),
            last_q: BitReg::new(),
            held_addr: Reg::unsigned(config.list_w()).without_reset(),
            rows_q: Reg::unsigned(config.tile_w()).without_reset(),
            take: Bit::new(),
            arrives: Bit::new(),
            first_left: Sig::unsigned(config.tile_count_w()),
            first_at_last: Bit::new(),
            first_is_empty: Bit::new(),
            ends: Bit::new(),
            rewinds: Bit::new(),
            about: About::new(
                "list_reader",
                "Read side of a set's ring of Hitmap lists: reads the items of a tile's groups ahead of their use.",
            ),
        }
    }
}

impl Logic for ListReader {
    #[hdl_gen]
    fn update(&mut self) {
        self.nest.load.next = self.tile_begins.val();
        self.nest.advance.next = self.ends.val();
        self.nest.chunks.next = self.chunks.val();
        self.nest.cgroups.next = self.cgroups.val();
        self.nest.passes.next = self.passes.val();
        self.one_chunk.next = self.chunks.val() == 1;
        self.rereads.next = !self.redetect.val();

        // The token that is addressed in this cycle. Whether it is its list's last stands in a register.
        self.take.next = self.active.val()
            && self.one_waits.val()
            && (!self.token_q.val() || self.consume.val());
        self.ends.next = self.take.val() && self.at_last.val();

        // A token that stays is addressed again: the memory has no other way to hold its word.
        self.read_addr.next = self.held_addr.val();
        if self.consume.val() {
            self.token_q.next = false;
        }
        if self.take.val() {
            self.read_addr.next = self.here.val();
            self.held_addr.next = self.here.val();
            self.here.next = self.here.val() + 1;
            self.left.next = self.left.val() - 1;
            self.at_last.next = self.left.val() == 2;
            self.token_q.next = true;
            self.empty_q.next = self.is_empty.val();
            self.last_q.next = self.at_last.val();
            self.rows_q.next = self.last_position.read_data.val();
            self.cut_q.next = self.nest.step_cgroup.val();
            if self.one_chunk.val() {
                self.cut_q.next = self.nest.in_last_cgroup.val();
            }
        }
        self.token.next = self.token_q.val();
        self.empty.next = self.empty_q.val();
        self.last.next = self.last_q.val();
        self.cut.next = self.cut_q.val();
        self.rows_m1.next = self.rows_q.val();

        // The list behind the current one: the tile's first one again, whose length is kept from its first token on, or the ring's
        // next one, whose length is looked up all the time. When the current list ends, it goes into a register.
        self.rewinds.next =
            self.nest.step_pass.val() && !self.nest.in_last_pass.val() && self.rereads.val();
        self.count_slot.next = self.after_slot.val();
        self.first_left.next = self.tile_left.val();
        self.first_at_last.next = self.tile_at_last.val();
        self.first_is_empty.next = self.tile_is_empty.val();
        if self.tile_fresh.val() {
            self.first_left.next = self.left.val();
            self.first_at_last.next = self.at_last.val();
            self.first_is_empty.next = self.is_empty.val();
        }
        if self.take.val() {
            self.tile_fresh.next = false;
            self.tile_left.next = self.first_left.val();
            self.tile_at_last.next = self.first_at_last.val();
            self.tile_is_empty.next = self.first_is_empty.val();
        }
        if self.ends.val() {
            self.slot.next = self.after_slot.val();
            self.here.next = self.after_base.val();
            self.left.next = self.item_count.val();
            self.at_last.next = self.count_at_last.val();
            self.is_empty.next = self.count_is_empty.val();
            self.after_slot.next = self.after_slot.val() + 1;
            self.after_base.next = self.after_base.val() + unsigned_cast(self.list_positions.val());
            if self.after_slot.val() + 1 == self.list_slots.val() {
                self.after_slot.next = 0.into();
                self.after_base.next = 0.into();
            }
            if self.rewinds.val() {
                self.slot.next = self.tile_slot.val();
                self.here.next = self.tile_base.val();
                self.left.next = self.first_left.val();
                self.at_last.next = self.first_at_last.val();
                self.is_empty.next = self.first_is_empty.val();
                self.after_slot.next = self.tile_after_slot.val();
                self.after_base.next = self.tile_after_base.val();
            }
            if self.nest.step_tile.val() {
                self.active.next = false;
            }
        }
        if self.tile_begins.val() {
            self.active.next = true;
            self.tile_fresh.next = true;
            self.tile_slot.next = self.slot.val();
            self.tile_base.next = self.here.val();
            self.tile_after_slot.next = self.after_slot.val();
            self.tile_after_base.next = self.after_base.val();
        }

        // Lists that are complete, how many of them are still to be read, and in a register whether one is. A list that is
        // released was read, and none is when the tile begins again.
        self.arrives.next = self.list_done.val() && !self.one_waits.val();
        if self.list_done.val() && !self.released.val() {
            self.l_avail.next = self.l_avail.val() + 1;
        }
        if !self.list_done.val() && self.released.val() {
            self.l_avail.next = self.l_avail.val() - 1;
        }
        if self.list_done.val() && !self.ends.val() {
            self.l_waiting.next = self.l_waiting.val() + 1;
            self.one_waits.next = true;
        }
        if !self.list_done.val() && self.ends.val() {
            self.l_waiting.next = self.l_waiting.val() - 1;
            self.one_waits.next = self.l_waiting.val() != 1;
        }
        if self.ends.val() {
            self.arrives.next = self.list_done.val() && (self.l_waiting.val() == 1);
            if self.rewinds.val() {
                self.arrives.next = false;
                self.l_waiting.next = self.l_avail.val();
                if self.list_done.val() {
                    self.l_waiting.next = self.l_avail.val() + 1;
                }
                self.one_waits.next = true;
            }
        }
        // The list to be read next is the one that is just complete: its length is not in the memory yet.
        if self.arrives.val() {
            self.left.next = self.list_items.val();
            self.at_last.next = self.list_at_last.val();
            self.is_empty.next = self.list_is_empty.val();
        }

        // Positions of each list.
        self.last_position.write_enable.next = self.list_done.val();
        self.last_position.write_address.next = self.fill_slot.val();
        self.last_position.write_data.next = self.list_last_position.val();
        self.last_position.read_address.next = self.slot.val();
        if self.list_done.val() {
            self.fill_slot.next = self.fill_slot.val() + 1;
            if self.fill_slot.val() + 1 == self.list_slots.val() {
                self.fill_slot.next = 0.into();
            }
        }

        if self.clear.val() {
            self.l_avail.next = 0.into();
            self.l_waiting.next = 0.into();
            self.one_waits.next = false;
            self.fill_slot.next = 0.into();
            self.slot.next = 0.into();
            self.here.next = 0.into();
            self.after_slot.next = 1.into();
            self.after_base.next = unsigned_cast(self.list_positions.val());
            if self.list_slots.val() == 1 {
                self.after_slot.next = 0.into();
                self.after_base.next = 0.into();
            }
            self.active.next = false;
            self.token_q.next = false;
        }
    }
}
