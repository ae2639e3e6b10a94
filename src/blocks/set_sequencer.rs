//! The sequencer of one PE set: which element is issued when, and what is free when.

mod new;

use super::feature_ring::FeatureRing;
use super::issue_gate::IssueGate;
use super::job_fields::{LoopCounts, PatchSteps};
use super::loop_nest::LoopNest;
use super::patch_agu::PatchAgu;
use super::psum_banks::PsumBanks;
use super::range_check::RangeCheck;
use super::tile_queue::TileQueue;
use super::weight_ring::WeightRing;
use crate::hdl::prelude::*;

/// Runs the loop nest of a PE set over the tiles it is sent, one element per cycle, when all that the element needs is
/// there.
///
/// ```text
///  tile beats ──► tile_queue ──► loop_nest ──► patch_agu ──► bank, addr, in_image ─┐
///                                    ▲                                             ├─► issue (cycle u)
///                       may issue? ──┴── issue ───────────► psum_addr, position … ─┘
///                        ▲  ▲  ▲
///  slot_loaded ─► feature_ring │  └─ psum_banks ◄── operand_loaded, bank_release     room_* to the loader,
///              weights_loaded ─► weight_ring ─► weight_addr                          drain_request to the drain
/// ```
///
/// **Latency** `issue` and all outputs beside it describe the same cycle u; what an issue changes shows in u+1; a
/// request to drain a bank shows in u+5, when its last psum is in the RAM. **Back-pressure** `room_*` to the loader;
/// the nest stands still while anything is missing, and `stall_*` names the first cause.
/// **Parameters** `l`, `bus_w`, `feature_words`, `weight_words`, `tile`, `pes` of the configuration.
/// The cycle rules are in `docs/architecture.md`, "Set timing".
///
/// `mercury cosim` holds the design's counters to a cycle model written from those rules; the test `set_sequencer` in
/// `tests/block_gate.rs` compares its Verilog with it, every output in every cycle.
#[derive(LogicBlock)]
pub struct SetSequencer {
    /// START, or an error: every queue, ring and state restarts.
    pub clear: Bit<In>,
    /// An error or abort: the psum banks restart as well.
    pub reset_banks: Bit<In>,
    /// Job: weight gradient.
    pub wgrad: Bit<In>,
    /// Job: features are sent again for every pass.
    pub stream_features: Bit<In>,
    /// Job: how often the loops run.
    pub counts: LoopCounts<In>,
    /// Job: what the steps of the loops add.
    pub steps: PatchSteps<In>,
    /// Job: beats of a feature slot.
    pub slot_beats: Sig<In>,
    /// Job: slots of the feature ring.
    pub ring_slots: Sig<In>,
    /// Loader: a beat of a tile descriptor.
    pub tile_write: Bit<In>,
    /// Loader: its bits.
    pub tile_data: Sig<In>,
    /// Loader: it is the descriptor's last beat.
    pub tile_last: Bit<In>,
    /// Loader: a feature slot is complete.
    pub slot_loaded: Bit<In>,
    /// Loader: the weights of a group are complete.
    pub weights_loaded: Bit<In>,
    /// Loader: a row of weights was accepted (one cycle before it is written).
    pub weight_row_accepted: Bit<In>,
    /// Loader: a row of weights is written.
    pub weight_row_written: Bit<In>,
    /// Loader: the operand is complete.
    pub operand_loaded: Bit<In>,
    /// Drain: bank 0 was read.
    pub bank0_release: Bit<In>,
    /// Drain: bank 1 was read.
    pub bank1_release: Bit<In>,
    /// Drain: the last beat of the requested bank was addressed.
    pub drain_addressed: Bit<In>,
    /// Job: reuse is on. This and the walker's ports exist only with reuse.
    pub reuse: Vec<Bit<In>>,
    /// Walker: an item is needed and not there.
    pub walk_waits: Vec<Bit<In>>,
    /// Walker: the cycle is the first of a group.
    pub walk_begins: Vec<Bit<In>>,
    /// Walker: the cycle is the last of a group.
    pub walk_ends: Vec<Bit<In>>,
    /// Walker: something is issued.
    pub walk_issue: Vec<Bit<In>>,
    /// Walker: a product for a result.
    pub walk_mac: Vec<Bit<In>>,
    /// Walker: element of the vector.
    pub walk_element: Vec<Sig<In>>,
    /// Walker: position.
    pub walk_position: Vec<Sig<In>>,
    /// Walker: elements of the group.
    pub walk_k: Vec<Sig<In>>,
    /// Walker: the group is the last of its feature slot.
    pub walk_step_cgroup: Vec<Bit<In>>,
    /// Walker: … of the pass.
    pub walk_step_pass: Vec<Bit<In>>,
    /// Walker: … of the tile.
    pub walk_step_tile: Vec<Bit<In>>,
    /// Walker: the group is the first of the pass.
    pub walk_first_group: Vec<Bit<In>>,
    /// Walker: `walk_waits` of the next cycle, if no group ends in this one.
    pub walk_next_waits: Vec<Bit<In>>,
    /// Walker: `walk_begins` of the next cycle, if no group ends in this one.
    pub walk_next_begins: Vec<Bit<In>>,
    /// Walker: an item stands behind the one that is walked.
    pub walk_token: Vec<Bit<In>>,
    /// Walker: the pass is the tile's last.
    pub walk_last_pass: Vec<Bit<In>>,
    /// Walker: number of the pass.
    pub walk_pass: Vec<Sig<In>>,
    /// Walker: positions of the tile − 1.
    pub walk_rows_m1: Vec<Sig<In>>,
    /// Walker: a tile becomes active.
    pub tile_begins: Vec<Bit<Out>>,
    /// Walker: passes of the active tile, or of the one that becomes active.
    pub tile_passes: Vec<Sig<Out>>,
    /// Walker: its psums start from zero.
    pub tile_zero: Vec<Bit<Out>>,
    /// Walker: the cycle may be used.
    pub go: Vec<Bit<Out>>,
    /// No tile is pending or active.
    pub no_tile: Bit<Out>,
    /// A tile descriptor may be written.
    pub room_tile: Bit<Out>,
    /// A feature slot is free.
    pub room_features: Bit<Out>,
    /// A word of the weight ring is free.
    pub room_weights: Bit<Out>,
    /// The operand bank is free.
    pub room_operand: Bit<Out>,
    /// Beat address of the slot being filled, not cut to the depth of a bank.
    pub slot_write_base: Sig<Out>,
    /// Weight ring address of the row being written.
    pub weight_write_addr: Sig<Out>,
    /// The operand is in the bank that does not accumulate.
    pub operand_there: Bit<Out>,
    /// Bank that takes the operand.
    pub operand_write_bank: Bit<Out>,
    /// An element is issued (cycle u); the outputs below describe it.
    pub issue: Bit<Out>,
    /// It is a product for a result.
    pub mac: Bit<Out>,
    /// Its feature bank.
    pub bank: Sig<Out>,
    /// Its word address in the bank.
    pub addr: Sig<Out>,
    /// It lies inside of the image.
    pub in_image: Bit<Out>,
    /// Weight ring address of its weight.
    pub weight_addr: Sig<Out>,
    /// Its position: address of the operand.
    pub position: Sig<Out>,
    /// Its psum address.
    pub psum_addr: Sig<Out>,
    /// It starts a vector sum.
    pub vector_first: Bit<Out>,
    /// The psum is updated with it.
    pub psum_update: Bit<Out>,
    /// The psum starts from 0.
    pub psum_zero: Bit<Out>,
    /// Bank that accumulates.
    pub psum_bank: Bit<Out>,
    /// PEs that have a filter in this pass.
    pub pes_now: Sig<Out>,
    /// Waiting for features.
    pub stall_features: Bit<Out>,
    /// Waiting for weights.
    pub stall_weights: Bit<Out>,
    /// Waiting for the operand.
    pub stall_operand: Bit<Out>,
    /// Waiting for a psum bank.
    pub stall_bank: Bit<Out>,
    /// Waiting for a Hitmap.
    pub stall_detect: Bit<Out>,
    /// No tile, no drain outstanding.
    pub idle: Bit<Out>,
    /// The element issued two cycles before lies beyond the feature buffer or the psum bank.
    pub range_error: Bit<Out>,
    /// A bank waits for the drain.
    pub drain_request: Bit<Out>,
    /// That bank.
    pub drain_bank: Bit<Out>,
    /// Its rows − 1.
    pub drain_rows_m1: Sig<Out>,
    /// PEs that have a filter in it.
    pub drain_pes: Sig<Out>,
    /// Tag of its tile.
    pub drain_tag: Sig<Out>,
    /// Its pass.
    pub drain_pass: Sig<Out>,
    tiles: TileQueue,
    nest: LoopNest,
    agu: PatchAgu,
    features: FeatureRing,
    weights: WeightRing,
    banks: PsumBanks,
    running: BitReg,
    gate: IssueGate,
    reuse_q: Vec<BitReg>,
    wgrad_q: BitReg,
    stream_q: BitReg,
    take: BitReg,
    ahead_addr: Sig<Local>,
    back_addr: Sig<Local>,
    first_addr: Sig<Local>,
    begins: Bit<Local>,
    input_ready: Bit<Local>,
    stall_input: Bit<Local>,
    next_running: Bit<Local>,
    advance: Bit<Local>,
    group_ends: Bit<Local>,
    slot_ends: Bit<Local>,
    pass_ends: Bit<Local>,
    tile_ends: Bit<Local>,
    in_first_group: Bit<Local>,
    in_last_pass: Bit<Local>,
    pass_number: Sig<Local>,
    element: Sig<Local>,
    group_rows: Sig<Local>,
    group_rows_m1: Sig<Local>,
    place: Sig<Local>,
    rows_m1: Sig<Local>,
    reuses: Bit<Local>,
    reuse_count: Param,
    group_base: Reg,
    psum_index: Sig<Local>,
    range: RangeCheck,
    pes_in_pass: Sig<Local>,
    lane_w: Param,
    pes: Param,
    about: About,
}

impl Logic for SetSequencer {
    #[hdl_gen]
    fn update(&mut self) {
        // Constants of the job in registers of this set: so many blocks read them that the job's own are far away.
        self.wgrad_q.next = self.wgrad.val();
        self.stream_q.next = self.stream_features.val();

        // Tiles.
        self.tiles.clear.next = self.clear.val();
        self.tiles.write.next = self.tile_write.val();
        self.tiles.data.next = self.tile_data.val();
        self.tiles.last.next = self.tile_last.val();
        self.tiles.take.next = self.take.val();

        // Loop nest.
        self.nest.load.next = self.take.val();
        self.nest.advance.next = self.advance.val();
        LoopCounts::<In>::join(&mut self.nest.counts, &mut self.counts);
        self.nest.images.next = self.tiles.images.val();
        self.nest.rows.next = self.tiles.rows.val();
        self.nest.cols.next = self.tiles.cols.val();
        self.nest.passes.next = self.tiles.passes.val();
        self.nest.new_images.next = self.tiles.pending_images.val();
        self.nest.new_rows.next = self.tiles.pending_rows.val();
        self.nest.new_cols.next = self.tiles.pending_cols.val();
        self.nest.new_passes.next = self.tiles.pending_passes.val();

        // Where the loops are: the nest knows it of every element, the walker of every item.
        self.reuses.next = false;
        self.begins.next = self.nest.group_first.val();
        self.input_ready.next = self.features.ready.val();
        self.in_first_group.next = self.nest.in_first_group.val();
        self.in_last_pass.next = self.nest.in_last_pass.val();
        self.pass_number.next = self.nest.pass.val();
        self.element.next = self.nest.k_index.val();
        self.group_rows.next = self.nest.k_index.val() + 1;
        self.group_rows_m1.next = self.nest.k_index.val();
        self.place.next = self.nest.position.val();
        self.rows_m1.next = self.nest.position.val();
        for r in 0..self.reuse_count.val() {
            self.reuse_q[r].next = self.reuse[r].val();
            if self.reuse_q[r].val() {
                self.reuses.next = true;
                self.begins.next = self.walk_begins[r].val() || self.walk_waits[r].val();
                self.input_ready.next = !self.walk_waits[r].val();
                self.in_first_group.next = self.walk_first_group[r].val();
                self.in_last_pass.next = self.walk_last_pass[r].val();
                self.pass_number.next = self.walk_pass[r].val();
                self.element.next = unsigned_cast(self.walk_element[r].val());
                self.group_rows.next = unsigned_cast(self.walk_k[r].val());
                self.group_rows_m1.next = unsigned_cast(self.walk_k[r].val() - 1);
                self.place.next = unsigned_cast(self.walk_position[r].val());
                self.rows_m1.next = unsigned_cast(self.walk_rows_m1[r].val());
            }
        }

        // What a group needs before its first element issues, and waits for.
        self.stall_input.next = false;
        self.stall_weights.next = false;
        self.stall_operand.next = false;
        self.stall_bank.next = false;
        if self.running.val() && self.begins.val() {
            if !self.input_ready.val() {
                self.stall_input.next = true;
            } else if !self.wgrad_q.val() && !self.weights.ready.val() {
                self.stall_weights.next = true;
            } else if self.wgrad_q.val() && !self.banks.operand_ready.val() {
                self.stall_operand.next = true;
            } else if self.in_first_group.val() && self.banks.accumulates_busy.val() {
                self.stall_bank.next = true;
            }
        }
        self.stall_features.next = self.stall_input.val() && !self.reuses.val();
        self.stall_detect.next = self.stall_input.val() && self.reuses.val();
        self.advance.next = self.gate.may_issue.val();
        self.group_ends.next = self.advance.val() && self.nest.step_chunk.val();
        self.slot_ends.next = self.advance.val() && self.nest.step_cgroup.val();
        self.pass_ends.next = self.advance.val() && self.nest.step_pass.val();
        self.tile_ends.next = self.advance.val() && self.nest.step_tile.val();
        self.issue.next = self.advance.val();
        self.mac.next = self.advance.val();
        for r in 0..self.reuse_count.val() {
            self.tile_begins[r].next = self.take.val();
            self.tile_passes[r].next = self.tiles.passes.val();
            if self.take.val() {
                self.tile_passes[r].next = self.tiles.pending_passes.val();
            }
            self.tile_zero[r].next = self.tiles.zero.val();
            // The walker does nothing without `go`, nor the nest without `advance`.
            self.go[r].next = self.gate.may_walk[r].val();
            self.group_ends.next = self.group_ends.val() || self.walk_ends[r].val();
            self.slot_ends.next =
                self.slot_ends.val() || (self.walk_ends[r].val() && self.walk_step_cgroup[r].val());
            self.pass_ends.next =
                self.pass_ends.val() || (self.walk_ends[r].val() && self.walk_step_pass[r].val());
            self.tile_ends.next =
                self.tile_ends.val() || (self.walk_ends[r].val() && self.walk_step_tile[r].val());
            self.issue.next = self.issue.val() || self.walk_issue[r].val();
            self.mac.next = self.mac.val() || self.walk_mac[r].val();
        }

        self.next_running.next = self.running.val();
        if self.take.val() {
            self.next_running.next = true;
        }
        if self.tile_ends.val() || self.clear.val() {
            self.next_running.next = false;
        }
        self.running.next = self.next_running.val();
        // Whether a tile is taken in the next cycle: every counter loads its limits then.
        self.take.next = self.tiles.next_pending.val() && !self.next_running.val();

        // Whether an element issues in the next cycle, of the nest or of the walker: all that steps with it is enabled by a register.
        self.gate.clear.next = self.clear.val();
        self.gate.running.next = self.running.val();
        self.gate.take.next = self.take.val();
        self.gate.drain.next = self.tiles.drain.val();
        self.gate.wgrad.next = self.wgrad_q.val();
        self.gate.features_kept.next = self.features.ready_kept.val();
        self.gate.features_used.next = self.features.ready_used.val();
        self.gate.weights_kept.next = self.weights.ready_kept.val();
        self.gate.weights_used.next = self.weights.ready_used.val();
        self.gate.operand_kept.next = self.banks.operand_kept.val();
        self.gate.busy_kept.next = self.banks.busy_kept.val();
        self.gate.busy_toggled.next = self.banks.busy_toggled.val();
        self.gate.group_first.next = self.nest.group_first.val();
        self.gate.first_group.next = self.nest.in_first_group.val();
        self.gate.step_chunk.next = self.nest.step_chunk.val();
        self.gate.step_cgroup.next = self.nest.step_cgroup.val();
        self.gate.step_pass.next = self.nest.step_pass.val();
        self.gate.step_tile.next = self.nest.step_tile.val();
        for r in 0..self.reuse_count.val() {
            self.gate.reuse[r].next = self.reuse_q[r].val();
            self.gate.walk_ends[r].next = self.walk_ends[r].val();
            self.gate.walk_token[r].next = self.walk_token[r].val();
            self.gate.walk_next_waits[r].next = self.walk_next_waits[r].val();
            self.gate.walk_next_begins[r].next = self.walk_next_begins[r].val();
            self.gate.walk_first_group[r].next = self.walk_first_group[r].val();
            self.gate.walk_step_pass[r].next = self.walk_step_pass[r].val();
            self.gate.walk_step_tile[r].next = self.walk_step_tile[r].val();
        }

        // Feature ring: a resident slot stays until the tile's last pass.
        self.features.clear.next = self.clear.val();
        self.features.slot_beats.next = self.slot_beats.val();
        self.features.ring_slots.next = self.ring_slots.val();
        self.features.slot_loaded.next = self.slot_loaded.val();
        self.features.tile_begins.next = self.take.val();
        // The walker's slots are addressed by the detection front: only the nest uses them one by one.
        self.features.slot_used.next = self.advance.val() && self.nest.step_cgroup.val();
        self.features.slot_freed.next =
            self.slot_ends.val() && (self.stream_q.val() || self.in_last_pass.val());
        self.features.last_of_pass.next = self.nest.step_pass.val();
        self.features.frees.next = self.stream_q.val() || self.nest.in_last_pass.val();
        self.room_features.next = self.features.room.val();
        self.slot_write_base.next = self.features.write_base.val();

        // Patch addresses.
        self.agu.start_bank.next = self.tiles.start_bank.val();
        self.agu.start_row.next = self.tiles.row_start.val();
        self.agu.start_col.next = self.tiles.col_start.val();
        // The sums are formed before it is known which one counts.
        self.ahead_addr.next =
            (self.features.ahead_base.val() << self.lane_w.val()) + self.tiles.start_addr.val();
        self.back_addr.next =
            (self.features.back_base.val() << self.lane_w.val()) + self.tiles.start_addr.val();
        self.first_addr.next =
            (self.features.read_base.val() << self.lane_w.val()) + self.tiles.pending_addr.val();
        self.agu.start_addr.next = self.ahead_addr.val();
        if self.features.goes_back.val() {
            self.agu.start_addr.next = self.back_addr.val();
        }
        if self.take.val() {
            self.agu.start_bank.next = self.tiles.pending_bank.val();
            self.agu.start_row.next = self.tiles.pending_row.val();
            self.agu.start_col.next = self.tiles.pending_col.val();
            self.agu.start_addr.next = self.first_addr.val();
        }
        self.agu.load.next = self.take.val();
        self.agu.advance.next = self.advance.val();
        self.agu.step_kr.next = self.nest.step_kr.val();
        self.agu.step_c.next = self.nest.step_c.val();
        self.agu.step_x.next = self.nest.step_x.val();
        self.agu.step_y.next = self.nest.step_y.val();
        self.agu.step_img.next = self.nest.step_img.val();
        self.agu.step_chunk.next = self.nest.step_chunk.val();
        self.agu.step_cgroup.next = self.nest.step_cgroup.val();
        self.agu.counts_kc.next = self.nest.counts_kc.val();
        self.agu.counts_kr.next = self.nest.counts_kr.val();
        self.agu.counts_c.next = self.nest.counts_c.val();
        self.agu.counts_x.next = self.nest.counts_x.val();
        self.agu.counts_y.next = self.nest.counts_y.val();
        self.agu.counts_img.next = self.nest.counts_img.val();
        self.agu.counts_chunk.next = self.nest.counts_chunk.val();
        self.agu.in_rows.next = self.tiles.in_rows.val();
        self.agu.in_cols.next = self.tiles.in_cols.val();
        PatchSteps::<In>::join(&mut self.agu.steps, &mut self.steps);

        // Weight ring.
        self.weights.clear.next = self.clear.val();
        self.weights.row_accepted.next = self.weight_row_accepted.val();
        self.weights.row_written.next = self.weight_row_written.val();
        self.weights.group_loaded.next = self.weights_loaded.val();
        self.weights.group_used.next = self.group_ends.val() && !self.wgrad_q.val();
        self.weights.element.next = self.element.val();
        self.weights.group_rows.next = self.group_rows.val();
        self.weights.group_rows_m1.next = self.group_rows_m1.val();
        self.room_weights.next = self.weights.room.val();
        self.weight_write_addr.next = self.weights.write_addr.val();

        // Psum addresses.
        self.psum_index.next = self.place.val();
        if self.wgrad_q.val() {
            self.psum_index.next = self.group_base.val() + self.element.val();
            self.rows_m1.next = self.group_base.val() + self.group_rows_m1.val();
        }
        if self.group_ends.val() {
            self.group_base.next = self.group_base.val() + self.group_rows.val();
        }
        if self.take.val() {
            self.group_base.next = 0.into();
        }
        self.pes_in_pass.next = self.pes.val().into();
        if self.in_last_pass.val() {
            self.pes_in_pass.next = self.tiles.pes_last.val();
        }

        // Psum banks and operand.
        self.banks.clear.next = self.clear.val();
        self.banks.reset.next = self.reset_banks.val();
        self.banks.pass_ends.next = self.pass_ends.val() && self.tiles.drain.val();
        self.banks.pass_rows_m1.next = unsigned_cast(self.rows_m1.val());
        self.banks.pass_pes.next = self.pes_in_pass.val();
        self.banks.pass_tag.next = self.tiles.tag.val();
        self.banks.pass_number.next = self.pass_number.val();
        self.banks.operand_loaded.next = self.operand_loaded.val();
        self.banks.operand_used.next = self.tile_ends.val();
        self.banks.bank0_release.next = self.bank0_release.val();
        self.banks.bank1_release.next = self.bank1_release.val();
        self.banks.drain_addressed.next = self.drain_addressed.val();
        self.room_operand.next = self.banks.room_operand.val();
        self.operand_there.next = self.banks.operand_ready.val();
        self.operand_write_bank.next = !self.banks.accumulates.val();
        self.drain_request.next = self.banks.drain_request.val();
        self.drain_bank.next = self.banks.drain_bank.val();
        self.drain_rows_m1.next = self.banks.drain_rows_m1.val();
        self.drain_pes.next = self.banks.drain_pes.val();
        self.drain_tag.next = self.banks.drain_tag.val();
        self.drain_pass.next = self.banks.drain_pass.val();

        // The element.
        self.room_tile.next = !self.tiles.pending_valid.val();
        self.bank.next = self.agu.bank.val();
        self.addr.next = unsigned_cast(self.agu.addr.val());
        self.in_image.next = self.agu.in_image.val();
        self.weight_addr.next = self.weights.read_addr.val();
        self.position.next = unsigned_cast(self.nest.position.val());
        self.psum_addr.next = unsigned_cast(self.psum_index.val());
        self.vector_first.next = self.wgrad_q.val() || self.nest.vector_first.val();
        self.psum_update.next = self.wgrad_q.val() || self.nest.step_x.val();
        self.psum_zero.next = self.tiles.zero.val() && self.nest.in_first_group.val();
        if self.wgrad_q.val() {
            self.psum_zero.next = self.tiles.zero.val() && (self.nest.position.val() == 0);
        }
        self.psum_bank.next = self.banks.accumulates.val();
        self.pes_now.next = self.pes_in_pass.val();
        self.no_tile.next = !self.running.val() && !self.tiles.pending_valid.val();
        self.idle.next = self.no_tile.val() && self.banks.all_free.val();
        self.range.reads.next = self.advance.val() && self.agu.in_image.val();
        self.range.addr.next = self.agu.addr.val();
        self.range.issue.next = self.issue.val();
        self.range.psum.next = self.psum_index.val();
        self.range.place.next = self.place.val();
        self.range_error.next = self.range.range_error.val();
    }
}
