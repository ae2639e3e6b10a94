//! Properties of [`Value`] against integer arithmetic and, for wide values, against bit-by-bit arithmetic.

use mercury::hdl::{Value, bit_cast_w, signed_cast, unsigned_cast};
use proptest::prelude::*;

/// The number that `bits` mean at a width and sign, in plain i128 arithmetic.
fn wrap(x: i128, width: u32, signed: bool) -> i128 {
    let low = x & ((1i128 << width) - 1);
    if signed && low >> (width - 1) & 1 == 1 {
        low - (1i128 << width)
    } else {
        low
    }
}

fn value(x: i128, width: u32, signed: bool) -> Value {
    if signed {
        Value::signed(width as usize, x)
    } else {
        Value::unsigned(width as usize, x as u128)
    }
}

/// Bits, lowest first: the slow and obvious arithmetic for any width.
type Bits = Vec<bool>;

fn to_bits(v: &Value) -> Bits {
    (0..v.width()).map(|i| v.get_bit(i)).collect()
}

fn add(a: &Bits, b: &Bits, mut carry: bool) -> Bits {
    let mut out = vec![];
    for (x, y) in a.iter().zip(b) {
        out.push(x ^ y ^ carry);
        carry = (x & y) | (carry & (x ^ y));
    }
    out
}

fn extend(a: &Bits, width: usize, signed: bool) -> Bits {
    let fill = signed && *a.last().expect("not empty");
    let mut out = a.clone();
    out.resize(width, fill);
    out
}

fn shift_left(a: &Bits, n: usize) -> Bits {
    (0..a.len()).map(|i| i >= n && a[i - n]).collect()
}

fn multiply(a: &Bits, b: &Bits, signed: bool) -> Bits {
    let width = a.len() + b.len();
    let (a, b) = (extend(a, width, signed), extend(b, width, signed));
    let mut sum = vec![false; width];
    for (i, bit) in b.iter().enumerate() {
        if *bit {
            sum = add(&sum, &shift_left(&a, i), false);
        }
    }
    sum
}

fn words(width: usize) -> impl Strategy<Value = Vec<u64>> {
    let word = prop_oneof![any::<u64>(), Just(0), Just(u64::MAX), 0u64..4];
    prop::collection::vec(word, width.div_ceil(64))
}

/// Two values of one shape, around and beyond the border between inline and heap representation, and a distance.
fn wide_pair() -> impl Strategy<Value = (Value, Value, usize)> {
    let width = prop_oneof![1usize..70, 120usize..140, 500usize..520, Just(2048usize)];
    (width, any::<bool>()).prop_flat_map(|(w, s)| {
        (words(w), words(w), 0..w + 5).prop_map(move |(a, b, n)| {
            (Value::from_words(w, s, &a), Value::from_words(w, s, &b), n)
        })
    })
}

proptest! {
    #[test]
    fn narrow_arithmetic_wraps_like_integers(
        a in any::<i64>(), b in any::<i64>(), width in 1u32..64, signed: bool, n in 0u32..70,
    ) {
        let (x, y) = (wrap(a.into(), width, signed), wrap(b.into(), width, signed));
        let (va, vb) = (value(x, width, signed), value(y, width, signed));
        let check = |v: Value, x: i128| {
            prop_assert_eq!(v.width(), width as usize);
            prop_assert_eq!(v.to_i128(), wrap(x, width, signed));
            Ok(())
        };
        check(va.clone() + vb.clone(), x + y)?;
        check(va.clone() - vb.clone(), x - y)?;
        check(va.clone() & vb.clone(), x & y)?;
        check(va.clone() | vb.clone(), x | y)?;
        check(va.clone() ^ vb.clone(), x ^ y)?;
        check(!va.clone(), !x)?;
        check(-va.clone(), -x)?;
        check(va.clone() >> n, x >> n.min(64))?;
        check(va.clone() << n, if n >= width { 0 } else { x << n })?;
        prop_assert_eq!((va.clone() * vb.clone()).to_i128(), x * y);
        prop_assert_eq!((va.clone() * vb.clone()).width(), 2 * width as usize);
        prop_assert_eq!(va < vb, x < y);
        prop_assert_eq!(va <= vb, x <= y);
        prop_assert_eq!(va == vb, x == y);
    }

    #[test]
    fn casts_keep_the_number_or_its_low_bits(a in any::<i64>(), from in 1u32..64, to in 1u32..64, signed: bool) {
        let x = wrap(a.into(), from, signed);
        let v = value(x, from, signed);
        prop_assert_eq!(bit_cast_w(v.clone(), to as usize).to_i128(), wrap(x, to, false));
        let zero = Value::zero(to as usize, true);
        prop_assert_eq!((zero + signed_cast(v.clone())).to_i128(), wrap(x, to, true));
        let zero = Value::zero(to as usize, false);
        prop_assert_eq!((unsigned_cast(v) | zero).to_i128(), wrap(x, to, false));
    }

    #[test]
    fn every_width_agrees_with_bit_by_bit_arithmetic((a, b, n) in wide_pair()) {
        let (x, y) = (to_bits(&a), to_bits(&b));
        let (w, signed) = (a.width(), a.is_signed());
        let inverted: Bits = y.iter().map(|b| !b).collect();
        prop_assert_eq!(to_bits(&(a.clone() + b.clone())), add(&x, &y, false));
        prop_assert_eq!(to_bits(&(a.clone() - b.clone())), add(&x, &inverted, true));
        prop_assert_eq!(to_bits(&!b.clone()), inverted);
        let zip = |f: fn(bool, bool) -> bool| -> Bits { x.iter().zip(&y).map(|(p, q)| f(*p, *q)).collect() };
        prop_assert_eq!(to_bits(&(a.clone() & b.clone())), zip(|p, q| p & q));
        prop_assert_eq!(to_bits(&(a.clone() | b.clone())), zip(|p, q| p | q));
        prop_assert_eq!(to_bits(&(a.clone() ^ b.clone())), zip(|p, q| p ^ q));
        prop_assert_eq!(to_bits(&(a.clone() << n)), shift_left(&x, n));
        let fill = extend(&x, 2 * w + 5, signed);
        prop_assert_eq!(to_bits(&(a.clone() >> n)), fill[n..n + w].to_vec());
        prop_assert_eq!(a.any(), x.iter().any(|b| *b));
        prop_assert_eq!(a.all(), x.iter().all(|b| *b));
        prop_assert_eq!(a.xor(), x.iter().filter(|b| **b).count() % 2 == 1);
        // Comparison: flipping the sign bit turns signed order into unsigned order.
        let key = |v: &Bits| {
            let mut v = v.clone();
            if signed {
                v[w - 1] = !v[w - 1];
            }
            v.reverse();
            v
        };
        prop_assert_eq!(a < b, key(&x) < key(&y));
        prop_assert_eq!(a >= b, key(&x) >= key(&y));
        prop_assert_eq!(a == b, x == y);
        if w < 600 {
            prop_assert_eq!(to_bits(&(a.clone() * b.clone())), multiply(&x, &y, signed));
        }
        let replaced = a.replace_bit(n, true);
        let mut expected = x.clone();
        if n < w {
            expected[n] = true;
        }
        prop_assert_eq!(to_bits(&replaced), expected);
        prop_assert_eq!(Value::from_words(w, signed, &a.words()).same(&a), true);
        for to in [1, w.div_ceil(2), w, w + 3] {
            prop_assert_eq!(to_bits(&a.resize(to, !signed)), extend(&x, to.max(w), signed)[..to].to_vec());
        }
    }
}

#[test]
fn literals_take_the_other_width() {
    let a = Value::signed(5, -1);
    assert_eq!((a.clone() + 1).to_i128(), 0);
    assert_eq!((a.clone() & 7).width(), 5);
    assert!(a == -1);
}

#[test]
#[should_panic(expected = "the literal 16 does not fit 4 bits unsigned")]
fn literals_must_fit() {
    let _ = Value::unsigned(4, 0) + 16;
}

#[test]
#[should_panic(
    expected = "operands of `+` are 8 bits unsigned and 9 bits unsigned: cast one of them"
)]
fn widths_must_agree() {
    let _ = Value::unsigned(8, 0) + Value::unsigned(9, 0);
}

#[test]
#[should_panic(expected = "operands of `<` are 8 bits unsigned and 8 bits signed")]
fn signs_must_agree() {
    let _ = Value::unsigned(8, 0) < Value::signed(8, 0);
}
