//! Rows' kinds and lengths at the speed of training: what [`golden::decide`](super::golden::decide) says, without lists.

use multiversion::multiversion;

use super::{Kind, Mode, Row, Settings};
use crate::config::tc::TcConfig;
use crate::numeric;

/// Elements counted side by side, about.
const WIDTH: usize = 64;

/// Counts the rows of a job one by one.
pub struct Counter {
    settings: Settings,
    lanes: usize,
    data_bits: u32,
    /// Rows so far.
    pub rows: Vec<Row>,
    /// Rows of mode 2 that are plain because that is shorter.
    pub fallback_shorter: u64,
    /// Rows of mode 2 that are plain because a difference does not fit.
    pub fallback_range: u64,
    /// Counts of plain and delta items: whole steps of elements side by side.
    plain: Vec<u16>,
    delta: Vec<u16>,
}

impl Counter {
    /// A counter before the first row of a job of `steps` steps.
    pub fn new(settings: Settings, steps: usize, config: &TcConfig) -> Counter {
        let width = config.lanes * (WIDTH / config.lanes).clamp(1, steps);
        Counter {
            settings,
            lanes: config.lanes,
            data_bits: config.data_w as u32,
            rows: vec![],
            fallback_shorter: 0,
            fallback_range: 0,
            plain: vec![0; width],
            delta: vec![0; width],
        }
    }

    /// Takes note of the next row, quantised, padding included, and of the one before it, which the first row has none of.
    pub fn push(&mut self, row: &[i16], before: Option<&[i16]>) {
        if self.settings.mode == Mode::Dense {
            self.rows.push(Row {
                kind: Kind::Plain,
                longest: (row.len() / self.lanes) as u32,
                items: row.len() as u64,
            });
            return;
        }
        self.plain.fill(0);
        let before = before.filter(|_| self.settings.mode == Mode::Delta);
        let Some(before) = before else {
            count(row, &mut self.plain);
            let plain = of_lanes(Kind::Plain, &self.plain, self.lanes);
            self.rows.push(plain);
            return;
        };
        self.delta.fill(0);
        count_both(row, before, &mut self.plain, &mut self.delta);
        let plain = of_lanes(Kind::Plain, &self.plain, self.lanes);
        let delta = of_lanes(Kind::Delta, &self.delta, self.lanes);
        // Differences of rounded elements always fit.
        let fits = self.settings.level > 0 || all_fit(row, before, self.data_bits);
        self.fallback_range += u64::from(!fits);
        let shorter = fits && plain.longest < delta.longest;
        self.fallback_shorter += u64::from(shorter);
        self.rows.push(if fits && !shorter { delta } else { plain });
    }
}

/// Sums over the elements of each lane.
fn of_lanes(kind: Kind, counts: &[u16], lanes: usize) -> Row {
    let lane = |lane| {
        let own = counts.iter().skip(lane).step_by(lanes);
        own.map(|&count| u32::from(count)).sum::<u32>()
    };
    let (mut longest, mut items) = (0, 0);
    for count in (0..lanes).map(lane) {
        longest = longest.max(count);
        items += u64::from(count);
    }
    Row {
        kind,
        longest,
        items,
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw", "x86_64+avx2"))]
fn count(row: &[i16], plain: &mut [u16]) {
    for part in row.chunks(plain.len()) {
        for (plain, &v) in plain.iter_mut().zip(part) {
            *plain += u16::from(v != 0);
        }
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw", "x86_64+avx2"))]
fn count_both(row: &[i16], before: &[i16], plain: &mut [u16], delta: &mut [u16]) {
    let width = plain.len();
    let delta = &mut delta[..width];
    for (part, before) in row.chunks(width).zip(before.chunks(width)) {
        let count = part.len();
        let (plain, delta) = (&mut plain[..count], &mut delta[..count]);
        let before = &before[..count];
        for i in 0..count {
            plain[i] += u16::from(part[i] != 0);
            delta[i] += u16::from(part[i] != before[i]);
        }
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw", "x86_64+avx2"))]
fn all_fit(row: &[i16], before: &[i16], data_bits: u32) -> bool {
    let (low, high) = numeric::operand_range(data_bits);
    let beyond = |(&v, &b): (&i16, &i16)| {
        let delta = i32::from(v) - i32::from(b);
        (delta < i32::from(low)) | (delta > i32::from(high))
    };
    let pairs = row.iter().zip(before);
    !pairs.fold(false, |any, pair| any | beyond(pair))
}

/// Rounds the low `level` bits of operands away: u, by shifts.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq", "x86_64+avx2"))]
pub(super) fn quantise(values: &mut [i16], level: u8, data_bits: u32) {
    let high = i32::from(numeric::operand_range(data_bits).1) >> level;
    let half_less_one = (1i32 << level >> 1) - i32::from(level > 0);
    for v in values {
        let wide = i32::from(*v);
        // Just below half is added, and one more if the integer part is odd: a tie then goes up to even.
        let odd = (wide >> level) & 1 & i32::from(level > 0);
        *v = ((wide + half_less_one + odd) >> level).min(high) as i16;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{golden, random};
    use super::*;

    #[test]
    fn the_counts_are_those_of_the_golden_model() {
        let bytes = TcConfig {
            data_w: 8,
            lanes: 3,
            columns: 5,
            ..TcConfig::preset("acrtc-tiny").unwrap()
        };
        let presets = ["acrtc-small", "acrtc-paper"].map(|name| TcConfig::preset(name).unwrap());
        for config in presets.into_iter().chain([bytes]) {
            for number in 0..60 {
                let case = random::case(11, number, &config);
                let steps = case.a.ncols().div_ceil(config.lanes);
                let mut a = ndarray::Array2::zeros((case.a.nrows(), steps * config.lanes));
                a.slice_mut(ndarray::s![.., ..case.a.ncols()])
                    .assign(&case.a);
                let want = golden::decide(a.view(), case.settings, &config);
                let mut u = a;
                let elements = u.as_slice_mut().unwrap();
                quantise(elements, case.settings.level, config.data_w as u32);
                assert_eq!(u, want.u, "case {number} of seed 11");
                let mut counter = Counter::new(case.settings, steps, &config);
                for i in 0..u.nrows() {
                    let before = (i > 0).then(|| u.row(i - 1).to_slice().unwrap());
                    counter.push(u.row(i).to_slice().unwrap(), before);
                }
                assert_eq!(counter.rows, want.rows, "case {number} of seed 11");
                assert_eq!(
                    (counter.fallback_shorter, counter.fallback_range),
                    (want.fallback_shorter, want.fallback_range)
                );
            }
        }
    }

    #[test]
    fn rounding_is_that_of_the_golden_model_for_every_operand_and_level() {
        for bits in [8, 16] {
            let (low, high) = numeric::operand_range(bits);
            let all: Vec<i16> = (low..=high).collect();
            for level in 0..=bits as u8 - 2 {
                let mut u = all.clone();
                quantise(&mut u, level, bits);
                let want: Vec<i16> = all
                    .iter()
                    .map(|&v| golden::quantise(v, level, bits))
                    .collect();
                assert_eq!(u, want, "level {level}, {bits} bits");
            }
        }
    }
}
