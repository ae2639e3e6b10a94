//! The detection side of a PE set: which group of which tile is to be detected next, and when.

use super::group_nest::GroupNest;
use super::list_reader::LIST_SLOT_W;
use super::loop_nest::COUNT_W;
use super::patch_agu::ADDR_W;
use super::rpq::K_COUNT_W;
use super::tile_queue::{TileQueue, tile_beat_w};
use crate::config::Config;
use crate::hdl::prelude::*;

#[derive(Copy, Clone, Debug, PartialEq, LogicState)]
enum FrontState {
    Idle,
    Ready,
    Busy,
}

/// Goes through the groups of the tiles that a set is sent and asks a detector for each.
///
/// ```text
///  tile beats ─► tile_queue ─► pass ▸ channel group ▸ chunk ─► first element of the group ─► det_* ─► detector
///  slot_loaded ──► d_avail ┐                   ▲                                                        │
///  list_released ► lists_used ├─► READY ─► det_request ──────┴──────────── det_grant (a), det_done (z) ◄┘
/// ```
///
/// **Latency** a pending descriptor is taken in an IDLE cycle c and asks from c+1 on; `det_grant` and `det_done` take
/// effect in the next cycle; a group follows the one before in z+1. `det_*` stay from the request to `det_done`.
/// **Back-pressure** `room_tile` to the loader; it asks only while a list is free and, in the first detection pass of a
/// tile (in every one with STREAM_FEATURES), a slot is filled. **Parameters** `l` 1…15, `bus_w`, `data_w`.
/// The rules are in `docs/reuse.md`, "Cycles".
///
/// The test `detection_follows_the_contract` drives it together with detector and Hitmap.
#[derive(LogicBlock)]
pub struct DetectFront {
    /// START, or an error.
    pub clear: Bit<In>,
    /// Job: weight gradient.
    pub wgrad: Bit<In>,
    /// Job: features are sent again for every pass.
    pub stream_features: Bit<In>,
    /// Job: groups are detected again for every pass.
    pub redetect: Bit<In>,
    /// Job: chunks of a channel group.
    pub chunks: Sig<In>,
    /// Job: channel groups.
    pub cgroups: Sig<In>,
    /// Job: words per chunk.
    pub chunk_addr: Sig<In>,
    /// Job: input rows per chunk.
    pub chunk_row: Sig<In>,
    /// Job: banks per chunk.
    pub chunk_bank: Sig<In>,
    /// Job: words per bank wrap.
    pub wrap_addr: Sig<In>,
    /// Job: beats of a feature slot.
    pub slot_beats: Sig<In>,
    /// Job: slots of the feature ring.
    pub ring_slots: Sig<In>,
    /// Job: elements of a group.
    pub group_k: Sig<In>,
    /// Job: elements of a group of the last channel group.
    pub k_cg_last: Sig<In>,
    /// Job: elements of the last of several chunks.
    pub k_kr_last: Sig<In>,
    /// Job: steps of a vector.
    pub steps: Sig<In>,
    /// Job: steps in the last channel group.
    pub steps_cg_last: Sig<In>,
    /// Job: steps in the last of several chunks.
    pub steps_kr_last: Sig<In>,
    /// Job: lists of the list ring.
    pub list_slots: Sig<In>,
    /// Loader: a beat of a tile descriptor.
    pub tile_write: Bit<In>,
    /// Loader: its bits.
    pub tile_data: Sig<In>,
    /// Loader: it is the descriptor's last beat.
    pub tile_last: Bit<In>,
    /// Loader: a feature slot is complete.
    pub slot_loaded: Bit<In>,
    /// The set released a list.
    pub list_released: Bit<In>,
    /// The detector starts with this group (cycle a).
    pub det_grant: Bit<In>,
    /// The detector issues the group's last step (cycle z).
    pub det_done: Bit<In>,
    /// A tile descriptor may be written.
    pub room_tile: Bit<Out>,
    /// No tile is pending or active.
    pub idle: Bit<Out>,
    /// A group is to be detected.
    pub det_request: Bit<Out>,
    /// Images.
    pub det_images: Sig<Out>,
    /// Output rows.
    pub det_rows: Sig<Out>,
    /// Output columns.
    pub det_cols: Sig<Out>,
    /// Input rows sent.
    pub det_in_rows: Sig<Out>,
    /// Input columns sent.
    pub det_in_cols: Sig<Out>,
    /// First element of the group's position 0: bank.
    pub det_bank: Sig<Out>,
    /// … word address, slot included.
    pub det_addr: Sig<Out>,
    /// … input row, two's complement.
    pub det_row: Sig<Out>,
    /// … input column, two's complement.
    pub det_col: Sig<Out>,
    /// Elements K of the group.
    pub det_k: Sig<Out>,
    /// Steps T of a vector.
    pub det_steps: Sig<Out>,
    /// It is the first group of a pass.
    pub det_first_group: Bit<Out>,
    /// It is the last group of a pass.
    pub det_last_group: Bit<Out>,
    /// Its psums start from 0, one for each position.
    pub det_zero: Bit<Out>,
    tiles: TileQueue,
    state: Reg<FrontState>,
    nest: GroupNest,
    first_pass: BitReg,
    redetect_q: BitReg,
    one_chunk: BitReg,
    slot_waits: BitReg,
    list_free: BitReg,
    at_last: BitReg,
    tile_at_last: BitReg,
    after_base: Reg,
    tile_after: Reg,
    next_last: Bit<Local>,
    next_after: Sig<Local>,
    d_avail: Reg,
    lists_used: Reg,
    slot: Reg,
    slot_base: Reg,
    tile_slot: Reg,
    tile_base: Reg,
    bank: Reg,
    addr: Reg,
    row: Reg,
    take: BitReg,
    granted: Bit<Local>,
    done: Bit<Local>,
    last_chunk: Bit<Local>,
    last_cgroup: Bit<Local>,
    last_pass: Bit<Local>,
    slot_ends: Bit<Local>,
    needs_slot: Bit<Local>,
    next_slot: Sig<Local>,
    next_base: Sig<Local>,
    bank_sum: Sig<Local>,
    lane_w: Param,
    banks: Param,
    bank_w: Param,
    sum_w: Param,
    about: About,
}

impl DetectFront {
    /// The front of a set of this configuration.
    pub fn new(config: &Config) -> Self {
        let bank_w = config.bank_w();
        let count_in = || Sig::unsigned(COUNT_W);
        let addr_in = || Sig::unsigned(ADDR_W);
        let k_in = || Sig::unsigned(K_COUNT_W);
        let count_out = || Sig::unsigned(COUNT_W);
        let addr_out = || Sig::unsigned(ADDR_W);
        DetectFront {
            clear: Bit::new(),
            wgrad: Bit::new(),
            stream_features: Bit::new(),
            redetect: Bit::new(),
            chunks: count_in(),
            cgroups: count_in(),
            chunk_addr: addr_in(),
            chunk_row: addr_in(),
            chunk_bank: Sig::unsigned(bank_w),
            wrap_addr: addr_in(),
            slot_beats: addr_in(),
            ring_slots: count_in(),
            group_k: k_in(),
            k_cg_last: k_in(),
            k_kr_last: k_in(),
            steps: k_in(),
            steps_cg_last: k_in(),
            steps_kr_last: k_in(),
            list_slots: Sig::unsigned(LIST_SLOT_W),
            tile_write: Bit::new(),
            tile_data: Sig::unsigned(tile_beat_w(config)),
            tile_last: Bit::new(),
            slot_loaded: Bit::new(),
            list_released: Bit::new(),
            det_grant: Bit::new(),
            det_done: Bit::new(),
            room_tile: Bit::new(),
            idle: Bit::new(),
            det_request: Bit::new(),
            det_images: count_out(),
            det_rows: count_out(),
            det_cols: count_out(),
            det_in_rows: count_out(),
            det_in_cols: count_out(),
            det_bank: Sig::unsigned(bank_w),
            det_addr: addr_out(),
            det_row: addr_out(),
            det_col: addr_out(),
            det_k: Sig::unsigned(K_COUNT_W),
            det_steps: Sig::unsigned(K_COUNT_W),
            det_first_group: Bit::new(),
            det_last_group: Bit::new(),
            det_zero: Bit::new(),
            tiles: TileQueue::new(config),
            state: Reg::new(),
            nest: GroupNest::new(),
            first_pass: BitReg::new(),
            redetect_q: BitReg::new(),
            one_chunk: BitReg::new(),
            slot_waits: BitReg::new(),
            list_free: BitReg::new(),
            at_last: BitReg::new(),
            tile_at_last: BitReg::new(),
            after_base: Reg::unsigned(ADDR_W),
            tile_after: Reg::unsigned(ADDR_W),
            next_last: Bit::new(),
            next_after: Sig::unsigned(ADDR_W),
            d_avail: Reg::unsigned(COUNT_W),
            lists_used: Reg::unsigned(LIST_SLOT_W),
            slot: Reg::unsigned(COUNT_W),
            slot_base: Reg::unsigned(ADDR_W),
            tile_slot: Reg::unsigned(COUNT_W),
            tile_base: Reg::unsigned(ADDR_W),
            bank: Reg::unsigned(bank_w),
            addr: Reg::unsigned(ADDR_W),
            row: Reg::unsigned(ADDR_W),
            take: BitReg::new(),
            granted: Bit::new(),
            done: Bit::new(),
            last_chunk: Bit::new(),
            last_cgroup: Bit::new(),
            last_pass: Bit::new(),
            slot_ends: Bit::new(),
            needs_slot: Bit::new(),
            next_slot: Sig::unsigned(COUNT_W),
            next_base: Sig::unsigned(ADDR_W),
            bank_sum: Sig::unsigned(bank_w + 1),
            lane_w: Param::new(config.lanes().ilog2() as usize),
            banks: Param::new(config.l),
            bank_w: Param::new(bank_w),
            sum_w: Param::new(bank_w + 1),
            about: About::new(
                "detect_front",
                "Detection side of one PE set: goes through the groups of its tiles and asks a detector for each, when \
                 its features are there and a list is free.",
            ),
        }
    }
}

impl Logic for DetectFront {
    #[hdl_gen]
    fn update(&mut self) {
        // Tiles and states.
        self.tiles.clear.next = self.clear.val();
        self.tiles.write.next = self.tile_write.val();
        self.tiles.data.next = self.tile_data.val();
        self.tiles.last.next = self.tile_last.val();
        self.tiles.take.next = self.take.val();
        self.granted.next = self.det_grant.val() && (self.state.val() == FrontState::Ready);
        self.done.next = self.det_done.val() && (self.state.val() == FrontState::Busy);

        // Groups.
        self.redetect_q.next = self.redetect.val();
        self.one_chunk.next = self.chunks.val() == 1;
        self.nest.load.next = self.take.val();
        self.nest.advance.next = self.done.val();
        self.nest.chunks.next = self.chunks.val();
        self.nest.cgroups.next = self.cgroups.val();
        self.nest.passes.next = self.tiles.passes.val();
        if self.take.val() {
            self.nest.passes.next = self.tiles.pending_passes.val();
        }
        self.last_chunk.next = self.nest.step_cgroup.val();
        self.last_cgroup.next = self.nest.in_last_cgroup.val();
        self.last_pass.next = !self.redetect_q.val() || self.nest.in_last_pass.val();
        self.slot_ends.next = self.done.val() && self.last_chunk.val();
        if self.take.val() {
            self.state.next = FrontState::Ready;
            self.first_pass.next = true;
        }
        if self.granted.val() {
            self.state.next = FrontState::Busy;
        }
        if self.done.val() {
            self.state.next = FrontState::Ready;
            if self.nest.step_pass.val() {
                self.first_pass.next = false;
                if self.last_pass.val() {
                    self.state.next = FrontState::Idle;
                }
            }
        }

        // Slots: filled in order, gone through in order; without streaming again from the tile's first in each pass.
        // Whether one waits, whether the slot is the ring's last, and the address behind it, stand in registers.
        self.needs_slot.next = self.stream_features.val() || self.first_pass.val();
        if self.slot_loaded.val() && !(self.slot_ends.val() && self.needs_slot.val()) {
            self.d_avail.next = self.d_avail.val() + 1;
            self.slot_waits.next = true;
        }
        if !self.slot_loaded.val() && self.slot_ends.val() && self.needs_slot.val() {
            self.d_avail.next = self.d_avail.val() - 1;
            self.slot_waits.next = self.d_avail.val() != 1;
        }
        self.next_slot.next = self.slot.val() + 1;
        self.next_base.next = self.after_base.val();
        self.next_last.next = self.slot.val() + 2 == self.ring_slots.val();
        self.next_after.next = self.after_base.val() + self.slot_beats.val();
        if self.at_last.val() {
            self.next_slot.next = 0.into();
            self.next_base.next = 0.into();
            self.next_last.next = self.ring_slots.val() == 1;
            self.next_after.next = self.slot_beats.val();
        }
        if self.last_cgroup.val() && !self.last_pass.val() && !self.stream_features.val() {
            self.next_slot.next = self.tile_slot.val();
            self.next_base.next = self.tile_base.val();
            self.next_last.next = self.tile_at_last.val();
            self.next_after.next = self.tile_after.val();
        }
        if self.slot_ends.val() {
            self.at_last.next = self.next_last.val();
            self.after_base.next = self.next_after.val();
            self.slot.next = self.next_slot.val();
            self.slot_base.next = self.next_base.val();
        }
        if self.take.val() {
            self.tile_slot.next = self.slot.val();
            self.tile_base.next = self.slot_base.val();
            self.tile_at_last.next = self.at_last.val();
            self.tile_after.next = self.after_base.val();
        }

        // First element of the group.
        self.bank_sum.next = bit_cast_w(self.bank.val(), self.sum_w.val())
            + bit_cast_w(self.chunk_bank.val(), self.sum_w.val());
        if self.take.val() {
            self.bank.next = self.tiles.pending_bank.val();
            self.row.next = self.tiles.pending_row.val();
            self.addr.next =
                (self.slot_base.val() << self.lane_w.val()) + self.tiles.pending_addr.val();
        } else if self.slot_ends.val() {
            self.bank.next = self.tiles.start_bank.val();
            self.row.next = self.tiles.row_start.val();
            self.addr.next =
                (self.next_base.val() << self.lane_w.val()) + self.tiles.start_addr.val();
        } else if self.done.val() {
            self.row.next = self.row.val() + self.chunk_row.val();
            self.bank.next = bit_cast_w(self.bank_sum.val(), self.bank_w.val());
            self.addr.next = self.addr.val() + self.chunk_addr.val();
            if self.bank_sum.val() >= self.banks.val() {
                self.bank.next =
                    bit_cast_w(self.bank_sum.val() - self.banks.val(), self.bank_w.val());
                self.addr.next = self.addr.val() + self.chunk_addr.val() + self.wrap_addr.val();
            }
        }

        // Lists.
        if self.granted.val() && !self.list_released.val() {
            self.lists_used.next = self.lists_used.val() + 1;
            self.list_free.next = self.lists_used.val() + 1 < self.list_slots.val();
        }
        if !self.granted.val() && self.list_released.val() {
            self.lists_used.next = self.lists_used.val() - 1;
            self.list_free.next = self.lists_used.val() - 1 < self.list_slots.val();
        }

        if self.clear.val() {
            self.state.next = FrontState::Idle;
            self.d_avail.next = 0.into();
            self.slot_waits.next = false;
            self.lists_used.next = 0.into();
            self.list_free.next = self.list_slots.val().any();
            self.slot.next = 0.into();
            self.slot_base.next = 0.into();
            self.at_last.next = self.ring_slots.val() == 1;
            self.after_base.next = self.slot_beats.val();
        }

        // Whether a tile is taken in the next cycle: every counter loads its limits then.
        self.take.next = self.tiles.next_pending.val()
            && (((self.state.val() == FrontState::Idle) && !self.take.val())
                || (self.done.val() && self.nest.step_pass.val() && self.last_pass.val()));

        self.room_tile.next = !self.tiles.pending_valid.val();
        self.idle.next = (self.state.val() == FrontState::Idle) && !self.tiles.pending_valid.val();
        self.det_request.next = (self.state.val() == FrontState::Ready)
            && (!self.needs_slot.val() || self.slot_waits.val())
            && self.list_free.val();
        self.det_images.next = self.tiles.images.val();
        self.det_rows.next = self.tiles.rows.val();
        self.det_cols.next = self.tiles.cols.val();
        self.det_in_rows.next = self.tiles.in_rows.val();
        self.det_in_cols.next = self.tiles.in_cols.val();
        self.det_bank.next = self.bank.val();
        self.det_addr.next = self.addr.val();
        self.det_row.next = self.row.val();
        self.det_col.next = self.tiles.col_start.val();
        self.det_k.next = self.group_k.val();
        self.det_steps.next = self.steps.val();
        if self.one_chunk.val() {
            if self.last_cgroup.val() {
                self.det_k.next = self.k_cg_last.val();
                self.det_steps.next = self.steps_cg_last.val();
            }
        } else if self.last_chunk.val() {
            self.det_k.next = self.k_kr_last.val();
            self.det_steps.next = self.steps_kr_last.val();
        }
        self.det_first_group.next = self.nest.in_first_group.val();
        self.det_last_group.next = self.nest.step_pass.val();
        self.det_zero.next = self.tiles.zero.val() && !self.wgrad.val();
    }
}
