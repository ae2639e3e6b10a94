// Runs {{ jobs }} jobs on {{ top }}, without and with pauses on both streams, and compares every output beat and every counter.
// Ends with a line PASS or FAIL. Verilog-2005; `run.sh` runs it under Icarus Verilog or Verilator. Generated; do not edit.
`timescale 1ns / 1ps
module {{ top }}_tb;
    localparam BUS = {{ bus }};
    localparam JOBS = {{ jobs }};
    localparam REGISTERS = {{ registers }};
    localparam COUNTERS = {{ counters }};
    localparam MOST_IN = {{ most_in * 8 // bus }};
    localparam MOST_OUT = {{ most_out * 8 // bus }};
    localparam LIMIT = {{ limit }};

    reg clk = 0;
    reg rst_n = 0;
    always #5 clk = !clk;

{% for port in ports if port.bus and port.bus == "s_axil" %}
    {{ "reg " if port.direction == "input" else "wire" }} {{ port.range }}{{ port.name }}{{ " = 0" if port.direction == "input" }};
{% endfor %}
    wire [BUS-1:0] s_axis_tdata;
    wire s_axis_tvalid, s_axis_tready, s_axis_tlast;
    wire [BUS-1:0] m_axis_tdata;
    wire m_axis_tvalid, m_axis_tlast;
    reg m_axis_tready = 0;

    {{ top }} dut (
        .clk(clk), .rst_n(rst_n),
{% for port in ports if port.bus %}
        .{{ port.name }}({{ port.name }}){{ "," if not loop.last }}
{% endfor %}
    );

    reg [63:0] registers [0:REGISTERS-1];
    reg [63:0] counters [0:COUNTERS-1];
    reg [BUS-1:0] beats_in [0:MOST_IN-1];
    reg [BUS-1:0] beats_out [0:MOST_OUT-1];
    reg [31:0] beats [0:1];
    integer failures = 0;
    integer job = 0;
    integer i = 0;
    integer pauses = 0;
    reg [31:0] value = 0;

    task fail(input [8*40-1:0] what, input [63:0] found, input [63:0] expected);
        begin
            failures = failures + 1;
            if (failures <= 20)
                $display("job %0d, pauses %0d: %0s is %h, expected %h", job, pauses, what, found, expected);
        end
    endtask

    // Streams: a beat moves in each cycle with valid and ready; pauses come from a shift register.
    reg [31:0] noise = 32'h2545f491;
    integer sent = 0;
    integer taken = 0;
    reg sending = 0;
    reg pause_in = 0;
    reg finished = 0;
    assign s_axis_tvalid = sending && sent < beats[0] && !pause_in;
    assign s_axis_tdata = beats_in[sent < MOST_IN ? sent : 0];
    assign s_axis_tlast = sent + 1 == beats[0];
    always @(posedge clk) begin
        noise <= {noise[30:0], noise[31] ^ noise[21] ^ noise[1] ^ noise[0]};
        if (s_axis_tvalid && s_axis_tready) sent <= sent + 1;
        if (!s_axis_tvalid || s_axis_tready) pause_in <= pauses != 0 && noise[1:0] == 0;
        m_axis_tready <= !(pauses != 0 && noise[4:3] == 0);
        if (m_axis_tvalid && m_axis_tready) begin
            taken <= taken + 1;
            if (taken >= beats[1]) fail("number of output beats", taken + 1, beats[1]);
            else if (m_axis_tdata !== beats_out[taken]) fail("output beat, low half", m_axis_tdata[63:0], beats_out[taken][63:0]);
            if (m_axis_tlast !== (taken + 1 == beats[1])) fail("TLAST", m_axis_tlast, taken + 1 == beats[1]);
            if (m_axis_tlast) finished <= 1;
        end
        if (!sending) begin
            sent <= 0;
            taken <= 0;
            finished <= 0;
        end
    end

    // AXI4-Lite, one access at a time. Inputs change at the falling edge; `guard` bounds every wait.
    integer guard = 0;
    task write(input [31:0] address, input [31:0] data);
        begin
            @(negedge clk);
            s_axil_awaddr = address[{{ address_bits - 1 }}:0];
            s_axil_wdata = data;
            s_axil_wstrb = 4'hf;
            s_axil_awvalid = 1;
            s_axil_wvalid = 1;
            guard = 0;
            #1;
            while (!(s_axil_awready && s_axil_wready) && guard < 100) begin @(negedge clk); #1; guard = guard + 1; end
            @(negedge clk);
            s_axil_awvalid = 0;
            s_axil_wvalid = 0;
            s_axil_bready = 1;
            #1;
            while (!s_axil_bvalid && guard < 100) begin @(negedge clk); #1; guard = guard + 1; end
            if (guard >= 100 || s_axil_bresp != 0) fail("answer to a write", address, 0);
            @(negedge clk);
            s_axil_bready = 0;
        end
    endtask
    task read(input [31:0] address);
        begin
            @(negedge clk);
            s_axil_araddr = address[{{ address_bits - 1 }}:0];
            s_axil_arvalid = 1;
            guard = 0;
            #1;
            while (!s_axil_arready && guard < 100) begin @(negedge clk); #1; guard = guard + 1; end
            @(negedge clk);
            s_axil_arvalid = 0;
            s_axil_rready = 1;
            #1;
            while (!s_axil_rvalid && guard < 100) begin @(negedge clk); #1; guard = guard + 1; end
            value = s_axil_rdata;
            if (guard >= 100 || s_axil_rresp != 0) fail("answer to a read", address, 0);
            @(negedge clk);
            s_axil_rready = 0;
        end
    endtask

    // The job whose vectors are loaded.
    task run;
        begin
            for (i = 0; i < REGISTERS; i = i + 1) write(registers[i][63:32], registers[i][31:0]);
            sending = 1;
            write(32'd{{ regs.control }}, 32'd{{ start }});
            i = 0;
            while (!finished && i < LIMIT) begin @(negedge clk); i = i + 1; end
            if (!finished) fail("end of the job after cycles", i, LIMIT);
            value = 1 << {{ busy }};
            for (i = 0; i < 100 && value[{{ busy }}]; i = i + 1) read(32'd{{ regs.status }});
            if (value[{{ busy }}]) fail("STATUS", value, 0);
            if (taken != beats[1]) fail("number of output beats", taken, beats[1]);
            sending = 0;
            read(32'd{{ regs.error }});
            if (value != 0) fail("ERROR", value, 0);
            for (i = 0; i < COUNTERS; i = i + 1)
                // Bit 63: the counter depends on pauses.
                if (!(counters[i][63] && pauses != 0)) begin
                    read({1'b0, counters[i][62:32]});
                    if (value !== counters[i][31:0]) fail("counter", {counters[i][63:32], value}, counters[i]);
                end
        end
    endtask

    task load(input integer number);
        begin
            case (number)
{% for name in names %}
                {{ loop.index0 }}: begin
                    $readmemh("vectors/job{{ loop.index0 }}_registers.hex", registers);
                    $readmemh("vectors/job{{ loop.index0 }}_counters.hex", counters);
                    $readmemh("vectors/job{{ loop.index0 }}_beats.hex", beats);
                    $readmemh("vectors/job{{ loop.index0 }}_input.hex", beats_in, 0, {{ "beats[0] - 1" }});
                    $readmemh("vectors/job{{ loop.index0 }}_output.hex", beats_out, 0, {{ "beats[1] - 1" }});
                    $display("job {{ loop.index0 }}, pauses %0d: {{ name }}", pauses);
                end
{% endfor %}
                default: fail("number of a job", number, JOBS);
            endcase
        end
    endtask

    initial begin
        for (i = 0; i < 4; i = i + 1) @(negedge clk);
        rst_n = 1;
        for (pauses = 0; pauses < 2; pauses = pauses + 1)
            for (job = 0; job < JOBS; job = job + 1) begin
                load(job);
                @(negedge clk);
                run;
            end
        if (failures == 0) $display("PASS: %0d jobs, without and with pauses", JOBS);
        else $display("FAIL: %0d differences", failures);
        $finish;
    end
endmodule
