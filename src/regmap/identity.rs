//! Values of the read-only identity registers.

use super::Reg;
use super::table::word;
use crate::config::Config;

/// Value that an [`Access::Identity`](super::Access::Identity) register shows for a configuration; `None` for all other registers.
pub fn identity(reg: Reg, config: &Config) -> Option<u32> {
    let word = |values: &[usize]| word(reg.register().fields, values);
    Some(match reg {
        Reg::Id => u32::from_be_bytes(*b"MCRY"),
        Reg::Version => 2,
        Reg::ConfigHash => config.hash_word(),
        Reg::Size0 => word(&[config.sets, config.pes, config.tile]),
        Reg::Size1 => word(&[config.data_w, config.acc_w, config.bus_w]),
        Reg::Size2 => word(&[config.bank_depth(), config.l, config.k_max]),
        Reg::Size3 => word(&[config.weight_words]),
        Reg::Size4 if config.reuse => word(&[config.mcache.sets, config.mcache.ways]),
        Reg::Size5 if config.reuse => word(&[config.p_max, config.sig_w, config.detectors]),
        Reg::Size6 if config.reuse => word(&[config.list_words()]),
        Reg::Size4 | Reg::Size5 | Reg::Size6 => 0,
        _ => return None,
    })
}
