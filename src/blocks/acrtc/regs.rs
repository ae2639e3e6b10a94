//! The register file of the tensor cores, behind AXI4-Lite.

use super::JobFields;
use crate::blocks::axil_slave::{AxilSlave, field_at, job_index};
use crate::config::tc::TcConfig;
use crate::hdl::prelude::*;
use crate::regmap::tc::{ADDRESS_BITS, REGISTERS, identity};

/// AXI4-Lite slave with the registers of [`regmap::tc`](crate::regmap::tc): an [`AxilSlave`] and what its job registers mean.
///
/// ```text
///  s_axil ──► slave ─► job registers ─► job
///               │  └─► start, abort_job, clear_error (one cycle)
///               ◄───── state, statistics
/// ```
///
/// **Latency** and **back-pressure** are those of [`AxilSlave`]; `job` and `bad_job` follow the registers in the same cycle.
/// **Parameters** `design`, `data_w`, `steps`, `blocks`: limits of a job.
///
/// `tc_regs` in `tests/acrtc/gates.rs` compares its Verilog with it; `mercury acrtc cosim` reads and writes it for every job.
#[derive(LogicBlock)]
pub struct TcRegs {
    /// AXI4-Lite, job registers, commands, state, statistics.
    pub slave: AxilSlave,
    /// A job register holds what no job may have.
    pub bad_job: Bit<Out>,
    /// The job registers.
    pub job: JobFields<Out>,
    shift: Sig<Local>,
    mode_reg: Param,
    shift_reg: Param,
    steps_reg: Param,
    blocks_reg: Param,
    rows_reg: Param,
    shift_mode_at: Param,
    level_at: Param,
    most_mode: Param,
    most_level: Param,
    most_steps: Param,
    most_blocks: Param,
    acc_w: Param,
    about: About,
}

impl TcRegs {
    /// The register file of this configuration.
    pub fn new(config: &TcConfig) -> Self {
        let index = |name| job_index(REGISTERS, name);
        let at = |name| field_at(REGISTERS, "MODE", name);
        TcRegs {
            slave: AxilSlave::new(REGISTERS, ADDRESS_BITS, |reg| identity(reg, config)),
            bad_job: Bit::new(),
            job: JobFields::new(),
            shift: Sig::unsigned(8),
            mode_reg: index("MODE"),
            shift_reg: index("SHIFT"),
            steps_reg: index("STEPS"),
            blocks_reg: index("BLOCKS"),
            rows_reg: index("ROWS"),
            shift_mode_at: at("SHIFT_MODE"),
            level_at: at("LEVEL"),
            most_mode: Param::new(if config.reuse() { 2 } else { 0 }),
            most_level: Param::new(config.max_level()),
            most_steps: Param::new(config.steps),
            most_blocks: Param::new(config.blocks),
            acc_w: Param::new(config.acc_w()),
            about: About::new(
                "tc_regs",
                "AXI4-Lite slave with the control and status registers of a tensor core.",
            ),
        }
    }
}

impl Logic for TcRegs {
    #[hdl_gen]
    fn update(&mut self) {
        self.job.mode.next = unsigned_cast(self.slave.job[self.mode_reg.val()].val());
        self.job.shift_mode.next =
            unsigned_cast(self.slave.job[self.mode_reg.val()].val() >> self.shift_mode_at.val());
        self.job.level.next =
            unsigned_cast(self.slave.job[self.mode_reg.val()].val() >> self.level_at.val());
        self.shift.next = unsigned_cast(self.slave.job[self.shift_reg.val()].val());
        self.job.shift.next = unsigned_cast(self.shift.val());
        self.job.steps.next = unsigned_cast(self.slave.job[self.steps_reg.val()].val());
        self.job.blocks.next = unsigned_cast(self.slave.job[self.blocks_reg.val()].val());
        self.job.rows.next = self.slave.job[self.rows_reg.val()].val();
        self.bad_job.next = (self.job.steps.val() == 0)
            || (self.job.blocks.val() == 0)
            || (self.job.rows.val() == 0)
            || (self.job.steps.val() > self.most_steps.val())
            || (self.job.blocks.val() > self.most_blocks.val())
            || (self.job.mode.val() > self.most_mode.val())
            || (self.job.level.val() > self.most_level.val())
            || (self.shift.val() >= self.acc_w.val());
    }
}
