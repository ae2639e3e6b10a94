//! Campaigns of random products: every result, every counter and, without stalls, every cycle.

use anyhow::{Context, Result, ensure};
use ndarray::{Array2, s};

use super::{Answer, Driver};
use crate::acrtc::random::Case;
use crate::acrtc::{Cut, Mode, Settings, cuts, golden, model, pack, random};
use crate::config::tc::TcConfig;
use crate::cosim::pump::{Pump, Stalls};
use crate::engine::Drain;
use crate::numeric;
use crate::regmap::tc::{JobRegs, Reg, Statistics};

/// What to run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Campaign {
    /// Products to run.
    pub products: u64,
    /// Seed of products and stalls.
    pub seed: u64,
    /// Probability of a pause, in each cycle of a stream and before each step of a register access.
    pub p_stall: f64,
    /// Run only the product of this number.
    pub only: Option<u64>,
}

/// Result of a campaign.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Report {
    /// Products run.
    pub products: u64,
    /// Jobs run.
    pub jobs: u64,
    /// Results compared.
    pub results: u64,
    /// Counters summed over all jobs.
    pub totals: Statistics,
    /// Cycles in which the host's pauses held up a stream.
    pub stalled: u64,
    /// First difference: number of the product, and what differs. The campaign ends there.
    #[serde(skip)]
    pub mismatch: Option<(u64, String)>,
}

/// Runs random products on a device; `progress` is called after each.
///
/// # Errors
/// A device that hangs or breaks a protocol is a mismatch; an error is a product that cannot be run at all.
pub fn run(
    driver: &mut Driver<Pump>,
    config: &TcConfig,
    campaign: &Campaign,
    mut progress: impl FnMut(&Report),
) -> Result<Report> {
    let mut report = Report::default();
    let numbers = match campaign.only {
        Some(number) => number..number + 1,
        None => 0..campaign.products,
    };
    for number in numbers {
        driver.bus().set_stalls(Stalls {
            probability: campaign.p_stall,
            seed: campaign.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        })?;
        let case = random::case(campaign.seed, number, config);
        if let Err(error) = product(driver, config, &case, campaign.p_stall, &mut report) {
            report.mismatch = Some((number, format!("{error:#}")));
            return Ok(report);
        }
        report.products += 1;
        progress(&report);
    }
    Ok(report)
}

/// Runs the jobs of a product and compares each, and their sum with the plain product.
fn product(
    driver: &mut Driver<Pump>,
    config: &TcConfig,
    case: &Case,
    p_stall: f64,
    report: &mut Report,
) -> Result<()> {
    let (k, n) = case.b.dim();
    let mut sum = Array2::<i64>::zeros((case.a.nrows(), n));
    let mut drain = case.drain;
    for (i, cut) in cuts(case.a.nrows(), k, n, case.settings, case.drain, config)?
        .iter()
        .enumerate()
    {
        let packet = pack::packet(cut, case.a.view(), case.b.view(), config);
        let answer = one_job(driver, config, &cut.regs, packet, p_stall, report)
            .with_context(|| format!("job {i}"))?;
        let mut part = sum.slice_mut(s![.., cut.n.clone()]);
        part += &answer.results.slice(s![.., ..cut.n.len()]);
        if !cut.regs.shift_mode {
            drain = Drain::Raw;
        }
        report.jobs += 1;
    }
    let want = plain_product(case, drain, config);
    for ((at, got), want) in sum.indexed_iter().zip(&want) {
        ensure!(
            got == want,
            "row {}, output {}: the hardware gives {got}, the integer product is {want}",
            at.0,
            at.1
        );
    }
    Ok(())
}

/// u · B as the plain sum of products, drained.
fn plain_product(case: &Case, drain: Drain, config: &TcConfig) -> Array2<i64> {
    let bits = config.data_w as u32;
    let level = case.settings.level;
    let u = case.a.mapv(|v| i64::from(golden::quantise(v, level, bits)));
    let product = u.dot(&case.b.mapv(i64::from));
    match drain {
        Drain::Raw => product,
        Drain::Shift(shift) => product.mapv(|v| numeric::requantise(v, shift, bits).value.into()),
    }
}

/// What a job must answer: results and all counters.
///
/// # Errors
/// A packet that does not follow the contract.
pub fn expected(regs: &JobRegs, packet: &[u8], config: &TcConfig) -> Result<Answer> {
    let (a, b) = pack::read(regs, packet, config)?;
    let settings = Settings {
        mode: Mode::ALL[usize::from(regs.mode)],
        level: regs.level,
    };
    let drain = match regs.shift_mode {
        true => Drain::Shift(regs.shift),
        false => Drain::Raw,
    };
    let outcome = golden::run(a.view(), b.view(), settings, drain, config);
    let statistics = Statistics {
        fallback_shorter: outcome.decided.fallback_shorter,
        fallback_range: outcome.decided.fallback_range,
        saturations: outcome.saturations,
        max_abs: outcome.max_abs,
        ..model::time(regs, &outcome.decided.rows, config)
    };
    Ok(Answer {
        results: outcome.results,
        statistics,
        error: None,
    })
}

/// Cycles within which a job must answer, pauses included.
pub fn limit(counts: &Statistics, p_stall: f64) -> u64 {
    let slow = 8.0 / (1.0 - p_stall);
    ((counts.cycles + counts.in_beats + counts.out_beats + 1000) as f64 * slow) as u64
}

/// Runs a job and compares it; the error says what differs.
fn one_job(
    driver: &mut Driver<Pump>,
    config: &TcConfig,
    regs: &JobRegs,
    packet: Vec<u8>,
    p_stall: f64,
    report: &mut Report,
) -> Result<Answer> {
    let want = expected(regs, &packet, config)?;
    driver.bus().take_counts();
    let answer = driver.run(regs, packet, limit(&want.statistics, p_stall))?;
    let stalled = driver.bus().take_counts().stalled;
    report.stalled += stalled;
    if let Some(error) = answer.error {
        anyhow::bail!(
            "the device ended the job with {}: {}",
            error.name(),
            error.doc()
        );
    }
    for ((at, got), want) in answer.results.indexed_iter().zip(&want.results) {
        ensure!(
            got == want,
            "row {}, output {} of the job is {got}, golden has {want}",
            at.0,
            at.1
        );
    }
    compare_counters(&answer.statistics, &want.statistics, stalled)?;
    report.results += answer.results.len() as u64;
    report.totals = report.totals.with(&answer.statistics);
    Ok(answer)
}

/// Counters that depend on time are equal when nothing was stalled; else the cycles have a bound.
fn compare_counters(got: &Statistics, want: &Statistics, stalled: u64) -> Result<()> {
    let timed = [
        Reg::Cycles,
        Reg::StallWeights,
        Reg::StallInput,
        Reg::StallOutput,
    ];
    for ((reg, got), (_, want)) in got.values().zip(want.values()) {
        let name = reg.register().name;
        if stalled == 0 || !timed.contains(&reg) {
            ensure!(got == want, "{name} is {got}, the model has {want}");
        } else if reg == Reg::Cycles {
            ensure!(
                (want..=want + stalled).contains(&got),
                "{name} is {got}, must be {want} and at most the {stalled} stalled cycles more"
            );
        }
    }
    Ok(())
}

/// The first job of the seed's products that suits, with its packet.
pub(super) fn good_job(
    config: &TcConfig,
    seed: u64,
    suits: impl Fn(&Cut, &[u8]) -> bool,
) -> Result<(Cut, Vec<u8>)> {
    for number in 0..1000 {
        let case = random::case(seed ^ 0x5015, number, config);
        let (k, n) = case.b.dim();
        for cut in cuts(case.a.nrows(), k, n, case.settings, case.drain, config)? {
            let packet = pack::packet(&cut, case.a.view(), case.b.view(), config);
            if suits(&cut, &packet) {
                return Ok((cut, packet));
            }
        }
    }
    anyhow::bail!("no random product has a job that can be spoilt")
}
