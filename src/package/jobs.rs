//! The jobs of the testbench: one layer's three passes, and its forward pass with reuse.

use std::fmt::Write;

use anyhow::{Context, Result, ensure};
use minijinja::{Value, context};

use crate::config::Config;
use crate::cosim::case::Case;
use crate::engine::{Geometry, Padding, Pass};
use crate::plan::{JobRegs, Packet, Region};
use crate::regmap::{Access, Reg, Statistics, words};
use crate::reuse::{Mode, Reuse};

/// Seed of the operands.
const SEED: u64 = 1;

/// One job and what it must give.
pub(super) struct Example {
    /// What it is, for messages.
    what: String,
    case: Case,
    regs: JobRegs,
    statistics: Statistics,
}

/// The layer: 2 channels of 4 × 4, 3 × 3 taps with padding 1, a filter for each PE of a set up to 4.
fn layer(config: &Config) -> Geometry {
    Geometry {
        batch: 1,
        in_channels: 2,
        height: 4,
        width: 4,
        filters: config.pes.min(4),
        kernel: [3, 3],
        stride: [1, 1],
        dilation: [1, 1],
        padding: Padding::same(1),
        groups: 1,
    }
}

/// Forward, both gradients, and forward with zero vectors skipped and with signatures; all on set 0, so that the order of results is
/// known whatever the number of sets.
pub(super) fn examples(config: &Config) -> Result<Vec<Example>> {
    let one_set = Config {
        sets: 1,
        detectors: 1,
        ..config.clone()
    };
    let reused = [Mode::Zero, Mode::Sign, Mode::Step].map(|mode| {
        let reuse = Reuse {
            mode,
            elem_skip: mode == Mode::Step,
            ..Reuse::default()
        };
        (Pass::Forward, reuse)
    });
    let dense = Pass::ALL.map(|pass| (pass, Reuse::default()));
    let reused = reused.into_iter().filter(|_| config.reuse);
    dense
        .into_iter()
        .chain(reused)
        .map(|(pass, reuse)| example(&one_set, pass, reuse))
        .collect()
}

fn example(config: &Config, pass: Pass, reuse: Reuse) -> Result<Example> {
    let what = match reuse.mode {
        Mode::Off => pass.name().to_string(),
        mode => format!("{} with reuse {mode:?}", pass.name()),
    };
    let case = Case::planned(config, layer(config), pass, reuse, SEED)
        .with_context(|| format!("{what}, a job of the testbench"))?;
    ensure!(
        case.jobs.len() == 1 && case.timed(),
        "{what}, a job of the testbench: the plan has {} jobs",
        case.jobs.len()
    );
    Ok(Example {
        what,
        regs: case.random.plan.jobs[0].regs,
        statistics: case.jobs[0].statistics,
        case,
    })
}

impl Example {
    fn input(&self) -> &[u8] {
        &self.case.jobs[0].input
    }

    fn output(&self) -> &[u8] {
        &self.case.jobs[0].output
    }

    /// Addresses and values of the job registers.
    fn registers(&self) -> Vec<(u32, u32)> {
        self.regs
            .words()
            .map(|(reg, word)| (reg.offset(), word))
            .collect()
    }

    /// Address, expected value, and whether it depends on when beats are handed over, of every word of the counters.
    fn counters(&self) -> Vec<(u32, u32, bool)> {
        let values: Vec<(Reg, u64)> = self.statistics.values().collect();
        let counters = words().filter(|w| w.register.access == Access::Statistic);
        counters
            .map(|word| {
                let (reg, value) = values
                    .iter()
                    .find(|(reg, _)| *reg == word.register.reg)
                    .expect("every counter has a value");
                (word.offset, (value >> word.shift) as u32, of_time(*reg))
            })
            .collect()
    }
}

/// Whether a counter depends on pauses of the host.
fn of_time(reg: Reg) -> bool {
    matches!(
        reg,
        Reg::Cycles
            | Reg::StallFeatures
            | Reg::StallWeights
            | Reg::StallOperand
            | Reg::StallBank
            | Reg::StallDetect
            | Reg::DetectBusy
    )
}

/// What the templates say of the jobs.
pub(super) fn sizes(jobs: &[Example]) -> Value {
    let longest = |of: fn(&Example) -> usize| jobs.iter().map(of).max().unwrap_or_default();
    let names: Vec<String> = jobs.iter().map(|job| job.what.clone()).collect();
    context! {
        jobs => jobs.len(), names,
        registers => jobs[0].registers().len(), counters => jobs[0].counters().len(),
        most_in => longest(|job| job.input().len()), most_out => longest(|job| job.output().len()),
        regs => context! {
            id => Reg::Id.offset(), hash => Reg::ConfigHash.offset(), control => Reg::Control.offset(),
            status => Reg::Status.offset(), error => Reg::ErrorCode.offset(),
        },
        start => Reg::Control.field("START").mask(), busy => Reg::Status.field("BUSY").lsb,
        limit => 4 * jobs.iter().map(|job| job.statistics.cycles).max().unwrap_or_default() + 1000,
    }
}

/// Files for `$readmemh`: for each job registers, beats in, beats out and counters.
pub(super) fn vectors(jobs: &[Example], config: &Config) -> Vec<(String, String)> {
    let beats = |bytes: &[u8]| -> String {
        let beats = bytes.chunks_exact(config.bus_bytes());
        let hex = |beat: &[u8]| {
            beat.iter()
                .rev()
                .map(|b| format!("{b:02x}"))
                .collect::<String>()
        };
        beats.map(|beat| hex(beat) + "\n").collect()
    };
    let of = |(i, job): (usize, &Example)| {
        let registers = job
            .registers()
            .into_iter()
            .map(|(a, v)| format!("{a:08x}{v:08x}\n"));
        let counters = job.counters().into_iter();
        let counters =
            counters.map(|(a, v, time)| format!("{:08x}{v:08x}\n", a | u32::from(time) << 31));
        let (input, output) = (job.input(), job.output());
        let count = |bytes: &[u8]| bytes.len() / config.bus_bytes();
        [
            ("registers", registers.collect()),
            ("counters", counters.collect()),
            ("input", beats(input)),
            ("output", beats(output)),
            (
                "beats",
                format!("{:08x}\n{:08x}\n", count(input), count(output)),
            ),
        ]
        .map(|(what, text): (&str, String)| (format!("testbench/vectors/job{i}_{what}.hex"), text))
    };
    jobs.iter().enumerate().flat_map(of).collect()
}

/// The first job as C arrays: the layer's operands, the registers, the packet.
pub(super) fn c_arrays(job: &Example) -> String {
    let g = &job.case.random.geometry;
    let mut out = String::from(
        "/* One layer: operands, and the job that computes its forward pass, as the planner makes it. Generated; do not edit. */\n",
    );
    let mut define = |name: &str, value: usize| {
        writeln!(out, "#define LAYER_{name} {value}").expect("writing to a string");
    };
    define("CHANNELS", g.in_channels);
    define("HEIGHT", g.height);
    define("WIDTH", g.width);
    define("FILTERS", g.filters);
    define("KERNEL", g.kernel[0]);
    define("PADDING", g.padding.top);
    define("RESULT_BYTES", job.output().len());
    out.push_str(
        "/* What comes back: rows of the positions of a tile, each with the sums of some filters. */\n\
         typedef struct {\n  uint16_t set, tag, pass, filter, filters, row, rows, column, columns;\n} layer_part;\n",
    );
    let mut array = |kind: &str, name: &str, values: Vec<String>| {
        let lines: Vec<String> = values.chunks(12).map(|line| line.join(", ")).collect();
        let count = values.len();
        writeln!(
            out,
            "static const {kind} {name}[{count}] = {{\n  {}\n}};",
            lines.join(",\n  ")
        )
        .expect("writing to a string");
    };
    array(
        "int16_t",
        "layer_x",
        job.case.a.iter().map(i16::to_string).collect(),
    );
    array(
        "int16_t",
        "layer_w",
        job.case.b.iter().map(i16::to_string).collect(),
    );
    let parts = job.case.random.plan.jobs[0].packets.iter();
    array("layer_part", "layer_parts", parts.map(c_part).collect());
    let registers = job.registers().into_iter();
    array(
        "mercury_register",
        "job_registers",
        registers
            .map(|(a, v)| format!("{{{a:#05x}u, {v:#x}u}}"))
            .collect(),
    );
    array(
        "uint8_t",
        "job_packet",
        job.input().iter().map(u8::to_string).collect(),
    );
    out
}

/// Results of a drained bank as an initialiser of `layer_part`.
fn c_part(packet: &Packet) -> String {
    let Region::Positions(tile) = packet.region else {
        unreachable!("a forward pass gives positions")
    };
    let (filters, rows, cols) = (packet.filters, tile.rows, tile.cols);
    format!(
        "{{{}, {}, {}, {}, {}, {}, {}, {}, {}}}",
        packet.set,
        packet.tag,
        packet.pass,
        filters.start,
        filters.len,
        rows.start,
        rows.len,
        cols.start,
        cols.len
    )
}
