//! Reuse options of `mercury train` and `mercury job` as a user gives them.

use std::fs::File;
use std::path::Path;

use assert_cmd::Command;
use ndarray::{Array, Array4, Dimension, Ix2, Ix3, Ix4, OwnedRepr, s};
use ndarray_npy::{NpzReader, NpzWriter, ReadableElement};
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

/// One short epoch; its report.
fn train(dir: &Path, options: &[&str]) -> Value {
    let json = dir.join("report.json");
    let few = [
        "train",
        "--epochs",
        "1",
        "--train-images",
        "160",
        "--json",
        text(&json),
    ];
    mercury(&[&few, options].concat()).assert().success();
    serde_json::from_str(&std::fs::read_to_string(json).unwrap()).unwrap()
}

#[test]
fn skipping_zero_vectors_trains_the_same_network_in_fewer_cycles() {
    let dir = tempfile::tempdir().unwrap();
    let [off, zero] = ["off", "zero"].map(|mode| train(dir.path(), &["--reuse", mode]));
    assert_eq!(off["weights_hash"], zero["weights_hash"]);
    assert_eq!(off["epochs"][0]["loss"], zero["epochs"][0]["loss"]);
    assert!(off["epochs"][0]["hit_rate"].is_null());
    let zero = &zero["epochs"][0];
    let rate = zero["hit_rate"].as_f64().unwrap();
    assert!((0.1..0.9).contains(&rate), "{rate}");
    assert_eq!(zero["dense_cycles"], off["epochs"][0]["cycles"]);
    assert!(zero["cycles"].as_u64() > Some(0));
    let conv2 = zero["layers"].as_array().unwrap().iter();
    let conv2 = conv2.filter(|l| l["layer"] == "conv2" && l["pass"] == "forward");
    let conv2: Vec<_> = conv2.collect();
    assert_eq!(conv2.len(), 1);
    // Rectified images are empty in many places, and there is no lookup.
    assert!(conv2[0]["zero"].as_u64() > Some(0) && conv2[0]["hit"] == 0);
    assert!(conv2[0]["speedup"].as_f64() > Some(1.0), "{}", conv2[0]);
}

#[test]
fn a_file_sets_layers_and_passes_apart() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("reuse.toml");
    let with = |content: &str| {
        std::fs::write(&file, content).unwrap();
        ["--reuse", "step", "--reuse-file", text(&file)].map(String::from)
    };
    let options = with("[default.weight_grad]\nmode = 'off'\n[layer.conv2]\nmode = 'zero'");
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let report = train(dir.path(), &options);
    let detected = |layer: &str, pass: &str| {
        let all = report["layers"].as_array().unwrap().iter();
        let mut found = all.filter(|l| l["layer"] == layer && l["pass"] == pass);
        let entry = found.next().unwrap();
        ["zero", "hit", "mau"].map(|key| entry[key].as_u64() > Some(0))
    };
    assert_eq!(detected("conv1", "forward"), [true, true, true]);
    assert_eq!(detected("conv1", "weight_grad"), [false, false, false]);
    assert_eq!(detected("conv2", "forward"), [true, false, false]);

    for (content, message) in [
        (
            "[layer.conv3]\nbits = 2",
            "unknown layer conv3: the layers with dot products are conv1, conv2, fc",
        ),
        ("[default]\nbitz = 2", "unknown field `bitz`"),
        (
            "[default]\nbits = 5",
            "5 bits a projection, it must be 1 to 4",
        ),
        (
            "[layer.conv1.forward]\nk_target = 0",
            "[layer.conv1], forward: k_target is 0, a group has at least one element",
        ),
        (
            "[default]\nprojections = 40",
            "40 projections, this configuration has 1 to p_max = 20",
        ),
    ] {
        let options = with(content);
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        mercury(&[&["train"], &options[..]].concat())
            .assert()
            .code(2)
            .stderr(contains(message));
    }
}

#[test]
fn what_changes_nothing_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("reuse.toml");
    std::fs::write(&file, "[layer.conv1]\nmode = 'sign'\nstep_log2 = 3\n").unwrap();
    let few = [
        "train",
        "--epochs",
        "1",
        "--train-images",
        "8",
        "--test-images",
        "8",
    ];
    for (options, notes) in [
        (
            vec!["--reuse", "sign", "--bits", "2"],
            vec!["--bits changes nothing with --reuse sign"],
        ),
        (
            vec!["--elem-skip", "--no-zero-skip"],
            vec![
                "--elem-skip changes nothing with --reuse off",
                "--no-zero-skip changes nothing",
            ],
        ),
        (
            vec!["--projections", "4", "--reuse-file", text(&file)],
            vec!["step_log2 of [layer.conv1] in"],
        ),
        (
            vec!["--reuse", "step", "--k-target", "17"],
            vec!["a k_target above k_max = 16 of small counts as 16"],
        ),
    ] {
        let output = mercury(&[&few[..], &options[..]].concat())
            .assert()
            .success();
        let text = String::from_utf8(output.get_output().stderr.clone()).unwrap();
        let said: Vec<_> = text
            .lines()
            .filter(|line| line.starts_with("note: ") && !line.contains("learned"))
            .collect();
        assert_eq!(said.len(), notes.len(), "{options:?}: {said:?}");
        for note in notes {
            assert!(
                said.iter().any(|line| line.contains(note)),
                "{note}: {said:?}"
            );
        }
    }
}

fn array<T: ReadableElement, D: Dimension>(path: &Path, name: &str) -> Array<T, D> {
    let mut npz = NpzReader::new(File::open(path).unwrap()).unwrap();
    npz.by_name::<OwnedRepr<T>, D>(name).unwrap()
}

#[test]
fn a_job_tells_every_decision() {
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (dir.path().join("x.npz"), dir.path().join("y.npz"));
    // Two images of one channel: columns 0 0 5 5 5 -9, kernel 1×1.
    let x = Array4::from_shape_fn((2, 1, 4, 6), |(.., c)| [0, 0, 5, 5, 5, -9][c]);
    let mut npz = NpzWriter::new(File::create(&input).unwrap());
    npz.add_array("x", &x.mapv(|v: i16| v)).unwrap();
    npz.add_array("w", &Array4::<i16>::from_elem((1, 1, 1, 1), 3))
        .unwrap();
    npz.finish().unwrap();
    let job = [
        "job",
        "--pass",
        "forward",
        "--preset",
        "tiny",
        "--in",
        text(&input),
    ];
    let reuse = [
        "--reuse",
        "grid",
        "--step-log2",
        "0",
        "--bits",
        "4",
        "--out",
        text(&output),
    ];
    mercury(&[&job[..], &reuse[..]].concat()).assert().success();

    let y: Array4<i64> = array::<_, Ix4>(&output, "y");
    assert_eq!(y, x.mapv(|v| 3 * i64::from(v)));
    let tiles: Array<i64, _> = array::<_, Ix2>(&output, "tiles");
    let state: Array<i8, _> = array::<_, Ix3>(&output, "state");
    let entry: Array<i32, _> = array::<_, Ix3>(&output, "entry");
    let signature: Array<u64, _> = array::<_, Ix4>(&output, "signature");
    let mut positions = 0;
    for (t, tile) in tiles.outer_iter().enumerate() {
        let [part, group, image, images, row, rows, col, cols] = std::array::from_fn(|i| tile[i]);
        assert_eq!((part, group), (0, 0));
        let mut seen: Vec<(i64, i32)> = vec![];
        let mut i = 0;
        for b in image..image + images {
            for r in row..row + rows {
                for c in col..col + cols {
                    let value = i64::from(x[[b as usize, 0, r as usize, c as usize]]);
                    let known = seen.iter().find(|(v, _)| *v == value);
                    let found = (state[[t, 0, i]], entry[[t, 0, i]]);
                    match (value, known) {
                        (0, _) => assert_eq!(found, (0, 0)),
                        (_, Some((_, entry))) => assert_eq!(found, (1, *entry)),
                        _ => {
                            assert_eq!(found.0, 2);
                            seen.push((value, found.1));
                        }
                    }
                    // Signatures are the low four bits of the value.
                    assert_eq!(signature[[t, 0, i, 0]], value as u64 & 15);
                    (i, positions) = (i + 1, positions + 1);
                }
            }
        }
        assert!(state.slice(s![t, 0, i..]).iter().all(|s| *s == -1));
    }
    assert_eq!(positions, 48);
}
