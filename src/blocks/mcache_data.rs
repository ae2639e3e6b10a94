//! The MCACHE data of one PE.

use crate::config::{Config, Issue};
use crate::hdl::prelude::*;

/// One PE's results of the vectors whose signatures are in the MCACHE: a word for each entry.
///
/// ```text
///  u+2             u+3                                          u+4
///  read_addr ─► [words] ─► read_data
///                              └─► or the word of this cycle ─► stored
///                                  (forward), or the last one     │ (add)
///                                  (forward_last)                 │
///  vector_sum ──────────────────────────────────────────────────► + ─► [words] (write, write_addr)
///                                                                 └──► wide
/// ```
///
/// In forward and input gradient a word is a vector's sum of products; in a weight gradient the sum of dY over the
/// positions alike.
///
/// **Latency** `read_data` one cycle after `read_addr`, `stored` two; with `issue = "registered"`, which has a register behind the
/// words, two and three, and `forward_third` for a word that was written in t−2. A word written in cycle t can be read from t+1 on; who
/// gives its address in t or t−1 gets it by `forward_last` or `forward`, given with the address. `wide` in t+1, registered t+2. `forward`,
/// `forward_last` and `add` count in the cycle after, and are kept in registers here, so that each PE has its own.
/// **Back-pressure** none.
/// **Parameters** `data_w`, `k_max`, `tile`, MCACHE sets and ways of the configuration: widths and depth; `issue`.
///
/// The test `mcache_data_adds_and_forwards` holds it to an array.
#[derive(LogicBlock)]
pub struct McacheData {
    /// Entry to read.
    pub read_addr: Sig<In>,
    /// The word will be written in the next cycle (u+2).
    pub forward: Bit<In>,
    /// The word is being written (u+2).
    pub forward_last: Bit<In>,
    /// The word was written in the last cycle (u+2). With `issue = "registered"` alone.
    pub forward_third: Vec<Bit<In>>,
    /// Sum of the vector's products.
    pub vector_sum: Sig<In>,
    /// Add the stored word to it in the next cycle (u+3).
    pub add: Bit<In>,
    /// Write the result.
    pub write: Bit<In>,
    /// Entry to write.
    pub write_addr: Sig<In>,
    /// The word read.
    pub read_data: Sig<Out>,
    /// The word read, or one written since, two cycles after the address (u+4).
    pub stored: Sig<Out>,
    /// The word written in the previous cycle, registered in the one before, does not fit an operand.
    pub wide: Bit<Out>,
    words: Ram,
    forward_q: BitReg,
    forward_last_q: BitReg,
    forward_third_q: Vec<BitReg>,
    word: Sig<Local>,
    word_q: Vec<Reg>,
    add_q: BitReg,
    stored_q: Reg,
    addend: Sig<Local>,
    written: Sig<Local>,
    last_written: Reg,
    older_written: Vec<Reg>,
    high: Sig<Local>,
    wide_q: BitReg,
    registered: Param,
    high_at: Param,
    about: About,
}

impl McacheData {
    /// The data of one PE of this configuration.
    pub fn new(config: &Config) -> Self {
        let width = config.mcache_data_w();
        let word = || Sig::signed(width);
        let registered = usize::from(config.issue == Issue::Registered);
        let late_word = || {
            (0..registered)
                .map(|_| Reg::signed(width).without_reset())
                .collect()
        };
        McacheData {
            read_addr: Sig::unsigned(config.mcache.entry_w()),
            forward: Bit::new(),
            forward_last: Bit::new(),
            forward_third: (0..registered).map(|_| Bit::new()).collect(),
            vector_sum: Sig::signed(config.vector_w()),
            add: Bit::new(),
            write: Bit::new(),
            write_addr: Sig::unsigned(config.mcache.entry_w()),
            read_data: Sig::signed(width),
            stored: Sig::signed(width),
            wide: Bit::new(),
            words: Ram::signed(width, config.mcache.entries()).ignoring_collisions(),
            forward_q: BitReg::new().without_reset().kept(),
            forward_last_q: BitReg::new().without_reset().kept(),
            forward_third_q: (0..registered)
                .map(|_| BitReg::new().without_reset().kept())
                .collect(),
            word: word(),
            word_q: late_word(),
            add_q: BitReg::new().without_reset().kept(),
            stored_q: Reg::signed(width).without_reset(),
            addend: word(),
            written: word(),
            last_written: Reg::signed(width).without_reset(),
            older_written: late_word(),
            high: word(),
            wide_q: BitReg::new().without_reset(),
            registered: Param::new(registered),
            high_at: Param::new(config.data_w - 1),
            about: About::new(
                "mcache_data",
                "MCACHE data of one PE: a vector's sum of products, or a sum of dY, for each entry.",
            ),
        }
    }
}

impl Logic for McacheData {
    #[hdl_gen]
    fn update(&mut self) {
        self.words.read_enable.next = true;
        self.words.read_address.next = self.read_addr.val();
        self.word.next = self.words.read_data.val();
        for r in 0..self.registered.val() {
            self.word_q[r].next = self.words.read_data.val();
            self.word.next = self.word_q[r].val();
        }
        self.read_data.next = self.word.val();
        self.forward_q.next = self.forward.val();
        self.forward_last_q.next = self.forward_last.val();
        self.add_q.next = self.add.val();
        self.stored_q.next = self.word.val();
        for r in 0..self.registered.val() {
            self.forward_third_q[r].next = self.forward_third[r].val();
            self.older_written[r].next = self.last_written.val();
            if self.forward_third_q[r].val() {
                self.stored_q.next = self.older_written[r].val();
            }
        }
        if self.forward_last_q.val() {
            self.stored_q.next = self.last_written.val();
        }
        if self.forward_q.val() {
            self.stored_q.next = self.written.val();
        }
        self.stored.next = self.stored_q.val();

        // The choice stands before the adder, where it needs no look-up table of its own.
        self.addend.next = 0.into();
        if self.add_q.val() {
            self.addend.next = self.stored_q.val();
        }
        self.written.next = signed_cast(self.vector_sum.val()) + self.addend.val();
        self.words.write_enable.next = self.write.val();
        self.words.write_address.next = self.write_addr.val();
        self.words.write_data.next = self.written.val();
        self.last_written.next = self.written.val();

        // The word fits if all bits above the operand's are copies of its sign; registered, that is looked at a cycle later.
        self.high.next = self.written.val() >> self.high_at.val();
        for _r in 0..self.registered.val() {
            self.high.next = self.last_written.val() >> self.high_at.val();
        }
        self.wide_q.next = self.high.val().any() && !self.high.val().all();
        self.wide.next = self.wide_q.val();
    }
}
