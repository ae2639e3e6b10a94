//! The MCACHE's decisions against a search through all earlier vectors of the group (`docs/reuse.md`, step 3).

use crate::{rng, set, sim, tiny};
use mercury::blocks::mcache::Mcache;
use mercury::config::{self, Config};
use mercury::reuse::State;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Cycles from a vector (z+4) to its decision (z+5).
const LATENCY: usize = 1;

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
        let config::Mcache { sets, ways } = config.mcache;
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
    let pool = signatures(config, &mut rng);
    let mut group = Plain::default();
    let length = [10, 30, 200][rng.random_range(0..3)];
    let (mut first, mut due, mut last) = (true, None::<Decision>, None);
    for cycle in 0..400 {
        let (valid, clear) = (rng.random_ratio(5, 6), rng.random_ratio(1, 80));
        first |= rng.random_ratio(1, length);
        let signature = pool[rng.random_range(0..pool.len())];
        let zero = rng.random_ratio(1, 8);
        sim.valid.next = valid;
        sim.clear.next = clear;
        // Without a vector the other inputs mean nothing.
        sim.first.next = if valid { first } else { rng.random() };
        sim.zero.next = zero;
        set(&mut sim.signature, signature as i128);
        sim.settle();
        let seen = sim.decided.val().then(|| {
            let state = State::from_code(sim.state.val().to_u64() as u8);
            let entry = sim.entry.val().to_u64() as usize;
            (state.expect("two bits"), entry, sim.tag.val().to_u128())
        });
        assert_eq!(seen, due, "seed {seed}, cycle {cycle}, {config:?}");
        assert_eq!(LATENCY, 1, "`due` is one cycle old");
        due = None;
        if valid {
            if std::mem::take(&mut first) {
                group = Plain::default();
            }
            met.zero_known += usize::from(zero && group.0.iter().any(|(s, _)| *s == signature));
            due = Some(match (zero, looks_up) {
                (true, _) => (State::Zero, 0, 0),
                (_, false) => (State::Mnu, 0, signature),
                _ => group.decide(config, signature),
            });
        }
        if clear {
            met.cleared += usize::from(due.is_some());
            (due, first) = (None, true);
        }
        if let Some((state, entry, _)) = due {
            met.states[usize::from(state.code())] += 1;
            met.next_cycle += usize::from(state == State::Hit && last == Some((State::Mau, entry)));
            met.full += usize::from(state == State::Mnu && looks_up);
            met.no_lookup += usize::from(state == State::Mnu && !looks_up);
        }
        last = due.map(|(state, entry, _)| (state, entry));
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
    for (sets, ways, sig_w) in caches {
        let config = Config {
            mcache: config::Mcache { sets, ways },
            sig_w,
            ..tiny()
        };
        let mut met = Met::default();
        for seed in 0..16 {
            run(&config, seed, &mut met);
        }
        let Met {
            states,
            next_cycle,
            full,
            zero_known,
            cleared,
            no_lookup,
        } = met;
        let counts = [
            &states[..],
            &[next_cycle, full, zero_known, cleared, no_lookup],
        ]
        .concat();
        assert!(counts.iter().all(|&n| n > 5), "{sets} x {ways}: {counts:?}");
    }
}
