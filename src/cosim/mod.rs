//! Builds and drives what stands in `rtl_out` with Verilator, and compares it with the golden model.
//!
//! [`toolchain`] finds the tools, [`rtl`] reads generated Verilog, [`verilate`] builds and caches it as a shared library,
//! [`model`] loads that library and drives its ports, [`pump`] moves AXI transactions over them, [`driver`] runs jobs.

pub mod bins;
pub mod bus;
pub mod campaign;
pub mod case;
pub mod compare;
pub mod core;
pub mod driver;
pub mod error_paths;
pub mod faults;
pub mod fc;
pub mod hitmaps;
pub mod model;
pub mod pump;
pub mod rtl;
pub mod software;
pub mod tc;
pub mod toolchain;
pub mod verilate;
pub mod verilated;
