// {{ name }} on a ULX3S with an LFE5U-85F: its clock of 25 MHz is the accelerator's, the serial line of its USB connector the host's.
// 1,000,000 baud; commands as in the comment of {{ link }} (docs/synthesis.md). Button PWR resets.
// Lights: 0 the line from the host, 1 to the host, 2 and 3 beats into and out of the accelerator, 7 out of reset.
`default_nettype none
module ulx3s (
    input  wire clk_25mhz,
    input  wire ftdi_txd,
    output wire ftdi_rxd,
    input  wire btn_pwr_n,
    output wire wifi_gpio0,
    output wire [7:0] led
);
    // Held high, or the board's other processor loads its own bitstream.
    assign wifi_gpio0 = 1'b1;

    // Reset for 15 cycles after configuration and while the button is pressed.
    reg [1:0] button = 2'b00;
    reg [3:0] started = 4'd0;
    wire rst_n = &started;
    always @(posedge clk_25mhz) begin
        button <= {button[0], btn_pwr_n};
        if (!button[1])
            started <= 4'd0;
        else if (!rst_n)
            started <= started + 4'd1;
    end

{% for port in ports if port.bus %}
    wire {{ port.range }}{{ port.name }};
{% endfor %}

    {{ link }} link (
        .clk(clk_25mhz), .rst_n(rst_n), .rx(ftdi_txd), .tx(ftdi_rxd),
{% for port in ports if port.bus %}
        .{{ port.name }}({{ port.name }}){{ "," if not loop.last }}
{% endfor %}
    );

    {{ top }} accelerator (
        .clk(clk_25mhz), .rst_n(rst_n),
{% for port in ports if port.bus %}
        .{{ port.name }}({{ port.name }}){{ "," if not loop.last }}
{% endfor %}
    );

    assign led = {rst_n, 3'b000, m_axis_tvalid, s_axis_tvalid, !ftdi_rxd, !ftdi_txd};
endmodule
`default_nettype wire
