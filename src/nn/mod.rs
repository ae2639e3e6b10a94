//! Networks that train on an [`Engine`](crate::engine::Engine): layer lists with explicit forward and backward.
//!
//! Tensors between layers are f32, shaped [batch, channels, rows, columns]. Every dot product of a convolution or a
//! fully connected layer, forward and both gradients, goes through the engine on quantised integers; biases,
//! activations, pooling, loss and optimiser stay on the host in f32, as in mixed-precision training on GPUs.
//! Nothing here adds floats in an order that varies, so a seed repeats a run bit for bit on any engine.

pub mod data;
mod layers;
mod loss;
mod network;
mod products;
mod reuse;
mod spec;
mod train;

pub use layers::{AvgPool, Conv, Flatten, Layer, MaxPool, Param, Relu};
pub use loss::{SoftmaxLoss, softmax_cross_entropy};
pub use network::Network;
pub use products::{Context, DrainPolicy, Ledger, LedgerEntry, Products};
pub use reuse::{LayerReuse, PassReuse};
pub use spec::{LayerSpec, NetSpec, Pads, Pair, built_in_nets};
pub use train::{EpochReport, Event, Hyper, LayerReport, Options, Report, Totals, train};
