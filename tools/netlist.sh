#!/usr/bin/env bash
# Post-synthesis check: the gate netlist that Yosys makes of a preset's Verilog, co-simulated against the golden model.
#   tools/netlist.sh [PRESET [JOBS [SEED]]]     default: tiny 100 1
# Multipliers and memories become gates and flip-flops, so presets beyond `tiny` take long. Exit codes as of `mercury cosim`.
set -euo pipefail
cd "$(dirname "$0")/.."
preset=${1:-tiny} jobs=${2:-100} seed=${3:-1}
yosys=${YOSYS:-.tools/bin/yosys}
command -v "$yosys" >/dev/null || { echo "$yosys is missing: run \`make tools\`" >&2; exit 3; }
cargo build --release --quiet --bins
target/release/gen-verilog --quiet --preset "$preset" --out target/netlist/rtl
rtl=target/netlist/rtl/$preset out=target/netlist/$preset
top=$(sed -n 's/^ *"top": "\(.*\)",*$/\1/p' "$rtl/manifest.json")
mkdir -p "$out"
echo "synthesis of $top to gates"
sed "s|^|$rtl/|" "$rtl/$preset.f" | xargs cat >"$out/rtl.v"
# `-l` because Yosys as WebAssembly loses its standard output after `abc`.
yosys=$(realpath "$(command -v "$yosys")")
(cd "$out" && "$yosys" -q -l yosys.log -p "read_verilog rtl.v; synth -flatten -top $top; clean; stat; write_verilog -noattr $top.v")
# The same manifest with the netlist as its only file.
python3 - "$rtl/manifest.json" "$out/manifest.json" "$top.v" <<'PYTHON'
import json, sys
manifest = json.load(open(sys.argv[1]))
manifest |= {"files": [sys.argv[3]], "modules": 1}
json.dump(manifest, open(sys.argv[2], "w"), indent=2)
PYTHON
grep -E "^ +[0-9]+ cells|Number of cells" "$out/yosys.log" | tail -1
target/release/mercury cosim --preset "$preset" --rtl "$out" --jobs "$jobs" --seed "$seed"
