//! The pump against a small device of the tests' own (`echo.v`): data, stalls, and rules that are broken on purpose.

use super::*;
use crate::config::Config;
use crate::cosim::driver::Driver;
use crate::cosim::rtl::{PortSpec, Rtl};
use crate::cosim::verilate::{Builder, Options};
use crate::regmap::{JobRegs, Reg, identity, words};

fn echo(config: &Config, stalls: Stalls) -> Pump {
    let bus = config.bus_w;
    let constant = |text: String, name: &str, value: usize| text.replace(name, &value.to_string());
    let mut text = include_str!("echo.v").to_string();
    let cases: String = words()
        .filter_map(|w| {
            Some(format!(
                "12'd{}: r_data <= 32'd{};\n",
                w.offset,
                identity(w.register.reg, config)?
            ))
        })
        .collect();
    text = text.replace("IDENTITY", &cases);
    let offset = |reg: Reg| reg.offset() as usize;
    for (name, value) in [
        ("CG_WORD", offset(Reg::ChannelsPerGroup) / 4),
        ("CONTROL", offset(Reg::Control)),
        ("STATUS", offset(Reg::Status)),
        ("ERROR_CODE", offset(Reg::ErrorCode)),
        ("CYCLES", offset(Reg::Cycles)),
        ("LIMIT", words().count() * 4),
        ("BUS", bus),
    ] {
        text = constant(text, name, value);
    }
    let input = |name: &str, width| PortSpec::input(name, width);
    let output = |name: &str, width| PortSpec::output(name, width);
    let ports = vec![
        input("clk", 1),
        input("rst_n", 1),
        input("s_axil_awaddr", 12),
        input("s_axil_awvalid", 1),
        output("s_axil_awready", 1),
        input("s_axil_wdata", 32),
        input("s_axil_wvalid", 1),
        output("s_axil_wready", 1),
        output("s_axil_bresp", 2),
        output("s_axil_bvalid", 1),
        input("s_axil_bready", 1),
        input("s_axil_araddr", 12),
        input("s_axil_arvalid", 1),
        output("s_axil_arready", 1),
        output("s_axil_rdata", 32),
        output("s_axil_rresp", 2),
        output("s_axil_rvalid", 1),
        input("s_axil_rready", 1),
        input("s_axis_tdata", bus),
        input("s_axis_tvalid", 1),
        input("s_axis_tlast", 1),
        output("s_axis_tready", 1),
        output("m_axis_tdata", bus),
        output("m_axis_tvalid", 1),
        output("m_axis_tlast", 1),
        input("m_axis_tready", 1),
    ];
    let rtl = Rtl::from_text("echo", &text, ports);
    let options = Options {
        quick_build: true,
        trace: true,
        ..Options::default()
    };
    let model = Builder::find().unwrap().model(&rtl, options).unwrap();
    Pump::new(model, stalls).unwrap()
}

/// `beats` beats of distinct bytes.
fn packet(config: &Config, beats: usize) -> Vec<u8> {
    (0..beats * config.bus_bytes())
        .map(|i| (i * 7 + i / 251) as u8)
        .collect()
}

fn tiny(bus_w: usize) -> Config {
    Config {
        bus_w,
        ..Config::preset("tiny").unwrap()
    }
}

#[test]
fn packets_come_back_whole_with_and_without_stalls() {
    for bus in [64, 128] {
        let config = tiny(bus);
        for p in [0.0, 0.3, 0.9] {
            let stalls = Stalls {
                probability: p,
                seed: 5,
            };
            let mut driver = Driver::open(echo(&config, stalls), &config).unwrap();
            driver.bus().take_counts();
            for beats in [1, 2, 40] {
                let sent = packet(&config, beats);
                let answer = driver
                    .run(&JobRegs::default(), sent.clone(), 10_000)
                    .unwrap();
                let (echoed, trailer) = answer.packet.split_at(sent.len());
                assert!(
                    echoed.iter().zip(&sent).all(|(a, b)| *a == !b),
                    "{bus} bits, p = {p}, {beats} beats"
                );
                assert_eq!((trailer[0], trailer.len()), (15, config.bus_bytes()));
                let counts = driver.bus().take_counts();
                assert_eq!(
                    (counts.beats_in, counts.beats_out),
                    (beats as u64, beats as u64 + 1)
                );
                let unstalled = beats as u64 + 2;
                let cycles = answer.statistics.cycles;
                assert!(
                    cycles <= unstalled + counts.stalled,
                    "{cycles} cycles, {unstalled} + {}",
                    counts.stalled
                );
                assert_eq!(cycles == unstalled, counts.stalled == 0);
                assert!(p > 0.0 || counts.stalled == 0);
                assert!(p == 0.0 || beats < 40 || counts.stalled > 0);
            }
        }
    }
}

#[test]
fn broken_rules_are_reported() {
    let config = tiny(64);
    for (fault, message) in [
        (1, "m_axis_tdata or tlast changed while the beat waited"),
        (2, "m_axis_tvalid fell before its beat was taken"),
        (3, "m_axis_tvalid is high though no job"),
        (4, "no TLAST on the output stream within 500 cycles"),
        (5, "neither OKAY nor SLVERR"),
    ] {
        let stalls = Stalls {
            probability: 0.6,
            seed: 1,
        };
        let mut driver = Driver::open(echo(&config, stalls), &config).unwrap();
        let regs = JobRegs {
            cg: fault,
            ..JobRegs::default()
        };
        let error = driver.run(&regs, packet(&config, 20), 500).unwrap_err();
        assert!(
            format!("{error:#}").contains(message),
            "fault {fault}: {error:#}"
        );
    }
}

#[test]
fn refused_writes_and_other_configurations_are_errors() {
    let config = tiny(64);
    let mut driver = Driver::open(echo(&config, Stalls::default()), &config).unwrap();
    let beyond = words().count() as u32 * 4;
    let refused = BusError::Refused {
        access: "write",
        address: beyond,
    };
    assert_eq!(driver.bus().write(beyond, 1), Err(refused));
    let other = Config {
        sets: 3,
        ..config.clone()
    };
    let error = Driver::open(echo(&config, Stalls::default()), &other)
        .err()
        .unwrap();
    assert!(error.to_string().contains("CONFIG_HASH"), "{error}");
}

#[test]
fn an_aborted_job_leaves_the_device_ready_for_the_next() {
    let config = tiny(64);
    let mut driver = Driver::open(
        echo(
            &config,
            Stalls {
                probability: 0.5,
                seed: 2,
            },
        ),
        &config,
    )
    .unwrap();
    for _ in 0..5 {
        driver
            .start(&JobRegs::default(), packet(&config, 30))
            .unwrap();
        driver.abort().unwrap();
        let answer = driver
            .run(&JobRegs::default(), packet(&config, 3), 500)
            .unwrap();
        assert_eq!(answer.packet.len(), 4 * config.bus_bytes());
    }
}

#[test]
fn a_window_of_cycles_is_written_as_a_waveform() {
    let config = tiny(64);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("window.vcd");
    let mut driver = Driver::open(echo(&config, Stalls::default()), &config).unwrap();
    let start = driver.bus().cycle() + 100;
    driver.bus().trace(Window {
        start,
        length: 20,
        path: path.clone(),
    });
    driver
        .run(&JobRegs::default(), packet(&config, 200), 5000)
        .unwrap();
    let vcd = std::fs::read_to_string(path).unwrap();
    let times = vcd.lines().filter(|line| line.starts_with('#')).count();
    assert!(
        (38..=42).contains(&times),
        "{times} time stamps for 20 cycles"
    );
}
