//! The `gen-verilog` command: a configuration in, a folder of Verilog out.

use super::{Outcome, end_with_the_reader, exit_code};
use crate::{
    config::Config,
    cosim::rtl::{Direction, Manifest, Needs, PortSpec},
    designs::Sizes,
    hdl, package,
};
use anyhow::{Context, Result};
use clap::Parser;
use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Folder that Verilog goes to when no other is named.
const DEFAULT_OUT: &str = "rtl_out";
/// The same with `--package`: module names have a prefix there.
const PACKAGE_OUT: &str = "packages";

/// Generate the Verilog of an accelerator: MERCURY, CREW or CREW's dense baseline
///
/// Writes DIR/NAME/: one file a module, NAME.f listing them (a module before its first use), manifest.json. Without
/// arguments: the preset `small` into rtl_out/.
#[derive(Parser)]
#[command(
    name = "gen-verilog",
    version,
    after_help = "Examples:\n  \
        gen-verilog                                    the default preset into rtl_out/small\n  \
        gen-verilog --preset paper --single-file       one file, rtl_out/paper/paper.v\n  \
        gen-verilog --preset crew-tiny                 another design: fully connected layers by unique weights\n  \
        gen-verilog --config my.toml --out build       a size of your own; start from a file of configs/\n  \
        gen-verilog --preset ecp5 --package            also project files, drivers, testbenches\n\n\
        Exit codes: 0 good, 2 bad usage or configuration."
)]
pub struct Args {
    /// One of the presets that --list shows
    #[arg(long, value_name = "NAME", conflicts_with = "config")]
    preset: Option<String>,
    /// A TOML file with the keys of configs/small.toml
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// List the presets; with --quiet their names alone
    #[arg(long)]
    list: bool,
    /// Folder that gets the folder NAME [default: rtl_out; packages with --package]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write all modules into one file, NAME.v
    #[arg(long)]
    single_file: bool,
    /// Put TEXT in front of every module name but the top module's, so that two designs fit into one project
    #[arg(long, value_name = "TEXT", value_parser = prefix)]
    prefix: Option<String>,
    /// Also write what an FPGA project needs: FuseSoC core, constraints, Vivado, Quartus and Yosys scripts (flow/), C, Rust and
    /// SystemRDL drivers (driver/), self-checking testbenches with vectors (testbench/). Modules get the prefix NAME_ unless --prefix
    /// says otherwise
    #[arg(long)]
    package: bool,
    /// Print nothing but errors
    #[arg(long, short)]
    quiet: bool,
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    end_with_the_reader();
    exit_code(Args::parse().run())
}

impl Args {
    fn run(self) -> Result<Outcome> {
        if self.list {
            list(self.quiet)?;
            return Ok(Outcome::Good);
        }
        let sizes = match &self.config {
            Some(file) => Sizes::load(file)?,
            None => Sizes::preset(self.preset.as_deref().unwrap_or(Config::DEFAULT_PRESET))?,
        };
        let default = if self.package {
            PACKAGE_OUT
        } else {
            DEFAULT_OUT
        };
        let out = self.out.unwrap_or_else(|| default.into());
        refuse_preset_name(&sizes, self.config.is_some(), &out)?;
        let prefix = match (self.prefix, self.package) {
            (Some(prefix), _) => prefix,
            (None, true) => format!("{}_", sizes.name().replace('-', "_")),
            (None, false) => String::new(),
        };
        let manifest = generate(&sizes, &out, self.single_file, &prefix)?;
        let mut packaged = vec![];
        if self.package {
            packaged = package::write(&manifest, &out.join(sizes.name()))?;
        }
        if !self.quiet {
            summarise(&manifest, &out, self.config.as_deref());
            for file in packaged.iter().filter(|f| !f.contains("/vectors/")) {
                println!("  package: {}", out.join(sizes.name()).join(file).display());
            }
        }
        Ok(Outcome::Good)
    }
}

/// A file of the user's own must not take the place of a preset's reviewed Verilog.
fn refuse_preset_name(sizes: &Sizes, own: bool, out: &Path) -> Result<()> {
    let preset = Sizes::preset_names().find(|name| own && *name == sizes.name());
    if let Some(name) = preset
        && out == Path::new(DEFAULT_OUT)
        && Sizes::preset(name)?.hash() != sizes.hash()
    {
        anyhow::bail!(
            "name = \"{name}\" is that of a preset with other sizes, whose Verilog stands in {DEFAULT_OUT}/{name}: \
             give the configuration a name of its own, or another folder with --out"
        );
    }
    Ok(())
}

fn list(names_only: bool) -> Result<()> {
    for name in Sizes::preset_names() {
        match names_only {
            true => println!("{name}"),
            false => println!("{name:<15} {}", Sizes::preset(name)?.description()),
        }
    }
    Ok(())
}

/// A prefix of module names as the command line gives it.
fn prefix(text: &str) -> Result<String, String> {
    let legal = text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !text.contains("__");
    match legal {
        true => Ok(text.into()),
        false => Err("letters a to z, digits and single underscores, a letter first".into()),
    }
}

/// Prints the design of `sizes` into the folder `out/NAME`, with `prefix` in front of every module name but the top module's, and
/// returns its manifest. Equal sizes give equal bytes; Verilog that an earlier run left there is removed.
///
/// # Errors
/// A static check of the hardware fails, or the folder cannot be written.
pub fn generate(
    sizes: &Sizes,
    out: &Path,
    single_file: bool,
    prefix: &str,
) -> Result<Manifest<Sizes>> {
    let name = sizes.name();
    let design = sizes.print(env!("CARGO_PKG_VERSION"), prefix)?;
    let files: Vec<(String, String)> = match single_file {
        true => vec![(format!("{name}.v"), design.single_file())],
        false => design
            .modules
            .iter()
            .map(|m| (format!("{}.v", m.name), m.text.clone()))
            .collect(),
    };
    let manifest = Manifest {
        name: name.into(),
        design: sizes.design().into(),
        top: design.top.clone(),
        config: sizes.clone(),
        config_hash: sizes.hash(),
        modules: design.modules.len(),
        lines: files.iter().map(|(_, text)| text.lines().count()).sum(),
        files: files.iter().map(|(name, _)| name.clone()).collect(),
        estimate: sizes.estimate().map(|estimate| Needs {
            device: estimate.device.name.into(),
            block_rams: estimate.blocks(),
            multipliers: estimate.multipliers,
        }),
        ports: design.ports.iter().map(port).collect(),
    };
    let folder = out.join(name);
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    remove_stale(&folder, &manifest)?;
    let list: String = manifest
        .files
        .iter()
        .map(|name| format!("{name}\n"))
        .collect();
    let json = serde_json::to_string_pretty(&manifest)? + "\n";
    let (header, macros) = sizes.c_header();
    let extra = [
        (format!("{name}.f"), list),
        (Manifest::FILE.into(), json),
        (header.into(), macros),
    ];
    for (name, text) in files.into_iter().chain(extra) {
        let path = folder.join(name);
        // A file that is right stays untouched: another process may be reading it.
        if fs::read(&path).is_ok_and(|there| there == text.as_bytes()) {
            continue;
        }
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(manifest)
}

fn port(port: &hdl::verilog::Port) -> PortSpec {
    match port.direction {
        hdl::Direction::Input => PortSpec::input(&port.name, port.width),
        hdl::Direction::Output => PortSpec::output(&port.name, port.width),
    }
}

/// Removes the Verilog files that an earlier run listed in the folder's manifest and this one does not write.
fn remove_stale(folder: &Path, new: &Manifest<Sizes>) -> Result<()> {
    let Ok(text) = fs::read_to_string(folder.join(Manifest::FILE)) else {
        return Ok(());
    };
    // A manifest of another version is no reason to fail.
    let Ok(earlier) = serde_json::from_str::<Manifest<Sizes>>(&text) else {
        return Ok(());
    };
    let stale =
        |name: &&String| name.ends_with(".v") && !name.contains('/') && !new.files.contains(name);
    for path in earlier
        .files
        .iter()
        .filter(stale)
        .map(|name| folder.join(name))
        .filter(|path| path.exists())
    {
        fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

fn summarise(manifest: &Manifest<Sizes>, out: &Path, file: Option<&Path>) {
    let Manifest {
        name,
        top,
        config,
        config_hash,
        files,
        modules,
        lines,
        ..
    } = manifest;
    let folder = out.join(name);
    println!("{name}: {}, configuration {config_hash}", config.array());
    println!(
        "  {}: {} Verilog files, {modules} modules, {lines} lines",
        folder.display(),
        files.len()
    );
    println!(
        "  top module {top}, file list {}",
        folder.join(format!("{name}.f")).display()
    );
    let ends = |direction| {
        manifest
            .ports
            .iter()
            .filter(|p| p.direction == direction)
            .count()
    };
    println!(
        "  {} inputs, {} outputs, listed in manifest.json",
        ends(Direction::Input),
        ends(Direction::Output)
    );
    println!(
        "  C header of registers and streams: {}",
        folder.join(config.c_header().0).display()
    );
    let sizes = file.map_or(format!("--preset {name}"), |f| {
        format!("--config {}", f.display())
    });
    let (estimate, cosim) = match config {
        Sizes::Mercury(config) => (config.estimate(), "cosim"),
        Sizes::Fc(config) => (config.estimate(), "crew cosim"),
        Sizes::Tc(config) => (config.estimate(), "acrtc cosim"),
    };
    println!("estimate of memories and multipliers:\n{estimate}");
    match (file, folder == Path::new("rtl_out").join(name)) {
        (None, true) => println!("next: make verilator-test PRESET={name}"),
        (_, true) => println!("next: cargo run --release --bin mercury -- {cosim} {sizes}"),
        (_, false) => println!(
            "next: cargo run --release --bin mercury -- {cosim} {sizes} --rtl {}",
            folder.display()
        ),
    }
}
