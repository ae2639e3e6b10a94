//! One operation out of a training step.

use anyhow::{Context as _, Result};
use ndarray::Array4;

use crate::engine::{Drain, Engine, Geometry, Op, OpResult, Pass};
use crate::nn::{Context, DrainPolicy, Network, softmax_cross_entropy};
use crate::reuse::Reuse;

/// An operation with its own copies of the operands.
#[derive(Clone, Debug)]
pub struct Captured {
    /// Which product.
    pub pass: Pass,
    /// The layer's shape.
    pub geometry: Geometry,
    /// First operand, see [`Op`].
    pub a: Array4<i16>,
    /// Second operand, see [`Op`].
    pub b: Array4<i16>,
}

impl Captured {
    /// The operation with a reuse setting, its sums drained as they are.
    pub fn op(&self, reuse: Reuse) -> Op<'_> {
        Op {
            pass: self.pass,
            geometry: &self.geometry,
            a: self.a.view(),
            b: self.b.view(),
            drain: Drain::Raw,
            reuse,
        }
    }
}

/// Copies the operands of every operation that it passes on.
struct Recorder<'e> {
    engine: &'e mut dyn Engine,
    operations: Vec<Captured>,
}

impl Engine for Recorder<'_> {
    fn name(&self) -> &str {
        self.engine.name()
    }

    fn data_bits(&self) -> u32 {
        self.engine.data_bits()
    }

    fn run(&mut self, op: &Op) -> Result<OpResult> {
        self.operations.push(Captured {
            pass: op.pass,
            geometry: op.geometry.clone(),
            a: op.a.to_owned(),
            b: op.b.to_owned(),
        });
        self.engine.run(op)
    }
}

/// The operation of layer `layer` and pass `pass` in one training step without reuse, whose weights are not changed.
///
/// # Errors
/// What the engine refuses; a layer that has no such pass.
pub fn capture(
    net: &mut Network,
    images: Array4<f32>,
    labels: &[usize],
    (layer, pass): (&str, Pass),
    engine: &mut dyn Engine,
) -> Result<Captured> {
    let mut recorder = Recorder {
        engine,
        operations: vec![],
    };
    let mut cx = Context {
        drain: DrainPolicy::Raw,
        ..Context::new(&mut recorder)
    };
    let logits = net.forward(images, &mut cx)?;
    net.backward(
        softmax_cross_entropy(logits.view(), labels).gradient,
        &mut cx,
    )?;
    // In one step every layer and pass runs once: the ledger lists them in the order of the operations.
    let entries = &cx.ledger.0;
    let index = entries
        .iter()
        .position(|e| e.layer == layer && e.pass == pass);
    let index = index.with_context(|| {
        let has = entries.iter().filter(|e| e.layer == layer);
        let has: Vec<_> = has.map(|e| e.pass.name()).collect();
        match has.is_empty() {
            true => format!("no layer {layer} with dot products in this network"),
            false => format!(
                "layer {layer} has no {pass}, because no layer before it learns: it has {}",
                has.join(" and ")
            ),
        }
    })?;
    Ok(recorder.operations.swap_remove(index))
}
