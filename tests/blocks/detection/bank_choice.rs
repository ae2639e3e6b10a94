//! The lanes' addresses in the banks, and the steps that must not be.

use crate::{rng, set, sim, tiny};
use mercury::blocks::bank_choice::BankChoice;
use mercury::config::{Config, Issue};
use rand::RngExt;

#[test]
fn bank_choice_gives_each_bank_its_lane() {
    // A bank read, none in a lane, a collision, an element beyond, one beyond that is not read.
    let mut met = [0; 5];
    for (l, issue) in [
        (1, Issue::Direct),
        (3, Issue::Direct),
        (3, Issue::Registered),
        (5, Issue::Registered),
    ] {
        let config = Config { l, issue, ..tiny() };
        let words = config.feature_words as u64;
        let late = config.address_cycles();
        let mut sim = sim(BankChoice::new(&config));
        let mut rng = rng(l as u64);
        let mut before: Vec<(bool, usize, u64)> = vec![(false, 0, 0); l];
        let mut reads_before = vec![false; l];
        // What `bad` shows in this cycle and the two behind it.
        let mut bad = [false; 4];
        for cycle in 0..2000 {
            let first = rng.random_range(0..l);
            let lanes: Vec<(bool, usize, u64)> = (0..l)
                .map(|lane| {
                    // Mostly a bank for each, as a plan gives them.
                    let bank = match rng.random_range(0..8 * l) {
                        0 => rng.random_range(0..l),
                        _ => (first + lane) % l,
                    };
                    let addr = match rng.random_range(0..8) {
                        0 => words - 2 + rng.random_range(0..4),
                        _ => rng.random_range(0..words),
                    };
                    (rng.random_ratio(3, 4), bank, addr)
                })
                .collect();
            let reads: Vec<bool> = lanes
                .iter()
                .map(|lane| lane.0 && rng.random_ratio(3, 4))
                .collect();
            for (lane, &(present, bank, addr)) in lanes.iter().enumerate() {
                sim.present[lane].next = present;
                sim.reads[lane].next = reads_before[lane];
                set(&mut sim.bank[lane], bank as i128);
                set(&mut sim.addr[lane], addr as i128);
            }
            sim.settle();
            assert_eq!(sim.bad.val(), bad[0], "cycle {cycle}, {config:?}");
            let shown = if late == 0 { &lanes } else { &before };
            if late == 0 || cycle > 0 {
                for (bank, port) in sim.read_addr.iter().enumerate() {
                    let mut there = shown.iter().filter(|lane| lane.0 && lane.1 == bank);
                    // With two lanes in one bank any address will do: the job ends in an error.
                    if let (Some(lane), None) = (there.next(), there.next()) {
                        let addr = lane.2 % (1 << config.feature_w());
                        assert_eq!(port.val().to_u64(), addr, "bank {bank}, cycle {cycle}");
                        met[0] += 1;
                    }
                }
            }
            let present =
                |bank: usize| lanes.iter().filter(|lane| lane.0 && lane.1 == bank).count();
            let collides = (0..l).any(|bank| present(bank) > 1);
            let far = |lane: usize| lanes[lane].2 >= words;
            let beyond = (0..l).any(|lane| reads[lane] && far(lane));
            met[1] += usize::from(lanes.iter().any(|lane| !lane.0));
            met[2] += usize::from(collides && !beyond);
            met[3] += usize::from(beyond && !collides);
            met[4] += usize::from(!beyond && (0..l).any(far));
            bad.rotate_left(1);
            bad[3] = false;
            bad[late] |= collides;
            bad[1] |= beyond;
            before = lanes;
            reads_before = reads;
            sim.clock();
        }
    }
    assert!(met.iter().all(|&n| n > 100), "{met:?}");
}
