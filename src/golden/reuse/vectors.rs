//! The operands of one tile as matrices: one column per position, in raster order.

use ndarray::{Array2, ArrayView4, s};

use crate::plan::{Axis, Correlation, Span, Tile};

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
    let at = axis.input_first as isize + (first + start * stride) * axis.input_step as isize;
    (start as usize..end as usize, at.max(0) as usize)
}

/// The vectors of a tile over all channels of convolution group `group`: one row per (channel, kernel row, kernel column).
pub fn gather(view: &Correlation, a: &ArrayView4<i16>, group: usize, tile: &Tile) -> Array2<i16> {
    let mut x = Array2::zeros((view.terms(), tile.positions()));
    let step = view.cols.stride * view.cols.input_step;
    for (k, mut vector) in x.outer_iter_mut().enumerate() {
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
            let [b, channel, y, _] = view.input_index(group, c, image, y as usize, 0);
            let to = line * tile.cols.len;
            vector
                .slice_mut(s![to + columns.start..to + columns.end])
                .zip_mut_with(
                    &a.slice(s![b, channel, y, from..;step])
                        .slice(s![..columns.len()]),
                    |to, &v| *to = v,
                );
        }
    }
    x
}

/// Calls `visit` for every filter of `filters` and every output line of `tile`, with the columns of the tile's matrix that the line
/// takes, its image, channel and row in the output tensor, and that tensor's columns (first, step).
pub fn output_lines(
    view: &Correlation,
    group: usize,
    filters: Span,
    tile: &Tile,
    mut visit: impl FnMut(usize, std::ops::Range<usize>, [usize; 3], [usize; 2]),
) {
    for f in 0..filters.len {
        for (line, (image, row)) in lines(tile).enumerate() {
            let columns = line * tile.cols.len..(line + 1) * tile.cols.len;
            let [b, channel, y, x] =
                view.output_index(group, filters.start + f, image, row, tile.cols.start);
            visit(f, columns, [b, channel, y], [x, view.cols.output_step]);
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
    let mut matrix = Array2::zeros((filters.len, tile.positions()));
    output_lines(
        view,
        group,
        filters,
        tile,
        |f, columns, [b, n, y], [x, step]| {
            let from = dy.slice(s![b, n, y, x..;step]);
            matrix
                .slice_mut(s![f, columns.clone()])
                .assign(&from.slice(s![..columns.len()]));
        },
    );
    matrix
}
