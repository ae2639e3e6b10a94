//! One lane's weights and multipliers.

use crate::config::tc::TcConfig;
use crate::hdl::prelude::*;

/// The weight words of a lane and its N multipliers: one value times the N weights of its step and block.
///
/// ```text
///  cycle c+1                      c+2          c+3                c+4
///  base + value_step ─► [weights] ─► [N weights] ─► × ─► [N products]
///  value ─────────────► [ ] ────────► [ ] ─────────┘
/// ```
///
/// **Latency** `product` stands three cycles after `value`. **Back-pressure** none. **Parameters** `columns`, `data_w`, `steps`, `weight_words`.
///
/// The test `lane_multiplies` checks products; `tc_lane` in `tests/acrtc/gates.rs` compares its Verilog with it.
#[derive(LogicBlock)]
pub struct TcLane {
    /// Write a weight word.
    pub load: Bit<In>,
    /// Its address.
    pub load_address: Sig<In>,
    /// N weights, column 0 lowest.
    pub load_data: Sig<In>,
    /// What is multiplied.
    pub value: Sig<In>,
    /// Its step.
    pub value_step: Sig<In>,
    /// Address of the block's weights.
    pub base: Sig<In>,
    /// Products, one for each column.
    pub product: Vec<Sig<Out>>,
    weights: Ram,
    value_q: Vec<Reg>,
    weight_q: Vec<Reg>,
    product_q: Vec<Reg>,
    columns: Param,
    data_w: Param,
    about: About,
}

impl TcLane {
    /// A lane of this configuration.
    pub fn new(config: &TcConfig) -> Self {
        let (data, columns) = (config.data_w, config.columns);
        let word_w = address_width(config.weight_words);
        let registers = |width: usize, count: usize| {
            (0..count)
                .map(|_| Reg::signed(width).without_reset())
                .collect::<Vec<_>>()
        };
        TcLane {
            load: Bit::new(),
            load_address: Sig::unsigned(word_w),
            load_data: Sig::unsigned(columns * data),
            value: Sig::signed(data),
            value_step: Sig::unsigned(address_width(config.steps)),
            base: Sig::unsigned(word_w),
            product: (0..columns).map(|_| Sig::signed(2 * data)).collect(),
            weights: Ram::unsigned(columns * data, config.weight_words).ignoring_collisions(),
            value_q: registers(data, 2),
            weight_q: registers(data, columns),
            product_q: registers(2 * data, columns),
            columns: Param::new(columns),
            data_w: Param::new(data),
            about: About::new(
                "tc_lane",
                "One lane of a tensor core: its weights, and a multiplier for each column.",
            ),
        }
    }
}

impl Logic for TcLane {
    #[hdl_gen]
    fn update(&mut self) {
        self.weights.write_enable.next = self.load.val();
        self.weights.write_address.next = self.load_address.val();
        self.weights.write_data.next = self.load_data.val();
        self.weights.read_enable.next = true;
        self.weights.read_address.next = self.base.val() + unsigned_cast(self.value_step.val());
        self.value_q[0].next = self.value.val();
        self.value_q[1].next = self.value_q[0].val();
        for c in 0..self.columns.val() {
            self.weight_q[c].next =
                signed_cast(self.weights.read_data.val() >> (c * self.data_w.val()));
            self.product_q[c].next = self.value_q[1].val() * self.weight_q[c].val();
            self.product[c].next = self.product_q[c].val();
        }
    }
}
