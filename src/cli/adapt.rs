//! The adaptation options of `mercury train`.

use anyhow::{Result, ensure};

use crate::nn::{Adapt, Decision, LayerReuse};

/// How reuse changes while the network trains.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Adaptation of reuse (docs/adaptation.md)")]
pub struct AdaptArgs {
    /// Start coarser and refine when the loss stops falling: signatures, or the level of a tensor core; switch reuse off in a
    /// layer's pass where it takes longer than dense. A table [adapt] in --reuse-file asks for the same, with the keys start,
    /// beyond, window, patience, share, batches, retry.
    #[arg(long)]
    adapt: bool,
    /// Refinements coarser at first than the settings say: one projection fewer each (sign), a step twice as wide (step, grid), a
    /// level one higher (tensor cores) [default: 2; tensor cores: 3].
    #[arg(long, value_name = "N", requires = "adapt")]
    adapt_start: Option<u16>,
    /// Refinements at most beyond the settings [default: 2; tensor cores: 0].
    #[arg(long, value_name = "N", requires = "adapt")]
    adapt_beyond: Option<u16>,
    /// Iterations over which the loss is averaged [default: 10].
    #[arg(long, value_name = "N", requires = "adapt")]
    adapt_window: Option<u32>,
    /// Refine after so many iterations without a lower mean loss [default: 30].
    #[arg(long, value_name = "N", requires = "adapt")]
    adapt_patience: Option<u64>,
    /// Refine, too, when the mean loss is below so many percent of the first one since the latest refinement; 0: never [default: 0;
    /// tensor cores: 70].
    #[arg(long, value_name = "PERCENT", requires = "adapt")]
    adapt_share: Option<u8>,
    /// Switch reuse off in a layer's pass after so many iterations running that took longer than dense [default: 5].
    #[arg(long, value_name = "T", requires = "adapt")]
    adapt_batches: Option<u64>,
    /// Try it again after so many iterations [default: 100].
    #[arg(long, value_name = "N", requires = "adapt")]
    adapt_retry: Option<u64>,
}

impl AdaptArgs {
    /// The settings with the adaptation asked for; `usual` are the numbers that no option gives.
    ///
    /// # Errors
    /// Adaptation asked for twice, or of nothing; numbers that mean nothing.
    pub fn apply(&self, mut reuse: LayerReuse, usual: Adapt) -> Result<LayerReuse> {
        ensure!(
            !self.adapt || reuse.adapt.is_none(),
            "--adapt, and a table [adapt] in --reuse-file: give one of them"
        );
        if self.adapt {
            let adapt = Adapt {
                start: self.adapt_start.unwrap_or(usual.start),
                beyond: self.adapt_beyond.unwrap_or(usual.beyond),
                window: self.adapt_window.unwrap_or(usual.window),
                patience: self.adapt_patience.unwrap_or(usual.patience),
                share: self.adapt_share.unwrap_or(usual.share),
                batches: self.adapt_batches.unwrap_or(usual.batches),
                retry: self.adapt_retry.unwrap_or(usual.retry),
            };
            adapt.check()?;
            reuse.adapt = Some(adapt);
        }
        ensure!(
            reuse.adapt.is_none() || reuse.is_on(),
            "there is no reuse to adapt: give --reuse sign, step or grid, too; for a tensor core --rows delta"
        );
        Ok(reuse)
    }
}

/// One line on a decision.
pub fn decision_line(decision: &Decision) -> String {
    let pass = decision.pass.map_or("", |pass| pass.name());
    let layer = decision.layer.as_deref().unwrap_or("all layers");
    format!(
        "  after iteration {:>5}  {:<25} {}",
        decision.iteration,
        format!("{layer} {pass}").trim_end(),
        decision.reason
    )
}
