#!/usr/bin/env python3
"""Cycles of the generated Verilog against the mix of its vectors, against K and against L.

Runs 1x1 convolutions whose input vectors are made to order (zero, one of a few that repeat, or all different) through
the RTL (`mercury job --engine verilated --check`: results, decisions, counts and cycles are also compared with the
golden model and the cycle model), takes what became of every vector from the hardware's records, and compares the
measured cycles with the floor that the contract gives for them (docs/reuse.md): per set, detection one group ahead of
compute, MAU and MNU K cycles, HIT one, ZERO none. Prints Markdown tables. Needs NumPy and `make tools`.

Usage: tools/cycles.py
"""
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

CARGO = ["cargo", "run", "--release", "--quiet", "--bin"]
SETS, PES = 2, 4  # of the preset `small`
GROUPS, SIDE, FILTERS, ALIKE = 4, 16, 16, 4
CYCLES_TO_LIST = 8  # from the last step of a detection to the first item that the set may issue


def vectors(rng, k, zero, hit):
    """Input [1, GROUPS*k, SIDE, SIDE] whose vectors are zero, one of ALIKE repeated ones, or all different."""
    count = SIDE * SIDE
    x = np.zeros((GROUPS, k, count), "i2")
    for group in x:
        kind = rng.permutation(np.arange(count) / count)
        unique = rng.integers(1, 32768, (k, count)) * rng.choice([-1, 1], (k, count))
        alike = rng.integers(1, 32768, (k, ALIKE)) * rng.choice([-1, 1], (k, ALIKE))
        group[:] = np.where(kind < zero, 0, np.where(kind < zero + hit, alike[:, rng.integers(ALIKE, size=count)], unique))
    return x.reshape(1, GROUPS * k, SIDE, SIDE)


def floor(state, k, l, visits):
    """Cycles that the contract cannot go below. `state` is [tile, group, position], -1 beyond a shorter tile; the sets share
    the tiles, and each tile is detected in so many visits, which share its passes."""
    passes, listed, now = FILTERS // PES // visits, 0, 0
    for tile in [tile for tile in state for _ in range(visits)]:
        work = [max(1, k * int((group >= 2).sum()) + int((group == 1).sum())) for group in tile]
        for cycles in work:
            listed += int((tile[0] >= 0).sum()) * -(-k // l)
            now = max(now, listed) + cycles
        now += (passes - 1) * sum(work)
    beats = SIDE * SIDE * FILTERS // PES  # one of PES results for each position and pass
    return max(now // SETS + CYCLES_TO_LIST, beats)


def measure(folder, config, k, l, zero, hit, mode):
    rng = np.random.default_rng(1)
    source, result = folder / "in.npz", folder / "out.npz"
    np.savez(source, x=vectors(rng, k, zero, hit), w=rng.integers(-99, 100, (FILTERS, GROUPS * k, 1, 1)).astype("i2"))
    signature = {"off": [], "zero": []}.get(mode, ["--projections", "12", "--bits", "4", "--step-log2", "10"])
    subprocess.run(
        [*CARGO, "mercury", "--", "job", "--pass", "forward", "--in", source, "--out", result, "--shift", "8", "--engine", "verilated",
         "--check", *config, "--reuse", mode, "--k-target", str(k), *signature],
        check=True, stdout=subprocess.DEVNULL)
    return np.load(result)


def line(folder, config, k, l, zero, hit):
    dense = int(measure(folder, config, k, l, zero, hit, "off")["cycles"])
    out = measure(folder, config, k, l, zero, hit, "step")
    state = out["state"]
    share = [float((state[state >= 0] == s).mean()) for s in range(4)]
    cycles = int(out["cycles"])
    detected = sum(int(out[name]) for name in ("zero", "hit", "mau", "mnu"))
    visits = detected // (SIDE * SIDE * GROUPS)
    least = floor(state, k, l, visits)
    exposed = int(out["stall_detect"]) / SETS / cycles
    print(f"| {k} | {l} | {visits} | {100 * share[0]:.0f} | {100 * share[1]:.0f} | {100 * (share[2] + share[3]):.0f} | {dense:,} | {cycles:,} "
          f"| {dense / cycles:.2f} | {least:,} | {(cycles - least) / least:+.1%} | {100 * exposed:.1f} % |", flush=True)


def head(title):
    print(f"\n{title}\n\n| K | L | detected | ZERO % | HIT % | MAU, MNU % | cycles, dense | cycles | speed | floor | over it | waiting for detection |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")


def main():
    if sys.argv[1:]:
        print(__doc__)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        configs = {}
        for l in (1, 3, 9):
            own = Path("configs/small.toml").read_text().replace('name = "small"', f'name = "small_l{l}"').replace("\nl = 3", f"\nl = {l}")
            file = folder / f"small_l{l}.toml"
            file.write_text(own)
            subprocess.run([*CARGO, "gen-verilog", "--", "--quiet", "--config", file, "--out", folder], check=True)
            configs[l] = ["--config", file, "--rtl", folder / f"small_l{l}"]
        head("Against the mix")
        for zero, hit in [(0, 0), (0, 0.5), (0, 0.9), (0.5, 0), (0.5, 0.4), (0.9, 0), (1, 0), (0, 1)]:
            line(folder, configs[3], 9, 3, zero, hit)
        head("Against K")
        for k in (1, 3, 9, 16):
            line(folder, configs[3], k, 3, 0.4, 0.3)
        head("Against L")
        for l in (1, 3, 9):
            line(folder, configs[l], 9, l, 0.5, 0.4)


if __name__ == "__main__":
    main()
