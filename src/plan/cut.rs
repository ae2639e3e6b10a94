//! Cutting a correlation into programs: tiles, filter blocks, channel ranges, and their dealing to sets.

use super::{Correlation, Program, Span, Step, Tile, Unit};
use crate::config::Config;

/// Most tile steps of one job: the tag of a tile has 16 bits.
const MAX_STEPS: usize = 1 << 16;

/// How one correlation is cut.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Choices {
    /// Parts into which images, rows and columns of the output are cut, nearly equal ones.
    pub parts: [usize; 3],
    /// Group size parameter K_T.
    pub k_t: usize,
    /// Channels summed over in the array; the host adds the rest (forward), or they are other rows (weight gradient).
    pub channels: usize,
    /// Forward: filter blocks of a unit, one pass each.
    pub blocks: usize,
    /// Forward: units of one round differ in filter blocks rather than in tiles.
    pub blocks_first: bool,
    /// Features are sent again for every pass.
    pub stream_features: bool,
    /// Weight gradient: pieces of the sum over positions that different units compute and the host adds.
    pub subsets: usize,
}

/// `len` indices in `parts` nearly equal spans.
pub fn divide(len: usize, parts: usize) -> Vec<Span> {
    let bound = |i: usize| i * len / parts;
    (0..parts)
        .map(|i| Span::new(bound(i), bound(i + 1) - bound(i)))
        .collect()
}

/// `len` indices in spans of `size`, the last one shorter.
pub fn pieces(len: usize, size: usize) -> Vec<Span> {
    (0..len)
        .step_by(size)
        .map(|start| Span::new(start, size.min(len - start)))
        .collect()
}

/// All tiles of a grid of spans, in raster order.
pub fn grid(images: &[Span], rows: &[Span], cols: &[Span]) -> Vec<Tile> {
    let row = |images: Span, rows: Span| cols.iter().map(move |&cols| Tile { images, rows, cols });
    images
        .iter()
        .flat_map(|&i| rows.iter().flat_map(move |&r| row(i, r)))
        .collect()
}

impl Choices {
    /// The tiles.
    pub fn tiles(&self, view: &Correlation) -> Vec<Tile> {
        let [images, rows, cols] = self.parts;
        let (rows, cols) = (
            divide(view.rows.outputs, rows),
            divide(view.cols.outputs, cols),
        );
        grid(&divide(view.batch, images), &rows, &cols)
    }

    /// Spells the choices out, one program a job. Raw results of several programs for the same element are to be added.
    pub fn programs(
        &self,
        view: &Correlation,
        config: &Config,
        wgrad: bool,
        shift: Option<u32>,
    ) -> Vec<Program> {
        let (full, rest): (Vec<_>, Vec<_>) = pieces(view.channels, self.channels)
            .into_iter()
            .partition(|s| s.len == self.channels);
        let program = |ranges: Vec<Span>| {
            let mut units = match wgrad {
                true => self.gradient_units(view, config, &ranges),
                false => self.forward_units(view, config, &ranges),
            };
            // Long units first, so that the units of a round take equally long.
            units.sort_by_key(|unit| std::cmp::Reverse(work(unit)));
            let rounds = deal(units, config.sets);
            let steps = rounds
                .iter()
                .flatten()
                .map(|u| u.steps.len())
                .max()
                .unwrap_or(1);
            let base = Program {
                wgrad,
                shift,
                k_t: self.k_t,
                stream_features: self.stream_features,
                ring_slots: None,
                reuse: None,
                operand_after: [1, usize::MAX],
                rounds: vec![],
            };
            let jobs = rounds
                .chunks((MAX_STEPS / steps).max(1))
                .map(|r| r.to_vec());
            jobs.map(|rounds| Program {
                rounds,
                ..base.clone()
            })
            .collect::<Vec<_>>()
        };
        [full, rest]
            .into_iter()
            .filter(|ranges| !ranges.is_empty())
            .flat_map(program)
            .collect()
    }

    fn forward_units(&self, view: &Correlation, config: &Config, ranges: &[Span]) -> Vec<Unit> {
        let tiles = self.tiles(view);
        let blocks = pieces(view.filters.div_ceil(config.pes), self.blocks);
        let mut units = Vec::new();
        for group in 0..view.groups {
            for &channels in ranges {
                let unit = |tile: &Tile, blocks: &Span| {
                    let steps = vec![Step {
                        channels,
                        tile: *tile,
                        zero: true,
                        drain: true,
                    }];
                    Unit {
                        set: 0,
                        group,
                        blocks: *blocks,
                        steps,
                    }
                };
                match self.blocks_first {
                    true => units.extend(
                        tiles
                            .iter()
                            .flat_map(|t| blocks.iter().map(move |b| unit(t, b))),
                    ),
                    false => units.extend(
                        blocks
                            .iter()
                            .flat_map(|b| tiles.iter().map(move |t| unit(t, b))),
                    ),
                }
            }
        }
        units
    }

    fn gradient_units(&self, view: &Correlation, config: &Config, ranges: &[Span]) -> Vec<Unit> {
        let tiles = self.tiles(view);
        let mut units = Vec::new();
        for group in 0..view.groups {
            for part in divide(tiles.len(), self.subsets) {
                for &channels in ranges {
                    let step = |i: usize| {
                        let (zero, drain) = (i == part.start, i + 1 == part.end());
                        Step {
                            channels,
                            tile: tiles[i],
                            zero,
                            drain,
                        }
                    };
                    let steps: Vec<Step> = part.range().map(step).collect();
                    units.extend((0..view.filters.div_ceil(config.pes)).map(|block| {
                        let blocks = Span::new(block, 1);
                        Unit {
                            set: 0,
                            group,
                            blocks,
                            steps: steps.clone(),
                        }
                    }));
                }
            }
        }
        units
    }
}

/// Rounds of at most one unit a set; in each round the sets with least work so far take the longest units.
fn deal(units: Vec<Unit>, sets: usize) -> Vec<Vec<Unit>> {
    let mut load = vec![0; sets];
    let mut rounds = Vec::new();
    let mut units = units.into_iter().peekable();
    while units.peek().is_some() {
        let mut order: Vec<usize> = (0..sets).collect();
        order.sort_by_key(|&set| load[set]);
        let mut round: Vec<Unit> = order
            .into_iter()
            .zip(units.by_ref())
            .map(|(set, unit)| Unit { set, ..unit })
            .collect();
        round.iter().for_each(|unit| load[unit.set] += work(unit));
        round.sort_by_key(|unit| unit.set);
        rounds.push(round);
    }
    rounds
}

/// Positions × passes × channels of a unit: proportional to its cycles.
fn work(unit: &Unit) -> usize {
    unit.blocks.len
        * unit
            .steps
            .iter()
            .map(|s| s.tile.positions() * s.channels.len)
            .sum::<usize>()
}
