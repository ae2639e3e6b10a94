//! Patch address generation: where the current element lies in the feature banks.

use super::job_fields::PatchSteps;
use super::loop_nest::COUNT_W;
use crate::config::Config;
use crate::hdl::prelude::*;

/// Bits of feature-buffer word addresses and of input coordinates: those of the register fields that step them.
pub const ADDR_W: usize = 16;
/// Levels that may leave the bank: chunk, output row, channel, kernel row.
const BANK_LEVELS: usize = 4;

/// Follows the loop nest and gives bank, word address and padding of the current element.
///
/// Every loop level has an increment and a base, the place of its first element. When a level steps,
/// `base + increment` becomes the new base of that level and of every inner one: no multiplier. Each level has an adder of its own;
/// which level counts (`counts_*`, one of them at most) masks what it would give.
///
/// ```text
///  base registers, increments ──► + for each level ──► which level? ──► current (bank, addr)   row, col likewise
///        ▲         bank ≥ L: bank -= L, addr += wrap_addr    ▲ counts_*  │
///        └───────────────────────────────────────────────────────────────┘
/// ```
///
/// **Latency** 0: outputs describe the current element; a step shows in the next cycle.
/// `steps` are constants of the job and stand from the cycle before `load` on.
/// **Back-pressure** none: stands still while `advance` is 0.
/// **Parameters** L (`Config::l`, 1…15) feature banks. The rules are in `docs/architecture.md`, "Patch addressing".
///
/// The test `patch_agu_follows_the_formula` compares it with the closed formula of that page.
#[derive(LogicBlock)]
pub struct PatchAgu {
    /// A new tile becomes active: go to the start.
    pub load: Bit<In>,
    /// The current element is done.
    pub advance: Bit<In>,
    /// Level steps of the loop nest.
    pub step_kr: Bit<In>,
    /// The channel steps.
    pub step_c: Bit<In>,
    /// The output column steps.
    pub step_x: Bit<In>,
    /// The output row steps.
    pub step_y: Bit<In>,
    /// The image steps.
    pub step_img: Bit<In>,
    /// The chunk of kernel rows steps.
    pub step_chunk: Bit<In>,
    /// The feature slot steps: go to the start in the next slot.
    pub step_cgroup: Bit<In>,
    /// Of all levels the kernel column alone is the one that counts.
    pub counts_kc: Bit<In>,
    /// … the kernel row alone is the one that counts, those inside of it restart.
    pub counts_kr: Bit<In>,
    /// … the channel alone is the one that counts.
    pub counts_c: Bit<In>,
    /// … the output column alone is the one that counts.
    pub counts_x: Bit<In>,
    /// … the output row alone is the one that counts.
    pub counts_y: Bit<In>,
    /// … the image alone is the one that counts.
    pub counts_img: Bit<In>,
    /// … the chunk of kernel rows alone is the one that counts.
    pub counts_chunk: Bit<In>,
    /// Start: bank.
    pub start_bank: Sig<In>,
    /// Start: word address, slot included.
    pub start_addr: Sig<In>,
    /// Start: input row, two's complement.
    pub start_row: Sig<In>,
    /// Start: input column, two's complement.
    pub start_col: Sig<In>,
    /// Input rows that were sent.
    pub in_rows: Sig<In>,
    /// Input columns that were sent.
    pub in_cols: Sig<In>,
    /// Job: what the steps of the loops add.
    pub steps: PatchSteps<In>,
    /// Bank of the element.
    pub bank: Sig<Out>,
    /// Word address of the element in its bank.
    pub addr: Sig<Out>,
    /// The element lies inside of the image; otherwise it is padding, 0.
    pub in_image: Bit<Out>,
    addr_chunk: Reg,
    addr_img: Reg,
    addr_y: Reg,
    addr_x: Reg,
    addr_c: Reg,
    addr_kr: Reg,
    addr_now: Reg,
    bank_chunk: Reg,
    bank_y: Reg,
    bank_c: Reg,
    bank_now: Reg,
    row_chunk: Reg,
    row_y: Reg,
    row_now: Reg,
    col_x: Reg,
    col_now: Reg,
    restart: Bit<Local>,
    addr_base: Vec<Sig<Local>>,
    addr_inc: Vec<Reg>,
    wrap_inc: Vec<Reg>,
    chunk_row: Reg,
    img_addr: Reg,
    kc_step: Reg,
    kr_row: Reg,
    x_step: Reg,
    y_row: Reg,
    bank_base: Vec<Sig<Local>>,
    bank_inc: Vec<Reg>,
    bank_sum: Vec<Sig<Local>>,
    next_sum: Vec<Sig<Local>>,
    wraps: Vec<BitReg>,
    next_wraps: Vec<Bit<Local>>,
    to_bank: Vec<Sig<Local>>,
    to_addr: Vec<Sig<Local>>,
    next_addr: Sig<Local>,
    next_bank: Sig<Local>,
    next_row: Sig<Local>,
    next_col: Sig<Local>,
    levels: Param,
    banks: Param,
    about: About,
}

impl PatchAgu {
    /// The block for a configuration's feature banks.
    pub fn new(config: &Config) -> Self {
        let constants = |width: usize| {
            let constant = |_| Reg::unsigned(width).without_reset();
            (0..BANK_LEVELS).map(constant).collect()
        };
        let wires = |width: usize| (0..BANK_LEVELS).map(|_| Sig::unsigned(width)).collect();
        let (count, addr, bank) = (COUNT_W, ADDR_W, config.bank_w());
        PatchAgu {
            load: Bit::new(),
            advance: Bit::new(),
            step_kr: Bit::new(),
            step_c: Bit::new(),
            step_x: Bit::new(),
            step_y: Bit::new(),
            step_img: Bit::new(),
            step_chunk: Bit::new(),
            step_cgroup: Bit::new(),
            counts_kc: Bit::new(),
            counts_kr: Bit::new(),
            counts_c: Bit::new(),
            counts_x: Bit::new(),
            counts_y: Bit::new(),
            counts_img: Bit::new(),
            counts_chunk: Bit::new(),
            start_bank: Sig::unsigned(bank),
            start_addr: Sig::unsigned(addr),
            start_row: Sig::unsigned(addr),
            start_col: Sig::unsigned(addr),
            in_rows: Sig::unsigned(count),
            in_cols: Sig::unsigned(count),
            steps: PatchSteps::new(config),
            bank: Sig::unsigned(bank),
            addr: Sig::unsigned(addr),
            in_image: Bit::new(),
            addr_chunk: Reg::unsigned(addr),
            addr_img: Reg::unsigned(addr),
            addr_y: Reg::unsigned(addr),
            addr_x: Reg::unsigned(addr),
            addr_c: Reg::unsigned(addr),
            addr_kr: Reg::unsigned(addr),
            addr_now: Reg::unsigned(addr),
            bank_chunk: Reg::unsigned(bank),
            bank_y: Reg::unsigned(bank),
            bank_c: Reg::unsigned(bank),
            bank_now: Reg::unsigned(bank),
            row_chunk: Reg::unsigned(addr),
            row_y: Reg::unsigned(addr),
            row_now: Reg::unsigned(addr),
            col_x: Reg::unsigned(addr),
            col_now: Reg::unsigned(addr),
            restart: Bit::new(),
            addr_base: wires(addr),
            addr_inc: constants(addr),
            wrap_inc: constants(addr),
            chunk_row: Reg::unsigned(addr).without_reset(),
            img_addr: Reg::unsigned(addr).without_reset(),
            kc_step: Reg::unsigned(addr).without_reset(),
            kr_row: Reg::unsigned(addr).without_reset(),
            x_step: Reg::unsigned(addr).without_reset(),
            y_row: Reg::unsigned(addr).without_reset(),
            bank_base: wires(bank),
            bank_inc: constants(bank),
            bank_sum: wires(bank + 1),
            next_sum: wires(bank + 1),
            wraps: (0..BANK_LEVELS).map(|_| BitReg::new()).collect(),
            next_wraps: (0..BANK_LEVELS).map(|_| Bit::new()).collect(),
            to_bank: wires(bank),
            to_addr: wires(addr),
            next_addr: Sig::unsigned(addr),
            next_bank: Sig::unsigned(bank),
            next_row: Sig::unsigned(addr),
            next_col: Sig::unsigned(addr),
            levels: Param::new(BANK_LEVELS),
            banks: Param::new(config.l),
            about: About::new(
                "patch_agu",
                "Patch address generation: bank, word address and padding of the current element. Each loop level keeps the place of its first element; an adder for each forms the place of the next.",
            ),
        }
    }
}

impl Logic for PatchAgu {
    #[hdl_gen]
    fn update(&mut self) {
        self.bank.next = self.bank_now.val();
        self.addr.next = self.addr_now.val();
        // A negative coordinate is a large unsigned number: one comparison covers both edges.
        self.in_image.next =
            (self.row_now.val() < self.in_rows.val()) && (self.col_now.val() < self.in_cols.val());

        self.restart.next = self.load.val() || self.step_cgroup.val();
        // What the levels add is a constant of the job, in registers of this block: the job's own are far away.
        self.chunk_row.next = self.steps.chunk_row.val();
        self.img_addr.next = self.steps.img_addr.val();
        self.kc_step.next = self.steps.kc_step.val();
        self.kr_row.next = self.steps.kr_row.val();
        self.x_step.next = self.steps.x_step.val();
        self.y_row.next = self.steps.y_row.val();
        // Where each level would go is formed at once; the steps choose. Levels that may leave the bank: chunk, y, c, kr.
        self.addr_base[0].next = self.addr_chunk.val();
        self.addr_inc[0].next = self.steps.chunk_addr.val();
        self.wrap_inc[0].next = self.steps.chunk_addr.val() + self.steps.wrap_addr.val();
        self.bank_base[0].next = self.bank_chunk.val();
        self.bank_inc[0].next = self.steps.chunk_bank.val();
        self.addr_base[1].next = self.addr_y.val();
        self.addr_inc[1].next = self.steps.y_addr.val();
        self.wrap_inc[1].next = self.steps.y_addr.val() + self.steps.wrap_addr.val();
        self.bank_base[1].next = self.bank_y.val();
        self.bank_inc[1].next = self.steps.y_bank.val();
        self.addr_base[2].next = self.addr_c.val();
        self.addr_inc[2].next = self.steps.c_addr.val();
        self.wrap_inc[2].next = self.steps.c_addr.val() + self.steps.wrap_addr.val();
        self.bank_base[2].next = self.bank_c.val();
        self.bank_inc[2].next = self.steps.c_bank.val();
        self.addr_base[3].next = self.addr_kr.val();
        self.addr_inc[3].next = self.steps.kr_addr.val();
        self.wrap_inc[3].next = self.steps.kr_addr.val() + self.steps.wrap_addr.val();
        self.bank_base[3].next = self.bank_now.val();
        self.bank_inc[3].next = self.steps.kr_bank.val();
        for i in 0..self.levels.val() {
            self.bank_sum[i].next = unsigned_cast(self.bank_base[i].val());
            self.bank_sum[i].next = self.bank_sum[i].val() + unsigned_cast(self.bank_inc[i].val());
            self.to_bank[i].next = unsigned_cast(self.bank_sum[i].val());
            self.to_addr[i].next = self.addr_base[i].val() + self.addr_inc[i].val();
            if self.wraps[i].val() {
                self.to_bank[i].next = unsigned_cast(self.bank_sum[i].val() - self.banks.val());
                self.to_addr[i].next = self.addr_base[i].val() + self.wrap_inc[i].val();
            }
        }

        // Only one level counts with an element: what is chosen is a sum of masked words, not a chain of choices.
        self.next_addr.next = 0.into();
        self.next_bank.next = 0.into();
        self.next_row.next = 0.into();
        self.next_col.next = 0.into();
        if self.counts_kc.val() {
            self.next_addr.next = self.next_addr.val() | (self.addr_now.val() + self.kc_step.val());
            self.next_bank.next = self.next_bank.val() | self.bank_now.val();
            self.next_row.next = self.next_row.val() | self.row_now.val();
            self.next_col.next = self.next_col.val() | (self.col_now.val() + self.kc_step.val());
        }
        if self.counts_kr.val() {
            self.next_addr.next = self.next_addr.val() | self.to_addr[3].val();
            self.next_bank.next = self.next_bank.val() | self.to_bank[3].val();
            self.next_row.next = self.next_row.val() | (self.row_now.val() + self.kr_row.val());
            self.next_col.next = self.next_col.val() | self.col_x.val();
        }
        if self.counts_c.val() {
            self.next_addr.next = self.next_addr.val() | self.to_addr[2].val();
            self.next_bank.next = self.next_bank.val() | self.to_bank[2].val();
            self.next_row.next = self.next_row.val() | self.row_y.val();
            self.next_col.next = self.next_col.val() | self.col_x.val();
        }
        if self.counts_x.val() {
            self.next_addr.next = self.next_addr.val() | (self.addr_x.val() + self.x_step.val());
            self.next_bank.next = self.next_bank.val() | self.bank_y.val();
            self.next_row.next = self.next_row.val() | self.row_y.val();
            self.next_col.next = self.next_col.val() | (self.col_x.val() + self.x_step.val());
        }
        if self.counts_y.val() {
            self.next_addr.next = self.next_addr.val() | self.to_addr[1].val();
            self.next_bank.next = self.next_bank.val() | self.to_bank[1].val();
            self.next_row.next = self.next_row.val() | (self.row_y.val() + self.y_row.val());
            self.next_col.next = self.next_col.val() | self.start_col.val();
        }
        if self.counts_img.val() {
            self.next_addr.next =
                self.next_addr.val() | (self.addr_img.val() + self.img_addr.val());
            self.next_bank.next = self.next_bank.val() | self.bank_chunk.val();
            self.next_row.next = self.next_row.val() | self.row_chunk.val();
            self.next_col.next = self.next_col.val() | self.start_col.val();
        }
        if self.counts_chunk.val() {
            self.next_addr.next = self.next_addr.val() | self.to_addr[0].val();
            self.next_bank.next = self.next_bank.val() | self.to_bank[0].val();
            self.next_row.next =
                self.next_row.val() | (self.row_chunk.val() + self.chunk_row.val());
            self.next_col.next = self.next_col.val() | self.start_col.val();
        }
        if self.restart.val() {
            self.next_addr.next = self.start_addr.val();
            self.next_bank.next = self.start_bank.val();
            self.next_row.next = self.start_row.val();
            self.next_col.next = self.start_col.val();
        }

        // Whether the next step of a level leaves its bank stands in a register beside the bank.
        for i in 0..self.levels.val() {
            self.next_sum[i].next = unsigned_cast(self.next_bank.val());
            self.next_wraps[i].next =
                self.next_sum[i].val() + unsigned_cast(self.bank_inc[i].val()) >= self.banks.val();
        }

        if self.load.val() || self.advance.val() {
            self.addr_now.next = self.next_addr.val();
            self.bank_now.next = self.next_bank.val();
            self.wraps[3].next = self.next_wraps[3].val();
            self.row_now.next = self.next_row.val();
            self.col_now.next = self.next_col.val();
            if self.restart.val() || self.step_kr.val() {
                self.addr_kr.next = self.next_addr.val();
            }
            if self.restart.val() || self.step_c.val() {
                self.addr_c.next = self.next_addr.val();
                self.bank_c.next = self.next_bank.val();
                self.wraps[2].next = self.next_wraps[2].val();
            }
            if self.restart.val() || self.step_x.val() {
                self.addr_x.next = self.next_addr.val();
                self.col_x.next = self.next_col.val();
            }
            if self.restart.val() || self.step_y.val() {
                self.addr_y.next = self.next_addr.val();
                self.bank_y.next = self.next_bank.val();
                self.wraps[1].next = self.next_wraps[1].val();
                self.row_y.next = self.next_row.val();
            }
            if self.restart.val() || self.step_img.val() {
                self.addr_img.next = self.next_addr.val();
            }
            if self.restart.val() || self.step_chunk.val() {
                self.addr_chunk.next = self.next_addr.val();
                self.bank_chunk.next = self.next_bank.val();
                self.wraps[0].next = self.next_wraps[0].val();
                self.row_chunk.next = self.next_row.val();
            }
        }
    }
}
