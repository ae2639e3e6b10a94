//! One signature against all ways of an MCACHE set at once.

use crate::config::{Config, index_width};
use crate::hdl::prelude::*;

/// Compares a signature with the tags of all ways in parallel, and finds the lowest free way.
///
/// ```text
///              tag[0], valid[0] ─► [ = ] ─┐
///  signature ─────────┬───────────▲       ├─► hit, hit_way
///              tag[W-1], valid[W-1] ─► [=]┘
///                     valid ─► first 0 ─────► free, free_way
/// ```
///
/// **Latency** 0. **Back-pressure** none. **Parameters** `ways` 1…1024, a power of two; `sig_w` 1…128.
/// At most one valid way may hold a signature: the MCACHE inserts only what it does not find.
///
/// The test `signature_comparator_searches_all_ways` compares it with a search; the gate test `signature_comparator` its
/// Verilog with it.
#[derive(LogicBlock)]
pub struct SignatureComparator {
    /// What is looked for.
    pub signature: Sig<In>,
    /// Tag of each way.
    pub tag: Vec<Sig<In>>,
    /// Bit w: way w holds a tag.
    pub valid: Sig<In>,
    /// A valid way holds the signature.
    pub hit: Bit<Out>,
    /// That way; 0 without a hit.
    pub hit_way: Sig<Out>,
    /// A way is free.
    pub free: Bit<Out>,
    /// The lowest free way; 0 if none is.
    pub free_way: Sig<Out>,
    ways: Param,
    about: About,
}

impl SignatureComparator {
    /// The comparator for a configuration's ways and signatures.
    pub fn new(config: &Config) -> Self {
        let ways = config.mcache.ways;
        let way_w = index_width(ways);
        SignatureComparator {
            signature: Sig::unsigned(config.sig_w),
            tag: (0..ways).map(|_| Sig::unsigned(config.sig_w)).collect(),
            valid: Sig::unsigned(ways),
            hit: Bit::new(),
            hit_way: Sig::unsigned(way_w),
            free: Bit::new(),
            free_way: Sig::unsigned(way_w),
            ways: Param::new(ways),
            about: About::new(
                "signature_comparator",
                "Compares a signature with the tags of all ways at once; finds the lowest free way.",
            ),
        }
    }
}

impl Logic for SignatureComparator {
    #[hdl_gen]
    fn update(&mut self) {
        self.hit.next = false;
        self.hit_way.next = 0.into();
        self.free.next = false;
        self.free_way.next = 0.into();
        for w in 0..self.ways.val() {
            if self.valid.val().get_bit(w) && (self.tag[w].val() == self.signature.val()) {
                self.hit.next = true;
                self.hit_way.next = w.into();
            }
            if !self.valid.val().get_bit(w) && !self.free.val() {
                self.free.next = true;
                self.free_way.next = w.into();
            }
        }
    }
}
