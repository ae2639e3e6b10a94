//! One column of sums.

use crate::config::fc::{ACC_W, FcConfig};
use crate::hdl::prelude::*;

/// RAM of sums that adds one number per cycle to any of them.
///
/// ```text
///  cycle     r            r+1
///  row ──► [RAM] ──► 0 / RAM / last sum ─► + ─► [RAM] (row of cycle r)
///                             addend ──────┘
/// ```
///
/// **Latency** a number given in cycle r+1, its row in r, is in the RAM from r+2; the row in the very next cycle may be the same. **Back-pressure** none.
/// While `reading`, `read_row` addresses the RAM and `data` follows one cycle later when `read_enable` is 1.
/// **Parameters** `psum_rows`; `width` of an addend.
///
/// The test `sums_add_up` drives it with repeated rows; `sums` in `tests/crew/gates.rs` compares its Verilog with it.
#[derive(LogicBlock)]
pub struct Sums {
    /// An addend follows in the next cycle.
    pub valid: Bit<In>,
    /// Its row.
    pub row: Sig<In>,
    /// It is the row's first one: what is stored counts 0.
    pub first: Bit<In>,
    /// The addend.
    pub addend: Sig<In>,
    /// The drain reads.
    pub reading: Bit<In>,
    /// Its address is valid.
    pub read_enable: Bit<In>,
    /// Its row.
    pub read_row: Sig<In>,
    /// The word read, as bits.
    pub data: Sig<Out>,
    ram: Ram,
    valid_q: BitReg,
    first_q: BitReg,
    again_q: BitReg,
    row_q: Reg,
    last: Reg,
    stored: Sig<Local>,
    sum: Sig<Local>,
    about: About,
}

impl Sums {
    /// A column of this configuration for addends of `width` bits.
    pub fn new(config: &FcConfig, width: usize) -> Self {
        let row_w = address_width(config.psum_rows);
        Sums {
            valid: Bit::new(),
            row: Sig::unsigned(row_w),
            first: Bit::new(),
            addend: Sig::signed(width),
            reading: Bit::new(),
            read_enable: Bit::new(),
            read_row: Sig::unsigned(row_w),
            data: Sig::unsigned(ACC_W),
            ram: Ram::signed(ACC_W, config.psum_rows),
            valid_q: BitReg::new(),
            first_q: BitReg::new().without_reset(),
            again_q: BitReg::new().without_reset(),
            row_q: Reg::unsigned(row_w).without_reset(),
            last: Reg::signed(ACC_W).without_reset(),
            stored: Sig::signed(ACC_W),
            sum: Sig::signed(ACC_W),
            about: About::new(
                "sums",
                "One column of sums: adds one number per cycle to the row given the cycle before.",
            ),
        }
    }
}

impl Logic for Sums {
    #[hdl_gen]
    fn update(&mut self) {
        self.valid_q.next = self.valid.val();
        self.first_q.next = self.first.val();
        self.row_q.next = self.row.val();
        self.again_q.next = self.valid_q.val() && (self.row.val() == self.row_q.val());

        self.stored.next = self.ram.read_data.val();
        if self.again_q.val() {
            self.stored.next = self.last.val();
        }
        if self.first_q.val() {
            self.stored.next = 0.into();
        }
        self.sum.next = self.stored.val() + signed_cast(self.addend.val());
        self.last.next = self.sum.val();

        self.ram.write_enable.next = self.valid_q.val();
        self.ram.write_address.next = self.row_q.val();
        self.ram.write_data.next = self.sum.val();
        self.ram.read_enable.next = true;
        self.ram.read_address.next = self.row.val();
        if self.reading.val() {
            self.ram.read_enable.next = self.read_enable.val();
            self.ram.read_address.next = self.read_row.val();
        }
        self.data.next = unsigned_cast(self.ram.read_data.val());
    }
}
