//! Every hardware block against Verilator on its printed text: random stimulus, every output, every cycle.
//!
//! A block is added by one test of one line: `Gate::new("name").check(Block::new(…))`.

mod gate;
mod hdl_blocks;

use gate::Gate;
use hdl_blocks::{Pe, Row};
use mercury::hdl::{LutRam, Ram, Rom};

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
