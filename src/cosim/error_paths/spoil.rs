//! Ways to spoil a job.

use crate::config::Config;
use crate::cosim::driver::header_word;
use crate::plan::{Job, Payload, Segment};
use crate::regmap::{Error, JobRegs, SegmentHeader, SegmentKind, TileDescriptor};

/// A spoilt job: its registers and packet, or nothing if the job has not what it takes.
pub(super) type Spoil = fn(&Job, &Config, &[u8]) -> Option<(JobRegs, Vec<u8>)>;

/// Name, code that must come, how the job is spoilt.
pub(super) const SPOILT: &[(&str, Error, Spoil)] = &[
    (
        "TLAST within a payload",
        Error::StreamShort,
        |job, config, packet| {
            let (at, _) = find(job, |p| matches!(p, Payload::Features { .. }))?;
            cut(job, config, packet, at + 2)
        },
    ),
    (
        "TLAST on a header",
        Error::StreamShort,
        |job, config, packet| {
            let (at, _) = find(job, |p| matches!(p, Payload::Features { .. }))?;
            cut(job, config, packet, at + 1)
        },
    ),
    (
        "a packet without END",
        Error::StreamShort,
        |job, config, packet| cut(job, config, packet, packet.len() / config.bus_bytes() - 1),
    ),
    (
        "beats behind END",
        Error::StreamLong,
        |job, config, packet| {
            Some((
                job.regs,
                [packet, &vec![0x55; 3 * config.bus_bytes()]].concat(),
            ))
        },
    ),
    (
        "unknown segment kind",
        Error::BadHeader,
        |job, config, packet| {
            edit(
                job,
                config,
                packet,
                |p| matches!(p, Payload::Features { .. }),
                |header| *header = *header & !0xf | 9,
            )
        },
    ),
    (
        "no set addressed",
        Error::BadHeader,
        |job, config, packet| {
            edit_header(
                job,
                config,
                packet,
                |p| matches!(p, Payload::Features { .. }),
                |h, _| h.mask = 0,
            )
        },
    ),
    (
        "a set that does not exist",
        Error::BadHeader,
        |job, config, packet| {
            edit_header(
                job,
                config,
                packet,
                |p| matches!(p, Payload::Tile(_)),
                |h, config| h.mask = 1u32.checked_shl(config.sets as u32).unwrap_or(0),
            )
        },
    ),
    (
        "a bank that does not exist",
        Error::BadHeader,
        |job, config, packet| {
            edit_header(
                job,
                config,
                packet,
                |p| matches!(p, Payload::Features { .. }),
                |h, config| h.bank = config.l as u32,
            )
        },
    ),
    (
        "more features than a slot holds",
        Error::BadHeader,
        |job, _, packet| {
            let slot_beats = job.regs.slot_beats - 1;
            let full = |s: &Segment| {
                matches!(s.payload, Payload::Features { .. }) && s.beats > slot_beats.into()
            };
            let possible = slot_beats > 0 && job.segments.iter().any(full);
            possible.then(|| {
                (
                    JobRegs {
                        slot_beats,
                        ..job.regs
                    },
                    packet.to_vec(),
                )
            })
        },
    ),
    (
        "operand outside of a weight gradient",
        Error::BadHeader,
        |job, config, packet| {
            let weights = |p: &Payload| matches!(p, Payload::Weights(_)) && !job.regs.wgrad;
            edit_header(job, config, packet, weights, |h, _| {
                h.kind = SegmentKind::Operand
            })
        },
    ),
    (
        "weights that are not whole rows",
        Error::BadHeader,
        |job, config, packet| {
            let weights = |p: &Payload| matches!(p, Payload::Weights(_));
            (config.row_beats() > 1).then_some(())?;
            edit_header(job, config, packet, weights, |h, _| h.count -= 1)
        },
    ),
    (
        "weights missing",
        Error::NoProgress,
        |job, config, packet| without(job, config, packet, |p| matches!(p, Payload::Weights(_))),
    ),
    (
        "features missing",
        Error::NoProgress,
        |job, config, packet| {
            let last = |p: &Payload| matches!(p, Payload::Features { slot_end: true, .. });
            without(job, config, packet, last)
        },
    ),
    (
        "operand missing",
        Error::NoProgress,
        |job, config, packet| without(job, config, packet, |p| matches!(p, Payload::Operand(_))),
    ),
    (
        "a ring that cannot hold a resident pass",
        Error::NoProgress,
        |job, _, packet| {
            let fits = !job.regs.stream_features && job.regs.cgroups > 1 && passes(job) > 1;
            fits.then(|| {
                (
                    JobRegs {
                        ring_slots: 1,
                        ..job.regs
                    },
                    packet.to_vec(),
                )
            })
        },
    ),
    (
        "a tile without positions",
        Error::Range,
        |job, config, packet| tile(job, config, packet, |t, _| t.rows = 0),
    ),
    ("a tile beyond TILE", Error::Range, |job, config, packet| {
        tile(job, config, packet, |t, config| {
            (t.images, t.rows, t.cols) = (1, config.tile as u16, 2)
        })
    }),
    (
        "a feature ring beyond the buffer",
        Error::BadJob,
        |job, config, packet| {
            let most = config.bank_depth() / usize::from(job.regs.slot_beats);
            let regs = JobRegs {
                ring_slots: most as u16 + 1,
                ..job.regs
            };
            Some((regs, packet.to_vec()))
        },
    ),
    (
        "psum rows beyond TILE",
        Error::Range,
        |job, config, packet| {
            let elements = job.regs.group_elements(0, 0);
            let regs = JobRegs {
                kw: (config.tile / elements + 1) as u16 * job.regs.kw,
                ..job.regs
            };
            (job.regs.wgrad && job.regs.cgroups * job.regs.chunks == 1)
                .then(|| (regs, packet.to_vec()))
        },
    ),
    ("no kernel columns", Error::BadJob, |job, _, packet| {
        Some((JobRegs { kw: 0, ..job.regs }, packet.to_vec()))
    }),
    ("no channel groups", Error::BadJob, |job, _, packet| {
        Some((
            JobRegs {
                cgroups: 0,
                ..job.regs
            },
            packet.to_vec(),
        ))
    }),
    (
        "reuse without its registers",
        Error::BadJob,
        |job, _, packet| {
            Some((
                JobRegs {
                    reuse: 1,
                    ..job.regs
                },
                packet.to_vec(),
            ))
        },
    ),
    (
        "a shift beyond the accumulator",
        Error::BadJob,
        |job, config, packet| {
            Some((
                JobRegs {
                    shift: config.acc_w as u32,
                    ..job.regs
                },
                packet.to_vec(),
            ))
        },
    ),
];

/// Beat number of the first segment with such a payload, and the segment's number.
pub(super) fn find(job: &Job, wanted: impl Fn(&Payload) -> bool) -> Option<(usize, usize)> {
    let mut beat = 0;
    for (number, segment) in job.segments.iter().enumerate() {
        if wanted(&segment.payload) {
            return Some((beat, number));
        }
        beat += 1 + segment.beats as usize;
    }
    None
}

/// The first `beats` beats.
fn cut(job: &Job, config: &Config, packet: &[u8], beats: usize) -> Option<(JobRegs, Vec<u8>)> {
    let bytes = beats * config.bus_bytes();
    (0 < bytes && bytes < packet.len()).then(|| (job.regs, packet[..bytes].to_vec()))
}

/// Another first word in the header of the first such segment.
fn edit(
    job: &Job,
    config: &Config,
    packet: &[u8],
    wanted: impl Fn(&Payload) -> bool,
    change: impl Fn(&mut u64),
) -> Option<(JobRegs, Vec<u8>)> {
    let at = find(job, wanted)?.0 * config.bus_bytes();
    let mut packet = packet.to_vec();
    let mut word = header_word(&packet[at..]);
    change(&mut word);
    packet[at..at + 8].copy_from_slice(&word.to_le_bytes());
    Some((job.regs, packet))
}

/// Another header of the first such segment.
pub(super) fn edit_header(
    job: &Job,
    config: &Config,
    packet: &[u8],
    wanted: impl Fn(&Payload) -> bool,
    change: impl Fn(&mut SegmentHeader, &Config),
) -> Option<(JobRegs, Vec<u8>)> {
    edit(job, config, packet, wanted, |word| {
        let mut header = SegmentHeader::unpack(*word).expect("the packer wrote it");
        change(&mut header, config);
        *word = header.pack();
    })
}

/// The packet without the last such segment.
fn without(
    job: &Job,
    config: &Config,
    packet: &[u8],
    wanted: impl Fn(&Payload) -> bool,
) -> Option<(JobRegs, Vec<u8>)> {
    let last = job.segments.iter().rposition(|s| wanted(&s.payload))?;
    let start = job.segments[..last]
        .iter()
        .map(|s| 1 + s.beats as usize)
        .sum::<usize>()
        * config.bus_bytes();
    let end = start + (1 + job.segments[last].beats as usize) * config.bus_bytes();
    Some((job.regs, [&packet[..start], &packet[end..]].concat()))
}

/// Another first tile descriptor.
fn tile(
    job: &Job,
    config: &Config,
    packet: &[u8],
    change: impl Fn(&mut TileDescriptor, &Config),
) -> Option<(JobRegs, Vec<u8>)> {
    let (beat, number) = find(job, |p| matches!(p, Payload::Tile(_)))?;
    let Payload::Tile(mut tile) = job.segments[number].payload else {
        return None;
    };
    change(&mut tile, config);
    let mut packet = packet.to_vec();
    let at = (beat + 1) * config.bus_bytes();
    for (bytes, word) in packet[at..].chunks_exact_mut(2).zip(tile.words()) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    Some((job.regs, packet))
}

fn passes(job: &Job) -> u16 {
    let passes = job.segments.iter().map(|s| {
        if let Payload::Tile(t) = s.payload {
            t.passes
        } else {
            0
        }
    });
    passes.max().unwrap_or(0)
}
