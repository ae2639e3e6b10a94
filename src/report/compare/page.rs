//! The page of the systems: one HTML file that needs nothing else.

use anyhow::Result;
use minijinja::{Environment, Value, context};

use super::super::mode::Mode;
use super::super::page::chart::{Axis, Chart, shape, short};
use super::super::page::{CHART_CSS, PAGE_CSS, points, range, title};
use super::super::summary::{MARGIN_PP, Verdict};
use super::advice::name;
use super::{Area, Cell, Comparison};

/// Class of a cell's mark: hollow on tensor cores where MERCURY has the mode, too.
fn class(cell: &Cell) -> String {
    let shared = cell.system != "mercury" && cell.mode < Mode::Delta;
    format!(
        "{}{}",
        cell.mode.name(),
        if shared { " hollow" } else { "" }
    )
}

fn label(cell: &Cell) -> String {
    match (cell.system, cell.mode) {
        ("mercury", mode) => title(mode).into(),
        (_, Mode::Dense) => "core".into(),
        (_, Mode::Elements) => "core, zeros".into(),
        (_, mode) => title(mode).into(),
    }
}

/// Accuracy against speed, all systems.
fn pareto(cells: &[Cell]) -> String {
    let interval = |c: &Cell| {
        let (mean, half) = (c.accuracy_delta_pp.unwrap_or(0.0), c.ci95_pp.unwrap_or(0.0));
        [(mean - half).max(mean - 3.0), (mean + half).min(mean + 3.0)]
    };
    // Modes that lose a lot stay at the lower edge: where the others are is what matters.
    let deltas = cells.iter().flat_map(interval).map(|d| d.max(-10.0));
    let deltas = range(deltas.chain([-1.0, 1.0]), 0.06);
    let fastest = cells.iter().map(|c| c.speedup).fold(1.0, f64::max);
    let slowest = cells.iter().map(|c| c.speedup).fold(1.0, f64::min);
    let mut chart = Chart::new(
        "accuracy against speedup of all systems",
        Axis::linear(
            "speed over the dense MERCURY array, ×",
            [0.95 * slowest, 1.0 + 1.2 * (fastest - 0.95)],
        ),
        Axis::linear("accuracy against dense, points", deltas),
        10.0,
    );
    chart.band("margin", [-MARGIN_PP, MARGIN_PP]);
    chart.level("zero-level", 0.0);
    let point = |cell: &Cell| [cell.speedup, cell.accuracy_delta_pp.unwrap_or(0.0)];
    for cell in cells {
        let delta = cell.delta().map_or("no dense run".into(), points);
        let text = format!("{}: {:.2}×, {delta} points", name(cell), cell.speedup);
        let half = cell.ci95_pp.filter(|half| *half > 0.0);
        chart.mark(&class(cell), point(cell), half, &text);
    }
    for cell in cells {
        chart.label(cell.mode.name(), point(cell), &label(cell));
    }
    chart.finish()
}

/// A line of a network's table.
fn line(cell: &Cell) -> Value {
    let verdict = cell.verdict();
    let tone = match verdict {
        Some(Verdict::Within | Verdict::NotWorse) => "good",
        Some(Verdict::Worse) => "bad",
        _ => "",
    };
    let over = cell
        .speedup_over_zero_elements
        .filter(|_| cell.mode.reuses());
    context! {
        name => name(cell), tone, speedup => format!("{:.2}", cell.speedup),
        own => format!("{:.2}", cell.speedup_over_own_dense), over => over.map(|s| format!("{s:.2}")),
        delta => match cell.mode.is_exact() {
            true => Some("exact".into()),
            false => cell.delta().map(points),
        },
        verdict => verdict.map(|v| v.to_string()), bytes => format!("{:.0}", 100.0 * cell.bytes), seeds => cell.seeds,
    }
}

fn network(cells: &[Cell]) -> Value {
    context! {
        net => cells[0].net.as_str(), pareto => pareto(cells),
        lines => cells.iter().map(line).collect::<Vec<_>>(),
    }
}

fn areas(areas: &[Area], multipliers: usize) -> Vec<Value> {
    let own: Vec<&Area> = areas
        .iter()
        .filter(|a| a.multipliers == multipliers as u64)
        .collect();
    own.iter().map(|a| area(a)).collect()
}

fn area(area: &Area) -> Value {
    context! {
        what => area.what.as_str(), preset => area.preset.as_str(), multipliers => area.multipliers, family => area.family.as_str(),
        lut => area.lut, lutram => area.lutram, ff => area.ff, dsp => area.dsp,
        ram => area.ram18, not_measured => area.not_measured,
    }
}

/// Draws the page.
///
/// # Errors
/// A template that does not render.
pub fn page(all: &Comparison) -> Result<String> {
    let mut environment = Environment::new();
    environment.add_template("compare.html", include_str!("compare.html"))?;
    let sections = all.classes().into_iter().rev().map(|multipliers| {
        let own: Vec<Cell> = all.cells.iter().filter(|c| c.multipliers == multipliers).cloned().collect();
        let mut presets: Vec<&str> = own.iter().map(|c| c.preset.as_str()).collect();
        presets.sort();
        presets.dedup();
        let nets = own.chunk_by(|a, b| a.net == b.net).map(network);
        context! { multipliers, presets => presets.join(" and "), nets => nets.collect::<Vec<_>>(), areas => areas(&all.areas, multipliers) }
    });
    let crew = all.crew.iter().map(|l| {
        context! {
            layer => l.layer.as_str(), bits => l.bits, bus => l.bus_w, one => format!("{:.2}", l.speedup),
            sixteen => l.speedup_16.map(|s| format!("{s:.2}")), left => short(100.0 * l.multiplications), storage => short(100.0 * l.storage),
        }
    });
    let mut modes: Vec<Mode> = all.cells.iter().map(|c| c.mode).collect();
    modes.sort();
    modes.dedup();
    let legend = modes.iter().map(|mode| {
        let mark = shape(mode.name(), [7.0, 7.0], title(*mode));
        context! { title => title(*mode), mark }
    });
    let few = all
        .cells
        .iter()
        .any(|c| c.seeds < super::super::ENOUGH_SEEDS);
    let crew_areas = all
        .areas
        .iter()
        .filter(|a| ["crew", "dense_fc"].contains(&a.design.as_str()));
    Ok(environment.get_template("compare.html")?.render(context! {
        chart_css => CHART_CSS, page_css => PAGE_CSS, sections => sections.collect::<Vec<_>>(), crew => crew.collect::<Vec<_>>(),
        crew_areas => crew_areas.map(area).collect::<Vec<_>>(), advice => &all.advice, missing => &all.missing, legend => legend.collect::<Vec<_>>(),
        few, enough => super::super::ENOUGH_SEEDS, margin => MARGIN_PP,
    })?)
}
