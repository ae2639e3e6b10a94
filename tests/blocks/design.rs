//! The whole accelerator as text.

use mercury::config::Config;
use mercury::designs::Mercury;
use mercury::hdl::verilog::{self, Design, Header};
use std::collections::BTreeSet;

fn printed(config: &Config) -> Design {
    let header = Header {
        generator_version: "test".into(),
        preset: config.name.clone(),
        config_hash: config.hash(),
    };
    verilog::print(&Mercury::new(config), &config.top(), &header).expect("the checks pass")
}

#[test]
fn design_prints_and_passes_the_checks() {
    for preset in Config::preset_names() {
        let config = Config::preset(preset).expect("a preset of the project");
        let design = printed(&config);
        // Top, 12 blocks, and three memories: feature bank, weight ring, psum bank.
        let names: BTreeSet<&str> = design.modules.iter().map(|m| m.name.as_str()).collect();
        assert_eq!(
            (names.len(), design.modules.len()),
            (19, 19),
            "{preset}: {names:?}"
        );
        assert_eq!(design.modules.last().map(|m| &m.name), Some(&config.top()));
        assert_eq!(design.top, config.top());
        assert_eq!(
            design.single_file(),
            printed(&config).single_file(),
            "{preset} twice"
        );
    }
}
