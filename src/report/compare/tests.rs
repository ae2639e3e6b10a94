//! Comparisons of made-up rows.

use super::*;

fn row(preset: &str, mode: Mode, seed: u64, test_accuracy: f64, cycles: u64) -> Row {
    Row {
        net: "net".into(),
        mode,
        seed,
        preset: preset.into(),
        test_accuracy,
        cycles,
        compute_cycles: cycles,
        dense_cycles: if preset == "small" { 1000 } else { 1200 },
        bytes: if mode == Mode::Dense { 400 } else { 100 },
    }
}

fn rows() -> Vec<Row> {
    use Mode::*;
    let of = |seed: u64| {
        let dense = 0.8 + 0.01 * seed as f64;
        vec![
            row("small", Dense, seed, dense, 1000),
            row("small", Elements, seed, dense, 500),
            row("small", Grid, seed, dense - 0.05, 250),
            row("acrtc-small", Dense, seed, dense, 1200),
            row("acrtc-small", Elements, seed, dense, 600),
            row("acrtc-small", Acrtc, seed, dense + 0.001, 300),
        ]
    };
    (1..=3).flat_map(of).collect()
}

fn area(config: &str, lut: u64) -> Area {
    let text = format!(
        "{{\"config\": {config}, \"family\": \"xc7\", \"total\": {{\"LUT\": {lut}, \"LUTRAM\": 1, \"FF\": 2, \"DSP\": 8, \"RAM18\": 3}}}}"
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("area.json");
    std::fs::write(&path, text).unwrap();
    Area::read(&path).unwrap()
}

#[test]
fn speeds_are_over_the_dense_mercury_array_of_the_same_seed() {
    let all = Comparison::of(rows(), vec![], vec![]).unwrap();
    let cell = |system: &str, mode| {
        let own = all
            .cells
            .iter()
            .find(|c| c.system == system && c.mode == mode);
        own.unwrap().clone()
    };
    let acrtc = cell("tensor core", Mode::Acrtc);
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} {b}");
    close(acrtc.speedup, 1000.0 / 300.0);
    close(acrtc.speedup_over_own_dense, 4.0);
    close(acrtc.speedup_over_zero_elements.unwrap(), 2.0);
    close(acrtc.accuracy_delta_pp.unwrap(), 0.1);
    close(acrtc.bytes, 0.25);
    assert_eq!((acrtc.seeds, acrtc.multipliers), (3, 8));
    assert_eq!(acrtc.verdict(), Some(Verdict::Within));
    assert_eq!(cell("mercury", Mode::Grid).verdict(), Some(Verdict::Worse));
    close(cell("tensor core", Mode::Dense).speedup, 1000.0 / 1200.0);
    assert_eq!(cell("tensor core", Mode::Dense).verdict(), None);
    assert_eq!(all.missing.len(), 4, "{:?}", all.missing);
    // Without dense runs of both systems a network is left out.
    let other = |preset, mode| Row {
        net: "other".into(),
        ..row(preset, mode, 1, 0.5, 10)
    };
    let mut more = rows();
    more.extend([
        other("small", Mode::Dense),
        other("acrtc-small", Mode::Acrtc),
    ]);
    let more = Comparison::of(more, vec![], vec![]).unwrap();
    assert_eq!(more.cells, all.cells);
    assert!(more.missing[0].contains("other with 8 multipliers: no dense runs of the tensor core"));
}

#[test]
fn the_advice_follows_the_numbers() {
    let areas = vec![
        area("{\"name\": \"small\", \"sets\": 2, \"pes\": 4}", 3000),
        area(
            "{\"name\": \"small\", \"sets\": 2, \"pes\": 4, \"reuse\": false}",
            1500,
        ),
        area(
            "{\"name\": \"acrtc-small\", \"design\": \"acrtc\", \"lanes\": 4, \"columns\": 2}",
            1000,
        ),
        area(
            "{\"name\": \"dense-tc-small\", \"design\": \"dense_tc\", \"lanes\": 4, \"columns\": 2}",
            800,
        ),
    ];
    let advice = |rows| Comparison::of(rows, areas.clone(), vec![]).unwrap().advice;
    let text = advice(rows()).join("\n");
    for part in [
        "Results must not change, 8 multipliers: the fastest is MERCURY, zero elements on net (2.00×).",
        "At most 0.5 points of accuracy may be lost, 8 multipliers: ACRTC on net (3.33×)",
        "grid 2.00×, ACRTC 2.00×",
        "MERCURY takes 2.00× the look-up tables of its array without reuse; ACRTC takes 1.25× the",
        "the tensor core moves 1.00× the bytes",
        "MERCURY 1.33×, ACRTC 3.33×",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // Without ACRTC nothing inexact is left but what costs 5 points.
    let mut without = rows();
    without.retain(|r| r.mode != Mode::Acrtc);
    assert!(
        advice(without)
            .join("\n")
            .contains("nothing inexact pays on net")
    );
    // One seed: nothing is proven.
    let one = rows().into_iter().filter(|r| r.seed == 1).collect();
    assert!(advice(one).join("\n").contains("more seeds decide"));
}

#[test]
fn comparisons_of_other_data_are_refused() {
    let mut rows = rows();
    rows[3].test_accuracy += 0.01;
    let error = Comparison::of(rows, vec![], vec![])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("dense net of seed 1 has accuracy 0.81 on small and 0.82"),
        "{error}"
    );
    let alone = vec![row("small", Mode::Dense, 1, 0.5, 1)];
    let error = Comparison::of(alone, vec![], vec![])
        .unwrap_err()
        .to_string();
    assert!(error.contains("presets small,acrtc-small"), "{error}");
}

#[test]
fn everything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let all = Comparison::of(rows(), vec![], vec![]).unwrap();
    all.write(folder.path()).unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read("cells.csv").lines().count(), 7);
    let json: serde_json::Value = serde_json::from_str(&read("compare.json")).unwrap();
    assert_eq!(json["cells"][0]["mode"], "dense");
    let page = read("index.html");
    for part in [
        "<h2 id=\"m8\">8 multipliers: acrtc-small and small",
        "3.33×",
        "When to choose which",
        "area of ACRTC with 8",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(
        !page.contains("http")
            || page.matches("http").count() == page.matches("http://www.w3.org").count()
    );
}
