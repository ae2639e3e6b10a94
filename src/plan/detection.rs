//! How a job tells the detectors to read vectors: the program of READS, and the registers of reuse.
//!
//! A vector's K elements are read in steps of at most L elements, which lie in different banks:
//!
//! ```text
//!  row banks, 3×3, L = 3     step 0: rows 0 1 2 of column 0     step 1: column 1     step 2: column 2     next channel …
//!  channel banks, L = 3      step 0: channels 0 1 2             step 1: channels 3 4 5 …
//! ```
//!
//! Steps are ordered so that a shorter last group is a prefix: rows outermost when there are chunks of rows, else channels.

use std::sync::Arc;

use anyhow::{Result, ensure};

use super::correlation::gcd;
use super::layout::narrow;
use super::scope::MAX_REACH;
use super::{Axis, Correlation, Grouping, Job, JobRegs, Layout, Program, Span};
use crate::config::Config;
use crate::regmap::Read;
use crate::reuse::{Mode, Projections, Reuse};

/// Most lists of a set: the register's bits.
const MAX_LIST_SLOTS: usize = 255;

/// What a reuse job needs beyond a dense one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramReuse {
    /// The setting; its K_T is the program's.
    pub setting: Reuse,
    /// How vectors are compared.
    pub projections: Arc<Projections>,
    /// Hitmaps are detected again for every pass.
    pub redetect: bool,
    /// Lists that a set keeps; none is all that fit.
    pub list_slots: Option<usize>,
}

/// The program of READS: beat `step · L + lane`; `None` where a lane has nothing to read.
pub fn reads(view: &Correlation, layout: &Layout, grouping: &Grouping) -> Vec<Option<Read>> {
    let (rows, cols) = (grouping.kr, view.cols.taps);
    let element = |c: usize, row: usize, col: usize| {
        let (bank, word) = layout.place(c, 0, row * view.rows.dilation, col * view.cols.dilation);
        Read {
            k: ((c * rows + row) * cols + col) as u8,
            bank: bank as u8,
            addr: word as u16,
            row: (row * view.rows.dilation) as u16,
            col: (col * view.cols.dilation) as u16,
        }
    };
    let width = lanes_used(&view.rows, layout);
    let block = |len: usize, first: usize| first..len.min(first + width);
    let mut steps: Vec<Vec<Read>> = Vec::new();
    if layout.channel_banks {
        for first in (0..grouping.cg).step_by(width) {
            steps.push(
                block(grouping.cg, first)
                    .map(|c| element(c, 0, 0))
                    .collect(),
            );
        }
    } else {
        // Chunks of rows have one channel, so one order serves both prefixes.
        for c in 0..grouping.cg {
            for first in (0..rows).step_by(width) {
                for col in 0..cols {
                    steps.push(block(rows, first).map(|row| element(c, row, col)).collect());
                }
            }
        }
    }
    let lane = |step: &Vec<Read>, lane: usize| step.get(lane).copied();
    steps
        .iter()
        .flat_map(|step| (0..layout.banks).map(move |l| lane(step, l)))
        .collect()
}

/// Elements of a step: how many channels, or kernel rows, lie in different banks.
fn lanes_used(rows: &Axis, layout: &Layout) -> usize {
    match layout.channel_banks {
        true => layout.banks,
        false => layout.banks / gcd(layout.banks, rows.dilation % layout.banks),
    }
}

/// Steps that read `channels` channels of `kernel_rows` kernel rows.
pub(super) fn steps(
    view: &Correlation,
    layout: &Layout,
    channels: usize,
    kernel_rows: usize,
) -> usize {
    let width = lanes_used(&view.rows, layout);
    match layout.channel_banks {
        true => channels.div_ceil(width),
        false => channels * kernel_rows.div_ceil(width) * view.cols.taps,
    }
}

/// Lists of `positions` positions that a set has room for.
pub(super) fn list_slots(config: &Config, positions: usize) -> usize {
    (config.list_words() / positions.max(1)).clamp(1, MAX_LIST_SLOTS)
}

impl Job {
    /// The groups of a pass.
    pub fn grouping(&self) -> Grouping {
        let regs = &self.regs;
        Grouping {
            cgroups: regs.cgroups as usize,
            cg: regs.cg.into(),
            cg_last: regs.cg_last.into(),
            chunks: regs.chunks as usize,
            kr: regs.kr.into(),
            kr_last: regs.kr_last.into(),
        }
    }

    /// The program of READS (`docs/reuse.md`); of a dense job, what it would be.
    pub fn reads(&self) -> Vec<Option<Read>> {
        reads(&self.view, &self.layout, &self.grouping())
    }
}

impl JobRegs {
    /// Detection steps of a vector of group (`cgroup`, `chunk`).
    pub fn group_steps(&self, cgroup: u32, chunk: u32) -> usize {
        let (last_cgroup, last_chunk) = (cgroup + 1 == self.cgroups, chunk + 1 == self.chunks);
        match (last_cgroup, last_chunk && self.chunks > 1) {
            (_, true) => self.steps_kr_last.into(),
            (true, false) => self.steps_cg_last.into(),
            (false, false) => self.steps.into(),
        }
    }
}

impl Program {
    /// `regs` with the fields of reuse, for tiles of at most `positions` positions; as they are if the program is dense.
    ///
    /// # Errors
    /// A limit of reuse: value, limit and fix.
    pub(super) fn reuse_registers(
        &self,
        regs: JobRegs,
        view: &Correlation,
        layout: &Layout,
        grouping: &Grouping,
        positions: usize,
        config: &Config,
    ) -> Result<JobRegs> {
        let Some(reuse) = &self.reuse else {
            return Ok(regs);
        };
        self.check_reuse(reuse, view, config)?;
        let elements = |channels: usize, rows: usize| (channels * rows * view.cols.taps) as u8;
        let steps = |channels: usize, rows: usize| steps(view, layout, channels, rows) as u8;
        let Grouping { cg, kr, .. } = *grouping;
        let (cg_last, kr_last) = (grouping.cg_last, grouping.kr_last);
        let fit = list_slots(config, positions);
        let list_slots = reuse.list_slots.unwrap_or(fit).clamp(1, fit);
        let groups = grouping.cgroups * grouping.chunks;
        ensure!(
            reuse.redetect || groups <= list_slots,
            "{groups} groups of {positions} positions, a set keeps {list_slots} lists: detect again for every pass, use fewer \
             channels for each job, or more lists"
        );
        let projections = &reuse.projections;
        Ok(JobRegs {
            redetect: reuse.redetect,
            zero_skip: reuse.setting.zero_skip,
            elem_skip: reuse.setting.elem_skip,
            reuse: projections.mode.code(),
            group_k: elements(cg, kr),
            k_cg_last: elements(cg_last, kr),
            k_kr_last: elements(cg, kr_last),
            steps: steps(cg, kr),
            steps_cg_last: steps(cg_last, kr),
            steps_kr_last: steps(cg, kr_last),
            projections: projections.n as u8,
            sig_bits: projections.bits as u8,
            sig_shift: projections.shift as u8,
            list_positions: narrow("positions of a list", positions)?,
            list_slots: list_slots as u16,
            ..regs
        })
    }

    /// Limits that do not depend on the cut.
    fn check_reuse(&self, reuse: &ProgramReuse, view: &Correlation, config: &Config) -> Result<()> {
        ensure!(
            config.reuse,
            "this configuration is built without reuse: set reuse = true, or ask for reuse off"
        );
        ensure!(
            reuse.projections.mode != Mode::Off,
            "a reuse job in mode off: give the program no reuse instead"
        );
        for (name, axis) in [("rows", &view.rows), ("columns", &view.cols)] {
            let reach = (axis.taps - 1) * axis.dilation;
            ensure!(
                reach <= MAX_REACH,
                "a kernel that reaches over {reach} {name}, the limit of reuse is {MAX_REACH}: use a smaller kernel or dilation, \
                 or reuse off"
            );
        }
        ensure!(
            reuse.redetect || !self.stream_features,
            "features are streamed for every pass, so their Hitmaps cannot stay: detect again, or keep the features"
        );
        let cg = Grouping::new(view, view.channels, self.k_t, config.k_max)?.cg;
        let whole = |s: &Span| {
            s.start.is_multiple_of(cg) && (s.len.is_multiple_of(cg) || s.end() == view.channels)
        };
        let mut ranges = self.rounds.iter().flatten().flat_map(|u| &u.steps);
        if let Some(step) = ranges.find(|s| !whole(&s.channels)) {
            let Span { start, len } = step.channels;
            anyhow::bail!(
                "a step sums over {len} channels from {start}, groups have {cg}: reuse needs whole groups, a multiple of {cg} or \
                 all channels"
            );
        }
        Ok(())
    }
}
