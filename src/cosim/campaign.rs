//! A campaign: many random operations on one device, everything compared, the first difference located.
//!
//! One thread draws operations and computes what is expected, this one runs the device: the model seldom waits.

use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::time::Instant;

use anyhow::{Context, Result};

use super::bins::Bins;
use super::bus::Bus;
use super::case::{Case, Draw};
use super::compare::{self, Difference};
use super::driver::Driver;
use super::hitmaps;
use super::pump::{Counts, Pump, Stalls, Window};
use super::verilate::{Builder, Options};
use super::verilated;
use crate::config::Config;
use crate::regmap::Statistics;
use crate::reuse::Record;

/// Operations that are drawn ahead of the device.
const AHEAD: usize = 16;
/// Operations kept for the measurement without checks.
const KEPT: usize = 200;
/// Cycles of a waveform before and after the beat that differs.
const BEFORE: u64 = 300;
const AFTER: u64 = 50;

/// A device under test: a bus whose pauses can be set and whose traffic is counted.
pub trait Testbench: Bus {
    /// Sets the pauses from now on.
    ///
    /// # Errors
    /// A probability out of range.
    fn set_stalls(&mut self, stalls: Stalls) -> Result<()>;

    /// Traffic since the last call.
    fn take_counts(&mut self) -> Counts;

    /// Hitmap records since the last call, by set, in the order of detection; none if it does not show them.
    fn take_hitmaps(&mut self) -> Option<Vec<Vec<Record>>>;

    /// Collects Hitmap records from now on, or no longer; at first it does.
    fn keep_hitmaps(&mut self, keep: bool);

    /// Whether it has a clock: whether cycles and stalls mean anything.
    fn clocked(&self) -> bool;
}

impl Testbench for Pump {
    fn set_stalls(&mut self, stalls: Stalls) -> Result<()> {
        Pump::set_stalls(self, stalls)
    }

    fn take_counts(&mut self) -> Counts {
        Pump::take_counts(self)
    }

    fn take_hitmaps(&mut self) -> Option<Vec<Vec<Record>>> {
        Pump::take_hitmaps(self)
    }

    fn keep_hitmaps(&mut self, keep: bool) {
        Pump::keep_hitmaps(self, keep);
    }

    fn clocked(&self) -> bool {
        true
    }
}

/// What to run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Jobs to run at least; the operation that reaches the number is run to its end.
    pub jobs: u64,
    /// Which operations to draw.
    pub draw: Draw,
    /// Seed of the campaign.
    pub seed: u64,
    /// Probability of a pause, in each cycle of a stream and before each step of a register access.
    pub p_stall: f64,
    /// Run only the operation of this number.
    pub only: Option<u64>,
}

/// A difference, and how to see it again.
#[derive(Clone, Debug)]
pub struct Mismatch {
    /// Number of the operation in the campaign.
    pub operation: u64,
    /// Job within the operation.
    pub job: usize,
    /// The operation: shape, pass and drain.
    pub what: String,
    /// What differs.
    pub difference: Difference,
}

/// Result of a campaign.
#[derive(Default)]
pub struct Report {
    /// Operations run.
    pub operations: u64,
    /// Jobs run.
    pub jobs: u64,
    /// Clock cycles simulated, register traffic included.
    pub cycles: u64,
    /// Counters summed over jobs; the largest magnitude is the largest of all.
    pub totals: Statistics,
    /// Cycles in which the host's pauses held up a stream.
    pub stalled: u64,
    /// Seconds, everything included but building the model.
    pub seconds: f64,
    /// Coverage.
    pub bins: Bins,
    /// First difference; the campaign ends there.
    pub mismatch: Option<Mismatch>,
    /// Whether cycles and stalls were compared with the cycle model.
    pub timed: bool,
    /// Operations to measure the model alone with.
    kept: Vec<Case>,
}

impl Report {
    /// Thousands of clock cycles a second, checks included.
    pub fn khz(&self) -> f64 {
        self.cycles as f64 / self.seconds / 1e3
    }
}

/// Runs a campaign; `progress` is called after every operation with the jobs done.
///
/// # Errors
/// What keeps the campaign from going on: no legal random operation, software that contradicts itself. A difference is no error.
pub fn run<B: Testbench>(
    driver: &mut Driver<B>,
    config: &Config,
    settings: &Settings,
    mut progress: impl FnMut(&Report),
) -> Result<Report> {
    let mut report = Report {
        timed: driver.bus().clocked(),
        ..Report::default()
    };
    let start = Instant::now();
    driver.bus().take_counts();
    std::thread::scope(|scope| {
        let (sender, cases) = sync_channel(AHEAD);
        let first = settings.only.unwrap_or(0);
        let last = settings.only.map_or(u64::MAX, |only| only);
        scope.spawn(move || {
            for index in first..=last {
                let case = Case::new(config, settings.draw, settings.seed, index);
                let end = case.is_err();
                // The receiver is gone when it has run enough.
                if sender.send(case).is_err() || end {
                    return;
                }
            }
        });
        while report.mismatch.is_none() && (settings.only.is_some() || report.jobs < settings.jobs)
        {
            let Ok(case) = cases.recv() else { break };
            report.case(driver, config, case?, settings)?;
            progress(&report);
        }
        anyhow::Ok(())
    })?;
    report.seconds = start.elapsed().as_secs_f64();
    Ok(report)
}

impl Report {
    fn case<B: Testbench>(
        &mut self,
        driver: &mut Driver<B>,
        config: &Config,
        case: Case,
        settings: &Settings,
    ) -> Result<()> {
        driver.bus().set_stalls(Stalls {
            probability: settings.p_stall,
            seed: case.seed,
        })?;
        self.operations += 1;
        self.timed &= case.timed();
        let mut outputs = Vec::with_capacity(case.jobs.len());
        for number in 0..case.jobs.len() {
            match job(driver, config, &case, number, settings.p_stall) {
                Ok((output, statistics, counts)) => {
                    self.count(&statistics, &counts);
                    self.bins.job(config, &case, number, &statistics);
                    outputs.push(output);
                }
                Err(difference) => return self.differs(&case, number, difference),
            }
        }
        match case.result(config, outputs.iter().map(Vec::as_slice)) {
            Ok(y) if y == case.golden => {}
            Ok(y) => {
                let (index, (device, golden)) = y
                    .indexed_iter()
                    .zip(&case.golden)
                    .map(|((index, device), golden)| (index, (device, golden)))
                    .find(|(_, (device, golden))| device != golden)
                    .expect("the tensors differ");
                let text =
                    format!("result element {index:?}: device {device}, golden engine {golden}");
                return self.differs(
                    &case,
                    case.jobs.len().saturating_sub(1),
                    Difference::general(text),
                );
            }
            Err(error) => {
                return self.differs(
                    &case,
                    case.jobs.len().saturating_sub(1),
                    Difference::general(format!("{error:#}")),
                );
            }
        }
        if self.kept.len() < KEPT {
            self.kept.push(case);
        }
        Ok(())
    }

    fn count(&mut self, statistics: &Statistics, counts: &Counts) {
        self.jobs += 1;
        self.cycles += counts.cycles;
        self.stalled += counts.stalled;
        self.totals = self.totals.with(statistics);
    }

    fn differs(&mut self, case: &Case, job: usize, difference: Difference) -> Result<()> {
        self.mismatch = Some(Mismatch {
            operation: case.index,
            job,
            what: case.describe(),
            difference,
        });
        Ok(())
    }
}

/// Runs one job and compares everything that belongs to it alone.
fn job<B: Testbench>(
    driver: &mut Driver<B>,
    config: &Config,
    case: &Case,
    number: usize,
    p_stall: f64,
) -> Result<(Vec<u8>, Statistics, Counts), Difference> {
    let (job, expected) = (&case.random.plan.jobs[number], &case.jobs[number]);
    let limit = cycle_bound(&expected.statistics, p_stall);
    let answer = driver.run(&job.regs, expected.input.clone(), limit);
    let answer = answer.map_err(|error| Difference::general(format!("{error:#}")))?;
    let counts = driver.bus().take_counts();
    if let Some(records) = driver.bus().take_hitmaps() {
        hitmaps::compare(job, config.sets, &records, &expected.records)?;
    }
    compare::packets(job, config, &answer.packet, &expected.output)?;
    let clocked = driver.bus().clocked();
    let stalled = (p_stall > 0.0).then_some(counts.stalled);
    compare::statistics(
        &answer.statistics,
        &expected.statistics,
        case.timed() && clocked,
        stalled,
    )?;
    let beats = (expected.statistics.in_beats, expected.statistics.out_beats);
    if (counts.beats_in, counts.beats_out) != beats {
        let (found_in, found_out) = (counts.beats_in, counts.beats_out);
        let text = format!(
            "beats on the wires: {found_in} in and {found_out} out, expected {} and {}",
            beats.0, beats.1
        );
        return Err(Difference::general(text));
    }
    Ok((answer.packet, answer.statistics, counts))
}

/// Clock cycles that a job with these counters may take: far more than it needs, so that only a hang reaches it.
pub fn cycle_bound(expected: &Statistics, p_stall: f64) -> u64 {
    let unstalled = expected
        .cycles
        .max(expected.compute_busy + expected.in_beats + expected.out_beats);
    let slower = 1.0 / ((1.0 - p_stall) * (1.0 - p_stall));
    10_000 + (4.0 * slower * unstalled as f64) as u64
}

/// Thousands of clock cycles a second of the same device without pauses, checks, expectations and comparisons, on the
/// first operations of the campaign; runs about as long as that did, at most `seconds`.
///
/// # Errors
/// A bus error.
pub fn bare_khz(driver: &mut Driver<Pump>, report: &Report, seconds: f64) -> Result<f64> {
    driver.bus().set_stalls(Stalls::default())?;
    driver.bus().set_bare(true);
    let (start, first) = (Instant::now(), driver.bus().cycle());
    for case in &report.kept {
        for (job, expected) in case.random.plan.jobs.iter().zip(&case.jobs) {
            driver.run(
                &job.regs,
                expected.input.clone(),
                cycle_bound(&expected.statistics, 0.0),
            )?;
        }
        if start.elapsed().as_secs_f64() > seconds {
            break;
        }
    }
    let khz = (driver.bus().cycle() - first) as f64 / start.elapsed().as_secs_f64() / 1e3;
    driver.bus().set_bare(false);
    Ok(khz)
}

/// Runs the operation of a mismatch again, alone and from reset, on a model with tracing, and writes the waveform around
/// the beat that differs (or the end of the job). Returns whether it differed again.
///
/// # Errors
/// A model that cannot be built, a file that cannot be written.
pub fn waveform(
    rtl: &Path,
    config: &Config,
    settings: &Settings,
    mismatch: &Mismatch,
    path: &Path,
) -> Result<bool> {
    let case = Case::new(config, settings.draw, settings.seed, mismatch.operation)?;
    let open = || -> Result<Driver<Pump>> {
        let (rtl, _) = verilated::read_rtl(rtl, config)?;
        let model = Builder::find()?.model(
            &rtl,
            Options {
                trace: true,
                ..Options::default()
            },
        )?;
        let stalls = Stalls {
            probability: settings.p_stall,
            seed: case.seed,
        };
        Driver::open(Pump::new(model, Stalls::default())?, config).and_then(|mut driver| {
            driver.bus().set_stalls(stalls)?;
            Ok(driver)
        })
    };
    let (cycle, again) = locate(&mut open()?, config, settings, &case, mismatch.job);
    let mut driver = open()?;
    let start = cycle.saturating_sub(BEFORE).max(driver.bus().cycle());
    let window = Window {
        start,
        length: cycle + AFTER - start,
        path: path.to_path_buf(),
    };
    driver.bus().trace(window);
    locate(&mut driver, config, settings, &case, mismatch.job);
    driver.bus().end_trace();
    anyhow::ensure!(
        path.exists(),
        "no waveform was written to {}",
        path.display()
    );
    Ok(again)
}

/// Runs the jobs up to `last`; the cycle of the beat that differs, or the last cycle, and whether anything differed.
fn locate(
    driver: &mut Driver<Pump>,
    config: &Config,
    settings: &Settings,
    case: &Case,
    last: usize,
) -> (u64, bool) {
    for number in 0..=last {
        driver.bus().record_beats();
        if let Err(difference) = job(driver, config, case, number, settings.p_stall) {
            let beat = difference
                .beat
                .and_then(|beat| driver.bus().beat_cycles().get(beat).copied());
            return (beat.unwrap_or_else(|| driver.bus().cycle()), true);
        }
    }
    (driver.bus().cycle(), false)
}

/// Where the waveform of a mismatch goes.
///
/// # Errors
/// A folder that cannot be created.
pub fn waveform_path(config: &Config, mismatch: &Mismatch) -> Result<PathBuf> {
    let folder = PathBuf::from("target").join("waves");
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder.join(format!(
        "{}-operation-{}-job-{}.vcd",
        config.name, mismatch.operation, mismatch.job
    )))
}

#[cfg(test)]
mod tests;
