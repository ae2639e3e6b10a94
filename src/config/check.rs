//! Legality of a [`Config`]: one rule a line group, each refusal saying value, limit and fix.

use super::{Config, ConfigError, widths::index_width};

/// Most PE sets: stream segments address them by a 32-bit mask.
pub const MAX_SETS: usize = 32;
/// Most PEs in a set: the size register has 8 bits for them.
pub const MAX_PES: usize = 255;
/// Most positions of a tile: positions are 12-bit addresses.
pub const MAX_TILE: usize = 4096;
/// Legal operand widths in bits.
pub const OPERAND_WIDTHS: [usize; 2] = [8, 16];
/// Legal stream widths in bits.
pub const BUS_WIDTHS: [usize; 4] = [64, 128, 256, 512];
/// Most elements of a group: the non-zero mask of a vector is one 64-bit word.
const MAX_K: usize = 64;
/// Most projections of a signature: two bits of each fit the narrowest stream beat.
const MAX_P: usize = 32;
/// Widest signature in bits.
const MAX_SIG: usize = 128;
/// Most cache sets and ways of an MCACHE.
const MAX_CACHE: usize = 1024;
/// Most Hitmap lists of a set: the register has 8 bits for them.
const MAX_LISTS: usize = 128;
/// Most row banks of the feature buffer: bank steps are 4 bits in the registers.
const MAX_L: usize = 15;
/// Most operands of a feature bank: addresses are 16 bits in the registers.
const MAX_FEATURE_WORDS: usize = 1 << 16;
/// Most operands of a weight ring: the size register has 16 bits for them.
const MAX_WEIGHT_WORDS: usize = 1 << 15;
/// Widest partial sum: the host keeps sums exactly in f64, whose integers end at 2^53.
const MAX_ACC: usize = 53;

pub(super) fn illegal(
    key: &str,
    value: impl ToString,
    limit: impl Into<String>,
    fix: impl Into<String>,
) -> ConfigError {
    ConfigError::Illegal {
        key: key.into(),
        value: value.to_string(),
        limit: limit.into(),
        fix: fix.into(),
    }
}

pub(super) fn range(key: &str, value: usize, low: usize, high: usize) -> Result<(), ConfigError> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    let nearest = value.clamp(low, high);
    Err(illegal(
        key,
        value,
        format!("it must lie in {low}…{high}"),
        format!("the nearest legal value is {nearest}"),
    ))
}

pub(super) fn power_of_two(
    key: &str,
    value: usize,
    low: usize,
    high: usize,
) -> Result<(), ConfigError> {
    range(key, value, low, high)?;
    if value.is_power_of_two() {
        return Ok(());
    }
    let above = value.next_power_of_two();
    Err(illegal(
        key,
        value,
        "it must be a power of two",
        format!("use {} or {above}", above / 2),
    ))
}

pub(super) fn one_of(key: &str, value: usize, legal: &[usize]) -> Result<(), ConfigError> {
    if legal.contains(&value) {
        return Ok(());
    }
    let list = legal
        .iter()
        .map(usize::to_string)
        .collect::<Vec<_>>()
        .join(", ");
    Err(illegal(
        key,
        value,
        format!("it must be one of {list}"),
        "choose one of them",
    ))
}

/// Every rule but the device's capacity, in the order in which a reader would fix them.
pub(super) fn check(c: &Config) -> Result<(), ConfigError> {
    name(&c.name)?;
    range("sets", c.sets, 1, MAX_SETS)?;
    range("pes", c.pes, 1, MAX_PES)?;
    power_of_two("tile", c.tile, 2, MAX_TILE)?;
    one_of("data_w", c.data_w, &OPERAND_WIDTHS)?;
    one_of("bus_w", c.bus_w, &BUS_WIDTHS)?;
    range("l", c.l, 1, MAX_L)?;
    group(c)?;
    signature(c)?;
    power_of_two(
        "feature_words",
        c.feature_words,
        2 * c.lanes(),
        MAX_FEATURE_WORDS,
    )?;
    power_of_two("weight_words", c.weight_words, 2, MAX_WEIGHT_WORDS)?;
    if c.weight_words < 2 * c.k_max {
        return Err(illegal(
            "weight_words",
            c.weight_words,
            format!(
                "the next group's weights load while this one's are used: at least 2·k_max = {}",
                2 * c.k_max
            ),
            format!("use {} or more", (2 * c.k_max).next_power_of_two()),
        ));
    }
    reuse(c)?;
    accumulator(c)
}

fn reuse(c: &Config) -> Result<(), ConfigError> {
    range("detectors", c.detectors, 1, c.sets)?;
    if !c.sets.is_multiple_of(c.detectors) {
        return Err(illegal(
            "detectors",
            c.detectors,
            format!("each serves equally many of the sets = {}", c.sets),
            format!("use a divisor of {}", c.sets),
        ));
    }
    power_of_two("lists", c.lists, 1, MAX_LISTS)?;
    let most = 1 << (c.data_w - 1);
    if c.reuse && c.tile > most {
        return Err(illegal(
            "tile",
            c.tile,
            format!(
                "with reuse a sum of dY over a tile is multiplied in two halves of data_w = {} bits: tile is at most {most}",
                c.data_w
            ),
            format!("use tile = {most} or less, or reuse = false"),
        ));
    }
    Ok(())
}

pub(super) fn name(name: &str) -> Result<(), ConfigError> {
    let legal = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !name.contains("__")
        && !name.ends_with('_')
        && name.len() <= 40;
    if legal {
        return Ok(());
    }
    Err(illegal(
        "name",
        format!("\"{name}\""),
        "it names Verilog modules and files: at most 40 of a-z, 0-9 and single inner `_`, a letter first",
        "use a name like \"my_size\"",
    ))
}

fn group(c: &Config) -> Result<(), ConfigError> {
    range("k_max", c.k_max, 1, MAX_K)?;
    if c.k_max > c.tile {
        return Err(illegal(
            "k_max",
            c.k_max,
            format!(
                "a weight-gradient job keeps k_max sums of a group in the psum RAM of tile = {} words",
                c.tile
            ),
            format!("use k_max = {} or less, or a larger tile", c.tile),
        ));
    }
    Ok(())
}

fn signature(c: &Config) -> Result<(), ConfigError> {
    power_of_two("mcache.sets", c.mcache.sets, 1, MAX_CACHE)?;
    power_of_two("mcache.ways", c.mcache.ways, 1, MAX_CACHE)?;
    range("p_max", c.p_max, 1, MAX_P)?;
    range("sig_w", c.sig_w, 1, MAX_SIG)?;
    let least = c.p_max.max(c.mcache.sets.ilog2() as usize);
    if c.sig_w < least {
        return Err(illegal(
            "sig_w",
            c.sig_w,
            format!(
                "a signature holds a bit of each of p_max = {} projections and the MCACHE set number",
                c.p_max
            ),
            format!("use sig_w = {least} or more"),
        ));
    }
    Ok(())
}

/// tile·k_max products of the largest magnitude, 2^(2·data_w−2), must sum to less than 2^(acc_w−1): no single group,
/// neither over its elements nor over the positions of a tile, then ever needs splitting.
fn accumulator(c: &Config) -> Result<(), ConfigError> {
    let least = c.product_w() + index_width(c.tile * c.k_max);
    if least > MAX_ACC {
        return Err(illegal(
            "tile",
            c.tile,
            format!(
                "tile·k_max full products need {least} accumulator bits, and {MAX_ACC} is the most"
            ),
            "use a smaller tile or k_max",
        ));
    }
    if c.acc_w < least {
        return Err(illegal(
            "acc_w",
            c.acc_w,
            format!(
                "the accumulator could overflow: tile·k_max = {} products of {} bits need 2·data_w + ⌈log2(tile·k_max)⌉ = {least} bits",
                c.tile * c.k_max,
                c.product_w()
            ),
            format!("use acc_w = {least} or more, or a smaller tile or k_max"),
        ));
    }
    range("acc_w", c.acc_w, least, MAX_ACC)
}
