//! The [`Engine`] trait: one tensor operation on integers, whoever computes it.
//!
//! A training step is a row of [`Op`]s. Each is a convolution, or one of its two gradients, on signed
//! integers of [`Engine::data_bits`] bits; a fully connected layer is a 1×1 kernel on 1×1 images. The golden
//! model and the co-simulated hardware both implement the trait, so that a network trains on either
//! without knowing which.

mod checked;
mod geometry;

pub use checked::{Checked, Mismatch};
pub use geometry::{Geometry, MAX_DIM, MAX_ELEMENTS, Padding};

use anyhow::{Result, ensure};
use ndarray::{Array4, ArrayView4};
use serde::{Deserialize, Serialize};

use crate::numeric;
use crate::reuse::{Decisions, Reuse};

/// Which of the three dot products of a training step an [`Op`] computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pass {
    /// Layer input and weights give the layer output.
    Forward,
    /// Gradient of the output and weights give the gradient of the input.
    InputGrad,
    /// Layer input and gradient of the output give the gradient of the weights.
    WeightGrad,
}

impl Pass {
    /// All passes, in the order a training step runs them.
    pub const ALL: [Pass; 3] = [Pass::Forward, Pass::InputGrad, Pass::WeightGrad];

    /// The name used on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Pass::Forward => "forward",
            Pass::InputGrad => "input_grad",
            Pass::WeightGrad => "weight_grad",
        }
    }
}

impl std::fmt::Display for Pass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// What leaves the accumulators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Drain {
    /// The sums themselves, as 64-bit integers.
    Raw,
    /// Sums shifted right by so many bits, rounded half to even, saturated to the operand width
    /// ([`numeric::requantise`]).
    Shift(u32),
}

/// One tensor operation.
///
/// | pass | `a` | `b` | result |
/// |---|---|---|---|
/// | forward | x [B, Cin, H, W] | w [N, Cin/groups, kh, kw] | y [B, N, Ho, Wo] |
/// | input gradient | dY [B, N, Ho, Wo] | w | dX [B, Cin, H, W] |
/// | weight gradient | x | dY | dW [N, Cin/groups, kh, kw], always [`Drain::Raw`] |
#[derive(Clone, Debug)]
pub struct Op<'a> {
    /// Which product.
    pub pass: Pass,
    /// The layer's shape.
    pub geometry: &'a Geometry,
    /// First operand.
    pub a: ArrayView4<'a, i16>,
    /// Second operand.
    pub b: ArrayView4<'a, i16>,
    /// What to return.
    pub drain: Drain,
    /// What to reuse.
    pub reuse: Reuse,
}

impl Op<'_> {
    /// Refuses an operation that no engine of `data_bits` operands may run: an illegal geometry, operands of
    /// another shape or beyond the operand width, a shift out of range, a shifted weight gradient, or a shifted
    /// sum too long for the accumulator (sums that the host adds up from parts cannot be shifted on the way).
    ///
    /// # Errors
    /// Names the value, its limit and the fix.
    pub fn validate(&self, data_bits: u32) -> Result<()> {
        self.geometry.validate()?;
        let [a_shape, b_shape, _] = self.geometry.shapes(self.pass);
        let (low, high) = numeric::operand_range(data_bits);
        for (name, operand, shape) in [("first", &self.a, a_shape), ("second", &self.b, b_shape)] {
            ensure!(
                operand.shape() == shape,
                "{name} operand of {} has shape {:?}, the geometry says {shape:?}: give operands of that shape",
                self.pass,
                operand.shape()
            );
            let least_and_most = (i16::MIN, i16::MAX);
            let any = |v: &&i16| !(low..=high).contains(*v);
            if (low, high) != least_and_most
                && let Some(v) = operand.iter().find(any)
            {
                anyhow::bail!(
                    "{name} operand of {} holds {v}, the limits for {data_bits}-bit operands are {low} and {high}: \
                     quantise it to that width",
                    self.pass
                );
            }
        }
        if let Drain::Shift(shift) = self.drain {
            let limit = numeric::MAX_SHIFT;
            ensure!(
                shift <= limit,
                "drain shift is {shift}, the limit is {limit}: use a smaller shift"
            );
            ensure!(
                self.pass != Pass::WeightGrad,
                "drain of weight_grad is a shift of {shift}: use a raw drain"
            );
            let (terms, limit) = (
                self.geometry.terms(self.pass),
                numeric::max_terms(data_bits),
            );
            ensure!(
                terms <= limit,
                "{} sums {terms} products, a shifted drain takes at most {limit}: use a raw drain",
                self.pass
            );
        }
        Ok(())
    }
}

/// What one operation cost and met. Counters that an engine does not model are 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpStats {
    /// Clock cycles from START to the last output beat, ports never stalled, summed over jobs.
    pub cycles: u64,
    /// The same for the best plan without reuse.
    pub dense_cycles: u64,
    /// Cycles of the PE sets' compute alone.
    pub compute_cycles: u64,
    /// Multiply-accumulates that the PEs did.
    pub macs: u64,
    /// Largest magnitude among the raw sums, in both drain modes.
    pub max_abs: u64,
    /// Results that a shifted drain saturated.
    pub saturations: u64,
    /// Bytes into the accelerator.
    pub bytes_in: u64,
    /// Bytes out of the accelerator.
    pub bytes_out: u64,
    /// Reuse: cycles in which a PE set waits for its Hitmap list, summed over sets.
    pub stall_detect: u64,
    /// Reuse: cycles in which a detector works, summed over detectors.
    pub detect_busy: u64,
    /// Reuse: detected vectors that are zero and skipped. A vector detected several times (for several passes, sets or filter
    /// blocks) counts each time.
    pub zero: u64,
    /// Reuse: detected vectors whose signature is in the MCACHE.
    pub hit: u64,
    /// Reuse: detected vectors that become a representative (miss and update).
    pub mau: u64,
    /// Reuse: detected vectors for which there is no room (miss, no update).
    pub mnu: u64,
    /// Tensor cores: what became of the rows.
    #[serde(default, skip_serializing_if = "RowStats::is_empty")]
    pub rows: RowStats,
}

/// What became of the rows of a tensor core's products, and what its multipliers waited for. Every part of a product counts its rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowStats {
    /// Rows computed anew.
    pub plain: u64,
    /// Rows computed from the differences to the one before.
    pub delta: u64,
    /// Rows computed anew because that is shorter.
    pub fallback_shorter: u64,
    /// Rows computed anew because a difference does not fit an operand.
    pub fallback_range: u64,
    /// Cycles in which the multipliers wait for weights.
    pub stall_weights: u64,
    /// Cycles in which they wait for a row.
    pub stall_input: u64,
    /// Cycles in which they wait for the output.
    pub stall_output: u64,
}

impl RowStats {
    fn is_empty(&self) -> bool {
        *self == RowStats::default()
    }

    /// Share of the rows that are computed from differences; none without rows.
    pub fn delta_share(&self) -> Option<f64> {
        let all = self.plain + self.delta;
        (all > 0).then(|| self.delta as f64 / all as f64)
    }
}

impl std::ops::AddAssign for RowStats {
    fn add_assign(&mut self, other: Self) {
        self.plain += other.plain;
        self.delta += other.delta;
        self.fallback_shorter += other.fallback_shorter;
        self.fallback_range += other.fallback_range;
        self.stall_weights += other.stall_weights;
        self.stall_input += other.stall_input;
        self.stall_output += other.stall_output;
    }
}

impl OpStats {
    /// The same with counts of positions in state ZERO, HIT, MAU, MNU.
    pub fn with_states(self, [zero, hit, mau, mnu]: [u64; 4]) -> OpStats {
        OpStats {
            zero,
            hit,
            mau,
            mnu,
            ..self
        }
    }

    /// Share of the detected vectors that are not computed: ZERO and HIT. None if nothing was detected.
    pub fn hit_rate(&self) -> Option<f64> {
        let all = self.zero + self.hit + self.mau + self.mnu;
        (all > 0).then(|| (self.zero + self.hit) as f64 / all as f64)
    }

    /// How many times faster than the best dense plan; none if cycles are not known.
    pub fn speedup(&self) -> Option<f64> {
        (self.cycles > 0).then(|| self.dense_cycles as f64 / self.cycles as f64)
    }
}

impl std::ops::AddAssign for OpStats {
    /// Counts add; `max_abs` takes the larger.
    fn add_assign(&mut self, other: Self) {
        self.cycles += other.cycles;
        self.dense_cycles += other.dense_cycles;
        self.compute_cycles += other.compute_cycles;
        self.macs += other.macs;
        self.max_abs = self.max_abs.max(other.max_abs);
        self.saturations += other.saturations;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.stall_detect += other.stall_detect;
        self.detect_busy += other.detect_busy;
        self.zero += other.zero;
        self.hit += other.hit;
        self.mau += other.mau;
        self.mnu += other.mnu;
        self.rows += other.rows;
    }
}

/// Result of one operation.
#[derive(Clone, Debug, PartialEq)]
pub struct OpResult {
    /// As drained: raw 64-bit sums, or shifted, rounded and saturated integers of the operand width.
    pub y: Array4<i64>,
    /// Costs and events.
    pub stats: OpStats,
}

/// Whatever computes tensor operations.
pub trait Engine {
    /// Name for reports: `golden`, `verilated`, …
    fn name(&self) -> &str;

    /// Width of an operand in bits: 16 or 8.
    fn data_bits(&self) -> u32;

    /// Operations that this engine compared with another one, all of them equal; none if it compares nothing.
    fn compared(&self) -> Option<u64> {
        None
    }

    /// Says whose operations follow, for engines that tell layers apart. Results do not depend on it.
    fn layer(&mut self, _name: &str) {}

    /// Computes one operation.
    ///
    /// # Errors
    /// An operation that [`Op::validate`] refuses, or a failure of the engine itself.
    fn run(&mut self, op: &Op) -> Result<OpResult>;

    /// Keeps the decisions about the vectors of the operations from now on, or no longer. At first they are not kept.
    fn keep_decisions(&mut self, _keep: bool) {}

    /// Decisions of the latest operation; none if it had no reuse, or if they are not kept or not known.
    fn take_decisions(&mut self) -> Option<Decisions> {
        None
    }
}

/// Says what operations cost on an accelerator, without computing their results.
pub trait Costs {
    /// What an operation costs with each of `settings` in place of its own; `max_abs` and `saturations` stay 0.
    ///
    /// # Errors
    /// One for each setting with which the accelerator cannot run the operation.
    fn costs(&mut self, op: &Op, settings: &[Reuse]) -> Vec<Result<OpStats>>;
}

#[cfg(test)]
mod tests;
