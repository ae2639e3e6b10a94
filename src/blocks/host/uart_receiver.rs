//! Bytes from a serial line.

use crate::config::count_width;
use crate::hdl::prelude::*;

/// Receives bytes: a start bit, eight data bits, least significant first, a stop bit.
///
/// ```text
///  line ─► two flip-flops ─► falling edge ─► [clocks of a bit] ─► sample in the middle ─► shift register ─► octet, valid
/// ```
///
/// **Latency** `valid` is 1 for one cycle, in the middle of the stop bit. **Back-pressure** none: a byte that is not
/// looked at then is lost. A start bit that does not last, or a stop bit that is not there, gives no byte.
/// **Parameters** `bit_clocks`, clock cycles of a bit, 4…65535.
///
/// The test `uart_carries_bytes` connects it with the transmitter.
#[derive(LogicBlock)]
pub struct UartReceiver {
    /// The line; idle is 1.
    pub line: Bit<In>,
    /// A byte is there.
    pub valid: Bit<Out>,
    /// The byte.
    pub octet: Sig<Out>,
    low: BitReg,
    low_q: BitReg,
    busy: BitReg,
    timer: Reg,
    number: Reg,
    data: Reg,
    good: BitReg,
    half: Param,
    whole: Param,
    top: Const,
    about: About,
}

impl UartReceiver {
    /// A receiver whose bits last `bit_clocks` cycles.
    ///
    /// # Panics
    /// When `bit_clocks` is not in 4…65535.
    pub fn new(bit_clocks: usize) -> Self {
        assert!(
            (4..=65_535).contains(&bit_clocks),
            "{bit_clocks} clocks a bit"
        );
        UartReceiver {
            line: Bit::new(),
            valid: Bit::new(),
            octet: Sig::unsigned(8),
            low: BitReg::new(),
            low_q: BitReg::new(),
            busy: BitReg::new(),
            timer: Reg::unsigned(count_width(bit_clocks)),
            number: Reg::unsigned(4),
            data: Reg::unsigned(8),
            good: BitReg::new(),
            half: Param::new(bit_clocks / 2 - 1),
            whole: Param::new(bit_clocks - 1),
            top: Const::new(Value::unsigned(8, 128)),
            about: About::new("uart_receiver", "Receives the bytes of a serial line."),
        }
    }
}

impl Logic for UartReceiver {
    #[hdl_gen]
    fn update(&mut self) {
        self.low.next = !self.line.val();
        self.low_q.next = self.low.val();
        self.good.next = false;
        self.timer.next = self.timer.val() - 1;
        if !self.busy.val() {
            self.busy.next = self.low_q.val();
            self.timer.next = self.half.val().into();
            self.number.next = 0.into();
        } else if self.timer.val() == 0 {
            self.timer.next = self.whole.val().into();
            self.number.next = self.number.val() + 1;
            if self.number.val() == 0 {
                self.busy.next = self.low_q.val();
            } else if self.number.val() == 9 {
                self.busy.next = false;
                self.good.next = !self.low_q.val();
            } else {
                self.data.next = self.data.val() >> 1;
                if !self.low_q.val() {
                    self.data.next = (self.data.val() >> 1) | self.top.val();
                }
            }
        }
        self.valid.next = self.good.val();
        self.octet.next = self.data.val();
    }
}
