//! Run-time-width signals, registers, memories, static checks and the Verilog printer, on rust-hdl's traits.
