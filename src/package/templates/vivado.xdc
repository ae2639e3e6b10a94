# {{ top }}: clock of {{ clock_mhz }} MHz. Ports are meant for the inside of a device: neither pins nor delays of pins are constrained.
create_clock -name clk -period {{ period_ns }} [get_ports clk]
