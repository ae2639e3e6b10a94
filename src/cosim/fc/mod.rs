//! Co-simulation of the designs for fully connected layers: what a job answers, random layers, spoilt jobs, faults.

mod cases;
pub mod faults;
mod spoil;

use anyhow::Result;

use super::core::{self, PacketDesign};
use crate::config::fc::{ACC_W, FcConfig};
use crate::regmap::fc::{JobRegs, Reg, identity};

/// CREW and its dense baseline; an answer holds sums in the order of the output stream.
pub enum FullyConnected {}

/// An accelerator that is open for jobs.
pub type Driver<B> = core::Driver<B, FullyConnected>;

impl PacketDesign for FullyConnected {
    type Config = FcConfig;
    type Reg = Reg;
    type Output = Vec<i32>;

    fn name(config: &FcConfig) -> &str {
        &config.name
    }

    fn hash(config: &FcConfig) -> String {
        config.hash()
    }

    fn bus_bytes(config: &FcConfig) -> usize {
        config.bus_bytes()
    }

    fn identity(reg: Reg, config: &FcConfig) -> Option<u32> {
        identity(reg, config)
    }

    fn output(_: &JobRegs, packet: &[u8], config: &FcConfig) -> Result<Vec<i32>> {
        let row_bytes = config.beats_per_row() * config.bus_bytes();
        let lane_bytes = ACC_W / 8;
        let word = |bytes: &[u8]| i32::from_le_bytes(bytes.try_into().expect("4 bytes"));
        let sums = packet.chunks(row_bytes).flat_map(|row| {
            row[..(config.lanes * lane_bytes).min(row.len())]
                .chunks_exact(lane_bytes)
                .map(word)
        });
        Ok(sums.collect())
    }
}
