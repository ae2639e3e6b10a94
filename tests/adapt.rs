//! `mercury train --adapt` as a user runs it.

use assert_cmd::Command;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use serde_json::Value;

fn mercury(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mercury"));
    command.args(arguments);
    command
}

/// Trains on one image at a time: the fully connected layer then has one position a tile, so no vector is ever alike another one
/// and detection comes on top.
fn train(json: &str) -> Value {
    let base = "train --seed 2 --epochs 1 --batch 1 --train-images 24 --test-images 4 --reuse grid --threads 1";
    let adapt = "--adapt --adapt-batches 3 --adapt-retry 12 --adapt-window 2 --adapt-patience 8 --adapt-start 1";
    let arguments = base.split(' ').chain(adapt.split(' '));
    let arguments: Vec<&str> = arguments.chain(["--json", json]).collect();
    mercury(&arguments)
        .assert()
        .success()
        .stdout(contains("fc forward").and(contains("reuse off:")));
    serde_json::from_str(&std::fs::read_to_string(json).unwrap()).unwrap()
}

#[test]
fn reuse_that_cannot_pay_is_switched_off_and_tried_again_the_same_way_every_time() {
    let dir = tempfile::tempdir().unwrap();
    let [first, again] = ["a", "b"].map(|name| train(dir.path().join(name).to_str().unwrap()));
    let decisions = first["epochs"][0]["decisions"].as_array().unwrap();
    assert_eq!(
        first["epochs"][0]["decisions"],
        again["epochs"][0]["decisions"]
    );
    assert_eq!(first["weights_hash"], again["weights_hash"]);

    let of = |layer: &str, pass: &str| -> Vec<(u64, &str)> {
        let of = decisions
            .iter()
            .filter(|d| d["layer"] == layer && d["pass"] == pass);
        of.map(|d| {
            (
                d["iteration"].as_u64().unwrap(),
                d["change"].as_str().unwrap(),
            )
        })
        .collect()
    };
    // Longer from the first iteration on: off after 3, again after 12 more, off after 3.
    assert_eq!(of("fc", "forward"), [(3, "off"), (15, "on"), (18, "off")]);
    // The convolutions' many positions pay.
    assert_eq!(of("conv2", "forward"), []);
    let off = decisions.iter().find(|d| d["change"] == "off").unwrap();
    let number = |key: &str| off[key].as_u64().unwrap();
    assert!(
        number("cycles") > number("dense_cycles") && number("dense_cycles") > 0,
        "{off}"
    );

    // Of 24 iterations 3 + 3 ran with reuse in fc, all others as dense.
    let layers = first["epochs"][0]["layers"].as_array().unwrap();
    let fc = layers
        .iter()
        .find(|l| l["layer"] == "fc" && l["pass"] == "forward")
        .unwrap();
    let lost = |d: &Value| d["cycles"].as_u64().unwrap() - d["dense_cycles"].as_u64().unwrap();
    let offs = decisions
        .iter()
        .filter(|d| d["layer"] == "fc" && d["pass"] == "forward" && d["change"] == "off");
    assert_eq!(lost(fc), offs.map(lost).sum::<u64>());
}

#[test]
fn adaptation_of_nothing_and_numbers_without_meaning_are_refused() {
    for (arguments, message) in [
        ("train --adapt", "there is no reuse to adapt"),
        (
            "train --reuse grid --adapt --adapt-window 0",
            "adapt window is 0, must be at least 1",
        ),
        ("train --reuse grid --adapt-start 1", "--adapt"),
    ] {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        mercury(&arguments)
            .assert()
            .code(2)
            .stderr(contains(message));
    }
}
