//! Memories that synthesis tools recognise: block RAM, LUT RAM, ROM.

use super::constant::{About, Note};
use super::signal::{Bit, Sig};
use super::sim::{self, Edge};
use super::tag::Tag;
use super::value::Value;
use rust_hdl::core::prelude::{Direction, In, Logic, LogicBlock, Out, Verilog, block, probe};
use std::cell::Cell;

thread_local! {
    static KEEPS_COLLISIONS: Cell<bool> = const { Cell::new(false) };
}

/// Has native simulation of this thread give the old word in every collision, as the Verilog does, where
/// [`Ram::ignoring_collisions`] would invert it: for noise that does not keep to a block's protocol.
pub fn keep_collisions(keeps: bool) {
    KEEPS_COLLISIONS.set(keeps);
}

/// Address width of a memory of `depth` words.
pub fn address_width(depth: usize) -> usize {
    (depth.max(2) - 1).ilog2() as usize + 1
}

/// The words of a memory; the number of words is a power of two.
#[derive(Debug)]
struct Words {
    words: Vec<Value>,
    width: usize,
    signed: bool,
    preset: bool,
}

impl Words {
    fn new(width: usize, signed: bool, depth: usize) -> Words {
        assert!(depth > 0, "a memory of 0 words: give it at least 1");
        Words {
            words: vec![Value::zero(width, signed); 1 << address_width(depth)],
            width,
            signed,
            preset: false,
        }
    }

    fn fill(&mut self, contents: impl IntoIterator<Item = i128>) {
        self.preset = true;
        let contents: Vec<i128> = contents.into_iter().collect();
        assert!(
            contents.len() <= self.words.len(),
            "{} words of contents for a memory of {}: make it deeper",
            contents.len(),
            self.words.len()
        );
        for (word, x) in self.words.iter_mut().zip(contents) {
            *word = Value::literal(x)
                .fit(self.width, self.signed)
                .unwrap_or_else(|e| panic!("memory contents: {e}"));
        }
    }

    fn size(&self) -> String {
        format!("w{}_d{}", self.width, self.words.len())
    }

    fn declaration(&self) -> String {
        let mut text = format!(
            "reg [{}:0] mem [0:{}];\n",
            self.width - 1,
            self.words.len() - 1
        );
        if self.preset {
            text += "\ninitial begin\n";
            for (address, word) in self.words.iter().enumerate() {
                text += &format!("    mem[{address}] = {}'h{};\n", self.width, word.to_hex());
            }
            text += "end\n";
        }
        text
    }
}

/// Simple dual-port RAM with one write port and one synchronous read port: block RAM.
///
/// ```text
///   write_enable ──►┌─────────────┐
///  write_address ──►│             │
///     write_data ──►│  2^n words  ├─► read_data   one cycle after read_enable
///   read_address ──►│             │
///    read_enable ──►└─────────────┘
/// ```
///
/// `read_data` changes one cycle after a cycle with `read_enable` = 1, else it holds. Reading the address that is
/// written in the same cycle gives the old word. The depth is rounded up to a power of two. Reset has no effect.
/// Words are undefined in hardware until written or given by [`with_contents`](Ram::with_contents); in simulation 0.
#[derive(LogicBlock, Debug)]
pub struct Ram {
    about: About,
    /// 1: `write_data` goes to `write_address` at the clock edge.
    pub write_enable: Bit<In>,
    /// Word to write.
    pub write_address: Sig<In>,
    /// What to write.
    pub write_data: Sig<In>,
    /// 1: `read_data` takes the word at `read_address` at the clock edge.
    pub read_enable: Bit<In>,
    /// Word to read.
    pub read_address: Sig<In>,
    /// The word read last.
    pub read_data: Sig<Out>,
    clocked: Note,
    _memory: Words,
    _collisions_matter: bool,
    _in_blocks: bool,
}

fn data<D: Direction>(memory: &Words) -> Sig<D> {
    if memory.signed {
        Sig::signed(memory.width)
    } else {
        Sig::unsigned(memory.width)
    }
}

fn about(name: &str, memory: &Words, doc: &str) -> About {
    let sign = if memory.signed { "signed" } else { "unsigned" };
    About::new(format!("{name}_{}", memory.size()), doc).variant(sign)
}

macro_rules! constructors {
    ($t:ident, $what:literal) => {
        impl $t {
            #[doc = concat!($what, " of `depth` unsigned words of `width` bits.")]
            pub fn unsigned(width: usize, depth: usize) -> Self {
                Self::build(Words::new(width, false, depth))
            }

            #[doc = concat!($what, " of `depth` two's complement words of `width` bits.")]
            pub fn signed(width: usize, depth: usize) -> Self {
                Self::build(Words::new(width, true, depth))
            }

            /// The same memory with initial contents, from word 0 on; the rest is 0.
            ///
            /// # Panics
            /// If there are more words than the memory has, or one does not fit the width.
            pub fn with_contents(mut self, contents: impl IntoIterator<Item = i128>) -> Self {
                self._memory.fill(contents);
                self
            }
        }
    };
}

constructors!(Ram, "A block RAM");
constructors!(LutRam, "A LUT RAM");
constructors!(Rom, "A ROM");

impl Ram {
    fn build(memory: Words) -> Ram {
        let address = address_width(memory.words.len());
        Ram {
            about: about(
                "ram",
                &memory,
                "Simple dual-port RAM with synchronous read; a collision reads the old word.",
            ),
            write_enable: Bit::new(),
            write_address: Sig::unsigned(address),
            write_data: data(&memory),
            read_enable: Bit::new(),
            read_address: Sig::unsigned(address),
            read_data: data(&memory),
            clocked: Note::new(Tag::Clocked),
            _memory: memory,
            _collisions_matter: true,
            _in_blocks: false,
        }
    }

    /// The same memory for a block that never uses a word read in the cycle in which it is written. Block RAM whose
    /// ports do not order such accesses then needs no logic around it (ECP5: 38 LUTs and 44 flip-flops less for
    /// 1,024 words of 16 bits).
    ///
    /// Native simulation inverts a word read in a collision, while the Verilog gives the old word: a block that uses it
    /// after all differs between the two.
    pub fn ignoring_collisions(mut self) -> Ram {
        self.about = about(
            "ram",
            &self._memory,
            "Simple dual-port RAM with synchronous read; a word read in the cycle of its write is never used.",
        );
        self._collisions_matter = false;
        self
    }

    /// The same memory in block RAM even where synthesis would choose LUT RAM for so few words.
    pub fn in_blocks(mut self) -> Ram {
        self.about = about(
            "block_ram",
            &self._memory,
            "Simple dual-port block RAM; a word read in the cycle of its write is never used.",
        );
        self._in_blocks = true;
        self
    }

    fn word(&self, address: usize) -> Value {
        let word = self._memory.words[address].clone();
        let collides = self.write_enable.val() && self.write_address.val().index() == address;
        if collides && !self._collisions_matter && !KEEPS_COLLISIONS.get() {
            !word
        } else {
            word
        }
    }
}

impl Logic for Ram {
    fn update(&mut self) {
        if sim::edge() == Edge::None {
            return;
        }
        if self.read_enable.val() {
            self.read_data.next = self.word(self.read_address.val().index());
        }
        if self.write_enable.val() {
            self._memory.words[self.write_address.val().index()] = self.write_data.val();
        }
    }

    fn connect(&mut self) {
        self.read_data.connect();
    }

    fn hdl(&self) -> Verilog {
        let width = self._memory.width;
        let mut attribute = String::new();
        if !self._collisions_matter {
            attribute += "(* no_rw_check *)\n";
        }
        if self._in_blocks {
            attribute += "(* ram_style = \"block\" *)\n";
        }
        Verilog::Custom(format!(
            "{attribute}{}reg [{}:0] word;

assign read_data = word;

always @(posedge clk) begin
    if (read_enable) begin
        word <= mem[read_address];
    end
    if (write_enable) begin
        mem[write_address] <= write_data;
    end
end
",
            self._memory.declaration(),
            width - 1
        ))
    }
}

/// Small RAM with one write port and one combinational read port: distributed (LUT) RAM.
///
/// `read_data` shows the word at `read_address` in the same cycle. A write is visible in the next cycle. The depth is
/// rounded up to a power of two. Reset has no effect. Initial words as for [`Ram`].
#[derive(LogicBlock, Debug)]
pub struct LutRam {
    about: About,
    /// 1: `write_data` goes to `write_address` at the clock edge.
    pub write_enable: Bit<In>,
    /// Word to write.
    pub write_address: Sig<In>,
    /// What to write.
    pub write_data: Sig<In>,
    /// Word to read.
    pub read_address: Sig<In>,
    /// The word at `read_address`.
    pub read_data: Sig<Out>,
    clocked: Note,
    path: Note,
    _memory: Words,
}

impl LutRam {
    fn build(memory: Words) -> LutRam {
        let address = address_width(memory.words.len());
        LutRam {
            about: about("lut_ram", &memory, "LUT RAM with combinational read."),
            write_enable: Bit::new(),
            write_address: Sig::unsigned(address),
            write_data: data(&memory),
            read_address: Sig::unsigned(address),
            read_data: data(&memory),
            clocked: Note::new(Tag::Clocked),
            path: Note::new(Tag::Path {
                from: "read_address".into(),
                to: "read_data".into(),
            }),
            _memory: memory,
        }
    }
}

impl Logic for LutRam {
    fn update(&mut self) {
        if sim::edge() != Edge::None && self.write_enable.val() {
            self._memory.words[self.write_address.val().index()] = self.write_data.val();
        }
        self.read_data.next = self._memory.words[self.read_address.val().index()].clone();
    }

    fn connect(&mut self) {
        self.read_data.connect();
    }

    fn hdl(&self) -> Verilog {
        Verilog::Custom(format!(
            "(* ram_style = \"distributed\" *)
{}
assign read_data = mem[read_address];

always @(posedge clk) begin
    if (write_enable) begin
        mem[write_address] <= write_data;
    end
end
",
            self._memory.declaration()
        ))
    }
}

/// Read-only memory with synchronous read: block RAM, or LUTs if small.
///
/// `read_data` changes one cycle after a cycle with `read_enable` = 1, else it holds. The depth is rounded up to a
/// power of two; words without contents are 0. Reset has no effect.
#[derive(LogicBlock, Debug)]
pub struct Rom {
    about: About,
    /// 1: `read_data` takes the word at `read_address` at the clock edge.
    pub read_enable: Bit<In>,
    /// Word to read.
    pub read_address: Sig<In>,
    /// The word read last.
    pub read_data: Sig<Out>,
    clocked: Note,
    _memory: Words,
}

impl Rom {
    fn build(mut memory: Words) -> Rom {
        memory.preset = true;
        Rom {
            about: about("rom", &memory, "Read-only memory with synchronous read."),
            read_enable: Bit::new(),
            read_address: Sig::unsigned(address_width(memory.words.len())),
            read_data: data(&memory),
            clocked: Note::new(Tag::Clocked),
            _memory: memory,
        }
    }
}

impl Logic for Rom {
    fn update(&mut self) {
        if sim::edge() != Edge::None && self.read_enable.val() {
            self.read_data.next = self._memory.words[self.read_address.val().index()].clone();
        }
    }

    fn connect(&mut self) {
        self.read_data.connect();
    }

    fn hdl(&self) -> Verilog {
        Verilog::Custom(format!(
            "{}reg [{}:0] word;

assign read_data = word;

always @(posedge clk) begin
    if (read_enable) begin
        word <= mem[read_address];
    end
end
",
            self._memory.declaration(),
            self._memory.width - 1
        ))
    }
}
