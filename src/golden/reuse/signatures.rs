//! Signatures of many vectors at once: "What is reused" of `docs/reuse.md`.
//!
//! Positions are handled in blocks that stay in the first-level cache, and every step is a plain loop over a block's positions, of
//! which the compiler makes vector instructions: sums in 32 bits, signatures in words of 32 bits that are joined at the end.

use multiversion::multiversion;

use crate::reuse::{Mode, Projections};

/// Words of the widest signature.
const WORDS: usize = 4;
/// Positions of a block.
const BLOCK: usize = 64;

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
    /// Elements added, and K more than each element subtracted.
    terms: Vec<usize>,
    offset: i32,
    /// Bits dropped; all but the sign in mode `sign`.
    shift: u32,
    /// The bits that count.
    mask: i32,
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
            let with = |sign| (0..elements).filter(move |&k| row[k] == sign);
            Field {
                terms: with(1).chain(with(-1).map(|k| elements + k)).collect(),
                offset: projections.offsets[j],
                shift: match mode {
                    Mode::Sign => i32::BITS - 1,
                    _ => projections.shift,
                },
                mask: (1 << bits) - 1,
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

    /// Signs the columns of `rows` (one row an element, `pitch` columns).
    pub fn sign(&self, rows: &[i16], pitch: usize, signatures: &mut Signatures) {
        let Signatures { low, high, x } = signatures;
        low.resize(pitch, 0);
        high.resize(if self.wide { pitch } else { 0 }, 0);
        x.resize(2 * self.elements * BLOCK, 0);
        sign(self, rows, pitch, x, [low, high]);
    }
}

/// The signatures of a group's vectors.
#[derive(Default)]
pub struct Signatures {
    /// Bits up to 63 of each.
    pub low: Vec<u64>,
    /// Bits from 64 on, if they are wide.
    pub high: Vec<u64>,
    /// Room for a block: the elements, and the elements negated, so that all terms are added.
    x: Vec<i32>,
}

#[multiversion(targets("x86_64+avx2"))]
fn sign(signer: &Signer, rows: &[i16], pitch: usize, x: &mut [i32], [low, high]: [&mut [u64]; 2]) {
    let elements = signer.elements;
    let (mut sums, mut words) = ([0i32; BLOCK], [[0u32; BLOCK]; WORDS]);
    for first in (0..pitch).step_by(BLOCK) {
        let len = BLOCK.min(pitch - first);
        let (plus, minus) = x.split_at_mut(elements * BLOCK);
        let blocks = plus
            .chunks_exact_mut(BLOCK)
            .zip(minus.chunks_exact_mut(BLOCK));
        for (row, (plus, minus)) in rows.chunks_exact(pitch).zip(blocks) {
            for ((&v, plus), minus) in row[first..][..len].iter().zip(plus).zip(minus) {
                (*plus, *minus) = (i32::from(v), -i32::from(v));
            }
        }
        words.iter_mut().for_each(|word| word[..len].fill(0));
        for field in &signer.fields {
            let sums = &mut sums[..len];
            sums.fill(field.offset);
            let term = |k: usize| &x[k * BLOCK..][..len];
            let mut fours = field.terms.chunks_exact(4);
            for four in &mut fours {
                let [a, b, c, d] = [0, 1, 2, 3].map(|i| term(four[i]));
                for ((((sum, a), b), c), d) in sums.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                    *sum += a + b + c + d;
                }
            }
            for &k in fours.remainder() {
                for (sum, v) in sums.iter_mut().zip(term(k)) {
                    *sum += v;
                }
            }
            let (word, bit) = (field.at / 32, field.at % 32);
            for (sum, to) in sums.iter_mut().zip(&mut words[word][..len]) {
                *sum = (*sum >> field.shift) & field.mask;
                *to |= (*sum as u32) << bit;
            }
            if bit + field.bits > 32 {
                for (sum, to) in sums.iter().zip(&mut words[word + 1][..len]) {
                    *to |= (*sum as u32) >> (32 - bit);
                }
            }
        }
        join(&words[..2], &mut low[first..][..len]);
        if signer.wide {
            join(&words[2..], &mut high[first..][..len]);
        }
    }
}

#[inline(always)]
fn join(words: &[[u32; BLOCK]], to: &mut [u64]) {
    for ((to, &low), &high) in to.iter_mut().zip(&words[0]).zip(&words[1]) {
        *to = u64::from(low) | u64::from(high) << 32;
    }
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
