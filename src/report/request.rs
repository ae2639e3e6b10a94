//! From what is asked for to a list of runs.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::mode::{Change, Key, Mode};
use crate::config::TrainSizes;
use crate::nn::data::{self, Amount};
use crate::nn::{DrainPolicy, NetSpec, Network, Options, TestAfter};
use crate::reuse::Reuse;

/// Seeds as `1-10`, `3` or `1-3,7`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Seeds {
    text: String,
    /// In ascending order.
    list: Vec<u64>,
}

impl Seeds {
    /// All of them, ascending.
    pub fn list(&self) -> &[u64] {
        &self.list
    }
}

impl FromStr for Seeds {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Seeds> {
        let mut list = vec![];
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let number = |digits: &str| {
                digits.trim().parse::<u64>().with_context(|| {
                    format!(
                        "seeds {text:?}: {digits:?} is no number, give for example 1-10 or 1,4,7"
                    )
                })
            };
            let (first, last) = (number(first)?, number(last)?);
            ensure!(
                first <= last && last - first < 1000,
                "seeds {part:?} go from {first} to {last}: give the smaller first, at most 1,000 of them"
            );
            list.extend(first..=last);
        }
        list.sort_unstable();
        list.dedup();
        Ok(Seeds {
            text: text.into(),
            list,
        })
    }
}

impl TryFrom<String> for Seeds {
    type Error = anyhow::Error;

    fn try_from(text: String) -> Result<Seeds> {
        text.parse()
    }
}

impl From<Seeds> for String {
    fn from(seeds: Seeds) -> String {
        seeds.text
    }
}

/// Runs with one setting changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// The setting.
    pub key: Key,
    /// Its values.
    pub values: Vec<usize>,
    /// Network; the usual one is small.
    #[serde(default = "default_net")]
    pub net: String,
    /// Sizes; the first of the request by default.
    pub preset: Option<String>,
    /// Modes; by default all in which the setting means something.
    pub modes: Option<Vec<Mode>>,
    /// Seeds; by default at most the first three of the request.
    pub seeds: Option<Seeds>,
}

fn default_net() -> String {
    "digits-cnn".into()
}

impl FromStr for Sweep {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Sweep> {
        let (key, values) = text.split_once('=').with_context(|| {
            format!("sweep {text:?}: give a setting and its values, as bits=1,2,3,4")
        })?;
        let value = |digits: &str| {
            digits
                .parse()
                .with_context(|| format!("sweep {text:?}: {digits:?} is no number"))
        };
        Ok(Sweep {
            key: key.parse()?,
            values: values.split(',').map(value).collect::<Result<_>>()?,
            net: default_net(),
            preset: None,
            modes: None,
            seeds: None,
        })
    }
}

/// What is to be compared. Every field is a key of the TOML file; unknown keys are refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// Networks, built in or TOML files.
    pub nets: Vec<String>,
    /// Accelerator sizes: presets or TOML files.
    pub presets: Vec<String>,
    /// Columns of the comparison.
    pub modes: Vec<Mode>,
    /// Seeds, the same for every mode: differences are paired.
    pub seeds: Seeds,
    /// Data directories; each network trains on the first whose images have the shape of its input.
    pub data: Vec<PathBuf>,
    /// Times through the training set; none: the network's own number.
    pub epochs: Option<usize>,
    /// Training images at most.
    pub train_images: Option<usize>,
    /// Test images at most.
    pub test_images: Option<usize>,
    /// Runs with one setting changed.
    pub sweep: Vec<Sweep>,
}

impl Default for Request {
    fn default() -> Self {
        use Mode::*;
        Request {
            nets: vec!["digits-cnn".into()],
            presets: vec!["small".into(), "paper".into()],
            modes: vec![
                Dense, Zero, Elements, Sign, Step, Grid, Adaptive, Delta, Crtc, Acrtc,
            ],
            seeds: "1-10".parse().expect("a legal range"),
            data: vec!["data/digits".into(), "data/photos".into()],
            epochs: None,
            train_images: None,
            test_images: None,
            sweep: vec![],
        }
    }
}

/// A directory of images, and what is in it.
#[derive(Debug)]
pub struct Source {
    /// The directory.
    pub dir: PathBuf,
    /// How much of it to take.
    pub amount: Amount,
    /// SHA-256 of names and contents of its files.
    fingerprint: String,
    /// Channels, rows, columns of an image.
    shape: [usize; 3],
    /// Training and test images.
    images: [usize; 2],
}

impl Source {
    fn open(dir: &Path, amount: Amount) -> Result<Source> {
        let data = data::open(dir, amount, 1)?;
        let shape = data.train.pixels.shape();
        let [_, shape @ ..] = <[usize; 4]>::try_from(shape).expect("four axes");
        let mut files: Vec<PathBuf> = std::fs::read_dir(dir)?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_>>()?;
        files.retain(|path| path.is_file());
        files.sort();
        let mut hash = Sha256::new();
        for file in files {
            let text = |e| format!("cannot read {}: {e}", file.display());
            let content = std::fs::read(&file).map_err(|e| anyhow::anyhow!(text(e)))?;
            hash.update(file.file_name().expect("a file").as_encoded_bytes());
            hash.update(Sha256::digest(content));
        }
        Ok(Source {
            dir: dir.into(),
            amount,
            fingerprint: hex(&hash.finalize(), 16),
            shape,
            images: [data.train.len(), data.test.len()],
        })
    }
}

/// The first `digits` hexadecimal digits of a hash.
pub(super) fn hex(hash: &[u8], digits: usize) -> String {
    let bytes = hash.iter().take(digits / 2);
    bytes.map(|b| format!("{b:02x}")).collect()
}

/// A network with its data.
#[derive(Debug)]
pub struct Subject {
    /// The network.
    pub spec: NetSpec,
    /// Its images.
    pub source: Arc<Source>,
    /// Multiply-accumulates of one image in the forward pass.
    forward_macs: u64,
}

/// One training run.
#[derive(Clone, Debug)]
pub struct Task {
    /// Network and data.
    pub subject: Arc<Subject>,
    /// The accelerator.
    pub config: TrainSizes,
    /// The column.
    pub mode: Mode,
    /// What differs from the mode's usual settings.
    pub change: Option<Change>,
    /// How to train.
    pub options: Options,
}

/// Version of what a record holds and how it is computed: a new one makes old records worthless.
const FORMAT: u32 = 2;

impl Task {
    /// A name that no other run of one request has: `net-preset-mode[-change]-seed`.
    pub fn label(&self) -> String {
        let change = self.change.map_or(String::new(), |c| format!("-{c}"));
        format!(
            "{}-{}-{}{change}-{}",
            self.subject.spec.name,
            self.config.name(),
            self.mode,
            self.options.seed
        )
    }

    /// Whether one training gives the records of both: weights and losses are the same.
    pub(super) fn shares_training(&self, other: &Task) -> bool {
        let course = |task: &Task| {
            let Options {
                seed,
                drain,
                test_after,
                ..
            } = task.options;
            (seed, drain, test_after, task.config.data_w())
        };
        self.mode.is_exact()
            && other.mode.is_exact()
            && course(self) == course(other)
            && self.options.hyper == other.options.hyper
            && self.subject.spec == other.subject.spec
            && self.subject.source.fingerprint == other.subject.source.fingerprint
    }

    /// Multiply-accumulates of dense work done when `done` images of epoch `epoch` are through, training images before the test
    /// images, which come after the last epoch alone.
    pub(super) fn work(&self, epoch: usize, done: usize) -> u64 {
        let [train, _] = self.subject.source.images;
        let images = 3 * ((epoch - 1) * train + done.min(train)) + done.saturating_sub(train);
        images as u64 * self.subject.forward_macs
    }

    /// Multiply-accumulates of the whole run, done densely.
    pub fn total_work(&self) -> u64 {
        self.work(
            self.options.hyper.epochs,
            self.subject.source.images.iter().sum(),
        )
    }

    /// Hash of everything that the result depends on.
    pub fn inputs(&self) -> String {
        let Amount { train, test } = self.subject.source.amount;
        let all = (
            FORMAT,
            &self.subject.spec,
            self.config.hash(),
            self.mode,
            &self.options,
            &self.subject.source.fingerprint,
            [train, test],
        );
        let text = serde_json::to_vec(&all).expect("plain data");
        hex(&Sha256::digest(text), 16)
    }
}

impl Request {
    /// Reads a TOML file.
    ///
    /// # Errors
    /// An unreadable file, bad TOML, an unknown key.
    pub fn load(path: &Path) -> Result<Request> {
        let name = path.display();
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
        toml::from_str(&text).with_context(|| format!("{name} is not valid"))
    }

    /// All runs, sweeps after the comparison.
    ///
    /// # Errors
    /// An unknown network, preset or directory; a network that no data fit; a value that cannot be.
    pub fn tasks(&self) -> Result<Vec<Task>> {
        for (key, empty) in [
            ("nets", self.nets.is_empty()),
            ("presets", self.presets.is_empty()),
            ("modes", self.modes.is_empty()),
        ] {
            ensure!(!empty, "{key} is empty: give at least one");
        }
        for preset in &self.presets {
            let sizes = config(preset)?;
            ensure!(
                self.modes.iter().any(|mode| mode.runs_on(&sizes)),
                "none of the modes runs on {preset}: tensor cores have dense, elements, delta, crtc and acrtc, MERCURY all others"
            );
        }
        let room = self.room()?;
        let mut tasks = vec![];
        for net in &self.nets {
            let subject = room.subject(net)?;
            for preset in &self.presets {
                let config = config(preset)?;
                for &mode in self.modes.iter().filter(|mode| mode.runs_on(&config)) {
                    for &seed in self.seeds.list() {
                        tasks.push(self.task(&subject, config.clone(), mode, None, seed)?);
                    }
                }
            }
        }
        for sweep in &self.sweep {
            self.sweep_tasks(sweep, &room, &mut tasks)?;
        }
        Ok(tasks)
    }

    fn sweep_tasks(&self, sweep: &Sweep, room: &Room, tasks: &mut Vec<Task>) -> Result<()> {
        let subject = room.subject(&sweep.net)?;
        let preset = sweep.preset.as_ref().unwrap_or(&self.presets[0]);
        let own = self.seeds.list();
        let seeds = sweep
            .seeds
            .as_ref()
            .map_or(&own[..own.len().min(3)], Seeds::list);
        let modes = sweep.modes.as_ref().unwrap_or(&self.modes);
        let config = config(preset)?;
        let meant = |mode: &&Mode| sweep.key.applies_to(**mode) && mode.runs_on(&config);
        for &mode in modes.iter().filter(meant) {
            for &value in &sweep.values {
                let change = Change {
                    key: sweep.key,
                    value,
                };
                if sweep.key.value(&mode.reuse_on(&config), &config) == value {
                    continue; // The comparison has this run.
                }
                for &seed in seeds {
                    tasks.push(self.task(&subject, config.clone(), mode, Some(change), seed)?);
                }
            }
        }
        Ok(())
    }

    fn task(
        &self,
        subject: &Arc<Subject>,
        mut config: TrainSizes,
        mode: Mode,
        change: Option<Change>,
        seed: u64,
    ) -> Result<Task> {
        let mut reuse: Reuse = mode.reuse_on(&config);
        if let Some(change) = change {
            change.apply(&mut reuse, &mut config)?;
        }
        let mut hyper = subject.spec.training.clone();
        hyper.epochs = self.epochs.unwrap_or(hyper.epochs);
        hyper.check()?;
        Ok(Task {
            subject: subject.clone(),
            config,
            mode,
            change,
            options: Options {
                hyper,
                seed,
                drain: DrainPolicy::default(),
                reuse: mode.settings(reuse),
                test_after: TestAfter::LastEpoch,
            },
        })
    }

    fn room(&self) -> Result<Room> {
        let amount = Amount {
            train: self.train_images,
            test: self.test_images,
        };
        let sources = self
            .data
            .iter()
            .map(|dir| Ok(Arc::new(Source::open(dir, amount)?)));
        Ok(Room {
            sources: sources.collect::<Result<_>>()?,
        })
    }
}

/// The data there are.
struct Room {
    sources: Vec<Arc<Source>>,
}

impl Room {
    fn subject(&self, name: &str) -> Result<Arc<Subject>> {
        let spec = NetSpec::open(name)?;
        let source = self.sources.iter().find(|s| s.shape == spec.input);
        let source = source.with_context(|| {
            let known = self.sources.iter();
            let known: Vec<_> = known
                .map(|s| format!("{} {:?}", s.dir.display(), s.shape))
                .collect();
            format!(
                "network {name} takes images of {:?} (channels, rows, columns), there are {}: give a directory of such images \
                 with --data",
                spec.input,
                known.join(", ")
            )
        });
        let source = source?.clone();
        Ok(Arc::new(Subject {
            forward_macs: Network::new(spec.clone(), 1)?.forward_macs(),
            spec,
            source,
        }))
    }
}

/// A preset by name, or a TOML file.
fn config(name: &str) -> Result<TrainSizes> {
    let path = Path::new(name);
    Ok(match path.extension() {
        Some(extension) if extension == "toml" => TrainSizes::load(path)?,
        _ => TrainSizes::preset(name)?,
    })
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
