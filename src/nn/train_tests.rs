//! Training on the golden engine.

use std::path::Path;

use super::*;
use crate::golden::Golden;
use crate::nn::NetSpec;
use crate::nn::data::{self, Amount};
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
    assert!(last.test_accuracy >= 0.96, "{last:?}");
}
