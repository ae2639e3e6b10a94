//! Indices of variable width.

use crate::config::fc::FcConfig;
use crate::hdl::prelude::*;

/// Bits of an index at most, and units that a row takes at most.
const UNITS: usize = 8;

/// Holds the packed indices of one input, two groups of them, and delivers those of a row of L outputs per cycle.
///
/// A row of indices of `width` bits takes `width` units of L bits, unit j with bit j of all of them. Words of eight units
/// alternate between two RAMs, so the eight units from any one on are read at once: no unit is wasted, no cycle either.
///
/// ```text
///  cycle   i                  i+1                              i+2
///  position ─► [even words] ─┐
///           └► [odd words] ──┴► shift by whole units ─► mask ─► index[0 … L-1]
/// ```
///
/// **Latency** a row issued in cycle i is there in cycle i+2. **Back-pressure** none. **Parameters** `lanes`, `outputs`.
///
/// The test `unpacker_reads_every_width` compares all widths; `unpacker` in `tests/crew/gates.rs` its Verilog with it.
#[derive(LogicBlock)]
pub struct Unpacker {
    /// Write a word of sixteen units.
    pub load: Bit<In>,
    /// Half of the memory: the group's weight bank.
    pub load_bank: Bit<In>,
    /// Word within the bank.
    pub load_address: Sig<In>,
    /// Sixteen units.
    pub load_data: Sig<In>,
    /// A row is issued.
    pub issue: Bit<In>,
    /// It is row 0.
    pub first: Bit<In>,
    /// Bank that is read.
    pub bank: Bit<In>,
    /// Bits of an index in that bank.
    pub width: Sig<In>,
    /// Indices of the row issued two cycles ago.
    pub index: Vec<Sig<Out>>,
    even: Ram,
    odd: Ram,
    next_unit: Reg,
    unit: Sig<Local>,
    word: Sig<Local>,
    load_at: Sig<Local>,
    even_at: Sig<Local>,
    odd_at: Sig<Local>,
    bank_base: Sig<Local>,
    offset_q: Reg,
    odd_first_q: BitReg,
    width_q: Reg,
    window: Sig<Local>,
    row: Sig<Local>,
    found: Vec<Sig<Local>>,
    index_q: Vec<Reg>,
    lanes: Param,
    units: Param,
    word_w: Param,
    window_w: Param,
    pair_bits: Param,
    address_w: Param,
    about: About,
}

impl Unpacker {
    /// The unpacker of this configuration.
    pub fn new(config: &FcConfig) -> Self {
        let rows = config.max_rows();
        let address_w = address_width(rows);
        let word_w = UNITS * config.lanes;
        // Units of a bank, and the row beyond its last one.
        let unit_w = address_width(UNITS * rows) + 1;
        Unpacker {
            load: Bit::new(),
            load_bank: Bit::new(),
            load_address: Sig::unsigned(address_w - 1),
            load_data: Sig::unsigned(2 * word_w),
            issue: Bit::new(),
            first: Bit::new(),
            bank: Bit::new(),
            width: Sig::unsigned(4),
            index: (0..config.lanes).map(|_| Sig::unsigned(UNITS)).collect(),
            even: Ram::unsigned(word_w, rows).ignoring_collisions(),
            odd: Ram::unsigned(word_w, rows).ignoring_collisions(),
            next_unit: Reg::unsigned(unit_w),
            unit: Sig::unsigned(unit_w),
            word: Sig::unsigned(unit_w),
            load_at: Sig::unsigned(address_w),
            even_at: Sig::unsigned(address_w - 1),
            odd_at: Sig::unsigned(address_w - 1),
            bank_base: Sig::unsigned(address_w),
            offset_q: Reg::unsigned(3).without_reset(),
            odd_first_q: BitReg::new().without_reset(),
            width_q: Reg::unsigned(4).without_reset(),
            window: Sig::unsigned(2 * word_w),
            row: Sig::unsigned(word_w),
            found: (0..config.lanes).map(|_| Sig::unsigned(UNITS)).collect(),
            index_q: (0..config.lanes)
                .map(|_| Reg::unsigned(UNITS).without_reset())
                .collect(),
            lanes: Param::new(config.lanes),
            units: Param::new(UNITS),
            word_w: Param::new(word_w),
            window_w: Param::new(2 * word_w),
            pair_bits: Param::new(address_w - 1),
            address_w: Param::new(address_w),
            about: About::new(
                "index_unpacker",
                "Packed indices of one input: delivers the indices of a row of outputs per cycle, 0 to 8 bits each.",
            ),
        }
    }
}

impl Logic for Unpacker {
    #[hdl_gen]
    fn update(&mut self) {
        // Writes.
        self.load_at.next = unsigned_cast(self.load_address.val());
        if self.load_bank.val() {
            self.load_at.next = bit_cast_w(self.load_address.val(), self.address_w.val())
                | (bit_cast_w(self.load_bank.val(), self.address_w.val()) << self.pair_bits.val());
        }
        self.even.write_enable.next = self.load.val();
        self.even.write_address.next = self.load_at.val();
        self.even.write_data.next = unsigned_cast(self.load_data.val());
        self.odd.write_enable.next = self.load.val();
        self.odd.write_address.next = self.load_at.val();
        self.odd.write_data.next = unsigned_cast(self.load_data.val() >> self.word_w.val());

        // Reads: the word that holds the first unit, and the one after it.
        self.unit.next = self.next_unit.val();
        if self.first.val() {
            self.unit.next = 0.into();
        }
        if self.issue.val() {
            self.next_unit.next = self.unit.val() + unsigned_cast(self.width.val());
        }
        self.word.next = self.unit.val() >> 3;
        self.even_at.next = unsigned_cast((self.word.val() + 1) >> 1);
        self.odd_at.next = unsigned_cast(self.word.val() >> 1);
        self.bank_base.next =
            bit_cast_w(self.bank.val(), self.address_w.val()) << self.pair_bits.val();
        self.even.read_enable.next = true;
        self.even.read_address.next = self.bank_base.val() | unsigned_cast(self.even_at.val());
        self.odd.read_enable.next = true;
        self.odd.read_address.next = self.bank_base.val() | unsigned_cast(self.odd_at.val());
        self.offset_q.next = unsigned_cast(self.unit.val());
        self.odd_first_q.next = self.word.val().get_bit(0);
        self.width_q.next = self.width.val();

        // The row's units.
        self.window.next = (bit_cast_w(self.odd.read_data.val(), self.window_w.val())
            << self.word_w.val())
            | unsigned_cast(self.even.read_data.val());
        if self.odd_first_q.val() {
            self.window.next = (bit_cast_w(self.even.read_data.val(), self.window_w.val())
                << self.word_w.val())
                | unsigned_cast(self.odd.read_data.val());
        }
        self.row.next = unsigned_cast(self.window.val());
        for o in 1..self.units.val() {
            if self.offset_q.val() == o {
                self.row.next = unsigned_cast(self.window.val() >> (o * self.lanes.val()));
            }
        }
        for r in 0..self.lanes.val() {
            self.found[r].next = 0.into();
            for j in 0..self.units.val() {
                if (self.width_q.val() > j) && self.row.val().get_bit(j * self.lanes.val() + r) {
                    self.found[r].next = self.found[r].val().replace_bit(j, true);
                }
            }
            self.index_q[r].next = self.found[r].val();
            self.index[r].next = self.index_q[r].val();
        }
    }
}
