//! When to choose which: sentences that follow from the numbers.

use super::super::page::{points as in_points, title};
use super::super::summary::{MARGIN_PP, Verdict};
use super::area::{Area, CrewLayer, find};
use super::{Cell, mean};
use crate::report::Mode;

/// Sentences about each number of multipliers, then about CREW.
pub fn of(cells: &[Cell], areas: &[Area], crew: &[CrewLayer]) -> Vec<String> {
    let mut all = vec![];
    let classes = cells.chunk_by(|a, b| a.multipliers == b.multipliers);
    for class in classes {
        let nets: Vec<&[Cell]> = class.chunk_by(|a, b| a.net == b.net).collect();
        all.extend(exact(&nets));
        all.extend(inexact(&nets));
        all.extend(reuse(class, &nets));
        all.extend(bytes(class));
        all.extend(area(class[0].multipliers, class, areas));
    }
    all.extend(layers(crew));
    all
}

/// Name of a system in a mode.
pub fn name(cell: &Cell) -> String {
    let system = match cell.system {
        "mercury" => "MERCURY",
        _ => "the tensor core",
    };
    match cell.mode {
        Mode::Dense => format!("{system} without skipping"),
        Mode::Zero => format!("{system}, zero vectors"),
        Mode::Elements => format!("{system}, zero elements"),
        Mode::Delta => "the tensor core, differences".into(),
        Mode::Crtc => "CRTC".into(),
        Mode::Acrtc => "ACRTC".into(),
        mode => format!("MERCURY, {mode}"),
    }
}

fn multipliers(nets: &[&[Cell]]) -> usize {
    nets[0][0].multipliers
}

/// The fastest of some cells.
fn fastest<'c>(cells: impl Iterator<Item = &'c Cell>) -> Option<&'c Cell> {
    cells.max_by(|a, b| a.speedup.total_cmp(&b.speedup))
}

/// Choices of several networks in words, equal ones together.
fn choices(of_nets: &[&Cell]) -> String {
    let mut groups: Vec<(String, Vec<String>)> = vec![];
    for cell in of_nets {
        let text = format!("{} ({:.2}×)", cell.net, cell.speedup);
        let name = name(cell);
        match groups.iter_mut().find(|(known, _)| *known == name) {
            Some((_, nets)) => nets.push(text),
            None => groups.push((name, vec![text])),
        }
    }
    let texts = groups
        .into_iter()
        .map(|(name, nets)| format!("{name} on {}", nets.join(", ")));
    texts.collect::<Vec<_>>().join("; ")
}

fn exact(nets: &[&[Cell]]) -> Option<String> {
    let best = nets
        .iter()
        .filter_map(|net| fastest(net.iter().filter(|c| c.mode.is_exact())));
    let best: Vec<&Cell> = best.collect();
    (!best.is_empty()).then(|| {
        format!(
            "Results must not change, {} multipliers: the fastest is {}.",
            multipliers(nets),
            choices(&best)
        )
    })
}

/// The fastest whose interval excludes a loss of more than the margin, where that is faster than every exact one.
fn inexact(nets: &[&[Cell]]) -> Vec<String> {
    let safe = |cell: &&Cell| matches!(cell.verdict(), Some(Verdict::Within | Verdict::NotWorse));
    let (mut proven, mut open, mut none) = (vec![], vec![], vec![]);
    for net in nets {
        let exact = fastest(net.iter().filter(|c| c.mode.is_exact())).map_or(0.0, |c| c.speedup);
        let faster = || net.iter().filter(|c| c.speedup > exact);
        if let Some(best) = fastest(faster().filter(safe)) {
            proven.push(best);
        } else if let Some(best) =
            fastest(faster().filter(|c| c.verdict() == Some(Verdict::NotResolved)))
        {
            open.push(best);
        } else {
            none.push(net[0].net.as_str());
        }
    }
    let multipliers = multipliers(nets);
    let mut all = vec![];
    if !proven.is_empty() {
        all.push(format!(
            "At most {MARGIN_PP} points of accuracy may be lost, {multipliers} multipliers: {}, by the 95 % interval.",
            choices(&proven)
        ));
    }
    if !open.is_empty() {
        let points = |c: &Cell| match c.delta() {
            Some(d) => format!("{} points on {}", in_points(d), c.net),
            None => c.net.clone(),
        };
        let points: Vec<String> = open.iter().map(|c| points(c)).collect();
        all.push(format!(
            "With {multipliers} multipliers no inexact mode that is faster than the exact ones is proven to lose at most {MARGIN_PP} points \
             on these networks; the fastest that may is {} ({}): more seeds decide.",
            choices(&open),
            points.join(", ")
        ));
    }
    if !none.is_empty() {
        all.push(format!(
            "With {multipliers} multipliers nothing inexact pays on {}: every faster mode costs more than {MARGIN_PP} points.",
            none.join(", ")
        ));
    }
    all
}

/// What reuse adds to the skipping of zeros, in both systems.
fn reuse(class: &[Cell], nets: &[&[Cell]]) -> Option<String> {
    let over = |mode: Mode| {
        let own = class.iter().filter(|c| c.mode == mode);
        let gain = mean(own, |c| c.speedup_over_zero_elements)?;
        Some(format!("{} {gain:.2}×", title(mode)))
    };
    let modes = [
        Mode::Sign,
        Mode::Step,
        Mode::Grid,
        Mode::Fine,
        Mode::Adaptive,
        Mode::Delta,
        Mode::Crtc,
        Mode::Acrtc,
    ];
    let gains: Vec<String> = modes.into_iter().filter_map(over).collect();
    let skips = |cell: &&Cell| cell.mode == Mode::Elements;
    let both: Vec<&[Cell]> = nets
        .iter()
        .copied()
        .filter(|net| net.iter().filter(skips).count() == 2)
        .collect();
    let zeros = |system: &'static str| {
        let cells = both.iter().flat_map(|net| net.iter());
        let own = cells.filter(move |c| c.system == system && c.mode == Mode::Elements);
        mean(own, |c| Some(c.speedup_over_own_dense))
    };
    let (array, core) = (zeros("mercury")?, zeros("tensor core")?);
    (!gains.is_empty()).then(|| {
        format!(
            "Where the speed comes from: skipping zero elements alone gives {array:.2}× on the MERCURY array and {core:.2}× on the tensor core \
             (geometric mean of {} networks, each against itself without skipping). Beyond that, against the same core with zero elements \
             skipped: {}.",
            both.len(),
            gains.join(", ")
        )
    })
}

/// What goes through the streams.
fn bytes(class: &[Cell]) -> Option<String> {
    let own = class
        .iter()
        .filter(|c| c.system == "tensor core" && c.mode == Mode::Dense);
    let times = mean(own, |c| Some(c.bytes))?;
    Some(format!(
        "Bandwidth with {} multipliers: the tensor core moves {times:.2}× the bytes of the MERCURY array without skipping, because every row \
         brings all elements of its patch; where memory is the limit, that decides.",
        class[0].multipliers
    ))
}

/// What it costs in look-up tables.
fn area(multipliers: usize, class: &[Cell], areas: &[Area]) -> Option<String> {
    let of = |design: &'static str, reuse| find(areas, design, reuse, multipliers);
    let overhead = |design: &'static str, dense: &'static str| {
        let (with, without) = (of(design, true)?, of(dense, false)?);
        Some(with.lut as f64 / without.lut as f64)
    };
    let mut parts = vec![];
    if let Some(times) = overhead("mercury", "mercury") {
        parts.push(format!(
            "MERCURY takes {times:.2}× the look-up tables of its array without reuse"
        ));
    }
    if let Some(times) = overhead("acrtc", "dense_tc") {
        parts.push(format!(
            "ACRTC takes {times:.2}× the look-up tables of its core without reuse"
        ));
    }
    if let (Some(mercury), Some(acrtc)) = (of("mercury", true), of("acrtc", true)) {
        let best = |system: &str| {
            let own = class
                .iter()
                .filter(|c| c.system == system && c.mode.reuses());
            let modes: std::collections::BTreeSet<Mode> = own.clone().map(|c| c.mode).collect();
            let mean_of = |mode| {
                mean(own.clone().filter(move |c| c.mode == mode), |c| {
                    Some(c.speedup)
                })
            };
            modes.into_iter().filter_map(mean_of).max_by(f64::total_cmp)
        };
        let [array, core] = [("mercury", mercury), ("tensor core", acrtc)]
            .map(|(system, area)| best(system).map(|s| 1000.0 * s / area.lut as f64));
        if let (Some(array), Some(core)) = (array, core) {
            parts.push(format!(
                "the speed of the fastest mode, whatever its accuracy, over the dense MERCURY array, for each thousand look-up tables: MERCURY {array:.2}×, \
                 ACRTC {core:.2}×"
            ));
        }
    }
    (!parts.is_empty())
        .then(|| format!("Area with {multipliers} multipliers: {}.", parts.join("; ")))
}

fn layers(crew: &[CrewLayer]) -> Option<String> {
    let range = |values: Vec<f64>| {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(0.0, f64::max);
        format!("{low:.2}–{high:.2}×")
    };
    let eight: Vec<&CrewLayer> = crew.iter().filter(|l| l.bits == 8).collect();
    let bus = eight.first()?.bus_w;
    let one = range(eight.iter().map(|l| l.speedup).collect());
    let sixteen: Vec<f64> = eight.iter().filter_map(|l| l.speedup_16).collect();
    let batch = match sixteen.is_empty() {
        true => String::new(),
        false => format!(", {} with 16 vectors", range(sixteen)),
    };
    Some(format!(
        "Inference of fully connected layers with fixed weights: CREW, which does not train. With 8-bit weights on a {bus}-bit stream it is \
         {one} as fast as its dense array for single vectors{batch}."
    ))
}
