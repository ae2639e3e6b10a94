//! Every block against Verilator on its printed text: random stimulus, every output, every cycle.

use crate::config;
use crate::gate::{Gate, Inputs};
use mercury::blocks::crew::adder_tree::AdderTree;
use mercury::blocks::crew::control::FcControl;
use mercury::blocks::crew::dense_array::DenseArray;
use mercury::blocks::crew::dense_loader::DenseLoader;
use mercury::blocks::crew::drain::Drain;
use mercury::blocks::crew::loader::CrewLoader;
use mercury::blocks::crew::pe::CrewPe;
use mercury::blocks::crew::regs::FcRegs;
use mercury::blocks::crew::sequencer::CrewSequencer;
use mercury::blocks::crew::sums::Sums;
use mercury::blocks::crew::unpacker::Unpacker;
use mercury::config::fc::FcConfig;
use mercury::hdl::Value;
use mercury::regmap::fc::Reg;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Sets an unsigned input.
fn put(inputs: &mut Inputs, name: &str, value: u64) {
    let width = inputs[name].width();
    inputs.insert(name.into(), Value::unsigned(width, value.into()));
}

/// Sets an input to 1 with a probability of `percent` %.
fn chance(rng: &mut ChaCha8Rng, inputs: &mut Inputs, name: &str, percent: u32) {
    let value = rng.random_range(0..100) < percent;
    put(inputs, name, value.into());
}

/// Job registers of small jobs, the same for 150 cycles; START at the beginning, nothing that ends a job before.
fn job(rng: &mut ChaCha8Rng, kept: &mut [u64; 5], cycle: u64, inputs: &mut Inputs) {
    let begins = cycle.is_multiple_of(150);
    if begins {
        let [groups, batch, rows] = [3, 3, 4].map(|most| rng.random_range(1..=most));
        *kept = [groups, batch, rows, rows * batch, rng.random_range(1..=3)];
    }
    for (name, value) in ["groups", "batch", "rows", "sums", "x_beats"]
        .iter()
        .zip(*kept)
    {
        put(inputs, name, value);
    }
    put(inputs, "start", begins.into());
    for name in ["clear", "abort_job", "flush"] {
        if inputs.contains_key(name) {
            let now = if name == "clear" {
                begins || rng.random_range(0..400) == 0
            } else {
                rng.random_range(0..400) == 0
            };
            put(inputs, name, now.into());
        }
    }
}

#[test]
fn adder_tree() {
    Gate::new("adder_tree_gate").check(AdderTree::new(8, 16));
    Gate::new("adder_tree_pair_gate").check(AdderTree::new(2, 16));
    Gate::new("adder_tree_five_gate").check(AdderTree::new(5, 16));
}

#[test]
fn sums() {
    // Few rows, so that the row just written comes again.
    let few = |rng: &mut ChaCha8Rng, _, inputs: &mut Inputs| {
        put(inputs, "row", rng.random_range(0..3));
        put(inputs, "read_row", rng.random_range(0..3));
        chance(rng, inputs, "first", 20);
    };
    Gate::new("sums_gate")
        .stimulus(few)
        .check(Sums::new(&config("crew-tiny"), 18));
}

#[test]
fn drain() {
    for (name, preset) in [
        ("fc_drain_gate", "crew-tiny"),
        ("fc_drain_parts_gate", "crew-small"),
    ] {
        let stimulus = |rng: &mut ChaCha8Rng, _, inputs: &mut Inputs| {
            put(inputs, "rows", 5);
            chance(rng, inputs, "clear", 1);
            chance(rng, inputs, "finished", 10);
            chance(rng, inputs, "failed", 3);
            chance(rng, inputs, "m_axis_tready", 70);
        };
        Gate::new(name)
            .stimulus(stimulus)
            .check(Drain::new(&config(preset)));
    }
}

/// One bank is loaded while the other is read, as in the design.
#[test]
fn unpacker() {
    for (name, preset) in [
        ("unpacker_gate", "crew-tiny"),
        ("unpacker_wide_gate", "crew-small"),
    ] {
        let stimulus = |rng: &mut ChaCha8Rng, cycle: u64, inputs: &mut Inputs| {
            let phase = cycle / 60 % 2;
            put(inputs, "load_bank", phase);
            put(inputs, "bank", 1 - phase);
            put(inputs, "width", rng.random_range(0..=8));
            put(inputs, "load_address", rng.random_range(0..8));
            chance(rng, inputs, "first", 10);
        };
        Gate::new(name)
            .stimulus(stimulus)
            .check(Unpacker::new(&config(preset)));
    }
}

/// Weights: as in [`unpacker`]. Activations: odd words are loaded while even ones are read, and the other way round.
#[test]
fn crew_pe() {
    let tiny = config("crew-tiny");
    let word = tiny.slice_bytes() as u64;
    let stimulus = move |rng: &mut ChaCha8Rng, cycle: u64, inputs: &mut Inputs| {
        let phase = cycle / 60 % 2;
        put(inputs, "load_bank", phase);
        put(inputs, "multiply_bank", 1 - phase);
        put(inputs, "add_bank", 1 - phase);
        put(inputs, "load_address", 2 * rng.random_range(0..4) + phase);
        put(
            inputs,
            "activation",
            (2 * rng.random_range(0..4) + 1 - phase) * word + rng.random_range(0..word),
        );
        put(inputs, "number", rng.random_range(0..40));
        let product_bank = rng.random_range(0..2);
        put(inputs, "product_bank", product_bank);
        put(
            inputs,
            "product_at",
            (1 - product_bank) * 256 + rng.random_range(0..40),
        );
        chance(rng, inputs, "first_row", 10);
        // Headers with widths and counts that exist; other words are noise.
        if inputs["load_header"].any() {
            put(
                inputs,
                "load_data",
                rng.random_range(0..=8) | rng.random_range(1..50) << 4,
            );
        }
    };
    Gate::new("crew_pe_gate")
        .cycles(6000)
        .stimulus(stimulus)
        .check(CrewPe::new(&tiny));
}

#[test]
fn crew_sequencer() {
    let mut kept = [1; 5];
    let stimulus = move |rng: &mut ChaCha8Rng, cycle: u64, inputs: &mut Inputs| {
        job(rng, &mut kept, cycle, inputs);
        chance(rng, inputs, "more", 50);
        chance(rng, inputs, "group", 4);
    };
    Gate::new("crew_sequencer_gate")
        .cycles(12_000)
        .stimulus(stimulus)
        .check(CrewSequencer::new(&config("crew-tiny")));
}

/// Beats that are headers of a few beats, for whoever takes them as such.
fn crew_beat(rng: &mut ChaCha8Rng, config: &FcConfig, inputs: &mut Inputs) {
    let slice = |rng: &mut ChaCha8Rng| {
        rng.random_range(0..=8)
            | rng.random_range(1..200) << 4
            | rng.random_range(1..4) << 13
            | rng.random_range(0..3) << 20
    };
    let words: u128 =
        (0..config.stripe_inputs()).fold(0, |beat, i| beat | slice(rng) << (i * config.slice_w()));
    let beat = Value::unsigned(config.bus_w, words);
    if rng.random_range(0..200) > 0 {
        inputs.insert("s_axis_tdata".into(), beat);
    }
    chance(rng, inputs, "s_axis_tvalid", 80);
    chance(rng, inputs, "s_axis_tlast", 1);
}

#[test]
fn crew_loader() {
    let tiny = config("crew-tiny");
    let block = CrewLoader::new(&tiny);
    let mut kept = [1; 5];
    let stimulus = move |rng: &mut ChaCha8Rng, cycle: u64, inputs: &mut Inputs| {
        job(rng, &mut kept, cycle, inputs);
        crew_beat(rng, &tiny, inputs);
        chance(rng, inputs, "group_added", 5);
    };
    Gate::new("crew_loader_gate")
        .cycles(12_000)
        .stimulus(stimulus)
        .check(block);
}

#[test]
fn dense_loader() {
    // A tile of half a beat, and one of two beats.
    for (name, preset) in [
        ("dense_loader_gate", "dense-fc-tiny"),
        ("dense_loader_parts_gate", "dense-fc-small"),
    ] {
        let mut kept = [1; 5];
        let stimulus = move |rng: &mut ChaCha8Rng, cycle: u64, inputs: &mut Inputs| {
            job(rng, &mut kept, cycle, inputs);
            chance(rng, inputs, "s_axis_tvalid", 80);
            chance(rng, inputs, "s_axis_tlast", 3);
            chance(rng, inputs, "take_last", 40);
        };
        Gate::new(name)
            .cycles(6000)
            .stimulus(stimulus)
            .check(DenseLoader::new(&config(preset)));
    }
}

/// Activations are loaded only in the first cycles of a job, when nothing is read that counts, and to places that are not read then.
#[test]
fn dense_array() {
    for (name, preset) in [
        ("dense_array_gate", "dense-fc-tiny"),
        ("dense_array_parts_gate", "dense-fc-small"),
    ] {
        let mut kept = [1; 5];
        let stimulus = move |rng: &mut ChaCha8Rng, cycle: u64, inputs: &mut Inputs| {
            job(rng, &mut kept, cycle, inputs);
            let at = cycle % 150;
            put(inputs, "load_x", u64::from((1..9).contains(&at)));
            put(
                inputs,
                "x_address",
                if at < 9 { at.saturating_sub(1) } else { 0 },
            );
            // Address 0 is what an idle array reads.
            if at == 1 {
                put(inputs, "load_x", 0);
            }
            put(
                inputs,
                "full",
                u64::from(at > 10 && rng.random_range(0..10) < 7),
            );
        };
        Gate::new(name)
            .cycles(6000)
            .stimulus(stimulus)
            .check(DenseArray::new(&config(preset)));
    }
}

#[test]
fn fc_control() {
    let stimulus = |rng: &mut ChaCha8Rng, _, inputs: &mut Inputs| {
        for (name, percent) in [
            ("start", 3),
            ("abort_job", 1),
            ("clear_error", 3),
            ("bad_job", 5),
            ("loader_error", 2),
            ("range_error", 2),
            ("closing", 5),
        ] {
            chance(rng, inputs, name, percent);
        }
    };
    Gate::new("fc_control_gate")
        .cycles(6000)
        .stimulus(stimulus)
        .check(FcControl::new(&config("crew-tiny")));
}

/// Job registers and commands often. The table fills its address space, so no read is refused: `s_axil_rresp` stays 0.
#[test]
fn fc_regs() {
    let last = Reg::OutBeats.offset() + 4;
    let stimulus = move |rng: &mut ChaCha8Rng, _, inputs: &mut Inputs| {
        for name in ["s_axil_awaddr", "s_axil_araddr"] {
            put(inputs, name, u64::from(rng.random_range(0..=last / 4) * 4));
        }
        if rng.random_range(0..3) > 0 {
            let often = [
                Reg::Groups,
                Reg::Batch,
                Reg::Rows,
                Reg::Sums,
                Reg::XBeats,
                Reg::Control,
            ];
            let reg = often[rng.random_range(0..often.len())];
            put(inputs, "s_axil_awaddr", reg.offset().into());
            put(inputs, "s_axil_wdata", rng.random_range(0..12));
        }
        chance(rng, inputs, "busy", 20);
        chance(rng, inputs, "next_busy", 20);
    };
    let outcome = Gate::new("fc_regs_gate")
        .cycles(8000)
        .stimulus(stimulus)
        .run(FcRegs::new(&config("crew-tiny")));
    let still = |port: &&String| outcome.changes[*port] == 0;
    let still: Vec<&String> = outcome.changes.keys().filter(still).collect();
    assert_eq!(still, ["s_axil_rresp"]);
    outcome.expect_agreement(&["s_axil_rdata", "s_axil_bresp", "start", "bad_job"]);
}
