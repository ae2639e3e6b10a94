//! Expressions: every operand gets its width and sign.

use super::{Lower, Result};
use crate::hdl::elab::readable;
use crate::hdl::ir::{Binary, Expr, Kind, Net, NetRole, Unary};
use crate::hdl::tag::literal_bits;
use crate::hdl::value::{MAX_WIDTH, Value, decode_literal, shape_name};
use rust_hdl::core::ast::{VerilogExpression, VerilogLiteral, VerilogOp, VerilogOpUnary};

/// An expression before its context is known.
pub(super) enum Operand {
    Sized(Expr),
    Literal(i128),
    /// From `signed_cast` (`true`) or `unsigned_cast`.
    Elastic(Expr, bool),
}

impl Lower<'_> {
    /// The operand as an expression of this width and sign.
    pub(super) fn fit(&self, operand: Operand, width: usize, signed: bool) -> Result<Expr> {
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

    pub(super) fn expr(&mut self, e: &VerilogExpression) -> Result<Operand> {
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
