//! The [`Engine`] trait: one tensor operation on integers, whoever computes it.
//!
//! A training step is a row of [`Op`]s. Each is a convolution, or one of its two gradients, on signed
//! integers of [`Engine::data_bits`] bits; a fully connected layer is a 1×1 kernel on 1×1 images. The golden
//! model and the co-simulated hardware both implement the trait, so that a network trains on either
//! without knowing which.

mod checked;

pub use checked::{Checked, Mismatch};

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

/// Rows and columns of zeros around an image; the four sides may differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Padding {
    /// Rows above the image.
    pub top: usize,
    /// Rows below the image.
    pub bottom: usize,
    /// Columns left of the image.
    pub left: usize,
    /// Columns right of the image.
    pub right: usize,
}

impl Padding {
    /// The same padding on all four sides.
    pub fn same(n: usize) -> Self {
        Padding {
            top: n,
            bottom: n,
            left: n,
            right: n,
        }
    }
}

/// The shape of one convolution-like layer operation. It is the layer's shape whatever the [`Pass`].
///
/// Pairs are `[rows, columns]`. A fully connected layer is a 1×1 kernel on 1×1 images, its samples the batch.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Geometry {
    /// Images (or samples) B.
    pub batch: usize,
    /// Channels of the input, Cin.
    pub in_channels: usize,
    /// Rows of an input image, H.
    pub height: usize,
    /// Columns of an input image, W.
    pub width: usize,
    /// Filters, that is channels of the output, N.
    pub filters: usize,
    /// Taps of a filter per channel.
    pub kernel: [usize; 2],
    /// Input step from one output position to the next.
    pub stride: [usize; 2],
    /// Input step from one tap to the next.
    pub dilation: [usize; 2],
    /// Zeros around each image.
    pub padding: Padding,
    /// Convolution groups: filter block i sees channel block i alone.
    pub groups: usize,
}

/// Largest value of any single dimension of a [`Geometry`].
pub const MAX_DIM: usize = 1 << 24;
/// Largest number of elements of any tensor of a [`Geometry`].
pub const MAX_ELEMENTS: usize = 1 << 32;

impl Geometry {
    /// A plain square convolution: `kernel`×`kernel` taps, equal padding, no dilation, one group.
    pub fn conv(
        shape: [usize; 4],
        filters: usize,
        kernel: usize,
        stride: usize,
        padding: usize,
    ) -> Self {
        let [batch, in_channels, height, width] = shape;
        Geometry {
            batch,
            in_channels,
            height,
            width,
            filters,
            kernel: [kernel; 2],
            stride: [stride; 2],
            dilation: [1; 2],
            padding: Padding::same(padding),
            groups: 1,
        }
    }

    /// A fully connected layer from `inputs` to `outputs` on `batch` samples.
    pub fn fully_connected(batch: usize, inputs: usize, outputs: usize) -> Self {
        Self::conv([batch, inputs, 1, 1], outputs, 1, 1, 0)
    }

    /// Refuses a geometry that describes no operation.
    ///
    /// # Errors
    /// Names the value, its limit and the fix.
    pub fn validate(&self) -> Result<()> {
        let Padding {
            top,
            bottom,
            left,
            right,
        } = self.padding;
        let positive = [
            ("batch", self.batch),
            ("in_channels", self.in_channels),
            ("height", self.height),
            ("width", self.width),
            ("filters", self.filters),
            ("kernel height", self.kernel[0]),
            ("kernel width", self.kernel[1]),
            ("stride (rows)", self.stride[0]),
            ("stride (columns)", self.stride[1]),
            ("dilation (rows)", self.dilation[0]),
            ("dilation (columns)", self.dilation[1]),
            ("groups", self.groups),
        ];
        for (name, value) in positive {
            ensure!(
                value >= 1,
                "{name} is 0, must be at least 1: give a positive {name}"
            );
        }
        let padding = [
            ("top", top),
            ("bottom", bottom),
            ("left", left),
            ("right", right),
        ];
        for (name, value) in positive.into_iter().chain(padding) {
            ensure!(
                value <= MAX_DIM,
                "{name} is {value}, the limit is {MAX_DIM}: give a smaller {name}"
            );
        }
        for (name, value) in [("in_channels", self.in_channels), ("filters", self.filters)] {
            ensure!(
                value % self.groups == 0,
                "{name} is {value}, not a multiple of groups {}: choose groups that divide it",
                self.groups
            );
        }
        let axes = [
            ("height", self.height, top + bottom, 0),
            ("width", self.width, left + right, 1),
        ];
        for (name, size, padding, axis) in axes {
            let (span, padded) = (self.span(axis), size + padding);
            ensure!(
                padded >= span,
                "padded {name} is {padded}, less than the {span} rows or columns that a kernel of {} taps at dilation {} \
                 covers: pad more or use a smaller kernel",
                self.kernel[axis],
                self.dilation[axis]
            );
        }
        for (name, shape) in [
            ("input", self.x_shape()),
            ("weights", self.w_shape()),
            ("output", self.y_shape()),
        ] {
            let elements = shape.iter().map(|&n| n as u128).product::<u128>();
            ensure!(
                elements <= MAX_ELEMENTS as u128,
                "{name} {shape:?} has {elements} elements, the limit is {MAX_ELEMENTS}: use a smaller batch or layer"
            );
        }
        Ok(())
    }

    /// Rows (axis 0) or columns (axis 1) from the first to the last tap of a filter, both included.
    fn span(&self, axis: usize) -> usize {
        self.dilation[axis] * (self.kernel[axis] - 1) + 1
    }

    /// Rows of an output image.
    pub fn out_height(&self) -> usize {
        (self.height + self.padding.top + self.padding.bottom - self.span(0)) / self.stride[0] + 1
    }

    /// Columns of an output image.
    pub fn out_width(&self) -> usize {
        (self.width + self.padding.left + self.padding.right - self.span(1)) / self.stride[1] + 1
    }

    /// Shape of the input x and of its gradient: [B, Cin, H, W].
    pub fn x_shape(&self) -> [usize; 4] {
        [self.batch, self.in_channels, self.height, self.width]
    }

    /// Shape of the weights and of their gradient: [N, Cin/groups, kh, kw].
    pub fn w_shape(&self) -> [usize; 4] {
        [
            self.filters,
            self.in_channels / self.groups,
            self.kernel[0],
            self.kernel[1],
        ]
    }

    /// Shape of the output y and of its gradient: [B, N, Ho, Wo].
    pub fn y_shape(&self) -> [usize; 4] {
        [
            self.batch,
            self.filters,
            self.out_height(),
            self.out_width(),
        ]
    }

    /// Shapes of operand `a`, operand `b` and the result of a pass (see [`Op`]).
    pub fn shapes(&self, pass: Pass) -> [[usize; 4]; 3] {
        let (x, w, y) = (self.x_shape(), self.w_shape(), self.y_shape());
        match pass {
            Pass::Forward => [x, w, y],
            Pass::InputGrad => [y, w, x],
            Pass::WeightGrad => [x, y, w],
        }
    }

    /// Multiply-accumulates of the layer's definition, taps on padding included:
    /// B · N · Ho · Wo · Cin/groups · kh · kw. The three passes sum the same products over different axes,
    /// so they have the same count; hardware may do more (see [`OpStats::macs`]).
    pub fn macs(&self, _pass: Pass) -> u64 {
        let product = |shape: [usize; 4]| shape.iter().map(|&n| n as u64).product::<u64>();
        let taps = product(self.w_shape()) / self.filters as u64;
        product(self.y_shape()) * taps
    }

    /// Bound on the number of products that one result of the pass sums.
    pub fn terms(&self, pass: Pass) -> u64 {
        let [n, c, kh, kw] = self.w_shape().map(|v| v as u64);
        match pass {
            Pass::Forward => c * kh * kw,
            Pass::InputGrad => {
                let taps = |axis: usize| {
                    // Taps that reach one input row share its residue modulo the stride: every stride / gcd-th tap.
                    let (stride, dilation) = (self.stride[axis], self.dilation[axis]);
                    (self.kernel[axis] as u64).div_ceil((stride / gcd(stride, dilation)) as u64)
                };
                n / self.groups as u64 * taps(0) * taps(1)
            }
            Pass::WeightGrad => (self.batch * self.out_height() * self.out_width()) as u64,
        }
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
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
