//! The fast engine with reuse against the plain oracle, and properties that follow from the contract.

mod oracle;

use ndarray::Array4;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::engine::{Drain, Engine, Geometry, Padding};
use crate::golden::Golden;
use crate::plan::Grouping;
use crate::plan::cut::{divide, grid};
use crate::reuse::{Mode, Reuse, State};

/// A random operation with reuse, all that it depends on.
struct Case {
    config: Config,
    geometry: Geometry,
    pass: Pass,
    reuse: Reuse,
    a: Array4<i16>,
    b: Array4<i16>,
}

fn pick<T: Copy>(rng: &mut ChaCha8Rng, from: &[T]) -> T {
    from[rng.random_range(0..from.len())]
}

fn random_geometry(rng: &mut ChaCha8Rng) -> Geometry {
    let mut two = |range: std::ops::RangeInclusive<usize>| {
        [
            rng.random_range(range.clone()),
            rng.random_range(range.clone()),
        ]
    };
    let (kernel, stride, dilation, spare) = (two(1..=4), two(1..=3), two(1..=3), two(0..=6));
    let ([top, bottom], [left, right], [batch, groups]) = (two(0..=3), two(0..=3), two(1..=3));
    let [channels, filters] = two(1..=5);
    let size = |axis: usize, pads: usize| {
        (dilation[axis] * (kernel[axis] - 1) + 1)
            .saturating_sub(pads)
            .max(1)
            + spare[axis]
    };
    Geometry {
        batch,
        in_channels: groups * channels,
        height: size(0, top + bottom),
        width: size(1, left + right),
        filters: groups * filters,
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
}

impl Case {
    fn random(seed: u64) -> Case {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let mut config = Config::preset("tiny").unwrap();
        config.k_max = pick(rng, &[4, 6, 9, 10]);
        config.mcache.sets = pick(rng, &[1, 2, 4, 16]);
        config.mcache.ways = pick(rng, &[1, 2, 4]);
        config.pes = pick(rng, &[1, 2, 3]);
        config.data_w = pick(rng, &[8, 16]);
        let geometry = random_geometry(rng);
        let pass = pick(rng, &Pass::ALL);
        let mode = pick(rng, &[Mode::Zero, Mode::Sign, Mode::Step, Mode::Grid]);
        let reuse = Reuse {
            mode,
            projections: Some(rng.random_range(1..=8)),
            bits: rng.random_range(1..=3),
            step_log2: pick(rng, &[None, Some(0), Some(2)]),
            finer: 0,
            k_target: rng.random_range(1..=20),
            matrix_seed: rng.random_range(0..9),
            zero_skip: rng.random(),
            elem_skip: rng.random(),
            ..Reuse::default()
        };
        let [a, b, _] = geometry.shapes(pass);
        let a = operand(a, &config, rng);
        let b = operand(b, &config, rng);
        Case {
            config,
            geometry,
            pass,
            reuse,
            a,
            b,
        }
    }

    fn op(&self) -> Op<'_> {
        Op {
            pass: self.pass,
            geometry: &self.geometry,
            a: self.a.view(),
            b: self.b.view(),
            drain: Drain::Raw,
            reuse: self.reuse,
        }
    }

    /// Scopes with tiles of some other cut than the planner's.
    fn scopes(&self, rng: &mut ChaCha8Rng) -> Vec<Scope> {
        let most = if self.pass == Pass::WeightGrad && rng.random() {
            pick(rng, &[2, 4])
        } else {
            usize::MAX
        };
        let views = Correlation::of(&self.geometry, self.pass).into_iter();
        let views = views.flat_map(|view| view.of_taps(most));
        let mut parts = |len: usize| divide(len, rng.random_range(1..=len.min(3)));
        let scope = |view: Correlation| {
            let tiles = grid(
                &parts(view.batch),
                &parts(view.rows.outputs),
                &parts(view.cols.outputs),
            );
            let k_max = self.config.k_max;
            let k_t = self.reuse.k_target.min(k_max);
            Scope {
                grouping: Grouping::new(&view, view.channels, k_t, k_max).unwrap(),
                view: view.into(),
                tiles,
            }
        };
        views.map(scope).collect()
    }
}

/// Half zeros and few different values, so that vectors meet; now and then extremes.
fn operand(shape: [usize; 4], config: &Config, rng: &mut ChaCha8Rng) -> Array4<i16> {
    let (low, high) = crate::numeric::operand_range(config.data_w as u32);
    let extreme = pick(rng, &[0, 1, 8]);
    Array4::from_shape_simple_fn(shape, || match rng.random_range(0..16) {
        n if n < extreme => pick(rng, &[low, high, high]),
        n if n < 12 => 0,
        _ => rng.random_range(-2..=2),
    })
}

/// A tile as some PE set might be given it.
fn given(scope: &Scope, pes: usize, rng: &mut ChaCha8Rng) -> SetTile {
    let view = &scope.view;
    let (cg, cgroups) = (scope.grouping.cg, scope.grouping.cgroups);
    let first = rng.random_range(0..cgroups);
    let end = (rng.random_range(first + 1..=cgroups) * cg).min(view.channels);
    SetTile {
        set: 0,
        group: rng.random_range(0..view.groups),
        channels: Span::new(first * cg, end - first * cg),
        blocks: Span::new(rng.random_range(0..view.filters.div_ceil(pes)), 1),
        tile: scope.tiles[rng.random_range(0..scope.tiles.len())],
        zero: rng.random(),
    }
}

#[test]
fn random_operations_give_what_the_oracle_gives() {
    let (mut states, mut wide, mut runs) = ([0; 4], 0, 0);
    for seed in 0..600 {
        let case = Case::random(seed);
        let op = case.op();
        let rng = &mut ChaCha8Rng::seed_from_u64(!seed);
        let scopes = case.scopes(rng);
        let Ok((y, maps)) = run(&op, &scopes, &case.config, true) else {
            assert_eq!(case.reuse.mode, Mode::Grid, "seed {seed}"); // more elements than bits of a signature
            continue;
        };
        runs += 1;
        let (want, records) = oracle::run(&op, &scopes, &maps.projections, &case.config);
        let what = format!(
            "seed {seed}: {:?} {:?} {:?}",
            case.pass, case.geometry, case.reuse
        );
        assert_eq!(y, want, "{what}");
        let got = maps.maps.iter().flatten().map(|map| map.records());
        assert!(got.map(Vec::from_iter).eq(records), "{what}");
        for (number, scope) in scopes.iter().enumerate() {
            for _ in 0..4 {
                let tile = given(scope, case.config.pes, rng);
                let p = &maps.projections[number];
                let want = oracle::work(&op, scope, p, &case.config, &tile);
                assert_eq!(
                    maps.work(&op, number, &tile).unwrap(),
                    want,
                    "{what} {tile:?}"
                );
                let vectors = |w: &GroupWork| w.states[2] + w.states[3];
                wide += want
                    .iter()
                    .filter(|w| {
                        !case.reuse.elem_skip && w.states[2] > 0 && {
                            let full = w.macs / vectors(w).max(1);
                            w.macs != full * vectors(w)
                        }
                    })
                    .count();
            }
        }
        states
            .iter_mut()
            .zip(maps.states())
            .for_each(|(sum, n)| *sum += n);
    }
    assert!(runs > 500 && wide > 20, "{runs} runs, {wide} wide groups");
    assert!(states.iter().all(|n| *n > 2_000), "{states:?}");
}

#[test]
fn distinct_or_identical_vectors_give_the_dense_result() {
    let mut hits = 0;
    for seed in 0..200 {
        let mut case = Case::random(seed);
        // Values of 3 bits at most, compared exactly: only identical vectors share a signature.
        case.a.mapv_inplace(|v| v.clamp(-3, 3));
        case.config.sig_w = 64;
        case.config.p_max = 16;
        case.reuse = Reuse {
            mode: Mode::Grid,
            bits: 3,
            step_log2: Some(0),
            ..case.reuse
        };
        let scopes = case.scopes(&mut ChaCha8Rng::seed_from_u64(seed));
        let (y, maps) = run(&case.op(), &scopes, &case.config, true).unwrap();
        hits += maps.states()[State::Hit as usize];
        let mut op = case.op();
        op.reuse = Reuse::default();
        let dense = Golden::new(case.config.data_w as u32).run(&op).unwrap().y;
        assert_eq!(y, dense, "seed {seed}: {:?}", case.geometry);
    }
    assert!(hits > 5_000, "{hits}");
}

#[test]
fn skipping_zeros_changes_no_result_where_likeness_is_equality() {
    for seed in 0..60 {
        let mut case = Case::random(seed);
        case.a.mapv_inplace(|v| v.clamp(-3, 3));
        case.config.p_max = 16;
        let mut results = vec![];
        for (zero_skip, elem_skip) in [(false, false), (true, false), (true, true)] {
            case.reuse = Reuse {
                mode: if seed % 2 == 0 {
                    Mode::Grid
                } else {
                    Mode::Zero
                },
                bits: 3,
                step_log2: Some(0),
                zero_skip,
                elem_skip,
                ..case.reuse
            };
            let rng = &mut ChaCha8Rng::seed_from_u64(seed);
            results.push(
                run(&case.op(), &case.scopes(rng), &case.config, true)
                    .unwrap()
                    .0,
            );
        }
        assert!(results.iter().all(|y| *y == results[0]), "seed {seed}");
    }
}

/// In every mode: skipping elements is a matter of cycles alone.
#[test]
fn skipping_elements_changes_no_result() {
    for seed in 0..100 {
        let mut case = Case::random(seed);
        let mut one = |elem_skip| {
            case.reuse.elem_skip = elem_skip;
            let scopes = case.scopes(&mut ChaCha8Rng::seed_from_u64(seed));
            run(&case.op(), &scopes, &case.config, true)
                .ok()
                .map(|r| r.0)
        };
        assert_eq!(one(false), one(true), "seed {seed}");
    }
}

#[test]
fn the_default_step_is_half_the_rms() {
    let config = Config::preset("tiny").unwrap();
    let geometry = Geometry::conv([1, 1, 4, 4], 1, 1, 1, 0);
    let w = Array4::<i16>::ones(geometry.w_shape());
    // RMS of ±v is v: round(log2(v / 2)).
    for (value, step) in [
        (0, 0),
        (1, 0),
        (2, 0),
        (3, 1),
        (64, 5),
        (90, 5),
        (92, 6),
        (32767, 14),
    ] {
        let x = Array4::from_shape_fn(geometry.x_shape(), |(.., c)| [value, -value][c % 2]);
        let op = Op {
            pass: Pass::Forward,
            geometry: &geometry,
            a: x.view(),
            b: w.view(),
            drain: Drain::Raw,
            reuse: Reuse::of(Mode::Step),
        };
        let scopes = crate::plan::scope(&geometry, op.pass, &op.reuse, &config).unwrap();
        let maps = Hitmaps::detect(&op, &scopes, &config).unwrap();
        assert_eq!(maps.projections[0].shift, step, "value {value}");
    }
}

/// 16 equal vectors, dY as large as can be: one entry sums 16 · 32767, beyond 16 bits.
#[test]
fn wide_sums_of_a_weight_gradient_take_two_rounds() {
    let config = Config::preset("tiny").unwrap();
    let geometry = Geometry::conv([1, 1, 4, 4], 1, 1, 1, 0);
    let x = Array4::<i16>::from_elem(geometry.x_shape(), 1000);
    for (dy, macs) in [(32767, 2), (2047, 1), (2048, 2), (-2048, 1), (-2049, 2)] {
        let dy = Array4::<i16>::from_elem(geometry.y_shape(), dy);
        let op = Op {
            pass: Pass::WeightGrad,
            geometry: &geometry,
            a: x.view(),
            b: dy.view(),
            drain: Drain::Raw,
            reuse: Reuse::of(Mode::Step),
        };
        let mut scopes = crate::plan::scope(&geometry, op.pass, &op.reuse, &config).unwrap();
        // All 16 positions in one tile, whatever the planner would do.
        scopes[0].tiles = vec![crate::plan::Tile {
            images: crate::plan::Span::new(0, 1),
            rows: crate::plan::Span::new(0, 4),
            cols: crate::plan::Span::new(0, 4),
        }];
        let (y, maps) = run(&op, &scopes, &config, true).unwrap();
        assert_eq!(y[[0, 0, 0, 0]], 16_000 * i64::from(dy[[0, 0, 0, 0]]));
        let tile = given(&scopes[0], 2, &mut ChaCha8Rng::seed_from_u64(0));
        let work = maps.work(&op, 0, &tile).unwrap()[0];
        // 16 updates of S, the gap, the flush of one element in one or two rounds.
        assert_eq!((work.cycles, work.macs), (16 + 5 + macs, macs));
    }
}

#[test]
fn an_engine_without_configuration_cannot_reuse() {
    let case = Case::random(1);
    let error = Golden::new(case.config.data_w as u32)
        .run(&case.op())
        .unwrap_err();
    assert!(error.to_string().contains("Golden::of"), "{error}");
}
