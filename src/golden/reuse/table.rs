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
}

impl Signature for u64 {
    const WIDTH: u32 = 64;

    fn low(self) -> usize {
        self as usize
    }
}

impl Signature for u128 {
    const WIDTH: u32 = 128;

    fn low(self) -> usize {
        self as usize
    }
}

/// The tags of an MCACHE. Ways fill up in order and are never replaced.
pub struct Table<T> {
    ways: usize,
    index_mask: usize,
    /// Distances by which a signature is folded onto its lowest slice.
    folds: Vec<u32>,
    /// Valid ways of each set.
    filled: Vec<usize>,
    /// Tag of entry set·ways + way.
    tags: Vec<T>,
    /// The position that brought it.
    owners: Vec<u32>,
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
        Table {
            ways: mcache.ways,
            index_mask: mcache.sets - 1,
            folds,
            filled: vec![0; mcache.sets],
            tags: vec![T::default(); mcache.entries()],
            owners: vec![0; mcache.entries()],
        }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.filled.fill(0);
    }

    /// HIT, MAU or MNU; for the first two the entry, and the position that owns it. `position` is that of the signature.
    pub fn look_up(&mut self, signature: T, position: u32) -> (State, u16, u32) {
        let set = self.set(signature);
        let (first, filled) = (set * self.ways, self.filled[set]);
        let valid = &self.tags[first..first + filled];
        if let Some(way) = valid.iter().position(|tag| *tag == signature) {
            return (State::Hit, (first + way) as u16, self.owners[first + way]);
        }
        if filled == self.ways {
            return (State::Mnu, 0, position);
        }
        self.tags[first + filled] = signature;
        self.owners[first + filled] = position;
        self.filled[set] += 1;
        (State::Mau, (first + filled) as u16, position)
    }

    /// The exclusive or of all slices of the signature: its upper half is folded onto the lower one until one slice is left.
    fn set(&self, signature: T) -> usize {
        let fold = |rest: T, &by: &u32| rest ^ rest >> by;
        self.folds.iter().fold(signature, fold).low() & self.index_mask
    }
}
