//! Networks that train on an [`Engine`](crate::engine::Engine): layer lists with explicit forward and backward.
//!
//! Tensors between layers are f32, shaped [batch, channels, rows, columns]; token rows are images of one column, a row
//! a token. Every dot product of a convolution, a fully connected layer or attention, forward and both gradients, goes
//! through the engine on quantised integers; biases, activations, normalisation, pooling, loss and optimiser stay on the
//! host in f32, as in mixed-precision training on GPUs.
//! Nothing here adds floats in an order that varies, so a seed repeats a run bit for bit on any engine.

mod adapt;
mod costing;
pub mod data;
pub mod layers;
mod loss;
mod network;
mod optimizer;
mod products;
mod reuse;
mod spec;
mod train;

pub use adapt::{Adapt, Change, Controller, Decision};
pub use costing::Costing;
pub use layers::{Layer, Param};
pub use loss::{SoftmaxLoss, softmax_cross_entropy};
pub use network::Network;
pub use optimizer::{Hyper, Optimizer, Schedule};
pub use products::{Context, DrainPolicy, Ledger, LedgerEntry, Products};
pub use reuse::{LayerReuse, PassReuse, idle_keys};
pub use spec::{LayerSpec, NamedGeometry, NetSpec, Pads, Pair, built_in_nets};
pub use train::{
    EpochReport, Event, LayerReport, Options, Report, TestAfter, Totals, train, train_costed,
};
