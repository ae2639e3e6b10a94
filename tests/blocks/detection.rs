//! Detection, each block alone in a file of its own; here as a whole: two sets with front, feature buffer and Hitmap, and the detector that serves both, cycle by
//! cycle against `docs/reuse.md`.

mod bank_choice;
mod cache_index;
mod detector_lane;
mod hitmap;
mod job;
mod list_memory;
mod list_reader;
mod mcache;
mod position_walk;
mod rpq;
mod set;
mod signature_comparator;

use crate::{rng, set, set_words, sim};
use job::{Group, Job};
use mercury::blocks::detector::Detector;
use mercury::hdl::Sim;
use mercury::reuse::State;
use rand_chacha::ChaCha8Rng;
use set::{Front, Set, number};
use std::collections::VecDeque;

const SETS: usize = 2;

/// Job registers and program of the detector.
fn program(detector: &mut Sim<Detector>, job: &Job) {
    let l = job.config.l;
    set(&mut detector.reuse, i128::from(job.mode.code()));
    set(&mut detector.projections, job.n as i128);
    set(&mut detector.sig_bits, job.bits as i128);
    set(&mut detector.sig_shift, i128::from(job.shift));
    detector.zero_skip.next = job.zero_skip;
    set(&mut detector.x_step, job.stride as i128);
    set(&mut detector.y_addr, (job.stride / l * job.pitch) as i128);
    set(&mut detector.y_row, job.stride as i128);
    set(&mut detector.y_bank, (job.stride % l) as i128);
    set(&mut detector.img_addr, job.img_addr as i128);
    set(&mut detector.wrap_addr, job.pitch as i128);
    let steps = job.program();
    assert_eq!(steps.len(), job.sizes()[0].1);
    for (index, lane) in steps.iter().flatten().enumerate() {
        set(&mut detector.load_index, index as i128);
        detector.load_reads.next = true;
        set_words(&mut detector.load_data, &[lane.map_or(0, |r| r.pack())]);
        detector.clock();
    }
    detector.load_reads.next = false;
    for (index, lane) in steps.iter().flatten().enumerate() {
        set(&mut detector.load_index, index as i128);
        detector.load_matrix.next = true;
        let bits = lane.map_or(0, |read| {
            (0..job.config.p_max).fold(0u64, |word, j| {
                word | ((job.matrix[j][read.k as usize] & 3) as u64) << (2 * j)
            })
        });
        set_words(&mut detector.load_data, &[bits]);
        detector.clock();
    }
    detector.load_matrix.next = false;
    for (j, &offset) in job.offsets.iter().enumerate() {
        set(&mut detector.load_index, j as i128);
        detector.load_offsets.next = true;
        set_words(&mut detector.load_data, &[offset as u64]);
        detector.clock();
    }
    detector.load_offsets.next = false;
}

/// A group in the detector: its set, and the cycle of its last step.
#[derive(Clone, Copy, Debug)]
struct Run {
    set: usize,
    end: u64,
}

/// The two sets, their detector, and what the contract expects of it.
struct Chain<'a> {
    job: &'a Job,
    sets: Vec<Set>,
    detector: Sim<Detector>,
    run: Option<Run>,
    served: usize,
    /// Records to come: cycle, set, position.
    expected: VecDeque<(u64, usize, usize)>,
}

impl Chain<'_> {
    fn new(job: &Job) -> Chain<'_> {
        let mut detector = sim(Detector::new(&job.config));
        program(&mut detector, job);
        Chain {
            job,
            sets: (0..SETS).map(|s| Set::new(job, s)).collect(),
            detector,
            run: None,
            served: SETS - 1,
            expected: VecDeque::new(),
        }
    }

    /// Fronts to detector.
    fn connect_requests(&mut self) {
        let (detector, l) = (&mut self.detector, self.job.config.l);
        for (s, set) in self.sets.iter().enumerate() {
            let front = &set.front;
            assert_eq!(
                front.det_request.val(),
                set.asks(self.job),
                "request of set {s}"
            );
            detector.request[s].next = front.det_request.val();
            detector.images[s].next = front.det_images.val();
            detector.rows[s].next = front.det_rows.val();
            detector.cols[s].next = front.det_cols.val();
            detector.in_rows[s].next = front.det_in_rows.val();
            detector.in_cols[s].next = front.det_in_cols.val();
            detector.bank[s].next = front.det_bank.val();
            detector.addr[s].next = front.det_addr.val();
            detector.row[s].next = front.det_row.val();
            detector.col[s].next = front.det_col.val();
            detector.k[s].next = front.det_k.val();
            detector.steps[s].next = front.det_steps.val();
            detector.first_group[s].next = front.det_first_group.val();
            detector.last_group[s].next = front.det_last_group.val();
            detector.zero[s].next = front.det_zero.val();
            for b in 0..l {
                detector.read_x[s * l + b].next = set.features.detect_x[b].val();
            }
        }
        detector.settle();
    }

    /// Detector to fronts, feature buffers and Hitmaps.
    fn connect_answers(&mut self) {
        let detector = &self.detector;
        for (s, set) in self.sets.iter_mut().enumerate() {
            set.front.det_grant.next = detector.grant[s].val();
            set.front.det_done.next = detector.done[s].val();
            for (b, addr) in detector.read_addr.iter().enumerate() {
                set.features.detect_addr[b].next = addr.val();
            }
            let hitmap = &mut set.hitmap;
            hitmap.record_valid.next =
                detector.record_valid.val() && number(&detector.record_set) == s;
            hitmap.next_position.next = detector.next_position.val();
            hitmap.record_position.next = detector.record_position.val();
            hitmap.record_state.next = detector.record_state.val();
            hitmap.record_entry.next = detector.record_entry.val();
            hitmap.record_bank.next = detector.record_bank.val();
            hitmap.record_addr.next = detector.record_addr.val();
            hitmap.record_mask.next = detector.record_mask.val();
            hitmap.record_first_group.next = detector.record_first_group.val();
            hitmap.record_last_group.next = detector.record_last_group.val();
            hitmap.record_zero.next = detector.record_zero.val();
            hitmap.record_last.next = detector.record_last.val();
            hitmap.settle();
            assert!(!hitmap.range_error.val());
        }
    }

    /// A record where and when one is expected, and nowhere else.
    fn check_record(&mut self, cycle: u64) {
        let detector = &self.detector;
        let due = self.expected.front().is_some_and(|(c, ..)| *c == cycle);
        assert_eq!(
            detector.record_valid.val(),
            due,
            "a record in cycle {cycle}"
        );
        let mut complete = None;
        if due {
            let (_, s, position) = self.expected.pop_front().expect("it is due");
            assert_eq!(number(&detector.record_set), s);
            assert_eq!(number(&detector.record_position), position);
            assert_eq!(detector.record_first.val(), position == 0);
            let words = detector.record_signature.val().words().to_vec();
            let signature = words.iter().rev().fold(0, |v, w| v << 64 | u128::from(*w));
            let state = State::from_code(number(&detector.record_state) as u8);
            let record = (
                state.expect("two bits"),
                number(&detector.record_entry),
                signature,
            );
            let set = &mut self.sets[s];
            // The group whose records these are is the one after those listed.
            let group = set.read_list + set.lists.len();
            let expected = &set.groups[group];
            assert_eq!(
                record, expected.records[position],
                "position {position} of {expected:?}"
            );
            if position + 1 == expected.positions {
                set.lists.push_back((group, cycle + 1));
                complete = Some(s);
            }
            assert_eq!(detector.record_last.val(), complete.is_some());
        }
        for (s, set) in self.sets.iter().enumerate() {
            assert_eq!(set.hitmap.list_done.val(), complete == Some(s));
        }
    }

    /// One cycle: what must be seen in it, then what follows from it.
    fn cycle(&mut self, cycle: u64, rng: &mut ChaCha8Rng) {
        let job = self.job;
        let loaded: Vec<_> = self.sets.iter_mut().map(|s| s.load(job, rng)).collect();
        self.connect_requests();
        let asking: Vec<bool> = self.sets.iter().map(|s| s.asks(job)).collect();
        let order = (1..=SETS).map(|i| (self.served + i) % SETS);
        let chosen = order.into_iter().find(|&s| asking[s] && self.run.is_none());
        let ends = self.run.filter(|run| run.end == cycle);
        for s in 0..SETS {
            assert_eq!(self.detector.grant[s].val(), chosen == Some(s), "grant {s}");
            let done = ends.is_some_and(|run| run.set == s);
            assert_eq!(self.detector.done[s].val(), done, "done {s}");
        }
        assert_eq!(self.detector.busy.val(), self.run.is_some());
        assert!(!self.detector.range_error.val());
        self.connect_answers();
        self.check_record(cycle);
        let released: Vec<_> = self
            .sets
            .iter_mut()
            .map(|s| s.walk(job, cycle, rng))
            .collect();
        for (set, (slot, tile)) in self.sets.iter_mut().zip(&loaded) {
            let takes = set.state == Front::Idle && set.pending;
            if takes {
                set.state = Front::Ready;
                set.pending = false;
            }
            set.pending |= tile;
            set.d_avail += usize::from(*slot);
            set.filled += usize::from(*slot);
        }
        if let Some(run) = ends {
            self.end(run.set);
        }
        if let Some(s) = chosen {
            self.begin(s, cycle);
        }
        for (set, released) in self.sets.iter_mut().zip(released) {
            if let Some(group) = released {
                set.lists_used -= 1;
                set.filled -= usize::from(frees_slot(job, &set.groups, group));
            }
        }
        for set in &mut self.sets {
            set.front.clock();
            set.features.clock();
            set.hitmap.clock();
        }
        self.detector.clock();
    }

    /// A grant in `cycle`.
    fn begin(&mut self, s: usize, cycle: u64) {
        let set = &mut self.sets[s];
        let group = &set.groups[set.next];
        set.state = Front::Busy;
        set.lists_used += 1;
        let (positions, steps) = (group.positions as u64, group.steps as u64);
        self.run = Some(Run {
            set: s,
            end: cycle + positions * steps,
        });
        self.served = s;
        let latency = 5 + self.job.config.decision_cycles() as u64;
        let records = (1..=positions).map(|i| (cycle + i * steps + latency, s, i as usize - 1));
        self.expected.extend(records);
    }

    /// The last step of the set's group.
    fn end(&mut self, s: usize) {
        let job = self.job;
        let set = &mut self.sets[s];
        let group = &set.groups[set.next];
        if group.chunk + 1 == job.chunks && (job.stream || group.pass == 0) {
            set.d_avail -= 1;
        }
        let following = set.groups.get(set.next + 1);
        set.state = match following {
            Some(next) if next.tile == group.tile => Front::Ready,
            _ => Front::Idle,
        };
        set.next += 1;
        self.run = None;
    }

    fn finished(&self) -> bool {
        self.sets.iter().all(|set| {
            set.read_list == set.groups.len() && set.beats.is_empty() && set.front.idle.val()
        })
    }
}

/// Whether the features of a group are not needed after it.
fn frees_slot(job: &Job, groups: &[Group], group: usize) -> bool {
    let this = &groups[group];
    let later = groups[group + 1..]
        .iter()
        .any(|g| !job.stream && g.tile == this.tile && g.cgroup == this.cgroup);
    this.chunk + 1 == job.chunks && !later
}

/// All modes, tags in LUT RAM and block RAM, one and several sets asking, chunks, channel groups, dilation, streaming, redetection, few lists.
#[test]
fn detection_follows_the_contract() {
    let mut states = [0usize; 4];
    for seed in 0..60 {
        let mut rng = rng(seed);
        let job = Job::random(&mut rng);
        println!("seed {seed}: {job:?}");
        let mut chain = Chain::new(&job);
        let mut cycle = 0;
        while !chain.finished() {
            chain.cycle(cycle, &mut rng);
            cycle += 1;
            assert!(cycle < 20_000, "seed {seed}: no end");
        }
        let groups = chain.sets.iter().flat_map(|s| &s.groups);
        for (state, ..) in groups.flat_map(|g| &g.records) {
            states[usize::from(state.code())] += 1;
        }
    }
    assert!(states.iter().all(|&n| n > 20), "states met: {states:?}");
}
