use super::*;
use ndarray::Array4;

fn small() -> Config {
    Config::preset("small").unwrap()
}

fn operand() -> Array4<i16> {
    Array4::from_shape_fn((1, 2, 8, 8), |(_, c, y, x)| {
        (c as i16 * 300 + y as i16 * 40 - x as i16 * 90) * 3
    })
}

#[test]
fn default_step_is_half_the_rms() {
    let constant = |v: i16| Array4::from_elem((1, 1, 4, 4), v);
    assert_eq!(default_step(constant(0).view()), 0);
    assert_eq!(default_step(constant(1).view()), 0);
    assert_eq!(default_step(constant(-512).view()), 8);
    assert_eq!(default_step(constant(i16::MIN).view()), 14);
}

#[test]
fn projections_repeat_from_their_seed() {
    let a = operand();
    let of = |seed| {
        let reuse = Reuse {
            matrix_seed: seed,
            ..Reuse::of(Mode::Step)
        };
        reuse.projections(9, a.view(), &small()).unwrap()
    };
    assert_eq!(of(3), of(3));
    assert_ne!(of(3).matrix, of(4).matrix);
    let count = |v: i8| of(3).matrix.iter().filter(|x| **x == v).count();
    let all = small().p_max * small().k_max;
    assert_eq!(count(-1) + count(0) + count(1), all);
    assert!(
        (all / 3..all * 2 / 3).contains(&count(0)),
        "about half are 0"
    );
}

#[test]
fn settings_beyond_the_configuration_are_refused() {
    let a = operand();
    let refused = |reuse: Reuse, k: usize, text: &str| {
        let error = reuse
            .projections(k, a.view(), &small())
            .unwrap_err()
            .to_string();
        assert!(error.contains(text), "{error}");
    };
    let step = Reuse::of(Mode::Step);
    refused(
        Reuse {
            projections: Some(21),
            ..step
        },
        9,
        "p_max = 20",
    );
    refused(
        Reuse {
            projections: Some(0),
            ..step
        },
        9,
        "0 projections",
    );
    refused(Reuse { bits: 5, ..step }, 9, "5 bits");
    refused(
        Reuse {
            projections: Some(20),
            ..step
        },
        9,
        "sig_w = 48",
    );
    refused(
        Reuse {
            step_log2: Some(21),
            ..step
        },
        9,
        "2^21",
    );
    refused(
        Reuse {
            bits: 4,
            ..Reuse::of(Mode::Grid)
        },
        16,
        "sig_w = 48",
    );
}
