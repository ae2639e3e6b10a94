//! The sum over the inputs of a group.

use crate::hdl::prelude::*;

/// Binary tree of adders with a register after each level.
///
/// ```text
///  leaf[0] ─┐
///  leaf[1] ─┴ + ─► [reg] ─┐
///  leaf[2] ─┐             ├ + ─► [reg] ─► sum
///  leaf[3] ─┴ + ─► [reg] ─┘
/// ```
///
/// **Latency** ⌈log2(leaves)⌉ cycles. **Back-pressure** none: it never stops. **Parameters** `leaves`, at least 2; `width` of a
/// leaf; the sum has ⌈log2(leaves)⌉ bits more. Leaves up to the next power of two are 0 and cost nothing.
///
/// The test `adder_tree_adds` compares it with a plain sum; `adder_tree` in `tests/crew/gates.rs` its Verilog with it.
#[derive(LogicBlock)]
pub struct AdderTree {
    /// Signed numbers.
    pub leaf: Vec<Sig<In>>,
    /// Their sum.
    pub sum: Sig<Out>,
    bottom: Vec<Sig<Local>>,
    node: Vec<Reg>,
    left: Vec<Sig<Local>>,
    right: Vec<Sig<Local>>,
    inner: Param,
    nodes: Param,
    leaves: Param,
    about: About,
}

impl AdderTree {
    /// A tree of `leaves` leaves of `width` bits.
    ///
    /// # Panics
    /// `leaves` is below 2.
    pub fn new(leaves: usize, width: usize) -> Self {
        assert!(leaves >= 2, "{leaves} leaves: use at least 2");
        let all = leaves.next_power_of_two();
        let levels = all.ilog2() as usize;
        // As in a heap: node 1 is the root, the children of node i are 2i and 2i + 1, leaf l is node `all` + l; node 0 is
        // not there, so the vector starts with node 1.
        let width_of = |i: usize| width + levels - i.ilog2() as usize;
        let operand = || (1..all).map(|i| Sig::signed(width_of(i))).collect();
        AdderTree {
            leaf: (0..leaves).map(|_| Sig::signed(width)).collect(),
            sum: Sig::signed(width + levels),
            node: (1..all)
                .map(|i| Reg::signed(width_of(i)).without_reset())
                .collect(),
            left: operand(),
            right: operand(),
            bottom: (0..all).map(|_| Sig::signed(width)).collect(),
            inner: Param::new(all / 2),
            nodes: Param::new(all),
            leaves: Param::new(leaves),
            about: About::new(
                "adder_tree",
                "Sum of all leaves: a binary tree of adders with a register after each level.",
            )
            .variant(format!("n{leaves}_w{width}")),
        }
    }
}

impl Logic for AdderTree {
    #[hdl_gen]
    fn update(&mut self) {
        for l in 0..self.nodes.val() {
            self.bottom[l].next = 0.into();
        }
        for l in 0..self.leaves.val() {
            self.bottom[l].next = self.leaf[l].val();
        }
        for i in 1..self.inner.val() {
            self.left[i - 1].next = signed_cast(self.node[2 * i - 1].val());
            self.right[i - 1].next = signed_cast(self.node[2 * i].val());
        }
        for i in self.inner.val()..self.nodes.val() {
            self.left[i - 1].next = signed_cast(self.bottom[2 * i - self.nodes.val()].val());
            self.right[i - 1].next = signed_cast(self.bottom[2 * i + 1 - self.nodes.val()].val());
        }
        for i in 1..self.nodes.val() {
            self.node[i - 1].next = self.left[i - 1].val() + self.right[i - 1].val();
        }
        self.sum.next = self.node[0].val();
    }
}
