//! Training on the golden engine.

use std::path::Path;

use super::*;
use crate::config::Config;
use crate::cosim::verilated;
use crate::golden::Golden;
use crate::nn::NetSpec;
use crate::nn::data::{self, Amount};
use crate::report::Mode;
use ndarray::{ArrayView2, arr2, s};

fn digits(amount: Amount) -> Dataset {
    data::open(Path::new("data/digits"), amount, 0).unwrap()
}

fn run(seed: u64, data: &Dataset, change: impl FnOnce(&mut Options)) -> Result<Report> {
    let spec = NetSpec::open("digits-cnn").unwrap();
    let hyper = Hyper {
        epochs: 1,
        ..spec.training.clone()
    };
    let mut options = Options {
        hyper,
        seed,
        drain: DrainPolicy::Shift,
        reuse: LayerReuse::default(),
        test_after: TestAfter::EveryEpoch,
    };
    change(&mut options);
    let mut net = Network::new(spec, seed).unwrap();
    train(&mut net, data, &mut Golden::new(16), &options, &mut |_| {})
}

#[test]
fn a_seed_repeats_a_run_bit_for_bit() {
    let data = digits(Amount {
        train: Some(200),
        test: Some(50),
    });
    let strip = |mut report: Report| {
        report.totals.seconds = 0.0;
        report
    };
    let [first, again, other] = [4, 4, 5].map(|seed| strip(run(seed, &data, |_| {}).unwrap()));
    assert_eq!(first, again);
    assert_ne!(first.weights_hash, other.weights_hash);
    assert_ne!(first.epochs[0].loss, other.epochs[0].loss);
}

#[test]
fn counts_are_those_of_the_training_steps() {
    let data = digits(Amount {
        train: Some(70),
        test: Some(50),
    });
    let report = run(1, &data, |o| o.hyper.epochs = 2).unwrap();
    // Forward and weight gradient of every layer, input gradient of all but the first.
    let passes: Vec<_> = report
        .layers
        .iter()
        .map(|e| {
            (
                e.entry.layer.as_str(),
                e.entry.pass.name(),
                e.entry.operations,
            )
        })
        .collect();
    assert!(
        passes.contains(&("conv1", "forward", 6)) && passes.contains(&("conv1", "weight_grad", 6)),
        "{passes:?}"
    );
    assert!(
        passes.contains(&("fc", "input_grad", 6))
            && !passes.iter().any(|p| p.0 == "conv1" && p.1 == "input_grad")
    );
    let conv1 = report
        .layers
        .iter()
        .find(|e| e.entry.layer == "conv1")
        .unwrap()
        .entry
        .stats
        .macs;
    let expected = 3 * 140 * report.forward_macs_per_image - conv1;
    assert_eq!(report.totals.stats.macs, expected);
    assert_eq!(report.epochs.iter().map(|e| e.macs).sum::<u64>(), expected);
    assert_eq!(report.totals.images, 140);
}

#[test]
fn a_diverging_run_ends_with_place_and_fix() {
    let data = digits(Amount {
        train: Some(300),
        test: Some(10),
    });
    let error = format!("{:#}", run(1, &data, |o| o.hyper.lr = 1e30).unwrap_err());
    assert!(
        error.contains("epoch 1, batch") && error.contains("lower the learning rate"),
        "{error}"
    );
}

#[test]
fn a_shared_training_reports_what_each_accelerator_and_setting_would_alone() {
    let data = digits(Amount {
        train: Some(70),
        test: Some(20),
    });
    let spec = NetSpec::open("digits-cnn").unwrap();
    let mut options = Options {
        hyper: spec.training.clone(),
        seed: 2,
        drain: DrainPolicy::Shift,
        reuse: LayerReuse::default(),
        test_after: TestAfter::LastEpoch,
    };
    options.hyper.epochs = 2;
    let configs = ["tiny", "small"].map(|name| Config::preset(name).unwrap());
    let settings = [Mode::Dense, Mode::Elements, Mode::Zero].map(|m| m.settings(m.reuse()));
    let mut models = configs.each_ref().map(verilated::modelled);
    let costings = models.iter_mut();
    let costings = costings.map(|model| Costing::new(model, settings.to_vec()).unwrap());
    let mut net = Network::new(spec.clone(), 2).unwrap();
    let mut engine = Golden::new(16);
    let (_, shared) = train_costed(
        &mut net,
        &data,
        &mut engine,
        &options,
        costings.collect(),
        &mut |_| {},
    )
    .unwrap();

    let all = configs
        .iter()
        .flat_map(|c| settings.iter().map(move |s| (c, s)));
    let mut cycles = std::collections::BTreeSet::new();
    for ((config, setting), shared) in all.zip(shared) {
        options.reuse = setting.clone();
        let mut net = Network::new(spec.clone(), 2).unwrap();
        let mut engine = verilated::modelled(config);
        let mut alone = train(&mut net, &data, &mut engine, &options, &mut |_| {}).unwrap();
        let mut shared = shared.unwrap();
        (alone.totals.seconds, shared.totals.seconds) = (0.0, 0.0);
        assert_eq!(shared, alone);
        assert_eq!(alone.epochs[0].test_accuracy, None);
        cycles.insert(alone.totals.stats.cycles);
    }
    assert_eq!(cycles.len(), 6);
}

#[test]
fn a_setting_that_an_accelerator_cannot_do_spoils_no_other_one_and_inexact_ones_are_refused() {
    let data = digits(Amount {
        train: Some(8),
        test: Some(4),
    });
    let spec = NetSpec::open("digits-cnn").unwrap();
    let options = Options {
        hyper: Hyper {
            epochs: 1,
            ..spec.training.clone()
        },
        seed: 1,
        drain: DrainPolicy::Shift,
        reuse: LayerReuse::default(),
        test_after: TestAfter::LastEpoch,
    };
    let config = Config {
        reuse: false,
        ..Config::preset("tiny").unwrap()
    };
    let mut model = verilated::modelled(&config);
    let of = |mode: Mode| mode.settings(mode.reuse());
    let refused = Costing::new(&mut model, vec![of(Mode::Grid)])
        .err()
        .unwrap();
    assert!(refused.to_string().contains("a training of its own"));
    let costing = Costing::new(&mut model, vec![of(Mode::Zero), of(Mode::Dense)]).unwrap();
    let (mut net, mut engine) = (Network::new(spec, 1).unwrap(), Golden::new(16));
    let (_, reports) = train_costed(
        &mut net,
        &data,
        &mut engine,
        &options,
        vec![costing],
        &mut |_| {},
    )
    .unwrap();
    let error = format!("{:#}", reports[0].as_ref().unwrap_err());
    assert!(
        error.contains("layer conv1, pass forward") && error.contains("built without reuse"),
        "{error}"
    );
    assert!(reports[1].as_ref().unwrap().totals.stats.cycles > 0);
}

#[test]
fn data_that_do_not_fit_the_network_are_refused() {
    let data = data::open(
        Path::new("data/photos"),
        Amount {
            train: Some(8),
            test: Some(8),
        },
        0,
    )
    .unwrap();
    let error = run(1, &data, |_| {}).unwrap_err().to_string();
    assert!(
        error.contains("images are [3, 32, 32]") && error.contains("takes [1, 8, 8]"),
        "{error}"
    );
}

#[test]
fn jitter_moves_whole_images_by_every_offset_in_reach() {
    let image = arr2(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut met = std::collections::BTreeSet::new();
    for _ in 0..200 {
        let mut images = image.clone().into_shape_with_order((1, 1, 3, 3)).unwrap();
        jitter(&mut images, 1, &mut rng);
        let centre = images[[0, 0, 1, 1]] as usize - 1;
        let (y, x) = (centre / 3, centre % 3); // where the centre came from
        let moved: ArrayView2<f32> = images.slice(s![0, 0, .., ..]);
        for ((row, column), &v) in moved.indexed_iter() {
            let source = ((row + y).checked_sub(1), (column + x).checked_sub(1));
            let want = source
                .0
                .zip(source.1)
                .and_then(|source| image.get(source))
                .copied()
                .unwrap_or(0.0);
            assert_eq!(v, want);
        }
        met.insert((y, x));
    }
    assert_eq!(met.len(), 9);
    let mut images = image.clone().into_shape_with_order((1, 1, 3, 3)).unwrap();
    jitter(&mut images, 0, &mut rng);
    assert_eq!(images.sum(), 45.0);
}

#[test]
fn digits_are_learnt_to_96_percent() {
    let report = run(1, &digits(Amount::default()), |o| {
        o.hyper = NetSpec::open("digits-cnn").unwrap().training;
    });
    let last = report.unwrap().epochs.pop().unwrap();
    assert!(last.test_accuracy >= Some(0.96), "{last:?}");
}
