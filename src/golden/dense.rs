//! The three dense products as f64 matrix products of gathered patches, both cores at work.
//!
//! Output positions (image, y, x) are counted in raster order and handled in blocks of whole output rows. Within a
//! block a matrix has one column per position. Its K rows are the elements of a patch in the order channel, kernel
//! row, kernel column, so that a row is a run of shifted image rows: copied, not gathered, at stride 1.

use std::ops::Range;

use ndarray::{Array2, Array4, ArrayView2, ArrayView4, Axis, s};
use rayon::prelude::*;

use crate::engine::Geometry;

/// Positions per block, about: K × 512 floats of patches stay in the second-level cache.
const BLOCK: usize = 512;
/// Filters or channels per task.
const SLICE: usize = 128;
/// Most products that one f64 matrix product adds: 2^20 · 2^30 < 2^51, what [`integer`] takes.
const EXACT_TERMS: usize = 1 << 20;

/// Y[b,n,oy,ox] = Σ x[b, c, oy·sy + ky·dy − top, ox·sx + kx·dx − left] · w[n,c,ky,kx].
pub fn forward(g: &Geometry, x: ArrayView4<i16>, w: ArrayView4<i16>) -> Array4<i64> {
    let mut y = Array4::zeros(g.y_shape());
    let x = x.as_standard_layout();
    let x = x.as_slice().expect("standard layout");
    let parts = tasks(g, g.filters / g.groups).into_par_iter().map(|task| {
        let filters = task.filters(g);
        let weights = rows(w.slice(s![filters, .., .., ..]));
        (
            task.clone(),
            product(weights.view(), gather(g, x, &task).view()),
        )
    });
    let to = y.as_slice_mut().expect("standard layout");
    for (task, part) in parts.collect::<Vec<_>>() {
        for (filter, from) in task.filters(g).zip(part.rows()) {
            let from = from.to_slice().expect("standard layout");
            for (segment, (image, row)) in task.segments(g) {
                let at = offset(g.y_shape(), [image, filter, row, 0]);
                to[at..][..segment.len()].copy_from_slice(&from[segment]);
            }
        }
    }
    y
}

/// dX, straight from the definition of Y: each product dY[b,n,oy,ox] · w[n,c,ky,kx] is added where the forward pass
/// read its x, or dropped if that was padding.
pub fn input_grad(g: &Geometry, dy: ArrayView4<i16>, w: ArrayView4<i16>) -> Array4<i64> {
    let mut dx = Array4::zeros(g.x_shape());
    let dy = dy.as_standard_layout();
    let dy = dy.as_slice().expect("standard layout");
    let channels_per_group = g.in_channels / g.groups;
    // One task owns some channels of one run of images, so that no two add to the same element.
    let images = BLOCK
        .div_ceil(g.out_height() * g.out_width())
        .min(g.batch.div_ceil(rayon::current_num_threads()));
    let mut owners = Vec::new();
    for first in (0..g.batch).step_by(images) {
        for group in 0..g.groups {
            for slice in slices(channels_per_group, SLICE) {
                owners.push((first..(first + images).min(g.batch), group, slice));
            }
        }
    }
    let parts = owners.into_par_iter().map(|(images, group, slice)| {
        let mut part = Array4::zeros((images.len(), slice.len(), g.height, g.width));
        let filters = block(group, 0..g.filters / g.groups, g.filters / g.groups);
        let weights = rows(w.slice(s![filters.clone(), slice.clone(), .., ..]));
        let lines = images.start * g.out_height()..images.end * g.out_height();
        for lines in line_blocks(g, lines) {
            let task = Task {
                lines,
                group,
                slice: 0..filters.len(),
            };
            let columns = product(weights.t(), outputs(g, dy, &task).view());
            scatter(g, &task, images.start, &columns, &mut part);
        }
        (images, block(group, slice, channels_per_group), part)
    });
    for (images, channels, part) in parts.collect::<Vec<_>>() {
        dx.slice_mut(s![images, channels, .., ..]).assign(&part);
    }
    dx
}

/// dW[n,c,ky,kx] = Σ dY[b,n,oy,ox] · x[b, c, oy·sy + ky·dy − top, ox·sx + kx·dx − left].
pub fn weight_grad(g: &Geometry, x: ArrayView4<i16>, dy: ArrayView4<i16>) -> Array4<i64> {
    let [_, channels, kh, kw] = g.w_shape();
    let mut dw = Array2::<i64>::zeros((g.filters, channels * kh * kw));
    let (x, dy) = (x.as_standard_layout(), dy.as_standard_layout());
    let x = x.as_slice().expect("standard layout");
    let dy = dy.as_slice().expect("standard layout");
    let per_group = g.filters / g.groups;
    let owners = g.groups * per_group.div_ceil(SLICE);
    let lines = g.batch * g.out_height();
    // Few owners of filters: several tasks share one and sum over different positions.
    let run = lines.div_ceil((2 * rayon::current_num_threads()).div_ceil(owners));
    let mut runs = Vec::new();
    for group in 0..g.groups {
        for slice in slices(per_group, SLICE) {
            runs.extend(slices(lines, run).into_iter().map(|lines| Task {
                lines,
                group,
                slice: slice.clone(),
            }));
        }
    }
    let parts = runs.into_par_iter().map(|task| {
        let mut part = Array2::<i64>::zeros((task.slice.len(), channels * kh * kw));
        for lines in line_blocks(g, task.lines.clone()) {
            let task = Task {
                lines,
                ..task.clone()
            };
            part += &product(outputs(g, dy, &task).view(), gather(g, x, &task).t());
        }
        (task, part)
    });
    for (task, part) in parts.collect::<Vec<_>>() {
        let mut sum = dw.slice_mut(s![task.filters(g), ..]);
        sum += &part;
    }
    dw.into_shape_with_order(g.w_shape())
        .expect("same number of elements")
}

/// Some filters of one convolution group at a run of output rows.
#[derive(Clone)]
struct Task {
    /// Output rows, counted over all images.
    lines: Range<usize>,
    group: usize,
    /// Filters, counted from the group's first.
    slice: Range<usize>,
}

impl Task {
    fn filters(&self, g: &Geometry) -> Range<usize> {
        block(self.group, self.slice.clone(), g.filters / g.groups)
    }

    /// Per output row: the columns it takes in the block's matrices, its image and its row.
    fn segments(&self, g: &Geometry) -> impl Iterator<Item = (Range<usize>, (usize, usize))> {
        let (height, width) = (g.out_height(), g.out_width());
        self.lines
            .clone()
            .enumerate()
            .map(move |(i, line)| (i * width..(i + 1) * width, (line / height, line % height)))
    }
}

/// Range `slice` of group `group`, counted over all groups of `size`.
fn block(group: usize, slice: Range<usize>, size: usize) -> Range<usize> {
    group * size + slice.start..group * size + slice.end
}

fn slices(total: usize, step: usize) -> Vec<Range<usize>> {
    (0..total)
        .step_by(step)
        .map(|i| i..(i + step).min(total))
        .collect()
}

/// Runs of output rows of about [`BLOCK`] positions.
fn line_blocks(g: &Geometry, lines: Range<usize>) -> Vec<Range<usize>> {
    let step = BLOCK.div_ceil(g.out_width());
    let blocks = slices(lines.len(), step);
    blocks
        .into_iter()
        .map(|r| lines.start + r.start..lines.start + r.end)
        .collect()
}

/// All (position block, group, filter slice) triples.
fn tasks(g: &Geometry, filters_per_group: usize) -> Vec<Task> {
    let mut tasks = Vec::new();
    for lines in line_blocks(g, 0..g.batch * g.out_height()) {
        for group in 0..g.groups {
            for slice in slices(filters_per_group, SLICE) {
                tasks.push(Task {
                    lines: lines.clone(),
                    group,
                    slice,
                });
            }
        }
    }
    tasks
}

/// A tensor as a matrix of floats with one row per entry of its first axis.
fn rows(tensor: ArrayView4<i16>) -> Array2<f64> {
    let count = tensor.len_of(Axis(0));
    let flat = tensor.iter().map(|&v| f64::from(v)).collect();
    Array2::from_shape_vec((count, tensor.len() / count.max(1)), flat)
        .expect("rows of equal length")
}

/// Index in a standard layout of a tensor of shape `shape`.
pub(super) fn offset([_, d1, d2, d3]: [usize; 4], [i0, i1, i2, i3]: [usize; 4]) -> usize {
    ((i0 * d1 + i1) * d2 + i2) * d3 + i3
}

/// Outputs (or their gradients) of a task: one row per filter, one column per position.
fn outputs(g: &Geometry, dy: &[i16], task: &Task) -> Array2<f64> {
    let filters = task.filters(g);
    let mut matrix = Array2::zeros((filters.len(), task.lines.len() * g.out_width()));
    for (filter, mut to) in filters.zip(matrix.rows_mut()) {
        let to = to.as_slice_mut().expect("standard layout");
        for (segment, (image, row)) in task.segments(g) {
            let from = &dy[offset(g.y_shape(), [image, filter, row, 0])..];
            to[segment]
                .iter_mut()
                .zip(from)
                .for_each(|(to, &v)| *to = v.into());
        }
    }
    matrix
}

/// Output columns whose tap `kx` falls inside the image, and the image column of the first of them.
fn inside(g: &Geometry, kx: usize) -> (Range<usize>, usize) {
    let (step, offset, left) = (g.stride[1], kx * g.dilation[1], g.padding.left);
    let first = left.saturating_sub(offset).div_ceil(step);
    let end = (g.width + left)
        .saturating_sub(offset)
        .div_ceil(step)
        .min(g.out_width());
    (
        first.min(end)..end,
        (first * step + offset).saturating_sub(left),
    )
}

/// Image row that tap `ky` of output row `oy` reads, unless it is padding.
fn image_row(g: &Geometry, oy: usize, ky: usize) -> Option<usize> {
    (oy * g.stride[0] + ky * g.dilation[0])
        .checked_sub(g.padding.top)
        .filter(|&y| y < g.height)
}

/// The elements of a patch in order: channel, kernel row, kernel column.
fn taps(g: &Geometry) -> impl Iterator<Item = [usize; 3]> {
    let [_, channels, kh, kw] = g.w_shape();
    let rows = (0..channels).flat_map(move |c| (0..kh).map(move |ky| (c, ky)));
    rows.flat_map(move |(c, ky)| (0..kw).map(move |kx| [c, ky, kx]))
}

/// Patches of a task's group: one row per (channel, kernel row, kernel column), one column per position.
fn gather(g: &Geometry, x: &[i16], task: &Task) -> Array2<f64> {
    let channels = g.in_channels / g.groups;
    let terms = channels * g.kernel[0] * g.kernel[1];
    let mut matrix = Array2::zeros((terms, task.lines.len() * g.out_width()));
    for ([c, ky, kx], mut to) in taps(g).zip(matrix.rows_mut()) {
        let to = to.as_slice_mut().expect("standard layout");
        let (inside, first) = inside(g, kx);
        if inside.is_empty() {
            continue;
        }
        for (segment, (image, oy)) in task.segments(g) {
            let Some(y) = image_row(g, oy, ky) else {
                continue;
            };
            let from = &x[offset(g.x_shape(), [image, task.group * channels + c, y, first])..];
            let to = &mut to[segment][inside.clone()];
            match g.stride[1] {
                1 => to.iter_mut().zip(from).for_each(|(to, &v)| *to = v.into()),
                step => {
                    let from = from.iter().step_by(step);
                    to.iter_mut().zip(from).for_each(|(to, &v)| *to = v.into());
                }
            }
        }
    }
    matrix
}

/// The inverse of [`gather`] for channels held in `part`: adds each column entry where it would have been read.
fn scatter(
    g: &Geometry,
    task: &Task,
    first_image: usize,
    columns: &Array2<i64>,
    part: &mut Array4<i64>,
) {
    let shape = part.dim().into();
    let part = part.as_slice_mut().expect("standard layout");
    for ([c, ky, kx], from) in taps(g).zip(columns.rows()) {
        let from = from.to_slice().expect("standard layout");
        let (inside, first) = inside(g, kx);
        if inside.is_empty() {
            continue;
        }
        for (segment, (image, oy)) in task.segments(g) {
            let Some(y) = image_row(g, oy, ky) else {
                continue;
            };
            let to = &mut part[offset(shape, [image - first_image, c, y, first])..];
            let from = &from[segment][inside.clone()];
            match g.stride[1] {
                1 => to.iter_mut().zip(from).for_each(|(to, v)| *to += v),
                step => {
                    let to = to.iter_mut().step_by(step);
                    to.zip(from).for_each(|(to, v)| *to += v);
                }
            }
        }
    }
}

/// The exact integer matrix product of two matrices of operands.
pub(super) fn product(a: ArrayView2<f64>, b: ArrayView2<f64>) -> Array2<i64> {
    if a.ncols() <= EXACT_TERMS {
        return a.dot(&b).map(|&v| integer(v));
    }
    let parts = slices(a.ncols(), EXACT_TERMS).into_iter().map(|terms| {
        let b = b.slice(s![terms.clone(), ..]);
        product(a.slice(s![.., terms]), b)
    });
    let sum = parts.reduce(|sum, part| sum + part);
    sum.expect("more than no terms")
}

/// A whole number of magnitude below 2^51 as an integer: with 3·2^51 added, the mantissa's bits count ones.
fn integer(v: f64) -> i64 {
    const ORIGIN: f64 = (3u64 << 51) as f64;
    (v + ORIGIN).to_bits() as i64 - ORIGIN.to_bits() as i64
}
