//! Every hardware block in native simulation, against a plain formulation of what it is for.
//!
//! Printed text against the same blocks: `tests/block_gate.rs`. The whole design: `mercury cosim`.

mod addresses;
mod compute;
mod control;
mod design;
mod detection;
mod drain;
mod host;
mod loader;
mod pipeline;
mod queues;
mod registers;
mod rings;
mod walker;

use mercury::config::Config;
use mercury::hdl::{Sig, Sim, Value};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rust_hdl::core::prelude::{Block, In};

fn tiny() -> Config {
    Config::preset("tiny").expect("a preset of the project")
}

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// A block after one cycle of reset.
fn sim<B: Block>(block: B) -> Sim<B> {
    let mut sim = Sim::new(block).expect("the block passes the static checks");
    sim.reset();
    sim
}

/// Drives the low bits of `value` on an input.
fn set(input: &mut Sig<In>, value: impl Into<i128>) {
    let (width, bits) = (input.val().width(), value.into() as u128);
    let kept = Value::unsigned(width, bits & (u128::MAX >> (128 - width)));
    let signed = input.val().is_signed();
    input.next = kept.resize(width, signed);
}

/// Drives an input of any width, least significant word first.
fn set_words(input: &mut Sig<In>, words: &[u64]) {
    input.next = Value::from_words(input.val().width(), false, words);
}
