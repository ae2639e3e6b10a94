//! The two psum banks of one PE set: which one accumulates, which one holds an operand, which one waits for the drain.

use super::loop_nest::COUNT_W;
use crate::config::Config;
use crate::hdl::prelude::*;

/// Cycles between the end of a pass and its last psum in the RAM, if elements issue directly.
const WRITE_STAGES: usize = 4;

/// Keeps account of the two psum banks. One bank accumulates; the other waits for the drain, or holds the operand of a
/// weight gradient. At the end of a pass that is drained they change places.
///
/// ```text
///  pass_ends ─► the bank is busy, the pointer toggles ─► 4 cycles ─► request ─► drain_request
///  pass_* ────► rows, PEs, tag, pass of each bank ── oldest bank ─────────────► drain_*
///  bank0_release, bank1_release ─► the bank is free again
///  operand_loaded, operand_used ─► operand_ready, room_operand
/// ```
///
/// **Latency** 1: what an input changes shows in the next cycle; a pass that ends in u asks for the drain from u+5 on,
/// with `issue = "registered"` from u+9 on, when its last psum is in the RAM. **Back-pressure** none inside: the sequencer begins no pass while
/// `accumulates_busy`, the loader keeps to `room_operand`.
/// **Parameters** `tile`, `pes` of the configuration: widths; `issue`.
///
/// The test `psum_banks_are_drained_oldest_first` holds it to a queue.
#[derive(LogicBlock)]
pub struct PsumBanks {
    /// START, or an error: the operand is forgotten.
    pub clear: Bit<In>,
    /// An error or abort: the banks restart as well.
    pub reset: Bit<In>,
    /// The last element of a pass that is drained is issued.
    pub pass_ends: Bit<In>,
    /// Its rows − 1.
    pub pass_rows_m1: Sig<In>,
    /// PEs that have a filter in it.
    pub pass_pes: Sig<In>,
    /// Tag of its tile.
    pub pass_tag: Sig<In>,
    /// Its number.
    pub pass_number: Sig<In>,
    /// The operand is complete.
    pub operand_loaded: Bit<In>,
    /// The last element of a tile is issued: the operand is used up.
    pub operand_used: Bit<In>,
    /// Drain: bank 0 was read.
    pub bank0_release: Bit<In>,
    /// Drain: bank 1 was read.
    pub bank1_release: Bit<In>,
    /// Drain: the last beat of the requested bank was addressed.
    pub drain_addressed: Bit<In>,
    /// The bank that accumulates.
    pub accumulates: Bit<Out>,
    /// That bank is not free yet.
    pub accumulates_busy: Bit<Out>,
    /// `accumulates_busy` of the next cycle, if no pass ends in this one.
    pub busy_kept: Bit<Out>,
    /// … if one ends, and the other bank accumulates.
    pub busy_toggled: Bit<Out>,
    /// No bank waits for the drain or is read by it.
    pub all_free: Bit<Out>,
    /// The operand is there.
    pub operand_ready: Bit<Out>,
    /// `operand_ready` of the next cycle, if no tile ends in this one.
    pub operand_kept: Bit<Out>,
    /// The operand may be written.
    pub room_operand: Bit<Out>,
    /// A bank waits for the drain.
    pub drain_request: Bit<Out>,
    /// That bank.
    pub drain_bank: Bit<Out>,
    /// Its rows − 1.
    pub drain_rows_m1: Sig<Out>,
    /// PEs that have a filter in it.
    pub drain_pes: Sig<Out>,
    /// Tag of its tile.
    pub drain_tag: Sig<Out>,
    /// Its pass.
    pub drain_pass: Sig<Out>,
    ptr: BitReg,
    busy0: BitReg,
    busy1: BitReg,
    o_full: BitReg,
    stays0: Bit<Local>,
    stays1: Bit<Local>,
    other_busy: Bit<Local>,
    ended: Vec<BitReg>,
    ended_bank: Vec<BitReg>,
    stages: Param,
    ended_rows: Reg,
    ended_pes: Reg,
    ended_tag: Reg,
    ended_pass: Reg,
    request0: BitReg,
    request1: BitReg,
    chosen: Bit<Local>,
    rows0: Reg,
    rows1: Reg,
    pes0: Reg,
    pes1: Reg,
    tag0: Reg,
    tag1: Reg,
    pass0: Reg,
    pass1: Reg,
    about: About,
}

impl PsumBanks {
    /// The account for a configuration's tiles and PEs.
    pub fn new(config: &Config) -> Self {
        let stages = WRITE_STAGES + config.psum_cycles();
        PsumBanks {
            clear: Bit::new(),
            reset: Bit::new(),
            pass_ends: Bit::new(),
            pass_rows_m1: Sig::unsigned(config.tile_w()),
            pass_pes: Sig::unsigned(config.pe_count_w()),
            pass_tag: Sig::unsigned(COUNT_W),
            pass_number: Sig::unsigned(COUNT_W),
            operand_loaded: Bit::new(),
            operand_used: Bit::new(),
            bank0_release: Bit::new(),
            bank1_release: Bit::new(),
            drain_addressed: Bit::new(),
            accumulates: Bit::new(),
            accumulates_busy: Bit::new(),
            busy_kept: Bit::new(),
            busy_toggled: Bit::new(),
            all_free: Bit::new(),
            operand_ready: Bit::new(),
            operand_kept: Bit::new(),
            room_operand: Bit::new(),
            drain_request: Bit::new(),
            drain_bank: Bit::new(),
            drain_rows_m1: Sig::unsigned(config.tile_w()),
            drain_pes: Sig::unsigned(config.pe_count_w()),
            drain_tag: Sig::unsigned(COUNT_W),
            drain_pass: Sig::unsigned(COUNT_W),
            ptr: BitReg::new(),
            busy0: BitReg::new(),
            busy1: BitReg::new(),
            o_full: BitReg::new(),
            stays0: Bit::new(),
            stays1: Bit::new(),
            other_busy: Bit::new(),
            ended: (0..stages).map(|_| BitReg::new()).collect(),
            ended_bank: (0..stages).map(|_| BitReg::new()).collect(),
            stages: Param::new(stages),
            ended_rows: Reg::unsigned(config.tile_w()).without_reset(),
            ended_pes: Reg::unsigned(config.pe_count_w()).without_reset(),
            ended_tag: Reg::unsigned(COUNT_W).without_reset(),
            ended_pass: Reg::unsigned(COUNT_W).without_reset(),
            request0: BitReg::new(),
            request1: BitReg::new(),
            chosen: Bit::new(),
            rows0: Reg::unsigned(config.tile_w()),
            rows1: Reg::unsigned(config.tile_w()),
            pes0: Reg::unsigned(config.pe_count_w()),
            pes1: Reg::unsigned(config.pe_count_w()),
            tag0: Reg::unsigned(COUNT_W),
            tag1: Reg::unsigned(COUNT_W),
            pass0: Reg::unsigned(COUNT_W),
            pass1: Reg::unsigned(COUNT_W),
            about: About::new(
                "psum_banks",
                "Account of the two psum banks of one PE set: which one accumulates, which one holds the operand, \
                 which one waits for the drain.",
            ),
        }
    }
}

impl Logic for PsumBanks {
    #[hdl_gen]
    fn update(&mut self) {
        // Which bank is which.
        if self.bank0_release.val() {
            self.busy0.next = false;
        }
        if self.bank1_release.val() {
            self.busy1.next = false;
        }
        if self.pass_ends.val() {
            self.ptr.next = !self.ptr.val();
            if self.ptr.val() {
                self.busy1.next = true;
            } else {
                self.busy0.next = true;
            }
        }
        self.accumulates.next = self.ptr.val();
        self.accumulates_busy.next = self.busy0.val();
        self.other_busy.next = self.busy1.val();
        if self.ptr.val() {
            self.accumulates_busy.next = self.busy1.val();
            self.other_busy.next = self.busy0.val();
        }
        // When a pass ends, the other bank accumulates next; it is not the one that becomes busy.
        self.stays0.next = self.busy0.val() && !self.bank0_release.val();
        self.stays1.next = self.busy1.val() && !self.bank1_release.val();
        self.busy_kept.next = self.stays0.val();
        self.busy_toggled.next = self.stays1.val();
        if self.ptr.val() {
            self.busy_kept.next = self.stays1.val();
            self.busy_toggled.next = self.stays0.val();
        }
        self.all_free.next = !self.busy0.val() && !self.busy1.val();

        // Operand.
        self.operand_kept.next = self.o_full.val() || self.operand_loaded.val();
        self.o_full.next = self.operand_kept.val();
        if self.operand_used.val() || self.clear.val() {
            self.o_full.next = false;
        }
        self.operand_ready.next = self.o_full.val();
        self.room_operand.next = !self.o_full.val() && !self.other_busy.val();

        // What is drained, taken a cycle later: what enables so many registers is a register itself.
        self.ended_rows.next = self.pass_rows_m1.val();
        self.ended_pes.next = self.pass_pes.val();
        self.ended_tag.next = self.pass_tag.val();
        self.ended_pass.next = self.pass_number.val();
        if self.ended[0].val() {
            if self.ended_bank[0].val() {
                self.rows1.next = self.ended_rows.val();
                self.pes1.next = self.ended_pes.val();
                self.tag1.next = self.ended_tag.val();
                self.pass1.next = self.ended_pass.val();
            } else {
                self.rows0.next = self.ended_rows.val();
                self.pes0.next = self.ended_pes.val();
                self.tag0.next = self.ended_tag.val();
                self.pass0.next = self.ended_pass.val();
            }
        }

        // Requests to drain, delayed until the last psum is written.
        self.ended[0].next = self.pass_ends.val();
        self.ended_bank[0].next = self.ptr.val();
        for i in 1..self.stages.val() {
            self.ended[i].next = self.ended[i - 1].val();
            self.ended_bank[i].next = self.ended_bank[i - 1].val();
        }

        // The bank that was filled first is the one that will accumulate next.
        self.chosen.next = !self.ptr.val();
        if (self.ptr.val() && self.request1.val()) || (!self.ptr.val() && self.request0.val()) {
            self.chosen.next = self.ptr.val();
        }
        if self.drain_addressed.val() {
            if self.chosen.val() {
                self.request1.next = false;
            } else {
                self.request0.next = false;
            }
        }
        if self.ended[self.stages.val() - 1].val() {
            if self.ended_bank[self.stages.val() - 1].val() {
                self.request1.next = true;
            } else {
                self.request0.next = true;
            }
        }
        self.drain_request.next = self.request0.val() || self.request1.val();
        self.drain_bank.next = self.chosen.val();
        self.drain_rows_m1.next = self.rows0.val();
        self.drain_pes.next = self.pes0.val();
        self.drain_tag.next = self.tag0.val();
        self.drain_pass.next = self.pass0.val();
        if self.chosen.val() {
            self.drain_rows_m1.next = self.rows1.val();
            self.drain_pes.next = self.pes1.val();
            self.drain_tag.next = self.tag1.val();
            self.drain_pass.next = self.pass1.val();
        }

        if self.reset.val() {
            self.ptr.next = false;
            self.busy0.next = false;
            self.busy1.next = false;
            for i in 0..self.stages.val() {
                self.ended[i].next = false;
            }
            self.request0.next = false;
            self.request1.next = false;
        }
    }
}
