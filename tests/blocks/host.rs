//! The host link of a board: serial line, queues, commands.

use std::collections::VecDeque;

use mercury::blocks::host::beat_fifo::BeatFifo;
use mercury::blocks::host::link::{FIFO_BEATS, HostLink};
use mercury::blocks::host::uart_receiver::UartReceiver;
use mercury::blocks::host::uart_transmitter::UartTransmitter;
use mercury::hdl::Sim;
use rand::RngExt;

use super::{rng, set, sim, tiny};

/// Cycles of a bit.
const BIT: usize = 4;

#[test]
fn uart_carries_bytes() {
    for bit in [4, 5, 25] {
        let (mut sender, mut receiver) =
            (sim(UartTransmitter::new(bit)), sim(UartReceiver::new(bit)));
        let mut rng = rng(bit as u64);
        let sent: Vec<u64> = (0..20).map(|_| rng.random_range(0..256)).collect();
        let (mut next, mut got) = (0, vec![]);
        for cycle in 0..20 * 14 * bit {
            // Pauses between bytes, and none.
            let offers = next < sent.len() && (next % 3 != 0 || cycle % 7 == 0);
            sender.valid.next = offers;
            set(&mut sender.octet, sent.get(next).copied().unwrap_or(0));
            sender.settle();
            receiver.line.next = sender.line.val();
            receiver.settle();
            if receiver.valid.val() {
                got.push(receiver.octet.val().to_u64());
            }
            next += usize::from(offers && sender.ready.val());
            sender.clock();
            receiver.clock();
        }
        assert_eq!(got, sent, "{bit} cycles a bit");
    }
}

#[test]
fn beat_fifo_is_a_queue() {
    let mut fifo = sim(BeatFifo::new(9, 8));
    let (mut rng, mut queue) = (rng(1), VecDeque::new());
    let mut most = 0;
    for cycle in 0..3000 {
        // Phases in which it fills and phases in which it runs dry.
        let fills = cycle / 100 % 2 == 0;
        let writes = fifo.room.val().to_u64() > 0 && rng.random_bool(if fills { 0.8 } else { 0.2 });
        let word = rng.random_range(0..512u64);
        let clears = rng.random_bool(0.005);
        fifo.write.next = writes;
        set(&mut fifo.write_word, word);
        fifo.ready.next = rng.random_bool(if fills { 0.2 } else { 0.8 });
        fifo.clear.next = clears;
        fifo.settle();
        assert_eq!(fifo.available.val().to_u64() as usize, queue.len());
        if fifo.valid.val() {
            assert_eq!(Some(&fifo.word.val().to_u64()), queue.front());
            if fifo.ready.val() {
                queue.pop_front();
            }
        }
        if writes {
            queue.push_back(word);
        }
        if clears {
            queue.clear();
        }
        most = most.max(queue.len());
        fifo.clock();
    }
    assert!(most >= 8, "never full: {most} words");
}

/// The link on a bench: a host at its line, registers and streams at its ports.
struct Bench {
    link: Sim<HostLink>,
    /// What was written, by address.
    writes: Vec<(u64, u64)>,
    /// Beats that the accelerator took.
    taken: Vec<(u64, bool)>,
    /// Beats that it sends.
    sends: VecDeque<(u64, bool)>,
    /// It takes beats.
    takes: bool,
    answer: Vec<u8>,
    bits: (usize, usize, u32),
}

impl Bench {
    fn new() -> Bench {
        Bench {
            link: sim(HostLink::new(&tiny(), BIT, 10)),
            writes: vec![],
            taken: vec![],
            sends: VecDeque::new(),
            takes: true,
            answer: vec![],
            bits: (0, 0, 0),
        }
    }

    /// One cycle with the host's line at `level`.
    fn cycle(&mut self, level: bool) {
        let link = &mut self.link;
        link.rx.next = level;
        // A slave that takes address and data together and answers a cycle later, as the accelerator's.
        let write = link.axil.s_axil_awvalid.val() && link.axil.s_axil_wvalid.val();
        link.axil.s_axil_awready.next = write;
        link.axil.s_axil_wready.next = write;
        if write {
            let word = (
                link.axil.s_axil_awaddr.val().to_u64(),
                link.axil.s_axil_wdata.val().to_u64(),
            );
            self.writes.push(word);
        }
        let bvalid = link.axil.s_axil_bready.val() && !write;
        link.axil.s_axil_bvalid.next = bvalid;
        set(&mut link.axil.s_axil_bresp, 2);
        let read = link.axil.s_axil_arvalid.val();
        link.axil.s_axil_arready.next = read;
        link.axil.s_axil_rvalid.next = link.axil.s_axil_rready.val() && !read;
        let address = link.axil.s_axil_araddr.val().to_u64();
        set(&mut link.axil.s_axil_rdata, 0xabcd_0000 + address);
        set(&mut link.axil.s_axil_rresp, 0);
        link.packet.s_axis_tready.next = self.takes;
        let (data, last) = self.sends.front().copied().unwrap_or((0, false));
        link.results.m_axis_tvalid.next = !self.sends.is_empty();
        set(&mut link.results.m_axis_tdata, data);
        link.results.m_axis_tlast.next = last;
        link.settle();
        if self.takes && link.packet.s_axis_tvalid.val() {
            self.taken.push((
                link.packet.s_axis_tdata.val().to_u64(),
                link.packet.s_axis_tlast.val(),
            ));
        }
        if !self.sends.is_empty() && link.results.m_axis_tready.val() {
            self.sends.pop_front();
        }
        let line = link.tx.val();
        link.clock();
        self.hear(line);
    }

    /// The host's receiver.
    fn hear(&mut self, line: bool) {
        let (left, timer, data) = &mut self.bits;
        if *left == 0 && !line {
            (*left, *timer) = (10, BIT / 2);
        }
        if *left > 0 {
            if *timer == 0 {
                *data = *data >> 1 | u32::from(line) << 9;
                (*left, *timer) = (*left - 1, BIT);
                if *left == 0 {
                    assert!(line, "no stop bit");
                    self.answer.push((*data >> 1) as u8);
                }
            }
            *timer -= 1;
        }
    }

    fn say(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let frame = 0x200 | u32::from(*byte) << 1;
            for bit in 0..10 {
                for _ in 0..BIT {
                    self.cycle(frame >> bit & 1 == 1);
                }
            }
        }
    }

    /// Says `bytes` and gives the `count` bytes of the answer.
    fn ask(&mut self, bytes: &[u8], count: usize) -> Vec<u8> {
        self.answer.clear();
        self.say(bytes);
        for _ in 0..(count + 2) * 12 * BIT {
            self.cycle(true);
        }
        assert_eq!(self.answer.len(), count, "{bytes:?}: {:?}", self.answer);
        self.answer.clone()
    }
}

#[test]
fn host_link_answers_every_command() {
    let mut bench = Bench::new();
    assert_eq!(bench.ask(&[1, 0x24, 0x01], 5), [0, 0x24, 0x01, 0xcd, 0xab]);
    assert_eq!(bench.ask(&[2, 0x10, 0x01, 1, 2, 3, 4], 1), [2]);
    assert_eq!(bench.writes, [(0x110, 0x0403_0201)]);
    assert_eq!(bench.ask(&[77], 1), [255]);

    // Two beats, the second of which ends a packet; then one that does not.
    let beats: Vec<u8> = (0..16).collect();
    let send = |n: u8, last: u8, beats: &[u8]| [&[3, n, last], beats].concat();
    assert_eq!(bench.ask(&send(2, 1, &beats), 1), [0]);
    assert_eq!(bench.ask(&send(1, 0, &beats[8..]), 1), [0]);
    assert_eq!(bench.ask(&send(0, 1, &[]), 1), [0]);
    let (low, high) = (0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908);
    assert_eq!(bench.taken, [(low, false), (high, true), (high, false)]);

    // Beats of the accelerator: fewer than asked for, with the end of the packet.
    assert_eq!(bench.ask(&[4, 5], 1), [0]);
    bench.sends.extend([(low, false), (high, true), (7, false)]);
    let room = FIFO_BEATS.to_le_bytes();
    assert_eq!(bench.ask(&[5], 4), [room[0], room[1], 3, 0]);
    let wish = [&[2], &beats[..8], &[0], &beats[8..], &[1]].concat();
    assert_eq!(bench.ask(&[4, 2], 19), wish);
    assert_eq!(bench.ask(&[4, 2], 10), [1, 7, 0, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn host_link_neither_loses_beats_nor_hangs() {
    let mut bench = Bench::new();
    // An accelerator that takes nothing: SEND takes all or nothing.
    bench.takes = false;
    let send = |n: u8| [&[3, n, 0][..], &vec![n; 8 * usize::from(n)]].concat();
    assert_eq!(bench.ask(&send(255), 1), [0]);
    assert_eq!(bench.ask(&send(250), 1), [0]);
    let counts = bench.ask(&[5], 4);
    // One beat stands at the head of its queue, outside of the memory.
    assert_eq!(u16::from_le_bytes([counts[0], counts[1]]), 512 - 505 + 1);
    assert_eq!(bench.ask(&send(9), 1), [1]);
    bench.takes = true;
    for _ in 0..600 {
        bench.cycle(true);
    }
    assert_eq!(bench.taken.len(), 505);

    // An accelerator that sends more than the queue holds has to wait, and nothing is lost.
    bench.sends.extend((0..520).map(|n| (n, n == 519)));
    bench.ask(&[5], 4);
    for _ in 0..600 {
        bench.cycle(true);
    }
    assert_eq!(bench.sends.len(), 520 - 513);
    let mut got = vec![];
    while got.len() < 520 {
        bench.answer.clear();
        bench.say(&[4, 100]);
        for _ in 0..(100 * 9 + 4) * 11 * BIT {
            bench.cycle(true);
        }
        let beats = usize::from(bench.answer[0]);
        assert!(beats > 0 && bench.answer.len() == 1 + 9 * beats);
        got.extend(
            bench.answer[1..]
                .chunks(9)
                .map(|b| (u64::from_le_bytes(b[..8].try_into().unwrap()), b[8] == 1)),
        );
    }
    assert_eq!(got, (0..520).map(|n| (n, n == 519)).collect::<Vec<_>>());

    // A command that breaks off, then silence, then another one.
    bench.say(&[2, 0x10]);
    for _ in 0..1200 {
        bench.cycle(true);
    }
    assert_eq!(bench.ask(&[1, 0, 0], 5), [0, 0, 0, 0xcd, 0xab]);
    assert!(bench.writes.is_empty());

    // CLEAR forgets what waits.
    bench.sends.push_back((1, true));
    bench.ask(&[5], 4);
    assert_eq!(bench.ask(&[6], 1), [0]);
    assert_eq!(bench.ask(&[4, 9], 1), [0]);
}
