//! The register file of the designs for fully connected layers, behind AXI4-Lite.

use super::JobFields;
use crate::config::fc::FcConfig;
use crate::hdl::prelude::*;
use crate::regmap::fc::{ADDRESS_BITS, REGISTERS, Reg as Csr, identity};
use crate::regmap::{Access, Register, STATISTIC_BITS};

/// AXI4-Lite slave with the registers of [`regmap::fc`](crate::regmap::fc); the whole decoder follows from the table.
///
/// ```text
///  s_axil_aw/w ─► decode ─► job registers ─► job
///                       └─► start, abort, clear_error (one cycle)
///  s_axil_ar ───► read mux ◄── identity constants, state, statistics
/// ```
///
/// **Latency** a job register changes in the cycle after address and data of a write are both valid; `start`, `abort_job` and
/// `clear_error` are 1 in that first cycle itself. Read data follows one cycle after the address. **Back-pressure** one write and one
/// read at a time; both wait for `bready`, `rready`. Answers SLVERR, and changes nothing, for: an address without a
/// register, a write to a read-only register, a write to a job register or START while busy. **Parameters** none beyond the
/// sizes shown in the identity registers.
///
/// `fc_regs` in `tests/crew/gates.rs` compares its Verilog with it; `mercury crew cosim` reads and writes it for every job.
#[derive(LogicBlock)]
pub struct FcRegs {
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
    /// The job registers.
    pub job: JobFields<Out>,
    stored: Vec<Reg>,
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
    groups: Param,
    batch: Param,
    rows: Param,
    sums: Param,
    x_beats: Param,
    most_rows: Param,
    most_sums: Param,
    most_x_beats: Param,
    about: About,
}

/// Registers of an access class, in address order.
fn registers(access: Access) -> impl Iterator<Item = &'static Register<Csr>> {
    REGISTERS.iter().filter(move |r| r.access == access)
}

/// Number of the register's (first) word.
fn word(reg: Csr) -> Param {
    Param::new(reg.offset() as usize / 4)
}

/// Place of a job register among the job registers.
fn index(reg: Csr) -> Param {
    let at = registers(Access::Job).position(|r| r.reg == reg);
    Param::new(at.expect("a job register"))
}

impl FcRegs {
    /// The register file of this configuration.
    pub fn new(config: &FcConfig) -> Self {
        let word_bits = ADDRESS_BITS - 2;
        let mask = |r: &Register<Csr>| r.fields.iter().fold(0, |m, f| m | f.mask());
        let value32 = |x: u64| Const::new(Value::unsigned(32, x.into()));
        let words = |access| registers(access).map(|r| word(r.reg)).collect();
        let count = |access| Param::new(registers(access).count());
        let at = |reg: Csr, field| Param::new(reg.field(field).lsb as usize);
        FcRegs {
            s_axil_awaddr: Sig::unsigned(ADDRESS_BITS),
            s_axil_awvalid: Bit::new(),
            s_axil_awready: Bit::new(),
            s_axil_wdata: Sig::unsigned(32),
            s_axil_wstrb: Sig::unsigned(4),
            s_axil_wvalid: Bit::new(),
            s_axil_wready: Bit::new(),
            s_axil_bresp: Sig::unsigned(2),
            s_axil_bvalid: Bit::new(),
            s_axil_bready: Bit::new(),
            s_axil_araddr: Sig::unsigned(ADDRESS_BITS),
            s_axil_arvalid: Bit::new(),
            s_axil_arready: Bit::new(),
            s_axil_rdata: Sig::unsigned(32),
            s_axil_rresp: Sig::unsigned(2),
            s_axil_rvalid: Bit::new(),
            s_axil_rready: Bit::new(),
            busy: Bit::new(),
            done: Bit::new(),
            error_code: Sig::unsigned(8),
            statistic: registers(Access::Statistic)
                .map(|_| Sig::unsigned(STATISTIC_BITS))
                .collect(),
            start: Bit::new(),
            abort_job: Bit::new(),
            clear_error: Bit::new(),
            bad_job: Bit::new(),
            job: JobFields::new(),
            stored: registers(Access::Job).map(|_| Reg::unsigned(32)).collect(),
            write: Bit::new(),
            write_word: Sig::unsigned(word_bits),
            write_ok: Bit::new(),
            strobe: Sig::unsigned(32),
            write_done: BitReg::new(),
            write_error: BitReg::new().without_reset(),
            control: Bit::new(),
            read: Bit::new(),
            read_word: Sig::unsigned(word_bits),
            read_value: Sig::unsigned(32),
            read_ok: Bit::new(),
            read_done: BitReg::new(),
            read_error: BitReg::new().without_reset(),
            read_data: Reg::unsigned(32).without_reset(),
            statistic_high: registers(Access::Statistic)
                .map(|_| Sig::unsigned(32))
                .collect(),
            job_count: count(Access::Job),
            job_word: words(Access::Job),
            job_mask: registers(Access::Job).map(|r| value32(mask(r))).collect(),
            identity_count: count(Access::Identity),
            identity_word: words(Access::Identity),
            identity_value: registers(Access::Identity)
                .map(|r| {
                    value32(
                        identity(r.reg, config)
                            .expect("an identity register has a value")
                            .into(),
                    )
                })
                .collect(),
            statistic_count: count(Access::Statistic),
            statistic_word: words(Access::Statistic),
            control_word: word(Csr::Control),
            status_word: word(Csr::Status),
            error_word: word(Csr::ErrorCode),
            start_at: at(Csr::Control, "START"),
            abort_at: at(Csr::Control, "ABORT"),
            clear_error_at: at(Csr::Control, "CLEAR_ERROR"),
            done_at: at(Csr::Status, "DONE"),
            has_error_at: at(Csr::Status, "HAS_ERROR"),
            word_w: Param::new(32),
            slverr: Const::new(Value::unsigned(2, 2)),
            byte_ones: value32(0xff),
            groups: index(Csr::Groups),
            batch: index(Csr::Batch),
            rows: index(Csr::Rows),
            sums: index(Csr::Sums),
            x_beats: index(Csr::XBeats),
            most_rows: Param::new(config.max_rows()),
            most_sums: Param::new(config.psum_rows),
            most_x_beats: Param::new(config.x_depth()),
            about: About::new(
                "fc_regs",
                "AXI4-Lite slave with the control and status registers of a design for fully connected layers.",
            ),
        }
    }
}

impl Logic for FcRegs {
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
                    self.stored[j].next = (self.stored[j].val() & !self.strobe.val())
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
                self.read_value.next = self.stored[j].val();
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
        self.job.groups.next = unsigned_cast(self.stored[self.groups.val()].val());
        self.job.batch.next = unsigned_cast(self.stored[self.batch.val()].val());
        self.job.rows.next = unsigned_cast(self.stored[self.rows.val()].val());
        self.job.sums.next = unsigned_cast(self.stored[self.sums.val()].val());
        self.job.x_beats.next = unsigned_cast(self.stored[self.x_beats.val()].val());
        self.bad_job.next = (self.job.groups.val() == 0)
            || (self.job.batch.val() == 0)
            || (self.job.rows.val() == 0)
            || (self.job.sums.val() == 0)
            || (self.job.x_beats.val() == 0)
            || (self.job.rows.val() > self.most_rows.val())
            || (self.job.sums.val() > self.most_sums.val())
            || (self.job.x_beats.val() > self.most_x_beats.val());
    }
}
