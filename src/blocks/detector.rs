//! A detector: decides for every vector of a group whether its result is there already.

mod new;

use super::bank_choice::BankChoice;
use super::detector_lane::DetectorLane;
use super::detector_load::DetectorLoad;
use super::mcache::Mcache;
use super::position_walk::PositionWalk;
use super::rpq::Rpq;
use super::set_turn::SetTurn;
use crate::hdl::prelude::*;

/// Registers from a vector's last step to its record, with tags in LUT RAM.
const RECORD_STAGES: usize = 5;

/// Serves S / DETECTORS PE sets in turn, one group at a time, L elements a cycle.
///
/// ```text
///  request[s] ─► cyclic choice ─► grant[s] (a) … done[s] (z)
///  group of s ─► position_walk ─► L detector_lanes ─► read_addr[b] ─► the sets' feature buffers, 2 cycles (registered 5)
///                                      │   ▲                                  │
///                 non-zero mask ◄──────┼───┴──────────────────────────────────┘ read_x[s·L + b] (z+2)
///                                      └─► rpq (z+3, z+4) ─► mcache ─► record (z+5+d)
/// ```
///
/// **Latency** a grant in cycle a issues the steps in a+1 … z = a + M·T; the last position's record is on the ports in
/// z+5+d, others 5+d cycles after their last step; d is [`Config::decision_cycles`](crate::config::Config::decision_cycles), of which
/// the words take [`Config::detect_read_cycles`](crate::config::Config::detect_read_cycles) − 2. The next grant can be in z+1. **Back-pressure** a request waits for its
/// grant; records are never held up. Context ports of a set stay from its request to `done`.
/// **Parameters** `sets` / `detectors` sets served; `l` 1…15, `k_max` 1…64, `p_max` 1…32, `sig_w`, `mcache`, `data_w`,
/// `feature_words`. The rules are in `docs/reuse.md`.
///
/// The test `detection_follows_the_contract` runs it with fronts, feature buffers and Hitmaps against that page.
#[derive(LogicBlock)]
pub struct Detector {
    /// START, or an error: idle, nothing on its way, set 0 first.
    pub clear: Bit<In>,
    /// Job: REUSE mode.
    pub reuse: Sig<In>,
    /// Job: projections n.
    pub projections: Sig<In>,
    /// Job: bits b of a projection.
    pub sig_bits: Sig<In>,
    /// Job: right shift q.
    pub sig_shift: Sig<In>,
    /// Job: vectors of zeros are skipped.
    pub zero_skip: Bit<In>,
    /// Job: words and columns per output column.
    pub x_step: Sig<In>,
    /// Job: words per output row.
    pub y_addr: Sig<In>,
    /// Job: input rows per output row.
    pub y_row: Sig<In>,
    /// Job: banks per output row.
    pub y_bank: Sig<In>,
    /// Job: words per image.
    pub img_addr: Sig<In>,
    /// Job: words per bank wrap.
    pub wrap_addr: Sig<In>,
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
    /// A set asks for a group.
    pub request: Vec<Bit<In>>,
    /// Images of its tile.
    pub images: Vec<Sig<In>>,
    /// Output rows.
    pub rows: Vec<Sig<In>>,
    /// Output columns.
    pub cols: Vec<Sig<In>>,
    /// Input rows sent.
    pub in_rows: Vec<Sig<In>>,
    /// Input columns sent.
    pub in_cols: Vec<Sig<In>>,
    /// First element of the group's position 0: bank.
    pub bank: Vec<Sig<In>>,
    /// … word address, slot included.
    pub addr: Vec<Sig<In>>,
    /// … input row.
    pub row: Vec<Sig<In>>,
    /// … input column.
    pub col: Vec<Sig<In>>,
    /// Elements K of the group.
    pub k: Vec<Sig<In>>,
    /// Steps T of a vector.
    pub steps: Vec<Sig<In>>,
    /// It is the first group of a pass.
    pub first_group: Vec<Bit<In>>,
    /// It is the last group of a pass.
    pub last_group: Vec<Bit<In>>,
    /// Its psums start from 0, one for each position.
    pub zero: Vec<Bit<In>>,
    /// The set's group begins (cycle a).
    pub grant: Vec<Bit<Out>>,
    /// The last step of the set's group issues (cycle z).
    pub done: Vec<Bit<Out>>,
    /// Word address in each bank, for all sets.
    pub read_addr: Vec<Sig<Out>>,
    /// Word of bank b of set s at s·L + b, two cycles after its address, with `issue = "registered"` four.
    pub read_x: Vec<Sig<In>>,
    /// A record (z+5+d for the last position).
    pub record_valid: Bit<Out>,
    /// Set, among those served.
    pub record_set: Sig<Out>,
    /// Position.
    pub record_position: Sig<Out>,
    /// Position of the record that comes in the next cycle, if one comes.
    pub next_position: Sig<Out>,
    /// 0 ZERO, 1 HIT, 2 MAU, 3 MNU.
    pub record_state: Sig<Out>,
    /// MCACHE entry.
    pub record_entry: Sig<Out>,
    /// Signature.
    pub record_signature: Sig<Out>,
    /// Bank of the position's first element.
    pub record_bank: Sig<Out>,
    /// Word of the position's first element.
    pub record_addr: Sig<Out>,
    /// Bit k: element k is not 0.
    pub record_mask: Sig<Out>,
    /// Its group is the first of a pass.
    pub record_first_group: Bit<Out>,
    /// Its group is the last of a pass.
    pub record_last_group: Bit<Out>,
    /// Its psums start from 0.
    pub record_zero: Bit<Out>,
    /// First position of its group.
    pub record_first: Bit<Out>,
    /// Last position of its group.
    pub record_last: Bit<Out>,
    /// A step issues.
    pub busy: Bit<Out>,
    /// An element beyond the feature buffer, two of a step in one bank, or a position beyond the tile.
    pub range_error: Bit<Out>,
    lane: Vec<DetectorLane>,
    banks: BankChoice,
    walk: PositionWalk,
    rpq: Rpq,
    mcache: Mcache,
    load: DetectorLoad,
    // Choice of a set.
    turn: SetTurn,
    running: BitReg,
    active: Reg,
    served: Reg,
    set: Sig<Local>,
    ready: BitReg,
    begins: Bit<Local>,
    // Group of that set.
    in_rows_now: Sig<Local>,
    in_cols_now: Sig<Local>,
    in_rows_q: Reg,
    in_cols_q: Reg,
    k_now: Sig<Local>,
    k_q: Reg,
    steps_now: Sig<Local>,
    first_group_now: Bit<Local>,
    last_group_now: Bit<Local>,
    zero_now: Bit<Local>,
    // Steps.
    step: Reg,
    next_step: Sig<Local>,
    last_step: BitReg,
    group_ends: Bit<Local>,
    beyond_tile: BitReg,
    out_of_range: BitReg,
    // While its words are read, and a register stands behind the element: a step.
    p_step: Vec<BitReg>,
    p_first: Vec<BitReg>,
    p_last: Vec<BitReg>,
    p_set: Vec<Reg>,
    // The step whose elements the lanes show.
    adds: Bit<Local>,
    adds_first: Bit<Local>,
    adds_last: Bit<Local>,
    mask_now: Sig<Local>,
    all_mask: Reg,
    // From a cycle behind it on.
    mask: Vec<Reg>,
    all_zero: BitReg,
    // What travels along with a vector: position, place, set, flags, K.
    info_now: Sig<Local>,
    info: Vec<Reg>,
    record: Sig<Local>,
    decided_q: Vec<BitReg>,
    state_q: Vec<Reg>,
    entry_q: Vec<Reg>,
    tag_q: Vec<Reg>,
    record_cycles: Param,
    sets: Param,
    last_set: Param,
    lanes: Param,
    k_count_w: Param,
    p_max: Param,
    tile: Param,
    stages: Param,
    read_cycles: Param,
    element_at: Param,
    k_stage: Param,
    signature_at: Param,
    signature_cycles: Param,
    mask_stages: Param,
    position_w: Param,
    feature_w: Param,
    info_w: Param,
    addr_at: Param,
    bank_at: Param,
    set_at: Param,
    k_at: Param,
    first_at: Param,
    last_at: Param,
    first_group_at: Param,
    last_group_at: Param,
    zero_at: Param,
    zero_mode: Param,
    looks_up: BitReg,
    skips_zero: BitReg,
    about: About,
}

impl Logic for Detector {
    #[hdl_gen]
    fn update(&mut self) {
        // What the loader writes.
        self.load.load_reads.next = self.load_reads.val();
        self.load.load_matrix.next = self.load_matrix.val();
        self.load.load_offsets.next = self.load_offsets.val();
        self.load.load_index.next = self.load_index.val();
        self.load.load_data.next = self.load_data.val();
        for j in 0..self.p_max.val() {
            self.rpq.offset[j].next = self.load.offset[j].val();
        }

        // Which set.
        for s in 0..self.sets.val() {
            self.turn.request[s].next = self.request[s].val();
        }
        self.turn.served.next = self.served.val();
        self.set.next = self.active.val();
        if !self.running.val() {
            self.set.next = self.turn.set.val();
        }
        self.ready.next = self.mcache.ready.val();
        self.begins.next = !self.running.val() && self.turn.found.val() && self.ready.val();
        if self.begins.val() {
            self.running.next = true;
            self.active.next = self.set.val();
            self.served.next = self.set.val();
        }

        // Its group.
        self.walk.images.next = self.images[0].val();
        self.walk.rows.next = self.rows[0].val();
        self.walk.cols.next = self.cols[0].val();
        self.walk.start_bank.next = self.bank[0].val();
        self.walk.start_addr.next = self.addr[0].val();
        self.walk.start_row.next = self.row[0].val();
        self.walk.start_col.next = self.col[0].val();
        self.in_rows_now.next = self.in_rows[0].val();
        self.in_cols_now.next = self.in_cols[0].val();
        self.k_now.next = self.k[0].val();
        self.steps_now.next = self.steps[0].val();
        self.first_group_now.next = self.first_group[0].val();
        self.last_group_now.next = self.last_group[0].val();
        self.zero_now.next = self.zero[0].val();
        for s in 1..self.sets.val() {
            if self.set.val() == s {
                self.walk.images.next = self.images[s].val();
                self.walk.rows.next = self.rows[s].val();
                self.walk.cols.next = self.cols[s].val();
                self.walk.start_bank.next = self.bank[s].val();
                self.walk.start_addr.next = self.addr[s].val();
                self.walk.start_row.next = self.row[s].val();
                self.walk.start_col.next = self.col[s].val();
                self.in_rows_now.next = self.in_rows[s].val();
                self.in_cols_now.next = self.in_cols[s].val();
                self.k_now.next = self.k[s].val();
                self.steps_now.next = self.steps[s].val();
                self.first_group_now.next = self.first_group[s].val();
                self.last_group_now.next = self.last_group[s].val();
                self.zero_now.next = self.zero[s].val();
            }
        }

        // The group's elements stand in a register when its first step is issued; rows and columns are compared a cycle later.
        self.k_q.next = self.k_now.val();
        self.in_rows_q.next = self.in_rows_now.val();
        self.in_cols_q.next = self.in_cols_now.val();

        // Steps. Whether one is the vector's last stands in a register.
        self.group_ends.next = self.running.val() && self.last_step.val() && self.walk.last.val();
        self.next_step.next = 0.into();
        self.last_step.next = self.steps_now.val() == 1;
        if self.running.val() && !self.last_step.val() {
            self.next_step.next = self.step.val() + 1;
            self.last_step.next =
                bit_cast_w(self.step.val(), self.k_count_w.val()) + 2 == self.steps_now.val();
        }
        self.step.next = self.next_step.val();
        if self.group_ends.val() {
            self.running.next = false;
        }
        // While it stands idle it follows the set that would be granted.
        self.walk.load.next = !self.running.val();
        self.walk.advance.next = self.running.val() && self.last_step.val();
        self.walk.x_step.next = self.x_step.val();
        self.walk.y_addr.next = self.y_addr.val();
        self.walk.y_row.next = self.y_row.val();
        self.walk.y_bank.next = self.y_bank.val();
        self.walk.img_addr.next = self.img_addr.val();
        self.walk.wrap_addr.next = self.wrap_addr.val();
        for s in 0..self.sets.val() {
            self.grant[s].next = self.begins.val() && (self.set.val() == s);
            self.done[s].next = self.group_ends.val() && (self.active.val() == s);
        }
        self.busy.next = self.running.val();

        // Cycle z: addresses. What is out of range is gathered in three cycles: nobody waits for it.
        self.beyond_tile.next = self.running.val() && (self.walk.position.val() >= self.tile.val());
        self.out_of_range.next = self.beyond_tile.val() || self.banks.bad.val();
        for l in 0..self.lanes.val() {
            self.lane[l].load_reads.next = self.load.lane_reads[l].val();
            self.lane[l].load_matrix.next = self.load.lane_matrix[l].val();
            self.lane[l].load_step.next = self.load.step.val();
            self.lane[l].load_data.next = self.load.data.val();
            self.lane[l].next_step.next = self.next_step.val();
            self.lane[l].k.next = self.k_q.val();
            self.lane[l].base_bank.next = self.walk.bank.val();
            self.lane[l].base_addr.next = self.walk.addr.val();
            self.lane[l].base_row.next = self.walk.row.val();
            self.lane[l].base_col.next = self.walk.col.val();
            self.lane[l].in_rows.next = self.in_rows_q.val();
            self.lane[l].in_cols.next = self.in_cols_q.val();
            self.lane[l].wrap_addr.next = self.wrap_addr.val();
            self.banks.present[l].next = self.running.val() && self.lane[l].present.val();
            self.banks.reads[l].next = self.p_step[0].val() && self.lane[l].reads.val();
            self.banks.bank[l].next = self.lane[l].bank.val();
            self.banks.addr[l].next = self.lane[l].addr.val();
            self.read_addr[l].next = self.banks.read_addr[l].val();
        }
        self.range_error.next = self.out_of_range.val();
        self.p_step[0].next = self.running.val() && !self.clear.val();
        self.p_first[0].next = !self.step.val().any();
        self.p_last[0].next = self.last_step.val();
        self.p_set[0].next = self.active.val();
        for i in 1..self.element_at.val() {
            self.p_step[i].next = self.p_step[i - 1].val() && !self.clear.val();
            self.p_first[i].next = self.p_first[i - 1].val();
            self.p_last[i].next = self.p_last[i - 1].val();
        }
        for i in 1..self.read_cycles.val() {
            self.p_set[i].next = self.p_set[i - 1].val();
        }
        self.adds.next = self.p_step[self.element_at.val() - 1].val();
        self.adds_first.next = self.p_first[self.element_at.val() - 1].val();
        self.adds_last.next = self.p_last[self.element_at.val() - 1].val();

        // Elements, projections, non-zero mask.
        self.rpq.clear.next = self.clear.val();
        self.rpq.mode.next = self.reuse.val();
        self.rpq.projections.next = self.projections.val();
        self.rpq.sig_bits.next = self.sig_bits.val();
        self.rpq.sig_shift.next = self.sig_shift.val();
        self.rpq.step.next = self.adds.val();
        self.rpq.first.next = self.adds_first.val();
        self.rpq.last.next = self.adds_last.val();
        self.mask_now.next = self.all_mask.val();
        if self.adds_first.val() {
            self.mask_now.next = 0.into();
        }
        for l in 0..self.lanes.val() {
            for b in 0..self.lanes.val() {
                self.lane[l].word[b].next = self.read_x[b].val();
                for s in 1..self.sets.val() {
                    if self.p_set[self.read_cycles.val() - 1].val() == s {
                        self.lane[l].word[b].next = self.read_x[s * self.lanes.val() + b].val();
                    }
                }
            }
            self.rpq.x[l].next = self.lane[l].x.val();
            self.rpq.column[l].next = self.lane[l].column.val();
            if self.lane[l].x_any.val() {
                self.mask_now.next = self
                    .mask_now
                    .val()
                    .replace_bit(self.lane[l].x_k.val().index(), true);
            }
        }
        if self.adds.val() {
            self.all_mask.next = self.mask_now.val();
        }

        // The two cycles behind: signature, zero; then the MCACHE.
        self.rpq.k.next = unsigned_cast(self.info[self.k_stage.val()].val() >> self.k_at.val());
        self.all_zero.next = !self.all_mask.val().any();
        for r in 0..self.signature_cycles.val() {
            self.all_zero.next = !self.mask[r].val().any();
        }
        self.mask[0].next = self.all_mask.val();
        for i in 1..self.mask_stages.val() {
            self.mask[i].next = self.mask[i - 1].val();
        }
        self.mcache.clear.next = self.clear.val();
        self.looks_up.next = self.reuse.val() > self.zero_mode.val();
        self.skips_zero.next = self.zero_skip.val();
        self.mcache.looks_up.next = self.looks_up.val();
        self.mcache.valid.next = self.rpq.valid.val();
        self.mcache.last.next = self.info[self.signature_at.val()]
            .val()
            .get_bit(self.last_at.val());
        self.mcache.zero.next = self.all_zero.val() && self.skips_zero.val();
        self.mcache.signature.next = self.rpq.signature.val();

        // What travels along.
        self.info_now.next = bit_cast_w(
            bit_cast_w(self.walk.position.val(), self.position_w.val()),
            self.info_w.val(),
        ) | (bit_cast_w(
            bit_cast_w(self.walk.addr.val(), self.feature_w.val()),
            self.info_w.val(),
        ) << self.addr_at.val())
            | (bit_cast_w(self.walk.bank.val(), self.info_w.val()) << self.bank_at.val())
            | (bit_cast_w(self.active.val(), self.info_w.val()) << self.set_at.val())
            | (bit_cast_w(self.k_q.val(), self.info_w.val()) << self.k_at.val());
        self.info[0].next = self
            .info_now
            .val()
            .replace_bit(self.first_at.val(), self.walk.first.val())
            .replace_bit(self.last_at.val(), self.walk.last.val())
            .replace_bit(self.first_group_at.val(), self.first_group_now.val())
            .replace_bit(self.last_group_at.val(), self.last_group_now.val())
            .replace_bit(self.zero_at.val(), self.zero_now.val());
        for i in 1..self.stages.val() {
            self.info[i].next = self.info[i - 1].val();
        }

        if self.clear.val() {
            self.running.next = false;
            self.served.next = self.last_set.val().into();
        }

        // Cycle z+5+d: the record.
        self.record.next = self.info[self.stages.val() - 1].val();
        self.record_valid.next = self.mcache.decided.val();
        self.record_state.next = self.mcache.state.val();
        self.record_entry.next = self.mcache.entry.val();
        self.record_signature.next = self.mcache.tag.val();
        for r in 0..self.record_cycles.val() {
            self.decided_q[r].next = self.mcache.decided.val() && !self.clear.val();
            self.state_q[r].next = self.mcache.state.val();
            self.entry_q[r].next = self.mcache.entry.val();
            self.tag_q[r].next = self.mcache.tag.val();
            self.record_valid.next = self.decided_q[r].val();
            self.record_state.next = self.state_q[r].val();
            self.record_entry.next = self.entry_q[r].val();
            self.record_signature.next = self.tag_q[r].val();
        }
        self.record_mask.next = self.mask[self.mask_stages.val() - 1].val();
        self.record_position.next = unsigned_cast(self.record.val());
        self.next_position.next = unsigned_cast(self.info[self.stages.val() - 2].val());
        self.record_addr.next = unsigned_cast(self.record.val() >> self.addr_at.val());
        self.record_bank.next = unsigned_cast(self.record.val() >> self.bank_at.val());
        self.record_set.next = unsigned_cast(self.record.val() >> self.set_at.val());
        self.record_first.next = self.record.val().get_bit(self.first_at.val());
        self.record_last.next = self.record.val().get_bit(self.last_at.val());
        self.record_first_group.next = self.record.val().get_bit(self.first_group_at.val());
        self.record_last_group.next = self.record.val().get_bit(self.last_group_at.val());
        self.record_zero.next = self.record.val().get_bit(self.zero_at.val());
    }
}
