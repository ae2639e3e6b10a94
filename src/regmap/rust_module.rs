//! `mercury.rs`: registers and a small driver for `no_std` Rust on a board, from the register table.

use std::fmt::Write;

use super::{
    Access, ERRORS, Field, OUT_HEADER, OUT_TRAILER, REGISTERS, Reg, SEGMENT_KINDS, identity, words,
};
use crate::config::Config;

/// What does not follow from the table.
const DRIVER: &str = include_str!("driver.rs.txt");

/// File text: constants of addresses, fields, kinds and codes, then the driver. The same for every configuration.
pub fn render() -> String {
    let mut out = String::from(
        "//! Registers of the accelerator and a driver without allocation. Generated from the register table; do not edit.\n\n",
    );
    section(&mut out, "register", "Byte addresses.");
    for word in words() {
        constant(
            &mut out,
            word.register.doc,
            &word.name,
            "u32",
            word.offset.into(),
        );
    }
    close(&mut out);
    section(
        &mut out,
        "field",
        "Lowest bit and mask (in place) of every register field.",
    );
    for register in REGISTERS.iter().filter(|r| r.access != Access::Statistic) {
        fields(&mut out, register.name, register.fields, "u32");
    }
    close(&mut out);
    section(
        &mut out,
        "stream",
        "Kinds of segments; fields of the headers of the output packet.",
    );
    for (kind, name, doc) in SEGMENT_KINDS {
        constant(
            &mut out,
            doc,
            &format!("SEGMENT_{name}"),
            "u64",
            kind.code().into(),
        );
    }
    fields(&mut out, "OUT_HEADER", &OUT_HEADER, "u64");
    fields(&mut out, "OUT_TRAILER", &OUT_TRAILER, "u64");
    close(&mut out);
    section(
        &mut out,
        "error",
        "Codes of the register ERROR and of the trailer.",
    );
    for (error, name, doc) in ERRORS {
        constant(&mut out, doc, name, "u32", error.code().into());
    }
    close(&mut out);
    let config = Config::preset(Config::DEFAULT_PRESET).expect("a preset of the project");
    for reg in [Reg::Id, Reg::Version] {
        let value = identity(reg, &config).expect("an identity register");
        let name = format!("EXPECTED_{}", reg.register().name);
        constant(
            &mut out,
            "Value of every accelerator.",
            &name,
            "u32",
            value.into(),
        );
    }
    out.push('\n');
    out + DRIVER
}

fn section(out: &mut String, name: &str, doc: &str) {
    writeln!(out, "/// {doc}\npub mod {name} {{").expect("writing to a string");
}

fn close(out: &mut String) {
    out.push_str("}\n\n");
}

fn constant(out: &mut String, doc: &str, name: &str, kind: &str, value: u64) {
    writeln!(
        out,
        "    /// {}\n    pub const {name}: {kind} = {value:#x};",
        doc.trim()
    )
    .expect("writing to a string");
}

fn fields(out: &mut String, owner: &str, fields: &[Field], kind: &str) {
    for field in fields {
        let name = match field.name == owner {
            true => owner.into(),
            false => format!("{owner}_{}", field.name),
        };
        constant(
            out,
            field.doc,
            &format!("{name}_LSB"),
            "u32",
            field.lsb.into(),
        );
        constant(out, field.doc, &format!("{name}_MASK"), kind, field.mask());
    }
}
