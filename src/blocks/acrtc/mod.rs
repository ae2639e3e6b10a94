//! Blocks of the tensor cores, `acrtc` and `dense_tc`; contract: `docs/acrtc.md`.
//!
//! | block | what it does |
//! |---|---|
//! | [`regs`] | AXI4-Lite register file, made from the register table |
//! | [`control`] | START to trailer, errors, counters |
//! | [`loader`] | takes the packet apart: weight words, slices of rows |
//! | [`lists`] | `acrtc`: one lane: quantises, subtracts the previous row, compacts |
//! | [`rows`] | `acrtc`: longest lists, the kind of a row |
//! | [`dense_rows`] | `dense_tc`: the elements of one lane; when a row is there |
//! | [`sequencer`] | which item of which row and block is multiplied |
//! | [`lane`] | one lane's weights and multipliers |
//! | [`mod@column`] | one column of sums: the shadow buffer |
//! | [`drain`] | queue of results, requantised or raw; the trailer |

pub mod column;
pub mod control;
pub mod dense_rows;
pub mod drain;
pub mod lane;
pub mod lists;
pub mod loader;
pub mod regs;
pub mod rows;
pub mod sequencer;

use crate::blocks::requantizer::SHIFT_W;
use crate::config::tc::ROW_BANKS;
use crate::hdl::{address_width, bundle};

/// Bits of STEPS and BLOCKS and of the counters that follow them.
pub const COUNT_W: usize = 16;
/// Bits of ROWS.
pub const ROWS_W: usize = 32;
/// Bits of LEVEL.
pub const LEVEL_W: usize = 4;

/// Bits of the number of a row bank.
pub fn bank_w() -> usize {
    address_width(ROW_BANKS)
}

bundle! {
    /// Job register fields, as they stand while a job runs.
    pub struct JobFields() {
        /// What is skipped: 0 nothing, 1 zeros, 2 what is as in the previous row.
        mode: 2,
        /// Requantise.
        shift_mode: 1,
        /// Low bits rounded away.
        level: LEVEL_W,
        /// Distance of the requantisation.
        shift: SHIFT_W,
        /// Steps of a row.
        steps: COUNT_W,
        /// Blocks of outputs.
        blocks: COUNT_W,
        /// Rows.
        rows: ROWS_W,
    }
}
