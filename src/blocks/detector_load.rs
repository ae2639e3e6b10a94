//! What the loader writes into a detector.

use super::loop_nest::COUNT_W;
use super::rpq::{K_COUNT_W, OFFSET_W};
use crate::config::{Config, index_width};
use crate::hdl::prelude::*;

/// Counts the beats of READS and MATRIX, gives each to its lane, and keeps the OFFSETS.
///
/// ```text
///  load_reads, load_matrix ─► beat t·L + l ─► step t; lane_reads[l], lane_matrix[l]
///  load_offsets, load_index ─► offset[j]
/// ```
///
/// **Latency** a beat given in cycle t is given to its lane in t+2, an offset is there from t+2 on: nothing of it is read before.
/// **Back-pressure** none. **Parameters** `l` 1…15, `k_max` 1…64, `p_max` 1…32.
///
/// The test `detector_load_gives_each_lane_its_beats` holds it to the order of the segments.
#[derive(LogicBlock)]
pub struct DetectorLoad {
    /// A beat of READS.
    pub load_reads: Bit<In>,
    /// A beat of MATRIX.
    pub load_matrix: Bit<In>,
    /// A beat of OFFSETS.
    pub load_offsets: Bit<In>,
    /// Number of the beat in its segment.
    pub load_index: Sig<In>,
    /// Low 64 bits of the beat.
    pub load_data: Sig<In>,
    /// The beat is this lane's part of a step's reads.
    pub lane_reads: Vec<Bit<Out>>,
    /// … of the step's columns of R.
    pub lane_matrix: Vec<Bit<Out>>,
    /// That step.
    pub step: Sig<Out>,
    /// That beat.
    pub data: Sig<Out>,
    /// Offsets o_j.
    pub offset: Vec<Sig<Out>>,
    reads_q: BitReg,
    matrix_q: BitReg,
    offsets_q: BitReg,
    index_q: Reg,
    at_first: BitReg,
    data_q: Reg,
    next_lane: Reg,
    next_step: Reg,
    lane_now: Sig<Local>,
    step_now: Sig<Local>,
    reads_of: Vec<BitReg>,
    matrix_of: Vec<BitReg>,
    step_q: Reg,
    lane_data: Reg,
    kept: Vec<Reg>,
    lanes: Param,
    last_lane: Param,
    k_max: Param,
    p_max: Param,
    about: About,
}

impl DetectorLoad {
    /// For the lanes and projections of a configuration.
    pub fn new(config: &Config) -> Self {
        let lane_w = index_width(config.l);
        let flags = || (0..config.l).map(|_| Bit::new()).collect();
        DetectorLoad {
            load_reads: Bit::new(),
            load_matrix: Bit::new(),
            load_offsets: Bit::new(),
            load_index: Sig::unsigned(COUNT_W),
            load_data: Sig::unsigned(64),
            lane_reads: flags(),
            lane_matrix: flags(),
            step: Sig::unsigned(address_width(config.k_max)),
            data: Sig::unsigned(64),
            offset: (0..config.p_max).map(|_| Sig::unsigned(OFFSET_W)).collect(),
            reads_q: BitReg::new(),
            matrix_q: BitReg::new(),
            offsets_q: BitReg::new(),
            index_q: Reg::unsigned(COUNT_W).without_reset(),
            at_first: BitReg::new().without_reset(),
            data_q: Reg::unsigned(64).without_reset(),
            next_lane: Reg::unsigned(lane_w).without_reset(),
            next_step: Reg::unsigned(K_COUNT_W).without_reset(),
            lane_now: Sig::unsigned(lane_w),
            step_now: Sig::unsigned(K_COUNT_W),
            reads_of: (0..config.l).map(|_| BitReg::new()).collect(),
            matrix_of: (0..config.l).map(|_| BitReg::new()).collect(),
            step_q: Reg::unsigned(address_width(config.k_max)).without_reset(),
            lane_data: Reg::unsigned(64).without_reset(),
            kept: (0..config.p_max)
                .map(|_| Reg::unsigned(OFFSET_W).without_reset())
                .collect(),
            lanes: Param::new(config.l),
            last_lane: Param::new(config.l - 1),
            k_max: Param::new(config.k_max),
            p_max: Param::new(config.p_max),
            about: About::new(
                "detector_load",
                "What the loader writes into a detector: gives each lane its part of the read program and of the \
                 projection matrix, and keeps the offsets.",
            ),
        }
    }
}

impl Logic for DetectorLoad {
    #[hdl_gen]
    fn update(&mut self) {
        // A cycle later, and to each lane another one: the loader, and the lanes' memories, are far away.
        self.reads_q.next = self.load_reads.val();
        self.matrix_q.next = self.load_matrix.val();
        self.offsets_q.next = self.load_offsets.val();
        self.index_q.next = self.load_index.val();
        self.at_first.next = !self.load_index.val().any();
        self.data_q.next = self.load_data.val();

        // Beat t·L + lane; counted along, as L is no power of two.
        self.lane_now.next = self.next_lane.val();
        self.step_now.next = self.next_step.val();
        if self.at_first.val() {
            self.lane_now.next = 0.into();
            self.step_now.next = 0.into();
        }
        if self.reads_q.val() || self.matrix_q.val() {
            self.next_lane.next = self.lane_now.val() + 1;
            self.next_step.next = self.step_now.val();
            if self.lane_now.val() == self.last_lane.val() {
                self.next_lane.next = 0.into();
                self.next_step.next = self.step_now.val() + 1;
            }
        }
        for l in 0..self.lanes.val() {
            self.reads_of[l].next = self.reads_q.val()
                && (self.lane_now.val() == l)
                && (self.step_now.val() < self.k_max.val());
            self.matrix_of[l].next = self.matrix_q.val()
                && (self.lane_now.val() == l)
                && (self.step_now.val() < self.k_max.val());
            self.lane_reads[l].next = self.reads_of[l].val();
            self.lane_matrix[l].next = self.matrix_of[l].val();
        }
        self.step_q.next = unsigned_cast(self.step_now.val());
        self.step.next = self.step_q.val();
        self.lane_data.next = self.data_q.val();
        self.data.next = self.lane_data.val();

        for j in 0..self.p_max.val() {
            if self.offsets_q.val() && (self.index_q.val() == j) {
                self.kept[j].next = unsigned_cast(self.data_q.val());
            }
            self.offset[j].next = self.kept[j].val();
        }
    }
}
