//! Each static check fires on a block that has the fault, and names block and signal.

use mercury::hdl::{check, prelude::*};

/// A block of one kernel with ports `a`, `b` (8 bits), `s` (signed), `e` (enable), `y`, wires `t`, `u`, register `r`.
macro_rules! block {
    ($name:ident) => {
        #[derive(LogicBlock)]
        struct $name {
            a: Sig<In>,
            b: Sig<In>,
            s: Sig<In>,
            e: Bit<In>,
            y: Sig<Out>,
            t: Sig<Local>,
            u: Sig<Local>,
            r: Reg,
        }

        impl $name {
            fn new() -> Self {
                $name {
                    a: Sig::unsigned(8),
                    b: Sig::unsigned(9),
                    s: Sig::signed(8),
                    e: Bit::new(),
                    y: Sig::unsigned(8),
                    t: Sig::unsigned(8),
                    u: Sig::unsigned(8),
                    r: Reg::unsigned(8),
                }
            }
        }
    };
}

/// The findings as lines.
fn findings(block: impl rust_hdl::core::prelude::Block) -> Vec<String> {
    match check(&block, "top") {
        Ok(()) => vec![],
        Err(errors) => errors.0.iter().map(|f| f.to_string()).collect(),
    }
}

block!(Good);

impl Logic for Good {
    #[hdl_gen]
    fn update(&mut self) {
        self.t.next = self.a.val() + 1;
        self.u.next = self.t.val();
        self.r.next = self.u.val();
        self.y.next = self.r.val();
    }
}

#[test]
fn a_good_block_passes() {
    assert_eq!(findings(Good::new()), Vec::<String>::new());
}

block!(Undriven);

impl Logic for Undriven {
    #[hdl_gen]
    fn update(&mut self) {
        self.t.next = self.a.val();
        self.u.next = self.t.val();
        self.y.next = self.u.val();
    }
}

#[test]
fn undriven_register() {
    let found = findings(Undriven::new());
    assert_eq!(
        found,
        ["top.r: undriven: no statement of the kernel assigns it"]
    );
}

block!(Widths);

impl Logic for Widths {
    #[hdl_gen]
    fn update(&mut self) {
        self.t.next = self.a.val() + bit_cast_w(self.b.val(), 8);
        self.u.next = self.b.val();
        self.r.next = self.a.val() + self.b.val();
        self.y.next = 256.into();
    }
}

#[test]
fn width_mismatches() {
    let found = findings(Widths::new());
    assert_eq!(found.len(), 3, "{found:?}");
    assert_eq!(
        found[0],
        "top.u: 8 bits unsigned is needed, `b` is 9 bits unsigned: cast it, or change one of the two"
    );
    assert_eq!(
        found[1],
        "top.r: operands of `+`: `a` is 8 bits unsigned, `b` is 9 bits unsigned: cast one of them"
    );
    assert_eq!(
        found[2],
        "top.y: the literal 256 does not fit 8 bits unsigned"
    );
}

block!(Signs);

impl Logic for Signs {
    #[hdl_gen]
    fn update(&mut self) {
        self.t.next = self.s.val();
        self.u.next = signed_cast(self.s.val());
        self.r.next = unsigned_cast(self.s.val());
        self.y.next = self.a.val();
        if self.s.val() < self.a.val() {
            self.y.next = 0.into();
        }
    }
}

#[test]
fn sign_mismatches() {
    let found = findings(Signs::new());
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].starts_with("top.t: 8 bits unsigned is needed, `s` is 8 bits signed"));
    assert!(found[1].starts_with("top.u: 8 bits unsigned is needed: use unsigned_cast"));
    assert!(found[2].contains("operands of `<`: `s` is 8 bits signed, `a` is 8 bits unsigned"));
}

block!(Latch);

impl Logic for Latch {
    #[hdl_gen]
    fn update(&mut self) {
        if self.e.val() {
            self.t.next = self.a.val();
        }
        self.u.next = self.t.val();
        match self.a.val().index() {
            0 => {
                self.y.next = self.u.val();
                self.r.next = 0.into();
            }
            1 => {
                self.y.next = 0.into();
            }
            _ => {}
        }
    }
}

#[test]
fn latches() {
    let found = findings(Latch::new());
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("top.y: latch: it is not assigned on every path"));
    assert!(found[1].starts_with("top.t: latch: it is not assigned on every path"));
}

block!(Loop);

impl Logic for Loop {
    #[hdl_gen]
    fn update(&mut self) {
        self.t.next = self.u.val() + 1;
        self.u.next = self.a.val();
        if self.e.val() {
            self.u.next = self.t.val();
        }
        self.r.next = self.u.val();
        self.y.next = self.r.val();
    }
}

#[test]
fn combinational_loop() {
    let found = findings(Loop::new());
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("combinational loop"), "{found:?}");
    assert!(found[0].contains("t <- u <- t") || found[0].contains("u <- t <- u"));
}

block!(DrivenInput);

impl Logic for DrivenInput {
    #[hdl_gen]
    fn update(&mut self) {
        self.a.next = 0.into();
        self.t.next = self.a.val();
        self.u.next = self.t.val();
        self.r.next = self.u.val();
        self.y.next = self.r.val();
    }
}

#[test]
fn doubly_driven_input() {
    let found = findings(DrivenInput::new());
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with("top.a: this input of the block is driven from outside, and here too")
    );
}

/// Combinational from `a` to `y`.
#[derive(LogicBlock)]
struct Pass {
    a: Bit<In>,
    y: Bit<Out>,
    inner: Bit<Local>,
}

impl Pass {
    fn new() -> Pass {
        Pass {
            a: Bit::new(),
            y: Bit::new(),
            inner: Bit::new(),
        }
    }
}

impl Logic for Pass {
    #[hdl_gen]
    fn update(&mut self) {
        self.inner.next = self.a.val();
        self.y.next = !self.inner.val();
    }
}

/// Sub-blocks in a ring, and what must not be done to a sub-block.
macro_rules! ring {
    ($name:ident) => {
        #[derive(LogicBlock)]
        struct $name {
            a: Bit<In>,
            y: Bit<Out>,
            pass: Vec<Pass>,
        }

        impl $name {
            fn new() -> Self {
                $name {
                    a: Bit::new(),
                    y: Bit::new(),
                    pass: vec![Pass::new(), Pass::new()],
                }
            }
        }
    };
}

ring!(Ring);

impl Logic for Ring {
    #[hdl_gen]
    fn update(&mut self) {
        self.pass[0].a.next = self.pass[1].y.val() & self.a.val();
        self.pass[1].a.next = self.pass[0].y.val();
        self.y.next = self.pass[1].y.val();
    }
}

#[test]
fn combinational_loop_through_sub_blocks() {
    let found = findings(Ring::new());
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("combinational loop: "), "{found:?}");
    assert!(found[0].contains("pass[0].a <- pass[1].y"), "{found:?}");
}

ring!(DrivenOutput);

impl Logic for DrivenOutput {
    #[hdl_gen]
    fn update(&mut self) {
        self.pass[0].a.next = self.a.val();
        self.pass[1].a.next = self.pass[0].y.val();
        self.pass[0].y.next = self.a.val();
        self.y.next = self.pass[1].y.val();
    }
}

#[test]
fn doubly_driven_output_of_a_sub_block() {
    let found = findings(DrivenOutput::new());
    assert_eq!(
        found,
        ["top.pass[0].y: this output is driven by the sub-block, and here too"]
    );
}

ring!(Unconnected);

impl Logic for Unconnected {
    #[hdl_gen]
    fn update(&mut self) {
        self.pass[0].a.next = self.a.val();
        self.y.next = self.pass[1].y.val();
    }
}

#[test]
fn unconnected_input_of_a_sub_block() {
    let found = findings(Unconnected::new());
    assert_eq!(
        found,
        ["top.pass[1].a: undriven: no statement of the kernel assigns it"]
    );
}

ring!(TooDeep);

impl Logic for TooDeep {
    #[hdl_gen]
    fn update(&mut self) {
        self.pass[0].a.next = self.a.val();
        self.pass[1].a.next = self.pass[0].inner.val();
        self.y.next = self.pass[1].y.val();
    }
}

#[test]
fn reaching_into_a_sub_block() {
    let found = findings(TooDeep::new());
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains(
        "`pass[0].inner` is neither a signal of this block nor a port of a direct sub-block"
    ));
}

/// Ring of registers: not a combinational loop.
#[derive(LogicBlock)]
struct RegisteredRing {
    y: Bit<Out>,
    pass: Pass,
    held: BitReg,
}

impl Logic for RegisteredRing {
    #[hdl_gen]
    fn update(&mut self) {
        self.pass.a.next = self.held.val();
        self.held.next = self.pass.y.val();
        self.y.next = self.held.val();
    }
}

#[test]
fn a_register_breaks_the_loop() {
    let ring = RegisteredRing {
        y: Bit::new(),
        pass: Pass::new(),
        held: BitReg::new(),
    };
    let mut sim = Sim::new(ring).expect("no combinational loop");
    sim.reset();
    let seen: Vec<bool> = (0..4)
        .map(|_| {
            sim.clock();
            sim.y.val()
        })
        .collect();
    assert_eq!(seen, [true, false, true, false]);
}

#[derive(LogicBlock)]
struct PlainField {
    a: Sig<In>,
    y: Bit<Out>,
    _limit: usize,
}

impl Logic for PlainField {
    #[hdl_gen]
    fn update(&mut self) {
        self.y.next = self.a.val() == self._limit;
    }
}

#[test]
fn plain_fields_are_not_values() {
    let found = findings(PlainField {
        a: Sig::unsigned(8),
        y: Bit::new(),
        _limit: 7,
    });
    assert_eq!(
        found,
        [
            "top.y: plain field `_limit` used as a value: make it a Param or Const, or write bits(self._limit)"
        ]
    );
}

#[test]
#[should_panic(
    expected = "assignment to top.a: 8 bits unsigned is needed, 9 bits unsigned is given"
)]
fn simulation_names_the_signal() {
    let mut sim = Sim::new(Good::new()).expect("a good block");
    sim.a.next = Value::unsigned(9, 1);
    sim.clock();
}
