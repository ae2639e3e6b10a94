//! Placeholder entry point, replaced in this change.
fn main() {}
