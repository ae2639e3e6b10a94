//! Faults put into the generated Verilog, to show that co-simulation catches them.

use anyhow::Result;

use super::campaign::{self, Campaign};
use super::open_rtl;
use crate::config::tc::{Design, TcConfig};
use crate::cosim::faults::{Fault, Finding};
use crate::cosim::rtl::Rtl;
use crate::cosim::verilate::Options;

/// Faults of what both designs have.
const COMMON: [Fault; 0] = [];

/// Faults of ACRTC.
const ACRTC: [Fault; 0] = [];

/// Faults of the dense core.
const DENSE: [Fault; 0] = [];

/// The faults that can be put into the Verilog of a configuration.
pub fn faults(config: &TcConfig) -> impl Iterator<Item = &'static Fault> {
    let own = match config.design {
        Design::Acrtc => &ACRTC[..],
        Design::DenseTc => &DENSE[..],
    };
    COMMON.iter().chain(own)
}

/// Runs campaigns on the faulty Verilog, first without and then with stalls, until a difference shows.
///
/// # Errors
/// A fault that does not apply or whose Verilog does not build.
pub fn run(
    fault: &Fault,
    rtl: &Rtl,
    config: &TcConfig,
    products: u64,
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
    let mut driver = open_rtl(&faulty, config, options)?;
    for p_stall in [0.0, 0.3] {
        let campaign = Campaign {
            products,
            seed,
            p_stall,
            only: None,
        };
        let report = campaign::run(&mut driver, config, &campaign, |_| ())?;
        finding.jobs += report.jobs + u64::from(report.mismatch.is_some());
        if let Some((_, text)) = report.mismatch {
            (finding.p_stall, finding.caught_by) = (p_stall, Some(text));
            break;
        }
    }
    Ok(finding)
}
