//! Whose turn it is: round robin among the PE sets.

use crate::config::index_width;
use crate::hdl::prelude::*;

/// Chooses the first set that asks after the one served last, cyclically.
///
/// ```text
///  request[s] ─┬─► first of all ────────────┐
///              └─► first behind `served` ───┴─► set, found
/// ```
///
/// **Latency** 0, combinational. **Back-pressure** none: who is not chosen goes on asking. **Parameters** `sets` 1…64.
///
/// The test `set_turn_goes_round` holds it to a walk around the sets.
#[derive(LogicBlock)]
pub struct SetTurn {
    /// A set asks.
    pub request: Vec<Bit<In>>,
    /// The set served last.
    pub served: Sig<In>,
    /// Some set asks.
    pub found: Bit<Out>,
    /// The one whose turn it is; 0 if none asks.
    pub set: Sig<Out>,
    found_after: Bit<Local>,
    found_any: Bit<Local>,
    after: Sig<Local>,
    any: Sig<Local>,
    sets: Param,
    about: About,
}

impl SetTurn {
    /// For this many sets.
    pub fn new(sets: usize) -> Self {
        let number = || Sig::unsigned(index_width(sets));
        SetTurn {
            request: (0..sets).map(|_| Bit::new()).collect(),
            served: Sig::unsigned(index_width(sets)),
            found: Bit::new(),
            set: Sig::unsigned(index_width(sets)),
            found_after: Bit::new(),
            found_any: Bit::new(),
            after: number(),
            any: number(),
            sets: Param::new(sets),
            about: About::new(
                "set_turn",
                "Round robin: the first set that asks after the one served last, else the first that asks.",
            ),
        }
    }
}

impl Logic for SetTurn {
    #[hdl_gen]
    fn update(&mut self) {
        self.found_after.next = false;
        self.found_any.next = false;
        self.after.next = 0.into();
        self.any.next = 0.into();
        for s in 0..self.sets.val() {
            if self.request[s].val() && !self.found_any.val() {
                self.found_any.next = true;
                self.any.next = s.into();
            }
        }
        for s in 1..self.sets.val() {
            if self.request[s].val() && !self.found_after.val() && (self.served.val() < s) {
                self.found_after.next = true;
                self.after.next = s.into();
            }
        }
        self.found.next = self.found_any.val();
        self.set.next = self.any.val();
        if self.found_after.val() {
            self.set.next = self.after.val();
        }
    }
}
