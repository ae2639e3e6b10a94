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
            $( $(#[doc = $jfdoc:literal])* $jfield:ident $jfname:literal $sign:ident [$jmsb:literal : $jlsb:literal] )* } )* }
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
        /// One member a field of the registers with [`Access::Job`]. Signed fields are two's complement in 16 bits.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub struct JobRegs { $( $( $(#[doc = $jfdoc])* pub $jfield: i32, )* )* }

        impl JobRegs {
            /// Every job register with its value, in address order; values that do not fit are cut (see
            /// [`JobRegs::misfit`]).
            pub fn words(&self) -> impl Iterator<Item = (Reg, u32)> {
                [ $( (Reg::$jreg, { let r = Reg::$jreg.register(); let mut i = 0; let mut word = 0u64;
                    $( word |= r.fields[i].place(self.$jfield.into()); i += 1; )*
                    debug_assert_eq!(i, r.fields.len()); word as u32 }), )* ].into_iter()
            }

            /// Reads the fields back from register values.
            pub fn from_words(mut read: impl FnMut(Reg) -> u32) -> Self {
                let mut regs = JobRegs::default();
                $( { let word = read(Reg::$jreg).into(); let mut fields = Reg::$jreg.register().fields.iter();
                    $( regs.$jfield = fields.next().expect("one entry a field").extract(word) as i32; )* } )*
                regs
            }

            /// The first field whose value its bits cannot hold.
            pub fn misfit(&self) -> Option<(&'static Field, i32)> {
                $( { let mut fields = Reg::$jreg.register().fields.iter();
                    $( let field = fields.next().expect("one entry a field");
                       if !field.fits(self.$jfield.into()) { return Some((field, self.$jfield)); } )* } )*
                None
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

            /// Every counter by its register, in address order.
            pub fn values(&self) -> impl Iterator<Item = (Reg, u64)> {
                [ $( (Reg::$sreg, self.$sfield), )* ].into_iter()
            }
        }
    };
    (@unsigned) => { false };
    (@signed) => { true };
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
            wgrad "WGRAD" unsigned [0:0]
            /// 0: features stay for all passes of a tile; 1: they are sent again for every pass.
            stream_features "STREAM_FEATURES" unsigned [1:1]
            /// 0: results leave as 64-bit integers; 1: shifted, rounded, saturated to an operand.
            shift_mode "SHIFT_MODE" unsigned [2:2]
            /// Reserved for skipping zero vectors; must be 0.
            zero_skip "ZERO_SKIP" unsigned [8:8]
            /// Reserved for skipping zero elements; must be 0.
            elem_skip "ELEM_SKIP" unsigned [9:9]
            /// Reserved for the reuse mode; must be 0.
            reuse "REUSE" unsigned [15:12]
        }
        /// Requantisation.
        Shift "SHIFT" {
            /// Bits that a result is shifted right in shift mode, 0…47.
            shift "SHIFT" unsigned [7:0]
        }
        /// Channel groups.
        Cgroups "CGROUPS" {
            /// Feature slots of a pass, at least 1.
            cgroups "CGROUPS" unsigned [15:0]
        }
        /// Kernel-row chunks.
        Chunks "CHUNKS" {
            /// Chunks of kernel rows of a channel group, at least 1.
            chunks "CHUNKS" unsigned [15:0]
        }
        /// Channels of a group.
        ChannelsPerGroup "CG" {
            /// Channels of a channel group, at least 1.
            cg "CG" unsigned [15:0]
            /// Channels of the last channel group, at least 1.
            cg_last "CG_LAST" unsigned [31:16]
        }
        /// Kernel rows of a group.
        KernelRows "KR" {
            /// Kernel rows of a chunk, at least 1.
            kr "KR" unsigned [15:0]
            /// Kernel rows of the last chunk of a channel group, at least 1.
            kr_last "KR_LAST" unsigned [31:16]
        }
        /// Kernel columns.
        KernelCols "KW" {
            /// Kernel columns, at least 1.
            kw "KW" unsigned [15:0]
        }
        /// Step from one kernel column to the next.
        KcStep "KC_STEP" {
            /// Words and input columns (the dilation).
            kc_step "KC_STEP" signed [15:0]
        }
        /// Step from one kernel row to the next.
        KrStep "KR_STEP" {
            /// Words.
            kr_addr "KR_ADDR" signed [15:0]
            /// Input rows (the dilation).
            kr_row "KR_ROW" signed [31:16]
        }
        /// Step from one channel to the next.
        CStep "C_STEP" {
            /// Words.
            c_addr "C_ADDR" signed [15:0]
        }
        /// Step from one output column to the next.
        XStep "X_STEP" {
            /// Words and input columns (the stride).
            x_step "X_STEP" signed [15:0]
        }
        /// Step from one output row to the next.
        YStep "Y_STEP" {
            /// Words.
            y_addr "Y_ADDR" signed [15:0]
            /// Input rows (the stride).
            y_row "Y_ROW" signed [31:16]
        }
        /// Step from one image to the next.
        ImgStep "IMG_STEP" {
            /// Words.
            img_addr "IMG_ADDR" signed [15:0]
        }
        /// Step from one chunk of kernel rows to the next.
        ChunkStep "CHUNK_STEP" {
            /// Words.
            chunk_addr "CHUNK_ADDR" signed [15:0]
            /// Input rows.
            chunk_row "CHUNK_ROW" signed [31:16]
        }
        /// Bank increments of the steps, each below L.
        BankSteps "BANK_STEPS" {
            /// Banks per kernel row.
            kr_bank "KR_BANK" unsigned [3:0]
            /// Banks per channel.
            c_bank "C_BANK" unsigned [7:4]
            /// Banks per output row.
            y_bank "Y_BANK" unsigned [11:8]
            /// Banks per chunk.
            chunk_bank "CHUNK_BANK" unsigned [15:12]
        }
        /// Correction when a bank number wraps.
        Wrap "WRAP" {
            /// Words added each time a bank number reaches L and L is taken off.
            wrap_addr "WRAP_ADDR" signed [15:0]
        }
        /// Size of a feature slot.
        Slot "SLOT" {
            /// Beats of a slot in every bank, at least 1.
            slot_beats "SLOT_BEATS" unsigned [15:0]
        }
        /// Slots of the feature ring.
        Ring "RING" {
            /// Slots, at least 1; RING_SLOTS · SLOT_BEATS is at most DEPTH.
            ring_slots "RING_SLOTS" unsigned [15:0]
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
