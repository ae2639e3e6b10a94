//! The page: one HTML file that needs nothing else.

use anyhow::Result;
use minijinja::value::Serde;
use minijinja::{Environment, Value, context};

use super::facts::Facts;
use super::figures;
use crate::reuse::{Mode, State};

/// What a state is called, and what it means.
const MEANINGS: [(&str, &str); 4] = [
    ("ZERO", "all elements are 0: skipped"),
    (
        "HIT",
        "an alike vector came before: its sums are used again",
    ),
    (
        "MAU",
        "first of its kind: computed, kept in an MCACHE entry",
    ),
    ("MNU", "no room in its MCACHE set, or no lookup: computed"),
];

/// A share in percent with one decimal.
fn percent(count: u64, all: u64) -> String {
    format!("{:.1}", 100.0 * count as f64 / all.max(1) as f64)
}

/// Digits of a count in threes, apart.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let threes = digits.as_bytes().rchunks(3).rev();
    let threes: Vec<_> = threes.map(String::from_utf8_lossy).collect();
    threes.join("\u{202f}")
}

/// The setting in words.
fn setting(facts: &Facts) -> String {
    let (n, bits, step) = (facts.projections, facts.bits, facts.step_log2);
    match facts.reuse.mode {
        Mode::Off => "off".into(),
        Mode::Zero => "zero: no signatures, only vectors of zeros are skipped".into(),
        Mode::Sign => format!("sign: {n} random projections, the sign of each"),
        Mode::Step => {
            format!(
                "step: {n} random projections in steps of 2^{step}, the low {bits} bits of each"
            )
        }
        Mode::Grid => {
            format!("grid: the elements in steps of 2^{step}, the low {bits} bits of each")
        }
    }
}

/// Draws the page.
///
/// # Errors
/// A template that does not render.
pub fn page(facts: &Facts) -> Result<String> {
    let mut environment = Environment::new();
    environment.add_template("page.html", include_str!("page.html"))?;
    let counted = |states: [u64; 4]| {
        let all = states.iter().sum();
        let one = |(code, &(name, meaning)): (usize, &(&'static str, &'static str))| {
            let state = State::from_code(code as u8).expect("four states");
            context! {
                name, meaning, class => figures::class(state),
                count => grouped(states[code]), share => percent(states[code], all),
            }
        };
        MEANINGS.iter().enumerate().map(one).collect::<Vec<_>>()
    };
    let mut here = [0; 4];
    for position in &facts.positions {
        here[usize::from(position.state.code())] += 1;
    }
    let rows: Vec<_> = facts
        .groups
        .iter()
        .map(|group| {
            context! {
                group => Value::from(Serde(group)), drawn => group.number == facts.drawn,
                states => counted(group.states), bar => figures::shares(group.states),
                relative => format!("{:.1}", 100.0 * group.loss.relative), rms => format!("{:.1}", group.loss.rms),
            }
        })
        .collect();
    let planes = facts.planes.iter().enumerate().map(|(i, plane)| {
        let range = plane.iter().fold((0, 0), |(l, h), &v| (v.min(l), v.max(h)));
        context! {
            channel => facts.group().channel + i, svg => figures::feature_map(facts, plane),
            low => range.0, high => range.1,
        }
    });
    let skipped = facts.states[0] + facts.states[1];
    let page = environment.get_template("page.html")?.render(context! {
        facts => Value::from(Serde(facts)), rows,
        group => Value::from(Serde(facts.group())),
        planes => planes.collect::<Vec<_>>(),
        setting => setting(facts),
        numbered => facts.output[1] <= figures::NUMBERED,
        looks_up => facts.reuse.mode.looks_up(),
        here => counted(here), all => counted(facts.states),
        all_bar => figures::shares(facts.states),
        accuracy => facts.subject.test_accuracy.map(|a| format!("{:.1}", 100.0 * a)),
        skipped => percent(skipped, facts.states.iter().sum()),
        cycles => grouped(facts.cost.cycles), dense_cycles => grouped(facts.cost.dense_cycles),
        macs => grouped(facts.cost.macs), detect_busy => grouped(facts.cost.detect_busy),
        stall_detect => grouped(facts.cost.stall_detect),
        speedup => facts.cost.speedup.map(|s| format!("{s:.2}")),
        relative => format!("{:.1}", 100.0 * facts.loss.relative), rms => format!("{:.1}", facts.loss.rms),
        result_error => format!("{:.1}", 100.0 * facts.result_error),
        state_map => figures::state_map(facts),
        sharing => figures::sharing(facts), occupancy => figures::occupancy(facts),
    })?;
    Ok(page)
}
