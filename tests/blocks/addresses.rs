//! The loop nest and the addresses that follow it.

use crate::{rng, set, sim, tiny};
use mercury::blocks::loop_nest::LoopNest;
use mercury::blocks::lowest_bit::LowestBit;
use mercury::blocks::patch_agu::PatchAgu;
use mercury::config::Config;
use mercury::hdl::Sim;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Levels of the nest, outermost first; an element is one index of each.
const LEVELS: usize = 9;
const PASS: usize = 0;
const CGROUP: usize = 1;
const CHUNK: usize = 2;
const IMG: usize = 3;
const Y: usize = 4;
const X: usize = 5;
const C: usize = 6;
const KR: usize = 7;
const KC: usize = 8;

/// Limits of a tile's loops.
#[derive(Debug)]
struct Limits {
    passes: usize,
    cgroups: usize,
    chunks: usize,
    images: usize,
    rows: usize,
    cols: usize,
    cg: usize,
    cg_last: usize,
    kr: usize,
    kr_last: usize,
    kw: usize,
}

impl Limits {
    fn random(rng: &mut ChaCha8Rng) -> Limits {
        let mut count = || [1, 1, 1, 2, 2, 3, 4][rng.random_range(0..7)];
        Limits {
            passes: count(),
            cgroups: count(),
            chunks: count(),
            images: count(),
            rows: count(),
            cols: count(),
            cg: count(),
            cg_last: count(),
            kr: count(),
            kr_last: count(),
            kw: count(),
        }
    }

    /// All elements of a tile in order.
    fn elements(&self) -> Vec<[usize; LEVELS]> {
        let mut elements = Vec::new();
        for pass in 0..self.passes {
            for cgroup in 0..self.cgroups {
                let channels = [self.cg, self.cg_last][usize::from(cgroup + 1 == self.cgroups)];
                for chunk in 0..self.chunks {
                    let kernel_rows =
                        [self.kr, self.kr_last][usize::from(chunk + 1 == self.chunks)];
                    for img in 0..self.images {
                        for y in 0..self.rows {
                            for x in 0..self.cols {
                                for c in 0..channels {
                                    for kr in 0..kernel_rows {
                                        for kc in 0..self.kw {
                                            elements
                                                .push([pass, cgroup, chunk, img, y, x, c, kr, kc]);
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        elements
    }
}

/// Whether `level` or one outside of it steps between element `i` and its successor.
fn steps(elements: &[[usize; LEVELS]], i: usize, level: usize) -> bool {
    elements
        .get(i + 1)
        .is_none_or(|next| next[..=level] != elements[i][..=level])
}

/// The place of element `i` since level `level` last began anew: how many elements share its outer indices.
fn since(elements: &[[usize; LEVELS]], i: usize, level: usize) -> usize {
    let outer = &elements[i][..=level];
    elements[..i]
        .iter()
        .rev()
        .take_while(|e| &e[..=level] == outer)
        .count()
}

fn set_limits(sim: &mut Sim<LoopNest>, limits: &Limits) {
    set(&mut sim.counts.cg, limits.cg as i128);
    set(&mut sim.counts.cg_last, limits.cg_last as i128);
    set(&mut sim.counts.kr, limits.kr as i128);
    set(&mut sim.counts.kr_last, limits.kr_last as i128);
    set(&mut sim.counts.kw, limits.kw as i128);
    set(&mut sim.counts.chunks, limits.chunks as i128);
    set(&mut sim.counts.cgroups, limits.cgroups as i128);
    set(&mut sim.images, limits.images as i128);
    set(&mut sim.new_images, limits.images as i128);
    set(&mut sim.rows, limits.rows as i128);
    set(&mut sim.new_rows, limits.rows as i128);
    set(&mut sim.cols, limits.cols as i128);
    set(&mut sim.new_cols, limits.cols as i128);
    set(&mut sim.passes, limits.passes as i128);
    set(&mut sim.new_passes, limits.passes as i128);
}

/// From the kernel column to the chunk, the level whose count goes up after the element.
fn level_that_counts(elements: &[[usize; LEVELS]], i: usize) -> [bool; 7] {
    let Some(next) = elements.get(i + 1) else {
        return [false; 7];
    };
    let outermost = (0..LEVELS).find(|&level| elements[i][level] != next[level]);
    std::array::from_fn(|inner| outermost == Some(LEVELS - 1 - inner))
}

fn check_element(sim: &Sim<LoopNest>, limits: &Limits, elements: &[[usize; LEVELS]], i: usize) {
    let element = elements[i];
    let seen = [
        sim.step_kr.val(),
        sim.step_c.val(),
        sim.step_x.val(),
        sim.step_y.val(),
        sim.step_img.val(),
        sim.step_chunk.val(),
        sim.step_cgroup.val(),
        sim.step_pass.val(),
        sim.step_tile.val(),
    ];
    for (inner, seen) in seen.iter().take(LEVELS - 1).enumerate() {
        assert_eq!(
            *seen,
            steps(elements, i, KR - inner),
            "step {inner} of {element:?}"
        );
    }
    assert_eq!(seen[LEVELS - 1], i + 1 == elements.len(), "step_tile");

    let counts = [
        sim.counts_kc.val(),
        sim.counts_kr.val(),
        sim.counts_c.val(),
        sim.counts_x.val(),
        sim.counts_y.val(),
        sim.counts_img.val(),
        sim.counts_chunk.val(),
    ];
    assert_eq!(counts, level_that_counts(elements, i), "{element:?}");

    let k = since(elements, i, X);
    let in_group = since(elements, i, CHUNK);
    assert_eq!(sim.k_index.val(), k);
    let position = (element[IMG] * limits.rows + element[Y]) * limits.cols + element[X];
    assert_eq!(sim.position.val(), position);
    assert_eq!(sim.pass.val(), element[PASS]);
    assert_eq!(sim.vector_first.val(), k == 0);
    assert_eq!(sim.group_first.val(), in_group == 0);
    let first_group = element[CGROUP] == 0 && element[CHUNK] == 0;
    assert_eq!(sim.in_first_group.val(), first_group);
    assert_eq!(sim.in_last_pass.val(), element[PASS] + 1 == limits.passes);
}

#[test]
fn loop_nest_walks_the_nest() {
    for seed in 0..40 {
        let mut rng = rng(seed);
        let mut sim = sim(LoopNest::new());
        // Two tiles one after the other; a tile that is left in the middle must not disturb the next one.
        for _ in 0..2 {
            let limits = Limits::random(&mut rng);
            println!("seed {seed}: {limits:?}");
            set_limits(&mut sim, &limits);
            let elements = limits.elements();
            // Constants of the job are known two cycles before a tile.
            sim.clock();
            sim.clock();
            sim.load.next = true;
            sim.clock();
            sim.load.next = false;
            let end = rng.random_range(1..=elements.len());
            for i in 0..end.min(3000) {
                check_element(&sim, &limits, &elements, i);
                if rng.random_ratio(1, 4) {
                    sim.advance.next = false;
                    sim.clock();
                    check_element(&sim, &limits, &elements, i);
                }
                sim.advance.next = true;
                sim.clock();
                sim.advance.next = false;
            }
        }
    }
}

/// Increments of the levels, and where the tile lies.
#[derive(Debug)]
struct Steps {
    kr_addr: i16,
    c_addr: i16,
    y_addr: i16,
    img_addr: i16,
    chunk_addr: i16,
    wrap_addr: i16,
    kc_step: i16,
    x_step: i16,
    kr_row: i16,
    y_row: i16,
    chunk_row: i16,
    kr_bank: i64,
    c_bank: i64,
    y_bank: i64,
    chunk_bank: i64,
    start_bank: i64,
    start_row: i16,
    start_col: i16,
    in_rows: i16,
    in_cols: i16,
}

impl Steps {
    fn random(rng: &mut ChaCha8Rng, banks: i64) -> Steps {
        let mut bank = || rng.random_range(0..banks);
        let [kr_bank, c_bank, y_bank, chunk_bank, start_bank] = std::array::from_fn(|_| bank());
        let mut near = || rng.random_range(-3..=3);
        let [
            kc_step,
            x_step,
            kr_row,
            y_row,
            chunk_row,
            start_row,
            start_col,
        ] = std::array::from_fn(|_| near());
        Steps {
            kr_addr: rng.random(),
            c_addr: rng.random(),
            y_addr: rng.random(),
            img_addr: rng.random(),
            chunk_addr: rng.random(),
            wrap_addr: rng.random(),
            kc_step,
            x_step,
            kr_row,
            y_row,
            chunk_row,
            kr_bank,
            c_bank,
            y_bank,
            chunk_bank,
            start_bank,
            start_row,
            start_col,
            in_rows: rng.random_range(1..12),
            in_cols: rng.random_range(1..12),
        }
    }

    fn drive(&self, sim: &mut Sim<PatchAgu>) {
        set(&mut sim.steps.kr_addr, self.kr_addr);
        set(&mut sim.steps.c_addr, self.c_addr);
        set(&mut sim.steps.y_addr, self.y_addr);
        set(&mut sim.steps.img_addr, self.img_addr);
        set(&mut sim.steps.chunk_addr, self.chunk_addr);
        set(&mut sim.steps.wrap_addr, self.wrap_addr);
        set(&mut sim.steps.kc_step, self.kc_step);
        set(&mut sim.steps.x_step, self.x_step);
        set(&mut sim.steps.kr_row, self.kr_row);
        set(&mut sim.steps.y_row, self.y_row);
        set(&mut sim.steps.chunk_row, self.chunk_row);
        set(&mut sim.steps.kr_bank, self.kr_bank);
        set(&mut sim.steps.c_bank, self.c_bank);
        set(&mut sim.steps.y_bank, self.y_bank);
        set(&mut sim.steps.chunk_bank, self.chunk_bank);
        set(&mut sim.start_bank, self.start_bank);
        set(&mut sim.start_row, self.start_row);
        set(&mut sim.start_col, self.start_col);
        set(&mut sim.in_rows, self.in_rows);
        set(&mut sim.in_cols, self.in_cols);
    }

    /// Bank, word address and whether it is inside, by the closed formula.
    fn place(&self, banks: i64, start_addr: i64, element: &[usize; LEVELS]) -> (i64, i64, bool) {
        let at = |level: usize| element[level] as i64;
        let bank_sum = self.start_bank
            + at(CHUNK) * self.chunk_bank
            + at(Y) * self.y_bank
            + at(C) * self.c_bank
            + at(KR) * self.kr_bank;
        let addr = start_addr
            + at(CHUNK) * i64::from(self.chunk_addr)
            + at(IMG) * i64::from(self.img_addr)
            + at(Y) * i64::from(self.y_addr)
            + at(X) * i64::from(self.x_step)
            + at(C) * i64::from(self.c_addr)
            + at(KR) * i64::from(self.kr_addr)
            + at(KC) * i64::from(self.kc_step)
            + bank_sum / banks * i64::from(self.wrap_addr);
        let row = i64::from(self.start_row)
            + at(CHUNK) * i64::from(self.chunk_row)
            + at(Y) * i64::from(self.y_row)
            + at(KR) * i64::from(self.kr_row);
        let col = i64::from(self.start_col)
            + at(X) * i64::from(self.x_step)
            + at(KC) * i64::from(self.kc_step);
        let inside = (0..i64::from(self.in_rows)).contains(&row)
            && (0..i64::from(self.in_cols)).contains(&col);
        (bank_sum % banks, addr.rem_euclid(1 << 16), inside)
    }
}

#[test]
fn patch_agu_follows_the_formula() {
    let mut inside = [0; 2];
    for seed in 0..40 {
        let mut rng = rng(seed);
        let banks = [1, 2, 3, 5, 15][seed as usize % 5];
        let config = Config { l: banks, ..tiny() };
        let mut sim = sim(PatchAgu::new(&config));
        let limits = Limits::random(&mut rng);
        let steps_of = Steps::random(&mut rng, banks as i64);
        println!("seed {seed}: {limits:?} {steps_of:?}");
        steps_of.drive(&mut sim);
        let elements = limits.elements();
        // The slot, and with it the start address, changes with the channel group.
        let mut start_addr: u16 = rng.random();
        set(&mut sim.start_addr, start_addr);
        sim.clock();
        sim.load.next = true;
        sim.clock();
        sim.load.next = false;
        for (i, element) in elements.iter().enumerate().take(3000) {
            let (bank, addr, in_image) = steps_of.place(banks as i64, start_addr.into(), element);
            sim.advance.next = false;
            if rng.random_ratio(1, 4) {
                sim.clock();
            }
            assert_eq!(sim.bank.val(), bank, "bank of {element:?}");
            assert_eq!(sim.addr.val(), addr, "address of {element:?}");
            assert_eq!(sim.in_image.val(), in_image, "padding of {element:?}");
            inside[usize::from(in_image)] += 1;
            let counts = level_that_counts(&elements, i);
            sim.counts_kc.next = counts[0];
            sim.counts_kr.next = counts[1];
            sim.counts_c.next = counts[2];
            sim.counts_x.next = counts[3];
            sim.counts_y.next = counts[4];
            sim.counts_img.next = counts[5];
            sim.counts_chunk.next = counts[6];
            sim.step_kr.next = steps(&elements, i, KR);
            sim.step_c.next = steps(&elements, i, C);
            sim.step_x.next = steps(&elements, i, X);
            sim.step_y.next = steps(&elements, i, Y);
            sim.step_img.next = steps(&elements, i, IMG);
            sim.step_chunk.next = steps(&elements, i, CHUNK);
            sim.step_cgroup.next = steps(&elements, i, CGROUP);
            if steps(&elements, i, CGROUP) {
                start_addr = rng.random();
                set(&mut sim.start_addr, start_addr);
            }
            sim.advance.next = true;
            sim.clock();
        }
    }
    assert!(
        inside[0] > 500 && inside[1] > 500,
        "both kinds of elements: {inside:?}"
    );
}

#[test]
fn lowest_bit_is_found() {
    for width in [1, 2, 9, 16, 33, 64] {
        let mut block = sim(LowestBit::new(width));
        let mut rng = rng(width as u64);
        for round in 0..200 {
            // Words of all densities, none and one bit among them.
            let mask = u64::MAX >> (64 - width);
            let word =
                (0..round % 5).fold(mask, |w, _| w & rng.random::<u64>()) * u64::from(round > 0);
            set(&mut block.word, word as i128);
            block.settle();
            let lowest = word & word.wrapping_neg();
            assert_eq!(block.lowest.val().to_u64(), lowest, "{word:x}");
            assert_eq!(block.rest.val().to_u64(), word & !lowest, "{word:x}");
            assert_eq!(block.single.val(), word.count_ones() < 2, "{word:x}");
            let number = if word == 0 { 0 } else { word.trailing_zeros() };
            assert_eq!(block.number.val().to_u64(), u64::from(number), "{word:x}");
        }
    }
}
