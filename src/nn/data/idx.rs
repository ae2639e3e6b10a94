//! The IDX format of MNIST: a big-endian magic number and sizes, then one byte per pixel or label; also compressed (`.gz`).

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use flate2::read::MultiGzDecoder;
use ndarray::Array4;

use super::{Dataset, Images};

/// Unsigned bytes in three dimensions: images, rows, columns.
const IMAGES: u32 = 0x0803;
/// Unsigned bytes in one dimension.
const LABELS: u32 = 0x0801;

/// Whether a file name is one of an IDX image file.
pub fn is_image_file(name: &str) -> bool {
    let name = name.strip_suffix(".gz").unwrap_or(name);
    name.ends_with("images-idx3-ubyte") || name.ends_with("images.idx3-ubyte")
}

/// Reads training and test images from `dir`, whose files are `names`.
pub fn open(dir: &Path, names: &[String]) -> Result<Dataset> {
    let [(train, train_labels), (test, test_labels)] =
        [&["train"][..], &["test", "t10k"]].map(|prefixes| {
            (
                find(dir, names, prefixes, "images", "idx3"),
                find(dir, names, prefixes, "labels", "idx1"),
            )
        });
    let [train_files, test_files] = [(train?, train_labels?), (test?, test_labels?)];
    let (train, train_labels) = read(&train_files.0, &train_files.1)?;
    let (test, test_labels) = read(&test_files.0, &test_files.1)?;
    ensure!(
        train.shape()[2..] == test.shape()[2..],
        "{} has images of {:?} rows and columns, {} of {:?}: both must belong to the same data set",
        train_files.0.display(),
        &train.shape()[2..],
        test_files.0.display(),
        &test.shape()[2..]
    );
    let known = train_labels.iter().max().copied().unwrap_or(0);
    if let Some((index, label)) = test_labels.iter().enumerate().find(|(_, l)| **l > known) {
        anyhow::bail!(
            "{} has label {label} at image {index}, the training labels go to {known}: the file is damaged or belongs to \
             another data set",
            test_files.1.display()
        );
    }
    let brightest = train.iter().max().copied().unwrap_or(0).max(1);
    let scale = |pixels: Array4<u8>| pixels.mapv(|v| f32::from(v) / f32::from(brightest));
    let images = |pixels, labels: Vec<u8>| Images {
        pixels: scale(pixels),
        labels: labels.into_iter().map(usize::from).collect(),
    };
    Ok(super::join(
        "idx",
        images(train, train_labels),
        images(test, test_labels),
    ))
}

fn find(
    dir: &Path,
    names: &[String],
    prefixes: &[&str],
    content: &str,
    kind: &str,
) -> Result<PathBuf> {
    let wanted: Vec<String> = prefixes
        .iter()
        .flat_map(|p| ["-", "."].map(|dot| format!("{p}-{content}{dot}{kind}-ubyte")))
        .collect();
    let packed = wanted.iter().map(|name| format!("{name}.gz"));
    let mut known = wanted.iter().cloned().chain(packed);
    let found = known.find(|name| names.contains(name));
    found.map(|name| dir.join(name)).with_context(|| {
        format!(
            "{} has no file {} (or the same with .gz): add it",
            dir.display(),
            wanted.join(" or ")
        )
    })
}

/// Images [count, 1, rows, columns] and as many labels.
fn read(images: &Path, labels: &Path) -> Result<(Array4<u8>, Vec<u8>)> {
    let ([count, rows, columns], pixels) = file::<3>(images, IMAGES)?;
    let ([labelled], classes) = file::<1>(labels, LABELS)?;
    ensure!(
        count > 0 && rows > 0 && columns > 0,
        "{} holds {count} images of {rows}x{columns}",
        images.display()
    );
    ensure!(
        labelled == count,
        "{} has {labelled} labels, expected {count}, one for each image of {}",
        labels.display(),
        images.display()
    );
    Ok((
        Array4::from_shape_vec((count, 1, rows, columns), pixels)?,
        classes,
    ))
}

/// Sizes and bytes of one file.
fn file<const N: usize>(path: &Path, magic: u32) -> Result<([usize; N], Vec<u8>)> {
    let name = path.display();
    let packed = std::fs::read(path).with_context(|| format!("cannot read {name}"))?;
    let bytes = match path.extension().is_some_and(|e| e == "gz") {
        false => packed,
        true => {
            let mut bytes = Vec::new();
            let mut unpacked = MultiGzDecoder::new(&packed[..]);
            unpacked
                .read_to_end(&mut bytes)
                .with_context(|| format!("{name} is not a gzip file, or truncated or damaged"))?;
            bytes
        }
    };
    let header = 4 + 4 * N;
    ensure!(
        bytes.len() >= header,
        "{name} has {} bytes, expected a header of {header}: it is truncated",
        bytes.len()
    );
    let word = |i: usize| {
        u32::from_be_bytes([
            bytes[4 * i],
            bytes[4 * i + 1],
            bytes[4 * i + 2],
            bytes[4 * i + 3],
        ])
    };
    ensure!(
        word(0) == magic,
        "{name} starts with magic number {:#010x}, expected {magic:#010x}",
        word(0)
    );
    let sizes: [usize; N] = std::array::from_fn(|i| word(i + 1) as usize);
    let expected = header as u128 + sizes.iter().map(|&n| n as u128).product::<u128>();
    ensure!(
        bytes.len() as u128 == expected,
        "{name} has {} bytes, expected {expected} for sizes {sizes:?}: it is truncated or damaged",
        bytes.len()
    );
    Ok((sizes, bytes[header..].to_vec()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::super::{Amount, open};
    use super::*;

    fn encode(magic: u32, sizes: &[u32], data: &[u8]) -> Vec<u8> {
        let words = std::iter::once(&magic)
            .chain(sizes)
            .flat_map(|w| w.to_be_bytes());
        words.chain(data.iter().copied()).collect()
    }

    /// A directory of 3 training and 1 test image of 2×1 pixels, with MNIST's dotted names for the test set.
    fn good() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes| fs::write(dir.path().join(name), bytes).unwrap();
        write(
            "train-images-idx3-ubyte",
            encode(IMAGES, &[3, 2, 1], &[0, 50, 100, 200, 25, 75]),
        );
        write("train-labels-idx1-ubyte", encode(LABELS, &[3], &[1, 0, 4]));
        write(
            "t10k-images.idx3-ubyte",
            encode(IMAGES, &[1, 2, 1], &[100, 0]),
        );
        write("t10k-labels.idx1-ubyte", encode(LABELS, &[1], &[2]));
        dir
    }

    #[test]
    fn pixels_are_scaled_and_labels_kept() {
        let data = open(good().path(), Amount::default(), 0).unwrap();
        assert_eq!(data.train.pixels.shape(), [3, 1, 2, 1]);
        assert_eq!(
            data.train.pixels.iter().copied().collect::<Vec<_>>(),
            [0.0, 0.25, 0.5, 1.0, 0.125, 0.375]
        );
        assert_eq!(
            (data.train.labels, data.test.labels, data.classes),
            (vec![1, 0, 4], vec![2], 5)
        );
        assert_eq!(data.test.pixels[[0, 0, 0, 0]], 0.5);
        let two = Amount {
            train: Some(2),
            test: None,
        };
        assert_eq!(open(good().path(), two, 0).unwrap().train.len(), 2);
    }

    #[test]
    fn the_digits_are_complete() {
        let data = open(Path::new("data/digits"), Amount::default(), 0).unwrap();
        assert_eq!(
            (data.train.len(), data.test.len(), data.classes),
            (1437, 360, 10)
        );
        assert_eq!(data.train.pixels.shape(), [1437, 1, 8, 8]);
        assert_eq!(data.train.pixels.fold(0f32, |m, v| m.max(*v)), 1.0);
    }

    #[test]
    fn damaged_files_are_refused_with_name_found_and_expected() {
        let images = encode(IMAGES, &[3, 2, 1], &[0, 50, 100, 200, 25, 75]);
        let cases = [
            (
                "train-images-idx3-ubyte",
                images[..21].to_vec(),
                "has 21 bytes, expected 22",
            ),
            (
                "train-images-idx3-ubyte",
                images[..9].to_vec(),
                "has 9 bytes, expected a header of 16",
            ),
            (
                "train-images-idx3-ubyte",
                [&images[..], &[0]].concat(),
                "has 23 bytes, expected 22",
            ),
            (
                "train-images-idx3-ubyte",
                encode(LABELS, &[3, 2, 1], &[0; 6]),
                "0x00000801, expected 0x00000803",
            ),
            (
                "train-images-idx3-ubyte",
                encode(IMAGES, &[u32::MAX; 3], &[0; 6]),
                "expected 79228162458924105385300197391",
            ),
            (
                "train-images-idx3-ubyte",
                encode(IMAGES, &[0, 2, 1], &[]),
                "holds 0 images",
            ),
            (
                "train-labels-idx1-ubyte",
                encode(LABELS, &[2], &[1, 0]),
                "has 2 labels, expected 3",
            ),
            (
                "t10k-labels.idx1-ubyte",
                encode(LABELS, &[1], &[5]),
                "has label 5 at image 0, the training labels go to 4",
            ),
            (
                "t10k-images.idx3-ubyte",
                encode(IMAGES, &[1, 1, 2], &[100, 0]),
                "of [1, 2]: both must belong to the same",
            ),
        ];
        for (name, bytes, message) in cases {
            let dir = good();
            fs::write(dir.path().join(name), bytes).unwrap();
            let error = open(dir.path(), Amount::default(), 0)
                .unwrap_err()
                .to_string();
            assert!(error.contains(name) && error.contains(message), "{error}");
        }
    }

    #[test]
    fn compressed_files_are_read_and_truncated_ones_refused() {
        let (plain, dir) = (good(), good());
        let name = "train-images-idx3-ubyte";
        let path = dir.path().join(name);
        let mut packer = flate2::write::GzEncoder::new(vec![], flate2::Compression::default());
        packer.write_all(&fs::read(&path).unwrap()).unwrap();
        let packed = packer.finish().unwrap();
        fs::remove_file(&path).unwrap();
        let path = dir.path().join(format!("{name}.gz"));
        fs::write(&path, &packed).unwrap();
        let whole = |dir: &tempfile::TempDir| open(dir.path(), Amount::default(), 0);
        assert_eq!(whole(&dir).unwrap(), whole(&plain).unwrap());
        fs::write(&path, &packed[..packed.len() - 9]).unwrap();
        let error = whole(&dir).unwrap_err().to_string();
        assert!(
            error.contains("train-images-idx3-ubyte.gz is not a gzip file, or truncated"),
            "{error}"
        );
    }

    #[test]
    fn a_missing_file_is_named() {
        let dir = good();
        fs::remove_file(dir.path().join("t10k-labels.idx1-ubyte")).unwrap();
        let error = open(dir.path(), Amount::default(), 0)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("t10k-labels-idx1-ubyte or t10k-labels.idx1-ubyte"),
            "{error}"
        );
    }
}
