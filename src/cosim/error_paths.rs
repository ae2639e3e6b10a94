//! Error paths: jobs spoilt on purpose must end with the right code, and the next good job must be right.

mod reuse;
mod spoil;

use anyhow::{Context, Result, ensure};

use super::bus::{Bus, BusError};
use super::campaign::{Testbench, cycle_bound};
use super::case::{Case, Draw};
use super::compare;
use super::driver::Driver;
use super::pump::Stalls;
use crate::config::Config;
use crate::regmap::{Access, Error, JobRegs, REGISTERS, Reg, words};
use crate::reuse::Mode;

use spoil::Spoil;

/// Operations searched for one that an error path can be made of.
const SEARCHED: u64 = 500;
/// Input beats of a job that is still running some register accesses after its start, if the host is [`SLOW`].
const LONG: u64 = 30;
/// Pauses that keep a job busy.
const SLOW: Stalls = Stalls {
    probability: 0.9,
    seed: 0,
};

/// Outcome of one error path.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Path {
    /// What was done.
    pub name: &'static str,
    /// Code that must come, by name.
    pub expected: &'static str,
    /// Why it failed, if it did; none of the operations searched can be spoilt in this way: skipped.
    pub failure: Option<String>,
    /// No operation could be spoilt in this way on this configuration.
    pub skipped: bool,
}

/// Runs all error paths on operations of a campaign, each followed by the same operation unspoilt.
///
/// # Errors
/// What keeps operations from being drawn. A path that fails is no error.
pub fn run<B: Testbench>(driver: &mut Driver<B>, config: &Config, seed: u64) -> Result<Vec<Path>> {
    let mut paths = Vec::new();
    let reused: &[(&str, Error, Spoil)] = if config.reuse { reuse::SPOILT } else { &[] };
    let dense = spoil::SPOILT.iter().map(|path| (Mode::Off, path));
    let reused = reused.iter().map(|path| (Mode::Step, path));
    for (mode, (name, expected, spoil)) in dense.chain(reused) {
        let mut found = None;
        for index in 0..SEARCHED {
            let case = Case::new(config, Draw::Mode(mode), seed, index)?;
            let Some(job) = case.random.plan.jobs.first() else {
                continue;
            };
            if let Some(spoilt) = spoil(job, config, &case.jobs[0].input) {
                found = Some((case, spoilt));
                break;
            }
        }
        let Some((case, (regs, packet))) = found else {
            paths.push(Path {
                name,
                expected: expected.name(),
                failure: None,
                skipped: true,
            });
            continue;
        };
        let outcome = refused(driver, config, &case, &regs, packet, *expected)
            .and_then(|()| good(driver, config, &case));
        paths.push(path(name, expected.name(), outcome));
    }
    let long = |case: &Case| {
        case.jobs
            .first()
            .is_some_and(|job| job.statistics.in_beats >= LONG)
    };
    let case = (0..SEARCHED)
        .map(|index| Case::new(config, Draw::Mode(Mode::Off), seed, index))
        .find(|case| case.as_ref().map_or(true, long));
    let case = case.context("no operation with a long packet")??;
    for (name, expected, path_of) in [
        (
            "registers while busy",
            "SLVERR",
            busy as fn(&mut Driver<B>, &Config, &Case) -> Result<()>,
        ),
        ("abort", Error::Aborted.name(), abort),
    ] {
        driver.bus().set_stalls(SLOW)?;
        let outcome = path_of(driver, config, &case);
        driver.bus().set_stalls(Stalls::default())?;
        paths.push(path(
            name,
            expected,
            outcome.and_then(|()| good(driver, config, &case)),
        ));
    }
    paths.push(path(
        "registers that are not there or not writable",
        "SLVERR",
        addresses(driver),
    ));
    Ok(paths)
}

fn path(name: &'static str, expected: &'static str, outcome: Result<()>) -> Path {
    Path {
        name,
        expected,
        failure: outcome.err().map(|error| format!("{error:#}")),
        skipped: false,
    }
}

/// The spoilt job must end with the code, in the trailer and in the register.
fn refused<B: Bus>(
    driver: &mut Driver<B>,
    config: &Config,
    case: &Case,
    regs: &JobRegs,
    packet: Vec<u8>,
    expected: Error,
) -> Result<()> {
    // A loop that does not end issues this many elements before its position is out of range.
    let endless = (config.tile * config.k_max) as u64;
    let bound = cycle_bound(&case.jobs[0].statistics, 0.0) + endless;
    let answer = driver.attempt(regs, packet, bound)?;
    ensure!(
        answer.error == Some(expected),
        "it ended with {}, not {}",
        answer.error.map_or("no error", Error::name),
        expected.name()
    );
    Ok(())
}

/// All jobs of the operation, unspoilt.
fn good<B: Bus>(driver: &mut Driver<B>, config: &Config, case: &Case) -> Result<()> {
    for (job, expected) in case.random.plan.jobs.iter().zip(&case.jobs) {
        let answer = driver
            .run(
                &job.regs,
                expected.input.clone(),
                cycle_bound(&expected.statistics, 0.0),
            )
            .context("the good job behind it")?;
        compare::packets(job, config, &answer.packet, &expected.output)
            .map_err(|difference| anyhow::anyhow!("the good job behind it: {}", difference.text))?;
    }
    Ok(())
}

/// Job registers and START are locked while a job runs, and the attempt changes nothing: the job comes out right.
fn busy<B: Testbench>(driver: &mut Driver<B>, config: &Config, case: &Case) -> Result<()> {
    let (job, expected) = (&case.random.plan.jobs[0], &case.jobs[0]);
    driver.start(&job.regs, expected.input.clone())?;
    let locked = driver
        .bus()
        .write(Reg::KernelCols.offset(), u32::from(job.regs.kw) + 1);
    let start = driver.bus().write(
        Reg::Control.offset(),
        Reg::Control.field("START").mask() as u32,
    );
    let kw = driver.read(Reg::KernelCols)?;
    let packet = driver
        .bus()
        .receive(cycle_bound(&expected.statistics, SLOW.probability))?;
    let refused = |result: &Result<(), BusError>| matches!(result, Err(BusError::Refused { .. }));
    ensure!(
        refused(&locked),
        "a job register was written while a job ran: {locked:?}"
    );
    ensure!(refused(&start), "START while a job ran: {start:?}");
    ensure!(
        kw == u32::from(job.regs.kw),
        "KW changed from {} to {kw} by a refused write",
        job.regs.kw
    );
    compare::packets(job, config, &packet, &expected.output)
        .map_err(|difference| anyhow::anyhow!(difference.text))
}

/// A job is stopped in the middle.
fn abort<B: Testbench>(driver: &mut Driver<B>, _: &Config, case: &Case) -> Result<()> {
    let (job, expected) = (&case.random.plan.jobs[0], &case.jobs[0]);
    driver.start(&job.regs, expected.input.clone())?;
    driver.abort()?;
    let error = driver.error()?;
    ensure!(
        error == Some(Error::Aborted),
        "ERROR is {error:?} after ABORT"
    );
    Ok(())
}

/// SLVERR for addresses behind the table and for writes to registers that software may not write.
fn addresses<B: Bus>(driver: &mut Driver<B>) -> Result<()> {
    let beyond = 4 * words().count() as u32;
    let read = driver.bus().read(beyond);
    ensure!(
        read == Err(BusError::Refused {
            access: "read",
            address: beyond
        }),
        "read of {beyond:#x}: {read:?}"
    );
    let locked = REGISTERS
        .iter()
        .filter(|r| !matches!(r.access, Access::Job | Access::Control));
    for address in locked.map(|r| r.reg.offset()).chain([beyond]) {
        let write = driver.bus().write(address, 1);
        ensure!(
            write
                == Err(BusError::Refused {
                    access: "write",
                    address
                }),
            "write to {address:#x}: {write:?}"
        );
    }
    Ok(())
}
