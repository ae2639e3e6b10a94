//! Operators of [`Value`].

use super::{Bits, Form, NARROW, Value, big_mask, check_width, mismatch};
use num_bigint::BigUint;
use std::cmp::Ordering;

macro_rules! literal_from {
    ($($t:ty),*) => {$(
        impl From<$t> for Value {
            fn from(x: $t) -> Value {
                Value::literal(x as i128)
            }
        }
    )*};
}
literal_from!(i32, i64, u32, u64, usize);

impl From<bool> for Value {
    fn from(x: bool) -> Value {
        Value::narrow(1, false, u128::from(x))
    }
}

/// One implementation for every right operand, so that `(x + 1).any()` needs no type annotation.
macro_rules! bin {
    ($trait:ident, $f:ident, $op:literal, |$x:ident, $y:ident| $narrow:expr, |$a:ident, $b:ident, $w:ident| $wide:expr) => {
        impl<T: Into<Value>> std::ops::$trait<T> for Value {
            type Output = Value;
            fn $f(self, other: T) -> Value {
                let (l, r) = self.unify(other.into(), $op);
                if let Some(x) = l.literal_op(&r, |$x, $y| $narrow) {
                    return x;
                }
                match (&l.bits, &r.bits) {
                    (Bits::Narrow($x), Bits::Narrow($y)) => {
                        let ($x, $y) = (*$x, *$y);
                        Value::narrow(l.width(), l.signed, $narrow)
                    }
                    _ => {
                        let ($a, $b, $w) = (l.pattern(), r.pattern(), l.width());
                        Value::from_big($w, l.signed, $wide)
                    }
                }
            }
        }
    };
}

bin!(Add, add, "+", |x, y| x.wrapping_add(y), |a, b, _w| a + b);
bin!(Sub, sub, "-", |x, y| x.wrapping_sub(y), |a, b, w| a
    + (BigUint::from(1u8) << w)
    - b);
bin!(BitAnd, bitand, "&", |x, y| x & y, |a, b, _w| a & b);
bin!(BitOr, bitor, "|", |x, y| x | y, |a, b, _w| a | b);
bin!(BitXor, bitxor, "^", |x, y| x ^ y, |a, b, _w| a ^ b);

impl std::ops::Mul<Value> for Value {
    type Output = Value;
    /// Exact product: its width is the sum of the widths. Both operands are signed, or both unsigned.
    fn mul(self, other: Value) -> Value {
        self.need_width("*");
        other.need_width("*");
        if self.signed != other.signed {
            mismatch(&self, &other, "*");
        }
        let width = self.width() + other.width();
        if width <= NARROW {
            let product = if self.signed {
                self.to_i128().wrapping_mul(other.to_i128()) as u128
            } else {
                self.to_u128().wrapping_mul(other.to_u128())
            };
            return Value::narrow(width, self.signed, product);
        }
        check_width(width);
        Value::from_bigint(width, self.signed, &(self.to_bigint() * other.to_bigint()))
    }
}

impl<T: Into<Value>> std::ops::Shl<T> for Value {
    type Output = Value;
    /// Keeps the left operand's width; bits shifted out are lost.
    fn shl(self, amount: T) -> Value {
        self.need_width("<<");
        let n = shift_amount(&amount.into(), self.width());
        match &self.bits {
            Bits::Narrow(x) => {
                let shifted = x.checked_shl(n as u32).unwrap_or(0);
                Value::narrow(self.width(), self.signed, shifted)
            }
            Bits::Wide(x) => Value::from_big(self.width(), self.signed, x << n),
        }
    }
}

impl<T: Into<Value>> std::ops::Shr<T> for Value {
    type Output = Value;
    /// Keeps the left operand's width; arithmetic (the sign comes in) if it is signed, else logical.
    fn shr(self, amount: T) -> Value {
        self.need_width(">>");
        let n = shift_amount(&amount.into(), self.width());
        match &self.bits {
            Bits::Narrow(_) if self.signed => {
                let shifted = self.to_i128() >> n.min(NARROW - 1);
                Value::narrow(self.width(), true, shifted as u128)
            }
            Bits::Narrow(x) => {
                let shifted = x.checked_shr(n as u32).unwrap_or(0);
                Value::narrow(self.width(), false, shifted)
            }
            Bits::Wide(_) if self.is_negative() => {
                Value::from_bigint(self.width(), true, &(self.to_bigint() >> n))
            }
            Bits::Wide(x) => Value::from_big(self.width(), self.signed, x >> n),
        }
    }
}

/// The shift distance, where everything at and above the width means the width.
fn shift_amount(amount: &Value, width: usize) -> usize {
    assert!(
        !amount.is_negative(),
        "a shift distance must not be negative"
    );
    match &amount.bits {
        Bits::Narrow(x) => (*x).min(width as u128) as usize,
        Bits::Wide(x) => usize::try_from(x).map_or(width, |n| n.min(width)),
    }
}

impl std::ops::Not for Value {
    type Output = Value;
    fn not(self) -> Value {
        self.need_width("!");
        match &self.bits {
            Bits::Narrow(x) => Value::narrow(self.width(), self.signed, !x),
            Bits::Wide(x) => Value::from_big(self.width(), self.signed, big_mask(self.width()) ^ x),
        }
    }
}

impl std::ops::Neg for Value {
    type Output = Value;
    fn neg(self) -> Value {
        if self.form == Form::Literal {
            return Value::literal(-self.to_i128());
        }
        self.need_width("-");
        Value::zero(self.width(), self.signed) - self
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        self.compare(other, "==") == Ordering::Equal
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Value) -> Option<Ordering> {
        Some(self.compare(other, "<"))
    }
}

macro_rules! compare_int {
    ($($t:ty),*) => {$(
        impl PartialEq<$t> for Value {
            fn eq(&self, other: &$t) -> bool {
                self.compare(&Value::from(*other), "==") == Ordering::Equal
            }
        }
        impl PartialOrd<$t> for Value {
            fn partial_cmp(&self, other: &$t) -> Option<Ordering> {
                self.partial_cmp(&Value::from(*other))
            }
        }
    )*};
}
compare_int!(i32, i64, u32, u64, usize);
