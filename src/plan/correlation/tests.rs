//! The normal form means convolution and its gradients: compared with the definitions on random geometries.

use super::*;
use crate::engine::Padding;
use ndarray::Array4;
use proptest::prelude::*;

/// Geometries with every parameter in play, small enough to sum directly.
pub fn geometries() -> impl Strategy<Value = Geometry> {
    let pair = |max: usize| [1..=max, 1..=max];
    let shape = (1..=2usize, 1..=3usize, 1..=3usize, 1..=3usize);
    let padding = [0..=3usize, 0..=3usize, 0..=3usize, 0..=3usize];
    (shape, pair(7), pair(4), pair(4), pair(3), padding).prop_map(
        |((batch, groups, c, n), size, kernel, stride, dilation, padding)| {
            let span = |axis: usize| dilation[axis] * (kernel[axis] - 1) + 1;
            let [top, bottom, left, right] = padding;
            Geometry {
                batch,
                in_channels: groups * c,
                // Large enough for one window.
                height: size[0].max(span(0).saturating_sub(top + bottom)),
                width: size[1].max(span(1).saturating_sub(left + right)),
                filters: groups * n,
                kernel,
                stride,
                dilation,
                padding: Padding {
                    top,
                    bottom,
                    left,
                    right,
                },
                groups,
            }
        },
    )
}

/// Numbers without pattern, reproducible.
fn fill(shape: [usize; 4], seed: u64) -> Array4<i64> {
    let mut state = seed | 1;
    Array4::from_shape_simple_fn(shape, || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 33) as i64 % 201 - 100
    })
}

/// Calls `term(x index, w index, y index)` for every product of the convolution's definition.
fn definition(g: &Geometry, mut term: impl FnMut([usize; 4], [usize; 4], [usize; 4])) {
    let ([b, n, ho, wo], [_, cg, kh, kw]) = (g.y_shape(), g.w_shape());
    let per_group = n / g.groups;
    for (y, w) in ndarray::indices([b, n, ho, wo]).into_iter().flat_map(|y| {
        ndarray::indices([cg, kh, kw])
            .into_iter()
            .map(move |w| (y, w))
    }) {
        let row = (y.2 * g.stride[0] + w.1 * g.dilation[0]).checked_sub(g.padding.top);
        let col = (y.3 * g.stride[1] + w.2 * g.dilation[1]).checked_sub(g.padding.left);
        if let (Some(row), Some(col)) = (row, col)
            && row < g.height
            && col < g.width
        {
            let channel = y.1 / per_group * cg + w.0;
            term(
                [y.0, channel, row, col],
                [y.1, w.0, w.1, w.2],
                [y.0, y.1, y.2, y.3],
            );
        }
    }
}

/// Calls `term(input index, weight index, output index)` for every product of the normal form.
fn normal_form(c: &Correlation, mut term: impl FnMut([usize; 4], [usize; 4], [usize; 4])) {
    let outputs = [
        c.groups * c.filters,
        c.batch,
        c.rows.outputs,
        c.cols.outputs,
    ];
    for (f, b, y, x) in ndarray::indices(outputs) {
        let (group, f) = (f / c.filters, f % c.filters);
        for (ch, kr, kc) in ndarray::indices([c.channels, c.rows.taps, c.cols.taps]) {
            let (row, col) = (c.rows.input(y, kr), c.cols.input(x, kc));
            let inside = |r: isize, axis: &Axis| (0..axis.inputs as isize).contains(&r);
            if inside(row, &c.rows) && inside(col, &c.cols) {
                term(
                    c.input_index(group, ch, b, row as usize, col as usize),
                    c.weight_index(group, f, ch, kr, kc),
                    c.output_index(group, f, b, y, x),
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn normal_form_equals_the_definition(g in geometries(), seed in any::<u64>()) {
        prop_assert!(g.validate().is_ok());
        for pass in Pass::ALL {
            let [a_shape, b_shape, out_shape] = g.shapes(pass);
            let (a, b) = (fill(a_shape, seed), fill(b_shape, seed ^ 0x55));
            let (mut expected, mut got): (Array4<i64>, Array4<i64>) = (Array4::zeros(out_shape), Array4::zeros(out_shape));
            definition(&g, |x, w, y| match pass {
                Pass::Forward => expected[y] += a[x] * b[w],
                Pass::InputGrad => expected[x] += a[y] * b[w],
                Pass::WeightGrad => expected[w] += a[x] * b[y],
            });
            // A weight gradient also in pieces of few taps.
            let most = if pass == Pass::WeightGrad { 1 + seed as usize % 12 } else { usize::MAX };
            for c in Correlation::of(&g, pass).into_iter().flat_map(|c| c.of_taps(most)) {
                prop_assert!(c.taps() <= most);
                normal_form(&c, |i, w, o| match pass {
                    Pass::WeightGrad => got[w] += a[i] * b[o],
                    _ => got[o] += a[i] * b[w],
                });
            }
            prop_assert_eq!(&got, &expected, "{}", pass);
        }
    }
}

#[test]
fn phases_have_no_inserted_zeros() {
    let g = Geometry::conv([1, 1, 8, 8], 1, 3, 2, 1);
    let taps: Vec<_> = Correlation::of(&g, Pass::InputGrad)
        .iter()
        .map(Correlation::taps)
        .collect();
    assert_eq!(
        taps,
        [1, 2, 2, 4],
        "9 taps are shared out to the four phases"
    );
}

#[test]
fn one_tap_of_stride_two_sends_every_second_row() {
    let g = Geometry::conv([1, 1, 8, 8], 1, 1, 2, 0);
    let c = &Correlation::of(&g, Pass::Forward)[0];
    assert_eq!((c.rows.inputs, c.rows.stride, c.rows.input_step), (4, 1, 2));
}
