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
        stream_features: 1,
        reuse: 9,
        shift: 47,
        cgroups: 65535,
        cg: 3,
        cg_last: 2,
        kr_addr: -4,
        kr_row: -32768,
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
    assert_eq!(SegmentHeader::unpack(5), None);
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
    let tile = Tile {
        images: 3,
        row_start: -7,
        start_addr: 65000,
        tag: 40000,
        flags: Tile::flag_bits(false, true),
        ..Tile::default()
    };
    let fields = tile.pack();
    assert_eq!((fields[0], fields[3], fields[12]), (3, 0xfff9, 2));
    assert_eq!(Tile::unpack(&fields), tile);
    assert_eq!((tile.zero(), tile.drain()), (false, true));
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
