//! What a group costs the PE set: "Items of a list" of `docs/reuse.md`, without any waiting.

use ndarray::ArrayView2;

use super::detect::GroupMap;
use crate::numeric;
use crate::reuse::{GroupWork, State};

/// Cycles between the last item and the flush, in which nothing issues, if elements issue directly.
const FLUSH_GAP: u64 = 5;

/// MACs of all MAU and MNU vectors, each once.
fn macs(map: &GroupMap, elem_skip: bool) -> u64 {
    let [.., updates, others] = map.counts;
    match elem_skip {
        true => map.skipping_macs,
        false => (updates + others) * map.elements as u64,
    }
}

/// One group of a forward pass or an input gradient.
///
/// `touched` says which positions had an item in the groups of the pass so far, and is brought up to date. `clears`: the pass
/// started from zero and this is its last group.
pub fn forward(map: &GroupMap, elem_skip: bool, touched: &mut [bool], clears: bool) -> GroupWork {
    let macs = macs(map, elem_skip);
    let states = map.states.iter().map(|&state| state != State::Zero);
    touched
        .iter_mut()
        .zip(states)
        .for_each(|(t, own)| *t |= own);
    let untouched = || touched.iter().filter(|t| !**t).count() as u64;
    let busy = map.counts[State::Hit as usize] + macs + if clears { untouched() } else { 0 };
    GroupWork {
        cycles: busy.max(1),
        busy,
        macs,
        states: map.counts,
    }
}

/// dY of one filter block at the positions of a tile.
pub struct BlockGradient<'a> {
    /// One row per filter, one column per position.
    dy: ArrayView2<'a, i16>,
    /// Largest magnitude at each position; that of the lowest operand counts as one less, so that one dY alone always fits.
    largest: Vec<u32>,
    data_bits: u32,
    /// Room for a number a position.
    notes: Vec<u32>,
}

impl<'a> BlockGradient<'a> {
    /// `dy` has one row per filter of the block, one column per position.
    pub fn new(dy: ArrayView2<'a, i16>, data_bits: u32) -> Self {
        let high = numeric::operand_range(data_bits).1 as u32;
        let mut largest = vec![0; dy.ncols()];
        for filter in dy.rows() {
            for (most, v) in largest.iter_mut().zip(filter) {
                *most = u32::from(v.unsigned_abs()).min(high).max(*most);
            }
        }
        BlockGradient {
            dy,
            largest,
            data_bits,
            notes: vec![],
        }
    }

    /// Representatives of the entries for which the sum of some filter's dY leaves the operand range.
    fn wide(&mut self, map: &GroupMap) -> Vec<usize> {
        let mut suspects = self.suspects(map);
        if suspects.is_empty() {
            return suspects;
        }
        // The number of a suspect, from 1, at the position of its representative.
        self.notes.fill(0);
        for (number, &by) in (1..).zip(&suspects) {
            self.notes[by] = number;
        }
        let slot = |&(i, by): &(u32, u32)| Some((i, self.notes[by as usize].checked_sub(1)?));
        let members: Vec<(u32, u32)> = map.hits.iter().filter_map(slot).collect();
        let (low, high) = numeric::operand_range(self.data_bits);
        let range = i64::from(low)..=i64::from(high);
        let (mut sums, mut wide) = (vec![0; suspects.len()], vec![false; suspects.len()]);
        for filter in self.dy.rows() {
            let own = suspects.iter().map(|&by| i64::from(filter[by]));
            sums.iter_mut().zip(own).for_each(|(sum, own)| *sum = own);
            for &(i, slot) in &members {
                sums[slot as usize] += i64::from(filter[i as usize]);
            }
            let sums = wide.iter_mut().zip(&sums);
            sums.for_each(|(wide, sum)| *wide |= !range.contains(sum));
        }
        let mut wide = wide.into_iter();
        suspects.retain(|_| wide.next() == Some(true));
        suspects
    }

    /// Representatives of the entries whose sums may leave the operand range, because those of magnitudes do.
    fn suspects(&mut self, map: &GroupMap) -> Vec<usize> {
        let high = numeric::operand_range(self.data_bits).1 as u32;
        self.notes.clone_from(&self.largest);
        let mut suspects = vec![];
        for &(i, by) in &map.hits {
            let (bound, more) = (self.notes[by as usize], self.largest[i as usize]);
            self.notes[by as usize] = bound + more;
            if bound <= high && bound + more > high {
                suspects.push(by as usize);
            }
        }
        suspects
    }
}

/// One group of a weight gradient for one filter block, whose dY is needed only if there is a HIT. `zero`: psums start from zero.
/// `flush_cycles`: [`Config::flush_cycles`](crate::config::Config::flush_cycles).
pub fn gradient(
    map: &GroupMap,
    elem_skip: bool,
    zero: bool,
    flush_cycles: u64,
    block: Option<&mut BlockGradient>,
) -> GroupWork {
    let [_, hits, updates, others] = map.counts;
    let (elements, states) = (map.elements as u64, map.counts);
    if hits + updates + others == 0 {
        let busy = if zero { elements } else { 0 };
        return GroupWork {
            cycles: busy.max(1),
            busy,
            macs: 0,
            states,
        };
    }
    let mut macs = macs(map, elem_skip);
    if zero {
        let first = map.first(State::Mnu).or_else(|| map.first(State::Mau));
        macs += first.map_or(0, |i| elements - map.macs(i, elem_skip));
    }
    let second_rounds = block.map_or(vec![], |block| block.wide(map)).into_iter();
    macs += second_rounds.map(|i| map.macs(i, elem_skip)).sum::<u64>();
    let busy = hits + updates + macs;
    GroupWork {
        cycles: busy
            + if updates > 0 {
                FLUSH_GAP + flush_cycles
            } else {
                0
            },
        busy,
        macs,
        states,
    }
}
