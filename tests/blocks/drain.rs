//! The drain under random requests and back-pressure.

use crate::{rng, set, sim, tiny};
use mercury::blocks::drain::Drain;
use mercury::blocks::output_packer::OutputPacker;
use mercury::config::{Config, Issue};
use mercury::hdl::Sim;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;

/// One bank that waits to be sent.
#[derive(Clone, Debug)]
struct Job {
    tag: u16,
    pass: u16,
    pes: usize,
    /// `rows[r][c]`: sum of PE c.
    rows: Vec<Vec<i64>>,
}

/// Where a set is in its list of jobs; job k lies in bank k mod 2.
#[derive(Default)]
struct Progress {
    addressed: usize,
    released: usize,
    granted: usize,
    requesting: bool,
}

/// What is sent: beats as low 64-bit words first.
type Beat = Vec<u64>;

struct Bench {
    sim: Sim<Drain>,
    config: Config,
    shift_mode: bool,
    shift: u32,
    /// `banks[set][bank][row][pe]`.
    banks: Vec<[Vec<Vec<i64>>; 2]>,
    jobs: Vec<Vec<Job>>,
    progress: Vec<Progress>,
    /// Bank and row asked for in the previous cycle.
    read: (usize, usize),
    /// The row taken last: words of all PEs.
    taken: Vec<i64>,
    /// The row in front of it, where PEs keep two.
    waiting: Vec<i64>,
    served: usize,
    /// Beats to come, each with the cycle in which it comes if nothing stalls.
    expected: VecDeque<(Beat, u64)>,
    cycle: u64,
    saturated: u64,
    largest: u64,
}

impl Bench {
    fn new(rng: &mut ChaCha8Rng, config: Config, shift_mode: bool) -> Bench {
        let mut sim = sim(Drain::new(&config));
        let shift = rng.random_range(0..config.acc_w as u32);
        sim.shift_mode.next = shift_mode;
        set(&mut sim.shift, shift);
        sim.start.next = true;
        sim.clock();
        sim.start.next = false;
        let mut job = || Job {
            tag: rng.random(),
            pass: rng.random(),
            pes: rng.random_range(1..=config.pes),
            rows: random_rows(rng, &config),
        };
        let jobs = (0..config.sets)
            .map(|_| (0..6).map(|_| job()).collect())
            .collect();
        let garbage = vec![vec![-1; config.pes]; config.tile];
        Bench {
            banks: vec![[garbage.clone(), garbage]; config.sets],
            progress: (0..config.sets).map(|_| Progress::default()).collect(),
            read: (0, 0),
            taken: vec![0; config.sets * config.pes],
            waiting: vec![0; config.sets * config.pes],
            served: config.sets - 1,
            expected: VecDeque::new(),
            cycle: 0,
            saturated: 0,
            largest: 0,
            sim,
            config,
            shift_mode,
            shift,
            jobs,
        }
    }

    /// Shows the next job of a set as soon as its bank is free.
    fn request(&mut self, rng: &mut ChaCha8Rng, set_index: usize) {
        let progress = &mut self.progress[set_index];
        let next = progress.addressed;
        let free = next < 2 || progress.released >= next - 1;
        if !progress.requesting && next < 6 && free && rng.random_ratio(1, 3) {
            progress.requesting = true;
            let job = &self.jobs[set_index][next];
            for (row, values) in job.rows.iter().enumerate() {
                self.banks[set_index][next % 2][row].clone_from(values);
            }
            let sim = &mut self.sim;
            sim.request_bank[set_index].next = next % 2 == 1;
            set(
                &mut sim.request_rows_m1[set_index],
                job.rows.len() as i128 - 1,
            );
            set(&mut sim.request_pes[set_index], job.pes as i128);
            set(&mut sim.request_tag[set_index], job.tag);
            set(&mut sim.request_pass[set_index], job.pass);
        }
        self.sim.request[set_index].next = self.progress[set_index].requesting;
    }

    /// The first requesting set after the one served last is the next.
    fn arbitrate(&mut self) {
        let sets = self.config.sets;
        let order = (1..=sets).map(|i| (self.served + i) % sets);
        let picked = order.clone().find(|s| self.progress[*s].requesting);
        if let Some(s) = picked.filter(|_| self.sim.idle.val()) {
            self.served = s;
            let job = self.jobs[s][self.progress[s].granted].clone();
            self.progress[s].granted += 1;
            for (i, beat) in (0..).zip(self.beats(s, &job)) {
                let latency = 5 + self.config.drain_cycles() as u64;
                self.expected.push_back((beat, self.cycle + latency + i));
            }
        }
    }

    /// Header and rows of a job.
    fn beats(&mut self, set_index: usize, job: &Job) -> Vec<Beat> {
        let words = self.config.bus_w / 64;
        let header = 1
            | u64::from(self.shift_mode) << 4
            | (set_index as u64) << 8
            | (job.rows.len() as u64 - 1) << 16
            | u64::from(job.tag) << 32
            | u64::from(job.pass) << 48;
        let mut beats = vec![vec![0; words]];
        beats[0][0] = header;
        let bits = if self.shift_mode {
            self.config.data_w
        } else {
            64
        };
        for row in &job.rows {
            for lanes in row[..job.pes].chunks(self.config.bus_w / bits) {
                let mut beat = vec![0; words];
                for (lane, value) in lanes.iter().enumerate() {
                    self.largest = self.largest.max(value.unsigned_abs());
                    let sent = if self.shift_mode {
                        self.requantised(*value)
                    } else {
                        *value
                    };
                    let place = lane * bits;
                    beat[place / 64] |= (sent as u64 & (u64::MAX >> (64 - bits))) << (place % 64);
                }
                beats.push(beat);
            }
        }
        beats
    }

    /// The nearest integer to `value / 2^shift` (a tie goes to the even one), saturated to an operand.
    fn requantised(&mut self, value: i64) -> i64 {
        let step = 1i128 << self.shift;
        let value = i128::from(value);
        let below = value.div_euclid(step);
        let twice_rest = 2 * (value - below * step);
        let up = twice_rest > step || (twice_rest == step && below % 2 != 0);
        let half = 1i128 << (self.config.data_w - 1);
        let rounded = below + i128::from(up);
        self.saturated += u64::from(!(-half..half).contains(&rounded));
        rounded.clamp(-half, half - 1) as i64
    }

    /// The words of all PEs of the psum row that was asked for in the previous cycle.
    fn read_row(&self) -> Vec<i64> {
        let (bank, row) = self.read;
        let sets = self.banks.iter();
        sets.flat_map(|banks| banks[bank][row].clone()).collect()
    }

    /// The psum row that was taken last.
    fn drive_rows(&mut self) {
        for (word, value) in self.sim.row_word.iter_mut().zip(&self.taken) {
            set(word, *value);
        }
    }

    /// What the drain says in this cycle about banks that it is done with.
    fn observe(&mut self) {
        for s in 0..self.config.sets {
            let progress = &mut self.progress[s];
            if self.sim.addressed[s].val() {
                assert!(
                    progress.requesting,
                    "set {s} was addressed without a request"
                );
                progress.requesting = false;
                progress.addressed += 1;
            }
            for bank in 0..2 {
                let released = [&self.sim.bank0_release, &self.sim.bank1_release][bank][s].val();
                if released {
                    assert_eq!(
                        bank,
                        progress.released % 2,
                        "banks of set {s} are released in turn"
                    );
                    progress.released += 1;
                    assert!(progress.released <= progress.addressed);
                    // From the next cycle on the bank may accumulate again.
                    self.banks[s][bank] = vec![vec![-1; self.config.pes]; self.config.tile];
                }
            }
        }
    }
}

fn random_rows(rng: &mut ChaCha8Rng, config: &Config) -> Vec<Vec<i64>> {
    let rows = rng.random_range(1..=config.tile);
    let spare = 64 - config.acc_w as u32;
    let mut value = || rng.random::<i64>() >> rng.random_range(spare..64);
    (0..rows)
        .map(|_| (0..config.pes).map(|_| value()).collect())
        .collect()
}

/// All jobs and the trailer; `always_ready` also holds the beats to their cycles.
fn run(seed: u64, config: Config, shift_mode: bool, always_ready: bool) -> u64 {
    println!("seed {seed}: {config:?}, shift mode {shift_mode}, always ready {always_ready}");
    let mut rng = rng(seed);
    let mut bench = Bench::new(&mut rng, config, shift_mode);
    let sets = bench.config.sets;
    let error = rng.random_range(0..8);
    set(&mut bench.sim.trailer_error, error);
    let (mut saturated, mut trailers, mut offered) = (0, 0, None);
    for cycle in 0..40_000 {
        bench.cycle = cycle;
        for s in 0..sets {
            bench.request(&mut rng, s);
        }
        bench.sim.m_axis_tready.next = always_ready || rng.random_ratio(1, 2);
        let complete = bench.progress.iter().all(|p| p.released == 6);
        bench.sim.trailer.next = complete && trailers == 0;
        bench.sim.settle();
        bench.drive_rows();
        bench.sim.settle();
        bench.arbitrate();
        bench.observe();

        saturated += bench.sim.saturated.val().to_u64();
        if bench.sim.trailer_taken.val() {
            trailers += 1;
            let mut beat = vec![0; bench.config.bus_w / 64];
            beat[0] = 15 | u64::from(error as u32) << 8;
            let latency = 4 + bench.config.drain_cycles() as u64;
            bench.expected.push_back((beat, cycle + latency));
        }
        if bench.sim.m_axis_tvalid.val() {
            let beat = bench.sim.m_axis_tdata.val().words();
            let last = bench.sim.m_axis_tlast.val();
            assert!(
                offered
                    .take()
                    .is_none_or(|held| held == (beat.clone(), last)),
                "a beat changed while it waited"
            );
            if bench.sim.m_axis_tready.next {
                let (wanted, due) = bench
                    .expected
                    .pop_front()
                    .expect("a beat that nobody asked for");
                assert_eq!(beat, wanted, "cycle {cycle}");
                assert_eq!(
                    last,
                    beat[0] & 15 == 15 && trailers == 1 && bench.expected.is_empty()
                );
                assert!(
                    !always_ready || cycle == due,
                    "beat of cycle {due} in {cycle}"
                );
                if last {
                    assert_eq!(saturated, bench.saturated);
                    assert_eq!(bench.sim.max_abs.val(), bench.largest);
                    return saturated;
                }
            } else {
                offered = Some((beat, last));
            }
        } else {
            assert!(offered.is_none(), "an offered beat was withdrawn");
        }
        if bench.sim.take.val() {
            let row = bench.read_row();
            bench.taken = match bench.config.issue {
                Issue::Direct => row,
                Issue::Registered => std::mem::replace(&mut bench.waiting, row),
            };
        }
        let bank = usize::from(bench.sim.read_bank.val());
        bench.read = (bank, bench.sim.raddr.val().index());
        bench.sim.clock();
    }
    panic!("no trailer");
}

#[test]
fn drain_sends_every_row_in_order() {
    let sizes = [
        tiny(),
        Config {
            sets: 3,
            pes: 5,
            data_w: 8,
            ..tiny()
        },
        Config {
            sets: 1,
            pes: 9,
            bus_w: 128,
            ..tiny()
        },
        Config {
            issue: Issue::Registered,
            ..tiny()
        },
    ];
    let mut seed = 0;
    let mut saturated = 0;
    for config in sizes {
        for shift_mode in [false, true] {
            for always_ready in [false, true, false, true] {
                saturated += run(seed, config.clone(), shift_mode, always_ready);
                seed += 1;
            }
        }
    }
    assert!(saturated > 100, "{saturated} results saturated");
}

/// A beat on its way through the packer, in any stage, does not leave after an abort.
#[test]
fn output_packer_drops_every_stage_on_abort() {
    for late in [false, true] {
        let latency = 2 + usize::from(late);
        for abort_at in 0..=latency + 1 {
            let mut sim = sim(OutputPacker::sized(4, 64, 16, 48, late));
            let mut valid = vec![];
            for cycle in 0..12 {
                sim.header.next = cycle == 0;
                sim.abort_job.next = cycle == abort_at;
                sim.m_axis_tready.next = false;
                sim.settle();
                valid.push(sim.m_axis_tvalid.val());
                sim.clock();
            }
            let expected: Vec<bool> = (0..12).map(|c| c >= latency && c <= abort_at).collect();
            assert_eq!(valid, expected, "late {late}, abort in {abort_at}");
        }
    }
}
