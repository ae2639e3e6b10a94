//! `mercury cosim`, `mercury faults` and the verilated engine, as a user runs them, on the generated `tiny`.

use assert_cmd::Command;
use ndarray::Array4;
use ndarray_npy::NpzWriter;
use predicates::prelude::*;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A folder that holds the generated Verilog of `tiny`, and its path.
fn generated() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::cargo_bin("gen-verilog").unwrap();
    command
        .args(["--preset", "tiny", "--out"])
        .arg(folder.path())
        .assert()
        .success();
    let rtl = folder.path().join("tiny");
    (folder, rtl)
}

/// The command, run in a folder of its own.
fn mercury(folder: &Path, rtl: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("mercury").unwrap();
    command
        .current_dir(folder)
        .args(arguments)
        .args(["--preset", "tiny", "--rtl"])
        .arg(rtl);
    command
}

#[test]
fn random_jobs_agree_with_and_without_stalls() {
    let (folder, rtl) = generated();
    for (p_stall, jobs) in [("0", 300), ("0.3", 200), ("0.9", 20)] {
        let jobs_text = jobs.to_string();
        let arguments = [
            "cosim",
            "--jobs",
            &jobs_text,
            "--seed",
            "21",
            "--p-stall",
            p_stall,
            "--json",
            "out.json",
        ];
        let run = mercury(folder.path(), &rtl, &arguments).assert().success();
        run.stdout(
            predicate::str::contains("no mismatch").and(predicate::str::contains("FAILED").not()),
        );
        let json: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(folder.path().join("out.json")).unwrap())
                .unwrap();
        assert!(json["jobs"].as_u64().unwrap() >= jobs);
        assert_eq!(
            (
                json["mismatches"].as_u64(),
                json["preset"].as_str(),
                json["seed"].as_u64()
            ),
            (Some(0), Some("tiny"), Some(21))
        );
        assert_eq!(json["cycles_compared"], true);
        assert!(json["cycles"].as_u64() > json["totals"]["cycles"].as_u64());
        assert!(json["khz"].as_f64().unwrap() > 0.0 && json["khz_bare"].as_f64().unwrap() > 0.0);
        assert_eq!(json["stalled"].as_u64().unwrap() > 0, p_stall != "0");
        let skipped = json["error_paths"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|path| path["skipped"] == true);
        // One beat holds a row of the weights of two PEs.
        assert_eq!(
            skipped
                .map(|path| path["name"].as_str().unwrap())
                .collect::<Vec<_>>(),
            ["weights that are not whole rows"]
        );
    }
}

#[test]
fn a_word_read_while_it_is_written_is_never_used() {
    // Such words are inverted in the memories without collision logic; inverted in every write, jobs go wrong.
    let read = "word <= mem[read_address];";
    let conditions = [
        "write_enable && write_address == read_address",
        "write_enable",
    ];
    for (condition, code) in conditions.into_iter().zip([0, 1]) {
        let (folder, rtl) = generated();
        let spoilt = format!("word <= {condition} ? ~mem[read_address] : mem[read_address];");
        let mut changed = 0;
        for file in fs::read_dir(&rtl).unwrap().map(|f| f.unwrap().path()) {
            let text = fs::read_to_string(&file).unwrap();
            if text.contains("no_rw_check") && text.contains(read) {
                fs::write(&file, text.replace(read, &spoilt)).unwrap();
                changed += 1;
            }
        }
        assert!(changed >= 4, "{changed} kinds of memory");
        mercury(
            folder.path(),
            &rtl,
            &["cosim", "--jobs", "150", "--seed", "5", "--p-stall", "0.1"],
        )
        .assert()
        .code(code);
    }
}

#[test]
fn a_fault_is_located_repeated_and_drawn() {
    let (folder, rtl) = generated();
    // A wrong sign shows at once, whatever ran before, so that the operation fails when it is repeated alone as well.
    let file = rtl.join("pe.v");
    let text = fs::read_to_string(&file).unwrap();
    let faulty = text.replacen(
        "vector_sum <= vector_base + ",
        "vector_sum <= vector_base - ",
        1,
    );
    assert_ne!(text, faulty);
    fs::write(&file, faulty).unwrap();
    let run = mercury(
        folder.path(),
        &rtl,
        &["cosim", "--jobs", "300", "--seed", "1"],
    )
    .assert()
    .code(1);
    let text = String::from_utf8(run.get_output().stdout.clone()).unwrap();
    let line = |start: &str| {
        let found = text
            .lines()
            .find(|line| line.trim_start().starts_with(start));
        found
            .unwrap_or_else(|| panic!("no line `{start}` in\n{text}"))
            .trim_start()[start.len()..]
            .to_string()
    };
    let difference = line("MISMATCH in operation ");
    assert!(
        difference.contains("device ") && difference.contains("expected "),
        "{difference}"
    );
    let waveform = folder.path().join(line("waveform: "));
    let stamps = fs::read_to_string(waveform)
        .unwrap()
        .lines()
        .filter(|l| l.starts_with('#'))
        .count();
    assert!((100..=710).contains(&stamps), "{stamps} time stamps");

    let number = line("repeat: ")
        .split("--only ")
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap()
        .to_string();
    let again = mercury(
        folder.path(),
        &rtl,
        &["cosim", "--seed", "1", "--only", &number],
    )
    .assert()
    .code(1);
    again.stdout(predicate::str::contains(difference));
}

#[test]
fn all_faults_are_caught() {
    let (folder, rtl) = generated();
    let run = mercury(folder.path(), &rtl, &["faults", "--json", "faults.json"])
        .assert()
        .success();
    run.stdout(predicate::str::contains("23 of 23 faults caught"));
}

#[test]
fn the_verilated_engine_computes_jobs_and_checks_itself() {
    let (folder, rtl) = generated();
    let mut npz = NpzWriter::new(fs::File::create(folder.path().join("x.npz")).unwrap());
    let value = |(b, c, y, x)| (b * 1000 + c * 300 + y * 17 + x * 5) as i16 - 700;
    npz.add_array("x", &Array4::from_shape_fn((2, 3, 9, 8), value))
        .unwrap();
    npz.add_array("w", &Array4::from_shape_fn((5, 3, 3, 3), value))
        .unwrap();
    npz.finish().unwrap();
    let arguments = [
        "job",
        "--pass",
        "forward",
        "--in",
        "x.npz",
        "--out",
        "y.npz",
        "--stride",
        "2",
        "--padding",
        "1",
    ];
    let engine = ["--engine", "verilated", "--check"];
    let run = mercury(folder.path(), &rtl, &[&arguments[..], &engine[..]].concat())
        .assert()
        .success();
    run.stdout(predicate::str::contains(
        "forward on verilated: y [2, 5, 5, 4]",
    ));
}

#[test]
fn networks_of_blocks_train_on_the_hardware_as_on_golden() {
    let (folder, rtl) = generated();
    // Two steps, each with three passes of every product but the first one's input gradient, and one evaluation.
    let of = |products: usize| format!("check: {} operations", 2 * (3 * products - 1) + products);
    for (net, data, sizes, products) in [
        ("resnet-small", "data/photos", ["1", "2"], 10),
        ("digits-transformer", "data/digits", ["3", "6"], 14),
    ] {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join(data);
        let [batch, images] = sizes;
        let what = ["train", "--net", net, "--data", data.to_str().unwrap()];
        let size = ["--epochs", "1", "--batch", batch, "--train-images", images];
        let how = ["--test-images", "1", "--engine", "verilated", "--check"];
        let mut run = mercury(folder.path(), &rtl, &[&what[..], &size, &how].concat());
        let stdout = predicate::str::contains(of(products));
        run.assert().success().stdout(stdout);
    }
}

#[test]
fn missing_verilog_and_bad_probabilities_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let nothing = folder.path().join("nothing");
    let run = mercury(folder.path(), &nothing, &["cosim"])
        .assert()
        .code(2);
    run.stderr(predicate::str::contains(
        "cargo run --release --bin gen-verilog -- --preset tiny",
    ));
    let run = mercury(folder.path(), &nothing, &["cosim", "--p-stall", "1.5"])
        .assert()
        .code(2);
    run.stderr(predicate::str::contains(
        "--p-stall is 1.5, must be at least 0 and below 1",
    ));
}

/// Generates `tiny` with these changes of its text, and co-simulates it.
fn agrees(name: &str, changes: &[(&str, &str)], jobs: &str) {
    let folder = tempfile::tempdir().unwrap();
    let own = include_str!("../configs/tiny.toml").replace("\"tiny\"", &format!("\"{name}\""));
    let change = |text: String, (from, to): &(&str, &str)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    };
    let config = folder.path().join("own.toml");
    fs::write(&config, changes.iter().fold(own, change)).unwrap();
    let run = |name: &str, arguments: &[&str]| {
        let mut command = Command::cargo_bin(name).unwrap();
        command
            .current_dir(folder.path())
            .args(arguments)
            .arg("--config")
            .arg(&config)
            .assert()
    };
    run("gen-verilog", &[]).success();
    run("mercury", &["cosim", "--jobs", jobs, "--seed", "1"])
        .success()
        .stdout(predicate::str::contains("no mismatch"));
    run("mercury", &["cosim", "--jobs", "0"]).code(2);
}

#[test]
fn narrow_operands_and_accumulators_agree() {
    let narrow = [("data_w = 16", "data_w = 8"), ("acc_w = 48", "acc_w = 27")];
    agrees("narrow", &narrow, "300");
}

/// A decision a cycle later, or two, as the cycle model says; insertions forwarded to the next vector.
#[test]
fn tags_read_in_a_cycle_of_their_own_agree() {
    for kind in ["block_ram", "lut_ram_registered", "lut_ram_compared"] {
        let key = format!("tags = \"{kind}\"");
        let tags = ("# tags = \"block_ram\"", key.as_str());
        agrees(&format!("tiny_{kind}"), &[tags], "100");
    }
}

/// Elements later, items through a queue, loads a cycle later, as the cycle model says; with reuse and without.
#[test]
fn registered_issue_agrees() {
    let issue = ("# issue = \"registered\"", "issue = \"registered\"");
    let dense = ("[mcache]", "reuse = false\n[mcache]");
    agrees("tiny_registered", &[issue], "100");
    agrees("dense_registered", &[issue, dense], "100");
}

#[test]
fn a_dense_accelerator_agrees() {
    agrees("dense", &[("[mcache]", "reuse = false\n[mcache]")], "100");
}

#[test]
fn an_accelerator_without_trace_agrees() {
    agrees(
        "untraced",
        &[("[mcache]", "trace = false\n[mcache]")],
        "100",
    );
}
