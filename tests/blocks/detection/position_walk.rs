//! The places of a tile's positions against nested loops over a picture.

use crate::{rng, set, sim, tiny};
use mercury::blocks::position_walk::PositionWalk;
use mercury::config::Config;
use mercury::hdl::Sim;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// A tile on row banks: row r of the input lies in bank r mod L, line r div L.
struct Tile {
    l: usize,
    counts: [usize; 3],
    start: [i64; 2],
    base: i64,
    stride: i64,
    pitch: i64,
    img_addr: i64,
}

/// Position, bank, word, row, column, first, last.
type Place = (u64, u64, u64, u64, u64, bool, bool);

impl Tile {
    fn random(l: usize, rng: &mut ChaCha8Rng) -> Tile {
        let mut size = |most: usize| match rng.random_range(0..3) {
            0 => 1,
            _ => rng.random_range(1..=most),
        };
        Tile {
            l,
            counts: [size(3), size(5), size(5)],
            start: [rng.random_range(-6..9), rng.random_range(-6..9)],
            base: rng.random_range(0..1 << 16),
            stride: rng.random_range(1..=4),
            pitch: rng.random_range(1..40),
            img_addr: rng.random_range(1..400),
        }
    }

    fn drive(&self, sim: &mut Sim<PositionWalk>) {
        let l = self.l as i64;
        let [images, rows, cols] = self.counts;
        set(&mut sim.images, images as i128);
        set(&mut sim.rows, rows as i128);
        set(&mut sim.cols, cols as i128);
        let [row, col] = self.start;
        set(&mut sim.start_bank, row.rem_euclid(l));
        set(
            &mut sim.start_addr,
            self.base + row.div_euclid(l) * self.pitch + col,
        );
        set(&mut sim.start_row, row);
        set(&mut sim.start_col, col);
        set(&mut sim.x_step, self.stride);
        set(&mut sim.y_addr, self.stride / l * self.pitch);
        set(&mut sim.y_row, self.stride);
        set(&mut sim.y_bank, self.stride % l);
        set(&mut sim.img_addr, self.img_addr);
        set(&mut sim.wrap_addr, self.pitch);
    }

    fn places(&self) -> Vec<Place> {
        let (l, [images, rows, cols]) = (self.l as i64, self.counts);
        let word = |x: i64| x as u64 & 0xffff;
        let mut places = vec![];
        for image in 0..images {
            for y in 0..rows {
                for x in 0..cols {
                    let row = self.start[0] + y as i64 * self.stride;
                    let col = self.start[1] + x as i64 * self.stride;
                    let line = self.base + image as i64 * self.img_addr;
                    let i = places.len();
                    places.push((
                        i as u64,
                        row.rem_euclid(l) as u64,
                        word(line + row.div_euclid(l) * self.pitch + col),
                        word(row),
                        word(col),
                        i == 0,
                        i + 1 == images * rows * cols,
                    ));
                }
            }
        }
        places
    }
}

fn seen(sim: &Sim<PositionWalk>) -> Place {
    (
        sim.position.val().to_u64(),
        sim.bank.val().to_u64(),
        sim.addr.val().to_u64(),
        sim.row.val().to_u64(),
        sim.col.val().to_u64(),
        sim.first.val(),
        sim.last.val(),
    )
}

#[test]
fn position_walk_visits_every_position() {
    let (mut single, mut wraps) = (0, 0);
    for l in [1, 2, 3, 15] {
        let mut rng = rng(l as u64);
        let mut sim = sim(PositionWalk::new(&Config { l, ..tiny() }));
        for tile in 0..120 {
            let tile_of = Tile::random(l, &mut rng);
            tile_of.drive(&mut sim);
            sim.load.next = true;
            // Loading does not ask whether the last walk was at its end.
            sim.advance.next = rng.random();
            sim.clock();
            sim.load.next = false;
            let places = tile_of.places();
            single += usize::from(places.len() == 1);
            wraps += usize::from(places.iter().any(|p| p.1 < places[0].1));
            let leaves = rng.random_range(0..8 * places.len());
            for (i, place) in places.iter().enumerate().take(leaves + 1) {
                for _ in 0..rng.random_range(0..3) {
                    sim.advance.next = false;
                    sim.clock();
                    assert_eq!(seen(&sim), *place, "L = {l}, tile {tile}, waiting at {i}");
                }
                assert_eq!(seen(&sim), *place, "L = {l}, tile {tile}, position {i}");
                sim.advance.next = true;
                sim.clock();
            }
        }
    }
    assert!(
        single > 5 && wraps > 50,
        "{single} single positions, {wraps} wraps"
    );
}
