//! Registers.

use super::data::{Data, Shape};
use super::signal::fit_in_place;
use super::sim::{self, Edge};
use super::tag::Tag;
use super::value::Value;
use rust_hdl::core::constraint::PinConstraint;
use rust_hdl::core::prelude::{
    Atom, AtomKind, Block, Logic, Probe, TypeDescriptor, VCDValue, VerilogLiteral,
};
use rust_hdl::core::signal::get_signal_id;

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
    kept: bool,
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
            kept: false,
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

    /// The same register, printed with `(* keep *)`: a copy that stands beside what reads it, and that synthesis shall not
    /// merge with equal ones elsewhere.
    pub fn kept(mut self) -> Self {
        self.kept = true;
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
            name: Tag::Reg(self.reset.as_ref().map(|r| r.to_value()), self.kept).encode(),
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
