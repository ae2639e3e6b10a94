//! Faults put into the generated Verilog, to show that co-simulation catches them.

use super::case::Draw;
use anyhow::{Context, Result, ensure};
use serde::Serialize;

use super::campaign::{self, Settings};
use super::driver::Driver;
use super::pump::{Pump, Stalls};
use super::rtl::Rtl;
use super::verilate::{Builder, Options};
use crate::config::Config;

/// One edit of the generated text.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// What breaks.
    pub name: &'static str,
    /// File that is edited.
    pub file: &'static str,
    /// Text that must be there; its first occurrence is replaced.
    pub from: &'static str,
    /// What replaces it.
    pub to: &'static str,
}

/// Faults of the dense array: signs, widths, addresses, counters, multiplexers, rounding, timing, protocol.
pub const FAULTS: [Fault; 11] = [
    Fault {
        name: "sign: operands multiplied unsigned",
        file: "pe.v",
        from: "product <= element * factor_q;",
        to: "product <= $unsigned(element) * factor_q;",
    },
    Fault {
        name: "width: raw results cut to 32 bits",
        file: "output_packer.v",
        from: "assign raw_word_0 = $signed({{16{d3_value_0[47]}}, d3_value_0});",
        to: "assign raw_word_0 = $signed({{32{d3_value_0[31]}}, d3_value_0[31:0]});",
    },
    Fault {
        name: "address bit: features written beside their place",
        file: "pe_set.v",
        from: "assign feature_beat = sequencer_slot_write_base + ",
        to: "assign feature_beat = (sequencer_slot_write_base ^ 16'd1) + ",
    },
    Fault {
        name: "counter: stalls on a psum bank counted down",
        file: "job_control.v",
        from: "count_6 <= count_6 + ",
        to: "count_6 <= count_6 - ",
    },
    Fault {
        name: "multiplexer: psum not forwarded",
        file: "pe.v",
        from: "if (psum_forward_q) begin",
        to: "if (1'b0) begin",
    },
    Fault {
        name: "multiplexer: the psum before that not forwarded",
        file: "pe.v",
        from: "if (psum_forward_last_q) begin",
        to: "if (1'b0) begin",
    },
    Fault {
        name: "rounding: half up instead of half to even",
        file: "requantizer.v",
        from: "assign round_up = guard && (sticky || floor[0]);",
        to: "assign round_up = guard;",
    },
    Fault {
        name: "comparison: one column too many in the image",
        file: "patch_agu.v",
        from: "(col_now < in_cols)",
        to: "(col_now <= in_cols)",
    },
    Fault {
        name: "pointer: feature ring one slot too long",
        file: "feature_ring.v",
        from: "fill_last <= (fill_slot + 16'd2) == slots_q;",
        to: "fill_last <= (fill_slot + 16'd1) == slots_q;",
    },
    Fault {
        name: "timing: drain requested a cycle early",
        file: "psum_banks.v",
        from: "ended_3 <= ended_2;",
        to: "ended_3 <= ended_1;",
    },
    Fault {
        name: "protocol: output does not wait for the receiver",
        file: "output_packer.v",
        from: "assign leaves = !out_valid || m_axis_tready;",
        to: "assign leaves = 1'b1;",
    },
];

/// Faults of reuse: signature, comparator, cache, Hitmap, gradient sums, flush.
pub const REUSE_FAULTS: [Fault; 12] = [
    Fault {
        name: "signature: one projection shifted too far",
        file: "rpq.v",
        from: "shifted_1 = sum_1;",
        to: "shifted_1 = sum_1 >>> 1;",
    },
    Fault {
        name: "comparator: the tag of a way not compared",
        file: "signature_comparator.v",
        from: "assign matches_1 = equal_1[11];",
        to: "assign matches_1 = 1'b1;",
    },
    Fault {
        name: "MCACHE: a miss in a full set takes an entry",
        file: "mcache.v",
        from: "end else if (!full) begin",
        to: "end else begin",
    },
    Fault {
        name: "MCACHE: sets not emptied when epochs come back",
        file: "mcache.v",
        from: "fills_write_enable = 1'b1;",
        to: "fills_write_enable = 1'b0;",
    },
    Fault {
        name: "MCACHE: zero vectors skipped whatever the job says",
        file: "detector.v",
        from: "assign mcache_zero = all_zero && skips_zero;",
        to: "assign mcache_zero = all_zero;",
    },
    Fault {
        name: "detection: one row too many in the image",
        file: "detector_lane.v",
        from: "(row_q < in_rows)",
        to: "(row_q <= in_rows)",
    },
    Fault {
        name: "Hitmap: first items of a pass add to the pass before",
        file: "hitmap.v",
        from: "assign touched_before = !record_first_group && touched_q;",
        to: "assign touched_before = touched_q;",
    },
    Fault {
        name: "Hitmap: psums of zero positions not cleared",
        file: "hitmap.v",
        from: "has_item = record_zero && record_last_group && !touched_before;",
        to: "has_item = 1'b0;",
    },
    Fault {
        name: "MCACHE data: an entry just written not forwarded",
        file: "mcache_data.v",
        from: "if (forward_q) begin",
        to: "if (1'b0) begin",
    },
    Fault {
        name: "MCACHE data: the entry before that not forwarded",
        file: "mcache_data.v",
        from: "if (forward_last_q) begin",
        to: "if (1'b0) begin",
    },
    Fault {
        name: "gradient sums: wide ones flushed in one round",
        file: "mcache_data.v",
        from: "wide_q <= (|high) && !(&high);",
        to: "wide_q <= 1'b0;",
    },
    Fault {
        name: "flush: first entry read a cycle early",
        file: "item_walker.v",
        from: "(gap == 3'd4)",
        to: "(gap == 3'd3)",
    },
];

/// The faults that can be put into the Verilog of a configuration.
pub fn faults(config: &Config) -> impl Iterator<Item = &'static Fault> {
    let reuse = if config.reuse { &REUSE_FAULTS[..] } else { &[] };
    FAULTS.iter().chain(reuse)
}

impl Fault {
    /// The Verilog with the fault.
    ///
    /// # Errors
    /// The text to edit is not there.
    pub fn apply(&self, rtl: &Rtl) -> Result<Rtl> {
        let mut faulty = rtl.clone();
        let source = faulty
            .sources
            .iter_mut()
            .find(|(name, _)| name == self.file);
        let (_, text) = source
            .with_context(|| format!("fault `{}`: there is no file {}", self.name, self.file))?;
        let edited = text.replacen(self.from, self.to, 1);
        ensure!(
            edited != *text,
            "fault `{}`: {} does not contain `{}`; adapt the fault to the generated text",
            self.name,
            self.file,
            self.from
        );
        *text = edited;
        Ok(faulty)
    }

    /// Runs campaigns on the faulty Verilog, first without and then with stalls, until a difference shows.
    ///
    /// # Errors
    /// A fault that does not apply or whose Verilog does not build.
    pub fn run(
        &self,
        builder: &Builder,
        rtl: &Rtl,
        config: &Config,
        jobs: u64,
        seed: u64,
    ) -> Result<Finding> {
        let model = builder.model(
            &self.apply(rtl)?,
            Options {
                quick_build: true,
                ..Options::default()
            },
        )?;
        let mut finding = Finding {
            fault: self.name,
            file: self.file,
            jobs: 0,
            p_stall: 0.0,
            caught_by: None,
        };
        let mut driver = match Driver::open(Pump::new(model, Stalls::default())?, config) {
            Ok(driver) => driver,
            Err(error) => {
                finding.caught_by = Some(format!("{error:#}"));
                return Ok(finding);
            }
        };
        for p_stall in [0.0, 0.3] {
            let settings = Settings {
                draw: Draw::Any,
                jobs,
                seed,
                p_stall,
                only: None,
            };
            let report = campaign::run(&mut driver, config, &settings, |_| ())?;
            finding.jobs += report.jobs + u64::from(report.mismatch.is_some());
            if let Some(mismatch) = report.mismatch {
                (finding.p_stall, finding.caught_by) = (p_stall, Some(mismatch.difference.text));
                break;
            }
        }
        Ok(finding)
    }
}

/// What became of a fault.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// The fault.
    pub fault: &'static str,
    /// Where it is.
    pub file: &'static str,
    /// Jobs run until it showed.
    pub jobs: u64,
    /// Stall probability of the campaign that it showed in.
    pub p_stall: f64,
    /// The difference that showed it; none if nothing did.
    pub caught_by: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_that_does_not_apply_is_an_error() {
        let rtl = Rtl::from_text("pe", "module pe;\nendmodule\n", vec![]);
        let error = FAULTS[0].apply(&rtl).unwrap_err().to_string();
        assert!(
            error.contains("does not contain `product <= element * factor_q;`"),
            "{error}"
        );
        let fits = Rtl::from_text(
            "pe",
            "product <= element * factor_q; product <= element * factor_q;",
            vec![],
        );
        let text = FAULTS[0].apply(&fits).unwrap().sources[0].1.clone();
        assert_eq!(
            text,
            "product <= $unsigned(element) * factor_q; product <= element * factor_q;"
        );
    }
}
