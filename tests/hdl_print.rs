//! The printer on a small but complete design: multiply-accumulate PEs with weight RAM under a state machine.

mod hdl_blocks;

use hdl_blocks::Row;
use mercury::hdl::verilog::{Header, print};

#[test]
fn design_prints() {
    let row = Row::new(4, 16, 48, 8);
    let design = print(&row, "row", &Header::default()).unwrap_or_else(|e| panic!("{e}"));
    let names: Vec<&str> = design.modules.iter().map(|m| m.name.as_str()).collect();
    assert_eq!(names, ["ram_w16_d8", "mac_pe", "row"]);
}

#[test]
fn same_text_every_time() {
    let text = || {
        let row = Row::new(4, 16, 48, 8);
        print(&row, "row", &Header::default())
            .unwrap()
            .single_file()
    };
    let first = text();
    assert_eq!(first, text());
    assert!(!first.replace("$signed", "").contains('$'));
    assert!(!first.contains("__"));
}

/// One PE module however many PEs; the text grows with the instances, and nothing else does.
#[test]
fn many_pes() {
    let print_row = |pes| {
        let row = Row::new(pes, 16, 48, 256);
        let start = std::time::Instant::now();
        let design = print(&row, "row", &Header::default()).unwrap();
        println!(
            "{pes} PEs: {} lines, {} modules, {:.0} ms",
            design.lines(),
            design.modules.len(),
            start.elapsed().as_secs_f64() * 1e3
        );
        design
    };
    let lines: Vec<usize> = [64, 256, 1024]
        .into_iter()
        .map(|pes| {
            let design = print_row(pes);
            assert_eq!(design.modules.len(), 3);
            design.lines()
        })
        .collect();
    let (small, large) = (lines[1] - lines[0], lines[2] - lines[1]);
    assert_eq!(large, 4 * small, "each PE adds the same number of lines");
}

/// Writes a file per module, as `gen-verilog` does.
fn write_files(design: &mercury::hdl::verilog::Design, dir: &std::path::Path) -> Vec<String> {
    let write = |m: &mercury::hdl::verilog::Module| {
        let name = format!("{}.v", m.name);
        std::fs::write(dir.join(&name), &m.text).expect("temporary folder is writable");
        name
    };
    design.modules.iter().map(write).collect()
}

#[test]
fn lint_is_clean() {
    let (verilator, _) = mercury::cosim::toolchain::find_verilator().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let design = print(&Row::new(5, 16, 48, 8), "row", &Header::default()).unwrap();
    let files = write_files(&design, dir.path());
    let output = std::process::Command::new(verilator)
        .args(["--lint-only", "-Wall", "--top-module", "row"])
        .args(&files)
        .current_dir(dir.path())
        .output()
        .unwrap();
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{messages}");
}
