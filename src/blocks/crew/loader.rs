//! Parses the input stream of CREW.

use super::{COUNT_W, JobFields};
use crate::config::fc::{FcConfig, MAX_UNIQUES};
use crate::hdl::prelude::*;
use crate::regmap::Error;
use crate::regmap::fc::STRIPE_HEADER;

/// What the next beat is.
#[derive(Clone, Copy, Debug, PartialEq, LogicState)]
pub enum LoaderState {
    /// No job.
    Idle,
    /// Activations.
    Activations,
    /// Header of a stripe.
    Header,
    /// Unique weights.
    Uniques,
    /// Indices.
    Indices,
    /// Dropped, up to TLAST.
    Flush,
    /// The packet has ended.
    Done,
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
    /// START.
    pub start: Bit<In>,
    /// ABORT.
    pub abort_job: Bit<In>,
    /// The job has failed: drop the rest of the packet.
    pub flush: Bit<In>,
    /// Job registers.
    pub job: JobFields<In>,
    /// A weight bank has become free.
    pub group_added: Bit<In>,
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
    ready: Bit<Local>,
    accept: Bit<Local>,
    stripe_ends: Bit<Local>,
    ends: Bit<Local>,
    bad: Bit<Local>,
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
    bad_header: Param,
    short: Param,
    long: Param,
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
        let code = |error: Error| Param::new(error.code() as usize);
        CrewLoader {
            start: Bit::new(),
            abort_job: Bit::new(),
            flush: Bit::new(),
            job: JobFields::new(),
            group_added: Bit::new(),
            s_axis_tvalid: Bit::new(),
            s_axis_tready: Bit::new(),
            s_axis_tdata: Sig::unsigned(config.bus_w),
            s_axis_tlast: Bit::new(),
            accepted: Bit::new(),
            done: Bit::new(),
            error: Bit::new(),
            error_code: Sig::unsigned(8),
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
            ready: Bit::new(),
            accept: Bit::new(),
            stripe_ends: Bit::new(),
            ends: Bit::new(),
            bad: Bit::new(),
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
            bad_header: code(Error::BadHeader),
            short: code(Error::StreamShort),
            long: code(Error::StreamLong),
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
        self.ready.next = true;
        match self.state.val() {
            LoaderState::Idle => {
                self.ready.next = false;
            }
            LoaderState::Done => {
                self.ready.next = false;
            }
            LoaderState::Header => {
                self.ready.next = (self.stripe.val() != 0) || (self.banks_used.val() != 2);
            }
            _ => {}
        }
        self.s_axis_tready.next = self.ready.val();
        self.accept.next = self.s_axis_tvalid.val() && self.ready.val();
        self.accepted.next = self.accept.val();

        // A header's fields.
        self.header_unique_beats.next =
            unsigned_cast(self.s_axis_tdata.val() >> self.unique_beats_at.val());
        self.header_index_beats.next =
            unsigned_cast(self.s_axis_tdata.val() >> self.index_beats_at.val());
        self.bad.next = (self.header_unique_beats.val() == 0)
            || (self.header_unique_beats.val() > self.most_unique_beats.val())
            || (self.header_index_beats.val() > self.most_index_beats.val());
        for i in 0..self.slots.val() {
            self.width[i].next = unsigned_cast(
                self.s_axis_tdata.val() >> (i * self.slice_w.val() + self.width_at.val()),
            );
            self.count[i].next = unsigned_cast(
                self.s_axis_tdata.val() >> (i * self.slice_w.val() + self.uniques_at.val()),
            );
            if (self.width[i].val() > 8)
                || (self.count[i].val() == 0)
                || (self.count[i].val() > self.most_uniques.val())
            {
                self.bad.next = true;
            }
        }

        // The beat.
        self.header_q.next = false;
        self.x_q.next = false;
        self.uniques_q.next = false;
        self.indices_q.next = false;
        self.group_q.next = false;
        self.stripe_ends.next = false;
        self.ends.next = false;
        self.stripe_q.next = self.one_stripe.val() << self.stripe.val();
        self.bank_q.next = self.bank.val();
        self.beat_q.next = self.beat.val();
        self.data_q.next = self.s_axis_tdata.val();
        self.error.next = false;
        self.error_code.next = self.short.val().into();
        if self.accept.val() {
            self.beat.next = self.beat.val() + 1;
        }
        match self.state.val() {
            LoaderState::Activations => {
                self.x_q.next = self.accept.val();
                if self.accept.val() && (self.beat.val() + 1 == self.job.x_beats.val()) {
                    self.beat.next = 0.into();
                    self.stripe.next = self.stripe.val() + 1;
                    if self.stripe.val() == self.last_stripe.val() {
                        self.stripe.next = 0.into();
                        self.state.next = LoaderState::Header;
                    }
                }
            }
            LoaderState::Header => {
                self.header_q.next = self.accept.val();
                if self.accept.val() {
                    self.beat.next = 0.into();
                    self.unique_beats.next = unsigned_cast(self.header_unique_beats.val());
                    self.index_beats.next = unsigned_cast(self.header_index_beats.val());
                    self.state.next = LoaderState::Uniques;
                    if self.bad.val() {
                        self.error.next = true;
                        self.error_code.next = self.bad_header.val().into();
                    }
                }
            }
            LoaderState::Uniques => {
                self.uniques_q.next = self.accept.val();
                if self.accept.val() && (self.beat.val() + 1 == self.unique_beats.val()) {
                    self.beat.next = 0.into();
                    self.state.next = LoaderState::Indices;
                    if self.index_beats.val() == 0 {
                        self.stripe_ends.next = true;
                    }
                }
            }
            LoaderState::Indices => {
                self.indices_q.next = self.accept.val();
                if self.accept.val() && (self.beat.val() + 1 == self.index_beats.val()) {
                    self.beat.next = 0.into();
                    self.stripe_ends.next = true;
                }
            }
            LoaderState::Flush => {
                if self.accept.val() && self.s_axis_tlast.val() {
                    self.state.next = LoaderState::Done;
                }
            }
            _ => {}
        }
        if self.stripe_ends.val() {
            self.state.next = LoaderState::Header;
            self.stripe.next = self.stripe.val() + 1;
            if self.stripe.val() == self.last_stripe.val() {
                self.stripe.next = 0.into();
                self.bank.next = !self.bank.val();
                self.group_q.next = true;
                self.groups_left.next = self.groups_left.val() - 1;
                self.ends.next = self.groups_left.val() == 1;
            }
        }

        // Both banks in use: the header of another group waits.
        if self.accept.val()
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

        // The end.
        if self.accept.val() && (self.state.val() != LoaderState::Flush) {
            if self.ends.val() {
                self.state.next = LoaderState::Done;
                if !self.s_axis_tlast.val() {
                    self.error.next = true;
                    self.error_code.next = self.long.val().into();
                }
            } else if self.s_axis_tlast.val() {
                self.error.next = true;
                self.error_code.next = self.short.val().into();
            }
        }
        if self.error.val() || (self.flush.val() && (self.state.val() != LoaderState::Done)) {
            self.state.next = LoaderState::Flush;
            if self.accept.val() && self.s_axis_tlast.val() {
                self.state.next = LoaderState::Done;
            }
        }
        if self.start.val() {
            self.state.next = LoaderState::Activations;
            self.stripe.next = 0.into();
            self.beat.next = 0.into();
            self.groups_left.next = self.job.groups.val();
            self.bank.next = false;
            self.banks_used.next = 0.into();
        }
        if self.abort_job.val() {
            self.state.next = LoaderState::Idle;
        }
        self.done.next = self.state.val() == LoaderState::Done;

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
