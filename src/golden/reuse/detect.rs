//! Detection of one group of one tile: "What is reused" of `docs/reuse.md`.

use ndarray::ArrayView2;

use crate::config::Mcache;
use crate::reuse::{Mode, Projections, Record, State};

/// The Hitmap of one group of one tile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupMap {
    /// One record a position, in raster order.
    pub records: Vec<Record>,
    /// Non-zero elements of each position's vector.
    pub nonzero: Vec<u16>,
    /// Elements K of the group.
    pub elements: usize,
}

impl GroupMap {
    /// Decides about the vectors `x`, one column each.
    pub fn detect(
        x: ArrayView2<i16>,
        projections: &Projections,
        zero_skip: bool,
        mcache: &Mcache,
    ) -> GroupMap {
        let mut nonzero = vec![0u16; x.ncols()];
        for element in x.rows() {
            for (count, &v) in nonzero.iter_mut().zip(element) {
                *count += u16::from(v != 0);
            }
        }
        let mut table = Table::new(mcache);
        let decide = |(signature, &nonzero): (u128, &u16)| {
            if nonzero == 0 && zero_skip {
                return Record {
                    state: State::Zero,
                    entry: 0,
                    signature: 0,
                };
            }
            let (state, entry) = match projections.mode.looks_up() {
                true => table.look_up(signature),
                false => (State::Mnu, 0),
            };
            Record {
                state,
                entry,
                signature,
            }
        };
        let records = signatures(x, projections).into_iter().zip(&nonzero);
        let records = records.map(decide).collect();
        GroupMap {
            records,
            nonzero,
            elements: x.nrows(),
        }
    }

    /// For each position the one whose vector stands for it: the entry's first one on a HIT, else itself.
    pub fn sources(&self) -> Vec<usize> {
        let mut owner = Vec::new();
        let source = |(i, record): (usize, &Record)| {
            let entry = usize::from(record.entry);
            match record.state {
                State::Hit => owner[entry],
                State::Mau => {
                    owner.resize(owner.len().max(entry + 1), 0);
                    owner[entry] = i;
                    i
                }
                State::Zero | State::Mnu => i,
            }
        };
        self.records.iter().enumerate().map(source).collect()
    }

    /// Positions in state ZERO, HIT, MAU, MNU.
    pub fn states(&self) -> [u64; 4] {
        let mut count = [0; 4];
        for record in &self.records {
            count[record.state as usize] += 1;
        }
        count
    }
}

/// The signature of every column of `x`.
fn signatures(x: ArrayView2<i16>, projections: &Projections) -> Vec<u128> {
    let Projections {
        mode,
        n,
        bits,
        shift,
        ref matrix,
        ref offsets,
    } = *projections;
    let mut signatures = vec![0u128; x.ncols()];
    let used = match mode {
        Mode::Off | Mode::Zero => 0,
        Mode::Sign | Mode::Step => n,
        Mode::Grid => n.min(x.nrows()),
    };
    let mask = (1u32 << bits) - 1;
    let mut sum = vec![0i32; x.ncols()];
    for (j, &offset) in offsets.iter().enumerate().take(used) {
        sum.fill(offset);
        for (element, sign) in x.rows().into_iter().zip(matrix.row(j)) {
            let terms = sum.iter_mut().zip(element);
            match sign {
                1 => terms.for_each(|(sum, &v)| *sum += i32::from(v)),
                -1 => terms.for_each(|(sum, &v)| *sum -= i32::from(v)),
                _ => {}
            }
        }
        for (signature, &sum) in signatures.iter_mut().zip(&sum) {
            let value = match mode {
                Mode::Sign => u32::from(sum < 0),
                _ => (sum >> shift) as u32 & mask,
            };
            *signature |= u128::from(value) << (j * bits);
        }
    }
    signatures
}

/// The tags of an MCACHE. Ways fill up in order and are never replaced.
struct Table {
    ways: usize,
    /// Bits of a set's number.
    index_bits: u32,
    /// Valid ways of each set.
    filled: Vec<usize>,
    /// Tag of entry set·ways + way.
    tags: Vec<u128>,
}

impl Table {
    fn new(mcache: &Mcache) -> Table {
        Table {
            ways: mcache.ways,
            index_bits: mcache.sets.ilog2(),
            filled: vec![0; mcache.sets],
            tags: vec![0; mcache.entries()],
        }
    }

    /// HIT, MAU or MNU, and the entry.
    fn look_up(&mut self, signature: u128) -> (State, u16) {
        let set = self.set(signature);
        let (first, filled) = (set * self.ways, self.filled[set]);
        let valid = &self.tags[first..first + filled];
        if let Some(way) = valid.iter().position(|&tag| tag == signature) {
            return (State::Hit, (first + way) as u16);
        }
        if filled == self.ways {
            return (State::Mnu, 0);
        }
        self.tags[first + filled] = signature;
        self.filled[set] += 1;
        (State::Mau, (first + filled) as u16)
    }

    /// The exclusive or of all slices of the signature.
    fn set(&self, signature: u128) -> usize {
        if self.index_bits == 0 {
            return 0;
        }
        let (mut rest, mut set) = (signature, 0);
        while rest != 0 {
            set ^= rest as usize;
            rest >>= self.index_bits;
        }
        set & ((1 << self.index_bits) - 1)
    }
}
