//! The list reader alone: order, places and times of its tokens. With the walker behind it: `walker.rs`.

use crate::{rng, set, sim, tiny};
use mercury::blocks::list_reader::ListReader;
use mercury::hdl::Sim;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// One token in order of use.
#[derive(Clone, Copy, Debug)]
struct Token {
    tile: usize,
    /// Number of its list in order of detection.
    list: usize,
    index: usize,
    empty: bool,
    last: bool,
    /// Its group is of the last chunk, or, without chunks, of the last channel group.
    cut: bool,
    /// Its list is not needed after it.
    releases: bool,
}

/// A job: ring, loops, and the tiles with the lengths of their lists.
struct Job {
    slots: usize,
    positions: usize,
    cgroups: usize,
    chunks: usize,
    redetect: bool,
    /// Passes and positions of each tile.
    tiles: Vec<(usize, usize)>,
    /// Items of every list, in order of detection.
    lengths: Vec<usize>,
    /// Tile of every list.
    tile_of: Vec<usize>,
}

impl Job {
    fn random(rng: &mut ChaCha8Rng) -> Job {
        let config = tiny();
        let (cgroups, chunks): (usize, usize) = (rng.random_range(1..=2), rng.random_range(1..=2));
        let redetect = rng.random();
        let least = if redetect { 1 } else { cgroups * chunks };
        let slots = rng.random_range(least..=least + 3);
        let most = (config.list_words() / slots).min(config.tile);
        let positions = if rng.random() {
            most
        } else {
            rng.random_range(1..=most)
        };
        let tiles: Vec<_> = (0..rng.random_range(1..=4))
            .map(|_| (rng.random_range(1..=3), rng.random_range(1..=positions)))
            .collect();
        let (mut lengths, mut tile_of) = (vec![], vec![]);
        for (tile, (passes, positions)) in tiles.iter().enumerate() {
            let detected = if redetect { *passes } else { 1 };
            for _ in 0..detected * cgroups * chunks {
                lengths.push(match rng.random_range(0..3) {
                    0 => 0,
                    1 => *positions,
                    _ => rng.random_range(0..=*positions),
                });
                tile_of.push(tile);
            }
        }
        Job {
            slots,
            positions,
            cgroups,
            chunks,
            redetect,
            tiles,
            lengths,
            tile_of,
        }
    }

    fn tokens(&self) -> Vec<Token> {
        let (mut tokens, mut first) = (vec![], 0);
        let groups = self.cgroups * self.chunks;
        for (tile, (passes, _)) in self.tiles.iter().enumerate() {
            for pass in 0..*passes {
                for group in 0..groups {
                    let again = if self.redetect { pass * groups } else { 0 };
                    let list = first + again + group;
                    let length = self.lengths[list];
                    let (cgroup, chunk) = (group / self.chunks, group % self.chunks);
                    let cut = match self.chunks {
                        1 => cgroup + 1 == self.cgroups,
                        chunks => chunk + 1 == chunks,
                    };
                    for index in 0..length.max(1) {
                        let last = index + 1 >= length;
                        let over = self.redetect || pass + 1 == *passes;
                        let (empty, releases) = (length == 0, last && over);
                        tokens.push(Token {
                            tile,
                            list,
                            index,
                            empty,
                            last,
                            cut,
                            releases,
                        });
                    }
                }
            }
            first += groups * if self.redetect { *passes } else { 1 };
        }
        tokens
    }
}

/// Cycles of what happens: of the lists' last records, of the tiles' begins, of the token that is there.
struct Times {
    done: Vec<usize>,
    begun: Vec<usize>,
    /// The current token shows from here on.
    shows: Option<usize>,
}

/// The address of a token: after the consumption of the one before (in that cycle already), the end of its list and
/// the begin of its tile, each known a cycle later. It shows one cycle after that.
fn shows(token: &Token, times: &Times, consumed: usize) -> Option<usize> {
    let list = times.done.get(token.list)?;
    let tile = times.begun.get(token.tile)?;
    Some(consumed.max(list + 1).max(tile + 1) + 1)
}

fn run(seed: u64, eager: bool) -> [usize; 4] {
    let mut rng = rng(seed);
    let job = Job::random(&mut rng);
    let tokens = job.tokens();
    let mut sim: Sim<ListReader> = sim(ListReader::new(&tiny()));
    set(&mut sim.cgroups, job.cgroups as i128);
    set(&mut sim.chunks, job.chunks as i128);
    set(&mut sim.list_slots, job.slots as i128);
    set(&mut sim.list_positions, job.positions as i128);
    sim.redetect.next = job.redetect;
    sim.clear.next = true;
    sim.clock();
    sim.clear.next = false;
    sim.clock();
    let mut times = Times {
        done: vec![],
        begun: vec![],
        shows: None,
    };
    // Token that comes next, cycle of the consumption before, lists that wait for their release, lists released.
    let (mut next, mut consumed, mut over, mut released) = (0, 0, 0, 0);
    let (mut addressed, mut met) = (0, [0; 4]);
    for cycle in 0..4000 {
        let chance = |rng: &mut ChaCha8Rng| eager || rng.random_ratio(1, 2);
        let finished = next == tokens.len();
        if finished && released == job.lengths.len() {
            return met;
        }
        // A list is detected if the ring has room for it.
        let room = times.done.len() < (released + job.slots).min(job.lengths.len());
        let detects = room && chance(&mut rng);
        sim.list_done.next = detects;
        if detects {
            let tile = job.tile_of[times.done.len()];
            set(&mut sim.list_last_position, job.tiles[tile].1 as i128 - 1);
            let length = job.lengths[times.done.len()];
            set(&mut sim.list_items, length as i128);
            sim.list_at_last.next = length <= 1;
            sim.list_is_empty.next = length == 0;
        }
        // A tile begins when the one before has no token left.
        let begins = !finished && tokens[next].tile == times.begun.len() && chance(&mut rng);
        sim.tile_begins.next = begins;
        let releases = over > released && chance(&mut rng);
        sim.released.next = releases;
        let there = times.shows.is_some_and(|shows| cycle >= shows);
        let consumes = there && chance(&mut rng);
        sim.consume.next = consumes;
        sim.settle();
        let slot = sim.count_slot.val().to_u64() as usize;
        // The length of the list that is asked for: the latest one in this slot.
        let latest = (0..times.done.len())
            .rev()
            .find(|list| list % job.slots == slot);
        let length = latest.map_or(0, |list| job.lengths[list]);
        set(&mut sim.item_count, length as i128);
        sim.count_at_last.next = length <= 1;
        sim.count_is_empty.next = length == 0;
        sim.settle();
        assert_eq!(
            sim.token.val(),
            there,
            "seed {seed}, cycle {cycle}: token {next}"
        );
        if there {
            let token = &tokens[next];
            assert_eq!(sim.empty.val(), token.empty, "seed {seed}, cycle {cycle}");
            assert_eq!(sim.last.val(), token.last, "seed {seed}, cycle {cycle}");
            assert_eq!(sim.cut.val(), token.cut, "seed {seed}, cycle {cycle}");
            assert_eq!(
                sim.rows_m1.val().to_u64() as usize,
                job.tiles[token.tile].1 - 1
            );
            let word = token.list % job.slots * job.positions + token.index;
            assert!(
                token.empty || addressed == word,
                "seed {seed}: {token:?} at {addressed}"
            );
            met[0] += 1;
            met[1] += usize::from(token.empty);
            met[2] += usize::from(token.index > 0 && times.shows == Some(consumed + 1));
        }
        if consumes {
            let token = &tokens[next];
            over += usize::from(token.releases);
            met[3] += usize::from(token.last && !token.releases);
            (next, consumed, times.shows) = (next + 1, cycle, None);
        }
        if detects {
            times.done.push(cycle);
        }
        if begins {
            times.begun.push(cycle);
            // From the next cycle on the port speaks of this tile.
            set(&mut sim.passes, job.tiles[times.begun.len() - 1].0 as i128);
        }
        if times.shows.is_none()
            && let Some(token) = tokens.get(next)
        {
            times.shows = shows(token, &times, consumed);
        }
        released += usize::from(releases);
        addressed = sim.read_addr.val().to_u64() as usize;
        sim.clock();
    }
    panic!("seed {seed}: no end");
}

#[test]
fn list_reader_shows_every_token_in_its_cycle() {
    let mut met = [0; 4];
    for seed in 0..120 {
        for (sum, n) in met.iter_mut().zip(run(seed, seed % 3 == 0)) {
            *sum += n;
        }
    }
    // Tokens, empty lists, tokens in the cycle after the one before, lists that stay for another pass.
    assert!(met.iter().all(|&n| n > 100), "{met:?}");
}
