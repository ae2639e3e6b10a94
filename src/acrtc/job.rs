//! A matrix product becomes jobs: parts of its elements and outputs that fit the weight memories.

use std::ops::Range;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use crate::config::tc::TcConfig;
use crate::engine::Drain;
use crate::regmap::tc::JobRegs;

/// What is skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Nothing.
    #[default]
    Dense,
    /// Elements that are zero.
    Zero,
    /// Elements that are what they were in the previous row, or zeros where that is shorter.
    Delta,
}

impl Mode {
    /// All modes, in the order of their codes.
    pub const ALL: [Mode; 3] = [Mode::Dense, Mode::Zero, Mode::Delta];

    /// Its value in the register MODE.
    pub fn code(self) -> u8 {
        self as u8
    }
}

/// What is skipped, how coarsely.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Settings {
    /// What is skipped.
    pub mode: Mode,
    /// Low bits of an element of A that are rounded away.
    pub level: u8,
}

/// One job: all rows of some elements and outputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Job registers.
    pub regs: JobRegs,
    /// Elements of a row.
    pub k: Range<usize>,
    /// Outputs.
    pub n: Range<usize>,
}

/// The jobs of a product of `[rows, k]` and `[k, n]`, in the order in which they run: parts of the outputs, parts of the elements.
/// With several parts of the elements results are raw, to be added. `drain` is in the units of the core: a shift of the
/// product less the level.
///
/// Of all equal parts that fit, those with the fewest cycles of the dense core, whatever the settings are.
///
/// ```
/// use mercury::acrtc::{Settings, cuts};
/// use mercury::{config::tc::TcConfig, engine::Drain};
/// let tiny = TcConfig::preset("acrtc-tiny")?;
/// // 100 elements take 50 steps of 2 lanes, 64 words hold 16 steps of 4 blocks or 13 of 4.
/// let cuts = cuts(1000, 100, 8, Settings::default(), Drain::Raw, &tiny)?;
/// assert_eq!(cuts.len(), 4);
/// assert_eq!((cuts[0].regs.steps, cuts[0].regs.blocks), (13, 4));
/// assert_eq!((cuts[3].k.clone(), cuts[3].n.clone()), (78..100, 0..8));
/// # anyhow::Ok(())
/// ```
///
/// # Errors
/// An empty product, more rows than 2^32 − 1, settings or a shift that the core does not have.
pub fn cuts(
    rows: usize,
    k: usize,
    n: usize,
    settings: Settings,
    drain: Drain,
    config: &TcConfig,
) -> Result<Vec<Cut>> {
    ensure!(
        rows > 0 && k > 0 && n > 0,
        "a product of {rows} rows, {k} elements and {n} outputs: give at least 1 of each"
    );
    let rows_word = u32::try_from(rows);
    ensure!(
        rows_word.is_ok(),
        "{rows} rows: a job has less than 2^32; split the rows"
    );
    check(settings, drain, config)?;
    let (steps, blocks) = (k.div_ceil(config.lanes), n.div_ceil(config.columns));
    let (part_steps, part_blocks) = parts(rows, steps, blocks, config);
    let sixteen = |value: usize| u16::try_from(value).expect("the configuration keeps to 16 bits");
    let several = part_steps < steps;
    let shift = match drain {
        Drain::Shift(shift) if !several => Some(shift),
        _ => None,
    };
    let mut cuts = Vec::new();
    for n in chunks(n, part_blocks * config.columns) {
        for k in chunks(k, part_steps * config.lanes) {
            let regs = JobRegs {
                mode: settings.mode.code(),
                shift_mode: shift.is_some(),
                level: settings.level,
                shift: shift.unwrap_or(0),
                steps: sixteen(k.len().div_ceil(config.lanes)),
                blocks: sixteen(n.len().div_ceil(config.columns)),
                rows: rows as u32,
            };
            cuts.push(Cut {
                regs,
                k,
                n: n.clone(),
            });
        }
    }
    Ok(cuts)
}

/// Refuses what the core does not have.
fn check(settings: Settings, drain: Drain, config: &TcConfig) -> Result<()> {
    ensure!(
        config.reuse() || settings.mode == Mode::Dense,
        "mode {:?}: {} computes every element; use the design acrtc",
        settings.mode,
        config.name
    );
    let most = config.max_level();
    ensure!(
        usize::from(settings.level) <= most,
        "level {}: {} rounds at most {most} bits away",
        settings.level,
        config.name
    );
    if let Drain::Shift(shift) = drain {
        ensure!(
            (shift as usize) < config.acc_w(),
            "shift {shift}: sums have {} bits; use a smaller shift",
            config.acc_w()
        );
    }
    Ok(())
}

/// Consecutive ranges of `size`, the last one shorter.
fn chunks(total: usize, size: usize) -> impl Iterator<Item = Range<usize>> {
    (0..total)
        .step_by(size)
        .map(move |start| start..(start + size).min(total))
}

/// Steps and blocks of a part: equal parts of both, with the fewest cycles of the dense core.
fn parts(rows: usize, steps: usize, blocks: usize, config: &TcConfig) -> (usize, usize) {
    let mut best: Option<(u64, usize, usize)> = None;
    for parts in steps.div_ceil(config.steps)..=steps {
        let part_steps = steps.div_ceil(parts);
        let most = (config.weight_words / part_steps)
            .min(config.blocks)
            .min(blocks);
        let part_blocks = blocks.div_ceil(blocks.div_ceil(most));
        let cycles = dense_cycles(rows, [steps, part_steps], [blocks, part_blocks], config);
        if best.is_none_or(|(least, ..)| cycles < least) {
            best = Some((cycles, part_steps, part_blocks));
        }
        // More parts of the steps only make sense to hold more blocks.
        if most == config.blocks.min(blocks) {
            break;
        }
    }
    let (_, part_steps, part_blocks) = best.expect("weight_words is at least steps");
    (part_steps, part_blocks)
}

/// Cycles of the dense core for all parts, but for the ends of a job: weights, then the slowest of input, multipliers, output.
fn dense_cycles(
    rows: usize,
    [steps, part_steps]: [usize; 2],
    [blocks, part_blocks]: [usize; 2],
    config: &TcConfig,
) -> u64 {
    let result_beats = match part_steps < steps {
        true => config.raw_beats(),
        false => 1,
    };
    let mut cycles = 0;
    for b in chunks(blocks, part_blocks).map(|b| b.len()) {
        for s in chunks(steps, part_steps).map(|s| s.len()) {
            let row = (s * config.beats_per_step())
                .max(b * s)
                .max(b * result_beats);
            cycles += (b * s * config.beats_per_word() + rows * row + 20) as u64;
        }
    }
    cycles
}
