# {{ top }}: clock of {{ clock_mhz }} MHz. Ports are meant for the inside of a device: paths from and to them are not analysed.
create_clock -name clk -period {{ period_ns }} [get_ports clk]
derive_clock_uncertainty
set_false_path -from [remove_from_collection [all_inputs] [get_ports clk]]
set_false_path -to [all_outputs]
