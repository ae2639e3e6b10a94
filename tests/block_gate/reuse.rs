//! The blocks that issue what Hitmap lists leave to do.

use super::{Inputs, hold, rare, registered, small, small_lanes, tiny};
use crate::gate::Gate;
use mercury::blocks::cache_pipe::CachePipe;
use mercury::blocks::element_table::ElementTable;
use mercury::blocks::flush_list::FlushList;
use mercury::blocks::group_elements::GroupElements;
use mercury::blocks::group_nest::GroupNest;
use mercury::blocks::item_queue::ItemQueue;
use mercury::blocks::item_walker::ItemWalker;
use mercury::blocks::list_memory::ListMemory;
use mercury::blocks::list_reader::ListReader;
use mercury::blocks::mcache_data::McacheData;
use mercury::blocks::reuse_fields::ReuseFields;
use mercury::blocks::set_reuse::SetReuse;
use mercury::config::Config;
use mercury::hdl::Value;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

const LOOPS: [&str; 3] = ["chunks", "cgroups", "passes"];

#[test]
fn group_elements() {
    Gate::new("group_elements_gate")
        .stimulus(|rng, _, inputs| {
            small(rng, inputs, &["chunks"], 1..=2);
            small(rng, inputs, &["group_k", "k_cg_last", "k_kr_last"], 0..=10);
        })
        .check(GroupElements::new(&tiny()));
}

#[test]
fn group_nest() {
    let mut kept = Inputs::new();
    Gate::new("group_nest_gate")
        .stimulus(move |rng, cycle, inputs| {
            rare(rng, inputs, &["load"], 100);
            small(rng, inputs, &LOOPS, 1..=3);
            hold(&mut kept, cycle, inputs, &LOOPS);
        })
        .check(GroupNest::new());
}

/// A word that is written is not read in the same cycle.
#[test]
fn mcache_data() {
    for (name, config) in [("", tiny()), ("_registered", registered())] {
        Gate::new(&format!("mcache_data{name}_gate"))
            .stimulus(|rng, _, inputs| {
                let other = inputs["write_addr"].clone() + 1;
                if inputs["write"].any() {
                    inputs.insert("read_addr".into(), other);
                }
                if rng.random() {
                    small(rng, inputs, &["vector_sum"], 0..=100);
                }
            })
            .check(McacheData::new(&config));
    }
}

/// Few entries, so that they come again at once.
#[test]
fn cache_pipe() {
    for (name, config) in [("", tiny()), ("_registered", registered())] {
        Gate::new(&format!("cache_pipe{name}_gate"))
            .cycles(4000)
            .stimulus(|rng, _, inputs| {
                small(rng, inputs, &["entry"], 0..=2);
                rare(rng, inputs, &["factor"], 3);
            })
            .check(CachePipe::new(&config));
    }
}

#[test]
fn element_table() {
    Gate::new("element_table_gate")
        .stimulus(|rng, _, inputs| {
            small(rng, inputs, &["write_bank", "first_bank"], 0..=2);
        })
        .check(ElementTable::new(&tiny()));
}

#[test]
fn list_reader() {
    let mut kept = Inputs::new();
    Gate::new("list_reader_gate")
        .cycles(12_000)
        .stimulus(move |rng, cycle, inputs| {
            small(rng, inputs, &LOOPS, 1..=2);
            small(rng, inputs, &["list_slots"], 1..=4);
            small(rng, inputs, &["list_positions"], 1..=16);
            small(rng, inputs, &["item_count"], 0..=3);
            hold(&mut kept, cycle, inputs, &LOOPS);
            hold(
                &mut kept,
                cycle,
                inputs,
                &["list_slots", "list_positions", "redetect"],
            );
            rare(rng, inputs, &["clear"], 200);
            rare(rng, inputs, &["tile_begins"], 30);
            rare(rng, inputs, &["list_done", "released"], 4);
        })
        .check(ListReader::new(&tiny()));
}

/// Lists are read while nothing is written: a word that is written is not read.
fn list_memory_gate(name: &str, config: &Config) {
    let last = config.list_words() as u128 - 1;
    Gate::new(name)
        .cycles(6000)
        .stimulus(move |rng, _, inputs| {
            rare(rng, inputs, &["write_enable"], 2);
            small(rng, inputs, &["write_address"], 0..=last - 1);
            let reads = if inputs["write_enable"].any() {
                last..=last
            } else {
                0..=last - 1
            };
            small(rng, inputs, &["read_address"], reads);
        })
        .check(ListMemory::new(config));
}

#[test]
fn list_memory() {
    list_memory_gate("list_memory_gate", &tiny());
}

/// Three parts, the last one a small one.
#[test]
fn list_memory_in_parts() {
    let config = Config {
        lists: 65,
        tile: 64,
        ..registered()
    };
    list_memory_gate("list_memory_parts_gate", &config);
}

#[test]
fn item_queue() {
    Gate::new("item_queue_gate")
        .cycles(6000)
        .stimulus(|rng, _, inputs| rare(rng, inputs, &["clear"], 50))
        .check(ItemQueue::new(&registered()));
}

/// A group's entries, a pause, and then one after the other; what the PEs say of them at any time.
#[test]
fn flush_list() {
    Gate::new("flush_list_gate")
        .cycles(12_000)
        .stimulus(|rng, cycle, inputs| {
            let part = cycle % 40;
            let mut bit = |name: &str, value: bool| {
                inputs.insert(name.into(), Value::unsigned(1, u128::from(value)));
            };
            bit("clear", part == 39);
            bit("push", part < 8 && rng.random());
            bit("begins", part == 10);
            bit("load", part > 14 && rng.random());
        })
        .check(FlushList::new(&tiny()));
}

#[test]
fn item_walker() {
    let mut kept = Inputs::new();
    Gate::new("item_walker_gate")
        .cycles(20_000)
        .stimulus(move |rng, cycle, inputs| {
            small(rng, inputs, &LOOPS, 1..=2);
            hold(&mut kept, cycle, inputs, &LOOPS);
            let flags = ["wgrad", "elem_skip", "redetect", "zero"];
            hold(&mut kept, cycle, inputs, &flags);
            small(rng, inputs, &["group_k", "k_cg_last", "k_kr_last"], 1..=9);
            hold(
                &mut kept,
                cycle,
                inputs,
                &["group_k", "k_cg_last", "k_kr_last"],
            );
            small(rng, inputs, &["element_bank", "item_bank"], 0..=2);
            rare(rng, inputs, &["clear"], 1000);
            rare(rng, inputs, &["tile_begins"], 200);
            rare(rng, inputs, &["token_last"], 3);
            rare(rng, inputs, &["token_empty"], 6);
        })
        .check(ItemWalker::new(&tiny()));
}

#[test]
fn reuse_fields() {
    Gate::new("reuse_fields_gate")
        .cycles(6000)
        .stimulus(|rng, _, inputs| {
            small(rng, inputs, &["chunks", "cg"], 1..=2);
            if rng.random_ratio(1, 4) {
                return;
            }
            // Mostly what a job may have.
            let mut word = |name: &str, value: u128| {
                inputs.insert(name.into(), Value::unsigned(32, value));
            };
            let flags: u128 = rng.random_range(0..1 << 10);
            word("mode", rng.random_range(0..=4) << 12 | flags);
            let rpq = rng.random_range(1..=10) | rng.random_range(1..=4) << 8;
            word("rpq_word", rpq | rng.random_range(0..=20) << 16);
        })
        .check(ReuseFields::new(&tiny()));
}

/// Cycles of a round: lists are written, then walked.
const ROUND: u64 = 400;

/// Whether lists are walked in this cycle, not written.
pub fn walks(cycle: u64) -> bool {
    cycle % ROUND >= 64
}

/// Records of four lists of at most 13 items at the beginning of each round; `suffix` ends the names of their ports.
pub fn lists(rng: &mut ChaCha8Rng, cycle: u64, inputs: &mut Inputs, suffix: &str) {
    let at = cycle % ROUND;
    let writes = (4..60).contains(&at);
    let last = writes && (at - 4) % 14 == 13;
    let mut bit = |name: String, value: bool| {
        inputs.insert(name, Value::unsigned(1, value.into()));
    };
    bit("clear".into(), at == 0);
    bit(format!("record_last{suffix}"), last);
    bit(
        format!("record_valid{suffix}"),
        last || writes && !(at - 4).is_multiple_of(14) && rng.random(),
    );
}

fn set_reuse_agrees(name: &str, config: &Config) {
    let mut kept = Inputs::new();
    Gate::new(name)
        .cycles(40_000)
        .stimulus(move |rng, cycle, inputs| {
            lists(rng, cycle, inputs, "");
            let begins = cycle % ROUND == 62;
            inputs.insert("tile_begins".into(), Value::unsigned(1, begins.into()));
            let go = walks(cycle) && rng.random_ratio(7, 8);
            inputs.insert("go".into(), Value::unsigned(1, go.into()));
            small(rng, inputs, &["chunks", "cgroups", "tile_passes"], 1..=2);
            small(rng, inputs, &["list_positions"], 14..=16);
            small(rng, inputs, &["list_slots"], 4..=4);
            small(rng, inputs, &["slot_beats", "ring_slots"], 1..=3);
            let sizes = ["group_k", "k_cg_last", "k_kr_last"];
            small(rng, inputs, &sizes, 1..=9);
            small(rng, inputs, &["record_bank", "chunk_bank"], 0..=2);
            hold(&mut kept, cycle, inputs, &sizes);
            let job = [
                "chunks",
                "cgroups",
                "tile_passes",
                "tile_zero",
                "list_positions",
                "slot_beats",
                "ring_slots",
                "wgrad",
                "elem_skip",
                "redetect",
                "stream_features",
            ];
            hold(&mut kept, cycle, inputs, &job);
            small_lanes(rng, inputs, "tile_data");
            rare(rng, inputs, &["tile_write", "read_write"], 8);
        })
        .check(SetReuse::new(config));
}

#[test]
fn set_reuse() {
    set_reuse_agrees("set_reuse_gate", &tiny());
}

#[test]
fn set_reuse_registered() {
    set_reuse_agrees("set_reuse_registered_gate", &registered());
}
