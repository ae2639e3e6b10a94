//! Whether a product is above a limit, without a multiplier.

use crate::hdl::prelude::*;

/// Rows that one register adds up.
const ROWS: usize = 4;

/// Tells whether a·b is above a constant, with adders: the multipliers of a device are for the PEs.
///
/// ```text
///  a ─► a·2^j where bit j of b is 1 ─► sums of four ─► [register] ─► sum > limit ──────► OR ─► above
///  a, b ─► bits of a and of b that alone make a·b ≥ 2^columns > limit ─► [register] ──────┘
/// ```
///
/// `columns` is the number of bits of the limit. Only rows and bits below 2^columns are added: where a bit beyond takes part,
/// the product is above the limit whatever the sum says.
///
/// **Latency** 2 cycles. **Back-pressure** none. **Parameters** widths of `a` and `b` from 1 bit on, `limit` from 1 on, below 2^48.
///
/// The test `product_limit_knows_every_product` tries all factors near the limit; the gate of the same name compares with Verilator.
#[derive(LogicBlock)]
pub struct ProductLimit {
    /// A factor.
    pub a: Sig<In>,
    /// The other factor.
    pub b: Sig<In>,
    /// Their product is above the limit.
    pub above: Bit<Out>,
    wide: Sig<Local>,
    row: Vec<Sig<Local>>,
    partial: Vec<Reg>,
    sum: Sig<Local>,
    beyond: BitReg,
    above_q: BitReg,
    rows: Param,
    padded: Param,
    partials: Param,
    columns: Param,
    limit: Param,
    about: About,
}

impl ProductLimit {
    /// For factors of `a_w` and `b_w` bits.
    ///
    /// # Panics
    /// When a width or the limit is 0, or the limit has more than 48 bits.
    pub fn new(a_w: usize, b_w: usize, limit: usize) -> Self {
        assert!(a_w > 0 && b_w > 0 && limit > 0 && limit >> 48 == 0);
        let columns = limit.ilog2() as usize + 1;
        let rows = b_w.min(columns);
        let padded = rows.next_multiple_of(ROWS);
        // A sum of `rows` numbers below 2^columns.
        let sum_w = columns + address_width(rows.max(2));
        ProductLimit {
            a: Sig::unsigned(a_w),
            b: Sig::unsigned(b_w),
            above: Bit::new(),
            wide: Sig::unsigned(sum_w),
            row: (0..padded).map(|_| Sig::unsigned(sum_w)).collect(),
            partial: (0..padded / ROWS).map(|_| Reg::unsigned(sum_w)).collect(),
            sum: Sig::unsigned(sum_w),
            beyond: BitReg::new(),
            above_q: BitReg::new(),
            rows: Param::new(rows),
            padded: Param::new(padded),
            partials: Param::new(padded / ROWS),
            columns: Param::new(columns),
            limit: Param::new(limit),
            about: About::new(
                "product_limit",
                "Tells whether a product is above a constant, by adders: no multiplier is taken from the PEs.",
            )
            .variant(format!("w{a_w}_{b_w}")),
        }
    }
}

impl Logic for ProductLimit {
    #[hdl_gen]
    fn update(&mut self) {
        self.wide.next = unsigned_cast(self.a.val());
        self.beyond.next = (self.b.val() >> self.columns.val()).any() && self.a.val().any();
        for j in 0..self.padded.val() {
            self.row[j].next = 0.into();
        }
        for j in 0..self.rows.val() {
            if self.b.val().get_bit(j) {
                self.row[j].next = self.wide.val() << j;
                if (self.a.val() >> (self.columns.val() - j)).any() {
                    self.beyond.next = true;
                }
            }
        }
        self.sum.next = 0.into();
        for i in 0..self.partials.val() {
            self.partial[i].next = (self.row[4 * i].val() + self.row[4 * i + 1].val())
                + (self.row[4 * i + 2].val() + self.row[4 * i + 3].val());
            self.sum.next = self.sum.val() + self.partial[i].val();
        }
        self.above_q.next = self.beyond.val() || (self.sum.val() > self.limit.val());
        self.above.next = self.above_q.val();
    }
}
