//! The drawings of the page, as inline SVG.

use std::fmt::Write as _;

use ndarray::Array2;

use super::facts::{Facts, Position};
use crate::reuse::State;

/// Side of a cell of the state map.
const CELL: f64 = 24.0;
/// Columns up to which cells carry their numbers.
pub const NUMBERED: usize = 24;

/// Class of a state in the style sheet.
pub fn class(state: State) -> &'static str {
    match state {
        State::Zero => "zero",
        State::Hit => "hit",
        State::Mau => "mau",
        State::Mnu => "mnu",
    }
}

/// Opens a drawing of the given size, with margins for labels.
fn open(width: f64, height: f64, [left, top]: [f64; 2], label: &str) -> String {
    format!(
        "<svg viewBox=\"{} {} {} {}\" role=\"img\" aria-label=\"{label}\">",
        -left,
        -top,
        width + left + 4.0,
        height + top + 4.0
    )
}

/// One channel as grey pixels, the lowest value white, with a mark for the decision at the middle of each position's kernel.
pub fn feature_map(facts: &Facts, plane: &Array2<i16>) -> String {
    let (rows, cols) = plane.dim();
    let size = 20.0;
    let (width, height) = (cols as f64 * size, rows as f64 * size);
    let mut svg = open(width, height, [4.0, 4.0], "feature map with decisions");
    let (low, high) = plane
        .iter()
        .fold((i16::MAX, i16::MIN), |(l, h), &v| (l.min(v), h.max(v)));
    let span = (f64::from(high) - f64::from(low)).max(1.0);
    for ((row, col), &value) in plane.indexed_iter() {
        let grey = 255 - (205.0 * (f64::from(value) - f64::from(low)) / span).round() as u8;
        let _ = write!(
            svg,
            "<rect x=\"{}\" y=\"{}\" width=\"{size}\" height=\"{size}\" fill=\"rgb({grey},{grey},{grey})\"><title>row {row}, column \
             {col}: {value}</title></rect>",
            col as f64 * size,
            row as f64 * size
        );
    }
    let side = 0.46 * size;
    for position in &facts.positions {
        let [y, x] = position.centre.map(|at| (at + 0.5) * size - side / 2.0);
        let _ = write!(
            svg,
            "<rect class=\"mark {}\" x=\"{x:.2}\" y=\"{y:.2}\" width=\"{side:.2}\" height=\"{side:.2}\"><title>{}</title></rect>",
            class(position.state),
            title(position)
        );
    }
    svg + "</svg>"
}

/// What a reader learns who points at a position.
fn title(position: &Position) -> String {
    let Position {
        row,
        col,
        tile,
        state,
        ..
    } = position;
    let name = format!("{state:?}").to_uppercase();
    let mut text = format!("row {row}, column {col}: {name}");
    if let Some(entry) = position.entry {
        let _ = write!(text, ", entry {entry}");
    }
    if let Some(from) = position.source {
        let _ = write!(
            text,
            ", reused from image {} row {} column {}",
            from.image, from.row, from.col
        );
    }
    if let Some(signature) = &position.signature {
        let _ = write!(text, ", signature {signature}");
    }
    text + &format!(", tile {tile}")
}

/// The map of states: a cell a position, its entry's number, a line from every HIT to what it reuses.
pub fn state_map(facts: &Facts) -> String {
    let [rows, cols] = facts.output;
    let (width, height) = (cols as f64 * CELL, rows as f64 * CELL);
    let mut svg = open(width, height, [20.0, 16.0], "map of states");
    axis_labels(&mut svg, rows, cols);
    let middle = |at: usize| (at as f64 + 0.5) * CELL;
    for position in &facts.positions {
        let (x, y) = (position.col as f64 * CELL, position.row as f64 * CELL);
        let state = class(position.state);
        let _ = write!(
            svg,
            "<g class=\"cell\"><title>{}</title><rect class=\"{state}\" x=\"{x}\" y=\"{y}\" width=\"{CELL}\" height=\"{CELL}\"/>",
            title(position)
        );
        let elsewhere = position
            .source
            .is_some_and(|s| s.image != facts.subject.image);
        if elsewhere {
            let _ = write!(
                svg,
                "<path class=\"far\" d=\"M{} {y}h{}v{}z\"/>",
                x + CELL * 0.66,
                CELL * 0.34,
                CELL * 0.34
            );
        }
        if cols <= NUMBERED {
            let text = match (position.state, position.entry) {
                (State::Mnu, _) => "×".to_string(),
                (_, Some(entry)) => entry.to_string(),
                _ => String::new(),
            };
            let _ = write!(
                svg,
                "<text class=\"{state}\" x=\"{}\" y=\"{}\">{text}</text>",
                middle(position.col),
                middle(position.row) + 3.0
            );
        }
        svg += "</g>";
    }
    links(&mut svg, facts, middle);
    svg + "</svg>"
}

/// Lines from the HITs to their representatives in the same image.
fn links(svg: &mut String, facts: &Facts, middle: impl Fn(usize) -> f64) {
    for position in &facts.positions {
        let Some(source) = position.source else {
            continue;
        };
        if source.image != facts.subject.image {
            continue;
        }
        let _ = write!(
            svg,
            "<line class=\"link\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>",
            middle(position.col),
            middle(position.row),
            middle(source.col),
            middle(source.row)
        );
    }
}

/// Row and column numbers, about every eighth in large maps.
fn axis_labels(svg: &mut String, rows: usize, cols: usize) {
    let every = |count: usize| {
        if count <= NUMBERED {
            1
        } else {
            count.div_ceil(8)
        }
    };
    for col in (0..cols).step_by(every(cols)) {
        let x = (col as f64 + 0.5) * CELL;
        let _ = write!(svg, "<text class=\"axis\" x=\"{x}\" y=\"-5\">{col}</text>");
    }
    for row in (0..rows).step_by(every(rows)) {
        let y = (row as f64 + 0.5) * CELL + 3.0;
        let _ = write!(svg, "<text class=\"axis\" x=\"-10\" y=\"{y}\">{row}</text>");
    }
}

/// Width and height of the bar charts.
const CHART: [f64; 2] = [420.0, 170.0];

/// How many vectors share each signature: rank to the right, count upwards on a log scale.
pub fn sharing(facts: &Facts) -> String {
    let [width, height] = CHART;
    let counts = &facts.signatures;
    let most = counts.first().copied().unwrap_or(1).max(2) as f64;
    // A bar of one vector is to be seen: the scale begins at 0.7.
    let scale = |count: f64| height * (count / 0.7).ln() / (most / 0.7).ln();
    let mut svg = open(
        width,
        height + 34.0,
        [44.0, 12.0],
        "vectors that share a signature",
    );
    let mut ticks: Vec<u64> = (0..20)
        .flat_map(|power| [1, 2, 5].map(|n| n * 10u64.pow(power)))
        .take_while(|&n| n as f64 <= most)
        .collect();
    if ticks.len() > 8 {
        ticks.retain(|n| n.ilog10() as usize <= 19 && n.to_string().starts_with('1'));
    }
    for tick in ticks {
        grid_line(&mut svg, height - scale(tick as f64), &tick.to_string());
    }
    let step = width / counts.len().max(1) as f64;
    for (rank, &count) in counts.iter().enumerate() {
        let tall = scale(count as f64);
        let _ = write!(
            svg,
            "<rect class=\"bar\" x=\"{:.2}\" y=\"{:.2}\" width=\"{:.2}\" height=\"{tall:.2}\"><title>signature {} of {}: {count} \
             vectors</title></rect>",
            rank as f64 * step,
            height - tall,
            (step * 0.86).max(step - 2.0),
            rank + 1,
            counts.len()
        );
    }
    axis_text(
        &mut svg,
        &format!("{} signatures, most frequent first", counts.len()),
    );
    svg + "</svg>"
}

/// Valid ways of every MCACHE set.
pub fn occupancy(facts: &Facts) -> String {
    let [width, height] = CHART;
    let mut svg = open(
        width,
        height + 34.0,
        [44.0, 12.0],
        "valid ways of each MCACHE set",
    );
    let scale = |ways: f64| height * ways / facts.ways as f64;
    let every = facts.ways.div_ceil(8);
    for ways in (0..=facts.ways).step_by(every) {
        grid_line(&mut svg, height - scale(ways as f64), &ways.to_string());
    }
    let step = width / facts.occupancy.len().max(1) as f64;
    for (set, &ways) in facts.occupancy.iter().enumerate() {
        let full = if ways >= facts.ways as f64 {
            "full"
        } else {
            ""
        };
        let _ = write!(
            svg,
            "<rect class=\"bar {full}\" x=\"{:.2}\" y=\"{:.2}\" width=\"{:.2}\" height=\"{:.2}\"><title>set {set}: {ways:.2} of {} \
             ways</title></rect>",
            set as f64 * step,
            height - scale(ways),
            (step * 0.86).max(step - 2.0),
            scale(ways),
            facts.ways
        );
    }
    let sets = facts.occupancy.len();
    axis_text(&mut svg, &format!("set 0 to {}", sets.saturating_sub(1)));
    svg + "</svg>"
}

fn grid_line(svg: &mut String, y: f64, label: &str) {
    let _ = write!(
        svg,
        "<line class=\"grid\" x1=\"0\" x2=\"{}\" y1=\"{y:.2}\" y2=\"{y:.2}\"/><text class=\"tick\" x=\"-6\" \
         y=\"{:.2}\">{label}</text>",
        CHART[0],
        y + 4.0
    );
}

fn axis_text(svg: &mut String, text: &str) {
    let [width, height] = CHART;
    let _ = write!(
        svg,
        "<text class=\"title\" x=\"{}\" y=\"{}\">{text}</text>",
        width / 2.0,
        height + 22.0
    );
}

/// Shares of ZERO, HIT, MAU and MNU as one bar.
pub fn shares(states: [u64; 4]) -> String {
    let all = states.iter().sum::<u64>().max(1) as f64;
    let mut svg = String::from(
        "<svg class=\"shares\" viewBox=\"0 0 100 8\" preserveAspectRatio=\"none\" aria-hidden=\"true\">",
    );
    let mut x = 0.0;
    for (code, count) in (0u8..).zip(states) {
        let state = State::from_code(code).expect("four states");
        let width = 100.0 * count as f64 / all;
        let _ = write!(
            svg,
            "<rect class=\"{}\" x=\"{x:.3}\" width=\"{width:.3}\" height=\"8\"/>",
            class(state)
        );
        x += width;
    }
    svg + "</svg>"
}
