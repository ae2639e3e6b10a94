//! The `gen-verilog` command: a configuration in, a folder of Verilog out.

use super::{Outcome, end_with_the_reader, exit_code};
use crate::regmap::c_header;
use crate::{
    config::Config,
    cosim::rtl::{Direction, Manifest, PortSpec},
    designs::Mercury,
    hdl::{self, verilog::Header},
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

/// Generate the Verilog of an accelerator
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
        gen-verilog --config my.toml --out build       a size of your own; start from a file of configs/\n\n\
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
    /// Folder that gets the folder NAME
    #[arg(long, value_name = "DIR", default_value = DEFAULT_OUT)]
    out: PathBuf,
    /// Write all modules into one file, NAME.v
    #[arg(long)]
    single_file: bool,
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
        let config = match &self.config {
            Some(file) => Config::load(file)?,
            None => Config::preset(self.preset.as_deref().unwrap_or(Config::DEFAULT_PRESET))?,
        };
        refuse_preset_name(&config, self.config.is_some(), &self.out)?;
        let manifest = generate(&config, &self.out, self.single_file)?;
        if !self.quiet {
            summarise(&manifest, &self.out, self.config.as_deref());
        }
        Ok(Outcome::Good)
    }
}

/// A file of the user's own must not take the place of a preset's reviewed Verilog.
fn refuse_preset_name(config: &Config, own: bool, out: &Path) -> Result<()> {
    let preset = Config::preset_names().find(|name| own && *name == config.name);
    if let Some(name) = preset
        && out == Path::new(DEFAULT_OUT)
        && Config::preset(name)?.hash() != config.hash()
    {
        anyhow::bail!(
            "name = \"{name}\" is that of a preset with other sizes, whose Verilog stands in {DEFAULT_OUT}/{name}: \
             give the configuration a name of its own, or another folder with --out"
        );
    }
    Ok(())
}

fn list(names_only: bool) -> Result<()> {
    for name in Config::preset_names() {
        match names_only {
            true => println!("{name}"),
            false => println!("{name:<8} {}", Config::preset(name)?.description),
        }
    }
    Ok(())
}

/// Prints the design of `config` into the folder `out/NAME` and returns its manifest. Equal configurations give equal
/// bytes; Verilog that an earlier run left there is removed.
///
/// # Errors
/// A static check of the hardware fails, or the folder cannot be written.
pub fn generate(config: &Config, out: &Path, single_file: bool) -> Result<Manifest> {
    let header = Header {
        generator_version: env!("CARGO_PKG_VERSION").into(),
        preset: config.name.clone(),
        config_hash: config.hash(),
    };
    let design = hdl::verilog::print(&Mercury::new(config), &config.top(), &header)?;
    let files: Vec<(String, String)> = match single_file {
        true => vec![(format!("{}.v", config.name), design.single_file())],
        false => design
            .modules
            .iter()
            .map(|m| (format!("{}.v", m.name), m.text.clone()))
            .collect(),
    };
    let manifest = Manifest {
        name: config.name.clone(),
        design: "mercury".into(),
        top: design.top.clone(),
        config: config.clone(),
        config_hash: config.hash(),
        modules: design.modules.len(),
        lines: files.iter().map(|(_, text)| text.lines().count()).sum(),
        files: files.iter().map(|(name, _)| name.clone()).collect(),
        ports: design.ports.iter().map(port).collect(),
    };
    let folder = out.join(&config.name);
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    remove_stale(&folder, &manifest)?;
    let list: String = manifest
        .files
        .iter()
        .map(|name| format!("{name}\n"))
        .collect();
    let json = serde_json::to_string_pretty(&manifest)? + "\n";
    let extra = [
        (format!("{}.f", config.name), list),
        (Manifest::FILE.into(), json),
        (c_header::FILE_NAME.into(), c_header::render(config)),
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
fn remove_stale(folder: &Path, new: &Manifest) -> Result<()> {
    let Ok(text) = fs::read_to_string(folder.join(Manifest::FILE)) else {
        return Ok(());
    };
    // A manifest of another version is no reason to fail.
    let Ok(earlier) = serde_json::from_str::<Manifest>(&text) else {
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

fn summarise(manifest: &Manifest, out: &Path, file: Option<&Path>) {
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
    println!(
        "{name}: {} x {} PEs, configuration {config_hash}",
        config.sets, config.pes
    );
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
        folder.join(c_header::FILE_NAME).display()
    );
    println!(
        "estimate of memories and multipliers:\n{}",
        config.estimate()
    );
    match file {
        None => println!("next: make verilator-test PRESET={name}"),
        Some(file) => println!(
            "next: cargo run --release --bin mercury -- cosim --config {}",
            file.display()
        ),
    }
}
