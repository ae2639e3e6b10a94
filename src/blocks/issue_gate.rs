//! Whether a PE set issues an element in the next cycle.

use crate::hdl::prelude::*;

/// Says in a register whether an element of the loop nest, or of the item walker, issues in this cycle, so that a register enables
/// all that steps with it.
///
/// ```text
///  if the group goes on:  begun, or features / an item, weights or operand, bank ─┐
///  if the group ends:     the next one's, and another tile's turn is not ─────────┴─► does it end? ─► may_issue, may_walk
/// ```
///
/// Whether a group ends is known late in a cycle, so both answers are formed before. A port called `*_kept` says what will hold in
/// the next cycle if no group ends in this one, `*_used` if one does.
///
/// **Latency** 1. **Back-pressure** none inside: it is what holds elements back. **Parameters** `reuse`: the walker's ports.
///
/// The test `issue_gate_looks_one_cycle_ahead` holds it to the rules of one cycle, applied to the state behind it.
#[derive(LogicBlock)]
pub struct IssueGate {
    /// START, or an error: nothing issues.
    pub clear: Bit<In>,
    /// A tile is active.
    pub running: Bit<In>,
    /// A tile becomes active.
    pub take: Bit<In>,
    /// Its passes are drained: with a pass the banks change places.
    pub drain: Bit<In>,
    /// Job: weight gradient, which needs the operand instead of weights.
    pub wgrad: Bit<In>,
    /// The slot of the group's features is full.
    pub features_kept: Bit<In>,
    /// … the next slot, if this one is used up.
    pub features_used: Bit<In>,
    /// The group's weights are there.
    pub weights_kept: Bit<In>,
    /// … those of the group behind it.
    pub weights_used: Bit<In>,
    /// The operand is there.
    pub operand_kept: Bit<In>,
    /// The bank that accumulates is not free.
    pub busy_kept: Bit<In>,
    /// … the other one.
    pub busy_toggled: Bit<In>,
    /// Nest: the element is the first of a group.
    pub group_first: Bit<In>,
    /// Nest: the group is the first of a pass.
    pub first_group: Bit<In>,
    /// Nest: the element is the last of a group.
    pub step_chunk: Bit<In>,
    /// Nest: … of a feature slot.
    pub step_cgroup: Bit<In>,
    /// Nest: … of a pass.
    pub step_pass: Bit<In>,
    /// Nest: … of a tile.
    pub step_tile: Bit<In>,
    /// Job: reuse is on, the walker issues instead of the nest. This and the ports below exist only with reuse.
    pub reuse: Vec<Bit<In>>,
    /// Walker: the cycle is the last of a group.
    pub walk_ends: Vec<Bit<In>>,
    /// Walker: an item stands behind the one that is walked.
    pub walk_token: Vec<Bit<In>>,
    /// Walker: an item will be needed and not there, if the group goes on.
    pub walk_next_waits: Vec<Bit<In>>,
    /// Walker: the group will begin, if it is not one that ends.
    pub walk_next_begins: Vec<Bit<In>>,
    /// Walker: the group is the first of a pass.
    pub walk_first_group: Vec<Bit<In>>,
    /// Walker: … the last of a pass.
    pub walk_step_pass: Vec<Bit<In>>,
    /// Walker: … the last of a tile.
    pub walk_step_tile: Vec<Bit<In>>,
    /// An element of the nest issues.
    pub may_issue: Bit<Out>,
    /// The walker may use the cycle.
    pub may_walk: Vec<Bit<Out>>,
    issue_q: BitReg,
    walk_q: Vec<BitReg>,
    inputs_kept: Bit<Local>,
    inputs_used: Bit<Local>,
    busy_after: Bit<Local>,
    begins: Bit<Local>,
    in_first: Bit<Local>,
    features_after: Bit<Local>,
    goes_on: Bit<Local>,
    after: Bit<Local>,
    walk_goes_on: Vec<Bit<Local>>,
    walk_after: Vec<Bit<Local>>,
    walkers: Param,
    about: About,
}

impl IssueGate {
    /// The gate of a set, with a walker or without.
    pub fn new(reuse: bool) -> Self {
        let walkers = usize::from(reuse);
        let walk = || (0..walkers).map(|_| Bit::new()).collect();
        let local = || (0..walkers).map(|_| Bit::new()).collect();
        IssueGate {
            clear: Bit::new(),
            running: Bit::new(),
            take: Bit::new(),
            drain: Bit::new(),
            wgrad: Bit::new(),
            features_kept: Bit::new(),
            features_used: Bit::new(),
            weights_kept: Bit::new(),
            weights_used: Bit::new(),
            operand_kept: Bit::new(),
            busy_kept: Bit::new(),
            busy_toggled: Bit::new(),
            group_first: Bit::new(),
            first_group: Bit::new(),
            step_chunk: Bit::new(),
            step_cgroup: Bit::new(),
            step_pass: Bit::new(),
            step_tile: Bit::new(),
            reuse: walk(),
            walk_ends: walk(),
            walk_token: walk(),
            walk_next_waits: walk(),
            walk_next_begins: walk(),
            walk_first_group: walk(),
            walk_step_pass: walk(),
            walk_step_tile: walk(),
            may_issue: Bit::new(),
            may_walk: (0..walkers).map(|_| Bit::new()).collect(),
            issue_q: BitReg::new(),
            walk_q: (0..walkers).map(|_| BitReg::new()).collect(),
            inputs_kept: Bit::new(),
            inputs_used: Bit::new(),
            busy_after: Bit::new(),
            begins: Bit::new(),
            in_first: Bit::new(),
            features_after: Bit::new(),
            goes_on: Bit::new(),
            after: Bit::new(),
            walk_goes_on: local(),
            walk_after: local(),
            walkers: Param::new(walkers),
            about: About::new(
                "issue_gate",
                "Says in a register whether an element of one PE set issues: what a group needs is looked up a cycle ahead.",
            ),
        }
    }
}

impl Logic for IssueGate {
    #[hdl_gen]
    fn update(&mut self) {
        self.inputs_kept.next = self.weights_kept.val();
        self.inputs_used.next = self.weights_used.val();
        if self.wgrad.val() {
            self.inputs_kept.next = self.operand_kept.val();
            self.inputs_used.next = self.operand_kept.val();
        }
        self.busy_after.next = self.busy_kept.val();
        if self.drain.val() {
            self.busy_after.next = self.busy_toggled.val();
        }

        // The nest: a tile that is taken begins with the first group of a pass.
        self.begins.next = self.take.val() || (self.group_first.val() && !self.issue_q.val());
        self.in_first.next = self.take.val() || self.first_group.val();
        self.goes_on.next = (self.running.val() || self.take.val())
            && (!self.begins.val()
                || (self.features_kept.val()
                    && self.inputs_kept.val()
                    && !(self.in_first.val() && self.busy_kept.val())));
        self.features_after.next = self.features_kept.val();
        if self.step_cgroup.val() {
            self.features_after.next = self.features_used.val();
        }
        self.after.next = !self.step_tile.val()
            && self.features_after.val()
            && self.inputs_used.val()
            && !(self.step_pass.val() && self.busy_after.val());
        self.issue_q.next = self.goes_on.val();
        if self.issue_q.val() && self.step_chunk.val() {
            self.issue_q.next = self.after.val();
        }
        for r in 0..self.walkers.val() {
            if self.reuse[r].val() {
                self.issue_q.next = false;
            }
        }
        if self.clear.val() {
            self.issue_q.next = false;
        }
        self.may_issue.next = self.issue_q.val();

        // The walker, which needs a list instead of features, and whose first item comes later than its tile.
        for r in 0..self.walkers.val() {
            self.walk_goes_on[r].next = self.running.val()
                && !self.walk_next_waits[r].val()
                && (!self.walk_next_begins[r].val()
                    || (self.inputs_kept.val()
                        && !(self.walk_first_group[r].val() && self.busy_kept.val())));
            self.walk_after[r].next = !self.walk_step_tile[r].val()
                && self.walk_token[r].val()
                && self.inputs_used.val()
                && !(self.walk_step_pass[r].val() && self.busy_after.val());
            self.walk_q[r].next = self.walk_goes_on[r].val();
            if self.walk_ends[r].val() {
                self.walk_q[r].next = self.walk_after[r].val();
            }
            if !self.reuse[r].val() || self.clear.val() {
                self.walk_q[r].next = false;
            }
            self.may_walk[r].next = self.walk_q[r].val();
        }
    }
}
