//! The arithmetic contract: quantisation, rounding and saturation.
//!
//! An operand is a signed two's-complement integer of `data_bits` bits (16 or 8) with one power-of-two exponent
//! per tensor. Products and sums are integers in an accumulator wide enough never to overflow, so the order of
//! additions never matters. `docs/numerics.md` states the same rules in prose; the hardware is written from it and
//! shares no code with this module.

use anyhow::{Result, ensure};
use ndarray::{Array, ArrayRef, Dimension};

/// Largest right shift of a drain.
pub const MAX_SHIFT: u32 = 47;

/// Refuses operand widths other than 16 and 8 bits.
///
/// # Errors
/// Names the width and the legal ones.
pub fn check_data_bits(data_bits: u32) -> Result<()> {
    ensure!(
        matches!(data_bits, 8 | 16),
        "operand width is {data_bits} bits: use 16 or 8"
    );
    Ok(())
}

/// Smallest and largest operand of `data_bits` bits.
pub fn operand_range(data_bits: u32) -> (i16, i16) {
    let high = i16::MAX >> (16 - data_bits);
    (-high - 1, high)
}

/// Width of the accumulator: 48 bits for 16-bit operands, 32 for 8-bit ones.
pub fn acc_bits(data_bits: u32) -> u32 {
    if data_bits == 16 { 48 } else { 32 }
}

/// Most products that an accumulator sums without overflow whatever the operands:
/// the largest t with t · 2^(2·data_bits−2) < 2^(acc_bits−1).
pub fn max_terms(data_bits: u32) -> u64 {
    (1 << (acc_bits(data_bits) - 1 - (2 * data_bits - 2))) - 1
}

/// 2^n as a 64-bit float, for −1022 ≤ n ≤ 1023.
pub fn exp2(n: i32) -> f64 {
    debug_assert!((-1022..=1023).contains(&n));
    f64::from_bits(((1023 + n) as u64) << 52)
}

/// A tensor of operands: value = `values` · 2^`exponent`.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantised<D: Dimension> {
    /// The operands.
    pub values: Array<i16, D>,
    /// The tensor's exponent e.
    pub exponent: i32,
}

/// Quantises a tensor: e is the smallest exponent with round(max|v| / 2^e) ≤ 2^(data_bits−1) − 1
/// (0 for a tensor of zeros), each value is v / 2^e rounded half to even.
///
/// # Errors
/// A value that is not finite, with its index.
///
/// ```
/// use mercury::numeric::quantise;
/// let q = quantise(&ndarray::arr1(&[1.0, -0.5, 0.0]), 8)?;
/// assert_eq!((q.values.to_vec(), q.exponent), (vec![64, -32, 0], -6));
/// # anyhow::Ok(())
/// ```
pub fn quantise<D: Dimension>(values: &ArrayRef<f32, D>, data_bits: u32) -> Result<Quantised<D>> {
    check_data_bits(data_bits)?;
    if let Some((index, v)) = values.iter().enumerate().find(|(_, v)| !v.is_finite()) {
        anyhow::bail!(
            "element {index} of a tensor of shape {:?} is {v}: lower the learning rate",
            values.shape()
        );
    }
    let max = values.fold(0f32, |m, v| m.max(v.abs()));
    let exponent = exponent_for(f64::from(max), data_bits);
    let scale = exp2(-exponent);
    // Both the scaling and the cast are exact: f64 holds every f32 times any power of two met here.
    let values = values.mapv(|v| round_ties_even(f64::from(v) * scale) as i16);
    Ok(Quantised { values, exponent })
}

/// Rounds half to even what is below 2^51 in magnitude: with 3·2^51 added, the bits behind the point are lost. Unlike
/// `f64::round_ties_even` no call of a library on processors without an instruction for it.
fn round_ties_even(v: f64) -> i32 {
    const ORIGIN: f64 = (3u64 << 51) as f64;
    ((v + ORIGIN) - ORIGIN) as i32
}

/// Smallest e with round(max / 2^e) ≤ 2^(data_bits−1) − 1; 0 for max = 0.
fn exponent_for(max: f64, data_bits: u32) -> i32 {
    if max == 0.0 {
        return 0;
    }
    let log2 = ((max.to_bits() >> 52) & 0x7ff) as i32 - 1023; // floor; an f32 is never subnormal as f64
    let exponent = log2 - (data_bits as i32 - 2);
    let rounded = (max * exp2(-exponent)).round_ties_even();
    if rounded <= f64::from(operand_range(data_bits).1) {
        exponent
    } else {
        exponent + 1
    }
}

/// A requantised sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requantised {
    /// The operand-width integer.
    pub value: i16,
    /// Whether the rounded value was beyond the operand range.
    pub saturated: bool,
}

/// Drains a sum: arithmetic shift right by `shift` ≤ [`MAX_SHIFT`], round half to even, saturate to `data_bits`.
///
/// ```
/// use mercury::numeric::requantise;
/// let values = [6, 10, -6, -10, 1 << 20].map(|acc| requantise(acc, 2, 16).value);
/// assert_eq!(values, [2, 2, -2, -2, 32767]); // 1.5, 2.5, −1.5, −2.5: ties go to even
/// ```
#[inline(always)]
pub fn requantise(acc: i64, shift: u32, data_bits: u32) -> Requantised {
    let rounded = if shift == 0 {
        acc
    } else {
        let floor = acc >> shift;
        let rest = acc as u64 & ((1 << shift) - 1);
        let half = 1 << (shift - 1);
        floor + i64::from((rest > half) | ((rest == half) & (floor & 1 == 1)))
    };
    let (low, high) = operand_range(data_bits);
    let value = rounded.clamp(low.into(), high.into());
    Requantised {
        value: value as i16,
        saturated: value != rounded,
    }
}

/// The drain shift for a layer and pass whose largest magnitude in the previous batch was `max_abs`: the smallest
/// s with 2 · `max_abs` ≤ (2^(data_bits−1) − 1) · 2^s, so that sums may double before one saturates; at most
/// [`MAX_SHIFT`], which no sum of an accumulator reaches.
pub fn shift_for(max_abs: u64, data_bits: u32) -> u32 {
    let high = operand_range(data_bits).1 as u128;
    let wanted = 2 * u128::from(max_abs);
    (0..MAX_SHIFT)
        .find(|&s| wanted <= high << s)
        .unwrap_or(MAX_SHIFT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::arr1;
    use proptest::prelude::*;

    /// Round half to even of num / 2^shift, by comparing distances of candidates: no shifts, no masks.
    fn round_ratio(num: i128, shift: u32) -> i128 {
        let den = 1i128 << shift;
        let below = num.div_euclid(den);
        let (down, up) = (num - below * den, (below + 1) * den - num);
        match down.cmp(&up) {
            std::cmp::Ordering::Less => below,
            std::cmp::Ordering::Greater => below + 1,
            std::cmp::Ordering::Equal => below + below.rem_euclid(2),
        }
    }

    /// An f32 as integer · 2^exponent.
    fn rational(v: f32) -> (i128, i32) {
        let bits = v.to_bits();
        let (field, fraction) = ((bits >> 23 & 0xff) as i32, i128::from(bits & 0x7f_ffff));
        let (mantissa, exponent) = if field == 0 {
            (fraction, -149)
        } else {
            (fraction | 1 << 23, field - 150)
        };
        (if bits >> 31 == 1 { -mantissa } else { mantissa }, exponent)
    }

    /// round(v / 2^e) from the rational form; `None` when far beyond any operand.
    fn divide(v: f32, e: i32) -> Option<i128> {
        let (mantissa, exponent) = rational(v);
        match exponent - e {
            _ if mantissa == 0 => Some(0),
            left @ 0..=40 => Some(mantissa << left),
            41.. => None,
            right => Some(round_ratio(mantissa, (-right).min(100) as u32)),
        }
    }

    fn bits() -> impl Strategy<Value = u32> {
        prop_oneof![Just(8u32), Just(16)]
    }

    proptest! {
        #[test]
        fn requantise_is_the_rounded_quotient(acc: i64, narrow in 0u32..=63, shift in 0u32..=MAX_SHIFT, bits in bits()) {
            let acc = acc >> narrow;
            let want = round_ratio(acc.into(), shift);
            let (low, high) = (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1);
            let got = requantise(acc, shift, bits);
            prop_assert_eq!(i128::from(got.value), want.clamp(low, high));
            prop_assert_eq!(got.saturated, want < low || want > high);
        }

        #[test]
        fn ties_go_to_even(whole in -40_000i64..40_000, shift in 1u32..40) {
            let acc = (whole << shift) + (1 << (shift - 1));
            let want = whole + (whole & 1);
            prop_assert_eq!(i64::from(requantise(acc, shift, 16).value), want.clamp(-32768, 32767));
        }

        #[test]
        fn quantise_follows_its_definition(
            raw in prop::collection::vec(any::<f32>().prop_filter("finite", |v| v.is_finite()), 1..20), bits in bits()
        ) {
            let q = quantise(&arr1(&raw), bits).unwrap();
            let high = (1i128 << (bits - 1)) - 1;
            let max = raw.iter().fold(0f32, |m, v| m.max(v.abs()));
            let fits = |e| divide(max, e).is_some_and(|v| v <= high);
            if max == 0.0 {
                prop_assert_eq!(q.exponent, 0);
            } else {
                prop_assert!(fits(q.exponent), "exponent {} is too small", q.exponent);
                prop_assert!(!fits(q.exponent - 1), "exponent {} is not the smallest", q.exponent);
            }
            for (v, got) in raw.iter().zip(&q.values) {
                prop_assert_eq!(Some(i128::from(*got)), divide(*v, q.exponent));
            }
        }

        #[test]
        fn shift_leaves_one_bit_of_headroom_and_no_more(max in 0u64..1 << 48, narrow in 0u32..48, bits in bits()) {
            let max = max >> narrow;
            let s = shift_for(max, bits);
            let fits = |s: u32| 2 * i128::from(max) <= ((1i128 << (bits - 1)) - 1) << s;
            prop_assert!(fits(s) && (s == 0 || !fits(s - 1)));
        }
    }

    #[test]
    fn rounding_up_to_the_next_power_of_two_takes_the_next_exponent() {
        // 127.5 rounds to 128, beyond 8 bits; 127.4 stays.
        assert_eq!(quantise(&arr1(&[127.5]), 8).unwrap().exponent, 1);
        assert_eq!(quantise(&arr1(&[127.4]), 8).unwrap().exponent, 0);
        assert_eq!(quantise(&arr1(&[0.0, -0.0]), 16).unwrap().exponent, 0);
    }

    #[test]
    fn extremes_of_f32_quantise() {
        assert_eq!(quantise(&arr1(&[f32::MAX]), 16).unwrap().exponent, 114);
        let tiny = quantise(&arr1(&[f32::from_bits(1)]), 16).unwrap();
        assert_eq!((tiny.values[0], tiny.exponent), (1 << 14, -163));
    }

    #[test]
    fn values_that_are_not_finite_are_refused_with_their_index() {
        let error = quantise(&arr1(&[0.0, f32::NAN]), 16)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("element 1") && error.contains("NaN"),
            "{error}"
        );
        assert!(quantise(&arr1(&[f32::INFINITY]), 16).is_err());
        assert!(
            quantise(&arr1(&[1.0]), 12)
                .unwrap_err()
                .to_string()
                .contains("12 bits: use 16 or 8")
        );
    }

    #[test]
    fn accumulators_hold_the_longest_chain_of_the_largest_products() {
        for bits in [8, 16] {
            let largest = i128::from(operand_range(bits).0).pow(2) * i128::from(max_terms(bits));
            let limit = 1i128 << (acc_bits(bits) - 1);
            assert!(largest < limit && largest + i128::from(operand_range(bits).0).pow(2) >= limit);
        }
    }
}
