//! Blocks of a board's host link: a serial line that reaches registers and streams of an accelerator.
//!
//! | block | what it does |
//! |---|---|
//! | [`link`] | commands and replies |
//! | [`beat_fifo`] | beats that wait for the accelerator, or for the host |
//! | [`uart_receiver`], [`uart_transmitter`] | bytes of the serial line |

pub mod beat_fifo;
pub mod link;
pub mod uart_receiver;
pub mod uart_transmitter;
