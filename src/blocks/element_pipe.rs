//! The control pipeline of one PE set: what each stage of the PEs is told of an element.

use crate::config::Config;
use crate::hdl::prelude::*;

/// Takes what the sequencer says of an element in the cycle of its issue, and gives it to the PEs stage by stage.
///
/// ```text
///  cycle             f                             s                      s+1                s+2
///  issue ─► factor ─────► weight_raddr ─► … ─► [p1] ─► reads_*, raddr_* ─► [p3] ─► accumulate ─► [p4] ─► psum_waddr
///           of u          reads_*, raddr_*     [p2]    zero, bank, forward
/// ```
///
/// **Latency** an element issued in cycle u reads its factor in f = u, and is multiplied and reads its psum in m = s = u+2; with
/// `issue = "registered"` f = u+2, m = u+5 and s = u+6, behind registers, and a psum's word is addressed in s − 1. **Back-pressure** none.
/// **Parameters** `tile`, `weight_words` of the configuration: widths; `issue`: registers.
///
/// A psum that is read is stale if one of the elements before writes the same word, at the end of the next cycle
/// (`forward`), of this one (`forward_last`), or, for a word that is addressed a cycle before s, of the one before (`forward_third`).
///
/// The test `element_pipe_gives_each_stage_its_element` holds it to a list of what was issued.
#[derive(LogicBlock)]
pub struct ElementPipe {
    /// An element is issued (u); the inputs below are its.
    pub issue: Bit<In>,
    /// Weight ring address of its weight.
    pub weight_addr: Sig<In>,
    /// Its position: address of the operand.
    pub position: Sig<In>,
    /// The operand is in the bank that does not accumulate.
    pub operand_there: Bit<In>,
    /// Its psum address.
    pub psum_addr: Sig<In>,
    /// It starts a vector sum.
    pub vector_first: Bit<In>,
    /// The psum is updated with it.
    pub psum_update: Bit<In>,
    /// The psum starts from 0.
    pub psum_zero: Bit<In>,
    /// Bank that accumulates.
    pub psum_bank: Bit<In>,
    /// Weight to read (f).
    pub weight_raddr: Sig<Out>,
    /// Bank of the operand, if there is one (f).
    pub operand_bank: Bit<Out>,
    /// Bank 0 is read: an operand (f), or a psum (s); registered a cycle before, and a psum two.
    pub reads_0: Bit<Out>,
    /// … that word.
    pub raddr_0: Sig<Out>,
    /// Bank 1 is read.
    pub reads_1: Bit<Out>,
    /// … that word.
    pub raddr_1: Sig<Out>,
    /// The product starts a vector sum (m).
    pub first: Bit<Out>,
    /// Start from 0 instead of the stored psum (s).
    pub zero: Bit<Out>,
    /// Bank that accumulates (s).
    pub bank: Bit<Out>,
    /// The element before updates the same psum (s).
    pub forward: Bit<Out>,
    /// The element before that one does (s).
    pub forward_last: Bit<Out>,
    /// The third element before does (s). With `issue = "registered"` alone.
    pub forward_third: Vec<Bit<Out>>,
    /// Write the sum into bank 0 (s+1).
    pub accumulate_0: Bit<Out>,
    /// Write the sum into bank 1 (s+1).
    pub accumulate_1: Bit<Out>,
    /// Word that the sum is written to (s+2).
    pub psum_waddr: Sig<Out>,
    /// `psum_waddr` of the next cycle.
    pub next_psum_waddr: Sig<Out>,
    f_valid: Vec<BitReg>,
    f_weight: Vec<Reg>,
    f_position: Vec<Reg>,
    f_operand: Vec<BitReg>,
    f_psum_addr: Vec<Reg>,
    f_first: Vec<BitReg>,
    f_update: Vec<BitReg>,
    f_zero: Vec<BitReg>,
    f_bank: Vec<BitReg>,
    p1_valid: BitReg,
    p1_psum_addr: Reg,
    p1_first: BitReg,
    p1_update: BitReg,
    p1_zero: BitReg,
    p1_bank: BitReg,
    p2_valid: BitReg,
    p2_psum_addr: Reg,
    p2_first: BitReg,
    p2_update: BitReg,
    p2_zero: BitReg,
    p2_bank: BitReg,
    p3_psum_addr: Reg,
    p3_update: BitReg,
    p3_bank: BitReg,
    p4_psum_addr: Reg,
    p4_update: BitReg,
    p4_bank: BitReg,
    forward_q: BitReg,
    forward_last_q: BitReg,
    forward_third_q: Vec<BitReg>,
    factor_bank: Bit<Local>,
    operand: Bit<Local>,
    operand_bank_0: Bit<Local>,
    operand_addr: Sig<Local>,
    psum: Bit<Local>,
    psum_bank_1: Bit<Local>,
    psum_read: Sig<Local>,
    bank_reads_0: Bit<Local>,
    bank_reads_1: Bit<Local>,
    bank_raddr_0: Sig<Local>,
    bank_raddr_1: Sig<Local>,
    registered: Param,
    stages: Param,
    factor_stages: Param,
    psum_stages: Param,
    about: About,
}

impl ElementPipe {
    /// The pipeline of a set of this configuration.
    pub fn new(config: &Config) -> Self {
        let tile = || Sig::unsigned(config.tile_w());
        let psum_addr = || Reg::unsigned(config.tile_w()).without_reset();
        let flag = || BitReg::new().without_reset();
        let (stages, factor_stages) = (config.issue_cycles(), config.factor_cycles());
        let psum_stages = config.psum_cycles();
        let registered = usize::from(stages > 0);
        let flags = |count: usize| (0..count).map(|_| flag()).collect();
        let psum_addrs = |count: usize| (0..count).map(|_| psum_addr()).collect();
        let weight_addr = || Reg::unsigned(config.weight_w()).without_reset();
        ElementPipe {
            issue: Bit::new(),
            weight_addr: Sig::unsigned(config.weight_w()),
            position: tile(),
            operand_there: Bit::new(),
            psum_addr: tile(),
            vector_first: Bit::new(),
            psum_update: Bit::new(),
            psum_zero: Bit::new(),
            psum_bank: Bit::new(),
            weight_raddr: Sig::unsigned(config.weight_w()),
            operand_bank: Bit::new(),
            reads_0: Bit::new(),
            raddr_0: Sig::unsigned(config.tile_w()),
            reads_1: Bit::new(),
            raddr_1: Sig::unsigned(config.tile_w()),
            first: Bit::new(),
            zero: Bit::new(),
            bank: Bit::new(),
            forward: Bit::new(),
            forward_last: Bit::new(),
            forward_third: (0..registered).map(|_| Bit::new()).collect(),
            accumulate_0: Bit::new(),
            accumulate_1: Bit::new(),
            psum_waddr: Sig::unsigned(config.tile_w()),
            next_psum_waddr: Sig::unsigned(config.tile_w()),
            f_valid: (0..psum_stages).map(|_| BitReg::new()).collect(),
            f_weight: (0..factor_stages).map(|_| weight_addr()).collect(),
            f_position: psum_addrs(registered),
            f_operand: (0..registered).map(|_| BitReg::new()).collect(),
            f_psum_addr: psum_addrs(psum_stages),
            f_first: flags(stages),
            f_update: flags(psum_stages),
            f_zero: flags(psum_stages),
            f_bank: flags(psum_stages),
            p1_valid: BitReg::new(),
            p1_psum_addr: psum_addr(),
            p1_first: flag(),
            p1_update: flag(),
            p1_zero: flag(),
            p1_bank: flag(),
            p2_valid: BitReg::new(),
            p2_psum_addr: psum_addr(),
            p2_first: flag(),
            p2_update: flag(),
            p2_zero: flag(),
            p2_bank: flag(),
            p3_psum_addr: psum_addr(),
            p3_update: BitReg::new(),
            p3_bank: flag(),
            p4_psum_addr: psum_addr(),
            p4_update: BitReg::new(),
            p4_bank: flag(),
            forward_q: flag(),
            forward_last_q: flag(),
            forward_third_q: flags(registered),
            factor_bank: Bit::new(),
            operand: Bit::new(),
            operand_bank_0: Bit::new(),
            operand_addr: Sig::unsigned(config.tile_w()),
            psum: Bit::new(),
            psum_bank_1: Bit::new(),
            psum_read: Sig::unsigned(config.tile_w()),
            bank_reads_0: Bit::new(),
            bank_reads_1: Bit::new(),
            bank_raddr_0: Sig::unsigned(config.tile_w()),
            bank_raddr_1: Sig::unsigned(config.tile_w()),
            registered: Param::new(registered),
            stages: Param::new(stages),
            factor_stages: Param::new(factor_stages),
            psum_stages: Param::new(psum_stages),
            about: About::new(
                "element_pipe",
                "Control pipeline of one PE set: takes what is issued, and tells each stage of the PEs what it needs of it.",
            ),
        }
    }
}

impl Logic for ElementPipe {
    #[hdl_gen]
    fn update(&mut self) {
        // The factor, and the first stage, of the element that is issued, or of one that was.
        self.weight_raddr.next = self.weight_addr.val();
        self.factor_bank.next = self.psum_bank.val();
        self.p1_valid.next = self.issue.val();
        self.p1_psum_addr.next = self.psum_addr.val();
        self.p1_first.next = self.vector_first.val();
        self.p1_update.next = self.psum_update.val();
        self.p1_zero.next = self.psum_zero.val();
        self.p1_bank.next = self.psum_bank.val();
        for r in 0..self.registered.val() {
            self.f_valid[r].next = self.issue.val();
            self.f_weight[r].next = self.weight_addr.val();
            self.f_position[r].next = self.position.val();
            self.f_operand[r].next = self.operand_there.val();
            self.f_psum_addr[r].next = self.psum_addr.val();
            self.f_first[r].next = self.vector_first.val();
            self.f_update[r].next = self.psum_update.val();
            self.f_zero[r].next = self.psum_zero.val();
            self.f_bank[r].next = self.psum_bank.val();
            self.weight_raddr.next = self.f_weight[self.factor_stages.val() - 1].val();
            self.factor_bank.next = self.f_bank[self.factor_stages.val() - 1].val();
            self.p1_valid.next = self.f_valid[self.psum_stages.val() - 1].val();
            self.p1_psum_addr.next = self.f_psum_addr[self.psum_stages.val() - 1].val();
            self.p1_first.next = self.f_first[self.stages.val() - 1].val();
            self.p1_update.next = self.f_update[self.psum_stages.val() - 1].val();
            self.p1_zero.next = self.f_zero[self.psum_stages.val() - 1].val();
            self.p1_bank.next = self.f_bank[self.psum_stages.val() - 1].val();
        }
        for i in 1..self.factor_stages.val() {
            self.f_weight[i].next = self.f_weight[i - 1].val();
        }
        for i in 1..self.stages.val() {
            self.f_first[i].next = self.f_first[i - 1].val();
        }
        for i in 1..self.psum_stages.val() {
            self.f_valid[i].next = self.f_valid[i - 1].val();
            self.f_psum_addr[i].next = self.f_psum_addr[i - 1].val();
            self.f_update[i].next = self.f_update[i - 1].val();
            self.f_zero[i].next = self.f_zero[i - 1].val();
            self.f_bank[i].next = self.f_bank[i - 1].val();
        }
        self.operand_bank.next = !self.factor_bank.val();

        // One register a stage.
        self.p2_valid.next = self.p1_valid.val();
        self.p2_psum_addr.next = self.p1_psum_addr.val();
        self.p2_first.next = self.p1_first.val();
        self.p2_update.next = self.p1_update.val();
        self.p2_zero.next = self.p1_zero.val();
        self.p2_bank.next = self.p1_bank.val();
        self.p3_psum_addr.next = self.p2_psum_addr.val();
        self.p3_update.next = self.p2_update.val() && self.p2_valid.val();
        self.p3_bank.next = self.p2_bank.val();
        self.p4_psum_addr.next = self.p3_psum_addr.val();
        self.p4_update.next = self.p3_update.val();
        self.p4_bank.next = self.p3_bank.val();

        // What the banks read: the operand of the element that is at f, and the psum of the one that is at s; or, for a register
        // in front of the banks, which each PE has of its own, of those that will be there in the next cycle.
        self.operand.next = self.operand_there.val();
        self.operand_bank_0.next = self.psum_bank.val();
        self.operand_addr.next = self.position.val();
        self.psum.next = self.p2_update.val() && self.p2_valid.val();
        self.psum_bank_1.next = self.p2_bank.val();
        self.psum_read.next = self.p2_psum_addr.val();
        for r in 0..self.registered.val() {
            self.operand.next = self.f_operand[r].val();
            self.operand_bank_0.next = self.f_bank[r].val();
            self.operand_addr.next = self.f_position[r].val();
            self.psum.next = self.f_update[self.psum_stages.val() - 1].val()
                && self.f_valid[self.psum_stages.val() - 1].val();
            self.psum_bank_1.next = self.f_bank[self.psum_stages.val() - 1].val();
            self.psum_read.next = self.f_psum_addr[self.psum_stages.val() - 1].val();
        }
        self.bank_reads_0.next = (self.operand.val() && self.operand_bank_0.val())
            || (self.psum.val() && !self.psum_bank_1.val());
        self.bank_reads_1.next = (self.operand.val() && !self.operand_bank_0.val())
            || (self.psum.val() && self.psum_bank_1.val());
        self.bank_raddr_0.next = self.operand_addr.val();
        if self.psum.val() && !self.psum_bank_1.val() {
            self.bank_raddr_0.next = self.psum_read.val();
        }
        self.bank_raddr_1.next = self.operand_addr.val();
        if self.psum.val() && self.psum_bank_1.val() {
            self.bank_raddr_1.next = self.psum_read.val();
        }
        self.reads_0.next = self.bank_reads_0.val();
        self.raddr_0.next = self.bank_raddr_0.val();
        self.reads_1.next = self.bank_reads_1.val();
        self.raddr_1.next = self.bank_raddr_1.val();

        self.first.next = self.p2_first.val();
        self.zero.next = self.p2_zero.val();
        self.bank.next = self.p2_bank.val();
        // Compared a cycle ahead, so that each PE is told by a register.
        self.forward_q.next = self.p2_update.val()
            && self.p2_valid.val()
            && (self.p2_bank.val() == self.p1_bank.val())
            && (self.p2_psum_addr.val() == self.p1_psum_addr.val());
        self.forward_last_q.next = self.p3_update.val()
            && (self.p3_bank.val() == self.p1_bank.val())
            && (self.p3_psum_addr.val() == self.p1_psum_addr.val());
        self.forward.next = self.forward_q.val();
        self.forward_last.next = self.forward_last_q.val();
        for r in 0..self.registered.val() {
            self.forward_third_q[r].next = self.p4_update.val()
                && (self.p4_bank.val() == self.p1_bank.val())
                && (self.p4_psum_addr.val() == self.p1_psum_addr.val());
            self.forward_third[r].next = self.forward_third_q[r].val();
        }
        self.accumulate_0.next = self.p3_update.val() && !self.p3_bank.val();
        self.accumulate_1.next = self.p3_update.val() && self.p3_bank.val();
        self.psum_waddr.next = self.p4_psum_addr.val();
        self.next_psum_waddr.next = self.p3_psum_addr.val();
    }
}
