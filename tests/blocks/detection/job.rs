//! Random reuse jobs on row banks, and what `docs/reuse.md` says their detection finds: plain loops over the features.

use crate::tiny;
use mercury::config::{Config, Issue, Tags};
use mercury::regmap::{Read, TileDescriptor};
use mercury::reuse::{Mode, State};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// A job's geometry, setting and tiles.
#[derive(Debug)]
pub struct Job {
    pub config: Config,
    pub mode: Mode,
    pub n: usize,
    pub bits: usize,
    pub shift: u32,
    pub matrix: Vec<Vec<i64>>,
    pub offsets: Vec<i64>,
    pub zero_skip: bool,
    pub wgrad: bool,
    pub stream: bool,
    pub redetect: bool,
    pub stride: usize,
    pub dilation: usize,
    pub kw: usize,
    pub kr: usize,
    pub kr_last: usize,
    pub chunks: usize,
    pub cg: usize,
    pub cg_last: usize,
    pub cgroups: usize,
    pub in_rows: usize,
    pub pitch: usize,
    pub img_addr: usize,
    pub plane: usize,
    pub slot_beats: usize,
    pub ring_slots: usize,
    pub list_slots: usize,
    pub list_positions: usize,
    /// Tiles of each set, in order.
    pub tiles: Vec<Vec<Tile>>,
}

/// A tile and its features by channel, image, row and column.
#[derive(Debug)]
pub struct Tile {
    pub descriptor: TileDescriptor,
    pub features: Vec<Vec<Vec<Vec<i64>>>>,
}

/// One group in the order of detection.
#[derive(Debug, Clone)]
pub struct Group {
    pub tile: usize,
    pub pass: usize,
    pub cgroup: usize,
    pub chunk: usize,
    pub steps: usize,
    pub positions: usize,
    pub records: Vec<Record>,
    pub items: Vec<Item>,
}

/// State, entry and signature of a position.
pub type Record = (State, usize, u128);

/// Kind, first, position, entry, bank, word of the first element, non-zero mask.
pub type Item = (usize, bool, usize, usize, usize, usize, u128);

impl Job {
    pub fn random(rng: &mut ChaCha8Rng) -> Job {
        let mut config = Config {
            detectors: 1,
            l: [1, 2, 3, 3][rng.random_range(0..4)],
            ..tiny()
        };
        config.mcache.tags = [
            Tags::LutRam,
            Tags::LutRamRegistered,
            Tags::LutRamCompared,
            Tags::BlockRam,
        ][rng.random_range(0..4)];
        config.issue = [Issue::Direct, Issue::Registered][rng.random_range(0..2)];
        let (kr, kw, cg): (usize, usize, usize) = [
            (1, 1, 1),
            (3, 3, 1),
            (2, 2, 2),
            (1, 3, 3),
            (2, 1, 4),
            (1, 2, 4),
        ][rng.random_range(0..6)];
        let chunks = if cg == 1 { rng.random_range(1..=3) } else { 1 };
        let cgroups = rng.random_range(1..=3);
        let (dilation, stride) = (rng.random_range(1..=3), rng.random_range(1..=2));
        let images = rng.random_range(1..=2);
        let in_rows: usize = rng.random_range(2..=4);
        let pitch: usize = rng.random_range(2..=4);
        let img_addr = in_rows.div_ceil(config.l) * pitch;
        let plane = 2 * img_addr;
        let slot_beats = (cg * plane).div_ceil(config.lanes());
        let most = config.bank_depth() / slot_beats;
        let stream = most < cgroups || rng.random_ratio(1, 4);
        let redetect = stream || rng.random_ratio(1, 2);
        let mode = [Mode::Zero, Mode::Sign, Mode::Step, Mode::Grid][rng.random_range(0..4)];
        let bits = if mode == Mode::Sign {
            1
        } else {
            rng.random_range(1..=4)
        };
        let fit = config.p_max.min(config.sig_w / bits);
        let k = cg * kr * kw;
        let (n, bits) = match mode {
            Mode::Grid => (k, bits.min(config.sig_w / k)),
            _ => (rng.random_range(1..=fit), bits),
        };
        let shift: u32 = rng.random_range(0..=4);
        let ternary = |rng: &mut ChaCha8Rng| [-1, 0, 0, 1][rng.random_range(0..4)];
        let matrix = |j: usize, k: usize, rng: &mut ChaCha8Rng| match mode {
            Mode::Grid => i64::from(j == k),
            _ => ternary(rng),
        };
        let mut job = Job {
            mode,
            n,
            bits,
            shift,
            matrix: (0..config.p_max)
                .map(|j| (0..config.k_max).map(|k| matrix(j, k, rng)).collect())
                .collect(),
            offsets: (0..config.p_max)
                .map(|_| match mode {
                    Mode::Step | Mode::Grid => rng.random_range(0..1 << shift),
                    _ => 0,
                })
                .collect(),
            zero_skip: rng.random_ratio(3, 4),
            wgrad: rng.random_ratio(1, 4),
            stream,
            redetect,
            stride,
            dilation,
            kw,
            kr,
            kr_last: rng.random_range(1..=kr),
            chunks,
            cg,
            cg_last: rng.random_range(1..=cg),
            cgroups,
            in_rows,
            pitch,
            img_addr,
            plane,
            slot_beats,
            ring_slots: if stream {
                rng.random_range(1..=most.min(3))
            } else {
                rng.random_range(cgroups..=most.min(cgroups + 2))
            },
            list_slots: 0,
            list_positions: 0,
            tiles: vec![],
            config,
        };
        if job.chunks == 1 {
            job.kr_last = job.kr;
        }
        job.tiles = (0..2)
            .map(|_| {
                let count = rng.random_range(0..=2);
                (0..count).map(|_| job.tile(images, rng)).collect()
            })
            .collect();
        if job.tiles[0].is_empty() {
            let tile = job.tile(images, rng);
            job.tiles[0].push(tile);
        }
        let tiles = job.tiles.iter().flatten();
        let longest = tiles.map(|t| t.descriptor.positions()).max().unwrap_or(1);
        let groups = job.cgroups * job.chunks;
        let least = if job.redetect { 1 } else { groups };
        let most = (job.config.list_words() / longest).min(255);
        job.list_slots = rng.random_range(least.min(most)..=most.min(least + 3));
        job.list_positions = longest;
        job
    }

    fn tile(&self, images: usize, rng: &mut ChaCha8Rng) -> Tile {
        let channels = (self.cgroups - 1) * self.cg + self.cg_last;
        let value = |rng: &mut ChaCha8Rng| match rng.random_range(0..12) {
            0 => rng.random_range(-40..40),
            1 => 1,
            2 => -1,
            _ => 0,
        };
        // At most 5 lists of a tile's positions must fit: groups are at most 9.
        let most = self.config.list_words() / 9 / images;
        let rows = rng.random_range(1..=2);
        let cols = rng.random_range(1..=(most / rows).clamp(1, 3));
        let (row_start, col_start) = (rng.random_range(-3..=1i64), rng.random_range(-2..=1i64));
        let l = self.config.l as i64;
        let start = row_start.div_euclid(l) * self.pitch as i64 + col_start;
        Tile {
            descriptor: TileDescriptor {
                images: images as u16,
                rows: rows as u16,
                cols: cols as u16,
                row_start: row_start as i16,
                col_start: col_start as i16,
                in_rows: self.in_rows as u16,
                in_cols: self.pitch as u16,
                start_bank: row_start.rem_euclid(l) as u16,
                start_addr: start as u16,
                passes: rng.random_range(1..=2),
                pes_last: 1,
                tag: 0,
                zero: rng.random_ratio(3, 4),
                drain: true,
            },
            features: (0..channels)
                .map(|_| {
                    (0..images)
                        .map(|_| {
                            (0..self.in_rows)
                                .map(|_| (0..self.pitch).map(|_| value(rng)).collect())
                                .collect()
                        })
                        .collect()
                })
                .collect(),
        }
    }

    /// Rows that a step may read: as many as lie in different banks.
    fn rows_a_step(&self) -> usize {
        let mut banks: Vec<usize> = (0..self.config.l)
            .map(|r| r * self.dilation % self.config.l)
            .collect();
        banks.sort();
        banks.dedup();
        banks.len()
    }

    /// Steps of a vector of so many channels and kernel rows.
    fn steps_of(&self, channels: usize, rows: usize) -> usize {
        channels * rows.div_ceil(self.rows_a_step()) * self.kw
    }

    /// K and T of a full group, in the last channel group, in the last chunk.
    pub fn sizes(&self) -> [(usize, usize); 3] {
        [
            (self.cg, self.kr),
            (self.cg_last, self.kr),
            (self.cg, self.kr_last),
        ]
        .map(|(c, r)| (c * r * self.kw, self.steps_of(c, r)))
    }

    /// The read program: lanes of each step.
    pub fn program(&self) -> Vec<Vec<Option<Read>>> {
        let (l, wide) = (self.config.l, self.rows_a_step());
        let mut steps = vec![];
        for c in 0..self.cg {
            for block in (0..self.kr).step_by(wide) {
                for kc in 0..self.kw {
                    let mut lanes = vec![None; l];
                    for (lane, r) in (block..self.kr.min(block + wide)).enumerate() {
                        let row = r * self.dilation;
                        let addr = c * self.plane + row / l * self.pitch + kc * self.dilation;
                        lanes[lane] = Some(Read {
                            k: ((c * self.kr + r) * self.kw + kc) as u8,
                            bank: (row % l) as u8,
                            addr: addr as u16,
                            row: row as u16,
                            col: (kc * self.dilation) as u16,
                        });
                    }
                    steps.push(lanes);
                }
            }
        }
        steps
    }

    /// All groups of a set in the order of detection.
    pub fn groups(&self, set: usize) -> Vec<Group> {
        let mut groups = vec![];
        let mut slot = 0usize;
        for (t, tile) in self.tiles[set].iter().enumerate() {
            let tile_slot = slot;
            let passes = if self.redetect {
                tile.descriptor.passes as usize
            } else {
                1
            };
            for pass in 0..passes {
                if !self.stream {
                    slot = tile_slot;
                }
                let mut touched = vec![false; tile.descriptor.positions()];
                for cgroup in 0..self.cgroups {
                    for chunk in 0..self.chunks {
                        groups.push(self.group(
                            (t, tile),
                            (pass, cgroup, chunk),
                            slot % self.ring_slots,
                            &mut touched,
                        ));
                    }
                    slot += 1;
                }
            }
        }
        groups
    }

    fn group(
        &self,
        (t, tile): (usize, &Tile),
        (pass, cgroup, chunk): (usize, usize, usize),
        slot: usize,
        touched: &mut [bool],
    ) -> Group {
        let d = &tile.descriptor;
        let (channels, l) = (
            [self.cg, self.cg_last][usize::from(cgroup + 1 == self.cgroups)],
            self.config.l as i64,
        );
        let rows = [self.kr, self.kr_last][usize::from(chunk + 1 == self.chunks)];
        let last = cgroup + 1 == self.cgroups && chunk + 1 == self.chunks;
        let zero = d.zero && !self.wgrad;
        let mut cache: Vec<(u128, usize)> = vec![];
        let (mut records, mut items) = (vec![], vec![]);
        for (i, touched) in touched.iter_mut().enumerate().take(d.positions()) {
            let (row, x) = (i / d.cols as usize, i % d.cols as usize);
            let (img, y) = (row / d.rows as usize, row % d.rows as usize);
            let row =
                i64::from(d.row_start) + (chunk * self.kr * self.dilation + y * self.stride) as i64;
            let col = i64::from(d.col_start) + (x * self.stride) as i64;
            let mut vector = vec![];
            for c in 0..channels {
                for r in 0..rows {
                    for kc in 0..self.kw {
                        let (r, kc) = ((r * self.dilation) as i64, (kc * self.dilation) as i64);
                        let image = &tile.features[cgroup * self.cg + c][img];
                        let line = usize::try_from(row + r).ok().and_then(|r| image.get(r));
                        let at = usize::try_from(col + kc).ok();
                        let x = line.zip(at).and_then(|(line, c)| line.get(c));
                        vector.push(x.copied().unwrap_or(0));
                    }
                }
            }
            let record = self.decide(&vector, &mut cache);
            let word = (slot * self.slot_beats * self.config.lanes() + img * self.img_addr) as i64
                + row.div_euclid(l) * self.pitch as i64
                + col;
            let place = (
                row.rem_euclid(l) as usize,
                word.rem_euclid(self.config.feature_words as i64) as usize,
            );
            let mask = (0..vector.len()).fold(0u128, |m, k| m | u128::from(vector[k] != 0) << k);
            let kind = match record.0 {
                State::Hit => Some(0),
                State::Mau => Some(1),
                State::Mnu => Some(2),
                State::Zero => (zero && last && !*touched).then_some(3),
            };
            if let Some(kind) = kind {
                let first = zero && !*touched;
                items.push((kind, first, i, record.1, place.0, place.1, mask));
            }
            *touched |= record.0 != State::Zero;
            records.push(record);
        }
        Group {
            tile: t,
            pass,
            cgroup,
            chunk,
            steps: self.steps_of(channels, rows),
            positions: d.positions(),
            records,
            items,
        }
    }

    fn decide(&self, x: &[i64], cache: &mut Vec<(u128, usize)>) -> Record {
        if self.zero_skip && x.iter().all(|&v| v == 0) {
            return (State::Zero, 0, 0);
        }
        if self.mode == Mode::Zero {
            return (State::Mnu, 0, 0);
        }
        let mut signature = 0u128;
        for j in 0..self.n {
            let p: i64 = (0..x.len()).map(|k| self.matrix[j][k] * x[k]).sum();
            let field = match self.mode {
                Mode::Sign => i64::from(p < 0),
                Mode::Grid if j >= x.len() => 0,
                _ => (p + self.offsets[j]) >> self.shift & ((1 << self.bits) - 1),
            };
            signature |= (field as u128) << (j * self.bits);
        }
        if let Some((_, entry)) = cache.iter().find(|(s, _)| *s == signature) {
            return (State::Hit, *entry, signature);
        }
        let (sets, ways) = (self.config.mcache.sets, self.config.mcache.ways);
        let slices = (0..128).step_by(sets.ilog2() as usize);
        let set = slices.fold(0, |s, at| s ^ (signature >> at) as usize) % sets;
        let used = cache.iter().filter(|(_, e)| e / ways == set).count();
        if used == ways {
            return (State::Mnu, 0, signature);
        }
        cache.push((signature, set * ways + used));
        (State::Mau, set * ways + used, signature)
    }
}
