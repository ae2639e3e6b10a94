#!/usr/bin/env python3
"""Runs every layer shape of `mercury plan --all` through the generated Verilog, on random operands.

Results, counts and cycles are compared with the golden model and the cycle model (`mercury job --check`), and the cycles
with those that `mercury plan` printed. Needs NumPy, `make tools`, and `gen-verilog --preset PRESET`.

Usage: tools/shapes.py [PRESET]        default: paper
"""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

MERCURY = ["cargo", "run", "--release", "--quiet", "--bin", "mercury", "--"]
SHIFT = 20  # any legal shift: `mercury plan` counts cycles of shifted results


def run(*arguments):
    return subprocess.run([*MERCURY, *arguments], check=True, capture_output=True, text=True).stdout


def out_size(size, kernel, stride, dilation, before, after):
    return (size + before + after - dilation * (kernel - 1) - 1) // stride + 1


def operands(layer, rng):
    g, p = layer["geometry"], layer["geometry"]["padding"]
    rows = out_size(g["height"], g["kernel"][0], g["stride"][0], g["dilation"][0], p["top"], p["bottom"])
    cols = out_size(g["width"], g["kernel"][1], g["stride"][1], g["dilation"][1], p["left"], p["right"])
    draw = lambda *shape: rng.integers(-32767, 32768, shape).astype("i2")
    w = draw(g["filters"], g["in_channels"] // g["groups"], *g["kernel"])
    if layer["pass"] == "forward":
        return {"x": draw(g["batch"], g["in_channels"], g["height"], g["width"]), "w": w}
    return {"dy": draw(g["batch"], g["filters"], rows, cols), "w": w}


def main():
    if sys.argv[1:] and sys.argv[1].startswith("-"):
        print(__doc__)
        return
    preset = sys.argv[1] if len(sys.argv) > 1 else "paper"
    rng = np.random.default_rng(1)
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        source, result = Path(folder, "in.npz"), Path(folder, "out.npz")
        for layer in json.loads(run("plan", "--preset", preset, "--all", "--json")):
            g, p = layer["geometry"], layer["geometry"]["padding"]
            np.savez(source, **operands(layer, rng))
            arguments = ["--pass", layer["pass"], "--groups", str(g["groups"]), "--shift", str(SHIFT)]
            arguments += ["--stride", ",".join(map(str, g["stride"])), "--dilation", ",".join(map(str, g["dilation"]))]
            arguments += ["--padding", ",".join(str(p[side]) for side in ("top", "bottom", "left", "right"))]
            if layer["pass"] != "forward":
                arguments += ["--input-size", f"{g['height']},{g['width']}"]
            run("job", "--preset", preset, "--engine", "verilated", "--check",
                "--in", str(source), "--out", str(result), *arguments)
            cycles = int(np.load(result)["cycles"])
            same = cycles == layer["cycles"]
            wrong += not same
            print(f"{layer['layer']:<14}{layer['pass']:<12}{cycles:>12,} cycles, as planned: {same}", flush=True)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
