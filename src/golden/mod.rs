//! The golden model: engines in integers, written from the contract in `docs/numerics.md` alone.
//!
//! It never sees `hdl`, `blocks` or `designs`, so that agreement with the hardware means something.

mod dense;

use anyhow::Result;
use ndarray::Zip;

use crate::engine::{Drain, Engine, Geometry, Op, OpResult, OpStats, Pass};
use crate::numeric;

/// Says what an operation costs on the accelerator: fills in every counter of [`OpStats`] but `max_abs` and
/// `saturations`, which depend on the data.
pub type CostModel = Box<dyn Fn(&Geometry, Pass, Drain) -> Result<OpStats> + Send>;

/// The dense golden engine: fast on the host, and the reference for every bit of every result.
///
/// Sums are computed as f64 matrix products of gathered patches. They are exact: products are at most 2^30 in
/// magnitude and no matrix product adds more than 2^22 of them; longer sums continue in i64.
///
/// ```
/// use mercury::engine::{Drain, Engine, Geometry, Op, Pass};
/// use mercury::golden::Golden;
/// use ndarray::Array4;
///
/// let geometry = Geometry::conv([1, 1, 4, 4], 1, 3, 1, 1);
/// let x = Array4::from_elem((1, 1, 4, 4), 2i16);
/// let w = Array4::from_elem((1, 1, 3, 3), 1i16);
/// let op = Op { pass: Pass::Forward, geometry: &geometry, a: x.view(), b: w.view(), drain: Drain::Raw };
/// let y = Golden::new(16).run(&op)?.y;
/// assert_eq!((y[[0, 0, 0, 0]], y[[0, 0, 1, 1]]), (8, 18));
/// # anyhow::Ok(())
/// ```
pub struct Golden {
    data_bits: u32,
    costs: Option<CostModel>,
}

impl Golden {
    /// An engine for operands of `data_bits` bits (16 or 8) that counts no cycles or bytes; its `macs` are those
    /// of the layer's definition.
    ///
    /// # Panics
    /// On any other width.
    pub fn new(data_bits: u32) -> Self {
        numeric::check_data_bits(data_bits).unwrap();
        Golden {
            data_bits,
            costs: None,
        }
    }

    /// The same engine with costs from a cycle model.
    ///
    /// # Panics
    /// On a width other than 16 and 8.
    pub fn with_costs(data_bits: u32, costs: CostModel) -> Self {
        Golden {
            costs: Some(costs),
            ..Self::new(data_bits)
        }
    }
}

impl Engine for Golden {
    fn name(&self) -> &str {
        "golden"
    }

    fn data_bits(&self) -> u32 {
        self.data_bits
    }

    fn run(&mut self, op: &Op) -> Result<OpResult> {
        op.validate(self.data_bits)?;
        let mut stats = match &self.costs {
            Some(costs) => costs(op.geometry, op.pass, op.drain)?,
            None => OpStats {
                macs: op.geometry.macs(op.pass),
                ..Default::default()
            },
        };
        let mut y = match op.pass {
            Pass::Forward => dense::forward(op.geometry, op.a, op.b),
            Pass::InputGrad => dense::input_grad(op.geometry, op.a, op.b),
            Pass::WeightGrad => dense::weight_grad(op.geometry, op.a, op.b),
        };
        stats.max_abs = y.fold(0, |max, v| max.max(v.unsigned_abs()));
        if let Drain::Shift(shift) = op.drain {
            Zip::from(&mut y).for_each(|v| {
                let out = numeric::requantise(*v, shift, self.data_bits);
                *v = out.value.into();
                stats.saturations += u64::from(out.saturated);
            });
        }
        Ok(OpResult { y, stats })
    }
}

#[cfg(test)]
mod tests;
