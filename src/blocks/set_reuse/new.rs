//! Construction of the part of a PE set for reuse: the width of every signal.

use super::SetReuse;
use crate::blocks::cache_pipe::CachePipe;
use crate::blocks::detect_front::DetectFront;
use crate::blocks::hitmap::Hitmap;
use crate::blocks::item_queue::ItemQueue;
use crate::blocks::item_walker::{GROUP_K_W, ItemWalker};
use crate::blocks::job_fields::{LoopCounts, PatchSteps, ReuseJob};
use crate::blocks::list_reader::ListReader;
use crate::blocks::loop_nest::COUNT_W;
use crate::blocks::lsb_of;
use crate::blocks::mcache::STATE_W;
use crate::blocks::patch_agu::ADDR_W;
use crate::blocks::rpq::K_COUNT_W;
use crate::blocks::tile_queue::tile_beat_w;
use crate::config::{Config, Issue};
use crate::hdl::prelude::*;
use crate::regmap::READ;

impl SetReuse {
    /// The part for a set of this configuration.
    pub fn new(config: &Config) -> Self {
        let entry = || Reg::unsigned(config.mcache.entry_w()).without_reset();
        let flag = || BitReg::new().without_reset();
        let registered = usize::from(config.issue == Issue::Registered);
        let flags = |count: usize| (0..count).map(|_| flag()).collect();
        let valids = |count: usize| (0..count).map(|_| BitReg::new()).collect();
        SetReuse {
            clear: Bit::new(),
            wgrad: Bit::new(),
            stream_features: Bit::new(),
            counts: LoopCounts::new(),
            steps: PatchSteps::new(config),
            job: ReuseJob::new(),
            slot_beats: Sig::unsigned(ADDR_W),
            ring_slots: Sig::unsigned(COUNT_W),
            tile_write: Bit::new(),
            tile_data: Sig::unsigned(tile_beat_w(config)),
            tile_last: Bit::new(),
            slot_loaded: Bit::new(),
            read_write: Bit::new(),
            read_data: Sig::unsigned(64),
            det_grant: Bit::new(),
            det_done: Bit::new(),
            record_valid: Bit::new(),
            record_position: Sig::unsigned(config.tile_w()),
            next_position: Sig::unsigned(config.tile_w()),
            record_state: Sig::unsigned(STATE_W),
            record_entry: Sig::unsigned(config.mcache.entry_w()),
            record_bank: Sig::unsigned(config.bank_w()),
            record_addr: Sig::unsigned(config.feature_w()),
            record_mask: Sig::unsigned(config.k_max),
            record_first_group: Bit::new(),
            record_last_group: Bit::new(),
            record_zero: Bit::new(),
            record_last: Bit::new(),
            tile_begins: Bit::new(),
            tile_passes: Sig::unsigned(COUNT_W),
            tile_zero: Bit::new(),
            go: Bit::new(),
            wide: Bit::new(),
            room_tile: Bit::new(),
            idle: Bit::new(),
            det_request: Bit::new(),
            det_images: Sig::unsigned(COUNT_W),
            det_rows: Sig::unsigned(COUNT_W),
            det_cols: Sig::unsigned(COUNT_W),
            det_in_rows: Sig::unsigned(COUNT_W),
            det_in_cols: Sig::unsigned(COUNT_W),
            det_bank: Sig::unsigned(config.bank_w()),
            det_addr: Sig::unsigned(ADDR_W),
            det_row: Sig::unsigned(ADDR_W),
            det_col: Sig::unsigned(ADDR_W),
            det_k: Sig::unsigned(K_COUNT_W),
            det_steps: Sig::unsigned(K_COUNT_W),
            det_first_group: Bit::new(),
            det_last_group: Bit::new(),
            det_zero: Bit::new(),
            range_error: Bit::new(),
            walk_waits: Bit::new(),
            walk_begins: Bit::new(),
            walk_ends: Bit::new(),
            walk_issue: Bit::new(),
            walk_mac: Bit::new(),
            walk_element: Sig::unsigned(config.k_w()),
            walk_position: Sig::unsigned(config.tile_w()),
            walk_k: Sig::unsigned(GROUP_K_W),
            walk_step_cgroup: Bit::new(),
            walk_step_pass: Bit::new(),
            walk_step_tile: Bit::new(),
            walk_first_group: Bit::new(),
            walk_next_waits: Bit::new(),
            walk_next_begins: Bit::new(),
            walk_token: Bit::new(),
            walk_last_pass: Bit::new(),
            walk_pass: Sig::unsigned(COUNT_W),
            walk_rows_m1: Sig::unsigned(config.tile_w()),
            bank: Sig::unsigned(config.bank_w()),
            addr: Sig::unsigned(config.feature_w()),
            nonzero: Bit::new(),
            vector_first: Bit::new(),
            psum_update: Bit::new(),
            psum_zero: Bit::new(),
            one: Bit::new(),
            use_cache: Bit::new(),
            cache_low: Bit::new(),
            cache_high: Bit::new(),
            cache_raddr: Sig::unsigned(config.mcache.entry_w()),
            cache_forward: Bit::new(),
            cache_forward_last: Bit::new(),
            cache_forward_third: (0..registered).map(|_| Bit::new()).collect(),
            cache_waddr: Sig::unsigned(config.mcache.entry_w()),
            cache_write: Bit::new(),
            cache_add: Bit::new(),
            cache_reuse: Bit::new(),
            shift_sum: Bit::new(),
            front: DetectFront::new(config),
            hitmap: Hitmap::new(config),
            reader: ListReader::new(config),
            queue: (0..registered).map(|_| ItemQueue::new(config)).collect(),
            walker: ItemWalker::new(config),
            pipe: CachePipe::new(config),
            late_write: valids(registered),
            late_entry: (0..registered).map(|_| entry()).collect(),
            late_wide: flags(registered),
            registered: Param::new(registered),
            number_at: lsb_of(&READ, "K_INDEX"),
            bank_at: lsb_of(&READ, "BANK"),
            valid_at: lsb_of(&READ, "VALID"),
            addr_at: lsb_of(&READ, "ADDR"),
            about: About::new(
                "set_reuse",
                "What reuse adds to a PE set: detection front, Hitmap lists, item walker, control of the MCACHE data.",
            ),
        }
    }
}
