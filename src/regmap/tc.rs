//! Registers and errors of the tensor cores, `acrtc` and `dense_tc`.

use super::Error;
use super::table::{registers, word};
use crate::config::tc::{Design, TcConfig};

registers! {
    id {
        /// `0x41435254`, "ACRT" in ASCII, or `0x44544331`, "DTC1": `dense_tc`.
    }
    sizes {
        /// Sizes of the array.
        Size0 "SIZE0" Identity {
            /// Lanes E.
            "LANES" [15:0]
            /// Columns N.
            "COLUMNS" [31:16]
        }
        /// Stream and operands.
        Size1 "SIZE1" Identity {
            /// Bits of a stream beat.
            "BUS" [15:0]
            /// Bits of an operand.
            "DATA_W" [31:16]
        }
        /// Steps and blocks.
        Size2 "SIZE2" Identity {
            /// Largest value of STEPS.
            "MAX_STEPS" [15:0]
            /// Largest value of BLOCKS.
            "MAX_BLOCKS" [31:16]
        }
        /// Weights.
        Size3 "SIZE3" Identity {
            /// Weight words of a lane: STEPS · BLOCKS at most.
            "WEIGHT_WORDS" [31:0]
        }
    }
    job {
        /// What is skipped, what leaves.
        Mode "MODE" {
            /// 0: dense; 1: zero elements are skipped; 2: differences from the previous row. `dense_tc`: 0.
            mode: u8, "MODE" unsigned [1:0]
            /// 0: results leave as 64-bit integers; 1: shifted, rounded, saturated to an operand.
            shift_mode: bool, "SHIFT_MODE" unsigned [2:2]
            /// Low bits of an element of A that are rounded away, 0…DATA_W−2. `dense_tc`: 0.
            level: u8, "LEVEL" unsigned [11:8]
        }
        /// Requantisation.
        Shift "SHIFT" {
            /// Bits that a result is shifted right in shift mode, below ACC_W.
            shift: u32, "SHIFT" unsigned [7:0]
        }
        /// Elements.
        Steps "STEPS" {
            /// Steps of a row, 1…MAX_STEPS: K = LANES · STEPS.
            steps: u16, "STEPS" unsigned [15:0]
        }
        /// Outputs.
        Blocks "BLOCKS" {
            /// Blocks of COLUMNS outputs, 1…MAX_BLOCKS; STEPS · BLOCKS is at most WEIGHT_WORDS.
            blocks: u16, "BLOCKS" unsigned [15:0]
        }
        /// Rows.
        Rows "ROWS" {
            /// Rows of A, at least 1.
            rows: u32, "ROWS" unsigned [31:0]
        }
    }
    statistics {
        /// Clock cycles from START to the handshake of the trailer, that cycle included.
        Cycles cycles "CYCLES"
        /// Cycles in which the multipliers work.
        ComputeBusy compute_busy "COMPUTE_BUSY"
        /// List items multiplied by a word of COLUMNS weights.
        Items items "ITEMS"
        /// Rows computed anew.
        RowsPlain rows_plain "ROWS_PLAIN"
        /// Rows computed from the differences to the one before.
        RowsDelta rows_delta "ROWS_DELTA"
        /// Rows of MODE 2 computed anew because that takes fewer cycles.
        FallbackShorter fallback_shorter "FALLBACK_SHORTER"
        /// Rows of MODE 2 computed anew because a difference does not fit an operand.
        FallbackRange fallback_range "FALLBACK_RANGE"
        /// Cycles in which the multipliers wait for weights.
        StallWeights stall_weights "STALL_WEIGHTS"
        /// Cycles in which the multipliers wait for a row.
        StallInput stall_input "STALL_INPUT"
        /// Cycles in which the multipliers wait for the output.
        StallOutput stall_output "STALL_OUTPUT"
        /// Beats accepted from the input stream.
        InBeats in_beats "IN_BEATS"
        /// Beats handed to the output stream.
        OutBeats out_beats "OUT_BEATS"
        /// Results that requantisation saturated.
        Saturations saturations "SATURATIONS"
        /// Largest magnitude among the results, before the shift, in units of 2^LEVEL.
        MaxAbs max_abs "MAX_ABS"
    }
}

impl Statistics {
    /// Sums of the counters of two jobs; the larger of the two magnitudes.
    pub fn with(&self, other: &Self) -> Self {
        let max_abs = self.max_abs.max(other.max_abs);
        Statistics {
            max_abs,
            ..self.plus(other)
        }
    }
}

/// Errors of these designs; codes and names are those of MERCURY.
pub const ERRORS: [(Error, &str); 5] = [
    (
        Error::BadJob,
        "At START: STEPS, BLOCKS or ROWS is 0; STEPS above MAX_STEPS; BLOCKS above MAX_BLOCKS; a MODE or LEVEL that does not exist; SHIFT of ACC_W or more.",
    ),
    (Error::StreamShort, "TLAST before the packet's last beat."),
    (
        Error::StreamLong,
        "The packet's last beat came without TLAST.",
    ),
    (
        Error::Range,
        "A weight word beyond WEIGHT_WORDS: STEPS · BLOCKS is too large.",
    ),
    (Error::Aborted, "ABORT was written."),
];

/// Value that an identity register shows for a configuration; `None` for all other registers.
pub fn identity(reg: Reg, config: &TcConfig) -> Option<u32> {
    let id = match config.design {
        Design::Acrtc => *b"ACRT",
        Design::DenseTc => *b"DTC1",
    };
    let word = |values: &[usize]| word(reg.register().fields, values);
    Some(match reg {
        Reg::Id => u32::from_be_bytes(id),
        Reg::Version => 1,
        Reg::ConfigHash => config.hash_word(),
        Reg::Size0 => word(&[config.lanes, config.columns]),
        Reg::Size1 => word(&[config.bus_w, config.data_w]),
        Reg::Size2 => word(&[config.steps, config.blocks]),
        Reg::Size3 => word(&[config.weight_words]),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn job_registers_survive_packing() {
        let regs = JobRegs {
            mode: 2,
            shift_mode: true,
            level: 14,
            shift: 47,
            steps: 4096,
            blocks: 1024,
            rows: u32::MAX,
        };
        let words: Vec<_> = regs.words().collect();
        let read = |reg| {
            words
                .iter()
                .find(|(r, _)| *r == reg)
                .expect("a job register")
                .1
        };
        assert_eq!(JobRegs::from_words(read), regs);
        assert_eq!(regs.misfit(), None);
    }
}
