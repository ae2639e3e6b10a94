//! Which mechanisms of reuse a job met: what a campaign reports, so that none stays untried.

use crate::reuse::{Record, State};

/// Which mechanisms of reuse a job met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Met {
    /// A vector of zeros was skipped.
    pub zero: bool,
    /// A result was reused.
    pub hit: bool,
    /// A vector became a representative.
    pub mau: bool,
    /// A miss with signatures compared: the MCACHE set was full.
    pub full_set: bool,
    /// A position that was zero in every group: its psum was cleared.
    pub clear: bool,
    /// A group without any item.
    pub empty_list: bool,
    /// A weight gradient's group without any item, with psums that start from zero.
    pub zero_writes: bool,
    /// A sum of dY that takes two rounds.
    pub wide_sum: bool,
    /// An entry's result used in two cycles in a row.
    pub hit_after_hit: bool,
    /// A HIT whose entry's MAU is the item just before: its sum is still on its way.
    pub hit_after_mau: bool,
    /// With one step a vector: a HIT in the position behind its MAU.
    pub found_next_cycle: bool,
    /// A sum of dY of several positions that is the largest or the smallest operand.
    pub sum_at_limit: bool,
    /// A sum of dY that is by one too large or too small for an operand.
    pub sum_beyond_limit: bool,
    /// A group of several positions and one vector.
    pub one_vector: bool,
    /// Zero elements that took no cycle.
    pub skipped_elements: bool,
    /// A vector of zeros that was computed, with zero elements skipped.
    pub zero_vector: bool,
    /// A group detected again in a later pass.
    pub redetected: bool,
    /// A last group of fewer elements than the others.
    pub short_group: bool,
}

impl Met {
    /// Notes that the item of `record` follows that of `before` without a cycle between them.
    pub fn follows(&mut self, record: Record, before: Option<Record>) {
        if let Some(before) =
            before.filter(|b| record.state == State::Hit && b.entry == record.entry)
        {
            self.hit_after_hit |= before.state == State::Hit;
            self.hit_after_mau |= before.state == State::Mau;
        }
    }

    /// Every mechanism with its name.
    pub fn named(&self) -> [(&'static str, bool); 18] {
        [
            ("reuse: ZERO", self.zero),
            ("reuse: HIT", self.hit),
            ("reuse: MAU", self.mau),
            ("reuse: MCACHE set full", self.full_set),
            ("reuse: psum cleared", self.clear),
            ("reuse: empty list", self.empty_list),
            ("reuse: gradient of zeros only", self.zero_writes),
            ("reuse: sum of dY in two rounds", self.wide_sum),
            (
                "reuse: same entry in consecutive cycles",
                self.hit_after_hit,
            ),
            ("reuse: HIT at once after its MAU", self.hit_after_mau),
            (
                "reuse: insertion found by the next cycle's lookup",
                self.found_next_cycle,
            ),
            ("reuse: sum of dY at the limit of DATA_W", self.sum_at_limit),
            ("reuse: sum of dY just beyond DATA_W", self.sum_beyond_limit),
            ("reuse: one vector throughout", self.one_vector),
            ("reuse: zero elements skipped", self.skipped_elements),
            ("reuse: zero vector computed", self.zero_vector),
            ("reuse: detected again", self.redetected),
            ("reuse: shorter last group", self.short_group),
        ]
    }

    /// What either job met.
    pub fn with(self, other: Met) -> Met {
        Met {
            zero: self.zero | other.zero,
            hit: self.hit | other.hit,
            mau: self.mau | other.mau,
            full_set: self.full_set | other.full_set,
            clear: self.clear | other.clear,
            empty_list: self.empty_list | other.empty_list,
            zero_writes: self.zero_writes | other.zero_writes,
            wide_sum: self.wide_sum | other.wide_sum,
            hit_after_hit: self.hit_after_hit | other.hit_after_hit,
            hit_after_mau: self.hit_after_mau | other.hit_after_mau,
            found_next_cycle: self.found_next_cycle | other.found_next_cycle,
            sum_at_limit: self.sum_at_limit | other.sum_at_limit,
            sum_beyond_limit: self.sum_beyond_limit | other.sum_beyond_limit,
            one_vector: self.one_vector | other.one_vector,
            skipped_elements: self.skipped_elements | other.skipped_elements,
            zero_vector: self.zero_vector | other.zero_vector,
            redetected: self.redetected | other.redetected,
            short_group: self.short_group | other.short_group,
        }
    }
}
