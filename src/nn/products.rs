//! From floats to one engine operation and back: quantisation, drain policy and counts.

use anyhow::{Context as _, Result};
use ndarray::{Array4, ArrayRef, Ix4};
use serde::{Deserialize, Serialize};

use super::costing::Costing;
use super::reuse::LayerReuse;
use crate::engine::{Drain, Engine, Geometry, Op, OpStats, Pass};
use crate::numeric::{self, Quantised};

/// How forward results and input gradients leave the accelerator. Weight gradients are always raw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DrainPolicy {
    /// The sums themselves, 64 bits each.
    Raw,
    /// The first batch raw; from then on operand-width results, shifted by what the previous batch's largest sum of
    /// this layer and pass asks for with one bit of headroom ([`numeric::shift_for`]).
    #[default]
    Shift,
}

/// What layers need besides their tensors.
pub struct Context<'e> {
    /// Computes the dot products.
    pub engine: &'e mut dyn Engine,
    /// How results are drained.
    pub drain: DrainPolicy,
    /// What is reused, by layer and pass.
    pub reuse: LayerReuse,
    /// Whether this is a training step: evaluation leaves no trace in the layers and their drain shifts.
    pub training: bool,
    /// Counts what the engine did.
    pub ledger: Ledger,
    /// Count training operations on other accelerators or with other settings too.
    pub costings: Vec<Costing<'e>>,
}

impl<'e> Context<'e> {
    /// A context for training on `engine` with the default drain policy.
    pub fn new(engine: &'e mut dyn Engine) -> Self {
        Context {
            engine,
            drain: DrainPolicy::default(),
            reuse: LayerReuse::default(),
            training: true,
            ledger: Ledger::default(),
            costings: vec![],
        }
    }
}

/// Counts of one layer and pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// Layer name.
    pub layer: String,
    /// Pass.
    pub pass: Pass,
    /// Operations counted.
    pub operations: u64,
    /// Their counts, summed.
    #[serde(flatten)]
    pub stats: OpStats,
}

/// Counts per layer and pass, in the order they were first met.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger(pub Vec<LedgerEntry>);

impl Ledger {
    /// Counts one operation.
    pub fn add(&mut self, layer: &str, pass: Pass, stats: OpStats) {
        let index = self.index(layer, pass);
        self.0[index].operations += 1;
        self.0[index].stats += stats;
    }

    /// Adds all counts of another ledger.
    pub fn merge(&mut self, other: Ledger) {
        for entry in other.0 {
            let index = self.index(&entry.layer, entry.pass);
            self.0[index].operations += entry.operations;
            self.0[index].stats += entry.stats;
        }
    }

    fn index(&mut self, layer: &str, pass: Pass) -> usize {
        let known = self
            .0
            .iter()
            .position(|e| e.layer == layer && e.pass == pass);
        known.unwrap_or_else(|| {
            self.0.push(LedgerEntry {
                layer: layer.into(),
                pass,
                operations: 0,
                stats: OpStats::default(),
            });
            self.0.len() - 1
        })
    }

    /// Sum over layers and passes.
    pub fn total(&self) -> OpStats {
        self.0.iter().fold(OpStats::default(), |mut sum, e| {
            sum += e.stats;
            sum
        })
    }
}

/// The three dot products of one layer, with the largest sum that each had in the previous training batch.
#[derive(Clone, Debug, Default)]
pub struct Products {
    largest: [Option<u64>; 3],
}

impl Products {
    /// Quantises a tensor to the engine's operand width.
    ///
    /// # Errors
    /// A value that is not finite, named with `what` it belongs to.
    pub fn quantise(
        tensor: &ArrayRef<f32, Ix4>,
        what: &str,
        cx: &Context,
    ) -> Result<Quantised<Ix4>> {
        numeric::quantise(tensor, cx.engine.data_bits()).with_context(|| what.to_string())
    }

    /// Runs one pass of layer `layer` on quantised operands (see [`Op`] for which) and returns its result as floats:
    /// integer · 2^(sum of the operands' exponents + shift).
    ///
    /// # Errors
    /// What the engine refuses or finds wrong, with layer and pass.
    pub fn run(
        &mut self,
        layer: &str,
        pass: Pass,
        geometry: &Geometry,
        [a, b]: [&Quantised<Ix4>; 2],
        cx: &mut Context,
    ) -> Result<Array4<f32>> {
        let largest = &mut self.largest[pass as usize];
        let drain = match (cx.drain, *largest) {
            (DrainPolicy::Shift, Some(max)) if pass != Pass::WeightGrad => {
                Drain::Shift(numeric::shift_for(max, cx.engine.data_bits()))
            }
            _ => Drain::Raw,
        };
        let op = Op {
            pass,
            geometry,
            a: a.values.view(),
            b: b.values.view(),
            drain,
            reuse: cx.reuse.get(layer, pass),
        };
        cx.engine.layer(layer);
        let result = cx
            .engine
            .run(&op)
            .with_context(|| format!("layer {layer}, pass {pass}"))?;
        if cx.training {
            *largest = Some(result.stats.max_abs);
            for costing in &mut cx.costings {
                costing.add(layer, pass, &op, &result);
            }
        }
        cx.ledger.add(layer, pass, result.stats);
        let shift = if let Drain::Shift(shift) = drain {
            shift as i32
        } else {
            0
        };
        let scale = numeric::exp2(a.exponent + b.exponent + shift);
        Ok(result.y.mapv(|v| (v as f64 * scale) as f32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::Golden;

    #[test]
    fn the_second_batch_is_shifted_by_the_first_ones_largest_sum_and_evaluation_leaves_no_trace() {
        let g = Geometry::fully_connected(1, 2, 1);
        let mut engine = Golden::new(8);
        let mut cx = Context::new(&mut engine);
        let quantised = |v: [i16; 2]| Quantised {
            values: Array4::from_shape_vec((1, 2, 1, 1), v.to_vec()).unwrap(),
            exponent: -3,
        };
        let (x, w, far) = (
            quantised([100, 50]),
            quantised([3, 1]),
            quantised([127, 127]),
        );
        let mut products = Products::default();
        let mut run = |x, cx: &mut Context| {
            products.run("fc", Pass::Forward, &g, [x, &w], cx).unwrap()[[0, 0, 0, 0]]
        };

        assert_eq!(run(&x, &mut cx), 350.0 / 64.0); // raw
        // 2·350 ≤ 127·2^s gives s = 3: 350 / 8 = 43.75 rounds to 44.
        assert_eq!(run(&x, &mut cx), 352.0 / 64.0);
        cx.training = false;
        assert_eq!(run(&far, &mut cx), 512.0 / 64.0); // 508 / 8 = 63.5 rounds to 64
        cx.training = true;
        assert_eq!(run(&x, &mut cx), 352.0 / 64.0);
        cx.drain = DrainPolicy::Raw;
        assert_eq!(run(&x, &mut cx), 350.0 / 64.0);
        let total = cx.ledger.total();
        assert_eq!(
            (cx.ledger.0[0].operations, total.max_abs, total.macs),
            (5, 508, 10)
        );
    }

    #[test]
    fn weight_gradients_stay_raw() {
        let g = Geometry::fully_connected(1, 1, 1);
        let mut engine = Golden::new(16);
        let mut cx = Context::new(&mut engine);
        let one = Quantised {
            values: Array4::from_elem((1, 1, 1, 1), 12345),
            exponent: 0,
        };
        let mut products = Products::default();
        for _ in 0..3 {
            let dw = products
                .run("fc", Pass::WeightGrad, &g, [&one, &one], &mut cx)
                .unwrap();
            assert_eq!(dw[[0, 0, 0, 0]], (12345.0f64 * 12345.0) as f32);
        }
    }
}
