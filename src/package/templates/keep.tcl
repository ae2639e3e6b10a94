# keep.ys for tools that run Yosys by Tcl, such as FuseSoC: sourced after the Verilog is read.
yosys hierarchy -top {{ top }}
yosys script [file join [file dirname [info script]] keep.ys]
