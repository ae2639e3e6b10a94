//! The drawings of the page: what is drawn of the records. Axes and marks are `chart.rs`'s.

use std::fmt::Write as _;

use super::super::mode::Mode;
use super::super::record::{Finished, Record};
use super::super::summary::{MARGIN_PP, Summary, SweepRow};
use super::chart::{Axis, Chart, SIZE, open, short};

/// The mode as a reader calls it.
pub(in crate::report) fn title(mode: Mode) -> &'static str {
    match mode {
        Mode::Zero => "zero vectors",
        Mode::Elements => "zero elements",
        Mode::Delta => "differences",
        Mode::Crtc => "CRTC",
        Mode::Acrtc => "ACRTC",
        other => other.name(),
    }
}

/// Longest half of an interval, in points, that a chart makes room for.
const LONGEST: f64 = 3.0;

/// Least and largest of some values, with a share of their distance added on both sides.
pub(in crate::report) fn range(values: impl IntoIterator<Item = f64>, margin: f64) -> [f64; 2] {
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
pub(super) fn finished<'r>(records: &[&'r Record], mode: Mode) -> Vec<&'r Finished> {
    let own = records.iter().filter(|r| r.mode == mode);
    own.filter_map(|r| r.finished()).collect()
}

/// Modes whose training differs: those before `elements` give the results of `dense`.
pub(super) fn trainings(records: &[&Record]) -> Vec<Mode> {
    let mut modes: Vec<Mode> = records.iter().map(|r| r.mode).collect();
    modes.sort();
    modes.dedup();
    modes.retain(|m| !matches!(m, Mode::Zero | Mode::Elements | Mode::Delta));
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
        70.0,
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

/// The speedup's steps, one bar a mode.
pub fn steps(cells: &[&Summary], fastest: f64) -> String {
    let row = 24.0;
    let mut svg = open(row * cells.len() as f64 + 4.0, "steps of the speedup");
    let (left, right) = (106.0, SIZE[0] - 44.0);
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
        let mut chart = Chart::new(&name, x(), y, 70.0);
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
