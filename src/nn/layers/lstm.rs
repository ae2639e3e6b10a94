//! Long short-term memory.

use anyhow::Result;
use ndarray::{Array1, Array2, Array4, Axis, Ix4, s};
use rand::{Rng, RngExt};

use super::{Conv, KEPT, Layer, Param};
use crate::engine::{Geometry, Pass};
use crate::nn::products::{Context, Products};
use crate::numeric::Quantised;

/// Long short-term memory (Hochreiter and Schmidhuber 1997, forget gate of Gers et al. 2000) on token rows [B, D, T, 1], one
/// token a step; its result is the hidden state after each token, [B, H, T, 1].
///
/// ```text
/// a = W·x_t + U·h_(t−1) + b     i, f, o = σ(a_i, a_f, a_o)     g = tanh(a_g)     c_t = f·c_(t−1) + i·g     h_t = o·tanh(c_t)
/// ```
///
/// | name | product | geometry |
/// |---|---|---|
/// | `NAME_x` | W·x + b of all tokens | 1×1 convolution D → 4H, gates in the order i, f, g, o |
/// | `NAME_h` | U·h of one token after the other, none for the first | fully connected H → 4H |
///
/// States, gates and their gradients stay on the host. The forget gates' biases begin with 1.
pub struct Lstm {
    name: String,
    /// W and b.
    x: Conv,
    /// U, [4H, H, 1, 1].
    h: Param,
    /// U's products, each step with the sums that it had in the latest batch.
    steps: Vec<Products>,
    kept: Option<Kept>,
}

/// What backward needs of the latest training forward.
struct Kept {
    weights: Quantised<Ix4>,
    steps: Vec<Step>,
}

/// One token.
struct Step {
    /// The hidden state before it, as operand; none for the first.
    before: Option<Quantised<Ix4>>,
    /// i, f, g, o, [B, 4H].
    gates: Array2<f32>,
    /// c of the token before, [B, H].
    cell_before: Array2<f32>,
    /// tanh of c.
    cell: Array2<f32>,
}

/// Index of the gate whose activation is tanh.
const G: usize = 2;

fn sigmoid(a: f32) -> f32 {
    1.0 / (1.0 + (-a).exp())
}

/// Values of gate `gate`: its quarter of the columns.
fn gate(of: &Array2<f32>, gate: usize) -> ndarray::ArrayView2<'_, f32> {
    let h = of.ncols() / 4;
    of.slice(s![.., gate * h..(gate + 1) * h])
}

/// [B, C] as [B, C, 1, 1].
fn operand(of: &Array2<f32>) -> Array4<f32> {
    let of = of.view().insert_axis(Axis(2)).insert_axis(Axis(3));
    of.to_owned()
}

impl Lstm {
    /// A layer of `outputs` = H on `[channels, tokens]`; U uniform within ±1 / √H. `input_grad`: whether a layer before it
    /// learns.
    ///
    /// # Errors
    /// An illegal geometry.
    pub fn new(
        name: &str,
        [channels, tokens]: [usize; 2],
        outputs: usize,
        input_grad: bool,
        rng: &mut impl Rng,
    ) -> Result<Self> {
        let [x, h] = Self::products(name, [1, channels, tokens], outputs);
        let mut x = Conv::new(&x.0, x.1, input_grad, rng)?;
        let mut bias = Array1::zeros(4 * outputs);
        bias.slice_mut(s![outputs..2 * outputs]).fill(1.0);
        x.params()[1].value = bias.into_dyn();
        let limit = 1.0 / (outputs as f32).sqrt();
        let weights =
            Array4::from_shape_simple_fn(h.1.w_shape(), || rng.random_range(-limit..limit));
        Ok(Lstm {
            name: name.into(),
            x,
            h: Param::new(weights.into_dyn()),
            steps: vec![Products::default(); tokens],
            kept: None,
        })
    }

    /// Names and geometries of the products of layer `name` on [B, D, T]; the second is that of all tokens together.
    pub fn products(
        name: &str,
        [batch, channels, tokens]: [usize; 3],
        outputs: usize,
    ) -> [(String, Geometry); 2] {
        let product = |from| Geometry::conv([batch, from, tokens, 1], 4 * outputs, 1, 1, 0);
        [
            (format!("{name}_x"), product(channels)),
            (format!("{name}_h"), product(outputs)),
        ]
    }

    fn product_name(&self) -> String {
        format!("{}_h", self.name)
    }

    /// The geometry of one token's product with U.
    fn geometry(&self, batch: usize) -> Geometry {
        let h = self.h.value.shape()[1];
        Geometry::fully_connected(batch, h, 4 * h)
    }
}

impl Layer for Lstm {
    fn name(&self) -> &str {
        &self.name
    }

    fn forward(&mut self, x: Array4<f32>, cx: &mut Context) -> Result<Array4<f32>> {
        let [batch, _, tokens, _]: [usize; 4] = x.dim().into();
        let from_x = self.x.forward(x, cx)?;
        let (name, geometry) = (self.product_name(), self.geometry(batch));
        let weights = self.h.value.view().into_dimensionality::<Ix4>()?;
        let weights = Products::quantise(&weights, &format!("weights of {name}"), cx)?;
        let outputs = geometry.in_channels;
        let mut hidden = Array2::zeros((batch, outputs));
        let mut cell = Array2::zeros((batch, outputs));
        let mut y = Array4::zeros((batch, outputs, tokens, 1));
        let mut steps = Vec::new();
        for t in 0..tokens {
            let mut gates = from_x.slice(s![.., .., t, 0]).to_owned();
            let before = match t {
                0 => None,
                _ => Some(Products::quantise(
                    &operand(&hidden),
                    &format!("state of {name}"),
                    cx,
                )?),
            };
            if let Some(before) = &before {
                let operands = [before, &weights];
                let add = self.steps[t].run(&name, Pass::Forward, &geometry, operands, cx)?;
                gates += &add.slice(s![.., .., 0, 0]);
            }
            for ((_, column), a) in gates.indexed_iter_mut() {
                *a = match column / outputs {
                    G => a.tanh(),
                    _ => sigmoid(*a),
                };
            }
            let cell_before = cell;
            cell = &gate(&gates, 1) * &cell_before + &gate(&gates, 0) * &gate(&gates, G);
            let squashed = cell.mapv(f32::tanh);
            hidden = &gate(&gates, 3) * &squashed;
            y.slice_mut(s![.., .., t, 0]).assign(&hidden);
            steps.push(Step {
                before,
                gates,
                cell_before,
                cell: squashed,
            });
        }
        if cx.training {
            self.kept = Some(Kept { weights, steps });
        }
        Ok(y)
    }

    fn backward(&mut self, dy: Array4<f32>, cx: &mut Context) -> Result<Option<Array4<f32>>> {
        let Kept { weights, steps } = self.kept.take().expect(KEPT);
        let [batch, outputs, tokens, _]: [usize; 4] = dy.dim().into();
        let (name, geometry) = (self.product_name(), self.geometry(batch));
        let mut d_hidden = Array2::<f32>::zeros((batch, outputs));
        let mut d_cell = Array2::<f32>::zeros((batch, outputs));
        let mut d_gates = Array4::zeros((batch, 4 * outputs, tokens, 1));
        let mut d_weights = Array4::zeros(geometry.w_shape());
        for (t, step) in steps.iter().enumerate().rev() {
            let [i, f, g, o] = [0, 1, G, 3].map(|n| gate(&step.gates, n));
            d_hidden += &dy.slice(s![.., .., t, 0]);
            d_cell += &(&d_hidden * &o * &step.cell.mapv(|c| 1.0 - c * c));
            // Gradients of what σ and tanh take.
            let slope = |v: ndarray::ArrayView2<f32>| v.mapv(|v| v * (1.0 - v));
            let parts = [
                &d_cell * &g * &slope(i),
                &d_cell * &step.cell_before * &slope(f),
                &d_cell * &i * &g.mapv(|v| 1.0 - v * v),
                &d_hidden * &step.cell * &slope(o),
            ];
            let da = ndarray::concatenate(Axis(1), &parts.each_ref().map(|part| part.view()))?;
            d_gates.slice_mut(s![.., .., t, 0]).assign(&da);
            d_cell *= &f;
            if let Some(before) = &step.before {
                let what = format!("output gradient of {name}");
                let qda = Products::quantise(&operand(&da), &what, cx)?;
                let products = &mut self.steps[t];
                let operands = [before, &qda];
                d_weights += &products.run(&name, Pass::WeightGrad, &geometry, operands, cx)?;
                let operands = [&qda, &weights];
                let dh = products.run(&name, Pass::InputGrad, &geometry, operands, cx)?;
                d_hidden = dh.slice(s![.., .., 0, 0]).to_owned();
            }
        }
        self.h.grad = d_weights.into_dyn();
        self.x.backward(d_gates, cx)
    }

    fn params(&mut self) -> Vec<&mut Param> {
        let mut params = self.x.params();
        params.push(&mut self.h);
        params
    }
}
