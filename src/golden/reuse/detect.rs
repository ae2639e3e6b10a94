//! Detection of one group of one tile: "What is reused" of `docs/reuse.md`.

use super::signatures::{Signer, count_nonzero};
use super::table::{Signature, Table};
use super::vectors::Vectors;
use crate::config::Mcache;
use crate::plan::Span;
use crate::reuse::{Record, State};

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
    entries: Vec<u16>,
    /// Bits of the signatures up to 63, and from 64 on if there are so many.
    signatures: [Vec<u64>; 2],
}

impl GroupMap {
    /// One record a position, in raster order.
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

/// Decides about groups, one after the other; keeps what they need for the next ones.
pub struct Detector<'a> {
    signers: &'a [Signer],
    zero_skip: bool,
    looks_up: bool,
    narrow: Table<u64>,
    wide: Table<u128>,
}

impl<'a> Detector<'a> {
    /// For groups of as many elements as one of the signers is for.
    pub fn new(signers: &'a [Signer], zero_skip: bool, looks_up: bool, mcache: &Mcache) -> Self {
        Detector {
            signers,
            zero_skip,
            looks_up,
            narrow: Table::new(mcache),
            wide: Table::new(mcache),
        }
    }

    /// Decides about the elements `span` of all positions.
    pub fn detect(&mut self, vectors: &Vectors, span: Span) -> GroupMap {
        let (rows, pitch) = (vectors.rows(span), vectors.pitch());
        let mut map = GroupMap {
            elements: span.len,
            nonzero: count_nonzero(rows, pitch),
            ..GroupMap::default()
        };
        map.nonzero.truncate(vectors.positions);
        let signer = self.signers.iter().find(|s| s.elements == span.len);
        let signer = signer.expect("a signer for each size of groups");
        let [mut low, mut high] = signer.sign(rows, pitch);
        low.truncate(vectors.positions);
        high.truncate(vectors.positions);
        if !self.looks_up {
            map.decide(self.zero_skip, |i| (State::Mnu, 0, i));
        } else if signer.wide {
            let signature = |i: usize| u128::from(low[i]) | u128::from(high[i]) << 64;
            map.look_up(self.zero_skip, &mut self.wide, signature);
        } else {
            map.look_up(self.zero_skip, &mut self.narrow, |i| low[i]);
        }
        map.signatures = [low, high];
        map
    }
}

impl GroupMap {
    fn look_up<T: Signature>(
        &mut self,
        zero_skip: bool,
        table: &mut Table<T>,
        signature: impl Fn(usize) -> T,
    ) {
        table.clear();
        self.decide(zero_skip, |i| table.look_up(signature(i as usize), i));
    }

    /// `found` says state, entry and representative of a position that is not skipped.
    fn decide(&mut self, zero_skip: bool, mut found: impl FnMut(u32) -> (State, u16, u32)) {
        let positions = self.nonzero.len();
        self.states.reserve_exact(positions);
        self.entries.reserve_exact(positions);
        for (i, &nonzero) in self.nonzero.iter().enumerate() {
            let (state, entry, by) = match zero_skip && nonzero == 0 {
                true => (State::Zero, 0, 0),
                false => found(i as u32),
            };
            match state {
                State::Zero => {}
                State::Hit => self.hits.push((i as u32, by)),
                State::Mau | State::Mnu => self.skipping_macs += u64::from(nonzero).max(1),
            }
            self.counts[state as usize] += 1;
            self.states.push(state);
            self.entries.push(entry);
        }
    }
}
