//! Sizes of the designs for fully connected layers: `crew` and its dense baseline `dense_fc`.

use serde::{Deserialize, Serialize};

use super::ConfigError;
use super::check::{BUS_WIDTHS, illegal, name, one_of, power_of_two};
use super::toml_file::{toml_file, top};

/// Which of the two designs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Design {
    /// Products of unique weights, added by index.
    Crew,
    /// Weight-stationary array that multiplies every weight.
    DenseFc,
}

impl Design {
    /// Its name in configurations, manifests and top modules.
    pub fn name(self) -> &'static str {
        match self {
            Design::Crew => "crew",
            Design::DenseFc => "dense_fc",
        }
    }
}

/// Sizes of one accelerator for fully connected layers. Every field is a key of the TOML file; unknown keys are refused.
///
/// ```
/// use mercury::config::fc::FcConfig;
/// let tiny = FcConfig::preset("crew-tiny")?;
/// assert_eq!((tiny.multipliers, tiny.lanes, tiny.stripes()), (4, 2, 2));
/// # Ok::<(), mercury::config::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FcConfig {
    /// Name of the size: lower-case identifier; names the output folder and, after the design, the top module.
    pub name: String,
    /// One line for listings; no influence on the hardware.
    #[serde(default)]
    pub description: String,
    /// `crew` or `dense_fc`.
    pub design: Design,
    /// Multipliers P, a power of two, 2…256.
    pub multipliers: usize,
    /// Outputs accumulated per cycle L, a power of two. `crew`: adders for each multiplier, 2…16. `dense_fc`: columns of
    /// the array, whose rows are multipliers / lanes, at least 2.
    pub lanes: usize,
    /// Bits of the input and output streams: 64, 128, 256 or 512.
    pub bus_w: usize,
    /// Rows of L sums, a power of two: batch × outputs / L of a job at most.
    pub psum_rows: usize,
    /// Most outputs of a job, a power of two; in `crew` the size of the index buffers.
    pub outputs: usize,
    /// Activations held for each input of a group, a power of two.
    pub x_words: usize,
}

/// Bits of an activation and of a weight.
pub const DATA_W: usize = 8;
/// Bits of a sum.
pub const ACC_W: usize = 32;
/// Most unique weights of an input.
pub const MAX_UNIQUES: usize = 1 << DATA_W;
/// Largest power of two that the 16-bit registers and their counters hold.
const MAX_POWER: usize = 1 << 15;

const PRESETS: [(&str, &str); 6] = [
    ("crew-tiny", include_str!("../../configs/crew-tiny.toml")),
    ("crew-small", include_str!("../../configs/crew-small.toml")),
    ("crew-paper", include_str!("../../configs/crew-paper.toml")),
    (
        "dense-fc-tiny",
        include_str!("../../configs/dense-fc-tiny.toml"),
    ),
    (
        "dense-fc-small",
        include_str!("../../configs/dense-fc-small.toml"),
    ),
    (
        "dense-fc-paper",
        include_str!("../../configs/dense-fc-paper.toml"),
    ),
];

toml_file!(FcConfig, PRESETS, ignoring { description });

impl FcConfig {
    /// Refuses sizes that no correct hardware exists for.
    ///
    /// # Errors
    /// [`ConfigError::Illegal`] for the first broken rule: value, limit and fix.
    pub fn check(&self) -> Result<(), ConfigError> {
        name(&self.name.replace('-', "_"))?;
        one_of("bus_w", self.bus_w, &BUS_WIDTHS)?;
        power_of_two("multipliers", self.multipliers, 2, 256)?;
        power_of_two("psum_rows", self.psum_rows, 4, MAX_POWER)?;
        match self.design {
            Design::Crew => self.check_crew()?,
            Design::DenseFc => self.check_dense()?,
        }
        power_of_two(
            "outputs",
            self.outputs,
            4 * self.lanes,
            self.lanes * self.psum_rows,
        )
    }

    fn check_crew(&self) -> Result<(), ConfigError> {
        power_of_two("lanes", self.lanes, 2, 16)?;
        power_of_two("x_words", self.x_words, 4 * self.lanes, MAX_POWER)?;
        let (low, high) = (self.slice_w(), self.slice_w() * self.multipliers);
        if (low..=high).contains(&self.bus_w) {
            return Ok(());
        }
        Err(illegal(
            "bus_w",
            self.bus_w,
            format!(
                "a beat carries 16·lanes = {low} bits for each input of a stripe, of at least one and at most {} inputs: {low}…{high}",
                self.multipliers
            ),
            "change lanes, multipliers or bus_w",
        ))
    }

    fn check_dense(&self) -> Result<(), ConfigError> {
        power_of_two("lanes", self.lanes, 1, self.multipliers / 2)?;
        let row = DATA_W * self.array_rows();
        if row > self.bus_w {
            return Err(illegal(
                "lanes",
                self.lanes,
                format!(
                    "one activation for each of the multipliers / lanes = {} rows fits a beat of {} bits",
                    self.array_rows(),
                    self.bus_w
                ),
                format!("use {} or more", DATA_W * self.multipliers / self.bus_w),
            ));
        }
        power_of_two("x_words", self.x_words, 2 * self.bus_w / row, MAX_POWER)
    }

    /// Name of the top module: the design, then the part of the name that does not repeat it.
    pub fn top(&self) -> String {
        top(self.design.name(), &self.name)
    }

    /// Largest ROWS of a job: rows of L outputs.
    pub fn max_rows(&self) -> usize {
        self.outputs / self.lanes
    }

    /// Bytes of a stream beat.
    pub fn bus_bytes(&self) -> usize {
        self.bus_w / 8
    }

    /// Inputs of a group: all multipliers in `crew`, the array's rows in `dense_fc`.
    pub fn group_inputs(&self) -> usize {
        match self.design {
            Design::Crew => self.multipliers,
            Design::DenseFc => self.array_rows(),
        }
    }

    /// Rows of the dense array.
    pub fn array_rows(&self) -> usize {
        self.multipliers / self.lanes
    }

    /// `crew`: bits of one input's slice of a beat.
    pub fn slice_w(&self) -> usize {
        16 * self.lanes
    }

    /// `crew`: bytes of a slice: activations or unique weights of one input in a beat.
    pub fn slice_bytes(&self) -> usize {
        2 * self.lanes
    }

    /// `crew`: inputs of a stripe, those whose slices share a beat.
    pub fn stripe_inputs(&self) -> usize {
        self.bus_w / self.slice_w()
    }

    /// `crew`: stripes of a group.
    pub fn stripes(&self) -> usize {
        self.multipliers / self.stripe_inputs()
    }

    /// Activations of each input that a beat carries.
    pub fn x_per_beat(&self) -> usize {
        match self.design {
            Design::Crew => self.slice_bytes(),
            Design::DenseFc => self.bus_w / (DATA_W * self.array_rows()),
        }
    }

    /// Beats of an activation buffer.
    pub fn x_depth(&self) -> usize {
        self.x_words / self.x_per_beat()
    }

    /// `dense_fc`: tiles of weights that a beat carries, at least 1.
    pub fn tiles_per_beat(&self) -> usize {
        (self.bus_w / (DATA_W * self.multipliers)).max(1)
    }

    /// `dense_fc`: beats of a tile of weights, at least 1.
    pub fn beats_per_tile(&self) -> usize {
        (DATA_W * self.multipliers / self.bus_w).max(1)
    }

    /// Beats of a row of L sums on the output stream.
    pub fn beats_per_row(&self) -> usize {
        (ACC_W * self.lanes / self.bus_w).max(1)
    }

    /// Registers from a group's products, read from the buffer, to their sum: log2 of the inputs of a group.
    pub fn tree_levels(&self) -> usize {
        self.group_inputs().ilog2() as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_legal_and_a_baseline_has_the_same_multipliers_and_stream() {
        for size in ["tiny", "small", "paper"] {
            let crew = FcConfig::preset(&format!("crew-{size}")).unwrap();
            let dense = FcConfig::preset(&format!("dense-fc-{size}")).unwrap();
            assert_eq!(
                (crew.multipliers, crew.bus_w),
                (dense.multipliers, dense.bus_w)
            );
            assert_eq!(FcConfig::parse(&crew.to_toml(), "text").unwrap(), crew);
            assert_ne!(crew.hash(), dense.hash());
            assert_eq!(crew.top(), format!("crew_{size}"));
            assert_eq!(dense.top(), format!("dense_fc_{size}"));
        }
    }

    #[test]
    fn a_top_module_names_its_design() {
        let mine = FcConfig {
            name: "mine".into(),
            ..FcConfig::preset("crew-tiny").unwrap()
        };
        assert_eq!(mine.top(), "crew_mine");
    }

    #[test]
    fn refusals_say_value_limit_and_fix() {
        let refused = |preset: &str, change: fn(&mut FcConfig), parts: &[&str]| {
            let mut config = FcConfig::preset(preset).unwrap();
            change(&mut config);
            let error = config.check().unwrap_err().to_string();
            parts
                .iter()
                .for_each(|part| assert!(error.contains(part), "{error}"));
        };
        refused(
            "crew-tiny",
            |c| c.multipliers = 3,
            &["multipliers = 3", "power of two"],
        );
        refused("crew-tiny", |c| c.lanes = 32, &["lanes = 32", "2…16"]);
        refused("crew-tiny", |c| c.lanes = 8, &["bus_w = 64", "128…512"]);
        refused("crew-tiny", |c| c.bus_w = 512, &["bus_w = 512", "32…128"]);
        refused("crew-tiny", |c| c.outputs = 128, &["outputs = 128", "8…64"]);
        refused("dense-fc-tiny", |c| c.lanes = 4, &["lanes = 4", "1…2"]);
        refused(
            "dense-fc-paper",
            |c| (c.multipliers, c.lanes) = (256, 1),
            &["lanes = 1", "use 4 or more"],
        );
        refused("crew-tiny", |c| c.name = "Bad".into(), &["name"]);
    }
}
