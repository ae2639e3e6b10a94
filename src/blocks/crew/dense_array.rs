//! The weight-stationary array of multipliers, the baseline of CREW.

use super::adder_tree::AdderTree;
use super::pe::PRODUCT_W;
use super::{COUNT_W, JobFields};
use crate::config::fc::{DATA_W, FcConfig};
use crate::hdl::prelude::*;

/// P multipliers in rows (inputs) and columns (outputs): holds a tile of weights while all vectors of the batch pass.
///
/// ```text
///  shadow ─ take ─► [active weights] ─┐
///  [x buffer] ─► one x for each row ──┴► P × × ─► [products] ─► adder tree of each column ─► column[c]
///  issue (c)        c+1                             c+2              c+2+log2 rows
/// ```
///
/// **Latency** the sums of a vector issued in cycle c are at `column` in c+2+log2(rows); `sum_valid` one cycle earlier. **Back-pressure** a
/// vector issues per cycle; the first one of a tile waits for `full`. **Parameters** `multipliers`, `lanes`, `bus_w`, `x_words`, `psum_rows`.
///
/// The test `dense_array_multiplies_a_tile` checks a product; `dense_array` in `tests/crew/gates.rs` compares its Verilog with it.
#[derive(LogicBlock)]
pub struct DenseArray {
    /// START, an error or ABORT: everything restarts.
    pub clear: Bit<In>,
    /// START: the job's groups are to be done.
    pub start: Bit<In>,
    /// Job registers.
    pub job: JobFields<In>,
    /// Write a beat of activations.
    pub load_x: Bit<In>,
    /// Number of that beat.
    pub x_address: Sig<In>,
    /// The beat.
    pub x_data: Sig<In>,
    /// The shadow register is full.
    pub full: Bit<In>,
    /// Its weights.
    pub shadow: Sig<In>,
    /// The last tile of the shadow is taken.
    pub take_last: Bit<Out>,
    /// A vector is issued in this cycle.
    pub issuing: Bit<Out>,
    /// The array waits for weights.
    pub stall_weights: Bit<Out>,
    /// The register SUMS or X_BEATS contradicts the others.
    pub range_error: Bit<Out>,
    /// Sums of a vector, one for each column.
    pub column: Vec<Sig<Out>>,
    /// Sums: they follow in the next cycle.
    pub sum_valid: Bit<Out>,
    /// Sums: their row.
    pub sum_row: Sig<Out>,
    /// Sums: they are of the first group.
    pub sum_first: Bit<Out>,
    /// The last sum of the job is stored.
    pub finished: Bit<Out>,
    x: Ram,
    groups_left: Reg,
    vector: Reg,
    tile: Reg,
    slot: Reg,
    sum: Reg,
    base: Reg,
    first_group: BitReg,
    waits: Bit<Local>,
    issue: Bit<Local>,
    take: Bit<Local>,
    tile_ends: Bit<Local>,
    group_ends: Bit<Local>,
    last: Bit<Local>,
    activation: Sig<Local>,
    x_word: Sig<Local>,
    x_at_q: Reg,
    x_row: Sig<Local>,
    factor: Vec<Sig<Local>>,
    taken: Sig<Local>,
    weight: Vec<Reg>,
    product: Vec<Reg>,
    tree: Vec<AdderTree>,
    valid_q: Vec<BitReg>,
    first_q: Vec<BitReg>,
    last_q: Vec<BitReg>,
    row_q: Vec<Reg>,
    rows: Param,
    lanes: Param,
    multipliers: Param,
    tiles: Param,
    tile_w: Param,
    x_words: Param,
    x_bits: Param,
    x_row_w: Param,
    stages: Param,
    late_stages: Param,
    about: About,
}

impl DenseArray {
    /// The array of this configuration.
    pub fn new(config: &FcConfig) -> Self {
        let (rows, lanes) = (config.array_rows(), config.lanes);
        let tile_w = DATA_W * config.multipliers;
        let row_w = address_width(config.psum_rows);
        // From a vector's issue to the cycle in which the sums' RAM is addressed.
        let stages = 1 + config.tree_levels();
        let flags = |n: usize| (0..n).map(|_| BitReg::new()).collect::<Vec<_>>();
        let count = || Reg::unsigned(COUNT_W);
        let x_words = config.x_per_beat();
        DenseArray {
            clear: Bit::new(),
            start: Bit::new(),
            job: JobFields::new(),
            load_x: Bit::new(),
            x_address: Sig::unsigned(address_width(config.x_depth())),
            x_data: Sig::unsigned(config.bus_w),
            full: Bit::new(),
            shadow: Sig::unsigned(tile_w.max(config.bus_w)),
            take_last: Bit::new(),
            issuing: Bit::new(),
            stall_weights: Bit::new(),
            range_error: Bit::new(),
            column: (0..lanes)
                .map(|_| Sig::signed(PRODUCT_W + config.tree_levels()))
                .collect(),
            sum_valid: Bit::new(),
            sum_row: Sig::unsigned(row_w),
            sum_first: Bit::new(),
            finished: Bit::new(),
            x: Ram::unsigned(config.bus_w, config.x_depth()).ignoring_collisions(),
            groups_left: count(),
            vector: count(),
            tile: count(),
            slot: Reg::unsigned(address_width(config.tiles_per_beat())),
            sum: count(),
            base: count(),
            first_group: BitReg::new(),
            waits: Bit::new(),
            issue: Bit::new(),
            take: Bit::new(),
            tile_ends: Bit::new(),
            group_ends: Bit::new(),
            last: Bit::new(),
            activation: Sig::unsigned(COUNT_W),
            x_word: Sig::unsigned(COUNT_W),
            x_at_q: Reg::unsigned(address_width(x_words)).without_reset(),
            x_row: Sig::unsigned(DATA_W * rows),
            factor: (0..rows).map(|_| Sig::signed(DATA_W)).collect(),
            taken: Sig::unsigned(tile_w),
            weight: (0..config.multipliers)
                .map(|_| Reg::signed(DATA_W).without_reset())
                .collect(),
            product: (0..config.multipliers)
                .map(|_| Reg::signed(PRODUCT_W).without_reset())
                .collect(),
            tree: (0..lanes)
                .map(|_| AdderTree::new(rows, PRODUCT_W))
                .collect(),
            valid_q: flags(stages),
            first_q: flags(stages),
            last_q: flags(stages + 2),
            row_q: (0..stages)
                .map(|_| Reg::unsigned(row_w).without_reset())
                .collect(),
            rows: Param::new(rows),
            lanes: Param::new(lanes),
            multipliers: Param::new(config.multipliers),
            tiles: Param::new(config.tiles_per_beat()),
            tile_w: Param::new(tile_w),
            x_words: Param::new(x_words),
            x_bits: Param::new(x_words.ilog2() as usize),
            x_row_w: Param::new(DATA_W * rows),
            stages: Param::new(stages),
            late_stages: Param::new(stages + 2),
            about: About::new(
                "dense_array",
                "Weight-stationary array of multipliers: a tile of weights stays while all vectors of the batch pass, one per cycle.",
            ),
        }
    }
}

impl Logic for DenseArray {
    #[hdl_gen]
    fn update(&mut self) {
        // What issues: for each group, for each tile, all vectors.
        self.waits.next =
            (self.groups_left.val() != 0) && (self.vector.val() == 0) && !self.full.val();
        self.stall_weights.next = self.waits.val();
        self.issue.next = (self.groups_left.val() != 0) && !self.waits.val();
        self.issuing.next = self.issue.val();
        self.take.next = self.issue.val() && (self.vector.val() == 0);
        self.tile_ends.next = self.issue.val() && (self.vector.val() + 1 == self.job.batch.val());
        self.group_ends.next = self.tile_ends.val() && (self.tile.val() + 1 == self.job.rows.val());
        self.last.next = self.group_ends.val() && (self.groups_left.val() == 1);
        self.take_last.next = self.take.val()
            && ((self.slot.val() == self.tiles.val() - 1)
                || (self.tile.val() + 1 == self.job.rows.val()));
        if self.take.val() {
            self.slot.next = self.slot.val() + 1;
            if self.take_last.val() {
                self.slot.next = 0.into();
            }
        }
        if self.issue.val() {
            self.vector.next = self.vector.val() + 1;
            self.sum.next = self.sum.val() + 1;
        }
        if self.tile_ends.val() {
            self.vector.next = 0.into();
            self.tile.next = self.tile.val() + 1;
        }
        if self.group_ends.val() {
            self.tile.next = 0.into();
            self.sum.next = 0.into();
            self.base.next = self.base.val() + self.job.batch.val();
            self.first_group.next = false;
            self.groups_left.next = self.groups_left.val() - 1;
        }
        self.activation.next = self.base.val() + self.vector.val();
        self.x_word.next = self.activation.val() >> self.x_bits.val();
        self.range_error.next = (self.group_ends.val()
            && (self.sum.val() + 1 != self.job.sums.val()))
            || (self.last.val() && (self.x_word.val() + 1 != self.job.x_beats.val()));

        // Activations and weights.
        self.x.write_enable.next = self.load_x.val();
        self.x.write_address.next = self.x_address.val();
        self.x.write_data.next = self.x_data.val();
        self.x.read_enable.next = true;
        self.x.read_address.next = unsigned_cast(self.x_word.val());
        self.x_at_q.next = unsigned_cast(self.activation.val());
        self.x_row.next = unsigned_cast(self.x.read_data.val());
        for i in 1..self.x_words.val() {
            if self.x_at_q.val() == i {
                self.x_row.next = unsigned_cast(self.x.read_data.val() >> (i * self.x_row_w.val()));
            }
        }
        self.taken.next = unsigned_cast(self.shadow.val());
        for i in 1..self.tiles.val() {
            if self.slot.val() == i {
                self.taken.next = unsigned_cast(self.shadow.val() >> (i * self.tile_w.val()));
            }
        }
        for m in 0..self.multipliers.val() {
            if self.take.val() {
                self.weight[m].next = signed_cast(self.taken.val() >> (m * 8));
            }
        }

        // Products and sums.
        for r in 0..self.rows.val() {
            self.factor[r].next = signed_cast(self.x_row.val() >> (r * 8));
            for c in 0..self.lanes.val() {
                self.product[r * self.lanes.val() + c].next =
                    self.factor[r].val() * self.weight[r * self.lanes.val() + c].val();
                self.tree[c].leaf[r].next = self.product[r * self.lanes.val() + c].val();
            }
        }
        for c in 0..self.lanes.val() {
            self.column[c].next = self.tree[c].sum.val();
        }
        self.valid_q[0].next = self.issue.val();
        self.first_q[0].next = self.first_group.val();
        self.row_q[0].next = unsigned_cast(self.sum.val());
        self.last_q[0].next = self.last.val();
        for i in 1..self.stages.val() {
            self.valid_q[i].next = self.valid_q[i - 1].val();
            self.first_q[i].next = self.first_q[i - 1].val();
            self.row_q[i].next = self.row_q[i - 1].val();
        }
        for i in 1..self.late_stages.val() {
            self.last_q[i].next = self.last_q[i - 1].val();
        }
        self.sum_valid.next = self.valid_q[self.stages.val() - 1].val();
        self.sum_row.next = self.row_q[self.stages.val() - 1].val();
        self.sum_first.next = self.first_q[self.stages.val() - 1].val();
        self.finished.next = self.last_q[self.stages.val() + 1].val();

        if self.clear.val() {
            self.groups_left.next = 0.into();
            self.vector.next = 0.into();
            self.tile.next = 0.into();
            self.slot.next = 0.into();
            self.sum.next = 0.into();
            self.base.next = 0.into();
            self.first_group.next = true;
            for i in 0..self.stages.val() {
                self.valid_q[i].next = false;
            }
            for i in 0..self.late_stages.val() {
                self.last_q[i].next = false;
            }
        }
        if self.start.val() {
            self.groups_left.next = self.job.groups.val();
        }
    }
}
