//! The host link of a board: commands of a serial line reach registers and streams of the accelerator.

mod new;

use super::beat_fifo::BeatFifo;
use super::uart_receiver::UartReceiver;
use super::uart_transmitter::UartTransmitter;
use crate::blocks::axi::{AxiLite, StreamIn, StreamOut};
use crate::hdl::prelude::*;

/// Beats that wait on the board, in each direction.
pub const FIFO_BEATS: usize = 512;
/// Cycles, as a power of two, after which a command that broke off is forgotten: 0.67 s at 25 MHz.
pub const SILENCE_W: usize = 24;

/// What the link is doing.
#[derive(Copy, Clone, Debug, PartialEq, LogicState)]
pub enum LinkState {
    /// Waits for the first byte of a command.
    Command,
    /// Takes the command's operands.
    Operands,
    /// Does what the command says.
    Execute,
    /// Takes the beats of SEND.
    Payload,
    /// Writes a register.
    Write,
    /// Reads a register.
    Read,
    /// Answers.
    Reply,
}

/// Takes commands from a serial line, one after the other, and answers each.
///
/// ```text
///  rx ─► uart_receiver ─► command ─┬─► AXI4-Lite master ─────────────► registers
///                                  └─► [beat_fifo] ─► AXI4-Stream ───► accelerator
///  tx ◄─ uart_transmitter ◄─ answer ◄──[beat_fifo] ◄─ AXI4-Stream ◄──┘
/// ```
///
/// Numbers are little-endian; B is `bus_w / 8`, the bytes of a beat.
///
/// | command | bytes | answer |
/// |---|---|---|
/// | READ | 1, address (2) | AXI response (1), value (4) |
/// | WRITE | 2, address (2), value (4) | AXI response (1) |
/// | SEND | 3, n (1), last (1), n beats of B bytes | 0, or 1: there was no room for n beats, and none was taken (1) |
/// | RECEIVE | 4, most (1) | n (1), n beats: B bytes and one that is 1 behind the last beat of a packet |
/// | STATUS | 5 | beats that SEND may bring (2), beats that RECEIVE would find (2) |
/// | CLEAR | 6 | 0 (1); beats that wait on the board are forgotten |
/// | anything else | | 255 (1) |
///
/// `last` 1 says that the n-th beat is the last of its packet.
///
/// **Latency** of the serial line. **Back-pressure** the host sends a command when the last one is answered, so no byte
/// is lost; SEND takes all of its beats or none, RECEIVE answers at once with what is there: nothing waits for the
/// accelerator. A command that breaks off is forgotten after `2^silence_w` cycles without a byte.
/// **Parameters** `bus_w` of the configuration; `bit_clocks`, cycles of a bit; `silence_w` 1…32.
///
/// The test `host_link_answers_every_command` talks to it; `run.sh uart` of a package runs a job through it.
#[derive(LogicBlock)]
pub struct HostLink {
    /// The line from the host; idle is 1.
    pub rx: Bit<In>,
    /// The line to the host.
    pub tx: Bit<Out>,
    /// Registers of the accelerator.
    pub axil: AxiLite<Out>,
    /// Its input.
    pub packet: StreamIn<Out>,
    /// Its output.
    pub results: StreamOut<In>,
    receiver: UartReceiver,
    transmitter: UartTransmitter,
    to_device: BeatFifo,
    to_host: BeatFifo,
    state: Reg<LinkState>,
    command: Reg,
    operands: Reg,
    operands_left: Reg,
    silence: Reg,
    beats: Reg,
    bytes: Reg,
    beat: Reg,
    takes_all: BitReg,
    address_waits: BitReg,
    data_waits: BitReg,
    read_waits: BitReg,
    reply: Reg,
    reply_left: Reg,
    shifted: Sig<Local>,
    new_beat: Sig<Local>,
    most: Sig<Local>,
    found: Sig<Local>,
    first_operand: Sig<Local>,
    byte_comes: Bit<Local>,
    beat_complete: Bit<Local>,
    beat_last: Bit<Local>,
    waits_within: Bit<Local>,
    last_byte: Param,
    beat_bytes: Param,
    beat_w: Param,
    word_w: Param,
    shift_w: Param,
    reply_w: Param,
    operands_w: Param,
    read_code: Param,
    write_code: Param,
    send_code: Param,
    receive_code: Param,
    status_code: Param,
    clear_code: Param,
    about: About,
}

impl Logic for HostLink {
    #[hdl_gen]
    fn update(&mut self) {
        self.receiver.line.next = self.rx.val();
        self.tx.next = self.transmitter.line.val();
        self.byte_comes.next = self.receiver.valid.val();

        // Streams.
        self.packet.s_axis_tvalid.next = self.to_device.valid.val();
        self.packet.s_axis_tdata.next = unsigned_cast(self.to_device.word.val());
        self.packet.s_axis_tlast.next = self.to_device.word.val().get_bit(self.beat_w.val());
        self.to_device.ready.next = self.packet.s_axis_tready.val();
        self.results.m_axis_tready.next = self.to_host.room.val() != 0;
        self.to_host.write.next =
            self.results.m_axis_tvalid.val() && (self.to_host.room.val() != 0);
        self.to_host.write_word.next =
            bit_cast_w(self.results.m_axis_tdata.val(), self.word_w.val())
                | (bit_cast_w(self.results.m_axis_tlast.val(), self.word_w.val())
                    << self.beat_w.val());

        // The beat that SEND brings: bytes come in from the top.
        self.shifted.next = (bit_cast_w(self.receiver.octet.val(), self.shift_w.val())
            << self.beat_w.val())
            | bit_cast_w(self.beat.val(), self.shift_w.val());
        self.new_beat.next = unsigned_cast(self.shifted.val() >> 8);
        self.beat_complete.next = (self.state.val() == LinkState::Payload)
            && self.byte_comes.val()
            && (self.bytes.val() == self.last_byte.val());
        self.beat_last.next = (self.beats.val() == 1) && self.operands.val().get_bit(40);
        self.to_device.write.next = self.beat_complete.val() && self.takes_all.val();
        self.to_device.write_word.next = bit_cast_w(self.new_beat.val(), self.word_w.val())
            | (bit_cast_w(self.beat_last.val(), self.word_w.val()) << self.beat_w.val());
        self.to_device.clear.next = false;
        self.to_host.clear.next = false;
        self.to_host.ready.next = false;

        self.first_operand.next = unsigned_cast(self.operands.val() >> 32);

        // How many beats RECEIVE gets: as many as it asks for, if they are there.
        self.most.next = unsigned_cast(self.operands.val() >> 40);
        self.found.next = self.most.val();
        if self.to_host.available.val() < unsigned_cast(self.most.val()) {
            self.found.next = unsigned_cast(self.to_host.available.val());
        }

        // Registers of the accelerator.
        self.axil.s_axil_awvalid.next = self.address_waits.val();
        self.axil.s_axil_awaddr.next = unsigned_cast(self.operands.val());
        self.axil.s_axil_wvalid.next = self.data_waits.val();
        self.axil.s_axil_wdata.next = unsigned_cast(self.operands.val() >> 16);
        self.axil.s_axil_wstrb.next = 15.into();
        self.axil.s_axil_bready.next = self.state.val() == LinkState::Write;
        self.axil.s_axil_arvalid.next = self.read_waits.val();
        self.axil.s_axil_araddr.next = unsigned_cast(self.operands.val() >> 32);
        self.axil.s_axil_rready.next = self.state.val() == LinkState::Read;
        if self.axil.s_axil_awready.val() {
            self.address_waits.next = false;
        }
        if self.axil.s_axil_wready.val() {
            self.data_waits.next = false;
        }
        if self.axil.s_axil_arready.val() {
            self.read_waits.next = false;
        }

        self.transmitter.octet.next = unsigned_cast(self.reply.val());
        self.transmitter.valid.next =
            (self.state.val() == LinkState::Reply) && (self.reply_left.val() != 0);

        match self.state.val() {
            LinkState::Command => {
                self.command.next = self.receiver.octet.val();
                self.operands_left.next = 0.into();
                self.beats.next = 0.into();
                if self.byte_comes.val() {
                    self.state.next = LinkState::Execute;
                    if self.receiver.octet.val() == self.read_code.val() {
                        self.operands_left.next = 2.into();
                        self.state.next = LinkState::Operands;
                    }
                    if self.receiver.octet.val() == self.write_code.val() {
                        self.operands_left.next = 6.into();
                        self.state.next = LinkState::Operands;
                    }
                    if self.receiver.octet.val() == self.send_code.val() {
                        self.operands_left.next = 2.into();
                        self.state.next = LinkState::Operands;
                    }
                    if self.receiver.octet.val() == self.receive_code.val() {
                        self.operands_left.next = 1.into();
                        self.state.next = LinkState::Operands;
                    }
                }
            }
            LinkState::Operands => {
                if self.byte_comes.val() {
                    self.operands.next = (self.operands.val() >> 8)
                        | (bit_cast_w(self.receiver.octet.val(), self.operands_w.val()) << 40);
                    self.operands_left.next = self.operands_left.val() - 1;
                    if self.operands_left.val() == 1 {
                        self.state.next = LinkState::Execute;
                    }
                }
            }
            LinkState::Execute => {
                self.bytes.next = 0.into();
                self.reply.next = 255.into();
                self.reply_left.next = 1.into();
                self.state.next = LinkState::Reply;
                if self.command.val() == self.read_code.val() {
                    self.read_waits.next = true;
                    self.state.next = LinkState::Read;
                }
                if self.command.val() == self.write_code.val() {
                    self.address_waits.next = true;
                    self.data_waits.next = true;
                    self.state.next = LinkState::Write;
                }
                if self.command.val() == self.send_code.val() {
                    self.beats.next = self.first_operand.val();
                    self.takes_all.next =
                        self.to_device.room.val() >= unsigned_cast(self.first_operand.val());
                    self.reply.next = 0.into();
                    if self.first_operand.val() != 0 {
                        self.state.next = LinkState::Payload;
                    }
                }
                if self.command.val() == self.receive_code.val() {
                    self.beats.next = self.found.val();
                    self.reply.next = unsigned_cast(self.found.val());
                }
                if self.command.val() == self.status_code.val() {
                    self.reply.next = bit_cast_w(self.to_device.room.val(), self.reply_w.val())
                        | (bit_cast_w(self.to_host.available.val(), self.reply_w.val()) << 16);
                    self.reply_left.next = 4.into();
                }
                if self.command.val() == self.clear_code.val() {
                    self.to_device.clear.next = true;
                    self.to_host.clear.next = true;
                    self.reply.next = 0.into();
                }
            }
            LinkState::Payload => {
                if self.byte_comes.val() {
                    self.beat.next = self.new_beat.val();
                    self.bytes.next = self.bytes.val() + 1;
                    if self.beat_complete.val() {
                        self.bytes.next = 0.into();
                        self.beats.next = self.beats.val() - 1;
                        if self.beats.val() == 1 {
                            self.reply.next = unsigned_cast(!self.takes_all.val());
                            self.reply_left.next = 1.into();
                            self.state.next = LinkState::Reply;
                        }
                    }
                }
            }
            LinkState::Write => {
                if self.axil.s_axil_bvalid.val() {
                    self.reply.next = unsigned_cast(self.axil.s_axil_bresp.val());
                    self.state.next = LinkState::Reply;
                }
            }
            LinkState::Read => {
                if self.axil.s_axil_rvalid.val() {
                    self.reply.next =
                        (bit_cast_w(self.axil.s_axil_rdata.val(), self.reply_w.val()) << 8)
                            | bit_cast_w(self.axil.s_axil_rresp.val(), self.reply_w.val());
                    self.reply_left.next = 5.into();
                    self.state.next = LinkState::Reply;
                }
            }
            LinkState::Reply => {
                if self.reply_left.val() != 0 {
                    if self.transmitter.ready.val() {
                        self.reply.next = self.reply.val() >> 8;
                        self.reply_left.next = self.reply_left.val() - 1;
                    }
                } else if self.beats.val() == 0 {
                    self.state.next = LinkState::Command;
                } else if self.to_host.valid.val() {
                    self.to_host.ready.next = true;
                    self.reply.next = unsigned_cast(self.to_host.word.val());
                    self.reply_left.next = self.beat_bytes.val().into();
                    self.beats.next = self.beats.val() - 1;
                }
            }
            _ => {}
        }

        // A command that breaks off is forgotten.
        self.waits_within.next =
            (self.state.val() == LinkState::Operands) || (self.state.val() == LinkState::Payload);
        self.silence.next = self.silence.val() + 1;
        if !self.waits_within.val() || self.byte_comes.val() {
            self.silence.next = 0.into();
        } else if self.silence.val().all() {
            self.state.next = LinkState::Command;
        }
    }
}
