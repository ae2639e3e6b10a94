//! Casts, and integers that a kernel takes for literals.

use super::{Form, Value};

/// Set in the result of [`Value::bits`] when the value is a literal.
pub const LITERAL_TAG: usize = 1 << (usize::BITS - 1);

/// The literal that [`Value::bits`] encoded, if it was one.
pub(in crate::hdl) fn decode_literal(code: usize) -> Option<i128> {
    // The tag takes the sign's place, so the bit below it is the sign.
    (code & LITERAL_TAG != 0).then_some((((code << 1) as isize) >> 1) as i128)
}

/// An integer that is known when the block is printed.
#[diagnostic::on_unimplemented(
    message = "`bits` takes an integer that is known when the block is printed, not `{Self}`",
    note = "read a signal with `val()` alone; cast it with `unsigned_cast`, `signed_cast` or `bit_cast_w`"
)]
pub trait Integer {
    /// The number.
    fn number(self) -> i128;
}

macro_rules! integer {
    ($($t:ty),*) => {$(
        impl Integer for $t {
            fn number(self) -> i128 {
                self as i128
            }
        }
    )*};
}
integer!(i32, i64, u32, u64, usize);

/// The literal `x`, from an expression that a kernel cannot contain otherwise, such as a plain `usize` field:
/// `bits(self._k)`. It takes the width and sign of what it meets. Loop variables cannot appear inside: write
/// `i.into()` for them. A signal's value is refused, since it would be frozen at the time of printing:
///
/// ```compile_fail
/// let signal = mercury::hdl::Value::unsigned(8, 3);
/// mercury::hdl::bits(signal);
/// ```
///
/// # Panics
/// If `x` is outside of ±2^62.
pub fn bits(x: impl Integer) -> Value {
    let number = x.number();
    let limit = 1i128 << 62;
    assert!(
        (-limit..limit).contains(&number),
        "bits({number}) is outside ±2^62: use a Const for larger constants"
    );
    Value::literal(number)
}

/// `x` as an unsigned number of `width` bits: extended by its own sign, or truncated.
/// Loop variables cannot appear inside (a limit of `#[hdl_gen]`): see [`unsigned_cast`].
pub fn bit_cast_w(x: impl Into<Value>, width: usize) -> Value {
    x.into().resize(width, false)
}

fn elastic(x: Value, to_signed: bool) -> Value {
    x.need_width("cast");
    Value {
        form: Form::Elastic { to_signed },
        ..x
    }
}

/// `x` as an unsigned number of the width that its context has: the signal it is assigned to, or the other operand.
/// Extended by its own sign, or truncated. May contain loop variables.
pub fn unsigned_cast(x: impl Into<Value>) -> Value {
    elastic(x.into(), false)
}

/// `x` as a signed number of the width that its context has: the signal it is assigned to, or the other operand.
/// Extended by its own sign, or truncated. May contain loop variables.
pub fn signed_cast(x: impl Into<Value>) -> Value {
    elastic(x.into(), true)
}
