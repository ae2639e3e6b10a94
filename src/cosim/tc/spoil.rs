//! Jobs spoilt on purpose: each must end with the right error code, and the good job after it must be right.

use anyhow::{Context, Result, ensure};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Driver;
use super::campaign::{expected, good_job, limit};
use crate::config::tc::TcConfig;
use crate::cosim::bus::{Bus, BusError};
use crate::cosim::core::SpoiltJob;
use crate::cosim::pump::{Pump, Stalls};
use crate::regmap::Error;
use crate::regmap::tc::{JobRegs, Reg};

/// Registers and packet of a job.
type Job = (JobRegs, Vec<u8>);

/// A way to spoil a job, and the error that it must end with.
struct Spoiler {
    name: &'static str,
    error: Error,
    spoil: fn(&mut Job, &TcConfig, &mut ChaCha8Rng),
}

const SPOILERS: [Spoiler; 11] = [
    Spoiler {
        name: "no step",
        error: Error::BadJob,
        spoil: |(regs, _), _, _| regs.steps = 0,
    },
    Spoiler {
        name: "no block",
        error: Error::BadJob,
        spoil: |(regs, _), _, _| regs.blocks = 0,
    },
    Spoiler {
        name: "no row",
        error: Error::BadJob,
        spoil: |(regs, _), _, _| regs.rows = 0,
    },
    Spoiler {
        name: "more steps than the configuration has",
        error: Error::BadJob,
        spoil: |(regs, _), config, _| regs.steps = config.steps as u16 + 1,
    },
    Spoiler {
        name: "more blocks than the configuration has",
        error: Error::BadJob,
        spoil: |(regs, _), config, _| regs.blocks = config.blocks as u16 + 1,
    },
    Spoiler {
        name: "a mode that does not exist",
        error: Error::BadJob,
        spoil: |(regs, _), config, _| regs.mode = if config.reuse() { 3 } else { 1 },
    },
    Spoiler {
        name: "a level that does not exist",
        error: Error::BadJob,
        spoil: |(regs, _), config, _| regs.level = config.max_level() as u8 + 1,
    },
    Spoiler {
        name: "a shift of all bits",
        error: Error::BadJob,
        spoil: |(regs, _), config, _| regs.shift = config.acc_w() as u32,
    },
    Spoiler {
        name: "more weights than the memories hold",
        error: Error::Range,
        spoil: |(regs, packet), config, _| {
            regs.steps = config.steps as u16;
            regs.blocks = (config.weight_words / config.steps) as u16 + 1;
            let beats = (config.weight_words + 2) * config.beats_per_word();
            packet.resize(beats * config.bus_bytes(), 0x5a);
        },
    },
    Spoiler {
        name: "packet too short",
        error: Error::StreamShort,
        spoil: |(_, packet), config, rng| {
            let beats = packet.len() / config.bus_bytes();
            packet.truncate(rng.random_range(1..beats) * config.bus_bytes());
        },
    },
    Spoiler {
        name: "packet too long",
        error: Error::StreamLong,
        spoil: |(_, packet), config, rng| {
            let longer = packet.len() + rng.random_range(1..20) * config.bus_bytes();
            packet.resize(longer, 0x5a);
        },
    },
];

/// Spoils a job in every way, with and without stalls, and aborts one; every time a good job follows.
///
/// # Errors
/// A product that cannot be made into jobs.
pub fn run(driver: &mut Driver<Pump>, config: &TcConfig, seed: u64) -> Result<Vec<SpoiltJob>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut paths = Vec::new();
    for spoiler in &SPOILERS {
        let mut failure = None;
        for p_stall in [0.0, 0.3] {
            driver.bus().set_stalls(Stalls {
                probability: p_stall,
                seed,
            })?;
            let (cut, packet) = good_job(config, seed, |cut, packet| {
                cut.regs.rows > 4 && packet.len() > 8 * config.bus_bytes()
            })?;
            let mut job = (cut.regs, packet);
            (spoiler.spoil)(&mut job, config, &mut rng);
            let spoilt = attempt(driver, &job, spoiler.error);
            failure = failure.or(spoilt.and_then(|()| follow_up(driver, config, seed)).err());
        }
        paths.push(SpoiltJob {
            name: spoiler.name,
            expected: spoiler.error.name(),
            failure: failure.map(|e| format!("{e:#}")),
        });
    }
    driver.bus().set_stalls(Stalls::default())?;
    let aborted = abort(driver, config, seed);
    paths.push(SpoiltJob {
        name: "abort in the middle of a job",
        expected: Error::Aborted.name(),
        failure: aborted.err().map(|e| format!("{e:#}")),
    });
    Ok(paths)
}

fn attempt(driver: &mut Driver<Pump>, (regs, packet): &Job, error: Error) -> Result<()> {
    let cycles = 100 * (packet.len() as u64 + 10_000);
    let answer = driver.run(regs, packet.clone(), cycles)?;
    let name = |error: Option<Error>| error.map_or("none", Error::name);
    ensure!(
        answer.error == Some(error),
        "ended with error {}, must be {}",
        name(answer.error),
        error.name()
    );
    Ok(())
}

fn follow_up(driver: &mut Driver<Pump>, config: &TcConfig, seed: u64) -> Result<()> {
    let (cut, packet) = good_job(config, seed, |_, _| true)?;
    let want = expected(&cut.regs, &packet, config)?;
    let answer = driver
        .run(&cut.regs, packet, limit(&want.statistics, 0.3))
        .context("the good job after it")?;
    ensure!(
        answer.error.is_none() && answer.results == want.results,
        "the good job after it is wrong"
    );
    Ok(())
}

/// Starts a job, aborts it, and checks that registers are locked only while it runs.
fn abort(driver: &mut Driver<Pump>, config: &TcConfig, seed: u64) -> Result<()> {
    let (cut, packet) = good_job(config, seed, |cut, packet| {
        cut.regs.rows > 4 && packet.len() > 16 * config.bus_bytes()
    })?;
    driver.start(&cut.regs, packet)?;
    let locked = driver.bus().write(Reg::Rows.offset(), 1);
    ensure!(
        matches!(locked, Err(BusError::Refused { .. })),
        "a job register can be written while a job runs"
    );
    driver.abort()?;
    let code = driver.error_code()?;
    ensure!(code == Error::Aborted.code(), "ERROR is {code} after ABORT");
    follow_up(driver, config, seed)
}
