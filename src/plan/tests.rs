//! Random plans through packer, interpreter and unpacker give the convolution's definition.

use super::interpret::{Counts, Interpreter};
use super::{Mechanisms, RandomCase, plan, random_case, stream};
use crate::config::Config;
use crate::engine::{Drain, Engine, Geometry, Op, Pass};
use crate::golden::Golden;
use ndarray::Array4;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Operands with plenty of extremes.
fn operand(shape: [usize; 4], bits: u32, rng: &mut ChaCha8Rng) -> Array4<i16> {
    let limit = 1i32 << (bits - 1);
    let small = rng.random_bool(0.5);
    Array4::from_shape_simple_fn(shape, || match rng.random_range(0..12) {
        0 => (limit - 1) as i16,
        1 => -limit as i16,
        2..5 => 0,
        _ if small => rng.random_range(-4..5),
        _ => rng.random_range(-limit..limit) as i16,
    })
}

fn check(config: &Config, interpreter: &mut Interpreter, case: &RandomCase, seed: u64) {
    let [a_shape, b_shape, y_shape] = case.geometry.shapes(case.pass);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (a, b) = (
        operand(a_shape, config.data_w as u32, &mut rng),
        operand(b_shape, config.data_w as u32, &mut rng),
    );
    let op = Op {
        pass: case.pass,
        geometry: &case.geometry,
        a: a.view(),
        b: b.view(),
        drain: case.drain,
    };
    let expected = Golden::new(config.data_w as u32)
        .run(&op)
        .expect("legal operation");
    let mut y = Array4::zeros(y_shape);
    let mut total = Counts::default();
    for (i, job) in case.plan.jobs.iter().enumerate() {
        let context = || format!("{} seed {seed} job {i} of {case:?}", config.name);
        let input = stream::pack(job, config, a.view(), b.view());
        assert_eq!(
            input.len(),
            job.in_beats() as usize * config.bus_bytes(),
            "{}",
            context()
        );
        let (output, counts) = interpreter
            .run(&job.regs, &input)
            .unwrap_or_else(|e| panic!("{e:#}: {}", context()));
        assert_eq!(
            output.len(),
            job.out_beats(config) as usize * config.bus_bytes(),
            "{}",
            context()
        );
        stream::unpack(job, config, &output, &mut y)
            .unwrap_or_else(|e| panic!("{e:#}: {}", context()));
        total.saturations += counts.saturations;
        total.max_abs = total.max_abs.max(counts.max_abs);
    }
    if y != expected.y {
        let (at, _) = y
            .indexed_iter()
            .find(|(i, v)| expected.y[*i] != **v)
            .unwrap();
        panic!(
            "{} seed {seed} {:?} {:?} at {at:?}: {} for {}, {:?}",
            config.name, case.pass, case.geometry, y[at], expected.y[at], case.plan.choices
        );
    }
    if case.drain != Drain::Raw {
        assert_eq!(
            (total.saturations, total.max_abs),
            (expected.stats.saturations, expected.stats.max_abs),
            "seed {seed}"
        );
    }
}

#[test]
fn random_plans_compute_the_convolution() {
    for (preset, cases) in [("tiny", 400), ("small", 150), ("paper", 12)] {
        let config = Config::preset(preset).unwrap();
        let mut interpreter = Interpreter::new(&config);
        for seed in 0..cases {
            let case = random_case(&config, seed).unwrap();
            check(&config, &mut interpreter, &case, seed);
        }
    }
}

#[test]
fn random_plans_use_every_mechanism() {
    for preset in ["tiny", "small", "paper"] {
        let config = Config::preset(preset).unwrap();
        let jobs: Vec<_> = (0..300)
            .flat_map(|seed| random_case(&config, seed).unwrap().plan.jobs)
            .collect();
        let share = |count: usize| 100 * count / jobs.len();
        let found: Vec<Mechanisms> = jobs.iter().map(Mechanisms::of).collect();
        let count = |f: &dyn Fn(&Mechanisms) -> bool| share(found.iter().filter(|m| f(m)).count());
        let shares = [
            count(&|m| m.passes),
            count(&|m| m.groups),
            count(&|m| m.tiles),
            count(&|m| m.continued),
            count(&|m| m.all()),
        ];
        println!(
            "{preset}: {} jobs, passes, groups, tiles, continued, all: {shares:?}",
            jobs.len()
        );
        assert!(shares.iter().all(|&s| s >= 30), "{preset}: {shares:?}");
    }
}

/// The plan of an operation as a case to check.
fn planned(config: &Config, geometry: &Geometry, pass: Pass, drain: Drain) -> RandomCase {
    let plan =
        plan(geometry, pass, drain, config).unwrap_or_else(|e| panic!("{e:#}: {geometry:?}"));
    RandomCase {
        geometry: geometry.clone(),
        pass,
        drain,
        plan,
    }
}

#[test]
fn searched_plans_compute_the_convolution() {
    for (preset, cases) in [("tiny", 60), ("small", 40), ("paper", 8)] {
        let config = Config::preset(preset).unwrap();
        let mut interpreter = Interpreter::new(&config);
        for seed in 0..cases {
            let case = random_case(&config, seed).unwrap();
            let case = planned(&config, &case.geometry, case.pass, case.drain);
            check(&config, &mut interpreter, &case, seed);
        }
    }
}
