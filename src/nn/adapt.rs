//! Adaptation of reuse while a network trains: `docs/adaptation.md` has the exact rules.
//!
//! The controller sees the loss and the counts of every iteration, nothing else: no engine, no tensors. So the same training
//! always makes the same decisions, and they are tested on made-up sequences.

use std::collections::{BTreeMap, VecDeque};

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use super::products::{Ledger, LedgerEntry};
use super::reuse::{LayerReuse, PassReuse};
use crate::engine::Pass;
use crate::reuse::{Mode, Reuse, Rows};

/// When signatures are refined, and when reuse is switched off. Counted in iterations, one a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Adapt {
    /// Training starts so many refinements coarser than the settings say.
    pub start: u16,
    /// Refinements go so far beyond the settings.
    pub beyond: u16,
    /// Iterations over which the loss is averaged.
    pub window: u32,
    /// Signatures are refined when the mean loss has not improved for so many iterations.
    pub patience: u64,
    /// They are refined, too, when the mean loss is below so many percent of the first one since the latest refinement; 0: never.
    #[serde(skip_serializing_if = "is_zero")]
    pub share: u8,
    /// Reuse of a layer's pass is switched off when it took longer than dense in so many iterations running.
    pub batches: u64,
    /// It is tried again after so many iterations.
    pub retry: u64,
}

fn is_zero(share: &u8) -> bool {
    *share == 0
}

impl Default for Adapt {
    fn default() -> Self {
        Adapt {
            start: 2,
            beyond: 2,
            window: 10,
            patience: 30,
            share: 0,
            batches: 5,
            retry: 100,
        }
    }
}

impl Adapt {
    /// The default for the level of a tensor core: from three above the setting down to it, also as the loss falls.
    pub fn of_levels() -> Adapt {
        Adapt {
            start: 3,
            beyond: 0,
            share: 70,
            ..Adapt::default()
        }
    }

    /// Refuses numbers that mean nothing.
    ///
    /// # Errors
    /// Names the value, the limit and the fix.
    pub fn check(&self) -> Result<()> {
        let positive = [
            ("window", self.window.into()),
            ("patience", self.patience),
            ("batches", self.batches),
            ("retry", self.retry),
        ];
        for (name, value) in positive {
            ensure!(
                value >= 1,
                "adapt {name} is 0, must be at least 1: give a positive number of iterations"
            );
        }
        ensure!(
            self.share < 100,
            "adapt share is {} percent, it must be below 100: a loss that has not fallen is no reason to refine",
            self.share
        );
        Ok(())
    }
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// Signatures of all layers tell more vectors apart from now on.
    Refined {
        /// Refinements beyond the settings; negative if coarser.
        finer: i32,
        /// Mean loss of the latest iterations.
        mean_loss: f64,
        /// The least mean loss since the refinement before.
        best_loss: f64,
        /// Iteration of the least mean loss.
        best_iteration: u64,
        /// The first mean loss since the refinement before, if it is the fall below a share of it that decided.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fallen_from: Option<f64>,
    },
    /// No more reuse in this layer's pass.
    Off {
        /// Iterations running in which reuse took longer.
        batches: u64,
        /// Cycles of these iterations.
        cycles: u64,
        /// What the best dense plans would have taken.
        dense_cycles: u64,
    },
    /// Reuse in this layer's pass again.
    On {
        /// Iteration after which it was switched off.
        off_since: u64,
    },
}

/// A change of the settings, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Iteration after which it was made, from 1, over all epochs.
    pub iteration: u64,
    /// Layer; none: all.
    pub layer: Option<String>,
    /// Pass; none: all.
    pub pass: Option<Pass>,
    /// What was decided, with the numbers behind it.
    #[serde(flatten)]
    pub change: Change,
    /// The same in words.
    pub reason: String,
}

/// Reuse of one layer's pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Trial {
    /// Iterations running in which it took longer than dense, and their cycles.
    batches: u64,
    cycles: u64,
    dense_cycles: u64,
    off_since: Option<u64>,
}

/// Decides, iteration by iteration. Can be stored and read back: what it decides then is the same.
///
/// ```
/// use mercury::nn::{Adapt, Controller, LayerReuse, Ledger};
/// use mercury::{engine::Pass, reuse::{Mode, Reuse}};
/// let adapt = Adapt { start: 1, window: 1, patience: 2, ..Adapt::default() };
/// let mut controller = Controller::new(adapt, LayerReuse::all(Reuse::of(Mode::Grid)));
/// assert_eq!(controller.settings().get("conv1", Pass::Forward).finer, -1);
/// for loss in [3.0, 2.0, 2.1, 2.0] {
///     controller.observe(loss, &Ledger::default());
/// }
/// assert_eq!(controller.settings().get("conv1", Pass::Forward).finer, 0);
/// assert_eq!(controller.take_decisions()[0].iteration, 4);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Controller {
    adapt: Adapt,
    base: LayerReuse,
    iteration: u64,
    finer: i32,
    /// The latest losses since the latest refinement, at most a window.
    losses: VecDeque<f64>,
    /// The least mean loss since then, and its iteration.
    best: Option<(f64, u64)>,
    /// The first mean loss since then.
    first: Option<f64>,
    trials: BTreeMap<String, [Trial; 3]>,
    decisions: Vec<Decision>,
}

impl Controller {
    /// A controller before the first iteration; `base` are the settings that it starts coarser than.
    pub fn new(adapt: Adapt, base: LayerReuse) -> Controller {
        Controller {
            adapt,
            base,
            iteration: 0,
            finer: -i32::from(adapt.start),
            losses: VecDeque::new(),
            best: None,
            first: None,
            trials: BTreeMap::new(),
            decisions: vec![],
        }
    }

    /// The settings of the next iteration.
    pub fn settings(&self) -> LayerReuse {
        let finer = |reuse: Reuse| Reuse {
            finer: reuse.finer + self.finer,
            ..reuse
        };
        let mut settings = self.base.clone();
        settings.default = settings.default.map(finer);
        let layers = settings.layers.values_mut();
        layers.for_each(|passes| *passes = passes.map(finer));
        for (layer, trials) in &self.trials {
            let passes: &mut PassReuse = settings
                .layers
                .entry(layer.clone())
                .or_insert(settings.default);
            for pass in Pass::ALL {
                if trials[pass as usize].off_since.is_some() {
                    let setting = passes.get_mut(pass);
                    (setting.mode, setting.rows) = (Mode::Off, Rows::default());
                }
            }
        }
        settings
    }

    /// Takes note of an iteration that ran with [`Controller::settings`]: mean loss of its batch, and its counts alone.
    pub fn observe(&mut self, loss: f64, counts: &Ledger) {
        self.iteration += 1;
        self.compare(counts);
        self.refine(loss);
    }

    /// The decisions since this was last asked.
    pub fn take_decisions(&mut self) -> Vec<Decision> {
        std::mem::take(&mut self.decisions)
    }

    /// Rule (a) of `docs/adaptation.md`.
    fn refine(&mut self, loss: f64) {
        let Adapt {
            beyond,
            window,
            patience,
            share,
            ..
        } = self.adapt;
        if self.finer >= i32::from(beyond) || !self.base.can_refine() {
            return;
        }
        self.losses.push_back(loss);
        if self.losses.len() < window as usize {
            return;
        }
        let mean_loss = self.losses.iter().sum::<f64>() / f64::from(window);
        self.losses.pop_front();
        let (best_loss, best_iteration) = match self.best {
            Some(best) if mean_loss >= best.0 || mean_loss.is_nan() => best,
            _ => (mean_loss, self.iteration),
        };
        self.best = Some((best_loss, best_iteration));
        let first = *self.first.get_or_insert(mean_loss);
        let fallen = mean_loss < f64::from(share) / 100.0 * first;
        if !fallen && self.iteration - best_iteration < patience {
            return;
        }
        self.finer += 1;
        self.losses.clear();
        (self.best, self.first) = (None, None);
        let what = self.refined();
        let reason = match fallen {
            true => format!(
                "{what}: mean loss of {window} iterations is {mean_loss:.4}, below {share} % of the {first:.4} at first"
            ),
            false => format!(
                "{what}: mean loss of {window} iterations is {mean_loss:.4}, not below the {best_loss:.4} of {patience} iterations \
                 before"
            ),
        };
        let change = Change::Refined {
            finer: self.finer,
            mean_loss,
            best_loss,
            best_iteration,
            fallen_from: fallen.then_some(first),
        };
        self.decide(None, change, reason);
    }

    /// What a refinement has made, in words.
    fn refined(&self) -> String {
        let settings = self.settings();
        let rows = settings.default.forward;
        match rows.rows == Rows::default() {
            true => format!("signatures refined, now at {:+}", self.finer),
            false => format!("level lowered to {}", rows.level(u8::MAX)),
        }
    }

    /// Rule (b) of `docs/adaptation.md`.
    fn compare(&mut self, counts: &Ledger) {
        let retry = self.adapt.retry;
        let off = self.trials.iter_mut().flat_map(|(layer, trials)| {
            let trials = Pass::ALL.into_iter().zip(trials);
            trials.map(move |(pass, trial)| (layer, pass, trial))
        });
        let mut again = vec![];
        for (layer, pass, trial) in off {
            if let Some(off_since) = trial.off_since
                && self.iteration - off_since >= retry
            {
                *trial = Trial::default();
                again.push((layer.clone(), pass, off_since));
            }
        }
        let again_now: Vec<_> = again.iter().map(|(l, p, _)| (l.clone(), *p)).collect();
        for (layer, pass, off_since) in again {
            let reason = format!("reuse tried again, {retry} iterations after it was switched off");
            self.decide(Some((layer, pass)), Change::On { off_since }, reason);
        }
        for entry in &counts.0 {
            if !again_now.contains(&(entry.layer.clone(), entry.pass)) {
                self.compare_one(entry);
            }
        }
    }

    /// Counts an iteration of one layer's pass.
    fn compare_one(&mut self, entry: &LedgerEntry) {
        let LedgerEntry {
            layer, pass, stats, ..
        } = entry;
        let trial = &mut self.trials.entry(layer.clone()).or_default()[*pass as usize];
        if trial.off_since.is_some() || !self.base.get(layer, *pass).skips() {
            return;
        }
        if stats.cycles <= stats.dense_cycles {
            *trial = Trial::default();
            return;
        }
        trial.batches += 1;
        trial.cycles += stats.cycles;
        trial.dense_cycles += stats.dense_cycles;
        if trial.batches < self.adapt.batches {
            return;
        }
        let Trial {
            batches,
            cycles,
            dense_cycles,
            ..
        } = *trial;
        *trial = Trial {
            off_since: Some(self.iteration),
            ..Trial::default()
        };
        let change = Change::Off {
            batches,
            cycles,
            dense_cycles,
        };
        let reason = format!(
            "reuse off: {cycles} cycles in {batches} iterations running, each longer than dense, which takes {dense_cycles}"
        );
        self.decide(Some((layer.clone(), *pass)), change, reason);
    }

    fn decide(&mut self, place: Option<(String, Pass)>, change: Change, reason: String) {
        let (layer, pass) = place.unzip();
        self.decisions.push(Decision {
            iteration: self.iteration,
            layer,
            pass,
            change,
            reason,
        });
    }
}

#[cfg(test)]
#[path = "adapt_tests.rs"]
mod tests;
