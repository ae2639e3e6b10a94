//! Signatures of many vectors at once: "What is reused" of `docs/reuse.md`.
//!
//! Positions are handled in blocks of [`LANES`], so that every step is a loop over a block that the compiler makes vector
//! instructions of: sums in 32 bits, signatures in words of 32 bits that are joined at the end.

use multiversion::multiversion;

use super::vectors::LANES;
use crate::reuse::{Mode, Projections};

/// Words of the widest signature.
const WORDS: usize = 4;

type Block<T> = [T; LANES];

/// What makes the signatures of groups of K elements.
pub struct Signer {
    /// Elements of a vector.
    pub elements: usize,
    /// Whether a signature has more than 64 bits.
    pub wide: bool,
    fields: Vec<Field>,
}

/// One projection.
struct Field {
    /// Elements added, and elements subtracted.
    terms: [Vec<usize>; 2],
    offset: i32,
    shift: u32,
    /// Only the sign counts.
    sign: bool,
    bits: usize,
    /// First bit in the signature.
    at: usize,
}

impl Signer {
    /// For groups of `elements` elements.
    pub fn new(projections: &Projections, elements: usize) -> Signer {
        let Projections { mode, n, bits, .. } = *projections;
        let used = match mode {
            Mode::Off | Mode::Zero => 0,
            Mode::Sign | Mode::Step => n,
            Mode::Grid => n.min(elements),
        };
        let field = |j: usize| {
            let row = projections.matrix.row(j);
            let with = |sign| (0..elements).filter(|&k| row[k] == sign).collect();
            Field {
                terms: [with(1), with(-1)],
                offset: projections.offsets[j],
                shift: projections.shift,
                sign: mode == Mode::Sign,
                bits,
                at: j * bits,
            }
        };
        Signer {
            elements,
            wide: used * bits > 64,
            fields: (0..used).map(field).collect(),
        }
    }

    /// Signatures of the columns of `rows` (one row an element, `pitch` columns): the low 64 bits of each, and the others if the
    /// signature is wide.
    pub fn sign(&self, rows: &[i16], pitch: usize) -> [Vec<u64>; 2] {
        let mut low = vec![0; pitch];
        let mut high = vec![0; if self.wide { pitch } else { 0 }];
        sign(self, rows, pitch, &mut low, &mut high);
        [low, high]
    }
}

#[multiversion(targets("x86_64+avx2"))]
fn sign(signer: &Signer, rows: &[i16], pitch: usize, low: &mut [u64], high: &mut [u64]) {
    let mut x = vec![[0i32; LANES]; signer.elements];
    for first in (0..pitch).step_by(LANES) {
        for (k, x) in x.iter_mut().enumerate() {
            let row = &rows[k * pitch + first..][..LANES];
            x.iter_mut().zip(row).for_each(|(x, &v)| *x = i32::from(v));
        }
        let mut words = [[0u32; LANES]; WORDS];
        for field in &signer.fields {
            let mut sum: Block<i32> = [field.offset; LANES];
            for &k in &field.terms[0] {
                sum.iter_mut().zip(&x[k]).for_each(|(sum, v)| *sum += v);
            }
            for &k in &field.terms[1] {
                sum.iter_mut().zip(&x[k]).for_each(|(sum, v)| *sum -= v);
            }
            let mask = (1u32 << field.bits) - 1;
            let value: Block<u32> = match field.sign {
                true => sum.map(|sum| sum as u32 >> 31),
                false => sum.map(|sum| (sum >> field.shift) as u32 & mask),
            };
            let (word, bit) = (field.at / 32, field.at % 32);
            let low = words[word].iter_mut().zip(&value);
            low.for_each(|(word, value)| *word |= value << bit);
            if bit + field.bits > 32 {
                let high = words[word + 1].iter_mut().zip(&value);
                high.for_each(|(word, value)| *word |= value >> (32 - bit));
            }
        }
        join(&words[..2], &mut low[first..][..LANES]);
        if signer.wide {
            join(&words[2..], &mut high[first..][..LANES]);
        }
    }
}

#[inline(always)]
fn join(words: &[Block<u32>], to: &mut [u64]) {
    let words = words[0].iter().zip(&words[1]);
    let joined = words.map(|(&low, &high)| u64::from(low) | u64::from(high) << 32);
    to.iter_mut().zip(joined).for_each(|(to, word)| *to = word);
}

/// Non-zero elements of the columns of `rows` (one row an element, `pitch` columns).
pub fn count_nonzero(rows: &[i16], pitch: usize) -> Vec<u8> {
    let mut counts = vec![0; pitch];
    let rows = rows.chunks_exact(pitch);
    rows.for_each(|row| add_nonzero(row, &mut counts));
    counts
}

#[multiversion(targets("x86_64+avx2"))]
fn add_nonzero(row: &[i16], counts: &mut [u8]) {
    for (count, &v) in counts.iter_mut().zip(row) {
        *count += u8::from(v != 0);
    }
}
