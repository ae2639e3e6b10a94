//! `mercury crew report`: what CREW saves, layer by layer.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};

use super::super::Outcome;
use super::super::progress::Progress;
use crate::crew::report::sources::{self, Distribution, Origin, SHAPES, Source, Trained};
use crate::crew::report::{AIM_SPEED, Accuracy, Layer, Report, Sweep, write};
use crate::nn::data::{self, Amount};
use crate::nn::{Event, NetSpec};

/// Measure unique weights, storage and cycles on layers trained here, on published shapes and on your own
///
/// Trains the networks, quantises each layer to 8 and 4 bits, with and without merging rare weights, and tests what that costs. Weights
/// of the published shapes are drawn from the distribution measured on the trained layers. Cycles of CREW and of the dense array
/// are those of the model that `mercury crew cosim` compares with the Verilog; UCNN is a model (docs/crew.md).
#[derive(clap::Args)]
#[command(after_help = "Examples:
  mercury crew report                                          networks of digits, published shapes: reports/crew/index.html
  mercury crew report --nets none --weights model.safetensors  your layers alone
  mercury crew report --area crew-paper=a.json --area dense-fc-paper=b.json

An area file is what `tools/area.py --preset crew-paper --json a.json` writes.
Files: crew.json has everything, layers.csv a line a layer, points.csv a line a point of the sweep.")]
pub struct Args {
    /// Networks to train, of fully connected layers, 1×1 convolutions, attention and LSTMs; `none` for none
    #[arg(
        long,
        value_name = "NETS",
        value_delimiter = ',',
        default_value = "digits-mlp,digits-transformer,digits-lstm"
    )]
    nets: Vec<String>,
    /// Directory of the training and test images
    #[arg(long, default_value = "data/digits")]
    data: PathBuf,
    /// Seeds training and drawn weights
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Also measure the matrices of a .npz, .npy or .safetensors file; may be given several times
    #[arg(long, value_name = "FILE")]
    weights: Vec<PathBuf>,
    /// Matrices of the files are [inputs, outputs]; without it [outputs, inputs], as PyTorch stores them
    #[arg(long)]
    transposed: bool,
    /// Largest relative error of an input's weights when rare ones are merged
    #[arg(long, default_value_t = 0.05, value_name = "TOL")]
    merge: f64,
    /// Area of a preset, as NAME=FILE
    #[arg(long, value_name = "NAME=FILE")]
    area: Vec<String>,
    /// Folder to write to
    #[arg(long, value_name = "DIR", default_value = "reports/crew")]
    out: PathBuf,
}

impl Args {
    pub(super) fn run(self) -> Result<Outcome> {
        ensure!(
            (0.0..1.0).contains(&self.merge),
            "--merge is {}, must be at least 0 and below 1: use 0.05 for example",
            self.merge
        );
        let area = self.area.iter().map(|text| read_area(text));
        let area = area.collect::<Result<Vec<_>>>()?;
        let mut given = Vec::new();
        for file in &self.weights {
            given.extend(sources::file(file, self.transposed)?);
        }
        let (trained, accuracy) = self.train()?;
        ensure!(
            !trained.is_empty() || !given.is_empty(),
            "nothing to measure: give --nets or --weights"
        );
        let report = Report {
            command: self.command(),
            accuracy,
            layers: self.measure(&trained, &given)?,
            area,
        };
        write(&self.out, &report)?;
        print(&report);
        println!("written: {}", self.out.join("index.html").display());
        Ok(Outcome::Good)
    }

    /// The command line that repeats the report.
    fn command(&self) -> String {
        let mut words = vec![format!(
            "mercury crew report --nets {} --data {} --seed {} --merge {}",
            self.nets.join(","),
            self.data.display(),
            self.seed,
            self.merge
        )];
        let files = self.weights.iter();
        words.extend(files.map(|file| format!("--weights {}", file.display())));
        words.extend(self.transposed.then(|| "--transposed".into()));
        words.extend(self.area.iter().map(|area| format!("--area {area}")));
        words.join(" ")
    }

    /// The layers of the trained networks, and what quantisation costs.
    fn train(&self) -> Result<(Vec<Source>, Vec<Accuracy>)> {
        let (mut layers, mut accuracy) = (Vec::new(), Vec::new());
        for name in self.nets.iter().filter(|name| *name != "none") {
            let data = data::open(&self.data, Amount::default(), self.seed)?;
            let epochs = NetSpec::open(name)?.training.epochs as u64;
            let per_epoch = (data.train.len() + data.test.len()) as u64;
            let mut net = {
                let mut progress = Progress::new(per_epoch * epochs, "images");
                Trained::new(name, data, self.seed, &mut |event| {
                    if let Event::Images { epoch, done, loss } = event {
                        let done = (epoch as u64 - 1) * per_epoch + done as u64;
                        progress.set(done, &format!("{name}, epoch {epoch}, loss {loss:.4}"));
                    }
                })?
            };
            let merge = [0.0, self.merge];
            let quantised = [8, 4]
                .into_iter()
                .flat_map(|bits| merge.map(|m| (Some(bits), m)));
            for (bits, merge) in [(None, 0.0)].into_iter().chain(quantised) {
                accuracy.push(Accuracy {
                    net: net.name().into(),
                    bits,
                    merge,
                    accuracy: net.accuracy(bits, merge)?,
                });
            }
            layers.extend(net.sources());
        }
        Ok((layers, accuracy))
    }

    fn measure(&self, trained: &[Source], given: &[Source]) -> Result<Vec<Layer>> {
        let quantisations = [(8, 0.0), (8, self.merge), (4, 0.0)];
        let shapes = if trained.is_empty() { 0 } else { SHAPES.len() };
        let count = quantisations.len() * (trained.len() + given.len() + shapes);
        let mut progress = Progress::new(count as u64, "layers");
        let mut layers = Vec::new();
        let mut measure = |source: &Source, sweep: &Sweep| {
            for (bits, merge) in quantisations {
                // The sweep once a layer: the other quantisations at the sizes of crew-paper.
                let short = Sweep::short();
                let sweep = if merge > 0.0 || bits < 8 {
                    &short
                } else {
                    sweep
                };
                layers.push(Layer::new(source, bits, merge, sweep)?);
                progress.set(layers.len() as u64, &source.name);
            }
            anyhow::Ok(())
        };
        for (number, (name, shape)) in SHAPES.into_iter().take(shapes).enumerate() {
            let distribution = Distribution::of(trained)?;
            let source = distribution.draw(name, shape, self.seed + number as u64);
            measure(&source, &Sweep::whole())?;
        }
        for source in trained {
            measure(source, &Sweep::short())?;
        }
        for source in given {
            measure(source, &Sweep::whole())?;
        }
        Ok(layers)
    }
}

fn read_area(text: &str) -> Result<(String, serde_json::Value)> {
    let (name, file) = text
        .split_once('=')
        .with_context(|| format!("--area is {text}: give NAME=FILE, such as crew-paper=a.json"))?;
    let json = fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
    let json = serde_json::from_str(&json).with_context(|| format!("{file} is no JSON"))?;
    Ok((name.into(), json))
}

/// The table of the layers, and where the aim of speed is met.
fn print(report: &Report) {
    println!(
        "{:<52}{:>5}{:>7}{:>12}{:>9}{:>9}{:>10}{:>10}{:>11}",
        "layer", "bits", "merge", "shape", "uniques", "left", "storage", "1 vector", "4 vectors"
    );
    for layer in &report.layers {
        let speed = |batch| {
            let point = layer.point(512, batch, 4);
            point.map_or(String::new(), |p| format!("{:.2}x", p.speed))
        };
        let summary = &layer.summary;
        println!(
            "{:<52}{:>5}{:>7}{:>12}{:>9.1}{:>8.1}%{:>9.1}%{:>10}{:>11}",
            layer.name,
            layer.bits,
            layer.merge,
            format!("{}x{}", summary.inputs, summary.outputs),
            summary.mean_uniques,
            100.0 * summary.multiplications_left,
            100.0 * summary.storage,
            speed(1),
            speed(4)
        );
    }
    let swept = report
        .layers
        .iter()
        .filter(|l| l.origin == Origin::Drawn && l.points.len() > 2);
    for layer in swept {
        let met = layer.points.iter().filter(|p| p.speed >= AIM_SPEED);
        println!(
            "{}: {} of {} points at least {AIM_SPEED}x as fast as dense",
            layer.name,
            met.count(),
            layer.points.len()
        );
    }
    for a in &report.accuracy {
        let bits = a
            .bits
            .map_or("as trained".into(), |bits| format!("{bits} bits"));
        println!(
            "{}, {bits}, merge {}: {:.1} % of the test images right",
            a.net,
            a.merge,
            100.0 * a.accuracy
        );
    }
}
