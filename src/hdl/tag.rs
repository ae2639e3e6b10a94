//! What our atoms tell the printer beyond rust-hdl's [`Atom`](rust_hdl::core::prelude::Atom): a text in the name of
//! the type descriptor.

use super::value::Value;
use rust_hdl::core::prelude::VerilogLiteral;

const SEPARATOR: char = '\u{1f}';

/// The role of an atom.
#[derive(Clone, Debug)]
pub(crate) enum Tag {
    /// A port or wire.
    Signal,
    /// A register, its reset value, if it has one, and whether synthesis has to keep it.
    Reg(Option<Value>, bool),
    /// A sized constant.
    Const(Value),
    /// An integer parameter.
    Param(usize),
    /// The block's name, the suffix of this variant, and its purpose.
    About {
        name: String,
        variant: String,
        doc: String,
    },
    /// The block is printed within the module of the block that holds it.
    Part,
    /// The block's text uses `clk`.
    Clocked,
    /// In the block's text the output `to` depends combinationally on the input `from`.
    Path { from: String, to: String },
}

impl Tag {
    pub(crate) fn encode(&self) -> String {
        let value = |v: &Value| {
            let words: Vec<String> = v.words().iter().map(|w| format!("{w:x}")).collect();
            format!("{},{},{}", v.width(), v.is_signed(), words.join(","))
        };
        let parts = match self {
            Tag::Signal => vec!["signal".into()],
            Tag::Reg(reset, kept) => {
                let mut parts = vec![if *kept {
                    "kept".into()
                } else {
                    "reg".to_string()
                }];
                parts.extend(reset.as_ref().map(value));
                parts
            }
            Tag::Const(v) => vec!["const".into(), value(v)],
            Tag::Param(n) => vec!["param".into(), n.to_string()],
            Tag::About { name, variant, doc } => {
                vec!["about".into(), name.clone(), variant.clone(), doc.clone()]
            }
            Tag::Part => vec!["part".into()],
            Tag::Clocked => vec!["clocked".into()],
            Tag::Path { from, to } => vec!["path".into(), from.clone(), to.clone()],
        };
        parts.join(&SEPARATOR.to_string())
    }

    /// The inverse of [`encode`](Tag::encode); a foreign atom's name is a plain signal.
    pub(crate) fn decode(text: &str) -> Tag {
        let parts: Vec<&str> = text.split(SEPARATOR).collect();
        match parts[..] {
            ["reg"] => Tag::Reg(None, false),
            ["reg", reset] => Tag::Reg(Some(decode_value(reset)), false),
            ["kept"] => Tag::Reg(None, true),
            ["kept", reset] => Tag::Reg(Some(decode_value(reset)), true),
            ["const", v] => Tag::Const(decode_value(v)),
            ["param", n] => Tag::Param(n.parse().expect("written by encode")),
            ["about", name, variant, doc] => Tag::About {
                name: name.into(),
                variant: variant.into(),
                doc: doc.into(),
            },
            ["part"] => Tag::Part,
            ["clocked"] => Tag::Clocked,
            ["path", from, to] => Tag::Path {
                from: from.into(),
                to: to.into(),
            },
            _ => Tag::Signal,
        }
    }
}

fn decode_value(text: &str) -> Value {
    let mut parts = text.split(',');
    let mut part = || parts.next().expect("written by encode");
    let width = part().parse().expect("written by encode");
    let signed = part() == "true";
    let words: Vec<u64> = parts
        .map(|w| u64::from_str_radix(w, 16).expect("written by encode"))
        .collect();
    Value::from_words(width, signed, &words)
}

/// The bits of a rust-hdl literal of up to 128 bits. It offers no accessor but its text, `8'hff` or `2'b01`.
pub(crate) fn literal_bits(literal: &VerilogLiteral) -> u128 {
    let text = format!("{literal:x}");
    let digits = text.rsplit_once("'h").map_or("0", |(_, digits)| digits);
    u128::from_str_radix(digits, 16).expect("rust-hdl writes hexadecimal digits")
}
