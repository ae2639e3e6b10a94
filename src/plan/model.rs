//! Exact cycle model of one job on ports that never stall.
//!
//! The hardware's loader, sets and drain as three kinds of actors that act only when something that they wait for changes: the
//! cost is proportional to segments, groups and packets, not to cycles. Every change of state is an `Event` at the cycle from
//! which the others see it; actors decide at a cycle after all its events are applied.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use anyhow::{Result, bail};

use super::job::row_beats;
use super::{Job, JobRegs, Payload, TileDescriptor};
use crate::config::Config;
use crate::regmap::Statistics;

/// Cycles from the last payload beat of a segment to its effect.
const LOAD_LATENCY: u64 = 2;
/// Cycles from the last element of a pass to the request to drain its bank.
const REQUEST_LATENCY: u64 = 5;
/// Cycles from the push of a bank's last beat until the bank is free.
const FREE_LATENCY: u64 = 2;
/// `cycles` is so much more than the cycle in which the trailer enters the drain pipeline.
const TRAILER_LATENCY: u64 = 5;

/// A change of state, seen from its cycle on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A segment's payload is complete in the sets that take it.
    Loaded(usize),
    /// The loader goes on.
    Loader,
    /// The set turns from IDLE to RUN.
    Start(usize),
    /// The set issued the last element of a group in the cycle before.
    GroupDone(usize),
    /// The drain may serve this set's bank.
    Request(usize, usize),
    /// The last beat of a packet was pushed.
    Drained,
    /// A psum bank is free.
    BankFree(usize, usize),
}

/// Why a set waits at the first element of a group, in order of priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stall {
    Features,
    Weights,
    Operand,
    Bank,
}

/// A tile in work.
#[derive(Clone, Copy, Debug)]
struct Active {
    tile: TileDescriptor,
    pass: u16,
    cgroup: u32,
    chunk: u32,
}

/// State of one set as the others see it.
#[derive(Clone, Debug, Default)]
struct Set {
    pending: Option<TileDescriptor>,
    starting: bool,
    active: Option<Active>,
    /// Between the issue of a group's first element and its GroupDone.
    busy: bool,
    /// Cycle since which the cause holds.
    stall: Option<(Stall, u64)>,
    f_avail: u32,
    f_pos: u32,
    w_groups: u32,
    w_used: usize,
    o_full: bool,
    bank_busy: [bool; 2],
    ptr: usize,
    /// Banks to drain, oldest first.
    requests: VecDeque<usize>,
    /// Output beats of each bank's packet.
    beats: [u64; 2],
}

struct Model<'a> {
    job: &'a Job,
    config: &'a Config,
    now: u64,
    events: BinaryHeap<Reverse<(u64, Event)>>,
    sets: Vec<Set>,
    /// Segment that the loader is at, and payload beats still to send (none: at the header).
    segment: usize,
    left: Option<u64>,
    /// The loader is not between two decisions.
    loader_ready: bool,
    loader_done: bool,
    drain_set: Option<usize>,
    last_served: usize,
    stats: Statistics,
}

/// Runs one job, psum banks free and pointers at any value.
///
/// # Errors
/// A stream whose order cannot proceed.
pub fn simulate(job: &Job, config: &Config) -> Result<Statistics> {
    let mut model = Model {
        job,
        config,
        now: 0,
        events: BinaryHeap::new(),
        sets: vec![Set::default(); config.sets],
        segment: 0,
        left: None,
        loader_ready: false,
        loader_done: false,
        drain_set: None,
        last_served: config.sets - 1,
        stats: Statistics {
            in_beats: job.in_beats(),
            out_beats: job.out_beats(config),
            ..Statistics::default()
        },
    };
    model.at(0, Event::Loader);
    model.run()
}

impl Model<'_> {
    fn run(mut self) -> Result<Statistics> {
        while let Some(Reverse((time, _))) = self.events.peek() {
            self.now = *time;
            while let Some(&Reverse((time, event))) = self.events.peek()
                && time == self.now
            {
                self.events.pop();
                self.apply(event);
            }
            if self.finished() {
                self.stats.cycles = self.now + TRAILER_LATENCY;
                return Ok(self.stats);
            }
            self.load();
            (0..self.sets.len()).for_each(|set| self.issue(set));
            self.serve();
        }
        bail!(
            "the job's stream cannot proceed beyond segment {} of {}",
            self.segment,
            self.job.segments.len()
        )
    }

    fn at(&mut self, time: u64, event: Event) {
        self.events.push(Reverse((time, event)));
    }

    /// Whether the trailer may enter the drain pipeline now.
    fn finished(&self) -> bool {
        let idle = |s: &Set| s.active.is_none() && s.pending.is_none() && s.bank_busy == [false; 2];
        self.loader_done && self.drain_set.is_none() && self.sets.iter().all(idle)
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Loaded(segment) => self.loaded(segment),
            Event::Loader => {
                self.loader_ready = true;
                self.loader_done = self.segment == self.job.segments.len();
            }
            Event::Start(set) => {
                let set = &mut self.sets[set];
                let tile = set.pending.take();
                set.active = tile.map(|tile| Active {
                    tile,
                    pass: 0,
                    cgroup: 0,
                    chunk: 0,
                });
                set.starting = false;
            }
            Event::GroupDone(set) => self.group_done(set),
            Event::Request(set, bank) => self.sets[set].requests.push_back(bank),
            Event::Drained => {
                if let Some(set) = self.drain_set.take() {
                    self.sets[set].requests.pop_front();
                    self.last_served = set;
                }
            }
            Event::BankFree(set, bank) => self.sets[set].bank_busy[bank] = false,
        }
    }

    /// The payload of a segment has arrived.
    fn loaded(&mut self, segment: usize) {
        let segment = &self.job.segments[segment];
        for set in segment.sets() {
            let set = &mut self.sets[set];
            match segment.payload {
                Payload::Tile(tile) => set.pending = Some(tile),
                Payload::Features { slot_end, .. } => set.f_avail += slot_end as u32,
                Payload::Weights(_) => set.w_groups += 1,
                Payload::Operand(_) => set.o_full = true,
                Payload::Reads | Payload::Matrix | Payload::Offsets | Payload::End => {}
            }
        }
    }

    /// The loader: takes a header, or as many payload beats as there is room for.
    fn load(&mut self) {
        if !self.loader_ready || self.loader_done {
            return;
        }
        let segment = &self.job.segments[self.segment];
        let Some(left) = self.left else {
            (self.left, self.loader_ready) = (Some(segment.beats as u64), false);
            if segment.payload == Payload::End {
                self.segment += 1;
            }
            return self.at(self.now + 1, Event::Loader);
        };
        let row_beats = self.config.row_beats() as u64;
        let beats = segment
            .sets()
            .map(|set| self.room(set, &segment.payload))
            .min()
            .unwrap_or(0)
            .min(left);
        if beats == 0 {
            return;
        }
        if let Payload::Weights(_) = segment.payload {
            let rows = (beats / row_beats) as usize;
            segment.sets().for_each(|set| self.sets[set].w_used += rows);
        }
        self.loader_ready = false;
        self.left = Some(left - beats);
        if beats == left {
            self.left = None;
            self.at(
                self.now + beats - 1 + LOAD_LATENCY,
                Event::Loaded(self.segment),
            );
            self.segment += 1;
        }
        self.at(self.now + beats, Event::Loader);
    }

    /// Payload beats that a set takes from now on without a pause.
    fn room(&self, set: usize, payload: &Payload) -> u64 {
        let (set, all) = (&self.sets[set], u64::MAX);
        let open = |room: bool| if room { all } else { 0 };
        match payload {
            Payload::Tile(_) => open(set.pending.is_none()),
            Payload::Features { .. } => open(set.f_avail < self.job.regs.ring_slots as u32),
            Payload::Weights(_) => {
                ((self.config.weight_words - set.w_used) * self.config.row_beats()) as u64
            }
            Payload::Operand(_) => open(!set.o_full && !set.bank_busy[1 - set.ptr]),
            Payload::Reads | Payload::Matrix | Payload::Offsets | Payload::End => all,
        }
    }

    /// A set: takes a tile, or issues a group, or waits.
    fn issue(&mut self, number: usize) {
        let (now, regs, pes) = (self.now, &self.job.regs, self.config.pes);
        let set = &mut self.sets[number];
        let Some(active) = set.active else {
            if set.pending.is_some() && !set.starting {
                set.starting = true;
                self.at(now + 1, Event::Start(number));
            }
            return;
        };
        if set.busy {
            return;
        }
        if let Some((stall, since)) = set.stall.take() {
            *match stall {
                Stall::Features => &mut self.stats.stall_features,
                Stall::Weights => &mut self.stats.stall_weights,
                Stall::Operand => &mut self.stats.stall_operand,
                Stall::Bank => &mut self.stats.stall_bank,
            } += now - since;
        }
        set.stall = set.waits(regs, &active).map(|stall| (stall, now));
        if set.stall.is_none() {
            set.busy = true;
            let elements =
                (active.tile.positions() * regs.group_elements(active.cgroup, active.chunk)) as u64;
            self.stats.compute_busy += elements;
            self.stats.macs += elements * active.pes(pes) as u64;
            self.at(now + elements, Event::GroupDone(number));
        }
    }

    /// Effects of a group's last element.
    fn group_done(&mut self, number: usize) {
        let (now, regs, config) = (self.now, &self.job.regs, self.config);
        let set = &mut self.sets[number];
        set.busy = false;
        let Some(mut a) = set.active.take() else {
            return;
        };
        if !regs.wgrad {
            set.w_groups -= 1;
            set.w_used -= regs.group_elements(a.cgroup, a.chunk);
        }
        let last_pass = a.pass + 1 == a.tile.passes;
        a.chunk += 1;
        if a.chunk == regs.chunks {
            (a.chunk, a.cgroup) = (0, a.cgroup + 1);
            if regs.stream_features || last_pass {
                set.f_avail -= 1;
            } else {
                set.f_pos += 1;
            }
        }
        if a.cgroup < regs.cgroups {
            set.active = Some(a);
            return;
        }
        set.f_pos = 0;
        let (bank, drain) = (set.ptr, a.tile.drain);
        if drain {
            set.bank_busy[bank] = true;
            set.beats[bank] =
                a.rows(regs) * row_beats(config, regs.shift_mode, a.pes(config.pes)) as u64;
            set.ptr = 1 - bank;
        }
        if last_pass {
            set.o_full = false;
        } else {
            set.active = Some(Active {
                pass: a.pass + 1,
                cgroup: 0,
                chunk: 0,
                ..a
            });
        }
        if drain {
            self.at(now - 1 + REQUEST_LATENCY, Event::Request(number, bank));
        }
    }

    /// The drain: an idle one takes the next requesting set after the one served last.
    fn serve(&mut self) {
        let count = self.sets.len();
        if self.drain_set.is_some() {
            return;
        }
        let order = (1..=count).map(|i| (self.last_served + i) % count);
        let waiting = |set: usize| self.sets[set].requests.front().map(|&bank| (set, bank));
        if let Some((set, bank)) = order.into_iter().find_map(waiting) {
            self.drain_set = Some(set);
            // The header is pushed in the next cycle, then the rows.
            let last_push = self.now + 1 + self.sets[set].beats[bank];
            self.at(last_push + 1, Event::Drained);
            self.at(last_push + FREE_LATENCY, Event::BankFree(set, bank));
        }
    }
}

impl Set {
    /// What keeps the first element of a group from issuing.
    fn waits(&self, regs: &JobRegs, active: &Active) -> Option<Stall> {
        let first_of_pass = active.cgroup == 0 && active.chunk == 0;
        let causes = [
            (self.f_pos >= self.f_avail, Stall::Features),
            (!regs.wgrad && self.w_groups == 0, Stall::Weights),
            (regs.wgrad && !self.o_full, Stall::Operand),
            (first_of_pass && self.bank_busy[self.ptr], Stall::Bank),
        ];
        causes
            .into_iter()
            .find(|(waits, _)| *waits)
            .map(|(_, stall)| stall)
    }
}

impl Active {
    /// PEs with a filter in the current pass.
    fn pes(&self, all: usize) -> usize {
        if self.pass + 1 == self.tile.passes {
            self.tile.pes_last as usize
        } else {
            all
        }
    }

    /// Rows that the pass drains.
    fn rows(&self, regs: &JobRegs) -> u64 {
        if regs.wgrad {
            regs.pass_elements() as u64
        } else {
            self.tile.positions() as u64
        }
    }
}

#[cfg(test)]
mod tests;
