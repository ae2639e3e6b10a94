//! The adaptation options of `mercury train`.

use anyhow::{Result, ensure};

use crate::nn::{Adapt, Decision, LayerReuse};

/// How reuse changes while the network trains.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Adaptation of reuse (docs/adaptation.md)")]
pub struct AdaptArgs {
    /// Start with coarser signatures and refine them when the loss stops falling; switch reuse off in a layer's pass where it takes
    /// longer than dense. A table [adapt] in --reuse-file asks for the same, with the keys start, beyond, window, patience,
    /// batches, retry.
    #[arg(long)]
    adapt: bool,
    /// Refinements coarser at first than the settings say: one projection fewer each (sign), a step twice as wide (step, grid).
    #[arg(long, value_name = "N", requires = "adapt", default_value_t = Adapt::default().start)]
    adapt_start: u16,
    /// Refinements at most beyond the settings.
    #[arg(long, value_name = "N", requires = "adapt", default_value_t = Adapt::default().beyond)]
    adapt_beyond: u16,
    /// Iterations over which the loss is averaged.
    #[arg(long, value_name = "N", requires = "adapt", default_value_t = Adapt::default().window)]
    adapt_window: u32,
    /// Refine after so many iterations without a lower mean loss.
    #[arg(long, value_name = "N", requires = "adapt", default_value_t = Adapt::default().patience)]
    adapt_patience: u64,
    /// Switch reuse off in a layer's pass after so many iterations running that took longer than dense.
    #[arg(long, value_name = "T", requires = "adapt", default_value_t = Adapt::default().batches)]
    adapt_batches: u64,
    /// Try it again after so many iterations.
    #[arg(long, value_name = "N", requires = "adapt", default_value_t = Adapt::default().retry)]
    adapt_retry: u64,
}

impl AdaptArgs {
    /// The settings with the adaptation asked for.
    ///
    /// # Errors
    /// Adaptation asked for twice, or of nothing; numbers that mean nothing.
    pub fn apply(&self, mut reuse: LayerReuse) -> Result<LayerReuse> {
        ensure!(
            !self.adapt || reuse.adapt.is_none(),
            "--adapt, and a table [adapt] in --reuse-file: give one of them"
        );
        if self.adapt {
            let adapt = Adapt {
                start: self.adapt_start,
                beyond: self.adapt_beyond,
                window: self.adapt_window,
                patience: self.adapt_patience,
                batches: self.adapt_batches,
                retry: self.adapt_retry,
            };
            adapt.check()?;
            reuse.adapt = Some(adapt);
        }
        ensure!(
            reuse.adapt.is_none() || reuse.is_on(),
            "there is no reuse to adapt: give --reuse sign, step or grid, too"
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
