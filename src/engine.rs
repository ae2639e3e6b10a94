//! The `Engine` trait: one tensor operation on integers, whoever computes it.
