//! Kernels after lowering: every expression has an exact width and sign, loops are unrolled, names are resolved.

use super::value::Value;

/// Index into [`Module::nets`].
pub(crate) type NetId = usize;

/// What a net is to its module.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum NetRole {
    Input,
    Output,
    Local,
    Reg {
        reset: Option<Value>,
        /// Synthesis has to keep it.
        kept: bool,
    },
    Const(Value),
    /// Input port of the child with this index.
    ToChild(usize),
    /// Output port of the child with this index.
    FromChild(usize),
}

/// A signal that a kernel may name.
#[derive(Clone, Debug)]
pub(crate) struct Net {
    /// Name with parts joined by `$`, unique in its module.
    pub name: String,
    pub role: NetRole,
    pub width: usize,
    pub signed: bool,
}

impl Net {
    /// Driven by the kernel as combinational logic.
    pub fn is_comb_target(&self) -> bool {
        matches!(
            self.role,
            NetRole::Output | NetRole::Local | NetRole::ToChild(_)
        )
    }

    pub fn is_reg(&self) -> bool {
        matches!(self.role, NetRole::Reg { .. })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unary {
    Not,
    Neg,
    Any,
    All,
    Xor,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binary {
    Add,
    Sub,
    Mul,
    And,
    Or,
    Xor,
    LogicalAnd,
    LogicalOr,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Shl,
    Shr,
}

impl Binary {
    pub fn symbol(self) -> &'static str {
        use Binary::*;
        match self {
            Add => "+",
            Sub => "-",
            Mul => "*",
            And => "&",
            Or => "|",
            Xor => "^",
            LogicalAnd => "&&",
            LogicalOr => "||",
            Eq => "==",
            Ne => "!=",
            Lt => "<",
            Le => "<=",
            Gt => ">",
            Ge => ">=",
            Shl => "<<",
            Shr => ">>",
        }
    }

    pub fn is_comparison(self) -> bool {
        use Binary::*;
        matches!(self, Eq | Ne | Lt | Le | Gt | Ge)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Net(NetId),
    Lit(Value),
    /// An enum variant by its `Type$Variant` name.
    Label(String),
    Unary(Unary, Box<Expr>),
    /// Both operands have the same width and sign, except of `Mul` (any widths), `Shl` and `Shr`.
    Binary(Binary, Box<Expr>, Box<Expr>),
    /// `width` bits from this bit on.
    Slice(Box<Expr>, usize),
    /// One bit at a run-time index; 0 beyond the width.
    Bit(Box<Expr>, Box<Expr>),
    /// The first operand with the bit at the second one's index replaced by the third one.
    ReplaceBit(Box<Expr>, Box<Expr>, Box<Expr>),
    /// Extension by the operand's own sign, or a change of sign at equal width.
    Resize(Box<Expr>),
}

/// An expression of exactly this width and sign.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Expr {
    pub kind: Kind,
    pub width: usize,
    pub signed: bool,
}

impl Expr {
    pub fn new(kind: Kind, width: usize, signed: bool) -> Expr {
        Expr {
            kind,
            width,
            signed,
        }
    }

    pub fn lit(value: Value) -> Expr {
        let (width, signed) = (value.width(), value.is_signed());
        Expr::new(Kind::Lit(value), width, signed)
    }

    pub fn bit(value: bool) -> Expr {
        Expr::lit(Value::from(value))
    }

    pub fn as_lit(&self) -> Option<&Value> {
        match &self.kind {
            Kind::Lit(value) => Some(value),
            _ => None,
        }
    }

    /// Direct operands.
    pub fn operands(&self) -> Vec<&Expr> {
        match &self.kind {
            Kind::Net(_) | Kind::Lit(_) | Kind::Label(_) => vec![],
            Kind::Unary(_, a) | Kind::Slice(a, _) | Kind::Resize(a) => vec![a],
            Kind::Binary(_, a, b) | Kind::Bit(a, b) => vec![a, b],
            Kind::ReplaceBit(a, b, c) => vec![a, b, c],
        }
    }

    /// Calls `f` with every net read.
    pub fn for_each_net(&self, f: &mut dyn FnMut(NetId)) {
        if let Kind::Net(net) = self.kind {
            f(net);
        }
        for operand in self.operands() {
            operand.for_each_net(f);
        }
    }

    /// The same number in another width and sign: extended by its own sign, or its low bits.
    pub fn resize(self, width: usize, signed: bool) -> Expr {
        if self.width == width && self.signed == signed {
            return self;
        }
        if let Kind::Lit(value) = &self.kind {
            return Expr::lit(value.resize(width, signed));
        }
        if width >= self.width {
            return Expr::new(Kind::Resize(Box::new(self)), width, signed);
        }
        self.slice(0, width, signed)
    }

    /// `width` bits from bit `low` on, all of them inside of the expression.
    pub fn slice(self, low: usize, width: usize, signed: bool) -> Expr {
        if low == 0 && width == self.width {
            return self.resize(width, signed);
        }
        match self.kind {
            // A right shift whose vacated bits are cut off again is a slice of what is shifted.
            Kind::Binary(Binary::Shr, x, n)
                if n.as_lit()
                    .is_some_and(|n| n.to_u128() + (low + width) as u128 <= x.width as u128) =>
            {
                let n = n.as_lit().map_or(0, Value::index);
                x.slice(low + n, width, signed)
            }
            Kind::Slice(x, inner) => x.slice(inner + low, width, signed),
            Kind::Lit(value) => Expr::lit((value >> low).resize(width, signed)),
            kind => {
                let base = Expr { kind, ..self };
                Expr::new(Kind::Slice(Box::new(base), low), width, signed)
            }
        }
    }
}

/// One arm of a [`Stmt::Case`]: a literal or label, and what to do.
#[derive(Clone, Debug)]
pub(crate) struct Arm {
    pub pattern: Expr,
    pub body: Vec<Stmt>,
}

#[derive(Clone, Debug)]
pub(crate) enum Stmt {
    /// `value` has exactly the net's width and sign.
    Assign { net: NetId, value: Expr },
    If {
        cond: Expr,
        then: Vec<Stmt>,
        otherwise: Vec<Stmt>,
    },
    Case {
        subject: Expr,
        arms: Vec<Arm>,
        /// Of an exhaustive `match` without `_`: nothing.
        default: Option<Vec<Stmt>>,
    },
}

impl Stmt {
    /// The bodies of a conditional statement; an `if` always has two.
    pub fn bodies(&self) -> Vec<&[Stmt]> {
        match self {
            Stmt::Assign { .. } => vec![],
            Stmt::If {
                then, otherwise, ..
            } => vec![then, otherwise],
            Stmt::Case { arms, default, .. } => {
                let arms = arms.iter().map(|a| a.body.as_slice());
                arms.chain(default.as_deref()).collect()
            }
        }
    }

    /// The expression that the statement itself evaluates, without its bodies.
    pub fn head(&self) -> &Expr {
        match self {
            Stmt::Assign { value, .. } => value,
            Stmt::If { cond, .. } => cond,
            Stmt::Case { subject, .. } => subject,
        }
    }

    /// Calls `f` with every net assigned, bodies included.
    pub fn for_each_target(&self, f: &mut dyn FnMut(NetId)) {
        if let Stmt::Assign { net, .. } = self {
            f(*net);
        }
        for body in self.bodies() {
            body.iter().for_each(|s| s.for_each_target(f));
        }
    }

    /// Calls `f` with every net read, bodies included.
    pub fn for_each_read(&self, f: &mut dyn FnMut(NetId)) {
        self.head().for_each_net(f);
        for body in self.bodies() {
            body.iter().for_each(|s| s.for_each_read(f));
        }
    }
}

/// Value of an enum variant.
#[derive(Clone, Debug)]
pub(crate) struct Label {
    pub value: usize,
    pub width: usize,
}

/// A lowered kernel and the nets it may name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Module {
    pub nets: Vec<Net>,
    pub stmts: Vec<Stmt>,
    pub labels: std::collections::BTreeMap<String, Label>,
}
