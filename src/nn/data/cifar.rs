//! The binary version of CIFAR-10: records of one label byte and 32×32 red, green and blue bytes.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use ndarray::Array4;

use super::{Dataset, Images};

/// Red, green and blue, rows, columns.
const SHAPE: [usize; 3] = [3, 32, 32];
const PIXELS: usize = SHAPE[0] * SHAPE[1] * SHAPE[2];
/// Images of a file.
const RECORDS: usize = 10_000;
const CLASSES: u8 = 10;
const TRAIN: [&str; 5] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
];
const TEST: &str = "test_batch.bin";

/// Whether a file name is one of the data set's.
pub fn is_batch(name: &str) -> bool {
    TRAIN.contains(&name) || name == TEST
}

/// Reads `dir`, whose files are `names`; training files as far as `train` images take them.
pub fn open(dir: &Path, names: &[String], train: Option<usize>) -> Result<Dataset> {
    open_records(dir, names, train, RECORDS)
}

/// [`open`], files having `records` images each.
fn open_records(
    dir: &Path,
    names: &[String],
    train: Option<usize>,
    records: usize,
) -> Result<Dataset> {
    for name in TRAIN.iter().chain([&TEST]) {
        ensure!(
            names.iter().any(|n| n == name),
            "{} has no file {name}: add it",
            dir.display()
        );
    }
    let files = train.map_or(TRAIN.len(), |count| count.div_ceil(records));
    let mut read = [vec![], vec![]];
    for name in TRAIN.iter().take(files) {
        read[0].extend(file(&dir.join(name), records)?);
    }
    read[1] = file(&dir.join(TEST), records)?;
    let [train, test] = read.map(|bytes| images(&bytes));
    Ok(super::join("cifar-10", train, test))
}

/// Checked bytes of one file.
fn file(path: &Path, records: usize) -> Result<Vec<u8>> {
    let name = path.display();
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {name}"))?;
    let expected = records * (1 + PIXELS);
    ensure!(
        bytes.len() == expected,
        "{name} has {} bytes, expected {expected} for {records} images: it is truncated, damaged or of another data set",
        bytes.len()
    );
    let mut labels = bytes.iter().step_by(1 + PIXELS).enumerate();
    if let Some((index, label)) = labels.find(|(_, label)| **label >= CLASSES) {
        anyhow::bail!(
            "{name} has label {label} at image {index}, CIFAR-10 has classes 0 to 9: it is damaged or of another data set"
        );
    }
    Ok(bytes)
}

/// Pixels scaled to −1…1.
fn images(bytes: &[u8]) -> Images {
    let records = bytes.chunks_exact(1 + PIXELS);
    let labels = records.clone().map(|r| usize::from(r[0])).collect();
    let values = records
        .clone()
        .flat_map(|r| r[1..].iter().map(|&v| f32::from(v) / 127.5 - 1.0));
    let [channels, rows, columns] = SHAPE;
    let shape = (records.len(), channels, rows, columns);
    let pixels = Array4::from_shape_vec(shape, values.collect());
    Images {
        pixels: pixels.expect("whole records"),
        labels,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Files of two images each: file f (6 for the test set), image i has label f + i, bytes f, i, and then their position.
    fn good() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (f, name) in (1..).zip(TRAIN.iter().chain([&TEST])) {
            let record = |i: u8| {
                let rest = (2..PIXELS).map(|p| (p % 251) as u8);
                [f + i, f, i].into_iter().chain(rest).collect::<Vec<u8>>()
            };
            fs::write(dir.path().join(name), [record(0), record(1)].concat()).unwrap();
        }
        dir
    }

    fn read(dir: &Path, train: Option<usize>) -> Result<Dataset> {
        open_records(dir, &super::super::names(dir)?, train, 2)
    }

    #[test]
    fn records_are_label_red_green_blue() {
        let data = read(good().path(), None).unwrap();
        assert_eq!(data.kind, "cifar-10");
        assert_eq!(data.train.labels, [1, 2, 2, 3, 3, 4, 4, 5, 5, 6]);
        assert_eq!((data.test.labels, data.classes), (vec![6, 7], 8));
        assert_eq!(data.train.pixels.shape(), [10, 3, 32, 32]);
        let byte = |v: f32| ((v + 1.0) * 127.5).round() as usize;
        assert_eq!(byte(data.train.pixels[[5, 0, 0, 0]]), 3);
        assert_eq!(byte(data.train.pixels[[5, 0, 0, 1]]), 1);
        for ((image, c, y, x), &v) in data.test.pixels.indexed_iter() {
            let p = (c * 32 + y) * 32 + x;
            let want = match p {
                0 => 6,
                1 => image,
                _ => p % 251,
            };
            assert_eq!(byte(v), want);
        }
        // Three images take two files.
        assert_eq!(read(good().path(), Some(3)).unwrap().train.len(), 4);
    }

    #[test]
    fn damaged_and_missing_files_are_refused_by_name() {
        let dir = good();
        let path = dir.path().join("data_batch_3.bin");
        let bytes = fs::read(&path).unwrap();
        let error = || read(dir.path(), None).unwrap_err().to_string();
        fs::write(&path, &bytes[..PIXELS + 1]).unwrap();
        assert!(
            error().contains("data_batch_3.bin has 3073 bytes, expected 6146 for 2 images"),
            "{}",
            error()
        );
        let mut mislabelled = bytes.clone();
        mislabelled[PIXELS + 1] = 10;
        fs::write(&path, mislabelled).unwrap();
        assert!(
            error().contains("data_batch_3.bin has label 10 at image 1"),
            "{}",
            error()
        );
        fs::remove_file(&path).unwrap();
        assert!(
            error().contains("has no file data_batch_3.bin"),
            "{}",
            error()
        );
        // The real size is 30,730,000 bytes: these files are not CIFAR-10.
        let data = good();
        let error = super::super::open(data.path(), Default::default(), 0).unwrap_err();
        assert!(error.to_string().contains("expected 30730000"), "{error}");
    }
}
