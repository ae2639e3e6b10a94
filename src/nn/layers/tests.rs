//! Gradients against finite differences.
//!
//! The loss is Σ c·y with fixed random c. The slope is taken from four points, (8(L₊₁ − L₋₁) − (L₊₂ − L₋₂)) / 12h, whose
//! error falls with h⁴: steps may be large, so that the quantisation of 16-bit operands hardly matters. Most layers are
//! linear in each input and parameter, or piecewise so with the pieces' borders far away, and have no such error at all.

use ndarray::Array4;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::engine::{Geometry, Padding, Pass};
use crate::golden::Golden;
use crate::nn::DrainPolicy;

fn loss(layer: &mut dyn Layer, x: &Array4<f32>, weights: &Array4<f32>) -> f64 {
    let mut engine = Golden::new(16);
    let mut cx = Context {
        drain: DrainPolicy::Raw,
        ..Context::new(&mut engine)
    };
    let y = layer.forward(x.clone(), &mut cx).unwrap();
    y.iter()
        .zip(weights)
        .map(|(y, c)| f64::from(*y) * f64::from(*c))
        .sum()
}

/// Slope at 0 of a function, from four points.
fn slope(h: f32, mut at: impl FnMut(f32) -> f64) -> f64 {
    let mut pair = |h: f32| at(h) - at(-h);
    (8.0 * pair(h) - pair(2.0 * h)) / (12.0 * f64::from(h))
}

/// Compares every gradient of the layer with slopes of step `h`, to what 16-bit operands leave of one product.
fn check(layer: &mut dyn Layer, x: &Array4<f32>, h: f32, seed: u64) {
    check_within(2e-3, layer, x, h, seed);
}

/// Compares every gradient of the layer with slopes of step `h`, which may differ by `tolerance`, above 1 relative.
fn check_within(tolerance: f64, layer: &mut dyn Layer, x: &Array4<f32>, h: f32, seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut engine = Golden::new(16);
    let mut cx = Context {
        drain: DrainPolicy::Raw,
        ..Context::new(&mut engine)
    };
    let y = layer.forward(x.clone(), &mut cx).unwrap();
    rng.set_stream(1); // Weights alike the inputs are where normalisation has no slope.
    let weights = y.mapv(|_| rng.random_range(-1.0..1.0));
    let dx = layer
        .backward(weights.clone(), &mut cx)
        .unwrap()
        .expect("input gradient");

    let name = layer.name().to_string();
    let close = |got: f32, want: f64, what: &str| {
        let error = (f64::from(got) - want).abs();
        assert!(
            error < tolerance * (1.0 + want.abs()),
            "{what} of {name}: {got}, slope {want}, seed {seed}"
        );
    };
    for (index, &got) in dx.indexed_iter() {
        let want = slope(h, |offset| {
            let mut x = x.clone();
            x[index] += offset;
            loss(layer, &x, &weights)
        });
        close(got, want, "input gradient");
    }
    let grads: Vec<_> = layer.params().iter().map(|p| p.grad.clone()).collect();
    for (p, grad) in grads.iter().enumerate() {
        for (index, &got) in grad.indexed_iter() {
            let want = slope(h, |offset| {
                let old = layer.params()[p].value[&index];
                layer.params()[p].value[&index] = old + offset;
                let loss = loss(layer, x, &weights);
                layer.params()[p].value[&index] = old;
                loss
            });
            close(got, want, &format!("gradient of parameter {p}"));
        }
    }
}

fn images(shape: [usize; 4], seed: u64) -> Array4<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    Array4::from_shape_simple_fn(shape, || rng.random_range(-1.0f32..1.0))
}

/// Values that differ by more than the steps of a four-point slope with h = 0.01 from each other and from 0.
fn spread(shape: [usize; 4]) -> Array4<f32> {
    let count = shape.iter().product::<usize>();
    let value = |i: usize| ((i * 37 % count) as f32 - count as f32 / 2.0 + 0.5) * 0.05;
    Array4::from_shape_vec(shape, (0..count).map(value).collect()).unwrap()
}

#[test]
fn convolutions_of_every_shape() {
    let mut cases = [
        Geometry::conv([2, 2, 5, 4], 3, 3, 1, 1),
        Geometry::conv([1, 2, 7, 6], 2, 3, 2, 0),
        Geometry::conv([2, 4, 4, 4], 6, 2, 1, 0),
        Geometry::conv([1, 2, 6, 7], 2, 3, 1, 0),
        Geometry::conv([2, 3, 4, 4], 3, 1, 1, 0),
    ];
    cases[2].groups = 2;
    cases[3].dilation = [2, 1];
    cases[3].padding = Padding {
        top: 0,
        bottom: 1,
        left: 2,
        right: 0,
    };
    for (seed, g) in cases.into_iter().enumerate() {
        let seed = seed as u64;
        let x = images(g.x_shape(), seed);
        let mut layer = Conv::new("conv", g, true, &mut ChaCha8Rng::seed_from_u64(seed)).unwrap();
        check(&mut layer, &x, 0.5, seed);
    }
}

#[test]
fn fully_connected() {
    let g = Geometry::fully_connected(3, 7, 4);
    let x = images(g.x_shape(), 9);
    let mut layer = Conv::new("fc", g, true, &mut ChaCha8Rng::seed_from_u64(9)).unwrap();
    check(&mut layer, &x, 0.5, 9);
}

#[test]
fn layers_without_parameters() {
    let x = spread([2, 2, 5, 7]);
    check(&mut Relu::new("relu"), &x, 0.01, 1);
    check(&mut Flatten::new("flatten"), &x, 0.01, 2);
    check(
        &mut MaxPool::new("max", [2, 2], [2, 2]).unwrap(),
        &x,
        0.01,
        3,
    );
    check(
        &mut MaxPool::new("max", [3, 2], [1, 2]).unwrap(),
        &x,
        0.01,
        4,
    );
    check(
        &mut AvgPool::new("avg", [2, 2], [2, 2]).unwrap(),
        &x,
        0.01,
        5,
    );
    check(
        &mut AvgPool::new("avg", [3, 3], [2, 1]).unwrap(),
        &x,
        0.01,
        6,
    );
}

#[test]
fn convolution_without_bias() {
    let g = Geometry::conv([2, 2, 3, 3], 2, 3, 1, 1);
    let x = images(g.x_shape(), 3);
    let layer = Conv::new("conv", g, true, &mut ChaCha8Rng::seed_from_u64(3)).unwrap();
    let mut layer = layer.without_bias();
    assert_eq!(layer.params().len(), 1);
    check(&mut layer, &x, 0.5, 3);
}

/// Parameters away from their first values, which hide errors: a scale of 1, a shift of 0.
fn stirred<L: Layer>(mut layer: L, seed: u64) -> L {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for param in layer.params() {
        param
            .value
            .mapv_inplace(|v| v + rng.random_range(-0.5f32..0.5));
    }
    layer
}

#[test]
fn smooth_layers() {
    check(&mut Gelu::new("gelu"), &images([2, 3, 3, 2], 1), 0.05, 1);
    for shape in [[3, 2, 4, 3], [5, 3, 1, 1]] {
        let x = images(shape, 2) * 2.0 + 0.5;
        check(
            &mut stirred(BatchNorm::new("batch", shape[1]), 2),
            &x,
            0.02,
            2,
        );
    }
    for shape in [[2, 5, 3, 2], [3, 8, 1, 1]] {
        let x = images(shape, 3) * 2.0 + 0.5;
        check(
            &mut stirred(LayerNorm::new("layer", shape[1]), 3),
            &x,
            0.02,
            3,
        );
    }
}

#[test]
fn attention() {
    for (seed, [batch, channels, tokens, heads]) in
        (0..).zip([[2, 4, 3, 2], [1, 6, 4, 1], [2, 3, 2, 3]])
    {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let x = images([batch, channels, tokens, 1], seed) * 0.5;
        let layer = Attention::new("attention", [channels, tokens], heads, true, &mut rng).unwrap();
        // Four products in a row, whose operands are rounded each time.
        check_within(4e-3, &mut stirred(layer, seed), &x, 0.1, seed);
    }
}

#[test]
fn lstm() {
    for (seed, [batch, channels, tokens, outputs]) in
        (0..).zip([[2, 3, 3, 2], [1, 2, 1, 3], [3, 4, 4, 2]])
    {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let x = images([batch, channels, tokens, 1], seed) * 0.5;
        let layer = Lstm::new("lstm", [channels, tokens], outputs, true, &mut rng).unwrap();
        check_within(4e-3, &mut stirred(layer, seed), &x, 0.1, seed);
    }
}

/// States from the formula, image by image, in f64.
#[test]
fn lstm_gates_its_state() {
    let [batch, channels, tokens, outputs] = [2, 3, 4, 2];
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let x = images([batch, channels, tokens, 1], 6);
    let layer = Lstm::new("lstm", [channels, tokens], outputs, true, &mut rng).unwrap();
    let mut layer = stirred(layer, 6);
    let got = layer
        .forward(x.clone(), &mut Context::new(&mut Golden::new(16)))
        .unwrap();
    let values: Vec<_> = layer.params().iter().map(|p| p.value.clone()).collect();
    let sigmoid = |a: f64| 1.0 / (1.0 + (-a).exp());
    for b in 0..batch {
        let (mut h, mut c) = (vec![0.0; outputs], vec![0.0; outputs]);
        for t in 0..tokens {
            let a: Vec<f64> = (0..4 * outputs)
                .map(|n| {
                    let w = |p: usize, i: usize| f64::from(values[p][[n, i, 0, 0]]);
                    let from_x: f64 = (0..channels)
                        .map(|i| w(0, i) * f64::from(x[[b, i, t, 0]]))
                        .sum();
                    let from_h: f64 = (0..outputs).map(|i| w(2, i) * h[i]).sum();
                    from_x + from_h + f64::from(values[1][[n]])
                })
                .collect();
            for n in 0..outputs {
                let [i, f, g, o] = [0, 1, 2, 3].map(|gate| a[gate * outputs + n]);
                c[n] = sigmoid(f) * c[n] + sigmoid(i) * g.tanh();
                h[n] = sigmoid(o) * f64::tanh(c[n]);
                let error = (f64::from(got[[b, n, t, 0]]) - h[n]).abs();
                assert!(
                    error < 1e-3,
                    "image {b}, token {t}, output {n}: off by {error}"
                );
            }
        }
    }
}

/// Attention from its formula, image by image, in f64.
#[test]
fn attention_is_softmax_of_scaled_scores_times_values() {
    let [batch, channels, tokens, heads] = [2, 6, 4, 3];
    let d = channels / heads;
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let x = images([batch, channels, tokens, 1], 5);
    let layer = Attention::new("attention", [channels, tokens], heads, true, &mut rng).unwrap();
    let mut layer = stirred(layer, 5);
    let mut engine = Golden::new(16);
    let got = layer
        .forward(x.clone(), &mut Context::new(&mut engine))
        .unwrap();
    let values: Vec<_> = layer.params().iter().map(|p| p.value.clone()).collect();
    let project = |p: usize, x: &dyn Fn(usize, usize) -> f64, n: usize, t: usize| -> f64 {
        let sum: f64 = (0..channels)
            .map(|c| f64::from(values[p][[n, c, 0, 0]]) * x(c, t))
            .sum();
        sum + f64::from(values[p + 1][[n]])
    };
    for b in 0..batch {
        let at = |c: usize, t: usize| f64::from(x[[b, c, t, 0]]);
        let head = |c: usize, t: usize| -> f64 {
            let first = c / d * d;
            let score = |key: usize| -> f64 {
                let dot = |i: usize| {
                    project(0, &at, first + i, t) * project(0, &at, channels + first + i, key)
                };
                ((0..d).map(dot).sum::<f64>() / (d as f64).sqrt()).exp()
            };
            let all: f64 = (0..tokens).map(score).sum();
            let value = |key: usize| score(key) / all * project(0, &at, 2 * channels + c, key);
            (0..tokens).map(value).sum()
        };
        for (n, t) in ndarray::indices((channels, tokens)) {
            let want = project(2, &head, n, t);
            let error = (want - f64::from(got[[b, n, t, 0]])).abs();
            assert!(error < 1e-3, "{b} {n} {t}: {want} {}", got[[b, n, t, 0]]);
        }
    }
}

#[test]
fn layers_that_arrange() {
    check(
        &mut GlobalAvgPool::new("mean"),
        &images([2, 3, 2, 3], 1),
        0.5,
        1,
    );
    check(
        &mut Tokens::new("tokens", [2, 3]).unwrap(),
        &images([2, 2, 4, 6], 2),
        0.5,
        2,
    );
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut embedding = PositionEmbedding::new("position", [2, 3, 2], &mut rng);
    check(&mut embedding, &images([2, 2, 3, 2], 3), 0.5, 3);
}

#[test]
fn tokens_are_patches_in_raster_order() {
    // Elements say channel, row, column.
    let x = Array4::from_shape_fn((1, 2, 4, 6), |(_, c, y, x)| (100 * c + 10 * y + x) as f32);
    let mut engine = Golden::new(16);
    let mut layer = Tokens::new("tokens", [2, 3]).unwrap();
    let y = layer.forward(x, &mut Context::new(&mut engine)).unwrap();
    assert_eq!(y.dim(), (1, 12, 4, 1));
    let token = |t: usize| y.slice(ndarray::s![0, .., t, 0]).to_vec();
    let first = [
        0., 1., 2., 10., 11., 12., 100., 101., 102., 110., 111., 112.,
    ];
    assert_eq!(token(0), first);
    assert_eq!(token(1), first.map(|v| v + 3.0));
    assert_eq!(token(2), first.map(|v| v + 20.0));
}

fn conv(name: &str, shape: [usize; 4], filters: usize, learns: bool) -> Box<dyn Layer> {
    let g = Geometry::conv(shape, filters, 3, 1, 1);
    let mut rng = ChaCha8Rng::seed_from_u64(filters as u64);
    Box::new(Conv::new(name, g, learns, &mut rng).unwrap())
}

#[test]
fn branches() {
    let shape = [2, 2, 3, 3];
    let x = images(shape, 4);
    let chain = |learns| Chain(vec![conv("a", shape, 2, learns)]);
    let mut plain = Residual::new("plain", chain(true), Chain::default());
    check(&mut plain, &x, 0.25, 4);
    let mut projected = Residual::new("projected", chain(true), chain(true));
    check(&mut projected, &x, 0.25, 5);
    let side = Chain(vec![conv("b", shape, 3, true)]);
    let mut concat = Concat::new("concat", vec![chain(true), Chain::default(), side]);
    check(&mut concat, &x, 0.25, 6);

    // No layer before learns: no input gradient, even where a branch could give one.
    let mut engine = Golden::new(16);
    let mut cx = Context::new(&mut engine);
    let blocks: [Box<dyn Layer>; 2] = [
        Box::new(Residual::new("first", chain(false), Chain::default())),
        Box::new(Concat::new("first", vec![Chain::default(), chain(false)])),
    ];
    for mut block in blocks {
        let y = block.forward(x.clone(), &mut cx).unwrap();
        assert!(block.backward(y, &mut cx).unwrap().is_none());
        assert!(block.params()[0].grad.iter().any(|&g| g != 0.0));
    }
}

#[test]
fn batch_norm_evaluates_with_running_statistics() {
    let mut engine = Golden::new(16);
    let mut cx = Context::new(&mut engine);
    let mut layer = BatchNorm::new("batch", 1);
    let x = Array4::from_shape_vec((1, 1, 2, 2), vec![1.0, 3.0, 5.0, 7.0]).unwrap();
    let y = layer.forward(x.clone(), &mut cx).unwrap();
    // Mean 4, variance 5.
    assert!((y[[0, 0, 0, 0]] + 3.0 / 5f32.sqrt()).abs() < 1e-5);
    cx.training = false;
    // Running mean 0.4, running variance 0.9 + 0.1 · 20 / 3.
    let want = |v: f32| (v - 0.4) / (0.9f32 + 2.0 / 3.0).sqrt();
    for _ in 0..2 {
        let y = layer.forward(x.clone(), &mut cx).unwrap();
        y.iter()
            .zip(&x)
            .for_each(|(y, &x)| assert!((y - want(x)).abs() < 1e-4));
    }
}

#[test]
fn the_first_layer_asks_for_no_input_gradient() {
    let g = Geometry::conv([1, 1, 4, 4], 1, 3, 1, 1);
    let x = images(g.x_shape(), 0);
    let mut layer = Conv::new("conv", g, false, &mut ChaCha8Rng::seed_from_u64(0)).unwrap();
    let mut engine = Golden::new(16);
    let mut cx = Context::new(&mut engine);
    let y = layer.forward(x, &mut cx).unwrap();
    assert!(layer.backward(y, &mut cx).unwrap().is_none());
    let passes: Vec<Pass> = cx.ledger.0.iter().map(|e| e.pass).collect();
    assert_eq!(passes, [Pass::Forward, Pass::WeightGrad]);
}

#[test]
fn a_value_that_is_not_finite_is_refused_with_the_layer() {
    let g = Geometry::conv([1, 1, 2, 2], 1, 1, 1, 0);
    let mut x = images(g.x_shape(), 0);
    x[[0, 0, 1, 0]] = f32::NAN;
    let mut layer = Conv::new("conv1", g, true, &mut ChaCha8Rng::seed_from_u64(0)).unwrap();
    let mut engine = Golden::new(16);
    let mut cx = Context::new(&mut engine);
    x = Relu::new("relu").forward(x, &mut cx).unwrap();
    x = MaxPool::new("m", [1, 1], [1, 1])
        .unwrap()
        .forward(x, &mut cx)
        .unwrap();
    let error = format!("{:#}", layer.forward(x, &mut cx).unwrap_err());
    assert!(
        error.contains("input of layer conv1") && error.contains("element 2"),
        "{error}"
    );
}
