//! Hitmap lists against the table of `docs/reuse.md`, "Items of a list".

use crate::{rng, set, sim, tiny};
use mercury::blocks::hitmap::Hitmap;
use mercury::config::Config;
use mercury::hdl::Sim;
use mercury::reuse::State;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;

/// A record of detection.
#[derive(Clone, Debug)]
struct Record {
    position: usize,
    state: State,
    entry: usize,
    place: (usize, usize),
    mask: u128,
}

/// Kind, first, position, entry, bank, word, mask.
type Item = (u64, bool, usize, usize, usize, usize, u128);

/// One group: flags, records, and the items that they must become.
#[derive(Clone, Debug)]
struct Group {
    first: bool,
    last: bool,
    zero: bool,
    records: Vec<Record>,
    items: Vec<Item>,
}

/// Kinds of groups that must come up.
#[derive(Default, Debug)]
struct Met {
    empty: usize,
    cleared_only: usize,
    full: usize,
    touched_before: usize,
    cleared_while_writing: usize,
}

fn record(config: &Config, position: usize, zeros: u32, rng: &mut ChaCha8Rng) -> Record {
    let state = match rng.random_ratio(zeros, 8) {
        true => State::Zero,
        false => [State::Hit, State::Mau, State::Mnu][rng.random_range(0..3)],
    };
    let entry = match state {
        State::Hit | State::Mau => rng.random_range(0..config.mcache.entries()),
        _ => 0,
    };
    Record {
        position,
        state,
        entry,
        place: (
            rng.random_range(0..config.l),
            rng.random_range(0..config.feature_words),
        ),
        mask: match state {
            State::Zero => 0,
            _ => rng.random::<u128>() & ((1 << config.k_max) - 1),
        },
    }
}

/// The groups of one pass of a tile.
fn pass(config: &Config, positions: usize, met: &mut Met, rng: &mut ChaCha8Rng) -> Vec<Group> {
    let groups = rng.random_range(1..=3);
    let zero = rng.random_ratio(2, 3);
    let zeros = [0, 2, 7, 8][rng.random_range(0..4)];
    let mut touched = vec![false; positions];
    (0..groups)
        .map(|g| {
            let mut group = Group {
                first: g == 0,
                last: g + 1 == groups,
                zero,
                records: (0..positions)
                    .map(|i| record(config, i, zeros, rng))
                    .collect(),
                items: vec![],
            };
            for r in &group.records {
                let kind = match r.state {
                    State::Hit => 0,
                    State::Mau => 1,
                    State::Mnu => 2,
                    State::Zero if zero && group.last && !touched[r.position] => 3,
                    State::Zero => continue,
                };
                let first = zero && !touched[r.position];
                met.touched_before += usize::from(zero && !first);
                let (bank, word) = r.place;
                group
                    .items
                    .push((kind, first, r.position, r.entry, bank, word, r.mask));
                touched[r.position] |= kind != 3;
            }
            met.empty += usize::from(group.items.is_empty());
            met.full += usize::from(group.items.len() == config.tile);
            let clears = group.items.iter().all(|item| item.0 == 3);
            met.cleared_only += usize::from(clears && !group.items.is_empty());
            group
        })
        .collect()
}

fn drive(sim: &mut Sim<Hitmap>, group: &Group, record: &Record) {
    sim.record_valid.next = true;
    set(&mut sim.record_position, record.position as i128);
    set(&mut sim.record_state, record.state.code());
    set(&mut sim.record_entry, record.entry as i128);
    set(&mut sim.record_bank, record.place.0 as i128);
    set(&mut sim.record_addr, record.place.1 as i128);
    set(&mut sim.record_mask, record.mask as i128);
    sim.record_first_group.next = group.first;
    sim.record_last_group.next = group.last;
    sim.record_zero.next = group.zero;
    sim.record_last.next = record.position + 1 == group.records.len();
}

fn item(sim: &Sim<Hitmap>) -> Item {
    (
        sim.item_kind.val().to_u64(),
        sim.item_first.val(),
        sim.item_position.val().to_u64() as usize,
        sim.item_entry.val().to_u64() as usize,
        sim.item_bank.val().to_u64() as usize,
        sim.item_addr.val().to_u64() as usize,
        sim.item_mask.val().to_u128(),
    )
}

/// A list that is complete and not read to its end: its number since the start, and its items.
struct Reader {
    lists: VecDeque<(usize, Vec<Item>)>,
    /// The item whose address was given in the cycle before.
    wanted: Option<Item>,
    at: usize,
}

impl Reader {
    /// Checks the item that was addressed, and addresses the next one: of the oldest list.
    fn step(&mut self, sim: &mut Sim<Hitmap>, ring: (usize, usize)) {
        if let Some(wanted) = self.wanted.take() {
            assert_eq!(item(sim), wanted);
        }
        let Some((number, items)) = self.lists.front() else {
            return;
        };
        let slot = number % ring.0;
        set(&mut sim.count_slot, slot as i128);
        sim.settle();
        assert_eq!(sim.item_count.val().to_u64() as usize, items.len());
        assert_eq!(sim.count_at_last.val(), items.len() <= 1);
        assert_eq!(sim.count_is_empty.val(), items.is_empty());
        match items.get(self.at) {
            Some(item) => {
                set(&mut sim.read_addr, (slot * ring.1 + self.at) as i128);
                self.wanted = Some(*item);
                self.at += 1;
            }
            None => {
                self.lists.pop_front();
                self.at = 0;
            }
        }
    }
}

fn run(config: &Config, ring: (usize, usize), seed: u64, met: &mut Met) {
    println!("seed {seed}: {ring:?} lists and positions");
    let mut rng = rng(seed);
    let mut sim = sim(Hitmap::new(config));
    set(&mut sim.list_slots, ring.0 as i128);
    set(&mut sim.list_positions, ring.1 as i128);
    let mut reader = Reader {
        lists: VecDeque::new(),
        wanted: None,
        at: 0,
    };
    let mut written = 0;
    for _ in 0..12 {
        let positions = if rng.random() {
            ring.1
        } else {
            rng.random_range(1..=ring.1)
        };
        let gives_up = rng.random_ratio(1, 6);
        'pass: for group in pass(config, positions, met, &mut rng) {
            let mut records = group.records.iter();
            let mut next = records.next();
            while let Some(record) = next {
                sim.record_valid.next = false;
                let room = reader.lists.len() < ring.0;
                let sends = room && rng.random_ratio(5, 6);
                if sends {
                    drive(&mut sim, &group, record);
                    next = records.next();
                }
                let done = sends && next.is_none();
                if rng.random() {
                    reader.step(&mut sim, ring);
                } else {
                    // The address was for nothing.
                    reader.at -= usize::from(reader.wanted.take().is_some());
                }
                let position = next.map_or(0, |record| record.position);
                set(&mut sim.next_position, position as i128);
                sim.settle();
                assert_eq!(sim.list_done.val(), done);
                if done {
                    assert_eq!(sim.list_items.val().to_u64() as usize, group.items.len());
                    assert_eq!(sim.list_at_last.val(), group.items.len() <= 1);
                    assert_eq!(sim.list_is_empty.val(), group.items.is_empty());
                }
                assert!(!sim.range_error.val());
                sim.clock();
                if done {
                    reader.lists.push_back((written, group.items.clone()));
                    written += 1;
                    // No record comes in the cycle after a group's last.
                    sim.record_valid.next = false;
                    reader.at -= usize::from(reader.wanted.take().is_some());
                    sim.clock();
                }
                if gives_up && rng.random_ratio(1, 20) {
                    break 'pass;
                }
            }
        }
        sim.record_valid.next = false;
        while !reader.lists.is_empty() {
            reader.step(&mut sim, ring);
            sim.clock();
        }
        if gives_up {
            // In the middle of a list, perhaps: the next one is list 0 again, and empty.
            met.cleared_while_writing += 1;
            sim.clear.next = true;
            sim.clock();
            sim.clear.next = false;
            written = 0;
        }
    }
}

#[test]
fn hitmap_lists_what_remains_to_be_done() {
    let config = tiny();
    let mut met = Met::default();
    // The whole list memory, one list, lists of one position.
    let words = config.list_words();
    assert_eq!(words, config.lists * config.tile);
    for (seed, ring) in [(4, 16), (1, 16), (64, 1), (5, 12), (2, 7), (3, 16)]
        .into_iter()
        .enumerate()
    {
        assert!(ring.0 * ring.1 <= words);
        for round in 0..5 {
            run(&config, ring, 10 * seed as u64 + round, &mut met);
        }
    }
    let Met {
        empty,
        cleared_only,
        full,
        touched_before,
        cleared_while_writing,
    } = met;
    let counts = [
        empty,
        cleared_only,
        full,
        touched_before,
        cleared_while_writing,
    ];
    assert!(counts.iter().all(|&n| n > 10), "{met:?}");
}

#[test]
fn hitmap_refuses_positions_beyond_a_list() {
    let config = tiny();
    let mut sim = sim(Hitmap::new(&config));
    let mut rng = rng(1);
    for list_positions in [1, 7, config.tile] {
        set(&mut sim.list_slots, 1);
        set(&mut sim.list_positions, list_positions as i128);
        for position in 0..config.tile {
            let group = Group {
                first: true,
                last: true,
                zero: true,
                records: vec![],
                items: vec![],
            };
            drive(&mut sim, &group, &record(&config, position, 1, &mut rng));
            for valid in [false, true] {
                sim.record_valid.next = valid;
                sim.settle();
                let beyond = valid && position >= list_positions;
                assert_eq!(
                    sim.range_error.val(),
                    beyond,
                    "{position} of {list_positions}"
                );
            }
        }
    }
}
