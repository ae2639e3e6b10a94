//! Construction of the slave from its register table.

use super::{AxilSlave, registers};
use crate::blocks::axi::AxiLite;
use crate::hdl::prelude::*;
use crate::regmap::{Access, Register, STATISTIC_BITS};

/// The register called `name`, and the number of its (first) word.
fn find<'a, R>(table: &'a [Register<R>], name: &str) -> (&'a Register<R>, usize) {
    let at = table.iter().position(|r| r.name == name);
    let at = at.unwrap_or_else(|| panic!("the table has no register {name}"));
    let before = table[..at].iter().map(|r| r.words() as usize);
    (&table[at], before.sum())
}

/// Number of the (first) word of the register called `name`.
fn word<R>(table: &[Register<R>], name: &str) -> Param {
    Param::new(find(table, name).1)
}

/// Place of the job register called `name` among the job registers.
pub fn job_index<R>(table: &[Register<R>], name: &str) -> Param {
    let at = registers(table, Access::Job).position(|r| r.name == name);
    Param::new(at.unwrap_or_else(|| panic!("no job register {name}")))
}

/// Lowest bit of a register's field.
pub fn field_at<R>(table: &[Register<R>], register: &str, field: &str) -> Param {
    crate::blocks::lsb_of(find(table, register).0.fields, field)
}

impl AxilSlave {
    /// The slave of a table; `identity` gives the values of its identity registers.
    pub fn new<R: Copy>(
        table: &[Register<R>],
        address_bits: usize,
        identity: impl Fn(R) -> Option<u32>,
    ) -> Self {
        let word_bits = address_bits - 2;
        let mask = |r: &Register<R>| r.fields.iter().fold(0, |m, f| m | f.mask());
        let value32 = |x: u64| Const::new(Value::unsigned(32, x.into()));
        AxilSlave {
            part: Part::new(),
            axil: AxiLite::new(address_bits),
            busy: Bit::new(),
            next_busy: Bit::new(),
            closed: BitReg::new().kept(),
            done: Bit::new(),
            error_code: Sig::unsigned(8),
            statistic: registers(table, Access::Statistic)
                .map(|_| Sig::unsigned(STATISTIC_BITS))
                .collect(),
            start: Bit::new(),
            abort_job: Bit::new(),
            clear_error: Bit::new(),
            job: registers(table, Access::Job)
                .map(|_| Reg::unsigned(32))
                .collect(),
            write: Bit::new(),
            write_word: Sig::unsigned(word_bits),
            write_ok: Bit::new(),
            strobe: Sig::unsigned(32),
            write_done: BitReg::new(),
            write_error: BitReg::new().without_reset(),
            control: Bit::new(),
            read: Bit::new(),
            read_word: Sig::unsigned(word_bits),
            read_value: Sig::unsigned(32),
            read_ok: Bit::new(),
            read_done: BitReg::new(),
            read_error: BitReg::new().without_reset(),
            read_data: Reg::unsigned(32).without_reset(),
            statistic_high: registers(table, Access::Statistic)
                .map(|_| Sig::unsigned(32))
                .collect(),
            job_count: Param::new(registers(table, Access::Job).count()),
            job_word: registers(table, Access::Job)
                .map(|r| word(table, r.name))
                .collect(),
            job_mask: registers(table, Access::Job)
                .map(|r| value32(mask(r)))
                .collect(),
            identity_count: Param::new(registers(table, Access::Identity).count()),
            identity_word: registers(table, Access::Identity)
                .map(|r| word(table, r.name))
                .collect(),
            identity_value: registers(table, Access::Identity)
                .map(|r| {
                    value32(
                        identity(r.reg)
                            .expect("an identity register has a value")
                            .into(),
                    )
                })
                .collect(),
            statistic_count: Param::new(registers(table, Access::Statistic).count()),
            statistic_word: registers(table, Access::Statistic)
                .map(|r| word(table, r.name))
                .collect(),
            control_word: word(table, "CONTROL"),
            status_word: word(table, "STATUS"),
            error_word: word(table, "ERROR"),
            start_at: field_at(table, "CONTROL", "START"),
            abort_at: field_at(table, "CONTROL", "ABORT"),
            clear_error_at: field_at(table, "CONTROL", "CLEAR_ERROR"),
            done_at: field_at(table, "STATUS", "DONE"),
            has_error_at: field_at(table, "STATUS", "HAS_ERROR"),
            word_w: Param::new(32),
            slverr: Const::new(Value::unsigned(2, 2)),
            byte_ones: value32(0xff),
        }
    }
}
