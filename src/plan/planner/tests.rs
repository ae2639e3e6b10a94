//! Reuse plans: their tiles and groups, what they compute, and counters from the work that the interpreter finds.

use super::*;
use crate::engine::{Engine, Op};
use crate::golden::Golden;
use crate::plan::interpret::Interpreter;
use crate::plan::{Span, random_case, stream};
use crate::reuse::Mode;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Few different values, many zeros: a lot is alike.
fn operand(shape: [usize; 4], rng: &mut ChaCha8Rng) -> Array4<i16> {
    Array4::from_shape_simple_fn(shape, || match rng.random_range(0..8) {
        0..5 => 0,
        5 | 6 => 100,
        _ => rng.random_range(-3000..3000),
    })
}

/// Whole groups of the whole correlation.
fn whole_groups(channels: &Span, cg: usize, all: usize) -> bool {
    let end = channels.start + channels.len;
    channels.start.is_multiple_of(cg) && (end.is_multiple_of(cg) || end == all)
}

/// Plans an operation, runs it in the interpreter, and compares counts and, where nothing is approximate, results.
fn check(config: &Config, geometry: &Geometry, pass: Pass, reuse: &Reuse, seed: u64) {
    let context = || format!("{} seed {seed}: {pass} {geometry:?} {reuse:?}", config.name);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let [a_shape, b_shape, y_shape] = geometry.shapes(pass);
    let (a, b) = (operand(a_shape, &mut rng), operand(b_shape, &mut rng));
    let plan = plan(geometry, pass, Drain::Raw, reuse, config)
        .and_then(|plan| plan.for_operand(a.view(), config))
        .unwrap_or_else(|e| panic!("{e:#}: {}", context()));
    let mut interpreter = Interpreter::new(config);
    let (mut y, mut work, mut counts) = (Array4::zeros(y_shape), vec![], vec![]);
    for job in &plan.jobs {
        let input = stream::pack(job, config, a.view(), b.view());
        let ran = interpreter
            .run(&job.regs, &input)
            .unwrap_or_else(|e| panic!("{e:#}: {}", context()));
        stream::unpack(job, config, &ran.output, &mut y)
            .unwrap_or_else(|e| panic!("{e:#}: {}", context()));
        work.push(ran.work);
        counts.push(ran.counts);
    }
    let counters = plan.counters(&work, config).unwrap();
    for (modelled, counted) in counters.iter().zip(&counts) {
        let states = [modelled.zero, modelled.hit, modelled.mau, modelled.mnu];
        assert_eq!(
            (modelled.compute_busy, modelled.macs, states),
            (counted.elements, counted.macs, counted.states),
            "{}",
            context()
        );
    }
    if reuse.mode == Mode::Zero {
        let op = Op {
            pass,
            geometry,
            a: a.view(),
            b: b.view(),
            drain: Drain::Raw,
            reuse: Reuse::default(),
        };
        let exact = Golden::new(config.data_w as u32).run(&op).unwrap().y;
        assert!(y == exact, "{}", context());
    }
}

#[test]
fn reuse_plans_run_and_cost_what_their_work_says() {
    for (preset, cases) in [("tiny", 60), ("small", 25)] {
        let config = Config::preset(preset).unwrap();
        for seed in 0..cases {
            let case = random_case(&config, seed).unwrap();
            let mode = [Mode::Zero, Mode::Sign, Mode::Step][seed as usize % 3];
            let reuse = Reuse {
                k_target: [1, 9, 18, 100][seed as usize % 4],
                elem_skip: seed % 2 == 0,
                projections: (mode == Mode::Sign).then_some(10),
                ..Reuse::of(mode)
            };
            check(&config, &case.geometry, case.pass, &reuse, seed);
        }
    }
}

#[test]
fn weight_gradients_have_the_tiles_and_groups_of_the_forward_pass() {
    let config = Config::preset("small").unwrap();
    let reuse = Reuse {
        k_target: 18,
        projections: Some(8),
        ..Reuse::of(Mode::Step)
    };
    for geometry in [
        Geometry::conv([3, 7, 12, 12], 9, 3, 1, 1),
        Geometry::conv([2, 3, 20, 20], 5, 5, 2, 2),
        Geometry::fully_connected(70, 40, 9),
    ] {
        let tiles = |pass| {
            let scopes = scope::scope(&geometry, pass, &reuse, &config).unwrap();
            let plan = plan(&geometry, pass, Drain::Raw, &reuse, &config).unwrap();
            for (scope, (view, choices)) in scopes.iter().zip(&plan.choices) {
                assert_eq!((&scope.view, &scope.tiles), (view, &choices.tiles(view)));
                let jobs = plan.jobs.iter().filter(|job| job.view == *view);
                for tile in jobs.flat_map(|job| &job.tiles) {
                    assert!(scope.tiles.contains(&tile.tile));
                    assert!(whole_groups(
                        &tile.channels,
                        scope.grouping.cg,
                        view.channels
                    ));
                }
            }
            scopes[0].tiles.clone()
        };
        assert_eq!(tiles(Pass::Forward), tiles(Pass::WeightGrad));
    }
}

#[test]
fn lists_that_do_not_fit_are_detected_again() {
    let config = Config::preset("tiny").unwrap();
    let reuse = Reuse::of(Mode::Step);
    // Tiles of 16 positions, 4 lists of 16, a group for each channel, several passes.
    let redetects = |channels| {
        let geometry = Geometry::conv([1, channels, 4, 4], 12, 3, 1, 1);
        let plan = plan(&geometry, Pass::Forward, Drain::Raw, &reuse, &config).unwrap();
        let regs = plan.jobs[0].regs;
        let groups = regs.group_count();
        assert_eq!(
            regs.redetect,
            regs.stream_features || groups > usize::from(regs.list_slots)
        );
        regs.redetect
    };
    assert!(!redetects(2));
    assert!(redetects(9));
}

#[test]
fn larger_tiles_win_among_nearly_equal_ones() {
    let config = Config::preset("small").unwrap();
    let reuse = Reuse::of(Mode::Step);
    let view = Correlation::of(&Geometry::conv([2, 4, 24, 24], 8, 3, 1, 1), Pass::Forward);
    let view = Arc::new(view[0].clone());
    let search = Search {
        view: &view,
        wgrad: false,
        shift: Some(1),
        reuse: &reuse,
        detect: Some(detect(&reuse, None)),
        config: &config,
    };
    let priced = search.priced().unwrap();
    let chosen = reuse_tiles(&view, &reuse, &config).unwrap();
    let tiles = |parts: [usize; 3]| parts.iter().product::<usize>();
    let least = priced.iter().map(|(p, _)| p.cycles()).min().unwrap();
    let cost = priced
        .iter()
        .find(|(_, c)| c.parts == chosen)
        .unwrap()
        .0
        .cycles();
    assert!(cost * 20 <= least * 21, "{cost} cycles for {least}");
    for (plan, choices) in &priced {
        let near = plan.cycles() <= least + least / LARGER_TILES;
        assert!(
            !near || tiles(choices.parts) >= tiles(chosen),
            "{choices:?}"
        );
    }
}

#[test]
fn a_reuse_plan_knows_the_dense_one() {
    let config = Config::preset("small").unwrap();
    let geometry = Geometry::conv([2, 8, 16, 16], 8, 3, 1, 1);
    let of = |reuse| plan(&geometry, Pass::Forward, Drain::Shift(3), &reuse, &config).unwrap();
    let (dense, reuse) = (of(Reuse::default()), of(Reuse::of(Mode::Zero)));
    assert_eq!(reuse.dense_cycles, dense.cycles());
    assert_eq!(dense.dense_cycles, dense.cycles());
    assert!(reuse.cycles() >= dense.cycles() * 9 / 10);
}

#[test]
fn refusals_of_reuse_name_limit_and_fix() {
    let config = Config::preset("tiny").unwrap();
    let wide = Geometry {
        dilation: [1, 300],
        ..Geometry::conv([1, 1, 4, 700], 1, 3, 1, 1)
    };
    let error = |geometry, reuse| {
        let plan = plan(geometry, Pass::Forward, Drain::Raw, &reuse, &config);
        plan.unwrap_err().to_string()
    };
    let refused = error(&wide, Reuse::of(Mode::Zero));
    assert!(
        refused.contains("255") && refused.contains(": use"),
        "{refused}"
    );
    let many = Reuse {
        projections: Some(11),
        ..Reuse::of(Mode::Sign)
    };
    let refused = error(&Geometry::conv([1, 1, 6, 6], 1, 3, 1, 1), many);
    assert!(refused.contains("p_max = 10"), "{refused}");
}
