//! `mercury crew encode` and what the commands refuse.

use assert_cmd::Command;
use ndarray::Array2;
use ndarray_npy::NpzWriter;
use predicates::prelude::*;
use std::fs;

use crate::config;
use mercury::crew::pack;

fn crew(arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("mercury").unwrap();
    command.arg("crew").args(arguments);
    command
}

#[test]
fn encode_prints_statistics_and_writes_the_stream() {
    let folder = tempfile::tempdir().unwrap();
    let (file, out, json) = (
        folder.path().join("w.npz"),
        folder.path().join("out"),
        folder.path().join("s.json"),
    );
    // As PyTorch stores it: 40 outputs, 12 inputs.
    let weights = Array2::from_shape_fn((40, 12), |(m, n)| ((m * 7 + n) % (n + 2)) as f32 / 16.0);
    let mut npz = NpzWriter::new(fs::File::create(&file).unwrap());
    npz.add_array("fc1", &weights).unwrap();
    npz.finish().unwrap();
    let run = crew(&["encode", "--preset", "crew-tiny", "--out"])
        .arg(&out)
        .arg("--json")
        .arg(&json)
        .arg(&file)
        .assert()
        .success();
    run.stdout(predicate::str::contains("fc1").and(predicate::str::contains("12x40")));
    let summary: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(json).unwrap()).unwrap();
    assert_eq!(summary[0]["summary"]["inputs"], 12);
    // The stream that was written holds the layer: 32 outputs and 8.
    let tiny = config("crew-tiny");
    let stream = fs::read(out.join("fc1.crew")).unwrap();
    let description: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(out.join("fc1.json")).unwrap()).unwrap();
    let blocks = description["blocks"].as_array().unwrap();
    assert_eq!(blocks.len(), 2);
    let mut at = 0;
    for (block, rows) in blocks.iter().zip([16, 4]) {
        let bytes = block["bytes"].as_u64().unwrap() as usize;
        let (groups, beats) = pack::read(&stream[at..at + bytes], 3, rows, &tiny).unwrap();
        assert_eq!((groups.len(), beats * tiny.bus_bytes()), (3, bytes));
        at += bytes;
    }
    assert_eq!(at, stream.len());
}

#[test]
fn merging_says_what_it_cost() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("w.npz");
    let weights = Array2::from_shape_fn((64, 8), |(m, n)| (m * m % 37) as f64 * 0.1 + n as f64);
    let mut npz = NpzWriter::new(fs::File::create(&file).unwrap());
    npz.add_array("fc", &weights).unwrap();
    npz.finish().unwrap();
    crew(&["encode", "--merge", "0.2"])
        .arg(&file)
        .assert()
        .success()
        .stdout(predicate::str::contains("index bits dropped"));
}

#[test]
fn refusals_end_with_exit_code_2_and_say_why() {
    let refused = |arguments: &[&str], part: &str| {
        crew(arguments)
            .assert()
            .code(2)
            .stderr(predicate::str::contains(part));
    };
    refused(&["cosim", "--preset", "tiny"], "crew-tiny");
    refused(&["cosim", "--layers", "0"], "at least 1");
    refused(&["cosim", "--p-stall", "1"], "below 1");
    refused(
        &["encode", "--preset", "dense-fc-tiny", "w.npz"],
        "dense baseline",
    );
    refused(&["encode", "/no/such.npz"], "/no/such.npz");
    refused(&["encode", "--bits", "9", "w.npz"], "2..=8");
}
