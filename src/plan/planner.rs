//! Search for the plan of least modelled cycles.
//!
//! For each correlation every legal combination of [`Choices`] from bounded lists is priced by a closed estimate; the best few are
//! spelled out and run through the cycle model, and the one of least cycles is the plan.
//!
//! With reuse, tiles and groups are part of the result and have to be decided before anything is known of the data: groups by
//! the setting, tiles by [`scope()`](scope::scope), which runs the same search once for a shifted drain as if nothing were alike and then prefers
//! larger tiles. The plan is the cheapest one with those tiles and groups, again as if nothing were alike.

mod known;

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use ndarray::{Array4, ArrayView4};

use super::detection::list_slots;
use super::estimate::{Candidate, Detect, Estimate};
use super::{Choices, Correlation, Grouping, Job, Program, ProgramReuse, model, scope};
use crate::config::Config;
use crate::engine::{Drain, Geometry, Pass};
use crate::regmap::Statistics;
use crate::reuse::{GroupWork, Projections, Reuse};

/// Most candidates of a correlation that the cycle model runs.
const EXACT: usize = 24;
/// Estimates within one part in so many of the least one count as equal.
const NEAR: u64 = 128;
/// Simulated segments after which no further candidate is run: what bounds the time of planning.
const MOST_SEGMENTS: usize = 20_000;
/// Tiles of a reuse plan may cost one part in so many more than the cheapest ones, if they are larger: reuse is found within a
/// tile.
const LARGER_TILES: u64 = 20;

/// The jobs of one tensor operation.
#[derive(Clone, Debug)]
pub struct Plan {
    /// To be run in this order.
    pub jobs: Vec<Job>,
    /// Modelled counters of each job; saturations and largest magnitude, which depend on the data, are 0. With reuse: as if
    /// nothing were alike ([`model::all_missed`]); see [`Plan::counters`].
    pub modelled: Vec<Statistics>,
    /// What was computed and how it was cut; empty for plans that were not searched for.
    pub choices: Vec<(Arc<Correlation>, Choices)>,
    /// Shift that is left to the host, because the sums had to be split: the jobs are raw.
    pub requantise: Option<u32>,
    /// What is reused.
    pub reuse: Reuse,
    /// Modelled cycles of the best plan without reuse.
    pub dense_cycles: u64,
}

impl Plan {
    /// A plan of given jobs.
    ///
    /// # Errors
    /// A job that cannot proceed.
    pub fn of_jobs(jobs: Vec<Job>, config: &Config) -> Result<Plan> {
        let modelled = |job: &Job| match job.regs.reuse {
            0 => model::simulate(job, config),
            _ => model::simulate_reuse(job, config, &model::all_missed(job, config)),
        };
        let modelled: Vec<Statistics> = jobs.iter().map(modelled).collect::<Result<_>>()?;
        Ok(Plan {
            dense_cycles: modelled.iter().map(|s| s.cycles).sum(),
            modelled,
            jobs,
            choices: vec![],
            requantise: None,
            reuse: Reuse::default(),
        })
    }

    /// A reuse plan's jobs with the projections of first operand `a`; the plan as it is without reuse.
    ///
    /// A plan does not depend on the operands. Its jobs carry the projections of an operand of zeros until they are given theirs.
    ///
    /// # Errors
    /// A setting that the configuration cannot hold.
    pub fn for_operand(&self, a: ArrayView4<i16>, config: &Config) -> Result<Plan> {
        let mut plan = self.clone();
        if self.reuse.is_on() {
            for job in &mut plan.jobs {
                job.set_projections(projections(&job.view, &self.reuse, a, config)?);
            }
        }
        Ok(plan)
    }

    /// Exact counters of a reuse plan's jobs, whose groups turned out to cost `work[job][set]` ([`model::simulate_reuse`]).
    ///
    /// # Errors
    /// Work that is not that of the jobs.
    pub fn counters(
        &self,
        work: &[Vec<Vec<GroupWork>>],
        config: &Config,
    ) -> Result<Vec<Statistics>> {
        ensure!(
            work.len() == self.jobs.len(),
            "work of {} jobs, the plan has {}: give one for each job",
            work.len(),
            self.jobs.len()
        );
        let jobs = self.jobs.iter().zip(work);
        jobs.map(|(job, work)| model::simulate_reuse(job, config, work))
            .collect()
    }

    /// Modelled cycles of all jobs.
    pub fn cycles(&self) -> u64 {
        self.modelled.iter().map(|s| s.cycles).sum()
    }
}

/// The plan of an operation: a pure function of its arguments.
///
/// Elements of the result that no packet of the plan covers are zero. A shift that needs a sum beyond one accumulation chain
/// is left to the host ([`Plan::requantise`]). With reuse the tiles and groups are those of [`scope()`](scope::scope).
///
/// # Errors
/// An operation that the configuration cannot run, however it is cut: value, limit and fix.
pub fn plan(
    geometry: &Geometry,
    pass: Pass,
    drain: Drain,
    reuse: &Reuse,
    config: &Config,
) -> Result<Plan> {
    geometry.validate()?;
    check_drain(drain, config)?;
    let views: Vec<(Arc<Correlation>, Option<Detect>)> = if reuse.is_on() {
        let cuts = scope::cuts(geometry, pass, reuse, config)?.into_iter();
        cuts.map(|(view, parts)| (view, Some(detect(reuse, Some(parts)))))
            .collect()
    } else {
        let views = views(geometry, pass, config).into_iter();
        views.map(|view| (Arc::new(view), None)).collect()
    };
    let split = pass != Pass::WeightGrad && views.iter().any(|(view, _)| is_long(view, config));
    let (shift, requantise) = match drain {
        Drain::Raw => (None, None),
        Drain::Shift(_) if pass == Pass::WeightGrad => {
            anyhow::bail!("a weight gradient is drained raw: use a raw drain")
        }
        Drain::Shift(shift) if split => (None, Some(shift)),
        Drain::Shift(shift) => (Some(shift), None),
    };
    let wgrad = pass == Pass::WeightGrad;
    let mut found = Plan {
        jobs: vec![],
        modelled: vec![],
        choices: vec![],
        requantise,
        reuse: *reuse,
        dense_cycles: 0,
    };
    for (view, detect) in views {
        let search = Search {
            view: &view,
            wgrad,
            shift,
            reuse,
            detect,
            config,
        };
        let (part, choices) = search.cheapest()?;
        found.jobs.extend(part.jobs);
        found.modelled.extend(part.modelled);
        found.choices.push((view, choices));
    }
    found.dense_cycles = match reuse.is_on() {
        true => plan(geometry, pass, drain, &Reuse::default(), config)?.cycles(),
        false => found.cycles(),
    };
    Ok(found)
}

/// Whether the sums of a correlation take more than one accumulation chain.
fn is_long(view: &Correlation, config: &Config) -> bool {
    view.terms() as u64 > config.max_terms()
}

/// The detection of a setting.
fn detect(reuse: &Reuse, parts: Option<[usize; 3]>) -> Detect {
    let k_t = reuse.k_target;
    Detect { k_t, parts }
}

/// Tiles of a correlation with reuse: parts of images, rows and columns.
///
/// Of all tiles that the search prices, the fewest (largest) ones that cost at most 1/20 more than the cheapest ones.
///
/// # Errors
/// A correlation that the configuration cannot run with this setting.
pub(super) fn reuse_tiles(
    view: &Arc<Correlation>,
    reuse: &Reuse,
    config: &Config,
) -> Result<[usize; 3]> {
    let search = Search {
        view,
        wgrad: false,
        shift: (!is_long(view, config)).then_some(1),
        reuse,
        detect: Some(detect(reuse, None)),
        config,
    };
    let choices = known::known(&search, |search| {
        let priced = search.priced()?;
        let least = priced.iter().map(|(p, _)| p.cycles()).min().unwrap_or(0);
        let near = priced
            .into_iter()
            .filter(|(p, _)| p.cycles() <= least + least / LARGER_TILES);
        let size = |(plan, c): &(Plan, Choices)| (c.parts.iter().product::<usize>(), plan.cycles());
        Ok(near.min_by_key(size).context("no cut was priced")?.1)
    });
    Ok(choices?.parts)
}

/// Projections of groups of `view` for first operand `a`.
fn projections(
    view: &Correlation,
    reuse: &Reuse,
    a: ArrayView4<i16>,
    config: &Config,
) -> Result<Arc<Projections>> {
    let grouping = Grouping::new(view, view.channels, reuse.k_target, config.k_max)?;
    let elements = grouping.cg * grouping.kr * view.cols.taps;
    Ok(Arc::new(reuse.projections(elements, a, config)?))
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

/// The correlations of a pass, cut where the configuration has no room for all taps of a channel at once. The pieces have whole
/// groups.
pub(super) fn views(geometry: &Geometry, pass: Pass, config: &Config) -> Vec<Correlation> {
    let all = Correlation::of(geometry, pass).into_iter();
    let pieces = |view: Correlation| {
        let cols = view.cols.taps;
        let chunk = (config.k_max / cols).max(1) * cols;
        view.of_taps((config.tile / chunk * chunk).max(chunk).min(config.tile))
    };
    match pass {
        // The sums of all taps of a channel stand in one psum bank.
        Pass::WeightGrad => all.flat_map(pieces).collect(),
        _ => all.collect(),
    }
}

/// The search for the best cut of one correlation.
struct Search<'a> {
    view: &'a Arc<Correlation>,
    wgrad: bool,
    shift: Option<u32>,
    reuse: &'a Reuse,
    detect: Option<Detect>,
    config: &'a Config,
}

impl Search<'_> {
    /// The cheapest cut.
    fn cheapest(&self) -> Result<(Plan, Choices)> {
        let choices = known::known(self, |search| {
            let priced = search.priced()?.into_iter();
            let least = priced.min_by_key(|(plan, _)| plan.cycles());
            Ok(least.context("no cut was priced")?.1)
        })?;
        Ok((self.price(&choices)?, choices))
    }

    /// The cuts that deserve an exact price, with it; at least one.
    fn priced(&self) -> Result<Vec<(Plan, Choices)>> {
        let Search { view, config, .. } = *self;
        // A limit that has nothing to do with the cut has the best message.
        Grouping::new(view, view.channels, config.k_max, config.k_max)?;
        let (mut priced, mut refusal, mut segments) = (vec![], None, 0);
        for (rank, choices) in self.candidates().into_iter().enumerate() {
            if !priced.is_empty() && (rank >= EXACT || segments > MOST_SEGMENTS) {
                break;
            }
            match self.price(&choices) {
                Ok(plan) => {
                    segments += plan.jobs.iter().map(|j| j.segments.len()).sum::<usize>();
                    priced.push((plan, choices));
                }
                Err(error) => refusal = Some(error),
            }
        }
        match refusal {
            _ if !priced.is_empty() => Ok(priced),
            Some(refusal) => Err(refusal),
            None => anyhow::bail!(
                "the input of one output position takes more than a feature bank, feature_words = {}: use a smaller dilation, \
                 or a configuration with more feature_words",
                config.feature_words
            ),
        }
    }

    /// All candidates, the most promising ones first.
    fn candidates(&self) -> Vec<Choices> {
        let mut candidates = Estimate {
            view: self.view,
            config: self.config,
            wgrad: self.wgrad,
            shift: self.shift.is_some(),
            detect: self.detect,
        }
        .candidates();
        if self.detect.is_some_and(|d| d.parts.is_none()) {
            // Tiles are to be compared: each at its best.
            candidates.sort_by_key(|c| (c.cycles, c.traffic));
            let mut seen = HashSet::new();
            candidates.retain(|c| seen.insert(c.choices.parts));
        }
        rank(&mut candidates);
        candidates.into_iter().map(|c| c.choices).collect()
    }

    /// The jobs of these choices, with modelled counters.
    fn price(&self, choices: &Choices) -> Result<Plan> {
        let programs = choices.programs(self.view, self.config, self.wgrad, self.shift);
        let jobs = programs
            .into_iter()
            .map(|program| self.detected(program)?.emit(self.view, self.config));
        Plan::of_jobs(jobs.collect::<Result<_>>()?, self.config)
    }

    /// A program with what reuse adds. Hitmaps are detected again for every pass if features are sent again, or if the lists of
    /// a tile do not fit.
    fn detected(&self, program: Program) -> Result<Program> {
        let Search {
            view,
            reuse,
            config,
            ..
        } = *self;
        if !reuse.is_on() {
            return Ok(program);
        }
        let steps = || program.rounds.iter().flatten().flat_map(|unit| &unit.steps);
        let channels = steps().map(|s| s.channels.len).max().unwrap_or(1);
        let positions = steps().map(|s| s.tile.positions()).max().unwrap_or(1);
        let grouping = Grouping::new(view, channels, program.k_t, config.k_max)?;
        let groups = grouping.cgroups * grouping.chunks;
        let zeros = Array4::zeros([1; 4]);
        let added = ProgramReuse {
            setting: *reuse,
            projections: projections(view, reuse, zeros.view(), config)?,
            redetect: program.stream_features || groups > list_slots(config, positions),
            list_slots: None,
        };
        Ok(Program {
            reuse: Some(added),
            ..program
        })
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

#[cfg(test)]
mod tests;
