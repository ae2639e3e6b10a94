//! Random projection with quantisation: the signature of a vector.

use crate::config::{Config, Issue, count_width};
use crate::hdl::prelude::*;
use crate::reuse::{MAX_BITS, Mode};

/// Bits of the REUSE mode, as in its register.
pub const MODE_W: usize = 4;
/// Bits of the number of projections, as in its register.
pub const PROJECTIONS_W: usize = 8;
/// Bits of SIG_BITS, as in its register.
pub const SIG_BITS_W: usize = 4;
/// Bits of SIG_SHIFT, as in its register.
pub const SIG_SHIFT_W: usize = 5;
/// Bits of numbers of elements and of steps of a group, as in their registers.
pub const K_COUNT_W: usize = 8;
/// Bits of an offset o_j: below 2^q, q at most 20.
pub const OFFSET_W: usize = 20;

/// Adds up P_MAX ternary projections of a vector, L elements a step, and packs them into a signature.
///
/// ```text
///  x[0…L-1] ─────► 0, +x, −x ─► Σ ─► + ─► p_j ─► >> q, low b bits ─► mask ─► pack ─► signature
///  column[l] ─────────▲             ▲  │          or p_j < 0
///  offset[j] ── first step ─────────┴──┘                                    × P_MAX projections
///  (z+2)                              (z+3)                                       (z+4)
/// ```
///
/// **Latency** the words of a vector's last step in cycle z+2 make the sums complete in z+3 (`k` is read in z+2) and
/// give `signature` and `valid` in z+4; with `issue = "registered"` each term of a step stands in a register first, then what the step
/// adds, so sums and `k` are two cycles later, and the signature three: the bits of each projection wait in registers. A vector may follow the one before without a gap.
/// The job's numbers and `offset` stand from two cycles before the first vector on.
/// **Back-pressure** none. **Parameters** `l` 1…15, `p_max` 1…32, `sig_w` p_max…128, `data_w` 8 or 16, `k_max` 1…64, `issue`:
/// sums have max(projection, 21) + 1 bits, so p_j + o_j never wraps.
/// Bits of projections j ≥ n, in `grid` also of j ≥ k, are 0; in `sign` offsets are ignored and b is 1; in `zero` the
/// signature is 0. Mode, projections, bits and shift are those of the cycle before: each unit keeps what they mean for
/// it in registers, because so many of its bits depend on them.
///
/// The test `rpq_gives_the_signature_of_every_vector` compares it with the formula of `docs/reuse.md`; the gate test
/// `rpq` its Verilog with it.
#[derive(LogicBlock)]
pub struct Rpq {
    /// START, or an error: nothing is on its way.
    pub clear: Bit<In>,
    /// Job: REUSE mode.
    pub mode: Sig<In>,
    /// Job: projections n.
    pub projections: Sig<In>,
    /// Job: bits b of a projection.
    pub sig_bits: Sig<In>,
    /// Job: right shift q.
    pub sig_shift: Sig<In>,
    /// Offsets o_j.
    pub offset: Vec<Sig<In>>,
    /// The words of a step are here (z+2).
    pub step: Bit<In>,
    /// It is the vector's first step.
    pub first: Bit<In>,
    /// It is the vector's last step.
    pub last: Bit<In>,
    /// Element of each lane, 0 where there is none.
    pub x: Vec<Sig<In>>,
    /// Its column of R: bits 2j+1…2j are 0 → 0, 1 → +1, 3 → −1.
    pub column: Vec<Sig<In>>,
    /// Elements K of the vector's group (z+2).
    pub k: Sig<In>,
    /// A signature is complete (z+4).
    pub valid: Bit<Out>,
    /// The signature (z+4).
    pub signature: Sig<Out>,
    sum: Vec<Reg>,
    next_sum: Vec<Sig<Local>>,
    step_sum: Vec<Reg>,
    base: Vec<Sig<Local>>,
    partial: Vec<Sig<Local>>,
    step_q: Vec<BitReg>,
    first_q: Vec<BitReg>,
    last_q: Vec<BitReg>,
    adds: Bit<Local>,
    adds_first: Bit<Local>,
    adds_last: Bit<Local>,
    registered: Param,
    steps: Param,
    directs: Param,
    term: Vec<Sig<Local>>,
    term_q: Vec<Reg>,
    shifted: Vec<Sig<Local>>,
    complete: BitReg,
    field: Vec<Sig<Local>>,
    field_q: Vec<Reg>,
    bits: Vec<Sig<Local>>,
    complete_q: Vec<BitReg>,
    packs: Bit<Local>,
    sig: Sig<Local>,
    sig_valid: BitReg,
    sig_out: Reg,
    looks_up: Bit<Local>,
    begin: Vec<Reg>,
    is_sign: BitReg,
    is_grid: BitReg,
    bits1: BitReg,
    bits2: BitReg,
    bits3: BitReg,
    shift: Reg,
    counts: Vec<BitReg>,
    live: Vec<BitReg>,
    lanes: Param,
    shift_w: Param,
    p_max: Param,
    fit2: Param,
    fit3: Param,
    fit4: Param,
    sign_code: Param,
    step_code: Param,
    grid_code: Param,
    about: About,
}

/// Literal of a mode's number.
pub(super) fn code(mode: Mode) -> Param {
    Param::new(mode.code() as usize)
}

impl Rpq {
    /// The block of this configuration.
    pub fn new(config: &Config) -> Self {
        let sum_w = config.projection_w().max(OFFSET_W + 1) + 1;
        let registered = usize::from(config.issue == Issue::Registered);
        let steps = config.step_cycles();
        // A step adds L elements, each with a sign; below them stands a carry.
        let step_w = config.data_w + count_width(config.l) + 1;
        let term_w = if registered == 1 {
            config.data_w + 1
        } else {
            sum_w + 1
        };
        let chain =
            || -> Vec<Sig<Local>> { (0..config.p_max).map(|_| Sig::signed(sum_w + 1)).collect() };
        let flags = || (0..steps).map(|_| BitReg::new().without_reset()).collect();
        let fit = |bits: usize| Param::new(config.p_max.min(config.sig_w / bits));
        Rpq {
            clear: Bit::new(),
            mode: Sig::unsigned(MODE_W),
            projections: Sig::unsigned(PROJECTIONS_W),
            sig_bits: Sig::unsigned(SIG_BITS_W),
            sig_shift: Sig::unsigned(SIG_SHIFT_W),
            offset: (0..config.p_max).map(|_| Sig::unsigned(OFFSET_W)).collect(),
            step: Bit::new(),
            first: Bit::new(),
            last: Bit::new(),
            x: (0..config.l).map(|_| Sig::signed(config.data_w)).collect(),
            column: (0..config.l)
                .map(|_| Sig::unsigned(2 * config.p_max))
                .collect(),
            k: Sig::unsigned(K_COUNT_W),
            valid: Bit::new(),
            signature: Sig::unsigned(config.sig_w),
            sum: (0..config.p_max)
                .map(|_| Reg::signed(sum_w).without_reset())
                .collect(),
            next_sum: chain(),
            step_sum: (0..registered * config.p_max)
                .map(|_| Reg::signed(step_w).without_reset())
                .collect(),
            base: chain(),
            partial: (0..registered * config.p_max)
                .map(|_| Sig::signed(step_w))
                .collect(),
            step_q: (0..steps).map(|_| BitReg::new()).collect(),
            first_q: flags(),
            last_q: flags(),
            adds: Bit::new(),
            adds_first: Bit::new(),
            adds_last: Bit::new(),
            registered: Param::new(registered),
            steps: Param::new(steps),
            directs: Param::new(1 - registered),
            term: (0..config.p_max).map(|_| Sig::signed(term_w)).collect(),
            term_q: (0..registered * config.p_max * config.l)
                .map(|_| Reg::signed(term_w).without_reset())
                .collect(),
            shifted: (0..config.p_max).map(|_| Sig::signed(sum_w)).collect(),
            complete: BitReg::new(),
            field: (0..config.p_max).map(|_| Sig::unsigned(MAX_BITS)).collect(),
            field_q: (0..registered * config.p_max)
                .map(|_| Reg::unsigned(MAX_BITS).without_reset())
                .collect(),
            bits: (0..config.p_max).map(|_| Sig::unsigned(MAX_BITS)).collect(),
            complete_q: (0..registered).map(|_| BitReg::new()).collect(),
            packs: Bit::new(),
            sig: Sig::unsigned(config.sig_w),
            sig_valid: BitReg::new(),
            sig_out: Reg::unsigned(config.sig_w).without_reset(),
            looks_up: Bit::new(),
            begin: (0..config.p_max)
                .map(|_| Reg::unsigned(OFFSET_W).without_reset())
                .collect(),
            is_sign: BitReg::new().without_reset(),
            is_grid: BitReg::new().without_reset(),
            bits1: BitReg::new().without_reset(),
            bits2: BitReg::new().without_reset(),
            bits3: BitReg::new().without_reset(),
            shift: Reg::unsigned(SIG_SHIFT_W).without_reset(),
            counts: (0..config.p_max)
                .map(|_| BitReg::new().without_reset())
                .collect(),
            live: (0..config.p_max)
                .map(|_| BitReg::new().without_reset())
                .collect(),
            lanes: Param::new(config.l),
            shift_w: Param::new(SIG_SHIFT_W),
            p_max: Param::new(config.p_max),
            fit2: fit(2),
            fit3: fit(3),
            fit4: fit(4),
            sign_code: code(Mode::Sign),
            step_code: code(Mode::Step),
            grid_code: code(Mode::Grid),
            about: About::new(
                "rpq",
                "Random projection with quantisation: sums of ternary projections of a vector, a few elements a cycle, \
                 packed into its signature.",
            ),
        }
    }
}

impl Logic for Rpq {
    #[hdl_gen]
    fn update(&mut self) {
        // What the job's numbers mean here; they stand long before its first vector.
        self.is_sign.next = self.mode.val() == self.sign_code.val();
        self.is_grid.next = self.mode.val() == self.grid_code.val();
        self.looks_up.next = (self.mode.val() == self.sign_code.val())
            || (self.mode.val() == self.grid_code.val())
            || (self.mode.val() == self.step_code.val());
        self.bits1.next = (self.mode.val() == self.sign_code.val()) || (self.sig_bits.val() == 1);
        self.bits2.next = self.sig_bits.val() == 2;
        self.bits3.next = self.sig_bits.val() == 3;
        self.shift.next = self.sig_shift.val();
        for j in 0..self.p_max.val() {
            self.counts[j].next = self.looks_up.val() && (self.projections.val() > j);
            self.live[j].next = self.counts[j].val() && (!self.is_grid.val() || (self.k.val() > j));
        }

        // z+2: one step of every projection: its terms and what they add, in registers each if registered, and the sum.
        self.adds.next = self.step.val();
        self.adds_first.next = self.first.val();
        self.adds_last.next = self.last.val();
        for r in 0..self.registered.val() {
            self.step_q[r].next = self.step.val() && !self.clear.val();
            self.first_q[r].next = self.first.val();
            self.last_q[r].next = self.last.val();
        }
        for i in 1..self.steps.val() {
            self.step_q[i].next = self.step_q[i - 1].val() && !self.clear.val();
            self.first_q[i].next = self.first_q[i - 1].val();
            self.last_q[i].next = self.last_q[i - 1].val();
            self.adds.next = self.step_q[i].val();
            self.adds_first.next = self.first_q[i].val();
            self.adds_last.next = self.last_q[i].val();
        }
        for j in 0..self.p_max.val() {
            self.begin[j].next = 0.into();
            if !self.is_sign.val() {
                self.begin[j].next = self.offset[j].val();
            }
            self.base[j].next = signed_cast(self.sum[j].val());
            if self.adds_first.val() {
                self.base[j].next = signed_cast(self.begin[j].val());
            }
            // −x is x's complement and a carry, so that one adder does for both: below the sum stands a 1, below the word that is
            // added the carry. Here it is that word's own ...
            for _r in 0..self.directs.val() {
                self.next_sum[j].next = self.base[j].val() << 1;
                for l in 0..self.lanes.val() {
                    self.term[j].next = 0.into();
                    if self.column[l].val().get_bit(2 * j) {
                        self.term[j].next = signed_cast(self.x[l].val());
                    }
                    self.term[j].next = self.term[j].val() << 1;
                    if self.column[l].val().get_bit(2 * j + 1) {
                        self.term[j].next = !self.term[j].val();
                    }
                    self.next_sum[j].next =
                        self.next_sum[j].val().replace_bit(0, true) + self.term[j].val();
                }
            }
            // ... and here that of the lane before, so that one adder less stands in a row; the last lane's waits with their sum.
            // A term's lowest bit is its carry.
            for r in 0..self.registered.val() {
                for l in 0..self.lanes.val() {
                    self.term[j].next = 0.into();
                    if self.column[l].val().get_bit(2 * j) {
                        self.term[j].next = signed_cast(self.x[l].val());
                    }
                    self.term[j].next = self.term[j].val() << 1;
                    if self.column[l].val().get_bit(2 * j + 1) {
                        self.term[j].next = !self.term[j].val();
                    }
                    self.term_q[j * self.lanes.val() + l].next = self.term[j].val();
                }
                self.partial[j].next = signed_cast(self.term_q[j * self.lanes.val()].val());
                for l in 1..self.lanes.val() {
                    self.partial[j].next = self.partial[j].val().replace_bit(0, true)
                        + signed_cast(self.term_q[j * self.lanes.val() + l].val().replace_bit(
                            0,
                            self.term_q[j * self.lanes.val() + l - 1].val().get_bit(0),
                        ));
                }
                self.step_sum[j + r].next = self.partial[j].val().replace_bit(
                    0,
                    self.term_q[j * self.lanes.val() + self.lanes.val() - 1]
                        .val()
                        .get_bit(0),
                );
                self.next_sum[j].next = (self.base[j].val() << 1).replace_bit(0, true)
                    + signed_cast(self.step_sum[j + r].val());
            }
            if self.adds.val() {
                self.sum[j].next = signed_cast(self.next_sum[j].val() >> 1);
            }
        }
        self.complete.next = self.adds.val() && self.adds_last.val();

        // z+3: b bits of each.
        for j in 0..self.p_max.val() {
            // The longest shift first: each stage then makes only the bits that the next ones can reach.
            self.shifted[j].next = self.sum[j].val();
            for u in 0..self.shift_w.val() {
                if self.shift.val().get_bit(self.shift_w.val() - 1 - u) {
                    self.shifted[j].next =
                        self.shifted[j].val() >> (1 << (self.shift_w.val() - 1 - u));
                }
            }
            self.field[j].next = 0.into();
            if self.live[j].val() {
                self.field[j].next = unsigned_cast(self.shifted[j].val());
                if self.is_sign.val() {
                    self.field[j].next = 0.into();
                    if self.sum[j].val() < 0 {
                        self.field[j].next = 1.into();
                    }
                }
            }
        }
        self.packs.next = self.complete.val();
        for j in 0..self.p_max.val() {
            self.bits[j].next = self.field[j].val();
        }
        for r in 0..self.registered.val() {
            self.complete_q[r].next = self.complete.val() && !self.clear.val();
            self.packs.next = self.complete_q[r].val();
            for j in 0..self.p_max.val() {
                self.field_q[j + r].next = self.field[j].val();
                self.bits[j].next = self.field_q[j + r].val();
            }
        }
        self.sig.next = 0.into();
        if self.bits1.val() {
            for j in 0..self.p_max.val() {
                self.sig.next = self.sig.val().replace_bit(j, self.bits[j].val().get_bit(0));
            }
        } else if self.bits2.val() {
            for j in 0..self.fit2.val() {
                for u in 0..2 {
                    self.sig.next = self
                        .sig
                        .val()
                        .replace_bit(j * 2 + u, self.bits[j].val().get_bit(u));
                }
            }
        } else if self.bits3.val() {
            for j in 0..self.fit3.val() {
                for u in 0..3 {
                    self.sig.next = self
                        .sig
                        .val()
                        .replace_bit(j * 3 + u, self.bits[j].val().get_bit(u));
                }
            }
        } else {
            for j in 0..self.fit4.val() {
                for u in 0..4 {
                    self.sig.next = self
                        .sig
                        .val()
                        .replace_bit(j * 4 + u, self.bits[j].val().get_bit(u));
                }
            }
        }
        self.sig_valid.next = self.packs.val() && !self.clear.val();
        if self.packs.val() {
            self.sig_out.next = self.sig.val();
        }
        if self.clear.val() {
            self.complete.next = false;
        }

        // z+4.
        self.valid.next = self.sig_valid.val();
        self.signature.next = self.sig_out.val();
    }
}
