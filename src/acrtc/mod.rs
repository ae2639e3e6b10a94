//! ACRTC: a tensor core that adds to the previous row's result what has changed.
//!
//! Source: J. Servais, E. Atoofian, "Adaptive Computation Reuse for Energy-Efficient Training of Deep Neural Networks",
//! ACM TECS 2021, doi 10.1145/3487025. The exact contract is `docs/acrtc.md`.
//!
//! ```text
//!  product of rows × K × outputs ─► job: cuts ─► pack: packets ─► core ─► pack: results
//!                                     └────────► model: cycles ◄─ kinds and lengths of the rows' lists
//! ```
//!
//! Nothing here sees hardware: the RTL in `blocks::acrtc` is written from the same contract.

mod count;
pub(crate) mod engine;
pub mod golden;
pub mod job;
pub mod model;
pub mod pack;
mod product;
pub mod random;

pub use count::Counter;
pub use engine::{TensorCore, check};
pub use job::{Cut, Mode, Settings, cuts};
pub use product::Product;

#[cfg(test)]
mod tests;

/// How a row is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// From its elements.
    Plain,
    /// From its differences to the row before.
    Delta,
}

/// What a row of a job takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// How it is computed.
    pub kind: Kind,
    /// Items of the longest list of this kind.
    pub longest: u32,
    /// Items of all lanes' lists of this kind.
    pub items: u64,
}
