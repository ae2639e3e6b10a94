//! Construction of the sequencer: the width of every signal.

use super::SetSequencer;
use crate::blocks::feature_ring::FeatureRing;
use crate::blocks::issue_gate::IssueGate;
use crate::blocks::item_walker::GROUP_K_W;
use crate::blocks::job_fields::{LoopCounts, PatchSteps};
use crate::blocks::loop_nest::{COUNT_W, LoopNest};
use crate::blocks::patch_agu::{ADDR_W, PatchAgu};
use crate::blocks::psum_banks::PsumBanks;
use crate::blocks::range_check::RangeCheck;
use crate::blocks::tile_queue::{TileQueue, tile_beat_w};
use crate::blocks::weight_ring::WeightRing;
use crate::config::Config;
use crate::hdl::prelude::*;

impl SetSequencer {
    /// The sequencer for a configuration.
    pub fn new(config: &Config) -> Self {
        let reuse_count = usize::from(config.reuse);
        let walk = || (0..reuse_count).map(|_| Bit::new()).collect();
        let walks = |width| (0..reuse_count).map(|_| Sig::unsigned(width)).collect();
        let tells = || (0..reuse_count).map(|_| Bit::new()).collect();
        SetSequencer {
            clear: Bit::new(),
            reset_banks: Bit::new(),
            wgrad: Bit::new(),
            stream_features: Bit::new(),
            counts: LoopCounts::new(),
            steps: PatchSteps::new(config),
            slot_beats: Sig::unsigned(ADDR_W),
            ring_slots: Sig::unsigned(COUNT_W),
            tile_write: Bit::new(),
            tile_data: Sig::unsigned(tile_beat_w(config)),
            tile_last: Bit::new(),
            slot_loaded: Bit::new(),
            weights_loaded: Bit::new(),
            weight_row_accepted: Bit::new(),
            weight_row_written: Bit::new(),
            operand_loaded: Bit::new(),
            bank0_release: Bit::new(),
            bank1_release: Bit::new(),
            drain_addressed: Bit::new(),
            reuse: walk(),
            walk_waits: walk(),
            walk_begins: walk(),
            walk_ends: walk(),
            walk_issue: walk(),
            walk_mac: walk(),
            walk_element: walks(config.k_w()),
            walk_position: walks(config.tile_w()),
            walk_k: walks(GROUP_K_W),
            walk_step_cgroup: walk(),
            walk_step_pass: walk(),
            walk_step_tile: walk(),
            walk_first_group: walk(),
            walk_next_waits: walk(),
            walk_next_begins: walk(),
            walk_token: walk(),
            walk_last_pass: walk(),
            walk_pass: walks(COUNT_W),
            walk_rows_m1: walks(config.tile_w()),
            tile_begins: tells(),
            tile_passes: (0..reuse_count).map(|_| Sig::unsigned(COUNT_W)).collect(),
            tile_zero: tells(),
            go: tells(),
            no_tile: Bit::new(),
            room_tile: Bit::new(),
            room_features: Bit::new(),
            room_weights: Bit::new(),
            room_operand: Bit::new(),
            slot_write_base: Sig::unsigned(ADDR_W),
            weight_write_addr: Sig::unsigned(config.weight_w()),
            operand_there: Bit::new(),
            operand_write_bank: Bit::new(),
            issue: Bit::new(),
            mac: Bit::new(),
            bank: Sig::unsigned(config.bank_w()),
            addr: Sig::unsigned(config.feature_w()),
            in_image: Bit::new(),
            weight_addr: Sig::unsigned(config.weight_w()),
            position: Sig::unsigned(config.tile_w()),
            psum_addr: Sig::unsigned(config.tile_w()),
            vector_first: Bit::new(),
            psum_update: Bit::new(),
            psum_zero: Bit::new(),
            psum_bank: Bit::new(),
            pes_now: Sig::unsigned(config.pe_count_w()),
            stall_features: Bit::new(),
            stall_weights: Bit::new(),
            stall_operand: Bit::new(),
            stall_bank: Bit::new(),
            stall_detect: Bit::new(),
            idle: Bit::new(),
            range_error: Bit::new(),
            drain_request: Bit::new(),
            drain_bank: Bit::new(),
            drain_rows_m1: Sig::unsigned(config.tile_w()),
            drain_pes: Sig::unsigned(config.pe_count_w()),
            drain_tag: Sig::unsigned(COUNT_W),
            drain_pass: Sig::unsigned(COUNT_W),
            tiles: TileQueue::new(config),
            nest: LoopNest::new(),
            agu: PatchAgu::new(config),
            features: FeatureRing::new(),
            weights: WeightRing::new(config),
            banks: PsumBanks::new(config),
            running: BitReg::new(),
            gate: IssueGate::new(config.reuse),
            reuse_q: (0..reuse_count).map(|_| BitReg::new()).collect(),
            wgrad_q: BitReg::new(),
            stream_q: BitReg::new(),
            take: BitReg::new(),
            ahead_addr: Sig::unsigned(ADDR_W),
            back_addr: Sig::unsigned(ADDR_W),
            first_addr: Sig::unsigned(ADDR_W),
            begins: Bit::new(),
            input_ready: Bit::new(),
            stall_input: Bit::new(),
            next_running: Bit::new(),
            advance: Bit::new(),
            group_ends: Bit::new(),
            slot_ends: Bit::new(),
            pass_ends: Bit::new(),
            tile_ends: Bit::new(),
            in_first_group: Bit::new(),
            in_last_pass: Bit::new(),
            pass_number: Sig::unsigned(COUNT_W),
            element: Sig::unsigned(COUNT_W),
            group_rows: Sig::unsigned(COUNT_W),
            group_rows_m1: Sig::unsigned(COUNT_W),
            place: Sig::unsigned(COUNT_W),
            rows_m1: Sig::unsigned(COUNT_W),
            reuses: Bit::new(),
            reuse_count: Param::new(reuse_count),
            group_base: Reg::unsigned(COUNT_W),
            psum_index: Sig::unsigned(COUNT_W),
            range: RangeCheck::new(config),
            pes_in_pass: Sig::unsigned(config.pe_count_w()),
            lane_w: Param::new(config.lanes().ilog2() as usize),
            pes: Param::new(config.pes),
            about: About::new(
                "set_sequencer",
                "Runs the loop nest of one PE set over the tiles it is sent, one element per cycle, and keeps account of \
                 the feature ring, the weight ring, the operand and the two psum banks.",
            ),
        }
    }
}
