//! Native simulation, deterministic and without threads.

use super::check;
use super::elab::{self, Direction, PortInfo};
use super::value::Value;
use rust_hdl::core::prelude::Block;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::{Deref, DerefMut};

/// What [`Reg`](super::Reg) and memories see of the clock during one update pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Edge {
    /// Combinational settling.
    None,
    /// A rising edge of `clk` with `rst_n` = 1.
    Rising,
    /// A rising edge of `clk` with `rst_n` = 0.
    RisingInReset,
}

thread_local! {
    static EDGE: Cell<Edge> = const { Cell::new(Edge::None) };
    static VISIT: RefCell<Option<HashMap<usize, Access>>> = const { RefCell::new(None) };
    static NAMES: RefCell<HashMap<usize, String>> = RefCell::new(HashMap::new());
}

/// What to do with the signal of an id during a walk.
enum Access {
    Poke(Value),
    Peek(Option<Value>),
}

pub(crate) fn edge() -> Edge {
    EDGE.get()
}

/// Called by a signal during a walk: `access` is given the value to take, or returns the value it has.
pub(crate) fn visit(id: usize, access: &mut dyn FnMut(Option<&Value>) -> Option<Value>) {
    VISIT.with_borrow_mut(|visit| match visit.as_mut().and_then(|v| v.get_mut(&id)) {
        Some(Access::Poke(value)) => {
            access(Some(value));
        }
        Some(Access::Peek(slot)) => *slot = access(None),
        None => {}
    });
}

/// The path of a signal that a [`Sim`] of this thread holds, for messages.
pub(crate) fn name_of(id: usize) -> String {
    NAMES.with_borrow(|names| {
        names
            .get(&id)
            .cloned()
            .unwrap_or_else(|| "a signal outside of a Sim".into())
    })
}

/// Update passes after which a design that still changes is said to oscillate. Each level of hierarchy costs one or
/// two passes, so real designs need a few dozen at most.
const MAX_PASSES: usize = 1000;

/// A block under native simulation. It dereferences to the block: set inputs with `sim.a.next = …`, read outputs with
/// `sim.y.val()`.
///
/// ```
/// use mercury::hdl::prelude::*;
///
/// #[derive(LogicBlock)]
/// struct Counter {
///     enable: Bit<In>,
///     count: Sig<Out>,
///     value: Reg,
/// }
///
/// impl Logic for Counter {
///     #[hdl_gen]
///     fn update(&mut self) {
///         if self.enable.val() {
///             self.value.next = self.value.val() + 1;
///         }
///         self.count.next = self.value.val();
///     }
/// }
///
/// let mut sim = Sim::new(Counter {
///     enable: Bit::new(),
///     count: Sig::unsigned(8),
///     value: Reg::unsigned(8).reset_to(250),
/// })?;
/// sim.reset();
/// sim.enable.next = true;
/// for _ in 0..10 {
///     sim.clock();
/// }
/// assert_eq!(sim.count.val(), 4); // 250 + 10 wraps at 8 bits
/// # Ok::<(), mercury::hdl::CheckErrors>(())
/// ```
pub struct Sim<B: Block> {
    dut: B,
    ports: Vec<PortInfo>,
    in_reset: bool,
    cycle: u64,
}

impl<B: Block> Sim<B> {
    /// Checks the block statically and lets it settle with all inputs 0.
    ///
    /// # Errors
    /// What [`check`](check::check) finds.
    pub fn new(dut: B) -> Result<Self, check::CheckErrors> {
        check::check(&dut, "top")?;
        let tree = elab::elaborate(&dut, "top");
        NAMES.with_borrow_mut(|names| tree.collect_names("top", names));
        let mut sim = Sim {
            ports: tree.port_infos(),
            dut,
            in_reset: false,
            cycle: 0,
        };
        sim.settle();
        Ok(sim)
    }

    /// Data ports in order of declaration; `clk` and `rst_n` are not among them.
    pub fn ports(&self) -> &[PortInfo] {
        &self.ports
    }

    /// Rising clock edges so far.
    pub fn cycle(&self) -> u64 {
        self.cycle
    }

    /// Holds `rst_n` at 0 (`true`) or 1 (`false`) from now on.
    pub fn set_reset(&mut self, in_reset: bool) {
        self.in_reset = in_reset;
    }

    /// One clock cycle with `rst_n` = 0, then `rst_n` = 1.
    pub fn reset(&mut self) {
        self.set_reset(true);
        self.clock();
        self.set_reset(false);
    }

    /// Propagates inputs to outputs without a clock edge.
    ///
    /// # Panics
    /// If the design oscillates, which the static check rules out for blocks made of kernels.
    pub fn settle(&mut self) {
        for _ in 0..MAX_PASSES {
            self.dut.update_all();
            if !self.dut.has_changed() {
                return;
            }
        }
        panic!(
            "cycle {}: the block still changes after {MAX_PASSES} passes: a combinational loop",
            self.cycle
        );
    }

    /// Settles, gives one rising edge of `clk`, settles again. Afterwards outputs are those of the new cycle.
    pub fn clock(&mut self) {
        self.settle();
        EDGE.set(if self.in_reset {
            Edge::RisingInReset
        } else {
            Edge::Rising
        });
        self.dut.update_all();
        EDGE.set(Edge::None);
        self.cycle += 1;
        self.settle();
    }

    /// Drives input ports by position in [`ports`](Sim::ports).
    pub fn poke(&mut self, values: &[(usize, Value)]) {
        let poke = |(port, value): &(usize, Value)| {
            assert!(
                self.ports[*port].direction == Direction::Input,
                "{} is not an input",
                self.ports[*port].name
            );
            (self.ports[*port].id, Access::Poke(value.clone()))
        };
        VISIT.set(Some(values.iter().map(poke).collect()));
        self.dut.connect_all();
        VISIT.set(None);
    }

    /// The values of all [`ports`](Sim::ports).
    pub fn peek(&mut self) -> Vec<Value> {
        let ids = self.ports.iter().map(|p| (p.id, Access::Peek(None)));
        VISIT.set(Some(ids.collect()));
        self.dut.connect_all();
        let mut seen = VISIT.take().unwrap_or_default();
        let value = |p: &PortInfo| match seen.remove(&p.id) {
            Some(Access::Peek(Some(value))) => value,
            _ => unreachable!("the walk reaches every port"),
        };
        self.ports.iter().map(value).collect()
    }
}

impl<B: Block> Deref for Sim<B> {
    type Target = B;
    fn deref(&self) -> &B {
        &self.dut
    }
}

impl<B: Block> DerefMut for Sim<B> {
    fn deref_mut(&mut self) -> &mut B {
        &mut self.dut
    }
}
