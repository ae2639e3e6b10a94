//! Construction of a PE set: the width of every signal.

use super::PeSet;
use crate::blocks::element_pipe::ElementPipe;
use crate::blocks::feature_buffer::FeatureBuffer;
use crate::blocks::job_fields::{LoopCounts, PatchSteps, ReuseJob};
use crate::blocks::loop_nest::COUNT_W;
use crate::blocks::mcache::STATE_W;
use crate::blocks::patch_agu::ADDR_W;
use crate::blocks::pe::Pe;
use crate::blocks::rpq::K_COUNT_W;
use crate::blocks::set_reuse::SetReuse;
use crate::blocks::set_sequencer::SetSequencer;
use crate::config::Config;
use crate::hdl::prelude::*;

impl PeSet {
    /// A set of this configuration.
    pub fn new(config: &Config) -> Self {
        let tile_addr = || Sig::unsigned(config.tile_w());
        let parts = usize::from(config.reuse);
        let load_stages = config.load_cycles();
        let late = |width: usize| {
            let register = |_| Reg::unsigned(width).without_reset();
            (0..load_stages).map(register).collect()
        };
        let bits = || (0..parts).map(|_| Bit::new()).collect();
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
            load_bank: Sig::unsigned(config.bank_w()),
            load_beat: Sig::unsigned(config.bank_depth_w()),
            load_row: Sig::unsigned(config.tile_w()),
            load_row_beat: Sig::unsigned(config.row_beat_w()),
            weight_row_written: Bit::new(),
            weights_loaded: Bit::new(),
            operand_loaded: Bit::new(),
            load_data: Sig::unsigned(config.bus_w),
            weight_row_accepted: Bit::new(),
            room_tile: Bit::new(),
            room_features: Bit::new(),
            room_weights: Bit::new(),
            room_operand: Bit::new(),
            drain_raddr: tile_addr(),
            drain_read_bank: Bit::new(),
            drain_take: Bit::new(),
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
            job: ReuseJob::new(),
            load_reads: Bit::new(),
            room_program: Bit::new(),
            mac: Bit::new(),
            stall_detect: Bit::new(),
            det_grant: bits(),
            det_done: bits(),
            record_valid: (0..parts).map(|_| Bit::new()).collect(),
            record_position: (0..parts).map(|_| Sig::unsigned(config.tile_w())).collect(),
            next_position: (0..parts).map(|_| Sig::unsigned(config.tile_w())).collect(),
            record_state: (0..parts).map(|_| Sig::unsigned(STATE_W)).collect(),
            record_entry: (0..parts)
                .map(|_| Sig::unsigned(config.mcache.entry_w()))
                .collect(),
            record_bank: (0..parts).map(|_| Sig::unsigned(config.bank_w())).collect(),
            record_addr: (0..parts)
                .map(|_| Sig::unsigned(config.feature_w()))
                .collect(),
            record_mask: (0..parts).map(|_| Sig::unsigned(config.k_max)).collect(),
            record_first_group: (0..parts).map(|_| Bit::new()).collect(),
            record_last_group: (0..parts).map(|_| Bit::new()).collect(),
            record_zero: (0..parts).map(|_| Bit::new()).collect(),
            record_last: (0..parts).map(|_| Bit::new()).collect(),
            det_request: (0..parts).map(|_| Bit::new()).collect(),
            det_images: (0..parts).map(|_| Sig::unsigned(COUNT_W)).collect(),
            det_rows: (0..parts).map(|_| Sig::unsigned(COUNT_W)).collect(),
            det_cols: (0..parts).map(|_| Sig::unsigned(COUNT_W)).collect(),
            det_in_rows: (0..parts).map(|_| Sig::unsigned(COUNT_W)).collect(),
            det_in_cols: (0..parts).map(|_| Sig::unsigned(COUNT_W)).collect(),
            det_bank: (0..parts).map(|_| Sig::unsigned(config.bank_w())).collect(),
            det_addr: (0..parts).map(|_| Sig::unsigned(ADDR_W)).collect(),
            det_row: (0..parts).map(|_| Sig::unsigned(ADDR_W)).collect(),
            det_col: (0..parts).map(|_| Sig::unsigned(ADDR_W)).collect(),
            det_k: (0..parts).map(|_| Sig::unsigned(K_COUNT_W)).collect(),
            det_steps: (0..parts).map(|_| Sig::unsigned(K_COUNT_W)).collect(),
            det_first_group: (0..parts).map(|_| Bit::new()).collect(),
            det_last_group: (0..parts).map(|_| Bit::new()).collect(),
            det_zero: (0..parts).map(|_| Bit::new()).collect(),
            detect_addr: (0..parts * config.l)
                .map(|_| Sig::unsigned(config.feature_w()))
                .collect(),
            detect_x: (0..parts * config.l)
                .map(|_| Sig::signed(config.data_w))
                .collect(),
            sequencer: SetSequencer::new(config),
            reuse: (0..parts).map(|_| SetReuse::new(config)).collect(),
            reuse_q: (0..parts).map(|_| BitReg::new()).collect(),
            wide: Bit::new(),
            parts: Param::new(parts),
            lanes: Param::new(parts * config.l),
            features: FeatureBuffer::new(config),
            pe: (0..config.pes).map(|_| Pe::new(config)).collect(),
            operand_write: Bit::new(),
            row_we: Bit::new(),
            slot_loaded: Bit::new(),
            feature_beat: Sig::unsigned(ADDR_W),
            pipe: ElementPipe::new(config),
            load0: Bit::new(),
            load1: Bit::new(),
            waddr0: Sig::unsigned(config.tile_w()),
            waddr1: Sig::unsigned(config.tile_w()),
            data: Sig::unsigned(config.bus_w),
            weight_waddr: Sig::unsigned(config.weight_w()),
            late_data: late(config.bus_w),
            late_features: (0..load_stages).map(|_| BitReg::new()).collect(),
            late_bank: late(config.bank_w()),
            late_beat: late(config.bank_depth_w()),
            late_weight: late(config.weight_w()),
            late_waddr0: late(config.tile_w()),
            late_waddr1: late(config.tile_w()),
            load_stages: Param::new(load_stages),
            pes: Param::new(config.pes),
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
