//! Construction of the item walker: the width of every signal.

use super::{CLEAR, GAP, GROUP_K_W, HIT, ItemWalker, KIND_W, MAU, MNU};
use crate::blocks::group_nest::GroupNest;
use crate::blocks::loop_nest::COUNT_W;
use crate::blocks::patch_agu::ADDR_W;
use crate::config::{Config, count_width};
use crate::hdl::prelude::*;

impl ItemWalker {
    /// The walker of this configuration.
    pub fn new(config: &Config) -> Self {
        let entry_w = config.mcache.entry_w();
        let entries = config.mcache.entries();
        let entry = || Sig::unsigned(entry_w);
        let group_k = || Sig::unsigned(GROUP_K_W);
        let count = || Reg::unsigned(count_width(entries));
        let mask = || Sig::unsigned(config.k_max);
        let pipe = |w: usize| Reg::unsigned(w).without_reset();
        let flag = || BitReg::new().without_reset();
        let addr_at = config.k_max;
        let bank_at = addr_at + config.feature_w();
        let entry_at = bank_at + config.bank_w();
        let flush_w = entry_at + entry_w;
        ItemWalker {
            clear: Bit::new(),
            wgrad: Bit::new(),
            elem_skip: Bit::new(),
            redetect: Bit::new(),
            chunks: Sig::unsigned(COUNT_W),
            cgroups: Sig::unsigned(COUNT_W),
            group_k: group_k(),
            k_cg_last: group_k(),
            k_kr_last: group_k(),
            wrap_addr: Sig::unsigned(ADDR_W),
            tile_begins: Bit::new(),
            passes: Sig::unsigned(COUNT_W),
            zero: Bit::new(),
            element_write: Bit::new(),
            element_number: Sig::unsigned(config.k_w()),
            element_bank: Sig::unsigned(config.bank_w()),
            element_addr: Sig::unsigned(config.feature_w()),
            token: Bit::new(),
            token_empty: Bit::new(),
            token_last: Bit::new(),
            item_kind: Sig::unsigned(KIND_W),
            item_first: Bit::new(),
            item_position: Sig::unsigned(config.tile_w()),
            item_entry: entry(),
            item_bank: Sig::unsigned(config.bank_w()),
            item_addr: Sig::unsigned(config.feature_w()),
            item_mask: mask(),
            go: Bit::new(),
            wide_write: Bit::new(),
            wide_entry: entry(),
            wide_value: Bit::new(),
            consume: Bit::new(),
            waits: Bit::new(),
            begins: Bit::new(),
            ends: Bit::new(),
            released: Bit::new(),
            issue: Bit::new(),
            mac: Bit::new(),
            bank: Sig::unsigned(config.bank_w()),
            addr: Sig::unsigned(config.feature_w()),
            nonzero: Bit::new(),
            one: Bit::new(),
            element: Sig::unsigned(config.k_w()),
            position: Sig::unsigned(config.tile_w()),
            entry: Sig::unsigned(entry_w),
            vector_first: Bit::new(),
            psum_update: Bit::new(),
            psum_zero: Bit::new(),
            cache_write: Bit::new(),
            cache_add: Bit::new(),
            cache_reuse: Bit::new(),
            use_cache: Bit::new(),
            cache_low: Bit::new(),
            cache_high: Bit::new(),
            k_now: Sig::unsigned(GROUP_K_W),
            step_cgroup: Bit::new(),
            step_pass: Bit::new(),
            step_tile: Bit::new(),
            in_first_group: Bit::new(),
            in_last_pass: Bit::new(),
            pass: Sig::unsigned(COUNT_W),
            nest: GroupNest::new(),
            table_bank: LutRam::unsigned(config.bank_w(), 1 << config.k_w()),
            table_addr: LutRam::unsigned(config.feature_w(), 1 << config.k_w()),
            flush: Ram::unsigned(flush_w, entries).ignoring_collisions(),
            wide: LutRam::unsigned(1, entries),
            state: Reg::new(),
            gap: Reg::unsigned(count_width(GAP)),
            begun: BitReg::new(),
            overwritten: BitReg::new(),
            flush_count: count(),
            flush_index: count(),
            high: BitReg::new(),
            valid: BitReg::new(),
            empty: flag(),
            last: flag(),
            kind: pipe(KIND_W),
            first: flag(),
            position_q: pipe(config.tile_w()),
            entry_q: pipe(entry_w),
            bank_q: pipe(config.bank_w()),
            addr_q: pipe(config.feature_w()),
            mask: pipe(config.k_max),
            issued: pipe(config.k_max),
            flushing: Bit::new(),
            macs: Bit::new(),
            zeroing: Bit::new(),
            sums: Bit::new(),
            keeps: Bit::new(),
            overwrites: Bit::new(),
            ones: Sig::unsigned(config.k_max),
            walk: Sig::unsigned(config.k_max),
            rest: Sig::unsigned(config.k_max),
            lowest: Sig::unsigned(config.k_max),
            round_last: Bit::new(),
            work: Bit::new(),
            again: Bit::new(),
            item_ends: Bit::new(),
            list_ends: Bit::new(),
            flushes: Bit::new(),
            flush_loads: Bit::new(),
            group_ends: Bit::new(),
            takes: Bit::new(),
            element_now: Sig::unsigned(config.k_w()),
            bank_sum: Sig::unsigned(config.bank_w() + 1),
            flush_word: Sig::unsigned(flush_w),
            all_ones: Const::new(Value::unsigned(config.k_max, (1u128 << config.k_max) - 1)),
            k_max: Param::new(config.k_max),
            banks: Param::new(config.l),
            bank_w: Param::new(config.bank_w()),
            sum_w: Param::new(config.bank_w() + 1),
            last_gap: Param::new(GAP - 1),
            flush_w: Param::new(flush_w),
            entry_at: Param::new(entry_at),
            bank_at: Param::new(bank_at),
            addr_at: Param::new(addr_at),
            hit_kind: Param::new(HIT),
            mau_kind: Param::new(MAU),
            mnu_kind: Param::new(MNU),
            clear_kind: Param::new(CLEAR),
            about: About::new(
                "item_walker",
                "Walks the items of a PE set's Hitmap lists: one element, or one reused result, a cycle; in a weight \
                 gradient the entries of a group at its end.",
            ),
        }
    }
}
