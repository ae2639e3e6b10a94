//! Construction of the register file: the width of every signal.

use super::{AxilRegs, registers};
use crate::blocks::job_fields::{LoopCounts, PatchSteps, ReuseJob};
use crate::blocks::loop_nest::COUNT_W;
use crate::blocks::patch_agu::ADDR_W;
use crate::blocks::requantizer::SHIFT_W;
use crate::blocks::reuse_fields::ReuseFields;
use crate::config::Config;
use crate::hdl::prelude::*;
use crate::regmap::{ADDRESS_BITS, Access, REGISTERS, Reg as Csr, STATISTIC_BITS, identity};

/// Number of the register's (first) word.
fn word(reg: Csr) -> usize {
    reg.offset() as usize / 4
}

/// Place of a job register among the job registers.
fn index(register: &str) -> Param {
    let at = registers(Access::Job).position(|r| r.name == register);
    Param::new(at.unwrap_or_else(|| panic!("no job register {register}")))
}

/// Lowest bit of a register's field.
fn at(register: &str, field: &str) -> Param {
    let register = REGISTERS.iter().find(|r| r.name == register);
    let register = register.unwrap_or_else(|| panic!("no register with field {field}"));
    Param::new(register.reg.field(field).lsb as usize)
}

impl AxilRegs {
    /// The register file of this configuration.
    pub fn new(config: &Config) -> Self {
        let word_bits = ADDRESS_BITS - 2;
        let mask = |r: &crate::regmap::Register| r.fields.iter().fold(0, |m, f| m | f.mask());
        let value32 = |x: u64| Const::new(Value::unsigned(32, x.into()));
        AxilRegs {
            s_axil_awaddr: Sig::unsigned(ADDRESS_BITS),
            s_axil_awvalid: Bit::new(),
            s_axil_awready: Bit::new(),
            s_axil_wdata: Sig::unsigned(32),
            s_axil_wstrb: Sig::unsigned(4),
            s_axil_wvalid: Bit::new(),
            s_axil_wready: Bit::new(),
            s_axil_bresp: Sig::unsigned(2),
            s_axil_bvalid: Bit::new(),
            s_axil_bready: Bit::new(),
            s_axil_araddr: Sig::unsigned(ADDRESS_BITS),
            s_axil_arvalid: Bit::new(),
            s_axil_arready: Bit::new(),
            s_axil_rdata: Sig::unsigned(32),
            s_axil_rresp: Sig::unsigned(2),
            s_axil_rvalid: Bit::new(),
            s_axil_rready: Bit::new(),
            busy: Bit::new(),
            done: Bit::new(),
            error_code: Sig::unsigned(8),
            statistic: registers(Access::Statistic)
                .map(|_| Sig::unsigned(STATISTIC_BITS))
                .collect(),
            start: Bit::new(),
            abort_job: Bit::new(),
            clear_error: Bit::new(),
            bad_job: Bit::new(),
            wgrad: Bit::new(),
            stream_features: Bit::new(),
            shift_mode: Bit::new(),
            shift: Sig::unsigned(SHIFT_W),
            counts: LoopCounts::new(),
            steps: PatchSteps::new(config),
            reuse: ReuseJob::new(),
            reuse_fields: ReuseFields::new(config),
            slot_beats: Sig::unsigned(ADDR_W),
            ring_slots: Sig::unsigned(COUNT_W),
            job: registers(Access::Job).map(|_| Reg::unsigned(32)).collect(),
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
            statistic_high: registers(Access::Statistic)
                .map(|_| Sig::unsigned(32))
                .collect(),
            job_count: Param::new(registers(Access::Job).count()),
            job_word: registers(Access::Job)
                .map(|r| Param::new(word(r.reg)))
                .collect(),
            job_mask: registers(Access::Job).map(|r| value32(mask(r))).collect(),
            identity_count: Param::new(registers(Access::Identity).count()),
            identity_word: registers(Access::Identity)
                .map(|r| Param::new(word(r.reg)))
                .collect(),
            identity_value: registers(Access::Identity)
                .map(|r| {
                    value32(
                        identity(r.reg, config)
                            .expect("an identity register has a value")
                            .into(),
                    )
                })
                .collect(),
            statistic_count: Param::new(registers(Access::Statistic).count()),
            statistic_word: registers(Access::Statistic)
                .map(|r| Param::new(word(r.reg)))
                .collect(),
            control_word: Param::new(word(Csr::Control)),
            status_word: Param::new(word(Csr::Status)),
            error_word: Param::new(word(Csr::ErrorCode)),
            start_at: at("CONTROL", "START"),
            abort_at: at("CONTROL", "ABORT"),
            clear_error_at: at("CONTROL", "CLEAR_ERROR"),
            done_at: at("STATUS", "DONE"),
            has_error_at: at("STATUS", "HAS_ERROR"),
            word_w: Param::new(32),
            slverr: Const::new(Value::unsigned(2, 2)),
            byte_ones: value32(0xff),
            group_k_index: index("GROUP_K"),
            steps_index: index("STEPS"),
            rpq_index: index("RPQ"),
            lists_index: index("LISTS"),
            mode_index: index("MODE"),
            ring_beats: Reg::unsigned(COUNT_W + ADDR_W),
            bank_depth: Param::new(config.bank_depth()),
            max_shift: Param::new(config.acc_w - 1),
            wgrad_index: index("MODE"),
            wgrad_at: at("MODE", "WGRAD"),
            stream_features_index: index("MODE"),
            stream_features_at: at("MODE", "STREAM_FEATURES"),
            shift_mode_index: index("MODE"),
            shift_mode_at: at("MODE", "SHIFT_MODE"),
            shift_index: index("SHIFT"),
            shift_at: at("SHIFT", "SHIFT"),
            cgroups_index: index("CGROUPS"),
            cgroups_at: at("CGROUPS", "CGROUPS"),
            chunks_index: index("CHUNKS"),
            chunks_at: at("CHUNKS", "CHUNKS"),
            cg_index: index("CG"),
            cg_at: at("CG", "CG"),
            cg_last_index: index("CG"),
            cg_last_at: at("CG", "CG_LAST"),
            kr_index: index("KR"),
            kr_at: at("KR", "KR"),
            kr_last_index: index("KR"),
            kr_last_at: at("KR", "KR_LAST"),
            kw_index: index("KW"),
            kw_at: at("KW", "KW"),
            kc_step_index: index("KC_STEP"),
            kc_step_at: at("KC_STEP", "KC_STEP"),
            kr_addr_index: index("KR_STEP"),
            kr_addr_at: at("KR_STEP", "KR_ADDR"),
            kr_row_index: index("KR_STEP"),
            kr_row_at: at("KR_STEP", "KR_ROW"),
            c_addr_index: index("C_STEP"),
            c_addr_at: at("C_STEP", "C_ADDR"),
            x_step_index: index("X_STEP"),
            x_step_at: at("X_STEP", "X_STEP"),
            y_addr_index: index("Y_STEP"),
            y_addr_at: at("Y_STEP", "Y_ADDR"),
            y_row_index: index("Y_STEP"),
            y_row_at: at("Y_STEP", "Y_ROW"),
            img_addr_index: index("IMG_STEP"),
            img_addr_at: at("IMG_STEP", "IMG_ADDR"),
            chunk_addr_index: index("CHUNK_STEP"),
            chunk_addr_at: at("CHUNK_STEP", "CHUNK_ADDR"),
            chunk_row_index: index("CHUNK_STEP"),
            chunk_row_at: at("CHUNK_STEP", "CHUNK_ROW"),
            kr_bank_index: index("BANK_STEPS"),
            kr_bank_at: at("BANK_STEPS", "KR_BANK"),
            c_bank_index: index("BANK_STEPS"),
            c_bank_at: at("BANK_STEPS", "C_BANK"),
            y_bank_index: index("BANK_STEPS"),
            y_bank_at: at("BANK_STEPS", "Y_BANK"),
            chunk_bank_index: index("BANK_STEPS"),
            chunk_bank_at: at("BANK_STEPS", "CHUNK_BANK"),
            wrap_addr_index: index("WRAP"),
            wrap_addr_at: at("WRAP", "WRAP_ADDR"),
            slot_beats_index: index("SLOT"),
            slot_beats_at: at("SLOT", "SLOT_BEATS"),
            ring_slots_index: index("RING"),
            ring_slots_at: at("RING", "RING_SLOTS"),
            about: About::new(
                "axil_regs",
                "AXI4-Lite slave with the control and status registers of docs/regmap.md.",
            ),
        }
    }
}
