//! `mercury bench`.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Subcommand;

use super::progress::Progress;
use super::{Outcome, grouped};
use crate::report::{
    Interval, Mean, Mode, News, Record, Report, Request, Runner, Seeds, Share, Store, Summary,
    Sweep, Task, Training, Verdict, write_outputs,
};

/// Train networks in all modes of reuse and compare accuracy and speed: a table, CSV and a page.
///
/// One run is one training of one network on the golden model, in one mode, with one seed, on one accelerator size, whose cycles the
/// cycle model counts exactly. Each run's record is a file of its own in <out>/<name>/runs; a run whose record is there is not
/// repeated, so the command may be stopped at any time and given again. Runs of exact modes with the same network and seed share one
/// training. Trainings go seed by seed, small networks first: what is there early is balanced.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Examples:
  mercury bench --name try --nets digits-cnn --modes dense,elements,grid --seeds 1-3 --epochs 3
  mercury bench --name main --file bench/main.toml --jobs 2          all of it; stop and start at will
  mercury bench --name main --file bench/main.toml --seeds 1-30      more seeds: only the new ones are run
  mercury bench --name main --file bench/main.toml --shard 3/8       the third of eight machines
  mercury bench merge --out reports/main from-a/main from-b/main     their records together
  mercury bench --name sweeps --modes sign,step,grid --sweep bits=1,2,3,4 --sweep ways=2,4,16

Modes: dense; zero (vectors of zeros skipped); elements (zero elements skipped too); sign, step, grid (elements, and alike vectors
computed once); fine (grid, a quarter of the step); adaptive (fine that adapts while training). Those up to elements are exact.
On tensor cores (presets acrtc-small, acrtc-paper): dense, elements; delta (differences from the row before, exact); crtc (8 bits rounded
away); acrtc (more at first). Modes that an accelerator does not have are left out for it.
Settings that --sweep changes: bits, projections, finer, k_target, ways, entries, tile; level;
on digits-cnn, in each mode in which they mean something.

Written: bench.json with rows: [{net, mode, seed, preset, test_accuracy, cycles, compute_cycles, dense_cycles, bytes}] and summary:
[{net, mode, preset, speedup, speedup_over_zero_elements, accuracy_delta_pp, ci95_pp, seeds}]; the same as rows.csv and summary.csv,
sweeps.csv; and index.html, the page. docs/bench.md explains them.")]
pub struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Name of the report: a folder of --out.
    #[arg(long, default_value = "bench")]
    name: String,
    /// Where reports lie.
    #[arg(long, value_name = "DIR", default_value = "reports")]
    out: PathBuf,
    /// TOML file with any of the keys nets, presets, modes, seeds, data, epochs, train_images, test_images, sweep; flags win over it.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    grid: GridArgs,
    /// Do only share I of N of the trainings.
    #[arg(long, value_name = "I/N")]
    shard: Option<String>,
    /// Trainings at once, one thread each [default: as many as there are processors].
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Begin no training after so many minutes.
    #[arg(long, value_name = "N")]
    minutes: Option<u64>,
    /// Do runs again that are there but were made with other inputs (another network file, other data, other settings).
    #[arg(long)]
    replace: bool,
    /// Say what is there and what is left, and run nothing.
    #[arg(long)]
    list: bool,
}

#[derive(Subcommand)]
enum Verb {
    /// Put the records of several folders together and write the report anew.
    Merge {
        /// Folders of reports (with a folder `runs` each).
        #[arg(required = true)]
        from: Vec<PathBuf>,
        /// Folder of the report [default: the first of them].
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

/// What of the request flags say; all else as in the file.
#[derive(clap::Args)]
struct GridArgs {
    /// Networks: built in or TOML files [default: digits-cnn].
    #[arg(long, value_delimiter = ',')]
    nets: Option<Vec<String>>,
    /// Accelerator sizes: presets or TOML files [default: small,paper].
    #[arg(long, value_delimiter = ',')]
    presets: Option<Vec<String>>,
    /// Modes of reuse; each accelerator takes those that it has [default: all].
    #[arg(long, value_delimiter = ',', value_enum)]
    modes: Option<Vec<Mode>>,
    /// Seeds, as 1-10 or 1,4,7 [default: 1-10].
    #[arg(long)]
    seeds: Option<Seeds>,
    /// Data directories; a network takes the first with images of its shape [default: data/digits,data/photos].
    #[arg(long, value_name = "DIR", value_delimiter = ',')]
    data: Option<Vec<PathBuf>>,
    /// Times through the training set [default: the network's own number].
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Use at most so many training images.
    #[arg(long, value_name = "N")]
    train_images: Option<usize>,
    /// Use at most so many test images.
    #[arg(long, value_name = "N")]
    test_images: Option<usize>,
    /// Also run digits-cnn with one setting changed to each of these values; for the first preset and at most three seeds.
    #[arg(long, value_name = "KEY=V,V")]
    sweep: Vec<Sweep>,
}

impl GridArgs {
    fn request(self, file: Request) -> Request {
        Request {
            nets: self.nets.unwrap_or(file.nets),
            presets: self.presets.unwrap_or(file.presets),
            modes: self.modes.unwrap_or(file.modes),
            seeds: self.seeds.unwrap_or(file.seeds),
            data: self.data.unwrap_or(file.data),
            epochs: self.epochs.or(file.epochs),
            train_images: self.train_images.or(file.train_images),
            test_images: self.test_images.or(file.test_images),
            sweep: if self.sweep.is_empty() {
                file.sweep
            } else {
                self.sweep
            },
        }
    }
}

impl Args {
    pub(super) fn run(self) -> Result<Outcome> {
        if let Some(Verb::Merge { from, out }) = self.verb {
            return merge(&from, out);
        }
        ensure!(
            !self.name.is_empty()
                && !self.name.contains(['/', '\\'])
                && !self.name.starts_with('.'),
            "--name is {:?}, it becomes a folder: give a plain word; --out says where it lies",
            self.name
        );
        let file = match &self.file {
            Some(path) => Request::load(path)?,
            None => Request::default(),
        };
        let folder = self.out.join(&self.name);
        let store = Store::new(&folder);
        let mut tasks = self.grid.request(file).tasks()?;
        if let Some(shard) = &self.shard {
            tasks = shard_of(tasks, shard)?;
        }
        let share = Share::new(tasks, &store, self.replace)?;
        println!(
            "{}: {} runs there, {} to do in {} trainings",
            folder.display(),
            grouped(share.there as u64),
            grouped(runs(&share.open) as u64),
            grouped(share.open.len() as u64)
        );
        if self.list {
            let tasks = share.open.iter().flat_map(Training::tasks);
            tasks.for_each(|task| println!("  {}", task.label()));
            return Ok(Outcome::Good);
        }
        let runner = Runner {
            jobs: self.jobs.unwrap_or_else(processors),
            budget: self
                .minutes
                .map(|minutes| Duration::from_secs(60 * minutes)),
        };
        let done = run(&runner, &share.open, &store, &folder)?;
        if done < share.open.len() {
            println!(
                "time is over, {} trainings are left: give the same command again",
                share.open.len() - done
            );
        }
        finish(&folder, &store)
    }
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn runs(trainings: &[Training]) -> usize {
    trainings.iter().map(|t| t.tasks().len()).sum()
}

/// The tasks of every n-th training: neighbours, which are alike in cost, go to different shards.
fn shard_of(tasks: Vec<Task>, shard: &str) -> Result<Vec<Task>> {
    let numbers = shard
        .split_once('/')
        .and_then(|(i, n)| Some((i.parse::<usize>().ok()?, n.parse::<usize>().ok()?)));
    let (number, of) = numbers
        .filter(|(i, n)| (1..=*n).contains(i))
        .with_context(|| format!("--shard is {shard:?}: give I/N with I from 1 to N, as 2/8"))?;
    let trainings = Training::all(tasks).into_iter();
    let own = trainings.skip(number - 1).step_by(of);
    Ok(own.flat_map(|t| t.tasks().to_vec()).collect())
}

/// Time between two writings of the report while runs go on.
const REFRESH: Duration = Duration::from_secs(120);

/// Does the trainings, shows progress, and keeps the report up to date.
fn run(runner: &Runner, trainings: &[Training], store: &Store, folder: &Path) -> Result<usize> {
    const MEGA: u64 = 1_000_000;
    struct State {
        progress: Progress,
        macs: u64,
        trainings: usize,
        runs: usize,
        written: Instant,
    }
    let total: u64 = trainings.iter().map(Training::total_work).sum();
    let all_runs = runs(trainings);
    let state = Mutex::new(State {
        progress: Progress::new(total / MEGA, "million MACs"),
        macs: 0,
        trainings: 0,
        runs: 0,
        written: Instant::now(),
    });
    runner.run(trainings, store, &|news| {
        let mut state = state.lock().expect("nobody panics with it");
        match news {
            News::Work {
                macs,
                training,
                epoch,
            } => {
                state.macs += macs;
                let message = format!(
                    "{} of {} trainings, {} epoch {epoch}",
                    state.trainings,
                    trainings.len(),
                    training.label()
                );
                let done = (state.macs / MEGA).min(total / MEGA);
                state.progress.set(done, &message);
            }
            News::Done(records) => {
                state.trainings += 1;
                for record in records {
                    state.runs += 1;
                    let line = format!("{:>4}/{all_runs}  {}", state.runs, record_line(record));
                    state.progress.println(&line);
                }
                if state.written.elapsed() > REFRESH {
                    // A report that cannot be written now will be tried again at the end, where it counts.
                    if let Err(error) = store.all().and_then(|all| write_outputs(folder, &all)) {
                        state.progress.println(&format!("report: {error:#}"));
                    }
                    state.written = Instant::now();
                }
            }
        }
    })
}

fn record_line(record: &Record) -> String {
    let label = &record.label;
    match (record.finished(), &record.ending) {
        (Some(finished), _) => {
            let report = &finished.report;
            let accuracy = report.epochs.last().and_then(|e| e.test_accuracy);
            let speedup = report.totals.stats.speedup().unwrap_or(0.0);
            format!(
                "{label:<40} {:6.2} %  {speedup:5.2}x  {:6.1} s",
                100.0 * accuracy.unwrap_or(0.0),
                report.totals.seconds
            )
        }
        (None, crate::report::Ending::Failed(why)) => format!("{label:<40} failed: {why}"),
        (None, _) => label.clone(),
    }
}

fn merge(from: &[PathBuf], out: Option<PathBuf>) -> Result<Outcome> {
    for folder in from {
        ensure!(
            folder.join("runs").is_dir(),
            "{} has no folder runs: give folders of reports, as reports/main",
            folder.display()
        );
    }
    let folder = out.unwrap_or_else(|| from[0].clone());
    let others: Vec<Store> = from.iter().map(|f| Store::new(f)).collect();
    let store = Store::new(&folder);
    let new = store.merge(&others)?;
    println!("{}: {new} runs taken over", folder.display());
    finish(&folder, &store)
}

/// Writes the report of all records and prints its table.
fn finish(folder: &Path, store: &Store) -> Result<Outcome> {
    let records = store.all()?;
    let report = write_outputs(folder, &records)?;
    print_table(&report);
    println!("wrote {}", folder.join("index.html").display());
    let failed: Vec<&Record> = records.iter().filter(|r| r.finished().is_none()).collect();
    for record in &failed {
        eprintln!("{}", record_line(record));
    }
    Ok(match failed.is_empty() {
        true => Outcome::Good,
        false => Outcome::Failed,
    })
}

fn print_table(report: &Report) {
    println!(
        "{:<20} {:<11} {:<9} {:>9} {:>8} {:>14} {:>17}  seeds",
        "network", "preset", "mode", "accuracy", "speedup", "over elements", "against dense"
    );
    for cell in &report.summary {
        println!("{}", table_line(cell));
    }
    for mean in &report.convolutional {
        println!("{}", mean_line(mean));
    }
    if report.summary.iter().any(Summary::has_few_seeds) {
        println!(
            "warning: some rows have fewer than {} seeds; their differences of accuracy mean little",
            crate::report::ENOUGH_SEEDS
        );
    }
}

fn table_line(cell: &Summary) -> String {
    let accuracy = format!("{:.2} %", 100.0 * cell.accuracy);
    let speeds = (cell.speedup, cell.speedup_over_zero_elements);
    let place = (cell.preset.as_str(), cell.mode);
    line(
        &cell.net,
        place,
        &accuracy,
        speeds,
        cell.delta(),
        cell.seeds,
    )
}

fn mean_line(mean: &Mean) -> String {
    let nets = format!("{} with kernels", mean.nets);
    let speeds = (mean.speedup, mean.speedup_over_zero_elements);
    let place = (mean.preset.as_str(), mean.mode);
    line(&nets, place, "mean", speeds, mean.delta(), mean.seeds)
}

/// Network, preset and mode, accuracy, speed over dense and over zero elements, difference of accuracy with what it says.
fn line(
    net: &str,
    (preset, mode): (&str, Mode),
    accuracy: &str,
    (speedup, over): (f64, Option<f64>),
    delta: Option<Interval>,
    seeds: usize,
) -> String {
    let over = over.map_or("–".into(), |s| format!("{s:.2}x"));
    let difference = match delta.map(|d| (d.mean, d.half)) {
        Some((mean, Some(half))) => format!("{mean:+.2} ± {half:.2} pp"),
        Some((mean, None)) => format!("{mean:+.2} pp"),
        None => "–".into(),
    };
    let verdict = match delta.map(|d| Verdict::of_mode(mode, d)) {
        Some(verdict) if mode != Mode::Dense => format!("  {verdict}"),
        _ => String::new(),
    };
    format!(
        "{net:<20} {preset:<11} {mode:<9} {accuracy:>9} {speedup:>7.2}x {over:>14} {difference:>17}  {seeds}{verdict}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_take_every_run_once() {
        let request: Request = toml::from_str("presets = ['tiny']\nseeds = '1-3'").unwrap();
        let all: Vec<String> = request.tasks().unwrap().iter().map(Task::label).collect();
        let mut shared = vec![];
        for shard in ["1/4", "2/4", "3/4", "4/4"] {
            let tasks = shard_of(request.tasks().unwrap(), shard).unwrap();
            shared.extend(tasks.iter().map(Task::label));
        }
        let sorted = |mut labels: Vec<String>| {
            labels.sort();
            labels
        };
        assert_eq!(sorted(shared), sorted(all));
        for wrong in ["0/2", "3/2", "1", "a/b"] {
            let error = shard_of(vec![], wrong).unwrap_err().to_string();
            assert!(error.contains("I from 1 to N"), "{error}");
        }
    }
}
