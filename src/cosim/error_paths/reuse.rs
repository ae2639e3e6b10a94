//! Ways to spoil a job with reuse.

use super::spoil::{Spoil, edit_header, find};
use crate::config::Config;
use crate::plan::{Job, Payload};
use crate::regmap::{Error, JobRegs, Read, SegmentHeader};

/// Name, code that must come, how the job is spoilt. The jobs compare signatures of mode `step`.
pub(super) const SPOILT: &[(&str, Error, Spoil)] = &[
    (
        "READS beyond the program memory",
        Error::BadHeader,
        |job, config, packet| {
            let reads = |p: &Payload| matches!(p, Payload::Reads);
            edit_header(job, config, packet, reads, longer_than_a_program)
        },
    ),
    (
        "MATRIX beyond the program memory",
        Error::BadHeader,
        |job, config, packet| {
            let matrix = |p: &Payload| matches!(p, Payload::Matrix);
            edit_header(job, config, packet, matrix, longer_than_a_program)
        },
    ),
    (
        "more OFFSETS than projections",
        Error::BadHeader,
        |job, config, packet| {
            let offsets = |p: &Payload| matches!(p, Payload::Offsets);
            edit_header(job, config, packet, offsets, |h, config| {
                h.count = config.p_max as u32 + 1
            })
        },
    ),
    (
        "a mode of reuse that does not exist",
        Error::BadJob,
        |job, _, packet| registers(job, packet, |r| r.reuse = 5),
    ),
    ("no detection steps", Error::BadJob, |job, _, packet| {
        registers(job, packet, |r| r.steps = 0)
    }),
    (
        "chunks of more than one channel",
        Error::BadJob,
        |job, _, packet| {
            (job.regs.chunks > 1).then_some(())?;
            registers(job, packet, |r| r.cg = 2)
        },
    ),
    (
        "features sent again, but detected once",
        Error::BadJob,
        |job, _, packet| {
            registers(job, packet, |r| {
                (r.stream_features, r.redetect) = (true, false)
            })
        },
    ),
    (
        "a list ring beyond the list memory",
        Error::BadJob,
        |job, config, packet| {
            let most = config.list_words() / usize::from(job.regs.list_positions);
            let list_slots = u8::try_from(most + 1).ok()?;
            registers(job, packet, |r| r.list_slots = list_slots.into())
        },
    ),
    (
        "two lanes of a step in one bank",
        Error::Range,
        |job, config, packet| {
            let (at, other) = two_lanes(job, config, packet)?;
            let mut packet = packet.to_vec();
            let mut read = read_at(&packet, at)?;
            read.bank = other.bank;
            write_read(&mut packet, at, &read);
            Some((job.regs, packet))
        },
    ),
    (
        "an element beyond the feature buffer",
        Error::Range,
        |job, config, packet| {
            let tile = job.segments.iter().find_map(|s| match s.payload {
                Payload::Tile(tile) => Some(tile),
                _ => None,
            })?;
            let at = reads(job, config)?.next()?;
            let mut read = read_at(packet, at)?;
            // What lies in the padding is not read: the tile's first position has to have this element.
            let within = |start: i16, offset: u16, sent: u16| {
                (0..i32::from(sent)).contains(&(i32::from(start) + i32::from(offset)))
            };
            (within(tile.row_start, read.row, tile.in_rows)
                && within(tile.col_start, read.col, tile.in_cols))
            .then_some(())?;
            read.addr = read.addr.wrapping_add(config.feature_words as u16);
            let mut packet = packet.to_vec();
            write_read(&mut packet, at, &read);
            Some((job.regs, packet))
        },
    ),
    (
        "a list beyond LIST_POSITIONS",
        Error::Range,
        |job, _, packet| {
            let positions = job.segments.iter().map(|s| match s.payload {
                Payload::Tile(t) => t.images * t.rows * t.cols,
                _ => 0,
            });
            let list_positions = positions.max()?.checked_sub(1).filter(|p| *p > 0)?;
            registers(job, packet, |r| r.list_positions = list_positions)
        },
    ),
    (
        "a list ring that cannot hold a resident tile",
        Error::NoProgress,
        |job, _, packet| {
            let groups = u64::from(job.regs.cgroups) * u64::from(job.regs.chunks);
            let again = job
                .segments
                .iter()
                .any(|s| matches!(s.payload, Payload::Tile(t) if t.passes > 1));
            (groups > 1 && again && !job.regs.redetect).then_some(())?;
            registers(job, packet, |r| r.list_slots = 1)
        },
    ),
];

/// One beat more than a detector's program holds.
fn longer_than_a_program(header: &mut SegmentHeader, config: &Config) {
    header.count = (config.k_max * config.l) as u32 + 1;
}

/// The job with other registers.
fn registers(
    job: &Job,
    packet: &[u8],
    change: impl Fn(&mut JobRegs),
) -> Option<(JobRegs, Vec<u8>)> {
    let mut regs = job.regs;
    change(&mut regs);
    Some((regs, packet.to_vec()))
}

/// The packet's READS beat at this byte, if its lane is in use.
fn read_at(packet: &[u8], at: usize) -> Option<Read> {
    Read::unpack(u64::from_le_bytes(packet[at..at + 8].try_into().ok()?))
}

/// Puts another READS beat at this byte.
fn write_read(packet: &mut [u8], at: usize, read: &Read) {
    packet[at..at + 8].copy_from_slice(&read.pack().to_le_bytes());
}

/// Bytes at which the beats of the job's first READS segment start.
fn reads(job: &Job, config: &Config) -> Option<impl Iterator<Item = usize> + use<>> {
    let (at, number) = find(job, |p| matches!(p, Payload::Reads))?;
    let bus = config.bus_bytes();
    let beats = at + 1..at + 1 + job.segments[number].beats as usize;
    Some(beats.map(move |beat| beat * bus))
}

/// The first two lanes in use of a READS program's first step: the second's byte and the first's beat.
fn two_lanes(job: &Job, config: &Config, packet: &[u8]) -> Option<(usize, Read)> {
    let lanes = reads(job, config)?.take(config.l);
    let mut used = lanes.filter_map(|at| Some((at, read_at(packet, at)?)));
    let (_, other) = used.next()?;
    let (at, _) = used.next()?;
    Some((at, other))
}
