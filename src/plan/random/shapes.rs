//! Random layers, on shapes chosen to hurt.

use rand::RngExt;

use super::Maker;
use crate::engine::{Geometry, Padding, Pass};

impl Maker<'_> {
    /// A layer, or none if it came out too large.
    pub(super) fn geometry(&mut self, pass: Pass) -> Option<Geometry> {
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
}
