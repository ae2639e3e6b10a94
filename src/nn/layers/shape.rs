//! Layers that arrange what others compute: flat rows, tokens, positions.

use anyhow::{Result, ensure};
use ndarray::{Array3, Array4, Axis};
use rand::{Rng, RngExt};

use super::{Layer, Param};
use crate::nn::products::Context;

/// [B, C, H, W] to [B, C·H·W, 1, 1].
#[derive(Clone, Debug)]
pub struct Flatten {
    name: String,
    shape: [usize; 4],
}

impl Flatten {
    /// A reshaping layer.
    pub fn new(name: &str) -> Self {
        Flatten {
            name: name.into(),
            shape: [0; 4],
        }
    }
}

impl Layer for Flatten {
    fn name(&self) -> &str {
        &self.name
    }

    fn forward(&mut self, x: Array4<f32>, cx: &mut Context) -> Result<Array4<f32>> {
        let shape: [usize; 4] = x.dim().into();
        if cx.training {
            self.shape = shape;
        }
        Ok(x.into_shape_with_order((shape[0], shape[1] * shape[2] * shape[3], 1, 1))?)
    }

    fn backward(&mut self, dy: Array4<f32>, _cx: &mut Context) -> Result<Option<Array4<f32>>> {
        Ok(Some(dy.into_shape_with_order(self.shape)?))
    }
}

/// Cuts an image into patches and makes each a token: [B, C, H, W] to [B, C·ph·pw, T, 1], the T = H/ph · W/pw tokens in
/// raster order, a token's elements ordered channel, row, column.
#[derive(Clone, Debug)]
pub struct Tokens {
    name: String,
    patch: [usize; 2],
    shape: [usize; 4],
}

impl Tokens {
    /// A layer with patches of `patch` rows and columns.
    ///
    /// # Errors
    /// A zero.
    pub fn new(name: &str, patch: [usize; 2]) -> Result<Self> {
        ensure!(
            patch[0] > 0 && patch[1] > 0,
            "patch of layer {name} is {patch:?}: give positive numbers"
        );
        Ok(Tokens {
            name: name.into(),
            patch,
            shape: [0; 4],
        })
    }

    /// Sizes of [B, C, rows of patches, ph, columns of patches, pw].
    fn split(&self, [b, c, h, w]: [usize; 4]) -> [usize; 6] {
        let [ph, pw] = self.patch;
        [b, c, h / ph, ph, w / pw, pw]
    }
}

impl Layer for Tokens {
    fn name(&self) -> &str {
        &self.name
    }

    fn forward(&mut self, x: Array4<f32>, cx: &mut Context) -> Result<Array4<f32>> {
        let shape: [usize; 4] = x.dim().into();
        if cx.training {
            self.shape = shape;
        }
        let split @ [b, c, rows, ph, columns, pw] = self.split(shape);
        let x = x.into_shape_with_order(split)?;
        let y = x.permuted_axes([0, 1, 3, 5, 2, 4]);
        let y = y.as_standard_layout().into_owned();
        Ok(y.into_shape_with_order((b, c * ph * pw, rows * columns, 1))?)
    }

    fn backward(&mut self, dy: Array4<f32>, _cx: &mut Context) -> Result<Option<Array4<f32>>> {
        let [b, c, rows, ph, columns, pw] = self.split(self.shape);
        let dy = dy.into_shape_with_order([b, c, ph, pw, rows, columns])?;
        let dx = dy.permuted_axes([0, 1, 4, 2, 5, 3]);
        let dx = dx.as_standard_layout().into_owned();
        Ok(Some(dx.into_shape_with_order(self.shape)?))
    }
}

/// Adds a learnt value to every element of an image, the same for all images of a batch: so that attention can tell
/// positions apart.
#[derive(Clone, Debug)]
pub struct PositionEmbedding {
    name: String,
    /// [C, H, W].
    embedding: Param,
}

impl PositionEmbedding {
    /// A layer for images of shape [channels, rows, columns], values uniform within ±0.1 at first.
    pub fn new(name: &str, shape: [usize; 3], rng: &mut impl Rng) -> Self {
        let value = Array3::from_shape_simple_fn(shape, || rng.random_range(-0.1f32..0.1));
        let mut embedding = Param::new(value.into_dyn());
        embedding.decays = false;
        PositionEmbedding {
            name: name.into(),
            embedding,
        }
    }
}

impl Layer for PositionEmbedding {
    fn name(&self) -> &str {
        &self.name
    }

    fn forward(&mut self, x: Array4<f32>, _cx: &mut Context) -> Result<Array4<f32>> {
        Ok((x.into_dyn() + &self.embedding.value).into_dimensionality()?)
    }

    fn backward(&mut self, dy: Array4<f32>, _cx: &mut Context) -> Result<Option<Array4<f32>>> {
        self.embedding.grad = dy.sum_axis(Axis(0)).into_dyn();
        Ok(Some(dy))
    }

    fn params(&mut self) -> Vec<&mut Param> {
        vec![&mut self.embedding]
    }
}
