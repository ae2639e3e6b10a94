//! Does the trainings of the runs that are not there yet, several at once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};

use super::error::{Measured, Probe};
use super::record::{Ending, Finished, Record, Store};
use super::request::Task;
use super::training::Training;
use crate::acrtc::TensorCore;
use crate::config::TrainSizes;
use crate::cosim::verilated;
use crate::engine::{Costs, Engine};
use crate::golden::Golden;
use crate::nn::{self, Costing, Event, LayerReuse, Network, Options, data};

/// How trainings are done.
pub struct Runner {
    /// Trainings at once, one thread each.
    pub jobs: usize,
    /// No training is begun after so long.
    pub budget: Option<Duration>,
}

/// Tasks, and whether their records are there.
pub struct Share {
    /// The trainings that the tasks without a record ask for.
    pub open: Vec<Training>,
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
            open: Training::all(open),
        })
    }
}

/// What happens while trainings are done.
pub enum News<'a> {
    /// So many multiply-accumulates of dense work were done since the last news.
    Work {
        /// Multiply-accumulates.
        macs: u64,
        /// By which training.
        training: &'a Training,
        /// Its epoch, from 1.
        epoch: usize,
    },
    /// A training is over, and its records are written.
    Done(&'a [Record]),
}

impl Runner {
    /// Does the trainings in order and writes the records of their runs. Returns how many trainings were done.
    ///
    /// # Errors
    /// Data that cannot be read, a record that cannot be written; trainings in progress are then finished first.
    pub fn run(
        &self,
        trainings: &[Training],
        store: &Store,
        on_news: &(dyn Fn(News) + Sync),
    ) -> Result<usize> {
        let start = Instant::now();
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let stop = AtomicBool::new(false);
        let failure = Mutex::new(None);
        let work = || {
            while !stop.load(Ordering::Relaxed) && self.budget.is_none_or(|b| start.elapsed() < b) {
                let Some(training) = trainings.get(next.fetch_add(1, Ordering::Relaxed)) else {
                    return;
                };
                let records = alone(|| perform(training, on_news)).and_then(|records| {
                    records.iter().try_for_each(|record| store.put(record))?;
                    Ok(records)
                });
                match records {
                    Ok(records) => {
                        done.fetch_add(1, Ordering::Relaxed);
                        on_news(News::Done(&records));
                    }
                    Err(error) => {
                        stop.store(true, Ordering::Relaxed);
                        *failure.lock().expect("nobody panics with it") =
                            Some(error.context(format!("training {}", training.label())));
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

/// One training from beginning to end.
fn perform(training: &Training, on_news: &(dyn Fn(News) + Sync)) -> Result<Vec<Record>> {
    let tasks = training.tasks();
    let (subject, seed) = (&tasks[0].subject, tasks[0].options.seed);
    let images = data::open(&subject.source.dir, subject.source.amount, seed)?;
    let net = Network::new(subject.spec.clone(), seed)?;
    let mut before = 0;
    let mut on_images = |epoch, done| {
        let work = tasks[0].work(epoch, done);
        on_news(News::Work {
            macs: work - before,
            training,
            epoch,
        });
        before = work;
    };
    let endings = match tasks[0].mode.is_exact() {
        true => train_exact(tasks, net, &images, &mut on_images),
        false => vec![train_one(&tasks[0], net, &images, &mut on_images)],
    };
    let products = subject.spec.products(1)?;
    let record = |(task, ending): (&Task, Result<Finished>)| Record {
        inputs: task.inputs(),
        label: task.label(),
        net: subject.spec.name.clone(),
        convolutional: products
            .iter()
            .any(|(_, geometry)| geometry.kernel != [1; 2]),
        config: task.config.clone(),
        mode: task.mode,
        change: task.change,
        seed,
        data: subject.source.dir.display().to_string(),
        images: [images.train.len(), images.test.len()],
        ending: match ending {
            Ok(finished) => Ending::Finished(Box::new(finished)),
            Err(error) => Ending::Failed(format!("{error:#}")),
        },
    };
    Ok(tasks.iter().zip(endings).map(record).collect())
}

/// Trains once without reuse, and has the operations priced for every task. `on_images` is told epoch and images done.
fn train_exact(
    tasks: &[Task],
    mut net: Network,
    images: &data::Dataset,
    on_images: &mut dyn FnMut(usize, usize),
) -> Vec<Result<Finished>> {
    let accelerators = || tasks.chunk_by(|a, b| a.config == b.config);
    let mut models: Vec<Box<dyn Costs>> = accelerators()
        .map(|tasks| match &tasks[0].config {
            TrainSizes::Mercury(config) => Box::new(verilated::modelled(config)) as Box<dyn Costs>,
            TrainSizes::Tc(config) => Box::new(TensorCore::new(config)),
        })
        .collect();
    let costings = models.iter_mut().zip(accelerators()).map(|(model, tasks)| {
        let settings = tasks.iter().map(|task| task.options.reuse.clone());
        Costing::new(model.as_mut(), settings.collect())
    });
    let mut engine = Golden::new(tasks[0].config.data_w() as u32);
    let trained = costings.collect::<Result<Vec<_>>>().and_then(|costings| {
        let options = Options {
            reuse: LayerReuse::default(),
            ..tasks[0].options.clone()
        };
        let mut on_event = |event: Event| {
            if let Event::Images { epoch, done, .. } = event {
                on_images(epoch, done);
            }
        };
        nn::train_costed(
            &mut net,
            images,
            &mut engine,
            &options,
            costings,
            &mut on_event,
        )
    });
    let finished = |report| Finished {
        report,
        errors: vec![],
    };
    match trained {
        Ok((_, reports)) => reports.into_iter().map(|r| r.map(finished)).collect(),
        Err(error) => tasks.iter().map(|_| Err(anyhow!("{error:#}"))).collect(),
    }
}

/// Trains with reuse; on MERCURY with the error of x̂ measured in the first batch of every epoch.
fn train_one(
    task: &Task,
    mut net: Network,
    images: &data::Dataset,
    on_images: &mut dyn FnMut(usize, usize),
) -> Result<Finished> {
    let (mut engine, probe): (Box<dyn Engine>, Probe) = match &task.config {
        TrainSizes::Mercury(config) => {
            let (engine, probe) = Measured::new(verilated::modelled(config), config);
            (Box::new(engine), probe)
        }
        TrainSizes::Tc(config) => (Box::new(TensorCore::new(config)), Probe::default()),
    };
    let mut errors = vec![];
    probe.switch(true);
    let report = nn::train(
        &mut net,
        images,
        engine.as_mut(),
        &task.options,
        &mut |event| match event {
            Event::Images { epoch, done, .. } => {
                let measured = probe.take();
                if !measured.is_empty() {
                    errors.push(measured);
                }
                probe.switch(false);
                on_images(epoch, done);
            }
            Event::Epoch(_) => probe.switch(true),
        },
    )?;
    Ok(Finished { report, errors })
}
