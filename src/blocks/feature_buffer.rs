//! The feature buffer of one PE set.

use crate::config::{Config, Issue};
use crate::hdl::prelude::*;

/// L banks of block RAM, written a beat at a time, read an element at a time.
///
/// ```text
///  write (bank, beat address, BUS bits) ─► [bank 0] ─┐
///                                          [bank 1] ─┼─► bank mux ─► lane mux ─► and in_image ─► x
///  read word address ── upper bits ──────► [bank L-1]┘      u+1         u+1          u+1         (u+2)
///
///  issue = "registered": a register in front of the banks, and one behind each, of the copies too: x and detect_x in u+4
///
///  same writes ─► [copy 0…L-1] ─► lane mux ─► detect_x[b]      only with `reuse`: the detector's port, one word a bank
///  detect_addr[b] ────▲                         (u+2)
/// ```
///
/// **Latency** an address given in cycle u gives `x` in u+2, with `issue = "registered"` in u+4; `detect_addr[b]` gives
/// `detect_x[b]` in u+2, with `issue = "registered"` in u+4 as well. A beat written in cycle t can be read from t+1.
/// **Back-pressure** none: one read by each port and one write every cycle.
/// **Parameters** `issue`; `l` banks (1…15), `bus_w` and `data_w` (LANES = bus_w / data_w words per beat),
/// `feature_words` words per bank, a power of two and at least 2·LANES; `reuse`: the detection port exists.
///
/// The test `feature_buffer_reads_every_word` fills it and reads it back; `detection_follows_the_contract` reads by the
/// detection port.
#[derive(LogicBlock)]
pub struct FeatureBuffer {
    /// Write the beat.
    pub write: Bit<In>,
    /// Bank to write.
    pub write_bank: Sig<In>,
    /// Beat address to write.
    pub write_addr: Sig<In>,
    /// Beat to write.
    pub write_data: Sig<In>,
    /// Bank of the element (cycle u).
    pub bank: Sig<In>,
    /// Word address of the element in its bank (cycle u).
    pub addr: Sig<In>,
    /// 0 makes the element 0: padding (cycle u).
    pub in_image: Bit<In>,
    /// The element is 1 instead (one cycle before `x`). Empty without `reuse`.
    pub one: Vec<Bit<In>>,
    /// The element (cycle u+2, or u+4).
    pub x: Sig<Out>,
    /// Detection: word address in each bank (cycle u). Empty without `reuse`.
    pub detect_addr: Vec<Sig<In>>,
    /// Detection: the word of each bank (cycle u+2, or u+4).
    pub detect_x: Vec<Sig<Out>>,
    banks: Vec<Ram>,
    copies: Vec<Ram>,
    copy_lane: Vec<Reg>,
    copy_shift: Vec<Sig<Local>>,
    copy_x: Vec<Reg>,
    copy_word: Vec<Sig<Local>>,
    copy_addr: Vec<Reg>,
    copy_late: Vec<Reg>,
    copy_lane_late: Vec<Reg>,
    late_copies: Param,
    copy_count: Param,
    ones: Param,
    registered: Param,
    read_bank: Sig<Local>,
    read_addr: Sig<Local>,
    read_inside: Bit<Local>,
    bank_early: Vec<Reg>,
    addr_early: Vec<Reg>,
    inside_early: Vec<BitReg>,
    word: Vec<Sig<Local>>,
    word_late: Vec<Reg>,
    bank_late: Vec<Reg>,
    lane_late: Vec<Reg>,
    inside_late: Vec<BitReg>,
    of_bank: Sig<Local>,
    of_lane: Sig<Local>,
    of_image: Bit<Local>,
    bank_read: Reg,
    lane_read: Reg,
    in_image_read: BitReg,
    beat: Sig<Local>,
    x_out: Reg,
    bank_count: Param,
    lane_bits: Param,
    lane_w: Param,
    data_bits: Param,
    about: About,
}

impl FeatureBuffer {
    /// The buffer of this configuration.
    pub fn new(config: &Config) -> Self {
        let copies = if config.reuse { config.l } else { 0 };
        let bank = || Ram::unsigned(config.bus_w, config.bank_depth()).ignoring_collisions();
        let registered = usize::from(config.issue == Issue::Registered);
        let data = |number: usize, width: usize| {
            let register = |_| Reg::unsigned(width).without_reset();
            (0..number).map(register).collect::<Vec<_>>()
        };
        let flag = || {
            let register = |_| BitReg::new().without_reset();
            (0..registered).map(register).collect()
        };
        FeatureBuffer {
            write: Bit::new(),
            write_bank: Sig::unsigned(config.bank_w()),
            write_addr: Sig::unsigned(config.bank_depth_w()),
            write_data: Sig::unsigned(config.bus_w),
            bank: Sig::unsigned(config.bank_w()),
            addr: Sig::unsigned(config.feature_w()),
            in_image: Bit::new(),
            one: (0..usize::from(config.reuse)).map(|_| Bit::new()).collect(),
            x: Sig::signed(config.data_w),
            detect_addr: (0..copies)
                .map(|_| Sig::unsigned(config.feature_w()))
                .collect(),
            detect_x: (0..copies).map(|_| Sig::signed(config.data_w)).collect(),
            banks: (0..config.l).map(|_| bank()).collect(),
            copies: (0..copies).map(|_| bank()).collect(),
            copy_lane: (0..copies)
                .map(|_| Reg::unsigned(config.lane_w()).without_reset())
                .collect(),
            copy_shift: (0..copies)
                .map(|_| Sig::unsigned(config.lane_w() + config.data_w.ilog2() as usize))
                .collect(),
            copy_x: (0..copies)
                .map(|_| Reg::signed(config.data_w).without_reset())
                .collect(),
            copy_word: (0..copies).map(|_| Sig::unsigned(config.bus_w)).collect(),
            copy_addr: data(registered * copies, config.feature_w()),
            copy_late: data(registered * copies, config.bus_w),
            copy_lane_late: data(registered * copies, config.lane_w()),
            late_copies: Param::new(registered * copies),
            copy_count: Param::new(copies),
            ones: Param::new(usize::from(config.reuse)),
            registered: Param::new(registered),
            read_bank: Sig::unsigned(config.bank_w()),
            read_addr: Sig::unsigned(config.feature_w()),
            read_inside: Bit::new(),
            bank_early: data(registered, config.bank_w()),
            addr_early: data(registered, config.feature_w()),
            inside_early: flag(),
            word: (0..config.l).map(|_| Sig::unsigned(config.bus_w)).collect(),
            word_late: data(registered * config.l, config.bus_w),
            bank_late: data(registered, config.bank_w()),
            lane_late: data(registered, config.lane_w()),
            inside_late: flag(),
            of_bank: Sig::unsigned(config.bank_w()),
            of_lane: Sig::unsigned(config.lane_w()),
            of_image: Bit::new(),
            bank_read: Reg::unsigned(config.bank_w()).without_reset(),
            lane_read: Reg::unsigned(config.lane_w()).without_reset(),
            in_image_read: BitReg::new().without_reset(),
            beat: Sig::unsigned(config.bus_w),
            x_out: Reg::signed(config.data_w).without_reset(),
            bank_count: Param::new(config.l),
            lane_bits: Param::new(config.lane_w() + config.data_w.ilog2() as usize),
            lane_w: Param::new(config.lane_w()),
            data_bits: Param::new(config.data_w.ilog2() as usize),
            about: About::new(
                "feature_buffer",
                "Feature buffer of one PE set: banks of block RAM, written a beat at a time, read an element at a \
                 time. An element outside of the image reads as 0.",
            ),
        }
    }
}

impl Logic for FeatureBuffer {
    #[hdl_gen]
    fn update(&mut self) {
        self.read_bank.next = self.bank.val();
        self.read_addr.next = self.addr.val();
        self.read_inside.next = self.in_image.val();
        for r in 0..self.registered.val() {
            self.bank_early[r].next = self.bank.val();
            self.addr_early[r].next = self.addr.val();
            self.inside_early[r].next = self.in_image.val();
            self.read_bank.next = self.bank_early[r].val();
            self.read_addr.next = self.addr_early[r].val();
            self.read_inside.next = self.inside_early[r].val();
        }
        for b in 0..self.bank_count.val() {
            self.banks[b].write_enable.next = self.write.val() && (self.write_bank.val() == b);
            self.banks[b].write_address.next = self.write_addr.val();
            self.banks[b].write_data.next = self.write_data.val();
            self.banks[b].read_enable.next = true;
            self.banks[b].read_address.next =
                unsigned_cast(self.read_addr.val() >> self.lane_w.val());
            self.word[b].next = self.banks[b].read_data.val();
        }
        self.bank_read.next = self.read_bank.val();
        self.lane_read.next = unsigned_cast(self.read_addr.val());
        self.in_image_read.next = self.read_inside.val();
        self.of_bank.next = self.bank_read.val();
        self.of_lane.next = self.lane_read.val();
        self.of_image.next = self.in_image_read.val();
        for r in 0..self.registered.val() {
            for b in 0..self.bank_count.val() {
                self.word_late[b].next = self.banks[b].read_data.val();
                self.word[b].next = self.word_late[b].val();
            }
            self.bank_late[r].next = self.bank_read.val();
            self.lane_late[r].next = self.lane_read.val();
            self.inside_late[r].next = self.in_image_read.val();
            self.of_bank.next = self.bank_late[r].val();
            self.of_lane.next = self.lane_late[r].val();
            self.of_image.next = self.inside_late[r].val();
        }

        self.beat.next = self.word[0].val();
        for b in 1..self.bank_count.val() {
            if self.of_bank.val() == b {
                self.beat.next = self.word[b].val();
            }
        }
        self.x_out.next = 0.into();
        if self.of_image.val() {
            self.x_out.next = signed_cast(
                self.beat.val()
                    >> (bit_cast_w(self.of_lane.val(), self.lane_bits.val())
                        << self.data_bits.val()),
            );
        }
        for r in 0..self.ones.val() {
            if self.one[r].val() {
                self.x_out.next = 1.into();
            }
        }
        self.x.next = self.x_out.val();

        for b in 0..self.copy_count.val() {
            self.copies[b].write_enable.next = self.write.val() && (self.write_bank.val() == b);
            self.copies[b].write_address.next = self.write_addr.val();
            self.copies[b].write_data.next = self.write_data.val();
            self.copies[b].read_enable.next = true;
            self.copies[b].read_address.next =
                unsigned_cast(self.detect_addr[b].val() >> self.lane_w.val());
            self.copy_lane[b].next = unsigned_cast(self.detect_addr[b].val());
            self.copy_shift[b].next = unsigned_cast(self.copy_lane[b].val());
            self.copy_word[b].next = self.copies[b].read_data.val();
            self.detect_x[b].next = self.copy_x[b].val();
        }
        for b in 0..self.late_copies.val() {
            self.copy_addr[b].next = self.detect_addr[b].val();
            self.copies[b].read_address.next =
                unsigned_cast(self.copy_addr[b].val() >> self.lane_w.val());
            self.copy_lane[b].next = unsigned_cast(self.copy_addr[b].val());
            self.copy_lane_late[b].next = self.copy_lane[b].val();
            self.copy_shift[b].next = unsigned_cast(self.copy_lane_late[b].val());
            self.copy_late[b].next = self.copies[b].read_data.val();
            self.copy_word[b].next = self.copy_late[b].val();
        }
        for b in 0..self.copy_count.val() {
            self.copy_x[b].next = signed_cast(
                self.copy_word[b].val() >> (self.copy_shift[b].val() << self.data_bits.val()),
            );
        }
    }
}
