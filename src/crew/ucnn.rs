//! UCNN as a point of comparison: factorised dot products by repeated weights, in a cycle model.
//!
//! Source of the idea: K. Hegde et al., "UCNN: Exploiting Computational Reuse in Deep Neural Networks via Weight Repetition",
//! ISCA 2018. The model is the contract of `docs/crew.md`, "UCNN"; no hardware of it is generated here.

use ndarray::{ArrayView2, Axis};

/// What the tables of a lane hold: those of G outputs that are computed together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Inputs with a weight other than 0 to any of the outputs: additions, one a cycle.
    pub entries: u64,
    /// Products of sums and weights.
    pub products: u64,
    /// Products that wait a cycle for the lane's only multiplier.
    pub waits: u64,
}

/// A layer in the form that UCNN reads.
#[derive(Clone, Debug)]
pub struct Tables {
    inputs: usize,
    outputs: usize,
    shared: usize,
    tables: Vec<Table>,
}

/// Sizes of the accelerator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Lanes P: one multiplier and one adder each.
    pub multipliers: usize,
    /// Bits of the stream.
    pub bus_w: usize,
}

/// What a layer takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Cost {
    /// Cycles from the first beat of activations to the last beat of sums.
    pub cycles: u64,
    /// Products of all vectors.
    pub multiplications: u64,
    /// Bytes of tables and activations.
    pub in_bytes: u64,
}

impl Tables {
    /// The tables of `weights[inputs, outputs]`; `shared` outputs, 1 or 2, share the order of their inputs.
    ///
    /// # Panics
    /// Another number of outputs.
    pub fn new(weights: ArrayView2<i8>, shared: usize) -> Tables {
        assert!(
            matches!(shared, 1 | 2),
            "{shared} outputs share a table: use 1 or 2"
        );
        let tables = weights
            .axis_chunks_iter(Axis(1), shared)
            .map(|outputs| table(outputs));
        Tables {
            inputs: weights.nrows(),
            outputs: weights.ncols(),
            shared,
            tables: tables.collect(),
        }
    }

    /// Outputs that share a table.
    pub fn shared(&self) -> usize {
        self.shared
    }

    /// Cycles and counts for `batch` vectors.
    pub fn cost(&self, batch: usize, size: Size) -> Cost {
        let beat = size.bus_w as u64;
        let pointer = u64::from(self.inputs.next_power_of_two().ilog2());
        let mut cost = Cost::default();
        let activations = (8 * self.inputs * batch) as u64;
        let mut loaded = activations.div_ceil(beat);
        let mut beats = loaded;
        // Cycle after the last one of this pass, and of the pass before.
        let (mut computed, mut before) = (0, 0);
        for pass in self.tables.chunks(size.multipliers) {
            let bits: u64 = pass
                .iter()
                .map(|t| t.entries * (pointer + self.shared as u64) + 8 * t.products)
                .sum();
            loaded = loaded.max(before) + bits.div_ceil(beat);
            beats += bits.div_ceil(beat);
            before = computed;
            let slowest = pass.iter().map(|t| t.entries + t.waits).max().unwrap_or(0);
            computed = computed.max(loaded) + batch as u64 * slowest;
            cost.multiplications += batch as u64 * pass.iter().map(|t| t.products).sum::<u64>();
        }
        cost.cycles = computed + ((32 * self.outputs * batch) as u64).div_ceil(beat);
        cost.in_bytes = beats * beat / 8;
        cost
    }
}

fn table(outputs: ArrayView2<i8>) -> Table {
    // Subgroups: inputs of equal weights to both outputs; a group has one weight to the first output.
    let mut seen = vec![false; 1 << 16];
    let mut table = Table::default();
    for row in outputs.rows() {
        let first = row[0];
        let second = row.get(1).copied().unwrap_or(0);
        if first != 0 || second != 0 {
            table.entries += 1;
            seen[usize::from(first as u8) << 8 | usize::from(second as u8)] = true;
        }
    }
    for (weight, group) in seen.chunks(256).enumerate() {
        if group.iter().all(|s| !s) {
            continue;
        }
        let second = group[1..].iter().filter(|s| **s).count() as u64;
        let first = u64::from(weight != 0);
        table.products += first + second;
        // The last subgroup ends its group too: two products at once, unless it is that of the second weight 0.
        table.waits += u64::from(first == 1 && !group[0]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    /// Counted by hand: weights of an output alone, then of two outputs together.
    #[test]
    fn tables_count_entries_products_and_waits() {
        let weights: ndarray::Array2<i8> = array![[3, 3], [3, 0], [0, 5], [0, 0], [-1, 5], [3, 3]];
        let alone = Tables::new(weights.view(), 1);
        // First output: 3 three times, -1; second: 3 twice, 5 twice.
        let one = |entries, products, waits| Table {
            entries,
            products,
            waits,
        };
        assert_eq!(alone.tables, [one(4, 2, 0), one(4, 2, 0)]);
        // Together: (3,3) (3,0) (0,5) (-1,5): products 3 and 3, 5, -1 and 5; group 3 can end with (3,0), group -1 must with (-1,5).
        let both = Tables::new(weights.view(), 2);
        assert_eq!(both.tables, [one(5, 5, 1)]);
    }

    /// One lane, two outputs, two vectors on 64 bits.
    #[test]
    fn passes_overlap_the_next_table() {
        let weights: ndarray::Array2<i8> = array![[3, 3], [3, 0], [0, 5], [0, 0], [-1, 5], [3, 3]];
        let size = Size {
            multipliers: 1,
            bus_w: 64,
        };
        let cost = Tables::new(weights.view(), 1).cost(2, size);
        // 12 bytes of activations are 2 beats; a table has 4 · (3 + 1) + 2 · 8 = 32 bits, 1 beat. Loaded after 3 and 4 cycles;
        // computed 3 + 2 · 4 = 11, then 11 + 8 = 19; 4 sums are 2 beats.
        assert_eq!(cost.cycles, 19 + 2);
        assert_eq!((cost.multiplications, cost.in_bytes), (8, 4 * 8));
    }
}
