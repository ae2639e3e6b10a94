//! What reuse does to one layer, drawn: `mercury inspect`.
//!
//! ```text
//!  network, images ─► capture: one training step, one operation ─► engine: result, decisions ─► Facts ─┬─► JSON
//!                                                                                                       └─► HTML page (SVG)
//! ```

mod capture;
mod facts;
mod figures;
mod page;
mod vectors;

pub use capture::{Captured, capture};
pub use facts::{Cost, Facts, GroupFacts, Loss, Pick, Position, Source, Subject};
pub use page::page;
pub use vectors::Squares;
