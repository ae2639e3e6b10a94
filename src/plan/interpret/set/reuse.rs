//! Reuse in one PE set of the interpreter: the work on a group's list. See `docs/reuse.md`.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};

use super::super::Run;
use super::super::met::Met;
use super::detect::{Vector, group_size};
use super::{Active, Set};
use crate::regmap::JobRegs;
use crate::reuse::{GroupWork, Record, State};

/// Cycles between the last item of a weight gradient's group and its flush, if elements issue directly.
const FLUSH_GAP: u64 = 5;

/// What detection saw in one job.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Trace {
    pub records: Vec<Record>,
    pub work: Vec<GroupWork>,
    pub met: Met,
}

impl Set {
    /// Detects a group if need be, and works through its list. `elements` is K by the registers of the loop nest.
    pub(super) fn reuse_group(
        &mut self,
        a: &mut Active,
        slot: usize,
        elements: usize,
        pes: usize,
        run: &mut Run,
    ) -> Result<()> {
        let regs = run.regs;
        let group = (a.cgroup * regs.chunks + a.chunk) as usize;
        if group == 0 {
            a.touched = vec![false; a.tile.positions()];
        }
        if a.pass == 0 || regs.redetect {
            let list = self.detect(a, slot, elements, run)?;
            self.trace.records.extend(list.iter().map(|v| v.record));
            self.trace.met.redetected |= a.pass > 0;
            a.lists.truncate(group);
            a.lists.push(list);
        }
        let list = std::mem::take(&mut a.lists[group]);
        let mut work = match regs.wgrad {
            true => self.gradient_items(a, &list, elements, run)?,
            false => self.forward_items(a, &list, run)?,
        };
        for v in &list {
            work.states[v.record.state as usize] += 1;
        }
        if a.pass == 0 {
            self.trace.work.push(work);
        }
        run.counts.elements += work.busy;
        run.counts.macs += work.macs * pes as u64;
        self.meet(a, &list, elements, &work, run);
        if a.pass + 1 < a.tile.passes && !regs.redetect {
            a.lists[group] = list;
        }
        Ok(())
    }

    /// Notes what a group met.
    fn meet(&mut self, a: &Active, list: &[Vector], elements: usize, work: &GroupWork, run: &Run) {
        let met = &mut self.trace.met;
        if group_size(a, run.regs).1 == 1 {
            met.found_next_cycle |= list.windows(2).any(|two| {
                let [before, this] = [two[0].record, two[1].record];
                (before.state, this.state) == (State::Mau, State::Hit) && before.entry == this.entry
            });
        }
        let [zero, hit, mau, mnu] = work.states;
        met.zero |= zero > 0;
        met.hit |= hit > 0;
        met.mau |= mau > 0;
        met.full_set |= mnu > 0 && run.regs.reuse > 1;
        met.one_vector |= mau == 1 && hit > 0 && hit + 1 == list.len() as u64;
        met.short_group |= elements < run.regs.group_k as usize;
        let skips = run.regs.elem_skip;
        for v in list
            .iter()
            .filter(|v| matches!(v.record.state, State::Mau | State::Mnu))
        {
            let zeros = v.x.iter().filter(|x| **x == 0).count();
            met.skipped_elements |= skips && zeros > 0 && zeros < elements;
            met.zero_vector |= skips && zeros == elements;
        }
    }

    /// The items of a forward or input-gradient group.
    fn forward_items(&mut self, a: &mut Active, list: &[Vector], run: &Run) -> Result<GroupWork> {
        let regs = run.regs;
        let last_group = a.cgroup + 1 == regs.cgroups && a.chunk + 1 == regs.chunks;
        let mut data: BTreeMap<u16, Vec<i64>> = BTreeMap::new();
        let (mut work, mut before) = (GroupWork::default(), None);
        for (i, Vector { record, x }) in list.iter().enumerate() {
            let sums = match record.state {
                State::Zero => {
                    if a.tile.zero && last_group && !a.touched[i] {
                        self.psums[self.ptr][i].fill(0);
                        work.busy += 1;
                        self.trace.met.clear = true;
                        before = None;
                    }
                    continue;
                }
                State::Hit => {
                    work.busy += 1;
                    data[&record.entry].clone()
                }
                State::Mau | State::Mnu => {
                    let cycles = vector_cycles(x, regs);
                    work.busy += cycles;
                    work.macs += cycles;
                    self.dot(x, run)
                }
            };
            self.trace.met.follows(*record, before.replace(*record));
            let first = a.tile.zero && !a.touched[i];
            a.touched[i] = true;
            for (psum, sum) in self.psums[self.ptr][i].iter_mut().zip(&sums) {
                *psum = if first { 0 } else { *psum } + sum;
            }
            if record.state == State::Mau {
                data.insert(record.entry, sums);
            }
        }
        self.trace.met.empty_list |= work.busy == 0;
        work.cycles = work.busy.max(1);
        Ok(work)
    }

    /// The vector's product with the group's weights, for each PE.
    fn dot(&self, x: &[i64], run: &Run) -> Vec<i64> {
        let product = |weights: &Vec<i16>| {
            let at = |k: usize| (self.fill.weight_read + k) % run.config.weight_words;
            let terms = x.iter().enumerate().map(|(k, x)| weights[at(k)] as i64 * x);
            terms.sum()
        };
        self.weights.iter().map(product).collect()
    }

    /// The items of a weight gradient's group, and its flush.
    fn gradient_items(
        &mut self,
        a: &Active,
        list: &[Vector],
        elements: usize,
        run: &Run,
    ) -> Result<GroupWork> {
        ensure!(
            a.group_base + elements <= run.config.tile,
            "psum row {}",
            a.group_base + elements - 1
        );
        let width = run.config.data_w;
        let (mut work, mut macs) = (GroupWork::default(), 0);
        // Representatives in the order of their insertion, with the sums of dY.
        let mut entries: Vec<(u16, &[i64], Vec<i64>)> = Vec::new();
        let (mut fresh, mut before) = (a.tile.zero, None);
        for (i, Vector { record, x }) in list.iter().enumerate() {
            let dy = self.psums[1 - self.ptr][i].clone();
            if record.state != State::Zero {
                self.trace.met.follows(*record, before.replace(*record));
            }
            match record.state {
                State::Zero => continue,
                State::Mau => entries.push((record.entry, x, dy)),
                State::Hit => {
                    let entry = entries.iter_mut().find(|e| e.0 == record.entry);
                    let (.., sums) = entry.expect("a representative");
                    sums.iter_mut().zip(dy).for_each(|(sum, dy)| *sum += dy);
                }
                State::Mnu => {
                    macs += self.outer(a, x, &dy, 0, &mut fresh, run);
                    continue;
                }
            }
            work.busy += 1;
        }
        if !entries.is_empty() {
            work.cycles += FLUSH_GAP + run.config.flush_cycles() as u64;
        }
        for (entry, x, sums) in entries {
            let limit = 1 << (width - 1);
            let wide = sums.iter().any(|s| !(-limit..limit).contains(s));
            if wide {
                let low: Vec<i64> = sums.iter().map(|s| s & (limit - 1)).collect();
                let high: Vec<i64> = sums.iter().map(|s| s >> (width - 1)).collect();
                macs += self.outer(a, x, &low, 0, &mut fresh, run);
                macs += self.outer(a, x, &high, width - 1, &mut fresh, run);
            } else {
                macs += self.outer(a, x, &sums, 0, &mut fresh, run);
            }
            let met = &mut self.trace.met;
            met.wide_sum |= wide;
            met.sum_beyond_limit |= sums.iter().any(|s| [limit, -limit - 1].contains(s));
            let added = |v: &Vector| v.record.state == State::Hit && v.record.entry == entry;
            met.sum_at_limit |=
                list.iter().any(added) && sums.iter().any(|s| [limit - 1, -limit].contains(s));
        }
        (work.busy, work.macs) = (work.busy + macs, macs);
        if work.busy == 0 {
            self.trace.met.empty_list = true;
            if fresh {
                self.trace.met.zero_writes = true;
                work.busy = self.outer(a, &vec![0; elements], &[], 0, &mut fresh, run);
            }
        }
        work.cycles = (work.cycles + work.busy).max(1);
        Ok(work)
    }

    /// psum\[g_base + k\] += (x\[k\] · factor) << shift for each PE; overwrites if `fresh`, once. The cycles that it takes.
    fn outer(
        &mut self,
        a: &Active,
        x: &[i64],
        factor: &[i64],
        shift: usize,
        fresh: &mut bool,
        run: &Run,
    ) -> u64 {
        let overwrite = std::mem::take(fresh);
        for (k, x) in x.iter().enumerate() {
            let row = &mut self.psums[self.ptr][a.group_base + k];
            for (pe, psum) in row.iter_mut().enumerate() {
                let product = (x * factor.get(pe).unwrap_or(&0)) << shift;
                *psum = if overwrite { 0 } else { *psum } + product;
            }
        }
        match overwrite {
            true => x.len() as u64,
            false => vector_cycles(x, run.regs),
        }
    }
}

/// Cycles of a vector's MACs.
fn vector_cycles(x: &[i64], regs: &JobRegs) -> u64 {
    match regs.elem_skip {
        true => x.iter().filter(|x| **x != 0).count().max(1) as u64,
        false => x.len() as u64,
    }
}
