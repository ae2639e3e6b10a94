//! Top-level designs.

mod mercury;

pub use mercury::Mercury;
