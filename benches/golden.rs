//! Speed of the golden engine, dense and with reuse, beside plain code for the same dense products: `cargo bench --bench golden`.
//!
//! Throughput is in multiply-accumulates of the layer's definition per second. After the measurements of a layer its ratios are
//! printed. All on one thread.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mercury::config::Config;
use mercury::engine::{Drain, Engine, Geometry, Op, Pass};
use mercury::golden::Golden;
use mercury::reuse::{Mode, Reuse};
use ndarray::{Array2, Array4};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn layers() -> [(&'static str, Geometry); 3] {
    [
        (
            "64 to 64, 3x3, 16x16, batch 4",
            Geometry::conv([4, 64, 16, 16], 64, 3, 1, 1),
        ),
        (
            "16 to 32, 3x3, 16x16, batch 32 (photos-cnn)",
            Geometry::conv([32, 16, 16, 16], 32, 3, 1, 1),
        ),
        (
            "8 to 16, 3x3, 8x8, batch 32 (digits-cnn)",
            Geometry::conv([32, 8, 8, 8], 16, 3, 1, 1),
        ),
    ]
}

/// Half of the elements 0, as behind a ReLU; the others in patches of 2x2 alike.
fn activations(shape: [usize; 4], rng: &mut ChaCha8Rng) -> Array4<i16> {
    let [b, c, h, w] = shape;
    let small = Array4::from_shape_simple_fn((b, c, h.div_ceil(2), w.div_ceil(2)), || {
        rng.random_range(-20_000i16..=20_000).max(0)
    });
    Array4::from_shape_fn(shape, |(b, c, y, x)| small[[b, c, y / 2, x / 2]])
}

/// The forward pass as a matrix product: one row per filter, one column per position.
struct Dense {
    weights: Array2<i32>,
    patches: Array2<i32>,
}

impl Dense {
    fn new(g: &Geometry, x: &Array4<i16>, w: &Array4<i16>) -> Dense {
        let (height, width) = (g.out_height(), g.out_width());
        let [_, _, kh, kw] = g.w_shape();
        let terms = g.in_channels * kh * kw;
        let weights = Array2::from_shape_fn((g.filters, terms), |(f, k)| {
            i32::from(w[[f, k / (kh * kw), k / kw % kh, k % kw]])
        });
        let patches = Array2::from_shape_fn((terms, g.batch * height * width), |(k, i)| {
            let y = (i / width % height + k / kw % kh).checked_sub(g.padding.top);
            let x_ = (i % width + k % kw).checked_sub(g.padding.left);
            let at = y.zip(x_);
            let value = at.and_then(|(y, x_)| x.get((i / width / height, k / (kh * kw), y, x_)));
            i32::from(value.copied().unwrap_or(0))
        });
        Dense { weights, patches }
    }

    /// Three loops over 32-bit integers; sums wrap.
    fn loops(&self) -> Array2<i32> {
        let mut y = Array2::<i32>::zeros((self.weights.nrows(), self.patches.ncols()));
        for (weights, mut sums) in self.weights.rows().into_iter().zip(y.rows_mut()) {
            for (w, patches) in weights.iter().zip(self.patches.rows()) {
                for (sum, x) in sums.iter_mut().zip(patches) {
                    *sum = sum.wrapping_add(w.wrapping_mul(*x));
                }
            }
        }
        y
    }
}

/// The least time of some calls.
fn least(mut call: impl FnMut()) -> Duration {
    let one = |_| {
        let start = Instant::now();
        call();
        start.elapsed()
    };
    (0..20).map(one).min().expect("some calls")
}

fn golden(criterion: &mut Criterion) {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .use_current_thread();
    pool.build_global().expect("the first pool");
    let config = Config::preset("small").expect("a preset");
    let mut engine = Golden::of(&config);
    let modes = [Mode::Off, Mode::Sign, Mode::Step, Mode::Grid];
    for (layer, geometry) in &layers() {
        let mut group = criterion.benchmark_group(*layer);
        group.sample_size(10);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for pass in Pass::ALL {
            let [a, b, _] = geometry.shapes(pass);
            let (a, b) = (activations(a, &mut rng), activations(b, &mut rng));
            group.throughput(Throughput::Elements(geometry.macs(pass)));
            let mut times = vec![];
            for mode in modes {
                let op = Op {
                    pass,
                    geometry,
                    a: a.view(),
                    b: b.view(),
                    drain: Drain::Raw,
                    reuse: Reuse::of(mode),
                };
                let mut run = || {
                    black_box(engine.run(&op).expect("a legal operation"));
                };
                let name = format!("{pass}, golden {mode:?}").to_lowercase();
                group.bench_function(&name, |bencher| bencher.iter(&mut run));
                times.push((name, least(run)));
            }
            if pass == Pass::Forward {
                let dense = Dense::new(geometry, &a, &b);
                let [w, x] = [&dense.weights, &dense.patches].map(|m| m.mapv(|v| v as f32));
                let mut loops = || {
                    black_box(dense.loops());
                };
                let mut dot = || {
                    black_box(w.dot(&x));
                };
                group.bench_function("forward, i32 triple loop", |b| b.iter(&mut loops));
                times.push(("forward, i32 triple loop".into(), least(loops)));
                group.bench_function("forward, ndarray f32 dot", |b| b.iter(&mut dot));
                times.push(("forward, ndarray f32 dot".into(), least(dot)));
            }
            let (_, dense) = &times[0];
            for (name, time) in &times {
                let ratio = time.as_secs_f64() / dense.as_secs_f64();
                println!("{layer}: {name}: {ratio:.2} times golden dense");
            }
        }
    }
}

criterion_group!(benches, golden);
criterion_main!(benches);
