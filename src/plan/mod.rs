//! Planner, job programs, stream format and cycle model.
//!
//! A tensor operation becomes one or more [`Correlation`]s (normal form), those become a [`Plan`] of [`Job`]s.
//! A job is register values plus a list of stream segments that say *which* tensor region they carry: the cycle model reads
//! the list alone, the packer fills in the numbers, the unpacker adds the results up by the headers of the packets.
//!
//! ```text
//!  geometry, pass ─► correlation ─► planner ─► job ─┬─► model   (cycles)
//!                                                   ├─► stream  (beats in, beats out)
//!                                                   └─► interpret (the stream's meaning, in software)
//! ```

pub mod correlation;
pub mod cut;
mod detection;
mod estimate;
pub mod interpret;
pub mod job;
pub mod layers;
mod layout;
mod mix;
pub mod model;
pub mod planner;
pub mod program;
pub mod random;
pub mod scope;
pub mod stream;

pub use correlation::{Axis, Correlation};
pub use cut::Choices;
pub use detection::{ProgramReuse, reads};
pub use job::{
    FeatureSource, Job, JobRegs, OperandSource, Packet, Payload, Region, Segment, SetTile, Span,
    Tile, TileDescriptor, WeightSource,
};
pub use layout::{Grouping, Layout};
pub use mix::Mix;
pub use planner::{Plan, check_drain, plan};
pub use program::{Program, Step, Unit};
pub use random::{Mechanisms, RandomCase, ReuseCase, random_case, random_reuse_case};
pub use scope::{Scope, scope};

#[cfg(test)]
mod tests;
