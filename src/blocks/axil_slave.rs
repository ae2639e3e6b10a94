//! AXI4-Lite slave of any register table.

mod new;

use super::axi::AxiLite;
use crate::hdl::prelude::*;
use crate::regmap::{Access, Register};

pub use new::{field_at, job_index};

/// The part of a register file that does not depend on what its job registers mean: AXI4-Lite, the job registers, commands,
/// state, identity and statistics. The decoder follows from the register table.
///
/// ```text
///  s_axil_aw/w ─► decode ─► job registers ─► job (for the register file that this is part of)
///                       └─► start, abort_job, clear_error (one cycle)
///  s_axil_ar ───► read mux ◄── identity constants, busy, done, error_code, statistic
/// ```
///
/// **Latency** a job register changes in the cycle after address and data of a write are both valid; `start`,
/// `abort_job` and `clear_error` are 1 in that first cycle itself. Read data follows one cycle after the address.
/// **Back-pressure** one write and one read at a time; both wait for `bready`, `rready`. Answers SLVERR, and changes
/// nothing, for: an address without a register, a write to a read-only register, a write to a job register or START while
/// busy. **Parameters** a register table that has CONTROL (START, ABORT, CLEAR_ERROR), STATUS (BUSY, DONE, HAS_ERROR) and ERROR.
///
/// It is a [`Part`] of [`AxilRegs`](super::axil_regs::AxilRegs), [`FcRegs`](super::crew::regs::FcRegs) and [`TcRegs`](super::acrtc::regs::TcRegs). The test
/// `axil_regs_follow_the_table` writes and reads every job register of the first; the tests beside it in
/// `tests/blocks/registers.rs` read all other registers, send every command, and write what is refused.
#[derive(LogicBlock)]
pub struct AxilSlave {
    part: Part,
    /// AXI4-Lite.
    pub axil: AxiLite<In>,
    /// A job runs.
    pub busy: Bit<In>,
    /// `busy` of the next cycle.
    pub next_busy: Bit<In>,
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
    /// Job registers in the order of the table.
    pub(in crate::blocks) job: Vec<Reg>,
    closed: BitReg,
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
}

/// Registers of an access class, in address order.
fn registers<R>(table: &[Register<R>], access: Access) -> impl Iterator<Item = &Register<R>> {
    table.iter().filter(move |r| r.access == access)
}

impl Logic for AxilSlave {
    #[hdl_gen]
    fn update(&mut self) {
        // Writes: address and data are taken together. What holds so many registers still is a register beside them.
        self.closed.next = self.next_busy.val();
        self.write.next = self.axil.s_axil_awvalid.val()
            && self.axil.s_axil_wvalid.val()
            && !self.write_done.val();
        self.write_word.next = unsigned_cast(self.axil.s_axil_awaddr.val() >> 2);
        self.strobe.next = 0.into();
        for b in 0..4 {
            if self.axil.s_axil_wstrb.val().get_bit(b) {
                self.strobe.next = self.strobe.val() | (self.byte_ones.val() << (8 * b));
            }
        }
        self.write_ok.next = false;
        for j in 0..self.job_count.val() {
            if (self.write_word.val() == self.job_word[j].val()) && !self.closed.val() {
                self.write_ok.next = true;
                if self.write.val() {
                    self.job[j].next = (self.job[j].val() & !self.strobe.val())
                        | (self.axil.s_axil_wdata.val()
                            & self.strobe.val()
                            & self.job_mask[j].val());
                }
            }
        }
        self.control.next = false;
        if self.write_word.val() == self.control_word.val() {
            self.write_ok.next = !(self.closed.val()
                && self.axil.s_axil_wdata.val().get_bit(self.start_at.val())
                && self.axil.s_axil_wstrb.val().get_bit(0));
            self.control.next = self.write.val() && self.axil.s_axil_wstrb.val().get_bit(0);
        }
        self.abort_job.next =
            self.control.val() && self.axil.s_axil_wdata.val().get_bit(self.abort_at.val());
        self.start.next = self.control.val()
            && self.axil.s_axil_wdata.val().get_bit(self.start_at.val())
            && !self.axil.s_axil_wdata.val().get_bit(self.abort_at.val())
            && !self.closed.val();
        self.clear_error.next = self.control.val()
            && self
                .axil
                .s_axil_wdata
                .val()
                .get_bit(self.clear_error_at.val());
        if self.axil.s_axil_bready.val() {
            self.write_done.next = false;
        }
        if self.write.val() {
            self.write_done.next = true;
            self.write_error.next = !self.write_ok.val();
        }
        self.axil.s_axil_awready.next = self.write.val();
        self.axil.s_axil_wready.next = self.write.val();
        self.axil.s_axil_bvalid.next = self.write_done.val();
        self.axil.s_axil_bresp.next = 0.into();
        if self.write_error.val() {
            self.axil.s_axil_bresp.next = self.slverr.val();
        }

        // Reads.
        self.read.next = self.axil.s_axil_arvalid.val() && !self.read_done.val();
        self.read_word.next = unsigned_cast(self.axil.s_axil_araddr.val() >> 2);
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
        if self.axil.s_axil_rready.val() {
            self.read_done.next = false;
        }
        if self.read.val() {
            self.read_done.next = true;
            self.read_error.next = !self.read_ok.val();
            self.read_data.next = self.read_value.val();
        }
        self.axil.s_axil_arready.next = self.read.val();
        self.axil.s_axil_rvalid.next = self.read_done.val();
        self.axil.s_axil_rdata.next = self.read_data.val();
        self.axil.s_axil_rresp.next = 0.into();
        if self.read_error.val() {
            self.axil.s_axil_rresp.next = self.slverr.val();
        }
    }
}
