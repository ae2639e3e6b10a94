//! Example blocks that the hardware layer's tests share.

use mercury::hdl::prelude::*;

/// One PE: weight RAM, product register, accumulator.
#[derive(LogicBlock)]
pub struct Pe {
    about: About,
    load: Bit<In>,
    address: Sig<In>,
    weight: Sig<In>,
    x: Sig<In>,
    x_valid: Bit<In>,
    clear: Bit<In>,
    sum: Sig<Out>,
    ram: Ram,
    x_q: Reg,
    valid_q: BitReg,
    product: Reg,
    product_valid: BitReg,
    acc: Reg,
}

impl Pe {
    pub fn new(data_w: usize, acc_w: usize, depth: usize) -> Pe {
        Pe {
            about: About::new(
                "mac_pe",
                "Multiplies each x by the weight at its address and adds the products up.",
            )
            .variant(format!("w{data_w}")),
            load: Bit::new(),
            address: Sig::unsigned(address_width(depth)),
            weight: Sig::signed(data_w),
            x: Sig::signed(data_w),
            x_valid: Bit::new(),
            clear: Bit::new(),
            sum: Sig::signed(acc_w),
            ram: Ram::signed(data_w, depth),
            x_q: Reg::signed(data_w).without_reset(),
            valid_q: BitReg::new(),
            product: Reg::signed(2 * data_w).without_reset(),
            product_valid: BitReg::new(),
            acc: Reg::signed(acc_w),
        }
    }
}

impl Logic for Pe {
    #[hdl_gen]
    fn update(&mut self) {
        self.ram.write_enable.next = self.load.val();
        self.ram.write_address.next = self.address.val();
        self.ram.write_data.next = self.weight.val();
        self.ram.read_enable.next = true;
        self.ram.read_address.next = self.address.val();
        self.x_q.next = self.x.val();
        self.valid_q.next = self.x_valid.val() && !self.load.val();
        self.product.next = self.x_q.val() * self.ram.read_data.val();
        self.product_valid.next = self.valid_q.val();
        if self.product_valid.val() {
            self.acc.next = self.acc.val() + signed_cast(self.product.val());
        }
        if self.clear.val() {
            self.acc.next = 0.into();
        }
        self.sum.next = self.acc.val();
    }
}

#[derive(Copy, Clone, Debug, PartialEq, LogicState)]
pub enum State {
    Idle,
    Run,
    WaitDrain,
}

/// A row of PEs under a state machine.
#[derive(LogicBlock)]
pub struct Row {
    start: Bit<In>,
    count: Sig<In>,
    weight: Sig<In>,
    load: Sig<In>,
    x: Sig<In>,
    select: Sig<In>,
    busy: Bit<Out>,
    result: Sig<Out>,
    any_negative: Bit<Out>,
    pe: Vec<Pe>,
    state: Reg<State>,
    position: Reg,
    running: Bit<Local>,
    negative: Sig<Local>,
    pes: Param,
}

impl Row {
    pub fn new(pes: usize, data_w: usize, acc_w: usize, depth: usize) -> Row {
        let aw = address_width(depth);
        Row {
            start: Bit::new(),
            count: Sig::unsigned(aw),
            weight: Sig::signed(data_w),
            load: Sig::unsigned(pes),
            x: Sig::signed(data_w),
            select: Sig::unsigned(address_width(pes)),
            busy: Bit::new(),
            result: Sig::signed(acc_w),
            any_negative: Bit::new(),
            pe: (0..pes).map(|_| Pe::new(data_w, acc_w, depth)).collect(),
            state: Reg::new(),
            position: Reg::unsigned(aw),
            running: Bit::new(),
            negative: Sig::unsigned(pes),
            pes: Param::new(pes),
        }
    }
}

impl Logic for Row {
    #[hdl_gen]
    fn update(&mut self) {
        self.running.next = false;
        match self.state.val() {
            State::Idle => {
                self.position.next = 0.into();
                if self.start.val() {
                    self.state.next = State::Run;
                }
            }
            State::Run => {
                self.running.next = true;
                self.position.next = self.position.val() + 1;
                if self.position.val() == self.count.val() {
                    self.state.next = State::WaitDrain;
                }
            }
            State::WaitDrain => {
                self.position.next = self.position.val() - 1;
                if self.position.val() == 0 {
                    self.state.next = State::Idle;
                }
            }
        }
        self.busy.next = self.state.val() != State::Idle;
        self.negative.next = 0.into();
        for i in 0..self.pes.val() {
            self.pe[i].load.next = self.load.val().get_bit(i);
            self.pe[i].address.next = self.position.val();
            self.pe[i].weight.next = self.weight.val();
            self.pe[i].x.next = self.x.val();
            self.pe[i].x_valid.next = self.running.val();
            self.pe[i].clear.next = self.start.val() && !self.running.val();
            self.negative.next = self.negative.val().replace_bit(i, self.pe[i].sum.val() < 0);
        }
        self.any_negative.next = self.negative.val().any();
        self.result.next = self.pe[0].sum.val();
        for i in 0..self.pes.val() {
            if self.select.val() == i {
                self.result.next = self.pe[i].sum.val();
            }
        }
    }
}
