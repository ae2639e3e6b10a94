//! The loop counters of one PE set as far as a group is concerned.

use super::loop_nest::COUNT_W;
use crate::hdl::prelude::*;

/// Counts through the groups of one tile: what [`LoopNest`](super::loop_nest::LoopNest) does for elements, for those who
/// take a group as a whole.
///
/// ```text
///            limits (job registers, tile descriptor)
///                 │
///  load ────►┌────┴──────────────────┐
///  advance ─►│ pass ▸ cgroup ▸ chunk │──► step_*: which levels end with this group
///            └───────────────────────┘──► pass, in_*
/// ```
///
/// **Latency** 0: all outputs describe the current group; `advance` makes the next one current in the next cycle.
/// **Back-pressure** none: the nest stands still while `advance` is 0. **Parameters** none; all counts are 16 bits, and stand for two
/// cycles before a tile is loaded.
/// `load` (a new tile, while `advance` is 0) clears every counter.
///
/// The test `group_nest_walks_the_groups` compares it with nested `for` loops.
#[derive(LogicBlock)]
pub struct GroupNest {
    /// A new tile becomes active: all counters restart.
    pub load: Bit<In>,
    /// The current group is done.
    pub advance: Bit<In>,
    /// Chunks of kernel rows.
    pub chunks: Sig<In>,
    /// Channel groups.
    pub cgroups: Sig<In>,
    /// Passes over the tile.
    pub passes: Sig<In>,
    /// Last chunk, so last use of the feature slot: the channel group steps.
    pub step_cgroup: Bit<Out>,
    /// … and last channel group: the pass steps.
    pub step_pass: Bit<Out>,
    /// … and last pass: the tile is done.
    pub step_tile: Bit<Out>,
    /// The first group of a pass.
    pub in_first_group: Bit<Out>,
    /// Within the last channel group of a pass.
    pub in_last_cgroup: Bit<Out>,
    /// Within the last pass.
    pub in_last_pass: Bit<Out>,
    /// Pass of the tile.
    pub pass: Sig<Out>,
    chunk_count: Reg,
    cgroup_count: Reg,
    pass_count: Reg,
    at_first: BitReg,
    one_chunk: BitReg,
    one_cgroup: BitReg,
    chunk_last: BitReg,
    cgroup_last: BitReg,
    pass_last: BitReg,
    about: About,
}

impl GroupNest {
    /// The block; it has no parameters.
    pub fn new() -> Self {
        let input = || Sig::unsigned(COUNT_W);
        let count = || Reg::unsigned(COUNT_W);
        GroupNest {
            load: Bit::new(),
            advance: Bit::new(),
            chunks: input(),
            cgroups: input(),
            passes: input(),
            step_cgroup: Bit::new(),
            step_pass: Bit::new(),
            step_tile: Bit::new(),
            in_first_group: Bit::new(),
            in_last_cgroup: Bit::new(),
            in_last_pass: Bit::new(),
            pass: Sig::unsigned(COUNT_W),
            chunk_count: count(),
            cgroup_count: count(),
            pass_count: count(),
            at_first: BitReg::new(),
            one_chunk: BitReg::new(),
            one_cgroup: BitReg::new(),
            chunk_last: BitReg::new(),
            cgroup_last: BitReg::new(),
            pass_last: BitReg::new(),
            about: About::new(
                "group_nest",
                "Counts through pass, channel group and chunk of a tile, and says which levels end with the current group.",
            ),
        }
    }
}

impl Default for GroupNest {
    fn default() -> Self {
        Self::new()
    }
}

impl Logic for GroupNest {
    #[hdl_gen]
    fn update(&mut self) {
        // Whether each level is at its last count stands in a register, and so does what is a constant of the job.
        self.one_chunk.next = self.chunks.val() == 1;
        self.one_cgroup.next = self.cgroups.val() == 1;
        self.step_cgroup.next = self.chunk_last.val();
        self.in_last_cgroup.next = self.cgroup_last.val();
        self.in_last_pass.next = self.pass_last.val();
        self.step_pass.next = self.chunk_last.val() && self.cgroup_last.val();
        self.step_tile.next =
            self.chunk_last.val() && self.cgroup_last.val() && self.pass_last.val();
        self.in_first_group.next = self.at_first.val();
        self.pass.next = self.pass_count.val();

        if self.advance.val() {
            self.at_first.next = self.step_pass.val();
            self.chunk_count.next = self.chunk_count.val() + 1;
            self.chunk_last.next = self.chunk_count.val() + 2 == self.chunks.val();
            if self.step_cgroup.val() {
                self.chunk_count.next = 0.into();
                self.chunk_last.next = self.one_chunk.val();
                self.cgroup_count.next = self.cgroup_count.val() + 1;
                self.cgroup_last.next = self.cgroup_count.val() + 2 == self.cgroups.val();
            }
            if self.step_pass.val() {
                self.cgroup_count.next = 0.into();
                self.cgroup_last.next = self.one_cgroup.val();
                self.pass_count.next = self.pass_count.val() + 1;
                self.pass_last.next = self.pass_count.val() + 2 == self.passes.val();
            }
        }
        if self.load.val() {
            self.at_first.next = true;
            self.chunk_count.next = 0.into();
            self.cgroup_count.next = 0.into();
            self.pass_count.next = 0.into();
            self.chunk_last.next = self.one_chunk.val();
            self.cgroup_last.next = self.one_cgroup.val();
            self.pass_last.next = self.passes.val() == 1;
        }
    }
}
