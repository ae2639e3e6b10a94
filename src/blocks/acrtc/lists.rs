//! One lane's lists: what of each row is multiplied.

use super::bank_w;
use crate::config::count_width;
use crate::config::tc::{ROW_BANKS, TcConfig};
use crate::hdl::prelude::*;

/// Rounds the elements of one lane, subtracts those of the previous row, and keeps the elements and the differences that are not
/// zero, each with its step.
///
/// ```text
///  cycle t       t+1                 t+2            t+3                                      t+4
///  element ─► q ─► [u] ─► previous row ─► u − old ─► [u, δ] ─► ≠ 0 ─► plain list, delta list   close: length of the kind that is used
///                                                            └► extends: longer than the longest
///  cycle c                   c+1
///  read_bank, item ─► [lists] ─► value, value_step, working
/// ```
///
/// **Latency** as drawn; `extends_…` and `overflow` stand in t+3. **Back-pressure** none: who takes elements knows that the bank is free.
/// **Parameters** `data_w`, `steps`.
///
/// The test `lists_hold_what_changed` checks items and lengths; `lane_lists` in `tests/acrtc/gates.rs` compares its Verilog with it.
#[derive(LogicBlock)]
pub struct LaneLists {
    /// An element of this lane is taken.
    pub take: Bit<In>,
    /// The element.
    pub element: Sig<In>,
    /// Its step.
    pub step: Sig<In>,
    /// Bank of its row.
    pub bank: Sig<In>,
    /// Job: low bits rounded away.
    pub level: Sig<In>,
    /// Job: zeros are kept in the plain list.
    pub keep_zeros: Bit<In>,
    /// Longest plain list of the row so far, three cycles after the element.
    pub longest_plain: Sig<In>,
    /// Longest delta list.
    pub longest_delta: Sig<In>,
    /// The plain list becomes longer than the longest.
    pub extends_plain: Bit<Out>,
    /// The delta list does.
    pub extends_delta: Bit<Out>,
    /// A difference does not fit an operand.
    pub overflow: Bit<Out>,
    /// The lists of a row are complete.
    pub close: Bit<In>,
    /// Its bank.
    pub close_bank: Sig<In>,
    /// Its delta lists are used.
    pub close_delta: Bit<In>,
    /// Bank to read.
    pub read_bank: Sig<In>,
    /// Item to read.
    pub item: Sig<In>,
    /// From the delta list.
    pub read_delta: Bit<In>,
    /// An item is issued.
    pub issue: Bit<In>,
    /// There was such an item, one cycle later.
    pub working: Bit<Out>,
    /// What is multiplied; 0 if there was none.
    pub value: Sig<Out>,
    /// Step that it belongs to.
    pub value_step: Sig<Out>,
    widened: Sig<Local>,
    shifted: Sig<Local>,
    floor: Sig<Local>,
    most: Sig<Local>,
    sticky_mask: Sig<Local>,
    round_up: Bit<Local>,
    rounded: Sig<Local>,
    take_q: Vec<BitReg>,
    step_q: Vec<Reg>,
    bank_q: Vec<Reg>,
    u_q: Vec<Reg>,
    old: Sig<Local>,
    wide_u: Sig<Local>,
    difference: Sig<Local>,
    delta: Reg,
    overflow_q: BitReg,
    previous: Ram,
    plain: Ram,
    changed: Ram,
    first: Bit<Local>,
    plain_at: Sig<Local>,
    delta_at: Sig<Local>,
    push_plain: Bit<Local>,
    push_delta: Bit<Local>,
    u_bits: Sig<Local>,
    delta_bits: Sig<Local>,
    plain_count: Reg,
    delta_count: Reg,
    length: Vec<Reg>,
    length_now: Sig<Local>,
    working_q: BitReg,
    read_delta_q: BitReg,
    entry: Sig<Local>,
    banks: Param,
    address_w: Param,
    entry_w: Param,
    step_bits: Param,
    data_w: Param,
    sign_at: Param,
    largest: Const,
    one: Const,
    about: About,
}

impl LaneLists {
    /// The lists of a lane of this configuration.
    pub fn new(config: &TcConfig) -> Self {
        let data = config.data_w;
        let step_w = address_width(config.steps);
        let count_w = count_width(config.steps);
        let depth = ROW_BANKS * config.steps;
        let count = || Sig::unsigned(count_w);
        let value = || Sig::signed(data);
        LaneLists {
            take: Bit::new(),
            element: value(),
            step: Sig::unsigned(step_w),
            bank: Sig::unsigned(bank_w()),
            level: Sig::unsigned(super::LEVEL_W),
            keep_zeros: Bit::new(),
            longest_plain: Sig::unsigned(count_w),
            longest_delta: Sig::unsigned(count_w),
            extends_plain: Bit::new(),
            extends_delta: Bit::new(),
            overflow: Bit::new(),
            close: Bit::new(),
            close_bank: Sig::unsigned(bank_w()),
            close_delta: Bit::new(),
            read_bank: Sig::unsigned(bank_w()),
            item: Sig::unsigned(step_w),
            read_delta: Bit::new(),
            issue: Bit::new(),
            working: Bit::new(),
            value: Sig::signed(data),
            value_step: Sig::unsigned(step_w),
            widened: Sig::signed(data + 1),
            shifted: Sig::signed(data + 1),
            floor: Sig::signed(data),
            most: Sig::signed(data),
            sticky_mask: Sig::unsigned(data),
            round_up: Bit::new(),
            rounded: Sig::signed(data),
            take_q: (0..3).map(|_| BitReg::new()).collect(),
            step_q: (0..3)
                .map(|_| Reg::unsigned(step_w).without_reset())
                .collect(),
            bank_q: (0..3)
                .map(|_| Reg::unsigned(bank_w()).without_reset())
                .collect(),
            u_q: (0..3).map(|_| Reg::signed(data).without_reset()).collect(),
            old: Sig::signed(data + 1),
            wide_u: Sig::signed(data + 1),
            difference: Sig::signed(data + 1),
            delta: Reg::signed(data).without_reset(),
            overflow_q: BitReg::new().without_reset(),
            previous: Ram::signed(data, config.steps),
            plain: Ram::unsigned(step_w + data, depth).ignoring_collisions(),
            changed: Ram::unsigned(step_w + data, depth).ignoring_collisions(),
            first: Bit::new(),
            plain_at: count(),
            delta_at: count(),
            push_plain: Bit::new(),
            push_delta: Bit::new(),
            u_bits: Sig::unsigned(data),
            delta_bits: Sig::unsigned(data),
            plain_count: Reg::unsigned(count_w).without_reset(),
            delta_count: Reg::unsigned(count_w).without_reset(),
            length: (0..ROW_BANKS)
                .map(|_| Reg::unsigned(count_w).without_reset())
                .collect(),
            length_now: count(),
            working_q: BitReg::new(),
            read_delta_q: BitReg::new().without_reset(),
            entry: Sig::unsigned(step_w + data),
            banks: Param::new(ROW_BANKS),
            address_w: Param::new(address_width(depth)),
            entry_w: Param::new(step_w + data),
            step_bits: Param::new(step_w),
            data_w: Param::new(data),
            sign_at: Param::new(data - 1),
            largest: Const::new(Value::signed(data, (1 << (data - 1)) - 1)),
            one: Const::new(Value::unsigned(data, 1)),
            about: About::new(
                "lane_lists",
                "One lane's lists: elements that are not zero, and differences from the previous row that are not zero.",
            ),
        }
    }
}

impl Logic for LaneLists {
    #[hdl_gen]
    fn update(&mut self) {
        // t: half to even; the largest value cannot be rounded up.
        self.widened.next = signed_cast(self.element.val());
        self.shifted.next = (self.widened.val() << 1) >> self.level.val();
        self.floor.next = signed_cast(self.shifted.val() >> 1);
        self.most.next = self.largest.val() >> self.level.val();
        self.sticky_mask.next = 0.into();
        if self.level.val() != 0 {
            self.sticky_mask.next = (self.one.val() << (self.level.val() - 1)) - 1;
        }
        self.round_up.next = self.shifted.val().get_bit(0)
            && (self.floor.val().get_bit(0)
                || (bit_cast_w(self.element.val(), self.data_w.val()) & self.sticky_mask.val())
                    .any())
            && (self.floor.val() != self.most.val());
        self.rounded.next = self.floor.val();
        if self.round_up.val() {
            self.rounded.next = self.floor.val() + 1;
        }
        self.take_q[0].next = self.take.val();
        self.step_q[0].next = self.step.val();
        self.bank_q[0].next = self.bank.val();
        self.u_q[0].next = self.rounded.val();
        for i in 1..3 {
            self.take_q[i].next = self.take_q[i - 1].val();
            self.step_q[i].next = self.step_q[i - 1].val();
            self.bank_q[i].next = self.bank_q[i - 1].val();
            self.u_q[i].next = self.u_q[i - 1].val();
        }

        // t+1: the element takes the place of the previous row's, which is read. t+2: the difference.
        self.previous.write_enable.next = self.take_q[0].val();
        self.previous.write_address.next = self.step_q[0].val();
        self.previous.write_data.next = self.u_q[0].val();
        self.previous.read_enable.next = true;
        self.previous.read_address.next = self.step_q[0].val();
        self.wide_u.next = signed_cast(self.u_q[1].val());
        self.old.next = signed_cast(self.previous.read_data.val());
        self.difference.next = self.wide_u.val() - self.old.val();
        self.delta.next = signed_cast(self.difference.val());
        self.overflow_q.next = self.difference.val().get_bit(self.data_w.val())
            != self.difference.val().get_bit(self.sign_at.val());

        // t+3: into the lists.
        self.first.next = self.step_q[2].val() == 0;
        self.plain_at.next = self.plain_count.val();
        self.delta_at.next = self.delta_count.val();
        if self.first.val() {
            self.plain_at.next = 0.into();
            self.delta_at.next = 0.into();
        }
        self.push_plain.next =
            self.take_q[2].val() && ((self.u_q[2].val() != 0) || self.keep_zeros.val());
        self.push_delta.next = self.take_q[2].val() && (self.delta.val() != 0);
        self.extends_plain.next =
            self.push_plain.val() && (self.plain_at.val() == self.longest_plain.val());
        self.extends_delta.next =
            self.push_delta.val() && (self.delta_at.val() == self.longest_delta.val());
        self.overflow.next = self.take_q[2].val() && self.overflow_q.val();
        if self.take_q[2].val() {
            self.plain_count.next = self.plain_at.val();
            self.delta_count.next = self.delta_at.val();
        }
        if self.push_plain.val() {
            self.plain_count.next = self.plain_at.val() + 1;
        }
        if self.push_delta.val() {
            self.delta_count.next = self.delta_at.val() + 1;
        }
        self.u_bits.next = unsigned_cast(self.u_q[2].val());
        self.delta_bits.next = unsigned_cast(self.delta.val());
        self.plain.write_enable.next = self.push_plain.val();
        self.plain.write_address.next = (bit_cast_w(self.bank_q[2].val(), self.address_w.val())
            << self.step_bits.val())
            | unsigned_cast(self.plain_at.val());
        self.plain.write_data.next = (bit_cast_w(self.step_q[2].val(), self.entry_w.val())
            << self.data_w.val())
            | unsigned_cast(self.u_bits.val());
        self.changed.write_enable.next = self.push_delta.val();
        self.changed.write_address.next = (bit_cast_w(self.bank_q[2].val(), self.address_w.val())
            << self.step_bits.val())
            | unsigned_cast(self.delta_at.val());
        self.changed.write_data.next = (bit_cast_w(self.step_q[2].val(), self.entry_w.val())
            << self.data_w.val())
            | unsigned_cast(self.delta_bits.val());

        // t+4.
        for i in 0..self.banks.val() {
            if self.close.val() && (self.close_bank.val() == i) {
                self.length[i].next = self.plain_count.val();
                if self.close_delta.val() {
                    self.length[i].next = self.delta_count.val();
                }
            }
        }

        // Reading.
        self.length_now.next = self.length[0].val();
        for i in 1..self.banks.val() {
            if self.read_bank.val() == i {
                self.length_now.next = self.length[i].val();
            }
        }
        self.working_q.next =
            self.issue.val() && (unsigned_cast(self.item.val()) < self.length_now.val());
        self.read_delta_q.next = self.read_delta.val();
        self.plain.read_enable.next = true;
        self.plain.read_address.next = (bit_cast_w(self.read_bank.val(), self.address_w.val())
            << self.step_bits.val())
            | unsigned_cast(self.item.val());
        self.changed.read_enable.next = true;
        self.changed.read_address.next = (bit_cast_w(self.read_bank.val(), self.address_w.val())
            << self.step_bits.val())
            | unsigned_cast(self.item.val());
        self.entry.next = self.plain.read_data.val();
        if self.read_delta_q.val() {
            self.entry.next = self.changed.read_data.val();
        }
        self.working.next = self.working_q.val();
        self.value.next = 0.into();
        if self.working_q.val() {
            self.value.next = signed_cast(self.entry.val());
        }
        self.value_step.next = unsigned_cast(self.entry.val() >> self.data_w.val());
    }
}
