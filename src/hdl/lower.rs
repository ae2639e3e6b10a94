//! From rust-hdl's syntax tree of a kernel to [`ir`](super::ir): names resolved, loops unrolled, every width and sign
//! exact. The typing rules are those of [`Value`].

mod expr;

use super::check::Finding;
use super::elab::{Node, Role, readable};
use super::index;
use super::ir::{Arm, Expr, Kind, Label, Module, Net, NetId, NetRole, Stmt};
use super::tag::literal_bits;
use super::value::Value;
use expr::Operand;
use rust_hdl::core::ast::{
    Verilog, VerilogBlock, VerilogBlockOrConditional, VerilogConditional, VerilogExpression,
    VerilogLink, VerilogLoop, VerilogMatch, VerilogStatement,
};
use std::borrow::Cow;
use std::collections::HashMap;

/// Lowers the kernel of `node`; what is wrong with it is added to `findings`, and the statement is left out.
pub(crate) fn lower(node: &Node, path: &str, findings: &mut Vec<Finding>) -> Module {
    let mut lower = Lower::new(node, path, findings);
    let mut stmts = vec![];
    let parts = node
        .parts
        .iter()
        .map(|(name, kernel)| (name.as_str(), kernel));
    for (part, kernel) in parts.chain([("", &node.kernel)]) {
        lower.part = part;
        if let Verilog::Combinatorial(kernel) = kernel {
            lower.block(kernel, &mut stmts);
        }
    }
    lower.module.stmts = stmts;
    lower.module
}

type Result<T> = std::result::Result<T, String>;

struct Lower<'a> {
    path: &'a str,
    node: &'a Node,
    /// Name of the part whose kernel is lowered; empty for the block's own.
    part: &'a str,
    module: Module,
    by_name: HashMap<String, NetId>,
    loops: Vec<(String, i128)>,
    findings: &'a mut Vec<Finding>,
}

impl<'a> Lower<'a> {
    fn new(node: &'a Node, path: &'a str, findings: &'a mut Vec<Finding>) -> Self {
        let mut module = Module::default();
        for atom in &node.atoms {
            let role = match &atom.role {
                Role::Input => NetRole::Input,
                Role::Output => NetRole::Output,
                Role::Local => NetRole::Local,
                Role::Reg { reset, kept } => NetRole::Reg {
                    reset: reset.clone(),
                    kept: *kept,
                },
                Role::Const(value) => NetRole::Const(value.clone()),
            };
            module.nets.push(Net {
                name: atom.name.clone(),
                role,
                width: atom.width,
                signed: atom.signed,
            });
        }
        for (i, child) in node.children.iter().enumerate() {
            for port in child.ports() {
                let role = match port.role {
                    Role::Input => NetRole::ToChild(i),
                    _ => NetRole::FromChild(i),
                };
                module.nets.push(Net {
                    name: format!("{}${}", child.inst, port.name),
                    role,
                    width: port.width,
                    signed: port.signed,
                });
            }
        }
        let child_ports = node.children.iter().flat_map(Node::ports);
        for atom in node.atoms.iter().chain(child_ports) {
            for (value, label) in atom.labels.iter().enumerate() {
                let width = atom.width;
                module
                    .labels
                    .insert(label.replace("::", "$"), Label { value, width });
            }
        }
        let own = node.atoms.iter().map(|a| a.path.clone());
        let ports = |child: &'a Node| child.ports().map(|p| format!("{}${}", child.inst, p.path));
        let names = own.chain(node.children.iter().flat_map(ports));
        let by_name = names.enumerate().map(|(i, name)| (name, i)).collect();
        Lower {
            path,
            node,
            part: "",
            module,
            by_name,
            loops: vec![],
            findings,
        }
    }

    fn report(&mut self, signal: &str, message: impl Into<String>) {
        self.findings.push(Finding {
            block: self.path.into(),
            signal: readable(signal),
            message: message.into(),
        });
    }

    /// A name of the kernel that is lowered, as the block that holds the part knows it.
    fn inside<'n>(&self, name: &'n str) -> Cow<'n, str> {
        match self.part {
            "" => name.into(),
            part => format!("{part}${name}").into(),
        }
    }

    fn constant(&self, name: &str) -> Option<i128> {
        let in_loop = self.loops.iter().rev().find(|(n, _)| n == name);
        in_loop.map(|(_, value)| *value).or_else(|| {
            let param = self.node.params.get(self.inside(name).as_ref());
            param.map(|n| *n as i128)
        })
    }

    fn resolve(&self, name: &str) -> Result<String> {
        index::resolve(name, &|n| self.constant(n))
    }

    fn block(&mut self, block: &VerilogBlock, out: &mut Vec<Stmt>) {
        for statement in block {
            self.statement(statement, out);
        }
    }

    fn statement(&mut self, statement: &VerilogStatement, out: &mut Vec<Stmt>) {
        match statement {
            VerilogStatement::Assignment(target, value) => self.assignment(target, value, out),
            VerilogStatement::If(conditional) => self.conditional(conditional, out),
            VerilogStatement::Match(case) => self.case(case, out),
            VerilogStatement::Loop(repeat) => self.repeat(repeat, out),
            VerilogStatement::Macro(block) => self.block(block, out),
            VerilogStatement::Comment(_) => {}
            VerilogStatement::Link(links) => self.links(links, out),
            VerilogStatement::SliceAssignment { .. } => self.report(
                "",
                "struct fields are not part of the kernel language: use a bundle",
            ),
        }
    }

    /// `join` of two bundles: one assignment a signal.
    fn links(&mut self, links: &[VerilogLink], out: &mut Vec<Stmt>) {
        for link in links {
            let VerilogLink::Forward(link) = link else {
                return self.report(
                    "",
                    "only a `join` of bundles is part of the kernel language",
                );
            };
            let signal =
                |bundle: &str| VerilogExpression::Signal(format!("{bundle}${}", link.my_name));
            self.assignment(&signal(&link.owner_name), &signal(&link.other_name), out);
        }
    }

    fn assignment(
        &mut self,
        target: &VerilogExpression,
        value: &VerilogExpression,
        out: &mut Vec<Stmt>,
    ) {
        let VerilogExpression::Signal(raw) = target else {
            return self.report("", "the target of an assignment is not a signal");
        };
        let net = match self.target(raw) {
            Ok(net) => net,
            Err(message) => {
                let raw = raw.strip_suffix("$next").unwrap_or(raw);
                let name = self.resolve(raw).unwrap_or_else(|_| raw.into());
                return self.report(&name, message);
            }
        };
        let Net { width, signed, .. } = self.module.nets[net];
        let value = self
            .expr(value)
            .and_then(|value| self.fit(value, width, signed));
        match value {
            Ok(value) => out.push(Stmt::Assign { net, value }),
            Err(message) => {
                let name = self.module.nets[net].name.clone();
                self.report(&name, message);
            }
        }
    }

    fn target(&self, raw: &str) -> Result<NetId> {
        let name = self.resolve(raw.strip_suffix("$next").unwrap_or(raw))?;
        let net = self.lookup(&name)?;
        match self.module.nets[net].role {
            NetRole::Input => {
                Err("this input of the block is driven from outside, and here too".into())
            }
            NetRole::FromChild(_) => {
                Err("this output is driven by the sub-block, and here too".into())
            }
            NetRole::Const(_) => Err("a constant cannot be assigned".into()),
            _ => Ok(net),
        }
    }

    fn lookup(&self, name: &str) -> Result<NetId> {
        self.by_name.get(self.inside(name).as_ref()).copied().ok_or_else(|| {
            let shown = readable(name);
            if name.starts_with('_') {
                format!("plain field `{shown}` used as a value: make it a Param or Const, or write bits(self.{shown})")
            } else {
                format!("`{shown}` is neither a signal of this block nor a port of a direct sub-block")
            }
        })
    }

    fn condition(&mut self, test: &VerilogExpression) -> Result<Expr> {
        match self.expr(test)? {
            Operand::Sized(e) if e.width == 1 => Ok(e),
            Operand::Literal(x @ (0 | 1)) => Ok(Expr::bit(x == 1)),
            _ => Err("a condition is not one bit wide: use .any()".into()),
        }
    }

    fn conditional(&mut self, conditional: &VerilogConditional, out: &mut Vec<Stmt>) {
        let cond = match self.condition(&conditional.test) {
            Ok(cond) => cond,
            Err(message) => return self.report("", format!("`if`: {message}")),
        };
        let known = cond.as_lit().map(Value::any);
        let (mut then, mut otherwise) = (vec![], vec![]);
        if known != Some(false) {
            self.block(&conditional.then, &mut then);
        }
        if known != Some(true) {
            match &conditional.otherwise {
                VerilogBlockOrConditional::Block(block) => self.block(block, &mut otherwise),
                VerilogBlockOrConditional::Conditional(next) => {
                    self.statement(next, &mut otherwise);
                }
                VerilogBlockOrConditional::None => {}
            }
        }
        match known {
            Some(true) => out.extend(then),
            Some(false) => out.extend(otherwise),
            None => out.push(Stmt::If {
                cond,
                then,
                otherwise,
            }),
        }
    }

    fn case(&mut self, case: &VerilogMatch, out: &mut Vec<Stmt>) {
        let subject = match self.expr(&case.test) {
            Ok(Operand::Sized(e)) => e,
            Ok(Operand::Literal(x)) => return self.known_case(case, x, out),
            Ok(Operand::Elastic(..)) => {
                return self.report("", "`match` on a cast without width: use bit_cast_w");
            }
            Err(message) => return self.report("", format!("`match`: {message}")),
        };
        let (mut arms, mut default) = (vec![], None);
        for arm in &case.cases {
            let mut body = vec![];
            self.block(&arm.block, &mut body);
            if arm.condition == "default" {
                default = Some(body);
                break;
            }
            match self.pattern(&arm.condition, &subject) {
                Ok(pattern) => arms.push(Arm { pattern, body }),
                Err(message) => self.report("", format!("`match`: {message}")),
            }
        }
        out.push(Stmt::Case {
            subject,
            arms,
            default,
        });
    }

    /// A `match` on a number that is known now takes one arm.
    fn known_case(&mut self, case: &VerilogMatch, value: i128, out: &mut Vec<Stmt>) {
        let taken = case
            .cases
            .iter()
            .find(|arm| arm.condition == "default" || parse_integer(&arm.condition) == Some(value));
        if let Some(arm) = taken {
            self.block(&arm.block, out);
        }
    }

    fn pattern(&self, text: &str, subject: &Expr) -> Result<Expr> {
        if let Some(label) = self.label(text) {
            return Ok(label);
        }
        let number = match text {
            "true" => 1,
            "false" => 0,
            _ => parse_integer(text).ok_or_else(|| {
                format!("pattern `{text}` is neither an integer nor an enum variant")
            })?,
        };
        let value = Value::literal(number).fit(subject.width, subject.signed)?;
        Ok(Expr::lit(value))
    }

    fn label(&self, name: &str) -> Option<Expr> {
        let label = self.module.labels.get(name)?;
        Some(Expr::new(Kind::Label(name.into()), label.width, false))
    }

    fn repeat(&mut self, repeat: &VerilogLoop, out: &mut Vec<Stmt>) {
        let (from, to) = (literal_bits(&repeat.from), literal_bits(&repeat.to));
        for i in from..to {
            self.loops.push((repeat.index.clone(), i as i128));
            self.block(&repeat.block, out);
            self.loops.pop();
        }
    }
}

/// A Rust integer pattern: `12`, `0x1f`, `0b101`, `3usize`, `1_000`.
fn parse_integer(text: &str) -> Option<i128> {
    let text = text.replace('_', "");
    let text = text.trim_end_matches("usize");
    match text.get(..2) {
        Some("0x") => i128::from_str_radix(&text[2..], 16).ok(),
        Some("0b") => i128::from_str_radix(&text[2..], 2).ok(),
        _ => text.parse().ok(),
    }
}
