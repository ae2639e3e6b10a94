//! Bytes onto a serial line.

use crate::config::count_width;
use crate::hdl::prelude::*;

/// Sends bytes: a start bit, eight data bits, least significant first, a stop bit.
///
/// ```text
///  octet, valid, ready ─► [shift register] ─► [line]
///                              ▲
///                     [clocks of a bit]
/// ```
///
/// **Latency** the start bit begins two cycles after a byte is taken. **Back-pressure** `ready` is 0 while a byte is sent.
/// **Parameters** `bit_clocks`, clock cycles of a bit, 4…65535.
///
/// The test `uart_carries_bytes` connects it with the receiver.
#[derive(LogicBlock)]
pub struct UartTransmitter {
    /// A byte is offered.
    pub valid: Bit<In>,
    /// The byte.
    pub octet: Sig<In>,
    /// It is taken.
    pub ready: Bit<Out>,
    /// The line; idle is 1.
    pub line: Bit<Out>,
    shift: Reg,
    left: Reg,
    timer: Reg,
    low: BitReg,
    whole: Param,
    frame_w: Param,
    stop: Const,
    about: About,
}

impl UartTransmitter {
    /// A transmitter whose bits last `bit_clocks` cycles.
    ///
    /// # Panics
    /// When `bit_clocks` is not in 4…65535.
    pub fn new(bit_clocks: usize) -> Self {
        assert!(
            (4..=65_535).contains(&bit_clocks),
            "{bit_clocks} clocks a bit"
        );
        UartTransmitter {
            valid: Bit::new(),
            octet: Sig::unsigned(8),
            ready: Bit::new(),
            line: Bit::new(),
            shift: Reg::unsigned(10),
            left: Reg::unsigned(4),
            timer: Reg::unsigned(count_width(bit_clocks)),
            low: BitReg::new(),
            whole: Param::new(bit_clocks - 1),
            frame_w: Param::new(10),
            stop: Const::new(Value::unsigned(10, 512)),
            about: About::new("uart_transmitter", "Sends bytes onto a serial line."),
        }
    }
}

impl Logic for UartTransmitter {
    #[hdl_gen]
    fn update(&mut self) {
        self.ready.next = self.left.val() == 0;
        self.low.next = (self.left.val() != 0) && !self.shift.val().get_bit(0);
        self.line.next = !self.low.val();
        if self.left.val() == 0 {
            if self.valid.val() {
                self.shift.next =
                    self.stop.val() | (bit_cast_w(self.octet.val(), self.frame_w.val()) << 1);
                self.left.next = 10.into();
                self.timer.next = self.whole.val().into();
            }
        } else if self.timer.val() == 0 {
            self.timer.next = self.whole.val().into();
            self.shift.next = self.shift.val() >> 1;
            self.left.next = self.left.val() - 1;
        } else {
            self.timer.next = self.timer.val() - 1;
        }
    }
}
