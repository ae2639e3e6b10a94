//! Builds Verilog into a shared library, once: libraries are kept by the hash of everything that goes into them.
//!
//! Verilator writes C++, the compiler builds it with the shim `verilator/shim.cpp`, Verilator's runtime is compiled once
//! per tool version, and the result is a library that [`Model`] loads. The key is the SHA-256 of sources, ports, shim,
//! flags and the versions of both tools. A lock file lets one process build while others wait for its result.

use super::{
    model::Model,
    rtl::Rtl,
    toolchain::{Toolchain, run},
};
use anyhow::{Context, Result, anyhow, bail};
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::{
    env, fs,
    io::IsTerminal,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

const SHIM: &str = include_str!("../../verilator/shim.cpp");
/// C++ functions are split at 500 nodes: the compiler's time grows faster than a function's size. The 168 PEs of `paper`
/// took longer than ten minutes to compile without it.
const VERILATOR_FLAGS: [&str; 7] = [
    "--cc",
    "-Wno-fatal",
    "-O3",
    "--x-assign",
    "fast",
    "--output-split-cfuncs",
    "500",
];
const CXX_FLAGS: [&str; 5] = [
    "-std=gnu++20",
    "-fPIC",
    "-fvisibility=hidden",
    "-DVERILATOR=1",
    "-DVM_SC=0",
];
/// Longest time to wait for another process that builds the same model.
const LOCK_LIMIT: Duration = Duration::from_secs(1800);

/// How a model is built; each combination is a library of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Able to write waveforms (VCD). Slower even while none is written.
    pub trace: bool,
    /// Compile quickly instead of running quickly: for models that run a few thousand cycles.
    pub quick_build: bool,
    /// Registers and memories start at values drawn from this seed instead of 0, so that a missing reset shows.
    pub random_start: Option<u32>,
}

/// Builds models with one toolchain into one cache folder.
pub struct Builder {
    tools: Toolchain,
    cache: PathBuf,
}

/// The tools of this process: looked for once.
static TOOLS: OnceLock<Toolchain> = OnceLock::new();

impl Builder {
    /// The toolchain of [`Toolchain::find`] and the cache `$MERCURY_CACHE`, else `verilated` in cargo's target folder.
    ///
    /// # Errors
    /// [`MissingTool`](super::toolchain::MissingTool).
    pub fn find() -> Result<Builder> {
        if TOOLS.get().is_none() {
            // Two threads may both look; they find the same.
            let _ = TOOLS.set(Toolchain::find()?);
        }
        let tools = TOOLS.get().expect("just set").clone();
        Ok(Builder::new(tools, default_cache()))
    }

    /// A builder with the given tools and cache folder.
    pub fn new(tools: Toolchain, cache: PathBuf) -> Builder {
        Builder { tools, cache }
    }

    /// Builds `rtl` unless it is cached, and loads it.
    ///
    /// # Errors
    /// As [`Builder::library`], or ports that differ from the Verilog's.
    pub fn model(&self, rtl: &Rtl, options: Options) -> Result<Model> {
        let library = self.library(rtl, options)?;
        Model::load(&library, &rtl.ports, options.random_start.unwrap_or(0))
    }

    /// Path of the shared library of `rtl`, built unless it is cached.
    ///
    /// # Errors
    /// Verilog that Verilator refuses, compiler errors, an unwritable cache, a lock held for half an hour.
    pub fn library(&self, rtl: &Rtl, options: Options) -> Result<PathBuf> {
        let build = Build {
            builder: self,
            rtl,
            options,
            ports: port_list(rtl),
        };
        let key = build.key();
        let library = self.cache.join(format!("{}-{key}.so", rtl.name));
        if library.exists() {
            return Ok(library);
        }
        fs::create_dir_all(&self.cache)
            .with_context(|| format!("cannot create {}", self.cache.display()))?;
        let _lock = lock(&self.cache.join(format!("{key}.lock")))?;
        if !library.exists() {
            let work = tempfile::Builder::new()
                .prefix(&key)
                .tempdir_in(&self.cache)?;
            build.run(work.path(), &library)?;
        }
        Ok(library)
    }
}

/// `target/verilated` of the folder that cargo marked as its target, seen from this program; else of the current folder.
fn default_cache() -> PathBuf {
    if let Some(cache) = env::var_os("MERCURY_CACHE").filter(|v| !v.is_empty()) {
        return cache.into();
    }
    let exe = env::current_exe().unwrap_or_default();
    let target = exe
        .ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").is_file());
    target.unwrap_or(Path::new("target")).join("verilated")
}

/// Takes the lock file, waiting for its holder for at most [`LOCK_LIMIT`]; dropping the file releases it.
fn lock(path: &Path) -> Result<fs::File> {
    let file =
        fs::File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(fs::TryLockError::WouldBlock) if start.elapsed() < LOCK_LIMIT => {
                thread::sleep(Duration::from_millis(50));
            }
            Err(fs::TryLockError::WouldBlock) => {
                bail!(
                    "{} has been locked for {} s; end its holder",
                    path.display(),
                    LOCK_LIMIT.as_secs()
                )
            }
            Err(fs::TryLockError::Error(e)) => {
                return Err(e).context(format!("cannot lock {}", path.display()));
            }
        }
    }
}

/// The shim's `ports.inc`.
fn port_list(rtl: &Rtl) -> String {
    rtl.ports
        .iter()
        .map(|p| format!("PORT({})\n", p.name))
        .collect()
}

fn short_hash<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize()
        .iter()
        .take(12)
        .map(|b| format!("{b:02x}"))
        .collect()
}

/// A C++ source and its object file.
type Unit = (PathBuf, PathBuf);

/// One library on its way.
struct Build<'a> {
    builder: &'a Builder,
    rtl: &'a Rtl,
    options: Options,
    ports: String,
}

impl Build<'_> {
    fn key(&self) -> String {
        let (tools, rtl) = (&self.builder.tools, self.rtl);
        let flags = format!("{:?} {:?}", self.verilator_flags(), self.cxx_flags());
        let fixed = [
            &rtl.top,
            &self.ports,
            SHIM,
            &flags,
            &tools.verilator_version,
            &tools.cxx_version,
        ];
        let sources = rtl
            .sources
            .iter()
            .flat_map(|(name, text)| [name.as_str(), text.as_str()]);
        short_hash(fixed.into_iter().chain(sources))
    }

    fn verilator_flags(&self) -> Vec<&'static str> {
        let mut flags = VERILATOR_FLAGS.to_vec();
        flags.extend([
            "--x-initial",
            if self.options.random_start.is_some() {
                "unique"
            } else {
                "fast"
            },
        ]);
        // `--trace` means VCD in every version from 5.006 on; `--trace-vcd` exists in the newer ones only.
        flags.extend(self.options.trace.then_some("--trace"));
        flags
    }

    fn cxx_flags(&self) -> Vec<&'static str> {
        let mut flags = CXX_FLAGS.to_vec();
        flags.push(if self.options.quick_build {
            "-O0"
        } else {
            "-O2"
        });
        flags
    }

    fn run(&self, work: &Path, library: &Path) -> Result<()> {
        self.verilate(work)?;
        let progress = self.progress(work)?;
        let makefile = fs::read_to_string(work.join("Vdut_classes.mk"))?;
        let root = self.verilator_root()?;
        let mut flags: Vec<String> = self.cxx_flags().into_iter().map(String::from).collect();
        flags.extend(makefile.lines().filter_map(macro_flag));
        flags.extend(
            [&work.to_path_buf(), &root, &root.join("vltstd")]
                .map(|d| format!("-I{}", d.display())),
        );

        let runtime = self.runtime(&makefile, &root, &flags, &progress)?;
        let model = self.model_units(work, &makefile)?;
        self.compile(&model, &flags, &progress)?;
        let objects = runtime.iter().chain(&model).map(|(_, object)| object);
        let part = work.join("library.so");
        let mut link = Command::new(&self.builder.tools.cxx);
        link.args(["-shared", "-pthread", "-o"])
            .arg(&part)
            .args(objects);
        run(&mut link, &work.join("link.log"))?;
        progress.finish_and_clear();
        fs::rename(part, library).map_err(anyhow::Error::from)
    }

    /// Sources into `work`, Verilator over them.
    fn verilate(&self, work: &Path) -> Result<()> {
        fs::write(work.join("shim.cpp"), SHIM)?;
        fs::write(work.join("ports.inc"), &self.ports)?;
        let mut command = Command::new(&self.builder.tools.verilator);
        command.args(self.verilator_flags()).args([
            "--prefix",
            "Vdut",
            "--top-module",
            &self.rtl.top,
            "--Mdir",
        ]);
        command.arg(work);
        for (name, text) in &self.rtl.sources {
            let path = work.join(name);
            fs::write(&path, text)?;
            command.arg(path);
        }
        run(&mut command, &work.join("verilator.log"))
            .with_context(|| format!("Verilator refuses {}", self.rtl.name))
    }

    fn verilator_root(&self) -> Result<PathBuf> {
        let output = Command::new(&self.builder.tools.verilator)
            .args(["--getenv", "VERILATOR_ROOT"])
            .output()?;
        let root = String::from_utf8_lossy(&output.stdout).trim().to_string();
        let include = Path::new(&root).join("include");
        match include.is_dir() {
            true => Ok(include),
            false => Err(anyhow!(
                "{} has no include folder at `{root}`",
                self.builder.tools.verilator.display()
            )),
        }
    }

    /// Verilator's runtime, (source, object): compiled once, the objects stay in the cache for all models of these tools
    /// and flags.
    fn runtime(
        &self,
        makefile: &str,
        root: &Path,
        flags: &[String],
        progress: &ProgressBar,
    ) -> Result<Vec<Unit>> {
        let tools = &self.builder.tools;
        let variant = format!("{:?} {}", self.cxx_flags(), self.options.trace);
        let key = short_hash([
            tools.verilator_version.as_str(),
            &tools.cxx_version,
            &variant,
        ]);
        let folder = self.builder.cache.join(format!("runtime-{key}"));
        fs::create_dir_all(&folder)?;
        let names = classes(makefile, "VM_GLOBAL_");
        let units: Vec<Unit> = names
            .map(|n| (root.join(format!("{n}.cpp")), folder.join(format!("{n}.o"))))
            .collect();
        let _lock = lock(&folder.join("lock"))?;
        self.compile(&units, flags, progress)?;
        Ok(units)
    }

    /// Compiles the units whose objects are missing, on all cores.
    fn compile(&self, units: &[Unit], flags: &[String], progress: &ProgressBar) -> Result<()> {
        let missing: Vec<&Unit> = units
            .iter()
            .filter(|(_, object)| !object.exists())
            .collect();
        progress.inc_length(missing.len() as u64);
        missing.par_iter().try_for_each(|(source, object)| {
            let part = object.with_extension("part");
            let mut compile = Command::new(&self.builder.tools.cxx);
            compile
                .args(flags)
                .arg("-c")
                .arg(source)
                .arg("-o")
                .arg(&part);
            run(&mut compile, &object.with_extension("log"))?;
            progress.inc(1);
            fs::rename(part, object).map_err(anyhow::Error::from)
        })
    }

    /// The model's C++, (source, object). Small models are one unit, as Verilator itself decides: most of the time
    /// goes into reading the headers, so one reading is quickest.
    fn model_units(&self, work: &Path, makefile: &str) -> Result<Vec<Unit>> {
        let mut names: Vec<String> = ["VM_CLASSES_", "VM_SUPPORT_"]
            .iter()
            .flat_map(|p| classes(makefile, p))
            .collect();
        names.push("shim".into());
        if makefile
            .lines()
            .any(|l| l.trim() == "VM_PARALLEL_BUILDS = 0")
        {
            let all: String = names
                .iter()
                .map(|n| format!("#include \"{n}.cpp\"\n"))
                .collect();
            fs::write(work.join("all.cpp"), all)?;
            names = vec!["all".into()];
        }
        Ok(names
            .iter()
            .map(|n| (work.join(format!("{n}.cpp")), work.join(format!("{n}.o"))))
            .collect())
    }

    /// A bar on a terminal, one line elsewhere.
    fn progress(&self, work: &Path) -> Result<ProgressBar> {
        let title = format!(
            "building Verilator model of {} (about {} s; kept for the next time)",
            self.rtl.name,
            compile_seconds(work)?
        );
        if !std::io::stderr().is_terminal() {
            eprintln!("{title}");
            return Ok(ProgressBar::hidden());
        }
        let style = ProgressStyle::with_template("{spinner} {msg} {pos}/{len} {elapsed}")
            .expect("a legal template");
        let bar = ProgressBar::new(0).with_style(style).with_message(title);
        bar.enable_steady_tick(Duration::from_millis(200));
        Ok(bar)
    }
}

/// Expected time to compile the C++ in `work`: 4 s for headers, runtime and linking and, as measured with g++ 12 on the
/// `paper` preset, 4 s a core for each megabyte.
fn compile_seconds(work: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(work)? {
        let entry = entry?;
        if entry.path().extension().is_some_and(|e| e == "cpp") {
            bytes += entry.metadata()?.len();
        }
    }
    Ok(4 + 4 * bytes / 1_000_000 / thread::available_parallelism()?.get() as u64)
}

/// `-DVM_TRACE=1` from a line `VM_TRACE = 1` of Verilator's makefile.
fn macro_flag(line: &str) -> Option<String> {
    let (name, value) = line.split_once(" = ")?;
    (name.starts_with("VM_") && value.len() == 1).then(|| format!("-D{name}={value}"))
}

/// The words of all lists of Verilator's makefile whose variable starts with `prefix`.
fn classes<'a>(makefile: &'a str, prefix: &'a str) -> impl Iterator<Item = String> + 'a {
    let mut inside = false;
    makefile.lines().filter_map(move |line| {
        if line.contains("+=") {
            inside = line.starts_with(prefix);
            return None;
        }
        let word = line.trim_end_matches('\\').trim();
        (inside && !word.is_empty() && !word.starts_with('#') && !word.contains(' '))
            .then(|| word.to_string())
    })
}

#[cfg(test)]
mod tests;
