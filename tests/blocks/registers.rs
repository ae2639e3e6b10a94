//! The register file against the register table.

use crate::{rng, set, sim, tiny};
use mercury::blocks::axil_regs::AxilRegs;
use mercury::blocks::product_limit::ProductLimit;
use mercury::config::Config;
use mercury::hdl::{Direction, Sim, Value};
use mercury::regmap::{ADDRESS_BITS, Access, REGISTERS, Reg, words};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::collections::HashMap;

const OKAY: u64 = 0;
const SLVERR: u64 = 2;
/// Cycles after which an answer is taken at the latest.
const PATIENCE: usize = 20;

/// A bus master; counts the pulses that its writes cause.
struct Bus {
    sim: Sim<AxilRegs>,
    rng: ChaCha8Rng,
    starts: u32,
    aborts: u32,
    clears: u32,
}

impl Bus {
    fn clock(&mut self) {
        self.sim.settle();
        self.starts += u32::from(self.sim.slave.start.val());
        self.aborts += u32::from(self.sim.slave.abort_job.val());
        self.clears += u32::from(self.sim.slave.clear_error.val());
        self.sim.clock();
    }

    /// Writes the bytes of `strobe`; the response.
    fn write(&mut self, address: u32, data: u32, strobe: u32) -> u64 {
        set(&mut self.sim.slave.axil.s_axil_awaddr, address);
        set(&mut self.sim.slave.axil.s_axil_wdata, data);
        set(&mut self.sim.slave.axil.s_axil_wstrb, strobe);
        // Address and data come in any order.
        let (address_first, data_first) = (self.rng.random(), self.rng.random());
        self.sim.slave.axil.s_axil_awvalid.next = address_first;
        self.sim.slave.axil.s_axil_wvalid.next = data_first && !address_first;
        self.sim.settle();
        assert!(
            !self.sim.slave.axil.s_axil_awready.val() && !self.sim.slave.axil.s_axil_wready.val()
        );
        self.clock();
        self.sim.slave.axil.s_axil_awvalid.next = true;
        self.sim.slave.axil.s_axil_wvalid.next = true;
        self.sim.settle();
        assert!(
            self.sim.slave.axil.s_axil_awready.val() && self.sim.slave.axil.s_axil_wready.val()
        );
        self.clock();
        self.sim.slave.axil.s_axil_awvalid.next = false;
        self.sim.slave.axil.s_axil_wvalid.next = false;
        for wait in 0..PATIENCE {
            self.sim.slave.axil.s_axil_bready.next = wait + 1 == PATIENCE || self.rng.random();
            self.sim.settle();
            assert!(
                self.sim.slave.axil.s_axil_bvalid.val(),
                "the response waits for bready"
            );
            let response = self.sim.slave.axil.s_axil_bresp.val().to_u64();
            let taken = self.sim.slave.axil.s_axil_bready.next;
            self.clock();
            if taken {
                self.sim.slave.axil.s_axil_bready.next = false;
                self.sim.settle();
                assert!(!self.sim.slave.axil.s_axil_bvalid.val());
                return response;
            }
        }
        unreachable!("the last wait takes the response");
    }

    /// Reads a word; data and response.
    fn read(&mut self, address: u32) -> (u64, u64) {
        set(&mut self.sim.slave.axil.s_axil_araddr, address);
        self.sim.slave.axil.s_axil_arvalid.next = true;
        self.sim.settle();
        assert!(self.sim.slave.axil.s_axil_arready.val());
        self.clock();
        self.sim.slave.axil.s_axil_arvalid.next = false;
        for wait in 0..PATIENCE {
            self.sim.slave.axil.s_axil_rready.next = wait + 1 == PATIENCE || self.rng.random();
            self.sim.settle();
            assert!(
                self.sim.slave.axil.s_axil_rvalid.val(),
                "the data waits for rready"
            );
            let answer = (
                self.sim.slave.axil.s_axil_rdata.val().to_u64(),
                self.sim.slave.axil.s_axil_rresp.val().to_u64(),
            );
            let taken = self.sim.slave.axil.s_axil_rready.next;
            self.clock();
            if taken {
                self.sim.slave.axil.s_axil_rready.next = false;
                return answer;
            }
        }
        unreachable!("the last wait takes the answer");
    }

    /// The job runs, or it does not.
    fn set_busy(&mut self, busy: bool) {
        self.sim.slave.next_busy.next = busy;
        self.clock();
        self.sim.slave.busy.next = busy;
        self.sim.settle();
    }

    fn pulses(&self) -> (u32, u32, u32) {
        (self.starts, self.aborts, self.clears)
    }

    /// Values of all output ports by name.
    fn outputs(&mut self) -> HashMap<String, Value> {
        self.sim.settle();
        let values = self.sim.peek();
        let ports = self.sim.ports().iter().zip(values);
        ports
            .filter(|(p, _)| p.direction == Direction::Output)
            .map(|(p, v)| (p.name.clone(), v))
            .collect()
    }
}

fn bus(seed: u64) -> Bus {
    println!("seed {seed}");
    let sim = sim(AxilRegs::new(&tiny()));
    Bus {
        sim,
        rng: rng(seed),
        starts: 0,
        aborts: 0,
        clears: 0,
    }
}

/// Bits of a register that some field covers.
fn mask(reg: Reg) -> u32 {
    reg.register()
        .fields
        .iter()
        .fold(0, |all, f| all | f.mask() as u32)
}

fn job_registers() -> impl Iterator<Item = Reg> {
    REGISTERS
        .iter()
        .filter(|r| r.access == Access::Job)
        .map(|r| r.reg)
}

/// Fields without a port: their only legal value is 0.
/// Every field's port shows the field.
fn check_fields(bus: &mut Bus, held: &HashMap<Reg, u32>) {
    let outputs = bus.outputs();
    for (reg, word) in held {
        for field in reg.register().fields {
            let port = &outputs[&field.signal()];
            let bits = field.bits.min(port.width() as u32);
            let value = u64::from(*word) >> field.lsb & ((1 << bits) - 1);
            assert_eq!(port.to_u64(), value, "port {}", field.signal());
        }
    }
}

#[test]
fn axil_regs_follow_the_table() {
    let mut bus = bus(1);
    let mut held: HashMap<Reg, u32> = job_registers().map(|reg| (reg, 0)).collect();
    for round in 0..6 {
        for reg in job_registers() {
            let name = reg.register().name;
            assert_eq!(bus.read(reg.offset()), (held[&reg].into(), OKAY), "{name}");
            let (data, strobe) = match round {
                0 => (u32::MAX, 15),
                1 => (0, 15),
                _ => (bus.rng.random(), bus.rng.random_range(0..16)),
            };
            bus.set_busy(round == 3);
            let response = bus.write(reg.offset(), data, strobe);
            assert_eq!(response, if round == 3 { SLVERR } else { OKAY }, "{name}");
            let bytes = (0..4).filter(|b| strobe >> b & 1 != 0);
            let written = bytes.fold(0, |all, b| all | 0xff << (8 * b));
            if round != 3 {
                let kept = held[&reg] & !written;
                held.insert(reg, kept | data & written & mask(reg));
            }
            bus.set_busy(false);
            assert_eq!(bus.read(reg.offset()), (held[&reg].into(), OKAY), "{name}");
        }
        check_fields(&mut bus, &held);
    }
    assert_eq!(bus.pulses(), (0, 0, 0));
}

#[test]
fn axil_regs_show_identity_state_and_statistics() {
    let (mut bus, config) = (bus(2), tiny());
    let identity = [
        (Reg::Id, 0x4d43_5259),
        (Reg::Version, 2),
        (
            Reg::ConfigHash,
            u64::from_str_radix(&config.hash()[..8], 16).unwrap(),
        ),
        (Reg::Size0, 2 | 2 << 8 | 16 << 16),
        (Reg::Size1, 16 | 48 << 8 | 64 << 16),
        (Reg::Size2, 64 | 3 << 16 | 9 << 24),
        (Reg::Size3, 32),
        (Reg::Size4, 4 | 2 << 16),
        (Reg::Size5, 10 | 32 << 8 | 1 << 24),
        (Reg::Size6, 4 * 16),
    ];
    let identities = REGISTERS.iter().filter(|r| r.access == Access::Identity);
    assert_eq!(identities.count(), identity.len());
    for (reg, value) in identity {
        assert_eq!(bus.read(reg.offset()), (value, OKAY), "{reg:?}");
    }
    for (busy, done, error) in [
        (false, false, 0),
        (true, false, 0),
        (false, true, 5),
        (true, true, 255),
    ] {
        bus.sim.slave.busy.next = busy;
        bus.sim.slave.done.next = done;
        set(&mut bus.sim.slave.error_code, error);
        let status = u64::from(busy) | u64::from(done) << 1 | u64::from(error != 0) << 2;
        assert_eq!(bus.read(Reg::Status.offset()), (status, OKAY));
        assert_eq!(bus.read(Reg::ErrorCode.offset()), (error as u64, OKAY));
    }
    let statistics = || REGISTERS.iter().filter(|r| r.access == Access::Statistic);
    let counts: Vec<u64> = statistics()
        .map(|_| bus.rng.random::<u64>() >> 16)
        .collect();
    assert_eq!(bus.sim.slave.statistic.len(), counts.len());
    for (port, count) in bus.sim.slave.statistic.iter_mut().zip(&counts) {
        set(port, *count);
    }
    for (register, count) in statistics().zip(counts) {
        let at = register.reg.offset();
        assert_eq!(
            bus.read(at),
            (count & 0xffff_ffff, OKAY),
            "{}",
            register.name
        );
        assert_eq!(bus.read(at + 4), (count >> 32, OKAY), "{}", register.name);
    }
}

#[test]
fn axil_regs_refuse_what_cannot_be_written() {
    let mut bus = bus(3);
    for word in words().filter(|w| !matches!(w.register.access, Access::Job | Access::Control)) {
        let before = bus.read(word.offset);
        assert_eq!(
            bus.write(word.offset, !before.0 as u32, 15),
            SLVERR,
            "{}",
            word.name
        );
        assert_eq!(bus.read(word.offset), before, "{}", word.name);
    }
    let end = words().last().expect("the table has words").offset + 4;
    assert!(
        end < 1 << ADDRESS_BITS,
        "there are addresses without a register"
    );
    for address in (end..1 << ADDRESS_BITS).step_by(4) {
        assert_eq!(bus.write(address, u32::MAX, 15), SLVERR, "{address:#x}");
        assert_eq!(bus.read(address), (0, SLVERR), "{address:#x}");
    }
    assert_eq!(bus.pulses(), (0, 0, 0));
}

#[test]
fn axil_regs_give_one_pulse_a_command() {
    let mut bus = bus(4);
    let control = Reg::Control.offset();
    for busy in [false, true] {
        for command in 0..8u32 {
            for strobe in [15, 1, 14] {
                bus.set_busy(busy);
                let (starts, aborts, clears) = bus.pulses();
                let heard = strobe & 1 != 0;
                let refused = heard && busy && command & 1 != 0;
                let response = bus.write(control, command, strobe);
                assert_eq!(
                    response,
                    if refused { SLVERR } else { OKAY },
                    "{command:#b}"
                );
                // ABORT wins over START.
                let start = heard && command & 3 == 1 && !busy;
                let abort = heard && command & 2 != 0;
                let clear = heard && command & 4 != 0;
                let expected = (
                    starts + u32::from(start),
                    aborts + u32::from(abort),
                    clears + u32::from(clear),
                );
                assert_eq!(
                    bus.pulses(),
                    expected,
                    "{command:#b}, busy {busy}, strobe {strobe:#b}"
                );
                assert_eq!(bus.read(control), (0, OKAY));
            }
        }
    }
}

#[test]
fn axil_regs_know_a_bad_job() {
    let mut bus = bus(5);
    let fields = || job_registers().flat_map(|r| r.register().fields.iter().map(move |f| (r, f)));
    let must_not_be_zero = [
        "CGROUPS",
        "CHUNKS",
        "CG",
        "CG_LAST",
        "KR",
        "KR_LAST",
        "KW",
        "SLOT_BEATS",
        "RING_SLOTS",
    ];
    // A legal job: 1 where a zero is refused, otherwise anything.
    let mut legal: HashMap<Reg, u32> = job_registers().map(|reg| (reg, 0)).collect();
    for (reg, field) in fields() {
        let value = match field.name {
            name if must_not_be_zero.contains(&name) => 1,
            "SHIFT" => 47,
            "REUSE" => 0,
            _ => bus.rng.random::<u16>().into(),
        };
        *legal.get_mut(&reg).expect("every register is there") |= field.place(value) as u32;
    }
    for (reg, word) in &legal {
        assert_eq!(bus.write(reg.offset(), *word, 15), OKAY);
    }
    assert!(!bus.sim.bad_job.val());
    let mut spoilt = 0;
    for (reg, field) in fields() {
        let kept = legal[&reg] & !(field.mask() as u32);
        let bad = match field.name {
            name if must_not_be_zero.contains(&name) => 0,
            "SHIFT" => 48,
            "REUSE" => 5,
            _ => continue,
        };
        bus.write(reg.offset(), kept | field.place(bad) as u32, 15);
        assert!(bus.sim.bad_job.val(), "{} = {bad}", field.name);
        bus.write(reg.offset(), legal[&reg], 15);
        assert!(!bus.sim.bad_job.val());
        spoilt += 1;
    }
    assert_eq!(spoilt, 11);
    // The largest ring that the buffer holds, and rings just beyond it.
    let depth = tiny().bank_depth() as u32;
    for (slots, beats, bad) in [
        (1, depth, false),
        (depth, 1, false),
        (depth / 3, 3, false),
        (1, depth + 1, true),
        (depth + 1, 1, true),
        (depth / 3 + 1, 3, true),
        (0xffff, 0xffff, true),
        (0x8000, 2, true),
    ] {
        bus.write(Reg::Ring.offset(), slots, 15);
        bus.write(Reg::Slot.offset(), beats, 15);
        bus.clock();
        bus.sim.settle();
        assert_eq!(bus.sim.bad_job.val(), bad, "{slots} slots of {beats} beats");
    }
}

/// The fields of a small job that is legal in every mode.
fn reuse_job() -> Vec<(Reg, &'static str, i64)> {
    let ones = [
        (Reg::Cgroups, "CGROUPS"),
        (Reg::Chunks, "CHUNKS"),
        (Reg::ChannelsPerGroup, "CG"),
        (Reg::ChannelsPerGroup, "CG_LAST"),
        (Reg::KernelRows, "KR"),
        (Reg::KernelRows, "KR_LAST"),
        (Reg::KernelCols, "KW"),
        (Reg::Slot, "SLOT_BEATS"),
        (Reg::Ring, "RING_SLOTS"),
        (Reg::GroupK, "GROUP_K"),
        (Reg::GroupK, "K_CG_LAST"),
        (Reg::GroupK, "K_KR_LAST"),
        (Reg::Steps, "STEPS"),
        (Reg::Steps, "STEPS_CG_LAST"),
        (Reg::Steps, "STEPS_KR_LAST"),
        (Reg::Rpq, "PROJECTIONS"),
        (Reg::Rpq, "SIG_BITS"),
        (Reg::Lists, "LIST_POSITIONS"),
        (Reg::Lists, "LIST_SLOTS"),
    ];
    ones.map(|(reg, field)| (reg, field, 1)).into()
}

/// Whether a job is refused: the job of [`reuse_job`] with these changes.
fn is_bad(bus: &mut Bus, changes: &[(Reg, &str, i64)]) -> bool {
    let mut words: HashMap<Reg, u32> = HashMap::new();
    for (reg, name, value) in reuse_job().iter().chain(changes) {
        let field = reg.field(name);
        let word = words.entry(*reg).or_default();
        *word = *word & !(field.mask() as u32) | field.place(*value) as u32;
    }
    for reg in job_registers() {
        let word = words.get(&reg).copied().unwrap_or(0);
        assert_eq!(bus.write(reg.offset(), word, 15), OKAY);
    }
    // The answer comes two cycles later.
    bus.clock();
    bus.clock();
    bus.sim.bad_job.val()
}

#[test]
fn axil_regs_know_a_bad_job_with_reuse() {
    let mut bus = bus(6);
    for mode in 0..16 {
        let bad = is_bad(&mut bus, &[(Reg::Mode, "REUSE", mode)]);
        assert_eq!(bad, mode > 4, "mode {mode}");
    }
    let step = (Reg::Mode, "REUSE", 3);
    let counts = [Reg::GroupK, Reg::Steps, Reg::Rpq, Reg::Lists];
    let mut spoilt = 0;
    for (reg, field, _) in reuse_job().into_iter().filter(|(r, ..)| counts.contains(r)) {
        assert!(is_bad(&mut bus, &[step, (reg, field, 0)]), "{field} = 0");
        assert!(!is_bad(&mut bus, &[(reg, field, 0)]), "{field} = 0, dense");
        spoilt += 1;
    }
    assert_eq!(spoilt, 10);
    // The last value that is legal, and the first that is not.
    for (reg, field, most) in [
        (Reg::Rpq, "PROJECTIONS", tiny().p_max as i64),
        (Reg::Rpq, "SIG_BITS", 4),
    ] {
        assert!(!is_bad(&mut bus, &[step, (reg, field, most)]));
        assert!(is_bad(&mut bus, &[step, (reg, field, most + 1)]), "{field}");
    }
    let ring = |positions, slots| {
        let positions = (Reg::Lists, "LIST_POSITIONS", positions);
        [step, positions, (Reg::Lists, "LIST_SLOTS", slots)]
    };
    let words = tiny().list_words() as i64;
    for (positions, slots, bad) in [
        (words, 1, false),
        (words / 3, 3, false),
        (1, 255.min(words), false),
        (words + 1, 1, true),
        (words / 3 + 1, 3, true),
        (0xffff, 255, true),
        (0x8000, 2, true),
    ] {
        let found = is_bad(&mut bus, &ring(positions, slots));
        assert_eq!(found, bad, "{slots} lists of {positions} positions");
        assert!(!is_bad(&mut bus, &ring(positions, slots)[1..]), "dense");
    }
    let (chunks, channels) = ((Reg::Chunks, "CHUNKS", 2), (Reg::ChannelsPerGroup, "CG", 2));
    assert!(!is_bad(&mut bus, &[step, chunks]));
    assert!(!is_bad(&mut bus, &[step, channels]));
    assert!(is_bad(&mut bus, &[step, chunks, channels]));
    let (stream, again) = (
        (Reg::Mode, "STREAM_FEATURES", 1),
        (Reg::Mode, "REDETECT", 1),
    );
    assert!(is_bad(&mut bus, &[step, stream]));
    assert!(!is_bad(&mut bus, &[step, stream, again]));
}

#[test]
fn axil_regs_without_reuse_refuse_every_mode() {
    let config = Config {
        reuse: false,
        ..tiny()
    };
    let mut bus = Bus {
        sim: sim(AxilRegs::new(&config)),
        ..bus(7)
    };
    for mode in 0..16 {
        let bad = is_bad(&mut bus, &[(Reg::Mode, "REUSE", mode)]);
        assert_eq!(bad, mode > 0, "mode {mode}");
    }
}

/// Factors near the limit, all small ones and the largest: three widths, limits that are a power of two and that are not.
#[test]
fn product_limit_knows_every_product() {
    for (a_w, b_w, limit) in [
        (16, 16, 64),
        (16, 8, 1000),
        (7, 3, 600),
        (1, 1, 1),
        (4, 16, 24_576),
    ] {
        let mut sim = sim(ProductLimit::new(a_w, b_w, limit));
        let largest = |width: usize| (1u64 << width) - 1;
        let mut above = 0;
        for a in (0..40).chain([
            limit as u64 - 1,
            limit as u64,
            limit as u64 + 1,
            largest(a_w),
        ]) {
            let near = (limit as u64).checked_div(a).unwrap_or(limit as u64);
            for b in [
                0,
                1,
                2,
                3,
                near.saturating_sub(1),
                near,
                near + 1,
                2 * near,
                largest(b_w),
            ] {
                let (a, b) = (a & largest(a_w), b & largest(b_w));
                set(&mut sim.a, a);
                set(&mut sim.b, b);
                sim.clock();
                sim.clock();
                assert_eq!(
                    sim.above.val(),
                    a * b > limit as u64,
                    "{a} * {b}, limit {limit}"
                );
                above += u32::from(sim.above.val());
            }
        }
        assert_eq!(above > 0, largest(a_w) * largest(b_w) > limit as u64);
    }
}
