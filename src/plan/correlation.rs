//! The normal form that forward, input gradient and weight gradient share.
//!
//! Per convolution group, with all indices counted inside of the group:
//!
//! ```text
//! out[f, b, y, x] = Σ_{c,kr,kc} in[c, b, y·sy + kr·dy + oy, x·sx + kc·dx + ox] · w[f, c, kr, kc]
//! ```
//!
//! and 0 outside of `in`. The forward pass has this form directly. The input gradient of a convolution of stride (sy, sx) is
//! sy·sx such sums, one for each phase (row mod sy, column mod sx) of dX: only every (s / gcd(s, d))-th tap meets a phase, so no
//! zero is ever inserted into dY. The weight gradient uses the forward form's patches with dY as second operand.
//!
//! `in`, `w` and `out` are views of the operands: the input may skip rows that no tap can meet (stride 2 with one tap uses every
//! second row), the weights of the input gradient are rotated and transposed, a phase's output is every s-th row of dX. Views are
//! index maps; nothing is copied.

use crate::engine::{Geometry, Pass};

/// One axis (rows or columns) of a [`Correlation`].
///
/// Input coordinate `r` of the view is coordinate `first + r·step` of the tensor, and likewise for taps and outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Axis {
    /// Outputs.
    pub outputs: usize,
    /// Rows or columns of the input view.
    pub inputs: usize,
    /// Taps.
    pub taps: usize,
    /// View coordinates from one output to the next.
    pub stride: usize,
    /// View coordinates from one tap to the next.
    pub dilation: usize,
    /// View coordinate of tap 0 at output 0, negative in padding.
    pub offset: isize,
    /// Tensor coordinate of view coordinate 0.
    pub input_first: usize,
    /// Tensor coordinates from one view coordinate to the next.
    pub input_step: usize,
    /// Weight row or column of tap 0.
    pub tap_first: usize,
    /// Weight rows or columns from one tap to the next; negative for rotated filters.
    pub tap_step: isize,
    /// Output tensor coordinate of output 0.
    pub output_first: usize,
    /// Output tensor coordinates from one output to the next.
    pub output_step: usize,
}

impl Axis {
    /// View coordinate (possibly outside) of tap `tap` at output `output`.
    pub fn input(&self, output: usize, tap: usize) -> isize {
        (output * self.stride + tap * self.dilation) as isize + self.offset
    }

    /// Whether no tap of any output meets the tensor: the sum is zero everywhere.
    pub fn is_empty(&self) -> bool {
        self.outputs == 0 || self.inputs == 0 || self.taps == 0
    }

    /// The same axis with at most `most` taps at a time.
    fn pieces(self, most: usize) -> Vec<Axis> {
        let piece = |first: usize| Axis {
            taps: most.min(self.taps - first),
            offset: self.offset + (first * self.dilation) as isize,
            tap_first: (self.tap_first as isize + first as isize * self.tap_step) as usize,
            ..self
        };
        (0..self.taps).step_by(most).map(piece).collect()
    }

    /// The forward pass: `size` inputs, `outputs` outputs, tap 0 of output 0 at `-pad`.
    fn forward(
        size: usize,
        outputs: usize,
        taps: usize,
        stride: usize,
        dilation: usize,
        pad: usize,
    ) -> Axis {
        Axis {
            outputs,
            inputs: size,
            taps,
            stride,
            dilation,
            offset: -(pad as isize),
            input_first: 0,
            input_step: 1,
            tap_first: 0,
            tap_step: 1,
            output_first: 0,
            output_step: 1,
        }
        .decimated()
    }

    /// Phase `phase` of the input gradient, rows `phase, phase + stride, …` of dX (`size` rows), from `dy_size` rows of dY.
    ///
    /// Row h of dX receives dY[o]·w[k] for all o·stride + k·dilation = h + pad.
    fn gradient_phase(
        phase: usize,
        size: usize,
        dy_size: usize,
        taps: usize,
        stride: usize,
        dilation: usize,
        pad: usize,
    ) -> Axis {
        let divisor = gcd(stride, dilation);
        let tap_step = stride / divisor;
        let first_tap = (0..taps.min(tap_step))
            .find(|k| (phase + pad).abs_diff(k * dilation).is_multiple_of(stride));
        let count = first_tap.map_or(0, |k| (taps - k).div_ceil(tap_step));
        let first_tap = first_tap.unwrap_or(0);
        let view_dilation = dilation / divisor;
        let reach = count.saturating_sub(1);
        Axis {
            outputs: size.saturating_sub(phase).div_ceil(stride),
            inputs: dy_size,
            taps: count,
            stride: 1,
            dilation: view_dilation,
            offset: ((phase + pad) as isize - (first_tap * dilation) as isize)
                .div_euclid(stride as isize)
                - (reach * view_dilation) as isize,
            input_first: 0,
            input_step: 1,
            tap_first: first_tap + reach * tap_step,
            tap_step: -(tap_step as isize),
            output_first: phase,
            output_step: stride,
        }
        .decimated()
    }

    /// The same axis without the input coordinates that no tap meets: all met ones agree modulo gcd(stride, dilation),
    /// or modulo the stride if there is one tap.
    fn decimated(mut self) -> Axis {
        if self.taps == 1 {
            self.dilation = self.stride;
        }
        let step = gcd(self.stride, self.dilation);
        let first = self.offset.rem_euclid(step as isize) as usize;
        self.offset = self.offset.div_euclid(step as isize);
        self.input_first += first * self.input_step;
        self.input_step *= step;
        self.inputs = self.inputs.saturating_sub(first).div_ceil(step);
        self.stride /= step;
        self.dilation /= step;
        self
    }
}

/// A sum of the normal form over every convolution group of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Correlation {
    /// Images.
    pub batch: usize,
    /// Convolution groups.
    pub groups: usize,
    /// Input channels c of one convolution group.
    pub channels: usize,
    /// Filters f of one convolution group.
    pub filters: usize,
    /// Rows.
    pub rows: Axis,
    /// Columns.
    pub cols: Axis,
    /// Whether w\[f, c\] is tensor element \[c, f\]: the input gradient.
    pub transposed: bool,
}

impl Correlation {
    /// The correlations of one pass; their outputs together are the whole result, except that elements of no correlation's
    /// output (phases that no tap meets) are zero. The weight gradient has the forward correlation.
    pub fn of(geometry: &Geometry, pass: Pass) -> Vec<Correlation> {
        let all = match pass {
            Pass::Forward | Pass::WeightGrad => vec![Self::forward(geometry)],
            Pass::InputGrad => (0..geometry.stride[0])
                .flat_map(|row| (0..geometry.stride[1]).map(move |col| [row, col]))
                .map(|phase| Self::input_grad(geometry, phase))
                .collect(),
        };
        all.into_iter()
            .filter(|c| !c.rows.is_empty() && !c.cols.is_empty())
            .collect()
    }

    fn forward(g: &Geometry) -> Correlation {
        let ([kh, kw], [sy, sx], [dy, dx]) = (g.kernel, g.stride, g.dilation);
        Correlation {
            batch: g.batch,
            groups: g.groups,
            channels: g.in_channels / g.groups,
            filters: g.filters / g.groups,
            rows: Axis::forward(g.height, g.out_height(), kh, sy, dy, g.padding.top),
            cols: Axis::forward(g.width, g.out_width(), kw, sx, dx, g.padding.left),
            transposed: false,
        }
    }

    fn input_grad(g: &Geometry, phase: [usize; 2]) -> Correlation {
        let ([kh, kw], [sy, sx], [dy, dx]) = (g.kernel, g.stride, g.dilation);
        let (top, left) = (g.padding.top, g.padding.left);
        Correlation {
            batch: g.batch,
            groups: g.groups,
            channels: g.filters / g.groups,
            filters: g.in_channels / g.groups,
            rows: Axis::gradient_phase(phase[0], g.height, g.out_height(), kh, sy, dy, top),
            cols: Axis::gradient_phase(phase[1], g.width, g.out_width(), kw, sx, dx, left),
            transposed: true,
        }
    }

    /// The same weight gradient in pieces of at most `most` taps a channel: rows of taps, and columns if one row has too many.
    pub fn of_taps(self, most: usize) -> Vec<Correlation> {
        if self.taps() <= most {
            return vec![self];
        }
        let cols = self.cols.pieces(most);
        let rows = self.rows.pieces((most / cols[0].taps).max(1));
        let piece = |rows| cols.iter().map(move |&cols| (rows, cols));
        let pieces = rows.into_iter().flat_map(piece);
        pieces
            .map(|(rows, cols)| Correlation {
                rows,
                cols,
                ..self.clone()
            })
            .collect()
    }

    /// Taps of one channel.
    pub fn taps(&self) -> usize {
        self.rows.taps * self.cols.taps
    }

    /// Products of one output element.
    pub fn terms(&self) -> usize {
        self.channels * self.taps()
    }

    /// Output positions (b, y, x).
    pub fn positions(&self) -> usize {
        self.batch * self.rows.outputs * self.cols.outputs
    }

    /// Index in operand `a` of channel `c` of convolution group `group`, image `b`, view coordinates `row`, `col`.
    pub fn input_index(
        &self,
        group: usize,
        c: usize,
        b: usize,
        row: usize,
        col: usize,
    ) -> [usize; 4] {
        let at = |axis: &Axis, r: usize| axis.input_first + r * axis.input_step;
        [
            b,
            group * self.channels + c,
            at(&self.rows, row),
            at(&self.cols, col),
        ]
    }

    /// Index in the weight tensor (operand `b`; the result of a weight gradient) of w\[f, c, kr, kc\] of group `group`.
    pub fn weight_index(
        &self,
        group: usize,
        f: usize,
        c: usize,
        kr: usize,
        kc: usize,
    ) -> [usize; 4] {
        let at =
            |axis: &Axis, k: usize| (axis.tap_first as isize + k as isize * axis.tap_step) as usize;
        let (row, col) = (at(&self.rows, kr), at(&self.cols, kc));
        match self.transposed {
            false => [group * self.filters + f, c, row, col],
            true => [group * self.channels + c, f, row, col],
        }
    }

    /// Index in the output tensor (the operand dY of a weight gradient) of out\[f, b, y, x\] of group `group`.
    pub fn output_index(&self, group: usize, f: usize, b: usize, y: usize, x: usize) -> [usize; 4] {
        let at = |axis: &Axis, o: usize| axis.output_first + o * axis.output_step;
        [
            b,
            group * self.filters + f,
            at(&self.rows, y),
            at(&self.cols, x),
        ]
    }
}

/// Greatest common divisor; gcd(a, 0) = a.
pub(super) fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests;
