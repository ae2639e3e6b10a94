//! Every hardware block against Verilator on its printed text: random stimulus, every output, every cycle.
//!
//! A block is added by one test of one line: `Gate::new("name").check(Block::new(…))`.

mod gate;
mod hdl_blocks;

use gate::Gate;
use hdl_blocks::{Pe, Row};
use mercury::blocks::axil_regs::AxilRegs;
use mercury::blocks::drain::Drain;
use mercury::blocks::feature_buffer::FeatureBuffer;
use mercury::blocks::job_control::JobControl;
use mercury::blocks::loader::Loader;
use mercury::blocks::loop_nest::LoopNest;
use mercury::blocks::patch_agu::PatchAgu;
use mercury::blocks::pe_set::PeSet;
use mercury::blocks::requantizer::Requantizer;
use mercury::blocks::set_sequencer::SetSequencer;
use mercury::blocks::tile_queue::TileQueue;
use mercury::config::Config;
use mercury::designs::Mercury;
use mercury::hdl::{LutRam, Ram, Rom};

fn tiny() -> Config {
    Config::preset("tiny").expect("a preset of the project")
}

#[test]
fn ram() {
    Gate::new("ram_gate").check(Ram::signed(16, 8));
    Gate::new("ram_wide_gate").check(Ram::unsigned(200, 5).with_contents([7, 1 << 100]));
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
    Gate::new("pe_gate").check(Pe::new(16, 48, 8));
}

#[test]
fn example_row() {
    Gate::new("row_gate").check(Row::new(4, 16, 48, 8));
}

#[test]
fn axil_regs() {
    Gate::new("axil_regs_gate").check(AxilRegs::new(&tiny()));
}

#[test]
fn drain() {
    Gate::new("drain_gate").check(Drain::new(&tiny()));
}

#[test]
fn feature_buffer() {
    Gate::new("feature_buffer_gate").check(FeatureBuffer::new(&tiny()));
}

#[test]
fn job_control() {
    Gate::new("job_control_gate").check(JobControl::new(&tiny()));
}

#[test]
fn loader() {
    Gate::new("loader_gate").check(Loader::new(&tiny()));
}

#[test]
fn loop_nest() {
    Gate::new("loop_nest_gate").check(LoopNest::new());
}

#[test]
fn patch_agu() {
    Gate::new("patch_agu_gate").check(PatchAgu::new(&tiny()));
}

#[test]
fn pe() {
    Gate::new("pe_gate").check(mercury::blocks::pe::Pe::new(&tiny()));
}

#[test]
fn pe_set() {
    Gate::new("pe_set_gate").check(PeSet::new(&tiny()));
}

#[test]
fn requantizer() {
    Gate::new("requantizer_gate").check(Requantizer::new(&tiny()));
}

#[test]
fn set_sequencer() {
    Gate::new("set_sequencer_gate").check(SetSequencer::new(&tiny()));
}

#[test]
fn tile_queue() {
    Gate::new("tile_queue_gate").check(TileQueue::new(&tiny()));
}

#[test]
fn mercury() {
    Gate::new("mercury_gate").check(Mercury::new(&tiny()));
}
