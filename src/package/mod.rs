//! What lies beside the Verilog for those who take it to a device: project files of FPGA tools, drivers, a testbench.
//!
//! ```text
//!  manifest ─► templates ─► NAME.core for FuseSoC; flow/: constraints, Vivado, Quartus and Yosys scripts, wrapper with interfaces
//!  register table ────────► driver/     C macros and layers, Rust module, SystemRDL
//!  blocks::host ──────────► board/      top of a board with a serial link to the host
//!  planner, golden model ─► testbench/  jobs with their results, a testbench in Verilog and one in C that check them
//! ```

mod jobs;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Value, context};

use crate::blocks::host::link::{HostLink, SILENCE_W};
use crate::config::Config;
use crate::cosim::rtl::{Direction, Manifest, PortSpec};
use crate::designs::Sizes;
use crate::hdl::verilog::{self, Header};
use crate::regmap::{rust_module, system_rdl};

/// Files of the tools; `NAME` is the configuration's, `TOP` the top module's.
const FLOW: [(&str, &str); 11] = [
    ("NAME.core", include_str!("templates/fusesoc.core")),
    ("flow/NAME.xdc", include_str!("templates/vivado.xdc")),
    ("flow/NAME.sdc", include_str!("templates/quartus.sdc")),
    ("flow/NAME.lpf", include_str!("templates/ecp5.lpf")),
    ("flow/vivado.tcl", include_str!("templates/vivado.tcl")),
    ("flow/quartus.tcl", include_str!("templates/quartus.tcl")),
    ("flow/ecp5.ys", include_str!("templates/ecp5.ys")),
    ("flow/keep.ys", include_str!("templates/keep.ys")),
    ("flow/keep.tcl", include_str!("templates/keep.tcl")),
    ("flow/outreg.py", include_str!("templates/outreg.py")),
    ("flow/TOP_axi.v", include_str!("templates/axi.v")),
];

/// Files of the testbench made from templates.
const TESTBENCH: [(&str, &str); 6] = [
    ("testbench/TOP_tb.v", include_str!("templates/testbench.v")),
    ("testbench/run.sh", include_str!("templates/run.sh")),
    ("testbench/forward.c", include_str!("templates/forward.c")),
    ("testbench/board.cpp", include_str!("templates/board.cpp")),
    (
        "testbench/board_uart.c",
        include_str!("templates/board_uart.c"),
    ),
    (
        "testbench/ulx3s_sim.cpp",
        include_str!("templates/ulx3s_sim.cpp"),
    ),
];

/// Files of the ULX3S board, in the folder `board`.
const BOARD: [(&str, &str); 2] = [
    ("board/ulx3s.v", include_str!("templates/ulx3s.v")),
    ("board/ulx3s.lpf", include_str!("templates/ulx3s.lpf")),
];

/// The C layer over the register macros.
const HAL: &str = include_str!("driver/mercury_hal.h");

/// The same over a serial line.
const UART: &str = include_str!("driver/mercury_uart.h");

/// Clock cycles of a bit on the board's serial line: 25 MHz, 1,000,000 baud.
const BIT_CLOCKS: usize = 25;

/// Clock that constraints ask for, in MHz.
const CLOCK_MHZ: f64 = 100.0;

/// A file of the package: path within the folder of the Verilog, and text.
type File = (String, String);

/// Writes the package beside the Verilog in `folder`, and returns the paths of its files within it.
///
/// # Errors
/// A folder that cannot be written; a configuration too small for the jobs of the testbench.
pub fn write(manifest: &Manifest<Sizes>, folder: &Path) -> Result<Vec<String>> {
    let mut files = flow(manifest)?;
    if let Sizes::Mercury(config) = &manifest.config {
        files.extend(drivers(config));
        files.extend(board(manifest, config)?);
        files.extend(testbench(manifest, config)?);
    }
    for (name, text) in &files {
        let path = folder.join(name);
        let parent = path.parent().expect("a file of a folder");
        fs::create_dir_all(parent)
            .with_context(|| format!("cannot create {}", parent.display()))?;
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(files.into_iter().map(|(name, _)| name).collect())
}

/// Renders `template` as the file `file` of a design.
fn render(file: &str, template: &str, facts: &Value, manifest: &Manifest<Sizes>) -> Result<File> {
    let mut environment = Environment::new();
    let mut syntax = SyntaxConfig::builder();
    syntax.trim_blocks(true).lstrip_blocks(true);
    environment.set_syntax(syntax.keep_trailing_newline(true).build()?);
    let text = environment
        .render_str(template, facts)
        .with_context(|| format!("template of {file}"))?;
    let file = file.replace("NAME", &manifest.name);
    Ok((file.replace("TOP", &manifest.top), text))
}

fn flow(manifest: &Manifest<Sizes>) -> Result<Vec<File>> {
    let facts = facts(manifest);
    FLOW.iter()
        .map(|(file, template)| render(file, template, &facts, manifest))
        .collect()
}

/// What the templates of tools say about a design.
fn facts(manifest: &Manifest<Sizes>) -> Value {
    let ports: Vec<Value> = manifest.ports.iter().map(port).collect();
    let description = manifest.config.description();
    context! {
        name => &manifest.name, top => &manifest.top, hash => &manifest.config_hash, files => &manifest.files,
        version => env!("CARGO_PKG_VERSION"), clock_mhz => CLOCK_MHZ, period_ns => 1000.0 / CLOCK_MHZ,
        ports, description, device => device(manifest),
    }
}

/// The part that projects name unless the user changes it: a Virtex-7 that holds every preset.
fn device(manifest: &Manifest<Sizes>) -> &'static str {
    match manifest.config {
        Sizes::Mercury(_) => "xc7vx690tffg1761-2",
        Sizes::Fc(_) | Sizes::Tc(_) => "xc7k325tffg900-2",
    }
}

/// A port with the AXI interface and the signal of it that its name stands for.
fn port(port: &PortSpec) -> Value {
    let (bus, signal) = match port.name.rsplit_once('_') {
        Some((bus @ ("s_axil" | "s_axis" | "m_axis"), signal)) => (bus, signal.to_uppercase()),
        _ => ("", String::new()),
    };
    let kind = if bus == "s_axil" { "aximm" } else { "axis" };
    let direction = match port.direction {
        Direction::Input => "input",
        Direction::Output => "output",
    };
    let range = match port.width {
        1 => String::new(),
        width => format!("[{}:0] ", width - 1),
    };
    context! { name => &port.name, direction => direction, width => port.width, range, bus, signal, kind }
}

/// The board's top, its pins, and the Verilog of its host link.
fn board(manifest: &Manifest<Sizes>, config: &Config) -> Result<Vec<File>> {
    let link = format!("{}_host_link", manifest.name.replace('-', "_"));
    let header = Header {
        generator_version: env!("CARGO_PKG_VERSION").into(),
        preset: manifest.name.clone(),
        config_hash: manifest.config_hash.clone(),
    };
    let block = HostLink::new(config, BIT_CLOCKS, SILENCE_W);
    let design = verilog::print_prefixed(&block, &link, &header, &format!("{link}_"))?;
    let facts = context! { link => &link, ..facts(manifest) };
    let mut files = BOARD
        .iter()
        .map(|(file, template)| render(file, template, &facts, manifest))
        .collect::<Result<Vec<_>>>()?;
    let names = design.modules.iter().map(|m| format!("{}.v", m.name));
    let list: String = names
        .chain(["ulx3s.v".into()])
        .map(|name| name + "\n")
        .collect();
    files.push(("board/ulx3s.f".into(), list));
    files.extend(
        design
            .modules
            .into_iter()
            .map(|m| (format!("board/{}.v", m.name), m.text)),
    );
    Ok(files)
}

fn drivers(config: &Config) -> Vec<File> {
    let (header, macros) = Sizes::Mercury(config.clone()).c_header();
    [
        (header, macros),
        ("mercury_hal.h", HAL.into()),
        ("mercury_uart.h", UART.into()),
        ("mercury.rs", rust_module::render()),
        ("mercury.rdl", system_rdl::render()),
    ]
    .map(|(name, text)| (format!("driver/{name}"), text))
    .into()
}

fn testbench(manifest: &Manifest<Sizes>, config: &Config) -> Result<Vec<File>> {
    let jobs = jobs::examples(config)?;
    let sizes = jobs::sizes(&jobs);
    let facts = context! {
        name => &manifest.name, top => &manifest.top, files => &manifest.files, ports => facts(manifest).get_attr("ports")?,
        bit_clocks => BIT_CLOCKS, bus => config.bus_w, address_bits => crate::regmap::ADDRESS_BITS, ..sizes
    };
    let mut files = TESTBENCH
        .iter()
        .map(|(file, template)| render(file, template, &facts, manifest))
        .collect::<Result<Vec<_>>>()?;
    files.extend(jobs::vectors(&jobs, config));
    files.push(("testbench/layer.h".into(), jobs::c_arrays(&jobs[0])));
    Ok(files)
}
