//! Co-simulation of the tensor cores: what a job answers, random products, spoilt jobs, faults, training.

mod cases;
mod engine;
pub mod faults;
mod spoil;

use anyhow::Result;
use ndarray::Array2;

pub use engine::TensorDevice;

use super::core::{self, PacketDesign};
use crate::acrtc::pack;
use crate::config::tc::TcConfig;
use crate::regmap::tc::{JobRegs, Reg, identity};

/// ACRTC and its dense baseline; an answer holds results `[rows, columns · BLOCKS]`, padding included.
pub enum TensorCores {}

/// A tensor core that is open for jobs.
pub type Driver<B> = core::Driver<B, TensorCores>;

impl PacketDesign for TensorCores {
    type Config = TcConfig;
    type Reg = Reg;
    type Output = Array2<i64>;

    fn name(config: &TcConfig) -> &str {
        &config.name
    }

    fn hash(config: &TcConfig) -> String {
        config.hash()
    }

    fn bus_bytes(config: &TcConfig) -> usize {
        config.bus_bytes()
    }

    fn identity(reg: Reg, config: &TcConfig) -> Option<u32> {
        identity(reg, config)
    }

    fn output(regs: &JobRegs, packet: &[u8], config: &TcConfig) -> Result<Array2<i64>> {
        pack::results(regs, packet, config)
    }
}
