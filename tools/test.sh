#!/usr/bin/env bash
# Every check of the project, one after the other, none skipped because of another's failure.
# Ends with `N passed, N failed`, counting each Rust test and each other check once; exit code 1 if any failed.
# Arguments choose checks by name: tools/test.sh fmt clippy test doc cosim. Without arguments all.
set -uo pipefail
cd "$(dirname "$0")/.."
export CARGO_TERM_COLOR=never
logs=target/checks
mkdir -p "$logs"
passed=0 failed=0

# check NAME COMMAND...: runs it with its output shown and kept; counts cargo's test results where there are any.
check() {
  local name=$1 log=$logs/$1.log ok=0 bad=0 started=$SECONDS status
  shift
  printf '\n== %s: %s\n' "$name" "$*"
  "$@" 2>&1 | tee "$log"
  status=${PIPESTATUS[0]}
  read -r ok bad < <(awk '/^test result:/ { ok += $4; bad += $6 } END { print ok + 0, bad + 0 }' "$log")
  if [ "$((ok + bad))" -eq 0 ] && [ "$status" -eq 0 ]; then ok=1; fi
  if [ "$bad" -eq 0 ] && [ "$status" -ne 0 ]; then bad=1; fi
  passed=$((passed + ok)) failed=$((failed + bad))
  printf '== %s: %d passed, %d failed in %d s\n' "$name" "$ok" "$bad" "$((SECONDS - started))"
}

cosim_smoke() {
  local mercury=target/release/mercury
  cargo build --release --quiet --bins && target/release/gen-verilog --quiet --preset tiny &&
    $mercury cosim --preset tiny --jobs 100 --seed 1 && $mercury cosim --preset tiny --jobs 50 --seed 2 --p-stall 0.3
}

[ $# -gt 0 ] || set -- fmt clippy test doc cosim
for name in "$@"; do
  case $name in
    fmt) check fmt cargo fmt --check ;;
    clippy) check clippy cargo clippy --release --all-targets -- -D warnings ;;
    test) check test cargo test --release --no-fail-fast ;;
    doc) RUSTDOCFLAGS="-D warnings" check doc cargo doc --release --no-deps ;;
    cosim) check cosim cosim_smoke ;;
    *) echo "unknown check $name: choose among fmt clippy test doc cosim" >&2; exit 2 ;;
  esac
done
printf '\n%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
