//! The decisions about all vectors of one operation.

use super::Record;

/// Hitmap records of a whole operation: for each correlation, convolution group, tile and group of its scope
/// ([`crate::plan::scope()`]), one record a position in raster order.
///
/// ```
/// use mercury::reuse::{Decisions, Record, State};
/// let mut decisions = Decisions::default();
/// decisions.add_correlation([1, 2, 3]);
/// let record = Record { state: State::Mnu, entry: 0, signature: 5 };
/// decisions.map_mut(0, [0, 1, 2]).push(record);
/// assert_eq!(decisions.records(0, [0, 1, 2]), [record]);
/// assert!(decisions.records(0, [0, 0, 0]).is_empty());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decisions {
    /// Convolution groups, tiles and groups of each correlation.
    shapes: Vec<[usize; 3]>,
    /// For each correlation one list a (convolution group, tile, group), groups innermost.
    maps: Vec<Vec<Vec<Record>>>,
}

impl Decisions {
    /// Makes room for the next correlation, of `shape` convolution groups, tiles and groups.
    pub fn add_correlation(&mut self, shape: [usize; 3]) {
        self.shapes.push(shape);
        self.maps.push(vec![vec![]; shape.iter().product()]);
    }

    /// The records of (convolution group, tile, group) `place` of a correlation.
    pub fn records(&self, correlation: usize, place: [usize; 3]) -> &[Record] {
        &self.maps[correlation][self.index(correlation, place)]
    }

    /// [`Decisions::records`], to be filled in.
    pub fn map_mut(&mut self, correlation: usize, place: [usize; 3]) -> &mut Vec<Record> {
        let index = self.index(correlation, place);
        &mut self.maps[correlation][index]
    }

    fn index(&self, correlation: usize, [conv_group, tile, group]: [usize; 3]) -> usize {
        let [_, tiles, groups] = self.shapes[correlation];
        (conv_group * tiles + tile) * groups + group
    }

    /// The first field in which a record differs from that of `other`: its place, and both values.
    pub fn difference(&self, other: &Decisions) -> Option<(String, i128, i128)> {
        let number = |n: usize| n as i128;
        if self.shapes != other.shapes {
            let (own, theirs) = (self.shapes.len(), other.shapes.len());
            let place = "Hitmaps of another operation, correlations";
            return Some((place.into(), number(own), number(theirs)));
        }
        for (correlation, (own, theirs)) in self.maps.iter().zip(&other.maps).enumerate() {
            let [_, tiles, groups] = self.shapes[correlation];
            for (i, (own, theirs)) in own.iter().zip(theirs).enumerate() {
                let (tile, group) = (i / groups % tiles, i % groups);
                let place = format!(
                    "Hitmap of correlation {correlation}, convolution group {}, tile {tile}, group {group}",
                    i / groups / tiles
                );
                if own.len() != theirs.len() {
                    let place = format!("{place}, number of positions");
                    return Some((place, number(own.len()), number(theirs.len())));
                }
                let positions = own.iter().zip(theirs).enumerate();
                let differs = |(i, (own, theirs)): (usize, (&Record, &Record))| {
                    let (field, got, want) = field(own, theirs)?;
                    Some((format!("{place}, position {i}, {field}"), got, want))
                };
                if let Some(found) = positions.into_iter().find_map(differs) {
                    return Some(found);
                }
            }
        }
        None
    }
}

/// The first field in which two records differ.
fn field(a: &Record, b: &Record) -> Option<(&'static str, i128, i128)> {
    let fields = |r: &Record| {
        [
            ("state", i128::from(r.state.code())),
            ("entry", i128::from(r.entry)),
            ("signature", r.signature as i128),
        ]
    };
    let pairs = fields(a).into_iter().zip(fields(b));
    let mut different = pairs.filter(|(a, b)| a != b);
    different.next().map(|((name, a), (_, b))| (name, a, b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reuse::State;

    #[test]
    fn a_difference_has_its_place() {
        let mut a = Decisions::default();
        a.add_correlation([2, 3, 4]);
        let record = Record {
            state: State::Hit,
            entry: 7,
            signature: 9,
        };
        a.map_mut(0, [1, 2, 3]).extend([record; 6]);
        let mut b = a.clone();
        assert_eq!(a.difference(&b), None);
        b.map_mut(0, [1, 2, 3])[5].entry = 8;
        let place =
            "Hitmap of correlation 0, convolution group 1, tile 2, group 3, position 5, entry";
        assert_eq!(a.difference(&b), Some((place.into(), 7, 8)));
        b.map_mut(0, [1, 2, 3]).pop();
        let (place, got, want) = a.difference(&b).unwrap();
        assert!(place.ends_with("group 3, number of positions"), "{place}");
        assert_eq!((got, want), (6, 5));
    }
}
