use super::*;
use crate::cosim::{
    rtl::PortSpec,
    toolchain::{MissingTool, version_line},
};

/// An accumulator, a wide inverter and ports of every storage size.
const TEXT: &str = "
module sums (
  input  wire         clk,
  input  wire         rst_n,
  input  wire [6:0]   a7,
  input  wire [15:0]  a16,
  input  wire [31:0]  a32,
  input  wire [39:0]  a40,
  input  wire [99:0]  wide,
  output reg  [63:0]  total,
  output wire [99:0]  inverted,
  output reg  [9:0]   unreset
);
  assign inverted = ~wide;
  always @(posedge clk)
    if (!rst_n) total <= 64'd0;
    else        total <= total + a7 + a16 + a32 + a40;
  always @(posedge clk) unreset <= unreset;
endmodule
";

fn sums() -> Rtl {
    let inputs = [
        ("clk", 1),
        ("rst_n", 1),
        ("a7", 7),
        ("a16", 16),
        ("a32", 32),
        ("a40", 40),
        ("wide", 100),
    ];
    let outputs = [("total", 64), ("inverted", 100), ("unreset", 10)];
    let ports = inputs.iter().map(|(n, w)| PortSpec::input(n, *w));
    Rtl::from_text(
        "sums",
        TEXT,
        ports
            .chain(outputs.iter().map(|(n, w)| PortSpec::output(n, *w)))
            .collect(),
    )
}

fn model(options: Options) -> Model {
    Builder::find().unwrap().model(&sums(), options).unwrap()
}

const QUICK: Options = Options {
    trace: false,
    quick_build: true,
    random_start: None,
};

#[test]
fn ports_of_every_width_carry_their_values() {
    let mut m = model(QUICK);
    let p = |name| m.port(name).unwrap();
    let (rst_n, a7, a16, a32, a40, total) = (
        p("rst_n"),
        p("a7"),
        p("a16"),
        p("a32"),
        p("a40"),
        p("total"),
    );
    let (wide, inverted) = (p("wide"), p("inverted"));
    m.step();
    m.set(rst_n, 1);
    let mut expected = 0u64;
    for i in 0..1000u64 {
        let word = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for port in [a7, a16, a32, a40] {
            m.set(port, word);
        }
        expected +=
            (word & 0x7f) + (word & 0xffff) + (word & 0xffff_ffff) + (word & 0xff_ffff_ffff);
        let words = [
            word as u32,
            !word as u32,
            (word >> 32) as u32,
            (word >> 7) as u32,
        ];
        m.write(wide, &words);
        m.low();
        let mut back = [0; 4];
        m.read(inverted, &mut back);
        assert_eq!(
            back,
            [!words[0], !words[1], !words[2], !words[3] & 0xf],
            "cycle {i}"
        );
        m.high();
        assert_eq!(m.get(total), expected, "cycle {i}");
    }
    let mut words = [0; 2];
    m.read(total, &mut words);
    assert_eq!(words, [expected as u32, (expected >> 32) as u32]);
    m.write(a7, &[0xffff]);
    assert_eq!(m.get(a7), 0x7f, "bits above the width are dropped");
    assert!(!m.failed());
}

#[test]
fn two_models_of_one_library_are_independent() {
    let (mut a, mut b) = (model(QUICK), model(QUICK));
    let (rst_n, a16, total) = (
        a.port("rst_n").unwrap(),
        a.port("a16").unwrap(),
        a.port("total").unwrap(),
    );
    a.step();
    b.step();
    a.set(rst_n, 1);
    a.set(a16, 5);
    a.step();
    b.step();
    assert_eq!((a.get(total), b.get(total)), (5, 0));
}

#[test]
fn registers_without_reset_show_with_a_random_start() {
    let start = |seed| {
        let m = model(Options {
            random_start: Some(seed),
            ..QUICK
        });
        m.get(m.port("unreset").unwrap())
    };
    let values: Vec<u64> = (1..=4).map(start).collect();
    assert_eq!(start(1), values[0], "the seed repeats the start");
    assert!(values.iter().any(|v| *v != values[0]), "{values:?}");
    let m = model(QUICK);
    assert_eq!(m.get(m.port("unreset").unwrap()), 0);
}

#[test]
fn waveforms_hold_the_window_that_was_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let mut m = model(Options {
        trace: true,
        ..QUICK
    });
    for _ in 0..10 {
        m.step();
    }
    let path = dir.path().join("window.vcd");
    m.trace_start(&path).unwrap();
    for _ in 0..3 {
        m.step();
    }
    m.trace_stop();
    m.step();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("$var") && text.contains(" total "), "{text}");
    let times: Vec<&str> = text.lines().filter(|l| l.starts_with('#')).collect();
    assert_eq!(times, ["#20", "#21", "#22", "#23", "#24", "#25"]);
    let error = model(QUICK).trace_start(&path).unwrap_err().to_string();
    assert!(error.contains("Options::trace"), "{error}");
}

#[test]
fn a_library_is_built_once_and_again_for_another_source() {
    let cache = tempfile::tempdir().unwrap();
    let builder = Builder::new(Toolchain::find().unwrap(), cache.path().into());
    let first = builder.library(&sums(), QUICK).unwrap();
    let built = fs::metadata(&first).unwrap().modified().unwrap();
    assert_eq!(builder.library(&sums(), QUICK).unwrap(), first);
    assert_eq!(fs::metadata(&first).unwrap().modified().unwrap(), built);
    let mut other = sums();
    other.sources[0].1 = TEXT.replace("total + a7", "total - a7");
    let second = builder.library(&other, QUICK).unwrap();
    assert_ne!(second, first);
    assert!(first.exists() && second.exists());
}

#[test]
fn wrong_ports_and_wrong_verilog_are_refused() {
    let error = model(QUICK).port("reset").unwrap_err().to_string();
    assert!(
        error.contains("no port reset") && error.contains("rst_n"),
        "{error}"
    );
    let mut rtl = sums();
    rtl.ports[3].width = 17;
    let error = Builder::find()
        .unwrap()
        .model(&rtl, QUICK)
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("port a16: 17 bits listed, 2 bytes"),
        "{error}"
    );
    rtl.sources[0].1 = "module sums (".into();
    let error = format!(
        "{:#}",
        Builder::find().unwrap().model(&rtl, QUICK).err().unwrap()
    );
    assert!(
        error.contains("Verilator refuses sums") && error.contains("syntax error"),
        "{error}"
    );
}

#[test]
#[should_panic(expected = "port total is an output")]
fn outputs_cannot_be_driven() {
    let mut m = model(QUICK);
    let total = m.port("total").unwrap();
    m.set(total, 1);
}

#[test]
fn programs_that_are_no_tools_are_missing_tools() {
    assert!(version_line(Path::new("/no/such/verilator")).is_err());
    let error: anyhow::Error = MissingTool {
        tool: "t".into(),
        found: "f".into(),
        needed: "n".into(),
        fix: "x".into(),
    }
    .into();
    assert!(
        error.downcast_ref::<MissingTool>().is_some(),
        "the command line maps it to exit code 3"
    );
}
