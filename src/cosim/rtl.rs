//! Generated Verilog as it stands on disk: the manifest and the files it lists.

use crate::config::Config;
use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::{fs, path::Path};

/// Direction of a port of the top module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Driven by the environment.
    Input,
    /// Driven by the design.
    Output,
}

/// A port of the top module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortSpec {
    /// Verilog name.
    pub name: String,
    /// Who drives it.
    pub direction: Direction,
    /// Width in bits.
    pub width: usize,
}

impl PortSpec {
    /// An input of `width` bits.
    pub fn input(name: &str, width: usize) -> Self {
        PortSpec {
            name: name.into(),
            direction: Direction::Input,
            width,
        }
    }

    /// An output of `width` bits.
    pub fn output(name: &str, width: usize) -> Self {
        PortSpec {
            name: name.into(),
            direction: Direction::Output,
            width,
        }
    }
}

/// Block RAMs and multipliers that synthesis should infer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needs {
    /// Whose block RAMs are counted.
    pub device: String,
    /// Block RAMs.
    pub block_rams: usize,
    /// Multipliers.
    pub multipliers: usize,
}

/// `manifest.json`: what `gen-verilog` wrote into a folder, for sizes of type `C`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest<C = Config> {
    /// Name of the configuration.
    pub name: String,
    /// Kind of design, such as `mercury`.
    pub design: String,
    /// Top module.
    pub top: String,
    /// The sizes.
    pub config: C,
    /// Hash of everything in them that decides the hardware.
    pub config_hash: String,
    /// Verilog files beside the manifest, a module before its first use.
    pub files: Vec<String>,
    /// Number of modules.
    pub modules: usize,
    /// Lines of all files.
    pub lines: usize,
    /// What it needs of a device; none for designs without an estimate.
    #[serde(default)]
    pub estimate: Option<Needs>,
    /// Ports of the top module, in order.
    pub ports: Vec<PortSpec>,
}

impl Manifest {
    /// Name of the manifest in its folder.
    pub const FILE: &str = "manifest.json";
}

/// Verilog ready to be built: texts, top module and ports.
#[derive(Clone, Debug)]
pub struct Rtl {
    /// What progress lines and library files call it.
    pub name: String,
    /// Top module.
    pub top: String,
    /// File names and texts.
    pub sources: Vec<(String, String)>,
    /// Ports of the top module. One named `clk` is what [`low`](super::model::Model::low) and
    /// [`high`](super::model::Model::high) drive.
    pub ports: Vec<PortSpec>,
}

impl Rtl {
    /// One text that holds all modules, `top` among them.
    pub fn from_text(top: &str, text: &str, ports: Vec<PortSpec>) -> Rtl {
        Rtl {
            name: top.into(),
            top: top.into(),
            sources: vec![(format!("{top}.v"), text.into())],
            ports,
        }
    }

    /// What `gen-verilog` wrote for MERCURY into the folder `dir`, with its manifest.
    ///
    /// # Errors
    /// As [`Rtl::read`].
    pub fn from_dir(dir: &Path) -> Result<(Rtl, Manifest)> {
        Rtl::read(dir)
    }

    /// What `gen-verilog` wrote for sizes of type `C` into the folder `dir`, with its manifest.
    ///
    /// # Errors
    /// Missing or malformed manifest, missing files.
    pub fn read<C: DeserializeOwned>(dir: &Path) -> Result<(Rtl, Manifest<C>)> {
        let read = |name: &str| {
            let path = dir.join(name);
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        let manifest: Manifest<C> =
            serde_json::from_str(&read(Manifest::FILE)?).with_context(|| {
                format!(
                    "{} is malformed; generate it again",
                    dir.join(Manifest::FILE).display()
                )
            })?;
        let sources = manifest
            .files
            .iter()
            .map(|f| Ok((f.clone(), read(f)?)))
            .collect::<Result<_>>()?;
        let (name, top, ports) = (
            manifest.name.clone(),
            manifest.top.clone(),
            manifest.ports.clone(),
        );
        Ok((
            Rtl {
                name,
                top,
                sources,
                ports,
            },
            manifest,
        ))
    }

    /// Lines of all sources.
    pub fn lines(&self) -> usize {
        self.sources
            .iter()
            .map(|(_, text)| text.lines().count())
            .sum()
    }
}
