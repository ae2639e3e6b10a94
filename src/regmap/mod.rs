//! Register, stream and error tables: the one source of every address, bit position and code.
//!
//! The RTL decoder, the planner, the driver, the C header ([`c_header`]), a Rust module ([`rust_module`]), SystemRDL ([`system_rdl`]) and the tables in `docs/regmap.md` and `docs/streams.md` ([`docs`]) are all made from what stands here; no address or bit position is
//! typed anywhere else.
//!
//! [`words`] is the address map of MERCURY; [`fc`] has the registers of the designs for fully connected layers, [`tc`] those of the tensor cores.
//!
//! ```
//! use mercury::regmap::{Access, words};
//! let job_words = words().filter(|w| w.register.access == Access::Job).count();
//! assert_eq!(words().last().unwrap().name, "MAX_ABS_HI");
//! assert!(job_words > 10);
//! ```

pub mod c_header;
mod csr;
pub mod docs;
pub mod fc;
mod identity;
pub mod rust_module;
mod stream;
pub mod system_rdl;
mod table;
pub mod tc;

pub use csr::{ADDRESS_BITS, JobRegs, REGISTERS, Reg, Statistics, words};
pub use identity::identity;
pub use stream::{
    ERRORS, Error, HEADER, OUT_HEADER, OUT_KINDS, OUT_TRAILER, OutHeader, OutKind, READ, Read,
    SEGMENT_KINDS, SegmentHeader, SegmentKind, TILE_FIELD_BITS, TILE_FIELDS, TILE_FLAGS,
    TILE_SLOTS, TileDescriptor, trailer_error,
};
pub use table::Word;

/// Width of a statistics counter in hardware; the remaining bits of its two words read 0.
pub const STATISTIC_BITS: usize = 48;

/// Some neighbouring bits of a register, a header or a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Upper-case name, unique in its table; [`Field::signal`] is the Verilog spelling.
    pub name: &'static str,
    /// Number of the lowest bit.
    pub lsb: u32,
    /// Width in bits.
    pub bits: u32,
    /// Two's complement when true.
    pub signed: bool,
    /// What it means, for the documentation.
    pub doc: &'static str,
}

impl Field {
    /// Number of the highest bit.
    pub const fn msb(&self) -> u32 {
        self.lsb + self.bits - 1
    }

    /// Ones in the field's bits, at their place in the word.
    pub const fn mask(&self) -> u64 {
        (u64::MAX >> (64 - self.bits)) << self.lsb
    }

    /// Lower-case name, as it is used for Verilog signals.
    pub fn signal(&self) -> String {
        self.name.to_lowercase()
    }

    /// The field's bits for `value`, at their place in a word; bits that do not fit are lost.
    pub const fn place(&self, value: i64) -> u64 {
        ((value as u64) << self.lsb) & self.mask()
    }

    /// The field's value in `word`, sign-extended when signed.
    pub const fn extract(&self, word: u64) -> i64 {
        let raw = (word & self.mask()) >> self.lsb;
        let unused = 64 - self.bits;
        if self.signed {
            ((raw << unused) as i64) >> unused
        } else {
            raw as i64
        }
    }
}

/// What software may do with a register, and who writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read-only, fixed when the Verilog is generated ([`identity`]).
    Identity,
    /// Write-only: a 1 triggers, nothing is stored; reads as 0.
    Control,
    /// Read-only, written by the hardware.
    Status,
    /// Read and write while idle; a write while busy answers SLVERR and changes nothing. 0 after reset.
    Job,
    /// Read-only counter of the last or current job, two words: low half first. 0 after reset and at START.
    Statistic,
}

/// One register of the table; statistics occupy two bus words, all others one.
#[derive(Clone, Copy, Debug)]
pub struct Register<R = Reg> {
    /// Its key.
    pub reg: R,
    /// Upper-case name.
    pub name: &'static str,
    /// Access class.
    pub access: Access,
    /// Fields, lowest bits first; bits outside of all fields read 0 and ignore writes.
    pub fields: &'static [Field],
    /// What it is for, for the documentation.
    pub doc: &'static str,
}

#[cfg(test)]
mod tests;
