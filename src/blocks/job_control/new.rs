//! Construction of job control: the width of every signal.

use super::{JobControl, PATIENCE};
use crate::config::Config;
use crate::hdl::prelude::*;
use crate::regmap::{Access, Error, REGISTERS, Reg as Csr, STATISTIC_BITS};

/// Place of a counter among the statistics.
fn index(reg: Csr) -> Param {
    let mut counters = REGISTERS.iter().filter(|r| r.access == Access::Statistic);
    Param::new(
        counters
            .position(|r| r.reg == reg)
            .expect("a statistics register"),
    )
}

impl JobControl {
    /// Job control of this configuration.
    pub fn new(config: &Config) -> Self {
        let sets = config.sets;
        let detectors = if config.reuse { config.detectors } else { 0 };
        let per_set = || (0..sets).map(|_| Bit::new()).collect();
        let per_detector = || (0..detectors).map(|_| Bit::new()).collect();
        let code = |e: Error| Param::new(e.code() as usize);
        let count = || Sig::unsigned(config.set_count_w());
        let count_q = || Reg::unsigned(config.set_count_w());
        let counters = REGISTERS
            .iter()
            .filter(|r| r.access == Access::Statistic)
            .count();
        JobControl {
            start: Bit::new(),
            abort_job: Bit::new(),
            start_now: Bit::new(),
            abort_now: Bit::new(),
            loader_error_q: BitReg::new(),
            loader_code_q: Reg::unsigned(8).without_reset(),
            start_q: BitReg::new(),
            abort_q: BitReg::new(),
            clear_q: BitReg::new(),
            reset_q: BitReg::new(),
            clear_error: Bit::new(),
            bad_job: Bit::new(),
            loader_done: Bit::new(),
            loader_error: Bit::new(),
            loader_error_code: Sig::unsigned(8),
            loader_accepted: Bit::new(),
            loader_waits: Bit::new(),
            drain_idle: Bit::new(),
            trailer_taken: Bit::new(),
            saturated: Sig::unsigned(config.pe_count_w()),
            max_abs: Sig::unsigned(config.acc_w),
            out_valid: Bit::new(),
            out_ready: Bit::new(),
            out_last: Bit::new(),
            idle: per_set(),
            issue: per_set(),
            mac: per_set(),
            pes_now: (0..sets)
                .map(|_| Sig::unsigned(config.pe_count_w()))
                .collect(),
            stall_features: per_set(),
            stall_weights: per_set(),
            stall_operand: per_set(),
            stall_bank: per_set(),
            stall_detect: per_set(),
            range_error: per_set(),
            detect_busy: per_detector(),
            detected: per_detector(),
            detected_state: (0..detectors).map(|_| Sig::unsigned(2)).collect(),
            detect_range_error: per_detector(),
            busy: Bit::new(),
            next_busy: Bit::new(),
            done: Bit::new(),
            error_code: Sig::unsigned(8),
            clear_sets: Bit::new(),
            reset_banks: Bit::new(),
            flush: Bit::new(),
            stop_drain: Bit::new(),
            trailer: Bit::new(),
            statistic: (0..counters)
                .map(|_| Sig::unsigned(STATISTIC_BITS))
                .collect(),
            running: BitReg::new(),
            next_running: Bit::new(),
            complete: BitReg::new(),
            first_cycle: BitReg::new(),
            failing: BitReg::new(),
            closing: BitReg::new(),
            code: Reg::unsigned(8),
            late_error: Bit::new(),
            late_code: Sig::unsigned(8),
            any_issue: Bit::new(),
            all_idle: Bit::new(),
            any_range_error: Bit::new(),
            moving: Bit::new(),
            patience: Reg::unsigned(crate::config::index_width(PATIENCE)),
            leaves: Bit::new(),
            issues: count(),
            active_pes: Sig::unsigned(config.pe_total_w()),
            features: count(),
            weights: count(),
            operands: count(),
            banks: count(),
            hitmaps: count(),
            steps: count(),
            states: (0..4).map(|_| count()).collect(),
            any_step: Bit::new(),
            issues_q: count_q(),
            active_pes_q: Reg::unsigned(config.pe_total_w()),
            features_q: count_q(),
            weights_q: count_q(),
            operands_q: count_q(),
            banks_q: count_q(),
            hitmaps_q: count_q(),
            steps_q: count_q(),
            states_q: (0..4).map(|_| count_q()).collect(),
            saturated_q: Reg::unsigned(config.pe_count_w()),
            count: (0..counters)
                .map(|_| Reg::unsigned(STATISTIC_BITS))
                .collect(),
            sets: Param::new(sets),
            detectors: Param::new(detectors),
            statistics: Param::new(counters),
            last_patience: Param::new(PATIENCE - 1),
            bad_job_q: BitReg::new(),
            accepted_q: BitReg::new(),
            range_error_q: BitReg::new(),
            bad_job_code: code(Error::BadJob),
            range_code: code(Error::Range),
            no_progress_code: code(Error::NoProgress),
            aborted_code: code(Error::Aborted),
            cycles: index(Csr::Cycles),
            compute_busy: index(Csr::ComputeBusy),
            macs: index(Csr::Macs),
            stalled_features: index(Csr::StallFeatures),
            stalled_weights: index(Csr::StallWeights),
            stalled_operand: index(Csr::StallOperand),
            stalled_bank: index(Csr::StallBank),
            stalled_detect: index(Csr::StallDetect),
            detecting: index(Csr::DetectBusy),
            first_state: index(Csr::Zero),
            in_beats: index(Csr::InBeats),
            out_beats: index(Csr::OutBeats),
            saturations: index(Csr::Saturations),
            largest: index(Csr::MaxAbs),
            about: About::new(
                "job_control",
                "Runs a job from START to the handshake of its trailer, collects errors and counts.",
            ),
        }
    }
}
