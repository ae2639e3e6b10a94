//! Expressions as Verilog text of exactly the width and sign that they have in Rust.
//!
//! Verilog widens operands to the width of their context. Here that never changes a value, because the context always
//! has the expression's own width: both sides of an assignment and both operands of an operator are equally wide, and
//! every extension is a concatenation, inside of which widths are self-determined. The one operator whose text is
//! narrower than its value, `*`, only stands alone on the right of an assignment of exactly its width.

use super::names::Names;
use crate::hdl::ir::{Binary, Expr, Kind, Module, NetId, NetRole, Unary};
use crate::hdl::value::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Ways to print that are wrong on purpose, so that tests can show that the co-simulation notices.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Print the parentheses that nesting needs.
    pub parentheses: bool,
    /// Print extensions and truncations, and give products their own wires.
    pub widths: bool,
}

impl Default for Style {
    fn default() -> Self {
        Style {
            parentheses: true,
            widths: true,
        }
    }
}

/// How tightly a piece of text binds.
#[derive(Clone, Copy, PartialEq)]
enum Binding {
    Atom,
    Operator(Option<Binary>),
}

struct Text {
    text: String,
    binding: Binding,
}

fn atom(text: impl Into<String>) -> Text {
    Text {
        text: text.into(),
        binding: Binding::Atom,
    }
}

fn operator(text: String) -> Text {
    Text {
        text,
        binding: Binding::Operator(None),
    }
}

/// A wire or variable that the printer added.
pub(super) struct Temp {
    pub name: String,
    pub width: usize,
    pub signed: bool,
    /// Of a wire: what drives it. A variable is assigned inside of a process.
    pub value: Option<String>,
}

/// Which bits of each named thing are read.
#[derive(Default)]
pub(super) struct Uses(BTreeMap<String, Vec<bool>>);

impl Uses {
    pub fn mark(&mut self, name: &str, low: usize, width: usize) {
        let bits = self.0.entry(name.into()).or_default();
        if bits.len() < low + width {
            bits.resize(low + width, false);
        }
        bits[low..low + width].fill(true);
    }

    /// The unread ranges (high, low) of a thing of this width.
    pub fn unread(&self, name: &str, width: usize) -> Vec<(usize, usize)> {
        let none = vec![];
        let bits = self.0.get(name).unwrap_or(&none);
        let mut ranges: Vec<(usize, usize)> = vec![];
        for bit in (0..width).filter(|b| !bits.get(*b).is_some_and(|used| *used)) {
            match ranges.last_mut() {
                Some((high, _)) if *high + 1 == bit => *high = bit,
                _ => ranges.push((bit, bit)),
            }
        }
        ranges
    }
}

/// The process being printed, if any.
#[derive(Default)]
pub(super) struct Process {
    /// Wires assigned in it: what is computed from them must be computed in it, too.
    pub targets: BTreeSet<NetId>,
    /// Assignments to variables that must precede the statement being printed.
    pub before: Vec<(String, String)>,
    /// The variables with their zero, assigned first thing so that they are no latches.
    pub defaults: Vec<(String, String)>,
}

/// Prints the expressions of one module.
pub(super) struct Writer<'a> {
    pub module: &'a Module,
    pub style: Style,
    pub names: Names,
    /// Verilog name of each net.
    pub net_names: Vec<String>,
    pub label_names: HashMap<String, String>,
    pub labels_used: BTreeSet<String>,
    pub consts_used: BTreeSet<NetId>,
    pub temps: Vec<Temp>,
    pub uses: Uses,
    /// What added wires are named after.
    pub hint: String,
    pub process: Option<Process>,
    shared: HashMap<String, String>,
}

impl<'a> Writer<'a> {
    pub fn new(module: &'a Module, style: Style) -> Self {
        Writer {
            module,
            style,
            names: Names::default(),
            net_names: vec![String::new(); module.nets.len()],
            label_names: HashMap::new(),
            labels_used: BTreeSet::new(),
            consts_used: BTreeSet::new(),
            temps: vec![],
            uses: Uses::default(),
            hint: String::new(),
            process: None,
            shared: HashMap::new(),
        }
    }

    /// The text of a whole right-hand side, condition or port connection.
    pub fn whole(&mut self, e: &Expr) -> String {
        match &e.kind {
            Kind::Binary(Binary::Mul, l, r) => {
                let (l, r) = (self.factor(l), self.factor(r));
                format!("{l} * {r}")
            }
            _ => self.expr(e).text,
        }
    }

    fn expr(&mut self, e: &Expr) -> Text {
        match &e.kind {
            Kind::Net(net) => self.net(*net),
            Kind::Lit(value) if self.style.widths => literal(value),
            Kind::Lit(value) => operator(value.to_bigint().to_string()),
            Kind::Label(label) => self.label(label),
            Kind::Unary(op, x) => self.unary(*op, x),
            Kind::Binary(Binary::Mul, ..) if self.style.widths => atom(self.held(e)),
            Kind::Binary(Binary::Mul, ..) => operator(self.whole(e)),
            Kind::Binary(op, l, r) => self.binary(*op, l, r),
            Kind::Slice(x, low) => self.slice(x, *low, e),
            Kind::Bit(x, i) => self.bit(x, i),
            Kind::ReplaceBit(x, i, b) => self.replace_bit(x, i, b, e),
            Kind::Resize(x) => self.resize(x, e),
        }
    }

    fn net(&mut self, net: NetId) -> Text {
        if matches!(self.module.nets[net].role, NetRole::Const(_)) {
            self.consts_used.insert(net);
        }
        let name = self.net_names[net].clone();
        self.uses.mark(&name, 0, self.module.nets[net].width);
        atom(name)
    }

    fn label(&mut self, label: &str) -> Text {
        self.labels_used.insert(label.into());
        atom(self.label_names[label].clone())
    }

    /// An operand, in parentheses unless it cannot be torn apart.
    fn operand(&mut self, e: &Expr) -> String {
        let text = self.expr(e);
        if text.binding == Binding::Atom || !self.style.parentheses {
            text.text
        } else {
            format!("({})", text.text)
        }
    }

    /// An operand of `*`, which Verilog evaluates at the product's width: only text that has one value at any width.
    fn factor(&mut self, e: &Expr) -> String {
        let widens = match &e.kind {
            Kind::Unary(op, _) => matches!(op, Unary::Not | Unary::Neg),
            Kind::Binary(op, ..) => !op.is_comparison(),
            Kind::ReplaceBit(..) => true,
            _ => false,
        };
        if widens && self.style.widths {
            self.held(e)
        } else {
            self.operand(e)
        }
    }

    fn unary(&mut self, op: Unary, x: &Expr) -> Text {
        let symbol = match op {
            Unary::Not if x.width == 1 => "!",
            Unary::Not => "~",
            Unary::Neg => "-",
            Unary::Any => "|",
            Unary::All => "&",
            Unary::Xor => "^",
        };
        let x = self.operand(x);
        let text = format!("{symbol}{x}");
        // Negation of a bit is written so often, and reads so well, that it goes without parentheses.
        if symbol == "!" {
            atom(text)
        } else {
            operator(text)
        }
    }

    fn binary(&mut self, op: Binary, l: &Expr, r: &Expr) -> Text {
        let symbol = match op {
            Binary::Shr if l.signed => ">>>",
            _ => op.symbol(),
        };
        let chains = matches!(
            op,
            Binary::Add
                | Binary::And
                | Binary::Or
                | Binary::Xor
                | Binary::LogicalAnd
                | Binary::LogicalOr
        );
        let left = self.expr(l);
        let left = match left.binding {
            Binding::Atom => left.text,
            Binding::Operator(Some(inner)) if inner == op && chains => left.text,
            _ if !self.style.parentheses => left.text,
            _ => format!("({})", left.text),
        };
        let right = match (op, r.as_lit()) {
            (Binary::Shl | Binary::Shr, Some(n)) => n.to_u128().to_string(),
            _ => self.operand(r),
        };
        Text {
            text: format!("{left} {symbol} {right}"),
            binding: Binding::Operator(Some(op)),
        }
    }

    /// The name of something that holds the expression: bits can only be selected from names.
    fn named(&mut self, e: &Expr) -> String {
        match e.kind {
            Kind::Net(net) if !matches!(self.module.nets[net].role, NetRole::Const(_)) => {
                self.net_names[net].clone()
            }
            _ => self.temp(e),
        }
    }

    fn slice(&mut self, x: &Expr, low: usize, e: &Expr) -> Text {
        if !self.style.widths && low == 0 && e.width > 1 {
            return self.expr(x);
        }
        if let Kind::Net(net) = x.kind
            && let NetRole::Const(value) = &self.module.nets[net].role
        {
            return literal(&(value.clone() >> low).resize(e.width, e.signed));
        }
        let name = self.named(x);
        self.uses.mark(&name, low, e.width);
        let text = match (x.width, e.width) {
            (1, _) => name,
            (_, 1) => format!("{name}[{low}]"),
            _ => format!("{name}[{}:{low}]", low + e.width - 1),
        };
        atom(self.with_sign(text, e.signed))
    }

    /// Selections and concatenations are unsigned in Verilog.
    fn with_sign(&self, text: String, signed: bool) -> String {
        if signed {
            format!("$signed({text})")
        } else {
            text
        }
    }

    /// The index as wide as a vector of `width` bits needs it, if no index lies beyond the vector.
    pub(super) fn exact_index(&mut self, i: &Expr, width: usize) -> Option<String> {
        let needed = width.next_power_of_two().trailing_zeros() as usize;
        if width < 2 || i.width > needed || (i.width == needed && !width.is_power_of_two()) {
            return None;
        }
        Some(self.whole(&i.clone().resize(needed, false)))
    }

    fn bit(&mut self, x: &Expr, i: &Expr) -> Text {
        if let Some(index) = self.exact_index(i, x.width) {
            let name = self.named(x);
            self.uses.mark(&name, 0, x.width);
            return atom(format!("{name}[{index}]"));
        }
        // Beyond the width the bit is 0, so shift instead of selecting.
        let x = self.unsigned(x);
        let width = x.width;
        let shifted = Expr::new(
            Kind::Binary(Binary::Shr, Box::new(x), Box::new(i.clone())),
            width,
            false,
        );
        let shifted = self.operand(&shifted);
        operator(format!("({shifted} & {width}'d1) != {width}'d0"))
    }

    fn unsigned(&self, x: &Expr) -> Expr {
        x.clone().resize(x.width, false)
    }

    fn replace_bit(&mut self, x: &Expr, i: &Expr, b: &Expr, e: &Expr) -> Text {
        let width = e.width;
        let bit = self.operand(b);
        if let Some(i) = i.as_lit().map(Value::index) {
            let name = self.named(x);
            let mut parts = vec![];
            if i + 1 < width {
                self.uses.mark(&name, i + 1, width - 1 - i);
                parts.push(format!("{name}[{}:{}]", width - 1, i + 1));
            }
            parts.push(bit);
            if i > 0 {
                self.uses.mark(&name, 0, i);
                parts.push(format!("{name}[{}:0]", i - 1));
            }
            let text = format!("{{{}}}", parts.join(", "));
            return atom(self.with_sign(text, e.signed));
        }
        let x = self.unsigned(x);
        let x = self.operand(&x);
        let i = self.operand(i);
        let one = format!("{width}'d1");
        let wide = match width {
            1 => bit,
            _ => format!("{{{}'d0, {bit}}}", width - 1),
        };
        let text = format!("(({x} & ~({one} << {i})) | ({wide} << {i}))");
        atom(self.with_sign(text, e.signed))
    }

    fn resize(&mut self, x: &Expr, e: &Expr) -> Text {
        if !self.style.widths {
            let text = self.expr(x).text;
            return match e.signed {
                true => atom(format!("$signed({text})")),
                false => operator(text),
            };
        }
        let pad = e.width - x.width;
        if pad == 0 {
            let text = self.expr(x).text;
            let function = if e.signed { "$signed" } else { "$unsigned" };
            return atom(format!("{function}({text})"));
        }
        let text = if x.signed {
            let name = self.named(x);
            self.uses.mark(&name, 0, x.width);
            let sign = match x.width {
                1 => name.clone(),
                w => format!("{name}[{}]", w - 1),
            };
            format!("{{{{{pad}{{{sign}}}}}, {name}}}")
        } else if matches!(x.kind, Kind::Binary(Binary::Mul, ..)) {
            format!("{{{pad}'d0, {}}}", self.held(x))
        } else {
            format!("{{{pad}'d0, {}}}", self.expr(x).text)
        };
        atom(self.with_sign(text, e.signed))
    }

    /// A new wire that holds the expression, or the one that already does.
    fn temp(&mut self, e: &Expr) -> String {
        let text = self.whole(e);
        let mut local = false;
        if let Some(process) = &self.process {
            e.for_each_net(&mut |net| local |= process.targets.contains(&net));
        }
        let key = format!("{} {} {text}", e.width, e.signed);
        if !local && let Some(name) = self.shared.get(&key) {
            return name.clone();
        }
        let name = self.names.add(&format!("{}_{}", self.hint, noun(e)));
        self.temps.push(Temp {
            name: name.clone(),
            width: e.width,
            signed: e.signed,
            value: (!local).then(|| text.clone()),
        });
        match &mut self.process {
            Some(process) if local => {
                let zero = literal(&Value::zero(e.width, e.signed)).text;
                process.defaults.push((name.clone(), zero));
                process.before.push((name.clone(), text));
            }
            _ => {
                self.shared.insert(key, name.clone());
            }
        }
        name
    }

    /// A wire that holds the expression, read as a whole.
    fn held(&mut self, e: &Expr) -> String {
        let name = self.temp(e);
        self.uses.mark(&name, 0, e.width);
        name
    }
}

/// What a wire for this expression is called.
fn noun(e: &Expr) -> &'static str {
    match &e.kind {
        Kind::Binary(op, ..) => match op {
            Binary::Add => "sum",
            Binary::Sub => "difference",
            Binary::Mul => "product",
            Binary::Shl | Binary::Shr => "shifted",
            _ => "value",
        },
        Kind::Unary(Unary::Neg, _) => "negated",
        Kind::Unary(Unary::Not, _) => "inverted",
        Kind::Resize(_) => "extended",
        Kind::Slice(..) => "part",
        _ => "value",
    }
}

fn literal(value: &Value) -> Text {
    let width = value.width();
    if value.is_signed() {
        let x = value.to_bigint();
        if x < 0.into() {
            return operator(format!("-{width}'sd{}", -x));
        }
        return atom(format!("{width}'sd{x}"));
    }
    if width == 1 {
        return atom(format!("1'b{}", value.to_u64()));
    }
    if value.words().iter().skip(1).all(|w| *w == 0) && value.to_u64() < 4096 {
        atom(format!("{width}'d{}", value.to_u64()))
    } else {
        atom(format!("{width}'h{}", value.to_hex()))
    }
}

/// A sized literal as text.
pub(super) fn literal_text(value: &Value) -> String {
    literal(value).text
}
