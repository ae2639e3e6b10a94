//! What signals and registers can hold.

use super::tag::literal_bits;
use super::value::{Value, shape_name};
use rust_hdl::core::prelude::{Synth, TypeKind, VCDValue};
use std::any::Any;
use std::fmt::Debug;

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
