//! Blocks of the designs for fully connected layers, `crew` and `dense_fc`; contract: `docs/crew.md`.
//!
//! | block | what it does |
//! |---|---|
//! | [`regs`] | AXI4-Lite register file, made from the register table |
//! | [`control`] | START to trailer, errors, counters |
//! | [`loader`] | `crew`: parses the input stream |
//! | [`packet`] | what the loaders share: the input stream and its end |
//! | [`sequencer`] | `crew`: which task multiplies, which adds |
//! | [`pe`] | `crew`: one input: multiplier, product buffers, indices |
//! | [`unpacker`] | `crew`: indices of variable width |
//! | [`dense_loader`] | `dense_fc`: activations and tiles of weights |
//! | [`dense_array`] | `dense_fc`: the multipliers and what they do when |
//! | [`adder_tree`] | sum over the inputs of a group |
//! | [`sums`] | one column of sums |
//! | [`drain`] | sends sums and trailer |

pub mod adder_tree;
pub mod control;
pub mod dense_array;
pub mod dense_loader;
pub mod drain;
pub mod loader;
pub mod packet;
pub mod pe;
pub mod regs;
pub mod sequencer;
pub mod sums;
pub mod unpacker;

use crate::hdl::bundle;

/// Bits of the job registers and of the counters that follow them.
pub const COUNT_W: usize = 16;

bundle! {
    /// Job register fields, as they stand while a job runs.
    pub struct JobFields() {
        /// Groups G.
        groups: COUNT_W,
        /// Vectors B.
        batch: COUNT_W,
        /// Rows T.
        rows: COUNT_W,
        /// B · T.
        sums: COUNT_W,
        /// Beats of activations.
        x_beats: COUNT_W,
    }
}
