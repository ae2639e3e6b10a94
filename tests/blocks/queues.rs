//! Feature buffer and tile queue.

use crate::{rng, set, set_words, sim, tiny};
use mercury::blocks::feature_buffer::FeatureBuffer;
use mercury::blocks::tile_queue::TileQueue;
use mercury::config::Config;
use mercury::hdl::{Sig, Sim};
use rand::RngExt;
use rust_hdl::core::prelude::Out;
use std::collections::VecDeque;

/// What the buffer should hold, word by word.
struct Words(Vec<Vec<i64>>);

impl Words {
    /// Offers a beat of these operands, lane 0 first, and remembers it; it counts from the next cycle on.
    fn write(
        &mut self,
        sim: &mut Sim<FeatureBuffer>,
        config: &Config,
        at: (usize, usize),
        lanes: &[i64],
    ) {
        let (bank, beat) = at;
        let mut words = vec![0u64; config.bus_w / 64];
        for (lane, x) in lanes.iter().enumerate() {
            let bit = lane * config.data_w;
            words[bit / 64] |= ((*x as u64) & ((1 << config.data_w) - 1)) << (bit % 64);
            self.0[bank][beat * lanes.len() + lane] = *x;
        }
        sim.write.next = true;
        set(&mut sim.write_bank, bank as i128);
        set(&mut sim.write_addr, beat as i128);
        set_words(&mut sim.write_data, &words);
    }
}

#[test]
fn feature_buffer_reads_every_word() {
    let sizes = [
        tiny(),
        Config {
            l: 1,
            data_w: 8,
            ..tiny()
        },
        Config {
            l: 5,
            bus_w: 128,
            ..tiny()
        },
    ];
    for (seed, config) in (0..).zip(sizes) {
        println!("seed {seed}: {config:?}");
        let mut rng = rng(seed);
        let mut sim = sim(FeatureBuffer::new(&config));
        let mut words = Words(vec![vec![0; config.feature_words]; config.l]);
        let half = 1i64 << (config.data_w - 1);
        let beat = |rng: &mut rand_chacha::ChaCha8Rng| -> Vec<i64> {
            (0..config.lanes())
                .map(|_| rng.random_range(-half..half))
                .collect()
        };
        for bank in 0..config.l {
            for address in 0..config.bank_depth() {
                let lanes = beat(&mut rng);
                words.write(&mut sim, &config, (bank, address), &lanes);
                sim.clock();
            }
        }
        sim.write.next = false;
        // First every word in order, then at random while beats are written.
        let in_order = (0..config.l).flat_map(|b| (0..config.feature_words).map(move |w| (b, w)));
        let ordered: Vec<_> = in_order.collect();
        let mut expected = VecDeque::new();
        for cycle in 0..ordered.len() + 3000 {
            let (bank, word) = ordered.get(cycle).copied().unwrap_or_else(|| {
                // Few addresses, so that beats just written are read.
                (rng.random_range(0..config.l), rng.random_range(0..16))
            });
            let inside = cycle < ordered.len() || rng.random_ratio(3, 4);
            set(&mut sim.bank, bank as i128);
            set(&mut sim.addr, word as i128);
            sim.in_image.next = inside;
            expected.push_back(if inside { words.0[bank][word] } else { 0 });
            sim.write.next = false;
            if cycle >= ordered.len() && rng.random_ratio(1, 2) {
                let at = (
                    rng.random_range(0..config.l),
                    rng.random_range(0..16 / config.lanes()),
                );
                // The beat that is read is not written.
                if at != (bank, word / config.lanes()) {
                    let lanes = beat(&mut rng);
                    words.write(&mut sim, &config, at, &lanes);
                }
            }
            sim.clock();
            // `x` now belongs to the address of the cycle before this one's.
            if expected.len() == 2 {
                assert_eq!(sim.x.val(), expected.pop_front().unwrap(), "cycle {cycle}");
            }
        }
    }
}

/// A descriptor word as far as a port shows it.
fn low_bits(port: &Sig<Out>, word: u16) -> u64 {
    u64::from(word) & ((1 << port.val().width()) - 1)
}

/// Checks the active descriptor's fields against its 16 words.
fn check_active(sim: &Sim<TileQueue>, words: &[u16; 16]) {
    assert_eq!(sim.images.val(), low_bits(&sim.images, words[0]));
    assert_eq!(sim.rows.val(), low_bits(&sim.rows, words[1]));
    assert_eq!(sim.cols.val(), low_bits(&sim.cols, words[2]));
    assert_eq!(sim.row_start.val(), low_bits(&sim.row_start, words[3]));
    assert_eq!(sim.col_start.val(), low_bits(&sim.col_start, words[4]));
    assert_eq!(sim.in_rows.val(), low_bits(&sim.in_rows, words[5]));
    assert_eq!(sim.in_cols.val(), low_bits(&sim.in_cols, words[6]));
    assert_eq!(sim.start_bank.val(), low_bits(&sim.start_bank, words[7]));
    assert_eq!(sim.start_addr.val(), low_bits(&sim.start_addr, words[8]));
    assert_eq!(sim.passes.val(), low_bits(&sim.passes, words[9]));
    assert_eq!(sim.pes_last.val(), low_bits(&sim.pes_last, words[10]));
    assert_eq!(sim.tag.val(), low_bits(&sim.tag, words[11]));
    assert_eq!(sim.zero.val(), words[12] & 1 != 0);
    assert_eq!(sim.drain.val(), words[12] & 2 != 0);
}

fn check_pending(sim: &Sim<TileQueue>, words: &[u16; 16]) {
    assert_eq!(
        sim.pending_bank.val(),
        low_bits(&sim.pending_bank, words[7])
    );
    assert_eq!(
        sim.pending_addr.val(),
        low_bits(&sim.pending_addr, words[8])
    );
    assert_eq!(sim.pending_row.val(), low_bits(&sim.pending_row, words[3]));
    assert_eq!(sim.pending_col.val(), low_bits(&sim.pending_col, words[4]));
}

#[test]
fn tile_queue_keeps_order() {
    for (seed, bus_w) in (0..).zip([64, 128, 256, 512]) {
        println!("seed {seed}: bus {bus_w}");
        let mut rng = rng(seed);
        let mut sim = sim(TileQueue::new(&Config { bus_w, ..tiny() }));
        let beat_words = (bus_w / 16).min(16);
        // The descriptor being sent and how many of its beats were; the complete one; the one in use.
        let (mut sending, mut sent): ([u16; 16], usize) = (rng.random(), 0);
        let (mut pending, mut active) = (None, None);
        let mut taken = 0;
        for _ in 0..2000 {
            let beats = 16 / beat_words;
            sim.write.next = pending.is_none() && rng.random_ratio(2, 3);
            sim.last.next = sent + 1 == beats;
            let beat = &sending[sent * beat_words..][..beat_words];
            let word = |w: &[u16]| w.iter().rev().fold(0, |all, x| all << 16 | u64::from(*x));
            set_words(&mut sim.data, &beat.chunks(4).map(word).collect::<Vec<_>>());
            sim.take.next = pending.is_some() && rng.random_ratio(1, 3);
            sim.clear.next = rng.random_ratio(1, 50);
            let (write, take, clear) = (sim.write.next, sim.take.next, sim.clear.next);
            sim.clock();
            if take {
                active = pending.take();
                taken += 1;
            }
            if write {
                sent += 1;
                if sent == beats {
                    pending = Some(sending);
                    (sending, sent) = (rng.random(), 0);
                }
            }
            if clear {
                (pending, sent) = (None, 0);
            }
            assert_eq!(sim.pending_valid.val(), pending.is_some());
            if let Some(words) = &pending {
                check_pending(&sim, words);
            }
            if let Some(words) = &active {
                check_active(&sim, words);
            }
        }
        assert!(taken > 100, "{taken} descriptors went through");
    }
}
