//! The controller on made-up losses and cycles.

use super::*;
use crate::engine::OpStats;

fn controller(adapt: Adapt) -> Controller {
    Controller::new(adapt, LayerReuse::all(Reuse::of(Mode::Sign)))
}

/// One iteration's counts: (layer, pass, cycles, dense cycles).
fn counts(all: &[(&str, Pass, u64, u64)]) -> Ledger {
    let mut ledger = Ledger::default();
    for &(layer, pass, cycles, dense_cycles) in all {
        let stats = OpStats {
            cycles,
            dense_cycles,
            ..OpStats::default()
        };
        ledger.add(layer, pass, stats);
    }
    ledger
}

/// Iterations of the decisions and what they changed.
fn refinements(controller: &mut Controller) -> Vec<(u64, i32)> {
    let one = |d: Decision| match d.change {
        Change::Refined { finer, .. } => (d.iteration, finer),
        other => panic!("{other:?}"),
    };
    controller.take_decisions().into_iter().map(one).collect()
}

#[test]
fn a_falling_loss_is_never_refined() {
    let mut c = controller(Adapt::default());
    for t in 0..1000 {
        c.observe(10.0 - 0.001 * f64::from(t), &Ledger::default());
    }
    assert_eq!(c.take_decisions(), []);
    assert_eq!(c.settings().get("a", Pass::WeightGrad).finer, -2);
}

#[test]
fn a_flat_loss_is_refined_after_window_and_patience_until_the_limit() {
    let adapt = Adapt {
        start: 2,
        beyond: 1,
        window: 4,
        patience: 6,
        ..Adapt::default()
    };
    let mut c = controller(adapt);
    for _ in 0..100 {
        c.observe(1.0, &Ledger::default());
    }
    // The first mean is that of iteration 4 and counts as the best; 6 later it is time. Then the same from the start.
    assert_eq!(refinements(&mut c), [(10, -1), (20, 0), (30, 1)]);
}

#[test]
fn what_counts_is_the_mean_of_the_window_and_its_best() {
    let adapt = Adapt {
        start: 1,
        beyond: 0,
        window: 2,
        patience: 3,
        ..Adapt::default()
    };
    // Means from iteration 2 on: 5, 4.5, 5, 4.5, 4.25 (best at 6), 4.5, 5, 4.25: 3 iterations behind 6.
    let mut c = controller(adapt);
    for loss in [6.0, 4.0, 5.0, 5.0, 4.0, 4.5, 4.5, 5.5, 3.0] {
        c.observe(loss, &Ledger::default());
    }
    let [decision] = &c.take_decisions()[..] else {
        panic!("one decision")
    };
    let change = Change::Refined {
        finer: 0,
        mean_loss: 4.25,
        best_loss: 4.25,
        best_iteration: 6,
        fallen_from: None,
    };
    assert_eq!((decision.iteration, &decision.change), (9, &change));
    assert!(decision.layer.is_none() && decision.reason.contains("4.2500"));
}

#[test]
fn a_loss_that_is_no_number_is_no_improvement() {
    let adapt = Adapt {
        window: 1,
        patience: 2,
        ..Adapt::default()
    };
    let mut c = controller(adapt);
    for loss in [1.0, f64::NAN, f64::NAN] {
        c.observe(loss, &Ledger::default());
    }
    assert_eq!(refinements(&mut c), [(3, -1)]);
}

#[test]
fn nothing_is_refined_where_nothing_is_compared() {
    let mut c = Controller::new(Adapt::default(), LayerReuse::all(Reuse::of(Mode::Zero)));
    for _ in 0..200 {
        c.observe(1.0, &Ledger::default());
    }
    assert_eq!(c.take_decisions(), []);
}

#[test]
fn a_pass_that_is_slower_than_dense_is_switched_off_and_tried_again() {
    use Pass::{Forward, WeightGrad};
    let adapt = Adapt {
        batches: 3,
        retry: 4,
        ..Adapt::default()
    };
    let mut c = controller(adapt);
    let mode = |c: &Controller, pass| c.settings().get("fc", pass).mode;
    // Forward: longer, longer, equal (starts again), then longer for good. Weight gradient: always shorter.
    for t in 1..=18u64 {
        let off = mode(&c, Forward) == Mode::Off;
        let forward = match off {
            true => 100, // dense takes what dense takes
            false if t == 3 => 100,
            false => 100 + t,
        };
        c.observe(
            1.0,
            &counts(&[("fc", Forward, forward, 100), ("fc", WeightGrad, 99, 100)]),
        );
        assert_eq!(mode(&c, WeightGrad), Mode::Sign, "iteration {t}");
    }
    let all = c.take_decisions();
    let got: Vec<_> = all.iter().map(|d| (d.iteration, &d.change)).collect();
    let off = |batches, cycles| Change::Off {
        batches,
        cycles,
        dense_cycles: 300,
    };
    // 4, 5, 6 are longer: off. Dense from 7 to 10; 11, 12, 13 longer again.
    let want = [
        (6, &off(3, 315)),
        (10, &Change::On { off_since: 6 }),
        (13, &off(3, 336)),
        (17, &Change::On { off_since: 13 }),
    ];
    assert_eq!(got, want);
    assert!(
        all.iter()
            .all(|d| d.layer.as_deref() == Some("fc") && d.pass == Some(Forward))
    );
    assert!(all[0].reason.contains("315 cycles in 3 iterations"));
}

#[test]
fn an_engine_without_cycles_switches_nothing_off() {
    let mut c = controller(Adapt::default());
    for _ in 0..50 {
        c.observe(1.0, &counts(&[("a", Pass::Forward, 0, 0)]));
    }
    let off = |d: &Decision| matches!(d.change, Change::Off { .. });
    assert!(!c.take_decisions().iter().any(off));
}

#[test]
fn a_stored_controller_decides_as_if_it_had_not_been_stored() {
    let adapt = Adapt {
        window: 3,
        patience: 4,
        batches: 2,
        retry: 5,
        ..Adapt::default()
    };
    let (mut whole, mut parts) = (controller(adapt), controller(adapt));
    let (mut want, mut got) = (vec![], vec![]);
    for t in 0..60u64 {
        let loss = 1.0 + ((t * 7) % 5) as f64 / 10.0;
        let counts = counts(&[("a", Pass::Forward, 90 + (t * 5) % 17, 95)]);
        whole.observe(loss, &counts);
        parts.observe(loss, &counts);
        want.extend(whole.take_decisions());
        got.extend(parts.take_decisions());
        parts = serde_json::from_str(&serde_json::to_string(&parts).unwrap()).unwrap();
        assert_eq!(parts.settings(), whole.settings());
    }
    assert_eq!(got, want);
    assert!(want.len() > 6, "{want:?}");
}

#[test]
fn numbers_without_meaning_are_refused() {
    let adapt = Adapt {
        patience: 0,
        ..Adapt::default()
    };
    let error = adapt.check().unwrap_err().to_string();
    assert!(error.contains("adapt patience is 0"), "{error}");
    assert!(Adapt::default().check().is_ok());
}

/// A controller of levels that end at 8.
fn levels(adapt: Adapt) -> Controller {
    let reuse = Reuse {
        rows: Rows::delta(8),
        ..Reuse::default()
    };
    Controller::new(adapt, LayerReuse::all(reuse))
}

#[test]
fn a_level_falls_with_the_loss_and_when_it_stalls_but_not_below_the_setting() {
    let adapt = Adapt {
        start: 3,
        window: 1,
        patience: 4,
        share: 50,
        ..Adapt::of_levels()
    };
    let mut c = levels(adapt);
    let level = |c: &Controller| c.settings().get("a", Pass::InputGrad).level(14);
    assert_eq!(level(&c), 11);
    // Exactly half is not below half; 0.9 is. Then the share counts from the first loss after that.
    for loss in [2.0, 1.0, 0.9, 0.8, 0.5] {
        c.observe(loss, &Ledger::default());
    }
    assert_eq!(level(&c), 10);
    c.observe(0.3, &Ledger::default());
    assert_eq!(level(&c), 9);
    // A rising loss never makes it coarser; without a lower one in 4 iterations it is finer.
    for loss in [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.01] {
        c.observe(loss, &Ledger::default());
    }
    assert_eq!(level(&c), 8);
    let decisions = c.take_decisions();
    let short: Vec<_> = decisions
        .iter()
        .map(|d| match d.change {
            Change::Refined { fallen_from, .. } => (d.iteration, fallen_from),
            _ => panic!("{d:?}"),
        })
        .collect();
    assert_eq!(short, [(3, Some(2.0)), (6, Some(0.8)), (11, None)]);
    assert!(decisions[0].reason.contains("level lowered to 10"));
    assert!(
        decisions[0]
            .reason
            .contains("0.9000, below 50 % of the 2.0000")
    );
    assert!(
        decisions[2].reason.contains(
            "level lowered to 8: mean loss of 1 iterations is 0.8000, not below the 0.4000"
        )
    );
}

#[test]
fn a_tensor_cores_pass_that_takes_longer_than_dense_computes_every_element_exactly() {
    let adapt = Adapt {
        batches: 2,
        ..Adapt::of_levels()
    };
    let mut c = levels(adapt);
    for _ in 0..2 {
        c.observe(
            1.0,
            &counts(&[("a", Pass::Forward, 11, 10), ("b", Pass::Forward, 9, 10)]),
        );
    }
    assert_eq!(c.settings().get("a", Pass::Forward).rows, Rows::default());
    assert!(c.settings().get("a", Pass::Forward).is_exact());
    assert_eq!(c.settings().get("b", Pass::Forward).rows, Rows::delta(8));
}
