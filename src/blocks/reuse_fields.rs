//! The fields of the job registers that concern reuse, and what they may hold.

use super::job_fields::{LoopCounts, ReuseJob};
use super::list_reader::LIST_SLOT_W;
use super::loop_nest::COUNT_W;
use super::product_limit::ProductLimit;
use crate::config::Config;
use crate::hdl::prelude::*;
use crate::regmap::REGISTERS;
use crate::reuse::{MAX_BITS, Mode};

/// Cuts the registers of reuse into fields, and finds what no job may have.
///
/// ```text
///  mode, group_k, steps, rpq, lists (32 bits each) ─► job
///                      counts, stream_features, job ─► bad_job
/// ```
///
/// **Latency** 0 for the fields; `bad_job` two cycles, those of [`ProductLimit`] for LIST_POSITIONS · LIST_SLOTS.
/// **Back-pressure** none. **Parameters** `reuse` (without it a mode other than 0 is bad), `p_max`, `lists` and `tile`
/// (words of a list memory).
///
/// The test `axil_regs_know_a_bad_job` spoils each field.
#[derive(LogicBlock)]
pub struct ReuseFields {
    /// Register MODE.
    pub mode: Sig<In>,
    /// Register GROUP_K.
    pub group_k_word: Sig<In>,
    /// Register STEPS.
    pub steps_word: Sig<In>,
    /// Register RPQ.
    pub rpq_word: Sig<In>,
    /// Register LISTS.
    pub lists_word: Sig<In>,
    /// Job: how often the loops run.
    pub counts: LoopCounts<In>,
    /// Job: features are sent again for every pass.
    pub stream_features: Bit<In>,
    /// The fields.
    pub job: ReuseJob<Out>,
    /// They hold what no job may have.
    pub bad_job: Bit<Out>,
    reuses: BitReg,
    bad_mode: BitReg,
    no_elements: BitReg,
    no_steps: BitReg,
    no_lists: BitReg,
    too_much: BitReg,
    bad_shape: BitReg,
    mode_bits: Sig<Local>,
    redetect_bit: Sig<Local>,
    list_room: Vec<ProductLimit>,
    checks_lists: Param,
    most_modes: Param,
    p_max: Param,
    most_bits: Param,
    reuse_at: Param,
    redetect_at: Param,
    zero_skip_at: Param,
    elem_skip_at: Param,
    k_cg_last_at: Param,
    k_kr_last_at: Param,
    steps_cg_last_at: Param,
    steps_kr_last_at: Param,
    sig_bits_at: Param,
    sig_shift_at: Param,
    list_slots_at: Param,
    about: About,
}

/// Lowest bit of a register's field.
fn at(register: &str, field: &str) -> Param {
    let register = REGISTERS.iter().find(|r| r.name == register);
    let register = register.unwrap_or_else(|| panic!("no register with field {field}"));
    Param::new(register.reg.field(field).lsb as usize)
}

impl ReuseFields {
    /// The fields for this configuration.
    pub fn new(config: &Config) -> Self {
        let word = || Sig::unsigned(32);
        let last_mode = if config.reuse { Mode::Grid } else { Mode::Off };
        ReuseFields {
            mode: word(),
            group_k_word: word(),
            steps_word: word(),
            rpq_word: word(),
            lists_word: word(),
            counts: LoopCounts::new(),
            stream_features: Bit::new(),
            job: ReuseJob::new(),
            bad_job: Bit::new(),
            reuses: BitReg::new(),
            bad_mode: BitReg::new(),
            no_elements: BitReg::new(),
            no_steps: BitReg::new(),
            no_lists: BitReg::new(),
            too_much: BitReg::new(),
            bad_shape: BitReg::new(),
            mode_bits: Sig::unsigned(4),
            redetect_bit: Sig::unsigned(1),
            // Without reuse any mode but 0 is bad, whatever the lists.
            list_room: (0..usize::from(config.reuse))
                .map(|_| ProductLimit::new(COUNT_W, LIST_SLOT_W, config.list_words()))
                .collect(),
            checks_lists: Param::new(config.reuse.into()),
            most_modes: Param::new(last_mode.code().into()),
            p_max: Param::new(config.p_max),
            most_bits: Param::new(MAX_BITS),
            reuse_at: at("MODE", "REUSE"),
            redetect_at: at("MODE", "REDETECT"),
            zero_skip_at: at("MODE", "ZERO_SKIP"),
            elem_skip_at: at("MODE", "ELEM_SKIP"),
            k_cg_last_at: at("GROUP_K", "K_CG_LAST"),
            k_kr_last_at: at("GROUP_K", "K_KR_LAST"),
            steps_cg_last_at: at("STEPS", "STEPS_CG_LAST"),
            steps_kr_last_at: at("STEPS", "STEPS_KR_LAST"),
            sig_bits_at: at("RPQ", "SIG_BITS"),
            sig_shift_at: at("RPQ", "SIG_SHIFT"),
            list_slots_at: at("LISTS", "LIST_SLOTS"),
            about: About::new(
                "reuse_fields",
                "Fields of the job registers that concern reuse, and whether they hold what no job may have.",
            ),
        }
    }
}

impl Logic for ReuseFields {
    #[hdl_gen]
    fn update(&mut self) {
        self.mode_bits.next = unsigned_cast(self.mode.val() >> self.reuse_at.val());
        self.redetect_bit.next = unsigned_cast(self.mode.val() >> self.redetect_at.val());
        self.job.reuse.next = self.mode_bits.val();
        self.job.redetect.next = self.redetect_bit.val();
        self.job.zero_skip.next = unsigned_cast(self.mode.val() >> self.zero_skip_at.val());
        self.job.elem_skip.next = unsigned_cast(self.mode.val() >> self.elem_skip_at.val());
        self.job.group_k.next = unsigned_cast(self.group_k_word.val());
        self.job.k_cg_last.next = unsigned_cast(self.group_k_word.val() >> self.k_cg_last_at.val());
        self.job.k_kr_last.next = unsigned_cast(self.group_k_word.val() >> self.k_kr_last_at.val());
        self.job.steps.next = unsigned_cast(self.steps_word.val());
        self.job.steps_cg_last.next =
            unsigned_cast(self.steps_word.val() >> self.steps_cg_last_at.val());
        self.job.steps_kr_last.next =
            unsigned_cast(self.steps_word.val() >> self.steps_kr_last_at.val());
        self.job.projections.next = unsigned_cast(self.rpq_word.val());
        self.job.sig_bits.next = unsigned_cast(self.rpq_word.val() >> self.sig_bits_at.val());
        self.job.sig_shift.next = unsigned_cast(self.rpq_word.val() >> self.sig_shift_at.val());
        self.job.list_positions.next = unsigned_cast(self.lists_word.val());
        self.job.list_slots.next = unsigned_cast(self.lists_word.val() >> self.list_slots_at.val());

        self.bad_job.next = self.bad_shape.val();
        self.reuses.next = self.mode_bits.val().any();
        self.bad_mode.next = self.mode_bits.val() > self.most_modes.val();
        self.no_elements.next = (self.job.group_k.val() == 0)
            || (self.job.k_cg_last.val() == 0)
            || (self.job.k_kr_last.val() == 0);
        self.no_steps.next = (self.job.steps.val() == 0)
            || (self.job.steps_cg_last.val() == 0)
            || (self.job.steps_kr_last.val() == 0);
        self.no_lists.next =
            (self.job.list_positions.val() == 0) || (self.job.list_slots.val() == 0);
        self.too_much.next = (self.job.projections.val() == 0)
            || (self.job.projections.val() > self.p_max.val())
            || (self.job.sig_bits.val() == 0)
            || (self.job.sig_bits.val() > self.most_bits.val())
            || ((self.counts.chunks.val() > 1) && (self.counts.cg.val() != 1))
            || (self.stream_features.val() && !self.redetect_bit.val().any());
        self.bad_shape.next = self.bad_mode.val()
            || (self.reuses.val()
                && (self.no_elements.val()
                    || self.no_steps.val()
                    || self.no_lists.val()
                    || self.too_much.val()));
        for i in 0..self.checks_lists.val() {
            self.list_room[i].a.next = self.job.list_positions.val();
            self.list_room[i].b.next = self.job.list_slots.val();
            if self.mode_bits.val().any() && self.list_room[i].above.val() {
                self.bad_job.next = true;
            }
        }
    }
}
