//! The operands of one tile as matrices: one column per position, in raster order.

use multiversion::multiversion;
use ndarray::{Array2, ArrayView2, ArrayView4};

use crate::golden::dense::offset;
use crate::plan::{Axis, Correlation, Span, Tile};

/// Rows of [`Vectors`] start at multiples of so many elements, so that loops over positions have no rest.
pub const LANES: usize = 32;

/// The vectors of a tile over all channels of a convolution group: one row per (channel, kernel row, kernel column), one column per
/// position. A row is padded with zeros to whole [`LANES`].
#[derive(Default)]
pub struct Vectors {
    values: Vec<i16>,
    pitch: usize,
    /// Columns that are positions.
    pub positions: usize,
}

impl Vectors {
    /// The rows `span` (the elements of a group), [`Vectors::pitch`] elements each.
    pub fn rows(&self, span: Span) -> &[i16] {
        &self.values[span.start * self.pitch..span.end() * self.pitch]
    }

    /// Elements from one row to the next, a multiple of [`LANES`].
    pub fn pitch(&self) -> usize {
        self.pitch
    }

    /// Fills in the vectors of a tile. `a` is in standard layout, of shape `shape`.
    pub fn gather(
        &mut self,
        view: &Correlation,
        a: &[i16],
        shape: [usize; 4],
        group: usize,
        tile: &Tile,
    ) {
        self.positions = tile.positions();
        self.pitch = self.positions.next_multiple_of(LANES);
        self.values.clear();
        self.values.resize(view.terms() * self.pitch, 0);
        let step = view.cols.stride * view.cols.input_step;
        for (k, vector) in self.values.chunks_exact_mut(self.pitch).enumerate() {
            let (c, tap) = (k / view.taps(), k % view.taps());
            let (kr, kc) = (tap / view.cols.taps, tap % view.cols.taps);
            let (columns, from) = inside(&view.cols, tile.cols, kc);
            if columns.is_empty() {
                continue;
            }
            for (line, (image, row)) in lines(tile).enumerate() {
                let y = view.rows.input(row, kr);
                if !(0..view.rows.inputs as isize).contains(&y) {
                    continue;
                }
                let at = view.input_index(group, c, image, y as usize, 0);
                let to = line * tile.cols.len;
                let to = &mut vector[to + columns.start..to + columns.end];
                copy(&a[offset(shape, at) + from..], step, to);
            }
        }
    }

    /// All vectors as floats, exactly; the columns `.0` of rows `span` replaced by the columns `.1`, for each list of pairs. `room`
    /// is used for the result, whatever it holds.
    pub fn replaced<'a, 'r>(
        &self,
        spans: impl Iterator<Item = (Span, &'a [(u32, u32)])>,
        room: &'r mut Vec<f64>,
    ) -> ArrayView2<'r, f64> {
        let shape = (self.values.len() / self.pitch, self.positions);
        if room.len() < shape.0 * shape.1 {
            room.resize(shape.0 * shape.1, 0.0);
        }
        let mut rows = room.chunks_exact_mut(self.positions);
        for (span, pairs) in spans {
            for (row, to) in self.rows(span).chunks_exact(self.pitch).zip(&mut rows) {
                float(row, to);
                for &(i, source) in pairs {
                    to[i as usize] = f64::from(row[source as usize]);
                }
            }
        }
        ArrayView2::from_shape(shape, &room[..shape.0 * shape.1]).expect("all rows")
    }
}

/// Every `step`-th element of `from`, as many as `to` takes.
fn copy(from: &[i16], step: usize, to: &mut [i16]) {
    if step == 1 {
        return to.copy_from_slice(&from[..to.len()]);
    }
    let from = from.iter().step_by(step);
    to.iter_mut().zip(from).for_each(|(to, &v)| *to = v);
}

#[multiversion(targets("x86_64+avx2"))]
fn float(from: &[i16], to: &mut [f64]) {
    for (to, &v) in to.iter_mut().zip(from) {
        *to = f64::from(v);
    }
}

/// Positions (image, y, x) of a tile by output lines: image and row of each.
fn lines(tile: &Tile) -> impl Iterator<Item = (usize, usize)> {
    let rows = tile.rows.range();
    tile.images
        .range()
        .flat_map(move |image| rows.clone().map(move |row| (image, row)))
}

/// Outputs of `span` whose tap `tap` lies inside of the input, counted from the span's first, and the tensor coordinate that the
/// first of them reads.
fn inside(axis: &Axis, span: Span, tap: usize) -> (std::ops::Range<usize>, usize) {
    let first = axis.input(span.start, tap);
    let (stride, inputs) = (axis.stride as isize, axis.inputs as isize);
    let reach = |limit: isize| (limit - first + stride - 1).div_euclid(stride);
    let end = reach(inputs).clamp(0, span.len as isize);
    let start = reach(0).clamp(0, end);
    let at = (first + start * stride) * axis.input_step as isize;
    (start as usize..end as usize, at.max(0) as usize)
}

/// Calls `visit` for every filter of `filters` and every output line of `tile`, with the columns of the tile's matrix that the line
/// takes, the index of its first element in the output tensor, and that tensor's elements from one column to the next.
pub fn output_lines(
    view: &Correlation,
    group: usize,
    filters: Span,
    tile: &Tile,
    mut visit: impl FnMut(usize, std::ops::Range<usize>, [usize; 4], usize),
) {
    for f in 0..filters.len {
        for (line, (image, row)) in lines(tile).enumerate() {
            let columns = line * tile.cols.len..(line + 1) * tile.cols.len;
            let at = view.output_index(group, filters.start + f, image, row, tile.cols.start);
            visit(f, columns, at, view.cols.output_step);
        }
    }
}

/// The output-shaped operand (dY) at the positions of a tile: one row per filter.
pub fn outputs(
    view: &Correlation,
    dy: &ArrayView4<i16>,
    group: usize,
    filters: Span,
    tile: &Tile,
) -> Array2<i16> {
    let positions = tile.positions();
    let mut matrix = vec![0; filters.len * positions];
    let (shape, dy) = (dy.dim().into(), dy.as_standard_layout());
    let dy = dy.as_slice().expect("standard layout");
    output_lines(view, group, filters, tile, |f, columns, at, step| {
        copy(
            &dy[offset(shape, at)..],
            step,
            &mut matrix[f * positions..][columns],
        );
    });
    Array2::from_shape_vec((filters.len, positions), matrix).expect("all rows")
}

/// A matrix of the same numbers.
pub fn floats(x: ArrayView2<i16>) -> Array2<f64> {
    x.mapv(f64::from)
}
