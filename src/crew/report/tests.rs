//! Layers are measured as counted by hand, and the files of a report hold them.

use ndarray::Array2;

use super::sources::{Origin, Source};
use super::*;

/// 64 inputs of three unique weights each, 128 outputs.
fn source() -> Source {
    Source {
        name: "three <values>".into(),
        origin: Origin::File,
        weights: Array2::from_shape_fn((64, 128), |(_, m)| (m % 3) as f64),
    }
}

#[test]
fn a_layer_is_measured_at_every_point() {
    let layer = Layer::new(&source(), 8, 0.0, &Sweep::whole()).unwrap();
    assert_eq!(layer.histogram[0], 64);
    assert_eq!(layer.summary.multiplications, 64 * 3);
    // 2 bits instead of 8 for an index, headers and unique weights beside them.
    assert!((0.25..0.6).contains(&layer.summary.storage));
    // Eight adders do not fit 64 bits.
    assert_eq!(layer.points.len(), 4 * 5 * 3 - 5);
    let point = layer.point(512, 16, 4).unwrap();
    // Four adders for each multiplier, and the rest of the job is not much.
    assert!((2.0..4.0).contains(&point.speed), "{}", point.speed);
    assert_eq!(
        (point.crew.multiplications, point.dense.multiplications),
        (16 * 64 * 3, 16 * 64 * 128)
    );
    // Every row of sums takes a cycle to add and a beat to send, and the trailer one more.
    assert_eq!(point.bound, "stream out");
    let narrow = layer.point(64, 1, 4).unwrap();
    assert!(narrow.crew.stall_weights > narrow.crew.cycles / 2);
    // The designs of a point hold equally much.
    let [crew, dense] = pair(512, 4).unwrap().unwrap();
    assert_eq!(crew.lanes * crew.psum_rows, dense.lanes * dense.psum_rows);
    assert_eq!(
        crew.group_inputs() * crew.x_words,
        dense.group_inputs() * dense.x_words
    );
    assert!(
        pair(64, 8).unwrap().is_none(),
        "a slice of 128 bits on 64 bits"
    );
}

#[test]
fn the_files_hold_the_report() {
    let folder = tempfile::tempdir().unwrap();
    let layer = Layer::new(&source(), 4, 0.1, &Sweep::short()).unwrap();
    let report = Report {
        command: "mercury crew report".into(),
        accuracy: vec![Accuracy {
            net: "net".into(),
            bits: Some(4),
            merge: 0.1,
            accuracy: 0.875,
        }],
        layers: vec![layer],
        area: vec![],
    };
    write(folder.path(), &report).unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let json: serde_json::Value = serde_json::from_str(&read("crew.json")).unwrap();
    assert_eq!(json["layers"][0]["summary"]["inputs"], 64);
    assert_eq!(read("layers.csv").lines().count(), 2);
    assert_eq!(read("points.csv").lines().count(), 3);
    let page = read("index.html");
    assert!(page.contains("three &lt;values&gt;") && !page.contains("http"));
}
