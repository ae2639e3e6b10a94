//! Exact cycle model of one job on ports that never stall.
//!
//! The hardware's loader, detectors, sets and drain as actors that act only when something that they wait for changes: the cost
//! is proportional to segments, groups and packets, not to cycles. Every change of state is an `Event` at the cycle from which
//! the others see it; actors decide at a cycle after all its events are applied. Events of one cycle commute. What a set or its
//! detector decides depends on the set's own state alone, so only the sets that events touched are asked.
//!
//! | file | actor | contract |
//! |---|---|---|
//! | `loader.rs` | takes segments, as there is room | `docs/architecture.md`, loader timing |
//! | `detect.rs` | detection fronts of the sets, and the detectors that they share | `docs/reuse.md`, cycles |
//! | `set.rs` | PE sets: tiles, passes, groups | `docs/architecture.md`, set timing; `docs/reuse.md` |
//! | `drain.rs` | sends finished psum banks | `docs/architecture.md`, drain |
//!
//! A dense job's counters follow from the job alone. What a reuse job's groups cost depends on the data: its caller says so, by
//! a [`GroupWork`] for each group of each tile.

mod detect;
mod drain;
mod loader;
mod set;

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use anyhow::{Result, bail, ensure};

use self::detect::Detector;
use self::drain::Drain;
use self::loader::Loader;
use self::set::Set;
use super::job::ones;
use super::{Job, Mix, Payload};
use crate::config::Config;
use crate::regmap::Statistics;
use crate::reuse::GroupWork;

/// `cycles` is so much more than the cycle in which the trailer enters the drain pipeline.
const TRAILER_LATENCY: u64 = 5;

/// A change of state, seen from its cycle on.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// A segment's payload is complete in the sets that take it.
    Loaded(usize),
    /// The set turns from IDLE to RUN.
    Start(usize),
    /// The first cycles of a tile, in which a reuse job issues nothing, are over.
    Settled(usize),
    /// The set issued the last element of a group in the cycle before.
    GroupDone(usize),
    /// The set's detection front turns from IDLE to READY.
    FrontStart(usize),
    /// The detector issued the last step of a group in the cycle before.
    Detected(usize),
    /// The oldest list that the set cannot issue yet can be issued.
    ListReady(usize),
    /// The drain may serve this set's bank.
    Request(usize, usize),
    /// The last beat of a packet was pushed.
    Drained,
    /// A psum bank is free.
    BankFree(usize, usize),
}

/// An event and its cycle; the greatest is the one that is due first.
#[derive(Clone, Copy, Debug)]
struct Due(u64, Event);

impl PartialEq for Due {
    fn eq(&self, other: &Due) -> bool {
        self.0 == other.0
    }
}

impl Eq for Due {}

impl Ord for Due {
    fn cmp(&self, other: &Due) -> Ordering {
        other.0.cmp(&self.0)
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Due) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

struct Model<'a> {
    job: &'a Job,
    config: &'a Config,
    /// What each set's groups cost, tile by tile; empty in a dense job.
    work: &'a [Vec<GroupWork>],
    now: u64,
    events: BinaryHeap<Due>,
    /// Bit s: the state of set s changed in this cycle.
    touched: u32,
    loader: Loader,
    sets: Vec<Set>,
    detectors: Vec<Detector>,
    drain: Drain,
    stats: Statistics,
}

/// Runs one dense job, psum banks free and pointers at any value.
///
/// # Errors
/// A stream whose order cannot proceed; a reuse job.
pub fn simulate(job: &Job, config: &Config) -> Result<Statistics> {
    ensure!(
        job.regs.reuse == 0,
        "the cycles of a reuse job depend on its data: use simulate_reuse with the work of its groups"
    );
    Model::new(job, config, &[]).run()
}

/// Runs one reuse job, psum banks free and pointers at any value.
///
/// `work[set]` has the work of the set's groups: tile by tile in the order of its TILE segments, the groups of a tile in order
/// (channel groups outer, chunks inner). It is the same for every pass of a tile.
///
/// # Errors
/// A stream whose order cannot proceed; work of more or fewer groups than the job has; a group without any cycle.
pub fn simulate_reuse(job: &Job, config: &Config, work: &[Vec<GroupWork>]) -> Result<Statistics> {
    ensure!(
        job.regs.reuse != 0,
        "a dense job has no detected work: use simulate"
    );
    let counts = group_counts(job, config);
    let given: Vec<usize> = work.iter().map(Vec::len).collect();
    ensure!(
        given == counts,
        "work of {given:?} groups of each set, the job has {counts:?}: give one for each group of each tile"
    );
    ensure!(
        work.iter().flatten().all(|group| group.cycles > 0),
        "a group of 0 cycles: the least is 1, also for an empty list"
    );
    Model::new(job, config, work).run()
}

/// The work of a reuse job that finds nothing to reuse: every vector is MNU, no element is skipped.
///
/// Not the slowest that can be: a weight gradient's representatives may need a second round each.
pub fn all_missed(job: &Job, config: &Config) -> Vec<Vec<GroupWork>> {
    Mix::default().work(job, config)
}

/// Groups of each set's tiles together.
fn group_counts(job: &Job, config: &Config) -> Vec<usize> {
    let mut counts = vec![0; config.sets];
    let tiles = job
        .segments
        .iter()
        .filter(|s| matches!(s.payload, Payload::Tile(_)));
    for set in tiles.flat_map(|s| s.sets()) {
        counts[set] += job.regs.groups().count();
    }
    counts
}

impl<'a> Model<'a> {
    fn new(job: &'a Job, config: &'a Config, work: &'a [Vec<GroupWork>]) -> Self {
        Model {
            job,
            config,
            work,
            now: 0,
            events: BinaryHeap::new(),
            touched: 0,
            loader: Loader::new(),
            sets: vec![Set::default(); config.sets],
            detectors: Detector::all(config),
            drain: Drain::new(config.sets),
            stats: Statistics {
                in_beats: job.in_beats(),
                out_beats: job.out_beats(config),
                ..Statistics::default()
            },
        }
    }

    /// Whether the job detects.
    fn reuse(&self) -> bool {
        self.job.regs.reuse != 0
    }

    fn run(mut self) -> Result<Statistics> {
        while let Some(now) = self.next() {
            self.now = now;
            self.loader.wake(now, self.job.segments.len());
            while let Some(&Due(time, event)) = self.events.peek()
                && time == self.now
            {
                self.events.pop();
                self.touched |= self.apply(event);
            }
            if self.finished() {
                self.stats.cycles = self.now + TRAILER_LATENCY + self.config.drain_cycles() as u64;
                return Ok(self.stats);
            }
            self.load();
            let touched = std::mem::take(&mut self.touched);
            ones(touched).for_each(|set| self.issue(set));
            if self.reuse() {
                ones(touched).for_each(|set| self.take_front_tile(set));
                (0..self.detectors.len()).for_each(|detector| self.grant(detector, touched));
            }
            self.serve();
        }
        bail!(
            "the job's stream cannot proceed beyond segment {} of {}",
            self.loader.segment,
            self.job.segments.len()
        )
    }

    /// The next cycle in which something happens.
    fn next(&self) -> Option<u64> {
        let event = self.events.peek().map(|due| due.0);
        event.into_iter().chain(self.loader.due).min()
    }

    fn at(&mut self, time: u64, event: Event) {
        self.events.push(Due(time, event));
    }

    /// Whether the trailer may enter the drain pipeline now. A set that has computed all its tiles has detected them too.
    fn finished(&self) -> bool {
        self.loader.done && self.drain.is_idle() && self.sets.iter().all(Set::is_finished)
    }

    /// Changes the state. Bit s of the result: that of set s.
    fn apply(&mut self, event: Event) -> u32 {
        let touched = self.touches(event);
        match event {
            Event::Loaded(segment) => self.loaded(segment),
            Event::Start(set) => self.start(set),
            Event::Settled(set) => self.sets[set].settled = true,
            Event::GroupDone(set) => self.group_done(set),
            Event::FrontStart(set) => self.sets[set].front.start(),
            Event::Detected(detector) => self.detected(detector),
            Event::ListReady(set) => self.sets[set].lists_ready += 1,
            Event::Request(set, bank) => self.sets[set].requests.push_back(bank),
            Event::Drained => self.drained(),
            Event::BankFree(set, bank) => self.sets[set].bank_busy[bank] = false,
        }
        touched
    }

    /// Bit s: an event that is about to be applied changes what set s, or its detector, waits for.
    fn touches(&self, event: Event) -> u32 {
        match event {
            Event::Loaded(segment) => self.job.segments[segment].mask,
            Event::Detected(detector) => self.detectors[detector].serving_mask(),
            Event::Start(set)
            | Event::Settled(set)
            | Event::GroupDone(set)
            | Event::FrontStart(set)
            | Event::ListReady(set)
            | Event::BankFree(set, _) => 1 << set,
            Event::Request(..) | Event::Drained => 0,
        }
    }
}

#[cfg(test)]
mod reuse_tests;
#[cfg(test)]
mod tests;
