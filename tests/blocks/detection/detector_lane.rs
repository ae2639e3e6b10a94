//! A detector lane against the rule of `docs/reuse.md`, "What the stream adds".

use crate::{rng, set, set_words, sim, tiny};
use mercury::blocks::detector_lane::DetectorLane;
use mercury::config::{Config, Issue};
use mercury::hdl::Sim;
use mercury::regmap::Read;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;

/// What a lane holds: its READS and MATRIX beats by step.
struct Program {
    reads: Vec<Option<Read>>,
    columns: Vec<u64>,
}

impl Program {
    fn random(config: &Config, rng: &mut ChaCha8Rng) -> Program {
        let far = rng.random_ratio(1, 4);
        let reach = if far { 255 } else { 3 };
        let mut read = || {
            rng.random_ratio(5, 6).then(|| Read {
                k: rng.random_range(0..config.k_max) as u8,
                bank: rng.random_range(0..config.l) as u8,
                addr: if far {
                    rng.random()
                } else {
                    rng.random_range(0..9)
                },
                row: rng.random_range(0..=reach),
                col: rng.random_range(0..=reach),
            })
        };
        let reads = (0..config.k_max).map(|_| read()).collect();
        let columns = (0..config.k_max).map(|_| rng.random::<u64>());
        Program {
            reads,
            columns: columns
                .map(|c| c & ((1 << (2 * config.p_max)) - 1))
                .collect(),
        }
    }

    fn load(&self, sim: &mut Sim<DetectorLane>, rng: &mut ChaCha8Rng) {
        for (step, (read, column)) in self.reads.iter().zip(&self.columns).enumerate() {
            set(&mut sim.load_step, step as i128);
            // An idle lane's beat is 0 but for VALID: whatever else stands in it does not count.
            let idle = Read {
                k: 0,
                bank: 1,
                addr: rng.random(),
                row: 0,
                col: 0,
            };
            let beat = read.map_or(idle.pack() & !(1 << 15), |read| read.pack());
            set_words(&mut sim.load_data, &[beat]);
            sim.load_reads.next = true;
            sim.clock();
            sim.load_reads.next = false;
            set_words(&mut sim.load_data, &[*column]);
            sim.load_matrix.next = true;
            sim.clock();
            sim.load_matrix.next = false;
        }
    }
}

/// A lane's element of one step.
struct Element {
    /// Its number, if the program has one.
    k: Option<u8>,
    /// Its bank, if it lies inside of the image.
    bank: Option<usize>,
    column: u64,
}

/// Cases that must come up.
#[derive(Default, Debug)]
struct Met {
    absent: usize,
    padding: usize,
    read: usize,
    wrapped: usize,
    zero: usize,
}

/// What the step before leaves to this one.
struct Before {
    /// The program's step of this one.
    step: usize,
    /// Rows and columns sent, which are compared a cycle later.
    sent: [i64; 2],
    /// Whether the element is inside of them.
    inside: bool,
}

/// One step with a random position; checks the address and returns what must come of it.
fn step(
    sim: &mut Sim<DetectorLane>,
    config: &Config,
    program: &Program,
    rng: &mut ChaCha8Rng,
    met: &mut Met,
    before: &mut Before,
) -> Element {
    let next_step = rng.random_range(0..program.reads.len());
    let t = std::mem::replace(&mut before.step, next_step);
    let k = if rng.random_ratio(1, 4) {
        1
    } else {
        rng.random_range(1..=config.k_max)
    };
    let far = rng.random_ratio(1, 4);
    let low = if far { -255 } else { -3 };
    let base: [i64; 2] = [rng.random_range(low..9), rng.random_range(low..9)];
    let sent: [i64; 2] = [rng.random_range(1..12), rng.random_range(1..12)];
    let (bank, addr) = (rng.random_range(0..config.l), rng.random::<u16>());
    let wrap: u16 = rng.random_range(0..50);
    set(&mut sim.next_step, next_step as i128);
    set(&mut sim.k, k as i128);
    set(&mut sim.base_bank, bank as i128);
    set(&mut sim.base_addr, addr);
    set(&mut sim.base_row, base[0]);
    set(&mut sim.base_col, base[1]);
    let sent_before = std::mem::replace(&mut before.sent, sent);
    set(&mut sim.in_rows, sent_before[0]);
    set(&mut sim.in_cols, sent_before[1]);
    set(&mut sim.wrap_addr, wrap);
    sim.settle();
    let read = program.reads[t].filter(|read| usize::from(read.k) < k);
    let mut element = Element {
        k: read.map(|r| r.k),
        bank: None,
        column: program.columns[t],
    };
    assert_eq!(sim.present.val(), read.is_some());
    let inside = read.is_some_and(|read| {
        (0..sent[0]).contains(&(base[0] + i64::from(read.row)))
            && (0..sent[1]).contains(&(base[1] + i64::from(read.col)))
    });
    let inside_before = std::mem::replace(&mut before.inside, inside);
    assert_eq!(sim.reads.val(), inside_before);
    let Some(read) = read else {
        met.absent += 1;
        return element;
    };
    if !inside {
        met.padding += 1;
        return element;
    }
    let mut place = (bank + usize::from(read.bank), addr.wrapping_add(read.addr));
    if place.0 >= config.l {
        place = (place.0 - config.l, place.1.wrapping_add(wrap));
        met.wrapped += 1;
    }
    let seen = (
        sim.bank.val().to_u64() as usize,
        sim.addr.val().to_u64() as u16,
    );
    assert_eq!(seen, place);
    met.read += 1;
    element.bank = Some(place.0);
    element
}

#[test]
fn detector_lane_reads_what_its_program_says() {
    let sizes = [
        (1, 9, 16, Issue::Direct),
        (3, 9, 8, Issue::Direct),
        (3, 64, 16, Issue::Direct),
        (15, 16, 16, Issue::Direct),
        (3, 16, 16, Issue::Registered),
    ];
    for (l, k_max, data_w, issue) in sizes {
        let config = Config {
            issue,
            l,
            k_max,
            data_w,
            ..tiny()
        };
        let mut met = Met::default();
        for seed in 0..24 {
            println!("L = {l}, K_MAX = {k_max}, seed {seed}");
            let mut rng = rng(seed);
            let mut sim = sim(DetectorLane::new(&config));
            let program = Program::random(&config, &mut rng);
            program.load(&mut sim, &mut rng);
            let mut flight = VecDeque::new();
            // The words of this cycle, and of those before: the element may stand in a register.
            let mut shown: VecDeque<Vec<i64>> = VecDeque::new();
            let latency = config.detect_read_cycles() + config.element_cycles();
            let mut before = Before {
                step: 0,
                sent: [0; 2],
                inside: false,
            };
            set(&mut sim.next_step, 0);
            sim.clock();
            for _ in 0..240 {
                let zeros = rng.random_ratio(1, 4);
                let half = 1 << (data_w - 1);
                let words: Vec<i64> = (0..l)
                    .map(|_| {
                        if zeros {
                            0
                        } else {
                            rng.random_range(-half..half)
                        }
                    })
                    .collect();
                for (port, word) in sim.word.iter_mut().zip(&words) {
                    set(port, *word);
                }
                let now = (&mut rng, &mut met, &mut before);
                flight.push_back(step(&mut sim, &config, &program, now.0, now.1, now.2));
                shown.push_front(words);
                if flight.len() > latency {
                    let element = flight.pop_front().expect("more than none");
                    let x = element
                        .bank
                        .map_or(0, |bank| shown[config.element_cycles()][bank]);
                    assert_eq!(sim.x.val().to_i64(), x);
                    assert_eq!(sim.x_any.val(), x != 0);
                    assert_eq!(sim.column.val().to_u64(), element.column);
                    if let Some(k) = element.k {
                        assert_eq!(sim.x_k.val().to_u64(), u64::from(k));
                    }
                    met.zero += usize::from(element.bank.is_some() && x == 0);
                }
                sim.clock();
            }
        }
        let Met {
            absent,
            padding,
            read,
            wrapped,
            zero,
        } = met;
        let counts = [absent, padding, read, zero];
        assert!(counts.iter().all(|&n| n > 30), "L = {l}: {counts:?}");
        assert_eq!(l > 1, wrapped > 30, "L = {l}: {wrapped} wraps");
    }
}
