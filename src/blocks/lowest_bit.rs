//! The lowest bit of a word that is set: which element of a vector comes next.

use crate::hdl::prelude::*;

/// Finds the lowest set bit of a word, its number, and what is left without it.
///
/// ```text
///  word ──► word & −word ──┬──────────► lowest (one bit, or none)
///                          ├─► encode ► number (0 if there is none)
///                          └─► and not ► rest
///  word ──► two bits whose numbers differ in a bit ──► single: there are none
/// ```
///
/// **Latency** 0, combinational. **Back-pressure** none. **Parameters** `width` 1…64 bits.
///
/// The test `lowest_bit_is_found` compares it with `trailing_zeros`.
#[derive(LogicBlock)]
pub struct LowestBit {
    /// The word.
    pub word: Sig<In>,
    /// Its lowest set bit, alone.
    pub lowest: Sig<Out>,
    /// That bit's number.
    pub number: Sig<Out>,
    /// The word without it.
    pub rest: Sig<Out>,
    /// At most one bit was set.
    pub single: Bit<Out>,
    only: Sig<Local>,
    with_bit: Vec<Const>,
    bits: Param,
    about: About,
}

impl LowestBit {
    /// For words of `width` bits.
    ///
    /// # Panics
    /// When `width` is 0 or above 64.
    pub fn new(width: usize) -> Self {
        assert!((1..=64).contains(&width), "{width} bits");
        let number_w = address_width(width);
        let with_bit = |bit: usize| {
            let numbers = (0..width).filter(|n| n >> bit & 1 == 1);
            Const::new(Value::unsigned(width, numbers.map(|n| 1u128 << n).sum()))
        };
        LowestBit {
            word: Sig::unsigned(width),
            lowest: Sig::unsigned(width),
            number: Sig::unsigned(number_w),
            rest: Sig::unsigned(width),
            single: Bit::new(),
            only: Sig::unsigned(width),
            with_bit: (0..number_w).map(with_bit).collect(),
            bits: Param::new(number_w),
            about: About::new(
                "lowest_bit",
                "Finds the lowest set bit of a word, its number, and what is left without it.",
            ),
        }
    }
}

impl Logic for LowestBit {
    #[hdl_gen]
    fn update(&mut self) {
        self.only.next = self.word.val() & (!self.word.val() + 1);
        self.lowest.next = self.only.val();
        self.rest.next = self.word.val() & !self.only.val();
        // The numbers of two bits differ somewhere; to see that takes no carry.
        self.single.next = true;
        for b in 0..self.bits.val() {
            if (self.word.val() & self.with_bit[b].val()).any()
                && (self.word.val() & !self.with_bit[b].val()).any()
            {
                self.single.next = false;
            }
        }
        // Bit b of the number is set if the lowest bit is one of those whose numbers have it.
        self.number.next = 0.into();
        for b in 0..self.bits.val() {
            self.number.next = self
                .number
                .val()
                .replace_bit(b, (self.only.val() & self.with_bit[b].val()).any());
        }
    }
}
