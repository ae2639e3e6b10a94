//! Named layer shapes on which plans and hardware are compared.

use crate::engine::{Geometry, Pass};

/// A layer with a name, and the pass that it stands for.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Name on the command line.
    pub name: &'static str,
    /// What it is.
    pub title: &'static str,
    /// Its shape.
    pub geometry: Geometry,
    /// The pass that is priced unless another one is asked for.
    pub pass: Pass,
}

/// All named layers.
pub fn layers() -> Vec<Layer> {
    let conv = Geometry::conv;
    let depthwise = Geometry {
        groups: 64,
        ..conv([12, 64, 32, 32], 64, 3, 1, 1)
    };
    let forward = |name, title, geometry| Layer {
        name,
        title,
        geometry,
        pass: Pass::Forward,
    };
    vec![
        forward(
            "first",
            "first layer, 3 to 16, 3x3, 32x32, batch 12",
            conv([12, 3, 32, 32], 16, 3, 1, 1),
        ),
        forward(
            "conv16",
            "16 to 16, 3x3, 32x32, batch 12",
            conv([12, 16, 32, 32], 16, 3, 1, 1),
        ),
        forward(
            "conv64-b1",
            "64 to 64, 3x3, 32x32, batch 1",
            conv([1, 64, 32, 32], 64, 3, 1, 1),
        ),
        forward(
            "conv64-b12",
            "64 to 64, 3x3, 32x32, batch 12",
            conv([12, 64, 32, 32], 64, 3, 1, 1),
        ),
        forward(
            "conv64-b32",
            "64 to 64, 3x3, 32x32, batch 32",
            conv([32, 64, 32, 32], 64, 3, 1, 1),
        ),
        forward(
            "conv5x5",
            "64 to 64, 5x5, 16x16, batch 12",
            conv([12, 64, 16, 16], 64, 5, 1, 2),
        ),
        forward(
            "conv7x7s2",
            "3 to 64, 7x7 stride 2, 64x64, batch 12",
            conv([12, 3, 64, 64], 64, 7, 2, 3),
        ),
        forward(
            "conv1x1",
            "64 to 64, 1x1, 32x32, batch 12",
            conv([12, 64, 32, 32], 64, 1, 1, 0),
        ),
        forward(
            "depthwise",
            "64 channels, 3x3 each, 32x32, batch 12",
            depthwise,
        ),
        forward(
            "fc",
            "fully connected, 1024 to 256, batch 32",
            Geometry::fully_connected(32, 1024, 256),
        ),
        forward(
            "attention",
            "scores of one head, 128 queries and keys of 64",
            Geometry::fully_connected(128, 64, 128),
        ),
        Layer {
            name: "stride2-grad",
            title: "input gradient of 64 to 64, 3x3 stride 2, 32x32, batch 12",
            geometry: conv([12, 64, 32, 32], 64, 3, 2, 1),
            pass: Pass::InputGrad,
        },
    ]
}
