//! The list memory against an array, in one part and in several.

use crate::{rng, set, sim, tiny};
use mercury::blocks::list_memory::ListMemory;
use mercury::config::{Config, Issue};
use rand::RngExt;
use std::collections::VecDeque;

#[test]
fn list_memory_keeps_every_word() {
    let registered = Config {
        issue: Issue::Registered,
        ..tiny()
    };
    // Words: 64, 64, 4096 in two parts, 4160 in three, of which the last has 64.
    let sizes = [
        tiny(),
        registered.clone(),
        Config {
            lists: 64,
            tile: 64,
            ..registered.clone()
        },
        Config {
            lists: 65,
            tile: 64,
            ..registered
        },
    ];
    for (seed, config) in (0..).zip(sizes) {
        let words = config.list_words();
        println!("seed {seed}: {words} words");
        let mut rng = rng(seed);
        let mut sim = sim(ListMemory::new(&config));
        let mut kept: Vec<Option<u64>> = vec![None; words];
        let mut due: VecDeque<Option<u64>> = vec![None; 1 + config.list_cycles()].into();
        let mut seen = 0;
        for cycle in 0..6 * words as u64 {
            // Every word is written once in order, then any.
            let write = match cycle as usize {
                cycle if cycle < words => cycle,
                _ => rng.random_range(0..words),
            };
            let read = rng.random_range(0..words);
            let writes = write != read && rng.random_ratio(7, 8);
            let word = rng.random_range(0..1u64 << config.item_w().min(63));
            sim.write_enable.next = writes;
            set(&mut sim.write_address, write as i128);
            set(&mut sim.write_data, word as i128);
            set(&mut sim.read_address, read as i128);
            sim.settle();
            if let Some(expected) = due.pop_front().flatten() {
                assert_eq!(sim.read_data.val().to_u64(), expected, "cycle {cycle}");
                seen += 1;
            }
            due.push_back(kept[read]);
            if writes {
                kept[write] = Some(word);
            }
            sim.clock();
        }
        assert!(seen > 2 * words, "{seen}");
    }
}
