//! Faults put into the generated Verilog, to show that co-simulation catches them.

use crate::config::tc::{Design, TcConfig};
use crate::cosim::faults::Fault;

/// Faults of what both designs have.
const COMMON: [Fault; 13] = [
    Fault {
        name: "sign: weights multiplied unsigned",
        file: "tc_lane.v",
        from: "value_q_1 * weight_q_0;",
        to: "value_q_1 * $signed({16'd0, weight_q_0});",
    },
    Fault {
        name: "column: a row begins at what was there",
        file: "tc_column.v",
        from: "if (first_q) begin",
        to: "if (1'b0) begin",
    },
    Fault {
        name: "weights: every block uses those of the first",
        file: "tc_sequencer.v",
        from: "base_at <= base_at + ",
        to: "base_at <= base_at & ",
    },
    Fault {
        name: "queue: one result more than it holds",
        file: "tc_sequencer.v",
        from: "pending == 5'd16",
        to: "pending == 5'd17",
    },
    Fault {
        name: "loader: a beat accepted while the register is full",
        file: "tc_loader.v",
        from: "&& full && !take_last;",
        to: "&& 1'b0;",
    },
    Fault {
        name: "loader: a row may overwrite one in use",
        file: "tc_loader.v",
        from: "used == 3'd4",
        to: "used == 3'd5",
    },
    Fault {
        name: "drain: shifted results sent twice",
        file: "tc_drain.v",
        from: "(shift_mode || (part == 1'b1))",
        to: "(part == 1'b1)",
    },
    Fault {
        name: "rounding: half up instead of half to even",
        file: "requantizer.v",
        from: "(sticky || floor[0])",
        to: "1'b1",
    },
    Fault {
        name: "protocol: output does not wait for the receiver",
        file: "output_packer.v",
        from: "!out_valid || m_axis_tready;",
        to: "1'b1;",
    },
    Fault {
        name: "registers: the answer to a write not held",
        file: "tc_regs.v",
        from: "if (s_axil_bready) begin",
        to: "if (1'b1) begin",
    },
    Fault {
        name: "registers: an address taken without its data",
        file: "tc_regs.v",
        from: "s_axil_awvalid && s_axil_wvalid && !write_done",
        to: "s_axil_awvalid && !write_done",
    },
    Fault {
        name: "registers: a word that is read not kept",
        file: "tc_regs.v",
        from: "        if (read) begin\n            read_error",
        to: "        if (1'b1) begin\n            read_error",
    },
    Fault {
        name: "counter: stalls for the output counted down",
        file: "tc_control.v",
        from: "count_9 <= count_9 + ",
        to: "count_9 <= count_9 - ",
    },
];

/// Faults of ACRTC.
const ACRTC: [Fault; 11] = [
    Fault {
        name: "column: the block just written not forwarded",
        file: "tc_column.v",
        from: "if (!again_q_0) begin",
        to: "if (1'b1) begin",
    },
    Fault {
        name: "level: half up instead of half to even",
        file: "lane_lists.v",
        from: "(floor[0] || ",
        to: "(1'b1 || ",
    },
    Fault {
        name: "level: the largest value rounded up",
        file: "lane_lists.v",
        from: " && (floor != most);",
        to: ";",
    },
    Fault {
        name: "lists: a difference beyond an operand not noticed",
        file: "lane_lists.v",
        from: "overflow_q <= difference[16] != difference[15];",
        to: "overflow_q <= 1'b0;",
    },
    Fault {
        name: "lists: zeros stay in the plain list",
        file: "lane_lists.v",
        from: "(u_q_2 != 16'sd0) || keep_zeros",
        to: "1'b1",
    },
    Fault {
        name: "lists: the last item left out",
        file: "lane_lists.v",
        from: "({1'd0, item} < length_now)",
        to: "(({1'd0, item} + 5'd1) < length_now)",
    },
    Fault {
        name: "lists: the length of the other kind",
        file: "lane_lists.v",
        from: "if (close_delta) begin",
        to: "if (!close_delta) begin",
    },
    Fault {
        name: "previous row: that of the row's first step for all",
        file: "lane_lists.v",
        from: ".read_address(step_q_0)",
        to: ".read_address(4'd0)",
    },
    Fault {
        name: "kind: delta only where it is shorter",
        file: "tc_rows.v",
        from: "plain < delta;",
        to: "plain <= delta;",
    },
    Fault {
        name: "kind: the first row from differences",
        file: "tc_rows.v",
        from: "use_delta && !closes_first;",
        to: "use_delta;",
    },
    Fault {
        name: "kind: the longest list starts with the row before's",
        file: "tc_rows.v",
        from: "begins = take_q_2 && begins_q_2;",
        to: "begins = 1'b0;",
    },
];

/// Faults of the dense core.
const DENSE: [Fault; 2] = [
    Fault {
        name: "rows: all in one bank",
        file: "row_buffer.v",
        from: "assign row_write_address = ({4'd0, bank} << 4)",
        to: "assign row_write_address = ({4'd0, bank ^ bank} << 4)",
    },
    Fault {
        name: "timing: a row is there a cycle early",
        file: "row_delay.v",
        from: "close = complete_3;",
        to: "close = complete_2;",
    },
];

/// The faults that can be put into the Verilog of a configuration.
pub fn faults(config: &TcConfig) -> impl Iterator<Item = &'static Fault> {
    let own = match config.design {
        Design::Acrtc => &ACRTC[..],
        Design::DenseTc => &DENSE[..],
    };
    COMMON.iter().chain(own)
}
