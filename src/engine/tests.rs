//! What geometries and operations are, and which are refused.

use super::*;

#[test]
fn output_size_follows_stride_dilation_and_each_side_of_the_padding() {
    let mut g = Geometry::conv([1, 3, 224, 224], 64, 7, 2, 3);
    assert_eq!(g.y_shape(), [1, 64, 112, 112]);
    assert_eq!(g.macs(Pass::Forward), 64 * 112 * 112 * 3 * 49);
    g.dilation = [2, 3];
    g.padding = Padding {
        top: 0,
        bottom: 5,
        left: 1,
        right: 0,
    };
    assert_eq!(
        (g.out_height(), g.out_width()),
        ((224 + 5 - 13) / 2 + 1, (224 + 1 - 19) / 2 + 1)
    );
}

#[test]
fn refused_geometries_name_value_limit_and_fix() {
    let good = Geometry::conv([2, 4, 8, 8], 6, 3, 1, 1);
    good.validate().unwrap();
    type Spoil = fn(&mut Geometry);
    let cases: [(Spoil, &str); 6] = [
        (
            |g| g.stride[1] = 0,
            "stride (columns) is 0, must be at least 1",
        ),
        (
            |g| g.groups = 3,
            "in_channels is 4, not a multiple of groups 3",
        ),
        (|g| g.groups = 4, "filters is 6, not a multiple of groups 4"),
        (
            |g| g.dilation = [5, 1],
            "padded height is 10, less than the 11",
        ),
        (
            |g| g.height = 1 << 25,
            "height is 33554432, the limit is 16777216",
        ),
        (
            |g| (g.height, g.width) = (1 << 20, 1 << 20),
            "input [2, 4, 1048576, 1048576] has 8796093022208 elements",
        ),
    ];
    for (spoil, message) in cases {
        let mut g = good.clone();
        spoil(&mut g);
        let error = g.validate().unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn terms_of_the_input_gradient_are_the_most_taps_that_reach_one_pixel() {
    let mut g = Geometry::conv([1, 2, 16, 16], 4, 3, 2, 1);
    assert_eq!(g.terms(Pass::InputGrad), 4 * 2 * 2);
    g.dilation = [2, 3];
    assert_eq!(g.terms(Pass::InputGrad), 4 * 3 * 2);
    assert_eq!(g.terms(Pass::Forward), 2 * 9);
}

#[test]
fn refused_operations_name_value_limit_and_fix() {
    let g = Geometry::conv([1, 1, 3, 3], 1, 3, 1, 1);
    let (x, w) = (
        Array4::<i16>::zeros((1, 1, 3, 3)),
        Array4::<i16>::zeros((1, 1, 3, 3)),
    );
    let op = |a, drain, pass| Op {
        pass,
        geometry: &g,
        a,
        b: w.view(),
        drain,
        reuse: crate::reuse::Reuse::default(),
    };
    op(x.view(), Drain::Shift(47), Pass::Forward)
        .validate(16)
        .unwrap();
    let big = x.mapv(|_| 128);
    let small = Array4::<i16>::zeros((1, 1, 2, 3));
    let cases = [
        (
            op(big.view(), Drain::Raw, Pass::Forward),
            "first operand of forward holds 128, the limits",
        ),
        (
            op(small.view(), Drain::Raw, Pass::Forward),
            "first operand of forward has shape [1, 1, 2, 3]",
        ),
        (
            op(x.view(), Drain::Shift(48), Pass::Forward),
            "drain shift is 48, the limit is 47",
        ),
        (
            op(x.view(), Drain::Shift(1), Pass::WeightGrad),
            "use a raw drain",
        ),
    ];
    for (op, message) in cases {
        let error = op.validate(8).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}
