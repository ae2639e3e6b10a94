//! Signatures against the formula of `docs/reuse.md`, "What is reused", step 2.

use crate::{rng, set, sim, tiny};
use mercury::blocks::rpq::Rpq;
use mercury::config::{Config, Issue};
use mercury::hdl::Sim;
use mercury::reuse::{MAX_BITS, MAX_STEP, Mode};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, VecDeque};

/// Cycles from the words of a vector's last step (z+2) to its signature (z+4).
const LATENCY: usize = 2;

/// One job's projections.
#[derive(Clone, Debug)]
struct Setting {
    mode: Mode,
    n: usize,
    bits: usize,
    shift: u32,
    matrix: Vec<Vec<i64>>,
    offsets: Vec<i64>,
}

/// Which corner the vectors of a job are in.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Data {
    Any,
    Zeros,
    /// All elements and columns at their extremes: |p_j| as large as it can be.
    Widest,
}

impl Setting {
    fn random(config: &Config, data: Data, rng: &mut ChaCha8Rng) -> Setting {
        let mut mode =
            [Mode::Zero, Mode::Sign, Mode::Step, Mode::Step, Mode::Grid][rng.random_range(0..5)];
        if mode == Mode::Grid && config.k_max > config.p_max {
            mode = Mode::Step;
        }
        let bits = match mode {
            Mode::Sign => 1,
            _ => rng.random_range(1..=MAX_BITS.min(config.sig_w)),
        };
        let most = config.p_max.min(config.sig_w / bits);
        let shift = match data {
            Data::Widest => MAX_STEP,
            _ => rng.random_range(0..=MAX_STEP),
        };
        let entry = |rng: &mut ChaCha8Rng, j: usize, k: usize| match (mode, data) {
            (Mode::Grid, _) => i64::from(j == k),
            (_, Data::Widest) if j.is_multiple_of(2) => -1,
            (_, Data::Widest) => 1,
            _ => rng.random_range(-1..=1),
        };
        Setting {
            mode,
            bits,
            shift,
            n: if rng.random() {
                most
            } else {
                rng.random_range(1..=most)
            },
            matrix: (0..config.p_max)
                .map(|j| (0..config.k_max).map(|k| entry(rng, j, k)).collect())
                .collect(),
            offsets: (0..config.p_max)
                .map(|_| match data {
                    Data::Widest => (1 << shift) - 1,
                    // Beyond a step: the mask of `grid` shows only there.
                    _ if rng.random() => rng.random_range(0..1 << MAX_STEP),
                    _ => rng.random_range(0..1 << shift),
                })
                .collect(),
        }
    }

    fn signature(&self, x: &[i64]) -> u128 {
        let mut signature = 0;
        for j in 0..self.n {
            let p: i64 = x.iter().zip(&self.matrix[j]).map(|(x, r)| r * x).sum();
            let field = match self.mode {
                Mode::Off | Mode::Zero => 0,
                Mode::Sign => i64::from(p < 0),
                Mode::Grid if j >= x.len() => 0,
                Mode::Step | Mode::Grid => (p + self.offsets[j]) >> self.shift,
            };
            let field = field & ((1 << self.bits) - 1);
            signature |= (field as u128) << (j * self.bits);
        }
        signature
    }
}

fn program(sim: &mut Sim<Rpq>, setting: &Setting) {
    set(&mut sim.mode, setting.mode.code());
    set(&mut sim.projections, setting.n as i128);
    set(&mut sim.sig_bits, setting.bits as i128);
    set(&mut sim.sig_shift, setting.shift);
    for (port, offset) in sim.offset.iter_mut().zip(&setting.offsets) {
        set(port, *offset);
    }
}

/// Element and its number in each lane of each step: in order, any lanes of the last step.
fn steps(x: &[i64], lanes: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<Option<(usize, i64)>>> {
    let elements: Vec<_> = x.iter().copied().enumerate().map(Some).collect();
    elements
        .chunks(lanes)
        .map(|elements| {
            let mut step = elements.to_vec();
            while step.len() < lanes {
                step.insert(rng.random_range(0..=step.len()), None);
            }
            step
        })
        .collect()
}

fn drive_step(sim: &mut Sim<Rpq>, setting: &Setting, step: &[Option<(usize, i64)>]) {
    for (lane, element) in step.iter().enumerate() {
        let (k, x) = element.unwrap_or((0, 0));
        let column = setting
            .matrix
            .iter()
            .enumerate()
            .map(|(j, row)| match element {
                Some(_) => i128::from(row[k] & 3) << (2 * j),
                None => 0,
            });
        set(&mut sim.column[lane], column.sum::<i128>());
        set(&mut sim.x[lane], x);
    }
}

/// A signature where and when one is due, and nowhere else.
struct Checker {
    due: BTreeMap<usize, u128>,
    seen: usize,
}

impl Checker {
    fn check(&mut self, sim: &Sim<Rpq>, cycle: usize) {
        let due = self.due.remove(&cycle);
        assert_eq!(sim.valid.val(), due.is_some(), "cycle {cycle}");
        if let Some(signature) = due {
            assert_eq!(sim.signature.val().to_u128(), signature, "cycle {cycle}");
            self.seen += 1;
        }
    }
}

fn vector(config: &Config, data: Data, rng: &mut ChaCha8Rng) -> Vec<i64> {
    let half = 1i64 << (config.data_w - 1);
    let k = match rng.random_range(0..5) {
        0 => 1,
        1 => rng.random_range(1..=config.l.min(config.k_max)),
        2 => rng.random_range(1..=config.k_max),
        _ => config.k_max,
    };
    let kind = rng.random_range(0..3);
    let value = |rng: &mut ChaCha8Rng| match (data, kind) {
        (Data::Zeros, _) => 0,
        (Data::Widest, 0) => half - 1,
        (Data::Widest, _) => -half,
        (_, 0) => rng.random_range(-2..=2),
        _ => rng.random_range(-half..half),
    };
    (0..k).map(|_| value(rng)).collect()
}

fn run(config: &Config, data: Data, seed: u64) -> usize {
    let mut rng = rng(seed);
    let mut sim = sim(Rpq::new(config));
    let setting = Setting::random(config, data, &mut rng);
    println!("seed {seed}, {data:?}: {setting:?}");
    program(&mut sim, &setting);
    sim.clock();
    sim.clock();
    let mut checker = Checker {
        due: BTreeMap::new(),
        seen: 0,
    };
    let latency = LATENCY + config.signature_cycles();
    let mut cycle = 0;
    // K belongs to the cycle in which the last step is added to the sums.
    let mut ks: VecDeque<_> = (0..config.step_cycles()).map(|_| None).collect();
    let mut tick = |sim: &mut Sim<Rpq>, now: Option<(usize, u128)>, clear: bool| {
        ks.push_back(now.map(|(k, _)| k));
        let k = ks.pop_front().flatten();
        set(&mut sim.k, k.unwrap_or(cycle % 64) as i128);
        sim.clear.next = clear;
        sim.settle();
        checker.check(sim, cycle);
        if let Some((_, signature)) = now {
            checker.due.insert(cycle + latency, signature);
        }
        if clear {
            checker.due.clear();
        }
        sim.clock();
        cycle += 1;
        checker.seen
    };
    for _ in 0..30 {
        let x = vector(config, data, &mut rng);
        let steps = steps(&x, config.l, &mut rng);
        for (t, step) in steps.iter().enumerate() {
            sim.step.next = true;
            sim.first.next = t == 0;
            sim.last.next = t + 1 == steps.len();
            drive_step(&mut sim, &setting, step);
            let ends = sim.last.next.then(|| (x.len(), setting.signature(&x)));
            let clear = rng.random_ratio(1, 60);
            tick(&mut sim, ends, clear);
            if clear {
                break;
            }
        }
        // Between vectors anything may lie on the other inputs.
        for _ in 0..[0, 0, 1, 3][rng.random_range(0..4)] {
            sim.step.next = false;
            (sim.first.next, sim.last.next) = (rng.random(), rng.random());
            sim.x.iter_mut().for_each(|x| set(x, rng.random::<i16>()));
            tick(&mut sim, None, rng.random_ratio(1, 20));
        }
    }
    sim.step.next = false;
    (0..=latency)
        .map(|_| tick(&mut sim, None, false))
        .last()
        .unwrap_or(0)
}

#[test]
fn rpq_gives_the_signature_of_every_vector() {
    let narrow = Config {
        l: 1,
        data_w: 8,
        p_max: 5,
        sig_w: 20,
        ..tiny()
    };
    let wide = Config {
        l: 4,
        k_max: 64,
        p_max: 32,
        sig_w: 128,
        ..tiny()
    };
    let registered = Config {
        issue: Issue::Registered,
        ..tiny()
    };
    let mut seen = 0;
    for seed in 0..40 {
        for data in [Data::Any, Data::Zeros, Data::Widest] {
            seen += run(&tiny(), data, seed);
            seen += run(&narrow, data, seed);
            seen += run(&registered, data, seed);
        }
    }
    for seed in 0..6 {
        seen += run(&wide, Data::Any, seed);
        seen += run(&wide, Data::Widest, seed);
    }
    assert!(seen > 5000, "{seen} signatures");
}
