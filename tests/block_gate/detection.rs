//! The blocks of detection.

use super::{Inputs, hold, rare, small, small_lanes, tiny};
use crate::gate::Gate;
use mercury::blocks::bank_choice::BankChoice;
use mercury::blocks::cache_index::CacheIndex;
use mercury::blocks::detect_front::DetectFront;
use mercury::blocks::detector::Detector;
use mercury::blocks::detector_lane::DetectorLane;
use mercury::blocks::detector_load::DetectorLoad;
use mercury::blocks::feature_buffer::FeatureBuffer;
use mercury::blocks::hitmap::Hitmap;
use mercury::blocks::mcache::Mcache;
use mercury::blocks::position_walk::PositionWalk;
use mercury::blocks::rpq::Rpq;
use mercury::blocks::signature_comparator::SignatureComparator;
use mercury::config::{self, Config, Issue, Tags};
use mercury::hdl::Value;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// One detector for both sets.
fn shared() -> Config {
    Config {
        detectors: 1,
        ..tiny()
    }
}

/// A cache of one entry, and one of one set: numbers of no bits.
fn small_caches() -> [Config; 2] {
    let cache = |sets, ways| Config {
        mcache: config::Mcache {
            sets,
            ways,
            tags: Tags::LutRam,
        },
        ..tiny()
    };
    [cache(1, 1), cache(1, 4)]
}

/// RPQ settings, kept for a while.
const RPQ: [&str; 4] = ["reuse", "projections", "sig_bits", "sig_shift"];

fn rpq_setting(
    rng: &mut ChaCha8Rng,
    kept: &mut Inputs,
    cycle: u64,
    inputs: &mut Inputs,
    mode: &str,
) {
    small(rng, inputs, &[mode], 1..=4);
    small(rng, inputs, &["projections"], 4..=10);
    small(rng, inputs, &["sig_bits"], 1..=4);
    small(rng, inputs, &["sig_shift"], 0..=12);
    hold(kept, cycle, inputs, &[mode]);
    hold(kept, cycle, inputs, &RPQ[1..]);
}

#[test]
fn rpq() {
    let mut kept = Inputs::new();
    Gate::new("rpq_gate")
        .cycles(4000)
        .stimulus(move |rng, cycle, inputs| {
            rpq_setting(rng, &mut kept, cycle, inputs, "mode");
            rare(rng, inputs, &["clear"], 100);
            rare(rng, inputs, &["first", "last"], 3);
            small(rng, inputs, &["k"], 1..=9);
        })
        .check(Rpq::new(&tiny()));
}

/// Signatures of which some are equal.
fn few_signatures(rng: &mut ChaCha8Rng, inputs: &mut Inputs, names: &[&str]) {
    for name in names {
        let width = inputs[*name].width();
        let signature = rng.random_range(0..4u128) << rng.random_range(0..8);
        inputs.insert((*name).into(), Value::unsigned(width, signature));
    }
}

#[test]
fn signature_comparator() {
    Gate::new("signature_comparator_gate")
        .stimulus(|rng, _, inputs| {
            let names = ["signature", "tag_0", "tag_1"];
            few_signatures(rng, inputs, &names);
        })
        .check(SignatureComparator::new(&tiny()));
}

/// Vectors of few signatures; in the cycle after a group's last one, and after `clear`, there is none.
fn vectors(rng: &mut ChaCha8Rng, ended: &mut bool, inputs: &mut Inputs) {
    few_signatures(rng, inputs, &["signature"]);
    rare(rng, inputs, &["last", "zero"], 20);
    rare(rng, inputs, &["clear"], 100);
    if *ended {
        inputs.insert("valid".into(), Value::unsigned(1, 0));
    }
    *ended = inputs["clear"].any() || (inputs["valid"].any() && inputs["last"].any());
}

#[test]
fn bank_choice() {
    Gate::new("bank_choice_gate").check(BankChoice::new(&tiny()));
}

#[test]
fn bank_choice_registered() {
    let mut config = tiny();
    config.issue = Issue::Registered;
    Gate::new("bank_choice_registered_gate").check(BankChoice::new(&config));
}

#[test]
fn cache_index() {
    Gate::new("cache_index_gate").check(CacheIndex::new(&tiny()));
}

#[test]
fn cache_index_registered() {
    let mut config = tiny();
    config.mcache.tags = Tags::LutRamCompared;
    Gate::new("cache_index_registered_gate").check(CacheIndex::new(&config));
}

#[test]
fn mcache() {
    let mut ended = true;
    Gate::new("mcache_gate")
        .stimulus(move |rng, _, inputs| vectors(rng, &mut ended, inputs))
        .check(Mcache::new(&tiny()));
}

/// The gate of a cache whose tags are read in a cycle of their own.
fn mcache_gate(name: &str, tags: Tags) {
    let mut config = tiny();
    config.mcache.tags = tags;
    let mut ended = true;
    Gate::new(name)
        .stimulus(move |rng, _, inputs| vectors(rng, &mut ended, inputs))
        .check(Mcache::new(&config));
}

#[test]
fn mcache_registered() {
    mcache_gate("mcache_registered_gate", Tags::LutRamRegistered);
}

#[test]
fn mcache_compared() {
    mcache_gate("mcache_compared_gate", Tags::LutRamCompared);
}

#[test]
fn mcache_in_block_ram() {
    mcache_gate("mcache_block_ram_gate", Tags::BlockRam);
}

#[test]
fn mcache_of_few_entries() {
    let [one, one_set] = small_caches();
    for (name, config) in [("mcache_one_gate", one), ("mcache_set_gate", one_set)] {
        let mut ended = true;
        let outcome = Gate::new(name)
            .stimulus(move |rng, _, inputs| vectors(rng, &mut ended, inputs))
            .run(Mcache::new(&config));
        assert_eq!(outcome.first, None, "{name}");
        assert!(outcome.changes["state"] > 0);
    }
}

#[test]
fn position_walk() {
    let mut kept = Inputs::new();
    Gate::new("position_walk_gate")
        .cycles(6000)
        .stimulus(move |rng, cycle, inputs| {
            rare(rng, inputs, &["load"], 30);
            small(rng, inputs, &["images", "rows", "cols"], 1..=3);
            hold(&mut kept, cycle, inputs, &["images", "rows", "cols"]);
        })
        .check(PositionWalk::new(&tiny()));
}

/// A beat of a plausible read program.
fn read_beat(rng: &mut ChaCha8Rng) -> u64 {
    let k: u64 = rng.random_range(0..9);
    let (bank, addr): (u64, u64) = (rng.random_range(0..3), rng.random_range(0..20));
    let (row, col): (u64, u64) = (rng.random_range(0..3), rng.random_range(0..3));
    k | bank << 8 | 1 << 15 | addr << 16 | row << 32 | col << 48
}

fn programs(rng: &mut ChaCha8Rng, inputs: &mut Inputs) {
    if rng.random_ratio(3, 4) {
        let beat = read_beat(rng);
        inputs.insert("load_data".into(), Value::unsigned(64, beat.into()));
    }
}

/// Beats of a segment, numbered from 0.
#[test]
fn detector_load() {
    Gate::new("detector_load_gate")
        .cycles(4000)
        .stimulus(|rng, _, inputs| small(rng, inputs, &["load_index"], 0..=40))
        .check(DetectorLoad::new(&tiny()));
}

#[test]
fn detector_lane() {
    Gate::new("detector_lane_gate")
        .cycles(4000)
        .stimulus(|rng, _, inputs| {
            programs(rng, inputs);
            small(rng, inputs, &["base_row", "base_col"], 0..=9);
            small(rng, inputs, &["in_rows", "in_cols"], 0..=15);
            small(rng, inputs, &["k"], 1..=9);
        })
        .check(DetectorLane::new(&tiny()));
}

#[test]
fn feature_buffer_without_detection() {
    let config = Config {
        reuse: false,
        ..tiny()
    };
    Gate::new("feature_buffer_dense_gate")
        .keeping_collisions()
        .check(FeatureBuffer::new(&config));
}

#[test]
fn hitmap() {
    let mut kept = Inputs::new();
    Gate::new("hitmap_gate")
        .cycles(6000)
        .stimulus(move |rng, cycle, inputs| {
            small(rng, inputs, &["list_slots"], 1..=2);
            small(rng, inputs, &["list_positions"], 13..=16);
            hold(&mut kept, cycle, inputs, &["list_slots", "list_positions"]);
            // A ring changes only when it is empty; two lists of at most 31 items end below word 63.
            let clears = cycle.is_multiple_of(200).into();
            inputs.insert("clear".into(), Value::unsigned(1, clears));
            rare(rng, inputs, &["record_last"], 6);
            small(rng, inputs, &["count_slot"], 0..=1);
            // Lists are read when nothing is written: a word that is written is not read.
            rare(rng, inputs, &["record_valid"], 2);
            if inputs["record_valid"].any() {
                small(rng, inputs, &["read_addr"], 63..=63);
            } else {
                small(rng, inputs, &["read_addr"], 0..=62);
            }
        })
        .check(Hitmap::new(&tiny()));
}

const FRONT_JOB: [&str; 5] = ["chunks", "cgroups", "redetect", "stream_features", "wgrad"];

#[test]
fn detect_front() {
    let mut kept = Inputs::new();
    Gate::new("detect_front_gate")
        .cycles(20_000)
        .stimulus(move |rng, cycle, inputs| {
            small(rng, inputs, &["chunks", "cgroups"], 1..=3);
            hold(&mut kept, cycle, inputs, &FRONT_JOB);
            small(rng, inputs, &["slot_beats", "ring_slots"], 1..=3);
            small(rng, inputs, &["list_slots"], 1..=4);
            hold(
                &mut kept,
                cycle,
                inputs,
                &["slot_beats", "ring_slots", "list_slots"],
            );
            small_lanes(rng, inputs, "tile_data");
            rare(rng, inputs, &["clear"], 500);
            rare(rng, inputs, &["tile_write"], 8);
            rare(rng, inputs, &["list_released"], 6);
        })
        .check(DetectFront::new(&tiny()));
}

const DETECTOR_JOB: [&str; 4] = ["x_step", "y_addr", "y_row", "zero_skip"];

fn detector_noise(rng: &mut ChaCha8Rng, kept: &mut Inputs, cycle: u64, inputs: &mut Inputs) {
    rpq_setting(rng, kept, cycle, inputs, "reuse");
    small(rng, inputs, &DETECTOR_JOB[..3], 0..=2);
    hold(kept, cycle, inputs, &DETECTOR_JOB);
    rare(rng, inputs, &["clear"], 300);
    rare(
        rng,
        inputs,
        &["load_reads", "load_matrix", "load_offsets"],
        12,
    );
    small(rng, inputs, &["load_index"], 0..=9);
    programs(rng, inputs);
    let sets = if inputs.contains_key("request_1") {
        2
    } else {
        1
    };
    for s in 0..sets {
        let port = |name: &str| format!("{name}_{s}");
        let names = |list: &[&str]| -> Vec<String> { list.iter().map(|n| port(n)).collect() };
        let counts = names(&["images", "rows", "cols", "steps"]);
        let counts: Vec<&str> = counts.iter().map(String::as_str).collect();
        small(rng, inputs, &counts, 1..=3);
        small(rng, inputs, &[&port("in_rows"), &port("in_cols")], 1..=9);
        small(rng, inputs, &[&port("row"), &port("col")], 0..=5);
        small(rng, inputs, &[&port("addr")], 0..=230);
        small(rng, inputs, &[&port("bank")], 0..=2);
        small(rng, inputs, &[&port("k")], 1..=9);
        let context = names(&[
            "images",
            "rows",
            "cols",
            "steps",
            "in_rows",
            "in_cols",
            "row",
            "col",
            "addr",
            "bank",
            "k",
            "first_group",
            "last_group",
            "zero",
        ]);
        let context: Vec<&str> = context.iter().map(String::as_str).collect();
        hold(kept, cycle, inputs, &context);
    }
    for b in 0..3 * sets {
        // Few values, so that vectors are alike.
        small(rng, inputs, &[&format!("read_x_{b}")], 0..=1);
    }
}

#[test]
fn detector() {
    let mut kept = Inputs::new();
    Gate::new("detector_gate")
        .cycles(12_000)
        .stimulus(move |rng, cycle, inputs| detector_noise(rng, &mut kept, cycle, inputs))
        .check(Detector::new(&shared()));
}

#[test]
fn detector_registered() {
    let config = Config {
        issue: Issue::Registered,
        ..shared()
    };
    let mut kept = Inputs::new();
    Gate::new("detector_registered_gate")
        .cycles(12_000)
        .stimulus(move |rng, cycle, inputs| detector_noise(rng, &mut kept, cycle, inputs))
        .check(Detector::new(&config));
}
