//! A Verilated model in this process: its ports, its clock, its waveform.

use super::rtl::{Direction, PortSpec};
use anyhow::{Context, Result, anyhow, ensure};
use libloading::Library;
use std::{
    ffi::{CString, c_char, c_int, c_void},
    path::Path,
    ptr,
};

type Handle = *mut c_void;

#[repr(C)]
struct Storage {
    address: *mut u8,
    bytes: usize,
}

/// A port of a [`Model`], found by [`Model::port`]. It belongs to the model that gave it, and to models of the same Verilog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port(usize);

struct Slot {
    address: *mut u8,
    bytes: usize,
    width: usize,
    input: bool,
}

/// A loaded model. A clock cycle is [`low`](Model::low), then reading what the design answers, then
/// [`high`](Model::high), which is the rising edge.
///
/// Models are independent of each other: several may run in several threads.
pub struct Model {
    handle: Handle,
    eval: extern "C" fn(Handle),
    trace: extern "C" fn(Handle, *const c_char) -> c_int,
    failed: extern "C" fn(Handle) -> c_int,
    free: extern "C" fn(Handle),
    slots: Vec<Slot>,
    specs: Vec<PortSpec>,
    clock: Option<Port>,
    _library: Library,
}

// SAFETY: a model owns its VerilatedContext and all of its state; nothing ties it to the thread that made it.
unsafe impl Send for Model {}

impl Model {
    /// Loads a library that [`Builder::library`](super::verilate::Builder::library) built for these ports.
    pub(super) fn load(library: &Path, ports: &[PortSpec], seed: u32) -> Result<Model> {
        // SAFETY: the library was built from the project's shim, so it has these functions with these types, and loading
        // it runs only the initialisers of Verilator's runtime.
        unsafe {
            let lib = Library::new(library)
                .with_context(|| format!("cannot load {}", library.display()))?;
            let new: extern "C" fn(u32) -> Handle = *lib.get(b"dut_new")?;
            let port: extern "C" fn(Handle, usize) -> Storage = *lib.get(b"dut_port")?;
            let (eval, trace) = (*lib.get(b"dut_eval")?, *lib.get(b"dut_trace")?);
            let (failed, free) = (*lib.get(b"dut_failed")?, *lib.get(b"dut_free")?);
            let handle = new(seed);
            let slot = |(i, spec): (usize, &PortSpec)| {
                let Storage { address, bytes } = port(handle, i);
                Slot {
                    address,
                    bytes,
                    width: spec.width,
                    input: spec.direction == Direction::Input,
                }
            };
            let slots = ports.iter().enumerate().map(slot).collect();
            let clock = ports.iter().position(|p| p.name == "clk").map(Port);
            let specs = ports.to_vec();
            let mut model = Model {
                handle,
                eval,
                trace,
                failed,
                free,
                slots,
                specs,
                clock,
                _library: lib,
            };
            model.check_sizes()?;
            model.clear_inputs();
            Ok(model)
        }
    }

    /// Every port must have the storage that Verilator gives to its width: the manifest and the Verilog agree.
    fn check_sizes(&self) -> Result<()> {
        for (slot, spec) in self.slots.iter().zip(&self.specs) {
            let expected = match spec.width {
                0..=8 => 1,
                9..=16 => 2,
                17..=64 => spec.width.div_ceil(32) * 4,
                width => width.div_ceil(32) * 4,
            };
            let PortSpec { name, width, .. } = spec;
            ensure!(
                slot.bytes == expected,
                "port {name}: {width} bits listed, {} bytes in the Verilog",
                slot.bytes
            );
        }
        Ok(())
    }

    /// Inputs start at 0 even where registers and memories start at random values.
    fn clear_inputs(&mut self) {
        for port in (0..self.slots.len()).map(Port) {
            if self.slots[port.0].input {
                self.write(port, &vec![0; self.words(port)]);
            }
        }
    }

    /// The port called `name`.
    ///
    /// # Errors
    /// There is none of that name; the message lists all.
    pub fn port(&self, name: &str) -> Result<Port> {
        self.specs
            .iter()
            .position(|p| p.name == name)
            .map(Port)
            .ok_or_else(|| {
                let names = self
                    .specs
                    .iter()
                    .map(|p| p.name.as_str())
                    .collect::<Vec<_>>()
                    .join(", ");
                anyhow!("the design has no port {name}; it has {names}")
            })
    }

    /// Name, direction and width of all ports, in the order of the Verilog.
    pub fn ports(&self) -> &[PortSpec] {
        &self.specs
    }

    /// Value of a port of at most 64 bits.
    ///
    /// # Panics
    /// The port is wider.
    #[inline]
    pub fn get(&self, port: Port) -> u64 {
        let slot = &self.slots[port.0];
        // SAFETY: the address is that of a live member of the model with this many bytes, aligned as its C++ type.
        unsafe {
            match slot.bytes {
                1 => slot.address.read().into(),
                2 => slot.address.cast::<u16>().read().into(),
                4 => slot.address.cast::<u32>().read().into(),
                8 => slot.address.cast::<u64>().read(),
                _ => panic!(
                    "port {} is wider than 64 bits: use read",
                    self.specs[port.0].name
                ),
            }
        }
    }

    /// Drives an input of at most 64 bits; bits above its width are dropped. Seen by the design at the next evaluation.
    ///
    /// # Panics
    /// The port is wider, or an output.
    #[inline]
    pub fn set(&mut self, port: Port, value: u64) {
        let slot = &self.slots[port.0];
        assert!(slot.input, "port {} is an output", self.specs[port.0].name);
        let value = value & (u64::MAX >> (64 - slot.width.clamp(1, 64)));
        // SAFETY: as in `get`, and `&mut self` excludes a concurrent evaluation.
        unsafe {
            match slot.bytes {
                1 => slot.address.write(value as u8),
                2 => slot.address.cast::<u16>().write(value as u16),
                4 => slot.address.cast::<u32>().write(value as u32),
                8 => slot.address.cast::<u64>().write(value),
                _ => panic!(
                    "port {} is wider than 64 bits: use write",
                    self.specs[port.0].name
                ),
            }
        }
    }

    /// Bits of a port.
    pub fn width(&self, port: Port) -> usize {
        self.slots[port.0].width
    }

    /// Words of 32 bits that [`read`](Model::read) and [`write`](Model::write) move for a port.
    pub fn words(&self, port: Port) -> usize {
        self.slots[port.0].width.div_ceil(32)
    }

    /// Value of a port of any width into `words`, least significant word first.
    ///
    /// # Panics
    /// `words` has not [`words`](Model::words) elements.
    #[inline]
    pub fn read(&self, port: Port, words: &mut [u32]) {
        assert_eq!(
            words.len(),
            self.words(port),
            "words of port {}",
            self.specs[port.0].name
        );
        let slot = &self.slots[port.0];
        if slot.bytes < 4 {
            words[0] = self.get(port) as u32;
            return;
        }
        // SAFETY: storage of 4 bytes and more is a whole number of 32-bit words (little-endian for 8 bytes, as this host).
        unsafe { ptr::copy_nonoverlapping(slot.address.cast(), words.as_mut_ptr(), words.len()) }
    }

    /// Drives an input of any width, least significant word first; bits above its width are dropped.
    ///
    /// # Panics
    /// `words` has not [`words`](Model::words) elements, or the port is an output.
    #[inline]
    pub fn write(&mut self, port: Port, words: &[u32]) {
        assert_eq!(
            words.len(),
            self.words(port),
            "words of port {}",
            self.specs[port.0].name
        );
        let slot = &self.slots[port.0];
        if slot.bytes < 4 {
            self.set(port, words[0].into());
            return;
        }
        assert!(slot.input, "port {} is an output", self.specs[port.0].name);
        let top = words.len() - 1;
        // SAFETY: as in `read`, and `&mut self` excludes a concurrent evaluation.
        unsafe {
            let storage = slot.address.cast::<u32>();
            ptr::copy_nonoverlapping(words.as_ptr(), storage, top);
            storage
                .add(top)
                .write(words[top] & (u32::MAX >> (words.len() * 32 - slot.width)));
        }
    }

    /// Settles the design after inputs have changed.
    #[inline]
    pub fn eval(&mut self) {
        (self.eval)(self.handle);
    }

    /// First half of a cycle: clock low, combinational outputs settle for the inputs driven.
    ///
    /// # Panics
    /// The design has no input `clk`.
    #[inline]
    pub fn low(&mut self) {
        self.set(self.clock.expect("the design has no port clk: use eval"), 0);
        self.eval();
    }

    /// Second half of a cycle: rising edge of the clock.
    ///
    /// # Panics
    /// The design has no input `clk`.
    #[inline]
    pub fn high(&mut self) {
        self.set(self.clock.expect("the design has no port clk: use eval"), 1);
        self.eval();
    }

    /// One whole cycle with the inputs as they are.
    ///
    /// # Panics
    /// The design has no input `clk`.
    #[inline]
    pub fn step(&mut self) {
        self.low();
        self.high();
    }

    /// Starts writing a waveform (VCD) of all signals, one time unit a half cycle, until [`trace_stop`](Model::trace_stop).
    ///
    /// # Errors
    /// The model was built without [`Options::trace`](super::verilate::Options::trace), or the file cannot be written.
    pub fn trace_start(&mut self, path: &Path) -> Result<()> {
        let name = CString::new(path.to_str().context("the waveform's path must be UTF-8")?)?;
        let started = (self.trace)(self.handle, name.as_ptr()) != 0;
        ensure!(
            started,
            "cannot write {}: the model lacks Options::trace or the folder is missing",
            path.display()
        );
        Ok(())
    }

    /// Ends the waveform and closes its file.
    pub fn trace_stop(&mut self) {
        (self.trace)(self.handle, ptr::null());
    }

    /// Whether the design has reported an error (a failed assertion) or ended the simulation.
    pub fn failed(&self) -> bool {
        (self.failed)(self.handle) != 0
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        (self.free)(self.handle);
    }
}
