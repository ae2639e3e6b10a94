//! The weight ring of one PE set: which groups of weights are there, and where they lie.

use super::loop_nest::COUNT_W;
use crate::config::Config;
use crate::hdl::prelude::*;

/// Keeps account of the weight ring that all PEs of a set have alike: groups of K words, filled and used in order.
///
/// ```text
///  row_accepted ─► w_used ─► room          group_loaded ─► w_groups ─► ready
///  row_written ──► write_addr
///  group_used ───► w_used − K, w_groups − 1, w_base + K        w_base + element ─► read_addr
/// ```
///
/// **Latency** 1: what an input changes shows in the next cycle; `read_addr` follows `element` at once.
/// **Back-pressure** none inside: the loader keeps to `room`, the sequencer to `ready`.
/// **Parameters** `weight_words` of the configuration, a power of two.
///
/// The test `weight_ring_counts_words` counts words without end and reduces the numbers.
#[derive(LogicBlock)]
pub struct WeightRing {
    /// Forget everything.
    pub clear: Bit<In>,
    /// A row of weights was accepted: its word is taken.
    pub row_accepted: Bit<In>,
    /// A row of weights is written.
    pub row_written: Bit<In>,
    /// The weights of a group are complete.
    pub group_loaded: Bit<In>,
    /// The last element of a group is issued: its words are free.
    pub group_used: Bit<In>,
    /// Number of the element in its group.
    pub element: Sig<In>,
    /// Words of the group, when its last element is issued.
    pub group_rows: Sig<In>,
    /// The same less one.
    pub group_rows_m1: Sig<In>,
    /// A complete group waits.
    pub ready: Bit<Out>,
    /// `ready` of the next cycle, if no group is used in this one.
    pub ready_kept: Bit<Out>,
    /// … if one is.
    pub ready_used: Bit<Out>,
    /// A word is free.
    pub room: Bit<Out>,
    /// Address of the element's weight.
    pub read_addr: Sig<Out>,
    /// Address of the row being written.
    pub write_addr: Sig<Out>,
    w_groups: Reg,
    w_used: Reg,
    w_base: Reg,
    w_write: Reg,
    one_waits: BitReg,
    two_wait: BitReg,
    weight_words: Param,
    about: About,
}

impl WeightRing {
    /// The ring for a configuration's weight memories.
    pub fn new(config: &Config) -> Self {
        WeightRing {
            clear: Bit::new(),
            row_accepted: Bit::new(),
            row_written: Bit::new(),
            group_loaded: Bit::new(),
            group_used: Bit::new(),
            element: Sig::unsigned(COUNT_W),
            group_rows: Sig::unsigned(COUNT_W),
            group_rows_m1: Sig::unsigned(COUNT_W),
            ready: Bit::new(),
            ready_kept: Bit::new(),
            ready_used: Bit::new(),
            room: Bit::new(),
            read_addr: Sig::unsigned(config.weight_w()),
            write_addr: Sig::unsigned(config.weight_w()),
            w_groups: Reg::unsigned(config.weight_count_w()),
            w_used: Reg::unsigned(config.weight_count_w()),
            w_base: Reg::unsigned(config.weight_w()),
            w_write: Reg::unsigned(config.weight_w()),
            one_waits: BitReg::new(),
            two_wait: BitReg::new(),
            weight_words: Param::new(config.weight_words),
            about: About::new(
                "weight_ring",
                "Account of the weight ring of one PE set: groups of K words, filled and used in order.",
            ),
        }
    }
}

impl Logic for WeightRing {
    #[hdl_gen]
    fn update(&mut self) {
        // Words. Every sum is formed before it is known which one counts.
        if self.row_accepted.val() {
            self.w_used.next = self.w_used.val() + 1;
        }
        if self.group_used.val() {
            self.w_used.next = self.w_used.val() - unsigned_cast(self.group_rows.val());
            if self.row_accepted.val() {
                self.w_used.next = self.w_used.val() - unsigned_cast(self.group_rows_m1.val());
            }
            self.w_base.next = self.w_base.val() + unsigned_cast(self.group_rows.val());
        }
        if self.row_written.val() {
            self.w_write.next = self.w_write.val() + 1;
        }

        // Groups. Whether one waits, and whether another one behind it, stands in registers.
        self.ready_kept.next = self.one_waits.val() || self.group_loaded.val();
        self.ready_used.next = self.two_wait.val() || self.group_loaded.val();
        self.one_waits.next = self.ready_kept.val();
        if self.group_used.val() {
            self.one_waits.next = self.ready_used.val();
        }
        if self.group_loaded.val() && !self.group_used.val() {
            self.w_groups.next = self.w_groups.val() + 1;
            self.two_wait.next = self.one_waits.val();
        }
        if !self.group_loaded.val() && self.group_used.val() {
            self.w_groups.next = self.w_groups.val() - 1;
            self.two_wait.next = self.w_groups.val() > 2;
        }

        if self.clear.val() {
            self.w_groups.next = 0.into();
            self.one_waits.next = false;
            self.two_wait.next = false;
            self.w_used.next = 0.into();
            self.w_base.next = 0.into();
            self.w_write.next = 0.into();
        }

        self.ready.next = self.one_waits.val();
        self.room.next = self.w_used.val() < self.weight_words.val();
        self.read_addr.next = self.w_base.val() + unsigned_cast(self.element.val());
        self.write_addr.next = self.w_write.val();
    }
}
