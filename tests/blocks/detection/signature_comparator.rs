//! The comparator against a search through the ways.

use crate::{rng, set, sim, tiny};
use mercury::blocks::signature_comparator::SignatureComparator;
use mercury::config::{Config, Mcache, Tags};
use rand::RngExt;

/// Tags that differ in single bits, all of them: one bit that is not compared would be found.
#[test]
fn signature_comparator_searches_all_ways() {
    // Nothing found, found, full, empty, the signature in a way that holds no tag.
    let mut met = [0; 5];
    for (ways, sig_w) in [(1, 1), (2, 32), (8, 48), (16, 128)] {
        let mcache = Mcache {
            sets: 1,
            ways,
            tags: Tags::LutRam,
        };
        let mut sim = sim(SignatureComparator::new(&Config {
            mcache,
            sig_w,
            ..tiny()
        }));
        let mut rng = rng(sig_w as u64);
        for round in 0..600 {
            let mask = u128::MAX >> (128 - sig_w);
            let signature = rng.random::<u128>() & mask;
            let filled = match round % 4 {
                0 => ways,
                1 => 0,
                _ => rng.random_range(0..=ways),
            };
            // Near misses everywhere, each off by one bit; then the signature itself in some ways, at most one of those
            // that hold a tag.
            let mut tags: Vec<u128> = (0..ways)
                .map(|w| signature ^ 1 << ((round + w) % sig_w))
                .collect();
            for _ in 0..rng.random_range(0..3) {
                let way = rng.random_range(0..ways);
                if way >= filled || !tags[..filled].contains(&signature) {
                    tags[way] = signature;
                }
            }
            set(&mut sim.signature, signature as i128);
            set(&mut sim.held, (1i128 << filled) - 1);
            for (port, tag) in sim.tag.iter_mut().zip(&tags) {
                set(port, *tag as i128);
            }
            sim.settle();
            let hit = tags[..filled].iter().position(|tag| *tag == signature);
            let found = (sim.hit.val(), sim.hit_way.val().to_u64() as usize);
            assert_eq!(found, (hit.is_some(), hit.unwrap_or(0)), "round {round}");
            let stale = tags[filled..].contains(&signature);
            let cases = [
                hit.is_none(),
                hit.is_some(),
                filled == ways,
                filled == 0,
                stale,
            ];
            for (count, case) in met.iter_mut().zip(cases) {
                *count += usize::from(case);
            }
        }
    }
    assert!(met.iter().all(|&n| n > 100), "{met:?}");
}
