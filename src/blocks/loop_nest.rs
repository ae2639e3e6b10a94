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
/// `counts` are constants of the job and stand from the cycle before `load` on.
/// **Back-pressure** none: the nest stands still while `advance` is 0. **Parameters** none; all counts are 16 bits, so
/// every limit that a register can hold terminates. `step_x` means "last element of the vector": each `step_*` implies
/// all inner ones. `load` (a new tile, whose limits `new_*` show, while `advance` is 0) clears every counter; from the next cycle on
/// `images`, `rows`, `cols` and `passes` are those limits, and stay. Outputs before the first `load` mean nothing.
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
    /// Images of the tile that `load` brings.
    pub new_images: Sig<In>,
    /// Its output rows.
    pub new_rows: Sig<In>,
    /// Its output columns.
    pub new_cols: Sig<In>,
    /// Passes over it.
    pub new_passes: Sig<In>,
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
    /// `group_first` of the next cycle.
    pub next_group_first: Bit<Out>,
    /// `in_first_group` of the next cycle.
    pub next_first_group: Bit<Out>,
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
    one_cgroup: BitReg,
    one_chunk: BitReg,
    one_kr: BitReg,
    one_kr_last: BitReg,
    one_cg: BitReg,
    one_cg_last: BitReg,
    one_kw: BitReg,
    one_image: BitReg,
    one_row: BitReg,
    one_col: BitReg,
    kc_last: BitReg,
    kr_last: BitReg,
    c_last: BitReg,
    x_last: BitReg,
    y_last: BitReg,
    img_last: BitReg,
    chunk_last: BitReg,
    cgroup_last: BitReg,
    pass_last: BitReg,
    c_steps: BitReg,
    x_steps: BitReg,
    y_steps: BitReg,
    img_steps: BitReg,
    chunk_steps: BitReg,
    cgroup_steps: BitReg,
    pass_steps: BitReg,
    tile_steps: BitReg,
    next_kc_last: Bit<Local>,
    next_kr_last: Bit<Local>,
    next_c_last: Bit<Local>,
    next_x_last: Bit<Local>,
    next_y_last: Bit<Local>,
    next_img_last: Bit<Local>,
    next_chunk_last: Bit<Local>,
    next_cgroup_last: Bit<Local>,
    next_pass_last: Bit<Local>,
    next_c_steps: Bit<Local>,
    next_x_steps: Bit<Local>,
    next_y_steps: Bit<Local>,
    next_img_steps: Bit<Local>,
    next_chunk_steps: Bit<Local>,
    next_cgroup_steps: Bit<Local>,
    next_pass_steps: Bit<Local>,
    next_tile_steps: Bit<Local>,
    at_vector_first: BitReg,
    at_group_first: BitReg,
    at_first_group: BitReg,
    channels: Sig<Local>,
    kernel_rows: Sig<Local>,
    one_kernel_row: Bit<Local>,
    one_channel: Bit<Local>,
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
            new_images: input(),
            new_rows: input(),
            new_cols: input(),
            new_passes: input(),
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
            next_group_first: Bit::new(),
            next_first_group: Bit::new(),
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
            one_cgroup: BitReg::new(),
            one_chunk: BitReg::new(),
            one_kr: BitReg::new(),
            one_kr_last: BitReg::new(),
            one_cg: BitReg::new(),
            one_cg_last: BitReg::new(),
            one_kw: BitReg::new(),
            one_image: BitReg::new(),
            one_row: BitReg::new(),
            one_col: BitReg::new(),
            kc_last: BitReg::new(),
            kr_last: BitReg::new(),
            c_last: BitReg::new(),
            x_last: BitReg::new(),
            y_last: BitReg::new(),
            img_last: BitReg::new(),
            chunk_last: BitReg::new(),
            cgroup_last: BitReg::new(),
            pass_last: BitReg::new(),
            c_steps: BitReg::new(),
            x_steps: BitReg::new(),
            y_steps: BitReg::new(),
            img_steps: BitReg::new(),
            chunk_steps: BitReg::new(),
            cgroup_steps: BitReg::new(),
            pass_steps: BitReg::new(),
            tile_steps: BitReg::new(),
            next_kc_last: Bit::new(),
            next_kr_last: Bit::new(),
            next_c_last: Bit::new(),
            next_x_last: Bit::new(),
            next_y_last: Bit::new(),
            next_img_last: Bit::new(),
            next_chunk_last: Bit::new(),
            next_cgroup_last: Bit::new(),
            next_pass_last: Bit::new(),
            next_c_steps: Bit::new(),
            next_x_steps: Bit::new(),
            next_y_steps: Bit::new(),
            next_img_steps: Bit::new(),
            next_chunk_steps: Bit::new(),
            next_cgroup_steps: Bit::new(),
            next_pass_steps: Bit::new(),
            next_tile_steps: Bit::new(),
            at_vector_first: BitReg::new(),
            at_group_first: BitReg::new(),
            at_first_group: BitReg::new(),
            channels: Sig::unsigned(COUNT_W),
            kernel_rows: Sig::unsigned(COUNT_W),
            one_kernel_row: Bit::new(),
            one_channel: Bit::new(),
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
        // Which levels end with the current element stands in registers: what follows from it begins with a flip-flop.
        self.step_kr.next = self.kc_last.val();
        self.step_c.next = self.c_steps.val();
        self.step_x.next = self.x_steps.val();
        self.step_y.next = self.y_steps.val();
        self.step_img.next = self.img_steps.val();
        self.step_chunk.next = self.chunk_steps.val();
        self.step_cgroup.next = self.cgroup_steps.val();
        self.step_pass.next = self.pass_steps.val();
        self.step_tile.next = self.tile_steps.val();

        self.in_last_pass.next = self.pass_last.val();
        self.vector_first.next = self.at_vector_first.val();
        self.group_first.next = self.at_group_first.val();
        self.in_first_group.next = self.at_first_group.val();
        self.next_group_first.next = self.at_group_first.val();
        self.next_first_group.next = self.at_first_group.val();
        if self.advance.val() {
            self.next_group_first.next = self.chunk_steps.val();
            if self.chunk_steps.val() {
                self.next_first_group.next = self.pass_steps.val();
            }
        }
        if self.load.val() {
            self.next_group_first.next = true;
            self.next_first_group.next = true;
        }
        self.at_group_first.next = self.next_group_first.val();
        self.at_first_group.next = self.next_first_group.val();
        self.k_index.next = self.k_count.val();
        self.position.next = self.position_count.val();
        self.pass.next = self.pass_count.val();

        // What is a constant of the job, or of the tile, stands in registers.
        self.one_cgroup.next = self.counts.cgroups.val() == 1;
        self.one_chunk.next = self.counts.chunks.val() == 1;
        self.one_kr.next = self.counts.kr.val() == 1;
        self.one_kr_last.next = self.counts.kr_last.val() == 1;
        self.one_cg.next = self.counts.cg.val() == 1;
        self.one_cg_last.next = self.counts.cg_last.val() == 1;
        self.one_kw.next = self.counts.kw.val() == 1;

        // Kernel rows and channels of the current group.
        self.kernel_rows.next = self.counts.kr.val();
        if self.chunk_last.val() {
            self.kernel_rows.next = self.counts.kr_last.val();
        }
        self.channels.next = self.counts.cg.val();
        if self.cgroup_last.val() {
            self.channels.next = self.counts.cg_last.val();
        }

        // Whether each level is at its last count in the next element: the outer levels first, whose groups set the
        // limits of the inner ones.
        self.next_pass_last.next = self.pass_last.val();
        if self.pass_steps.val() {
            self.next_pass_last.next = self.pass_count.val() + 2 == self.passes.val();
        }
        self.next_cgroup_last.next = self.cgroup_last.val();
        if self.cgroup_steps.val() {
            self.next_cgroup_last.next = self.cgroup_count.val() + 2 == self.counts.cgroups.val();
        }
        if self.pass_steps.val() || self.load.val() {
            self.next_cgroup_last.next = self.one_cgroup.val();
        }
        self.next_chunk_last.next = self.chunk_last.val();
        if self.chunk_steps.val() {
            self.next_chunk_last.next = self.chunk_count.val() + 2 == self.counts.chunks.val();
        }
        if self.cgroup_steps.val() || self.load.val() {
            self.next_chunk_last.next = self.one_chunk.val();
        }
        self.one_kernel_row.next = self.one_kr.val();
        if self.next_chunk_last.val() {
            self.one_kernel_row.next = self.one_kr_last.val();
        }
        self.one_channel.next = self.one_cg.val();
        if self.next_cgroup_last.val() {
            self.one_channel.next = self.one_cg_last.val();
        }
        self.next_img_last.next = self.img_last.val();
        if self.img_steps.val() {
            self.next_img_last.next = self.img_count.val() + 2 == self.images.val();
        }
        self.next_y_last.next = self.y_last.val();
        if self.y_steps.val() {
            self.next_y_last.next = self.y_count.val() + 2 == self.rows.val();
        }
        self.next_x_last.next = self.x_last.val();
        if self.x_steps.val() {
            self.next_x_last.next = self.x_count.val() + 2 == self.cols.val();
        }
        self.next_c_last.next = self.c_last.val();
        if self.c_steps.val() {
            self.next_c_last.next = self.c_count.val() + 2 == self.channels.val();
        }
        self.next_kr_last.next = self.kr_last.val();
        if self.kc_last.val() {
            self.next_kr_last.next = self.kr_count.val() + 2 == self.kernel_rows.val();
        }
        self.next_kc_last.next = self.kc_count.val() + 2 == self.counts.kw.val();
        if self.chunk_steps.val() {
            self.next_img_last.next = self.one_image.val();
        }
        if self.img_steps.val() {
            self.next_y_last.next = self.one_row.val();
        }
        if self.y_steps.val() {
            self.next_x_last.next = self.one_col.val();
        }
        if self.x_steps.val() || self.load.val() {
            self.next_c_last.next = self.one_channel.val();
        }
        if self.c_steps.val() || self.load.val() {
            self.next_kr_last.next = self.one_kernel_row.val();
        }
        if self.kc_last.val() || self.load.val() {
            self.next_kc_last.next = self.one_kw.val();
        }
        if self.load.val() {
            self.next_img_last.next = self.new_images.val() == 1;
            self.next_y_last.next = self.new_rows.val() == 1;
            self.next_x_last.next = self.new_cols.val() == 1;
            self.one_image.next = self.new_images.val() == 1;
            self.one_row.next = self.new_rows.val() == 1;
            self.one_col.next = self.new_cols.val() == 1;
            self.next_pass_last.next = self.new_passes.val() == 1;
        }
        // A level steps when all levels inside of it are at their last count.
        self.next_c_steps.next = self.next_kc_last.val() && self.next_kr_last.val();
        self.next_x_steps.next = self.next_c_steps.val() && self.next_c_last.val();
        self.next_y_steps.next = self.next_x_steps.val() && self.next_x_last.val();
        self.next_img_steps.next = self.next_y_steps.val() && self.next_y_last.val();
        self.next_chunk_steps.next = self.next_img_steps.val() && self.next_img_last.val();
        self.next_cgroup_steps.next = self.next_chunk_steps.val() && self.next_chunk_last.val();
        self.next_pass_steps.next = self.next_cgroup_steps.val() && self.next_cgroup_last.val();
        self.next_tile_steps.next = self.next_pass_steps.val() && self.next_pass_last.val();
        if self.advance.val() || self.load.val() {
            self.kc_last.next = self.next_kc_last.val();
            self.kr_last.next = self.next_kr_last.val();
            self.c_last.next = self.next_c_last.val();
            self.x_last.next = self.next_x_last.val();
            self.y_last.next = self.next_y_last.val();
            self.img_last.next = self.next_img_last.val();
            self.chunk_last.next = self.next_chunk_last.val();
            self.cgroup_last.next = self.next_cgroup_last.val();
            self.pass_last.next = self.next_pass_last.val();
            self.c_steps.next = self.next_c_steps.val();
            self.x_steps.next = self.next_x_steps.val();
            self.y_steps.next = self.next_y_steps.val();
            self.img_steps.next = self.next_img_steps.val();
            self.chunk_steps.next = self.next_chunk_steps.val();
            self.cgroup_steps.next = self.next_cgroup_steps.val();
            self.pass_steps.next = self.next_pass_steps.val();
            self.tile_steps.next = self.next_tile_steps.val();
        }

        if self.advance.val() {
            self.kc_count.next = self.kc_count.val() + 1;
            self.k_count.next = self.k_count.val() + 1;
            self.at_vector_first.next = self.x_steps.val();
            if self.kc_last.val() {
                self.kc_count.next = 0.into();
                self.kr_count.next = self.kr_count.val() + 1;
            }
            if self.c_steps.val() {
                self.kr_count.next = 0.into();
                self.c_count.next = self.c_count.val() + 1;
            }
            if self.x_steps.val() {
                self.c_count.next = 0.into();
                self.k_count.next = 0.into();
                self.x_count.next = self.x_count.val() + 1;
                self.position_count.next = self.position_count.val() + 1;
            }
            if self.y_steps.val() {
                self.x_count.next = 0.into();
                self.y_count.next = self.y_count.val() + 1;
            }
            if self.img_steps.val() {
                self.y_count.next = 0.into();
                self.img_count.next = self.img_count.val() + 1;
            }
            if self.chunk_steps.val() {
                self.img_count.next = 0.into();
                self.position_count.next = 0.into();
                self.chunk_count.next = self.chunk_count.val() + 1;
            }
            if self.cgroup_steps.val() {
                self.chunk_count.next = 0.into();
                self.cgroup_count.next = self.cgroup_count.val() + 1;
            }
            if self.pass_steps.val() {
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
            self.at_vector_first.next = true;
        }
    }
}
