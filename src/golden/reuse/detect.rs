//! Detection of one group of one tile: "What is reused" of `docs/reuse.md`.

use super::signatures::{Signatures, Signer, count_nonzero};
use super::table::{Signature, Table};
use super::vectors::Vectors;
use crate::config::Mcache;
use crate::plan::Span;
use crate::reuse::{Record, Reuse, State};

/// The Hitmap of one group of one tile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupMap {
    /// Elements K of the group.
    pub elements: usize,
    /// Decision about each position, in raster order.
    pub states: Vec<State>,
    /// HIT positions, each with the position of its representative.
    pub hits: Vec<(u32, u32)>,
    /// Positions in state ZERO, HIT, MAU, MNU.
    pub counts: [u64; 4],
    /// MACs of all MAU and MNU vectors if zero elements are skipped.
    pub skipping_macs: u64,
    /// Non-zero elements of each position's vector.
    nonzero: Vec<u8>,
    /// Empty if records are not kept, as are the signatures.
    entries: Vec<u16>,
    /// Bits of the signatures up to 63, and from 64 on if there are so many.
    signatures: [Vec<u64>; 2],
}

impl GroupMap {
    /// One record a position, in raster order; only of a map that keeps them.
    pub fn records(&self) -> impl Iterator<Item = Record> {
        let [low, high] = &self.signatures;
        let record = move |(i, &state): (usize, &State)| Record {
            state,
            entry: self.entries[i],
            signature: match state {
                State::Zero => 0,
                _ => u128::from(low[i]) | high.get(i).map_or(0, |&high| u128::from(high) << 64),
            },
        };
        self.states.iter().enumerate().map(record)
    }

    /// Cycles of the MACs of position `i`.
    pub fn macs(&self, i: usize, elem_skip: bool) -> u64 {
        match elem_skip {
            true => u64::from(self.nonzero[i]).max(1),
            false => self.elements as u64,
        }
    }

    /// The first position in a state.
    pub fn first(&self, state: State) -> Option<usize> {
        self.states.iter().position(|&s| s == state)
    }
}

/// Decides about groups, one after the other; keeps what it needs for the next ones.
pub struct Detector<'a> {
    signers: &'a [Signer],
    zero_skip: bool,
    looks_up: bool,
    /// Whether entries and signatures stay in the Hitmaps.
    records: bool,
    narrow: Table<u64>,
    wide: Table<u128>,
    signatures: Signatures,
    entries: Vec<u16>,
    hits: Vec<(u32, u32)>,
}

impl<'a> Detector<'a> {
    /// For groups of as many elements as one of the signers is for.
    pub fn new(signers: &'a [Signer], reuse: &Reuse, mcache: &Mcache, records: bool) -> Self {
        Detector {
            signers,
            zero_skip: reuse.zero_skip,
            looks_up: reuse.mode.looks_up(),
            records,
            narrow: Table::new(mcache),
            wide: Table::new(mcache),
            signatures: Signatures::default(),
            entries: vec![],
            hits: vec![],
        }
    }

    /// Decides about the elements `span` of all positions.
    pub fn detect(&mut self, vectors: &Vectors, span: Span) -> GroupMap {
        let (rows, pitch, positions) = (vectors.rows(span), vectors.pitch(), vectors.positions);
        let mut nonzero = count_nonzero(rows, pitch);
        nonzero.truncate(positions);
        let mut map = GroupMap {
            elements: span.len,
            nonzero,
            ..GroupMap::default()
        };
        let signer = self.signers.iter().find(|s| s.elements == span.len);
        let signer = signer.expect("a signer for each size of groups");
        if self.looks_up || self.records {
            signer.sign(rows, pitch, &mut self.signatures);
        }
        self.entries.clear();
        self.entries.resize(positions, 0);
        let Signatures { low, high, .. } = &self.signatures;
        let (zero_skip, entries, hits) = (self.zero_skip, &mut self.entries, &mut self.hits);
        if !self.looks_up {
            map.skip_zeros(zero_skip);
        } else if signer.wide {
            let signature = |i: usize| u128::from(low[i]) | u128::from(high[i]) << 64;
            map.look_up(zero_skip, &mut self.wide, signature, entries, hits);
        } else {
            map.look_up(zero_skip, &mut self.narrow, |i| low[i], entries, hits);
        }
        if self.records {
            map.entries.clone_from(&self.entries);
            map.signatures = [low, high].map(|bits| bits[..positions.min(bits.len())].to_vec());
        }
        map
    }
}

impl GroupMap {
    /// Every vector that is not skipped is computed.
    fn skip_zeros(&mut self, zero_skip: bool) {
        let state = |&nonzero: &u8| match zero_skip && nonzero == 0 {
            true => State::Zero,
            false => State::Mnu,
        };
        self.states = self.nonzero.iter().map(state).collect();
        let zeros = self.nonzero.iter().filter(|&&n| n == 0).count() as u64;
        let elements: u64 = self.nonzero.iter().map(|&n| u64::from(n)).sum();
        let skipped = if zero_skip { zeros } else { 0 };
        self.counts = [skipped, 0, 0, self.nonzero.len() as u64 - skipped];
        self.skipping_macs = elements + zeros - skipped;
    }

    /// Every vector that is not skipped is looked up. `entries` are all 0 before.
    fn look_up<T: Signature>(
        &mut self,
        zero_skip: bool,
        table: &mut Table<T>,
        signature: impl Fn(usize) -> T,
        entries: &mut [u16],
        hits: &mut Vec<(u32, u32)>,
    ) {
        table.clear();
        hits.clear();
        self.states = vec![State::Zero; self.nonzero.len()];
        let places = self.states.iter_mut().zip(entries);
        let (mut updates, mut others) = (0, 0);
        for (i, (&nonzero, (state, entry))) in self.nonzero.iter().zip(places).enumerate() {
            if zero_skip && nonzero == 0 {
                continue;
            }
            let by;
            (*state, *entry, by) = table.look_up(signature(i), i as u32);
            if *state == State::Hit {
                hits.push((i as u32, by));
                continue;
            }
            self.skipping_macs += u64::from(nonzero).max(1);
            match *state {
                State::Mau => updates += 1,
                _ => others += 1,
            }
        }
        let zeros = self.nonzero.len() as u64 - hits.len() as u64 - updates - others;
        self.counts = [zeros, hits.len() as u64, updates, others];
        self.hits = hits.clone();
    }
}
