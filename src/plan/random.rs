//! Random legal plans from a seed: every mechanism in every combination, on shapes chosen to hurt.

mod data;
mod mechanisms;
mod reuse;
mod shapes;
mod units;

use std::sync::Arc;

use anyhow::Result;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::cut::{grid, pieces};
use super::planner::views;
use super::{Correlation, Grouping, Job, Layout, Plan, Program, Span, Tile, Unit};
use crate::config::Config;
use crate::engine::{Drain, Geometry, Pass};
use crate::reuse::Reuse;

pub use mechanisms::Mechanisms;
pub use reuse::{ReuseCase, random_reuse_case};

/// An operation and a legal way to run it.
#[derive(Clone, Debug)]
pub struct RandomCase {
    /// The layer.
    pub geometry: Geometry,
    /// The pass.
    pub pass: Pass,
    /// What the operation returns.
    pub drain: Drain,
    /// What is reused.
    pub reuse: Reuse,
    /// The jobs; run them in order.
    pub plan: Plan,
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
        let drain = maker.drain(pass);
        match maker.jobs(&geometry, pass, drain) {
            // A layer whose windows meet nothing but padding needs no job.
            Ok(jobs) if jobs.is_empty() => {}
            Ok(jobs) => {
                return Ok(RandomCase {
                    geometry,
                    pass,
                    drain,
                    reuse: Reuse::default(),
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
    /// Any legal drain: small shifts, of which rounding shows, as often as all, and none more often.
    fn drain(&mut self, pass: Pass) -> Drain {
        let limit = self.config.acc_w as u32;
        if pass == Pass::WeightGrad || !self.rng.random_bool(0.15) {
            return Drain::Raw;
        }
        match self.rng.random_bool(0.5) {
            true => Drain::Shift(self.rng.random_range(0..4)),
            false => Drain::Shift(self.rng.random_range(0..limit + 8).saturating_sub(8)),
        }
    }

    fn up_to(&mut self, max: usize) -> usize {
        self.rng.random_range(1..=max.max(1))
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
            reuse: None,
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
}
