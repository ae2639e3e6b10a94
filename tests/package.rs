//! `gen-verilog --package`: what it writes is taken by the tools that it is for, and finds a design that is wrong.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use mercury::config::Config;
use mercury::cosim::toolchain::{find_verilator, on_path};
use mercury::regmap::{self, REGISTERS, Reg};

/// A package in a folder of its own.
fn package(preset: &str) -> (tempfile::TempDir, PathBuf) {
    let out = tempfile::tempdir().unwrap();
    assert_cmd::Command::cargo_bin("gen-verilog")
        .unwrap()
        .args(["--preset", preset, "--package", "--quiet", "--out"])
        .arg(out.path())
        .assert()
        .success();
    let folder = out.path().join(preset);
    (out, folder)
}

fn run(command: &mut Command) -> Output {
    command
        .env("VERILATOR", find_verilator().unwrap().0)
        .output()
        .unwrap_or_else(|e| panic!("{command:?}: {e}"))
}

/// What `testbench/run.sh MODE` says, and whether it passes.
fn testbench(folder: &Path, mode: &str) -> (bool, String) {
    let output = run(Command::new("sh")
        .arg(folder.join("testbench/run.sh"))
        .arg(mode));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    (
        output.status.success(),
        said + &String::from_utf8_lossy(&output.stderr),
    )
}

/// Changes one hex digit of a file of vectors.
fn spoil(file: &Path) {
    let text = fs::read_to_string(file).unwrap();
    let changed = if text.starts_with('0') { "1" } else { "0" };
    fs::write(file, changed.to_string() + &text[1..]).unwrap();
}

/// The driver in C and the testbench in Verilog run on the Verilated design; wrong vectors and a wrong layer are found.
#[test]
fn c_example_and_testbench_check_the_design() {
    let (_out, folder) = package("tiny");
    let (good, said) = testbench(&folder, "c");
    assert!(good && said.contains("PASS: 32 of 32 results"), "{said}");
    let (good, said) = testbench(&folder, "verilator");
    assert!(good && said.contains("PASS: 6 jobs"), "{said}");

    let bench = folder.join("testbench");
    let layer = fs::read_to_string(bench.join("layer.h")).unwrap();
    let (head, operands) = layer.split_once("layer_x[32] = {\n  ").unwrap();
    fs::write(
        bench.join("layer.h"),
        format!("{head}layer_x[32] = {{\n  1 + {operands}"),
    )
    .unwrap();
    let (good, said) = testbench(&folder, "c");
    assert!(!good && said.contains("FAIL: 32 of 32 results"), "{said}");
    for vectors in ["job1_output.hex", "job5_counters.hex"] {
        let file = bench.join("vectors").join(vectors);
        let kept = fs::read_to_string(&file).unwrap();
        // The last line: a beat of results, the largest magnitude.
        let at = kept.trim_end().rfind('\n').unwrap() + 1;
        fs::write(&file, &kept[..at]).unwrap();
        let line = bench.join("vectors/line");
        fs::write(&line, &kept[at..]).unwrap();
        if vectors.ends_with("output.hex") {
            spoil(&line);
        } else {
            let text = fs::read_to_string(&line).unwrap();
            fs::write(
                &line,
                text[..15].to_string() + if &text[15..16] == "0" { "1\n" } else { "0\n" },
            )
            .unwrap();
        }
        fs::write(
            &file,
            kept[..at].to_string() + &fs::read_to_string(&line).unwrap(),
        )
        .unwrap();
        let program = bench.join("tiny_tb_build/Vmercury_tiny_tb");
        let output = run(Command::new(program).current_dir(&bench));
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            said.contains("FAIL: ") && !said.contains("PASS"),
            "{vectors}: {said}"
        );
        fs::write(&file, kept).unwrap();
    }
}

/// The same job through the serial line of the board's top: commands, queues, registers and streams; a wrong layer is found, and so
/// is a board whose packets end in the wrong place.
#[test]
fn a_job_runs_through_the_serial_line() {
    let (_out, folder) = package("tiny");
    let (good, said) = testbench(&folder, "uart");
    assert!(good && said.contains("PASS: 32 of 32 results"), "{said}");

    let layer = folder.join("testbench/layer.h");
    let text = fs::read_to_string(&layer).unwrap();
    let (head, operands) = text.split_once("layer_x[32] = {\n  ").unwrap();
    fs::write(&layer, format!("{head}layer_x[32] = {{\n  1 + {operands}")).unwrap();
    let (good, said) = testbench(&folder, "uart");
    assert!(!good && said.contains("FAIL: 32 of 32 results"), "{said}");
    fs::write(&layer, text).unwrap();

    let link = folder.join("board/tiny_host_link.v");
    let text = fs::read_to_string(&link).unwrap();
    let broken = text.replace("s_axis_tlast = ", "s_axis_tlast = 1'b1 | ");
    assert_ne!(broken, text);
    fs::write(&link, broken).unwrap();
    let (good, said) = testbench(&folder, "uart");
    assert!(!good && said.contains("FAIL: the job ended"), "{said}");
}

/// Icarus is a second simulator; where it is not installed nothing is left out but this.
#[test]
fn testbench_passes_under_icarus() {
    if on_path("iverilog").is_none() {
        println!("iverilog is not in PATH");
        return;
    }
    let (_out, folder) = package("tiny");
    let (good, said) = testbench(&folder, "icarus");
    assert!(good && said.contains("PASS: 6 jobs"), "{said}");
}

/// Modules of two packages have different names: Verilator reads both as one project.
#[test]
fn two_packages_share_a_project() {
    let (_tiny, tiny) = package("tiny");
    let (_small, small) = package("small");
    let files = |folder: &Path, name: &str| -> Vec<PathBuf> {
        let list = fs::read_to_string(folder.join(format!("{name}.f"))).unwrap();
        list.lines().map(|file| folder.join(file)).collect()
    };
    let top = tiny.join("both.v");
    fs::write(&top, "module both (input wire clk);\n    mercury_tiny a (.clk(clk));\n    mercury_small b (.clk(clk));\nendmodule\n").unwrap();
    let lint = |extra: &[PathBuf]| {
        let mut command = Command::new(find_verilator().unwrap().0);
        command.args([
            "--lint-only",
            "-Wall",
            "-Wno-PINMISSING",
            "-Wno-UNDRIVEN",
            "-Wno-UNUSED",
            "--top-module",
            "both",
        ]);
        run(command
            .args(files(&tiny, "tiny"))
            .args(files(&small, "small"))
            .args(extra)
            .arg(&top))
    };
    let output = lint(&[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    // Without the prefix the same modules collide.
    let plain = Path::new(env!("CARGO_MANIFEST_DIR")).join("rtl_out/small/pe.v");
    let twice = lint(&[plain.clone(), plain]);
    assert!(String::from_utf8_lossy(&twice.stderr).contains("MODDUP"));
}

/// The wrapper with Vivado's attributes is Verilog that connects every port.
#[test]
fn wrapper_is_clean_verilog() {
    let (_out, folder) = package("small");
    let list = fs::read_to_string(folder.join("small.f")).unwrap();
    let mut command = Command::new(find_verilator().unwrap().0);
    command.args(["--lint-only", "-Wall", "--top-module", "mercury_small_axi"]);
    command.args(list.lines().map(|file| folder.join(file)));
    let output = run(command.arg(folder.join("flow/mercury_small_axi.v")));
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let wrapper = fs::read_to_string(folder.join("flow/mercury_small_axi.v")).unwrap();
    for port in [
        "s_axil AWADDR",
        "s_axis TDATA",
        "m_axis TLAST",
        "clk CLK",
        "rst_n RST",
    ] {
        assert!(wrapper.contains(port), "{port}");
    }
}

/// The Rust module compiles without the standard library and finds out the sizes of a device that it has never seen.
#[test]
fn rust_module_reads_the_sizes() {
    let (_out, folder) = package("tiny");
    let module = fs::read_to_string(folder.join("driver/mercury.rs")).unwrap();
    let values = |config: &Config| -> String {
        let registers = REGISTERS.iter();
        let value = |r: &regmap::Register| Some((r.reg.offset(), regmap::identity(r.reg, config)?));
        registers
            .filter_map(value)
            .map(|(a, v)| format!("{a} => {v},"))
            .collect()
    };
    let config = Config::preset("paper").unwrap();
    let main = format!(
        "#![deny(warnings)]\n#[allow(dead_code)] mod mercury {{ {module} }}\n\
         struct Board(u32);\n\
         impl mercury::Bus for Board {{\n\
         fn read(&mut self, address: u32) -> u32 {{ match address {{ 0 => self.0, {} _ => 0 }} }}\n\
         fn write(&mut self, _: u32, _: u32) {{}}\n}}\n\
         fn main() {{\n\
         let device = mercury::Mercury::open(Board({id})).unwrap();\n\
         let s = device.sizes();\n\
         assert_eq!((s.sets, s.pes, s.tile, s.bus_w), ({}, {}, {}, {}));\n\
         assert_eq!((s.mcache_sets, s.sig_w, s.list_words), ({}, {}, {}));\n\
         assert_eq!(mercury::Mercury::open(Board(7)).err(), Some(mercury::Error::NoDevice(7)));\n}}\n",
        values(&config).replacen(&format!("{} => ", Reg::Id.offset()), "0xffff => ", 1),
        config.sets,
        config.pes,
        config.tile,
        config.bus_w,
        config.mcache.sets,
        config.sig_w,
        config.list_words(),
        id = regmap::identity(Reg::Id, &config).unwrap(),
    );
    let main = main.replace("//! Registers", "// Registers");
    fs::write(folder.join("main.rs"), main).unwrap();
    fs::write(
        folder.join("library.rs"),
        format!(
            "#![no_std]\n#![deny(warnings)]\npub mod mercury {{ {} }}",
            module.replace("//! ", "// ")
        ),
    )
    .unwrap();
    let rustc = std::env::var("RUSTC").unwrap_or("rustc".into());
    let compile = |file: &str, kind: &str| {
        let mut command = Command::new(&rustc);
        command.current_dir(&folder).args([
            "--edition",
            "2021",
            "--crate-type",
            kind,
            "-o",
            kind,
            file,
        ]);
        let output = run(&mut command);
        assert!(
            output.status.success(),
            "{file}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    compile("library.rs", "lib");
    compile("main.rs", "bin");
    let output = run(&mut Command::new(folder.join("bin")));
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Scripts for Vivado and Quartus are complete Tcl; the FuseSoC core is YAML that lists every file of the design.
#[test]
fn scripts_are_complete() {
    let (_out, folder) = package("small");
    for script in ["vivado.tcl", "quartus.tcl"] {
        let text = fs::read_to_string(folder.join("flow").join(script)).unwrap();
        if on_path("tclsh").is_some() {
            let file = folder.join("flow").join(script);
            let check = format!(
                "set f [open {{{}}}]\nset text [read $f]\nif {{![info complete $text]}} {{exit 1}}\n\
                 proc unknown args {{}}\npackage provide ::quartus::project 1\npackage provide ::quartus::flow 1\nset argc 0\nset argv {{}}\neval $text\n",
                file.display()
            );
            let tcl = folder.join("check.tcl");
            fs::write(&tcl, check).unwrap();
            let output = run(Command::new("tclsh").arg(&tcl));
            assert!(
                output.status.success(),
                "{script}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        for file in fs::read_to_string(folder.join("small.f")).unwrap().lines() {
            assert!(text.contains(file), "{script} leaves {file} out");
        }
    }
    let core = fs::read_to_string(folder.join("small.core")).unwrap();
    for file in fs::read_to_string(folder.join("small.f")).unwrap().lines() {
        assert!(core.contains(&format!("      - {file}\n")), "{file}");
    }
    let rdl = fs::read_to_string(folder.join("driver/mercury.rdl")).unwrap();
    for word in regmap::words() {
        let line = format!("    }} {} @{:#x};\n", word.name, word.offset);
        assert!(rdl.contains(&line), "{line}");
    }
}

#[test]
fn a_prefix_must_be_a_name() {
    for bad in ["9_", "a__b", "A_", "a-b"] {
        assert_cmd::Command::cargo_bin("gen-verilog")
            .unwrap()
            .args(["--prefix", bad, "--out", "/nonexistent"])
            .assert()
            .code(2);
    }
}
