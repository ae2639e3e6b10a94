//! Which elements the groups of a job have.

use super::item_walker::GROUP_K_W;
use super::loop_nest::COUNT_W;
use crate::config::Config;
use crate::hdl::prelude::*;

/// Keeps how many elements a group has, which lie behind its first one, and whether none does: for most groups, and for those that
/// are cut because the channels, or the rows of the filter, do not divide evenly.
///
/// ```text
///  group_k ──────────────────────────────────────► behind_first, single
///  k_cg_last, or with chunks k_kr_last ─► k_last ─► behind_first_last, single_last
/// ```
///
/// **Latency** 2: constants of the job, which stand long before its first item. **Back-pressure** none.
/// **Parameters** `k_max` 1…64.
///
/// The test `item_walker_issues_every_list` drives it inside of the walker, the gate test `group_elements` compares its Verilog with it.
#[derive(LogicBlock)]
pub struct GroupElements {
    /// Job: chunks of a channel group.
    pub chunks: Sig<In>,
    /// Job: elements of a group.
    pub group_k: Sig<In>,
    /// Job: those of a group in the last channel group.
    pub k_cg_last: Sig<In>,
    /// Job: those of a group in the last chunk.
    pub k_kr_last: Sig<In>,
    /// Elements of a group that is cut.
    pub k_last: Sig<Out>,
    /// The elements of a group behind its first one, a bit each.
    pub behind_first: Sig<Out>,
    /// … of a group that is cut.
    pub behind_first_last: Sig<Out>,
    /// There are none: it has a single element.
    pub single: Bit<Out>,
    /// … in a group that is cut.
    pub single_last: Bit<Out>,
    last_k: Sig<Local>,
    last_q: Reg,
    behind_q: Reg,
    behind_last_q: Reg,
    single_q: BitReg,
    single_last_q: BitReg,
    all_ones: Const,
    not_first: Const,
    about: About,
}

impl GroupElements {
    /// For groups of up to `k_max` elements.
    pub fn new(config: &Config) -> Self {
        let k_max = config.k_max;
        let group_k = || Sig::unsigned(GROUP_K_W);
        let mask = || Reg::unsigned(k_max).without_reset();
        GroupElements {
            chunks: Sig::unsigned(COUNT_W),
            group_k: group_k(),
            k_cg_last: group_k(),
            k_kr_last: group_k(),
            k_last: Sig::unsigned(GROUP_K_W),
            behind_first: Sig::unsigned(k_max),
            behind_first_last: Sig::unsigned(k_max),
            single: Bit::new(),
            single_last: Bit::new(),
            last_k: Sig::unsigned(GROUP_K_W),
            last_q: Reg::unsigned(GROUP_K_W).without_reset(),
            behind_q: mask(),
            behind_last_q: mask(),
            single_q: BitReg::new().without_reset(),
            single_last_q: BitReg::new().without_reset(),
            all_ones: Const::new(Value::unsigned(k_max, (1u128 << k_max) - 1)),
            not_first: Const::new(Value::unsigned(k_max, (1u128 << k_max) - 2)),
            about: About::new(
                "group_elements",
                "Constants of a job: how many elements a group has, which lie behind its first one, and whether none does.",
            ),
        }
    }
}

impl Logic for GroupElements {
    #[hdl_gen]
    fn update(&mut self) {
        self.last_k.next = self.k_kr_last.val();
        if self.chunks.val() == 1 {
            self.last_k.next = self.k_cg_last.val();
        }
        self.last_q.next = self.last_k.val();
        self.behind_q.next = !(self.all_ones.val() << self.group_k.val()) & self.not_first.val();
        self.behind_last_q.next =
            !(self.all_ones.val() << self.last_q.val()) & self.not_first.val();
        self.single_q.next = self.group_k.val() < 2;
        self.single_last_q.next = self.last_q.val() < 2;
        self.k_last.next = self.last_q.val();
        self.behind_first.next = self.behind_q.val();
        self.behind_first_last.next = self.behind_last_q.val();
        self.single.next = self.single_q.val();
        self.single_last.next = self.single_last_q.val();
    }
}
