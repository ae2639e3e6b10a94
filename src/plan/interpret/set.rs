//! One PE set of the interpreter: buffers, rings, patch addressing, multiply-accumulate.

pub(super) mod detect;
mod reuse;

use anyhow::{Result, ensure};

use self::detect::{Detection, Vector};
use self::reuse::Trace;
use super::Run;
use crate::config::Config;
use crate::regmap::{JobRegs, OutHeader, SegmentHeader, SegmentKind, TileDescriptor};

/// A place in the feature buffer and in the image.
#[derive(Clone, Copy, Default)]
struct Point {
    bank: u16,
    addr: u16,
    row: i16,
    col: i16,
}

/// Loop levels, inner to outer; indices of [`Walk`].
const LEVELS: usize = 7;
const KC: usize = 0;
const KR: usize = 1;
const C: usize = 2;
const X: usize = 3;
const Y: usize = 4;
const IMG: usize = 5;
const CHUNK: usize = 6;

/// Patch addressing: one base for each loop level.
struct Walk {
    base: [Point; LEVELS],
    step: [Point; LEVELS],
    banks: u16,
    wrap: u16,
}

impl Walk {
    fn new(regs: &JobRegs, banks: usize, start: Point) -> Walk {
        let point = |bank: u8, addr, row: u16, col: u16| Point {
            bank: bank as u16,
            addr,
            row: row as i16,
            col: col as i16,
        };
        let mut step = [Point::default(); LEVELS];
        step[KC] = point(0, regs.kc_step, 0, regs.kc_step);
        step[KR] = point(regs.kr_bank, regs.kr_addr, regs.kr_row, 0);
        step[C] = point(regs.c_bank, regs.c_addr, 0, 0);
        step[X] = point(0, regs.x_step, 0, regs.x_step);
        step[Y] = point(regs.y_bank, regs.y_addr, regs.y_row, 0);
        step[IMG] = point(0, regs.img_addr, 0, 0);
        step[CHUNK] = point(regs.chunk_bank, regs.chunk_addr, regs.chunk_row, 0);
        Walk {
            base: [start; LEVELS],
            step,
            banks: banks as u16,
            wrap: regs.wrap_addr,
        }
    }

    /// One step at `level`: its new base is the new base of all inner levels too.
    fn advance(&mut self, level: usize) {
        let (mut p, inc) = (self.base[level], self.step[level]);
        p.bank += inc.bank;
        p.addr = p.addr.wrapping_add(inc.addr);
        if p.bank >= self.banks {
            p.bank -= self.banks;
            p.addr = p.addr.wrapping_add(self.wrap);
        }
        p.row = p.row.wrapping_add(inc.row);
        p.col = p.col.wrapping_add(inc.col);
        self.base[..=level].fill(p);
    }
}

/// A tile being computed.
struct Active {
    tile: TileDescriptor,
    pass: u16,
    cgroup: u32,
    chunk: u32,
    /// Psum row of the group's first element (weight gradient).
    group_base: usize,
    walk: Walk,
    /// Reuse: detected groups of the pass, and which positions have had an item in it.
    lists: Vec<Vec<Vector>>,
    touched: Vec<bool>,
}

/// Buffers and state of a PE set.
#[derive(Default)]
pub(super) struct Set {
    /// Words of each feature bank.
    features: Vec<Vec<i16>>,
    /// Weight ring of each PE.
    weights: Vec<Vec<i16>>,
    /// Two banks of TILE rows of C psums.
    psums: [Vec<Vec<i64>>; 2],
    ptr: usize,
    fill: Rings,
    pending: Option<TileDescriptor>,
    active: Option<Active>,
    detection: Detection,
    pub trace: Trace,
}

/// Fill levels and pointers, cleared at START.
#[derive(Clone, Copy, Default)]
struct Rings {
    slot_write: usize,
    slot_read: usize,
    slots: usize,
    slot_position: usize,
    weight_write: usize,
    weight_read: usize,
    weights_used: usize,
    weight_groups: usize,
    operand: bool,
}

impl Set {
    /// A set after reset.
    pub fn new(config: &Config) -> Set {
        Set {
            features: vec![vec![0; config.feature_words]; config.l],
            weights: vec![vec![0; config.weight_words]; config.pes],
            psums: [(); 2].map(|()| vec![vec![0; config.pes]; config.tile]),
            ..Set::default()
        }
    }

    /// START: rings and tile queue are empty; psums and their pointer stay.
    pub fn start(&mut self) {
        (self.fill, self.pending, self.active) = (Rings::default(), None, None);
        (self.detection, self.trace) = (Detection::default(), Trace::default());
    }

    /// No tile in work and none waiting.
    pub fn is_idle(&self) -> bool {
        self.active.is_none() && self.pending.is_none()
    }

    /// Takes a tile descriptor.
    pub fn load_tile(&mut self, payload: &[u8]) -> Result<()> {
        ensure!(
            self.pending.is_none(),
            "no progress: a second tile waits for a set whose tile lacks data"
        );
        let word = |i: usize| u16::from_le_bytes([payload[2 * i], payload[2 * i + 1]]);
        self.pending = Some(TileDescriptor::from_words(&std::array::from_fn(word)));
        Ok(())
    }

    /// Takes a part of the detector's program.
    pub fn load_detection(&mut self, kind: SegmentKind, run: &Run, payload: &[u8]) -> Result<()> {
        ensure!(run.regs.reuse != 0, "{kind:?} in a dense job");
        ensure!(
            self.is_idle(),
            "no progress: {kind:?} for a set whose tile lacks data"
        );
        self.detection.load(kind, run, payload)
    }

    /// Takes one bank's beats of a feature slot.
    pub fn load_features(
        &mut self,
        run: &Run,
        header: &SegmentHeader,
        payload: &[u8],
    ) -> Result<()> {
        let (regs, lanes, bank) = (run.regs, run.config.lanes(), header.bank as usize);
        ensure!(
            self.fill.slots < regs.ring_slots as usize,
            "no progress: all feature slots are full and in use"
        );
        let (beats, start) = (
            payload.len() / run.config.bus_bytes(),
            self.fill.slot_write * regs.slot_beats as usize,
        );
        ensure!(
            bank < self.features.len() && beats <= regs.slot_beats as usize,
            "bank {bank}, {beats} beats"
        );
        ensure!(
            start + beats <= run.config.bank_depth(),
            "features beyond the buffer"
        );
        for i in 0..beats * lanes {
            self.features[bank][start * lanes + i] = run.operand(payload, i);
        }
        if header.slot_end {
            self.fill.slots += 1;
            self.fill.slot_write = (self.fill.slot_write + 1) % regs.ring_slots as usize;
        }
        Ok(())
    }

    /// Takes the weights of one group.
    pub fn load_weights(&mut self, run: &Run, payload: &[u8]) -> Result<()> {
        let rows = run.rows(payload)?;
        ensure!(
            self.fill.weights_used + rows <= run.config.weight_words,
            "no progress: the weight ring is full"
        );
        for row in 0..rows {
            for (ring, value) in self.weights.iter_mut().zip(run.operand_row(payload, row)) {
                ring[self.fill.weight_write] = value;
            }
            self.fill.weight_write = (self.fill.weight_write + 1) % run.config.weight_words;
        }
        self.fill.weights_used += rows;
        self.fill.weight_groups += 1;
        Ok(())
    }

    /// Takes the operand rows of a tile.
    pub fn load_operand(&mut self, run: &Run, payload: &[u8]) -> Result<()> {
        let rows = run.rows(payload)?;
        ensure!(
            run.regs.wgrad && rows <= run.config.tile,
            "{rows} operand rows, wgrad {}",
            run.regs.wgrad
        );
        ensure!(
            !self.fill.operand,
            "no progress: the operand bank is in use"
        );
        for row in 0..rows {
            let values = run.operand_row(payload, row);
            self.psums[1 - self.ptr][row] = values.into_iter().map(i64::from).collect();
        }
        self.fill.operand = true;
        Ok(())
    }

    /// Computes as many groups as the data allow.
    pub fn advance(&mut self, number: usize, run: &mut Run) -> Result<()> {
        loop {
            if self.active.is_none() {
                let Some(tile) = self.pending.take() else {
                    return Ok(());
                };
                let positions = tile.positions();
                ensure!(
                    (1..=run.config.tile).contains(&positions),
                    "a tile of {positions} positions"
                );
                ensure!(
                    tile.drain || tile.passes == 1,
                    "{} passes without drain",
                    tile.passes
                );
                let walk = Walk::new(run.regs, run.config.l, Point::default());
                self.active = Some(Active {
                    tile,
                    pass: 0,
                    cgroup: 0,
                    chunk: 0,
                    group_base: 0,
                    walk,
                    lists: vec![],
                    touched: vec![],
                });
            }
            let data = if run.regs.wgrad {
                self.fill.operand
            } else {
                self.fill.weight_groups > 0
            };
            if self.fill.slot_position >= self.fill.slots || !data {
                return Ok(());
            }
            let mut active = self.active.take().expect("set above");
            self.group(&mut active, run)?;
            if !self.next_group(&mut active, number, run) {
                self.active = Some(active);
            }
        }
    }

    /// All elements of one group.
    fn group(&mut self, a: &mut Active, run: &mut Run) -> Result<()> {
        let (regs, tile) = (run.regs, a.tile);
        let slots = regs.ring_slots as usize;
        let slot =
            (self.fill.slot_read + self.fill.slot_position) % slots * regs.slot_beats as usize;
        if a.chunk == 0 {
            let start = Point {
                bank: tile.start_bank,
                addr: ((slot * run.config.lanes()) as u16).wrapping_add(tile.start_addr),
                row: tile.row_start,
                col: tile.col_start,
            };
            a.walk = Walk::new(regs, run.config.l, start);
        }
        let channels = if a.cgroup + 1 == regs.cgroups {
            regs.cg_last
        } else {
            regs.cg
        };
        let kernel_rows = if a.chunk + 1 == regs.chunks {
            regs.kr_last
        } else {
            regs.kr
        };
        let elements = channels as usize * kernel_rows as usize * regs.kw as usize;
        let last_pass = a.pass + 1 == tile.passes;
        let pes = if last_pass {
            tile.pes_last as usize
        } else {
            run.config.pes
        };
        if regs.reuse != 0 {
            self.reuse_group(a, slot, elements, pes, run)?;
        } else {
            self.dense_group(a, slot, [channels, kernel_rows], elements, run)?;
            let issues = tile.positions() * elements;
            run.counts.elements += issues as u64;
            run.counts.macs += (issues * pes) as u64;
        }
        if regs.wgrad {
            a.group_base += elements;
        } else {
            self.fill.weight_read = (self.fill.weight_read + elements) % run.config.weight_words;
            self.fill.weights_used -= elements;
            self.fill.weight_groups -= 1;
        }
        Ok(())
    }

    /// Every element of every position.
    fn dense_group(
        &mut self,
        a: &mut Active,
        slot: usize,
        [channels, kernel_rows]: [u16; 2],
        elements: usize,
        run: &Run,
    ) -> Result<()> {
        let (regs, tile) = (run.regs, a.tile);
        let mut position = 0;
        for image in 0..tile.images {
            for y in 0..tile.rows {
                for x in 0..tile.cols {
                    let mut k = 0;
                    for c in 0..channels {
                        for row in 0..kernel_rows {
                            for col in 0..regs.kw {
                                let value = self.word(a.walk.base[KC], &tile, slot, run)? as i64;
                                self.multiply(a, value, position, k, elements, run)?;
                                k += 1;
                                if col + 1 < regs.kw {
                                    a.walk.advance(KC);
                                }
                            }
                            if row + 1 < kernel_rows {
                                a.walk.advance(KR);
                            }
                        }
                        if c + 1 < channels {
                            a.walk.advance(C);
                        }
                    }
                    position += 1;
                    if x + 1 < tile.cols {
                        a.walk.advance(X);
                    }
                }
                if y + 1 < tile.rows {
                    a.walk.advance(Y);
                }
            }
            if image + 1 < tile.images {
                a.walk.advance(IMG);
            }
        }
        Ok(())
    }

    /// The element at a place, 0 outside of the image.
    fn word(&self, p: Point, tile: &TileDescriptor, slot: usize, run: &Run) -> Result<i16> {
        let inside = |r: i16, size: u16| r >= 0 && (r as u16) < size;
        if !inside(p.row, tile.in_rows) || !inside(p.col, tile.in_cols) {
            return Ok(0);
        }
        let lanes = run.config.lanes();
        let words = slot * lanes..(slot + run.regs.slot_beats as usize) * lanes;
        ensure!(
            words.contains(&(p.addr as usize)),
            "element at word {} outside of its slot {words:?}",
            p.addr
        );
        Ok(self.features[p.bank as usize][p.addr as usize])
    }

    /// One element in all PEs.
    fn multiply(
        &mut self,
        a: &Active,
        x: i64,
        position: usize,
        k: usize,
        elements: usize,
        run: &Run,
    ) -> Result<()> {
        let [bank0, bank1] = &mut self.psums;
        let (bank, other) = if self.ptr == 0 {
            (bank0, bank1)
        } else {
            (bank1, bank0)
        };
        let row = if run.regs.wgrad {
            a.group_base + k
        } else {
            position
        };
        ensure!(row < run.config.tile, "psum row {row}");
        // Forward: the first element of the first group starts a psum. Weight gradient: the first position of each group.
        let fresh = a.tile.zero
            && match run.regs.wgrad {
                true => position == 0,
                false => k == 0 && a.cgroup == 0 && a.chunk == 0,
            };
        debug_assert!(k < elements);
        for (pe, psum) in bank[row].iter_mut().enumerate() {
            let factor = match run.regs.wgrad {
                true => other[position][pe],
                false => {
                    self.weights[pe][(self.fill.weight_read + k) % run.config.weight_words] as i64
                }
            };
            *psum = if fresh { 0 } else { *psum } + factor * x;
        }
        Ok(())
    }

    /// Moves to the next group, slot, pass; true at the end of the tile.
    fn next_group(&mut self, a: &mut Active, number: usize, run: &mut Run) -> bool {
        let (regs, tile) = (run.regs, a.tile);
        a.chunk += 1;
        if a.chunk < regs.chunks {
            a.walk.advance(CHUNK);
            return false;
        }
        (a.chunk, a.cgroup) = (0, a.cgroup + 1);
        let last_pass = a.pass + 1 == tile.passes;
        if regs.stream_features || last_pass {
            self.fill.slots -= 1;
            self.fill.slot_read = (self.fill.slot_read + 1) % regs.ring_slots as usize;
        } else {
            self.fill.slot_position += 1;
        }
        if a.cgroup < regs.cgroups {
            return false;
        }
        self.fill.slot_position = 0;
        if tile.drain {
            let rows = if regs.wgrad {
                a.group_base
            } else {
                tile.positions()
            };
            let pes = if last_pass {
                tile.pes_last as usize
            } else {
                run.config.pes
            };
            let header = OutHeader {
                shift_mode: regs.shift_mode,
                set: number as u32,
                rows: rows as u32,
                tag: tile.tag.into(),
                pass: a.pass.into(),
            };
            run.drain(header, &self.psums[self.ptr], pes);
            self.ptr = 1 - self.ptr;
        }
        (a.cgroup, a.group_base, a.pass) = (0, 0, a.pass + 1);
        if last_pass {
            self.fill.operand = false;
        }
        last_pass
    }
}
