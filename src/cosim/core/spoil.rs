//! Jobs spoilt on purpose: each must end with the right error code, and the good job after it must be right.

use anyhow::{Context, Result, ensure};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::campaign::{Job, Random, limit};
use super::{Driver, Key, PacketDesign};
use crate::cosim::bus::{Bus, BusError};
use crate::cosim::pump::{Pump, Stalls};
use crate::regmap::Error;

/// A way to spoil a job, and the error that it must end with.
pub struct Spoiler<D: PacketDesign + ?Sized> {
    /// How.
    pub name: &'static str,
    /// The error.
    pub error: Error,
    /// Spoils it.
    pub spoil: fn(&mut Job<D>, &D::Config, &mut ChaCha8Rng),
}

/// What became of a job that was spoilt on purpose.
#[derive(Clone, Debug, serde::Serialize)]
pub struct SpoiltJob {
    /// How it was spoilt.
    pub name: &'static str,
    /// Error that it must end with.
    pub expected: &'static str,
    /// What went wrong, if anything.
    pub failure: Option<String>,
}

/// Spoils a job in every way, with and without stalls, and aborts one; every time a good job follows.
///
/// # Errors
/// A case that cannot be made into jobs.
pub fn run<D: Random>(driver: &mut Driver<Pump, D>, seed: u64) -> Result<Vec<SpoiltJob>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut paths = Vec::new();
    for spoiler in D::spoilers(&driver.config) {
        let mut failure = None;
        for probability in [0.0, 0.3] {
            driver.bus().set_stalls(Stalls { probability, seed })?;
            let config = driver.config.clone();
            let mut job = good_job::<D>(&config, seed, |job| D::can_be_spoilt(job, &config))?;
            (spoiler.spoil)(&mut job, &config, &mut rng);
            let spoilt = attempt(driver, job, spoiler.error);
            failure = failure.or(spoilt.and_then(|()| follow_up(driver, seed)).err());
        }
        paths.push(SpoiltJob {
            name: spoiler.name,
            expected: spoiler.error.name(),
            failure: failure.map(|e| format!("{e:#}")),
        });
    }
    driver.bus().set_stalls(Stalls::default())?;
    let aborted = abort(driver, seed);
    paths.push(SpoiltJob {
        name: "abort in the middle of a job",
        expected: Error::Aborted.name(),
        failure: aborted.err().map(|e| format!("{e:#}")),
    });
    Ok(paths)
}

/// The first job of the seed's cases that suits.
fn good_job<D: Random>(
    config: &D::Config,
    seed: u64,
    suits: impl Fn(&Job<D>) -> bool,
) -> Result<Job<D>> {
    for number in 0..1000 {
        let case = D::case(seed ^ 0x5015, number, config);
        if let Some(job) = D::jobs(&case, config)?.into_iter().find(&suits) {
            return Ok(job);
        }
    }
    anyhow::bail!("no random {} has a job that can be spoilt", D::ITEM)
}

fn attempt<D: Random>(driver: &mut Driver<Pump, D>, job: Job<D>, error: Error) -> Result<()> {
    let cycles = 100 * (job.packet.len() as u64 + 10_000);
    let answer = driver.run(&job.regs, job.packet, cycles)?;
    let name = |error: Option<Error>| error.map_or("none", Error::name);
    ensure!(
        answer.error == Some(error),
        "ended with error {}, must be {}",
        name(answer.error),
        error.name()
    );
    ensure!(
        !D::ALL_OR_NOTHING || answer.bytes == 0,
        "{} bytes left a job that failed",
        answer.bytes
    );
    Ok(())
}

fn follow_up<D: Random>(driver: &mut Driver<Pump, D>, seed: u64) -> Result<()> {
    let job = good_job::<D>(&driver.config, seed, |_| true)?;
    let (output, statistics) = D::expected(&job.regs, &job.packet, &driver.config)?;
    let answer = driver
        .run(&job.regs, job.packet, limit::<D>(&statistics, 0.3))
        .context("the good job after it")?;
    ensure!(
        answer.error.is_none() && answer.output == output,
        "the good job after it is wrong"
    );
    Ok(())
}

/// Starts a job, aborts it, and checks that registers are locked only while it runs.
fn abort<D: Random>(driver: &mut Driver<Pump, D>, seed: u64) -> Result<()> {
    let config = driver.config.clone();
    let job = good_job::<D>(&config, seed, |job| {
        D::can_be_spoilt(job, &config) && job.packet.len() > 16 * D::bus_bytes(&config)
    })?;
    driver.start(&job.regs, job.packet)?;
    let locked = driver.bus().write(D::LOCKED.address(), 1);
    ensure!(
        matches!(locked, Err(BusError::Refused { .. })),
        "a job register can be written while a job runs"
    );
    driver.abort()?;
    let code = driver.error_code()?;
    ensure!(code == Error::Aborted.code(), "ERROR is {code} after ABORT");
    follow_up(driver, seed)
}
