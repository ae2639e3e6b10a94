//! The `gen-verilog` command, as a user runs it.

use assert_cmd::Command;
use mercury::{
    config::Config,
    cosim::{
        model::Model,
        rtl::{Direction, Rtl},
        verilate::{Builder, Options},
    },
    designs::Sizes,
};
use predicates::prelude::*;
use std::{collections::BTreeMap, fs, path::Path};

fn gen_verilog() -> Command {
    Command::cargo_bin("gen-verilog").unwrap()
}

/// Every file of a folder.
fn contents(folder: &Path) -> BTreeMap<String, String> {
    let entry = |e: fs::DirEntry| {
        (
            e.file_name().into_string().unwrap(),
            fs::read_to_string(e.path()).unwrap(),
        )
    };
    fs::read_dir(folder)
        .unwrap()
        .map(|e| entry(e.unwrap()))
        .collect()
}

/// Generates a preset into a folder of its own and reads it back.
fn generated(preset: &str, arguments: &[&str]) -> BTreeMap<String, String> {
    let out = tempfile::tempdir().unwrap();
    gen_verilog()
        .args(["--preset", preset, "--out"])
        .arg(out.path())
        .args(arguments)
        .assert()
        .success();
    contents(&out.path().join(preset))
}

/// `rtl_out/small` is what the generator makes now. On a difference: generate, read the difference, commit it.
#[test]
fn the_committed_snapshot_is_up_to_date() {
    let committed = contents(&Path::new(env!("CARGO_MANIFEST_DIR")).join("rtl_out/small"));
    let now = generated("small", &[]);
    let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        names(&committed),
        names(&now),
        "run `make gen` and review `git diff rtl_out`"
    );
    for (name, text) in &now {
        let different = committed[name]
            .lines()
            .zip(text.lines())
            .position(|(a, b)| a != b);
        assert!(
            committed[name] == *text,
            "rtl_out/small/{name} differs from line {} on: run `make gen` and review `git diff rtl_out`",
            different.map_or("end".into(), |line| (line + 1).to_string())
        );
    }
}

#[test]
fn two_runs_give_the_same_bytes() {
    for preset in Sizes::preset_names() {
        assert_eq!(generated(preset, &[]), generated(preset, &[]), "{preset}");
    }
}

#[test]
fn the_manifest_describes_the_folder() {
    let out = tempfile::tempdir().unwrap();
    gen_verilog()
        .args(["--preset", "tiny", "--out"])
        .arg(out.path())
        .assert()
        .success();
    let folder = out.path().join("tiny");
    let (rtl, manifest) = Rtl::from_dir(&folder).unwrap();
    let config = Config::preset("tiny").unwrap();
    assert_eq!(
        (manifest.config_hash, manifest.top),
        (config.hash(), config.top())
    );
    assert_eq!(manifest.config, config);
    assert_eq!(manifest.lines, rtl.lines());
    assert_eq!(
        fs::read_to_string(folder.join("tiny.f"))
            .unwrap()
            .lines()
            .collect::<Vec<_>>(),
        manifest.files
    );
    let modules: Vec<&str> = rtl
        .sources
        .iter()
        .flat_map(|(_, text)| module_names(text))
        .collect();
    assert_eq!(modules.len(), manifest.modules);
    for ((file, _), module) in rtl.sources.iter().zip(&modules) {
        assert_eq!(*file, format!("{module}.v"));
    }
    assert_eq!(
        modules.last(),
        Some(&rtl.top.as_str()),
        "the top module comes last"
    );
    assert!(rtl.ports.iter().any(|p| p.name == "clk" && p.width == 1));
    let stream = rtl.ports.iter().find(|p| p.name == "s_axis_tdata").unwrap();
    assert_eq!(stream.width, config.bus_w);
}

/// Names of the modules that a text declares.
fn module_names(text: &str) -> impl Iterator<Item = &str> {
    let declared = text.lines().filter_map(|line| line.strip_prefix("module "));
    declared.map(|rest| {
        rest.split(|c: char| !c.is_alphanumeric() && c != '_')
            .next()
            .unwrap()
    })
}

/// Whatever the registers and memories hold at power-on, reset gives the same handshakes from then on.
#[test]
fn reset_reaches_every_handshake() {
    let out = tempfile::tempdir().unwrap();
    gen_verilog()
        .args(["--preset", "tiny", "--out"])
        .arg(out.path())
        .assert()
        .success();
    let (rtl, _) = Rtl::from_dir(&out.path().join("tiny")).unwrap();
    let handshakes = |model: &mut Model| {
        let rst_n = model.port("rst_n").unwrap();
        model.step();
        model.step();
        model.set(rst_n, 1);
        let is_handshake = |name: &str| name.ends_with("valid") || name.ends_with("ready");
        let outputs = rtl
            .ports
            .iter()
            .filter(|p| p.direction == Direction::Output && is_handshake(&p.name));
        let ports: Vec<_> = outputs.map(|p| model.port(&p.name).unwrap()).collect();
        assert!(ports.len() >= 7, "AXI4-Lite has five, the streams two");
        let cycle = |_| {
            model.step();
            ports.iter().map(|p| model.get(*p)).collect::<Vec<u64>>()
        };
        (0..50).map(cycle).collect::<Vec<_>>()
    };
    let run = |seed| {
        let options = Options {
            random_start: Some(seed),
            quick_build: true,
            ..Options::default()
        };
        handshakes(&mut Builder::find().unwrap().model(&rtl, options).unwrap())
    };
    let first = run(1);
    for seed in 2..6 {
        assert_eq!(run(seed), first, "seeds 1 and {seed}");
    }
}

#[test]
fn a_single_file_holds_every_module() {
    let (split, single) = (
        generated("tiny", &[]),
        generated("tiny", &["--single-file"]),
    );
    assert_eq!(
        single.keys().collect::<Vec<_>>(),
        ["manifest.json", "mercury_regs.h", "tiny.f", "tiny.v"]
    );
    let sorted = |files: &BTreeMap<String, String>| {
        let verilog = files.iter().filter(|(name, _)| name.ends_with(".v"));
        let mut names: Vec<String> = verilog
            .flat_map(|(_, text)| module_names(text))
            .map(String::from)
            .collect();
        names.sort();
        names
    };
    assert_eq!(sorted(&single), sorted(&split));
}

#[test]
fn names_and_headers_keep_the_house_rules() {
    for (name, text) in generated("small", &[])
        .iter()
        .filter(|(name, _)| name.ends_with(".v"))
    {
        let header: String = text.lines().take(3).collect();
        let (version, hash) = (
            env!("CARGO_PKG_VERSION"),
            Config::preset("small").unwrap().hash(),
        );
        for part in ["SPDX-License-Identifier", version, "preset small", &hash] {
            assert!(header.contains(part), "{name}: no {part} in {header}");
        }
        for line in text.lines().map(|line| line.split("//").next().unwrap()) {
            let names = line.replace("$signed", "").replace("$unsigned", "");
            assert!(
                !names.contains("__") && !names.contains('$'),
                "{name}: {line}"
            );
        }
    }
}

#[test]
fn another_size_replaces_the_modules_of_the_one_before() {
    let out = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        gen_verilog()
            .args(["--preset", "tiny", "--out"])
            .arg(out.path())
            .args(arguments)
            .assert()
            .success();
        contents(&out.path().join("tiny"))
    };
    let split = run(&[]);
    assert_eq!(
        run(&["--single-file"]).len(),
        4,
        "no file of the run before stays"
    );
    assert_eq!(run(&[]), split);
}

#[test]
fn a_size_of_the_users_own_does_not_take_a_presets_place() {
    let folder = tempfile::tempdir().unwrap();
    let text = include_str!("../configs/tiny.toml").replace("pes = 2", "pes = 3");
    fs::write(folder.path().join("my.toml"), text).unwrap();
    gen_verilog()
        .current_dir(folder.path())
        .args(["--config", "my.toml"])
        .assert()
        .code(2)
        .stderr(predicate::str::contains("name = \"tiny\"").and(predicate::str::contains("--out")));
    assert!(!folder.path().join("rtl_out").exists());
}

#[test]
fn a_size_of_the_users_own_is_generated() {
    let out = tempfile::tempdir().unwrap();
    let file = out.path().join("my.toml");
    let text = include_str!("../configs/tiny.toml")
        .replace("\"tiny\"", "\"mine\"")
        .replace("pes = 2", "pes = 3");
    fs::write(&file, text).unwrap();
    let run = gen_verilog()
        .arg("--config")
        .arg(&file)
        .arg("--out")
        .arg(out.path())
        .assert()
        .success();
    run.stdout(predicate::str::contains("mine: 2 x 3 PEs").and(predicate::str::contains("next: ")));
    assert!(out.path().join("mine/mercury_mine.v").is_file());
}

#[test]
fn the_summary_names_files_top_and_next_command() {
    let out = tempfile::tempdir().unwrap();
    let run = gen_verilog()
        .args(["--preset", "paper", "--out"])
        .arg(out.path())
        .assert()
        .success();
    let text = String::from_utf8(run.get_output().stdout.clone()).unwrap();
    for part in [
        "paper: 12 x 14 PEs",
        "paper.f",
        "top module mercury_paper",
        "2904 of 2940",
        "168 of 3600",
    ] {
        assert!(text.contains(part), "no `{part}` in:\n{text}");
    }
    let folder = out.path().join("paper");
    let next = format!("-- cosim --preset paper --rtl {}", folder.display());
    assert!(text.trim_end().ends_with(&next), "{text}");
}

#[test]
fn the_list_names_every_preset() {
    let run = gen_verilog().arg("--list").assert().success();
    let text = String::from_utf8(run.get_output().stdout.clone()).unwrap();
    let names: Vec<&str> = text
        .lines()
        .map(|l| l.split_whitespace().next().unwrap())
        .collect();
    assert_eq!(names, Sizes::preset_names().collect::<Vec<_>>());
}

#[test]
fn refusals_end_with_exit_code_2_and_say_why() {
    let refused = |arguments: &[&str], parts: &[&str]| {
        let run = gen_verilog().args(arguments).assert().code(2);
        for part in parts {
            assert!(
                predicate::str::contains(*part)
                    .eval(&String::from_utf8_lossy(&run.get_output().stderr)),
                "{part}"
            );
        }
    };
    refused(
        &["--preset", "huge"],
        &["`huge`", "tiny, small, ecp5, paper"],
    );
    refused(
        &["--config", "/no/such.toml"],
        &["/no/such.toml", "No such file"],
    );
    refused(
        &["--preset", "tiny", "--config", "x.toml"],
        &["cannot be used with"],
    );
    refused(&["--colour"], &["unexpected argument"]);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("bad.toml");
    fs::write(
        &file,
        include_str!("../configs/tiny.toml").replace("ways = 2", "ways = 3"),
    )
    .unwrap();
    refused(
        &["--config", file.to_str().unwrap()],
        &["mcache.ways = 3", "power of two", "use 2 or 4"],
    );
}

/// Both commands end without a word when the reader of their output is gone before they write.
#[test]
#[cfg(unix)]
fn a_reader_that_leaves_is_no_error() {
    use std::os::unix::process::ExitStatusExt;
    const SIGPIPE: i32 = 13;
    let out = tempfile::tempdir().unwrap();
    let folder = out.path().to_str().unwrap();
    for (binary, arguments) in [
        ("gen-verilog", vec!["--preset", "tiny", "--out", folder]),
        ("gen-verilog", vec!["--help"]),
        ("mercury", vec!["doctor"]),
        ("mercury", vec!["plan", "--help"]),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin(binary));
        let result = command.args(&arguments).stdout(writer).output().unwrap();
        let said = String::from_utf8_lossy(&result.stderr);
        assert_eq!(said, "", "{binary} {arguments:?}");
        assert_eq!(
            result.status.signal(),
            Some(SIGPIPE),
            "{binary} {arguments:?}: {}",
            result.status
        );
    }
}
