//! Kinds of items, and the states of the walker.

use crate::hdl::prelude::*;

/// Bits of an item's kind.
pub const KIND_W: usize = 2;
/// Kind of an item: the entry's result is reused.
pub const HIT: usize = 0;
/// Kind of an item: computed, and kept in its entry.
pub const MAU: usize = 1;
/// Kind of an item: computed.
pub const MNU: usize = 2;
/// Kind of an item: the psum becomes 0.
pub const CLEAR: usize = 3;
/// Bits of the number of elements of a group, as in the register GROUP_K.
pub const GROUP_K_W: usize = 8;

/// Cycles between the last item of a group and its flush: then the last sum of dY is in the MCACHE data.
pub(super) const GAP: usize = 5;

/// What the walker issues in a cycle.
#[derive(Clone, Copy, Debug, PartialEq, LogicState)]
pub enum WalkerState {
    /// Items of the list.
    Items,
    /// Nothing: the sums of dY are still being added.
    Gap,
    /// The entries of the group, multiplied by their sums of dY.
    Flush,
}
