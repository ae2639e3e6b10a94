//! The register table as SystemRDL 2.0, for generators of documentation and drivers.

use std::fmt::Write;

use super::{ADDRESS_BITS, Access, Register, STATISTIC_BITS, words};

/// File text: one `addrmap mercury` with every register and field.
pub fn render() -> String {
    let mut out = format!(
        "// Registers of the accelerator. Generated from the register table; do not edit.\n\
         addrmap mercury {{\n    name = \"mercury\";\n    desc = \"AXI4-Lite registers, {ADDRESS_BITS} address bits\";\n    \
         default regwidth = 32;\n    default accesswidth = 32;\n"
    );
    for word in words() {
        let register = word.register;
        writeln!(out, "    reg {{").expect("writing to a string");
        writeln!(out, "        desc = \"{}\";", quoted(register.doc)).expect("writing to a string");
        for (name, msb, lsb, doc) in fields(register, word.shift) {
            let mut property = |text: &str| {
                writeln!(out, "            {text}").expect("writing to a string");
            };
            property("field {");
            for access in accesses(register.access) {
                property(&format!("    {access};"));
            }
            property(&format!("    desc = \"{}\";", quoted(doc)));
            property(&format!("}} {name}[{msb}:{lsb}];"));
        }
        writeln!(out, "    }} {} @{:#x};", word.name, word.offset).expect("writing to a string");
    }
    out + "};\n"
}

/// Name, highest bit, lowest bit and meaning of the fields of a word.
fn fields(register: &Register, shift: u32) -> Vec<(&'static str, u32, u32, &'static str)> {
    match register.access {
        Access::Statistic => {
            let bits = (STATISTIC_BITS as u32 - shift).min(32);
            vec![(
                "COUNT",
                bits - 1,
                0,
                "Bits of the counter; see the register.",
            )]
        }
        _ => {
            let fields = register.fields.iter();
            fields
                .map(|f| (f.name, f.msb(), f.lsb, f.doc.trim()))
                .collect()
        }
    }
}

/// Access properties of a class.
fn accesses(access: Access) -> &'static [&'static str] {
    match access {
        Access::Identity => &["sw = r", "hw = na"],
        Access::Control => &["sw = w", "hw = r", "reset = 0", "singlepulse"],
        Access::Status | Access::Statistic => &["sw = r", "hw = w"],
        Access::Job => &["sw = rw", "hw = r", "reset = 0"],
    }
}

/// Text for a string of SystemRDL.
fn quoted(text: &str) -> String {
    text.trim().replace('\\', "\\\\").replace('"', "\\\"")
}
