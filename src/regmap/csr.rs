//! The control and status registers, in address order.

use super::table::registers;

registers! {
    id {
        /// `0x4D435259`, "MCRY" in ASCII.
    }
    sizes {
        /// Sizes of the array.
        Size0 "SIZE0" Identity {
            /// PE sets S.
            "SETS" [7:0]
            /// PEs of a set, C.
            "PES" [15:8]
            /// Output positions of a tile.
            "TILE" [31:16]
        }
        /// Widths.
        Size1 "SIZE1" Identity {
            /// Bits of an operand.
            "DATA_W" [7:0]
            /// Bits of an accumulated partial sum.
            "ACC_W" [15:8]
            /// Bits of a stream beat.
            "BUS" [31:16]
        }
        /// Feature buffer.
        Size2 "SIZE2" Identity {
            /// Beats of one feature bank.
            "DEPTH" [15:0]
            /// Feature banks L.
            "BANKS" [23:16]
            /// Largest number of elements of a group.
            "K_MAX" [31:24]
        }
        /// Weight ring.
        Size3 "SIZE3" Identity {
            /// Operands of a PE's weight ring.
            "WEIGHT_WORDS" [15:0]
        }
        /// Reuse: signature cache.
        Size4 "SIZE4" Identity {
            /// MCACHE sets; 0: this accelerator is built without reuse.
            "MCACHE_SETS" [15:0]
            /// MCACHE ways.
            "MCACHE_WAYS" [31:16]
        }
        /// Reuse: signature and detectors.
        Size5 "SIZE5" Identity {
            /// Projections P_MAX; 0 without reuse.
            "P_MAX" [7:0]
            /// Bits of a signature.
            "SIG_W" [23:8]
            /// Detectors.
            "DETECTORS" [31:24]
        }
        /// Reuse: Hitmap lists.
        Size6 "SIZE6" Identity {
            /// Words of the list memory of a set; 0 without reuse.
            "LIST_WORDS" [31:0]
        }
    }
    job {
        /// What kind of job it is.
        Mode "MODE" {
            /// 0: forward or input gradient; 1: weight gradient.
            wgrad: bool, "WGRAD" unsigned [0:0]
            /// 0: features stay for all passes of a tile; 1: they are sent again for every pass.
            stream_features: bool, "STREAM_FEATURES" unsigned [1:1]
            /// 0: results leave as 64-bit integers; 1: shifted, rounded, saturated to an operand.
            shift_mode: bool, "SHIFT_MODE" unsigned [2:2]
            /// 0: the Hitmap of a group serves all passes of a tile; 1: it is detected again for every pass. Reuse only.
            redetect: bool, "REDETECT" unsigned [3:3]
            /// 1: vectors of zeros take no cycle. Reuse only.
            zero_skip: bool, "ZERO_SKIP" unsigned [8:8]
            /// 1: zero elements of a vector take no cycle. Reuse only.
            elem_skip: bool, "ELEM_SKIP" unsigned [9:9]
            /// 0: dense; 1: zero vectors only; 2: `sign`; 3: `step`; 4: `grid` signatures.
            reuse: u8, "REUSE" unsigned [15:12]
        }
        /// Requantisation.
        Shift "SHIFT" {
            /// Bits that a result is shifted right in shift mode, below ACC_W.
            shift: u32, "SHIFT" unsigned [7:0]
        }
        /// Channel groups.
        Cgroups "CGROUPS" {
            /// Feature slots of a pass, at least 1.
            cgroups: u32, "CGROUPS" unsigned [15:0]
        }
        /// Kernel-row chunks.
        Chunks "CHUNKS" {
            /// Chunks of kernel rows of a channel group, at least 1.
            chunks: u32, "CHUNKS" unsigned [15:0]
        }
        /// Channels of a group.
        ChannelsPerGroup "CG" {
            /// Channels of a channel group, at least 1.
            cg: u16, "CG" unsigned [15:0]
            /// Channels of the last channel group, at least 1.
            cg_last: u16, "CG_LAST" unsigned [31:16]
        }
        /// Kernel rows of a group.
        KernelRows "KR" {
            /// Kernel rows of a chunk, at least 1.
            kr: u16, "KR" unsigned [15:0]
            /// Kernel rows of the last chunk of a channel group, at least 1.
            kr_last: u16, "KR_LAST" unsigned [31:16]
        }
        /// Kernel columns.
        KernelCols "KW" {
            /// Kernel columns, at least 1.
            kw: u16, "KW" unsigned [15:0]
        }
        /// Step from one kernel column to the next.
        KcStep "KC_STEP" {
            /// Words and input columns (the dilation).
            kc_step: u16, "KC_STEP" signed [15:0]
        }
        /// Step from one kernel row to the next.
        KrStep "KR_STEP" {
            /// Words.
            kr_addr: u16, "KR_ADDR" signed [15:0]
            /// Input rows (the dilation).
            kr_row: u16, "KR_ROW" signed [31:16]
        }
        /// Step from one channel to the next.
        CStep "C_STEP" {
            /// Words.
            c_addr: u16, "C_ADDR" signed [15:0]
        }
        /// Step from one output column to the next.
        XStep "X_STEP" {
            /// Words and input columns (the stride).
            x_step: u16, "X_STEP" signed [15:0]
        }
        /// Step from one output row to the next.
        YStep "Y_STEP" {
            /// Words.
            y_addr: u16, "Y_ADDR" signed [15:0]
            /// Input rows (the stride).
            y_row: u16, "Y_ROW" signed [31:16]
        }
        /// Step from one image to the next.
        ImgStep "IMG_STEP" {
            /// Words.
            img_addr: u16, "IMG_ADDR" signed [15:0]
        }
        /// Step from one chunk of kernel rows to the next.
        ChunkStep "CHUNK_STEP" {
            /// Words.
            chunk_addr: u16, "CHUNK_ADDR" signed [15:0]
            /// Input rows.
            chunk_row: u16, "CHUNK_ROW" signed [31:16]
        }
        /// Bank increments of the steps, each below L.
        BankSteps "BANK_STEPS" {
            /// Banks per kernel row.
            kr_bank: u8, "KR_BANK" unsigned [3:0]
            /// Banks per channel.
            c_bank: u8, "C_BANK" unsigned [7:4]
            /// Banks per output row.
            y_bank: u8, "Y_BANK" unsigned [11:8]
            /// Banks per chunk.
            chunk_bank: u8, "CHUNK_BANK" unsigned [15:12]
        }
        /// Correction when a bank number wraps.
        Wrap "WRAP" {
            /// Words added each time a bank number reaches L and L is taken off.
            wrap_addr: u16, "WRAP_ADDR" signed [15:0]
        }
        /// Size of a feature slot.
        Slot "SLOT" {
            /// Beats of a slot in every bank, at least 1.
            slot_beats: u16, "SLOT_BEATS" unsigned [15:0]
        }
        /// Slots of the feature ring.
        Ring "RING" {
            /// Slots, at least 1; RING_SLOTS · SLOT_BEATS is at most DEPTH.
            ring_slots: u16, "RING_SLOTS" unsigned [15:0]
        }
        /// Elements of a group, for reuse: channels × kernel rows × kernel columns.
        GroupK "GROUP_K" {
            /// Elements K of a group, 1…K_MAX.
            group_k: u8, "GROUP_K" unsigned [7:0]
            /// Elements of a group of the last channel group.
            k_cg_last: u8, "K_CG_LAST" unsigned [15:8]
            /// Elements of the last chunk of kernel rows.
            k_kr_last: u8, "K_KR_LAST" unsigned [23:16]
        }
        /// Detection steps of a vector, for reuse.
        Steps "STEPS" {
            /// Steps of a vector, 1…K_MAX.
            steps: u8, "STEPS" unsigned [7:0]
            /// Steps in the last channel group.
            steps_cg_last: u8, "STEPS_CG_LAST" unsigned [15:8]
            /// Steps in the last chunk of kernel rows.
            steps_kr_last: u8, "STEPS_KR_LAST" unsigned [23:16]
        }
        /// Signature, for reuse.
        Rpq "RPQ" {
            /// Projections n, 1…P_MAX.
            projections: u8, "PROJECTIONS" unsigned [7:0]
            /// Bits b of a projection, 1…4; PROJECTIONS · SIG_BITS is at most SIG_W.
            sig_bits: u8, "SIG_BITS" unsigned [11:8]
            /// Right shift q of a projection, 0…20.
            sig_shift: u8, "SIG_SHIFT" unsigned [20:16]
        }
        /// Ring of Hitmap lists, for reuse.
        Lists "LISTS" {
            /// Words of a list, at least the positions of every tile.
            list_positions: u16, "LIST_POSITIONS" unsigned [15:0]
            /// Lists, 1…255; LIST_POSITIONS · LIST_SLOTS is at most LIST_WORDS.
            list_slots: u16, "LIST_SLOTS" unsigned [23:16]
        }
    }
    statistics {
        /// Clock cycles from START to the handshake of the trailer, that cycle included.
        Cycles cycles "CYCLES"
        /// Cycles in which a set issues an element, summed over sets.
        ComputeBusy compute_busy "COMPUTE_BUSY"
        /// Multiply-accumulates: issuing cycles × PEs with a filter.
        Macs macs "MACS"
        /// Cycles in which a set waits for features, summed over sets.
        StallFeatures stall_features "STALL_FEATURES"
        /// Cycles in which a set waits for weights, summed over sets.
        StallWeights stall_weights "STALL_WEIGHTS"
        /// Cycles in which a set waits for its operand, summed over sets.
        StallOperand stall_operand "STALL_OPERAND"
        /// Cycles in which a set waits for a psum bank to drain, summed over sets.
        StallBank stall_bank "STALL_BANK"
        /// Cycles in which a set waits for a Hitmap, summed over sets.
        StallDetect stall_detect "STALL_DETECT"
        /// Cycles in which a detector reads elements, summed over detectors.
        DetectBusy detect_busy "DETECT_BUSY"
        /// Vectors of zeros that were skipped.
        Zero zero "ZERO"
        /// Vectors whose signature was in the MCACHE: results reused.
        Hit hit "HIT"
        /// Misses that took an entry.
        Mau mau "MAU"
        /// Misses in a full MCACHE set, and every miss without signatures.
        Mnu mnu "MNU"
        /// Beats accepted from the input stream.
        InBeats in_beats "IN_BEATS"
        /// Beats handed to the output stream.
        OutBeats out_beats "OUT_BEATS"
        /// Results that requantisation saturated.
        Saturations saturations "SATURATIONS"
        /// Largest magnitude among the drained sums, before the shift.
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
