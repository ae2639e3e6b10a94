//! `mercury_regs.h`: the tables as C macros, for drivers on a board.

use std::fmt::Write;

use super::{
    ERRORS, Error, Field, HEADER, OUT_HEADER, OUT_TRAILER, REGISTERS, Register, SEGMENT_KINDS,
    TILE_FIELD_BITS, TILE_FIELDS, TILE_FLAGS, Word, fc, identity, tc, words,
};
use crate::config::Config;
use crate::config::fc::FcConfig;
use crate::config::tc::TcConfig;

/// File name of the header, beside the Verilog.
pub const FILE_NAME: &str = "mercury_regs.h";

/// File name of the header of the designs for fully connected layers.
pub const FC_FILE_NAME: &str = "fc_regs.h";

/// File name of the header of the tensor cores.
pub const TC_FILE_NAME: &str = "tc_regs.h";

/// Writes the header: register offsets, shift and mask of every field, identity values of `config`, segment kinds,
/// header and descriptor fields, error codes. Macros only, so that it serves C, C++ and assembly alike.
pub fn render(config: &Config) -> String {
    let mut out = format!(
        "/* Registers and stream words of {} (configuration {}). Generated from the register table; do not edit. */\n\
         #ifndef MERCURY_REGS_H\n#define MERCURY_REGS_H\n",
        config.top(),
        config.hash()
    );
    section(&mut out, "register byte addresses");
    for word in words() {
        define(
            &mut out,
            &format!("REG_{}", word.name),
            &format!("{:#05x}u", word.offset),
        );
    }
    section(&mut out, "register fields");
    for register in REGISTERS.iter().filter(|r| r.words() == 1) {
        fields(&mut out, register.name, register.fields, "u");
    }
    section(&mut out, "values of the read-only identity registers");
    for register in REGISTERS {
        if let Some(value) = identity(register.reg, config) {
            define(
                &mut out,
                &format!("VALUE_{}", register.name),
                &format!("{value:#010x}u"),
            );
        }
    }
    section(
        &mut out,
        "input segments: kinds, then fields of the header (low 64 bits of a beat)",
    );
    for (kind, name, _) in SEGMENT_KINDS {
        define(
            &mut out,
            &format!("SEGMENT_{name}"),
            &format!("{}u", kind.code()),
        );
    }
    fields(&mut out, "HEADER", &HEADER, "ull");
    section(
        &mut out,
        "tile descriptor: position of each 16-bit field, then bits of FLAGS",
    );
    for field in TILE_FIELDS {
        let position = field.lsb as usize / TILE_FIELD_BITS;
        define(
            &mut out,
            &format!("TILE_{}", field.name),
            &format!("{position}u"),
        );
    }
    fields(&mut out, "TILE_FLAG", &TILE_FLAGS, "u");
    section(
        &mut out,
        "output packet: fields of the header of drained rows, of the trailer",
    );
    fields(&mut out, "OUT_HEADER", &OUT_HEADER, "ull");
    fields(&mut out, "OUT_TRAILER", &OUT_TRAILER, "ull");
    section(&mut out, "error codes");
    for (error, name, _) in ERRORS {
        define(
            &mut out,
            &format!("ERROR_{name}"),
            &format!("{}u", error.code()),
        );
    }
    out.push_str("\n#endif\n");
    out
}

/// Writes the header of a design for fully connected layers, in the manner of [`render`].
pub fn render_fc(config: &FcConfig) -> String {
    let mut out = render_core(
        "FC_REGS_H",
        (&config.top(), &config.hash()),
        fc::words(),
        fc::REGISTERS,
        |reg| fc::identity(reg, config),
    );
    section(&mut out, "slice of a stripe header (crew)");
    fields(&mut out, "STRIPE", &fc::STRIPE_HEADER, "u");
    ends(out, &fc::ERRORS)
}

/// Writes the header of a tensor core, in the manner of [`render`].
pub fn render_tc(config: &TcConfig) -> String {
    let out = render_core(
        "TC_REGS_H",
        (&config.top(), &config.hash()),
        tc::words(),
        tc::REGISTERS,
        |reg| tc::identity(reg, config),
    );
    ends(out, &tc::ERRORS)
}

/// Registers of a design beside MERCURY.
fn render_core<R: Copy + 'static>(
    guard: &str,
    (top, hash): (&str, &str),
    words: impl Iterator<Item = Word<R>>,
    registers: &[Register<R>],
    identity: impl Fn(R) -> Option<u32>,
) -> String {
    let mut out = format!(
        "/* Registers and stream words of {top} (configuration {hash}). Generated from the register table; do not edit. */\n\
         #ifndef {guard}\n#define {guard}\n"
    );
    section(&mut out, "register byte addresses");
    for word in words {
        define(
            &mut out,
            &format!("REG_{}", word.name),
            &format!("{:#05x}u", word.offset),
        );
    }
    section(&mut out, "register fields");
    for register in registers.iter().filter(|r| r.words() == 1) {
        fields(&mut out, register.name, register.fields, "u");
    }
    section(&mut out, "values of the read-only identity registers");
    for register in registers {
        if let Some(value) = identity(register.reg) {
            define(
                &mut out,
                &format!("VALUE_{}", register.name),
                &format!("{value:#010x}u"),
            );
        }
    }
    out
}

/// Trailer and errors of a design beside MERCURY.
fn ends(mut out: String, errors: &[(Error, &str)]) -> String {
    section(&mut out, "trailer of the output packet");
    fields(&mut out, "OUT_TRAILER", &OUT_TRAILER, "ull");
    section(&mut out, "error codes");
    for (error, _) in errors {
        define(
            &mut out,
            &format!("ERROR_{}", error.name()),
            &format!("{}u", error.code()),
        );
    }
    out.push_str("\n#endif\n");
    out
}

fn section(out: &mut String, title: &str) {
    writeln!(out, "\n/* {title} */").expect("writing to a string");
}

fn define(out: &mut String, name: &str, value: &str) {
    writeln!(out, "#define MERCURY_{name} {value}").expect("writing to a string");
}

/// Shift and (unshifted-in-place) mask of every field; a field named like its register drops the repetition.
fn fields(out: &mut String, owner: &str, fields: &[Field], suffix: &str) {
    for field in fields {
        let name = if field.name == owner {
            owner.to_string()
        } else {
            format!("{owner}_{}", field.name)
        };
        define(out, &format!("{name}_SHIFT"), &field.lsb.to_string());
        define(
            out,
            &format!("{name}_MASK"),
            &format!("{:#x}{suffix}", field.mask()),
        );
    }
}
