//! Parses the input stream of CREW.

use super::packet::Packet;
use super::{COUNT_W, JobFields};
use crate::config::fc::{FcConfig, MAX_UNIQUES};
use crate::hdl::prelude::*;
use crate::regmap::fc::STRIPE_HEADER;

/// What the next beat is.
#[derive(Clone, Copy, Debug, PartialEq, LogicState)]
pub enum LoaderState {
    /// Activations.
    Activations,
    /// Header of a stripe.
    Header,
    /// Unique weights.
    Uniques,
    /// Indices.
    Indices,
}

/// Deals the beats of a packet to the inputs of a group.
///
/// ```text
///  s_axis ─► state: activations, then header, unique weights, indices of each stripe ─► [beat] ─► load_* of the stripe's PEs
///                    └─► group ─► sequencer          group_added ─► room for the next but one group
/// ```
///
/// **Latency** a beat accepted in cycle t is written by the PEs in t+1; `group` is 1 in t+1 of a group's last beat.
/// **Back-pressure** a beat per cycle, but the first header of a group waits while both weight banks are in use.
/// **Parameters** `multipliers`, `lanes`, `bus_w`, `outputs`, `x_words`.
///
/// `crew_loader` in `tests/crew/gates.rs` compares its Verilog with it; `mercury crew cosim` spoils packets on purpose.
#[derive(LogicBlock)]
pub struct CrewLoader {
    /// Input stream, errors, the end of the packet.
    pub packet: Packet,
    /// Job registers.
    pub job: JobFields<In>,
    /// A weight bank has become free.
    pub group_added: Bit<In>,
    /// Bit s: the PEs of stripe s take the word.
    pub load_stripe: Sig<Out>,
    /// The word is a header.
    pub load_header: Bit<Out>,
    /// Activations.
    pub load_x: Bit<Out>,
    /// Unique weights.
    pub load_uniques: Bit<Out>,
    /// Indices.
    pub load_indices: Bit<Out>,
    /// Weight bank.
    pub load_bank: Bit<Out>,
    /// Word of its kind.
    pub load_address: Sig<Out>,
    /// The beat.
    pub load_data: Sig<Out>,
    /// A group is complete.
    pub group: Bit<Out>,
    state: Reg<LoaderState>,
    stripe: Reg,
    beat: Reg,
    groups_left: Reg,
    unique_beats: Reg,
    index_beats: Reg,
    bank: BitReg,
    banks_used: Reg,
    stripe_ends: Bit<Local>,
    header_unique_beats: Sig<Local>,
    header_index_beats: Sig<Local>,
    width: Vec<Sig<Local>>,
    count: Vec<Sig<Local>>,
    stripe_q: Reg,
    header_q: BitReg,
    x_q: BitReg,
    uniques_q: BitReg,
    indices_q: BitReg,
    bank_q: BitReg,
    beat_q: Reg,
    data_q: Reg,
    group_q: BitReg,
    one_stripe: Const,
    last_stripe: Param,
    slots: Param,
    slice_w: Param,
    width_at: Param,
    uniques_at: Param,
    unique_beats_at: Param,
    index_beats_at: Param,
    most_uniques: Param,
    most_unique_beats: Param,
    most_index_beats: Param,
    about: About,
}

impl CrewLoader {
    /// The loader of this configuration.
    pub fn new(config: &FcConfig) -> Self {
        let slots = config.stripe_inputs();
        let [width, uniques, unique_beats, index_beats] = &STRIPE_HEADER;
        let at = |field: &crate::regmap::Field| Param::new(field.lsb as usize);
        let stripes = config.stripes();
        let stripe_w = address_width(stripes);
        CrewLoader {
            packet: Packet::new(config.bus_w),
            job: JobFields::new(),
            group_added: Bit::new(),
            load_stripe: Sig::unsigned(stripes),
            load_header: Bit::new(),
            load_x: Bit::new(),
            load_uniques: Bit::new(),
            load_indices: Bit::new(),
            load_bank: Bit::new(),
            load_address: Sig::unsigned(COUNT_W),
            load_data: Sig::unsigned(config.bus_w),
            group: Bit::new(),
            state: Reg::<LoaderState>::new(),
            stripe: Reg::unsigned(stripe_w),
            beat: Reg::unsigned(COUNT_W),
            groups_left: Reg::unsigned(COUNT_W),
            unique_beats: Reg::unsigned(COUNT_W),
            index_beats: Reg::unsigned(COUNT_W),
            bank: BitReg::new(),
            banks_used: Reg::unsigned(2),
            stripe_ends: Bit::new(),
            header_unique_beats: Sig::unsigned(unique_beats.bits as usize),
            header_index_beats: Sig::unsigned(index_beats.bits as usize),
            width: (0..slots)
                .map(|_| Sig::unsigned(width.bits as usize))
                .collect(),
            count: (0..slots)
                .map(|_| Sig::unsigned(uniques.bits as usize))
                .collect(),
            stripe_q: Reg::unsigned(stripes).without_reset(),
            header_q: BitReg::new(),
            x_q: BitReg::new(),
            uniques_q: BitReg::new(),
            indices_q: BitReg::new(),
            bank_q: BitReg::new().without_reset(),
            beat_q: Reg::unsigned(COUNT_W).without_reset(),
            data_q: Reg::unsigned(config.bus_w).without_reset(),
            group_q: BitReg::new(),
            one_stripe: Const::new(Value::unsigned(stripes, 1)),
            last_stripe: Param::new(stripes - 1),
            slots: Param::new(slots),
            slice_w: Param::new(config.slice_w()),
            width_at: at(width),
            uniques_at: at(uniques),
            unique_beats_at: at(unique_beats),
            index_beats_at: at(index_beats),
            most_uniques: Param::new(MAX_UNIQUES),
            most_unique_beats: Param::new(MAX_UNIQUES / config.slice_bytes()),
            most_index_beats: Param::new(config.max_rows() / 2),
            about: About::new(
                "crew_loader",
                "Parses the input packet of CREW: activations, then header, unique weights and indices of each stripe of each group.",
            ),
        }
    }
}

impl Logic for CrewLoader {
    #[hdl_gen]
    fn update(&mut self) {
        self.packet.waits.next = (self.state.val() == LoaderState::Header)
            && (self.stripe.val() == 0)
            && (self.banks_used.val() == 2);

        // A header's fields.
        self.header_unique_beats.next =
            unsigned_cast(self.packet.axis.s_axis_tdata.val() >> self.unique_beats_at.val());
        self.header_index_beats.next =
            unsigned_cast(self.packet.axis.s_axis_tdata.val() >> self.index_beats_at.val());
        self.packet.bad.next = (self.header_unique_beats.val() == 0)
            || (self.header_unique_beats.val() > self.most_unique_beats.val())
            || (self.header_index_beats.val() > self.most_index_beats.val());
        for i in 0..self.slots.val() {
            self.width[i].next = unsigned_cast(
                self.packet.axis.s_axis_tdata.val()
                    >> (i * self.slice_w.val() + self.width_at.val()),
            );
            self.count[i].next = unsigned_cast(
                self.packet.axis.s_axis_tdata.val()
                    >> (i * self.slice_w.val() + self.uniques_at.val()),
            );
            if (self.width[i].val() > 8)
                || (self.count[i].val() == 0)
                || (self.count[i].val() > self.most_uniques.val())
            {
                self.packet.bad.next = true;
            }
        }

        if self.state.val() != LoaderState::Header {
            self.packet.bad.next = false;
        }

        // The beat.
        self.header_q.next = false;
        self.x_q.next = false;
        self.uniques_q.next = false;
        self.indices_q.next = false;
        self.group_q.next = false;
        self.stripe_ends.next = false;
        self.packet.ends.next = false;
        self.stripe_q.next = self.one_stripe.val() << self.stripe.val();
        self.bank_q.next = self.bank.val();
        self.beat_q.next = self.beat.val();
        self.data_q.next = self.packet.axis.s_axis_tdata.val();
        if self.packet.taken.val() {
            self.beat.next = self.beat.val() + 1;
        }
        match self.state.val() {
            LoaderState::Activations => {
                self.x_q.next = self.packet.taken.val();
                if self.packet.taken.val() && (self.beat.val() + 1 == self.job.x_beats.val()) {
                    self.beat.next = 0.into();
                    self.stripe.next = self.stripe.val() + 1;
                    if self.stripe.val() == self.last_stripe.val() {
                        self.stripe.next = 0.into();
                        self.state.next = LoaderState::Header;
                    }
                }
            }
            LoaderState::Header => {
                self.header_q.next = self.packet.taken.val();
                if self.packet.taken.val() {
                    self.beat.next = 0.into();
                    self.unique_beats.next = unsigned_cast(self.header_unique_beats.val());
                    self.index_beats.next = unsigned_cast(self.header_index_beats.val());
                    self.state.next = LoaderState::Uniques;
                }
            }
            LoaderState::Uniques => {
                self.uniques_q.next = self.packet.taken.val();
                if self.packet.taken.val() && (self.beat.val() + 1 == self.unique_beats.val()) {
                    self.beat.next = 0.into();
                    self.state.next = LoaderState::Indices;
                    if self.index_beats.val() == 0 {
                        self.stripe_ends.next = true;
                    }
                }
            }
            LoaderState::Indices => {
                self.indices_q.next = self.packet.taken.val();
                if self.packet.taken.val() && (self.beat.val() + 1 == self.index_beats.val()) {
                    self.beat.next = 0.into();
                    self.stripe_ends.next = true;
                }
            }
        }
        if self.stripe_ends.val() {
            self.state.next = LoaderState::Header;
            self.stripe.next = self.stripe.val() + 1;
            if self.stripe.val() == self.last_stripe.val() {
                self.stripe.next = 0.into();
                self.bank.next = !self.bank.val();
                self.group_q.next = true;
                self.groups_left.next = self.groups_left.val() - 1;
                self.packet.ends.next = self.groups_left.val() == 1;
            }
        }

        // Both banks in use: the header of another group waits.
        if self.packet.taken.val()
            && (self.state.val() == LoaderState::Header)
            && (self.stripe.val() == 0)
        {
            self.banks_used.next = self.banks_used.val() + 1;
            if self.group_added.val() {
                self.banks_used.next = self.banks_used.val();
            }
        } else if self.group_added.val() {
            self.banks_used.next = self.banks_used.val() - 1;
        }

        if self.packet.start.val() {
            self.state.next = LoaderState::Activations;
            self.stripe.next = 0.into();
            self.beat.next = 0.into();
            self.groups_left.next = self.job.groups.val();
            self.bank.next = false;
            self.banks_used.next = 0.into();
        }

        self.load_stripe.next = self.stripe_q.val();
        self.load_header.next = self.header_q.val();
        self.load_x.next = self.x_q.val();
        self.load_uniques.next = self.uniques_q.val();
        self.load_indices.next = self.indices_q.val();
        self.load_bank.next = self.bank_q.val();
        self.load_address.next = self.beat_q.val();
        self.load_data.next = self.data_q.val();
        self.group.next = self.group_q.val();
    }
}
