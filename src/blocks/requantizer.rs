//! One lane of the requantiser.

use crate::config::Config;
use crate::hdl::prelude::*;

/// Bits of a shift distance.
pub const SHIFT_W: usize = 6;

/// Shifts a sum right, rounds half to even, saturates to an operand.
///
/// ```text
///  value ─► {value, 0} >>> shift ─► [floor, guard] ─► + round ─► saturate ─► operand, saturated
///  value & sticky_mask ≠ 0 ───────► [sticky] ────────────┘
/// ```
///
/// Round up if guard and (sticky or floor is odd): `docs/numerics.md`, "What leaves the array".
///
/// **Latency** 1 cycle with `enable`. **Back-pressure** `enable` = 0 holds the stage.
/// **Parameters** `acc_w` and `data_w`; `shift` 0…acc_w−1; `sticky_mask` has ones below bit shift−1.
///
/// The test `requantizer_rounds_half_to_even` compares it with a rational formulation.
#[derive(LogicBlock)]
pub struct Requantizer {
    /// The stage moves.
    pub enable: Bit<In>,
    /// Sum.
    pub value: Sig<In>,
    /// Distance.
    pub shift: Sig<In>,
    /// Bits of the sum below the guard bit.
    pub sticky_mask: Sig<In>,
    /// Result, one enabled cycle later.
    pub operand: Sig<Out>,
    /// The result was saturated.
    pub saturated: Bit<Out>,
    widened: Sig<Local>,
    shifted: Sig<Local>,
    floor: Reg,
    guard: BitReg,
    sticky: BitReg,
    round_up: Bit<Local>,
    above: Sig<Local>,
    low: Sig<Local>,
    low_ones: Bit<Local>,
    over: Bit<Local>,
    under: Bit<Local>,
    negative: Bit<Local>,
    leaves: Bit<Local>,
    limit: Sig<Local>,
    wide_w: Param,
    top: Param,
    largest: Const,
    smallest: Const,
    about: About,
}

impl Requantizer {
    /// A lane of this configuration.
    pub fn new(config: &Config) -> Self {
        Self::sized(config.acc_w, config.data_w)
    }

    /// A lane from sums of `acc` bits to operands of `data` bits.
    pub fn sized(acc: usize, data: usize) -> Self {
        Requantizer {
            enable: Bit::new(),
            value: Sig::signed(acc),
            shift: Sig::unsigned(SHIFT_W),
            sticky_mask: Sig::unsigned(acc),
            operand: Sig::signed(data),
            saturated: Bit::new(),
            widened: Sig::signed(acc + 1),
            shifted: Sig::signed(acc + 1),
            floor: Reg::signed(acc).without_reset(),
            guard: BitReg::new().without_reset(),
            sticky: BitReg::new().without_reset(),
            round_up: Bit::new(),
            above: Sig::signed(acc),
            low: Sig::signed(data),
            low_ones: Bit::new(),
            over: Bit::new(),
            under: Bit::new(),
            negative: Bit::new(),
            leaves: Bit::new(),
            limit: Sig::signed(data),
            wide_w: Param::new(acc),
            top: Param::new(data - 1),
            largest: Const::new(Value::signed(data, (1 << (data - 1)) - 1)),
            smallest: Const::new(Value::signed(data, -(1 << (data - 1)))),
            about: About::new(
                "requantizer",
                "One lane of the requantiser: shifts a sum right, rounds half to even, saturates to an operand.",
            ),
        }
    }
}

impl Logic for Requantizer {
    #[hdl_gen]
    fn update(&mut self) {
        self.widened.next = signed_cast(self.value.val());
        self.shifted.next = (self.widened.val() << 1) >> self.shift.val();
        if self.enable.val() {
            self.floor.next = signed_cast(self.shifted.val() >> 1);
            self.guard.next = self.shifted.val().get_bit(0);
            self.sticky.next =
                (bit_cast_w(self.value.val(), self.wide_w.val()) & self.sticky_mask.val()).any();
        }
        self.round_up.next = self.guard.val() && (self.sticky.val() || self.floor.val().get_bit(0));
        // What leaves the range is known without the sum: what lies outside of it, but for what rounding brings back to the smallest,
        // and the largest if it is rounded up. So only an operand's bits are added.
        self.above.next = self.floor.val() >> self.top.val();
        self.low.next = signed_cast(self.floor.val());
        self.low_ones.next = (self.low.val() | self.smallest.val()) == -1;
        self.over.next = (self.above.val() != 0) || (self.low_ones.val() && self.round_up.val());
        self.under.next = (self.above.val() != -1)
            && !((self.above.val() == -2) && self.low_ones.val() && self.round_up.val());
        self.negative.next = self.floor.val() < 0;
        self.leaves.next = self.over.val();
        self.limit.next = self.largest.val();
        if self.negative.val() {
            self.leaves.next = self.under.val();
            self.limit.next = self.smallest.val();
        }
        self.saturated.next = self.leaves.val();
        self.operand.next = self.low.val();
        if self.round_up.val() {
            self.operand.next = self.low.val() + 1;
        }
        if self.leaves.val() {
            self.operand.next = self.limit.val();
        }
    }
}
