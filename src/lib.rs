//! Generator of DNN-training accelerators that skip redundant computation.
//!
//! Data flows one way: [`config`] → [`blocks`] → [`designs`] → Verilog ([`hdl`]) → [`cosim`] → report.
//! [`golden`] is written from the contract in `docs/numerics.md` alone and never sees `hdl`, `blocks` or `designs`.

pub mod acrtc;
pub mod blocks;
pub mod cli;
pub mod config;
pub mod cosim;
pub mod crew;
pub mod designs;
pub mod engine;
pub mod golden;
pub mod hdl;
pub mod inspect;
pub mod nn;
pub mod numeric;
pub mod package;
pub mod plan;
pub mod regmap;
pub mod report;
pub mod reuse;
