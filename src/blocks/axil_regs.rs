//! The register file behind AXI4-Lite.

mod new;

use super::axil_slave::AxilSlave;
use super::job_fields::{LoopCounts, PatchSteps, ReuseJob};
use super::product_limit::ProductLimit;
use super::reuse_fields::ReuseFields;
use crate::hdl::prelude::*;

/// AXI4-Lite slave with the control and status registers of `docs/regmap.md`: an [`AxilSlave`] and what its job registers
/// mean.
///
/// ```text
///  s_axil ──► slave ─► job registers ─► one port per field
///               │  └─► start, abort_job, clear_error (one cycle)
///               ◄───── state, statistics
/// ```
///
/// **Latency** and **back-pressure** are those of [`AxilSlave`]. `bad_job` is right two cycles after the registers
/// at the latest: in time for the first cycle of a job. **Parameters** none beyond the sizes shown in the identity registers.
///
/// The test `axil_regs_follow_the_table` writes and reads every job register; the tests beside it in
/// `tests/blocks/registers.rs` read all other registers, send every command, and write what is refused.
#[derive(LogicBlock)]
pub struct AxilRegs {
    /// AXI4-Lite, job registers, commands, state, statistics.
    pub slave: AxilSlave,
    /// A job register holds what no job may have.
    pub bad_job: Bit<Out>,
    /// Field WGRAD of MODE.
    pub wgrad: Bit<Out>,
    /// Field STREAM_FEATURES of MODE.
    pub stream_features: Bit<Out>,
    /// Field SHIFT_MODE of MODE.
    pub shift_mode: Bit<Out>,
    /// Field SHIFT of SHIFT.
    pub shift: Sig<Out>,
    /// Job: how often the loops run.
    pub counts: LoopCounts<Out>,
    /// Job: what the steps of the loops add.
    pub steps: PatchSteps<Out>,
    /// Job: reuse.
    pub reuse: ReuseJob<Out>,
    /// Field SLOT_BEATS of SLOT.
    pub slot_beats: Sig<Out>,
    /// Field RING_SLOTS of RING.
    pub ring_slots: Sig<Out>,
    reuse_fields: ReuseFields,
    group_k_index: Param,
    steps_index: Param,
    rpq_index: Param,
    lists_index: Param,
    mode_index: Param,
    no_loops: BitReg,
    bad_sizes: BitReg,
    ring_room: ProductLimit,
    max_shift: Param,
    wgrad_index: Param,
    wgrad_at: Param,
    stream_features_index: Param,
    stream_features_at: Param,
    shift_mode_index: Param,
    shift_mode_at: Param,
    shift_index: Param,
    shift_at: Param,
    cgroups_index: Param,
    cgroups_at: Param,
    chunks_index: Param,
    chunks_at: Param,
    cg_index: Param,
    cg_at: Param,
    cg_last_index: Param,
    cg_last_at: Param,
    kr_index: Param,
    kr_at: Param,
    kr_last_index: Param,
    kr_last_at: Param,
    kw_index: Param,
    kw_at: Param,
    kc_step_index: Param,
    kc_step_at: Param,
    kr_addr_index: Param,
    kr_addr_at: Param,
    kr_row_index: Param,
    kr_row_at: Param,
    c_addr_index: Param,
    c_addr_at: Param,
    x_step_index: Param,
    x_step_at: Param,
    y_addr_index: Param,
    y_addr_at: Param,
    y_row_index: Param,
    y_row_at: Param,
    img_addr_index: Param,
    img_addr_at: Param,
    chunk_addr_index: Param,
    chunk_addr_at: Param,
    chunk_row_index: Param,
    chunk_row_at: Param,
    kr_bank_index: Param,
    kr_bank_at: Param,
    c_bank_index: Param,
    c_bank_at: Param,
    y_bank_index: Param,
    y_bank_at: Param,
    chunk_bank_index: Param,
    chunk_bank_at: Param,
    wrap_addr_index: Param,
    wrap_addr_at: Param,
    slot_beats_index: Param,
    slot_beats_at: Param,
    ring_slots_index: Param,
    ring_slots_at: Param,
    about: About,
}

impl Logic for AxilRegs {
    #[hdl_gen]
    fn update(&mut self) {
        self.wgrad.next = self.slave.job[self.wgrad_index.val()]
            .val()
            .get_bit(self.wgrad_at.val());
        self.stream_features.next = self.slave.job[self.stream_features_index.val()]
            .val()
            .get_bit(self.stream_features_at.val());
        self.shift_mode.next = self.slave.job[self.shift_mode_index.val()]
            .val()
            .get_bit(self.shift_mode_at.val());
        self.shift.next =
            unsigned_cast(self.slave.job[self.shift_index.val()].val() >> self.shift_at.val());
        self.counts.cgroups.next =
            unsigned_cast(self.slave.job[self.cgroups_index.val()].val() >> self.cgroups_at.val());
        self.counts.chunks.next =
            unsigned_cast(self.slave.job[self.chunks_index.val()].val() >> self.chunks_at.val());
        self.counts.cg.next =
            unsigned_cast(self.slave.job[self.cg_index.val()].val() >> self.cg_at.val());
        self.counts.cg_last.next =
            unsigned_cast(self.slave.job[self.cg_last_index.val()].val() >> self.cg_last_at.val());
        self.counts.kr.next =
            unsigned_cast(self.slave.job[self.kr_index.val()].val() >> self.kr_at.val());
        self.counts.kr_last.next =
            unsigned_cast(self.slave.job[self.kr_last_index.val()].val() >> self.kr_last_at.val());
        self.counts.kw.next =
            unsigned_cast(self.slave.job[self.kw_index.val()].val() >> self.kw_at.val());
        self.steps.kc_step.next =
            unsigned_cast(self.slave.job[self.kc_step_index.val()].val() >> self.kc_step_at.val());
        self.steps.kr_addr.next =
            unsigned_cast(self.slave.job[self.kr_addr_index.val()].val() >> self.kr_addr_at.val());
        self.steps.kr_row.next =
            unsigned_cast(self.slave.job[self.kr_row_index.val()].val() >> self.kr_row_at.val());
        self.steps.c_addr.next =
            unsigned_cast(self.slave.job[self.c_addr_index.val()].val() >> self.c_addr_at.val());
        self.steps.x_step.next =
            unsigned_cast(self.slave.job[self.x_step_index.val()].val() >> self.x_step_at.val());
        self.steps.y_addr.next =
            unsigned_cast(self.slave.job[self.y_addr_index.val()].val() >> self.y_addr_at.val());
        self.steps.y_row.next =
            unsigned_cast(self.slave.job[self.y_row_index.val()].val() >> self.y_row_at.val());
        self.steps.img_addr.next = unsigned_cast(
            self.slave.job[self.img_addr_index.val()].val() >> self.img_addr_at.val(),
        );
        self.steps.chunk_addr.next = unsigned_cast(
            self.slave.job[self.chunk_addr_index.val()].val() >> self.chunk_addr_at.val(),
        );
        self.steps.chunk_row.next = unsigned_cast(
            self.slave.job[self.chunk_row_index.val()].val() >> self.chunk_row_at.val(),
        );
        self.steps.kr_bank.next =
            unsigned_cast(self.slave.job[self.kr_bank_index.val()].val() >> self.kr_bank_at.val());
        self.steps.c_bank.next =
            unsigned_cast(self.slave.job[self.c_bank_index.val()].val() >> self.c_bank_at.val());
        self.steps.y_bank.next =
            unsigned_cast(self.slave.job[self.y_bank_index.val()].val() >> self.y_bank_at.val());
        self.steps.chunk_bank.next = unsigned_cast(
            self.slave.job[self.chunk_bank_index.val()].val() >> self.chunk_bank_at.val(),
        );
        self.steps.wrap_addr.next = unsigned_cast(
            self.slave.job[self.wrap_addr_index.val()].val() >> self.wrap_addr_at.val(),
        );
        self.slot_beats.next = unsigned_cast(
            self.slave.job[self.slot_beats_index.val()].val() >> self.slot_beats_at.val(),
        );
        self.ring_slots.next = unsigned_cast(
            self.slave.job[self.ring_slots_index.val()].val() >> self.ring_slots_at.val(),
        );
        self.reuse_fields.mode.next = self.slave.job[self.mode_index.val()].val();
        self.reuse_fields.group_k_word.next = self.slave.job[self.group_k_index.val()].val();
        self.reuse_fields.steps_word.next = self.slave.job[self.steps_index.val()].val();
        self.reuse_fields.rpq_word.next = self.slave.job[self.rpq_index.val()].val();
        self.reuse_fields.lists_word.next = self.slave.job[self.lists_index.val()].val();
        LoopCounts::<In>::join(&mut self.reuse_fields.counts, &mut self.counts);
        self.reuse_fields.stream_features.next = self.stream_features.val();
        ReuseJob::<Out>::join(&mut self.reuse, &mut self.reuse_fields.job);
        // A write and START are two cycles apart at least: the answer is there in time.
        self.ring_room.a.next = self.ring_slots.val();
        self.ring_room.b.next = self.slot_beats.val();
        self.bad_job.next = self.reuse_fields.bad_job.val()
            || self.ring_room.above.val()
            || self.no_loops.val()
            || self.bad_sizes.val();
        self.no_loops.next = (self.counts.cgroups.val() == 0)
            || (self.counts.chunks.val() == 0)
            || (self.counts.cg.val() == 0)
            || (self.counts.cg_last.val() == 0)
            || (self.counts.kr.val() == 0)
            || (self.counts.kr_last.val() == 0)
            || (self.counts.kw.val() == 0);
        self.bad_sizes.next = (self.slave.job[self.shift_index.val()].val() > self.max_shift.val())
            || (self.slot_beats.val() == 0)
            || (self.ring_slots.val() == 0);
    }
}
