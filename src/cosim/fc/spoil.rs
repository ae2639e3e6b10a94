//! Ways to spoil a job of a fully connected layer.

use rand::RngExt;

use super::FullyConnected;
use crate::config::fc::{Design, FcConfig};
use crate::cosim::core::campaign;
use crate::cosim::core::spoil::Spoiler;
use crate::regmap::Error;
use crate::regmap::fc::STRIPE_HEADER;

type Job = campaign::Job<FullyConnected>;

/// Header slice of the first stripe, changed.
fn edit_header(job: &mut Job, config: &FcConfig, edit: impl Fn(&mut [i64; 4])) {
    let at = usize::from(job.regs.x_beats) * config.stripes() * config.bus_bytes();
    let bytes: [u8; 4] = job.packet[at..at + 4].try_into().expect("4 bytes");
    let mut values = STRIPE_HEADER.map(|field| field.extract(u32::from_le_bytes(bytes).into()));
    edit(&mut values);
    let word = STRIPE_HEADER
        .iter()
        .zip(values)
        .fold(0, |word, (field, value)| word | field.place(value));
    job.packet[at..at + 4].copy_from_slice(&(word as u32).to_le_bytes());
}

static ANY: [Spoiler<FullyConnected>; 9] = [
    Spoiler {
        name: "no group",
        error: Error::BadJob,
        spoil: |job, _, _| job.regs.groups = 0,
    },
    Spoiler {
        name: "no vector",
        error: Error::BadJob,
        spoil: |job, _, _| job.regs.batch = 0,
    },
    Spoiler {
        name: "more rows than the configuration has",
        error: Error::BadJob,
        spoil: |job, config, _| job.regs.rows = config.max_rows() as u16 + 1,
    },
    Spoiler {
        name: "more sums than the configuration has",
        error: Error::BadJob,
        spoil: |job, config, _| job.regs.sums = config.psum_rows as u16 + 1,
    },
    Spoiler {
        name: "more activations than the buffer holds",
        error: Error::BadJob,
        spoil: |job, config, _| job.regs.x_beats = config.x_depth() as u16 + 1,
    },
    Spoiler {
        name: "SUMS is not BATCH · ROWS",
        error: Error::Range,
        spoil: |job, config, _| {
            job.regs.sums = if usize::from(job.regs.sums) < config.psum_rows {
                job.regs.sums + 1
            } else {
                job.regs.sums - 1
            }
        },
    },
    Spoiler {
        name: "X_BEATS does not fit, packet as it says",
        error: Error::Range,
        spoil: |job, config, _| {
            let stripes = match config.design {
                Design::Crew => config.stripes(),
                Design::DenseFc => 1,
            };
            let at = usize::from(job.regs.x_beats) * stripes * config.bus_bytes();
            let extra = vec![0; stripes * config.bus_bytes()];
            job.packet.splice(at..at, extra);
            job.regs.x_beats += 1;
        },
    },
    Spoiler {
        name: "packet too short",
        error: Error::StreamShort,
        spoil: |job, config, rng| {
            let beats = job.packet.len() / config.bus_bytes();
            job.packet
                .truncate(rng.random_range(1..beats) * config.bus_bytes());
        },
    },
    Spoiler {
        name: "packet too long",
        error: Error::StreamLong,
        spoil: |job, config, rng| {
            let longer = job.packet.len() + rng.random_range(1..20) * config.bus_bytes();
            job.packet.resize(longer, 0x5a);
        },
    },
];

static CREW: [Spoiler<FullyConnected>; 5] = [
    Spoiler {
        name: "header: index of nine bits",
        error: Error::BadHeader,
        spoil: |job, config, _| edit_header(job, config, |h| h[0] = 9),
    },
    Spoiler {
        name: "header: no unique weight",
        error: Error::BadHeader,
        spoil: |job, config, _| edit_header(job, config, |h| h[1] = 0),
    },
    Spoiler {
        name: "header: 257 unique weights",
        error: Error::BadHeader,
        spoil: |job, config, _| edit_header(job, config, |h| h[1] = 257),
    },
    Spoiler {
        name: "header: no beat of unique weights",
        error: Error::BadHeader,
        spoil: |job, config, _| edit_header(job, config, |h| h[2] = 0),
    },
    Spoiler {
        name: "header: more indices than the buffer holds",
        error: Error::BadHeader,
        spoil: |job, config, _| {
            edit_header(job, config, |h| h[3] = config.max_rows() as i64 / 2 + 1)
        },
    },
];

/// The ways to spoil a job of a configuration.
pub(super) fn spoilers(config: &FcConfig) -> Vec<&'static Spoiler<FullyConnected>> {
    let own = match config.design {
        Design::Crew => &CREW[..],
        Design::DenseFc => &[],
    };
    ANY.iter().chain(own).collect()
}
