//! Several signals as one field of a block.

use super::signal::Sig;
use super::value::Value;
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
    /// The signal's value.
    fn read(&self) -> Value;
}

impl Readable for Sig<In> {
    fn read(&self) -> Value {
        self.val()
    }
}

impl Readable for Sig<Out> {
    fn read(&self) -> Value {
        self.val()
    }
}

impl Readable for Sig<Local> {
    fn read(&self) -> Value {
        self.val()
    }
}

/// One assignment for each of the fields, in the form in which a kernel passes it on.
pub fn assignments(fields: &[&str], target: &str, source: &str) -> Vec<VerilogLink> {
    let assignment = |field: &&str| {
        VerilogLink::Forward(VerilogLinkDetails {
            my_name: field.to_string(),
            owner_name: target.into(),
            other_name: source.into(),
        })
    };
    fields.iter().map(assignment).collect()
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
#[macro_export]
macro_rules! bundle {
    ($(#[$doc:meta])* pub struct $name:ident($($arg:ident: $type:ty)?) {
        $( $(#[$field_doc:meta])* $field:ident: $width:expr, )*
    }) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name<D: $crate::hdl::bundle::Direction> {
            $( $(#[$field_doc])* pub $field: $crate::hdl::Sig<D>, )*
        }

        impl<D: $crate::hdl::bundle::Direction> $name<D> {
            /// The signals, in their widths.
            #[allow(clippy::new_without_default)]
            pub fn new($($arg: $type)?) -> Self {
                $name { $( $field: $crate::hdl::Sig::unsigned($width), )* }
            }

            /// Assigns every signal of `target` from `source`. In a kernel: `B::<In>::join(&mut self.sub.x, &mut self.x)`.
            pub fn join<S: $crate::hdl::bundle::Direction>(target: &mut $name<D>, source: &mut $name<S>)
            where
                $crate::hdl::Sig<S>: $crate::hdl::bundle::Readable,
            {
                $( target.$field.next = $crate::hdl::bundle::Readable::read(&source.$field); )*
            }

            /// [`join`](Self::join), as `#[hdl_gen]` hands it to the printer.
            pub fn join_hdl(_: &str, target: &str, source: &str) -> Vec<$crate::hdl::bundle::VerilogLink> {
                $crate::hdl::bundle::assignments(&[$(stringify!($field)),*], target, source)
            }
        }

        impl<D: $crate::hdl::bundle::Direction> $crate::hdl::bundle::LogicJoin for $name<D> {}

        impl<D: $crate::hdl::bundle::Direction> $crate::hdl::bundle::Logic for $name<D> {
            fn update(&mut self) {}
        }

        impl<D: $crate::hdl::bundle::Direction> $crate::hdl::bundle::Block for $name<D> {
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
}
