//! What decides which vectors meet in one MCACHE: the tiles and groups of an operation with reuse.

use std::sync::Arc;

use anyhow::{Result, ensure};

use super::cut::{divide, grid};
use super::planner::views;
use super::{Correlation, Grouping, Tile};
use crate::config::Config;
use crate::engine::{Geometry, Pass};
use crate::reuse::Reuse;

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
    geometry.validate()?;
    let one = |view: Correlation| {
        for (name, axis) in [("rows", &view.rows), ("columns", &view.cols)] {
            let reach = (axis.taps - 1) * axis.dilation;
            ensure!(
                reach <= MAX_REACH,
                "the kernel reaches over {reach} {name}, the limit with reuse is {MAX_REACH}: use a smaller kernel or \
                 dilation, or reuse off"
            );
        }
        let grouping = Grouping::new(
            &view,
            view.channels,
            reuse.k_target.min(config.k_max),
            config.k_max,
        )?;
        let [images, rows, cols] = parts(&view, config.tile);
        let tiles = grid(
            &divide(view.batch, images),
            &divide(view.rows.outputs, rows),
            &divide(view.cols.outputs, cols),
        );
        Ok(Scope {
            view: Arc::new(view),
            grouping,
            tiles,
        })
    };
    views(geometry, pass, config).into_iter().map(one).collect()
}

/// Parts of images, rows and columns: as many whole images as fit a tile of `limit` positions, or whole rows, or columns.
fn parts(view: &Correlation, limit: usize) -> [usize; 3] {
    let (rows, cols) = (view.rows.outputs, view.cols.outputs);
    if rows * cols <= limit {
        [view.batch.div_ceil(limit / (rows * cols)), 1, 1]
    } else if cols <= limit {
        [view.batch, rows.div_ceil(limit / cols), 1]
    } else {
        [view.batch, rows, cols.div_ceil(limit)]
    }
}
