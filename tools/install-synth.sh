#!/usr/bin/env bash
# Adds the pinned place-and-route tools of synth-requirements.txt to .tools/: `make synth-tools` runs it once, after `make tools`.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=.tools
[ -x "$tools/py/bin/python" ] || { echo "$tools/ is missing: run \`make tools\` first" >&2; exit 3; }

echo "installing nextpnr-ecp5 into $tools/ (about 170 MB from PyPI, once)"
"$tools/py/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
  --only-binary :all: --require-hashes -r tools/synth-requirements.txt

# wrapper NAME: a command that runs one program of the package.
wrapper() {
  cat >"$tools/bin/$1" <<WRAPPER
#!/bin/sh
# WebAssembly; the first run compiles it, which takes some seconds.
tools=\$(cd "\$(dirname "\$0")/.." && pwd)
export YOWASP_CACHE_DIR="\${YOWASP_CACHE_DIR:-\$tools/wasm-cache}"
exec "\$tools/py/bin/yowasp-$1" "\$@"
WRAPPER
  chmod +x "$tools/bin/$1"
}
wrapper nextpnr-ecp5
wrapper ecppack
"$tools/bin/nextpnr-ecp5" --version 2>&1 | grep -q 'nextpnr-0\.11\.1' || {
  echo "the installed nextpnr-ecp5 does not run: see $tools/bin/nextpnr-ecp5 --version" >&2
  exit 3
}
echo "installed nextpnr-ecp5 0.11.1 and ecppack"
