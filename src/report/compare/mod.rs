//! All systems side by side: `mercury compare`.
//!
//! Reads the rows of several comparisons (`bench.json`), areas (`tools/area.py --json`) and CREW's report, and puts those with equal
//! multipliers next to each other. The speed of a run is against the MERCURY array without reuse, whose run has the same network, seed
//! and number of multipliers; its accuracy is against the dense run of its own array, which trains the same weights.

mod advice;
mod area;
mod page;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use super::mode::Mode;
use super::outputs::csv;
use super::record::write_atomically;
use super::summary::{Interval, Report, Row, Verdict, geometric_mean};
use crate::config::TrainSizes;
pub use area::{Area, CrewLayer};

/// One system in one mode on one network: the seeds that the dense runs of both systems have, too.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cell {
    /// Network.
    pub net: String,
    /// Multipliers of the array.
    pub multipliers: usize,
    /// `mercury` or `tensor core`.
    pub system: &'static str,
    /// Mode.
    pub mode: Mode,
    /// Sizes.
    pub preset: String,
    /// Cycles of the dense MERCURY array by cycles, geometric mean over seeds.
    pub speedup: f64,
    /// Cycles of the system's own dense array by cycles.
    pub speedup_over_own_dense: f64,
    /// Cycles of the system's own zero-element skipping by cycles; none without that mode.
    pub speedup_over_zero_elements: Option<f64>,
    /// Test accuracy less that of dense, in percentage points, mean over seeds.
    pub accuracy_delta_pp: Option<f64>,
    /// Half of its 95 % confidence interval.
    pub ci95_pp: Option<f64>,
    /// Bytes in and out by those of the dense MERCURY array.
    pub bytes: f64,
    /// Seeds.
    pub seeds: usize,
}

impl Cell {
    /// The difference of accuracy.
    pub fn delta(&self) -> Option<Interval> {
        let mean = self.accuracy_delta_pp?;
        Some(Interval {
            mean,
            half: self.ci95_pp,
        })
    }

    /// What it says; none of the exact modes, which have none.
    pub fn verdict(&self) -> Option<Verdict> {
        self.delta()
            .filter(|_| !self.mode.is_exact())
            .map(Verdict::of)
    }
}

/// What there is to compare.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// By multipliers, network, system, mode.
    pub cells: Vec<Cell>,
    /// Areas that were measured.
    pub areas: Vec<Area>,
    /// CREW, layer by layer.
    pub crew: Vec<CrewLayer>,
    /// What is not there, in words.
    pub missing: Vec<String>,
    /// When to choose which, in words.
    pub advice: Vec<String>,
}

/// Files to read.
#[derive(Clone, Debug)]
pub struct Sources {
    /// Folders of comparisons, with a `bench.json` each.
    pub benches: Vec<PathBuf>,
    /// Files of `tools/area.py --json`.
    pub areas: Vec<PathBuf>,
    /// `crew.json` of `mercury crew report`.
    pub crew: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Bench {
    rows: Vec<Row>,
}

fn read<T: for<'d> Deserialize<'d>>(path: &Path, made_by: &str) -> Result<T> {
    let name = path.display();
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read {name}: {made_by} writes it"))?;
    serde_json::from_str(&text).with_context(|| format!("{name} is not what {made_by} writes"))
}

impl Comparison {
    /// Reads everything and compares.
    ///
    /// # Errors
    /// A file that is missing or something else; dense runs of one network and seed that differ in accuracy.
    pub fn read(sources: &Sources) -> Result<Comparison> {
        let mut rows = vec![];
        for folder in &sources.benches {
            let bench: Bench = read(&folder.join("bench.json"), "mercury bench")?;
            rows.extend(bench.rows);
        }
        let areas = sources.areas.iter();
        let areas: Result<Vec<Area>> = areas.map(|path| Area::read(path)).collect();
        let crew = match &sources.crew {
            Some(path) => area::crew(path)?,
            None => (vec![], vec![]),
        };
        let mut areas = areas?;
        areas.extend(crew.1);
        Comparison::of(rows, areas, crew.0)
    }

    fn of(rows: Vec<Row>, areas: Vec<Area>, crew: Vec<CrewLayer>) -> Result<Comparison> {
        check_dense(&rows)?;
        let (cells, mut missing) = cells(rows);
        ensure!(
            !cells.is_empty(),
            "no network has runs on MERCURY and on a tensor core of as many multipliers: run mercury bench with presets small,acrtc-small \
             or paper,acrtc-paper, mode dense among the modes"
        );
        missing.extend(area::missing(&cells, &areas));
        let advice = advice::of(&cells, &areas, &crew);
        Ok(Comparison {
            cells,
            areas,
            crew,
            missing,
            advice,
        })
    }

    /// Numbers of multipliers.
    fn classes(&self) -> BTreeSet<usize> {
        self.cells.iter().map(|c| c.multipliers).collect()
    }

    /// Writes `compare.json`, `cells.csv`, `areas.csv` and the page `index.html`.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let write = |name: &str, content: Vec<u8>| write_atomically(&folder.join(name), &content);
        let mut json = serde_json::to_vec_pretty(self).context("a comparison is plain data")?;
        json.push(b'\n');
        write("compare.json", json)?;
        write("cells.csv", csv(&self.cells)?)?;
        write("areas.csv", csv(&self.areas)?)?;
        write("index.html", page::page(self)?.into_bytes())
    }
}

/// Refuses dense runs of one network and seed that differ: dense training depends on nothing but network, data and seed.
fn check_dense(rows: &[Row]) -> Result<()> {
    let mut known: BTreeMap<(&str, u64), &Row> = BTreeMap::new();
    for row in rows.iter().filter(|r| r.mode == Mode::Dense) {
        let first = *known.entry((&row.net, row.seed)).or_insert(row);
        ensure!(
            first.test_accuracy == row.test_accuracy,
            "dense {} of seed {} has accuracy {} on {} and {} on {}: these comparisons have other networks, data, epochs or versions; \
             run them again with the same",
            row.net,
            row.seed,
            first.test_accuracy,
            first.preset,
            row.test_accuracy,
            row.preset
        );
    }
    Ok(())
}

/// Number of multipliers and name of the system of a preset; none of a file of somebody's own.
fn place(preset: &str) -> Option<(usize, &'static str)> {
    let sizes = TrainSizes::preset(preset).ok()?;
    let system = match sizes {
        TrainSizes::Mercury(_) => "mercury",
        TrainSizes::Tc(_) => "tensor core",
    };
    Some((sizes.multipliers(), system))
}

/// The cells of networks that both systems have, and what is left out.
fn cells(rows: Vec<Row>) -> (Vec<Cell>, Vec<String>) {
    let mut classes: BTreeMap<(usize, String), BTreeSet<&'static str>> = BTreeMap::new();
    for row in rows.iter().filter(|r| r.mode == Mode::Dense) {
        if let Some((multipliers, system)) = place(&row.preset) {
            let systems = classes.entry((multipliers, row.net.clone())).or_default();
            systems.insert(system);
        }
    }
    let (both, alone): (Vec<_>, Vec<_>) = classes.into_iter().partition(|(_, s)| s.len() == 2);
    let missing = alone.into_iter().map(|((multipliers, net), systems)| {
        let absent = ["mercury", "tensor core"].into_iter();
        let absent = absent.filter(|system| !systems.contains(system));
        format!(
            "{net} with {multipliers} multipliers: no dense runs of the {}",
            absent.collect::<Vec<_>>().join(", ")
        )
    });
    let missing = missing.collect();
    let mut cells = vec![];
    for ((multipliers, net), _) in both {
        let own = |r: &&Row| r.net == net && place(&r.preset).is_some_and(|p| p.0 == multipliers);
        let own: Vec<Row> = rows.iter().filter(own).cloned().collect();
        let mut of_net = of_net(own, multipliers);
        of_net.sort_by_key(|cell| (cell.system, cell.mode));
        cells.extend(of_net);
    }
    (cells, missing)
}

/// The cells of one network at one number of multipliers.
fn of_net(rows: Vec<Row>, multipliers: usize) -> Vec<Cell> {
    let system = |row: &Row| place(&row.preset).map_or("", |p| p.1);
    let dense = |name: &str, seed: u64| {
        let own = |r: &&Row| r.mode == Mode::Dense && system(r) == name && r.seed == seed;
        rows.iter().find(own)
    };
    let reference = |seed: u64| dense("mercury", seed);
    let paired: Vec<Row> = rows
        .iter()
        .filter(|r| reference(r.seed).is_some() && dense("tensor core", r.seed).is_some())
        .cloned()
        .collect();
    let summary = Report::of_rows(paired.clone(), &[]).summary;
    let cell = |summary: super::Summary| {
        let own = paired
            .iter()
            .filter(|r| r.preset == summary.preset && r.mode == summary.mode);
        let pairs: Vec<(&Row, &Row)> = own
            .filter_map(|row| Some((row, reference(row.seed)?)))
            .collect();
        let speedups = pairs
            .iter()
            .map(|(row, dense)| dense.cycles as f64 / row.cycles as f64);
        let bytes = pairs
            .iter()
            .map(|(row, dense)| row.bytes as f64 / dense.bytes as f64);
        Some(Cell {
            multipliers,
            system: pairs.first().map(|(row, _)| system(row))?,
            speedup: geometric_mean(speedups)?,
            bytes: geometric_mean(bytes)?,
            net: summary.net,
            mode: summary.mode,
            preset: summary.preset,
            speedup_over_own_dense: summary.speedup,
            speedup_over_zero_elements: summary.speedup_over_zero_elements,
            accuracy_delta_pp: summary.accuracy_delta_pp,
            ci95_pp: summary.ci95_pp,
            seeds: pairs.len(),
        })
    };
    summary.into_iter().filter_map(cell).collect()
}

/// Geometric mean over networks of a system's mode, and how many there are.
fn mean<'c>(
    cells: impl Iterator<Item = &'c Cell>,
    value: impl Fn(&Cell) -> Option<f64>,
) -> Option<f64> {
    geometric_mean(cells.filter_map(value))
}

#[cfg(test)]
mod tests;
