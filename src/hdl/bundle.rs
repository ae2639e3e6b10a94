//! Several signals as one field of a block.

use super::data::Data;
use super::signal::Sig;
use rust_hdl::core::ast::VerilogLinkDetails;
use rust_hdl::core::prelude::{In, Local, Out};

/// What the text that [`bundle!`] writes names.
pub use rust_hdl::core::ast::VerilogLink;
pub use rust_hdl::core::prelude::{Block, Direction, Logic, LogicJoin, Probe};

/// Ends the name of the namespace that a bundle opens while it is elaborated: it is part of the name in the kernel,
/// not of the name in Verilog.
pub const BUNDLE: char = '~';

/// A signal of any direction, to be read by what connects bundles.
pub trait Readable {
    /// What the signal holds.
    type Held;

    /// The signal's value.
    fn read(&self) -> Self::Held;
}

impl<T: Data> Readable for Sig<In, T> {
    type Held = T;
    fn read(&self) -> T {
        self.val()
    }
}

impl<T: Data> Readable for Sig<Out, T> {
    type Held = T;
    fn read(&self) -> T {
        self.val()
    }
}

impl<T: Data> Readable for Sig<Local, T> {
    type Held = T;
    fn read(&self) -> T {
        self.val()
    }
}

/// A direction of signals and that of what comes back.
pub trait Flow: Direction {
    /// Direction of the signals that come back.
    type Back: Flow;
}

impl Flow for In {
    type Back = Out;
}

impl Flow for Out {
    type Back = In;
}

impl Flow for Local {
    type Back = Local;
}

/// The assignment of one field of a bundle, in the form in which a kernel passes it on.
pub fn assignment(field: &str, target: &str, source: &str) -> VerilogLink {
    VerilogLink::Forward(VerilogLinkDetails {
        my_name: field.into(),
        owner_name: target.into(),
        other_name: source.into(),
    })
}

/// Declares a bundle: a struct of signals that a block has as one field, and passes on in one line.
///
/// A bundle `B` of the fields `a` and `b` is a field `pub x: B<In>` or `B<Out>` of a block, made by `B::new(…)`. The
/// kernel reads and assigns `self.x.a` like any signal. `B::<In>::join(&mut self.sub.x, &mut self.x)` assigns every
/// signal of the first bundle from the second one. In Verilog the signals are called `a` and `b`, without `x`, so
/// signals of different bundles of a block need different names.
///
/// ```
/// use mercury::hdl::{bundle, prelude::*, verilog};
///
/// bundle! {
///     /// A place in an image.
///     pub struct Place(width: usize) {
///         /// Row.
///         row: width,
///         /// Column.
///         col: width + 1,
///     }
/// }
///
/// #[derive(LogicBlock)]
/// struct Upper {
///     at: Place<In>,
///     upper: Bit<Out>,
/// }
///
/// impl Logic for Upper {
///     #[hdl_gen]
///     fn update(&mut self) {
///         self.upper.next = self.at.row.val() < 3;
///     }
/// }
///
/// #[derive(LogicBlock)]
/// struct Whole {
///     at: Place<In>,
///     right: Bit<Out>,
///     upper: Bit<Out>,
///     part: Upper,
/// }
///
/// impl Logic for Whole {
///     #[hdl_gen]
///     fn update(&mut self) {
///         Place::<In>::join(&mut self.part.at, &mut self.at);
///         self.upper.next = self.part.upper.val();
///         self.right.next = self.at.col.val() > 5;
///     }
/// }
///
/// let whole = || Whole {
///     at: Place::new(4),
///     right: Bit::new(),
///     upper: Bit::new(),
///     part: Upper { at: Place::new(4), upper: Bit::new() },
/// };
/// let mut sim = Sim::new(whole())?;
/// sim.at.row.next = Value::unsigned(4, 2);
/// sim.at.col.next = Value::unsigned(5, 3);
/// sim.settle();
/// assert!(sim.upper.val() && !sim.right.val());
///
/// let text = verilog::print(&whole(), "whole", &verilog::Header::default())?.single_file();
/// assert!(text.contains(".row(row)"));
/// # Ok::<(), mercury::hdl::CheckErrors>(())
/// ```
///
/// In an *interface* each signal says which way it goes: those `to` the block have the direction of the bundle, those
/// `back` the other one. `join` connects an interface of a block with that of a sub-block, both of one direction.
///
/// ```
/// use mercury::hdl::{bundle, prelude::*, verilog};
///
/// bundle! {
///     /// A request and its answer.
///     pub interface Ask(width: usize) {
///         /// There is a request.
///         to valid: Bit(),
///         /// Its number.
///         to number: Sig(width),
///         /// It is taken.
///         back ready: Bit(),
///     }
/// }
///
/// #[derive(LogicBlock)]
/// struct Even {
///     ask: Ask<In>,
/// }
///
/// impl Logic for Even {
///     #[hdl_gen]
///     fn update(&mut self) {
///         self.ask.ready.next = self.ask.valid.val() && !self.ask.number.val().get_bit(0);
///     }
/// }
///
/// #[derive(LogicBlock)]
/// struct Whole {
///     ask: Ask<In>,
///     even: Even,
/// }
///
/// impl Logic for Whole {
///     #[hdl_gen]
///     fn update(&mut self) {
///         Ask::<In>::join(&mut self.even.ask, &mut self.ask);
///     }
/// }
///
/// let whole = || Whole { ask: Ask::new(4), even: Even { ask: Ask::new(4) } };
/// let mut sim = Sim::new(whole())?;
/// sim.ask.valid.next = true;
/// sim.ask.number.next = Value::unsigned(4, 6);
/// sim.settle();
/// assert!(sim.ask.ready.val());
///
/// let text = verilog::print(&whole(), "whole", &verilog::Header::default())?.single_file();
/// assert!(text.contains("output wire ready") && text.contains(".ready(ready)"));
/// # Ok::<(), mercury::hdl::CheckErrors>(())
/// ```
#[macro_export]
macro_rules! bundle {
    ($(#[$doc:meta])* pub struct $name:ident($($arg:ident: $type:ty)?) {
        $( $(#[$field_doc:meta])* $field:ident: $width:expr, )*
    }) => {
        $crate::bundle! {
            $(#[$doc])*
            pub interface $name($($arg: $type)?) {
                $( $(#[$field_doc])* to $field: Sig($width), )*
            }
        }
    };
    ($(#[$doc:meta])* pub interface $name:ident($($arg:ident: $type:ty)?) {
        $( $(#[$field_doc:meta])* $way:ident $field:ident: $kind:ident($($width:expr)?), )*
    }) => {
        $(#[$doc])*
        pub struct $name<D: $crate::hdl::bundle::Flow> {
            $( $(#[$field_doc])* pub $field: $crate::hdl::$kind<$crate::bundle!(@direction $way D)>, )*
        }

        impl<D: $crate::hdl::bundle::Flow> $name<D> {
            /// The signals, in their widths.
            #[allow(clippy::new_without_default)]
            pub fn new($($arg: $type)?) -> Self {
                $name { $( $field: $crate::bundle!(@new $kind $($width)?), )* }
            }

            /// Assigns every signal of `target` from `source`, and those that come back the other way round. In a kernel:
            /// `B::<In>::join(&mut self.sub.x, &mut self.x)`.
            pub fn join<S: $crate::hdl::bundle::Flow>(target: &mut $name<D>, source: &mut $name<S>)
            where
                $crate::hdl::Sig<S>: $crate::hdl::bundle::Readable<Held = $crate::hdl::Value>,
                $crate::hdl::Bit<S>: $crate::hdl::bundle::Readable<Held = bool>,
                $crate::hdl::Sig<D::Back>: $crate::hdl::bundle::Readable<Held = $crate::hdl::Value>,
                $crate::hdl::Bit<D::Back>: $crate::hdl::bundle::Readable<Held = bool>,
            {
                $( $crate::bundle!(@join $way target source $field); )*
            }

            /// [`join`](Self::join), as `#[hdl_gen]` hands it to the printer.
            pub fn join_hdl(_: &str, target: &str, source: &str) -> Vec<$crate::hdl::bundle::VerilogLink> {
                vec![$( $crate::bundle!(@link $way target source $field) ),*]
            }
        }

        impl<D: $crate::hdl::bundle::Flow> $crate::hdl::bundle::LogicJoin for $name<D> {}

        impl<D: $crate::hdl::bundle::Flow> $crate::hdl::bundle::Logic for $name<D> {
            fn update(&mut self) {}
        }

        impl<D: $crate::hdl::bundle::Flow> $crate::hdl::bundle::Block for $name<D> {
            fn connect_all(&mut self) {
                $( $crate::hdl::bundle::Block::connect_all(&mut self.$field); )*
            }
            fn update_all(&mut self) {
                $( $crate::hdl::bundle::Block::update_all(&mut self.$field); )*
            }
            fn has_changed(&self) -> bool {
                false $( || $crate::hdl::bundle::Block::has_changed(&self.$field) )*
            }
            fn accept(&self, name: &str, probe: &mut dyn $crate::hdl::bundle::Probe) {
                let name = format!("{name}{}", $crate::hdl::bundle::BUNDLE);
                probe.visit_start_namespace(&name, self);
                $( $crate::hdl::bundle::Block::accept(&self.$field, stringify!($field), probe); )*
                probe.visit_end_namespace(&name, self);
            }
        }
    };
    (@direction to $direction:ident) => { $direction };
    (@direction back $direction:ident) => { <$direction as $crate::hdl::bundle::Flow>::Back };
    (@new Bit) => { $crate::hdl::Bit::new() };
    (@new Sig $width:expr) => { $crate::hdl::Sig::unsigned($width) };
    (@join to $target:ident $source:ident $field:ident) => {
        $target.$field.next = $crate::hdl::bundle::Readable::read(&$source.$field)
    };
    (@join back $target:ident $source:ident $field:ident) => {
        $source.$field.next = $crate::hdl::bundle::Readable::read(&$target.$field)
    };
    (@link to $target:ident $source:ident $field:ident) => {
        $crate::hdl::bundle::assignment(stringify!($field), $target, $source)
    };
    (@link back $target:ident $source:ident $field:ident) => {
        $crate::hdl::bundle::assignment(stringify!($field), $source, $target)
    };
}
