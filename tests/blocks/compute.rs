//! Processing element and requantiser.

use crate::{rng, set, sim, tiny};
use mercury::blocks::mcache_data::McacheData;
use mercury::blocks::pe::Pe;
use mercury::blocks::requantizer::Requantizer;
use mercury::config::Config;
use mercury::hdl::Sim;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

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

/// A PE and the control of the elements in flight: `flight[s]` was issued s + 1 cycles ago.
struct Bench {
    sim: Sim<Pe>,
    wgrad: bool,
    bank: usize,
    flight: [Option<Element>; 4],
}

impl Bench {
    /// One cycle: control of every stage, `issued` being the element of stage u.
    fn cycle(&mut self, issued: Option<Element>) {
        let (sim, bank) = (&mut self.sim, self.bank);
        let other = 1 - bank;
        // The banks' read addresses: the accumulating one in u+2, the operand one in u.
        let mut read = [0; 2];
        if let Some(e) = issued {
            set(&mut sim.weight_raddr, e.factor as i128);
            read[other] = e.factor;
        }
        let updates = |e: Option<Element>| e.filter(|e| e.update).map(|e| e.psum);
        sim.psum_bank.next = bank == 1;
        if let Some(e) = self.flight[1] {
            set(&mut sim.x, e.x);
            sim.vector_first.next = e.first;
            sim.psum_zero.next = e.zero;
            sim.psum_forward.next = updates(self.flight[2]) == Some(e.psum);
            sim.psum_forward_last.next = updates(self.flight[3]) == Some(e.psum);
            read[bank] = e.psum;
        }
        sim.use_operand.next = self.wgrad;
        sim.operand_bank.next = other == 1;
        sim.bank0_accumulate.next = false;
        sim.bank1_accumulate.next = false;
        if let Some(e) = self.flight[2] {
            sim.bank0_accumulate.next = e.update && bank == 0;
            sim.bank1_accumulate.next = e.update && bank == 1;
        }
        if let Some(e) = self.flight[3] {
            set(&mut sim.bank0_waddr, e.psum as i128);
            set(&mut sim.bank1_waddr, e.psum as i128);
        }
        set(&mut sim.bank0_raddr, read[0] as i128);
        set(&mut sim.bank1_raddr, read[1] as i128);
        sim.clock();
        self.flight.rotate_right(1);
        self.flight[0] = issued;
    }

    /// Row `address` of a bank, as the drain reads it.
    fn drained(&mut self, bank: usize, address: usize) -> i64 {
        set(&mut self.sim.bank0_raddr, address as i128);
        set(&mut self.sim.bank1_raddr, address as i128);
        self.sim.drain_bank.next = bank == 1;
        self.sim.clock();
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
    for seed in 0..12u64 {
        let (wgrad, bank) = (seed & 1 != 0, (seed >> 1 & 1) as usize);
        let config = Config {
            data_w: if seed & 4 != 0 { 8 } else { 16 },
            ..tiny()
        };
        println!(
            "seed {seed}: wgrad {wgrad}, bank {bank}, {} bits",
            config.data_w
        );
        let mut rng = rng(seed);
        let half = 1i64 << (config.data_w - 1);
        let mut bench = Bench {
            sim: sim(Pe::new(&config)),
            wgrad,
            bank,
            flight: [None; 4],
        };

        // Weights, or the operand in the bank that does not accumulate.
        let count = if wgrad {
            config.tile
        } else {
            config.weight_words
        };
        let mut factors: Vec<i64> = (0..count).map(|_| rng.random_range(-half..half)).collect();
        factors[0] = -half;
        for (address, factor) in factors.iter().enumerate() {
            let sim = &mut bench.sim;
            set(&mut sim.load_data, *factor);
            sim.weight_we.next = !wgrad;
            sim.bank0_load.next = wgrad && bank == 1;
            sim.bank1_load.next = wgrad && bank == 0;
            if wgrad {
                set(&mut sim.bank0_waddr, address as i128);
                set(&mut sim.bank1_waddr, address as i128);
            } else {
                set(&mut sim.weight_waddr, address as i128);
            }
            sim.clock();
        }
        bench.sim.weight_we.next = false;
        bench.sim.bank0_load.next = false;
        bench.sim.bank1_load.next = false;

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
        for _ in 0..4 {
            bench.cycle(None);
        }
        // Issued in u, so in the bank from u+5: no further cycle.
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

#[test]
fn mcache_data_adds_and_forwards() {
    let config = tiny();
    let entries = config.mcache.entries();
    let mut sim = sim(McacheData::new(&config));
    let mut rng = rng(3);
    let wraps = |sum: i128| {
        let above = 128 - config.mcache_data_w();
        sum << above >> above
    };
    let operand = 1i128 << (config.data_w - 1);
    let mut words = vec![0i128; entries];
    // The entries whose addresses were given one and two cycles ago, each with what is done to it (add, write).
    let mut read: [Option<(usize, bool, bool)>; 2] = [None; 2];
    let mut written: Option<(usize, i128)> = None;
    // What the RAM gave one cycle after the address.
    let mut raw = None;
    let (mut forwarded, mut wide) = ([0; 2], [0; 2]);
    for cycle in 0..5000 {
        let vector_sum = match rng.random_range(0..3) {
            0 => rng.random_range(-2..=2),
            1 => rng.random_range(-operand - 1..=operand),
            _ => rng.random_range(-(operand * operand)..=operand * operand),
        };
        // The entry that was read two cycles before is the one that the result goes to.
        let (entry, add, write) = read[1].unwrap_or_default();
        let next = rng.random_range(0..entries);
        let writes = |r: Option<(usize, bool, bool)>| r.is_some_and(|(e, _, w)| w && e == next);
        let (forward, forward_last) = (writes(read[0]), writes(read[1]));
        sim.forward.next = forward;
        sim.forward_last.next = forward_last;
        sim.add.next = read[0].is_some_and(|(_, add, _)| add);
        sim.write.next = write;
        set(&mut sim.vector_sum, vector_sum);
        set(&mut sim.write_addr, entry as i128);
        set(&mut sim.read_addr, next as i128);
        sim.settle();
        if let Some((_, value)) = written {
            let fits = (-operand..operand).contains(&value);
            assert_eq!(sim.wide.val(), !fits, "cycle {cycle}: {value}");
            wide[usize::from(fits)] += 1;
        }
        if read[1].is_some() {
            assert_eq!(sim.stored.val(), words[entry] as i64, "cycle {cycle}");
        }
        if let Some(raw) = raw {
            assert_eq!(sim.read_data.val(), raw as i64, "cycle {cycle}");
        }
        raw = (!forward_last).then_some(words[next]);
        forwarded[0] += u32::from(forward);
        forwarded[1] += u32::from(forward_last);
        written = None;
        if write {
            words[entry] = wraps(vector_sum + if add { words[entry] } else { 0 });
            written = Some((entry, words[entry]));
        }
        read = [Some((next, rng.random(), rng.random())), read[0]];
        sim.clock();
    }
    assert!(
        forwarded.iter().chain(&wide).all(|n| *n > 100),
        "{forwarded:?} {wide:?}"
    );
}
