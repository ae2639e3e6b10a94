//! Search for the plan of least modelled cycles.
//!
//! For each correlation every legal combination of [`Choices`] from bounded lists is priced by a closed estimate; the best few are
//! spelled out and run through the cycle model, and the one of least cycles is the plan.

use std::sync::Arc;

use anyhow::Result;

use super::estimate::{Candidate, Estimate};
use super::{Choices, Correlation, Grouping, Job, model};
use crate::config::Config;
use crate::engine::{Drain, Geometry, Pass};
use crate::regmap::Statistics;

/// Most candidates of a correlation that the cycle model runs.
const EXACT: usize = 24;
/// Estimates within one part in so many of the least one count as equal.
const NEAR: u64 = 128;
/// Simulated segments after which no further candidate is run: what bounds the time of planning.
const MOST_SEGMENTS: usize = 20_000;

/// The jobs of one tensor operation.
#[derive(Clone, Debug)]
pub struct Plan {
    /// To be run in this order.
    pub jobs: Vec<Job>,
    /// Modelled counters of each job; saturations and largest magnitude, which depend on the data, are 0.
    pub modelled: Vec<Statistics>,
    /// What was computed and how it was cut; empty for plans that were not searched for.
    pub choices: Vec<(Arc<Correlation>, Choices)>,
    /// Shift that is left to the host, because the sums had to be split: the jobs are raw.
    pub requantise: Option<u32>,
}

impl Plan {
    /// A plan of given jobs.
    ///
    /// # Errors
    /// A job that cannot proceed.
    pub fn of_jobs(jobs: Vec<Job>, config: &Config) -> Result<Plan> {
        let modelled = jobs
            .iter()
            .map(|job| model::simulate(job, config))
            .collect::<Result<_>>()?;
        Ok(Plan {
            modelled,
            jobs,
            choices: vec![],
            requantise: None,
        })
    }

    /// Modelled cycles of all jobs.
    pub fn cycles(&self) -> u64 {
        self.modelled.iter().map(|s| s.cycles).sum()
    }
}

/// The plan of an operation: a pure function of its arguments.
///
/// Elements of the result that no packet of the plan covers are zero. A shift that needs a sum beyond one accumulation chain
/// is left to the host ([`Plan::requantise`]).
///
/// # Errors
/// An operation that the configuration cannot run, however it is cut: value, limit and fix.
pub fn plan(geometry: &Geometry, pass: Pass, drain: Drain, config: &Config) -> Result<Plan> {
    geometry.validate()?;
    check_drain(drain, config)?;
    let views = views(geometry, pass, config);
    let long = |v: &Correlation| v.terms() as u64 > config.max_terms();
    let split = pass != Pass::WeightGrad && views.iter().any(long);
    let (shift, requantise) = match drain {
        Drain::Raw => (None, None),
        Drain::Shift(_) if pass == Pass::WeightGrad => {
            anyhow::bail!("a weight gradient is drained raw: use a raw drain")
        }
        Drain::Shift(shift) if split => (None, Some(shift)),
        Drain::Shift(shift) => (Some(shift), None),
    };
    let mut plan = Plan {
        jobs: vec![],
        modelled: vec![],
        choices: vec![],
        requantise,
    };
    for view in views {
        let view = Arc::new(view);
        let (part, choices) = search(&view, pass == Pass::WeightGrad, shift, config)?;
        plan.jobs.extend(part.jobs);
        plan.modelled.extend(part.modelled);
        plan.choices.push((view, choices));
    }
    Ok(plan)
}

/// Refuses a shift beyond the configuration's accumulator.
///
/// # Errors
/// Value, limit and fix.
pub fn check_drain(drain: Drain, config: &Config) -> Result<()> {
    if let Drain::Shift(shift) = drain {
        let limit = config.acc_w - 1;
        anyhow::ensure!(
            shift as usize <= limit,
            "drain shift is {shift}, the limit is {limit} (acc_w = {}): use a smaller shift",
            config.acc_w
        );
    }
    Ok(())
}

/// The correlations of a pass, cut where the configuration has no room for all taps of a channel at once.
pub(super) fn views(geometry: &Geometry, pass: Pass, config: &Config) -> Vec<Correlation> {
    let all = Correlation::of(geometry, pass).into_iter();
    match pass {
        // The sums of all taps of a channel stand in one psum bank.
        Pass::WeightGrad => all.flat_map(|view| view.of_taps(config.tile)).collect(),
        _ => all.collect(),
    }
}

/// The best cut of one correlation.
fn search(
    view: &Arc<Correlation>,
    wgrad: bool,
    shift: Option<u32>,
    config: &Config,
) -> Result<(Plan, Choices)> {
    // A limit that has nothing to do with the cut has the best message.
    Grouping::new(view, view.channels, config.k_max, config.k_max)?;
    let mut best: Option<(Plan, Choices)> = None;
    let mut refusal = None;
    let mut segments = 0;
    let mut candidates = Estimate {
        view,
        config,
        wgrad,
        shift: shift.is_some(),
    }
    .candidates();
    rank(&mut candidates);
    for (rank, candidate) in candidates.into_iter().enumerate() {
        if best.is_some() && (rank >= EXACT || segments > MOST_SEGMENTS) {
            break;
        }
        match candidate.choices.plan(view, config, wgrad, shift) {
            Ok(plan) => {
                segments += plan.jobs.iter().map(|j| j.segments.len()).sum::<usize>();
                if best
                    .as_ref()
                    .is_none_or(|(b, _)| plan.cycles() < b.cycles())
                {
                    best = Some((plan, candidate.choices));
                }
            }
            Err(error) => refusal = Some(error),
        }
    }
    match (best, refusal) {
        (Some(best), _) => Ok(best),
        (None, Some(refusal)) => Err(refusal),
        (None, None) => anyhow::bail!(
            "the input of one output position takes more than a feature bank, feature_words = {}: use a smaller dilation, \
             or a configuration with more feature_words",
            config.feature_words
        ),
    }
}

/// Puts those first that deserve an exact price: half of them for their estimate, half for their traffic among nearly equal
/// estimates. Least traffic comes first: that has the fewest segments to simulate.
fn rank(all: &mut [Candidate]) {
    all.sort_by_key(|c| (c.cycles, c.traffic));
    let near = all.first().map_or(0, |c| c.cycles + c.cycles / NEAR);
    let (least, exact) = (all.len().min(EXACT / 2), all.len().min(EXACT));
    all[least..].sort_by_key(|c| {
        if c.cycles > near {
            (c.cycles, 0)
        } else {
            (near, c.traffic)
        }
    });
    all[..exact].sort_by_key(|c| (c.cycles > near, c.traffic));
}

impl Choices {
    /// The jobs of these choices, with modelled counters.
    fn plan(
        &self,
        view: &Arc<Correlation>,
        config: &Config,
        wgrad: bool,
        shift: Option<u32>,
    ) -> Result<Plan> {
        let programs = self.programs(view, config, wgrad, shift);
        let jobs = programs
            .iter()
            .map(|p| p.emit(view, config))
            .collect::<Result<_>>()?;
        Plan::of_jobs(jobs, config)
    }
}
