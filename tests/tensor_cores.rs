//! Training on tensor cores, and their comparison with MERCURY, as a user runs them.

use std::path::Path;

use assert_cmd::Command;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use serde_json::Value;

fn mercury(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mercury"));
    command.args(arguments);
    command
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The report of a short training on a preset, with more arguments.
fn train(folder: &Path, preset: &str, more: &[&str]) -> Value {
    let file = folder.join("report.json");
    let usual = [
        "train",
        "--epochs",
        "1",
        "--train-images",
        "96",
        "--preset",
        preset,
    ];
    let json_to = ["--json", file.to_str().expect("a temporary path is UTF-8")];
    mercury(&[&usual[..], more, &json_to].concat())
        .assert()
        .success();
    json(&file)
}

#[test]
fn exact_rows_train_as_dense_does_on_either_system_and_a_level_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let train = |preset: &str, more: &[&str]| train(dir.path(), preset, more);
    let mercury = train("small", &[]);
    let dense = train("acrtc-small", &[]);
    let delta = train("acrtc-small", &["--rows", "delta"]);
    let turned = train(
        "acrtc-small",
        &["--rows", "delta", "--row-order", "serpentine"],
    );
    let coarse = train("acrtc-small", &["--rows", "delta", "--level", "10"]);
    for same in [&dense, &delta, &turned] {
        assert_eq!(same["weights_hash"], mercury["weights_hash"]);
    }
    assert_ne!(coarse["weights_hash"], mercury["weights_hash"]);
    let total = |report: &Value, key: &str| report["totals"][key].as_u64().unwrap();
    assert_eq!(total(&dense, "cycles"), total(&dense, "dense_cycles"));
    assert_eq!(total(&delta, "dense_cycles"), total(&dense, "cycles"));
    assert!(total(&delta, "cycles") < total(&dense, "cycles"));
    assert_ne!(total(&turned, "cycles"), total(&delta, "cycles"));
    assert!(delta["totals"]["rows"]["delta"].as_u64().unwrap() > 0);
}

#[test]
fn an_adaptive_level_falls_and_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let adapt = [
        "--rows",
        "delta",
        "--level",
        "8",
        "--adapt",
        "--adapt-window",
        "1",
        "--adapt-patience",
        "1",
        "--batch",
        "8",
    ];
    let report = train(dir.path(), "acrtc-small", &adapt);
    let decisions = report["epochs"][0]["decisions"].as_array().unwrap();
    assert_eq!(decisions.len(), 3, "{decisions:?}");
    assert!(
        decisions[2]["reason"]
            .as_str()
            .unwrap()
            .contains("level lowered to 8")
    );
}

#[test]
fn options_of_the_other_system_are_refused() {
    let refused = |arguments: &[&str], message: &str| {
        let all = [&["train"], arguments].concat();
        mercury(&all).assert().code(2).stderr(contains(message));
    };
    refused(&["--rows", "delta"], "small is no tensor core");
    refused(
        &["--preset", "acrtc-small", "--reuse", "grid"],
        "leave --reuse and its options out",
    );
    refused(
        &[
            "--preset",
            "acrtc-small",
            "--rows",
            "delta",
            "--level",
            "15",
        ],
        "at most 14 bits",
    );
    refused(
        &["--preset", "dense-tc-small", "--rows", "delta"],
        "use the design acrtc",
    );
    refused(
        &["--preset", "acrtc-small", "--adapt"],
        "for a tensor core --rows delta",
    );
    refused(
        &[
            "--preset",
            "acrtc-small",
            "--rows",
            "delta",
            "--adapt",
            "--adapt-share",
            "100",
        ],
        "must be below 100",
    );
    mercury(&["inspect", "--layer", "conv1", "--preset", "acrtc-small"])
        .assert()
        .code(2)
        .stderr(contains("acrtc-small is a tensor core"));
}

#[test]
fn both_systems_are_compared_at_equal_multipliers() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().to_str().unwrap();
    let bench = [
        "bench",
        "--out",
        out,
        "--name",
        "both",
        "--presets",
        "small,acrtc-small",
        "--modes",
        "dense,elements,grid,delta,acrtc",
        "--seeds",
        "1-2",
        "--epochs",
        "1",
        "--train-images",
        "48",
        "--test-images",
        "16",
        "--jobs",
        "2",
    ];
    // dense, elements and delta of both presets are one training a seed, grid and acrtc one each.
    mercury(&bench)
        .assert()
        .success()
        .stdout(contains("0 runs there, 14 to do in 6 trainings"));
    mercury(&bench)
        .assert()
        .success()
        .stdout(contains("14 runs there, 0 to do in 0 trainings"));
    let both = dir.path().join("both");
    let page = std::fs::read_to_string(both.join("index.html")).unwrap();
    assert!(page.contains("acrtc-small") && page.contains("ACRTC"));
    let compare = |out: &str| {
        let folder = dir.path().join(out);
        let (both, folder) = (both.to_str().unwrap(), folder.to_str().unwrap());
        mercury(&["compare", "--bench", both, "--out", folder])
    };
    compare("all").assert().success().stdout(
        contains("Results must not change, 8 multipliers").and(
            contains("not there: area of ACRTC with 8 multipliers")
                .or(contains("Area with 8 multipliers")),
        ),
    );
    let all = json(&dir.path().join("all/compare.json"));
    let cells = all["cells"].as_array().unwrap();
    assert_eq!(cells.len(), 7);
    let dense = cells
        .iter()
        .find(|c| c["system"] == "mercury" && c["mode"] == "dense")
        .unwrap();
    assert_eq!(
        (dense["speedup"].as_f64(), dense["seeds"].as_u64()),
        (Some(1.0), Some(2))
    );
    // Dense runs that differ were made of something else.
    let file = both.join("bench.json");
    let mut bench = json(&file);
    let rows = bench["rows"].as_array_mut().unwrap();
    let row = rows
        .iter_mut()
        .find(|r| r["preset"] == "acrtc-small" && r["mode"] == "dense")
        .unwrap();
    row["test_accuracy"] = 2.0.into();
    std::fs::write(&file, serde_json::to_vec(&bench).unwrap()).unwrap();
    compare("none")
        .assert()
        .code(2)
        .stderr(contains("run them again with the same"));
}
