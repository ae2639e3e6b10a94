//! Construction of the loader: the width of every signal.

use super::Loader;
use crate::blocks::loop_nest::COUNT_W;
use crate::blocks::patch_agu::ADDR_W;
use crate::blocks::{bits_of, lsb_of};
use crate::config::{Config, index_width};
use crate::hdl::prelude::*;
use crate::regmap::{Error, HEADER, SegmentKind, TILE_FIELD_BITS, TILE_SLOTS};

impl Loader {
    /// The loader of this configuration.
    pub fn new(config: &Config) -> Self {
        let per_set = || (0..config.sets).map(|_| Bit::new()).collect();
        let per_set_out = || (0..config.sets).map(|_| Bit::new()).collect();
        let registers = || (0..config.sets).map(|_| BitReg::new()).collect();
        let flag = || BitReg::new().without_reset();
        let kind = |k: SegmentKind| Param::new(k.code() as usize);
        let code = |e: Error| Param::new(e.code() as usize);
        // Without reuse no count of beats is legal for these segments.
        let (max_reads, max_offsets) = if config.reuse {
            (config.k_max * config.l, config.p_max)
        } else {
            (0, 0)
        };
        let index_w = index_width(max_reads.max(max_offsets));
        Loader {
            start: Bit::new(),
            flush: Bit::new(),
            abort_job: Bit::new(),
            wgrad: Bit::new(),
            slot_beats: Sig::unsigned(ADDR_W),
            s_axis_tvalid: Bit::new(),
            s_axis_tready: Bit::new(),
            s_axis_tdata: Sig::unsigned(config.bus_w),
            s_axis_tlast: Bit::new(),
            room_tile: per_set(),
            room_features: per_set(),
            room_weights: per_set(),
            room_operand: per_set(),
            room_program: per_set(),
            load_selected: (0..config.sets).map(|_| Bit::new()).collect(),
            load_tile: Bit::new(),
            load_features: Bit::new(),
            load_weights: Bit::new(),
            load_operand: Bit::new(),
            load_reads: Bit::new(),
            load_matrix: Bit::new(),
            load_offsets: Bit::new(),
            load_index: Sig::unsigned(COUNT_W),
            load_last: Bit::new(),
            load_bank: Sig::unsigned(config.bank_w()),
            load_beat: Sig::unsigned(config.bank_depth_w()),
            load_row: Sig::unsigned(config.tile_w()),
            load_row_beat: Sig::unsigned(config.row_beat_w()),
            load_data: Sig::unsigned(config.bus_w),
            slot_loaded: per_set_out(),
            weight_row_written: per_set_out(),
            weights_loaded: per_set_out(),
            operand_loaded: per_set_out(),
            weight_row_accepted: (0..config.sets).map(|_| Bit::new()).collect(),
            accepted: Bit::new(),
            waits_for_host: Bit::new(),
            done: Bit::new(),
            error: Bit::new(),
            error_code: Sig::unsigned(8),
            state: Reg::new(),
            header_kind: Sig::unsigned(bits_of(&HEADER, "KIND")),
            header_bank: Sig::unsigned(bits_of(&HEADER, "BANK")),
            header_count: Sig::unsigned(bits_of(&HEADER, "COUNT")),
            header_mask: Sig::unsigned(bits_of(&HEADER, "MASK")),
            header_fits: Bit::new(),
            asks_tile: (0..config.sets)
                .map(|_| BitReg::new().without_reset())
                .collect(),
            asks_features: (0..config.sets)
                .map(|_| BitReg::new().without_reset())
                .collect(),
            asks_weights: (0..config.sets)
                .map(|_| BitReg::new().without_reset())
                .collect(),
            asks_operand: (0..config.sets)
                .map(|_| BitReg::new().without_reset())
                .collect(),
            asks_program: (0..config.sets)
                .map(|_| BitReg::new().without_reset())
                .collect(),
            takes_header: Bit::new(),
            takes_payload: Bit::new(),
            spoilt: Bit::new(),
            is_tile: flag(),
            is_features: flag(),
            is_weights: flag(),
            is_operand: flag(),
            is_reads: flag(),
            is_matrix: flag(),
            is_offsets: flag(),
            slot_end: flag(),
            bank: Reg::unsigned(config.bank_w()).without_reset(),
            remaining: Reg::unsigned(bits_of(&HEADER, "COUNT")).without_reset(),
            mask: (0..config.sets).map(|_| flag()).collect(),
            row_beat: Reg::unsigned(config.row_beat_w()).without_reset(),
            row: Reg::unsigned(config.tile_w()).without_reset(),
            beat: Reg::unsigned(config.bank_depth_w()).without_reset(),
            room: Bit::new(),
            ready: Bit::new(),
            take: Bit::new(),
            row_last: Bit::new(),
            last: Bit::new(),
            fail: Bit::new(),
            fail_code: Sig::unsigned(8),
            writes: Bit::new(),
            row_fits: Bit::new(),
            w_tile: flag(),
            w_features: flag(),
            w_weights: flag(),
            w_operand: flag(),
            w_reads: flag(),
            w_matrix: flag(),
            w_offsets: flag(),
            w_last: flag(),
            w_slots: registers(),
            w_rows: registers(),
            w_groups: registers(),
            w_operands: registers(),
            w_bank: Reg::unsigned(config.bank_w()).without_reset(),
            index: Reg::unsigned(index_w).without_reset(),
            w_header: BitReg::new(),
            w_payload: BitReg::new(),
            w_row_beat: Reg::unsigned(config.row_beat_w()).without_reset(),
            w_row_last: flag(),
            w_data: Reg::unsigned(config.bus_w).without_reset(),
            w_selected: (0..config.sets).map(|_| BitReg::new()).collect(),
            sets: Param::new(config.sets),
            banks: Param::new(config.l),
            tile_beats: Param::new((TILE_FIELD_BITS * TILE_SLOTS).div_ceil(config.bus_w)),
            row_beats: Param::new(config.row_beats()),
            max_operand: Param::new(config.tile * config.row_beats()),
            kind_tile: kind(SegmentKind::Tile),
            kind_features: kind(SegmentKind::Features),
            kind_weights: kind(SegmentKind::Weights),
            kind_operand: kind(SegmentKind::Operand),
            kind_reads: kind(SegmentKind::Reads),
            kind_matrix: kind(SegmentKind::Matrix),
            kind_offsets: kind(SegmentKind::Offsets),
            max_reads: Param::new(max_reads),
            max_offsets: Param::new(max_offsets),
            kind_end: kind(SegmentKind::End),
            bank_at: lsb_of(&HEADER, "BANK"),
            slot_end_at: lsb_of(&HEADER, "SLOT_END"),
            count_at: lsb_of(&HEADER, "COUNT"),
            mask_at: lsb_of(&HEADER, "MASK"),
            bad_header: code(Error::BadHeader),
            stream_short: code(Error::StreamShort),
            stream_long: code(Error::StreamLong),
            beats_w: Param::new(bits_of(&HEADER, "COUNT")),
            about: About::new(
                "loader",
                "Parses the segments of the input stream and hands their payload to the PE sets, one beat per cycle \
                 while every addressed set has room.",
            ),
        }
    }
}
