//! Which lane of a detector each bank of the feature buffer serves.

use super::patch_agu::ADDR_W;
use crate::config::Config;
use crate::hdl::prelude::*;

/// Gives each bank the address of the lane whose element it holds, and sees steps that must not be.
///
/// ```text
///  lane l: present, bank, addr ─► ([·]) ─► bank b: the lane with bank = b ─► read_addr[b]
///                                     └──► two lanes in one bank ─► [·] ─┐
///  lane l: addr ─► [·] ─► addr ≥ FEATURE_WORDS, and reads ─► [·] ────────┴─► bad
/// ```
///
/// **Latency** 0 to `read_addr`, 1 with `issue = "registered"` ([`Config::address_cycles`]); `bad` 2 cycles behind the lanes, or 1 if two
/// lanes meet in one bank and no register stands in front: nobody waits for it. **Back-pressure** none.
/// **Parameters** `l` 1…15 lanes and banks; `feature_words`; `issue`. A bank that no lane needs gets the address of lane 0.
///
/// The test `bank_choice_gives_each_bank_its_lane` holds it to that; the gate tests `bank_choice` and `bank_choice_registered` its
/// Verilog to it.
#[derive(LogicBlock)]
pub struct BankChoice {
    /// The lane has an element in this step.
    pub present: Vec<Bit<In>>,
    /// The element of the step before is inside of the image.
    pub reads: Vec<Bit<In>>,
    /// Its bank.
    pub bank: Vec<Sig<In>>,
    /// Its word address, modulo 2^16.
    pub addr: Vec<Sig<In>>,
    /// Word address in each bank.
    pub read_addr: Vec<Sig<Out>>,
    /// An element beyond the feature buffer, or two of a step in one bank.
    pub bad: Bit<Out>,
    addr_q: Vec<Reg>,
    present_q: Vec<BitReg>,
    bank_q: Vec<Reg>,
    present_now: Vec<Bit<Local>>,
    bank_now: Vec<Sig<Local>>,
    addr_now: Vec<Sig<Local>>,
    taken: Bit<Local>,
    collides: Bit<Local>,
    collides_q: BitReg,
    beyond: Vec<BitReg>,
    lanes: Param,
    registered: Param,
    feature_words: Param,
    about: About,
}

impl BankChoice {
    /// The choice for a configuration's lanes.
    pub fn new(config: &Config) -> Self {
        let lanes = config.l;
        let registered = lanes * config.address_cycles();
        let bank_w = config.bank_w();
        BankChoice {
            present: (0..lanes).map(|_| Bit::new()).collect(),
            reads: (0..lanes).map(|_| Bit::new()).collect(),
            bank: (0..lanes).map(|_| Sig::unsigned(bank_w)).collect(),
            addr: (0..lanes).map(|_| Sig::unsigned(ADDR_W)).collect(),
            read_addr: (0..lanes)
                .map(|_| Sig::unsigned(config.feature_w()))
                .collect(),
            bad: Bit::new(),
            addr_q: (0..lanes)
                .map(|_| Reg::unsigned(ADDR_W).without_reset())
                .collect(),
            present_q: (0..registered).map(|_| BitReg::new()).collect(),
            bank_q: (0..registered)
                .map(|_| Reg::unsigned(bank_w).without_reset())
                .collect(),
            present_now: (0..lanes).map(|_| Bit::new()).collect(),
            bank_now: (0..lanes).map(|_| Sig::unsigned(bank_w)).collect(),
            addr_now: (0..lanes).map(|_| Sig::unsigned(ADDR_W)).collect(),
            taken: Bit::new(),
            collides: Bit::new(),
            collides_q: BitReg::new(),
            beyond: (0..lanes).map(|_| BitReg::new()).collect(),
            lanes: Param::new(lanes),
            registered: Param::new(config.address_cycles()),
            feature_words: Param::new(config.feature_words),
            about: About::new(
                "bank_choice",
                "Gives each bank of the feature buffer the address of the detector lane whose element it holds.",
            ),
        }
    }
}

impl Logic for BankChoice {
    #[hdl_gen]
    fn update(&mut self) {
        self.bad.next = self.collides_q.val();
        for l in 0..self.lanes.val() {
            self.addr_q[l].next = self.addr[l].val();
            self.present_now[l].next = self.present[l].val();
            self.bank_now[l].next = self.bank[l].val();
            self.addr_now[l].next = self.addr[l].val();
            for r in 0..self.registered.val() {
                self.present_q[l + r].next = self.present[l].val();
                self.bank_q[l + r].next = self.bank[l].val();
                self.present_now[l].next = self.present_q[l + r].val();
                self.bank_now[l].next = self.bank_q[l + r].val();
                self.addr_now[l].next = self.addr_q[l].val();
            }
            self.beyond[l].next =
                self.reads[l].val() && (self.addr_q[l].val() >= self.feature_words.val());
            if self.beyond[l].val() {
                self.bad.next = true;
            }
        }

        // In every bank at most one lane reads.
        self.collides.next = false;
        for b in 0..self.lanes.val() {
            self.read_addr[b].next = unsigned_cast(self.addr_now[0].val());
            self.taken.next = false;
            for l in 0..self.lanes.val() {
                if self.present_now[l].val() && (self.bank_now[l].val() == b) {
                    if self.taken.val() {
                        self.collides.next = true;
                    }
                    self.taken.next = true;
                    self.read_addr[b].next = unsigned_cast(self.addr_now[l].val());
                }
            }
        }
        self.collides_q.next = self.collides.val();
    }
}
