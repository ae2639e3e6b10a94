//! One signature against all ways of an MCACHE set at once.

use crate::config::{Config, Tags, index_width};
use crate::hdl::prelude::*;

/// Bits compared by one look-up table: three of the signature with three of the tag.
const GROUP: usize = 3;

/// Compares a signature with the tags of all ways in parallel.
///
/// ```text
///              tag[0]   ─► [ = ] ─ and held[0] ────┐
///  signature ─────┬──────────▲                     ├─► hit, hit_way
///              tag[W-1] ─► [ = ] ─ and held[W-1] ──┘
///
///  [ = ]: three bits each ─► equal ─► + 1 ─► carry out = all are equal
/// ```
///
/// A carry chain is the widest "and" of an FPGA, and keeps synthesis from breaking the comparisons of three bits apart.
///
/// **Latency** 0; with [`Tags::LutRamCompared`] a register stands behind the comparisons, and `held`, `hit` and `hit_way` are those
/// of the cycle after. **Back-pressure** none. **Parameters** `ways` 1…1024, a power of two; `sig_w` 1…128.
/// At most one way that holds a tag may hold the signature: the MCACHE inserts only what it does not find.
///
/// The test `signature_comparator_searches_all_ways` compares it with a search; the gate test `signature_comparator` its
/// Verilog with it.
#[derive(LogicBlock)]
pub struct SignatureComparator {
    /// What is looked for.
    pub signature: Sig<In>,
    /// Tag of each way.
    pub tag: Vec<Sig<In>>,
    /// Ways that hold a tag: bit w for way w.
    pub held: Sig<In>,
    /// Such a way holds the signature.
    pub hit: Bit<Out>,
    /// That way; 0 without a hit.
    pub hit_way: Sig<Out>,
    difference: Vec<Sig<Local>>,
    equal: Vec<Sig<Local>>,
    matches: Vec<Bit<Local>>,
    match_q: Vec<BitReg>,
    ways: Param,
    groups: Param,
    registered: Param,
    about: About,
}

impl SignatureComparator {
    /// The comparator for a configuration's ways and signatures.
    pub fn new(config: &Config) -> Self {
        let ways = config.mcache.ways;
        let registered = usize::from(config.mcache.tags == Tags::LutRamCompared);
        let groups = config.sig_w.div_ceil(GROUP);
        SignatureComparator {
            signature: Sig::unsigned(config.sig_w),
            tag: (0..ways).map(|_| Sig::unsigned(config.sig_w)).collect(),
            held: Sig::unsigned(ways),
            hit: Bit::new(),
            hit_way: Sig::unsigned(index_width(ways)),
            difference: (0..ways).map(|_| Sig::unsigned(GROUP * groups)).collect(),
            equal: (0..ways).map(|_| Sig::unsigned(groups + 1)).collect(),
            matches: (0..ways).map(|_| Bit::new()).collect(),
            match_q: (0..ways * registered)
                .map(|_| BitReg::new().without_reset())
                .collect(),
            ways: Param::new(ways),
            groups: Param::new(groups),
            registered: Param::new(registered),
            about: About::new(
                "signature_comparator",
                "Compares a signature with the tags of all ways at once.",
            ),
        }
    }
}

impl Logic for SignatureComparator {
    #[hdl_gen]
    fn update(&mut self) {
        self.hit.next = false;
        self.hit_way.next = 0.into();
        for w in 0..self.ways.val() {
            self.difference[w].next = unsigned_cast(self.tag[w].val() ^ self.signature.val());
            self.equal[w].next = 0.into();
            for g in 0..self.groups.val() {
                self.equal[w].next = self.equal[w]
                    .val()
                    .replace_bit(g, !self.difference[w].val().get_bits::<3>(3 * g).any());
            }
            self.equal[w].next = self.equal[w].val() + 1;
            self.matches[w].next = self.equal[w].val().get_bit(self.groups.val());
            for _r in 0..self.registered.val() {
                self.match_q[w].next = self.equal[w].val().get_bit(self.groups.val());
                self.matches[w].next = self.match_q[w].val();
            }
            if self.matches[w].val() && self.held.val().get_bit(w) {
                self.hit.next = true;
                self.hit_way.next = w.into();
            }
        }
    }
}
