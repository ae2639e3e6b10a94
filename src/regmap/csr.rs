//! The control and status registers, in address order.

use super::{Access, Field, Register};

/// Width of a statistics counter in hardware; the remaining bits of its two words read 0.
pub const STATISTIC_BITS: usize = 48;

/// Width of the AXI4-Lite byte address: the smallest that reaches every register.
pub const ADDRESS_BITS: usize = usize::BITS as usize - (WORDS * 4 - 1).leading_zeros() as usize;

const WORDS: usize = {
    let (mut total, mut i) = (0, 0);
    while i < REGISTERS.len() {
        total += REGISTERS[i].words() as usize;
        i += 1;
    }
    total
};

/// Writes the table once and derives the key of every register, the struct of job fields and that of statistics.
macro_rules! registers {
    (
        plain { $( $(#[doc = $rdoc:literal])* $reg:ident $name:literal $access:ident {
            $( $(#[doc = $fdoc:literal])* $fname:literal [$msb:literal : $lsb:literal] )* } )* }
        job { $( $(#[doc = $jdoc:literal])* $jreg:ident $jname:literal {
            $( $(#[doc = $jfdoc:literal])* $jfield:ident : $jtype:ident, $jfname:literal $sign:ident [$jmsb:literal : $jlsb:literal] )* } )* }
        statistics { $( $(#[doc = $sdoc:literal])* $sreg:ident $sfield:ident $sname:literal )* }
    ) => {
        /// Key of a register.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reg {
            $( $(#[doc = $rdoc])* $reg, )*
            $( $(#[doc = $jdoc])* $jreg, )*
            $( $(#[doc = $sdoc])* $sreg, )*
        }

        /// All registers in address order.
        pub const REGISTERS: &[Register] = &[
            $( Register { reg: Reg::$reg, name: $name, access: Access::$access, doc: concat!($($rdoc),*), fields: &[
                $( Field { name: $fname, lsb: $lsb, bits: $msb - $lsb + 1, signed: false, doc: concat!($($fdoc),*) }, )*
            ] }, )*
            $( Register { reg: Reg::$jreg, name: $jname, access: Access::Job, doc: concat!($($jdoc),*), fields: &[
                $( Field { name: $jfname, lsb: $jlsb, bits: $jmsb - $jlsb + 1, signed: registers!(@$sign), doc: concat!($($jfdoc),*) }, )*
            ] }, )*
            $( Register { reg: Reg::$sreg, name: $sname, access: Access::Statistic, doc: concat!($($sdoc),*), fields: &[
                Field { name: $sname, lsb: 0, bits: STATISTIC_BITS as u32, signed: false, doc: "" },
            ] }, )*
        ];

        /// Values of all job fields: what software writes before START.
        ///
        /// One member a field of the registers with [`Access::Job`]; signed fields are given modulo 2^16.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub struct JobRegs { $( $( $(#[doc = $jfdoc])* pub $jfield: $jtype, )* )* }

        impl JobRegs {
            /// Values of the members, in the order of the table.
            fn values(&self) -> impl Iterator<Item = i64> {
                [ $( $( self.$jfield.into(), )* )* ].into_iter()
            }

            /// Sets the members, in the order of the table.
            fn from_values(mut values: impl Iterator<Item = u64>) -> Self {
                let mut next = || values.next().expect("one value a field");
                JobRegs { $( $( $jfield: registers!(@member $jtype next()), )* )* }
            }
        }

        /// Counters of one job.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        pub struct Statistics { $( $(#[doc = $sdoc])* pub $sfield: u64, )* }

        impl Statistics {
            /// Fills every counter by asking for its register's value.
            ///
            /// # Errors
            /// The first error of `read`.
            pub fn read<E>(mut read: impl FnMut(Reg) -> Result<u64, E>) -> Result<Self, E> {
                Ok(Statistics { $( $sfield: read(Reg::$sreg)?, )* })
            }

            /// Sums of the counters of two jobs; the larger of the two magnitudes.
            pub fn with(&self, other: &Self) -> Self {
                let max_abs = self.max_abs.max(other.max_abs);
                Statistics { max_abs, ..Statistics { $( $sfield: self.$sfield + other.$sfield, )* } }
            }

            /// Every counter by its register, in address order.
            pub fn values(&self) -> impl Iterator<Item = (Reg, u64)> {
                [ $( (Reg::$sreg, self.$sfield), )* ].into_iter()
            }
        }
    };
    (@unsigned) => { false };
    (@signed) => { true };
    (@member bool $value:expr) => { $value != 0 };
    (@member $type:ident $value:expr) => { $value as $type };
}

registers! {
    plain {
        /// Identification.
        Id "ID" Identity {
            /// `0x4D435259`, "MCRY" in ASCII.
            "ID" [31:0]
        }
        /// Version of the register map and stream format.
        Version "VERSION" Identity {
            /// Changes when software must change.
            "VERSION" [31:0]
        }
        /// Which configuration the Verilog was generated from.
        ConfigHash "CONFIG_HASH" Identity {
            /// The leading 8 hex digits of `config_hash` in `manifest.json`.
            "CONFIG_HASH" [31:0]
        }
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
        /// Commands; several may be given at once, ABORT wins over START.
        Control "CONTROL" Control {
            /// Start a job. SLVERR while busy.
            "START" [0:0]
            /// Stop at once, without a trailer; the error becomes ABORTED. The host resets its DMA.
            "ABORT" [1:1]
            /// Set ERROR to 0.
            "CLEAR_ERROR" [2:2]
        }
        /// State of the core.
        Status "STATUS" Status {
            /// A job runs.
            "BUSY" [0:0]
            /// The last job's trailer has left; cleared by START.
            "DONE" [1:1]
            /// ERROR is not 0.
            "HAS_ERROR" [2:2]
        }
        /// First error since START or CLEAR_ERROR.
        ErrorCode "ERROR" Status {
            /// Error code, 0 = none.
            "CODE" [7:0]
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

fn job_registers() -> impl Iterator<Item = &'static Register> {
    REGISTERS.iter().filter(|r| r.access == Access::Job)
}

impl JobRegs {
    /// Every job register with its value, in address order; values that do not fit are cut (see
    /// [`JobRegs::misfit`]).
    pub fn words(&self) -> impl Iterator<Item = (Reg, u32)> {
        let mut values = self.values();
        job_registers().map(move |register| {
            let placed = register
                .fields
                .iter()
                .zip(&mut values)
                .map(|(field, value)| field.place(value));
            (
                register.reg,
                placed.fold(0, |word, bits| word | bits) as u32,
            )
        })
    }

    /// Reads the fields back from register values.
    pub fn from_words(mut read: impl FnMut(Reg) -> u32) -> Self {
        JobRegs::from_values(job_registers().flat_map(|register| {
            let word = u64::from(read(register.reg));
            register
                .fields
                .iter()
                .map(move |field| (word & field.mask()) >> field.lsb)
        }))
    }

    /// The first field whose value its bits cannot hold.
    pub fn misfit(&self) -> Option<(&'static Field, i64)> {
        let fields = job_registers().flat_map(|register| register.fields);
        fields
            .zip(self.values())
            .find(|(field, value)| value >> field.bits != 0)
    }
}

impl Register {
    /// Bus words that it occupies.
    pub const fn words(&self) -> u32 {
        if matches!(self.access, Access::Statistic) {
            2
        } else {
            1
        }
    }
}

impl Reg {
    /// Its entry of the table.
    pub const fn register(self) -> &'static Register {
        &REGISTERS[self as usize]
    }

    /// Byte address of its first (or only) word.
    pub const fn offset(self) -> u32 {
        let (mut word, mut i) = (0, 0);
        while i < self as usize {
            word += REGISTERS[i].words();
            i += 1;
        }
        4 * word
    }

    /// Its field called `name`.
    ///
    /// # Panics
    /// When it has no such field.
    pub fn field(self, name: &str) -> &'static Field {
        let found = self.register().fields.iter().find(|f| f.name == name);
        found.unwrap_or_else(|| panic!("register {} has no field {name}", self.register().name))
    }
}

/// One 32-bit word of the address map.
#[derive(Clone, Debug)]
pub struct Word {
    /// Register name, with `_LO` or `_HI` for the two words of a statistic.
    pub name: String,
    /// Byte address.
    pub offset: u32,
    /// The register that it belongs to.
    pub register: &'static Register,
    /// Bit of the register that is bit 0 of the word: 0 or 32.
    pub shift: u32,
}

/// The address map, ascending: everything that a decoder has to answer.
///
/// ```
/// use mercury::regmap::{Access, words};
/// let job_words = words().filter(|w| w.register.access == Access::Job).count();
/// assert_eq!(words().last().unwrap().name, "MAX_ABS_HI");
/// assert!(job_words > 10);
/// ```
pub fn words() -> impl Iterator<Item = Word> {
    REGISTERS.iter().flat_map(|register| {
        (0..register.words()).map(move |part| Word {
            name: match (register.words(), part) {
                (1, _) => register.name.into(),
                (_, 0) => format!("{}_LO", register.name),
                _ => format!("{}_HI", register.name),
            },
            offset: register.reg.offset() + 4 * part,
            register,
            shift: 32 * part,
        })
    })
}
