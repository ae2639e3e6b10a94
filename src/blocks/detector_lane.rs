//! One lane of a detector: which element it reads in which step, and the element when it has come.

use super::lsb_of;
use super::patch_agu::ADDR_W;
use super::rpq::K_COUNT_W;
use crate::config::Config;
use crate::hdl::prelude::*;
use crate::regmap::READ;

/// Bits of a detector program's row and column offsets: reaches are at most 255.
const REACH_W: usize = 8;

/// Holds a lane's program, forms the address of its element, and picks the element from the banks' words.
///
/// ```text
///  next_step ─► [READS RAM] ─► register ─► + position's first element ─► present, bank, addr  (z)
///    └─ registers ─► [MATRIX RAM] ─► register ─► column                                       (z+2, or z+6)
///                     row, col ─► 1 register ─► in the image? ─► reads ─► registers ─► and ─► x
///                                           words of the banks ───────────► bank mux ───▲
/// ```
///
/// **Latency** `present`, `bank` and `addr` describe the `next_step` of the cycle before, called the step; `reads` comes a cycle later; `x`, `x_k`, `x_any` and `column`
/// come two cycles later, with `issue = "registered"` six: the words come three cycles later than without, and a register stands behind the element. **Back-pressure** none. **Parameters** `l` 1…15, `k_max` 1…64 steps and elements, `p_max` 1…32, `data_w`; `issue`.
///
/// An element counts if the program has one for this step and k is below `k`; it is read if it lies inside of the
/// image, else 0 (`docs/reuse.md`, "What the stream adds"). The test `detector_lane_reads_what_its_program_says`
/// compares it with that rule; the gate test `detector_lane` its Verilog with it.
#[derive(LogicBlock)]
pub struct DetectorLane {
    /// A beat of READS for this lane.
    pub load_reads: Bit<In>,
    /// A beat of MATRIX for this lane.
    pub load_matrix: Bit<In>,
    /// Step that the beat belongs to.
    pub load_step: Sig<In>,
    /// Low 64 bits of the beat.
    pub load_data: Sig<In>,
    /// Step of the vector in the next cycle (z − 1).
    pub next_step: Sig<In>,
    /// Elements K of the group.
    pub k: Sig<In>,
    /// Position's first element: bank.
    pub base_bank: Sig<In>,
    /// … word address.
    pub base_addr: Sig<In>,
    /// … input row.
    pub base_row: Sig<In>,
    /// … input column.
    pub base_col: Sig<In>,
    /// Input rows sent, of the step before.
    pub in_rows: Sig<In>,
    /// Input columns sent, of the step before.
    pub in_cols: Sig<In>,
    /// Words per bank wrap.
    pub wrap_addr: Sig<In>,
    /// The lane has an element in this step.
    pub present: Bit<Out>,
    /// The element of the step before is there, and inside of the image.
    pub reads: Bit<Out>,
    /// Its bank.
    pub bank: Sig<Out>,
    /// Its word address, modulo 2^16.
    pub addr: Sig<Out>,
    /// Words of the banks at the addresses of two cycles before (z+2), or of five (z+5).
    pub word: Vec<Sig<In>>,
    /// The element, 0 if there is none (z+2, or z+6).
    pub x: Sig<Out>,
    /// It is not 0.
    pub x_any: Bit<Out>,
    /// Its number k.
    pub x_k: Sig<Out>,
    /// Its column of R.
    pub column: Sig<Out>,
    program: LutRam,
    matrix: LutRam,
    program_word: Sig<Local>,
    read_word: Reg,
    off_k: Sig<Local>,
    off_bank: Sig<Local>,
    off_row: Sig<Local>,
    off_col: Sig<Local>,
    load_k: Sig<Local>,
    load_bank: Sig<Local>,
    load_addr: Sig<Local>,
    load_row: Sig<Local>,
    load_col: Sig<Local>,
    bank_sum: Sig<Local>,
    row: Sig<Local>,
    col: Sig<Local>,
    has_element: Bit<Local>,
    in_image: Bit<Local>,
    has_q: BitReg,
    row_q: Reg,
    col_q: Reg,
    bank_now: Sig<Local>,
    element: Sig<Local>,
    // While its word is read: the step, bank, number, and from the second cycle on whether it is read.
    p_step: Vec<Reg>,
    p_reads: Vec<BitReg>,
    p_bank: Vec<Reg>,
    p_k: Vec<Reg>,
    column_q: Reg,
    // The element.
    x_q: Vec<Reg>,
    k_q: Vec<Reg>,
    x_column: Vec<Reg>,
    read_cycles: Param,
    registered: Param,
    banks: Param,
    bank_w: Param,
    sum_w: Param,
    word_w: Param,
    row_at: Param,
    col_at: Param,
    bank_at: Param,
    k_at: Param,
    valid_at: Param,
    k_lsb: Param,
    bank_lsb: Param,
    valid_lsb: Param,
    addr_lsb: Param,
    row_lsb: Param,
    col_lsb: Param,
    about: About,
}

impl DetectorLane {
    /// A lane of this configuration's detectors.
    pub fn new(config: &Config) -> Self {
        let (bank_w, k_w) = (config.bank_w(), config.k_w());
        let bank_at = ADDR_W + 2 * REACH_W;
        let word_w = bank_at + bank_w + k_w + 1;
        let address = || Sig::unsigned(ADDR_W);
        let flag = || BitReg::new().without_reset();
        let at = |name| lsb_of(&READ, name);
        let read = || 0..config.detect_read_cycles();
        let later = || 0..config.element_cycles();
        DetectorLane {
            load_reads: Bit::new(),
            load_matrix: Bit::new(),
            load_step: Sig::unsigned(address_width(config.k_max)),
            load_data: Sig::unsigned(64),
            next_step: Sig::unsigned(address_width(config.k_max)),
            k: Sig::unsigned(K_COUNT_W),
            base_bank: Sig::unsigned(bank_w),
            base_addr: address(),
            base_row: address(),
            base_col: address(),
            in_rows: address(),
            in_cols: address(),
            wrap_addr: address(),
            present: Bit::new(),
            reads: Bit::new(),
            bank: Sig::unsigned(bank_w),
            addr: Sig::unsigned(ADDR_W),
            word: (0..config.l).map(|_| Sig::signed(config.data_w)).collect(),
            x: Sig::signed(config.data_w),
            x_any: Bit::new(),
            x_k: Sig::unsigned(k_w),
            column: Sig::unsigned(2 * config.p_max),
            program: LutRam::unsigned(word_w, config.k_max),
            matrix: LutRam::unsigned(2 * config.p_max, config.k_max),
            program_word: Sig::unsigned(word_w),
            read_word: Reg::unsigned(word_w).without_reset(),
            off_k: Sig::unsigned(k_w),
            off_bank: Sig::unsigned(bank_w),
            off_row: Sig::unsigned(REACH_W),
            off_col: Sig::unsigned(REACH_W),
            load_k: Sig::unsigned(k_w),
            load_bank: Sig::unsigned(bank_w),
            load_addr: Sig::unsigned(ADDR_W),
            load_row: Sig::unsigned(REACH_W),
            load_col: Sig::unsigned(REACH_W),
            bank_sum: Sig::unsigned(bank_w + 1),
            row: Sig::unsigned(ADDR_W),
            col: Sig::unsigned(ADDR_W),
            has_element: Bit::new(),
            in_image: Bit::new(),
            has_q: flag(),
            row_q: Reg::unsigned(ADDR_W).without_reset(),
            col_q: Reg::unsigned(ADDR_W).without_reset(),
            bank_now: Sig::unsigned(bank_w),
            element: Sig::signed(config.data_w),
            p_step: read()
                .map(|_| Reg::unsigned(address_width(config.k_max)).without_reset())
                .collect(),
            p_reads: read().skip(1).map(|_| flag()).collect(),
            p_bank: read()
                .map(|_| Reg::unsigned(bank_w).without_reset())
                .collect(),
            p_k: read().map(|_| Reg::unsigned(k_w).without_reset()).collect(),
            column_q: Reg::unsigned(2 * config.p_max).without_reset(),
            x_q: later()
                .map(|_| Reg::signed(config.data_w).without_reset())
                .collect(),
            k_q: later()
                .map(|_| Reg::unsigned(k_w).without_reset())
                .collect(),
            x_column: later()
                .map(|_| Reg::unsigned(2 * config.p_max).without_reset())
                .collect(),
            read_cycles: Param::new(config.detect_read_cycles()),
            registered: Param::new(config.element_cycles()),
            banks: Param::new(config.l),
            bank_w: Param::new(bank_w),
            sum_w: Param::new(bank_w + 1),
            word_w: Param::new(word_w),
            row_at: Param::new(ADDR_W),
            col_at: Param::new(ADDR_W + REACH_W),
            bank_at: Param::new(bank_at),
            k_at: Param::new(bank_at + bank_w),
            valid_at: Param::new(bank_at + bank_w + k_w),
            k_lsb: at("K_INDEX"),
            bank_lsb: at("BANK"),
            valid_lsb: at("VALID"),
            addr_lsb: at("ADDR"),
            row_lsb: at("ROW"),
            col_lsb: at("COL"),
            about: About::new(
                "detector_lane",
                "Lane of a detector: its part of the read program and of the projection matrix; forms the address of an \
                 element and picks the element from the words of the banks.",
            ),
        }
    }
}

impl Logic for DetectorLane {
    #[hdl_gen]
    fn update(&mut self) {
        // Program: only the bits that count are kept of a beat.
        self.load_k.next = unsigned_cast(self.load_data.val() >> self.k_lsb.val());
        self.load_bank.next = unsigned_cast(self.load_data.val() >> self.bank_lsb.val());
        self.load_addr.next = unsigned_cast(self.load_data.val() >> self.addr_lsb.val());
        self.load_row.next = unsigned_cast(self.load_data.val() >> self.row_lsb.val());
        self.load_col.next = unsigned_cast(self.load_data.val() >> self.col_lsb.val());
        self.program_word.next = bit_cast_w(self.load_addr.val(), self.word_w.val())
            | (bit_cast_w(self.load_row.val(), self.word_w.val()) << self.row_at.val())
            | (bit_cast_w(self.load_col.val(), self.word_w.val()) << self.col_at.val())
            | (bit_cast_w(self.load_bank.val(), self.word_w.val()) << self.bank_at.val())
            | (bit_cast_w(self.load_k.val(), self.word_w.val()) << self.k_at.val());
        self.program.write_enable.next = self.load_reads.val();
        self.program.write_address.next = self.load_step.val();
        self.program.write_data.next = self.program_word.val().replace_bit(
            self.valid_at.val(),
            self.load_data.val().get_bit(self.valid_lsb.val()),
        );
        self.matrix.write_enable.next = self.load_matrix.val();
        self.matrix.write_address.next = self.load_step.val();
        self.matrix.write_data.next = unsigned_cast(self.load_data.val());

        // Cycle z − 1: the program.
        self.program.read_address.next = self.next_step.val();
        self.p_step[0].next = self.next_step.val();
        self.read_word.next = self.program.read_data.val();

        // Cycle z: the address.
        self.off_row.next = unsigned_cast(self.read_word.val() >> self.row_at.val());
        self.off_col.next = unsigned_cast(self.read_word.val() >> self.col_at.val());
        self.off_bank.next = unsigned_cast(self.read_word.val() >> self.bank_at.val());
        self.off_k.next = unsigned_cast(self.read_word.val() >> self.k_at.val());
        self.bank_sum.next = bit_cast_w(self.base_bank.val(), self.sum_w.val())
            + bit_cast_w(self.off_bank.val(), self.sum_w.val());
        self.bank_now.next = bit_cast_w(self.bank_sum.val(), self.bank_w.val());
        self.addr.next = self.base_addr.val() + unsigned_cast(self.read_word.val());
        if self.bank_sum.val() >= self.banks.val() {
            self.bank_now.next =
                bit_cast_w(self.bank_sum.val() - self.banks.val(), self.bank_w.val());
            self.addr.next =
                self.base_addr.val() + unsigned_cast(self.read_word.val()) + self.wrap_addr.val();
        }
        self.bank.next = self.bank_now.val();
        self.row.next = self.base_row.val() + unsigned_cast(self.off_row.val());
        self.col.next = self.base_col.val() + unsigned_cast(self.off_col.val());
        self.has_element.next = self.read_word.val().get_bit(self.valid_at.val())
            && (unsigned_cast(self.off_k.val()) < self.k.val());
        self.present.next = self.has_element.val();

        // Cycle z + 1: inside of the image? A negative coordinate is a large unsigned number: one comparison covers both edges.
        self.has_q.next = self.has_element.val();
        self.row_q.next = self.row.val();
        self.col_q.next = self.col.val();
        self.in_image.next = self.has_q.val()
            && (self.row_q.val() < self.in_rows.val())
            && (self.col_q.val() < self.in_cols.val());
        self.reads.next = self.in_image.val();

        // The word is read, and the column of R beside it.
        self.p_reads[0].next = self.in_image.val();
        self.p_bank[0].next = self.bank_now.val();
        self.p_k[0].next = self.off_k.val();
        for i in 1..self.read_cycles.val() {
            self.p_step[i].next = self.p_step[i - 1].val();
            self.p_bank[i].next = self.p_bank[i - 1].val();
            self.p_k[i].next = self.p_k[i - 1].val();
        }
        for i in 2..self.read_cycles.val() {
            self.p_reads[i - 1].next = self.p_reads[i - 2].val();
        }
        self.matrix.read_address.next = self.p_step[self.read_cycles.val() - 1].val();
        self.column_q.next = self.matrix.read_data.val();

        // The element, of the cycle in which the words are there, or a register.
        self.element.next = 0.into();
        if self.p_reads[self.read_cycles.val() - 2].val() {
            self.element.next = self.word[0].val();
            for b in 1..self.banks.val() {
                if self.p_bank[self.read_cycles.val() - 1].val() == b {
                    self.element.next = self.word[b].val();
                }
            }
        }
        self.x.next = self.element.val();
        self.x_any.next = self.element.val().any();
        self.x_k.next = self.p_k[self.read_cycles.val() - 1].val();
        self.column.next = self.column_q.val();
        for r in 0..self.registered.val() {
            self.x_q[r].next = self.element.val();
            self.k_q[r].next = self.p_k[self.read_cycles.val() - 1].val();
            self.x_column[r].next = self.column_q.val();
            self.x.next = self.x_q[r].val();
            self.x_any.next = self.x_q[r].val().any();
            self.x_k.next = self.k_q[r].val();
            self.column.next = self.x_column[r].val();
        }
    }
}
