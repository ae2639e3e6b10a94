//! The drawings of the page: what is drawn of the records. Axes and marks are `chart.rs`'s.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::super::mode::Mode;
use super::super::record::{Finished, Record};
use super::super::summary::{MARGIN_PP, Summary, SweepRow};
use super::chart::{Axis, Chart, SIZE, Scale, escape, shape, short};
use crate::engine::Pass;

/// The mode as a reader calls it.
pub fn title(mode: Mode) -> &'static str {
    match mode {
        Mode::Zero => "zero vectors",
        Mode::Elements => "zero elements",
        other => other.name(),
    }
}

/// Longest half of an interval, in points, that a chart makes room for.
const LONGEST: f64 = 3.0;

/// Least and largest of some values, with a share of their distance added on both sides.
fn range(values: impl IntoIterator<Item = f64>, margin: f64) -> [f64; 2] {
    let [low, high] = values
        .into_iter()
        .fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], v| {
            [low.min(v), high.max(v)]
        });
    let more = margin * (high - low);
    [low - more, high + more]
}

/// Accuracy against speedup: one point a mode, with the interval of the difference to dense.
pub fn pareto(cells: &[&Summary]) -> String {
    let deltas = cells.iter().flat_map(|c| {
        let (mean, half) = (c.accuracy_delta_pp.unwrap_or(0.0), c.ci95_pp.unwrap_or(0.0));
        // Intervals of few seeds would leave no room for the points.
        [mean - half.min(LONGEST), mean + half.min(LONGEST)]
    });
    let deltas = range(deltas.chain([-1.0, 1.0]), 0.06);
    let fastest = cells.iter().map(|c| c.speedup).fold(1.0, f64::max);
    let slowest = cells.iter().map(|c| c.speedup).fold(1.0, f64::min);
    let mut chart = Chart::new(
        "accuracy against speedup",
        Axis::linear(
            "speed over dense, ×",
            [slowest.min(0.9), 1.0 + 1.18 * (fastest - 0.95)],
        ),
        Axis::linear("accuracy against dense, points", deltas),
        10.0,
    );
    chart.band("margin", [-MARGIN_PP, MARGIN_PP]);
    chart.level("zero-level", 0.0);
    let point = |cell: &Summary| [cell.speedup, cell.accuracy_delta_pp.unwrap_or(0.0)];
    for cell in cells {
        let name = title(cell.mode);
        let delta = cell.accuracy_delta_pp.unwrap_or(0.0);
        let half = cell
            .ci95_pp
            .map_or(String::new(), |h| format!(" ± {}", short(h)));
        let text = format!(
            "{name}: {:.2}×, {}{half} points, {} seeds",
            cell.speedup,
            short(delta),
            cell.seeds
        );
        let half = cell.ci95_pp.filter(|half| *half > 0.0);
        chart.mark(cell.mode.name(), point(cell), half, &text);
    }
    for cell in cells {
        chart.label(cell.mode.name(), point(cell), title(cell.mode));
    }
    chart.finish()
}

/// Results of the runs of one mode.
fn finished<'r>(records: &[&'r Record], mode: Mode) -> Vec<&'r Finished> {
    let own = records.iter().filter(|r| r.mode == mode);
    own.filter_map(|r| r.finished()).collect()
}

/// Modes whose training differs: those before `elements` give the results of `dense`.
fn trainings(records: &[&Record]) -> Vec<Mode> {
    let mut modes: Vec<Mode> = records.iter().map(|r| r.mode).collect();
    modes.sort();
    modes.dedup();
    modes.retain(|m| !matches!(m, Mode::Zero | Mode::Elements));
    modes
}

/// Mean training loss after each epoch, one line a mode.
pub fn loss(records: &[&Record]) -> String {
    let mut lines = vec![];
    for mode in trainings(records) {
        let runs = finished(records, mode);
        let epochs = runs
            .iter()
            .map(|f| f.report.epochs.len())
            .min()
            .unwrap_or(0);
        let mean = |e: usize| {
            let losses = runs.iter().map(|f| f.report.epochs[e].loss);
            losses.sum::<f64>() / runs.len() as f64
        };
        let points: Vec<[f64; 2]> = (0..epochs).map(|e| [(e + 1) as f64, mean(e)]).collect();
        if !points.is_empty() {
            lines.push((mode, points));
        }
    }
    let all = || lines.iter().flat_map(|(_, points)| points);
    let last = all().map(|p| p[0]).fold(1.0, f64::max);
    let losses = range(all().map(|p| p[1]), 0.0);
    let every = (last as usize).div_ceil(8).max(1);
    let ticks = (1..=last as usize).filter(|e| e % every == 0 || *e == 1 && every < 3);
    let mut chart = Chart::new(
        "training loss",
        Axis::linear("epoch", [1.0, last.max(2.0)]).with_ticks(ticks.map(|e| e as f64).collect()),
        Axis::log(
            "training loss per image",
            [0.9 * losses[0], 1.1 * losses[1]],
        ),
        62.0,
    );
    let mut ends = vec![];
    for (mode, points) in &lines {
        chart.line(mode.name(), points);
        ends.push((
            mode.name().to_string(),
            points[points.len() - 1][1],
            title(*mode).to_string(),
        ));
    }
    chart.ends(ends);
    chart.finish()
}

/// Height of a row of a table of small drawings.
const ROW: f64 = 22.0;
/// Where the drawings begin; names of layers stand before.
const NAMES: f64 = 82.0;

fn open(height: f64, name: &str) -> String {
    format!(
        "<svg viewBox=\"0 0 {} {height}\" role=\"img\" aria-label=\"{name}\">",
        SIZE[0]
    )
}

/// Layers, in the order of the network, that any run reports.
fn layers(runs: &[&Finished]) -> Vec<String> {
    let mut names: Vec<String> = vec![];
    let entries = runs.iter().flat_map(|run| &run.report.layers);
    for layer in entries {
        if !names.contains(&layer.entry.layer) {
            names.push(layer.entry.layer.clone());
        }
    }
    names
}

/// A name that fits before the drawings.
fn fitting(name: &str) -> String {
    match name.chars().count() {
        ..=12 => name.into(),
        _ => format!("{}…", name.chars().take(11).collect::<String>()),
    }
}

/// Classes of the states in the style sheet, in the order of their codes.
const STATES: [&str; 4] = ["s-zero", "s-hit", "s-mau", "s-mnu"];

/// Shares of ZERO, HIT, MAU and MNU, epoch by epoch, for each layer (rows) and pass (columns).
pub fn shares(records: &[&Record], mode: Mode) -> String {
    let runs = finished(records, mode);
    let layers = layers(&runs);
    let mut svg = open(18.0 + ROW * layers.len() as f64, "shares of decisions");
    let wide = (SIZE[0] - NAMES) / 3.0;
    for (column, pass) in ["forward", "input grad", "weight grad"].iter().enumerate() {
        let x = NAMES + wide * (column as f64 + 0.5) - 3.0;
        let _ = write!(
            svg,
            "<text class=\"tick middle\" x=\"{x:.1}\" y=\"11\">{pass}</text>"
        );
    }
    for (row, layer) in layers.iter().enumerate() {
        let top = 18.0 + ROW * row as f64;
        let _ = write!(
            svg,
            "<text class=\"tick\" x=\"0\" y=\"{:.1}\">{}</text>",
            top + 14.0,
            escape(&fitting(layer))
        );
        for (column, pass) in Pass::ALL.into_iter().enumerate() {
            let left = NAMES + wide * column as f64;
            let counts = epochs_of(&runs, layer, pass);
            svg += &stack(&counts, [left, top], [wide - 6.0, ROW - 4.0]);
        }
    }
    svg + "</svg>"
}

/// Counts of the four states in every epoch, summed over runs.
fn epochs_of(runs: &[&Finished], layer: &str, pass: Pass) -> Vec<[u64; 4]> {
    let epochs = runs
        .iter()
        .map(|f| f.report.epochs.len())
        .min()
        .unwrap_or(0);
    let mut counts = vec![[0; 4]; epochs];
    for run in runs {
        for (sum, epoch) in counts.iter_mut().zip(&run.report.epochs) {
            let own = |l: &&crate::nn::LayerReport| l.entry.layer == layer && l.entry.pass == pass;
            if let Some(found) = epoch.layers.iter().find(own) {
                let s = &found.entry.stats;
                for (sum, n) in sum.iter_mut().zip([s.zero, s.hit, s.mau, s.mnu]) {
                    *sum += n;
                }
            }
        }
    }
    counts
}

/// Stacked steps, one a epoch; nothing where nothing was detected.
fn stack(counts: &[[u64; 4]], [left, top]: [f64; 2], [wide, tall]: [f64; 2]) -> String {
    let mut svg = String::new();
    if counts.iter().flatten().sum::<u64>() == 0 {
        return svg;
    }
    let step = wide / counts.len() as f64;
    let height = |epoch: &[u64; 4], states: usize| {
        let all = epoch.iter().sum::<u64>().max(1) as f64;
        tall * epoch[..states].iter().sum::<u64>() as f64 / all
    };
    for (state, class) in STATES.iter().enumerate() {
        let mut path = String::new();
        let edge = |path: &mut String, epoch: usize, states: usize, back: bool| {
            let y = top + height(&counts[epoch], states);
            let (near, far) = (left + step * epoch as f64, left + step * (epoch + 1) as f64);
            let [first, second] = if back { [far, near] } else { [near, far] };
            let start = if path.is_empty() { 'M' } else { 'L' };
            let _ = write!(path, "{start}{first:.1} {y:.1}H{second:.1}");
        };
        (0..counts.len()).for_each(|e| edge(&mut path, e, state, false));
        (0..counts.len())
            .rev()
            .for_each(|e| edge(&mut path, e, state + 1, true));
        let _ = write!(svg, "<path class=\"{class}\" d=\"{path}z\"/>");
    }
    svg
}

/// The speedup's steps, one bar a mode.
pub fn steps(cells: &[&Summary], fastest: f64) -> String {
    let row = 24.0;
    let mut svg = open(row * cells.len() as f64 + 4.0, "steps of the speedup");
    let (left, right) = (96.0, SIZE[0] - 44.0);
    let at = |speedup: f64| left + (right - left) * speedup / fastest;
    for (number, cell) in cells.iter().enumerate() {
        let (top, name) = (row * number as f64 + 3.0, title(cell.mode));
        let name = match cell.mode {
            Mode::Dense => name.to_string(),
            _ if number > 0 && matches!(cell.mode, Mode::Zero | Mode::Elements) => {
                format!("+ {name}")
            }
            _ => format!("+ reuse: {name}"),
        };
        let _ = write!(
            svg,
            "<text class=\"tick end\" x=\"{:.1}\" y=\"{:.1}\">{name}</text><rect class=\"bar {}\" x=\"{left}\" y=\"{top:.1}\" \
             width=\"{:.1}\" height=\"{:.1}\"/><text class=\"label\" x=\"{:.1}\" y=\"{:.1}\">{:.2}×</text>",
            left - 6.0,
            top + 13.0,
            cell.mode,
            at(cell.speedup) - left,
            row - 6.0,
            at(cell.speedup) + 5.0,
            top + 13.0,
            cell.speedup
        );
    }
    let one = at(1.0);
    let _ = write!(
        svg,
        "<line class=\"zero-level\" x1=\"{one:.1}\" x2=\"{one:.1}\" y1=\"0\" y2=\"{:.1}\"/>",
        row * cells.len() as f64
    );
    svg + "</svg>"
}

/// Error of x̂ for each layer (rows): a filled mark for the forward pass, a hollow one for the input gradient, a line from the least
/// to the largest epoch. None if nothing was measured.
pub fn errors(records: &[&Record]) -> Option<String> {
    let modes: Vec<Mode> = trainings(records);
    let modes: Vec<Mode> = modes.into_iter().filter(|m| *m != Mode::Dense).collect();
    let runs: Vec<(Mode, Vec<&Finished>)> =
        modes.iter().map(|&m| (m, finished(records, m))).collect();
    let first = runs.iter().find(|(_, runs)| !runs.is_empty())?;
    let layers = layers(&first.1);
    let row = 14.0 + 9.0 * runs.len() as f64;
    let bottom = row * layers.len() as f64 + 4.0;
    let mut svg = open(bottom + 34.0, "error of the vectors computed with");
    let mut marks = String::new();
    let mut largest: f64 = 0.0;
    let all: Vec<_> = layers
        .iter()
        .map(|layer| {
            runs.iter()
                .map(|(mode, runs)| {
                    (
                        mode,
                        [Pass::Forward, Pass::InputGrad].map(|pass| relative(runs, layer, pass)),
                    )
                })
                .collect::<Vec<_>>()
        })
        .collect();
    for [_, _, high] in all.iter().flatten().flat_map(|(_, e)| e.iter().flatten()) {
        largest = largest.max(*high);
    }
    let scale = Scale::linear([0.0, (1.05 * largest).max(0.1)], [NAMES, SIZE[0] - 10.0]);
    for tick in scale.ticks() {
        let x = scale.at(tick);
        let _ = write!(
            svg,
            "<line class=\"rule\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"0\" y2=\"{bottom:.1}\"/><text class=\"tick middle\" x=\"{x:.1}\" \
             y=\"{:.1}\">{}</text>",
            bottom + 14.0,
            short(100.0 * tick)
        );
    }
    for (number, (layer, values)) in layers.iter().zip(&all).enumerate() {
        let top = row * number as f64;
        let _ = write!(
            svg,
            "<line class=\"rule\" x1=\"0\" x2=\"{}\" y1=\"{:.1}\" y2=\"{:.1}\"/><text class=\"tick\" x=\"0\" y=\"{:.1}\">{}</text>",
            SIZE[0],
            top + row,
            top + row,
            top + row / 2.0 + 4.0,
            escape(&fitting(layer))
        );
        for (i, (mode, passes)) in values.iter().enumerate() {
            let y = top + 11.0 + 9.0 * i as f64;
            for (hollow, value) in passes.iter().enumerate() {
                let Some([mean, low, high]) = value else {
                    continue;
                };
                let class = format!("{mode}{}", if hollow == 1 { " hollow" } else { "" });
                let pass = ["forward", "input gradient"][hollow];
                let what = format!(
                    "{layer} {pass}, {}: {} %",
                    title(**mode),
                    short(100.0 * mean)
                );
                let _ = write!(
                    marks,
                    "<line class=\"whisker {mode}\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>{}",
                    scale.at(*low),
                    scale.at(*high),
                    shape(&class, [scale.at(*mean), y], &what)
                );
            }
        }
    }
    let _ = write!(
        marks,
        "<text class=\"name middle\" x=\"{:.1}\" y=\"{:.1}\">error of x̂, % of the norm of x</text>",
        (NAMES + SIZE[0]) / 2.0,
        bottom + 29.0
    );
    Some(svg + &marks + "</svg>")
}

/// Mean, least and largest over epochs of the mean error over runs.
fn relative(runs: &[&Finished], layer: &str, pass: Pass) -> Option<[f64; 3]> {
    let mut epochs: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for run in runs {
        for (epoch, errors) in run.errors.iter().enumerate() {
            let own = errors.iter().filter(|e| e.layer == layer && e.pass == pass);
            epochs
                .entry(epoch)
                .or_default()
                .extend(own.map(|e| e.relative));
        }
    }
    epochs.retain(|_, values| !values.is_empty());
    let means: Vec<f64> = epochs
        .values()
        .map(|v| v.iter().sum::<f64>() / v.len() as f64)
        .collect();
    let [low, high] = range(means.iter().copied(), 0.0);
    (!means.is_empty()).then(|| [means.iter().sum::<f64>() / means.len() as f64, low, high])
}

/// One setting changed: speedup and accuracy, one line a mode.
pub fn sweep(rows: &[&SweepRow]) -> [String; 2] {
    let key = rows[0].key;
    let values = || rows.iter().map(|r| r.value as f64);
    let x = || {
        let mut ticks: Vec<f64> = values().collect();
        ticks.sort_by(f64::total_cmp);
        ticks.dedup();
        let [low, high] = range(values(), 0.0);
        let axis = if high > 6.0 * low {
            Axis::log
        } else {
            Axis::linear
        };
        axis(super::what(key), [low, high]).with_ticks(ticks)
    };
    let delta = |r: &SweepRow| r.accuracy_delta_pp.unwrap_or(0.0);
    let lines = |y: Axis,
                 value: &dyn Fn(&SweepRow) -> f64,
                 half: &dyn Fn(&SweepRow) -> Option<f64>| {
        let name = y.title.to_string();
        let mut chart = Chart::new(&name, x(), y, 62.0);
        let mut ends = vec![];
        for group in rows.chunk_by(|a, b| a.mode == b.mode) {
            let points: Vec<[f64; 2]> = group.iter().map(|r| [r.value as f64, value(r)]).collect();
            chart.line(group[0].mode.name(), &points);
            for (row, point) in group.iter().zip(&points) {
                let text = format!("{} {}={}: {}", row.mode, key, row.value, short(point[1]));
                let class = format!("{}{}", row.mode, if row.usual { " usual" } else { "" });
                chart.mark(&class, *point, half(row), &text);
            }
            let end = points[points.len() - 1][1];
            ends.push((
                group[0].mode.name().to_string(),
                end,
                title(group[0].mode).to_string(),
            ));
        }
        chart.ends(ends);
        chart.finish()
    };
    let speeds = range(rows.iter().map(|r| r.speedup), 0.08);
    let deltas = range(
        rows.iter()
            .flat_map(|r| {
                let half = r.ci95_pp.unwrap_or(0.0).min(LONGEST);
                [delta(r) - half, delta(r) + half]
            })
            .chain([0.0]),
        0.05,
    );
    [
        lines(
            Axis::linear("speed over dense, ×", speeds),
            &|r| r.speedup,
            &|_| None,
        ),
        lines(
            Axis::linear("accuracy against dense, points", deltas),
            &delta,
            &|r| r.ci95_pp,
        ),
    ]
}
