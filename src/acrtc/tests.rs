//! Cuts, packets, and the cycle model against the contract played cycle by cycle.

use std::collections::VecDeque;

use ndarray::{Array2, s};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Cut, Kind, Row, cuts, model, pack, random};
use crate::config::tc::TcConfig;
use crate::regmap::tc::{JobRegs, Statistics};

fn config(name: &str) -> TcConfig {
    TcConfig::preset(name).expect("a preset of the project")
}

/// Sizes with each kind of beat: several steps a beat, one, several beats a step; operands of 8 bits; lanes that are no power of two.
fn configs() -> Vec<TcConfig> {
    let tiny = config("acrtc-tiny");
    let bytes = TcConfig {
        data_w: 8,
        lanes: 3,
        columns: 5,
        ..tiny.clone()
    };
    let long = TcConfig {
        lanes: 7,
        columns: 3,
        ..tiny.clone()
    };
    let configs = vec![
        tiny,
        config("acrtc-small"),
        config("acrtc-core4"),
        config("acrtc-paper"),
        bytes,
        long,
    ];
    configs.iter().for_each(|c| c.check().unwrap());
    configs
}

#[test]
fn jobs_cover_a_product_and_fit_the_core() {
    for config in configs() {
        for number in 0..40 {
            let case = random::case(1, number, &config);
            let (k, n) = case.b.dim();
            let cuts = cuts(case.a.nrows(), k, n, case.settings, case.drain, &config).unwrap();
            let mut times = Array2::<u32>::zeros((k, n));
            for Cut { regs, k, n } in &cuts {
                times
                    .slice_mut(s![k.clone(), n.clone()])
                    .map_inplace(|t| *t += 1);
                let [steps, blocks] = [regs.steps, regs.blocks].map(usize::from);
                assert!(steps <= config.steps && blocks <= config.blocks);
                assert!(steps * blocks <= config.weight_words);
                assert_eq!(steps, k.len().div_ceil(config.lanes));
                assert_eq!(blocks, n.len().div_ceil(config.columns));
            }
            assert!(times.iter().all(|&t| t == 1));
            assert!(cuts[0].k.len() == k || !cuts[0].regs.shift_mode);
        }
    }
}

#[test]
fn packets_hold_what_was_packed() {
    for config in configs() {
        for number in 0..20 {
            let case = random::case(2, number, &config);
            let (k, n) = case.b.dim();
            let cuts = cuts(case.a.nrows(), k, n, case.settings, case.drain, &config).unwrap();
            for cut in &cuts {
                let packet = pack::packet(cut, case.a.view(), case.b.view(), &config);
                let (a, b) = pack::read(&cut.regs, &packet, &config).unwrap();
                let (k, n) = (cut.k.len(), cut.n.len());
                assert_eq!(a.slice(s![.., ..k]), case.a.slice(s![.., cut.k.clone()]));
                assert!(a.slice(s![.., k..]).iter().all(|&v| v == 0));
                let want = case.b.slice(s![cut.k.clone(), cut.n.clone()]);
                assert_eq!(b.slice(s![..k, ..n]), want);
                assert!(b.slice(s![k.., ..]).iter().all(|&v| v == 0));
                assert!(b.slice(s![.., n..]).iter().all(|&v| v == 0));
            }
        }
    }
}

/// The rules of the contract, one cycle after the other.
fn play(regs: &JobRegs, rows: &[Row], config: &TcConfig) -> Statistics {
    let weights = u64::from(regs.blocks) * u64::from(regs.steps) * config.beats_per_word() as u64;
    let slices = u64::from(regs.steps) * config.beats_per_step() as u64;
    let result_beats = if regs.shift_mode {
        1
    } else {
        config.raw_beats()
    };
    let latency = 6 + config.tree_levels() as u64;
    let mut counts = Statistics::default();
    let (mut row_in, mut slice, mut next_slice) = (0, 0, weights + 1);
    let mut visible: VecDeque<u64> = VecDeque::new();
    let mut finished: Vec<u64> = vec![];
    let (mut block, mut left) = (0, 0);
    let mut queue: VecDeque<u64> = VecDeque::new();
    let (mut pending, mut sent, mut started_before) = (0, 0, false);
    let total = u64::from(regs.rows) * u64::from(regs.blocks);
    let mut done = 0;
    for cycle in 0.. {
        // Pending counts a block from the cycle after its first issue.
        pending += u32::from(std::mem::take(&mut started_before));
        let pending_now = pending;
        // Input.
        let free = slice > 0 || row_in < 4 || finished.get(row_in - 4).is_some_and(|&c| c < cycle);
        if row_in < rows.len() && cycle >= next_slice && free {
            next_slice = cycle + 1;
            slice += 1;
            if slice == slices {
                visible.push_back(cycle + 5);
                (slice, row_in) = (0, row_in + 1);
            }
        }
        // Output.
        if queue.front().is_some_and(|&from| from <= cycle) {
            sent += 1;
            if sent == result_beats {
                queue.pop_front();
                (sent, pending, done) = (0, pending - 1, done + 1);
                if done == total {
                    counts.cycles = cycle + 5;
                    return counts;
                }
            }
        }
        // Multipliers.
        let now = finished.len();
        if now == rows.len() {
            continue;
        }
        let begins = left == 0;
        if begins && block == 0 && visible.get(now).is_none_or(|&from| from > cycle) {
            match cycle < weights {
                true => counts.stall_weights += 1,
                false => counts.stall_input += 1,
            }
            continue;
        }
        if begins && pending_now >= 16 {
            counts.stall_output += 1;
            continue;
        }
        if begins {
            left = rows[now].longest.max(1);
            started_before = true;
        }
        counts.compute_busy += 1;
        left -= 1;
        if left == 0 {
            queue.push_back(cycle + latency);
            block += 1;
            if block == u64::from(regs.blocks) {
                block = 0;
                finished.push(cycle);
            }
        }
    }
    unreachable!()
}

#[test]
fn the_model_counts_what_the_rules_say() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for config in configs() {
        for number in 0..150 {
            let [steps, blocks] = [config.steps.min(40), config.blocks.min(60)];
            let steps = rng.random_range(1..=[3, steps][number % 2]);
            let regs = JobRegs {
                steps: steps as u16,
                blocks: rng.random_range(1..=blocks.min(config.weight_words / steps)) as u16,
                rows: rng.random_range(1..40),
                shift_mode: rng.random(),
                ..JobRegs::default()
            };
            let most = rng.random_range(0..=steps as u32);
            let rows: Vec<Row> = (0..regs.rows)
                .map(|_| Row {
                    kind: [Kind::Plain, Kind::Delta][rng.random_range(0..2)],
                    longest: rng.random_range(0..=most),
                    items: 0,
                })
                .collect();
            let got = model::time(&regs, &rows, &config);
            let want = play(&regs, &rows, &config);
            let timed = |c: &Statistics| {
                [
                    c.cycles,
                    c.compute_busy,
                    c.stall_weights,
                    c.stall_input,
                    c.stall_output,
                ]
            };
            assert_eq!(timed(&got), timed(&want), "{regs:?} {rows:?}");
        }
    }
}

/// Two rows of one step, one block: the dates of the contract by hand.
#[test]
fn a_small_job_takes_what_the_contract_says() {
    let regs = JobRegs {
        steps: 1,
        blocks: 1,
        rows: 2,
        shift_mode: true,
        ..JobRegs::default()
    };
    let row = |kind, longest, items| Row {
        kind,
        longest,
        items,
    };
    let rows = [row(Kind::Plain, 1, 2), row(Kind::Delta, 0, 0)];
    let counts = model::time(&regs, &rows, &config("acrtc-tiny"));
    // One weight beat in cycle 0, row beats in 1 and 2, slices in 2 and 3, visible from 7 and 8, issued then, queued in 14
    // and 15 (V = 1), at the port in 17 and 18, the trailer in 19.
    let want = Statistics {
        cycles: 20,
        compute_busy: 2,
        items: 2,
        rows_plain: 1,
        rows_delta: 1,
        stall_weights: 1,
        stall_input: 6,
        in_beats: 3,
        out_beats: 3,
        ..Statistics::default()
    };
    assert_eq!(counts, want);
}
