//! The loop counters of one PE set.

use super::job_fields::LoopCounts;
use crate::hdl::prelude::*;

/// Bits of every loop counter and limit: those of the register and descriptor fields that set the limits.
pub const COUNT_W: usize = 16;

/// Counts through the loop nest of one tile, one element per `advance`.
///
/// ```text
///            limits (job registers, tile descriptor)
///                 │
///  load ────►┌────┴──────────────────────────────────────────────┐
///  advance ─►│ pass ▸ cgroup ▸ chunk ▸ img ▸ y ▸ x ▸ c ▸ kr ▸ kc │──► step_*: which levels end with this element
///            └───────────────────────────────────────────────────┘──► k_index, position, pass, *_first
/// ```
///
/// **Latency** 0: all outputs describe the current element; `advance` makes the next one current in the next cycle.
/// **Back-pressure** none: the nest stands still while `advance` is 0. **Parameters** none; all counts are 16 bits, so
/// every limit that a register can hold terminates. `step_x` means "last element of the vector": each `step_*` implies
/// all inner ones. `load` (a new tile, while `advance` is 0) clears every counter.
///
/// The test `loop_nest_walks_the_nest` compares it with nested `for` loops.
#[derive(LogicBlock)]
pub struct LoopNest {
    /// A new tile becomes active: all counters restart.
    pub load: Bit<In>,
    /// The current element is done.
    pub advance: Bit<In>,
    /// Job: how often the loops run.
    pub counts: LoopCounts<In>,
    /// Images of the tile.
    pub images: Sig<In>,
    /// Output rows of the tile.
    pub rows: Sig<In>,
    /// Output columns of the tile.
    pub cols: Sig<In>,
    /// Passes over the tile.
    pub passes: Sig<In>,
    /// Last kernel column: the kernel row steps.
    pub step_kr: Bit<Out>,
    /// … and last kernel row: the channel steps.
    pub step_c: Bit<Out>,
    /// … and last channel, so last element of the vector: the column steps.
    pub step_x: Bit<Out>,
    /// … and last column: the row steps.
    pub step_y: Bit<Out>,
    /// … and last row: the image steps.
    pub step_img: Bit<Out>,
    /// … and last image, so last element of the group: the chunk steps.
    pub step_chunk: Bit<Out>,
    /// … and last chunk, so last use of the feature slot: the channel group steps.
    pub step_cgroup: Bit<Out>,
    /// … and last channel group: the pass steps.
    pub step_pass: Bit<Out>,
    /// … and last pass: the tile is done.
    pub step_tile: Bit<Out>,
    /// First element of a vector.
    pub vector_first: Bit<Out>,
    /// First element of a group.
    pub group_first: Bit<Out>,
    /// Within the first group of a pass.
    pub in_first_group: Bit<Out>,
    /// Within the last pass.
    pub in_last_pass: Bit<Out>,
    /// Element k of the vector.
    pub k_index: Sig<Out>,
    /// Position i of the tile.
    pub position: Sig<Out>,
    /// Pass of the tile.
    pub pass: Sig<Out>,
    kc_count: Reg,
    kr_count: Reg,
    c_count: Reg,
    x_count: Reg,
    y_count: Reg,
    img_count: Reg,
    chunk_count: Reg,
    cgroup_count: Reg,
    pass_count: Reg,
    k_count: Reg,
    position_count: Reg,
    channels: Sig<Local>,
    kernel_rows: Sig<Local>,
    last_chunk: Bit<Local>,
    last_cgroup: Bit<Local>,
    about: About,
}

impl LoopNest {
    /// The block; it has no parameters.
    pub fn new() -> Self {
        let input = || Sig::unsigned(COUNT_W);
        let output = || Sig::unsigned(COUNT_W);
        let count = || Reg::unsigned(COUNT_W);
        LoopNest {
            load: Bit::new(),
            advance: Bit::new(),
            counts: LoopCounts::new(),
            images: input(),
            rows: input(),
            cols: input(),
            passes: input(),
            step_kr: Bit::new(),
            step_c: Bit::new(),
            step_x: Bit::new(),
            step_y: Bit::new(),
            step_img: Bit::new(),
            step_chunk: Bit::new(),
            step_cgroup: Bit::new(),
            step_pass: Bit::new(),
            step_tile: Bit::new(),
            vector_first: Bit::new(),
            group_first: Bit::new(),
            in_first_group: Bit::new(),
            in_last_pass: Bit::new(),
            k_index: output(),
            position: output(),
            pass: output(),
            kc_count: count(),
            kr_count: count(),
            c_count: count(),
            x_count: count(),
            y_count: count(),
            img_count: count(),
            chunk_count: count(),
            cgroup_count: count(),
            pass_count: count(),
            k_count: count(),
            position_count: count(),
            channels: Sig::unsigned(COUNT_W),
            kernel_rows: Sig::unsigned(COUNT_W),
            last_chunk: Bit::new(),
            last_cgroup: Bit::new(),
            about: About::new(
                "loop_nest",
                "Counts through pass, channel group, chunk, image, row, column, channel, kernel row and kernel column of a tile, and says which levels end with the current element.",
            ),
        }
    }
}

impl Default for LoopNest {
    fn default() -> Self {
        Self::new()
    }
}

impl Logic for LoopNest {
    #[hdl_gen]
    fn update(&mut self) {
        self.last_chunk.next = self.chunk_count.val() + 1 == self.counts.chunks.val();
        self.last_cgroup.next = self.cgroup_count.val() + 1 == self.counts.cgroups.val();
        self.in_last_pass.next = self.pass_count.val() + 1 == self.passes.val();
        self.channels.next = self.counts.cg.val();
        if self.last_cgroup.val() {
            self.channels.next = self.counts.cg_last.val();
        }
        self.kernel_rows.next = self.counts.kr.val();
        if self.last_chunk.val() {
            self.kernel_rows.next = self.counts.kr_last.val();
        }

        self.step_kr.next = self.kc_count.val() + 1 == self.counts.kw.val();
        self.step_c.next =
            self.step_kr.val() && (self.kr_count.val() + 1 == self.kernel_rows.val());
        self.step_x.next = self.step_c.val() && (self.c_count.val() + 1 == self.channels.val());
        self.step_y.next = self.step_x.val() && (self.x_count.val() + 1 == self.cols.val());
        self.step_img.next = self.step_y.val() && (self.y_count.val() + 1 == self.rows.val());
        self.step_chunk.next =
            self.step_img.val() && (self.img_count.val() + 1 == self.images.val());
        self.step_cgroup.next = self.step_chunk.val() && self.last_chunk.val();
        self.step_pass.next = self.step_cgroup.val() && self.last_cgroup.val();
        self.step_tile.next = self.step_pass.val() && self.in_last_pass.val();

        self.vector_first.next = self.k_count.val() == 0;
        self.group_first.next = self.vector_first.val() && (self.position_count.val() == 0);
        self.in_first_group.next = (self.cgroup_count.val() == 0) && (self.chunk_count.val() == 0);
        self.k_index.next = self.k_count.val();
        self.position.next = self.position_count.val();
        self.pass.next = self.pass_count.val();

        if self.advance.val() {
            self.kc_count.next = self.kc_count.val() + 1;
            self.k_count.next = self.k_count.val() + 1;
            if self.step_kr.val() {
                self.kc_count.next = 0.into();
                self.kr_count.next = self.kr_count.val() + 1;
            }
            if self.step_c.val() {
                self.kr_count.next = 0.into();
                self.c_count.next = self.c_count.val() + 1;
            }
            if self.step_x.val() {
                self.c_count.next = 0.into();
                self.k_count.next = 0.into();
                self.x_count.next = self.x_count.val() + 1;
                self.position_count.next = self.position_count.val() + 1;
            }
            if self.step_y.val() {
                self.x_count.next = 0.into();
                self.y_count.next = self.y_count.val() + 1;
            }
            if self.step_img.val() {
                self.y_count.next = 0.into();
                self.img_count.next = self.img_count.val() + 1;
            }
            if self.step_chunk.val() {
                self.img_count.next = 0.into();
                self.position_count.next = 0.into();
                self.chunk_count.next = self.chunk_count.val() + 1;
            }
            if self.step_cgroup.val() {
                self.chunk_count.next = 0.into();
                self.cgroup_count.next = self.cgroup_count.val() + 1;
            }
            if self.step_pass.val() {
                self.cgroup_count.next = 0.into();
                self.pass_count.next = self.pass_count.val() + 1;
            }
        }
        if self.load.val() {
            self.kc_count.next = 0.into();
            self.kr_count.next = 0.into();
            self.c_count.next = 0.into();
            self.x_count.next = 0.into();
            self.y_count.next = 0.into();
            self.img_count.next = 0.into();
            self.chunk_count.next = 0.into();
            self.cgroup_count.next = 0.into();
            self.pass_count.next = 0.into();
            self.k_count.next = 0.into();
            self.position_count.next = 0.into();
        }
    }
}
