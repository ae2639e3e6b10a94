//! Processing element and requantiser.

use crate::{rng, set, sim, tiny};
use mercury::blocks::mcache_data::McacheData;
use mercury::blocks::pe::Pe;
use mercury::blocks::requantizer::Requantizer;
use mercury::config::{Config, Issue};
use mercury::hdl::Sim;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;

/// What one issued element asks of the PE.
#[derive(Clone, Copy, Debug)]
struct Element {
    x: i64,
    /// Address of the weight, or of the operand.
    factor: usize,
    first: bool,
    /// The psum takes the vector sum.
    update: bool,
    zero: bool,
    psum: usize,
}

/// A PE and the control of the elements in flight: `flight[s]` is issued, or was s cycles ago.
struct Bench {
    sim: Sim<Pe>,
    config: Config,
    wgrad: bool,
    bank: usize,
    flight: VecDeque<Option<Element>>,
}

/// Cycles from an issue to the last of its psum with any configuration, and more.
const FLIGHT: usize = 12;

impl Bench {
    fn registered(&self) -> usize {
        usize::from(self.config.issue == Issue::Registered)
    }

    /// One cycle: control of every stage, `issued` being the element of stage u.
    fn cycle(&mut self, issued: Option<Element>) {
        self.flight.push_front(issued);
        self.flight.truncate(FLIGHT);
        let (registered, bank, other) = (self.registered(), self.bank, 1 - self.bank);
        let multiplies = 2 + self.config.issue_cycles();
        let adds = 2 + self.config.psum_cycles();
        let (sim, flight) = (&mut self.sim, &self.flight);
        let updates = |age: usize| flight[age].filter(|e| e.update).map(|e| e.psum);
        // The banks' read addresses: the operand one with the factor, the accumulating one for the sum; registered a cycle before.
        let mut read = [0; 2];
        if let Some(e) = flight[self.config.factor_cycles()] {
            set(&mut sim.weight_raddr, e.factor as i128);
        }
        if let Some(e) = flight[self.config.factor_cycles() - registered] {
            read[other] = e.factor;
        }
        if let Some(e) = flight[multiplies - registered] {
            set(&mut sim.x, e.x);
        }
        if let Some(e) = flight[multiplies] {
            sim.vector_first.next = e.first;
        }
        if let Some(e) = flight[adds - 2 * registered] {
            read[bank] = e.psum;
        }
        sim.psum_bank.next = bank == 1;
        if let Some(e) = flight[adds] {
            sim.psum_zero.next = e.zero;
            sim.psum_forward.next = updates(adds + 1) == Some(e.psum);
            sim.psum_forward_last.next = updates(adds + 2) == Some(e.psum);
            for flag in &mut sim.psum_forward_third {
                flag.next = updates(adds + 3) == Some(e.psum);
            }
        }
        sim.use_operand.next = self.wgrad;
        sim.operand_bank.next = other == 1;
        sim.bank0_accumulate.next = bank == 0 && updates(adds + 1).is_some();
        sim.bank1_accumulate.next = bank == 1 && updates(adds + 1).is_some();
        if let Some(e) = flight[adds + 2] {
            set(&mut sim.bank0_waddr, e.psum as i128);
            set(&mut sim.bank1_waddr, e.psum as i128);
        }
        sim.bank0_reads.next = true;
        sim.bank1_reads.next = true;
        set(&mut sim.bank0_raddr, read[0] as i128);
        set(&mut sim.bank1_raddr, read[1] as i128);
        sim.clock();
    }

    /// Weights, or the operand in the bank that does not accumulate.
    fn load(&mut self, factors: &[i64]) {
        let (registered, last) = (self.registered(), factors.len() - 1);
        let enable = |sim: &mut Sim<Pe>, on: bool| {
            sim.weight_we.next = on && !self.wgrad;
            sim.bank0_load.next = on && self.wgrad && self.bank == 1;
            sim.bank1_load.next = on && self.wgrad && self.bank == 0;
        };
        // Registered, a write is enabled a cycle before its address and data.
        enable(&mut self.sim, true);
        for _ in 0..registered {
            self.sim.clock();
        }
        for (address, factor) in factors.iter().enumerate() {
            let sim = &mut self.sim;
            enable(sim, registered == 0 || address < last);
            set(&mut sim.load_data, *factor);
            if self.wgrad {
                set(&mut sim.bank0_waddr, address as i128);
                set(&mut sim.bank1_waddr, address as i128);
            } else {
                set(&mut sim.weight_waddr, address as i128);
            }
            sim.clock();
        }
        enable(&mut self.sim, false);
    }

    /// Row `address` of a bank, as the drain reads it.
    fn drained(&mut self, bank: usize, address: usize) -> i64 {
        self.sim.bank0_reads.next = false;
        self.sim.bank1_reads.next = false;
        self.sim.clock();
        set(&mut self.sim.drain_raddr, address as i128);
        self.sim.drain_bank.next = bank == 1;
        self.sim.clock();
        // Registered, the word before it is taken as well: a drain that stands still holds what it has not taken.
        for _ in 0..self.registered() {
            self.sim.drain_bank.next = bank == 0;
            self.sim.drain_take.next = true;
            self.sim.clock();
        }
        // Taken in the cycle in which it is there; from then on the reader's address does not matter.
        self.sim.drain_take.next = true;
        self.sim.clock();
        self.sim.drain_take.next = false;
        self.sim.drain_bank.next = bank == 0;
        self.sim.clock();
        self.sim.settle();
        self.sim.drain_data.val().to_i64()
    }
}

/// Vectors of random lengths on few psum addresses; in wgrad mode every product is a vector.
fn elements(rng: &mut ChaCha8Rng, config: &Config, wgrad: bool, seen: &mut [bool]) -> Vec<Element> {
    let half = 1i64 << (config.data_w - 1);
    let mut elements = Vec::new();
    for _ in 0..200 {
        let psum = rng.random_range(0..seen.len());
        let zero = !seen[psum] || rng.random_ratio(1, 20);
        seen[psum] = true;
        let length = if wgrad || rng.random_ratio(1, 2) {
            1
        } else {
            rng.random_range(1..=config.k_max)
        };
        let factors = if wgrad {
            config.tile
        } else {
            config.weight_words
        };
        for k in 0..length {
            elements.push(Element {
                x: if rng.random_ratio(1, 5) {
                    -half
                } else {
                    rng.random_range(-half..half)
                },
                factor: rng.random_range(0..factors),
                first: k == 0,
                update: k + 1 == length,
                zero,
                psum,
            });
        }
    }
    elements
}

#[test]
fn pe_multiplies_and_accumulates() {
    let mut forwarded = [0; 2];
    for seed in 0..24u64 {
        let (wgrad, bank) = (seed & 1 != 0, (seed >> 1 & 1) as usize);
        let config = Config {
            data_w: if seed & 4 != 0 { 8 } else { 16 },
            issue: if seed & 8 != 0 {
                Issue::Registered
            } else {
                Issue::Direct
            },
            ..tiny()
        };
        println!(
            "seed {seed}: wgrad {wgrad}, bank {bank}, {} bits, {:?}",
            config.data_w, config.issue
        );
        let mut rng = rng(seed);
        let half = 1i64 << (config.data_w - 1);
        let mut bench = Bench {
            sim: sim(Pe::new(&config)),
            wgrad,
            bank,
            flight: vec![None; FLIGHT].into(),
            config: config.clone(),
        };

        let count = if wgrad {
            config.tile
        } else {
            config.weight_words
        };
        let mut factors: Vec<i64> = (0..count).map(|_| rng.random_range(-half..half)).collect();
        factors[0] = -half;
        bench.load(&factors);

        let mut seen = [false; 3];
        let elements = elements(&mut rng, &config, wgrad, &mut seen);
        let mut psums = [0i128; 3];
        let mut vector = 0i128;
        let mut before = None;
        for e in &elements {
            let product = i128::from(e.x) * i128::from(factors[e.factor]);
            vector = if e.first { product } else { vector + product };
            if e.update {
                psums[e.psum] = if e.zero {
                    vector
                } else {
                    psums[e.psum] + vector
                };
            }
            // A set issues the elements of a vector without a pause.
            let gap = e.first && rng.random_ratio(1, 4);
            if gap {
                bench.cycle(None);
            }
            bench.cycle(Some(*e));
            forwarded[usize::from(wgrad)] +=
                u32::from(!gap && e.update && before == Some(e.psum) && !e.zero);
            before = e.update.then_some(e.psum);
        }
        // Issued in u, so in the bank from u+5, registered from u+9: no further cycle.
        for _ in 0..4 + config.psum_cycles() {
            bench.cycle(None);
        }
        bench.sim.bank0_accumulate.next = false;
        bench.sim.bank1_accumulate.next = false;
        for (address, psum) in psums.iter().enumerate().filter(|(a, _)| seen[*a]) {
            assert_eq!(
                i128::from(bench.drained(bank, address)),
                *psum,
                "psum {address}"
            );
        }
        if wgrad {
            for (address, factor) in factors.iter().enumerate() {
                // An operand is the low bits of the word.
                let above = 64 - config.data_w;
                let operand = bench.drained(1 - bank, address) << above >> above;
                assert_eq!(operand, *factor, "operand {address}");
            }
        }
    }
    assert!(
        forwarded.iter().all(|n| *n > 50),
        "equal addresses in a row: {forwarded:?}"
    );
}

/// `value / 2^shift` to the nearest integer, ties to the even one, cut to `bits`; and whether it was cut.
fn requantised(value: i128, shift: u32, bits: usize) -> (i128, bool) {
    let divisor = 1i128 << shift;
    let (quotient, rest) = (value.div_euclid(divisor), value.rem_euclid(divisor));
    let rounded = match (2 * rest).cmp(&divisor) {
        std::cmp::Ordering::Less => quotient,
        std::cmp::Ordering::Greater => quotient + 1,
        std::cmp::Ordering::Equal => quotient + (quotient & 1),
    };
    let half = 1i128 << (bits - 1);
    let kept = rounded.clamp(-half, half - 1);
    (kept, kept != rounded)
}

#[test]
fn requantizer_rounds_half_to_even() {
    for (seed, data_w) in (0..).zip([8, 16]) {
        let config = Config { data_w, ..tiny() };
        let top = config.acc_w as u32 - 1;
        let mut rng = rng(seed);
        let mut sim = sim(Requantizer::new(&config));
        let mut expected = None;
        let mut ties = 0;
        for _ in 0..20_000 {
            let shift = rng.random_range(0..=top);
            // Numbers of every size; around a tie; around the limits of the accumulator.
            let near = i128::from(rng.random_range(-2..=2));
            let value = match rng.random_range(0..4) {
                0 => i128::from(rng.random::<i64>() >> rng.random_range(17..64)),
                1 => {
                    let odd = 2 * i128::from(rng.random_range(-300..300)) + 1;
                    odd * (1 << shift.saturating_sub(1)) + near
                }
                2 => (1 << top) - 1 - near.abs(),
                _ => -(1 << top) + near.abs(),
            };
            let value = value.clamp(-(1 << top), (1 << top) - 1);
            ties += u32::from(shift > 0 && value.rem_euclid(1 << shift) == 1 << (shift - 1));
            set(&mut sim.value, value);
            set(&mut sim.shift, shift);
            let below_guard = if shift == 0 {
                0
            } else {
                (1i128 << (shift - 1)) - 1
            };
            set(&mut sim.sticky_mask, below_guard);
            sim.enable.next = rng.random_ratio(4, 5);
            if sim.enable.next {
                expected = Some(requantised(value, shift, data_w));
            }
            sim.clock();
            if let Some((operand, saturated)) = expected {
                let seen = (sim.operand.val().to_i64().into(), sim.saturated.val());
                assert_eq!(
                    seen,
                    (operand, saturated),
                    "seed {seed}: {value} >> {shift}"
                );
            }
        }
        assert!(ties > 1000, "{ties} ties");
    }
}

/// Drives the words for 5,000 cycles; returns how often a word was forwarded from one, two and three cycles before, and how often a
/// sum fitted an operand, and not.
fn drive_mcache_data(config: &Config) -> ([u32; 3], [u32; 2]) {
    let registered = usize::from(config.issue == Issue::Registered);
    let entries = config.mcache.entries();
    let mut sim = sim(McacheData::new(config));
    let mut rng = rng(3);
    let wraps = |sum: i128| {
        let above = 128 - config.mcache_data_w();
        sum << above >> above
    };
    let operand = 1i128 << (config.data_w - 1);
    let mut words = vec![0i128; entries];
    // The entries whose addresses were given 0, 1, 2 … cycles ago, each with what is done to it: add, write. The word is chosen, and the
    // sum written, `chosen` cycles after its address.
    let mut read: VecDeque<(usize, bool, bool)> = vec![(0, false, false); 8].into();
    let chosen = 2 + registered;
    // The words written 0, 1 … cycles ago, and what the RAM held when an address was given 0, 1 … cycles ago, if it counts.
    let mut written: VecDeque<Option<i128>> = vec![None; 4].into();
    let mut raw: VecDeque<Option<i128>> = vec![None; 4].into();
    let (mut forwarded, mut wide) = ([0; 3], [0; 2]);
    for cycle in 0..5000 {
        let at = format!("{:?}, cycle {cycle}", config.issue);
        let vector_sum = match rng.random_range(0..3) {
            0 => rng.random_range(-2..=2),
            1 => rng.random_range(-operand - 1..=operand),
            _ => rng.random_range(-(operand * operand)..=operand * operand),
        };
        read.push_front((rng.random_range(0..entries), rng.random(), rng.random()));
        read.truncate(8);
        // Flags are given a cycle before the word is chosen: what the entries one, two and three before it write is not in it.
        let given = chosen - 2;
        let stale = [1, 2, 3].map(|n| {
            let (entry, _, write) = read[given + n];
            write && entry == read[given].0
        });
        sim.forward.next = stale[0];
        sim.forward_last.next = stale[1];
        for flag in &mut sim.forward_third {
            flag.next = stale[2];
        }
        let (entry, add, write) = read[chosen];
        sim.add.next = read[chosen - 1].1;
        sim.write.next = write;
        set(&mut sim.vector_sum, vector_sum);
        set(&mut sim.write_addr, entry as i128);
        set(&mut sim.read_addr, read[0].0 as i128);
        sim.settle();
        if let Some(value) = written[registered] {
            let fits = (-operand..operand).contains(&value);
            assert_eq!(sim.wide.val(), !fits, "{at}: {value}");
            wide[usize::from(fits)] += 1;
        }
        if cycle > chosen {
            assert_eq!(sim.stored.val(), words[entry] as i64, "{at}");
        }
        if let Some(raw) = raw[registered] {
            assert_eq!(sim.read_data.val(), raw as i64, "{at}");
        }
        // A word that is read while it is written is not used.
        let collides = write && entry == read[0].0;
        raw.push_front((!collides).then_some(words[read[0].0]));
        raw.truncate(4);
        for (count, stale) in forwarded.iter_mut().zip(stale) {
            *count += u32::from(stale);
        }
        written.push_front(None);
        written.truncate(4);
        if write {
            words[entry] = wraps(vector_sum + if add { words[entry] } else { 0 });
            written[0] = Some(words[entry]);
        }
        sim.clock();
    }
    (forwarded, wide)
}

#[test]
fn mcache_data_adds_and_forwards() {
    for issue in [Issue::Direct, Issue::Registered] {
        let (forwarded, wide) = drive_mcache_data(&Config { issue, ..tiny() });
        assert!(
            forwarded.iter().chain(&wide).all(|n| *n > 100),
            "{issue:?}: {forwarded:?} {wide:?}"
        );
    }
}
