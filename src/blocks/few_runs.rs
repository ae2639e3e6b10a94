//! Whether a loop runs once or twice.

use super::loop_level::RUNS_W;
use super::loop_nest::COUNT_W;
use crate::hdl::prelude::*;

/// Tells counts of 1 and 2 from all others, which is what a [`LoopLevel`](super::loop_level::LoopLevel) needs to know of its limit when it starts again.
///
/// ```text
///  count ─► 1, 2, or 0 for any other ─► runs
/// ```
///
/// **Latency** 0, combinational, without a carry: a new tile's numbers come late. **Back-pressure** none. **Parameters** none.
///
/// The test `few_runs_knows_one_and_two` tries counts of every size.
#[derive(LogicBlock)]
pub struct FewRuns {
    /// The count.
    pub count: Sig<In>,
    /// The count if it is 1 or 2, else 0.
    pub runs: Sig<Out>,
    about: About,
}

impl FewRuns {
    /// The block; it has no parameters.
    pub fn new() -> Self {
        FewRuns {
            count: Sig::unsigned(COUNT_W),
            runs: Sig::unsigned(RUNS_W),
            about: About::new(
                "few_runs",
                "Tells counts of 1 and 2 from all others, for which it gives 0.",
            ),
        }
    }
}

impl Default for FewRuns {
    fn default() -> Self {
        Self::new()
    }
}

impl Logic for FewRuns {
    #[hdl_gen]
    #[allow(clippy::nonminimal_bool)] // neither large nor 3: read so in Verilog as well
    fn update(&mut self) {
        self.runs.next = 0.into();
        if !(self.count.val() >> 2).any()
            && !(self.count.val().get_bit(0) && self.count.val().get_bit(1))
        {
            self.runs.next = unsigned_cast(self.count.val());
        }
    }
}
