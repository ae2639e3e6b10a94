//! The dense baseline of CREW.

use crate::blocks::axi::{AxiLite, StreamIn, StreamOut};
use crate::blocks::crew::JobFields;
use crate::blocks::crew::control::FcControl;
use crate::blocks::crew::dense_array::DenseArray;
use crate::blocks::crew::dense_loader::DenseLoader;
use crate::blocks::crew::drain::Drain;
use crate::blocks::crew::pe::PRODUCT_W;
use crate::blocks::crew::regs::FcRegs;
use crate::blocks::crew::sums::Sums;
use crate::config::fc::FcConfig;
use crate::hdl::prelude::*;
use crate::regmap::Access;
use crate::regmap::fc::{ADDRESS_BITS, REGISTERS};

/// A weight-stationary array for fully connected layers, with the multipliers and the streams of [`Crew`](super::Crew).
///
/// ```text
///  s_axis ─► loader ─► shadow, x ─► array of P/L × L multipliers ─► sums 0 … L-1 ─► drain ─► m_axis
///  s_axil ─► regs ─► control
/// ```
///
/// **Latency** `docs/crew.md`, "Timing". **Back-pressure** AXI4-Stream on both streams. **Parameters** all keys of a
/// `design = "dense_fc"` configuration.
///
/// `mercury crew cosim --preset dense-fc-tiny` runs its Verilog against golden model and cycle model.
#[derive(LogicBlock)]
pub struct DenseFc {
    /// Control and status registers.
    pub axil: AxiLite<In>,
    /// Input stream: activations and weights.
    pub packet: StreamIn<In>,
    /// Output stream: sums, then the trailer.
    pub results: StreamOut<Out>,
    regs: FcRegs,
    control: FcControl,
    loader: DenseLoader,
    array: DenseArray,
    sums: Vec<Sums>,
    drain: Drain,
    lanes: Param,
    multipliers: Param,
    statistics: Param,
    about: About,
}

impl DenseFc {
    /// The accelerator of this configuration.
    pub fn new(config: &FcConfig) -> Self {
        let lanes = config.lanes;
        let counters = REGISTERS.iter().filter(|r| r.access == Access::Statistic);
        DenseFc {
            axil: AxiLite::new(ADDRESS_BITS),
            packet: StreamIn::new(config.bus_w),
            results: StreamOut::new(config.bus_w),
            regs: FcRegs::new(config),
            control: FcControl::new(config),
            loader: DenseLoader::new(config),
            array: DenseArray::new(config),
            sums: (0..lanes)
                .map(|_| Sums::new(config, PRODUCT_W + config.tree_levels()))
                .collect(),
            drain: Drain::new(config),
            lanes: Param::new(lanes),
            multipliers: Param::new(config.multipliers),
            statistics: Param::new(counters.count()),
            about: About::new(
                "dense_fc",
                "Weight-stationary array for fully connected layers: the baseline of CREW.",
            ),
        }
    }
}

impl Logic for DenseFc {
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
        self.loader.take_last.next = self.array.take_last.val();
        self.control.job.range_error.next = self.array.range_error.val();
        self.control.multiplying.next = self.array.issuing.val();
        self.control.adding.next = self.array.issuing.val();
        self.control.stall_weights.next = self.array.stall_weights.val();
        self.control.stall_products.next = false;
        self.control.products.next = 0.into();
        if self.array.issuing.val() {
            self.control.products.next = self.multipliers.val().into();
        }

        // The array.
        self.array.clear.next = self.control.job.clear.val();
        self.array.start.next = self.regs.slave.start.val();
        self.array.load_x.next = self.loader.load_x.val();
        self.array.x_address.next = self.loader.x_address.val();
        self.array.x_data.next = self.packet.s_axis_tdata.val();
        self.array.full.next = self.loader.full.val();
        self.array.shadow.next = self.loader.shadow.val();
        JobFields::<In>::join(&mut self.array.job, &mut self.regs.job);

        // Sums and drain.
        self.drain.clear.next = self.control.clear_drain.val();
        self.drain.finished.next = self.array.finished.val();
        self.drain.failed.next = self.control.job.failed.val();
        self.drain.error_code.next = self.control.job.error_code.val();
        self.drain.rows.next = self.regs.job.sums.val();
        for l in 0..self.lanes.val() {
            self.sums[l].valid.next = self.array.sum_valid.val();
            self.sums[l].row.next = self.array.sum_row.val();
            self.sums[l].first.next = self.array.sum_first.val();
            self.sums[l].addend.next = self.array.column[l].val();
            self.sums[l].reading.next = self.drain.reading.val();
            self.sums[l].read_enable.next = self.drain.enable.val();
            self.sums[l].read_row.next = self.drain.row.val();
            self.drain.word[l].next = self.sums[l].data.val();
        }
    }
}
