//! Random products: their jobs, what those must answer, what the answers add up to.

use anyhow::{Result, ensure};
use ndarray::{Array2, s};

use super::{TensorCores, spoil};
use crate::acrtc::random::{self, Case};
use crate::acrtc::{Cut, Mode, Settings, cuts, golden, model, pack};
use crate::config::tc::TcConfig;
use crate::cosim::core::campaign::{Job, Random};
use crate::cosim::core::spoil::Spoiler;
use crate::engine::Drain;
use crate::numeric;
use crate::regmap::tc::{JobRegs, Reg, Statistics};

impl Random for TensorCores {
    type Case = Case;

    const ITEM: &'static str = "product";
    const ITEMS: &'static str = "products";
    const TIMED: &'static [Reg] = &[
        Reg::Cycles,
        Reg::StallWeights,
        Reg::StallInput,
        Reg::StallOutput,
    ];
    const LOCKED: Reg = Reg::Rows;
    const ALL_OR_NOTHING: bool = false;

    fn case(seed: u64, number: u64, config: &TcConfig) -> Case {
        random::case(seed, number, config)
    }

    fn jobs(case: &Case, config: &TcConfig) -> Result<Vec<Job<Self>>> {
        let (a, b) = (case.a.view(), case.b.view());
        let jobs = cuts_of(case, config)?.into_iter().map(|cut| Job {
            packet: pack::packet(&cut, a, b, config),
            regs: cut.regs,
        });
        Ok(jobs.collect())
    }

    fn expected(
        regs: &JobRegs,
        packet: &[u8],
        config: &TcConfig,
    ) -> Result<(Array2<i64>, Statistics)> {
        let (a, b) = pack::read(regs, packet, config)?;
        let settings = Settings {
            mode: Mode::ALL[usize::from(regs.mode)],
            level: regs.level,
        };
        let drain = match regs.shift_mode {
            true => Drain::Shift(regs.shift),
            false => Drain::Raw,
        };
        let outcome = golden::run(a.view(), b.view(), settings, drain, config);
        let statistics = Statistics {
            fallback_shorter: outcome.decided.fallback_shorter,
            fallback_range: outcome.decided.fallback_range,
            saturations: outcome.saturations,
            max_abs: outcome.max_abs,
            ..model::time(regs, &outcome.decided.rows, config)
        };
        Ok((outcome.results, statistics))
    }

    fn compare(got: &Array2<i64>, want: &Array2<i64>) -> Result<usize> {
        ensure!(
            got.dim() == want.dim(),
            "the job has {:?} results, golden has {:?}",
            got.dim(),
            want.dim()
        );
        for ((at, got), want) in got.indexed_iter().zip(want) {
            ensure!(
                got == want,
                "row {}, output {} of the job is {got}, golden has {want}",
                at.0,
                at.1
            );
        }
        Ok(got.len())
    }

    fn verify(case: &Case, outputs: &[Array2<i64>], config: &TcConfig) -> Result<()> {
        let mut sum = Array2::<i64>::zeros((case.a.nrows(), case.b.ncols()));
        let mut drain = case.drain;
        for (cut, results) in cuts_of(case, config)?.iter().zip(outputs) {
            let mut part = sum.slice_mut(s![.., cut.n.clone()]);
            part += &results.slice(s![.., ..cut.n.len()]);
            if !cut.regs.shift_mode {
                drain = Drain::Raw;
            }
        }
        let want = plain_product(case, drain, config);
        for ((at, got), want) in sum.indexed_iter().zip(&want) {
            ensure!(
                got == want,
                "row {}, output {}: the hardware gives {got}, the integer product is {want}",
                at.0,
                at.1
            );
        }
        Ok(())
    }

    fn dense_multiplications(case: &Case) -> u64 {
        (case.a.len() * case.b.ncols()) as u64
    }

    fn total(all: &Statistics, job: &Statistics) -> Statistics {
        all.with(job)
    }

    fn spoilers(_: &TcConfig) -> Vec<&'static Spoiler<Self>> {
        spoil::SPOILERS.iter().collect()
    }

    fn can_be_spoilt(job: &Job<Self>, config: &TcConfig) -> bool {
        job.regs.rows > 4 && job.packet.len() > 8 * config.bus_bytes()
    }
}

fn cuts_of(case: &Case, config: &TcConfig) -> Result<Vec<Cut>> {
    let (k, n) = case.b.dim();
    cuts(case.a.nrows(), k, n, case.settings, case.drain, config)
}

/// u · B as the plain sum of products, drained.
fn plain_product(case: &Case, drain: Drain, config: &TcConfig) -> Array2<i64> {
    let bits = config.data_w as u32;
    let level = case.settings.level;
    let u = case.a.mapv(|v| i64::from(golden::quantise(v, level, bits)));
    let product = u.dot(&case.b.mapv(i64::from));
    match drain {
        Drain::Raw => product,
        Drain::Shift(shift) => product.mapv(|v| numeric::requantise(v, shift, bits).value.into()),
    }
}
