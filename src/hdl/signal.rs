//! Signals, registers and constants of run-time width, as rust-hdl atoms.

use super::sim::{self, Edge};
use super::tag::{Tag, literal_bits};
use super::value::{Value, shape_name};
use rust_hdl::core::constraint::PinConstraint;
use rust_hdl::core::prelude::{
    Atom, AtomKind, Block, Direction, In, Local, Logic, Out, Probe, Synth, TypeDescriptor,
    TypeKind, VCDValue, VerilogLiteral,
};
use rust_hdl::core::signal::get_signal_id;
use std::any::Any;
use std::fmt::Debug;
use std::marker::PhantomData;

/// What a signal or register can hold: a [`Value`], a `bool`, or an enum with `#[derive(LogicState)]`.
pub trait Data: Clone + Debug + 'static {
    /// What fixes the type at run time: width and sign of a [`Value`], nothing for the others.
    type Shape: Clone + Debug;
    /// The value of a signal that nothing has driven yet: 0, `false`, the first enum variant.
    fn zero(shape: &Self::Shape) -> Self;
    /// The value as a signal of this shape takes it, or what is wrong with it.
    fn fit(self, shape: &Self::Shape) -> Result<Self, String>;
    /// Whether `fit` would return the value unchanged.
    fn has_shape(&self, shape: &Self::Shape) -> bool;
    /// Identical bits.
    fn same(&self, other: &Self) -> bool;
    /// Width in bits.
    fn width(shape: &Self::Shape) -> usize;
    /// Type as rust-hdl describes it.
    fn kind(shape: &Self::Shape) -> TypeKind;
    /// The bits as an unsigned or signed [`Value`].
    fn to_value(&self) -> Value;
    /// A value of this shape from bits; an error if no such value exists.
    fn from_value(value: &Value, shape: &Self::Shape) -> Result<Self, String>;
    /// For waveforms.
    fn wave(&self) -> VCDValue;
}

/// Width and sign of a signal that holds a [`Value`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Bits, 1 to [`MAX_WIDTH`](super::value::MAX_WIDTH).
    pub width: usize,
    /// Two's complement?
    pub signed: bool,
}

impl Data for Value {
    type Shape = Shape;
    fn zero(shape: &Shape) -> Value {
        Value::zero(shape.width, shape.signed)
    }
    fn fit(self, shape: &Shape) -> Result<Value, String> {
        Value::fit(&self, shape.width, shape.signed)
    }
    fn has_shape(&self, shape: &Shape) -> bool {
        self.is_shape(shape.width, shape.signed)
    }
    fn same(&self, other: &Value) -> bool {
        Value::same(self, other)
    }
    fn width(shape: &Shape) -> usize {
        shape.width
    }
    fn kind(shape: &Shape) -> TypeKind {
        if shape.signed {
            TypeKind::Signed(shape.width)
        } else {
            TypeKind::Bits(shape.width)
        }
    }
    fn to_value(&self) -> Value {
        self.clone()
    }
    fn from_value(value: &Value, shape: &Shape) -> Result<Value, String> {
        if value.width() != shape.width {
            return Err(format!(
                "{} given for {}",
                shape_name(value.width(), value.is_signed()),
                shape_name(shape.width, shape.signed)
            ));
        }
        Ok(value.resize(shape.width, shape.signed))
    }
    fn wave(&self) -> VCDValue {
        let level = |i| match VCDValue::from(self.get_bit(i)) {
            VCDValue::Single(level) => level,
            _ => unreachable!("a bool has a single level"),
        };
        VCDValue::Vector((0..self.width()).rev().map(level).collect())
    }
}

impl<T: Synth + 'static> Data for T {
    type Shape = ();
    fn zero(_: &()) -> T {
        T::default()
    }
    fn fit(self, _: &()) -> Result<T, String> {
        Ok(self)
    }
    fn has_shape(&self, _: &()) -> bool {
        true
    }
    fn same(&self, other: &T) -> bool {
        self == other
    }
    fn width(_: &()) -> usize {
        T::BITS
    }
    fn kind(_: &()) -> TypeKind {
        T::descriptor().kind
    }
    fn to_value(&self) -> Value {
        Value::unsigned(T::BITS, literal_bits(&self.verilog()))
    }
    fn from_value(value: &Value, _: &()) -> Result<T, String> {
        let mut out = T::default();
        match (&mut out as &mut dyn Any).downcast_mut::<bool>() {
            Some(bit) => *bit = value.any(),
            None => return Err("a port of enum type cannot be driven from outside".into()),
        }
        Ok(out)
    }
    fn wave(&self) -> VCDValue {
        self.vcd()
    }
}

/// A port or an internal wire. `D` is [`In`], [`Out`] or [`Local`]; `T` is [`Value`] unless said otherwise.
///
/// Kernels read `self.x.val()` and assign `self.x.next = …`.
#[derive(Debug)]
pub struct Sig<D: Direction, T: Data = Value> {
    /// What the kernel, or a test bench, drives.
    pub next: T,
    val: T,
    shape: T::Shape,
    changed: bool,
    claimed: bool,
    id: usize,
    direction: PhantomData<D>,
}

/// A one-bit port or wire that reads as `bool`: `if self.valid.val() && !self.full.val() { … }`.
pub type Bit<D> = Sig<D, bool>;

impl<D: Direction, T: Data> Sig<D, T> {
    fn with_shape(shape: T::Shape) -> Self {
        Sig {
            next: T::zero(&shape),
            val: T::zero(&shape),
            shape,
            changed: false,
            claimed: false,
            id: get_signal_id(),
            direction: PhantomData,
        }
    }
}

impl<D: Direction> Sig<D> {
    /// An unsigned signal of `width` bits.
    pub fn unsigned(width: usize) -> Self {
        Self::with_shape(Shape {
            width,
            signed: false,
        })
    }

    /// A two's complement signal of `width` bits.
    pub fn signed(width: usize) -> Self {
        Self::with_shape(Shape {
            width,
            signed: true,
        })
    }
}

impl<D: Direction, T: Data<Shape = ()>> Sig<D, T> {
    /// A `bool` or enum signal.
    pub fn new() -> Self {
        Self::with_shape(())
    }
}

impl<D: Direction, T: Data<Shape = ()>> Default for Sig<D, T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Data> Sig<In, T> {
    /// The value that the input has.
    pub fn val(&self) -> T {
        self.val.clone()
    }
}

impl<T: Data> Sig<Out, T> {
    /// The value last assigned.
    pub fn val(&self) -> T {
        fitted(&self.next, &self.shape, self.id)
    }
}

impl<T: Data> Sig<Local, T> {
    /// The value last assigned.
    pub fn val(&self) -> T {
        fitted(&self.next, &self.shape, self.id)
    }
}

impl<D: Direction, T: Data> Atom for Sig<D, T> {
    fn bits(&self) -> usize {
        T::width(&self.shape)
    }
    fn connected(&self) -> bool {
        self.claimed
    }
    fn changed(&self) -> bool {
        self.changed
    }
    fn kind(&self) -> AtomKind {
        D::KIND
    }
    fn descriptor(&self) -> TypeDescriptor {
        TypeDescriptor {
            name: Tag::Signal.encode(),
            kind: T::kind(&self.shape),
        }
    }
    fn vcd(&self) -> VCDValue {
        self.val.wave()
    }
    fn id(&self) -> usize {
        self.id
    }
    fn verilog(&self) -> VerilogLiteral {
        self.val.to_value().to_u128().into()
    }
    fn constraints(&self) -> Vec<PinConstraint> {
        vec![]
    }
}

impl<D: Direction, T: Data> Logic for Sig<D, T> {
    fn update(&mut self) {}
    fn connect(&mut self) {
        self.claimed = true;
    }
}

impl<D: Direction, T: Data> Block for Sig<D, T> {
    /// Also the walk by which [`Sim`](super::Sim) reaches ports by name.
    fn connect_all(&mut self) {
        sim::visit(self.id, &mut |poked| match poked {
            Some(value) => {
                self.next = T::from_value(value, &self.shape)
                    .unwrap_or_else(|e| panic!("{}: {e}", sim::name_of(self.id)));
                None
            }
            None => Some(self.next.to_value()),
        });
    }

    fn update_all(&mut self) {
        fit_in_place(&mut self.next, &self.shape, self.id);
        self.changed = !self.val.same(&self.next);
        if self.changed {
            self.val = self.next.clone();
        }
    }

    fn has_changed(&self) -> bool {
        self.changed
    }

    fn accept(&self, name: &str, probe: &mut dyn Probe) {
        probe.visit_atom(name, self);
    }
}

/// `next` with a literal or elastic value brought to the signal's shape.
fn fitted<T: Data>(next: &T, shape: &T::Shape, id: usize) -> T {
    let next = next.clone();
    if next.has_shape(shape) {
        return next;
    }
    next.fit(shape)
        .unwrap_or_else(|e| panic!("assignment to {}: {e}", sim::name_of(id)))
}

fn fit_in_place<T: Data>(next: &mut T, shape: &T::Shape, id: usize) {
    if !next.has_shape(shape) {
        *next = fitted(next, shape, id);
    }
}

/// A register: `self.count.next = …` is its input, `self.count.val()` its output. Without an assignment it keeps its
/// value. The clock and the reset are implied: every module that holds state has ports `clk` and `rst_n`, and a
/// register takes its reset value on a rising edge of `clk` while `rst_n` is 0.
#[derive(Debug)]
pub struct Reg<T: Data = Value> {
    /// What the register takes on the next rising clock edge.
    pub next: T,
    val: T,
    shape: T::Shape,
    reset: Option<T>,
    changed: bool,
    claimed: bool,
    id: usize,
}

/// A one-bit register that reads as `bool`.
pub type BitReg = Reg<bool>;

impl<T: Data> Reg<T> {
    fn with_shape(shape: T::Shape) -> Self {
        Reg {
            next: T::zero(&shape),
            val: T::zero(&shape),
            reset: Some(T::zero(&shape)),
            shape,
            changed: false,
            claimed: false,
            id: get_signal_id(),
        }
    }

    /// The same register with another reset value (0 if not called).
    ///
    /// # Panics
    /// If the value does not fit the register.
    pub fn reset_to(mut self, value: impl Into<T>) -> Self {
        let fitted = value.into().fit(&self.shape);
        self.reset = Some(fitted.unwrap_or_else(|e| panic!("reset value: {e}")));
        self
    }

    /// The same register without reset: for pipeline data that a reset valid bit guards. It starts at 0.
    pub fn without_reset(mut self) -> Self {
        self.reset = None;
        self
    }

    /// The value that the register holds.
    pub fn val(&self) -> T {
        self.val.clone()
    }
}

impl Reg {
    /// An unsigned register of `width` bits.
    pub fn unsigned(width: usize) -> Self {
        Self::with_shape(Shape {
            width,
            signed: false,
        })
    }

    /// A two's complement register of `width` bits.
    pub fn signed(width: usize) -> Self {
        Self::with_shape(Shape {
            width,
            signed: true,
        })
    }
}

impl<T: Data<Shape = ()>> Reg<T> {
    /// A `bool` or enum register.
    pub fn new() -> Self {
        Self::with_shape(())
    }
}

impl<T: Data<Shape = ()>> Default for Reg<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Data> Atom for Reg<T> {
    fn bits(&self) -> usize {
        T::width(&self.shape)
    }
    fn connected(&self) -> bool {
        self.claimed
    }
    fn changed(&self) -> bool {
        self.changed
    }
    fn kind(&self) -> AtomKind {
        AtomKind::LocalSignal
    }
    fn descriptor(&self) -> TypeDescriptor {
        TypeDescriptor {
            name: Tag::Reg(self.reset.as_ref().map(|r| r.to_value())).encode(),
            kind: T::kind(&self.shape),
        }
    }
    fn vcd(&self) -> VCDValue {
        self.val.wave()
    }
    fn id(&self) -> usize {
        self.id
    }
    fn verilog(&self) -> VerilogLiteral {
        self.val.to_value().to_u128().into()
    }
    fn constraints(&self) -> Vec<PinConstraint> {
        vec![]
    }
}

impl<T: Data> Logic for Reg<T> {
    fn update(&mut self) {}
    fn connect(&mut self) {
        self.claimed = true;
    }
}

impl<T: Data> Block for Reg<T> {
    fn connect_all(&mut self) {}

    /// The kernel ran just before this call, so `next` holds its last word; afterwards `next` is set to the value held,
    /// which is what a kernel that assigns nothing asks for.
    fn update_all(&mut self) {
        fit_in_place(&mut self.next, &self.shape, self.id);
        self.changed = false;
        let taken = match (sim::edge(), &self.reset) {
            (Edge::None, _) => None,
            (Edge::RisingInReset, Some(reset)) => Some(reset),
            _ => Some(&self.next),
        };
        if let Some(taken) = taken
            && !self.val.same(taken)
        {
            self.val = taken.clone();
            self.changed = true;
        }
        if !self.next.same(&self.val) {
            self.next = self.val.clone();
        }
    }

    fn has_changed(&self) -> bool {
        self.changed
    }

    fn accept(&self, name: &str, probe: &mut dyn Probe) {
        probe.visit_atom(name, self);
    }
}

/// A constant with a width, printed as a `localparam`: `self.x.next = self.k.val()`.
#[derive(Debug, Clone)]
pub struct Const {
    value: Value,
    id: usize,
}

impl Const {
    /// The constant `value`, which must have a width ([`Value::unsigned`], [`Value::signed`], …).
    ///
    /// # Panics
    /// If `value` is a literal.
    pub fn new(value: Value) -> Self {
        assert!(
            !value.is_literal(),
            "Const::new({value}) needs a width: use Value::unsigned(width, {value})"
        );
        Const {
            value,
            id: get_signal_id(),
        }
    }

    /// The constant's value.
    pub fn val(&self) -> Value {
        self.value.clone()
    }
}

/// An integer parameter of a block that its kernel may use anywhere: in loop bounds (`0..self.n.val()`), in indices
/// (`self.pe[self.n.val() - 1]`), and as a literal (`self.count.val() == self.n.val()`).
#[derive(Debug, Clone)]
pub struct Param {
    value: usize,
    id: usize,
}

impl Param {
    /// The parameter `value`.
    pub fn new(value: usize) -> Self {
        Param {
            value,
            id: get_signal_id(),
        }
    }

    /// The parameter's value.
    pub fn val(&self) -> usize {
        self.value
    }
}

/// What a block says about itself in the printed Verilog. A field of this type, conventionally `about`.
///
/// ```
/// use mercury::hdl::About;
/// let about = About::new("mac_pe", "Multiplies, adds up, and keeps the sum.").variant("w16");
/// ```
#[derive(Debug, Clone)]
pub struct About {
    name: String,
    variant: String,
    doc: String,
    id: usize,
}

impl About {
    /// A module name in `snake_case` and its purpose: one paragraph, printed above the module.
    pub fn new(name: impl Into<String>, doc: impl Into<String>) -> Self {
        About {
            name: name.into(),
            variant: String::new(),
            doc: doc.into(),
            id: get_signal_id(),
        }
    }

    /// A suffix such as `w16_d256` that tells this size from others. It is used only if a design holds several
    /// different modules of the same name.
    pub fn variant(mut self, variant: impl Into<String>) -> Self {
        self.variant = variant.into();
        self
    }
}

macro_rules! constant_atom {
    ($t:ty, |$me:ident| $tag:expr, $kind:expr) => {
        impl Atom for $t {
            fn bits(&self) -> usize {
                match self.descriptor().kind {
                    TypeKind::Bits(w) | TypeKind::Signed(w) => w,
                    _ => 1,
                }
            }
            fn connected(&self) -> bool {
                true
            }
            fn changed(&self) -> bool {
                false
            }
            fn kind(&self) -> AtomKind {
                AtomKind::Constant
            }
            fn descriptor(&self) -> TypeDescriptor {
                let $me = self;
                TypeDescriptor {
                    name: $tag.encode(),
                    kind: $kind,
                }
            }
            fn vcd(&self) -> VCDValue {
                VCDValue::Vector(vec![])
            }
            fn id(&self) -> usize {
                self.id
            }
            fn verilog(&self) -> VerilogLiteral {
                0u64.into()
            }
            fn constraints(&self) -> Vec<PinConstraint> {
                vec![]
            }
        }

        impl Logic for $t {
            fn update(&mut self) {}
        }

        impl Block for $t {
            fn connect_all(&mut self) {}
            fn update_all(&mut self) {}
            fn has_changed(&self) -> bool {
                false
            }
            fn accept(&self, name: &str, probe: &mut dyn Probe) {
                probe.visit_atom(name, self);
            }
        }
    };
}

constant_atom!(
    Const,
    |me| Tag::Const(me.value.clone()),
    Value::kind(&Shape {
        width: me.value.width(),
        signed: me.value.is_signed()
    })
);
constant_atom!(Param, |me| Tag::Param(me.value), TypeKind::Bits(64));
constant_atom!(
    About,
    |me| Tag::About {
        name: me.name.clone(),
        variant: me.variant.clone(),
        doc: me.doc.clone()
    },
    TypeKind::Bits(1)
);
