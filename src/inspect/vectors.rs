//! The vectors that the detector compares, element by element, and what reuse makes of them.

use ndarray::{Array2, ArrayView4};

use crate::plan::{Correlation, Scope, Tile};
use crate::reuse::{Decisions, Record, State};

/// Every (correlation, convolution group, group) of an operation.
pub fn places(scopes: &[Scope]) -> impl Iterator<Item = [usize; 3]> + '_ {
    scopes.iter().enumerate().flat_map(|(s, scope)| {
        (0..scope.view.groups)
            .flat_map(move |conv| (0..scope.groups()).map(move |group| [s, conv, group]))
    })
}

/// Positions (image, row, column) of a tile in raster order.
pub fn positions(tile: &Tile) -> impl Iterator<Item = [usize; 3]> + '_ {
    let pixels = move || {
        tile.rows
            .range()
            .flat_map(|row| tile.cols.range().map(move |col| [row, col]))
    };
    let images = tile.images.range();
    images.flat_map(move |image| pixels().map(move |[row, col]| [image, row, col]))
}

/// Element (channel, kernel row, kernel column) of the vector at a position; 0 in padding.
fn element(
    view: &Correlation,
    a: &ArrayView4<i16>,
    group: usize,
    [c, kr, kc]: [usize; 3],
    [image, row, col]: [usize; 3],
) -> i16 {
    let (y, x) = (view.rows.input(row, kr), view.cols.input(col, kc));
    let inside = |at: isize, count: usize| (0..count as isize).contains(&at);
    if !inside(y, view.rows.inputs) || !inside(x, view.cols.inputs) {
        return 0;
    }
    a[view.input_index(group, c, image, y as usize, x as usize)]
}

/// The vectors of group `group` of a tile: one row per position, elements by channel, kernel row, kernel column.
pub fn vectors(
    scope: &Scope,
    a: &ArrayView4<i16>,
    conv_group: usize,
    tile: &Tile,
    group: usize,
) -> Array2<i16> {
    let (view, grouping) = (&scope.view, &scope.grouping);
    let channels = grouping.channels(group / grouping.chunks).range();
    let rows = grouping.kernel_rows(group % grouping.chunks).range();
    let taps = channels.flat_map(|c| {
        let rows = rows.clone();
        rows.flat_map(move |kr| (0..view.cols.taps).map(move |kc| [c, kr, kc]))
    });
    let taps: Vec<_> = taps.collect();
    let places: Vec<_> = positions(tile).collect();
    Array2::from_shape_fn((places.len(), taps.len()), |(i, k)| {
        element(view, a, conv_group, taps[k], places[i])
    })
}

/// For each position of one Hitmap the one whose vector is taken for it: the entry's owner on a HIT, else itself.
pub fn sources(records: &[Record]) -> Vec<usize> {
    let mut owner = std::collections::HashMap::new();
    let source = |(i, record): (usize, &Record)| match record.state {
        State::Hit => owner.get(&record.entry).copied().unwrap_or(i),
        State::Mau => {
            owner.insert(record.entry, i);
            i
        }
        State::Zero | State::Mnu => i,
    };
    records.iter().enumerate().map(source).collect()
}

/// Sums of squares over vectors: of the difference x̂ − x, and of x.
#[derive(Clone, Copy, Debug, Default)]
pub struct Squares {
    /// Of x̂ − x.
    pub error: f64,
    /// Of x.
    pub signal: f64,
    /// Elements.
    pub count: u64,
}

impl Squares {
    /// All vectors of an operation on operand `a`.
    pub fn of(scopes: &[Scope], decisions: &Decisions, a: &ArrayView4<i16>) -> Squares {
        let mut sum = Squares::default();
        for [correlation, conv_group, group] in places(scopes) {
            let scope = &scopes[correlation];
            for (number, tile) in scope.tiles.iter().enumerate() {
                let records = decisions.records(correlation, [conv_group, number, group]);
                sum.add(&vectors(scope, a, conv_group, tile, group), records);
            }
        }
        sum
    }

    /// Norm of x̂ − x by norm of x; 0 if x is zero.
    pub fn relative(self) -> f64 {
        if self.signal > 0.0 {
            (self.error / self.signal).sqrt()
        } else {
            0.0
        }
    }

    /// Adds one group of one tile.
    pub fn add(&mut self, x: &Array2<i16>, records: &[Record]) {
        for (i, source) in sources(records).into_iter().enumerate() {
            for (&own, &taken) in x.row(i).iter().zip(x.row(source)) {
                let (own, taken) = (f64::from(own), f64::from(taken));
                self.error += (taken - own).powi(2);
                self.signal += own.powi(2);
            }
        }
        self.count += x.len() as u64;
    }

    /// Both sums added up.
    pub fn plus(self, other: Squares) -> Squares {
        Squares {
            error: self.error + other.error,
            signal: self.signal + other.signal,
            count: self.count + other.count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn record(state: State, entry: u16) -> Record {
        Record {
            state,
            entry,
            signature: 0,
        }
    }

    #[test]
    fn a_hit_takes_the_vector_of_its_entry() {
        let records = [
            record(State::Mau, 7),
            record(State::Zero, 0),
            record(State::Mau, 0),
            record(State::Hit, 7),
            record(State::Mnu, 0),
            record(State::Hit, 0),
        ];
        assert_eq!(sources(&records), [0, 1, 2, 0, 4, 2]);
        let x = array![[3, 4], [0, 0], [1, 1], [3, 1], [9, 9], [2, 1]];
        let mut squares = Squares::default();
        squares.add(&x, &records);
        // Position 3 is 3 off in one element, position 5 is 1 off.
        assert_eq!((squares.error, squares.count), (10.0, 12));
        assert_eq!(squares.signal, 25.0 + 2.0 + 10.0 + 162.0 + 5.0);
    }
}
