//! A register table: written once, everything that software and hardware need to know of it derived.

use super::Field;

/// Writes the table once and derives the key of every register, the struct of job fields and that of statistics.
///
/// `id` documents the value of ID, `sizes` are the read-only registers after CONFIG_HASH; what every design has stands here.
macro_rules! registers {
    (
        id { $(#[doc = $id:literal])* }
        sizes { $($sizes:tt)* }
        job { $($job:tt)* }
        statistics { $($statistics:tt)* }
    ) => {
        $crate::regmap::table::registers! {
            @table
            plain {
                /// Identification.
                Id "ID" Identity {
                    $(#[doc = $id])*
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
                $($sizes)*
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
            job { $($job)* }
            statistics { $($statistics)* }
        }
    };
    (
        @table
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
        pub const REGISTERS: &[$crate::regmap::Register<Reg>] = &[
            $( $crate::regmap::Register { reg: Reg::$reg, name: $name, access: $crate::regmap::Access::$access, doc: concat!($($rdoc),*), fields: &[
                $( $crate::regmap::Field { name: $fname, lsb: $lsb, bits: $msb - $lsb + 1, signed: false, doc: concat!($($fdoc),*) }, )*
            ] }, )*
            $( $crate::regmap::Register { reg: Reg::$jreg, name: $jname, access: $crate::regmap::Access::Job, doc: concat!($($jdoc),*), fields: &[
                $( $crate::regmap::Field { name: $jfname, lsb: $jlsb, bits: $jmsb - $jlsb + 1, signed: $crate::regmap::table::registers!(@$sign), doc: concat!($($jfdoc),*) }, )*
            ] }, )*
            $( $crate::regmap::Register { reg: Reg::$sreg, name: $sname, access: $crate::regmap::Access::Statistic, doc: concat!($($sdoc),*), fields: &[
                $crate::regmap::Field { name: $sname, lsb: 0, bits: $crate::regmap::STATISTIC_BITS as u32, signed: false, doc: "" },
            ] }, )*
        ];

        /// Values of all job fields: what software writes before START.
        ///
        /// One member a field of the registers with `Access::Job`; signed fields are given modulo 2^16.
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
                JobRegs { $( $( $jfield: $crate::regmap::table::registers!(@member $jtype next()), )* )* }
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

            /// Sums of the counters of two jobs.
            pub fn plus(&self, other: &Self) -> Self {
                Statistics { $( $sfield: self.$sfield + other.$sfield, )* }
            }

            /// Every counter by its register, in address order.
            pub fn values(&self) -> impl Iterator<Item = (Reg, u64)> {
                [ $( (Reg::$sreg, self.$sfield), )* ].into_iter()
            }
        }

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

        fn job_registers() -> impl Iterator<Item = &'static $crate::regmap::Register<Reg>> {
            REGISTERS.iter().filter(|r| r.access == $crate::regmap::Access::Job)
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
            pub fn misfit(&self) -> Option<(&'static $crate::regmap::Field, i64)> {
                let fields = job_registers().flat_map(|register| register.fields);
                fields
                    .zip(self.values())
                    .find(|(field, value)| value >> field.bits != 0)
            }
        }

        impl Reg {
            /// Its entry of the table.
            pub const fn register(self) -> &'static $crate::regmap::Register<Reg> {
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
            pub fn field(self, name: &str) -> &'static $crate::regmap::Field {
                self.register().field(name)
            }
        }

        /// The address map, ascending: everything that a decoder has to answer.
        pub fn words() -> impl Iterator<Item = $crate::regmap::Word<Reg>> {
            REGISTERS.iter().flat_map(|register| {
                (0..register.words()).map(move |part| $crate::regmap::Word {
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
    };
    (@unsigned) => { false };
    (@signed) => { true };
    (@member bool $value:expr) => { $value != 0 };
    (@member $type:ident $value:expr) => { $value as $type };
}

pub(super) use registers;

impl<R> super::Register<R> {
    /// Its field called `name`.
    ///
    /// # Panics
    /// When it has no such field.
    pub fn field(&self, name: &str) -> &'static super::Field {
        let found = self.fields.iter().find(|f| f.name == name);
        found.unwrap_or_else(|| panic!("register {} has no field {name}", self.name))
    }

    /// Bus words that it occupies.
    pub const fn words(&self) -> u32 {
        if matches!(self.access, super::Access::Statistic) {
            2
        } else {
            1
        }
    }
}

/// One 32-bit word of the address map.
#[derive(Clone, Debug)]
pub struct Word<R: 'static = super::Reg> {
    /// Register name, with `_LO` or `_HI` for the two words of a statistic.
    pub name: String,
    /// Byte address.
    pub offset: u32,
    /// The register that it belongs to.
    pub register: &'static super::Register<R>,
    /// Bit of the register that is bit 0 of the word: 0 or 32.
    pub shift: u32,
}

/// The word of a register whose fields hold `values`, in the order of the table.
///
/// # Panics
/// Not one value a field, or a value beyond its field: the configuration check keeps sizes below.
pub(super) fn word(fields: &[Field], values: &[usize]) -> u32 {
    assert_eq!(fields.len(), values.len(), "one value a field");
    fields.iter().zip(values).fold(0, |word, (field, &value)| {
        assert!(
            value >> field.bits == 0,
            "{value} does not fit the {} bits of {}",
            field.bits,
            field.name
        );
        word | field.place(value as i64) as u32
    })
}
