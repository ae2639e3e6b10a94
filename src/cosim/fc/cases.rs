//! Random layers: their jobs, what those must answer, what the answers add up to.

use anyhow::{Result, bail, ensure};

use super::{FullyConnected, spoil};
use crate::config::fc::FcConfig;
use crate::cosim::core::campaign::{Job, Random};
use crate::cosim::core::spoil::Spoiler;
use crate::crew::random::{self, Case};
use crate::crew::{golden, model};
use crate::regmap::fc::{JobRegs, Reg, Statistics};

impl Random for FullyConnected {
    type Case = Case;

    const ITEM: &'static str = "layer";
    const ITEMS: &'static str = "layers";
    const TIMED: &'static [Reg] = &[Reg::Cycles, Reg::StallWeights, Reg::StallProducts];
    const LOCKED: Reg = Reg::Batch;
    const ALL_OR_NOTHING: bool = true;

    fn case(seed: u64, number: u64, config: &FcConfig) -> Case {
        random::case(seed, number, config)
    }

    fn jobs(case: &Case, config: &FcConfig) -> Result<Vec<Job<Self>>> {
        let jobs = case.layer(config)?.jobs(case.x.view())?;
        let jobs = jobs.into_iter().map(|job| Job {
            regs: job.regs,
            packet: job.packet,
        });
        Ok(jobs.collect())
    }

    fn expected(
        regs: &JobRegs,
        packet: &[u8],
        config: &FcConfig,
    ) -> Result<(Vec<i32>, Statistics)> {
        let answer = golden::run(regs, packet, config)?;
        let groups = model::groups(regs, packet, config)?;
        Ok((
            answer.sums,
            model::time(regs, &groups, answer.counts, config),
        ))
    }

    fn compare(got: &Vec<i32>, want: &Vec<i32>) -> Result<usize> {
        ensure!(
            got.len() == want.len(),
            "{} sums in the output packet, {} expected",
            got.len(),
            want.len()
        );
        let differs = got.iter().zip(want).position(|(got, want)| got != want);
        match differs {
            Some(i) => bail!(
                "sum {i} of the output packet is {}, golden has {}",
                got[i],
                want[i]
            ),
            None => Ok(got.len()),
        }
    }

    fn verify(case: &Case, outputs: &[Vec<i32>], config: &FcConfig) -> Result<()> {
        let layer = case.layer(config)?;
        let mut result = layer.result(case.x.nrows());
        for (job, sums) in layer.jobs(case.x.view())?.iter().zip(outputs) {
            layer.add(job, sums, &mut result);
        }
        let want = golden::dense_product(case.x.view(), case.weights.view());
        for ((at, want), got) in want.indexed_iter().zip(&result) {
            ensure!(
                got == want,
                "vector {}, output {}: the hardware adds up to {got}, the integer product is {want}",
                at.0,
                at.1
            );
        }
        Ok(())
    }

    fn dense_multiplications(case: &Case) -> u64 {
        (case.weights.len() * case.x.nrows()) as u64
    }

    fn total(all: &Statistics, job: &Statistics) -> Statistics {
        all.plus(job)
    }

    fn spoilers(config: &FcConfig) -> Vec<&'static Spoiler<Self>> {
        spoil::spoilers(config)
    }

    fn can_be_spoilt(job: &Job<Self>, config: &FcConfig) -> bool {
        usize::from(job.regs.x_beats) < config.x_depth()
            && job.packet.len() > 4 * config.bus_bytes()
    }
}
