//! Sizes of an accelerator: presets, derived widths, legality checks.
