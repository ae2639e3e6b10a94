//! Drawings with a row for each layer: shares of decisions, error of x̂, adaptation.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::super::mode::Mode;
use super::super::record::{Finished, Record};
use super::chart::{SIZE, Scale, escape, open, shape, short};
use super::figures::{finished, range, title, trainings};
use crate::engine::Pass;
use crate::nn::{Change, LayerReport};

/// Height of a row of a table of small drawings.
const ROW: f64 = 22.0;
/// Where the drawings begin; names of layers stand before.
const NAMES: f64 = 82.0;

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

/// A horizontal axis below the rows; `unit` is how many of the numbers written are one.
fn axis(svg: &mut String, scale: &Scale, bottom: f64, unit: f64, name: &str) {
    for tick in scale.ticks() {
        let x = scale.at(tick);
        let _ = write!(
            svg,
            "<line class=\"rule\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"0\" y2=\"{bottom:.1}\"/><text class=\"tick middle\" x=\"{x:.1}\" \
             y=\"{:.1}\">{}</text>",
            bottom + 14.0,
            short(unit * tick)
        );
    }
    let _ = write!(
        svg,
        "<text class=\"name middle\" x=\"{:.1}\" y=\"{:.1}\">{name}</text>",
        (NAMES + SIZE[0]) / 2.0,
        bottom + 29.0
    );
}

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
            let own = |l: &&LayerReport| l.entry.layer == layer && l.entry.pass == pass;
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
    axis(
        &mut svg,
        &scale,
        bottom,
        100.0,
        "error of x̂, % of the norm of x",
    );
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

/// Rows of the decisions' picture: all layers first, then every pass that was ever switched off.
type Spans = BTreeMap<String, Vec<[f64; 2]>>;

/// Decisions of adaptation on the time axis, of the first seed's run: marks where signatures were refined, bars while the reuse of a
/// layer's pass was off. None without such a run.
pub fn decisions(records: &[&Record]) -> Option<String> {
    let adapts = |r: &&&Record| matches!(r.mode, Mode::Adaptive | Mode::Acrtc);
    let adaptive = records.iter().filter(adapts);
    let record = adaptive.min_by_key(|r| r.seed)?;
    let report = &record.finished()?.report;
    let batches = record.images[0].div_ceil(report.options.hyper.batch);
    let last = (batches * report.epochs.len()) as f64;
    let (mut refined, mut off, mut open_since) = (vec![], Spans::new(), BTreeMap::new());
    for decision in report.epochs.iter().flat_map(|e| &e.decisions) {
        let place = match (&decision.layer, decision.pass) {
            (Some(layer), Some(pass)) => format!("{} {}", fitting(layer), initials(pass)),
            _ => String::new(),
        };
        let at = decision.iteration as f64;
        match decision.change {
            Change::Refined { finer, .. } => refined.push((at, finer, &decision.reason)),
            Change::Off { .. } => {
                open_since.insert(place, at);
            }
            Change::On { .. } => {
                let from = open_since.remove(&place).unwrap_or(0.0);
                off.entry(place).or_default().push([from, at]);
            }
        }
    }
    for (place, from) in open_since {
        off.entry(place).or_default().push([from, last]);
    }
    let bottom = ROW * (off.len() + 1) as f64;
    let mut svg = open(bottom + 34.0, "decisions of adaptation");
    let scale = Scale::linear([0.0, last], [NAMES + 14.0, SIZE[0] - 10.0]);
    axis(&mut svg, &scale, bottom, 1.0, "iteration (batch)");
    let _ = write!(
        svg,
        "<text class=\"tick\" x=\"0\" y=\"15\">signature</text>"
    );
    for (at, finer, reason) in refined {
        let x = scale.at(at);
        svg += &shape("adaptive", [x, 15.0], reason);
        let _ = write!(
            svg,
            "<text class=\"label adaptive middle\" x=\"{x:.1}\" y=\"7\">{finer:+}</text>"
        );
    }
    for (row, (place, spans)) in off.iter().enumerate() {
        let y = ROW * (row + 1) as f64;
        let _ = write!(
            svg,
            "<text class=\"tick\" x=\"0\" y=\"{:.1}\">{}</text>",
            y + 14.0,
            escape(place)
        );
        for [from, to] in spans {
            let (from, to) = (scale.at(*from), scale.at(*to));
            let _ = write!(
                svg,
                "<rect class=\"off\" x=\"{from:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{}\"/>",
                y + 5.0,
                (to - from).max(1.0),
                ROW - 10.0
            );
        }
    }
    Some(svg + "</svg>")
}

/// A pass in few letters.
fn initials(pass: Pass) -> &'static str {
    match pass {
        Pass::Forward => "fw",
        Pass::InputGrad => "ig",
        Pass::WeightGrad => "wg",
    }
}
