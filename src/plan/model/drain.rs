//! The drain of the cycle model: one for all sets, a packet at a time.

use super::{Event, Model};

/// Cycles from the push of a bank's last beat until the bank is free.
const FREE_LATENCY: u64 = 2;

/// Which set it serves, and which one it served last.
#[derive(Clone, Debug)]
pub(super) struct Drain {
    serving: Option<usize>,
    last_served: usize,
}

impl Drain {
    /// Idle; the first set comes first.
    pub(super) fn new(sets: usize) -> Drain {
        Drain {
            serving: None,
            last_served: sets - 1,
        }
    }

    /// Whether no packet is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.serving.is_none()
    }
}

impl Model<'_> {
    /// An idle drain takes the next requesting set after the one served last.
    pub(super) fn serve(&mut self) {
        let count = self.sets.len();
        if !self.drain.is_idle() {
            return;
        }
        let order = (1..=count).map(|i| (self.drain.last_served + i) % count);
        let waiting = |set: usize| self.sets[set].requests.front().map(|&bank| (set, bank));
        if let Some((set, bank)) = order.into_iter().find_map(waiting) {
            self.drain.serving = Some(set);
            // The header is pushed in the next cycle, then the rows.
            let last_push = self.now + 1 + self.sets[set].beats[bank];
            self.at(last_push + 1, Event::Drained);
            self.at(last_push + FREE_LATENCY, Event::BankFree(set, bank));
        }
    }

    /// The packet is out.
    pub(super) fn drained(&mut self) {
        if let Some(set) = self.drain.serving.take() {
            self.sets[set].requests.pop_front();
            self.drain.last_served = set;
        }
    }
}
