//! One set of the test bench: front, feature buffer and Hitmap, and what they may be doing by the contract.

use super::job::{self, Group, Item, Job};
use crate::{set, set_words, sim};
use mercury::blocks::detect_front::DetectFront;
use mercury::blocks::feature_buffer::FeatureBuffer;
use mercury::blocks::hitmap::Hitmap;
use mercury::hdl::{Sig, Sim};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rust_hdl::core::prelude::Out;
use std::collections::VecDeque;

pub fn number(output: &Sig<Out>) -> usize {
    output.val().words()[0] as usize
}

/// A beat that the loader hands over.
pub enum Beat {
    Tile {
        word: u64,
        last: bool,
    },
    Feature {
        bank: usize,
        beat: usize,
        word: u64,
        slot_end: bool,
    },
}

/// What a set's front may be doing, as the contract words it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Front {
    Idle,
    Ready,
    Busy,
}

/// One set: its blocks, its input, and its state by the contract.
pub struct Set {
    pub front: Sim<DetectFront>,
    pub features: Sim<FeatureBuffer>,
    pub hitmap: Sim<Hitmap>,
    pub beats: VecDeque<Beat>,
    pub groups: Vec<Group>,
    pub state: Front,
    pub pending: bool,
    /// Groups done.
    pub next: usize,
    pub d_avail: usize,
    pub lists_used: usize,
    /// Slots filled and not released.
    pub filled: usize,
    /// Lists complete, with the cycle from which they can be read.
    pub lists: VecDeque<(usize, u64)>,
    /// Items read of the list in hand; cycles until one more is there.
    pub items: Vec<Item>,
    pub read: Option<usize>,
    pub read_list: usize,
}

impl Set {
    pub fn new(job: &Job, index: usize) -> Set {
        let mut set = Set {
            front: sim(DetectFront::new(&job.config)),
            features: sim(FeatureBuffer::new(&job.config)),
            hitmap: sim(Hitmap::new(&job.config)),
            beats: beats(job, index),
            groups: job.groups(index),
            state: Front::Idle,
            pending: false,
            next: 0,
            d_avail: 0,
            lists_used: 0,
            filled: 0,
            lists: VecDeque::new(),
            items: vec![],
            read: None,
            read_list: 0,
        };
        set.set_job(job);
        set
    }

    pub fn set_job(&mut self, job: &Job) {
        let (l, rows) = (job.config.l, job.kr * job.dilation);
        let [(k, t), (k_cg, t_cg), (k_kr, t_kr)] = job.sizes();
        let front = &mut self.front;
        front.wgrad.next = job.wgrad;
        front.stream_features.next = job.stream;
        front.redetect.next = job.redetect;
        set(&mut front.chunks, job.chunks as i128);
        set(&mut front.cgroups, job.cgroups as i128);
        set(&mut front.chunk_addr, (rows / l * job.pitch) as i128);
        set(&mut front.chunk_row, rows as i128);
        set(&mut front.chunk_bank, (rows % l) as i128);
        set(&mut front.wrap_addr, job.pitch as i128);
        set(&mut front.slot_beats, job.slot_beats as i128);
        set(&mut front.ring_slots, job.ring_slots as i128);
        set(&mut front.group_k, k as i128);
        set(&mut front.k_cg_last, k_cg as i128);
        set(&mut front.k_kr_last, k_kr as i128);
        set(&mut front.steps, t as i128);
        set(&mut front.steps_cg_last, t_cg as i128);
        set(&mut front.steps_kr_last, t_kr as i128);
        set(&mut front.list_slots, job.list_slots as i128);
        // START.
        front.clear.next = true;
        front.clock();
        front.clear.next = false;
        set(&mut self.hitmap.list_slots, job.list_slots as i128);
        set(&mut self.hitmap.list_positions, job.list_positions as i128);
    }

    /// Whether the set asks, by the contract.
    pub fn asks(&self, job: &Job) -> bool {
        let needs_slot = self
            .groups
            .get(self.next)
            .is_some_and(|g| job.stream || g.pass == 0);
        self.state == Front::Ready
            && (self.d_avail > 0 || !needs_slot)
            && self.lists_used < job.list_slots
    }

    /// Offers a beat of the input if there is room, in most cycles. Returns whether a slot, or a tile, is complete.
    pub fn load(&mut self, job: &Job, rng: &mut ChaCha8Rng) -> (bool, bool) {
        self.front.tile_write.next = false;
        self.front.slot_loaded.next = false;
        self.features.write.next = false;
        assert_eq!(self.front.room_tile.val(), !self.pending, "room for a tile");
        let room = match self.beats.front() {
            Some(Beat::Tile { .. }) => !self.pending,
            Some(Beat::Feature { .. }) => self.filled < job.ring_slots,
            None => false,
        };
        if !room || rng.random_ratio(1, 8) {
            return (false, false);
        }
        match self.beats.pop_front() {
            Some(Beat::Tile { word, last }) => {
                self.front.tile_write.next = true;
                self.front.tile_last.next = last;
                set_words(&mut self.front.tile_data, &[word]);
                (false, last)
            }
            Some(Beat::Feature {
                bank,
                beat,
                word,
                slot_end,
            }) => {
                self.features.write.next = true;
                set(&mut self.features.write_bank, bank as i128);
                set(&mut self.features.write_addr, beat as i128);
                set_words(&mut self.features.write_data, &[word]);
                self.front.slot_loaded.next = slot_end;
                (slot_end, false)
            }
            None => unreachable!("there is room for a beat"),
        }
    }

    /// Reads complete lists at its leisure; returns the released group.
    pub fn walk(&mut self, job: &Job, cycle: u64, rng: &mut ChaCha8Rng) -> Option<usize> {
        self.front.list_released.next = false;
        let hitmap = &mut self.hitmap;
        if let Some(left) = self.read.take() {
            if left > 0 {
                self.read = Some(left - 1);
                return None;
            }
            self.items.push((
                number(&hitmap.item_kind),
                hitmap.item_first.val(),
                number(&hitmap.item_position),
                number(&hitmap.item_entry),
                number(&hitmap.item_bank),
                number(&hitmap.item_addr),
                hitmap.item_mask.val().words()[0].into(),
            ));
        }
        let &(group, from) = self.lists.front()?;
        if cycle < from || rng.random_ratio(1, 4) {
            return None;
        }
        let slot = self.read_list % job.list_slots;
        set(&mut hitmap.count_slot, slot as i128);
        hitmap.settle();
        if self.items.len() < number(&hitmap.item_count) {
            let word = slot * job.list_positions + self.items.len();
            set(&mut hitmap.read_addr, word as i128);
            self.read = Some(job.config.list_cycles());
            return None;
        }
        assert_eq!(
            self.items, self.groups[group].items,
            "list of group {group}"
        );
        self.items.clear();
        self.lists.pop_front();
        self.read_list += 1;
        self.front.list_released.next = true;
        Some(group)
    }
}

/// Tiles and features in an order that a host might send: each tile before its features.
pub fn beats(job: &Job, index: usize) -> VecDeque<Beat> {
    let mut beats = VecDeque::new();
    let mut slot = 0;
    for tile in &job.tiles[index] {
        let words = tile.descriptor.words();
        for (i, four) in words.chunks(4).enumerate() {
            let word = four.iter().rev().fold(0, |w, &x| w << 16 | u64::from(x));
            beats.push_back(Beat::Tile { word, last: i == 3 });
        }
        let passes = if job.stream {
            tile.descriptor.passes
        } else {
            1
        };
        for _ in 0..passes {
            for cgroup in 0..job.cgroups {
                slot_beats(job, tile, cgroup, slot % job.ring_slots, &mut beats);
                slot += 1;
            }
        }
    }
    beats
}

/// The image of one slot, every beat of every bank.
pub fn slot_beats(
    job: &Job,
    tile: &job::Tile,
    cgroup: usize,
    slot: usize,
    beats: &mut VecDeque<Beat>,
) {
    let (l, lanes) = (job.config.l, job.config.lanes());
    // What no element belongs to holds numbers that would show.
    let mut words = vec![vec![0x5a5ai64; job.slot_beats * lanes]; l];
    let channels = tile.features.iter().skip(cgroup * job.cg).take(job.cg);
    for (c, channel) in channels.enumerate() {
        for (b, image) in channel.iter().enumerate() {
            for (r, row) in image.iter().enumerate() {
                let at = c * job.plane + b * job.img_addr + r / l * job.pitch;
                words[r % l][at..at + row.len()].copy_from_slice(row);
            }
        }
    }
    for (bank, words) in words.iter().enumerate() {
        for (beat, four) in words.chunks(lanes).enumerate() {
            let word = four.iter().rev();
            let word = word.fold(0, |w, &x| w << 16 | x as u64 & 0xffff);
            beats.push_back(Beat::Feature {
                bank,
                beat: slot * job.slot_beats + beat,
                word,
                slot_end: bank + 1 == l && beat + 1 == job.slot_beats,
            });
        }
    }
}
