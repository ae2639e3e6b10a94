//! The offline encoder: unique weights and indices of each input.

use ndarray::{Array2, ArrayView2};

use super::estimate::{BlockUniques, weight_beats};
use crate::config::fc::FcConfig;

/// One input's weights in a block: the unique values and, for each output, which of them it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Unique weights, ascending; 1…256 of them.
    pub uniques: Vec<i8>,
    /// Index into `uniques` of each output of the block.
    pub indices: Vec<u8>,
}

impl Input {
    /// Encodes the weights of one input.
    ///
    /// ```
    /// let input = mercury::crew::Input::new(&[3, -1, 3, 7]);
    /// assert_eq!((input.uniques.as_slice(), input.indices.as_slice(), input.width()), (&[-1, 3, 7][..], &[1, 0, 1, 2][..], 2));
    /// ```
    ///
    /// # Panics
    /// No weights.
    pub fn new(weights: &[i8]) -> Self {
        assert!(!weights.is_empty(), "an input without outputs");
        let mut uniques = weights.to_vec();
        uniques.sort_unstable();
        uniques.dedup();
        let index = |w: &i8| {
            uniques
                .binary_search(w)
                .expect("every weight is among the uniques")
        };
        let indices = weights.iter().map(|w| index(w) as u8).collect();
        Input { uniques, indices }
    }

    /// Adds unique weights that no output has: the stream may hold them, and the hardware multiplies by them.
    pub fn add_spares(&mut self, spares: &[i8]) {
        let weights: Vec<i8> = self.weights().collect();
        self.uniques.extend(spares);
        self.uniques.sort_unstable();
        self.uniques.dedup();
        let index = |w: &i8| self.uniques.binary_search(w).expect("it was there before") as u8;
        self.indices = weights.iter().map(index).collect();
    }

    /// Bits of an index: ⌈log2 of the number of unique weights⌉, 0…8.
    pub fn width(&self) -> usize {
        self.uniques.len().next_power_of_two().ilog2() as usize
    }

    /// The weights, one for each output.
    pub fn weights(&self) -> impl Iterator<Item = i8> {
        self.indices.iter().map(|&i| self.uniques[usize::from(i)])
    }
}

/// The weights of all inputs to some consecutive outputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// First output.
    pub first_output: usize,
    /// Number of outputs, at most the configuration's.
    pub outputs: usize,
    /// The inputs in the order of the hardware: position g·P + p is input p of group g. Sorted by index width, then by
    /// the number of unique weights, descending, so that the inputs of a stripe need equally many beats.
    pub order: Vec<usize>,
    /// What stands at these positions.
    pub inputs: Vec<Input>,
}

impl Block {
    fn new(weights: ArrayView2<i8>, spares: &[Vec<i8>], first_output: usize) -> Self {
        let mut encoded: Vec<Input> = weights
            .rows()
            .into_iter()
            .map(|row| Input::new(&row.to_vec()))
            .collect();
        for (input, spares) in encoded.iter_mut().zip(spares) {
            input.add_spares(spares);
        }
        let mut order: Vec<usize> = (0..encoded.len()).collect();
        order.sort_by_key(|&n| std::cmp::Reverse(encoded[n].uniques.len()));
        let inputs = order.iter().map(|&n| encoded[n].clone()).collect();
        Block {
            first_output,
            outputs: weights.ncols(),
            order,
            inputs,
        }
    }
}

/// A layer's weights as the hardware reads them, cut into blocks of outputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// Inputs N.
    pub inputs: usize,
    /// Outputs M.
    pub outputs: usize,
    /// Blocks in ascending order of outputs.
    pub blocks: Vec<Block>,
}

/// Encodes the weights `[inputs, outputs]` for a configuration: blocks of at most [`FcConfig::outputs`] outputs.
///
/// # Panics
/// A matrix without inputs or outputs.
pub fn encode(weights: ArrayView2<i8>, config: &FcConfig) -> Encoded {
    encode_with_spares(weights, &[], config)
}

/// [`encode`] with [spare unique weights](Input::add_spares) for each input, or for none of them.
///
/// # Panics
/// A matrix without inputs or outputs.
pub fn encode_with_spares(
    weights: ArrayView2<i8>,
    spares: &[Vec<i8>],
    config: &FcConfig,
) -> Encoded {
    let (inputs, outputs) = weights.dim();
    assert!(inputs > 0 && outputs > 0, "an empty layer");
    let columns = weights.axis_chunks_iter(ndarray::Axis(1), config.outputs);
    let blocks = columns
        .enumerate()
        .map(|(i, part)| Block::new(part, spares, i * config.outputs));
    Encoded {
        inputs,
        outputs,
        blocks: blocks.collect(),
    }
}

impl Encoded {
    /// The weights `[inputs, outputs]` again.
    pub fn decode(&self) -> Array2<i8> {
        let mut weights = Array2::zeros((self.inputs, self.outputs));
        for block in &self.blocks {
            for (&n, input) in block.order.iter().zip(&block.inputs) {
                for (m, w) in input.weights().enumerate() {
                    weights[[n, block.first_output + m]] = w;
                }
            }
        }
        weights
    }
}

/// What encoding a layer gives, in numbers.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Summary {
    /// Inputs N.
    pub inputs: usize,
    /// Outputs M.
    pub outputs: usize,
    /// Blocks of outputs.
    pub blocks: usize,
    /// Mean number of unique weights of an input in a block.
    pub mean_uniques: f64,
    /// Largest number of unique weights of an input in a block.
    pub max_uniques: usize,
    /// Inputs (of all blocks) by index width 0…8.
    pub widths: [usize; 9],
    /// Multiplications of one input vector: unique weights over all inputs and blocks.
    pub multiplications: u64,
    /// Those over N·M.
    pub multiplications_left: f64,
    /// Bytes of the weight stream, headers and padding of beats included, and of the order of the inputs.
    pub bytes: u64,
    /// Bytes of the dense matrix at 8 bits a weight.
    pub dense_bytes: u64,
    /// `bytes` over `dense_bytes`.
    pub storage: f64,
}

impl Summary {
    /// The numbers of a layer, as stored for `config`, from its blocks' unique weights ([`uniques`](super::estimate::uniques)).
    ///
    /// # Panics
    /// No block.
    pub fn new(blocks: &[BlockUniques], config: &FcConfig) -> Self {
        let counts = || blocks.iter().flat_map(|block| &block.counts).copied();
        let mut widths = [0; 9];
        counts().for_each(|count| widths[count.next_power_of_two().ilog2() as usize] += 1);
        let inputs = blocks[0].counts.len();
        let outputs = blocks.iter().map(|block| block.outputs).sum::<usize>();
        let multiplications = counts().sum::<usize>();
        let dense = (inputs * outputs) as u64;
        let beats = blocks.iter().map(|block| weight_beats(block, config));
        let order = blocks.len() * (inputs * super::pack::order_bits(inputs)).div_ceil(8);
        let bytes = beats.sum::<u64>() * config.bus_bytes() as u64 + order as u64;
        Summary {
            inputs,
            outputs,
            blocks: blocks.len(),
            mean_uniques: multiplications as f64 / (inputs * blocks.len()) as f64,
            max_uniques: counts().max().unwrap_or(0),
            widths,
            multiplications: multiplications as u64,
            multiplications_left: multiplications as f64 / dense as f64,
            bytes,
            dense_bytes: dense,
            storage: bytes as f64 / dense as f64,
        }
    }
}
