//! Ways to spoil a job of a tensor core.

use rand::RngExt;

use super::TensorCores;
use crate::cosim::core::spoil::Spoiler;
use crate::regmap::Error;

/// The ways to spoil a job.
pub(super) static SPOILERS: [Spoiler<TensorCores>; 11] = [
    Spoiler {
        name: "no step",
        error: Error::BadJob,
        spoil: |job, _, _| job.regs.steps = 0,
    },
    Spoiler {
        name: "no block",
        error: Error::BadJob,
        spoil: |job, _, _| job.regs.blocks = 0,
    },
    Spoiler {
        name: "no row",
        error: Error::BadJob,
        spoil: |job, _, _| job.regs.rows = 0,
    },
    Spoiler {
        name: "more steps than the configuration has",
        error: Error::BadJob,
        spoil: |job, config, _| job.regs.steps = config.steps as u16 + 1,
    },
    Spoiler {
        name: "more blocks than the configuration has",
        error: Error::BadJob,
        spoil: |job, config, _| job.regs.blocks = config.blocks as u16 + 1,
    },
    Spoiler {
        name: "a mode that does not exist",
        error: Error::BadJob,
        spoil: |job, config, _| job.regs.mode = if config.reuse() { 3 } else { 1 },
    },
    Spoiler {
        name: "a level that does not exist",
        error: Error::BadJob,
        spoil: |job, config, _| job.regs.level = config.max_level() as u8 + 1,
    },
    Spoiler {
        name: "a shift of all bits",
        error: Error::BadJob,
        spoil: |job, config, _| job.regs.shift = config.acc_w() as u32,
    },
    Spoiler {
        name: "more weights than the memories hold",
        error: Error::Range,
        spoil: |job, config, _| {
            job.regs.steps = config.steps as u16;
            job.regs.blocks = (config.weight_words / config.steps) as u16 + 1;
            let beats = (config.weight_words + 2) * config.beats_per_word();
            job.packet.resize(beats * config.bus_bytes(), 0x5a);
        },
    },
    Spoiler {
        name: "packet too short",
        error: Error::StreamShort,
        spoil: |job, config, rng| {
            let beats = job.packet.len() / config.bus_bytes();
            job.packet
                .truncate(rng.random_range(1..beats) * config.bus_bytes());
        },
    },
    Spoiler {
        name: "packet too long",
        error: Error::StreamLong,
        spoil: |job, config, rng| {
            let longer = job.packet.len() + rng.random_range(1..20) * config.bus_bytes();
            job.packet.resize(longer, 0x5a);
        },
    },
];
