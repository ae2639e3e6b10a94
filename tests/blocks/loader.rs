//! The loader: what good packets become, and what every illegal one ends with.

use crate::{rng, set, sim, tiny};
use mercury::blocks::loader::Loader;
use mercury::config::Config;
use mercury::hdl::Sim;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;

const TILE: u64 = 1;
const FEATURES: u64 = 2;
const WEIGHTS: u64 = 3;
const OPERAND: u64 = 4;
const READS: u64 = 5;
const MATRIX: u64 = 6;
const OFFSETS: u64 = 7;
const END: u64 = 15;

const BAD_HEADER: u64 = 2;
const STREAM_SHORT: u64 = 3;
const STREAM_LONG: u64 = 4;

/// Rows of two beats: five operands of 16 bits on 64 bits.
const ROW_BEATS: u64 = 2;
const SLOT_BEATS: u64 = 6;

fn config() -> Config {
    Config { pes: 5, ..tiny() }
}

/// Beats of a detector's whole program.
fn program_beats() -> u64 {
    (config().k_max * config().l) as u64
}

/// A segment header.
#[derive(Clone, Copy, Debug)]
struct Segment {
    kind: u64,
    bank: u64,
    slot_end: bool,
    count: u64,
    mask: u64,
}

impl Segment {
    fn word(&self) -> u64 {
        self.kind
            | self.bank << 4
            | u64::from(self.slot_end) << 8
            | self.count << 12
            | self.mask << 32
    }

    fn random(rng: &mut ChaCha8Rng, wgrad: bool) -> Segment {
        let mut kind = rng.random_range(TILE..=OFFSETS);
        while kind == OPERAND && !wgrad {
            kind = rng.random_range(TILE..=OFFSETS);
        }
        let features = kind == FEATURES;
        let rows = rng.random_range(1..=4);
        Segment {
            kind,
            bank: if features { rng.random_range(0..3) } else { 0 },
            slot_end: features && rng.random(),
            count: [
                4,
                rng.random_range(1..=SLOT_BEATS),
                rows * ROW_BEATS,
                rows * ROW_BEATS,
                rng.random_range(1..=program_beats()),
                rng.random_range(1..=program_beats()),
                rng.random_range(1..=config().p_max as u64),
            ][kind as usize - 1],
            mask: rng.random_range(1..4),
        }
    }
}

const END_SEGMENT: Segment = Segment {
    kind: END,
    bank: 0,
    slot_end: false,
    count: 0,
    mask: 0,
};

/// What the write stage must show one cycle after a beat is accepted.
#[derive(Debug)]
struct Load {
    segment: Segment,
    number: u64,
    data: u64,
}

fn start(wgrad: bool) -> Sim<Loader> {
    start_with(&config(), wgrad)
}

fn start_with(config: &Config, wgrad: bool) -> Sim<Loader> {
    let mut sim = sim(Loader::new(config));
    sim.wgrad.next = wgrad;
    set(&mut sim.slot_beats, SLOT_BEATS);
    assert!(sim.done.val());
    sim.start.next = true;
    sim.clock();
    sim.start.next = false;
    sim
}

fn selected(sim: &Sim<Loader>) -> u64 {
    u64::from(sim.load_selected[0].val()) | u64::from(sim.load_selected[1].val()) << 1
}

/// Random room for tiles, features, weights, operands and programs, in both sets.
fn random_room(rng: &mut ChaCha8Rng, sim: &mut Sim<Loader>) -> [[bool; 2]; 5] {
    let room: [[bool; 2]; 5] =
        std::array::from_fn(|_| std::array::from_fn(|_| rng.random_ratio(2, 3)));
    let [tile, features, weights, operand, program] = room;
    for (s, room_tile) in tile.into_iter().enumerate() {
        sim.room_tile[s].next = room_tile;
        sim.room_features[s].next = features[s];
        sim.room_weights[s].next = weights[s];
        sim.room_operand[s].next = operand[s];
        sim.room_program[s].next = program[s];
    }
    room
}

fn check_load(sim: &Sim<Loader>, load: &Load) {
    let Load {
        segment,
        number,
        data,
    } = load;
    assert_eq!(selected(sim), segment.mask);
    let kinds = [
        &sim.load_tile,
        &sim.load_features,
        &sim.load_weights,
        &sim.load_operand,
        &sim.load_reads,
        &sim.load_matrix,
        &sim.load_offsets,
    ];
    for (kind, port) in (TILE..).zip(kinds) {
        assert_eq!(port.val(), segment.kind == kind, "kind of {load:?}");
    }
    assert_eq!(sim.load_data.val(), *data);
    assert_eq!(sim.load_last.val(), number + 1 == segment.count);
    let (last, row_last) = (
        number + 1 == segment.count,
        number % ROW_BEATS == ROW_BEATS - 1,
    );
    let completes = [
        (
            &sim.slot_loaded,
            segment.kind == FEATURES && last && segment.slot_end,
        ),
        (&sim.weight_row_written, segment.kind == WEIGHTS && row_last),
        (&sim.weights_loaded, segment.kind == WEIGHTS && last),
        (&sim.operand_loaded, segment.kind == OPERAND && last),
    ];
    for (ports, completes) in completes {
        for (s, port) in ports.iter().enumerate() {
            let expected = completes && segment.mask >> s & 1 == 1;
            assert_eq!(port.val(), expected, "set {s}, {load:?}");
        }
    }
    match segment.kind {
        FEATURES => {
            assert_eq!(sim.load_bank.val(), segment.bank);
            assert_eq!(sim.load_beat.val(), *number);
        }
        WEIGHTS | OPERAND => {
            assert_eq!(sim.load_row.val(), number / ROW_BEATS);
            assert_eq!(sim.load_row_beat.val(), number % ROW_BEATS);
        }
        READS.. => assert_eq!(sim.load_index.val(), *number),
        _ => {}
    }
}

#[test]
fn loader_deals_every_beat() {
    for seed in 0..8 {
        println!("seed {seed}");
        let mut rng = rng(seed);
        let wgrad = seed % 2 == 1;
        let mut sim = start(wgrad);
        // Every beat with what it becomes; headers become nothing.
        let mut beats = VecDeque::new();
        for _ in 0..40 {
            let segment = Segment::random(&mut rng, wgrad);
            beats.push_back((segment.word(), None));
            for number in 0..segment.count {
                let data = rng.random();
                beats.push_back((
                    data,
                    Some(Load {
                        segment,
                        number,
                        data,
                    }),
                ));
            }
        }
        beats.push_back((END_SEGMENT.word(), None));
        let mut shown: Option<Load> = None;
        let mut cycles = 0;
        while let Some((word, load)) = beats.front() {
            let offered = rng.random_ratio(3, 4);
            let room = random_room(&mut rng, &mut sim);
            sim.s_axis_tvalid.next = offered;
            set(&mut sim.s_axis_tdata, *word);
            sim.s_axis_tlast.next = beats.len() == 1;
            sim.settle();
            assert!(!sim.done.val() && !sim.error.val());
            let ready = load.as_ref().is_none_or(|l| {
                (0..2).all(|s| {
                    l.segment.mask >> s & 1 == 0 || room[l.segment.kind.min(READS) as usize - 1][s]
                })
            });
            assert_eq!(sim.s_axis_tready.val(), ready);
            assert_eq!(sim.accepted.val(), ready && offered);
            assert_eq!(sim.waits_for_host.val(), ready && !offered);
            for s in 0..2 {
                let row_done = load.as_ref().is_some_and(|l| {
                    l.segment.kind == WEIGHTS
                        && l.number % ROW_BEATS == ROW_BEATS - 1
                        && l.segment.mask >> s & 1 != 0
                });
                assert_eq!(
                    sim.weight_row_accepted[s].val(),
                    ready && offered && row_done
                );
            }
            match shown.take() {
                Some(load) => check_load(&sim, &load),
                None => assert_eq!(selected(&sim), 0),
            }
            if ready && offered {
                shown = beats.pop_front().and_then(|(_, load)| load);
            }
            sim.clock();
            cycles += 1;
            assert!(cycles < 20_000, "the packet does not get through");
        }
        assert!(sim.done.val() && !sim.s_axis_tready.val());
    }
}

/// Sends beats with all the room there is; the number of the beat at which each error came, with its code.
fn errors(sim: &mut Sim<Loader>, beats: &[(u64, bool)]) -> Vec<(usize, u64)> {
    for s in 0..2 {
        sim.room_tile[s].next = true;
        sim.room_features[s].next = true;
        sim.room_weights[s].next = true;
        sim.room_operand[s].next = true;
        sim.room_program[s].next = true;
    }
    let mut found = Vec::new();
    sim.s_axis_tvalid.next = true;
    for (i, (word, last)) in beats.iter().enumerate() {
        set(&mut sim.s_axis_tdata, *word);
        sim.s_axis_tlast.next = *last;
        sim.settle();
        assert!(
            sim.s_axis_tready.val(),
            "beat {i} of {} is not taken",
            beats.len()
        );
        if sim.error.val() {
            found.push((i, sim.error_code.val().to_u64()));
        }
        sim.clock();
        // A beat with an error, or after one, is never written.
        assert!(
            found.is_empty() || selected(sim) == 0,
            "beat {i} is written"
        );
    }
    sim.s_axis_tvalid.next = false;
    sim.settle();
    assert!(!sim.error.val());
    found
}

/// A packet whose beat `at` is illegal: the code comes there, once; the rest up to TLAST is dropped.
fn refused(name: &str, wgrad: bool, beats: &[(u64, bool)], at: usize, code: u64) {
    refused_by(start(wgrad), name, beats, at, code);
}

fn refused_by(mut sim: Sim<Loader>, name: &str, beats: &[(u64, bool)], at: usize, code: u64) {
    assert_eq!(errors(&mut sim, beats), [(at, code)], "{name}");
    assert!(sim.done.val(), "{name}: done after TLAST");
    // The next job is not disturbed.
    sim.start.next = true;
    sim.clock();
    sim.start.next = false;
    assert_eq!(
        errors(&mut sim, &[(END_SEGMENT.word(), true)]),
        [],
        "{name}: afterwards"
    );
    assert!(sim.done.val());
}

/// A good segment, then one with this header, then beats up to TLAST.
fn refused_header(name: &str, wgrad: bool, segment: Segment) {
    refused_header_by(start(wgrad), name, segment);
}

fn refused_header_by(sim: Sim<Loader>, name: &str, segment: Segment) {
    let mut beats = vec![
        (FEATURES | 1 << 12 | 1 << 32, false),
        (7, false),
        (segment.word(), false),
    ];
    // What is dropped may look like anything.
    beats.extend([(END, false), (FEATURES, false), (END_SEGMENT.word(), true)]);
    refused_by(sim, name, &beats, 2, BAD_HEADER);
}

#[test]
fn loader_reports_every_error() {
    let good = Segment {
        kind: FEATURES,
        bank: 2,
        slot_end: true,
        count: SLOT_BEATS,
        mask: 3,
    };
    for kind in [0, 8, 9, 10, 11, 12, 13, 14] {
        refused_header("unknown kind", false, Segment { kind, ..good });
    }
    refused_header("no set", false, Segment { mask: 0, ..good });
    for s in 2..32 {
        refused_header(
            "a set that is not there",
            false,
            Segment {
                mask: 1 | 1 << s,
                ..good
            },
        );
    }
    for bank in 3..16 {
        refused_header("a bank that is not there", false, Segment { bank, ..good });
    }
    refused_header("no beats", false, Segment { count: 0, ..good });
    for count in [SLOT_BEATS + 1, (1 << 20) - 1] {
        refused_header(
            "more beats than a slot has",
            false,
            Segment { count, ..good },
        );
    }
    let too_many = [program_beats(), program_beats(), config().p_max as u64];
    for (kind, most) in [READS, MATRIX, OFFSETS].into_iter().zip(too_many) {
        let count = most + 1;
        refused_header(
            "a program too long",
            false,
            Segment {
                kind,
                count,
                ..good
            },
        );
        let dense = Config {
            reuse: false,
            ..config()
        };
        let sim = start_with(&dense, false);
        refused_header_by(
            sim,
            "no reuse",
            Segment {
                kind,
                count: 1,
                ..good
            },
        );
    }
    for count in [1, 3, 5] {
        refused_header(
            "not a tile",
            false,
            Segment {
                kind: TILE,
                bank: 0,
                slot_end: false,
                count,
                mask: 1,
            },
        );
    }
    let operand = Segment {
        kind: OPERAND,
        bank: 0,
        slot_end: false,
        count: ROW_BEATS,
        mask: 1,
    };
    refused_header("an operand in a forward job", false, operand);
    let too_long = Segment {
        count: 16 * ROW_BEATS + 2,
        ..operand
    };
    refused_header("more rows than a tile", true, too_long);

    for (kind, wgrad) in [(WEIGHTS, false), (OPERAND, true)] {
        let segment = Segment {
            kind,
            count: 3,
            ..operand
        };
        let beats = [segment.word(), 1, 2, 3, 4, 5].map(|word| (word, word == 5));
        refused("a part of a row", wgrad, &beats, 3, BAD_HEADER);
    }

    refused(
        "TLAST on a header",
        false,
        &[(good.word(), true)],
        0,
        STREAM_SHORT,
    );
    for last in 1..=SLOT_BEATS {
        let words = std::iter::once(good.word()).chain(1..=last);
        let beats: Vec<_> = words.zip(0..).map(|(word, i)| (word, i == last)).collect();
        refused(
            "TLAST on payload",
            false,
            &beats,
            last as usize,
            STREAM_SHORT,
        );
    }
    let beats = [(END_SEGMENT.word(), false), (good.word(), false), (0, true)];
    refused("END without TLAST", false, &beats, 0, STREAM_LONG);
}

#[test]
fn loader_drops_a_packet_when_told_to() {
    let good = Segment {
        kind: FEATURES,
        bank: 0,
        slot_end: true,
        count: 4,
        mask: 1,
    };
    let begin = [(good.word(), false), (1, false)];
    let mut sim = start(false);
    assert_eq!(errors(&mut sim, &begin), []);
    sim.flush.next = true;
    sim.clock();
    sim.flush.next = false;
    assert!(!sim.done.val());
    // Whatever it looks like, nothing is an error any more.
    assert_eq!(
        errors(&mut sim, &[(2, false), (0, false), (END, false), (9, true)]),
        []
    );
    assert!(sim.done.val());

    let mut sim = start(false);
    assert_eq!(errors(&mut sim, &begin), []);
    sim.abort_job.next = true;
    sim.clock();
    sim.abort_job.next = false;
    sim.settle();
    assert!(sim.done.val() && !sim.s_axis_tready.val());
}
