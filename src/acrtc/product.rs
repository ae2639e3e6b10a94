//! The matrix products of a tensor operation: which element of which operand stands where in A, B and D.
//!
//! | pass | rows of A | K | B |
//! |---|---|---|---|
//! | forward, each phase of the input gradient | a patch at each output position | channel, kernel row, kernel column | weights |
//! | weight gradient | all positions for each channel, kernel row, kernel column | image, row, column | dY |
//!
//! One product for each convolution group, by the index maps of [`Correlation`].

use ndarray::{Array2, Array4, ArrayView2, ArrayView4};

use crate::engine::{Geometry, Pass};
use crate::plan::Correlation;
use crate::reuse::RowOrder;

/// Coordinates of a row of A: image, row, column of a position; of the weight gradient channel, kernel row, kernel column.
type Place = [usize; 3];

/// One product A · B = D of an operation.
#[derive(Clone, Debug)]
pub struct Product {
    correlation: Correlation,
    group: usize,
    pass: Pass,
    order: RowOrder,
}

impl Product {
    /// All products of an operation: phase by phase, group by group.
    ///
    /// ```
    /// use mercury::acrtc::Product;
    /// use mercury::engine::{Geometry, Pass};
    /// use mercury::reuse::RowOrder;
    /// let conv = Geometry::conv([2, 3, 8, 8], 5, 3, 1, 1);
    /// let shape = |pass| Product::all(&conv, pass, RowOrder::Raster)[0].shape();
    /// assert_eq!(shape(Pass::Forward), [2 * 8 * 8, 3 * 9, 5]);
    /// assert_eq!(shape(Pass::InputGrad), [2 * 8 * 8, 5 * 9, 3]);
    /// assert_eq!(shape(Pass::WeightGrad), [3 * 9, 2 * 8 * 8, 5]);
    /// ```
    pub fn all(geometry: &Geometry, pass: Pass, order: RowOrder) -> Vec<Product> {
        let of = |correlation: Correlation| {
            (0..correlation.groups).map(move |group| Product {
                correlation: correlation.clone(),
                group,
                pass,
                order,
            })
        };
        let all = Correlation::of(geometry, pass);
        all.into_iter().flat_map(of).collect()
    }

    /// Rows, elements of a row, outputs.
    pub fn shape(&self) -> [usize; 3] {
        let c = &self.correlation;
        match self.pass {
            Pass::WeightGrad => [c.terms(), c.positions(), c.filters],
            _ => [c.positions(), c.terms(), c.filters],
        }
    }

    /// Sizes of the three coordinates of a row.
    fn row_sizes(&self) -> Place {
        match self.pass {
            Pass::WeightGrad => self.tap_sizes(),
            _ => self.position_sizes(),
        }
    }

    fn position_sizes(&self) -> Place {
        let c = &self.correlation;
        [c.batch, c.rows.outputs, c.cols.outputs]
    }

    fn tap_sizes(&self) -> Place {
        let c = &self.correlation;
        [c.channels, c.rows.taps, c.cols.taps]
    }

    /// What row `row` is, in the order asked for.
    fn place(&self, row: usize) -> Place {
        let [outer, lines, columns] = self.row_sizes();
        if self.order == RowOrder::Places {
            return [row % outer, row / outer / columns, row / outer % columns];
        }
        let (line, column) = (row / columns, row % columns);
        let backwards = self.order == RowOrder::Serpentine && line % 2 == 1;
        let column = if backwards {
            columns - 1 - column
        } else {
            column
        };
        [line / lines, line % lines, column]
    }

    /// The factor B `[k, outputs]` from the operation's second operand.
    pub fn weights(&self, b: ArrayView4<i16>) -> Array2<i16> {
        let [_, k, outputs] = self.shape();
        Array2::from_shape_fn((k, outputs), |(k, f)| b[self.weight_index(k, f)])
    }

    fn weight_index(&self, k: usize, f: usize) -> [usize; 4] {
        match self.pass {
            Pass::WeightGrad => self.position_index(raster(k, self.position_sizes()), f),
            _ => self.tap_index(raster(k, self.tap_sizes()), f),
        }
    }

    fn position_index(&self, [image, y, x]: Place, f: usize) -> [usize; 4] {
        self.correlation.output_index(self.group, f, image, y, x)
    }

    fn tap_index(&self, [c, ky, kx]: Place, f: usize) -> [usize; 4] {
        self.correlation.weight_index(self.group, f, c, ky, kx)
    }

    /// Puts the results D `[rows, outputs]` where they belong in the operation's result.
    pub fn put(&self, d: ArrayView2<i64>, result: &mut Array4<i64>) {
        for ((row, f), &value) in d.indexed_iter() {
            let place = self.place(row);
            let index = match self.pass {
                Pass::WeightGrad => self.tap_index(place, f),
                _ => self.position_index(place, f),
            };
            result[index] = value;
        }
    }

    /// The rows of A from the operation's first operand.
    pub fn rows(&self, a: ArrayView4<i16>) -> Rows<'_> {
        let c = &self.correlation;
        let extent = |axis: &crate::plan::Axis| {
            (axis.outputs - 1) * axis.stride + (axis.taps - 1) * axis.dilation + 1
        };
        let [height, width] = [extent(&c.rows), extent(&c.cols)];
        let mut padded = vec![0; c.batch * c.channels * height * width];
        let lines = padded.chunks_mut(width).enumerate();
        for (line, to) in lines {
            let (plane, y) = (line / height, line % height);
            let view = y as isize + c.rows.offset;
            if !(0..c.rows.inputs as isize).contains(&view) {
                continue;
            }
            let (image, channel) = (plane / c.channels, plane % c.channels);
            let first = (-c.cols.offset).clamp(0, width as isize) as usize;
            let from = (first as isize + c.cols.offset).max(0) as usize;
            let count = (width - first).min(c.cols.inputs.saturating_sub(from));
            if count == 0 {
                continue;
            }
            let [b, channel, row, column] =
                c.input_index(self.group, channel, image, view as usize, from);
            let source = a.slice(ndarray::s![b, channel, row, column..; c.cols.input_step]);
            to[first..first + count]
                .iter_mut()
                .zip(source)
                .for_each(|(to, &v)| *to = v);
        }
        let offset = |[channel, ky, kx]: Place| {
            (channel * height + ky * c.rows.dilation) * width + kx * c.cols.dilation
        };
        let taps = (0..c.terms()).map(|k| offset(raster(k, self.tap_sizes())));
        Rows {
            taps: taps.collect(),
            product: self,
            padded,
            height,
            width,
        }
    }
}

/// Number `index` of all triples below `sizes`, the last coordinate running fastest.
fn raster(index: usize, [_, lines, columns]: Place) -> Place {
    [
        index / columns / lines,
        index / columns % lines,
        index % columns,
    ]
}

/// Rows of A, made when they are asked for: the first operand with its padding around it.
pub struct Rows<'p> {
    product: &'p Product,
    /// Elements [image][channel][row][column]; tap (ky, kx) of output (y, x) is at (y·sy + ky·dy, x·sx + kx·dx).
    padded: Vec<i16>,
    height: usize,
    width: usize,
    /// Where the elements of a patch stand behind its first.
    taps: Vec<usize>,
}

impl Rows<'_> {
    /// Writes row `row` to `to`, which is as long as a row.
    pub fn fill(&self, row: usize, to: &mut [i16]) {
        let place = self.product.place(row);
        match self.product.pass {
            Pass::WeightGrad => self.fill_tap(place, to),
            _ => self.fill_patch(place, to),
        }
    }

    fn plane(&self) -> usize {
        self.height * self.width
    }

    fn fill_patch(&self, [image, y, x]: Place, to: &mut [i16]) {
        let c = &self.product.correlation;
        let first =
            image * c.channels * self.plane() + y * c.rows.stride * self.width + x * c.cols.stride;
        let patch = &self.padded[first..];
        let pairs = to.iter_mut().zip(&self.taps);
        pairs.for_each(|(to, &tap)| *to = patch[tap]);
    }

    fn fill_tap(&self, [channel, ky, kx]: Place, to: &mut [i16]) {
        let c = &self.product.correlation;
        let [_, lines, columns] = self.product.position_sizes();
        for (line, to) in to.chunks_mut(columns).enumerate() {
            let (image, y) = (line / lines, line % lines);
            let first = (image * c.channels + channel) * self.plane()
                + (y * c.rows.stride + ky * c.rows.dilation) * self.width
                + kx * c.cols.dilation;
            let from = &self.padded[first..];
            match c.cols.stride {
                1 => to.copy_from_slice(&from[..columns]),
                stride => {
                    let from = from.iter().step_by(stride);
                    to.iter_mut().zip(from).for_each(|(to, &v)| *to = v);
                }
            }
        }
    }

    /// All rows: the factor A `[rows, k]`.
    pub fn all(&self) -> Array2<i16> {
        let [rows, k, _] = self.product.shape();
        let mut a = Array2::zeros((rows, k));
        for (row, mut to) in a.rows_mut().into_iter().enumerate() {
            self.fill(row, to.as_slice_mut().expect("standard layout"));
        }
        a
    }
}
