//! The positions of a tile in raster order, and the first element of each.

use super::loop_nest::COUNT_W;
use super::patch_agu::ADDR_W;
use crate::config::Config;
use crate::hdl::prelude::*;

/// Walks over image, row and column of a tile and gives the place of each position's first element.
///
/// ```text
///  load (start_*) ─┐      ┌─ column: now   + X_STEP
///                  ├─► now│  row:    line  + Y_ADDR, Y_ROW, Y_BANK   bank ≥ L: bank -= L, addr += wrap_addr
///  advance ────────┘      └─ image:  image + IMG_ADDR
/// ```
///
/// The three position levels of [`PatchAgu`](super::patch_agu::PatchAgu), for a detector, which reads the elements of
/// a position by a program of its own. **Latency** 0: outputs describe the current position; `load` and `advance` show
/// in the next cycle. **Back-pressure** none: stands still while `advance` is 0; `start_*`, counts and steps stay from
/// `load` to the last position. **Parameters** `l` 1…15.
///
/// The test `position_walk_visits_every_position` compares its places with nested loops; the gate test `position_walk`
/// its Verilog with it.
#[derive(LogicBlock)]
pub struct PositionWalk {
    /// Go to position 0.
    pub load: Bit<In>,
    /// The current position is done.
    pub advance: Bit<In>,
    /// Images.
    pub images: Sig<In>,
    /// Output rows.
    pub rows: Sig<In>,
    /// Output columns.
    pub cols: Sig<In>,
    /// First element of position 0: bank.
    pub start_bank: Sig<In>,
    /// … word address.
    pub start_addr: Sig<In>,
    /// … input row, two's complement.
    pub start_row: Sig<In>,
    /// … input column, two's complement.
    pub start_col: Sig<In>,
    /// Words and columns per output column.
    pub x_step: Sig<In>,
    /// Words per output row.
    pub y_addr: Sig<In>,
    /// Input rows per output row.
    pub y_row: Sig<In>,
    /// Banks per output row.
    pub y_bank: Sig<In>,
    /// Words per image.
    pub img_addr: Sig<In>,
    /// Words per bank wrap.
    pub wrap_addr: Sig<In>,
    /// Position i.
    pub position: Sig<Out>,
    /// Bank of its first element.
    pub bank: Sig<Out>,
    /// Word address of its first element.
    pub addr: Sig<Out>,
    /// Input row of its first element.
    pub row: Sig<Out>,
    /// Input column of its first element.
    pub col: Sig<Out>,
    /// It is the first position.
    pub first: Bit<Out>,
    /// It is the last position.
    pub last: Bit<Out>,
    i: Reg,
    x: Reg,
    y: Reg,
    img: Reg,
    now_bank: Reg,
    now_addr: Reg,
    now_row: Reg,
    now_col: Reg,
    line_bank: Reg,
    line_addr: Reg,
    image_addr: Reg,
    x_ends: BitReg,
    y_ends: BitReg,
    img_ends: BitReg,
    y_last: BitReg,
    img_last: BitReg,
    at_first: BitReg,
    next_x_last: Bit<Local>,
    next_y_last: Bit<Local>,
    next_img_last: Bit<Local>,
    bank_sum: Sig<Local>,
    next_bank: Sig<Local>,
    next_addr: Sig<Local>,
    next_row: Sig<Local>,
    next_col: Sig<Local>,
    banks: Param,
    bank_w: Param,
    sum_w: Param,
    about: About,
}

impl PositionWalk {
    /// The block for a configuration's feature banks.
    pub fn new(config: &Config) -> Self {
        let bank_w = config.bank_w();
        let input = || Sig::unsigned(ADDR_W);
        let output = || Sig::unsigned(ADDR_W);
        let local = || Sig::unsigned(ADDR_W);
        let count = || Reg::unsigned(COUNT_W).without_reset();
        let place = || Reg::unsigned(ADDR_W).without_reset();
        PositionWalk {
            load: Bit::new(),
            advance: Bit::new(),
            images: Sig::unsigned(COUNT_W),
            rows: Sig::unsigned(COUNT_W),
            cols: Sig::unsigned(COUNT_W),
            start_bank: Sig::unsigned(bank_w),
            start_addr: input(),
            start_row: input(),
            start_col: input(),
            x_step: input(),
            y_addr: input(),
            y_row: input(),
            y_bank: Sig::unsigned(bank_w),
            img_addr: input(),
            wrap_addr: input(),
            position: Sig::unsigned(COUNT_W),
            bank: Sig::unsigned(bank_w),
            addr: output(),
            row: output(),
            col: output(),
            first: Bit::new(),
            last: Bit::new(),
            i: count(),
            x: count(),
            y: count(),
            img: count(),
            now_bank: Reg::unsigned(bank_w).without_reset(),
            now_addr: place(),
            now_row: place(),
            now_col: place(),
            line_bank: Reg::unsigned(bank_w).without_reset(),
            line_addr: place(),
            image_addr: place(),
            x_ends: BitReg::new(),
            y_ends: BitReg::new(),
            img_ends: BitReg::new(),
            y_last: BitReg::new(),
            img_last: BitReg::new(),
            at_first: BitReg::new(),
            next_x_last: Bit::new(),
            next_y_last: Bit::new(),
            next_img_last: Bit::new(),
            bank_sum: Sig::unsigned(bank_w + 1),
            next_bank: Sig::unsigned(bank_w),
            next_addr: local(),
            next_row: local(),
            next_col: local(),
            banks: Param::new(config.l),
            bank_w: Param::new(bank_w),
            sum_w: Param::new(bank_w + 1),
            about: About::new(
                "position_walk",
                "Walks over image, row and column of a tile and gives the place of each position's first element.",
            ),
        }
    }
}

impl Logic for PositionWalk {
    #[hdl_gen]
    fn update(&mut self) {
        // Whether a line, an image or the tile ends with this position stands in registers; here for the next one.
        self.next_x_last.next = self.x.val() + 2 == self.cols.val();
        if self.x_ends.val() || self.load.val() {
            self.next_x_last.next = self.cols.val() == 1;
        }
        self.next_y_last.next = self.y_last.val();
        if self.x_ends.val() {
            self.next_y_last.next = self.y.val() + 2 == self.rows.val();
        }
        if self.y_ends.val() || self.load.val() {
            self.next_y_last.next = self.rows.val() == 1;
        }
        self.next_img_last.next = self.img_last.val();
        if self.y_ends.val() {
            self.next_img_last.next = self.img.val() + 2 == self.images.val();
        }
        if self.load.val() {
            self.next_img_last.next = self.images.val() == 1;
        }

        self.bank_sum.next = bit_cast_w(self.line_bank.val(), self.sum_w.val())
            + bit_cast_w(self.y_bank.val(), self.sum_w.val());
        if self.load.val() {
            self.next_bank.next = self.start_bank.val();
            self.next_addr.next = self.start_addr.val();
            self.next_row.next = self.start_row.val();
            self.next_col.next = self.start_col.val();
        } else if self.y_ends.val() {
            self.next_bank.next = self.start_bank.val();
            self.next_addr.next = self.image_addr.val() + self.img_addr.val();
            self.next_row.next = self.start_row.val();
            self.next_col.next = self.start_col.val();
        } else if self.x_ends.val() {
            self.next_bank.next = bit_cast_w(self.bank_sum.val(), self.bank_w.val());
            self.next_addr.next = self.line_addr.val() + self.y_addr.val();
            if self.bank_sum.val() >= self.banks.val() {
                self.next_bank.next =
                    bit_cast_w(self.bank_sum.val() - self.banks.val(), self.bank_w.val());
                self.next_addr.next =
                    self.line_addr.val() + self.y_addr.val() + self.wrap_addr.val();
            }
            self.next_row.next = self.now_row.val() + self.y_row.val();
            self.next_col.next = self.start_col.val();
        } else {
            self.next_bank.next = self.now_bank.val();
            self.next_addr.next = self.now_addr.val() + self.x_step.val();
            self.next_row.next = self.now_row.val();
            self.next_col.next = self.now_col.val() + self.x_step.val();
        }

        if self.load.val() || self.advance.val() {
            self.y_last.next = self.next_y_last.val();
            self.img_last.next = self.next_img_last.val();
            self.x_ends.next = self.next_x_last.val();
            self.y_ends.next = self.next_x_last.val() && self.next_y_last.val();
            self.img_ends.next =
                self.next_x_last.val() && self.next_y_last.val() && self.next_img_last.val();
            self.at_first.next = self.load.val();
            self.now_bank.next = self.next_bank.val();
            self.now_addr.next = self.next_addr.val();
            self.now_row.next = self.next_row.val();
            self.now_col.next = self.next_col.val();
            self.i.next = self.i.val() + 1;
            self.x.next = self.x.val() + 1;
            if self.load.val() || self.x_ends.val() {
                self.x.next = 0.into();
                self.y.next = self.y.val() + 1;
                self.line_bank.next = self.next_bank.val();
                self.line_addr.next = self.next_addr.val();
            }
            if self.load.val() || self.y_ends.val() {
                self.y.next = 0.into();
                self.img.next = self.img.val() + 1;
                self.image_addr.next = self.next_addr.val();
            }
            if self.load.val() {
                self.img.next = 0.into();
                self.i.next = 0.into();
            }
        }

        self.position.next = self.i.val();
        self.bank.next = self.now_bank.val();
        self.addr.next = self.now_addr.val();
        self.row.next = self.now_row.val();
        self.col.next = self.now_col.val();
        self.first.next = self.at_first.val();
        self.last.next = self.img_ends.val();
    }
}
