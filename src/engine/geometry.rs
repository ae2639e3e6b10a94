//! The shape of a layer operation: [`Geometry`] and its [`Padding`].

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use super::Pass;

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

    /// Shapes of operand `a`, operand `b` and the result of a pass (see [`super::Op`]).
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
    /// so they have the same count; hardware may do more (see [`super::OpStats::macs`]).
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
