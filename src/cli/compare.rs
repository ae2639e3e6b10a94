//! `mercury compare`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::Outcome;
use crate::report::{Comparison, Sources};

/// Put all systems side by side at equal multipliers: a page with speed, accuracy, area, and when to choose which.
///
/// Reads what mercury bench, tools/area.py and mercury crew report have written. Networks with runs on MERCURY and on a tensor core of
/// as many multipliers are compared; what is missing is named.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  mercury bench --name acrtc --nets digits-cnn --presets acrtc-small --modes dense,elements,delta,crtc,acrtc --seeds 1-3
  mercury compare --bench reports/main,reports/acrtc
  mercury compare --bench reports/main,reports/acrtc --area reports/area/small.json,reports/area/acrtc-small.json

Written: compare.json, cells.csv and areas.csv, and index.html, the page.")]
pub struct Args {
    /// Folders of comparisons by mercury bench.
    #[arg(
        long,
        value_name = "DIRS",
        value_delimiter = ',',
        default_value = "reports/main,reports/acrtc"
    )]
    bench: Vec<PathBuf>,
    /// Areas by tools/area.py --json [default: all of reports/area].
    #[arg(long, value_name = "FILES", value_delimiter = ',')]
    area: Option<Vec<PathBuf>>,
    /// CREW's report [default: reports/crew/crew.json, if it is there].
    #[arg(long, value_name = "FILE")]
    crew: Option<PathBuf>,
    /// Folder to write to.
    #[arg(long, value_name = "DIR", default_value = "reports/compare")]
    out: PathBuf,
}

impl Args {
    pub(super) fn run(self) -> Result<Outcome> {
        let areas = match self.area {
            Some(files) => files,
            None => json_files(Path::new("reports/area"))?,
        };
        let usual = PathBuf::from("reports/crew/crew.json");
        let crew = self.crew.or_else(|| usual.is_file().then_some(usual));
        let sources = Sources {
            benches: self.bench,
            areas,
            crew,
        };
        let comparison = Comparison::read(&sources)?;
        comparison.write(&self.out)?;
        comparison.advice.iter().for_each(|line| println!("{line}"));
        for what in &comparison.missing {
            println!("not there: {what}");
        }
        println!("wrote {}", self.out.join("index.html").display());
        Ok(Outcome::Good)
    }
}

/// The JSON files of a folder, none if it is not there.
fn json_files(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(vec![]);
    }
    let entries = std::fs::read_dir(folder);
    let entries = entries.with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files = vec![];
    for entry in entries {
        files.push(entry?.path());
    }
    files.retain(|path| path.extension().is_some_and(|e| e == "json"));
    files.sort();
    Ok(files)
}
