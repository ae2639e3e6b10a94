//! What a set sequencer keeps account of: feature slots, weights, psum banks.

use crate::{rng, set, sim, tiny};
use mercury::blocks::feature_ring::FeatureRing;
use mercury::blocks::psum_banks::PsumBanks;
use mercury::blocks::weight_ring::WeightRing;
use mercury::hdl::Sim;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;

/// A tile that is computed: its slots, and how far it is.
struct Tile {
    first: u64,
    slots: u64,
    passes: u64,
    slot: u64,
    pass: u64,
}

impl Tile {
    fn begin(rng: &mut ChaCha8Rng, first: u64, ring_slots: u64) -> Tile {
        Tile {
            first,
            slots: rng.random_range(1..=ring_slots),
            passes: rng.random_range(1..=3),
            slot: 0,
            pass: 0,
        }
    }

    fn last_of_pass(&self) -> bool {
        self.slot + 1 == self.slots
    }

    fn last_pass(&self) -> bool {
        self.pass + 1 == self.passes
    }

    /// Number of the slot in use, of all slots ever loaded.
    fn slot_number(&self, streams: bool) -> u64 {
        let before = if streams { self.pass * self.slots } else { 0 };
        self.first + before + self.slot
    }

    /// The slot is used: the next one, unless the tile ends.
    fn step(&mut self) {
        self.slot += 1;
        if self.slot == self.slots {
            (self.slot, self.pass) = (0, self.pass + 1);
        }
    }
}

/// Runs random tiles over a ring of this size.
fn feature_tiles(seed: u64, ring_slots: u64, slot_beats: u64, streams: bool) {
    println!("seed {seed}: {ring_slots} slots of {slot_beats} beats, streamed: {streams}");
    let mut rng = rng(seed);
    let mut sim = sim(FeatureRing::new());
    set(&mut sim.ring_slots, ring_slots);
    set(&mut sim.slot_beats, slot_beats);
    sim.clock();
    sim.clear.next = true;
    sim.clock();
    sim.clear.next = false;
    let base = |slot: u64| slot % ring_slots * slot_beats;
    // Slots ever loaded, released, and begun by the tile.
    let (mut loaded, mut released, mut tiles) = (0, 0, 0);
    let mut tile: Option<Tile> = None;
    let mut next_first = 0;
    for _ in 0..3000 {
        sim.slot_loaded.next = loaded - released < ring_slots && rng.random_ratio(1, 3);
        sim.tile_begins.next = tile.is_none() && rng.random_ratio(1, 2);
        let number = tile.as_ref().map(|t| t.slot_number(streams));
        let ready = number.is_some_and(|n| n < loaded);
        let used = ready && rng.random_ratio(1, 3);
        sim.slot_used.next = used;
        sim.slot_freed.next = used && (streams || tile.as_ref().is_some_and(Tile::last_pass));
        let at = tile.as_ref();
        sim.last_of_pass.next = at.is_some_and(Tile::last_of_pass);
        sim.frees.next = streams || at.is_some_and(Tile::last_pass);
        sim.settle();
        assert_eq!(sim.write_base.val(), base(loaded));
        assert_eq!(sim.room.val(), loaded - released < ring_slots);
        if tile.is_some() {
            assert_eq!(sim.ready.val(), ready);
        }
        if sim.tile_begins.next {
            assert_eq!(sim.read_base.val(), base(next_first));
        }
        if used {
            let t = tile.as_mut().expect("a tile is computed");
            released += u64::from(streams || t.last_pass());
            let last = t.slot_number(streams);
            t.step();
            let next = if t.pass == t.passes {
                last + 1
            } else {
                t.slot_number(streams)
            };
            let after = if sim.goes_back.val() {
                sim.back_base.val()
            } else {
                sim.ahead_base.val()
            };
            assert_eq!(after, base(next));
            if t.pass == t.passes {
                (tile, next_first) = (None, last + 1);
            }
        }
        if sim.tile_begins.next {
            tile = Some(Tile::begin(&mut rng, next_first, ring_slots));
            tiles += 1;
        }
        loaded += u64::from(sim.slot_loaded.next);
        sim.clock();
    }
    assert!(tiles > 50, "{tiles} tiles began");
}

#[test]
fn feature_ring_numbers_its_slots() {
    for (seed, ring_slots) in (0..).zip([1, 2, 3, 7]) {
        feature_tiles(2 * seed, ring_slots, 5, false);
        feature_tiles(2 * seed + 1, ring_slots, 9, true);
    }
}

#[test]
fn weight_ring_counts_words() {
    let mut rng = rng(1);
    let config = tiny();
    let words = config.weight_words as u64;
    let mut sim = sim(WeightRing::new(&config));
    // Rows ever accepted, written and freed; rows of each group that waits, and of the one that is sent.
    let (mut accepted, mut written, mut freed) = (0u64, 0u64, 0u64);
    let mut waiting = VecDeque::new();
    let size = |rng: &mut ChaCha8Rng| rng.random_range(1..=words / 2);
    let mut coming = size(&mut rng);
    let mut to_write = false;
    let (mut group_rows, mut groups) = (0, 0);
    for _ in 0..20_000 {
        sim.row_accepted.next = accepted - freed < words && rng.random_ratio(2, 3);
        sim.row_written.next = to_write;
        sim.group_loaded.next = to_write && group_rows + 1 == coming;
        let k: Option<u64> = waiting.front().copied();
        let used = k.is_some() && rng.random_ratio(1, 8);
        sim.group_used.next = used;
        let element = match k {
            Some(k) if used => k - 1,
            Some(k) => rng.random_range(0..k),
            None => 0,
        };
        set(&mut sim.element, element);
        set(&mut sim.group_rows, element + 1);
        set(&mut sim.group_rows_m1, element);
        sim.settle();
        assert_eq!(sim.ready.val(), k.is_some());
        assert_eq!(sim.room.val(), accepted - freed < words);
        assert_eq!(sim.read_addr.val(), (freed + element) % words);
        assert_eq!(sim.write_addr.val(), written % words);
        if let (Some(k), true) = (k, used) {
            freed += k;
            waiting.pop_front();
            groups += 1;
        }
        if to_write {
            written += 1;
            group_rows += 1;
            if group_rows == coming {
                waiting.push_back(coming);
                (group_rows, coming) = (0, size(&mut rng));
            }
        }
        to_write = sim.row_accepted.next;
        accepted += u64::from(to_write);
        sim.clock();
    }
    assert!(groups > 500, "{groups} groups were used");
}

/// A bank that waits for the drain.
#[derive(Clone, Copy)]
struct Full {
    bank: bool,
    /// First cycle of the request.
    due: u64,
    rows_m1: u64,
    pes: u64,
    tag: u64,
    pass: u64,
}

/// A random end of a pass, put on the inputs.
fn end_pass(sim: &mut Sim<PsumBanks>, rng: &mut ChaCha8Rng, cycle: u64, bank: bool) -> Full {
    let config = tiny();
    let full = Full {
        bank,
        due: cycle + 5,
        rows_m1: rng.random_range(0..config.tile as u64),
        pes: rng.random_range(1..=config.pes as u64),
        tag: rng.random_range(0..1 << 16),
        pass: rng.random_range(0..1 << 16),
    };
    set(&mut sim.pass_rows_m1, full.rows_m1);
    set(&mut sim.pass_pes, full.pes);
    set(&mut sim.pass_tag, full.tag);
    set(&mut sim.pass_number, full.pass);
    full
}

/// The drain's view: the oldest full bank that is due.
fn check_request(sim: &Sim<PsumBanks>, waiting: &VecDeque<Full>, cycle: u64) {
    let due = waiting.front().filter(|full| full.due <= cycle);
    assert_eq!(sim.drain_request.val(), due.is_some(), "cycle {cycle}");
    if let Some(full) = due {
        assert_eq!(sim.drain_bank.val(), full.bank);
        assert_eq!(sim.drain_rows_m1.val(), full.rows_m1);
        assert_eq!(sim.drain_pes.val(), full.pes);
        assert_eq!(sim.drain_tag.val(), full.tag);
        assert_eq!(sim.drain_pass.val(), full.pass);
    }
}

#[test]
fn psum_banks_are_drained_oldest_first() {
    let mut rng = rng(2);
    let mut sim = sim(PsumBanks::new(&tiny()));
    let (mut bank, mut busy, mut operand) = (false, [false; 2], false);
    let mut waiting: VecDeque<Full> = VecDeque::new();
    // Banks that the drain has read, and when it says so.
    let mut reading: VecDeque<(bool, u64)> = VecDeque::new();
    let mut drained = 0;
    for cycle in 0..20_000 {
        // Long phases in which the drain is slow, so that both banks wait.
        let patience = if cycle / 500 % 2 == 0 { 2 } else { 40 };
        let ends = !busy[usize::from(bank)] && rng.random_ratio(1, 6);
        let full = end_pass(&mut sim, &mut rng, cycle, bank);
        sim.pass_ends.next = ends;
        let requested = waiting.front().is_some_and(|full| full.due <= cycle);
        sim.drain_addressed.next = requested && rng.random_ratio(1, patience);
        let released = reading
            .front()
            .filter(|(_, at)| *at == cycle)
            .map(|(b, _)| *b);
        sim.bank0_release.next = released == Some(false);
        sim.bank1_release.next = released == Some(true);
        sim.operand_loaded.next = !operand && !busy[usize::from(!bank)] && rng.random_ratio(1, 4);
        sim.operand_used.next = operand && rng.random_ratio(1, 4);
        let reset = rng.random_ratio(1, 1000);
        sim.reset.next = reset;
        sim.clear.next = reset || rng.random_ratio(1, 200);
        sim.settle();
        check_request(&sim, &waiting, cycle);
        assert_eq!(sim.accumulates.val(), bank);
        assert_eq!(sim.accumulates_busy.val(), busy[usize::from(bank)]);
        assert_eq!(sim.all_free.val(), busy == [false; 2]);
        assert_eq!(sim.operand_ready.val(), operand);
        assert_eq!(
            sim.room_operand.val(),
            !operand && !busy[usize::from(!bank)]
        );
        if sim.drain_addressed.next {
            let read = waiting.pop_front().expect("a bank is requested");
            reading.push_back((read.bank, cycle + 2));
            drained += 1;
        }
        if let Some(b) = released {
            busy[usize::from(b)] = false;
            reading.pop_front();
        }
        if ends {
            waiting.push_back(full);
            busy[usize::from(bank)] = true;
            bank = !bank;
        }
        operand = (operand || sim.operand_loaded.next) && !sim.operand_used.next && !sim.clear.next;
        if reset {
            (bank, busy) = (false, [false; 2]);
            waiting.clear();
            reading.clear();
        }
        sim.clock();
    }
    assert!(drained > 500, "{drained} banks were drained");
}
