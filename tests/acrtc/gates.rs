//! Every block against Verilator on its printed text: random stimulus, every output, every cycle.

use crate::gate::{Gate, Inputs};
use crate::{config, odd, wide};
use mercury::blocks::acrtc::column::TcColumn;
use mercury::blocks::acrtc::control::TcControl;
use mercury::blocks::acrtc::dense_rows::{RowBuffer, RowDelay};
use mercury::blocks::acrtc::drain::TcDrain;
use mercury::blocks::acrtc::lane::TcLane;
use mercury::blocks::acrtc::lists::LaneLists;
use mercury::blocks::acrtc::loader::TcLoader;
use mercury::blocks::acrtc::regs::TcRegs;
use mercury::blocks::acrtc::rows::TcRows;
use mercury::blocks::acrtc::sequencer::TcSequencer;
use mercury::hdl::Value;
use mercury::regmap::tc::Reg;
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

/// Job registers, the same for 150 cycles; START at the beginning, seldom something that ends a job before.
fn job(rng: &mut ChaCha8Rng, kept: &mut [u64; 3], cycle: u64, inputs: &mut Inputs) {
    let begins = cycle.is_multiple_of(150);
    if begins {
        *kept = match rng.random_range(0..4) {
            0 => [16, 8, 3],
            _ => [4, 3, 9].map(|most| rng.random_range(1..=most)),
        };
    }
    for (name, value) in ["steps", "blocks", "rows"].iter().zip(*kept) {
        put(inputs, name, value);
    }
    put(inputs, "start", begins.into());
    for name in ["abort_job", "flush"] {
        if inputs.contains_key(name) {
            put(inputs, name, rng.random_ratio(1, 400).into());
        }
    }
    put(inputs, "clear", (begins || rng.random_ratio(1, 400)).into());
}

/// A row is written into one bank while another one is read.
fn banks(cycle: u64, rng: &mut ChaCha8Rng, inputs: &mut Inputs) {
    let phase = cycle / 64 % 2;
    put(inputs, "bank", 2 * phase + rng.random_range(0..2));
    put(inputs, "read_bank", 2 - 2 * phase + rng.random_range(0..2));
    // What was taken is written up to three cycles later.
    if cycle % 64 > 58 {
        put(inputs, "take", 0);
    }
}

#[test]
fn lane_lists() {
    let stimulus = |rng: &mut ChaCha8Rng, cycle: u64, inputs: &mut Inputs| {
        banks(cycle, rng, inputs);
        put(inputs, "level", rng.random_range(0..=14));
        put(inputs, "longest_plain", rng.random_range(0..4));
        put(inputs, "longest_delta", rng.random_range(0..4));
        put(inputs, "step", rng.random_range(0..5));
        put(inputs, "item", rng.random_range(0..4));
        chance(rng, inputs, "close", 20);
        put(inputs, "close_bank", rng.random_range(0..4));
    };
    Gate::new("lane_lists_gate")
        .cycles(8000)
        .stimulus(stimulus)
        .check(LaneLists::new(&config("acrtc-tiny")));
}

#[test]
fn tc_rows() {
    let stimulus = |rng: &mut ChaCha8Rng, _, inputs: &mut Inputs| {
        chance(rng, inputs, "clear", 2);
        chance(rng, inputs, "row_begins", 20);
        chance(rng, inputs, "row_complete", 20);
        chance(rng, inputs, "overflow", 5);
    };
    Gate::new("tc_rows_gate")
        .cycles(4000)
        .stimulus(stimulus)
        .check(TcRows::new(&config("acrtc-tiny")));
}

#[test]
fn row_buffer() {
    let stimulus = |rng: &mut ChaCha8Rng, cycle: u64, inputs: &mut Inputs| {
        banks(cycle, rng, inputs);
        put(inputs, "step", rng.random_range(0..4));
        put(inputs, "item", rng.random_range(0..4));
    };
    Gate::new("row_buffer_gate")
        .stimulus(stimulus)
        .check(RowBuffer::new(&config("dense-tc-tiny")));
}

#[test]
fn row_delay() {
    Gate::new("row_delay_gate").check(RowDelay::new());
}

#[test]
fn tc_sequencer() {
    let mut kept = [1; 3];
    let stimulus = move |rng: &mut ChaCha8Rng, cycle: u64, inputs: &mut Inputs| {
        job(rng, &mut kept, cycle, inputs);
        put(inputs, "loading", u64::from(cycle % 150 < 20));
        chance(rng, inputs, "close", 10);
        put(inputs, "close_length", rng.random_range(0..5));
        // Results leave in bursts: the queue is full now and then.
        chance(
            rng,
            inputs,
            "result_left",
            [5, 60][(cycle / 50 % 2) as usize],
        );
    };
    Gate::new("tc_sequencer_gate")
        .cycles(12_000)
        .stimulus(stimulus)
        .check(TcSequencer::new(&config("acrtc-tiny")));
}

/// Even words are loaded while odd ones are read, and the other way round.
#[test]
fn tc_lane() {
    let stimulus = |rng: &mut ChaCha8Rng, cycle: u64, inputs: &mut Inputs| {
        let phase = cycle / 60 % 2;
        put(inputs, "load_address", 2 * rng.random_range(0..8) + phase);
        put(inputs, "base", 2 * rng.random_range(0..4) + 1 - phase);
        put(inputs, "value_step", 2 * rng.random_range(0..4));
    };
    Gate::new("tc_lane_gate")
        .stimulus(stimulus)
        .check(TcLane::new(&config("acrtc-tiny")));
}

/// Few blocks, so that the block just written comes again.
#[test]
fn tc_column() {
    for (name, preset) in [
        ("tc_column_gate", "acrtc-tiny"),
        ("tc_column_dense_gate", "dense-tc-tiny"),
    ] {
        let stimulus = |rng: &mut ChaCha8Rng, _, inputs: &mut Inputs| {
            if inputs.contains_key("block_0") {
                put(inputs, "block_0", rng.random_range(0..3));
            }
            chance(rng, inputs, "first", 20);
        };
        Gate::new(name)
            .stimulus(stimulus)
            .check(TcColumn::new(&config(preset), 33));
    }
}

#[test]
fn tc_drain() {
    for (name, config) in [
        ("tc_drain_gate", config("acrtc-tiny")),
        ("tc_drain_wide_gate", wide()),
        ("tc_drain_odd_gate", odd()),
    ] {
        let mut shift_mode = 0;
        let stimulus = move |rng: &mut ChaCha8Rng, cycle: u64, inputs: &mut Inputs| {
            let begins = cycle.is_multiple_of(100);
            if begins {
                shift_mode = rng.random_range(0..2);
            }
            put(inputs, "start", begins.into());
            put(inputs, "clear", (begins || rng.random_ratio(1, 200)).into());
            chance(rng, inputs, "abort_job", 1);
            chance(rng, inputs, "failed", 1);
            chance(rng, inputs, "result", 30);
            chance(rng, inputs, "result_last", 5);
            chance(rng, inputs, "m_axis_tready", 70);
            put(inputs, "shift_mode", shift_mode);
            put(inputs, "shift", rng.random_range(0..48));
        };
        Gate::new(name)
            .cycles(4000)
            .stimulus(stimulus)
            .check(TcDrain::new(&config));
    }
}

#[test]
fn tc_loader() {
    let stimulus = || {
        let mut kept = [1; 3];
        move |rng: &mut ChaCha8Rng, cycle: u64, inputs: &mut Inputs| {
            job(rng, &mut kept, cycle, inputs);
            chance(rng, inputs, "s_axis_tvalid", 80);
            put(inputs, "s_axis_tlast", rng.random_ratio(1, 200).into());
            chance(rng, inputs, "row_ends", 15);
        }
    };
    // Several beats for the weight words of all lanes, and for a step.
    Gate::new("tc_loader_parts_gate")
        .cycles(12_000)
        .stimulus(stimulus())
        .run(TcLoader::new(&odd()))
        .expect_agreement(&["load_beat", "part", "slice", "row_complete", "first_row"]);
    // Several steps of a beat; more weights than there is room for.
    Gate::new("tc_loader_gate")
        .cycles(12_000)
        .stimulus(stimulus())
        .run(TcLoader::new(&config("acrtc-tiny")))
        .expect_agreement(&[
            "load_address",
            "range_error",
            "step",
            "bank",
            "done",
            "error",
        ]);
}

#[test]
fn tc_control() {
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
    Gate::new("tc_control_gate")
        .cycles(6000)
        .stimulus(stimulus)
        .check(TcControl::new(&config("acrtc-tiny")));
}

/// Job registers and commands often.
#[test]
fn tc_regs() {
    let last = Reg::MaxAbs.offset() + 4;
    let stimulus = move |rng: &mut ChaCha8Rng, _, inputs: &mut Inputs| {
        for name in ["s_axil_awaddr", "s_axil_araddr"] {
            put(
                inputs,
                name,
                u64::from(rng.random_range(0..=last / 4 + 2) * 4),
            );
        }
        if rng.random_range(0..3) > 0 {
            let often = [
                Reg::Mode,
                Reg::Shift,
                Reg::Steps,
                Reg::Blocks,
                Reg::Rows,
                Reg::Control,
            ];
            let reg = often[rng.random_range(0..often.len())];
            put(inputs, "s_axil_awaddr", reg.offset().into());
            let most = [12, 1 << 13][rng.random_range(0..2)];
            put(inputs, "s_axil_wdata", rng.random_range(0..most));
        }
        chance(rng, inputs, "busy", 20);
        chance(rng, inputs, "next_busy", 20);
    };
    Gate::new("tc_regs_gate")
        .cycles(8000)
        .stimulus(stimulus)
        .run(TcRegs::new(&config("acrtc-tiny")))
        .expect_agreement(&[
            "s_axil_rdata",
            "s_axil_bresp",
            "s_axil_rresp",
            "start",
            "bad_job",
            "level",
        ]);
}
