//! The event-driven model against a simulator that knows nothing of events: every register, every cycle.

use super::*;
use crate::plan::{TileDescriptor, random_case};
use crate::regmap::SegmentKind;

/// Registers of a set. `next` fields are applied at the end of a cycle.
#[derive(Clone, Default)]
struct Regs {
    pending: Option<TileDescriptor>,
    run: Option<TileDescriptor>,
    pass: u16,
    cgroup: u32,
    chunk: u32,
    /// Position · K + element within the group.
    element: usize,
    f_avail: i64,
    f_pos: i64,
    w_groups: i64,
    w_used: i64,
    o_full: bool,
    busy: [bool; 2],
    ptr: usize,
    /// Request visible to the drain, and how long ago the bank was finished.
    request: [bool; 2],
    beats: [u64; 2],
    /// Tiles done, and cycles in RUN.
    tiles: usize,
    age: u64,
    lists_ready: i64,
    list_pos: i64,
    front: Front,
}

/// Registers of a detection front.
#[derive(Clone, Default)]
struct Front {
    pending: Option<TileDescriptor>,
    run: Option<TileDescriptor>,
    pass: u16,
    cgroup: u32,
    chunk: u32,
    busy: bool,
    tiles: usize,
    d_avail: i64,
    lists_used: i64,
}

/// A detector: the set served and the steps left; the set served last, counted from its first.
#[derive(Clone)]
struct Pool {
    serving: Option<(usize, usize)>,
    served: usize,
}

impl Front {
    /// Whether a detector is wanted.
    fn requests(&self, regs: &crate::plan::JobRegs) -> bool {
        let filled = self.d_avail > 0 || (self.pass > 0 && !regs.stream_features);
        self.run.is_some() && !self.busy && filled && self.lists_used < regs.list_slots as i64
    }

    /// The last step of a group was issued.
    fn step_on(&mut self, regs: &crate::plan::JobRegs) {
        self.busy = false;
        self.chunk += 1;
        if self.chunk == regs.chunks {
            (self.chunk, self.cgroup) = (0, self.cgroup + 1);
            if self.pass == 0 || regs.stream_features {
                self.d_avail -= 1;
            }
        }
        if self.cgroup == regs.cgroups {
            (self.cgroup, self.pass) = (0, self.pass + 1);
            let passes = self.run.map_or(0, |tile| tile.passes);
            if !regs.redetect || self.pass == passes {
                (self.run, self.pass, self.tiles) = (None, 0, self.tiles + 1);
            }
        }
    }
}

/// Something that happens some cycles later.
#[derive(Clone, Copy)]
enum Later {
    Loaded(usize),
    List(usize),
    Request(usize, usize),
    Free(usize, usize),
}

#[derive(Clone, Copy, PartialEq)]
enum Fsm {
    Idle,
    Header(usize),
    Rows(usize, u64),
}

/// Cycle by cycle; `work` as for [`simulate_reuse`].
pub(super) fn naive(job: &Job, config: &Config, work: &[Vec<GroupWork>]) -> Option<Statistics> {
    let regs = &job.regs;
    let reuse = regs.reuse != 0;
    let groups = (regs.cgroups * regs.chunks) as usize;
    let served_sets = config.sets / config.detectors;
    let mut detectors = vec![
        Pool {
            serving: None,
            served: served_sets - 1
        };
        config.detectors
    ];
    let mut stats = Statistics::default();
    let mut sets = vec![Regs::default(); config.sets];
    let mut later: Vec<(u64, Later)> = vec![];
    let (mut segment, mut beat, mut in_payload, mut loader_done) = (0, 0, false, false);
    let (mut fsm, mut served) = (Fsm::Idle, config.sets - 1);
    let mut bank = 0;
    for cycle in 0..2_000_000u64 {
        // Delayed effects become visible.
        later.retain(|&(time, what)| {
            if time != cycle {
                return true;
            }
            match what {
                Later::Loaded(i) => {
                    let s = &job.segments[i];
                    for set in s.sets() {
                        match (s.header().kind, s.payload) {
                            (SegmentKind::Tile, Payload::Tile(tile)) => {
                                sets[set].pending = Some(tile);
                                sets[set].front.pending = reuse.then_some(tile);
                            }
                            (SegmentKind::Features, _) => {
                                sets[set].f_avail += s.header().slot_end as i64;
                                sets[set].front.d_avail += s.header().slot_end as i64;
                            }
                            (SegmentKind::Weights, _) => sets[set].w_groups += 1,
                            (SegmentKind::Operand, _) => sets[set].o_full = true,
                            (
                                SegmentKind::Reads | SegmentKind::Matrix | SegmentKind::Offsets,
                                _,
                            ) => {}
                            _ => unreachable!(),
                        }
                    }
                }
                Later::List(set) => sets[set].lists_ready += 1,
                Later::Request(set, bank) => sets[set].request[bank] = true,
                Later::Free(set, bank) => sets[set].busy[bank] = false,
            }
            false
        });
        let quiet = |s: &Regs| s.run.is_none() && s.pending.is_none() && s.busy == [false; 2];
        if loader_done && fsm == Fsm::Idle && sets.iter().all(quiet) {
            stats.cycles = cycle + 5 + config.drain_cycles() as u64;
            stats.out_beats += 1;
            return Some(stats);
        }
        let mut next = sets.clone();
        // Loader.
        let mut done_next = loader_done;
        if !loader_done {
            let s = &job.segments[segment];
            if !in_payload {
                stats.in_beats += 1;
                if s.header().kind == SegmentKind::End {
                    done_next = true;
                } else {
                    (in_payload, beat) = (true, 0);
                }
            } else {
                let room = |set: &Regs| match s.header().kind {
                    SegmentKind::Tile => set.pending.is_none() && set.front.pending.is_none(),
                    SegmentKind::Reads | SegmentKind::Matrix | SegmentKind::Offsets => {
                        set.pending.is_none()
                            && set.run.is_none()
                            && set.front.pending.is_none()
                            && set.front.run.is_none()
                    }
                    SegmentKind::Features => set.f_avail < regs.ring_slots as i64,
                    SegmentKind::Weights => set.w_used < config.weight_words as i64,
                    SegmentKind::Operand => !set.o_full && !set.busy[1 - set.ptr],
                    SegmentKind::End => true,
                };
                if s.sets().all(|set| room(&sets[set])) {
                    stats.in_beats += 1;
                    beat += 1;
                    if s.header().kind == SegmentKind::Weights
                        && beat % config.row_beats() as u32 == 0
                    {
                        s.sets().for_each(|set| next[set].w_used += 1);
                    }
                    if beat == s.beats {
                        later.push((cycle + 2, Later::Loaded(segment)));
                        (in_payload, segment) = (false, segment + 1);
                    }
                }
            }
        }
        // Detection fronts and detectors.
        for (set, next) in sets.iter().zip(&mut next) {
            if set.front.run.is_none() && set.front.pending.is_some() {
                (next.front.run, next.front.pending) = (set.front.pending, None);
            }
        }
        for (number, pool) in detectors.iter_mut().enumerate() {
            let first = number * served_sets;
            if let Some((set, left)) = pool.serving {
                stats.detect_busy += 1;
                pool.serving = (left > 1).then_some((set, left - 1));
                if left == 1 {
                    next[set].front.step_on(regs);
                    let latency = 8 + (config.decision_cycles() + config.item_cycles()) as u64;
                    later.push((cycle + latency, Later::List(set)));
                }
                continue;
            }
            let mut order = (1..=served_sets).map(|i| (pool.served + i) % served_sets);
            let wanted = order.find(|i| sets[first + i].front.requests(regs));
            let Some(index) = wanted.filter(|_| reuse) else {
                continue;
            };
            let (set, front) = (first + index, &sets[first + index].front);
            let tile = front.run.unwrap();
            let positions = tile.images as usize * tile.rows as usize * tile.cols as usize;
            let mut steps = regs.steps;
            if front.cgroup + 1 == regs.cgroups {
                steps = steps.min(regs.steps_cg_last);
            }
            if front.chunk + 1 == regs.chunks {
                steps = steps.min(regs.steps_kr_last);
            }
            (pool.serving, pool.served) = (Some((set, positions * steps as usize)), index);
            next[set].front.busy = true;
            next[set].front.lists_used += 1;
            let group = front.tiles * groups + (front.cgroup * regs.chunks + front.chunk) as usize;
            let [zero, hit, mau, mnu] = work[set][group].states;
            stats.zero += zero;
            stats.hit += hit;
            stats.mau += mau;
            stats.mnu += mnu;
        }
        // Sets.
        for (number, (set, next)) in sets.iter().zip(&mut next).enumerate() {
            let Some(tile) = set.run else {
                if set.pending.is_some() {
                    (next.run, next.pending) = (set.pending, None);
                    (next.pass, next.cgroup, next.chunk, next.element) = (0, 0, 0, 0);
                    next.age = 0;
                }
                continue;
            };
            next.age = set.age + 1;
            if set.element == 0 {
                let stall = if reuse
                    && (set.age < 2 + config.item_cycles() as u64
                        || set.list_pos >= set.lists_ready)
                {
                    Some(&mut stats.stall_detect)
                } else if !reuse && set.f_pos >= set.f_avail {
                    Some(&mut stats.stall_features)
                } else if !regs.wgrad && set.w_groups == 0 {
                    Some(&mut stats.stall_weights)
                } else if regs.wgrad && !set.o_full {
                    Some(&mut stats.stall_operand)
                } else if set.cgroup == 0 && set.chunk == 0 && set.busy[set.ptr] {
                    Some(&mut stats.stall_bank)
                } else {
                    None
                };
                if let Some(counter) = stall {
                    *counter += 1;
                    continue;
                }
            }
            let last_pass = set.pass + 1 == tile.passes;
            let pes = if last_pass {
                tile.pes_last as usize
            } else {
                config.pes
            };
            let group = set.tiles * groups + (set.cgroup * regs.chunks + set.chunk) as usize;
            let work = reuse.then(|| work[number][group]);
            let count = |w: fn(&GroupWork) -> u64| match &work {
                None => 1,
                Some(work) if set.element == 0 => w(work),
                Some(_) => 0,
            };
            stats.compute_busy += count(|w| w.busy);
            stats.macs += count(|w| w.macs) * pes as u64;
            let channels = if set.cgroup + 1 == regs.cgroups {
                regs.cg_last
            } else {
                regs.cg
            };
            let rows = if set.chunk + 1 == regs.chunks {
                regs.kr_last
            } else {
                regs.kr
            };
            let k = channels as usize * rows as usize * regs.kw as usize;
            let positions = tile.images as usize * tile.rows as usize * tile.cols as usize;
            next.element = set.element + 1;
            if next.element < work.map_or(k * positions, |w| w.cycles as usize) {
                continue;
            }
            next.element = 0;
            if reuse && (regs.redetect || last_pass) {
                next.lists_ready -= 1;
                next.front.lists_used -= 1;
            } else if reuse {
                next.list_pos += 1;
            }
            if !regs.wgrad {
                next.w_groups -= 1;
                next.w_used -= k as i64;
            }
            next.chunk += 1;
            if next.chunk < regs.chunks {
                continue;
            }
            (next.chunk, next.cgroup) = (0, set.cgroup + 1);
            if regs.stream_features || last_pass {
                next.f_avail -= 1;
            } else {
                next.f_pos += 1;
            }
            if next.cgroup < regs.cgroups {
                continue;
            }
            (next.cgroup, next.f_pos, next.pass) = (0, 0, set.pass + 1);
            next.list_pos = 0;
            if tile.drain {
                next.busy[set.ptr] = true;
                next.ptr = 1 - set.ptr;
                let all = if regs.wgrad {
                    regs.pass_elements()
                } else {
                    positions
                };
                let width = if regs.shift_mode { config.data_w } else { 64 };
                next.beats[set.ptr] = (all * (pes * width).div_ceil(config.bus_w)) as u64;
                later.push((
                    cycle + 5 + config.psum_cycles() as u64,
                    Later::Request(number, set.ptr),
                ));
            }
            if last_pass {
                next.o_full = false;
                next.run = None;
                next.tiles += 1;
            }
        }
        // Drain.
        match fsm {
            Fsm::Idle => {
                let order = (1..=config.sets).map(|i| (served + i) % config.sets);
                if let Some(set) = order.into_iter().find(|&s| sets[s].request != [false; 2]) {
                    // Oldest first: the bank that the set would use next.
                    let ptr = sets[set].ptr;
                    bank = if sets[set].request[ptr] { ptr } else { 1 - ptr };
                    fsm = Fsm::Header(set);
                }
            }
            Fsm::Header(set) => {
                stats.out_beats += 1;
                fsm = Fsm::Rows(set, sets[set].beats[bank]);
            }
            Fsm::Rows(set, left) => {
                stats.out_beats += 1;
                fsm = Fsm::Rows(set, left - 1);
                if left == 1 {
                    next[set].request[bank] = false;
                    later.push((cycle + 2, Later::Free(set, bank)));
                    (fsm, served) = (Fsm::Idle, set);
                }
            }
        }
        sets = next;
        loader_done = done_next;
    }
    None
}

#[test]
fn events_count_what_cycles_count() {
    for (preset, cases) in [("tiny", 300), ("small", 80), ("ecp5", 15), ("paper", 6)] {
        let config = Config::preset(preset).unwrap();
        for seed in 0..cases {
            let case = random_case(&config, seed).unwrap();
            for (job, modelled) in case.plan.jobs.iter().zip(&case.plan.modelled) {
                assert_eq!(
                    Some(*modelled),
                    naive(job, &config, &[]),
                    "{preset}, seed {seed}, {:?}",
                    job.regs
                );
            }
        }
    }
}
