//! Sizes that follow from a [`Config`]: computed here and nowhere else.

use super::{Config, Issue, Mcache, Tags};

/// Bits that number `count` things from 0: ⌈log2 count⌉, at least 1.
pub fn index_width(count: usize) -> usize {
    (count.max(2) - 1).ilog2() as usize + 1
}

/// Bits that hold every count from 0 to `max` inclusive, at least 1.
pub fn count_width(max: usize) -> usize {
    index_width(max + 1)
}

impl Mcache {
    /// Entries of the cache: sets × ways.
    pub fn entries(&self) -> usize {
        self.sets * self.ways
    }

    /// Bits of an entry number `set·ways + way`, at least 1.
    pub fn entry_w(&self) -> usize {
        index_width(self.entries())
    }

    /// Bits of the number of ways of a set that hold a tag.
    pub fn fill_w(&self) -> usize {
        count_width(self.ways)
    }

    /// Cycles that a signature takes longer to the number of its set.
    pub fn index_cycles(&self) -> usize {
        match self.tags {
            Tags::LutRam | Tags::LutRamRegistered | Tags::BlockRam => 0,
            Tags::LutRamCompared => 1,
        }
    }

    /// Cycles that a look-up takes longer from the number of the set to the decision: 1 if tags are read in a cycle of their
    /// own, 2 if they are also compared in one.
    pub fn look_up_cycles(&self) -> usize {
        match self.tags {
            Tags::LutRam => 0,
            Tags::LutRamRegistered | Tags::BlockRam => 1,
            Tags::LutRamCompared => 2,
        }
    }

    /// Cycles that a decision takes longer because of where the tags are.
    pub fn tag_cycles(&self) -> usize {
        self.index_cycles() + self.look_up_cycles()
    }
}

impl Config {
    /// Cycles that an element takes longer from its issue to the multipliers, and so to its MCACHE word.
    pub fn issue_cycles(&self) -> usize {
        match self.issue {
            Issue::Direct => 0,
            Issue::Registered => 3,
        }
    }

    /// Cycles that an element takes longer from its issue to its psum: what is added to it waits in a register.
    pub fn psum_cycles(&self) -> usize {
        match self.issue {
            Issue::Direct => 0,
            Issue::Registered => self.issue_cycles() + 1,
        }
    }

    /// Cycles that the factor's address is behind the issue: an element's weight, operand or MCACHE word is read a cycle before
    /// what the other cycles of [`Config::issue_cycles`] ask for, and waits in a register beside the multiplier.
    pub fn factor_cycles(&self) -> usize {
        self.issue_cycles().saturating_sub(1)
    }

    /// Cycles that a beat takes longer from the loader to weights, operands and features: at most
    /// [`Config::factor_cycles`], so that what has been loaded is there when it is read.
    pub fn load_cycles(&self) -> usize {
        match self.issue {
            Issue::Direct => 0,
            Issue::Registered => 1,
        }
    }

    /// Cycles that a weight gradient's flush begins later behind its group's last item: until the last sum is in the MCACHE data,
    /// and whether it fits an operand is known.
    pub fn flush_cycles(&self) -> usize {
        match self.issue {
            Issue::Direct => 0,
            Issue::Registered => self.issue_cycles() + 2,
        }
    }

    /// Cycles that an item of a Hitmap list takes longer from its memory.
    pub fn list_cycles(&self) -> usize {
        match self.issue {
            Issue::Direct => 0,
            Issue::Registered => 1,
        }
    }

    /// Cycles that an item of a Hitmap list takes longer from the list to the walker: from the memory ([`Config::list_cycles`]), and
    /// through a queue.
    pub fn item_cycles(&self) -> usize {
        match self.issue {
            Issue::Direct => 0,
            Issue::Registered => self.list_cycles() + 1,
        }
    }

    /// Cycles that a step's addresses take longer from a detector's lanes to the feature buffer.
    pub fn address_cycles(&self) -> usize {
        match self.issue {
            Issue::Direct => 0,
            Issue::Registered => 1,
        }
    }

    /// Cycles from the step of a detector's lanes to the words of the feature buffer.
    pub fn detect_read_cycles(&self) -> usize {
        match self.issue {
            Issue::Direct => 2,
            Issue::Registered => self.address_cycles() + 4,
        }
    }

    /// Cycles that a row takes longer from its PEs to the drain.
    pub fn row_cycles(&self) -> usize {
        match self.issue {
            Issue::Direct => 0,
            Issue::Registered => 1,
        }
    }

    /// Cycles that a beat takes longer from the PEs to the output stream, and so a job to its end: a row waits in a register on its
    /// way to the drain ([`Config::row_cycles`]), a beat in one when it is rounded and packed.
    pub fn drain_cycles(&self) -> usize {
        match self.issue {
            Issue::Direct => 0,
            Issue::Registered => self.row_cycles() + 1,
        }
    }

    /// Cycles that a step's elements take longer to the sums of the projections: each is multiplied by its ±1 first, then they are
    /// added to each other.
    pub fn step_cycles(&self) -> usize {
        match self.issue {
            Issue::Direct => 0,
            Issue::Registered => 2,
        }
    }

    /// Cycles that a step's elements take longer to the signature: [`Config::step_cycles`], and the bits of each projection wait in
    /// a register to be packed.
    pub fn signature_cycles(&self) -> usize {
        match self.issue {
            Issue::Direct => 0,
            Issue::Registered => self.step_cycles() + 1,
        }
    }

    /// Cycles that an element of a vector takes longer from the feature buffer to its projections.
    pub fn element_cycles(&self) -> usize {
        match self.issue {
            Issue::Direct => 0,
            Issue::Registered => 1,
        }
    }

    /// Cycles that a decision takes longer from the MCACHE to the Hitmap.
    pub fn record_cycles(&self) -> usize {
        match self.issue {
            Issue::Direct => 0,
            Issue::Registered => 1,
        }
    }

    /// Cycles that the decision on a vector takes longer: `d` of `docs/reuse.md`, "Cycles".
    pub fn decision_cycles(&self) -> usize {
        let slower_read = self.detect_read_cycles() - 2;
        let slower_decision = self.mcache.tag_cycles() + self.record_cycles();
        self.element_cycles() + self.signature_cycles() + slower_read + slower_decision
    }

    /// PEs of all sets.
    pub fn pe_count(&self) -> usize {
        self.sets * self.pes
    }

    /// Operands in one word of the streams and of the feature buffer.
    pub fn lanes(&self) -> usize {
        self.bus_w / self.data_w
    }

    /// Bytes of one stream word.
    pub fn bus_bytes(&self) -> usize {
        self.bus_w / 8
    }

    /// Bits of a product of two operands.
    pub fn product_w(&self) -> usize {
        2 * self.data_w
    }

    /// Bits that number the sets.
    pub fn set_w(&self) -> usize {
        index_width(self.sets)
    }

    /// Bits that number the PEs of a set.
    pub fn pe_w(&self) -> usize {
        index_width(self.pes)
    }

    /// Bits that number the positions of a tile (psum RAM address).
    pub fn tile_w(&self) -> usize {
        index_width(self.tile)
    }

    /// Bits that hold a number of positions, 0…tile.
    pub fn tile_count_w(&self) -> usize {
        count_width(self.tile)
    }

    /// Bits that number the elements of a group.
    pub fn k_w(&self) -> usize {
        index_width(self.k_max)
    }

    /// Bits that hold a number of elements of a group, 0…k_max.
    pub fn k_count_w(&self) -> usize {
        count_width(self.k_max)
    }

    /// Bits that hold a number of projections, 0…p_max.
    pub fn p_count_w(&self) -> usize {
        count_width(self.p_max)
    }

    /// Bits that number the row banks of the feature buffer.
    pub fn bank_w(&self) -> usize {
        index_width(self.l)
    }

    /// Stream words that one row of weights or operands takes: one operand for each PE of a set.
    pub fn row_beats(&self) -> usize {
        self.pes.div_ceil(self.lanes())
    }

    /// Stream words (`bus_w` bits) that one bank of the feature buffer holds.
    pub fn bank_depth(&self) -> usize {
        self.feature_words / self.lanes()
    }

    /// Bits that number the stream words of a bank.
    pub fn bank_depth_w(&self) -> usize {
        index_width(self.bank_depth())
    }

    /// Bits that number the operands of a bank.
    pub fn feature_w(&self) -> usize {
        index_width(self.feature_words)
    }

    /// Bits that number the lanes of a stream word.
    pub fn lane_w(&self) -> usize {
        index_width(self.lanes())
    }

    /// Bits that number the operands of a PE's weight ring.
    pub fn weight_w(&self) -> usize {
        index_width(self.weight_words)
    }

    /// Bits that hold a number of PEs of a set, 0…pes.
    pub fn pe_count_w(&self) -> usize {
        count_width(self.pes)
    }

    /// Bits that hold a number of sets, 0…sets.
    pub fn set_count_w(&self) -> usize {
        count_width(self.sets)
    }

    /// Bits that hold a number of PEs of all sets.
    pub fn pe_total_w(&self) -> usize {
        count_width(self.pe_count())
    }

    /// Bits that number the beats of a row of weights or operands.
    pub fn row_beat_w(&self) -> usize {
        index_width(self.row_beats())
    }

    /// Bits that number the beats of a row of results, raw (64 bits a result) or shifted.
    pub fn drain_beat_w(&self) -> usize {
        index_width(self.pes.div_ceil(self.bus_w / 64))
    }

    /// Words of the Hitmap list memory of a set.
    pub fn list_words(&self) -> usize {
        self.lists * self.tile
    }

    /// Bits that number the words of the Hitmap list memory.
    pub fn list_w(&self) -> usize {
        index_width(self.list_words())
    }

    /// Bits of an item of a Hitmap list: kind (2), first (1), position, entry, bank and word of the first element, non-zero mask.
    pub fn item_w(&self) -> usize {
        3 + self.tile_w() + self.mcache.entry_w() + self.bank_w() + self.feature_w() + self.k_max
    }

    /// Bits of a word of a walker's flush list: entry, bank and word of the first element, non-zero mask.
    pub fn flush_w(&self) -> usize {
        self.mcache.entry_w() + self.bank_w() + self.feature_w() + self.k_max
    }

    /// Bits of a projection p_j, signed: K_MAX full-scale elements never wrap it.
    pub fn projection_w(&self) -> usize {
        self.data_w + count_width(self.k_max)
    }

    /// Bits of a sum of dY over the positions of a tile, signed.
    pub fn gradient_sum_w(&self) -> usize {
        self.data_w + self.tile_w()
    }

    /// Bits of a word of a PE's MCACHE data RAM: a vector's sum of products, or a sum of dY.
    pub fn mcache_data_w(&self) -> usize {
        self.vector_w().max(self.gradient_sum_w())
    }

    /// Bits that number the detectors.
    pub fn detector_w(&self) -> usize {
        index_width(self.detectors)
    }

    /// PE sets that one detector serves.
    pub fn sets_per_detector(&self) -> usize {
        self.sets / self.detectors
    }

    /// Bits of the sum of one vector's products: k_max products, each of at most 2^(2·data_w − 2), never wrap it.
    pub fn vector_w(&self) -> usize {
        self.product_w() - 1 + count_width(self.k_max)
    }

    /// Bits that hold a number of words of the weight ring, 0…weight_words.
    pub fn weight_count_w(&self) -> usize {
        count_width(self.weight_words)
    }

    /// Largest number of terms that any accumulation of full-range products may have without leaving `acc_w` bits:
    /// the largest n with n·2^(2·data_w−2) < 2^(acc_w−1).
    pub fn max_terms(&self) -> u64 {
        (1u64 << (self.acc_w + 1 - self.product_w())) - 1
    }
}
