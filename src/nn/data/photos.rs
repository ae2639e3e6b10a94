//! Photo-crops: which photograph a small crop was cut from.

use std::fs::File;
use std::io::BufReader;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use ndarray::{Array3, Array4, s};
use png::{ColorType, Transformations};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Amount, Dataset, Images};

/// Rows and columns of a crop.
const CROP: usize = 32;
const TRAIN: usize = 2000;
const TEST: usize = 2000;
/// Name of this kind of data.
pub const KIND: &str = "photo-crops";

/// Whether a file name is one of a photograph.
pub fn is_photo(name: &str) -> bool {
    name.ends_with(".png")
}

/// Cuts training and test crops from the photographs among `names` in `dir`; with `validation` both from the training part.
pub fn open(
    dir: &Path,
    names: &[String],
    amount: Amount,
    seed: u64,
    validation: bool,
) -> Result<Dataset> {
    let [train, test] = match validation {
        false => [0..70, 70..100],
        true => [0..56, 56..70],
    };
    let names = names.iter().filter(|n| is_photo(n));
    let photos: Vec<Array3<f32>> = names
        .map(|n| read(&dir.join(n), &test))
        .collect::<Result<_>>()?;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let train = crops(&photos, &train, amount.train.unwrap_or(TRAIN), &mut rng);
    let test = crops(&photos, &test, amount.test.unwrap_or(TEST), &mut rng);
    Ok(super::join(KIND, train, test))
}

/// Columns of a photograph that `percent` of its width stands for.
fn columns(width: usize, percent: &Range<usize>) -> Range<usize> {
    width * percent.start / 100..width * percent.end / 100
}

/// Crops from a part of each photograph's columns, the photographs taking turns.
fn crops(
    photos: &[Array3<f32>],
    percent: &Range<usize>,
    count: usize,
    rng: &mut ChaCha8Rng,
) -> Images {
    let mut pixels = Array4::zeros((count, 3, CROP, CROP));
    let labels: Vec<usize> = (0..count).map(|i| i % photos.len()).collect();
    for (mut crop, &label) in pixels.outer_iter_mut().zip(&labels) {
        let (_, height, width) = photos[label].dim();
        let columns = columns(width, percent);
        let y = rng.random_range(0..=height - CROP);
        let x = rng.random_range(columns.start..=columns.end - CROP);
        crop.assign(&photos[label].slice(s![.., y..y + CROP, x..x + CROP]));
    }
    Images { pixels, labels }
}

/// Red, green and blue of a PNG file, [3, rows, columns], scaled to −1…1; grey is taken for all three, alpha ignored. Refuses
/// one with too few columns in the narrower part, `test`.
fn read(path: &Path, test: &Range<usize>) -> Result<Array3<f32>> {
    let name = path.display();
    let file = File::open(path).with_context(|| format!("cannot read {name}"))?;
    let mut decoder = png::Decoder::new(BufReader::new(file));
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let damaged = || format!("{name} is not a PNG file, or damaged");
    let mut reader = decoder.read_info().with_context(damaged)?;
    let size = reader
        .output_buffer_size()
        .with_context(|| format!("{name} is too large to decode"))?;
    let mut bytes = vec![0; size];
    let info = reader.next_frame(&mut bytes).with_context(damaged)?;
    let (height, width) = (info.height as usize, info.width as usize);
    let test_columns = columns(width, test).len();
    ensure!(
        height >= CROP && test_columns >= CROP,
        "{name} is {width}x{height} pixels, its part from {} to {} % of the width {test_columns} columns wide; crops need {CROP} \
         rows and {CROP} columns there: use a larger photograph",
        test.start,
        test.end
    );
    let samples = info.color_type.samples();
    let colour = |channel: usize| match info.color_type {
        ColorType::Rgb | ColorType::Rgba => channel,
        _ => 0,
    };
    Ok(Array3::from_shape_fn(
        (3, height, width),
        |(channel, y, x)| {
            f32::from(bytes[y * info.line_size + x * samples + colour(channel)]) / 127.5 - 1.0
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::super::{Amount, open};
    use super::*;

    /// A photograph whose red is the column, green the row and blue 128 + class.
    fn photo(path: &Path, width: u32, height: u32, class: u8) {
        let mut encoder = png::Encoder::new(File::create(path).unwrap(), width, height);
        encoder.set_color(ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let pixels =
            (0..height).flat_map(|y| (0..width).flat_map(move |x| [x as u8, y as u8, 128 + class]));
        encoder
            .write_header()
            .unwrap()
            .write_image_data(&pixels.collect::<Vec<_>>())
            .unwrap();
    }

    fn byte(v: f32) -> usize {
        ((v + 1.0) * 127.5).round() as usize
    }

    #[test]
    fn crops_keep_to_their_part_and_their_class() {
        let dir = tempfile::tempdir().unwrap();
        photo(&dir.path().join("a.png"), 120, 40, 0);
        photo(&dir.path().join("b.png"), 150, 33, 1);
        let amount = Amount {
            train: Some(300),
            test: Some(100),
        };
        let data = open(dir.path(), amount, 5).unwrap();
        assert_eq!(
            (data.train.len(), data.test.len(), data.classes),
            (300, 100, 2)
        );
        for (images, test) in [(&data.train, false), (&data.test, true)] {
            let mut reached = [usize::MAX, 0];
            for (crop, &label) in images.pixels.outer_iter().zip(&images.labels) {
                let first = byte(crop[[0, 0, 0]]);
                for ((channel, y, x), &v) in crop.indexed_iter() {
                    let want = [first + x, byte(crop[[1, 0, 0]]) + y, 128 + label][channel];
                    assert_eq!(byte(v), want, "crops are cut in one piece");
                }
                if label == 0 {
                    reached = [reached[0].min(first), reached[1].max(first + CROP)];
                }
            }
            // Left 84 of 120 columns, right 36: both ends are met, and never passed.
            assert_eq!(reached, if test { [84, 120] } else { [0, 84] });
        }
        assert_eq!(open(dir.path(), amount, 5).unwrap(), data);
        assert_ne!(open(dir.path(), amount, 6).unwrap(), data);
    }

    #[test]
    fn validation_crops_keep_out_of_the_test_part() {
        let dir = tempfile::tempdir().unwrap();
        photo(&dir.path().join("a.png"), 250, 40, 0);
        let amount = Amount {
            train: Some(800),
            test: Some(200),
        };
        let data = super::super::open_validation(dir.path(), amount, 5).unwrap();
        for (images, want) in [(&data.train, [0, 140]), (&data.test, [140, 175])] {
            let first = images.pixels.slice(s![.., 0, 0, 0]).mapv(byte);
            let reached = [
                *first.iter().min().unwrap(),
                first.iter().max().unwrap() + CROP,
            ];
            assert_eq!(reached, want);
        }
        let few = super::super::open_validation(Path::new("data/photos"), amount, 0).unwrap();
        assert_eq!((few.test.len(), few.classes), (200, 8));
    }

    #[test]
    fn the_photographs_make_eight_classes() {
        let data = open(
            Path::new("data/photos"),
            Amount {
                train: Some(16),
                test: Some(8),
            },
            0,
        )
        .unwrap();
        assert_eq!((data.kind, data.classes), ("photo-crops", 8));
        assert_eq!(data.train.pixels.shape(), [16, 3, 32, 32]);
    }

    #[test]
    fn damaged_and_small_photographs_are_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.png");
        photo(&path, 103, 40, 0);
        let error = open(dir.path(), Amount::default(), 0)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(
                "a.png is 103x40 pixels, its part from 70 to 100 % of the width 31 columns wide"
            ),
            "{error}"
        );
        photo(&path, 120, 40, 0);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let error = open(dir.path(), Amount::default(), 0)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("a.png is not a PNG file, or damaged"),
            "{error}"
        );
    }
}
