//! Pooling.

use anyhow::{Result, ensure};
use ndarray::{Array4, Axis, s};

use super::Layer;
use crate::nn::products::Context;

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

/// The mean of each channel, [B, C, H, W] to [B, C, 1, 1]; on token rows the mean over tokens.
#[derive(Clone, Debug)]
pub struct GlobalAvgPool {
    name: String,
    shape: [usize; 4],
}

impl GlobalAvgPool {
    /// A pooling layer whose window is the image.
    pub fn new(name: &str) -> Self {
        GlobalAvgPool {
            name: name.into(),
            shape: [0; 4],
        }
    }
}

impl Layer for GlobalAvgPool {
    fn name(&self) -> &str {
        &self.name
    }

    fn forward(&mut self, x: Array4<f32>, cx: &mut Context) -> Result<Array4<f32>> {
        let shape: [usize; 4] = x.dim().into();
        if cx.training {
            self.shape = shape;
        }
        let sums = x.sum_axis(Axis(3)).sum_axis(Axis(2)) / (shape[2] * shape[3]) as f32;
        Ok(sums.into_shape_with_order((shape[0], shape[1], 1, 1))?)
    }

    fn backward(&mut self, dy: Array4<f32>, _cx: &mut Context) -> Result<Option<Array4<f32>>> {
        let share = dy / (self.shape[2] * self.shape[3]) as f32;
        Ok(share.broadcast(self.shape).map(|dx| dx.to_owned()))
    }
}
