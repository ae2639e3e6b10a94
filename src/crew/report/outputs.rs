//! Files of a report.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::page::page;
use super::{Layer, Report};
use crate::report::write_atomically;

/// A line of `layers.csv`.
#[derive(Serialize)]
struct LayerLine<'a> {
    layer: &'a str,
    origin: super::Origin,
    bits: u32,
    merge: f64,
    inputs: usize,
    outputs: usize,
    mean_uniques: f64,
    max_uniques: usize,
    multiplications_left: f64,
    storage: f64,
    bytes: u64,
    weight_error: f64,
}

/// A line of `points.csv`.
#[derive(Serialize)]
struct PointLine<'a> {
    layer: &'a str,
    bits: u32,
    merge: f64,
    bus_w: usize,
    batch: usize,
    adders: usize,
    crew_cycles: u64,
    dense_cycles: u64,
    ucnn_cycles: u64,
    ucnn_shared: usize,
    speed: f64,
    over_ucnn: f64,
    bound: &'static str,
    crew_in_bytes: u64,
    dense_in_bytes: u64,
    ucnn_in_bytes: u64,
    crew_multiplications: u64,
    dense_multiplications: u64,
    ucnn_multiplications: u64,
}

/// Writes `crew.json`, `layers.csv`, `points.csv` and the page `index.html` into a folder, which is made if it is not there.
///
/// # Errors
/// A file that cannot be written.
pub fn write(folder: &Path, report: &Report) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let write = |name: &str, content: Vec<u8>| write_atomically(&folder.join(name), &content);
    let mut json = serde_json::to_vec(report).context("a report is plain data")?;
    json.push(b'\n');
    write("crew.json", json)?;
    write("layers.csv", csv(report.layers.iter().map(layer_line))?)?;
    let points = report.layers.iter().flat_map(point_lines);
    write("points.csv", csv(points)?)?;
    write("index.html", page(report)?.into_bytes())
}

fn layer_line(layer: &Layer) -> LayerLine<'_> {
    let summary = &layer.summary;
    LayerLine {
        layer: &layer.name,
        origin: layer.origin,
        bits: layer.bits,
        merge: layer.merge,
        inputs: summary.inputs,
        outputs: summary.outputs,
        mean_uniques: summary.mean_uniques,
        max_uniques: summary.max_uniques,
        multiplications_left: summary.multiplications_left,
        storage: summary.storage,
        bytes: summary.bytes,
        weight_error: layer.merged.relative_error,
    }
}

fn point_lines(layer: &Layer) -> impl Iterator<Item = PointLine<'_>> {
    layer.points.iter().map(|p| PointLine {
        layer: &layer.name,
        bits: layer.bits,
        merge: layer.merge,
        bus_w: p.bus_w,
        batch: p.batch,
        adders: p.lanes,
        crew_cycles: p.crew.cycles,
        dense_cycles: p.dense.cycles,
        ucnn_cycles: p.ucnn.cycles,
        ucnn_shared: p.ucnn_shared,
        speed: p.speed,
        over_ucnn: p.over_ucnn,
        bound: p.bound,
        crew_in_bytes: p.crew.in_bytes,
        dense_in_bytes: p.dense.in_bytes,
        ucnn_in_bytes: p.ucnn.in_bytes,
        crew_multiplications: p.crew.multiplications,
        dense_multiplications: p.dense.multiplications,
        ucnn_multiplications: p.ucnn.multiplications,
    })
}

fn csv<T: Serialize>(rows: impl Iterator<Item = T>) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(vec![]);
    for row in rows {
        writer.serialize(row)?;
    }
    Ok(writer.into_inner()?)
}
