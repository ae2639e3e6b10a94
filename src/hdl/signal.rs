//! Ports and wires, as rust-hdl atoms.

use super::data::{Data, Shape};
use super::sim;
use super::tag::Tag;
use super::value::Value;
use rust_hdl::core::constraint::PinConstraint;
use rust_hdl::core::prelude::{
    Atom, AtomKind, Block, Direction, In, Local, Logic, Out, Probe, TypeDescriptor, VCDValue,
    VerilogLiteral,
};
use rust_hdl::core::signal::get_signal_id;
use std::marker::PhantomData;

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

pub(super) fn fit_in_place<T: Data>(next: &mut T, shape: &T::Shape, id: usize) {
    if !next.has_shape(shape) {
        *next = fitted(next, shape, id);
    }
}
