//! `mercury doctor`.

use super::Outcome;
use crate::cosim::toolchain::{self, MissingTool};
use anyhow::Result;
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Tell which tools are found, which are missing and what to do about it
///
/// Ends with exit code 3 if a tool that the tests need is missing.
#[derive(clap::Args)]
pub(super) struct Args {}

/// One line of the report.
struct Finding {
    tool: &'static str,
    /// Version and place, or what to do.
    found: Result<String, MissingTool>,
    /// What it is for, if the tests do without it.
    optional: Option<&'static str>,
}

impl Args {
    pub(super) fn run(self) -> Result<Outcome> {
        let findings = examine();
        for finding in &findings {
            println!("{}", line(finding));
        }
        let needed = findings.into_iter().filter(|f| f.optional.is_none());
        if let Some(missing) = needed.filter_map(|f| f.found.err()).next() {
            return Err(missing.into());
        }
        println!("\nall that is needed is there; `make test` runs every check");
        Ok(Outcome::Good)
    }
}

fn line(f: &Finding) -> String {
    let (mark, what) = match (&f.found, f.optional) {
        (Ok(found), _) => ("ok     ", found.clone()),
        (Err(e), None) => (
            "MISSING",
            format!("{}; {} is needed; {}", e.found, e.needed, e.fix),
        ),
        (Err(e), Some(purpose)) => (
            "absent ",
            format!("{}; only for {purpose}: {}", e.found, e.fix),
        ),
    };
    format!("{mark} {:<12} {what}", f.tool)
}

fn examine() -> Vec<Finding> {
    let at = |(path, version): (PathBuf, String)| format!("{version} ({})", path.display());
    let needed = |tool, found| Finding {
        tool,
        found,
        optional: None,
    };
    let optional = |tool, found, purpose| Finding {
        tool,
        found,
        optional: Some(purpose),
    };
    vec![
        needed("cargo", runs("cargo", "install Rust")),
        needed("make", runs("make", "run `apt-get install make`")),
        needed("C++", toolchain::find_cxx().map(at)),
        needed("verilator", toolchain::find_verilator().map(at)),
        optional("python3", python(), "`make tools`"),
        optional(
            "yosys",
            wasm("yosys", "run `make tools`"),
            "`make lint`, `make netlist-test`",
        ),
        optional("nextpnr-ecp5", route("nextpnr-ecp5"), PLACES),
        optional("ecppack", route("ecppack"), PLACES),
        optional("iverilog", icarus(), "`make lint`"),
    ]
}

fn missing(tool: &str, found: impl ToString, fix: &str) -> MissingTool {
    MissingTool {
        tool: tool.into(),
        found: found.to_string(),
        needed: "any version".into(),
        fix: fix.into(),
    }
}

/// The version of a tool in PATH.
fn runs(tool: &str, fix: &str) -> Result<String, MissingTool> {
    toolchain::version_line(Path::new(tool)).map_err(|e| missing(tool, e, fix))
}

/// What the tools of place and route are for.
const PLACES: &str = "`make synth`, `make bitstream`";

/// Where a tool of place and route is.
fn route(tool: &str) -> Result<String, MissingTool> {
    wasm(tool, "run `make synth-tools`")
}

/// Where a tool in WebAssembly is. It is not run: its first run compiles it, which takes a minute or two.
fn wasm(tool: &str, fix: &str) -> Result<String, MissingTool> {
    let path = toolchain::project_tool(tool).or_else(|| toolchain::on_path(tool));
    path.map(|p| p.display().to_string())
        .ok_or_else(|| missing(tool, "not found", fix))
}

/// Where Icarus Verilog is, which has no `--version`.
fn icarus() -> Result<String, MissingTool> {
    let path = toolchain::on_path("iverilog").map(|p| p.display().to_string());
    path.ok_or_else(|| missing("iverilog", "not in PATH", "run `apt-get install iverilog`"))
}

/// Python with the modules that make a virtual environment.
fn python() -> Result<String, MissingTool> {
    const FIX: &str = "run `apt-get install python3-venv`";
    let found = runs("python3", FIX)?;
    let import = Command::new("python3")
        .args(["-c", "import ensurepip, venv"])
        .stderr(Stdio::null())
        .status();
    match import {
        Ok(status) if status.success() => Ok(found),
        _ => Err(missing("python3", format!("{found} lacks venv"), FIX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_say_what_is_there_and_what_to_do() {
        let finding = |found, optional| {
            line(&Finding {
                tool: "tool",
                found,
                optional,
            })
        };
        let absent = || Err(missing("tool", "not in PATH", "run `make tools`"));
        assert_eq!(
            finding(Ok("tool 1.3".into()), None),
            "ok      tool         tool 1.3"
        );
        assert_eq!(
            finding(absent(), None),
            "MISSING tool         not in PATH; any version is needed; run `make tools`"
        );
        assert_eq!(
            finding(absent(), Some("lint")),
            "absent  tool         not in PATH; only for lint: run `make tools`"
        );
    }

    #[test]
    fn every_tool_of_the_project_is_examined() {
        let tools: Vec<&str> = examine().iter().map(|f| f.tool).collect();
        assert_eq!(
            tools,
            [
                "cargo",
                "make",
                "C++",
                "verilator",
                "python3",
                "yosys",
                "nextpnr-ecp5",
                "ecppack",
                "iverilog"
            ]
        );
    }
}
