//! Job register fields that travel together: bundles of ports.

use super::item_walker::GROUP_K_W;
use super::list_reader::LIST_SLOT_W;
use super::loop_nest::COUNT_W;
use super::patch_agu::ADDR_W;
use crate::config::Config;
use crate::hdl::bundle;

bundle! {
    /// How often the levels of the loop nest run that a job sets.
    pub struct LoopCounts() {
        /// Channels of a channel group.
        cg: COUNT_W,
        /// Channels of the last channel group.
        cg_last: COUNT_W,
        /// Kernel rows of a chunk.
        kr: COUNT_W,
        /// Kernel rows of the last chunk.
        kr_last: COUNT_W,
        /// Kernel columns.
        kw: COUNT_W,
        /// Chunks of kernel rows.
        chunks: COUNT_W,
        /// Channel groups.
        cgroups: COUNT_W,
    }
}

bundle! {
    /// What a step of each loop level adds to the place of the element.
    pub struct PatchSteps(config: &Config) {
        /// Words and columns per kernel column.
        kc_step: ADDR_W,
        /// Words per kernel row.
        kr_addr: ADDR_W,
        /// Input rows per kernel row.
        kr_row: ADDR_W,
        /// Banks per kernel row.
        kr_bank: config.bank_w(),
        /// Words per channel.
        c_addr: ADDR_W,
        /// Banks per channel.
        c_bank: config.bank_w(),
        /// Words and columns per output column.
        x_step: ADDR_W,
        /// Words per output row.
        y_addr: ADDR_W,
        /// Input rows per output row.
        y_row: ADDR_W,
        /// Banks per output row.
        y_bank: config.bank_w(),
        /// Words per image.
        img_addr: ADDR_W,
        /// Words per chunk.
        chunk_addr: ADDR_W,
        /// Input rows per chunk.
        chunk_row: ADDR_W,
        /// Banks per chunk.
        chunk_bank: config.bank_w(),
        /// Words per bank wrap.
        wrap_addr: ADDR_W,
    }
}

bundle! {
    /// What a job says about reuse; flags are one bit wide.
    pub struct ReuseJob() {
        /// Mode, 0 = off.
        reuse: 4,
        /// Groups are detected again for every pass.
        redetect: 1,
        /// Vectors of zeros take no cycle.
        zero_skip: 1,
        /// Zero elements take no cycle.
        elem_skip: 1,
        /// Elements of a group.
        group_k: GROUP_K_W,
        /// Elements of a group of the last channel group.
        k_cg_last: GROUP_K_W,
        /// Elements of the last of several chunks.
        k_kr_last: GROUP_K_W,
        /// Detection steps of a vector.
        steps: GROUP_K_W,
        /// Steps in the last channel group.
        steps_cg_last: GROUP_K_W,
        /// Steps in the last of several chunks.
        steps_kr_last: GROUP_K_W,
        /// Projections.
        projections: 8,
        /// Bits of a projection.
        sig_bits: 4,
        /// Right shift of a projection.
        sig_shift: 5,
        /// Words of a list.
        list_positions: COUNT_W,
        /// Lists of the ring.
        list_slots: LIST_SLOT_W,
    }
}
