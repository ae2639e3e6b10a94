//! Hitmap records as the trace ports of an accelerator show them.

use anyhow::{Result, ensure};

use crate::cosim::model::{Model, Port};
use crate::reuse::{Record, State};

/// A trace port that holds one field of every detector's record, detector d at bit d·width.
struct Packed {
    port: Port,
    width: usize,
    words: Vec<u32>,
}

impl Packed {
    fn find(model: &Model, name: &str, detectors: usize) -> Result<Packed> {
        let port = model.port(name)?;
        let bits = model.width(port);
        ensure!(
            bits.is_multiple_of(detectors) && bits / detectors <= 128,
            "{name} has {bits} bits for {detectors} detectors: each must have the same number, at most 128"
        );
        Ok(Packed {
            port,
            width: bits / detectors,
            words: vec![0; model.words(port)],
        })
    }

    fn load(&mut self, model: &Model) {
        model.read(self.port, &mut self.words);
    }

    /// The field of one detector's record.
    fn get(&self, detector: usize) -> u128 {
        (0..self.width).fold(0, |value, bit| {
            let at = detector * self.width + bit;
            value | u128::from(self.words[at / 32] >> (at % 32) & 1) << bit
        })
    }
}

/// Collects what the trace ports show, set by set, in the order of detection.
pub(super) struct Hitmaps {
    valid: Packed,
    set: Packed,
    state: Packed,
    entry: Packed,
    signature: Packed,
    detectors: usize,
    records: Vec<Vec<Record>>,
}

impl Hitmaps {
    /// The collector of a model with trace ports; none if it has none.
    pub fn find(model: &Model) -> Result<Option<Hitmaps>> {
        let Ok(valid) = model.port("trace_valid") else {
            return Ok(None);
        };
        let detectors = model.width(valid);
        let packed = |name| Packed::find(model, name, detectors);
        Ok(Some(Hitmaps {
            valid: packed("trace_valid")?,
            set: packed("trace_set")?,
            state: packed("trace_state")?,
            entry: packed("trace_entry")?,
            signature: packed("trace_signature")?,
            detectors,
            records: vec![],
        }))
    }

    /// Takes the records of this cycle.
    pub fn sample(&mut self, model: &Model) {
        self.valid.load(model);
        if self.valid.words.iter().all(|word| *word == 0) {
            return;
        }
        for field in [
            &mut self.set,
            &mut self.state,
            &mut self.entry,
            &mut self.signature,
        ] {
            field.load(model);
        }
        for detector in 0..self.detectors {
            if self.valid.get(detector) == 0 {
                continue;
            }
            let set = self.set.get(detector) as usize;
            if self.records.len() <= set {
                self.records.resize(set + 1, vec![]);
            }
            let state = State::from_code(self.state.get(detector) as u8);
            self.records[set].push(Record {
                state: state.expect("two bits name four states"),
                entry: self.entry.get(detector) as u16,
                signature: self.signature.get(detector),
            });
        }
    }

    /// The records since the last call, by set; sets after the last one that has any are left out.
    pub fn take(&mut self) -> Vec<Vec<Record>> {
        std::mem::take(&mut self.records)
    }
}
