//! The loop counters of one PE set.

mod new;

use super::few_runs::FewRuns;
use super::job_fields::LoopCounts;
use super::loop_level::LoopLevel;
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
/// `counts` are constants of the job and stand from two cycles before `load` on.
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
    /// Of all levels the kernel column alone is the one that counts with this element.
    pub counts_kc: Bit<Out>,
    /// … the kernel row alone is the one that counts with this element.
    pub counts_kr: Bit<Out>,
    /// … the channel alone is the one that counts with this element.
    pub counts_c: Bit<Out>,
    /// … the output column alone is the one that counts with this element.
    pub counts_x: Bit<Out>,
    /// … the output row alone is the one that counts with this element.
    pub counts_y: Bit<Out>,
    /// … the image alone is the one that counts with this element.
    pub counts_img: Bit<Out>,
    /// … the chunk of kernel rows alone is the one that counts with this element.
    pub counts_chunk: Bit<Out>,
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
    kc: LoopLevel,
    kr: LoopLevel,
    c: LoopLevel,
    x: LoopLevel,
    y: LoopLevel,
    img: LoopLevel,
    chunk: LoopLevel,
    cgroup: LoopLevel,
    pass_level: LoopLevel,
    k_count: Reg,
    position_count: Reg,
    // Constants of the job or of the tile: how often a level runs, 1, 2, or 0 for more.
    few_kw: FewRuns,
    few_kr: FewRuns,
    few_kr_last: FewRuns,
    few_cg: FewRuns,
    few_cg_last: FewRuns,
    few_chunk: FewRuns,
    few_cgroup: FewRuns,
    few_new_image: FewRuns,
    few_new_row: FewRuns,
    few_new_col: FewRuns,
    few_new_pass: FewRuns,
    kw_runs: Reg,
    kr_runs: Reg,
    kr_last_runs: Reg,
    cg_runs: Reg,
    cg_last_runs: Reg,
    chunk_runs: Reg,
    cgroup_runs: Reg,
    image_runs: Reg,
    row_runs: Reg,
    col_runs: Reg,
    first_kr_runs: Reg,
    first_cg_runs: Reg,
    c_steps: BitReg,
    x_steps: BitReg,
    y_steps: BitReg,
    img_steps: BitReg,
    chunk_steps: BitReg,
    cgroup_steps: BitReg,
    pass_steps: BitReg,
    tile_steps: BitReg,
    next_c_steps: Bit<Local>,
    first_c_steps: Bit<Local>,
    next_x_steps: Bit<Local>,
    first_x_steps: Bit<Local>,
    next_y_steps: Bit<Local>,
    first_y_steps: Bit<Local>,
    next_img_steps: Bit<Local>,
    first_img_steps: Bit<Local>,
    next_chunk_steps: Bit<Local>,
    first_chunk_steps: Bit<Local>,
    next_cgroup_steps: Bit<Local>,
    first_cgroup_steps: Bit<Local>,
    next_pass_steps: Bit<Local>,
    first_pass_steps: Bit<Local>,
    next_tile_steps: Bit<Local>,
    first_tile_steps: Bit<Local>,
    kc_alone: BitReg,
    kr_alone: BitReg,
    c_alone: BitReg,
    x_alone: BitReg,
    y_alone: BitReg,
    img_alone: BitReg,
    chunk_alone: BitReg,
    at_vector_first: BitReg,
    at_group_first: BitReg,
    at_first_group: BitReg,
    about: About,
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
        self.step_kr.next = self.kc.last.val();
        self.step_c.next = self.c_steps.val();
        self.step_x.next = self.x_steps.val();
        self.step_y.next = self.y_steps.val();
        self.step_img.next = self.img_steps.val();
        self.step_chunk.next = self.chunk_steps.val();
        self.step_cgroup.next = self.cgroup_steps.val();
        self.step_pass.next = self.pass_steps.val();
        self.step_tile.next = self.tile_steps.val();

        self.counts_kc.next = self.kc_alone.val();
        self.counts_kr.next = self.kr_alone.val();
        self.counts_c.next = self.c_alone.val();
        self.counts_x.next = self.x_alone.val();
        self.counts_y.next = self.y_alone.val();
        self.counts_img.next = self.img_alone.val();
        self.counts_chunk.next = self.chunk_alone.val();

        self.in_last_pass.next = self.pass_level.last.val();
        self.vector_first.next = self.at_vector_first.val();
        self.group_first.next = self.at_group_first.val();
        self.in_first_group.next = self.at_first_group.val();
        if self.advance.val() {
            self.at_group_first.next = self.chunk_steps.val();
            if self.chunk_steps.val() {
                self.at_first_group.next = self.pass_steps.val();
            }
        }
        if self.load.val() {
            self.at_group_first.next = true;
            self.at_first_group.next = true;
        }
        self.k_index.next = self.k_count.val();
        self.position.next = self.position_count.val();
        self.pass.next = self.pass_level.count.val();

        // What is a constant of the job, or of the tile, stands in registers.
        self.few_kw.count.next = self.counts.kw.val();
        self.kw_runs.next = self.few_kw.runs.val();
        self.few_kr.count.next = self.counts.kr.val();
        self.kr_runs.next = self.few_kr.runs.val();
        self.few_kr_last.count.next = self.counts.kr_last.val();
        self.kr_last_runs.next = self.few_kr_last.runs.val();
        self.few_cg.count.next = self.counts.cg.val();
        self.cg_runs.next = self.few_cg.runs.val();
        self.few_cg_last.count.next = self.counts.cg_last.val();
        self.cg_last_runs.next = self.few_cg_last.runs.val();
        self.few_chunk.count.next = self.counts.chunks.val();
        self.chunk_runs.next = self.few_chunk.runs.val();
        self.few_cgroup.count.next = self.counts.cgroups.val();
        self.cgroup_runs.next = self.few_cgroup.runs.val();
        self.few_new_image.count.next = self.new_images.val();
        self.few_new_row.count.next = self.new_rows.val();
        self.few_new_col.count.next = self.new_cols.val();
        self.few_new_pass.count.next = self.new_passes.val();
        if self.load.val() {
            self.image_runs.next = self.few_new_image.runs.val();
            self.row_runs.next = self.few_new_row.runs.val();
            self.col_runs.next = self.few_new_col.runs.val();
        }
        // Kernel rows and channels of a tile's first group.
        self.first_kr_runs.next = self.kr_runs.val();
        if self.chunk_runs.val() == 1 {
            self.first_kr_runs.next = self.kr_last_runs.val();
        }
        self.first_cg_runs.next = self.cg_runs.val();
        if self.cgroup_runs.val() == 1 {
            self.first_cg_runs.next = self.cg_last_runs.val();
        }

        // Levels: each counts when all inside of it end, and restarts when it ends as well.
        self.kc.load.next = self.load.val();
        self.kc.advance.next = self.advance.val();
        self.kc.steps.next = true;
        self.kc.restarts.next = self.kc.last.val();
        self.kc.limit.next = self.counts.kw.val();
        self.kc.runs.next = self.kw_runs.val();
        self.kc.new_runs.next = self.kw_runs.val();

        self.kr.load.next = self.load.val();
        self.kr.advance.next = self.advance.val();
        self.kr.steps.next = self.kc.last.val();
        self.kr.restarts.next = self.c_steps.val();
        self.kr.runs.next = self.kr_runs.val();
        self.kr.limit.next = self.counts.kr.val();
        if self.chunk.last.val() {
            self.kr.limit.next = self.counts.kr_last.val();
        }
        if self.chunk.next_last.val() {
            self.kr.runs.next = self.kr_last_runs.val();
        }
        self.kr.new_runs.next = self.first_kr_runs.val();

        self.c.load.next = self.load.val();
        self.c.advance.next = self.advance.val();
        self.c.steps.next = self.c_steps.val();
        self.c.restarts.next = self.x_steps.val();
        self.c.runs.next = self.cg_runs.val();
        self.c.limit.next = self.counts.cg.val();
        if self.cgroup.last.val() {
            self.c.limit.next = self.counts.cg_last.val();
        }
        if self.cgroup.next_last.val() {
            self.c.runs.next = self.cg_last_runs.val();
        }
        self.c.new_runs.next = self.first_cg_runs.val();

        self.x.load.next = self.load.val();
        self.x.advance.next = self.advance.val();
        self.x.steps.next = self.x_steps.val();
        self.x.restarts.next = self.y_steps.val();
        self.x.limit.next = self.cols.val();
        self.x.runs.next = self.col_runs.val();
        self.x.new_runs.next = self.few_new_col.runs.val();

        self.y.load.next = self.load.val();
        self.y.advance.next = self.advance.val();
        self.y.steps.next = self.y_steps.val();
        self.y.restarts.next = self.img_steps.val();
        self.y.limit.next = self.rows.val();
        self.y.runs.next = self.row_runs.val();
        self.y.new_runs.next = self.few_new_row.runs.val();

        self.img.load.next = self.load.val();
        self.img.advance.next = self.advance.val();
        self.img.steps.next = self.img_steps.val();
        self.img.restarts.next = self.chunk_steps.val();
        self.img.limit.next = self.images.val();
        self.img.runs.next = self.image_runs.val();
        self.img.new_runs.next = self.few_new_image.runs.val();

        self.chunk.load.next = self.load.val();
        self.chunk.advance.next = self.advance.val();
        self.chunk.steps.next = self.chunk_steps.val();
        self.chunk.restarts.next = self.cgroup_steps.val();
        self.chunk.limit.next = self.counts.chunks.val();
        self.chunk.runs.next = self.chunk_runs.val();
        self.chunk.new_runs.next = self.chunk_runs.val();

        self.cgroup.load.next = self.load.val();
        self.cgroup.advance.next = self.advance.val();
        self.cgroup.steps.next = self.cgroup_steps.val();
        self.cgroup.restarts.next = self.pass_steps.val();
        self.cgroup.limit.next = self.counts.cgroups.val();
        self.cgroup.runs.next = self.cgroup_runs.val();
        self.cgroup.new_runs.next = self.cgroup_runs.val();

        self.pass_level.load.next = self.load.val();
        self.pass_level.advance.next = self.advance.val();
        self.pass_level.steps.next = self.pass_steps.val();
        self.pass_level.restarts.next = false;
        self.pass_level.limit.next = self.passes.val();
        self.pass_level.runs.next = 0.into();
        self.pass_level.new_runs.next = self.few_new_pass.runs.val();

        // A level steps when all levels inside of it are at their last count.
        self.next_c_steps.next = self.kc.next_last.val() && self.kr.next_last.val();
        self.next_x_steps.next = self.next_c_steps.val() && self.c.next_last.val();
        self.next_y_steps.next = self.next_x_steps.val() && self.x.next_last.val();
        self.next_img_steps.next = self.next_y_steps.val() && self.y.next_last.val();
        self.next_chunk_steps.next = self.next_img_steps.val() && self.img.next_last.val();
        self.next_cgroup_steps.next = self.next_chunk_steps.val() && self.chunk.next_last.val();
        self.next_pass_steps.next = self.next_cgroup_steps.val() && self.cgroup.next_last.val();
        self.next_tile_steps.next = self.next_pass_steps.val() && self.pass_level.next_last.val();
        // The same for a tile's first element: of neither chain does the other one's late signal depend.
        self.first_c_steps.next =
            self.kw_runs.val().get_bit(0) && self.first_kr_runs.val().get_bit(0);
        self.first_x_steps.next = self.first_c_steps.val() && self.first_cg_runs.val().get_bit(0);
        self.first_y_steps.next =
            self.first_x_steps.val() && self.few_new_col.runs.val().get_bit(0);
        self.first_img_steps.next =
            self.first_y_steps.val() && self.few_new_row.runs.val().get_bit(0);
        self.first_chunk_steps.next =
            self.first_img_steps.val() && self.few_new_image.runs.val().get_bit(0);
        self.first_cgroup_steps.next =
            self.first_chunk_steps.val() && self.chunk_runs.val().get_bit(0);
        self.first_pass_steps.next =
            self.first_cgroup_steps.val() && self.cgroup_runs.val().get_bit(0);
        self.first_tile_steps.next =
            self.first_pass_steps.val() && self.few_new_pass.runs.val().get_bit(0);
        if self.advance.val() {
            self.kc_alone.next = !self.kc.next_last.val();
            self.kr_alone.next = self.kc.next_last.val() && !self.kr.next_last.val();
            self.c_alone.next = self.next_c_steps.val() && !self.c.next_last.val();
            self.x_alone.next = self.next_x_steps.val() && !self.x.next_last.val();
            self.y_alone.next = self.next_y_steps.val() && !self.y.next_last.val();
            self.img_alone.next = self.next_img_steps.val() && !self.img.next_last.val();
            self.chunk_alone.next = self.next_chunk_steps.val() && !self.chunk.next_last.val();
            self.c_steps.next = self.next_c_steps.val();
            self.x_steps.next = self.next_x_steps.val();
            self.y_steps.next = self.next_y_steps.val();
            self.img_steps.next = self.next_img_steps.val();
            self.chunk_steps.next = self.next_chunk_steps.val();
            self.cgroup_steps.next = self.next_cgroup_steps.val();
            self.pass_steps.next = self.next_pass_steps.val();
            self.tile_steps.next = self.next_tile_steps.val();
        }
        if self.load.val() {
            self.kc_alone.next = !self.kw_runs.val().get_bit(0);
            self.kr_alone.next =
                self.kw_runs.val().get_bit(0) && !self.first_kr_runs.val().get_bit(0);
            self.c_alone.next = self.first_c_steps.val() && !self.first_cg_runs.val().get_bit(0);
            self.x_alone.next = self.first_x_steps.val() && !self.few_new_col.runs.val().get_bit(0);
            self.y_alone.next = self.first_y_steps.val() && !self.few_new_row.runs.val().get_bit(0);
            self.img_alone.next =
                self.first_img_steps.val() && !self.few_new_image.runs.val().get_bit(0);
            self.chunk_alone.next =
                self.first_chunk_steps.val() && !self.chunk_runs.val().get_bit(0);
            self.c_steps.next = self.first_c_steps.val();
            self.x_steps.next = self.first_x_steps.val();
            self.y_steps.next = self.first_y_steps.val();
            self.img_steps.next = self.first_img_steps.val();
            self.chunk_steps.next = self.first_chunk_steps.val();
            self.cgroup_steps.next = self.first_cgroup_steps.val();
            self.pass_steps.next = self.first_pass_steps.val();
            self.tile_steps.next = self.first_tile_steps.val();
        }

        if self.advance.val() {
            self.k_count.next = self.k_count.val() + 1;
            self.at_vector_first.next = self.x_steps.val();
            if self.x_steps.val() {
                self.k_count.next = 0.into();
                self.position_count.next = self.position_count.val() + 1;
            }
            if self.chunk_steps.val() {
                self.position_count.next = 0.into();
            }
        }
        if self.load.val() {
            self.k_count.next = 0.into();
            self.position_count.next = 0.into();
            self.at_vector_first.next = true;
        }
    }
}
