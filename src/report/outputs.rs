//! Files of a report.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::page::{page, pareto_sheet};
use super::record::{Record, write_atomically};
use super::summary::Report;

/// Writes `bench.json`, `rows.csv`, `summary.csv`, `sweeps.csv`, the page `index.html` and a picture `pareto-PRESET.svg` a size of the records into a folder.
///
/// # Errors
/// A file that cannot be written.
pub fn write_outputs(folder: &Path, records: &[Record]) -> Result<Report> {
    let report = Report::new(records);
    let write = |name: &str, content: Vec<u8>| write_atomically(&folder.join(name), &content);
    let mut json = serde_json::to_vec_pretty(&report).context("a report is plain data")?;
    json.push(b'\n');
    write("bench.json", json)?;
    write("rows.csv", csv(&report.rows)?)?;
    write("summary.csv", csv(&report.summary)?)?;
    if !report.sweeps.is_empty() {
        write("sweeps.csv", csv(&report.sweeps)?)?;
    }
    let name = folder.file_name().unwrap_or(folder.as_os_str());
    let page = page(&name.to_string_lossy(), &report, records)?;
    write("index.html", page.into_bytes())?;
    for preset in report.presets() {
        // A preset may be a file: its name alone makes a file's name.
        let stem = Path::new(preset).file_stem().unwrap_or_default();
        let picture = format!("pareto-{}.svg", stem.to_string_lossy());
        write(&picture, pareto_sheet(&report, preset).into_bytes())?;
    }
    Ok(report)
}

pub(super) fn csv<T: Serialize>(rows: &[T]) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(vec![]);
    for row in rows {
        writer.serialize(row)?;
    }
    Ok(writer.into_inner()?)
}
