//! Layers: each knows its forward and its backward.

mod activation;
mod attention;
mod branch;
mod conv;
mod lstm;
mod norm;
mod pool;
mod shape;

pub use activation::{Gelu, Relu};
pub use attention::Attention;
pub use branch::{Chain, Concat, Residual};
pub use conv::Conv;
pub use lstm::Lstm;
pub use norm::{BatchNorm, LayerNorm};
pub use pool::{AvgPool, GlobalAvgPool, MaxPool};
pub use shape::{Flatten, PositionEmbedding, Tokens};

use anyhow::Result;
use ndarray::{Array4, ArrayD};

use super::products::Context;

/// A tensor that training changes, with its latest gradient and what the optimiser remembers of earlier ones.
#[derive(Clone, Debug)]
pub struct Param {
    /// What the layer computes with.
    pub value: ArrayD<f32>,
    /// Gradient of the loss, set by the layer's backward.
    pub grad: ArrayD<f32>,
    /// Running sum (SGD) or mean (Adam) of gradients.
    pub velocity: ArrayD<f32>,
    /// Running mean of squared gradients (Adam).
    pub square: ArrayD<f32>,
    /// Whether weight decay acts on it: on weights, not on biases, scales and shifts.
    pub decays: bool,
}

impl Param {
    /// A parameter with zero gradient and momentum; it decays if it has more than one axis.
    pub fn new(value: ArrayD<f32>) -> Self {
        let zero = ArrayD::zeros(value.raw_dim());
        Param {
            decays: value.ndim() > 1,
            value,
            grad: zero.clone(),
            square: zero.clone(),
            velocity: zero,
        }
    }
}

/// One layer of a network. Tensors are [batch, channels, rows, columns].
pub trait Layer: Send {
    /// Unique in its network.
    fn name(&self) -> &str;

    /// Result of the layer. While training, keeps what [`Layer::backward`] needs.
    ///
    /// # Errors
    /// What the engine refuses or finds wrong.
    fn forward(&mut self, x: Array4<f32>, cx: &mut Context) -> Result<Array4<f32>>;

    /// From the gradient of the layer's result, sets the gradients of its parameters and returns that of its input;
    /// `None` if no layer before it learns. Belongs to the latest training [`Layer::forward`].
    ///
    /// # Errors
    /// What the engine refuses or finds wrong.
    fn backward(&mut self, dy: Array4<f32>, cx: &mut Context) -> Result<Option<Array4<f32>>>;

    /// What the layer learns, in a fixed order.
    fn params(&mut self) -> Vec<&mut Param> {
        vec![]
    }
}

/// Why a layer's memory of its latest training forward is there when backward wants it.
const KEPT: &str = "a training forward comes before backward";

#[cfg(test)]
mod tests;
