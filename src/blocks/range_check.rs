//! Elements that lie out of range.

use super::loop_nest::COUNT_W;
use super::patch_agu::ADDR_W;
use crate::config::Config;
use crate::hdl::prelude::*;

/// Sees elements that a job's numbers put beyond the feature buffer or a psum bank.
///
/// ```text
///  reads, addr ─► [·] ─► addr ≥ FEATURE_WORDS ────────┐
///  issue, psum, place ─► [·] ─► either ≥ TILE ────────┴─► [range_error]
/// ```
///
/// **Latency** 2: nobody waits for it. **Back-pressure** none. **Parameters** `feature_words`, `tile`.
///
/// The test `range_check_sees_what_is_beyond` holds it to the limits.
#[derive(LogicBlock)]
pub struct RangeCheck {
    /// An element is read from the feature buffer.
    pub reads: Bit<In>,
    /// Its word.
    pub addr: Sig<In>,
    /// An element is issued.
    pub issue: Bit<In>,
    /// Its psum.
    pub psum: Sig<In>,
    /// Its position, where its operand would be.
    pub place: Sig<In>,
    /// The element of two cycles before lies beyond.
    pub range_error: Bit<Out>,
    reads_q: BitReg,
    issue_q: BitReg,
    addr_q: Reg,
    psum_q: Reg,
    place_q: Reg,
    beyond: BitReg,
    feature_words: Param,
    tile: Param,
    about: About,
}

impl RangeCheck {
    /// For the memories of a configuration.
    pub fn new(config: &Config) -> Self {
        RangeCheck {
            reads: Bit::new(),
            addr: Sig::unsigned(ADDR_W),
            issue: Bit::new(),
            psum: Sig::unsigned(COUNT_W),
            place: Sig::unsigned(COUNT_W),
            range_error: Bit::new(),
            reads_q: BitReg::new(),
            issue_q: BitReg::new(),
            addr_q: Reg::unsigned(ADDR_W).without_reset(),
            psum_q: Reg::unsigned(COUNT_W).without_reset(),
            place_q: Reg::unsigned(COUNT_W).without_reset(),
            beyond: BitReg::new(),
            feature_words: Param::new(config.feature_words),
            tile: Param::new(config.tile),
            about: About::new(
                "range_check",
                "Sees elements that lie beyond the feature buffer or a psum bank.",
            ),
        }
    }
}

impl Logic for RangeCheck {
    #[hdl_gen]
    fn update(&mut self) {
        self.reads_q.next = self.reads.val();
        self.issue_q.next = self.issue.val();
        self.addr_q.next = self.addr.val();
        self.psum_q.next = self.psum.val();
        self.place_q.next = self.place.val();
        self.beyond.next = (self.reads_q.val() && (self.addr_q.val() >= self.feature_words.val()))
            || (self.issue_q.val()
                && ((self.psum_q.val() >= self.tile.val())
                    || (self.place_q.val() >= self.tile.val())));
        self.range_error.next = self.beyond.val();
    }
}
