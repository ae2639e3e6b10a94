//! The number of a signature's MCACHE set against the rule of `docs/reuse.md`.

use crate::{rng, set, sim, tiny};
use mercury::blocks::cache_index::CacheIndex;
use mercury::config::{Config, Mcache, Tags};
use rand::RngExt;

/// The rule, bit by bit: bit i of the signature counts in bit i mod log2(sets).
fn rule(signature: u128, sig_w: usize, sets: usize) -> u64 {
    let bits = sets.ilog2() as usize;
    (0..sig_w)
        .filter(|i| bits > 0 && signature >> i & 1 == 1)
        .fold(0, |index, i| index ^ 1 << (i % bits))
}

#[test]
fn cache_index_is_the_xor_of_the_slices() {
    let mut cleared = 0;
    for (sets, sig_w) in [(1, 1), (2, 32), (32, 48), (16, 128), (1024, 77)] {
        for tags in [Tags::LutRam, Tags::LutRamCompared] {
            let ways = 2;
            let mcache = Mcache { sets, ways, tags };
            let late = mcache.index_cycles();
            let mut sim = sim(CacheIndex::new(&Config {
                mcache,
                sig_w,
                ..tiny()
            }));
            let mut rng = rng(sig_w as u64);
            let mut before = None;
            for cycle in 0..300 {
                let signature = match cycle % 3 {
                    0 => 1 << rng.random_range(0..sig_w),
                    _ => rng.random::<u128>() & (u128::MAX >> (128 - sig_w)),
                };
                let valid = rng.random_ratio(2, 3);
                let (last, zero, clear) = (rng.random(), rng.random(), rng.random_ratio(1, 9));
                (sim.valid.next, sim.last.next) = (valid, last);
                (sim.zero.next, sim.clear.next) = (zero, clear);
                set(&mut sim.signature, signature as i128);
                sim.settle();
                let now = valid.then_some((signature, last, zero));
                let expected = if late == 0 { now } else { before };
                let seen = sim.valid_out.val().then(|| {
                    let index = sim.index.val().to_u64();
                    assert_eq!(index, rule(sim.looked_up.val().to_u128(), sig_w, sets));
                    let signature = sim.looked_up.val().to_u128();
                    (signature, sim.last_out.val(), sim.zero_out.val())
                });
                assert_eq!(seen, expected, "{tags:?}, {sets} sets, cycle {cycle}");
                cleared += usize::from(late == 1 && clear && valid);
                before = now.filter(|_| !clear);
                sim.clock();
            }
        }
    }
    assert!(cleared > 50, "{cleared}");
}
