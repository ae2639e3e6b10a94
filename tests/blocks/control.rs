//! What decides: whether a set issues, whose turn it is, what is out of range, which lane a beat is for.

use crate::{rng, set, sim, tiny};
use mercury::blocks::detector_load::DetectorLoad;
use mercury::blocks::few_runs::FewRuns;
use mercury::blocks::issue_gate::IssueGate;
use mercury::blocks::range_check::RangeCheck;
use mercury::blocks::set_turn::SetTurn;
use mercury::config::Config;
use mercury::hdl::Sim;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// What ends with the element, or group, of this cycle: group, feature slot, pass, tile; each takes the ones before with it.
fn steps(rng: &mut ChaCha8Rng) -> [bool; 4] {
    let levels = rng.random_range(0..=4);
    [0, 1, 2, 3].map(|level| level < levels)
}

/// Drives the gate for 2,000 cycles against the state of the next cycle; returns how often it let something through after a group
/// ended, after none ended, and how often it held something back.
fn drive_gate(seed: u64, walks: bool) -> [usize; 3] {
    let mut rng = rng(seed);
    let mut sim = sim(IssueGate::new(true));
    let (mut running, mut issues, mut met) = (false, false, [0; 3]);
    for cycle in 0..2000 {
        let mut flag = |likely: u32| rng.random_ratio(likely, 4);
        let (clear, wgrad, drain) = (flag(1) && flag(1), flag(2), flag(2));
        let take = !running && flag(2);
        let (features, weights) = ([flag(3), flag(3)], [flag(3), flag(3)]);
        let (operand, busy) = (flag(3), [flag(1), flag(1)]);
        let (first, in_first) = (flag(2), flag(2));
        let (token, waits, begins) = (flag(3), flag(1), flag(2));
        let [group, slot, pass, tile] = steps(&mut rng);
        sim.clear.next = clear;
        sim.running.next = running;
        sim.take.next = take;
        sim.drain.next = drain;
        sim.wgrad.next = wgrad;
        [sim.features_kept.next, sim.features_used.next] = features;
        [sim.weights_kept.next, sim.weights_used.next] = weights;
        sim.operand_kept.next = operand;
        [sim.busy_kept.next, sim.busy_toggled.next] = busy;
        sim.group_first.next = first;
        sim.first_group.next = in_first;
        [sim.step_chunk.next, sim.step_cgroup.next] = [group, slot];
        [sim.step_pass.next, sim.step_tile.next] = [pass, tile];
        sim.reuse[0].next = walks;
        let ends = issues && group;
        sim.walk_ends[0].next = walks && ends;
        sim.walk_token[0].next = token;
        // The first item of a tile comes later.
        sim.walk_next_waits[0].next = waits || take;
        sim.walk_next_begins[0].next = begins;
        sim.walk_first_group[0].next = in_first;
        sim.walk_step_pass[0].next = pass;
        sim.walk_step_tile[0].next = tile;
        sim.settle();
        let seen = [sim.may_issue.val(), sim.may_walk[0].val()];
        assert_eq!(
            seen,
            [issues && !walks, issues && walks],
            "seed {seed}, cycle {cycle}"
        );

        // The next cycle.
        running = (running || take) && !(ends && tile);
        let at_pass = take || if ends { pass } else { in_first };
        let input = match (walks, ends) {
            (true, true) => token,
            (true, false) => !waits && !take,
            (false, _) => features[usize::from(ends && slot)],
        };
        let at_group = match (walks, ends) {
            (true, true) => true,
            (true, false) => begins,
            (false, _) => take || if issues { group } else { first },
        };
        let factors = if wgrad {
            operand
        } else {
            weights[usize::from(ends)]
        };
        let bank_free = !busy[usize::from(ends && pass && drain)];
        let begun = input && factors && (bank_free || !at_pass);
        let held = at_group && !begun || walks && !input;
        issues = running && !held && !clear;
        running &= !clear;
        met[0] += usize::from(issues && ends);
        met[1] += usize::from(issues && !ends);
        met[2] += usize::from(running && held);
        sim.clock();
    }
    met
}

#[test]
fn issue_gate_looks_one_cycle_ahead() {
    for walks in [false, true] {
        let mut met = [0; 3];
        for seed in 0..10 {
            for (sum, n) in met.iter_mut().zip(drive_gate(seed, walks)) {
                *sum += n;
            }
        }
        assert!(met.iter().all(|&n| n > 500), "walks {walks}: {met:?}");
    }
}

#[test]
fn few_runs_knows_one_and_two() {
    let mut sim = sim(FewRuns::new());
    let counts = (0..70).chain((2..16).flat_map(|bit| (0..4).map(move |low| (1 << bit) + low)));
    for count in counts {
        set(&mut sim.count, count as i128);
        sim.settle();
        let runs = if count == 1 || count == 2 { count } else { 0 };
        assert_eq!(sim.runs.val(), runs as u64, "{count}");
    }
}

#[test]
fn set_turn_goes_round() {
    for sets in [1, 2, 3, 5, 8] {
        let mut rng = rng(sets as u64);
        let mut sim = sim(SetTurn::new(sets));
        for _ in 0..500 {
            let served = rng.random_range(0..sets);
            let asks: Vec<bool> = (0..sets).map(|_| rng.random_ratio(1, 3)).collect();
            for (port, ask) in sim.request.iter_mut().zip(&asks) {
                port.next = *ask;
            }
            set(&mut sim.served, served as i128);
            sim.settle();
            let turn = (1..=sets).map(|i| (served + i) % sets).find(|s| asks[*s]);
            assert_eq!(sim.found.val(), turn.is_some(), "{served} {asks:?}");
            let number = sim.set.val().to_u64() as usize;
            assert_eq!(number, turn.unwrap_or(0), "{served} {asks:?}");
        }
    }
}

#[test]
fn range_check_sees_what_is_beyond() {
    let config = tiny();
    let mut rng = rng(4);
    let mut sim = sim(RangeCheck::new(&config));
    let (words, tile) = (config.feature_words as u64, config.tile as u64);
    let mut near = |limit: u64| limit - 2 + rng.random_range(0..4);
    let mut expected = [false; 2];
    let mut met = [0; 4];
    for cycle in 0..4000u64 {
        let (addr, psum, place) = (near(words), near(tile), near(tile));
        let (reads, issue) = (cycle & 1 != 0, cycle & 2 != 0);
        sim.reads.next = reads;
        sim.issue.next = issue;
        set(&mut sim.addr, addr);
        set(&mut sim.psum, psum);
        set(&mut sim.place, place);
        sim.settle();
        assert_eq!(sim.range_error.val(), expected[1], "cycle {cycle}");
        let far = [addr >= words, psum >= tile, place >= tile];
        let beyond = (reads && far[0]) || (issue && (far[1] || far[2]));
        met[usize::from(beyond)] += 1;
        met[2] += usize::from(issue && far == [true, false, false] && !reads);
        met[3] += usize::from(reads && far[1] && !far[0] && !issue);
        expected = [beyond, expected[0]];
        sim.clock();
    }
    // Within and beyond; a word or a psum beyond that is not used.
    assert!(met.iter().all(|&n| n > 50), "{met:?}");
}

/// Sends the beats of a segment; `kind` 0 READS, 1 MATRIX. Returns the beats that a lane took, by lane and step.
fn send(
    sim: &mut Sim<DetectorLoad>,
    rng: &mut ChaCha8Rng,
    kind: usize,
    beats: &[u64],
) -> Vec<(usize, u64, u64)> {
    let mut taken = vec![];
    let mut index = 0;
    while index < beats.len() + 3 {
        let gives = index >= beats.len() || rng.random_ratio(2, 3);
        let beat = beats.get(index).copied().filter(|_| gives);
        sim.load_reads.next = kind == 0 && beat.is_some();
        sim.load_matrix.next = kind == 1 && beat.is_some();
        set(&mut sim.load_index, index.min(beats.len() - 1) as i128);
        set(&mut sim.load_data, beat.unwrap_or(0));
        index += usize::from(gives);
        sim.clock();
        sim.settle();
        let lanes = [&sim.lane_reads, &sim.lane_matrix];
        assert!(lanes[1 - kind].iter().all(|lane| !lane.val()));
        for (lane, port) in lanes[kind].iter().enumerate() {
            if port.val() {
                taken.push((lane, sim.step.val().to_u64(), sim.data.val().to_u64()));
            }
        }
    }
    taken
}

#[test]
fn detector_load_gives_each_lane_its_beats() {
    for preset in ["tiny", "ecp5", "paper"] {
        let config = Config::preset(preset).expect("a preset of the project");
        let mut rng = rng(5);
        let mut sim = sim(DetectorLoad::new(&config));
        for segment in 0..20 {
            // A segment may have a step more than there are elements: what is beyond is no lane's.
            let steps = rng.random_range(1..=config.k_max + 1);
            let beats: Vec<u64> = (0..steps * config.l).map(|_| rng.random()).collect();
            let expected: Vec<(usize, u64, u64)> = (beats.iter().enumerate())
                .map(|(i, beat)| (i % config.l, (i / config.l) as u64, *beat))
                .filter(|(_, step, _)| *step < config.k_max as u64)
                .collect();
            let taken = send(&mut sim, &mut rng, segment % 2, &beats);
            assert_eq!(taken, expected, "{preset}, segment {segment}");
        }
        let offsets: Vec<u64> = (0..config.p_max)
            .map(|_| rng.random_range(0..1 << 20))
            .collect();
        for (j, offset) in offsets.iter().enumerate() {
            sim.load_offsets.next = true;
            set(&mut sim.load_index, j as i128);
            set(&mut sim.load_data, *offset);
            sim.clock();
        }
        sim.load_offsets.next = false;
        sim.clock();
        sim.settle();
        let kept: Vec<u64> = sim.offset.iter().map(|o| o.val().to_u64()).collect();
        assert_eq!(kept, offsets, "{preset}");
    }
}
