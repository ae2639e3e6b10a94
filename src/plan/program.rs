//! A job spelled out: which set does what, round by round, turned into registers, segments and expected packets.
//!
//! In each round a set has at most one [`Unit`]. Segments that are equal for several sets are sent once with a mask.
//! Stream order of a round, for each step of its units:
//!
//! - reuse, once before the first round: READS, MATRIX, OFFSETS for all sets that compute;
//! - forward: TILE; then for each pass, for each slot: FEATURES (first pass, or streaming), then WEIGHTS of each of its groups;
//! - weight gradient: TILE; the first slots ([`Program::operand_after`], at most the ring); OPERAND; the remaining slots.

use std::sync::Arc;

use anyhow::{Result, ensure};

use super::layout::narrow;
use super::{
    Correlation, FeatureSource, Grouping, Job, JobRegs, Layout, OperandSource, Packet, Payload,
    ProgramReuse, Region, Segment, SetTile, Span, Tile, WeightSource,
};
use crate::config::Config;

/// Most payload beats of a segment: the header's count field.
const MAX_BEATS: usize = (1 << 20) - 1;

/// One tile descriptor's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Channels summed over, counted in the convolution group; equally many in all steps of a job.
    pub channels: Span,
    /// Output positions.
    pub tile: Tile,
    /// Psums start from zero instead of continuing.
    pub zero: bool,
    /// Psums leave the array afterwards.
    pub drain: bool,
}

/// What one set does in one round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// The set.
    pub set: usize,
    /// Convolution group.
    pub group: usize,
    /// Filter blocks of C filters each, one pass each; a weight gradient or an undrained step takes one.
    pub blocks: Span,
    /// Tiles in order.
    pub steps: Vec<Step>,
}

/// A job before it is spelled out as segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Weight gradient instead of forward or input gradient.
    pub wgrad: bool,
    /// Right shift of the drain; none is a raw drain.
    pub shift: Option<u32>,
    /// Group size parameter K_T.
    pub k_t: usize,
    /// Send features again for every pass.
    pub stream_features: bool,
    /// Feature slots to use; none is all that fit.
    pub ring_slots: Option<usize>,
    /// What is reused; none is a dense job.
    pub reuse: Option<ProgramReuse>,
    /// Weight gradient: slots sent before the operand rows in the first step of the first round, and in all others.
    pub operand_after: [usize; 2],
    /// Units of each round, at most one for each set.
    pub rounds: Vec<Vec<Unit>>,
}

impl Program {
    /// Spells the job out.
    ///
    /// # Errors
    /// A limit of the configuration that the job breaks: value, limit and fix.
    pub fn emit(&self, view: &Arc<Correlation>, config: &Config) -> Result<Job> {
        let steps = || self.rounds.iter().flatten().flat_map(|unit| &unit.steps);
        let channels = steps().map(|s| s.channels.len).max().unwrap_or(1);
        ensure!(
            steps().all(|s| s.channels.len == channels),
            "steps of one job sum over different numbers of channels, the registers hold one: use a job for each number"
        );
        let grouping = Grouping::new(view, channels, self.k_t, config.k_max)?;
        let layout = Layout::new(view, config, steps().map(|s| &s.tile));
        let slot = Span::new(0, grouping.cg);
        let slot_beats = steps()
            .map(|s| layout.slot_beats(&layout.source(view, 0, slot, &s.tile)))
            .max()
            .unwrap_or(1);
        let depth = config.bank_depth();
        ensure!(
            slot_beats <= depth,
            "a feature slot takes {slot_beats} beats of each bank, feature_words = {} holds {depth}: use a smaller tile or more \
             feature_words",
            config.feature_words
        );
        let fit = depth / slot_beats;
        let regs = JobRegs {
            wgrad: self.wgrad,
            stream_features: self.stream_features,
            shift_mode: self.shift.is_some(),
            shift: self.shift.unwrap_or(0),
            slot_beats: narrow("feature slot size", slot_beats)?,
            ring_slots: narrow(
                "number of feature slots",
                self.ring_slots.unwrap_or(fit).clamp(1, fit),
            )?,
            ..layout.registers(view, &grouping)
        };
        check(&regs, config)?;
        let positions = steps().map(|s| s.tile.positions()).max().unwrap_or(1);
        let regs = self.reuse_registers(regs, view, &layout, &grouping, positions, config)?;
        let job = Job {
            regs,
            segments: vec![],
            packets: vec![],
            tiles: vec![],
            projections: self.reuse.as_ref().map(|r| r.projections.clone()),
            view: view.clone(),
            layout,
        };
        let mut emitter = Emitter {
            program: self,
            config,
            grouping,
            view,
            job,
            burst: vec![],
        };
        emitter.detection()?;
        let mut tag = 0;
        for round in &self.rounds {
            for step in 0..round.iter().map(|u| u.steps.len()).max().unwrap_or(0) {
                emitter.step(round, step, tag)?;
                tag += 1;
            }
        }
        emitter.segment(Payload::End, 0, 0)?;
        Ok(emitter.job)
    }
}

/// Limits on the registers together.
fn check(regs: &JobRegs, config: &Config) -> Result<()> {
    ensure!(
        regs.stream_features || regs.cgroups <= regs.ring_slots as u32,
        "{} resident feature slots are more than the {} of the ring: stream the features",
        regs.cgroups,
        regs.ring_slots
    );
    ensure!(
        !regs.wgrad || regs.pass_elements() <= config.tile,
        "{} weight-gradient rows are more than tile = {}: use fewer channels for each unit",
        regs.pass_elements(),
        config.tile
    );
    Ok(())
}

/// Collects segments and packets of one job.
struct Emitter<'a> {
    program: &'a Program,
    config: &'a Config,
    grouping: Grouping,
    view: &'a Correlation,
    job: Job,
    /// Payloads of equal kind that several sets want now; equal ones share a segment.
    burst: Vec<(Payload, u32)>,
}

impl Emitter<'_> {
    /// What the detectors of the sets that compute need before the first tile.
    fn detection(&mut self) -> Result<()> {
        let Some(reuse) = &self.program.reuse else {
            return Ok(());
        };
        let units = self.program.rounds.iter().flatten();
        let mask = units.fold(0, |mask, unit| mask | 1 << unit.set);
        let reads = self.job.regs.steps as usize * self.config.l;
        self.segment(Payload::Reads, mask, reads)?;
        self.segment(Payload::Matrix, mask, reads)?;
        self.segment(Payload::Offsets, mask, reuse.projections.n)
    }

    /// One step of all units of a round.
    fn step(&mut self, round: &[Unit], step: usize, tag: usize) -> Result<()> {
        let now: Vec<(&Unit, Step)> = round
            .iter()
            .filter_map(|u| Some((u, *u.steps.get(step)?)))
            .collect();
        for &(unit, step) in &now {
            self.tile(unit, &step, tag)?;
        }
        self.flush()?;
        match self.program.wgrad {
            true => self.weight_gradient(&now, tag == 0),
            false => self.forward(&now),
        }
    }

    /// The descriptor of one step, and the packets that it will give.
    fn tile(&mut self, unit: &Unit, step: &Step, tag: usize) -> Result<()> {
        let Unit {
            set, group, blocks, ..
        } = *unit;
        let (positions, limit) = (step.tile.positions(), self.config.tile);
        ensure!(
            positions <= limit,
            "a tile of {positions} positions exceeds tile = {limit}: use a smaller one"
        );
        ensure!(
            blocks.len == 1 || (step.drain && !self.program.wgrad),
            "{} passes of a tile that is not drained after each: use one pass",
            blocks.len
        );
        let mut descriptor = self.job.layout.descriptor(self.view, &step.tile)?;
        descriptor.passes = narrow("number of passes", blocks.len)?;
        descriptor.pes_last = self.filters(blocks.end() - 1).len as u16;
        descriptor.tag = narrow("number of tiles of a job", tag)?;
        (descriptor.zero, descriptor.drain) = (step.zero, step.drain);
        self.add(Payload::Tile(descriptor), set);
        self.job.tiles.push(SetTile {
            set,
            group,
            channels: step.channels,
            blocks,
            tile: step.tile,
            zero: step.zero,
        });
        if !step.drain {
            return Ok(());
        }
        let (rows, region) = match self.program.wgrad {
            true => (self.job.regs.pass_elements(), Region::Taps(step.channels)),
            false => (positions, Region::Positions(step.tile)),
        };
        for (pass, block) in blocks.range().enumerate() {
            let filters = self.filters(block);
            let (set, tag, pass) = (set as u8, tag as u16, pass as u16);
            self.job.packets.push(Packet {
                set,
                tag,
                pass,
                rows: rows as u32,
                group,
                filters,
                region,
            });
        }
        Ok(())
    }

    fn forward(&mut self, now: &[(&Unit, Step)]) -> Result<()> {
        for pass in 0..now.iter().map(|(u, _)| u.blocks.len).max().unwrap_or(0) {
            for cgroup in 0..self.grouping.cgroups {
                if pass == 0 || self.program.stream_features {
                    let active = now.iter().filter(|(u, _)| pass < u.blocks.len);
                    self.slot(active, cgroup)?;
                }
                for chunk in 0..self.grouping.chunks {
                    for (unit, step) in now.iter().filter(|(u, _)| pass < u.blocks.len) {
                        let source = WeightSource {
                            group: unit.group,
                            filters: self.filters(unit.blocks.start + pass),
                            elements: self.elements(step.channels, cgroup, chunk),
                        };
                        self.add(Payload::Weights(source), unit.set);
                    }
                    self.flush()?;
                }
            }
        }
        Ok(())
    }

    fn weight_gradient(&mut self, now: &[(&Unit, Step)], first: bool) -> Result<()> {
        let (cgroups, ring) = (self.grouping.cgroups, self.job.regs.ring_slots as usize);
        let after = self.program.operand_after[!first as usize]
            .min(cgroups)
            .min(ring);
        for cgroup in 0..after {
            self.slot(now.iter(), cgroup)?;
        }
        for (unit, step) in now {
            let filters = self.filters(unit.blocks.start);
            self.add(
                Payload::Operand(OperandSource {
                    group: unit.group,
                    filters,
                    tile: step.tile,
                }),
                unit.set,
            );
        }
        self.flush()?;
        for cgroup in after..cgroups {
            self.slot(now.iter(), cgroup)?;
        }
        Ok(())
    }

    /// The features of slot `cgroup` for some sets.
    fn slot<'b>(
        &mut self,
        now: impl Iterator<Item = &'b (&'b Unit, Step)>,
        cgroup: usize,
    ) -> Result<()> {
        for (unit, step) in now {
            let channels = self.slot_channels(step.channels, cgroup);
            let source = self
                .job
                .layout
                .source(self.view, unit.group, channels, &step.tile);
            self.add(
                Payload::Features {
                    bank: 0,
                    slot_end: false,
                    source,
                },
                unit.set,
            );
        }
        self.flush()
    }

    /// Filters of a block, counted in the convolution group.
    fn filters(&self, block: usize) -> Span {
        let start = block * self.config.pes;
        Span::new(start, self.config.pes.min(self.view.filters - start))
    }

    /// Channels of slot `cgroup`, counted in the convolution group.
    fn slot_channels(&self, channels: Span, cgroup: usize) -> Span {
        let span = self.grouping.channels(cgroup);
        Span::new(channels.start + span.start, span.len)
    }

    /// Elements of group (`cgroup`, `chunk`): consecutive, because a group has one channel or all kernel rows.
    fn elements(&self, channels: Span, cgroup: usize, chunk: usize) -> Span {
        let (kh, kw) = (self.view.rows.taps, self.view.cols.taps);
        let (channels, rows) = (
            self.slot_channels(channels, cgroup),
            self.grouping.kernel_rows(chunk),
        );
        Span::new(
            (channels.start * kh + rows.start) * kw,
            channels.len * rows.len * kw,
        )
    }

    /// `set` wants `payload` now.
    fn add(&mut self, payload: Payload, set: usize) {
        match self.burst.iter_mut().find(|(p, _)| *p == payload) {
            Some((_, mask)) => *mask |= 1 << set,
            None => self.burst.push((payload, 1 << set)),
        }
    }

    /// Sends what was wanted.
    fn flush(&mut self) -> Result<()> {
        for (payload, mask) in std::mem::take(&mut self.burst) {
            let row_beats = self.config.row_beats();
            match payload {
                Payload::Features { source, .. } => self.banks(source, mask)?,
                Payload::Tile(_) => {
                    self.segment(payload, mask, (256 / self.config.bus_w).max(1))?
                }
                Payload::Weights(source) => {
                    self.segment(payload, mask, source.elements.len * row_beats)?
                }
                Payload::Operand(source) => {
                    self.segment(payload, mask, source.tile.positions() * row_beats)?
                }
                Payload::Reads | Payload::Matrix | Payload::Offsets | Payload::End => {
                    self.segment(payload, mask, 0)?
                }
            }
        }
        Ok(())
    }

    /// One segment for each bank in which a slot has words.
    fn banks(&mut self, source: FeatureSource, mask: u32) -> Result<()> {
        let layout = self.job.layout;
        let used = |bank: &usize| layout.bank_beats(&source, *bank) > 0;
        let last = (0..layout.banks).rev().find(used).unwrap_or(0);
        for bank in (0..=last).filter(used) {
            let payload = Payload::Features {
                bank: bank as u8,
                slot_end: bank == last,
                source,
            };
            self.segment(payload, mask, layout.bank_beats(&source, bank))?;
        }
        Ok(())
    }

    fn segment(&mut self, payload: Payload, mask: u32, beats: usize) -> Result<()> {
        ensure!(
            beats <= MAX_BEATS,
            "a segment of {beats} beats exceeds the limit of {MAX_BEATS}: use a smaller tile"
        );
        self.job.segments.push(Segment {
            payload,
            mask,
            beats: beats as u32,
        });
        Ok(())
    }
}
