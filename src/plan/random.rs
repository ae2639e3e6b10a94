//! Random legal plans from a seed: every mechanism in every combination, on shapes chosen to hurt.

use std::sync::Arc;

use anyhow::Result;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::cut::{grid, pieces};
use super::planner::views;
use super::{Correlation, Grouping, Job, Layout, Plan, Program, Span, Step, Tile, Unit};
use crate::config::Config;
use crate::engine::{Drain, Geometry, Padding, Pass};

/// An operation and a legal way to run it.
#[derive(Clone, Debug)]
pub struct RandomCase {
    /// The layer.
    pub geometry: Geometry,
    /// The pass.
    pub pass: Pass,
    /// What the operation returns.
    pub drain: Drain,
    /// The jobs; run them in order.
    pub plan: Plan,
}

/// Which mechanisms a job uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mechanisms {
    /// A tile of several passes.
    pub passes: bool,
    /// Several groups a pass.
    pub groups: bool,
    /// A set with several tiles.
    pub tiles: bool,
    /// A tile that continues psums of an earlier tile or job.
    pub continued: bool,
}

impl Mechanisms {
    /// The mechanisms of `job`.
    pub fn of(job: &Job) -> Mechanisms {
        let mut tiles = [0; 32];
        let mut found = Mechanisms {
            groups: job.regs.cgroups * job.regs.chunks > 1,
            ..Mechanisms::default()
        };
        for segment in &job.segments {
            if let super::Payload::Tile(tile) = segment.payload {
                found.passes |= tile.passes > 1;
                found.continued |= !tile.zero;
                segment.sets().for_each(|set| tiles[set] += 1);
            }
        }
        found.tiles = tiles.iter().any(|&n| n > 1);
        found
    }

    /// Whether the job uses all of them.
    pub fn all(&self) -> bool {
        self.passes && self.groups && self.tiles && self.continued
    }
}

/// The case of a seed.
///
/// # Errors
/// No legal case found in many attempts: a configuration too small for any of the shapes.
pub fn random_case(config: &Config, seed: u64) -> Result<RandomCase> {
    let mut maker = Maker {
        config,
        rng: ChaCha8Rng::seed_from_u64(seed),
    };
    let mut refusal = anyhow::anyhow!("every shape was too large");
    for _ in 0..200 {
        let pass = match maker.rng.random_range(0..8) {
            0 => Pass::InputGrad,
            1 | 2 => Pass::WeightGrad,
            _ => Pass::Forward,
        };
        let Some(geometry) = maker.geometry(pass) else {
            continue;
        };
        let shifted = pass != Pass::WeightGrad && maker.rng.random_bool(0.12);
        let drain = if shifted {
            // Every shift, and none more often.
            Drain::Shift(
                maker
                    .rng
                    .random_range(0..config.acc_w as u32 + 8)
                    .saturating_sub(8),
            )
        } else {
            Drain::Raw
        };
        match maker.jobs(&geometry, pass, drain) {
            // A layer whose windows meet nothing but padding needs no job.
            Ok(jobs) if jobs.is_empty() => {}
            Ok(jobs) => {
                return Ok(RandomCase {
                    geometry,
                    pass,
                    drain,
                    plan: Plan::of_jobs(jobs, config)?,
                });
            }
            Err(error) => refusal = error,
        }
    }
    Err(refusal.context("no legal random case found: use a configuration with larger buffers"))
}

struct Maker<'a> {
    config: &'a Config,
    rng: ChaCha8Rng,
}

impl Maker<'_> {
    fn up_to(&mut self, max: usize) -> usize {
        self.rng.random_range(1..=max.max(1))
    }

    /// A layer, or none if it came out too large.
    fn geometry(&mut self, pass: Pass) -> Option<Geometry> {
        let (tile, k_max, pes) = (self.config.tile, self.config.k_max, self.config.pes);
        let kind = self.rng.random_range(0..8);
        let kernel = match kind {
            0 | 1 => [1, 1],
            // All elements of a group in one kernel row, or a kernel that needs several chunks.
            2 => [1, k_max],
            3 => [k_max / 3 + self.up_to(3), 3],
            _ => [self.up_to(4), self.up_to(4)],
        };
        let stride = if self.rng.random_bool(0.5) {
            [1, 1]
        } else {
            [self.up_to(3), self.up_to(3)]
        };
        let dilation = if self.rng.random_bool(0.6) {
            [1, 1]
        } else {
            [self.up_to(3), self.up_to(3)]
        };
        // One position, a full tile, many small images, or anything.
        let out = match self.rng.random_range(0..6) {
            0 => [self.up_to(2), 1, 1],
            1 => [1, 4, tile / 4],
            2 => [self.up_to(tile.min(64)), 1, self.up_to(2)],
            _ => [self.up_to(3), self.up_to(9), self.up_to(9)],
        };
        let (groups, channels, filters) = match self.rng.random_range(0..28) {
            0 => (self.up_to(4), 1, 1),
            1 => (self.up_to(3), self.up_to(5), self.up_to(pes + 2)),
            2 => (1, k_max * self.up_to(2), self.up_to(2 * pes)),
            3 => (1, self.up_to(9), self.up_to(2 * pes)),
            _ => (1, 2 + 2 * self.up_to(5), 2 * pes + self.up_to(2 * pes)),
        };
        // The input gradient sums over filters, and a stride makes many jobs of it.
        let (channels, filters) = if pass == Pass::InputGrad {
            (filters, channels)
        } else {
            (channels, filters)
        };
        let many = if self.rng.random_bool(0.75) {
            1
        } else {
            self.rng.random_range(2..=3)
        };
        let stride = if pass == Pass::InputGrad {
            stride.map(|s| s.min(many))
        } else {
            stride
        };
        let mut pads = [0; 4];
        let mut size = [0; 2];
        for axis in 0..2 {
            let span = dilation[axis] * (kernel[axis] - 1) + 1;
            let whole =
                (out[1 + axis] - 1) * stride[axis] + span + self.rng.random_range(0..stride[axis]);
            let pad = if self.rng.random_bool(0.5) {
                span / 2
            } else {
                self.rng.random_range(0..=span)
            };
            let before = pad.min(whole - 1);
            let after = self.rng.random_range(0..=span).min(whole - 1 - before);
            (pads[2 * axis], pads[2 * axis + 1], size[axis]) =
                (before, after, whole - before - after);
        }
        let [top, bottom, left, right] = pads;
        let geometry = Geometry {
            batch: out[0],
            in_channels: groups * channels,
            height: size[0],
            width: size[1],
            filters: groups * filters,
            kernel,
            stride,
            dilation,
            padding: Padding {
                top,
                bottom,
                left,
                right,
            },
            groups,
        };
        // Cycles of one set, about; few enough to simulate thousands of jobs.
        let budget = 8 * tile * k_max + 20_000;
        let work = out.iter().product::<usize>()
            * channels
            * kernel[0]
            * kernel[1]
            * groups
            * filters.div_ceil(pes);
        (work <= budget && geometry.validate().is_ok()).then_some(geometry)
    }

    fn jobs(&mut self, geometry: &Geometry, pass: Pass, drain: Drain) -> Result<Vec<Job>> {
        let mut jobs = Vec::new();
        for view in views(geometry, pass, self.config) {
            let view = Arc::new(view);
            for program in self.programs(&view, pass == Pass::WeightGrad, drain) {
                jobs.push(self.emit(program, &view)?);
            }
        }
        Ok(jobs)
    }

    /// Resident features and a ring of any size if that is legal, else streamed ones.
    fn emit(&mut self, mut program: Program, view: &Arc<Correlation>) -> Result<Job> {
        let ring = self.rng.random_range(1..6);
        if self.rng.random_bool(0.5) {
            (program.stream_features, program.ring_slots) = (false, (ring > 2).then_some(4 * ring));
            if let Ok(job) = program.emit(view, self.config) {
                return Ok(job);
            }
        }
        (program.stream_features, program.ring_slots) = (true, (ring < 5).then_some(ring));
        program.emit(view, self.config)
    }

    fn programs(&mut self, view: &Correlation, wgrad: bool, drain: Drain) -> Vec<Program> {
        // Unequal ranges cost a job a round: they are for few rounds (below).
        let channels = match wgrad {
            true => {
                let most = (self.config.tile / view.taps()).min(view.channels);
                let channels = self.up_to(most);
                let equal = |c: &usize| view.channels.is_multiple_of(*c);
                let keep = self.rng.random_bool(0.3);
                if keep {
                    channels
                } else {
                    (1..=channels).rev().find(equal).unwrap_or(1)
                }
            }
            // Two or three equal parts, or any.
            false if self.rng.random_bool(0.9) => {
                let parts = [2, 3]
                    .into_iter()
                    .find(|p| view.channels.is_multiple_of(*p) && view.channels > *p);
                view.channels / parts.unwrap_or(1)
            }
            false => self.up_to(view.channels),
        };
        let several = view.taps() * channels.saturating_sub(1);
        let k_t = match self.rng.random_range(0..8) {
            0 => self.config.k_max,
            1 => view.taps().min(self.config.k_max),
            2 => self.up_to(self.config.k_max),
            // Several groups, if there are several channels.
            _ => self.up_to(several.min(self.config.k_max)),
        };
        let tiles = self.tiles(view, k_t);
        let raw = drain == Drain::Raw;
        let mut rounds = self.rounds(view, wgrad, raw, &tiles, channels);
        let mut channels = channels;
        if !view.channels.is_multiple_of(channels) && rounds.len() > 3 {
            let equal = |c: &usize| view.channels.is_multiple_of(*c);
            channels = (1..=channels).rev().find(equal).unwrap_or(1);
            rounds = self.rounds(view, wgrad, raw, &tiles, channels);
        }
        let shift = match drain {
            Drain::Raw => None,
            Drain::Shift(shift) => Some(shift),
        };
        let base = Program {
            wgrad,
            shift,
            k_t,
            stream_features: false,
            ring_slots: None,
            operand_after: [0, 1].map(|_| self.rng.random_range(0..4)),
            rounds: vec![],
        };
        let job = |rounds| Program {
            rounds,
            ..base.clone()
        };
        self.split(rounds, channels).into_iter().map(job).collect()
    }

    /// Units dealt to sets, with channels in ranges of `channels`.
    fn rounds(
        &mut self,
        view: &Correlation,
        wgrad: bool,
        raw: bool,
        tiles: &[Tile],
        channels: usize,
    ) -> Vec<Vec<Unit>> {
        let ranges = pieces(view.channels, channels);
        let units = match wgrad {
            true => self.gradient_units(view, tiles, &ranges),
            false => self.forward_units(view, tiles, &ranges, raw),
        };
        self.deal(units)
    }

    /// Tiles of any legal shape; single positions and full tiles more often than chance has it.
    fn tiles(&mut self, view: &Correlation, k_t: usize) -> Vec<Tile> {
        let sizes = [view.batch, view.rows.outputs, view.cols.outputs];
        let mut size = sizes;
        if !self.rng.random_bool(0.4) {
            size = sizes.map(|s| self.up_to(s));
        }
        if view.positions() <= 12 && self.rng.random_bool(0.3) {
            size = [1; 3];
        }
        let grid_of = |size: [usize; 3]| {
            let [images, rows, cols] = [0, 1, 2].map(|i| pieces(sizes[i], size[i]));
            grid(&images, &rows, &cols)
        };
        // Halve whatever is larger than a tile or the feature buffer.
        loop {
            let tiles = grid_of(size);
            let layout = Layout::new(view, self.config, tiles.iter());
            let slot =
                Grouping::new(view, view.channels, k_t, self.config.k_max).map_or(1, |g| g.cg);
            let source = |t: &Tile| layout.source(view, 0, Span::new(0, slot), t);
            let beats = tiles
                .iter()
                .map(|t| layout.slot_beats(&source(t)))
                .max()
                .unwrap_or(0);
            let small = size.iter().product::<usize>() <= self.config.tile
                && beats <= self.config.bank_depth();
            if small || size == [1; 3] {
                return tiles;
            }
            let axis = (0..3).max_by_key(|&i| size[i]).expect("three axes");
            size[axis] = size[axis].div_ceil(2);
        }
    }

    /// Raw sums may be split by channels for the host to add; all others continue in the array.
    fn forward_units(
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

    fn gradient_units(&mut self, view: &Correlation, tiles: &[Tile], ranges: &[Span]) -> Vec<Unit> {
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
    fn deal(&mut self, mut units: Vec<Unit>) -> Vec<Vec<Unit>> {
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
    fn split(&mut self, rounds: Vec<Vec<Unit>>, channels: usize) -> Vec<Vec<Vec<Unit>>> {
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
