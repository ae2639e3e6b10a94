//! Coverage bins: which situations the jobs of a campaign were in.

use serde::Serialize;

use super::case::Case;
use crate::config::Config;
use crate::engine::{Drain, Pass};
use crate::plan::{Job, Mechanisms, Payload, Segment, TileDescriptor};
use crate::regmap::Statistics;
use crate::reuse::{Mode, Record, State};

/// Counts by name, in the order of first listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bins {
    counts: Vec<(&'static str, u64)>,
    /// Jobs counted.
    pub jobs: u64,
}

impl Serialize for Bins {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.counts.iter().copied())
    }
}

impl Bins {
    /// Counts `name` if `hit`; lists it in any case.
    pub fn add(&mut self, name: &'static str, hit: bool) {
        match self.counts.iter_mut().find(|(n, _)| *n == name) {
            Some((_, count)) => *count += u64::from(hit),
            None => self.counts.push((name, hit.into())),
        }
    }

    /// Name and count of every bin.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.counts.iter().copied()
    }

    /// Bins that nothing fell into.
    pub fn empty(&self) -> impl Iterator<Item = &'static str> {
        self.iter()
            .filter(|(_, count)| *count == 0)
            .map(|(name, _)| name)
    }

    /// Counts a job of `case` that ran with these counters.
    pub fn job(&mut self, config: &Config, case: &Case, number: usize, statistics: &Statistics) {
        let job = &case.random.plan.jobs[number];
        self.jobs += 1;
        self.operation(case);
        self.mechanisms(config, job, number);
        self.tiles(config, job);
        self.groups(config, job);
        if config.reuse {
            self.reuse(config, case, number);
        }
        for (name, count) in [
            ("stalled: features", statistics.stall_features),
            ("stalled: weights", statistics.stall_weights),
            ("stalled: operand", statistics.stall_operand),
            ("stalled: bank", statistics.stall_bank),
            ("saturated results", statistics.saturations),
        ] {
            self.add(name, count > 0);
        }
    }

    fn operation(&mut self, case: &Case) {
        let (g, pass) = (&case.random.geometry, case.random.pass);
        for (name, wanted) in [
            ("forward", Pass::Forward),
            ("input gradient", Pass::InputGrad),
            ("weight gradient", Pass::WeightGrad),
        ] {
            self.add(name, pass == wanted);
        }
        self.add("raw results", case.random.drain == Drain::Raw);
        self.add("shifted results", case.random.drain != Drain::Raw);
        self.add("shifted by 0", case.random.drain == Drain::Shift(0));
        let p = g.padding;
        self.add("kernel 1x1", g.kernel == [1, 1]);
        self.add("kernel of one row", g.kernel[0] == 1 && g.kernel[1] > 1);
        self.add("kernel of one column", g.kernel[0] > 1 && g.kernel[1] == 1);
        self.add(
            "kernel of rows and columns",
            g.kernel[0] > 1 && g.kernel[1] > 1,
        );
        self.add("stride", g.stride != [1, 1]);
        self.add(
            "input gradient with stride",
            pass == Pass::InputGrad && g.stride != [1, 1],
        );
        self.add("dilation", g.dilation != [1, 1]);
        self.add("padding", p != Default::default());
        self.add("asymmetric padding", p.top != p.bottom || p.left != p.right);
        self.add("convolution groups", g.groups > 1);
        self.add(
            "depthwise",
            g.groups > 1 && g.groups == g.in_channels && g.groups == g.filters,
        );
        self.add("several images", g.batch > 1);
        self.add("several jobs", case.random.plan.jobs.len() > 1);
    }

    /// What the job meets of reuse; the numbers of a job without it stay.
    fn reuse(&mut self, config: &Config, case: &Case, number: usize) {
        let setting = &case.random.reuse;
        let job = &case.random.plan.jobs[number];
        let used = Mechanisms::of(job);
        let largest = |t: &TileDescriptor| t.positions() == config.tile;
        for (name, met) in [
            (
                "reuse: largest tile",
                setting.is_on() && tiles(job).any(largest),
            ),
            (
                "reuse: tile of zeros only",
                zero_tile(job, &case.jobs[number].records),
            ),
            ("reuse: K = 1", used.one_element),
            ("reuse: K <= L, one step a vector", used.one_step),
            ("reuse: kernel rows in chunks", used.chunks),
            ("reuse: lists kept for several passes", used.kept_lists),
            ("reuse: fewer lists than groups", used.short_lists),
        ] {
            self.add(name, met);
        }
        for (name, mode) in [
            ("reuse: off", Mode::Off),
            ("reuse: zero", Mode::Zero),
            ("reuse: sign", Mode::Sign),
            ("reuse: step", Mode::Step),
            ("reuse: grid", Mode::Grid),
        ] {
            self.add(name, setting.mode == mode);
        }
        for (name, met) in case.jobs[number].met.named() {
            self.add(name, met);
        }
    }

    fn mechanisms(&mut self, config: &Config, job: &Job, number: usize) {
        let used = Mechanisms::of(job);
        self.add("several passes", used.passes);
        self.add("several groups", used.groups);
        self.add("several tiles per set", used.tiles);
        self.add("continued psums", used.continued);
        self.add("all four of these", used.all());
        self.add(
            "one of everything",
            !used.passes && !used.groups && !used.tiles && !used.continued,
        );
        self.add(
            "psums continued from the previous job",
            number > 0 && tiles(job).next().is_some_and(|t| !t.zero),
        );
        self.add(
            "psums left for the next job",
            tiles(job).last().is_some_and(|t| !t.drain),
        );
        self.add("no drained bank", job.packets.is_empty());
        self.add("features sent for every pass", job.regs.stream_features);
        self.add(
            "features resident over passes",
            !job.regs.stream_features && used.passes,
        );
        self.add(
            "feature ring wraps",
            job.regs.cgroups > u32::from(job.regs.ring_slots),
        );
        self.add("ring of one slot", job.regs.ring_slots == 1);
        let sets = job
            .segments
            .iter()
            .fold(0, |mask, segment| mask | segment.mask)
            .count_ones() as usize;
        self.add("one set", sets == 1);
        self.add("all sets", sets == config.sets);
        self.add(
            "segments for several sets",
            job.segments.iter().any(|s| s.mask.count_ones() > 1),
        );
    }

    fn tiles(&mut self, config: &Config, job: &Job) {
        let any = |test: fn(&Config, &TileDescriptor) -> bool| tiles(job).any(|t| test(config, t));
        self.add("M = 1", any(|_, t| t.positions() == 1));
        self.add("M = TILE", any(|config, t| t.positions() == config.tile));
        self.add("tile over several images", any(|_, t| t.images > 1));
        self.add(
            "filters not a multiple of the PEs",
            any(|config, t| usize::from(t.pes_last) < config.pes),
        );
        self.add(
            "first element in padding",
            any(|_, t| t.row_start < 0 || t.col_start < 0),
        );
        self.add("tile starts in another bank", any(|_, t| t.start_bank > 0));
    }

    fn groups(&mut self, config: &Config, job: &Job) {
        let r = &job.regs;
        self.add("channel banks", job.layout.channel_banks);
        self.add("row banks", !job.layout.channel_banks);
        self.add("several channels a group", r.cg > 1);
        self.add(
            "shorter last channel group",
            r.cgroups > 1 && r.cg_last < r.cg,
        );
        self.add("kernel rows in chunks", r.chunks > 1);
        self.add("shorter last chunk", r.chunks > 1 && r.kr_last < r.kr);
        let mut sizes =
            (0..r.cgroups).flat_map(|g| (0..r.chunks).map(move |c| r.group_elements(g, c)));
        self.add("K = K_MAX", sizes.any(|k| k == config.k_max));
        self.add("K = 1", r.group_elements(0, 0) == 1);
    }
}

/// Whether all vectors of a tile are ZERO, in all of its groups. Records are by set, in the order of its tiles.
fn zero_tile(job: &Job, records: &[Vec<Record>]) -> bool {
    let groups = (job.regs.cgroups * job.regs.chunks) as usize;
    records.iter().enumerate().any(|(set, records)| {
        let mut records = records.iter();
        let of_set = |s: &&Segment| s.mask >> set & 1 == 1;
        tiles_among(job.segments.iter().filter(of_set)).any(|tile| {
            let detections = if job.regs.redetect { tile.passes } else { 1 };
            let count = tile.positions() * groups * usize::from(detections);
            let mut of_tile = records.by_ref().take(count);
            let zeros = of_tile
                .by_ref()
                .take_while(|r| r.state == State::Zero)
                .count();
            of_tile.for_each(drop);
            zeros == count
        })
    })
}

fn tiles(job: &Job) -> impl Iterator<Item = &TileDescriptor> {
    tiles_among(job.segments.iter())
}

fn tiles_among<'a>(
    segments: impl Iterator<Item = &'a Segment>,
) -> impl Iterator<Item = &'a TileDescriptor> {
    segments.filter_map(|segment| match &segment.payload {
        Payload::Tile(tile) => Some(tile),
        _ => None,
    })
}
