//! Blocks in native simulation, against a plain formulation of what they are for.

use crate::config;
use mercury::blocks::crew::adder_tree::AdderTree;
use mercury::blocks::crew::dense_array::DenseArray;
use mercury::blocks::crew::drain::Drain;
use mercury::blocks::crew::pe::CrewPe;
use mercury::blocks::crew::sums::Sums;
use mercury::blocks::crew::unpacker::Unpacker;
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

#[test]
fn adder_tree_adds() {
    let mut rng = rng();
    for leaves in [8, 6, 5] {
        let mut tree = sim(AdderTree::new(leaves, 16));
        for _ in 0..20 {
            let values: Vec<i16> = (0..leaves).map(|_| rng.random()).collect();
            for (leaf, &x) in tree.leaf.iter_mut().zip(&values) {
                set(leaf, x.into());
            }
            (0..3).for_each(|_| tree.clock());
            assert_eq!(
                tree.sum.val().to_i64(),
                values.iter().map(|&x| i64::from(x)).sum::<i64>()
            );
        }
    }
}

#[test]
fn sums_add_up() {
    let mut rng = rng();
    let mut sums = sim(Sums::new(&config("crew-tiny"), 18));
    let mut want = [0i64; 4];
    let (mut started, mut pending) = ([false; 4], None);
    for _ in 0..300 {
        // The addend belongs to the row of the cycle before.
        let addend = rng.random_range(-100_000..100_000);
        set(&mut sums.addend, addend.into());
        if let Some(row) = pending {
            let row: usize = row;
            want[row] = if started[row] { want[row] } else { 0 } + addend;
            started[row] = true;
        }
        pending = (rng.random_range(0..4) > 0).then(|| rng.random_range(0..4));
        sums.valid.next = pending.is_some();
        let row = pending.unwrap_or(0);
        set(&mut sums.row, row as i128);
        sums.first.next = !started[row];
        sums.clock();
    }
    sums.valid.next = false;
    set(&mut sums.addend, 0);
    if let Some(row) = pending {
        started[row] = true;
    }
    sums.clock();
    sums.reading.next = true;
    sums.read_enable.next = true;
    for (row, want) in want.iter().enumerate().filter(|(row, _)| started[*row]) {
        set(&mut sums.read_row, row as i128);
        sums.clock();
        assert_eq!(
            sums.data.val().to_i64() as u32 as i32,
            *want as i32,
            "row {row}"
        );
    }
}

#[test]
fn drain_sends_rows_then_trailer() {
    let mut rng = rng();
    // Four lanes of 32 bits on 64 bits: two beats a row.
    let mut drain = sim(Drain::new(&config("crew-small")));
    set(&mut drain.rows, 3);
    set(&mut drain.error_code, 0);
    drain.finished.next = true;
    let mut beats = Vec::new();
    let mut addressed: Option<u128> = None;
    for _ in 0..100 {
        drain.m_axis_tready.next = rng.random_range(0..3) > 0;
        // The sums' RAM: the word of the row addressed in the cycle before.
        for (lane, word) in drain.word.iter_mut().enumerate() {
            set(
                word,
                addressed.map_or(0, |row| (row * 16 + lane as u128) as i128),
            );
        }
        drain.settle();
        if drain.m_axis_tvalid.val() && drain.m_axis_tready.val() {
            beats.push((drain.m_axis_tdata.val().to_u128(), drain.m_axis_tlast.val()));
        }
        if drain.enable.val() {
            addressed = Some(drain.row.val().to_u128());
        }
        drain.clock();
        drain.finished.next = false;
    }
    let word = |row: u128, lane: u128| row * 16 + lane;
    let beat = |row: u128, part: u128| word(row, 2 * part) | word(row, 2 * part + 1) << 32;
    let mut want: Vec<_> = (0..3)
        .flat_map(|row| (0..2).map(move |part| (beat(row, part), false)))
        .collect();
    want.push((15, true));
    assert_eq!(beats, want);
}

/// Writes words of sixteen units into a bank.
fn load_units(unpacker: &mut Sim<Unpacker>, bank: bool, words: &[u64]) {
    unpacker.load.next = true;
    unpacker.load_bank.next = bank;
    for (at, &word) in words.iter().enumerate() {
        set(&mut unpacker.load_address, at as i128);
        set(&mut unpacker.load_data, word.into());
        unpacker.clock();
    }
    unpacker.load.next = false;
}

#[test]
fn unpacker_reads_every_width() {
    let mut rng = rng();
    let tiny = config("crew-tiny");
    let mut unpacker = sim(Unpacker::new(&tiny));
    for width in 0..=8usize {
        let bank = width % 2 == 1;
        let rows = tiny.max_rows();
        let words: Vec<u64> = (0..rows / 2).map(|_| rng.random::<u32>().into()).collect();
        load_units(&mut unpacker, bank, &words);
        unpacker.bank.next = bank;
        set(&mut unpacker.width, width as i128);
        let mut seen = Vec::new();
        for row in 0..rows + 2 {
            unpacker.issue.next = row < rows;
            unpacker.first.next = row == 0;
            unpacker.clock();
            // After the edge of the cycle of row r the indices of row r − 1 stand there.
            if row >= 1 {
                seen.push(
                    unpacker
                        .index
                        .iter()
                        .map(|i| i.val().to_i64())
                        .collect::<Vec<_>>(),
                );
            }
        }
        let bit =
            |unit: usize, lane: usize| (words[unit / 16] >> (unit % 16 * 2 + lane) & 1) as i64;
        for (row, seen) in seen.iter().enumerate().take(rows) {
            let want: Vec<i64> = (0..2)
                .map(|lane| (0..width).map(|j| bit(row * width + j, lane) << j).sum())
                .collect();
            assert_eq!(*seen, want, "width {width}, row {row}");
        }
    }
}

#[test]
fn pe_multiplies_uniques_and_looks_up() {
    let tiny = config("crew-tiny");
    let mut pe = sim(CrewPe::new(&tiny));
    // Three unique weights −5, 0, 9, indices of two bits: rows (0, 2), (1, 2); activation 1 is −7.
    let load = |pe: &mut Sim<CrewPe>, address: i128, data: i128| {
        set(&mut pe.load_address, address);
        set(&mut pe.load_data, data);
        pe.clock();
    };
    pe.load_header.next = true;
    load(&mut pe, 0, 2 | 3 << 4);
    pe.load_header.next = false;
    pe.load_x.next = true;
    load(&mut pe, 0, 0xf9 << 8);
    pe.load_x.next = false;
    pe.load_uniques.next = true;
    load(&mut pe, 0, 0x09_00_fb);
    pe.load_uniques.next = false;
    pe.load_indices.next = true;
    // Units of two bits: row 0 bit 0 (0, 0), bit 1 (0, 1); row 1 bit 0 (1, 0), bit 1 (0, 1).
    load(&mut pe, 0, 0b10_01_10_00);
    pe.load_indices.next = false;
    set(&mut pe.control.activation, 1);
    set(&mut pe.control.activation_at, 1);
    for number in 0..3 {
        set(&mut pe.control.number, number);
        pe.settle();
        assert!(pe.multiplies.val());
        assert_eq!(pe.more.val(), number < 2);
        pe.clock();
        set(&mut pe.control.unique_at, number);
        pe.clock();
        pe.clock();
        set(&mut pe.control.write_product, 1);
        set(&mut pe.control.product_at, number);
        pe.clock();
        set(&mut pe.control.write_product, 0);
    }
    let mut products = Vec::new();
    for row in 0..2 {
        set(&mut pe.control.row, 1);
        set(&mut pe.control.first_row, (row == 0).into());
        pe.clock();
        set(&mut pe.control.row, 0);
        pe.clock();
        pe.clock();
        products.push(
            pe.product
                .iter()
                .map(|p| p.val().to_i64())
                .collect::<Vec<_>>(),
        );
    }
    assert_eq!(products, [[35, -63], [0, -63]]);
}

#[test]
fn dense_array_multiplies_a_tile() {
    let tiny = config("dense-fc-tiny");
    let mut array = sim(DenseArray::new(&tiny));
    // x = (3, −2), weights of row 0 (5, −6), of row 1 (7, 8).
    set(&mut array.job.groups, 1);
    set(&mut array.job.batch, 1);
    set(&mut array.job.rows, 1);
    set(&mut array.job.sums, 1);
    set(&mut array.job.x_beats, 1);
    array.load_x.next = true;
    set(&mut array.x_data, 0xfe03);
    array.start.next = true;
    array.clock();
    array.load_x.next = false;
    array.start.next = false;
    array.full.next = true;
    set(&mut array.shadow, 0x08_07_fa_05);
    array.settle();
    assert!(array.issuing.val() && array.take_last.val());
    for _ in 0..3 {
        array.clock();
    }
    let columns: Vec<i64> = array.column.iter().map(|c| c.val().to_i64()).collect();
    assert_eq!(columns, [3 * 5 - 2 * 7, -3 * 6 - 2 * 8]);
}
