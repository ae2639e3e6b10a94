//! Faults put into the generated Verilog, to show that co-simulation catches them.

use crate::config::fc::{Design, FcConfig};
use crate::cosim::faults::Fault;

/// Faults of what both designs have.
const COMMON: [Fault; 7] = [
    Fault {
        name: "sums: the row just written not forwarded",
        file: "sums.v",
        from: "if (again_q) begin",
        to: "if (1'b0) begin",
    },
    Fault {
        name: "sums: the first group adds to what was there",
        file: "sums.v",
        from: "if (first_q) begin",
        to: "if (1'b0) begin",
    },
    Fault {
        name: "protocol: output does not wait for the receiver",
        file: "fc_drain.v",
        from: "assign moves = !out_valid || m_axis_tready;",
        to: "assign moves = 1'b1;",
    },
    Fault {
        name: "registers: the answer to a write not held",
        file: "fc_regs.v",
        from: "if (s_axil_bready) begin",
        to: "if (1'b1) begin",
    },
    Fault {
        name: "registers: an address taken without its data",
        file: "fc_regs.v",
        from: "s_axil_awvalid && s_axil_wvalid && !write_done",
        to: "s_axil_awvalid && !write_done",
    },
    Fault {
        name: "registers: a word that is read not kept",
        file: "fc_regs.v",
        from: "        if (read) begin\n            read_error",
        to: "        if (1'b1) begin\n            read_error",
    },
    Fault {
        name: "counter: stalls counted down",
        file: "fc_control.v",
        from: "count_5 <= count_5 + ",
        to: "count_5 <= count_5 - ",
    },
];

/// Faults of CREW.
const CREW: [Fault; 8] = [
    Fault {
        name: "sign: weights multiplied unsigned",
        file: "crew_pe.v",
        from: "product_q <= x_q * w_q;",
        to: "product_q <= x_q * $signed({8'd0, w_q});",
    },
    Fault {
        name: "product bank: one bank for both tasks",
        file: "crew_sequencer.v",
        from: "task_bank <= !task_bank;",
        to: "task_bank <= task_bank;",
    },
    Fault {
        name: "unpacker: bits above the width not masked",
        file: "index_unpacker.v",
        from: "(width_q > 4'd3)",
        to: "(width_q > 4'd2)",
    },
    Fault {
        name: "unpacker: the words of a row swapped",
        file: "index_unpacker.v",
        from: "if (odd_first_q) begin",
        to: "if (!odd_first_q) begin",
    },
    Fault {
        name: "loader: a group may overwrite one in use",
        file: "crew_loader.v",
        from: "(banks_used == 2'd2)",
        to: "(banks_used == 2'd3)",
    },
    Fault {
        name: "timing: products looked up a cycle early",
        file: "crew_sequencer.v",
        from: "multiplied_q <= task_ends;",
        to: "multiplied_q <= multiply && (number == 9'd0);",
    },
    Fault {
        name: "multiplication: the last unique weight left out",
        file: "crew_pe.v",
        from: "assign more = (number + 9'd1) < count_now;",
        to: "assign more = (number + 9'd2) < count_now;",
    },
    Fault {
        name: "timing: a free product bank noticed late",
        file: "crew_sequencer.v",
        from: "(products_used == 2'd2)",
        to: "(products_used != 2'd0)",
    },
];

/// Faults of the dense array.
const DENSE: [Fault; 2] = [
    Fault {
        name: "shadow: a beat accepted while it is full",
        file: "dense_loader.v",
        from: "&& full_q && !take_last;",
        to: "&& 1'b0;",
    },
    Fault {
        name: "tiles: the first one of a beat taken again",
        file: "dense_array.v",
        from: "if (slot == 1'b1) begin",
        to: "if (1'b0) begin",
    },
];

/// The faults that can be put into the Verilog of a configuration.
pub fn faults(config: &FcConfig) -> impl Iterator<Item = &'static Fault> {
    let own = match config.design {
        Design::Crew => &CREW[..],
        Design::DenseFc => &DENSE[..],
    };
    COMMON.iter().chain(own)
}
