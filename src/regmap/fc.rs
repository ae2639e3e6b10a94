//! Registers, stream words and errors of the designs for fully connected layers, `crew` and `dense_fc`.

use super::table::{registers, word};
use super::{Error, Field};
use crate::config::fc::{Design, FcConfig};

registers! {
    id {
        /// `0x43524557`, "CREW" in ASCII, or `0x44464331`, "DFC1": `dense_fc`.
    }
    sizes {
        /// Sizes of the array.
        Size0 "SIZE0" Identity {
            /// Multipliers P.
            "MULTIPLIERS" [15:0]
            /// Outputs accumulated per cycle, L.
            "LANES" [31:16]
        }
        /// Stream and sums.
        Size1 "SIZE1" Identity {
            /// Bits of a stream beat.
            "BUS" [15:0]
            /// Rows of L sums.
            "PSUM_ROWS" [31:16]
        }
        /// Activations and outputs.
        Size2 "SIZE2" Identity {
            /// Activations held for each input of a group.
            "X_WORDS" [15:0]
            /// Largest value of ROWS.
            "MAX_ROWS" [31:16]
        }
    }
    job {
        /// Groups of inputs.
        Groups "GROUPS" {
            /// Groups G, at least 1.
            groups: u16, "GROUPS" unsigned [15:0]
        }
        /// Batch.
        Batch "BATCH" {
            /// Input vectors B, at least 1.
            batch: u16, "BATCH" unsigned [15:0]
        }
        /// Outputs.
        Rows "ROWS" {
            /// Rows T of L outputs, 1…MAX_ROWS.
            rows: u16, "ROWS" unsigned [15:0]
        }
        /// Sums.
        Sums "SUMS" {
            /// BATCH · ROWS, at most PSUM_ROWS.
            sums: u16, "SUMS" unsigned [15:0]
        }
        /// Activations.
        XBeats "X_BEATS" {
            /// Beats of activations of a stripe: the smallest number that holds GROUPS · BATCH activations for each input.
            x_beats: u16, "X_BEATS" unsigned [15:0]
        }
    }
    statistics {
        /// Clock cycles from START to the handshake of the trailer, that cycle included.
        Cycles cycles "CYCLES"
        /// Products of an activation and a weight.
        Multiplications multiplications "MULTIPLICATIONS"
        /// Additions of products to sums, those of padding included.
        Additions additions "ADDITIONS"
        /// Cycles in which the multipliers work.
        MultiplyBusy multiply_busy "MULTIPLY_BUSY"
        /// Cycles in which the adders work.
        AccumulateBusy accumulate_busy "ACCUMULATE_BUSY"
        /// Cycles in which the multipliers wait for activations or weights.
        StallWeights stall_weights "STALL_WEIGHTS"
        /// Cycles in which the multipliers wait for a product buffer; none in `dense_fc`.
        StallProducts stall_products "STALL_PRODUCTS"
        /// Beats accepted from the input stream.
        InBeats in_beats "IN_BEATS"
        /// Beats handed to the output stream.
        OutBeats out_beats "OUT_BEATS"
    }
}

const fn field(name: &'static str, lsb: u32, bits: u32, doc: &'static str) -> Field {
    Field {
        name,
        lsb,
        bits,
        signed: false,
        doc,
    }
}

/// Fields of one input's slice of a stripe header (`crew`): its low 32 bits.
pub const STRIPE_HEADER: [Field; 4] = [
    field("WIDTH", 0, 4, "bits of an index of this input, 0…8"),
    field("UNIQUES", 4, 9, "unique weights of this input, 1…256"),
    field(
        "UNIQUE_BEATS",
        13,
        7,
        "beats of unique weights of the stripe, at least 1; equal in all slices",
    ),
    field(
        "INDEX_BEATS",
        20,
        12,
        "beats of indices of the stripe; equal in all slices",
    ),
];

/// Errors of these designs; codes and names are those of MERCURY.
pub const ERRORS: [(Error, &str); 6] = [
    (
        Error::BadJob,
        "At START: a job register is 0, or ROWS, SUMS or X_BEATS exceeds what the configuration holds.",
    ),
    (
        Error::BadHeader,
        "A stripe header (`crew`) with WIDTH above 8, UNIQUES 0 or above 256, or more beats than the buffers hold.",
    ),
    (Error::StreamShort, "TLAST before the packet's last beat."),
    (
        Error::StreamLong,
        "The packet's last beat came without TLAST.",
    ),
    (
        Error::Range,
        "SUMS is not BATCH · ROWS, or X_BEATS does not fit GROUPS · BATCH.",
    ),
    (Error::Aborted, "ABORT was written."),
];

/// Value that an identity register shows for a configuration; `None` for all other registers.
pub fn identity(reg: Reg, config: &FcConfig) -> Option<u32> {
    let id = match config.design {
        Design::Crew => *b"CREW",
        Design::DenseFc => *b"DFC1",
    };
    let word = |values: &[usize]| word(reg.register().fields, values);
    Some(match reg {
        Reg::Id => u32::from_be_bytes(id),
        Reg::Version => 1,
        Reg::ConfigHash => config.hash_word(),
        Reg::Size0 => word(&[config.multipliers, config.lanes]),
        Reg::Size1 => word(&[config.bus_w, config.psum_rows]),
        Reg::Size2 => word(&[config.x_words, config.max_rows()]),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn job_registers_survive_packing() {
        let regs = JobRegs {
            groups: 1,
            batch: 2,
            rows: 3,
            sums: 6,
            x_beats: 0xffff,
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
