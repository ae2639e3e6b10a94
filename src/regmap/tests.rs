//! The tables are consistent, and words survive packing.

use std::collections::HashSet;

use super::*;

#[test]
fn keys_name_their_own_entry_and_addresses_ascend_by_four() {
    for (i, register) in REGISTERS.iter().enumerate() {
        assert_eq!(register.reg as usize, i);
        assert_eq!(register.reg.register().name, register.name);
    }
    for (i, word) in words().enumerate() {
        assert_eq!(word.offset as usize, 4 * i);
        assert_eq!(word.offset, word.register.reg.offset() + word.shift / 8);
        assert!(word.offset < 1 << ADDRESS_BITS);
    }
    assert!(
        words().count() * 4 > 1 << (ADDRESS_BITS - 1),
        "address one bit too wide"
    );
}

/// The same of a table of CREW or of the tensor cores, and that exactly its identity registers have a value.
macro_rules! table_is_consistent {
    ($test:ident, $map:ident, $config:ty) => {
        #[test]
        fn $test() {
            for (i, word) in $map::words().enumerate() {
                assert_eq!(word.offset as usize, 4 * i);
                assert!(word.offset < 1 << $map::ADDRESS_BITS);
            }
            for (i, register) in $map::REGISTERS.iter().enumerate() {
                assert_eq!(register.reg as usize, i);
                assert!(!register.doc.is_empty() && !register.fields.is_empty());
            }
            for preset in <$config>::preset_names() {
                let config = <$config>::preset(preset).unwrap();
                for register in $map::REGISTERS {
                    let shown = $map::identity(register.reg, &config).is_some();
                    let name = register.name;
                    assert_eq!(shown, register.access == Access::Identity, "{name}");
                }
            }
        }
    };
}

table_is_consistent!(the_table_of_crew, fc, crate::config::fc::FcConfig);
table_is_consistent!(the_table_of_tensor_cores, tc, crate::config::tc::TcConfig);

#[test]
fn fields_are_documented_do_not_overlap_and_fit_their_word() {
    let check = |owner: &str, fields: &[Field], width: u32| {
        let mut used = 0u128;
        for field in fields {
            let mask = ((1u128 << field.bits) - 1) << field.lsb;
            assert!(
                field.bits > 0 && field.msb() < width,
                "{owner}.{}",
                field.name
            );
            assert_eq!(used & mask, 0, "{owner}.{} overlaps", field.name);
            used |= mask;
        }
    };
    let mut names = HashSet::new();
    for register in REGISTERS {
        assert!(names.insert(register.name), "{} twice", register.name);
        assert!(!register.doc.is_empty());
        check(register.name, register.fields, 32 * register.words());
        if register.access != Access::Statistic {
            assert!(
                register.fields.iter().all(|f| !f.doc.is_empty()),
                "{}",
                register.name
            );
        }
    }
    let mut job_fields = HashSet::new();
    for register in REGISTERS.iter().filter(|r| r.access == Access::Job) {
        assert!(
            register.fields.iter().all(|f| job_fields.insert(f.name)),
            "{}",
            register.name
        );
    }
    check("header", &HEADER, 64);
    check("output header", &OUT_HEADER, 64);
    check("trailer", &OUT_TRAILER, 64);
    check("tile flags", &TILE_FLAGS, TILE_FIELD_BITS as u32);
    assert!(TILE_FIELDS.len() <= TILE_SLOTS);
    for (i, field) in TILE_FIELDS.iter().enumerate() {
        assert_eq!(field.lsb as usize, i * TILE_FIELD_BITS);
    }
}

#[test]
fn job_registers_survive_the_way_through_words() {
    let regs = JobRegs {
        stream_features: true,
        reuse: 9,
        shift: 47,
        cgroups: 65535,
        cg: 3,
        cg_last: 2,
        kr_addr: -4i16 as u16,
        kr_row: 0x8000,
        chunk_row: 32767,
        y_bank: 2,
        ring_slots: 7,
        ..JobRegs::default()
    };
    assert_eq!(regs.misfit(), None);
    let words: Vec<_> = regs.words().collect();
    let job = REGISTERS
        .iter()
        .filter(|r| r.access == Access::Job)
        .map(|r| r.reg);
    assert!(job.eq(words.iter().map(|w| w.0)));
    let read = |reg| words.iter().find(|w| w.0 == reg).unwrap().1;
    assert_eq!(read(Reg::ChannelsPerGroup), 0x0002_0003);
    assert_eq!(read(Reg::KrStep), 0x8000_fffc);
    assert_eq!(JobRegs::from_words(read), regs);

    let wide = JobRegs { y_bank: 16, ..regs };
    assert_eq!(wide.misfit().unwrap().0.name, "Y_BANK");
}

#[test]
fn stream_words_survive_packing() {
    for &(kind, name, doc) in SEGMENT_KINDS {
        let header = SegmentHeader {
            kind,
            bank: 2,
            slot_end: true,
            count: 0xabcde,
            mask: 0x8000_0001,
        };
        assert_eq!(SegmentHeader::unpack(header.pack()), Some(header), "{name}");
        assert!(!doc.is_empty());
    }
    assert_eq!(SegmentHeader::unpack(8), None);
    let out = OutHeader {
        shift_mode: true,
        set: 11,
        rows: 1 << 16,
        tag: 0xffff,
        pass: 77,
    };
    assert_eq!(OutHeader::unpack(out.pack()), Some(out));
    assert_eq!(
        (
            OutHeader::unpack(0xf),
            trailer_error(0x50f),
            trailer_error(1)
        ),
        (None, Some(5), None)
    );
    let tile = TileDescriptor {
        images: 3,
        row_start: -7,
        start_addr: 65000,
        tag: 40000,
        drain: true,
        ..TileDescriptor::default()
    };
    let words = tile.words();
    assert_eq!((words[0], words[3], words[12]), (3, 0xfff9, 2));
    assert_eq!(TileDescriptor::from_words(&words), tile);
    assert!(TILE_FIELDS[3].signed && !TILE_FIELDS[8].signed);
}

#[test]
fn codes_are_unique() {
    let errors: HashSet<_> = ERRORS.iter().map(|(e, ..)| e.code()).collect();
    assert_eq!(errors.len(), ERRORS.len());
    assert!(!errors.contains(&0), "0 means no error");
    assert_eq!(Error::from_code(5), Some(Error::Range));
    assert_eq!(
        (Error::Range.name(), SegmentKind::from_code(9)),
        ("RANGE", None)
    );
}

#[test]
fn committed_documentation_is_current() {
    docs::check(std::path::Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
}

#[test]
fn a_stale_document_is_refused_and_the_message_names_the_command() {
    let dir = tempfile::tempdir().unwrap();
    let docs_dir = dir.path().join("docs");
    std::fs::create_dir(&docs_dir).unwrap();
    let streams = include_str!("../../docs/streams.md").replace("payload beats", "payload words");
    std::fs::write(docs_dir.join("streams.md"), streams).unwrap();
    std::fs::write(docs_dir.join("regmap.md"), docs::regmap()).unwrap();
    for (name, text) in [
        ("crew.md", include_str!("../../docs/crew.md")),
        ("acrtc.md", include_str!("../../docs/acrtc.md")),
    ] {
        std::fs::write(docs_dir.join(name), text).unwrap();
    }
    let error = docs::check(dir.path()).unwrap_err().to_string();
    assert!(
        error.contains("docs/streams.md differs") && error.contains(docs::COMMAND),
        "{error}"
    );
    assert_eq!(docs::write(dir.path()).unwrap(), ["docs/streams.md"]);
    docs::check(dir.path()).unwrap();
}

/// Compiles the header and prints values of its macros; they must be those of the table.
#[test]
fn c_header_compiles_and_has_the_values_of_the_table() {
    let config = crate::config::Config::preset("tiny").unwrap();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join(c_header::FILE_NAME),
        c_header::render(&config),
    )
    .unwrap();
    let mut expected: Vec<(String, u64)> = words()
        .map(|word| (format!("REG_{}", word.name), word.offset.into()))
        .collect();
    let mut expect = |name: &str, value: u64| expected.push((name.into(), value));
    expect("CG_CG_LAST_SHIFT", 16);
    expect("CG_MASK", 0xffff);
    expect("VALUE_ID", 0x4d43_5259);
    expect("VALUE_CONFIG_HASH", config.hash_word().into());
    expect("VALUE_SIZE0", 0x0010_0202);
    expect("HEADER_MASK_MASK", 0xffff_ffff_0000_0000);
    expect("TILE_TAG", 11);
    expect("SEGMENT_END", 15);
    expect("ERROR_NO_PROGRESS", 6);
    let prints: String = expected
        .iter()
        .map(|(name, _)| format!("printf(\"%llx\\n\", (unsigned long long)MERCURY_{name});\n"))
        .collect();
    let program = format!(
        "#include <stdio.h>\n#include \"mercury_regs.h\"\nint main(void) {{\n{prints}return 0; }}\n"
    );
    for (compiler, source) in [("gcc", "main.c"), ("g++", "main.cpp")] {
        std::fs::write(dir.path().join(source), &program).unwrap();
        let mut command = std::process::Command::new(compiler);
        let out = command
            .args(["-Wall", "-Wextra", "-Werror", source, "-o", "main"])
            .current_dir(&dir)
            .output()
            .unwrap();
        assert!(
            out.status.success(),
            "{}",
            String::from_utf8_lossy(&out.stderr)
        );
        let out = std::process::Command::new(dir.path().join("main"))
            .output()
            .unwrap();
        let printed = String::from_utf8(out.stdout).unwrap();
        for ((name, value), line) in expected.iter().zip(printed.lines()) {
            assert_eq!(u64::from_str_radix(line, 16).unwrap(), *value, "{name}");
        }
        assert_eq!(printed.lines().count(), expected.len());
    }
}
