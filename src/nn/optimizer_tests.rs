//! Schedules against their formulas, updates against hand-worked steps.

use super::*;
use ndarray::arr1;

#[test]
fn hyper_parameters_that_cannot_train_are_refused() {
    type Spoil = fn(&mut Hyper);
    let cases: [(Spoil, &str); 11] = [
        (|h| h.epochs = 0, "epochs is 0, must be at least 1"),
        (|h| h.batch = 0, "batch is 0, must be at least 1"),
        (|h| h.step_every = 0, "step_every is 0, must be at least 1"),
        (|h| h.lr = -1.0, "lr is -1"),
        (|h| h.lr = f32::NAN, "lr is NaN"),
        (|h| h.lr_end = 2.0, "lr_end is 2"),
        (|h| h.step_factor = -0.5, "step_factor is -0.5"),
        (|h| h.momentum = 1.0, "momentum is 1"),
        (|h| h.beta2 = 1.0, "beta2 is 1"),
        (|h| h.warmup = -1.0, "warmup is -1"),
        (|h| h.weight_decay = f32::INFINITY, "weight_decay is inf"),
    ];
    for (spoil, message) in cases {
        let mut hyper = Hyper::default();
        spoil(&mut hyper);
        let error = hyper.check().unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    Hyper::default().check().unwrap();
}

/// Learning rates of ten steps in five epochs.
fn rates(hyper: Hyper) -> [f32; 10] {
    let hyper = Hyper { epochs: 5, ..hyper };
    std::array::from_fn(|step| hyper.lr_at(step, 10))
}

fn close(got: [f32; 10], want: [f32; 10]) {
    let all = got.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-6);
    assert!(all, "{got:?}, expected {want:?}");
}

#[test]
fn learning_rates_follow_their_schedule() {
    let hyper = |schedule| Hyper {
        lr: 0.8,
        lr_end: 0.5,
        schedule,
        ..Hyper::default()
    };
    close(rates(hyper(Schedule::Constant)), [0.8; 10]);
    let line = [0.8, 0.76, 0.72, 0.68, 0.64, 0.6, 0.56, 0.52, 0.48, 0.44];
    close(rates(hyper(Schedule::Linear)), line);
    let cosine = rates(hyper(Schedule::Cosine));
    assert!((cosine[0] - 0.8).abs() < 1e-6 && (cosine[5] - 0.6).abs() < 1e-6);
    // cos(π/5) = (1 + √5) / 4.
    assert!((cosine[2] - (0.6 + 0.2 * (1.0 + 5f32.sqrt()) / 4.0)).abs() < 1e-6);
    let steps = Hyper {
        step_every: 2,
        step_factor: 0.25,
        ..hyper(Schedule::Step)
    };
    // Epochs 0 and 1, 2 and 3, 4.
    let down = [0.8, 0.8, 0.8, 0.8, 0.2, 0.2, 0.2, 0.2, 0.05, 0.05];
    close(rates(steps), down);
}

#[test]
fn warm_up_rises_to_the_schedule() {
    let hyper = Hyper {
        lr: 0.8,
        lr_end: 0.5,
        warmup: 2.0,
        ..Hyper::default()
    };
    // Four steps: a quarter, a half, three quarters, all of the line.
    let want = [0.2, 0.38, 0.54, 0.68, 0.64, 0.6, 0.56, 0.52, 0.48, 0.44];
    close(rates(hyper), want);
}

/// Values of a parameter after two steps with gradients 1 and 3, from 2.
fn two_steps(hyper: &Hyper, decays: bool) -> [f32; 2] {
    let mut param = Param::new(arr1(&[2.0]).into_dyn());
    param.decays = decays;
    [(1, 1.0), (2, 3.0)].map(|(number, gradient)| {
        param.grad.fill(gradient);
        hyper.update(&mut param, 0.5, number);
        param.value[[0]]
    })
}

#[test]
fn sgd_adds_momentum_and_decay() {
    let mut hyper = Hyper {
        momentum: 0.5,
        ..Hyper::default()
    };
    // v = 1, then 0.5 + 3.
    assert_eq!(two_steps(&hyper, true), [1.5, -0.25]);
    hyper.weight_decay = 0.5;
    assert_eq!(two_steps(&hyper, false), [1.5, -0.25]);
    // v = 1 + 0.5 · 2 = 2, w = 1; v = 0.5 · 2 + 3 + 0.5 · 1 = 4.5, w = −1.25.
    assert_eq!(two_steps(&hyper, true), [1.0, -1.25]);
}

#[test]
fn adam_divides_by_the_root_of_the_mean_square() {
    let mut hyper = Hyper {
        optimizer: Optimizer::Adam,
        momentum: 0.5,
        beta2: 0.75,
        ..Hyper::default()
    };
    // Corrected means 1 and 1: a step of lr. Then m = 0.25 + 1.5 = 1.75, over 0.75; s = 0.1875 + 2.25, over 0.4375.
    let second = 1.5 - 0.5 * (1.75 / 0.75) / (2.4375f32 / 0.4375).sqrt();
    let near = |got: [f32; 2], want: [f32; 2]| {
        let all = got.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-5);
        assert!(all, "{got:?}, expected {want:?}");
    };
    near(two_steps(&hyper, true), [1.5, second]);
    hyper.weight_decay = 0.1;
    // The decay of the value before the step, times lr, apart from the moments.
    let first = 1.5 - 0.5 * 0.1 * 2.0;
    near(
        two_steps(&hyper, true),
        [first, second - 0.1 - 0.05 * first],
    );
    near(two_steps(&hyper, false), [1.5, second]);
}

#[test]
fn weights_decay_and_biases_do_not() {
    let of = |shape: &[usize]| Param::new(ndarray::ArrayD::zeros(shape)).decays;
    assert!(of(&[2, 3, 1, 1]) && !of(&[2]));
}
