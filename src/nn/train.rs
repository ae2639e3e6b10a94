//! The training loop.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use ndarray::{Array4, Axis};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::adapt::{Controller, Decision};
use super::costing::{Bill, Costing};
use super::data::{Dataset, Images};
use super::loss::softmax_cross_entropy;
use super::network::{Network, hex};
use super::optimizer::Hyper;
use super::products::{Context, DrainPolicy, Ledger, LedgerEntry};
use super::reuse::LayerReuse;
use crate::engine::{Engine, OpStats};

/// How to train.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// Hyper-parameters.
    #[serde(flatten)]
    pub hyper: Hyper,
    /// Seeds the order and the jitter of the images.
    pub seed: u64,
    /// How results leave the accelerator.
    pub drain: DrainPolicy,
    /// What is reused, by layer and pass.
    #[serde(default)]
    pub reuse: LayerReuse,
    /// When the network is tested.
    #[serde(default)]
    pub test_after: TestAfter,
}

/// After which epochs a network is tested. Training does not depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TestAfter {
    /// After each one.
    #[default]
    EveryEpoch,
    /// After the last one.
    LastEpoch,
}

impl Options {
    /// Whether the network is tested after an epoch, counted from 1.
    pub fn tests_after(&self, epoch: usize) -> bool {
        self.test_after == TestAfter::EveryEpoch || epoch == self.hyper.epochs
    }
}

/// What happened in one epoch. Counts are those of training steps, evaluation not included.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochReport {
    /// From 1.
    pub epoch: usize,
    /// Mean training loss per image, each measured before the step that its batch made.
    pub loss: f64,
    /// Share of training images classified right before the step that their batch made.
    pub train_accuracy: f64,
    /// Share of test images classified right after the epoch; absent if it was not tested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_accuracy: Option<f64>,
    /// Accelerator clock cycles.
    pub cycles: u64,
    /// Accelerator clock cycles of the best plan without reuse.
    pub dense_cycles: u64,
    /// Multiply-accumulates.
    pub macs: u64,
    /// Results that a shifted drain saturated.
    pub saturations: u64,
    /// Share of the detected vectors that were not computed; none without reuse.
    pub hit_rate: Option<f64>,
    /// Dense cycles by cycles; none if cycles are not modelled.
    pub speedup: Option<f64>,
    /// Counts per layer and pass.
    pub layers: Vec<LayerReport>,
    /// How reuse was adapted during the epoch.
    #[serde(default)]
    pub decisions: Vec<Decision>,
}

/// Counts of one layer and pass, and what follows from them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerReport {
    /// The counts.
    #[serde(flatten)]
    pub entry: LedgerEntry,
    /// Share of the detected vectors that were not computed; none without reuse.
    pub hit_rate: Option<f64>,
    /// Dense cycles by cycles; none if cycles are not modelled.
    pub speedup: Option<f64>,
}

impl LayerReport {
    fn all(ledger: &Ledger) -> Vec<LayerReport> {
        let report = |entry: &LedgerEntry| LayerReport {
            entry: entry.clone(),
            hit_rate: entry.stats.hit_rate(),
            speedup: entry.stats.speedup(),
        };
        ledger.0.iter().map(report).collect()
    }
}

/// Sums over all epochs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// Counts of all training steps.
    #[serde(flatten)]
    pub stats: OpStats,
    /// Training images seen.
    pub images: u64,
    /// Wall-clock seconds, evaluation included.
    pub seconds: f64,
}

/// Result of a training run. All but `totals.seconds` is the same on every run of one seed, whatever the engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Network name.
    pub net: String,
    /// Engine name.
    pub engine: String,
    /// Operand width in bits.
    pub data_bits: u32,
    /// How it was trained.
    pub options: Options,
    /// Multiply-accumulates of one image in the forward pass.
    pub forward_macs_per_image: u64,
    /// One entry per epoch.
    pub epochs: Vec<EpochReport>,
    /// Sums over all epochs.
    pub totals: Totals,
    /// Counts per layer and pass.
    pub layers: Vec<LayerReport>,
    /// SHA-256 of the final predictions on the test set, one byte each.
    pub predictions_hash: String,
    /// SHA-256 of the final weights ([`Network::weights_hash`]).
    pub weights_hash: String,
}

/// News from a running training.
pub enum Event<'a> {
    /// So many images of the epoch's work (training and evaluation) are done.
    Images {
        /// Epoch, from 1.
        epoch: usize,
        /// Images of the epoch done, evaluation included.
        done: usize,
        /// Mean training loss of the epoch so far.
        loss: f64,
    },
    /// An epoch is over.
    Epoch(&'a EpochReport),
}

/// Trains `net` on `engine` and tests it.
///
/// # Errors
/// Data that do not fit the network, or what the engine refuses or finds wrong, with epoch, batch, layer and pass.
pub fn train(
    net: &mut Network,
    data: &Dataset,
    engine: &mut dyn Engine,
    options: &Options,
    on_event: &mut dyn FnMut(Event),
) -> Result<Report> {
    let (report, _) = train_costed(net, data, engine, options, vec![], on_event)?;
    Ok(report)
}

/// [`train`], with a report also for each setting of `costings`, in their order: what [`train`] would report on an engine of that
/// accelerator with that setting. `options` have exact reuse too if there are any.
///
/// # Errors
/// As [`train`]; inside of the list for settings with which an accelerator cannot do the training.
pub fn train_costed<'e>(
    net: &mut Network,
    data: &Dataset,
    engine: &'e mut dyn Engine,
    options: &Options,
    costings: Vec<Costing<'e>>,
    on_event: &mut dyn FnMut(Event),
) -> Result<(Report, Vec<Result<Report>>)> {
    check(net, data, options)?;
    ensure!(
        costings.is_empty() || options.reuse.is_exact(),
        "reuse of this training changes results: other settings need trainings of their own"
    );
    let start = Instant::now();
    let (name, data_bits) = (engine.name().to_string(), engine.data_bits());
    let mut cx = Context {
        drain: options.drain,
        reuse: options.reuse.clone(),
        costings,
        ..Context::new(engine)
    };
    let adapts = options.reuse.adapt;
    let mut controller = adapts.map(|adapt| Controller::new(adapt, options.reuse.clone()));
    let mut own = Book::default();
    let mut others: Vec<Book> = bills(&mut cx).map(|_| Book::default()).collect();
    let mut predictions = Vec::new();
    for epoch in 1..=options.hyper.epochs {
        cx.ledger = Ledger::default();
        let (loss, train_accuracy) = train_epoch(
            net,
            data,
            options,
            epoch,
            &mut cx,
            controller.as_mut(),
            on_event,
        )?;
        let steps = std::mem::take(&mut cx.ledger);
        if options.tests_after(epoch) {
            predictions = evaluate(net, data, options, epoch, loss, &mut cx, on_event)?;
        }
        let course = Course {
            epoch,
            loss,
            train_accuracy,
            test_accuracy: (options.tests_after(epoch))
                .then(|| accuracy(&predictions, &data.test.labels)),
            decisions: controller
                .as_mut()
                .map_or(vec![], Controller::take_decisions),
        };
        for (book, bill) in others.iter_mut().zip(bills(&mut cx)) {
            book.close_epoch(course.clone(), std::mem::take(&mut bill.ledger));
        }
        on_event(Event::Epoch(own.close_epoch(course, steps)));
    }
    let bytes: Vec<u8> = predictions.iter().map(|&p| p as u8).collect();
    let (predictions_hash, weights_hash) = (hex(&Sha256::digest(&bytes)), net.weights_hash());
    let seconds = start.elapsed().as_secs_f64();
    let report = |book: Book, reuse: LayerReuse| Report {
        net: net.spec.name.clone(),
        engine: name.clone(),
        data_bits,
        options: Options {
            reuse,
            ..options.clone()
        },
        forward_macs_per_image: net.forward_macs(),
        epochs: book.epochs,
        totals: Totals {
            stats: book.ledger.total(),
            images: (data.train.len() * options.hyper.epochs) as u64,
            seconds,
        },
        layers: LayerReport::all(&book.ledger),
        predictions_hash: predictions_hash.clone(),
        weights_hash: weights_hash.clone(),
    };
    let others = others.into_iter().zip(bills(&mut cx));
    let others = others.map(|(book, bill)| match bill.failure.take() {
        Some(error) => Err(error),
        None => Ok(report(book, bill.reuse.clone())),
    });
    let others = others.collect();
    Ok((report(own, options.reuse.clone()), others))
}

fn bills<'a>(cx: &'a mut Context) -> impl Iterator<Item = &'a mut Bill> {
    cx.costings.iter_mut().flat_map(Costing::bills)
}

/// What an epoch came to, whatever it cost.
#[derive(Clone)]
struct Course {
    epoch: usize,
    loss: f64,
    train_accuracy: f64,
    test_accuracy: Option<f64>,
    decisions: Vec<Decision>,
}

/// Counts of a training, epoch by epoch.
#[derive(Default)]
struct Book {
    epochs: Vec<EpochReport>,
    /// Sums over the epochs.
    ledger: Ledger,
}

impl Book {
    /// Adds an epoch whose training steps counted `steps`.
    fn close_epoch(&mut self, course: Course, steps: Ledger) -> &EpochReport {
        let stats = steps.total();
        self.epochs.push(EpochReport {
            epoch: course.epoch,
            loss: course.loss,
            train_accuracy: course.train_accuracy,
            test_accuracy: course.test_accuracy,
            cycles: stats.cycles,
            dense_cycles: stats.dense_cycles,
            macs: stats.macs,
            saturations: stats.saturations,
            hit_rate: stats.hit_rate(),
            speedup: stats.speedup(),
            layers: LayerReport::all(&steps),
            decisions: course.decisions,
        });
        self.ledger.merge(steps);
        self.epochs.last().expect("just added")
    }
}

fn check(net: &Network, data: &Dataset, options: &Options) -> Result<()> {
    options.hyper.check()?;
    options.reuse.adapt.map_or(Ok(()), |adapt| adapt.check())?;
    for images in [&data.train, &data.test] {
        let shape = &images.pixels.shape()[1..];
        ensure!(
            shape == net.spec.input,
            "images are {shape:?} (channels, rows, columns), network {} takes {:?}: use a network for these data",
            net.spec.name,
            net.spec.input
        );
    }
    ensure!(
        data.classes <= net.classes(),
        "the data have {} classes, network {} tells {} apart: give it more outputs",
        data.classes,
        net.spec.name,
        net.classes()
    );
    ensure!(
        net.classes() <= 256,
        "network {} has {} classes, the limit is 256",
        net.spec.name,
        net.classes()
    );
    Ok(())
}

/// One time through the training set; returns mean loss and accuracy.
fn train_epoch(
    net: &mut Network,
    data: &Dataset,
    options: &Options,
    epoch: usize,
    cx: &mut Context,
    mut controller: Option<&mut Controller>,
    on_event: &mut dyn FnMut(Event),
) -> Result<(f64, f64)> {
    let (count, hyper) = (data.train.len(), &options.hyper);
    let mut order: Vec<usize> = (0..count).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    rng.set_stream(u64::MAX - epoch as u64); // apart from the streams of the weights
    order.shuffle(&mut rng);
    cx.training = true;
    let (mut loss, mut right, mut done) = (0.0, 0, 0);
    let steps = count.div_ceil(hyper.batch);
    let mut ledger = Ledger::default();
    for (number, batch) in order.chunks(hyper.batch).enumerate() {
        if let Some(controller) = &controller {
            cx.reuse = controller.settings();
        }
        let place = || format!("epoch {epoch}, batch {}", number + 1);
        let (mut images, labels) = pick(&data.train, batch);
        jitter(&mut images, hyper.jitter, &mut rng);
        let logits = net.forward(images, cx).with_context(place)?;
        let end = softmax_cross_entropy(logits.view(), &labels);
        net.backward(end.gradient, cx).with_context(place)?;
        let lr = hyper.lr_at((epoch - 1) * steps + number, hyper.epochs * steps);
        net.step(lr, hyper);
        let counts = std::mem::take(&mut cx.ledger);
        if let Some(controller) = &mut controller {
            controller.observe(end.loss.into(), &counts);
        }
        ledger.merge(counts);
        loss += f64::from(end.loss) * batch.len() as f64;
        right += matches(&end.predictions, &labels);
        done += batch.len();
        on_event(Event::Images {
            epoch,
            done,
            loss: loss / done as f64,
        });
    }
    cx.ledger = ledger;
    Ok((loss / count as f64, right as f64 / count as f64))
}

/// Predictions on the test set.
fn evaluate(
    net: &mut Network,
    data: &Dataset,
    options: &Options,
    epoch: usize,
    loss: f64,
    cx: &mut Context,
    on_event: &mut dyn FnMut(Event),
) -> Result<Vec<usize>> {
    cx.training = false;
    let count = data.test.len();
    let all: Vec<usize> = (0..count).collect();
    let mut predictions = Vec::with_capacity(count);
    for batch in all.chunks(options.hyper.batch) {
        let (images, labels) = pick(&data.test, batch);
        let logits = net
            .forward(images, cx)
            .with_context(|| format!("evaluation after epoch {epoch}"))?;
        predictions.extend(softmax_cross_entropy(logits.view(), &labels).predictions);
        let done = data.train.len() + predictions.len();
        on_event(Event::Images { epoch, done, loss });
    }
    Ok(predictions)
}

fn pick(images: &Images, indices: &[usize]) -> (Array4<f32>, Vec<usize>) {
    (
        images.pixels.select(Axis(0), indices),
        indices.iter().map(|&i| images.labels[i]).collect(),
    )
}

/// Moves each image by up to `reach` pixels up or down and left or right, zeros moving in.
fn jitter(images: &mut Array4<f32>, reach: usize, rng: &mut ChaCha8Rng) {
    if reach == 0 {
        return;
    }
    for mut image in images.outer_iter_mut() {
        let [dy, dx] = [(); 2].map(|()| rng.random_range(0..=2 * reach));
        let from = image.to_owned();
        let at = |position: usize, offset: usize| (position + offset).checked_sub(reach);
        for ((channel, y, x), to) in image.indexed_iter_mut() {
            let source = at(y, dy)
                .zip(at(x, dx))
                .and_then(|(y, x)| from.get((channel, y, x)));
            *to = source.copied().unwrap_or(0.0);
        }
    }
}

fn matches(predictions: &[usize], labels: &[usize]) -> usize {
    predictions
        .iter()
        .zip(labels)
        .filter(|(p, l)| p == l)
        .count()
}

fn accuracy(predictions: &[usize], labels: &[usize]) -> f64 {
    matches(predictions, labels) as f64 / labels.len() as f64
}

#[cfg(test)]
#[path = "train_tests.rs"]
mod tests;
