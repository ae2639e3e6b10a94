//! FPGAs and the estimate of what a [`Config`] or an [`FcConfig`] needs of them.
//!
//! Memories of at most [`LUT_RAM_DEPTH`] words become LUT RAM (16 or 32 words a cell in ECP5, 64 in Virtex-7), deeper ones
//! block RAM, in the aspect ratio that needs the fewest blocks. One multiplier a PE: an ECP5 MULT18X18D or a Virtex-7
//! DSP48E1 takes operands of 8 and of 16 bits alike. FIFOs and the control logic are left out: they are LUT-sized.

use super::fc::{ACC_W, DATA_W, Design, FcConfig, MAX_UNIQUES};
use super::tc::{ROW_BANKS, TcConfig};
use super::widths::index_width;
use super::{Config, ConfigError, Tags};
use std::fmt;

/// Deepest memory, in words, that is counted as LUT RAM.
pub const LUT_RAM_DEPTH: usize = 64;

/// An FPGA that a configuration can name as its target.
#[derive(Debug, PartialEq, Eq)]
pub struct Device {
    /// Part name as in the TOML key `device`.
    pub name: &'static str,
    /// What one block RAM is called.
    pub block_name: &'static str,
    /// Shapes of one block RAM with one read and one write port: (words, bits).
    pub shapes: &'static [(usize, usize)],
    /// Block RAMs of the part.
    pub blocks: usize,
    /// Multipliers of 18 × 18 or 25 × 18 bits.
    pub multipliers: usize,
}

/// Lattice's embedded block RAM, 18 kbit, pseudo dual port (ECP5 and ECP5-5G family data sheet).
const EBR: &[(usize, usize)] = &[
    (512, 36),
    (1024, 18),
    (2048, 9),
    (4096, 4),
    (8192, 2),
    (16384, 1),
];
/// Xilinx RAMB18E1, 18 kbit, simple dual port; two make a RAMB36 (7 Series FPGAs Memory Resources, UG473).
const RAMB18: &[(usize, usize)] = &[
    (512, 36),
    (1024, 18),
    (2048, 9),
    (4096, 4),
    (8192, 2),
    (16384, 1),
];

impl Device {
    /// Every device there is a limit for.
    pub const ALL: [Device; 2] = [
        Device {
            name: "LFE5U-85F",
            block_name: "EBR (18 kbit)",
            shapes: EBR,
            blocks: 208,
            multipliers: 156,
        },
        Device {
            name: "XC7VX690T",
            block_name: "RAMB18 (18 kbit)",
            shapes: RAMB18,
            blocks: 2940,
            multipliers: 3600,
        },
    ];

    /// Block RAMs that one memory of `depth` words of `width` bits takes; 0 for LUT RAM.
    pub fn blocks_for(&self, depth: usize, width: usize) -> usize {
        if depth <= LUT_RAM_DEPTH {
            return 0;
        }
        self.block_rams(depth, width)
    }

    /// Block RAMs of a memory that is one however small.
    fn block_rams(&self, depth: usize, width: usize) -> usize {
        let shapes = self.shapes.iter();
        shapes
            .map(|(words, bits)| depth.div_ceil(*words) * width.div_ceil(*bits))
            .min()
            .unwrap_or(0)
    }
}

/// One kind of memory of the accelerator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// What it holds.
    pub what: &'static str,
    /// The key that sizes it, named when a device is exceeded.
    key: &'static str,
    /// How many there are.
    pub count: usize,
    /// Words of one.
    pub depth: usize,
    /// Bits of a word.
    pub width: usize,
    /// Block RAMs of all of them; 0 for LUT RAM.
    pub blocks: usize,
}

/// Block RAMs and multipliers that a configuration needs, on its device or, if it names none, counted in ECP5 blocks.
#[derive(Debug)]
pub struct Estimate {
    /// The device whose blocks are counted.
    pub device: &'static Device,
    /// Whether the configuration names that device, so that its limits hold.
    pub limited: bool,
    /// The memories, largest kinds first.
    pub memories: Vec<Memory>,
    /// Multipliers: one a PE; those of the key `multipliers` in designs for fully connected layers.
    pub multipliers: usize,
    /// The device name of the configuration when it is not a known one.
    unknown: Option<String>,
}

impl Device {
    /// `count` memories of `depth` words of `width` bits, called `what`, sized by the configuration's key `key`.
    fn memories(
        &self,
        what: &'static str,
        key: &'static str,
        count: usize,
        [depth, width]: [usize; 2],
    ) -> Memory {
        Memory {
            what,
            key,
            count,
            depth,
            width,
            blocks: count * self.blocks_for(depth, width),
        }
    }
}

static DEVICES: [Device; 2] = Device::ALL;

impl Config {
    /// What the configuration needs of its device; printed by `gen-verilog`.
    pub fn estimate(&self) -> Estimate {
        let named = self
            .device
            .as_ref()
            .and_then(|name| DEVICES.iter().find(|d| d.name == name));
        let device = named.unwrap_or(&DEVICES[0]);
        let memory =
            |what, key, count, depth, width| device.memories(what, key, count, [depth, width]);
        let copies = if self.reuse { 2 } else { 1 };
        let mut memories = vec![
            memory(
                "psum RAM, two a PE",
                "tile",
                2 * self.pe_count(),
                self.tile,
                self.acc_w,
            ),
            memory(
                "weight ring, one a PE",
                "weight_words",
                self.pe_count(),
                self.weight_words,
                self.data_w,
            ),
            memory(
                if self.reuse {
                    "feature bank, 2·l a set"
                } else {
                    "feature bank, l a set"
                },
                "feature_words",
                copies * self.l * self.sets,
                self.bank_depth(),
                self.bus_w,
            ),
        ];
        if self.reuse && self.mcache.tags == Tags::BlockRam {
            let count = self.detectors * self.mcache.ways;
            let (depth, width) = (self.mcache.sets, self.sig_w);
            memories.push(Memory {
                what: "MCACHE tags, one a way",
                key: "mcache.tags",
                count,
                depth,
                width,
                blocks: count * device.block_rams(depth, width),
            });
        }
        if self.reuse {
            memories.extend([
                memory(
                    "MCACHE data, one a PE",
                    "mcache.sets",
                    self.pe_count(),
                    self.mcache.entries(),
                    self.mcache_data_w(),
                ),
                memory(
                    "Hitmap lists, one a set",
                    "lists",
                    self.sets,
                    self.list_words(),
                    self.item_w(),
                ),
                memory(
                    "flush list, one a set",
                    "mcache.sets",
                    self.sets,
                    self.mcache.entries(),
                    self.flush_w(),
                ),
            ]);
        }
        Estimate {
            device,
            limited: named.is_some(),
            memories,
            multipliers: self.pe_count(),
            unknown: self.device.clone().filter(|_| named.is_none()),
        }
    }
}

impl FcConfig {
    /// What the configuration needs, counted in ECP5 blocks; printed by `gen-verilog`. No device limits it.
    ///
    /// ```
    /// use mercury::config::fc::FcConfig;
    /// let (crew, dense) = (FcConfig::preset("crew-paper")?, FcConfig::preset("dense-fc-paper")?);
    /// assert_eq!(crew.estimate().multipliers, dense.estimate().multipliers);
    /// // Product buffers, one for each multiplier and adder.
    /// assert!(crew.estimate().blocks() - dense.estimate().blocks() >= crew.multipliers * crew.lanes);
    /// # Ok::<(), mercury::config::ConfigError>(())
    /// ```
    pub fn estimate(&self) -> Estimate {
        let device = &DEVICES[0];
        let memory =
            |what, key, count, depth, width| device.memories(what, key, count, [depth, width]);
        let inputs = self.multipliers;
        let sums = memory(
            "sums, one a lane",
            "psum_rows",
            self.lanes,
            self.psum_rows,
            ACC_W,
        );
        let memories = match self.design {
            Design::DenseFc => vec![
                sums,
                memory("activations", "x_words", 1, self.x_depth(), self.bus_w),
            ],
            Design::Crew => vec![
                memory(
                    "products, one an adder",
                    "lanes",
                    inputs * self.lanes,
                    2 * MAX_UNIQUES,
                    2 * DATA_W,
                ),
                memory(
                    "indices, 2 a multiplier",
                    "outputs",
                    2 * inputs,
                    self.max_rows(),
                    self.slice_w() / 2,
                ),
                memory(
                    "uniques, 1 a multiplier",
                    "lanes",
                    inputs,
                    2 * MAX_UNIQUES / self.slice_bytes(),
                    self.slice_w(),
                ),
                memory(
                    "inputs, 1 a multiplier",
                    "x_words",
                    inputs,
                    self.x_depth(),
                    self.slice_w(),
                ),
                sums,
            ],
        };
        Estimate {
            device,
            limited: false,
            memories,
            multipliers: self.multipliers,
            unknown: None,
        }
    }
}

impl TcConfig {
    /// What the configuration needs, counted in ECP5 blocks; printed by `gen-verilog`. No device limits it.
    ///
    /// ```
    /// use mercury::config::tc::TcConfig;
    /// let (reuse, dense) = (TcConfig::preset("acrtc-small")?, TcConfig::preset("dense-tc-small")?);
    /// assert_eq!(reuse.estimate().multipliers, dense.estimate().multipliers);
    /// assert!(reuse.estimate().blocks() > dense.estimate().blocks());
    /// # Ok::<(), mercury::config::ConfigError>(())
    /// ```
    pub fn estimate(&self) -> Estimate {
        let device = &DEVICES[0];
        let memory =
            |what, key, count, depth, width| device.memories(what, key, count, [depth, width]);
        let (lanes, rows) = (self.lanes, ROW_BANKS * self.steps);
        let mut memories = vec![memory(
            "weights, 1 a lane",
            "weight_words",
            lanes,
            self.weight_words,
            self.columns * self.data_w,
        )];
        match self.reuse() {
            false => memories.push(memory("rows, 1 a lane", "steps", lanes, rows, self.data_w)),
            true => memories.extend([
                memory(
                    "lists, 2 a lane",
                    "steps",
                    2 * lanes,
                    rows,
                    self.data_w + index_width(self.steps),
                ),
                memory("previous row", "steps", lanes, self.steps, self.data_w),
                memory(
                    "shadow, 1 a column",
                    "blocks",
                    self.columns,
                    self.blocks,
                    self.acc_w(),
                ),
            ]),
        }
        Estimate {
            device,
            limited: false,
            memories,
            multipliers: self.multipliers(),
            unknown: None,
        }
    }
}

impl Estimate {
    /// Block RAMs of all memories.
    pub fn blocks(&self) -> usize {
        self.memories.iter().map(|m| m.blocks).sum()
    }

    /// Bits of all memories.
    pub fn bits(&self) -> usize {
        self.memories
            .iter()
            .map(|m| m.count * m.depth * m.width)
            .sum()
    }

    /// Refuses an unknown device and one that is too small.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let illegal = |key: &str, value: String, limit: String, fix: String| {
            Err(ConfigError::Illegal {
                key: key.into(),
                value,
                limit,
                fix,
            })
        };
        if let Some(name) = &self.unknown {
            let known = DEVICES
                .iter()
                .map(|d| d.name)
                .collect::<Vec<_>>()
                .join(", ");
            let fix = "choose one of them, or leave the key out: sizes are then not limited".into();
            return illegal(
                "device",
                format!("\"{name}\""),
                format!("the known devices are {known}"),
                fix,
            );
        }
        let device = self.device;
        let value = format!("\"{}\"", device.name);
        if self.limited && self.multipliers > device.multipliers {
            let limit = format!(
                "{} PEs need {0} multipliers and it has {}",
                self.multipliers, device.multipliers
            );
            return illegal(
                "device",
                value,
                limit,
                format!("use at most {} PEs (sets·pes)", device.multipliers),
            );
        }
        if self.limited && self.blocks() > device.blocks {
            let largest = self
                .memories
                .iter()
                .max_by_key(|m| m.blocks)
                .expect("there are memories");
            let limit = format!(
                "{} {} are needed and it has {}",
                self.blocks(),
                device.block_name,
                device.blocks
            );
            let fix = format!(
                "{} takes {}: lower {}, sets or pes",
                largest.what, largest.blocks, largest.key
            );
            return illegal("device", value, limit, fix);
        }
        Ok(())
    }
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for m in &self.memories {
            let kind = if m.blocks == 0 {
                "LUT RAM".into()
            } else {
                format!("{} blocks", m.blocks)
            };
            writeln!(
                f,
                "  {:<24}{:>5} of {:>6} x {:<3} bits  {kind}",
                m.what, m.count, m.depth, m.width
            )?;
        }
        let (blocks, multipliers, d) = (self.blocks(), self.multipliers, self.device);
        if self.limited {
            let share = |used: usize, there: usize| 100.0 * used as f64 / there as f64;
            writeln!(
                f,
                "  {}: {blocks} of {} {} ({:.0} %)",
                d.name,
                d.blocks,
                d.block_name,
                share(blocks, d.blocks)
            )?;
            let of = share(multipliers, d.multipliers);
            write!(
                f,
                "  {}: {multipliers} of {} multipliers ({of:.0} %)",
                d.name, d.multipliers
            )
        } else {
            write!(
                f,
                "  total: {blocks} {}, {multipliers} multipliers; no device named, so no limit",
                d.block_name
            )
        }
    }
}
