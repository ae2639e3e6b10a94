//! The generated Verilog of the smallest presets against golden model and cycle model, as a user runs it.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use mercury::config::tc::TcConfig;
use mercury::cosim::core::faults::run as run_fault;
use mercury::cosim::rtl::Rtl;
use mercury::cosim::tc::TensorCores;
use mercury::cosim::tc::faults::faults;
use predicates::prelude::*;

use crate::{config, odd, wide};

/// A folder that holds the generated Verilog of a preset, and its path.
fn generated(preset: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    generate(&["--preset", preset], &folder);
    let rtl = folder.path().join(preset);
    (folder, rtl)
}

fn generate(sizes: &[&str], folder: &tempfile::TempDir) {
    let mut command = Command::cargo_bin("gen-verilog").unwrap();
    let command = command.args(sizes).arg("--out").arg(folder.path());
    command.assert().success();
}

fn acrtc(arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("mercury").unwrap();
    command.arg("acrtc").args(arguments);
    command
}

fn cosim(preset: &str, rtl: &PathBuf, arguments: &[&str]) -> Command {
    let mut command = acrtc(&["cosim", "--preset", preset, "--rtl"]);
    command.arg(rtl).args(arguments);
    command
}

#[test]
fn random_products_agree_with_and_without_stalls() {
    for preset in ["acrtc-tiny", "dense-tc-tiny"] {
        let (folder, rtl) = generated(preset);
        for (p_stall, products) in [("0", "120"), ("0.3", "60"), ("0.9", "5")] {
            let json = folder.path().join("out.json");
            let options = [
                "--products",
                products,
                "--seed",
                "21",
                "--p-stall",
                p_stall,
                "--json",
            ];
            let run = cosim(preset, &rtl, &options).arg(&json).assert().success();
            run.stdout(predicate::str::contains("no mismatch"));
            let json: serde_json::Value =
                serde_json::from_str(&fs::read_to_string(json).unwrap()).unwrap();
            assert_eq!(json["cases"].to_string(), products);
            assert_eq!(json["mismatches"], 0);
            assert_eq!(json["error_paths"].as_array().unwrap().len(), 12);
            assert_eq!(json["stalled"].as_u64().unwrap() > 0, p_stall != "0");
        }
    }
}

/// Sizes of the user's own: steps of two beats; operands of 8 bits.
#[test]
fn other_sizes_agree() {
    let bytes = TcConfig {
        name: "bytes".into(),
        data_w: 8,
        ..wide()
    };
    for sizes in [odd(), bytes] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sizes.toml");
        fs::write(&file, sizes.to_toml()).unwrap();
        let file = file.to_str().unwrap();
        generate(&["--config", file], &folder);
        for p_stall in ["0", "0.3"] {
            let options = ["--products", "60", "--p-stall", p_stall];
            let run = acrtc(&["cosim", "--config", file, "--rtl"])
                .arg(folder.path().join(&sizes.name))
                .args(options)
                .assert()
                .success();
            run.stdout(predicate::str::contains("no mismatch"));
        }
    }
}

/// Puts the first fault with such a name into the Verilog of `acrtc-tiny`.
fn spoil(rtl: &Path, name: &str) {
    let (verilog, _) = Rtl::read::<TcConfig>(rtl).unwrap();
    let fault = faults(&config("acrtc-tiny"))
        .find(|fault| fault.name.starts_with(name))
        .unwrap();
    for (name, text) in fault.apply(&verilog).unwrap().sources {
        fs::write(rtl.join(name), text).unwrap();
    }
}

/// Wrong arithmetic ends with exit code 1 and a command that repeats it.
#[test]
fn a_wrong_product_is_found_and_repeated() {
    let (_folder, rtl) = generated("acrtc-tiny");
    spoil(&rtl, "sign");
    let run = cosim("acrtc-tiny", &rtl, &["--seed", "3"]).assert().code(1);
    let text = String::from_utf8(run.get_output().stdout.clone()).unwrap();
    let number = text
        .split("--only ")
        .nth(1)
        .expect("a command that repeats it")
        .split_whitespace()
        .next()
        .unwrap();
    cosim("acrtc-tiny", &rtl, &["--seed", "3", "--only", number])
        .assert()
        .code(1)
        .stdout(predicate::str::contains("MISMATCH"));
}

/// Every product of a training by the Verilog: results, counts and cycles are golden's; with a wrong sign they are not.
#[test]
fn a_network_trains_on_the_verilog() {
    let (_folder, rtl) = generated("acrtc-tiny");
    let train = |rows: &[&str]| {
        let mut command = Command::cargo_bin("mercury").unwrap();
        let sizes = [
            "--train-images",
            "32",
            "--test-images",
            "8",
            "--epochs",
            "1",
        ];
        command.args(["train", "--preset", "acrtc-tiny", "--engine", "verilated"]);
        command.args(["--check", "--rtl"]).arg(&rtl);
        command.args(sizes).args(rows).assert()
    };
    for rows in [
        &[][..],
        &["--rows", "elements", "--level", "4"],
        &["--rows", "delta"],
        &[
            "--rows",
            "delta",
            "--level",
            "8",
            "--row-order",
            "serpentine",
        ],
    ] {
        train(rows).success().stdout(predicate::str::contains(
            "results, decisions and counts equal on verilated and golden",
        ));
    }
    spoil(&rtl, "sign");
    train(&["--rows", "delta"])
        .code(1)
        .stderr(predicate::str::contains("mismatch in forward"));
}

/// `mercury acrtc faults` would not run with a pattern that the generated text does not contain.
#[test]
fn every_fault_applies() {
    for preset in ["acrtc-tiny", "dense-tc-tiny"] {
        let (_folder, rtl) = generated(preset);
        let (verilog, _) = Rtl::read::<TcConfig>(&rtl).unwrap();
        for fault in faults(&config(preset)) {
            fault
                .apply(&verilog)
                .unwrap_or_else(|e| panic!("{preset}: {e:#}"));
        }
    }
}

/// Faults of what only these designs have: those of the others are caught in the same way. `mercury acrtc faults` has all.
#[test]
fn faults_of_lists_and_rows_are_caught() {
    for (preset, own) in [
        ("acrtc-tiny", &["lane_lists.v", "tc_rows.v"]),
        ("dense-tc-tiny", &["row_buffer.v", "row_delay.v"]),
    ] {
        let (_folder, rtl) = generated(preset);
        let (verilog, _) = Rtl::read::<TcConfig>(&rtl).unwrap();
        let config = config(preset);
        let own: Vec<_> = faults(&config)
            .filter(|fault| own.contains(&fault.file))
            .collect();
        assert!(own.len() >= 2);
        for fault in own {
            let finding = run_fault::<TensorCores>(fault, &verilog, &config, 100, 1).unwrap();
            assert!(finding.caught_by.is_some(), "{}", fault.name);
        }
    }
}

#[test]
fn refusals_end_with_exit_code_2_and_say_why() {
    let refused = |arguments: &[&str], part: &str| {
        acrtc(arguments)
            .assert()
            .code(2)
            .stderr(predicate::str::contains(part));
    };
    refused(&["cosim", "--preset", "tiny"], "acrtc-tiny");
    refused(&["cosim", "--products", "0"], "at least 1");
    refused(&["cosim", "--p-stall", "1"], "below 1");
}
