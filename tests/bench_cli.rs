//! `mercury bench` as a user runs it.

use std::path::Path;

use assert_cmd::Command;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use serde_json::Value;

/// A small comparison of two modes in `out`, with more arguments.
fn bench(out: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mercury"));
    let out = out.to_str().expect("a temporary path is UTF-8");
    command.args(["bench", "--out", out, "--name", "try", "--presets", "small"]);
    if !more.contains(&"--modes") {
        command.args(["--modes", "dense,elements,grid,adaptive"]);
    }
    command.args([
        "--epochs",
        "2",
        "--train-images",
        "48",
        "--test-images",
        "16",
    ]);
    command.args(["--jobs", "2"]).args(more);
    command
}

fn json(path: &Path) -> Value {
    let text = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&text).expect("JSON")
}

/// Removes what differs from run to run.
fn timeless(mut record: Value) -> Value {
    record["finished"]["report"]["totals"]["seconds"] = 0.into();
    record
}

#[test]
fn runs_are_recorded_once_and_summarised() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("try");
    bench(dir.path(), &["--seeds", "1-2"])
        .assert()
        .success()
        .stdout(
            contains("0 runs there, 8 to do in 6 trainings").and(contains("fewer than 10 seeds")),
        );
    let report = json(&folder.join("bench.json"));
    let rows = report["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 8);
    let mut keys: Vec<&String> = rows[0].as_object().unwrap().keys().collect();
    keys.sort();
    let wanted = "bytes compute_cycles cycles dense_cycles mode net preset seed test_accuracy";
    assert_eq!(keys, wanted.split(' ').collect::<Vec<_>>());
    let summary = report["summary"].as_array().unwrap();
    let mut keys: Vec<&String> = summary[0].as_object().unwrap().keys().collect();
    keys.sort();
    let wanted =
        "accuracy_delta_pp ci95_pp mode net preset seeds speedup speedup_over_zero_elements";
    assert_eq!(keys, wanted.split(' ').collect::<Vec<_>>());
    let number = |value: &Value| value.as_f64().unwrap();
    let of = |mode: &str| summary.iter().find(|s| s["mode"] == mode).unwrap();
    assert_eq!(number(&of("dense")["speedup"]), 1.0);
    assert!(number(&of("elements")["speedup"]) > 1.2);
    assert_eq!(
        (
            number(&of("elements")["accuracy_delta_pp"]),
            &of("grid")["seeds"]
        ),
        (0.0, &2.into())
    );
    for row in rows {
        assert!(row["compute_cycles"].as_u64() < row["cycles"].as_u64());
        assert!(row["bytes"].as_u64() > Some(1_000_000));
    }
    let record = json(&folder.join("runs/digits-cnn-small-grid-2.json"));
    let errors = record["finished"]["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 2, "one an epoch");
    let epochs = &record["finished"]["report"]["epochs"];
    assert!(epochs[0].get("test_accuracy").is_none() && epochs[1]["test_accuracy"].is_number());
    let conv2 = |e: &&Value| e["layer"] == "conv2" && e["pass"] == "forward";
    let error = number(&errors[1].as_array().unwrap().iter().find(conv2).unwrap()["relative"]);
    assert!((0.001..0.5).contains(&error), "{error}");

    let page = std::fs::read_to_string(folder.join("index.html")).unwrap();
    for section in [
        "Accuracy against speed",
        "Training loss",
        "Decisions of adaptation",
    ] {
        assert!(page.contains(section), "{section}");
    }
    assert!(!page.contains("<script") && !page.contains("http"));

    // Again: nothing to do. One record gone: only that run, with the same result.
    bench(dir.path(), &["--seeds", "1-2"])
        .assert()
        .success()
        .stdout(contains("8 runs there, 0 to do"));
    std::fs::remove_file(folder.join("runs/digits-cnn-small-grid-2.json")).unwrap();
    bench(dir.path(), &["--seeds", "1-2"])
        .assert()
        .success()
        .stdout(contains("7 runs there, 1 to do"));
    let again = json(&folder.join("runs/digits-cnn-small-grid-2.json"));
    assert_eq!(timeless(again), timeless(record));
    // A record of other inputs is not taken for this one.
    let text = std::fs::read_to_string(folder.join("runs/digits-cnn-small-grid-2.json")).unwrap();
    let inputs = json(&folder.join("runs/digits-cnn-small-grid-2.json"))["inputs"].clone();
    let text = text.replace(inputs.as_str().unwrap(), "0123456789abcdef");
    std::fs::write(folder.join("runs/digits-cnn-small-grid-2.json"), text).unwrap();
    bench(dir.path(), &["--seeds", "1-2"])
        .assert()
        .code(2)
        .stderr(contains("made with other inputs (0123456789abcdef"));
    bench(dir.path(), &["--seeds", "1-2", "--replace"])
        .assert()
        .success()
        .stdout(contains("7 runs there, 1 to do"));
}

#[test]
fn runs_that_share_a_training_have_the_records_of_runs_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, folder) = (["--modes", "dense,zero,elements", "--seeds", "5"], "shared");
    let runs = |parent: &str, mode: &str| {
        let path = format!("{parent}/try/runs/digits-cnn-small-{mode}-5.json");
        timeless(json(&dir.path().join(path)))
    };
    let share = |more: &[&str], said: &'static str| {
        let mut command = bench(&dir.path().join(folder), more);
        command.assert().success().stdout(contains(said));
    };
    let exact: Vec<&str> = [&whole[..], &["--minutes", "0"]].concat();
    share(&exact, "time is over, 1 trainings are left");
    share(&whole, "0 runs there, 3 to do in 1 trainings");
    let together = ["dense", "zero", "elements"].map(|mode| (mode, runs(folder, mode)));
    for (mode, record) in &together {
        let alone = ["--seeds", "5", "--modes", mode];
        bench(&dir.path().join(mode), &alone).assert().success();
        assert_eq!(&runs(mode, mode), record);
    }
    // What is left of a training whose records were not all written: they come out the same.
    std::fs::remove_file(
        dir.path()
            .join(folder)
            .join("try/runs/digits-cnn-small-zero-5.json"),
    )
    .unwrap();
    share(&whole, "2 runs there, 1 to do in 1 trainings");
    assert_eq!(runs(folder, "zero"), together[1].1);
}

#[test]
fn shards_merge_to_the_whole_and_contradictions_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let modes = ["--seeds", "3"];
    for (part, shard) in [("a", "1/2"), ("b", "2/2")] {
        bench(&at(part), &[&modes[..], &["--shard", shard]].concat())
            .assert()
            .success();
    }
    bench(&at("whole"), &modes).assert().success();
    let merge = |from: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mercury"));
        command.args(["bench", "merge", "--out"]).arg(at("merged"));
        command.args(from.iter().map(|part| at(part).join("try")));
        command.assert()
    };
    merge(&["a", "b"])
        .success()
        .stdout(contains("4 runs taken over"));
    assert_eq!(
        json(&at("merged/bench.json")),
        json(&at("whole/try/bench.json"))
    );
    merge(&["whole"])
        .success()
        .stdout(contains("0 runs taken over"));

    let path = at("whole/try/runs/digits-cnn-small-grid-3.json");
    let mut record = json(&path);
    let cycles = record["finished"]["report"]["totals"]["cycles"]
        .as_u64()
        .unwrap();
    record["finished"]["report"]["totals"]["cycles"] = (cycles + 1).into();
    std::fs::write(&path, record.to_string()).unwrap();
    merge(&["whole"])
        .code(2)
        .stderr(contains("but other results"));
}
