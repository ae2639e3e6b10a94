//! Hyper-parameters: optimiser, its learning rate from step to step, and its update.

use std::f32::consts::PI;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use super::layers::Param;

/// How parameters follow their gradients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Optimizer {
    /// Stochastic gradient descent with momentum: v ← momentum · v + gradient + decay · w, w ← w − lr · v.
    #[default]
    Sgd,
    /// Adam (Kingma and Ba 2015) with `momentum` as β₁ and weight decay apart from the gradient (Loshchilov and Hutter
    /// 2019): m ← β₁m + (1 − β₁)g, s ← β₂s + (1 − β₂)g², both divided by 1 − βᵗ, w ← w − lr · (m / (√s + 10⁻⁸) + decay · w).
    Adam,
}

/// How the learning rate changes from the first step to the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Not at all.
    Constant,
    /// A straight line from `lr` to `lr_end` · `lr`.
    #[default]
    Linear,
    /// Half a cosine from `lr` to `lr_end` · `lr`: flat, steep, flat.
    Cosine,
    /// Multiplied by `step_factor` each time another `step_every` epochs are over.
    Step,
}

/// Hyper-parameters. A network file may give its own in the table `[training]`; what it leaves out is as in
/// [`Hyper::default`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hyper {
    /// Times through the training set.
    pub epochs: usize,
    /// Images per step; the last step of an epoch takes what is left.
    pub batch: usize,
    /// Optimiser.
    pub optimizer: Optimizer,
    /// Learning rate of the first step, warm-up left out.
    pub lr: f32,
    /// How it changes.
    pub schedule: Schedule,
    /// Learning rate behind the last step, as a share of `lr`: where `linear` and `cosine` go.
    pub lr_end: f32,
    /// Epochs between the steps of `step`.
    pub step_every: usize,
    /// What a step of `step` multiplies the learning rate by.
    pub step_factor: f32,
    /// Epochs, also parts of one, in which the learning rate rises linearly from nothing to what the schedule says.
    pub warmup: f32,
    /// Momentum of SGD; β₁ of Adam.
    pub momentum: f32,
    /// β₂ of Adam.
    pub beta2: f32,
    /// Weight decay, of weights alone: biases, scales and shifts of normalisation, and position embeddings have none.
    pub weight_decay: f32,
    /// Augmentation: training images are moved by up to so many pixels in each direction, zeros moving in.
    pub jitter: usize,
}

impl Default for Hyper {
    fn default() -> Self {
        Hyper {
            epochs: 5,
            batch: 32,
            optimizer: Optimizer::Sgd,
            lr: 0.05,
            schedule: Schedule::Linear,
            lr_end: 1.0,
            step_every: 2,
            step_factor: 0.5,
            warmup: 0.0,
            momentum: 0.9,
            beta2: 0.999,
            weight_decay: 0.0,
            jitter: 0,
        }
    }
}

impl Hyper {
    /// Refuses values that cannot train.
    ///
    /// # Errors
    /// Names the value, the limit and the fix.
    pub fn check(&self) -> Result<()> {
        let counts = [
            ("epochs", self.epochs),
            ("batch", self.batch),
            ("step_every", self.step_every),
        ];
        for (name, value) in counts {
            ensure!(
                value >= 1,
                "{name} is 0, must be at least 1: give a positive number"
            );
        }
        ensure!(
            self.lr.is_finite() && self.lr > 0.0,
            "lr is {}: give a positive learning rate",
            self.lr
        );
        for (name, share) in [("lr_end", self.lr_end), ("step_factor", self.step_factor)] {
            ensure!(
                (0.0..=1.0).contains(&share),
                "{name} is {share}: give a share between 0 and 1"
            );
        }
        for (name, value) in [("momentum", self.momentum), ("beta2", self.beta2)] {
            ensure!(
                (0.0..1.0).contains(&value),
                "{name} is {value}: give 0 or more, below 1"
            );
        }
        let amounts = [("warmup", self.warmup), ("weight_decay", self.weight_decay)];
        for (name, value) in amounts {
            ensure!(
                value.is_finite() && value >= 0.0,
                "{name} is {value}: give 0 or more"
            );
        }
        Ok(())
    }

    /// Learning rate of step `step`, from 0, of `steps` in all epochs together.
    pub fn lr_at(&self, step: usize, steps: usize) -> f32 {
        let done = step as f32 / steps as f32;
        let share = match self.schedule {
            Schedule::Constant => 1.0,
            Schedule::Linear => 1.0 - (1.0 - self.lr_end) * done,
            Schedule::Cosine => self.lr_end + (1.0 - self.lr_end) * 0.5 * (1.0 + (PI * done).cos()),
            Schedule::Step => {
                let epoch = step * self.epochs / steps;
                self.step_factor.powi((epoch / self.step_every) as i32)
            }
        };
        let warmup = self.warmup * steps as f32 / self.epochs as f32;
        let rise = match (step as f32) < warmup {
            true => ((step + 1) as f32 / warmup).min(1.0),
            false => 1.0,
        };
        self.lr * share * rise
    }

    /// Changes a parameter after its gradient, in step `number` from 1.
    pub fn update(&self, param: &mut Param, lr: f32, number: i32) {
        let decay = if param.decays { self.weight_decay } else { 0.0 };
        let Param {
            value,
            grad,
            velocity,
            square,
            ..
        } = param;
        match self.optimizer {
            Optimizer::Sgd => {
                if decay > 0.0 {
                    grad.zip_mut_with(value, |g, w| *g += decay * w);
                }
                velocity.zip_mut_with(grad, |v, g| *v = self.momentum * *v + g);
                value.zip_mut_with(velocity, |w, v| *w -= lr * v);
            }
            Optimizer::Adam => {
                let [b1, b2] = [self.momentum, self.beta2];
                velocity.zip_mut_with(grad, |m, g| *m = b1 * *m + (1.0 - b1) * g);
                square.zip_mut_with(grad, |s, g| *s = b2 * *s + (1.0 - b2) * g * g);
                let [c1, c2] = [b1, b2].map(|b| 1.0 - b.powi(number));
                ndarray::Zip::from(value)
                    .and(velocity)
                    .and(square)
                    .for_each(|w, m, s| {
                        let step = (*m / c1) / ((*s / c2).sqrt() + 1e-8);
                        *w -= lr * (step + decay * *w);
                    });
            }
        }
    }
}

#[cfg(test)]
#[path = "optimizer_tests.rs"]
mod tests;
