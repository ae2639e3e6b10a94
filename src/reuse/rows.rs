//! What tensor cores skip: the setting of one operation (`docs/acrtc.md`).

use serde::{Deserialize, Serialize};

use crate::acrtc::Mode;

/// In which order the rows of a product come. Results do not depend on it, cycles do.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum RowOrder {
    /// Image, row, column; of the weight gradient channel, kernel row, kernel column.
    #[default]
    Raster,
    /// As raster, every second line of columns backwards: each row is a neighbour of the one before.
    Serpentine,
    /// Row, column, image: the same place of all images; of the weight gradient kernel row, kernel column, channel.
    Places,
}

impl RowOrder {
    /// All of them.
    pub const ALL: [RowOrder; 3] = [RowOrder::Raster, RowOrder::Serpentine, RowOrder::Places];

    /// Its name on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            RowOrder::Raster => "raster",
            RowOrder::Serpentine => "serpentine",
            RowOrder::Places => "places",
        }
    }
}

/// What a tensor core skips in an operation. MERCURY's accelerators know the default alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rows {
    /// What is skipped.
    pub mode: Mode,
    /// Low bits of an element that are rounded away: at level 0 results are exact.
    pub level: u8,
    /// Order of the rows.
    pub order: RowOrder,
}

impl Rows {
    /// Differences from the row before, in raster order.
    pub fn delta(level: u8) -> Rows {
        Rows {
            mode: Mode::Delta,
            level,
            order: RowOrder::Raster,
        }
    }

    /// Whether this is no setting at all.
    pub(super) fn is_default(&self) -> bool {
        *self == Rows::default()
    }
}
