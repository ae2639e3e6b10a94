//! Construction of the processing element: the width of every signal.

use super::Pe;
use crate::blocks::mcache_data::McacheData;
use crate::config::{Config, Issue};
use crate::hdl::prelude::*;

impl Pe {
    /// A PE of this configuration.
    pub fn new(config: &Config) -> Self {
        let (data, acc) = (config.data_w, config.acc_w);
        let vector = config.vector_w();
        let weight_addr = || Sig::unsigned(config.weight_w());
        let tile_addr = || Sig::unsigned(config.tile_w());
        let caches = usize::from(config.reuse);
        let lates = usize::from(config.issue == Issue::Registered);
        let entry = || {
            (0..caches)
                .map(|_| Sig::unsigned(config.mcache.entry_w()))
                .collect()
        };
        let flag = || (0..caches).map(|_| Bit::new()).collect();
        let own = || BitReg::new().without_reset().kept();
        let late_flag = || (0..lates).map(|_| own()).collect();
        let own_flag = || (0..caches).map(|_| own()).collect();
        let late_cache_flag = || (0..caches * lates).map(|_| own()).collect();
        let tile_local = || Sig::unsigned(config.tile_w());
        let late_addr = || {
            (0..lates)
                .map(|_| Reg::unsigned(config.tile_w()).without_reset().kept())
                .collect()
        };
        let late_word = |width| {
            (0..lates)
                .map(|_| Reg::signed(width).without_reset())
                .collect()
        };
        Pe {
            x: Sig::signed(data),
            weight_we: Bit::new(),
            weight_waddr: weight_addr(),
            load_data: Sig::signed(data),
            weight_raddr: weight_addr(),
            use_operand: Bit::new(),
            operand_bank: Bit::new(),
            vector_first: Bit::new(),
            psum_zero: Bit::new(),
            psum_forward: Bit::new(),
            psum_forward_last: Bit::new(),
            psum_forward_third: (0..lates).map(|_| Bit::new()).collect(),
            psum_bank: Bit::new(),
            bank0_reads: Bit::new(),
            bank0_raddr: tile_addr(),
            bank1_reads: Bit::new(),
            bank1_raddr: tile_addr(),
            drain_raddr: tile_addr(),
            bank0_waddr: tile_addr(),
            bank1_waddr: tile_addr(),
            bank0_accumulate: Bit::new(),
            bank1_accumulate: Bit::new(),
            bank0_load: Bit::new(),
            bank1_load: Bit::new(),
            drain_bank: Bit::new(),
            drain_take: Bit::new(),
            drain_data: Sig::signed(acc),
            cache_raddr: entry(),
            cache_forward: flag(),
            cache_forward_last: flag(),
            cache_forward_third: (0..caches * lates).map(|_| Bit::new()).collect(),
            cache_waddr: entry(),
            cache_write: flag(),
            cache_add: flag(),
            cache_reuse: flag(),
            use_cache: flag(),
            cache_low: flag(),
            cache_high: flag(),
            shift_sum: flag(),
            cache_wide: (0..caches).map(|_| Bit::new()).collect(),
            weights: Ram::signed(data, config.weight_words).ignoring_collisions(),
            bank0: Ram::signed(acc, config.tile).ignoring_collisions(),
            bank1: Ram::signed(acc, config.tile).ignoring_collisions(),
            use_operand_q: own(),
            operand_bank_q: own(),
            vector_first_q: own(),
            psum_zero_q: own(),
            psum_forward_q: own(),
            psum_forward_last_q: own(),
            psum_forward_third_q: late_flag(),
            psum_bank_q: own(),
            accumulate0_q: own(),
            accumulate1_q: own(),
            drain_bank_q: own(),
            cache_reuse_q: own_flag(),
            use_cache_q: own_flag(),
            cache_low_q: own_flag(),
            cache_high_q: own_flag(),
            shift_sum_q: own_flag(),
            drained: Reg::signed(acc).without_reset(),
            drain_word: Sig::signed(acc),
            drain_bank_late: late_flag(),
            holds: late_flag(),
            reads0: Bit::new(),
            reads1: Bit::new(),
            raddr0: tile_local(),
            raddr1: tile_local(),
            reads0_q: late_flag(),
            reads1_q: late_flag(),
            raddr0_q: late_addr(),
            raddr1_q: late_addr(),
            held: late_word(acc),
            word0: Sig::signed(acc),
            word1: Sig::signed(acc),
            weight: Sig::signed(data),
            word0_q: late_word(acc),
            word1_q: late_word(acc),
            weight_q: late_word(data),
            operand: Sig::signed(data),
            factor: Sig::signed(data),
            by_operand: Bit::new(),
            from_bank1: Bit::new(),
            by_cache: Bit::new(),
            by_low: Bit::new(),
            by_high: Bit::new(),
            use_operand_late: late_flag(),
            operand_bank_late: late_flag(),
            use_cache_late: late_cache_flag(),
            cache_low_late: late_cache_flag(),
            cache_high_late: late_cache_flag(),
            x_late: (0..lates)
                .map(|_| Reg::signed(data).without_reset().kept())
                .collect(),
            weight_we_late: late_flag(),
            load0_late: late_flag(),
            load1_late: late_flag(),
            weight_write: Bit::new(),
            load0: Bit::new(),
            load1: Bit::new(),
            element: Sig::signed(data),
            factor_q: Reg::signed(data).without_reset(),
            product: Reg::signed(2 * data).without_reset(),
            vector_base: Sig::signed(vector),
            vector_sum: Reg::signed(vector).without_reset(),
            stored: Reg::signed(acc).without_reset(),
            sum: Sig::signed(acc),
            last_sum: Reg::signed(acc).without_reset(),
            older_sum: late_word(acc),
            addend: Sig::signed(acc),
            addend_q: late_word(acc),
            added: Sig::signed(acc),
            loaded: Sig::signed(acc),
            cache: (0..caches).map(|_| McacheData::new(config)).collect(),
            caches: Param::new(caches),
            directs: Param::new(1 - lates),
            late_caches: Param::new(caches * lates),
            lates: Param::new(lates),
            high_at: Param::new(data - 1),
            low_ones: Const::new(Value::signed(data, (1i128 << (data - 1)) - 1)),
            data_ones: Const::new(Value::signed(acc, (1i128 << data) - 1)),
            high_ones: Const::new(Value::signed(acc, -(1i128 << data))),
            about: About::new(
                "pe",
                "Processing element: weight ring, multiplier, vector accumulator and two psum banks. \
                 What chooses in every bit of a word is given a cycle before it counts, and kept here.",
            ),
        }
    }
}
