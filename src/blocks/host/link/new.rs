//! Construction of the host link: the width of every signal.

use super::{FIFO_BEATS, HostLink};
use crate::blocks::axi::{AxiLite, StreamIn, StreamOut};
use crate::blocks::host::beat_fifo::BeatFifo;
use crate::blocks::host::uart_receiver::UartReceiver;
use crate::blocks::host::uart_transmitter::UartTransmitter;
use crate::config::{Config, count_width};
use crate::hdl::prelude::*;
use crate::regmap::ADDRESS_BITS;

/// Bits of the operands of a command.
const OPERANDS_W: usize = 48;

impl HostLink {
    /// The link to an accelerator of this configuration, over a line whose bits last `bit_clocks` cycles.
    ///
    /// # Panics
    /// When `bit_clocks` is not in 4…65535, or `silence_w` not in 1…32.
    pub fn new(config: &Config, bit_clocks: usize, silence_w: usize) -> Self {
        assert!(
            (1..=32).contains(&silence_w),
            "2^{silence_w} cycles of silence"
        );
        let (beat_w, beat_bytes) = (config.bus_w, config.bus_w / 8);
        // A beat and the byte that says whether it is the last, or the answer to READ.
        let reply_w = (beat_w + 8).max(40);
        HostLink {
            rx: Bit::new(),
            tx: Bit::new(),
            axil: AxiLite::new(ADDRESS_BITS),
            packet: StreamIn::new(beat_w),
            results: StreamOut::new(beat_w),
            receiver: UartReceiver::new(bit_clocks),
            transmitter: UartTransmitter::new(bit_clocks),
            to_device: BeatFifo::new(beat_w + 1, FIFO_BEATS),
            to_host: BeatFifo::new(beat_w + 1, FIFO_BEATS),
            state: Reg::new(),
            command: Reg::unsigned(8),
            operands: Reg::unsigned(OPERANDS_W),
            operands_left: Reg::unsigned(3),
            silence: Reg::unsigned(silence_w),
            beats: Reg::unsigned(8),
            bytes: Reg::unsigned(count_width(beat_bytes)),
            beat: Reg::unsigned(beat_w),
            takes_all: BitReg::new(),
            address_waits: BitReg::new(),
            data_waits: BitReg::new(),
            read_waits: BitReg::new(),
            reply: Reg::unsigned(reply_w),
            reply_left: Reg::unsigned(count_width(beat_bytes + 1).max(3)),
            shifted: Sig::unsigned(beat_w + 8),
            new_beat: Sig::unsigned(beat_w),
            most: Sig::unsigned(8),
            found: Sig::unsigned(8),
            first_operand: Sig::unsigned(8),
            byte_comes: Bit::new(),
            beat_complete: Bit::new(),
            beat_last: Bit::new(),
            waits_within: Bit::new(),
            last_byte: Param::new(beat_bytes - 1),
            beat_bytes: Param::new(beat_bytes + 1),
            beat_w: Param::new(beat_w),
            word_w: Param::new(beat_w + 1),
            shift_w: Param::new(beat_w + 8),
            reply_w: Param::new(reply_w),
            operands_w: Param::new(OPERANDS_W),
            read_code: Param::new(1),
            write_code: Param::new(2),
            send_code: Param::new(3),
            receive_code: Param::new(4),
            status_code: Param::new(5),
            clear_code: Param::new(6),
            about: About::new(
                "host_link",
                "Takes commands from a serial line that reach registers and streams of the accelerator, and answers each.",
            ),
        }
    }
}
