//! Ports of an accelerator, found by name, and the way of a beat over a stream's data.

use anyhow::Result;

use crate::cosim::model::{Model, Port};

/// 32-bit words of the widest stream, 512 bits.
pub(super) const MAX_WORDS: usize = 16;

/// One direction of AXI4-Stream.
pub(super) struct Stream {
    pub valid: Port,
    pub ready: Port,
    pub data: Port,
    pub last: Port,
}

impl Stream {
    pub fn find(model: &Model, prefix: &str) -> Result<Self> {
        let port = |suffix: &str| model.port(&format!("{prefix}_{suffix}"));
        Ok(Stream {
            valid: port("tvalid")?,
            ready: port("tready")?,
            data: port("tdata")?,
            last: port("tlast")?,
        })
    }
}

/// AXI4-Lite, without protection bits: valid, ready, then what the channel carries.
pub(super) struct Lite {
    pub aw: [Port; 3],
    pub w: [Port; 3],
    pub b: [Port; 3],
    pub ar: [Port; 3],
    pub r: [Port; 4],
}

impl Lite {
    pub fn find(model: &Model) -> Result<Self> {
        let port = |suffix: &str| model.port(&format!("s_axil_{suffix}"));
        Ok(Lite {
            aw: [port("awvalid")?, port("awready")?, port("awaddr")?],
            w: [port("wvalid")?, port("wready")?, port("wdata")?],
            b: [port("bvalid")?, port("bready")?, port("bresp")?],
            ar: [port("arvalid")?, port("arready")?, port("araddr")?],
            r: [
                port("rvalid")?,
                port("rready")?,
                port("rdata")?,
                port("rresp")?,
            ],
        })
    }
}

/// Drives a stream's data with the bytes of a beat.
pub(super) fn write_beat(model: &mut Model, port: Port, beat: &[u8]) {
    let mut words = [0; MAX_WORDS];
    for (word, bytes) in words.iter_mut().zip(beat.chunks_exact(4)) {
        *word = u32::from_le_bytes(bytes.try_into().expect("4 bytes"));
    }
    model.write(port, &words[..beat.len() / 4]);
}

/// Reads a stream's data into the bytes of a beat.
pub(super) fn read_beat(model: &Model, port: Port, beat: &mut [u8]) {
    let mut words = [0; MAX_WORDS];
    model.read(port, &mut words[..beat.len() / 4]);
    for (word, bytes) in words.iter().zip(beat.chunks_exact_mut(4)) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
}
