//! Campaigns of random cases: every number, every counter and, without stalls, every cycle.

use anyhow::{Context, Result, ensure};

use super::spoil::Spoiler;
use super::{Driver, JobRegs, Key, PacketDesign, Statistics};
use crate::cosim::pump::{Pump, Stalls};

/// A design that is tried with random cases, each of one or more jobs.
pub trait Random: PacketDesign {
    /// What is computed: a layer, a product.
    type Case;

    /// What a case is called.
    const ITEM: &'static str;
    /// What cases are called.
    const ITEMS: &'static str;
    /// Counters that depend on the host's pauses.
    const TIMED: &'static [Self::Reg];
    /// A job register.
    const LOCKED: Self::Reg;
    /// Whether a job that fails sends nothing but its trailer.
    const ALL_OR_NOTHING: bool;

    /// Case `number` of a seed.
    fn case(seed: u64, number: u64, config: &Self::Config) -> Self::Case;

    /// Its jobs, in the order in which they run.
    ///
    /// # Errors
    /// A case that cannot be made into jobs.
    fn jobs(case: &Self::Case, config: &Self::Config) -> Result<Vec<Job<Self>>>;

    /// What golden model and cycle model say that a job answers.
    ///
    /// # Errors
    /// A packet that does not follow the contract.
    fn expected(
        regs: &JobRegs<Self>,
        packet: &[u8],
        config: &Self::Config,
    ) -> Result<(Self::Output, Statistics<Self>)>;

    /// Compares the numbers of a job, and says how many they are.
    ///
    /// # Errors
    /// The first that differs, with both values.
    fn compare(got: &Self::Output, want: &Self::Output) -> Result<usize>;

    /// Compares what the jobs' answers add up to with the plain integer product.
    ///
    /// # Errors
    /// The first number that differs, with both values.
    fn verify(case: &Self::Case, outputs: &[Self::Output], config: &Self::Config) -> Result<()>;

    /// Products that the case takes when nothing is skipped.
    fn dense_multiplications(case: &Self::Case) -> u64;

    /// Counters of two jobs together.
    fn total(all: &Statistics<Self>, job: &Statistics<Self>) -> Statistics<Self>;

    /// The ways to spoil a job.
    fn spoilers(config: &Self::Config) -> Vec<&'static Spoiler<Self>>;

    /// Whether each of them can spoil this job.
    fn can_be_spoilt(job: &Job<Self>, config: &Self::Config) -> bool;
}

/// Registers and packet of a job.
pub struct Job<D: PacketDesign + ?Sized> {
    /// Job registers.
    pub regs: JobRegs<D>,
    /// Input packet: whole beats.
    pub packet: Vec<u8>,
}

/// What to run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Cases to run.
    pub cases: u64,
    /// Seed of cases and stalls.
    pub seed: u64,
    /// Probability of a pause, in each cycle of a stream and before each step of a register access.
    pub p_stall: f64,
    /// Run only the case of this number.
    pub only: Option<u64>,
}

/// Result of a campaign.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Report<S> {
    /// Cases run.
    pub cases: u64,
    /// Jobs run.
    pub jobs: u64,
    /// Numbers compared.
    pub numbers: u64,
    /// Counters of all jobs together.
    pub totals: S,
    /// Products that the cases take when nothing is skipped.
    pub dense_multiplications: u64,
    /// Cycles in which the host's pauses held up a stream.
    pub stalled: u64,
    /// First difference: number of the case, and what differs. The campaign ends there.
    #[serde(skip)]
    pub mismatch: Option<(u64, String)>,
}

/// Runs random cases on a device; `progress` is called after each.
///
/// # Errors
/// A stall probability that is none. All that goes wrong with a case is a mismatch, a device that hangs or breaks a protocol too.
pub fn run<D: Random>(
    driver: &mut Driver<Pump, D>,
    settings: &Settings,
    mut progress: impl FnMut(&Report<Statistics<D>>),
) -> Result<Report<Statistics<D>>> {
    let mut report = Report::default();
    let numbers = match settings.only {
        Some(number) => number..number + 1,
        None => 0..settings.cases,
    };
    for number in numbers {
        driver.bus().set_stalls(Stalls {
            probability: settings.p_stall,
            seed: settings.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        })?;
        let case = D::case(settings.seed, number, &driver.config);
        if let Err(error) = run_case(driver, &case, settings.p_stall, &mut report) {
            report.mismatch = Some((number, format!("{error:#}")));
            return Ok(report);
        }
        report.cases += 1;
        report.dense_multiplications += D::dense_multiplications(&case);
        progress(&report);
    }
    Ok(report)
}

fn run_case<D: Random>(
    driver: &mut Driver<Pump, D>,
    case: &D::Case,
    p_stall: f64,
    report: &mut Report<Statistics<D>>,
) -> Result<()> {
    let mut outputs = Vec::new();
    for (i, job) in D::jobs(case, &driver.config)?.into_iter().enumerate() {
        let output = run_job(driver, job, p_stall, report);
        outputs.push(output.with_context(|| format!("job {i}"))?);
        report.jobs += 1;
    }
    D::verify(case, &outputs, &driver.config)
}

/// Runs a job, compares it, and returns its numbers; the error says what differs.
fn run_job<D: Random>(
    driver: &mut Driver<Pump, D>,
    job: Job<D>,
    p_stall: f64,
    report: &mut Report<Statistics<D>>,
) -> Result<D::Output> {
    let (output, statistics) = D::expected(&job.regs, &job.packet, &driver.config)
        .context("the golden model refuses the packet")?;
    driver.bus().take_counts();
    let answer = driver.run(&job.regs, job.packet, limit::<D>(&statistics, p_stall))?;
    let stalled = driver.bus().take_counts().stalled;
    report.stalled += stalled;
    if let Some(error) = answer.error {
        let (name, doc) = (error.name(), error.doc());
        anyhow::bail!("the device ended the job with {name}: {doc}");
    }
    report.numbers += D::compare(&answer.output, &output)? as u64;
    compare_counters::<D>(&answer.statistics, &statistics, stalled)?;
    report.totals = D::total(&report.totals, &answer.statistics);
    Ok(answer.output)
}

/// Cycles within which a job must answer, pauses included.
pub(super) fn limit<D: PacketDesign>(counts: &Statistics<D>, p_stall: f64) -> u64 {
    let slow = 8.0 / (1.0 - p_stall);
    let work = [D::Reg::CYCLES, D::Reg::IN_BEATS, D::Reg::OUT_BEATS].map(|reg| reg.counter(counts));
    ((work.iter().sum::<u64>() + 1000) as f64 * slow) as u64
}

/// Counters that depend on time are equal when nothing was stalled; else the cycles have a bound.
fn compare_counters<D: Random>(
    got: &Statistics<D>,
    want: &Statistics<D>,
    stalled: u64,
) -> Result<()> {
    for (reg, want) in D::Reg::counters(want) {
        let (name, got) = (reg.entry().name, reg.counter(got));
        if stalled == 0 || !D::TIMED.contains(&reg) {
            ensure!(got == want, "{name} is {got}, the model has {want}");
        } else if reg == D::Reg::CYCLES {
            ensure!(
                (want..=want + stalled).contains(&got),
                "{name} is {got}, must be {want} and at most the {stalled} stalled cycles more"
            );
        }
    }
    Ok(())
}
