//! Layers made of layers: rows of them, and branches.

use anyhow::Result;
use ndarray::{Array4, Axis, concatenate, s};

use super::{Layer, Param};
use crate::nn::products::Context;

/// Layers one behind the other; none at all passes its input on.
#[derive(Default)]
pub struct Chain(pub Vec<Box<dyn Layer>>);

impl Chain {
    /// Result of the last layer.
    ///
    /// # Errors
    /// What the engine refuses or finds wrong, with layer and pass.
    pub fn forward(&mut self, x: Array4<f32>, cx: &mut Context) -> Result<Array4<f32>> {
        self.0
            .iter_mut()
            .try_fold(x, |x, layer| layer.forward(x, cx))
    }

    /// Gradients of all parameters, and of the input unless no layer before learns; see [`Layer::backward`].
    ///
    /// # Errors
    /// What the engine refuses or finds wrong, with layer and pass.
    pub fn backward(&mut self, dy: Array4<f32>, cx: &mut Context) -> Result<Option<Array4<f32>>> {
        let mut gradient = dy;
        for layer in self.0.iter_mut().rev() {
            match layer.backward(gradient, cx)? {
                Some(dx) => gradient = dx,
                None => return Ok(None),
            }
        }
        Ok(Some(gradient))
    }

    /// What its layers learn, in their order.
    pub fn params(&mut self) -> Vec<&mut Param> {
        self.0.iter_mut().flat_map(|layer| layer.params()).collect()
    }
}

/// The sum of two branches: y = body(x) + shortcut(x), the shortcut x itself if it has no layers (He et al. 2016).
///
/// ```text
///      ┌─► body ────┐
///  x ──┤            + ─► y
///      └─► shortcut ┘
/// ```
pub struct Residual {
    name: String,
    branches: [Chain; 2],
}

impl Residual {
    /// A sum of branches whose results have the same shape.
    pub fn new(name: &str, body: Chain, shortcut: Chain) -> Self {
        Residual {
            name: name.into(),
            branches: [body, shortcut],
        }
    }
}

impl Layer for Residual {
    fn name(&self) -> &str {
        &self.name
    }

    fn forward(&mut self, x: Array4<f32>, cx: &mut Context) -> Result<Array4<f32>> {
        let [body, shortcut] = &mut self.branches;
        let y = body.forward(x.clone(), cx)?;
        Ok(y + shortcut.forward(x, cx)?)
    }

    fn backward(&mut self, dy: Array4<f32>, cx: &mut Context) -> Result<Option<Array4<f32>>> {
        let [body, shortcut] = &mut self.branches;
        let through_body = body.backward(dy.clone(), cx)?;
        let around = shortcut.backward(dy, cx)?;
        // One of them may end at its first learning layer: then nothing before it learns.
        Ok(through_body.zip(around).map(|(a, b)| a + b))
    }

    fn params(&mut self) -> Vec<&mut Param> {
        self.branches.iter_mut().flat_map(Chain::params).collect()
    }
}

/// The results of several branches on the same input, one behind the other as channels.
pub struct Concat {
    name: String,
    branches: Vec<Chain>,
    /// Channels of each branch's result.
    channels: Vec<usize>,
}

impl Concat {
    /// Branches, at least one, whose results have the same rows and columns.
    pub fn new(name: &str, branches: Vec<Chain>) -> Self {
        Concat {
            name: name.into(),
            branches,
            channels: vec![],
        }
    }
}

impl Layer for Concat {
    fn name(&self) -> &str {
        &self.name
    }

    fn forward(&mut self, x: Array4<f32>, cx: &mut Context) -> Result<Array4<f32>> {
        let branches = self.branches.iter_mut();
        let parts: Vec<_> = branches
            .map(|branch| branch.forward(x.clone(), cx))
            .collect::<Result<_>>()?;
        self.channels = parts.iter().map(|part| part.len_of(Axis(1))).collect();
        let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
        Ok(concatenate(Axis(1), &views)?)
    }

    fn backward(&mut self, dy: Array4<f32>, cx: &mut Context) -> Result<Option<Array4<f32>>> {
        let (mut first, mut sum, mut learns) = (0, None, true);
        for (branch, &channels) in self.branches.iter_mut().zip(&self.channels) {
            let part = dy.slice(s![.., first..first + channels, .., ..]).to_owned();
            first += channels;
            match (branch.backward(part, cx)?, &mut sum) {
                (Some(dx), Some(sum)) => *sum += &dx,
                (Some(dx), none) => *none = Some(dx),
                (None, _) => learns = false,
            }
        }
        Ok(sum.filter(|_| learns))
    }

    fn params(&mut self) -> Vec<&mut Param> {
        self.branches.iter_mut().flat_map(Chain::params).collect()
    }
}
