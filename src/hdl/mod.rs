//! The hardware layer on rust-hdl: signals of run-time width, registers, memories, static checks, native simulation and
//! the Verilog printer.
//!
//! rust-hdl's own types fix widths at compile time, and its Verilog printer drops parentheses and widths. This layer
//! keeps rust-hdl's traits (`Block`, `Logic`, `Atom`, `Probe`), its derives (`LogicBlock`, `LogicState`) and its kernel
//! macro (`hdl_gen`), and replaces the types and the printer.
//!
//! # A block
//!
//! A block is a struct of ports, wires, registers and sub-blocks, and a kernel: the function `update`, which
//! `#[hdl_gen]` turns into a syntax tree for the printer besides compiling it for simulation.
//!
//! ```
//! use mercury::hdl::{prelude::*, verilog};
//!
//! /// Adds up the lanes of a word while `valid`.
//! #[derive(LogicBlock)]
//! pub struct LaneSum {
//!     about: About,
//!     pub valid: Bit<In>,
//!     pub clear: Bit<In>,
//!     pub word: Sig<In>,
//!     pub total: Sig<Out>,
//!     pub negative: Bit<Out>,
//!     lane: Vec<Sig<Local>>,
//!     sum: Vec<Sig<Local>>,
//!     acc: Reg,
//!     lanes: Param,
//!     lane_width: Param,
//! }
//!
//! impl LaneSum {
//!     pub fn new(lanes: usize, lane_width: usize, acc_width: usize) -> LaneSum {
//!         LaneSum {
//!             about: About::new("lane_sum", "Adds up the lanes of a word while valid."),
//!             valid: Bit::new(),
//!             clear: Bit::new(),
//!             word: Sig::unsigned(lanes * lane_width),
//!             total: Sig::signed(acc_width),
//!             negative: Bit::new(),
//!             lane: (0..lanes).map(|_| Sig::signed(lane_width)).collect(),
//!             sum: (0..lanes + 1).map(|_| Sig::signed(acc_width)).collect(),
//!             acc: Reg::signed(acc_width),
//!             lanes: Param::new(lanes),
//!             lane_width: Param::new(lane_width),
//!         }
//!     }
//! }
//!
//! impl Logic for LaneSum {
//!     #[hdl_gen]
//!     fn update(&mut self) {
//!         self.sum[0].next = self.acc.val();
//!         for i in 0..self.lanes.val() {
//!             // A slice of run-time place and width: shifted down, cut to the width of what it is assigned to.
//!             self.lane[i].next = signed_cast(self.word.val() >> (i * self.lane_width.val()));
//!             self.sum[i + 1].next = self.sum[i].val() + signed_cast(self.lane[i].val());
//!         }
//!         if self.valid.val() {
//!             self.acc.next = self.sum[self.lanes.val()].val();
//!         }
//!         if self.clear.val() {
//!             self.acc.next = 0.into();
//!         }
//!         self.total.next = self.acc.val();
//!         self.negative.next = self.acc.val() < 0;
//!     }
//! }
//!
//! let mut sim = Sim::new(LaneSum::new(4, 8, 20))?;
//! sim.reset();
//! sim.valid.next = true;
//! sim.word.next = Value::unsigned(32, 0xff_02_03_80); // -1, 2, 3, -128
//! sim.clock();
//! assert_eq!(sim.total.val(), -124);
//! assert!(sim.negative.val());
//!
//! let design = verilog::print(&LaneSum::new(4, 8, 20), "lane_sum", &verilog::Header::default())?;
//! let text = design.single_file();
//! assert!(text.contains("assign lane_1 = $signed(word[15:8]);"));
//! assert!(text.contains("acc <= sum_4;"));
//! # Ok::<(), mercury::hdl::CheckErrors>(())
//! ```
//!
//! # Clock and reset
//!
//! There is one clock domain, and it is implied: no block has fields for it. The printer gives `clk`, and `rst_n`
//! (synchronous, active low), to every module that holds state and connects them. A [`Reg`] is assigned like a wire:
//! `next` is what it takes at the clock edge, `val()` what it holds; without an assignment it keeps its value.
//!
//! # What a kernel may contain
//!
//! Statements: assignments to `next` of an output, wire, register, or input of a direct sub-block; `if`/`else if`/`else`;
//! `match` on an enum, or on `x.val().index()` with integer patterns; `for i in a..b`, which is unrolled. The last
//! assignment counts, and every wire and output needs one on every path. Reading a wire between two assignments to it
//! gives the value so far.
//!
//! Besides: `B::<In>::join(&mut self.sub.x, &mut self.x)`, which assigns every signal of one [`bundle!`] from another.
//!
//! Expressions, `x` and `y` being values of the same width and sign, `p` and `q` being `bool`:
//!
//! | | |
//! |---|---|
//! | `x + y`, `x - y`, `x & y`, `x \| y`, `x ^ y` | wrap at the width; `y` may be a literal or a cast |
//! | `x * y` | any widths, both signed or both unsigned; the result is as wide as both together |
//! | `x == y`, `!=`, `<`, `<=`, `>`, `>=` | a `bool` |
//! | `p && q`, `p \|\| q`, `p & q`, `p \| q`, `p ^ q`, `!p` | |
//! | `!x`, `-x`, `x << n`, `x >> n` | keep the width; `>>` is arithmetic if `x` is signed; `n` is an integer or unsigned |
//! | `x.get_bit(i)`, `x.replace_bit(i, p)` | `i` is an integer or unsigned; beyond the width 0, or no change |
//! | `x.get_bits::<8>(low)` | 8 bits from bit `low` on, unsigned |
//! | `x.any()`, `x.all()`, `x.xor()` | reductions to a `bool` |
//! | `signed_cast(x)`, `unsigned_cast(x)` | [`x` in the width of its context](signed_cast); also of a `bool` |
//! | `bit_cast_w(x, w)` | [`x` as an unsigned number of `w` bits](bit_cast_w); no loop variables inside |
//! | `5.into()`, `i.into()`, `x + 5`, [`bits(self._k)`](bits) | literals, in the width of their context |
//! | `self.k.val()` | of a [`Const`] its value, of a [`Param`] an integer |
//! | `self.pe[i * self.width.val() + j].x` | indices of loop variables, integers and [`Param`]s with `+ - * / % << >>` |
//!
//! Concatenation is `(bit_cast_w(high, 12) << 8) | bit_cast_w(low, 12)`.
//!
//! Not possible, a limit of `#[hdl_gen]`: `let`, functions, closures, `as`, `..=`, or-patterns, and a field whose name
//! begins with `_` (which the derive hides) outside of loop bounds and [`bits`].
//!
//! # Checks
//!
//! [`check()`](check::check()) finds wrong widths and signs, undriven and doubly driven signals, latches and
//! combinational loops before anything is simulated or printed; [`Sim::new`] and [`verilog::print`](verilog::print())
//! call it.

pub mod bundle;
pub mod check;
mod constant;
mod data;
mod elab;
mod flow;
mod index;
mod ir;
mod lower;
mod memory;
mod reg;
mod signal;
mod sim;
mod tag;
mod value;
pub mod verilog;

pub use crate::bundle;
pub use check::{CheckErrors, Finding, check};
pub use constant::{About, Const, Param, Part};
pub use data::{Data, Shape};
pub use elab::{Direction, PortInfo};
pub use memory::{LutRam, Ram, Rom, address_width, keep_collisions};
pub use reg::{BitReg, Reg};
pub use signal::{Bit, Sig};
pub use sim::Sim;
pub use value::{
    Integer, LITERAL_TAG, MAX_WIDTH, Value, bit_cast_w, bits, signed_cast, unsigned_cast,
};

/// Everything that a file with hardware blocks needs: `use crate::hdl::prelude::*;`
pub mod prelude {
    pub use super::{
        About, Bit, BitReg, Const, LutRam, Param, Part, Ram, Reg, Rom, Sig, Sim, Value,
        address_width, bit_cast_w, bits, signed_cast, unsigned_cast,
    };
    // What the code generated by rust-hdl's derives and by `#[hdl_gen]` names.
    pub use rust_hdl::core::prelude::{
        Bits, Block, In, Local, Logic, LogicBlock, LogicJoin, LogicState, Out, Synth, ToBits,
        TypeDescriptor, TypeKind, VCDValue, VerilogLiteral, ast, block, clog2, hdl_gen, logic,
        probe, synth, type_descriptor,
    };
}
