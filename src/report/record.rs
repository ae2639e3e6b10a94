//! What one run leaves behind, and where it lies.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use super::error::LayerError;
use super::mode::{Change, Mode};
use super::request::Task;
use crate::config::TrainSizes;
use crate::nn;

/// One run: what it was, and its full training report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Hash of everything that the result depends on ([`Task::inputs`]).
    pub inputs: String,
    /// Name that no other run of the request has.
    pub label: String,
    /// Network.
    pub net: String,
    /// Whether it has kernels larger than 1×1.
    pub convolutional: bool,
    /// Sizes of the accelerator.
    pub config: TrainSizes,
    /// Column of the comparison.
    pub mode: Mode,
    /// What differs from the mode's usual settings.
    pub change: Option<Change>,
    /// Seed.
    pub seed: u64,
    /// Directory of the images.
    pub data: String,
    /// Training and test images.
    pub images: [usize; 2],
    /// What came of it.
    #[serde(flatten)]
    pub ending: Ending,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It was trained to the end.
    Finished(Box<Finished>),
    /// Training stopped, for example because values were no longer finite.
    Failed(String),
}

/// Results of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finished {
    /// The training report.
    pub report: nn::Report,
    /// Error of x̂ in the first batch of each epoch; empty in exact modes.
    pub errors: Vec<Vec<LayerError>>,
}

impl Record {
    /// Its results, if it came to an end.
    pub fn finished(&self) -> Option<&Finished> {
        match &self.ending {
            Ending::Finished(finished) => Some(finished),
            Ending::Failed(_) => None,
        }
    }

    /// The same but for the wall-clock time: what two runs of the same inputs must agree in.
    fn timeless(&self) -> Record {
        let mut record = self.clone();
        if let Ending::Finished(finished) = &mut record.ending {
            finished.report.totals.seconds = 0.0;
        }
        record
    }
}

/// A folder of records, one file each.
pub struct Store {
    runs: PathBuf,
}

impl Store {
    /// The records of the report in `folder`; the folders are made when the first record is written.
    pub fn new(folder: &Path) -> Store {
        Store {
            runs: folder.join("runs"),
        }
    }

    fn path(&self, label: &str) -> PathBuf {
        self.runs.join(format!("{label}.json"))
    }

    /// The record of a task, if it is there.
    ///
    /// # Errors
    /// A file that is no record.
    pub fn get(&self, task: &Task) -> Result<Option<Record>> {
        let path = self.path(&task.label());
        if !path.exists() {
            return Ok(None);
        }
        read(&path).map(Some)
    }

    /// All records, in the order of their names.
    ///
    /// # Errors
    /// A file that is no record.
    pub fn all(&self) -> Result<Vec<Record>> {
        if !self.runs.exists() {
            return Ok(vec![]);
        }
        let entries = std::fs::read_dir(&self.runs)
            .with_context(|| format!("cannot read {}", self.runs.display()))?;
        let mut paths = vec![];
        for entry in entries {
            paths.push(entry?.path());
        }
        paths.retain(|path| path.extension().is_some_and(|e| e == "json"));
        paths.sort();
        paths.iter().map(|path| read(path)).collect()
    }

    /// Writes a record in one step: a reader sees all of it or nothing.
    ///
    /// # Errors
    /// A folder or file that cannot be written.
    pub fn put(&self, record: &Record) -> Result<()> {
        let text = serde_json::to_vec(record).context("a record is plain data")?;
        write_atomically(&self.path(&record.label), &text)
    }

    /// Takes over the records of other folders; a record that is there twice must be the same. Returns how many were new.
    ///
    /// # Errors
    /// Two records of one name with other inputs or, worse, other results.
    pub fn merge(&self, others: &[Store]) -> Result<usize> {
        let mut known: HashMap<String, Record> = HashMap::new();
        for record in self.all()? {
            known.insert(record.label.clone(), record);
        }
        let mut new = 0;
        for other in others.iter().filter(|other| other.runs != self.runs) {
            for record in other.all()? {
                let label = &record.label;
                let Some(own) = known.get(label) else {
                    self.put(&record)?;
                    known.insert(label.clone(), record);
                    new += 1;
                    continue;
                };
                let from = other.runs.display();
                ensure!(
                    own.inputs == record.inputs,
                    "run {label} of {from} was made with other inputs than that of {}: merge reports of one request",
                    self.runs.display()
                );
                ensure!(
                    own.timeless() == record.timeless(),
                    "run {label} of {from} has the inputs of that of {} but other results: one of the two was made by a faulty or \
                     changed program",
                    self.runs.display()
                );
            }
        }
        Ok(new)
    }
}

fn read(path: &Path) -> Result<Record> {
    let name = path.display();
    let text = std::fs::read(path).with_context(|| format!("cannot read {name}"))?;
    serde_json::from_slice(&text).with_context(|| {
        format!("{name} is no record of this version: delete it to repeat the run")
    })
}

/// Writes a file in one step, making its folder.
pub(crate) fn write_atomically(path: &Path, content: &[u8]) -> Result<()> {
    let folder = path.parent().expect("a file in a folder");
    let what = || format!("cannot write {}", path.display());
    std::fs::create_dir_all(folder).with_context(what)?;
    // Temporary files are private by default; reports are for everybody whom the umask lets.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    let mut file = tempfile::Builder::new()
        .permissions(mode)
        .tempfile_in(folder)
        .with_context(what)?;
    file.write_all(content).with_context(what)?;
    file.persist(path).with_context(what)?;
    Ok(())
}
