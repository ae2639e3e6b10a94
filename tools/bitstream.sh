#!/usr/bin/env bash
# Bitstream of a preset with its host link for a ULX3S board (LFE5U-85F, speed grade 6): package, synthesis, place and route.
#   tools/bitstream.sh [PRESET [SEED]]     default: tiny 1
# The result is packages/PRESET/board/ulx3s.bit; fails if 25 MHz, the board's clock, is not reached. Tools stand in .tools/bin
# (`make synth-tools`), or are named by YOSYS, NEXTPNR_ECP5 and ECPPACK. Exit codes: 0 good, 1 a stage failed, 3 missing tool.
set -euo pipefail
cd "$(dirname "$0")/.."
preset=${1:-tiny} seed=${2:-1}
tool() {
  command -v "$1" >/dev/null || { echo "$1 is missing: run \`make synth-tools\`" >&2; exit 3; }
  realpath "$(command -v "$1")"
}
yosys=$(tool "${YOSYS:-.tools/bin/yosys}")
nextpnr=$(tool "${NEXTPNR_ECP5:-.tools/bin/nextpnr-ecp5}")
ecppack=$(tool "${ECPPACK:-.tools/bin/ecppack}")
cargo run --release --quiet --bin gen-verilog -- --quiet --preset "$preset" --package
cd "packages/$preset"
cat $(cat "$preset.f") $(sed 's|^|board/|' board/ulx3s.f) >board/design.v

# WebAssembly tools see their own folder only, and lose their standard output after `abc`: logs go to files.
cd board
cp ../flow/keep.ys .
# stage NAME COMMAND...: runs it and says how long it took; on failure the end of its messages.
stage() {
  local name=$1 started=$SECONDS
  shift
  echo "$name ..." >&2
  "$@" >"$name.out" 2>&1 || { tail -20 "$name.out" >&2; [ ! -f "$name.log" ] || tail -20 "$name.log" >&2; echo "$name FAILED: board/$name.log" >&2; exit 1; }
  echo "$name: $((SECONDS - started)) s" >&2
}
stage synthesis "$yosys" -q -l synthesis.log -p "read_verilog design.v; script keep.ys; synth_ecp5 -top ulx3s -json ulx3s.json"
stage registers python3 ../flow/outreg.py ulx3s.json
stage route "$nextpnr" --85k --package CABGA381 --speed 6 --json ulx3s.json --lpf ulx3s.lpf --placer static --router router1 --freq 25 \
  --seed "$seed" --report report.json --textcfg ulx3s.config -q --log route.log
stage bitstream "$ecppack" --compress ulx3s.config ulx3s.bit
python3 - <<'PYTHON'
import json
report = json.load(open("report.json"))
clock = max(report["fmax"].values(), key=lambda c: c["achieved"])
used = {k: v["used"] for k, v in report["utilization"].items() if v["used"]}
print(f"{clock['achieved']:.1f} MHz of {clock['constraint']:.0f} needed;", ", ".join(f"{n} {k}" for k, n in used.items()))
PYTHON
echo "written: packages/$preset/board/ulx3s.bit; load it with \`openFPGALoader --board ulx3s packages/$preset/board/ulx3s.bit\`"
