//! From rust-hdl's syntax tree of a kernel to [`ir`](super::ir): names resolved, loops unrolled, every width and sign
//! exact. The typing rules are those of [`Value`].

use super::check::Finding;
use super::elab::{Node, Role, readable};
use super::index;
use super::ir::{Arm, Binary, Expr, Kind, Label, Module, Net, NetId, NetRole, Stmt, Unary};
use super::tag::literal_bits;
use super::value::{MAX_WIDTH, Value, decode_literal, shape_name};
use rust_hdl::core::ast::{
    Verilog, VerilogBlock, VerilogBlockOrConditional, VerilogConditional, VerilogExpression,
    VerilogLiteral, VerilogLoop, VerilogMatch, VerilogOp, VerilogOpUnary, VerilogStatement,
};
use std::collections::HashMap;

/// Lowers the kernel of `node`; what is wrong with it is added to `findings`, and the statement is left out.
pub(crate) fn lower(node: &Node, path: &str, findings: &mut Vec<Finding>) -> Module {
    let mut lower = Lower::new(node, path, findings);
    if let Verilog::Combinatorial(kernel) = &node.kernel {
        let mut stmts = vec![];
        lower.block(kernel, &mut stmts);
        lower.module.stmts = stmts;
    }
    lower.module
}

/// An expression before its context is known.
enum Operand {
    Sized(Expr),
    Literal(i128),
    /// From `signed_cast` (`true`) or `unsigned_cast`.
    Elastic(Expr, bool),
}

type Result<T> = std::result::Result<T, String>;

struct Lower<'a> {
    path: &'a str,
    node: &'a Node,
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
                Role::Reg { reset } => NetRole::Reg {
                    reset: reset.clone(),
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
        let names = module.nets.iter().enumerate();
        let by_name = names.map(|(i, n)| (n.name.clone(), i)).collect();
        Lower {
            path,
            node,
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

    fn constant(&self, name: &str) -> Option<i128> {
        let in_loop = self.loops.iter().rev().find(|(n, _)| n == name);
        in_loop
            .map(|(_, value)| *value)
            .or_else(|| self.node.params.get(name).map(|n| *n as i128))
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
            VerilogStatement::SliceAssignment { .. } | VerilogStatement::Link(_) => self.report(
                "",
                "struct fields, `join` and `link` are not part of the kernel language: assign each signal",
            ),
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
        self.by_name.get(name).copied().ok_or_else(|| {
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

    /// The operand as an expression of this width and sign.
    fn fit(&self, operand: Operand, width: usize, signed: bool) -> Result<Expr> {
        match operand {
            Operand::Sized(e) if e.width == width && e.signed == signed => Ok(e),
            Operand::Sized(e) => Err(format!(
                "{} is needed, {} is {}: cast it, or change one of the two",
                shape_name(width, signed),
                self.describe(&e),
                shape_name(e.width, e.signed)
            )),
            Operand::Literal(x) => Ok(Expr::lit(Value::literal(x).fit(width, signed)?)),
            Operand::Elastic(_, to) if to != signed => Err(format!(
                "{} is needed: use {}_cast",
                shape_name(width, signed),
                if signed { "signed" } else { "unsigned" }
            )),
            Operand::Elastic(e, _) => Ok(e.resize(width, signed)),
        }
    }

    /// How messages call an expression.
    fn describe(&self, e: &Expr) -> String {
        match e.kind {
            Kind::Net(net) => format!("`{}`", readable(&self.module.nets[net].name)),
            _ => "the expression".into(),
        }
    }

    fn sized(&self, operand: Operand, what: &str) -> Result<Expr> {
        match operand {
            Operand::Sized(e) => Ok(e),
            _ => Err(format!(
                "the operand of {what} has no width of its own: use bit_cast_w"
            )),
        }
    }

    /// An index or shift distance: a literal stays one.
    fn amount(&self, operand: Operand, what: &str) -> Result<Expr> {
        match operand {
            Operand::Literal(x) if x >= 0 => Ok(Expr::lit(Value::unsigned(64, x as u128))),
            Operand::Literal(x) => Err(format!("{what} by {x}")),
            other => {
                let e = self.sized(other, what)?;
                if e.signed {
                    return Err(format!("{what} by a signed value: cast it"));
                }
                Ok(e)
            }
        }
    }

    fn expr(&mut self, e: &VerilogExpression) -> Result<Operand> {
        use VerilogExpression as V;
        match e {
            V::Signal(name) => self.signal(name),
            V::Literal(literal) => Ok(literal_operand(literal)),
            V::Paren(inner) => self.expr(inner),
            V::Cast(_, code) if decode_literal(*code).is_some() => Ok(Operand::Literal(
                decode_literal(*code).expect("tested by the guard"),
            )),
            V::Cast(inner, width) => self.cast(inner, *width),
            V::Signed(inner) => self.elastic(inner, true),
            V::Unsigned(inner) => self.elastic(inner, false),
            V::Unary(op, inner) => self.unary(op, inner),
            V::Binary(left, op, right) => self.binary(left, op, right),
            V::Index(base, at) => self.index(base, at),
            V::Slice(base, width, low) => self.slice(base, *width, low),
            V::IndexReplace(base, at, bit) => self.replace(base, at, bit),
        }
    }

    fn signal(&mut self, raw: &str) -> Result<Operand> {
        if let Some(value) = self.constant(raw) {
            return Ok(Operand::Literal(value));
        }
        if let Some(label) = self.label(raw) {
            return Ok(Operand::Sized(label));
        }
        let name = self.resolve(raw)?;
        if let Some(value) = self.constant(&name) {
            return Ok(Operand::Literal(value));
        }
        let net = self.lookup(&name)?;
        let Net {
            ref role,
            width,
            signed,
            ..
        } = self.module.nets[net];
        if matches!(role, NetRole::ToChild(_)) {
            return Err(format!(
                "`{}` is an input of a sub-block and cannot be read: read what drives it",
                readable(&self.module.nets[net].name)
            ));
        }
        Ok(Operand::Sized(Expr::new(Kind::Net(net), width, signed)))
    }

    fn cast(&mut self, inner: &VerilogExpression, width: usize) -> Result<Operand> {
        match self.expr(inner)? {
            Operand::Sized(e) => Ok(Operand::Sized(e.resize(width, false))),
            Operand::Literal(x) => Ok(Operand::Sized(Expr::lit(
                Value::literal(x).resize(width, false),
            ))),
            Operand::Elastic(..) => Err("a cast of a cast: drop the inner one".into()),
        }
    }

    fn elastic(&mut self, inner: &VerilogExpression, signed: bool) -> Result<Operand> {
        let inner = self.expr(inner)?;
        Ok(Operand::Elastic(self.sized(inner, "a cast")?, signed))
    }

    fn unary(&mut self, op: &VerilogOpUnary, inner: &VerilogExpression) -> Result<Operand> {
        let inner = self.expr(inner)?;
        if let (VerilogOpUnary::Neg, Operand::Literal(x)) = (op, &inner) {
            return Ok(Operand::Literal(-x));
        }
        let (op, name) = match op {
            VerilogOpUnary::Not => (Unary::Not, "`!`"),
            VerilogOpUnary::Neg => (Unary::Neg, "`-`"),
            VerilogOpUnary::All => (Unary::All, "`.all()`"),
            VerilogOpUnary::Any => (Unary::Any, "`.any()`"),
            VerilogOpUnary::Xor => (Unary::Xor, "`.xor()`"),
        };
        let inner = self.sized(inner, name)?;
        let (width, signed) = match op {
            Unary::Not | Unary::Neg => (inner.width, inner.signed),
            _ => (1, false),
        };
        if width == 1 && matches!(op, Unary::Any | Unary::All | Unary::Xor) && inner.width == 1 {
            return Ok(Operand::Sized(inner.resize(1, false)));
        }
        let kind = Kind::Unary(op, Box::new(inner));
        Ok(Operand::Sized(Expr::new(kind, width, signed)))
    }

    fn binary(
        &mut self,
        left: &VerilogExpression,
        op: &VerilogOp,
        right: &VerilogExpression,
    ) -> Result<Operand> {
        let op = binary_op(op);
        let (left, right) = (self.expr(left)?, self.expr(right)?);
        if let (Operand::Literal(x), Operand::Literal(y)) = (&left, &right) {
            return fold(op, *x, *y);
        }
        let symbol = format!("`{}`", op.symbol());
        let (l, r) = match op {
            Binary::Shl | Binary::Shr => {
                (self.sized(left, &symbol)?, self.amount(right, "a shift")?)
            }
            Binary::Mul => (self.sized(left, &symbol)?, self.sized(right, &symbol)?),
            _ => self.unify(left, right, &symbol)?,
        };
        if op == Binary::Mul && l.signed != r.signed {
            return Err(self.mismatch(&l, &r, &symbol));
        }
        let (width, signed) = match op {
            Binary::Mul => (l.width + r.width, l.signed),
            Binary::LogicalAnd | Binary::LogicalOr => (1, false),
            _ if op.is_comparison() => (1, false),
            _ => (l.width, l.signed),
        };
        if width > MAX_WIDTH {
            return Err(format!(
                "a product of {width} bits: at most {MAX_WIDTH} are possible"
            ));
        }
        if let (Binary::Shl | Binary::Shr, Some(n)) = (op, r.as_lit()) {
            return Ok(Operand::Sized(constant_shift(op, l, n.to_u128())));
        }
        let kind = Kind::Binary(op, Box::new(l), Box::new(r));
        Ok(Operand::Sized(Expr::new(kind, width, signed)))
    }

    fn mismatch(&self, l: &Expr, r: &Expr, op: &str) -> String {
        format!(
            "operands of {op}: {} is {}, {} is {}: cast one of them",
            self.describe(l),
            shape_name(l.width, l.signed),
            self.describe(r),
            shape_name(r.width, r.signed)
        )
    }

    /// Both operands in the same width and sign.
    fn unify(&self, left: Operand, right: Operand, op: &str) -> Result<(Expr, Expr)> {
        match (left, right) {
            (Operand::Sized(l), Operand::Sized(r)) => {
                if l.width != r.width || l.signed != r.signed {
                    return Err(self.mismatch(&l, &r, op));
                }
                Ok((l, r))
            }
            (Operand::Sized(l), r) => {
                let r = self.fit(r, l.width, l.signed)?;
                Ok((l, r))
            }
            (l, Operand::Sized(r)) => {
                let l = self.fit(l, r.width, r.signed)?;
                Ok((l, r))
            }
            _ => Err(format!(
                "neither operand of {op} has a width of its own: use bit_cast_w on one"
            )),
        }
    }

    fn index(&mut self, base: &VerilogExpression, at: &VerilogExpression) -> Result<Operand> {
        let base = self.expr(base)?;
        let base = self.sized(base, "`.get_bit()`")?;
        let at = self.expr(at)?;
        let at = self.amount(at, "an index")?;
        Ok(Operand::Sized(match at.as_lit() {
            Some(i) if i.to_u128() < base.width as u128 => base.slice(i.index(), 1, false),
            Some(_) => Expr::bit(false),
            None => Expr::new(Kind::Bit(Box::new(base), Box::new(at)), 1, false),
        }))
    }

    fn slice(
        &mut self,
        base: &VerilogExpression,
        width: usize,
        low: &VerilogExpression,
    ) -> Result<Operand> {
        let base = self.expr(base)?;
        let base = self.sized(base, "`.get_bits()`")?;
        let low = self.expr(low)?;
        let low = self.amount(low, "an offset")?;
        if width == 0 || width > base.width {
            return Err(format!(
                "a slice of {width} bits out of {} bits",
                base.width
            ));
        }
        let whole = base.width;
        let logical = base.resize(whole, false);
        if let Some(n) = low.as_lit() {
            let shifted = constant_shift(Binary::Shr, logical, n.to_u128());
            return Ok(Operand::Sized(shifted.slice(0, width, false)));
        }
        let kind = Kind::Binary(Binary::Shr, Box::new(logical), Box::new(low));
        let shifted = Expr::new(kind, whole, false);
        Ok(Operand::Sized(shifted.slice(0, width, false)))
    }

    fn replace(
        &mut self,
        base: &VerilogExpression,
        at: &VerilogExpression,
        bit: &VerilogExpression,
    ) -> Result<Operand> {
        let base = self.expr(base)?;
        let base = self.sized(base, "`.replace_bit()`")?;
        let at = self.expr(at)?;
        let at = self.amount(at, "an index")?;
        let bit = self.condition(bit)?;
        let (width, signed) = (base.width, base.signed);
        if at.as_lit().is_some_and(|i| i.to_u128() >= width as u128) {
            return Ok(Operand::Sized(base));
        }
        let kind = Kind::ReplaceBit(Box::new(base), Box::new(at), Box::new(bit));
        Ok(Operand::Sized(Expr::new(kind, width, signed)))
    }
}

/// A shift by a known distance. One beyond the width is spelled out, because Verilator 5.052 gives 0 for a constant
/// `>>>` of a negative number by more than its width, where the standard and Icarus give the sign.
fn constant_shift(op: Binary, x: Expr, distance: u128) -> Expr {
    let (width, signed) = (x.width, x.signed);
    let arithmetic = op == Binary::Shr && signed;
    if distance >= width as u128 && !arithmetic {
        return Expr::lit(Value::zero(width, signed));
    }
    let distance = distance.min(width as u128 - 1);
    if distance == 0 {
        return x;
    }
    let distance = Expr::lit(Value::unsigned(64, distance));
    Expr::new(
        Kind::Binary(op, Box::new(x), Box::new(distance)),
        width,
        signed,
    )
}

fn literal_operand(literal: &VerilogLiteral) -> Operand {
    let value = literal_bits(literal);
    // Only a `bool` becomes a one-bit literal; integers carry the width of their Rust type.
    if format!("{literal:x}").starts_with("1'") {
        return Operand::Sized(Expr::bit(value == 1));
    }
    Operand::Literal(value as i128)
}

fn binary_op(op: &VerilogOp) -> Binary {
    match op {
        VerilogOp::Add => Binary::Add,
        VerilogOp::Sub => Binary::Sub,
        VerilogOp::Mul => Binary::Mul,
        VerilogOp::LogicalAnd => Binary::LogicalAnd,
        VerilogOp::LogicalOr => Binary::LogicalOr,
        VerilogOp::BitXor => Binary::Xor,
        VerilogOp::BitAnd => Binary::And,
        VerilogOp::BitOr => Binary::Or,
        VerilogOp::Shl => Binary::Shl,
        VerilogOp::Shr => Binary::Shr,
        VerilogOp::Eq => Binary::Eq,
        VerilogOp::Lt => Binary::Lt,
        VerilogOp::Le => Binary::Le,
        VerilogOp::Ne => Binary::Ne,
        VerilogOp::Ge => Binary::Ge,
        VerilogOp::Gt => Binary::Gt,
    }
}

/// An operation on two numbers that are known now.
fn fold(op: Binary, x: i128, y: i128) -> Result<Operand> {
    let bit = |b| Ok(Operand::Sized(Expr::bit(b)));
    let number = |n: Option<i128>| {
        n.map(Operand::Literal)
            .ok_or_else(|| format!("{x} {} {y} overflows", op.symbol()))
    };
    match op {
        Binary::Add => number(x.checked_add(y)),
        Binary::Sub => number(x.checked_sub(y)),
        Binary::Mul => number(x.checked_mul(y)),
        Binary::And => number(Some(x & y)),
        Binary::Or => number(Some(x | y)),
        Binary::Xor => number(Some(x ^ y)),
        Binary::Shl => number(u32::try_from(y).ok().and_then(|n| x.checked_shl(n))),
        Binary::Shr => number(u32::try_from(y).ok().and_then(|n| x.checked_shr(n))),
        Binary::Eq => bit(x == y),
        Binary::Ne => bit(x != y),
        Binary::Lt => bit(x < y),
        Binary::Le => bit(x <= y),
        Binary::Gt => bit(x > y),
        Binary::Ge => bit(x >= y),
        Binary::LogicalAnd => bit(x != 0 && y != 0),
        Binary::LogicalOr => bit(x != 0 || y != 0),
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
