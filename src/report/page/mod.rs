//! The page of a comparison: one HTML file that needs nothing else.

pub(crate) mod chart;
mod figures;
mod layers;

use anyhow::Result;
use minijinja::{Environment, Value, context};

use super::mode::{Key, Mode};
use super::record::Record;
use super::summary::{Interval, MARGIN_PP, Mean, Report, Summary, Verdict};
use chart::short;
pub(super) use figures::{range, title};

/// A setting in words, with its unit.
fn what(key: Key) -> &'static str {
    match key {
        Key::Bits => "bits of a projection",
        Key::Projections => "projections of a signature",
        Key::Finer => "halvings of the step",
        Key::KTarget => "group size K_T, elements",
        Key::Ways => "MCACHE ways",
        Key::Entries => "MCACHE entries",
        Key::Tile => "tile, positions",
        Key::Level => "level: low bits rounded away",
    }
}

/// A difference in points with its interval.
pub(super) fn points(delta: Interval) -> String {
    let sign = if delta.mean > 0.0 { "+" } else { "" };
    let mean = format!("{sign}{:.2}", delta.mean).replace('-', "\u{2212}");
    match delta.half {
        Some(half) => format!("{mean} ± {half:.2}"),
        None => mean,
    }
}

/// A verdict's colour.
fn class(verdict: Option<Verdict>) -> &'static str {
    match verdict {
        Some(Verdict::Within | Verdict::NotWorse) => "good",
        Some(Verdict::Worse) => "bad",
        Some(Verdict::NotResolved) => "open",
        None => "",
    }
}

/// One cell of the table.
fn cell(summary: &Summary) -> Value {
    let verdict = summary.verdict().filter(|_| summary.mode != Mode::Dense);
    context! {
        mode => title(summary.mode), mark => summary.mode.name(), class => class(verdict),
        speedup => format!("{:.2}", summary.speedup),
        over => summary.speedup_over_zero_elements.filter(|_| summary.mode.reuses()).map(|s| format!("{s:.2}")),
        delta => summary.delta().map(points),
        accuracy => format!("{:.1}", 100.0 * summary.accuracy),
        verdict => verdict.map(|v| v.to_string()),
        dense => summary.mode == Mode::Dense,
    }
}

/// One cell of the line of means.
fn mean_cell(mean: &Mean) -> Value {
    let delta = mean.delta().filter(|_| mean.mode != Mode::Dense);
    let verdict = delta.map(|d| Verdict::of_mode(mean.mode, d));
    context! {
        class => class(verdict), speedup => format!("{:.2}", mean.speedup),
        over => mean.speedup_over_zero_elements.filter(|_| mean.mode.reuses()).map(|s| format!("{s:.2}")),
        delta => delta.map(points), verdict => verdict.map(|v| v.to_string()),
    }
}

/// The table of one size: networks by modes, and the means of the convolutional ones.
fn table(report: &Report, preset: &str, modes: &[Mode]) -> Value {
    let of_preset: Vec<&Summary> = report
        .summary
        .iter()
        .filter(|s| s.preset == preset)
        .collect();
    let nets = of_preset.chunk_by(|a, b| a.net == b.net);
    let row = |net: &[&Summary]| {
        let find = |mode: &Mode| net.iter().find(|s| s.mode == *mode).map(|s| cell(s));
        let seeds = net.iter().map(|s| s.seeds).min();
        context! { net => net[0].net.as_str(), seeds, cells => modes.iter().map(find).collect::<Vec<_>>() }
    };
    let means: Vec<&Mean> = (report.convolutional.iter())
        .filter(|m| m.preset == preset)
        .collect();
    let mean = |mode: &Mode| means.iter().find(|m| m.mode == *mode).map(|m| mean_cell(m));
    context! {
        preset, rows => nets.map(row).collect::<Vec<_>>(),
        means => modes.iter().map(mean).collect::<Vec<_>>(),
        seeds => means.iter().map(|m| m.seeds).min(),
        convolutional => !means.is_empty(),
    }
}

/// Runs of one network and size, sweeps apart.
fn runs<'r>(records: &'r [Record], preset: &str, net: &str) -> Vec<&'r Record> {
    let own = |r: &&Record| r.change.is_none() && r.config.name() == preset && r.net == net;
    records.iter().filter(own).collect()
}

/// Cycles, compute cycles and bytes of a cell as shares of dense ones.
fn costs(report: &Report, preset: &str, net: &str, modes: &[Mode]) -> Vec<Value> {
    let sums = |mode: Mode| {
        let own = report.rows.iter();
        let own = own.filter(|r| r.preset == preset && r.net == net && r.mode == mode);
        own.fold([0.0; 4], |sum, r| {
            let values = [r.cycles, r.compute_cycles, r.bytes, r.dense_cycles];
            std::array::from_fn(|i| sum[i] + values[i] as f64)
        })
    };
    let dense = sums(Mode::Dense);
    let line = |&mode: &Mode| {
        let [cycles, compute, bytes, dense_cycles] = sums(mode);
        let [_, dense_compute, dense_bytes, own_dense] = dense;
        // The modes may have different numbers of seeds: all is by dense cycles of the same runs.
        let share = |value: f64, of: f64| {
            let expected = of / own_dense * dense_cycles;
            (expected > 0.0 && value > 0.0).then(|| format!("{:.1}", 100.0 * value / expected))
        };
        (cycles > 0.0).then(|| {
            context! {
                mode => title(mode), mark => mode.name(),
                cycles => format!("{:.1}", 100.0 * cycles / dense_cycles),
                compute => share(compute, dense_compute), bytes => share(bytes, dense_bytes),
                busy => format!("{:.1}", 100.0 * compute / cycles),
            }
        })
    };
    modes.iter().filter_map(line).collect()
}

/// The pictures of one network on one size.
fn pictures(
    report: &Report,
    records: &[Record],
    preset: &str,
    net: &str,
    modes: &[Mode],
    fastest: f64,
) -> Value {
    let cells: Vec<&Summary> = report
        .summary
        .iter()
        .filter(|s| s.preset == preset && s.net == net)
        .collect();
    let runs = runs(records, preset, net);
    let reuse = modes
        .iter()
        .rev()
        .find(|m| m.looks_up() && **m != Mode::Adaptive);
    let reuse = reuse.filter(|m| cells.iter().any(|c| c.mode == **m));
    context! {
        net,
        pareto => figures::pareto(&cells), loss => figures::loss(&runs),
        steps => figures::steps(&cells, fastest),
        shares => reuse.map(|m| layers::shares(&runs, *m)),
        errors => layers::errors(&runs), decisions => layers::decisions(&runs),
        costs => costs(report, preset, net, modes),
    }
}

/// What was trained, on what, and for how long.
fn facts(records: &[Record]) -> Value {
    let mut nets: Vec<(&str, Value)> = vec![];
    for record in records.iter().filter(|r| r.change.is_none()) {
        let known = nets.iter().any(|(net, _)| *net == record.net);
        if let Some(finished) = record.finished().filter(|_| !known) {
            let report = &finished.report;
            let value = context! {
                net => record.net.as_str(), data => record.data.as_str(), train => record.images[0], test => record.images[1],
                epochs => report.epochs.len(), batch => report.options.hyper.batch,
                macs => short(report.forward_macs_per_image as f64 / 1e6),
            };
            nets.push((&record.net, value));
        }
    }
    let seconds: f64 = records
        .iter()
        .filter_map(|r| Some(r.finished()?.report.totals.seconds))
        .sum();
    context! {
        nets => nets.into_iter().map(|(_, v)| v).collect::<Vec<_>>(),
        runs => records.len(), hours => format!("{:.1}", seconds / 3600.0),
        failed => records.iter().filter(|r| r.finished().is_none()).map(|r| r.label.clone()).collect::<Vec<_>>(),
    }
}

/// The sweeps: a setting a row of pictures.
fn sweeps(report: &Report) -> Vec<Value> {
    let mut groups: Vec<(&super::SweepRow, Vec<&super::SweepRow>)> = vec![];
    for row in &report.sweeps {
        let same = |g: &&mut (&super::SweepRow, Vec<_>)| {
            (&g.0.preset, &g.0.net, g.0.key) == (&row.preset, &row.net, row.key)
        };
        match groups.iter_mut().find(same) {
            Some((_, rows)) => rows.push(row),
            None => groups.push((row, vec![row])),
        }
    }
    let group = |(first, rows): (&super::SweepRow, Vec<&super::SweepRow>)| {
        let [speed, accuracy] = figures::sweep(&rows);
        let seeds = rows.iter().map(|r| r.seeds).min();
        context! { what => what(first.key), net => first.net.as_str(), preset => first.preset.as_str(), seeds, speed, accuracy }
    };
    groups.into_iter().map(group).collect()
}

/// Style of charts, by themselves and on the page.
pub(super) const CHART_CSS: &str = include_str!("chart.css");

/// Style of the pages around the charts.
pub(super) const PAGE_CSS: &str = include_str!("page.css");

/// Accuracy against speed of every network on one size, as a picture by itself.
pub fn pareto_sheet(report: &Report, preset: &str) -> String {
    const COLUMNS: usize = 3;
    const TITLE: f64 = 26.0;
    const GAP: f64 = 24.0;
    let [width, height] = [chart::SIZE[0] + GAP, chart::SIZE[1] + TITLE + GAP];
    let own = || report.summary.iter().filter(|s| s.preset == preset);
    let mut nets: Vec<&str> = own().map(|s| s.net.as_str()).collect();
    nets.dedup();
    let mut charts = String::new();
    for (i, net) in nets.iter().enumerate() {
        let cells: Vec<&Summary> = own().filter(|s| s.net == *net).collect();
        let (x, y) = (
            (i % COLUMNS) as f64 * width + GAP / 2.0,
            (i / COLUMNS) as f64 * height + TITLE,
        );
        let place = format!(
            "<svg x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\" ",
            chart::SIZE[0],
            chart::SIZE[1]
        );
        charts += &format!(
            "<text class=\"head\" x=\"{x}\" y=\"{}\">{}</text>\n",
            y - 8.0,
            chart::escape(net)
        );
        charts += &figures::pareto(&cells).replacen("<svg ", &place, 1);
        charts.push('\n');
    }
    let all = [
        width * COLUMNS.min(nets.len()) as f64,
        height * nets.len().div_ceil(COLUMNS) as f64,
    ];
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" width=\"{0}\" font-family=\"system-ui, sans-serif\">\n\
         <style>{CHART_CSS}text.head {{ font-size: 14px; font-weight: 600; }}</style>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n{charts}</svg>\n",
        all[0], all[1]
    )
}

/// Draws the page.
///
/// # Errors
/// A template that does not render.
pub fn page(name: &str, report: &Report, records: &[Record]) -> Result<String> {
    let mut environment = Environment::new();
    environment.add_template("page.html", include_str!("page.html"))?;
    let mut modes: Vec<Mode> = report.summary.iter().map(|s| s.mode).collect();
    modes.sort();
    modes.dedup();
    let presets = report.presets();
    let sections = presets.iter().rev().map(|preset| {
        let mut nets: Vec<&str> = report
            .summary
            .iter()
            .filter(|s| s.preset == *preset)
            .map(|s| s.net.as_str())
            .collect();
        nets.dedup();
        let own = report.summary.iter().filter(|s| s.preset == *preset);
        let fastest = own.map(|s| s.speedup).fold(1.0, f64::max);
        let own = report.summary.iter().filter(|s| s.preset == *preset);
        let mut modes: Vec<Mode> = own.map(|s| s.mode).collect();
        modes.sort();
        modes.dedup();
        let drawn = nets.iter().map(|net| pictures(report, records, preset, net, &modes, fastest));
        context! { preset => *preset, modes => named(&modes), table => table(report, preset, &modes), nets => drawn.collect::<Vec<_>>() }
    });
    let reuse = modes
        .iter()
        .rev()
        .find(|m| m.looks_up() && **m != Mode::Adaptive);
    let few = report.summary.iter().any(Summary::has_few_seeds);
    Ok(environment.get_template("page.html")?.render(context! {
        chart_css => CHART_CSS, page_css => PAGE_CSS, name, modes => named(&modes),
        sections => sections.collect::<Vec<_>>(), sweeps => sweeps(report), facts => facts(records),
        shown => reuse.map(|m| title(*m)), few, adapts => modes.iter().any(|m| matches!(m, Mode::Adaptive | Mode::Acrtc)), enough => super::ENOUGH_SEEDS, margin => MARGIN_PP,
    })?)
}

/// Names and marks of modes.
fn named(modes: &[Mode]) -> Vec<Value> {
    let one = |m: &Mode| context! { title => title(*m), mark => m.name(), shape => legend(*m) };
    modes.iter().map(one).collect()
}

/// A mode's mark for the legend.
fn legend(mode: Mode) -> String {
    let mark = chart::shape(mode.name(), [7.0, 7.0], title(mode));
    format!("<svg class=\"key\" viewBox=\"0 0 14 14\" aria-hidden=\"true\">{mark}</svg>")
}
