//! Every hardware block against Verilator on its printed text: random stimulus, every output, every cycle.
//!
//! A block is added by one test of one line: `Gate::new("name").check(Block::new(…))`.

#[path = "block_gate/detection.rs"]
mod detection;
mod gate;
mod hdl_blocks;
#[path = "block_gate/reuse.rs"]
mod reuse;

use gate::{Gate, Inputs};
use hdl_blocks::{Pe, Row};
use mercury::blocks::axil_regs::AxilRegs;
use mercury::blocks::drain::Drain;
use mercury::blocks::element_pipe::ElementPipe;
use mercury::blocks::feature_buffer::FeatureBuffer;
use mercury::blocks::feature_ring::FeatureRing;
use mercury::blocks::few_runs::FewRuns;
use mercury::blocks::issue_gate::IssueGate;
use mercury::blocks::job_control::JobControl;
use mercury::blocks::loader::Loader;
use mercury::blocks::loop_level::LoopLevel;
use mercury::blocks::loop_nest::LoopNest;
use mercury::blocks::output_packer::OutputPacker;
use mercury::blocks::patch_agu::PatchAgu;
use mercury::blocks::pe;
use mercury::blocks::pe_set::PeSet;
use mercury::blocks::product_limit::ProductLimit;
use mercury::blocks::psum_banks::PsumBanks;
use mercury::blocks::range_check::RangeCheck;
use mercury::blocks::requantizer::Requantizer;
use mercury::blocks::set_sequencer::SetSequencer;
use mercury::blocks::set_turn::SetTurn;
use mercury::blocks::tile_queue::TileQueue;
use mercury::blocks::weight_ring::WeightRing;
use mercury::config::{Config, Issue};
use mercury::hdl::{LutRam, Ram, Rom, Value};
use mercury::regmap::Reg as Csr;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

fn tiny() -> Config {
    Config::preset("tiny").expect("a preset of the project")
}

/// Tiny with `issue = "registered"`.
fn registered() -> Config {
    Config {
        issue: Issue::Registered,
        ..tiny()
    }
}

#[test]
fn ram() {
    Gate::new("ram_gate").check(Ram::signed(16, 8));
    Gate::new("ram_wide_gate").check(Ram::unsigned(200, 5).with_contents([7, 1 << 100]));
}

/// Without collisions it is the same memory; with them the two sides differ, so a block that uses such a word is found.
#[test]
fn ram_ignoring_collisions() {
    let ram = || Ram::unsigned(16, 8).ignoring_collisions();
    let apart = |_: &mut _, _, inputs: &mut gate::Inputs| {
        let next = inputs["write_address"].clone() + 1;
        inputs.insert("read_address".into(), next);
    };
    Gate::new("ram_apart_gate").stimulus(apart).check(ram());
    let outcome = Gate::new("ram_apart_gate").run(ram());
    assert!(outcome.mismatches["read_data"] > 0);
}

#[test]
fn lut_ram() {
    Gate::new("lut_ram_gate").check(LutRam::unsigned(9, 16).with_contents(0..16));
}

#[test]
fn rom() {
    Gate::new("rom_gate").check(Rom::signed(7, 13).with_contents((0..13).map(|i| i * 10 - 60)));
}

#[test]
fn example_pe() {
    Gate::new("example_pe_gate").check(Pe::new(16, 48, 8));
}

#[test]
fn example_row() {
    Gate::new("row_gate").check(Row::new(4, 16, 48, 8));
}

/// Sets the named inputs to a number from `range`.
fn small(
    rng: &mut ChaCha8Rng,
    inputs: &mut Inputs,
    names: &[&str],
    range: std::ops::RangeInclusive<u128>,
) {
    for name in names {
        let input = inputs
            .get_mut(*name)
            .unwrap_or_else(|| panic!("no input {name}"));
        *input = Value::unsigned(input.width(), rng.random_range(range.clone()));
    }
}

/// Makes the named inputs 1 once in `one_in` cycles.
fn rare(rng: &mut ChaCha8Rng, inputs: &mut Inputs, names: &[&str], one_in: u32) {
    for name in names {
        let input = inputs
            .get_mut(*name)
            .unwrap_or_else(|| panic!("no input {name}"));
        *input = Value::unsigned(1, rng.random_ratio(1, one_in).into());
    }
}

/// Keeps the named inputs for 200 cycles at a time.
fn hold(kept: &mut Inputs, cycle: u64, inputs: &mut Inputs, names: &[&str]) {
    for name in names {
        if cycle.is_multiple_of(200) {
            kept.insert(name.to_string(), inputs[*name].clone());
        }
        inputs.insert(name.to_string(), kept[*name].clone());
    }
}

/// 16-bit lanes that are small numbers: plausible tile descriptors and operands.
fn small_lanes(rng: &mut ChaCha8Rng, inputs: &mut Inputs, name: &str) {
    let width = inputs[name].width();
    let lanes = (0..width / 16).fold(0, |word, i| word | rng.random_range(1..=3u128) << (16 * i));
    inputs.insert(name.into(), Value::unsigned(width, lanes));
}

const COUNTS: [&str; 7] = ["cg", "cg_last", "kr", "kr_last", "kw", "chunks", "cgroups"];

#[test]
fn axil_regs() {
    let addresses = ["s_axil_awaddr", "s_axil_araddr"];
    let handshakes = [
        "s_axil_awvalid",
        "s_axil_wvalid",
        "s_axil_bready",
        "s_axil_arvalid",
        "s_axil_rready",
    ];
    Gate::new("axil_regs_gate")
        .cycles(60_000)
        .stimulus(move |rng, _, inputs| {
            small(rng, inputs, &addresses, 0..=0x1ff);
            if rng.random_ratio(7, 8) {
                let job = [Csr::Mode, Csr::Lists].map(|reg| u128::from(reg.offset()));
                small(rng, inputs, &["s_axil_awaddr"], job[0]..=job[1]);
            }
            small(rng, inputs, &handshakes, 0..=1);
            rare(rng, inputs, &["busy", "next_busy"], 4);
            if rng.random_ratio(1, 32) {
                let control = Csr::Control.offset().into();
                small(rng, inputs, &["s_axil_awaddr"], control..=control);
            }
            // Mostly a number in every field, so that some jobs are legal.
            let word = match rng.random_range(0..8) {
                0 | 1 => None,
                2 => Some(0x0101_0109),
                _ => Some(0x0001_0001),
            };
            if let Some(word) = word {
                inputs.insert("s_axil_wdata".into(), Value::unsigned(32, word));
                inputs.insert("s_axil_wstrb".into(), Value::unsigned(4, 15));
            }
        })
        .check(AxilRegs::new(&tiny()));
}

#[test]
fn drain() {
    let requests = ["request_0", "request_1"];
    let rows = ["request_rows_m1_0", "request_rows_m1_1"];
    let pes = ["request_pes_0", "request_pes_1"];
    let mut kept = Inputs::new();
    Gate::new("drain_gate")
        .cycles(6000)
        .stimulus(move |rng, cycle, inputs| {
            rare(rng, inputs, &["abort_job", "stop", "start"], 300);
            rare(rng, inputs, &requests, 3);
            small(rng, inputs, &rows, 0..=2);
            small(rng, inputs, &pes, 1..=2);
            hold(&mut kept, cycle, inputs, &["shift", "shift_mode"]);
        })
        .check(Drain::new(&tiny()));
}

#[test]
fn output_packer() {
    let mut kept = Inputs::new();
    Gate::new("output_packer_gate")
        .cycles(6000)
        .stimulus(move |rng, cycle, inputs| {
            rare(rng, inputs, &["abort_job", "start"], 300);
            rare(rng, inputs, &["header", "trailer"], 10);
            hold(&mut kept, cycle, inputs, &["shift", "shift_mode"]);
        })
        .check(OutputPacker::new(&tiny()));
}

/// Few psums, so that they come again at once.
#[test]
fn element_pipe() {
    Gate::new("element_pipe_gate")
        .cycles(6000)
        .stimulus(|rng, _, inputs| {
            if rng.random_ratio(3, 4) {
                small(rng, inputs, &["psum_addr"], 0..=1);
            }
        })
        .check(ElementPipe::new(&registered()));
}

/// Few counts and limits, so that they meet.
#[test]
fn loop_level() {
    let mut kept = Inputs::new();
    Gate::new("loop_level_gate")
        .cycles(6000)
        .stimulus(move |rng, cycle, inputs| {
            rare(rng, inputs, &["load"], 100);
            rare(rng, inputs, &["restarts"], 8);
            small(rng, inputs, &["limit"], 1..=5);
            hold(&mut kept, cycle, inputs, &["limit"]);
        })
        .check(LoopLevel::new());
}

#[test]
fn feature_buffer() {
    for (name, config) in [("", tiny()), ("_registered", registered())] {
        Gate::new(&format!("feature_buffer{name}_gate"))
            .keeping_collisions()
            .check(FeatureBuffer::new(&config));
    }
}

#[test]
fn feature_ring() {
    let mut kept = Inputs::new();
    Gate::new("feature_ring_gate")
        .stimulus(move |rng, cycle, inputs| {
            rare(rng, inputs, &["clear"], 100);
            small(rng, inputs, &["slot_beats", "ring_slots"], 1..=4);
            hold(&mut kept, cycle, inputs, &["slot_beats", "ring_slots"]);
        })
        .check(FeatureRing::new());
}

#[test]
fn job_control() {
    let rare_inputs = [
        "abort_job",
        "bad_job",
        "loader_error",
        "range_error_0",
        "range_error_1",
    ];
    let states = [
        "loader_accepted",
        "loader_waits",
        "issue_0",
        "issue_1",
        "out_valid",
    ];
    Gate::new("job_control_gate")
        .cycles(8000)
        .stimulus(move |rng, cycle, inputs| {
            rare(rng, inputs, &rare_inputs, 500);
            rare(rng, inputs, &["start"], 20);
            small(
                rng,
                inputs,
                &["idle_0", "idle_1", "loader_done", "drain_idle"],
                0..=1,
            );
            if cycle % 1000 > 800 {
                // Nothing moves: patience runs out.
                small(rng, inputs, &states, 0..=0);
                small(rng, inputs, &["drain_idle"], 1..=1);
            }
        })
        .check(JobControl::new(&tiny()));
}

/// A beat of a plausible packet.
fn segment_word(rng: &mut ChaCha8Rng) -> u64 {
    let kind = [1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 15][rng.random_range(0..11)];
    let count = if kind == 1 {
        4
    } else {
        rng.random_range(1..=3)
    };
    let (bank, slot_end) = if kind == 2 {
        (rng.random_range(0..3), rng.random_range(0..2))
    } else {
        (0, 0)
    };
    let mask: u64 = rng.random_range(1..=3);
    kind | bank << 4 | slot_end << 8 | count << 12 | mask << 32
}

/// Offers plausible packets.
fn segments(rng: &mut ChaCha8Rng, inputs: &mut Inputs) {
    if rng.random_ratio(7, 8) {
        let word = segment_word(rng);
        inputs.insert("s_axis_tdata".into(), Value::unsigned(64, word.into()));
        let ends = word & 15 == 15;
        inputs.insert("s_axis_tlast".into(), Value::unsigned(1, ends.into()));
    } else {
        small_lanes(rng, inputs, "s_axis_tdata");
        rare(rng, inputs, &["s_axis_tlast"], 50);
    }
}

/// A row of operands takes two beats: five PEs of 16 bits on a 64-bit stream.
fn two_beat_rows() -> Config {
    Config { pes: 5, ..tiny() }
}

#[test]
fn loader() {
    Gate::new("loader_gate")
        .cycles(8000)
        .stimulus(|rng, _, inputs| {
            rare(rng, inputs, &["abort_job", "flush"], 200);
            rare(rng, inputs, &["start"], 20);
            small(rng, inputs, &["slot_beats"], 1..=3);
            segments(rng, inputs);
        })
        .check(Loader::new(&two_beat_rows()));
}

#[test]
fn loop_nest() {
    let mut kept = Inputs::new();
    let tile = ["images", "rows", "cols", "passes"];
    Gate::new("loop_nest_gate")
        .cycles(20_000)
        .stimulus(move |rng, cycle, inputs| {
            rare(rng, inputs, &["load"], 80);
            small(rng, inputs, &COUNTS, 1..=2);
            small(rng, inputs, &tile, 1..=2);
            hold(&mut kept, cycle, inputs, &COUNTS);
            hold(&mut kept, cycle, inputs, &tile);
            // A tile's limits are those it was loaded with; sometimes its neighbour's.
            for name in tile.iter().filter(|_| rng.random_ratio(7, 8)) {
                inputs.insert(format!("new_{name}"), inputs[*name].clone());
            }
        })
        .check(LoopNest::new());
}

#[test]
fn patch_agu() {
    Gate::new("patch_agu_gate").check(PatchAgu::new(&tiny()));
}

/// A word that is written is not read in the same cycle. An accumulation writes in the cycle after it is given; so does a load
/// with `issue = "registered"`.
fn words_apart(loads_late: bool) -> impl FnMut(&mut ChaCha8Rng, u64, &mut Inputs) {
    let mut last = Inputs::new();
    move |_, _, inputs| {
        let before = std::mem::replace(&mut last, inputs.clone());
        let was = |name: &str| before.get(name).is_some_and(Value::any);
        for (load, late, written, read) in [
            ("cache_write_0", false, "cache_waddr_0", "cache_raddr_0"),
            ("weight_we", loads_late, "weight_waddr", "weight_raddr"),
        ] {
            let loaded = if late { was(load) } else { inputs[load].any() };
            if loaded {
                let other = inputs[written].clone() + 1;
                inputs.insert(read.into(), other);
            }
        }
        // What a bank reads: for the set, registered as it was said a cycle before, or for the drain.
        for bank in ["bank0", "bank1"] {
            let said = if loads_late { &before } else { &*inputs };
            let port = |name: &str| said.get(&format!("{bank}_{name}"));
            let read = match port("reads") {
                Some(reads) if reads.any() => port("raddr").expect("with `reads`").clone(),
                _ => inputs["drain_raddr"].clone(),
            };
            let load = format!("{bank}_load");
            let loaded = if loads_late {
                was(&load)
            } else {
                inputs[&load].any()
            };
            let written = format!("{bank}_waddr");
            if (loaded || was(&format!("{bank}_accumulate"))) && inputs[&written] == read {
                inputs.insert(written, read + 1);
            }
        }
    }
}

#[test]
fn pe() {
    for (name, config) in [("", tiny()), ("_registered", registered())] {
        Gate::new(&format!("pe{name}_gate"))
            .stimulus(words_apart(config.issue == Issue::Registered))
            .check(pe::Pe::new(&config));
    }
}

/// Job registers of small jobs, and a set that nothing disturbs for long.
fn small_jobs(rng: &mut ChaCha8Rng, kept: &mut Inputs, cycle: u64, inputs: &mut Inputs) {
    rare(rng, inputs, &["clear", "reset_banks"], 500);
    small(rng, inputs, &COUNTS, 1..=2);
    small(rng, inputs, &["slot_beats", "ring_slots"], 1..=2);
    small(rng, inputs, &["wgrad", "stream_features"], 0..=1);
    hold(kept, cycle, inputs, &COUNTS);
    hold(
        kept,
        cycle,
        inputs,
        &["slot_beats", "ring_slots", "wgrad", "stream_features"],
    );
}

/// A set's tiles and data, plausible; job registers of small jobs.
fn set_noise(rng: &mut ChaCha8Rng, kept: &mut Inputs, cycle: u64, inputs: &mut Inputs) {
    small_jobs(rng, kept, cycle, inputs);
    small_lanes(rng, inputs, "load_data");
    rare(rng, inputs, &["load_tile"], 8);
    rare(
        rng,
        inputs,
        &[
            "load_last",
            "load_selected",
            "slot_loaded",
            "weights_loaded",
        ],
        2,
    );
}

fn dense_set_agrees(name: &str, config: Config) {
    let config = Config {
        reuse: false,
        ..config
    };
    let mut kept = Inputs::new();
    Gate::new(name)
        .keeping_collisions()
        .cycles(20_000)
        .stimulus(move |rng, cycle, inputs| {
            set_noise(rng, &mut kept, cycle, inputs);
            // Segments of reuse do not come.
            small(rng, inputs, &["reuse"], 0..=0);
        })
        .run(PeSet::new(&config))
        .expect_agreement(&["issue", "mac", "drain_request", "drain_row_0"]);
}

#[test]
fn pe_set_without_reuse() {
    dense_set_agrees("pe_set_dense_gate", tiny());
}

#[test]
fn pe_set_without_reuse_registered() {
    dense_set_agrees("pe_set_dense_registered_gate", registered());
}

/// Lists are written first, then tiles come: a word of a list that is written is not read in the same cycle.
fn reusing_set_agrees(name: &str, config: &Config) {
    let mut kept = Inputs::new();
    Gate::new(name)
        .keeping_collisions()
        .cycles(40_000)
        .stimulus(move |rng, cycle, inputs| {
            set_noise(rng, &mut kept, cycle, inputs);
            reuse::lists(rng, cycle, inputs, "_0");
            small(rng, inputs, &["reuse"], 0..=4);
            small(rng, inputs, &["list_positions"], 14..=16);
            small(rng, inputs, &["list_slots"], 4..=4);
            small(rng, inputs, &["group_k", "k_cg_last", "k_kr_last"], 1..=9);
            small(rng, inputs, &["record_bank_0"], 0..=2);
            let job = [
                "reuse",
                "list_positions",
                "group_k",
                "k_cg_last",
                "k_kr_last",
                "elem_skip",
                "redetect",
            ];
            hold(&mut kept, cycle, inputs, &job);
            if !reuse::walks(cycle) {
                small(rng, inputs, &["load_tile"], 0..=0);
            }
        })
        .run(PeSet::new(config))
        .expect_agreement(&[
            "issue",
            "mac",
            "drain_request",
            "drain_row_0",
            "stall_detect",
            "det_request_0",
        ]);
}

#[test]
fn pe_set() {
    reusing_set_agrees("pe_set_gate", &tiny());
}

#[test]
fn pe_set_registered() {
    reusing_set_agrees("pe_set_registered_gate", &registered());
}

#[test]
fn product_limit() {
    Gate::new("product_limit_gate")
        .stimulus(|rng, _, inputs| {
            let bits = rng.random_range(1..=12);
            small(rng, inputs, &["a"], 0..=1 << bits);
            small(rng, inputs, &["b"], 0..=(1 << (12 - bits)) + 1);
        })
        .check(ProductLimit::new(16, 16, 2048));
}

#[test]
fn psum_banks() {
    for (name, config) in [("", tiny()), ("_registered", registered())] {
        Gate::new(&format!("psum_banks{name}_gate"))
            .stimulus(|rng, _, inputs| {
                rare(rng, inputs, &["clear", "reset"], 100);
                rare(rng, inputs, &["pass_ends"], 6);
            })
            .check(PsumBanks::new(&config));
    }
}

#[test]
fn requantizer() {
    Gate::new("requantizer_gate").check(Requantizer::new(&tiny()));
}

#[test]
fn set_sequencer() {
    let mut kept = Inputs::new();
    Gate::new("set_sequencer_gate")
        .cycles(20_000)
        .stimulus(move |rng, cycle, inputs| {
            small_jobs(rng, &mut kept, cycle, inputs);
            small_lanes(rng, inputs, "tile_data");
            rare(rng, inputs, &["tile_write"], 8);
        })
        .check(SetSequencer::new(&tiny()));
}

#[test]
fn few_runs() {
    Gate::new("few_runs_gate")
        .stimulus(|rng, _, inputs| {
            if rng.random() {
                small(rng, inputs, &["count"], 0..=4);
            }
        })
        .check(FewRuns::new());
}

#[test]
fn issue_gate() {
    for reuse in [false, true] {
        Gate::new(&format!("issue_gate_{reuse}_gate")).check(IssueGate::new(reuse));
    }
}

#[test]
fn range_check() {
    Gate::new("range_check_gate").check(RangeCheck::new(&tiny()));
}

#[test]
fn set_turn() {
    for sets in [2, 5] {
        Gate::new(&format!("set_turn_{sets}_gate")).check(SetTurn::new(sets));
    }
}

#[test]
fn tile_queue() {
    Gate::new("tile_queue_gate").check(TileQueue::new(&tiny()));
}

#[test]
fn weight_ring() {
    Gate::new("weight_ring_gate")
        .stimulus(|rng, _, inputs| {
            rare(rng, inputs, &["clear"], 100);
            small(rng, inputs, &["element"], 0..=3);
        })
        .check(WeightRing::new(&tiny()));
}
