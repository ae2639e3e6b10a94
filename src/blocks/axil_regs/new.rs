//! Construction of the register file: the width of every signal.

use super::AxilRegs;
use crate::blocks::axil_slave::{AxilSlave, field_at, job_index};
use crate::blocks::job_fields::{LoopCounts, PatchSteps, ReuseJob};
use crate::blocks::loop_nest::COUNT_W;
use crate::blocks::patch_agu::ADDR_W;
use crate::blocks::product_limit::ProductLimit;
use crate::blocks::requantizer::SHIFT_W;
use crate::blocks::reuse_fields::ReuseFields;
use crate::config::Config;
use crate::hdl::prelude::*;
use crate::regmap::{ADDRESS_BITS, REGISTERS, identity};

/// Place of a job register among the job registers.
fn index(register: &str) -> Param {
    job_index(REGISTERS, register)
}

/// Lowest bit of a register's field.
fn at(register: &str, field: &str) -> Param {
    field_at(REGISTERS, register, field)
}

impl AxilRegs {
    /// The register file of this configuration.
    pub fn new(config: &Config) -> Self {
        AxilRegs {
            slave: AxilSlave::new(REGISTERS, ADDRESS_BITS, |reg| identity(reg, config)),
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
            group_k_index: index("GROUP_K"),
            steps_index: index("STEPS"),
            rpq_index: index("RPQ"),
            lists_index: index("LISTS"),
            mode_index: index("MODE"),
            no_loops: BitReg::new(),
            bad_sizes: BitReg::new(),
            ring_room: ProductLimit::new(COUNT_W, ADDR_W, config.bank_depth()),
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
