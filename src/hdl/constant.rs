//! Constants, parameters, and what a block says about itself: atoms that never change.

use super::data::{Data, Shape};
use super::tag::Tag;
use super::value::Value;
use rust_hdl::core::constraint::PinConstraint;
use rust_hdl::core::prelude::{
    Atom, AtomKind, Block, Logic, Probe, TypeDescriptor, TypeKind, VCDValue, VerilogLiteral,
};
use rust_hdl::core::signal::get_signal_id;

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

/// Makes the block that has a field of this type a part of the block that holds it: a struct and a kernel that several
/// blocks share, without a module of its own.
///
/// In Verilog ports, signals and statements of the part are those of the holder, under their own names, the statements
/// before the holder's. The ports of the part are ports of the holder; the two kernels reach each other's signals
/// through registers and `Local`s of the part. A part has no sub-blocks.
///
/// ```
/// use mercury::hdl::{Part, prelude::*, verilog};
///
/// /// Counts while `enable` is 1.
/// #[derive(LogicBlock)]
/// struct Counter {
///     part: Part,
///     enable: Bit<In>,
///     value: Reg,
/// }
///
/// impl Logic for Counter {
///     #[hdl_gen]
///     fn update(&mut self) {
///         if self.enable.val() {
///             self.value.next = self.value.val() + 1;
///         }
///     }
/// }
///
/// #[derive(LogicBlock)]
/// struct Alarm {
///     counter: Counter,
///     rings: Bit<Out>,
/// }
///
/// impl Logic for Alarm {
///     #[hdl_gen]
///     fn update(&mut self) {
///         self.rings.next = self.counter.value.val() == 3;
///     }
/// }
///
/// let counter = || Counter { part: Part::new(), enable: Bit::new(), value: Reg::unsigned(8) };
/// let alarm = || Alarm { counter: counter(), rings: Bit::new() };
/// let mut sim = Sim::new(alarm())?;
/// sim.reset();
/// sim.counter.enable.next = true;
/// (0..3).for_each(|_| sim.clock());
/// assert!(sim.rings.val());
///
/// let design = verilog::print(&alarm(), "alarm", &verilog::Header::default())?;
/// assert_eq!(design.modules.len(), 1);
/// let ports: Vec<&str> = design.ports.iter().map(|port| port.name.as_str()).collect();
/// assert_eq!(ports, ["clk", "rst_n", "enable", "rings"]);
/// # Ok::<(), mercury::hdl::CheckErrors>(())
/// ```
#[derive(Debug, Clone)]
pub struct Part {
    id: usize,
}

impl Part {
    /// The mark of a part.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Part {
            id: get_signal_id(),
        }
    }
}

/// A note to the printer about a block whose Verilog text is its own.
#[derive(Debug)]
pub(super) struct Note {
    tag: Tag,
    id: usize,
}

impl Note {
    pub(super) fn new(tag: Tag) -> Note {
        Note {
            tag,
            id: get_signal_id(),
        }
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
constant_atom!(Part, |_me| Tag::Part, TypeKind::Bits(1));
constant_atom!(Note, |me| me.tag, TypeKind::Bits(1));
