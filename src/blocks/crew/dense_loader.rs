//! Takes the input stream of the dense array: activations, then weights into a shadow register.

use super::packet::Packet;
use super::{COUNT_W, JobFields};
use crate::config::fc::{DATA_W, FcConfig};
use crate::hdl::prelude::*;

/// What the next beat is.
#[derive(Clone, Copy, Debug, PartialEq, LogicState)]
pub enum DenseLoaderState {
    /// Activations.
    Activations,
    /// Weights.
    Weights,
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
    /// Input stream, errors, the end of the packet.
    pub packet: Packet,
    /// Job registers.
    pub job: JobFields<In>,
    /// The last tile of the shadow is taken.
    pub take_last: Bit<In>,
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
    fills: Bit<Local>,
    parts: Param,
    tiles: Param,
    bus_w: Param,
    about: About,
}

impl DenseLoader {
    /// The loader of this configuration.
    pub fn new(config: &FcConfig) -> Self {
        let parts = config.beats_per_tile();
        let shadow_w = (DATA_W * config.multipliers).max(config.bus_w);
        DenseLoader {
            packet: Packet::new(config.bus_w),
            job: JobFields::new(),
            take_last: Bit::new(),
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
            fills: Bit::new(),
            parts: Param::new(parts),
            tiles: Param::new(config.tiles_per_beat()),
            bus_w: Param::new(config.bus_w),
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
        self.packet.waits.next = (self.state.val() == DenseLoaderState::Weights)
            && self.full_q.val()
            && !self.take_last.val();
        self.packet.bad.next = false;

        self.load_x.next = false;
        self.x_address.next = unsigned_cast(self.beat.val());
        self.fills.next = false;
        self.packet.ends.next = false;
        if self.take_last.val() {
            self.full_q.next = false;
        }
        match self.state.val() {
            DenseLoaderState::Activations => {
                self.load_x.next = self.packet.taken.val();
                if self.packet.taken.val() {
                    self.beat.next = self.beat.val() + 1;
                    if self.beat.val() + 1 == self.job.x_beats.val() {
                        self.state.next = DenseLoaderState::Weights;
                    }
                }
            }
            DenseLoaderState::Weights => {
                if self.packet.taken.val() {
                    for i in 0..self.parts.val() {
                        if self.part.val() == i {
                            self.word[i].next = self.packet.axis.s_axis_tdata.val();
                        }
                    }
                    self.part.next = self.part.val() + 1;
                    self.fills.next = self.part.val() == self.parts.val() - 1;
                }
            }
        }
        if self.fills.val() {
            self.part.next = 0.into();
            self.full_q.next = true;
            self.tile.next = self.tile.val() + self.tiles.val();
            if self.tile.val() + self.tiles.val() >= self.job.rows.val() {
                self.tile.next = 0.into();
                self.groups_left.next = self.groups_left.val() - 1;
                self.packet.ends.next = self.groups_left.val() == 1;
            }
        }

        if self.packet.start.val() {
            self.state.next = DenseLoaderState::Activations;
            self.beat.next = 0.into();
            self.part.next = 0.into();
            self.tile.next = 0.into();
            self.groups_left.next = self.job.groups.val();
            self.full_q.next = false;
        }

        self.full.next = self.full_q.val();
        self.shadow.next = 0.into();
        for i in 0..self.parts.val() {
            self.wide[i].next = unsigned_cast(self.word[i].val());
            self.shadow.next = self.shadow.val() | (self.wide[i].val() << (i * self.bus_w.val()));
        }
    }
}
