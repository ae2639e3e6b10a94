//! Reuse jobs through the model: against the cycle-by-cycle simulator, by hand, and against bounds.

use super::tests::naive;
use super::*;
use crate::config::Tags;
use crate::engine::{Geometry, Pass};
use crate::plan::{Choices, Correlation, Segment, random_case};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;

/// A segment of the detection program for the sets of `mask`.
fn program(payload: Payload, mask: u32, beats: u32) -> Segment {
    Segment {
        payload,
        mask,
        beats,
    }
}

/// Positions of the largest tile.
fn positions(job: &Job) -> usize {
    let tiles = job.segments.iter().filter_map(|s| match s.payload {
        Payload::Tile(tile) => Some(tile.positions()),
        _ => None,
    });
    tiles.max().unwrap_or(1)
}

/// A dense job with random detection. What the detection reads and finds does not matter here, only how long it takes.
fn detected(mut job: Job, config: &Config, rng: &mut ChaCha8Rng) -> Job {
    let (groups, largest) = (job.regs.group_count(), positions(&job));
    let regs = &mut job.regs;
    let fit = (config.list_words() / largest).min(255);
    let slots = rng.random_range(1..=fit);
    regs.reuse = 1;
    regs.redetect = regs.stream_features || groups > slots || rng.random_bool(0.3);
    (regs.list_positions, regs.list_slots) = (largest as u16, slots as u16);
    let steps = rng.random_range(1..=9);
    (regs.steps, regs.steps_cg_last, regs.steps_kr_last) = (steps, steps, steps);
    if regs.chunks == 1 {
        regs.steps_cg_last = rng.random_range(1..=steps);
    } else {
        regs.steps_kr_last = rng.random_range(1..=steps);
    }
    // The detection program comes first, and sometimes again before a tile: then the set has to be idle.
    let all = job
        .segments
        .iter()
        .fold(0, |mask, segment| mask | segment.mask);
    let mut segments = vec![
        program(Payload::Reads, all, 5),
        program(Payload::Matrix, all, 5),
        program(Payload::Offsets, all, 3),
    ];
    for segment in std::mem::take(&mut job.segments) {
        if matches!(segment.payload, Payload::Tile(_)) && rng.random_bool(0.2) {
            segments.push(program(Payload::Matrix, segment.mask, 4));
        }
        segments.push(segment);
    }
    job.segments = segments;
    job
}

/// Random work of every group.
fn random_work(job: &Job, config: &Config, rng: &mut ChaCha8Rng) -> Vec<Vec<GroupWork>> {
    let mut work = all_missed(job, config);
    for group in work.iter_mut().flatten() {
        let share = rng.random_range(0.0..1.0f64).powi(2);
        group.cycles = ((group.cycles as f64 * share) as u64).max(1);
        group.busy = rng.random_range(0..=group.cycles);
        group.macs = rng.random_range(0..=group.busy);
        let hits = rng.random_range(0..=group.states[3]);
        group.states = [hits / 2, hits - hits / 2, 0, group.states[3] - hits];
    }
    work
}

#[test]
fn events_count_what_cycles_count_with_detection() {
    let tiny = Config::preset("tiny").unwrap();
    let shared = Config {
        detectors: 1,
        ..tiny.clone()
    };
    let small = Config::preset("small").unwrap();
    let pool = Config {
        sets: 6,
        detectors: 2,
        ..tiny.clone()
    };
    let mut in_blocks = tiny.clone();
    in_blocks.mcache.tags = Tags::BlockRam;
    for (config, cases) in [
        (tiny, 300),
        (shared, 300),
        (pool, 200),
        (small, 60),
        (in_blocks, 200),
    ] {
        for seed in 0..cases {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            for job in random_case(&config, seed).unwrap().plan.jobs {
                let job = detected(job, &config, &mut rng);
                let work = random_work(&job, &config, &mut rng);
                let modelled = simulate_reuse(&job, &config, &work).unwrap();
                assert_eq!(
                    Some(modelled),
                    naive(&job, &config, &work),
                    "{}, {} detectors, seed {seed}, {:?}",
                    config.name,
                    config.detectors,
                    job.regs
                );
            }
        }
    }
}

/// 3×3 on 4×4 images of `channels` channels, 2×2 results: groups of 9 elements, 4 positions, 3 steps each, 12 steps a group.
fn small_job(config: &Config, channels: usize, filters: usize, sets: usize) -> Job {
    let g = Geometry::conv([1, channels, 4, 4], filters, 3, 1, 0);
    let view = Arc::new(Correlation::of(&g, Pass::Forward).remove(0));
    let choices = Choices {
        parts: [1, 1, 1],
        k_t: 9,
        channels,
        blocks: filters.div_ceil(config.pes).div_ceil(sets),
        blocks_first: true,
        stream_features: false,
        subsets: 1,
    };
    let mut job = choices.programs(&view, config, false, None)[0]
        .emit(&view, config)
        .unwrap();
    (job.regs.reuse, job.regs.list_slots) = (1, 2);
    (
        job.regs.steps,
        job.regs.steps_cg_last,
        job.regs.steps_kr_last,
    ) = (3, 3, 3);
    let mask = (1 << sets) - 1;
    let program = [
        program(Payload::Reads, mask, 9),
        program(Payload::Matrix, mask, 9),
        program(Payload::Offsets, mask, 1),
    ];
    job.segments.splice(0..0, program);
    job
}

/// Groups that take these cycles, all of them multiplying.
fn groups(cycles: &[u64]) -> Vec<GroupWork> {
    let group = |&cycles| GroupWork {
        cycles,
        busy: cycles,
        macs: cycles,
        states: [0, 0, 0, 4],
    };
    cycles.iter().map(group).collect()
}

/// The last beat of slot 0 of [`small_job`] on one set: READS, MATRIX, OFFSETS, TILE and three banks come before.
const SLOT: u64 = 10 + 10 + 2 + 5 + (3 + 2 + 2) - 1;

#[test]
fn one_set_two_groups_by_hand() {
    let config = Config::preset("tiny").unwrap();
    let job = small_job(&config, 2, 1, 1);
    // Slot 0 is visible two cycles after its last beat and granted at once, 12 steps, 8 cycles to the first item.
    let first = SLOT + 2 + 12 + 8;
    // Slot 1 follows 10 beats of weights and 7 of its own.
    let list = SLOT + 17 + 2 + 12 + 8;
    // RUN from the third cycle after the tile's last beat.
    let run = SLOT - 7 + 3;
    for (cycles, second) in [([1, 5], list), ([36, 36], first + 36), ([17, 9], list)] {
        let work = [groups(&cycles), vec![]];
        let stats = simulate_reuse(&job, &config, &work).unwrap();
        let last = second + cycles[1] - 1;
        // Request after 5, header, four rows, bank free after 2, trailer after 5.
        assert_eq!(stats.cycles, last + 5 + 1 + 4 + 2 + 5, "{cycles:?}");
        let waited = (first - run) + (second - first - cycles[0]);
        assert_eq!(stats.stall_detect, waited, "{cycles:?}");
        assert_eq!(stats.detect_busy, 24);
        assert_eq!((stats.compute_busy, stats.mnu), (cycles[0] + cycles[1], 8));
        assert_eq!(
            stats.stall_features + stats.stall_weights + stats.stall_bank,
            0
        );
    }
}

#[test]
fn redetection_and_a_full_list_ring_by_hand() {
    let config = Config::preset("tiny").unwrap();
    // One group, two passes of one set; 36 cycles each.
    let mut job = small_job(&config, 1, 3, 1);
    let first = SLOT + 2 + 12 + 8;
    let run = SLOT - 7 + 3;
    let mut stall = |redetect, slots| {
        (job.regs.redetect, job.regs.list_slots) = (redetect, slots);
        let work = [groups(&[36]), vec![]];
        let stats = simulate_reuse(&job, &config, &work).unwrap();
        assert_eq!(stats.mnu, if redetect { 8 } else { 4 });
        stats.stall_detect
    };
    // The list stays; it is detected again while the first one is in use; it has to be given back first.
    assert_eq!(stall(false, 1), first - run);
    assert_eq!(stall(true, 2), first - run);
    assert_eq!(stall(true, 1), first - run + 12 + 8);
}

#[test]
fn a_shared_detector_by_hand() {
    // Two sets want the same group at the same time: the second one is served 13 cycles later.
    let shared = Config::preset("tiny").unwrap();
    let own = Config {
        detectors: 2,
        ..shared.clone()
    };
    let job = small_job(&own, 1, 3, 2);
    let work = [groups(&[36]), groups(&[36])];
    let stall = |config| simulate_reuse(&job, config, &work).unwrap().stall_detect;
    assert_eq!(stall(&shared), stall(&own) + 13);
}

#[test]
fn work_must_be_that_of_the_job() {
    let config = Config::preset("tiny").unwrap();
    let job = small_job(&config, 2, 1, 1);
    assert!(simulate(&job, &config).is_err());
    for work in [
        vec![],
        vec![groups(&[1]), vec![]],
        vec![groups(&[1, 0]), vec![]],
    ] {
        assert!(simulate_reuse(&job, &config, &work).is_err());
    }
}

#[test]
fn one_set_is_never_faster_than_its_bounds_and_monotone() {
    let config = Config {
        sets: 1,
        detectors: 1,
        ..Config::preset("small").unwrap()
    };
    for seed in 0..150 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        for job in random_case(&config, seed).unwrap().plan.jobs {
            let job = detected(job, &config, &mut rng);
            let work = random_work(&job, &config, &mut rng);
            let stats = simulate_reuse(&job, &config, &work).unwrap();
            let bound = bound(&job, &work[0]);
            assert!(
                stats.cycles >= bound,
                "seed {seed}: {} below {bound}",
                stats.cycles
            );
            let mut more = work.clone();
            let group = rng.random_range(0..more[0].len());
            more[0][group].cycles += rng.random_range(1..200);
            let slower = simulate_reuse(&job, &config, &more).unwrap().cycles;
            assert!(
                slower >= stats.cycles,
                "seed {seed}: {slower} for {}",
                stats.cycles
            );
        }
    }
}

/// First pass of each tile: D_0 + Σ max(C_g, D_{g+1}) if at most one list is detected while another one is used, which two list
/// slots make sure of; with more slots detection runs ahead: D_0 + Σ C_g and Σ D_g. Later passes: Σ C_g.
fn bound(job: &Job, work: &[GroupWork]) -> u64 {
    let regs = &job.regs;
    let steps: Vec<usize> = regs.groups().map(|(g, c)| regs.group_steps(g, c)).collect();
    let mut tiles = job.segments.iter().filter_map(|s| match s.payload {
        Payload::Tile(tile) => Some(tile),
        _ => None,
    });
    let first = tiles.next().unwrap();
    let all = std::iter::once(first).chain(tiles);
    let mut total = steps[0] as u64 * first.positions() as u64;
    for (tile, work) in all.zip(work.chunks(regs.group_count())) {
        let detect = |g: usize| (tile.positions() * steps[g]) as u64;
        let compute = |g: usize| {
            let behind = g + 1 < work.len() && regs.list_slots <= 2;
            work[g].cycles.max(if behind { detect(g + 1) } else { 0 })
        };
        total += (0..work.len()).map(compute).sum::<u64>();
        let pass: u64 = work.iter().map(|w| w.cycles).sum();
        total += pass * (tile.passes as u64 - 1);
    }
    total
}
