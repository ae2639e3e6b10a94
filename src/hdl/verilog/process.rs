//! Statements of a process as Verilog text.

use super::expr::Writer;
use crate::hdl::ir::{Arm, Expr, Kind, NetId, Stmt};
use std::collections::{BTreeMap, BTreeSet};

/// How a process assigns.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Assign {
    /// `=`, in combinational processes.
    Blocking,
    /// `<=`, in clocked processes.
    Clocked,
}

/// Prints the statements of one process.
pub(super) struct ProcessWriter<'w, 'm> {
    pub writer: &'w mut Writer<'m>,
    pub assign: Assign,
    /// Names of the next values of registers that are combinational targets here.
    pub next_names: &'w BTreeMap<NetId, String>,
}

fn indent(depth: usize) -> String {
    "    ".repeat(depth)
}

impl ProcessWriter<'_, '_> {
    pub fn list(&mut self, stmts: &[Stmt], depth: usize, assigned: &mut BTreeSet<NetId>) -> String {
        let mut out = String::new();
        for stmt in stmts {
            let text = self.stmt(stmt, depth, assigned);
            out += &self.temps_before(depth);
            out += &text;
        }
        out
    }

    /// Assignments to variables of the process that the statement just printed needs.
    fn temps_before(&mut self, depth: usize) -> String {
        let Some(process) = &mut self.writer.process else {
            return String::new();
        };
        let before = std::mem::take(&mut process.before);
        let line =
            |(name, value): &(String, String)| format!("{}{name} = {value};\n", indent(depth));
        before.iter().map(line).collect()
    }

    /// Expressions of heads and of nested bodies print at different places, so a nested list flushes its own
    /// variables; those of the head wait in `before` for the caller.
    fn nested(&mut self, stmts: &[Stmt], depth: usize, assigned: &mut BTreeSet<NetId>) -> String {
        let outer = self.take_before();
        let text = self.list(stmts, depth, assigned);
        self.put_before(outer);
        text
    }

    fn take_before(&mut self) -> Vec<(String, String)> {
        let process = self.writer.process.as_mut();
        process.map_or(vec![], |p| std::mem::take(&mut p.before))
    }

    fn put_before(&mut self, before: Vec<(String, String)>) {
        if let Some(process) = &mut self.writer.process {
            process.before = before;
        }
    }

    fn stmt(&mut self, stmt: &Stmt, depth: usize, assigned: &mut BTreeSet<NetId>) -> String {
        self.hint(stmt);
        match stmt {
            Stmt::Assign { net, value } => self.assignment(*net, value, depth, assigned),
            Stmt::If {
                cond,
                then,
                otherwise,
            } => {
                let chain = self.conditional(cond, then, otherwise, depth, assigned);
                format!("{}{chain}\n", indent(depth))
            }
            Stmt::Case {
                subject,
                arms,
                default,
            } => self.case(subject, arms, default.as_deref(), depth, assigned),
        }
    }

    /// Added wires are named after the first signal that the statement assigns.
    fn hint(&mut self, stmt: &Stmt) {
        let mut first = None;
        stmt.for_each_target(&mut |net| {
            first.get_or_insert(net);
        });
        if let Some(net) = first {
            self.writer.hint = self.writer.net_names[net].clone();
        }
    }

    fn target(&self, net: NetId) -> String {
        match (self.assign, self.next_names.get(&net)) {
            (Assign::Blocking, Some(next)) => next.clone(),
            _ => self.writer.net_names[net].clone(),
        }
    }

    fn assignment(
        &mut self,
        net: NetId,
        value: &Expr,
        depth: usize,
        assigned: &mut BTreeSet<NetId>,
    ) -> String {
        let target = self.target(net);
        let operator = match self.assign {
            Assign::Blocking => "=",
            Assign::Clocked => "<=",
        };
        let first = assigned.insert(net);
        let text = match self.in_place(net, value, first) {
            Some((index, bit)) => format!("{target}[{index}] {operator} {bit};"),
            None => format!("{target} {operator} {};", self.writer.whole(value)),
        };
        format!("{}{text}\n", indent(depth))
    }

    /// `x.next = x.val().replace_bit(i, b)` is an assignment to one bit. Of a register only if it is the first
    /// assignment, because the others are replaced by it as a whole.
    fn in_place(&mut self, net: NetId, value: &Expr, first: bool) -> Option<(String, String)> {
        let Kind::ReplaceBit(base, index, bit) = &value.kind else {
            return None;
        };
        let is_reg = self.writer.module.nets[net].is_reg();
        let allowed = match (self.assign, is_reg) {
            (Assign::Clocked, _) => first,
            (Assign::Blocking, true) => false,
            (Assign::Blocking, false) => !first,
        };
        if base.kind != Kind::Net(net) || !allowed || value.width < 2 {
            return None;
        }
        let index = match index.as_lit() {
            Some(i) => i.to_u128().to_string(),
            None => self.writer.exact_index(index, value.width)?,
        };
        Some((index, self.writer.whole(bit)))
    }

    fn conditional(
        &mut self,
        cond: &Expr,
        then: &[Stmt],
        otherwise: &[Stmt],
        depth: usize,
        assigned: &mut BTreeSet<NetId>,
    ) -> String {
        let test = self.writer.whole(cond);
        if then.is_empty() {
            let body = self.nested(otherwise, depth + 1, assigned);
            return format!("if (!({test})) begin\n{body}{}end", indent(depth));
        }
        let mut in_else = assigned.clone();
        let mut out = format!("if ({test}) begin\n");
        out += &self.nested(then, depth + 1, assigned);
        out += &format!("{}end", indent(depth));
        match otherwise {
            [] => {}
            [
                Stmt::If {
                    cond,
                    then,
                    otherwise,
                },
            ] if !then.is_empty() => {
                out += " else ";
                out += &self.conditional(cond, then, otherwise, depth, &mut in_else);
            }
            _ => {
                out += " else begin\n";
                out += &self.nested(otherwise, depth + 1, &mut in_else);
                out += &format!("{}end", indent(depth));
            }
        }
        assigned.extend(in_else);
        out
    }

    fn case(
        &mut self,
        subject: &Expr,
        arms: &[Arm],
        default: Option<&[Stmt]>,
        depth: usize,
        assigned: &mut BTreeSet<NetId>,
    ) -> String {
        let subject = self.writer.whole(subject);
        let mut out = format!("{}case ({subject})\n", indent(depth));
        let before = assigned.clone();
        let mut arm = |me: &mut Self, label: &str, note: &str, body: &[Stmt]| {
            let mut inside = before.clone();
            let text = me.nested(body, depth + 2, &mut inside);
            assigned.extend(inside);
            let pad = indent(depth + 1);
            if body.is_empty() {
                format!("{pad}{label}: ;{note}\n")
            } else {
                format!("{pad}{label}: begin{note}\n{text}{pad}end\n")
            }
        };
        let skip_empty = default.is_some_and(|body| body.is_empty());
        for (i, a) in arms.iter().enumerate() {
            if skip_empty && a.body.is_empty() {
                continue;
            }
            let pattern = self.writer.whole(&a.pattern);
            // An exhaustive match: what is not one of the other arms is the last one.
            if default.is_none() && i + 1 == arms.len() {
                out += &arm(self, "default", &format!(" // {pattern}"), &a.body);
            } else {
                out += &arm(self, &pattern, "", &a.body);
            }
        }
        if let Some(body) = default {
            out += &arm(self, "default", "", body);
        }
        out + &format!("{}endcase\n", indent(depth))
    }
}

/// `name = zero` lines for the variables of a process.
pub(super) fn default_lines(defaults: &[(String, String)], depth: usize) -> String {
    let line = |(name, zero): &(String, String)| format!("{}{name} = {zero};\n", indent(depth));
    defaults.iter().map(line).collect()
}
