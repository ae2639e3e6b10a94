//! Construction of the detector: the width of every signal.

use super::{Detector, RECORD_STAGES};
use crate::blocks::bank_choice::BankChoice;
use crate::blocks::detector_lane::DetectorLane;
use crate::blocks::detector_load::DetectorLoad;
use crate::blocks::loop_nest::COUNT_W;
use crate::blocks::mcache::{Mcache, STATE_W};
use crate::blocks::patch_agu::ADDR_W;
use crate::blocks::position_walk::PositionWalk;
use crate::blocks::rpq::{K_COUNT_W, MODE_W, PROJECTIONS_W, Rpq, SIG_BITS_W, SIG_SHIFT_W, code};
use crate::blocks::set_turn::SetTurn;
use crate::config::{Config, index_width};
use crate::hdl::prelude::*;
use crate::reuse::Mode;

impl Detector {
    /// A detector of this configuration.
    pub fn new(config: &Config) -> Self {
        let sets = config.sets_per_detector();
        // Cycles from a step to its words, and to its elements.
        let read_cycles = config.detect_read_cycles();
        let element_at = read_cycles + config.element_cycles();
        let stages = RECORD_STAGES + config.decision_cycles();
        let set_w = index_width(sets);
        let bank_w = config.bank_w();
        let step_w = address_width(config.k_max);
        let each =
            |width: usize| -> Vec<Sig<In>> { (0..sets).map(|_| Sig::unsigned(width)).collect() };
        let bits = || -> Vec<Bit<In>> { (0..sets).map(|_| Bit::new()).collect() };
        let pulses = || -> Vec<Bit<Out>> { (0..sets).map(|_| Bit::new()).collect() };
        let job_addr = || Sig::unsigned(ADDR_W);
        let flag = || BitReg::new().without_reset();
        let set_reg = || Reg::unsigned(set_w).without_reset();
        let late = || 0..config.record_cycles();
        let late_word = |width| {
            late()
                .map(|_| Reg::unsigned(width).without_reset())
                .collect()
        };
        let mask = || Reg::unsigned(config.k_max).without_reset();
        let addr_at = config.tile_w();
        let bank_at = addr_at + config.feature_w();
        let set_at = bank_at + bank_w;
        let k_at = set_at + set_w;
        let flags_at = k_at + K_COUNT_W;
        let info_w = flags_at + 5;
        Detector {
            clear: Bit::new(),
            reuse: Sig::unsigned(MODE_W),
            projections: Sig::unsigned(PROJECTIONS_W),
            sig_bits: Sig::unsigned(SIG_BITS_W),
            sig_shift: Sig::unsigned(SIG_SHIFT_W),
            zero_skip: Bit::new(),
            x_step: job_addr(),
            y_addr: job_addr(),
            y_row: job_addr(),
            y_bank: Sig::unsigned(bank_w),
            img_addr: job_addr(),
            wrap_addr: job_addr(),
            load_reads: Bit::new(),
            load_matrix: Bit::new(),
            load_offsets: Bit::new(),
            load_index: Sig::unsigned(COUNT_W),
            load_data: Sig::unsigned(64),
            request: bits(),
            images: each(COUNT_W),
            rows: each(COUNT_W),
            cols: each(COUNT_W),
            in_rows: each(COUNT_W),
            in_cols: each(COUNT_W),
            bank: each(bank_w),
            addr: each(ADDR_W),
            row: each(ADDR_W),
            col: each(ADDR_W),
            k: each(K_COUNT_W),
            steps: each(K_COUNT_W),
            first_group: bits(),
            last_group: bits(),
            zero: bits(),
            grant: pulses(),
            done: pulses(),
            read_addr: (0..config.l)
                .map(|_| Sig::unsigned(config.feature_w()))
                .collect(),
            read_x: (0..sets * config.l)
                .map(|_| Sig::signed(config.data_w))
                .collect(),
            record_valid: Bit::new(),
            record_set: Sig::unsigned(set_w),
            record_position: Sig::unsigned(config.tile_w()),
            next_position: Sig::unsigned(config.tile_w()),
            record_state: Sig::unsigned(STATE_W),
            record_entry: Sig::unsigned(config.mcache.entry_w()),
            record_signature: Sig::unsigned(config.sig_w),
            record_bank: Sig::unsigned(bank_w),
            record_addr: Sig::unsigned(config.feature_w()),
            record_mask: Sig::unsigned(config.k_max),
            record_first_group: Bit::new(),
            record_last_group: Bit::new(),
            record_zero: Bit::new(),
            record_first: Bit::new(),
            record_last: Bit::new(),
            busy: Bit::new(),
            range_error: Bit::new(),
            lane: (0..config.l).map(|_| DetectorLane::new(config)).collect(),
            banks: BankChoice::new(config),
            walk: PositionWalk::new(config),
            rpq: Rpq::new(config),
            mcache: Mcache::new(config),
            load: DetectorLoad::new(config),
            turn: SetTurn::new(sets),
            running: BitReg::new(),
            active: set_reg(),
            served: Reg::unsigned(set_w).reset_to(sets as u32 - 1),
            set: Sig::unsigned(set_w),
            ready: BitReg::new(),
            begins: Bit::new(),
            in_rows_now: Sig::unsigned(COUNT_W),
            in_cols_now: Sig::unsigned(COUNT_W),
            in_rows_q: Reg::unsigned(COUNT_W).without_reset(),
            in_cols_q: Reg::unsigned(COUNT_W).without_reset(),
            k_now: Sig::unsigned(K_COUNT_W),
            k_q: Reg::unsigned(K_COUNT_W).without_reset(),
            steps_now: Sig::unsigned(K_COUNT_W),
            first_group_now: Bit::new(),
            last_group_now: Bit::new(),
            zero_now: Bit::new(),
            step: Reg::unsigned(step_w).without_reset(),
            next_step: Sig::unsigned(step_w),
            last_step: BitReg::new(),
            group_ends: Bit::new(),
            beyond_tile: BitReg::new(),
            out_of_range: BitReg::new(),
            p_step: (0..element_at).map(|_| BitReg::new()).collect(),
            p_first: (0..element_at).map(|_| flag()).collect(),
            p_last: (0..element_at).map(|_| flag()).collect(),
            p_set: (0..read_cycles).map(|_| set_reg()).collect(),
            adds: Bit::new(),
            adds_first: Bit::new(),
            adds_last: Bit::new(),
            mask_now: Sig::unsigned(config.k_max),
            all_mask: mask(),
            mask: (element_at + 2..=stages).map(|_| mask()).collect(),
            all_zero: flag(),
            info_now: Sig::unsigned(info_w),
            info: (0..stages)
                .map(|_| Reg::unsigned(info_w).without_reset())
                .collect(),
            record: Sig::unsigned(info_w),
            decided_q: late().map(|_| BitReg::new()).collect(),
            state_q: late_word(STATE_W),
            entry_q: late_word(config.mcache.entry_w()),
            tag_q: late_word(config.sig_w),
            record_cycles: Param::new(config.record_cycles()),
            sets: Param::new(sets),
            last_set: Param::new(sets - 1),
            lanes: Param::new(config.l),
            k_count_w: Param::new(K_COUNT_W),
            p_max: Param::new(config.p_max),
            tile: Param::new(config.tile),
            stages: Param::new(stages),
            read_cycles: Param::new(read_cycles),
            element_at: Param::new(element_at),
            // K is needed when a step is added to the sums.
            k_stage: Param::new(element_at - 1 + config.step_cycles()),
            signature_at: Param::new(element_at + 1 + config.signature_cycles()),
            signature_cycles: Param::new(config.signature_cycles()),
            mask_stages: Param::new(stages - 1 - element_at),
            position_w: Param::new(config.tile_w()),
            feature_w: Param::new(config.feature_w()),
            info_w: Param::new(info_w),
            addr_at: Param::new(addr_at),
            bank_at: Param::new(bank_at),
            set_at: Param::new(set_at),
            k_at: Param::new(k_at),
            first_at: Param::new(flags_at),
            last_at: Param::new(flags_at + 1),
            first_group_at: Param::new(flags_at + 2),
            last_group_at: Param::new(flags_at + 3),
            zero_at: Param::new(flags_at + 4),
            zero_mode: code(Mode::Zero),
            looks_up: BitReg::new().without_reset(),
            skips_zero: BitReg::new().without_reset(),
            about: About::new(
                "detector",
                "Detector: reads the vectors of a group of one of its PE sets, a few elements a cycle, and decides for \
                 each whether it is zero, known (HIT), new (MAU) or not kept (MNU).",
            ),
        }
    }
}
