//! Campaigns on the software device, faithful and faulty.

use super::*;
use crate::cosim::bus::BusError;
use crate::cosim::case::Draw;
use crate::cosim::software::SoftwareDevice;
use crate::regmap::Reg;
use crate::reuse::Mode;

type ChangePacket = fn(&mut Vec<u8>);
type ChangeRegister = fn(u32, u32) -> u32;

/// A device with one fault.
struct Faulty {
    device: SoftwareDevice,
    /// Changes an output packet.
    packet: ChangePacket,
    /// Changes a register read.
    register: ChangeRegister,
}

impl Bus for Faulty {
    fn read(&mut self, address: u32) -> Result<u32, BusError> {
        Ok((self.register)(address, self.device.read(address)?))
    }

    fn write(&mut self, address: u32, value: u32) -> Result<(), BusError> {
        self.device.write(address, value)
    }

    fn send(&mut self, packet: Vec<u8>) {
        self.device.send(packet);
    }

    fn receive(&mut self, limit: u64) -> Result<Vec<u8>, BusError> {
        let mut packet = self.device.receive(limit)?;
        (self.packet)(&mut packet);
        Ok(packet)
    }

    fn reset_streams(&mut self) {
        self.device.reset_streams();
    }
}

impl Testbench for Faulty {
    fn take_hitmaps(&mut self) -> Option<Vec<Vec<crate::reuse::Record>>> {
        self.device.take_hitmaps()
    }

    fn keep_hitmaps(&mut self, keep: bool) {
        self.device.keep_hitmaps(keep);
    }

    fn set_stalls(&mut self, stalls: Stalls) -> Result<()> {
        self.device.set_stalls(stalls)
    }

    fn take_counts(&mut self) -> Counts {
        self.device.take_counts()
    }

    fn clocked(&self) -> bool {
        false
    }
}

fn campaign(
    packet: ChangePacket,
    register: ChangeRegister,
    jobs: u64,
    only: Option<u64>,
) -> Report {
    campaign_of(Draw::Any, packet, register, jobs, only)
}

fn campaign_of(
    draw: Draw,
    packet: ChangePacket,
    register: ChangeRegister,
    jobs: u64,
    only: Option<u64>,
) -> Report {
    campaign_on("tiny", draw, packet, register, jobs, only)
}

fn campaign_on(
    preset: &str,
    draw: Draw,
    packet: ChangePacket,
    register: ChangeRegister,
    jobs: u64,
    only: Option<u64>,
) -> Report {
    let config = Config::preset(preset).unwrap();
    let device = SoftwareDevice::new(&config);
    let mut driver = Driver::open(
        Faulty {
            device,
            packet,
            register,
        },
        &config,
    )
    .unwrap();
    let settings = Settings {
        draw,
        jobs,
        seed: 11,
        p_stall: 0.0,
        only,
    };
    run(&mut driver, &config, &settings, |_| ()).unwrap()
}

#[test]
fn a_faithful_device_passes_and_most_bins_are_hit() {
    let report = campaign(|_| (), |_, value| value, 1500, None);
    assert!(report.mismatch.is_none(), "{:?}", report.mismatch);
    assert!(report.jobs >= 1500 && report.bins.jobs == report.jobs);
    assert!(!report.timed);
    // Without a clock nothing stalls; everything else must come up.
    let empty: Vec<_> = report
        .bins
        .empty()
        .filter(|name| !name.starts_with("stalled"))
        .collect();
    assert!(empty.is_empty(), "{empty:?}");
    let dense = campaign_of(Draw::Mode(Mode::Off), |_| (), |_, value| value, 500, None);
    assert!(dense.mismatch.is_none(), "{:?}", dense.mismatch);
    let all = dense
        .bins
        .iter()
        .find(|b| b.0 == "all four of these")
        .unwrap()
        .1;
    assert!(
        all * 10 >= dense.jobs * 3,
        "{all} of {} jobs use all mechanisms",
        dense.jobs
    );
}

/// The sizes of `tiny` are met above. Its own data and shapes decide what `small` meets.
#[test]
fn every_hazard_of_reuse_comes_up_on_small() {
    let report = campaign_on("small", Draw::Any, |_| (), |_, value| value, 1500, None);
    assert!(report.mismatch.is_none(), "{:?}", report.mismatch);
    let hazards = report.bins.iter().filter(|b| b.0.starts_with("reuse: "));
    let (met, missed): (Vec<_>, Vec<_>) = hazards.partition(|b| b.1 > 0);
    assert!(missed.is_empty(), "never met: {missed:?}; met: {met:?}");
    assert!(met.len() > 25, "{met:?}");
}

#[test]
fn faults_are_caught_and_located() {
    /// Changes the low bit of the first result.
    fn first_result(packet: &mut [u8]) {
        if packet.len() > 16 {
            packet[8] ^= 1;
        }
    }
    fn tag(packet: &mut [u8]) {
        if packet.len() > 16 {
            packet[4] ^= 1;
        }
    }
    fn lost_block(packet: &mut Vec<u8>) {
        packet.drain(..packet.len() - 8);
    }
    let macs = |address, value| {
        if address == Reg::Macs.offset() {
            value + 1
        } else {
            value
        }
    };
    let keep = |_, value| value;
    let cases: [(ChangePacket, ChangeRegister, &str); 4] = [
        (|p| first_result(p), keep, "expected"),
        (|p| tag(p), keep, "not in the plan"),
        (lost_block, keep, "drained banks are missing"),
        (|_| (), macs, "MACS: device"),
    ];
    for (packet, register, message) in cases {
        let report = campaign(packet, register, 50, None);
        let mismatch = report.mismatch.unwrap();
        assert!(mismatch.difference.text.contains(message), "{mismatch:?}");
        let again = campaign(packet, register, 50, Some(mismatch.operation))
            .mismatch
            .unwrap();
        assert_eq!(
            (again.operation, again.job, again.difference),
            (mismatch.operation, mismatch.job, mismatch.difference)
        );
    }
    let report = campaign(|p| first_result(p), keep, 50, None);
    let text = report.mismatch.unwrap().difference.text;
    assert!(
        text.contains("set ")
            && text.contains("filter ")
            && (text.contains("position ") || text.contains("element ")),
        "{text}"
    );
}
