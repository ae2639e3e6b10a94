//! An engine that checks another one, operation by operation.

use anyhow::{Context as _, Result, ensure};

use super::{Engine, Geometry, Op, OpResult, OpStats, Pass, RowStats};
use crate::reuse::Decisions;

/// The first difference between two engines on one operation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "mismatch in {pass} (operation {operation}) at {place}: {subject} has {got}, {reference} has {want}; {geometry:?}"
)]
pub struct Mismatch {
    /// Pass that differs.
    pub pass: Pass,
    /// Operations run before this one.
    pub operation: u64,
    /// Its shape.
    pub geometry: Geometry,
    /// Index into the result, as `y[b, n, y, x]`, the name of a count, or the place of a Hitmap record.
    pub place: String,
    /// Name of the engine under check.
    pub subject: String,
    /// What it says.
    pub got: i128,
    /// Name of the engine it is compared with.
    pub reference: String,
    /// What that one says.
    pub want: i128,
}

/// Runs every operation on two engines and fails with a [`Mismatch`] where they differ: in any element of the
/// result, in any count of [`OpStats`], cycles included, or in the decisions behind a result with reuse, if both know them.
///
/// ```
/// use mercury::engine::{Checked, Engine};
/// use mercury::golden::Golden;
/// let mut engine = Checked::new(Box::new(Golden::new(16)), Box::new(Golden::new(16)))?;
/// assert_eq!(engine.name(), "golden");
/// # anyhow::Ok(())
/// ```
pub struct Checked {
    subject: Box<dyn Engine>,
    reference: Box<dyn Engine>,
    operations: u64,
    /// Decisions of the latest operation, if they are to be kept.
    decisions: Option<Decisions>,
    keep: bool,
}

impl Checked {
    /// Checks `subject`, whose name and results it passes on, against `reference`.
    ///
    /// # Errors
    /// Engines of different operand widths.
    pub fn new(mut subject: Box<dyn Engine>, mut reference: Box<dyn Engine>) -> Result<Self> {
        let (got, want) = (subject.data_bits(), reference.data_bits());
        ensure!(
            got == want,
            "{} has {got}-bit operands, {} has {want}-bit ones: check engines of one configuration",
            subject.name(),
            reference.name()
        );
        subject.keep_decisions(true);
        reference.keep_decisions(true);
        Ok(Checked {
            subject,
            reference,
            operations: 0,
            decisions: None,
            keep: false,
        })
    }

    /// Place and both values of the first difference.
    fn difference(got: &OpResult, want: &OpResult) -> Option<(String, i128, i128)> {
        if got.y.shape() != want.y.shape() {
            let axis = (0..4).find(|&i| got.y.shape()[i] != want.y.shape()[i])?;
            return Some((
                format!("size of axis {axis}"),
                got.y.shape()[axis] as i128,
                want.y.shape()[axis] as i128,
            ));
        }
        let elements = got.y.indexed_iter().zip(&want.y);
        let element =
            elements
                .filter(|((_, got), want)| got != want)
                .map(|(((b, n, y, x), &got), &want)| {
                    (
                        format!("y[{b}, {n}, {y}, {x}]"),
                        i128::from(got),
                        i128::from(want),
                    )
                });
        let counts = got.stats.named().into_iter().zip(want.stats.named());
        let count = counts
            .filter(|(got, want)| got != want)
            .map(|((name, got), (_, want))| (name.to_string(), i128::from(got), i128::from(want)));
        element.chain(count).next()
    }
}

impl Engine for Checked {
    fn name(&self) -> &str {
        self.subject.name()
    }

    fn data_bits(&self) -> u32 {
        self.subject.data_bits()
    }

    fn compared(&self) -> Option<u64> {
        Some(self.operations)
    }

    fn run(&mut self, op: &Op) -> Result<OpResult> {
        let got = self.subject.run(op)?;
        let want = self
            .reference
            .run(op)
            .with_context(|| format!("engine {}", self.reference.name()))?;
        let [own, theirs] = [&mut self.subject, &mut self.reference].map(|e| e.take_decisions());
        let decisions = || own.as_ref()?.difference(theirs.as_ref()?);
        if let Some((place, got, want)) = Self::difference(&got, &want).or_else(decisions) {
            return Err(Mismatch {
                pass: op.pass,
                operation: self.operations,
                geometry: op.geometry.clone(),
                place,
                subject: self.subject.name().into(),
                got,
                reference: self.reference.name().into(),
                want,
            }
            .into());
        }
        self.operations += 1;
        self.decisions = own.filter(|_| self.keep);
        Ok(got)
    }

    fn keep_decisions(&mut self, keep: bool) {
        self.keep = keep;
    }

    fn take_decisions(&mut self) -> Option<Decisions> {
        self.decisions.take()
    }
}

impl OpStats {
    /// All counts with their names, in declaration order.
    pub fn named(&self) -> [(&'static str, u64); 21] {
        let OpStats {
            cycles,
            dense_cycles,
            compute_cycles,
            macs,
            max_abs,
            saturations,
            bytes_in,
            bytes_out,
            stall_detect,
            detect_busy,
            zero,
            hit,
            mau,
            mnu,
            rows,
        } = *self;
        let RowStats {
            plain,
            delta,
            fallback_shorter,
            fallback_range,
            stall_weights,
            stall_input,
            stall_output,
        } = rows;
        [
            ("cycles", cycles),
            ("dense_cycles", dense_cycles),
            ("compute_cycles", compute_cycles),
            ("macs", macs),
            ("max_abs", max_abs),
            ("saturations", saturations),
            ("bytes_in", bytes_in),
            ("bytes_out", bytes_out),
            ("stall_detect", stall_detect),
            ("detect_busy", detect_busy),
            ("zero", zero),
            ("hit", hit),
            ("mau", mau),
            ("mnu", mnu),
            ("rows_plain", plain),
            ("rows_delta", delta),
            ("fallback_shorter", fallback_shorter),
            ("fallback_range", fallback_range),
            ("stall_weights", stall_weights),
            ("stall_input", stall_input),
            ("stall_output", stall_output),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Drain;
    use crate::golden::Golden;
    use ndarray::Array4;

    /// A golden engine that spoils the third operation's result.
    struct Faulty {
        golden: Golden,
        runs: u64,
        spoil: fn(&mut OpResult),
    }

    impl Engine for Faulty {
        fn name(&self) -> &str {
            "faulty"
        }
        fn data_bits(&self) -> u32 {
            16
        }
        fn run(&mut self, op: &Op) -> Result<OpResult> {
            let mut result = self.golden.run(op)?;
            self.runs += 1;
            if self.runs == 3 {
                (self.spoil)(&mut result);
            }
            Ok(result)
        }
    }

    #[test]
    fn the_first_difference_is_located() {
        let g = Geometry::conv([1, 1, 3, 3], 2, 3, 1, 1);
        let (x, w) = (
            Array4::<i16>::ones(g.x_shape()),
            Array4::<i16>::ones(g.w_shape()),
        );
        let op = Op {
            pass: Pass::Forward,
            geometry: &g,
            a: x.view(),
            b: w.view(),
            drain: Drain::Raw,
            reuse: crate::reuse::Reuse::default(),
        };
        type Spoil = fn(&mut OpResult);
        let cases: [(Spoil, &str, i128, i128); 3] = [
            (|r| r.y[[0, 1, 1, 2]] += 5, "y[0, 1, 1, 2]", 11, 6),
            (|r| r.stats.cycles = 7, "cycles", 7, 0),
            (
                |r| r.y = r.y.clone().into_shape_with_order((2, 1, 3, 3)).unwrap(),
                "size of axis 0",
                2,
                1,
            ),
        ];
        for (spoil, place, got, want) in cases {
            let faulty = Faulty {
                golden: Golden::new(16),
                runs: 0,
                spoil,
            };
            let mut engine = Checked::new(Box::new(faulty), Box::new(Golden::new(16))).unwrap();
            engine.run(&op).unwrap();
            engine.run(&op).unwrap();
            let error = engine.run(&op).unwrap_err();
            let mismatch = error.downcast_ref::<Mismatch>().unwrap();
            assert_eq!(
                (mismatch.place.as_str(), mismatch.got, mismatch.want),
                (place, got, want)
            );
            assert_eq!((mismatch.operation, engine.compared()), (2, Some(2)));
            let text = error.to_string();
            assert!(
                text.contains("mismatch in forward (operation 2)") && text.contains("faulty has"),
                "{text}"
            );
        }
    }

    /// Golden with one MCACHE entry renamed in the decisions that it shows; results and counts stay.
    struct Renamed(Golden);

    impl Engine for Renamed {
        fn name(&self) -> &str {
            "renamed"
        }
        fn data_bits(&self) -> u32 {
            self.0.data_bits()
        }
        fn run(&mut self, op: &Op) -> Result<OpResult> {
            self.0.run(op)
        }
        fn keep_decisions(&mut self, keep: bool) {
            self.0.keep_decisions(keep);
        }
        fn take_decisions(&mut self) -> Option<Decisions> {
            let mut decisions = self.0.take_decisions()?;
            decisions.map_mut(0, [0, 0, 0])[1].entry += 1;
            Some(decisions)
        }
    }

    #[test]
    fn decisions_are_compared_and_kept_only_when_asked_for() {
        use crate::config::Config;
        use crate::reuse::{Mode, Reuse};
        let config = Config::preset("tiny").unwrap();
        let golden = || Golden::of(&config);
        let geometry = Geometry::conv([1, 1, 4, 4], 1, 1, 1, 0);
        let (x, w) = (Array4::ones((1, 1, 4, 4)), Array4::ones((1, 1, 1, 1)));
        let op = Op {
            pass: Pass::Forward,
            geometry: &geometry,
            a: x.view(),
            b: w.view(),
            drain: Drain::Raw,
            reuse: Reuse::of(Mode::Step),
        };
        let mut good = Checked::new(Box::new(golden()), Box::new(golden())).unwrap();
        good.run(&op).unwrap();
        assert_eq!(good.take_decisions(), None);
        good.keep_decisions(true);
        good.run(&op).unwrap();
        let mut alone = golden();
        alone.keep_decisions(true);
        alone.run(&op).unwrap();
        let kept = good.take_decisions();
        assert!(kept.is_some() && kept == alone.take_decisions());

        let mut bad = Checked::new(Box::new(Renamed(golden())), Box::new(golden())).unwrap();
        let error = bad.run(&op).unwrap_err();
        let mismatch = error.downcast_ref::<Mismatch>().unwrap();
        let place =
            "Hitmap of correlation 0, convolution group 0, tile 0, group 0, position 1, entry";
        assert_eq!(mismatch.place, place);
        assert_eq!(mismatch.got, mismatch.want + 1);
    }

    #[test]
    fn engines_of_different_widths_are_refused() {
        let error = Checked::new(Box::new(Golden::new(8)), Box::new(Golden::new(16)))
            .err()
            .unwrap();
        assert!(
            error
                .to_string()
                .contains("8-bit operands, golden has 16-bit"),
            "{error}"
        );
    }
}
