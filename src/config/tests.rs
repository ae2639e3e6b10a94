use super::*;

/// The `small` preset with one line of its TOML replaced.
fn edited(key: &str, value: &str) -> Result<Config, ConfigError> {
    let text = include_str!("../../configs/small.toml");
    let (head, table) = text.split_once("[mcache]").unwrap();
    let replace = |part: &str, key: &str| -> String {
        let line = |l: &str| {
            if l.starts_with(&format!("{key} =")) {
                format!("{key} = {value}\n")
            } else {
                format!("{l}\n")
            }
        };
        part.lines().map(line).collect()
    };
    let text = match key.strip_prefix("mcache.") {
        Some("tags") => format!("{text}tags = {value}\n"),
        Some(key) => format!("{head}[mcache]\n{}", replace(table, key)),
        None => format!("{}[mcache]{table}", replace(head, key)),
    };
    Config::parse(&text, "test")
}

/// Each refusal names the value, the limit and the fix.
#[track_caller]
fn refused(config: Result<Config, ConfigError>, parts: &[&str]) {
    let error = config.expect_err("must be refused").to_string();
    for part in parts {
        assert!(error.contains(part), "`{part}` is not in: {error}");
    }
}

#[test]
fn presets_are_legal_and_named_like_their_files() {
    for name in Config::preset_names() {
        let config = Config::preset(name).unwrap();
        assert_eq!(config.name, name);
        assert!(!config.description.is_empty());
        assert_eq!(
            Config::parse(&config.to_toml(), "round trip").unwrap(),
            config
        );
    }
}

#[test]
fn tags_are_in_lut_ram_or_block_ram() {
    let of = |tags: &str| edited("mcache.tags", tags);
    let small = Config::preset("small").unwrap();
    assert_eq!(small.mcache.tags, Tags::LutRam);
    assert_eq!(of("\"lut_ram\"").unwrap(), small);
    let in_blocks = of("\"block_ram\"").unwrap();
    assert_eq!(in_blocks.mcache.tags, Tags::BlockRam);
    assert_eq!(
        Config::parse(&in_blocks.to_toml(), "round trip").unwrap(),
        in_blocks
    );
    let registered = of("\"lut_ram_registered\"").unwrap();
    assert_eq!(registered.mcache.tags, Tags::LutRamRegistered);
    assert_eq!(
        registered.estimate().blocks(),
        small.estimate().blocks(),
        "no block RAM"
    );
    refused(of("\"flops\""), &["flops", "lut_ram", "block_ram", "tags"]);

    // 16 words of 48 bits are two block RAMs of 36 bits, for each of 2 detectors' 8 ways; in LUT RAM none is counted.
    let blocks = in_blocks.estimate().blocks() - small.estimate().blocks();
    assert_eq!(blocks, 2 * 2 * 8);
}

#[test]
fn presets_have_the_sizes_of_the_design() {
    let sizes = |name| {
        let c = Config::preset(name).unwrap();
        [
            c.sets,
            c.pes,
            c.tile,
            c.mcache.sets,
            c.mcache.ways,
            c.k_max,
            c.p_max,
            c.sig_w,
            c.l,
            c.bus_w,
        ]
    };
    assert_eq!(sizes("tiny"), [2, 2, 16, 4, 2, 9, 10, 32, 3, 64]);
    assert_eq!(sizes("small"), [2, 4, 256, 16, 8, 16, 20, 48, 3, 64]);
    assert_eq!(sizes("ecp5"), [1, 16, 1024, 32, 16, 16, 20, 48, 3, 64]);
    assert_eq!(sizes("paper"), [12, 14, 1024, 64, 16, 32, 32, 96, 3, 512]);
}

#[test]
fn values_outside_of_their_range_are_refused() {
    refused(
        edited("pes", "0"),
        &["pes = 0", "1…255", "nearest legal value is 1"],
    );
    refused(
        edited("sets", "0"),
        &["sets = 0", "1…32", "nearest legal value is 1"],
    );
    refused(
        edited("sets", "33"),
        &["sets = 33", "1…32", "nearest legal value is 32"],
    );
    refused(
        edited("tile", "8192"),
        &["tile = 8192", "2…4096", "nearest legal value is 4096"],
    );
    refused(
        edited("l", "0"),
        &["l = 0", "1…15", "nearest legal value is 1"],
    );
    refused(
        edited("k_max", "65"),
        &["k_max = 65", "1…64", "nearest legal value is 64"],
    );
    refused(
        edited("k_max", "0"),
        &["k_max = 0", "1…64", "nearest legal value is 1"],
    );
    refused(
        edited("p_max", "65"),
        &["p_max = 65", "1…32", "nearest legal value is 32"],
    );
    refused(
        edited("sig_w", "300"),
        &["sig_w = 300", "1…128", "nearest legal value is 128"],
    );
    refused(
        edited("acc_w", "54"),
        &["acc_w = 54", "44…53", "nearest legal value is 53"],
    );
    refused(
        edited("feature_words", "4"),
        &["feature_words = 4", "8…", "nearest legal value is 8"],
    );
}

#[test]
fn values_that_are_no_power_of_two_are_refused() {
    refused(
        edited("mcache.ways", "3"),
        &["mcache.ways = 3", "power of two", "use 2 or 4"],
    );
    refused(
        edited("mcache.sets", "12"),
        &["mcache.sets = 12", "power of two", "use 8 or 16"],
    );
    refused(
        edited("tile", "200"),
        &["tile = 200", "power of two", "use 128 or 256"],
    );
    refused(
        edited("feature_words", "3000"),
        &["feature_words = 3000", "power of two", "use 2048 or 4096"],
    );
    refused(
        edited("weight_words", "100"),
        &["weight_words = 100", "power of two", "use 64 or 128"],
    );
}

#[test]
fn values_outside_of_their_list_are_refused() {
    refused(
        edited("data_w", "12"),
        &["data_w = 12", "one of 8, 16", "choose one"],
    );
    refused(
        edited("bus_w", "96"),
        &["bus_w = 96", "one of 64, 128, 256, 512", "choose one"],
    );
}

#[test]
fn values_that_contradict_each_other_are_refused() {
    refused(
        edited("tile", "8"),
        &["k_max = 16", "tile = 8 words", "use k_max = 8 or less"],
    );
    refused(
        edited("weight_words", "16"),
        &["weight_words = 16", "2·k_max = 32", "use 32 or more"],
    );
    refused(
        edited("sig_w", "12"),
        &["sig_w = 12", "p_max = 20", "use sig_w = 20 or more"],
    );
}

#[test]
fn accumulators_that_could_overflow_are_refused() {
    refused(
        edited("acc_w", "43"),
        &[
            "acc_w = 43",
            "could overflow",
            "= 44 bits",
            "use acc_w = 44 or more",
        ],
    );
    let config = edited("acc_w", "44").unwrap();
    let worst = (config.tile * config.k_max) as i128 * (1i128 << (2 * config.data_w - 2));
    assert!(
        worst < 1i128 << (config.acc_w - 1),
        "the least legal width holds the worst sum"
    );
    assert!(
        worst >= 1i128 << (config.acc_w - 2),
        "and one bit less does not"
    );
}

#[test]
fn the_longest_accumulation_just_fits() {
    for name in Config::preset_names() {
        let c = Config::preset(name).unwrap();
        let (product, limit) = (1i128 << (2 * c.data_w - 2), 1i128 << (c.acc_w - 1));
        assert!(c.max_terms() as i128 * product < limit);
        assert!((c.max_terms() as i128 + 1) * product >= limit);
    }
}

#[test]
fn names_that_cannot_be_modules_are_refused() {
    for name in ["", "Big", "3d", "a-b", "a__b", "a_", "a b"] {
        refused(
            edited("name", &format!("\"{name}\"")),
            &["name = ", name, "a letter first", "my_size"],
        );
    }
}

#[test]
fn unknown_and_missing_keys_are_named() {
    let text = include_str!("../../configs/small.toml");
    refused(
        Config::parse(&format!("colour = 3\n{text}"), "my.toml"),
        &["my.toml", "unknown field `colour`", "expected"],
    );
    refused(
        Config::parse(&format!("{text}depth = 3\n"), "my.toml"),
        &["unknown field `depth`", "`sets`, `ways`, `tags`"],
    );
    refused(
        Config::parse(&text.replace("tile = 256\n", ""), "my.toml"),
        &["missing field `tile`"],
    );
    refused(
        Config::parse(&text.replace("tile = 256", "tile = -1"), "my.toml"),
        &["-1", "tile"],
    );
}

#[test]
fn unknown_presets_and_files_are_named() {
    refused(
        Config::preset("huge"),
        &["`huge`", "tiny, small, ecp5, paper", "--config"],
    );
    refused(
        Config::load(Path::new("/no/such.toml")),
        &["/no/such.toml", "No such file", "existing"],
    );
}

#[test]
fn devices_that_are_too_small_are_refused() {
    let on = |device: &str, edit: fn(&mut Config)| {
        let mut config = Config::preset("ecp5").unwrap();
        config.device = Some(device.into());
        edit(&mut config);
        config.check().map(|()| config)
    };
    assert!(on("LFE5U-85F", |_| ()).is_ok());
    refused(
        on("LFE5U-85F", |c| c.pes = 157),
        &["157 PEs", "it has 156", "at most 156 PEs"],
    );
    refused(
        on("LFE5U-85F", |c| c.pes = 32),
        &[
            "318 EBR (18 kbit) are needed and it has 208",
            "psum RAM",
            "lower tile",
        ],
    );
    refused(
        on("LFE5U-85F", |c| c.feature_words = 1 << 16),
        &["it has 208", "feature bank", "lower feature_words"],
    );
    refused(
        on("XC7A35T", |_| ()),
        &["\"XC7A35T\"", "LFE5U-85F, XC7VX690T", "leave the key out"],
    );
}

#[test]
fn block_rams_are_counted_in_their_best_shape() {
    let [ecp5, virtex] = Device::ALL;
    assert_eq!(ecp5.blocks_for(1024, 48), 3, "three 1024 x 18");
    assert_eq!(ecp5.blocks_for(512, 64), 2, "two 512 x 36");
    assert_eq!(ecp5.blocks_for(2048, 9), 1, "one 2048 x 9");
    assert_eq!(ecp5.blocks_for(64, 48), 0, "LUT RAM");
    assert_eq!(ecp5.blocks_for(65, 48), 2, "block RAM from 65 words on");
    assert_eq!(virtex.blocks_for(512, 512), 15, "fifteen 512 x 36");
    assert_eq!(virtex.blocks_for(1024, 48), 3, "three 1024 x 18");
    let total = |name: &str| Config::preset(name).unwrap().estimate().blocks();
    assert_eq!(total("ecp5"), 2 * 16 * 3 + 16 + 6 * 8 + 16 + 12 + 2);
    assert_eq!(
        total("paper"),
        2 * 168 * 3 + 168 + 72 * 15 + 168 * 3 + 12 * (8 + 4)
    );
}

#[test]
fn the_estimate_prints_use_and_limit() {
    let text = Config::preset("paper").unwrap().estimate().to_string();
    assert!(
        text.contains("XC7VX690T: 2904 of 2940 RAMB18 (18 kbit) (99 %)"),
        "{text}"
    );
    assert!(text.contains("168 of 3600 multipliers (5 %)"), "{text}");
    let text = Config::preset("tiny").unwrap().estimate().to_string();
    assert!(
        text.contains("LUT RAM") && text.contains("no limit"),
        "{text}"
    );
}

#[test]
fn the_hash_sees_sizes_and_nothing_else() {
    let small = Config::preset("small").unwrap();
    assert_eq!(small.hash().len(), 16);
    assert_eq!(format!("{:08x}", small.hash_word()), small.hash()[..8]);
    assert_eq!(
        edited("description", "\"other\"").unwrap().hash(),
        small.hash()
    );
    for (key, value) in [
        ("pes", "5"),
        ("name", "\"other\""),
        ("l", "4"),
        ("acc_w", "50"),
        ("mcache.ways", "4"),
        ("mcache.tags", "\"block_ram\""),
    ] {
        assert_ne!(edited(key, value).unwrap().hash(), small.hash(), "{key}");
    }
}

#[test]
fn derived_widths() {
    let c = Config::preset("small").unwrap();
    assert_eq!(
        (c.pe_count(), c.lanes(), c.bus_bytes(), c.product_w()),
        (8, 4, 8, 32)
    );
    assert_eq!(
        (c.set_w(), c.pe_w(), c.tile_w(), c.tile_count_w()),
        (1, 2, 8, 9)
    );
    assert_eq!(
        (c.k_w(), c.k_count_w(), c.bank_w(), c.lane_w()),
        (4, 5, 2, 2)
    );
    assert_eq!(
        (
            c.bank_depth(),
            c.bank_depth_w(),
            c.feature_w(),
            c.weight_w()
        ),
        (512, 9, 11, 8)
    );
    assert_eq!(
        (c.mcache.entries(), c.mcache.entry_w(), c.p_count_w()),
        (128, 7, 5)
    );
    assert_eq!(
        (c.row_beats(), Config::preset("ecp5").unwrap().row_beats()),
        (1, 4)
    );
    assert_eq!([1, 2, 3, 4, 5].map(widths::index_width), [1, 1, 2, 2, 3]);
    assert_eq!([0, 1, 3, 4].map(widths::count_width), [1, 1, 2, 3]);
}
