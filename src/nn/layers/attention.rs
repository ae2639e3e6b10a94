//! Multi-head self-attention.

use anyhow::Result;
use ndarray::{Array4, ArrayView4, Axis, Ix4, s};
use rand::Rng;

use super::{Conv, KEPT, Layer, Param};
use crate::engine::{Geometry, Pass};
use crate::nn::products::{Context, Products};
use crate::numeric::Quantised;

/// Multi-head self-attention on token rows [B, D, T, 1] (Vaswani et al. 2017): softmax(QᵀK / √d)·V in each head, between
/// projections to Q, K, V and from the heads back to D channels.
///
/// All its products go through the engine, in four operations:
///
/// | name | product | geometry |
/// |---|---|---|
/// | `NAME_qkv` | Q, K, V = W·x + b | 1×1 convolution D → 3D |
/// | `NAME_scores` | S\[key, query\] = K·Q | one fully connected layer per image and head: Q its input, K its weights |
/// | `NAME_mix` | out\[d, query\] = V·P | the same: the probabilities P its input, V its weights |
/// | `NAME_out` | y = W·out + b | 1×1 convolution D → D |
///
/// The fully connected layers of all images and heads are the convolution groups of one operation, so they share
/// exponents; their positions are the queries. Gradients of P and Q are input gradients, those of V and K weight
/// gradients. Softmax and scaling stay on the host.
pub struct Attention {
    name: String,
    heads: usize,
    qkv: Conv,
    out: Conv,
    scores: Product,
    mix: Product,
    /// Softmax of the scores, [1, B·heads·keys, queries, 1].
    probabilities: Option<Array4<f32>>,
}

impl Attention {
    /// A layer for `channels` = D and `tokens` = T; `heads` divides D. `input_grad`: whether a layer before it learns.
    ///
    /// # Errors
    /// An illegal geometry.
    pub fn new(
        name: &str,
        [channels, tokens]: [usize; 2],
        heads: usize,
        input_grad: bool,
        rng: &mut impl Rng,
    ) -> Result<Self> {
        let [qkv, scores, mix, out] = Self::products(name, [1, channels, tokens], heads);
        Ok(Attention {
            name: name.into(),
            heads,
            qkv: Conv::new(&qkv.0, qkv.1, input_grad, rng)?,
            out: Conv::new(&out.0, out.1, true, rng)?,
            scores: Product::new(scores.0),
            mix: Product::new(mix.0),
            probabilities: None,
        })
    }

    /// Names and geometries of the products of layer `name` on [B, D, T]: qkv, scores, mix, out.
    pub fn products(
        name: &str,
        [batch, channels, tokens]: [usize; 3],
        heads: usize,
    ) -> [(String, Geometry); 4] {
        let project = |n| Geometry::conv([batch, channels, tokens, 1], n, 1, 1, 0);
        let groups = batch * heads;
        let per_head = |from: usize, to: usize| Geometry {
            groups,
            ..Geometry::conv([1, groups * from, tokens, 1], groups * to, 1, 1, 0)
        };
        let d = channels / heads;
        [
            (format!("{name}_qkv"), project(3 * channels)),
            (format!("{name}_scores"), per_head(d, tokens)),
            (format!("{name}_mix"), per_head(tokens, d)),
            (format!("{name}_out"), project(channels)),
        ]
    }
}

impl Layer for Attention {
    fn name(&self) -> &str {
        &self.name
    }

    fn forward(&mut self, x: Array4<f32>, cx: &mut Context) -> Result<Array4<f32>> {
        let [batch, channels, tokens, _]: [usize; 4] = x.dim().into();
        let groups = batch * self.heads;
        let d = channels / self.heads;
        let qkv = self.qkv.forward(x, cx)?;
        let part = |i: usize| qkv.slice(s![.., i * channels..(i + 1) * channels, .., ..]);

        let [_, scores, mix, _] = Self::products(&self.name, [batch, channels, tokens], self.heads);
        let queries = reshape(part(0), scores.1.x_shape())?;
        let keys = swap(part(1), [groups, d, tokens])?;
        let mut p = self.scores.forward([queries, keys], scores.1, cx)?;
        softmax(&mut p, [groups, tokens], 1.0 / (d as f32).sqrt());

        let values = reshape(part(2), mix.1.w_shape())?;
        let heads = self.mix.forward([p.clone(), values], mix.1, cx)?;
        if cx.training {
            self.probabilities = Some(p);
        }
        let heads = heads.into_shape_with_order((batch, channels, tokens, 1))?;
        self.out.forward(heads, cx)
    }

    fn backward(&mut self, dy: Array4<f32>, cx: &mut Context) -> Result<Option<Array4<f32>>> {
        let [batch, channels, tokens, _]: [usize; 4] = dy.dim().into();
        let groups = batch * self.heads;
        let d = channels / self.heads;
        let heads = self
            .out
            .backward(dy, cx)?
            .expect("the projection before it learns");
        let p = self.probabilities.take().expect(KEPT);

        let heads = heads.into_shape_with_order((1, groups * d, tokens, 1))?;
        let [mut ds, dv] = self.mix.backward(heads, cx)?;
        softmax_gradient(&mut ds, &p, [groups, tokens], 1.0 / (d as f32).sqrt());
        let [dq, dk] = self.scores.backward(ds, cx)?;

        let shape = [batch, channels, tokens, 1];
        let parts = [
            reshape(dq.view(), shape)?,
            reshape(swap(dk.view(), [groups, tokens, d])?.view(), shape)?,
            reshape(dv.view(), shape)?,
        ];
        let dqkv = ndarray::concatenate(Axis(1), &parts.each_ref().map(|part| part.view()))?;
        self.qkv.backward(dqkv, cx)
    }

    fn params(&mut self) -> Vec<&mut Param> {
        let mut params = self.qkv.params();
        params.extend(self.out.params());
        params
    }
}

/// A product of two tensors that both have gradients.
struct Product {
    name: String,
    products: Products,
    /// Shape and operands of the latest training forward.
    kept: Option<(Geometry, [Quantised<Ix4>; 2])>,
}

impl Product {
    fn new(name: String) -> Self {
        Product {
            name,
            products: Products::default(),
            kept: None,
        }
    }

    /// The product of an input and of what takes the place of weights.
    fn forward(
        &mut self,
        [x, w]: [Array4<f32>; 2],
        geometry: Geometry,
        cx: &mut Context,
    ) -> Result<Array4<f32>> {
        let qx = Products::quantise(&x, &format!("first operand of {}", self.name), cx)?;
        let qw = Products::quantise(&w, &format!("second operand of {}", self.name), cx)?;
        let y = self
            .products
            .run(&self.name, Pass::Forward, &geometry, [&qx, &qw], cx)?;
        if cx.training {
            self.kept = Some((geometry, [qx, qw]));
        }
        Ok(y)
    }

    /// Gradients of both operands.
    fn backward(&mut self, dy: Array4<f32>, cx: &mut Context) -> Result<[Array4<f32>; 2]> {
        let (geometry, [qx, qw]) = self.kept.take().expect(KEPT);
        let qdy = Products::quantise(&dy, &format!("output gradient of {}", self.name), cx)?;
        let mut run = |pass, operands| self.products.run(&self.name, pass, &geometry, operands, cx);
        let dw = run(Pass::WeightGrad, [&qx, &qdy])?;
        Ok([run(Pass::InputGrad, [&qdy, &qw])?, dw])
    }
}

fn reshape(from: ArrayView4<f32>, shape: [usize; 4]) -> Result<Array4<f32>> {
    let from = from.as_standard_layout().into_owned();
    Ok(from.into_shape_with_order(shape)?)
}

/// Each of `groups` matrices of `rows` × `columns` transposed: [groups·columns, rows, 1, 1].
fn swap(from: ArrayView4<f32>, [groups, rows, columns]: [usize; 3]) -> Result<Array4<f32>> {
    let from = from.as_standard_layout();
    let from = from.into_shape_with_order((groups, rows, columns))?;
    let swapped = from.permuted_axes([0, 2, 1]);
    let swapped = swapped.as_standard_layout().into_owned();
    Ok(swapped.into_shape_with_order((groups * columns, rows, 1, 1))?)
}

/// Softmax of `scale` · scores over the keys of each query; scores are [1, groups·keys, queries, 1].
fn softmax(scores: &mut Array4<f32>, [groups, tokens]: [usize; 2], scale: f32) {
    each_query(scores, [groups, tokens], |mut keys| {
        // Not f32::max, which would lose a NaN.
        let max = keys.fold(f32::NEG_INFINITY, |m, &v| if v < m { m } else { v });
        keys.mapv_inplace(|v| (scale * (v - max)).exp());
        let sum = keys.sum();
        keys.mapv_inplace(|v| v / sum);
    });
}

/// From the gradient of the probabilities `p`, in place, that of the scores: scale · p · (dp − Σ p·dp).
fn softmax_gradient(
    dp: &mut Array4<f32>,
    p: &Array4<f32>,
    [groups, tokens]: [usize; 2],
    scale: f32,
) {
    let mut weighted = &*dp * p;
    each_query(&mut weighted, [groups, tokens], |mut keys| {
        let sum = keys.sum();
        keys.fill(sum);
    });
    ndarray::Zip::from(dp)
        .and(p)
        .and(&weighted)
        .for_each(|d, &p, &mean| *d = scale * p * (*d - mean));
}

/// Calls `change` with the keys of each image, head and query.
fn each_query(
    scores: &mut Array4<f32>,
    [groups, tokens]: [usize; 2],
    mut change: impl FnMut(ndarray::ArrayViewMut1<f32>),
) {
    let mut scores = scores
        .view_mut()
        .into_shape_with_order((groups, tokens, tokens))
        .expect("scores are contiguous");
    for keys in scores.lanes_mut(Axis(1)) {
        change(keys);
    }
}
