//! The engine that trains on a co-simulated tensor core.

use anyhow::{Context as _, Result, bail};
use ndarray::{Array2, Array4, s};

use super::Driver;
use crate::acrtc::engine::{TensorCore, in_units, op_stats};
use crate::acrtc::{Cut, Product, Settings, cuts, pack};
use crate::config::tc::TcConfig;
use crate::cosim::bus::Bus;
use crate::engine::{Drain, Engine, Op, OpResult};
use crate::numeric;
use crate::regmap::tc::Statistics;

/// Runs operations as jobs on a tensor core, whose own counters say what they cost.
///
/// The host lays rows and weights out, cuts products into jobs, adds parts of K, and shifts what the core could not; rounding,
/// row kinds and sums are the hardware's. The test `a_network_trains_on_the_verilog` uses it.
pub struct TensorDevice<B> {
    driver: Driver<B>,
    config: TcConfig,
    /// Knows what the settings allow, and the cycles of `dense_tc`.
    model: TensorCore,
}

/// What the host knows of a product's results.
struct Outcome {
    /// Results `[rows, outputs]`, those of the operation.
    d: Array2<i64>,
    statistics: Statistics,
    max_abs: u64,
    saturations: u64,
}

impl<B: Bus> TensorDevice<B> {
    /// An engine on an open device.
    pub fn new(driver: Driver<B>, config: &TcConfig) -> Self {
        TensorDevice {
            driver,
            config: config.clone(),
            model: TensorCore::new(config),
        }
    }

    fn product(&mut self, product: &Product, op: &Op, settings: Settings) -> Result<Outcome> {
        let [rows, k, n] = product.shape();
        let (a, b) = (product.rows(op.a).all(), product.weights(op.b));
        let drain = in_units(op.drain, settings.level);
        let mut d = Array2::<i64>::zeros((rows, n));
        let mut sum = Statistics::default();
        let mut shifted = false;
        for cut in cuts(rows, k, n, settings, drain, &self.config)? {
            let packet = pack::packet(&cut, a.view(), b.view(), &self.config);
            let answer = self.driver.run(&cut.regs, packet, self.limit(&cut))?;
            if let Some(error) = answer.error {
                bail!("the tensor core refused a job: {error:?}");
            }
            let mut part = d.slice_mut(s![.., cut.n.clone()]);
            part += &answer.output.slice(s![.., ..cut.n.len()]);
            sum = sum.with(&answer.statistics);
            shifted = cut.regs.shift_mode;
        }
        let level = u32::from(settings.level);
        Ok(if shifted {
            Outcome {
                d,
                max_abs: sum.max_abs << level,
                saturations: sum.saturations,
                statistics: sum,
            }
        } else {
            self.on_the_host(d << i64::from(level), op.drain, sum)
        })
    }

    /// Largest magnitude of raw results, and the shift that is left to do.
    fn on_the_host(&self, mut d: Array2<i64>, drain: Drain, statistics: Statistics) -> Outcome {
        let max_abs = d.iter().map(|v| v.unsigned_abs()).max().unwrap_or(0);
        let mut saturations = 0;
        if let Drain::Shift(shift) = drain {
            d.mapv_inplace(|v| {
                let out = numeric::requantise(v, shift, self.config.data_w as u32);
                saturations += u64::from(out.saturated);
                out.value.into()
            });
        }
        Outcome {
            d,
            statistics,
            max_abs,
            saturations,
        }
    }

    /// Cycles within which a job must answer: eight times what a core takes that does nothing at once.
    fn limit(&self, cut: &Cut) -> u64 {
        let regs = &cut.regs;
        let multiply = u64::from(regs.rows) * u64::from(regs.steps) * u64::from(regs.blocks);
        let beats = pack::in_beats(regs, &self.config) + pack::result_beats(regs, &self.config);
        8 * (multiply + beats + 1000)
    }
}

impl<B: Bus> Engine for TensorDevice<B> {
    fn name(&self) -> &str {
        "verilated"
    }

    fn data_bits(&self) -> u32 {
        self.config.data_w as u32
    }

    fn run(&mut self, op: &Op) -> Result<OpResult> {
        op.validate(self.data_bits())?;
        let settings = self.model.settings(&op.reuse)?;
        let mut y = Array4::zeros(op.geometry.shapes(op.pass)[2]);
        let (mut sum, mut max_abs, mut saturations) = (Statistics::default(), 0, 0);
        for product in Product::all(op.geometry, op.pass, op.reuse.rows.order) {
            let outcome = self
                .product(&product, op, settings)
                .with_context(|| format!("{} of {:?}", op.pass, op.geometry))?;
            product.put(outcome.d.view(), &mut y);
            sum = sum.with(&outcome.statistics);
            max_abs = outcome.max_abs.max(max_abs);
            saturations += outcome.saturations;
        }
        let mut stats = op_stats(&sum, self.model.dense_cycles(op)?, &self.config);
        (stats.max_abs, stats.saturations) = (max_abs, saturations);
        Ok(OpResult { y, stats })
    }
}
