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
    rounded: Sig<Local>,
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
            rounded: Sig::signed(acc),
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
        self.rounded.next = self.floor.val();
        if self.round_up.val() {
            self.rounded.next = self.floor.val() + 1;
        }
        // It fits if all bits above the operand's sign bit equal the sign.
        self.operand.next = signed_cast(self.rounded.val());
        self.saturated.next = false;
        if (self.rounded.val() >> self.top.val() != 0)
            && (self.rounded.val() >> self.top.val() != -1)
        {
            self.saturated.next = true;
            self.operand.next = self.largest.val();
            if self.rounded.val() < 0 {
                self.operand.next = self.smallest.val();
            }
        }
    }
}
