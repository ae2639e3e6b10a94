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
    /// Index of each result's source in its image's channel.
    sources: Vec<usize>,
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
            sources: vec![],
        })
    }

    /// Index of the largest value of a window. NaN wins and stays, so that a diverged run is noticed.
    fn largest(&self, image: &[f32], width: usize, row: usize, column: usize) -> usize {
        let Pool {
            kernel: [kh, kw],
            stride: [sy, sx],
        } = self.pool;
        let first = row * sy * width + column * sx;
        let mut best = first;
        for line in (0..kh).map(|ky| first + ky * width) {
            for here in line..line + kw {
                let (v, most) = (image[here], image[best]);
                if v > most || (v.is_nan() && !most.is_nan()) {
                    best = here;
                }
            }
        }
        best
    }
}

impl Layer for MaxPool {
    fn name(&self) -> &str {
        &self.name
    }

    fn forward(&mut self, x: Array4<f32>, cx: &mut Context) -> Result<Array4<f32>> {
        let shape: [usize; 4] = x.dim().into();
        let [batch, channels, height, width] = shape;
        let [rows, columns] = self.pool.out([height, width]);
        let results = batch * channels * rows * columns;
        let (mut y, mut sources) = (Vec::with_capacity(results), Vec::with_capacity(results));
        let x = x.as_standard_layout();
        let x = x.as_slice().expect("standard layout");
        for image in x.chunks_exact(height * width) {
            for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |c| (row, c))) {
                let source = self.largest(image, width, row, column);
                y.push(image[source]);
                sources.push(source);
            }
        }
        if cx.training {
            (self.shape, self.sources) = (shape, sources);
        }
        Ok(Array4::from_shape_vec((batch, channels, rows, columns), y)?)
    }

    fn backward(&mut self, dy: Array4<f32>, _cx: &mut Context) -> Result<Option<Array4<f32>>> {
        let [batch, channels, height, width] = self.shape;
        let mut dx = vec![0.0; batch * channels * height * width];
        let windows = (dy.len_of(Axis(2)) * dy.len_of(Axis(3))).max(1);
        for (i, (&d, &source)) in dy.iter().zip(&self.sources).enumerate() {
            dx[i / windows * height * width + source] += d;
        }
        Ok(Some(Array4::from_shape_vec(self.shape, dx)?))
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
