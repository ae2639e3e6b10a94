//! One input of a group.

use super::COUNT_W;
use super::unpacker::Unpacker;
use crate::config::fc::{DATA_W, FcConfig, MAX_UNIQUES};
use crate::hdl::bundle;
use crate::hdl::prelude::*;

/// Bits of a product.
pub const PRODUCT_W: usize = 2 * DATA_W;
/// Bits of a number of unique weights, 0…256.
pub const UNIQUES_W: usize = DATA_W + 1;

bundle! {
    /// What the sequencer tells all processing elements, each signal in the cycle in which its stage needs it.
    pub struct PeControl(config: &FcConfig) {
        /// Number of the unique weight that is multiplied (cycle c).
        number: UNIQUES_W,
        /// Weight bank that multiplication reads (c).
        multiply_bank: 1,
        /// Number of the activation (c).
        activation: COUNT_W,
        /// Place of the unique weight in its word (c+1).
        unique_at: address_width(config.slice_bytes()),
        /// Place of the activation in its word (c+1).
        activation_at: address_width(config.slice_bytes()),
        /// Write the product (c+3).
        write_product: 1,
        /// Product bank and number of the unique weight (c+3).
        product_at: UNIQUES_W,
        /// A row is issued (cycle a).
        row: 1,
        /// It is row 0 (a).
        first_row: 1,
        /// Weight bank that accumulation reads (a).
        add_bank: 1,
        /// Product bank that accumulation reads (a+2).
        product_bank: 1,
    }
}

/// Processing element (PE) of CREW: multiplies one input by its unique weights and looks up L products per cycle.
///
/// ```text
///  cycle c          c+1            c+2         c+3                        a+2            a+3
///  [x buffer] ────► byte ─► [x] ───► × ─► [product] ─► [product RAM] × L ◄─ index[l] ──► product[l]
///  [uniques, 2 banks] ► byte ► [w] ──┘                  2 banks each          ▲
///  [unpacker: indices, 2 banks] ◄─ row (a) ───────────────────────────────────┘
/// ```
///
/// **Latency** a product multiplied in cycle c can be looked up by a row issued from c+2; the products of a row issued in cycle a
/// are there in a+3. **Back-pressure** none: the sequencer does not issue. **Parameters** `lanes`, `outputs`, `x_words`.
///
/// The test `pe_multiplies_uniques_and_looks_up` fills and reads both banks; `crew_pe` in `tests/crew/gates.rs` compares its Verilog with it.
#[derive(LogicBlock)]
pub struct CrewPe {
    /// Write the header.
    pub load_header: Bit<In>,
    /// Write activations.
    pub load_x: Bit<In>,
    /// Write unique weights.
    pub load_uniques: Bit<In>,
    /// Write indices.
    pub load_indices: Bit<In>,
    /// Weight bank that is written.
    pub load_bank: Bit<In>,
    /// Word that is written.
    pub load_address: Sig<In>,
    /// The word: this input's slice of a beat.
    pub load_data: Sig<In>,
    /// Control of the group.
    pub control: PeControl<In>,
    /// The unique weight of `control.number` exists.
    pub multiplies: Bit<Out>,
    /// The one after it exists too.
    pub more: Bit<Out>,
    /// Products of a row.
    pub product: Vec<Sig<Out>>,
    x: Ram,
    uniques: Ram,
    width: Vec<Reg>,
    count: Vec<Reg>,
    count_now: Sig<Local>,
    unique_word: Sig<Local>,
    unique_base: Sig<Local>,
    load_base: Sig<Local>,
    x_q: Reg,
    w_q: Reg,
    product_q: Reg,
    products: Vec<Ram>,
    index: Vec<Sig<Local>>,
    unpacker: Unpacker,
    lanes: Param,
    bytes: Param,
    byte_bits: Param,
    word_bits: Param,
    word_w: Param,
    product_w: Param,
    index_bits: Param,
    width_at: Param,
    uniques_at: Param,
    about: About,
}

impl CrewPe {
    /// A PE of this configuration.
    pub fn new(config: &FcConfig) -> Self {
        let slice = config.slice_w();
        // Words of unique weights of a bank.
        let words = MAX_UNIQUES / config.slice_bytes();
        let [width, uniques, ..] = &crate::regmap::fc::STRIPE_HEADER;
        let lanes = config.lanes;
        CrewPe {
            load_header: Bit::new(),
            load_x: Bit::new(),
            load_uniques: Bit::new(),
            load_indices: Bit::new(),
            load_bank: Bit::new(),
            load_address: Sig::unsigned(COUNT_W),
            load_data: Sig::unsigned(slice),
            control: PeControl::new(config),
            multiplies: Bit::new(),
            more: Bit::new(),
            product: (0..lanes).map(|_| Sig::signed(PRODUCT_W)).collect(),
            x: Ram::unsigned(slice, config.x_depth()).ignoring_collisions(),
            uniques: Ram::unsigned(slice, 2 * words).ignoring_collisions(),
            width: (0..2)
                .map(|_| Reg::unsigned(width.bits as usize).without_reset())
                .collect(),
            count: (0..2)
                .map(|_| Reg::unsigned(UNIQUES_W).without_reset())
                .collect(),
            count_now: Sig::unsigned(UNIQUES_W),
            unique_word: Sig::unsigned(address_width(words)),
            unique_base: Sig::unsigned(address_width(2 * words)),
            load_base: Sig::unsigned(address_width(2 * words)),
            x_q: Reg::signed(DATA_W).without_reset(),
            w_q: Reg::signed(DATA_W).without_reset(),
            product_q: Reg::signed(PRODUCT_W).without_reset(),
            products: (0..lanes)
                .map(|_| Ram::signed(PRODUCT_W, 2 * MAX_UNIQUES).ignoring_collisions())
                .collect(),
            index: (0..lanes).map(|_| Sig::unsigned(UNIQUES_W)).collect(),
            unpacker: Unpacker::new(config),
            lanes: Param::new(lanes),
            bytes: Param::new(config.slice_bytes()),
            byte_bits: Param::new(address_width(config.slice_bytes())),
            word_bits: Param::new(address_width(words)),
            word_w: Param::new(address_width(2 * words)),
            product_w: Param::new(UNIQUES_W),
            index_bits: Param::new(DATA_W),
            width_at: Param::new(width.lsb as usize),
            uniques_at: Param::new(uniques.lsb as usize),
            about: About::new(
                "crew_pe",
                "Processing element of CREW: multiplies one input by its unique weights into a double-buffered product \
                 buffer and looks up one product for each lane and cycle.",
            ),
        }
    }
}

impl Logic for CrewPe {
    #[hdl_gen]
    fn update(&mut self) {
        // Loading.
        if self.load_header.val() && !self.load_bank.val() {
            self.width[0].next = unsigned_cast(self.load_data.val() >> self.width_at.val());
            self.count[0].next = unsigned_cast(self.load_data.val() >> self.uniques_at.val());
        }
        if self.load_header.val() && self.load_bank.val() {
            self.width[1].next = unsigned_cast(self.load_data.val() >> self.width_at.val());
            self.count[1].next = unsigned_cast(self.load_data.val() >> self.uniques_at.val());
        }
        self.x.write_enable.next = self.load_x.val();
        self.x.write_address.next = unsigned_cast(self.load_address.val());
        self.x.write_data.next = self.load_data.val();
        self.load_base.next =
            bit_cast_w(self.load_bank.val(), self.word_w.val()) << self.word_bits.val();
        self.uniques.write_enable.next = self.load_uniques.val();
        self.uniques.write_address.next =
            self.load_base.val() | unsigned_cast(self.load_address.val());
        self.uniques.write_data.next = self.load_data.val();
        self.unpacker.load.next = self.load_indices.val();
        self.unpacker.load_bank.next = self.load_bank.val();
        self.unpacker.load_address.next = unsigned_cast(self.load_address.val());
        self.unpacker.load_data.next = self.load_data.val();

        // Multiplication.
        self.count_now.next = self.count[0].val();
        if self.control.multiply_bank.val().any() {
            self.count_now.next = self.count[1].val();
        }
        self.multiplies.next = self.control.number.val() < self.count_now.val();
        self.more.next = self.control.number.val() + 1 < self.count_now.val();
        self.x.read_enable.next = true;
        self.x.read_address.next =
            unsigned_cast(self.control.activation.val() >> self.byte_bits.val());
        self.unique_word.next = unsigned_cast(self.control.number.val() >> self.byte_bits.val());
        self.unique_base.next =
            bit_cast_w(self.control.multiply_bank.val(), self.word_w.val()) << self.word_bits.val();
        self.uniques.read_enable.next = true;
        self.uniques.read_address.next =
            self.unique_base.val() | unsigned_cast(self.unique_word.val());
        self.x_q.next = 0.into();
        self.w_q.next = 0.into();
        for i in 0..self.bytes.val() {
            if self.control.activation_at.val() == i {
                self.x_q.next = signed_cast(self.x.read_data.val() >> (i * 8));
            }
            if self.control.unique_at.val() == i {
                self.w_q.next = signed_cast(self.uniques.read_data.val() >> (i * 8));
            }
        }
        self.product_q.next = self.x_q.val() * self.w_q.val();

        // Accumulation.
        self.unpacker.issue.next = self.control.row.val().any();
        self.unpacker.first.next = self.control.first_row.val().any();
        self.unpacker.bank.next = self.control.add_bank.val().any();
        self.unpacker.width.next = self.width[0].val();
        if self.control.add_bank.val().any() {
            self.unpacker.width.next = self.width[1].val();
        }
        for l in 0..self.lanes.val() {
            self.index[l].next =
                (bit_cast_w(self.control.product_bank.val(), self.product_w.val())
                    << self.index_bits.val())
                    | unsigned_cast(self.unpacker.index[l].val());
            self.products[l].write_enable.next = self.control.write_product.val().any();
            self.products[l].write_address.next = self.control.product_at.val();
            self.products[l].write_data.next = self.product_q.val();
            self.products[l].read_enable.next = true;
            self.products[l].read_address.next = self.index[l].val();
            self.product[l].next = self.products[l].read_data.val();
        }
    }
}
