//! The table of a vector's elements: where each lies behind the first.

use super::patch_agu::ADDR_W;
use crate::config::Config;
use crate::hdl::prelude::*;

/// Gives bank and word address of an element from its number and the place of its vector's first element.
///
/// ```text
///  READS beats ─► [LUT RAM: bank, addr of element k] ─► + first element's ─► bank ≥ L: bank -= L, addr += wrap_addr
///  number ─────────────▲
/// ```
///
/// **Latency** 0; an element that is written can be read from the next cycle on. **Back-pressure** none. **Parameters** `l` 1…15
/// banks, `k_max` 1…64, `feature_words`.
///
/// The test `item_walker_issues_every_list` holds the walker with it to a plain formulation; the gate test `element_table` its
/// Verilog with it.
#[derive(LogicBlock)]
pub struct ElementTable {
    /// Write an element.
    pub write: Bit<In>,
    /// Its number.
    pub write_number: Sig<In>,
    /// Its bank, counted from the first element's.
    pub write_bank: Sig<In>,
    /// Its word address, counted from the first element's.
    pub write_addr: Sig<In>,
    /// Number of the element to look up.
    pub number: Sig<In>,
    /// The first element's bank.
    pub first_bank: Sig<In>,
    /// The first element's word address.
    pub first_addr: Sig<In>,
    /// Job: words per bank wrap.
    pub wrap_addr: Sig<In>,
    /// The element's bank.
    pub bank: Sig<Out>,
    /// The element's word address.
    pub addr: Sig<Out>,
    banks: LutRam,
    addrs: LutRam,
    bank_sum: Sig<Local>,
    bank_count: Param,
    bank_w: Param,
    sum_w: Param,
    about: About,
}

impl ElementTable {
    /// The table of this configuration.
    pub fn new(config: &Config) -> Self {
        let bank = || Sig::unsigned(config.bank_w());
        let addr = || Sig::unsigned(config.feature_w());
        ElementTable {
            write: Bit::new(),
            write_number: Sig::unsigned(config.k_w()),
            write_bank: bank(),
            write_addr: addr(),
            number: Sig::unsigned(config.k_w()),
            first_bank: bank(),
            first_addr: addr(),
            wrap_addr: Sig::unsigned(ADDR_W),
            bank: Sig::unsigned(config.bank_w()),
            addr: Sig::unsigned(config.feature_w()),
            banks: LutRam::unsigned(config.bank_w(), 1 << config.k_w()),
            addrs: LutRam::unsigned(config.feature_w(), 1 << config.k_w()),
            bank_sum: Sig::unsigned(config.bank_w() + 1),
            bank_count: Param::new(config.l),
            bank_w: Param::new(config.bank_w()),
            sum_w: Param::new(config.bank_w() + 1),
            about: About::new(
                "element_table",
                "Where each element of a vector lies: bank and word address behind the vector's first element.",
            ),
        }
    }
}

impl Logic for ElementTable {
    #[hdl_gen]
    fn update(&mut self) {
        self.banks.write_enable.next = self.write.val();
        self.banks.write_address.next = self.write_number.val();
        self.banks.write_data.next = self.write_bank.val();
        self.banks.read_address.next = self.number.val();
        self.addrs.write_enable.next = self.write.val();
        self.addrs.write_address.next = self.write_number.val();
        self.addrs.write_data.next = self.write_addr.val();
        self.addrs.read_address.next = self.number.val();
        self.bank_sum.next = bit_cast_w(self.first_bank.val(), self.sum_w.val())
            + bit_cast_w(self.banks.read_data.val(), self.sum_w.val());
        self.bank.next = bit_cast_w(self.bank_sum.val(), self.bank_w.val());
        self.addr.next = self.first_addr.val() + self.addrs.read_data.val();
        if self.bank_sum.val() >= self.bank_count.val() {
            self.bank.next = bit_cast_w(
                self.bank_sum.val() - self.bank_count.val(),
                self.bank_w.val(),
            );
            self.addr.next = self.first_addr.val()
                + self.addrs.read_data.val()
                + unsigned_cast(self.wrap_addr.val());
        }
    }
}
