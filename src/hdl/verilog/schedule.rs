//! Which part of a kernel becomes an `assign`, an `always @(*)` process, or the clocked process.

use super::simplify::{join_cases, simplify, slice};
use crate::hdl::check::Paths;
use crate::hdl::flow::{Order, for_each_stmt};
use crate::hdl::ir::{Expr, Module, NetId, Stmt};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A kernel, sorted into processes.
pub(super) struct Schedule {
    /// Wires with one unconditional assignment, and its value.
    pub continuous: BTreeMap<NetId, Expr>,
    /// Combinational processes: their targets and statements. A register among the targets stands for its next value.
    pub processes: Vec<(BTreeSet<NetId>, Vec<Stmt>)>,
    /// Registers whose next value a combinational process computes.
    pub staged: BTreeSet<NetId>,
    /// Statements of the clocked process, for all other registers.
    pub clocked: Vec<Stmt>,
}

/// Sorts a kernel. `paths` are the combinational paths through sub-blocks, from input port to output port.
pub(super) fn schedule(module: &Module, paths: &[(NetId, NetId)]) -> Schedule {
    let module = Module {
        stmts: simplify(module, module.stmts.clone()),
        ..module.clone()
    };
    let mut sorter = Sorter::new(&module);
    sorter.find_continuous();
    sorter.find_staged();
    let looped = sorter.looped_groups(paths);
    sorter.separate(&looped);
    sorter.finish()
}

struct Sorter<'a> {
    module: &'a Module,
    order: Order,
    continuous: BTreeMap<NetId, Expr>,
    staged: BTreeSet<NetId>,
    /// Targets that must share a process, because one reads the other's intermediate value.
    bound: Vec<BTreeSet<NetId>>,
    groups: Groups,
}

/// Union-find over nets.
#[derive(Default, Clone)]
struct Groups(HashMap<NetId, NetId>);

impl Groups {
    fn root(&self, mut net: NetId) -> NetId {
        while let Some(next) = self.0.get(&net) {
            net = *next;
        }
        net
    }

    fn join(&mut self, nets: &BTreeSet<NetId>) {
        let mut nets = nets.iter();
        let Some(first) = nets.next() else { return };
        for net in nets {
            let (a, b) = (self.root(*first), self.root(*net));
            if a != b {
                self.0.insert(a.max(b), a.min(b));
            }
        }
    }
}

impl<'a> Sorter<'a> {
    fn new(module: &'a Module) -> Self {
        Sorter {
            module,
            order: Order::of(module),
            continuous: BTreeMap::new(),
            staged: BTreeSet::new(),
            bound: vec![],
            groups: Groups::default(),
        }
    }

    fn each_stmt(&self, f: &mut dyn FnMut(&'a Stmt, usize)) {
        let mut position = 0;
        let module = self.module;
        for_each_stmt(&module.stmts, &mut position, f);
    }

    fn reads_intermediate(&self, stmt: &Stmt, position: usize) -> BTreeSet<NetId> {
        let mut nets = BTreeSet::new();
        stmt.head().for_each_net(&mut |net| {
            if self.order.is_intermediate(net, position) {
                nets.insert(net);
            }
        });
        nets
    }

    fn find_continuous(&mut self) {
        let mut count: HashMap<NetId, usize> = HashMap::new();
        self.each_stmt(&mut |stmt, _| {
            if let Stmt::Assign { net, .. } = stmt {
                *count.entry(*net).or_default() += 1;
            }
        });
        let top_level: BTreeSet<*const Stmt> =
            self.module.stmts.iter().map(|s| s as *const _).collect();
        let mut continuous = BTreeMap::new();
        self.each_stmt(&mut |stmt, position| {
            if let Stmt::Assign { net, value } = stmt
                && self.module.nets[*net].is_comb_target()
                && count[net] == 1
                && top_level.contains(&(stmt as *const _))
                && self.reads_intermediate(stmt, position).is_empty()
            {
                continuous.insert(*net, value.clone());
            }
        });
        self.continuous = continuous;
    }

    /// Finds what must share a process, and the registers that depend on intermediate values.
    fn find_staged(&mut self) {
        let (mut bound, mut staged) = (vec![], BTreeSet::new());
        self.each_stmt(&mut |stmt, position| {
            let mut together = self.reads_intermediate(stmt, position);
            if together.is_empty() {
                return;
            }
            stmt.for_each_target(&mut |net| {
                together.insert(net);
                if self.module.nets[net].is_reg() {
                    staged.insert(net);
                }
            });
            bound.push(together);
        });
        self.bound = bound;
        self.staged = staged;
        for together in self.bound.clone() {
            self.groups.join(&together);
        }
        // Otherwise one process for each statement of the kernel, as its author grouped them.
        for stmt in &self.module.stmts {
            let targets = self.process_targets(stmt);
            self.groups.join(&targets);
        }
    }

    fn process_targets(&self, stmt: &Stmt) -> BTreeSet<NetId> {
        let mut targets = BTreeSet::new();
        stmt.for_each_target(&mut |net| {
            let comb =
                self.module.nets[net].is_comb_target() && !self.continuous.contains_key(&net);
            if comb || self.staged.contains(&net) {
                targets.insert(net);
            }
        });
        targets
    }

    /// Roots of the groups that depend on themselves when all targets of a group are taken together.
    fn looped_groups(&self, paths: &[(NetId, NetId)]) -> BTreeSet<NetId> {
        let node = |net: NetId| {
            if self.continuous.contains_key(&net) {
                net
            } else {
                self.groups.root(net)
            }
        };
        let mut edges: BTreeSet<(NetId, NetId)> = BTreeSet::new();
        let mut own = BTreeSet::new();
        let mut position = 0;
        for stmt in &self.module.stmts {
            let mut targets = self.process_targets(stmt);
            stmt.for_each_target(&mut |net| {
                if self.continuous.contains_key(&net) {
                    targets.insert(net);
                }
            });
            let to: BTreeSet<NetId> = targets.iter().map(|t| node(*t)).collect();
            for_each_stmt(
                std::slice::from_ref(stmt),
                &mut position,
                &mut |inner, at| {
                    inner.head().for_each_net(&mut |net| {
                        for to in &to {
                            if node(net) != *to {
                                edges.insert((node(net), *to));
                            } else if self.order.is_before_first(net, at) {
                                own.insert(*to);
                            }
                        }
                    });
                },
            );
        }
        edges.extend(paths.iter().map(|(from, to)| (node(*from), node(*to))));
        own.extend(cyclic_nodes(&edges));
        own
    }

    /// Splits the looped groups into the smallest possible ones.
    fn separate(&mut self, looped: &BTreeSet<NetId>) {
        if looped.is_empty() {
            return;
        }
        let old = std::mem::take(&mut self.groups);
        for together in self.bound.clone() {
            self.groups.join(&together);
        }
        for stmt in &self.module.stmts {
            let targets = self.process_targets(stmt);
            let untouched = targets
                .into_iter()
                .filter(|t| !looped.contains(&old.root(*t)))
                .collect();
            self.groups.join(&untouched);
        }
    }

    fn finish(self) -> Schedule {
        let mut order: Vec<NetId> = vec![];
        let mut members: HashMap<NetId, BTreeSet<NetId>> = HashMap::new();
        for stmt in &self.module.stmts {
            for net in self.process_targets(stmt) {
                let root = self.groups.root(net);
                let group = members.entry(root).or_default();
                if group.is_empty() {
                    order.push(root);
                }
                group.insert(net);
            }
        }
        let stmts = &self.module.stmts;
        let processes = order
            .into_iter()
            .map(|root| {
                let targets = members.remove(&root).unwrap_or_default();
                let body = slice(stmts, &|net| targets.contains(&net));
                (targets, join_cases(simplify(self.module, body)))
            })
            .collect();
        let clocked = slice(stmts, &|net| {
            self.module.nets[net].is_reg() && !self.staged.contains(&net)
        });
        Schedule {
            continuous: self.continuous,
            processes,
            staged: self.staged,
            clocked: join_cases(simplify(self.module, clocked)),
        }
    }
}

/// Nodes that lie on cycles, or between them.
fn cyclic_nodes(edges: &BTreeSet<(NetId, NetId)>) -> BTreeSet<NetId> {
    let forward = peel(edges.iter().copied());
    let rest = edges
        .iter()
        .filter(|(a, b)| forward.contains(a) && forward.contains(b));
    peel(rest.map(|(a, b)| (*b, *a)))
}

/// What remains after removing nodes that no edge enters, again and again.
fn peel(edges: impl Iterator<Item = (NetId, NetId)>) -> BTreeSet<NetId> {
    let mut out: BTreeMap<NetId, Vec<NetId>> = BTreeMap::new();
    let mut entering: BTreeMap<NetId, usize> = BTreeMap::new();
    for (a, b) in edges {
        out.entry(a).or_default().push(b);
        entering.entry(a).or_default();
        *entering.entry(b).or_default() += 1;
    }
    let mut free: Vec<NetId> = entering
        .iter()
        .filter(|(_, n)| **n == 0)
        .map(|(net, _)| *net)
        .collect();
    while let Some(net) = free.pop() {
        entering.remove(&net);
        for next in out.remove(&net).unwrap_or_default() {
            if let Some(n) = entering.get_mut(&next) {
                *n -= 1;
                if *n == 0 {
                    free.push(next);
                }
            }
        }
    }
    entering.into_keys().collect()
}

/// Combinational paths through sub-blocks as pairs of nets of the parent.
pub(super) fn child_paths<'p>(
    module: &Module,
    children: impl Iterator<Item = (&'p str, &'p Paths)>,
) -> Vec<(NetId, NetId)> {
    let nets = module.nets.iter().enumerate();
    let by_name: HashMap<&str, NetId> = nets.map(|(id, n)| (n.name.as_str(), id)).collect();
    let mut pairs = vec![];
    for (inst, paths) in children {
        let port = |name: &str| by_name[format!("{inst}${name}").as_str()];
        for (output, inputs) in paths {
            pairs.extend(inputs.iter().map(|input| (port(input), port(output))));
        }
    }
    pairs
}
