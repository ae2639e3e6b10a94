//! What a group costs the PE set: "Items of a list" of `docs/reuse.md`, without any waiting.

use ndarray::ArrayView2;

use super::detect::GroupMap;
use crate::numeric;
use crate::reuse::{GroupWork, State};

/// Cycles between the last item and the flush, in which nothing issues.
const FLUSH_GAP: u64 = 5;

/// Cycles of the MACs of position `i`.
fn vector(map: &GroupMap, elem_skip: bool, i: usize) -> u64 {
    match elem_skip {
        true => u64::from(map.nonzero[i]).max(1),
        false => map.elements as u64,
    }
}

/// One group of a forward pass or an input gradient.
///
/// `touched` says which positions had an item in the groups of the pass so far, and is brought up to date. `clears`: the pass
/// started from zero and this is its last group.
pub fn forward(map: &GroupMap, elem_skip: bool, touched: &mut [bool], clears: bool) -> GroupWork {
    let mut work = GroupWork {
        states: map.states(),
        ..GroupWork::default()
    };
    for (i, (record, touched)) in map.records.iter().zip(touched).enumerate() {
        match record.state {
            State::Zero => work.busy += u64::from(clears && !*touched),
            State::Hit => work.busy += 1,
            State::Mau | State::Mnu => work.macs += vector(map, elem_skip, i),
        }
        *touched |= record.state != State::Zero;
    }
    work.busy += work.macs;
    work.cycles = work.busy.max(1);
    work
}

/// One group of a weight gradient for one filter block; `dy` has one row per filter of the block, one column per position.
/// `zero`: psums start from zero.
pub fn gradient(
    map: &GroupMap,
    elem_skip: bool,
    zero: bool,
    dy: ArrayView2<i16>,
    data_bits: u32,
) -> GroupWork {
    let mut work = GroupWork {
        states: map.states(),
        ..GroupWork::default()
    };
    let [_, hits, updates, others] = work.states;
    if hits + updates + others == 0 {
        work.busy = if zero { map.elements as u64 } else { 0 };
        work.cycles = work.busy.max(1);
        return work;
    }
    let mut overwrites = zero;
    let mut first_round = |i| match std::mem::take(&mut overwrites) {
        true => map.elements as u64,
        false => vector(map, elem_skip, i),
    };
    let in_state = |state| {
        let all = map.records.iter().enumerate();
        all.filter(move |(_, r)| r.state == state)
    };
    work.macs += in_state(State::Mnu)
        .map(|(i, _)| first_round(i))
        .sum::<u64>();
    let wide = wide_sums(map, dy, data_bits);
    for (i, record) in in_state(State::Mau) {
        work.macs += first_round(i);
        if wide[usize::from(record.entry)] {
            work.macs += vector(map, elem_skip, i);
        }
    }
    work.busy = hits + updates + work.macs;
    work.cycles = work.busy + if updates > 0 { FLUSH_GAP } else { 0 };
    work
}

/// Entries for which the sum of some filter's dY leaves the operand range.
fn wide_sums(map: &GroupMap, dy: ArrayView2<i16>, data_bits: u32) -> Vec<bool> {
    let joined = || {
        let all = map.records.iter().enumerate();
        all.filter(|(_, r)| matches!(r.state, State::Hit | State::Mau))
            .map(|(i, r)| (i, usize::from(r.entry)))
    };
    let mut sizes = vec![0u64; joined().map(|(_, entry)| entry + 1).max().unwrap_or(0)];
    joined().for_each(|(_, entry)| sizes[entry] += 1);
    let mut wide = vec![false; sizes.len()];
    let (low, high) = numeric::operand_range(data_bits);
    let largest = dy.fold(0, |max, v| max.max(u64::from(v.unsigned_abs())));
    let most = sizes.iter().max().copied().unwrap_or(0);
    if most * largest <= high as u64 {
        return wide;
    }
    let mut sums = vec![0i64; sizes.len()];
    for filter in dy.rows() {
        sums.fill(0);
        joined().for_each(|(i, entry)| sums[entry] += i64::from(filter[i]));
        for (wide, sum) in wide.iter_mut().zip(&sums) {
            *wide |= !(i64::from(low)..=i64::from(high)).contains(sum);
        }
    }
    wide
}
