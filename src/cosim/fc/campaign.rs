//! Campaigns of random layers: every sum, every counter and, without stalls, every cycle.

use anyhow::{Context, Result};

use super::Driver;
use crate::config::fc::FcConfig;
use crate::cosim::pump::{Pump, Stalls};
use crate::crew::{Job, golden, model, random};
use crate::regmap::fc::{Reg, Statistics};

/// What to run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Layers to run.
    pub layers: u64,
    /// Seed of layers and stalls.
    pub seed: u64,
    /// Probability of a pause, in each cycle of a stream and before each step of a register access.
    pub p_stall: f64,
    /// Run only the layer of this number.
    pub only: Option<u64>,
}

/// Result of a campaign.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Report {
    /// Layers run.
    pub layers: u64,
    /// Jobs run.
    pub jobs: u64,
    /// Sums compared.
    pub sums: u64,
    /// Counters summed over all jobs.
    pub totals: Statistics,
    /// Products that a dense layer of the same shape takes.
    pub dense_multiplications: u64,
    /// Cycles in which the host's pauses held up a stream.
    pub stalled: u64,
    /// First difference: number of the layer, and what differs. The campaign ends there.
    #[serde(skip)]
    pub mismatch: Option<(u64, String)>,
}

/// Runs random layers on a device; `progress` is called after each.
///
/// # Errors
/// A device that hangs or breaks a protocol is a mismatch; an error is a layer that cannot be run at all.
pub fn run(
    driver: &mut Driver<Pump>,
    config: &FcConfig,
    settings: &Settings,
    mut progress: impl FnMut(&Report),
) -> Result<Report> {
    let mut report = Report::default();
    let numbers = match settings.only {
        Some(number) => number..number + 1,
        None => 0..settings.layers,
    };
    for number in numbers {
        let seed = settings.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        driver.bus().set_stalls(Stalls {
            probability: settings.p_stall,
            seed,
        })?;
        let case = random::case(settings.seed, number, config);
        let layer = case.layer(config)?;
        let mut result = layer.result(case.x.nrows());
        for (i, job) in layer.jobs(case.x.view())?.iter().enumerate() {
            let sums = match one_job(driver, config, job, settings.p_stall, &mut report) {
                Ok(sums) => sums,
                Err(error) => {
                    report.mismatch = Some((number, format!("job {i}: {error:#}")));
                    return Ok(report);
                }
            };
            layer.add(job, &sums, &mut result);
            report.jobs += 1;
        }
        let want = golden::dense_product(case.x.view(), case.weights.view());
        if let Some(((b, m), want)) = want.indexed_iter().find(|(at, want)| result[*at] != **want) {
            let got = result[[b, m]];
            report.mismatch = Some((
                number,
                format!(
                    "vector {b}, output {m}: the hardware adds up to {got}, the integer product is {want}"
                ),
            ));
            return Ok(report);
        }
        report.layers += 1;
        report.dense_multiplications += (case.weights.len() * case.x.nrows()) as u64;
        progress(&report);
    }
    Ok(report)
}

/// What a job must answer: sums and all counters.
///
/// # Errors
/// A packet that does not follow the contract.
pub fn expected(job: &Job, config: &FcConfig) -> Result<golden::Answer> {
    let answer = golden::run(&job.regs, &job.packet, config)?;
    let groups = model::groups(&job.regs, &job.packet, config)?;
    let counts = model::time(&job.regs, &groups, answer.counts, config);
    Ok(golden::Answer { counts, ..answer })
}

/// Cycles within which a job must answer, pauses included.
pub fn limit(counts: &Statistics, p_stall: f64) -> u64 {
    let slow = 8.0 / (1.0 - p_stall);
    ((counts.cycles + counts.in_beats + counts.out_beats + 1000) as f64 * slow) as u64
}

/// Runs a job, compares it, and returns its sums; the error says what differs.
fn one_job(
    driver: &mut Driver<Pump>,
    config: &FcConfig,
    job: &Job,
    p_stall: f64,
    report: &mut Report,
) -> Result<Vec<i32>> {
    let want = expected(job, config).context("the golden model refuses the packet")?;
    driver.bus().take_counts();
    let answer = driver.run(&job.regs, job.packet.clone(), limit(&want.counts, p_stall))?;
    let stalled = driver.bus().take_counts().stalled;
    report.stalled += stalled;
    if let Some(error) = answer.error {
        anyhow::bail!(
            "the device ended the job with {}: {}",
            error.name(),
            error.doc()
        );
    }
    compare_sums(&answer.sums, &want.sums)?;
    compare_counters(&answer.statistics, &want.counts, stalled)?;
    report.sums += answer.sums.len() as u64;
    report.totals = report.totals.plus(&answer.statistics);
    Ok(answer.sums)
}

fn compare_sums(got: &[i32], want: &[i32]) -> Result<()> {
    anyhow::ensure!(
        got.len() == want.len(),
        "{} sums in the output packet, {} expected",
        got.len(),
        want.len()
    );
    let differs = got.iter().zip(want).position(|(got, want)| got != want);
    match differs {
        Some(i) => anyhow::bail!(
            "sum {i} of the output packet is {}, golden has {}",
            got[i],
            want[i]
        ),
        None => Ok(()),
    }
}

/// Counters that depend on time are equal when nothing was stalled; else the cycles have a bound.
fn compare_counters(got: &Statistics, want: &Statistics, stalled: u64) -> Result<()> {
    let timed = [Reg::Cycles, Reg::StallWeights, Reg::StallProducts];
    for ((reg, got), (_, want)) in got.values().zip(want.values()) {
        let name = reg.register().name;
        if stalled == 0 || !timed.contains(&reg) {
            anyhow::ensure!(got == want, "{name} is {got}, the model has {want}");
        } else if reg == Reg::Cycles {
            anyhow::ensure!(
                (want..=want + stalled).contains(&got),
                "{name} is {got}, must be {want} and at most the {stalled} stalled cycles more"
            );
        }
    }
    Ok(())
}
