//! The golden model: engines in integers, written from the contract in `docs/numerics.md` alone.
//!
//! Of the planner it takes the index maps of correlations and the scope of reuse. It never sees `hdl`, `blocks` or `designs`, so that agreement with the hardware means something.

mod dense;
pub mod reuse;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use multiversion::multiversion;
use ndarray::Array4;

use crate::config::Config;
use crate::engine::{Costs, Drain, Engine, Geometry, Op, OpResult, OpStats, Pass};
use crate::numeric;
use crate::plan::{self, Scope};
use crate::reuse::{Decisions, Reuse};
use reuse::Hitmaps;

/// Says what an operation costs on the accelerator: fills in every counter of [`OpStats`] but `max_abs` and
/// `saturations`. With reuse it is given the Hitmaps, on which costs depend.
pub type CostModel = Box<dyn Fn(&Op, Option<&Hitmaps>) -> Result<OpStats> + Send>;

/// The golden engine: fast on the host, and the reference for every bit of every result.
///
/// Sums are computed as f64 matrix products of gathered patches. They are exact: products are at most 2^30 in
/// magnitude and no matrix product adds more than 2^20 of them; longer sums continue in i64.
///
/// ```
/// use mercury::engine::{Drain, Engine, Geometry, Op, Pass};
/// use mercury::golden::Golden;
/// use ndarray::Array4;
///
/// let geometry = Geometry::conv([1, 1, 4, 4], 1, 3, 1, 1);
/// let x = Array4::from_elem((1, 1, 4, 4), 2i16);
/// let w = Array4::from_elem((1, 1, 3, 3), 1i16);
/// let op = Op { pass: Pass::Forward, geometry: &geometry, a: x.view(), b: w.view(), drain: Drain::Raw, reuse: Default::default() };
/// let y = Golden::new(16).run(&op)?.y;
/// assert_eq!((y[[0, 0, 0, 0]], y[[0, 0, 1, 1]]), (8, 18));
/// # anyhow::Ok(())
/// ```
pub struct Golden {
    data_bits: u32,
    config: Option<Config>,
    /// Scopes met so far: they take a search.
    scopes: HashMap<(Geometry, Pass, Reuse), Arc<[Scope]>>,
    costs: Option<CostModel>,
    /// Whether decisions are kept, and those of the latest operation.
    keep: bool,
    decisions: Option<Decisions>,
}

impl Golden {
    /// An engine for dense operations on operands of `data_bits` bits (16 or 8) that counts no cycles or bytes; its `macs` are
    /// those of the layer's definition.
    ///
    /// # Panics
    /// On any other width.
    pub fn new(data_bits: u32) -> Self {
        numeric::check_data_bits(data_bits).unwrap();
        Golden {
            data_bits,
            config: None,
            scopes: HashMap::new(),
            costs: None,
            keep: false,
            decisions: None,
        }
    }

    /// The engine that reuses as an accelerator of this configuration does: tiles and MCACHE are part of the result.
    pub fn of(config: &Config) -> Self {
        Golden {
            config: Some(config.clone()),
            ..Self::new(config.data_w as u32)
        }
    }

    /// The same engine with costs from a cycle model.
    pub fn with_costs(self, costs: CostModel) -> Self {
        Golden {
            costs: Some(costs),
            ..self
        }
    }

    /// Tiles and groups of an operation with reuse, on the accelerator.
    fn scopes(&mut self, op: &Op) -> Result<(Arc<[Scope]>, &Config)> {
        let config = self.config.as_ref().context(
            "reuse depends on the accelerator's configuration: open the golden engine with Golden::of, or ask for reuse off",
        )?;
        let scopes = match self.scopes.entry((op.geometry.clone(), op.pass, op.reuse)) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(new) => {
                let scopes = plan::scope(op.geometry, op.pass, &op.reuse, config)?;
                new.insert(scopes.into()).clone()
            }
        };
        Ok((scopes, config))
    }

    /// The raw result, and the Hitmaps if there is reuse.
    fn result(&mut self, op: &Op) -> Result<(Array4<i64>, Option<Hitmaps>)> {
        if op.reuse.is_on() {
            let records = self.keep;
            let (scopes, config) = self.scopes(op)?;
            let (y, hitmaps) = reuse::run(op, &scopes, config, records)?;
            return Ok((y, Some(hitmaps)));
        }
        let y = match op.pass {
            Pass::Forward => dense::forward(op.geometry, op.a, op.b),
            Pass::InputGrad => dense::input_grad(op.geometry, op.a, op.b),
            Pass::WeightGrad => dense::weight_grad(op.geometry, op.a, op.b),
        };
        Ok((y, None))
    }
}

/// Drains sums with a shift; returns how many were saturated.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq", "x86_64+avx2"))]
fn drain(values: &mut [i64], shift: u32, data_bits: u32) -> u64 {
    let mut saturations = 0;
    for v in values {
        let out = numeric::requantise(*v, shift, data_bits);
        *v = out.value.into();
        saturations += u64::from(out.saturated);
    }
    saturations
}

impl Engine for Golden {
    fn name(&self) -> &str {
        "golden"
    }

    fn data_bits(&self) -> u32 {
        self.data_bits
    }

    fn run(&mut self, op: &Op) -> Result<OpResult> {
        op.validate(self.data_bits)?;
        let (mut y, hitmaps) = self.result(op)?;
        let kept = hitmaps.as_ref().filter(|_| self.keep);
        self.decisions = kept.map(Hitmaps::decisions);
        let mut stats = match &self.costs {
            Some(costs) => costs(op, hitmaps.as_ref())?,
            None => OpStats {
                macs: op.geometry.macs(op.pass),
                ..OpStats::default().with_states(hitmaps.map_or([0; 4], |h| h.states()))
            },
        };
        stats.max_abs = y.fold(0, |max, v| max.max(v.unsigned_abs()));
        if let Drain::Shift(shift) = op.drain {
            let values = y.as_slice_mut().expect("standard layout");
            stats.saturations = drain(values, shift, self.data_bits);
        }
        Ok(OpResult { y, stats })
    }

    fn keep_decisions(&mut self, keep: bool) {
        self.keep = keep;
    }

    fn take_decisions(&mut self) -> Option<Decisions> {
        self.decisions.take()
    }
}

impl Costs for Golden {
    /// Settings that differ in skipping zero elements alone have the same Hitmaps, if their tiles are the same too.
    fn costs(&mut self, op: &Op, settings: &[Reuse]) -> Vec<Result<OpStats>> {
        let mut latest: Option<(Reuse, Hitmaps)> = None;
        let one = |&reuse: &Reuse| {
            let op = Op {
                reuse,
                ..op.clone()
            };
            op.validate(self.data_bits)?;
            if reuse.is_on() {
                let vectors = Reuse {
                    elem_skip: false,
                    ..reuse
                };
                let (scopes, config) = self.scopes(&op)?;
                let same = |(known, hitmaps): &&(Reuse, Hitmaps)| {
                    *known == vectors && *hitmaps.scopes == *scopes
                };
                if latest.as_ref().filter(same).is_none() {
                    latest = Some((vectors, Hitmaps::count(&op, &scopes, config)?));
                }
            }
            let hitmaps = latest.as_ref().filter(|_| reuse.is_on());
            let costs = self.costs.as_ref().context(
                "this golden engine knows no costs: give it some with Golden::with_costs",
            )?;
            costs(&op, hitmaps.map(|(_, hitmaps)| hitmaps))
        };
        settings.iter().map(one).collect()
    }
}

#[cfg(test)]
mod tests;
