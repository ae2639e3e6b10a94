//! Candidates of the search, each with a closed estimate of its cycles.
//!
//! The estimate takes rounds as the slowest of their compute, input and output, adds what cannot overlap (first data in, last
//! results out) and ignores the rest. It only ranks; the cycle model decides.

use super::cut::divide;
use super::detection::{list_slots, steps};
use super::job::row_beats;
use super::layout::reach;
use super::{Axis, Choices, Correlation, Grouping, Layout, Span, Tile};
use crate::config::Config;

/// What is to be cut.
pub(super) struct Estimate<'a> {
    pub view: &'a Correlation,
    pub config: &'a Config,
    pub wgrad: bool,
    pub shift: bool,
    /// Detection of a reuse plan.
    pub detect: Option<Detect>,
}

/// What reuse decides beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Detect {
    /// Group size parameter K_T.
    pub k_t: usize,
    /// The tiles, if they are decided.
    pub parts: Option<[usize; 3]>,
}

/// A way to cut with what it would cost.
pub(super) struct Candidate {
    /// Estimated cycles.
    pub cycles: u64,
    /// Estimated input beats.
    pub traffic: u64,
    pub choices: Choices,
}

/// Numbers of parts that give different largest parts.
fn parts(len: usize) -> Vec<usize> {
    let mut all: Vec<usize> = (1..=len).collect();
    all.dedup_by_key(|n| len.div_ceil(*n));
    all
}

impl Estimate<'_> {
    /// All candidates that the buffers allow, with estimated cycles.
    pub fn candidates(&self) -> Vec<Candidate> {
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
        if let Some(parts) = self.detect.and_then(|d| d.parts) {
            return vec![parts];
        }
        let (batch, rows, cols) = (
            self.view.batch,
            self.view.rows.outputs,
            self.view.cols.outputs,
        );
        let limit = self.config.tile;
        let mut cuts = Vec::new();
        for images in parts(batch) {
            let size = batch.div_ceil(images);
            if size * rows * cols <= limit {
                cuts.push([images, 1, 1]);
            }
        }
        for row_parts in parts(rows) {
            for col_parts in parts(cols) {
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
        if let Some(detect) = self.detect {
            return vec![detect.k_t];
        }
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

    /// `channels` as a range of a job may have them: with reuse whole groups, rounded `up` or down, or all.
    fn range(&self, channels: usize, k_t: usize, up: bool) -> usize {
        let all = self.view.channels;
        let grouping = Grouping::new(self.view, all, k_t, self.config.k_max);
        match (self.detect, grouping) {
            (Some(_), Ok(Grouping { cg, .. })) if channels < all => {
                let groups = if up {
                    channels.div_ceil(cg)
                } else {
                    channels / cg
                };
                (groups.max(1) * cg).min(all)
            }
            _ => channels,
        }
    }

    /// Detection steps of one pass over a tile, all sets of a detector together if `active` sets work; 0 without reuse.
    fn detection(&self, tile: &Tile, grouping: &Grouping, active: usize) -> u64 {
        if self.detect.is_none() {
            return 0;
        }
        let layout = Layout::new(self.view, self.config, std::iter::once(tile));
        let group = steps(self.view, &layout, grouping.cg, grouping.kr);
        let sets = self.config.sets_per_detector().min(active);
        (tile.positions() * group * grouping.cgroups * grouping.chunks * sets) as u64
    }

    /// Passes in which a tile of `blocks` passes is detected.
    fn detections(&self, tile: &Tile, grouping: &Grouping, blocks: usize, streamed: bool) -> u64 {
        let kept = grouping.cgroups * grouping.chunks <= list_slots(self.config, tile.positions());
        if kept && !streamed { 1 } else { blocks as u64 }
    }

    /// The tile of a cut that needs most input.
    fn largest(&self, [images, rows, cols]: [usize; 3]) -> Tile {
        let most = |axis: &Axis, parts: usize| {
            let spans = divide(axis.outputs, parts);
            let sent = |span: &Span| (reach(axis, *span).0.len, span.len);
            spans.into_iter().max_by_key(sent).unwrap_or_default()
        };
        Tile {
            images: Span::new(0, self.view.batch.div_ceil(images)),
            rows: most(&self.view.rows, rows),
            cols: most(&self.view.cols, cols),
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

    fn forward(&self, cut: [usize; 3], k_t: usize, found: &mut Vec<Candidate>) {
        let (view, config) = (self.view, self.config);
        let tile = self.largest(cut);
        let most = config.max_terms() as usize / view.taps();
        let channels = self.range(view.channels.min(most).max(1), k_t, false);
        let Some((grouping, features, slots)) = self.features(&tile, k_t, channels) else {
            return;
        };
        let all_blocks = view.filters.div_ceil(config.pes);
        let tiles = cut.iter().product::<usize>();
        // The last, shorter range of channels is priced as a whole one.
        let copies = view.groups * view.channels.div_ceil(channels);
        let terms = (channels * view.taps()) as u64;
        let weights =
            (grouping.cgroups * grouping.chunks) as u64 + terms * config.row_beats() as u64;
        let row_beats = row_beats(config, self.shift, view.filters.min(config.pes));
        let drain = 1 + (tile.positions() * row_beats) as u64;
        for parts in parts(all_blocks) {
            let blocks = all_blocks.div_ceil(parts);
            let parts = all_blocks.div_ceil(blocks);
            let units = tiles * parts * copies;
            let rounds = units.div_ceil(config.sets) as u64;
            let active = units.min(config.sets);
            let last = all_blocks - (parts - 1) * blocks;
            let classes = self
                .tile_sizes(cut)
                .into_iter()
                .flat_map(|(positions, count)| {
                    let work = move |blocks: usize| positions * blocks as u64 * terms;
                    [
                        (work(blocks), count * (parts - 1) * copies),
                        (work(last), count * copies),
                    ]
                });
            let compute = rounds_time(classes.collect(), config.sets);
            for blocks_first in [false, true] {
                let fast = if blocks_first { parts } else { tiles };
                let (fast, slow) = (active.min(fast) as u64, active.div_ceil(fast) as u64);
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
                    let (active, blocks_now) = (active as u64, blocks as u64);
                    let sends = if stream_features { blocks_now } else { 1 };
                    let input = tiles_now * features * sends
                        + parts_now * blocks_now * weights
                        + 3 * active;
                    let output = active * blocks_now * drain;
                    let first = tiles_now * features / grouping.cgroups as u64 + 5 * active;
                    // A ring of one slot cannot fill while it is used.
                    let alone = if slots == 1 {
                        rounds * tiles_now * features * sends
                    } else {
                        0
                    };
                    let detect = self.detection(&tile, &grouping, active as usize);
                    let again = self.detections(&tile, &grouping, blocks, stream_features);
                    let compute = (compute + alone).max(rounds * detect * again);
                    found.push(Candidate {
                        cycles: compute.max(rounds * input.max(output)) + first + active * drain,
                        traffic: rounds * input,
                        choices: Choices {
                            parts: cut,
                            k_t,
                            channels,
                            blocks,
                            blocks_first,
                            stream_features,
                            subsets: 1,
                        },
                    });
                }
            }
        }
    }

    fn gradient(&self, cut: [usize; 3], k_t: usize, found: &mut Vec<Candidate>) {
        let (view, config) = (self.view, self.config);
        let tile = self.largest(cut);
        let most = (config.tile / view.taps()).clamp(1, view.channels);
        let tiles = cut.iter().product::<usize>();
        let mut ranges: Vec<usize> = parts(view.channels)
            .into_iter()
            .map(|n| self.range(view.channels.div_ceil(n), k_t, true))
            .collect();
        ranges.dedup();
        for channels in ranges {
            let Some((grouping, _, slots)) = self.features(&tile, k_t, channels) else {
                continue;
            };
            if channels > most {
                continue;
            }
            for subsets in parts(tiles) {
                let chain = (tiles.div_ceil(subsets) * tile.positions()) as u64;
                if chain > config.max_terms() && subsets < tiles {
                    continue;
                }
                // A shorter last range is a job of its own.
                let full = self.gradient_job(
                    &tile,
                    k_t,
                    channels,
                    view.channels / channels,
                    (tiles, subsets),
                );
                let rest =
                    self.gradient_job(&tile, k_t, view.channels % channels, 1, (tiles, subsets));
                found.push(Candidate {
                    cycles: full.0 + rest.0,
                    traffic: full.1 + rest.1,
                    choices: Choices {
                        parts: cut,
                        k_t,
                        channels,
                        blocks: 1,
                        blocks_first: true,
                        stream_features: grouping.cgroups > slots,
                        subsets,
                    },
                });
            }
        }
    }

    /// Cycles and input beats of a weight-gradient job over `ranges` ranges of `channels` channels.
    fn gradient_job(
        &self,
        tile: &Tile,
        k_t: usize,
        channels: usize,
        ranges: usize,
        (tiles, subsets): (usize, usize),
    ) -> (u64, u64) {
        let (view, config) = (self.view, self.config);
        let Some((grouping, features, slots)) = (channels > 0)
            .then(|| self.features(tile, k_t, channels))
            .flatten()
        else {
            return (0, 0);
        };
        let blocks = view.filters.div_ceil(config.pes);
        let terms = (channels * view.taps()) as u64;
        let drain = terms * row_beats(config, false, view.filters.min(config.pes)) as u64 + 1;
        let units = blocks * view.groups * ranges * subsets;
        let (rounds, active) = (
            units.div_ceil(config.sets) as u64,
            units.min(config.sets) as u64,
        );
        let steps = tiles.div_ceil(subsets) as u64;
        let operand = (tile.positions() * config.row_beats()) as u64;
        let copies = blocks * view.groups * ranges;
        let positions = |steps: u64| (view.positions() as u64 * steps).div_ceil(tiles as u64);
        // A set's own loads and drains do not overlap its compute: one bank is the operand's, the other one the sums'.
        let unit = |steps: u64| positions(steps) * terms + steps * (operand + 8) + drain;
        let long = tiles % subsets;
        let classes = vec![
            (unit(steps), if long == 0 { subsets } else { long } * copies),
            (
                unit(steps - 1),
                if long == 0 { 0 } else { subsets - long } * copies,
            ),
        ];
        // Sets of a round share features (other blocks) or operands (other channels).
        let sources = active.div_ceil(blocks as u64);
        let operands = active.min((blocks * view.groups * subsets) as u64);
        let input = rounds * steps * (sources * features + operands * (operand + 1) + 3 * active);
        let output = rounds * active * drain;
        // A ring of one slot cannot fill while it is used.
        let alone = if slots == 1 {
            rounds * steps * sources * features
        } else {
            0
        };
        let detect = rounds * steps * self.detection(tile, &grouping, active as usize);
        let compute = (rounds_time(classes, config.sets) + alone).max(detect);
        (
            compute.max(input).max(output) + operands * operand + active * drain,
            input,
        )
    }

    /// Sizes of a cut's tiles, with how many have it.
    fn tile_sizes(&self, cut: [usize; 3]) -> Vec<(u64, usize)> {
        let sizes = [
            self.view.batch,
            self.view.rows.outputs,
            self.view.cols.outputs,
        ];
        let mut all = vec![(1, 1)];
        for (len, parts) in sizes.into_iter().zip(cut) {
            let large = len % parts;
            let axis = [(len.div_ceil(parts), large), (len / parts, parts - large)];
            let product = |(size, count): (u64, usize)| {
                axis.map(|(s, c)| (size * s as u64, count * c)).into_iter()
            };
            all = all
                .into_iter()
                .flat_map(product)
                .filter(|(_, count)| *count > 0)
                .collect();
        }
        all
    }
}

/// Time of rounds of `sets` units each, the longest units first, if every round takes as long as its longest unit;
/// `classes` are (time, number of units).
fn rounds_time(mut classes: Vec<(u64, usize)>, sets: usize) -> u64 {
    classes.sort_unstable_by_key(|(time, _)| std::cmp::Reverse(*time));
    let (mut total, mut first) = (0, 0);
    for (time, count) in classes {
        let end = first + count;
        // Rounds that begin within this class.
        total += time * (end.div_ceil(sets) - first.div_ceil(sets)) as u64;
        first = end;
    }
    total
}
