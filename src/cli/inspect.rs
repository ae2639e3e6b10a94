//! `mercury inspect`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use ndarray::s;

use super::engine::{EngineArgs, EngineKind, report_check};
use super::job::{PassArg, write_operands};
use super::progress::Progress;
use super::reuse::{ReuseArgs, reuse_line};
use super::{Outcome, check_output, grouped, write_json};
use crate::engine::{Engine, Pass};
use crate::inspect::{Captured, Facts, Pick, Subject, capture, page};
use crate::nn::data::{self, Amount, Dataset};
use crate::nn::{
    self, DrainPolicy, Event, Hyper, LayerReuse, NetSpec, Network, Options, TestAfter,
};
use crate::plan;

/// Draw what reuse does to one layer: its Hitmap over its feature map, and its signatures.
///
/// Trains the network first, without reuse, so that the feature maps mean something. Then one step on test images gives the
/// operands of the layer's pass, and the chosen engine runs that pass with reuse. The page is one HTML file with nothing to load:
/// every output position of one image coloured by its decision, from where it is reused, the shares of the states in every group, how many
/// vectors share a signature, how full the MCACHE is, what is lost and what is saved.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  mercury inspect --layer conv2 --reuse grid --out inspect.html
  mercury inspect --layer conv2 --reuse step --bits 2 --channel-group 3 --image 17 --out inspect.html
  mercury inspect --layer conv2 --pass input_grad --reuse grid --out gradient.html --json gradient.json
  mercury inspect --net photos-cnn --data data/photos --layer conv1 --reuse sign --epochs 0 --out photos.html
  mercury inspect --layer conv1 --reuse grid --engine verilated --check --out hardware.html
  mercury inspect --layer conv2 --reuse grid --operands conv2.npz && mercury job --pass forward --in conv2.npz --padding 1 --out y.npz

What to look for: green (HIT) far from its orange source is reuse that a cache of recent lines would miss; purple (MNU) says the MCACHE
is too small or signatures too fine; a high error of x^ says they are too coarse: more --bits, smaller --step-log2, more --projections.

The groups are the channels compared at a time, see --k-target; --channel-group counts them from 0, as the page's table does.
The JSON file has the page's facts: cost, states, loss, result_error, groups, positions, signatures, occupancy.")]
pub struct Args {
    /// Built-in network (see mercury train --help), or a TOML file.
    #[arg(long, default_value = "digits-cnn")]
    net: String,
    /// Directory of the training and test images.
    #[arg(long, default_value = "data/digits")]
    data: PathBuf,
    /// Layer with dot products.
    #[arg(long)]
    layer: String,
    /// Which of its products.
    #[arg(long, value_enum, default_value = "forward")]
    pass: PassArg,
    /// Group of channels to draw.
    #[arg(long, value_name = "N", default_value_t = 0)]
    channel_group: usize,
    /// Test image to draw; the step is made with the whole batch that it falls into.
    #[arg(long, value_name = "N", default_value_t = 0)]
    image: usize,
    /// HTML page to write.
    #[arg(long, value_name = "FILE", default_value = "inspect.html")]
    out: PathBuf,
    /// Write the same facts as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the operands of the pass, whole batch, as an .npz file of int16 arrays named as mercury job names them.
    #[arg(long, value_name = "FILE")]
    operands: Option<PathBuf>,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    reuse: ReuseArgs,
    /// Times through the training set before, 0 for random weights.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        help_heading = "Training before"
    )]
    epochs: usize,
    /// Images per step [default: the network's].
    #[arg(long, value_name = "N", help_heading = "Training before")]
    batch: Option<usize>,
    /// Seeds the weights, the order of the images and the photo crops.
    #[arg(long, default_value_t = 1, help_heading = "Training before")]
    seed: u64,
    /// Use at most so many training images.
    #[arg(long, value_name = "N", help_heading = "Training before")]
    train_images: Option<usize>,
}

impl Args {
    pub(super) fn run(self) -> Result<Outcome> {
        let args = &self;
        for path in [Some(&args.out), args.json.as_ref(), args.operands.as_ref()]
            .into_iter()
            .flatten()
        {
            check_output(path)?;
        }
        let (pass, operand_names) = args.pass.operands();
        let config = args.engine.config()?;
        let mut net = Network::new(NetSpec::open(&args.net)?, args.seed)?;
        let names = net.product_layers();
        ensure!(
            names.contains(&args.layer),
            "layer {} has no dot products in {}: give one of {}",
            args.layer,
            net.spec.name,
            names.join(", ")
        );
        let reuse = args.reuse.settings(&names, &config)?.get(&args.layer, pass);
        ensure!(
            reuse.is_on(),
            "reuse is off in {} of layer {}: give --reuse zero, sign, step or grid",
            pass,
            args.layer
        );
        let amount = Amount {
            train: args.train_images,
            test: None,
        };
        let data = data::open(&args.data, amount, args.seed)?;
        ensure!(
            args.image < data.test.len(),
            "--image is {}, there are test images 0 to {}: give one of them",
            args.image,
            data.test.len() - 1
        );
        // On the host, whatever engine is inspected: it gives the same weights.
        let mut host = EngineArgs {
            engine: EngineKind::Golden,
            check: false,
            ..args.engine.clone()
        }
        .open(&config)?;
        let test_accuracy = args.train(&mut net, &data, host.as_mut())?;
        let (captured, batch) = args.capture(&mut net, &data, pass, host.as_mut())?;
        let mut engine = args.engine.open(&config)?;
        engine.keep_decisions(true);
        let op = captured.op(reuse);
        let result = engine.run(&op)?;
        let decisions = engine.take_decisions().context(
            "this Verilog does not show its decisions: generate it with trace = true, or use --engine golden",
        )?;
        let dense = host.run(&captured.op(LayerReuse::default().get(&args.layer, pass)))?;
        let subject = Subject {
            net: net.spec.name.clone(),
            layer: args.layer.clone(),
            pass: pass.name().into(),
            engine: engine.name().into(),
            config: config.name.clone(),
            epochs: args.epochs,
            test_accuracy,
            batch,
            image: args.image,
            label: data.test.labels[args.image],
        };
        let facts = Facts::new(
            subject,
            &captured,
            reuse,
            (
                &plan::scope(op.geometry, pass, &reuse, &config)?,
                &decisions,
            ),
            (&result, &dense.y),
            &config,
            Pick {
                group: args.channel_group,
                image: args.image - batch[0],
            },
        )?;
        std::fs::write(&args.out, page(&facts)?)
            .with_context(|| format!("cannot write {}", args.out.display()))?;
        if let Some(path) = &args.json {
            write_json(path, &facts)?;
        }
        if let Some(path) = &args.operands {
            write_operands(path, operand_names, [&captured.a, &captured.b])?;
        }
        println!(
            "{} {} on {} ({}), {} images of {}",
            args.layer,
            pass,
            engine.name(),
            config.name,
            batch[1],
            args.data.display()
        );
        println!("{}", reuse_line(&result.stats));
        summary(&facts, &args.out);
        report_check(engine.as_ref());
        Ok(Outcome::Good)
    }

    /// Trains without reuse; the share of test images classified right.
    fn train(
        &self,
        net: &mut Network,
        data: &Dataset,
        engine: &mut dyn Engine,
    ) -> Result<Option<f64>> {
        if self.epochs == 0 {
            return Ok(None);
        }
        let own = net.spec.training.clone();
        let options = Options {
            hyper: Hyper {
                epochs: self.epochs,
                batch: self.batch.unwrap_or(own.batch),
                ..own
            },
            seed: self.seed,
            drain: DrainPolicy::default(),
            reuse: LayerReuse::default(),
            test_after: TestAfter::EveryEpoch,
        };
        let per_epoch = (data.train.len() + data.test.len()) as u64;
        let mut progress = Progress::new(per_epoch * self.epochs as u64, "images");
        let report = nn::train(net, data, engine, &options, &mut |event| {
            if let Event::Images { epoch, done, loss } = event {
                let done = (epoch as u64 - 1) * per_epoch + done as u64;
                progress.set(done, &format!("epoch {epoch}, loss {loss:.4}"));
            }
        })?;
        Ok(report.epochs.last().and_then(|epoch| epoch.test_accuracy))
    }

    /// The pass of the layer in a step on the test images around the chosen one, and which these are: first and count.
    fn capture(
        &self,
        net: &mut Network,
        data: &Dataset,
        pass: Pass,
        engine: &mut dyn Engine,
    ) -> Result<(Captured, [usize; 2])> {
        let size = self.batch.unwrap_or(net.spec.training.batch).max(1);
        let first = self.image / size * size;
        let end = (first + size).min(data.test.len());
        let images = data
            .test
            .pixels
            .slice(s![first..end, .., .., ..])
            .to_owned();
        let captured = capture(
            net,
            images,
            &data.test.labels[first..end],
            (&self.layer, pass),
            engine,
        )?;
        Ok((captured, [first, end - first]))
    }
}

/// The page in a few lines.
fn summary(facts: &Facts, out: &Path) {
    let group = facts.group();
    let [zero, hit, mau, mnu] = group.states;
    println!(
        "group {} of {}: {} ZERO, {} HIT, {} MAU, {} MNU of {} positions in all images, {} elements each",
        facts.drawn,
        facts.groups.len(),
        grouped(zero),
        grouped(hit),
        grouped(mau),
        grouped(mnu),
        grouped(group.positions()),
        group.elements
    );
    println!(
        "{} cycles with reuse, {} without; error of x^ {:.2} % (RMS {:.1}), of the result {:.2} %",
        grouped(facts.cost.cycles),
        grouped(facts.cost.dense_cycles),
        100.0 * facts.loss.relative,
        facts.loss.rms,
        100.0 * facts.result_error
    );
    println!("wrote {}", out.display());
}
