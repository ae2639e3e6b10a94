//! A queue of stream beats.

use crate::config::count_width;
use crate::hdl::prelude::*;

/// A first-in, first-out queue in block RAM.
///
/// ```text
///  write, write_word ─► [RAM, depth words] ─► [head] ─► valid, word, ready
///  room ◄── free words                                  available ──► words that can be read
/// ```
///
/// **Latency** a word written in cycle t is at the head in t+2 at the earliest. **Back-pressure** a reader takes a word
/// with `ready`; a writer keeps to `room`. **Parameters** `width` bits; `depth` words, a power of two, at least 2.
///
/// The test `beat_fifo_is_a_queue` compares it with a `VecDeque`.
#[derive(LogicBlock)]
pub struct BeatFifo {
    /// Forgets every word.
    pub clear: Bit<In>,
    /// A word comes.
    pub write: Bit<In>,
    /// The word.
    pub write_word: Sig<In>,
    /// Words that may still come.
    pub room: Sig<Out>,
    /// A word is at the head.
    pub valid: Bit<Out>,
    /// The word.
    pub word: Sig<Out>,
    /// It is taken.
    pub ready: Bit<In>,
    /// Words in the queue.
    pub available: Sig<Out>,
    ram: Ram,
    put: Reg,
    get: Reg,
    stored: Reg,
    head: BitReg,
    takes: Bit<Local>,
    fetches: Bit<Local>,
    full: Const,
    about: About,
}

impl BeatFifo {
    /// A queue of `depth` words of `width` bits.
    ///
    /// # Panics
    /// When `depth` is not a power of two above 1.
    pub fn new(width: usize, depth: usize) -> Self {
        assert!(depth > 1 && depth.is_power_of_two(), "{depth} words");
        let count_w = count_width(depth + 1);
        BeatFifo {
            clear: Bit::new(),
            write: Bit::new(),
            write_word: Sig::unsigned(width),
            room: Sig::unsigned(count_w),
            valid: Bit::new(),
            word: Sig::unsigned(width),
            ready: Bit::new(),
            available: Sig::unsigned(count_w),
            ram: Ram::unsigned(width, depth).ignoring_collisions(),
            put: Reg::unsigned(address_width(depth)),
            get: Reg::unsigned(address_width(depth)),
            stored: Reg::unsigned(count_w),
            head: BitReg::new(),
            takes: Bit::new(),
            fetches: Bit::new(),
            full: Const::new(Value::unsigned(count_w, depth as u128)),
            about: About::new("beat_fifo", "A first-in, first-out queue in block RAM."),
        }
    }
}

impl Logic for BeatFifo {
    #[hdl_gen]
    fn update(&mut self) {
        self.takes.next = self.head.val() && self.ready.val();
        self.fetches.next = (self.stored.val() != 0) && (!self.head.val() || self.takes.val());
        self.ram.write_enable.next = self.write.val();
        self.ram.write_address.next = self.put.val();
        self.ram.write_data.next = self.write_word.val();
        self.ram.read_enable.next = self.fetches.val();
        self.ram.read_address.next = self.get.val();
        if self.write.val() {
            self.put.next = self.put.val() + 1;
        }
        if self.fetches.val() {
            self.get.next = self.get.val() + 1;
        }
        if self.write.val() && !self.fetches.val() {
            self.stored.next = self.stored.val() + 1;
        }
        if !self.write.val() && self.fetches.val() {
            self.stored.next = self.stored.val() - 1;
        }
        if self.takes.val() {
            self.head.next = false;
        }
        if self.fetches.val() {
            self.head.next = true;
        }
        if self.clear.val() {
            self.put.next = 0.into();
            self.get.next = 0.into();
            self.stored.next = 0.into();
            self.head.next = false;
        }
        self.valid.next = self.head.val();
        self.word.next = self.ram.read_data.val();
        self.available.next = self.stored.val();
        if self.head.val() {
            self.available.next = self.stored.val() + 1;
        }
        // The word at the head has left its place already.
        self.room.next = self.full.val() - self.stored.val();
    }
}
