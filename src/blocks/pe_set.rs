//! One PE set: sequencer, feature buffer, C processing elements in lockstep.

use super::feature_buffer::FeatureBuffer;
use super::job_fields::{LoopCounts, PatchSteps};
use super::loop_nest::COUNT_W;
use super::patch_agu::ADDR_W;
use super::pe::Pe;
use super::set_sequencer::SetSequencer;
use crate::config::Config;
use crate::hdl::prelude::*;

/// A PE set: C processing elements that share one stream of elements, with its own sequencer and feature buffer.
///
/// ```text
///  loader ─┬─► set_sequencer ── issue u ──► p1 ──► p2 ──► p3 ──► p4     control, one register a stage
///          ├─► feature_buffer ────────────────────► x (u+2)   │
///          └─► weight rings, operand bank                     ▼
///                                        PE 0 … PE C-1: × (u+2), vector sum (u+3), psum (u+4)
///  drain ◄── one psum row: bank word `drain_raddr` of every PE, one cycle later
/// ```
///
/// **Latency** an element issued in cycle u is in its psum bank from u+5; a drain address given in cycle d gives the
/// row in d+1. **Back-pressure** `room_*` towards the loader; the drain reads a bank that no longer accumulates.
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
    /// Loader: its segment completes a feature slot.
    pub load_slot_end: Bit<In>,
    /// Loader: its feature bank.
    pub load_bank: Sig<In>,
    /// Loader: its number in the segment.
    pub load_beat: Sig<In>,
    /// Loader: its row (operand).
    pub load_row: Sig<In>,
    /// Loader: its number in the row (weights, operand).
    pub load_row_beat: Sig<In>,
    /// Loader: it is the last of its row.
    pub load_row_last: Bit<In>,
    /// Loader: the beat.
    pub load_data: Sig<In>,
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
    sequencer: SetSequencer,
    features: FeatureBuffer,
    pe: Vec<Pe>,
    operand_write: Bit<Local>,
    row_we: Bit<Local>,
    feature_beat: Sig<Local>,
    p1_valid: BitReg,
    p1_weight_addr: Reg,
    p1_position: Reg,
    p1_psum_addr: Reg,
    p1_first: BitReg,
    p1_update: BitReg,
    p1_zero: BitReg,
    p1_bank: BitReg,
    p2_valid: BitReg,
    p2_psum_addr: Reg,
    p2_first: BitReg,
    p2_update: BitReg,
    p2_zero: BitReg,
    p2_bank: BitReg,
    p3_psum_addr: Reg,
    p3_first: BitReg,
    p3_update: BitReg,
    p3_zero: BitReg,
    p3_bank: BitReg,
    p4_psum_addr: Reg,
    p4_update: BitReg,
    p4_zero: BitReg,
    p4_bank: BitReg,
    p4_forward: BitReg,
    accumulate0: Bit<Local>,
    accumulate1: Bit<Local>,
    load0: Bit<Local>,
    load1: Bit<Local>,
    raddr0: Sig<Local>,
    raddr1: Sig<Local>,
    waddr0: Sig<Local>,
    waddr1: Sig<Local>,
    pes: Param,
    detect_banks: Param,
    bank_depth: Param,
    lane_shift: Vec<Param>,
    row_beat_of: Vec<Param>,
    about: About,
}

impl PeSet {
    /// A set of this configuration.
    pub fn new(config: &Config) -> Self {
        let tile_addr = || Sig::unsigned(config.tile_w());
        let psum_addr = || Reg::unsigned(config.tile_w()).without_reset();
        let flag = || BitReg::new().without_reset();
        PeSet {
            clear: Bit::new(),
            reset_banks: Bit::new(),
            wgrad: Bit::new(),
            stream_features: Bit::new(),
            counts: LoopCounts::new(),
            steps: PatchSteps::new(config),
            slot_beats: Sig::unsigned(ADDR_W),
            ring_slots: Sig::unsigned(COUNT_W),
            load_selected: Bit::new(),
            load_tile: Bit::new(),
            load_features: Bit::new(),
            load_weights: Bit::new(),
            load_operand: Bit::new(),
            load_last: Bit::new(),
            load_slot_end: Bit::new(),
            load_bank: Sig::unsigned(config.bank_w()),
            load_beat: Sig::unsigned(config.bank_depth_w()),
            load_row: Sig::unsigned(config.tile_w()),
            load_row_beat: Sig::unsigned(config.row_beat_w()),
            load_row_last: Bit::new(),
            load_data: Sig::unsigned(config.bus_w),
            weight_row_accepted: Bit::new(),
            room_tile: Bit::new(),
            room_features: Bit::new(),
            room_weights: Bit::new(),
            room_operand: Bit::new(),
            drain_raddr: tile_addr(),
            drain_read_bank: Bit::new(),
            drain_addressed: Bit::new(),
            bank0_release: Bit::new(),
            bank1_release: Bit::new(),
            drain_request: Bit::new(),
            drain_bank: Bit::new(),
            drain_rows_m1: Sig::unsigned(config.tile_w()),
            drain_pes: Sig::unsigned(config.pe_count_w()),
            drain_tag: Sig::unsigned(COUNT_W),
            drain_pass: Sig::unsigned(COUNT_W),
            drain_row: (0..config.pes).map(|_| Sig::signed(config.acc_w)).collect(),
            issue: Bit::new(),
            pes_now: Sig::unsigned(config.pe_count_w()),
            stall_features: Bit::new(),
            stall_weights: Bit::new(),
            stall_operand: Bit::new(),
            stall_bank: Bit::new(),
            idle: Bit::new(),
            range_error: Bit::new(),
            sequencer: SetSequencer::new(config),
            features: FeatureBuffer::new(config),
            pe: (0..config.pes).map(|_| Pe::new(config)).collect(),
            operand_write: Bit::new(),
            row_we: Bit::new(),
            feature_beat: Sig::unsigned(ADDR_W),
            p1_valid: BitReg::new(),
            p1_weight_addr: Reg::unsigned(config.weight_w()).without_reset(),
            p1_position: psum_addr(),
            p1_psum_addr: psum_addr(),
            p1_first: flag(),
            p1_update: flag(),
            p1_zero: flag(),
            p1_bank: flag(),
            p2_valid: BitReg::new(),
            p2_psum_addr: psum_addr(),
            p2_first: flag(),
            p2_update: flag(),
            p2_zero: flag(),
            p2_bank: flag(),
            p3_psum_addr: psum_addr(),
            p3_first: flag(),
            p3_update: BitReg::new(),
            p3_zero: flag(),
            p3_bank: flag(),
            p4_psum_addr: psum_addr(),
            p4_update: BitReg::new(),
            p4_zero: flag(),
            p4_bank: flag(),
            p4_forward: flag(),
            accumulate0: Bit::new(),
            accumulate1: Bit::new(),
            load0: Bit::new(),
            load1: Bit::new(),
            raddr0: Sig::unsigned(config.tile_w()),
            raddr1: Sig::unsigned(config.tile_w()),
            waddr0: Sig::unsigned(config.tile_w()),
            waddr1: Sig::unsigned(config.tile_w()),
            pes: Param::new(config.pes),
            detect_banks: Param::new(if config.reuse { config.l } else { 0 }),
            bank_depth: Param::new(config.bank_depth()),
            lane_shift: (0..config.pes)
                .map(|c| Param::new(c % config.lanes() * config.data_w))
                .collect(),
            row_beat_of: (0..config.pes)
                .map(|c| Param::new(c / config.lanes()))
                .collect(),
            about: About::new(
                "pe_set",
                "PE set: processing elements in lockstep on one stream of elements, with sequencer and feature buffer.",
            ),
        }
    }
}

impl Logic for PeSet {
    #[hdl_gen]
    fn update(&mut self) {
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
        self.sequencer.slot_loaded.next = self.load_selected.val()
            && self.load_features.val()
            && self.load_last.val()
            && self.load_slot_end.val();
        self.sequencer.weights_loaded.next =
            self.load_selected.val() && self.load_weights.val() && self.load_last.val();
        self.sequencer.weight_row_accepted.next = self.weight_row_accepted.val();
        self.sequencer.weight_row_written.next =
            self.load_selected.val() && self.load_weights.val() && self.load_row_last.val();
        self.sequencer.operand_loaded.next =
            self.load_selected.val() && self.load_operand.val() && self.load_last.val();
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
        self.idle.next = self.sequencer.idle.val();

        // Feature buffer: read in cycle u, element in u+2.
        self.feature_beat.next =
            self.sequencer.slot_write_base.val() + unsigned_cast(self.load_beat.val());
        self.range_error.next = self.sequencer.range_error.val()
            || (self.load_selected.val()
                && self.load_features.val()
                && (self.feature_beat.val() >= self.bank_depth.val()));
        self.features.write.next = self.load_selected.val() && self.load_features.val();
        self.features.write_bank.next = self.load_bank.val();
        self.features.write_addr.next = unsigned_cast(self.feature_beat.val());
        self.features.write_data.next = self.load_data.val();
        self.features.bank.next = self.sequencer.bank.val();
        self.features.addr.next = self.sequencer.addr.val();
        self.features.in_image.next = self.sequencer.in_image.val();
        for b in 0..self.detect_banks.val() {
            self.features.detect_addr[b].next = 0.into();
        }

        // Control pipeline.
        self.p1_valid.next = self.sequencer.issue.val();
        self.p1_weight_addr.next = self.sequencer.weight_addr.val();
        self.p1_position.next = self.sequencer.position.val();
        self.p1_psum_addr.next = self.sequencer.psum_addr.val();
        self.p1_first.next = self.sequencer.vector_first.val();
        self.p1_update.next = self.sequencer.psum_update.val();
        self.p1_zero.next = self.sequencer.psum_zero.val();
        self.p1_bank.next = self.sequencer.psum_bank.val();
        self.p2_valid.next = self.p1_valid.val();
        self.p2_psum_addr.next = self.p1_psum_addr.val();
        self.p2_first.next = self.p1_first.val();
        self.p2_update.next = self.p1_update.val();
        self.p2_zero.next = self.p1_zero.val();
        self.p2_bank.next = self.p1_bank.val();
        self.p3_psum_addr.next = self.p2_psum_addr.val();
        self.p3_first.next = self.p2_first.val();
        self.p3_update.next = self.p2_update.val() && self.p2_valid.val();
        self.p3_zero.next = self.p2_zero.val();
        self.p3_bank.next = self.p2_bank.val();
        self.p4_psum_addr.next = self.p3_psum_addr.val();
        self.p4_update.next = self.p3_update.val();
        self.p4_zero.next = self.p3_zero.val();
        self.p4_bank.next = self.p3_bank.val();
        // The psum read in u+3 is stale if the element before writes the same word at the end of that cycle.
        self.p4_forward.next = self.p4_update.val()
            && (self.p4_bank.val() == self.p3_bank.val())
            && (self.p4_psum_addr.val() == self.p3_psum_addr.val());

        // Psum banks: one bank accumulates; the other is drained, or holds the operand.
        self.operand_write.next = self.load_selected.val() && self.load_operand.val();
        self.accumulate0.next = self.p4_update.val() && !self.p4_bank.val();
        self.accumulate1.next = self.p4_update.val() && self.p4_bank.val();
        self.load0.next = self.operand_write.val() && !self.sequencer.operand_write_bank.val();
        self.load1.next = self.operand_write.val() && self.sequencer.operand_write_bank.val();
        self.waddr0.next = self.p4_psum_addr.val();
        if self.load0.val() {
            self.waddr0.next = self.load_row.val();
        }
        self.waddr1.next = self.p4_psum_addr.val();
        if self.load1.val() {
            self.waddr1.next = self.load_row.val();
        }
        self.raddr0.next = self.drain_raddr.val();
        if self.wgrad.val() && self.p1_valid.val() && self.p1_bank.val() {
            self.raddr0.next = self.p1_position.val();
        }
        if self.p3_update.val() && !self.p3_bank.val() {
            self.raddr0.next = self.p3_psum_addr.val();
        }
        self.raddr1.next = self.drain_raddr.val();
        if self.wgrad.val() && self.p1_valid.val() && !self.p1_bank.val() {
            self.raddr1.next = self.p1_position.val();
        }
        if self.p3_update.val() && self.p3_bank.val() {
            self.raddr1.next = self.p3_psum_addr.val();
        }

        // A row of C operands takes one or more beats; PE c sits in lane c mod LANES of beat c div LANES.
        self.row_we.next = self.load_selected.val() && self.load_weights.val();
        for c in 0..self.pes.val() {
            self.pe[c].x.next = self.features.x.val();
            self.pe[c].load_data.next =
                signed_cast(self.load_data.val() >> self.lane_shift[c].val());
            self.pe[c].weight_we.next =
                self.row_we.val() && (self.load_row_beat.val() == self.row_beat_of[c].val());
            self.pe[c].weight_waddr.next = self.sequencer.weight_write_addr.val();
            self.pe[c].weight_raddr.next = self.p1_weight_addr.val();
            self.pe[c].use_operand.next = self.wgrad.val();
            self.pe[c].operand_bank.next = !self.p2_bank.val();
            self.pe[c].vector_first.next = self.p3_first.val();
            self.pe[c].psum_zero.next = self.p4_zero.val();
            self.pe[c].psum_forward.next = self.p4_forward.val();
            self.pe[c].psum_bank.next = self.p4_bank.val();
            self.pe[c].bank0_raddr.next = self.raddr0.val();
            self.pe[c].bank1_raddr.next = self.raddr1.val();
            self.pe[c].bank0_waddr.next = self.waddr0.val();
            self.pe[c].bank1_waddr.next = self.waddr1.val();
            self.pe[c].bank0_accumulate.next = self.accumulate0.val();
            self.pe[c].bank1_accumulate.next = self.accumulate1.val();
            self.pe[c].bank0_load.next =
                self.load0.val() && (self.load_row_beat.val() == self.row_beat_of[c].val());
            self.pe[c].bank1_load.next =
                self.load1.val() && (self.load_row_beat.val() == self.row_beat_of[c].val());
            self.pe[c].drain_bank.next = self.drain_read_bank.val();
            self.drain_row[c].next = self.pe[c].drain_data.val();
        }
    }
}
