//! The tensor core options of `mercury train`.

use anyhow::{Result, ensure};
use clap::ValueEnum;

use crate::acrtc::{self, Mode};
use crate::config::tc::TcConfig;
use crate::nn::LayerReuse;
use crate::reuse::{Reuse, RowOrder, Rows};

/// What a tensor core skips.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Skip {
    /// Nothing.
    Dense,
    /// Elements that are zero.
    Elements,
    /// Elements that are what they were in the row before, or zeros where that is shorter.
    Delta,
}

/// What is skipped in the rows of a tensor core's products.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Tensor cores (presets acrtc-…, docs/acrtc.md)")]
pub struct RowsArgs {
    /// What is skipped in a row; exact at level 0.
    #[arg(long, value_enum, value_name = "WHAT")]
    rows: Option<Skip>,
    /// Round so many low bits of the first operand's elements away, relative to the tensor's exponent: rows become more alike.
    /// Fixed: CRTC. With --adapt the finest level, from which training starts some coarser: ACRTC [default: 0].
    #[arg(long, value_name = "BITS")]
    level: Option<u8>,
    /// In which order rows come; no influence on results [default: raster].
    #[arg(long, value_enum)]
    row_order: Option<RowOrder>,
}

impl RowsArgs {
    /// The setting asked for.
    ///
    /// # Errors
    /// What the core does not have.
    pub fn settings(&self, config: &TcConfig) -> Result<LayerReuse> {
        let mode = match self.rows {
            Some(Skip::Elements) => Mode::Zero,
            Some(Skip::Delta) => Mode::Delta,
            Some(Skip::Dense) | None => Mode::Dense,
        };
        let level = self.level.unwrap_or(0);
        ensure!(
            level == 0 || mode != Mode::Dense,
            "--level {level} rounds, but nothing is skipped for it: give --rows delta or --rows elements, too"
        );
        let rows = Rows {
            mode,
            level,
            order: self.row_order.unwrap_or_default(),
        };
        let reuse = Reuse {
            rows,
            ..Reuse::default()
        };
        acrtc::check(&reuse, config)?;
        Ok(LayerReuse::all(reuse))
    }

    /// Refuses options of tensor cores for another design.
    ///
    /// # Errors
    /// One was given.
    pub fn refuse(&self, preset: &str) -> Result<()> {
        ensure!(
            self.rows.is_none() && self.level.is_none() && self.row_order.is_none(),
            "{preset} is no tensor core: give --preset acrtc-small or acrtc-paper with --rows, --level and --row-order"
        );
        Ok(())
    }
}
