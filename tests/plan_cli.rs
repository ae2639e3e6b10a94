//! `mercury plan` on the command line.

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::Value;

fn plan(args: &[&str]) -> Command {
    let mut command = Command::cargo_bin("mercury").unwrap();
    command.arg("plan").args(args);
    command
}

fn json(args: &[&str]) -> Value {
    let output = plan(args)
        .arg("--json")
        .assert()
        .success()
        .get_output()
        .stdout
        .clone();
    serde_json::from_slice(&output).unwrap()
}

#[test]
fn the_table_has_every_named_layer() {
    let rows = json(&["--all", "--preset", "paper"]);
    assert_eq!(rows.as_array().unwrap().len(), 12);
    for row in rows.as_array().unwrap() {
        let efficiency = row["efficiency"].as_f64().unwrap();
        assert!(
            efficiency > 0.5 && efficiency <= 1.0,
            "{}: {efficiency}",
            row["layer"]
        );
    }
    plan(&["--all"])
        .assert()
        .success()
        .stdout(contains("stride2-grad").and(contains("attention")));
}

#[test]
fn a_given_shape_is_priced() {
    let row = json(&[
        "--input",
        "4,8,8,8",
        "--filters",
        "8",
        "--kernel",
        "3",
        "--padding",
        "1",
        "--pass",
        "weight_grad",
    ]);
    assert_eq!(row["drain"], "raw");
    // Every output position, filter and tap once: 4·8·8 positions, 8 filters, 8·9 taps.
    assert_eq!(row["macs"], 4 * 8 * 8 * 8 * 8 * 9);
    assert!(row["cycles"].as_u64().unwrap() >= row["compute_cycles"].as_u64().unwrap() / 2);
    let text = plan(&["--layer", "conv16"])
        .assert()
        .success()
        .get_output()
        .stdout
        .clone();
    let text = String::from_utf8(text).unwrap();
    for word in [
        "tiles of up to",
        "K_T",
        "passes",
        "sets",
        "jobs",
        "cycles",
        "MACs per cycle",
        "bytes in",
    ] {
        assert!(text.contains(word), "{word} is missing in {text}");
    }
}

#[test]
fn a_network_is_planned_product_by_product() {
    let net = ["--net", "digits-transformer", "--batch", "2"];
    let table = plan(&net).assert().success();
    table.stdout(contains("attn2_scores").and(contains("fc")));
    let rows = json(&[&net[..], &["--pass", "input_grad"]].concat());
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 14);
    // Eight keys for eight queries of eight elements, two images with four heads each.
    let scores = rows
        .iter()
        .find(|row| row["layer"] == "attn1_scores")
        .unwrap();
    assert_eq!(scores["macs"], 2 * 4 * 8 * 8 * 8);
    plan(&["--net", "digits-mlp", "--batch", "0"])
        .assert()
        .code(2)
        .stderr(contains("--batch is 0"));
}

#[test]
fn bad_usage_is_refused_with_a_fix() {
    plan(&[]).assert().code(2).stderr(contains("--layer NAME"));
    plan(&["--layer", "nothing"])
        .assert()
        .code(2)
        .stderr(contains("choose one of first"));
    plan(&["--input", "1,1,4", "--filters", "1"])
        .assert()
        .code(2)
        .stderr(contains("four numbers"));
    let wide = [
        "--preset",
        "tiny",
        "--input",
        "1,1,4,20",
        "--filters",
        "1",
        "--kernel",
        "1,10",
    ];
    plan(&wide).assert().code(2).stderr(contains("k_max = 9"));
}

#[test]
fn a_reuse_plan_shows_its_detection() {
    let layer = ["--preset", "small", "--layer", "conv16"];
    let reuse = ["--reuse", "step", "--k-target", "9"];
    let (dense, row) = (json(&layer), json(&[&layer[..], &reuse[..]].concat()));
    assert_eq!(row["dense_cycles"], dense["cycles"]);
    assert_eq!(
        (&row["reuse"], &dense["reuse"]),
        (&"step".into(), &"off".into())
    );
    assert!(dense["cuts"][0]["detection"].is_null());
    let detection = &row["cuts"][0]["detection"];
    // Three rows of a 3×3 patch a step.
    assert_eq!(detection["steps"], 3);
    assert_eq!(row["cuts"][0]["elements_per_group"], 9);
    let cycles = |name: &str| detection[name].as_u64().unwrap();
    assert_eq!(3 * cycles("detect_cycles"), cycles("dense_cycles"));
    assert!(row["detect_busy"].as_u64().unwrap() > 0);
    plan(&[&layer[..], &reuse[..]].concat())
        .assert()
        .success()
        .stdout(contains("steps a vector").and(contains("waiting for lists")));
    plan(&["--layer", "conv16", "--reuse", "step", "--k-target", "0"])
        .assert()
        .code(2)
        .stderr(contains("--k-target"));
}

#[test]
fn assumed_shares_change_the_cycles_and_not_the_plan() {
    let layer = ["--layer", "conv16", "--reuse", "sign"];
    let priced = |shares: &[&str]| json(&[&layer, shares].concat());
    let (missed, mixed) = (
        priced(&[]),
        priced(&["--zero-share", "0.25", "--hit-share", "0.25"]),
    );
    assert_eq!(missed["cuts"], mixed["cuts"]);
    assert_eq!(
        mixed["macs"].as_u64(),
        missed["macs"].as_u64().map(|n| n / 2)
    );
    assert!(mixed["cycles"].as_u64() < missed["cycles"].as_u64());
    let [zero, hit] = [0, 1].map(|i| mixed["states"][i].as_u64().unwrap());
    assert_eq!((zero, hit), (zero.max(1), zero));
    for (args, message) in [
        (["--reuse", "off", "--hit-share", "0.4"], "--reuse is off"),
        (
            ["--reuse", "zero", "--hit-share", "0.4"],
            "never finds a HIT",
        ),
        (
            ["--reuse", "sign", "--hit-share", "1.5"],
            "at most 1 together",
        ),
    ] {
        plan(&[&["--layer", "conv16"][..], &args].concat())
            .assert()
            .code(2)
            .stderr(contains(message));
    }
}
