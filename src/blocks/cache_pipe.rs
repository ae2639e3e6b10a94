//! The control pipeline of the MCACHE data of a PE set: what each stage is told of an item's entry.

use crate::config::Config;
use crate::hdl::prelude::*;

/// Takes what the walker says of an element's entry in the cycle of its issue, and gives it to the PEs stage by stage.
///
/// ```text
///  cycle             f                              m                         m+1            m+2            m+3
///  issue ─► factor ─────► use, low, high, raddr ─► … ─► [p1] ─► raddr, ─► [p3] ─► add, ─► [p4] ─► write, ─► [p5] ─► wide_*
///           of u                                        [p2]    forward           reuse, shift       waddr
/// ```
///
/// **Latency** an element issued in cycle u reads its factor in f = u and its word in m = u+2; with `issue = "registered"` in
/// f = u+2 and m = u+5, where the word's address is given a cycle before m. **Back-pressure** none.
/// **Parameters** `mcache` of the configuration: widths; `issue`: registers.
///
/// A word that is read is stale if one of the elements before writes the same entry, at the end of the next cycle (`forward`), of
/// this one (`forward_last`), or, for a word that is addressed a cycle before m, of the one before (`forward_third`).
///
/// The test `cache_pipe_gives_each_stage_its_element` holds it to a list of what was issued.
#[derive(LogicBlock)]
pub struct CachePipe {
    /// An element is issued (u); the inputs below are its.
    pub issue: Bit<In>,
    /// Entry of its MCACHE word.
    pub entry: Sig<In>,
    /// It is multiplied by 1: it is a sum of elements.
    pub one: Bit<In>,
    /// Its factor is the entry's word.
    pub factor: Bit<In>,
    /// … the low part.
    pub low: Bit<In>,
    /// … the high part.
    pub high: Bit<In>,
    /// Its vector sum is written to the entry.
    pub writes: Bit<In>,
    /// … added to what is there.
    pub adds: Bit<In>,
    /// The entry's word takes the place of its vector sum.
    pub reuses: Bit<In>,
    /// The element is 1 (m − 1, registered m − 2).
    pub element_one: Bit<Out>,
    /// Multiply by the entry's word (f).
    pub use_cache: Bit<Out>,
    /// … its low part (f).
    pub cache_low: Bit<Out>,
    /// … its high part (f).
    pub cache_high: Bit<Out>,
    /// Entry to read, as factor (f), or else (m, or m − 1).
    pub cache_raddr: Sig<Out>,
    /// The element before writes it (m).
    pub cache_forward: Bit<Out>,
    /// The element before that one does (m).
    pub cache_forward_last: Bit<Out>,
    /// The third element before does (m). With `issue = "registered"` alone.
    pub cache_forward_third: Vec<Bit<Out>>,
    /// Write what is stored plus the vector sum (m+1).
    pub cache_add: Bit<Out>,
    /// The MCACHE word takes the place of the vector sum (m+1).
    pub cache_reuse: Bit<Out>,
    /// The vector sum is one of high parts (m+1).
    pub shift_sum: Bit<Out>,
    /// Entry to write (m+2).
    pub cache_waddr: Sig<Out>,
    /// Write the vector sum there (m+2).
    pub cache_write: Bit<Out>,
    /// An entry was written (m+3, registered m+4).
    pub written: Bit<Out>,
    /// That entry.
    pub written_entry: Sig<Out>,
    f_entry: Vec<Reg>,
    f_valid: Vec<BitReg>,
    f_one: Vec<BitReg>,
    f_low: Vec<BitReg>,
    f_high: Vec<BitReg>,
    f_write: Vec<BitReg>,
    f_add: Vec<BitReg>,
    f_reuse: Vec<BitReg>,
    f_use: Vec<BitReg>,
    factor_entry: Sig<Local>,
    factor_use: Bit<Local>,
    registered: Param,
    stages: Param,
    factor_stages: Param,
    p1_entry: Reg,
    p2_entry: Reg,
    p3_entry: Reg,
    p4_entry: Reg,
    p5_entry: Reg,
    p1_valid: BitReg,
    p1_one: BitReg,
    p1_high: BitReg,
    p1_write: BitReg,
    p1_add: BitReg,
    p1_reuse: BitReg,
    p2_high: BitReg,
    p2_add: BitReg,
    p2_reuse: BitReg,
    p2_write: BitReg,
    p3_high: BitReg,
    p3_add: BitReg,
    p3_reuse: BitReg,
    p3_write: BitReg,
    p4_write: BitReg,
    p5_write: BitReg,
    p6_entry: Vec<Reg>,
    p6_write: Vec<BitReg>,
    forward_q: BitReg,
    forward_last_q: BitReg,
    forward_third_q: Vec<BitReg>,
    about: About,
}

impl CachePipe {
    /// The pipeline of a set of this configuration.
    pub fn new(config: &Config) -> Self {
        let entry = || Reg::unsigned(config.mcache.entry_w()).without_reset();
        let flag = || BitReg::new().without_reset();
        let (stages, factor_stages) = (config.issue_cycles(), config.factor_cycles());
        let registered = usize::from(stages > 0);
        let flags = |count: usize| (0..count).map(|_| flag()).collect();
        let valids = |count: usize| (0..count).map(|_| BitReg::new()).collect();
        CachePipe {
            issue: Bit::new(),
            entry: Sig::unsigned(config.mcache.entry_w()),
            one: Bit::new(),
            factor: Bit::new(),
            low: Bit::new(),
            high: Bit::new(),
            writes: Bit::new(),
            adds: Bit::new(),
            reuses: Bit::new(),
            element_one: Bit::new(),
            use_cache: Bit::new(),
            cache_low: Bit::new(),
            cache_high: Bit::new(),
            cache_raddr: Sig::unsigned(config.mcache.entry_w()),
            cache_forward: Bit::new(),
            cache_forward_last: Bit::new(),
            cache_forward_third: (0..registered).map(|_| Bit::new()).collect(),
            cache_add: Bit::new(),
            cache_reuse: Bit::new(),
            shift_sum: Bit::new(),
            cache_waddr: Sig::unsigned(config.mcache.entry_w()),
            cache_write: Bit::new(),
            written: Bit::new(),
            written_entry: Sig::unsigned(config.mcache.entry_w()),
            f_entry: (0..stages).map(|_| entry()).collect(),
            f_valid: valids(stages),
            f_one: flags(stages),
            f_low: flags(factor_stages),
            f_high: flags(stages),
            f_write: flags(stages),
            f_add: flags(stages),
            f_reuse: flags(stages),
            f_use: valids(factor_stages),
            factor_entry: Sig::unsigned(config.mcache.entry_w()),
            factor_use: Bit::new(),
            registered: Param::new(registered),
            stages: Param::new(stages),
            factor_stages: Param::new(factor_stages),
            p1_entry: entry(),
            p2_entry: entry(),
            p3_entry: entry(),
            p4_entry: entry(),
            p5_entry: entry(),
            p1_valid: BitReg::new(),
            p1_one: flag(),
            p1_high: flag(),
            p1_write: flag(),
            p1_add: flag(),
            p1_reuse: flag(),
            p2_high: flag(),
            p2_add: flag(),
            p2_reuse: flag(),
            p2_write: BitReg::new(),
            p3_high: flag(),
            p3_add: flag(),
            p3_reuse: flag(),
            p3_write: BitReg::new(),
            p4_write: BitReg::new(),
            p5_write: BitReg::new(),
            p6_entry: (0..registered).map(|_| entry()).collect(),
            p6_write: valids(registered),
            forward_q: flag(),
            forward_last_q: flag(),
            forward_third_q: flags(registered),
            about: About::new(
                "cache_pipe",
                "Control pipeline of the MCACHE data of a PE set: what each stage is told of an item's entry.",
            ),
        }
    }
}

impl Logic for CachePipe {
    #[hdl_gen]
    fn update(&mut self) {
        // The factor, and the first stage, of the element that is issued, or of one that was.
        self.p1_valid.next = self.issue.val();
        self.p1_entry.next = self.entry.val();
        self.p1_one.next = self.one.val();
        self.p1_high.next = self.high.val();
        self.p1_write.next = self.writes.val();
        self.p1_add.next = self.adds.val();
        self.p1_reuse.next = self.reuses.val();
        self.element_one.next = self.p1_valid.val() && self.p1_one.val();
        self.factor_entry.next = self.entry.val();
        self.factor_use.next = self.factor.val();
        self.cache_low.next = self.low.val();
        self.cache_high.next = self.high.val();
        for r in 0..self.registered.val() {
            self.f_valid[r].next = self.issue.val();
            self.f_entry[r].next = self.entry.val();
            self.f_one[r].next = self.one.val();
            self.f_low[r].next = self.low.val();
            self.f_high[r].next = self.high.val();
            self.f_write[r].next = self.writes.val();
            self.f_add[r].next = self.adds.val();
            self.f_reuse[r].next = self.reuses.val();
            self.f_use[r].next = self.factor.val();
            self.factor_entry.next = self.f_entry[self.factor_stages.val() - 1].val();
            self.factor_use.next = self.f_use[self.factor_stages.val() - 1].val();
            self.cache_low.next = self.f_low[self.factor_stages.val() - 1].val();
            self.cache_high.next = self.f_high[self.factor_stages.val() - 1].val();
            self.element_one.next = self.f_valid[self.stages.val() - 1].val()
                && self.f_one[self.stages.val() - 1].val();
            self.p1_valid.next = self.f_valid[self.stages.val() - 1].val();
            self.p1_entry.next = self.f_entry[self.stages.val() - 1].val();
            self.p1_one.next = self.f_one[self.stages.val() - 1].val();
            self.p1_high.next = self.f_high[self.stages.val() - 1].val();
            self.p1_write.next = self.f_write[self.stages.val() - 1].val();
            self.p1_add.next = self.f_add[self.stages.val() - 1].val();
            self.p1_reuse.next = self.f_reuse[self.stages.val() - 1].val();
        }
        for i in 1..self.factor_stages.val() {
            self.f_low[i].next = self.f_low[i - 1].val();
            self.f_use[i].next = self.f_use[i - 1].val();
        }
        for i in 1..self.stages.val() {
            self.f_valid[i].next = self.f_valid[i - 1].val();
            self.f_entry[i].next = self.f_entry[i - 1].val();
            self.f_one[i].next = self.f_one[i - 1].val();
            self.f_high[i].next = self.f_high[i - 1].val();
            self.f_write[i].next = self.f_write[i - 1].val();
            self.f_add[i].next = self.f_add[i - 1].val();
            self.f_reuse[i].next = self.f_reuse[i - 1].val();
        }

        // One register a stage.
        self.p2_entry.next = self.p1_entry.val();
        // A dense job goes on beside an idle walker.
        self.p2_high.next = self.p1_high.val();
        self.p2_add.next = self.p1_add.val();
        self.p2_reuse.next = self.p1_valid.val() && self.p1_reuse.val();
        self.p2_write.next = self.p1_valid.val() && self.p1_write.val();
        self.p3_entry.next = self.p2_entry.val();
        self.p3_high.next = self.p2_high.val();
        self.p3_add.next = self.p2_add.val();
        self.p3_reuse.next = self.p2_reuse.val();
        self.p3_write.next = self.p2_write.val();
        self.p4_entry.next = self.p3_entry.val();
        self.p4_write.next = self.p3_write.val();
        self.p5_entry.next = self.p4_entry.val();
        self.p5_write.next = self.p4_write.val();

        // Whether the word that is read is still to be written by an element before; compared a cycle ahead, so that each PE is told
        // by a register.
        self.forward_q.next = self.p2_write.val() && (self.p2_entry.val() == self.p1_entry.val());
        self.forward_last_q.next =
            self.p3_write.val() && (self.p3_entry.val() == self.p1_entry.val());
        self.cache_forward.next = self.forward_q.val();
        self.cache_forward_last.next = self.forward_last_q.val();
        self.cache_raddr.next = self.p2_entry.val();
        for r in 0..self.registered.val() {
            self.forward_third_q[r].next =
                self.p4_write.val() && (self.p4_entry.val() == self.p1_entry.val());
            self.cache_forward_third[r].next = self.forward_third_q[r].val();
            self.cache_raddr.next = self.p1_entry.val();
        }
        // No item reads its word in a flush: it begins when the last one is done.
        if self.factor_use.val() {
            self.cache_raddr.next = self.factor_entry.val();
        }
        self.use_cache.next = self.factor_use.val();
        self.cache_add.next = self.p3_add.val();
        self.cache_reuse.next = self.p3_reuse.val();
        self.shift_sum.next = self.p3_high.val();
        self.cache_waddr.next = self.p4_entry.val();
        self.cache_write.next = self.p4_write.val();
        self.written.next = self.p5_write.val();
        self.written_entry.next = self.p5_entry.val();
        for r in 0..self.registered.val() {
            self.p6_write[r].next = self.p5_write.val();
            self.p6_entry[r].next = self.p5_entry.val();
            self.written.next = self.p6_write[r].val();
            self.written_entry.next = self.p6_entry[r].val();
        }
    }
}
