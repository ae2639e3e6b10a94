//! Register, stream and event tables: one source for RTL, C, Rust and documentation.
