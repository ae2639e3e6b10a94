//! Rows, and what they say together.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF as _, StudentsT};

use super::mode::{Key, Mode};
use super::record::Record;
use crate::config::TrainSizes;

/// Fewest seeds for a difference to be reported without a warning.
pub const ENOUGH_SEEDS: usize = 10;
/// Difference of accuracy, in points, that is asked about.
pub const MARGIN_PP: f64 = 0.5;

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Network.
    pub net: String,
    /// Mode.
    pub mode: Mode,
    /// Seed.
    pub seed: u64,
    /// Accelerator size.
    pub preset: String,
    /// Share of test images right after the last epoch.
    pub test_accuracy: f64,
    /// Clock cycles of all training steps, from START to the last output beat of every job.
    pub cycles: u64,
    /// Cycles in which a PE set issues, mean over the sets.
    pub compute_cycles: u64,
    /// Cycles of the best plans without reuse for the same operations.
    pub dense_cycles: u64,
    /// Bytes into and out of the accelerator.
    pub bytes: u64,
}

impl Row {
    /// The row of a run that came to its end.
    pub fn new(record: &Record) -> Option<Row> {
        let report = &record.finished()?.report;
        let stats = &report.totals.stats;
        Some(Row {
            net: record.net.clone(),
            mode: record.mode,
            seed: record.seed,
            preset: record.config.name().into(),
            test_accuracy: report.epochs.last()?.test_accuracy?,
            cycles: stats.cycles,
            compute_cycles: stats.compute_cycles / record.config.units() as u64,
            dense_cycles: stats.dense_cycles,
            bytes: stats.bytes_in + stats.bytes_out,
        })
    }

    fn speedup(&self) -> f64 {
        self.dense_cycles as f64 / self.cycles as f64
    }
}

/// A mean with its 95 % confidence interval by Student's t.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Mean.
    pub mean: f64,
    /// Half of the interval's width; none of fewer than two values.
    pub half: Option<f64>,
}

impl Interval {
    /// Of values that are independent of each other; none if there are none.
    pub fn of(values: &[f64]) -> Option<Interval> {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        let half = (values.len() > 1).then(|| {
            let t = StudentsT::new(0.0, 1.0, count - 1.0).expect("degrees of freedom are positive");
            t.inverse_cdf(0.975) * (squares / (count - 1.0) / count).sqrt()
        });
        (!values.is_empty()).then_some(Interval { mean, half })
    }
}

/// What an interval of a difference of accuracy says about [`MARGIN_PP`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The interval lies within the margin on both sides.
    Within,
    /// At most the margin worse; perhaps better.
    NotWorse,
    /// All of the interval is worse than by the margin.
    Worse,
    /// The interval says none of these, or there is none.
    NotResolved,
}

impl Verdict {
    /// Of a mode's difference in percentage points: an exact mode trains the weights of `dense`, one seed is enough to say so.
    pub fn of_mode(mode: Mode, delta: Interval) -> Verdict {
        match mode.is_exact() && delta.mean == 0.0 {
            true => Verdict::Within,
            false => Verdict::of(delta),
        }
    }

    /// Of a difference in percentage points.
    pub fn of(delta: Interval) -> Verdict {
        let Some(half) = delta.half else {
            return Verdict::NotResolved;
        };
        let (low, high) = (delta.mean - half, delta.mean + half);
        if low >= -MARGIN_PP && high <= MARGIN_PP {
            Verdict::Within
        } else if low >= -MARGIN_PP {
            Verdict::NotWorse
        } else if high < -MARGIN_PP {
            Verdict::Worse
        } else {
            Verdict::NotResolved
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Verdict::Within => "within 0.5 points",
            Verdict::NotWorse => "at most 0.5 points worse",
            Verdict::Worse => "more than 0.5 points worse",
            Verdict::NotResolved => "not resolved",
        })
    }
}

/// All seeds of one network, size and mode together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Network.
    pub net: String,
    /// Mode.
    pub mode: Mode,
    /// Accelerator size.
    pub preset: String,
    /// Dense cycles by cycles, geometric mean over seeds.
    pub speedup: f64,
    /// Cycles of mode `elements` by cycles, of the seeds that both have, geometric mean; none without that mode.
    pub speedup_over_zero_elements: Option<f64>,
    /// Test accuracy less that of `dense`, in percentage points, mean over the seeds that both have; none without that mode.
    pub accuracy_delta_pp: Option<f64>,
    /// Half of the 95 % confidence interval of that difference; none of fewer than two seeds.
    pub ci95_pp: Option<f64>,
    /// Seeds compared with `dense`; all if there is no `dense`.
    pub seeds: usize,
    /// Test accuracy, mean over seeds.
    #[serde(skip)]
    pub accuracy: f64,
    /// Whether the network has kernels larger than 1×1.
    #[serde(skip)]
    pub convolutional: bool,
}

impl Summary {
    /// The difference of accuracy.
    pub fn delta(&self) -> Option<Interval> {
        let mean = self.accuracy_delta_pp?;
        Some(Interval {
            mean,
            half: self.ci95_pp,
        })
    }

    /// Whether there are fewer seeds than a difference of accuracy needs.
    pub fn has_few_seeds(&self) -> bool {
        self.seeds < ENOUGH_SEEDS
    }

    /// What it says; of an exact mode that it costs nothing, however few the seeds.
    pub fn verdict(&self) -> Option<Verdict> {
        self.delta().map(|delta| Verdict::of_mode(self.mode, delta))
    }
}

/// One mode on all networks with kernels together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mean {
    /// Mode.
    pub mode: Mode,
    /// Accelerator size.
    pub preset: String,
    /// Networks.
    pub nets: usize,
    /// Geometric mean of the networks' speedups over dense.
    pub speedup: f64,
    /// The same over mode `elements`; none unless all networks have it.
    pub speedup_over_zero_elements: Option<f64>,
    /// Difference of accuracy to `dense` in percentage points: mean over the networks in each seed that all have, mean over these seeds.
    pub accuracy_delta_pp: Option<f64>,
    /// Half of its 95 % confidence interval, seeds being what is independent.
    pub ci95_pp: Option<f64>,
    /// Seeds that all networks have.
    pub seeds: usize,
}

impl Mean {
    /// The difference of accuracy.
    pub fn delta(&self) -> Option<Interval> {
        let mean = self.accuracy_delta_pp?;
        Some(Interval {
            mean,
            half: self.ci95_pp,
        })
    }
}

/// All seeds of one point of a sweep together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SweepRow {
    /// Network.
    pub net: String,
    /// Mode.
    pub mode: Mode,
    /// Accelerator size before the change.
    pub preset: String,
    /// What is changed.
    pub key: Key,
    /// Its value.
    pub value: usize,
    /// Whether the value is the usual one.
    pub usual: bool,
    /// Dense cycles by cycles, geometric mean over seeds.
    pub speedup: f64,
    /// Test accuracy less that of `dense` at usual sizes, in percentage points, mean over seeds.
    pub accuracy_delta_pp: Option<f64>,
    /// Half of the 95 % confidence interval.
    pub ci95_pp: Option<f64>,
    /// Seeds.
    pub seeds: usize,
}

/// A comparison.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// All runs, sweeps apart, by preset, network, mode, seed.
    pub rows: Vec<Row>,
    /// By preset, network, mode.
    pub summary: Vec<Summary>,
    /// By preset, mode; those that all networks with kernels have.
    pub convolutional: Vec<Mean>,
    /// By preset, network, mode, setting, value.
    #[serde(skip)]
    pub sweeps: Vec<SweepRow>,
}

impl Report {
    /// Summarises records; failed ones are left out.
    pub fn new(records: &[Record]) -> Report {
        let base = records.iter().filter(|r| r.change.is_none());
        let rows = base.filter_map(Row::new).collect();
        let convolutional = records.iter().filter(|r| r.convolutional);
        let convolutional: Vec<&str> = convolutional.map(|r| r.net.as_str()).collect();
        let mut report = Report::of_rows(rows, &convolutional);
        report.sweeps = report.sweep_rows(records);
        report
    }

    /// Summarises rows; `convolutional` names the networks with kernels.
    pub(super) fn of_rows(mut rows: Vec<Row>, convolutional: &[&str]) -> Report {
        rows.sort_by_cached_key(|r| (place(&r.preset), r.net.clone(), r.mode, r.seed));
        let mut report = Report {
            rows,
            ..Report::default()
        };
        let same = |a: &Row, b: &Row| (&a.preset, &a.net, a.mode) == (&b.preset, &b.net, b.mode);
        let cells = report.rows.chunk_by(same);
        report.summary = cells.map(|c| report.summarise(c, convolutional)).collect();
        report.convolutional = report.means();
        report
    }

    /// The row of the same network, size and seed in another mode.
    fn partner(&self, row: &Row, mode: Mode) -> Option<&Row> {
        let same = |r: &&Row| {
            r.mode == mode && r.seed == row.seed && r.net == row.net && r.preset == row.preset
        };
        self.rows.iter().find(same)
    }

    /// Accuracy of a run less that of the dense one, in percentage points.
    fn difference(&self, row: &Row) -> Option<f64> {
        let dense = self.partner(row, Mode::Dense)?;
        Some(100.0 * (row.test_accuracy - dense.test_accuracy))
    }

    fn delta(&self, cell: &[Row]) -> Option<Interval> {
        let all: Vec<f64> = cell.iter().filter_map(|row| self.difference(row)).collect();
        Interval::of(&all)
    }

    fn summarise(&self, cell: &[Row], convolutional: &[&str]) -> Summary {
        let first = &cell[0];
        let over_elements = |row: &Row| {
            let elements = self.partner(row, Mode::Elements)?;
            Some(elements.cycles as f64 / row.cycles as f64)
        };
        let over_elements: Vec<f64> = cell.iter().filter_map(over_elements).collect();
        let delta = self.delta(cell);
        let paired = cell
            .iter()
            .filter(|row| self.partner(row, Mode::Dense).is_some());
        let paired = paired.count();
        Summary {
            net: first.net.clone(),
            mode: first.mode,
            preset: first.preset.clone(),
            speedup: geometric_mean(cell.iter().map(Row::speedup)).expect("a cell has rows"),
            speedup_over_zero_elements: geometric_mean(over_elements),
            accuracy_delta_pp: delta.map(|d| d.mean),
            ci95_pp: delta.and_then(|d| d.half),
            seeds: if paired > 0 { paired } else { cell.len() },
            accuracy: cell.iter().map(|r| r.test_accuracy).sum::<f64>() / cell.len() as f64,
            convolutional: convolutional.contains(&first.net.as_str()),
        }
    }

    fn sweep_rows(&self, records: &[Record]) -> Vec<SweepRow> {
        let mut lines: BTreeMap<_, Vec<&Record>> = BTreeMap::new();
        for record in records {
            if let Some(change) = record.change {
                let line = (
                    place(record.config.name()),
                    record.net.clone(),
                    record.mode,
                    change.key,
                );
                lines.entry(line).or_default().push(record);
            }
        }
        let mut sweeps = vec![];
        for ((preset, net, mode, key), changed) in lines {
            let seeds: Vec<u64> = changed.iter().map(|r| r.seed).collect();
            let usual = records.iter().filter(|r| {
                r.change.is_none()
                    && (place(r.config.name()), &r.net, r.mode) == (preset.clone(), &net, mode)
                    && seeds.contains(&r.seed)
            });
            let mut points: BTreeMap<usize, (bool, Vec<Row>)> = BTreeMap::new();
            for record in changed.iter().copied().chain(usual) {
                let (Some(finished), Some(row)) = (record.finished(), Row::new(record)) else {
                    continue;
                };
                let reuse = &finished.report.options.reuse.default.forward;
                let point = points.entry(key.value(reuse, &record.config)).or_default();
                point.0 |= record.change.is_none();
                point.1.push(row);
            }
            sweeps.extend(points.into_iter().map(|(value, (usual, rows))| {
                let delta = self.delta(&rows);
                SweepRow {
                    net: net.clone(),
                    mode,
                    preset: preset.1.clone(),
                    key,
                    value,
                    usual,
                    speedup: geometric_mean(rows.iter().map(Row::speedup))
                        .expect("a point has rows"),
                    accuracy_delta_pp: delta.map(|d| d.mean),
                    ci95_pp: delta.and_then(|d| d.half),
                    seeds: rows.len(),
                }
            }));
        }
        sweeps
    }

    /// Sizes, smallest first.
    pub fn presets(&self) -> Vec<&str> {
        let mut all: Vec<&str> = self.summary.iter().map(|s| s.preset.as_str()).collect();
        all.dedup();
        all
    }

    /// The modes that all networks with kernels have.
    fn means(&self) -> Vec<Mean> {
        let cells = || self.summary.iter().filter(|s| s.convolutional);
        let mut found: Vec<(&str, Mode)> = vec![];
        for cell in cells() {
            let place = (cell.preset.as_str(), cell.mode);
            if !found.contains(&place) {
                found.push(place);
            }
        }
        found.sort_by_key(|(preset, mode)| (place(preset), *mode));
        let mean = |(preset, mode)| {
            let own = cells().filter(|s| s.preset == preset);
            let mut nets: Vec<&str> = own.clone().map(|s| s.net.as_str()).collect();
            nets.dedup();
            let own: Vec<&Summary> = own.filter(|s| s.mode == mode).collect();
            (own.len() == nets.len()).then(|| self.mean(&own))
        };
        found.into_iter().filter_map(mean).collect()
    }

    /// Cells of one size and mode together.
    fn mean(&self, cells: &[&Summary]) -> Mean {
        let Summary { mode, preset, .. } = cells[0];
        let speedups = cells.iter().map(|s| s.speedup);
        let over_elements: Option<Vec<f64>> =
            cells.iter().map(|s| s.speedup_over_zero_elements).collect();
        let mut differences: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
        for row in &self.rows {
            if row.preset == *preset
                && row.mode == *mode
                && cells.iter().any(|s| s.net == row.net)
                && let Some(difference) = self.difference(row)
            {
                differences.entry(row.seed).or_default().push(difference);
            }
        }
        let whole = differences.into_values().filter(|d| d.len() == cells.len());
        let by_seed: Vec<f64> = whole
            .map(|d| d.iter().sum::<f64>() / d.len() as f64)
            .collect();
        let delta = Interval::of(&by_seed);
        Mean {
            mode: *mode,
            preset: preset.clone(),
            nets: cells.len(),
            speedup: geometric_mean(speedups).expect("there is a cell"),
            speedup_over_zero_elements: over_elements.and_then(geometric_mean),
            accuracy_delta_pp: delta.map(|d| d.mean),
            ci95_pp: delta.and_then(|d| d.half),
            seeds: by_seed.len(),
        }
    }
}

/// Sort key of a size: presets from small to large, others behind.
fn place(preset: &str) -> (usize, String) {
    let known = TrainSizes::preset_names().position(|name| name == preset);
    (known.unwrap_or(usize::MAX), preset.into())
}

/// None of no values.
pub(super) fn geometric_mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let logs: Vec<f64> = values.into_iter().map(f64::ln).collect();
    (!logs.is_empty()).then(|| (logs.iter().sum::<f64>() / logs.len() as f64).exp())
}

#[cfg(test)]
#[path = "summary_tests.rs"]
mod tests;
