//! Top-level designs.

mod crew;
mod dense_fc;
mod mercury;
mod registry;
mod tensor_core;

pub use crew::Crew;
pub use dense_fc::DenseFc;
pub use mercury::Mercury;
pub use registry::Sizes;
pub use tensor_core::TensorCore;
