//! The feature buffer of one PE set.

use crate::config::Config;
use crate::hdl::prelude::*;

/// L banks of block RAM, written a beat at a time, read an element at a time.
///
/// ```text
///  write (bank, beat address, BUS bits) ─► [bank 0] ─┐
///                                          [bank 1] ─┼─► bank mux ─► lane mux ─► and in_image ─► x
///  read word address ── upper bits ──────► [bank L-1]┘      u+1         u+1          u+1         (u+2)
///
///  same writes ─► [copy 0…L-1] ─► lane mux ─► detect_x[b]      only with `reuse`: the detector's port, one word a bank
///  detect_addr[b] ────▲                         (u+2)
/// ```
///
/// **Latency** an address given in cycle u gives `x` in u+2, `detect_addr[b]` gives `detect_x[b]` in u+2. A beat written
/// in cycle t can be read from t+1.
/// **Back-pressure** none: one read by each port and one write every cycle.
/// **Parameters** `l` banks (1…15), `bus_w` and `data_w` (LANES = bus_w / data_w words per beat),
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
    /// The element is 1 instead (cycle u+1). Empty without `reuse`.
    pub one: Vec<Bit<In>>,
    /// The element (cycle u+2).
    pub x: Sig<Out>,
    /// Detection: word address in each bank (cycle u). Empty without `reuse`.
    pub detect_addr: Vec<Sig<In>>,
    /// Detection: the word of each bank (cycle u+2).
    pub detect_x: Vec<Sig<Out>>,
    banks: Vec<Ram>,
    copies: Vec<Ram>,
    copy_lane: Vec<Reg>,
    copy_shift: Vec<Sig<Local>>,
    copy_x: Vec<Reg>,
    copy_count: Param,
    ones: Param,
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
            copy_count: Param::new(copies),
            ones: Param::new(usize::from(config.reuse)),
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
        for b in 0..self.bank_count.val() {
            self.banks[b].write_enable.next = self.write.val() && (self.write_bank.val() == b);
            self.banks[b].write_address.next = self.write_addr.val();
            self.banks[b].write_data.next = self.write_data.val();
            self.banks[b].read_enable.next = true;
            self.banks[b].read_address.next = unsigned_cast(self.addr.val() >> self.lane_w.val());
        }
        self.bank_read.next = self.bank.val();
        self.lane_read.next = unsigned_cast(self.addr.val());
        self.in_image_read.next = self.in_image.val();

        self.beat.next = self.banks[0].read_data.val();
        for b in 1..self.bank_count.val() {
            if self.bank_read.val() == b {
                self.beat.next = self.banks[b].read_data.val();
            }
        }
        self.x_out.next = 0.into();
        if self.in_image_read.val() {
            self.x_out.next = signed_cast(
                self.beat.val()
                    >> (bit_cast_w(self.lane_read.val(), self.lane_bits.val())
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
            self.copy_x[b].next = signed_cast(
                self.copies[b].read_data.val()
                    >> (self.copy_shift[b].val() << self.data_bits.val()),
            );
            self.detect_x[b].next = self.copy_x[b].val();
        }
    }
}
