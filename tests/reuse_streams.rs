//! Reuse through packer, interpreter and unpacker against plain loops over the definition of `docs/reuse.md`.

use mercury::config::Config;
use mercury::engine::{Drain, Pass};
use mercury::plan::interpret::{Interpreted, Interpreter, Met};
use mercury::plan::{Mechanisms, ReuseCase, Scope, Tile, random_reuse_case, stream};
use mercury::reuse::{Mode, Projections, Record, State};
use ndarray::Array4;

/// Decisions about the vectors of one group, and the vectors that stand for them.
struct Group {
    records: Vec<Record>,
    /// x̂ of each position.
    replaced: Vec<Vec<i64>>,
}

/// The state of the MCACHE by definition: a list of (set, way, tag, position) in the order of insertion.
fn lookup(
    vectors: &[Vec<i64>],
    case: &ReuseCase,
    projections: &Projections,
    config: &Config,
) -> Group {
    let (setting, sets) = (&case.case.reuse, config.mcache.sets);
    let mut filled: Vec<(usize, usize, u128, usize)> = Vec::new();
    let (mut records, mut replaced) = (Vec::new(), Vec::new());
    for (i, x) in vectors.iter().enumerate() {
        let zero = x.iter().all(|v| *v == 0);
        let signature = match setting.mode {
            Mode::Zero => 0,
            _ if zero && setting.zero_skip => 0,
            _ => signature(x, projections),
        };
        let width = sets.trailing_zeros();
        let mut set = 0;
        for bit in 0..config.sig_w {
            if sets > 1 && signature >> bit & 1 == 1 {
                set ^= 1 << (bit as u32 % width);
            }
        }
        let found = filled.iter().find(|f| f.0 == set && f.2 == signature);
        let used = filled.iter().filter(|f| f.0 == set).count();
        let (state, entry, from) = if zero && setting.zero_skip {
            (State::Zero, 0, i)
        } else if setting.mode == Mode::Zero {
            (State::Mnu, 0, i)
        } else if let Some(&(_, way, _, first)) = found {
            (State::Hit, set * config.mcache.ways + way, first)
        } else if used < config.mcache.ways {
            filled.push((set, used, signature, i));
            (State::Mau, set * config.mcache.ways + used, i)
        } else {
            (State::Mnu, 0, i)
        };
        records.push(Record {
            state,
            entry: entry as u16,
            signature,
        });
        replaced.push(vectors[from].clone());
    }
    Group { records, replaced }
}

/// Signature of a vector, bit by bit.
fn signature(x: &[i64], p: &Projections) -> u128 {
    let mut bits = 0;
    for j in 0..p.n {
        let mut sum = 0i64;
        for (k, x) in x.iter().enumerate() {
            sum += i64::from(p.matrix[[j, k]]) * x;
        }
        if p.mode == Mode::Grid && j >= x.len() {
            continue;
        }
        for u in 0..p.bits {
            let bit = match p.mode {
                Mode::Sign => sum < 0,
                _ => ((sum + i64::from(p.offsets[j])) >> p.shift) >> u & 1 == 1,
            };
            if bit {
                bits |= 1 << (j * p.bits + u);
            }
        }
    }
    bits
}

/// Positions of a tile in raster order.
fn positions(tile: &Tile) -> Vec<[usize; 3]> {
    let mut all = Vec::new();
    for b in tile.images.range() {
        for y in tile.rows.range() {
            for x in tile.cols.range() {
                all.push([b, y, x]);
            }
        }
    }
    all
}

/// Elements (channel, kernel row, kernel column) of a group.
fn elements(scope: &Scope, cgroup: usize, chunk: usize) -> Vec<[usize; 3]> {
    let (view, g) = (&scope.view, &scope.grouping);
    let mut all = Vec::new();
    for c in (cgroup * g.cg..(cgroup + 1) * g.cg).filter(|c| *c < view.channels) {
        for kr in (chunk * g.kr..(chunk + 1) * g.kr).filter(|r| *r < view.rows.taps) {
            for kc in 0..view.cols.taps {
                all.push([c, kr, kc]);
            }
        }
    }
    all
}

/// The vectors of a group of a tile, padding included.
fn vectors(
    case: &ReuseCase,
    scope: &Scope,
    conv: usize,
    tile: &Tile,
    group: &[[usize; 3]],
) -> Vec<Vec<i64>> {
    let view = &scope.view;
    let value = |[b, y, x]: [usize; 3], [c, kr, kc]: [usize; 3]| {
        let (row, col) = (view.rows.input(y, kr), view.cols.input(x, kc));
        let inside = (0..view.rows.inputs as isize).contains(&row)
            && (0..view.cols.inputs as isize).contains(&col);
        match inside {
            true => i64::from(case.a[view.input_index(conv, c, b, row as usize, col as usize)]),
            false => 0,
        }
    };
    let vector = |p| group.iter().map(|&e| value(p, e)).collect();
    positions(tile).into_iter().map(vector).collect()
}

/// The whole operation by definition; `seen` gets the records of every (scope, convolution group, tile, group).
fn oracle(
    case: &ReuseCase,
    config: &Config,
    mut seen: impl FnMut([usize; 4], Vec<Record>),
) -> Array4<i64> {
    let wgrad = case.case.pass == Pass::WeightGrad;
    let mut result = Array4::zeros(case.case.geometry.shapes(case.case.pass)[2]);
    for (s, scope) in case.scopes.iter().enumerate() {
        let view = &scope.view;
        let p = case
            .case
            .reuse
            .projections(scope.full_group(), case.a.view(), config);
        let p = p.expect("a legal setting");
        for conv in 0..view.groups {
            for (t, tile) in scope.tiles.iter().enumerate() {
                for g in 0..scope.groups() {
                    let chunks = scope.grouping.chunks;
                    let group = elements(scope, g / chunks, g % chunks);
                    let x = vectors(case, scope, conv, tile, &group);
                    let Group { records, replaced } = lookup(&x, case, &p, config);
                    seen([s, conv, t, g], records);
                    for ([b, y, x], vector) in positions(tile).into_iter().zip(replaced) {
                        for (&[c, kr, kc], x_hat) in group.iter().zip(vector) {
                            for f in 0..view.filters {
                                let w = view.weight_index(conv, f, c, kr, kc);
                                let out = view.output_index(conv, f, b, y, x);
                                match wgrad {
                                    true => result[w] += x_hat * i64::from(case.b[out]),
                                    false => result[out] += x_hat * i64::from(case.b[w]),
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    result
}

/// Arithmetic shift right, half to even, saturated to `bits`.
fn requantise(sum: i64, shift: u32, bits: usize) -> i64 {
    let (sum, one) = (i128::from(sum), 1i128 << shift);
    let (quotient, rest) = (sum.div_euclid(one), sum.rem_euclid(one));
    let up = 2 * rest > one || (2 * rest == one && quotient % 2 != 0);
    let limit = 1i128 << (bits - 1);
    (quotient + i128::from(up)).clamp(-limit, limit - 1) as i64
}

/// Runs the jobs of a case; their results, and the sum of their streams.
fn run(case: &ReuseCase, config: &Config, name: &str) -> (Vec<Interpreted>, Array4<i64>) {
    let mut y = Array4::zeros(case.case.geometry.shapes(case.case.pass)[2]);
    let mut interpreter = Interpreter::new(config);
    let run = |job: &mercury::plan::Job| {
        let input = stream::pack(job, config, case.a.view(), case.b.view());
        assert_eq!(
            input.len(),
            job.in_beats() as usize * config.bus_bytes(),
            "{name}"
        );
        let done = interpreter.run(&job.regs, &input);
        let done = done.unwrap_or_else(|e| panic!("{name}: {e:#}: {:?} {:?}", case.case, job.regs));
        stream::unpack(job, config, &done.output, &mut y)
            .unwrap_or_else(|e| panic!("{name}: {e:#}"));
        done
    };
    (case.case.plan.jobs.iter().map(run).collect(), y)
}

fn check(case: &ReuseCase, config: &Config, name: &str) -> (Met, Vec<Mechanisms>) {
    let (done, y) = run(case, config, name);
    let mut hitmaps = std::collections::HashMap::new();
    let mut expected = oracle(case, config, |place, records| {
        hitmaps.insert(place, records);
    });
    if let Drain::Shift(shift) = case.case.drain {
        expected.mapv_inplace(|sum| requantise(sum, shift, config.data_w));
    }
    assert!(y == expected, "{name}: {:?}", case.case);
    for (job, done) in case.case.plan.jobs.iter().zip(&done) {
        let scope = case.scopes.iter().position(|s| s.view == job.view).unwrap();
        let grouping = case.scopes[scope].grouping;
        let mut found: Vec<_> = done.records.iter().map(|r| r.iter()).collect();
        let mut work: Vec<_> = done.work.iter().map(|w| w.iter()).collect();
        for tile in &job.tiles {
            let t = case.scopes[scope]
                .tiles
                .iter()
                .position(|t| *t == tile.tile)
                .unwrap();
            let first = tile.channels.start / grouping.cg * grouping.chunks;
            let groups = tile.channels.len.div_ceil(grouping.cg) * grouping.chunks;
            let passes = if job.regs.redetect {
                tile.blocks.len
            } else {
                1
            };
            for pass in 0..passes {
                for group in first..first + groups {
                    let records = &hitmaps[&[scope, tile.group, t, group]];
                    for record in records {
                        assert_eq!(found[tile.set].next(), Some(record), "{name}");
                    }
                    if pass == 0 {
                        let work = work[tile.set].next().expect("work of every group");
                        assert_work(work, records, job, name);
                    }
                }
            }
        }
        assert!(
            found.iter_mut().all(|r| r.next().is_none()),
            "{name}: more records"
        );
        assert!(
            work.iter_mut().all(|w| w.next().is_none()),
            "{name}: more work"
        );
    }
    let met = done.iter().fold(Met::default(), |met, d| met.with(d.met));
    (
        met,
        case.case.plan.jobs.iter().map(Mechanisms::of).collect(),
    )
}

/// What the states alone say about a group's cycles.
fn assert_work(
    work: &mercury::reuse::GroupWork,
    records: &[Record],
    job: &mercury::plan::Job,

    name: &str,
) {
    for state in [State::Zero, State::Hit, State::Mau, State::Mnu] {
        let count = records.iter().filter(|r| r.state == state).count() as u64;
        assert_eq!(work.states[state as usize], count, "{name}");
    }
    let [_, hit, mau, mnu] = work.states;
    let gap = if job.regs.wgrad && mau > 0 { 5 } else { 0 };
    assert_eq!(work.cycles, (work.busy + gap).max(1), "{name}");
    let singles = hit + if job.regs.wgrad { mau } else { 0 };
    assert!(work.busy >= work.macs + singles, "{name}: {work:?}");
    let k_max = u64::from(job.regs.group_k);
    let rounds = if job.regs.wgrad { 2 } else { 1 };
    assert!(
        work.macs <= (rounds * mau + mnu) * k_max,
        "{name}: {work:?}"
    );
    assert!(work.macs >= mau + mnu, "{name}: {work:?}");
}

/// Configurations, small ones so that MCACHE sets fill up, and how many cases each gets.
fn configurations() -> Vec<(Config, u64)> {
    let preset = |name| Config::preset(name).unwrap();
    let tiny = preset("tiny");
    let mut one_set = tiny.clone();
    (one_set.mcache.sets, one_set.mcache.ways) = (1, 1);
    let narrow = Config {
        data_w: 8,
        acc_w: 32,
        l: 4,
        ..tiny.clone()
    };
    let one_bank = Config {
        l: 1,
        bus_w: 128,
        ..tiny.clone()
    };
    vec![
        (tiny, 1500),
        (preset("small"), 400),
        (one_set, 150),
        (narrow, 200),
        (one_bank, 150),
    ]
}

#[test]
fn random_reuse_jobs_compute_the_definition() {
    let mut met = Met::default();
    let mut jobs = Vec::new();
    for (config, cases) in configurations() {
        config.check().expect("legal sizes");
        for seed in 0..cases {
            let name = format!(
                "{} l={} data_w={} seed {seed}",
                config.name, config.l, config.data_w
            );
            let case = random_reuse_case(&config, seed).unwrap_or_else(|e| panic!("{name}: {e:#}"));
            let (occurred, used) = check(&case, &config, &name);
            met = met.with(occurred);
            jobs.extend(used);
        }
    }
    let missing: Vec<_> = met.named().into_iter().filter(|(_, met)| !met).collect();
    assert!(missing.is_empty(), "never met: {missing:?}");
    let count = |f: fn(&Mechanisms) -> bool| jobs.iter().filter(|m| f(m)).count();
    let counts = [
        count(|m| m.one_element),
        count(|m| m.one_step),
        count(|m| m.chunks),
        count(|m| m.redetect),
        count(|m| m.kept_lists),
        count(|m| m.short_lists),
        count(|m| m.continued),
    ];
    assert!(
        counts.iter().all(|c| *c > 0),
        "never used: {counts:?} of {}",
        jobs.len()
    );
}

/// A case with other operands and setting, on the tiles, groups and jobs' cut of a drawn one.
fn cases_of(config: &Config, wanted: impl Fn(&ReuseCase) -> bool) -> Vec<ReuseCase> {
    let draw = |seed| random_reuse_case(config, seed).expect("a legal case");
    (1000..1400).map(draw).filter(wanted).take(12).collect()
}

#[test]
fn distinct_signatures_give_the_dense_result() {
    // Grid signatures of values 0…7 with step 1 are the vectors themselves, so a hit is an exact repetition.
    let config = Config::preset("tiny").unwrap();
    let exact = |case: &ReuseCase| {
        let setting = &case.case.reuse;
        setting.mode == Mode::Grid && setting.step_log2 == Some(0) && setting.bits == 4
    };
    let cases = cases_of(&config, exact);
    assert!(!cases.is_empty());
    for mut case in cases {
        case.a.mapv_inplace(|v| v & 7);
        case.case.reuse.zero_skip = true;
        let (_, y) = run(&case, &config, "exact");
        case.case.reuse = mercury::reuse::Reuse {
            zero_skip: true,
            k_target: case.case.reuse.k_target,
            ..mercury::reuse::Reuse::of(Mode::Zero)
        };
        let mut dense = oracle(&case, &config, |_, _| ());
        if let Drain::Shift(shift) = case.case.drain {
            dense.mapv_inplace(|sum| requantise(sum, shift, config.data_w));
        }
        assert!(y == dense, "{:?}", case.case);
    }
}

#[test]
fn mode_zero_skips_zeros_and_nothing_else() {
    let config = Config::preset("tiny").unwrap();
    let zeros = |c: &ReuseCase| c.case.reuse.mode == Mode::Zero && c.case.reuse.zero_skip;
    for case in cases_of(&config, zeros) {
        let (done, _) = run(&case, &config, "zero");
        let records = done.iter().flat_map(|d| d.records.iter().flatten());
        for record in records {
            assert!(
                matches!(record.state, State::Zero | State::Mnu),
                "{record:?}"
            );
            assert_eq!((record.entry, record.signature), (0, 0));
        }
    }
}

#[test]
fn one_vector_costs_one_product_a_group() {
    let config = Config::preset("tiny").unwrap();
    let unpadded = |c: &ReuseCase| {
        c.case.geometry.padding == Default::default()
            && c.case.pass != Pass::InputGrad
            && c.case.reuse.mode == Mode::Step
    };
    let cases = cases_of(&config, unpadded);
    assert!(cases.iter().any(|c| c.case.pass == Pass::WeightGrad));
    for mut case in cases {
        // All ones: every vector is the same, none is zero, no element can be skipped. dY at the limit makes sums wide.
        case.a.fill(1);
        case.b.fill(i16::MAX);
        let (done, _) = run(&case, &config, "one vector");
        for (job, done) in case.case.plan.jobs.iter().zip(&done) {
            for work in done.work.iter().flatten() {
                let [zero, hit, mau, mnu] = work.states;
                assert_eq!((zero, mau, mnu), (0, 1, 0));
                let wgrad = job.regs.wgrad;
                let rounds = if wgrad && hit > 0 { 2 } else { 1 };
                assert_eq!(work.macs % rounds, 0);
                assert_eq!(work.busy, hit + wgrad as u64 + work.macs);
            }
        }
    }
}
