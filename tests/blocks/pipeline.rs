//! What stands between an element's issue, or an item of a list, and the PEs: control pipeline and queue of items.

use crate::{rng, set, sim, tiny};
use mercury::blocks::cache_pipe::CachePipe;
use mercury::blocks::element_pipe::ElementPipe;
use mercury::blocks::item_queue::ItemQueue;
use mercury::blocks::item_walker::KIND_W;
use mercury::config::{Config, Issue};
use mercury::hdl::{Bit, Sig, Sim};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rust_hdl::core::prelude::Out;
use std::collections::VecDeque;

/// What the sequencer says in one cycle; without `issue` it means nothing.
#[derive(Clone, Copy, Debug)]
struct Given {
    issue: bool,
    weight: usize,
    position: usize,
    /// Holds for the operand's bank, whether an element issues or not.
    operand: bool,
    psum: usize,
    first: bool,
    update: bool,
    zero: bool,
    bank: bool,
}

impl Given {
    /// Few psums, so that they come again at once; idle cycles have addresses as well.
    fn random(rng: &mut ChaCha8Rng, config: &Config, bank: bool) -> Given {
        let psums = if rng.random_ratio(3, 4) {
            2
        } else {
            config.tile
        };
        Given {
            issue: rng.random_ratio(3, 4),
            weight: rng.random_range(0..config.weight_words),
            position: rng.random_range(0..config.tile),
            operand: rng.random(),
            psum: rng.random_range(0..psums),
            first: rng.random(),
            update: rng.random_ratio(3, 4),
            zero: rng.random(),
            bank,
        }
    }

    fn drive(&self, sim: &mut Sim<ElementPipe>) {
        sim.issue.next = self.issue;
        set(&mut sim.weight_addr, self.weight as i128);
        set(&mut sim.position, self.position as i128);
        sim.operand_there.next = self.operand;
        set(&mut sim.psum_addr, self.psum as i128);
        sim.vector_first.next = self.first;
        sim.psum_update.next = self.update;
        sim.psum_zero.next = self.zero;
        sim.psum_bank.next = self.bank;
    }

    /// The bank whose psum it changes.
    fn changes(&self) -> Option<bool> {
        (self.issue && self.update).then_some(self.bank)
    }

    /// It changes the psum of `other`.
    fn changes_psum_of(&self, other: &Given) -> bool {
        self.changes() == Some(other.bank) && self.psum == other.psum
    }
}

/// The two flags of a pair are of these banks.
fn banks(flags: [&Bit<Out>; 2]) -> [bool; 2] {
    flags.map(|flag| flag.val())
}

fn address(port: &Sig<Out>) -> usize {
    port.val().to_u64() as usize
}

/// Drives the pipeline for 400 cycles; returns how often each case was met.
fn drive_pipe(seed: u64, config: &Config) -> [usize; 13] {
    let mut rng = rng(seed);
    let mut sim = sim(ElementPipe::new(config));
    let mut given: Vec<Given> = vec![];
    let mut met = [0; 13];
    for cycle in 0..400usize {
        let bank = given.last().is_some_and(|last| last.bank);
        let toggles = rng.random_ratio(1, 6);
        given.push(Given::random(&mut rng, config, bank ^ toggles));
        given[cycle].drive(&mut sim);
        sim.settle();
        let at = format!("seed {seed}, {:?}, cycle {cycle}", config.issue);
        let ago = |cycles: usize| given.get(cycle.checked_sub(cycles)?);
        let multiplies = 2 + config.issue_cycles();
        let adds = 2 + config.psum_cycles();

        // The factor, in f.
        let factor = ago(config.factor_cycles());
        if let Some(e) = factor {
            assert_eq!(address(&sim.weight_raddr), e.weight, "{at}: weight");
            assert_eq!(sim.operand_bank.val(), !e.bank, "{at}: operand's bank");
        }

        // The product starts a sum, in m.
        if let Some(e) = ago(multiplies).filter(|e| e.issue) {
            assert_eq!(sim.first.val(), e.first, "{at}: first");
        }

        // The psum's word, in s; what the elements before left is not in it.
        let (read, before, second) = (ago(adds), ago(adds + 1), ago(adds + 2));
        let third = ago(adds + 3);
        // Registered, a psum's word is addressed a cycle before, and said to the PEs' own registers another one before.
        let registered = config.issue == Issue::Registered;
        let addressed = ago(adds - 2 * usize::from(registered));
        let of_bank = |e: Option<&Given>| {
            let bank = e.and_then(Given::changes);
            [bank == Some(false), bank == Some(true)]
        };

        // A bank is read for a psum, or else for an operand of the other bank's sums.
        let read_early = usize::from(config.issue == Issue::Registered);
        let operand = ago(config.factor_cycles() - read_early);
        let operand_in =
            operand.map_or([false; 2], |e| [e.operand && e.bank, e.operand && !e.bank]);
        let psum_in = of_bank(addressed);
        let seen = banks([&sim.reads_0, &sim.reads_1]);
        let either = [0, 1].map(|bank| operand_in[bank] || psum_in[bank]);
        assert_eq!(seen, either, "{at}: reads");
        for (bank, port) in [&sim.raddr_0, &sim.raddr_1].into_iter().enumerate() {
            if psum_in[bank] {
                let psum = addressed.unwrap().psum;
                assert_eq!(address(port), psum, "{at}: psum in {bank}");
            } else if operand_in[bank] {
                let position = operand.unwrap().position;
                assert_eq!(address(port), position, "{at}: operand in {bank}");
            }
        }
        if let Some(e) = read.filter(|e| e.issue) {
            let seen = (sim.zero.val(), sim.bank.val());
            assert_eq!(seen, (e.zero, e.bank), "{at}: zero, bank");
            let stale = [before, second].map(|b| b.is_some_and(|b| b.changes_psum_of(e)));
            let seen = banks([&sim.forward, &sim.forward_last]);
            assert_eq!(seen, stale, "{at}: forward");
            let stale_third = third.is_some_and(|b| b.changes_psum_of(e));
            let seen: Vec<bool> = sim.forward_third.iter().map(|flag| flag.val()).collect();
            assert_eq!(
                seen,
                [stale_third][..usize::from(registered)],
                "{at}: forward"
            );
            met[12] += usize::from(stale_third);
            let other = |b: &Given| b.issue && b.psum == e.psum && !b.changes_psum_of(e);
            met[0] += usize::from(stale == [true, false]);
            met[1] += usize::from(stale == [false, true]);
            met[2] += usize::from(stale == [true, true]);
            met[3] += usize::from(before.is_some_and(|b| other(b) && b.bank != e.bank));
            met[4] += usize::from(before.is_some_and(|b| other(b) && !b.update));
        }
        met[5] += usize::from(read.is_some_and(|e| !e.issue && e.update));

        // The sum, in s+1, and its word, in s+2.
        let seen = banks([&sim.accumulate_0, &sim.accumulate_1]);
        assert_eq!(seen, of_bank(before), "{at}: accumulate");
        if let Some(e) = before.filter(|e| e.issue) {
            assert_eq!(address(&sim.next_psum_waddr), e.psum, "{at}: psum, early");
        }
        if let Some(e) = second.filter(|e| e.issue) {
            assert_eq!(address(&sim.psum_waddr), e.psum, "{at}: psum to write");
        }
        let operands = [0, 1].map(|bank| operand_in[bank] && !psum_in[bank]);
        let flags = [psum_in, of_bank(before), operands].concat();
        for (met, flag) in met[6..12].iter_mut().zip(flags) {
            *met += usize::from(flag);
        }
        sim.clock();
    }
    met
}

#[test]
fn element_pipe_gives_each_stage_its_element() {
    for issue in [Issue::Direct, Issue::Registered] {
        let config = Config { issue, ..tiny() };
        let mut met = [0; 13];
        for seed in 0..20 {
            for (sum, n) in met.iter_mut().zip(drive_pipe(seed, &config)) {
                *sum += n;
            }
        }
        // Stale by the element before, by the one before that, by both; the same word of the other bank, or of an element
        // that changes none; idle cycles; psums read, sums and operands read in each bank;
        // stale by the third element before.
        assert!(met.iter().all(|&n| n > 100), "{issue:?}: {met:?}");
    }
}

/// What the walker says of an element's entry in one cycle; without `issue` only `factor` means something.
#[derive(Clone, Copy, Debug)]
struct Entry {
    issue: bool,
    entry: usize,
    /// Multiplied by 1, low part, high part, writes, adds, reuses.
    flags: [bool; 6],
    factor: bool,
}

impl Entry {
    fn random(rng: &mut ChaCha8Rng, config: &Config, flushing: bool) -> Entry {
        Entry {
            issue: rng.random_ratio(3, 4),
            entry: rng.random_range(0..config.mcache.entries().min(3)),
            flags: rng.random(),
            factor: flushing,
        }
    }

    fn drive(&self, sim: &mut Sim<CachePipe>) {
        sim.issue.next = self.issue;
        set(&mut sim.entry, self.entry as i128);
        sim.factor.next = self.factor;
        let [one, low, high, writes, adds, reuses] = self.flags;
        sim.one.next = one;
        sim.low.next = low;
        sim.high.next = high;
        sim.writes.next = writes;
        sim.adds.next = adds;
        sim.reuses.next = reuses;
    }

    fn writes(&self, entry: usize) -> bool {
        self.issue && self.flags[3] && self.entry == entry
    }
}

/// Drives the pipeline for 400 cycles; returns how often a word was stale by the element before, the second, the third, and how often
/// a factor was read.
fn drive_cache_pipe(seed: u64, config: &Config) -> [usize; 4] {
    let mut rng = rng(seed);
    let mut sim = sim(CachePipe::new(config));
    let mut given: Vec<Entry> = vec![];
    let mut met = [0; 4];
    let multiplies = 2 + config.issue_cycles();
    let registered = config.issue == Issue::Registered;
    // A flush begins when the items before it are done, and items follow when it is.
    let (mut flushing, mut left) = (false, 0);
    for cycle in 0..400usize {
        if left == 0 {
            flushing = !flushing;
            left = rng.random_range(1..30) + multiplies + 4;
        }
        left -= 1;
        let mut entry = Entry::random(&mut rng, config, flushing);
        if left < multiplies + 4 {
            (entry.issue, entry.factor) = (false, false);
        }
        given.push(entry);
        given[cycle].drive(&mut sim);
        sim.settle();
        let at = format!("seed {seed}, {:?}, cycle {cycle}", config.issue);
        let ago = |cycles: usize| given.get(cycle.checked_sub(cycles)?);

        let factor = ago(config.factor_cycles());
        if let Some(e) = factor {
            assert_eq!(sim.use_cache.val(), e.factor, "{at}: factor");
            if e.factor {
                assert_eq!(
                    address(&sim.cache_raddr),
                    e.entry,
                    "{at}: entry of the factor"
                );
                let seen = [sim.cache_low.val(), sim.cache_high.val()];
                assert_eq!(seen, [e.flags[1], e.flags[2]], "{at}: parts");
                met[3] += 1;
            }
        }
        if let Some(e) = ago(multiplies - 1 - usize::from(registered)) {
            assert_eq!(sim.element_one.val(), e.issue && e.flags[0], "{at}: one");
        }
        let addressed = ago(multiplies - usize::from(registered));
        if let Some(e) = addressed.filter(|_| factor.is_some_and(|f| !f.factor)) {
            assert_eq!(address(&sim.cache_raddr), e.entry, "{at}: entry");
        }
        if let Some(e) = ago(multiplies) {
            let stale = [1, 2, 3].map(|n| ago(multiplies + n).is_some_and(|b| b.writes(e.entry)));
            let mut seen = vec![sim.cache_forward.val(), sim.cache_forward_last.val()];
            seen.extend(sim.cache_forward_third.iter().map(|flag| flag.val()));
            assert_eq!(seen, stale[..2 + usize::from(registered)], "{at}: forward");
            for (met, stale) in met.iter_mut().zip(stale) {
                *met += usize::from(stale);
            }
        }
        if let Some(e) = ago(multiplies + 1) {
            assert_eq!(sim.cache_reuse.val(), e.issue && e.flags[5], "{at}: reuse");
            if e.issue {
                let seen = [sim.cache_add.val(), sim.shift_sum.val()];
                assert_eq!(seen, [e.flags[4], e.flags[2]], "{at}: add, shift");
            }
        }
        if let Some(e) = ago(multiplies + 2) {
            assert_eq!(sim.cache_write.val(), e.issue && e.flags[3], "{at}: write");
            assert_eq!(address(&sim.cache_waddr), e.entry, "{at}: entry to write");
        }
        if let Some(e) = ago(multiplies + 3 + usize::from(registered)) {
            assert_eq!(sim.written.val(), e.issue && e.flags[3], "{at}: written");
            assert_eq!(address(&sim.written_entry), e.entry, "{at}: entry written");
        }
        sim.clock();
    }
    met
}

#[test]
fn cache_pipe_gives_each_stage_its_element() {
    for issue in [Issue::Direct, Issue::Registered] {
        let config = Config { issue, ..tiny() };
        let mut met = [0; 4];
        for seed in 0..20 {
            for (sum, n) in met.iter_mut().zip(drive_cache_pipe(seed, &config)) {
                *sum += n;
            }
        }
        assert!(met.iter().all(|&n| n > 100), "{issue:?}: {met:?}");
    }
}

/// An item and its token: kind, position, entry, bank, word, mask; empty, last, cut, first.
type Item = ([u64; 6], [bool; 4]);

fn random_item(rng: &mut ChaCha8Rng, config: &Config) -> Item {
    let widths = [
        KIND_W,
        config.tile_w(),
        config.mcache.entry_w(),
        config.bank_w(),
        config.feature_w(),
        config.k_max,
    ];
    let field = |width: usize| rng.random_range(0..1u64 << width);
    (widths.map(field), rng.random())
}

/// Drives a token, and beside it the item of the one before.
fn offer(sim: &mut Sim<ItemQueue>, token: &Item, before: &Item) {
    let [empty, last, cut, _] = token.1;
    let ([kind, position, entry, bank, addr, mask], [.., first]) = *before;
    set(&mut sim.kind, kind);
    set(&mut sim.position, position);
    set(&mut sim.entry, entry);
    set(&mut sim.bank, bank);
    set(&mut sim.addr, addr);
    set(&mut sim.mask, mask);
    sim.empty.next = empty;
    sim.last.next = last;
    sim.cut.next = cut;
    sim.first.next = first;
}

fn shown(sim: &Sim<ItemQueue>) -> Item {
    let words = [
        &sim.front_kind,
        &sim.front_position,
        &sim.front_entry,
        &sim.front_bank,
        &sim.front_addr,
        &sim.front_mask,
    ];
    let flags = [
        &sim.front_empty,
        &sim.front_last,
        &sim.front_cut,
        &sim.front_first,
    ];
    (words.map(|w| w.val().to_u64()), flags.map(|f| f.val()))
}

/// How often, in eighths: tokens come, tokens are consumed; one cycle in 64 clears.
struct Pattern {
    comes: u32,
    consumed: u32,
    clears: bool,
}

/// Drives the queue for `cycles` cycles; returns how often each case was met.
fn drive_queue(seed: u64, config: &Config, pattern: &Pattern, cycles: usize) -> [usize; 6] {
    let mut rng = rng(seed);
    let mut sim = sim(ItemQueue::new(config));
    let mut waiting: VecDeque<Item> = VecDeque::new();
    let mut coming = None;
    let mut before = random_item(&mut rng, config);
    let mut met = [0; 6];
    for cycle in 0..cycles {
        // An item that is not taken may be another one in the next cycle.
        let item = random_item(&mut rng, config);
        let token = rng.random_ratio(pattern.comes, 8);
        let consume = rng.random_ratio(pattern.consumed, 8);
        let clear = pattern.clears && rng.random_ratio(1, 64);
        offer(&mut sim, &item, &before);
        sim.token.next = token;
        sim.consume.next = consume;
        sim.clear.next = clear;
        sim.settle();
        let at = format!("seed {seed}, cycle {cycle}: {} wait", waiting.len());
        // One that comes is on its way for a cycle.
        let all = waiting.len() + usize::from(coming.is_some());
        let take = token && all < 3;
        assert_eq!(sim.take.val(), take, "{at}: take");
        let front = sim.front_token.val().then(|| shown(&sim));
        assert_eq!(front, waiting.front().copied(), "{at}: front");
        met[0] += usize::from(take);
        met[1] += usize::from(token && !take);
        met[2] += usize::from(take && consume && waiting.len() == 1);
        met[3] += usize::from(consume && waiting.len() == 3);
        met[4] += usize::from(consume && waiting.is_empty());
        met[5] += usize::from(clear && take && !waiting.is_empty());
        if consume {
            waiting.pop_front();
        }
        waiting.extend(coming);
        coming = take.then_some(item);
        before = item;
        if clear {
            waiting.clear();
            coming = None;
        }
        sim.clock();
    }
    met
}

#[test]
fn item_queue_keeps_order() {
    let small = Config::preset("small").expect("a preset of the project");
    let mut met = [0; 6];
    for (seed, (comes, consumed)) in [(4, 4), (8, 2), (2, 8), (7, 7), (8, 4), (4, 8)]
        .into_iter()
        .cycle()
        .take(24)
        .enumerate()
    {
        let config = if seed < 12 { &tiny() } else { &small };
        let pattern = Pattern {
            comes,
            consumed,
            clears: seed % 2 == 0,
        };
        for (sum, n) in met
            .iter_mut()
            .zip(drive_queue(seed as u64, config, &pattern, 1000))
        {
            *sum += n;
        }
    }
    // Tokens taken, and not; taken while the one before leaves; three wait and one leaves; nothing to consume; cleared with
    // one waiting and one taken.
    assert!(met[..5].iter().all(|&n| n > 500) && met[5] > 20, "{met:?}");

    // Consumed every cycle, a token is taken every cycle.
    let eager = Pattern {
        comes: 8,
        consumed: 8,
        clears: false,
    };
    let met = drive_queue(24, &tiny(), &eager, 1000);
    assert_eq!(met, [1000, 0, 998, 0, 2, 0]);
}
