//! Random units of work, and how they are dealt to sets and jobs.

use rand::RngExt;
use rand::seq::SliceRandom;

use super::Maker;
use crate::plan::{Correlation, Span, Step, Tile, Unit};

impl Maker<'_> {
    /// Raw sums may be split by channels for the host to add; all others continue in the array.
    pub(super) fn forward_units(
        &mut self,
        view: &Correlation,
        tiles: &[Tile],
        ranges: &[Span],
        raw: bool,
    ) -> Vec<Unit> {
        let blocks = view.filters.div_ceil(self.config.pes);
        let mut units = Vec::new();
        for group in 0..view.groups {
            for &tile in tiles {
                let mut start = 0;
                while start < blocks {
                    // Several ranges start with one block that continues and several that do not; then anything.
                    let rest = blocks - start;
                    let (len, chained) = match units.len() {
                        _ if ranges.len() == 1 => (rest, false),
                        _ if !raw => (rest, true),
                        0 => (1, true),
                        1 => (rest, false),
                        _ => (self.up_to(rest), self.rng.random_bool(0.5)),
                    };
                    let step = |i: usize, chained: bool| {
                        let (zero, drain) = (!chained || i == 0, !chained || i + 1 == ranges.len());
                        Step {
                            channels: ranges[i],
                            tile,
                            zero,
                            drain,
                        }
                    };
                    let unit = |blocks, steps| Unit {
                        set: 0,
                        group,
                        blocks,
                        steps,
                    };
                    let blocks = Span::new(start, len);
                    if chained {
                        let steps: Vec<Step> = (0..ranges.len()).map(|i| step(i, true)).collect();
                        units.extend(blocks.range().map(|b| unit(Span::new(b, 1), steps.clone())));
                    } else {
                        units.extend((0..ranges.len()).map(|i| unit(blocks, vec![step(i, false)])));
                    }
                    start += len;
                }
            }
        }
        units
    }

    pub(super) fn gradient_units(
        &mut self,
        view: &Correlation,
        tiles: &[Tile],
        ranges: &[Span],
    ) -> Vec<Unit> {
        let mut units = Vec::new();
        for group in 0..view.groups {
            for block in 0..view.filters.div_ceil(self.config.pes) {
                for &channels in ranges {
                    let subset = self.up_to(tiles.len());
                    for part in tiles.chunks(subset) {
                        let step = |(i, &tile): (usize, &Tile)| {
                            let (zero, drain) = (i == 0, i + 1 == part.len());
                            Step {
                                channels,
                                tile,
                                zero,
                                drain,
                            }
                        };
                        let steps = part.iter().enumerate().map(step).collect();
                        units.push(Unit {
                            set: 0,
                            group,
                            blocks: Span::new(block, 1),
                            steps,
                        });
                    }
                }
            }
        }
        units
    }

    /// Deals units to any sets, not always all of them.
    pub(super) fn deal(&mut self, mut units: Vec<Unit>) -> Vec<Vec<Unit>> {
        if self.rng.random_bool(0.5) {
            units.shuffle(&mut self.rng);
        }
        let mut sets: Vec<usize> = (0..self.config.sets).collect();
        let mut rounds = Vec::new();
        let mut units = units.into_iter().peekable();
        while units.peek().is_some() {
            let count = if self.rng.random_bool(0.7) {
                sets.len()
            } else {
                self.up_to(sets.len())
            };
            sets.shuffle(&mut self.rng);
            let round = sets.iter().zip(units.by_ref().take(count));
            rounds.push(round.map(|(&set, unit)| Unit { set, ..unit }).collect());
        }
        rounds
    }

    /// Rounds to jobs. A job's steps sum over equally many channels, so chains with a shorter last range go on in a next job;
    /// some others do so too. Psums wait in their bank meanwhile, so such rounds are jobs of their own.
    pub(super) fn split(&mut self, rounds: Vec<Vec<Unit>>, channels: usize) -> Vec<Vec<Vec<Unit>>> {
        let uneven = rounds
            .iter()
            .flatten()
            .flat_map(|u| &u.steps)
            .any(|s| s.channels.len != channels);
        if !uneven && (rounds.len() > 3 || !self.rng.random_bool(0.1)) {
            return vec![rounds];
        }
        let mut jobs = Vec::new();
        for round in rounds {
            let mut parts = [vec![], vec![], vec![]];
            for unit in round {
                let full = unit
                    .steps
                    .iter()
                    .take_while(|s| s.channels.len == channels)
                    .count();
                let cut = self.rng.random_range(0..=full);
                for (part, steps) in
                    parts
                        .iter_mut()
                        .zip([0..cut, cut..full, full..unit.steps.len()])
                {
                    if !steps.is_empty() {
                        part.push(Unit {
                            steps: unit.steps[steps].to_vec(),
                            ..unit.clone()
                        });
                    }
                }
            }
            jobs.extend(
                parts
                    .into_iter()
                    .filter(|part| !part.is_empty())
                    .map(|part| vec![part]),
            );
        }
        jobs
    }
}
