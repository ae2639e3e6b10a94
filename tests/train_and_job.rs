//! `mercury train` and `mercury job` as a user runs them.

use std::fs::File;
use std::path::Path;

use assert_cmd::Command;
use ndarray::{Array4, Ix0, Ix4, OwnedRepr};
use ndarray_npy::{NpzReader, NpzWriter};
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

fn mercury(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mercury"));
    command.args(arguments);
    command
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a temporary path is UTF-8")
}

#[test]
fn one_epoch_of_training_writes_a_full_report() {
    let dir = tempfile::tempdir().unwrap();
    let train = |seed: &str, name: &str| -> Value {
        let json = dir.path().join(name);
        mercury(&[
            "train",
            "--epochs",
            "1",
            "--seed",
            seed,
            "--json",
            text(&json),
        ])
        .assert()
        .success()
        .stdout(contains("epoch  1/1").and(contains("1,437 training and 360 test images")));
        serde_json::from_str(&std::fs::read_to_string(json).unwrap()).unwrap()
    };
    let [first, again, other] =
        [("3", "a"), ("3", "b"), ("4", "c")].map(|(seed, name)| train(seed, name));

    let epochs = first["epochs"].as_array().unwrap();
    assert_eq!(epochs.len(), 1);
    let number = |value: &Value, key: &str| {
        value[key]
            .as_f64()
            .unwrap_or_else(|| panic!("no number {key}"))
    };
    for key in [
        "loss",
        "train_accuracy",
        "test_accuracy",
        "cycles",
        "dense_cycles",
        "macs",
        "saturations",
    ] {
        number(&epochs[0], key);
    }
    // One epoch is far from done, and far from chance.
    assert!(
        (0.5..1.0).contains(&number(&epochs[0], "test_accuracy")),
        "{}",
        epochs[0]
    );
    // All passes of every layer, but no input gradient of the first.
    let images = 1437.0;
    let conv1 = f64::from(8 * 8 * 8 * 9);
    assert_eq!(
        number(&epochs[0], "macs"),
        images * (3.0 * number(&first, "forward_macs_per_image") - conv1)
    );
    for key in [
        "cycles",
        "macs",
        "saturations",
        "bytes_in",
        "bytes_out",
        "images",
        "seconds",
    ] {
        number(&first["totals"], key);
    }
    assert_eq!(first["layers"].as_array().unwrap().len(), 8);
    for (key, value) in [
        ("net", "digits-cnn"),
        ("engine", "golden"),
        ("config", "small"),
        ("data", "data/digits"),
    ] {
        assert_eq!(first[key], value);
    }
    assert_eq!(first["weights_hash"].as_str().unwrap().len(), 64);
    for key in ["weights_hash", "predictions_hash", "epochs"] {
        assert_eq!(first[key], again[key], "{key}");
        assert_ne!(first[key], other[key], "{key}");
    }
}

#[test]
fn a_network_of_the_users_own_trains_on_photo_crops() {
    let dir = tempfile::tempdir().unwrap();
    let net = dir.path().join("mine.toml");
    let layers = "[[layers]]\nkind = 'conv'\nfilters = 4\nkernel = [5, 3]\nstride = 2\npadding = [2, 1]\n\
        [[layers]]\nkind = 'relu'\n[[layers]]\nkind = 'avg_pool'\nkernel = 4\n[[layers]]\nkind = 'flatten'\n\
        [[layers]]\nkind = 'fully_connected'\noutputs = 8";
    std::fs::write(
        &net,
        format!("name = 'mine'\ninput = [3, 32, 32]\n{layers}"),
    )
    .unwrap();
    let size = [
        "--train-images",
        "64",
        "--test-images",
        "16",
        "--epochs",
        "2",
        "--drain",
        "raw",
        "--preset",
        "tiny",
    ];
    mercury(&["train", "--net", text(&net), "--data", "data/photos"])
        .args(size)
        .assert()
        .success()
        .stdout(contains(
            "mine on golden (tiny, 16-bit operands): 64 training and 16 test images of 8 classes",
        ));
}

#[test]
fn bad_usage_is_refused_with_exit_code_2_and_a_fix() {
    let cases: [(&[&str], &str); 7] = [
        (
            &["train", "--net", "nonet"],
            "neither built in (digits-cnn, digits-mlp, ",
        ),
        (
            &["train", "--data", "nodata"],
            "cannot read data directory nodata",
        ),
        (&["train", "--preset", "huge"], "unknown preset `huge`"),
        (
            &["train", "--json", "nofolder/r.json"],
            "folder nofolder does not exist, create it first",
        ),
        (&["train", "--batch", "0"], "batch is 0, must be at least 1"),
        (&["train", "--net", "photos-cnn"], "images are [1, 8, 8]"),
        (
            &[
                "job",
                "--pass",
                "forward",
                "--in",
                "nofile.npz",
                "--out",
                "y.npz",
            ],
            "cannot read nofile.npz",
        ),
    ];
    for (arguments, message) in cases {
        mercury(arguments)
            .assert()
            .code(2)
            .stderr(contains(message));
    }
}

#[test]
fn help_teaches_by_example() {
    for (arguments, example) in [
        (
            &["--help"][..],
            "mercury train --net digits-cnn --data data/digits",
        ),
        (
            &["train", "--help"],
            "mercury train --net my-net.toml --data ~/mnist --json report.json",
        ),
        (
            &["job", "--help"],
            "mercury job --pass input_grad --in g.npz --out dx.npz",
        ),
    ] {
        mercury(arguments)
            .assert()
            .success()
            .stdout(contains(example));
    }
}

/// Operands of a grouped convolution with odd shapes: x, w, dy.
fn operands() -> [Array4<i16>; 3] {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    // (9 + 1 + 0 − 5) / 2 + 1 = 3 rows, (8 + 0 + 2 − 3) / 1 + 1 = 8 columns
    [[2, 4, 9, 8], [6, 2, 3, 3], [2, 6, 3, 8]]
        .map(|shape| Array4::from_shape_simple_fn(shape, || rng.random_range(-32768..=32767)))
}

const SHAPE: [&str; 8] = [
    "--stride",
    "2,1",
    "--dilation",
    "2,1",
    "--padding",
    "1,0,0,2",
    "--groups",
    "2",
];

fn save(path: &Path, arrays: &[(&str, &Array4<i16>)]) {
    let mut npz = NpzWriter::new(File::create(path).unwrap());
    for (name, array) in arrays {
        npz.add_array(*name, *array).unwrap();
    }
    npz.finish().unwrap();
}

#[test]
fn the_three_passes_of_a_job_are_adjoint() {
    let dir = tempfile::tempdir().unwrap();
    let [x, w, dy] = &operands();
    let input = dir.path().join("in.npz");
    save(&input, &[("x", x), ("w", w), ("dy", dy)]);
    let run = |pass: &str, more: &[&str]| {
        let output = dir.path().join(format!("{pass}.npz"));
        mercury(&[
            "job",
            "--pass",
            pass,
            "--in",
            text(&input),
            "--out",
            text(&output),
        ])
        .args(SHAPE)
        .args(more)
        .assert()
        .success()
        .stdout(contains(format!("{pass} on golden")));
        let mut npz = NpzReader::new(File::open(output).unwrap()).unwrap();
        let y: Array4<i64> = npz.by_name::<OwnedRepr<i64>, Ix4>("y").unwrap();
        for count in [
            "cycles",
            "dense_cycles",
            "macs",
            "saturations",
            "bytes_in",
            "bytes_out",
        ] {
            npz.by_name::<OwnedRepr<i64>, Ix0>(count).unwrap();
        }
        let max_abs = npz
            .by_name::<OwnedRepr<i64>, Ix0>("max_abs")
            .unwrap()
            .into_scalar();
        assert_eq!(max_abs, y.iter().map(|v| v.abs()).max().unwrap());
        y
    };
    let y = run("forward", &[]);
    let dx = run("input_grad", &["--input-size", "9,8"]);
    let dw = run("weight_grad", &["--kernel", "3"]);
    // Y is linear in x and in w: Σ Y·dY = Σ X·dX = Σ W·dW, exactly.
    let dot = |a: &Array4<i64>, b: &Array4<i16>| -> i128 {
        assert_eq!(a.shape(), b.shape());
        a.iter()
            .zip(b)
            .map(|(&a, &b)| i128::from(a) * i128::from(b))
            .sum()
    };
    assert_eq!(dot(&y, dy), dot(&dx, x));
    assert_eq!(dot(&y, dy), dot(&dw, w));
    // One output by hand: second image, filter 4 (second group), row 1, column 6, whose last tap is padding.
    let mut sum = 0;
    for (channel, ky, kx) in ndarray::indices((2, 3, 2)) {
        sum +=
            i64::from(x[[1, 2 + channel, 2 * ky + 1, 6 + kx]]) * i64::from(w[[4, channel, ky, kx]]);
    }
    assert_eq!(y[[1, 4, 1, 6]], sum);
}

#[test]
fn a_shifted_job_rounds_and_saturates() {
    let dir = tempfile::tempdir().unwrap();
    let [input, output] = ["in.npz", "out.npz"].map(|n| dir.path().join(n));
    let x = Array4::from_shape_vec((1, 1, 1, 4), vec![5, 7, -5, 30000]).unwrap();
    save(
        &input,
        &[("x", &x), ("w", &Array4::from_elem((1, 1, 1, 1), 10))],
    );
    mercury(&[
        "job",
        "--pass",
        "forward",
        "--in",
        text(&input),
        "--out",
        text(&output),
        "--shift",
        "2",
    ])
    .assert()
    .success();
    let mut npz = NpzReader::new(File::open(output).unwrap()).unwrap();
    // 12.5, 17.5 and −12.5 go to even; 75,000 is beyond 16 bits.
    let y = npz.by_name::<OwnedRepr<i64>, Ix4>("y").unwrap();
    assert_eq!(y.into_raw_vec_and_offset().0, [12, 18, -12, 32767]);
    assert_eq!(
        npz.by_name::<OwnedRepr<i64>, Ix0>("saturations")
            .unwrap()
            .into_scalar(),
        1
    );
}

#[test]
fn bad_jobs_are_refused_with_exit_code_2_and_a_fix() {
    let dir = tempfile::tempdir().unwrap();
    let [x, w, dy] = &operands();
    let input = dir.path().join("in.npz");
    save(&input, &[("x", x), ("w", w), ("dy", dy)]);
    let floats = dir.path().join("floats.npz");
    let mut npz = NpzWriter::new(File::create(&floats).unwrap());
    npz.add_array("x", &x.mapv(f32::from)).unwrap();
    npz.finish().unwrap();
    let junk = dir.path().join("junk.npz");
    std::fs::write(&junk, "junk").unwrap();
    let cases: [(&str, &Path, &[&str], &str); 7] = [
        (
            "input_grad",
            &floats,
            &[],
            "has no array dy (it has: x): save one by that name",
        ),
        ("forward", &junk, &[], "junk.npz is not an .npz file"),
        (
            "weight_grad",
            &input,
            &[],
            "--pass weight_grad needs --kernel",
        ),
        (
            "forward",
            &input,
            &["--kernel", "3"],
            "--kernel belongs to --pass weight_grad: leave it out",
        ),
        (
            "input_grad",
            &input,
            &["--input-size", "20"],
            "first operand of input_grad has shape [2, 6, 3, 8]",
        ),
        (
            "forward",
            &input,
            &["--groups", "3"],
            "in_channels is 4, not a multiple of groups 3",
        ),
        (
            "forward",
            &input,
            &["--padding", "1,2,3"],
            "3 numbers, expected 1, 2 or 4",
        ),
    ];
    for (pass, file, more, message) in cases {
        let output = dir.path().join("out.npz");
        mercury(&[
            "job",
            "--pass",
            pass,
            "--in",
            text(file),
            "--out",
            text(&output),
        ])
        .args(more)
        .assert()
        .code(2)
        .stderr(contains(message));
        assert!(!output.exists());
    }
    let mut npz = NpzWriter::new(File::create(&floats).unwrap());
    npz.add_array("x", &x.mapv(f32::from)).unwrap();
    npz.add_array("w", w).unwrap();
    npz.finish().unwrap();
    mercury(&[
        "job",
        "--pass",
        "forward",
        "--in",
        text(&floats),
        "--out",
        "never.npz",
    ])
    .assert()
    .code(2)
    .stderr(contains("is not int16 with 4 axes").and(contains("astype(numpy.int16)")));
}
