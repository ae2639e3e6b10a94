//! Builds and drives what stands in `rtl_out` with Verilator, and compares it with the golden model.
