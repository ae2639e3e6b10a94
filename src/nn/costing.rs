//! One training, several bills: what its operations cost with settings of reuse that change no result.

use anyhow::{Context as _, Result, ensure};

use super::products::Ledger;
use super::reuse::LayerReuse;
use crate::engine::{Costs, Op, OpResult, OpStats, Pass};
use crate::reuse::Reuse;

/// Counts, on one accelerator, what the operations of a training cost with each of some exact settings of reuse
/// ([`Reuse::is_exact`]). Weights and losses are the same with all of them, so one training serves them all.
pub struct Costing<'c> {
    costs: &'c mut dyn Costs,
    bills: Vec<Bill>,
}

/// The counts with one setting.
pub(super) struct Bill {
    pub(super) reuse: LayerReuse,
    /// Of the training steps since this was last taken.
    pub(super) ledger: Ledger,
    /// Why there are no counts.
    pub(super) failure: Option<anyhow::Error>,
}

impl<'c> Costing<'c> {
    /// Costs by `costs` with each of `settings`.
    ///
    /// # Errors
    /// A setting that changes results, or that adapts.
    pub fn new(costs: &'c mut dyn Costs, settings: Vec<LayerReuse>) -> Result<Self> {
        ensure!(
            settings.iter().all(|s| s.is_exact() && s.adapt.is_none()),
            "a setting of reuse changes results or adapts: such a setting needs a training of its own"
        );
        let bill = |reuse| Bill {
            reuse,
            ledger: Ledger::default(),
            failure: None,
        };
        Ok(Costing {
            costs,
            bills: settings.into_iter().map(bill).collect(),
        })
    }

    /// The bills in the order of the settings.
    pub(super) fn bills(&mut self) -> &mut [Bill] {
        &mut self.bills
    }

    /// Counts an operation that gave `result`. A setting with which it cannot be done has no counts from then on.
    pub(super) fn add(&mut self, layer: &str, pass: Pass, op: &Op, result: &OpResult) {
        let mut open: Vec<&mut Bill> = self.bills.iter_mut().collect();
        open.retain(|bill| bill.failure.is_none());
        let settings: Vec<Reuse> = open.iter().map(|b| b.reuse.get(layer, pass)).collect();
        for (bill, cost) in open.into_iter().zip(self.costs.costs(op, &settings)) {
            match cost.with_context(|| format!("layer {layer}, pass {pass}")) {
                Ok(stats) => {
                    let stats = OpStats {
                        max_abs: result.stats.max_abs,
                        saturations: result.stats.saturations,
                        ..stats
                    };
                    bill.ledger.add(layer, pass, stats);
                }
                Err(error) => bill.failure = Some(error),
            }
        }
    }
}
