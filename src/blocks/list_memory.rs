//! The words of a PE set's Hitmap lists.

use crate::config::{Config, index_width};
use crate::hdl::prelude::*;

/// Words of a memory of its own: where block RAM has 18 kbit, no word is spread over several of them in depth.
const PART_WORDS: usize = 2048;

/// One memory, or, with a register behind it, as many as block RAM is deep: the register can be the block RAM's own, because what
/// chooses among the memories stands behind it.
///
/// ```text
///  write_address ─► which ─► [part 0] ─► ([·]) ─┐
///  read_address ──┬────────► [part 1] ─► ([·]) ─┴► read_data
///                 └ which ─► [·] ──────► [·] ───┘
/// ```
///
/// **Latency** a word is there one cycle after its address, with `issue = "registered"` two ([`Config::list_cycles`]). A word that is
/// written is not read in the same cycle. **Back-pressure** none. **Parameters** `lists` · `tile` words of `item_w` bits; `issue`.
///
/// The test `list_memory_keeps_every_word` holds it to an array; the gate tests `list_memory` and `list_memory_in_parts` its Verilog
/// to it.
#[derive(LogicBlock)]
pub struct ListMemory {
    /// A word is written.
    pub write_enable: Bit<In>,
    /// Where.
    pub write_address: Sig<In>,
    /// The word.
    pub write_data: Sig<In>,
    /// Word to read.
    pub read_address: Sig<In>,
    /// That word, one cycle or two later.
    pub read_data: Sig<Out>,
    part: Vec<Ram>,
    word_q: Vec<Reg>,
    which: Vec<Reg>,
    word: Vec<Sig<Local>>,
    parts: Param,
    registered: Param,
    part_w: Param,
    about: About,
}

impl ListMemory {
    /// The memory of a set of this configuration.
    pub fn new(config: &Config) -> Self {
        let words = config.list_words();
        let registered = config.list_cycles();
        let parts = match registered {
            0 => 1,
            _ => words.div_ceil(PART_WORDS),
        };
        let part_words = words.div_ceil(parts).next_power_of_two();
        let address = || Sig::unsigned(config.list_w());
        // Which part is read, for as long as its word is on its way.
        let ways = if parts > 1 { 1 + registered } else { 0 };
        ListMemory {
            write_enable: Bit::new(),
            write_address: address(),
            write_data: Sig::unsigned(config.item_w()),
            read_address: address(),
            read_data: Sig::unsigned(config.item_w()),
            part: (0..parts)
                .map(|p| {
                    let depth = part_words.min(words - p * part_words);
                    Ram::unsigned(config.item_w(), depth).ignoring_collisions()
                })
                .collect(),
            word_q: (0..parts * registered)
                .map(|_| Reg::unsigned(config.item_w()).without_reset())
                .collect(),
            which: (0..ways)
                .map(|_| Reg::unsigned(index_width(parts)).without_reset())
                .collect(),
            word: (0..parts).map(|_| Sig::unsigned(config.item_w())).collect(),
            parts: Param::new(parts),
            registered: Param::new(registered),
            part_w: Param::new(index_width(part_words)),
            about: About::new("list_memory", "Words of the Hitmap lists of a PE set."),
        }
    }
}

impl Logic for ListMemory {
    #[hdl_gen]
    fn update(&mut self) {
        for p in 0..self.parts.val() {
            self.part[p].write_enable.next = self.write_enable.val();
            self.part[p].write_address.next = unsigned_cast(self.write_address.val());
            self.part[p].write_data.next = self.write_data.val();
            self.part[p].read_enable.next = true;
            self.part[p].read_address.next = unsigned_cast(self.read_address.val());
            self.word[p].next = self.part[p].read_data.val();
            for r in 0..self.registered.val() {
                self.word_q[p + r].next = self.part[p].read_data.val();
                self.word[p].next = self.word_q[p + r].val();
            }
        }
        self.read_data.next = self.word[0].val();
        // In parts, always with the register.
        for p in 1..self.parts.val() {
            self.part[0].write_enable.next =
                self.write_enable.val() && ((self.write_address.val() >> self.part_w.val()) == 0);
            self.part[p].write_enable.next =
                self.write_enable.val() && ((self.write_address.val() >> self.part_w.val()) == p);
            self.which[0].next = unsigned_cast(self.read_address.val() >> self.part_w.val());
            self.which[1].next = self.which[0].val();
            if self.which[1].val() == p {
                self.read_data.next = self.word[p].val();
            }
        }
    }
}
