//! `mercury plan`.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;

use super::job::{PassArg, pads, pair};
use super::{Outcome, grouped};
use crate::config::Config;
use crate::engine::{Drain, Geometry, Pass};
use crate::nn::{NetSpec, Pads, Pair};
use crate::plan::layers::layers;
use crate::plan::{Choices, Correlation, Grouping, Mix, Payload, Plan, plan};
use crate::reuse::{Mode, Reuse};

/// Show how a layer would be computed, and in how many cycles
///
/// The layer is one of the named ones (--layer), or given by its shape. Cycles are those of the exact cycle model: from START to
/// the last output beat, with ports that never stall. The bound is N / (C·⌈N/C⌉) of C·S multiply-accumulates per cycle: what
/// the array could do if nothing ever waited.
///
/// With --reuse, cycles are those of a layer in which nothing is alike: what can be found depends on the data. Tiles and groups
/// are what it is looked for in. --zero-share and --hit-share ask what the same plan would take if so many vectors of every group
/// were ZERO and HIT: an assumption that is put into the cycle model, not something found in data.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  mercury plan --preset paper --layer conv64-b12
  mercury plan --preset paper --all
  mercury plan --preset small --net resnet-small --pass weight_grad
  mercury plan --preset small --layer conv16 --reuse step --k-target 9
  mercury plan --preset paper --all --reuse sign --hit-share 0.4
  mercury plan --pass input_grad --input 8,64,32,32 --filters 64 --kernel 3 --padding 1 --stride 2")]
pub struct Args {
    /// Which product to compute; a named layer has its own.
    #[arg(long, value_enum)]
    pass: Option<PassArg>,
    /// Sizes of the accelerator: tiny, small, ecp5 or paper.
    #[arg(long, default_value = Config::DEFAULT_PRESET, conflicts_with = "config")]
    preset: String,
    /// Sizes of the accelerator, from a TOML file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A named layer.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["all", "input"])]
    layer: Option<String>,
    /// A table of all named layers.
    #[arg(long, conflicts_with = "input")]
    all: bool,
    /// A table of all products of a network: built in, or a TOML file.
    #[arg(long, value_name = "NET", conflicts_with_all = ["layer", "all", "input"])]
    net: Option<String>,
    /// Images of a batch of the network [default: the network's].
    #[arg(long, value_name = "N", requires = "net")]
    batch: Option<usize>,
    /// Batch, channels, rows and columns of the layer's input.
    #[arg(long, value_name = "B,C,H,W", value_parser = shape, requires = "filters")]
    input: Option<[usize; 4]>,
    /// Filters.
    #[arg(long, requires = "input")]
    filters: Option<usize>,
    /// Kernel: one number, or rows,columns.
    #[arg(long, default_value = "1", value_parser = pair)]
    kernel: Pair,
    /// Step between output positions: one number, or rows,columns.
    #[arg(long, default_value = "1", value_parser = pair)]
    stride: Pair,
    /// Zeros around the input: one number; rows,columns; or top,bottom,left,right.
    #[arg(long, default_value = "0", value_parser = pads)]
    padding: Pads,
    /// Step between taps: one number, or rows,columns.
    #[arg(long, default_value = "1", value_parser = pair)]
    dilation: Pair,
    /// Convolution groups.
    #[arg(long, default_value_t = 1)]
    groups: usize,
    /// Return whole 64-bit sums instead of shifted ones (a weight gradient always does).
    #[arg(long)]
    raw: bool,
    /// What to reuse.
    #[arg(long, value_enum, default_value_t = Mode::Off)]
    reuse: Mode,
    /// Reuse: a group takes as many channels as fit into so many elements, at most the configuration's k_max. (Numbers of
    /// projections and of their bits change what is found, not how long looking takes.)
    #[arg(long, value_name = "K", default_value_t = Reuse::default().k_target)]
    k_target: usize,
    /// Reuse: assume that this share of the vectors of every group is ZERO.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    zero_share: f64,
    /// Reuse: assume that this share of the vectors of every group is HIT.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    hit_share: f64,
    /// Write JSON to standard output.
    #[arg(long)]
    json: bool,
}

fn shape(text: &str) -> Result<[usize; 4], String> {
    let numbers: Result<Vec<usize>, _> = text.split(',').map(|n| n.trim().parse()).collect();
    let numbers = numbers.map_err(|e| format!("{text:?}: {e}"))?;
    numbers
        .try_into()
        .map_err(|_| "expected four numbers: batch,channels,rows,columns".to_string())
}

/// A priced layer.
#[derive(Serialize)]
struct Row {
    layer: String,
    pass: Pass,
    geometry: Geometry,
    drain: &'static str,
    jobs: usize,
    cycles: u64,
    compute_cycles: u64,
    macs: u64,
    macs_per_cycle: f64,
    peak_macs_per_cycle: usize,
    /// N / (C·⌈N/C⌉).
    bound: f64,
    /// `macs_per_cycle` / (peak · bound).
    efficiency: f64,
    stall_features: u64,
    stall_weights: u64,
    stall_operand: u64,
    stall_bank: u64,
    bytes_in: u64,
    bytes_out: u64,
    plan_ms: f64,
    /// What is reused.
    reuse: Mode,
    /// Cycles of the best plan without reuse.
    dense_cycles: u64,
    /// Vectors in state ZERO, HIT, MAU, MNU: assumed ones.
    states: [u64; 4],
    stall_detect: u64,
    detect_busy: u64,
    cuts: Vec<Cut>,
}

/// Detection of one correlation of the layer.
#[derive(Serialize)]
struct Detection {
    /// Groups whose Hitmap a set keeps.
    list_slots: u16,
    /// Hitmaps are detected again for every pass.
    redetect: bool,
    /// Steps that read one vector of a full group.
    steps: u8,
    /// Cycles of detecting a full group of the largest tile.
    detect_cycles: usize,
    /// Cycles of computing it if nothing is alike.
    dense_cycles: usize,
}

/// How one correlation of the layer is cut.
#[derive(Serialize)]
struct Cut {
    /// Images, rows and columns of the largest tile.
    tile: [usize; 3],
    tiles: usize,
    k_t: usize,
    groups: usize,
    elements_per_group: usize,
    passes: usize,
    sets: usize,
    channels: usize,
    partial_sums: usize,
    stream_features: bool,
    detection: Option<Detection>,
}

impl Args {
    pub(super) fn run(self) -> Result<Outcome> {
        let config = match &self.config {
            Some(path) => Config::load(path)?,
            None => Config::preset(&self.preset)?,
        };
        let mut rows = Vec::new();
        for (name, geometry, pass) in self.chosen()? {
            rows.push(self.price(&config, name, geometry, pass)?);
        }
        match (self.json, self.all || self.net.is_some()) {
            (true, true) => println!("{}", serde_json::to_string_pretty(&rows)?),
            (true, false) => println!("{}", serde_json::to_string_pretty(&rows[0])?),
            (false, true) => table(&config, &rows),
            (false, false) => details(&config, &rows[0]),
        }
        Ok(Outcome::Good)
    }

    /// The layers asked for.
    fn chosen(&self) -> Result<Vec<(String, Geometry, Pass)>> {
        let pass = self.pass.map(|pass| pass.operands().0);
        let named = layers();
        if self.all {
            return Ok(named
                .into_iter()
                .map(|l| (l.name.into(), l.geometry, pass.unwrap_or(l.pass)))
                .collect());
        }
        if let Some(net) = &self.net {
            let net = NetSpec::open(net)?;
            let batch = self.batch.unwrap_or(net.training.batch);
            ensure!(batch > 0, "--batch is 0: give at least 1");
            let pass = pass.unwrap_or(Pass::Forward);
            let products = net.products(batch)?.into_iter();
            return Ok(products.map(|(name, g)| (name, g, pass)).collect());
        }
        if let Some(name) = &self.layer {
            let names: Vec<_> = named.iter().map(|l| l.name).collect();
            let found = named.iter().find(|l| l.name == name);
            let layer = found.with_context(|| {
                format!("unknown layer {name:?}: choose one of {}", names.join(", "))
            })?;
            return Ok(vec![(
                name.clone(),
                layer.geometry.clone(),
                pass.unwrap_or(layer.pass),
            )]);
        }
        let ([batch, in_channels, height, width], filters) = self.input.zip(self.filters).context(
            "no layer: give --layer NAME, --all, --net NET, or a shape with --input B,C,H,W --filters N",
        )?;
        let geometry = Geometry {
            batch,
            in_channels,
            height,
            width,
            filters,
            kernel: self.kernel.get(),
            stride: self.stride.get(),
            dilation: self.dilation.get(),
            padding: self.padding.get(),
            groups: self.groups,
        };
        Ok(vec![(
            "given".into(),
            geometry,
            pass.unwrap_or(Pass::Forward),
        )])
    }

    /// The assumed shares.
    fn mix(&self) -> Result<Mix> {
        ensure!(
            self.reuse != Mode::Off || self.zero_share + self.hit_share == 0.0,
            "--zero-share and --hit-share are shares of what is reused, and --reuse is off: give a mode with --reuse"
        );
        ensure!(
            self.reuse != Mode::Zero || self.hit_share == 0.0,
            "--hit-share {}, and --reuse zero never finds a HIT: use sign, step or grid",
            self.hit_share
        );
        Mix::new(self.zero_share, self.hit_share)
    }

    /// What to reuse.
    fn setting(&self, config: &Config) -> Result<Reuse> {
        let reuse = Reuse {
            k_target: self.k_target,
            ..Reuse::of(self.reuse)
        };
        reuse.check(config).map(|()| reuse)
    }

    fn price(&self, config: &Config, layer: String, geometry: Geometry, pass: Pass) -> Result<Row> {
        // The amount of a shift does not change the plan.
        let raw = self.raw || pass == Pass::WeightGrad;
        let drain = if raw { Drain::Raw } else { Drain::Shift(1) };
        let start = Instant::now();
        let mix = self.mix()?;
        let mut plan = plan(&geometry, pass, drain, &self.setting(config)?, config)
            .with_context(|| format!("layer {layer}"))?;
        let plan_ms = start.elapsed().as_secs_f64() * 1e3;
        if mix != Mix::default() {
            let work: Vec<_> = plan.jobs.iter().map(|job| mix.work(job, config)).collect();
            plan.modelled = plan.counters(&work, config)?;
        }
        let sum =
            |f: fn(&crate::regmap::Statistics) -> u64| plan.modelled.iter().map(f).sum::<u64>();
        let cuts = plan
            .choices
            .iter()
            .map(|(view, choices)| cut(config, &plan, view, choices, pass));
        let cuts = cuts.collect::<Result<_>>()?;
        let n = match pass {
            Pass::InputGrad => geometry.in_channels,
            _ => geometry.filters,
        } / geometry.groups;
        let bound = n as f64 / (config.pes * n.div_ceil(config.pes)) as f64;
        let (cycles, macs) = (sum(|s| s.cycles), sum(|s| s.macs));
        let macs_per_cycle = macs as f64 / cycles.max(1) as f64;
        Ok(Row {
            layer,
            pass,
            geometry,
            drain: if raw || plan.requantise.is_some() {
                "raw"
            } else {
                "shift"
            },
            jobs: plan.jobs.len(),
            cycles,
            compute_cycles: sum(|s| s.compute_busy),
            macs,
            macs_per_cycle,
            peak_macs_per_cycle: config.pe_count(),
            bound,
            efficiency: macs_per_cycle / (config.pe_count() as f64 * bound),
            stall_features: sum(|s| s.stall_features),
            stall_weights: sum(|s| s.stall_weights),
            stall_operand: sum(|s| s.stall_operand),
            stall_bank: sum(|s| s.stall_bank),
            bytes_in: sum(|s| s.in_beats) * config.bus_bytes() as u64,
            bytes_out: sum(|s| s.out_beats) * config.bus_bytes() as u64,
            plan_ms,
            reuse: plan.reuse.mode,
            dense_cycles: plan.dense_cycles,
            states: [
                sum(|s| s.zero),
                sum(|s| s.hit),
                sum(|s| s.mau),
                sum(|s| s.mnu),
            ],
            stall_detect: sum(|s| s.stall_detect),
            detect_busy: sum(|s| s.detect_busy),
            cuts,
        })
    }
}

fn cut(
    config: &Config,
    plan: &Plan,
    view: &Correlation,
    choices: &Choices,
    pass: Pass,
) -> Result<Cut> {
    let grouping = Grouping::new(view, choices.channels, choices.k_t, config.k_max)?;
    let sizes = [view.batch, view.rows.outputs, view.cols.outputs];
    let jobs = || plan.jobs.iter().filter(|job| *job.view == *view);
    let tile = [0, 1, 2].map(|i| sizes[i].div_ceil(choices.parts[i]));
    let positions = tile.iter().product::<usize>();
    let detection = jobs().next().filter(|_| plan.reuse.is_on()).map(|job| {
        let regs = &job.regs;
        Detection {
            list_slots: regs.list_slots,
            redetect: regs.redetect,
            steps: regs.steps,
            detect_cycles: positions * usize::from(regs.steps),
            dense_cycles: positions * usize::from(regs.group_k),
        }
    });
    let tiles = jobs()
        .flat_map(|job| &job.segments)
        .filter(|s| matches!(s.payload, Payload::Tile(_)));
    Ok(Cut {
        tile,
        tiles: choices.parts.iter().product(),
        k_t: choices.k_t,
        groups: grouping.cgroups * grouping.chunks,
        elements_per_group: grouping.cg * grouping.kr * view.cols.taps,
        passes: choices.blocks,
        sets: tiles.fold(0, |mask, s| mask | s.mask).count_ones() as usize,
        channels: choices.channels,
        partial_sums: if pass == Pass::WeightGrad {
            choices.subsets
        } else {
            view.channels.div_ceil(choices.channels)
        },
        stream_features: choices.stream_features,
        detection,
    })
}

fn table(config: &Config, rows: &[Row]) {
    println!(
        "{}: {} sets x {} PEs, {}-bit streams",
        config.name, config.sets, config.pes, config.bus_w
    );
    println!(
        "{:<13} {:<11} {:>11} {:>12} {:>7} {:>9} {:>6} {:>6} {:>9} {:>9} {:>8}",
        "layer",
        "pass",
        "tile",
        "cycles",
        "jobs",
        "MACs/cyc",
        "bound",
        "eff.",
        "MB in",
        "MB out",
        "plan ms"
    );
    for row in rows {
        let tile = row
            .cuts
            .first()
            .map_or("-".into(), |c| c.tile.map(|n| n.to_string()).join("x"));
        println!(
            "{:<13} {:<11} {tile:>11} {:>12} {:>7} {:>9.2} {:>6.3} {:>6.3} {:>9.2} {:>9.2} {:>8.1}",
            row.layer,
            row.pass,
            grouped(row.cycles),
            row.jobs,
            row.macs_per_cycle,
            row.bound,
            row.efficiency,
            row.bytes_in as f64 / 1e6,
            row.bytes_out as f64 / 1e6,
            row.plan_ms
        );
    }
}

fn details(config: &Config, row: &Row) {
    println!(
        "{} {} on {}: {} sets x {} PEs",
        row.layer, row.pass, config.name, config.sets, config.pes
    );
    for (i, c) in row.cuts.iter().enumerate() {
        let name = if row.cuts.len() > 1 {
            format!("phase {i}")
        } else {
            "cut".into()
        };
        let features = if c.stream_features {
            "streamed for every pass"
        } else {
            "resident"
        };
        let [images, rows, cols] = c.tile;
        println!(
            "{name}: {} tiles of up to {images} images x {rows} rows x {cols} columns; K_T {}: {} groups of up to {} elements",
            c.tiles, c.k_t, c.groups, c.elements_per_group
        );
        println!(
            "      {} passes a unit on {} sets; {} channels summed in the array, {} partial sums; features {features}",
            c.passes, c.sets, c.channels, c.partial_sums
        );
        if let Some(d) = &c.detection {
            let when = if d.redetect {
                "again for every pass"
            } else {
                "once a tile"
            };
            println!(
                "      detection {when}: {} steps a vector, {} cycles a group against {} of dense compute; {} lists a set",
                d.steps, d.detect_cycles, d.dense_cycles, d.list_slots
            );
        }
    }
    println!(
        "jobs {}, drain {}, planned in {:.1} ms",
        row.jobs, row.drain, row.plan_ms
    );
    println!(
        "cycles {}, MACs {}, MACs per cycle {:.2} of {}",
        grouped(row.cycles),
        grouped(row.macs),
        row.macs_per_cycle,
        row.peak_macs_per_cycle
    );
    println!(
        "bound {:.4} of the peak, efficiency against the bound {:.4}",
        row.bound, row.efficiency
    );
    println!(
        "set cycles: computing {}, waiting for features {}, weights {}, operand {}, psum bank {}",
        grouped(row.compute_cycles),
        grouped(row.stall_features),
        grouped(row.stall_weights),
        grouped(row.stall_operand),
        grouped(row.stall_bank)
    );
    if row.reuse != Mode::Off {
        println!(
            "reuse {}, assuming vectors {} ZERO, {} HIT, {} MAU, {} MNU: dense takes {} cycles, {:.3} times as many; \
             detecting {}, waiting for lists {}",
            row.reuse.name(),
            grouped(row.states[0]),
            grouped(row.states[1]),
            grouped(row.states[2]),
            grouped(row.states[3]),
            grouped(row.dense_cycles),
            row.dense_cycles as f64 / row.cycles as f64,
            grouped(row.detect_busy),
            grouped(row.stall_detect)
        );
    }
    println!(
        "bytes in {}, out {}",
        grouped(row.bytes_in),
        grouped(row.bytes_out)
    );
}
