//! What the loaders share: the input stream, and where its packet ends.

use crate::blocks::axi::StreamIn;
use crate::hdl::prelude::*;
use crate::regmap::Error;

/// Where a packet stands.
#[derive(Clone, Copy, Debug, PartialEq, LogicState)]
pub enum PacketStage {
    /// No job.
    Idle,
    /// The loader takes its beats.
    Body,
    /// Dropped, up to TLAST.
    Flush,
    /// It has ended.
    Done,
}

/// The part of a loader that does not depend on what the packet holds: ready and valid, TLAST, errors, dropping the rest.
///
/// ```text
///  s_axis ─► Body ─► taken: a beat for the loader ─► ends, TLAST ─► Done ─► done
///              └► too short, too long, bad, flush ─► Flush ─► TLAST ─┘
/// ```
///
/// **Latency** `accepted`, `error` and `taken` belong to the cycle of the beat; `done` follows one cycle after the last one.
/// **Back-pressure** a beat is accepted in Body unless the loader holds `waits`, and always in Flush. **Parameters** `bus_w`.
///
/// It is a [`Part`] of [`CrewLoader`](super::loader::CrewLoader), [`DenseLoader`](super::dense_loader::DenseLoader) and
/// [`TcLoader`](crate::blocks::acrtc::loader::TcLoader), whose gates in `tests/crew/gates.rs` and `tests/acrtc/gates.rs` compare its
/// Verilog with it; `mercury crew cosim` and `mercury acrtc cosim` spoil packets on purpose.
#[derive(LogicBlock)]
pub struct Packet {
    part: Part,
    /// START.
    pub start: Bit<In>,
    /// ABORT.
    pub abort_job: Bit<In>,
    /// The job has failed: drop the rest of the packet.
    pub flush: Bit<In>,
    /// Input stream.
    pub axis: StreamIn<In>,
    /// A beat was accepted.
    pub accepted: Bit<Out>,
    /// The packet has ended.
    pub done: Bit<Out>,
    /// The beat accepted in this cycle is wrong.
    pub error: Bit<Out>,
    /// What is wrong with it.
    pub error_code: Sig<Out>,
    /// From the loader: it cannot take the beat now.
    pub(in crate::blocks) waits: Bit<Local>,
    /// From the loader: the beat taken is the last one of the job.
    pub(in crate::blocks) ends: Bit<Local>,
    /// From the loader: the beat taken is a bad header.
    pub(in crate::blocks) bad: Bit<Local>,
    /// To the loader: it takes a beat in this cycle.
    pub(in crate::blocks) taken: Bit<Local>,
    stage: Reg<PacketStage>,
    ready: Bit<Local>,
    bad_header: Param,
    short: Param,
    long: Param,
}

impl Packet {
    /// The packet side of a loader, of beats of `bus_w` bits.
    pub(in crate::blocks) fn new(bus_w: usize) -> Self {
        let code = |error: Error| Param::new(error.code() as usize);
        Packet {
            part: Part::new(),
            start: Bit::new(),
            abort_job: Bit::new(),
            flush: Bit::new(),
            axis: StreamIn::new(bus_w),
            accepted: Bit::new(),
            done: Bit::new(),
            error: Bit::new(),
            error_code: Sig::unsigned(8),
            waits: Bit::new(),
            ends: Bit::new(),
            bad: Bit::new(),
            taken: Bit::new(),
            stage: Reg::<PacketStage>::new(),
            ready: Bit::new(),
            bad_header: code(Error::BadHeader),
            short: code(Error::StreamShort),
            long: code(Error::StreamLong),
        }
    }
}

impl Logic for Packet {
    #[hdl_gen]
    fn update(&mut self) {
        self.ready.next = false;
        match self.stage.val() {
            PacketStage::Body => {
                self.ready.next = !self.waits.val();
            }
            PacketStage::Flush => {
                self.ready.next = true;
            }
            _ => {}
        }
        self.axis.s_axis_tready.next = self.ready.val();
        self.accepted.next = self.axis.s_axis_tvalid.val() && self.ready.val();
        self.taken.next = self.axis.s_axis_tvalid.val()
            && self.ready.val()
            && (self.stage.val() == PacketStage::Body);
        self.done.next = self.stage.val() == PacketStage::Done;

        self.error.next = false;
        self.error_code.next = self.bad_header.val().into();
        if self.taken.val() {
            self.error.next = self.bad.val();
            if self.ends.val() {
                self.stage.next = PacketStage::Done;
                if !self.axis.s_axis_tlast.val() {
                    self.error.next = true;
                    self.error_code.next = self.long.val().into();
                }
            } else if self.axis.s_axis_tlast.val() {
                self.error.next = true;
                self.error_code.next = self.short.val().into();
            }
        }
        if self.error.val() || (self.flush.val() && (self.stage.val() != PacketStage::Done)) {
            self.stage.next = PacketStage::Flush;
        }
        if (self.error.val() || self.flush.val() || (self.stage.val() == PacketStage::Flush))
            && self.accepted.val()
            && self.axis.s_axis_tlast.val()
        {
            self.stage.next = PacketStage::Done;
        }
        if self.start.val() {
            self.stage.next = PacketStage::Body;
        }
        if self.abort_job.val() {
            self.stage.next = PacketStage::Idle;
        }
    }
}
