//! Numbers of run-time width: what travels on a [`Sig`](super::Sig).

mod bit;
mod cast;
mod ops;

pub(super) use cast::decode_literal;
pub use cast::{Integer, LITERAL_TAG, bit_cast_w, bits, signed_cast, unsigned_cast};

use num_bigint::{BigInt, BigUint, Sign};
use std::cmp::Ordering;
use std::fmt;

/// Widest value that a signal may carry, in bits.
pub const MAX_WIDTH: usize = 4096;
const NARROW: usize = 128;

/// How a value takes part in an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    /// Has a width and a sign; both must match the other operand's.
    Sized,
    /// An integer literal: takes the other operand's width and sign, and must fit.
    Literal,
    /// Made by [`unsigned_cast`] or [`signed_cast`]: takes the width that the context needs. Holds the sign that the
    /// context must have; the value's own sign decides how it is extended.
    Elastic { to_signed: bool },
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Bits {
    /// Up to 128 bits: the zero-extended pattern, or an `i128` when the value is a literal.
    Narrow(u128),
    /// More than 128 bits: the zero-extended pattern.
    Wide(BigUint),
}

/// A two's complement or unsigned number of a width chosen at run time (1 to [`MAX_WIDTH`] bits).
///
/// Widths and signs are strict, as in the printed Verilog: both operands of `+ - & | ^ == <` and both sides of
/// an assignment agree, or one of them is an integer literal, or an elastic value of [`unsigned_cast`] or
/// [`signed_cast`]. Results of `+` and `-` wrap at the operands' width; the width of `a * b` is the sum of the widths.
///
/// ```
/// use mercury::hdl::Value;
/// let a = Value::signed(8, -3);
/// let b = Value::signed(8, 100);
/// assert_eq!((a.clone() * b.clone()).to_i128(), -300);
/// assert_eq!((a * b).width(), 16);
/// ```
#[derive(Clone)]
pub struct Value {
    bits: Bits,
    width: u16,
    signed: bool,
    form: Form,
}

fn mask(width: usize) -> u128 {
    if width >= NARROW {
        u128::MAX
    } else {
        (1u128 << width) - 1
    }
}

fn big_mask(width: usize) -> BigUint {
    (BigUint::from(1u8) << width) - 1u8
}

fn low_128(x: &BigUint) -> u128 {
    let mut words = x.iter_u64_digits();
    let mut word = || u128::from(words.next().unwrap_or(0));
    word() | word() << 64
}

fn check_width(width: usize) {
    assert!(
        (1..=MAX_WIDTH).contains(&width),
        "a width of {width} bits is outside 1..={MAX_WIDTH}: choose a width in that range"
    );
}

impl Value {
    fn narrow(width: usize, signed: bool, bits: u128) -> Value {
        Value {
            bits: Bits::Narrow(bits & mask(width)),
            width: width as u16,
            signed,
            form: Form::Sized,
        }
    }

    fn from_big(width: usize, signed: bool, bits: BigUint) -> Value {
        if width <= NARROW {
            return Value::narrow(width, signed, low_128(&bits));
        }
        let fits = bits.bits() <= width as u64;
        Value {
            bits: Bits::Wide(if fits { bits } else { bits & big_mask(width) }),
            width: width as u16,
            signed,
            form: Form::Sized,
        }
    }

    /// An unsigned value; bits of `value` above `width` are dropped.
    pub fn unsigned(width: usize, value: u128) -> Value {
        check_width(width);
        if width <= NARROW {
            Value::narrow(width, false, value)
        } else {
            Value::from_big(width, false, value.into())
        }
    }

    /// A two's complement value; bits of `value` above `width` are dropped.
    pub fn signed(width: usize, value: i128) -> Value {
        check_width(width);
        if width <= NARROW {
            return Value::narrow(width, true, value as u128);
        }
        Value::from_bigint(width, true, &BigInt::from(value))
    }

    /// A literal: it takes the width and sign of what it meets, and must fit there.
    pub fn literal(value: i128) -> Value {
        Value {
            bits: Bits::Narrow(value as u128),
            width: 0,
            signed: true,
            form: Form::Literal,
        }
    }

    /// A value from 64-bit words, lowest first; missing words are 0, surplus bits are dropped.
    pub fn from_words(width: usize, signed: bool, words: &[u64]) -> Value {
        check_width(width);
        if width <= NARROW {
            let word = |i| u128::from(words.get(i).copied().unwrap_or(0));
            return Value::narrow(width, signed, word(0) | word(1) << 64);
        }
        let digits = words
            .iter()
            .flat_map(|w| [*w as u32, (*w >> 32) as u32])
            .collect();
        Value::from_big(width, signed, BigUint::new(digits))
    }

    /// Zero of a width and sign.
    pub fn zero(width: usize, signed: bool) -> Value {
        Value::from_words(width, signed, &[])
    }

    fn from_bigint(width: usize, signed: bool, value: &BigInt) -> Value {
        let modulus = BigInt::from(1) << width;
        let wrapped = ((value % &modulus) + &modulus) % &modulus;
        Value::from_big(width, signed, wrapped.to_biguint().expect("not negative"))
    }

    fn pattern(&self) -> BigUint {
        match &self.bits {
            Bits::Narrow(x) => BigUint::from(*x),
            Bits::Wide(x) => x.clone(),
        }
    }

    /// The number that the bits mean.
    pub fn to_bigint(&self) -> BigInt {
        if self.form == Form::Literal {
            return BigInt::from(self.to_i128());
        }
        let pattern = BigInt::from_biguint(Sign::Plus, self.pattern());
        if self.is_negative() {
            pattern - (BigInt::from(1) << self.width())
        } else {
            pattern
        }
    }

    /// Width in bits; 0 for a literal, which has none of its own.
    pub fn width(&self) -> usize {
        usize::from(self.width)
    }

    /// Whether the bits are two's complement.
    pub fn is_signed(&self) -> bool {
        self.signed
    }

    /// Whether this is an integer literal without a width of its own.
    pub fn is_literal(&self) -> bool {
        self.form == Form::Literal
    }

    /// The elaboration channel that `#[hdl_gen]` calls on `bit_cast_w(…)` and `bits(…)`: the width of a sized value,
    /// or a literal's number with [`LITERAL_TAG`] set.
    pub fn bits(&self) -> usize {
        match self.form {
            Form::Literal => (self.to_i128() as usize) & !LITERAL_TAG | LITERAL_TAG,
            _ => self.width(),
        }
    }

    fn is_negative(&self) -> bool {
        match &self.bits {
            Bits::Narrow(x) if self.form == Form::Literal => (*x as i128) < 0,
            Bits::Narrow(x) => self.signed && (x >> (self.width - 1)) & 1 == 1,
            Bits::Wide(x) => self.signed && x.bit(u64::from(self.width) - 1),
        }
    }

    /// The low 64 bits, zero-extended.
    pub fn to_u64(&self) -> u64 {
        match &self.bits {
            Bits::Narrow(x) => *x as u64,
            Bits::Wide(x) => x.iter_u64_digits().next().unwrap_or(0),
        }
    }

    /// The low 128 bits, zero-extended.
    pub fn to_u128(&self) -> u128 {
        match &self.bits {
            Bits::Narrow(x) => *x,
            Bits::Wide(x) => low_128(x),
        }
    }

    /// The number, sign-extended if signed; of a wider value its low 128 bits.
    pub fn to_i128(&self) -> i128 {
        match &self.bits {
            Bits::Narrow(x) if self.form != Form::Literal && self.signed => {
                let shift = NARROW as u32 - u32::from(self.width);
                ((*x << shift) as i128) >> shift
            }
            Bits::Narrow(x) => *x as i128,
            Bits::Wide(_) => self.to_u128() as i128,
        }
    }

    /// The number as `i64`; of a wider value its low 64 bits.
    pub fn to_i64(&self) -> i64 {
        self.to_i128() as i64
    }

    /// The bits in 64-bit words, lowest first, `width.div_ceil(64)` of them.
    pub fn words(&self) -> Vec<u64> {
        let count = self.width().div_ceil(64);
        match &self.bits {
            Bits::Narrow(x) => [*x as u64, (*x >> 64) as u64][..count.min(2)].to_vec(),
            Bits::Wide(x) => {
                let mut words = x.to_u64_digits();
                words.resize(count, 0);
                words
            }
        }
    }

    /// The same number in another width and sign: extended by its own sign, or its low bits.
    pub fn resize(&self, width: usize, signed: bool) -> Value {
        check_width(width);
        let negative = self.is_negative();
        match &self.bits {
            Bits::Narrow(_) if width <= NARROW && negative => {
                Value::narrow(width, signed, self.to_i128() as u128)
            }
            Bits::Narrow(x) if width <= NARROW => Value::narrow(width, signed, *x),
            Bits::Wide(x) if width <= NARROW => Value::narrow(width, signed, low_128(x)),
            _ if negative && width > self.width() => {
                Value::from_bigint(width, signed, &self.to_bigint())
            }
            _ => Value::from_big(width, signed, self.pattern()),
        }
    }

    /// Whether a literal's number can be represented in the width and sign.
    fn literal_fits(&self, width: usize, signed: bool) -> bool {
        let x = self.to_i128();
        match (width, signed) {
            (127.., _) => signed || x >= 0,
            (w, false) => (0..1i128 << w).contains(&x),
            (w, true) => (-(1i128 << (w - 1))..1i128 << (w - 1)).contains(&x),
        }
    }

    /// The value as a signal of this width and sign takes it, or why it cannot.
    pub fn fit(&self, width: usize, signed: bool) -> Result<Value, String> {
        match self.form {
            Form::Sized if self.width() == width && self.signed == signed => Ok(self.clone()),
            Form::Sized => Err(format!(
                "{} is needed, {} is given: cast it, or change one of the two",
                shape_name(width, signed),
                shape_name(self.width(), self.signed)
            )),
            Form::Literal if !self.literal_fits(width, signed) => Err(format!(
                "the literal {} does not fit {}",
                self.to_i128(),
                shape_name(width, signed)
            )),
            Form::Elastic { to_signed } if to_signed != signed => Err(format!(
                "{} is needed, a cast to {} is given: use {}_cast",
                shape_name(width, signed),
                if to_signed { "signed" } else { "unsigned" },
                if signed { "signed" } else { "unsigned" }
            )),
            Form::Literal | Form::Elastic { .. } => Ok(self.resize(width, signed)),
        }
    }

    /// Whether this is a sized value of exactly this width and sign.
    pub(super) fn is_shape(&self, width: usize, signed: bool) -> bool {
        self.form == Form::Sized && self.width() == width && self.signed == signed
    }

    /// Same width, sign and bits; unlike `==` it never complains.
    pub fn same(&self, other: &Value) -> bool {
        self.width == other.width && self.signed == other.signed && self.bits == other.bits
    }

    fn unify(self, other: Value, op: &str) -> (Value, Value) {
        if self.form == Form::Sized && other.form == Form::Sized {
            if self.width != other.width || self.signed != other.signed {
                mismatch(&self, &other, op);
            }
            return (self, other);
        }
        let fit = |flexible: &Value, width, signed| {
            flexible
                .fit(width, signed)
                .unwrap_or_else(|e| panic!("operands of `{op}`: {e}"))
        };
        match (self.form, other.form) {
            (Form::Sized, _) => {
                let fitted = fit(&other, self.width(), self.signed);
                (self, fitted)
            }
            (_, Form::Sized) => {
                let fitted = fit(&self, other.width(), other.signed);
                (fitted, other)
            }
            (Form::Literal, Form::Literal) => (self, other),
            _ => panic!("neither operand of `{op}` has a width of its own: use bit_cast_w on one"),
        }
    }

    fn literal_op(&self, other: &Value, f: impl Fn(i128, i128) -> i128) -> Option<Value> {
        (self.form == Form::Literal && other.form == Form::Literal)
            .then(|| Value::literal(f(self.to_i128(), other.to_i128())))
    }

    fn compare(&self, other: &Value, op: &str) -> Ordering {
        if let (Bits::Narrow(x), Bits::Narrow(y)) = (&self.bits, &other.bits)
            && self.form == Form::Sized
            && other.form == Form::Sized
            && self.width == other.width
            && self.signed == other.signed
        {
            // Moving the sign bit to the top makes one comparison serve every width.
            let shift = NARROW as u32 - u32::from(self.width);
            return if self.signed {
                ((*x << shift) as i128).cmp(&((*y << shift) as i128))
            } else {
                x.cmp(y)
            };
        }
        let (a, b) = self.clone().unify(other.clone(), op);
        a.to_bigint().cmp(&b.to_bigint())
    }

    fn need_width(&self, op: &str) {
        assert!(
            self.form == Form::Sized,
            "the left operand of `{op}` has no width of its own: use bit_cast_w"
        );
    }

    /// Lower-case hexadecimal digits of the bits, without leading zeros.
    pub fn to_hex(&self) -> String {
        match &self.bits {
            Bits::Narrow(x) => format!("{x:x}"),
            Bits::Wide(x) => format!("{x:x}"),
        }
    }
}

/// How messages name a width and sign.
pub(super) fn shape_name(width: usize, signed: bool) -> String {
    let sign = if signed { "signed" } else { "unsigned" };
    format!("{width} bit{} {sign}", if width == 1 { "" } else { "s" })
}

#[cold]
fn mismatch(a: &Value, b: &Value, op: &str) -> ! {
    panic!(
        "operands of `{op}` are {} and {}: cast one of them",
        shape_name(a.width(), a.signed),
        shape_name(b.width(), b.signed)
    )
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.form == Form::Literal {
            return write!(f, "{}", self.to_i128());
        }
        let sign = if self.signed { "s" } else { "u" };
        write!(f, "{}{sign}{}", self.to_bigint(), self.width)
    }
}
