//! CREW: computation reuse by unique weights, for fully connected layers with quantised weights.
//!
//! An input is multiplied once by each *unique* weight of its row; every output then picks its product by a narrow index
//! and adds it. Source: M. Riera, J. M. Arnau, A. González, "CREW: Computation Reuse and Efficient Weight Storage for
//! Hardware-Accelerated MLPs and RNNs", arXiv 2107.09408. The exact contract is `docs/crew.md`.
//!
//! ```text
//!  weights ─► encode ─► Encoded ─► pack ─► stream bytes ─► golden (sums, counts)
//!                                    └──► job ─► packets ─► model (cycles)
//!  weights ─► estimate: the same cycles of a whole layer without its stream ─► report ◄─ ucnn
//! ```
//!
//! Nothing here sees hardware: the RTL in `blocks::crew` is written from the same contract.

pub mod approximate;
pub mod encode;
pub mod estimate;
pub mod files;
pub mod golden;
pub mod job;
pub mod model;
pub mod pack;
pub mod random;
pub mod report;
pub mod ucnn;

pub use encode::{Block, Encoded, Input, encode};
pub use job::{Job, Layer};

#[cfg(test)]
mod tests;
