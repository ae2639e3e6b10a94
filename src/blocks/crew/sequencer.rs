//! When CREW multiplies and when it adds.

use super::pe::{PeControl, UNIQUES_W};
use super::{COUNT_W, JobFields};
use crate::config::fc::FcConfig;
use crate::hdl::prelude::*;

/// Runs the tasks of a job, one vector in one group each: multiplication, then accumulation, two tasks at a time.
///
/// ```text
///  loaded ─► [groups] ─► multiply: unique 0, 1, … while a PE has more ─► [tasks] ─► add: row 0 … T-1 ─► last row: sums
///                           ▲ product bank free ◄──────────────────────────┘  └─► group_added
/// ```
///
/// **Latency** conditions and cycles are those of `docs/crew.md`, "Timing". **Back-pressure** multiplication waits for the
/// group and for a product bank, accumulation for its products; neither waits within a task. **Parameters** `multipliers`, `lanes`,
/// `psum_rows`, `x_words`.
///
/// `crew_sequencer` in `tests/crew/gates.rs` compares its Verilog with it; `mercury crew cosim` every cycle with the model.
#[derive(LogicBlock)]
pub struct CrewSequencer {
    /// START, an error or ABORT: everything restarts.
    pub clear: Bit<In>,
    /// START: the job's groups are to be done.
    pub start: Bit<In>,
    /// Job registers.
    pub job: JobFields<In>,
    /// A group has been loaded.
    pub group: Bit<In>,
    /// A PE has a further unique weight after the present one.
    pub more: Bit<In>,
    /// What the PEs do.
    pub control: PeControl<Out>,
    /// A unique weight of each PE is multiplied in this cycle.
    pub multiplying: Bit<Out>,
    /// A row is issued in this cycle.
    pub adding: Bit<Out>,
    /// Multiplication waits for a group.
    pub stall_weights: Bit<Out>,
    /// Multiplication waits for a product bank.
    pub stall_products: Bit<Out>,
    /// The last row of a group is issued: its weight bank is free.
    pub group_added: Bit<Out>,
    /// The register SUMS or X_BEATS contradicts the others.
    pub range_error: Bit<Out>,
    /// Sums: a row's sum follows in the next cycle.
    pub sum_valid: Bit<Out>,
    /// Sums: its row.
    pub sum_row: Sig<Out>,
    /// Sums: it is of the first group.
    pub sum_first: Bit<Out>,
    /// The last sum of the job is stored.
    pub finished: Bit<Out>,
    // Multiplication.
    groups_left: Reg,
    groups_ready: Reg,
    number: Reg,
    vector: Reg,
    activation: Reg,
    bank: BitReg,
    task_bank: BitReg,
    products_used: Reg,
    starts: Bit<Local>,
    multiply: Bit<Local>,
    task_ends: Bit<Local>,
    group_ends: Bit<Local>,
    multiplied_q: BitReg,
    number_q: Reg,
    activation_q: Reg,
    write_q: Vec<BitReg>,
    product_at_q: Vec<Reg>,
    product_base: Sig<Local>,
    // Accumulation.
    tasks_ready: Reg,
    row: Reg,
    add_vector: Reg,
    sum: Reg,
    first_group: BitReg,
    add_left: Reg,
    add_bank: BitReg,
    add_product_bank: BitReg,
    add: Bit<Local>,
    task_added: Bit<Local>,
    last: Bit<Local>,
    product_bank_q: Vec<BitReg>,
    valid_q: Vec<BitReg>,
    first_q: Vec<BitReg>,
    last_q: Vec<BitReg>,
    row_q: Vec<Reg>,
    x_word: Sig<Local>,
    stages: Param,
    late_stages: Param,
    byte_bits: Param,
    index_bits: Param,
    at_w: Param,
    about: About,
}

impl CrewSequencer {
    /// The sequencer of this configuration.
    pub fn new(config: &FcConfig) -> Self {
        // From a row's issue to the cycle in which the sums' RAM is addressed.
        let stages = 2 + config.tree_levels();
        let flags = |n: usize| (0..n).map(|_| BitReg::new()).collect::<Vec<_>>();
        let row_w = address_width(config.psum_rows);
        let count = || Reg::unsigned(COUNT_W);
        CrewSequencer {
            clear: Bit::new(),
            start: Bit::new(),
            job: JobFields::new(),
            group: Bit::new(),
            more: Bit::new(),
            control: PeControl::new(config),
            multiplying: Bit::new(),
            adding: Bit::new(),
            stall_weights: Bit::new(),
            stall_products: Bit::new(),
            group_added: Bit::new(),
            range_error: Bit::new(),
            sum_valid: Bit::new(),
            sum_row: Sig::unsigned(row_w),
            sum_first: Bit::new(),
            finished: Bit::new(),
            groups_left: count(),
            groups_ready: Reg::unsigned(2),
            number: Reg::unsigned(UNIQUES_W),
            vector: count(),
            activation: count(),
            bank: BitReg::new(),
            task_bank: BitReg::new(),
            products_used: Reg::unsigned(2),
            starts: Bit::new(),
            multiply: Bit::new(),
            task_ends: Bit::new(),
            group_ends: Bit::new(),
            multiplied_q: BitReg::new(),
            number_q: Reg::unsigned(UNIQUES_W).without_reset(),
            activation_q: count().without_reset(),
            write_q: flags(3),
            product_at_q: (0..3)
                .map(|_| Reg::unsigned(UNIQUES_W).without_reset())
                .collect(),
            product_base: Sig::unsigned(UNIQUES_W),
            tasks_ready: Reg::unsigned(2),
            row: count(),
            add_vector: count(),
            sum: count(),
            first_group: BitReg::new(),
            add_left: count(),
            add_bank: BitReg::new(),
            add_product_bank: BitReg::new(),
            add: Bit::new(),
            task_added: Bit::new(),
            last: Bit::new(),
            product_bank_q: flags(2),
            valid_q: flags(stages),
            first_q: flags(stages),
            last_q: flags(stages + 2),
            row_q: (0..stages)
                .map(|_| Reg::unsigned(row_w).without_reset())
                .collect(),
            x_word: Sig::unsigned(COUNT_W),
            stages: Param::new(stages),
            late_stages: Param::new(stages + 2),
            byte_bits: Param::new(address_width(config.slice_bytes())),
            index_bits: Param::new(UNIQUES_W - 1),
            at_w: Param::new(UNIQUES_W),
            about: About::new(
                "crew_sequencer",
                "Runs the tasks of a job, one vector in one group each: a task multiplies while the task before it is added up.",
            ),
        }
    }
}

impl Logic for CrewSequencer {
    #[hdl_gen]
    fn update(&mut self) {
        // Multiplication.
        self.starts.next = (self.groups_left.val() != 0) && (self.number.val() == 0);
        self.stall_weights.next = self.starts.val() && (self.groups_ready.val() == 0);
        self.stall_products.next =
            self.starts.val() && (self.groups_ready.val() != 0) && (self.products_used.val() == 2);
        self.multiply.next = (self.groups_left.val() != 0)
            && !self.stall_weights.val()
            && !self.stall_products.val();
        self.task_ends.next = self.multiply.val() && !self.more.val();
        self.group_ends.next =
            self.task_ends.val() && (self.vector.val() + 1 == self.job.batch.val());
        if self.multiply.val() {
            self.number.next = self.number.val() + 1;
        }
        if self.task_ends.val() {
            self.number.next = 0.into();
            self.vector.next = self.vector.val() + 1;
            self.activation.next = self.activation.val() + 1;
            self.task_bank.next = !self.task_bank.val();
        }
        if self.group_ends.val() {
            self.vector.next = 0.into();
            self.bank.next = !self.bank.val();
            self.groups_left.next = self.groups_left.val() - 1;
        }
        if self.group.val() && !self.group_ends.val() {
            self.groups_ready.next = self.groups_ready.val() + 1;
        }
        if !self.group.val() && self.group_ends.val() {
            self.groups_ready.next = self.groups_ready.val() - 1;
        }
        self.multiplied_q.next = self.task_ends.val();

        // Accumulation.
        self.add.next = (self.row.val() != 0) || (self.tasks_ready.val() != 0);
        self.task_added.next = self.add.val() && (self.row.val() + 1 == self.job.rows.val());
        self.group_added.next =
            self.task_added.val() && (self.add_vector.val() + 1 == self.job.batch.val());
        self.last.next = self.group_added.val() && (self.add_left.val() == 1);
        if self.add.val() {
            self.row.next = self.row.val() + 1;
            self.sum.next = self.sum.val() + 1;
        }
        if self.task_added.val() {
            self.row.next = 0.into();
            self.add_vector.next = self.add_vector.val() + 1;
            self.add_product_bank.next = !self.add_product_bank.val();
        }
        if self.group_added.val() {
            self.add_vector.next = 0.into();
            self.sum.next = 0.into();
            self.first_group.next = false;
            self.add_left.next = self.add_left.val() - 1;
            self.add_bank.next = !self.add_bank.val();
        }
        if self.multiplied_q.val() && !self.task_added.val() {
            self.tasks_ready.next = self.tasks_ready.val() + 1;
        }
        if !self.multiplied_q.val() && self.task_added.val() {
            self.tasks_ready.next = self.tasks_ready.val() - 1;
        }

        // Product banks: taken by a task's first multiplication, free after its last row.
        if self.multiply.val() && (self.number.val() == 0) && !self.task_added.val() {
            self.products_used.next = self.products_used.val() + 1;
        }
        if !(self.multiply.val() && (self.number.val() == 0)) && self.task_added.val() {
            self.products_used.next = self.products_used.val() - 1;
        }

        // Registers that contradict each other show at the end of a group and of the job.
        self.x_word.next = self.activation.val() >> self.byte_bits.val();
        self.range_error.next = (self.group_added.val()
            && (self.sum.val() + 1 != self.job.sums.val()))
            || (self.group_ends.val()
                && (self.groups_left.val() == 1)
                && (self.x_word.val() + 1 != self.job.x_beats.val()));

        // To the PEs, stage by stage.
        self.control.number.next = self.number.val();
        self.control.multiply_bank.next = unsigned_cast(self.bank.val());
        self.control.activation.next = self.activation.val();
        self.number_q.next = self.number.val();
        self.activation_q.next = self.activation.val();
        self.control.unique_at.next = unsigned_cast(self.number_q.val());
        self.control.activation_at.next = unsigned_cast(self.activation_q.val());
        self.write_q[0].next = self.multiply.val();
        self.product_base.next =
            bit_cast_w(self.task_bank.val(), self.at_w.val()) << self.index_bits.val();
        self.product_at_q[0].next = self.product_base.val() | self.number.val();
        for i in 1..3 {
            self.write_q[i].next = self.write_q[i - 1].val();
            self.product_at_q[i].next = self.product_at_q[i - 1].val();
        }
        self.control.write_product.next = unsigned_cast(self.write_q[2].val());
        self.control.product_at.next = self.product_at_q[2].val();
        self.control.row.next = unsigned_cast(self.add.val());
        self.control.first_row.next = unsigned_cast(self.row.val() == 0);
        self.control.add_bank.next = unsigned_cast(self.add_bank.val());
        self.product_bank_q[0].next = self.add_product_bank.val();
        self.product_bank_q[1].next = self.product_bank_q[0].val();
        self.control.product_bank.next = unsigned_cast(self.product_bank_q[1].val());
        self.multiplying.next = self.multiply.val();
        self.adding.next = self.add.val();

        // To the sums, behind the adder trees.
        self.valid_q[0].next = self.add.val();
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
            self.groups_ready.next = 0.into();
            self.number.next = 0.into();
            self.vector.next = 0.into();
            self.activation.next = 0.into();
            self.bank.next = false;
            self.task_bank.next = false;
            self.products_used.next = 0.into();
            self.multiplied_q.next = false;
            self.tasks_ready.next = 0.into();
            self.row.next = 0.into();
            self.add_vector.next = 0.into();
            self.sum.next = 0.into();
            self.first_group.next = true;
            self.add_bank.next = false;
            self.add_product_bank.next = false;
            for i in 0..self.stages.val() {
                self.valid_q[i].next = false;
            }
            for i in 0..self.late_stages.val() {
                self.last_q[i].next = false;
            }
        }
        if self.start.val() {
            self.groups_left.next = self.job.groups.val();
            self.add_left.next = self.job.groups.val();
        }
    }
}
