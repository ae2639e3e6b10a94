//! The gate: a block under native rust-hdl simulation against Verilator on its printed text, random stimulus, every
//! output port, every cycle.

#![allow(dead_code)] // each test crate uses its part

use mercury::cosim::{
    model::{Model, Port},
    rtl::{PortSpec, Rtl},
    verilate::{Builder, Options},
};
use mercury::hdl::{
    Direction, Sim, Value, keep_collisions,
    verilog::{self, Header, Style},
};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rust_hdl::core::prelude::Block;
use std::collections::BTreeMap;

/// Inputs of a cycle by port name.
pub type Inputs = BTreeMap<String, Value>;

/// Changes the random inputs of a cycle, to bring a block where plain noise does not.
pub type Stimulus = Box<dyn FnMut(&mut ChaCha8Rng, u64, &mut Inputs)>;

/// A co-simulation of one block.
pub struct Gate {
    name: String,
    cycles: u64,
    seed: u64,
    style: Style,
    stimulus: Option<Stimulus>,
    keeps_collisions: bool,
}

/// What a co-simulation found.
#[derive(Debug)]
pub struct Outcome {
    /// Cycles compared.
    pub cycles: u64,
    /// Cycles in which each output differed.
    pub mismatches: BTreeMap<String, u64>,
    /// Cycles after which each output had another value than before.
    pub changes: BTreeMap<String, u64>,
    /// The first difference.
    pub first: Option<String>,
}

impl Outcome {
    /// Fails the test on any difference, and on one of these outputs that never changed.
    pub fn expect_agreement(&self, outputs: &[&str]) {
        assert_eq!(
            self.first, None,
            "mismatches by port: {:?}",
            self.mismatches
        );
        for output in outputs {
            assert!(self.changes[*output] > 0, "{output} never changed");
        }
    }
}

impl Gate {
    /// 2,000 cycles from the seed `$MERCURY_SEED` (default 1).
    pub fn new(name: &str) -> Gate {
        let seed = std::env::var("MERCURY_SEED")
            .ok()
            .and_then(|s| s.parse().ok());
        Gate {
            name: name.into(),
            cycles: 2000,
            seed: seed.unwrap_or(1),
            style: Style::default(),
            stimulus: None,
            keeps_collisions: false,
        }
    }

    /// Another number of cycles.
    pub fn cycles(mut self, cycles: u64) -> Gate {
        self.cycles = cycles;
        self
    }

    /// Prints wrongly on purpose.
    pub fn style(mut self, style: Style) -> Gate {
        self.style = style;
        self
    }

    /// Shapes the random inputs.
    pub fn stimulus(
        mut self,
        stimulus: impl FnMut(&mut ChaCha8Rng, u64, &mut Inputs) + 'static,
    ) -> Gate {
        self.stimulus = Some(Box::new(stimulus));
        self
    }

    /// For noise that reads words in the cycle of their write, which the design never uses.
    pub fn keeping_collisions(mut self) -> Gate {
        self.keeps_collisions = true;
        self
    }

    /// Fails the test on any difference, and on an output that never changed: it would show nothing.
    pub fn check(self, block: impl Block) {
        let name = self.name.clone();
        let outcome = self.run(block);
        if let Some(first) = outcome.first {
            panic!("{first}\nmismatches by port: {:?}", outcome.mismatches);
        }
        let still: Vec<&String> = outcome
            .changes
            .iter()
            .filter(|(_, n)| **n == 0)
            .map(|(port, _)| port)
            .collect();
        assert!(
            still.is_empty(),
            "{name}: the stimulus never changed {still:?}: shape it with Gate::stimulus"
        );
    }

    /// Runs both sides.
    pub fn run(mut self, block: impl Block) -> Outcome {
        let design = verilog::print_with(&block, &self.name, &Header::default(), self.style)
            .unwrap_or_else(|e| panic!("{e}"));
        let ports = design.ports.iter().map(|p| match p.direction {
            Direction::Input => PortSpec::input(&p.name, p.width),
            Direction::Output => PortSpec::output(&p.name, p.width),
        });
        let rtl = Rtl::from_text(&self.name, &design.single_file(), ports.collect());
        let options = Options {
            quick_build: true,
            ..Options::default()
        };
        let builder = Builder::find().unwrap_or_else(|e| panic!("{e:#}"));
        let model = builder
            .model(&rtl, options)
            .unwrap_or_else(|e| panic!("{}: {e:#}\n{}", self.name, design.single_file()));
        keep_collisions(self.keeps_collisions);
        let sim = Sim::new(block).unwrap_or_else(|e| panic!("{e}"));
        let mut pair = Pair::new(sim, model);
        let mut outcome = Outcome {
            cycles: self.cycles,
            mismatches: BTreeMap::new(),
            changes: pair.outputs().map(|name| (name, 0)).collect(),
            first: None,
        };
        let mut noise = Noise::new(self.seed, pair.sim.ports());
        let mut last: Vec<Value> = vec![];
        for cycle in 0..self.cycles {
            let in_reset = cycle < 2 || noise.rng.random_ratio(1, 400);
            let mut inputs = noise.next();
            if let Some(stimulus) = &mut self.stimulus {
                stimulus(&mut noise.rng, cycle, &mut inputs);
            }
            let values = pair.drive(&inputs, in_reset);
            pair.compare(&values, cycle, &self, &mut outcome);
            for (port, (new, old)) in pair.sim.ports().iter().zip(values.iter().zip(&last)) {
                if port.direction == Direction::Output && !new.same(old) {
                    *outcome.changes.entry(port.name.clone()).or_default() += 1;
                }
            }
            last = values;
            pair.clock();
        }
        outcome
    }
}

/// The two sides in lockstep.
struct Pair<B: Block> {
    sim: Sim<B>,
    model: Model,
    /// Of each data port.
    ports: Vec<Port>,
    clk: Option<Port>,
    rst_n: Option<Port>,
}

impl<B: Block> Pair<B> {
    fn new(sim: Sim<B>, model: Model) -> Self {
        let port = |p: &mercury::hdl::PortInfo| model.port(&p.name).expect("printed port");
        Pair {
            ports: sim.ports().iter().map(port).collect(),
            clk: model.port("clk").ok(),
            rst_n: model.port("rst_n").ok(),
            sim,
            model,
        }
    }

    fn outputs(&self) -> impl Iterator<Item = String> {
        let outputs = self.sim.ports().iter();
        outputs
            .filter(|p| p.direction == Direction::Output)
            .map(|p| p.name.clone())
    }

    /// Drives both sides and returns what the native side shows on every port.
    fn drive(&mut self, inputs: &Inputs, in_reset: bool) -> Vec<Value> {
        let mut pokes = vec![];
        for (i, port) in self.sim.ports().iter().enumerate() {
            if let Some(value) = inputs.get(&port.name) {
                let words = value.words();
                let halves = words.iter().flat_map(|w| [*w as u32, (*w >> 32) as u32]);
                let count = self.model.words(self.ports[i]);
                let halves: Vec<u32> = halves.take(count).collect();
                self.model.write(self.ports[i], &halves);
                pokes.push((i, value.clone()));
            }
        }
        if let Some(rst_n) = self.rst_n {
            self.model.set(rst_n, u64::from(!in_reset));
        }
        if let Some(clk) = self.clk {
            self.model.set(clk, 0);
        }
        self.model.eval();
        self.sim.poke(&pokes);
        self.sim.set_reset(in_reset);
        self.sim.settle();
        self.sim.peek()
    }

    fn clock(&mut self) {
        if let Some(clk) = self.clk {
            self.model.set(clk, 1);
            self.model.eval();
        }
        self.sim.clock();
    }

    fn compare(&self, values: &[Value], cycle: u64, gate: &Gate, outcome: &mut Outcome) {
        for ((port, handle), native) in self.sim.ports().iter().zip(&self.ports).zip(values) {
            if port.direction != Direction::Output {
                continue;
            }
            let mut words = vec![0u32; self.model.words(*handle)];
            self.model.read(*handle, &mut words);
            let words: Vec<u64> = words
                .chunks(2)
                .map(|w| u64::from(w[0]) | u64::from(*w.get(1).unwrap_or(&0)) << 32)
                .collect();
            let verilated = Value::from_words(port.width, port.signed, &words);
            if !verilated.same(native) {
                *outcome.mismatches.entry(port.name.clone()).or_default() += 1;
                outcome.first.get_or_insert_with(|| {
                    format!(
                        "{} cycle {cycle} port {}: rust-hdl 0x{}, Verilator 0x{} (MERCURY_SEED={} repeats it)",
                        gate.name,
                        port.name,
                        native.to_hex(),
                        verilated.to_hex(),
                        gate.seed
                    )
                });
            }
        }
    }
}

/// Random inputs: uniform bits mixed with extremes, small numbers and repeated values, one-bit inputs in phases of
/// different density.
struct Noise {
    rng: ChaCha8Rng,
    inputs: Vec<(String, usize, bool)>,
    last: Inputs,
    cycle: u64,
    density: BTreeMap<String, u32>,
}

impl Noise {
    fn new(seed: u64, ports: &[mercury::hdl::PortInfo]) -> Noise {
        let inputs = ports.iter().filter(|p| p.direction == Direction::Input);
        Noise {
            rng: ChaCha8Rng::seed_from_u64(seed),
            inputs: inputs
                .map(|p| (p.name.clone(), p.width, p.signed))
                .collect(),
            last: Inputs::new(),
            cycle: 0,
            density: BTreeMap::new(),
        }
    }

    fn next(&mut self) -> Inputs {
        let mut values = Inputs::new();
        for (name, width, signed) in self.inputs.clone() {
            if self.cycle.is_multiple_of(64) {
                let eighths = self.rng.random_range(0..=8);
                self.density.insert(name.clone(), eighths);
            }
            let value = if width == 1 {
                let one = self.rng.random_ratio(self.density[&name], 8);
                Value::from(one).resize(1, signed)
            } else {
                self.word(&name, width, signed)
            };
            values.insert(name, value);
        }
        self.cycle += 1;
        self.last = values.clone();
        values
    }

    fn word(&mut self, name: &str, width: usize, signed: bool) -> Value {
        let rng = &mut self.rng;
        let random: Vec<u64> = (0..width.div_ceil(64)).map(|_| rng.next_u64()).collect();
        let zero = Value::zero(width, signed);
        match rng.random_range(0..10) {
            0 => zero,
            1 => !zero,
            // The sign bit alone, or all but the sign bit.
            2 => zero.replace_bit(width - 1, true),
            3 => !zero.replace_bit(width - 1, true),
            4 | 5 => Value::unsigned(width, rng.random_range(0..8)).resize(width, signed),
            6 => self.last.get(name).cloned().unwrap_or(zero),
            _ => Value::from_words(width, signed, &random),
        }
    }
}
