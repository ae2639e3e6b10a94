//! Search for the plan of least modelled cycles.
//!
//! For each correlation every legal combination of [`Choices`] from bounded lists is priced by a closed estimate; the best few are
//! spelled out and run through the cycle model, and the one of least cycles is the plan.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};

use super::estimate::Estimate;
use super::{Choices, Correlation, Job, model};
use crate::config::Config;
use crate::engine::{Drain, Geometry, Pass};
use crate::regmap::Statistics;

/// Candidates of each correlation that the cycle model runs.
const EXACT: usize = 6;

/// The jobs of one tensor operation.
#[derive(Clone, Debug)]
pub struct Plan {
    /// To be run in this order.
    pub jobs: Vec<Job>,
    /// Modelled counters of each job; saturations and largest magnitude, which depend on the data, are 0.
    pub modelled: Vec<Statistics>,
    /// How each correlation was cut; empty for plans that were not searched for.
    pub choices: Vec<Choices>,
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
    let views = Correlation::of(geometry, pass);
    let split =
        pass != Pass::WeightGrad && views.iter().any(|v| v.terms() as u64 > config.max_terms());
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
        let (jobs, modelled, choices) =
            search(&Arc::new(view), pass == Pass::WeightGrad, shift, config)?;
        plan.jobs.extend(jobs);
        plan.modelled.extend(modelled);
        plan.choices.push(choices);
    }
    Ok(plan)
}

/// The best cut of one correlation.
fn search(
    view: &Arc<Correlation>,
    wgrad: bool,
    shift: Option<u32>,
    config: &Config,
) -> Result<(Vec<Job>, Vec<Statistics>, Choices)> {
    // A legality that has nothing to do with the cut has the best message.
    super::Grouping::new(view, view.channels, config.k_max, config.k_max)?;
    let mut candidates = Estimate {
        view,
        config,
        wgrad,
        shift: shift.is_some(),
    }
    .candidates();
    candidates.sort_by_key(|(cycles, _)| *cycles);
    let mut best: Option<(u64, Vec<Job>, Vec<Statistics>, Choices)> = None;
    let mut refusal = None;
    let mut tried = 0;
    for (_, choices) in candidates {
        let run = || -> Result<_> {
            let programs = choices.programs(view, config, wgrad, shift);
            let jobs = programs
                .iter()
                .map(|p| p.emit(view, config))
                .collect::<Result<Vec<_>>>()?;
            let modelled = jobs
                .iter()
                .map(|job| model::simulate(job, config))
                .collect::<Result<Vec<_>>>()?;
            Ok((jobs, modelled))
        };
        match run() {
            Ok((jobs, modelled)) => {
                tried += 1;
                let cycles = modelled.iter().map(|s| s.cycles).sum();
                if best.as_ref().is_none_or(|b| cycles < b.0) {
                    best = Some((cycles, jobs, modelled, choices));
                }
            }
            Err(error) => refusal = Some(error),
        }
        if tried == EXACT {
            break;
        }
    }
    if best.is_none()
        && let Some(refusal) = refusal
    {
        return Err(refusal);
    }
    ensure!(
        best.is_some(),
        "the input of one output position takes more than feature_words = {} words of a feature bank: use a smaller dilation \
         or a configuration with more feature_words",
        config.feature_words
    );
    let (_, jobs, modelled, choices) = best.context("checked above")?;
    Ok((jobs, modelled, choices))
}
