//! Random operations made ready for a device: operands, input packets, and everything the answers are compared with.

use anyhow::{Context, Result};
use ndarray::Array4;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::hitmaps;
use crate::config::Config;
use crate::engine::{Drain, Engine, Geometry, Op, Pass};
use crate::golden::Golden;
use crate::golden::reuse::{self, Hitmaps};
use crate::numeric;
use crate::plan::interpret::{Counts, Interpreted, Interpreter, Met};
use crate::plan::{self, RandomCase, Scope, model, plan, random_case, random_reuse_case, stream};
use crate::regmap::Statistics;
use crate::reuse::{Mode, Record, Reuse};

/// Which operations a campaign draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Draw {
    /// Without and, on a configuration that has it, with reuse of all modes.
    Any,
    /// One mode only; [`Mode::Off`] is without reuse.
    Mode(Mode),
}

/// One operation with the jobs that compute it.
pub struct Case {
    /// Number in its campaign.
    pub index: u64,
    /// Seed of operands and stalls.
    pub seed: u64,
    /// Shape, pass and plan.
    pub random: RandomCase,
    /// First operand.
    pub a: Array4<i16>,
    /// Second operand.
    pub b: Array4<i16>,
    /// For every job of the plan what goes in and what must come out.
    pub jobs: Vec<Expected>,
    /// The raw or shifted result that the golden engine gives.
    pub golden: Array4<i64>,
}

/// Input of a job and what must come of it.
pub struct Expected {
    /// The input packet.
    pub input: Vec<u8>,
    /// The output packet; the order of the drained banks in it is not part of the expectation.
    pub output: Vec<u8>,
    /// Counters of an unstalled run; without cycle model (see [`Case::timed`]) those of time are 0.
    pub statistics: Statistics,
    /// Hitmap records of each set in the order of detection; empty without reuse.
    pub records: Vec<Vec<Record>>,
    /// Mechanisms of reuse that the job meets.
    pub met: Met,
}

/// The seed of operation `index` of a campaign.
pub fn case_seed(seed: u64, index: u64) -> u64 {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(index);
    rng.next_u64()
}

impl Case {
    /// Draws operation `index` of the campaign `seed` and computes what is expected of it.
    ///
    /// # Errors
    /// A configuration that no random operation fits, or a plan that planner, interpreter and golden engine disagree on:
    /// then the software is wrong, whatever the hardware does.
    pub fn new(config: &Config, draw: Draw, seed: u64, index: u64) -> Result<Case> {
        let seed = case_seed(seed, index);
        let (random, scopes, a, b) = drawn(config, draw, seed)?;
        Case::prepare(config, index, seed, random, &scopes, [a, b]).with_context(|| {
            format!("operation {index} (seed {seed}) is not consistent before any hardware ran")
        })
    }

    /// The operation as the planner would run it, with operands of at most ±9 drawn from `seed`.
    ///
    /// # Errors
    /// An operation that the configuration cannot run; as [`Case::new`].
    pub fn planned(
        config: &Config,
        geometry: Geometry,
        pass: Pass,
        reuse: Reuse,
        seed: u64,
    ) -> Result<Case> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let [a, b, _] = geometry.shapes(pass);
        let mut small = |shape| Array4::from_shape_simple_fn(shape, || rng.random_range(-9..=9));
        let (a, b) = (small(a), small(b));
        let drain = Drain::Raw;
        let mut plan = plan(&geometry, pass, drain, &reuse, config)?;
        let mut scopes = vec![];
        if reuse.is_on() {
            plan = plan.for_operand(a.view(), config)?;
            scopes = plan::scope(&geometry, pass, &reuse, config)?;
        }
        let random = RandomCase {
            geometry,
            pass,
            drain,
            reuse,
            plan,
        };
        Case::prepare(config, 0, seed, random, &scopes, [a, b])
    }

    fn prepare(
        config: &Config,
        index: u64,
        seed: u64,
        random: RandomCase,
        scopes: &[Scope],
        [a, b]: [Array4<i16>; 2],
    ) -> Result<Case> {
        let op = Op {
            pass: random.pass,
            geometry: &random.geometry,
            a: a.view(),
            b: b.view(),
            drain: random.drain,
            reuse: random.reuse,
        };
        let (golden, hitmaps) = golden(&op, scopes, config)?;
        let mut interpreter = Interpreter::new(config);
        let mut jobs = Vec::new();
        for (number, job) in random.plan.jobs.iter().enumerate() {
            let input = stream::pack(job, config, a.view(), b.view());
            let interpreted = interpreter
                .run(&job.regs, &input)
                .with_context(|| format!("interpreting job {number}"))?;
            let modelled = match &hitmaps {
                None => random
                    .plan
                    .modelled
                    .get(number)
                    .copied()
                    .unwrap_or_default(),
                Some(hitmaps) => {
                    let work = hitmaps.job_work(&op, job, config)?;
                    let records = hitmaps.job_records(job, config)?;
                    hitmaps::compare(job, config.sets, &interpreted.records, &records).map_err(
                        |d| anyhow::anyhow!("job {number}, interpreter against golden: {}", d.text),
                    )?;
                    anyhow::ensure!(
                        work == interpreted.work,
                        "job {number}: interpreter and golden engine count different work"
                    );
                    model::simulate_reuse(job, config, &work)?
                }
            };
            jobs.push(expected(config, input, interpreted, modelled));
        }
        let case = Case {
            index,
            seed,
            random,
            a,
            b,
            jobs,
            golden,
        };
        let y = case.result(config, case.jobs.iter().map(|job| job.output.as_slice()))?;
        anyhow::ensure!(
            y == case.golden,
            "the interpreted jobs and the golden engine give different tensors"
        );
        Ok(case)
    }

    /// Whether the plan has modelled cycles and stalls.
    pub fn timed(&self) -> bool {
        self.random.reuse.is_on() || self.random.plan.modelled.len() == self.random.plan.jobs.len()
    }

    /// The result tensor that the output packets of all jobs make.
    ///
    /// # Errors
    /// A packet that is not what the plan says.
    pub fn result<'a>(
        &self,
        config: &Config,
        outputs: impl Iterator<Item = &'a [u8]>,
    ) -> Result<Array4<i64>> {
        let [.., shape] = self.random.geometry.shapes(self.random.pass);
        let mut y = Array4::zeros(shape);
        for (job, output) in self.random.plan.jobs.iter().zip(outputs) {
            stream::unpack(job, config, output, &mut y)?;
        }
        if let Some(shift) = self.random.plan.requantise {
            requantise(&mut y, shift, config);
        }
        Ok(y)
    }

    /// Name for messages: shape, pass and drain.
    pub fn describe(&self) -> String {
        let drain = match self.random.drain {
            Drain::Raw => "raw".into(),
            Drain::Shift(shift) => format!("shift {shift}"),
        };
        let reuse = match self.random.reuse {
            reuse if reuse.is_on() => format!(" with {reuse:?}"),
            _ => String::new(),
        };
        format!(
            "{} {drain} of {:?}{reuse}",
            self.random.pass, self.random.geometry
        )
    }
}

/// Operation, scopes (with reuse) and operands of a seed.
type Drawn = (RandomCase, Vec<Scope>, Array4<i16>, Array4<i16>);

fn drawn(config: &Config, draw: Draw, seed: u64) -> Result<Drawn> {
    let mut rng = ChaCha8Rng::seed_from_u64(!seed);
    let dense = match draw {
        Draw::Any => !config.reuse || rng.random_bool(0.3),
        Draw::Mode(mode) => mode == Mode::Off,
    };
    if dense {
        let random = random_case(config, seed)?;
        let [a, b, _] = random.geometry.shapes(random.pass);
        let (a, b) = (operand(&mut rng, a, config), operand(&mut rng, b, config));
        return Ok((random, vec![], a, b));
    }
    for attempt in 0..MOST_DRAWS {
        let drawn = random_reuse_case(config, seed.wrapping_add(attempt))?;
        if draw == Draw::Any || draw == Draw::Mode(drawn.case.reuse.mode) {
            return Ok((drawn.case, drawn.scopes, drawn.a, drawn.b));
        }
    }
    anyhow::bail!("no operation of {draw:?} among {MOST_DRAWS} random ones: draw any mode")
}

/// Random operations that are looked at for one of the mode asked for.
const MOST_DRAWS: u64 = 200;

/// Shifts raw sums as a drain does.
fn requantise(y: &mut Array4<i64>, shift: u32, config: &Config) {
    let bits = config.data_w as u32;
    y.mapv_inplace(|v| numeric::requantise(v, shift, bits).value.into());
}

/// The golden engine's result, and its Hitmaps with reuse.
fn golden(op: &Op, scopes: &[Scope], config: &Config) -> Result<(Array4<i64>, Option<Hitmaps>)> {
    if !op.reuse.is_on() {
        return Ok((Golden::new(config.data_w as u32).run(op)?.y, None));
    }
    let (mut y, hitmaps) = reuse::run(op, scopes, config, true)?;
    if let Drain::Shift(shift) = op.drain {
        requantise(&mut y, shift, config);
    }
    Ok((y, Some(hitmaps)))
}

/// What a job's run must give, from its interpretation and its modelled times.
fn expected(
    config: &Config,
    input: Vec<u8>,
    interpreted: Interpreted,
    modelled: Statistics,
) -> Expected {
    let beats = |bytes: &[u8]| (bytes.len() / config.bus_bytes()) as u64;
    let statistics = Statistics {
        in_beats: beats(&input),
        out_beats: beats(&interpreted.output),
        ..modelled
    };
    Expected {
        input,
        statistics: data_counts(statistics, interpreted.counts),
        output: interpreted.output,
        records: interpreted.records,
        met: interpreted.met,
    }
}

/// Counters that depend on data and plan, not on time.
fn data_counts(statistics: Statistics, counts: Counts) -> Statistics {
    let [zero, hit, mau, mnu] = counts.states;
    Statistics {
        compute_busy: counts.elements,
        macs: counts.macs,
        saturations: counts.saturations,
        max_abs: counts.max_abs,
        zero,
        hit,
        mau,
        mnu,
        ..statistics
    }
}

/// Operands of one of several kinds: any value, small values, extremes only, mostly zeros.
fn operand(rng: &mut ChaCha8Rng, shape: [usize; 4], config: &Config) -> Array4<i16> {
    let (low, high) = numeric::operand_range(config.data_w as u32);
    let kind = rng.random_range(0..5);
    Array4::from_shape_simple_fn(shape, || match kind {
        0 => rng.random_range(-9..=9),
        1 if rng.random_bool(0.5) => low,
        1 => high,
        2 if rng.random_bool(0.7) => 0,
        _ => rng.random_range(low..=high),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_repeat_from_their_seed_and_agree_with_the_golden_engine() {
        let config = Config::preset("tiny").unwrap();
        for index in 0..40 {
            let case = Case::new(&config, Draw::Any, 7, index).unwrap();
            if index < 5 {
                let again = Case::new(&config, Draw::Any, 7, index).unwrap();
                assert!(
                    again
                        .jobs
                        .iter()
                        .zip(&case.jobs)
                        .all(|(x, y)| x.input == y.input && x.output == y.output)
                );
                assert_ne!(case.seed, case_seed(8, index));
            }
        }
    }
}
