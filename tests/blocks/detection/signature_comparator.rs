//! The comparator against a search through the ways.

use crate::{rng, set, sim, tiny};
use mercury::blocks::signature_comparator::SignatureComparator;
use mercury::config::{Config, Mcache};
use rand::RngExt;

/// Tags that differ in single bits, all of them: one bit that is not compared would be found.
#[test]
fn signature_comparator_searches_all_ways() {
    // Nothing found, found, full, empty, an invalid way with the signature, every bit looked at.
    let mut met = [0; 5];
    for (ways, sig_w) in [(1, 1), (2, 32), (8, 48), (16, 128)] {
        let mcache = Mcache { sets: 1, ways };
        let mut sim = sim(SignatureComparator::new(&Config {
            mcache,
            sig_w,
            ..tiny()
        }));
        let mut rng = rng(sig_w as u64);
        for round in 0..600 {
            let mask = u128::MAX >> (128 - sig_w);
            let signature = rng.random::<u128>() & mask;
            let full: u128 = (1 << ways) - 1;
            let mut valid = match round % 4 {
                0 => full,
                1 => 0,
                _ => rng.random::<u128>() & full,
            };
            // Near misses everywhere, each off by one bit; then the signature itself in some ways.
            let mut tags: Vec<u128> = (0..ways)
                .map(|w| signature ^ 1 << ((round + w) % sig_w))
                .collect();
            for _ in 0..rng.random_range(0..3) {
                let way = rng.random_range(0..ways);
                // At most one valid way may hold a signature.
                let held = (0..ways).any(|w| tags[w] == signature && valid >> w & 1 == 1);
                if held {
                    valid &= !(1 << way) | (u128::from(tags[way] == signature) << way);
                }
                tags[way] = signature;
            }
            set(&mut sim.signature, signature as i128);
            set(&mut sim.valid, valid as i128);
            for (port, tag) in sim.tag.iter_mut().zip(&tags) {
                set(port, *tag as i128);
            }
            sim.settle();
            let hit = (0..ways).find(|&w| valid >> w & 1 == 1 && tags[w] == signature);
            let free = (0..ways).find(|&w| valid >> w & 1 == 0);
            let found = (sim.hit.val(), sim.hit_way.val().to_u64() as usize);
            assert_eq!(found, (hit.is_some(), hit.unwrap_or(0)), "round {round}");
            let found = (sim.free.val(), sim.free_way.val().to_u64() as usize);
            assert_eq!(found, (free.is_some(), free.unwrap_or(0)), "round {round}");
            let stale = (0..ways).any(|w| valid >> w & 1 == 0 && tags[w] == signature);
            let cases = [
                hit.is_none(),
                hit.is_some(),
                free.is_none(),
                valid == 0,
                stale,
            ];
            for (count, case) in met.iter_mut().zip(cases) {
                *count += usize::from(case);
            }
        }
    }
    assert!(met.iter().all(|&n| n > 100), "{met:?}");
}
