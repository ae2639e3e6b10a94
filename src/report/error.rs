//! How far the vectors that are computed with lie from the real ones, measured while training.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::engine::{Engine, Op, OpResult, Pass};
use crate::inspect::Squares;
use crate::plan;

/// Error of x̂ in one layer and pass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerError {
    /// Layer name.
    pub layer: String,
    /// Pass.
    pub pass: Pass,
    /// Norm of x̂ − x by norm of x, over all vectors of the operations measured; 0 if x is zero.
    pub relative: f64,
}

/// Shared with whoever switches the measurement on and off.
#[derive(Clone, Debug, Default)]
pub struct Probe {
    on: Rc<Cell<bool>>,
    sums: Rc<RefCell<Vec<(String, Pass, Squares)>>>,
}

impl Probe {
    /// Measures operations from now on, or no longer.
    pub fn switch(&self, on: bool) {
        self.on.set(on);
    }

    /// What was measured since the last call.
    pub fn take(&self) -> Vec<LayerError> {
        let sums = self.sums.take();
        let error = |(layer, pass, squares): (String, Pass, Squares)| LayerError {
            layer,
            pass,
            relative: squares.relative(),
        };
        sums.into_iter().map(error).collect()
    }
}

/// An engine that measures, while its probe is on, what reuse makes of the vectors. The weight gradient is left out: it reuses
/// the vectors of the forward pass.
pub struct Measured<E> {
    engine: E,
    config: Config,
    layer: String,
    probe: Probe,
}

impl<E: Engine> Measured<E> {
    /// Wraps an engine of an accelerator; the probe is off.
    pub fn new(engine: E, config: &Config) -> (Self, Probe) {
        let probe = Probe::default();
        let measured = Measured {
            engine,
            config: config.clone(),
            layer: String::new(),
            probe: probe.clone(),
        };
        (measured, probe)
    }

    fn measure(&mut self, op: &Op) -> Result<OpResult> {
        self.engine.keep_decisions(true);
        let result = self.engine.run(op);
        self.engine.keep_decisions(false);
        let result = result?;
        if let Some(decisions) = self.engine.take_decisions() {
            let scopes = plan::scope(op.geometry, op.pass, &op.reuse, &self.config)?;
            let squares = Squares::of(&scopes, &decisions, &op.a);
            let mut sums = self.probe.sums.borrow_mut();
            let known = sums
                .iter_mut()
                .find(|(layer, pass, _)| *layer == self.layer && *pass == op.pass);
            match known {
                Some((_, _, sum)) => *sum = sum.plus(squares),
                None => sums.push((self.layer.clone(), op.pass, squares)),
            }
        }
        Ok(result)
    }
}

impl<E: Engine> Engine for Measured<E> {
    fn name(&self) -> &str {
        self.engine.name()
    }

    fn data_bits(&self) -> u32 {
        self.engine.data_bits()
    }

    fn layer(&mut self, name: &str) {
        if self.probe.on.get() {
            self.layer = name.into();
        }
    }

    fn run(&mut self, op: &Op) -> Result<OpResult> {
        let wanted = self.probe.on.get() && !op.reuse.is_exact() && op.pass != Pass::WeightGrad;
        match wanted {
            true => self.measure(op),
            false => self.engine.run(op),
        }
    }
}
