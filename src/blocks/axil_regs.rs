//! The register file behind AXI4-Lite.

mod new;

use super::job_fields::{LoopCounts, PatchSteps, ReuseJob};
use super::reuse_fields::ReuseFields;
use crate::hdl::prelude::*;
use crate::regmap::{Access, REGISTERS};

/// AXI4-Lite slave with the control and status registers of `docs/regmap.md`; the whole decoder follows from the
/// register table.
///
/// ```text
///  s_axil_aw/w ─► decode ─► job registers ─► one port per field
///                       └─► start, abort, clear_error (one cycle)
///  s_axil_ar ───► read mux ◄── identity constants, state, statistics
/// ```
///
/// **Latency** a job register changes in the cycle after address and data of a write are both valid; `start`,
/// `abort_job` and `clear_error` are 1 in that first cycle itself. `bad_job` is right from the cycle after the registers
/// on: in time for the first cycle of a job. Read data follows one cycle after the address. **Back-pressure** one write and one read at a time; both wait for `bready`, `rready`.
/// Answers SLVERR, and changes nothing, for: an address without a register, a write to a read-only register, a write
/// to a job register or START while busy. **Parameters** none beyond the sizes shown in the identity registers.
///
/// The test `axil_regs_follow_the_table` writes and reads every job register; the tests beside it in
/// `tests/blocks/registers.rs` read all other registers, send every command, and write what is refused.
#[derive(LogicBlock)]
pub struct AxilRegs {
    /// Write address.
    pub s_axil_awaddr: Sig<In>,
    /// Write address valid.
    pub s_axil_awvalid: Bit<In>,
    /// Write address taken.
    pub s_axil_awready: Bit<Out>,
    /// Write data.
    pub s_axil_wdata: Sig<In>,
    /// Bytes to write.
    pub s_axil_wstrb: Sig<In>,
    /// Write data valid.
    pub s_axil_wvalid: Bit<In>,
    /// Write data taken.
    pub s_axil_wready: Bit<Out>,
    /// Write response.
    pub s_axil_bresp: Sig<Out>,
    /// Write response valid.
    pub s_axil_bvalid: Bit<Out>,
    /// Write response taken.
    pub s_axil_bready: Bit<In>,
    /// Read address.
    pub s_axil_araddr: Sig<In>,
    /// Read address valid.
    pub s_axil_arvalid: Bit<In>,
    /// Read address taken.
    pub s_axil_arready: Bit<Out>,
    /// Read data.
    pub s_axil_rdata: Sig<Out>,
    /// Read response.
    pub s_axil_rresp: Sig<Out>,
    /// Read data valid.
    pub s_axil_rvalid: Bit<Out>,
    /// Read data taken.
    pub s_axil_rready: Bit<In>,
    /// A job runs.
    pub busy: Bit<In>,
    /// The last job is complete.
    pub done: Bit<In>,
    /// Error code, 0 = none.
    pub error_code: Sig<In>,
    /// Counters in the order of the table.
    pub statistic: Vec<Sig<In>>,
    /// START was written.
    pub start: Bit<Out>,
    /// ABORT was written.
    pub abort_job: Bit<Out>,
    /// CLEAR_ERROR was written.
    pub clear_error: Bit<Out>,
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
    job: Vec<Reg>,
    write: Bit<Local>,
    write_word: Sig<Local>,
    write_ok: Bit<Local>,
    strobe: Sig<Local>,
    write_done: BitReg,
    write_error: BitReg,
    control: Bit<Local>,
    read: Bit<Local>,
    read_word: Sig<Local>,
    read_value: Sig<Local>,
    read_ok: Bit<Local>,
    read_done: BitReg,
    read_error: BitReg,
    read_data: Reg,
    statistic_high: Vec<Sig<Local>>,
    job_count: Param,
    job_word: Vec<Param>,
    job_mask: Vec<Const>,
    identity_count: Param,
    identity_word: Vec<Param>,
    identity_value: Vec<Const>,
    statistic_count: Param,
    statistic_word: Vec<Param>,
    control_word: Param,
    status_word: Param,
    error_word: Param,
    start_at: Param,
    abort_at: Param,
    clear_error_at: Param,
    done_at: Param,
    has_error_at: Param,
    word_w: Param,
    slverr: Const,
    byte_ones: Const,
    group_k_index: Param,
    steps_index: Param,
    rpq_index: Param,
    lists_index: Param,
    mode_index: Param,
    ring_beats: Reg,
    bank_depth: Param,
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

/// Registers of an access class, in address order.
fn registers(access: Access) -> impl Iterator<Item = &'static crate::regmap::Register> {
    REGISTERS.iter().filter(move |r| r.access == access)
}

impl Logic for AxilRegs {
    #[hdl_gen]
    fn update(&mut self) {
        // Writes: address and data are taken together.
        self.write.next =
            self.s_axil_awvalid.val() && self.s_axil_wvalid.val() && !self.write_done.val();
        self.write_word.next = unsigned_cast(self.s_axil_awaddr.val() >> 2);
        self.strobe.next = 0.into();
        for b in 0..4 {
            if self.s_axil_wstrb.val().get_bit(b) {
                self.strobe.next = self.strobe.val() | (self.byte_ones.val() << (8 * b));
            }
        }
        self.write_ok.next = false;
        for j in 0..self.job_count.val() {
            if (self.write_word.val() == self.job_word[j].val()) && !self.busy.val() {
                self.write_ok.next = true;
                if self.write.val() {
                    self.job[j].next = (self.job[j].val() & !self.strobe.val())
                        | (self.s_axil_wdata.val() & self.strobe.val() & self.job_mask[j].val());
                }
            }
        }
        self.control.next = false;
        if self.write_word.val() == self.control_word.val() {
            self.write_ok.next = !(self.busy.val()
                && self.s_axil_wdata.val().get_bit(self.start_at.val())
                && self.s_axil_wstrb.val().get_bit(0));
            self.control.next = self.write.val() && self.s_axil_wstrb.val().get_bit(0);
        }
        self.abort_job.next =
            self.control.val() && self.s_axil_wdata.val().get_bit(self.abort_at.val());
        self.start.next = self.control.val()
            && self.s_axil_wdata.val().get_bit(self.start_at.val())
            && !self.s_axil_wdata.val().get_bit(self.abort_at.val())
            && !self.busy.val();
        self.clear_error.next =
            self.control.val() && self.s_axil_wdata.val().get_bit(self.clear_error_at.val());
        if self.s_axil_bready.val() {
            self.write_done.next = false;
        }
        if self.write.val() {
            self.write_done.next = true;
            self.write_error.next = !self.write_ok.val();
        }
        self.s_axil_awready.next = self.write.val();
        self.s_axil_wready.next = self.write.val();
        self.s_axil_bvalid.next = self.write_done.val();
        self.s_axil_bresp.next = 0.into();
        if self.write_error.val() {
            self.s_axil_bresp.next = self.slverr.val();
        }

        // Reads.
        self.read.next = self.s_axil_arvalid.val() && !self.read_done.val();
        self.read_word.next = unsigned_cast(self.s_axil_araddr.val() >> 2);
        self.read_value.next = 0.into();
        self.read_ok.next = false;
        for i in 0..self.identity_count.val() {
            if self.read_word.val() == self.identity_word[i].val() {
                self.read_value.next = self.identity_value[i].val();
                self.read_ok.next = true;
            }
        }
        if self.read_word.val() == self.control_word.val() {
            self.read_ok.next = true;
        }
        if self.read_word.val() == self.status_word.val() {
            self.read_value.next = bit_cast_w(self.busy.val(), self.word_w.val())
                | (bit_cast_w(self.done.val(), self.word_w.val()) << self.done_at.val())
                | (bit_cast_w(self.error_code.val().any(), self.word_w.val())
                    << self.has_error_at.val());
            self.read_ok.next = true;
        }
        if self.read_word.val() == self.error_word.val() {
            self.read_value.next = unsigned_cast(self.error_code.val());
            self.read_ok.next = true;
        }
        for j in 0..self.job_count.val() {
            if self.read_word.val() == self.job_word[j].val() {
                self.read_value.next = self.job[j].val();
                self.read_ok.next = true;
            }
        }
        for i in 0..self.statistic_count.val() {
            self.statistic_high[i].next = unsigned_cast(self.statistic[i].val() >> 32);
            if self.read_word.val() == self.statistic_word[i].val() {
                self.read_value.next = unsigned_cast(self.statistic[i].val());
                self.read_ok.next = true;
            }
            if self.read_word.val() - 1 == self.statistic_word[i].val() {
                self.read_value.next = self.statistic_high[i].val();
                self.read_ok.next = true;
            }
        }
        if self.s_axil_rready.val() {
            self.read_done.next = false;
        }
        if self.read.val() {
            self.read_done.next = true;
            self.read_error.next = !self.read_ok.val();
            self.read_data.next = self.read_value.val();
        }
        self.s_axil_arready.next = self.read.val();
        self.s_axil_rvalid.next = self.read_done.val();
        self.s_axil_rdata.next = self.read_data.val();
        self.s_axil_rresp.next = 0.into();
        if self.read_error.val() {
            self.s_axil_rresp.next = self.slverr.val();
        }

        // Fields.
        self.wgrad.next = self.job[self.wgrad_index.val()]
            .val()
            .get_bit(self.wgrad_at.val());
        self.stream_features.next = self.job[self.stream_features_index.val()]
            .val()
            .get_bit(self.stream_features_at.val());
        self.shift_mode.next = self.job[self.shift_mode_index.val()]
            .val()
            .get_bit(self.shift_mode_at.val());
        self.shift.next =
            unsigned_cast(self.job[self.shift_index.val()].val() >> self.shift_at.val());
        self.counts.cgroups.next =
            unsigned_cast(self.job[self.cgroups_index.val()].val() >> self.cgroups_at.val());
        self.counts.chunks.next =
            unsigned_cast(self.job[self.chunks_index.val()].val() >> self.chunks_at.val());
        self.counts.cg.next =
            unsigned_cast(self.job[self.cg_index.val()].val() >> self.cg_at.val());
        self.counts.cg_last.next =
            unsigned_cast(self.job[self.cg_last_index.val()].val() >> self.cg_last_at.val());
        self.counts.kr.next =
            unsigned_cast(self.job[self.kr_index.val()].val() >> self.kr_at.val());
        self.counts.kr_last.next =
            unsigned_cast(self.job[self.kr_last_index.val()].val() >> self.kr_last_at.val());
        self.counts.kw.next =
            unsigned_cast(self.job[self.kw_index.val()].val() >> self.kw_at.val());
        self.steps.kc_step.next =
            unsigned_cast(self.job[self.kc_step_index.val()].val() >> self.kc_step_at.val());
        self.steps.kr_addr.next =
            unsigned_cast(self.job[self.kr_addr_index.val()].val() >> self.kr_addr_at.val());
        self.steps.kr_row.next =
            unsigned_cast(self.job[self.kr_row_index.val()].val() >> self.kr_row_at.val());
        self.steps.c_addr.next =
            unsigned_cast(self.job[self.c_addr_index.val()].val() >> self.c_addr_at.val());
        self.steps.x_step.next =
            unsigned_cast(self.job[self.x_step_index.val()].val() >> self.x_step_at.val());
        self.steps.y_addr.next =
            unsigned_cast(self.job[self.y_addr_index.val()].val() >> self.y_addr_at.val());
        self.steps.y_row.next =
            unsigned_cast(self.job[self.y_row_index.val()].val() >> self.y_row_at.val());
        self.steps.img_addr.next =
            unsigned_cast(self.job[self.img_addr_index.val()].val() >> self.img_addr_at.val());
        self.steps.chunk_addr.next =
            unsigned_cast(self.job[self.chunk_addr_index.val()].val() >> self.chunk_addr_at.val());
        self.steps.chunk_row.next =
            unsigned_cast(self.job[self.chunk_row_index.val()].val() >> self.chunk_row_at.val());
        self.steps.kr_bank.next =
            unsigned_cast(self.job[self.kr_bank_index.val()].val() >> self.kr_bank_at.val());
        self.steps.c_bank.next =
            unsigned_cast(self.job[self.c_bank_index.val()].val() >> self.c_bank_at.val());
        self.steps.y_bank.next =
            unsigned_cast(self.job[self.y_bank_index.val()].val() >> self.y_bank_at.val());
        self.steps.chunk_bank.next =
            unsigned_cast(self.job[self.chunk_bank_index.val()].val() >> self.chunk_bank_at.val());
        self.steps.wrap_addr.next =
            unsigned_cast(self.job[self.wrap_addr_index.val()].val() >> self.wrap_addr_at.val());
        self.slot_beats.next =
            unsigned_cast(self.job[self.slot_beats_index.val()].val() >> self.slot_beats_at.val());
        self.ring_slots.next =
            unsigned_cast(self.job[self.ring_slots_index.val()].val() >> self.ring_slots_at.val());
        self.reuse_fields.mode.next = self.job[self.mode_index.val()].val();
        self.reuse_fields.group_k_word.next = self.job[self.group_k_index.val()].val();
        self.reuse_fields.steps_word.next = self.job[self.steps_index.val()].val();
        self.reuse_fields.rpq_word.next = self.job[self.rpq_index.val()].val();
        self.reuse_fields.lists_word.next = self.job[self.lists_index.val()].val();
        LoopCounts::<In>::join(&mut self.reuse_fields.counts, &mut self.counts);
        self.reuse_fields.stream_features.next = self.stream_features.val();
        ReuseJob::<Out>::join(&mut self.reuse, &mut self.reuse_fields.job);
        // A write and START are two cycles apart at least: the product is there in time.
        self.ring_beats.next = self.ring_slots.val() * self.slot_beats.val();
        self.bad_job.next = self.reuse_fields.bad_job.val()
            || (self.ring_beats.val() > self.bank_depth.val())
            || (self.job[self.shift_index.val()].val() > self.max_shift.val())
            || (self.counts.cgroups.val() == 0)
            || (self.counts.chunks.val() == 0)
            || (self.counts.cg.val() == 0)
            || (self.counts.cg_last.val() == 0)
            || (self.counts.kr.val() == 0)
            || (self.counts.kr_last.val() == 0)
            || (self.counts.kw.val() == 0)
            || (self.slot_beats.val() == 0)
            || (self.ring_slots.val() == 0);
    }
}
