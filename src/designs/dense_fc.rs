//! The dense baseline of CREW.

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
    /// Control and status registers: write address.
    pub s_axil_awaddr: Sig<In>,
    /// Write address valid.
    pub s_axil_awvalid: Bit<In>,
    /// Write address taken.
    pub s_axil_awready: Bit<Out>,
    /// Write data.
    pub s_axil_wdata: Sig<In>,
    /// Bytes to write.
    pub s_axil_wstrb: Sig<In>,
    /// Write data valid.
    pub s_axil_wvalid: Bit<In>,
    /// Write data taken.
    pub s_axil_wready: Bit<Out>,
    /// Write response.
    pub s_axil_bresp: Sig<Out>,
    /// Write response valid.
    pub s_axil_bvalid: Bit<Out>,
    /// Write response taken.
    pub s_axil_bready: Bit<In>,
    /// Read address.
    pub s_axil_araddr: Sig<In>,
    /// Read address valid.
    pub s_axil_arvalid: Bit<In>,
    /// Read address taken.
    pub s_axil_arready: Bit<Out>,
    /// Read data.
    pub s_axil_rdata: Sig<Out>,
    /// Read response.
    pub s_axil_rresp: Sig<Out>,
    /// Read data valid.
    pub s_axil_rvalid: Bit<Out>,
    /// Read data taken.
    pub s_axil_rready: Bit<In>,
    /// Input stream: activations and weights.
    pub s_axis_tvalid: Bit<In>,
    /// Input stream.
    pub s_axis_tready: Bit<Out>,
    /// Input stream.
    pub s_axis_tdata: Sig<In>,
    /// Input stream: the packet's last beat.
    pub s_axis_tlast: Bit<In>,
    /// Output stream: sums, then the trailer.
    pub m_axis_tvalid: Bit<Out>,
    /// Output stream.
    pub m_axis_tready: Bit<In>,
    /// Output stream.
    pub m_axis_tdata: Sig<Out>,
    /// Output stream: the trailer.
    pub m_axis_tlast: Bit<Out>,
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
            s_axil_awaddr: Sig::unsigned(ADDRESS_BITS),
            s_axil_awvalid: Bit::new(),
            s_axil_awready: Bit::new(),
            s_axil_wdata: Sig::unsigned(32),
            s_axil_wstrb: Sig::unsigned(4),
            s_axil_wvalid: Bit::new(),
            s_axil_wready: Bit::new(),
            s_axil_bresp: Sig::unsigned(2),
            s_axil_bvalid: Bit::new(),
            s_axil_bready: Bit::new(),
            s_axil_araddr: Sig::unsigned(ADDRESS_BITS),
            s_axil_arvalid: Bit::new(),
            s_axil_arready: Bit::new(),
            s_axil_rdata: Sig::unsigned(32),
            s_axil_rresp: Sig::unsigned(2),
            s_axil_rvalid: Bit::new(),
            s_axil_rready: Bit::new(),
            s_axis_tvalid: Bit::new(),
            s_axis_tready: Bit::new(),
            s_axis_tdata: Sig::unsigned(config.bus_w),
            s_axis_tlast: Bit::new(),
            m_axis_tvalid: Bit::new(),
            m_axis_tready: Bit::new(),
            m_axis_tdata: Sig::unsigned(config.bus_w),
            m_axis_tlast: Bit::new(),
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
        self.regs.s_axil_awaddr.next = self.s_axil_awaddr.val();
        self.regs.s_axil_awvalid.next = self.s_axil_awvalid.val();
        self.regs.s_axil_wdata.next = self.s_axil_wdata.val();
        self.regs.s_axil_wstrb.next = self.s_axil_wstrb.val();
        self.regs.s_axil_wvalid.next = self.s_axil_wvalid.val();
        self.regs.s_axil_bready.next = self.s_axil_bready.val();
        self.regs.s_axil_araddr.next = self.s_axil_araddr.val();
        self.regs.s_axil_arvalid.next = self.s_axil_arvalid.val();
        self.regs.s_axil_rready.next = self.s_axil_rready.val();
        self.s_axil_awready.next = self.regs.s_axil_awready.val();
        self.s_axil_wready.next = self.regs.s_axil_wready.val();
        self.s_axil_bresp.next = self.regs.s_axil_bresp.val();
        self.s_axil_bvalid.next = self.regs.s_axil_bvalid.val();
        self.s_axil_arready.next = self.regs.s_axil_arready.val();
        self.s_axil_rdata.next = self.regs.s_axil_rdata.val();
        self.s_axil_rresp.next = self.regs.s_axil_rresp.val();
        self.s_axil_rvalid.next = self.regs.s_axil_rvalid.val();
        self.loader.s_axis_tvalid.next = self.s_axis_tvalid.val();
        self.loader.s_axis_tdata.next = self.s_axis_tdata.val();
        self.loader.s_axis_tlast.next = self.s_axis_tlast.val();
        self.s_axis_tready.next = self.loader.s_axis_tready.val();
        self.m_axis_tvalid.next = self.drain.m_axis_tvalid.val();
        self.m_axis_tdata.next = self.drain.m_axis_tdata.val();
        self.m_axis_tlast.next = self.drain.m_axis_tlast.val();
        self.drain.m_axis_tready.next = self.m_axis_tready.val();

        // Job control.
        self.regs.busy.next = self.control.busy.val();
        self.regs.done.next = self.control.done.val();
        self.regs.error_code.next = self.control.error_code.val();
        for i in 0..self.statistics.val() {
            self.regs.statistic[i].next = self.control.statistic[i].val();
        }
        self.control.start.next = self.regs.start.val();
        self.control.abort_job.next = self.regs.abort_job.val();
        self.control.clear_error.next = self.regs.clear_error.val();
        self.control.bad_job.next = self.regs.bad_job.val();
        self.control.accepted.next = self.loader.accepted.val();
        self.control.loader_done.next = self.loader.done.val();
        self.control.loader_error.next = self.loader.error.val();
        self.control.loader_error_code.next = self.loader.error_code.val();
        self.control.closing.next = self.drain.closing.val();
        self.control.out_valid.next = self.drain.m_axis_tvalid.val();
        self.control.out_ready.next = self.m_axis_tready.val();
        self.control.out_last.next = self.drain.m_axis_tlast.val();
        self.loader.start.next = self.regs.start.val();
        self.loader.abort_job.next = self.regs.abort_job.val();
        self.loader.flush.next = self.control.flush.val();
        JobFields::<In>::join(&mut self.loader.job, &mut self.regs.job);
        self.loader.take_last.next = self.array.take_last.val();
        self.control.range_error.next = self.array.range_error.val();
        self.control.multiplying.next = self.array.issuing.val();
        self.control.adding.next = self.array.issuing.val();
        self.control.stall_weights.next = self.array.stall_weights.val();
        self.control.stall_products.next = false;
        self.control.products.next = 0.into();
        if self.array.issuing.val() {
            self.control.products.next = self.multipliers.val().into();
        }

        // The array.
        self.array.clear.next = self.control.clear.val();
        self.array.start.next = self.regs.start.val();
        self.array.load_x.next = self.loader.load_x.val();
        self.array.x_address.next = self.loader.x_address.val();
        self.array.x_data.next = self.s_axis_tdata.val();
        self.array.full.next = self.loader.full.val();
        self.array.shadow.next = self.loader.shadow.val();
        JobFields::<In>::join(&mut self.array.job, &mut self.regs.job);

        // Sums and drain.
        self.drain.clear.next = self.control.clear_drain.val();
        self.drain.finished.next = self.array.finished.val();
        self.drain.failed.next = self.control.failed.val();
        self.drain.error_code.next = self.control.error_code.val();
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
