//! Convolutions, and fully connected layers as a special case.

use anyhow::Result;
use ndarray::{Array1, Array4, Axis, Ix4};
use rand::{Rng, RngExt};

use super::{KEPT, Layer, Param};
use crate::engine::{Geometry, Pass};
use crate::nn::products::{Context, Products};
use crate::numeric::Quantised;

/// A convolution, with bias unless told otherwise; fully connected layers are one with a 1×1 kernel on 1×1 images.
pub struct Conv {
    name: String,
    geometry: Geometry,
    /// Whether a layer before this one learns.
    input_grad: bool,
    /// [N, Cin/groups, kh, kw].
    weights: Param,
    /// [N].
    bias: Option<Param>,
    products: Products,
    /// Operands of the latest training forward.
    kept: Option<[Quantised<Ix4>; 2]>,
}

impl Conv {
    /// A layer of the given shape (its batch is ignored), weights uniform within ±√(6 / fan-in) (He et al. 2015), bias 0.
    ///
    /// # Errors
    /// An illegal geometry.
    pub fn new(
        name: &str,
        geometry: Geometry,
        input_grad: bool,
        rng: &mut impl Rng,
    ) -> Result<Self> {
        geometry.validate()?;
        let shape = geometry.w_shape();
        let limit = (6.0 / (shape[1] * shape[2] * shape[3]) as f32).sqrt();
        let weights = Array4::from_shape_simple_fn(shape, || rng.random_range(-limit..limit));
        let bias = Array1::zeros(geometry.filters);
        Ok(Conv {
            name: name.into(),
            geometry,
            input_grad,
            weights: Param::new(weights.into_dyn()),
            bias: Some(Param::new(bias.into_dyn())),
            products: Products::default(),
            kept: None,
        })
    }

    /// The same layer without bias, for a batch norm behind it that would take it out again.
    pub fn without_bias(self) -> Self {
        Conv { bias: None, ..self }
    }
}

impl Layer for Conv {
    fn name(&self) -> &str {
        &self.name
    }

    fn forward(&mut self, x: Array4<f32>, cx: &mut Context) -> Result<Array4<f32>> {
        self.geometry.batch = x.len_of(Axis(0));
        let weights = self.weights.value.view().into_dimensionality::<Ix4>()?;
        let qx = Products::quantise(&x, &format!("input of layer {}", self.name), cx)?;
        let qw = Products::quantise(&weights, &format!("weights of layer {}", self.name), cx)?;
        let mut y = self
            .products
            .run(&self.name, Pass::Forward, &self.geometry, [&qx, &qw], cx)?;
        if let Some(bias) = &self.bias {
            let bias = bias.value.view();
            y += &bias.into_shape_with_order((1, self.geometry.filters, 1, 1))?;
        }
        if cx.training {
            self.kept = Some([qx, qw]);
        }
        Ok(y)
    }

    fn backward(&mut self, dy: Array4<f32>, cx: &mut Context) -> Result<Option<Array4<f32>>> {
        let [qx, qw] = self.kept.take().expect(KEPT);
        let qdy = Products::quantise(&dy, &format!("output gradient of layer {}", self.name), cx)?;
        let dw = self.products.run(
            &self.name,
            Pass::WeightGrad,
            &self.geometry,
            [&qx, &qdy],
            cx,
        )?;
        self.weights.grad = dw.into_dyn();
        if let Some(bias) = &mut self.bias {
            let sum = dy.sum_axis(Axis(3)).sum_axis(Axis(2)).sum_axis(Axis(0));
            bias.grad = sum.into_dyn();
        }
        if !self.input_grad {
            return Ok(None);
        }
        self.products
            .run(&self.name, Pass::InputGrad, &self.geometry, [&qdy, &qw], cx)
            .map(Some)
    }

    fn params(&mut self) -> Vec<&mut Param> {
        let mut params = vec![&mut self.weights];
        params.extend(&mut self.bias);
        params
    }
}
