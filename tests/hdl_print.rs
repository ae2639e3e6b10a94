//! The printer on a small but complete design: multiply-accumulate PEs with weight RAM under a state machine.

mod hdl_blocks;

use hdl_blocks::Row;
use mercury::hdl::verilog::{Header, print};

#[test]
fn design_prints() {
    let row = Row::new(4, 16, 48, 8);
    let design = print(&row, "row", &Header::default()).unwrap_or_else(|e| panic!("{e}"));
    let names: Vec<&str> = design.modules.iter().map(|m| m.name.as_str()).collect();
    assert_eq!(names, ["ram_w16_d8", "mac_pe", "row"]);
}
