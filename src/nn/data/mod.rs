//! Data sets: IDX files (MNIST's format), CIFAR-10's binary version, and crops of photographs.

mod cifar;
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
    /// What it was read from: `idx`, `cifar-10` or `photo-crops`.
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
    /// Test images at most; all of them (2,000 for photo-crops) by default.
    pub test: Option<usize>,
}

/// Opens a directory as the data set that its files say it is.
///
/// - IDX files `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `test-…` or `t10k-…` (also with `.idx3-ubyte`, and
///   each also as `.gz`): grey images, scaled to 0…1 by the training set's largest grey level; labels as they stand.
/// - CIFAR-10's binary version, `data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin`: 32×32 RGB images, scaled to
///   −1…1.
/// - PNG photographs: 32×32 RGB crops, scaled to −1…1; the class is the photograph a crop was cut from, in order of
///   file names. Training crops come from the left 70 % of each photograph and test crops from the right 30 %, at
///   positions drawn with `seed`, the classes taking turns.
///
/// # Errors
/// A directory that holds none of these or several, or a damaged file: file name, value found, value expected.
pub fn open(dir: &Path, amount: Amount, seed: u64) -> Result<Dataset> {
    open_part(dir, amount, seed, false)
}

/// Opens a directory as [`open`] does, but tests on images held out of the training set: to choose hyper-parameters
/// without a look at the test set. They are the last fifth of the training images, or crops from between 56 % and 70 % of
/// each photograph's width, training crops then coming from the left 56 %.
///
/// # Errors
/// As [`open`].
pub fn open_validation(dir: &Path, amount: Amount, seed: u64) -> Result<Dataset> {
    open_part(dir, amount, seed, true)
}

fn open_part(dir: &Path, amount: Amount, seed: u64, validation: bool) -> Result<Dataset> {
    for (what, count) in [("training", amount.train), ("test", amount.test)] {
        ensure!(
            count != Some(0),
            "0 {what} images are asked for: ask for at least 1"
        );
    }
    let names = names(dir)?;
    let mut data = match format(dir, &names)? {
        Format::Idx => idx::open(dir, &names)?,
        Format::Cifar => cifar::open(dir, &names, amount.train.filter(|_| !validation))?,
        Format::Photos => photos::open(dir, &names, amount, seed, validation)?,
    };
    if validation && data.kind != photos::KIND {
        data = hold_out(data)?;
    }
    data.train.truncate(amount.train.unwrap_or(usize::MAX));
    data.test.truncate(amount.test.unwrap_or(usize::MAX));
    Ok(data)
}

/// Names in a directory, sorted.
fn names(dir: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(dir)
        .with_context(|| format!("cannot read data directory {}", dir.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

#[derive(Clone, Copy)]
enum Format {
    Idx,
    Cifar,
    Photos,
}

/// What a directory's file names say it is.
fn format(dir: &Path, names: &[String]) -> Result<Format> {
    type Recognise = fn(&str) -> bool;
    let kinds: [(Format, Recognise); 3] = [
        (Format::Idx, idx::is_image_file),
        (Format::Cifar, cifar::is_batch),
        (Format::Photos, photos::is_photo),
    ];
    let found = kinds.iter().filter_map(|(format, is)| {
        let name = names.iter().find(|name| is(name))?;
        Some((*format, name))
    });
    let found: Vec<_> = found.collect();
    match &found[..] {
        [(format, _)] => Ok(*format),
        [] => bail!(
            "{} holds neither IDX files (train-images-idx3-ubyte, …) nor CIFAR-10's binary version (data_batch_1.bin, …) nor \
             PNG photographs: give {}",
            dir.display(),
            hint(dir, names)
        ),
        [(_, one), (_, other), ..] => bail!(
            "{} holds {one} and {other}, which belong to different data sets: give a directory with one",
            dir.display()
        ),
    }
}

/// What to give instead of a directory that holds no data.
fn hint(dir: &Path, names: &[String]) -> String {
    let inner = "cifar-10-batches-bin";
    if names.iter().any(|n| n == inner) {
        dir.join(inner).display().to_string()
    } else if names.iter().any(|n| n == "data_batch_1") {
        "the binary version of CIFAR-10, this is the Python version".into()
    } else {
        "a directory such as data/digits or data/photos".into()
    }
}

/// The training set's last fifth in place of the test set.
fn hold_out(mut data: Dataset) -> Result<Dataset> {
    let count = data.train.len();
    ensure!(
        count >= 5,
        "{count} training images are too few to hold a fifth of them out: give at least 5"
    );
    let first = count - count / 5;
    data.test = Images {
        pixels: data.train.pixels.slice(s![first.., .., .., ..]).to_owned(),
        labels: data.train.labels[first..].to_vec(),
    };
    data.train.truncate(first);
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
        let error = || {
            open(dir.path(), Amount::default(), 0)
                .unwrap_err()
                .to_string()
        };
        assert!(error().contains("neither IDX files"), "{}", error());
        assert!(error().contains("give a directory such as"), "{}", error());
        std::fs::write(dir.path().join("data_batch_1"), b"").unwrap();
        assert!(
            error().contains("this is the Python version"),
            "{}",
            error()
        );
        std::fs::create_dir(dir.path().join("cifar-10-batches-bin")).unwrap();
        assert!(error().ends_with("/cifar-10-batches-bin"), "{}", error());
        std::fs::write(dir.path().join("train-images-idx3-ubyte.gz"), b"").unwrap();
        std::fs::write(dir.path().join("a.png"), b"").unwrap();
        assert!(
            error().contains("holds train-images-idx3-ubyte.gz and a.png"),
            "{}",
            error()
        );
        let missing = open(&dir.path().join("none"), Amount::default(), 0).unwrap_err();
        assert!(
            missing.to_string().contains("cannot read data directory"),
            "{missing}"
        );
    }

    #[test]
    fn validation_images_are_the_last_fifth_of_the_training_set() {
        let dir = Path::new("data/digits");
        let (whole, part) = (
            open(dir, Amount::default(), 0).unwrap(),
            open_validation(dir, Amount::default(), 0).unwrap(),
        );
        assert_eq!((part.train.len(), part.test.len()), (1150, 287));
        assert_eq!(part.test.labels, whole.train.labels[1150..]);
        let pixels = |from: usize, to: usize| whole.train.pixels.slice(s![from..to, .., .., ..]);
        assert_eq!(part.train.pixels, pixels(0, 1150));
        assert_eq!(part.test.pixels, pixels(1150, 1437));
        let amount = Amount {
            train: Some(7),
            test: Some(3),
        };
        let few = open_validation(dir, amount, 0).unwrap();
        assert_eq!(few.train.pixels, pixels(0, 7));
        assert_eq!(few.test.pixels, pixels(1150, 1153));
    }
}
