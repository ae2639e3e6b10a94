//! Candidates of the search, each with a closed estimate of its cycles.
//!
//! The estimate takes rounds as the slowest of their compute, input and output, adds what cannot overlap (first data in, last
//! results out) and ignores the rest. It only ranks; the cycle model decides.

use super::job::row_beats;
use super::{Choices, Correlation, Grouping, Layout, Span, Tile};
use crate::config::Config;

/// What is to be cut.
pub(super) struct Estimate<'a> {
    pub view: &'a Correlation,
    pub config: &'a Config,
    pub wgrad: bool,
    pub shift: bool,
}

/// Numbers of parts that give different largest parts, up to `most` of them.
fn parts(len: usize, smallest: usize) -> Vec<usize> {
    let mut all: Vec<usize> = (1..=len).filter(|&n| len.div_ceil(n) >= smallest).collect();
    all.dedup_by_key(|n| len.div_ceil(*n));
    all
}

impl Estimate<'_> {
    /// All candidates that the buffers allow, with estimated cycles.
    pub fn candidates(&self) -> Vec<(u64, Choices)> {
        let mut found = Vec::new();
        for cut in self.cuts() {
            for k_t in self.group_sizes() {
                match self.wgrad {
                    true => self.gradient(cut, k_t, &mut found),
                    false => self.forward(cut, k_t, &mut found),
                }
            }
        }
        found
    }

    /// Parts of images, rows and columns whose tiles fit; tiles of several images hold whole images.
    fn cuts(&self) -> Vec<[usize; 3]> {
        let (batch, rows, cols) = (
            self.view.batch,
            self.view.rows.outputs,
            self.view.cols.outputs,
        );
        let limit = self.config.tile;
        let mut cuts = Vec::new();
        for images in parts(batch, 1) {
            let size = batch.div_ceil(images);
            if size * rows * cols <= limit {
                cuts.push([images, 1, 1]);
            }
        }
        for row_parts in parts(rows, 1) {
            for col_parts in parts(cols, 1) {
                let size = rows.div_ceil(row_parts) * cols.div_ceil(col_parts);
                // Small tiles only pay if there are few tiles in all.
                let tiles = batch * row_parts * col_parts;
                if size <= limit
                    && (size * 8 >= limit || tiles <= 8 * self.config.sets)
                    && row_parts * col_parts > 1
                {
                    cuts.push([batch, row_parts, col_parts]);
                }
            }
        }
        if cuts.is_empty() {
            cuts.push([batch, rows, cols]);
        }
        cuts
    }

    /// Values of K_T worth trying: the most channels a group, whole rounds of the banks, half, one.
    fn group_sizes(&self) -> Vec<usize> {
        let (taps, k_max, l) = (self.view.taps(), self.config.k_max, self.config.l);
        let most = (k_max / taps).clamp(1, self.view.channels);
        let mut channels = vec![most, (most / l * l).max(1), most.div_ceil(2), 1];
        channels.sort_unstable();
        channels.dedup();
        channels
            .into_iter()
            .map(|c| (c * taps).min(k_max))
            .collect()
    }

    /// The largest tile of a cut.
    fn largest(&self, [images, rows, cols]: [usize; 3]) -> Tile {
        let span = |len: usize, parts: usize, skip: bool| {
            let size = len.div_ceil(parts);
            // An inner part, if there is one: it has no padding to spare.
            let start = if skip && parts > 2 { size } else { 0 };
            Span::new(start.min(len - size), size)
        };
        Tile {
            images: span(self.view.batch, images, false),
            rows: span(self.view.rows.outputs, rows, true),
            cols: span(self.view.cols.outputs, cols, true),
        }
    }

    /// Beats of the features of `channels` channels, and the slots that fit; none if not even one slot does.
    fn features(&self, tile: &Tile, k_t: usize, channels: usize) -> Option<(Grouping, u64, usize)> {
        let grouping = Grouping::new(self.view, channels, k_t, self.config.k_max).ok()?;
        let layout = Layout::new(self.view, self.config, std::iter::once(tile));
        let source = layout.source(self.view, 0, Span::new(0, grouping.cg), tile);
        let slots = self.config.bank_depth() / layout.slot_beats(&source).max(1);
        let beats = (0..layout.banks)
            .map(|b| layout.bank_beats(&source, b))
            .filter(|b| *b > 0)
            .map(|b| b + 1);
        (slots > 0).then(|| {
            (
                grouping,
                (beats.sum::<usize>() * grouping.cgroups) as u64,
                slots,
            )
        })
    }

    fn forward(&self, cut: [usize; 3], k_t: usize, found: &mut Vec<(u64, Choices)>) {
        let (view, config) = (self.view, self.config);
        let tile = self.largest(cut);
        let channels = view
            .channels
            .min(config.max_terms() as usize / view.taps())
            .max(1);
        let Some((grouping, features, slots)) = self.features(&tile, k_t, channels) else {
            return;
        };
        let all_blocks = view.filters.div_ceil(config.pes);
        let (tiles, ranges) = (
            cut.iter().product::<usize>(),
            view.channels.div_ceil(channels),
        );
        let terms = channels * view.taps();
        let weights = (grouping.cgroups * grouping.chunks + terms * config.row_beats()) as u64;
        let drain = 1
            + (tile.positions() * row_beats(config, self.shift, view.filters.min(config.pes)))
                as u64;
        for parts in parts(all_blocks, 1) {
            let blocks = all_blocks.div_ceil(parts);
            let parts = all_blocks.div_ceil(blocks);
            let per_group = tiles * parts;
            let units = per_group * view.groups * ranges;
            let rounds = units.div_ceil(config.sets) as u64;
            let active = units.min(config.sets);
            // Long rounds first: the average unit is as long as its share of the work.
            let work = (view.positions() * all_blocks * view.groups * ranges) as u64 * terms as u64;
            let longest = (tile.positions() * blocks * terms) as u64;
            let compute = (work / units as u64 * rounds)
                .max(longest)
                .midpoint(longest * rounds);
            for blocks_first in [false, true] {
                let fast = if blocks_first { parts } else { tiles };
                let (fast, slow) = (active.min(fast), active.div_ceil(fast));
                let (tiles_now, parts_now) = if blocks_first {
                    (slow, fast)
                } else {
                    (fast, slow)
                };
                for stream_features in [false, true] {
                    // One pass uses every slot once, streamed or not.
                    let fits = grouping.cgroups <= slots;
                    if (!stream_features && !fits) || (stream_features && fits && blocks == 1) {
                        continue;
                    }
                    let sends = if stream_features { blocks as u64 } else { 1 };
                    let input = tiles_now as u64 * features * sends
                        + parts_now as u64 * blocks as u64 * weights
                        + 3 * active as u64;
                    let output = active as u64 * blocks as u64 * drain;
                    let first =
                        tiles_now as u64 * features / grouping.cgroups as u64 + 5 * active as u64;
                    let cycles =
                        compute.max(rounds * input.max(output)) + first + active as u64 * drain;
                    let k_t = k_t.min(config.k_max);
                    found.push((
                        cycles,
                        Choices {
                            parts: cut,
                            k_t,
                            channels,
                            blocks,
                            blocks_first,
                            stream_features,
                            subsets: 1,
                        },
                    ));
                }
            }
        }
    }

    fn gradient(&self, cut: [usize; 3], k_t: usize, found: &mut Vec<(u64, Choices)>) {
        let (view, config) = (self.view, self.config);
        let tile = self.largest(cut);
        let most = (config.tile / view.taps()).min(view.channels);
        let tiles = cut.iter().product::<usize>();
        let blocks = view.filters.div_ceil(config.pes) * view.groups;
        let fewest = if most == 0 {
            return;
        } else {
            view.channels.div_ceil(most)
        };
        let chains = (view.positions() as u64).div_ceil(config.max_terms()) as usize;
        for ranges in parts(view.channels, 1)
            .into_iter()
            .filter(|n| *n >= fewest)
            .take(6)
        {
            let channels = view.channels.div_ceil(ranges);
            let Some((grouping, features, slots)) = self.features(&tile, k_t, channels) else {
                continue;
            };
            let terms = (channels * view.taps()) as u64;
            let operand = (tile.positions() * config.row_beats()) as u64;
            let drain = terms * row_beats(config, false, view.filters.min(config.pes)) as u64 + 1;
            for subsets in parts(tiles, 1) {
                let steps = tiles.div_ceil(subsets) as u64;
                if (steps as usize * tile.positions()) as u64 > config.max_terms() && steps > 1
                    || subsets < chains
                {
                    continue;
                }
                let units = blocks * ranges * subsets;
                let (rounds, active) = (
                    units.div_ceil(config.sets) as u64,
                    units.min(config.sets) as u64,
                );
                let own = steps * (tile.positions() as u64 * terms + operand + 8);
                let sources = active.div_ceil(blocks as u64 / view.groups as u64);
                let input = steps * (sources * features + active * (operand + 4));
                let output = active * drain;
                let wait = if rounds > 1 { drain } else { 0 };
                let cycles =
                    rounds * (own + wait).max(input).max(output) + active * (operand + drain);
                found.push((
                    cycles,
                    Choices {
                        parts: cut,
                        k_t,
                        channels,
                        blocks: 1,
                        blocks_first: true,
                        stream_features: grouping.cgroups > slots,
                        subsets,
                    },
                ));
            }
        }
    }
}
