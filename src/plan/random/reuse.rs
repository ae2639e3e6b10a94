//! Random operations with reuse: setting, tiles and groups, data that repeat, and a legal plan.

use std::sync::Arc;

use anyhow::Result;
use ndarray::Array4;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Maker, RandomCase, data};
use crate::config::Config;
use crate::engine::{Drain, Pass};
use crate::plan::planner::views;
use crate::plan::{Correlation, Grouping, Job, Plan, Program, ProgramReuse, Scope};
use crate::reuse::{MAX_BITS, MAX_STEP, Mode, Projections, Reuse};

/// An operation with reuse, its operands, and a legal way to run it.
#[derive(Clone, Debug)]
pub struct ReuseCase {
    /// Operation and jobs; its `reuse` is the setting.
    pub case: RandomCase,
    /// Tiles and groups of each correlation.
    pub scopes: Vec<Scope>,
    /// The detected operand.
    pub a: Array4<i16>,
    /// The other operand.
    pub b: Array4<i16>,
}

/// The operation with reuse of a seed. Tiles, groups, lists, redetection and the dealing to sets are random too.
///
/// # Errors
/// A configuration without reuse, or too small for any of the shapes.
pub fn random_reuse_case(config: &Config, seed: u64) -> Result<ReuseCase> {
    anyhow::ensure!(
        config.reuse,
        "this configuration is built without reuse: set reuse = true"
    );
    let mut maker = Maker {
        config,
        rng: ChaCha8Rng::seed_from_u64(seed),
    };
    let mut refusal = anyhow::anyhow!("every shape was too large");
    for _ in 0..200 {
        match maker.reuse_case() {
            Ok(Some(case)) => return Ok(case),
            Ok(None) => {}
            Err(error) => refusal = error,
        }
    }
    Err(refusal.context("no legal random case found: use a configuration with larger buffers"))
}

impl Maker<'_> {
    /// One attempt; none if the layer came out too large or needs no job.
    fn reuse_case(&mut self) -> Result<Option<ReuseCase>> {
        let pass = match self.rng.random_range(0..8) {
            0 => Pass::InputGrad,
            1..4 => Pass::WeightGrad,
            _ => Pass::Forward,
        };
        let Some(geometry) = self.geometry(pass) else {
            return Ok(None);
        };
        let drain = self.drain(pass);
        let views = views(&geometry, pass, self.config);
        let Some(view) = views.first() else {
            return Ok(None);
        };
        let reuse = self.setting(view);
        let ([a, b, _], bits) = (geometry.shapes(pass), self.config.data_w as u32);
        let a = data::repeating(a, bits, &mut self.rng);
        let b = data::other(b, bits, &mut self.rng);
        let (mut jobs, mut scopes) = (Vec::new(), Vec::new());
        for view in views {
            let k_max = self.config.k_max;
            let scope = Scope {
                grouping: Grouping::new(&view, view.channels, reuse.k_target, k_max)?,
                tiles: self.tiles(&view, reuse.k_target),
                view: Arc::new(view),
            };
            let projections = reuse.projections(scope.full_group(), a.view(), self.config)?;
            let projections = Arc::new(projections);
            for program in self.reuse_programs(&scope, pass == Pass::WeightGrad, drain, &reuse) {
                jobs.push(self.emit_reuse(program, &scope, &reuse, &projections)?);
            }
            scopes.push(scope);
        }
        let case = RandomCase {
            geometry,
            pass,
            drain,
            reuse,
            // Counters of reuse jobs follow from the data: see `model::simulate_reuse`.
            plan: Plan {
                jobs,
                modelled: vec![],
                choices: vec![],
                requantise: None,
                reuse,
                dense_cycles: 0,
            },
        };
        Ok(Some(ReuseCase { case, scopes, a, b }))
    }

    /// Any legal setting; `grid` only where it can be legal.
    fn setting(&mut self, view: &Correlation) -> Reuse {
        let taps = view.taps();
        let k_target = match self.rng.random_range(0..5) {
            0 => self.config.k_max,
            1 => taps,
            2 => taps * self.up_to(4),
            _ => self.up_to(self.config.k_max),
        };
        let modes = [Mode::Zero, Mode::Sign, Mode::Step, Mode::Step, Mode::Grid];
        let mode = modes[self.rng.random_range(0..modes.len())];
        let bits = self.up_to(MAX_BITS);
        let most = match mode {
            Mode::Sign => self.config.p_max,
            _ => self.config.p_max.min(self.config.sig_w / bits),
        };
        let projections = match self.rng.random_range(0..3) {
            0 => most,
            1 => self.up_to(4.min(most)),
            _ => self.up_to(most),
        };
        let step_log2 = match self.rng.random_range(0..4) {
            0 => None,
            1 => Some(self.rng.random_range(0..=MAX_STEP)),
            2 => Some(0),
            _ => Some(self.rng.random_range(0..self.config.data_w as u32)),
        };
        Reuse {
            mode,
            projections: Some(projections),
            bits,
            step_log2,
            finer: 0,
            k_target,
            matrix_seed: self.rng.random_range(0..1000),
            zero_skip: self.rng.random_bool(0.75),
            elem_skip: self.rng.random_bool(0.5),
            ..Reuse::default()
        }
    }

    /// Programs whose channel ranges are whole groups.
    fn reuse_programs(
        &mut self,
        scope: &Scope,
        wgrad: bool,
        drain: Drain,
        reuse: &Reuse,
    ) -> Vec<Program> {
        let (view, cg) = (&*scope.view, scope.grouping.cg);
        let groups = view.channels.div_ceil(cg);
        let most = match wgrad {
            true => (self.config.tile / view.taps() / cg).clamp(1, groups),
            false => groups,
        };
        // Equal ranges in one job, as far as the channels allow.
        let equal = |g: &usize| view.channels.is_multiple_of(*g * cg) || *g == groups;
        let mut range = match wgrad || self.rng.random_bool(0.3) {
            true => self.up_to(most),
            false => most,
        };
        if self.rng.random_bool(0.7) {
            range = (1..=range).rev().find(equal).unwrap_or(range);
        }
        let raw = drain == Drain::Raw;
        let channels = (range * cg).min(view.channels);
        let rounds = self.rounds(view, wgrad, raw, &scope.tiles, channels);
        let base = Program {
            wgrad,
            shift: match drain {
                Drain::Raw => None,
                Drain::Shift(shift) => Some(shift),
            },
            k_t: reuse.k_target,
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

    /// Resident or streamed features, lists that stay or not, rings of any size: whatever is legal.
    fn emit_reuse(
        &mut self,
        program: Program,
        scope: &Scope,
        setting: &Reuse,
        projections: &Arc<Projections>,
    ) -> Result<Job> {
        let (stream, redetect) = (self.rng.random_bool(0.3), self.rng.random_bool(0.3));
        let list_slots = self.rng.random_bool(0.5).then(|| self.up_to(4));
        let ring_slots = self.rng.random_bool(0.5).then(|| self.up_to(6));
        let mut result = Err(anyhow::anyhow!("nothing tried"));
        // What was drawn, then ever less of it that could be illegal.
        for (stream, redetect, list_slots, ring_slots) in [
            (stream, redetect || stream, list_slots, ring_slots),
            (false, redetect, None, None),
            (false, true, list_slots, None),
            (true, true, list_slots, ring_slots),
        ] {
            let reuse = ProgramReuse {
                setting: *setting,
                projections: projections.clone(),
                redetect,
                list_slots,
            };
            let program = Program {
                stream_features: stream,
                ring_slots,
                reuse: Some(reuse),
                ..program.clone()
            };
            result = program.emit(&scope.view, self.config);
            if result.is_ok() {
                break;
            }
        }
        result
    }
}
