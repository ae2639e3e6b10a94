//! Detection in one PE set of the interpreter: the detector's program, signatures and decisions. See `docs/reuse.md`.

use anyhow::{Result, bail, ensure};

use super::super::Run;
use super::{Active, IMG, Point, Set, X, Y};
use crate::config::Config;
use crate::regmap::{JobRegs, Read, SegmentKind, TileDescriptor};
use crate::reuse::{Mode, Record, State};

/// What READS, MATRIX and OFFSETS brought.
#[derive(Default)]
pub(super) struct Detection {
    reads: Vec<Option<Read>>,
    matrix: Vec<u64>,
    offsets: Vec<i64>,
}

/// One vector of a group and the decision about it.
pub(super) struct Vector {
    pub record: Record,
    pub x: Vec<i64>,
}

/// Registers that reuse cannot work with.
pub(in super::super) fn check(regs: &JobRegs, config: &Config) -> Result<()> {
    if regs.reuse == 0 {
        return Ok(());
    }
    ensure!(config.reuse, "a reuse job without reuse hardware");
    ensure!(Mode::from_code(regs.reuse).is_some(), "mode {}", regs.reuse);
    let (n, bits) = (regs.projections as usize, regs.sig_bits as usize);
    ensure!(
        (1..=config.p_max).contains(&n) && (1..=4).contains(&bits) && n * bits <= config.sig_w,
        "{n} projections of {bits} bits"
    );
    ensure!(regs.sig_shift <= 20, "step of 2^{}", regs.sig_shift);
    let (positions, slots) = (regs.list_positions as usize, regs.list_slots as usize);
    ensure!(
        positions > 0 && slots > 0 && positions * slots <= config.list_words(),
        "{slots} lists of {positions} positions in {} words",
        config.list_words()
    );
    ensure!(
        regs.chunks == 1 || regs.cg == 1,
        "chunks of several channels"
    );
    ensure!(
        regs.redetect || !regs.stream_features,
        "streamed features, lists that stay"
    );
    ensure!(
        regs.redetect || regs.cgroups * regs.chunks <= slots as u32,
        "no progress: {} resident lists in {slots} places",
        regs.cgroups * regs.chunks
    );
    Ok(())
}

impl Detection {
    /// Takes one of the three segments.
    pub fn load(&mut self, kind: SegmentKind, run: &Run, payload: &[u8]) -> Result<()> {
        let words = payload.chunks_exact(run.config.bus_bytes()).map(|beat| {
            let low: [u8; 8] = beat[..8].try_into().expect("eight bytes");
            u64::from_le_bytes(low)
        });
        match kind {
            SegmentKind::Reads => self.reads = words.map(Read::unpack).collect(),
            SegmentKind::Matrix => self.matrix = words.collect(),
            SegmentKind::Offsets => self.offsets = words.map(|w| w as i64).collect(),
            _ => bail!("{kind:?} is not for the detector"),
        }
        Ok(())
    }

    /// Entry R[j] of a beat of MATRIX: two bits, two's complement.
    fn entry(&self, beat: usize, j: usize) -> i64 {
        [0, 1, -2, -1][(self.matrix[beat] >> (2 * j) & 3) as usize]
    }
}

/// Elements K and steps of the active group. At most one of the two "last" values differs from the full group's.
pub(super) fn group_size(a: &Active, regs: &JobRegs) -> (usize, usize) {
    let (mut k, mut steps) = (regs.group_k, regs.steps);
    if a.cgroup + 1 == regs.cgroups {
        (k, steps) = (k.min(regs.k_cg_last), steps.min(regs.steps_cg_last));
    }
    if a.chunk + 1 == regs.chunks {
        (k, steps) = (k.min(regs.k_kr_last), steps.min(regs.steps_kr_last));
    }
    (k.into(), steps.into())
}

/// MCACHE set of a signature: the XOR of its slices.
fn cache_set(signature: u128, config: &Config) -> usize {
    let bits = config.mcache.sets.ilog2() as usize;
    if bits == 0 {
        return 0;
    }
    let slices = (0..config.sig_w).step_by(bits);
    slices.fold(0, |set, bit| {
        set ^ (signature >> bit) as usize & (config.mcache.sets - 1)
    })
}

impl Set {
    /// The decisions about all vectors of a group, the MCACHE being empty at first.
    pub(super) fn detect(
        &self,
        a: &mut Active,
        slot: usize,
        elements: usize,
        run: &Run,
    ) -> Result<Vec<Vector>> {
        let (regs, config, tile) = (run.regs, run.config, a.tile);
        let (k, steps) = group_size(a, regs);
        ensure!(
            k == elements,
            "K is {k} for the detector, {elements} for the PEs"
        );
        ensure!(
            tile.positions() <= regs.list_positions as usize,
            "{} positions in a list of {}",
            tile.positions(),
            regs.list_positions
        );
        let mut cache = vec![Vec::new(); config.mcache.sets];
        let mut list = Vec::new();
        for image in 0..tile.images {
            for y in 0..tile.rows {
                for x in 0..tile.cols {
                    let first = a.walk.base[X];
                    let (vector, sums) = self.read(&tile, first, slot, [k, steps], run)?;
                    let record = decide(&vector, &sums, &mut cache, regs, config);
                    list.push(Vector { record, x: vector });
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
        Ok(list)
    }

    /// Runs the program of READS for the position with this first element: the vector and its projections.
    fn read(
        &self,
        tile: &TileDescriptor,
        first: Point,
        slot: usize,
        [k, steps]: [usize; 2],
        run: &Run,
    ) -> Result<(Vec<i64>, Vec<i64>)> {
        let (regs, l, program) = (run.regs, run.config.l, &self.detection);
        let n = regs.projections as usize;
        ensure!(
            program.reads.len() >= steps * l
                && program.matrix.len() >= steps * l
                && program.offsets.len() >= n,
            "a program of {} reads, {} columns, {} offsets for {steps} steps, {n} projections",
            program.reads.len(),
            program.matrix.len(),
            program.offsets.len()
        );
        let mut vector = vec![None; k];
        let mut sums = vec![0; n];
        for step in 0..steps {
            let mut busy = vec![false; l];
            for beat in step * l..(step + 1) * l {
                let Some(read) = program.reads[beat].filter(|r| (r.k as usize) < k) else {
                    continue;
                };
                let mut at = Point {
                    bank: first.bank + read.bank as u16,
                    addr: first.addr.wrapping_add(read.addr),
                    row: first.row.wrapping_add(read.row as i16),
                    col: first.col.wrapping_add(read.col as i16),
                };
                if at.bank >= l as u16 {
                    at.bank -= l as u16;
                    at.addr = at.addr.wrapping_add(regs.wrap_addr);
                }
                let bank = &mut busy[at.bank as usize];
                ensure!(!*bank, "two lanes of step {step} read bank {}", at.bank);
                *bank = true;
                let x = self.word(at, tile, slot, run)? as i64;
                let twice = vector[read.k as usize].replace(x).is_some();
                ensure!(!twice, "element {} is read twice", read.k);
                for (j, sum) in sums.iter_mut().enumerate() {
                    *sum += program.entry(beat, j) * x;
                }
            }
        }
        let vector: Option<Vec<i64>> = vector.into_iter().collect();
        let Some(vector) = vector else {
            bail!("{steps} steps do not read all {k} elements")
        };
        for (sum, offset) in sums.iter_mut().zip(&program.offsets) {
            *sum += match Mode::from_code(regs.reuse) {
                Some(Mode::Step | Mode::Grid) => *offset,
                _ => 0,
            };
        }
        Ok((vector, sums))
    }
}

/// One decision; `cache` holds the valid signatures of each MCACHE set by way.
fn decide(
    x: &[i64],
    sums: &[i64],
    cache: &mut [Vec<u128>],
    regs: &JobRegs,
    config: &Config,
) -> Record {
    let plain = |state| Record {
        state,
        entry: 0,
        signature: 0,
    };
    if regs.zero_skip && x.iter().all(|x| *x == 0) {
        return plain(State::Zero);
    }
    let mode = Mode::from_code(regs.reuse).expect("checked at START");
    if !mode.looks_up() {
        return plain(State::Mnu);
    }
    let mut signature = 0u128;
    for (j, sum) in sums.iter().enumerate() {
        if mode == Mode::Grid && j >= x.len() {
            break;
        }
        let (bits, value) = match mode {
            Mode::Sign => (1, (*sum < 0) as u128),
            _ => (regs.sig_bits, (sum >> regs.sig_shift) as u128),
        };
        for u in 0..bits as usize {
            signature |= (value >> u & 1) << (j * bits as usize + u);
        }
    }
    let (set, ways) = (cache_set(signature, config), config.mcache.ways);
    let tags = &mut cache[set];
    let (state, way) = match tags.iter().position(|tag| *tag == signature) {
        Some(way) => (State::Hit, way),
        None if tags.len() < ways => {
            tags.push(signature);
            (State::Mau, tags.len() - 1)
        }
        None => {
            return Record {
                signature,
                ..plain(State::Mnu)
            };
        }
    };
    let entry = (set * ways + way) as u16;
    Record {
        state,
        entry,
        signature,
    }
}
