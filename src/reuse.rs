//! What is reused and how likeness is decided: the setting of one operation, its projections, and Hitmap records.
//!
//! The meaning of all of it is in `docs/reuse.md`. Settings and projections are data that golden model, planner and hardware are
//! given; who uses them computes with them on its own.

use anyhow::{Result, ensure};
use ndarray::{Array2, ArrayView4};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::acrtc;
use crate::config::Config;

mod decisions;
mod rows;

pub use decisions::Decisions;
pub use rows::{RowOrder, Rows};

/// How the detector compares vectors.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Dense: nothing is detected.
    #[default]
    Off,
    /// Vectors of zeros are skipped, nothing else.
    Zero,
    /// One bit a projection: its sign (the paper's RPQ).
    Sign,
    /// Some bits a projection: the number of its step.
    Step,
    /// As `step`, the elements themselves instead of projections.
    Grid,
}

impl Mode {
    /// Number in the REUSE field of the MODE register.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The mode with this number.
    pub fn from_code(code: u8) -> Option<Mode> {
        use Mode::*;
        [Off, Zero, Sign, Step, Grid]
            .into_iter()
            .find(|m| m.code() == code)
    }

    /// Its name on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Off => "off",
            Mode::Zero => "zero",
            Mode::Sign => "sign",
            Mode::Step => "step",
            Mode::Grid => "grid",
        }
    }

    /// Whether a key of [`Reuse`] means anything in this mode.
    ///
    /// ```
    /// use mercury::reuse::Mode;
    /// assert!(Mode::Step.uses("bits") && !Mode::Sign.uses("bits"));
    /// ```
    pub fn uses(self, key: &str) -> bool {
        match key {
            "mode" => true,
            "k_target" | "zero_skip" | "no_zero_skip" | "elem_skip" => self != Mode::Off,
            "finer" | "matrix_seed" => self.looks_up(),
            "projections" => matches!(self, Mode::Sign | Mode::Step),
            "bits" | "step_log2" => matches!(self, Mode::Step | Mode::Grid),
            _ => false,
        }
    }

    /// Whether signatures are compared.
    pub fn looks_up(self) -> bool {
        matches!(self, Mode::Sign | Mode::Step | Mode::Grid)
    }
}

/// The reuse setting of one operation, as a user gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reuse {
    /// How vectors are compared.
    pub mode: Mode,
    /// Projections n; none: 20 for `sign`, 10 for `step`, both at most P_MAX. `grid` takes as many as the group has elements.
    pub projections: Option<usize>,
    /// Bits b of a projection, 1…4 (`sign`: always 1).
    pub bits: usize,
    /// Step q, as a power of two of the operand's integers; none: half the operand's RMS.
    pub step_log2: Option<u32>,
    /// So many refinements beyond the other numbers: one projection more for each in `sign`, one less of the step q in `step` and
    /// `grid`, as far as there is room for; negative: coarser. On a tensor core: so much is taken from the level.
    pub finer: i32,
    /// Group size K_T: a group takes as many channels as fit into so many elements, at least one.
    pub k_target: usize,
    /// Seed of the projection matrix.
    pub matrix_seed: u64,
    /// Vectors of zeros take no cycle.
    pub zero_skip: bool,
    /// Zero elements of a vector take no cycle.
    pub elem_skip: bool,
    /// Tensor cores only: what is skipped in the rows of a product.
    #[serde(skip_serializing_if = "Rows::is_default")]
    pub rows: Rows,
}

impl Default for Reuse {
    /// Dense; when switched on: 3 bits, step from the data, the paper's one 3×3 patch a group, zero vectors skipped.
    fn default() -> Self {
        Reuse {
            mode: Mode::Off,
            projections: None,
            bits: 3,
            step_log2: None,
            finer: 0,
            k_target: 9,
            matrix_seed: 1,
            zero_skip: true,
            elem_skip: false,
            rows: Rows::default(),
        }
    }
}

/// Most bits of a projection.
pub const MAX_BITS: usize = 4;
/// Largest step q.
pub const MAX_STEP: u32 = 20;

impl Reuse {
    /// The default setting of a mode.
    pub fn of(mode: Mode) -> Reuse {
        Reuse {
            mode,
            ..Reuse::default()
        }
    }

    /// Whether anything is detected.
    pub fn is_on(&self) -> bool {
        self.mode != Mode::Off
    }

    /// Whether results are those without reuse, bit for bit: only zeros and what repeats are left out.
    pub fn is_exact(&self) -> bool {
        !self.mode.looks_up() && (self.rows.is_default() || self.level(u8::MAX) == 0)
    }

    /// Whether anything can be made finer: signatures, or the level of a tensor core.
    pub fn can_refine(&self) -> bool {
        self.mode.looks_up() || self.rows.mode == acrtc::Mode::Delta
    }

    /// Whether anything is skipped, on whatever design.
    pub fn skips(&self) -> bool {
        self.is_on() || self.rows.mode != acrtc::Mode::Dense
    }

    /// Level of a tensor core: a refinement lowers it by one; at most `most`.
    pub fn level(&self, most: u8) -> u8 {
        let level = i32::from(self.rows.level).saturating_sub(self.finer);
        level.clamp(0, most.into()) as u8
    }

    /// Projections of a signature in `sign` and `step`.
    pub fn random_projections(&self, config: &Config) -> usize {
        let usual = if self.mode == Mode::Sign { 20 } else { 10 };
        self.projections.unwrap_or(usual.min(config.p_max))
    }

    /// Refuses what this configuration can do in no layer.
    ///
    /// # Errors
    /// A number that it cannot hold: value, limit and fix.
    pub fn check(&self, config: &Config) -> Result<()> {
        ensure!(
            self.rows.is_default(),
            "{:?} is a setting of tensor cores: use one, as the preset acrtc-small",
            self.rows
        );
        ensure!(
            config.reuse || !self.is_on(),
            "this configuration is built without reuse: set reuse = true, or ask for reuse off"
        );
        ensure!(
            self.k_target >= 1,
            "k_target is 0, a group has at least one element: ask for --k-target 1 or more"
        );
        ensure!(
            (1..=MAX_BITS).contains(&self.bits),
            "{} bits a projection, it must be 1 to {MAX_BITS}",
            self.bits
        );
        let shift = self.step_log2.unwrap_or(0);
        ensure!(
            shift <= MAX_STEP,
            "a step of 2^{shift}, the limit is 2^{MAX_STEP}: ask for a smaller one"
        );
        match self.mode {
            // One projection an element of the group, at least one.
            Mode::Grid => self.check_signature(1, config),
            _ => self.check_signature(self.projections_of(1, config), config),
        }
    }

    /// Refuses signatures of `n` projections that do not fit.
    fn check_signature(&self, n: usize, config: &Config) -> Result<()> {
        let bits = self.signature_bits();
        ensure!(
            (1..=config.p_max).contains(&n),
            "{n} projections, this configuration has 1 to p_max = {}: ask for fewer (grid: a smaller --k-target)",
            config.p_max
        );
        ensure!(
            n * bits <= config.sig_w,
            "{n} projections of {bits} bits are more than sig_w = {} bits: ask for fewer of them",
            config.sig_w
        );
        Ok(())
    }

    /// Projections of a group of `k` elements.
    fn projections_of(&self, k: usize, config: &Config) -> usize {
        match self.mode {
            Mode::Off | Mode::Zero => 1,
            Mode::Sign | Mode::Step => self.random_projections(config),
            Mode::Grid => k,
        }
    }

    /// Bits b of a projection.
    fn signature_bits(&self) -> usize {
        match self.mode {
            Mode::Off | Mode::Zero | Mode::Sign => 1,
            Mode::Step | Mode::Grid => self.bits,
        }
    }

    /// The projections for groups of `k` elements of operand `a`.
    ///
    /// # Errors
    /// A setting that the configuration cannot hold: value, limit and fix.
    pub fn projections(
        &self,
        k: usize,
        a: ArrayView4<i16>,
        config: &Config,
    ) -> Result<Projections> {
        self.check(config)?;
        let (n, bits) = (self.projections_of(k, config), self.signature_bits());
        self.check_signature(n, config)?;
        let shift = match self.mode {
            Mode::Step | Mode::Grid => self.step_log2.unwrap_or_else(|| default_step(a)),
            _ => 0,
        };
        let (n, shift) = match self.mode {
            Mode::Sign => {
                let most = config.p_max.min(config.sig_w) as i64;
                let wanted = n as i64 + i64::from(self.finer);
                (wanted.clamp(1, most) as usize, shift)
            }
            Mode::Step | Mode::Grid => {
                let wanted = i64::from(shift) - i64::from(self.finer);
                (n, wanted.clamp(0, MAX_STEP.into()) as u32)
            }
            Mode::Off | Mode::Zero => (n, shift),
        };
        let (matrix, offsets) = draw(self.mode, self.matrix_seed, shift, config);
        Ok(Projections {
            mode: self.mode,
            n,
            bits,
            shift,
            matrix,
            offsets,
        })
    }
}

/// The projections of one operation: everything that decides signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Projections {
    /// How vectors are compared.
    pub mode: Mode,
    /// Projections used, n.
    pub n: usize,
    /// Bits of one, b.
    pub bits: usize,
    /// Right shift q.
    pub shift: u32,
    /// R: P_MAX × K_MAX entries −1, 0, 1; the identity for `grid`.
    pub matrix: Array2<i8>,
    /// o, P_MAX of them.
    pub offsets: Vec<i32>,
}

/// q = max(0, round(log2(RMS / 2))) from the integer sum of squares; 0 if all is zero.
fn default_step(a: ArrayView4<i16>) -> u32 {
    let squares: u64 = a
        .iter()
        .map(|&v| (i64::from(v) * i64::from(v)) as u64)
        .sum();
    if squares == 0 {
        return 0;
    }
    let rms = (squares as f64 / a.len() as f64).sqrt();
    (rms / 2.0).log2().round().max(0.0) as u32
}

/// R and o of a seed, in the order of `docs/reuse.md`.
fn draw(mode: Mode, seed: u64, shift: u32, config: &Config) -> (Array2<i8>, Vec<i32>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let shape = (config.p_max, config.k_max);
    let random = Array2::from_shape_simple_fn(shape, || match rng.random::<u32>() >> 30 {
        0 => -1,
        3 => 1,
        _ => 0,
    });
    let mask = (1u32 << shift) - 1;
    let offsets = (0..config.p_max).map(|_| (rng.random::<u32>() & mask) as i32);
    let offsets: Vec<i32> = offsets.collect();
    match mode {
        Mode::Off | Mode::Zero => (Array2::zeros(shape), vec![0; config.p_max]),
        Mode::Sign => (random, vec![0; config.p_max]),
        Mode::Step => (random, offsets),
        Mode::Grid => (
            Array2::from_shape_fn(shape, |(j, k)| (j == k) as i8),
            offsets,
        ),
    }
}

/// What the detector decides about one vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum State {
    /// All elements are 0 and skipped.
    Zero,
    /// The signature is in the MCACHE: the entry's result is reused.
    Hit,
    /// Miss and update: the vector becomes the representative of an entry.
    Mau,
    /// Miss, no update.
    Mnu,
}

impl State {
    /// Number on the trace port.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The state with this number.
    pub fn from_code(code: u8) -> Option<State> {
        use State::*;
        [Zero, Hit, Mau, Mnu].into_iter().find(|s| s.code() == code)
    }
}

/// One Hitmap record: the decision about one position of one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Record {
    /// The decision.
    pub state: State,
    /// MCACHE entry; 0 for ZERO and MNU.
    pub entry: u16,
    /// Signature; 0 for ZERO and in mode `zero`.
    pub signature: u128,
}

/// What one group of one tile costs the PE set, apart from waiting.
///
/// The same for every pass of the tile. Cycles as in `docs/reuse.md`, "Items of a list".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupWork {
    /// Cycles from the first item's to the last cycle of the group, both included: items, gap and flush; at least 1.
    pub cycles: u64,
    /// Cycles that count as COMPUTE_BUSY.
    pub busy: u64,
    /// Cycles that count as MACS (before the factor of PEs).
    pub macs: u64,
    /// Positions in state ZERO, HIT, MAU, MNU.
    pub states: [u64; 4],
}

#[cfg(test)]
mod tests;
