//! The MCACHE's decisions against a search through all earlier vectors of the group (`docs/reuse.md`, step 3).

use crate::{rng, set, sim, tiny};
use mercury::blocks::mcache::Mcache;
use mercury::config::{self, Config, Tags};
use mercury::reuse::State;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;

/// State, entry and signature.
type Decision = (State, usize, u128);

/// The signatures of a group so far with their entries.
#[derive(Default)]
struct Plain(Vec<(u128, usize)>);

impl Plain {
    fn decide(&mut self, config: &Config, signature: u128) -> Decision {
        if let Some((_, entry)) = self.0.iter().find(|(s, _)| *s == signature) {
            return (State::Hit, *entry, signature);
        }
        let config::Mcache { sets, ways, .. } = config.mcache;
        let mut set = 0;
        if sets > 1 {
            for slice in (0..config.sig_w).step_by(sets.ilog2() as usize) {
                set ^= (signature >> slice) as usize % sets;
            }
        }
        let used = self.0.iter().filter(|(_, e)| e / ways == set).count();
        if used == ways {
            return (State::Mnu, 0, signature);
        }
        self.0.push((signature, set * ways + used));
        (State::Mau, set * ways + used, signature)
    }
}

/// What the decisions of a run were.
#[derive(Default, Debug)]
struct Met {
    /// By state.
    states: [usize; 4],
    /// A HIT in the cycle after its MAU.
    next_cycle: usize,
    /// … and for the vector behind it.
    next_but_one: usize,
    /// MNU, the set being full.
    full: usize,
    /// A zero vector whose signature is there.
    zero_known: usize,
    /// Decisions that a clear took back.
    cleared: usize,
    /// Without lookups.
    no_lookup: usize,
}

fn signatures(config: &Config, rng: &mut ChaCha8Rng) -> Vec<u128> {
    let mask = u128::MAX >> (128 - config.sig_w);
    let entries = config.mcache.entries();
    let many = [2, entries, 3 * entries][rng.random_range(0..3)];
    let one_set = rng.random_ratio(1, 3);
    let set_bits = config.mcache.sets.ilog2();
    let base = rng.random::<u128>() & mask;
    (0..many)
        .map(|_| match rng.random_range(0..3) {
            // Two equal slices cancel out: all of them belong to set 0.
            _ if one_set && set_bits > 0 => {
                let slice = rng.random_range(0..1 << set_bits);
                (slice | slice << set_bits) & mask
            }
            0 => rng.random::<u128>() & mask,
            1 => rng.random_range(0..8) & mask,
            // Neighbours differ in one bit: in the tag, and in the set if it is hashed.
            _ => base ^ 1 << rng.random_range(0..config.sig_w),
        })
        .collect()
}

fn run(config: &Config, seed: u64, met: &mut Met) {
    let mut rng = rng(seed);
    let mut sim = sim(Mcache::new(config));
    let looks_up = !rng.random_ratio(1, 6);
    sim.looks_up.next = looks_up;
    // Every set is emptied once; numbers of one set still have a bit.
    for _ in 0..config.mcache.sets.max(2) {
        assert!(!sim.ready.val(), "a set may still hold something");
        sim.clock();
    }
    assert!(sim.ready.val());
    let pool = signatures(config, &mut rng);
    let mut group = Plain::default();
    // Groups of one vector bring the number of an epoch back soonest.
    let length = [1, 10, 30, 200][rng.random_range(0..4)];
    let mut on_their_way: VecDeque<Option<Decision>> =
        (0..1 + config.mcache.tag_cycles()).map(|_| None).collect();
    let (mut ended, mut before) = (true, [None; 2]);
    for cycle in 0..600 {
        // No vector in the cycle after a group's last one, and after a clear.
        let valid = !std::mem::take(&mut ended) && rng.random_ratio(5, 6);
        let clear = rng.random_ratio(1, 80);
        let last = rng.random_ratio(1, length);
        let signature = pool[rng.random_range(0..pool.len())];
        let zero = rng.random_ratio(1, 8);
        sim.valid.next = valid;
        sim.clear.next = clear;
        // Without a vector the other inputs mean nothing.
        sim.last.next = if valid { last } else { rng.random() };
        sim.zero.next = zero;
        set(&mut sim.signature, signature as i128);
        sim.settle();
        let seen = sim.decided.val().then(|| {
            let state = State::from_code(sim.state.val().to_u64() as u8);
            let entry = sim.entry.val().to_u64() as usize;
            (state.expect("two bits"), entry, sim.tag.val().to_u128())
        });
        let expected = on_their_way.pop_front().flatten();
        assert_eq!(seen, expected, "seed {seed}, cycle {cycle}, {config:?}");
        let mut due = None;
        if valid {
            met.zero_known += usize::from(zero && group.0.iter().any(|(s, _)| *s == signature));
            due = Some(match (zero, looks_up) {
                (true, _) => (State::Zero, 0, 0),
                (_, false) => (State::Mnu, 0, signature),
                _ => group.decide(config, signature),
            });
        }
        if clear {
            met.cleared += usize::from(due.is_some());
            due = None;
            on_their_way
                .iter_mut()
                .for_each(|decision| *decision = None);
        }
        ended = clear || valid && last;
        if ended {
            group = Plain::default();
        }
        if let Some((state, entry, _)) = due {
            met.states[usize::from(state.code())] += 1;
            met.next_cycle +=
                usize::from(state == State::Hit && before[0] == Some((State::Mau, entry)));
            met.next_but_one +=
                usize::from(state == State::Hit && before[1] == Some((State::Mau, entry)));
            met.full += usize::from(state == State::Mnu && looks_up);
            met.no_lookup += usize::from(state == State::Mnu && !looks_up);
        }
        before = [due.map(|(state, entry, _)| (state, entry)), before[0]];
        on_their_way.push_back(due);
        sim.clock();
    }
}

#[test]
fn mcache_decides_as_a_search_through_the_group() {
    let caches = [
        (1, 1, 32),
        (1, 4, 32),
        (2, 1, 7),
        (4, 2, 32),
        (16, 8, 48),
        (64, 16, 96),
    ];
    let all = |(sets, ways, sig_w)| {
        let kinds = [
            Tags::LutRam,
            Tags::LutRamRegistered,
            Tags::LutRamCompared,
            Tags::BlockRam,
        ];
        kinds.map(|tags| Config {
            mcache: config::Mcache { sets, ways, tags },
            sig_w,
            ..tiny()
        })
    };
    for config in caches.into_iter().flat_map(all) {
        let mut met = Met::default();
        for seed in 0..24 {
            run(&config, seed, &mut met);
        }
        let Met {
            states,
            next_cycle,
            next_but_one,
            full,
            zero_known,
            cleared,
            no_lookup,
        } = met;
        let counts = [
            &states[..],
            &[
                next_cycle,
                next_but_one,
                full,
                zero_known,
                cleared,
                no_lookup,
            ],
        ]
        .concat();
        let cache = &config.mcache;
        assert!(counts.iter().all(|&n| n > 5), "{cache:?}: {counts:?}");
    }
}
