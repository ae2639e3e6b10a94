//! Random expressions: their value, and the syntax tree that `#[hdl_gen]` would make of them.

use mercury::hdl::prelude::*;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rust_hdl::core::ast::{VerilogExpression as Ast, VerilogOp as Op, VerilogOpUnary as UnaryOp};

/// An expression as a kernel would have it.
#[derive(Clone, Debug)]
pub enum E {
    Input(usize),
    Literal(u64),
    Binary(Op, Box<E>, Box<E>),
    Unary(UnaryOp, Box<E>),
    /// `bit_cast_w`
    Cast(Box<E>, usize),
    /// `signed_cast` or `unsigned_cast`, to the context's width
    Elastic(bool, Box<E>),
    GetBit(Box<E>, Box<E>),
    ReplaceBit(Box<E>, Box<E>, Box<E>),
}

/// Shorthand for the operands of an expression.
pub fn boxed(e: E) -> Box<E> {
    Box::new(e)
}

impl E {
    /// As `#[hdl_gen]` writes it; `names` are those of the inputs.
    pub fn ast(&self, names: &[String]) -> Ast {
        let b = |e: &E| Box::new(e.ast(names));
        match self {
            E::Input(i) => Ast::Signal(names[*i].clone()),
            E::Literal(v) => Ast::Literal((*v).into()),
            E::Binary(op, l, r) => Ast::Binary(b(l), op.clone(), b(r)),
            E::Unary(op, x) => Ast::Unary(op.clone(), b(x)),
            E::Cast(x, w) => Ast::Cast(b(x), *w),
            E::Elastic(true, x) => Ast::Signed(b(x)),
            E::Elastic(false, x) => Ast::Unsigned(b(x)),
            E::GetBit(x, i) => Ast::Index(b(x), b(i)),
            E::ReplaceBit(x, i, v) => Ast::IndexReplace(b(x), b(i), b(v)),
        }
    }

    /// What [`Value`]'s operators make of these inputs.
    pub fn value(&self, inputs: &[Value]) -> Value {
        let v = |e: &E| e.value(inputs);
        match self {
            E::Input(i) => inputs[*i].clone(),
            E::Literal(x) => (*x).into(),
            E::Binary(op, l, r) => binary(op, v(l), v(r)),
            E::Unary(UnaryOp::Not, x) => !v(x),
            E::Unary(UnaryOp::Neg, x) => -v(x),
            E::Unary(UnaryOp::All, x) => v(x).all().into(),
            E::Unary(UnaryOp::Any, x) => v(x).any().into(),
            E::Unary(UnaryOp::Xor, x) => v(x).xor().into(),
            E::Cast(x, w) => bit_cast_w(v(x), *w),
            E::Elastic(true, x) => signed_cast(v(x)),
            E::Elastic(false, x) => unsigned_cast(v(x)),
            E::GetBit(x, i) => v(x).get_bit(v(i)).into(),
            E::ReplaceBit(x, i, b) => v(x).replace_bit(v(i), v(b).any()),
        }
    }
}

fn binary(op: &Op, l: Value, r: Value) -> Value {
    match op {
        Op::Add => l + r,
        Op::Sub => l - r,
        Op::Mul => l * r,
        Op::LogicalAnd => (l.any() && r.any()).into(),
        Op::LogicalOr => (l.any() || r.any()).into(),
        Op::BitXor => l ^ r,
        Op::BitAnd => l & r,
        Op::BitOr => l | r,
        Op::Shl => l << r,
        Op::Shr => l >> r,
        Op::Eq => (l == r).into(),
        Op::Lt => (l < r).into(),
        Op::Le => (l <= r).into(),
        Op::Ne => (l != r).into(),
        Op::Ge => (l >= r).into(),
        Op::Gt => (l > r).into(),
    }
}

/// Makes expressions of a wanted width and sign.
pub struct Maker {
    /// What is made is up to it alone.
    pub rng: ChaCha8Rng,
    /// Width and sign of each input.
    pub inputs: Vec<(usize, bool)>,
}

impl Maker {
    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.rng.random_range(0..from.len())].clone()
    }

    /// Width and sign of some input.
    pub fn shape(&mut self) -> (usize, bool) {
        let i = self.rng.random_range(0..self.inputs.len());
        self.inputs[i]
    }

    /// An input of exactly this shape, or one that is cast to it.
    fn leaf(&mut self, width: usize, signed: bool) -> E {
        let exact: Vec<usize> = (0..self.inputs.len())
            .filter(|i| self.inputs[*i] == (width, signed))
            .collect();
        if exact.is_empty() {
            let i = self.rng.random_range(0..self.inputs.len());
            return self.cast(E::Input(i), width, signed);
        }
        E::Input(self.pick(&exact))
    }

    /// `e` in a width and sign. A signed width needs a context: an XOR with a sized 0.
    fn cast(&mut self, e: E, width: usize, signed: bool) -> E {
        if !signed {
            return E::Cast(boxed(e), width);
        }
        let same_shape = (0..self.inputs.len()).find(|i| self.inputs[*i] == (width, true));
        let i = same_shape.expect("there is an input of every signed shape");
        let context = E::Binary(
            Op::BitAnd,
            boxed(E::Input(i)),
            boxed(E::Elastic(true, boxed(e))),
        );
        E::Binary(Op::BitXor, boxed(context), boxed(E::Input(i)))
    }

    fn index(&mut self, depth: usize) -> E {
        if self.rng.random() {
            return E::Literal(self.rng.random_range(0..80));
        }
        let width = self.rng.random_range(1..8);
        self.make(width, false, depth)
    }

    /// An expression of this width and sign, at most `depth` operators deep.
    pub fn make(&mut self, width: usize, signed: bool, depth: usize) -> E {
        if depth == 0 {
            return self.leaf(width, signed);
        }
        let d = depth - 1;
        if width == 1 && !signed && self.rng.random() {
            return self.bit(d);
        }
        match self.rng.random_range(0..10) {
            0..=3 => {
                let op = self.pick(&[Op::Add, Op::Sub, Op::BitAnd, Op::BitOr, Op::BitXor]);
                let l = self.make(width, signed, d);
                let r = match self.rng.random_range(0..4) {
                    0 => E::Literal(u64::from(width > 1 && self.rng.random())),
                    1 => {
                        let (w, s) = self.shape();
                        E::Elastic(signed, boxed(self.make(w, s, d)))
                    }
                    _ => self.make(width, signed, d),
                };
                E::Binary(op, boxed(l), boxed(r))
            }
            4 => {
                let op = self.pick(&[UnaryOp::Not, UnaryOp::Neg]);
                E::Unary(op, boxed(self.make(width, signed, d)))
            }
            5 | 6 => {
                let op = self.pick(&[Op::Shl, Op::Shr]);
                let x = self.make(width, signed, d);
                E::Binary(op, boxed(x), boxed(self.index(d)))
            }
            7 => {
                let x = self.make(width, signed, d);
                let (i, b) = (self.index(d), self.bit(d));
                E::ReplaceBit(boxed(x), boxed(i), boxed(b))
            }
            8 if width > 1 && !signed => {
                let left = self.rng.random_range(1..width);
                let l = self.make(left, signed, d);
                let r = self.make(width - left, signed, d);
                E::Binary(Op::Mul, boxed(l), boxed(r))
            }
            _ if !signed => {
                let (w, s) = self.shape();
                E::Cast(boxed(self.make(w, s, d)), width)
            }
            _ => self.leaf(width, signed),
        }
    }

    fn bit(&mut self, depth: usize) -> E {
        let (w, s) = self.shape();
        let l = self.make(w, s, depth);
        match self.rng.random_range(0..4) {
            0 => {
                let op = self.pick(&[UnaryOp::All, UnaryOp::Any, UnaryOp::Xor]);
                E::Unary(op, boxed(l))
            }
            1 => E::GetBit(boxed(l), boxed(self.index(depth))),
            _ => {
                let op = self.pick(&[Op::Eq, Op::Ne, Op::Lt, Op::Le, Op::Gt, Op::Ge]);
                let r = self.make(w, s, depth);
                E::Binary(op, boxed(l), boxed(r))
            }
        }
    }
}
