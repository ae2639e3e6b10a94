//! The arithmetic contract: quantisation, rounding and saturation.
