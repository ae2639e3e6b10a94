//! Single bits, slices and reductions of a value.

use super::{Bits, Value, big_mask, mask};
use num_bigint::BigUint;

impl Value {
    /// The number, to be looked at by `match` or to index. In kernels only as the whole scrutinee of a `match` or the
    /// whole argument of [`get_bit`](Value::get_bit): arithmetic on it would be `usize` arithmetic here and
    /// hardware arithmetic in Verilog.
    pub fn index(&self) -> usize {
        self.to_u64() as usize
    }

    /// Bit `i`, counted from the least significant; `false` at and above the width.
    pub fn get_bit(&self, i: impl Into<Value>) -> bool {
        let i = i.into();
        let limit = self.width() as u64;
        let i = if i.width > 64 && i.pattern() >= BigUint::from(limit) {
            limit
        } else {
            i.to_u64()
        };
        i < limit
            && match &self.bits {
                Bits::Narrow(x) => (x >> i) & 1 == 1,
                Bits::Wide(x) => x.bit(i),
            }
    }

    /// `W` bits from bit `low` on, unsigned; bits beyond the width read as 0.
    pub fn get_bits<const W: usize>(&self, low: impl Into<Value>) -> Value {
        (self.resize(self.width(), false) >> low.into()).resize(W, false)
    }

    /// The value with bit `i` replaced; unchanged if `i` is at or above the width.
    pub fn replace_bit(&self, i: impl Into<Value>, bit: bool) -> Value {
        let i = i.into().to_u64();
        let mut out = self.clone();
        if i < self.width() as u64 {
            match &mut out.bits {
                Bits::Narrow(x) => *x = *x & !(1 << i) | u128::from(bit) << i,
                Bits::Wide(x) => x.set_bit(i, bit),
            }
        }
        out
    }

    /// Reduction OR: is any bit 1?
    pub fn any(&self) -> bool {
        match &self.bits {
            Bits::Narrow(x) => *x != 0,
            Bits::Wide(x) => x.bits() != 0,
        }
    }

    /// Reduction AND: are all bits 1?
    pub fn all(&self) -> bool {
        match &self.bits {
            Bits::Narrow(x) => *x == mask(self.width()),
            Bits::Wide(x) => *x == big_mask(self.width()),
        }
    }

    /// Reduction XOR: is the number of 1 bits odd?
    pub fn xor(&self) -> bool {
        match &self.bits {
            Bits::Narrow(x) => x.count_ones() % 2 == 1,
            Bits::Wide(x) => x.count_ones() % 2 == 1,
        }
    }
}
