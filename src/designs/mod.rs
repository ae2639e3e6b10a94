//! Top-level designs.

mod crew;
mod dense_fc;
mod mercury;
mod registry;

pub use crew::Crew;
pub use dense_fc::DenseFc;
pub use mercury::Mercury;
pub use registry::Sizes;
