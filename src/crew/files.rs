//! Weights from files: `.npz`, `.npy` and safetensors, whole numbers or floats to quantise.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use ndarray::{Array2, ArrayD, Ix2, IxDyn, OwnedRepr};
use ndarray_npy::{NpzReader, ReadNpyExt};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

/// A quantised layer of a file.
#[derive(Clone, Debug)]
pub struct Tensor {
    /// Its name in the file.
    pub name: String,
    /// Weights `[inputs, outputs]`.
    pub weights: Array2<i8>,
    /// The step that floats were divided by; none for whole numbers, which are taken as they are.
    pub scale: Option<f64>,
}

/// Every matrix of a file as weights of `bits` bits, in the order of the file. Matrices are `[outputs, inputs]`, as PyTorch
/// stores them, or with `transposed` `[inputs, outputs]`; tensors that are no matrices are left out.
///
/// # Errors
/// An unreadable file, an unknown format, values that do not fit `bits` bits, no matrix at all.
pub fn load(path: &Path, bits: u32, transposed: bool) -> Result<Vec<Tensor>> {
    let quantised = |(name, matrix): (String, Array2<f64>)| {
        let (weights, scale) = quantise(&matrix, bits).with_context(|| format!("tensor {name}"))?;
        Ok(Tensor {
            name,
            weights,
            scale,
        })
    };
    matrices(path, transposed)?
        .into_iter()
        .map(quantised)
        .collect()
}

/// Every matrix of a file as `[inputs, outputs]`, in the order of the file; `transposed` as in [`load`].
///
/// # Errors
/// An unreadable file, an unknown format, no matrix at all.
pub fn matrices(path: &Path, transposed: bool) -> Result<Vec<(String, Array2<f64>)>> {
    let extension = path
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default();
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let arrays = match extension {
        "npz" => npz(bytes).with_context(|| format!("reading {}", path.display()))?,
        "npy" => vec![("weights".into(), npy(&bytes)?)],
        "safetensors" => {
            safetensors(&bytes).with_context(|| format!("reading {}", path.display()))?
        }
        other => bail!(
            "{} ends with `.{other}`: give a .npz, .npy or .safetensors file",
            path.display()
        ),
    };
    let matrices = arrays.into_iter().filter_map(|(name, values)| {
        let matrix = values.into_dimensionality::<Ix2>().ok()?;
        let matrix = match transposed {
            true => matrix,
            false => matrix.reversed_axes(),
        };
        Some((name, matrix))
    });
    let matrices: Vec<_> = matrices.collect();
    ensure!(
        !matrices.is_empty(),
        "{} holds no matrix: give weights with two dimensions",
        path.display()
    );
    Ok(matrices)
}

/// Whole numbers that fit stay; anything else is divided by max|w| / (2^(bits−1) − 1) and rounded, half to even.
///
/// # Errors
/// A value that is not finite, an empty matrix, bits outside of 2…8.
pub fn quantise(values: &Array2<f64>, bits: u32) -> Result<(Array2<i8>, Option<f64>)> {
    ensure!((2..=8).contains(&bits), "{bits} bits a weight: give 2 to 8");
    ensure!(!values.is_empty(), "an empty matrix");
    ensure!(
        values.iter().all(|v| v.is_finite()),
        "a value that is not finite"
    );
    let (low, high) = (
        -f64::from(1 << (bits - 1)),
        f64::from((1 << (bits - 1)) - 1),
    );
    if values
        .iter()
        .all(|v| v.fract() == 0.0 && (low..=high).contains(v))
    {
        return Ok((values.mapv(|v| v as i8), None));
    }
    let largest = values.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    let scale = largest / high;
    Ok((
        values.mapv(|v| (v / scale).round_ties_even() as i8),
        Some(scale),
    ))
}

fn npz(bytes: Vec<u8>) -> Result<Vec<(String, ArrayD<f64>)>> {
    let mut archive = NpzReader::new(std::io::Cursor::new(bytes))?;
    let names = archive.names()?;
    let read = |name: String| {
        let values = archive
            .by_name::<OwnedRepr<f32>, IxDyn>(&name)
            .map(|a| a.mapv(f64::from))
            .or_else(|_| {
                archive
                    .by_name::<OwnedRepr<i8>, IxDyn>(&name)
                    .map(|a| a.mapv(f64::from))
            })
            .or_else(|_| archive.by_name::<OwnedRepr<f64>, IxDyn>(&name))
            .with_context(|| format!("array {name}: give float64, float32 or int8"))?;
        Ok((name, values))
    };
    names.into_iter().map(read).collect()
}

fn npy(bytes: &[u8]) -> Result<ArrayD<f64>> {
    ArrayD::<f32>::read_npy(bytes)
        .map(|a| a.mapv(f64::from))
        .or_else(|_| ArrayD::<i8>::read_npy(bytes).map(|a| a.mapv(f64::from)))
        .or_else(|_| ArrayD::<f64>::read_npy(bytes))
        .context("give float64, float32 or int8")
}

fn safetensors(bytes: &[u8]) -> Result<Vec<(String, ArrayD<f64>)>> {
    let file = SafeTensors::deserialize(bytes)?;
    let mut tensors = file.tensors();
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    let matrices = tensors
        .into_iter()
        .filter(|(_, view)| view.shape().len() == 2);
    matrices
        .map(|(name, view)| {
            Ok((
                name.clone(),
                values(&view).with_context(|| format!("tensor {name}"))?,
            ))
        })
        .collect()
}

fn values(view: &TensorView) -> Result<ArrayD<f64>> {
    let words = |size: usize| view.data().chunks_exact(size);
    let values: Vec<f64> = match view.dtype() {
        Dtype::F64 => words(8)
            .map(|b| f64::from_le_bytes(b.try_into().expect("8 bytes")))
            .collect(),
        Dtype::F32 => words(4)
            .map(|b| f64::from(f32::from_le_bytes(b.try_into().expect("4 bytes"))))
            .collect(),
        Dtype::BF16 => words(2)
            .map(|b| {
                f64::from(f32::from_bits(
                    u32::from(u16::from_le_bytes([b[0], b[1]])) << 16,
                ))
            })
            .collect(),
        Dtype::I8 => words(1).map(|b| f64::from(b[0] as i8)).collect(),
        other => bail!("type {other:?}: give F64, F32, BF16 or I8"),
    };
    Ok(ArrayD::from_shape_vec(view.shape(), values)?)
}
