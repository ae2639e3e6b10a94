//! The designs for fully connected layers: every block natively and against Verilator on its printed text, the whole
//! accelerators in co-simulation, the command line.

mod blocks;
mod commands;
mod cosim;
#[path = "../gate/mod.rs"]
mod gate;
mod gates;

use mercury::config::fc::FcConfig;

fn config(name: &str) -> FcConfig {
    FcConfig::preset(name).expect("a preset of the project")
}
