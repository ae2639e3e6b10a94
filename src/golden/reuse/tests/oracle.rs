//! `docs/reuse.md` in the plainest code possible: one position, one element at a time.

use ndarray::Array4;

use crate::config::Config;
use crate::engine::{Geometry, Op, Pass};
use crate::plan::{Scope, SetTile, Span, Tile};
use crate::reuse::{GroupWork, Mode, Projections, Record, State};

/// One vector element: its value and where it meets the weights (n, c, ky, kx).
pub struct Element {
    value: i64,
    weight: [usize; 4],
}

/// Positions of a tile in raster order.
pub fn positions(tile: &Tile) -> Vec<[usize; 3]> {
    let mut all = vec![];
    for b in tile.images.range() {
        for y in tile.rows.range() {
            for x in tile.cols.range() {
                all.push([b, y, x]);
            }
        }
    }
    all
}

/// (channels, kernel rows) of each group.
pub fn groups(scope: &Scope) -> Vec<(Span, Span)> {
    let (g, view) = (&scope.grouping, &scope.view);
    let mut all = vec![];
    let mut c = 0;
    while c < view.channels {
        let channels = Span::new(c, g.cg.min(view.channels - c));
        let mut kr = 0;
        while kr < view.rows.taps {
            all.push((channels, Span::new(kr, g.kr.min(view.rows.taps - kr))));
            kr += g.kr;
        }
        c += g.cg;
    }
    all
}

/// Kernel rows or columns that meet output coordinate `at` (of dX or y) in the order of the input coordinates they read, with those.
fn taps(op: &Op, axis: usize, at: usize) -> Vec<(usize, i64)> {
    let g = op.geometry;
    let pad = [g.padding.top, g.padding.left][axis] as i64;
    let (stride, dilation, at) = (g.stride[axis] as i64, g.dilation[axis] as i64, at as i64);
    let mut all = vec![];
    for k in 0..g.kernel[axis] {
        let reach = k as i64 * dilation;
        if op.pass != Pass::InputGrad {
            all.push((k, at * stride + reach - pad));
        } else if (at + pad - reach).rem_euclid(stride) == 0 {
            all.insert(0, (k, (at + pad - reach).div_euclid(stride)));
        }
    }
    all
}

/// The vector of one position of one group.
pub fn vector(
    op: &Op,
    scope: &Scope,
    conv_group: usize,
    (channels, kernel_rows): (Span, Span),
    [b, y, x]: [usize; 3],
) -> Vec<Element> {
    let g: &Geometry = op.geometry;
    let view = &scope.view;
    // A weight gradient of many taps comes in pieces of the kernel.
    let gradient = op.pass == Pass::WeightGrad;
    let first = |tap: usize| if gradient { tap } else { 0 };
    let rows = taps(op, 0, view.rows.output_first + y * view.rows.output_step);
    let cols = taps(op, 1, view.cols.output_first + x * view.cols.output_step);
    let [_, size, height, width]: [usize; 4] = op.a.dim().into();
    let mut all = vec![];
    for c in channels.range() {
        for kr in kernel_rows.range() {
            for kc in 0..view.cols.taps {
                let (ky, iy) = rows[first(view.rows.tap_first) + kr];
                let (kx, ix) = cols[first(view.cols.tap_first) + kc];
                let channel = conv_group * (size / g.groups) + c;
                let outside = iy < 0 || ix < 0 || iy >= height as i64 || ix >= width as i64;
                let value = match outside {
                    true => 0,
                    false => i64::from(op.a[[b, channel, iy as usize, ix as usize]]),
                };
                let weight = match op.pass {
                    Pass::InputGrad => [channel, 0, ky, kx],
                    _ => [0, c, ky, kx],
                };
                all.push(Element { value, weight });
            }
        }
    }
    all
}

fn signature(x: &[Element], p: &Projections) -> u128 {
    let mut signature = 0;
    for j in 0..p.n {
        if p.mode == Mode::Zero || (p.mode == Mode::Grid && j >= x.len()) {
            continue;
        }
        let mut sum = 0;
        for (k, element) in x.iter().enumerate() {
            sum += i64::from(p.matrix[[j, k]]) * element.value;
        }
        let value = match p.mode {
            Mode::Sign => i64::from(sum < 0),
            _ => (sum + i64::from(p.offsets[j]))
                .div_euclid(1 << p.shift)
                .rem_euclid(1 << p.bits),
        };
        for u in 0..p.bits {
            signature |= u128::from(value as u64 >> u & 1) << (j * p.bits + u);
        }
    }
    signature
}

fn cache_set(signature: u128, config: &Config) -> usize {
    let mut width = 0;
    while 1 << width < config.mcache.sets {
        width += 1;
    }
    let mut set = 0;
    for bit in 0..config.sig_w {
        if width > 0 {
            set ^= ((signature >> bit & 1) as usize) << (bit % width);
        }
    }
    set
}

/// One group of one tile: a record and the representing position of each position.
pub fn detect(
    vectors: &[Vec<Element>],
    op: &Op,
    p: &Projections,
    config: &Config,
) -> (Vec<Record>, Vec<usize>) {
    let mut valid: Vec<Option<(u128, usize)>> = vec![None; config.mcache.sets * config.mcache.ways];
    let (mut records, mut representatives) = (vec![], vec![]);
    for (i, x) in vectors.iter().enumerate() {
        let record = |state, entry: usize, signature| Record {
            state,
            entry: entry as u16,
            signature,
        };
        let zero = x.iter().all(|element| element.value == 0);
        let own = signature(x, p);
        let first = cache_set(own, config) * config.mcache.ways;
        let mut found = record(State::Mnu, 0, own);
        let mut representative = i;
        if zero && op.reuse.zero_skip {
            found = record(State::Zero, 0, 0);
        } else if p.mode != Mode::Zero {
            let ways = first..first + config.mcache.ways;
            for (entry, slot) in ways.clone().zip(&mut valid[ways]) {
                match *slot {
                    Some((tag, by)) if tag == own => {
                        found = record(State::Hit, entry, own);
                        representative = by;
                        break;
                    }
                    Some(_) => {}
                    None => {
                        found = record(State::Mau, entry, own);
                        *slot = Some((own, i));
                        break;
                    }
                }
            }
        }
        records.push(found);
        representatives.push(representative);
    }
    (records, representatives)
}

/// The result and the records of every (scope, convolution group, tile, group).
pub fn run(
    op: &Op,
    scopes: &[Scope],
    projections: &[Projections],
    config: &Config,
) -> (Array4<i64>, Vec<Vec<Record>>) {
    let g = op.geometry;
    let [.., shape] = g.shapes(op.pass);
    let (mut y, mut all) = (Array4::zeros(shape), vec![]);
    for (scope, p) in scopes.iter().zip(projections) {
        let filters = scope.view.filters;
        for conv_group in 0..g.groups {
            for tile in &scope.tiles {
                for group in groups(scope) {
                    let places = positions(tile);
                    let vectors: Vec<_> = places
                        .iter()
                        .map(|&at| vector(op, scope, conv_group, group, at))
                        .collect();
                    let (records, representatives) = detect(&vectors, op, p, config);
                    for (i, &[b, row, col]) in places.iter().enumerate() {
                        if records[i].state == State::Zero {
                            continue;
                        }
                        let view = &scope.view;
                        let row = view.rows.output_first + row * view.rows.output_step;
                        let col = view.cols.output_first + col * view.cols.output_step;
                        for filter in conv_group * filters..(conv_group + 1) * filters {
                            for (k, element) in vectors[representatives[i]].iter().enumerate() {
                                let [n, c, ky, kx] = vectors[i][k].weight;
                                match op.pass {
                                    Pass::Forward => {
                                        let w = i64::from(op.b[[filter, c, ky, kx]]);
                                        y[[b, filter, row, col]] += element.value * w;
                                    }
                                    Pass::InputGrad => {
                                        let f = filter - conv_group * filters;
                                        let w = i64::from(op.b[[n, f, ky, kx]]);
                                        y[[b, filter, row, col]] += element.value * w;
                                    }
                                    Pass::WeightGrad => {
                                        let dy = i64::from(op.b[[b, filter, row, col]]);
                                        y[[filter, c, ky, kx]] += element.value * dy;
                                    }
                                }
                            }
                        }
                    }
                    all.push(records);
                }
            }
        }
    }
    (y, all)
}

/// The work of a tile that a PE set is given, cycle by cycle: `I` issues, `M` multiplies for a result, `.` neither.
pub fn work(
    op: &Op,
    scope: &Scope,
    p: &Projections,
    config: &Config,
    given: &SetTile,
) -> Vec<GroupWork> {
    let places = positions(&given.tile);
    let mut touched = vec![false; places.len()];
    let mut all = vec![];
    let range: Vec<_> = groups(scope)
        .into_iter()
        .filter(|(c, _)| given.channels.start <= c.start && c.start < given.channels.end())
        .collect();
    for (number, &group) in range.iter().enumerate() {
        let vectors: Vec<_> = places
            .iter()
            .map(|&at| vector(op, scope, given.group, group, at))
            .collect();
        let (records, _) = detect(&vectors, op, p, config);
        let full = vectors[0].len();
        let macs = |i: usize, all: bool| {
            let some = vectors[i].iter().filter(|e| e.value != 0).count().max(1);
            "M".repeat(if op.reuse.elem_skip && !all {
                some
            } else {
                full
            })
        };
        let mut cycles = String::new();
        if op.pass == Pass::WeightGrad {
            let mut fresh = given.zero;
            let mut order = vec![];
            for (i, record) in records.iter().enumerate() {
                match record.state {
                    State::Zero => {}
                    State::Hit => cycles += "I",
                    State::Mau => {
                        cycles += "I";
                        order.push(i);
                    }
                    State::Mnu => {
                        cycles += &macs(i, fresh);
                        fresh = false;
                    }
                }
            }
            if records.iter().all(|r| r.state == State::Zero) {
                cycles += &if given.zero {
                    "I".repeat(full)
                } else {
                    ".".into()
                };
            }
            if !order.is_empty() {
                cycles += &".".repeat(5 + config.flush_cycles());
            }
            for i in order {
                cycles += &macs(i, fresh);
                fresh = false;
                if is_wide(op, config, scope, given, &records, i) {
                    cycles += &macs(i, false);
                }
            }
        } else {
            let last = given.zero && number + 1 == range.len();
            for (i, record) in records.iter().enumerate() {
                match record.state {
                    State::Zero if last && !touched[i] => cycles += "I",
                    State::Zero => {}
                    State::Hit => cycles += "I",
                    State::Mau | State::Mnu => cycles += &macs(i, false),
                }
                touched[i] |= record.state != State::Zero;
            }
            if cycles.is_empty() {
                cycles += ".";
            }
        }
        let count = |marks: &[char]| cycles.chars().filter(|c| marks.contains(c)).count() as u64;
        let state = |s| records.iter().filter(|r| r.state == s).count() as u64;
        all.push(GroupWork {
            cycles: cycles.len() as u64,
            busy: count(&['I', 'M']),
            macs: count(&['M']),
            states: [State::Zero, State::Hit, State::Mau, State::Mnu].map(state),
        });
    }
    all
}

/// Whether some PE's sum of dY over the positions of the entry that position `mau` took leaves the operand range.
fn is_wide(
    op: &Op,
    config: &Config,
    scope: &Scope,
    given: &SetTile,
    records: &[Record],
    mau: usize,
) -> bool {
    let filters = scope.view.filters;
    for pe in 0..config.pes {
        let f = given.blocks.start * config.pes + pe;
        if f >= filters {
            continue; // no filter: its dY is 0
        }
        let mut sum = 0;
        for (record, [b, y, x]) in records.iter().zip(positions(&given.tile)) {
            let joined = matches!(record.state, State::Hit | State::Mau);
            if joined && record.entry == records[mau].entry {
                sum += i64::from(op.b[[b, given.group * filters + f, y, x]]);
            }
        }
        let limit = 1i64 << (config.data_w - 1);
        if sum < -limit || sum >= limit {
            return true;
        }
    }
    false
}
