//! Sizes of the tensor cores: `acrtc`, which reuses the previous row, and its dense baseline `dense_tc`.

use serde::{Deserialize, Serialize};

use super::ConfigError;
use super::check::{
    BUS_WIDTHS, OPERAND_WIDTHS, illegal, name, one_of, power_of_two, range as within,
};
use super::toml_file::{toml_file, top};
use crate::numeric;

/// Which of the two designs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Design {
    /// Adds what changed since the previous row.
    Acrtc,
    /// Multiplies every element.
    DenseTc,
}

impl Design {
    /// Its name in configurations, manifests and top modules.
    pub fn name(self) -> &'static str {
        match self {
            Design::Acrtc => "acrtc",
            Design::DenseTc => "dense_tc",
        }
    }
}

/// Sizes of one tensor core. Every field is a key of the TOML file; unknown keys are refused.
///
/// ```
/// use mercury::config::tc::TcConfig;
/// let paper = TcConfig::preset("acrtc-paper")?;
/// assert_eq!((paper.lanes, paper.columns, paper.multipliers()), (12, 14, 168));
/// # Ok::<(), mercury::config::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TcConfig {
    /// Name of the size: lower-case identifier; names the output folder and, after the design, the top module.
    pub name: String,
    /// One line for listings; no influence on the hardware.
    #[serde(default)]
    pub description: String,
    /// `acrtc` or `dense_tc`.
    pub design: Design,
    /// Lanes E: elements of A multiplied per cycle, 2…64.
    pub lanes: usize,
    /// Columns N: outputs per cycle. lanes · columns multipliers; columns · data_w ≤ bus_w.
    pub columns: usize,
    /// Bits of the input and output streams: 64, 128, 256 or 512.
    pub bus_w: usize,
    /// Bits of an operand: 16 or 8.
    pub data_w: usize,
    /// Most steps of a row, a power of two: lanes · steps elements.
    pub steps: usize,
    /// Most blocks of `columns` outputs, a power of two.
    pub blocks: usize,
    /// Weight words of each lane, a power of two: steps · blocks of a job at most.
    pub weight_words: usize,
}

/// Rows whose lists are held.
pub const ROW_BANKS: usize = 4;
/// Results that may be pending.
pub const RESULTS: usize = 16;

const PRESETS: [(&str, &str); 8] = [
    ("acrtc-tiny", include_str!("../../configs/acrtc-tiny.toml")),
    (
        "acrtc-small",
        include_str!("../../configs/acrtc-small.toml"),
    ),
    (
        "acrtc-core4",
        include_str!("../../configs/acrtc-core4.toml"),
    ),
    (
        "acrtc-paper",
        include_str!("../../configs/acrtc-paper.toml"),
    ),
    (
        "dense-tc-tiny",
        include_str!("../../configs/dense-tc-tiny.toml"),
    ),
    (
        "dense-tc-small",
        include_str!("../../configs/dense-tc-small.toml"),
    ),
    (
        "dense-tc-core4",
        include_str!("../../configs/dense-tc-core4.toml"),
    ),
    (
        "dense-tc-paper",
        include_str!("../../configs/dense-tc-paper.toml"),
    ),
];

toml_file!(TcConfig, PRESETS, ignoring { description });

impl TcConfig {
    /// Refuses sizes that no correct hardware exists for.
    ///
    /// # Errors
    /// [`ConfigError::Illegal`] for the first broken rule: value, limit and fix.
    pub fn check(&self) -> Result<(), ConfigError> {
        name(&self.name.replace('-', "_"))?;
        one_of("bus_w", self.bus_w, &BUS_WIDTHS)?;
        one_of("data_w", self.data_w, &OPERAND_WIDTHS)?;
        within("lanes", self.lanes, 2, 64)?;
        within("columns", self.columns, 1, self.operands())?;
        power_of_two("steps", self.steps, 4, 4096)?;
        power_of_two("blocks", self.blocks, 2, 1024)?;
        power_of_two("weight_words", self.weight_words, self.steps, 1 << 15)?;
        let (elements, most) = (
            self.elements() as u64,
            numeric::max_terms(self.data_w as u32),
        );
        if elements > most {
            return Err(illegal(
                "steps",
                self.steps,
                format!(
                    "sums of {} bits hold {most} products, lanes · steps is {elements}",
                    self.acc_w()
                ),
                "use fewer steps",
            ));
        }
        Ok(())
    }

    /// Name of the top module: the design, then the part of the name that does not repeat it.
    pub fn top(&self) -> String {
        top(self.design.name(), &self.name)
    }

    /// Whether it has the lists and buffers of reuse.
    pub fn reuse(&self) -> bool {
        self.design == Design::Acrtc
    }

    /// Multipliers E·N.
    pub fn multipliers(&self) -> usize {
        self.lanes * self.columns
    }

    /// Largest K of a job.
    pub fn elements(&self) -> usize {
        self.lanes * self.steps
    }

    /// Bits of a sum.
    pub fn acc_w(&self) -> usize {
        numeric::acc_bits(self.data_w as u32) as usize
    }

    /// Largest LEVEL.
    pub fn max_level(&self) -> usize {
        match self.design {
            Design::Acrtc => self.data_w - 2,
            Design::DenseTc => 0,
        }
    }

    /// Bytes of a stream beat.
    pub fn bus_bytes(&self) -> usize {
        self.bus_w / 8
    }

    /// Operands L of a beat.
    pub fn operands(&self) -> usize {
        self.bus_w / self.data_w
    }

    /// Weight words of a beat: those of so many lanes.
    pub fn words_per_beat(&self) -> usize {
        (self.operands() / self.columns).min(self.lanes)
    }

    /// Beats of the weight words of all lanes.
    pub fn beats_per_word(&self) -> usize {
        self.lanes.div_ceil(self.words_per_beat())
    }

    /// Steps of a row that a beat carries, at least 1.
    pub fn steps_per_beat(&self) -> usize {
        (self.operands() / self.lanes).max(1)
    }

    /// Beats of a step, at least 1.
    pub fn beats_per_step(&self) -> usize {
        self.lanes.div_ceil(self.operands())
    }

    /// Beats of a row of so many steps.
    pub fn row_beats(&self, steps: usize) -> usize {
        steps.div_ceil(self.steps_per_beat()) * self.beats_per_step()
    }

    /// Raw results of an output beat.
    pub fn raw_per_beat(&self) -> usize {
        (self.bus_w / 64).min(self.columns)
    }

    /// Output beats of a raw result of N columns.
    pub fn raw_beats(&self) -> usize {
        self.columns.div_ceil(self.raw_per_beat())
    }

    /// Levels V of the adder trees: ⌈log2 lanes⌉.
    pub fn tree_levels(&self) -> usize {
        self.lanes.next_power_of_two().ilog2() as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_legal_and_a_baseline_differs_in_its_design_only() {
        for size in ["tiny", "small", "core4", "paper"] {
            let reuse = TcConfig::preset(&format!("acrtc-{size}")).unwrap();
            let dense = TcConfig::preset(&format!("dense-tc-{size}")).unwrap();
            let as_reuse = TcConfig {
                name: reuse.name.clone(),
                description: reuse.description.clone(),
                design: Design::Acrtc,
                ..dense.clone()
            };
            assert_eq!(as_reuse, reuse);
            assert_eq!(TcConfig::parse(&reuse.to_toml(), "text").unwrap(), reuse);
            assert_ne!(reuse.hash(), dense.hash());
            assert_eq!(reuse.top(), format!("acrtc_{size}"));
            assert_eq!(dense.top(), format!("dense_tc_{size}"));
        }
    }

    #[test]
    fn beats_of_weights_rows_and_results() {
        let beats = |name: &str| {
            let c = TcConfig::preset(name).unwrap();
            (c.beats_per_word(), c.row_beats(5), c.raw_beats())
        };
        assert_eq!(beats("acrtc-tiny"), (1, 3, 2));
        assert_eq!(beats("acrtc-small"), (2, 5, 2));
        assert_eq!(beats("acrtc-core4"), (8, 10, 2));
        assert_eq!(beats("acrtc-paper"), (6, 3, 2));
    }

    #[test]
    fn refusals_say_value_limit_and_fix() {
        let refused = |change: fn(&mut TcConfig), parts: &[&str]| {
            let mut config = TcConfig::preset("acrtc-tiny").unwrap();
            change(&mut config);
            let error = config.check().unwrap_err().to_string();
            parts
                .iter()
                .for_each(|part| assert!(error.contains(part), "{error}"));
        };
        refused(|c| c.lanes = 1, &["lanes = 1", "2…64"]);
        refused(|c| c.columns = 5, &["columns = 5", "1…4"]);
        refused(|c| c.steps = 12, &["steps = 12", "power of two"]);
        refused(|c| c.weight_words = 8, &["weight_words = 8"]);
        refused(|c| c.data_w = 12, &["data_w = 12"]);
        refused(
            |c| (c.lanes, c.steps, c.weight_words) = (64, 4096, 4096),
            &["steps = 4096", "131071", "262144"],
        );
    }
}
