//! The register file of the designs for fully connected layers, behind AXI4-Lite.

use super::JobFields;
use crate::blocks::axil_slave::{AxilSlave, job_index};
use crate::config::fc::FcConfig;
use crate::hdl::prelude::*;
use crate::regmap::fc::{ADDRESS_BITS, REGISTERS, identity};

/// AXI4-Lite slave with the registers of [`regmap::fc`](crate::regmap::fc): an [`AxilSlave`] and what its job registers mean.
///
/// ```text
///  s_axil ──► slave ─► job registers ─► job
///               │  └─► start, abort_job, clear_error (one cycle)
///               ◄───── state, statistics
/// ```
///
/// **Latency** and **back-pressure** are those of [`AxilSlave`]; `job` and `bad_job` follow the registers in the same cycle.
/// **Parameters** `psum_rows`, `outputs`, `lanes`, `x_words`: limits of a job.
///
/// `fc_regs` in `tests/crew/gates.rs` compares its Verilog with it; `mercury crew cosim` reads and writes it for every job.
#[derive(LogicBlock)]
pub struct FcRegs {
    /// AXI4-Lite, job registers, commands, state, statistics.
    pub slave: AxilSlave,
    /// A job register holds what no job may have.
    pub bad_job: Bit<Out>,
    /// The job registers.
    pub job: JobFields<Out>,
    groups: Param,
    batch: Param,
    rows: Param,
    sums: Param,
    x_beats: Param,
    most_rows: Param,
    most_sums: Param,
    most_x_beats: Param,
    about: About,
}

impl FcRegs {
    /// The register file of this configuration.
    pub fn new(config: &FcConfig) -> Self {
        let index = |name| job_index(REGISTERS, name);
        FcRegs {
            slave: AxilSlave::new(REGISTERS, ADDRESS_BITS, |reg| identity(reg, config)),
            bad_job: Bit::new(),
            job: JobFields::new(),
            groups: index("GROUPS"),
            batch: index("BATCH"),
            rows: index("ROWS"),
            sums: index("SUMS"),
            x_beats: index("X_BEATS"),
            most_rows: Param::new(config.max_rows()),
            most_sums: Param::new(config.psum_rows),
            most_x_beats: Param::new(config.x_depth()),
            about: About::new(
                "fc_regs",
                "AXI4-Lite slave with the control and status registers of a design for fully connected layers.",
            ),
        }
    }
}

impl Logic for FcRegs {
    #[hdl_gen]
    fn update(&mut self) {
        self.job.groups.next = unsigned_cast(self.slave.job[self.groups.val()].val());
        self.job.batch.next = unsigned_cast(self.slave.job[self.batch.val()].val());
        self.job.rows.next = unsigned_cast(self.slave.job[self.rows.val()].val());
        self.job.sums.next = unsigned_cast(self.slave.job[self.sums.val()].val());
        self.job.x_beats.next = unsigned_cast(self.slave.job[self.x_beats.val()].val());
        self.bad_job.next = (self.job.groups.val() == 0)
            || (self.job.batch.val() == 0)
            || (self.job.rows.val() == 0)
            || (self.job.sums.val() == 0)
            || (self.job.x_beats.val() == 0)
            || (self.job.rows.val() > self.most_rows.val())
            || (self.job.sums.val() > self.most_sums.val())
            || (self.job.x_beats.val() > self.most_x_beats.val());
    }
}
