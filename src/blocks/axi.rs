//! The AXI ports of an accelerator.

use crate::hdl::bundle;

bundle! {
    /// AXI4-Lite with 32-bit data; its slave has it as `AxiLite<In>`.
    pub interface AxiLite(address_bits: usize) {
        /// Write address.
        to s_axil_awaddr: Sig(address_bits),
        /// Write address valid.
        to s_axil_awvalid: Bit(),
        /// Write address taken.
        back s_axil_awready: Bit(),
        /// Write data.
        to s_axil_wdata: Sig(32),
        /// Bytes to write.
        to s_axil_wstrb: Sig(4),
        /// Write data valid.
        to s_axil_wvalid: Bit(),
        /// Write data taken.
        back s_axil_wready: Bit(),
        /// Write response.
        back s_axil_bresp: Sig(2),
        /// Write response valid.
        back s_axil_bvalid: Bit(),
        /// Write response taken.
        to s_axil_bready: Bit(),
        /// Read address.
        to s_axil_araddr: Sig(address_bits),
        /// Read address valid.
        to s_axil_arvalid: Bit(),
        /// Read address taken.
        back s_axil_arready: Bit(),
        /// Read data.
        back s_axil_rdata: Sig(32),
        /// Read response.
        back s_axil_rresp: Sig(2),
        /// Read data valid.
        back s_axil_rvalid: Bit(),
        /// Read data taken.
        to s_axil_rready: Bit(),
    }
}

bundle! {
    /// AXI4-Stream that brings a job's packet; its block has it as `StreamIn<In>`.
    pub interface StreamIn(width: usize) {
        /// A beat.
        to s_axis_tdata: Sig(width),
        /// It is offered.
        to s_axis_tvalid: Bit(),
        /// It is taken.
        back s_axis_tready: Bit(),
        /// It is the last of the packet.
        to s_axis_tlast: Bit(),
    }
}

bundle! {
    /// AXI4-Stream that takes a job's results; its block has it as `StreamOut<Out>`.
    pub interface StreamOut(width: usize) {
        /// A beat.
        to m_axis_tdata: Sig(width),
        /// It is offered.
        to m_axis_tvalid: Bit(),
        /// It is taken.
        back m_axis_tready: Bit(),
        /// It is the last of the packet.
        to m_axis_tlast: Bit(),
    }
}
