//! `mercury train`.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::ValueEnum;
use serde::Serialize;

use super::adapt::{AdaptArgs, decision_line};
use super::engine::{EngineArgs, report_check};
use super::progress::Progress;
use super::reuse::{ReuseArgs, reuse_line, reuse_sum_line};
use super::rows::RowsArgs;
use super::{Outcome, check_output, grouped, write_json};
use crate::config::TrainSizes;
use crate::nn::data::{self, Amount};
use crate::nn::{
    self, Adapt, DrainPolicy, Event, Hyper, LayerReuse, NetSpec, Network, Optimizer, Options,
    Report, Schedule, TestAfter,
};

/// Train a network, every dot product of convolutions, fully connected layers, attention and LSTMs done by the chosen engine.
///
/// Forward results, input gradients and weight gradients of these layers are computed in integers by the engine;
/// biases, activations, normalisation, pooling, loss and optimiser stay on the host in 32-bit float. A seed repeats a run bit
/// for bit on any engine.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  mercury train --net digits-cnn --data data/digits --epochs 8 --seed 1
  mercury train --net resnet-small --data data/photos --train-images 800 --lr 0.02
  mercury train --net digits-transformer --optimizer adam --lr 0.002 --schedule cosine --warmup 1
  mercury train --net my-net.toml --data ~/mnist --json report.json
  mercury train --reuse step --bits 3 --elem-skip          skip alike vectors; see what it costs in accuracy
  mercury train --reuse grid --adapt                       refine signatures when the loss stops falling
  mercury train --preset acrtc-small --rows delta --level 8             a tensor core, CRTC: a fixed level
  mercury train --preset acrtc-small --rows delta --level 6 --adapt     ACRTC: coarser at first
  mercury train --reuse step --reuse-file reuse.toml       with [layer.conv1.weight_grad] mode = 'off'

The learning rate falls from --lr to --lr-end over all --epochs: a run of fewer epochs is not the beginning of a longer one.

Built-in networks: digits-cnn, digits-mlp, digits-transformer, digits-lstm for data/digits; photos-cnn, vgg-small, vgg-small-bn, resnet-small,
depthwise-small for data/photos and other 32x32 colour images. Others are TOML layer lists like those in nets/.
Data are a directory of IDX files (MNIST's format, also .gz), of CIFAR-10's binary version, or of PNG photographs, from which
32x32 crops are cut; docs/networks.md says more about networks and data.
The JSON report has epochs: [{loss, train_accuracy, test_accuracy, cycles, dense_cycles, macs, saturations,
hit_rate, speedup, layers, decisions}], totals,
counts per layer and pass, predictions_hash and weights_hash (SHA-256).")]
pub struct Args {
    /// Built-in network, or a TOML file.
    #[arg(long, default_value = "digits-cnn")]
    net: String,
    /// Directory of the training and test images.
    #[arg(long, default_value = "data/digits")]
    data: PathBuf,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    reuse: ReuseArgs,
    #[command(flatten)]
    rows: RowsArgs,
    #[command(flatten)]
    adapt: AdaptArgs,
    /// Times through the training set.
    #[arg(long, value_name = "N", help_heading = FROM_NET)]
    epochs: Option<usize>,
    /// Images per step.
    #[arg(long, value_name = "N", help_heading = FROM_NET)]
    batch: Option<usize>,
    /// How weights follow their gradients.
    #[arg(long, value_enum, help_heading = FROM_NET)]
    optimizer: Option<OptimizerArg>,
    /// Learning rate of the first step.
    #[arg(long, value_name = "RATE", help_heading = FROM_NET)]
    lr: Option<f32>,
    /// How the learning rate changes from step to step.
    #[arg(long, value_enum, help_heading = FROM_NET)]
    schedule: Option<ScheduleArg>,
    /// Epochs, also parts of one, in which the learning rate rises from nothing.
    #[arg(long, value_name = "EPOCHS", help_heading = FROM_NET)]
    warmup: Option<f32>,
    /// Weight decay.
    #[arg(long, value_name = "DECAY", help_heading = FROM_NET)]
    weight_decay: Option<f32>,
    /// Learning rate at the end as a share of the first: 1 keeps it, 0 lets it fall to nothing.
    #[arg(long, value_name = "SHARE", help_heading = FROM_NET)]
    lr_end: Option<f32>,
    /// Momentum of SGD, beta1 of Adam: 0 or more and below 1.
    #[arg(long, value_name = "M", help_heading = FROM_NET)]
    momentum: Option<f32>,
    /// Move training images by up to so many pixels at random.
    #[arg(long, value_name = "PIXELS", help_heading = FROM_NET)]
    jitter: Option<usize>,
    /// Seeds the weights, the order of the images and the photo crops.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How forward results and input gradients leave the accelerator.
    #[arg(long, value_enum, default_value = "shift")]
    drain: DrainArg,
    /// Use at most so many training images.
    #[arg(long, value_name = "N")]
    train_images: Option<usize>,
    /// Use at most so many test images.
    #[arg(long, value_name = "N")]
    test_images: Option<usize>,
    /// Test on images held out of the training set instead of the test set: to choose hyper-parameters.
    #[arg(long)]
    validation: bool,
    /// Write a report.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum DrainArg {
    /// As 64-bit sums.
    Raw,
    /// As operand-width integers, scaled by the previous batch's largest sum.
    Shift,
}

#[derive(Clone, Copy, ValueEnum)]
enum OptimizerArg {
    /// Stochastic gradient descent with momentum.
    Sgd,
    /// Adam, weight decay apart from the gradient.
    Adam,
}

impl OptimizerArg {
    fn get(self) -> Optimizer {
        match self {
            OptimizerArg::Sgd => Optimizer::Sgd,
            OptimizerArg::Adam => Optimizer::Adam,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum ScheduleArg {
    /// The same in all steps.
    Constant,
    /// A straight line to the share --lr-end.
    Linear,
    /// Half a cosine to the share --lr-end.
    Cosine,
    /// Steps down, see step_every and step_factor in the network file.
    Step,
}

impl ScheduleArg {
    fn get(self) -> Schedule {
        match self {
            ScheduleArg::Constant => Schedule::Constant,
            ScheduleArg::Linear => Schedule::Linear,
            ScheduleArg::Cosine => Schedule::Cosine,
            ScheduleArg::Step => Schedule::Step,
        }
    }
}

/// Heading of the options whose defaults stand in the network file.
const FROM_NET: &str = "Training options (the network's own [training] values by default)";

/// What the JSON file holds: the run's circumstances and its report.
#[derive(Serialize)]
struct File<'a> {
    data: String,
    /// Kind of data, and whether the test images are ones held out of the training set.
    data_kind: &'a str,
    validation: bool,
    config: &'a str,
    config_hash: String,
    #[serde(flatten)]
    report: &'a Report,
}

impl Args {
    /// The network's hyper-parameters, where the command line says nothing else.
    fn hyper(&self, net: &Hyper) -> Hyper {
        Hyper {
            epochs: self.epochs.unwrap_or(net.epochs),
            batch: self.batch.unwrap_or(net.batch),
            optimizer: self.optimizer.map_or(net.optimizer, OptimizerArg::get),
            lr: self.lr.unwrap_or(net.lr),
            schedule: self.schedule.map_or(net.schedule, ScheduleArg::get),
            lr_end: self.lr_end.unwrap_or(net.lr_end),
            warmup: self.warmup.unwrap_or(net.warmup),
            momentum: self.momentum.unwrap_or(net.momentum),
            weight_decay: self.weight_decay.unwrap_or(net.weight_decay),
            jitter: self.jitter.unwrap_or(net.jitter),
            ..net.clone()
        }
    }

    /// What is skipped, by layer and pass.
    fn settings(&self, net: &Network, sizes: &TrainSizes) -> Result<LayerReuse> {
        match sizes {
            TrainSizes::Mercury(config) => {
                self.rows.refuse(&config.name)?;
                let reuse = self.reuse.settings(&net.product_layers(), config)?;
                self.adapt.apply(reuse, Adapt::default())
            }
            TrainSizes::Tc(config) => {
                ensure!(
                    self.reuse.is_empty(),
                    "{} is a tensor core: leave --reuse and its options out, give --rows, --level and --row-order",
                    config.name
                );
                let reuse = self.rows.settings(config)?;
                self.adapt.apply(reuse, Adapt::of_levels())
            }
        }
    }

    pub(super) fn run(self) -> Result<Outcome> {
        let args = &self;
        if let Some(path) = &args.json {
            check_output(path)?;
        }
        let sizes = args.engine.sizes()?;
        let mut net = Network::new(NetSpec::open(&args.net)?, args.seed)?;
        let amount = Amount {
            train: args.train_images,
            test: args.test_images,
        };
        let open = match args.validation {
            true => data::open_validation,
            false => data::open,
        };
        let data = open(&args.data, amount, args.seed)?;
        let options = Options {
            hyper: args.hyper(&net.spec.training),
            seed: args.seed,
            drain: match args.drain {
                DrainArg::Raw => DrainPolicy::Raw,
                DrainArg::Shift => DrainPolicy::Shift,
            },
            test_after: TestAfter::EveryEpoch,
            reuse: args.settings(&net, &sizes)?,
        };
        let mut engine = args.engine.open_any(&sizes)?;
        println!(
            "{} on {} ({}, {}-bit operands): {} training and {} {} images of {} classes ({}), {} MACs per image forward",
            net.spec.name,
            engine.name(),
            sizes.name(),
            engine.data_bits(),
            grouped(data.train.len() as u64),
            grouped(data.test.len() as u64),
            if args.validation {
                "validation"
            } else {
                "test"
            },
            data.classes,
            data.kind,
            grouped(net.forward_macs())
        );
        let per_epoch = (data.train.len() + data.test.len()) as u64;
        let mut progress = Progress::new(per_epoch * options.hyper.epochs as u64, "images");
        let report = nn::train(
            &mut net,
            &data,
            engine.as_mut(),
            &options,
            &mut |event| match event {
                Event::Images { epoch, done, loss } => {
                    let done = (epoch as u64 - 1) * per_epoch + done as u64;
                    progress.set(done, &format!("epoch {epoch}, loss {loss:.4}"));
                }
                Event::Epoch(epoch) => {
                    progress.println(&epoch_line(epoch, options.hyper.epochs));
                    if options.reuse.is_on() {
                        reuse_lines(epoch)
                            .iter()
                            .for_each(|line| progress.println(line));
                    }
                    let decisions = epoch.decisions.iter().map(decision_line);
                    decisions.for_each(|line| progress.println(&line));
                }
            },
        )?;
        drop(progress);
        finish(args, &sizes, data.kind, &report)?;
        if options.reuse.can_refine()
            && let Some(note) = not_learning(&report, data.classes, &sizes)
        {
            eprintln!("note: {note}");
        }
        report_check(engine.as_ref());
        Ok(Outcome::Good)
    }
}

fn epoch_line(epoch: &nn::EpochReport, of: usize) -> String {
    format!(
        "epoch {:>2}/{of}  loss {:.4}  train {:>6.2} %  test {:>6.2} %  {} cycles  {} MACs  {} saturated",
        epoch.epoch,
        epoch.loss,
        100.0 * epoch.train_accuracy,
        100.0 * epoch.test_accuracy.expect("tested after every epoch"),
        grouped(epoch.cycles),
        grouped(epoch.macs),
        grouped(epoch.saturations)
    )
}

/// What reuse did in each layer and pass of an epoch, and in all.
fn reuse_lines(epoch: &nn::EpochReport) -> Vec<String> {
    let entries = || epoch.layers.iter().map(|layer| &layer.entry);
    let all = reuse_sum_line(entries().map(|entry| &entry.stats));
    let each = entries().map(|entry| {
        let line = reuse_line(&entry.stats);
        format!("  {:<12} {:<12} {line}", entry.layer, entry.pass)
    });
    each.chain([format!("  {:<25} {all}", "all")]).collect()
}

/// Says so where the last epoch's loss is hardly below that of guessing: signatures that join unlike vectors can do that.
fn not_learning(report: &Report, classes: usize, sizes: &TrainSizes) -> Option<String> {
    let loss = report.epochs.last()?.loss;
    let guess = (classes as f64).ln();
    let finer = match sizes {
        TrainSizes::Mercury(_) => {
            "compare more finely: one more of --bits, a smaller --step-log2, more --projections, --adapt"
        }
        TrainSizes::Tc(_) => "round less: a smaller --level",
    };
    (loss > 0.9 * guess).then(|| {
        format!(
            "the network has hardly learned: its loss is {loss:.2}, guessing gives {guess:.2}. Train longer, or {finer}"
        )
    })
}

fn finish(args: &Args, sizes: &TrainSizes, data_kind: &str, report: &Report) -> Result<()> {
    let totals = &report.totals;
    println!(
        "{:.1} s, {:.0} training images per second; weights {}",
        totals.seconds,
        totals.images as f64 / totals.seconds,
        report.weights_hash
    );
    if let Some(path) = &args.json {
        let data = args.data.display().to_string();
        write_json(
            path,
            &File {
                data,
                data_kind,
                validation: args.validation,
                config: sizes.name(),
                config_hash: sizes.hash(),
                report,
            },
        )?;
        println!("wrote {}", path.display());
    }
    Ok(())
}
