//! Random expressions of random widths through lowering and printing: the value that [`Value`]'s operators give against
//! what Verilator makes of the text.

mod expressions;
mod gate;

use expressions::{E, Maker, boxed};
use gate::Gate;
use mercury::hdl::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rust_hdl::core::ast::{
    Verilog, VerilogBlock, VerilogBlockOrConditional, VerilogCase, VerilogConditional,
    VerilogExpression as Ast, VerilogMatch, VerilogOp as Op, VerilogStatement,
};

#[derive(LogicBlock)]
struct Expressions {
    x: Vec<Sig<In>>,
    y: Vec<Sig<Out>>,
    _exprs: Vec<E>,
}

impl Logic for Expressions {
    fn update(&mut self) {
        let inputs: Vec<Value> = self.x.iter().map(Sig::<In>::val).collect();
        for (y, e) in self.y.iter_mut().zip(&self._exprs) {
            y.next = e.value(&inputs);
        }
    }

    fn hdl(&self) -> Verilog {
        let names = names("x", self.x.len());
        let assign = |(i, e): (usize, &E)| {
            VerilogStatement::Assignment(Ast::Signal(format!("y[{i}]$next")), e.ast(&names))
        };
        Verilog::Combinatorial(self._exprs.iter().enumerate().map(assign).collect())
    }
}

fn names(vector: &str, count: usize) -> Vec<String> {
    (0..count).map(|i| format!("{vector}[{i}]")).collect()
}

fn sig<D: rust_hdl::core::prelude::Direction>((width, signed): (usize, bool)) -> Sig<D> {
    if signed {
        Sig::signed(width)
    } else {
        Sig::unsigned(width)
    }
}

/// A block of random expressions over inputs of all shapes that occur.
fn random_block(seed: u64, count: usize) -> Expressions {
    let widths = [1, 2, 3, 7, 8, 16, 31, 33, 64, 65, 127, 128, 130, 200];
    let shapes = widths.iter().flat_map(|w| [(*w, false), (*w, true)]);
    let mut maker = Maker {
        rng: ChaCha8Rng::seed_from_u64(seed),
        inputs: shapes.collect(),
    };
    let mut exprs = vec![];
    let mut outputs = vec![];
    for _ in 0..count {
        let (w, s) = maker.shape();
        let depth = maker.rng.random_range(1..4);
        exprs.push(maker.make(w, s, depth));
        outputs.push((w, s));
    }
    Expressions {
        x: maker.inputs.iter().map(|s| sig(*s)).collect(),
        y: outputs.iter().map(|s| sig(*s)).collect(),
        _exprs: exprs,
    }
}

#[test]
fn random_expressions() {
    for seed in 1..=3 {
        let block = random_block(seed, 150);
        let exprs = block._exprs.clone();
        let outcome = Gate::new(&format!("fuzz_{seed}")).cycles(500).run(block);
        if let Some(first) = outcome.first {
            let port = outcome.mismatches.keys().next().expect("a port differs");
            let i: usize = port[2..].parse().expect("ports are y_0, y_1, …");
            panic!(
                "expressions of seed {seed}: {first}\n{port} = {:#?}",
                exprs[i]
            );
        }
    }
}

/// What a statement assigns.
#[derive(Clone, Copy, Debug)]
enum Target {
    Local(usize),
    Reg(usize),
}

/// A kernel statement.
#[derive(Clone, Debug)]
enum S {
    Assign(Target, E),
    If(E, Vec<S>, Vec<S>),
    /// The arms for 0, 1, 2, …, and the rest.
    Match(E, Vec<Vec<S>>, Vec<S>),
}

/// Random control flow over inputs `x`, registers `r` and locals `l`, all of 4 bits; every local is also an output.
#[derive(LogicBlock)]
struct Statements {
    x: Vec<Sig<In>>,
    y: Vec<Sig<Out>>,
    l: Vec<Sig<Local>>,
    r: Vec<Reg>,
    _stmts: Vec<S>,
}

const WIDTH: usize = 4;
const INPUTS: usize = 4;
const REGS: usize = 5;
const LOCALS: usize = 8;

impl Statements {
    fn readable(&self) -> Vec<Value> {
        let x = self.x.iter().map(Sig::<In>::val);
        let r = self.r.iter().map(Reg::val);
        x.chain(r)
            .chain(self.l.iter().map(Sig::<Local>::val))
            .collect()
    }

    fn run(&mut self, stmts: &[S]) {
        for stmt in stmts {
            let value = |me: &Self, e: &E| e.value(&me.readable());
            match stmt {
                S::Assign(Target::Local(i), e) => self.l[*i].next = value(self, e),
                S::Assign(Target::Reg(i), e) => self.r[*i].next = value(self, e),
                S::If(cond, then, otherwise) => {
                    let taken = value(self, cond).any();
                    self.run(if taken { then } else { otherwise });
                }
                S::Match(subject, arms, rest) => {
                    let i = value(self, subject).index();
                    self.run(arms.get(i).unwrap_or(rest));
                }
            }
        }
    }

    fn names() -> Vec<String> {
        let vectors = [("x", INPUTS), ("r", REGS), ("l", LOCALS)];
        vectors.iter().flat_map(|(v, n)| names(v, *n)).collect()
    }

    fn block(stmts: &[S]) -> VerilogBlock {
        stmts.iter().map(Self::stmt).collect()
    }

    fn stmt(stmt: &S) -> VerilogStatement {
        let names = Self::names();
        match stmt {
            S::Assign(target, e) => {
                let name = match target {
                    Target::Local(i) => format!("l[{i}]$next"),
                    Target::Reg(i) => format!("r[{i}]$next"),
                };
                VerilogStatement::Assignment(Ast::Signal(name), e.ast(&names))
            }
            S::If(cond, then, otherwise) => VerilogStatement::If(VerilogConditional {
                test: cond.ast(&names),
                then: Self::block(then),
                otherwise: VerilogBlockOrConditional::Block(Self::block(otherwise)),
            }),
            S::Match(subject, arms, rest) => {
                let case = |condition: String, body: &[S]| VerilogCase {
                    condition,
                    block: Self::block(body),
                };
                let numbered = arms.iter().enumerate();
                let cases = numbered.map(|(i, body)| case(i.to_string(), body));
                VerilogStatement::Match(VerilogMatch {
                    test: subject.ast(&names),
                    cases: cases.chain([case("default".into(), rest)]).collect(),
                })
            }
        }
    }
}

impl Logic for Statements {
    fn update(&mut self) {
        let stmts = std::mem::take(&mut self._stmts);
        self.run(&stmts);
        self._stmts = stmts;
        for i in 0..LOCALS {
            self.y[i].next = self.l[i].val();
        }
    }

    fn hdl(&self) -> Verilog {
        let mut block = Self::block(&self._stmts);
        for i in 0..LOCALS {
            let (y, l) = (format!("y[{i}]$next"), format!("l[{i}]"));
            block.push(VerilogStatement::Assignment(Ast::Signal(y), Ast::Signal(l)));
        }
        Verilog::Combinatorial(block)
    }
}

/// Makes statements without combinational loops: what local `i` depends on has a lower number.
struct StatementMaker {
    maker: Maker,
}

impl StatementMaker {
    /// An expression of inputs, registers and the locals below `limit`; now and then local `limit` itself is read
    /// back, which is its intermediate value.
    fn value(&mut self, width: usize, limit: usize) -> E {
        let readable = INPUTS + REGS + limit;
        self.maker.inputs = vec![(WIDTH, false); readable];
        let depth = self.maker.rng.random_range(0..3);
        self.maker.make(width, false, depth)
    }

    fn body(&mut self, from: usize, depth: usize) -> Vec<S> {
        let count = self.maker.rng.random_range(0..4);
        (0..count).map(|_| self.statement(from, depth)).collect()
    }

    /// A statement that assigns registers and locals from `from` on.
    fn statement(&mut self, from: usize, depth: usize) -> S {
        let inner = self.maker.rng.random_range(from..=LOCALS);
        match self.maker.rng.random_range(0..6) {
            0 | 1 if depth > 0 => {
                let cond = self.value(1, inner.min(from));
                S::If(
                    cond,
                    self.body(inner, depth - 1),
                    self.body(inner, depth - 1),
                )
            }
            2 if depth > 0 => {
                let subject = self.value(2, inner.min(from));
                let arms = self.maker.rng.random_range(1..4);
                let arms = (0..arms).map(|_| self.body(inner, depth - 1)).collect();
                S::Match(subject, arms, self.body(inner, depth - 1))
            }
            3 => {
                let i = self.maker.rng.random_range(0..REGS);
                S::Assign(Target::Reg(i), self.value(WIDTH, LOCALS))
            }
            _ if inner == LOCALS => {
                let i = self.maker.rng.random_range(0..REGS);
                S::Assign(Target::Reg(i), self.value(WIDTH, LOCALS))
            }
            _ => {
                let i = self.maker.rng.random_range(from..LOCALS);
                S::Assign(Target::Local(i), self.value(WIDTH, i))
            }
        }
    }

    fn kernel(&mut self) -> Vec<S> {
        // Defaults of all locals at random places among the first statements, so that some are read before.
        let mut stmts: Vec<S> = vec![];
        for i in 0..LOCALS {
            let value = self.value(WIDTH, i);
            let at = self.maker.rng.random_range(0..=stmts.len());
            stmts.insert(at, S::Assign(Target::Local(i), value));
        }
        for _ in 0..12 {
            let from = self.maker.rng.random_range(0..LOCALS);
            stmts.push(self.statement(from, 3));
        }
        // Accumulate into a local: reads of intermediate values.
        let i = self.maker.rng.random_range(0..LOCALS);
        let read_back = E::Input(INPUTS + REGS + i);
        let more = E::Binary(Op::Add, boxed(read_back), boxed(E::Literal(1)));
        stmts.push(S::Assign(Target::Local(i), more));
        stmts
    }
}

fn random_statements(seed: u64) -> Statements {
    let mut maker = StatementMaker {
        maker: Maker {
            rng: ChaCha8Rng::seed_from_u64(seed),
            inputs: vec![],
        },
    };
    let regs = (0..REGS).map(|i| match i {
        0 => Reg::unsigned(WIDTH).without_reset(),
        _ => Reg::unsigned(WIDTH).reset_to(i),
    });
    Statements {
        x: (0..INPUTS).map(|_| Sig::unsigned(WIDTH)).collect(),
        y: (0..LOCALS).map(|_| Sig::unsigned(WIDTH)).collect(),
        l: (0..LOCALS).map(|_| Sig::unsigned(WIDTH)).collect(),
        r: regs.collect(),
        _stmts: maker.kernel(),
    }
}

/// Twelve random kernels side by side: one model instead of twelve.
#[derive(LogicBlock)]
struct Kernels {
    x: Vec<Sig<In>>,
    y: Vec<Sig<Out>>,
    kernel: Vec<Statements>,
    count: Param,
    inputs: Param,
    outputs: Param,
}

impl Logic for Kernels {
    #[hdl_gen]
    fn update(&mut self) {
        for k in 0..self.count.val() {
            for i in 0..self.inputs.val() {
                self.kernel[k].x[i].next = self.x[i].val();
            }
            for i in 0..self.outputs.val() {
                self.y[k * self.outputs.val() + i].next = self.kernel[k].y[i].val();
            }
        }
    }
}

#[test]
fn random_control_flow() {
    let count = 12;
    let kernels = Kernels {
        x: (0..INPUTS).map(|_| Sig::unsigned(WIDTH)).collect(),
        y: (0..LOCALS * count).map(|_| Sig::unsigned(WIDTH)).collect(),
        kernel: (0..count).map(|k| random_statements(k as u64)).collect(),
        count: Param::new(count),
        inputs: Param::new(INPUTS),
        outputs: Param::new(LOCALS),
    };
    let outcome = Gate::new("random_kernels").cycles(1000).run(kernels);
    assert!(outcome.first.is_none(), "{outcome:?}");
    // Some expressions happen to be constant; most must move, or the comparison shows nothing.
    let moving = outcome.changes.values().filter(|n| **n > 0).count();
    assert!(moving > LOCALS * count / 2, "only {moving} outputs move");
}
