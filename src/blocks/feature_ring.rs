//! The feature ring of one PE set: which slots are full, and where they lie.

use super::loop_nest::COUNT_W;
use super::patch_agu::ADDR_W;
use crate::hdl::prelude::*;

/// Keeps account of the slots of a feature ring, which are filled in order and used in order.
///
/// ```text
///  slot_loaded ─► write slot, write_base ─┐
///                                         ├─► f_avail ─► room         f_waiting > 0 ─► ready
///  slot_used, slot_freed ► read slot ─────┘
///  tile_begins ─► the tile's first slot: where each of its passes starts if slots are not released
/// ```
///
/// **Latency** 1: what an input changes shows in the next cycle; only `goes_back`, `ready_kept` and `ready_used` depend on the
/// inputs of their own cycle. **Back-pressure** none inside: the loader keeps to `room`, the sequencer to `ready`.
/// **Parameters** none; size and number of slots are job registers, which stand from the cycle before `clear` on.
///
/// The test `feature_ring_numbers_its_slots` counts slots without end and reduces the numbers.
#[derive(LogicBlock)]
pub struct FeatureRing {
    /// Forget everything.
    pub clear: Bit<In>,
    /// Job: beats of a slot.
    pub slot_beats: Sig<In>,
    /// Job: slots of the ring.
    pub ring_slots: Sig<In>,
    /// A slot is complete.
    pub slot_loaded: Bit<In>,
    /// A tile becomes active: its first slot is the next to be used.
    pub tile_begins: Bit<In>,
    /// The last element of a slot is issued.
    pub slot_used: Bit<In>,
    /// A slot is free again, by whoever used it.
    pub slot_freed: Bit<In>,
    /// The slot is the pass's last.
    pub last_of_pass: Bit<In>,
    /// Used slots are free again; otherwise they stay for the tile's next pass.
    pub frees: Bit<In>,
    /// The slot to be used is complete.
    pub ready: Bit<Out>,
    /// `ready` of the next cycle, if no slot is used in this one.
    pub ready_kept: Bit<Out>,
    /// … if one is.
    pub ready_used: Bit<Out>,
    /// A slot is free.
    pub room: Bit<Out>,
    /// Beat address of the slot in use: the first one of a tile that begins.
    pub read_base: Sig<Out>,
    /// Beat address of the slot behind it.
    pub ahead_base: Sig<Out>,
    /// Beat address of the tile's first slot.
    pub back_base: Sig<Out>,
    /// After the slot in use comes the tile's first one again, not the one behind.
    pub goes_back: Bit<Out>,
    /// Beat address of the slot being filled.
    pub write_base: Sig<Out>,
    beats_q: Reg,
    slots_q: Reg,
    f_avail: Reg,
    f_waiting: Reg,
    two_wait: BitReg,
    waits: BitReg,
    full: BitReg,
    fill_slot: Reg,
    fill_base: Reg,
    fill_last: BitReg,
    read_slot: Reg,
    base: Reg,
    tile_slot: Reg,
    tile_base: Reg,
    at_last: BitReg,
    tile_at_last: BitReg,
    after_base: Reg,
    tile_after: Reg,
    about: About,
}

impl Default for FeatureRing {
    fn default() -> Self {
        Self::new()
    }
}

impl FeatureRing {
    /// The block; every size is a job register.
    pub fn new() -> Self {
        let count = || Reg::unsigned(COUNT_W);
        let address = || Reg::unsigned(ADDR_W);
        FeatureRing {
            clear: Bit::new(),
            slot_beats: Sig::unsigned(ADDR_W),
            ring_slots: Sig::unsigned(COUNT_W),
            slot_loaded: Bit::new(),
            tile_begins: Bit::new(),
            slot_used: Bit::new(),
            slot_freed: Bit::new(),
            last_of_pass: Bit::new(),
            frees: Bit::new(),
            ready: Bit::new(),
            ready_kept: Bit::new(),
            ready_used: Bit::new(),
            room: Bit::new(),
            read_base: Sig::unsigned(ADDR_W),
            ahead_base: Sig::unsigned(ADDR_W),
            back_base: Sig::unsigned(ADDR_W),
            goes_back: Bit::new(),
            write_base: Sig::unsigned(ADDR_W),
            beats_q: address(),
            slots_q: count(),
            f_avail: count(),
            f_waiting: count(),
            two_wait: BitReg::new(),
            waits: BitReg::new(),
            full: BitReg::new(),
            fill_slot: count(),
            fill_base: address(),
            fill_last: BitReg::new(),
            read_slot: count(),
            base: address(),
            tile_slot: count(),
            tile_base: address(),
            at_last: BitReg::new(),
            tile_at_last: BitReg::new(),
            after_base: address(),
            tile_after: address(),
            about: About::new(
                "feature_ring",
                "Account of the feature ring of one PE set: slots are filled in order and used in order, once or once \
                 per pass.",
            ),
        }
    }
}

impl Logic for FeatureRing {
    #[hdl_gen]
    fn update(&mut self) {
        // Constants of the job in registers of this block: the job's own are far away.
        self.beats_q.next = self.slot_beats.val();
        self.slots_q.next = self.ring_slots.val();

        // The slot being filled.
        if self.slot_loaded.val() {
            self.fill_slot.next = self.fill_slot.val() + 1;
            self.fill_base.next = self.fill_base.val() + self.beats_q.val();
            self.fill_last.next = self.fill_slot.val() + 2 == self.slots_q.val();
            if self.fill_last.val() {
                self.fill_slot.next = 0.into();
                self.fill_base.next = 0.into();
                self.fill_last.next = self.slots_q.val() == 1;
            }
        }

        // The slot in use. Whether it is the ring's last, and the address behind it, stand in registers.
        self.ahead_base.next = self.after_base.val();
        if self.at_last.val() {
            self.ahead_base.next = 0.into();
        }
        self.back_base.next = self.tile_base.val();
        self.read_base.next = self.base.val();
        self.goes_back.next = self.last_of_pass.val() && !self.frees.val();
        if self.slot_used.val() {
            self.base.next = self.ahead_base.val();
            self.read_slot.next = self.read_slot.val() + 1;
            self.at_last.next = self.read_slot.val() + 2 == self.slots_q.val();
            self.after_base.next = self.after_base.val() + self.beats_q.val();
            if self.at_last.val() {
                self.read_slot.next = 0.into();
                self.at_last.next = self.slots_q.val() == 1;
                self.after_base.next = self.beats_q.val();
            }
            if self.goes_back.val() {
                self.base.next = self.tile_base.val();
                self.read_slot.next = self.tile_slot.val();
                self.at_last.next = self.tile_at_last.val();
                self.after_base.next = self.tile_after.val();
            }
        }
        if self.tile_begins.val() {
            self.tile_slot.next = self.read_slot.val();
            self.tile_base.next = self.base.val();
            self.tile_at_last.next = self.at_last.val();
            self.tile_after.next = self.after_base.val();
        }

        // Slots that are full, and those of them that wait to be used: in registers whether one does, whether another one does behind
        // it, and whether all are full.
        self.ready_kept.next = self.waits.val() || self.slot_loaded.val();
        self.ready_used.next =
            self.slot_loaded.val() || self.goes_back.val() || self.two_wait.val();
        self.waits.next = self.ready_kept.val();
        if self.slot_loaded.val() {
            self.f_waiting.next = self.f_waiting.val() + 1;
            self.two_wait.next = self.waits.val();
        }
        if self.slot_used.val() {
            self.waits.next = self.ready_used.val();
            if self.slot_loaded.val() {
                self.f_waiting.next = self.f_waiting.val();
                self.two_wait.next = self.two_wait.val();
            } else {
                self.f_waiting.next = self.f_waiting.val() - 1;
                self.two_wait.next = self.f_waiting.val() > 2;
            }
            if self.goes_back.val() {
                self.f_waiting.next = self.f_avail.val();
                self.two_wait.next = self.f_avail.val() > 1;
                if self.slot_loaded.val() {
                    self.f_waiting.next = self.f_avail.val() + 1;
                    self.two_wait.next = true;
                }
            }
        }
        if self.slot_loaded.val() && !self.slot_freed.val() {
            self.f_avail.next = self.f_avail.val() + 1;
            self.full.next = self.f_avail.val() + 1 == self.slots_q.val();
        }
        if !self.slot_loaded.val() && self.slot_freed.val() {
            self.f_avail.next = self.f_avail.val() - 1;
            self.full.next = false;
        }

        if self.clear.val() {
            self.f_avail.next = 0.into();
            self.f_waiting.next = 0.into();
            self.waits.next = false;
            self.two_wait.next = false;
            self.full.next = self.slots_q.val() == 0;
            self.fill_slot.next = 0.into();
            self.fill_base.next = 0.into();
            self.fill_last.next = self.slots_q.val() == 1;
            self.read_slot.next = 0.into();
            self.base.next = 0.into();
            self.at_last.next = self.slots_q.val() == 1;
            self.after_base.next = self.beats_q.val();
        }

        self.ready.next = self.waits.val();
        self.room.next = !self.full.val();
        self.write_base.next = self.fill_base.val();
    }
}
