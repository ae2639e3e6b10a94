use super::*;

fn row(net: &str, preset: &str, mode: Mode, seed: u64, accuracy: f64, cycles: u64) -> Row {
    Row {
        net: net.into(),
        mode,
        seed,
        preset: preset.into(),
        test_accuracy: accuracy,
        cycles,
        compute_cycles: cycles / 2,
        dense_cycles: 1000,
        bytes: 10,
    }
}

#[test]
fn the_interval_is_students() {
    // t of 4 degrees of freedom at 97.5 % is 2.776445; the deviation of 1…5 is √2.5.
    let interval = Interval::of(&[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
    assert_eq!(interval.mean, 3.0);
    assert!((interval.half.unwrap() - 2.776_445 * (2.5f64 / 5.0).sqrt()).abs() < 1e-5);
    assert_eq!(Interval::of(&[7.0]).unwrap().half, None);
    assert_eq!(Interval::of(&[]), None);
}

#[test]
fn a_verdict_needs_the_whole_interval() {
    let verdict = |mean, half| Verdict::of(Interval { mean, half });
    assert_eq!(verdict(0.1, Some(0.4)), Verdict::Within);
    assert_eq!(verdict(0.2, Some(0.4)), Verdict::NotWorse);
    assert_eq!(verdict(-0.2, Some(0.4)), Verdict::NotResolved);
    assert_eq!(verdict(-0.2, None), Verdict::NotResolved);
    assert_eq!(verdict(-1.0, Some(0.4)), Verdict::Worse);
}

#[test]
fn differences_are_paired_by_seed() {
    use Mode::*;
    // Seeds differ by far more than modes do; seed 3 has no dense partner, paper no elements.
    let rows = vec![
        row("a", "small", Dense, 1, 0.50, 1000),
        row("a", "small", Dense, 2, 0.90, 1000),
        row("a", "small", Elements, 1, 0.50, 500),
        row("a", "small", Elements, 2, 0.90, 800),
        row("a", "small", Grid, 1, 0.49, 250),
        row("a", "small", Grid, 2, 0.88, 400),
        row("a", "small", Grid, 3, 0.10, 500),
        row("a", "paper", Grid, 1, 0.49, 100),
    ];
    let report = Report::of_rows(rows, &["a"]);
    let cell = |preset: &str, mode| {
        let found = report.summary.iter();
        found
            .clone()
            .find(|s| s.preset == preset && s.mode == mode)
            .unwrap()
    };
    let grid = cell("small", Grid);
    assert_eq!(grid.seeds, 2);
    assert!((grid.speedup - (4.0f64 * 2.5 * 2.0).cbrt()).abs() < 1e-12);
    assert!((grid.speedup_over_zero_elements.unwrap() - 2.0).abs() < 1e-12);
    let delta = grid.delta().unwrap();
    // −1 and −2 points: mean −1.5, t of 1 degree of freedom 12.706, deviation √½.
    assert!((delta.mean + 1.5).abs() < 1e-9);
    assert!((delta.half.unwrap() - 12.7062 * 0.5).abs() < 1e-3);
    let paper = cell("paper", Grid);
    assert_eq!(
        (paper.delta(), paper.speedup_over_zero_elements, paper.seeds),
        (None, None, 1)
    );
    assert_eq!(cell("small", Elements).accuracy_delta_pp, Some(0.0));
    assert_eq!(report.presets(), ["small", "paper"]);
}

#[test]
fn the_mean_over_networks_wants_all_of_them() {
    let rows = vec![
        row("a", "small", Mode::Dense, 1, 0.5, 1000),
        row("a", "small", Mode::Grid, 1, 0.5, 250),
        row("b", "small", Mode::Dense, 1, 0.5, 1000),
        row("b", "small", Mode::Grid, 1, 0.5, 1000),
        row("mlp", "small", Mode::Grid, 1, 0.5, 1),
        row("b", "small", Mode::Step, 1, 0.5, 500),
    ];
    let report = Report::of_rows(rows, &["a", "b"]);
    let mean = |mode| report.convolutional.iter().find(|m| m.mode == mode);
    let grid = mean(Mode::Grid).unwrap();
    assert!((grid.speedup - 2.0).abs() < 1e-9);
    assert_eq!((grid.nets, grid.speedup_over_zero_elements), (2, None));
    assert_eq!(mean(Mode::Step), None);
}

#[test]
fn seeds_are_what_is_independent_over_networks() {
    use Mode::{Dense, Grid};
    let mut rows = vec![];
    // Differences of a and b: -1 and -3 of seed 1, +2 and 0 of seed 2; seed 3 has no b.
    for (net, seed, dense, grid) in [
        ("a", 1, 0.50, 0.49),
        ("b", 1, 0.90, 0.87),
        ("a", 2, 0.60, 0.62),
        ("b", 2, 0.80, 0.80),
        ("a", 3, 0.60, 0.10),
    ] {
        rows.push(row(net, "small", Dense, seed, dense, 1000));
        rows.push(row(net, "small", Grid, seed, grid, 500));
    }
    let report = Report::of_rows(rows, &["a", "b"]);
    let grid = report.convolutional.iter().find(|m| m.mode == Grid);
    let (grid, want) = (grid.unwrap(), Interval::of(&[-2.0, 1.0]).unwrap());
    assert_eq!(grid.seeds, 2);
    assert!((grid.accuracy_delta_pp.unwrap() - want.mean).abs() < 1e-9);
    assert!((grid.ci95_pp.unwrap() - want.half.unwrap()).abs() < 1e-9);
}
