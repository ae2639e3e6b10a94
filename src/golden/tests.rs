//! The fast engine against the definition of a convolution in the plainest code possible.

use ndarray::Array4;
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::engine::{Geometry, Padding};

/// Calls `visit` with the indices in x, w and y of every product of the layer's definition.
fn every_product(g: &Geometry, mut visit: impl FnMut([usize; 4], [usize; 4], [usize; 4])) {
    let [batch, filters, out_height, out_width] = g.y_shape();
    let [_, channels, kh, kw] = g.w_shape();
    for b in 0..batch {
        for n in 0..filters {
            for oy in 0..out_height {
                for ox in 0..out_width {
                    for c in 0..channels {
                        for ky in 0..kh {
                            for kx in 0..kw {
                                let y = (oy * g.stride[0] + ky * g.dilation[0]) as i64
                                    - g.padding.top as i64;
                                let x = (ox * g.stride[1] + kx * g.dilation[1]) as i64
                                    - g.padding.left as i64;
                                if y < 0 || x < 0 || y >= g.height as i64 || x >= g.width as i64 {
                                    continue;
                                }
                                let channel = n / (filters / g.groups) * channels + c;
                                visit(
                                    [b, channel, y as usize, x as usize],
                                    [n, c, ky, kx],
                                    [b, n, oy, ox],
                                );
                            }
                        }
                    }
                }
            }
        }
    }
}

fn oracle(op: &Op) -> Array4<i128> {
    let [_, _, shape] = op.geometry.shapes(op.pass);
    let mut result = Array4::<i128>::zeros(shape);
    every_product(op.geometry, |x, w, y| {
        let (a, b, to) = match op.pass {
            Pass::Forward => (x, w, y),
            Pass::InputGrad => (y, w, x),
            Pass::WeightGrad => (x, y, w),
        };
        result[to] += i128::from(op.a[a]) * i128::from(op.b[b]);
    });
    result
}

fn random(shape: [usize; 4], bits: u32, rng: &mut ChaCha8Rng) -> Array4<i16> {
    let (low, high) = numeric::operand_range(bits);
    // A quarter extremes: the largest sums, and saturation.
    Array4::from_shape_simple_fn(shape, || match rng.random_range(0..8) {
        0 => low,
        1 => high,
        _ => rng.random_range(low..=high),
    })
}

prop_compose! {
    fn geometries()(
        batch in 1usize..4, groups in 1usize..4, channels in 1usize..4, filters in 1usize..4,
        kernel in prop::array::uniform2(1usize..5), stride in prop::array::uniform2(1usize..4),
        dilation in prop::array::uniform2(1usize..4), padding in prop::array::uniform4(0usize..5),
        spare in prop::array::uniform2(0usize..7)
    ) -> Geometry {
        let [top, bottom, left, right] = padding;
        let span = |axis: usize| dilation[axis] * (kernel[axis] - 1) + 1;
        Geometry {
            batch, in_channels: groups * channels, filters: groups * filters, groups, kernel, stride, dilation,
            height: span(0).saturating_sub(top + bottom).max(1) + spare[0],
            width: span(1).saturating_sub(left + right).max(1) + spare[1],
            padding: Padding { top, bottom, left, right },
        }
    }
}

fn check(g: &Geometry, pass: Pass, bits: u32, shift: Option<u32>, seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let [a, b, _] = g.shapes(pass);
    let (a, b) = (random(a, bits, &mut rng), random(b, bits, &mut rng));
    let drain = match shift {
        Some(shift) if pass != Pass::WeightGrad => Drain::Shift(shift),
        _ => Drain::Raw,
    };
    let op = Op {
        pass,
        geometry: g,
        a: a.view(),
        b: b.view(),
        drain,
        reuse: crate::reuse::Reuse::default(),
    };
    let raw = oracle(&op);
    let mut terms = Array4::<u64>::zeros(raw.raw_dim());
    every_product(g, |x, w, y| {
        terms[[y, x, w][Pass::ALL.iter().position(|&p| p == pass).unwrap()]] += 1
    });
    assert!(terms.iter().all(|&n| n <= g.terms(pass)), "{pass} {g:?}");
    let got = Golden::new(bits).run(&op).unwrap();
    let context = format!("{pass} {g:?} {drain:?} seed {seed}");
    assert_eq!(
        got.stats.max_abs as i128,
        raw.iter().map(|v| v.abs()).max().unwrap(),
        "{context}"
    );
    let mut saturations = 0;
    for (index, &sum) in raw.indexed_iter() {
        let want = match drain {
            Drain::Raw => sum as i64,
            Drain::Shift(s) => {
                let out = numeric::requantise(sum as i64, s, bits);
                saturations += u64::from(out.saturated);
                out.value.into()
            }
        };
        assert_eq!(got.y[index], want, "{context} at {index:?}");
    }
    assert_eq!(got.stats.saturations, saturations, "{context}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn every_pass_is_its_definition(
        g in geometries(), bits in prop_oneof![Just(8u32), Just(16)], shift in prop::option::of(0u32..34), seed: u64
    ) {
        for pass in Pass::ALL {
            check(&g, pass, bits, shift, seed);
        }
    }
}

#[test]
fn layers_of_several_blocks_and_slices_are_exact() {
    let mut shapes = [
        Geometry::conv([3, 5, 40, 37], 7, 3, 1, 1),
        Geometry::conv([2, 3, 61, 50], 4, 7, 2, 3),
        Geometry::conv([1, 140, 9, 9], 150, 1, 1, 0),
        Geometry::fully_connected(5, 300, 290),
        Geometry::conv([2, 6, 33, 35], 6, 3, 1, 1),
    ];
    shapes[4].groups = 6;
    for (seed, g) in shapes.iter().enumerate() {
        for pass in Pass::ALL {
            check(g, pass, 16, None, seed as u64);
        }
    }
}

#[test]
fn sums_beyond_the_exact_range_of_a_float_stay_exact() {
    // 2^22 + 3 products of 2^30 and one of 1: a single f64 sum could lose the last bit.
    let terms = (1 << 22) + 3;
    let g = Geometry::conv([1, terms, 1, 1], 1, 1, 1, 0);
    let mut x = Array4::from_elem(g.x_shape(), i16::MIN);
    let mut w = Array4::from_elem(g.w_shape(), i16::MIN);
    (x[[0, 0, 0, 0]], w[[0, 0, 0, 0]]) = (1, 1);
    let op = Op {
        pass: Pass::Forward,
        geometry: &g,
        a: x.view(),
        b: w.view(),
        drain: Drain::Raw,
        reuse: crate::reuse::Reuse::default(),
    };
    let got = Golden::new(16).run(&op).unwrap();
    assert_eq!(got.y[[0, 0, 0, 0]], (terms as i64 - 1) * (1 << 30) + 1);
}

#[test]
fn costs_come_from_the_cost_model() {
    let g = Geometry::fully_connected(1, 2, 3);
    let one = |shape| Array4::<i16>::ones(shape);
    let (x, w) = (one(g.x_shape()), one(g.w_shape()));

    let op = Op {
        pass: Pass::Forward,
        geometry: &g,
        a: x.view(),
        b: w.view(),
        drain: Drain::Raw,
        reuse: crate::reuse::Reuse::default(),
    };
    assert_eq!(
        Golden::new(16).run(&op).unwrap().stats,
        OpStats {
            macs: 6,
            max_abs: 2,
            ..Default::default()
        }
    );
    let costs = |op: &Op, _: Option<&Hitmaps>| {
        Ok(OpStats {
            cycles: op.geometry.filters as u64,
            ..Default::default()
        })
    };
    let stats = Golden::new(16)
        .with_costs(Box::new(costs))
        .run(&op)
        .unwrap()
        .stats;
    assert_eq!((stats.cycles, stats.macs, stats.max_abs), (3, 0, 2));
}
