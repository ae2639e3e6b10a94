//! What a set does with a Hitmap list, cycle by cycle, in plain words; and random lists.

use mercury::blocks::item_walker::{CLEAR, HIT, MAU, MNU};
use mercury::config::Config;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// An item of a list.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    pub kind: usize,
    pub first: bool,
    pub position: usize,
    pub entry: usize,
    pub bank: usize,
    pub addr: usize,
    pub mask: u64,
}

/// The settings of a job, and of the one tile at hand.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    pub wgrad: bool,
    pub elem_skip: bool,
    pub zero: bool,
    pub passes: usize,
    /// Elements of a group, in the last channel group, in the last chunk.
    pub k: [usize; 3],
    pub positions: usize,
    pub wrap: usize,
}

/// What a cycle issues.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Issue {
    pub issue: bool,
    pub mac: bool,
    pub k: usize,
    pub position: usize,
    pub entry: usize,
    /// Bank and word, of a product.
    pub place: Option<(usize, usize)>,
    pub nonzero: bool,
    pub one: bool,
    pub vector_first: bool,
    pub update: bool,
    pub zero: bool,
    pub write: bool,
    pub add: bool,
    pub reuse: bool,
    pub factor: Option<(bool, bool)>,
}

/// The parts of a job that a group's work depends on.
pub struct Plain<'a> {
    pub config: &'a Config,
    pub job: &'a Job,
    pub table: &'a [(usize, usize)],
    pub wide: &'a [bool],
}

impl Plain<'_> {
    /// One round of products of a vector.
    pub fn round(&self, item: &Item, k: usize, all: bool, make: Issue) -> Vec<Issue> {
        let nonzero = |e: &usize| item.mask >> e & 1 != 0;
        let mut elements: Vec<usize> = (0..k).collect();
        if self.job.elem_skip && !all {
            elements.retain(nonzero);
            if elements.is_empty() {
                elements.push(0);
            }
        }
        let last = elements.len() - 1;
        let words = self.config.feature_words;
        let place = |e: usize| {
            let (bank, addr) = (item.bank + self.table[e].0, item.addr + self.table[e].1);
            if bank >= self.config.l {
                (bank - self.config.l, (addr + self.job.wrap) % words)
            } else {
                (bank, addr % words)
            }
        };
        let issue = |(n, &e): (usize, &usize)| Issue {
            issue: true,
            mac: true,
            k: e,
            position: item.position,
            entry: item.entry,
            place: Some(place(e)),
            nonzero: nonzero(&e),
            vector_first: self.job.wgrad || n == 0,
            update: self.job.wgrad || n == last,
            ..make
        };
        elements.iter().enumerate().map(issue).collect()
    }

    /// All cycles of a group from its first item to its last cycle.
    pub fn group(&self, list: &[Item], k: usize) -> Vec<Issue> {
        let (job, mut cycles) = (self.job, Vec::new());
        let single = |item: &Item| Issue {
            issue: true,
            position: item.position,
            entry: item.entry,
            vector_first: true,
            ..Issue::default()
        };
        let mut must_overwrite = job.wgrad && job.zero;
        let mut entries: Vec<Item> = Vec::new();
        for item in list {
            match (item.kind, job.wgrad) {
                (HIT, false) => cycles.push(Issue {
                    update: true,
                    reuse: true,
                    zero: item.first,
                    ..single(item)
                }),
                (CLEAR, _) => cycles.push(Issue {
                    update: true,
                    zero: true,
                    ..single(item)
                }),
                (HIT | MAU, true) => {
                    cycles.push(Issue {
                        one: true,
                        write: true,
                        add: item.kind == HIT,
                        ..single(item)
                    });
                    if item.kind == MAU {
                        entries.push(*item);
                    }
                }
                (_, false) => {
                    let mut round = self.round(
                        item,
                        k,
                        false,
                        Issue {
                            zero: item.first,
                            ..Issue::default()
                        },
                    );
                    round.last_mut().unwrap().write = item.kind == MAU;
                    cycles.extend(round);
                }
                (_, true) => {
                    let zero = std::mem::take(&mut must_overwrite);
                    cycles.extend(self.round(
                        item,
                        k,
                        zero,
                        Issue {
                            zero,
                            ..Issue::default()
                        },
                    ));
                }
            }
        }
        if !entries.is_empty() {
            cycles.extend([Issue::default(); 5]);
        }
        for item in &entries {
            let rounds: &[_] = if self.wide[item.entry] {
                &[(true, false), (false, true)]
            } else {
                &[(false, false)]
            };
            for factor in rounds {
                let zero = std::mem::take(&mut must_overwrite);
                cycles.extend(self.round(
                    item,
                    k,
                    zero,
                    Issue {
                        zero,
                        factor: Some(*factor),
                        ..Issue::default()
                    },
                ));
            }
        }
        if list.is_empty() {
            if job.wgrad && job.zero {
                cycles.extend((0..k).map(|k| Issue {
                    issue: true,
                    k,
                    vector_first: true,
                    update: true,
                    zero: true,
                    ..Issue::default()
                }));
            } else {
                cycles.push(Issue::default());
            }
        }
        cycles
    }
}

/// The list of one group: entries are taken in order, and hit only after that.
pub fn list(rng: &mut ChaCha8Rng, config: &Config, job: &Job, k: usize) -> Vec<Item> {
    let mut taken: Vec<usize> = Vec::new();
    let mut free: Vec<usize> = (0..config.mcache.entries()).collect();
    let length = match rng.random_range(0..4) {
        0 => 0,
        1 => 1,
        _ => rng.random_range(0..=job.positions),
    };
    let item = |position| {
        let mut kind = [HIT, HIT, MAU, MNU, CLEAR][rng.random_range(0..5)];
        if kind == CLEAR && (job.wgrad || !job.zero)
            || kind == HIT && taken.is_empty()
            || kind == MAU && free.is_empty()
        {
            kind = MNU;
        }
        let entry = match kind {
            HIT => taken[rng.random_range(0..taken.len())],
            MAU => {
                taken.push(free.swap_remove(rng.random_range(0..free.len())));
                *taken.last().unwrap()
            }
            _ => 0,
        };
        let full = (1 << k) - 1;
        let mask = match rng.random_range(0..4) {
            0 => full,
            1 => 0,
            2 => 1 << rng.random_range(0..k),
            _ => rng.random_range(0..=full),
        };
        Item {
            kind,
            first: job.zero && !job.wgrad && rng.random(),
            position,
            entry,
            bank: rng.random_range(0..config.l),
            addr: rng.random_range(0..config.feature_words),
            mask,
        }
    };
    (0..length).map(item).collect()
}
