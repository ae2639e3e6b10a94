//! The encoder loses nothing, the golden model is the integer product, merging keeps to its tolerance.

use ndarray::Array2;
use proptest::prelude::*;

use super::*;
use crate::config::fc::FcConfig;
use crate::crew::encode::Summary;

fn config(name: &str) -> FcConfig {
    FcConfig::preset(name).expect("a preset of the project")
}

/// Weights of any number of unique values.
fn matrices() -> impl Strategy<Value = Array2<i8>> {
    let shape = (1usize..40, 1usize..90, 1u8..=255);
    shape.prop_flat_map(|(inputs, outputs, values)| {
        prop::collection::vec(0..=values, inputs * outputs).prop_map(move |bytes| {
            let weights = bytes
                .into_iter()
                .map(|byte| byte.wrapping_mul(37) as i8)
                .collect();
            Array2::from_shape_vec((inputs, outputs), weights).expect("as many as the shape has")
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn encoding_and_packing_lose_nothing(weights in matrices()) {
        for name in ["crew-tiny", "crew-small", "crew-paper"] {
            let config = config(name);
            let encoded = encode(weights.view(), &config);
            prop_assert_eq!(&encoded.decode(), &weights);
            for block in &encoded.blocks {
                let groups = pack::weights(block, &config);
                let rows = block.outputs.div_ceil(config.lanes);
                let stream = groups.concat();
                let (read, beats) = pack::read(&stream, groups.len(), rows, &config).expect("a good stream");
                prop_assert_eq!(beats * config.bus_bytes(), stream.len());
                let inputs: Vec<_> = read.into_iter().flat_map(|group| group.inputs).collect();
                for (read, input) in inputs.iter().zip(&block.inputs) {
                    prop_assert_eq!(&read.uniques, &input.uniques);
                    prop_assert_eq!(&read.indices[..block.outputs], &input.indices);
                }
            }
        }
    }

    #[test]
    fn merging_keeps_to_its_tolerance_and_drops_the_bits_it_says(mut weights in matrices(), percent in 0u32..60) {
        let tolerance = f64::from(percent) / 100.0;
        let before = weights.clone();
        let width = |w: &Array2<i8>| w.rows().into_iter().map(|row| Input::new(&row.to_vec()).width()).sum::<usize>();
        let merged = approximate::merge_rare(&mut weights, tolerance);
        prop_assert_eq!(width(&before) - width(&weights), merged.bits);
        let square = |w: f64| w * w;
        for (old, new) in before.rows().into_iter().zip(weights.rows()) {
            let change: f64 = old.iter().zip(&new).map(|(a, b)| square(f64::from(*a) - f64::from(*b))).sum();
            let energy: f64 = old.iter().map(|w| square(f64::from(*w))).sum();
            prop_assert!(change <= square(tolerance) * energy * (1.0 + 1e-9));
        }
    }
}

/// Jobs through the golden model give the plain integer product, for both designs, whatever way the layer is cut.
#[test]
fn golden_sums_are_the_integer_product() {
    let mut cut = 0;
    for name in FcConfig::preset_names() {
        let config = config(name);
        for number in 0..30 {
            let case = random::case(5, number, &config);
            let layer = case.layer(&config).unwrap();
            let jobs = layer.jobs(case.x.view()).unwrap();
            cut = cut.max(jobs.len());
            let mut result = layer.result(case.x.nrows());
            for job in &jobs {
                let answer = golden::run(&job.regs, &job.packet, &config).unwrap();
                layer.add(job, &answer.sums, &mut result);
            }
            assert_eq!(
                result,
                golden::dense_product(case.x.view(), case.weights.view()),
                "{name}, layer {number} of seed 5"
            );
        }
    }
    assert!(cut >= 8, "some layers need many jobs: {cut}");
}

/// A product with one weight changed differs: the comparison above can fail.
#[test]
fn a_changed_index_changes_the_sums() {
    let config = config("crew-tiny");
    let weights = Array2::from_shape_fn((4, 8), |(n, m)| (n * 3 + m) as i8);
    let x = Array2::from_elem((1, 4), 5);
    let layer = Layer::new(weights.view(), &config).unwrap();
    let mut job = layer.jobs(x.view()).unwrap().remove(0);
    let good = golden::run(&job.regs, &job.packet, &config).unwrap();
    // The last beat holds indices of the last stripe.
    let at = job.packet.len() - config.bus_bytes();
    job.packet[at] ^= 1;
    assert_ne!(
        golden::run(&job.regs, &job.packet, &config).unwrap().sums,
        good.sums
    );
}

#[test]
fn malformed_streams_are_refused() {
    let config = config("crew-tiny");
    let weights = Array2::from_shape_fn((4, 8), |(n, m)| (n + m) as i8);
    let layer = Layer::new(weights.view(), &config).unwrap();
    let job = layer.jobs(Array2::zeros((1, 4)).view()).unwrap().remove(0);
    let x_bytes = usize::from(job.regs.x_beats) * config.stripes() * config.bus_bytes();
    let refused = |edit: &dyn Fn(&mut Vec<u8>), part: &str| {
        let mut packet = job.packet.clone();
        edit(&mut packet);
        let error = golden::run(&job.regs, &packet, &config)
            .unwrap_err()
            .to_string();
        assert!(error.contains(part), "{error}");
    };
    refused(&|p| p.truncate(p.len() - config.bus_bytes()), "ends here");
    refused(
        &|p| p.extend(vec![0; config.bus_bytes()]),
        "after the last group",
    );
    refused(&|p| p[x_bytes] = p[x_bytes] & 0xf0 | 9, "WIDTH 9");
    refused(
        &|p| p[x_bytes] = p[x_bytes] & 0xf0 | 8,
        "exceed their beats",
    );
}

/// Numbers that can be counted by hand: 4 inputs of 3 unique weights in 8 outputs.
#[test]
fn the_summary_counts_what_is_stored() {
    let config = config("crew-tiny");
    let weights = Array2::from_shape_fn((4, 8), |(_, m)| (m % 3) as i8);
    let summary = Summary::new(&estimate::uniques(weights.view(), config.outputs), &config);
    assert_eq!(
        (
            summary.max_uniques,
            summary.widths[2],
            summary.multiplications
        ),
        (3, 4, 12)
    );
    // Two stripes of a header, a beat of unique weights and ⌈4 rows · 2 bits / 16⌉ beats of indices, and 4 · 2 bits of order.
    assert_eq!(summary.bytes, 2 * 3 * 8 + 1);
    assert_eq!(summary.dense_bytes, 32);
}

#[test]
fn floats_are_quantised_and_whole_numbers_kept() {
    let floats = Array2::from_shape_vec((1, 3), vec![-1.0, 0.5, 0.25]).unwrap();
    let (weights, scale) = files::quantise(&floats, 8).unwrap();
    assert_eq!(
        (weights.into_raw_vec_and_offset().0, scale),
        (vec![-127, 64, 32], Some(1.0 / 127.0))
    );
    let whole = Array2::from_shape_vec((1, 2), vec![-8.0, 7.0]).unwrap();
    assert_eq!(files::quantise(&whole, 4).unwrap().1, None);
    assert!(
        files::quantise(&whole, 3).unwrap().1.is_some(),
        "8 values do not fit 3 bits"
    );
}
