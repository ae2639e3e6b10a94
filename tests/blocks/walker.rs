//! List reader and item walker: random Hitmap lists against a plain formulation of what a set does with them.

mod plain;

use crate::{rng, set, sim, tiny};
use mercury::blocks::group_nest::GroupNest;
use mercury::blocks::item_walker::ItemWalker;
use mercury::blocks::list_reader::ListReader;
use mercury::hdl::Sim;
use plain::{Issue, Item, Job, Plain, list};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

#[test]
fn group_nest_walks_the_groups() {
    let mut sim = sim(GroupNest::new());
    for (passes, cgroups, chunks) in [(1, 1, 1), (2, 3, 2), (3, 1, 4), (1, 5, 1)] {
        set(&mut sim.passes, passes);
        set(&mut sim.cgroups, cgroups);
        set(&mut sim.chunks, chunks);
        sim.clock();
        sim.load.next = true;
        sim.clock();
        sim.load.next = false;
        for pass in 0..passes {
            for cgroup in 0..cgroups {
                for chunk in 0..chunks {
                    let last = (
                        chunk + 1 == chunks,
                        cgroup + 1 == cgroups,
                        pass + 1 == passes,
                    );
                    assert_eq!(sim.pass.val(), pass as u64);
                    assert_eq!(sim.in_first_group.val(), cgroup == 0 && chunk == 0);
                    assert_eq!(sim.in_last_cgroup.val(), last.1);
                    assert_eq!(sim.in_last_pass.val(), last.2);
                    assert_eq!(sim.step_cgroup.val(), last.0);
                    assert_eq!(sim.step_pass.val(), last.0 && last.1);
                    assert_eq!(sim.step_tile.val(), last.0 && last.1 && last.2);
                    sim.clock();
                    sim.advance.next = true;
                    sim.clock();
                    sim.advance.next = false;
                }
            }
        }
    }
}

/// Hitmap memory, reader and walker, as a PE set connects them.
struct Bench {
    reader: Sim<ListReader>,
    walker: Sim<ItemWalker>,
    memory: Vec<Item>,
    counts: Vec<usize>,
    read: Item,
    /// Entries written, one a cycle, youngest first.
    sums: [Option<usize>; 5],
    consumes: bool,
}

impl Bench {
    /// Outputs of the cycle with `go`.
    fn settle(&mut self, go: bool, wide: &[bool]) {
        let (reader, walker) = (&mut self.reader, &mut self.walker);
        walker.token.next = reader.token.val();
        walker.token_empty.next = reader.empty.val();
        walker.token_last.next = reader.last.val();
        walker.token_cut.next = reader.cut.val();
        set(&mut walker.item_kind, self.read.kind as i128);
        walker.item_first.next = self.read.first;
        set(&mut walker.item_position, self.read.position as i128);
        set(&mut walker.item_entry, self.read.entry as i128);
        set(&mut walker.item_bank, self.read.bank as i128);
        set(&mut walker.item_addr, self.read.addr as i128);
        set(&mut walker.item_mask, self.read.mask);
        walker.go.next = go;
        let written = self.sums[4];
        walker.wide_write.next = written.is_some();
        set(&mut walker.wide_entry, written.unwrap_or(0) as i128);
        walker.wide_value.next = written.is_some_and(|e| wide[e]);
        walker.settle();
        self.consumes = walker.consume.val();
        reader.consume.next = self.consumes;
        reader.released.next = walker.released.val();
        reader.settle();
        let slot = reader.count_slot.val().to_i64() as usize;
        set(&mut reader.item_count, self.counts[slot] as i128);
        reader.count_at_last.next = self.counts[slot] <= 1;
        reader.count_is_empty.next = self.counts[slot] == 0;
        reader.settle();
    }

    fn clock(&mut self) {
        let summed = self.walker.issue.val() && self.walker.one.val();
        self.sums.rotate_right(1);
        self.sums[0] = summed.then(|| self.walker.entry.val().to_i64() as usize);
        let address = self.reader.read_addr.val().to_i64() as usize;
        self.read = self.memory[address];
        self.walker.clock();
        self.reader.clock();
    }

    /// What the walker says that it issues, as far as it matters.
    fn seen(&self, go: bool) -> Issue {
        let w = &self.walker;
        let number =
            |s: &mercury::hdl::Sig<rust_hdl::core::prelude::Out>| s.val().to_i64() as usize;
        if !go || !w.issue.val() {
            assert!(!w.issue.val() && !w.mac.val(), "issues without go");
            return Issue::default();
        }
        let mac = w.mac.val();
        Issue {
            issue: true,
            mac,
            k: number(&w.element),
            position: number(&w.position),
            entry: number(&w.entry),
            place: mac.then(|| (number(&w.bank), number(&w.addr))),
            nonzero: w.nonzero.val(),
            one: w.one.val(),
            vector_first: w.vector_first.val(),
            update: w.psum_update.val(),
            zero: w.psum_zero.val(),
            write: w.cache_write.val(),
            add: w.cache_write.val() && w.cache_add.val(),
            reuse: w.cache_reuse.val(),
            factor: w
                .use_cache
                .val()
                .then(|| (w.cache_low.val(), w.cache_high.val())),
        }
    }
}

/// Drops what has no meaning in this cycle: zero without update, position and entry where nothing reads them.
fn meant(issue: Issue, wgrad: bool) -> Issue {
    let reads_entry = issue.write || issue.reuse || issue.factor.is_some();
    let reads_position =
        issue.issue && issue.factor.is_none() && (issue.mac || !wgrad || issue.one);
    Issue {
        zero: issue.zero && issue.update,
        entry: if reads_entry { issue.entry } else { 0 },
        position: if reads_position { issue.position } else { 0 },
        ..issue
    }
}

#[test]
fn item_walker_issues_every_list() {
    let config = tiny();
    let (mut flushed_wide, mut overwrote, mut empty, mut waited) = (0, 0, 0, 0);
    for seed in 0..160u64 {
        let mut rng = rng(seed);
        let chunks = if rng.random_ratio(1, 3) {
            rng.random_range(2..=3)
        } else {
            1
        };
        let cgroups = rng.random_range(1..=3);
        let wgrad = seed & 1 != 0;
        let redetect = rng.random();
        let positions = rng.random_range(1..=config.tile);
        let most = config.list_words() / positions;
        let groups = chunks * cgroups;
        let slots = if redetect {
            rng.random_range(1..=most.min(255))
        } else {
            rng.random_range(groups..=(groups + 3).max(most.min(255)))
        };
        // Lists as long as the ring has room for.
        let positions = positions.min(config.list_words() / slots);
        let k = |rng: &mut ChaCha8Rng| rng.random_range(1..=config.k_max);
        let mut job = Job {
            wgrad,
            elem_skip: rng.random(),
            zero: false,
            passes: 1,
            k: [k(&mut rng), k(&mut rng), k(&mut rng)],
            positions,
            wrap: rng.random_range(0..config.feature_words),
        };
        println!(
            "seed {seed}: redetect {redetect}, {cgroups} × {chunks} groups, {slots} lists, {job:?}"
        );
        let table: Vec<_> = (0..config.k_max)
            .map(|_| {
                (
                    rng.random_range(0..config.l),
                    rng.random_range(0..config.feature_words),
                )
            })
            .collect();
        let nothing = Item {
            kind: 0,
            first: false,
            position: 0,
            entry: 0,
            bank: 0,
            addr: 0,
            mask: 0,
        };
        let mut bench = Bench {
            reader: sim(ListReader::new(&config)),
            walker: sim(ItemWalker::new(&config)),
            memory: vec![nothing; config.list_words()],
            counts: vec![0; 256],
            read: nothing,
            sums: [None; 5],
            consumes: false,
        };
        let (r, w) = (&mut bench.reader, &mut bench.walker);
        (w.wgrad.next, w.elem_skip.next, w.redetect.next) = (wgrad, job.elem_skip, redetect);
        r.redetect.next = redetect;
        set(&mut r.chunks, chunks as i128);
        set(&mut r.cgroups, cgroups as i128);
        set(&mut r.list_positions, positions as i128);
        set(&mut r.list_slots, slots as i128);
        set(&mut w.chunks, chunks as i128);
        set(&mut w.cgroups, cgroups as i128);
        set(&mut w.group_k, job.k[0] as i128);
        set(&mut w.k_cg_last, job.k[1] as i128);
        set(&mut w.k_kr_last, job.k[2] as i128);
        set(&mut w.wrap_addr, job.wrap as i128);
        for (k, (bank, addr)) in table.iter().enumerate() {
            w.element_write.next = true;
            set(&mut w.element_number, k as i128);
            set(&mut w.element_bank, *bank as i128);
            set(&mut w.element_addr, *addr as i128);
            w.clock();
        }
        w.element_write.next = false;
        // Constants of the job reach the registers that compare with them.
        (w.clear.next, r.clear.next) = (true, true);
        w.clock();
        r.clock();
        (w.clear.next, r.clear.next) = (false, false);
        w.clock();
        r.clock();
        w.clock();
        r.clock();

        let (mut fill, mut cycle) = (0, 0u64);
        for _tile in 0..4 {
            job.zero = rng.random();
            job.passes = if wgrad { 1 } else { rng.random_range(1..=3) };
            let wide: Vec<bool> = (0..config.mcache.entries()).map(|_| rng.random()).collect();
            // Lists in the order of detection; the use of a list is (group, number of the list).
            let detections = if redetect { job.passes } else { 1 };
            let k_of = |group: usize| {
                if chunks > 1 {
                    job.k[if group % chunks + 1 == chunks { 2 } else { 0 }]
                } else {
                    job.k[if group / chunks + 1 == cgroups { 1 } else { 0 }]
                }
            };
            let lists: Vec<Vec<Item>> = (0..groups * detections)
                .map(|n| list(&mut rng, &config, &job, k_of(n % groups)))
                .collect();
            let uses: Vec<usize> = (0..groups * job.passes)
                .map(|n| if redetect { n } else { n % groups })
                .collect();
            // Lists that were complete before the tile begins, and when the others are.
            let (mut filled, mut released) = (0, 0);
            let mut done_at: Vec<u64> = Vec::new();
            let early = rng.random_range(0..=lists.len());
            let first_run = cycle + rng.random_range(1..60);
            (bench.walker.tile_begins.next, bench.reader.tile_begins.next) = (false, false);

            let (mut group, mut step) = (0, 0);
            let mut work: Vec<Issue> = Vec::new();
            let mut last_end = 0;
            while group < uses.len() {
                // At most one list a cycle becomes complete.
                let room = filled - released < slots.min(255);
                let writes = filled < lists.len()
                    && room
                    && (filled < early || rng.random_ratio(1, 40) && cycle >= first_run);
                bench.reader.list_done.next = writes;
                if writes {
                    let base = fill * positions;
                    bench.counts[fill] = lists[filled].len();
                    bench.memory[base..][..lists[filled].len()].copy_from_slice(&lists[filled]);
                    set(&mut bench.reader.list_last_position, positions as i128 - 1);
                    set(&mut bench.reader.list_items, lists[filled].len() as i128);
                    bench.reader.list_at_last.next = lists[filled].len() <= 1;
                    bench.reader.list_is_empty.next = lists[filled].is_empty();
                    fill = (fill + 1) % slots;
                    filled += 1;
                    done_at.push(cycle);
                }
                let takes = cycle + 1 == first_run;
                (bench.walker.tile_begins.next, bench.reader.tile_begins.next) = (takes, takes);
                if cycle >= first_run {
                    bench.walker.zero.next = job.zero;
                }
                if cycle + 1 >= first_run {
                    set(&mut bench.walker.passes, job.passes as i128);
                    set(&mut bench.reader.passes, job.passes as i128);
                }
                // z + 5 is the cycle of list_done; the set may issue from z + 8.
                let there = done_at.get(uses[group]).is_some_and(|&d| cycle >= d + 3)
                    && cycle >= first_run + 2
                    && cycle > last_end;
                let begins = step == 0;
                let go = cycle >= first_run
                    && if begins {
                        there && rng.random_ratio(2, 3)
                    } else {
                        true
                    };
                bench.settle(go, &wide);
                if cycle >= first_run {
                    let at = format!("cycle {cycle}, group {group}, step {step}");
                    assert_eq!(bench.walker.waits.val(), begins && !there, "waits: {at}");
                    assert_eq!(bench.walker.begins.val(), begins && there, "begins: {at}");
                    waited += u32::from(begins && !there);
                    let mut ends = false;
                    if go {
                        if begins {
                            let plain = Plain {
                                config: &config,
                                job: &job,
                                table: &table,
                                wide: &wide,
                            };
                            work = plain.group(&lists[uses[group]], k_of(group % groups));
                            empty += u32::from(lists[uses[group]].is_empty());
                            flushed_wide +=
                                u32::from(work.iter().any(|i| i.factor == Some((false, true))));
                            overwrote += u32::from(wgrad && work.iter().any(|i| i.zero && i.mac));
                        }
                        let (seen, expected) = (bench.seen(go), work[step]);
                        assert_eq!(meant(seen, wgrad), meant(expected, wgrad), "{at}");
                        step += 1;
                        ends = step == work.len();
                    }
                    assert_eq!(bench.walker.ends.val(), ends, "ends: {at}");
                    let last_pass = group + groups >= uses.len();
                    assert_eq!(
                        bench.walker.released.val(),
                        ends && (redetect || last_pass),
                        "{at}"
                    );
                    if ends {
                        assert_eq!(bench.reader.rows_m1.val(), positions as u64 - 1);
                        released += usize::from(redetect || last_pass);
                        (group, step, last_end) = (group + 1, 0, cycle);
                    }
                }
                bench.clock();
                cycle += 1;
            }
            bench.reader.list_done.next = false;
        }
    }
    assert!(
        flushed_wide > 50 && overwrote > 50 && empty > 100 && waited > 1000,
        "{flushed_wide} {overwrote} {empty} {waited}"
    );
}
