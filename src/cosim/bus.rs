//! What a driver needs of the interconnect: registers, and a packet each way.

/// Largest number of register accesses or clock cycles without an answer before a transaction is given up.
pub const ANSWER_LIMIT: u64 = 1000;

/// Why a transaction on the bus failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BusError {
    /// The device answered SLVERR.
    #[error(
        "{access} of register address {address:#05x} was refused (SLVERR): the address is unknown, read-only, or locked while a job runs"
    )]
    Refused {
        /// `read` or `write`.
        access: &'static str,
        /// Byte address.
        address: u32,
    },
    /// Nothing happened for too long.
    #[error("no {what} within {limit} cycles: the device hangs, or the bound of the job is wrong")]
    Timeout {
        /// What was waited for.
        what: &'static str,
        /// The bound.
        limit: u64,
    },
    /// The device broke a rule of AXI.
    #[error("protocol violation in cycle {cycle}: {rule}")]
    Protocol {
        /// Cycle since reset.
        cycle: u64,
        /// What was broken.
        rule: String,
    },
}

/// Access to one accelerator: an AXI4-Lite master and a stream DMA in each direction.
///
/// Packets are bytes, least significant of a beat first: BUS/8 bytes a beat.
/// [`send`](Bus::send) and the receiving side are armed before START is written, so that neither makes the device wait.
pub trait Bus {
    /// Reads a register.
    ///
    /// # Errors
    /// [`BusError`].
    fn read(&mut self, address: u32) -> Result<u32, BusError>;

    /// Writes a register.
    ///
    /// # Errors
    /// [`BusError`].
    fn write(&mut self, address: u32, value: u32) -> Result<(), BusError>;

    /// Queues one packet for the input stream; its last beat carries TLAST. Returns at once.
    fn send(&mut self, packet: Vec<u8>);

    /// Waits for a whole packet of the output stream, TLAST included.
    ///
    /// # Errors
    /// [`BusError::Timeout`] after `limit` clock cycles.
    fn receive(&mut self, limit: u64) -> Result<Vec<u8>, BusError>;

    /// Forgets what is queued and what has been received of an unfinished packet, and neither sends nor takes beats
    /// until the next [`send`](Bus::send): the reset of both DMAs around an ABORT.
    fn reset_streams(&mut self);
}
