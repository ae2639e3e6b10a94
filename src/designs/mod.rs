//! Top-level designs.
