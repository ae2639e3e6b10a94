//! Trainings: what is done once for all runs that share it.

use super::request::Task;

/// One training, and the runs whose records it gives.
///
/// Runs of exact modes ([`Mode::is_exact`](super::Mode::is_exact)) with the same network, seed and operand width have the same
/// weights and losses, whatever the mode and the sizes of the accelerator; they differ in what they cost. Every other run is a
/// training of its own.
#[derive(Clone, Debug)]
pub struct Training {
    /// At least one.
    tasks: Vec<Task>,
}

impl Training {
    /// The trainings of some runs: seed by seed, so that what is there early is balanced; of a seed the comparison before the sweeps,
    /// small networks before large ones.
    pub fn all(tasks: Vec<Task>) -> Vec<Training> {
        let mut all: Vec<Training> = vec![];
        for task in tasks {
            match all.iter_mut().find(|t| t.tasks[0].shares_training(&task)) {
                Some(training) => training.tasks.push(task),
                None => all.push(Training { tasks: vec![task] }),
            }
        }
        all.sort_by_key(|training| {
            let task = &training.tasks[0];
            (
                task.options.seed,
                task.change.is_some(),
                training.total_work(),
            )
        });
        all
    }

    /// Its runs.
    pub fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    /// What it is called while it goes on.
    pub fn label(&self) -> String {
        let task = &self.tasks[0];
        match self.tasks.len() {
            1 => task.label(),
            runs => format!(
                "{}-exact-{} ({runs} runs)",
                task.subject.spec.name, task.options.seed
            ),
        }
    }

    /// Multiply-accumulates of dense work of the whole training.
    pub fn total_work(&self) -> u64 {
        self.tasks[0].total_work()
    }
}
