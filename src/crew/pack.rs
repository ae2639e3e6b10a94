//! Stream words of CREW: how encoded weights become beats, and back.

use crate::config::fc::{FcConfig, MAX_UNIQUES};
use crate::regmap::fc::STRIPE_HEADER;

use super::encode::{Block, Input};

/// Units of L bits in a slice: one unit holds one bit of the indices of a row.
pub const SLICE_UNITS: usize = 16;

/// Bits that name one of `inputs` inputs, for the stored order.
pub fn order_bits(inputs: usize) -> usize {
    inputs.next_power_of_two().ilog2() as usize
}

/// The weight stream of a block: the beats of each group, as bytes.
///
/// The last group is filled with inputs of one unique weight, 0, and indices of no bit.
pub fn weights(block: &Block, config: &FcConfig) -> Vec<Vec<u8>> {
    let padding = Input {
        uniques: vec![0],
        indices: vec![0; block.outputs],
    };
    let group = |inputs: &[Input]| {
        let mut all: Vec<&Input> = inputs.iter().collect();
        all.resize(config.multipliers, &padding);
        let stripes = all.chunks(config.stripe_inputs());
        stripes
            .flat_map(|stripe| stripe_beats(stripe, config))
            .collect()
    };
    block.inputs.chunks(config.multipliers).map(group).collect()
}

fn stripe_beats(stripe: &[&Input], config: &FcConfig) -> Vec<u8> {
    let bytes = config.slice_bytes();
    let unique_beats = |input: &&Input| input.uniques.len().div_ceil(bytes);
    let units = |input: &&Input| input.indices.len().div_ceil(config.lanes) * input.width();
    let index_beats = |input: &&Input| units(input).div_ceil(SLICE_UNITS);
    let uniques = stripe.iter().map(unique_beats).max().unwrap_or(0);
    let indices = stripe.iter().map(index_beats).max().unwrap_or(0);
    let slices: Vec<Vec<u8>> = stripe
        .iter()
        .map(|input| {
            let values = [input.width(), input.uniques.len(), uniques, indices];
            let header = STRIPE_HEADER
                .iter()
                .zip(values)
                .fold(0, |word, (field, value)| word | field.place(value as i64));
            let mut slice = header.to_le_bytes()[..4].to_vec();
            slice.resize(bytes, 0);
            slice.extend(input.uniques.iter().map(|&w| w as u8));
            slice.resize((1 + uniques) * bytes, 0);
            slice.extend(index_bytes(input, config.lanes));
            slice.resize((1 + uniques + indices) * bytes, 0);
            slice
        })
        .collect();
    interleave(&slices, bytes)
}

/// Bits of the indices in order: row by row, bit 0 of its L indices, then bit 1, …
fn index_bytes(input: &Input, lanes: usize) -> Vec<u8> {
    let width = input.width();
    let rows = input.indices.chunks(lanes);
    let bits = rows.flat_map(|row| {
        (0..width).flat_map(move |plane| {
            (0..lanes).map(move |lane| row.get(lane).is_some_and(|index| index >> plane & 1 != 0))
        })
    });
    let bits: Vec<bool> = bits.collect();
    let byte = |bits: &[bool]| {
        bits.iter()
            .rev()
            .fold(0, |byte, &bit| byte << 1 | u8::from(bit))
    };
    bits.chunks(8).map(byte).collect()
}

/// Puts the n-th `bytes` bytes of all slices beside each other: beat n.
pub fn interleave(slices: &[Vec<u8>], bytes: usize) -> Vec<u8> {
    let beats = slices.first().map_or(0, |slice| slice.len() / bytes);
    (0..beats)
        .flat_map(|n| {
            slices
                .iter()
                .flat_map(move |slice| &slice[n * bytes..(n + 1) * bytes])
                .copied()
        })
        .collect()
}

/// A weight stream that does not follow the contract.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("weight stream, beat {beat}: {what}; encode the layer again for this configuration")]
pub struct Malformed {
    /// Number of the beat.
    pub beat: usize,
    /// What is wrong.
    pub what: String,
}

/// One group as it stands in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Inputs of the group with all `rows · L` indices, those of padding outputs included.
    pub inputs: Vec<Input>,
    /// Beats of the group, headers included.
    pub beats: usize,
}

/// Reads `groups` groups of `rows` rows back from a weight stream; returns them and the number of beats read.
///
/// # Errors
/// A header out of range, counts that contradict each other, an index without unique weight, a stream that ends early.
pub fn read(
    stream: &[u8],
    groups: usize,
    rows: usize,
    config: &FcConfig,
) -> Result<(Vec<Group>, usize), Malformed> {
    let mut reader = Reader {
        beats: stream.chunks_exact(config.bus_bytes()),
        at: 0,
        config,
    };
    let mut all = Vec::new();
    for _ in 0..groups {
        let start = reader.at;
        let mut inputs = Vec::new();
        for _ in 0..config.stripes() {
            inputs.extend(reader.stripe(rows)?);
        }
        all.push(Group {
            inputs,
            beats: reader.at - start,
        });
    }
    Ok((all, reader.at))
}

struct Reader<'a> {
    beats: std::slice::ChunksExact<'a, u8>,
    at: usize,
    config: &'a FcConfig,
}

impl Reader<'_> {
    fn fail<T>(&self, what: impl Into<String>) -> Result<T, Malformed> {
        Err(Malformed {
            beat: self.at,
            what: what.into(),
        })
    }

    /// The next `beats` beats, one vector of bytes for each slice.
    fn slices(&mut self, beats: usize) -> Result<Vec<Vec<u8>>, Malformed> {
        let mut slices = vec![Vec::new(); self.config.stripe_inputs()];
        for _ in 0..beats {
            let Some(beat) = self.beats.next() else {
                return self.fail("the stream ends here");
            };
            self.at += 1;
            for (slice, bytes) in slices
                .iter_mut()
                .zip(beat.chunks_exact(self.config.slice_bytes()))
            {
                slice.extend(bytes);
            }
        }
        Ok(slices)
    }

    fn stripe(&mut self, rows: usize) -> Result<Vec<Input>, Malformed> {
        let headers: Vec<[usize; 4]> = self.slices(1)?.iter().map(|slice| header(slice)).collect();
        let [_, _, unique_beats, index_beats] = headers[0];
        let uniques = self.slices(unique_beats)?;
        let planes = self.slices(index_beats)?;
        let mut inputs = Vec::new();
        for (slot, [width, count, ..]) in headers.into_iter().enumerate() {
            if width > 8 || !(1..=MAX_UNIQUES).contains(&count) {
                return self.fail(format!("WIDTH {width} or UNIQUES {count} out of range"));
            }
            let bytes = &uniques[slot];
            if count > bytes.len() || rows * width > index_beats * SLICE_UNITS {
                return self.fail(format!(
                    "{count} unique weights or {rows} rows of {width} bits exceed their beats"
                ));
            }
            let uniques: Vec<i8> = bytes[..count].iter().map(|&byte| byte as i8).collect();
            let lanes = self.config.lanes;
            let bit = |i: usize| planes[slot][i / 8] >> (i % 8) & 1;
            let index = |row: usize, lane: usize| {
                (0..width).fold(0, |index, j| {
                    index | bit((row * width + j) * lanes + lane) << j
                })
            };
            let indices: Vec<u8> = (0..rows * lanes)
                .map(|m| index(m / lanes, m % lanes))
                .collect();
            if let Some(bad) = indices.iter().find(|&&i| usize::from(i) >= count) {
                return self.fail(format!("index {bad}, but {count} unique weights"));
            }
            inputs.push(Input { uniques, indices });
        }
        Ok(inputs)
    }
}

/// WIDTH, UNIQUES, UNIQUE_BEATS, INDEX_BEATS of a header slice.
fn header(slice: &[u8]) -> [usize; 4] {
    let word = slice[..4]
        .iter()
        .rev()
        .fold(0u64, |word, &byte| word << 8 | u64::from(byte));
    STRIPE_HEADER.map(|field| field.extract(word) as usize)
}
