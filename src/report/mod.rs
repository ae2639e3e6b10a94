//! Comparisons of many training runs: `mercury bench`.
//!
//! ```text
//!  Request (flags, TOML) ─► tasks ─► trainings ─► Record, one file each ─► rows, summary ─► JSON, CSV, page
//!                            net, preset,             reports/NAME/runs/       statistics        reports/NAME/
//!                            mode, seed
//! ```
//!
//! A record says what went into it by a hash: a run whose record is there is not repeated, so work may be stopped at any time,
//! and shared among machines.

mod compare;
mod error;
mod mode;
mod outputs;
mod page;
mod record;
mod request;
mod runner;
mod summary;
mod training;

pub(crate) use page::chart;
pub(crate) use record::write_atomically;

pub use compare::{Area, Cell, Comparison, CrewLayer, Sources};
pub use error::{LayerError, Measured};
pub use mode::{Change, Key, Mode};
pub use outputs::write_outputs;
pub use page::page;
pub use record::{Ending, Finished, Record, Store};
pub use request::{Request, Seeds, Sweep, Task};
pub use runner::{News, Runner, Share};
pub use summary::{
    ENOUGH_SEEDS, Interval, MARGIN_PP, Mean, Report, Row, Summary, SweepRow, Verdict,
};
pub use training::Training;
