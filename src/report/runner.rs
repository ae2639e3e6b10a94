//! Does the runs that are not there yet, several at once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::error::Measured;
use super::record::{Ending, Finished, Record, Store};
use super::request::Task;
use crate::cosim::verilated;
use crate::nn::{self, Event, Network, data};

/// How runs are done.
pub struct Runner {
    /// Runs at once, one thread each.
    pub jobs: usize,
    /// No run is begun after so long.
    pub budget: Option<Duration>,
}

/// Tasks, and whether their records are there.
pub struct Share {
    /// Tasks without a record.
    pub open: Vec<Task>,
    /// Tasks whose record is there.
    pub there: usize,
}

impl Share {
    /// Looks for the records of all tasks.
    ///
    /// # Errors
    /// A record of other inputs, unless it is to be replaced.
    pub fn new(tasks: Vec<Task>, store: &Store, replace: bool) -> Result<Share> {
        let mut open = vec![];
        let all = tasks.len();
        for task in tasks {
            match store.get(&task)? {
                Some(record) if record.inputs == task.inputs() => continue,
                Some(record) => ensure!(
                    replace,
                    "run {} is there, made with other inputs ({}, now {}): give another --name, or --replace to do such runs again",
                    record.label,
                    record.inputs,
                    task.inputs()
                ),
                None => {}
            }
            open.push(task);
        }
        Ok(Share {
            there: all - open.len(),
            open,
        })
    }
}

/// What happens while runs are done.
pub enum News<'a> {
    /// So many multiply-accumulates of dense work were done since the last news, by the task.
    Work {
        /// Multiply-accumulates.
        macs: u64,
        /// The task.
        task: &'a Task,
        /// Its epoch, from 1.
        epoch: usize,
    },
    /// A record was written.
    Done(&'a Record),
}

impl Runner {
    /// Does the tasks in order and writes their records. Returns how many were done.
    ///
    /// # Errors
    /// Data that cannot be read, a record that cannot be written; runs in progress are then finished first.
    pub fn run(
        &self,
        tasks: &[Task],
        store: &Store,
        on_news: &(dyn Fn(News) + Sync),
    ) -> Result<usize> {
        let start = Instant::now();
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let stop = AtomicBool::new(false);
        let failure = Mutex::new(None);
        let work = || {
            while !stop.load(Ordering::Relaxed) && self.budget.is_none_or(|b| start.elapsed() < b) {
                let Some(task) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) else {
                    return;
                };
                let record = alone(|| perform(task, on_news)).and_then(|record| {
                    store.put(&record)?;
                    Ok(record)
                });
                match record {
                    Ok(record) => {
                        done.fetch_add(1, Ordering::Relaxed);
                        on_news(News::Done(&record));
                    }
                    Err(error) => {
                        stop.store(true, Ordering::Relaxed);
                        *failure.lock().expect("nobody panics with it") =
                            Some(error.context(format!("run {}", task.label())));
                    }
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..self.jobs.max(1) {
                scope.spawn(work);
            }
        });
        match failure.into_inner().expect("nobody panics with it") {
            Some(error) => Err(error),
            None => Ok(done.into_inner()),
        }
    }
}

/// Does all parallel work of `run` in one thread, so that runs side by side do not slow each other down.
fn alone<T: Send>(run: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    pool.context("cannot start a thread")?.install(run)
}

/// One run from beginning to end.
fn perform(task: &Task, on_news: &(dyn Fn(News) + Sync)) -> Result<Record> {
    let seed = task.options.seed;
    let images = data::open(&task.subject.source.dir, task.subject.source.amount, seed)?;
    let mut net = Network::new(task.subject.spec.clone(), seed)?;
    let ending = match train(task, &mut net, &images, on_news) {
        Ok(finished) => Ending::Finished(Box::new(finished)),
        Err(error) => Ending::Failed(format!("{error:#}")),
    };
    let products = task.subject.spec.products(1)?;
    Ok(Record {
        inputs: task.inputs(),
        label: task.label(),
        net: task.subject.spec.name.clone(),
        convolutional: products
            .iter()
            .any(|(_, geometry)| geometry.kernel != [1; 2]),
        config: task.config.clone(),
        mode: task.mode,
        change: task.change,
        seed,
        data: task.subject.source.dir.display().to_string(),
        images: [images.train.len(), images.test.len()],
        ending,
    })
}

/// Trains, with the error of x̂ measured in the first batch of every epoch.
fn train(
    task: &Task,
    net: &mut Network,
    images: &data::Dataset,
    on_news: &(dyn Fn(News) + Sync),
) -> Result<Finished> {
    let (mut engine, probe) = Measured::new(verilated::modelled(&task.config), &task.config);
    let mut errors = vec![];
    let mut before = 0;
    probe.switch(true);
    let report = nn::train(
        net,
        images,
        &mut engine,
        &task.options,
        &mut |event| match event {
            Event::Images { epoch, done, .. } => {
                let measured = probe.take();
                if !measured.is_empty() {
                    errors.push(measured);
                }
                probe.switch(false);
                let work = task.work(epoch, done);
                on_news(News::Work {
                    macs: work - before,
                    task,
                    epoch,
                });
                before = work;
            }
            Event::Epoch(_) => probe.switch(true),
        },
    )?;
    Ok(Finished { report, errors })
}
