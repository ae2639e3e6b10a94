use super::*;
use crate::report::Training;

fn request(text: &str) -> Request {
    toml::from_str(text).unwrap()
}

#[test]
fn tasks_are_named_apart() {
    let tasks = request("presets = ['tiny']\nmodes = ['dense', 'grid']\nseeds = '1-3,7'")
        .tasks()
        .unwrap();
    let labels: Vec<String> = tasks.iter().map(Task::label).collect();
    assert_eq!(labels[0], "digits-cnn-tiny-dense-1");
    assert_eq!(labels[1], "digits-cnn-tiny-dense-2");
    assert_eq!(labels[7], "digits-cnn-tiny-grid-7");
    let mut inputs: Vec<String> = tasks.iter().map(Task::inputs).collect();
    inputs.sort();
    inputs.dedup();
    assert_eq!(inputs.len(), 8);
}

#[test]
fn every_setting_counts_as_an_input() {
    let inputs = |text: &str| request(text).tasks().unwrap()[0].inputs();
    let base = "presets = ['tiny']\nmodes = ['grid']\nseeds = '1'\n";
    assert_eq!(inputs(base), inputs(base));
    for other in ["epochs = 2", "train_images = 99", "test_images = 99"] {
        assert_ne!(inputs(base), inputs(&format!("{base}{other}")), "{other}");
    }
}

#[test]
fn exact_modes_of_all_sizes_share_a_training_seed_by_seed_small_networks_first() {
    let text = "nets = ['photos-cnn', 'digits-cnn']\npresets = ['tiny', 'small']\nseeds = '1-2'\n\
        modes = ['dense', 'grid', 'elements']\n[[sweep]]\nkey = 'bits'\nvalues = [2]\nnet = 'digits-cnn'\nseeds = '1'";
    let trainings = Training::all(request(text).tasks().unwrap());
    let runs =
        |training: &Training| -> Vec<String> { training.tasks().iter().map(Task::label).collect() };
    let mut labels: Vec<String> = trainings.iter().map(Training::label).collect();
    labels.iter_mut().for_each(|label| {
        label.truncate(label.find(' ').unwrap_or(label.len()));
    });
    let of = |net: &str, seed: u64| {
        ["exact", "tiny-grid", "small-grid"].map(|what| format!("{net}-{what}-{seed}"))
    };
    let sweep = "digits-cnn-tiny-grid-bits=2-1".to_string();
    let order = [
        &of("digits-cnn", 1)[..],
        &of("photos-cnn", 1),
        &[sweep],
        &of("digits-cnn", 2),
        &of("photos-cnn", 2),
    ];
    assert_eq!(labels, order.concat());
    let exact = [
        "tiny-dense",
        "tiny-elements",
        "small-dense",
        "small-elements",
    ];
    assert_eq!(
        runs(&trainings[0]),
        exact.map(|run| format!("digits-cnn-{run}-1"))
    );
    assert_eq!(runs(&trainings[1]), ["digits-cnn-tiny-grid-1"]);
}

#[test]
fn a_sweep_leaves_out_what_the_comparison_has_and_what_means_nothing() {
    let text = "presets = ['small']\nmodes = ['dense', 'sign', 'grid']\nseeds = '1-5'\n\
        [[sweep]]\nkey = 'bits'\nvalues = [2, 3, 4]\n[[sweep]]\nkey = 'ways'\nvalues = [4]\nseeds = '2'";
    let tasks = request(text).tasks().unwrap();
    let changed: Vec<String> = tasks
        .iter()
        .filter(|t| t.change.is_some())
        .map(Task::label)
        .collect();
    let bits = |value, seed| format!("digits-cnn-small-grid-bits={value}-{seed}");
    let ways = |mode| format!("digits-cnn-small-{mode}-ways=4-2");
    assert_eq!(
        changed,
        [
            bits(2, 1),
            bits(2, 2),
            bits(2, 3),
            bits(4, 1),
            bits(4, 2),
            bits(4, 3),
            ways("sign"),
            ways("grid"),
        ]
    );
}

#[test]
fn mistakes_are_named() {
    for (text, message) in [
        ("nets = ['lenet']", "neither built in"),
        ("presets = ['huge']", "unknown preset `huge`"),
        (
            "data = ['data/digits']\nnets = ['photos-cnn']",
            "takes images of [3, 32, 32]",
        ),
        ("modes = []", "modes is empty"),
    ] {
        let error = format!("{:#}", request(text).tasks().unwrap_err());
        assert!(error.contains(message), "{text}: {error}");
    }
    for (text, message) in [("5-1", "the smaller first"), ("a", "\"a\" is no number")] {
        let error = text.parse::<Seeds>().unwrap_err().to_string();
        assert!(error.contains(message), "{text}: {error}");
    }
    assert!("bits".parse::<Sweep>().is_err() && "bite=1".parse::<Sweep>().is_err());
}

#[test]
fn tensor_cores_take_their_modes_and_share_the_exact_training() {
    let text = "presets = ['small', 'acrtc-small']\nmodes = ['dense', 'zero', 'grid', 'delta', 'crtc', 'acrtc']\nseeds = '4'";
    let tasks = request(text).tasks().unwrap();
    let labels: Vec<String> = tasks.iter().map(Task::label).collect();
    let expected = [
        "small-dense",
        "small-zero",
        "small-grid",
        "acrtc-small-dense",
        "acrtc-small-delta",
        "acrtc-small-crtc",
        "acrtc-small-acrtc",
    ];
    assert_eq!(labels, expected.map(|name| format!("digits-cnn-{name}-4")));
    // dense, zero, dense and delta; grid, crtc and acrtc each by itself.
    let runs: Vec<usize> = Training::all(tasks)
        .iter()
        .map(|t| t.tasks().len())
        .collect();
    assert_eq!(runs.iter().sum::<usize>(), 7);
    assert_eq!(runs.iter().max(), Some(&4));
    let error = request("presets = ['dense-tc-small']\nmodes = ['acrtc']")
        .tasks()
        .unwrap_err();
    assert!(format!("{error:#}").contains("none of the modes runs on dense-tc-small"));
    let level = "presets = ['acrtc-small']\nmodes = ['crtc', 'acrtc']\nseeds = '1'\nsweep = [{ key = 'level', values = [0, 8, 10] }]";
    let tasks = request(level).tasks().unwrap();
    let changed: Vec<String> = tasks
        .iter()
        .filter(|t| t.change.is_some())
        .map(Task::label)
        .collect();
    assert_eq!(
        changed,
        [
            "digits-cnn-acrtc-small-crtc-level=0-1",
            "digits-cnn-acrtc-small-crtc-level=10-1"
        ]
    );
}
