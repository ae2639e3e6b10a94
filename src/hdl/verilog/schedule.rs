//! Which part of a kernel becomes an `assign`, an `always @(*)` process, or the clocked process.

use crate::hdl::check::Paths;
use crate::hdl::flow::{Order, for_each_stmt};
use crate::hdl::ir::{Arm, Binary, Expr, Kind, Module, NetId, Stmt};
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

/// Keeps the assignments to nets that `keep` accepts, and the conditions around them.
pub(super) fn slice(stmts: &[Stmt], keep: &dyn Fn(NetId) -> bool) -> Vec<Stmt> {
    stmts.iter().filter_map(|s| slice_one(s, keep)).collect()
}

fn slice_one(stmt: &Stmt, keep: &dyn Fn(NetId) -> bool) -> Option<Stmt> {
    match stmt {
        Stmt::Assign { net, .. } => keep(*net).then(|| stmt.clone()),
        Stmt::If {
            cond,
            then,
            otherwise,
        } => {
            let (then, otherwise) = (slice(then, keep), slice(otherwise, keep));
            (!then.is_empty() || !otherwise.is_empty()).then(|| Stmt::If {
                cond: cond.clone(),
                then,
                otherwise,
            })
        }
        Stmt::Case {
            subject,
            arms,
            default,
        } => {
            let arms: Vec<Arm> = arms
                .iter()
                .map(|arm| Arm {
                    pattern: arm.pattern.clone(),
                    body: slice(&arm.body, keep),
                })
                .collect();
            let default = default.as_ref().map(|body| slice(body, keep));
            let empty = arms.iter().all(|a| a.body.is_empty())
                && default.as_ref().is_none_or(|body| body.is_empty());
            (!empty).then(|| Stmt::Case {
                subject: subject.clone(),
                arms,
                default,
            })
        }
    }
}

/// Drops assignments that a later one in the same list replaces before anything reads them, and assignments by which
/// a register keeps its value.
pub(super) fn simplify(module: &Module, stmts: Vec<Stmt>) -> Vec<Stmt> {
    drop_holds(module, drop_dead(module, stmts))
}

fn drop_dead(module: &Module, stmts: Vec<Stmt>) -> Vec<Stmt> {
    // For each net: is it overwritten further down, with no read in between?
    let mut dead: BTreeSet<NetId> = BTreeSet::new();
    let mut kept = vec![];
    for stmt in stmts.into_iter().rev() {
        let Some(stmt) = slice_one(&stmt, &|net| !dead.contains(&net)) else {
            continue;
        };
        if let Stmt::Assign { net, .. } = &stmt {
            dead.insert(*net);
        }
        stmt.for_each_read(&mut |net| {
            if !module.nets[net].is_reg() {
                dead.remove(&net);
            }
        });
        kept.push(drop_dead_inside(module, stmt));
    }
    kept.reverse();
    kept
}

fn drop_dead_inside(module: &Module, stmt: Stmt) -> Stmt {
    match stmt {
        Stmt::If {
            cond,
            then,
            otherwise,
        } => Stmt::If {
            cond,
            then: drop_dead(module, then),
            otherwise: drop_dead(module, otherwise),
        },
        Stmt::Case {
            subject,
            arms,
            default,
        } => Stmt::Case {
            subject,
            arms: arms
                .into_iter()
                .map(|arm| Arm {
                    body: drop_dead(module, arm.body),
                    ..arm
                })
                .collect(),
            default: default.map(|body| drop_dead(module, body)),
        },
        assign => assign,
    }
}

/// `r.next = r.val()` says nothing if it is the first assignment to `r`; nested lists are not searched, because there
/// it may override an earlier assignment.
fn drop_holds(module: &Module, stmts: Vec<Stmt>) -> Vec<Stmt> {
    let mut assigned = BTreeSet::new();
    let keeps = |stmt: &Stmt, assigned: &mut BTreeSet<NetId>| {
        let holds = matches!(stmt, Stmt::Assign { net, value }
            if module.nets[*net].is_reg() && value.kind == Kind::Net(*net) && !assigned.contains(net));
        stmt.for_each_target(&mut |net| {
            assigned.insert(net);
        });
        !holds
    };
    stmts
        .into_iter()
        .filter(|stmt| keeps(stmt, &mut assigned))
        .collect()
}

/// Joins successive `if x == 0 {…} if x == 1 {…} …` into one `case`.
pub(super) fn join_cases(stmts: Vec<Stmt>) -> Vec<Stmt> {
    let mut out: Vec<Stmt> = vec![];
    let mut run: Vec<(Expr, Arm)> = vec![];
    for stmt in stmts {
        match as_arm(&stmt) {
            Some((subject, arm)) => {
                let fits = run.iter().all(|(s, a)| {
                    *s == subject && a.pattern != arm.pattern && !writes(&a.body, &subject)
                });
                if !fits {
                    flush(&mut run, &mut out);
                }
                run.push((subject, arm));
            }
            None => {
                flush(&mut run, &mut out);
                out.push(stmt);
            }
        }
    }
    flush(&mut run, &mut out);
    out
}

fn as_arm(stmt: &Stmt) -> Option<(Expr, Arm)> {
    let Stmt::If {
        cond,
        then,
        otherwise,
    } = stmt
    else {
        return None;
    };
    let Kind::Binary(Binary::Eq, subject, pattern) = &cond.kind else {
        return None;
    };
    let plain = matches!(subject.kind, Kind::Net(_));
    let known = matches!(pattern.kind, Kind::Lit(_) | Kind::Label(_));
    (otherwise.is_empty() && plain && known).then(|| {
        let arm = Arm {
            pattern: (**pattern).clone(),
            body: join_cases(then.clone()),
        };
        ((**subject).clone(), arm)
    })
}

fn writes(body: &[Stmt], subject: &Expr) -> bool {
    let mut hit = false;
    subject.for_each_net(&mut |net| hit |= crate::hdl::check::assigns(body, net));
    hit
}

fn flush(run: &mut Vec<(Expr, Arm)>, out: &mut Vec<Stmt>) {
    let run = std::mem::take(run);
    if run.len() < 3 {
        out.extend(run.into_iter().map(|(subject, arm)| {
            let width = 1;
            let kind = Kind::Binary(Binary::Eq, Box::new(subject), Box::new(arm.pattern));
            Stmt::If {
                cond: Expr::new(kind, width, false),
                then: arm.body,
                otherwise: vec![],
            }
        }));
        return;
    }
    let subject = run[0].0.clone();
    out.push(Stmt::Case {
        subject,
        arms: run.into_iter().map(|(_, arm)| arm).collect(),
        default: Some(vec![]),
    });
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
