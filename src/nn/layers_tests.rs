//! Gradients against finite differences.
//!
//! The loss is Σ c·y with fixed random c. All layers are linear in each input and parameter, or piecewise so with
//! the pieces' borders far away, so a central difference with a large step has no truncation error; what remains is
//! the quantisation of 16-bit operands.

use ndarray::Array4;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::engine::Padding;
use crate::golden::Golden;
use crate::nn::DrainPolicy;

fn loss(layer: &mut dyn Layer, x: &Array4<f32>, weights: &Array4<f32>) -> f64 {
    let mut engine = Golden::new(16);
    let mut cx = Context {
        training: false,
        drain: DrainPolicy::Raw,
        ..Context::new(&mut engine)
    };
    let y = layer.forward(x.clone(), &mut cx).unwrap();
    y.iter()
        .zip(weights)
        .map(|(y, c)| f64::from(*y) * f64::from(*c))
        .sum()
}

/// Compares every gradient of the layer with central differences of step `h`.
fn check(layer: &mut dyn Layer, x: &Array4<f32>, h: f32, seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut engine = Golden::new(16);
    let mut cx = Context::new(&mut engine);
    let y = layer.forward(x.clone(), &mut cx).unwrap();
    let weights = y.mapv(|_| rng.random_range(-1.0..1.0));
    let dx = layer
        .backward(weights.clone(), &mut cx)
        .unwrap()
        .expect("input gradient");

    let close = |got: f32, up: f64, down: f64, what: &str| {
        let want = (up - down) / (2.0 * f64::from(h));
        let error = (f64::from(got) - want).abs();
        assert!(
            error < 2e-3,
            "{what}: {got}, difference {want}, seed {seed}"
        );
    };
    for (index, &got) in dx.indexed_iter() {
        let mut at = |offset: f32| {
            let mut x = x.clone();
            x[index] += offset;
            loss(layer, &x, &weights)
        };
        close(got, at(h), at(-h), "input gradient");
    }
    for p in 0..layer.params().len() {
        let grads = layer.params()[p].grad.clone();
        for (index, &got) in grads.indexed_iter() {
            let mut at = |offset: f32| {
                let old = layer.params()[p].value[&index];
                layer.params()[p].value[&index] = old + offset;
                let loss = loss(layer, x, &weights);
                layer.params()[p].value[&index] = old;
                loss
            };
            close(got, at(h), at(-h), &format!("gradient of parameter {p}"));
        }
    }
}

fn images(shape: [usize; 4], seed: u64) -> Array4<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    Array4::from_shape_simple_fn(shape, || rng.random_range(-1.0f32..1.0))
}

/// Values that differ by more than twice a step of 0.01 from each other and from 0.
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
