//! The whole accelerator as text.

use crate::tiny;
use mercury::config::{Config, Issue};
use mercury::designs::Mercury;
use mercury::hdl::verilog::{self, Design, Header, Port};
use std::collections::BTreeSet;

/// The top module and its blocks, with and without reuse.
const BLOCKS: usize = 48;
const DENSE_BLOCKS: usize = 25;

fn printed(config: &Config) -> Design {
    let header = Header {
        generator_version: "test".into(),
        preset: config.name.clone(),
        config_hash: config.hash(),
    };
    verilog::print(&Mercury::new(config), &config.top(), &header).expect("the checks pass")
}

/// Modules that are no memory.
fn blocks(design: &Design) -> usize {
    let is_memory = |name: &str| name.starts_with("ram_") || name.starts_with("lut_ram_");
    let names: BTreeSet<&str> = design.modules.iter().map(|m| m.name.as_str()).collect();
    assert_eq!(names.len(), design.modules.len(), "each has its name");
    names.iter().filter(|name| !is_memory(name)).count()
}

#[test]
fn design_prints_and_passes_the_checks() {
    for preset in Config::preset_names() {
        let config = Config::preset(preset).expect("a preset of the project");
        let design = printed(&config);
        // The queue of items stands in designs with `issue = "registered"` alone.
        let queue = usize::from(config.issue == Issue::Registered);
        // Drain and detectors go round among sets: the same block if one detector serves them all.
        let turn = usize::from(config.sets_per_detector() != config.sets);
        assert_eq!(blocks(&design), BLOCKS + queue + turn, "{preset}");
        assert_eq!(design.modules.last().map(|m| &m.name), Some(&config.top()));
        assert_eq!(design.top, config.top());
        assert_eq!(
            design.single_file(),
            printed(&config).single_file(),
            "{preset} twice"
        );
    }
}

#[test]
fn nothing_of_reuse_is_left_in_a_dense_design() {
    let config = Config {
        reuse: false,
        ..tiny()
    };
    let design = printed(&config);
    assert_eq!(blocks(&design), DENSE_BLOCKS);
    let of_reuse = ["detect", "hitmap", "walker", "mcache", "trace"];
    let left = |name: &str| of_reuse.iter().any(|part| name.contains(part));
    for module in &design.modules {
        assert!(!left(&module.name), "{}", module.name);
    }
    for port in &design.ports {
        assert!(!left(&port.name), "{}", port.name);
    }
}

#[test]
fn a_design_without_trace_has_no_other_difference() {
    let without = printed(&Config {
        trace: false,
        ..tiny()
    });
    let with = printed(&tiny());
    assert_eq!(blocks(&without), blocks(&with));
    let (trace, rest): (Vec<_>, Vec<_>) = with
        .ports
        .iter()
        .partition(|p| p.name.starts_with("trace_"));
    assert_eq!(trace.len(), 6);
    let names = |ports: &[&Port]| ports.iter().map(|p| p.name.clone()).collect::<Vec<_>>();
    assert_eq!(
        names(&without.ports.iter().collect::<Vec<_>>()),
        names(&rest)
    );
}
