//! The tensor cores: every block natively and against Verilator on its printed text, the whole cores in co-simulation, the command
//! line.

mod blocks;
mod cosim;
#[path = "../gate/mod.rs"]
mod gate;
mod gates;

use mercury::config::tc::TcConfig;

fn config(name: &str) -> TcConfig {
    TcConfig::preset(name).expect("a preset of the project")
}

/// Five lanes and three columns on 64 bits: steps of two beats, weight words of five, results of three.
fn odd() -> TcConfig {
    let odd = TcConfig {
        name: "odd".into(),
        lanes: 5,
        columns: 3,
        ..config("acrtc-tiny")
    };
    odd.check().expect("legal sizes");
    odd
}

/// Three columns of results on 128 bits: two raw ones a beat, the last one alone.
fn wide() -> TcConfig {
    let wide = TcConfig {
        name: "wide".into(),
        bus_w: 128,
        columns: 3,
        ..config("acrtc-tiny")
    };
    wide.check().expect("legal sizes");
    wide
}
