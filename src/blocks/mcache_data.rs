//! The MCACHE data of one PE.

use crate::config::Config;
use crate::hdl::prelude::*;

/// One PE's results of the vectors whose signatures are in the MCACHE: a word for each entry.
///
/// ```text
///  read_addr ─► [words] ─► read_data ──► or the word just written (forward) ─► stored
///                                                      │ (add)
///  vector_sum ───────────────────────────────────────► + ─► [words] (write, write_addr)
///                                                           └─► wide
/// ```
///
/// In forward and input gradient a word is a vector's sum of products; in a weight gradient the sum of dY over the
/// positions alike.
///
/// **Latency** `read_data` and `stored` one cycle after `read_addr`; a word written in cycle t can be read in t+1, and in
/// t+1 itself by `forward`; `wide` in t+1. **Back-pressure** none.
/// **Parameters** `data_w`, `k_max`, `tile`, MCACHE sets and ways of the configuration: widths and depth.
///
/// The test `mcache_data_adds_and_forwards` holds it to an array.
#[derive(LogicBlock)]
pub struct McacheData {
    /// Entry to read.
    pub read_addr: Sig<In>,
    /// The word to be read was written in the previous cycle.
    pub forward: Bit<In>,
    /// Sum of the vector's products.
    pub vector_sum: Sig<In>,
    /// Add the stored word to it.
    pub add: Bit<In>,
    /// Write the result.
    pub write: Bit<In>,
    /// Entry to write.
    pub write_addr: Sig<In>,
    /// The word read.
    pub read_data: Sig<Out>,
    /// The word read, or the one written in the previous cycle.
    pub stored: Sig<Out>,
    /// The word written in the previous cycle does not fit an operand.
    pub wide: Bit<Out>,
    words: Ram,
    stored_now: Sig<Local>,
    addend: Sig<Local>,
    written: Sig<Local>,
    last_written: Reg,
    high: Sig<Local>,
    wide_q: BitReg,
    high_at: Param,
    about: About,
}

impl McacheData {
    /// The data of one PE of this configuration.
    pub fn new(config: &Config) -> Self {
        let width = config.mcache_data_w();
        let word = || Sig::signed(width);
        McacheData {
            read_addr: Sig::unsigned(config.mcache.entry_w()),
            forward: Bit::new(),
            vector_sum: Sig::signed(config.vector_w()),
            add: Bit::new(),
            write: Bit::new(),
            write_addr: Sig::unsigned(config.mcache.entry_w()),
            read_data: Sig::signed(width),
            stored: Sig::signed(width),
            wide: Bit::new(),
            words: Ram::signed(width, config.mcache.entries()).ignoring_collisions(),
            stored_now: word(),
            addend: word(),
            written: word(),
            last_written: Reg::signed(width).without_reset(),
            high: word(),
            wide_q: BitReg::new().without_reset(),
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
        self.read_data.next = self.words.read_data.val();
        self.stored_now.next = self.words.read_data.val();
        if self.forward.val() {
            self.stored_now.next = self.last_written.val();
        }
        self.stored.next = self.stored_now.val();

        // The choice stands before the adder, where it needs no look-up table of its own.
        self.addend.next = 0.into();
        if self.add.val() {
            self.addend.next = self.stored_now.val();
        }
        self.written.next = signed_cast(self.vector_sum.val()) + self.addend.val();
        self.words.write_enable.next = self.write.val();
        self.words.write_address.next = self.write_addr.val();
        self.words.write_data.next = self.written.val();
        self.last_written.next = self.written.val();

        // The word fits if all bits above the operand's are copies of its sign.
        self.high.next = self.written.val() >> self.high_at.val();
        self.wide_q.next = self.high.val().any() && !self.high.val().all();
        self.wide.next = self.wide_q.val();
    }
}
