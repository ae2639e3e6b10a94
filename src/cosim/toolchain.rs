//! Finds Verilator and a C++ compiler, and says what to do when one is missing.

use anyhow::{Context, Result, bail};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Oldest Verilator that builds the models: the release of Debian 12.
pub const MIN_VERILATOR: (u32, u32) = (5, 6);
/// Folder of the project's own tools, filled by `make tools`.
pub const TOOLS_DIR: &str = ".tools";
/// Longest time that one tool may run.
const TOOL_LIMIT: Duration = Duration::from_secs(1800);

/// A tool that is missing or too old; commands end with exit code 3.
#[derive(Debug, thiserror::Error)]
#[error("{tool}: {found}, {needed} is needed; {fix}")]
pub struct MissingTool {
    /// The tool.
    pub tool: String,
    /// What was found instead.
    pub found: String,
    /// What would do.
    pub needed: String,
    /// The command that installs it.
    pub fix: String,
}

/// The tools that turn Verilog into a loadable model.
#[derive(Clone, Debug)]
pub struct Toolchain {
    /// Verilator's command.
    pub verilator: PathBuf,
    /// Its version line, such as `Verilator 5.052 2026-09-05 rev v5.052`.
    pub verilator_version: String,
    /// The C++ compiler's command: `$CXX`, or `g++`.
    pub cxx: PathBuf,
    /// Its version line.
    pub cxx_version: String,
}

impl Toolchain {
    /// Looks for Verilator in `$VERILATOR`, in `.tools` of the project and in PATH, and for the compiler `$CXX` or `g++`.
    ///
    /// # Errors
    /// [`MissingTool`] for the first one that is missing or too old.
    pub fn find() -> Result<Toolchain> {
        let (verilator, verilator_version) = find_verilator()?;
        let (cxx, cxx_version) = find_cxx()?;
        Ok(Toolchain {
            verilator,
            verilator_version,
            cxx,
            cxx_version,
        })
    }
}

/// Verilator's command and version line.
///
/// # Errors
/// [`MissingTool`] if there is none or the first one found is too old.
pub fn find_verilator() -> Result<(PathBuf, String), MissingTool> {
    let missing = |found: String| MissingTool {
        tool: "verilator".into(),
        found,
        needed: format!(
            "version {}.{:03} or newer",
            MIN_VERILATOR.0, MIN_VERILATOR.1
        ),
        fix:
            "run `make tools`, which installs it into the project, or set VERILATOR to a newer one"
                .into(),
    };
    let chosen = env::var_os("VERILATOR")
        .filter(|v| !v.is_empty())
        .map(PathBuf::from);
    let command = chosen
        .or_else(|| project_tool("verilator"))
        .or_else(|| on_path("verilator"))
        .ok_or_else(|| missing(format!("not in $VERILATOR, {TOOLS_DIR}/bin or PATH")))?;
    let line = version_line(&command)
        .map_err(|e| missing(format!("{} does not run ({e})", command.display())))?;
    match parse_version(&line) {
        Some(version) if version >= MIN_VERILATOR => Ok((command, line)),
        _ => Err(missing(format!("{} says `{line}`", command.display()))),
    }
}

/// The C++ compiler's command and version line.
///
/// # Errors
/// [`MissingTool`] if it does not run.
pub fn find_cxx() -> Result<(PathBuf, String), MissingTool> {
    let cxx = env::var_os("CXX")
        .filter(|v| !v.is_empty())
        .map_or_else(|| PathBuf::from("g++"), PathBuf::from);
    let line = version_line(&cxx).map_err(|e| MissingTool {
        tool: "C++ compiler".into(),
        found: format!("{} does not run ({e})", cxx.display()),
        needed: "one with C++20".into(),
        fix: "run `apt-get install g++`, or set CXX to another one".into(),
    })?;
    Ok((cxx, line))
}

/// A command in `.tools/bin` of the project: of the current folder, of one above it, or of one above this program.
pub fn project_tool(name: &str) -> Option<PathBuf> {
    let places = [env::current_dir(), env::current_exe()];
    let folders = places.iter().flatten().flat_map(|place| place.ancestors());
    folders
        .map(|folder| folder.join(TOOLS_DIR).join("bin").join(name))
        .find(|path| path.is_file())
}

/// A command in PATH.
pub fn on_path(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// First line that `command --version` prints.
///
/// # Errors
/// The command cannot be started, fails, or prints nothing.
pub fn version_line(command: &Path) -> Result<String> {
    let output = Command::new(command)
        .arg("--version")
        .stdin(Stdio::null())
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    match text.lines().find(|line| !line.trim().is_empty()) {
        Some(line) if output.status.success() => Ok(line.trim().into()),
        _ => bail!("--version: {}", output.status),
    }
}

/// Major and minor number of a version line: the first word of the form `digits.digits`.
pub fn parse_version(line: &str) -> Option<(u32, u32)> {
    let number = |text: &str| {
        let (major, rest) = text.split_once('.')?;
        let minor: String = rest.chars().take_while(char::is_ascii_digit).collect();
        Some((
            major.trim_start_matches('v').parse().ok()?,
            minor.parse().ok()?,
        ))
    };
    line.split_whitespace().find_map(number)
}

/// Runs a tool to its end, both output streams into the file `log`; fails with the end of its output.
///
/// # Errors
/// The tool cannot be started, fails, or takes longer than half an hour.
pub(super) fn run(command: &mut Command, log: &Path) -> Result<()> {
    let output =
        fs::File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    command
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output);
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start {command:?}"))?;
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if start.elapsed() > TOOL_LIMIT {
            child.kill()?;
            bail!(
                "{command:?} took longer than {} s and was stopped",
                TOOL_LIMIT.as_secs()
            );
        }
        thread::sleep(Duration::from_millis(5));
    };
    if status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&fs::read(log)?).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.len().min(40);
    // The arguments are pages of file names, and the output names the one that matters.
    let tool = Path::new(command.get_program());
    let tool = tool.file_name().unwrap_or(tool.as_os_str());
    bail!(
        "{} failed with {status}:\n{}",
        tool.display(),
        lines[..first].join("\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_all_verilators() {
        assert_eq!(
            parse_version("Verilator 5.052 2026-09-05 rev v5.052"),
            Some((5, 52))
        );
        assert_eq!(
            parse_version("Verilator 5.006 2023-01-22 rev (Debian 5.006-3)"),
            Some((5, 6))
        );
        assert_eq!(parse_version("Verilator 4.038 2020-07-11"), Some((4, 38)));
        assert_eq!(parse_version("Verilator rev UNKNOWN"), None);
        assert_eq!(parse_version("Yosys 0.70 (git sha1 1234)"), Some((0, 70)));
    }

    #[test]
    fn a_failing_tool_shows_its_output() {
        let dir = tempfile::tempdir().unwrap();
        let error = run(
            Command::new("sh").args(["-c", "echo broken; exit 7"]),
            &dir.path().join("log"),
        )
        .unwrap_err();
        assert!(
            error.to_string().contains("broken") && error.to_string().contains('7'),
            "{error}"
        );
    }

    #[test]
    fn missing_tools_say_what_to_do() {
        let error = MissingTool {
            tool: "verilator".into(),
            found: "not in PATH".into(),
            needed: "5.006 or newer".into(),
            fix: "run `make tools`".into(),
        };
        assert_eq!(
            error.to_string(),
            "verilator: not in PATH, 5.006 or newer is needed; run `make tools`"
        );
    }
}
