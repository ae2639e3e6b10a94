//! `mercury inspect` as a user runs it.

use std::path::Path;

use assert_cmd::Command;
use predicates::str::contains;
use serde_json::Value;

fn mercury(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mercury"));
    command.args(arguments);
    command
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a temporary path is UTF-8")
}

/// Facts and page of a short run on the small digits network.
fn inspect(options: &[&str]) -> (Value, String) {
    let dir = tempfile::tempdir().unwrap();
    let (page, json) = (dir.path().join("p.html"), dir.path().join("f.json"));
    let short = [
        "inspect",
        "--train-images",
        "96",
        "--out",
        text(&page),
        "--json",
        text(&json),
    ];
    let run = mercury(&[&short, options].concat()).assert().success();
    run.stdout(contains(text(&page)));
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    (serde_json::from_str(&read(&json)).unwrap(), read(&page))
}

fn counts(value: &Value) -> Vec<u64> {
    let list = value.as_array().unwrap().iter();
    list.map(|n| n.as_u64().unwrap()).collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

#[test]
fn the_facts_of_a_layer_agree_with_one_another() {
    let options = ["--layer", "conv2", "--reuse", "grid", "--bits", "2"];
    let (facts, page) =
        inspect(&[&options[..], &["--channel-group", "3", "--image", "5"]].concat());
    // Eight channels of nine taps each are eight groups; 32 images of 8x8 positions.
    let groups = list(&facts["groups"]);
    assert_eq!(groups.len(), 8);
    let mut all = vec![0; 4];
    for group in groups {
        let states = counts(&group["states"]);
        assert_eq!(states.iter().sum::<u64>(), 32 * 64);
        all.iter_mut().zip(states).for_each(|(a, n)| *a += n);
    }
    assert_eq!(counts(&facts["states"]), all);
    assert!(all[1] > 100, "{all:?}");
    assert_eq!(groups[3]["channel"], 3);

    // Each position once; a HIT has the entry and the signature of its source.
    let positions = list(&facts["positions"]);
    assert_eq!(positions.len(), 64);
    let (mut hits, mut near) = (0, 0);
    for position in positions {
        assert_eq!(position["state"] == "HIT", !position["source"].is_null());
        if position["source"].is_null() {
            continue;
        }
        hits += 1;
        let source = &position["source"];
        if source["image"] != 5 {
            continue;
        }
        near += 1;
        let owner = positions
            .iter()
            .find(|p| p["row"] == source["row"] && p["col"] == source["col"]);
        let owner = owner.unwrap();
        assert_eq!(owner["state"], "MAU");
        for key in ["entry", "signature", "tile"] {
            assert_eq!(owner[key], position[key]);
        }
    }
    assert!(hits >= near && hits > 0, "{hits} {near}");

    // Reuse costs accuracy of the vectors, and of the result.
    let loss = facts["loss"]["relative"].as_f64().unwrap();
    assert!(loss > 0.0 && loss < 2.0, "{loss}");
    assert!(facts["result_error"].as_f64() > Some(0.0));
    assert!(facts["cost"]["dense_cycles"].as_u64() > Some(0));
    let sharing = counts(&facts["signatures"]);
    assert!(sharing.is_sorted_by(|a, b| a >= b) && sharing[0] > 1);
    let ways = facts["ways"].as_f64().unwrap();
    let occupancy = list(&facts["occupancy"]).iter();
    assert!(
        occupancy
            .clone()
            .all(|w| (0.0..=ways).contains(&w.as_f64().unwrap()))
    );

    // The page shows the same, and loads nothing.
    assert_eq!(page.matches("class=\"cell\"").count(), 64);
    assert_eq!(page.matches("class=\"link\"").count(), near);
    assert_eq!(page.matches("class=\"mark ").count(), 64);
    assert!(!page.contains("http") && !page.contains("<script") && !page.contains("NaN"));
    assert!(page.contains("conv2 · forward · reuse grid"));
}

#[test]
fn exact_reuse_has_no_error() {
    let (facts, page) = inspect(&["--layer", "conv2", "--reuse", "zero", "--epochs", "0"]);
    assert_eq!(facts["loss"]["rms"], 0.0);
    assert_eq!(facts["result_error"], 0.0);
    let [zero, hit, mau, mnu] = counts(&facts["states"])[..] else {
        panic!("four states")
    };
    assert!(zero > 0 && mnu > 0 && hit == 0 && mau == 0);
    assert!(facts["test_accuracy"].is_null() && !page.contains("Vectors that share"));
}

#[test]
fn gradients_can_be_drawn_too() {
    for pass in ["input_grad", "weight_grad"] {
        let (facts, page) = inspect(&["--layer", "conv2", "--pass", pass, "--reuse", "step"]);
        assert_eq!(facts["pass"], pass);
        assert_eq!(list(&facts["positions"]).len(), 64);
        assert!(page.contains(pass));
    }
}

#[test]
fn mistakes_are_named_with_the_choices() {
    let cases: [(&[&str], &str); 5] = [
        (
            &["--layer", "conv9", "--reuse", "grid"],
            "layer conv9 has no dot products in digits-cnn: give one of conv1, conv2, fc",
        ),
        (
            &["--layer", "conv1"],
            "give --reuse zero, sign, step or grid",
        ),
        (
            &[
                "--layer",
                "conv1",
                "--reuse",
                "grid",
                "--epochs",
                "0",
                "--channel-group",
                "1",
            ],
            "--channel-group is 1, this operation has groups 0 to 0",
        ),
        (
            &["--layer", "conv1", "--reuse", "grid", "--image", "99999"],
            "--image is 99999, there are test images 0 to",
        ),
        (
            &[
                "--layer",
                "conv1",
                "--reuse",
                "grid",
                "--epochs",
                "0",
                "--pass",
                "input_grad",
            ],
            "layer conv1 has no input_grad, because no layer before it learns: it has forward and weight_grad",
        ),
    ];
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("p.html");
    for (options, message) in cases {
        mercury(&[&["inspect", "--out", text(&out)], options].concat())
            .assert()
            .code(2)
            .stderr(contains(message));
        assert!(!out.exists());
    }
    mercury(&["inspect", "--help"])
        .assert()
        .success()
        .stdout(contains(
            "mercury inspect --layer conv2 --reuse grid --out inspect.html",
        ));
}

/// What `inspect` captured is what `job` takes: the same operation gives the same result error.
#[test]
fn operands_can_be_run_again() {
    let dir = tempfile::tempdir().unwrap();
    let (page, operands) = (dir.path().join("p.html"), dir.path().join("o.npz"));
    let files = ["--out", text(&page), "--operands", text(&operands)];
    let layer = [
        "--layer",
        "conv2",
        "--reuse",
        "grid",
        "--train-images",
        "96",
    ];
    let mut inspected = mercury(&[&["inspect"], &layer[..], &files].concat());
    let inspected = inspected.assert().success().get_output().stdout.clone();
    let result = dir.path().join("y.npz");
    let job = [
        "job",
        "--pass",
        "forward",
        "--padding",
        "1",
        "--reuse",
        "grid",
    ];
    let files = ["--in", text(&operands), "--out", text(&result)];
    let job = mercury(&[&job[..], &files].concat()).assert().success();
    // The line of states and cycles is that of the same operands.
    let states = |stdout: &[u8]| {
        let text = String::from_utf8(stdout.to_vec()).unwrap();
        let line = text.lines().find(|line| line.contains("% hit"));
        line.expect("a line of states").to_string()
    };
    assert_eq!(states(&inspected), states(&job.get_output().stdout));
}
