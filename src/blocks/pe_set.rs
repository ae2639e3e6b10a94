//! One PE set: sequencer, feature buffer, C processing elements in lockstep.

mod new;

use super::element_pipe::ElementPipe;
use super::feature_buffer::FeatureBuffer;
use super::job_fields::{LoopCounts, PatchSteps, ReuseJob};
use super::pe::Pe;
use super::set_reuse::SetReuse;
use super::set_sequencer::SetSequencer;
use crate::hdl::prelude::*;

/// A PE set: C processing elements that share one stream of elements, with its own sequencer and feature buffer.
///
/// ```text
///  loader ─┬─► set_sequencer ── issue u ──► element_pipe                 control, one register a stage
///          ├─► feature_buffer ────────────────────► x (u+2)   │
///          └─► weight rings, operand bank                     ▼
///                                        PE 0 … PE C-1: × (u+2), vector sum (u+3), psum (u+4)
///  drain ◄── one psum row: bank word `drain_raddr` of every PE, when `drain_take` is 1 a cycle later
/// ```
///
/// **Latency** an element issued in cycle u is in its psum bank from u+5, with `issue = "registered"` from u+9; a drain address given in cycle d gives the
/// row from d+2 on if `drain_take` is 1 in d+1 (registered from d+3, if it is 1 in d+2). **Back-pressure** `room_*` towards the loader; the drain reads a bank that no longer accumulates.
/// **Parameters** as [`SetSequencer`], [`FeatureBuffer`] and [`Pe`]; `pes` 1 or more.
///
/// `mercury cosim` computes whole operations with it; the test `pe_set` in `tests/block_gate.rs` compares its Verilog
/// with it, every output in every cycle.
#[derive(LogicBlock)]
pub struct PeSet {
    /// START, or an error.
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
    /// Loader: the beat in the write stage is for this set.
    pub load_selected: Bit<In>,
    /// Loader: it belongs to a tile descriptor.
    pub load_tile: Bit<In>,
    /// Loader: it holds features.
    pub load_features: Bit<In>,
    /// Loader: it holds weights.
    pub load_weights: Bit<In>,
    /// Loader: it holds an operand.
    pub load_operand: Bit<In>,
    /// Loader: it is the last of its segment.
    pub load_last: Bit<In>,
    /// Loader: its feature bank.
    pub load_bank: Sig<In>,
    /// Loader: its number in the segment.
    pub load_beat: Sig<In>,
    /// Loader: its row (operand).
    pub load_row: Sig<In>,
    /// Loader: its number in the row (weights, operand).
    pub load_row_beat: Sig<In>,
    /// Loader: the beat.
    pub load_data: Sig<In>,
    /// Loader: it completes a slot of features of this set.
    pub slot_loaded: Bit<In>,
    /// Loader: … a row of weights.
    pub weight_row_written: Bit<In>,
    /// Loader: … the weights of a group.
    pub weights_loaded: Bit<In>,
    /// Loader: … an operand.
    pub operand_loaded: Bit<In>,
    /// Loader: a row of weights for this set was accepted.
    pub weight_row_accepted: Bit<In>,
    /// A tile descriptor may be sent.
    pub room_tile: Bit<Out>,
    /// Features may be sent.
    pub room_features: Bit<Out>,
    /// A row of weights may be sent.
    pub room_weights: Bit<Out>,
    /// An operand may be sent.
    pub room_operand: Bit<Out>,
    /// Drain: row to read.
    pub drain_raddr: Sig<In>,
    /// Drain: bank whose word is wanted (in the cycle after the address).
    pub drain_read_bank: Bit<In>,
    /// The drain takes the row whose address was given a cycle ago.
    pub drain_take: Bit<In>,
    /// Drain: the last beat of the requested bank was addressed.
    pub drain_addressed: Bit<In>,
    /// Drain: bank 0 was read.
    pub bank0_release: Bit<In>,
    /// Drain: bank 1 was read.
    pub bank1_release: Bit<In>,
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
    /// The psum row.
    pub drain_row: Vec<Sig<Out>>,
    /// An element is issued.
    pub issue: Bit<Out>,
    /// PEs that have a filter in the current pass.
    pub pes_now: Sig<Out>,
    /// Waiting for features.
    pub stall_features: Bit<Out>,
    /// Waiting for weights.
    pub stall_weights: Bit<Out>,
    /// Waiting for the operand.
    pub stall_operand: Bit<Out>,
    /// Waiting for a psum bank.
    pub stall_bank: Bit<Out>,
    /// No tile, no drain outstanding.
    pub idle: Bit<Out>,
    /// An address is out of range.
    pub range_error: Bit<Out>,
    /// Job: reuse.
    pub job: ReuseJob<In>,
    /// Loader: it is a beat of READS.
    pub load_reads: Bit<In>,
    /// Neither tile nor detection is under way.
    pub room_program: Bit<Out>,
    /// It is a product for a result.
    pub mac: Bit<Out>,
    /// Waiting for a Hitmap.
    pub stall_detect: Bit<Out>,
    /// Detector: starts with the requested group. This and what follows exists only with reuse.
    pub det_grant: Vec<Bit<In>>,
    /// Detector: issues the group's last step.
    pub det_done: Vec<Bit<In>>,
    /// Detector: a record for this set.
    pub record_valid: Vec<Bit<In>>,
    /// Its position.
    pub record_position: Vec<Sig<In>>,
    /// Detector: position of the next cycle's record, if there is one.
    pub next_position: Vec<Sig<In>>,
    /// Its state.
    pub record_state: Vec<Sig<In>>,
    /// Its entry.
    pub record_entry: Vec<Sig<In>>,
    /// Bank of the position's first element.
    pub record_bank: Vec<Sig<In>>,
    /// Word of the position's first element.
    pub record_addr: Vec<Sig<In>>,
    /// Elements that are not 0.
    pub record_mask: Vec<Sig<In>>,
    /// Its group is the first of a pass.
    pub record_first_group: Vec<Bit<In>>,
    /// Its group is the last of a pass.
    pub record_last_group: Vec<Bit<In>>,
    /// Its psums start from 0.
    pub record_zero: Vec<Bit<In>>,
    /// It is the last of its group.
    pub record_last: Vec<Bit<In>>,
    /// A group is to be detected.
    pub det_request: Vec<Bit<Out>>,
    /// Its images.
    pub det_images: Vec<Sig<Out>>,
    /// Its output rows.
    pub det_rows: Vec<Sig<Out>>,
    /// Its output columns.
    pub det_cols: Vec<Sig<Out>>,
    /// Input rows sent.
    pub det_in_rows: Vec<Sig<Out>>,
    /// Input columns sent.
    pub det_in_cols: Vec<Sig<Out>>,
    /// First element of its position 0: bank.
    pub det_bank: Vec<Sig<Out>>,
    /// … word address.
    pub det_addr: Vec<Sig<Out>>,
    /// … input row.
    pub det_row: Vec<Sig<Out>>,
    /// … input column.
    pub det_col: Vec<Sig<Out>>,
    /// Its elements.
    pub det_k: Vec<Sig<Out>>,
    /// Steps of its vectors.
    pub det_steps: Vec<Sig<Out>>,
    /// It is the first of a pass.
    pub det_first_group: Vec<Bit<Out>>,
    /// It is the last of a pass.
    pub det_last_group: Vec<Bit<Out>>,
    /// Its psums start from 0.
    pub det_zero: Vec<Bit<Out>>,
    /// Detector: word address in each bank.
    pub detect_addr: Vec<Sig<In>>,
    /// Detector: the word of each bank, two cycles later.
    pub detect_x: Vec<Sig<Out>>,
    sequencer: SetSequencer,
    reuse: Vec<SetReuse>,
    reuse_q: Vec<BitReg>,
    wide: Bit<Local>,
    parts: Param,
    lanes: Param,
    features: FeatureBuffer,
    pe: Vec<Pe>,
    operand_write: Bit<Local>,
    row_we: Bit<Local>,
    feature_beat: Sig<Local>,
    pipe: ElementPipe,
    load0: Bit<Local>,
    load1: Bit<Local>,
    waddr0: Sig<Local>,
    waddr1: Sig<Local>,
    data: Sig<Local>,
    weight_waddr: Sig<Local>,
    late_data: Vec<Reg>,
    late_features: Vec<BitReg>,
    late_bank: Vec<Reg>,
    late_beat: Vec<Reg>,
    late_weight: Vec<Reg>,
    late_waddr0: Vec<Reg>,
    late_waddr1: Vec<Reg>,
    load_stages: Param,
    pes: Param,
    lane_shift: Vec<Param>,
    row_beat_of: Vec<Param>,
    about: About,
}

impl Logic for PeSet {
    #[hdl_gen]
    fn update(&mut self) {
        // What the loader's beat is for.
        self.row_we.next = self.load_selected.val() && self.load_weights.val();
        self.operand_write.next = self.load_selected.val() && self.load_operand.val();

        // Sequencer.
        self.sequencer.clear.next = self.clear.val();
        self.sequencer.reset_banks.next = self.reset_banks.val();
        self.sequencer.wgrad.next = self.wgrad.val();
        self.sequencer.stream_features.next = self.stream_features.val();
        LoopCounts::<In>::join(&mut self.sequencer.counts, &mut self.counts);
        PatchSteps::<In>::join(&mut self.sequencer.steps, &mut self.steps);
        self.sequencer.slot_beats.next = self.slot_beats.val();
        self.sequencer.ring_slots.next = self.ring_slots.val();
        self.sequencer.tile_write.next = self.load_selected.val() && self.load_tile.val();
        self.sequencer.tile_data.next = unsigned_cast(self.load_data.val());
        self.sequencer.tile_last.next = self.load_last.val();
        self.sequencer.slot_loaded.next = self.slot_loaded.val();
        self.sequencer.weights_loaded.next = self.weights_loaded.val();
        self.sequencer.weight_row_accepted.next = self.weight_row_accepted.val();
        self.sequencer.weight_row_written.next = self.weight_row_written.val();
        self.sequencer.operand_loaded.next = self.operand_loaded.val();
        self.sequencer.bank0_release.next = self.bank0_release.val();
        self.sequencer.bank1_release.next = self.bank1_release.val();
        self.sequencer.drain_addressed.next = self.drain_addressed.val();
        self.room_tile.next = self.sequencer.room_tile.val();
        self.room_features.next = self.sequencer.room_features.val();
        self.room_weights.next = self.sequencer.room_weights.val();
        self.room_operand.next = self.sequencer.room_operand.val();
        self.drain_request.next = self.sequencer.drain_request.val();
        self.drain_bank.next = self.sequencer.drain_bank.val();
        self.drain_rows_m1.next = self.sequencer.drain_rows_m1.val();
        self.drain_pes.next = self.sequencer.drain_pes.val();
        self.drain_tag.next = self.sequencer.drain_tag.val();
        self.drain_pass.next = self.sequencer.drain_pass.val();
        self.issue.next = self.sequencer.issue.val();
        self.pes_now.next = self.sequencer.pes_now.val();
        self.stall_features.next = self.sequencer.stall_features.val();
        self.stall_weights.next = self.sequencer.stall_weights.val();
        self.stall_operand.next = self.sequencer.stall_operand.val();
        self.stall_bank.next = self.sequencer.stall_bank.val();
        self.stall_detect.next = self.sequencer.stall_detect.val();
        self.mac.next = self.sequencer.mac.val();
        self.idle.next = self.sequencer.idle.val();
        self.room_program.next = self.sequencer.no_tile.val();

        // Feature buffer: read in cycle u, element in u+2.
        self.feature_beat.next =
            self.sequencer.slot_write_base.val() + unsigned_cast(self.load_beat.val());
        self.range_error.next = self.sequencer.range_error.val();
        self.features.bank.next = self.sequencer.bank.val();
        self.features.addr.next = self.sequencer.addr.val();
        self.features.in_image.next = self.sequencer.in_image.val();

        // Control pipeline.
        self.pipe.issue.next = self.sequencer.issue.val();
        self.pipe.weight_addr.next = self.sequencer.weight_addr.val();
        self.pipe.position.next = self.sequencer.position.val();
        self.pipe.operand_there.next = self.sequencer.operand_there.val();
        self.pipe.psum_addr.next = self.sequencer.psum_addr.val();
        self.pipe.vector_first.next = self.sequencer.vector_first.val();
        self.pipe.psum_update.next = self.sequencer.psum_update.val();
        self.pipe.psum_zero.next = self.sequencer.psum_zero.val();
        self.pipe.psum_bank.next = self.sequencer.psum_bank.val();

        // Reuse: detection and items.
        self.wide.next = false;
        for r in 0..self.parts.val() {
            self.reuse[r].clear.next = self.clear.val();
            self.reuse[r].wgrad.next = self.wgrad.val();
            self.reuse[r].stream_features.next = self.stream_features.val();
            LoopCounts::<In>::join(&mut self.reuse[r].counts, &mut self.counts);
            PatchSteps::<In>::join(&mut self.reuse[r].steps, &mut self.steps);
            ReuseJob::<In>::join(&mut self.reuse[r].job, &mut self.job);
            self.reuse[r].slot_beats.next = self.slot_beats.val();
            self.reuse[r].ring_slots.next = self.ring_slots.val();
            self.reuse[r].tile_write.next =
                self.load_selected.val() && self.load_tile.val() && self.reuse_q[r].val();
            self.reuse[r].tile_data.next = unsigned_cast(self.load_data.val());
            self.reuse[r].tile_last.next = self.load_last.val();
            self.reuse[r].slot_loaded.next = self.slot_loaded.val();
            self.reuse[r].read_write.next = self.load_selected.val() && self.load_reads.val();
            self.reuse[r].read_data.next = unsigned_cast(self.load_data.val());
            self.reuse[r].det_grant.next = self.det_grant[r].val();
            self.reuse[r].det_done.next = self.det_done[r].val();
            self.reuse[r].record_valid.next = self.record_valid[r].val();
            self.reuse[r].record_position.next = self.record_position[r].val();
            self.reuse[r].next_position.next = self.next_position[r].val();
            self.reuse[r].record_state.next = self.record_state[r].val();
            self.reuse[r].record_entry.next = self.record_entry[r].val();
            self.reuse[r].record_bank.next = self.record_bank[r].val();
            self.reuse[r].record_addr.next = self.record_addr[r].val();
            self.reuse[r].record_mask.next = self.record_mask[r].val();
            self.reuse[r].record_first_group.next = self.record_first_group[r].val();
            self.reuse[r].record_last_group.next = self.record_last_group[r].val();
            self.reuse[r].record_zero.next = self.record_zero[r].val();
            self.reuse[r].record_last.next = self.record_last[r].val();
            self.det_request[r].next = self.reuse[r].det_request.val();
            self.det_images[r].next = self.reuse[r].det_images.val();
            self.det_rows[r].next = self.reuse[r].det_rows.val();
            self.det_cols[r].next = self.reuse[r].det_cols.val();
            self.det_in_rows[r].next = self.reuse[r].det_in_rows.val();
            self.det_in_cols[r].next = self.reuse[r].det_in_cols.val();
            self.det_bank[r].next = self.reuse[r].det_bank.val();
            self.det_addr[r].next = self.reuse[r].det_addr.val();
            self.det_row[r].next = self.reuse[r].det_row.val();
            self.det_col[r].next = self.reuse[r].det_col.val();
            self.det_k[r].next = self.reuse[r].det_k.val();
            self.det_steps[r].next = self.reuse[r].det_steps.val();
            self.det_first_group[r].next = self.reuse[r].det_first_group.val();
            self.det_last_group[r].next = self.reuse[r].det_last_group.val();
            self.det_zero[r].next = self.reuse[r].det_zero.val();
            self.sequencer.reuse[r].next = self.job.reuse.val().any();
            self.sequencer.walk_waits[r].next = self.reuse[r].walk_waits.val();
            self.sequencer.walk_begins[r].next = self.reuse[r].walk_begins.val();
            self.sequencer.walk_ends[r].next = self.reuse[r].walk_ends.val();
            self.sequencer.walk_issue[r].next = self.reuse[r].walk_issue.val();
            self.sequencer.walk_mac[r].next = self.reuse[r].walk_mac.val();
            self.sequencer.walk_element[r].next = self.reuse[r].walk_element.val();
            self.sequencer.walk_position[r].next = self.reuse[r].walk_position.val();
            self.sequencer.walk_k[r].next = self.reuse[r].walk_k.val();
            self.sequencer.walk_step_cgroup[r].next = self.reuse[r].walk_step_cgroup.val();
            self.sequencer.walk_step_pass[r].next = self.reuse[r].walk_step_pass.val();
            self.sequencer.walk_step_tile[r].next = self.reuse[r].walk_step_tile.val();
            self.sequencer.walk_first_group[r].next = self.reuse[r].walk_first_group.val();
            self.sequencer.walk_next_waits[r].next = self.reuse[r].walk_next_waits.val();
            self.sequencer.walk_next_begins[r].next = self.reuse[r].walk_next_begins.val();
            self.sequencer.walk_token[r].next = self.reuse[r].walk_token.val();
            self.sequencer.walk_last_pass[r].next = self.reuse[r].walk_last_pass.val();
            self.sequencer.walk_pass[r].next = self.reuse[r].walk_pass.val();
            self.sequencer.walk_rows_m1[r].next = self.reuse[r].walk_rows_m1.val();
            self.reuse[r].tile_begins.next = self.sequencer.tile_begins[r].val();
            self.reuse[r].tile_passes.next = self.sequencer.tile_passes[r].val();
            self.reuse[r].tile_zero.next = self.sequencer.tile_zero[r].val();
            self.reuse[r].go.next = self.sequencer.go[r].val();
            self.reuse_q[r].next = self.job.reuse.val().any();
            if self.reuse_q[r].val() {
                self.features.bank.next = self.reuse[r].bank.val();
                self.features.addr.next = self.reuse[r].addr.val();
                self.features.in_image.next = self.reuse[r].nonzero.val();
                self.pipe.vector_first.next = self.reuse[r].vector_first.val();
                self.pipe.psum_update.next = self.reuse[r].psum_update.val();
                self.pipe.psum_zero.next = self.reuse[r].psum_zero.val();
                self.pipe.position.next = self.reuse[r].walk_position.val();
                self.room_tile.next =
                    self.sequencer.room_tile.val() && self.reuse[r].room_tile.val();
                self.room_program.next = self.sequencer.no_tile.val() && self.reuse[r].idle.val();
                self.range_error.next =
                    self.sequencer.range_error.val() || self.reuse[r].range_error.val();
            }
            self.features.one[r].next = self.reuse[r].one.val();
            for c in 0..self.pes.val() {
                self.pe[c].cache_raddr[r].next = self.reuse[r].cache_raddr.val();
                self.pe[c].cache_forward[r].next = self.reuse[r].cache_forward.val();
                self.pe[c].cache_forward_last[r].next = self.reuse[r].cache_forward_last.val();
                for t in 0..self.load_stages.val() {
                    self.pe[c].cache_forward_third[t].next =
                        self.reuse[r].cache_forward_third[t].val();
                }
                self.pe[c].cache_waddr[r].next = self.reuse[r].cache_waddr.val();
                self.pe[c].cache_write[r].next = self.reuse[r].cache_write.val();
                self.pe[c].cache_add[r].next = self.reuse[r].cache_add.val();
                self.pe[c].cache_reuse[r].next = self.reuse[r].cache_reuse.val();
                self.pe[c].use_cache[r].next = self.reuse[r].use_cache.val();
                self.pe[c].cache_low[r].next = self.reuse[r].cache_low.val();
                self.pe[c].cache_high[r].next = self.reuse[r].cache_high.val();
                self.pe[c].shift_sum[r].next = self.reuse[r].shift_sum.val();
                if self.pe[c].cache_wide[r].val() {
                    self.wide.next = true;
                }
            }
            self.reuse[r].wide.next = self.wide.val();
        }
        for b in 0..self.lanes.val() {
            self.features.detect_addr[b].next = self.detect_addr[b].val();
            self.detect_x[b].next = self.features.detect_x[b].val();
        }

        // Psum banks: one bank accumulates; the other is drained, or holds the operand.
        self.load0.next = self.operand_write.val() && !self.sequencer.operand_write_bank.val();
        self.load1.next = self.operand_write.val() && self.sequencer.operand_write_bank.val();
        self.waddr0.next = self.pipe.psum_waddr.val();
        if self.load0.val() {
            self.waddr0.next = self.load_row.val();
        }
        self.waddr1.next = self.pipe.psum_waddr.val();
        if self.load1.val() {
            self.waddr1.next = self.load_row.val();
        }
        // What is loaded, and where: of this cycle, or of the last one.
        self.data.next = self.load_data.val();
        self.weight_waddr.next = self.sequencer.weight_write_addr.val();
        self.features.write.next = self.load_selected.val() && self.load_features.val();
        self.features.write_bank.next = self.load_bank.val();
        self.features.write_addr.next = unsigned_cast(self.feature_beat.val());
        for r in 0..self.load_stages.val() {
            self.late_data[r].next = self.load_data.val();
            self.late_weight[r].next = self.sequencer.weight_write_addr.val();
            self.late_features[r].next = self.load_selected.val() && self.load_features.val();
            self.late_bank[r].next = self.load_bank.val();
            self.late_beat[r].next = unsigned_cast(self.feature_beat.val());
            self.late_waddr0[r].next = self.pipe.next_psum_waddr.val();
            if self.load0.val() {
                self.late_waddr0[r].next = self.load_row.val();
            }
            self.late_waddr1[r].next = self.pipe.next_psum_waddr.val();
            if self.load1.val() {
                self.late_waddr1[r].next = self.load_row.val();
            }
            self.data.next = self.late_data[r].val();
            self.weight_waddr.next = self.late_weight[r].val();
            self.features.write.next = self.late_features[r].val();
            self.features.write_bank.next = self.late_bank[r].val();
            self.features.write_addr.next = self.late_beat[r].val();
            self.waddr0.next = self.late_waddr0[r].val();
            self.waddr1.next = self.late_waddr1[r].val();
        }
        self.features.write_data.next = self.data.val();

        // A row of C operands takes one or more beats; PE c sits in lane c mod LANES of beat c div LANES.
        for c in 0..self.pes.val() {
            self.pe[c].x.next = self.features.x.val();
            self.pe[c].load_data.next = signed_cast(self.data.val() >> self.lane_shift[c].val());
            self.pe[c].weight_we.next =
                self.row_we.val() && (self.load_row_beat.val() == self.row_beat_of[c].val());
            self.pe[c].weight_waddr.next = self.weight_waddr.val();
            self.pe[c].weight_raddr.next = self.pipe.weight_raddr.val();
            self.pe[c].use_operand.next = self.wgrad.val();
            self.pe[c].operand_bank.next = self.pipe.operand_bank.val();
            self.pe[c].vector_first.next = self.pipe.first.val();
            self.pe[c].psum_zero.next = self.pipe.zero.val();
            self.pe[c].psum_forward.next = self.pipe.forward.val();
            self.pe[c].psum_forward_last.next = self.pipe.forward_last.val();
            self.pe[c].psum_bank.next = self.pipe.bank.val();
            for r in 0..self.load_stages.val() {
                self.pe[c].psum_forward_third[r].next = self.pipe.forward_third[r].val();
            }
            self.pe[c].bank0_reads.next = self.pipe.reads_0.val();
            self.pe[c].bank0_raddr.next = self.pipe.raddr_0.val();
            self.pe[c].bank1_reads.next = self.pipe.reads_1.val();
            self.pe[c].bank1_raddr.next = self.pipe.raddr_1.val();
            self.pe[c].drain_raddr.next = self.drain_raddr.val();
            self.pe[c].bank0_waddr.next = self.waddr0.val();
            self.pe[c].bank1_waddr.next = self.waddr1.val();
            self.pe[c].bank0_accumulate.next = self.pipe.accumulate_0.val();
            self.pe[c].bank1_accumulate.next = self.pipe.accumulate_1.val();
            self.pe[c].bank0_load.next =
                self.load0.val() && (self.load_row_beat.val() == self.row_beat_of[c].val());
            self.pe[c].bank1_load.next =
                self.load1.val() && (self.load_row_beat.val() == self.row_beat_of[c].val());
            self.pe[c].drain_bank.next = self.drain_read_bank.val();
            self.pe[c].drain_take.next = self.drain_take.val();
            self.drain_row[c].next = self.pe[c].drain_data.val();
        }
    }
}
