//! What searches have found: a search takes long, and its outcome depends on nothing but its arguments.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use anyhow::Result;

use super::Search;
use crate::plan::estimate::Detect;
use crate::plan::{Choices, Correlation};
use crate::reuse::{Mode, Reuse};

/// All that the cut of a correlation depends on.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    view: Correlation,
    wgrad: bool,
    shifts: bool,
    reuse: Reuse,
    detect: Option<Detect>,
    config: String,
}

static FOUND: LazyLock<Mutex<HashMap<Key, Choices>>> = LazyLock::new(Mutex::default);

/// The choices that `search` ends with, from memory if it was made before.
pub(super) fn known(
    search: &Search,
    find: impl FnOnce(&Search) -> Result<Choices>,
) -> Result<Choices> {
    let unset = Reuse::default();
    let key = Key {
        view: (**search.view).clone(),
        wgrad: search.wgrad,
        shifts: search.shift.is_some(),
        // Neither the numbers of the matrix nor the width of a step cost any time.
        reuse: Reuse {
            matrix_seed: unset.matrix_seed,
            step_log2: unset.step_log2,
            finer: match search.reuse.mode {
                Mode::Sign => search.reuse.finer,
                _ => unset.finer,
            },
            ..*search.reuse
        },
        detect: search.detect,
        config: search.config.hash(),
    };
    let found = || FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(choices) = found().get(&key) {
        return Ok(choices.clone());
    }
    let choices = find(search)?;
    found().insert(key, choices.clone());
    Ok(choices)
}
