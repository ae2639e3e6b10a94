//! The tags of an MCACHE: "What is reused" of `docs/reuse.md`.

use std::ops::{BitXor, Shr};

use crate::config::Mcache;
use crate::reuse::State;

/// A signature: 64 bits where they suffice, else 128.
pub trait Signature: Copy + Eq + Default + BitXor<Output = Self> + Shr<u32, Output = Self> {
    /// Bits.
    const WIDTH: u32;

    /// The low bits.
    fn low(self) -> usize;

    /// All bits, mixed into the upper ones of 64.
    fn mixed(self) -> u64;
}

/// An odd number whose bits are in no order: 2^64 by the golden ratio.
const MIXER: u64 = 0x9e37_79b9_7f4a_7c15;

impl Signature for u64 {
    const WIDTH: u32 = 64;

    fn low(self) -> usize {
        self as usize
    }

    fn mixed(self) -> u64 {
        self.wrapping_mul(MIXER)
    }
}

impl Signature for u128 {
    const WIDTH: u32 = 128;

    fn low(self) -> usize {
        self as usize
    }

    fn mixed(self) -> u64 {
        ((self as u64).mixed() ^ (self >> 64) as u64).mixed()
    }
}

/// The tags of an MCACHE. Ways fill up in order and are never replaced.
///
/// Equal signatures belong to the same set, so a tag is found by its signature alone: in a hash table of the host, with a place for
/// it at `mixed`, or behind it if others are there.
pub struct Table<T> {
    ways: usize,
    index_mask: usize,
    /// Distances by which a signature is folded onto its lowest slice.
    folds: Vec<u32>,
    /// Valid ways of each set.
    filled: Vec<usize>,
    /// At least twice as many as entries: never full.
    places: Vec<Place<T>>,
    /// From a `mixed` signature to its place.
    mixed_shift: u32,
    /// Places of other rounds are empty.
    round: u32,
}

#[derive(Clone, Copy, Default)]
struct Place<T> {
    signature: T,
    round: u32,
    /// The position that brought it.
    owner: u32,
    entry: u16,
}

impl<T: Signature> Table<T> {
    /// An empty table.
    pub fn new(mcache: &Mcache) -> Table<T> {
        let index_bits = mcache.sets.ilog2();
        let slices = |fold: &u32| fold << 1;
        let folds = std::iter::successors(Some(index_bits), |fold| Some(slices(fold)));
        let mut folds: Vec<u32> = folds
            .take_while(|&fold| fold > 0 && fold < T::WIDTH)
            .collect();
        folds.reverse();
        let places = (2 * mcache.entries()).next_power_of_two();
        Table {
            ways: mcache.ways,
            index_mask: mcache.sets - 1,
            folds,
            filled: vec![0; mcache.sets],
            places: vec![Place::default(); places],
            mixed_shift: u64::BITS - places.ilog2(),
            round: 1,
        }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.filled.fill(0);
        self.round += 1;
    }

    /// HIT, MAU or MNU; for the first two the entry, and the position that owns it. `position` is that of the signature.
    pub fn look_up(&mut self, signature: T, position: u32) -> (State, u16, u32) {
        let mut at = (signature.mixed() >> self.mixed_shift) as usize;
        while self.places[at].round == self.round {
            let Place { owner, entry, .. } = self.places[at];
            if self.places[at].signature == signature {
                return (State::Hit, entry, owner);
            }
            at = (at + 1) & (self.places.len() - 1);
        }
        let set = self.set(signature);
        let way = self.filled[set];
        if way == self.ways {
            return (State::Mnu, 0, position);
        }
        self.filled[set] += 1;
        let entry = (set * self.ways + way) as u16;
        self.places[at] = Place {
            signature,
            round: self.round,
            owner: position,
            entry,
        };
        (State::Mau, entry, position)
    }

    /// The exclusive or of all slices of the signature: its upper half is folded onto the lower one until one slice is left.
    fn set(&self, signature: T) -> usize {
        let fold = |rest: T, &by: &u32| rest ^ rest >> by;
        self.folds.iter().fold(signature, fold).low() & self.index_mask
    }
}
