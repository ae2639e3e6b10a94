//! PE sets in the cycle model: tiles, passes and groups, and what their first elements wait for.

use std::collections::VecDeque;

use super::detect::Front;
use super::{Event, Model};
use crate::plan::job::row_beats;
use crate::plan::{JobRegs, TileDescriptor};
use crate::reuse::GroupWork;

/// Cycles from the last element of a pass to the request to drain its bank, if elements issue directly.
const REQUEST_LATENCY: u64 = 5;
/// First cycles of a tile in which a reuse job issues nothing, if it issues directly.
const SETTLE_CYCLES: u64 = 2;

/// Why a set waits at the first element of a group, in order of priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stall {
    /// The list of a reuse job.
    Detect,
    /// The features of a dense job.
    Features,
    Weights,
    Operand,
    Bank,
}

/// A tile in work.
#[derive(Clone, Copy, Debug)]
struct Active {
    tile: TileDescriptor,
    /// Number among the tiles of the set.
    number: usize,
    pass: u16,
    cgroup: u32,
    chunk: u32,
}

/// State of one set as the others see it.
#[derive(Clone, Debug, Default)]
pub(super) struct Set {
    /// Tile that waits to be taken.
    pub(super) pending: Option<TileDescriptor>,
    starting: bool,
    active: Option<Active>,
    /// Tiles taken so far.
    tiles: usize,
    /// The first cycles of a reuse job's tile are over.
    pub(super) settled: bool,
    /// Between the issue of a group's first element and its GroupDone.
    busy: bool,
    /// Cycle since which the cause holds.
    stall: Option<(Stall, u64)>,
    /// Filled feature slots, and the current one among them.
    pub(super) f_avail: u32,
    f_pos: u32,
    /// Lists that can be issued, and the current one among them.
    pub(super) lists_ready: u32,
    list_pos: u32,
    /// Detection of this set's tiles; idle in a dense job.
    pub(super) front: Front,
    /// Groups whose weights are there, and rows in the ring.
    pub(super) w_groups: u32,
    pub(super) w_used: usize,
    /// The operand of a weight gradient is there.
    pub(super) o_full: bool,
    /// Psum banks that are to be drained, and the one that the set computes in.
    pub(super) bank_busy: [bool; 2],
    pub(super) ptr: usize,
    /// Banks to drain, oldest first.
    pub(super) requests: VecDeque<usize>,
    /// Output beats of each bank's packet.
    pub(super) beats: [u64; 2],
}

impl Model<'_> {
    /// The set takes its pending tile.
    pub(super) fn start(&mut self, number: usize) {
        let reuse = self.reuse();
        let set = &mut self.sets[number];
        let tiles = set.tiles;
        set.active = set.pending.take().map(|tile| Active {
            tile,
            number: tiles,
            pass: 0,
            cgroup: 0,
            chunk: 0,
        });
        set.tiles += 1;
        set.starting = false;
        set.settled = !reuse;
        if reuse {
            let cycles = SETTLE_CYCLES + self.config.item_cycles() as u64;
            self.at(self.now + cycles, Event::Settled(number));
        }
    }

    /// A set: takes a tile, or issues a group, or waits.
    pub(super) fn issue(&mut self, number: usize) {
        let (now, regs) = (self.now, &self.job.regs);
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
                Stall::Detect => &mut self.stats.stall_detect,
                Stall::Features => &mut self.stats.stall_features,
                Stall::Weights => &mut self.stats.stall_weights,
                Stall::Operand => &mut self.stats.stall_operand,
                Stall::Bank => &mut self.stats.stall_bank,
            } += now - since;
        }
        set.stall = set.waits(regs, &active).map(|stall| (stall, now));
        if set.stall.is_none() {
            set.busy = true;
            let work = self.group_work(number, &active);
            self.stats.compute_busy += work.busy;
            self.stats.macs += work.macs * active.pes(self.config.pes) as u64;
            self.at(now + work.cycles, Event::GroupDone(number));
        }
    }

    /// What the current group costs: every element of every position, or what its list says.
    fn group_work(&self, set: usize, active: &Active) -> GroupWork {
        let (regs, Active { cgroup, chunk, .. }) = (&self.job.regs, *active);
        if self.reuse() {
            return self.work[set]
                [active.number * regs.group_count() + regs.group_index(cgroup, chunk)];
        }
        let elements = (active.tile.positions() * regs.group_elements(cgroup, chunk)) as u64;
        GroupWork {
            cycles: elements,
            busy: elements,
            macs: elements,
            states: [0; 4],
        }
    }

    /// Effects of a group's last element.
    pub(super) fn group_done(&mut self, number: usize) {
        let (now, regs, config, reuse) = (self.now, &self.job.regs, self.config, self.reuse());
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
        if reuse {
            set.list_used(regs.redetect || last_pass);
        }
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
        (set.f_pos, set.list_pos) = (0, 0);
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
            let latency = REQUEST_LATENCY + config.psum_cycles() as u64;
            self.at(now - 1 + latency, Event::Request(number, bank));
        }
    }
}

impl Set {
    /// Whether no tile is pending or active.
    pub(super) fn has_no_tile(&self) -> bool {
        self.active.is_none() && self.pending.is_none()
    }

    /// Whether there is nothing to compute and nothing to drain.
    pub(super) fn is_finished(&self) -> bool {
        self.has_no_tile() && self.bank_busy == [false; 2]
    }

    /// The current list was used: gives it back, or goes on to the next one.
    fn list_used(&mut self, release: bool) {
        if release {
            self.lists_ready -= 1;
            self.front.lists_used -= 1;
        } else {
            self.list_pos += 1;
        }
    }

    /// What keeps the first element of a group from issuing.
    fn waits(&self, regs: &JobRegs, active: &Active) -> Option<Stall> {
        let (reuse, first_of_pass) = (regs.reuse != 0, active.cgroup == 0 && active.chunk == 0);
        let no_list = !self.settled || self.list_pos >= self.lists_ready;
        let causes = [
            (reuse && no_list, Stall::Detect),
            (!reuse && self.f_pos >= self.f_avail, Stall::Features),
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
