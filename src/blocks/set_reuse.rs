//! What reuse adds to a PE set: detection front, Hitmap lists, walker, control of the MCACHE data.

mod new;

use super::cache_pipe::CachePipe;
use super::detect_front::DetectFront;
use super::hitmap::Hitmap;
use super::item_queue::ItemQueue;
use super::item_walker::ItemWalker;
use super::job_fields::{LoopCounts, PatchSteps, ReuseJob};
use super::list_reader::ListReader;
use crate::hdl::prelude::*;

/// The part of a PE set that exists only with reuse.
///
/// ```text
///  tiles ─► detect_front ──► det_* ──► detector (outside) ──► record_* ─► hitmap
///                                                                          │ lists
///  sequencer ◄── walk_* ── item_walker ◄── tokens ── list_reader ◄─────────┘
///  sequencer ─── go ──────────┘  └─► cache_pipe ─► control of the PEs' MCACHE data
/// ```
///
/// **Latency** as of its parts: a record in cycle z+5+d is issued from z+8+d on, behind an item queue from z+10+d on; d is
/// [`Config::decision_cycles`](crate::config::Config::decision_cycles). Outputs marked u describe the issuing
/// cycle, others a later stage of the same element. **Back-pressure** `room_tile` to the loader; `go` holds the walker.
/// **Parameters** those of its parts.
///
/// `mercury cosim` computes whole operations with it; the test `set_reuse` in `tests/block_gate.rs` compares its
/// Verilog with it, every output in every cycle.
#[derive(LogicBlock)]
pub struct SetReuse {
    /// START, or an error.
    pub clear: Bit<In>,
    /// Job: weight gradient.
    pub wgrad: Bit<In>,
    /// Job: features are sent again for every pass.
    pub stream_features: Bit<In>,
    /// Job: how often the loops run.
    pub counts: LoopCounts<In>,
    /// Job: what the steps of the loops add.
    pub steps: PatchSteps<In>,
    /// Job: reuse.
    pub job: ReuseJob<In>,
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
    /// Loader: a beat of READS.
    pub read_write: Bit<In>,
    /// Loader: its low 64 bits.
    pub read_data: Sig<In>,
    /// Detector: starts with the requested group.
    pub det_grant: Bit<In>,
    /// Detector: issues the group's last step.
    pub det_done: Bit<In>,
    /// Detector: a record for this set.
    pub record_valid: Bit<In>,
    /// Its position.
    pub record_position: Sig<In>,
    /// Detector: position of the next cycle's record, if there is one.
    pub next_position: Sig<In>,
    /// Its state.
    pub record_state: Sig<In>,
    /// Its entry.
    pub record_entry: Sig<In>,
    /// Bank of the position's first element.
    pub record_bank: Sig<In>,
    /// Word of the position's first element.
    pub record_addr: Sig<In>,
    /// Elements that are not 0.
    pub record_mask: Sig<In>,
    /// Its group is the first of a pass.
    pub record_first_group: Bit<In>,
    /// Its group is the last of a pass.
    pub record_last_group: Bit<In>,
    /// Its psums start from 0.
    pub record_zero: Bit<In>,
    /// It is the last of its group.
    pub record_last: Bit<In>,
    /// Sequencer: a tile becomes active.
    pub tile_begins: Bit<In>,
    /// Sequencer: its passes.
    pub tile_passes: Sig<In>,
    /// Sequencer: its psums start from zero.
    pub tile_zero: Bit<In>,
    /// Sequencer: the cycle may be used.
    pub go: Bit<In>,
    /// PEs: the word written in the previous cycle does not fit an operand of some PE.
    pub wide: Bit<In>,
    /// A tile descriptor may be written.
    pub room_tile: Bit<Out>,
    /// No tile is pending or being detected.
    pub idle: Bit<Out>,
    /// A group is to be detected.
    pub det_request: Bit<Out>,
    /// Its images.
    pub det_images: Sig<Out>,
    /// Its output rows.
    pub det_rows: Sig<Out>,
    /// Its output columns.
    pub det_cols: Sig<Out>,
    /// Input rows sent.
    pub det_in_rows: Sig<Out>,
    /// Input columns sent.
    pub det_in_cols: Sig<Out>,
    /// First element of its position 0: bank.
    pub det_bank: Sig<Out>,
    /// … word address.
    pub det_addr: Sig<Out>,
    /// … input row.
    pub det_row: Sig<Out>,
    /// … input column.
    pub det_col: Sig<Out>,
    /// Its elements.
    pub det_k: Sig<Out>,
    /// Steps of its vectors.
    pub det_steps: Sig<Out>,
    /// It is the first of a pass.
    pub det_first_group: Bit<Out>,
    /// It is the last of a pass.
    pub det_last_group: Bit<Out>,
    /// Its psums start from 0.
    pub det_zero: Bit<Out>,
    /// A list is longer than its place in the ring.
    pub range_error: Bit<Out>,
    /// To the sequencer, of cycle u: an item is needed and not there.
    pub walk_waits: Bit<Out>,
    /// … the cycle is the first of a group.
    pub walk_begins: Bit<Out>,
    /// … the cycle is the last of a group.
    pub walk_ends: Bit<Out>,
    /// … something is issued.
    pub walk_issue: Bit<Out>,
    /// … a product for a result.
    pub walk_mac: Bit<Out>,
    /// … element of the vector.
    pub walk_element: Sig<Out>,
    /// … position.
    pub walk_position: Sig<Out>,
    /// … elements of the group.
    pub walk_k: Sig<Out>,
    /// … the group is the last of its feature slot.
    pub walk_step_cgroup: Bit<Out>,
    /// … of the pass.
    pub walk_step_pass: Bit<Out>,
    /// … of the tile.
    pub walk_step_tile: Bit<Out>,
    /// … the group is the first of the pass.
    pub walk_first_group: Bit<Out>,
    /// `walk_waits` of the next cycle, if no group ends in this one.
    pub walk_next_waits: Bit<Out>,
    /// `walk_begins` of the next cycle, if no group ends in this one.
    pub walk_next_begins: Bit<Out>,
    /// An item stands behind the one that is walked.
    pub walk_token: Bit<Out>,
    /// … the pass is the tile's last.
    pub walk_last_pass: Bit<Out>,
    /// … number of the pass.
    pub walk_pass: Sig<Out>,
    /// … positions of the tile − 1.
    pub walk_rows_m1: Sig<Out>,
    /// Bank of the element (u).
    pub bank: Sig<Out>,
    /// Word of the element (u).
    pub addr: Sig<Out>,
    /// The element is not 0 (u).
    pub nonzero: Bit<Out>,
    /// It starts a vector sum (u).
    pub vector_first: Bit<Out>,
    /// The psum is updated with it (u).
    pub psum_update: Bit<Out>,
    /// The psum starts from 0 (u).
    pub psum_zero: Bit<Out>,
    /// 1 takes the place of the element (a cycle before the element).
    pub one: Bit<Out>,
    /// The MCACHE word is the factor (u).
    pub use_cache: Bit<Out>,
    /// … its low part (u).
    pub cache_low: Bit<Out>,
    /// … its high part (u).
    pub cache_high: Bit<Out>,
    /// Entry to read (u+2; as factor u).
    pub cache_raddr: Sig<Out>,
    /// The element before writes it (u+2).
    pub cache_forward: Bit<Out>,
    /// The element before that one does (u+2).
    pub cache_forward_last: Bit<Out>,
    /// The third element before does (u+2). With `issue = "registered"` alone.
    pub cache_forward_third: Vec<Bit<Out>>,
    /// Entry to write (u+4).
    pub cache_waddr: Sig<Out>,
    /// Write the vector sum there (u+4).
    pub cache_write: Bit<Out>,
    /// … added to what is there (u+3).
    pub cache_add: Bit<Out>,
    /// The MCACHE word takes the place of the vector sum (u+3).
    pub cache_reuse: Bit<Out>,
    /// The vector sum is one of high parts (u+3).
    pub shift_sum: Bit<Out>,
    front: DetectFront,
    hitmap: Hitmap,
    reader: ListReader,
    queue: Vec<ItemQueue>,
    walker: ItemWalker,
    pipe: CachePipe,
    late_write: Vec<BitReg>,
    late_entry: Vec<Reg>,
    late_wide: Vec<BitReg>,
    registered: Param,
    number_at: Param,
    bank_at: Param,
    valid_at: Param,
    addr_at: Param,
    about: About,
}

impl Logic for SetReuse {
    #[hdl_gen]
    fn update(&mut self) {
        // Detection side.
        self.front.clear.next = self.clear.val();
        self.front.wgrad.next = self.wgrad.val();
        self.front.stream_features.next = self.stream_features.val();
        self.front.slot_beats.next = self.slot_beats.val();
        self.front.ring_slots.next = self.ring_slots.val();
        self.front.tile_write.next = self.tile_write.val();
        self.front.tile_data.next = self.tile_data.val();
        self.front.tile_last.next = self.tile_last.val();
        self.front.slot_loaded.next = self.slot_loaded.val();
        self.front.det_grant.next = self.det_grant.val();
        self.front.det_done.next = self.det_done.val();
        self.front.redetect.next = self.job.redetect.val().any();
        self.front.chunks.next = self.counts.chunks.val();
        self.front.cgroups.next = self.counts.cgroups.val();
        self.front.chunk_addr.next = self.steps.chunk_addr.val();
        self.front.chunk_row.next = self.steps.chunk_row.val();
        self.front.chunk_bank.next = self.steps.chunk_bank.val();
        self.front.wrap_addr.next = self.steps.wrap_addr.val();
        self.front.group_k.next = self.job.group_k.val();
        self.front.k_cg_last.next = self.job.k_cg_last.val();
        self.front.k_kr_last.next = self.job.k_kr_last.val();
        self.front.steps_cg_last.next = self.job.steps_cg_last.val();
        self.front.steps_kr_last.next = self.job.steps_kr_last.val();
        self.front.list_slots.next = self.job.list_slots.val();
        self.front.steps.next = self.job.steps.val();
        self.front.list_released.next = self.walker.released.val();
        self.room_tile.next = self.front.room_tile.val();
        self.idle.next = self.front.idle.val();
        self.det_request.next = self.front.det_request.val();
        self.det_images.next = self.front.det_images.val();
        self.det_rows.next = self.front.det_rows.val();
        self.det_cols.next = self.front.det_cols.val();
        self.det_in_rows.next = self.front.det_in_rows.val();
        self.det_in_cols.next = self.front.det_in_cols.val();
        self.det_bank.next = self.front.det_bank.val();
        self.det_addr.next = self.front.det_addr.val();
        self.det_row.next = self.front.det_row.val();
        self.det_col.next = self.front.det_col.val();
        self.det_k.next = self.front.det_k.val();
        self.det_steps.next = self.front.det_steps.val();
        self.det_first_group.next = self.front.det_first_group.val();
        self.det_last_group.next = self.front.det_last_group.val();
        self.det_zero.next = self.front.det_zero.val();

        // Lists.
        self.hitmap.clear.next = self.clear.val();
        self.hitmap.list_positions.next = self.job.list_positions.val();
        self.hitmap.list_slots.next = self.job.list_slots.val();
        self.hitmap.record_valid.next = self.record_valid.val();
        self.hitmap.next_position.next = self.next_position.val();
        self.hitmap.record_position.next = self.record_position.val();
        self.hitmap.record_state.next = self.record_state.val();
        self.hitmap.record_entry.next = self.record_entry.val();
        self.hitmap.record_bank.next = self.record_bank.val();
        self.hitmap.record_addr.next = self.record_addr.val();
        self.hitmap.record_mask.next = self.record_mask.val();
        self.hitmap.record_first_group.next = self.record_first_group.val();
        self.hitmap.record_last_group.next = self.record_last_group.val();
        self.hitmap.record_zero.next = self.record_zero.val();
        self.hitmap.record_last.next = self.record_last.val();
        self.range_error.next = self.hitmap.range_error.val();
        self.hitmap.read_addr.next = self.reader.read_addr.val();
        self.hitmap.count_slot.next = self.reader.count_slot.val();
        self.reader.clear.next = self.clear.val();
        self.reader.redetect.next = self.job.redetect.val().any();
        self.reader.chunks.next = self.counts.chunks.val();
        self.reader.cgroups.next = self.counts.cgroups.val();
        self.reader.list_positions.next = self.job.list_positions.val();
        self.reader.list_slots.next = self.job.list_slots.val();
        self.reader.passes.next = self.tile_passes.val();
        self.reader.tile_begins.next = self.tile_begins.val();
        self.reader.list_done.next = self.hitmap.list_done.val();
        self.reader.list_last_position.next = self.record_position.val();
        self.reader.list_items.next = self.hitmap.list_items.val();
        self.reader.list_at_last.next = self.hitmap.list_at_last.val();
        self.reader.list_is_empty.next = self.hitmap.list_is_empty.val();
        self.reader.released.next = self.walker.released.val();
        self.reader.consume.next = self.walker.consume.val();
        self.reader.item_count.next = self.hitmap.item_count.val();
        self.reader.count_at_last.next = self.hitmap.count_at_last.val();
        self.reader.count_is_empty.next = self.hitmap.count_is_empty.val();
        self.walk_rows_m1.next = self.reader.rows_m1.val();

        // Items.
        self.walker.clear.next = self.clear.val();
        self.walker.wgrad.next = self.wgrad.val();
        self.walker.elem_skip.next = self.job.elem_skip.val().any();
        self.walker.redetect.next = self.job.redetect.val().any();
        self.walker.chunks.next = self.counts.chunks.val();
        self.walker.cgroups.next = self.counts.cgroups.val();
        self.walker.group_k.next = self.job.group_k.val();
        self.walker.k_cg_last.next = self.job.k_cg_last.val();
        self.walker.k_kr_last.next = self.job.k_kr_last.val();
        self.walker.wrap_addr.next = self.steps.wrap_addr.val();
        self.walker.tile_begins.next = self.tile_begins.val();
        self.walker.passes.next = self.tile_passes.val();
        self.walker.zero.next = self.tile_zero.val();
        self.walker.element_write.next =
            self.read_write.val() && self.read_data.val().get_bit(self.valid_at.val());
        self.walker.element_number.next =
            unsigned_cast(self.read_data.val() >> self.number_at.val());
        self.walker.element_bank.next = unsigned_cast(self.read_data.val() >> self.bank_at.val());
        self.walker.element_addr.next = unsigned_cast(self.read_data.val() >> self.addr_at.val());
        self.walker.token.next = self.reader.token.val();
        self.walk_token.next = self.reader.token.val();
        self.walker.token_empty.next = self.reader.empty.val();
        self.walker.token_last.next = self.reader.last.val();
        self.walker.token_cut.next = self.reader.cut.val();
        self.walker.item_kind.next = self.hitmap.item_kind.val();
        self.walker.item_first.next = self.hitmap.item_first.val();
        self.walker.item_position.next = self.hitmap.item_position.val();
        self.walker.item_entry.next = self.hitmap.item_entry.val();
        self.walker.item_bank.next = self.hitmap.item_bank.val();
        self.walker.item_addr.next = self.hitmap.item_addr.val();
        self.walker.item_mask.next = self.hitmap.item_mask.val();
        for r in 0..self.registered.val() {
            self.queue[r].clear.next = self.clear.val();
            self.queue[r].token.next = self.reader.token.val();
            self.queue[r].empty.next = self.reader.empty.val();
            self.queue[r].last.next = self.reader.last.val();
            self.queue[r].cut.next = self.reader.cut.val();
            self.queue[r].kind.next = self.hitmap.item_kind.val();
            self.queue[r].first.next = self.hitmap.item_first.val();
            self.queue[r].position.next = self.hitmap.item_position.val();
            self.queue[r].entry.next = self.hitmap.item_entry.val();
            self.queue[r].bank.next = self.hitmap.item_bank.val();
            self.queue[r].addr.next = self.hitmap.item_addr.val();
            self.queue[r].mask.next = self.hitmap.item_mask.val();
            self.queue[r].consume.next = self.walker.consume.val();
            self.reader.consume.next = self.queue[r].take.val();
            self.walker.token.next = self.queue[r].front_token.val();
            self.walk_token.next = self.queue[r].front_token.val();
            self.walker.token_empty.next = self.queue[r].front_empty.val();
            self.walker.token_last.next = self.queue[r].front_last.val();
            self.walker.token_cut.next = self.queue[r].front_cut.val();
            self.walker.item_kind.next = self.queue[r].front_kind.val();
            self.walker.item_first.next = self.queue[r].front_first.val();
            self.walker.item_position.next = self.queue[r].front_position.val();
            self.walker.item_entry.next = self.queue[r].front_entry.val();
            self.walker.item_bank.next = self.queue[r].front_bank.val();
            self.walker.item_addr.next = self.queue[r].front_addr.val();
            self.walker.item_mask.next = self.queue[r].front_mask.val();
        }
        self.walker.go.next = self.go.val();
        self.walker.wide_write.next = self.pipe.written.val();
        self.walker.wide_entry.next = self.pipe.written_entry.val();
        self.walker.wide_value.next = self.wide.val();
        for r in 0..self.registered.val() {
            self.late_write[r].next = self.pipe.written.val();
            self.late_entry[r].next = self.pipe.written_entry.val();
            self.late_wide[r].next = self.wide.val();
            self.walker.wide_write.next = self.late_write[r].val();
            self.walker.wide_entry.next = self.late_entry[r].val();
            self.walker.wide_value.next = self.late_wide[r].val();
        }
        self.walk_waits.next = self.walker.waits.val();
        self.walk_begins.next = self.walker.begins.val();
        self.walk_ends.next = self.walker.ends.val();
        self.walk_issue.next = self.walker.issue.val();
        self.walk_mac.next = self.walker.mac.val();
        self.walk_element.next = self.walker.element.val();
        self.walk_position.next = self.walker.position.val();
        self.walk_step_cgroup.next = self.walker.step_cgroup.val();
        self.walk_step_pass.next = self.walker.step_pass.val();
        self.walk_step_tile.next = self.walker.step_tile.val();
        self.walk_pass.next = self.walker.pass.val();
        self.walk_k.next = self.walker.k_now.val();
        self.walk_first_group.next = self.walker.in_first_group.val();
        self.walk_next_waits.next = self.walker.next_waits.val();
        self.walk_next_begins.next = self.walker.next_begins.val();
        self.walk_last_pass.next = self.walker.in_last_pass.val();
        self.bank.next = self.walker.bank.val();
        self.addr.next = self.walker.addr.val();
        self.nonzero.next = self.walker.nonzero.val();
        self.vector_first.next = self.walker.vector_first.val();
        self.psum_update.next = self.walker.psum_update.val();
        self.psum_zero.next = self.walker.psum_zero.val();

        // Control of the MCACHE data.
        self.pipe.issue.next = self.walker.issue.val();
        self.pipe.entry.next = self.walker.entry.val();
        self.pipe.one.next = self.walker.one.val();
        self.pipe.factor.next = self.walker.use_cache.val();
        self.pipe.low.next = self.walker.cache_low.val();
        self.pipe.high.next = self.walker.cache_high.val();
        self.pipe.writes.next = self.walker.cache_write.val();
        self.pipe.adds.next = self.walker.cache_add.val();
        self.pipe.reuses.next = self.walker.cache_reuse.val();
        self.one.next = self.pipe.element_one.val();
        self.use_cache.next = self.pipe.use_cache.val();
        self.cache_low.next = self.pipe.cache_low.val();
        self.cache_high.next = self.pipe.cache_high.val();
        self.cache_raddr.next = self.pipe.cache_raddr.val();
        self.cache_forward.next = self.pipe.cache_forward.val();
        self.cache_forward_last.next = self.pipe.cache_forward_last.val();
        for r in 0..self.registered.val() {
            self.cache_forward_third[r].next = self.pipe.cache_forward_third[r].val();
        }
        self.cache_waddr.next = self.pipe.cache_waddr.val();
        self.cache_write.next = self.pipe.cache_write.val();
        self.cache_add.next = self.pipe.cache_add.val();
        self.cache_reuse.next = self.pipe.cache_reuse.val();
        self.shift_sum.next = self.pipe.shift_sum.val();
    }
}
