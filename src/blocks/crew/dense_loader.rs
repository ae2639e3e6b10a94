//! Takes the input stream of the dense array: activations, then weights into a shadow register.

use super::{COUNT_W, JobFields};
use crate::config::fc::{DATA_W, FcConfig};
use crate::hdl::prelude::*;
use crate::regmap::Error;

/// What the next beat is.
#[derive(Clone, Copy, Debug, PartialEq, LogicState)]
pub enum DenseLoaderState {
    /// No job.
    Idle,
    /// Activations.
    Activations,
    /// Weights.
    Weights,
    /// Dropped, up to TLAST.
    Flush,
    /// The packet has ended.
    Done,
}

/// Puts activations into their buffer and weights into the shadow register, from where the array takes them tile by tile.
///
/// ```text
///  s_axis ─► activations ─► load_x, x_address ─► x buffer
///         └► weights ─────► [shadow: a tile, or the tiles of a beat] ─► full, shadow      take_last: it is empty
/// ```
///
/// **Latency** the shadow is full in the cycle after its last beat. **Back-pressure** a beat of weights waits while the shadow is full, but
/// not in the cycle in which its last tile is taken. **Parameters** `multipliers`, `lanes`, `bus_w`, `x_words`.
///
/// `dense_loader` in `tests/crew/gates.rs` compares its Verilog with it; `mercury crew cosim` spoils packets on purpose.
#[derive(LogicBlock)]
pub struct DenseLoader {
    /// START.
    pub start: Bit<In>,
    /// ABORT.
    pub abort_job: Bit<In>,
    /// The job has failed: drop the rest of the packet.
    pub flush: Bit<In>,
    /// Job registers.
    pub job: JobFields<In>,
    /// The last tile of the shadow is taken.
    pub take_last: Bit<In>,
    /// Input stream.
    pub s_axis_tvalid: Bit<In>,
    /// Input stream.
    pub s_axis_tready: Bit<Out>,
    /// Input stream.
    pub s_axis_tdata: Sig<In>,
    /// Input stream.
    pub s_axis_tlast: Bit<In>,
    /// A beat was accepted.
    pub accepted: Bit<Out>,
    /// The packet has ended.
    pub done: Bit<Out>,
    /// The beat accepted in this cycle is wrong.
    pub error: Bit<Out>,
    /// What is wrong with it.
    pub error_code: Sig<Out>,
    /// The beat of this cycle is activations.
    pub load_x: Bit<Out>,
    /// Number of that beat.
    pub x_address: Sig<Out>,
    /// The shadow holds what it can.
    pub full: Bit<Out>,
    /// Weights.
    pub shadow: Sig<Out>,
    state: Reg<DenseLoaderState>,
    beat: Reg,
    part: Reg,
    tile: Reg,
    groups_left: Reg,
    full_q: BitReg,
    word: Vec<Reg>,
    wide: Vec<Sig<Local>>,
    ready: Bit<Local>,
    accept: Bit<Local>,
    fills: Bit<Local>,
    ends: Bit<Local>,
    parts: Param,
    tiles: Param,
    bus_w: Param,
    short: Param,
    long: Param,
    about: About,
}

impl DenseLoader {
    /// The loader of this configuration.
    pub fn new(config: &FcConfig) -> Self {
        let parts = config.beats_per_tile();
        let shadow_w = (DATA_W * config.multipliers).max(config.bus_w);
        let code = |error: Error| Param::new(error.code() as usize);
        DenseLoader {
            start: Bit::new(),
            abort_job: Bit::new(),
            flush: Bit::new(),
            job: JobFields::new(),
            take_last: Bit::new(),
            s_axis_tvalid: Bit::new(),
            s_axis_tready: Bit::new(),
            s_axis_tdata: Sig::unsigned(config.bus_w),
            s_axis_tlast: Bit::new(),
            accepted: Bit::new(),
            done: Bit::new(),
            error: Bit::new(),
            error_code: Sig::unsigned(8),
            load_x: Bit::new(),
            x_address: Sig::unsigned(address_width(config.x_depth())),
            full: Bit::new(),
            shadow: Sig::unsigned(shadow_w),
            state: Reg::<DenseLoaderState>::new(),
            beat: Reg::unsigned(COUNT_W),
            part: Reg::unsigned(address_width(parts)),
            tile: Reg::unsigned(COUNT_W),
            groups_left: Reg::unsigned(COUNT_W),
            full_q: BitReg::new(),
            word: (0..parts)
                .map(|_| Reg::unsigned(config.bus_w).without_reset())
                .collect(),
            wide: (0..parts).map(|_| Sig::unsigned(shadow_w)).collect(),
            ready: Bit::new(),
            accept: Bit::new(),
            fills: Bit::new(),
            ends: Bit::new(),
            parts: Param::new(parts),
            tiles: Param::new(config.tiles_per_beat()),
            bus_w: Param::new(config.bus_w),
            short: code(Error::StreamShort),
            long: code(Error::StreamLong),
            about: About::new(
                "dense_loader",
                "Takes the input packet of the dense array: activations into their buffer, weights into the shadow register.",
            ),
        }
    }
}

impl Logic for DenseLoader {
    #[hdl_gen]
    fn update(&mut self) {
        self.ready.next = true;
        match self.state.val() {
            DenseLoaderState::Idle => {
                self.ready.next = false;
            }
            DenseLoaderState::Done => {
                self.ready.next = false;
            }
            DenseLoaderState::Weights => {
                self.ready.next = !self.full_q.val() || self.take_last.val();
            }
            _ => {}
        }
        self.s_axis_tready.next = self.ready.val();
        self.accept.next = self.s_axis_tvalid.val() && self.ready.val();
        self.accepted.next = self.accept.val();

        self.load_x.next = false;
        self.x_address.next = unsigned_cast(self.beat.val());
        self.fills.next = false;
        self.ends.next = false;
        self.error.next = false;
        self.error_code.next = self.short.val().into();
        if self.take_last.val() {
            self.full_q.next = false;
        }
        match self.state.val() {
            DenseLoaderState::Activations => {
                self.load_x.next = self.accept.val();
                if self.accept.val() {
                    self.beat.next = self.beat.val() + 1;
                    if self.beat.val() + 1 == self.job.x_beats.val() {
                        self.state.next = DenseLoaderState::Weights;
                    }
                }
            }
            DenseLoaderState::Weights => {
                if self.accept.val() {
                    for i in 0..self.parts.val() {
                        if self.part.val() == i {
                            self.word[i].next = self.s_axis_tdata.val();
                        }
                    }
                    self.part.next = self.part.val() + 1;
                    self.fills.next = self.part.val() == self.parts.val() - 1;
                }
            }
            DenseLoaderState::Flush => {
                if self.accept.val() && self.s_axis_tlast.val() {
                    self.state.next = DenseLoaderState::Done;
                }
            }
            _ => {}
        }
        if self.fills.val() {
            self.part.next = 0.into();
            self.full_q.next = true;
            self.tile.next = self.tile.val() + self.tiles.val();
            if self.tile.val() + self.tiles.val() >= self.job.rows.val() {
                self.tile.next = 0.into();
                self.groups_left.next = self.groups_left.val() - 1;
                self.ends.next = self.groups_left.val() == 1;
            }
        }

        // The end.
        if self.accept.val() && (self.state.val() != DenseLoaderState::Flush) {
            if self.ends.val() {
                self.state.next = DenseLoaderState::Done;
                if !self.s_axis_tlast.val() {
                    self.error.next = true;
                    self.error_code.next = self.long.val().into();
                }
            } else if self.s_axis_tlast.val() {
                self.error.next = true;
            }
        }
        if self.error.val() || (self.flush.val() && (self.state.val() != DenseLoaderState::Done)) {
            self.state.next = DenseLoaderState::Flush;
            if self.accept.val() && self.s_axis_tlast.val() {
                self.state.next = DenseLoaderState::Done;
            }
        }
        if self.start.val() {
            self.state.next = DenseLoaderState::Activations;
            self.beat.next = 0.into();
            self.part.next = 0.into();
            self.tile.next = 0.into();
            self.groups_left.next = self.job.groups.val();
            self.full_q.next = false;
        }
        if self.abort_job.val() {
            self.state.next = DenseLoaderState::Idle;
        }
        self.done.next = self.state.val() == DenseLoaderState::Done;

        self.full.next = self.full_q.val();
        self.shadow.next = 0.into();
        for i in 0..self.parts.val() {
            self.wide[i].next = unsigned_cast(self.word[i].val());
            self.shadow.next = self.shadow.val() | (self.wide[i].val() << (i * self.bus_w.val()));
        }
    }
}
