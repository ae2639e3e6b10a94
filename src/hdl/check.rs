//! Static checks of a block: everything that would simulate differently from the printed Verilog, or not synthesize.

use super::elab::{self, Node, readable};
use super::flow;
use super::ir::{Module, NetId, NetRole, Stmt};
use super::lower::lower;
use rust_hdl::core::prelude::{Block, Verilog};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

/// One thing that is wrong with a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Path of the block, such as `top.pe[3]`.
    pub block: String,
    /// The signal, or empty if the finding is about a statement.
    pub signal: String,
    /// What is wrong and how to mend it.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.signal.is_empty() {
            write!(f, "{}: {}", self.block, self.message)
        } else {
            write!(f, "{}.{}: {}", self.block, self.signal, self.message)
        }
    }
}

/// All findings, at least one. Blocks that are instances of the same mistake are each named.
#[derive(Clone, Debug, thiserror::Error)]
pub struct CheckErrors(pub Vec<Finding>);

impl fmt::Display for CheckErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(Finding::to_string).collect();
        write!(f, "{}", lines.join("\n"))
    }
}

/// Checks a block and all blocks in it: width and sign of every expression, undriven and multiply driven signals,
/// latches (a wire not assigned on all paths) and combinational loops, also through sub-blocks.
///
/// # Errors
/// Every finding, with the path of the block and the name of the signal.
pub fn check(block: &dyn Block, name: &str) -> Result<(), CheckErrors> {
    checked(elab::elaborate(block, name)).map(|_| ())
}

/// A block tree with lowered kernels, free of findings.
pub(crate) struct Checked {
    pub node: Node,
    pub module: Module,
    pub children: Vec<Checked>,
    /// Inputs that each output depends on combinationally.
    pub paths: Paths,
}

/// For each output the inputs that it depends on.
pub(crate) type Paths = BTreeMap<String, BTreeSet<String>>;

/// Lowers and checks a block tree.
pub(crate) fn checked(node: Node) -> Result<Checked, CheckErrors> {
    let mut findings = vec![];
    let path = readable(&node.inst);
    let tree = analyse(node, &path, &mut findings);
    if findings.is_empty() {
        Ok(tree)
    } else {
        Err(CheckErrors(findings))
    }
}

fn analyse(mut node: Node, path: &str, findings: &mut Vec<Finding>) -> Checked {
    let before = findings.len();
    let module = lower(&node, path, findings);
    let lowered = findings.len() == before;
    let children: Vec<Checked> = std::mem::take(&mut node.children)
        .into_iter()
        .map(|child| {
            let path = format!("{path}.{}", readable(&child.inst));
            analyse(child, &path, findings)
        })
        .collect();
    let mut checker = Checker {
        module: &module,
        children: &children,
        path,
        findings,
    };
    let mut paths = node.paths.clone();
    // A statement that was left out would only cause findings that are not the user's mistake.
    if lowered && matches!(node.kernel, Verilog::Combinatorial(_)) {
        checker.names();
        checker.drivers();
        checker.latches();
        paths = checker.loops();
    }
    Checked {
        node,
        module,
        children,
        paths,
    }
}

struct Checker<'a> {
    module: &'a Module,
    children: &'a [Checked],
    path: &'a str,
    findings: &'a mut Vec<Finding>,
}

impl Checker<'_> {
    fn report(&mut self, net: NetId, message: impl Into<String>) {
        self.findings.push(Finding {
            block: self.path.into(),
            signal: readable(&self.module.nets[net].name),
            message: message.into(),
        });
    }

    fn names(&mut self) {
        for (id, net) in self.module.nets.iter().enumerate() {
            let own = !matches!(net.role, NetRole::ToChild(_) | NetRole::FromChild(_));
            if own && super::verilog::is_keyword(&net.name) {
                self.report(id, "this name is a Verilog keyword: choose another");
            }
            if own && matches!(net.name.as_str(), "clk" | "rst_n") {
                self.report(
                    id,
                    "clock and reset are implied by registers and memories: remove this field",
                );
            }
        }
    }

    fn drivers(&mut self) {
        let mut driven = BTreeSet::new();
        for stmt in &self.module.stmts {
            stmt.for_each_target(&mut |net| {
                driven.insert(net);
            });
        }
        for (id, net) in self.module.nets.iter().enumerate() {
            if (net.is_comb_target() || net.is_reg()) && !driven.contains(&id) {
                self.report(id, "undriven: no statement of the kernel assigns it");
            }
        }
    }

    fn latches(&mut self) {
        let always = flow::always_assigned(&self.module.stmts);
        let mut sometimes = BTreeSet::new();
        for stmt in &self.module.stmts {
            stmt.for_each_target(&mut |net| {
                sometimes.insert(net);
            });
        }
        for net in sometimes.difference(&always) {
            if self.module.nets[*net].is_comb_target() {
                self.report(
                    *net,
                    "latch: it is not assigned on every path; give it a default first, or make it a Reg",
                );
            }
        }
    }

    /// Reports combinational loops; returns the inputs that each output depends on.
    fn loops(&mut self) -> Paths {
        let mut graph = flow::dependencies(self.module);
        let by_name: HashMap<&str, NetId> = self
            .module
            .nets
            .iter()
            .enumerate()
            .map(|(id, net)| (net.name.as_str(), id))
            .collect();
        for child in self.children {
            let port = |name: &str| by_name[format!("{}${name}", child.node.inst).as_str()];
            for (output, inputs) in &child.paths {
                graph
                    .entry(port(output))
                    .or_default()
                    .extend(inputs.iter().map(|i| port(i)));
            }
        }
        let mut search = Search {
            graph: &graph,
            stack: vec![],
            done: HashMap::new(),
            cycle: None,
        };
        let mut roots: Vec<NetId> = graph.keys().copied().collect();
        roots.sort_unstable();
        for net in roots {
            search.visit(net);
        }
        if let Some(cycle) = search.cycle.take() {
            let names: Vec<String> = cycle
                .iter()
                .map(|n| readable(&self.module.nets[*n].name))
                .collect();
            self.report(
                cycle[0],
                format!(
                    "combinational loop: {}; put a Reg in between",
                    names.join(" <- ")
                ),
            );
            return Paths::new();
        }
        self.input_paths(&graph)
    }

    fn input_paths(&self, graph: &HashMap<NetId, BTreeSet<NetId>>) -> Paths {
        let nets = self.module.nets.iter().enumerate();
        let outputs = nets.filter(|(_, net)| net.role == NetRole::Output);
        let mut paths = Paths::new();
        for (id, output) in outputs {
            let (mut open, mut seen) = (vec![id], BTreeSet::from([id]));
            while let Some(net) = open.pop() {
                let next = graph.get(&net).into_iter().flatten();
                open.extend(next.filter(|n| seen.insert(**n)));
            }
            let name = |n: &NetId| self.module.nets[*n].name.clone();
            let inputs = seen
                .iter()
                .filter(|n| self.module.nets[**n].role == NetRole::Input)
                .map(name);
            paths.insert(output.name.clone(), inputs.collect());
        }
        paths
    }
}

/// Depth-first search for a cycle, with its own stack so that long chains do not exhaust the thread's.
struct Search<'a> {
    graph: &'a HashMap<NetId, BTreeSet<NetId>>,
    stack: Vec<(NetId, Vec<NetId>)>,
    /// `false` while on the stack.
    done: HashMap<NetId, bool>,
    cycle: Option<Vec<NetId>>,
}

impl Search<'_> {
    fn enter(&mut self, net: NetId) {
        self.done.insert(net, false);
        let next = self.graph.get(&net).into_iter().flatten().copied();
        self.stack.push((net, next.collect()));
    }

    fn visit(&mut self, root: NetId) {
        if self.cycle.is_some() || self.done.contains_key(&root) {
            return;
        }
        self.enter(root);
        while let Some((net, todo)) = self.stack.last_mut() {
            let net = *net;
            match todo.pop() {
                None => {
                    self.done.insert(net, true);
                    self.stack.pop();
                }
                Some(next) => match self.done.get(&next) {
                    None => self.enter(next),
                    Some(true) => {}
                    Some(false) => {
                        let start = self.stack.iter().position(|(n, _)| *n == next);
                        let on_cycle = self.stack[start.unwrap_or(0)..].iter();
                        let cycle = on_cycle.map(|(n, _)| *n).chain([next]).collect();
                        self.cycle = Some(cycle);
                        return;
                    }
                },
            }
        }
    }
}

/// Whether any statement assigns `net`.
pub(super) fn assigns(stmts: &[Stmt], net: NetId) -> bool {
    let mut found = false;
    for stmt in stmts {
        stmt.for_each_target(&mut |n| found |= n == net);
    }
    found
}
