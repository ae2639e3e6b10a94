//! What decides which vectors meet in one MCACHE: the tiles and groups of an operation with reuse.

use std::sync::Arc;

use std::ops::Range;

use anyhow::{Context as _, Result, ensure};

use super::cut::{divide, grid};
use super::planner::{reuse_tiles, views};
use super::{Correlation, Grouping, SetTile, Span, Tile};
use crate::config::Config;
use crate::engine::{Geometry, Pass};
use crate::reuse::{Decisions, Reuse};

/// Tiles and groups of one correlation: with the setting and the operand, they are all that the Hitmaps depend on.
#[derive(Clone, Debug, PartialEq)]
pub struct Scope {
    /// The correlation.
    pub view: Arc<Correlation>,
    /// Groups of all channels of a convolution group; a job takes a range of them.
    pub grouping: Grouping,
    /// Tiles, the same for every convolution group; together they cover every position once.
    pub tiles: Vec<Tile>,
}

impl Scope {
    /// Groups of one tile: (channel group, kernel-row chunk), chunks innermost.
    pub fn groups(&self) -> usize {
        self.grouping.cgroups * self.grouping.chunks
    }

    /// Elements K of a full group.
    pub fn full_group(&self) -> usize {
        self.grouping.cg * self.grouping.kr * self.view.cols.taps
    }

    /// Number of a tile in the scope, and the groups that a PE set computes for it.
    ///
    /// # Errors
    /// A tile that is not of the scope; channels that are not whole groups.
    pub fn locate(&self, tile: &SetTile) -> Result<(usize, Range<usize>)> {
        let Scope {
            view,
            grouping,
            tiles,
        } = self;
        let number = tiles.iter().position(|t| *t == tile.tile);
        let number = number.with_context(|| format!("{:?} is no tile of the scope", tile.tile))?;
        let Span { start, .. } = tile.channels;
        let end = tile.channels.end();
        ensure!(
            start.is_multiple_of(grouping.cg)
                && (end == view.channels || end.is_multiple_of(grouping.cg)),
            "channels {start} to {end} are not whole groups of {}",
            grouping.cg
        );
        let groups =
            start / grouping.cg * grouping.chunks..end.div_ceil(grouping.cg) * grouping.chunks;
        Ok((number, groups))
    }
}

/// Decisions of an operation, none of them made yet.
pub fn undecided(scopes: &[Scope]) -> Decisions {
    let mut decisions = Decisions::default();
    for scope in scopes {
        decisions.add_correlation([scope.view.groups, scope.tiles.len(), scope.groups()]);
    }
    decisions
}

/// Largest distance of the first and the last tap of a kernel, in rows or columns, with reuse.
pub const MAX_REACH: usize = 255;

/// The scopes of an operation with reuse, one for each correlation; a pure function of its arguments.
///
/// # Errors
/// A kernel that the configuration cannot detect: value, limit and fix.
pub fn scope(
    geometry: &Geometry,
    pass: Pass,
    reuse: &Reuse,
    config: &Config,
) -> Result<Vec<Scope>> {
    let one = |(view, [images, rows, cols]): (Arc<Correlation>, [usize; 3])| {
        let grouping = Grouping::new(&view, view.channels, reuse.k_target, config.k_max)?;
        let tiles = grid(
            &divide(view.batch, images),
            &divide(view.rows.outputs, rows),
            &divide(view.cols.outputs, cols),
        );
        Ok(Scope {
            view,
            grouping,
            tiles,
        })
    };
    let cuts = cuts(geometry, pass, reuse, config)?;
    cuts.into_iter().map(one).collect()
}

/// The correlations of an operation with reuse, each with the parts into which images, rows and columns of its output are cut.
///
/// The weight gradient has the forward pass's tiles, and its groups, maybe in pieces.
pub(super) fn cuts(
    geometry: &Geometry,
    pass: Pass,
    reuse: &Reuse,
    config: &Config,
) -> Result<Vec<(Arc<Correlation>, [usize; 3])>> {
    geometry.validate()?;
    let forward = match pass {
        Pass::WeightGrad => cuts(geometry, Pass::Forward, reuse, config)?.pop(),
        _ => None,
    };
    let one = |view: Correlation| {
        for (name, axis) in [("rows", &view.rows), ("columns", &view.cols)] {
            let reach = (axis.taps - 1) * axis.dilation;
            ensure!(
                reach <= MAX_REACH,
                "the kernel reaches over {reach} {name}, the limit with reuse is {MAX_REACH}: use a smaller kernel or \
                 dilation, or reuse off"
            );
        }
        let view = Arc::new(view);
        let parts = match forward {
            Some((_, parts)) => parts,
            None => reuse_tiles(&view, reuse, config)?,
        };
        Ok((view, parts))
    };
    views(geometry, pass, config).into_iter().map(one).collect()
}
