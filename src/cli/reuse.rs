//! The reuse options of every command that computes.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::grouped;
use crate::engine::OpStats;
use crate::nn::LayerReuse;
use crate::reuse::{Mode, Reuse};

/// What is computed once and used again.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Reuse")]
pub struct ReuseArgs {
    /// Compare input vectors, and compute alike ones once. Off is exact; so is zero, which skips vectors of zeros alone. The
    /// others let one vector stand for all that share its signature: results change, and the looser the signature, the more is
    /// skipped.
    #[arg(long = "reuse", value_enum, default_value = "off")]
    mode: Mode,
    /// Random projections of a signature: more tell more vectors apart [default: 20 for sign, 10 for step].
    #[arg(long, value_name = "N")]
    projections: Option<usize>,
    /// Bits kept of each projection (step and grid): 1 to 4.
    #[arg(long, value_name = "BITS", default_value_t = Reuse::default().bits)]
    bits: usize,
    /// Width of a quantisation step, as a power of two of the operand's integers; larger joins more [default: half the operand's
    /// root mean square].
    #[arg(long, value_name = "Q")]
    step_log2: Option<u32>,
    /// Elements of the vectors compared: as many channels as fit, at least one. 9 is one channel of a 3x3 kernel.
    #[arg(long, value_name = "K", default_value_t = Reuse::default().k_target)]
    k_target: usize,
    /// Seeds the projection matrix.
    #[arg(long, value_name = "SEED", default_value_t = Reuse::default().matrix_seed)]
    matrix_seed: u64,
    /// Spend no cycle on single zero elements either.
    #[arg(long)]
    elem_skip: bool,
    /// Compute vectors of zeros as any others.
    #[arg(long)]
    no_zero_skip: bool,
    /// TOML file that refines these settings: [default], [layer.NAME], and passes of them as [layer.NAME.weight_grad], with the
    /// keys mode, projections, bits, step_log2, finer, k_target, matrix_seed, zero_skip, elem_skip; train also reads [adapt] with
    /// the keys start, beyond, window, patience, batches, retry.
    #[arg(long, value_name = "FILE")]
    reuse_file: Option<PathBuf>,
}

impl ReuseArgs {
    /// The settings asked for, for a network with dot products in the layers `names`.
    ///
    /// # Errors
    /// An unreadable or wrong file.
    pub fn settings(&self, names: &[String]) -> Result<LayerReuse> {
        let base = Reuse {
            mode: self.mode,
            projections: self.projections,
            bits: self.bits,
            step_log2: self.step_log2,
            k_target: self.k_target,
            matrix_seed: self.matrix_seed,
            zero_skip: !self.no_zero_skip,
            elem_skip: self.elem_skip,
            ..Reuse::default()
        };
        let Some(path) = &self.reuse_file else {
            return Ok(LayerReuse::all(base));
        };
        let name = path.display();
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
        LayerReuse::parse(&text, base, names).with_context(|| format!("{name} is not valid"))
    }
}

/// One line on what reuse did: hit rate, cycles, speedup.
pub fn reuse_line(stats: &OpStats) -> String {
    let percent = |count: u64, all: u64| 100.0 * count as f64 / all.max(1) as f64;
    let OpStats {
        zero,
        hit,
        mau,
        mnu,
        ..
    } = *stats;
    let all = zero + hit + mau + mnu;
    let shares = match all {
        0 => "dense".into(),
        _ if mau == 0 => format!("{:5.1} % zero", percent(zero, all)),
        _ => format!(
            "{:5.1} % zero {:5.1} % hit {:5.1} % no room",
            percent(zero, all),
            percent(hit, all),
            percent(mnu, all)
        ),
    };
    let speedup = stats.speedup().map_or(String::new(), |speedup| {
        format!("  {} cycles, {speedup:.2}x dense", grouped(stats.cycles))
    });
    format!("{shares}{speedup}")
}
