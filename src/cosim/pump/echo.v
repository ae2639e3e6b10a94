// Test device: has the registers of an accelerator and answers a packet with its beats inverted, then a trailer.
// CG makes it misbehave: 1 changes waiting data, 2 drops tvalid, 3 sends while idle, 4 never ends, 5 answers a wrong response.
module echo (
    input clk, input rst_n,
    input [11:0] s_axil_awaddr, input s_axil_awvalid, output s_axil_awready,
    input [31:0] s_axil_wdata, input s_axil_wvalid, output s_axil_wready,
    output [1:0] s_axil_bresp, output s_axil_bvalid, input s_axil_bready,
    input [11:0] s_axil_araddr, input s_axil_arvalid, output s_axil_arready,
    output [31:0] s_axil_rdata, output [1:0] s_axil_rresp, output s_axil_rvalid, input s_axil_rready,
    input [BUS-1:0] s_axis_tdata, input s_axis_tvalid, input s_axis_tlast, output s_axis_tready,
    output [BUS-1:0] m_axis_tdata, output m_axis_tvalid, output m_axis_tlast, input m_axis_tready);

    reg [31:0] regs [0:1023];
    reg        busy, done, loading, ended, b_valid, r_valid, w_ok;
    reg [31:0] r_data, cycles;
    reg [BUS-1:0] beat;
    reg        full, last, spurious;
    reg [7:0]  age;

    // Address is taken one cycle before data, to show that the host does not tie them together.
    reg        a_full;
    reg [11:0] a_addr;
    assign s_axil_awready = !a_full;
    assign s_axil_wready  = a_full && !b_valid;
    assign s_axil_bvalid  = b_valid;
    assign s_axil_bresp   = regs[CG_WORD] == 5 ? 2'd1 : w_ok ? 2'd0 : 2'd2;
    assign s_axil_arready = !r_valid;
    assign s_axil_rvalid  = r_valid;
    assign s_axil_rdata   = r_data;
    assign s_axil_rresp   = 0;

    assign s_axis_tready = busy && loading && (!full || m_axis_tready);
    wire fault_drop      = regs[CG_WORD] == 2 && age == 2;
    assign m_axis_tvalid = (full && !fault_drop) || spurious;
    assign m_axis_tdata  = regs[CG_WORD] == 1 ? beat ^ {{(BUS-8){1'b0}}, age} : beat;
    assign m_axis_tlast  = last;

    wire start = s_axil_wvalid && s_axil_wready && a_addr == CONTROL && s_axil_wdata[0];
    wire abort = s_axil_wvalid && s_axil_wready && a_addr == CONTROL && s_axil_wdata[1];
    wire taken = full && m_axis_tready;

    always @(posedge clk) begin
        if (!rst_n) begin
            {busy, done, loading, ended, a_full, b_valid, r_valid, full, last, spurious} <= 0;
            cycles <= 0; age <= 0; regs[CG_WORD] <= 0;
        end else begin
            if (s_axil_awvalid && s_axil_awready) begin a_full <= 1; a_addr <= s_axil_awaddr; end
            if (s_axil_wvalid && s_axil_wready) begin
                b_valid <= 1; a_full <= 0; w_ok <= a_addr < LIMIT && !(busy && a_addr != CONTROL);
                if (!busy) regs[a_addr >> 2] <= s_axil_wdata;
            end
            if (b_valid && s_axil_bready) b_valid <= 0;
            if (s_axil_arvalid && s_axil_arready) begin
                r_valid <= 1;
                case (s_axil_araddr)
IDENTITY
                    STATUS: r_data <= {30'd0, done, busy};
                    ERROR_CODE: r_data <= 0;
                    CYCLES: r_data <= cycles;
                    default: r_data <= 0;
                endcase
            end
            if (r_valid && s_axil_rready) r_valid <= 0;

            age <= full && !m_axis_tready ? age + 1 : 0;
            if (taken) begin
                full <= 0;
                if (last) begin busy <= 0; done <= 1; last <= 0; spurious <= regs[CG_WORD] == 3; end
            end
            if (s_axis_tvalid && s_axis_tready) begin
                full <= 1; beat <= ~s_axis_tdata;
                if (s_axis_tlast) begin loading <= 0; ended <= 1; end
            end else if (ended && (!full || m_axis_tready) && regs[CG_WORD] != 4) begin
                full <= 1; beat <= 15; last <= 1; ended <= 0;
            end
            if (busy) cycles <= cycles + 1;
            if (start && !busy) begin busy <= 1; done <= 0; loading <= 1; cycles <= 0; end
            if (abort) begin {busy, loading, ended, full, last} <= 0; end
        end
    end
endmodule
