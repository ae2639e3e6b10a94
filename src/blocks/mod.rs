//! One hardware block a file.
//!
//! | block | what it does |
//! |---|---|
//! | [`axil_regs`] | register file behind AXI4-Lite |
//! | [`axil_slave`] | AXI4-Lite slave of any register table |
//! | [`axi`] | the AXI ports of an accelerator |
//! | [`job_fields`] | bundles of job register fields |
//! | [`reuse_fields`] | register fields of reuse |
//! | [`product_limit`] | whether a product is above a limit, without a multiplier |
//! | [`job_state`] | START to trailer, errors, of the designs beside MERCURY |
//! | [`job_control`] | START to trailer, errors, counters |
//! | [`loader`] | parses the input stream, deals it to the PE sets |
//! | [`pe_set`] | C processing elements in lockstep |
//! | [`set_sequencer`] | what a PE set issues when |
//! | [`set_reuse`] | what reuse adds to a set |
//! | [`tile_queue`] | tile descriptors of a set |
//! | [`loop_nest`] | the loop counters |
//! | [`loop_level`] | … one level of them |
//! | [`group_nest`] | the loop counters of groups |
//! | [`list_reader`] | reads Hitmap lists ahead of their use |
//! | [`issue_gate`] | whether a PE set issues, a cycle ahead |
//! | [`item_queue`] | three items between list and walker |
//! | [`item_walker`] | what is issued for a list's items |
//! | [`element_table`] | where the elements of a vector lie |
//! | [`flush_list`] | entries that a weight gradient flushes |
//! | [`lowest_bit`] | which element of a vector comes next |
//! | [`patch_agu`] | feature addresses and padding |
//! | [`feature_ring`] | account of the feature slots of a set |
//! | [`weight_ring`] | account of the weights of a set |
//! | [`psum_banks`] | account of the psum banks and the operand of a set |
//! | [`element_pipe`] | control pipeline of a PE set |
//! | [`cache_pipe`] | control pipeline of the MCACHE data of a set |
//! | [`feature_buffer`] | banked block RAM for features |
//! | [`pe`] | weights, multiplier, psum banks |
//! | [`mcache_data`] | a PE's results that can be reused |
//! | [`rpq`] | random projection with quantisation: signatures |
//! | [`signature_comparator`] | a signature against all ways |
//! | [`cache_index`] | the MCACHE set of a signature |
//! | [`mcache`] | tags of the signature cache |
//! | [`detect_front`] | detection side of a PE set: what to detect next |
//! | [`list_memory`] | words of the Hitmap lists |
//! | [`hitmap`] | lists of the work that detection leaves |
//! | [`detector`] | which vectors of a group need computing |
//! | [`detector_load`] | read program, matrix and offsets of a detector, as they are loaded |
//! | [`group_elements`] | which elements the groups of a job have |
//! | [`bank_choice`] | which lane of a detector each bank serves |
//! | [`range_check`] | elements that lie out of range |
//! | [`few_runs`] | whether a loop runs once or twice |
//! | [`set_turn`] | round robin among the sets |
//! | [`detector_lane`] | read program of one lane of a detector |
//! | [`position_walk`] | positions of a tile in order |
//! | [`drain`] | reads psum banks, sends results |
//! | [`output_packer`] | rounds or not, packs the output beats |
//! | [`requantizer`] | one lane of rounding and saturation |
//! | [`host`] | serial link of a board to registers and streams |
//! | [`crew`] | blocks of the designs for fully connected layers |
//! | [`acrtc`] | blocks of the tensor cores |

// Kernels have no match guards: an `if` inside of an arm is the only way to write one.
#![allow(clippy::collapsible_match)]

pub mod acrtc;
pub mod axi;
pub mod axil_regs;
pub mod axil_slave;
pub mod bank_choice;
pub mod cache_index;
pub mod cache_pipe;
pub mod crew;
pub mod detect_front;
pub mod detector;
pub mod detector_lane;
pub mod detector_load;
pub mod drain;
pub mod element_pipe;
pub mod element_table;
pub mod feature_buffer;
pub mod feature_ring;
pub mod few_runs;
pub mod flush_list;
pub mod group_elements;
pub mod group_nest;
pub mod hitmap;
pub mod host;
pub mod issue_gate;
pub mod item_queue;
pub mod item_walker;
pub mod job_control;
pub mod job_fields;
pub mod job_state;
pub mod list_memory;
pub mod list_reader;
pub mod loader;
pub mod loop_level;
pub mod loop_nest;
pub mod lowest_bit;
pub mod mcache;
pub mod mcache_data;
pub mod output_packer;
pub mod patch_agu;
pub mod pe;
pub mod pe_set;
pub mod position_walk;
pub mod product_limit;
pub mod psum_banks;
pub mod range_check;
pub mod requantizer;
pub mod reuse_fields;
pub mod rpq;
pub mod set_reuse;
pub mod set_sequencer;
pub mod set_turn;
pub mod signature_comparator;
pub mod tile_queue;
pub mod weight_ring;

use crate::hdl::Param;
use crate::regmap::Field;

/// The field `name` of a table.
fn field<'a>(table: &'a [Field], name: &str) -> &'a Field {
    let found = table.iter().find(|field| field.name == name);
    found.unwrap_or_else(|| panic!("the table has no field {name}"))
}

/// Lowest bit of the field `name`, as a literal of a kernel.
fn lsb_of(table: &[Field], name: &str) -> Param {
    Param::new(field(table, name).lsb as usize)
}

/// Width of the field `name` in bits.
fn bits_of(table: &[Field], name: &str) -> usize {
    field(table, name).bits as usize
}
