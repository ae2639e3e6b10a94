//! Data sets: IDX files (MNIST's format) and crops of photographs.

mod idx;
mod photos;

use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use ndarray::{Array4, Axis, s};

/// Images with one label each.
#[derive(Clone, Debug, PartialEq)]
pub struct Images {
    /// [images, channels, rows, columns].
    pub pixels: Array4<f32>,
    /// Class of each image.
    pub labels: Vec<usize>,
}

impl Images {
    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    fn truncate(&mut self, count: usize) {
        if count < self.len() {
            self.pixels = self.pixels.slice(s![..count, .., .., ..]).to_owned();
            self.labels.truncate(count);
        }
    }
}

/// Images to train on and images to test on.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// What it was read from: `idx` or `photo-crops`.
    pub kind: &'static str,
    /// Training set.
    pub train: Images,
    /// Test set.
    pub test: Images,
    /// Classes: one more than the largest label.
    pub classes: usize,
}

/// How much of a data set to take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Training images at most; all of them (2,000 for photo-crops) by default.
    pub train: Option<usize>,
    /// Test images at most; all of them (400 for photo-crops) by default.
    pub test: Option<usize>,
}

/// Opens a directory as the data set that its files say it is.
///
/// - IDX files `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `test-…` or `t10k-…` (also with `.idx3-ubyte`):
///   grey images, scaled to 0…1 by the training set's largest grey level; labels as they stand.
/// - PNG photographs: 32×32 RGB crops, scaled to −1…1; the class is the photograph a crop was cut from, in order of
///   file names. Training crops come from the left 70 % of each photograph and test crops from the right 30 %, at
///   positions drawn with `seed`, the classes taking turns.
///
/// # Errors
/// A directory that holds neither, or a damaged file: file name, value found, value expected.
pub fn open(dir: &Path, amount: Amount, seed: u64) -> Result<Dataset> {
    for (what, count) in [("training", amount.train), ("test", amount.test)] {
        ensure!(
            count != Some(0),
            "0 {what} images are asked for: ask for at least 1"
        );
    }
    let entries = std::fs::read_dir(dir)
        .with_context(|| format!("cannot read data directory {}", dir.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    let mut data = if names.iter().any(|n| idx::is_image_file(n)) {
        idx::open(dir, &names)?
    } else if names.iter().any(|n| photos::is_photo(n)) {
        photos::open(dir, &names, amount, seed)?
    } else {
        bail!(
            "{} holds neither IDX files (train-images-idx3-ubyte, …) nor PNG photographs: give a directory such as \
             data/digits or data/photos{}",
            dir.display(),
            if names.iter().any(|n| n.ends_with(".gz")) {
                "; unpack .gz files first (gunzip)"
            } else {
                ""
            }
        );
    };
    data.train.truncate(amount.train.unwrap_or(usize::MAX));
    data.test.truncate(amount.test.unwrap_or(usize::MAX));
    Ok(data)
}

/// Joins training and test images into a data set.
fn join(kind: &'static str, train: Images, test: Images) -> Dataset {
    debug_assert!(
        [&train, &test]
            .iter()
            .all(|i| i.pixels.len_of(Axis(0)) == i.len())
    );
    let classes = train
        .labels
        .iter()
        .chain(&test.labels)
        .max()
        .map_or(0, |&l| l + 1);
    Dataset {
        kind,
        train,
        test,
        classes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_without_data_says_what_was_looked_for() {
        let dir = tempfile::tempdir().unwrap();
        let error = open(dir.path(), Amount::default(), 0)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("neither IDX files") && !error.contains("gunzip"),
            "{error}"
        );
        std::fs::write(dir.path().join("train-images-idx3-ubyte.gz"), b"").unwrap();
        let error = open(dir.path(), Amount::default(), 0)
            .unwrap_err()
            .to_string();
        assert!(error.contains("gunzip"), "{error}");
        let error = open(&dir.path().join("none"), Amount::default(), 0)
            .unwrap_err()
            .to_string();
        assert!(error.contains("cannot read data directory"), "{error}");
    }
}
