//! Generated documentation: `docs/regmap.md` as a whole and the tables inside of `docs/streams.md`, `docs/crew.md` and `docs/acrtc.md`.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::{
    Access, ERRORS, Error, Field, HEADER, OUT_HEADER, OUT_TRAILER, READ, SEGMENT_KINDS,
    STATISTIC_BITS, TILE_FIELDS, TILE_FLAGS, Word, fc, tc, words,
};

/// Command that brings the committed files up to date.
pub const COMMAND: &str = "cargo run --release --bin mercury -- docs";

const MAP_HEAD: &str =
    "| address | register | access | field | bits | meaning |\n|---|---|---|---|---|---|\n";

/// `docs/regmap.md`.
pub fn regmap() -> String {
    let mut out = format!(
        "# Registers\n\n\
         <!-- Generated from src/regmap; change the table there and run `{COMMAND}`. -->\n\n\
         AXI4-Lite slave `s_axil_*`, 32-bit data, byte addresses; the same for every configuration. `mercury_regs.h`, \
         which gen-verilog writes beside the Verilog, has these numbers as C macros; with `--package` it also writes a C layer and a `no_std` \
         Rust driver over them, which read the sizes from the device, and SystemRDL ([synthesis.md](synthesis.md)).\n\n\
         - Reads and writes of an address that is not listed, and writes to read-only registers, answer SLVERR.\n\
         - WSTRB selects the bytes of a job register that change; CONTROL needs its byte 0.\n\
         - Job registers read back what was written. A write while STATUS.BUSY, like START while busy, answers SLVERR \
         and changes nothing.\n\
         - Bits outside of the listed fields read 0 and ignore writes. Signed fields are two's complement.\n\
         - Statistics are cleared by START and stand until the next one. They are counted in {STATISTIC_BITS} bits; read both halves \
         after the job, they are not latched together.\n\n\
         ## Map\n\n{MAP_HEAD}"
    );
    map(&mut out, words());
    out.push_str(
        "\n## Errors\n\nThe code stands in ERROR and in the trailer beat of the output packet.\n\n",
    );
    out.push_str("| code | name | cause |\n|---|---|---|\n");
    for (error, name, doc) in ERRORS {
        writeln!(out, "| {} | {name} | {} |", error.code(), doc.trim())
            .expect("writing to a string");
    }
    out.push_str(
        "\nAfter an error the sets and the drain go idle at once, the rest of the input packet up to TLAST is swallowed, \
         the output packet ends with a trailer that carries the code, and the core is idle again: the next good job is right. \
         ABORT ends without a trailer.\n",
    );
    out
}

/// One line a field; the second column continues downwards where a register has several.
fn map<R: 'static>(out: &mut String, words: impl Iterator<Item = Word<R>>) {
    for word in words {
        let access = match word.register.access {
            Access::Identity | Access::Status | Access::Statistic => "read",
            Access::Control => "write 1 to trigger",
            Access::Job => "read/write while idle",
        };
        let head = format!("| `{:#05x}` | `{}` | {access}", word.offset, word.name);
        if word.register.access == Access::Statistic {
            let half = if word.shift == 0 { "31:0" } else { "63:32" };
            let doc = if word.shift == 0 {
                word.register.doc.trim()
            } else {
                ""
            };
            writeln!(out, "{head} | | {half} | {doc} |").expect("writing to a string");
            continue;
        }
        for (i, field) in word.register.fields.iter().enumerate() {
            let head = if i == 0 { head.as_str() } else { "| | |" };
            writeln!(
                out,
                "{head} | {} | {} | {} |",
                field.name,
                bits(field),
                field.doc.trim()
            )
            .expect("writing to a string");
        }
    }
}

/// Tables inside of `docs/streams.md`, by the name in their marker lines.
fn stream_tables() -> Vec<(&'static str, String)> {
    let mut kinds = String::from("| kind | name | payload |\n|---|---|---|\n");
    for (kind, name, doc) in SEGMENT_KINDS {
        writeln!(kinds, "| {} | {name} | {} |", kind.code(), doc.trim())
            .expect("writing to a string");
    }
    let mut tile = String::from("| field | name | signed | meaning |\n|---|---|---|---|\n");
    for (i, field) in TILE_FIELDS.iter().enumerate() {
        let signed = if field.signed { "yes" } else { "" };
        writeln!(
            tile,
            "| {i} | {} | {signed} | {} |",
            field.name,
            field.doc.trim()
        )
        .expect("writing to a string");
    }
    vec![
        ("segment header", field_table(&HEADER)),
        ("segment kinds", kinds),
        ("tile fields", tile),
        ("tile flags", field_table(&TILE_FLAGS)),
        ("read", field_table(&READ)),
        ("output header", field_table(&OUT_HEADER)),
        ("trailer", field_table(&OUT_TRAILER)),
    ]
}

/// Tables inside of `docs/crew.md`, by the name in their marker lines.
fn crew_tables() -> Vec<(&'static str, String)> {
    let mut tables = core_tables(fc::words(), &fc::ERRORS);
    tables.push(("stripe header", field_table(&fc::STRIPE_HEADER)));
    tables
}

/// Tables inside of `docs/acrtc.md`, by the name in their marker lines.
fn acrtc_tables() -> Vec<(&'static str, String)> {
    core_tables(tc::words(), &tc::ERRORS)
}

/// Tables of the registers and errors of a design beside MERCURY.
fn core_tables<R: 'static>(
    words: impl Iterator<Item = Word<R>>,
    causes: &[(Error, &str)],
) -> Vec<(&'static str, String)> {
    let mut registers = String::from(MAP_HEAD);
    map(&mut registers, words);
    let mut errors = String::from("| code | name | cause |\n|---|---|---|\n");
    for (error, doc) in causes {
        writeln!(
            errors,
            "| {} | {} | {} |",
            error.code(),
            error.name(),
            doc.trim()
        )
        .expect("writing to a string");
    }
    vec![("registers", registers), ("errors", errors)]
}

fn field_table(fields: &[Field]) -> String {
    let mut out = String::from("| bits | field | meaning |\n|---|---|---|\n");
    for field in fields {
        writeln!(
            out,
            "| {} | {} | {} |",
            bits(field),
            field.name,
            field.doc.trim()
        )
        .expect("writing to a string");
    }
    out
}

fn bits(field: &Field) -> String {
    let range = if field.bits == 1 {
        field.lsb.to_string()
    } else {
        format!("{}:{}", field.msb(), field.lsb)
    };
    if field.signed {
        format!("{range} signed")
    } else {
        range
    }
}

/// The text of the file `name` with every generated table replaced by the current one.
///
/// A table stands between the lines `<!-- table: NAME -->` and `<!-- end -->`.
fn replace(name: &str, text: &str, tables: Vec<(&'static str, String)>) -> Result<String> {
    let mut out = text.to_string();
    for (table, content) in tables {
        let open = format!("<!-- table: {table} -->\n");
        let start = out
            .find(&open)
            .with_context(|| format!("{name} has no line `{}`: put it back", open.trim()))?;
        let start = start + open.len();
        let length = out[start..].find("<!-- end -->");
        let length = length.with_context(|| {
            format!("table `{table}` of {name} is not closed by `<!-- end -->`")
        })?;
        out.replace_range(start..start + length, &content);
    }
    Ok(out)
}

/// `docs/streams.md` with its tables as they are now.
///
/// # Errors
/// A marker that is missing or not closed.
pub fn streams(text: &str) -> Result<String> {
    replace("docs/streams.md", text, stream_tables())
}

/// `docs/crew.md` with its tables as they are now.
///
/// # Errors
/// A marker that is missing or not closed.
pub fn crew(text: &str) -> Result<String> {
    replace("docs/crew.md", text, crew_tables())
}

/// `docs/acrtc.md` with its tables as they are now.
///
/// # Errors
/// A marker that is missing or not closed.
pub fn acrtc(text: &str) -> Result<String> {
    replace("docs/acrtc.md", text, acrtc_tables())
}

/// Regenerates the files below `root` (the project's folder); returns the names of those that changed.
///
/// # Errors
/// A file that cannot be read or written, a missing marker.
pub fn write(root: &Path) -> Result<Vec<String>> {
    update(root, |path, text| {
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    })
}

/// Fails when a committed file differs from what the tables say.
///
/// # Errors
/// Names the files and the command that regenerates them.
pub fn check(root: &Path) -> Result<()> {
    let stale = update(root, |_, _| Ok(()))?;
    ensure!(
        stale.is_empty(),
        "{} differs from the register table: run `{COMMAND}`",
        stale.join(", ")
    );
    Ok(())
}

fn update(root: &Path, mut save: impl FnMut(&Path, &str) -> Result<()>) -> Result<Vec<String>> {
    let mut changed = Vec::new();
    let read = |name: &str| {
        let path = root.join(name);
        std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    for (name, text) in [
        ("docs/regmap.md", regmap()),
        ("docs/streams.md", streams(&read("docs/streams.md")?)?),
        ("docs/crew.md", crew(&read("docs/crew.md")?)?),
        ("docs/acrtc.md", acrtc(&read("docs/acrtc.md")?)?),
    ] {
        let path = root.join(name);
        if std::fs::read_to_string(&path).ok().as_deref() != Some(text.as_str()) {
            save(&path, &text)?;
            changed.push(name.to_string());
        }
    }
    Ok(changed)
}
