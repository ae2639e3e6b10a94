//! Speed of the dense golden engine in multiply-accumulates per second: `cargo bench --bench golden`.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mercury::engine::{Drain, Engine, Geometry, Op, Pass};
use mercury::golden::Golden;
use ndarray::Array4;

fn layers() -> [(&'static str, Geometry); 5] {
    [
        (
            "64 to 64, 3x3, 32x32, batch 12",
            Geometry::conv([12, 64, 32, 32], 64, 3, 1, 1),
        ),
        (
            "3 to 64, 7x7 stride 2, 224x224",
            Geometry::conv([1, 3, 224, 224], 64, 7, 2, 3),
        ),
        (
            "256 to 256, 1x1, 14x14, batch 8",
            Geometry::conv([8, 256, 14, 14], 256, 1, 1, 0),
        ),
        (
            "fully connected 1024 to 1024, batch 32",
            Geometry::fully_connected(32, 1024, 1024),
        ),
        (
            "8 to 16, 3x3, 8x8, batch 32 (digits-cnn)",
            Geometry::conv([32, 8, 8, 8], 16, 3, 1, 1),
        ),
    ]
}

fn golden(criterion: &mut Criterion) {
    let mut engine = Golden::new(16);
    for (layer, geometry) in &layers() {
        let mut group = criterion.benchmark_group(*layer);
        group.sample_size(10);
        for pass in Pass::ALL {
            let [a, b, _] = geometry.shapes(pass);
            let ramp = |shape| {
                Array4::from_shape_fn(shape, |(i, j, k, l)| (i * 7 + j * 5 + k * 3 + l) as i16)
            };
            let (a, b) = (ramp(a), ramp(b));
            let op = Op {
                pass,
                geometry,
                a: a.view(),
                b: b.view(),
                drain: Drain::Raw,
                reuse: mercury::reuse::Reuse::default(),
            };
            group.throughput(Throughput::Elements(geometry.macs(pass)));
            group.bench_function(pass.name(), |bencher| {
                bencher.iter(|| engine.run(&op).expect("a legal operation"))
            });
        }
    }
}

criterion_group!(benches, golden);
criterion_main!(benches);
