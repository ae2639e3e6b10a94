#!/usr/bin/env bash
# Generates every preset and has three independent tools read it: Verilator with all warnings as errors, Yosys, Icarus.
# Ends with `N passed, N failed`. Arguments choose presets; without arguments all of them. Icarus is skipped, and that is said, when it is not in PATH.
set -uo pipefail
cd "$(dirname "$0")/.."
out=target/lint
verilator=${VERILATOR:-.tools/bin/verilator}
yosys=${YOSYS:-.tools/bin/yosys}
for tool in "$verilator" "$yosys"; do
  command -v "$tool" >/dev/null || { echo "$tool is missing: run \`make tools\`" >&2; exit 3; }
done
command -v iverilog >/dev/null || echo "iverilog is not in PATH: that check is skipped (\`apt-get install iverilog\` brings it)"

passed=0 failed=0
# lint NAME COMMAND...: one line when all is well, the tool's output when not.
lint() {
  local name=$1 log=$out/log started=$SECONDS
  shift
  if "$@" >"$log" 2>&1; then
    printf '%-28s ok, %d s\n' "$name" "$((SECONDS - started))"
    passed=$((passed + 1))
  else
    printf '%-28s FAILED\n' "$name"
    head -40 "$log"
    failed=$((failed + 1))
  fi
}

mkdir -p "$out"
cargo build --release --quiet --bin gen-verilog || exit 1
[ $# -gt 0 ] || set -- $(target/release/gen-verilog --list --quiet)
for preset in "$@"; do
  lint "$preset generate" target/release/gen-verilog --preset "$preset" --out "$out"
  top=$(sed -n 's/^ *"top": "\(.*\)",*$/\1/p' "$out/$preset/manifest.json")
  mapfile -t files < <(sed "s|^|$out/$preset/|" "$out/$preset/$preset.f")
  lint "$preset verilator" "$verilator" --lint-only -Wall --top-module "$top" "${files[@]}"
  lint "$preset yosys" "$yosys" -q -p "read_verilog ${files[*]}; hierarchy -check -top $top; proc; check -assert"
  command -v iverilog >/dev/null && lint "$preset icarus" iverilog -g2005 -Wall -t null -s "$top" "${files[@]}"
done
printf '\n%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
