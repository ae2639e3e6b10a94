//! Detection in the cycle model: the fronts of the sets, and the detectors that they share.

use super::{Event, Model};
use crate::config::Config;
use crate::plan::{JobRegs, TileDescriptor};

/// Cycles from a group's last detection step, z, to the first item that its set can issue, with tags in LUT RAM.
const LIST_LATENCY: u64 = 8;

/// Detection front of a set: takes the set's tiles from its own queue, and has them detected group by group.
#[derive(Clone, Debug, Default)]
pub(super) struct Front {
    /// Tile that waits to be taken.
    pub(super) pending: Option<TileDescriptor>,
    starting: bool,
    active: Option<Walk>,
    /// A detector works on the current group.
    busy: bool,
    /// Tiles taken so far.
    tiles: usize,
    /// Slots filled that were not yet detected.
    pub(super) d_avail: u32,
    /// Lists that are detected or in use.
    pub(super) lists_used: u32,
}

/// A tile being detected.
#[derive(Clone, Copy, Debug)]
struct Walk {
    tile: TileDescriptor,
    pass: u16,
    cgroup: u32,
    chunk: u32,
}

/// One detector; it serves `count` sets from `first`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Detector {
    first: usize,
    count: usize,
    serving: Option<usize>,
    /// Served last, counted from `first`.
    last_served: usize,
}

impl Detector {
    /// The detectors of a configuration, idle.
    pub(super) fn all(config: &Config) -> Vec<Detector> {
        let count = config.sets_per_detector();
        let detector = |number| Detector {
            first: number * count,
            count,
            serving: None,
            last_served: count - 1,
        };
        (0..config.detectors).map(detector).collect()
    }

    /// Bit s: it serves set s.
    pub(super) fn serving_mask(&self) -> u32 {
        self.serving.map_or(0, |set| 1 << set)
    }
}

impl Front {
    /// The pending tile becomes the active one.
    pub(super) fn start(&mut self) {
        self.active = self.pending.take().map(|tile| Walk {
            tile,
            pass: 0,
            cgroup: 0,
            chunk: 0,
        });
        self.starting = false;
    }

    /// Whether no tile is pending or active.
    pub(super) fn has_no_tile(&self) -> bool {
        self.pending.is_none() && self.active.is_none()
    }

    /// The group that a detector is requested for.
    fn request(&self, regs: &JobRegs) -> Option<Walk> {
        let walk = self.active.filter(|_| !self.busy)?;
        let filled = !walk.counts_slots(regs) || self.d_avail > 0;
        (filled && self.lists_used < regs.list_slots as u32).then_some(walk)
    }
}

impl Walk {
    /// Whether this detection pass waits for slots to be filled, rather than finding them in the ring.
    fn counts_slots(&self, regs: &JobRegs) -> bool {
        self.pass == 0 || regs.stream_features
    }

    /// The next group; none after the last one of the last detection pass.
    fn next(mut self, regs: &JobRegs) -> Option<Walk> {
        let passes = if regs.redetect { self.tile.passes } else { 1 };
        self.chunk += 1;
        if self.chunk == regs.chunks {
            (self.chunk, self.cgroup) = (0, self.cgroup + 1);
        }
        if self.cgroup == regs.cgroups {
            (self.cgroup, self.pass) = (0, self.pass + 1);
        }
        (self.pass < passes).then_some(self)
    }
}

impl Model<'_> {
    /// An idle front takes the pending tile.
    pub(super) fn take_front_tile(&mut self, set: usize) {
        let front = &mut self.sets[set].front;
        if front.active.is_none() && front.pending.is_some() && !front.starting {
            front.starting = true;
            self.at(self.now + 1, Event::FrontStart(set));
        }
    }

    /// An idle detector takes the next requesting set after the one served last. Bit s of `touched`: set s may request now what it
    /// did not request before.
    pub(super) fn grant(&mut self, number: usize, touched: u32) {
        let (detector, regs) = (self.detectors[number], &self.job.regs);
        let own = u32::MAX >> (32 - detector.count) << detector.first;
        if detector.serving.is_some() || touched & own == 0 {
            return;
        }
        let order = (1..=detector.count).map(|i| (detector.last_served + i) % detector.count);
        let requests = |i: usize| Some((i, self.sets[detector.first + i].front.request(regs)?));
        let Some((index, walk)) = order.into_iter().find_map(requests) else {
            return;
        };
        let set = detector.first + index;
        self.detectors[number].serving = Some(set);
        self.detectors[number].last_served = index;
        let front = &mut self.sets[set].front;
        front.busy = true;
        front.lists_used += 1;
        let steps = (walk.tile.positions() * regs.group_steps(walk.cgroup, walk.chunk)) as u64;
        let work = &self.work[set]
            [front.tiles * regs.group_count() + regs.group_index(walk.cgroup, walk.chunk)];
        let [zero, hit, mau, mnu] = work.states;
        self.stats.zero += zero;
        self.stats.hit += hit;
        self.stats.mau += mau;
        self.stats.mnu += mnu;
        self.stats.detect_busy += steps;
        let last_step = self.now + steps;
        self.at(last_step + 1, Event::Detected(number));
        let config = self.config;
        let latency = LIST_LATENCY + (config.decision_cycles() + config.item_cycles()) as u64;
        self.at(last_step + latency, Event::ListReady(set));
    }

    /// Effects of a group's last detection step.
    pub(super) fn detected(&mut self, number: usize) {
        let regs = &self.job.regs;
        let Some(set) = self.detectors[number].serving.take() else {
            return;
        };
        let front = &mut self.sets[set].front;
        front.busy = false;
        let Some(walk) = front.active else {
            return;
        };
        if walk.counts_slots(regs) && walk.chunk + 1 == regs.chunks {
            front.d_avail -= 1;
        }
        front.active = walk.next(regs);
        front.tiles += front.active.is_none() as usize;
    }
}
