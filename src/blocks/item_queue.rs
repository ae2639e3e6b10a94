//! A queue between the lists of a PE set and the walker.

use super::item_walker::KIND_W;
use crate::config::Config;
use crate::hdl::prelude::*;

/// Three tokens of the list reader, each with its item, between the Hitmap's memory and the walker.
///
/// ```text
///  reader ── token, flags ──► [comes] ─┬─► [third] ──► [back] ──► [front] ──► token, item of the walker
///  Hitmap ── item, a cycle later ──────┘      └──────────┴───────────▲ consume
///           room: for three, that which comes among them ────────────┘
/// ```
///
/// What the reader does next no longer depends on what the walker does in the same cycle, and the walker sees registers instead of
/// a memory. It stands in a set with `issue = "registered"`.
///
/// **Latency** a token that is there in cycle t is the walker's in t+2, if none is before it; one token a cycle.
/// **Back-pressure** `take` says that the reader's token is taken. **Parameters** widths of an item.
///
/// The test `item_queue_keeps_order` holds it to a queue of three.
#[derive(LogicBlock)]
pub struct ItemQueue {
    /// START, or an error: forget everything.
    pub clear: Bit<In>,
    /// Reader: a token is there.
    pub token: Bit<In>,
    /// Reader: it stands for an empty list.
    pub empty: Bit<In>,
    /// Reader: it is the list's last.
    pub last: Bit<In>,
    /// Reader: its group has the elements of the last channel group, or chunk.
    pub cut: Bit<In>,
    /// Hitmap, in the cycle after its token was taken: kind.
    pub kind: Sig<In>,
    /// … the position's first of the pass.
    pub first: Bit<In>,
    /// … position.
    pub position: Sig<In>,
    /// … entry.
    pub entry: Sig<In>,
    /// … bank of the first element.
    pub bank: Sig<In>,
    /// … word of the first element.
    pub addr: Sig<In>,
    /// … elements that are not 0.
    pub mask: Sig<In>,
    /// Walker: its token is taken.
    pub consume: Bit<In>,
    /// The reader's token is taken.
    pub take: Bit<Out>,
    /// The walker's token is there; what follows is its.
    pub front_token: Bit<Out>,
    /// It stands for an empty list.
    pub front_empty: Bit<Out>,
    /// It is the list's last.
    pub front_last: Bit<Out>,
    /// Its group has the elements of the last channel group, or chunk.
    pub front_cut: Bit<Out>,
    /// Kind.
    pub front_kind: Sig<Out>,
    /// The position's first of the pass.
    pub front_first: Bit<Out>,
    /// Position.
    pub front_position: Sig<Out>,
    /// Entry.
    pub front_entry: Sig<Out>,
    /// Bank of the first element.
    pub front_bank: Sig<Out>,
    /// Word of the first element.
    pub front_addr: Sig<Out>,
    /// Elements that are not 0.
    pub front_mask: Sig<Out>,
    front_valid: BitReg,
    back_valid: BitReg,
    front: Reg,
    back: Reg,
    third: Reg,
    comes: BitReg,
    third_valid: BitReg,
    token_flags: Reg,
    flags: Sig<Local>,
    word: Sig<Local>,
    moves: Bit<Local>,
    word_w: Param,
    mask_at: Param,
    addr_at: Param,
    bank_at: Param,
    entry_at: Param,
    position_at: Param,
    kind_at: Param,
    flags_at: Param,
    empty_flag: Param,
    last_flag: Param,
    cut_flag: Param,
    first_at: Param,
    empty_at: Param,
    last_at: Param,
    cut_at: Param,
    about: About,
}

/// Flags of a token: empty, last, cut.
const FLAGS: usize = 3;

impl ItemQueue {
    /// The queue for items of this configuration.
    pub fn new(config: &Config) -> Self {
        let widths = [
            config.k_max,
            config.feature_w(),
            config.bank_w(),
            config.mcache.entry_w(),
            config.tile_w(),
            KIND_W,
            FLAGS + 1,
        ];
        let at = |field: usize| widths[..field].iter().sum::<usize>();
        let flag = |number: usize| Param::new(at(6) + number);
        ItemQueue {
            clear: Bit::new(),
            token: Bit::new(),
            empty: Bit::new(),
            last: Bit::new(),
            cut: Bit::new(),
            kind: Sig::unsigned(KIND_W),
            first: Bit::new(),
            position: Sig::unsigned(config.tile_w()),
            entry: Sig::unsigned(config.mcache.entry_w()),
            bank: Sig::unsigned(config.bank_w()),
            addr: Sig::unsigned(config.feature_w()),
            mask: Sig::unsigned(config.k_max),
            consume: Bit::new(),
            take: Bit::new(),
            front_token: Bit::new(),
            front_empty: Bit::new(),
            front_last: Bit::new(),
            front_cut: Bit::new(),
            front_kind: Sig::unsigned(KIND_W),
            front_first: Bit::new(),
            front_position: Sig::unsigned(config.tile_w()),
            front_entry: Sig::unsigned(config.mcache.entry_w()),
            front_bank: Sig::unsigned(config.bank_w()),
            front_addr: Sig::unsigned(config.feature_w()),
            front_mask: Sig::unsigned(config.k_max),
            front_valid: BitReg::new(),
            back_valid: BitReg::new(),
            front: Reg::unsigned(at(7)).without_reset(),
            back: Reg::unsigned(at(7)).without_reset(),
            third: Reg::unsigned(at(7)).without_reset(),
            comes: BitReg::new(),
            third_valid: BitReg::new(),
            token_flags: Reg::unsigned(FLAGS).without_reset(),
            flags: Sig::unsigned(FLAGS),
            word: Sig::unsigned(at(7)),
            moves: Bit::new(),
            word_w: Param::new(at(7)),
            mask_at: Param::new(at(0)),
            addr_at: Param::new(at(1)),
            bank_at: Param::new(at(2)),
            entry_at: Param::new(at(3)),
            position_at: Param::new(at(4)),
            kind_at: Param::new(at(5)),
            flags_at: Param::new(at(6)),
            empty_flag: Param::new(0),
            last_flag: Param::new(1),
            cut_flag: Param::new(2),
            empty_at: flag(0),
            last_at: flag(1),
            cut_at: flag(2),
            first_at: flag(FLAGS),
            about: About::new(
                "item_queue",
                "Queue of three tokens with their items, between the lists of a PE set and the walker.",
            ),
        }
    }
}

impl Logic for ItemQueue {
    #[hdl_gen]
    fn update(&mut self) {
        self.flags.next = 0.into();
        self.flags.next = self
            .flags
            .val()
            .replace_bit(self.empty_flag.val(), self.empty.val());
        self.flags.next = self
            .flags
            .val()
            .replace_bit(self.last_flag.val(), self.last.val());
        self.flags.next = self
            .flags
            .val()
            .replace_bit(self.cut_flag.val(), self.cut.val());
        self.word.next = (bit_cast_w(self.mask.val(), self.word_w.val()) << self.mask_at.val())
            | (bit_cast_w(self.addr.val(), self.word_w.val()) << self.addr_at.val())
            | (bit_cast_w(self.bank.val(), self.word_w.val()) << self.bank_at.val())
            | (bit_cast_w(self.entry.val(), self.word_w.val()) << self.entry_at.val())
            | (bit_cast_w(self.position.val(), self.word_w.val()) << self.position_at.val())
            | (bit_cast_w(self.kind.val(), self.word_w.val()) << self.kind_at.val())
            | (bit_cast_w(self.token_flags.val(), self.word_w.val()) << self.flags_at.val());
        self.word.next = self
            .word
            .val()
            .replace_bit(self.first_at.val(), self.first.val());

        // The item of a token that is taken comes a cycle later; so a third one is taken only if there is room when it comes.
        self.take.next = self.token.val()
            && !(self.back_valid.val() && (self.third_valid.val() || self.comes.val()));
        self.comes.next = self.take.val() && !self.clear.val();
        self.token_flags.next = self.flags.val();
        self.moves.next = self.consume.val() || !self.front_valid.val();
        if self.moves.val() {
            self.front.next = self.word.val();
            self.front_valid.next = self.comes.val();
            if self.back_valid.val() {
                self.front.next = self.back.val();
                self.front_valid.next = true;
            }
            self.back.next = self.word.val();
            self.back_valid.next = self.back_valid.val() && self.comes.val();
            if self.third_valid.val() {
                self.back.next = self.third.val();
                self.back_valid.next = true;
            }
            self.third_valid.next = false;
        } else {
            if !self.back_valid.val() {
                self.back.next = self.word.val();
            }
            self.back_valid.next = self.back_valid.val() || self.comes.val();
            self.third_valid.next =
                self.third_valid.val() || (self.back_valid.val() && self.comes.val());
        }
        if !self.third_valid.val() {
            self.third.next = self.word.val();
        }
        if self.clear.val() {
            self.front_valid.next = false;
            self.back_valid.next = false;
            self.third_valid.next = false;
        }

        self.front_token.next = self.front_valid.val();
        self.front_mask.next = unsigned_cast(self.front.val() >> self.mask_at.val());
        self.front_addr.next = unsigned_cast(self.front.val() >> self.addr_at.val());
        self.front_bank.next = unsigned_cast(self.front.val() >> self.bank_at.val());
        self.front_entry.next = unsigned_cast(self.front.val() >> self.entry_at.val());
        self.front_position.next = unsigned_cast(self.front.val() >> self.position_at.val());
        self.front_kind.next = unsigned_cast(self.front.val() >> self.kind_at.val());
        self.front_first.next = self.front.val().get_bit(self.first_at.val());
        self.front_empty.next = self.front.val().get_bit(self.empty_at.val());
        self.front_last.next = self.front.val().get_bit(self.last_at.val());
        self.front_cut.next = self.front.val().get_bit(self.cut_at.val());
    }
}
