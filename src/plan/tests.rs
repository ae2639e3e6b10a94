//! Random plans through packer, interpreter and unpacker give the convolution's definition.

use super::interpret::{Counts, Interpreted, Interpreter};
use super::layers::layers;
use super::{
    Choices, Correlation, Job, JobRegs, Mechanisms, RandomCase, plan, random_case, stream,
};
use crate::config::Config;
use crate::engine::{Drain, Engine, Geometry, Op, Pass};
use crate::golden::Golden;
use crate::reuse::Reuse;
use ndarray::Array4;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;

/// Nothing is reused.
fn dense() -> Reuse {
    Reuse::default()
}

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
        reuse: crate::reuse::Reuse::default(),
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
        let Interpreted { output, counts, .. } = interpreter
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
    // ecp5 has rows of weights of several beats.
    let mut runs = [("tiny", 400), ("small", 150), ("ecp5", 30), ("paper", 12)]
        .map(|(preset, cases)| (Config::preset(preset).unwrap(), cases))
        .to_vec();
    runs.push((
        Config {
            data_w: 8,
            acc_w: 32,
            ..Config::preset("small").unwrap()
        },
        150,
    ));
    runs.push((
        Config {
            l: 1,
            bus_w: 128,
            ..Config::preset("tiny").unwrap()
        },
        150,
    ));
    for (config, cases) in runs {
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
        let jobs: Vec<_> = (0..1000)
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
    let plan = plan(geometry, pass, drain, &dense(), config)
        .unwrap_or_else(|e| panic!("{e:#}: {geometry:?}"));
    RandomCase {
        geometry: geometry.clone(),
        pass,
        drain,
        reuse: crate::reuse::Reuse::default(),
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

#[test]
fn the_large_layer_meets_its_target() {
    let config = Config::preset("paper").unwrap();
    let layer = layers()
        .into_iter()
        .find(|l| l.name == "conv64-b12")
        .unwrap();
    let plan = plan(
        &layer.geometry,
        Pass::Forward,
        Drain::Shift(1),
        &dense(),
        &config,
    )
    .unwrap();
    let macs: u64 = plan.modelled.iter().map(|s| s.macs).sum();
    assert_eq!(macs, layer.geometry.macs(Pass::Forward));
    // 64 filters on sets of 14 PEs: five passes for what 64/14 would do.
    let bound = config.pe_count() as f64 * 64.0 / 70.0;
    assert!(
        macs as f64 / plan.cycles() as f64 >= 0.98 * bound,
        "{} cycles",
        plan.cycles()
    );
}

#[test]
fn a_plan_is_a_pure_function() {
    let config = Config::preset("small").unwrap();
    let g = Geometry::conv([3, 5, 9, 7], 6, 3, 2, 1);
    let jobs = || {
        plan(&g, Pass::InputGrad, Drain::Raw, &dense(), &config)
            .unwrap()
            .jobs
    };
    assert_eq!(jobs(), jobs());
}

#[test]
fn sums_beyond_one_chain_are_split_and_left_to_the_host() {
    // 2^(acc_w - 1) / 2^(2 data_w - 2) full products are one too many for one chain.
    let config = Config {
        data_w: 8,
        acc_w: 25,
        ..Config::preset("tiny").unwrap()
    };
    assert_eq!(config.max_terms(), 1023);
    let g = Geometry::fully_connected(3, 2500, 3);
    let split = plan(&g, Pass::Forward, Drain::Shift(4), &dense(), &config).unwrap();
    assert_eq!(split.requantise, Some(4));
    let mut interpreter = Interpreter::new(&config);
    for pass in Pass::ALL {
        check(
            &config,
            &mut interpreter,
            &planned(&config, &g, pass, Drain::Raw),
            1,
        );
    }
    let long = Geometry::conv([3, 1, 30, 30], 2, 3, 1, 1);
    check(
        &config,
        &mut interpreter,
        &planned(&config, &long, Pass::WeightGrad, Drain::Raw),
        2,
    );
}

#[test]
fn refusals_name_value_limit_and_fix() {
    let config = Config::preset("tiny").unwrap();
    let wide = Geometry {
        kernel: [1, 10],
        ..Geometry::conv([1, 1, 12, 12], 1, 1, 1, 0)
    };
    let sparse = Geometry {
        dilation: [40, 40],
        ..Geometry::conv([1, 1, 99, 99], 1, 3, 1, 0)
    };
    for (geometry, words) in [
        (wide, "10 columns has more than k_max = 9"),
        (sparse, "feature_words = 256"),
    ] {
        // The input gradient of the sparse kernel reads the small dY.
        for pass in [Pass::Forward, Pass::WeightGrad] {
            let error = plan(&geometry, pass, Drain::Raw, &dense(), &config)
                .unwrap_err()
                .to_string();
            assert!(error.contains(words) && error.contains(": use"), "{error}");
        }
    }
}

/// A job with its operands' output stream.
fn one_job() -> (Config, Job, [usize; 4], Vec<u8>) {
    let config = Config::preset("tiny").unwrap();
    let g = Geometry::conv([1, 2, 6, 6], 3, 3, 1, 1);
    let plan = plan(&g, Pass::Forward, Drain::Raw, &dense(), &config).unwrap();
    let (x, w) = (
        Array4::from_elem(g.x_shape(), 1),
        Array4::from_elem(g.w_shape(), 2),
    );
    let input = stream::pack(&plan.jobs[0], &config, x.view(), w.view());
    let output = Interpreter::new(&config)
        .run(&plan.jobs[0].regs, &input)
        .unwrap()
        .output;
    (config, plan.jobs[0].clone(), g.y_shape(), output)
}

#[test]
fn an_output_stream_must_be_exactly_the_expected_packets() {
    let (config, job, shape, good) = one_job();
    let unpack = |bytes: &[u8]| {
        let mut y = Array4::zeros(shape);
        stream::unpack(&job, &config, bytes, &mut y).map_err(|e| e.to_string())
    };
    unpack(&good).unwrap();
    let beat = config.bus_bytes();
    let first = beat * (1 + job.packets[0].rows as usize * job.packets[0].filters.len);
    let mut spoilt = vec![
        (good[..good.len() - beat].to_vec(), "without a trailer"),
        (good[first..].to_vec(), "missing"),
    ];
    spoilt.push(([&good[..first], &good].concat(), "came twice"));
    spoilt.push(([&good[..], &good[..beat]].concat(), "follow the trailer"));
    spoilt.push((good[..first - beat].to_vec(), "ended within"));
    for (byte, words) in [
        (0, "no header"),
        (1, "not expected"),
        (2, "came with header"),
        (good.len() - beat + 1, "error code"),
    ] {
        let mut bytes = good.clone();
        bytes[byte] ^= 0x06;
        spoilt.push((bytes, words));
    }
    for (bytes, words) in spoilt {
        let error = unpack(&bytes).unwrap_err();
        assert!(error.contains(words), "{error} instead of {words}");
    }
}

#[test]
fn a_wrong_register_gives_a_wrong_result() {
    let config = Config::preset("tiny").unwrap();
    let g = Geometry::conv([1, 2, 6, 6], 3, 3, 1, 1);
    // Tiles of two rows of six positions, so that every step but that of images and chunks is taken.
    let choices = Choices {
        parts: [1, 3, 1],
        k_t: 9,
        channels: 2,
        blocks: 2,
        blocks_first: false,
        stream_features: false,
        subsets: 1,
    };
    let view = Arc::new(Correlation::of(&g, Pass::Forward).remove(0));
    let job = choices.programs(&view, &config, false, None)[0]
        .emit(&view, &config)
        .unwrap();
    let x = Array4::from_shape_fn(g.x_shape(), |(_, c, y, x)| (c * 36 + y * 6 + x) as i16);
    let w = Array4::from_elem(g.w_shape(), 1);
    let input = stream::pack(&job, &config, x.view(), w.view());
    let run = |regs: &JobRegs| {
        Interpreter::new(&config)
            .run(regs, &input)
            .map(|done| done.output)
    };
    let right = run(&job.regs).unwrap();
    let regs = job.regs;
    let wrong = [
        JobRegs {
            kc_step: regs.kc_step + 1,
            ..regs
        },
        JobRegs {
            x_step: regs.x_step + 1,
            ..regs
        },
        JobRegs {
            kr_row: regs.kr_row + 1,
            ..regs
        },
        JobRegs {
            y_addr: regs.y_addr + 1,
            ..regs
        },
        JobRegs {
            wrap_addr: regs.wrap_addr + 1,
            ..regs
        },
        JobRegs {
            kr_bank: (regs.kr_bank + 1) % 3,
            ..regs
        },
        JobRegs {
            slot_beats: regs.slot_beats - 1,
            ..regs
        },
    ];
    for regs in wrong {
        assert!(run(&regs).map_or(true, |out| out != right), "{regs:?}");
    }
}
