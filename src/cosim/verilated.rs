//! Engines on accelerators: tensor operations planned, packed, run by the [`Driver`], unpacked.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, ensure};
use ndarray::Array4;
use serde::de::DeserializeOwned;

use super::campaign::{Testbench, cycle_bound};
use super::driver::Driver;
use super::hitmaps;
use super::pump::{Pump, Stalls};
use super::rtl::{Manifest, Rtl};
use super::verilate::{Builder, Options};
use crate::config::{Config, preset_hash};
use crate::engine::{Drain, Engine, Geometry, Op, OpResult, OpStats, Pass};
use crate::golden::Golden;
use crate::golden::reuse::Hitmaps;
use crate::numeric;
use crate::plan::scope::undecided;
use crate::plan::{self, Job, Plan, Scope, check_drain, plan, stream};
use crate::regmap::Statistics;
use crate::reuse::{Decisions, Reuse};

/// Folder that `gen-verilog` writes a configuration into when it is not told another.
pub fn default_rtl(config: &Config) -> PathBuf {
    Path::new("rtl_out").join(&config.name)
}

/// Reads generated Verilog and checks that it was made for `config`.
///
/// # Errors
/// Missing files or another configuration; the message names the command that writes them.
pub fn read_rtl(dir: &Path, config: &Config) -> Result<(Rtl, Manifest)> {
    read_sized(dir, &config.name, &config.hash())
}

/// [`read_rtl`] for sizes of any design, told by name and hash.
///
/// # Errors
/// As [`read_rtl`].
pub fn read_sized<C: DeserializeOwned>(
    dir: &Path,
    name: &str,
    hash: &str,
) -> Result<(Rtl, Manifest<C>)> {
    let sizes = match preset_hash(name).as_deref() == Some(hash) {
        true => format!("--preset {name}"),
        false => "--config FILE, with the file of these sizes".into(),
    };
    let command = format!("run `cargo run --release --bin gen-verilog -- {sizes}`");
    let (rtl, manifest) =
        Rtl::read::<C>(dir).with_context(|| format!("no Verilog of {name}: {command}"))?;
    ensure!(
        manifest.config_hash == hash,
        "{} holds configuration {} ({}), not {hash} ({name}): {command}, or name the folder of the right one",
        dir.display(),
        manifest.config_hash,
        manifest.name,
    );
    Ok((rtl, manifest))
}

/// Opens the Verilated model of the Verilog in `dir`, built if it is not cached.
///
/// # Errors
/// As [`read_rtl`]; a missing tool; Verilog that does not build; a device that is not what the registers should say.
pub fn open(dir: &Path, config: &Config) -> Result<Driver<Pump>> {
    let (rtl, _) = read_rtl(dir, config)?;
    let model = Builder::find()?.model(&rtl, Options::default())?;
    Driver::open(Pump::new(model, Stalls::default())?, config)
}

/// Plans by operation; operands and the shift of a drain, which change from batch to batch, need no plan of their own.
pub struct Plans {
    config: Config,
    known: HashMap<(Geometry, Pass, bool, Reuse), Arc<Plan>>,
    scopes: HashMap<(Geometry, Pass, Reuse), Arc<[Scope]>>,
}

impl Plans {
    /// No plans yet.
    pub fn new(config: &Config) -> Self {
        Plans {
            config: config.clone(),
            known: HashMap::new(),
            scopes: HashMap::new(),
        }
    }

    /// The plan of an operation; its jobs' SHIFT is that of the first drain asked for.
    ///
    /// # Errors
    /// An operation that the configuration cannot run.
    pub fn get(&mut self, op: &Op) -> Result<Arc<Plan>> {
        let Op {
            geometry,
            pass,
            drain,
            ref reuse,
            ..
        } = *op;
        check_drain(drain, &self.config)?;
        let key = (geometry.clone(), pass, drain != Drain::Raw, *reuse);
        if let Some(plan) = self.known.get(&key) {
            return Ok(plan.clone());
        }
        let plan = Arc::new(plan(geometry, pass, drain, reuse, &self.config)?);
        self.known.insert(key, plan.clone());
        Ok(plan)
    }

    /// The scopes of an operation with reuse.
    ///
    /// # Errors
    /// An operation that the configuration cannot run.
    pub fn scopes(&mut self, op: &Op) -> Result<Arc<[Scope]>> {
        let key = (op.geometry.clone(), op.pass, op.reuse);
        if let Some(scopes) = self.scopes.get(&key) {
            return Ok(scopes.clone());
        }
        let scopes: Arc<[Scope]> =
            plan::scope(op.geometry, op.pass, &op.reuse, &self.config)?.into();
        self.scopes.insert(key, scopes.clone());
        Ok(scopes)
    }

    /// What an operation costs by the cycle model, with reuse that of its Hitmaps; `max_abs` and `saturations` stay 0.
    ///
    /// # Errors
    /// As [`Plans::get`]; Hitmaps of another operation.
    pub fn costs(&mut self, op: &Op, hitmaps: Option<&Hitmaps>) -> Result<OpStats> {
        let plan = self.get(op)?;
        let counters = match hitmaps {
            None => plan.modelled.clone(),
            Some(hitmaps) => {
                let jobs = plan.jobs.iter();
                let work = jobs.map(|job| hitmaps.job_work(op, job, &self.config));
                plan.counters(&work.collect::<Result<Vec<_>>>()?, &self.config)?
            }
        };
        let sum = counters
            .iter()
            .fold(Statistics::default(), |sum, job| sum.with(job));
        Ok(op_stats(&sum, &plan, &self.config))
    }
}

/// The golden engine of an accelerator, with the costs of its cycle model.
pub fn modelled(config: &Config) -> Golden {
    let plans = Mutex::new(Plans::new(config));
    let costs = move |op: &Op, hitmaps: Option<&Hitmaps>| {
        let mut plans = plans.lock().expect("planning does not panic");
        plans.costs(op, hitmaps)
    };
    Golden::of(config).with_costs(Box::new(costs))
}

/// Costs of an operation from the counters of its jobs, summed.
fn op_stats(sum: &Statistics, plan: &Plan, config: &Config) -> OpStats {
    let bytes = config.bus_bytes() as u64;
    OpStats {
        cycles: sum.cycles,
        dense_cycles: plan.dense_cycles,
        compute_cycles: sum.compute_busy,
        macs: sum.macs,
        max_abs: sum.max_abs,
        saturations: sum.saturations,
        bytes_in: sum.in_beats * bytes,
        bytes_out: sum.out_beats * bytes,
        stall_detect: sum.stall_detect,
        detect_busy: sum.detect_busy,
        zero: sum.zero,
        hit: sum.hit,
        mau: sum.mau,
        mnu: sum.mnu,
        ..OpStats::default()
    }
}

/// An engine on the accelerator behind a driver.
///
/// ```
/// use mercury::config::Config;
/// use mercury::cosim::{driver::Driver, software::SoftwareDevice, verilated::Accelerator};
/// use mercury::engine::{Drain, Engine, Geometry, Op, Pass};
/// use ndarray::Array4;
///
/// let config = Config::preset("tiny")?;
/// let driver = Driver::open(SoftwareDevice::new(&config), &config)?;
/// let mut engine = Accelerator::new("software", driver, &config);
/// let geometry = Geometry::conv([1, 1, 4, 4], 1, 3, 1, 1);
/// let x = Array4::from_elem((1, 1, 4, 4), 2i16);
/// let w = Array4::from_elem((1, 1, 3, 3), 1i16);
/// let op = Op { pass: Pass::Forward, geometry: &geometry, a: x.view(), b: w.view(), drain: Drain::Raw, reuse: Default::default() };
/// assert_eq!(engine.run(&op)?.y[[0, 0, 1, 1]], 18);
/// # anyhow::Ok(())
/// ```
pub struct Accelerator<B> {
    name: &'static str,
    driver: Driver<B>,
    config: Config,
    plans: Plans,
    /// Whether decisions are kept, and those of the latest operation.
    keep: bool,
    decisions: Option<Decisions>,
}

impl<B: Testbench> Accelerator<B> {
    /// An engine called `name` on an open device of this configuration.
    pub fn new(name: &'static str, mut driver: Driver<B>, config: &Config) -> Self {
        driver.bus().keep_hitmaps(false);
        Accelerator {
            name,
            driver,
            config: config.clone(),
            plans: Plans::new(config),
            keep: false,
            decisions: None,
        }
    }

    /// Takes the decisions about a job's vectors from the device; none from one that does not show them.
    fn collect(
        &mut self,
        op: &Op,
        job: &Job,
        decisions: Option<Decisions>,
    ) -> Result<Option<Decisions>> {
        let Some(records) = self.driver.bus().take_hitmaps() else {
            return Ok(None);
        };
        let Some(mut decisions) = decisions else {
            return Ok(None);
        };
        let scopes = self.plans.scopes(op)?;
        let scope = scopes.iter().enumerate().find(|(_, s)| s.view == job.view);
        let scope = scope.context("the job is of no correlation of the operation")?;
        hitmaps::collect(job, scope, &records, &mut decisions)?;
        Ok(Some(decisions))
    }
}

impl<B: Testbench> Engine for Accelerator<B> {
    fn name(&self) -> &str {
        self.name
    }

    fn data_bits(&self) -> u32 {
        self.config.data_w as u32
    }

    fn run(&mut self, op: &Op) -> Result<OpResult> {
        op.validate(self.data_bits())?;
        let plan = self.plans.get(op)?.for_operand(op.a, &self.config)?;
        let [.., shape] = op.geometry.shapes(op.pass);
        let (mut y, mut sum) = (Array4::<i64>::zeros(shape), Statistics::default());
        let mut decisions = match self.keep && op.reuse.is_on() {
            true => Some(undecided(&self.plans.scopes(op)?)),
            false => None,
        };
        for (number, (job, modelled)) in plan.jobs.iter().zip(&plan.modelled).enumerate() {
            let input = stream::pack(job, &self.config, op.a, op.b);
            let mut regs = job.regs;
            if let (true, Drain::Shift(shift)) = (regs.shift_mode, op.drain) {
                regs.shift = shift;
            }
            let context = || {
                format!(
                    "job {number} of {} in {} of {:?}",
                    plan.jobs.len(),
                    op.pass,
                    op.geometry
                )
            };
            let answer = self
                .driver
                .run(&regs, input, cycle_bound(modelled, 0.0))
                .with_context(context)?;
            stream::unpack(job, &self.config, &answer.packet, &mut y).with_context(context)?;
            sum = sum.with(&answer.statistics);
            if decisions.is_some() {
                decisions = self.collect(op, job, decisions).with_context(context)?;
            }
        }
        self.decisions = decisions;
        let mut stats = op_stats(&sum, &plan, &self.config);
        if op.drain == Drain::Raw || plan.requantise.is_some() {
            // The host may have added partial sums that the hardware's register saw one by one.
            stats.max_abs = y.fold(0, |max, v| max.max(v.unsigned_abs()));
        }
        if let Some(shift) = plan.requantise {
            let shift = if let Drain::Shift(shift) = op.drain {
                shift
            } else {
                shift
            };
            y.mapv_inplace(|v| {
                let out = numeric::requantise(v, shift, self.config.data_w as u32);
                stats.saturations += u64::from(out.saturated);
                out.value.into()
            });
        }
        Ok(OpResult { y, stats })
    }

    fn keep_decisions(&mut self, keep: bool) {
        self.keep = keep;
        self.driver.bus().keep_hitmaps(keep);
    }

    fn take_decisions(&mut self) -> Option<Decisions> {
        self.decisions.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cosim::case::{Case, Draw};
    use crate::cosim::software::SoftwareDevice;
    use crate::reuse::Mode;

    #[test]
    fn random_operations_give_what_the_golden_engine_gives() {
        let config = Config::preset("tiny").unwrap();
        let driver = Driver::open(SoftwareDevice::new(&config), &config).unwrap();
        let mut engine = Accelerator::new("software", driver, &config);
        for index in 0..60 {
            let case = Case::new(&config, Draw::Mode(Mode::Off), 3, index).unwrap();
            for shift in [7, 2] {
                let drain = if case.random.drain == Drain::Raw {
                    Drain::Raw
                } else {
                    Drain::Shift(shift)
                };
                let (geometry, pass) = (&case.random.geometry, case.random.pass);
                let op = Op {
                    pass,
                    geometry,
                    a: case.a.view(),
                    b: case.b.view(),
                    drain,
                    reuse: crate::reuse::Reuse::default(),
                };
                let (got, want) = (engine.run(&op).unwrap(), Golden::new(16).run(&op).unwrap());
                assert_eq!(got.y, want.y, "operation {index}: {}", case.describe());
                assert_eq!(
                    (got.stats.max_abs, got.stats.saturations),
                    (want.stats.max_abs, want.stats.saturations)
                );
                let costs = Plans::new(&config).costs(&op, None).unwrap();
                let modelled = OpStats {
                    cycles: 0,
                    dense_cycles: 0,
                    max_abs: 0,
                    saturations: 0,
                    ..costs
                };
                assert_eq!(
                    OpStats {
                        dense_cycles: 0,
                        max_abs: 0,
                        saturations: 0,
                        ..got.stats
                    },
                    modelled
                );
            }
        }
    }

    /// Golden model with cycle model, and planned jobs with the interpreter, meet only in the contract.
    #[test]
    fn random_operations_with_reuse_give_what_the_golden_engine_gives() {
        use crate::reuse::{Mode, Reuse};
        let config = Config::preset("tiny").unwrap();
        let driver = Driver::open(SoftwareDevice::new(&config), &config).unwrap();
        let mut engine = Accelerator::new("software", driver, &config);
        let modes = [Mode::Zero, Mode::Sign, Mode::Step, Mode::Grid];
        let mut hits = 0;
        for index in 0..24u64 {
            let case = Case::new(&config, Draw::Mode(Mode::Off), 5, index).unwrap();
            let reuse = Reuse {
                bits: 2,
                elem_skip: index % 3 == 0,
                zero_skip: index % 5 != 0,
                ..Reuse::of(modes[index as usize % modes.len()])
            };
            // Few different values: vectors meet.
            let (a, b) = (case.a.mapv(|v| v % 2), case.b.mapv(|v| v % 500));
            let op = Op {
                pass: case.random.pass,
                geometry: &case.random.geometry,
                a: a.view(),
                b: b.view(),
                drain: Drain::Raw,
                reuse,
            };
            let mut golden = modelled(&config);
            let what = format!("operation {index}: {reuse:?} {}", case.describe());
            engine.keep_decisions(true);
            golden.keep_decisions(true);
            let got = engine.run(&op).unwrap_or_else(|e| panic!("{e:#}: {what}"));
            let want = golden.run(&op).unwrap_or_else(|e| panic!("{e:#}: {what}"));
            assert_eq!(got.y, want.y, "{what}");
            let (own, theirs) = (engine.take_decisions(), golden.take_decisions());
            assert!(own.is_some() && own == theirs, "{what}");
            // The software device has no clock.
            let timeless = OpStats {
                cycles: 0,
                stall_detect: 0,
                detect_busy: 0,
                ..want.stats
            };
            assert_eq!(got.stats, timeless, "{what}");
            assert!(want.stats.cycles > 0, "{what}");
            hits += want.stats.hit;
        }
        assert!(hits > 500, "{hits}");
    }

    #[test]
    fn missing_and_foreign_verilog_name_the_command() {
        let config = Config::preset("tiny").unwrap();
        let dir = tempfile::tempdir().unwrap();
        let error = format!("{:#}", read_rtl(dir.path(), &config).unwrap_err());
        assert!(error.contains("gen-verilog -- --preset tiny"), "{error}");
    }
}
