//! What Yosys makes of the Verilog: multipliers and memories where they are meant, and a netlist that computes the same.
//!
//! Without Yosys (`make tools`, or the variable YOSYS) these tests say so and check nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use mercury::config::Config;
use mercury::cosim::toolchain::{on_path, project_tool};
use mercury::designs::Sizes;
use mercury::hdl::verilog::Design;

fn yosys() -> Option<PathBuf> {
    let named = std::env::var_os("YOSYS").map(PathBuf::from);
    let found = named
        .or_else(|| project_tool("yosys"))
        .or_else(|| on_path("yosys"));
    if found.is_none() {
        println!("yosys is not there: run `make tools`");
    }
    found.map(|path| fs::canonicalize(&path).unwrap_or(path))
}

/// What the Yosys command `said` writes of a design's ECP5 synthesis before it maps logic, begun by the command `first`.
fn synthesised(yosys: &Path, design: &Design, text: &str, first: &str, said: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("design.v"), text).unwrap();
    let keep = include_str!("../src/package/templates/keep.ys");
    fs::write(folder.path().join("keep.ys"), keep).unwrap();
    let script = format!(
        "read_verilog design.v; {first}; synth_ecp5 -top {} -run begin:map_gates; tee -o said {said}",
        design.top
    );
    // In WebAssembly it sees its own folder only.
    let done = Command::new(yosys)
        .current_dir(folder.path())
        .args(["-q", "-p", &script])
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{}: {}",
        done.status,
        String::from_utf8_lossy(&done.stderr)
    );
    fs::read_to_string(folder.path().join("said")).unwrap()
}

/// Multipliers and block RAMs that ECP5 synthesis infers.
fn inferred(yosys: &Path, design: &Design, text: &str) -> (usize, usize) {
    let said = synthesised(yosys, design, text, "", "stat -json");
    let stat: serde_json::Value = serde_json::from_str(&said).unwrap();
    let cells = &stat["design"]["num_cells_by_type"];
    let count = |kind: &str| cells[kind].as_u64().unwrap_or(0) as usize;
    (count("MULT18X18D"), count("DP16KD") + count("PDPW16KD"))
}

/// Each PE has its multiplier and nothing else has one; block RAMs, with reuse hardware, are those of the estimate.
#[test]
fn multipliers_are_those_of_the_pes_and_memories_block_rams() {
    let Some(yosys) = yosys() else { return };
    let count = |config: Config, spoil: &dyn Fn(String) -> String| {
        let wish = (config.sets * config.pes, config.estimate().blocks());
        let design = Sizes::Mercury(config).print("test", "").unwrap();
        let text = spoil(design.single_file());
        (inferred(&yosys, &design, &text), wish)
    };
    let preset = |name, reuse| Config {
        reuse,
        trace: false,
        ..Config::preset(name).unwrap()
    };
    let (found, wish) = count(preset("small", true), &|text| text);
    assert_eq!(found, wish, "small, with reuse");
    assert!(wish.1 > 0);
    let (found, wish) = count(preset("tiny", false), &|text| text);
    assert_eq!(found.0, wish.0, "tiny, without reuse");
    let (found, wish) = count(preset("tiny", false), &|text| {
        let wrong = text.replace("w_base + ", "w_base * ");
        assert_ne!(wrong, text);
        wrong
    });
    assert!(found.0 > wish.0, "a product in the weight ring");
}

/// With `keep.ys` each PE keeps its own control registers; without it Yosys makes one of the equal ones of all PEs.
#[test]
fn registers_of_each_pe_are_kept() {
    let Some(yosys) = yosys() else { return };
    let config = Config {
        reuse: false,
        ..Config::preset("tiny").unwrap()
    };
    let design = Sizes::Mercury(config.clone()).print("test", "").unwrap();
    let text = design.single_file();
    let pe = design.modules.iter().find(|m| m.name == "pe").unwrap();
    let in_pe = pe.text.matches("(* keep *)").count();
    let registers = |first: &str| {
        let said = synthesised(
            &yosys,
            &design,
            &text,
            first,
            "select -list w:*_q a:keep %i %ci1:+[Q] t:*dff* %i",
        );
        said.lines().filter(|line| line.contains('/')).count()
    };
    let pes = config.sets * config.pes;
    assert_eq!(registers("script keep.ys"), in_pe * pes);
    assert!(in_pe > 5 && registers("") < in_pe * pes);
}

/// Four memories with a register behind each: the first register moves into its block RAM; the others stay, because something else
/// reads the memory too, or the register has a reset, or an enable.
const REGISTERS_BEHIND_RAM: &str = "
module ram (input clk, input reset, input enable, input we, input [9:0] at, input [17:0] d,
            output reg [17:0] plain, output reg [17:0] shared, output [17:0] also, output reg [17:0] cleared, output reg [17:0] held);
  reg [17:0] m0 [0:1023], m1 [0:1023], m2 [0:1023], m3 [0:1023], q0, q1, q2, q3;
  assign also = q1;
  always @(posedge clk) begin
    if (we) begin m0[at] <= d; m1[at] <= ~d; m2[at] <= d + 1; m3[at] <= d - 1; end
    q0 <= m0[~at]; q1 <= m1[~at]; q2 <= m2[~at]; q3 <= m3[~at];
    plain <= q0;
    shared <= q1;
    cleared <= reset ? 18'd0 : q2;
    if (enable) held <= q3;
  end
endmodule
";

/// Moves the registers of a netlist; what the script says, and the ports of block RAMs with a register.
fn moved(netlist: &Path) -> (String, usize) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/package/templates/outreg.py");
    let done = Command::new("python3")
        .args([script.as_path(), netlist])
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let text = fs::read_to_string(netlist).unwrap();
    let ports = text.matches("\"OUTREG\"").count();
    (String::from_utf8(done.stdout).unwrap(), ports)
}

#[test]
fn registers_behind_block_ram_move_into_it() {
    let Some(yosys) = yosys() else { return };
    if on_path("python3").is_none() {
        println!("python3 is not in PATH");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("ram.v"), REGISTERS_BEHIND_RAM).unwrap();
    let script = "read_verilog ram.v; synth_ecp5 -top ram -json ram.json";
    let done = Command::new(&yosys)
        .current_dir(folder.path())
        .args(["-q", "-p", script])
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let netlist = folder.path().join("ram.json");
    let said = "18 flip-flops moved into 1 block RAM ports\n".to_string();
    assert_eq!(moved(&netlist), (said, 1));
    // Nothing is left to move.
    let said = "0 flip-flops moved into 0 block RAM ports\n".to_string();
    assert_eq!(moved(&netlist), (said, 1));
}

/// The netlist of a block in the place of the block, co-simulated; a spoilt netlist is found.
#[test]
fn a_netlist_computes_what_its_block_does() {
    let Some(yosys) = yosys() else { return };
    if on_path("python3").is_none() {
        println!("python3 is not in PATH");
        return;
    }
    let check = |spoil: &[&str]| {
        let mut command = Command::new("python3");
        command.current_dir(env!("CARGO_MANIFEST_DIR"));
        command.args(["tools/netlist.py", "--preset", "tiny", "--cells", "gates"]);
        command.args(["--module", "requantizer", "--jobs", "30"]);
        command.args(spoil);
        command.env("YOSYS", &yosys);
        command.env("GEN_VERILOG", assert_cmd::cargo::cargo_bin("gen-verilog"));
        command.env("MERCURY", assert_cmd::cargo::cargo_bin("mercury"));
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        (
            output.status.code(),
            said + &String::from_utf8_lossy(&output.stderr),
        )
    };
    let (code, said) = check(&[]);
    assert!(code == Some(0) && said.contains("no mismatch"), "{said}");
    let (code, said) = check(&["--spoil", " & ", " | "]);
    assert_eq!(code, Some(1), "{said}");
}
