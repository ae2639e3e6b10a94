//! The reuse options of every command that computes.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::grouped;
use crate::config::Config;
use crate::engine::OpStats;
use crate::nn::{LayerReuse, idle_keys};
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
    /// Bits kept of each projection (step and grid): 1 to 4 [default: 3].
    #[arg(long, value_name = "BITS")]
    bits: Option<usize>,
    /// Width of a quantisation step, as a power of two of the operand's integers; larger joins more [default: half the operand's
    /// root mean square].
    #[arg(long, value_name = "Q")]
    step_log2: Option<u32>,
    /// Refinements of what the other numbers make: steps so many times halved (step, grid), so many projections more (sign);
    /// negative ones are coarser [default: 0].
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    finer: Option<i32>,
    /// Elements of the vectors compared: as many channels as fit, at least one; more than the configuration's k_max count as
    /// k_max. 9 is one channel of a 3x3 kernel [default: 9].
    #[arg(long, value_name = "K")]
    k_target: Option<usize>,
    /// Seeds the projection matrix [default: 1].
    #[arg(long, value_name = "SEED")]
    matrix_seed: Option<u64>,
    /// Spend no cycle on single zero elements either.
    #[arg(long)]
    elem_skip: bool,
    /// Compute vectors of zeros as any others.
    #[arg(long)]
    no_zero_skip: bool,
    /// TOML file that refines these settings: [default], [layer.NAME], and passes of them as [layer.NAME.weight_grad], with the
    /// keys mode, projections, bits, step_log2, finer, k_target, matrix_seed, zero_skip, elem_skip; what it says wins over the
    /// options above. train also reads [adapt] with the keys start, beyond, window, patience, batches, retry.
    #[arg(long, value_name = "FILE")]
    reuse_file: Option<PathBuf>,
}

impl ReuseArgs {
    /// The settings asked for, for a network with dot products in the layers `names` (one operation: none), on `config`.
    ///
    /// Options and keys that change nothing are named on stderr.
    ///
    /// # Errors
    /// An unreadable or wrong file, a number that the configuration cannot hold.
    pub fn settings(&self, names: &[String], config: &Config) -> Result<LayerReuse> {
        let base = self.base();
        let mut notes = Vec::new();
        let reuse =
            match &self.reuse_file {
                None => {
                    base.check(config)?;
                    LayerReuse::all(base)
                }
                Some(path) => {
                    let name = path.display();
                    let text = std::fs::read_to_string(path);
                    let text = text.with_context(|| format!("cannot read {name}"))?;
                    let reuse = LayerReuse::parse(&text, base, names)
                        .and_then(|reuse| reuse.check(config).map(|()| reuse))
                        .with_context(|| format!("{name} is not valid"))?;
                    let idle = idle_keys(&text, &reuse)?;
                    notes.extend(idle.iter().map(|key| {
                        format!("{key} in {name} changes nothing: no mode that uses it")
                    }));
                    if names.is_empty() && reuse.adapt.is_some() {
                        notes.push(format!(
                            "[adapt] in {name} changes nothing: only train adapts"
                        ));
                    }
                    reuse
                }
            };
        let given = self.given().into_iter();
        let idle = given.filter(|key| !reuse.any(|setting| setting.mode.uses(key)));
        notes.extend(idle.map(|key| {
            let option = key.replace('_', "-");
            format!(
                "--{option} changes nothing with --reuse {}",
                base.mode.name()
            )
        }));
        let clamped = |setting: Reuse| setting.is_on() && setting.k_target > config.k_max;
        if reuse.any(clamped) {
            notes.push(format!(
                "a k_target above k_max = {} of {} counts as {0}",
                config.k_max, config.name
            ));
        }
        notes.iter().for_each(|note| eprintln!("note: {note}"));
        Ok(reuse)
    }

    /// Whether none of these options was given.
    pub fn is_empty(&self) -> bool {
        self.mode == Mode::Off && self.given().is_empty() && self.reuse_file.is_none()
    }

    /// The setting that the options alone make.
    fn base(&self) -> Reuse {
        let usual = Reuse::default();
        Reuse {
            mode: self.mode,
            projections: self.projections,
            bits: self.bits.unwrap_or(usual.bits),
            step_log2: self.step_log2,
            finer: self.finer.unwrap_or(usual.finer),
            k_target: self.k_target.unwrap_or(usual.k_target),
            matrix_seed: self.matrix_seed.unwrap_or(usual.matrix_seed),
            zero_skip: !self.no_zero_skip,
            elem_skip: self.elem_skip,
            ..usual
        }
    }

    /// Keys of [`Reuse`] whose options were given.
    fn given(&self) -> Vec<&'static str> {
        [
            ("projections", self.projections.is_some()),
            ("bits", self.bits.is_some()),
            ("step_log2", self.step_log2.is_some()),
            ("finer", self.finer.is_some()),
            ("k_target", self.k_target.is_some()),
            ("matrix_seed", self.matrix_seed.is_some()),
            ("elem_skip", self.elem_skip),
            ("no_zero_skip", self.no_zero_skip),
        ]
        .into_iter()
        .filter_map(|(key, given)| given.then_some(key))
        .collect()
    }
}

/// Vectors by what became of them, of operations in any mode.
#[derive(Clone, Copy, Default)]
pub struct Shares {
    all: u64,
    zero: u64,
    hit: u64,
    /// MNU where signatures were compared: in mode `zero` there is nothing that could be full.
    no_room: u64,
    compared: bool,
}

impl Shares {
    /// Those of one layer's pass, in one mode.
    fn of(stats: &OpStats) -> Shares {
        let compared = stats.mau > 0;
        Shares {
            all: stats.zero + stats.hit + stats.mau + stats.mnu,
            zero: stats.zero,
            hit: stats.hit,
            no_room: if compared { stats.mnu } else { 0 },
            compared,
        }
    }

    fn add(self, other: Shares) -> Shares {
        Shares {
            all: self.all + other.all,
            zero: self.zero + other.zero,
            hit: self.hit + other.hit,
            no_room: self.no_room + other.no_room,
            compared: self.compared | other.compared,
        }
    }
}

impl std::fmt::Display for Shares {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let percent = |count: u64| 100.0 * count as f64 / self.all.max(1) as f64;
        if self.all == 0 {
            return f.write_str("dense");
        }
        write!(f, "{:5.1} % zero", percent(self.zero))?;
        if self.compared {
            write!(
                f,
                " {:5.1} % hit {:5.1} % no room",
                percent(self.hit),
                percent(self.no_room)
            )?;
        }
        Ok(())
    }
}

/// One line on what reuse did in a layer's pass: hit rate, cycles, speedup.
pub fn reuse_line(stats: &OpStats) -> String {
    line(Shares::of(stats), stats)
}

/// One line on what reuse did in all of these.
pub fn reuse_sum_line<'a>(parts: impl Iterator<Item = &'a OpStats>) -> String {
    let (mut shares, mut all) = (Shares::default(), OpStats::default());
    for stats in parts {
        shares = shares.add(Shares::of(stats));
        all += *stats;
    }
    line(shares, &all)
}

fn line(shares: Shares, stats: &OpStats) -> String {
    let rows = stats
        .rows
        .delta_share()
        .map(|share| format!("{:5.1} % of the rows by differences", 100.0 * share));
    let shares = rows.unwrap_or_else(|| shares.to_string());
    let speedup = stats.speedup().map_or(String::new(), |speedup| {
        format!("  {} cycles, {speedup:.2}x dense", grouped(stats.cycles))
    });
    format!("{shares}{speedup}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_passes_have_no_room_to_run_out_of() {
        let stats = |zero, hit, mau, mnu| OpStats {
            zero,
            hit,
            mau,
            mnu,
            ..OpStats::default()
        };
        let (zero, grid) = (stats(20, 0, 0, 20), stats(0, 30, 20, 10));
        assert_eq!(reuse_line(&zero), " 50.0 % zero");
        assert_eq!(reuse_line(&OpStats::default()), "dense");
        assert_eq!(
            reuse_sum_line([zero, grid].iter()),
            " 20.0 % zero  30.0 % hit  10.0 % no room"
        );
    }
}
