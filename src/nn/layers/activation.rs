//! Activations.

use anyhow::Result;
use ndarray::Array4;

use super::{KEPT, Layer};
use crate::nn::products::Context;

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
        let y = self.y.take().expect(KEPT);
        dy.zip_mut_with(&y, |d, &y| *d = if y > 0.0 { *d } else { 0.0 });
        Ok(Some(dy))
    }
}

/// x·Φ(x), the Gaussian error linear unit, in the form with a hyperbolic tangent:
/// ½x(1 + tanh(√(2/π)(x + 0.044715x³))) (Hendrycks and Gimpel 2016).
#[derive(Clone, Debug)]
pub struct Gelu {
    name: String,
    x: Option<Array4<f32>>,
}

/// √(2/π).
const GELU_SLOPE: f32 = 0.797_884_6;
const GELU_CUBE: f32 = 0.044_715;

impl Gelu {
    /// A smooth rectifier.
    pub fn new(name: &str) -> Self {
        Gelu {
            name: name.into(),
            x: None,
        }
    }

    fn tanh(x: f32) -> f32 {
        (GELU_SLOPE * (x + GELU_CUBE * x * x * x)).tanh()
    }
}

impl Layer for Gelu {
    fn name(&self) -> &str {
        &self.name
    }

    fn forward(&mut self, x: Array4<f32>, cx: &mut Context) -> Result<Array4<f32>> {
        let y = x.mapv(|x| 0.5 * x * (1.0 + Self::tanh(x)));
        if cx.training {
            self.x = Some(x);
        }
        Ok(y)
    }

    fn backward(&mut self, mut dy: Array4<f32>, _cx: &mut Context) -> Result<Option<Array4<f32>>> {
        let x = self.x.take().expect(KEPT);
        dy.zip_mut_with(&x, |d, &x| {
            let t = Self::tanh(x);
            let inner = GELU_SLOPE * (1.0 + 3.0 * GELU_CUBE * x * x);
            *d *= 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * inner;
        });
        Ok(Some(dy))
    }
}
