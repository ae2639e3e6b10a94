//! The loader of the cycle model: segments in order, as there is room.

use super::{Event, Model};
use crate::plan::Payload;

/// Cycles from the last payload beat of a segment to its effect.
const LOAD_LATENCY: u64 = 2;

/// Where the loader is in the stream.
#[derive(Clone, Debug)]
pub(super) struct Loader {
    /// Segment that the loader is at.
    pub(super) segment: usize,
    /// Payload beats still to send; none: at the header.
    left: Option<u64>,
    /// Cycle of the next decision; none: it waits for room.
    pub(super) due: Option<u64>,
    /// It is not between two decisions.
    ready: bool,
    /// There was no room; there is none until the state of a set changes that takes the segment.
    blocked: bool,
    /// END is taken.
    pub(super) done: bool,
}

impl Loader {
    /// At the first segment, before the first cycle.
    pub(super) fn new() -> Loader {
        Loader {
            segment: 0,
            left: None,
            due: Some(0),
            ready: false,
            blocked: false,
            done: false,
        }
    }

    /// In cycle `now` the next decision may be due; `segments` is how many the job has.
    pub(super) fn wake(&mut self, now: u64, segments: usize) {
        if self.due == Some(now) {
            self.due = None;
            self.ready = true;
            self.done = self.segment == segments;
        }
    }

    /// The next decision is due in cycle `due`.
    fn sleep(&mut self, due: u64) {
        self.due = Some(due);
        self.ready = false;
    }
}

impl Model<'_> {
    /// The payload of a segment has arrived.
    pub(super) fn loaded(&mut self, segment: usize) {
        let (segment, reuse) = (&self.job.segments[segment], self.reuse());
        for set in segment.sets() {
            let set = &mut self.sets[set];
            match segment.payload {
                Payload::Tile(tile) => {
                    set.pending = Some(tile);
                    set.front.pending = reuse.then_some(tile);
                }
                Payload::Features { slot_end, .. } => {
                    set.f_avail += slot_end as u32;
                    set.front.d_avail += slot_end as u32;
                }
                Payload::Weights(_) => set.w_groups += 1,
                Payload::Operand(_) => set.o_full = true,
                Payload::Reads | Payload::Matrix | Payload::Offsets | Payload::End => {}
            }
        }
    }

    /// The loader: takes a header, or as many payload beats as there is room for.
    pub(super) fn load(&mut self) {
        if !self.loader.ready || self.loader.done {
            return;
        }
        let number = self.loader.segment;
        let segment = &self.job.segments[number];
        let Some(left) = self.loader.left else {
            self.loader.left = Some(segment.beats as u64);
            if segment.payload == Payload::End {
                self.loader.segment += 1;
            }
            return self.loader.sleep(self.now + 1);
        };
        if std::mem::take(&mut self.loader.blocked) && self.touched & segment.mask == 0 {
            self.loader.blocked = true;
            return;
        }
        let row_beats = self.config.row_beats() as u64;
        let beats = segment
            .sets()
            .map(|set| self.room(set, &segment.payload))
            .min()
            .unwrap_or(0)
            .min(left);
        if beats == 0 {
            self.loader.blocked = true;
            return;
        }
        if let Payload::Weights(_) = segment.payload {
            let rows = (beats / row_beats) as usize;
            segment.sets().for_each(|set| self.sets[set].w_used += rows);
        }
        self.loader.left = Some(left - beats);
        if beats == left {
            self.loader.left = None;
            self.at(self.now + beats - 1 + LOAD_LATENCY, Event::Loaded(number));
            self.loader.segment += 1;
        }
        self.loader.sleep(self.now + beats);
    }

    /// Payload beats that a set takes from now on without a pause.
    fn room(&self, set: usize, payload: &Payload) -> u64 {
        let (set, all) = (&self.sets[set], u64::MAX);
        let open = |room: bool| if room { all } else { 0 };
        match payload {
            Payload::Tile(_) => open(set.pending.is_none() && set.front.pending.is_none()),
            Payload::Features { .. } => open(set.f_avail < self.job.regs.ring_slots as u32),
            Payload::Weights(_) => {
                ((self.config.weight_words - set.w_used) * self.config.row_beats()) as u64
            }
            Payload::Operand(_) => open(!set.o_full && !set.bank_busy[1 - set.ptr]),
            Payload::Reads | Payload::Matrix | Payload::Offsets => {
                open(set.has_no_tile() && set.front.has_no_tile())
            }
            Payload::End => all,
        }
    }
}
