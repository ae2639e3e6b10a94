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
pub mod job;

pub use correlation::{Axis, Correlation};
pub use job::{
    FeatureSource, Job, JobRegs, Kind, OperandSource, Packet, Payload, Region, Segment, Span, Tile,
    TileDescriptor, WeightSource,
};
