//! What the systems take: the files of `tools/area.py`, and CREW's report.

use std::path::Path;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Cell, read};

/// Area of one configuration, by Yosys.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Area {
    /// What it is, in words.
    pub what: String,
    /// Name of the sizes.
    pub preset: String,
    /// `mercury`, `acrtc`, `dense_tc`, `crew` or `dense_fc`.
    pub design: String,
    /// Whether it reuses anything.
    pub reuse: bool,
    /// Multipliers.
    pub multipliers: u64,
    /// Target of the synthesis.
    pub family: String,
    /// Look-up tables that compute.
    pub lut: u64,
    /// Look-up tables used as memory.
    pub lutram: u64,
    /// Flip-flops.
    pub ff: u64,
    /// Multiplier blocks.
    pub dsp: u64,
    /// Block RAM of 18 kbit.
    pub ram18: u64,
    /// Modules that are missing in the sums.
    pub not_measured: usize,
}

#[derive(Deserialize)]
struct File {
    config: Value,
    family: String,
    total: Total,
    #[serde(default)]
    not_measured: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
struct Total {
    lut: u64,
    lutram: u64,
    ff: u64,
    dsp: u64,
    ram18: u64,
}

impl Area {
    /// Reads a file.
    ///
    /// # Errors
    /// A file that is missing or something else.
    pub fn read(path: &Path) -> Result<Area> {
        Ok(read::<File>(path, "tools/area.py --json")?.into())
    }
}

impl From<File> for Area {
    fn from(file: File) -> Area {
        let number = |key: &str| file.config[key].as_u64().unwrap_or(0);
        let design = file.config["design"].as_str().unwrap_or("mercury");
        let reuse = match design {
            "mercury" => file.config["reuse"].as_bool().unwrap_or(true),
            design => !design.starts_with("dense"),
        };
        let multipliers = match design {
            "mercury" => number("sets") * number("pes"),
            "acrtc" | "dense_tc" => number("lanes") * number("columns"),
            _ => number("multipliers"),
        };
        let what = match (design, reuse) {
            ("mercury", true) => "MERCURY",
            ("mercury", false) => "MERCURY array without reuse",
            ("acrtc", _) => "ACRTC tensor core",
            ("dense_tc", _) => "tensor core without reuse",
            ("crew", _) => "CREW, fully connected",
            ("dense_fc", _) => "dense array, fully connected",
            (other, _) => other,
        };
        Area {
            what: what.into(),
            preset: file.config["name"].as_str().unwrap_or("").into(),
            design: design.into(),
            reuse,
            multipliers,
            family: file.family,
            lut: file.total.lut,
            lutram: file.total.lutram,
            ff: file.total.ff,
            dsp: file.total.dsp,
            ram18: file.total.ram18,
            not_measured: file.not_measured.len(),
        }
    }
}

/// The area of a design with so many multipliers, complete.
pub fn find<'a>(
    areas: &'a [Area],
    design: &str,
    reuse: bool,
    multipliers: usize,
) -> Option<&'a Area> {
    let own = |a: &&Area| {
        a.design == design
            && a.reuse == reuse
            && a.multipliers == multipliers as u64
            && a.not_measured == 0
    };
    areas.iter().find(own)
}

/// Areas that the compared systems lack.
pub fn missing(cells: &[Cell], areas: &[Area]) -> Vec<String> {
    let mut classes: Vec<usize> = cells.iter().map(|c| c.multipliers).collect();
    classes.dedup();
    let designs = [
        ("mercury", false, "the MERCURY array without reuse"),
        ("mercury", true, "MERCURY"),
        ("dense_tc", false, "the tensor core without reuse"),
        ("acrtc", true, "ACRTC"),
    ];
    let mut missing = vec![];
    for multipliers in classes {
        for (design, reuse, what) in designs {
            if find(areas, design, reuse, multipliers).is_none() {
                missing.push(format!("area of {what} with {multipliers} multipliers"));
            }
        }
    }
    missing
}

/// CREW on one layer: the widest stream of the report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CrewLayer {
    /// Layer.
    pub layer: String,
    /// Bits of the weights.
    pub bits: u64,
    /// Bits of the stream.
    pub bus_w: u64,
    /// Speed over the dense array for one input vector at a time, with 4 adders a multiplier.
    pub speedup: f64,
    /// The same for 16 vectors; none if it was not measured.
    pub speedup_16: Option<f64>,
    /// Multiplications left, as a share.
    pub multiplications: f64,
    /// Bytes of the weights by those of dense ones.
    pub storage: f64,
}

#[derive(Deserialize)]
struct Crew {
    layers: Vec<CrewEntry>,
    area: Vec<(String, File)>,
}

#[derive(Deserialize)]
struct CrewEntry {
    name: String,
    bits: u64,
    merge: f64,
    summary: CrewSummary,
    points: Vec<CrewPoint>,
}

#[derive(Deserialize)]
struct CrewSummary {
    multiplications_left: f64,
    storage: f64,
}

#[derive(Deserialize)]
struct CrewPoint {
    bus_w: u64,
    batch: u64,
    lanes: u64,
    speed: f64,
}

/// Layers and areas of CREW's report: exact weights alone.
///
/// # Errors
/// A file that is missing or something else.
pub fn crew(path: &Path) -> Result<(Vec<CrewLayer>, Vec<Area>)> {
    let file: Crew = read(path, "mercury crew report")?;
    let layer = |entry: &CrewEntry| {
        let bus_w = entry.points.iter().map(|p| p.bus_w).max()?;
        let speed = |batch| {
            let own = |p: &&CrewPoint| p.bus_w == bus_w && p.batch == batch && p.lanes == 4;
            entry.points.iter().find(own).map(|p| p.speed)
        };
        Some(CrewLayer {
            layer: entry.name.clone(),
            bits: entry.bits,
            bus_w,
            speedup: speed(1)?,
            speedup_16: speed(16),
            multiplications: entry.summary.multiplications_left,
            storage: entry.summary.storage,
        })
    };
    let exact = file.layers.iter().filter(|entry| entry.merge == 0.0);
    let layers = exact.filter_map(layer).collect();
    let areas = file.area.into_iter().map(|(_, file)| file.into());
    Ok((layers, areas.collect()))
}
