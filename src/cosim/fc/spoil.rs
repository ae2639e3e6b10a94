//! Jobs spoilt on purpose: each must end with the right error code, and the good job after it must be right.

use anyhow::{Context, Result, ensure};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Driver;
use super::campaign::{expected, limit};
use crate::config::fc::{Design, FcConfig};
use crate::cosim::bus::{Bus, BusError};
use crate::cosim::core::SpoiltJob;
use crate::cosim::pump::{Pump, Stalls};
use crate::crew::{Job, Layer, random};
use crate::regmap::Error;
use crate::regmap::fc::{Reg, STRIPE_HEADER};

/// A way to spoil a job, and the error that it must end with.
struct Spoiler {
    name: &'static str,
    error: Error,
    spoil: fn(&mut Job, &FcConfig, &mut ChaCha8Rng),
}

/// Header slice of the first stripe, changed.
fn edit_header(job: &mut Job, config: &FcConfig, edit: impl Fn(&mut [i64; 4])) {
    let at = usize::from(job.regs.x_beats) * config.stripes() * config.bus_bytes();
    let bytes: [u8; 4] = job.packet[at..at + 4].try_into().expect("4 bytes");
    let mut values = STRIPE_HEADER.map(|field| field.extract(u32::from_le_bytes(bytes).into()));
    edit(&mut values);
    let word = STRIPE_HEADER
        .iter()
        .zip(values)
        .fold(0, |word, (field, value)| word | field.place(value));
    job.packet[at..at + 4].copy_from_slice(&(word as u32).to_le_bytes());
}

const ANY: [Spoiler; 9] = [
    Spoiler {
        name: "no group",
        error: Error::BadJob,
        spoil: |job, _, _| job.regs.groups = 0,
    },
    Spoiler {
        name: "no vector",
        error: Error::BadJob,
        spoil: |job, _, _| job.regs.batch = 0,
    },
    Spoiler {
        name: "more rows than the configuration has",
        error: Error::BadJob,
        spoil: |job, config, _| job.regs.rows = config.max_rows() as u16 + 1,
    },
    Spoiler {
        name: "more sums than the configuration has",
        error: Error::BadJob,
        spoil: |job, config, _| job.regs.sums = config.psum_rows as u16 + 1,
    },
    Spoiler {
        name: "more activations than the buffer holds",
        error: Error::BadJob,
        spoil: |job, config, _| job.regs.x_beats = config.x_depth() as u16 + 1,
    },
    Spoiler {
        name: "SUMS is not BATCH · ROWS",
        error: Error::Range,
        spoil: |job, config, _| {
            job.regs.sums = if usize::from(job.regs.sums) < config.psum_rows {
                job.regs.sums + 1
            } else {
                job.regs.sums - 1
            }
        },
    },
    Spoiler {
        name: "X_BEATS does not fit, packet as it says",
        error: Error::Range,
        spoil: |job, config, _| {
            let stripes = match config.design {
                Design::Crew => config.stripes(),
                Design::DenseFc => 1,
            };
            let at = usize::from(job.regs.x_beats) * stripes * config.bus_bytes();
            let extra = vec![0; stripes * config.bus_bytes()];
            job.packet.splice(at..at, extra);
            job.regs.x_beats += 1;
        },
    },
    Spoiler {
        name: "packet too short",
        error: Error::StreamShort,
        spoil: |job, config, rng| {
            let beats = job.packet.len() / config.bus_bytes();
            job.packet
                .truncate(rng.random_range(1..beats) * config.bus_bytes());
        },
    },
    Spoiler {
        name: "packet too long",
        error: Error::StreamLong,
        spoil: |job, config, rng| {
            let longer = job.packet.len() + rng.random_range(1..20) * config.bus_bytes();
            job.packet.resize(longer, 0x5a);
        },
    },
];

const CREW: [Spoiler; 5] = [
    Spoiler {
        name: "header: index of nine bits",
        error: Error::BadHeader,
        spoil: |job, config, _| edit_header(job, config, |h| h[0] = 9),
    },
    Spoiler {
        name: "header: no unique weight",
        error: Error::BadHeader,
        spoil: |job, config, _| edit_header(job, config, |h| h[1] = 0),
    },
    Spoiler {
        name: "header: 257 unique weights",
        error: Error::BadHeader,
        spoil: |job, config, _| edit_header(job, config, |h| h[1] = 257),
    },
    Spoiler {
        name: "header: no beat of unique weights",
        error: Error::BadHeader,
        spoil: |job, config, _| edit_header(job, config, |h| h[2] = 0),
    },
    Spoiler {
        name: "header: more indices than the buffer holds",
        error: Error::BadHeader,
        spoil: |job, config, _| {
            edit_header(job, config, |h| h[3] = config.max_rows() as i64 / 2 + 1)
        },
    },
];

/// Spoils a job in every way, with and without stalls, and aborts one; every time a good job follows.
///
/// # Errors
/// A layer that cannot be made into jobs.
pub fn run(driver: &mut Driver<Pump>, config: &FcConfig, seed: u64) -> Result<Vec<SpoiltJob>> {
    let own = if config.design == Design::Crew {
        &CREW[..]
    } else {
        &[]
    };
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut paths = Vec::new();
    for spoiler in ANY.iter().chain(own) {
        let mut failure = None;
        for p_stall in [0.0, 0.3] {
            driver.bus().set_stalls(Stalls {
                probability: p_stall,
                seed,
            })?;
            let mut job = good_job(config, seed, |job| {
                usize::from(job.regs.x_beats) < config.x_depth()
                    && job.packet.len() > 4 * config.bus_bytes()
            })?;
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

/// The first job of the seed's layers that suits.
fn good_job(config: &FcConfig, seed: u64, suits: impl Fn(&Job) -> bool) -> Result<Job> {
    for number in 0..1000 {
        let case = random::case(seed ^ 0x5015, number, config);
        let jobs = Layer::new(case.weights.view(), config)?.jobs(case.x.view())?;
        if let Some(job) = jobs.into_iter().find(&suits) {
            return Ok(job);
        }
    }
    anyhow::bail!("no random layer has a job that can be spoilt")
}

fn attempt(driver: &mut Driver<Pump>, job: &Job, error: Error) -> Result<()> {
    let cycles = 100 * (job.packet.len() as u64 + 10_000);
    let answer = driver.run(&job.regs, job.packet.clone(), cycles)?;
    let name = |error: Option<Error>| error.map_or("none", Error::name);
    ensure!(
        answer.error == Some(error),
        "ended with error {}, must be {}",
        name(answer.error),
        error.name()
    );
    ensure!(
        answer.sums.is_empty(),
        "{} sums left a job that failed",
        answer.sums.len()
    );
    Ok(())
}

fn follow_up(driver: &mut Driver<Pump>, config: &FcConfig, seed: u64) -> Result<()> {
    let job = good_job(config, seed, |_| true)?;
    let want = expected(&job, config)?;
    let answer = driver
        .run(&job.regs, job.packet.clone(), limit(&want.counts, 0.3))
        .context("the good job after it")?;
    ensure!(
        answer.error.is_none() && answer.sums == want.sums,
        "the good job after it is wrong"
    );
    Ok(())
}

/// Starts a job, lets some beats pass, aborts it, and checks that registers are locked only while it runs.
fn abort(driver: &mut Driver<Pump>, config: &FcConfig, seed: u64) -> Result<()> {
    let job = good_job(config, seed, |job| {
        job.packet.len() > 8 * config.bus_bytes()
    })?;
    driver.start(&job.regs, job.packet.clone())?;
    let locked = driver.bus().write(Reg::Batch.offset(), 1);
    ensure!(
        matches!(locked, Err(BusError::Refused { .. })),
        "a job register can be written while a job runs"
    );
    driver.abort()?;
    ensure!(
        driver.error_code()? == Error::Aborted.code(),
        "ERROR is {} after ABORT",
        driver.error_code()?
    );
    follow_up(driver, config, seed)
}
