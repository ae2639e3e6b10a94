//! CREW: fully connected layers by unique weights.

use crate::blocks::axi::{AxiLite, StreamIn, StreamOut};
use crate::blocks::crew::JobFields;
use crate::blocks::crew::adder_tree::AdderTree;
use crate::blocks::crew::control::FcControl;
use crate::blocks::crew::drain::Drain;
use crate::blocks::crew::loader::CrewLoader;
use crate::blocks::crew::pe::{CrewPe, PRODUCT_W, PeControl};
use crate::blocks::crew::regs::FcRegs;
use crate::blocks::crew::sequencer::CrewSequencer;
use crate::blocks::crew::sums::Sums;
use crate::config::fc::FcConfig;
use crate::hdl::prelude::*;
use crate::regmap::Access;
use crate::regmap::fc::{ADDRESS_BITS, REGISTERS};

/// The CREW accelerator: P processing elements of one multiplier and L look-ups each, L adder trees, L columns of sums.
///
/// ```text
///  s_axis ─► loader ─► PE 0 … P-1 ─► tree 0 … L-1 ─► sums 0 … L-1 ─► drain ─► m_axis
///  s_axil ─► regs ─► control             ▲ sequencer: tasks
/// ```
///
/// **Latency** `docs/crew.md`, "Timing". **Back-pressure** AXI4-Stream on both streams. **Parameters** all keys of a `design = "crew"`
/// configuration.
///
/// `mercury crew cosim` runs its Verilog against golden model and cycle model.
#[derive(LogicBlock)]
pub struct Crew {
    /// Control and status registers.
    pub axil: AxiLite<In>,
    /// Input stream: activations and weights.
    pub packet: StreamIn<In>,
    /// Output stream: sums, then the trailer.
    pub results: StreamOut<Out>,
    regs: FcRegs,
    control: FcControl,
    loader: CrewLoader,
    sequencer: CrewSequencer,
    pe: Vec<CrewPe>,
    tree: Vec<AdderTree>,
    sums: Vec<Sums>,
    drain: Drain,
    products: Sig<Local>,
    more: Bit<Local>,
    stripes: Param,
    slots: Param,
    slice_w: Param,
    lanes: Param,
    statistics: Param,
    about: About,
}

impl Crew {
    /// The accelerator of this configuration.
    pub fn new(config: &FcConfig) -> Self {
        let (inputs, lanes) = (config.multipliers, config.lanes);
        let counters = REGISTERS.iter().filter(|r| r.access == Access::Statistic);
        Crew {
            axil: AxiLite::new(ADDRESS_BITS),
            packet: StreamIn::new(config.bus_w),
            results: StreamOut::new(config.bus_w),
            regs: FcRegs::new(config),
            control: FcControl::new(config),
            loader: CrewLoader::new(config),
            sequencer: CrewSequencer::new(config),
            pe: (0..inputs).map(|_| CrewPe::new(config)).collect(),
            tree: (0..lanes)
                .map(|_| AdderTree::new(inputs, PRODUCT_W))
                .collect(),
            sums: (0..lanes)
                .map(|_| Sums::new(config, PRODUCT_W + config.tree_levels()))
                .collect(),
            drain: Drain::new(config),
            products: Sig::unsigned(address_width(inputs) + 1),
            more: Bit::new(),
            stripes: Param::new(config.stripes()),
            slots: Param::new(config.stripe_inputs()),
            slice_w: Param::new(config.slice_w()),
            lanes: Param::new(lanes),
            statistics: Param::new(counters.count()),
            about: About::new(
                "crew",
                "CREW: fully connected layers; products of unique weights, added by index.",
            ),
        }
    }
}

impl Logic for Crew {
    #[hdl_gen]
    fn update(&mut self) {
        // Registers and streams.
        AxiLite::<In>::join(&mut self.regs.slave.axil, &mut self.axil);
        StreamIn::<In>::join(&mut self.loader.packet.axis, &mut self.packet);
        self.results.m_axis_tvalid.next = self.drain.m_axis_tvalid.val();
        self.results.m_axis_tdata.next = self.drain.m_axis_tdata.val();
        self.results.m_axis_tlast.next = self.drain.m_axis_tlast.val();
        self.drain.m_axis_tready.next = self.results.m_axis_tready.val();

        // Job control.
        self.regs.slave.busy.next = self.control.job.busy.val();
        self.regs.slave.next_busy.next = self.control.job.next_busy.val();
        self.regs.slave.done.next = self.control.job.done.val();
        self.regs.slave.error_code.next = self.control.job.error_code.val();
        for i in 0..self.statistics.val() {
            self.regs.slave.statistic[i].next = self.control.statistic[i].val();
        }
        self.control.job.start.next = self.regs.slave.start.val();
        self.control.job.abort_job.next = self.regs.slave.abort_job.val();
        self.control.job.clear_error.next = self.regs.slave.clear_error.val();
        self.control.job.bad_job.next = self.regs.bad_job.val();
        self.control.accepted.next = self.loader.packet.accepted.val();
        self.control.job.loader_done.next = self.loader.packet.done.val();
        self.control.job.loader_error.next = self.loader.packet.error.val();
        self.control.job.loader_error_code.next = self.loader.packet.error_code.val();
        self.control.job.closing.next = self.drain.closing.val();
        self.control.job.out_valid.next = self.drain.m_axis_tvalid.val();
        self.control.job.out_ready.next = self.results.m_axis_tready.val();
        self.control.job.out_last.next = self.drain.m_axis_tlast.val();
        self.loader.packet.start.next = self.regs.slave.start.val();
        self.loader.packet.abort_job.next = self.regs.slave.abort_job.val();
        self.loader.packet.flush.next = self.control.job.flush.val();
        JobFields::<In>::join(&mut self.loader.job, &mut self.regs.job);
        self.loader.group_added.next = self.sequencer.group_added.val();
        self.control.job.range_error.next = self.sequencer.range_error.val();
        self.control.multiplying.next = self.sequencer.multiplying.val();
        self.control.adding.next = self.sequencer.adding.val();
        self.control.stall_weights.next = self.sequencer.stall_weights.val();
        self.control.stall_products.next = self.sequencer.stall_products.val();
        self.sequencer.clear.next = self.control.job.clear.val();
        self.sequencer.start.next = self.regs.slave.start.val();
        self.sequencer.group.next = self.loader.group.val();
        JobFields::<In>::join(&mut self.sequencer.job, &mut self.regs.job);

        // Processing elements.
        self.products.next = 0.into();
        self.more.next = false;
        for s in 0..self.stripes.val() {
            for i in 0..self.slots.val() {
                self.pe[s * self.slots.val() + i].load_header.next =
                    self.loader.load_header.val() && self.loader.load_stripe.val().get_bit(s);
                self.pe[s * self.slots.val() + i].load_x.next =
                    self.loader.load_x.val() && self.loader.load_stripe.val().get_bit(s);
                self.pe[s * self.slots.val() + i].load_uniques.next =
                    self.loader.load_uniques.val() && self.loader.load_stripe.val().get_bit(s);
                self.pe[s * self.slots.val() + i].load_indices.next =
                    self.loader.load_indices.val() && self.loader.load_stripe.val().get_bit(s);
                self.pe[s * self.slots.val() + i].load_bank.next = self.loader.load_bank.val();
                self.pe[s * self.slots.val() + i].load_address.next =
                    self.loader.load_address.val();
                self.pe[s * self.slots.val() + i].load_data.next =
                    unsigned_cast(self.loader.load_data.val() >> (i * self.slice_w.val()));
                PeControl::<In>::join(
                    &mut self.pe[s * self.slots.val() + i].control,
                    &mut self.sequencer.control,
                );
                if self.pe[s * self.slots.val() + i].more.val() {
                    self.more.next = true;
                }
                if self.sequencer.multiplying.val()
                    && self.pe[s * self.slots.val() + i].multiplies.val()
                {
                    self.products.next = self.products.val() + 1;
                }
                for l in 0..self.lanes.val() {
                    self.tree[l].leaf[s * self.slots.val() + i].next =
                        self.pe[s * self.slots.val() + i].product[l].val();
                }
            }
        }
        self.sequencer.more.next = self.more.val();
        self.control.products.next = self.products.val();

        // Sums and drain.
        self.drain.clear.next = self.control.clear_drain.val();
        self.drain.finished.next = self.sequencer.finished.val();
        self.drain.failed.next = self.control.job.failed.val();
        self.drain.error_code.next = self.control.job.error_code.val();
        self.drain.rows.next = self.regs.job.sums.val();
        for l in 0..self.lanes.val() {
            self.sums[l].valid.next = self.sequencer.sum_valid.val();
            self.sums[l].row.next = self.sequencer.sum_row.val();
            self.sums[l].first.next = self.sequencer.sum_first.val();
            self.sums[l].addend.next = self.tree[l].sum.val();
            self.sums[l].reading.next = self.drain.reading.val();
            self.sums[l].read_enable.next = self.drain.enable.val();
            self.sums[l].read_row.next = self.drain.row.val();
            self.drain.word[l].next = self.sums[l].data.val();
        }
    }
}
