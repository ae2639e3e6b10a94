//! One hardware block a file.
