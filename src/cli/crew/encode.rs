//! `mercury crew encode`: weights in, statistics and the stream of the hardware out.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use super::super::{Outcome, check_output, grouped, write_json};
use super::crew_sizes;
use crate::crew::approximate::{Merged, merge_rare};
use crate::crew::encode::{Encoded, Summary};
use crate::crew::estimate::uniques;
use crate::crew::{encode, files, pack};

/// Encode the matrices of a file by unique weights, print what that saves, write the stream that the hardware reads
///
/// Every matrix is encoded as a layer, decoded again and compared. OUT/LAYER.crew holds the weight stream of docs/crew.md, block by
/// block, OUT/LAYER.json the shape, the order of the inputs and the bytes of each block.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  mercury crew encode weights.npz
  mercury crew encode model.safetensors --bits 4 --preset crew-paper --out encoded
  mercury crew encode weights.npz --merge 0.05             merge rare weights, at most 5 % relative error for each input")]
pub struct Args {
    /// .npz, .npy or .safetensors; floats are quantised, whole numbers that fit are taken as they are
    file: PathBuf,
    /// Bits of a weight
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(2..=8))]
    bits: u32,
    /// Matrices are [inputs, outputs]; without it [outputs, inputs], as PyTorch stores them
    #[arg(long)]
    transposed: bool,
    /// Merge rare weights where that drops an index bit, up to this relative error of each input's weights
    #[arg(long, default_value_t = 0.0, value_name = "TOL")]
    merge: f64,
    /// Sizes of the accelerator: crew-tiny, crew-small or crew-paper
    #[arg(long, default_value = "crew-paper", conflicts_with = "config")]
    preset: String,
    /// Sizes of the accelerator, from a TOML file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder that gets the encoded layers
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write the statistics as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// The statistics of a layer.
#[derive(Serialize)]
struct Line {
    layer: String,
    scale: Option<f64>,
    merged: Merged,
    summary: Summary,
}

/// What stands beside a layer's stream.
#[derive(Serialize)]
struct Description<'a> {
    layer: &'a str,
    configuration: &'a str,
    config_hash: String,
    inputs: usize,
    outputs: usize,
    scale: Option<f64>,
    blocks: Vec<BlockDescription<'a>>,
}

#[derive(Serialize)]
struct BlockDescription<'a> {
    first_output: usize,
    outputs: usize,
    order: &'a [usize],
    bytes: usize,
}

impl Args {
    pub(super) fn run(self) -> Result<Outcome> {
        ensure!(
            (0.0..1.0).contains(&self.merge),
            "--merge is {}, must be at least 0 and below 1: use 0.05 for example",
            self.merge
        );
        let config = crew_sizes(&self.preset, self.config.as_deref())?;
        if let Some(json) = &self.json {
            check_output(json)?;
        }
        let tensors = files::load(&self.file, self.bits, self.transposed)?;
        println!(
            "{:<24}{:>13}{:>9}{:>9}{:>13}{:>10}{:>11}{:>11}",
            "layer", "shape", "uniques", "most", "products", "of dense", "bytes", "of 8 bits"
        );
        let mut lines = Vec::new();
        for tensor in tensors {
            let mut weights = tensor.weights;
            let merged = if self.merge > 0.0 {
                merge_rare(&mut weights, self.merge)
            } else {
                Merged::default()
            };
            let encoded = encode(weights.view(), &config);
            ensure!(
                encoded.decode() == weights,
                "layer {} is not what it was after encoding and decoding",
                tensor.name
            );
            let summary = Summary::new(&uniques(weights.view(), config.outputs), &config);
            println!(
                "{:<24}{:>13}{:>9.1}{:>9}{:>13}{:>9.2}%{:>11}{:>10.1}%",
                tensor.name,
                format!("{}x{}", summary.inputs, summary.outputs),
                summary.mean_uniques,
                summary.max_uniques,
                grouped(summary.multiplications),
                100.0 * summary.multiplications_left,
                grouped(summary.bytes),
                100.0 * summary.storage
            );
            if self.merge > 0.0 {
                println!(
                    "    merged: {} index bits dropped, {} weights changed, relative error {:.4}",
                    grouped(merged.bits as u64),
                    grouped(merged.weights as u64),
                    merged.relative_error
                );
            }
            if let Some(folder) = &self.out {
                write(folder, &tensor.name, tensor.scale, &encoded, &config)?;
            }
            lines.push(Line {
                layer: tensor.name,
                scale: tensor.scale,
                merged,
                summary,
            });
        }
        if let Some(path) = &self.json {
            write_json(path, &lines)?;
        }
        Ok(Outcome::Good)
    }
}

/// Writes the stream of a layer and its description.
fn write(
    folder: &std::path::Path,
    layer: &str,
    scale: Option<f64>,
    encoded: &Encoded,
    config: &crate::config::fc::FcConfig,
) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let file = layer.replace(
        |c: char| !c.is_ascii_alphanumeric() && !".-_".contains(c),
        "_",
    );
    let streams: Vec<Vec<u8>> = encoded
        .blocks
        .iter()
        .map(|block| pack::weights(block, config).concat())
        .collect();
    let blocks = encoded.blocks.iter().zip(&streams);
    let description = Description {
        layer,
        configuration: &config.name,
        config_hash: config.hash(),
        inputs: encoded.inputs,
        outputs: encoded.outputs,
        scale,
        blocks: blocks
            .map(|(block, stream)| BlockDescription {
                first_output: block.first_output,
                outputs: block.outputs,
                order: &block.order,
                bytes: stream.len(),
            })
            .collect(),
    };
    let path = folder.join(format!("{file}.crew"));
    fs::write(&path, streams.concat())
        .with_context(|| format!("cannot write {}", path.display()))?;
    write_json(&folder.join(format!("{file}.json")), &description)
}
