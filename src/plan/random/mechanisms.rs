//! What a job exercises.

use crate::plan::{Job, Payload};

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
    /// Reuse: groups of one element.
    pub one_element: bool,
    /// Reuse: several elements in one detection step.
    pub one_step: bool,
    /// Reuse: several chunks of kernel rows.
    pub chunks: bool,
    /// Reuse: Hitmaps detected again for every pass of a tile that has several.
    pub redetect: bool,
    /// Reuse: Hitmaps that stay for several passes.
    pub kept_lists: bool,
    /// Reuse: fewer lists than groups.
    pub short_lists: bool,
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
            if let Payload::Tile(tile) = segment.payload {
                found.passes |= tile.passes > 1;
                found.continued |= !tile.zero;
                segment.sets().for_each(|set| tiles[set] += 1);
            }
        }
        let regs = &job.regs;
        if regs.reuse != 0 {
            found.one_element = regs.group_k == 1;
            found.one_step = regs.group_k > 1 && regs.steps == 1;
            found.chunks = regs.chunks > 1;
            found.redetect = found.passes && regs.redetect;
            found.kept_lists = found.passes && !regs.redetect;
            found.short_lists = u32::from(regs.list_slots) < regs.cgroups * regs.chunks;
        }
        found.tiles = tiles.iter().any(|&n| n > 1);
        found
    }

    /// Whether the job uses all four that dense jobs have too.
    pub fn all(&self) -> bool {
        self.passes && self.groups && self.tiles && self.continued
    }
}
