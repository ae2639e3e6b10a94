//! The generated Verilog of the smallest presets against golden model and cycle model, as a user runs it.

use assert_cmd::Command;
use mercury::config::fc::FcConfig;
use mercury::cosim::fc::faults::faults;
use mercury::cosim::rtl::Rtl;
use predicates::prelude::*;
use std::fs;
use std::path::PathBuf;

use crate::config;

/// A folder that holds the generated Verilog of a preset, and its path.
fn generated(preset: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::cargo_bin("gen-verilog").unwrap();
    command
        .args(["--preset", preset, "--out"])
        .arg(folder.path())
        .assert()
        .success();
    let rtl = folder.path().join(preset);
    (folder, rtl)
}

fn cosim(preset: &str, rtl: &PathBuf, arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("mercury").unwrap();
    command
        .args(["crew", "cosim", "--preset", preset, "--rtl"])
        .arg(rtl)
        .args(arguments);
    command
}

#[test]
fn random_layers_agree_with_and_without_stalls() {
    for preset in ["crew-tiny", "dense-fc-tiny"] {
        let (folder, rtl) = generated(preset);
        for (p_stall, layers) in [("0", "120"), ("0.3", "60"), ("0.9", "5")] {
            let json = folder.path().join("out.json");
            let run = cosim(
                preset,
                &rtl,
                &[
                    "--layers",
                    layers,
                    "--seed",
                    "21",
                    "--p-stall",
                    p_stall,
                    "--json",
                ],
            )
            .arg(&json)
            .assert()
            .success();
            run.stdout(predicate::str::contains("no mismatch"));
            let json: serde_json::Value =
                serde_json::from_str(&fs::read_to_string(json).unwrap()).unwrap();
            assert_eq!(json["cases"].to_string(), layers);
            assert_eq!(json["mismatches"], 0);
            assert!(json["error_paths"].as_array().unwrap().len() >= 10);
            assert_eq!(json["stalled"].as_u64().unwrap() > 0, p_stall != "0");
        }
    }
}

/// Wrong arithmetic ends with exit code 1 and a command that repeats it.
#[test]
fn a_wrong_product_is_found_and_repeated() {
    let (_folder, rtl) = generated("crew-tiny");
    let (verilog, _) = Rtl::read::<FcConfig>(&rtl).unwrap();
    let fault = faults(&config("crew-tiny"))
        .find(|fault| fault.name.starts_with("sign"))
        .unwrap();
    for (name, text) in fault.apply(&verilog).unwrap().sources {
        fs::write(rtl.join(name), text).unwrap();
    }
    let run = cosim("crew-tiny", &rtl, &["--seed", "3"]).assert().code(1);
    let text = String::from_utf8(run.get_output().stdout.clone()).unwrap();
    let number = text
        .split("--only ")
        .nth(1)
        .expect("a command that repeats it")
        .split_whitespace()
        .next()
        .unwrap();
    cosim("crew-tiny", &rtl, &["--seed", "3", "--only", number])
        .assert()
        .code(1)
        .stdout(predicate::str::contains("MISMATCH"));
}

/// `mercury crew faults` would not run with a pattern that the generated text does not contain.
#[test]
fn every_fault_applies() {
    for preset in ["crew-tiny", "dense-fc-tiny"] {
        let (_folder, rtl) = generated(preset);
        let (verilog, _) = Rtl::read::<FcConfig>(&rtl).unwrap();
        for fault in faults(&config(preset)) {
            fault
                .apply(&verilog)
                .unwrap_or_else(|e| panic!("{preset}: {e:#}"));
        }
    }
}

/// Every fault put into the Verilog of the smallest presets is caught.
#[test]
fn every_fault_is_caught() {
    for preset in ["crew-tiny", "dense-fc-tiny"] {
        let (_folder, rtl) = generated(preset);
        let mut command = Command::cargo_bin("mercury").unwrap();
        command
            .args(["crew", "faults", "--preset", preset, "--seed", "1", "--rtl"])
            .arg(&rtl);
        let all = faults(&config(preset)).count();
        command
            .assert()
            .success()
            .stdout(predicate::str::contains(format!(
                "{all} of {all} faults caught"
            )));
    }
}
