//! Layers: each knows its forward and its backward.

use anyhow::{Result, ensure};
use ndarray::{Array1, Array4, ArrayD, Axis, Ix4, s};
use rand::{Rng, RngExt};

use super::products::{Context, Products};
use crate::engine::{Geometry, Pass};
use crate::numeric::Quantised;

/// A tensor that training changes, with its latest gradient and its momentum.
#[derive(Clone, Debug)]
pub struct Param {
    /// What the layer computes with.
    pub value: ArrayD<f32>,
    /// Gradient of the loss, set by the layer's backward.
    pub grad: ArrayD<f32>,
    /// Running sum of gradients of SGD with momentum.
    pub velocity: ArrayD<f32>,
}

impl Param {
    /// A parameter with zero gradient and momentum.
    pub fn new(value: ArrayD<f32>) -> Self {
        let zero = ArrayD::zeros(value.raw_dim());
        Param {
            value,
            grad: zero.clone(),
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
    fn params(&mut self) -> &mut [Param] {
        &mut []
    }

    /// Shape of the layer's dot products on `batch` images, if it has any.
    fn geometry(&self, _batch: usize) -> Option<Geometry> {
        None
    }
}

/// A convolution with bias; fully connected layers are one with a 1×1 kernel on 1×1 images.
pub struct Conv {
    name: String,
    geometry: Geometry,
    /// Whether a layer before this one learns.
    input_grad: bool,
    /// Weights [N, Cin/groups, kh, kw] and bias [N].
    params: [Param; 2],
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
        let params = [Param::new(weights.into_dyn()), Param::new(bias.into_dyn())];
        Ok(Conv {
            name: name.into(),
            geometry,
            input_grad,
            params,
            products: Products::default(),
            kept: None,
        })
    }
}

impl Layer for Conv {
    fn name(&self) -> &str {
        &self.name
    }

    fn forward(&mut self, x: Array4<f32>, cx: &mut Context) -> Result<Array4<f32>> {
        self.geometry.batch = x.len_of(Axis(0));
        let [weights, bias] = &self.params;
        let weights = weights.value.view().into_dimensionality::<Ix4>()?;
        let qx = Products::quantise(&x, &format!("input of layer {}", self.name), cx)?;
        let qw = Products::quantise(&weights, &format!("weights of layer {}", self.name), cx)?;
        let mut y = self
            .products
            .run(&self.name, Pass::Forward, &self.geometry, [&qx, &qw], cx)?;
        let bias = bias
            .value
            .view()
            .into_shape_with_order((1, self.geometry.filters, 1, 1))?;
        y += &bias;
        if cx.training {
            self.kept = Some([qx, qw]);
        }
        Ok(y)
    }

    fn backward(&mut self, dy: Array4<f32>, cx: &mut Context) -> Result<Option<Array4<f32>>> {
        let [qx, qw] = self
            .kept
            .take()
            .expect("a training forward comes before backward");
        let qdy = Products::quantise(&dy, &format!("output gradient of layer {}", self.name), cx)?;
        let dw = self.products.run(
            &self.name,
            Pass::WeightGrad,
            &self.geometry,
            [&qx, &qdy],
            cx,
        )?;
        let [weights, bias] = &mut self.params;
        weights.grad = dw.into_dyn();
        bias.grad = dy
            .sum_axis(Axis(3))
            .sum_axis(Axis(2))
            .sum_axis(Axis(0))
            .into_dyn();
        if !self.input_grad {
            return Ok(None);
        }
        self.products
            .run(&self.name, Pass::InputGrad, &self.geometry, [&qdy, &qw], cx)
            .map(Some)
    }

    fn params(&mut self) -> &mut [Param] {
        &mut self.params
    }

    fn geometry(&self, batch: usize) -> Option<Geometry> {
        Some(Geometry {
            batch,
            ..self.geometry.clone()
        })
    }
}

/// max(x, 0).
#[derive(Clone, Debug)]
pub struct Relu {
    name: String,
    y: Option<Array4<f32>>,
}

impl Relu {
    /// A rectifier.
    pub fn new(name: &str) -> Self {
        Relu {
            name: name.into(),
            y: None,
        }
    }
}

impl Layer for Relu {
    fn name(&self) -> &str {
        &self.name
    }

    fn forward(&mut self, mut x: Array4<f32>, cx: &mut Context) -> Result<Array4<f32>> {
        // Not f32::max, which would turn NaN into 0.
        x.mapv_inplace(|v| if v < 0.0 { 0.0 } else { v });
        if cx.training {
            self.y = Some(x.clone());
        }
        Ok(x)
    }

    fn backward(&mut self, mut dy: Array4<f32>, _cx: &mut Context) -> Result<Option<Array4<f32>>> {
        let y = self
            .y
            .take()
            .expect("a training forward comes before backward");
        dy.zip_mut_with(&y, |d, &y| *d = if y > 0.0 { *d } else { 0.0 });
        Ok(Some(dy))
    }
}

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

/// Window and step of a pooling layer, and the sizes it turns into which.
#[derive(Clone, Debug)]
struct Pool {
    kernel: [usize; 2],
    stride: [usize; 2],
}

impl Pool {
    fn new(name: &str, kernel: [usize; 2], stride: [usize; 2]) -> Result<Self> {
        for (what, [rows, columns]) in [("kernel", kernel), ("stride", stride)] {
            ensure!(
                rows > 0 && columns > 0,
                "{what} of layer {name} is [{rows}, {columns}]: give positive numbers"
            );
        }
        Ok(Pool { kernel, stride })
    }

    /// Output size for an input of `size` rows and columns at least the kernel's.
    fn out(&self, size: [usize; 2]) -> [usize; 2] {
        [0, 1].map(|axis| (size[axis] - self.kernel[axis]) / self.stride[axis] + 1)
    }

    /// Calls `visit` with the output index [b, c, y, x] and the first row and column of its window.
    fn windows(&self, [b, c, h, w]: [usize; 4], mut visit: impl FnMut([usize; 4], [usize; 2])) {
        let [rows, columns] = self.out([h, w]);
        for (b, c, y, x) in ndarray::indices((b, c, rows, columns)) {
            visit([b, c, y, x], [y * self.stride[0], x * self.stride[1]]);
        }
    }
}

/// The largest value of each window, the first one on a tie. Rows and columns that fill no window are dropped.
#[derive(Clone, Debug)]
pub struct MaxPool {
    name: String,
    pool: Pool,
    shape: [usize; 4],
    /// Row and column of each result's source.
    sources: Array4<[usize; 2]>,
}

impl MaxPool {
    /// A pooling layer with windows of `kernel` every `stride` rows and columns.
    ///
    /// # Errors
    /// A zero.
    pub fn new(name: &str, kernel: [usize; 2], stride: [usize; 2]) -> Result<Self> {
        let pool = Pool::new(name, kernel, stride)?;
        Ok(MaxPool {
            name: name.into(),
            pool,
            shape: [0; 4],
            sources: Array4::default((0, 0, 0, 0)),
        })
    }
}

impl Layer for MaxPool {
    fn name(&self) -> &str {
        &self.name
    }

    fn forward(&mut self, x: Array4<f32>, cx: &mut Context) -> Result<Array4<f32>> {
        let shape: [usize; 4] = x.dim().into();
        let [rows, columns] = self.pool.out([shape[2], shape[3]]);
        let mut sources = Array4::default((shape[0], shape[1], rows, columns));
        let [kh, kw] = self.pool.kernel;
        self.pool.windows(shape, |to, [top, left]| {
            let mut best = [top, left];
            for (ky, kx) in ndarray::indices((kh, kw)) {
                let here = [top + ky, left + kx];
                // NaN wins and stays, so that a diverged run is noticed.
                let (v, most) = (
                    x[[to[0], to[1], here[0], here[1]]],
                    x[[to[0], to[1], best[0], best[1]]],
                );
                if v > most || (v.is_nan() && !most.is_nan()) {
                    best = here;
                }
            }
            sources[to] = best;
        });
        let y = Array4::from_shape_fn(sources.raw_dim(), |(b, c, y, x_)| {
            let [row, column] = sources[[b, c, y, x_]];
            x[[b, c, row, column]]
        });
        if cx.training {
            (self.shape, self.sources) = (shape, sources);
        }
        Ok(y)
    }

    fn backward(&mut self, dy: Array4<f32>, _cx: &mut Context) -> Result<Option<Array4<f32>>> {
        let mut dx = Array4::zeros(self.shape);
        for ((b, c, y, x), &d) in dy.indexed_iter() {
            let [row, column] = self.sources[[b, c, y, x]];
            dx[[b, c, row, column]] += d;
        }
        Ok(Some(dx))
    }
}

/// The mean of each window. Rows and columns that fill no window are dropped.
#[derive(Clone, Debug)]
pub struct AvgPool {
    name: String,
    pool: Pool,
    shape: [usize; 4],
}

impl AvgPool {
    /// A pooling layer with windows of `kernel` every `stride` rows and columns.
    ///
    /// # Errors
    /// A zero.
    pub fn new(name: &str, kernel: [usize; 2], stride: [usize; 2]) -> Result<Self> {
        Ok(AvgPool {
            name: name.into(),
            pool: Pool::new(name, kernel, stride)?,
            shape: [0; 4],
        })
    }

    fn share(&self) -> f32 {
        1.0 / (self.pool.kernel[0] * self.pool.kernel[1]) as f32
    }
}

impl Layer for AvgPool {
    fn name(&self) -> &str {
        &self.name
    }

    fn forward(&mut self, x: Array4<f32>, cx: &mut Context) -> Result<Array4<f32>> {
        let shape: [usize; 4] = x.dim().into();
        let [rows, columns] = self.pool.out([shape[2], shape[3]]);
        let mut y = Array4::zeros((shape[0], shape[1], rows, columns));
        let [kh, kw] = self.pool.kernel;
        self.pool.windows(shape, |to, [top, left]| {
            y[to] = x
                .slice(s![to[0], to[1], top..top + kh, left..left + kw])
                .sum()
                * self.share();
        });
        if cx.training {
            self.shape = shape;
        }
        Ok(y)
    }

    fn backward(&mut self, dy: Array4<f32>, _cx: &mut Context) -> Result<Option<Array4<f32>>> {
        let mut dx = Array4::<f32>::zeros(self.shape);
        let [kh, kw] = self.pool.kernel;
        self.pool.windows(self.shape, |from, [top, left]| {
            let share = dy[from] * self.share();
            let mut window = dx.slice_mut(s![from[0], from[1], top..top + kh, left..left + kw]);
            window += share;
        });
        Ok(Some(dx))
    }
}

#[cfg(test)]
#[path = "layers_tests.rs"]
mod tests;
