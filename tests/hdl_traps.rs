//! Expressions that a printer without parentheses or without widths gets wrong, each shown to be caught by the
//! co-simulation, and the whole kernel vocabulary shown to be right.

mod gate;

use gate::{Gate, Outcome};
use mercury::hdl::prelude::*;
use mercury::hdl::verilog::Style;

/// The expression traps: what is in `widths_*` goes wrong without widths, `parens_*` without parentheses.
#[derive(LogicBlock)]
struct Traps {
    a: Sig<In>,
    b: Sig<In>,
    c: Sig<In>,
    sa: Sig<In>,
    sb: Sig<In>,
    acc: Sig<In>,
    widths_product_plus_acc: Sig<Out>,
    widths_sum_extended: Sig<Out>,
    widths_half_sum_extended: Sig<Out>,
    widths_wrap_to_zero: Bit<Out>,
    widths_wrap_to_equal: Bit<Out>,
    widths_inverted_equal: Bit<Out>,
    widths_sum_times: Sig<Out>,
    widths_shifted_extended: Sig<Out>,
    widths_difference_equal: Bit<Out>,
    widths_truncated_equal: Bit<Out>,
    parens_and_equal: Bit<Out>,
    parens_difference: Sig<Out>,
    parens_xor_and: Sig<Out>,
    parens_shift_by: Sig<Out>,
    parens_not_or: Sig<Out>,
    parens_any: Bit<Out>,
    parens_or_and: Bit<Out>,
}

impl Traps {
    fn new() -> Traps {
        Traps {
            a: Sig::unsigned(8),
            b: Sig::unsigned(8),
            c: Sig::unsigned(8),
            sa: Sig::signed(16),
            sb: Sig::signed(16),
            acc: Sig::signed(40),
            widths_product_plus_acc: Sig::signed(40),
            widths_sum_extended: Sig::unsigned(9),
            widths_half_sum_extended: Sig::unsigned(16),
            widths_wrap_to_zero: Bit::new(),
            widths_wrap_to_equal: Bit::new(),
            widths_inverted_equal: Bit::new(),
            widths_sum_times: Sig::unsigned(16),
            widths_shifted_extended: Sig::unsigned(16),
            widths_difference_equal: Bit::new(),
            widths_truncated_equal: Bit::new(),
            parens_and_equal: Bit::new(),
            parens_difference: Sig::unsigned(8),
            parens_xor_and: Sig::unsigned(8),
            parens_shift_by: Sig::unsigned(8),
            parens_not_or: Sig::unsigned(8),
            parens_any: Bit::new(),
            parens_or_and: Bit::new(),
        }
    }
}

impl Logic for Traps {
    #[hdl_gen]
    fn update(&mut self) {
        self.widths_product_plus_acc.next =
            signed_cast(self.sa.val() * self.sb.val()) + self.acc.val();
        self.widths_sum_extended.next = bit_cast_w(self.a.val() + self.b.val(), 9);
        self.widths_half_sum_extended.next = bit_cast_w((self.a.val() + self.b.val()) >> 1, 16);
        self.widths_wrap_to_zero.next = self.a.val() + 1 == 0;
        self.widths_wrap_to_equal.next = self.a.val() + 1 == self.b.val();
        self.widths_inverted_equal.next = !self.a.val() == 15;
        self.widths_sum_times.next = (self.a.val() + self.b.val()) * self.c.val();
        self.widths_shifted_extended.next = bit_cast_w(self.a.val() << 4, 16);
        self.widths_difference_equal.next = self.a.val() - self.b.val() == 255;
        self.widths_truncated_equal.next =
            bit_cast_w(self.a.val(), 4) == bit_cast_w(self.b.val(), 4);
        self.parens_and_equal.next = self.a.val() & self.b.val() == self.c.val();
        self.parens_difference.next = self.a.val() - (self.b.val() - self.c.val());
        self.parens_xor_and.next = (self.a.val() ^ self.b.val()) & self.c.val();
        self.parens_shift_by.next = self.a.val() << (self.b.val() & 3);
        self.parens_not_or.next = !(self.a.val() | self.b.val());
        self.parens_any.next = (self.a.val() & self.b.val()).any();
        self.parens_or_and.next =
            (self.a.val().get_bit(0) || self.b.val().get_bit(0)) && self.c.val().get_bit(0);
    }
}

/// Equal and neighbouring operands, so that wraps happen.
fn run(name: &str, style: Style) -> Outcome {
    Gate::new(name)
        .style(style)
        .stimulus(|_, cycle, inputs| {
            let a = inputs["a"].clone();
            match cycle % 4 {
                0 => drop(inputs.insert("b".into(), a + 1)),
                1 => {
                    let both = a.clone() & inputs["b"].clone();
                    inputs.insert("c".into(), both);
                }
                2 => drop(
                    inputs.insert("a".into(), Value::unsigned(8, 240 + cycle as u128 / 4 % 16)),
                ),
                _ => {
                    let same_low = a ^ 0xf0;
                    inputs.insert("b".into(), same_low);
                }
            }
        })
        .run(Traps::new())
}

#[test]
fn traps_are_printed_right() {
    let outcome = run("traps", Style::default());
    assert!(outcome.first.is_none(), "{:?}", outcome);
    let still: Vec<_> = outcome.changes.iter().filter(|(_, n)| **n == 0).collect();
    assert!(still.is_empty(), "{still:?} never change");
}

/// Ports of `outcome` with the prefix that have no mismatch.
fn unnoticed(outcome: &Outcome, prefix: &str) -> Vec<String> {
    let ports = outcome.changes.keys().filter(|p| p.starts_with(prefix));
    let silent = ports.filter(|p| !outcome.mismatches.contains_key(*p));
    silent.cloned().collect()
}

#[test]
fn missing_widths_are_noticed() {
    let style = Style {
        widths: false,
        ..Style::default()
    };
    let outcome = run("traps_without_widths", style);
    assert_eq!(unnoticed(&outcome, "widths_"), Vec::<String>::new());
}

#[test]
fn missing_parentheses_are_noticed() {
    let style = Style {
        parentheses: false,
        ..Style::default()
    };
    let outcome = run("traps_without_parentheses", style);
    assert_eq!(unnoticed(&outcome, "parens_"), Vec::<String>::new());
}
