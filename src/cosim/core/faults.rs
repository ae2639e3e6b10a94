//! A fault in the generated Verilog against random cases.

use anyhow::Result;

use super::campaign::{self, Random, Settings};
use super::open_rtl;
use crate::cosim::faults::{Fault, Finding};
use crate::cosim::rtl::Rtl;
use crate::cosim::verilate::Options;

/// Runs campaigns of `cases` on the faulty Verilog, first without and then with stalls, until a difference shows.
///
/// # Errors
/// A fault that does not apply or whose Verilog does not build.
pub fn run<D: Random>(
    fault: &Fault,
    rtl: &Rtl,
    config: &D::Config,
    cases: u64,
    seed: u64,
) -> Result<Finding> {
    let options = Options {
        quick_build: true,
        ..Options::default()
    };
    let faulty = fault.apply(rtl)?;
    let mut finding = Finding {
        fault: fault.name,
        file: fault.file,
        jobs: 0,
        p_stall: 0.0,
        caught_by: None,
    };
    let mut driver = open_rtl::<D>(&faulty, config, options)?;
    for p_stall in [0.0, 0.3] {
        let settings = Settings {
            cases,
            seed,
            p_stall,
            only: None,
        };
        let report = campaign::run(&mut driver, &settings, |_| ())?;
        finding.jobs += report.jobs + u64::from(report.mismatch.is_some());
        if let Some((_, text)) = report.mismatch {
            (finding.p_stall, finding.caught_by) = (p_stall, Some(text));
            break;
        }
    }
    Ok(finding)
}
