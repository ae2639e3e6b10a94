//! Hitmap records of a job: where each belongs, and their comparison.

use std::fmt;

use super::compare::Difference;
use crate::plan::{Job, Scope};
use crate::reuse::{Decisions, Record};

/// Which vector a record of a set is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// PE set.
    pub set: usize,
    /// Index in [`Job::tiles`].
    pub tile: usize,
    /// Pass in which it was detected; 0 when one detection serves all passes.
    pub pass: usize,
    /// Channel group.
    pub cgroup: u32,
    /// Chunk of kernel rows.
    pub chunk: u32,
    /// Position i of the tile.
    pub position: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place {
            set,
            tile,
            pass,
            cgroup,
            chunk,
            position,
        } = self;
        write!(
            f,
            "set {set}, tile {tile} of the job, pass {pass}, channel group {cgroup}, chunk {chunk}, position {position}"
        )
    }
}

/// Every vector that the detectors look at for one set, in their order.
pub fn places(job: &Job, set: usize) -> impl Iterator<Item = Place> + '_ {
    let (regs, tiles) = (&job.regs, job.tiles.iter().enumerate());
    let mine = tiles.filter(move |(_, t)| t.set == set && regs.reuse != 0);
    mine.flat_map(move |(tile, source)| {
        let passes = if regs.redetect { source.blocks.len } else { 1 };
        let groups = (0..passes).flat_map(move |pass| {
            (0..regs.cgroups).flat_map(move |g| (0..regs.chunks).map(move |c| (pass, g, c)))
        });
        groups.flat_map(move |(pass, cgroup, chunk)| {
            (0..source.tile.positions()).map(move |position| Place {
                set,
                tile,
                pass,
                cgroup,
                chunk,
                position,
            })
        })
    })
}

/// Compares the records of every set.
///
/// # Errors
/// The first record that differs, is missing or is one too many, with its place and both values.
pub fn compare(
    job: &Job,
    sets: usize,
    device: &[Vec<Record>],
    expected: &[Vec<Record>],
) -> Result<(), Difference> {
    for set in 0..sets {
        let of = |records: &[Vec<Record>]| records.get(set).cloned().unwrap_or_default();
        let (device, expected) = (of(device), of(expected));
        let mut places = places(job, set);
        for i in 0..device.len().max(expected.len()) {
            let (found, wanted) = (device.get(i), expected.get(i));
            let place = places.next();
            if found == wanted && place.is_some() {
                continue;
            }
            let show = |record: Option<&Record>| record.map_or("no record".into(), describe);
            let at = place.map_or(format!("set {set}, after its last vector"), |p| {
                p.to_string()
            });
            return Err(Difference::general(format!(
                "Hitmap at {at}: device {}, expected {}",
                show(found),
                show(wanted)
            )));
        }
        if let Some(place) = places.next() {
            let text = format!("Hitmap at {place}: neither device nor expectation has a record");
            return Err(Difference::general(text));
        }
    }
    Ok(())
}

/// Sorts the records of a job's sets into the decisions of the operation; `scope` is number `number` of its scopes.
///
/// A vector may be detected several times, for several passes, sets or filter blocks: always alike.
///
/// # Errors
/// A record that is missing, one too many, or unlike that of an earlier detection, with its place.
pub fn collect(
    job: &Job,
    (number, scope): (usize, &Scope),
    records: &[Vec<Record>],
    decisions: &mut Decisions,
) -> anyhow::Result<()> {
    let located = job.tiles.iter().map(|tile| scope.locate(tile));
    let located: Vec<_> = located.collect::<anyhow::Result<_>>()?;
    let sets = job.tiles.iter().map(|tile| tile.set + 1).max().unwrap_or(0);
    for set in 0..sets.max(records.len()) {
        let mut found = records.get(set).into_iter().flatten();
        for place in places(job, set) {
            let record = found
                .next()
                .ok_or_else(|| Difference::general(format!("Hitmap at {place}: no record")))?;
            let (tile, groups) = &located[place.tile];
            let group = groups.start + job.regs.group_index(place.cgroup, place.chunk);
            let map = decisions.map_mut(number, [job.tiles[place.tile].group, *tile, group]);
            match map.get(place.position) {
                None => map.push(*record),
                Some(before) if before == record => {}
                Some(before) => {
                    let text = format!(
                        "Hitmap at {place}: device {}, when it detected the same vector before {}",
                        describe(record),
                        describe(before)
                    );
                    return Err(Difference::general(text).into());
                }
            }
        }
        if let Some(record) = found.next() {
            let text = format!(
                "Hitmap at set {set}, after its last vector: device {}, expected no record",
                describe(record)
            );
            return Err(Difference::general(text).into());
        }
    }
    Ok(())
}

/// A record for messages.
fn describe(record: &Record) -> String {
    let Record {
        state,
        entry,
        signature,
    } = record;
    format!("{state:?} entry {entry} signature {signature:#x}")
}
