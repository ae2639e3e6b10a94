//! Blocks in native simulation, against a plain formulation of what they are for.

use crate::{config, wide};
use mercury::blocks::acrtc::column::TcColumn;
use mercury::blocks::acrtc::drain::TcDrain;
use mercury::blocks::acrtc::lane::TcLane;
use mercury::blocks::acrtc::lists::LaneLists;
use mercury::blocks::acrtc::rows::TcRows;
use mercury::hdl::{Sig, Sim, Value};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rust_hdl::core::prelude::{Block, In};

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(7)
}

fn sim<B: Block>(block: B) -> Sim<B> {
    let mut sim = Sim::new(block).expect("the block passes the static checks");
    sim.reset();
    sim
}

fn set(input: &mut Sig<In>, value: i128) {
    let (width, signed) = (input.val().width(), input.val().is_signed());
    input.next = if signed {
        Value::signed(width, value)
    } else {
        Value::unsigned(width, value as u128)
    };
}

/// One lane by itself: three rows with zeros, repeats and a level.
#[test]
fn lists_hold_what_changed() {
    let mut lists = sim(LaneLists::new(&config("acrtc-tiny")));
    set(&mut lists.level, 2);
    // In quarters of 4, halves to even: 2, 0, 0, −2; 2, 0, 1, −2; 0, 8191, 1, −2.
    let rows: [[i128; 4]; 3] = [[8, 1, 2, -8], [6, -2, 5, -10], [0, 32767, 4, -7]];
    let close = |lists: &mut Sim<LaneLists>, bank: i128, delta: bool| {
        (0..3).for_each(|_| lists.clock());
        lists.close.next = true;
        lists.close_delta.next = delta;
        set(&mut lists.close_bank, bank);
        lists.clock();
        lists.close.next = false;
    };
    for (bank, row) in rows.iter().enumerate() {
        set(&mut lists.bank, bank as i128);
        for (step, &element) in row.iter().enumerate() {
            lists.take.next = true;
            set(&mut lists.step, step as i128);
            set(&mut lists.element, element);
            lists.clock();
        }
        lists.take.next = false;
        close(&mut lists, bank as i128, bank > 0);
    }
    let mut read = |bank: i128| {
        let mut items = vec![];
        set(&mut lists.read_bank, bank);
        lists.read_delta.next = bank > 0;
        lists.issue.next = true;
        for item in 0..4 {
            set(&mut lists.item, item);
            lists.clock();
            if lists.working.val() {
                items.push((lists.value_step.val().to_i64(), lists.value.val().to_i64()));
            }
        }
        items
    };
    assert_eq!(read(0), [(0, 2), (3, -2)]);
    assert_eq!(read(1), [(2, 1)]);
    assert_eq!(read(2), [(0, -2), (1, 8191)]);
}

/// Random rows: the lists with fewer items win, differences where they are equal; a difference too large, and the first row.
#[test]
fn rows_take_the_shorter_lists() {
    let mut rng = rng();
    let mut rows = sim(TcRows::new(&config("acrtc-tiny")));
    let mut kinds = [0; 3];
    for i in 0..200 {
        rows.use_delta.next = i % 8 > 0;
        rows.first_row.next = i % 5 == 0;
        let steps = rng.random_range(1..6);
        let (mut plain, mut delta, mut too_large) = (0, 0, false);
        for cycle in 0..steps + 3 {
            rows.take.next = cycle < steps;
            rows.row_begins.next = cycle == 0;
            rows.row_complete.next = cycle == steps - 1;
            // What a slice adds stands three cycles later.
            let slice = cycle >= 3;
            let adds = [slice && rng.random(), slice && rng.random()];
            let overflows = slice && rng.random_ratio(1, 20);
            rows.extends_plain.next = adds[0];
            rows.extends_delta.next = adds[1];
            rows.overflow.next = overflows;
            (plain, delta) = (plain + i64::from(adds[0]), delta + i64::from(adds[1]));
            too_large |= overflows;
            rows.settle();
            assert!(!rows.close.val());
            rows.clock();
        }
        rows.extends_plain.next = false;
        rows.extends_delta.next = false;
        rows.overflow.next = false;
        rows.settle();
        let wanted = i % 8 > 0 && i % 5 != 0;
        let shorter = wanted && !too_large && plain < delta;
        let differences = wanted && !too_large && !shorter;
        assert!(rows.close.val());
        assert_eq!(rows.close_delta.val(), differences);
        assert_eq!(rows.fallback_shorter.val(), shorter);
        assert_eq!(rows.fallback_range.val(), wanted && too_large);
        let length = if differences { delta } else { plain };
        assert_eq!(rows.close_length.val().to_i64(), length);
        for (count, met) in kinds
            .iter_mut()
            .zip([differences, shorter, wanted && too_large])
        {
            *count += u32::from(met);
        }
        rows.clock();
    }
    assert!(kinds.iter().all(|&count| count > 5), "{kinds:?}");
}

#[test]
fn lane_multiplies() {
    let mut lane = sim(TcLane::new(&config("acrtc-tiny")));
    lane.load.next = true;
    for (address, [low, high]) in [[5i16, -6], [-32768, 32767]].into_iter().enumerate() {
        set(&mut lane.load_address, 20 + address as i128);
        let word = u32::from(low as u16) | u32::from(high as u16) << 16;
        set(&mut lane.load_data, word.into());
        lane.clock();
    }
    lane.load.next = false;
    set(&mut lane.base, 18);
    for (value, step, want) in [
        (7, 2, [35, -42]),
        (-32768, 3, [1 << 30, -32768 * 32767]),
        (-3, 2, [-15, 18]),
    ] {
        set(&mut lane.value, value);
        set(&mut lane.value_step, step);
        (0..3).for_each(|_| lane.clock());
        let products: Vec<i64> = lane.product.iter().map(|p| p.val().to_i64()).collect();
        assert_eq!(products, want);
    }
}

#[test]
fn columns_add_to_the_previous_row() {
    for (name, blocks) in [("acrtc-tiny", 4), ("dense-tc-tiny", 1)] {
        let mut rng = rng();
        let mut column = sim(TcColumn::new(&config(name), 33));
        let mut want = [0i64; 4];
        let mut pending: Option<(usize, bool)> = None;
        for i in 0..400 {
            let addend = rng.random_range(-(1i64 << 31)..1 << 31);
            set(&mut column.addend, addend.into());
            let done = pending;
            if let Some((block, first)) = done {
                want[block] = if first { 0 } else { want[block] } + addend;
            }
            pending = (rng.random_range(0..4) > 0).then(|| {
                let block = rng.random_range(0..blocks);
                (block, i < 20 || rng.random_ratio(1, 4))
            });
            let (block, first) = pending.unwrap_or((0, false));
            column.valid.next = pending.is_some();
            column.first.next = first;
            for port in &mut column.block {
                set(port, block as i128);
            }
            column.clock();
            if let Some((block, _)) = done {
                assert_eq!(column.result.val().to_i64(), want[block]);
            }
        }
    }
}

/// Raw results take two beats, the second one with one result; shifted ones a beat each.
#[test]
fn drain_sends_results_then_trailer() {
    for shift_mode in [false, true] {
        let mut rng = rng();
        let mut drain = sim(TcDrain::new(&wide()));
        drain.start.next = true;
        drain.clock();
        drain.start.next = false;
        drain.shift_mode.next = shift_mode;
        set(&mut drain.shift, 4);
        set(&mut drain.error_code, 0);
        let (mut beats, mut want) = (vec![], vec![]);
        let (mut given, mut held) = (0, 0);
        for _ in 0..300 {
            drain.m_axis_tready.next = rng.random_range(0..3) > 0;
            drain.result.next = given < 40 && held < 16 && rng.random();
            drain.result_last.next = given == 39;
            let values = [0; 3].map(|_| rng.random_range(-500_000i64..500_000));
            for (port, &value) in drain.value.iter_mut().zip(&values) {
                set(port, value.into());
            }
            drain.settle();
            if drain.m_axis_tvalid.val() && drain.m_axis_tready.val() {
                beats.push((drain.m_axis_tdata.val().to_u128(), drain.m_axis_tlast.val()));
            }
            if drain.result_left.val() {
                held -= 1;
            }
            if drain.result.val() {
                given += 1;
                held += 1;
                want.extend(expected_beats(values, shift_mode));
            }
            drain.clock();
        }
        want.push((15, true));
        assert_eq!(beats, want);
    }
}

fn expected_beats(values: [i64; 3], shift_mode: bool) -> Vec<(u128, bool)> {
    if shift_mode {
        // A sixteenth, half to even, as a float has it exactly.
        let operand = |v: i64| {
            let rounded = (v as f64 / 16.0).round_ties_even();
            rounded.clamp(-32768.0, 32767.0) as i16 as u16
        };
        let beat = (0..3).fold(0, |beat, c| {
            beat | u128::from(operand(values[c])) << (16 * c)
        });
        return vec![(beat, false)];
    }
    let word = |v: i64| u128::from(v as u64);
    vec![
        (word(values[0]) | word(values[1]) << 64, false),
        (word(values[2]), false),
    ]
}
