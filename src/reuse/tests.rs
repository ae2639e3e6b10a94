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

#[test]
fn finer_is_one_projection_more_or_one_step_less_within_the_limits() {
    let (a, config) = (operand(), small());
    let of = |reuse: Reuse, finer| {
        let reuse = Reuse { finer, ..reuse };
        let p = reuse.projections(9, a.view(), &config).unwrap();
        (p.n, p.shift)
    };
    let sign = Reuse {
        projections: Some(18),
        ..Reuse::of(Mode::Sign)
    };
    let all = [-30, -2, 0, 2, 3].map(|finer| of(sign, finer));
    assert_eq!(all, [(1, 0), (16, 0), (18, 0), (20, 0), (20, 0)]); // p_max = 20
    for mode in [Mode::Step, Mode::Grid] {
        let (n, q) = of(Reuse::of(mode), 0);
        assert!((3..MAX_STEP - 3).contains(&q), "{q}");
        assert_eq!(of(Reuse::of(mode), 3), (n, q - 3));
        assert_eq!(of(Reuse::of(mode), -3), (n, q + 3));
        assert_eq!(of(Reuse::of(mode), 40).1, 0);
        assert_eq!(of(Reuse::of(mode), -40).1, MAX_STEP);
        let given = Reuse {
            step_log2: Some(7),
            ..Reuse::of(mode)
        };
        assert_eq!(of(given, -2).1, 9);
    }
}
