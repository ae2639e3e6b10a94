//! Compares the answer of a job with what is expected, word by word, and says where they differ.

use std::collections::BTreeMap;

use crate::config::Config;
use crate::plan::job::{RAW_BITS, row_beats};
use crate::plan::{Job, Packet, Region};
use crate::regmap::{OutHeader, Statistics, trailer_error};

use super::driver::header_word;

/// A difference between device and expectation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Difference {
    /// Beat of the device's output packet where it shows; none if it is not about one beat.
    pub beat: Option<usize>,
    /// What differs, with both values.
    pub text: String,
}

impl Difference {
    fn at(beat: usize, text: String) -> Self {
        Difference {
            beat: Some(beat),
            text,
        }
    }

    /// A difference that has no place in the packet.
    pub fn general(text: String) -> Self {
        Difference { beat: None, text }
    }
}

/// One drained bank in an output packet.
struct Block<'a> {
    header: u64,
    /// Beat number of the header.
    beat: usize,
    rows: &'a [u8],
}

/// Set, tag and pass: what names a drained bank.
type Key = (u32, u32, u32);

/// Compares two output packets of `job` without regard to the order of the drained banks; every word counts, padding too.
///
/// # Errors
/// The first difference in the order of the device's packet.
pub fn packets(
    job: &Job,
    config: &Config,
    device: &[u8],
    expected: &[u8],
) -> Result<(), Difference> {
    let mut wanted: BTreeMap<Key, Block> = blocks(job, config, expected)
        .map(|(blocks, _)| blocks.into_iter().collect())
        .map_err(|d| {
            Difference::general(format!("the expected packet is malformed: {}", d.text))
        })?;
    let (found, trailer_beat) = blocks(job, config, device)?;
    for (key, block) in found {
        let (set, tag, pass) = key;
        let Some(want) = wanted.remove(&key) else {
            let text = format!(
                "set {set} drained tile {tag}, pass {pass} twice, or it was never asked for"
            );
            return Err(Difference::at(block.beat, text));
        };
        if block.header != want.header {
            let text = format!(
                "header of set {set}, tile {tag}, pass {pass}: device {:#018x}, expected {:#018x}",
                block.header, want.header
            );
            return Err(Difference::at(block.beat, text));
        }
        rows(job, config, key, &block, &want)?;
    }
    if let Some(((set, tag, pass), _)) = wanted.first_key_value() {
        let text = format!(
            "{} drained banks are missing, the first is set {set}, tile {tag}, pass {pass}",
            wanted.len()
        );
        return Err(Difference::at(trailer_beat, text));
    }
    Ok(())
}

/// Cuts a packet into drained banks, in its order; also the beat number of the trailer.
fn blocks<'a>(
    job: &Job,
    config: &Config,
    packet: &'a [u8],
) -> Result<(Vec<(Key, Block<'a>)>, usize), Difference> {
    let width = config.bus_bytes();
    let beats = packet.len() / width;
    let (mut beat, mut blocks) = (0, Vec::new());
    while beat < beats {
        let bytes = &packet[beat * width..(beat + 1) * width];
        let word = header_word(bytes);
        if bytes[8..].iter().any(|b| *b != 0) {
            return Err(Difference::at(
                beat,
                format!("header beat {bytes:x?} is not 0 above bit 63"),
            ));
        }
        if trailer_error(word).is_some() {
            return match beat + 1 == beats {
                true => Ok((blocks, beat)),
                false => Err(Difference::at(
                    beat,
                    format!("trailer in beat {beat} of {beats}"),
                )),
            };
        }
        let Some(header) = OutHeader::unpack(word) else {
            return Err(Difference::at(
                beat,
                format!("beat {beat} should be a header or the trailer, is {word:#018x}"),
            ));
        };
        let key = (header.set, header.tag, header.pass);
        let Some(values) = packet_of(job, key).map(|p| p.filters.len) else {
            let text = format!(
                "header {word:#018x} names set {}, tile {}, pass {}: not in the plan",
                key.0, key.1, key.2
            );
            return Err(Difference::at(beat, text));
        };
        let length = header.rows as usize * row_beats(config, header.shift_mode, values);
        let Some(rows) = packet.get((beat + 1) * width..(beat + 1 + length) * width) else {
            return Err(Difference::at(
                beat,
                format!("the packet ends within the {length} beats of header {word:#018x}"),
            ));
        };
        blocks.push((
            key,
            Block {
                header: word,
                beat,
                rows,
            },
        ));
        beat += 1 + length;
    }
    Err(Difference::general(format!(
        "the packet of {beats} beats has no trailer"
    )))
}

fn packet_of(job: &Job, (set, tag, pass): Key) -> Option<&Packet> {
    job.packets
        .iter()
        .find(|p| (u32::from(p.set), u32::from(p.tag), u32::from(p.pass)) == (set, tag, pass))
}

/// Compares the rows of one drained bank.
fn rows(
    job: &Job,
    config: &Config,
    key: Key,
    found: &Block,
    want: &Block,
) -> Result<(), Difference> {
    if found.rows == want.rows {
        return Ok(());
    }
    let packet = packet_of(job, key).expect("blocks() found it");
    let width = if job.regs.shift_mode {
        config.data_w
    } else {
        RAW_BITS
    } / 8;
    let row_bytes = row_beats(config, job.regs.shift_mode, packet.filters.len) * config.bus_bytes();
    let byte = found.rows.iter().zip(want.rows).position(|(f, w)| f != w);
    let byte = byte.unwrap_or(found.rows.len().min(want.rows.len()) - 1) / width * width;
    let (row, lane) = (byte / row_bytes, byte % row_bytes / width);
    let value = |bytes: &[u8]| {
        let mut extended = [if bytes[width - 1] & 0x80 == 0 {
            0
        } else {
            0xff
        }; 8];
        extended[..width].copy_from_slice(&bytes[..width]);
        i64::from_le_bytes(extended)
    };
    let text = format!(
        "{}: device {}, expected {}",
        place(job, packet, row, lane),
        value(&found.rows[byte..]),
        value(&want.rows[byte..])
    );
    Err(Difference::at(
        found.beat + 1 + byte / config.bus_bytes(),
        text,
    ))
}

/// What lane `lane` of row `row` of a drained bank is.
fn place(job: &Job, packet: &Packet, row: usize, lane: usize) -> String {
    let Packet {
        set,
        tag,
        pass,
        group,
        filters,
        region,
        ..
    } = packet;
    let head = format!("set {set}, tile {tag}, pass {pass}, convolution group {group}");
    let filter = match lane < filters.len {
        true => format!("filter {}", filters.start + lane),
        false => format!("unused lane {lane}"),
    };
    match region {
        Region::Positions(tile) => {
            let (cols, rows) = (tile.cols.len, tile.rows.len);
            let image = tile.images.start + row / (rows * cols);
            let (y, x) = (
                tile.rows.start + row / cols % rows,
                tile.cols.start + row % cols,
            );
            format!("{head}, position {row} (image {image}, row {y}, column {x}), {filter}")
        }
        Region::Taps(channels) => {
            let (taps, kw) = (job.view.taps(), job.view.cols.taps);
            let (channel, tap) = (channels.start + row / taps, row % taps);
            let element = group_of(job, row);
            format!(
                "{head}, {element}, channel {channel}, kernel row {}, column {}, {filter}",
                tap / kw,
                tap % kw
            )
        }
    }
}

/// Group and element within it of row `row` of a weight gradient.
fn group_of(job: &Job, mut row: usize) -> String {
    for cgroup in 0..job.regs.cgroups {
        for chunk in 0..job.regs.chunks {
            let elements = job.regs.group_elements(cgroup, chunk);
            if row < elements {
                return format!("group {} element {row}", cgroup * job.regs.chunks + chunk);
            }
            row -= elements;
        }
    }
    "beyond the last group".into()
}

/// Compares the counters: all of them with the model when nothing was stalled; otherwise those that do not depend on time,
/// and the cycles against their bound, `stalled` more than unstalled. Without a model (`timed` false) time is not compared.
///
/// # Errors
/// All counters that differ, with both values.
pub fn statistics(
    device: &Statistics,
    expected: &Statistics,
    timed: bool,
    stalled: Option<u64>,
) -> Result<(), Difference> {
    const TIMED: [&str; 6] = [
        "STALL_DETECT",
        "CYCLES",
        "STALL_FEATURES",
        "STALL_WEIGHTS",
        "STALL_OPERAND",
        "STALL_BANK",
    ];
    let exact = timed && stalled.is_none();
    // Pauses of the host leave the detectors' steps alone, a device without a clock has none.
    let ignored = |name: &str| TIMED.contains(&name) || (!timed && name == "DETECT_BUSY");
    let mut texts: Vec<String> = device
        .values()
        .zip(expected.values())
        .filter(|((reg, found), (_, want))| {
            found != want && (exact || !ignored(reg.register().name))
        })
        .map(|((reg, found), (_, want))| {
            format!("{}: device {found}, expected {want}", reg.register().name)
        })
        .collect();
    if let Some(stalled) = stalled
        && timed
        && device.cycles > expected.cycles + stalled
    {
        texts.push(format!(
            "CYCLES: device {}, more than the unstalled {} and {stalled} stalled handshakes",
            device.cycles, expected.cycles
        ));
    }
    if texts.is_empty() {
        Ok(())
    } else {
        Err(Difference::general(format!(
            "counters differ: {}",
            texts.join("; ")
        )))
    }
}
