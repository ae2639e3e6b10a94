//! Construction of the drain: the width of every signal.

use super::Drain;
use crate::blocks::loop_nest::COUNT_W;
use crate::blocks::lsb_of;
use crate::blocks::output_packer::{OutputPacker, RAW_W, raw_lanes, shift_lanes, value_lanes};
use crate::blocks::requantizer::SHIFT_W;
use crate::blocks::set_turn::SetTurn;
use crate::config::Config;
use crate::hdl::prelude::*;
use crate::regmap::{OUT_HEADER, OUT_TRAILER, OutKind};

impl Drain {
    /// The drain of this configuration.
    pub fn new(config: &Config) -> Self {
        let (sets, pes, acc) = (config.sets, config.pes, config.acc_w);
        // Lanes of a beat that can hold a result, and beats that a row can take.
        let (raw_step, shift_step) = (config.bus_w / RAW_W, config.lanes());
        let (raw_lanes, shift_lanes) = (raw_lanes(config), shift_lanes(config));
        let (raw_beats, shift_beats) = (pes.div_ceil(raw_step), pes.div_ceil(shift_step));
        let value_lanes = value_lanes(config);
        // Words that some lane of some beat may ask for; those beyond the last PE are 0.
        let shift_words = (shift_beats - 1) * shift_step + shift_lanes;
        let raw_words = (raw_beats - 1) * raw_step + raw_lanes;
        let words = raw_words.max(shift_words).max(pes);
        let lates = config.row_cycles();
        let bits = || (0..sets).map(|_| Bit::new()).collect::<Vec<_>>();
        let sigs = |w: usize| (0..sets).map(|_| Sig::unsigned(w)).collect::<Vec<_>>();
        let beat_w = config.drain_beat_w();
        let picks = |number: usize| (0..number).map(|_| BitReg::new().without_reset()).collect();
        let code = |k: OutKind| Const::new(Value::unsigned(RAW_W, k.code() as u128));
        Drain {
            start: Bit::new(),
            stop: Bit::new(),
            abort_job: Bit::new(),
            shift_mode: Bit::new(),
            shift: Sig::unsigned(SHIFT_W),
            trailer: Bit::new(),
            trailer_error: Sig::unsigned(8),
            request: bits(),
            request_bank: bits(),
            request_rows_m1: sigs(config.tile_w()),
            request_pes: sigs(config.pe_count_w()),
            request_tag: sigs(COUNT_W),
            request_pass: sigs(COUNT_W),
            row_word: (0..sets * pes).map(|_| Sig::signed(acc)).collect(),
            raddr: Sig::unsigned(config.tile_w()),
            read_bank: Bit::new(),
            take: Bit::new(),
            addressed: (0..sets).map(|_| Bit::new()).collect(),
            bank0_release: (0..sets).map(|_| Bit::new()).collect(),
            bank1_release: (0..sets).map(|_| Bit::new()).collect(),
            idle: Bit::new(),
            trailer_taken: Bit::new(),
            saturated: Sig::unsigned(config.pe_count_w()),
            max_abs: Sig::unsigned(acc),
            m_axis_tvalid: Bit::new(),
            m_axis_tready: Bit::new(),
            m_axis_tdata: Sig::unsigned(config.bus_w),
            m_axis_tlast: Bit::new(),
            enable: Bit::new(),
            state: Reg::new(),
            served: Reg::unsigned(config.set_w()),
            turn: SetTurn::new(sets),
            set: Reg::unsigned(config.set_w()).without_reset(),
            bank: BitReg::new().without_reset(),
            rows_m1: Reg::unsigned(config.tile_w()).without_reset(),
            // A bit more than the count needs: the lanes of the last beat may lie beyond it.
            pes: Reg::unsigned(config.pe_count_w() + 1).without_reset(),
            tag: Reg::unsigned(COUNT_W).without_reset(),
            pass: Reg::unsigned(COUNT_W).without_reset(),
            row: Reg::unsigned(config.tile_w()).without_reset(),
            row_after: Reg::unsigned(config.tile_w()).without_reset(),
            row_last: BitReg::new().without_reset(),
            beat: Reg::unsigned(beat_w).without_reset(),
            beat_after: Sig::unsigned(beat_w),
            beat_last: BitReg::new(),
            last_beat: Sig::unsigned(beat_w),
            push_header: Bit::new(),
            push_data: Bit::new(),
            push_trailer: Bit::new(),
            push_last: Bit::new(),
            d1_header: BitReg::new(),
            d1_data: BitReg::new(),
            d1_trailer: BitReg::new(),
            d1_last: BitReg::new().without_reset(),
            d1_set: Reg::unsigned(config.set_w()).without_reset(),
            d1_bank: BitReg::new().without_reset(),
            d1_shift: picks(shift_words),
            d1_raw: picks(raw_words),
            late_header: (0..lates).map(|_| BitReg::new()).collect(),
            late_data: (0..lates).map(|_| BitReg::new()).collect(),
            late_trailer: (0..lates).map(|_| BitReg::new()).collect(),
            late_set: (0..lates)
                .map(|_| Reg::unsigned(config.set_w()).without_reset())
                .collect(),
            late_word: (0..lates)
                .map(|_| Reg::unsigned(RAW_W).without_reset())
                .collect(),
            late_shift: picks(lates * shift_words),
            late_raw: picks(lates * raw_words),
            row_header: Bit::new(),
            row_data: Bit::new(),
            row_trailer: Bit::new(),
            row_set: Sig::unsigned(config.set_w()),
            row_kind: Sig::unsigned(RAW_W),
            row_shift: (0..shift_words).map(|_| Bit::new()).collect(),
            row_raw: (0..raw_words).map(|_| Bit::new()).collect(),
            lates: Param::new(lates),
            shift_words: Param::new(shift_words),
            raw_words: Param::new(raw_words),
            late_shift_words: Param::new(lates * shift_words),
            late_raw_words: Param::new(lates * raw_words),
            bank_read: Bit::new(),
            words: (0..words).map(|_| Sig::signed(acc)).collect(),
            picked: (0..value_lanes).map(|_| Sig::signed(acc)).collect(),
            d1_word: Reg::unsigned(RAW_W).without_reset(),
            d2_header: BitReg::new(),
            d2_data: BitReg::new(),
            d2_trailer: BitReg::new(),
            d2_word: Reg::unsigned(RAW_W).without_reset(),
            d2_value: (0..value_lanes)
                .map(|_| Reg::signed(acc).without_reset())
                .collect(),
            packer: OutputPacker::new(config),
            sets: Param::new(sets),
            pes_per_set: Param::new(pes),
            word_count: Param::new(words),
            raw_lanes: Param::new(raw_lanes),
            raw_step: Param::new(raw_step),
            raw_beats: Param::new(raw_beats),
            shift_lanes: Param::new(shift_lanes),
            shift_step: Param::new(shift_step),
            shift_beats: Param::new(shift_beats),
            value_lanes: Param::new(value_lanes),
            raw_lane_w: Param::new(raw_step.ilog2() as usize),
            shift_lane_w: Param::new(shift_step.ilog2() as usize),
            raw_w: Param::new(RAW_W),
            last_set: Param::new(sets - 1),
            kind_rows: code(OutKind::Rows),
            kind_trailer: code(OutKind::Trailer),
            shift_mode_at: lsb_of(&OUT_HEADER, "SHIFT_MODE"),
            set_at: lsb_of(&OUT_HEADER, "SET"),
            rows_at: lsb_of(&OUT_HEADER, "ROWS_M1"),
            tag_at: lsb_of(&OUT_HEADER, "TAG"),
            pass_at: lsb_of(&OUT_HEADER, "PASS"),
            error_at: lsb_of(&OUT_TRAILER, "ERROR"),
            about: About::new(
                "drain",
                "Serves the finished psum banks of all sets in turn: a header beat, then the rows, requantised or raw; \
                 at the job's end the trailer.",
            ),
        }
    }
}
