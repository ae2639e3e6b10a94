//! `mercury job`.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context as _, Result, anyhow, ensure};
use clap::ValueEnum;
use ndarray::{Array1, Array2, Array3, Array4, ArrayView4, Ix4, OwnedRepr, arr0, arr1};
use ndarray_npy::{NpzReader, NpzWriter};

use super::engine::{EngineArgs, report_check};
use super::reuse::{ReuseArgs, reuse_line};
use super::{Outcome, check_output, grouped};
use crate::config::Config;
use crate::engine::{Drain, Geometry, Op, OpResult, Padding, Pass};
use crate::nn::{Pads, Pair};
use crate::plan::{self, Scope};
use crate::reuse::Decisions;

/// Run one layer operation on NumPy arrays.
///
/// The input is an .npz file of int16 arrays: x [B, Cin, H, W], w [N, Cin/groups, kh, kw] and dy [B, N, Ho, Wo], of
/// which forward needs x and w, input_grad dy and w, weight_grad x and dy. The output is an .npz file with the result
/// y as int64 (y, dX or dW) and the counts as scalars: cycles, dense_cycles, compute_cycles, macs, max_abs,
/// saturations, bytes_in, bytes_out, stall_detect, detect_busy, zero, hit, mau, mnu.
///
/// With reuse it also has every decision, the hardware's own with the verilated engine: tiles [T, 8] (part of the operation, convolution group, then start and length of
/// images, rows and columns), state [T, groups, positions] (0 ZERO, 1 HIT, 2 MAU, 3 MNU, -1 where a tile is smaller), entry of
/// the same shape, signature [T, groups, positions, 2] (low and high 64 bits), and outputs [parts, 4], the first output row of
/// a part, its step, and the same of columns: an input gradient of stride 2 has four parts.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  python3 -c \"import numpy as np; np.savez('x.npz', x=np.ones((1,3,8,8),'i2'), w=np.ones((4,3,3,3),'i2'))\"
  mercury job --pass forward --in x.npz --out y.npz --padding 1
  python3 -c \"import numpy as np; print(np.load('y.npz')['y'][0,0])\"

  mercury job --pass forward --in x.npz --out y.npz --padding 1 --reuse step --preset tiny

  mercury job --pass input_grad --in g.npz --out dx.npz --stride 2 --padding 1 --input-size 8
  mercury job --pass weight_grad --in g.npz --out dw.npz --stride 2 --padding 1 --kernel 3")]
pub struct Args {
    /// Which product to compute.
    #[arg(long, value_enum)]
    pass: PassArg,
    /// .npz file of operands.
    #[arg(long = "in", value_name = "FILE")]
    input: PathBuf,
    /// .npz file of results.
    #[arg(long = "out", value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    reuse: ReuseArgs,
    /// Step between output positions: one number, or rows,columns.
    #[arg(long, default_value = "1", value_parser = pair)]
    stride: Pair,
    /// Zeros around the input: one number; rows,columns; or top,bottom,left,right.
    #[arg(long, default_value = "0", value_parser = pads)]
    padding: Pads,
    /// Step between taps: one number, or rows,columns.
    #[arg(long, default_value = "1", value_parser = pair)]
    dilation: Pair,
    /// Convolution groups.
    #[arg(long, default_value_t = 1)]
    groups: usize,
    /// Rows and columns of x (input_grad only).
    #[arg(long, value_name = "SIZE", value_parser = pair)]
    input_size: Option<Pair>,
    /// Rows and columns of w (weight_grad only).
    #[arg(long, value_name = "SIZE", value_parser = pair)]
    kernel: Option<Pair>,
    /// Shift results right by so many bits, round half to even and saturate, instead of returning whole sums.
    #[arg(long, value_name = "BITS")]
    shift: Option<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(super) enum PassArg {
    /// y from x and w.
    Forward,
    /// Gradient of x from dy and w.
    InputGrad,
    /// Gradient of w from x and dy.
    WeightGrad,
}

impl PassArg {
    /// The pass and the names of its operands.
    pub(super) fn operands(self) -> (Pass, [&'static str; 2]) {
        match self {
            PassArg::Forward => (Pass::Forward, ["x", "w"]),
            PassArg::InputGrad => (Pass::InputGrad, ["dy", "w"]),
            PassArg::WeightGrad => (Pass::WeightGrad, ["x", "dy"]),
        }
    }
}

fn numbers(text: &str) -> Result<Vec<usize>, String> {
    let parse = |n: &str| usize::from_str(n.trim()).map_err(|e| format!("{n:?}: {e}"));
    text.split(',').map(parse).collect()
}

pub(super) fn pair(text: &str) -> Result<Pair, String> {
    match numbers(text)?[..] {
        [n] => Ok(Pair::Both(n)),
        [rows, columns] => Ok(Pair::Each([rows, columns])),
        ref many => Err(format!(
            "{} numbers, expected 1 or 2: N or rows,columns",
            many.len()
        )),
    }
}

pub(super) fn pads(text: &str) -> Result<Pads, String> {
    match numbers(text)?[..] {
        [n] => Ok(Pads::All(n)),
        [rows, columns] => Ok(Pads::Axes([rows, columns])),
        [top, bottom, left, right] => Ok(Pads::Sides([top, bottom, left, right])),
        ref many => Err(format!(
            "{} numbers, expected 1, 2 or 4: N, rows,columns or top,bottom,left,right",
            many.len()
        )),
    }
}

impl Args {
    pub(super) fn run(self) -> Result<Outcome> {
        let args = &self;
        check_output(&args.output)?;
        let (pass, names) = args.pass.operands();
        let [a, b] = read(&args.input, names)?;
        let geometry = geometry(args, a.view(), b.view())?;
        let drain = args.shift.map_or(Drain::Raw, Drain::Shift);
        let config = args.engine.config()?;
        let mut engine = args.engine.open(&config)?;
        let op = Op {
            pass,
            geometry: &geometry,
            a: a.view(),
            b: b.view(),
            drain,
            reuse: args.reuse.settings(&[], &config)?.default.get(pass),
        };
        engine.keep_decisions(true);
        let result = engine.run(&op)?;
        let hitmaps = hitmaps(&op, &config, engine.take_decisions())?;
        write(&args.output, &result, hitmaps.as_ref())
            .with_context(|| format!("cannot write {}", args.output.display()))?;
        println!(
            "{pass} on {}: y {:?}, {} cycles, {} MACs, wrote {}",
            engine.name(),
            result.y.shape(),
            grouped(result.stats.cycles),
            grouped(result.stats.macs),
            args.output.display()
        );
        if op.reuse.is_on() {
            println!("{}", reuse_line(&result.stats));
        }
        if op.reuse.is_on() && hitmaps.is_none() {
            println!("the Verilog has no trace ports: the decisions are not in the file");
        }
        report_check(engine.as_ref());
        Ok(Outcome::Good)
    }
}

/// Decisions with what they are about.
type Hitmaps = (Vec<Scope>, Decisions);

/// The engine's decisions, if it has any, and the tiles and groups of the operation.
fn hitmaps(op: &Op, config: &Config, decisions: Option<Decisions>) -> Result<Option<Hitmaps>> {
    let with_scopes = |decisions| {
        let scopes = plan::scope(op.geometry, op.pass, &op.reuse, config)?;
        Ok((scopes, decisions))
    };
    decisions.map(with_scopes).transpose()
}

/// The two arrays of an .npz file.
fn read(path: &Path, names: [&str; 2]) -> Result<[Array4<i16>; 2]> {
    let name = path.display();
    let file = File::open(path).with_context(|| format!("cannot read {name}"))?;
    let mut npz = NpzReader::new(BufReader::new(file))
        .with_context(|| format!("{name} is not an .npz file"))?;
    let present = npz.names()?;
    let mut read = |array: &str| {
        ensure!(
            present.iter().any(|n| n == array),
            "{name} has no array {array} (it has: {}): save one by that name",
            present.join(", ")
        );
        npz.by_name::<OwnedRepr<i16>, Ix4>(array).map_err(|e| {
            anyhow!("array {array} of {name} is not int16 with 4 axes ({e}): convert it with .astype(numpy.int16)")
        })
    };
    Ok([read(names[0])?, read(names[1])?])
}

/// Writes operands as [`read`] finds them.
///
/// # Errors
/// A file that cannot be written.
pub(super) fn write_operands(
    path: &Path,
    names: [&str; 2],
    operands: [&Array4<i16>; 2],
) -> Result<()> {
    let write = || -> Result<()> {
        let mut npz = NpzWriter::new(File::create(path)?);
        for (name, array) in names.into_iter().zip(operands) {
            npz.add_array(name, array)?;
        }
        npz.finish()?;
        Ok(())
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// The layer's shape from those of the operands and the flags.
fn geometry(args: &Args, a: ArrayView4<i16>, b: ArrayView4<i16>) -> Result<Geometry> {
    let (a, b): ([usize; 4], [usize; 4]) = (a.dim().into(), b.dim().into());
    for (given, flag, pass) in [
        (args.input_size, "--input-size", PassArg::InputGrad),
        (args.kernel, "--kernel", PassArg::WeightGrad),
    ] {
        let needed = args.pass == pass;
        let name = pass.operands().0;
        ensure!(
            needed || given.is_none(),
            "{flag} belongs to --pass {name}: leave it out"
        );
        ensure!(
            !needed || given.is_some(),
            "--pass {name} needs {flag}: the operands do not tell it"
        );
    }
    let [batch, in_channels, height, width, filters, kh, kw] = match args.pass {
        PassArg::Forward => [a[0], a[1], a[2], a[3], b[0], b[2], b[3]],
        PassArg::InputGrad => {
            let [height, width] = args.input_size.unwrap_or(Pair::Both(0)).get();
            [
                a[0],
                b[1].saturating_mul(args.groups),
                height,
                width,
                b[0],
                b[2],
                b[3],
            ]
        }
        PassArg::WeightGrad => {
            let [kh, kw] = args.kernel.unwrap_or(Pair::Both(0)).get();
            [a[0], a[1], a[2], a[3], b[1], kh, kw]
        }
    };
    let padding: Padding = args.padding.get();
    let (stride, dilation) = (args.stride.get(), args.dilation.get());
    let groups = args.groups;
    let kernel = [kh, kw];
    let geometry = Geometry {
        batch,
        in_channels,
        height,
        width,
        filters,
        kernel,
        stride,
        dilation,
        padding,
        groups,
    };
    geometry.validate()?;
    Ok(geometry)
}

fn write(path: &Path, result: &OpResult, hitmaps: Option<&Hitmaps>) -> Result<()> {
    let mut npz = NpzWriter::new(File::create(path)?);
    npz.add_array("y", &result.y)?;
    for (name, count) in result.stats.named() {
        npz.add_array(name, &arr0(i64::try_from(count)?))?;
    }
    if let Some(hitmaps) = hitmaps {
        write_hitmaps(&mut npz, hitmaps)?;
    }
    npz.finish()?;
    Ok(())
}

/// Arrays of every decision: see [`Args`].
fn write_hitmaps(npz: &mut NpzWriter<File>, (scopes, decisions): &Hitmaps) -> Result<()> {
    let most = |count: fn(&Scope) -> usize| scopes.iter().map(count).max().unwrap_or(0);
    let all: usize = scopes.iter().map(|s| s.view.groups * s.tiles.len()).sum();
    let largest = |s: &Scope| s.tiles.iter().map(|t| t.positions()).max().unwrap_or(0);
    let shape = (all, most(Scope::groups), most(largest));
    let mut state = Array3::from_elem(shape, -1i8);
    let mut entry = Array3::<i32>::zeros(shape);
    let mut signature = Array4::<u64>::zeros((shape.0, shape.1, shape.2, 2));
    let mut tiles = Array2::<i64>::zeros((all, 8));
    let mut origins = Array2::<i64>::zeros((scopes.len(), 4));
    let mut row = 0;
    for (
        number,
        Scope {
            view, tiles: of, ..
        },
    ) in scopes.iter().enumerate()
    {
        let (rows, cols) = (&view.rows, &view.cols);
        let origin = [
            rows.output_first,
            rows.output_step,
            cols.output_first,
            cols.output_step,
        ];
        origins
            .row_mut(number)
            .assign(&arr1(&origin.map(|v| v as i64)));
        for group in 0..view.groups {
            for (t, tile) in of.iter().enumerate() {
                let spans = [tile.images, tile.rows, tile.cols];
                let spans = spans.iter().flat_map(|span| [span.start, span.len]);
                let line: Vec<i64> = [number, group]
                    .into_iter()
                    .chain(spans)
                    .map(|v| v as i64)
                    .collect();
                tiles.row_mut(row).assign(&Array1::from(line));
                for g in 0..scopes[number].groups() {
                    let records = decisions.records(number, [group, t, g]);
                    for (i, record) in records.iter().enumerate() {
                        state[[row, g, i]] = record.state.code() as i8;
                        entry[[row, g, i]] = record.entry.into();
                        signature[[row, g, i, 0]] = record.signature as u64;
                        signature[[row, g, i, 1]] = (record.signature >> 64) as u64;
                    }
                }
                row += 1;
            }
        }
    }
    npz.add_array("state", &state)?;
    npz.add_array("entry", &entry)?;
    npz.add_array("signature", &signature)?;
    npz.add_array("tiles", &tiles)?;
    npz.add_array("outputs", &origins)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_in_ones_twos_and_fours() {
        assert_eq!(pair("3"), Ok(Pair::Both(3)));
        assert_eq!(pair("3, 1"), Ok(Pair::Each([3, 1])));
        assert_eq!(pads("0,1,2,3"), Ok(Pads::Sides([0, 1, 2, 3])));
        assert!(
            pair("1,2,3")
                .unwrap_err()
                .contains("3 numbers, expected 1 or 2")
        );
        assert!(pads("1,2,3").unwrap_err().contains("expected 1, 2 or 4"));
        assert!(pads("-1").is_err() && pair("").is_err());
    }
}
