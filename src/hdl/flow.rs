//! Order of assignments and reads within a kernel.
//!
//! A kernel runs top to bottom, and the last assignment counts. A read of a wire that is assigned both before and
//! after that point sees an *intermediate* value; every other read sees the final one (a read before the first
//! assignment sees the previous run's value, which is the final one once the design has settled).
//! Registers are never intermediate: reading one gives its output.

use super::ir::{Module, NetId, Stmt};
use std::collections::{BTreeSet, HashMap};

/// First and last assignment of each wire, as positions in program order.
#[derive(Default)]
pub(super) struct Order {
    span: HashMap<NetId, (usize, usize)>,
}

impl Order {
    pub fn of(module: &Module) -> Order {
        let mut order = Order::default();
        let mut position = 0;
        order.scan(module, &module.stmts, &mut position);
        order
    }

    fn scan(&mut self, module: &Module, stmts: &[Stmt], position: &mut usize) {
        for stmt in stmts {
            *position += 1;
            if let Stmt::Assign { net, .. } = stmt
                && module.nets[*net].is_comb_target()
            {
                let span = self.span.entry(*net).or_insert((*position, *position));
                span.1 = *position;
            }
            for body in stmt.bodies() {
                self.scan(module, body, position);
            }
        }
    }

    /// Whether a read of `net` at `position` precedes every assignment to it, or is part of the first.
    pub fn is_before_first(&self, net: NetId, position: usize) -> bool {
        self.span
            .get(&net)
            .is_some_and(|(first, _)| position <= *first)
    }

    /// Whether a read of `net` at `position` sees a value that is assigned again later.
    pub fn is_intermediate(&self, net: NetId, position: usize) -> bool {
        self.span
            .get(&net)
            .is_some_and(|(first, last)| *first < position && position <= *last)
    }
}

/// Calls `f` with every statement and its position, in the order of [`Order`].
pub(super) fn for_each_stmt<'a>(
    stmts: &'a [Stmt],
    position: &mut usize,
    f: &mut dyn FnMut(&'a Stmt, usize),
) {
    for stmt in stmts {
        *position += 1;
        f(stmt, *position);
        for body in stmt.bodies() {
            for_each_stmt(body, position, f);
        }
    }
}

/// Nets that are assigned on every path through `stmts`.
pub(super) fn always_assigned(stmts: &[Stmt]) -> BTreeSet<NetId> {
    let mut assigned = BTreeSet::new();
    for stmt in stmts {
        if let Stmt::Assign { net, .. } = stmt {
            assigned.insert(*net);
        }
        // A `match` without `_` is exhaustive, so its arms are all the paths there are.
        let common = stmt
            .bodies()
            .into_iter()
            .map(always_assigned)
            .reduce(|a, b| a.intersection(&b).copied().collect());
        assigned.extend(common.unwrap_or_default());
    }
    assigned
}

/// For every combinational target, the nets whose final values it directly depends on.
pub(super) fn dependencies(module: &Module) -> HashMap<NetId, BTreeSet<NetId>> {
    let mut flow = Flow {
        module,
        order: Order::of(module),
        seen: HashMap::new(),
        position: 0,
    };
    flow.run(&module.stmts, None);
    flow.seen
}

struct Flow<'a> {
    module: &'a Module,
    order: Order,
    /// What the value of each target, as assigned so far, depends on.
    seen: HashMap<NetId, BTreeSet<NetId>>,
    position: usize,
}

impl Flow<'_> {
    fn reads(&self, stmt: &Stmt) -> BTreeSet<NetId> {
        let mut leaves = BTreeSet::new();
        stmt.head().for_each_net(&mut |net| {
            match self.seen.get(&net) {
                Some(deps) if self.order.is_intermediate(net, self.position) => {
                    leaves.extend(deps.iter().copied());
                }
                _ => {
                    leaves.insert(net);
                }
            };
        });
        leaves
    }

    fn run(&mut self, stmts: &[Stmt], conditions: Option<&BTreeSet<NetId>>) {
        for stmt in stmts {
            self.position += 1;
            let mut deps = self.reads(stmt);
            deps.extend(conditions.into_iter().flatten());
            match stmt {
                Stmt::Assign { net, .. } => {
                    if self.module.nets[*net].is_comb_target() {
                        // An unconditional assignment replaces what was there; a conditional one adds to it.
                        let entry = self.seen.entry(*net).or_default();
                        if conditions.is_none() {
                            entry.clear();
                        }
                        entry.extend(deps);
                    }
                }
                _ => {
                    for body in stmt.bodies() {
                        self.run(body, Some(&deps));
                    }
                }
            }
        }
    }
}
