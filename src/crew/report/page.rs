//! The page: one HTML file that needs nothing else.

use std::fmt::Write as _;

use anyhow::Result;
use minijinja::{Environment, Value, context};

use super::{
    AIM_MULTIPLICATIONS, AIM_OUTPUTS, AIM_OVER_UCNN, AIM_SPEED, AIM_STORAGE, BAR, Layer, Origin,
    Point, Report,
};
use crate::report::chart::{Axis, Chart};

/// A share in percent.
fn percent(share: f64) -> String {
    format!("{:.1}", 100.0 * share)
}

/// A count with its digits in threes.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let threes: Vec<_> = digits.as_bytes().rchunks(3).rev().collect();
    let threes: Vec<_> = threes
        .into_iter()
        .map(|three| String::from_utf8_lossy(three).into_owned())
        .collect();
    threes.join("\u{202f}")
}

/// The layer with its quantisation.
fn title(layer: &Layer) -> String {
    let merged = match layer.merge > 0.0 {
        true => format!(", merged {}", layer.merge),
        false => String::new(),
    };
    format!("{}, {} bits{merged}", layer.name, layer.bits)
}

/// Inputs by their number of unique weights.
fn histogram(layer: &Layer) -> String {
    let most = *layer.histogram.iter().max().unwrap_or(&1);
    let mut svg = format!(
        "<svg class=\"bars\" viewBox=\"0 0 {} 32\" role=\"img\" aria-label=\"unique weights of an input, 1 to 256\">",
        layer.histogram.len() * 8
    );
    for (i, &inputs) in layer.histogram.iter().enumerate() {
        let height = 30.0 * inputs as f64 / most.max(1) as f64;
        let _ = write!(
            svg,
            "<rect x=\"{}\" y=\"{:.1}\" width=\"7\" height=\"{:.1}\"><title>{} to {} unique weights: {inputs} inputs</title></rect>",
            8 * i,
            31.0 - height,
            height.max(0.5),
            BAR * i + 1,
            BAR * (i + 1)
        );
    }
    svg + "</svg>"
}

/// Speed over the dense array against batch, a line for each stream width, at so many adders for each multiplier.
fn speeds(layer: &Layer, lanes: usize) -> String {
    let points = || layer.points.iter().filter(|p| p.lanes == lanes);
    let largest = |value: fn(&Point) -> f64| points().map(value).fold(0.0, f64::max);
    let (batch, speed) = (largest(|p| p.batch as f64), largest(|p| p.speed));
    let ticks: Vec<f64> = (0..8)
        .map(|i| f64::from(1 << i))
        .filter(|b| *b <= batch)
        .collect();
    let mut chart = Chart::new(
        "speed over the dense array",
        Axis::log("vectors", [1.0, batch.max(2.0)]).with_ticks(ticks),
        Axis::linear("speed over dense, ×", [0.0, 1.08 * speed.max(AIM_SPEED)]),
        70.0,
    );
    chart.level("zero-level", 1.0);
    chart.level("aim", AIM_SPEED);
    let mut widths: Vec<usize> = points().map(|p| p.bus_w).collect();
    widths.dedup();
    let mut ends = Vec::new();
    for width in widths {
        let class = format!("w{width}");
        let line: Vec<&Point> = points().filter(|p| p.bus_w == width).collect();
        let places: Vec<[f64; 2]> = line.iter().map(|p| [p.batch as f64, p.speed]).collect();
        chart.line(&class, &places);
        for (point, place) in line.iter().zip(&places) {
            let text = format!(
                "{width} bits, {} vectors: {:.2}×, bound by {}",
                point.batch, point.speed, point.bound
            );
            chart.mark(&class, *place, None, &text);
        }
        if let Some([_, speed]) = places.last() {
            ends.push((class, *speed, format!("{width} bits")));
        }
    }
    chart.ends(ends);
    chart.finish()
}

fn row(layer: &Layer) -> Value {
    let summary = &layer.summary;
    let wide = summary.outputs >= AIM_OUTPUTS;
    let cell = |batch| {
        layer.point(512, batch, 4).map(|p| {
            context! {
                crew => grouped(p.crew.cycles), dense => grouped(p.dense.cycles), ucnn => grouped(p.ucnn.cycles),
                in_bytes => grouped(p.crew.in_bytes), dense_bytes => grouped(p.dense.in_bytes),
                speed => format!("{:.2}", p.speed), over_ucnn => format!("{:.2}", p.over_ucnn), bound => p.bound,
                met => p.speed >= AIM_SPEED,
            }
        })
    };
    context! {
        title => title(layer), shape => format!("{} × {}", summary.inputs, summary.outputs),
        histogram => histogram(layer), mean => format!("{:.0}", summary.mean_uniques), most => summary.max_uniques,
        left => percent(summary.multiplications_left),
        left_met => wide.then_some(summary.multiplications_left <= AIM_MULTIPLICATIONS),
        storage => percent(summary.storage), storage_met => summary.storage <= AIM_STORAGE,
        error => (layer.merge > 0.0).then(|| percent(layer.merged.relative_error)),
        one => cell(1), four => cell(4),
    }
}

/// A point of the sweep as a line of its table.
fn line(p: &Point) -> Value {
    context! {
        bus_w => p.bus_w, batch => p.batch, lanes => p.lanes, bound => p.bound,
        crew => grouped(p.crew.cycles), dense => grouped(p.dense.cycles), ucnn => grouped(p.ucnn.cycles),
        shared => p.ucnn_shared, speed => format!("{:.2}", p.speed), over_ucnn => format!("{:.2}", p.over_ucnn),
        met => p.speed >= AIM_SPEED, met_ucnn => p.over_ucnn >= AIM_OVER_UCNN,
    }
}

/// Draws the page.
///
/// # Errors
/// A template that does not render.
pub fn page(report: &Report) -> Result<String> {
    let mut environment = Environment::new();
    environment.add_template("page.html", include_str!("page.html"))?;
    let of = |origin: Origin| {
        let layers = report.layers.iter().filter(move |l| l.origin == origin);
        layers.map(row).collect::<Vec<_>>()
    };
    let swept = report.layers.iter().filter(|l| l.points.len() > 2);
    let sweeps = swept.map(|layer| {
        context! {
            title => title(layer), charts => [2, 4, 8].map(|lanes| context! { lanes, svg => speeds(layer, lanes) }),
            points => layer.points.iter().map(line).collect::<Vec<_>>(),
        }
    });
    let accuracy = report.accuracy.iter().map(|a| {
        context! {
            net => a.net.clone(), bits => a.bits, merge => (a.merge > 0.0).then_some(a.merge), accuracy => percent(a.accuracy),
        }
    });
    let area = report.area.iter().map(|(name, area)| {
        let total = |key: &str| grouped(area["total"][key].as_u64().unwrap_or(0));
        context! {
            name, lut => total("LUT"), lut_ram => total("LUTRAM"), ff => total("FF"), dsp => total("DSP"), ram => total("RAM18"),
        }
    });
    let page = environment.get_template("page.html")?.render(context! {
        command => report.command.clone(),
        trained => of(Origin::Trained), drawn => of(Origin::Drawn), files => of(Origin::File),
        sweeps => sweeps.collect::<Vec<_>>(), accuracy => accuracy.collect::<Vec<_>>(), area => area.collect::<Vec<_>>(),
        aim_speed => AIM_SPEED, aim_over_ucnn => AIM_OVER_UCNN, aim_outputs => AIM_OUTPUTS,
        aim_left => percent(AIM_MULTIPLICATIONS), aim_storage => percent(AIM_STORAGE),
    })?;
    Ok(page)
}
